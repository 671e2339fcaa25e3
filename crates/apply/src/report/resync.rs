//! A re-sync, as the closing report has it.

use scangap_plan::Resync;

use crate::journal::{Progress, Told, UNANSWERED};
use crate::step_report::{StepReport, Taken};

pub(crate) fn report(
    step: &Resync,
    told: &Told,
    result: String,
    not_refreshed: Vec<String>,
    taken: Option<Taken>,
) -> StepReport {
    let backup = told.detail(&step.id, "backup").zip(told.detail(&step.id, "manifest_sha256"));
    let backup = backup.map(|(folder, manifest)| format!("{folder} (manifest.json: sha256 {manifest})"));
    StepReport {
        id: step.id.clone(),
        kind: "resync_cell",
        account: step.account,
        region: step.region.clone(),
        what: step.repositories.join(", "),
        result,
        finished: true,
        not_refreshed,
        saved: backup.into_iter().chain(told.detail(&step.id, "findings_report")).collect(),
        before_sha256: step.scanning_sha256.clone(),
        after_sha256: step.scanning_sha256.clone(),
        predicted: Some(Taken { findings: step.findings, images_not_rescanned: step.images_not_rescanned }),
        taken,
    }
}

/// Of a cell that is done.
pub(crate) fn done(step: &Resync, told: &Told, not_refreshed: Vec<String>, taken: Option<Taken>) -> StepReport {
    let how = if told.is_so(&step.id, UNANSWERED) {
        "on, with its configuration; nobody knows whether it was off: its disable had no answer"
    } else {
        "re-synced"
    };
    let result = match not_refreshed.as_slice() {
        [] => format!("{how}: no repository says ACCESS_DENIED any more"),
        names => format!("{how}; not refreshed yet: {}", names.join(", ")),
    };
    report(step, told, result, not_refreshed, taken)
}

fn taken_before(step: &Resync, told: &Told) -> Option<Taken> {
    let number = |name| told.number(&step.id, name);
    let taken = number("findings_taken").zip(number("images_not_rescanned"));
    taken.map(|(findings, images_not_rescanned)| Taken { findings, images_not_rescanned })
}

/// Of a cell that an earlier run has done.
pub(crate) fn done_before(step: &Resync, told: &Told) -> StepReport {
    let report = done(step, told, told.texts(&step.id, "not_refreshed"), taken_before(step, told));
    StepReport { result: format!("done before: {}", report.result), ..report }
}

/// Of a step that was left out before anything was begun.
pub(crate) fn not_made(step: &Resync, told: &Told, why: &str) -> StepReport {
    let report = report(step, told, format!("not made: {why}"), step.repositories.clone(), None);
    StepReport { finished: false, ..report }
}

/// Of a cell whose disable was called and that did not come to its end: what it lost is lost all the same.
pub(crate) fn not_finished(step: &Resync, told: &Told) -> Option<StepReport> {
    let result = match told.progress(&step.id) {
        Progress::Trying => "not finished: it was not turned off; its scanning configuration may be another",
        progress if progress.is_open() => "not finished: it may be without scanning, or without its configuration",
        Progress::Restored if told.is_so(&step.id, UNANSWERED) => {
            "not finished: it is on, with its configuration; nobody knows whether it was off: its disable had no answer"
        }
        Progress::Restored => "not finished: it was turned off, and is on again with its configuration",
        _ => return None,
    };
    let report = report(step, told, result.to_owned(), step.repositories.clone(), taken_before(step, told));
    Some(StepReport { finished: false, ..report })
}

pub(crate) fn describe(step: &Resync, what: &str) -> String {
    format!("{} ({} {}): {what}", step.id, step.account, step.region)
}
