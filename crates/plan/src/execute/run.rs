//! The whole of an apply: checks, backups, a canary, batches; what is open is brought back first.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use scangap_aws::write::RegionWriter;
use scangap_aws::{CallError, Connection, Identity};
use scangap_model::{AccountId, GapKind, RegionName};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::access::{Access, Roles};
use super::backup::{self, Taken};
use super::document::PlanDocument;
use super::journal::{JOURNAL, Journal, Progress, Told, read_journal};
use super::stop::{LeftDisabled, Stop};
use super::{cell, repair};
use crate::json::sha256;

/// How an apply is to go.
#[derive(Debug, Clone)]
pub struct ApplyOptions {
    /// Where the journal, the backups and the closing report go: the plan's folder, but for a rehearsal.
    pub folder: PathBuf,
    pub roles: Roles,
    /// Steps at once, after the first.
    pub batch: usize,
    /// How long a status, a configuration or coverage may take to come true.
    pub wait: Duration,
    /// Kept out of, whatever the plan says.
    pub blocklist: Vec<AccountId>,
    /// Go on with what was begun.
    pub resume: bool,
    /// Look, and change nothing.
    pub dry_run: bool,
    pub clock: fn() -> Timestamp,
}

/// What happens, for whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyEvent {
    Checked { steps: usize, done_before: usize },
    BackedUp { step: String, findings: u64, folder: PathBuf },
    Begins { step: String, what: String },
    Reached { step: String, status: String },
    Done { step: String, result: String },
    Failed { step: String, why: String },
    BringsBack { step: String },
    BroughtBack { step: String },
}

/// One step, as the closing report has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport {
    pub id: String,
    pub kind: &'static str,
    pub account: AccountId,
    pub region: RegionName,
    pub what: String,
    pub result: String,
    pub before_sha256: String,
    pub after_sha256: String,
    /// What the plan said would be lost, and what was.
    pub predicted: Option<Taken>,
    pub taken: Option<Taken>,
}

/// How an apply ended.
#[derive(Debug)]
pub struct Outcome {
    pub caller_arn: String,
    pub began_at: Timestamp,
    pub ended_at: Timestamp,
    pub steps: Vec<StepReport>,
    /// Steps that were not begun.
    pub left: usize,
    pub stopped: Option<Stop>,
    pub left_disabled: Vec<LeftDisabled>,
}

/// Whoever listens.
pub type Listener<'a> = &'a (dyn Fn(ApplyEvent) + Sync);

pub(super) struct Executor<'a> {
    pub(super) access: Access,
    pub(super) told: Told,
    pub(super) cancel: CancellationToken,
    plan: &'a PlanDocument,
    options: &'a ApplyOptions,
    journal: Option<Mutex<Journal>>,
    /// Folder and manifest of each backup.
    backups: std::sync::Mutex<BTreeMap<String, (PathBuf, String)>>,
    listener: Listener<'a>,
}

impl fmt::Debug for Executor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("plan", &self.plan.plan_sha256).finish_non_exhaustive()
    }
}

/// Growing pauses, until patience ends.
pub(super) struct Waits {
    until: Instant,
    next: Duration,
}

impl Waits {
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    pub(super) async fn wait(&mut self) {
        let left = self.until.saturating_duration_since(Instant::now());
        tokio::time::sleep(self.next.min(left)).await;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long a change may take to show in a status.
const SETTLING: Duration = Duration::from_secs(10);

/// Applies a plan, or with `dry_run` looks whether it could be.
pub async fn apply(
    plan: &PlanDocument,
    connection: Connection,
    identity: Identity,
    options: &ApplyOptions,
    listener: Listener<'_>,
    cancel: CancellationToken,
) -> Result<Outcome, Stop> {
    let began_at = (options.clock)();
    let path = options.folder.join(JOURNAL);
    let before = read_journal(&path)?;
    match (&before, options.resume) {
        (Some(told), false) if told.lines > 0 => return Err(Stop::Begun(path)),
        (None, true) => return Err(Stop::NothingToResume(options.folder.clone())),
        _ => {}
    }
    blocked(plan, options)?;
    let access = Access::open(connection, identity, plan, &options.roles).await?;
    let (journal, told) = if options.dry_run {
        (None, before.unwrap_or_default())
    } else {
        let (journal, told) = Journal::open(&options.folder, &plan.plan_sha256, options.clock)?;
        (Some(Mutex::new(journal)), told)
    };
    let executor =
        Executor { access, told, cancel, plan, options, journal, backups: std::sync::Mutex::default(), listener };
    executor.run(began_at).await
}

/// Saves what the plan's re-syncs would delete, and changes nothing: an early backup, for whoever wants to look at it.
/// `apply` makes its own.
pub async fn back_up(
    plan: &PlanDocument,
    connection: Connection,
    identity: Identity,
    options: &ApplyOptions,
    listener: Listener<'_>,
) -> Result<(), Stop> {
    let access = Access::open(connection, identity, plan, &options.roles).await?;
    for step in &plan.resyncs {
        let now = (options.clock)();
        let folder = options.folder.join("backup").join(backup::folder_name(step, now));
        let saved = backup::save(&access, step, &folder, now).await?;
        backup::verify(&saved.folder, &saved.manifest_sha256)
            .map_err(|why| Stop::Backup { step: step.id.clone(), why })?;
        let findings = saved.losses.findings;
        listener(ApplyEvent::BackedUp { step: step.id.clone(), findings, folder: saved.folder });
    }
    Ok(())
}

fn blocked(plan: &PlanDocument, options: &ApplyOptions) -> Result<(), Stop> {
    let listed = |account: &AccountId| options.blocklist.contains(account) || plan.blocklist.contains(account);
    let repairs = plan.repairs.iter().map(|step| (&step.id, step.account));
    let mut steps = repairs.chain(plan.resyncs.iter().map(|step| (&step.id, step.account)));
    match steps.find(|(_, account)| listed(account)) {
        Some((step, account)) => Err(Stop::Blocklisted { step: step.clone(), account }),
        None => Ok(()),
    }
}

/// A step of either kind.
#[derive(Clone, Copy)]
enum Step<'a> {
    Repair(&'a super::document::Repair),
    Resync(&'a super::document::Resync),
}

impl Step<'_> {
    fn id(&self) -> &str {
        match self {
            Self::Repair(step) => &step.id,
            Self::Resync(step) => &step.id,
        }
    }
}

impl Executor<'_> {
    async fn run(&self, began_at: Timestamp) -> Result<Outcome, Stop> {
        if self.journal.is_some() {
            let caller = json!(self.access.identity.arn);
            let event = if self.told.lines == 0 { "begin" } else { "resume" };
            self.write(event, None, &[("plan_sha256", json!(self.plan.plan_sha256)), ("caller", caller)]).await?;
        }
        let mut outcome = Outcome {
            caller_arn: self.access.identity.arn.clone(),
            began_at,
            ended_at: began_at,
            steps: Vec::new(),
            left: 0,
            stopped: None,
            left_disabled: Vec::new(),
        };
        let end = self.stages(&mut outcome).await;
        outcome.stopped = end.err();
        outcome.ended_at = (self.options.clock)();
        if self.journal.is_some() {
            let how = outcome.stopped.as_ref().map_or_else(|| "finished".to_owned(), ToString::to_string);
            self.write("end", None, &[("outcome", json!(how))]).await?;
        }
        Ok(outcome)
    }

    async fn stages(&self, outcome: &mut Outcome) -> Result<(), Stop> {
        if self.journal.is_some() {
            self.bring_back_first(outcome).await?;
        }
        // What was brought back goes on from there: its progress is read from the journal again by whoever resumes.
        let told = self.told_now()?;
        let repairs = self.plan.repairs.iter().map(Step::Repair);
        let all: Vec<Step<'_>> = repairs.chain(self.plan.resyncs.iter().map(Step::Resync)).collect();
        let done = |step: &&Step<'_>| told.progress(step.id()) == Progress::Done;
        let done_before = all.iter().filter(done).count();
        outcome.left = all.len() - done_before;
        self.check(&told).await?;
        self.tell(ApplyEvent::Checked { steps: all.len(), done_before });
        if self.options.dry_run {
            return Ok(());
        }
        self.back_up(&told).await?;
        // One alone first, then the others together; of cells and policies each.
        let (policies, cells) = all.split_at(self.plan.repairs.len());
        for kind in [policies, cells] {
            let (first, rest) = kind.split_at(kind.len().min(1));
            for batch in std::iter::once(first).chain(rest.chunks(self.options.batch.max(1))) {
                if batch.is_empty() {
                    continue;
                }
                if self.cancel.is_cancelled() {
                    return Err(Stop::Interrupted);
                }
                self.access.same_place(self.plan).await?;
                self.batch(batch, outcome).await?;
            }
        }
        Ok(())
    }

    async fn bring_back_first(&self, outcome: &mut Outcome) -> Result<(), Stop> {
        let mut first: Option<Stop> = None;
        for step in &self.plan.resyncs {
            if let Err(failure) = cell::bring_back(self, step).await {
                outcome.left_disabled.extend(failure.left_disabled);
                first = first.or(Some(failure.stop));
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// Every step's before-state, read again: a plan is refused as a whole when the world has moved.
    async fn check(&self, told: &Told) -> Result<(), Stop> {
        let mut differences = Vec::new();
        for step in &self.plan.repairs {
            if told.progress(&step.id) == Progress::Done {
                continue;
            }
            if let repair::Standing::Other(what) = repair::standing(self, step).await? {
                differences.push(repair::describe(step, &what));
            }
        }
        // A cell that was disabled by us is not as it was, and goes on from where it is.
        for step in self.plan.resyncs.iter().filter(|step| told.progress(&step.id) < Progress::Disabling) {
            differences.extend(cell::stale(self, step).await?.iter().map(|what| cell::describe(step, what)));
        }
        if differences.is_empty() { Ok(()) } else { Err(Stop::Stale(differences)) }
    }

    /// Everything that will be deleted, before the first write. More than the plan says is not deleted.
    async fn back_up(&self, told: &Told) -> Result<(), Stop> {
        for step in &self.plan.resyncs {
            let known = (told.detail(&step.id, "backup"), told.detail(&step.id, "manifest_sha256"));
            if let (Some(folder), Some(manifest)) = known {
                self.keep_backup(&step.id, self.options.folder.join(folder), manifest);
                continue;
            }
            let now = (self.options.clock)();
            let name = format!("backup/{}", backup::folder_name(step, now));
            let saved = backup::save(&self.access, step, &self.options.folder.join(&name), now).await?;
            backup::verify(&saved.folder, &saved.manifest_sha256)
                .map_err(|why| Stop::Backup { step: step.id.clone(), why })?;
            let losses = &saved.losses;
            let grew = |what, planned, now| Stop::LossesGrew { step: step.id.clone(), what, planned, now };
            if losses.findings > step.findings {
                return Err(grew("findings", step.findings, losses.findings));
            }
            let not_rescanned = losses.not_rescanned.len() as u64;
            if not_rescanned > step.images_not_rescanned {
                return Err(grew("images that lose coverage", step.images_not_rescanned, not_rescanned));
            }
            self.note(
                Progress::BackedUp,
                &step.id,
                &[
                    ("backup", json!(name)),
                    ("manifest_sha256", json!(saved.manifest_sha256)),
                    ("findings", json!(losses.findings)),
                ],
            )
            .await?;
            self.tell(ApplyEvent::BackedUp {
                step: step.id.clone(),
                findings: losses.findings,
                folder: saved.folder.clone(),
            });
            self.keep_backup(&step.id, saved.folder, saved.manifest_sha256);
        }
        Ok(())
    }

    /// All of a batch come to their end, also where one of them fails; nothing is begun after that.
    async fn batch(&self, steps: &[Step<'_>], outcome: &mut Outcome) -> Result<(), Stop> {
        let work = steps.iter().map(|step| async move {
            match step {
                Step::Repair(step) => repair::run(self, step).await.map_err(cell::Failure::from),
                Step::Resync(step) => cell::run(self, step).await,
            }
        });
        let mut first: Option<Stop> = None;
        for (step, ended) in steps.iter().zip(futures::future::join_all(work).await) {
            match ended {
                Ok(report) => {
                    let done_before = report.result == "done before";
                    outcome.left -= usize::from(!done_before);
                    self.tell(ApplyEvent::Done { step: report.id.clone(), result: report.result.clone() });
                    outcome.steps.push(report);
                }
                Err(failure) => {
                    self.tell(ApplyEvent::Failed { step: step.id().to_owned(), why: failure.stop.to_string() });
                    outcome.left_disabled.extend(failure.left_disabled);
                    first = first.or(Some(failure.stop));
                }
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// What the journal says now: after cells were brought back it says more than when it was opened.
    fn told_now(&self) -> Result<Told, Stop> {
        if self.journal.is_none() {
            return Ok(self.told.clone());
        }
        Ok(read_journal(&self.options.folder.join(JOURNAL))?.unwrap_or_default())
    }

    pub(super) fn progress(&self, step: &str) -> Progress {
        self.told_now().unwrap_or_else(|_| self.told.clone()).progress(step)
    }

    pub(super) async fn note(&self, progress: Progress, step: &str, more: &[(&str, Value)]) -> Result<(), Stop> {
        self.write(progress.word(), Some(step), more).await
    }

    pub(super) async fn line(&self, event: &str, step: &str, more: &[(&str, Value)]) -> Result<(), Stop> {
        self.write(event, Some(step), more).await
    }

    async fn write(&self, event: &str, step: Option<&str>, more: &[(&str, Value)]) -> Result<(), Stop> {
        match &self.journal {
            Some(journal) => Ok(journal.lock().await.write(event, step, more)?),
            None => Ok(()),
        }
    }

    pub(super) fn tell(&self, event: ApplyEvent) {
        (self.listener)(event);
    }

    fn keep_backup(&self, step: &str, folder: PathBuf, manifest: String) {
        let mut backups = self.backups.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        backups.insert(step.to_owned(), (folder, manifest));
    }

    pub(super) fn backup_folder(&self, step: &str) -> Option<PathBuf> {
        let backups = self.backups.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let journaled = || self.told.detail(step, "backup").map(|name| self.options.folder.join(name));
        backups.get(step).map(|(folder, _)| folder.clone()).or_else(journaled)
    }

    pub(super) fn manifest(&self, step: &str) -> Option<String> {
        let backups = self.backups.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        backups.get(step).map(|(_, manifest)| manifest.clone())
    }

    pub(super) fn writer(&self, step: &str, account: AccountId, region: &RegionName) -> Result<RegionWriter, Stop> {
        let none =
            || Stop::Surprise { step: step.to_owned(), what: format!("there is no write role of account {account}") };
        self.access.writer(account, region).ok_or_else(none)
    }

    pub(super) fn waits(&self) -> Waits {
        Waits { until: Instant::now() + self.options.wait, next: FIRST_PAUSE }
    }

    pub(super) fn settling(&self) -> Waits {
        Waits { until: Instant::now() + (self.options.wait / 4).min(SETTLING), next: FIRST_PAUSE }
    }

    /// Reads until there is an answer, an error that stays, or no patience left.
    pub(super) async fn patient<T, R>(&self, mut read: impl FnMut() -> R) -> Result<T, CallError>
    where
        R: Future<Output = Result<T, CallError>>,
    {
        let mut waits = self.waits();
        loop {
            match read().await {
                Err(error) if may_pass(&error) && !waits.is_over() => waits.wait().await,
                ended => return ended,
            }
        }
    }

    /// One token for all attempts to enable a cell: AWS takes them for one. Where somebody disabled it again meanwhile, it is
    /// another one.
    pub(super) fn token(&self, step: &str) -> String {
        let because = self.told_now().ok().and_then(|told| told.detail(step, "because")).unwrap_or_default();
        sha256(&format!("{} {step} {because}", self.plan.plan_sha256))
    }
}

/// Whether an error may be another one next time.
pub(super) fn may_pass(error: &CallError) -> bool {
    matches!(
        error.kind,
        GapKind::Throttled | GapKind::Timeout | GapKind::Connection | GapKind::ServerError | GapKind::MalformedAnswer
    )
}
