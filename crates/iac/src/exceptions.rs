//! Decisions to let a finding be: comments at the place, and a baseline of findings that were there before. Each has a reason and an end;
//! one that is past counts no more, and one that matches nothing is named.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::finding::{Exception, ExceptionNote, Finding, GateReport};
use crate::source::{Source, Span};

/// What a comment begins with: `scangap:ignore blocked moved to another account until 2027-01-31`.
const MARK: &str = "scangap:ignore";

/// A comment that excepts findings of one rule near it.
#[derive(Debug, Clone)]
pub struct Comment {
    pub code: String,
    pub reason: String,
    pub until: Date,
    /// The lines of its file that it is about: a comment above a block is about the block.
    file: String,
    line: usize,
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

/// The comments of a source. Those that say no reason or no end are named, and do nothing.
pub fn comments(source: &Source, notes: &mut Vec<ExceptionNote>) -> Vec<Comment> {
    let mut all = Vec::new();
    for (at, _) in source.text.match_indices(MARK) {
        let (_, end) = source.line(at);
        let place = source.place(at);
        let said = source.text.get(at + MARK.len()..end).unwrap_or_default();
        let said = said.trim().trim_end_matches("*/").trim();
        let whence = format!("a comment in {}, line {}", place.file, place.line);
        match parsed(said) {
            Ok((code, reason, until)) => all.push(Comment {
                code,
                reason,
                until,
                file: place.file,
                line: place.line,
                source: whence,
                used: false,
            }),
            Err(what) => notes.push(ExceptionNote { source: whence, what }),
        }
    }
    all
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

/// Lines above a finding, or its resource, in which a comment is about it.
const ABOVE: usize = 2;

impl Comment {
    fn is_about(&self, finding: &Finding, resource: (usize, usize)) -> bool {
        let (first, last) = resource;
        self.code == finding.code
            && self.file == finding.place.file
            && (first.saturating_sub(ABOVE)..=last).contains(&self.line)
    }
}

/// The comment that excepts a finding of a resource with this span, where there is one.
pub fn by_comment(
    comments: &mut [Comment],
    finding: &Finding,
    source: &Source,
    resource: Span,
    today: Date,
) -> Option<Exception> {
    let lines =
        (source.place(resource.0).line.min(finding.place.line), source.place(resource.1).line.max(finding.end.line));
    let comment = comments.iter_mut().find(|comment| comment.is_about(finding, lines))?;
    comment.used = true;
    (comment.until >= today).then(|| Exception {
        reason: comment.reason.clone(),
        until: comment.until.to_string(),
        source: comment.source.clone(),
    })
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
