//! `scangap verify`: whether a folder of reports is what was handed over.

use std::fmt::Write;
use std::path::Path;

use scangap_model::{Tone, count};
use scangap_report::{FileState, sanitize, verify};
use scangap_snapshot::{Snapshot, has_identities};

use crate::args::{Global, Verify};
use crate::error::CliError;
use crate::exit::Exit;
use crate::terminal;

pub(super) fn run(command: &Verify, global: &Global) -> Result<Exit, CliError> {
    let states = verify(&command.directory).map_err(CliError::Verify)?;
    let mut out = String::new();
    for (name, state) in &states {
        let tone = match state {
            FileState::Same => Tone::Good,
            FileState::Missing | FileState::Changed => Tone::Bad,
            FileState::NotListed => Tone::Warning,
        };
        let _ = writeln!(out, "  {} {}", terminal::paint(&format!("{:<12}", state.word()), tone), sanitize(name));
    }
    let mut wrong = states.iter().filter(|(_, state)| matches!(state, FileState::Missing | FileState::Changed)).count();
    // The snapshot's own identity: the hash of its facts, made again from the facts.
    let is_snapshot = |name: &str| {
        let plain = name.strip_suffix(".age").filter(|_| has_identities()).unwrap_or(name);
        Path::new(plain).extension().is_some_and(|extension| extension == "db")
    };
    for (name, _) in states.iter().filter(|(name, state)| *state == FileState::Same && is_snapshot(name)) {
        let path = command.directory.join(name);
        let facts = Snapshot::hash_facts(&path).map_err(CliError::Snapshot)?;
        let same = facts.stored.as_ref() == Some(&facts.computed);
        let word = if same { FileState::Same } else { FileState::Changed }.word();
        let word = terminal::paint(&format!("{word:<12}"), if same { Tone::Good } else { Tone::Bad });
        let _ = writeln!(out, "  {word} facts of {}: {}", sanitize(name), facts.computed);
        wrong += usize::from(!same);
    }
    let listed = states.iter().filter(|(_, state)| *state != FileState::NotListed).count();
    let verdict = if wrong == 0 { "every file is what the manifest says" } else { "not what the manifest says" };
    let _ = writeln!(out, "{}: {verdict}", count(listed, "file"));
    let others = states.len() - listed;
    if others > 0 {
        let _ = writeln!(out, "{} beside them that the manifest does not know", count(others, "file"));
    }
    if global.quiet < 2 {
        terminal::out(&out);
    }
    Ok(if wrong == 0 { Exit::Finished } else { Exit::Data })
}
