//! Cells that an apply left without scanning: every later command says so, until they are brought back. What is remembered
//! is where the journals are; the journals say the rest.

use std::path::{Path, PathBuf};

use scangap_model::{Tone, sanitize};
use scangap_plan::execute::{JOURNAL, PlanDocument, is_running, read_journal};

use crate::error::CliError;
use crate::{environment, terminal};

/// `$XDG_STATE_HOME/scangap/applies`, with a file for each apply that turns scanning off.
fn folder() -> Option<PathBuf> {
    let state = environment::variable("XDG_STATE_HOME").map(PathBuf::from);
    let home = || environment::variable("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    state.or_else(home).map(|state| state.join("scangap/applies"))
}

/// Remembers an apply before its first call: its journal and its plan by their places. Where that cannot be written, no
/// later command could tell of what is left open, and the apply does not begin.
pub(crate) fn remember(plan: &PlanDocument, journal_folder: &Path) -> Result<(), CliError> {
    if plan.resyncs.is_empty() {
        return Ok(());
    }
    let folder = folder().ok_or(CliError::NoStateFolder)?;
    let place = |path: &Path| fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    let kind = if plan.simulated { "simulated" } else { "real" };
    let text = format!("{}\n{}\n{kind}\n", place(journal_folder), place(&plan.folder));
    fs_err::create_dir_all(&folder)
        .and_then(|()| fs_err::write(folder.join(&plan.plan_sha256), text))
        .map_err(|source| CliError::Folder { path: folder, source })
}

/// Says which cells may be without scanning because of an apply that did not come to its end. Whether there are any.
pub(crate) fn warn() -> bool {
    let Some(folder) = folder() else { return false };
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    let mut any = false;
    for entry in entries {
        let remembered = fs_err::read_to_string(entry.path()).unwrap_or_default();
        let mut lines = remembered.lines();
        let (Some(journal), Some(plan)) = (lines.next().map(PathBuf::from), lines.next().map(PathBuf::from)) else {
            continue;
        };
        let simulated = lines.next() == Some("simulated");
        // One that is at work brings its cells back itself.
        if is_running(&journal.join(JOURNAL)) {
            continue;
        }
        match open_cells(&journal, &plan) {
            Ok(cells) if cells.is_empty() => {
                let _ = fs_err::remove_file(entry.path());
            }
            Ok(cells) => {
                any = true;
                for (place, command) in cells {
                    let what = format!(
                        "{place} may be without ECR scanning, or without its scanning configuration: an apply did not come to its end"
                    );
                    say(&what, &command, &journal, simulated.then(|| entry.path()));
                }
            }
            Err(why) => {
                any = true;
                let what = format!(
                    "an apply of the plan in `{}` may have left cells without ECR scanning: {why}",
                    plan.display()
                );
                let look = format!("look at each of its cells, and remove {}", entry.path().display());
                say(&what, &look, &journal, None);
            }
        }
    }
    any
}

/// `marker`: what to remove where the simulation that it happened in is gone.
fn say(what: &str, command: &str, journal: &Path, marker: Option<PathBuf>) {
    let (kind, gone) = match marker {
        Some(marker) => ("SIMULATED: ", format!("\n  if that simulation is gone: remove {}", marker.display())),
        None => ("", String::new()),
    };
    let text = format!(
        "error: {kind}{what}\n  to bring it back: {command}\n  then, or instead: scangap apply --resume\n  journal: {}{gone}",
        journal.join(JOURNAL).display()
    );
    terminal::note(&terminal::paint(&sanitize_lines(&text), Tone::Bad));
}

fn sanitize_lines(text: &str) -> String {
    text.lines().map(sanitize).collect::<Vec<_>>().join("\n")
}

/// Where, and what brings it back. No journal: it did not begin.
fn open_cells(journal: &Path, plan: &Path) -> Result<Vec<(String, String)>, String> {
    if !journal.is_dir() {
        return Err("the folder of its journal is gone".to_owned());
    }
    let told = read_journal(&journal.join(JOURNAL)).map_err(|error| error.to_string())?.unwrap_or_default();
    let open: Vec<&String> = told.open().collect();
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let plan = PlanDocument::open(plan).map_err(|error| error.to_string())?;
    let cells = plan.resyncs.iter().filter(|step| open.contains(&&step.id)).map(|step| {
        let backup = told.detail(&step.id, "backup").map(|name| journal.join(name));
        (format!("account {} in {}", step.account, step.region), step.way_back(backup.as_deref()))
    });
    Ok(cells.collect())
}
