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
        "unrecognized": report.unrecognized,
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

/// The schema of the report.
pub fn schema() -> Value {
    let text = || json!({ "type": "string" });
    let optional = || json!({ "type": ["string", "null"] });
    let number = || json!({ "type": "integer", "minimum": 0 });
    let place = || object(&[("line", number()), ("column", number())]);
    let excepted = object(&[("reason", text()), ("until", text()), ("source", text())]);
    let finding = object(&[
        ("code", text()),
        ("level", json!({ "enum": ["error", "warning", "note"] })),
        ("message", text()),
        ("file", text()),
        ("start", place()),
        ("end", place()),
        ("address", text()),
        ("statement", optional()),
        ("repair", optional()),
        ("fingerprint", text()),
        ("fails", json!({ "type": "boolean" })),
        ("excepted", json!({ "oneOf": [{ "type": "null" }, excepted] })),
    ]);
    let problem = object(&[("file", text()), ("line", number()), ("column", number()), ("message", text())]);
    let exception = object(&[("source", text()), ("what", text())]);
    let array = |items: Value| json!({ "type": "array", "items": items });
    let mut schema = object(&[
        ("schema_version", json!({ "const": SCHEMA_VERSION })),
        ("files_read", number()),
        ("policies_judged", number()),
        ("counts", json!({ "type": "object", "additionalProperties": number() })),
        ("findings", array(finding)),
        ("problems", array(problem)),
        ("unrecognized", array(text())),
        ("exceptions_without_effect", array(exception)),
    ]);
    if let Some(members) = schema.as_object_mut() {
        members.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        members.insert("title".to_owned(), json!("scangap gate --output json"));
    }
    schema
}

/// An object that has exactly these members.
fn object(members: &[(&str, Value)]) -> Value {
    let properties: serde_json::Map<String, Value> =
        members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let required: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}
