//! `scangap rehearse`: the plan, carried out by the same executor on a simulated copy of the organization, between two audits.
//! No network, no AWS.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use scangap_apply::{ApplyOptions, Outcome, Roles};
use scangap_assess::verdict_with_policy;
use scangap_aws::{AssumeOptions, ConnectOptions, SimulatedEndpoint, THROTTLE_PATIENCE};
use scangap_collect::CollectOptions;
use scangap_model::{
    AccountId, AuditFacts, Diagnosis, Phase, RegionName, RepositoryFacts, ResyncFacts, Scope, Tone, Verdict, sanitize,
    session_policy,
};
use scangap_plan::PlanDocument;
use scangap_report::{Change, ChangeKind, Changes, CsvDialect, ReportOptions, write_changes};
use scangap_simorg::{Judge, Question, Scenario, Simulator, Standing};
use scangap_snapshot::{Snapshot, StoredLosses};
use serde_json::json;

use super::{apply, simulate};
use crate::args::{Global, Output, Rehearse};
use crate::assessed::AssessedSnapshot;
use crate::audit;
use crate::error::{CliError, Unreadable};
use crate::exit::Exit;
use crate::fail_on::FailOn;
use crate::job::Job;
use crate::{environment, terminal};

/// How many repositories of one kind the screen shows.
const SHOWN: usize = 20;

pub(super) fn run(command: &Rehearse, global: &Global) -> Result<Exit, CliError> {
    let mut plan = PlanDocument::open(&command.plan).map_err(CliError::Document)?;
    let path = match &command.snapshot {
        Some(path) => path.clone(),
        None => find(&plan).ok_or_else(|| CliError::SnapshotNotFound(plan.facts_sha256.clone()))?,
    };
    let judged = AssessedSnapshot::open_checked(&path)?;
    if judged.facts_sha256() != plan.facts_sha256 {
        return Err(CliError::OtherSnapshot { path, facts: plan.facts_sha256 });
    }
    let out = folder(command.out.as_deref(), &plan)?;
    // A rehearsal is always a simulation: with this flag the executor rejects an AWS endpoint.
    plan.simulated = true;
    let resyncs = counted(&plan, &judged.path)?;
    let snapshot = &judged.snapshot;
    let now = environment::now();
    let scenario = Scenario::of_snapshot(&snapshot.facts, &snapshot.repositories, &resyncs, now)
        .map_err(|error| CliError::Facts(Unreadable(error)))?;
    let caller = scenario.organization.management_account.clone();
    let role = scenario.organization.audit_role.clone();
    plan.organization_id = Some(scenario.organization.id.clone());
    let simulator = simulate::start_with(scenario, 0, now, judge(&judged)?)?;
    if global.quiet == 0 {
        terminal::note(&terminal::paint(
            "SIMULATED: a copy of the snapshot's organization on this machine; no network, nothing happens at AWS.",
            Tone::Warning,
        ));
    }
    let connect = ConnectOptions {
        profile: None,
        region: None,
        endpoint_url: None,
        ca_bundle: None,
        attempt_timeout: Duration::from_secs(20),
        throttle_patience: THROTTLE_PATIENCE,
        clock: environment::now,
        simulated: Some(SimulatedEndpoint { url: simulator.url(), access_key_id: Simulator::access_key(&caller) }),
    };
    let before = look(&connect, &role, &out.join("before"))?;
    let options = ApplyOptions {
        folder: out.clone(),
        roles: Roles {
            role_names: vec![role.clone()],
            inspector_admin_role_name: None,
            organization_role_arn: None,
            write_role_name: Some(role.clone()),
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
        remember: |_, _| Ok(()),
        registry_in_use: |_, _| None,
        only_reenable: false,
    };
    let outcome = apply::carry_out(&plan, &connect, &options, global)?;
    apply::write_report(&plan, &outcome, &out)?;
    let after = look(&connect, &role, &out.join("after"))?;
    let changes = after.changes_since(&before)?;
    let dialect = CsvDialect::default();
    write_changes(&after.input(Some(&changes)), &changes, dialect, &out).map_err(CliError::Report)?;
    let result = Rehearsed {
        other: other(&judged, &before)?,
        lost: simulator.losses(),
        plan: &plan,
        outcome: &outcome,
        changes: &changes,
        after: &after,
    };
    if global.quiet < 2 {
        match command.output {
            Output::Json => terminal::json(&result.json()?),
            Output::Text => terminal::out(&result.text(&out)?),
        }
    }
    let more_than_planned =
        result.lost.0 > plan.findings_lost.unwrap_or(0) || result.images_lost() > plan.images_lost();
    let unfinished = outcome.steps.iter().any(|step| !step.not_refreshed.is_empty());
    if more_than_planned {
        return Err(CliError::RehearsalLost);
    }
    match outcome.stopped {
        Some(stop) => Err(CliError::Apply(Box::new(stop))),
        None if unfinished || !judged.is_complete() => Ok(Exit::Incomplete),
        None => Ok(Exit::Finished),
    }
}

/// What was counted for the plan, and nothing else: another count would give another rehearsal.
fn counted(plan: &PlanDocument, snapshot: &Path) -> Result<Vec<ResyncFacts>, CliError> {
    let Some(hash) = plan.losses_sha256.as_ref().filter(|_| !plan.resyncs.is_empty()) else { return Ok(Vec::new()) };
    let stored = StoredLosses::named(snapshot, hash).map_err(CliError::Snapshot)?;
    stored.map(|stored| stored.registries).ok_or_else(|| CliError::LossesNotFound(snapshot.to_owned()))
}

/// The snapshot with these facts: in the plan's folder, above it, beside it, or among the runs here.
fn find(plan: &PlanDocument) -> Option<PathBuf> {
    let folder = fs_err::canonicalize(&plan.folder).ok()?;
    let mut places = vec![folder.clone()];
    let beside = |place: &Path| {
        let entries = fs_err::read_dir(place).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    if let Some(above) = folder.parent() {
        places.push(above.to_owned());
        places.extend(beside(above));
    }
    places.extend(beside(Path::new("runs")));
    let paths = places.into_iter().map(|place| place.join("snapshot.db")).filter(|path| {
        path.is_file()
            && Snapshot::open(path).is_ok_and(|found| found.meta.facts_sha256.as_ref() == Some(&plan.facts_sha256))
    });
    // Several audits can have the same facts: the plan's losses are stored beside one of them.
    let mut first = None;
    for path in paths {
        if counted(plan, &path).is_ok() {
            return Some(path);
        }
        first = first.or(Some(path));
    }
    first
}

/// A new folder. The default is numbered where there was a rehearsal before.
fn folder(named: Option<&Path>, plan: &PlanDocument) -> Result<PathBuf, CliError> {
    let in_use = |path: &Path| fs_err::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
    let path = match named {
        Some(path) if in_use(path) => return Err(CliError::FolderInUse(path.to_owned())),
        Some(path) => path.to_owned(),
        None => {
            let numbered = (2..u32::MAX).map(|number| plan.folder.join(format!("rehearsal-{number}")));
            let mut free = std::iter::once(plan.folder.join("rehearsal")).chain(numbered);
            free.find(|path| !in_use(path)).unwrap_or_else(|| plan.folder.join("rehearsal"))
        }
    };
    fs_err::create_dir_all(&path).map_err(|source| CliError::Folder { path: path.clone(), source })?;
    Ok(path)
}

/// An audit of the copy.
fn look(connect: &ConnectOptions, role: &str, out: &Path) -> Result<AssessedSnapshot, CliError> {
    let exit = audit::run(&Job {
        introduction: String::new(),
        connect: connect.clone(),
        collect: CollectOptions {
            scope: Scope::default(),
            role_names: vec![role.to_owned()],
            inspector_admin_role_name: None,
            organization_role_arn: None,
            assume: AssumeOptions {
                session_name: "scangap".to_owned(),
                session_policy: session_policy(Phase::Audit),
                external_id: None,
            },
            tags: Vec::new(),
            keep_images: false,
            max_in_flight: 256,
        },
        as_of: environment::now(),
        fail_on: FailOn::default(),
        out: Some(out.to_owned()),
        reports: ReportOptions::default(),
        clock: environment::now,
        endpoint_name: Some("simulated copy on loopback"),
        quiet: 2,
        progress: false,
    })?;
    // Half an audit must not be what the plan is judged by.
    if exit == Exit::Interrupted {
        return Err(CliError::RehearsalInterrupted);
    }
    AssessedSnapshot::open(&out.join("snapshot.db"))
}

/// What is known of each repository, for the judge.
type Known = HashMap<(AccountId, RegionName, String), (RepositoryFacts, Standing)>;

/// Decides whether a policy allows Inspector, by scangap's own evaluator and all facts of the snapshot. If that verdict is
/// depends or unknown, the coverage in the snapshot decides.
fn judge(judged: &AssessedSnapshot) -> Result<Judge, CliError> {
    let mut known = Known::new();
    for joined in judged.assessment.join(&judged.snapshot.repositories, 0..judged.assessment.repositories.len()) {
        let (record, _) = joined.map_err(|error| CliError::Facts(Unreadable(error)))?;
        let denied =
            record.coverage.as_ref().is_some_and(|row| row.reason.known().is_some_and(|word| word == "ACCESS_DENIED"))
                || record.images.any_with("ACCESS_DENIED");
        let standing = if denied { Standing::Denied } else { Standing::Allowed };
        let facts = record.facts;
        known.insert((facts.account, facts.region.clone(), facts.name.to_string()), (facts, standing));
    }
    let facts: AuditFacts = judged.snapshot.facts.clone();
    let as_of = judged.snapshot.meta.as_of;
    Ok(Judge(Arc::new(move |question: &Question<'_>| {
        let key = (question.account, question.region.clone(), question.repository.to_owned());
        let (repository, observed) = known.get(&key)?;
        Some(match verdict_with_policy(&facts, repository, question.policy, as_of) {
            Verdict::Allowed => Standing::Allowed,
            Verdict::Denied => Standing::Denied,
            Verdict::Depends | Verdict::Unknown => *observed,
        })
    })))
}

/// Counts the repositories whose diagnosis in the copy differs from the snapshot: the rehearsal is not valid for them.
fn other(snapshot: &AssessedSnapshot, copy: &AssessedSnapshot) -> Result<usize, CliError> {
    let diagnoses = |judged: &AssessedSnapshot| -> Result<HashMap<String, Diagnosis>, CliError> {
        let all = 0..judged.assessment.repositories.len();
        judged
            .assessment
            .join(&judged.snapshot.repositories, all)
            .map(|joined| {
                let (record, assessment) = joined.map_err(|error| CliError::Facts(Unreadable(error)))?;
                Ok((record.facts.arn, assessment.diagnosis))
            })
            .collect()
    };
    let (there, here) = (diagnoses(snapshot)?, diagnoses(copy)?);
    Ok(there.iter().filter(|(arn, diagnosis)| here.get(*arn) != Some(diagnosis)).count())
}

struct Rehearsed<'a> {
    plan: &'a PlanDocument,
    outcome: &'a Outcome,
    changes: &'a Changes,
    after: &'a AssessedSnapshot,
    /// Findings and scanned images that vanished in the simulation.
    lost: (u64, u64),
    other: usize,
}

impl Rehearsed<'_> {
    /// Repositories of a kind, as `account region name: before -> after`.
    fn of(&self, wanted: impl Fn(&Change) -> bool) -> Vec<String> {
        let rows = self.changes.rows.iter().filter(|change| wanted(change));
        rows.map(|change| {
            let word = |one: Option<Diagnosis>| one.map_or("-", Diagnosis::word);
            let (before, after) = (word(change.before), word(change.after));
            format!(
                "{} {} {}: {before} -> {after}",
                change.account,
                change.region,
                sanitize(change.repository.as_str())
            )
        })
        .collect()
    }

    fn covered(&self) -> Vec<String> {
        self.of(|change| change.after == Some(Diagnosis::Covered) && !loses_coverage(change))
    }

    fn worse(&self) -> Vec<String> {
        self.of(|change| {
            loses_coverage(change) || matches!(change.kind, ChangeKind::Regressed | ChangeKind::NoLongerReadable)
        })
    }

    /// All other repositories whose diagnosis changed.
    fn otherwise(&self) -> Vec<String> {
        let told: Vec<String> = self.covered().into_iter().chain(self.worse()).collect();
        self.of(|change| change.before != change.after).into_iter().filter(|row| !told.contains(row)).collect()
    }

    /// Repositories of the plan that are still not scanned.
    fn broken(&self) -> Result<Vec<String>, CliError> {
        let repairs = self.plan.repairs.iter().map(|step| (step.account, step.region.clone(), step.repository.clone()));
        let registries =
            self.plan.resyncs.iter().flat_map(|step| {
                step.repositories.iter().map(|name| (step.account, step.region.clone(), name.clone()))
            });
        let of_plan: HashSet<_> = repairs.chain(registries).collect();
        let mut rows = Vec::new();
        let all = 0..self.after.assessment.repositories.len();
        for joined in self.after.assessment.join(&self.after.snapshot.repositories, all) {
            let (record, assessment) = joined.map_err(|error| CliError::Facts(Unreadable(error)))?;
            let facts = record.facts;
            let named = (facts.account, facts.region.clone(), facts.name.to_string());
            if of_plan.contains(&named) && assessment.diagnosis != Diagnosis::Covered {
                let name = sanitize(facts.name.as_str());
                rows.push(format!("{} {} {name}: {}", facts.account, facts.region, assessment.diagnosis.word()));
            }
        }
        Ok(rows)
    }

    /// Images that were scanned and are not any more, as the executor counted them.
    fn images_lost(&self) -> u64 {
        self.outcome.steps.iter().filter_map(|step| step.taken).map(|taken| taken.images_not_rescanned).sum()
    }

    fn json(&self) -> Result<serde_json::Value, CliError> {
        Ok(json!({
            "simulated": true,
            "plan_sha256": self.plan.plan_sha256,
            "outcome": self.outcome.report(self.plan),
            "becomes_covered": self.covered(),
            "becomes_worse": self.worse(),
            "changes_otherwise": self.otherwise(),
            "stays_broken": self.broken()?,
            "lost": {"findings": self.lost.0, "images": self.lost.1, "images_not_rescanned": self.images_lost()},
            "predicted": {"findings": self.plan.findings_lost, "images_not_rescanned": self.plan.images_lost()},
            "assumed": ASSUMED,
            "other_than_in_the_snapshot": self.other,
        }))
    }

    fn text(&self, out: &Path) -> Result<String, CliError> {
        let mut text = terminal::paint("SIMULATED: nothing of this happened at AWS.", Tone::Warning);
        text.push('\n');
        list(&mut text, "becomes covered", Tone::Good, &self.covered());
        list(&mut text, "becomes worse", Tone::Bad, &self.worse());
        list(&mut text, "changes otherwise", Tone::Neutral, &self.otherwise());
        list(&mut text, "still without coverage after the plan", Tone::Warning, &self.broken()?);
        let planned = self.plan.findings_lost.map_or_else(|| "not counted".to_owned(), |number| number.to_string());
        let line = format!(
            "lost: {} findings (the plan says {planned}), the scans of {} images, {} of which are not scanned again (the plan says {})",
            self.lost.0,
            self.lost.1,
            self.images_lost(),
            self.plan.images_lost()
        );
        let _ = writeln!(text, "{}", if self.lost.0 > 0 { terminal::paint(&line, Tone::Bad) } else { line });
        for line in ASSUMED {
            let _ = writeln!(text, "assumed: {line}");
        }
        if self.other > 0 {
            let _ = writeln!(
                text,
                "{} repositories are otherwise in the copy than in the snapshot: what is said of them here may not hold.",
                self.other
            );
        }
        let _ = writeln!(text, "Rehearsed {}: before/  after/  changes.html  applied.md  journal.jsonl", out.display());
        Ok(text)
    }
}

/// What a rehearsal cannot know.
const ASSUMED: &[&str] = &[
    "of the images of one repository, status and reason at most 100 are simulated",
    "policies are judged by scangap itself, and where that hangs on something, by what coverage says now",
    "a re-sync refreshes a status that is stuck, which AWS does not document; images pushed in the last 14 days are scanned anew",
    "scan rules do not survive a disable, and are put back; a repair alone shows in coverage at the next push",
];

/// Whether it was scanned before and is not now.
fn loses_coverage(change: &Change) -> bool {
    let of_status = |one: &&scangap_report::Difference| one.column == "coverage_status";
    change.differences.iter().find(of_status).is_some_and(|one| one.before == "ACTIVE" && one.after != "ACTIVE")
}

fn list(text: &mut String, title: &str, tone: Tone, rows: &[String]) {
    let _ = writeln!(text, "{}", terminal::paint(&format!("{title}: {}", rows.len()), tone));
    for row in rows.iter().take(SHOWN) {
        let _ = writeln!(text, "  {row}");
    }
    if rows.len() > SHOWN {
        let _ = writeln!(text, "  and {} more", rows.len() - SHOWN);
    }
}
