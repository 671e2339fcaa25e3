//! Cells that an apply left without scanning: every later command says so, until they are brought back. What is remembered
//! is where the journals are; the journals say the rest.

use std::path::{Path, PathBuf};

use scangap_model::{Tone, sanitize};
use scangap_plan::execute::{JOURNAL, PlanDocument, is_running, read_journal};

use crate::{environment, terminal};

/// `$XDG_STATE_HOME/scangap/applies`, with a file for each apply that turns scanning off.
fn folder() -> Option<PathBuf> {
    let state = environment::variable("XDG_STATE_HOME").map(PathBuf::from);
    let home = || environment::variable("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    state.or_else(home).map(|state| state.join("scangap/applies"))
}

/// Remembers an apply before its first step: its journal is there by then. Its journal and its plan are named by their places.
pub(crate) fn remember(plan: &PlanDocument, journal_folder: &Path) {
    let Some(folder) = folder().filter(|_| !plan.resyncs.is_empty()) else { return };
    let place = |path: &Path| fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    let text = format!("{}\n{}\n", place(journal_folder), place(&plan.folder));
    let written = fs_err::create_dir_all(&folder).and_then(|()| fs_err::write(folder.join(&plan.plan_sha256), text));
    if let Err(error) = written {
        terminal::note(&format!("note: later commands cannot be told of this apply: {error}"));
    }
}

/// Says which cells may be without scanning because of an apply that did not come to its end. Whether there are any.
pub(crate) fn warn() -> bool {
    let Some(folder) = folder() else { return false };
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    let mut any = false;
    for entry in entries {
        let remembered = fs_err::read_to_string(entry.path()).unwrap_or_default();
        let mut lines = remembered.lines().map(PathBuf::from);
        let (Some(journal), Some(plan)) = (lines.next(), lines.next()) else { continue };
        match open_cells(&journal, &plan) {
            Ok(cells) if cells.is_empty() => {
                let _ = fs_err::remove_file(entry.path());
            }
            // It is at work: it brings its cells back itself.
            Ok(_) if is_running(&journal.join(JOURNAL)) => {}
            Ok(cells) => {
                any = true;
                for (place, command) in cells {
                    say(
                        &format!("{place} may be without ECR scanning: an apply did not come to its end"),
                        &command,
                        &journal,
                    );
                }
            }
            Err(why) => {
                any = true;
                say(
                    &format!(
                        "an apply of the plan in `{}` turned ECR scanning off somewhere, and {why}",
                        plan.display()
                    ),
                    &format!("look at each of its cells, and remove {}", entry.path().display()),
                    &journal,
                );
            }
        }
    }
    any
}

fn say(what: &str, command: &str, journal: &Path) {
    let text = format!(
        "error: {what}\n  to bring it back: {command}\n  then, or instead: scangap apply --resume\n  journal: {}",
        journal.join(JOURNAL).display()
    );
    terminal::note(&terminal::paint(&sanitize_lines(&text), Tone::Bad));
}

fn sanitize_lines(text: &str) -> String {
    text.lines().map(sanitize).collect::<Vec<_>>().join("\n")
}

/// Where, and what brings it back.
fn open_cells(journal: &Path, plan: &Path) -> Result<Vec<(String, String)>, String> {
    let told = read_journal(&journal.join(JOURNAL)).map_err(|error| error.to_string())?;
    let told = told.ok_or_else(|| "its journal is gone".to_owned())?;
    let open: Vec<&String> =
        told.steps.iter().filter(|(_, progress)| progress.is_open()).map(|(step, _)| step).collect();
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let plan = PlanDocument::open(plan).map_err(|error| error.to_string())?;
    let cells = plan.resyncs.iter().filter(|step| open.contains(&&step.id));
    Ok(cells.map(|step| (format!("account {} in {}", step.account, step.region), step.enable_command())).collect())
}
