//! A plan read back: whether it is one, whether it is whole, and what it says.

use serde_json::Value;

use super::json::PLAN_SCHEMA_VERSION;
use crate::hash::sha256;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanReadError {
    #[error("it is not JSON with the members of a plan")]
    NotAPlan,
    #[error("it is of version {0}, which this program does not know")]
    Newer(u64),
    #[error("it was changed after it was made: its hash is another")]
    Changed,
    #[error("it was made from another snapshot")]
    OtherSnapshot,
}

/// What a plan says, for those who only show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanSummary {
    pub facts_sha256: String,
    pub plan_sha256: String,
    pub warning: Option<String>,
    pub rows: Vec<PlanSummaryRow>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanSummaryRow {
    pub what: String,
    pub account_id: String,
    pub region: String,
    pub repositories: Vec<String>,
    pub decision: String,
    pub why: String,
    /// Numbers, or `not counted`; empty where nothing is lost by it.
    pub findings: String,
    pub images: String,
    pub images_not_rescanned: String,
}

pub fn plan_summary(text: &str) -> Result<PlanSummary, PlanReadError> {
    let (value, hash) = whole(text)?;
    summary(&value, &hash).ok_or(PlanReadError::NotAPlan)
}

/// The plan without its hash, which it was compared with, and the hash.
pub(super) fn whole(text: &str) -> Result<(Value, String), PlanReadError> {
    let mut value: Value = serde_json::from_str(text).map_err(|_| PlanReadError::NotAPlan)?;
    let version = value.get("schema_version").and_then(Value::as_u64).ok_or(PlanReadError::NotAPlan)?;
    if version != PLAN_SCHEMA_VERSION {
        return Err(PlanReadError::Newer(version));
    }
    let said = value.as_object_mut().and_then(|members| members.shift_remove("plan_sha256"));
    let said = said.as_ref().and_then(Value::as_str).ok_or(PlanReadError::NotAPlan)?;
    if sha256(&value.to_string()) != said {
        return Err(PlanReadError::Changed);
    }
    Ok((value, said.to_owned()))
}

fn summary(value: &Value, plan_sha256: &str) -> Option<PlanSummary> {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut rows = Vec::new();
    for step in value.get("steps")?.as_array()? {
        let resync = text(step, "kind")? == "resync_registry";
        let names = if resync { texts(step, "repositories")? } else { vec![text(step, "repository")?] };
        let lost = resync.then(|| step.get("losses")).flatten();
        rows.push(row(step, if resync { "re-sync" } else { "repair" }, names, "planned", String::new(), lost)?);
    }
    for refused in value.get("refused")?.as_array()? {
        let resync = text(refused, "what")? == "resync";
        let what = if resync { "re-sync" } else { "repair" };
        let lost = resync.then(|| refused.get("losses")).flatten();
        rows.push(row(refused, what, texts(refused, "repositories")?, "refused", text(refused, "why")?, lost)?);
    }
    Some(PlanSummary {
        facts_sha256: text(value, "facts_sha256")?,
        plan_sha256: plan_sha256.to_owned(),
        warning: text(value, "warning"),
        rows,
    })
}

fn texts(value: &Value, name: &str) -> Option<Vec<String>> {
    value.get(name)?.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

/// `lost`: of a re-sync, what it destroys, or null where nobody counted.
fn row(
    of: &Value,
    what: &str,
    repositories: Vec<String>,
    decision: &str,
    why: String,
    lost: Option<&Value>,
) -> Option<PlanSummaryRow> {
    let number = |name: &str| match lost {
        None => String::new(),
        Some(Value::Null) => "not counted".to_owned(),
        Some(losses) => losses.get(name).map(Value::to_string).unwrap_or_default(),
    };
    let text = |name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(PlanSummaryRow {
        what: what.to_owned(),
        account_id: text("account_id")?,
        region: text("region")?,
        repositories,
        decision: decision.to_owned(),
        why,
        findings: number("findings"),
        images: number("images"),
        images_not_rescanned: number("images_not_rescanned"),
    })
}
