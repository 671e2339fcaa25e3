//! Earlier audits of the same organization, for a report: what changed since the last, and the trend of all.

use std::path::PathBuf;

use jiff::Timestamp;
use scangap_report::{Changes, Decisions, History, Trend, read_notes};
use scangap_snapshot::Snapshot;

use crate::args::Past;
use crate::assessed::{AssessedSnapshot, file_in};
use crate::config;
use crate::error::CliError;

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
        let (previous, history) = (past.previous.as_deref(), &past.history);
        let previous = previous.map(AssessedSnapshot::open_checked).transpose()?;
        let mut changes = previous.as_ref().map(|previous| judged.changes_since(previous)).transpose()?;
        if history.is_empty() {
            return Ok(Self { changes, trend: None, decisions });
        }
        let mut trend = History::default();
        let mut before: Option<AssessedSnapshot> = None;
        for (_, path) in in_order(judged, history)? {
            let audit = AssessedSnapshot::open_checked(&path)?;
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

/// What people decided. It is read before anything is asked: a file that cannot be read costs no audit.
pub(crate) fn decisions(past: &Past) -> Result<Decisions, CliError> {
    let acceptances = config::acceptances(past.config.as_deref())?;
    Ok(Decisions { acceptances, notes: read_notes(&past.carry_over).map_err(CliError::CarryOver)? })
}

/// Snapshots by their time, each once, and not the one that is reported: it comes last.
fn in_order(judged: &AssessedSnapshot, paths: &[PathBuf]) -> Result<Vec<(Timestamp, PathBuf)>, CliError> {
    let mut found = Vec::new();
    let mut seen = vec![judged.snapshot.meta.facts_sha256.clone()];
    for path in paths {
        let path = file_in(path, "snapshot.db");
        let meta = Snapshot::meta(&path).map_err(CliError::Snapshot)?;
        // A run that was never closed has no hash, and is itself alone.
        if meta.facts_sha256.is_none() || !seen.contains(&meta.facts_sha256) {
            seen.push(meta.facts_sha256);
            found.push((meta.as_of, path));
        }
    }
    found.sort();
    Ok(found)
}
