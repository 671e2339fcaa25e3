//! The folders that audits make, where they are started and beside each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::Offset;
use scangap_snapshot::{ReadError, RunState, Snapshot};

/// Where audits write that are told no folder.
const RUNS: &str = "runs";

/// Snapshots in the folders below a folder.
fn snapshots(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let folders = fs_err::read_dir(folder).into_iter().flatten().flatten();
    folders.map(|entry| entry.path().join("snapshot.db")).filter(|path| path.is_file())
}

/// The snapshot that was written last among those that audits put below this folder.
pub(crate) fn newest_snapshot() -> Option<PathBuf> {
    let written = |path: &PathBuf| fs_err::metadata(path).and_then(|file| file.modified()).ok();
    snapshots(Path::new(RUNS)).filter_map(|path| Some((written(&path)?, path))).max().map(|(_, path)| path)
}

/// Earlier audits of one organization.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The last complete audit of each earlier quarter, in order; where there is none, the latest earlier audit.
    pub(crate) history: Vec<PathBuf>,
    /// The workbook of the latest earlier audit.
    pub(crate) workbook: Option<PathBuf>,
}

/// A calendar quarter of a year.
type Quarter = (i16, i8);

fn quarter(time: Timestamp) -> Quarter {
    let date = Offset::UTC.to_datetime(time).date();
    (date.year(), (date.month() - 1) / 3)
}

/// Looks beside the snapshot's own folder, and where audits write that are told no folder. What is no snapshot of this organization is
/// passed over.
pub(crate) fn earlier_of(path: &Path, snapshot: &Snapshot) -> Result<Found, ReadError> {
    let own = &snapshot.meta;
    let organization = &snapshot.facts.organization.id;
    let beside = path.parent().and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
    let beside = if beside.as_os_str().is_empty() { PathBuf::from(".") } else { beside };
    let mut audits: BTreeMap<(Timestamp, String), PathBuf> = BTreeMap::new();
    for path in snapshots(&beside).chain(snapshots(Path::new(RUNS))) {
        let Ok(meta) = Snapshot::meta(&path) else { continue };
        let earlier = meta.as_of < own.as_of && meta.simulated == own.simulated && meta.state == RunState::Complete;
        let Some(hash) = meta.facts_sha256.filter(|_| earlier) else { continue };
        if Snapshot::organization(&path)?.is_some_and(|facts| facts.id == *organization) {
            audits.entry((meta.as_of, hash)).or_insert(path);
        }
    }
    let mut by_quarter: BTreeMap<Quarter, PathBuf> = BTreeMap::new();
    for ((as_of, _), path) in audits.iter().filter(|((as_of, _), _)| quarter(*as_of) < quarter(own.as_of)) {
        by_quarter.insert(quarter(*as_of), path.clone());
    }
    let latest = audits.into_values().next_back();
    let workbook = latest.as_ref().map(|path| path.with_file_name("audit.xlsx")).filter(|path| path.is_file());
    let history = if by_quarter.is_empty() { latest.into_iter().collect() } else { by_quarter.into_values().collect() };
    Ok(Found { history, workbook })
}
