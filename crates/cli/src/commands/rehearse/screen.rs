//! What a rehearsal came to, on the screen.

use std::fmt::Write;
use std::path::Path;

use scangap_model::Tone;
use scangap_rehearse::Rehearsal;

use crate::terminal;

/// How many repositories of one kind the screen shows.
const SHOWN: usize = 20;

pub(super) fn text(rehearsal: &Rehearsal, out: &Path) -> String {
    let Rehearsal { lost, predicted, .. } = rehearsal;
    let mut text = terminal::paint("SIMULATED: nothing of this happened at AWS.", Tone::Warning);
    text.push('\n');
    list(&mut text, "becomes covered", Tone::Good, &rehearsal.becomes_covered);
    list(&mut text, "becomes worse", Tone::Bad, &rehearsal.becomes_worse);
    list(&mut text, "changes otherwise", Tone::Neutral, &rehearsal.changes_otherwise);
    list(&mut text, "still without coverage after the plan", Tone::Warning, &rehearsal.stays_broken);
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
    text
}

fn list(text: &mut String, title: &str, tone: Tone, rows: &[String]) {
    let _ = writeln!(text, "{}", terminal::paint(&format!("{title}: {}", rows.len()), tone));
    for row in rows.iter().take(SHOWN) {
        let _ = writeln!(text, "  {row}");
    }
    if rows.len() > SHOWN {
        let _ = writeln!(text, "  and {} more", rows.len() - SHOWN);
    }
}
