//! The whole of a collection: organization, accounts, registries, with one bound on each kind of work.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use scangap_aws::{Connection, Identity};
use scangap_model::{
    AccountId, AccountOutcome, Api, Asked, Gap, GapKind, RegionFact, RegionName, RegionStatus, RegistryFacts,
    RegistryOutcome,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::account::{Opening, Regions};
use crate::accounts::{Accounts, Arrival};
use crate::admin::AdminView;
use crate::backlog::{Backlog, Job, Next, RepositoryList};
use crate::board::Board;
use crate::context::{Context, calls};
use crate::error::CollectError;
use crate::event::{Event, RegistryRecord};
use crate::options::CollectOptions;
use crate::organization::{Discovered, Found, Target, not_listed_yet};
use crate::prior::{Prior, PriorRole};
use crate::slots::{Slot, Slots};
use crate::workers::{Worker, Workers, joined};
use crate::{account, admin, organization, registry, workers};

/// How a collection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collected {
    Complete,
    Interrupted,
}

/// Accounts opened at once. Opening is a few short calls; the gate bounds what really runs.
const ACCOUNTS_AT_ONCE: usize = 64;

/// Accounts that wait for what the administrator sees of them, beyond those.
const ACCOUNTS_WAITING: usize = 1024;

/// Large registries that ask ECR at once, beside the others. At the rate that AWS publishes and 50 ms a call, so many have as many calls
/// in flight: half of the bound.
const LARGE_AT_ONCE: usize = 128;

/// Registries that wait for the administrator's stream, with what was listed of them, beyond those that a call is made for.
const REGISTRIES_WAITING: usize = 2048;

/// The least time between two rounds of the loop that had to wait.
const MOMENT: Duration = Duration::from_millis(1);

pub async fn collect(
    connection: Connection,
    identity: Identity,
    options: CollectOptions,
    prior: Prior,
    board: Board,
    events: mpsc::Sender<Event>,
    cancel: CancellationToken,
) -> Result<Collected, CollectError> {
    let calls = calls(&connection, &options, &cancel);
    let (prior, inspector) = (Arc::new(prior), Arc::default());
    let largest = Arc::new(options.largest());
    let context = Arc::new(Context { connection, identity, options, prior, calls, inspector, events, largest, board });

    let workers = Workers::start(&context).map_err(CollectError::Workers)?;
    let mut listing = match &context.prior.organization {
        Some(prior) => {
            let Discovered { facts, targets, .. } = Discovered::before(&prior.facts, &prior.accounts);
            Accounts::known(&context, &facts, targets, prior.asked)
        }
        None => match organization::discover(&context).await? {
            Found::Alone(discovered) => Accounts::all(&context, discovered).await,
            Found::Listing(listing) => Accounts::first(&context, listing).await?,
        },
    };
    let something_is_left =
        listing.list.is_some() || listing.arrived.iter().any(|target| context.prior.is_left(target.id));

    // The administrator first: its view is what the registries wait for.
    let admin_account = match listing.inspector_admin.known().copied().filter(|_| something_is_left) {
        Some(id) => {
            let own = Arc::clone(&workers.of(id).context);
            let opening = async move { account::open_admin(&own, id).await };
            Some((id, joined(workers.of(id).runtime.spawn(opening).await)))
        }
        None => None,
    };
    let mut view_tasks = JoinSet::new();
    let view = match &admin_account {
        Some((id, Opening::Opened(opened))) => {
            Arc::new(admin::watch(workers.of(*id), opened, listing.askable.subscribe(), &mut view_tasks))
        }
        Some((_, Opening::Refused(gap))) => Arc::new(AdminView::none(Some(gap.clone()))),
        _ => Arc::new(AdminView::none(listing.inspector_admin.gap().cloned())),
    };

    let admin_by_role = matches!(&admin_account, Some((_, Opening::Opened(opened))) if opened.role_name.is_some());
    let outcome = read_accounts(&context, &workers, &mut listing, admin_account, &view).await;
    if outcome.is_ok() && !cancel.is_cancelled() {
        // Nobody may wait for some of it. It is read to its end all the same, so that every run makes the same calls.
        workers::all_done(view_tasks).await;
    } else {
        workers::end(view_tasks).await;
    }
    let mut tally = outcome?;
    // The role name is right where it opened the administrator, in scope or not.
    tally.opened_by_role += usize::from(admin_by_role);
    tally.verdict(&context)?;
    if context.events.is_closed() {
        return Err(CollectError::ListenerGone);
    }
    Ok(if cancel.is_cancelled() { Collected::Interrupted } else { Collected::Complete })
}

/// How opening accounts went, to tell "the role name is wrong" from "some accounts refuse".
#[derive(Debug, Default)]
struct Tally {
    opened_by_role: usize,
    refused: usize,
    example: Option<Gap>,
    /// Whether the administrator's coverage named a repository of an account that did not open.
    seen_from_outside: bool,
}

impl Tally {
    fn verdict(self, context: &Context) -> Result<(), CollectError> {
        match self.example {
            // Rows that the administrator gave about accounts named one by one are worth keeping; so is whatever an
            // interrupted run has. A whole organization that refuses is a wrong name.
            Some(example)
                if self.opened_by_role == 0
                    && self.refused >= 2
                    // What an earlier run could read is no wrong name, and a slice of the organization says little of it.
                    && context.prior.accounts.is_empty()
                    && context.options.shard.is_none()
                    && (!self.seen_from_outside || context.options.scope.accounts.is_empty())
                    && !context.calls.is_cancelled() =>
            {
                Err(CollectError::RoleRefusedEverywhere {
                    roles: context.options.role_names.join("`, `"),
                    n_accounts: self.refused,
                    example: Box::new(example),
                })
            }
            _ => Ok(()),
        }
    }
}

/// What an account still waits for.
struct Left {
    registries: usize,
    /// An account of which an interruption left a registry out is not done.
    all_reached: bool,
}

impl Left {
    /// Counts a registry down. Whether it was the last, and none was left out.
    fn is_done_with(&mut self, reached: bool) -> bool {
        self.registries -= 1;
        self.all_reached &= reached;
        self.registries == 0 && self.all_reached
    }
}

/// What a task of a registry came to.
enum Worked {
    Listed(Job, RepositoryList),
    Read {
        record: Box<RegistryRecord>,
        /// Of a large registry, how many repositories were listed.
        large_rows: u64,
    },
}

/// What the loop of a collection waits for.
enum Arrived {
    Worked(Worked),
    Opened(Box<Approached>),
    /// A region's view says more, after so many batches; `None`: it says no more.
    Told(RegionName, Option<usize>),
    Accounts(Arrival),
    /// A place may be free.
    Room,
    /// Nothing is under way, and nothing waits.
    Nothing,
}

/// Waits for what is next. Where nothing is there yet, what comes within a moment may come together: to be woken for each costs the
/// processor as much as a call does.
async fn together<T>(next: impl Future<Output = T>) -> T {
    let mut next = pin!(next);
    if let Poll::Ready(arrived) = futures::poll!(next.as_mut()) {
        return arrived;
    }
    tokio::time::sleep(MOMENT).await;
    next.await
}

/// Starts what is next, on the worker of its account.
fn work(next: Next<Job>, mut slot: Slot, workers: &Workers, view: &Arc<AdminView>, registries: &mut JoinSet<Worked>) {
    let (Next::List(job) | Next::Read(job, _)) = &next;
    let Worker { context, runtime, .. } = workers.of(job.account.id);
    let (context, view) = (Arc::clone(context), Arc::clone(view));
    match next {
        Next::List(job) => {
            let listing = async move {
                let list = registry::list_repositories(&context, &job).await;
                drop(slot);
                Worked::Listed(job, list)
            };
            registries.spawn_on(listing, runtime);
        }
        Next::Read(job, list) => {
            let reading = async move {
                let large_rows = if list.is_large() { list.len() } else { 0 };
                let record = Box::new(registry::read(&context, &job, list, &view, &mut slot).await);
                Worked::Read { record, large_rows }
            };
            registries.spawn_on(reading, runtime);
        }
    }
}

async fn read_accounts(
    context: &Context,
    workers: &Workers,
    listing: &mut Accounts,
    admin_account: Option<(AccountId, Opening)>,
    view: &Arc<AdminView>,
) -> Result<Tally, CollectError> {
    let mut tally = Tally::default();
    let mut openings: JoinSet<Approached> = JoinSet::new();
    let mut registries: JoinSet<Worked> = JoinSet::new();
    let mut backlog: Backlog<Job> = Backlog::new();
    let mut views = FuturesUnordered::new();
    let mut left: BTreeMap<AccountId, Left> = BTreeMap::new();
    let accounts_at_once = Slots::new(ACCOUNTS_AT_ONCE);
    // Listing waits for no reading: until all are listed, the large ones are not known.
    let lists_at_once = Slots::new(context.options.max_in_flight);
    let registries_at_once = Slots::new(context.options.max_in_flight);
    let large_at_once = Slots::new(LARGE_AT_ONCE);
    let registries_max = context.options.max_in_flight.max(1) + REGISTRIES_WAITING;

    loop {
        while let Some(job) = backlog.next_empty() {
            match registry::empty_as_told(&job, view) {
                Some(record) => done_with(context, &mut left, Box::new(record)).await,
                None => backlog.reads_empty(job),
            }
        }
        while backlog.has_large() {
            let Some(slot) = large_at_once.try_take() else { break };
            let Some(next) = backlog.next_large() else { break };
            work(next, slot, workers, view, &mut registries);
        }
        while backlog.has_unlisted() {
            let Some(slot) = lists_at_once.try_take() else { break };
            let Some(next) = backlog.next_unlisted() else { break };
            work(next, slot, workers, view, &mut registries);
        }
        while backlog.has_small() && registries.len() < registries_max {
            let Some(slot) = registries_at_once.try_take() else { break };
            let Some(next) = backlog.next_small() else { break };
            work(next, slot, workers, view, &mut registries);
        }
        // Accounts are opened as fast as their registries are listed: what waits is bounded.
        while openings.len() < ACCOUNTS_WAITING && backlog.unlisted() < registries_max {
            let Some(slot) = accounts_at_once.try_take() else { break };
            let Some(target) = listing.arrived.pop() else { break };
            if !context.prior.is_left(target.id) {
                continue;
            }
            let worker = workers.of(target.id);
            let (context, view) = (Arc::clone(&worker.context), Arc::clone(view));
            let reuse = admin_account.as_ref().filter(|(id, _)| *id == target.id).map(|(_, opening)| opening.clone());
            let opening = async move {
                let mut slot = slot;
                open_account(&context, target, reuse, &view, &mut slot).await
            };
            openings.spawn_on(opening, &worker.runtime);
        }
        let next = async {
            tokio::select! {
                biased;
                // What is next is chosen among all that is known.
                Some(arrival) = listing.next() => Arrived::Accounts(arrival),
                Some((region, batches)) = views.next() => Arrived::Told(region, batches),
                Some(done) = registries.join_next() => Arrived::Worked(joined(done)),
                Some(done) = openings.join_next() => Arrived::Opened(Box::new(joined(done))),
                () = large_at_once.freed(), if backlog.has_large() => Arrived::Room,
                () = lists_at_once.freed(), if backlog.has_unlisted() => Arrived::Room,
                () = registries_at_once.freed(), if backlog.has_small() && registries.len() < registries_max => Arrived::Room,
                () = accounts_at_once.freed(), if !listing.arrived.is_empty() => Arrived::Room,
                else => Arrived::Nothing,
            }
        };
        match together(next).await {
            Arrived::Worked(Worked::Listed(job, list)) => {
                let region = job.region.clone();
                if backlog.listed(job, &region, list, |job| is_told(view, job)) {
                    views.push(tells_more(Arc::clone(view), region, 0));
                }
            }
            Arrived::Worked(Worked::Read { record, large_rows }) => {
                backlog.large_is_read(large_rows);
                done_with(context, &mut left, record).await;
            }
            Arrived::Opened(account) => {
                for job in opened(context, *account, &mut tally, &mut left).await? {
                    backlog.push(context.options.size_of(job.account.id, &job.region), job);
                }
            }
            Arrived::Told(region, batches) => {
                // Nothing waits for a view that says no more.
                let still_wait = backlog.told(&region, |job| batches.is_none() || is_told(view, job));
                if let Some(batches) = batches.filter(|_| still_wait) {
                    views.push(tells_more(Arc::clone(view), region, batches));
                }
            }
            Arrived::Accounts(arrival) => listing.take_in(context, arrival).await?,
            Arrived::Room => {}
            Arrived::Nothing => break,
        }
    }
    Ok(tally)
}

/// Hands over what is known of an account; its registries that are to be read.
async fn opened(
    context: &Context,
    account: Approached,
    tally: &mut Tally,
    left: &mut BTreeMap<AccountId, Left>,
) -> Result<Vec<Job>, CollectError> {
    let id = account.target.id;
    let reached = !matches!(&account.opening, Opening::Refused(gap) if gap.kind == GapKind::NotReached);
    let jobs = announce(context, account, tally).await?;
    context.send(Event::RegistriesExpected(jobs.len())).await;
    if !jobs.is_empty() {
        left.insert(id, Left { registries: jobs.len(), all_reached: true });
    } else if reached {
        context.send(Event::AccountDone(id)).await;
    }
    Ok(jobs)
}

/// Hands over what was read of a registry.
async fn done_with(context: &Context, left: &mut BTreeMap<AccountId, Left>, record: Box<RegistryRecord>) {
    let account = record.facts.account;
    let reached = record.facts.outcome != RegistryOutcome::NotReached;
    context.send(Event::Registry(record)).await;
    if left.get_mut(&account).is_some_and(|left| left.is_done_with(reached)) {
        context.send(Event::AccountDone(account)).await;
    }
}

/// Whether the administrator's view has said all that it will say of a registry's account.
fn is_told(view: &AdminView, job: &Job) -> bool {
    view.is_there(&job.region, job.account.id)
}

/// A region whose view says more, and how many batches it has told; `None`: it will tell no more.
async fn tells_more(view: Arc<AdminView>, region: RegionName, batches: usize) -> (RegionName, Option<usize>) {
    let batches = view.tells_more(&region, batches).await;
    (region, batches)
}

/// An account as far as it can be known before its registries are read.
struct Approached {
    target: Target,
    opening: Opening,
    regions: Option<Regions>,
    /// What the administrator sees of an account that does not open.
    from_outside: Vec<RegistryRecord>,
}

async fn open_account(
    context: &Context,
    target: Target,
    reuse: Option<Opening>,
    view: &AdminView,
    slot: &mut Slot,
) -> Approached {
    let opening = match (target.skip_reason(), reuse) {
        (Some(reason), _) => Opening::Skipped { reason },
        (None, Some(opening)) => opening,
        (None, None) => {
            let begun = context.prior.begun(target.id);
            let before = begun.and_then(|begun| begun.opened.as_ref()).and_then(|opened| opened.role_name.as_ref());
            let names = before.map_or(context.options.role_names.as_slice(), std::slice::from_ref);
            account::open(context, target.id, names).await
        }
    };
    let (mut regions, mut from_outside) = (None, Vec::new());
    match &opening {
        Opening::Opened(opened) => {
            regions = Some(account::regions(context, opened).await.clone());
            if context.prior.begun(target.id).is_some_and(|begun| begun.inspector_role == PriorRole::InVain) {
                account::ask_inspector_role(context, opened).await;
            }
        }
        Opening::Refused(gap) => from_outside = registry::seen_from_outside(context, target.id, gap, view, slot).await,
        Opening::Skipped { .. } => return Approached { target, opening, regions, from_outside },
    }
    if context.calls.is_cancelled() {
        // Half of what is known of an account would look like the whole.
        let gap = not_listed_yet(Api::AssumeRole);
        let not_reached = |region| RegistryFacts::unasked(target.id, region, RegistryOutcome::NotReached);
        let from_outside = context.regions().into_iter().map(not_reached).map(RegistryRecord::of).collect();
        return Approached { target, opening: Opening::Refused(gap), regions: None, from_outside };
    }
    Approached { target, opening, regions, from_outside }
}

/// Sends the events of an account and of its registries that need no calls; returns the registries to read.
async fn announce(context: &Context, account: Approached, tally: &mut Tally) -> Result<Vec<Job>, CollectError> {
    let Approached { target, opening, regions, from_outside } = account;
    let id = target.id;
    let facts = |outcome, regions_source| target.facts(outcome, regions_source);
    let begun = context.prior.begun(id);
    let is_whole = |region: &RegionName| begun.is_some_and(|begun| begun.whole.contains(region));
    // What is stored of the account itself stays: it was opened before, and only registries of it are left.
    let stored = begun.is_some_and(|begun| begun.opened.is_some());
    match opening {
        Opening::Skipped { reason } => {
            let skipped = |region| {
                let outcome = RegistryOutcome::Skipped { reason: reason.clone() };
                RegistryRecord::of(RegistryFacts::unasked(id, region, outcome))
            };
            let registries = context.regions().into_iter().map(skipped).collect();
            let facts = facts(AccountOutcome::Skipped { reason: reason.clone() }, Asked::NotNeeded);
            context.send(Event::Account { facts, regions: Vec::new(), gaps: Vec::new(), registries }).await;
            Ok(Vec::new())
        }
        Opening::Refused(gap) => {
            if matches!(gap.code.as_str(), "PackedPolicyTooLarge" | "MalformedPolicyDocument") {
                return Err(CollectError::SessionPolicyRefused(Box::new(gap)));
            }
            if gap.kind == GapKind::AccessDenied {
                tally.refused += 1;
                tally.example.get_or_insert_with(|| gap.clone());
            }
            let outcome = if gap.kind == GapKind::NotReached {
                AccountOutcome::NotReached
            } else {
                AccountOutcome::Unreadable(gap)
            };
            tally.seen_from_outside |= from_outside.iter().any(|harvest| !harvest.repositories.is_empty());
            if stored {
                for harvest in from_outside.into_iter().filter(|harvest| !is_whole(&harvest.facts.region)) {
                    context.send(Event::Registry(Box::new(harvest))).await;
                }
            } else {
                let facts = facts(outcome, Asked::NotNeeded);
                let (regions, gaps) = (Vec::new(), Vec::new());
                context.send(Event::Account { facts, regions, gaps, registries: from_outside }).await;
            }
            Ok(Vec::new())
        }
        Opening::Opened(opened) => {
            if opened.role_name.is_some() {
                tally.opened_by_role += 1;
            }
            let outcome = AccountOutcome::Read { role_name: opened.role_name.clone() };
            let Regions { source, facts: regions, gaps } = regions.unwrap_or_else(Regions::none);
            let (mut jobs, mut registries) = (Vec::new(), Vec::new());
            for RegionFact { region, status } in regions.iter().filter(|fact| !is_whole(&fact.region)).cloned() {
                let account = Arc::clone(&opened);
                match status {
                    RegionStatus::NotEnabled => {
                        let facts = RegistryFacts::unasked(id, region, RegistryOutcome::NotEnabled);
                        registries.push(RegistryRecord::of(facts));
                    }
                    RegionStatus::Enabled => jobs.push(Job { account, region, probing: false }),
                    // The status is unknown or missing, so only a call shows whether the region is enabled.
                    RegionStatus::Other(_) => jobs.push(Job { account, region, probing: true }),
                }
            }
            if !stored {
                let facts = facts(outcome, source.into());
                context.send(Event::Account { facts, regions, gaps, registries }).await;
            }
            Ok(jobs)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: 3 What was not read: progress counts no account of which an interruption left a registry out
    #[test]
    fn an_account_that_was_left_in_the_middle_is_not_done() {
        let mut whole = Left { registries: 2, all_reached: true };
        assert!(!whole.is_done_with(true));
        assert!(whole.is_done_with(true));
        let mut cut = Left { registries: 2, all_reached: true };
        assert!(!cut.is_done_with(false));
        assert!(!cut.is_done_with(true), "its last registry is over, and one was left out");
    }
}
