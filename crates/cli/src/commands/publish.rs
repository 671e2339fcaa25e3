//! `scangap publish`: the findings of an audit to Security Hub, with consent, each from the account that it is about.

mod screen;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Duration;

use scangap_aws::FindingsImporter;
use scangap_model::Observed;
use scangap_publish::{Findings, Hub, HubError, PublishOptions, publish};
use scangap_report::{Decisions, Input, visit_closed_findings, write_security_findings};
use scangap_snapshot::RunState;

use crate::args::{Global, Publish};
use crate::assessed::AssessedSnapshot;
use crate::error::CliError;
use crate::exit::Exit;
use crate::session::Session;
use crate::settings::connect_options;
use crate::values::BadValue;
use crate::{config, consent, session, terminal};

/// How long a hub may throttle every call until what waits for it is given up.
const THROTTLE_PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn run(command: &Publish, global: &Global) -> Result<Exit, CliError> {
    let judged = AssessedSnapshot::open_checked(&command.snapshot)?;
    require_finished(&judged)?;
    let word = word(&judged);
    if let Some(given) = command.confirm.as_ref().filter(|given| **given != word) {
        return Err(CliError::NotConfirmed { given: given.clone(), expected: word });
    }
    let findings = findings(command, &judged)?;
    if global.quiet == 0 {
        screen::introduce(&findings, &judged, command);
    }
    if command.dry_run {
        screen::dry_run(&findings, command.output);
        return Ok(Exit::Finished);
    }
    if command.confirm.is_none() {
        if !terminal::stdin_is_terminal() {
            return Err(CliError::NobodyToAsk { confirm: Some(word), lost: None });
        }
        match consent::ask(&format!("Type {word} to send them: "))? {
            Some(answer) if answer == word => {}
            Some(given) => return Err(CliError::NotConfirmed { given, expected: word }),
            None => return Ok(Exit::Interrupted),
        }
    }
    let mut connect = connect_options(&command.aws);
    // A finding sent twice is one: what is throttled for long is sent another time, and Ctrl-C is not kept waiting.
    connect.throttle_patience = connect.throttle_patience.min(THROTTLE_PATIENCE);
    let session = Session::open(&connect)?;
    // Before anything is sent: what is simulated never reaches AWS.
    let simulated = judged.snapshot.meta.simulated;
    let goes_to_aws = |hub: &Hub| FindingsImporter::goes_to_aws(&session.connection, &hub.region);
    if session.connection.meter().met_foreign_host() != simulated
        || findings.hubs().any(|hub| goes_to_aws(hub) == simulated)
    {
        return Err(CliError::EndpointMismatch { what: "snapshot", simulated });
    }
    let options =
        PublishOptions { role_name: command.publish_role_name.clone(), external_id: command.external_id.clone() };
    let words = "interrupted: what is on its way is waited for; nothing more is sent";
    let (connection, partition) = (&session.connection, session.identity.partition);
    let total = findings.hubs().count();
    let listen = screen::progress(total, global);
    let outcomes = session::interruptible(Some(words), |cancel| {
        let (findings, options, listen) = (&findings, &options, &listen);
        async move { publish(connection, partition, findings, options, listen, &cancel).await }
    })?;
    screen::close(&outcomes, command.output);
    if outcomes.iter().any(|outcome| matches!(outcome.error, Some(HubError::Interrupted))) {
        return Ok(Exit::Interrupted);
    }
    let whole = outcomes.iter().all(|outcome| outcome.error.is_none() && outcome.refused.is_empty());
    Ok(if whole { Exit::Finished } else { Exit::Incomplete })
}

/// An unfinished audit would replace the findings of the last finished one with "not reached".
fn require_finished(judged: &AssessedSnapshot) -> Result<(), CliError> {
    let meta = &judged.snapshot.meta;
    if meta.state == RunState::Complete && meta.missing_shards.is_empty() && meta.shard.is_none() {
        return Ok(());
    }
    let hint = "finish it with `scangap audit --resume`, or join all of its shards with `scangap merge`";
    Err(BadValue::new(&judged.path.to_string_lossy(), "a finished audit of all its shards", hint).into())
}

/// What is typed to confirm: the organization, and where there is none the beginning of the facts' hash.
fn word(judged: &AssessedSnapshot) -> String {
    match &judged.snapshot.facts.organization.id {
        Observed::Known(id) => id.to_string(),
        Observed::Absent | Observed::Unknown(_) => judged.facts_sha256().chars().take(12).collect(),
    }
}

/// Adds what an earlier audit found and this one knows to be over, each once.
fn close_findings_of(
    earlier: &AssessedSnapshot,
    now: &Input<'_>,
    ids: &mut BTreeSet<String>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    // What was never published needs no end.
    require_finished(earlier)?;
    let mut written = Ok(());
    let mut each = |id: String, line: String| {
        if written.is_ok() && ids.insert(id) {
            written = writeln!(out, "{line}");
        }
    };
    visit_closed_findings(&earlier.input(), now, &mut each).map_err(CliError::Compare)?;
    written.map_err(CliError::FindingsFile)
}

/// In a file that has no name, so that a million of them are not in memory, and nobody finds them.
fn findings(command: &Publish, judged: &AssessedSnapshot) -> Result<Findings<File>, CliError> {
    let acceptances = config::acceptances(command.config.as_deref()).map_err(CliError::Config)?;
    let decisions = Decisions { acceptances, ..Decisions::default() };
    let mut input = judged.input();
    input.decisions = Some(&decisions);
    let begin = || {
        let mut out = BufWriter::new(tempfile::tempfile()?);
        write_security_findings(&input, &mut out)?;
        Ok(out)
    };
    let mut out = begin().map_err(CliError::FindingsFile)?;
    let mut ids = BTreeSet::new();
    for path in &command.previous {
        close_findings_of(&AssessedSnapshot::open_checked(path)?, &input, &mut ids, &mut out)?;
    }
    let gather = || {
        out.flush()?;
        let file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        Findings::of(file).map_err(|error| error.0)
    };
    let mut findings = gather().map_err(CliError::FindingsFile)?;
    for account in &command.accounts {
        if !findings.hubs().any(|hub| hub.account == *account) {
            let hint = "see accounts.csv for those that the audit has";
            return Err(BadValue::new(account.as_str(), "an account with findings in this audit", hint).into());
        }
    }
    for region in &command.regions {
        if !findings.hubs().any(|hub| hub.region == *region) {
            let hint = "see registries.csv for those that the audit has";
            return Err(BadValue::new(region.as_str(), "a region with findings in this audit", hint).into());
        }
    }
    let wanted = |hub: &Hub| {
        (command.accounts.is_empty() || command.accounts.contains(&hub.account))
            && (command.regions.is_empty() || command.regions.contains(&hub.region))
    };
    findings.retain(wanted);
    if findings.count() == 0 {
        let hint = "name other accounts or regions, or none";
        return Err(BadValue::new("--accounts and --regions", "a scope with findings in this audit", hint).into());
    }
    Ok(findings)
}
