//! A repair, as the closing report has it.

use scangap_plan::Repair;

use crate::step_report::StepReport;

pub(crate) fn report(step: &Repair, result: &str) -> StepReport {
    StepReport {
        id: step.id.clone(),
        kind: "repair_policy",
        account: step.account,
        region: step.region.clone(),
        what: step.repository.clone(),
        result: result.to_owned(),
        finished: true,
        by_others: false,
        not_refreshed: Vec::new(),
        saved: Vec::new(),
        before_sha256: step.before_sha256.clone(),
        after_sha256: step.after_sha256.clone(),
        predicted: None,
        lost: None,
    }
}

/// Of a step that was left out before anything was begun.
pub(crate) fn not_made(step: &Repair, why: &str) -> StepReport {
    StepReport { finished: false, ..report(step, &format!("not made: {why}")) }
}

/// Of a step that was begun: what went wrong, or `None` where a run ended in its midst.
pub(crate) fn not_finished(step: &Repair, may_be_written: bool, why: Option<&str>) -> StepReport {
    let state = if may_be_written { "its policy may have been written" } else { "its policy was not written" };
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    StepReport { finished: false, ..report(step, &format!("not finished: {state}{why}")) }
}

pub(crate) fn done_before(step: &Repair) -> StepReport {
    report(step, "done before")
}

pub(crate) fn describe(step: &Repair, what: &str) -> String {
    format!("{} ({} {} {}): {what}", step.id, step.account, step.region, step.repository)
}
