//! `scangap report`: the reports again, from the snapshot alone.

use crate::args::{Global, Report};
use crate::error::CliError;
use crate::exit::Exit;
use crate::judged::Judged;
use crate::store::{self, FailOn};

pub(super) fn run(command: &Report, global: &Global) -> Result<Exit, CliError> {
    let judged = Judged::open(&command.snapshot)?;
    let changes = match &command.previous {
        Some(path) => Some(judged.changes_since(&Judged::open(path)?)?),
        None => None,
    };
    let directory = match (&command.out, command.snapshot.parent()) {
        (Some(directory), _) => directory.clone(),
        (None, Some(parent)) if !parent.as_os_str().is_empty() => parent.to_owned(),
        (None, _) => ".".into(),
    };
    fs_err::create_dir_all(&directory).map_err(|source| CliError::Folder { path: directory.clone(), source })?;
    let options = command.form.options();
    store::hand_over(&judged, changes.as_ref(), &directory, &FailOn::default(), options, global.quiet)
}
