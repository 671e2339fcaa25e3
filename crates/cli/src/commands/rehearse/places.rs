//! Where a rehearsal finds what its plan was made from, and where it writes.

use std::path::{Path, PathBuf};

use scangap_model::ResyncFacts;
use scangap_plan::PlanDocument;
use scangap_snapshot::{Snapshot, StoredLosses};

use crate::error::CliError;
use crate::file_in::file_in;

/// What was counted for the plan, and nothing else: another count would give another rehearsal.
pub(super) fn losses(plan: &PlanDocument, snapshot: &Path) -> Result<Vec<ResyncFacts>, CliError> {
    let Some(hash) = plan.losses_sha256.as_ref().filter(|_| !plan.resyncs.is_empty()) else { return Ok(Vec::new()) };
    let stored = StoredLosses::named(snapshot, hash).map_err(CliError::Snapshot)?;
    stored.map(|stored| stored.registries).ok_or_else(|| CliError::LossesNotFound(snapshot.to_owned()))
}

/// The snapshot with the facts of the plan: in the plan's folder, above it, beside it, or among the runs here.
pub(super) fn snapshot(plan: &PlanDocument) -> Option<PathBuf> {
    let folder = fs_err::canonicalize(&plan.folder).ok()?;
    let mut places = vec![folder.clone()];
    let beside = |place: &Path| {
        let entries = fs_err::read_dir(place).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    if let Some(above) = folder.parent() {
        places.push(above.to_owned());
        places.extend(beside(above));
    }
    places.extend(beside(Path::new("runs")));
    let paths = places.into_iter().map(|place| file_in(&place, "snapshot.db")).filter(|path| {
        path.is_file()
            && Snapshot::open(path).is_ok_and(|found| found.meta.facts_sha256.as_ref() == Some(&plan.facts_sha256))
    });
    // Several audits can have the same facts: the plan's losses are stored beside one of them.
    let mut first = None;
    for path in paths {
        if losses(plan, &path).is_ok() {
            return Some(path);
        }
        first = first.or(Some(path));
    }
    first
}

/// A new folder. The default is numbered where there was a rehearsal before.
pub(super) fn folder(named: Option<&Path>, plan: &PlanDocument) -> Result<PathBuf, CliError> {
    let in_use = |path: &Path| fs_err::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
    let path = match named {
        Some(path) if in_use(path) => return Err(CliError::FolderInUse(path.to_owned())),
        Some(path) => path.to_owned(),
        None => {
            let numbered = (2..u32::MAX).map(|number| plan.folder.join(format!("rehearsal-{number}")));
            let mut free = std::iter::once(plan.folder.join("rehearsal")).chain(numbered);
            free.find(|path| !in_use(path)).unwrap_or_else(|| plan.folder.join("rehearsal"))
        }
    };
    fs_err::create_dir_all(&path).map_err(|source| CliError::Folder { path: path.clone(), source })?;
    Ok(path)
}
