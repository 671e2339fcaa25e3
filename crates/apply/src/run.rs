//! The whole of an apply: checks, backups, a canary, batches; what is open is brought back first.

use scangap_aws::{Connection, Identity};
use scangap_model::AccountId;
use scangap_plan::{PlanDocument, Repair, Resync};
use serde_json::json;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::context::{Executor, LONG_AGO};
use crate::destination::FindingsReports;
use crate::error::Stop;
use crate::events::{ApplyEvent, Listener};
use crate::journal::{JOURNAL, Journal, JournalError, Progress, Told, read_journal};
use crate::options::ApplyOptions;
use crate::outcome::Outcome;
use crate::repair::Standing;
use crate::{backup, cell, repair, report};

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
        let possible = self.plan.without_accounts(&access.refused.keys().copied().collect());
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
        let repair =
            self.plan.repairs.iter().find(|step| step.id == id).map(|step| report::repair::not_made(step, why));
        let resync =
            self.plan.resyncs.iter().find(|step| step.id == id).map(|step| report::resync::not_made(step, told, why));
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
        options.findings_reports.as_ref().map_or(Ok(()), |reports| reports.fit(plan)).map_err(Stop::FindingsReports)?;
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
            if let Standing::Other(what) = repair::standing(self, step).await? {
                differences.push(report::repair::describe(step, &what));
            }
        }
        // A cell that was disabled by us is not as it was, and goes on from where it is.
        for step in self.plan.resyncs.iter().filter(|step| told.progress(&step.id) < Progress::Disabling) {
            differences.extend(cell::stale(self, step).await?.iter().map(|what| report::resync::describe(step, what)));
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
}
