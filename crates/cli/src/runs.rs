//! The folders that audits make, where they are started and beside each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::Offset;
use scangap_model::{Observed, OrganizationFacts};
use scangap_snapshot::{RunState, Snapshot};

use crate::file_in::file_in;

/// Where audits write that are told no folder.
const RUNS: &str = "runs";

/// Snapshots in the folders below a folder.
fn snapshots(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let folders = fs_err::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir());
    folders.map(|entry| file_in(&entry.path(), "snapshot.db")).filter(|path| path.is_file())
}

/// The snapshot that was written last among those that audits put below this folder.
pub(crate) fn newest_snapshot() -> Option<PathBuf> {
    let written = |path: &PathBuf| fs_err::metadata(path).and_then(|file| file.modified()).ok();
    snapshots(Path::new(RUNS)).filter_map(|path| Some((written(&path)?, path))).max().map(|(_, path)| path)
}

/// Earlier audits of one organization.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The last audit of each earlier quarter that was finished and of the same scope, in order; where there is none, the latest earlier one.
    pub(crate) history: Vec<PathBuf>,
    /// The workbooks of all earlier audits, the latest first: the first that holds notes has them all.
    pub(crate) workbooks: Vec<PathBuf>,
}

/// A calendar quarter of a year.
type Quarter = (i16, i8);

fn quarter(time: Timestamp) -> Quarter {
    let date = Offset::UTC.to_datetime(time).date();
    (date.year(), (date.month() - 1) / 3)
}

/// Whether two audits are of one organization, or of one account that is in none. What is not known is not the same.
fn is_same(one: &OrganizationFacts, other: &OrganizationFacts) -> bool {
    match (&one.id, &other.id) {
        (Observed::Known(one), Observed::Known(other)) => one == other,
        (Observed::Absent, Observed::Absent) => one.caller_account == other.caller_account,
        _ => false,
    }
}

/// Looks beside the snapshot's own folder, and where audits write that are told no folder. What is no snapshot of this organization is
/// passed over.
pub(crate) fn earlier_of(path: &Path, snapshot: &Snapshot) -> Found {
    let own = &snapshot.meta;
    let organization = &snapshot.facts.organization;
    let beside = path.parent().and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
    let beside = if beside.as_os_str().is_empty() { PathBuf::from(".") } else { beside };
    let mut paths: Vec<PathBuf> = snapshots(&beside).chain(snapshots(Path::new(RUNS))).collect();
    paths.sort();
    // Of two copies of one audit the first by name counts.
    let mut audits: BTreeMap<(Timestamp, String), (PathBuf, bool)> = BTreeMap::new();
    for path in paths {
        let Ok(meta) = Snapshot::meta(&path) else { continue };
        let earlier = meta.as_of < own.as_of && meta.simulated == own.simulated && meta.state == RunState::Complete;
        let Some(hash) = meta.facts_sha256.filter(|_| earlier) else { continue };
        let Ok(Some(facts)) = Snapshot::organization(&path) else { continue };
        if is_same(&facts, organization) {
            // What was audited in part, to look at one account or as a shard, is no audit of a quarter.
            let is_whole =
                facts.scope == organization.scope && meta.shard == own.shard && meta.missing_shards.is_empty();
            audits.entry((meta.as_of, hash)).or_insert((path, is_whole));
        }
    }
    let whole =
        || audits.iter().filter(|(_, (_, is_whole))| *is_whole).map(|((as_of, _), (path, _))| (*as_of, path.clone()));
    let mut by_quarter: BTreeMap<Quarter, PathBuf> = BTreeMap::new();
    by_quarter.extend(whole().map(|(as_of, path)| (quarter(as_of), path)).filter(|(of, _)| *of < quarter(own.as_of)));
    let latest = whole().next_back().map(|(_, path)| path);
    let history = if by_quarter.is_empty() { latest.into_iter().collect() } else { by_quarter.into_values().collect() };
    let workbooks = audits.into_values().rev().map(|(path, _)| path.with_file_name("audit.xlsx"));
    let workbooks = workbooks.filter(|path| path.is_file()).collect();
    Found { history, workbooks }
}
