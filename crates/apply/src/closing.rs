//! The closing report: what was done, when, by whom, and what was lost against what was predicted.

use std::fmt::Write;

use scangap_model::{code_block, code_cell, code_span};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use crate::journal::JOURNAL;
use crate::outcome::{LeftDisabled, Outcome};
use crate::step_report::Lost;
use crate::step_report::StepReport;
use scangap_plan::PlanDocument;

/// What an apply did
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "applied.json of a scangap apply")]
pub struct ClosingReport {
    schema_version: u64,
    pub plan_sha256: String,
    pub facts_sha256: String,
    /// Null: the account is in no organization.
    pub organization_id: Option<String>,
    pub simulated: bool,
    pub by: String,
    pub began_at: String,
    pub ended_at: String,
    pub outcome: String,
    pub steps: Vec<ClosedStep>,
    pub steps_not_done: usize,
    pub left_disabled: Vec<StillDisabled>,
    pub journal: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClosedStep {
    pub id: String,
    pub kind: String,
    pub account_id: String,
    pub region: String,
    pub what: String,
    pub result: String,
    pub finished: bool,
    pub not_refreshed: Vec<String>,
    /// Where what it deleted is.
    pub saved: Vec<String>,
    pub before_sha256: String,
    pub after_sha256: String,
    /// Null: nothing can be lost by it.
    pub predicted: Option<Lost>,
    /// Null: it was not counted.
    #[serde(alias = "taken")]
    pub lost: Option<Lost>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StillDisabled {
    pub account_id: String,
    pub region: String,
    pub command: String,
}

/// Why a text is no closing report.
#[derive(Debug, thiserror::Error)]
pub enum ClosingError {
    #[error("it is not JSON")]
    NotJson(#[source] serde_json::Error),
    #[error("{member}: {why}")]
    Member { member: String, why: String },
    #[error("it is of version {found}, and this program knows up to version {VERSION}: use a newer scangap")]
    Newer { found: u64 },
    #[error("it is of version {found}, which this program does not read any more")]
    Older { found: u64 },
}

/// 2: the kind of a re-sync is `resync_registry`, it was `resync_cell`, and nothing here reads it; `lost` was `taken`.
const VERSION: u64 = 2;
const OLDEST_VERSION: u64 = 1;

#[derive(Deserialize)]
struct VersionAlone {
    schema_version: u64,
}

impl ClosingReport {
    pub fn parse(text: &str) -> Result<Self, ClosingError> {
        let version: VersionAlone = serde_json::from_str(text).map_err(|error| {
            if error.is_data() {
                ClosingError::Member { member: "schema_version".to_owned(), why: error.to_string() }
            } else {
                ClosingError::NotJson(error)
            }
        })?;
        match version.schema_version {
            found if found > VERSION => return Err(ClosingError::Newer { found }),
            found if found < OLDEST_VERSION => return Err(ClosingError::Older { found }),
            _ => {}
        }
        let mut json = serde_json::Deserializer::from_str(text);
        serde_path_to_error::deserialize(&mut json)
            .map_err(|error| ClosingError::Member { member: error.path().to_string(), why: error.inner().to_string() })
    }
}

/// The JSON Schema of `applied.json`, made from the types that read and write it.
pub fn applied_schema() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<ClosingReport>()
}

impl Outcome {
    /// For machines.
    pub fn report(&self, plan: &PlanDocument) -> ClosingReport {
        let step = |step: &StepReport| ClosedStep {
            id: step.id.clone(),
            kind: step.kind.to_owned(),
            account_id: step.account.to_string(),
            region: step.region.to_string(),
            what: step.what.clone(),
            result: step.result.clone(),
            finished: step.finished,
            not_refreshed: step.not_refreshed.clone(),
            saved: step.saved.clone(),
            before_sha256: step.before_sha256.clone(),
            after_sha256: step.after_sha256.clone(),
            predicted: step.predicted,
            lost: step.lost,
        };
        let disabled = |registry: &LeftDisabled| StillDisabled {
            account_id: registry.account.to_string(),
            region: registry.region.to_string(),
            command: registry.reenable.clone(),
        };
        ClosingReport {
            schema_version: VERSION,
            plan_sha256: plan.plan_sha256.clone(),
            facts_sha256: plan.facts_sha256.clone(),
            organization_id: plan.organization_id.clone(),
            simulated: plan.simulated,
            by: self.caller_arn.clone(),
            began_at: self.began_at.to_string(),
            ended_at: self.ended_at.to_string(),
            outcome: self.stopped.as_ref().map_or_else(|| "finished".to_owned(), ToString::to_string),
            steps: self.steps.iter().map(step).collect(),
            steps_not_done: self.left,
            left_disabled: self.left_disabled.iter().map(disabled).collect(),
            journal: JOURNAL.to_owned(),
        }
    }

    /// For people.
    pub fn markdown(&self, plan: &PlanDocument) -> String {
        let mut text = String::from("# What was applied\n\n");
        if plan.simulated {
            text.push_str("**SIMULATED: nothing of this happened at AWS.**\n\n");
        }
        let _ =
            writeln!(text, "- organization: {}", plan.organization_id.as_deref().map_or("none".to_owned(), code_span));
        let _ = writeln!(text, "- plan: `{}`, of the snapshot with facts `{}`", plan.plan_sha256, plan.facts_sha256);
        let _ = writeln!(text, "- by: {}", code_span(&self.caller_arn));
        let _ = writeln!(text, "- from {:.0} to {:.0}", self.began_at, self.ended_at);
        let how = self.stopped.as_ref().map_or_else(|| "finished".to_owned(), ToString::to_string);
        let _ = writeln!(text, "- outcome: {}", code_span(&how));
        let _ = writeln!(text, "- every call, as it was about to be made: `{JOURNAL}`\n");
        for registry in &self.left_disabled {
            let _ = writeln!(
                text,
                "**ECR scanning of account {} in {} may be off, or its configuration another. To re-enable it:**\n\n{}",
                registry.account,
                registry.region,
                code_block("sh", &registry.reenable)
            );
        }
        text.push_str("| step | account | region | what | result | findings lost (predicted) | images that lost coverage (predicted) |\n|---|---|---|---|---|---|---|\n");
        for step in &self.steps {
            let lost = |of: fn(Lost) -> u64| match (step.lost, step.predicted) {
                (_, None) => "none".to_owned(),
                (Some(lost), Some(predicted)) => format!("{} ({})", of(lost), of(predicted)),
                (None, Some(predicted)) => format!("not counted ({})", of(predicted)),
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} |",
                step.id,
                step.account,
                step.region,
                code_cell(&step.what),
                code_cell(&step.result),
                lost(|lost| lost.findings),
                lost(|lost| lost.images_not_rescanned)
            );
        }
        let _ = writeln!(text, "\nSteps not done: {}", self.left);
        if self.steps.iter().any(|step| !step.saved.is_empty()) {
            text.push_str("\n## Backups of what was deleted\n\n");
        }
        for step in &self.steps {
            for place in &step.saved {
                let _ = writeln!(text, "- {}: {}", step.id, code_span(place));
            }
        }
        text
    }
}
