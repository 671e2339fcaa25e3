//! `scangap apply`: consent, connection and progress output. The executor carries out the plan.

mod consent;
mod screen;

use std::time::Duration;

use scangap_apply::{ApplyError, ApplyOptions, FindingsReports, JOURNAL, Progress, read_journal};
use scangap_plan::PlanDocument;

use crate::args::{Apply, Global};
use crate::error::CliError;
use crate::exit::Exit;
use crate::session::Session;
use crate::settings::{apply_roles, connect_options};
use crate::{applying, environment, open_applies, terminal};

/// How long an apply waits for a token bucket that admits no call before it continues without the response.
const APPLY_THROTTLE_PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn run(command: &Apply, global: &Global) -> Result<Exit, CliError> {
    // --resume and --bring-back re-enable open registries even if the policy files in the plan's folder are damaged or missing.
    let (plan, broken) = match PlanDocument::open(&command.plan) {
        Err(broken) if command.resume || command.bring_back => {
            let plan = PlanDocument::open_without_policies(&command.plan).map_err(CliError::Document)?;
            (plan, Some(broken).filter(|_| command.resume))
        }
        opened => (opened.map_err(CliError::Document)?, None),
    };
    if plan.steps() == 0 && broken.is_none() {
        terminal::out("The plan has no steps: nothing is applied.\n");
        return Ok(Exit::Finished);
    }
    let mut options = ApplyOptions {
        folder: plan.folder.clone(),
        roles: apply_roles(&command.roles, command.write_role_name.clone()),
        judged_role: command.write_role_name.clone(),
        batch: usize::from(command.batch),
        wait: command.wait.duration.unsigned_abs(),
        blocklist: command.blocklist.clone(),
        findings_reports: findings_reports(command)?,
        resume: command.resume || command.bring_back,
        dry_run: true,
        clock: environment::now,
        open_registries: Some(open_applies::known()),
        only_reenable: command.bring_back || broken.is_some(),
    };
    let mut connect = connect_options(&command.aws);
    // A throttled status read must not delay an Enable: the executor repeats status reads itself.
    connect.throttle_patience = connect.throttle_patience.min(APPLY_THROTTLE_PATIENCE);
    screen::introduce(&plan, global);
    if command.resume && broken.is_none() && is_finished(&plan)? {
        terminal::out("Everything of the plan was done before: applied.md and applied.json are as they were.\n");
        return Ok(Exit::Finished);
    }
    // A resumed apply already has consent.
    let consented = options.resume || consent::given(command, &plan)?;
    let may_write = options.roles.write_role_name.is_some();
    if consented && !may_write {
        return Err(CliError::NoWriteRole);
    }
    let mut session = Session::open(&connect)?;
    if !consented {
        let exit = screen::dry_run(&plan, applying::apply_plan(&plan, &session, &options, global)?)?;
        if command.dry_run {
            return Ok(exit);
        }
        consent::ask_for(command, &plan)?;
        if !may_write {
            return Err(CliError::NoWriteRole);
        }
        // However long the answer took: who applies it is asked now.
        session = Session::open(&connect)?;
    }
    options.dry_run = false;
    let outcome = applying::apply_plan(&plan, &session, &options, global)?;
    match (screen::close(&plan, outcome, &options.folder, global), broken) {
        (Ok(_), Some(broken)) => Err(CliError::Document(broken)),
        (closed, _) => closed,
    }
}

/// Whether an apply of the plan came to its end, with nothing left open.
fn is_finished(plan: &PlanDocument) -> Result<bool, CliError> {
    let journal = read_journal(&plan.folder.join(JOURNAL));
    let journal = journal.map_err(|error| CliError::NotApplicable(Box::new(ApplyError::Journal(error))))?;
    let Some(journal) = journal.filter(|journal| journal.plan_sha256.as_ref() == Some(&plan.plan_sha256)) else {
        return Ok(false);
    };
    let repairs = plan.repairs.iter().map(|step| &step.id);
    let mut steps = repairs.chain(plan.resyncs.iter().map(|step| &step.id));
    Ok(steps.all(|id| journal.progress(id) == Progress::Done))
}

fn findings_reports(command: &Apply) -> Result<Option<FindingsReports>, CliError> {
    let Some(place) = &command.findings_report else { return Ok(None) };
    let key = command.findings_report_key.as_deref().unwrap_or_default();
    let parsed = FindingsReports::parse(place, key).map(Some);
    parsed.map_err(|why| CliError::NotApplicable(Box::new(ApplyError::FindingsReports(why))))
}
