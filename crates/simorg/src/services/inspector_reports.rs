//! Amazon Inspector: reports of findings, as it writes them to S3. There is no S3 here: what a report would hold is counted.

use scangap_model::RegionName;
use serde_json::{Value, json};

use super::inspector_history::matching;
use crate::wire::{Incoming, WireError};
use crate::world::{Caller, FindingsReport, World};

/// `None`: not one of these operations.
pub(super) fn answer(
    world: &mut World,
    caller: &Caller,
    request: &Incoming,
    region: &RegionName,
) -> Option<Result<Value, WireError>> {
    Some(match request.operation.as_str() {
        "CreateFindingsReport" => create(world, caller, request, region),
        "GetFindingsReportStatus" => status(world, caller, request, region),
        _ => return None,
    })
}

fn invalid(message: &str) -> WireError {
    WireError::new(400, "ValidationException", message)
}

fn create(world: &mut World, caller: &Caller, request: &Incoming, region: &RegionName) -> Result<Value, WireError> {
    if !matches!(request.text("reportFormat"), Some("CSV" | "JSON")) {
        return Err(invalid("reportFormat: CSV or JSON"));
    }
    let member = |name: &str| request.input.get("s3Destination")?.get(name)?.as_str().map(str::to_owned);
    let bucket = member("bucketName").ok_or_else(|| invalid("s3Destination.bucketName is missing"))?;
    if member("kmsKeyArn").is_none() {
        return Err(invalid("s3Destination.kmsKeyArn is missing"));
    }
    let findings = matching(world, caller, request, region)?.len();
    let missing = world.organization.report_buckets.as_ref().is_some_and(|buckets| !buckets.contains(&bucket));
    let error = match (missing, findings) {
        (true, _) => Some("BUCKET_NOT_FOUND"),
        (false, 0) => Some("NO_FINDINGS_FOUND"),
        (false, _) => None,
    };
    let id = format!("00000000-0000-4000-8000-{:012}", world.reports.len() + 1);
    world.reports.push(FindingsReport {
        id: id.clone(),
        caller: caller.account,
        region: region.clone(),
        destination: request.input.get("s3Destination").cloned().unwrap_or_default(),
        findings: findings as u64,
        error,
        asked: false,
    });
    Ok(json!({"reportId": id}))
}

/// Under way when it is asked about first.
fn status(world: &mut World, caller: &Caller, request: &Incoming, region: &RegionName) -> Result<Value, WireError> {
    let id = request.text("reportId").unwrap_or_default().to_owned();
    let mut reports = world.reports.iter_mut();
    let report = reports
        .find(|report| report.id == id && report.caller == caller.account && report.region == *region)
        .ok_or_else(|| WireError::new(404, "ResourceNotFoundException", "There is no such report"))?;
    let status = match (std::mem::replace(&mut report.asked, true), report.error) {
        (false, _) => "IN_PROGRESS",
        (true, Some(_)) => "FAILED",
        (true, None) => "SUCCEEDED",
    };
    let error = report.error.filter(|_| status == "FAILED");
    Ok(json!({
        "reportId": id,
        "status": status,
        "destination": report.destination,
        "errorCode": error,
        "errorMessage": error.map(|_| "The report could not be written"),
    }))
}
