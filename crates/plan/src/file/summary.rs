//! What a plan says, for those who only show it.

use super::open::{PlanReadError, open};
use super::v2::{LossesJson, PlanJson, StepJson};

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
    let (plan, hash) = open(text)?;
    Ok(summary(plan, hash))
}

/// What a re-sync loses, or a repair, which loses nothing.
enum Lost<'a> {
    Nothing,
    Counted(Option<&'a LossesJson>),
}

fn summary(plan: PlanJson, plan_sha256: String) -> PlanSummary {
    let mut rows = Vec::new();
    for step in &plan.steps {
        rows.push(match step {
            StepJson::Repair(step) => {
                let names = vec![step.repository.clone()];
                row("repair", (&step.account_id, &step.region), names, ("planned", ""), &Lost::Nothing)
            }
            StepJson::Resync(step) => {
                let lost = Lost::Counted(Some(&step.losses));
                row("re-sync", (&step.account_id, &step.region), step.repositories.clone(), ("planned", ""), &lost)
            }
        });
    }
    for refused in &plan.refused {
        let resync = refused.what == "resync";
        let what = if resync { "re-sync" } else { "repair" };
        let lost = if resync { Lost::Counted(refused.losses.as_ref()) } else { Lost::Nothing };
        let place = (&refused.account_id, &refused.region);
        rows.push(row(what, place, refused.repositories.clone(), ("refused", &refused.why), &lost));
    }
    PlanSummary { facts_sha256: plan.facts_sha256, plan_sha256, warning: plan.warning, rows }
}

fn row(
    what: &str,
    (account_id, region): (&String, &String),
    repositories: Vec<String>,
    (decision, why): (&str, &str),
    lost: &Lost<'_>,
) -> PlanSummaryRow {
    let number = |number: fn(&LossesJson) -> u64| match lost {
        Lost::Nothing => String::new(),
        Lost::Counted(None) => "not counted".to_owned(),
        Lost::Counted(Some(losses)) => number(losses).to_string(),
    };
    PlanSummaryRow {
        what: what.to_owned(),
        account_id: account_id.clone(),
        region: region.clone(),
        repositories,
        decision: decision.to_owned(),
        why: why.to_owned(),
        findings: number(|losses| losses.findings),
        images: number(|losses| losses.images),
        images_not_rescanned: number(|losses| losses.images_not_rescanned),
    }
}
