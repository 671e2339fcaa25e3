//! `summary.json`: counts, facts only. `audit.json`: everything. `run.json`: how the run went.

pub(crate) mod audit;
mod schema;

use std::io::{self, Write};

use scangap_model::{DIAGNOSES, Observed};
use serde_json::{Value, json};

pub use schema::audit_schema;

use crate::changes::{CHANGE_KINDS, Change, Changes};
use crate::input::{Input, RunEvidence};
use crate::summary::Summary;

pub(crate) fn write(value: &Value, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    out.write_all(b"\n")
}

fn observed<T: ToString>(fact: &Observed<T>) -> Value {
    match fact {
        Observed::Known(value) => Value::String(value.to_string()),
        Observed::Absent => Value::Null,
        Observed::Unknown(_) => Value::String("unknown".to_owned()),
    }
}

/// Of `audit.json` and `summary.json`. 2: `registries` instead of `cells`.
pub(crate) const AUDIT_SCHEMA_VERSION: u64 = 2;

/// What every machine-readable report begins with.
fn head(input: &Input<'_>) -> Value {
    let organization = &input.facts.organization;
    json!({
        "schema_version": AUDIT_SCHEMA_VERSION,
        "simulated": input.simulated,
        "complete": Summary::of(input).is_complete() && !input.interrupted,
        "interrupted": input.interrupted,
        "as_of": input.as_of.to_string(),
        "facts_sha256": input.facts_sha256,
        "organization": {
            "id": observed(&organization.id),
            "partition": organization.partition.as_str(),
            "management_account": observed(&organization.management_account),
            "inspector_administrator": observed(&organization.inspector_admin),
            "accounts_in_organization": match &organization.n_accounts {
                Observed::Known(count) => json!(count),
                Observed::Absent => Value::Null,
                Observed::Unknown(_) => json!("unknown"),
            },
        },
        "scope": {
            "accounts": organization.scope.accounts.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "exclude_accounts": organization.scope.exclude_accounts.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "organizational_units": organization.scope.organizational_units,
            "regions": organization.scope.regions.iter().map(ToString::to_string).collect::<Vec<_>>(),
        },
    })
}

fn counts(summary: &Summary) -> Value {
    let diagnoses: serde_json::Map<String, Value> = DIAGNOSES
        .iter()
        .map(|info| (info.word.to_owned(), json!(summary.diagnoses.get(&info.diagnosis).copied().unwrap_or(0))))
        .collect();
    json!({
        "accounts": {
            "in_scope": summary.accounts,
            "read": summary.accounts_read,
            "partly": summary.accounts_partly,
            "skipped": summary.accounts_skipped,
            "unreadable": summary.accounts_unreadable,
            "not_reached": summary.accounts_not_reached,
        },
        "registries": {
            "total": summary.registries.total(),
            "read": summary.registries.read,
            "not_enabled": summary.registries.not_enabled,
            "skipped": summary.registries.skipped,
            "unreadable": summary.registries.unreadable,
            "not_reached": summary.registries.not_reached,
        },
        "repositories": summary.repositories,
        "list_not_read": {
            "registries": summary.unlisted.registries,
            "repositories": summary.unlisted.repositories,
            "covered": summary.unlisted.covered,
            "to_act_on": summary.unlisted.to_act_on,
        },
        "images": {
            "scanned": summary.images.scanned,
            "not_scanned": summary.images.not_scanned,
            "not_scanned_by_reason": summary.images.reasons,
            "in_use_not_scanned": summary.images.in_use_not_scanned,
            "repositories_unknown": summary.images.repositories_unknown,
        },
        "diagnoses": diagnoses,
        "registries_denying": summary.registries_denying,
        "templates_denying": summary.templates_denying,
        "vanished": summary.vanished,
        "coverage_without_repository": summary.coverage_without_repository,
        "gaps": summary.gaps,
        "gap_groups": summary.gap_groups.iter().map(|group| json!({
            "api": group.api.to_string(),
            "kind": group.kind.word(),
            "denied_by": group.cause.word(),
            "gaps": group.gaps,
            "accounts": group.accounts,
            "regions": group.regions.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "policies": group.policies,
            "hint": group.hint,
        })).collect::<Vec<_>>(),
    })
}

/// The head and the counts in one object.
pub fn summary_json(input: &Input<'_>) -> Value {
    let mut summary = head(input);
    if let (Some(members), Value::Object(counts)) = (summary.as_object_mut(), counts(&Summary::of(input))) {
        members.extend(counts);
    }
    summary
}

pub fn changes_json(changes: &Changes) -> Value {
    let counts: serde_json::Map<String, Value> = CHANGE_KINDS
        .iter()
        .map(|(kind, word, ..)| {
            let count = changes.rows.iter().filter(|change| change.kind == *kind).count();
            ((*word).to_owned(), json!(count))
        })
        .collect();
    let row = |change: &Change| {
        json!({
            "change": change.kind.word(),
            "account_id": change.account.to_string(),
            "account_name": change.account_name,
            "region": change.region.as_str(),
            "repository": change.repository.as_str(),
            "repository_arn": change.repository_arn,
            "diagnosis_before": change.before.map(scangap_model::Diagnosis::word),
            "diagnosis": change.after.map(scangap_model::Diagnosis::word),
            "differences": change.differences.iter().map(|one| json!({
                "column": one.column, "before": one.before, "after": one.after,
            })).collect::<Vec<_>>(),
            "policy_difference": changes
                .policy_difference(change)
                .iter()
                .map(|line| format!("{} {}", line.sign, line.text))
                .collect::<Vec<_>>(),
            "note": change.note,
        })
    };
    json!({
        "schema_version": 1,
        "simulated": changes.simulated,
        "changed_after": changes.since.to_string(),
        "changed_by": changes.until.to_string(),
        "counts": counts,
        "unchanged": changes.unchanged,
        "changes": changes.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

pub fn run_json(input: &Input<'_>, run: &RunEvidence) -> Value {
    json!({
        "schema_version": 1,
        "tool_version": input.tool_version,
        "command_line": run.command_line,
        "simulated": input.simulated,
        "endpoint": run.endpoint,
        "caller_arn": input.caller_arn,
        "started_at": run.started_at.map(|time| time.to_string()),
        "finished_at": run.finished_at.map(|time| time.to_string()),
        "interrupted": input.interrupted,
        "facts_sha256": input.facts_sha256,
        "calls": run.api_counts.iter().map(|count| json!({
            "api": count.api, "calls": count.calls, "attempts": count.attempts, "throttled": count.throttled,
        })).collect::<Vec<_>>(),
        "gap_evidence": input.assessment.gaps.iter().map(|gap| json!({
            "api": gap.api.to_string(),
            "account_id": gap.account.map(|id| id.to_string()),
            "region": gap.region.as_ref().map(ToString::to_string),
            "resource": gap.resource,
            "code": gap.code,
            "message": gap.message,
            "attempts": gap.attempts,
        })).collect::<Vec<_>>(),
    })
}
