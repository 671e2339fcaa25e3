//! Where a run's facts go: the folder, the snapshot, and the reports made from it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use scangap_assess::{Coverage, coverage_of};
use scangap_aws::Meter;
use scangap_collect::{Event, RegistryRecord};
use scangap_model::{Observed, OrganizationFacts, RecordError, RegistryOutcome, Shard, count};
use scangap_plan::shell_word;
use scangap_report::{
    BucketUse, CallCount, DecisionCounts, Input, OneRun, ReportOptions, Reports, RunEvidence, Summary, Written,
    final_screen, manifest, remove_leftovers, sanitize, write_all,
};
use scangap_snapshot::{
    AccountToStore, ApiUse, AssessmentRow, BucketWait, Closing, PhaseTime, Recipients, RegistryToStore, ResumedRun,
    RunStart, SnapshotWriter, WriteError, encrypt,
};

use crate::assessed::AssessedSnapshot;
use crate::closing::{BUCKETS, Phases};
use crate::earlier::Earlier;
use crate::error::{CliError, Unreadable};
use crate::exit::Exit;
use crate::fail_on::FailOn;
use crate::folder::{Folder, SNAPSHOT, lock};
use crate::job::Job;
use crate::resumption::Resumption;
use crate::terminal;
use crate::{environment, open_applies};

pub(crate) struct Store {
    writer: SnapshotWriter,
    path: PathBuf,
    /// Dropped last: a run that left nothing leaves no folder either.
    folder: Folder,
    directory: PathBuf,
    /// Whether the snapshot says that it is simulated.
    marked: bool,
    /// Whether an earlier run was interrupted that this one goes on with.
    resumed: Option<bool>,
    /// When the snapshot was last told what the run used.
    told: Instant,
    _lock: Option<File>,
}

/// How often a snapshot is told what the run used so far.
const TOLD_EVERY: Duration = Duration::from_secs(1);

impl Store {
    /// Begins a snapshot with what is known of the organization, and the event that says it.
    pub(crate) fn create(
        mut folder: Folder,
        facts: &OrganizationFacts,
        event: &Event,
        job: &Job,
        meter: &Meter,
    ) -> Result<Self, CliError> {
        let started_at = (job.clock)();
        let directory = folder.settle(facts, job.collect.shard, started_at)?;
        let lock = lock(&directory)?;
        let path = directory.join(SNAPSHOT);
        let start = RunStart {
            tool_version: environment::VERSION.to_owned(),
            started_at,
            as_of: job.as_of,
            tag_keys: job.collect.tags.clone(),
            keeps_images: job.collect.keep_images,
            command_line: command_line(),
            caller_arn: facts.caller_arn.clone(),
            shard: job.collect.shard,
            roles: job.collect.roles_in_words(),
            // Known after the first responses: the snapshot of a killed run is marked too.
            age_recipients: job.recipients.texts(),
            simulated: meter.met_foreign_host(),
        };
        let writer = SnapshotWriter::create(&path, &start, |writer| store(writer, event)).map_err(CliError::Store)?;
        let (marked, told) = (start.simulated, Instant::now());
        Ok(Self { writer, path, folder, directory, marked, resumed: None, told, _lock: lock })
    }

    /// Goes on with a snapshot in its folder.
    pub(crate) fn resume(resume: &Resumption, job: &Job, caller_arn: &str) -> Result<Self, CliError> {
        let directory = match resume.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let start =
            ResumedRun { started_at: (job.clock)(), command_line: command_line(), caller_arn: caller_arn.to_owned() };
        let writer = SnapshotWriter::resume(&resume.path, &start, &resume.api_use).map_err(CliError::Store)?;
        let folder = Folder::there(&directory);
        let (path, resumed, told) = (resume.path.clone(), Some(resume.was_interrupted), Instant::now());
        Ok(Self { writer, path, folder, directory, marked: resume.simulated, resumed, told, _lock: None })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.directory
    }

    /// Marks the snapshot as simulated before it stores facts of a simulator: the snapshot of a killed run is marked too.
    pub(crate) fn on(&mut self, events: &[Event], meter: &Meter) -> Result<(), CliError> {
        if !self.marked && meter.met_foreign_host() {
            self.writer.mark_simulated().map_err(CliError::Store)?;
            self.marked = true;
        }
        self.writer.together(events, store).map_err(CliError::Store)?;
        if self.told.elapsed() >= TOLD_EVERY {
            self.told = Instant::now();
            self.writer.used(&used(meter)).map_err(CliError::Store)?;
        }
        Ok(())
    }

    pub(crate) fn finish(&mut self, meter: &Meter, interrupted: bool, job: &Job) -> Result<(), CliError> {
        let closing = Closing {
            interrupted,
            simulated: meter.met_foreign_host(),
            endpoint: job.endpoint_name.map(str::to_owned).or_else(|| meter.foreign_host()),
            finished_at: (job.clock)(),
            api_use: used(meter),
            bucket_waits: bucket_waits(meter),
        };
        self.writer.finish(&closing).map_err(CliError::Store)
    }

    /// Reads the facts back, judges them, stores the judgement, and closes the file. Reports come from what is in the
    /// file, never from what was in memory.
    pub(crate) fn close(mut self, phases: &mut Phases) -> Result<AssessedSnapshot, CliError> {
        let mut judged = AssessedSnapshot::open(&self.path)?;
        self.writer.assessments(rows(&judged)).map_err(CliError::Store)?;
        phases.ended("judging");
        let times: Vec<PhaseTime> =
            phases.times().map(|(phase, time)| PhaseTime { phase: phase.to_owned(), took_ms: millis(time) }).collect();
        self.writer.phases(&times).map_err(CliError::Store)?;
        if let Some(run) = judged.snapshot.meta.runs.last_mut() {
            run.phases = times;
        }
        self.writer.close().map_err(CliError::Store)?;
        self.folder.keep();
        Ok(judged)
    }

    /// Leaves the file as it is, with its folder.
    pub(crate) fn keep(mut self) {
        self.folder.keep();
        let _ = self.writer.close();
    }

    /// Ends a run that failed before it had facts: a new file goes, and one that was resumed is closed as it was.
    pub(crate) fn give_up(mut self, meter: &Meter, job: &Job) -> Result<(), CliError> {
        match self.resumed {
            Some(was_interrupted) => {
                self.finish(meter, was_interrupted, job)?;
                self.keep();
                Ok(())
            }
            None => self.writer.discard().map_err(CliError::Store),
        }
    }
}

fn store(writer: &mut SnapshotWriter, event: &Event) -> Result<(), WriteError> {
    match event {
        Event::Organization { facts, accounts, gaps, asked, listed } => {
            writer.organization(facts, accounts, gaps, listed.then_some(*asked))
        }
        Event::Account { facts, regions, gaps, registries } => {
            let registries: Vec<RegistryToStore<'_>> = registries.iter().map(to_store).collect();
            writer.account(&AccountToStore { facts, regions, gaps, registries: &registries })
        }
        Event::InspectorRole { account, role } => writer.inspector_role(*account, role),
        Event::Registry(harvest) => writer.registry(&to_store(harvest)),
        Event::AccountsExpected(_) | Event::RegistriesExpected(_) | Event::AccountDone(_) => Ok(()),
    }
}

fn to_store(record: &RegistryRecord) -> RegistryToStore<'_> {
    RegistryToStore {
        facts: &record.facts,
        repositories: &record.repositories,
        coverage: &record.coverage,
        images: &record.images,
        image_rows: &record.image_rows,
        policies: &record.policies,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn used(meter: &Meter) -> Vec<ApiUse> {
    let counts = meter.counts().into_iter();
    counts
        .map(|(api, count)| ApiUse {
            api: api.to_string(),
            calls: count.calls,
            attempts: count.attempts,
            throttled: count.throttled,
            waited_ms: millis(count.waited),
            answered_ms: millis(count.answered),
        })
        .collect()
}

fn bucket_waits(meter: &Meter) -> Vec<BucketWait> {
    let fullest = meter.fullest_buckets(BUCKETS).into_iter();
    fullest.map(|(place, api, time)| BucketWait { place, api: api.to_string(), waited_ms: millis(time) }).collect()
}

/// The command line as it may be stored: the external id is a shared secret.
pub(crate) fn command_line() -> String {
    let mut hide_next = false;
    // The program is recorded by name only: its path is private.
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).map(|word| {
        if std::mem::take(&mut hide_next) {
            return "***".to_owned();
        }
        if let Some(("--external-id", _)) = word.split_once('=') {
            "--external-id=***".to_owned()
        } else {
            hide_next = word == "--external-id";
            without_password(&word)
        }
    });
    std::iter::once("scangap".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// `https://user:secret@host` without the part that is a secret.
pub(crate) fn without_password(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            match authority.rsplit_once('@') {
                Some((_, host)) => format!("{scheme}://***@{host}{path}"),
                None => text.to_owned(),
            }
        }
        None => text.to_owned(),
    }
}

/// Judges a snapshot that is closed already, and stores the judgement for its views.
pub(crate) fn judge_stored(path: &Path) -> Result<AssessedSnapshot, CliError> {
    let judged = AssessedSnapshot::open(path)?;
    let mut writer = SnapshotWriter::reopen(path).map_err(CliError::Store)?;
    writer.assessments(rows(&judged)).map_err(CliError::Store)?;
    writer.close().map_err(CliError::Store)?;
    Ok(judged)
}

/// What was made of each repository, for the snapshot's views.
fn rows(judged: &AssessedSnapshot) -> impl Iterator<Item = Result<AssessmentRow, RecordError>> {
    let all = 0..judged.assessment.repositories.len();
    judged.assessment.join(&judged.snapshot.repositories, all).map(|joined| {
        let (record, assessment) = joined?;
        let registry = judged.snapshot.facts.registry(&(record.facts.account, record.facts.region.clone()));
        let coverage = coverage_of(&record, registry);
        let repository = record.facts;
        let (coverage_status, coverage_reason) = match coverage {
            Coverage::Row { status, reason, .. } => (status, reason),
            Coverage::NoRow => ("none".to_owned(), "none".to_owned()),
            // Coverage of a registry that was not read could not be requested.
            Coverage::NotAsked if registry.is_none_or(|registry| registry.outcome != RegistryOutcome::Read) => {
                ("unknown".to_owned(), "unknown".to_owned())
            }
            Coverage::NotAsked => ("not needed".to_owned(), "not needed".to_owned()),
            Coverage::Gap(_) => ("unknown".to_owned(), "unknown".to_owned()),
        };
        let policy = &assessment.policy;
        Ok(AssessmentRow {
            account_id: repository.account.to_string(),
            region: repository.region.to_string(),
            repository: repository.name.to_string(),
            diagnosis: assessment.diagnosis.word().to_owned(),
            policy_verdict: policy.verdict.word().to_owned(),
            denied_actions: policy.denied_actions.iter().map(ToString::to_string).collect(),
            responsible_statements: policy.responsible_statements.clone(),
            depends_on: policy.depends_on.clone(),
            coverage_status,
            coverage_reason,
            next_step: assessment.diagnosis.info().next_step.to_owned(),
        })
    })
}

pub(crate) fn introduce(facts: &OrganizationFacts, accounts_in_scope: usize, shard: Option<Shard>) {
    let organization = match &facts.id {
        Observed::Known(id) => format!("organization {id}"),
        Observed::Absent => "no organization".to_owned(),
        Observed::Unknown(_) => "an organization that cannot be described".to_owned(),
    };
    let whole = facts.n_accounts.known().map_or(String::new(), |n| format!(" of {n}"));
    let admin = match &facts.inspector_admin {
        Observed::Known(id) => format!("Inspector is administered from {id}"),
        Observed::Absent => "Inspector has no delegated administrator: coverage is asked in each account".to_owned(),
        Observed::Unknown(_) => "Inspector's delegated administrator could not be read".to_owned(),
    };
    let accounts = if whole.is_empty() {
        count(accounts_in_scope, "account")
    } else {
        format!("{accounts_in_scope}{whole} accounts")
    };
    let slice = shard.map_or_else(String::new, |shard| format!(" and in shard {shard}"));
    terminal::note(&format!("{organization}: {accounts} in scope{slice}; {admin}"));
}

/// Warns if a snapshot that was to be encrypted is still plain: the run was interrupted, or its reports failed.
pub(crate) fn warn_if_plain(path: &Path, recipients: &Recipients, interrupted: bool) {
    if recipients.is_empty() || !path.exists() {
        return;
    }
    let next =
        if interrupted { "`audit --resume` encrypts it when it finishes" } else { "encrypt it with age, or delete it" };
    terminal::note(&sanitize(&format!("warning: {} is not encrypted: {next}", path.display())));
}

/// Where reports go, and in which form.
pub(crate) struct HandOver<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) options: &'a ReportOptions,
    pub(crate) quiet: u8,
    /// This run was interrupted, not only the run that made the snapshot.
    pub(crate) interrupted: bool,
    pub(crate) recipients: &'a Recipients,
}

/// Writes every report, prints the final screen, and returns the exit code.
pub(crate) fn hand_over(
    judged: &AssessedSnapshot,
    earlier: &Earlier,
    fail_on: &FailOn,
    to: &HandOver<'_>,
) -> Result<Exit, CliError> {
    let HandOver { directory, options, quiet, interrupted, recipients } = *to;
    remove_leftovers(directory);
    let meta = &judged.snapshot.meta;
    let input = Input {
        trend: earlier.trend.as_ref(),
        decisions: Some(&earlier.decisions),
        ..judged.input_with(earlier.changes.as_ref())
    };
    let decided = DecisionCounts::of(&input).map_err(|error| CliError::Facts(Unreadable(Box::new(error))))?;
    let exit = if interrupted { Exit::Interrupted } else { exit(&input, &decided, fail_on) };
    let run = RunEvidence {
        started_at: meta.started_at,
        finished_at: meta.finished_at,
        command_line: meta.command_line.clone(),
        endpoint: meta.endpoint.clone(),
        api_counts: meta
            .api_use
            .iter()
            .map(|used| CallCount {
                api: used.api.clone(),
                calls: used.calls,
                attempts: used.attempts,
                throttled: used.throttled,
                waited_ms: used.waited_ms,
                answered_ms: used.answered_ms,
            })
            .collect(),
        runs: meta
            .runs
            .iter()
            .map(|run| OneRun {
                started_at: run.started_at,
                finished_at: run.finished_at,
                command_line: run.command_line.clone(),
                caller_arn: run.caller_arn.clone(),
                phases: run.phases.iter().map(|phase| (phase.phase.clone(), phase.took_ms)).collect(),
            })
            .collect(),
        bucket_waits: meta
            .bucket_waits
            .iter()
            .map(|wait| BucketUse { place: wait.place.clone(), api: wait.api.clone(), waited_ms: wait.waited_ms })
            .collect(),
    };
    let Reports { batch, notes } = write_all(&input, &run, options, directory).map_err(CliError::Report)?;
    let real = |path: &Path| fs_err::canonicalize(path).ok();
    let beside = real(&judged.path).is_some_and(|path| path.parent().map(Path::to_owned) == real(directory));
    let encrypted = (!recipients.is_empty())
        .then(|| encrypt(&judged.path, recipients))
        .transpose()
        .map_err(|source| CliError::NotEncrypted { path: judged.path.clone(), source })?;
    let snapshot = encrypted.as_ref().unwrap_or(&judged.path);
    let others: Vec<PathBuf> = beside.then(|| snapshot.clone()).into_iter().collect();
    manifest(&batch, directory, &others, meta.simulated, &meta.tool_version).map_err(CliError::Report)?;
    let written = batch.commit_in_place_of_former(directory).map_err(CliError::Report)?;
    if quiet < 2 {
        let mut screen = final_screen(&input, notes, &decided, open_applies::ending(exit).code(), &terminal::paint)
            .map_err(|error| CliError::Facts(Unreadable(Box::new(error))))?;
        let calls: u64 = meta.api_use.iter().map(|used| used.calls).sum();
        let throttled: u64 = meta.api_use.iter().map(|used| used.throttled).sum();
        let took = match (&*meta.runs, meta.started_at, meta.finished_at) {
            ([_], Some(from), Some(to)) => format!("   {}", duration(from, to)),
            ([_] | [], _, _) => String::new(),
            (runs, _, _) => format!("   {} runs", runs.len()),
        };
        let hash: Option<String> =
            judged.snapshot.meta.facts_sha256.as_ref().map(|hash| hash.chars().take(12).collect());
        let hash = hash.unwrap_or_else(|| "without a hash (the run was never closed)".to_owned());
        let _ = writeln!(
            screen,
            "Snapshot  {}   facts {hash}{took}, {calls} calls, {throttled} throttled",
            snapshot.display()
        );
        let _ = writeln!(screen, "Reports   {}", files_in_words(directory, &written));
        let to_repair = judged.to_repair();
        if to_repair > 0 && !interrupted {
            let _ = writeln!(
                screen,
                "Next      scangap plan {}   plans the repair of {}",
                shell_word(&snapshot.to_string_lossy()),
                count(to_repair, "repository")
            );
        }
        terminal::out(&screen);
    }
    if encrypted.is_some() {
        fs_err::remove_file(&judged.path)
            .map_err(|source| CliError::NotEncrypted { path: judged.path.clone(), source })?;
    }
    Ok(exit)
}

/// Columns of a screen that a line of file names takes at most.
const LINE: usize = 110;

/// The folder and every file in it: those for people first, and of folders below it how many files they hold.
fn files_in_words(directory: &Path, written: &[Written]) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut below: BTreeMap<String, usize> = BTreeMap::new();
    for file in written {
        let name = file.path.strip_prefix(directory).unwrap_or(&file.path);
        let mut parts = name.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
        match (parts.next(), parts.next()) {
            (Some(folder), Some(_)) => *below.entry(folder).or_default() += 1,
            (Some(name), None) => names.push(name),
            (None, _) => {}
        }
    }
    let for_machines = |name: &str| {
        let ending = Path::new(name).extension().and_then(OsStr::to_str);
        ["html", "xlsx"].iter().position(|known| Some(*known) == ending).unwrap_or(2)
    };
    names.sort_by(|a, b| (for_machines(a), a).cmp(&(for_machines(b), b)));
    names.extend(below.into_iter().map(|(folder, number)| format!("{folder}/ ({})", count(number, "file"))));
    let mut text = format!("{}:", directory.display());
    let mut length = text.len();
    for name in names {
        if length + name.len() + 2 > LINE {
            text.push_str("\n         ");
            length = 0;
        }
        text.push_str(if length == 0 { " " } else { "  " });
        text.push_str(&name);
        length += name.len() + 2;
    }
    text
}

fn duration(from: Timestamp, to: Timestamp) -> String {
    let milliseconds = to.duration_since(from).as_millis().max(0);
    let seconds = milliseconds / 1000;
    match seconds {
        0..60 => format!("{seconds}.{}s", milliseconds % 1000 / 100),
        _ => format!("{}m {:02}s", seconds / 60, seconds % 60),
    }
}

/// Incomplete outranks the result of `--fail-on`: what was not read could be worse.
/// What is accepted fails nothing.
fn exit(input: &Input<'_>, decided: &DecisionCounts, fail_on: &FailOn) -> Exit {
    let summary = Summary::of(input);
    let open = Summary { gaps: summary.gaps.saturating_sub(decided.gaps_accepted), ..summary };
    if input.interrupted || !open.is_complete() {
        return Exit::Incomplete;
    }
    fail_on.reached(input.assessment, &decided.accepted)
}
