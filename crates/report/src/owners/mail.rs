//! A mail to an owner, as text: what is asked, by when, and what comes with it.

use std::fmt::Write;

use scangap_model::{count, sanitize};

use super::owner::Owner;
use super::to_do::ToDo;
use crate::context::ReportContext;

/// Tasks that the mail names.
const NAMED: usize = 5;

pub(super) fn text(material: &ReportContext<'_>, owner: &Owner, to_do: &ToDo, not_read: &[String]) -> String {
    let input = &material.input;
    let (name, simulated) = (sanitize(&owner.label), if input.simulated { "SIMULATED: " } else { "" });
    let number = to_do.to_act_on();
    let due = to_do.due().map(|due| format!(", the first due on {due}")).unwrap_or_default();
    let is_unknown = owner.rows == 0 && !not_read.is_empty();
    let mut text = String::new();
    let subject = match number {
        0 if is_unknown => format!("{name} in Amazon ECR could not be read"),
        0 if not_read.is_empty() => format!("no action for {name} in Amazon ECR"),
        0 => format!("not everything of {name} in Amazon ECR could be read"),
        _ => format!("{} of {name} in Amazon ECR need action{due}", count(number, "repository")),
    };
    let _ = writeln!(text, "Subject: {simulated}Amazon Inspector: {subject}\n");
    let as_of = crate::value::utc(input.as_of);
    if is_unknown {
        let _ =
            writeln!(text, "Hello,\n\nas of {as_of:.10}, nothing of {name} could be read: what is there is not known.");
    } else {
        let _ = writeln!(
            text,
            "Hello,\n\nas of {as_of:.10}, {number} of {} of {name} need action so that Amazon Inspector can scan their images.",
            count(owner.rows, "repository")
        );
    }
    for (at, task) in to_do.of_action_list().take(NAMED).enumerate() {
        let due = task.due().map(|due| format!(", the first due on {due}")).unwrap_or_default();
        let repositories = count(task.repositories.len(), "repository");
        let _ = writeln!(text, "\n{}. {repositories}{due}: {}.", at + 1, task.sentence);
        for step in &task.steps {
            let _ = match task.steps.as_slice() {
                [_] => writeln!(text, "   To do: {}.", step.text),
                _ => writeln!(text, "   {}: {}.", step.of_what(), step.text),
            };
        }
    }
    if let rest @ 1.. = to_do.of_action_list().count().saturating_sub(NAMED) {
        let _ = writeln!(text, "\nAnd {}, on the page.", count(rest, "other group"));
    }
    if !not_read.is_empty() {
        let _ = writeln!(text, "\nNot everything could be read, and more may be hidden by it; the page names it.");
    }
    if !to_do.accepted.is_empty() {
        let _ =
            writeln!(text, "\n{} accepted until a day; the page names them.", count(to_do.accepted.len(), "finding"));
    }
    let slug = &owner.slug;
    let _ = writeln!(text, "\nWith this mail:\n- {slug}.html: what is wrong, and the exact change");
    let _ = writeln!(
        text,
        "- {slug}.xlsx: every repository, and the action list with columns to answer in (Owner, Decision, Ticket, Due, Expires, Justification)"
    );
    if to_do.tasks.iter().any(|task| super::repair_files::plain_command(task).is_some()) {
        let _ = writeln!(
            text,
            "- the folder repairs/{slug}: for each cause the changed policies, and commands of the aws CLI that set them"
        );
    }
    if number > 0 {
        let _ =
            writeln!(text, "\nPlease do what is named, or write into the workbook what you decide, and send it back.");
    }
    text
}
