//! `plan.sh`: the plan's repairs as aws CLI commands that a person can read first, with the guards that `apply` would have. It asks
//! before it begins, compares before each change whether the policy is still the one that the plan saw, stops where it is not,
//! and can undo what it did. For a re-sync it prints the command that does it: the protocol of a re-sync is in `apply` alone.

use std::fmt::Write;

use scangap_model::Observed;

use super::commands::quoted;
use crate::file::plan_json;
use crate::hash::sha256;
use crate::step::Plan;

const HEAD: &str = include_str!("plan.sh");

pub(crate) fn script(plan: &Plan) -> String {
    let hash = plan_json(plan).plan_sha256.unwrap_or_default();
    // What is typed to confirm: the organization, and where it is not known the plan itself.
    let (what, word) = match &plan.organization_id {
        Observed::Known(id) => ("the id of the organization", id.clone()),
        Observed::Absent | Observed::Unknown(_) => {
            ("the first twelve characters of the plan's hash", hash.chars().take(12).collect())
        }
    };
    let mut text = HEAD.to_owned();
    let _ = writeln!(text, "\n# Plan {hash}, from the snapshot with facts {}", plan.facts_sha256);
    let first = plan.policies.first().map(|step| &step.region).or(plan.resyncs.first().map(|step| &step.region));
    let region = first.map_or("us-east-1", |region| region.as_str());
    if let Some(warning) = plan.warning() {
        let _ = writeln!(text, "# Not by this script, but by `scangap apply`: {warning}");
    }
    for (name, value) in [
        ("CONFIRM_WHAT", what),
        ("CONFIRM_WORD", &word),
        ("PARTITION", plan.partition.as_str()),
        ("POLICIES", &plan.policies.len().to_string()),
        ("SIMULATED", if plan.simulated { "yes" } else { "no" }),
        ("HOME_REGION", region),
    ] {
        let _ = writeln!(text, "{name}={}", quoted(value));
    }
    text.push_str("\nprepare \"$@\"\n");
    for step in &plan.policies {
        let words = [
            step.id.clone(),
            step.account.to_string(),
            step.region.to_string(),
            step.repository.to_string(),
            step.folder(),
            sha256(&step.before),
            sha256(&step.after),
        ];
        let _ = writeln!(text, "step {}", words.map(|word| quoted(&word)).join(" "));
    }
    for step in &plan.resyncs {
        let findings = step.losses.findings.to_string();
        let words = [step.id.clone(), step.account.to_string(), step.region.to_string(), findings];
        let _ = writeln!(text, "resync {}", words.map(|word| quoted(&word)).join(" "));
    }
    text
}
