//! The folder of a run: whether it may be written into, what it is called, and that nobody else writes there.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use scangap_model::{OrganizationFacts, Shard};
use scangap_snapshot::{encrypted_path, holds_nothing};

use crate::error::CliError;

pub(crate) const SNAPSHOT: &str = "snapshot.db";

/// The folder of a run. Dropping it while the folder is empty removes a folder that it created.
pub(crate) struct Folder {
    /// `None`: named when the organization is known.
    path: Option<PathBuf>,
    created: bool,
}

impl Folder {
    /// Checks a folder that was named, before the first call: hours of work must not end at a full or foreign folder.
    pub(crate) fn prepare(out: Option<PathBuf>) -> Result<Self, CliError> {
        let Some(path) = out else {
            // The folder is named once the organization is known; whether it can be made is known now.
            let runs = Path::new("runs");
            drop(Self::prepare(Some(runs.to_owned()))?);
            return Ok(Self { path: None, created: false });
        };
        let snapshot = path.join(SNAPSHOT);
        if encrypted_path(&snapshot).exists() {
            return Err(CliError::AlreadyAudited(path));
        }
        if snapshot.exists() {
            if !holds_nothing(&snapshot) {
                return Err(CliError::AlreadyAudited(path));
            }
            // A run was killed in its first moment.
            for file in [SNAPSHOT, "snapshot.db-wal", "snapshot.db-shm"] {
                let _ = fs_err::remove_file(path.join(file));
            }
        }
        let created = create(&path)?;
        // Whether it can be written to is known only by writing.
        let probe = path.join(".scangap-probe");
        let writable = fs_err::write(&probe, b"").and_then(|()| fs_err::remove_file(&probe));
        let folder = Self { path: Some(path.clone()), created };
        writable.map_err(|source| CliError::Folder { path, source })?;
        Ok(folder)
    }

    /// A folder that an earlier run wrote.
    pub(crate) fn there(path: &Path) -> Self {
        Self { path: Some(path.to_owned()), created: false }
    }

    /// What was written into it stays.
    pub(crate) fn keep(&mut self) {
        self.created = false;
    }

    /// `runs/<date>-<organization>`, numbered where there is one of that name.
    pub(crate) fn settle(
        &mut self,
        facts: &OrganizationFacts,
        shard: Option<Shard>,
        started_at: Timestamp,
    ) -> Result<PathBuf, CliError> {
        if let Some(path) = &self.path {
            return Ok(path.clone());
        }
        let name = facts.id.known().map_or_else(|| facts.caller_account.to_string(), ToString::to_string);
        let slice = shard.map_or_else(String::new, |shard| format!("-shard-{}-of-{}", shard.index(), shard.of()));
        let base = format!("{}-{name}{slice}", started_at.strftime("%Y-%m-%d"));
        let runs = Path::new("runs");
        create(runs)?;
        let mut free = runs.join(&base);
        let mut number = 1;
        // To make it is to take it: another audit may begin at the same moment.
        while let Err(source) = fs_err::create_dir(&free) {
            if source.kind() != std::io::ErrorKind::AlreadyExists {
                return Err(CliError::Folder { path: free, source });
            }
            number += 1;
            free = runs.join(format!("{base}-{number}"));
        }
        self.created = true;
        self.path = Some(free.clone());
        Ok(free)
    }
}

/// Whether it had to be created.
fn create(path: &Path) -> Result<bool, CliError> {
    let existed = path.is_dir();
    fs_err::create_dir_all(path).map_err(|source| CliError::Folder { path: path.to_owned(), source })?;
    Ok(!existed)
}

/// Keeps a second process from writing into the folder. A file system that knows no locks is trusted.
pub(crate) fn lock(directory: &Path) -> Result<Option<File>, CliError> {
    let Ok(folder) = fs_err::File::open(directory).map(|folder| folder.into_parts().0) else { return Ok(None) };
    match folder.try_lock() {
        Ok(()) => Ok(Some(folder)),
        Err(TryLockError::WouldBlock) => Err(CliError::BeingWritten(directory.to_owned())),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(path) = self.path.as_ref().filter(|_| self.created) {
            // Only an empty folder goes.
            let _ = fs_err::remove_dir(path);
        }
    }
}
