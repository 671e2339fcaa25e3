//! A re-sync, as the closing report has it.

use scangap_plan::Resync;

use crate::journal::StepState;
use crate::progress::Progress;
use crate::step_report::{Lost, StepReport};

pub(crate) fn report(
    step: &Resync,
    state: &StepState,
    result: String,
    not_refreshed: Vec<String>,
    lost: Option<Lost>,
) -> StepReport {
    let backup = state.backup.as_ref().zip(state.manifest_sha256.as_ref());
    let backup = backup.map(|(folder, manifest)| format!("{folder} (manifest.json: sha256 {manifest})"));
    StepReport {
        id: step.id.clone(),
        kind: "resync_registry",
        account: step.account,
        region: step.region.clone(),
        what: step.repositories.join(", "),
        result,
        finished: true,
        by_others: false,
        not_refreshed,
        saved: backup.into_iter().chain(state.findings_report.clone()).collect(),
        before_sha256: step.scanning_sha256.clone(),
        after_sha256: step.scanning_sha256.clone(),
        predicted: Some(Lost { findings: step.findings, images_not_rescanned: step.images_not_rescanned }),
        lost,
    }
}

/// Of a registry that is done.
pub(crate) fn done(step: &Resync, state: &StepState, not_refreshed: Vec<String>, lost: Option<Lost>) -> StepReport {
    let how = if state.unanswered {
        "on, with its configuration; it is not known whether it was off: its Disable had no answer"
    } else {
        "re-synced"
    };
    let result = match not_refreshed.as_slice() {
        [] => format!("{how}: no repository says ACCESS_DENIED any more"),
        names => format!("{how}; not refreshed yet: {}", names.join(", ")),
    };
    report(step, state, result, not_refreshed, lost)
}

fn lost_before(state: &StepState) -> Option<Lost> {
    let lost = state.findings_lost.zip(state.images_not_rescanned);
    lost.map(|(findings, images_not_rescanned)| Lost { findings, images_not_rescanned })
}

/// Of a registry that an earlier run has done.
pub(crate) fn done_before(step: &Resync, state: &StepState) -> StepReport {
    let report = done(step, state, state.not_refreshed.clone(), lost_before(state));
    StepReport { result: format!("done before: {}", report.result), ..report }
}

/// Of a step that was left out before anything was begun.
pub(crate) fn not_made(step: &Resync, state: &StepState, why: &str) -> StepReport {
    let report = report(step, state, format!("not made: {why}"), step.repositories.clone(), None);
    StepReport { finished: false, ..report }
}

/// Of a registry whose disable was called and that did not come to its end: what it lost is lost all the same.
pub(crate) fn not_finished(step: &Resync, state: &StepState, why: Option<&str>) -> Option<StepReport> {
    let result = match state.progress() {
        Progress::Trying => "not finished: it was not turned off; its scanning configuration may be another",
        progress if progress.is_open() => "not finished: it may be without scanning, or without its configuration",
        Progress::Restored if state.unanswered => {
            "not finished: it is on, with its configuration; it is not known whether it was off: its Disable had no answer"
        }
        Progress::Restored => "not finished: it was turned off, and is on again with its configuration",
        _ if why.is_some() => "not finished: it was not turned off",
        _ => return None,
    };
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    let report = report(step, state, format!("{result}{why}"), step.repositories.clone(), lost_before(state));
    Some(StepReport { finished: false, ..report })
}

pub(crate) fn describe(step: &Resync, what: &str) -> String {
    format!("{} ({} {}): {what}", step.id, step.account, step.region)
}
