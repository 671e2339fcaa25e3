//! Annotations of GitHub Actions, and the summary of a job.

use std::fmt::Write;

use scangap_model::{code_block, code_cell, count, sanitize};

use crate::finding::{Finding, GateReport, Level};

/// A command for each finding: GitHub shows it at the line.
pub fn annotations(report: &GateReport) -> String {
    let mut text = String::new();
    for finding in report.findings.iter().filter(|finding| finding.excepted.is_none()) {
        let command = match finding.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "notice",
        };
        let mut message = finding.message.clone();
        if let Some(repair) = &finding.repair {
            message = format!("{message}\n{}", repair.trim_end());
        }
        let _ = writeln!(
            text,
            "::{command} file={},line={},endLine={},title={}::{}",
            property(&finding.place.file),
            finding.place.line,
            finding.end.line.max(finding.place.line),
            property(&format!("scangap {}", finding.code)),
            data(&message)
        );
    }
    for problem in &report.problems {
        let _ = writeln!(
            text,
            "::error file={},line={},title=scangap::{}",
            property(&problem.place.file),
            problem.place.line,
            data(&problem.message)
        );
    }
    text
}

/// As GitHub's toolkit escapes what a command says.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Markdown for `$GITHUB_STEP_SUMMARY`.
pub fn step_summary(report: &GateReport) -> String {
    let mut text = "### scangap gate\n\n".to_owned();
    let failing = report.findings.iter().filter(|finding| finding.fails && finding.excepted.is_none()).count();
    let _ = writeln!(
        text,
        "{} judged in {}: {}.\n",
        count(report.policies_judged, "policy"),
        count(report.files_read, "file"),
        match (failing, report.unread_files(), report.findings.len()) {
            (0, 0, 0) => "nothing keeps Inspector out".to_owned(),
            (0, 0, _) => "nothing fails".to_owned(),
            // What was not read could hold anything.
            (0, unread, _) => format!("{} not read", count(unread, "file")),
            (failing, 0, _) => format!("{} to act on", count(failing, "finding")),
            (failing, unread, _) => {
                format!("{} to act on, {} not read", count(failing, "finding"), count(unread, "file"))
            }
        }
    );
    if !report.findings.is_empty() {
        text.push_str("| where | what | statement |\n|---|---|---|\n");
        for finding in &report.findings {
            let _ = writeln!(
                text,
                "| {} | {}{} | {} |",
                code_cell(&place(finding)),
                finding.code,
                excepted(finding),
                statement(finding)
            );
        }
    }
    for finding in report.findings.iter().filter(|finding| finding.excepted.is_none()) {
        if let Some(repair) = &finding.repair {
            let _ = writeln!(
                text,
                "\n<details><summary>Repair of {}</summary>\n\n{}\n</details>",
                html(&place(finding)),
                code_block("", repair.trim_end())
            );
        }
    }
    for problem in &report.problems {
        let _ = writeln!(text, "\n{} was not read: {}", code_cell(&problem.place.file), html(&problem.message));
    }
    text
}

fn place(finding: &Finding) -> String {
    let place = format!("{}:{}", finding.place.file, finding.place.line);
    if finding.address.is_empty() { place } else { format!("{place} {}", finding.address) }
}

fn statement(finding: &Finding) -> String {
    finding.statement.as_deref().map_or_else(String::new, code_cell)
}

fn excepted(finding: &Finding) -> String {
    finding
        .excepted
        .as_ref()
        .map_or_else(String::new, |exception| format!(" (excepted until {})", html(&exception.until)))
}

fn html(text: &str) -> String {
    sanitize(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('|', "&#124;")
}
