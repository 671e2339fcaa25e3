//! The report for programs of one's own.

use serde_json::{Value, json};

use crate::finding::{Finding, GateReport};
use crate::source::Place;

const SCHEMA_VERSION: u32 = 1;

pub fn report(report: &GateReport) -> Value {
    json!({
        "schema_version": SCHEMA_VERSION,
        "files_read": report.files_read,
        "policies_judged": report.policies_judged,
        "counts": report.counts,
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "problems": report.problems.iter().map(|problem| {
            json!({ "file": problem.place.file, "line": problem.place.line, "column": problem.place.column, "message": problem.message })
        }).collect::<Vec<_>>(),
        "exceptions_without_effect": report.exceptions.iter().map(|one| {
            json!({ "source": one.source, "what": one.what })
        }).collect::<Vec<_>>(),
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "code": finding.code,
        "level": finding.level.word(),
        "message": finding.message,
        "file": finding.place.file,
        "start": place(&finding.place),
        "end": place(&finding.end),
        "address": finding.address,
        "statement": finding.statement,
        "repair": finding.repair,
        "fingerprint": finding.fingerprint,
        "fails": finding.fails && finding.excepted.is_none(),
        "excepted": finding.excepted.as_ref().map(|exception| {
            json!({ "reason": exception.reason, "until": exception.until, "source": exception.source })
        }),
    })
}

fn place(place: &Place) -> Value {
    json!({ "line": place.line, "column": place.column })
}
