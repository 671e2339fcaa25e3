//! Which applies may have left registries without scanning, so that every later command can say so. A folder has a file for
//! each such apply, with the path of its journal; the journal says which registries are open.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use scangap_model::{AccountId, RegionName};
use scangap_plan::{PlanDocument, Resync};
use serde::{Deserialize, Serialize};

use crate::journal::{JOURNAL, JournalState, journal_name, lock_shared, read_journal};

/// An apply that writes nothing to its journal for this long no longer counts as running: it hangs or was suspended.
const SILENT: SignedDuration = SignedDuration::from_mins(30);

/// The folder of these files.
#[derive(Debug, Clone)]
pub struct OpenRegistries {
    /// `None`: the user has no place for it, and no apply that turns scanning off may begin.
    pub folder: Option<PathBuf>,
}

/// Something that an apply may have left without scanning.
#[derive(Debug, Clone)]
pub enum Open {
    Registry(OpenRegistry),
    /// A file that cannot be read, or is of a newer version: nobody knows which registries it names.
    Unreadable(PathBuf),
}

#[derive(Debug, Clone)]
pub struct OpenRegistry {
    /// As `account 111122223333 in eu-west-1`.
    pub name: String,
    /// Commands that re-enable it, a line each.
    pub reenable: String,
    pub known_from: KnownFrom,
    pub simulated: bool,
    /// The folder of the plan.
    pub plan: String,
    pub journal: PathBuf,
    /// The file that names it.
    pub marker: PathBuf,
}

/// How it is known that a registry may be without scanning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownFrom {
    Journal,
    /// The journal is missing, unreadable, of another plan, or was started anew.
    NoJournal,
    /// The apply is still running.
    RunningApply,
}

impl OpenRegistries {
    /// Records an apply that turns scanning off: the path of its journal, and the commands that re-enable each registry if the
    /// journal is lost. Call this with the journal open, so that other commands do not take the apply for one that never began.
    pub(crate) fn record(&self, plan: &PlanDocument, journal_folder: &Path) -> Result<(), String> {
        if plan.resyncs.is_empty() {
            return Ok(());
        }
        let folder = self.folder.as_ref().ok_or("set HOME or XDG_STATE_HOME")?;
        let place = |path: &Path| {
            let path = fs_err::canonicalize(path).map_err(|error| error.to_string())?;
            path.to_str().map(str::to_owned).ok_or_else(|| format!("`{}` is not UTF-8", path.display()))
        };
        let journal = place(&journal_folder.join(JOURNAL))?;
        let registry = |step: &Resync| MarkedRegistry {
            step: step.id.clone(),
            registry: registry_of(step),
            reenable: step.reenable_commands(),
        };
        let marker = MarkerFile {
            version: Some(MARKER_VERSION),
            journal: journal.clone(),
            plan: place(&plan.folder)?,
            plan_sha256: plan.plan_sha256.clone(),
            simulated: plan.simulated,
            registries: plan.resyncs.iter().map(registry).collect(),
        };
        let text = serde_json::to_string_pretty(&marker).map_err(|error| error.to_string())? + "\n";
        fs_err::create_dir_all(folder).map_err(|error| error.to_string())?;
        let name = journal_name(&journal, &plan.plan_sha256);
        let failed = |error| format!("{}: {error}", folder.join(&name).display());
        write_atomically(folder, &name, &text).map_err(failed)
    }

    /// Finds a registry of the plan that another apply is changing or may have left without scanning; it must not be touched.
    pub(crate) fn in_use(&self, plan: &PlanDocument, journal_folder: &Path) -> Option<String> {
        let wanted: Vec<String> = plan.resyncs.iter().map(registry_of).collect();
        if wanted.is_empty() {
            return None;
        }
        let own = fs_err::canonicalize(journal_folder).ok().map(|folder| folder.join(JOURNAL));
        self.markers().find_map(|path| {
            let Some(marker) = Marker::read(&path) else {
                return path.exists().then(|| format!("registries that {} tells of", path.display()));
            };
            // The executor reads the plan's own journal itself.
            let is_own = Some(&marker.journal) == own.as_ref()
                && marker.file.plan_sha256 == plan.plan_sha256
                && marker.state().is_some();
            if is_own || marker.file.simulated != plan.simulated {
                return None;
            }
            let open = match lock_shared(&marker.journal) {
                Ok(None) => marker.file.registries.iter().collect(),
                _ => marker.open().0,
            };
            let in_use = open.into_iter().find(|registry| wanted.contains(&registry.registry));
            in_use.map(|registry| registry.registry.clone())
        })
    }

    /// Everything that is open. Removes the files of applies that left nothing open.
    pub fn look(&self, now: Timestamp) -> Vec<Open> {
        self.markers().flat_map(|path| look_at(&path, now)).collect()
    }

    /// The names of the registries that are open, as far as they are recorded.
    pub fn names(&self) -> BTreeSet<String> {
        let markers = self.markers().filter_map(|path| Marker::read(&path));
        let open = |marker: Marker| marker.open().0.into_iter().map(|registry| registry.registry.clone()).collect();
        markers.flat_map(|marker| -> Vec<String> { open(marker) }).collect()
    }

    /// The files that there are. One that is being written has another name.
    fn markers(&self) -> impl Iterator<Item = PathBuf> {
        let entries = self.folder.as_ref().and_then(|folder| fs_err::read_dir(folder).ok());
        let paths = entries.into_iter().flatten().flatten().map(|entry| entry.path());
        paths.filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    }
}

fn look_at(path: &Path, now: Timestamp) -> Vec<Open> {
    let Some(marker) = Marker::read(path) else {
        // If the file no longer exists, another command has removed it.
        return if path.exists() { vec![Open::Unreadable(path.to_owned())] } else { Vec::new() };
    };
    // The shared lock keeps an apply from starting during the check; a missing journal cannot be locked.
    let lock = lock_shared(&marker.journal);
    let (open, mut known_from) = marker.open();
    if matches!(lock, Ok(None)) {
        // A running apply re-enables its registries itself.
        let last = marker.state().and_then(|state| state.last_at);
        let silent = last.is_some_and(|last| now.duration_since(last) >= SILENT);
        if !silent && known_from == KnownFrom::Journal {
            known_from = KnownFrom::RunningApply;
        }
    } else if open.is_empty() {
        let _ = fs_err::remove_file(path);
    }
    let open = open.into_iter().map(|registry| {
        Open::Registry(OpenRegistry {
            name: registry.registry.clone(),
            reenable: registry.reenable.clone(),
            known_from,
            simulated: marker.file.simulated,
            plan: marker.file.plan.clone(),
            journal: marker.journal.clone(),
            marker: path.to_owned(),
        })
    });
    open.collect()
}

/// How a registry is named in these files and on the screen.
pub fn registry_name(account: AccountId, region: &RegionName) -> String {
    format!("account {account} in {region}")
}

fn registry_of(step: &Resync) -> String {
    registry_name(step.account, &step.region)
}

/// On the disk as a whole, with its folder, or not at all.
fn write_atomically(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    let mut temporary = tempfile::Builder::new().prefix(".scangap-").tempfile_in(folder)?;
    temporary.write_all(text.as_bytes())?;
    temporary.as_file().sync_all()?;
    temporary.persist(folder.join(name)).map_err(|error| error.error)?;
    // Not every file system can be asked for that.
    let _ = fs_err::File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// 2: `reenable`; it was `way_back`.
const MARKER_VERSION: u64 = 2;

/// The file that records one apply.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MarkerFile {
    /// Files without it are of version 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    journal: String,
    plan: String,
    plan_sha256: String,
    simulated: bool,
    #[serde(alias = "cells")]
    registries: Vec<MarkedRegistry>,
}

/// A registry that an apply disables and enables.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MarkedRegistry {
    step: String,
    #[serde(alias = "cell")]
    registry: String,
    /// Commands that re-enable it, a line each.
    #[serde(alias = "way_back")]
    reenable: String,
}

/// What is recorded of one apply.
struct Marker {
    journal: PathBuf,
    file: MarkerFile,
}

impl Marker {
    /// `None`: it cannot be read, or is of a newer version.
    fn read(path: &Path) -> Option<Self> {
        let file: MarkerFile = serde_json::from_str(&fs_err::read_to_string(path).ok()?).ok()?;
        let known = file.version.unwrap_or(1) <= MARKER_VERSION;
        known.then(|| Self { journal: PathBuf::from(&file.journal), file })
    }

    /// The state in the journal; `None` if the journal cannot tell.
    fn state(&self) -> Option<JournalState> {
        let state = read_journal(&self.journal).ok().flatten()?;
        (state.plan_sha256.as_ref() == Some(&self.file.plan_sha256)).then_some(state)
    }

    /// The open registries. If the journal is not usable, all registries of the apply.
    fn open(&self) -> (Vec<&MarkedRegistry>, KnownFrom) {
        match self.state() {
            None => (self.file.registries.iter().collect(), KnownFrom::NoJournal),
            Some(state) => {
                let open = |step: &String| state.open().any(|one| one == step);
                let registries = self.file.registries.iter().filter(|registry| open(&registry.step));
                (registries.collect(), KnownFrom::Journal)
            }
        }
    }
}
