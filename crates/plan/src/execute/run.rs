//! The whole of an apply: checks, backups, a canary, batches; what is open is brought back first.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use scangap_aws::write::RegionWriter;
use scangap_aws::{CallError, Connection, Identity};
use scangap_model::{AccountId, GapKind, RegionName};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::access::{Access, Roles};
use super::backup::{self, Taken};
use super::document::{PlanDocument, Resync};
use super::findings_report::{self, FindingsReports};
use super::journal::{JOURNAL, Journal, JournalError, Progress, Told, read_journal};
use super::stop::{LeftDisabled, Stop};
use super::waits::Waits;
use super::{cell, repair};
use crate::json::sha256;

/// How an apply is to go.
#[derive(Debug, Clone)]
pub struct ApplyOptions {
    /// Where the journal, the backups and the closing report go: the plan's folder, but for a rehearsal.
    pub folder: PathBuf,
    pub roles: Roles,
    /// The role that is judged to get through policies or not: the one that writes, but for a rehearsal, where it is the one
    /// that the plan is for. `None`: any role of the account.
    pub judged_role: Option<String>,
    /// Steps at once, after the first.
    pub batch: usize,
    /// How long a status, a configuration or coverage may take to come true.
    pub wait: Duration,
    /// Kept out of, whatever the plan says.
    pub blocklist: Vec<AccountId>,
    /// Where Inspector writes a copy of its own of what is deleted, if anywhere.
    pub findings_reports: Option<FindingsReports>,
    /// Go on with what was begun.
    pub resume: bool,
    /// Look, and change nothing.
    pub dry_run: bool,
    pub clock: fn() -> Timestamp,
    /// Called before the first change, with the journal open: whatever later commands are to be told of it by. Nothing is
    /// changed where it fails.
    pub remember: fn(&PlanDocument, &Path) -> Result<(), String>,
    /// A cell of the plan that another apply may have left without scanning, or is at work on. Nothing is begun where there
    /// is one.
    pub in_the_way: fn(&PlanDocument, &Path) -> Option<String>,
    /// Bring back what is open, and nothing else.
    pub only_bring_back: bool,
}

/// What happens, for whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyEvent {
    Checked {
        steps: usize,
        done_before: usize,
    },
    BackedUp {
        step: String,
        findings: u64,
        folder: PathBuf,
    },
    /// Inspector wrote a report of what was saved.
    Reported {
        step: String,
    },
    /// Whoever will turn scanning off may turn it on.
    Proven {
        step: String,
    },
    Begins {
        step: String,
        what: String,
    },
    Reached {
        step: String,
        status: String,
    },
    Done {
        step: String,
        result: String,
    },
    Failed {
        step: String,
        why: String,
    },
    BringsBack {
        step: String,
    },
    BroughtBack {
        step: String,
    },
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
    /// Whether it came to its end. A cell that did not may have lost something all the same.
    pub finished: bool,
    /// Repositories that a re-sync was for and that still say `ACCESS_DENIED`, or nothing yet.
    pub not_refreshed: Vec<String>,
    /// Where what it deleted is: the backup with its manifest's hash, Inspector's report.
    pub saved: Vec<String>,
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
    /// Steps that did not come to their end.
    pub left: usize,
    /// Whether anything may have been changed, by this run or an earlier one.
    pub begun: bool,
    pub stopped: Option<Stop>,
    /// Why accounts could not be opened: their steps were not made.
    pub refused: Vec<Stop>,
    pub left_disabled: Vec<LeftDisabled>,
}

/// Whoever listens.
pub type Listener<'a> = &'a (dyn Fn(ApplyEvent) + Sync);

pub(super) struct Executor<'a> {
    pub(super) access: Access,
    pub(super) cancel: CancellationToken,
    pub(super) plan: &'a PlanDocument,
    pub(super) options: &'a ApplyOptions,
    /// `None`: nothing is changed, or it cannot be written and a cell is brought back all the same.
    journal: Option<&'a Mutex<Journal>>,
    backups: std::sync::Mutex<BTreeMap<String, Backup>>,
    /// Held by whoever has Inspector write a report.
    reporting: Mutex<()>,
    listener: Listener<'a>,
}

/// A backup of this run.
#[derive(Debug, Clone)]
struct Backup {
    folder: PathBuf,
    manifest: String,
    made: Instant,
    made_at: Timestamp,
}

impl Backup {
    /// By the clock that nothing sets and by the wall, which a machine that slept goes by: what was found meanwhile is in
    /// no backup.
    fn is_young(&self, now: Timestamp) -> bool {
        self.made.elapsed() < BACKUP_LASTS && now.duration_since(self.made_at).unsigned_abs() < BACKUP_LASTS
    }
}

impl fmt::Debug for Executor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("plan", &self.plan.plan_sha256).finish_non_exhaustive()
    }
}

/// A backup that is older is made again right before the disable.
const BACKUP_LASTS: Duration = Duration::from_mins(10);
/// At AWS a status has this long to come true, whatever the patience with coverage: to go before would leave a cell off.
const STATUS_MAY_TAKE: Duration = Duration::from_mins(10);
/// How long a change may take to show in a status.
const SETTLING: Duration = Duration::from_mins(1);
/// A disable that was called longer ago than this has come through, or never will.
const LONG_AGO: SignedDuration = SignedDuration::from_mins(15);

/// Applies a plan, or with `dry_run` looks whether it could be.
pub async fn apply(
    plan: &PlanDocument,
    connection: Connection,
    identity: Identity,
    options: &ApplyOptions,
    listener: Listener<'_>,
    cancel: CancellationToken,
) -> Result<Outcome, Stop> {
    let path = options.folder.join(JOURNAL);
    let before = read_journal(&path)?;
    // A journal without a line is of an apply that was refused before it began: there is no consent in it to go on by.
    let told = before.unwrap_or_default();
    if told.plan_sha256.as_ref().is_some_and(|hash| *hash != plan.plan_sha256) {
        return Err(JournalError::OtherPlan(path).into());
    }
    match (told.lines > 0, options.resume) {
        (true, false) => return Err(Stop::Begun(path)),
        (false, true) => return Err(Stop::NothingToResume(options.folder.clone())),
        _ => {}
    }
    // What was asked for when it was begun holds for whoever resumes.
    let journaled = || FindingsReports::from_journal(told.findings_reports.as_ref()?);
    let options =
        &ApplyOptions { findings_reports: options.findings_reports.clone().or_else(journaled), ..options.clone() };
    let mut outcome = Outcome::new(&identity, (options.clock)());
    let work = Work { plan, options, listener, cancel: &cancel };
    let end = work.all(connection, identity, &told, &mut outcome).await;
    if let Err(locked @ Stop::Journal(JournalError::Locked(_))) = end {
        // Whoever holds it tells how it ends.
        return Err(locked);
    }
    outcome.end(plan, work.told_now().ok(), end.err(), (options.clock)());
    Ok(outcome)
}

/// An apply while it runs.
#[derive(Clone, Copy)]
struct Work<'a> {
    plan: &'a PlanDocument,
    options: &'a ApplyOptions,
    listener: Listener<'a>,
    cancel: &'a CancellationToken,
}

impl<'a> Work<'a> {
    fn executor<'e>(self, plan: &'e PlanDocument, access: Access, journal: Option<&'e Mutex<Journal>>) -> Executor<'e>
    where
        'a: 'e,
    {
        Executor {
            access,
            cancel: self.cancel.clone(),
            plan,
            options: self.options,
            journal,
            backups: std::sync::Mutex::default(),
            reporting: Mutex::default(),
            listener: self.listener,
        }
    }

    fn told_now(&self) -> Result<Told, Stop> {
        Ok(read_journal(&self.options.folder.join(JOURNAL))?.unwrap_or_default())
    }

    /// What is open is brought back first, with as little as that takes; then everything else.
    async fn all(
        self,
        connection: Connection,
        identity: Identity,
        told: &Told,
        outcome: &mut Outcome,
    ) -> Result<(), Stop> {
        if self.options.dry_run {
            self.admissible()?;
            let mut access = Access::open(connection, identity, self.plan, self.options).await?;
            let possible = self.without_refused(&mut access, told, outcome);
            let (possible, access) = self.without_kept_out(possible, access, told, outcome).await?;
            return self.executor(&possible, access, None).stages(outcome).await;
        }
        if told.open().next().is_none() {
            self.admissible()?;
        }
        // A journal that cannot be written, or later commands that cannot be told, keep nobody from bringing back what is open.
        let journal = match self.journal() {
            Ok(journal) => Ok(Mutex::new(journal)),
            Err(stop @ Stop::Journal(JournalError::Io { .. })) => Err(stop),
            Err(stop) => return Err(stop),
        };
        // Whoever resumes may be another user than began.
        let remembered = if told.lines > 0 { self.remember() } else { Ok(()) };
        let open: Vec<PlanDocument> = told.open().map(|step| self.plan.only(step)).collect();
        let brought = open.iter().map(|one| self.bring_back(one, &connection, &identity, journal.as_ref().ok()));
        futures::future::join_all(brought).await.into_iter().collect::<Result<(), Stop>>()?;
        let journal = journal?;
        remembered?;
        if self.options.only_bring_back {
            return Err(self.what_is_open_still()?.unwrap_or(Stop::OnlyBroughtBack));
        }
        self.admissible()?;
        let mut access = Access::open(connection, identity, self.plan, self.options).await?;
        let possible = self.without_refused(&mut access, told, outcome);
        let (possible, access) = self.without_kept_out(possible, access, told, outcome).await?;
        // Nothing that could be made is left: nothing is begun, so that another role can.
        if possible.steps() == 0
            && let Some(stop) = outcome.refused.pop()
        {
            return Err(stop);
        }
        let executor = self.executor(&possible, access, Some(&journal));
        let event = if told.lines == 0 { "begin" } else { "resume" };
        let caller = json!(executor.access.identity.arn);
        let reports = json!(self.options.findings_reports.as_ref().map(FindingsReports::journaled));
        let plan = json!(self.plan.plan_sha256);
        executor
            .write(event, None, &[("plan_sha256", plan), ("caller", caller), ("findings_reports", reports)])
            .await?;
        // After the first line: what is remembered of a journal without one is of a journal that is gone.
        if told.lines == 0 {
            self.remember()?;
        }
        // Once more: of two that begin at once, each has remembered before it looks.
        self.nobody_in_the_way()?;
        let ended = executor.stages(outcome).await;
        let how = match (&ended, outcome.refused.len()) {
            (Err(stop), _) => stop.to_string(),
            (Ok(()), 0) => "finished".to_owned(),
            (Ok(()), _) => "finished, but for what could not be made".to_owned(),
        };
        // What was done stands above; that this line cannot be written must not hide it.
        let _ = executor.write("end", None, &[("outcome", json!(how))]).await;
        // Everything else was done: what was not is why it did not come to its end.
        ended.and_then(|()| outcome.refused.pop().map_or(Ok(()), Err))
    }

    /// The plan without the steps of accounts that no role opens. Each is reported as an event.
    fn without_refused(&self, access: &mut Access, told: &Told, outcome: &mut Outcome) -> PlanDocument {
        let possible = self.plan.without(&access.refused);
        let kept = |id: &str| {
            possible.repairs.iter().any(|step| step.id == id) || possible.resyncs.iter().any(|step| step.id == id)
        };
        let repairs = self.plan.repairs.iter().map(|step| (&step.id, step.account, step.account));
        let resyncs = self.plan.resyncs.iter().map(|step| (&step.id, step.account, step.toggled_from));
        for (id, account, other) in repairs.chain(resyncs).filter(|(id, ..)| !kept(id)) {
            let why = access.refused.get(&account).or_else(|| access.refused.get(&other)).map(ToString::to_string);
            if told.progress(id) < Progress::Disabling {
                self.not_made(id, &why.unwrap_or_default(), told, outcome);
            }
        }
        outcome.refused = std::mem::take(&mut access.refused).into_values().collect();
        possible
    }

    /// The plan without the repairs that the write role cannot make. Each is reported as an event.
    async fn without_kept_out(
        &self,
        possible: PlanDocument,
        access: Access,
        told: &Told,
        outcome: &mut Outcome,
    ) -> Result<(PlanDocument, Access), Stop> {
        let executor = self.executor(&possible, access, None);
        let kept_out = executor.kept_out(told).await?;
        let access = executor.access;
        let mut ids = Vec::new();
        for stop in kept_out {
            let why = stop.to_string();
            if let Some(step) = stop.step() {
                ids.push(step.to_owned());
                self.not_made(step, &why, told, outcome);
            }
            outcome.refused.push(stop);
        }
        Ok((possible.without_steps(&ids), access))
    }

    /// Reports a step that cannot be made, and records it in the closing report.
    fn not_made(&self, id: &str, why: &str, told: &Told, outcome: &mut Outcome) {
        (self.listener)(ApplyEvent::Failed { step: id.to_owned(), why: why.to_owned() });
        let repair = self.plan.repairs.iter().find(|step| step.id == id).map(|step| repair::not_made(step, why));
        let resync = self.plan.resyncs.iter().find(|step| step.id == id).map(|step| cell::not_made(step, told, why));
        outcome.steps.extend(repair.or(resync));
    }

    /// One cell with its own roles alone: another account that does not open is no reason to leave this one off.
    async fn bring_back(
        self,
        one: &PlanDocument,
        connection: &Connection,
        identity: &Identity,
        journal: Option<&Mutex<Journal>>,
    ) -> Result<(), Stop> {
        let work = Work { plan: one, ..self };
        let open = |toggling_alone| {
            Access::open_to_bring_back(connection.clone(), identity.clone(), one, self.options, toggling_alone)
        };
        for step in &one.resyncs {
            match open(false).await {
                Ok(access) => cell::bring_back(&work.executor(one, access, journal), step).await?,
                Err(stop) => {
                    // To turn it on takes the account that toggles alone; its configuration waits for the other.
                    if let Ok(access) = open(true).await {
                        let _ = cell::turn_on(&work.executor(one, access, journal), step).await;
                    }
                    return Err(stop);
                }
            }
        }
        Ok(())
    }

    /// What stands against a plan before anybody is asked.
    fn admissible(&self) -> Result<(), Stop> {
        let (plan, options) = (self.plan, self.options);
        if plan.organization_unknown {
            return Err(Stop::OrganizationUnknown);
        }
        let listed = |account: &AccountId| options.blocklist.contains(account) || plan.blocklist.contains(account);
        let repairs = plan.repairs.iter().map(|step| (&step.id, step.account));
        let mut steps = repairs.chain(plan.resyncs.iter().map(|step| (&step.id, step.account)));
        if let Some((step, account)) = steps.find(|(_, account)| listed(account)) {
            return Err(Stop::Blocklisted { step: step.clone(), account });
        }
        options.findings_reports.as_ref().map_or(Ok(()), |reports| reports.fit(plan))?;
        self.nobody_in_the_way()
    }

    fn nobody_in_the_way(&self) -> Result<(), Stop> {
        (self.options.in_the_way)(self.plan, &self.options.folder).map_or(Ok(()), |cell| Err(Stop::InTheWay(cell)))
    }

    /// A cell whose disable had no answer, and may still come through.
    fn what_is_open_still(&self) -> Result<Option<Stop>, Stop> {
        let told = self.told_now()?;
        let open = told.open().next().map(|step| {
            let until = told.called_at(step).and_then(|at| at.checked_add(LONG_AGO).ok());
            Stop::MayComeThrough { step: step.clone(), until: until.unwrap_or_else(self.options.clock) }
        });
        Ok(open)
    }

    fn remember(&self) -> Result<(), Stop> {
        (self.options.remember)(self.plan, &self.options.folder).map_err(Stop::NotRemembered)
    }

    fn journal(&self) -> Result<Journal, Stop> {
        Ok(Journal::open(&self.options.folder, &self.plan.plan_sha256, self.options.clock)?.0)
    }
}

impl Outcome {
    fn new(identity: &Identity, began_at: Timestamp) -> Self {
        Self {
            caller_arn: identity.arn.clone(),
            began_at,
            ended_at: began_at,
            steps: Vec::new(),
            left: 0,
            begun: false,
            stopped: None,
            refused: Vec::new(),
            left_disabled: Vec::new(),
        }
    }

    /// Steps that came to their end.
    pub fn done(&self) -> usize {
        self.steps.iter().filter(|step| step.finished).count()
    }

    /// What was done before this run belongs to the report too. What is open, the journal says.
    /// `told`: `None` where it cannot be read any more, so that nothing is known to be back.
    fn end(&mut self, plan: &PlanDocument, told: Option<Told>, stopped: Option<Stop>, now: Timestamp) {
        let unread = told.is_none();
        let told = &told.unwrap_or_default();
        let here = |id: &str| self.steps.iter().any(|step| step.id == id);
        let done = |id: &str| told.progress(id) == Progress::Done && !here(id);
        let repairs = plan.repairs.iter().filter(|step| done(&step.id)).map(repair::done_before);
        let resyncs = plan.resyncs.iter().filter(|step| done(&step.id)).map(|step| cell::done_before(step, told));
        let not_finished =
            plan.resyncs.iter().filter(|step| !here(&step.id)).filter_map(|step| cell::not_finished(step, told));
        let before: Vec<StepReport> = repairs.chain(resyncs).chain(not_finished).collect();
        self.steps.extend(before);
        self.steps.sort_by(|a, b| a.id.cmp(&b.id));
        self.left = plan.steps() - self.done();
        self.begun = unread || told.lines > 0;
        let open = |step: &&Resync| unread || told.progress(&step.id).is_open();
        self.left_disabled = plan.resyncs.iter().filter(open).map(Resync::left_disabled).collect();
        self.stopped = stopped;
        self.ended_at = now;
    }
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
    let access = Access::open(connection, identity, plan, options).await?;
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

/// A step of either kind.
#[derive(Clone, Copy)]
enum Step<'a> {
    Repair(&'a super::document::Repair),
    Resync(&'a Resync),
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
    async fn stages(&self, outcome: &mut Outcome) -> Result<(), Stop> {
        let told = self.told_now()?;
        let repairs = self.plan.repairs.iter().map(Step::Repair);
        let all: Vec<Step<'_>> = repairs.chain(self.plan.resyncs.iter().map(Step::Resync)).collect();
        let done = |step: &Step<'_>| told.progress(step.id()) == Progress::Done;
        self.check(&told).await?;
        let done_before = all.iter().filter(|step| done(step)).count();
        self.tell(ApplyEvent::Checked { steps: all.len(), done_before });
        if self.options.dry_run {
            return Ok(());
        }
        self.back_up(&told).await?;
        self.prove(&told).await?;
        // One alone first, then the others together; of policies and cells each.
        let (policies, cells) = all.split_at(self.plan.repairs.len());
        for kind in [policies, cells] {
            let undone: Vec<Step<'_>> = kind.iter().filter(|step| !done(step)).copied().collect();
            let (first, rest) = undone.split_at(undone.len().min(1));
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

    /// Everything that will be deleted, before the first write; of cells that were not begun, also where an earlier run saved
    /// them: what has come since would be lost.
    async fn back_up(&self, told: &Told) -> Result<(), Stop> {
        for step in &self.plan.resyncs {
            if told.progress(&step.id) >= Progress::Disabling {
                continue;
            }
            self.save(step).await?;
        }
        Ok(())
    }

    /// Nothing is turned off anywhere before it is known of every cell that it may be turned on again.
    async fn prove(&self, told: &Told) -> Result<(), Stop> {
        for step in self.plan.resyncs.iter().filter(|step| told.progress(&step.id) < Progress::Disabling) {
            cell::prove(self, step).await?;
        }
        Ok(())
    }

    /// Saves a cell, and counts what was saved: more than the plan says is not deleted.
    async fn save(&self, step: &Resync) -> Result<(), Stop> {
        let (now, began) = ((self.options.clock)(), Instant::now());
        let name = format!("backup/{}", backup::folder_name(step, now));
        let saved = backup::save(&self.access, step, &self.options.folder.join(&name), now).await?;
        backup::verify(&saved.folder, &saved.manifest_sha256)
            .map_err(|why| Stop::Backup { step: step.id.clone(), why })?;
        if saved.scanning_sha256 != step.scanning_sha256 {
            let what = "its scanning configuration is not the one that the plan saw";
            return Err(Stop::Stale(vec![cell::describe(step, what)]));
        }
        let grew = |what, planned, now| Stop::LossesGrew { step: step.id.clone(), what, planned, now };
        if saved.losses.findings > step.findings {
            return Err(grew("findings", step.findings, saved.losses.findings));
        }
        let not_rescanned = saved.losses.not_rescanned.len() as u64;
        if not_rescanned > step.images_not_rescanned {
            return Err(grew("images that lose coverage", step.images_not_rescanned, not_rescanned));
        }
        let details = [
            ("backup", json!(name)),
            ("manifest_sha256", json!(saved.manifest_sha256)),
            ("findings", json!(saved.losses.findings)),
        ];
        if self.progress(&step.id)? < Progress::Disabling {
            self.note(Progress::BackedUp, &step.id, &details).await?;
        } else {
            // A disable that nobody answered for stays open; and where it came through meanwhile, the first backup is the good
            // one.
            if !cell::nothing_has_gone(self, step).await? {
                let what = "a disable was called, and what was saved begins to go".to_owned();
                return Err(Stop::Surprise { step: step.id.clone(), what });
            }
            self.line("saved_again", &step.id, &details).await?;
        }
        let findings = saved.losses.findings;
        self.tell(ApplyEvent::BackedUp { step: step.id.clone(), findings, folder: saved.folder.clone() });
        {
            let mut backups = self.backups.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let backup = Backup { folder: saved.folder, manifest: saved.manifest_sha256, made: began, made_at: now };
            backups.insert(step.id.clone(), backup);
        }
        // AWS: a report of nothing fails, and one at a time is written.
        if let Some(to) = self.options.findings_reports.as_ref().filter(|_| findings > 0) {
            let _alone = self.reporting.lock().await;
            findings_report::write(self, step, to).await?;
            self.tell(ApplyEvent::Reported { step: step.id.clone() });
        }
        Ok(())
    }

    /// The folder and manifest of a backup that is young enough to hold what a disable would delete now.
    pub(super) async fn fresh_backup(&self, step: &Resync) -> Result<(PathBuf, String), Stop> {
        let known = || {
            let backups = self.backups.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            backups.get(&step.id).cloned()
        };
        if !known().is_some_and(|backup| backup.is_young((self.options.clock)())) {
            self.save(step).await?;
        }
        let missing = || Stop::Backup { step: step.id.clone(), why: "there is no backup".to_owned() };
        known().map(|backup| (backup.folder, backup.manifest)).ok_or_else(missing)
    }

    /// All of a batch come to their end, also where one of them fails; nothing is begun after that.
    async fn batch(&self, steps: &[Step<'_>], outcome: &mut Outcome) -> Result<(), Stop> {
        let work = steps.iter().map(|step| async move {
            match step {
                Step::Repair(step) => repair::run(self, step).await,
                Step::Resync(step) => cell::run(self, step).await,
            }
        });
        let mut first: Option<Stop> = None;
        for (step, ended) in steps.iter().zip(futures::future::join_all(work).await) {
            match ended {
                Ok(report) => {
                    self.tell(ApplyEvent::Done { step: report.id.clone(), result: report.result.clone() });
                    outcome.steps.push(report);
                }
                Err(stop) => {
                    self.tell(ApplyEvent::Failed { step: step.id().to_owned(), why: stop.to_string() });
                    first = first.or(Some(stop));
                }
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// What the journal says now.
    pub(super) fn told_now(&self) -> Result<Told, Stop> {
        Ok(read_journal(&self.options.folder.join(JOURNAL))?.unwrap_or_default())
    }

    /// Whether it was long ago that a step's disable was called.
    pub(super) fn is_long_ago(&self, step: &str) -> bool {
        let at = || self.told_now().ok()?.called_at(step);
        at().is_some_and(|at| (self.options.clock)().duration_since(at) >= LONG_AGO)
    }

    pub(super) fn progress(&self, step: &str) -> Result<Progress, Stop> {
        Ok(self.told_now()?.progress(step))
    }

    pub(super) async fn note(&self, progress: Progress, step: &str, more: &[(&str, Value)]) -> Result<(), Stop> {
        self.write(progress.word(), Some(step), more).await
    }

    pub(super) async fn line(&self, event: &str, step: &str, more: &[(&str, Value)]) -> Result<(), Stop> {
        self.write(event, Some(step), more).await
    }

    async fn write(&self, event: &str, step: Option<&str>, more: &[(&str, Value)]) -> Result<(), Stop> {
        match self.journal {
            Some(journal) => Ok(journal.lock().await.write(event, step, more)?),
            None => Ok(()),
        }
    }

    pub(super) fn tell(&self, event: ApplyEvent) {
        (self.listener)(event);
    }

    pub(super) fn backup_folder(&self, step: &str) -> Option<PathBuf> {
        let backups = self.backups.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let journaled = || self.told_now().ok()?.detail(step, "backup").map(|name| self.options.folder.join(name));
        backups.get(step).map(|backup| backup.folder.clone()).or_else(journaled)
    }

    pub(super) fn writer(&self, step: &str, account: AccountId, region: &RegionName) -> Result<RegionWriter, Stop> {
        let none =
            || Stop::Surprise { step: step.to_owned(), what: format!("there is no write role of account {account}") };
        self.access.writer(account, region).ok_or_else(none)
    }

    /// How long a status may take. A simulation takes what it is told to take.
    fn patience(&self) -> Duration {
        if self.plan.simulated { self.options.wait } else { self.options.wait.max(STATUS_MAY_TAKE) }
    }

    pub(super) fn waits(&self) -> Waits {
        Waits::until(Instant::now(), self.patience())
    }

    pub(super) fn waits_for_coverage(&self) -> Waits {
        Waits::until(Instant::now(), self.options.wait)
    }

    pub(super) fn settling(&self) -> Waits {
        Waits::until(Instant::now(), (self.patience() / 4).min(SETTLING))
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

    /// A token for one attempt to enable a cell. It is asked for only where the cell is disabled, so that another attempt is
    /// another request, and never answered from the memory of an earlier one.
    pub(super) fn token(&self, step: &str) -> String {
        let lines = self.told_now().map(|told| told.lines).unwrap_or_default();
        sha256(&format!("{} {step} {lines} {}", self.plan.plan_sha256, (self.options.clock)()))
    }
}

/// Whether an error may be another one next time.
pub(super) fn may_pass(error: &CallError) -> bool {
    matches!(
        error.kind,
        GapKind::Throttled | GapKind::Timeout | GapKind::Connection | GapKind::ServerError | GapKind::MalformedAnswer
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: 6 Operating it: a backup's age is wall time, too
    #[test]
    fn a_backup_is_old_after_the_machine_slept() {
        let made_at: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
        let backup = Backup { folder: PathBuf::new(), manifest: String::new(), made: Instant::now(), made_at };
        assert!(backup.is_young(made_at));
        assert!(!backup.is_young("2026-11-23T09:11:00Z".parse().unwrap()), "it slept");
        assert!(!backup.is_young("2026-11-23T08:00:00Z".parse().unwrap()), "the clock was set back");
    }
}
