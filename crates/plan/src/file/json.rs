//! `plan.json`: the plan itself. Everything else is made of it for people.

use scangap_assess::{CellLosses, ELIGIBLE_DAYS, LostImage};
use scangap_model::{Observed, Verdict};
use serde_json::{Map, Value, json};

use crate::hash::{canonical_sha256, scanning_json, sha256};
use crate::resync::ResyncStep;
use crate::step::{Counted, Plan, PolicyStep};

/// Raised when a reader of the old form would misunderstand the new one.
pub const PLAN_SCHEMA_VERSION: u64 = 1;

fn counted(number: Counted) -> Value {
    match number {
        Counted::Number(number) => json!(number),
        Counted::NotCounted => json!("not counted"),
    }
}

/// The plan with its own hash: SHA-256 over the same JSON without `plan_sha256`, in one line.
pub fn plan_json(plan: &Plan) -> Value {
    let mut value = body(plan);
    let hash = sha256(&value.to_string());
    if let Some(members) = value.as_object_mut() {
        members.insert("plan_sha256".to_owned(), json!(hash));
    }
    value
}

fn body(plan: &Plan) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("schema_version", json!(PLAN_SCHEMA_VERSION));
    put(
        "organization_id",
        match &plan.organization_id {
            Observed::Known(id) => json!(id),
            Observed::Absent => Value::Null,
            Observed::Unknown(_) => json!("unknown"),
        },
    );
    put("partition", json!(plan.partition.as_str()));
    put("facts_sha256", json!(plan.facts_sha256));
    put("as_of", json!(plan.as_of.to_string()));
    put("tool_version", json!(plan.tool_version));
    put("planned_by", json!(plan.planned_by));
    put("losses_sha256", json!(plan.losses_sha256));
    put("warning", json!(plan.warning()));
    put("previous_facts_sha256", json!(plan.previous_facts_sha256));
    put("wishes", plan.wishes.clone());
    put("simulated", json!(plan.simulated));
    put("complete", json!(plan.complete));
    put(
        "losses",
        json!({
            "findings": counted(plan.losses.findings),
            "images": counted(plan.losses.images),
            "images_not_rescanned": counted(plan.losses.images_not_rescanned),
            "repositories": counted(plan.losses.repositories),
        }),
    );
    put("steps", plan.policies.iter().map(policy).chain(plan.resyncs.iter().map(resync)).collect());
    put(
        "refused",
        plan.refused
            .iter()
            .map(|refused| {
                json!({
                    "what": refused.what,
                    "account_id": refused.account.as_str(),
                    "region": refused.region.as_str(),
                    "repositories": refused.repositories,
                    "diagnosis": refused.diagnosis.word(),
                    "code": refused.refusal.code(),
                    "why": refused.refusal.sentence(),
                    "losses": refused.losses.as_ref().map(losses),
                })
            })
            .collect(),
    );
    put(
        "undecided",
        plan.undecided
            .iter()
            .map(|one| {
                json!({
                    "account_id": one.account.as_str(),
                    "region": one.region.as_str(),
                    "repository": one.repository.as_str(),
                    "depends_on": one.depends_on,
                })
            })
            .collect(),
    );
    Value::Object(members)
}

fn policy(step: &PolicyStep) -> Value {
    let folder = step.folder();
    json!({
        "id": step.id,
        "kind": "repair_policy",
        "account_id": step.account.as_str(),
        "account_name": step.account_name,
        "region": step.region.as_str(),
        "repository": step.repository.as_str(),
        "repository_arn": step.repository_arn,
        "diagnosis": step.diagnosis.word(),
        "responsible_statements": step.responsible_statements,
        "call": {
            "api": "ecr:SetRepositoryPolicy",
            "as_account": step.account.as_str(),
            "as_role": "the write role",
            "registryId": step.account.as_str(),
            "repositoryName": step.repository.as_str(),
        },
        "before_canonical_sha256": canonical_sha256(&step.before),
        "after_canonical_sha256": canonical_sha256(&step.after),
        "before_sha256": sha256(&step.before),
        "after_sha256": sha256(&step.after),
        "before_file": format!("{folder}/before.json"),
        "after_file": format!("{folder}/after.json"),
        "policy_verdict_after": Verdict::Allowed.word(),
        "write_role": {
            "name": step.write_role_name,
            "verdict": step.write_access.verdict.word(),
            "statements": step.write_access.responsible_statements,
            "depends_on": step.write_access.depends_on,
        },
        "also_written_by": step.sources,
        "sources_not_looked_for": step.sources_not_looked_for,
        // A policy that has another source is repaired there, or it comes back.
        "made_by": if step.sources.is_empty() { "apply, plan.sh, or its owner" } else { "its owner, at the source: also_written_by" },
        "way_back": format!("ecr:SetRepositoryPolicy with {folder}/before.json"),
    })
}

fn resync(step: &ResyncStep) -> Value {
    let before = scanning_json(&step.before.scan_type, &step.before.rules);
    let policy_of = |(repository, text): &(String, Option<String>)| json!({"repository": repository, "policy_canonical_sha256": text.as_deref().map(canonical_sha256)});
    let toggle = |api: &str| {
        json!({
            "api": api,
            "as_account": step.toggled_from.as_str(),
            "as_role": "the write role",
            "region": step.region.as_str(),
            "accountIds": [step.account.as_str()],
            "resourceTypes": ["ECR"],
        })
    };
    json!({
        "id": step.id,
        "kind": "resync_cell",
        "account_id": step.account.as_str(),
        "account_name": step.account_name,
        "region": step.region.as_str(),
        "repositories": step.repositories,
        "repository_policies": step.policies.iter().map(policy_of).collect::<Vec<_>>(),
        "not_let_in": step.not_let_in,
        "diagnosis": "stale",
        "needs_first": step.needs_first,
        "stale_since": step.stale_since.to_string(),
        "toggled_from": step.toggled_from.as_str(),
        "losses": losses(&step.losses),
        "losses_counted_at": step.counted_at.to_string(),
        "calls": [
            // Where scanning is on it changes nothing, and tells whether it may be called.
            toggle("inspector2:Enable"),
            toggle("inspector2:Disable"),
            toggle("inspector2:Enable"),
            {
                "api": "ecr:PutRegistryScanningConfiguration",
                "as_account": step.account.as_str(),
                "as_role": "the write role",
                "region": step.region.as_str(),
                "only_if": "enabling did not put it back",
            },
        ],
        "preconditions": {
            "organization_policy": "none governs the account",
            "permissions": ["DISABLE_SCANNING", "ENABLE_SCANNING"],
            "registry_policy": "lets Inspector put the scanning configuration back",
            "change_under_way": "none",
        },
        "gentler_first": gentler(step),
        "before_sha256": sha256(&before.to_string()),
        "before": before,
        "registry_policy_sha256": step.registry_policy.as_deref().map(canonical_sha256),
        "way_back": format!(
            "none for what is deleted; scanning is turned on again with inspector2:Enable, and {} is put back",
            "the registry's scanning configuration"
        ),
    })
}

/// What may help without a re-sync, and what is known of it.
fn gentler(step: &ResyncStep) -> Vec<Value> {
    let of_any = [
        ("wait", "nothing that AWS publishes promises that the status refreshes, and nothing says that it does not"),
        (
            "push a new digest to the repository",
            "a push of a new digest starts a scan; that it refreshes the status is likely, and not documented",
        ),
    ];
    let toggled = step.filter_toggle();
    let toggled = toggled.iter().map(|(repository, known)| {
        json!({"what": format!("take {repository} out of the registry's scan filters and put it back"), "known": known})
    });
    of_any.iter().map(|(what, known)| json!({"what": what, "known": known})).chain(toggled).collect()
}

pub(crate) fn losses(losses: &CellLosses) -> Value {
    let by = |((severity, status), count): (&(String, String), &u64)| json!({"severity": severity, "status": status, "count": count});
    let image = |image: &LostImage| {
        json!({
            "repository": image.repository,
            "digest": image.digest,
            "pushed_at": image.pushed_at.map(|time| time.to_string()),
            "why": image.why.words(),
        })
    };
    json!({
        "findings": losses.findings,
        "findings_by": losses.findings_by.iter().map(by).collect::<Vec<_>>(),
        "suppressed": losses.suppressed,
        "oldest_first_observed": losses.oldest_first_observed.map(|time| time.to_string()),
        "images": losses.images,
        "images_not_rescanned": losses.not_rescanned.len(),
        "not_rescanned": losses.not_rescanned.iter().map(image).collect::<Vec<_>>(),
        "windows": {
            "fixed_days": ELIGIBLE_DAYS,
            "beyond_fixed": losses.beyond_fixed_window,
            "configured": losses.configured_window,
            "beyond_configured": losses.beyond_configured_window,
        },
        "helps": {
            "images_within_fixed_window": losses.helps_within_fixed_window,
            "images_within_configured_window": losses.helps_within_configured_window,
        },
        "repositories": losses.repositories,
        "only_scan_type": losses.only_scan_type,
        "suppression_rules": losses.suppression_rules,
        "rescan_cost": {
            "images": losses.rescan_cost.images,
            "amount": format!("{:.2}", losses.rescan_cost.amount),
            "currency": losses.rescan_cost.currency,
            "price_source": losses.rescan_cost.price_source,
        },
    })
}
