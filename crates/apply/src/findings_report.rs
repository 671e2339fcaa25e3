//! Inspector's own copy of the findings in S3, where it is asked for: besides the backup, never instead of it.

use scangap_aws::CallError;
use scangap_model::{Api, GapKind};

use crate::context::Executor;
use crate::destination::FindingsReports;
use crate::error::ApplyError;
use crate::events::ApplyEvent;
use crate::journal::JournalLine;
use scangap_plan::Resync;

/// Has Inspector write a registry's findings, and waits until it has. AWS: a report of nothing fails, and one at a time is
/// written.
pub(crate) async fn write_if_asked(executor: &Executor<'_>, step: &Resync) -> Result<(), ApplyError> {
    let Some(to) = executor.options.findings_reports.as_ref().filter(|_| executor.findings_saved(&step.id) > 0) else {
        return Ok(());
    };
    let _alone = executor.reporting.lock().await;
    write(executor, step, to).await?;
    executor.tell(ApplyEvent::Reported { step: step.id.clone() });
    Ok(())
}

async fn write(executor: &Executor<'_>, step: &Resync, to: &FindingsReports) -> Result<(), ApplyError> {
    let failed = |why: String| ApplyError::Backup { step: step.id.clone(), why: format!("Inspector's report: {why}") };
    let of_call = |error: CallError| failed(error.to_string());
    let destination = to.of(&step.region).map_err(ApplyError::FindingsReports)?;
    let writer = executor.writer(&step.id, step.toggled_from, &step.region)?;
    let place = format!("s3://{}/{}", destination.bucket, destination.prefix.as_deref().unwrap_or_default());
    let call = Some(Api::CreateFindingsReport.to_string());
    executor.write(JournalLine { call, to: Some(place.clone()), ..JournalLine::of(&step.id, "reporting") })?;
    let mut backoff = executor.backoff();
    let id = loop {
        let call = executor.access.call(Api::CreateFindingsReport);
        match writer.create_findings_report(&call, step.account, !step.only_scan_type, &destination).await {
            Ok(id) => break id,
            // Certainly not begun. Anything else may have been, and a second one would stand in its way.
            Err(error) if error.kind == GapKind::Throttled && !executor.is_over(&backoff) => {
                executor.pause(&mut backoff).await;
            }
            Err(error) => return Err(of_call(error)),
        }
    };
    loop {
        let read =
            || async { writer.findings_report_status(&executor.access.call(Api::GetFindingsReportStatus), &id).await };
        let report = executor.patient(read).await.map_err(of_call)?;
        match report.status.as_str() {
            "SUCCEEDED" => break,
            "IN_PROGRESS" if executor.cancel.is_cancelled() => return Err(ApplyError::Interrupted),
            "IN_PROGRESS" if !executor.is_over(&backoff) => executor.pause(&mut backoff).await,
            "IN_PROGRESS" => return Err(failed(format!("{id} is still in progress; --wait is how long it may take"))),
            other => return Err(failed(format!("{id} is {other}: {} {}", report.code, report.message))),
        }
    }
    let report = format!("{place}: report {id}");
    executor.write(JournalLine { findings_report: Some(report), ..JournalLine::of(&step.id, "reported") })
}
