//! `scangap apply`: consent, connection and progress output. The executor carries out the plan.

use std::fmt::Write as _;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Duration;

use scangap_apply::{
    ApplyError, ApplyEvent, ApplyOptions, FindingsReports, JOURNAL, Outcome, Progress, Roles, apply, back_up,
    read_journal,
};
use scangap_aws::{Call, ConnectOptions, Connection};
use scangap_model::{Api, Tone, sanitize};
use scangap_plan::PlanDocument;
use scangap_report::Batch;
use tokio_util::sync::CancellationToken;

use crate::args::{Apply, Global};
use crate::error::CliError;
use crate::exit::Exit;
use crate::settings::{account, connect_options, duration};
use crate::signals;
use crate::{environment, open_applies, terminal};

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
    let wait = duration(&command.wait)?;
    let mut options = ApplyOptions {
        folder: plan.folder.clone(),
        roles: roles(&command.roles, command.write_role_name.clone()),
        judged_role: command.write_role_name.clone(),
        batch: usize::from(command.batch),
        wait: Duration::try_from(wait).unwrap_or_default(),
        blocklist: command.blocklist.iter().map(|text| account(text)).collect::<Result<_, _>>()?,
        findings_reports: findings_reports(command)?,
        resume: command.resume || command.bring_back,
        dry_run: true,
        clock: environment::now,
        remember: open_applies::remember,
        registry_in_use: open_applies::registry_in_use,
        only_reenable: command.bring_back || broken.is_some(),
    };
    let mut connect = connect_options(&command.aws)?;
    // A throttled status read must not delay an Enable: the executor repeats status reads itself.
    connect.throttle_patience = connect.throttle_patience.min(APPLY_THROTTLE_PATIENCE);
    introduce(&plan, global);
    if command.resume && broken.is_none() && is_finished(&plan)? {
        terminal::out("Everything of the plan was done before: applied.md and applied.json are as they were.\n");
        return Ok(Exit::Finished);
    }
    // A resumed apply already has consent.
    if !options.resume {
        let given = given_consent(command, &plan)?;
        if !given {
            let looked = carry_out(&plan, &connect, &options, global)?;
            if let Some(stop) = looked.stopped {
                return Err(CliError::NotApplicable(Box::new(stop)));
            }
            let counted = if plan.resyncs.is_empty() {
                ""
            } else {
                "; what would be lost is counted again before anything is deleted"
            };
            let refused = cannot_be_made(&looked.refused);
            let incomplete = !looked.refused.is_empty();
            terminal::out(&format!(
                "Dry run: the policies and registries are as the plan saw them, and nothing was changed{counted}.{refused}\n"
            ));
            if command.dry_run {
                return Ok(if incomplete { Exit::Incomplete } else { Exit::Finished });
            }
            ask_for_consent(command, &plan)?;
        }
    }
    if options.roles.write_role_name.is_none() {
        return Err(CliError::NoWriteRole);
    }
    options.dry_run = false;
    let outcome = carry_out(&plan, &connect, &options, global)?;
    match (close(&plan, outcome, &options.folder, global), broken) {
        (Ok(_), Some(broken)) => Err(CliError::Document(broken)),
        (closed, _) => closed,
    }
}

/// Summarizes the steps that cannot be applied, as far as the dry run shows. Each step was already reported by itself.
fn cannot_be_made(refused: &[ApplyError]) -> String {
    let kept_out = refused.iter().filter(|stop| stop.step().is_some()).count();
    let mut text = String::new();
    if let accounts @ 1.. = refused.len() - kept_out {
        let them = if accounts == 1 { "it" } else { "them" };
        let accounts = count(accounts, "account", "accounts");
        let _ = write!(text, " Steps in {accounts} cannot be made: no role opens {them}.");
    }
    if kept_out > 0 {
        let steps = count(kept_out, "step", "steps");
        let _ = write!(text, " {steps} cannot be made: the policies as they are keep the write role out.");
    }
    text
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

pub(super) fn roles(given: &crate::args::Roles, write_role_name: Option<String>) -> Roles {
    Roles {
        role_names: given.role_name.clone(),
        inspector_admin_role_name: given.inspector_admin_role_name.clone(),
        organization_role_arn: given.organization_role_arn.clone(),
        write_role_name,
        external_id: given.external_id.clone(),
    }
}

fn findings_reports(command: &Apply) -> Result<Option<FindingsReports>, CliError> {
    let Some(place) = &command.findings_report else { return Ok(None) };
    let key = command.findings_report_key.as_deref().unwrap_or_default();
    let parsed = FindingsReports::parse(place, key).map(Some);
    parsed.map_err(|why| CliError::NotApplicable(Box::new(ApplyError::FindingsReports(why))))
}

fn introduce(plan: &PlanDocument, global: &Global) {
    if global.quiet > 0 {
        return;
    }
    if plan.simulated {
        terminal::note(&terminal::paint("SIMULATED: a plan of an organization that does not exist.", Tone::Warning));
    }
    terminal::note(&format!(
        "plan {}: {} to change, {} to re-sync",
        plan.plan_sha256.chars().take(12).collect::<String>(),
        count(plan.repairs.len(), "policy", "policies"),
        count(plan.resyncs.len(), "registry", "registries")
    ));
    if let Some(warning) = &plan.warning {
        terminal::note(&terminal::paint(&sanitize(warning), Tone::Bad));
    }
}

fn count(number: usize, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

/// What is typed to confirm: the organization, and where there is none the beginning of the plan's hash.
fn word(plan: &PlanDocument) -> String {
    plan.organization_id.clone().unwrap_or_else(|| plan.plan_sha256.chars().take(12).collect())
}

/// Whether the flags give all the consent that the plan needs. What they give wrongly is an error, before any call.
fn given_consent(command: &Apply, plan: &PlanDocument) -> Result<bool, CliError> {
    if let Some(given) = &command.confirm
        && *given != word(plan)
    {
        return Err(CliError::NotConfirmed { given: given.clone(), expected: word(plan) });
    }
    let lost = plan.findings_lost.unwrap_or(0);
    if let Some(given) = command.accept_history_loss
        && given != lost
    {
        return Err(CliError::OtherLoss { given, lost });
    }
    let accepted = plan.resyncs.is_empty() || command.accept_history_loss.is_some();
    Ok(command.confirm.is_some() && accepted)
}

fn ask_for_consent(command: &Apply, plan: &PlanDocument) -> Result<(), CliError> {
    if !terminal::stdin_is_terminal() {
        return Err(CliError::NobodyToAsk {
            confirm: command.confirm.is_none().then(|| word(plan)),
            lost: plan.findings_lost.filter(|_| !plan.resyncs.is_empty() && command.accept_history_loss.is_none()),
        });
    }
    if command.confirm.is_none() {
        let answer = ask(&format!("Type {} to change all this: ", word(plan)))?;
        if answer != word(plan) {
            return Err(CliError::NotConfirmed { given: answer, expected: word(plan) });
        }
    }
    if !plan.resyncs.is_empty() && command.accept_history_loss.is_none() {
        let lost = plan.findings_lost.unwrap_or(0);
        let answer = ask("Type the number of findings that will be lost: ")?;
        if answer != lost.to_string() {
            return Err(CliError::NotConfirmed { given: answer, expected: lost.to_string() });
        }
    }
    Ok(())
}

/// Ctrl-C is an answer too.
fn ask(question: &str) -> Result<String, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)?;
    let asked = async {
        let _ = anstream::stderr().write_all(question.as_bytes());
        let line = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            let _ = std::io::stdin().lock().read_line(&mut answer);
            answer.trim().to_owned()
        });
        line.await.unwrap_or_default()
    };
    // It is listened for before anything is asked.
    let cancel = CancellationToken::new();
    let listening = signals::listen(cancel.clone(), "");
    let answer = runtime.block_on(async {
        tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            answer = asked => Some(answer),
        }
    });
    drop(listening);
    // Do not wait for the blocking task that may still read stdin.
    runtime.shutdown_background();
    answer.ok_or_else(|| CliError::NotApplicable(Box::new(ApplyError::Interrupted)))
}

/// Runs the executor with an event listener and a signal handler that cancels it.
pub(super) fn carry_out(
    plan: &PlanDocument,
    connect: &ConnectOptions,
    options: &ApplyOptions,
    global: &Global,
) -> Result<Outcome, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    runtime.block_on(async {
        let connection = Connection::open(connect).await.map_err(CliError::Connect)?;
        let call = Call::new(Api::GetCallerIdentity, connection.meter());
        let identity = connection.identity(&call).await.map_err(CliError::Connect)?;
        let cancel = CancellationToken::new();
        // A second signal ends the process: the journal records the open registries, and every later command reports them.
        let words = "interrupted: what is in hand comes to its end first; nothing more is begun";
        let listening = signals::listen(cancel.clone(), words);
        let listener = |event: ApplyEvent| show(&event, global.quiet);
        let ended = apply(plan, connection, identity, options, &listener, cancel).await;
        drop(listening);
        ended.map_err(|stop| CliError::NotApplicable(Box::new(stop)))
    })
}

/// A backup alone.
pub(super) fn save(
    plan: &PlanDocument,
    connect: &ConnectOptions,
    options: &ApplyOptions,
    global: &Global,
) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    runtime.block_on(async {
        let connection = Connection::open(connect).await.map_err(CliError::Connect)?;
        let call = Call::new(Api::GetCallerIdentity, connection.meter());
        let identity = connection.identity(&call).await.map_err(CliError::Connect)?;
        let listener = |event: ApplyEvent| show(&event, global.quiet);
        back_up(plan, connection, identity, options, &listener).await.map_err(|stop| CliError::NotSaved(Box::new(stop)))
    })
}

fn show(event: &ApplyEvent, quiet: u8) {
    let line = match event {
        ApplyEvent::Checked { steps, done_before } => {
            format!("checked: {steps} steps, {done_before} of them done before; the others are as the plan saw them")
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

/// The closing report, and how it ended.
fn close(plan: &PlanDocument, outcome: Outcome, folder: &Path, global: &Global) -> Result<Exit, CliError> {
    let written = write_report(plan, &outcome, folder);
    if global.quiet < 2 && written.is_ok() {
        terminal::out(&format!(
            "Applied: {} done, {} not done{}\nReport   {}: applied.md  applied.json  journal.jsonl\n",
            outcome.done(),
            outcome.left,
            if plan.simulated { " (SIMULATED)" } else { "" },
            folder.display()
        ));
    }
    let unfinished = outcome.steps.iter().any(|step| step.finished && !step.not_refreshed.is_empty());
    open_applies::say_what_is_not_remembered(&outcome.left_disabled);
    // The error that stopped the apply is the one returned: the failed report may have the same cause.
    let written = match (written, &outcome.stopped) {
        (Err(error), Some(stop)) if !matches!(stop, ApplyError::OnlyReenabled) => {
            terminal::note(&terminal::paint(&sanitize(&format!("error: {error}")), Tone::Bad));
            Ok(())
        }
        (written, _) => written,
    };
    written?;
    match outcome.stopped {
        // Every command, this one included, lists these registries with the commands that re-enable them.
        Some(stop) if !outcome.left_disabled.is_empty() => Err(CliError::LeftDisabled(Box::new(stop))),
        Some(ApplyError::Interrupted) => Ok(Exit::Interrupted),
        Some(ApplyError::OnlyReenabled) => {
            terminal::out("Nothing is open: every registry of the plan is on, with its scanning configuration.\n");
            Ok(Exit::Finished)
        }
        Some(stop) if !outcome.begun => Err(CliError::NotApplicable(Box::new(stop))),
        Some(stop) => Err(CliError::Apply(Box::new(stop))),
        None if unfinished => Ok(Exit::Incomplete),
        None => Ok(Exit::Finished),
    }
}

pub(super) fn write_report(plan: &PlanDocument, outcome: &Outcome, folder: &Path) -> Result<(), CliError> {
    let batch = Batch::default();
    let json = serde_json::to_string_pretty(&outcome.report(plan)).unwrap_or_default() + "\n";
    batch.write(&folder.join("applied.json"), |out| out.write_all(json.as_bytes())).map_err(CliError::Report)?;
    let text = outcome.markdown(plan);
    batch.write(&folder.join("applied.md"), |out| out.write_all(text.as_bytes())).map_err(CliError::Report)?;
    batch.commit().map_err(CliError::Report)?;
    Ok(())
}
