//! Inspector's own copy of the findings in S3, where somebody asks for it: besides the backup, never instead of it.

use scangap_aws::CallError;
use scangap_model::{Api, GapKind};
use serde_json::json;

use crate::context::Executor;
use crate::destination::FindingsReports;
use crate::error::Stop;
use scangap_plan::Resync;

/// Has Inspector write a cell's findings, and waits until it has. AWS writes one report at a time.
pub(crate) async fn write(executor: &Executor<'_>, step: &Resync, to: &FindingsReports) -> Result<(), Stop> {
    let failed = |why: String| Stop::Backup { step: step.id.clone(), why: format!("Inspector's report: {why}") };
    let of_call = |error: CallError| failed(error.to_string());
    let destination = to.of(&step.region).map_err(Stop::FindingsReports)?;
    let writer = executor.writer(&step.id, step.toggled_from, &step.region)?;
    let place = format!("s3://{}/{}", destination.bucket, destination.prefix.as_deref().unwrap_or_default());
    let line = [("call", json!("inspector2:CreateFindingsReport")), ("to", json!(place))];
    executor.line("reporting", &step.id, &line).await?;
    let mut waits = executor.waits();
    let id = loop {
        let call = executor.access.call(Api::CreateFindingsReport);
        match writer.create_findings_report(&call, step.account, !step.only_scan_type, &destination).await {
            Ok(id) => break id,
            // Certainly not begun. Anything else may have been, and a second one would stand in its way.
            Err(error) if error.kind == GapKind::Throttled && !waits.is_over() => waits.wait().await,
            Err(error) => return Err(of_call(error)),
        }
    };
    loop {
        let read =
            || async { writer.findings_report_status(&executor.access.call(Api::GetFindingsReportStatus), &id).await };
        let report = executor.patient(read).await.map_err(of_call)?;
        match report.status.as_str() {
            "SUCCEEDED" => break,
            "IN_PROGRESS" if executor.cancel.is_cancelled() => return Err(Stop::Interrupted),
            "IN_PROGRESS" if !waits.is_over() => waits.wait().await,
            "IN_PROGRESS" => return Err(failed(format!("{id} is still in progress; --wait is how long it may take"))),
            other => return Err(failed(format!("{id} is {other}: {} {}", report.code, report.message))),
        }
    }
    let report = format!("{place}: report {id}");
    executor.line("reported", &step.id, &[("findings_report", json!(report))]).await
}
