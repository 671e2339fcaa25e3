//! The folder of a plan: its files, and an early backup.

use std::path::Path;

use scangap_apply::BackupOptions;
use scangap_plan::{Plan as Planned, PlanDocument, files};
use scangap_report::{Batch, manifest};

use crate::args::{Global, Plan};
use crate::error::CliError;
use crate::session::Session;
use crate::settings::{apply_roles, connect_options};
use crate::{applying, environment, terminal};

pub(super) fn write(planned: &Planned, directory: &Path) -> Result<(), CliError> {
    // A plan is never changed, and its manifest never takes the place of another's.
    let in_use = fs_err::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some());
    if in_use {
        return Err(CliError::FolderInUse(directory.to_owned()));
    }
    let batch = Batch::default();
    for file in files(planned) {
        let path = directory.join(&file.path);
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder).map_err(|source| CliError::Folder { path: folder.to_owned(), source })?;
        }
        batch.write(&path, |out| out.write_all(file.text.as_bytes())).map_err(CliError::Report)?;
    }
    manifest(&batch, directory, &[], planned.simulated, &planned.tool_version).map_err(CliError::Report)?;
    batch.commit().map_err(CliError::Report)?;
    Ok(())
}

/// What re-syncs would delete, saved early.
pub(super) fn back_up(command: &Plan, directory: &Path, global: &Global) -> Result<(), CliError> {
    let document = PlanDocument::open(directory).map_err(CliError::Document)?;
    if document.resyncs.is_empty() {
        terminal::note("--backup: nothing would be re-synced, so nothing is saved");
        return Ok(());
    }
    let options = BackupOptions {
        folder: directory.to_owned(),
        roles: apply_roles(&command.roles, None),
        clock: environment::now,
    };
    let session = Session::open(&connect_options(&command.aws))?;
    applying::save(&document, &session, &options, global)
}
