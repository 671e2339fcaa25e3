//! The JSON Schema of `plan.json`.

use serde_json::{Value, json};

use super::json::PLAN_SCHEMA_VERSION;

/// The JSON Schema of `plan.json`.
pub fn plan_schema() -> Value {
    let count = json!({"oneOf": [{"type": "integer", "minimum": 0}, {"const": "not counted"}]});
    let text = json!({"type": "string"});
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let account = json!({"type": "string", "pattern": "^[0-9]{12}$"});
    let registry_losses = json!({
        "type": "object",
        "description": "what a re-sync of the registry destroys, counted",
        "required": ["findings", "findings_by", "suppressed", "oldest_first_observed", "images", "images_not_rescanned", "not_rescanned", "windows", "helps", "repositories", "only_scan_type", "suppression_rules", "rescan_cost"],
        "properties": {
            "findings": {"type": "integer", "minimum": 0}, "images": {"type": "integer", "minimum": 0},
            "images_not_rescanned": {"type": "integer", "minimum": 0}, "repositories": {"type": "integer", "minimum": 0},
        },
    });
    let sha = json!({"type": "string", "pattern": "^[0-9a-f]{64}$"});
    let repair = json!({
        "type": "object",
        "required": ["id", "kind", "account_id", "region", "repository", "repository_arn", "before_canonical_sha256", "after_canonical_sha256", "before_sha256", "after_sha256", "before_file", "after_file", "call", "write_role", "way_back"],
        "properties": {
            "id": text, "kind": {"const": "repair_policy"}, "account_id": account,
            "account_name": {"type": ["string", "null"]}, "region": text, "repository": text, "repository_arn": text,
            "diagnosis": text, "responsible_statements": texts, "call": {"type": "object"},
            "before_canonical_sha256": sha, "after_canonical_sha256": sha, "before_sha256": sha, "after_sha256": sha, "before_file": text, "after_file": text,
            "policy_verdict_after": {"const": "allowed"},
            "write_role": {
                "type": "object",
                "description": "whether the role that writes gets through the policies as they are; null: judged for any role of the account",
                "required": ["name", "verdict", "statements", "depends_on"],
                "properties": {"name": {"type": ["string", "null"]}, "verdict": text, "statements": texts, "depends_on": texts},
            },
            "also_written_by": texts, "sources_not_looked_for": texts, "made_by": text, "way_back": text,
        },
    });
    let resync = json!({
        "type": "object",
        "required": ["id", "kind", "account_id", "region", "repositories", "needs_first", "stale_since", "toggled_from", "repository_policies", "not_let_in", "losses", "losses_counted_at", "calls", "preconditions", "gentler_first", "before", "before_sha256", "registry_policy_sha256", "way_back"],
        "properties": {
            "id": text, "kind": {"const": "resync_registry"}, "account_id": account,
            "account_name": {"type": ["string", "null"]}, "region": text, "repositories": texts, "diagnosis": {"const": "stale"}, "needs_first": texts,
            "stale_since": text, "toggled_from": account, "losses": registry_losses, "losses_counted_at": text,
            "calls": {"type": "array", "items": {"type": "object", "required": ["api", "as_account", "region"]}},
            "preconditions": {"type": "object"},
            "gentler_first": {"type": "array", "items": {"type": "object", "required": ["what", "known"]}},
            "before": {"type": "object", "required": ["scan_type", "rules"]}, "before_sha256": sha,
            "registry_policy_sha256": {"type": ["string", "null"], "description": "of the registry policy in canonical form; null: there is none"}, "way_back": text,
        },
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "scangap plan",
        "type": "object",
        "required": [
            "schema_version", "organization_id", "partition", "facts_sha256", "as_of", "tool_version", "simulated",
            "planned_by", "wishes", "complete", "losses", "losses_sha256", "warning", "steps", "refused", "undecided", "plan_sha256"
        ],
        "properties": {
            "schema_version": {"const": PLAN_SCHEMA_VERSION},
            "organization_id": {"type": ["string", "null"], "description": "null: the account is in no organization; unknown: it could not be described"},
            "partition": text,
            "facts_sha256": {"type": "string", "description": "the snapshot that the plan was made from"},
            "as_of": {"type": "string", "format": "date-time"},
            "tool_version": {"type": "string", "description": "the program that audited"},
            "planned_by": {"type": "string", "description": "the program that made the plan"},
            "losses_sha256": {"type": ["string", "null"], "description": "the snapshot's child that losses were counted in; null: nobody counted"},
            "warning": {"type": ["string", "null"], "description": "what re-syncs destroy, in words; null: there is none"},
            "previous_facts_sha256": {"type": ["string", "null"], "description": "the earlier snapshot that was named"},
            "wishes": {"type": "object", "description": "what was asked for; empty lists mean all", "required": ["fix", "resync", "accounts", "organizational_units", "regions", "diagnoses", "blocklist", "only_scan_type", "min_age"]},
            "simulated": {"type": "boolean", "description": "whether any answer came from a host that is not AWS's; such a plan is refused at AWS"},
            "complete": {"type": "boolean", "description": "whether everything in scope was learnt"},
            "losses": {
                "type": "object",
                "description": "what the plan's re-syncs destroy",
                "required": ["findings", "images", "images_not_rescanned", "repositories"],
                "properties": {"findings": count, "images": count, "images_not_rescanned": count, "repositories": count},
            },
            "steps": {"type": "array", "items": {"oneOf": [repair, resync]}},
            "refused": {"type": "array", "items": {
                "type": "object",
                "required": ["what", "account_id", "region", "repositories", "diagnosis", "code", "why"],
                "properties": {"what": {"enum": ["repair", "resync"]}, "repositories": texts, "code": text, "why": text, "losses": {"oneOf": [registry_losses, {"type": "null"}]}},
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
