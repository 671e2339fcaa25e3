//! The closing report: what was done, when, by whom, and what was lost against what was predicted.

use std::fmt::Write;

use scangap_model::{code_block, code_span};
use serde_json::{Value, json};

use crate::journal::JOURNAL;
use crate::outcome::Outcome;
use crate::step_report::StepReport;
use crate::step_report::Taken;
use scangap_plan::PlanDocument;

/// A closing report read back, for those who only show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedSummary {
    pub organization_id: Option<String>,
    pub plan_sha256: String,
    pub simulated: bool,
    pub by: String,
    pub ended_at: String,
    pub steps: Vec<AppliedStep>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedStep {
    pub id: String,
    pub kind: String,
    pub account_id: String,
    pub region: String,
    pub what: String,
    pub result: String,
    pub before_sha256: String,
    pub after_sha256: String,
    /// Where what it deleted is.
    pub saved: Vec<String>,
    /// `None`: nothing can be lost by it.
    pub predicted: Option<Taken>,
    /// `None`: it was not counted.
    pub taken: Option<Taken>,
}

/// `None`: the text is no closing report.
pub fn applied_summary(text: &str) -> Option<AppliedSummary> {
    let value: Value = serde_json::from_str(text).ok()?;
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let texts = |value: &Value, name: &str| {
        let list = value.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let lost = |value: Option<&Value>| {
        let number = |name| value?.get(name)?.as_u64();
        Some(Taken { findings: number("findings")?, images_not_rescanned: number("images_not_rescanned")? })
    };
    let step = |step: &Value| {
        Some(AppliedStep {
            id: text(step, "id")?,
            kind: text(step, "kind")?,
            account_id: text(step, "account_id")?,
            region: text(step, "region")?,
            what: text(step, "what")?,
            result: text(step, "result")?,
            before_sha256: text(step, "before_sha256")?,
            after_sha256: text(step, "after_sha256")?,
            saved: texts(step, "saved"),
            predicted: lost(step.get("predicted")),
            taken: lost(step.get("taken")),
        })
    };
    Some(AppliedSummary {
        organization_id: text(&value, "organization_id"),
        plan_sha256: text(&value, "plan_sha256")?,
        simulated: value.get("simulated")?.as_bool()?,
        by: text(&value, "by")?,
        ended_at: text(&value, "ended_at")?,
        steps: value.get("steps")?.as_array()?.iter().map(step).collect::<Option<_>>()?,
    })
}

fn taken(taken: Option<Taken>) -> Value {
    taken.map_or(
        Value::Null,
        |taken| json!({"findings": taken.findings, "images_not_rescanned": taken.images_not_rescanned}),
    )
}

impl Outcome {
    /// For machines.
    pub fn json(&self, plan: &PlanDocument) -> Value {
        let step = |step: &StepReport| {
            json!({
                "id": step.id,
                "kind": step.kind,
                "account_id": step.account.as_str(),
                "region": step.region.as_str(),
                "what": step.what,
                "result": step.result,
                "finished": step.finished,
                "not_refreshed": step.not_refreshed,
                "saved": step.saved,
                "before_sha256": step.before_sha256,
                "after_sha256": step.after_sha256,
                "predicted": taken(step.predicted),
                "taken": taken(step.taken),
            })
        };
        json!({
            "schema_version": 1,
            "plan_sha256": plan.plan_sha256,
            "facts_sha256": plan.facts_sha256,
            "organization_id": plan.organization_id,
            "simulated": plan.simulated,
            "by": self.caller_arn,
            "began_at": self.began_at.to_string(),
            "ended_at": self.ended_at.to_string(),
            "outcome": self.stopped.as_ref().map_or_else(|| "finished".to_owned(), ToString::to_string),
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
            "steps_not_done": self.left,
            "left_disabled": self
                .left_disabled
                .iter()
                .map(|registry| json!({
                    "account_id": registry.account.as_str(), "region": registry.region.as_str(), "command": registry.way_back,
                }))
                .collect::<Vec<_>>(),
            "journal": JOURNAL,
        })
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
                "**ECR scanning of account {} in {} may be off, or its configuration another. What brings it back:**\n\n{}",
                registry.account,
                registry.region,
                code_block("sh", &registry.way_back)
            );
        }
        text.push_str("| step | account | region | what | result | findings lost (predicted) | images that lost coverage (predicted) |\n|---|---|---|---|---|---|---|\n");
        for step in &self.steps {
            let lost = |of: fn(Taken) -> u64| match (step.taken, step.predicted) {
                (_, None) => "none".to_owned(),
                (Some(taken), Some(predicted)) => format!("{} ({})", of(taken), of(predicted)),
                (None, Some(predicted)) => format!("not counted ({})", of(predicted)),
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} |",
                step.id,
                step.account,
                step.region,
                code_span(&step.what),
                code_span(&step.result),
                lost(|taken| taken.findings),
                lost(|taken| taken.images_not_rescanned)
            );
        }
        let _ = writeln!(text, "\nSteps not done: {}", self.left);
        if self.steps.iter().any(|step| !step.saved.is_empty()) {
            text.push_str("\n## Where what was deleted is\n\n");
        }
        for step in &self.steps {
            for place in &step.saved {
                let _ = writeln!(text, "- {}: {}", step.id, code_span(place));
            }
        }
        text
    }
}
