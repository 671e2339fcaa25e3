//! `scangap rehearse`: the plan, carried out by the same executor on a simulated copy of the organization, between two audits.
//! No network, no AWS.

mod places;
mod screen;

use std::path::Path;
use std::time::Duration;

use scangap_apply::{ApplyOptions, Roles};
use scangap_aws::ConnectOptions;
use scangap_model::Tone;
use scangap_plan::PlanDocument;
use scangap_rehearse::{Audits, CopyError, Rehearsal, SimulatedCopy};
use scangap_report::{CsvDialect, Decisions, ReportOptions, write_changes};
use scangap_snapshot::Recipients;

use crate::args::{Global, Output, Past, Rehearse};
use crate::assessed::AssessedSnapshot;
use crate::audit;
use crate::error::{CliError, Unreadable};
use crate::exit::Exit;
use crate::fail_on::FailOn;
use crate::job::Job;
use crate::session::Session;
use crate::{applying, environment, settings, terminal};

pub(super) fn run(command: &Rehearse, global: &Global) -> Result<Exit, CliError> {
    let mut plan = PlanDocument::open(&command.plan).map_err(CliError::Document)?;
    let path = match &command.snapshot {
        Some(path) => path.clone(),
        None => places::snapshot(&plan).ok_or_else(|| CliError::SnapshotNotFound(plan.facts_sha256.clone()))?,
    };
    let original = AssessedSnapshot::open_checked(&path)?;
    if original.facts_sha256() != plan.facts_sha256 {
        return Err(CliError::OtherSnapshot { path, facts: plan.facts_sha256 });
    }
    let out = places::folder(command.out.as_deref(), &plan)?;
    let counted = places::losses(&plan, &original.path)?;
    let copy = SimulatedCopy::start(&original.input(), &counted, environment::now()).map_err(|error| match error {
        CopyError::Facts(error) => CliError::Facts(Unreadable(error)),
        CopyError::Start(error) => CliError::Simulator(error),
    })?;
    // A rehearsal is always a simulation: with this flag the executor rejects an AWS endpoint.
    plan.simulated = true;
    plan.organization_id = Some(copy.organization_id.clone());
    if global.quiet == 0 {
        terminal::note(&terminal::paint(
            "SIMULATED: a copy of the snapshot's organization on this machine; no network, nothing happens at AWS.",
            Tone::Warning,
        ));
    }
    let connect = settings::connect_simulated(copy.url(), copy.access_key_id.clone());
    let before = audit_of_copy(&connect, &copy.role, &out.join("before"))?;
    let outcome = applying::apply_plan(&plan, &Session::open(&connect)?, &options(&plan, &copy.role, &out), global)?;
    applying::write_report(&plan, &outcome, &out)?;
    let after = audit_of_copy(&connect, &copy.role, &out.join("after"))?;
    let changes = after.changes_since(&before)?;
    let (original_input, before, after) = (original.input(), before.input(), after.input_with(Some(&changes)));
    write_changes(&after, &changes, CsvDialect::default(), &out).map_err(CliError::Report)?;
    let audits = Audits { original: &original_input, before: &before, after: &after, changes: &changes };
    let rehearsal =
        Rehearsal::of(&plan, &outcome, audits, copy.losses()).map_err(|error| CliError::Facts(Unreadable(error)))?;
    if global.quiet < 2 {
        match command.output {
            Output::Json => terminal::json(&rehearsal),
            Output::Text => terminal::out(&screen::text(&rehearsal, outcome.stopped.is_none(), &command.plan, &out)),
        }
    }
    if rehearsal.exceeds_plan() {
        return Err(CliError::RehearsalLost);
    }
    let unfinished = outcome.steps.iter().any(|step| !step.not_refreshed.is_empty());
    match outcome.stopped {
        Some(stop) => Err(CliError::Apply(Box::new(stop))),
        None if unfinished || !original.is_complete() => Ok(Exit::Incomplete),
        None => Ok(Exit::Finished),
    }
}

fn options(plan: &PlanDocument, role: &str, out: &Path) -> ApplyOptions {
    ApplyOptions {
        folder: out.to_owned(),
        roles: Roles {
            role_names: vec![role.to_owned()],
            inspector_admin_role_name: None,
            organization_role_arn: None,
            write_role_name: Some(role.to_owned()),
            external_id: None,
        },
        judged_role: plan.write_role_name.clone(),
        batch: 5,
        wait: Duration::from_secs(5),
        blocklist: Vec::new(),
        findings_reports: None,
        resume: false,
        dry_run: false,
        clock: environment::now,
        open_registries: None,
        only_reenable: false,
    }
}

fn audit_of_copy(connect: &ConnectOptions, role: &str, out: &Path) -> Result<AssessedSnapshot, CliError> {
    let exit = audit::run(&Job {
        introduction: String::new(),
        connect: connect.clone(),
        collect: settings::collect_simulated(role.to_owned()),
        as_of: environment::now(),
        fail_on: FailOn::default(),
        out: Some(out.to_owned()),
        resume: None,
        reports: ReportOptions::default(),
        recipients: Recipients::default(),
        past: Past::default(),
        decisions: Decisions::default(),
        clock: environment::now,
        endpoint_name: Some("simulated copy on loopback"),
        quiet: 2,
        progress: false,
        table: false,
    })?;
    // Half an audit must not be what the plan is judged by.
    if exit == Exit::Interrupted {
        return Err(CliError::RehearsalInterrupted);
    }
    AssessedSnapshot::open(&out.join("snapshot.db"))
}
