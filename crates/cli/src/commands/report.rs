//! `scangap report`: the reports again, from the snapshot alone.

use scangap_snapshot::Snapshot;

use crate::args::{Global, Report};
use crate::error::CliError;
use crate::exit::Exit;
use crate::store::{self, FailOn};

pub(super) fn run(command: &Report, global: &Global) -> Result<Exit, CliError> {
    let snapshot = Snapshot::open(&command.snapshot).map_err(CliError::Snapshot)?;
    let directory = match (&command.out, command.snapshot.parent()) {
        (Some(directory), _) => directory.clone(),
        (None, Some(parent)) if !parent.as_os_str().is_empty() => parent.to_owned(),
        (None, _) => ".".into(),
    };
    fs_err::create_dir_all(&directory).map_err(|source| CliError::Folder { path: directory.clone(), source })?;
    let assessment = scangap_assess::assess(&snapshot.facts, snapshot.meta.as_of);
    store::hand_over(
        &snapshot,
        &assessment,
        &command.snapshot,
        &directory,
        &FailOn::default(),
        command.form.options(),
        global.quiet,
    )
}
