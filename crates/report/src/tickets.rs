//! Tickets: one for each cause and owner, in the columns that a tracker imports. Its label is the same at every audit, so that an import can
//! find the ticket that is there already.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use jiff::civil::Date;
use scangap_model::{count, plain_name, sanitize, thousands};
use sha2::{Digest, Sha256};

use crate::actions::{self, ActionCause, ActionRow};
use crate::causes::and_in_templates;
use crate::context::ReportContext;
use crate::csv::safe;
use crate::value::Value;

/// Whose columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracker {
    Jira,
    ServiceNow,
    Csv,
}

impl Tracker {
    /// Summary, description, label, due date, owner; then what only some take.
    const fn columns(self) -> [&'static str; 7] {
        match self {
            Self::Jira => ["Summary", "Description", "Labels", "Due date", "Owner", "Priority", "Cause"],
            Self::ServiceNow => [
                "short_description",
                "description",
                "correlation_id",
                "due_date",
                "assignment_group",
                "priority",
                "u_cause",
            ],
            Self::Csv => ["summary", "description", "label", "due", "owner", "priority", "cause"],
        }
    }

    /// A text in which nothing is markup.
    fn verbatim(self, text: String) -> String {
        match self {
            Self::Jira => format!("{{noformat}}\n{}\n{{noformat}}", text.replace("{noformat}", "{ noformat }")),
            Self::ServiceNow | Self::Csv => text,
        }
    }

    const fn priority(self, is_high: bool) -> &'static str {
        match (self, is_high) {
            (Self::Jira | Self::Csv, true) => "High",
            (Self::Jira | Self::Csv, false) => "Medium",
            // ServiceNow counts from 1, critical.
            (Self::ServiceNow, true) => "2",
            (Self::ServiceNow, false) => "3",
        }
    }
}

/// Repositories that a ticket names; all of them are in actions.csv.
const NAMED: usize = 40;

/// What one owner has to do about one cause.
struct Ticket {
    cause: String,
    owner: String,
    /// What keeps it apart from other owners, the same at every audit.
    key: String,
    sentence: String,
    repair: String,
    /// The same for any account.
    repair_anywhere: String,
    /// Creation templates that would write it again, with their places.
    templates: BTreeSet<(String, String, String)>,
    repositories: Vec<String>,
    number: usize,
    accounts: BTreeSet<String>,
    /// The earliest that is written.
    due: Option<Date>,
    is_high: bool,
}

/// `tickets.csv`. Accepted repositories get no ticket.
pub(crate) fn write(material: &ReportContext<'_>, tracker: Tracker, out: &mut dyn Write) -> io::Result<()> {
    // The worst row decides where a ticket stands.
    let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut tickets: Vec<Ticket> = Vec::new();
    actions::visit(material, usize::MAX, &mut |action| {
        if !action.row.standing.is_accepted() {
            // Each of its causes is enough to keep it as it is.
            for cause in &action.causes {
                let key = (cause.id.clone(), owner(action).0);
                let at = *places.entry(key).or_insert_with(|| {
                    tickets.push(Ticket::of(action, cause));
                    tickets.len() - 1
                });
                if let Some(ticket) = tickets.get_mut(at) {
                    ticket.add(action, cause);
                }
            }
        }
        Ok(())
    })?;
    let mut rows = ::csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    rows.write_record(tracker.columns()).map_err(io::Error::other)?;
    for ticket in &tickets {
        let due = ticket.due.map(|due| due.to_string()).unwrap_or_default();
        let simulated = if material.input.simulated { "SIMULATED: " } else { "" };
        let fields = [
            format!("{simulated}{}: {}", count(ticket.number, "repository"), ticket.sentence),
            tracker.verbatim(ticket.description(material)),
            ticket.label(),
            due,
            ticket.owner.clone(),
            tracker.priority(ticket.is_high).to_owned(),
            ticket.cause.clone(),
        ];
        let values: Vec<Value<'_>> = fields.iter().map(|field| Value::text(field.as_str())).collect();
        rows.write_record(values.iter().map(|value| safe(value).into_owned())).map_err(io::Error::other)?;
    }
    rows.flush()
}

/// Who is written beside the row, or the account: what tells owners apart, and what they are called.
fn owner(action: &ActionRow<'_>) -> (String, String) {
    let written = action.notes.map(|notes| notes.shown("owner")).filter(|owner| !owner.trim().is_empty());
    let id = action.row.repository.account;
    if let Some(owner) = written {
        let digest = Sha256::digest(owner.as_bytes());
        let hash = digest.iter().take(4).fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
        return (format!("{}-{hash}", plain_name(&owner)), owner);
    }
    let name = action.row.account.and_then(|account| account.name.known().cloned());
    (id.to_string(), name.map_or_else(|| id.to_string(), |name| format!("{name} ({id})")))
}

impl Ticket {
    fn of(action: &ActionRow<'_>, cause: &ActionCause) -> Self {
        let (key, owner) = owner(action);
        Self {
            cause: cause.id.clone(),
            owner,
            key,
            sentence: cause.sentence.clone(),
            repair: cause.repair_of_policy.clone(),
            repair_anywhere: cause.repair_of_policy.replace(action.row.repository.account.as_str(), "{account}"),
            templates: BTreeSet::new(),
            repositories: Vec::new(),
            number: 0,
            accounts: BTreeSet::new(),
            due: None,
            is_high: action.row.assessment.diagnosis.info().tone == scangap_model::Tone::Bad,
        }
    }

    fn add(&mut self, action: &ActionRow<'_>, cause: &ActionCause) {
        let repository = &action.row.repository;
        let place = |prefix: &String| (repository.account.to_string(), repository.region.to_string(), prefix.clone());
        self.templates.extend(cause.templates.iter().map(place));
        self.number += 1;
        self.accounts.insert(repository.account.to_string());
        if self.repositories.len() < NAMED {
            self.repositories.push(format!(
                "{} {} {} ({})",
                repository.account,
                repository.region,
                repository.name,
                action.row.assessment.diagnosis.word()
            ));
        }
        let due = action.notes.and_then(|notes| notes.date("due"));
        self.due = [self.due, due].into_iter().flatten().min();
    }

    /// The same at every audit, and of characters that every tracker takes.
    fn label(&self) -> String {
        format!("scangap-{}-{}", self.cause, self.key)
    }

    fn description(&self, material: &ReportContext<'_>) -> String {
        let repair = match self.accounts.len() {
            1 => self.repair.clone(),
            _ if self.repair_anywhere == self.repair => self.repair.clone(),
            _ => format!("{}, where {{account}} is the account of each", self.repair_anywhere),
        };
        let templates: Vec<String> = self
            .templates
            .iter()
            .map(|(account, region, prefix)| sanitize(&format!("{prefix} ({account}, {region})")))
            .collect();
        let repair = repair + &and_in_templates(&templates);
        let mut lines = vec![
            format!("Cause {}: {}.", self.cause, self.sentence),
            format!("What repairs it: {repair}."),
            format!("{} in {}:", count(self.number, "repository"), count(self.accounts.len(), "account")),
        ];
        lines.extend(self.repositories.iter().map(|line| format!("- {line}")));
        if self.number > NAMED {
            lines.push(format!("- and {} more, in actions.csv", thousands(self.number - NAMED)));
        }
        lines.push(format!(
            "As of {}, facts {}.",
            crate::value::utc(material.input.as_of),
            material.input.facts_sha256
        ));
        in_lines(&lines)
    }
}

/// Foreign text in lines: what could act on the sight of others is shown instead.
fn in_lines(lines: &[String]) -> String {
    lines.iter().map(|line| scangap_model::sanitize(line)).collect::<Vec<_>>().join("\n")
}
