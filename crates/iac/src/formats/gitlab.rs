//! GitLab's code quality report.

use serde_json::{Value, json};

use crate::finding::{GateReport, Level, fingerprint};

pub fn code_quality(report: &GateReport) -> Value {
    let findings = report.findings.iter().filter(|finding| finding.excepted.is_none()).map(|finding| {
        let severity = match (finding.level, finding.fails) {
            (_, true) => "blocker",
            (Level::Error, false) => "critical",
            (Level::Warning, false) => "minor",
            (Level::Note, false) => "info",
        };
        json!({
            "description": finding.message,
            "check_name": finding.code,
            "fingerprint": finding.fingerprint,
            "severity": severity,
            "location": { "path": path(&finding.place.file), "lines": { "begin": finding.place.line } },
        })
    });
    let problems = report.problems.iter().map(|problem| {
        json!({
            "description": problem.message,
            "check_name": "unreadable_file",
            "fingerprint": fingerprint(&["unreadable_file", &problem.place.file]),
            "severity": "blocker",
            "location": { "path": path(&problem.place.file), "lines": { "begin": problem.place.line } },
        })
    });
    findings.chain(problems).collect()
}

fn path(file: &str) -> &str {
    file.strip_prefix("./").unwrap_or(file)
}
