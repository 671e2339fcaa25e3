//! A plan read back: whether it is one, whether it is whole, and what it says.

use serde_json::Value;

use crate::json::{PLAN_SCHEMA_VERSION, sha256};

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
    /// Numbers, or `not counted`.
    pub findings: String,
    pub images: String,
    pub images_not_rescanned: String,
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
}

pub fn plan_summary(text: &str) -> Result<PlanSummary, PlanReadError> {
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
    summary(&value, said).ok_or(PlanReadError::NotAPlan)
}

fn summary(value: &Value, plan_sha256: &str) -> Option<PlanSummary> {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let loss = |name: &str| match value.get("losses")?.get(name)? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(word) => Some(word.clone()),
        _ => None,
    };
    let mut rows = Vec::new();
    for step in value.get("steps")?.as_array()? {
        rows.push(PlanSummaryRow {
            what: "repair".to_owned(),
            account_id: text(step, "account_id")?,
            region: text(step, "region")?,
            repositories: vec![text(step, "repository")?],
            decision: "planned".to_owned(),
            why: String::new(),
        });
    }
    for refused in value.get("refused")?.as_array()? {
        let names = refused.get("repositories")?.as_array()?.iter().filter_map(Value::as_str);
        rows.push(PlanSummaryRow {
            what: if text(refused, "what")? == "resync" { "re-sync" } else { "repair" }.to_owned(),
            account_id: text(refused, "account_id")?,
            region: text(refused, "region")?,
            repositories: names.map(str::to_owned).collect(),
            decision: "refused".to_owned(),
            why: text(refused, "why")?,
        });
    }
    Some(PlanSummary {
        facts_sha256: text(value, "facts_sha256")?,
        plan_sha256: plan_sha256.to_owned(),
        findings: loss("findings")?,
        images: loss("images")?,
        images_not_rescanned: loss("images_not_rescanned")?,
        rows,
    })
}
