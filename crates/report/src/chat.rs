//! `chat.md`: the audit in fifteen lines of Markdown, for a channel.

use std::io::{self, Write};

use scangap_model::{Observed, code_span, count};

use crate::causes::{denied_by, met_in};
use crate::context::ReportContext;
use crate::trend::Trend;

/// Causes that are named.
const CAUSES: usize = 5;

pub(crate) fn write(material: &ReportContext<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (input, summary) = (&material.input, &material.summary);
    let organization = match &input.facts.organization.id {
        Observed::Known(id) => id.to_string(),
        Observed::Absent | Observed::Unknown(_) => input.facts.organization.caller_account.to_string(),
    };
    let simulated = if input.simulated { "SIMULATED " } else { "" };
    writeln!(out, "**{simulated}Amazon Inspector coverage of Amazon ECR, {organization}, {:.0}**", input.as_of)?;
    writeln!(out)?;
    if let Some(covered) = summary.covered_in_words() {
        writeln!(out, "- Covered: {covered}")?;
    }
    if let Some(not_read) = summary.not_read_in_words() {
        writeln!(out, "- Not read: {not_read}")?;
    }
    if let Some(changes) = input.changes {
        writeln!(out, "- Since {:.0}: {}", changes.since, changes.balance.in_words())?;
    }
    if let Some(words) = input.trend.and_then(Trend::in_words) {
        writeln!(out, "- {words}")?;
    }
    let decided = &material.decided;
    for (repositories, gaps, word) in [
        (decided.n_accepted(), decided.gaps_accepted, "Accepted"),
        (decided.n_expired(), decided.gaps_expired, "Acceptance expired, counts again"),
    ] {
        if repositories + gaps > 0 {
            writeln!(out, "- {word}: {} and {}", count(repositories, "repository"), count(gaps, "gap"))?;
        }
    }
    if let Some(denied) = denied_by(input) {
        writeln!(out, "- {denied}")?;
    }
    for cause in material.causes.iter().take(CAUSES) {
        writeln!(out, "  - {}: {}: {}", cause.tally.cause.id, met_in(cause.tally), code_span(&cause.sentence()))?;
    }
    if material.causes.len() > CAUSES {
        writeln!(out, "  - and {} (causes.csv)", count(material.causes.len() - CAUSES, "other cause"))?;
    }
    writeln!(out, "- What to do: report.html, actions.csv")
}
