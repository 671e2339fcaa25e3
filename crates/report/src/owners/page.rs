//! The page of an owner, for a browser and for paper: what needs something, by cause, with the exact change.

use std::io::{self, Write};

use askama::Template;
use scangap_model::{DIAGNOSES, Diagnosis, count, sanitize, thousands};
use scangap_policy::{Unstorable, deleted_principals};

use super::condition;
use super::owner::Owner;
use super::repair_files;
use super::to_do::{AcceptedRepository, Change, Task, ToDo};
use crate::context::ReportContext;
use crate::difference::{self, Line};
use crate::html::{STYLE, Text, hash, tone};
use crate::value::utc;

/// Repositories of a cause that the page names; all of them are in the workbook.
const NAMED: usize = 200;
#[derive(Template)]
#[template(path = "owner.html")]
struct OwnerPage<'a> {
    style: &'static str,
    style_hash: String,
    simulated: bool,
    interrupted: bool,
    owner: String,
    slug: &'a str,
    heading: String,
    as_of: String,
    due: Option<String>,
    not_read: &'a [String],
    figures: Vec<Figure>,
    nothing: Option<&'static str>,
    tasks: Vec<TaskView<'a>>,
    accepted: &'a [AcceptedRepository],
    more_accepted: usize,
    facts_sha256: &'a str,
}

struct Figure {
    tone: &'static str,
    count: String,
    title: &'static str,
    meaning: &'static str,
}

struct TaskView<'a> {
    task: &'a Task,
    tone: &'static str,
    where_met: String,
    due: Option<String>,
    changes: Vec<ChangeView>,
    more_changes: usize,
    refusals: Vec<String>,
    command: Option<String>,
    hcl: String,
    json: String,
    cdk: String,
    rows: Vec<RowView<'a>>,
    more_rows: usize,
}

struct ChangeView {
    heading: String,
    file: String,
    lines: Vec<Line>,
}

struct RowView<'a> {
    tone: &'static str,
    title: &'static str,
    account: String,
    region: &'a str,
    repository: String,
    console: Option<&'a str>,
    why: String,
    due: String,
}

pub(super) fn write(
    material: &ReportContext<'_>,
    owner: &Owner,
    to_do: &ToDo,
    not_read: &[String],
    out: &mut dyn Write,
) -> io::Result<()> {
    let input = &material.input;
    let number = to_do.to_act_on();
    let changing = to_do.counts.get(&Diagnosis::Changing).copied().unwrap_or(0);
    let nothing = if !to_do.tasks.is_empty() {
        None
    } else if !not_read.is_empty() {
        Some("No problems found in what was read.")
    } else if changing > 0 {
        Some("Nothing now: Inspector is being turned on or off, and the next audit says more.")
    } else if !to_do.accepted.is_empty() {
        Some("Nothing: what needs something is accepted until a day.")
    } else {
        Some("Nothing: every repository of yours is covered, or has nothing to scan.")
    };
    let page = OwnerPage {
        style: STYLE,
        style_hash: hash(STYLE),
        simulated: input.simulated,
        interrupted: input.interrupted,
        owner: sanitize(&owner.label),
        slug: &owner.slug,
        heading: if owner.rows == 0 && !not_read.is_empty() {
            "Not read: what is here is not known".to_owned()
        } else {
            format!("{} of {} need action", thousands(number), count(owner.rows, "repository"))
        },
        as_of: utc(input.as_of),
        due: to_do.due().map(|due| due.to_string()),
        not_read,
        figures: DIAGNOSES
            .iter()
            .filter_map(|info| {
                let number = to_do.counts.get(&info.diagnosis)?;
                Some(Figure {
                    tone: tone(info.tone),
                    count: thousands(*number),
                    title: info.title,
                    meaning: info.meaning,
                })
            })
            .collect(),
        nothing,
        tasks: to_do.tasks.iter().map(view).collect(),
        accepted: to_do.accepted.get(..NAMED).unwrap_or(&to_do.accepted),
        more_accepted: to_do.accepted.len().saturating_sub(NAMED),
        facts_sha256: input.facts_sha256,
    };
    page.render_into(&mut Text(out)).map_err(io::Error::other)
}

fn view(task: &Task) -> TaskView<'_> {
    let worst = task.diagnoses.keys().next().copied().unwrap_or(Diagnosis::Covered);
    let repaired: Vec<(usize, &Change)> =
        task.changes.iter().enumerate().filter(|(_, change)| change.after.is_ok()).collect();
    // One of the repositories' own, and one of a registry: the others change in the same way.
    let first = |of_registry: bool| {
        repaired.iter().find(move |(_, change)| change.key.registry.is_some() == of_registry).copied()
    };
    let shown: Vec<(usize, &Change)> = [first(true), first(false)].into_iter().flatten().collect();
    let refused = |change: &Change| {
        let why = change.after.as_ref().err()?;
        Some(format!(
            "No repair by an exemption in {}, {}: {why}",
            change.account_label(),
            count(change.repositories, "repository")
        ))
    };
    let statements = task.statements();
    // Principals that were deleted: ECR takes no text that names them.
    let not_stored = |change: &Change| {
        let after = change.after.as_deref().unwrap_or_default();
        let account = change.account_label();
        let sentence = |one: Unstorable| {
            format!("ECR will refuse the text of {account}: it names {}, {}", sanitize(&one.what), one.why)
        };
        deleted_principals(after, None).into_iter().map(sentence).collect::<Vec<_>>()
    };
    TaskView {
        task,
        tone: tone(worst.info().tone),
        where_met: format!("{}: {}", count(task.repositories.len(), "repository"), task.diagnoses_in_words()),
        due: task.due().map(|due| due.to_string()),
        changes: shown.iter().map(|(at, change)| change_view(task, *at, change)).collect(),
        more_changes: repaired.len() - shown.len(),
        refusals: task
            .changes
            .iter()
            .filter_map(refused)
            .take(NAMED)
            .chain(task.changes.iter().flat_map(not_stored))
            .collect(),
        command: repair_files::plain_command(task),
        hcl: condition::as_hcl(&statements),
        json: condition::as_json(&statements),
        cdk: condition::as_cdk(&statements),
        rows: task
            .repositories
            .iter()
            .take(NAMED)
            .map(|one| {
                let mut why = one.statements.clone();
                why.extend(one.depends_on.iter().map(|key| format!("depends on {key}")));
                RowView {
                    tone: tone(one.diagnosis.info().tone),
                    title: one.diagnosis.info().title,
                    account: one.account_label(),
                    region: one.region.as_str(),
                    repository: sanitize(&one.name),
                    console: one.console.as_deref(),
                    why: why.join("; "),
                    due: one.due.map(|due| due.to_string()).unwrap_or_default(),
                }
            })
            .collect(),
        more_rows: task.repositories.len().saturating_sub(NAMED),
    }
}

fn change_view(task: &Task, at: usize, change: &Change) -> ChangeView {
    let whose = match &change.key.registry {
        Some(region) => {
            format!("the registry's policy, which is not yours alone, of {} in {region}", change.account_label())
        }
        None => format!("the policy of {} in {}", count(change.repositories, "repository"), change.account_label()),
    };
    let (before, after) = (&change.before, change.after.as_deref().unwrap_or_default());
    // A text of one line would be one line that goes and one that comes.
    let in_lines = |text: &str| if text.trim().contains('\n') { text.to_owned() } else { difference::printed(text) };
    ChangeView {
        heading: format!("The change of {whose}"),
        file: repair_files::after_file(task, at),
        lines: difference::hunks(&in_lines(before), &in_lines(after)),
    }
}
