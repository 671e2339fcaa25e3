//! What a publication says before, while it goes on, and at its end.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs::File;

use scangap_model::{Api, GapKind, Tone, count, sanitize, thousands};
use scangap_publish::{Findings, HubError, HubOutcome};
use serde::Serialize;

use crate::args::{Global, Output, Publish};
use crate::assessed::AssessedSnapshot;
use crate::terminal;

/// Places that one reason names.
const SHOWN: usize = 3;

/// Places between two lines of progress.
const EVERY: usize = 500;

fn number(of: u64) -> usize {
    usize::try_from(of).unwrap_or(usize::MAX)
}

pub(super) fn introduce(findings: &Findings<File>, judged: &AssessedSnapshot, command: &Publish) {
    let meta = &judged.snapshot.meta;
    if meta.simulated {
        let words = "SIMULATED: findings of an organization that does not exist.";
        terminal::note(&terminal::paint(words, Tone::Warning));
    }
    let accounts: BTreeSet<_> = findings.hubs().map(|hub| hub.account).collect();
    let statuses: Vec<String> =
        findings.by_status().iter().map(|(status, of)| format!("{status} {}", thousands(number(*of)))).collect();
    let of_all = if findings.is_whole() { "" } else { "of all, before the scope: " };
    terminal::note(&format!(
        "{} as of {}, for {} in {}\n{of_all}{}\nrole {} in each account, narrowed to securityhub:BatchImportFindings",
        count(number(findings.count()), "finding"),
        meta.as_of,
        count(findings.hubs().count(), "registry"),
        count(accounts.len(), "account"),
        statuses.join("   "),
        sanitize(&command.publish_role_name),
    ));
    if !judged.is_complete() {
        terminal::note("the audit has gaps: what it could not learn is a finding with the status WARNING");
    }
}

/// What would be sent, in numbers.
pub(super) fn dry_run(findings: &Findings<File>, output: Output) {
    let (number_of, hubs) = (findings.count(), findings.hubs().count());
    if output == Output::Json {
        terminal::json(&serde_json::json!({"dry_run": true, "findings": number_of, "registries": hubs}));
        return;
    }
    terminal::out(&format!(
        "Dry run: nothing was sent of {} for {}.\n",
        count(number(number_of), "finding"),
        count(hubs, "registry")
    ));
}

pub(super) fn progress(total: usize, global: &Global) -> impl Fn(&HubOutcome) {
    let (done, shows) = (Cell::new(0_usize), global.quiet == 0 && !global.no_progress);
    move |_| {
        done.set(done.get() + 1);
        if shows && done.get().is_multiple_of(EVERY) {
            terminal::note(&format!("{} of {}", thousands(done.get()), count(total, "registry")));
        }
    }
}

/// What came of it, in numbers, and each reason once.
#[derive(Debug, Serialize)]
struct Summary {
    imported: u64,
    refused: u64,
    /// Not sent, or without an answer that says so.
    left: u64,
    reasons: Vec<Reason>,
}

#[derive(Debug, Serialize)]
struct Reason {
    code: String,
    message: String,
    findings: u64,
    places: Vec<String>,
    hint: String,
}

impl Summary {
    fn of(outcomes: &[HubOutcome]) -> Self {
        let sum = |of: fn(&HubOutcome) -> u64| outcomes.iter().map(of).sum();
        let mut reasons: BTreeMap<(String, String), Reason> = BTreeMap::new();
        let mut add = |code: &str, message: &str, hint: String, findings: u64, outcome: &HubOutcome| {
            let reason = reasons.entry((code.to_owned(), hint.clone())).or_insert_with(|| Reason {
                code: code.to_owned(),
                message: message.to_owned(),
                findings: 0,
                places: Vec::new(),
                hint,
            });
            reason.findings += findings;
            reason.places.push(format!("{} {}", outcome.hub.account, outcome.hub.region));
        };
        for outcome in outcomes {
            for (code, (findings, message)) in &outcome.refused {
                add(
                    code,
                    message,
                    "the finding as it was sent is in `scangap report --asff`".to_owned(),
                    *findings,
                    outcome,
                );
            }
            match &outcome.error {
                None => {}
                Some(HubError::Call(error)) => {
                    let gap = error.clone().at(Some(outcome.hub.account), Some(&outcome.hub.region), "");
                    // AWS: the account has not enabled Security Hub in this region.
                    let hint = if error.code == "InvalidAccessException" {
                        "enable Security Hub there: aws securityhub enable-security-hub".to_owned()
                    } else if error.api == Api::AssumeRole && error.kind == GapKind::AccessDenied {
                        "make the role there: scangap permissions publish --format cloudformation; or name another with --publish-role-name"
                            .to_owned()
                    } else if error.api == Api::BatchImportFindings && error.kind == GapKind::AccessDenied {
                        "allow it to the role: `scangap permissions publish` prints its policy".to_owned()
                    } else {
                        gap.hint()
                    };
                    add(&format!("{} {}", error.api, error.code), &error.message, hint, outcome.left, outcome);
                }
                Some(HubError::Unreadable(why)) => {
                    add("Unreadable", why, "send again".to_owned(), outcome.left, outcome);
                }
                Some(HubError::Interrupted) => {
                    add("Interrupted", "", "send again: a finding sent twice is one".to_owned(), outcome.left, outcome);
                }
            }
        }
        Self {
            imported: sum(|outcome| outcome.imported),
            refused: sum(|outcome| outcome.refused.values().map(|(findings, _)| findings).sum()),
            left: sum(|outcome| outcome.left),
            reasons: reasons.into_values().collect(),
        }
    }
}

pub(super) fn close(outcomes: &[HubOutcome], output: Output) {
    let summary = Summary::of(outcomes);
    if output == Output::Json {
        terminal::json(&summary);
        return;
    }
    let mut text = format!("Security Hub took {}", count(number(summary.imported), "finding"));
    if summary.refused > 0 {
        let _ = write!(text, ", refused {}", thousands(number(summary.refused)));
    }
    if summary.left > 0 {
        let _ = write!(text, "; {} were not taken", thousands(number(summary.left)));
    }
    text.push('\n');
    for reason in &summary.reasons {
        let shown: Vec<&str> = reason.places.iter().take(SHOWN).map(String::as_str).collect();
        let more = reason.places.len() - shown.len();
        let more = if more > 0 { format!(" and {}", count(more, "more registry")) } else { String::new() };
        let message = if reason.message.is_empty() { String::new() } else { format!(": {}", reason.message) };
        let _ = writeln!(
            text,
            "  {}  {}{}\n    {}{more}\n    {}",
            thousands(number(reason.findings)),
            sanitize(&reason.code),
            sanitize(&message),
            shown.join(", "),
            sanitize(&reason.hint)
        );
    }
    terminal::out(&text);
}
