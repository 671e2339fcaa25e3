//! Registries that an apply left without scanning: every later command reports them until they are re-enabled. The state
//! folder stores the paths of the journals; the journals record which registries are open.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use scangap_apply::{JOURNAL, JournalState, LeftDisabled, journal_name, lock_shared, read_journal};
use scangap_model::{AccountId, RegionName, Tone, sanitize};
use scangap_plan::{PlanDocument, Resync};
use scangap_report::write_atomically;
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::{environment, terminal};

/// `$XDG_STATE_HOME/scangap/applies`, with a file for each apply that turns scanning off.
fn folder() -> Option<PathBuf> {
    let state = environment::variable("XDG_STATE_HOME").map(PathBuf::from);
    let home = || environment::variable("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    state.or_else(home).map(|state| state.join("scangap/applies"))
}

/// Records an apply that turns scanning off: the path of its journal, and the commands that re-enable each registry if the
/// journal is lost. Call this with the journal open, so that other commands do not take the apply for one that never began.
pub(crate) fn remember(plan: &PlanDocument, journal_folder: &Path) -> Result<(), String> {
    if plan.resyncs.is_empty() {
        return Ok(());
    }
    let folder = folder().ok_or("set HOME or XDG_STATE_HOME")?;
    let place = |path: &Path| {
        let path = fs_err::canonicalize(path).map_err(|error| error.to_string())?;
        path.to_str().map(str::to_owned).ok_or_else(|| format!("`{}` is not UTF-8", path.display()))
    };
    let journal = place(&journal_folder.join(JOURNAL))?;
    let registry = |step: &Resync| MarkedRegistry {
        step: step.id.clone(),
        registry: registry_of(step),
        way_back: step.way_back(),
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
    fs_err::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let write = |out: &mut dyn std::io::Write| out.write_all(text.as_bytes());
    write_atomically(&folder.join(journal_name(&journal, &plan.plan_sha256)), write)
        .map(drop)
        .map_err(|error| error.to_string())
}

fn registry_of(step: &Resync) -> String {
    named(step.account, &step.region)
}

fn named(account: AccountId, region: &RegionName) -> String {
    format!("account {account} in {region}")
}

fn indented(lines: &str) -> String {
    lines.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

const MARKER_VERSION: u64 = 1;

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
    way_back: String,
}

/// What is recorded of one apply.
struct Marker {
    path: PathBuf,
    journal: PathBuf,
    file: MarkerFile,
}

impl Marker {
    /// `None`: it cannot be read, or is of a newer version.
    fn read(path: &Path) -> Option<Self> {
        let file: MarkerFile = serde_json::from_str(&fs_err::read_to_string(path).ok()?).ok()?;
        let known = file.version.unwrap_or(MARKER_VERSION) == MARKER_VERSION;
        known.then(|| Self { path: path.to_owned(), journal: PathBuf::from(&file.journal), file })
    }

    /// The state in the journal; `None` if the journal is missing, unreadable, of another plan, or was started anew.
    fn told(&self) -> Option<JournalState> {
        let told = read_journal(&self.journal).ok().flatten()?;
        (told.plan_sha256.as_ref() == Some(&self.file.plan_sha256)).then_some(told)
    }

    /// The open registries. If the journal is not usable, all registries of the apply.
    fn open(&self) -> (Vec<&MarkedRegistry>, Known) {
        match self.told() {
            None => (self.file.registries.iter().collect(), Known::JournalGone),
            Some(told) => {
                let open = |step: &String| told.open().any(|one| one == step);
                (self.file.registries.iter().filter(|registry| open(&registry.step)).collect(), Known::Journal)
            }
        }
    }

    fn sentence(&self, registry: &MarkedRegistry, known: Known) -> String {
        let kind = if self.file.simulated { "SIMULATED: " } else { "" };
        match known {
            Known::AtWork => format!(
                "{kind}an apply is at work on {}, which may be without ECR scanning meanwhile\n  journal: {}",
                registry.registry,
                self.journal.display()
            ),
            Known::Journal => {
                let last = if self.file.simulated {
                    "if that simulation is gone"
                } else {
                    "if the apply cannot tell any more, once you have checked in Inspector and ECR that it is scanned with its configuration"
                };
                format!(
                    "error: {kind}{} may be without ECR scanning, or without its scanning configuration: an apply did not finish\n  to re-enable it: scangap apply {} --bring-back --write-role-name ROLE\n  or by hand:\n{}\n  journal: {}\n  {last}: remove {}",
                    registry.registry,
                    shell_word(&self.file.plan),
                    indented(&registry.way_back),
                    self.journal.display(),
                    shell_word(&self.path.to_string_lossy())
                )
            }
            Known::JournalGone => format!(
                "error: {kind}{} may be without ECR scanning, or without its scanning configuration: the journal of an apply is gone or cannot be read\n  if the plan's folder was moved, re-enable it with: scangap apply FOLDER --bring-back --write-role-name ROLE\n  or by hand:\n{}\n  the journal was: {}\n  once you have checked in Inspector and ECR that the registry is scanned with its configuration: remove {}",
                registry.registry,
                indented(&registry.way_back),
                self.journal.display(),
                shell_word(&self.path.to_string_lossy())
            ),
        }
    }
}

fn note(text: &str, tone: Tone) {
    let lines: Vec<String> = text.lines().map(sanitize).collect();
    terminal::note(&terminal::paint(&lines.join("\n"), tone));
}

/// How a path is pasted into a shell.
fn shell_word(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:,=".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// What is known of a registry that may be without scanning.
#[derive(Clone, Copy)]
enum Known {
    /// Its journal says so.
    Journal,
    /// Its journal cannot tell.
    JournalGone,
    /// The apply is still running.
    AtWork,
}

/// The names of all markers that there are.
fn markers() -> impl Iterator<Item = PathBuf> {
    let entries = folder().and_then(|folder| fs_err::read_dir(folder).ok());
    let paths = entries.into_iter().flatten().flatten().map(|entry| entry.path());
    // A file that is being written has another name.
    paths.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Finds a registry of the plan that another apply is changing or may have left without scanning; it must not be touched.
pub(crate) fn registry_in_use(plan: &PlanDocument, journal_folder: &Path) -> Option<String> {
    let wanted: Vec<String> = plan.resyncs.iter().map(registry_of).collect();
    if wanted.is_empty() {
        return None;
    }
    let own = fs_err::canonicalize(journal_folder).ok().map(|folder| folder.join(JOURNAL));
    markers().find_map(|path| {
        let Some(marker) = Marker::read(&path) else {
            return path.exists().then(|| format!("registries that {} tells of", path.display()));
        };
        // The executor reads the plan's own journal itself.
        let is_own = Some(&marker.journal) == own.as_ref()
            && marker.file.plan_sha256 == plan.plan_sha256
            && marker.told().is_some();
        if is_own || marker.file.simulated != plan.simulated {
            return None;
        }
        let open = match lock_shared(&marker.journal) {
            Ok(None) => marker.file.registries.iter().collect(),
            _ => marker.open().0,
        };
        open.into_iter().find(|registry| wanted.contains(&registry.registry)).map(|registry| registry.registry.clone())
    })
}

/// An apply that writes nothing to its journal for this long no longer counts as running: it hangs or was suspended.
const SILENT: SignedDuration = SignedDuration::from_mins(30);

/// Warns about registries that an unfinished apply may have left without scanning. Returns whether there are any.
pub(crate) fn warn() -> bool {
    look(&note)
}

/// The final exit code: a registry that an apply left without scanning outranks every other code.
pub(crate) fn ending(exit: Exit) -> Exit {
    if look(&|_, _| ()) { Exit::ScanningOff } else { exit }
}

/// Whether an unfinished apply may have left a registry without scanning; reports each such registry through `say`.
fn look(say: &dyn Fn(&str, Tone)) -> bool {
    let mut any = false;
    for path in markers() {
        let Some(marker) = Marker::read(&path) else {
            // If the marker no longer exists, another command has removed it.
            if path.exists() {
                any = true;
                let what = format!(
                    "error: an apply may have left registries without ECR scanning, and {0} cannot be read\n  once you have checked in Inspector that every account is scanned: remove {0}",
                    path.display()
                );
                say(&what, Tone::Bad);
            }
            continue;
        };
        // The shared lock keeps an apply from starting during the check; a missing journal cannot be locked.
        let still = lock_shared(&marker.journal);
        let (open, mut known) = marker.open();
        if matches!(still, Ok(None)) {
            // A running apply re-enables its registries itself.
            let last = marker.told().and_then(|told| told.last_at);
            let silent = last.is_some_and(|last| environment::now().duration_since(last) >= SILENT);
            if !silent && matches!(known, Known::Journal) {
                known = Known::AtWork;
            }
        } else if open.is_empty() {
            let _ = fs_err::remove_file(&marker.path);
        }
        for registry in open {
            let at_work = matches!(known, Known::AtWork);
            any |= !at_work;
            say(&marker.sentence(registry, known), if at_work { Tone::Warning } else { Tone::Bad });
        }
    }
    any
}

/// Prints the same warning for registries without a marker, because the marker could not be written.
pub(crate) fn say_what_is_not_remembered(registries: &[LeftDisabled]) {
    let remembered: BTreeSet<String> = markers()
        .filter_map(|path| Marker::read(&path))
        .flat_map(|marker| marker.open().0.into_iter().map(|registry| registry.registry.clone()).collect::<Vec<_>>())
        .collect();
    for registry in registries {
        let name = named(registry.account, &registry.region);
        if !remembered.contains(&name) {
            let text = format!(
                "error: {name} may be without ECR scanning, or without its scanning configuration\n  by hand:\n{}",
                indented(&registry.way_back)
            );
            note(&text, Tone::Bad);
        }
    }
}
