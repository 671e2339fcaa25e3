//! `scangap diff`: what differs between two audits of one organization.

use std::fmt::Write;

use scangap_model::{Tone, count};
use scangap_report::{CHANGE_KINDS, Change, Changes, changes_json, sanitize, write_changes};

use crate::args::{Diff, Global, Output};
use crate::assessed::AssessedSnapshot;
use crate::error::CliError;
use crate::exit::Exit;
use crate::terminal;

/// How many rows of one kind the screen shows.
const SHOWN: usize = 20;
/// How many lines of a policy's change.
const LINES: usize = 12;

pub(super) fn run(command: &Diff, global: &Global) -> Result<Exit, CliError> {
    let (old, new) = (AssessedSnapshot::open_checked(&command.old)?, AssessedSnapshot::open_checked(&command.new)?);
    let changes = new.changes_since(&old)?;
    let input = new.input_with(Some(&changes));
    if let Some(directory) = &command.out {
        fs_err::create_dir_all(directory).map_err(|source| CliError::Folder { path: directory.clone(), source })?;
        let dialect = command.csv_dialect.into();
        write_changes(&input, &changes, dialect, directory).map_err(CliError::Report)?;
    }
    if global.quiet < 2 {
        match command.output {
            Output::Json => terminal::json(&changes_json(&changes)),
            Output::Text => terminal::out(&text(&changes)),
        }
    }
    Ok(if old.is_complete() && new.is_complete() { Exit::Finished } else { Exit::Incomplete })
}

fn text(changes: &Changes) -> String {
    let mut out = String::new();
    if changes.simulated {
        out.push_str(terminal::SIMULATED);
        out.push('\n');
    }
    let _ = writeln!(out, "{}", changes.balance.in_words());
    let _ =
        writeln!(out, "By kind of change: {}; {} unchanged", changes.by_kind(), count(changes.unchanged, "repository"));
    let _ = writeln!(out, "Changes after {:.0} and by {:.0}", changes.since, changes.until);
    for (kind, _, title, meaning, tone) in CHANGE_KINDS {
        let rows: Vec<&Change> = changes.rows.iter().filter(|change| change.kind == *kind).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n{}: {meaning}", terminal::paint(&format!("{title} {}", rows.len()), *tone));
        for change in rows.iter().take(SHOWN) {
            row(&mut out, changes, change);
        }
        if rows.len() > SHOWN {
            let _ = writeln!(out, "  and {} more", rows.len() - SHOWN);
        }
    }
    if changes.rows.is_empty() {
        out.push_str("\nnothing changed\n");
    }
    out
}

fn row(out: &mut String, changes: &Changes, change: &Change) {
    let word = |diagnosis: Option<scangap_model::Diagnosis>| diagnosis.map_or("-", scangap_model::Diagnosis::word);
    let _ = writeln!(
        out,
        "  {} ({})  {}  {}  {} -> {}",
        sanitize(&change.account_name),
        change.account,
        change.region,
        sanitize(change.repository.as_str()),
        word(change.before),
        word(change.after)
    );
    for one in &change.differences {
        let short = |text: &str| -> String {
            let text = sanitize(text);
            if text.chars().count() > 60 { text.chars().take(57).chain("...".chars()).collect() } else { text }
        };
        let _ = writeln!(out, "      {}: {} -> {}", one.column, short(&one.before), short(&one.after));
    }
    let policy = changes.policy_difference(change);
    for line in policy.iter().take(LINES) {
        let tone = match line.sign {
            "+" => Tone::Good,
            "-" => Tone::Bad,
            _ => Tone::Neutral,
        };
        let _ = writeln!(out, "        {}", terminal::paint(&format!("{} {}", line.sign, line.text), tone));
    }
    if policy.len() > LINES {
        let _ = writeln!(out, "        and {} more lines (--output json has all)", policy.len() - LINES);
    }
    if !change.note.is_empty() {
        let _ = writeln!(out, "      {}", change.note);
    }
}
