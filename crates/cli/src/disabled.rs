//! Cells that an apply left without scanning: every later command says so, until they are brought back. What is remembered
//! is where the journals are; the journals say the rest.

use std::path::{Path, PathBuf};

use scangap_model::{Tone, sanitize};
use scangap_plan::execute::{JOURNAL, PlanDocument, is_running, read_journal};
use scangap_report::write_atomically;
use serde_json::{Value, json};

use crate::{environment, terminal};

/// `$XDG_STATE_HOME/scangap/applies`, with a file for each apply that turns scanning off.
fn folder() -> Option<PathBuf> {
    let state = environment::variable("XDG_STATE_HOME").map(PathBuf::from);
    let home = || environment::variable("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    state.or_else(home).map(|state| state.join("scangap/applies"))
}

/// Remembers an apply that turns scanning off: where its journal is, and what brings each of its cells back should that be
/// gone. Called with the journal open, so that nobody takes it for one that never began.
pub(crate) fn remember(plan: &PlanDocument, journal_folder: &Path) -> Result<(), String> {
    if plan.resyncs.is_empty() {
        return Ok(());
    }
    let folder = folder().ok_or("set HOME or XDG_STATE_HOME")?;
    let place = |path: &Path| fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let cells: Vec<Value> = plan
        .resyncs
        .iter()
        .map(|step| json!({"step": step.id, "cell": format!("account {} in {}", step.account, step.region), "command": step.way_back(None)}))
        .collect();
    let marker = json!({
        "journal": place(journal_folder).join(JOURNAL),
        "plan": place(&plan.folder),
        "simulated": plan.simulated,
        "cells": cells,
    });
    let text = format!("{marker:#}\n");
    fs_err::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let write = |out: &mut dyn std::io::Write| out.write_all(text.as_bytes());
    write_atomically(&folder.join(&plan.plan_sha256), write).map(drop).map_err(|error| error.to_string())
}

/// What is remembered of one apply.
struct Marker {
    path: PathBuf,
    plan_sha256: String,
    journal: PathBuf,
    plan: String,
    simulated: bool,
    /// Step, cell, and what brings it back.
    cells: Vec<(String, String, String)>,
}

impl Marker {
    fn read(path: PathBuf) -> Option<Self> {
        let value: Value = serde_json::from_str(&fs_err::read_to_string(&path).ok()?).ok()?;
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let cell = |cell: &Value| Some((text(cell, "step")?, text(cell, "cell")?, text(cell, "command")?));
        Some(Self {
            plan_sha256: path.file_name()?.to_string_lossy().into_owned(),
            journal: text(&value, "journal")?.into(),
            plan: text(&value, "plan")?,
            simulated: value.get("simulated")?.as_bool()?,
            cells: value.get("cells")?.as_array()?.iter().map(cell).collect::<Option<_>>()?,
            path,
        })
    }

    /// The cells that are open, with what brings each back. Where the journal cannot tell, all of them.
    fn open(&self) -> Vec<(&str, String)> {
        let told = read_journal(&self.journal).ok().flatten();
        let told = told.filter(|told| told.plan_sha256.as_ref().is_none_or(|hash| *hash == self.plan_sha256));
        let Some(told) = told else {
            return self.cells.iter().map(|(_, cell, command)| (cell.as_str(), command.clone())).collect();
        };
        let open = |step: &String| told.open().any(|one| one == step);
        let backup = |step: &str| {
            let folder = self.journal.parent()?;
            told.detail(step, "backup").map(|name| folder.join(name))
        };
        let plan = PlanDocument::open(Path::new(&self.plan)).ok();
        let way_back = |step: &str| {
            let steps = plan.iter().flat_map(|plan| &plan.resyncs);
            steps.filter(|one| one.id == step).map(|one| one.way_back(backup(step).as_deref())).next()
        };
        let cells = self.cells.iter().filter(|(step, ..)| open(step));
        cells.map(|(step, cell, command)| (cell.as_str(), way_back(step).unwrap_or_else(|| command.clone()))).collect()
    }

    fn say(&self, cell: &str, command: &str) {
        let (kind, gone) = if self.simulated {
            ("SIMULATED: ", format!("\n  if that simulation is gone: remove {}", self.path.display()))
        } else {
            ("", String::new())
        };
        let text = format!(
            "error: {kind}{cell} may be without ECR scanning, or without its scanning configuration: an apply did not come to its end\n  to bring it back: {command}\n  then, or instead: scangap apply {} --resume --write-role-name ROLE\n  journal: {}{gone}",
            self.plan,
            self.journal.display()
        );
        let text: Vec<String> = text.lines().map(sanitize).collect();
        terminal::note(&terminal::paint(&text.join("\n"), Tone::Bad));
    }
}

/// Says which cells may be without scanning because of an apply that did not come to its end. Whether there are any.
pub(crate) fn warn() -> bool {
    let Some(folder) = folder() else { return false };
    let mut any = false;
    for entry in fs_err::read_dir(folder).into_iter().flatten().flatten() {
        // Names of plans alone: a file that is being written has another.
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.len() != 64 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            continue;
        }
        let Some(marker) = Marker::read(entry.path()) else {
            any = true;
            let what = format!(
                "error: an apply may have left cells without ECR scanning, and {} cannot be read",
                entry.path().display()
            );
            terminal::note(&terminal::paint(&sanitize(&what), Tone::Bad));
            continue;
        };
        // One that is at work brings its cells back itself.
        if is_running(&marker.journal) {
            continue;
        }
        let open = marker.open();
        if open.is_empty() {
            let _ = fs_err::remove_file(&marker.path);
        }
        for (cell, command) in open {
            any = true;
            marker.say(cell, &command);
        }
    }
    any
}
