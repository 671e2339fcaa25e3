//! What needs action, as a table that is there without the script too.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use scangap_model::{Diagnosis, count, sanitize, thousands};

use super::place::Place;
use super::policies;
use super::tone::tone;
use crate::actions::{self, ActionRow};
use crate::columns::ACTIONS;
use crate::context::ReportContext;
use crate::links::repository_url;
use crate::policies::PolicyKey;

/// Rows that the page shows without the script; the rest are in the CSV, and the page says so.
pub(super) const ACTIONS_MAX: usize = 5_000;

pub(super) struct ActionView {
    pub(super) tone: &'static str,
    pub(super) diagnosis: &'static str,
    pub(super) since: String,
    pub(super) account: String,
    pub(super) name: String,
    pub(super) region: String,
    pub(super) repository: String,
    /// In AWS's console.
    pub(super) console: Option<String>,
    pub(super) why: String,
    pub(super) cause_id: String,
    pub(super) next_step: String,
    pub(super) anchor: Option<String>,
    /// What people decided, in the order of the columns.
    pub(super) decided: Vec<String>,
    pub(super) attention: String,
}

/// The worst rows, and the repositories among them that carry each policy.
pub(super) struct Actions {
    pub(super) rows: Vec<ActionView>,
    pub(super) places: BTreeMap<PolicyKey, Vec<Place>>,
    pub(super) note: String,
}

pub(super) fn actions(material: &ReportContext<'_>, policies_shown: &[usize]) -> io::Result<Actions> {
    let shown: BTreeSet<&PolicyKey> =
        policies_shown.iter().filter_map(|&at| material.policies.get(at)).map(|group| &group.key).collect();
    let mut places: BTreeMap<PolicyKey, Vec<Place>> = BTreeMap::new();
    let mut rows = Vec::new();
    actions::visit(material, ACTIONS_MAX, &mut |action| {
        let keys = [PolicyKey::own(&action.row), PolicyKey::registry(&action.row)];
        let keys: Vec<PolicyKey> = keys.into_iter().flatten().filter(|key| shown.contains(key)).collect();
        rows.push(view(material, action, keys.first()));
        for key in keys {
            places.entry(key).or_default().push(Place::of(&action.row.repository));
        }
        Ok(())
    })?;
    Ok(Actions { rows, places, note: note(material) })
}

fn view(material: &ReportContext<'_>, action: &ActionRow<'_>, policy: Option<&PolicyKey>) -> ActionView {
    let row = &action.row;
    let info = row.assessment.diagnosis.info();
    let statements = row.assessment.policy.responsible_statements.iter().map(|statement| sanitize(statement));
    let keys = row.assessment.policy.depends_on.iter().map(|key| format!("depends on {}", sanitize(key)));
    let why: Vec<String> = statements.chain(keys).collect();
    let text = |name: &str| {
        let column = ACTIONS.iter().find(|column| column.name == name);
        column.map_or_else(String::new, |column| sanitize(&(column.value)(action).render()))
    };
    let noted = ["owner", "decision", "ticket", "due", "expires"].map(text).to_vec();
    ActionView {
        tone: tone(info.tone),
        diagnosis: info.title,
        since: text("since"),
        account: row.repository.account.to_string(),
        name: row.account.and_then(|account| account.name.known()).map_or_else(String::new, |name| sanitize(name)),
        region: row.repository.region.to_string(),
        repository: sanitize(row.repository.name.as_str()),
        console: repository_url(&material.input, &row.repository),
        why: if why.is_empty() { action.cause().to_owned() } else { why.join("; ") },
        cause_id: action.cause_id().to_owned(),
        next_step: action.repair().into_owned(),
        anchor: policy.map(policies::anchor),
        decided: noted,
        attention: text("attention"),
    }
}

fn note(material: &ReportContext<'_>) -> String {
    let counts = material.input.assessment.counts();
    let unreadable = counts.get(&Diagnosis::Unreadable).copied().unwrap_or(0);
    let listed = actions::count(&material.input);
    let needs = match listed - unreadable {
        0 => "No repository that was read needs action.".to_owned(),
        1 => "One repository needs action.".to_owned(),
        number => format!("{} need action.", count(number, "repository")),
    };
    let not_known = match unreadable {
        0 => String::new(),
        number => format!(
            " {} could not be read, and {} in the list too.",
            count(number, "repository"),
            if number == 1 { "is" } else { "are" }
        ),
    };
    let more = match listed {
        listed if listed > ACTIONS_MAX => {
            format!(" The worst {} are shown; all of them are in actions.csv.", thousands(ACTIONS_MAX))
        }
        _ => String::new(),
    };
    format!("{needs}{not_known}{more}")
}
