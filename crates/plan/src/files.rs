//! A plan as a folder: what a person reads, what a shell runs, what Terraform takes, and each policy before and after.

use scangap_model::plain_name;
use similar::TextDiff;

use crate::json::plan_json;
use crate::step::{Plan, PolicyStep};
use crate::{runbook, script, terraform};

/// A file below the plan's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanFile {
    /// With slashes, and made of plain characters.
    pub path: String,
    pub text: String,
}

/// Where a step's policies stand. The step's id keeps repositories apart.
pub(crate) fn folder(step: &PolicyStep) -> String {
    let name = plain_name(step.repository.as_str());
    format!("policies/{}-{}{}{name}", step.id, step.account, if name.is_empty() { "" } else { "-" })
}

/// Every file of a plan.
pub fn files(plan: &Plan) -> Vec<PlanFile> {
    let file = |path: &str, text: String| PlanFile { path: path.to_owned(), text };
    let mut files = vec![
        file("plan.json", format!("{:#}\n", plan_json(plan))),
        file("plan.md", runbook::runbook(plan)),
        file("plan.sh", script::script(plan)),
        file("resync.csv", resync_csv(plan)),
    ];
    for step in &plan.policies {
        let folder = folder(step);
        // Exactly the bytes that AWS gave and would get: no line is added at the end.
        files.push(file(&format!("{folder}/before.json"), step.before.clone()));
        files.push(file(&format!("{folder}/after.json"), step.after.clone()));
        files.push(file(&format!("{folder}/change.diff"), difference(step)));
        files.push(file(&format!("{folder}/policy.tf"), terraform::snippet(step)));
    }
    files
}

/// A unified difference that `patch` takes.
pub(crate) fn difference(step: &PolicyStep) -> String {
    TextDiff::from_lines(&step.before, &step.after)
        .unified_diff()
        .context_radius(3)
        .header("before.json", "after.json")
        .to_string()
}

/// Cells with stale repositories, and why none of them is re-synced. RFC 4180.
fn resync_csv(plan: &Plan) -> String {
    let mut text =
        "account_id,region,stale_repositories,decision,code,why,findings_lost,images_lost,images_not_rescanned\r\n"
            .to_owned();
    for refused in plan.refused.iter().filter(|refused| refused.what == "resync") {
        let fields = [
            refused.account.to_string(),
            refused.region.to_string(),
            refused.repositories.len().to_string(),
            "refused".to_owned(),
            refused.refusal.code().to_owned(),
            refused.refusal.sentence(),
            plan.losses.findings.to_string(),
            plan.losses.images.to_string(),
            plan.losses.images_not_rescanned.to_string(),
        ];
        let quoted = fields.map(|field| format!("\"{}\"", field.replace('"', "\"\"")));
        text.push_str(&quoted.join(","));
        text.push_str("\r\n");
    }
    text
}
