//! `scangap plan`: what would be changed, from the snapshot and what was counted for it. It changes nothing, anywhere but in
//! its own folder; with `--collect` it reads.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use jiff::Timestamp;
use scangap_apply::ApplyOptions;
use scangap_model::{AccountId, Diagnosis, Phase, RegionName, Tone, Verdict};
use scangap_plan::PlanDocument;
use scangap_plan::{
    Candidates, LossEstimate, Plan as Planned, PlanInput, PlanRequest, candidates, files, plan, plan_json,
};
use scangap_report::{Batch, Summary, manifest, sanitize};
use scangap_snapshot::{RunState, StoredLosses};

use crate::args::{Global, Output, Plan};
use crate::assessed::AssessedSnapshot;
use crate::error::{CliError, Unreadable};
use crate::exit::Exit;
use crate::settings::{account, collect_options, connect_options, duration, region};
use crate::{collect_for_plan, environment, open_applies, terminal};

/// How many rows of one kind the screen shows.
const SHOWN: usize = 20;

pub(super) fn run(command: &Plan, global: &Global) -> Result<Exit, CliError> {
    let request = request(command)?;
    let judged = AssessedSnapshot::open_checked(&command.snapshot)?;
    if judged.snapshot.meta.facts_sha256.is_none() {
        return Err(CliError::NeverClosed(command.snapshot.clone()));
    }
    if let Some(value) = request.unknown_in(&judged.snapshot.facts) {
        return Err(CliError::BadValue {
            value,
            expected: "an account, OU or region of the snapshot",
            hint: "see accounts.csv and registries.csv; a plan of nothing would say that all is well".to_owned(),
        });
    }
    for id in request.blocklist.iter().filter(|id| !judged.snapshot.facts.accounts.contains_key(id)) {
        terminal::note(&format!(
            "--blocklist: {id} is not an account of the snapshot, and keeps nothing out of the plan"
        ));
    }
    let previous = command.previous.as_deref().map(AssessedSnapshot::open_checked).transpose()?;
    let stale_since = match &previous {
        Some(previous) => stale_since(previous, &judged)?,
        None => BTreeMap::new(),
    };
    let input = judged.input(None);
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
    let unreadable = |error| CliError::Facts(Unreadable(error));
    if command.collect {
        let candidates = candidates(&source, &request).map_err(unreadable)?;
        if candidates == Candidates::default() {
            terminal::note("--collect: no registry would be re-synced and no policy repaired, so nothing is read");
        } else {
            let connect = connect_options(&command.aws)?;
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
        write(&planned, directory)?;
        if command.backup {
            back_up(command, directory, global)?;
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
            Output::Text => terminal::out(&text(&planned, command.out.as_deref())),
        }
    }
    Ok(match (planned.complete, command.detailed_exitcode && planned.has_steps()) {
        (false, _) => Exit::Incomplete,
        (true, true) => Exit::Reached,
        (true, false) => Exit::Finished,
    })
}

/// What re-syncs would delete, saved early.
fn back_up(command: &Plan, directory: &Path, global: &Global) -> Result<(), CliError> {
    let document = PlanDocument::open(directory).map_err(CliError::Document)?;
    if document.resyncs.is_empty() {
        terminal::note("--backup: nothing would be re-synced, so nothing is saved");
        return Ok(());
    }
    let options = ApplyOptions {
        folder: directory.to_owned(),
        roles: super::apply::roles(&command.roles, None),
        judged_role: None,
        batch: 1,
        wait: std::time::Duration::ZERO,
        blocklist: Vec::new(),
        findings_reports: None,
        resume: false,
        dry_run: true,
        clock: environment::now,
        remember: |_, _| Ok(()),
        registry_in_use: |_, _| None,
        only_reenable: false,
    };
    let connect = connect_options(&command.aws)?;
    super::apply::save(&document, &connect, &options, global)
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

fn request(command: &Plan) -> Result<PlanRequest, CliError> {
    let accounts = |texts: &[String]| texts.iter().map(|text| account(text)).collect::<Result<Vec<_>, _>>();
    let diagnosis = |word: &String| {
        Diagnosis::from_word(word)
            .filter(|one| {
                matches!(one, Diagnosis::Blocked | Diagnosis::AtRisk | Diagnosis::Undecided | Diagnosis::Stale)
            })
            .ok_or_else(|| CliError::BadValue {
                value: word.clone(),
                expected: "a diagnosis that a plan can do something about",
                hint: "--diagnoses takes blocked, at_risk, undecided, stale".to_owned(),
            })
    };
    // Neither means both.
    let both = command.fix == command.resync;
    Ok(PlanRequest {
        fix: command.fix || both,
        resync: command.resync || both,
        accounts: accounts(&command.accounts)?,
        organizational_units: command.ou.clone(),
        regions: command.regions.iter().map(|text| region(text)).collect::<Result<_, _>>()?,
        diagnoses: command.diagnoses.iter().map(diagnosis).collect::<Result<_, _>>()?,
        blocklist: accounts(&command.blocklist)?,
        only_scan_type: command.only_scan_type.iter().map(|text| registry(text)).collect::<Result<_, _>>()?,
        write_role_name: command.write_role_name.clone(),
        min_age: duration(&command.min_age)?,
        min_age_text: command.min_age.clone(),
    })
}

/// `ACCOUNT:REGION`.
fn registry(text: &str) -> Result<(AccountId, RegionName), CliError> {
    let (id, name) = text.split_once(':').ok_or_else(|| CliError::BadValue {
        value: text.to_owned(),
        expected: "a registry",
        hint: "write it as 111122223333:eu-west-1".to_owned(),
    })?;
    Ok((account(id)?, region(name)?))
}

/// Since when a repository that is stale now can be: its policy was last seen to deny at the earlier audit, or it was stale
/// then already.
fn stale_since(old: &AssessedSnapshot, new: &AssessedSnapshot) -> Result<BTreeMap<String, Timestamp>, CliError> {
    // That the two are of one organization, in this order, is the comparison's to check.
    new.changes_since(old)?;
    let since = old.snapshot.meta.as_of;
    let all = 0..old.assessment.repositories.len();
    let mut known = BTreeMap::new();
    for joined in old.assessment.join(&old.snapshot.repositories, all) {
        let (record, assessment) = joined.map_err(|error| CliError::Facts(Unreadable(error)))?;
        let stale = assessment.policy.verdict == Verdict::Allowed && assessment.diagnosis == Diagnosis::Stale;
        if stale || assessment.policy.verdict == Verdict::Denied {
            known.insert(record.facts.arn, since);
        }
    }
    Ok(known)
}

fn write(planned: &Planned, directory: &Path) -> Result<(), CliError> {
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

fn text(planned: &Planned, directory: Option<&Path>) -> String {
    let mut out = String::new();
    if planned.simulated {
        let line = "SIMULATED: a plan of an organization that does not exist; it is refused at AWS.";
        let _ = writeln!(out, "{}", terminal::paint(line, Tone::Warning));
    }
    for step in planned.policies.iter().take(SHOWN) {
        let _ = writeln!(
            out,
            "  {}  {}  {} {}  {}  {}",
            terminal::paint("change ", Tone::Good),
            step.id,
            step.account,
            step.region,
            sanitize(step.repository.as_str()),
            sanitize(&step.responsible_statements.join("; "))
        );
        for source in &step.sources {
            let _ = writeln!(out, "           also written by {}: repair it there too", sanitize(source));
        }
        if step.write_access.verdict != Verdict::Allowed {
            let _ = writeln!(out, "           {}", sanitize(&step.who_gets_through()));
        }
    }
    more(&mut out, planned.policies.len());
    for step in planned.resyncs.iter().take(SHOWN) {
        let _ = writeln!(
            out,
            "  {}  {}  {} {}  {}: {} findings, {} images, {} of them not scanned again",
            terminal::paint("re-sync", Tone::Bad),
            step.id,
            step.account,
            step.region,
            sanitize(&step.repositories.join(", ")),
            step.losses.findings,
            step.losses.images,
            step.losses.not_rescanned.len()
        );
    }
    more(&mut out, planned.resyncs.len());
    for refused in planned.refused.iter().take(SHOWN) {
        let _ = writeln!(
            out,
            "  {}  {} {} {}  {}: {}",
            terminal::paint("refused", Tone::Question),
            if refused.what == "resync" { "re-sync" } else { "repair" },
            refused.account,
            refused.region,
            sanitize(&refused.repositories.join(", ")),
            sanitize(&refused.refusal.sentence())
        );
    }
    more(&mut out, planned.refused.len());
    for one in planned.undecided.iter().take(SHOWN) {
        let _ = writeln!(
            out,
            "  {}  {} {}  {}: depends on {}",
            terminal::paint("decide ", Tone::Question),
            one.account,
            one.region,
            sanitize(one.repository.as_str()),
            sanitize(&one.depends_on.join(", "))
        );
    }
    more(&mut out, planned.undecided.len());
    if let Some(nothing) = planned.nothing() {
        let _ = writeln!(out, "{nothing}");
    }
    if !planned.complete {
        let code = open_applies::ending(Exit::Incomplete).code();
        let line =
            format!("Some facts could not be learnt, and what they hide is not in this plan: the exit code is {code}.");
        let _ = writeln!(out, "{}", terminal::paint(&line, Tone::Warning));
    }
    if !planned.resyncs.is_empty() {
        let line = "A re-sync is the last resort: wait, push a new digest, or where that is possible toggle the repository's scan filter first (plan.md).";
        let _ = writeln!(out, "{line}");
    }
    let _ = writeln!(out, "{}", planned.summary());
    if let Some(warning) = planned.warning() {
        let _ = writeln!(out, "{}", terminal::paint(&warning, Tone::Bad));
    }
    if let Some(directory) = directory {
        let _ = writeln!(
            out,
            "Written  {}: plan.json  plan.schema.json  plan.md  plan.sh  resync.csv  policies/  manifest.json",
            directory.display()
        );
    }
    out
}

fn more(out: &mut String, number: usize) {
    if number > SHOWN {
        let _ = writeln!(out, "           and {} more", number - SHOWN);
    }
}
