//! Decisions to accept a finding: comments at the place, and a baseline of findings that were there before. Each has a reason and an end;
//! one that is past counts no more, and one that matches nothing is named.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::finding::{Exception, ExceptionNote, Finding, GateReport};
use crate::source::{Place, Source};

/// What a comment begins with: `scangap:ignore blocked moved to another account until 2027-01-31`.
const MARK: &str = "scangap:ignore";

/// A comment that excepts findings of one rule near it.
#[derive(Debug, Clone)]
pub struct Comment {
    pub code: String,
    pub reason: String,
    pub until: Date,
    file: String,
    line: usize,
    /// The first line of code from there on: what it stands above.
    first_below: usize,
    source: String,
    used: bool,
}

/// Findings that were there when the gate was built in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    pub schema_version: u32,
    pub findings: Vec<Known>,
}

/// One finding of a baseline.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    pub fingerprint: String,
    pub code: String,
    pub file: String,
    pub address: String,
    pub reason: String,
    /// The last day that it holds.
    pub until: Date,
}

pub const BASELINE_VERSION: u32 = 1;

/// The comments of a source. Those that say no reason or no end are named, and do nothing. JSON has none.
pub fn comments(source: &Source, notes: &mut Vec<ExceptionNote>) -> Vec<Comment> {
    let mut all = Vec::new();
    for (name, (start, end)) in source.files() {
        let text = source.text.get(start..end).unwrap_or_default();
        if !text.contains(MARK) || text.trim_start().starts_with('{') {
            continue;
        }
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some((before, said)) = line.split_once(MARK) else { continue };
            if !["#", "//", "/*", "*"].iter().any(|begin| before.trim_end().ends_with(begin)) {
                continue;
            }
            let said: String = said.chars().take(SAID_MAX).collect();
            let source = format!("a comment in {name}, line {}", at + 1);
            match parsed(said.trim().trim_end_matches("*/").trim()) {
                Ok((code, reason, until)) => {
                    let below = lines.iter().enumerate().skip(at).find(|(_, line)| !is_comment(line));
                    all.push(Comment {
                        code,
                        reason,
                        until,
                        file: name.to_owned(),
                        line: at + 1,
                        // A comment behind code is about its own line.
                        first_below: below.map_or(at, |(at, _)| at) + 1,
                        source,
                        used: false,
                    });
                }
                Err(what) => notes.push(ExceptionNote { source, what }),
            }
        }
    }
    all
}

/// Characters of a comment that are read.
const SAID_MAX: usize = 500;

/// Whether a line has no code.
fn is_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || ["#", "//", "/*", "*"].iter().any(|begin| line.starts_with(begin))
}

fn parsed(said: &str) -> Result<(String, String, Date), String> {
    let (rest, until) = said
        .rsplit_once(" until ")
        .ok_or_else(|| format!("says no end: write `{MARK} CODE reason until 2027-01-31`"))?;
    let until = until.split_whitespace().next().unwrap_or_default();
    let until = until.parse().map_err(|_| format!("`{until}` is no date: write one such as 2027-01-31"))?;
    let (code, reason) = rest.trim().split_once(char::is_whitespace).ok_or("says no reason")?;
    Ok((code.to_owned(), reason.trim().to_owned(), until))
}

impl Comment {
    /// Whether it stands in the finding's resource or statement, or right above one of them.
    fn is_about(&self, finding: &Finding) -> bool {
        let is_at = |start: &Place, end: &Place| {
            let last = if end.file == start.file { end.line } else { start.line };
            self.file == start.file && ((start.line..=last).contains(&self.line) || start.line == self.first_below)
        };
        self.code == finding.code
            && (is_at(&finding.resource.0, &finding.resource.1) || is_at(&finding.place, &finding.end))
    }
}

/// The comment that excepts a finding, where there is one that is not past.
pub fn by_comment(comments: &mut [Comment], finding: &Finding, today: Date) -> Option<Exception> {
    let mut excepted = None;
    for comment in comments.iter_mut().filter(|comment| comment.is_about(finding)) {
        comment.used = true;
        if comment.until >= today && excepted.is_none() {
            excepted = Some(Exception {
                reason: comment.reason.clone(),
                until: comment.until.to_string(),
                source: comment.source.clone(),
            });
        }
    }
    excepted
}

/// Names the comments that do nothing.
pub fn unused(comments: &[Comment], today: Date, notes: &mut Vec<ExceptionNote>) {
    for comment in comments {
        let what = if comment.until < today {
            format!("expired on {}", comment.until)
        } else if comment.used {
            continue;
        } else {
            format!("`{}` matches nothing here", comment.code)
        };
        notes.push(ExceptionNote { source: comment.source.clone(), what });
    }
}

impl Baseline {
    /// Of what counts now.
    pub fn of(report: &GateReport, reason: &str, until: Date) -> Self {
        let open = report.findings.iter().filter(|finding| finding.fails && finding.excepted.is_none());
        let known = |finding: &Finding| Known {
            fingerprint: finding.fingerprint.clone(),
            code: finding.code.clone(),
            file: finding.place.file.clone(),
            address: finding.address.clone(),
            reason: reason.to_owned(),
            until,
        };
        Self { schema_version: BASELINE_VERSION, findings: open.map(known).collect() }
    }

    /// Excepts the findings that it knows, and names those that are gone or past.
    pub fn except(&self, report: &mut GateReport, name: &str, today: Date) {
        for known in &self.findings {
            let mut found = false;
            for finding in report.findings.iter_mut().filter(|finding| finding.fingerprint == known.fingerprint) {
                found = true;
                if known.until >= today && finding.excepted.is_none() {
                    finding.excepted = Some(Exception {
                        reason: known.reason.clone(),
                        until: known.until.to_string(),
                        source: name.to_owned(),
                    });
                }
            }
            let what = match (found, known.until < today) {
                (false, _) => "matches nothing any more".to_owned(),
                (true, true) => format!("expired on {}", known.until),
                (true, false) => continue,
            };
            let source = format!("{name}: {} {} {}", known.code, known.file, known.address);
            report.exceptions.push(ExceptionNote { source: source.trim_end().to_owned(), what });
        }
    }
}
