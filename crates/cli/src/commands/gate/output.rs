//! The findings in the form that was asked for, and in others into files.

use std::fmt::Write as _;

use scangap_iac::{Finding, GateReport, Level, annotations, code_quality, json_report, junit, sarif, step_summary};
use scangap_model::{Tone, count, sanitize};
use scangap_report::write_atomically;

use crate::args::{Gate, GateOutput};
use crate::environment;
use crate::error::CliError;
use crate::gate_rules;
use crate::terminal::{self, paint};

/// Files that are named one by one.
const UNRECOGNIZED_SHOWN: usize = 10;

pub(super) fn print(command: &Gate, report: &GateReport) -> Result<(), CliError> {
    for (form, path) in &command.save {
        let text = anstream::adapter::strip_str(&rendered(*form, report)?).to_string();
        write_atomically(path, |out| out.write_all(text.as_bytes())).map_err(CliError::Report)?;
    }
    terminal::out(&rendered(command.output, report)?);
    if command.output == GateOutput::Github
        && let Some(path) = environment::variable("GITHUB_STEP_SUMMARY")
    {
        append(&path, &step_summary(report))?;
    }
    for file in report.unrecognized.iter().take(UNRECOGNIZED_SHOWN) {
        terminal::note(&format!("{}: names resources of ECR, in a form that is not read", sanitize(file)));
    }
    let more = report.unrecognized.len().saturating_sub(UNRECOGNIZED_SHOWN);
    if more > 0 {
        terminal::note(&format!("and {} more: --output json names them", count(more, "place")));
    }
    for one in &report.exceptions {
        terminal::note(&format!("{}: {}", sanitize(&one.source), sanitize(&one.what)));
    }
    Ok(())
}

/// Every step of a job adds to the summary.
fn append(path: &std::ffi::OsStr, text: &str) -> Result<(), CliError> {
    use std::io::Write as _;
    let path = std::path::Path::new(path);
    let written = fs_err::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| CliError::StepSummary { path: path.to_owned(), source })
}

fn rendered(form: GateOutput, report: &GateReport) -> Result<String, CliError> {
    let pretty = |value: &serde_json::Value| {
        scangap_model::escape_control_characters(&serde_json::to_string_pretty(value).unwrap_or_default()) + "\n"
    };
    Ok(match form {
        GateOutput::Text => text(report),
        GateOutput::Json => pretty(&json_report(report)),
        GateOutput::Sarif => pretty(&sarif(report, &gate_rules::rules(), env!("CARGO_PKG_VERSION"))),
        GateOutput::Junit => junit(report).map_err(|error| CliError::Junit(error.to_string()))?,
        GateOutput::Github => annotations(report),
        GateOutput::Gitlab => pretty(&code_quality(report)),
    })
}

fn text(report: &GateReport) -> String {
    let mut out = String::new();
    for finding in &report.findings {
        one(&mut out, finding);
    }
    for problem in &report.problems {
        let place = format!("{}:{}:{}", sanitize(&problem.place.file), problem.place.line, problem.place.column);
        let _ = writeln!(out, "{}: {place}: {}\n", paint("not read", Tone::Bad), sanitize(&problem.message));
    }
    let _ = writeln!(out, "{}", summary(report));
    out
}

fn one(out: &mut String, finding: &Finding) {
    let tone = match finding.level {
        Level::Error if finding.code == gate_rules::UNDECIDED || finding.code == gate_rules::UNKNOWN => Tone::Question,
        Level::Error => Tone::Bad,
        Level::Warning => Tone::Warning,
        Level::Note => Tone::Neutral,
    };
    let code =
        if finding.level == Level::Warning { format!("warning[{}]", finding.code) } else { finding.code.clone() };
    let place = format!("{}:{}:{}", sanitize(&finding.place.file), finding.place.line, finding.place.column);
    let address = if finding.address.is_empty() { String::new() } else { format!(" {}", sanitize(&finding.address)) };
    let _ = writeln!(out, "{}: {place}{address}\n  {}", paint(&code, tone), finding.message);
    if let Some(exception) = &finding.excepted {
        let _ = writeln!(
            out,
            "  excepted until {}: {} ({})\n",
            sanitize(&exception.until),
            sanitize(&exception.reason),
            sanitize(&exception.source)
        );
        return;
    }
    out.push_str(&finding.excerpt);
    if let Some(repair) = &finding.repair {
        let _ = writeln!(out, "  repair:");
        for line in repair.lines() {
            let _ = writeln!(out, "    {}", sanitize(line));
        }
    }
    out.push('\n');
}

fn summary(report: &GateReport) -> String {
    let mut parts: Vec<String> = Vec::new();
    let excepted = report.findings.iter().filter(|finding| finding.excepted.is_some()).count();
    let failing = report.findings.iter().filter(|finding| finding.fails && finding.excepted.is_none()).count();
    for rule in gate_rules::rules() {
        if let Some(number) = report.counts.get(&rule.code) {
            parts.push(format!("{number} {}", rule.code));
        }
    }
    if let Some(allowed) = report.counts.get("allowed") {
        parts.push(format!("{allowed} allowed"));
    }
    let mut text = format!("{} in {}", count(report.policies_judged, "policy"), count(report.files_read, "file"));
    if !parts.is_empty() {
        text = format!("{text}: {}", parts.join(", "));
    }
    let unread = report.unread_files();
    match (failing, unread) {
        (0, 0) => text.push_str("; nothing fails"),
        // What was not read could hold anything.
        (0, _) => {}
        (failing, _) => {
            let _ = write!(text, "; {failing} to act on");
        }
    }
    if excepted > 0 {
        let _ = write!(text, ", {excepted} excepted");
    }
    if unread > 0 {
        let whose = if unread == 1 { "it" } else { "them" };
        let _ = write!(text, "; {} not read: nothing is known of {whose}", count(unread, "file"));
    }
    text
}
