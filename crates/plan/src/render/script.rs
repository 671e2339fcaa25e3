//! `plan.sh`: the plan as aws CLI commands that a person can read first, with the guards that `apply` would have. It asks
//! before it begins, looks before each change whether the policy is still the one that the plan saw, stops where it is not,
//! and can take back what it did.

use std::fmt::Write;

use scangap_model::Observed;

use super::commands::quoted;
use crate::file::plan_json;
use crate::hash::{canonical_sha256, scanning_json, sha256};
use crate::step::Plan;

const HEAD: &str = include_str!("plan.sh");

pub(crate) fn script(plan: &Plan) -> String {
    let hash = plan_json(plan).get("plan_sha256").and_then(|hash| hash.as_str().map(str::to_owned)).unwrap_or_default();
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
        let _ = writeln!(text, "# {warning}");
    }
    for (name, value) in [
        ("CONFIRM_WHAT", what),
        ("CONFIRM_WORD", &word),
        ("PARTITION", plan.partition.as_str()),
        ("POLICIES", &plan.policies.len().to_string()),
        ("RESYNCS", &plan.resyncs.len().to_string()),
        ("FINDINGS_LOST", &plan.losses.findings.to_string()),
        ("WARNING", &plan.warning().unwrap_or_default()),
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
        let before = scanning_json(&step.before.scan_type, &step.before.rules);
        let commands = step.commands();
        let hash = |policy: &Option<String>| policy.as_deref().map_or_else(|| "none".to_owned(), canonical_sha256);
        let mut words = vec![
            step.id.clone(),
            step.account.to_string(),
            step.region.to_string(),
            step.toggled_from.to_string(),
            step.losses.findings.to_string(),
            step.losses.images.to_string(),
            format!("{:.6}", step.counted_at),
            sha256(&before.to_string()),
            hash(&step.registry_policy),
            if step.losses.only_scan_type { "yes" } else { "no" }.to_owned(),
            commands.way_back(),
        ];
        words.extend(step.policies.iter().flat_map(|(repository, policy)| [repository.clone(), hash(policy)]));
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        text.push_str("# shellcheck disable=SC2016 # the way back is for whoever reads it, and not for this shell\n");
        let _ = writeln!(text, "resync {}", words.join(" "));
    }
    text.push_str("finish\n");
    text
}
