//! Cells that an apply left without scanning: every later command says so, until they are brought back. What is remembered
//! is where the journals are; the journals say the rest.

use std::path::{Path, PathBuf};

use scangap_model::{Tone, sanitize};
use scangap_plan::execute::{JOURNAL, PlanDocument, Resync, Told, hold_still, journal_name, read_journal};
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
    let place = |path: &Path| {
        let path = fs_err::canonicalize(path).map_err(|error| error.to_string())?;
        path.to_str().map(str::to_owned).ok_or_else(|| format!("`{}` is not UTF-8", path.display()))
    };
    let cells: Vec<Value> = plan
        .resyncs
        .iter()
        .map(|step| json!({"step": step.id, "cell": cell_of(step), "command": step.way_back(None)}))
        .collect();
    let journal = place(&journal_folder.join(JOURNAL))?;
    let marker = json!({
        "journal": journal,
        "plan": place(&plan.folder)?,
        "plan_sha256": plan.plan_sha256,
        "simulated": plan.simulated,
        "cells": cells,
    });
    let text = format!("{marker:#}\n");
    fs_err::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let write = |out: &mut dyn std::io::Write| out.write_all(text.as_bytes());
    write_atomically(&folder.join(journal_name(&journal)), write).map(drop).map_err(|error| error.to_string())
}

fn cell_of(step: &Resync) -> String {
    format!("account {} in {}", step.account, step.region)
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
            plan_sha256: text(&value, "plan_sha256")?,
            journal: text(&value, "journal")?.into(),
            plan: text(&value, "plan")?,
            simulated: value.get("simulated")?.as_bool()?,
            cells: value.get("cells")?.as_array()?.iter().map(cell).collect::<Option<_>>()?,
            path,
        })
    }

    /// What the journal says; `None` where it cannot tell: it is gone, or another's, or was begun anew.
    fn told(&self) -> Option<Told> {
        let told = read_journal(&self.journal).ok().flatten()?;
        (told.plan_sha256.as_ref() == Some(&self.plan_sha256)).then_some(told)
    }

    /// The cells that are open, with what brings each back. Where the journal cannot tell, all of them.
    fn open(&self) -> Vec<Open<'_>> {
        let Some(told) = self.told() else {
            let all = self.cells.iter();
            return all.map(|(_, cell, command)| Open { cell, command: command.clone(), known: false }).collect();
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
        cells
            .map(|(step, cell, command)| {
                let command = way_back(step).unwrap_or_else(|| command.clone());
                Open { cell, command, known: true }
            })
            .collect()
    }

    fn say(&self, open: &Open<'_>) {
        let Open { cell, command, known } = open;
        let kind = if self.simulated { "SIMULATED: " } else { "" };
        let gone = match (self.simulated, known) {
            (true, true) => format!("\n  if that simulation is gone: remove {}", self.path.display()),
            (false, true) => String::new(),
            (_, false) => format!(
                "\n  the journal is gone or cannot be read: once the cell is seen to be scanned, remove {}",
                self.path.display()
            ),
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

/// A cell that may be without scanning.
struct Open<'a> {
    cell: &'a str,
    command: String,
    /// Whether the journal says so; else it cannot tell.
    known: bool,
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

/// What an earlier apply may have left without scanning of what a plan wants to re-sync: not touched before it is back.
pub(crate) fn in_the_way(plan: &PlanDocument) -> Option<String> {
    let wanted: Vec<String> = plan.resyncs.iter().map(cell_of).collect();
    let here = fs_err::canonicalize(&plan.folder).ok().map(|folder| folder.join(JOURNAL));
    markers().filter_map(Marker::read).find_map(|marker| {
        // What a journal of this plan's own folder tells, the executor knows.
        if Some(&marker.journal) == here.as_ref() && marker.told().is_some() {
            return None;
        }
        marker.open().iter().find(|open| wanted.iter().any(|cell| cell == open.cell)).map(|open| open.cell.to_owned())
    })
}

/// Says which cells may be without scanning because of an apply that did not come to its end. Whether there are any.
pub(crate) fn warn() -> bool {
    let mut any = false;
    for path in markers() {
        let Some(marker) = Marker::read(path.clone()) else {
            // One that is gone meanwhile was another command's to remove.
            if path.exists() {
                any = true;
                let what = format!(
                    "error: an apply may have left cells without ECR scanning, and {} cannot be read",
                    path.display()
                );
                terminal::note(&terminal::paint(&sanitize(&what), Tone::Bad));
            }
            continue;
        };
        // Nobody begins while we look. One that is at work brings its cells back itself; one that is gone cannot be held.
        let still = hold_still(&marker.journal);
        if matches!(still, Ok(None)) {
            continue;
        }
        let open = marker.open();
        if open.is_empty() {
            let _ = fs_err::remove_file(&marker.path);
        }
        for open in &open {
            any = true;
            marker.say(open);
        }
    }
    any
}
