//! The final screen of an audit, as text. Who prints it, and whether in colour, is not decided here.

use std::fmt::Write;
use std::io;

use scangap_assess::RepositoryAssessment;
use scangap_model::{DIAGNOSES, Diagnosis, Observed, Tone, count, sanitize, thousands};

use crate::causes::{denied_by, met_in, sentence};
use crate::decision_counts::DecisionCounts;
use crate::input::{Input, RepositoryRow};
use crate::notes::NoteCounts;
use crate::summary::{Summary, images_in_words};
use crate::trend::Trend;

/// How many of the worst rows the screen shows.
const WORST: usize = 5;

/// `exit` is the code that an incomplete run ends with. `paint` colours a word by its tone; plain text is the identity.
#[expect(clippy::too_many_lines, reason = "one screen, line by line")]
pub fn final_screen(
    input: &Input<'_>,
    notes: NoteCounts,
    decided: &DecisionCounts,
    exit: u8,
    paint: &dyn Fn(&str, Tone) -> String,
) -> io::Result<String> {
    let summary = Summary::of(input);
    let mut out = String::new();
    if input.simulated {
        let _ =
            writeln!(out, "{}", paint("SIMULATED: nothing here is evidence about a real organization.", Tone::Warning));
    }
    if input.interrupted {
        let _ = writeln!(out, "{}", paint("INTERRUPTED: what was not reached is missing below.", Tone::Warning));
    }
    if let Some(shard) = input.shard {
        let words =
            format!("SHARD {shard}: the accounts of the other shards are not below; `scangap merge` joins them.");
        let _ = writeln!(out, "{}", paint(&words, Tone::Warning));
    }
    let organization = match &input.facts.organization.id {
        Observed::Known(id) => format!("Organization {id}"),
        Observed::Absent => "No organization".to_owned(),
        Observed::Unknown(_) => "Organization not readable".to_owned(),
    };
    let _ = write!(
        out,
        "{organization}: {}, {}, {}: {} read",
        count(summary.accounts, "account"),
        count(summary.regions, "region"),
        count(summary.registries.total(), "registry"),
        thousands(summary.registries.read)
    );
    for (number, word) in [
        (summary.registries.not_enabled, "not enabled"),
        (summary.registries.skipped, "skipped"),
        (summary.registries.unreadable, "not readable"),
        (summary.registries.not_reached, "not reached"),
    ] {
        if number > 0 {
            let _ = write!(out, ", {} {word}", thousands(number));
        }
    }
    out.push('\n');
    let not_read = summary.accounts - summary.accounts_read;
    if not_read > 0 {
        let parts: Vec<String> = [
            (summary.accounts_partly, "partly"),
            (summary.accounts_skipped, "skipped by state"),
            (summary.accounts_unreadable, "not readable"),
            (summary.accounts_not_reached, "not reached"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{} {word}", thousands(number)))
        .collect();
        let _ = writeln!(
            out,
            "Accounts {} of {} read: {}",
            thousands(summary.accounts_read),
            thousands(summary.accounts),
            parts.join(", ")
        );
    }
    if let Some(covered) = summary.covered_in_words() {
        let images = summary.covered_images().map_or_else(String::new, |images| format!(", {images}"));
        let _ = writeln!(out, "Covered {covered}{images}");
    } else {
        out.push_str(if summary.is_complete() {
            "There are no repositories.\n"
        } else {
            "No repository is in a list that was read.\n"
        });
    }
    if let Some(apart) = summary.unlisted_in_words() {
        let _ = writeln!(out, "Apart from these: {}", paint(&apart, Tone::Question));
    }
    if let Some(changes) = input.changes {
        let _ = writeln!(out, "Since {:.0} {}", changes.since, changes.balance.in_words());
    }
    if let Some(words) = input.trend.and_then(Trend::in_words) {
        let _ = writeln!(out, "Trend {words}");
    }
    if let Some(words) = notes.in_words() {
        let _ = writeln!(out, "Notes {words}");
    }
    for line in decided.in_words() {
        let _ = writeln!(out, "{}", sanitize(&line));
    }
    if let Some(not_read) = summary.not_read_in_words() {
        let _ = writeln!(out, "Not read {}", paint(&not_read, Tone::Question));
    }
    if summary.images.not_scanned > 0 || summary.images.repositories_unknown > 0 {
        let _ = writeln!(out, "Images {}", paint(&images_in_words(&summary.images), Tone::Warning));
    }
    for group in summary.gap_causes.iter().take(WORST) {
        let _ = writeln!(
            out,
            "  gap    {} {} {} -> {}",
            group.reads(),
            group.kind.word().replace('_', " "),
            group.place(),
            sanitize(&group.hint)
        );
    }
    if summary.gap_causes.len() > WORST {
        let _ = writeln!(out, "  gap    and {} (gaps.csv)", count(summary.gap_causes.len() - WORST, "other kind"));
    }
    diagnoses(&summary, &mut out, paint);
    causes(input, &mut out, paint);
    worst(input, &mut out)?;
    for (number, what, text) in [
        (
            summary.registries_denying,
            "registry policy",
            "against a registry-level action of Inspector (registries.csv)",
        ),
        (
            summary.templates_denying,
            "creation template",
            "that would block Inspector on new repositories (registries.csv)",
        ),
    ] {
        if number > 0 {
            let _ = writeln!(out, "  note   {}", paint(&format!("{} {text}", count(number, what)), Tone::Warning));
        }
    }
    let open = summary.gaps.saturating_sub(decided.gaps_accepted);
    let complete = Summary { gaps: open, ..summary.clone() }.is_complete();
    if complete && summary.gaps > 0 {
        let _ =
            writeln!(out, "{} could not be learnt (gaps.csv); these gaps are accepted.", count(summary.gaps, "fact"));
    }
    if !complete || input.interrupted {
        let mut missing = Vec::new();
        if open > 0 {
            missing.push(format!("{} could not be learnt (gaps.csv)", count(open, "fact")));
        }
        if summary.registries.not_reached > 0 {
            missing.push(format!("{} not reached (registries.csv)", count(summary.registries.not_reached, "registry")));
        }
        if summary.accounts_not_reached > 0 {
            missing.push(format!("{} not reached (accounts.csv)", count(summary.accounts_not_reached, "account")));
        }
        if missing.is_empty() {
            missing.push("the audit was interrupted".to_owned());
        }
        let words = format!("Incomplete: {}, so the exit code is {exit}.", missing.join(", "));
        let _ = writeln!(out, "{}", paint(&words, Tone::Warning));
    }
    Ok(out)
}

/// Diagnoses beside each other on the screen.
const IN_A_LINE: usize = 3;

/// Each diagnosis that there is with its number, in columns.
fn diagnoses(summary: &Summary, out: &mut String, paint: &dyn Fn(&str, Tone) -> String) {
    let shown: Vec<(&str, String, Tone)> = DIAGNOSES
        .iter()
        .filter_map(|info| Some((info.title, thousands(*summary.listed.get(&info.diagnosis)?), info.tone)))
        .collect();
    let titles = shown.iter().map(|(title, ..)| title.len()).max().unwrap_or(0);
    let numbers = shown.iter().map(|(_, number, _)| number.len()).max().unwrap_or(0);
    // Read from the top down, as a list is.
    let lines = shown.len().div_ceil(IN_A_LINE);
    for line in 0..lines {
        let cells: Vec<String> = shown
            .iter()
            .skip(line)
            .step_by(lines)
            .map(|(title, number, tone)| paint(&format!("{title:<titles$}  {number:>numbers$}"), *tone))
            .collect();
        let _ = writeln!(out, "  {}", cells.join("   "));
    }
}

/// What is behind it: a few lines, however many repositories there are.
fn causes(input: &Input<'_>, out: &mut String, paint: &dyn Fn(&str, Tone) -> String) {
    if let Some(denied) = denied_by(input) {
        let _ = writeln!(out, "Causes: {}", paint(&denied, Tone::Bad));
    }
    let causes = &input.assessment.causes;
    for tally in causes.iter().take(WORST) {
        let tone = tally.worst().map_or(Tone::Question, |diagnosis| diagnosis.info().tone);
        let met = paint(&met_in(tally), tone);
        let _ = writeln!(out, "  cause  {}  {met}: {}", tally.cause.id, sentence(tally));
    }
    if causes.len() > WORST {
        let _ = writeln!(out, "  cause  and {} (causes.csv)", count(causes.len() - WORST, "other cause"));
    }
}

fn worst(input: &Input<'_>, out: &mut String) -> io::Result<()> {
    let named = |assessment: &RepositoryAssessment| {
        matches!(assessment.diagnosis, Diagnosis::Blocked | Diagnosis::AtRisk | Diagnosis::Stale)
    };
    let mut rows: Vec<RepositoryRow<'_>> = Vec::new();
    for row in input.repositories_where(named) {
        rows.push(row?);
        // The sort is stable: the first of the worst stay.
        rows.sort_by_key(|row| row.assessment.diagnosis);
        rows.truncate(WORST);
    }
    for row in &rows {
        let name = row.account.and_then(|account| account.name.known()).map_or("", String::as_str);
        let why = match row.assessment.policy.responsible_statements.first() {
            Some(statement) => format!("{} by {statement}", row.assessment.diagnosis.info().title),
            None => format!("{}: {}", row.assessment.diagnosis.info().title, row.assessment.diagnosis.info().meaning),
        };
        let _ = writeln!(
            out,
            "  worst  {} ({})  {}  {}  {}",
            sanitize(name),
            row.repository.account,
            row.repository.region,
            sanitize(row.repository.name.as_str()),
            sanitize(&why)
        );
    }
    Ok(())
}
