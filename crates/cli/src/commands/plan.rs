//! `scangap plan`: what would be changed, from the snapshot and what was counted for it. It changes nothing, anywhere but in
//! its own folder; with `--collect` it reads.

mod folder;
mod request;
mod screen;

use std::collections::BTreeMap;

use scangap_model::{Phase, Tone};
use scangap_plan::{Candidates, LossEstimate, PlanInput, candidates, plan, plan_json, stale_since};
use scangap_report::Summary;
use scangap_snapshot::{RunState, StoredLosses};

use crate::args::{Global, Output, Plan};
use crate::assessed::AssessedSnapshot;
use crate::error::{CliError, Unreadable};
use crate::exit::Exit;
use crate::settings::{collect_options, connect_options};
use crate::values::BadValue;
use crate::{collect_for_plan, terminal};

pub(super) fn run(command: &Plan, global: &Global) -> Result<Exit, CliError> {
    let request = request::request(command);
    let judged = AssessedSnapshot::open_checked(&command.snapshot)?;
    if judged.snapshot.meta.facts_sha256.is_none() {
        return Err(CliError::NeverClosed(command.snapshot.clone()));
    }
    if let Some(value) = request.unknown_in(&judged.snapshot.facts) {
        return Err(BadValue::new(
            &value,
            "an account, OU or region of the snapshot",
            "see accounts.csv and registries.csv; a plan of nothing would say that all is well",
        )
        .into());
    }
    for id in request.blocklist.iter().filter(|id| !judged.snapshot.facts.accounts.contains_key(id)) {
        terminal::note(&format!(
            "--blocklist: {id} is not an account of the snapshot, and keeps nothing out of the plan"
        ));
    }
    let previous = command.previous.as_deref().map(AssessedSnapshot::open_checked).transpose()?;
    let unreadable = |error| CliError::Facts(Unreadable(error));
    let stale_since = match &previous {
        None => BTreeMap::new(),
        Some(old) => {
            // That the two are of one organization, in this order, is the comparison's to check.
            judged.changes_since(old)?;
            let meta = &old.snapshot.meta;
            stale_since(&old.assessment, &old.snapshot.repositories, meta.as_of).map_err(unreadable)?
        }
    };
    if judged.lacks_accounts() {
        let which = judged.snapshot.meta.shard.map_or_else(
            || "shards are missing from this audit".to_owned(),
            |shard| format!("this is shard {shard} of an audit"),
        );
        terminal::note(&format!("warning: {which}: the plan is of its accounts alone"));
    }
    let input = judged.input();
    let summary = Summary::of(&input);
    let complete = summary.is_complete() && judged.snapshot.meta.state == RunState::Complete;
    let mut source = PlanInput {
        facts: &judged.snapshot.facts,
        repositories: &judged.snapshot.repositories,
        assessment: &judged.assessment,
        facts_sha256: judged.facts_sha256(),
        as_of: judged.snapshot.meta.as_of,
        tool_version: &judged.snapshot.meta.tool_version,
        planned_by: crate::environment::VERSION,
        previous_facts_sha256: previous.as_ref().map(AssessedSnapshot::facts_sha256),
        simulated: judged.snapshot.meta.simulated,
        complete,
        stale_since: &stale_since,
        collected: None,
    };
    if command.collect {
        let candidates = candidates(&source, &request).map_err(unreadable)?;
        if candidates == Candidates::default() {
            terminal::note("--collect: no registry would be re-synced and no policy repaired, so nothing is read");
        } else {
            let connect = connect_options(&command.aws);
            collect_for_plan::count(
                &judged,
                candidates,
                &connect,
                collect_options(&command.roles, Phase::Plan),
                global.quiet,
            )?;
        }
    }
    let counted = counted(&judged)?;
    source.collected = counted.as_ref();
    let planned = plan(&source, &request).map_err(unreadable)?;
    if let Some(directory) = &command.out {
        folder::write(&planned, directory)?;
        if command.backup {
            folder::back_up(command, directory, global)?;
        }
    }
    if global.quiet < 2 {
        match command.output {
            Output::Json => terminal::json(&plan_json(&planned)),
            Output::Text if global.quiet > 0 => terminal::out(&format!(
                "{}\n{}",
                planned.summary(),
                planned
                    .warning()
                    .map(|warning| format!("{}\n", terminal::paint(&warning, Tone::Bad)))
                    .unwrap_or_default()
            )),
            Output::Text => terminal::out(&screen::text(&planned, command.out.as_deref())),
        }
    }
    Ok(match (planned.complete, command.detailed_exitcode && planned.has_steps()) {
        (false, _) => Exit::Incomplete,
        (true, true) => Exit::Reached,
        (true, false) => Exit::Finished,
    })
}

/// What was read for plans of this snapshot last, if anything was.
fn counted(judged: &AssessedSnapshot) -> Result<Option<LossEstimate>, CliError> {
    let stored = StoredLosses::latest(&judged.path, judged.facts_sha256()).map_err(CliError::Snapshot)?;
    Ok(stored.map(|stored| LossEstimate {
        registries: stored.registries,
        tags: stored.tags,
        losses_sha256: stored.losses_sha256,
    }))
}
