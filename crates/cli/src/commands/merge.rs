//! `scangap merge`: the shards of one audit, joined into one snapshot with its reports.

use std::path::{Path, PathBuf};

use scangap_report::sanitize;
use scangap_snapshot::{Recipients, RunStart, merge};

use crate::args::{Global, Merge};
use crate::earlier::{Earlier, decisions};
use crate::environment;
use crate::error::CliError;
use crate::exit::Exit;
use crate::fail_on::FailOn;
use crate::file_in::file_in;
use crate::folder::{Folder, SNAPSHOT};
use crate::store::{self, HandOver};
use crate::terminal;
use crate::values::{self, BadValue};

pub(super) fn run(command: &Merge, global: &Global) -> Result<Exit, CliError> {
    let decisions = decisions(&command.past)?;
    let recipients = values::recipients(&command.age_recipient)?;
    let parts = command.parts.iter().map(|part| snapshots(part)).collect::<Result<Vec<_>, _>>()?.concat();
    let mut folder = Folder::prepare(Some(command.out.clone()))?;
    let now = environment::now();
    let start = RunStart {
        tool_version: environment::VERSION.to_owned(),
        started_at: now,
        // What follows is the parts' own, and taken from them.
        as_of: now,
        tag_keys: Vec::new(),
        keeps_images: false,
        command_line: store::command_line(),
        caller_arn: String::new(),
        shard: None,
        roles: String::new(),
        age_recipients: recipients.texts(),
        simulated: true,
    };
    let path = command.out.join(SNAPSHOT);
    let merged = merge(&parts, &path, &start, environment::now).map_err(CliError::Merge)?;
    folder.keep();
    let judged = store::judge_stored(&path)?;
    if global.quiet == 0 {
        for shard in &merged.missing {
            terminal::note(&format!("shard {shard} is missing: none of its accounts is in the reports"));
        }
        for part in &merged.interrupted {
            terminal::note(&sanitize(&format!("{} was interrupted: go on with it with --resume", part.display())));
        }
    }
    let interrupted = !(merged.missing.is_empty() && merged.interrupted.is_empty());
    let (fail_on, form) = (FailOn::of(&command.fail_on), command.form.options());
    // What is to be resumed cannot be encrypted yet: the run that finishes it does that.
    let none = Recipients::default();
    let now = if interrupted { &none } else { &recipients };
    let to = HandOver { directory: &command.out, options: &form, quiet: global.quiet, interrupted, recipients: now };
    let exit = Earlier::read(&judged, &command.past, decisions)
        .and_then(|earlier| store::hand_over(&judged, &earlier, &fail_on, &to));
    store::warn_if_plain(&path, &recipients, interrupted);
    exit
}

/// A snapshot, the folder of a run, or a folder of such folders.
fn snapshots(part: &Path) -> Result<Vec<PathBuf>, CliError> {
    let own = file_in(part, SNAPSHOT);
    if own.exists() || !part.is_dir() {
        return Ok(vec![own]);
    }
    let unreadable = |source| CliError::Folder { path: part.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs_err::read_dir(part).map_err(unreadable)? {
        let folder = entry.map_err(unreadable)?.path();
        let inner = file_in(&folder, SNAPSHOT);
        if folder.is_dir() && inner.exists() {
            found.push(inner);
        }
    }
    if found.is_empty() {
        let hint = "name the folders that `scangap audit --shard` wrote, or the folder that they are in";
        return Err(BadValue::new(&part.to_string_lossy(), "a snapshot, nor does it hold any", hint).into());
    }
    found.sort();
    Ok(found)
}
