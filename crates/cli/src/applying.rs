//! The executor, as commands use it: on a session, with its events on the screen, and its closing report on the disk.

use std::path::Path;

use scangap_apply::{ApplyEvent, ApplyOptions, BackupOptions, Outcome, apply, back_up};
use scangap_model::{Tone, count, sanitize};
use scangap_plan::PlanDocument;
use scangap_report::Batch;

use crate::args::Global;
use crate::error::CliError;
use crate::session::{self, Session};
use crate::terminal;

/// Applies the plan. The first signal lets what is in hand come to its end. The second one ends the process: the journal
/// records the open registries, and every later command reports them.
pub(crate) fn apply_plan(
    plan: &PlanDocument,
    session: &Session,
    options: &ApplyOptions,
    global: &Global,
) -> Result<Outcome, CliError> {
    let Session { connection, identity } = session.clone();
    let listener = |event: ApplyEvent| show(&event, global.quiet);
    let words = "interrupted: what is in hand comes to its end first; nothing more is begun";
    let ended =
        session::interruptible(Some(words), |cancel| apply(plan, connection, identity, options, &listener, cancel))?;
    ended.map_err(|stop| CliError::NotApplicable(Box::new(stop)))
}

/// A backup alone. A signal meanwhile ends the process: nothing at AWS is changed by it.
pub(crate) fn save(
    plan: &PlanDocument,
    session: &Session,
    options: &BackupOptions,
    global: &Global,
) -> Result<(), CliError> {
    let Session { connection, identity } = session.clone();
    let listener = |event: ApplyEvent| show(&event, global.quiet);
    let saved = session::block_on(back_up(plan, connection, identity, options, &listener))?;
    saved.map_err(|stop| CliError::NotSaved(Box::new(stop)))
}

/// Writes `applied.json` and `applied.md`.
pub(crate) fn write_report(plan: &PlanDocument, outcome: &Outcome, folder: &Path) -> Result<(), CliError> {
    let batch = Batch::default();
    let json = serde_json::to_string_pretty(&outcome.report(plan)).unwrap_or_default() + "\n";
    batch.write(&folder.join("applied.json"), |out| out.write_all(json.as_bytes())).map_err(CliError::Report)?;
    let text = outcome.markdown(plan);
    batch.write(&folder.join("applied.md"), |out| out.write_all(text.as_bytes())).map_err(CliError::Report)?;
    batch.commit().map_err(CliError::Report)?;
    Ok(())
}

fn show(event: &ApplyEvent, quiet: u8) {
    let line = match event {
        ApplyEvent::Checked { steps, done_before, repaired_by_others } => {
            let repaired = match repaired_by_others {
                0 => String::new(),
                number => format!(", {number} repaired by others meanwhile"),
            };
            let steps = count(*steps, "step");
            format!("checked: {steps}, {done_before} done before{repaired}; all else is as the plan saw it")
        }
        ApplyEvent::BackedUp { step, findings, folder } => {
            format!("{step}: {findings} findings saved in {}", folder.display())
        }
        ApplyEvent::EnableVerified { step } => format!("{step}: inspector2:Enable is verified"),
        ApplyEvent::Reported { step } => format!("{step}: Inspector's report of them is in S3"),
        ApplyEvent::Begins { step, what } => format!("{step}: {what}"),
        ApplyEvent::Reached { step, status } => format!("{step}: {status}"),
        ApplyEvent::Done { step, result } => format!("{step}: {result}"),
        ApplyEvent::Failed { step, why } => {
            let why = why.strip_prefix(&format!("{step}: ")).unwrap_or(why);
            terminal::note(&terminal::paint(&sanitize(&format!("{step}: {why}")), Tone::Bad));
            return;
        }
        ApplyEvent::Reenables { step } => format!("{step}: re-enabling, with its scanning configuration as it was"),
        ApplyEvent::Reenabled { step } => format!("{step}: re-enabled"),
    };
    if quiet == 0 {
        terminal::note(&sanitize(&line));
    }
}
