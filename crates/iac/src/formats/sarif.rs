//! SARIF 2.1.0: what code scanning of GitHub, Azure DevOps and editors show at the line.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::finding::{Finding, GateReport, Replacement, Rule};
use crate::source::Place;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

pub fn sarif(report: &GateReport, rules: &[Rule], version: &str) -> Value {
    let rule = |rule: &Rule| {
        json!({
            "id": rule.code,
            "name": rule.code,
            "shortDescription": { "text": rule.title },
            "fullDescription": { "text": rule.help },
            "help": { "text": rule.help },
            "defaultConfiguration": { "level": rule.level.word() },
            "properties": { "tags": ["security", "ecr", "inspector"] },
        })
    };
    let results: Vec<Value> = report.findings.iter().map(|finding| result(finding, rules)).collect();
    let problems: Vec<Value> = report
        .problems
        .iter()
        .map(|problem| {
            json!({
                "level": "error",
                "message": { "text": problem.message },
                "locations": [location(&problem.place, &problem.place, "")],
            })
        })
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "scangap",
                "version": version,
                "semanticVersion": version,
                "rules": rules.iter().map(rule).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": report.problems.is_empty(),
                "toolExecutionNotifications": problems,
            }],
            "results": results,
        }],
    })
}

fn result(finding: &Finding, rules: &[Rule]) -> Value {
    let mut message = finding.message.clone();
    if let Some(repair) = &finding.repair {
        message.push_str("\n\n");
        message.push_str(repair.trim_end());
    }
    let mut result = json!({
        "ruleId": finding.code,
        "level": finding.level.word(),
        "message": { "text": message },
        "locations": [location(&finding.place, &finding.end, &finding.address)],
        "partialFingerprints": { "scangap/v1": finding.fingerprint },
    });
    if let Some(index) = rules.iter().position(|rule| rule.code == finding.code) {
        put(&mut result, "ruleIndex", json!(index));
    }
    if !finding.replacements.is_empty() {
        put(&mut result, "fixes", json!([fix(&finding.replacements)]));
    }
    if let Some(exception) = &finding.excepted {
        let kind = if exception.source.starts_with("a comment") { "inSource" } else { "external" };
        let justification = format!("{} (until {}, {})", exception.reason, exception.until, exception.source);
        let suppression = json!({ "kind": kind, "status": "accepted", "justification": justification });
        put(&mut result, "suppressions", json!([suppression]));
    }
    result
}

/// All changes together, file by file: what a policy is made of may be in several files of a module.
fn fix(all: &[Replacement]) -> Value {
    let mut files: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for Replacement { start, end, text } in all {
        // Without its end a region goes on to the end of the line; one that is empty is where something is put in.
        let deleted = json!({
            "startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column,
        });
        let replacement = json!({ "deletedRegion": deleted, "insertedContent": { "text": text } });
        files.entry(&start.file).or_default().push(replacement);
    }
    let change = |(file, replacements): (&str, Vec<Value>)| json!({ "artifactLocation": { "uri": uri(file) }, "replacements": replacements });
    json!({
        "description": { "text": "Exempt Inspector's role from the statements that deny it" },
        "artifactChanges": files.into_iter().map(change).collect::<Vec<_>>(),
    })
}

fn location(start: &Place, end: &Place, address: &str) -> Value {
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&start.file) },
            "region": region(start, end),
        },
    });
    if !address.is_empty() {
        put(&mut location, "logicalLocations", json!([{ "fullyQualifiedName": address, "kind": "resource" }]));
    }
    location
}

fn region(start: &Place, end: &Place) -> Value {
    let mut region = json!({ "startLine": start.line, "startColumn": start.column });
    // Another file's end is none.
    if end.file == start.file && (end.line, end.column) > (start.line, start.column) {
        put(&mut region, "endLine", json!(end.line));
        put(&mut region, "endColumn", json!(end.column));
    }
    region
}

/// A path as a relative reference: what a URI gives another meaning is escaped.
fn uri(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path).replace('\\', "/");
    let mut uri = String::new();
    for byte in path.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=@".contains(&byte);
        if plain {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    if uri.starts_with('/') { format!("file://{uri}") } else { uri }
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(key.to_owned(), value);
    }
}
