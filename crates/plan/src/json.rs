//! `plan.json`: the plan itself. Everything else is made of it for people.

use scangap_model::{Observed, Verdict};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::files::folder;
use crate::step::{Counted, Plan, PolicyStep};

/// Raised when a reader of the old form would misunderstand the new one.
pub const PLAN_SCHEMA_VERSION: u64 = 1;

fn counted(number: Counted) -> Value {
    match number {
        Counted::Number(number) => json!(number),
        Counted::NotCounted => json!("not counted"),
    }
}

pub(crate) fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
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
    put("steps", plan.policies.iter().map(policy).collect());
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
    let folder = folder(step);
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
            "registryId": step.account.as_str(),
            "repositoryName": step.repository.as_str(),
        },
        "before_sha256": sha256(&step.before),
        "after_sha256": sha256(&step.after),
        "before_file": format!("{folder}/before.json"),
        "after_file": format!("{folder}/after.json"),
        "policy_verdict_after": Verdict::Allowed.word(),
        "also_written_by": step.sources,
        "way_back": format!("ecr:SetRepositoryPolicy with {folder}/before.json"),
    })
}

/// The JSON Schema of `plan.json`.
pub fn plan_schema() -> Value {
    let count = json!({"oneOf": [{"type": "integer", "minimum": 0}, {"const": "not counted"}]});
    let text = json!({"type": "string"});
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let sha = json!({"type": "string", "pattern": "^[0-9a-f]{64}$"});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "scangap plan",
        "type": "object",
        "required": [
            "schema_version", "organization_id", "partition", "facts_sha256", "as_of", "tool_version", "simulated",
            "planned_by", "wishes", "complete", "losses", "steps", "refused", "undecided", "plan_sha256"
        ],
        "properties": {
            "schema_version": {"const": PLAN_SCHEMA_VERSION},
            "organization_id": {"type": ["string", "null"], "description": "null: the account is in no organization; unknown: it could not be described"},
            "partition": text,
            "facts_sha256": {"type": "string", "description": "the snapshot that the plan was made from"},
            "as_of": {"type": "string", "format": "date-time"},
            "tool_version": {"type": "string", "description": "the program that audited"},
            "planned_by": {"type": "string", "description": "the program that made the plan"},
            "previous_facts_sha256": {"type": ["string", "null"], "description": "the earlier snapshot that was named"},
            "wishes": {"type": "object", "description": "what was asked for; empty lists mean all", "required": ["fix", "resync", "accounts", "organizational_units", "regions", "diagnoses", "blocklist", "min_age"]},
            "simulated": {"type": "boolean", "description": "whether any answer came from a host that is not AWS's; such a plan is refused at AWS"},
            "complete": {"type": "boolean", "description": "whether everything in scope was learnt"},
            "losses": {
                "type": "object",
                "description": "what the plan's re-syncs destroy",
                "required": ["findings", "images", "images_not_rescanned", "repositories"],
                "properties": {"findings": count, "images": count, "images_not_rescanned": count, "repositories": count},
            },
            "steps": {"type": "array", "items": {
                "type": "object",
                "required": ["id", "kind", "account_id", "region", "repository", "before_sha256", "after_sha256", "before_file", "after_file", "call", "way_back"],
                "properties": {
                    "id": text, "kind": {"const": "repair_policy"}, "account_id": {"type": "string", "pattern": "^[0-9]{12}$"},
                    "account_name": {"type": ["string", "null"]}, "region": text, "repository": text, "repository_arn": text,
                    "diagnosis": text, "responsible_statements": texts, "call": {"type": "object"},
                    "before_sha256": sha, "after_sha256": sha, "before_file": text, "after_file": text,
                    "policy_verdict_after": {"const": "allowed"}, "also_written_by": texts, "way_back": text,
                },
            }},
            "refused": {"type": "array", "items": {
                "type": "object",
                "required": ["what", "account_id", "region", "repositories", "diagnosis", "code", "why"],
                "properties": {"what": {"enum": ["repair", "resync"]}, "repositories": texts, "code": text, "why": text},
            }},
            "undecided": {"type": "array", "items": {
                "type": "object",
                "required": ["account_id", "region", "repository", "depends_on"],
                "properties": {"depends_on": texts},
            }},
            "plan_sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 over this object without this member, as JSON in UTF-8 in one line: no space after commas and colons, members in this order, nothing escaped that need not be"},
        },
    })
}
