//! Earlier audits of the same organization, for a report: what changed since the last, and the trend of all.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use scangap_model::count;
use scangap_report::{Changes, Decisions, History, Trend, read_notes, sanitize};
use scangap_snapshot::Snapshot;

use crate::args::Past;
use crate::assessed::AssessedSnapshot;
use crate::config;
use crate::error::CliError;
use crate::file_in::file_in;
use crate::runs::{self, Found};
use crate::terminal;

/// What earlier audits say together with the one that is reported.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    pub(crate) changes: Option<Changes>,
    pub(crate) trend: Option<Trend>,
    pub(crate) decisions: Decisions,
}

impl Earlier {
    /// The one before is the one that is named, or the last of the history.
    pub(crate) fn read(judged: &AssessedSnapshot, past: &Past, decisions: Decisions) -> Result<Self, CliError> {
        let mut decisions = decisions;
        let found = if past.quarter { runs::earlier_of(&judged.path, &judged.snapshot) } else { Found::default() };
        let history = if past.history.is_empty() { &found.history } else { &past.history };
        if past.quarter {
            let mut notes_of = None;
            if past.carry_over.is_empty() {
                // The latest that holds notes has all of them. One that cannot be read is named, and costs no report; what was decided in it may
                // undo what older ones say, so none of them takes its place.
                for workbook in found.workbooks {
                    match read_notes(std::slice::from_ref(&workbook)) {
                        Ok(notes) if notes.is_empty() => {}
                        Ok(notes) => {
                            (decisions.notes, notes_of) = (notes, Some(workbook));
                            break;
                        }
                        Err(error) => {
                            let path = workbook.display();
                            let mended = "mend it, and give it to `scangap report` with --carry-over";
                            terminal::note(&sanitize(&format!(
                                "no notes are carried over: {error}; {mended} ({path})"
                            )));
                            break;
                        }
                    }
                }
            }
            terminal::note(&sanitize(&in_words(history, notes_of.as_deref())));
        }
        let previous = past.previous.as_deref().map(AssessedSnapshot::open_checked).transpose()?;
        let mut changes = previous.as_ref().map(|previous| judged.changes_since(previous)).transpose()?;
        if history.is_empty() {
            return Ok(Self { changes, trend: None, decisions });
        }
        let mut trend = History::default();
        let mut before: Option<AssessedSnapshot> = None;
        for (_, path) in in_order(judged, history)? {
            let audit = match AssessedSnapshot::open_checked(&path) {
                Ok(audit) => audit,
                // What was found by itself costs no report.
                Err(error) if past.history.is_empty() => {
                    terminal::note(&sanitize(&format!("not in the history: {error}")));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let added = trend.add(before.as_ref().map(AssessedSnapshot::input).as_ref(), &audit.input());
            added.map_err(|source| CliError::History { path, source })?;
            before = Some(audit);
        }
        let last = before.as_ref().map(AssessedSnapshot::input);
        trend
            .add(last.as_ref(), &judged.input())
            .map_err(|source| CliError::History { path: before.as_ref().unwrap_or(judged).path.clone(), source })?;
        if let (None, Some(before)) = (&changes, &before) {
            changes = Some(judged.changes_since(before)?);
        }
        Ok(Self { changes, trend: Some(trend.trend()), decisions })
    }
}

/// `the quarter: 4 earlier audits, the last in runs/2026-08-24-o-exampleorg; notes of its audit.xlsx`.
fn in_words(history: &[PathBuf], workbook: Option<&Path>) -> String {
    let audits = match history.last() {
        None => "no earlier audit of this organization was found beside this one or in runs".to_owned(),
        Some(last) => format!("{}, the last is {}", count(history.len(), "earlier audit"), last.display()),
    };
    let notes = workbook.map_or_else(String::new, |path| format!("; notes of {}", path.display()));
    format!("the quarter: {audits}{notes}")
}

/// What people decided. It is read before anything is asked: a file that cannot be read costs no audit.
pub(crate) fn decisions(past: &Past) -> Result<Decisions, CliError> {
    for path in past.previous.iter().chain(&past.history) {
        Snapshot::meta(&file_in(path, "snapshot.db")).map_err(CliError::Snapshot)?;
    }
    let acceptances = config::acceptances(past.config.as_deref()).map_err(CliError::Config)?;
    Ok(Decisions { acceptances, notes: read_notes(&past.carry_over).map_err(CliError::CarryOver)? })
}

/// Snapshots by their time, each once, and not the one that is reported: it comes last.
fn in_order(judged: &AssessedSnapshot, paths: &[PathBuf]) -> Result<Vec<(Timestamp, PathBuf)>, CliError> {
    let own = &judged.snapshot.meta;
    let mut found = Vec::new();
    // Two audits may have the same facts, where nothing changed between them.
    let mut seen = vec![(own.as_of, own.facts_sha256.clone())];
    for path in paths {
        let path = file_in(path, "snapshot.db");
        let meta = Snapshot::meta(&path).map_err(CliError::Snapshot)?;
        if meta.as_of > own.as_of {
            // A pattern such as runs/* names all there are.
            terminal::note(&sanitize(&format!(
                "{} is later than the audit that is reported: left out",
                path.display()
            )));
            continue;
        }
        let identity = (meta.as_of, meta.facts_sha256);
        // A run that was never closed has no hash, and is itself alone.
        if identity.1.is_none() || !seen.contains(&identity) {
            seen.push(identity);
            found.push((meta.as_of, path));
        }
    }
    found.sort();
    Ok(found)
}
