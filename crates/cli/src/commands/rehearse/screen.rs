//! What a rehearsal came to, on the screen.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use scangap_model::{Tone, sanitize};
use scangap_plan::shell_word;
use scangap_rehearse::{Rehearsal, RehearsedRepository};

use crate::terminal;

/// How many repositories of one kind the screen shows.
const SHOWN: usize = 20;

/// `went_through`: whether every step came to its end.
pub(super) fn text(rehearsal: &Rehearsal, went_through: bool, plan: &Path, out: &Path) -> String {
    let Rehearsal { lost, predicted, .. } = rehearsal;
    let mut text = terminal::paint("SIMULATED: nothing of this happened at AWS.", Tone::Warning);
    text.push('\n');
    let Rehearsal { lets_inspector_in, at_the_next_push, .. } = rehearsal;
    let push = match at_the_next_push.len() {
        0 => String::new(),
        all if all == lets_inspector_in.len() => ", at the next push".to_owned(),
        part => format!(", {part} of them at the next push"),
    };
    list(&mut text, "lets Inspector in", &push, Tone::Good, lets_inspector_in.iter());
    list(&mut text, "becomes covered", "", Tone::Good, rehearsal.becomes_covered.iter());
    list(&mut text, "becomes worse", "", Tone::Bad, rehearsal.becomes_worse.iter());
    // What waits for a push is listed above.
    let waiting: BTreeSet<_> = at_the_next_push.iter().map(RehearsedRepository::key).collect();
    let not_waiting = |row: &&RehearsedRepository| !waiting.contains(&row.key());
    let changes = rehearsal.changes_otherwise.iter().filter(not_waiting);
    list(&mut text, "changes otherwise", "", Tone::Neutral, changes);
    let broken: Vec<_> = rehearsal.stays_broken.iter().filter(not_waiting).collect();
    let until = match at_the_next_push.len() {
        0 => String::new(),
        waiting => format!(", and {waiting} until the next push"),
    };
    list(&mut text, "still without coverage after the plan", &until, Tone::Warning, broken.into_iter());
    let planned = predicted.findings.map_or_else(|| "not counted".to_owned(), |number| number.to_string());
    let line = format!(
        "lost: {} findings (the plan says {planned}), the scans of {} images, {} of which are not scanned again (the plan says {})",
        lost.findings, lost.images, lost.images_not_rescanned, predicted.images_not_rescanned
    );
    let _ = writeln!(text, "{}", if lost.findings > 0 { terminal::paint(&line, Tone::Bad) } else { line });
    for line in rehearsal.assumed {
        let _ = writeln!(text, "assumed: {line}");
    }
    if let other @ 1.. = rehearsal.other_than_in_the_snapshot {
        let _ = writeln!(
            text,
            "{other} repositories are otherwise in the copy than in the snapshot: what is said of them here may not hold."
        );
    }
    let _ = writeln!(text, "Rehearsed {}: before/  after/  changes.html  applied.md  journal.jsonl", out.display());
    if rehearsal.exceeds_plan() || !went_through {
        return text;
    }
    let plan = sanitize(&shell_word(&plan.to_string_lossy()));
    let _ = writeln!(text, "Next     scangap apply {plan} --write-role-name ROLE --dry-run");
    text
}

fn list<'a>(
    text: &mut String,
    title: &str,
    remark: &str,
    tone: Tone,
    rows: impl Iterator<Item = &'a RehearsedRepository>,
) {
    let rows: Vec<&RehearsedRepository> = rows.collect();
    let _ = writeln!(text, "{}", terminal::paint(&format!("{title}: {}{remark}", rows.len()), tone));
    for row in rows.iter().take(SHOWN) {
        let _ = writeln!(text, "  {}", row.in_words());
    }
    if rows.len() > SHOWN {
        let _ = writeln!(text, "  and {} more", rows.len() - SHOWN);
    }
}
