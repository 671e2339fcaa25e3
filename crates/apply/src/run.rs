//! The whole of an apply: checks, backups, a canary, batches; what is open is brought back first.

use std::sync::{Mutex, PoisonError};

use scangap_aws::{Connection, Identity};
use scangap_model::AccountId;
use scangap_plan::{PlanDocument, Repair, Resync};
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::context::Executor;
use crate::destination::FindingsReports;
use crate::error::ApplyError;
use crate::events::{ApplyEvent, Listener};
use crate::journal::{JOURNAL, Journal, JournalError, JournalLine, JournalState, read_journal};
use crate::options::{ApplyOptions, BackupOptions};
use crate::outcome::Outcome;
use crate::preconditions::stale;
use crate::progress::Progress;
use crate::protocol::repair::PolicyNow;
use crate::protocol::resync::LONG_AGO;
use crate::{backup, driver, repair, report};

/// Applies a plan, or with `dry_run` looks whether it could be.
pub async fn apply(
    plan: &PlanDocument,
    connection: Connection,
    identity: Identity,
    options: &ApplyOptions,
    listener: Listener<'_>,
    cancel: CancellationToken,
) -> Result<Outcome, ApplyError> {
    let path = options.folder.join(JOURNAL);
    // A journal without a line is of an apply that was refused before it began: there is no consent in it to go on by.
    let before = read_journal(&path)?.unwrap_or_default();
    if before.plan_sha256.as_ref().is_some_and(|hash| *hash != plan.plan_sha256) {
        return Err(JournalError::OtherPlan(path).into());
    }
    match (before.lines > 0, options.resume) {
        (true, false) => return Err(ApplyError::Begun(path)),
        (false, true) => return Err(ApplyError::NothingToResume(options.folder.clone())),
        _ => {}
    }
    // What was asked for when it was begun holds for a resume.
    let journaled = || FindingsReports::from_journal(before.findings_reports.as_ref()?);
    let options =
        &ApplyOptions { findings_reports: options.findings_reports.clone().or_else(journaled), ..options.clone() };
    let mut outcome = Outcome::new(&identity, (options.clock)());
    let (journal, not_begun) = journal(plan, options, before)?;
    let journal = Mutex::new(journal);
    let work = Work { plan, options, listener, cancel: &cancel, journal: &journal };
    let end = Box::pin(work.all(connection, identity, not_begun, &mut outcome)).await;
    let journal = journal.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcome.end(plan, journal.state(), journal.is_intact(), end.err(), (options.clock)());
    Ok(outcome)
}

/// The journal of an apply, and why nothing is begun with it. A journal that cannot be written still says which registries are
/// open: it is only read then, they are re-enabled, and the error is returned afterwards.
fn journal(
    plan: &PlanDocument,
    options: &ApplyOptions,
    before: JournalState,
) -> Result<(Journal, Option<ApplyError>), ApplyError> {
    let read_only = |state| Journal::read_only(&options.folder, state, options.clock);
    if options.dry_run {
        return Ok((read_only(before), None));
    }
    // Nothing is begun where it would not be admitted: a journal says that something was.
    if before.open().next().is_none()
        && let Err(error) = admissible(plan, options)
    {
        // What an earlier apply of this plan did is still in its closing report.
        return if before.lines > 0 { Ok((read_only(before), Some(error))) } else { Err(error) };
    }
    match Journal::open(&options.folder, &plan.plan_sha256, options.clock) {
        Ok(journal) => Ok((journal, None)),
        Err(error @ JournalError::Io { .. }) => Ok((read_only(before), Some(error.into()))),
        Err(error) => Err(error.into()),
    }
}

/// An apply while it runs.
#[derive(Clone, Copy)]
struct Work<'a> {
    plan: &'a PlanDocument,
    options: &'a ApplyOptions,
    listener: Listener<'a>,
    cancel: &'a CancellationToken,
    journal: &'a Mutex<Journal>,
}

impl<'a> Work<'a> {
    fn executor<'e>(self, plan: &'e PlanDocument, access: Access) -> Executor<'e>
    where
        'a: 'e,
    {
        Executor::new(access, plan, self.options, self.journal, self.listener, self.cancel.clone())
    }

    fn state(&self) -> JournalState {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).state().clone()
    }

    /// What is open is re-enabled first, with as little as that takes; then everything else.
    async fn all(
        self,
        connection: Connection,
        identity: Identity,
        not_begun: Option<ApplyError>,
        outcome: &mut Outcome,
    ) -> Result<(), ApplyError> {
        let state = &self.state();
        let reports = self.options.findings_reports.as_ref();
        if self.options.dry_run {
            admissible(self.plan, self.options)?;
            let mut access = Access::open(connection, identity, self.plan, &self.options.roles, reports).await?;
            let possible = self.without_refused(&mut access, state, outcome);
            let (possible, access) = self.without_denied(possible, access, state, outcome).await?;
            return self.executor(&possible, access).stages(outcome).await;
        }
        // A resume may be of another user than the one who began.
        let goes_on = state.lines > 0 && (not_begun.is_none() || state.open().next().is_some());
        let recorded = if goes_on { self.record() } else { Ok(()) };
        let open: Vec<PlanDocument> = state.open().map(|step| self.plan.only(step)).collect();
        let reenabled = open.iter().map(|one| self.reenable(one, &connection, &identity));
        futures::future::join_all(reenabled).await.into_iter().collect::<Result<(), ApplyError>>()?;
        not_begun.map_or(Ok(()), Err)?;
        recorded?;
        if self.options.only_reenable {
            return Err(self.what_is_open_still().unwrap_or(ApplyError::OnlyReenabled));
        }
        admissible(self.plan, self.options)?;
        let mut access = Access::open(connection, identity, self.plan, &self.options.roles, reports).await?;
        let possible = self.without_refused(&mut access, state, outcome);
        let (possible, access) = self.without_denied(possible, access, state, outcome).await?;
        // Nothing that could be made is left: nothing is begun, so that another role can.
        if possible.steps() == 0
            && let Some(error) = outcome.refused.pop()
        {
            return Err(error);
        }
        let executor = self.executor(&possible, access);
        let event = if state.lines == 0 { "begin" } else { "resume" };
        executor.write(JournalLine {
            plan_sha256: Some(self.plan.plan_sha256.clone()),
            caller: Some(executor.access.identity.arn.clone()),
            findings_reports: self.options.findings_reports.as_ref().map(FindingsReports::journaled),
            ..JournalLine::begin(event)
        })?;
        // After the first line: what is recorded of a journal without one is of a journal that is gone.
        if state.lines == 0 {
            self.record()?;
        }
        // Once more: of two that begin at once, each has recorded before it looks.
        registries_are_free(self.plan, self.options)?;
        let ended = executor.stages(outcome).await;
        let how = match (&ended, outcome.refused.len()) {
            (Err(error), _) => error.to_string(),
            (Ok(()), 0) => "finished".to_owned(),
            (Ok(()), _) => "finished, but for what could not be made".to_owned(),
        };
        // What was done is in the lines before; that this one cannot be written must not hide it.
        let _ = executor.write(JournalLine { outcome: Some(how), ..JournalLine::begin("end") });
        // Everything else was done: what was not is why it did not come to its end.
        ended.and_then(|()| outcome.refused.pop().map_or(Ok(()), Err))
    }

    /// The plan without the steps of accounts that no role opens. Each is reported as an event.
    fn without_refused(&self, access: &mut Access, state: &JournalState, outcome: &mut Outcome) -> PlanDocument {
        let possible = self.plan.without_accounts(&access.refused.keys().copied().collect());
        let kept = |id: &str| {
            possible.repairs.iter().any(|step| step.id == id) || possible.resyncs.iter().any(|step| step.id == id)
        };
        let repairs = self.plan.repairs.iter().map(|step| (&step.id, step.account, step.account));
        let resyncs = self.plan.resyncs.iter().map(|step| (&step.id, step.account, step.toggled_from));
        for (id, account, other) in repairs.chain(resyncs).filter(|(id, ..)| !kept(id)) {
            let why = access.refused.get(&account).or_else(|| access.refused.get(&other)).map(ToString::to_string);
            if state.progress(id) < Progress::Disabling {
                self.not_made(id, &why.unwrap_or_default(), state, outcome);
            }
        }
        outcome.refused = std::mem::take(&mut access.refused).into_values().collect();
        possible
    }

    /// The plan without the repairs that the write role cannot make. Each is reported as an event.
    async fn without_denied(
        &self,
        possible: PlanDocument,
        access: Access,
        state: &JournalState,
        outcome: &mut Outcome,
    ) -> Result<(PlanDocument, Access), ApplyError> {
        let executor = self.executor(&possible, access);
        let kept_out = executor.kept_out(state).await?;
        let access = executor.access;
        let mut ids = Vec::new();
        for stop in kept_out {
            let why = stop.to_string();
            if let Some(step) = stop.step() {
                ids.push(step.to_owned());
                self.not_made(step, &why, state, outcome);
            }
            outcome.refused.push(stop);
        }
        Ok((possible.without_steps(&ids), access))
    }

    /// Reports a step that cannot be made, and records it in the closing report.
    fn not_made(&self, id: &str, why: &str, state: &JournalState, outcome: &mut Outcome) {
        (self.listener)(ApplyEvent::Failed { step: id.to_owned(), why: why.to_owned() });
        let repair =
            self.plan.repairs.iter().find(|step| step.id == id).map(|step| report::repair::not_made(step, why));
        let resync = self
            .plan
            .resyncs
            .iter()
            .find(|step| step.id == id)
            .map(|step| report::resync::not_made(step, &state.step(&step.id), why));
        outcome.steps.extend(repair.or(resync));
    }

    /// One registry with its own roles alone: another account that does not open is no reason to leave this one off.
    async fn reenable(
        self,
        one: &PlanDocument,
        connection: &Connection,
        identity: &Identity,
    ) -> Result<(), ApplyError> {
        let work = Work { plan: one, ..self };
        let open = |toggling_alone| {
            Access::open_to_reenable(connection.clone(), identity.clone(), one, &self.options.roles, toggling_alone)
        };
        for step in &one.resyncs {
            match open(false).await {
                Ok(access) => driver::reenable(&work.executor(one, access), step).await?,
                Err(error) => {
                    // To turn it on takes the account that toggles alone; its configuration waits for the other.
                    if let Ok(access) = open(true).await {
                        let _ = driver::turn_on(&work.executor(one, access), step).await;
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// A registry whose Disable had no answer, and may still take effect.
    fn what_is_open_still(&self) -> Option<ApplyError> {
        let state = self.state();
        let step = state.open().next()?.clone();
        let until = state.step(&step).called_at.and_then(|at| at.checked_add(LONG_AGO).ok());
        Some(ApplyError::DisablePending { step, until: until.unwrap_or_else(self.options.clock) })
    }

    fn record(&self) -> Result<(), ApplyError> {
        let open = self.options.open_registries.as_ref();
        open.map_or(Ok(()), |open| open.record(self.plan, &self.options.folder)).map_err(ApplyError::NotRecorded)
    }
}

/// What keeps a plan from being applied, before AWS is asked anything.
fn admissible(plan: &PlanDocument, options: &ApplyOptions) -> Result<(), ApplyError> {
    if plan.organization_unknown {
        return Err(ApplyError::OrganizationUnknown);
    }
    let listed = |account: &AccountId| options.blocklist.contains(account) || plan.blocklist.contains(account);
    let repairs = plan.repairs.iter().map(|step| (&step.id, step.account));
    let mut steps = repairs.chain(plan.resyncs.iter().map(|step| (&step.id, step.account)));
    if let Some((step, account)) = steps.find(|(_, account)| listed(account)) {
        return Err(ApplyError::Blocklisted { step: step.clone(), account });
    }
    if let Some(reports) = &options.findings_reports {
        reports.fit(plan).map_err(ApplyError::FindingsReports)?;
    }
    registries_are_free(plan, options)
}

fn registries_are_free(plan: &PlanDocument, options: &ApplyOptions) -> Result<(), ApplyError> {
    let in_use = options.open_registries.as_ref().and_then(|open| open.in_use(plan, &options.folder));
    in_use.map_or(Ok(()), |registry| Err(ApplyError::RegistryInUse(registry)))
}

/// Saves what the plan's re-syncs would delete, and changes nothing: an early backup. An apply makes its own.
pub async fn back_up(
    plan: &PlanDocument,
    connection: Connection,
    identity: Identity,
    options: &BackupOptions,
    listener: Listener<'_>,
) -> Result<(), ApplyError> {
    let access = Access::open(connection, identity, plan, &options.roles, None).await?;
    for step in &plan.resyncs {
        let now = (options.clock)();
        let folder = options.folder.join(backup::name(step, now));
        let saved = backup::save(&access, step, &folder, now).await?;
        backup::verify(&saved.folder, &saved.manifest_sha256)
            .map_err(|why| ApplyError::Backup { step: step.id.clone(), why })?;
        let findings = saved.losses.findings;
        listener(ApplyEvent::BackedUp { step: step.id.clone(), findings, folder: saved.folder });
    }
    Ok(())
}

/// An error with what it came from.
fn with_sources(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A step of either kind.
#[derive(Clone, Copy)]
enum Step<'a> {
    Repair(&'a Repair),
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
    async fn stages(&self, outcome: &mut Outcome) -> Result<(), ApplyError> {
        let state = &self.state();
        let repairs = self.plan.repairs.iter().map(Step::Repair);
        let all: Vec<Step<'_>> = repairs.chain(self.plan.resyncs.iter().map(Step::Resync)).collect();
        let done = |step: &Step<'_>| state.progress(step.id()) == Progress::Done;
        outcome.repaired_by_others = self.check(state).await?;
        let done_before = all.iter().filter(|step| done(step)).count();
        let repaired_by_others = outcome.repaired_by_others;
        self.tell(ApplyEvent::Checked { steps: all.len(), done_before, repaired_by_others });
        if self.options.dry_run {
            return Ok(());
        }
        self.back_up(state).await?;
        self.verify_enable_permission(state).await?;
        // One alone first, then the others together; of policies and registries each.
        let (policies, registries) = all.split_at(self.plan.repairs.len());
        for kind in [policies, registries] {
            let undone: Vec<Step<'_>> = kind.iter().filter(|step| !done(step)).copied().collect();
            let (first, rest) = undone.split_at(undone.len().min(1));
            for batch in std::iter::once(first).chain(rest.chunks(self.options.batch.max(1))) {
                if batch.is_empty() {
                    continue;
                }
                if self.cancel.is_cancelled() {
                    return Err(ApplyError::Interrupted);
                }
                self.access.same_place(self.plan).await?;
                self.batch(batch, outcome).await?;
            }
        }
        Ok(())
    }

    /// Every step's before-state, read again: a plan is refused as a whole when the world has moved. How many policies are repaired already.
    async fn check(&self, state: &JournalState) -> Result<usize, ApplyError> {
        let mut differences = Vec::new();
        let mut repaired = 0;
        for step in &self.plan.repairs {
            if state.progress(&step.id) == Progress::Done {
                continue;
            }
            match repair::policy_now(self, step).await? {
                (PolicyNow::Other, what) => differences.push(report::repair::describe(step, &what)),
                // One that this apply may have written is its own.
                (PolicyNow::AlreadyRepaired, _) => {
                    repaired += usize::from(state.progress(&step.id) == Progress::Untouched);
                }
                (PolicyNow::AsPlanned, _) => {}
            }
        }
        // A registry that was disabled by us is not as it was, and goes on from where it is.
        for step in self.plan.resyncs.iter().filter(|step| state.progress(&step.id) < Progress::Disabling) {
            differences.extend(stale(self, step).await?.iter().map(|what| report::resync::describe(step, what)));
        }
        if differences.is_empty() { Ok(repaired) } else { Err(ApplyError::Stale(differences)) }
    }

    /// Everything that will be deleted, before the first write; of registries that were not begun, also where an earlier run saved
    /// them: what has come since would be lost.
    async fn back_up(&self, state: &JournalState) -> Result<(), ApplyError> {
        for step in &self.plan.resyncs {
            if state.progress(&step.id) >= Progress::Disabling {
                continue;
            }
            driver::back_up(self, step).await?;
        }
        Ok(())
    }

    /// Nothing is turned off anywhere before it is known of every registry that it may be turned on again.
    async fn verify_enable_permission(&self, state: &JournalState) -> Result<(), ApplyError> {
        for step in self.plan.resyncs.iter().filter(|step| state.progress(&step.id) < Progress::Disabling) {
            driver::verify_enable_permission(self, step).await?;
        }
        Ok(())
    }

    /// All of a batch come to their end, also where one of them fails; nothing is begun after that.
    async fn batch(&self, steps: &[Step<'_>], outcome: &mut Outcome) -> Result<(), ApplyError> {
        let work = steps.iter().map(|step| async move {
            match step {
                Step::Repair(step) => repair::run(self, step).await,
                Step::Resync(step) => driver::resync(self, step).await,
            }
        });
        let mut first: Option<ApplyError> = None;
        for (step, ended) in steps.iter().zip(futures::future::join_all(work).await) {
            match ended {
                Ok(report) => {
                    self.tell(ApplyEvent::Done { step: report.id.clone(), result: report.result.clone() });
                    outcome.steps.push(report);
                }
                Err(stop) => {
                    self.tell(ApplyEvent::Failed { step: step.id().to_owned(), why: stop.to_string() });
                    outcome.failed.insert(step.id().to_owned(), with_sources(&stop));
                    first = first.or(Some(stop));
                }
            }
        }
        first.map_or(Ok(()), Err)
    }
}
