//! What Inspector's delegated administrator sees: one stream per region for the whole organization.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use scangap_aws::read::{AccountStatus, AccountStatuses, CoverageFilter, RegionReader};
use scangap_model::{AccountId, Api, Asked, CoverageRow, Gap, GapKind, Observed, RegionName, RegionStatus};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::account::{self, OpenedAccount};
use crate::accounts::Askable;
use crate::board::RegistryStage;
use crate::context::Context;
use crate::coverage::{Asking, ImageAnswers, ImageEnd, RepositoryAnswers, Tallies};
use crate::gate::Calls;
use crate::image_pages::ImagePages;
use crate::statuses::Statuses;
use crate::workers::{Worker, joined};

/// AWS: `BatchGetAccountStatus` takes 100 accounts.
const ACCOUNTS_PER_BATCH: usize = 100;

/// Batches of one region that are asked for at once.
const BATCHES_AT_ONCE: usize = 4;

/// The administrator's view of one region: what it lists of all accounts, and what it has told of each so far.
#[derive(Debug)]
pub(crate) struct RegionView {
    pub(crate) administrator: AccountId,
    told: watch::Receiver<Told>,
    pub(crate) coverage: BTreeMap<AccountId, Vec<CoverageRow>>,
    /// The list broke off: rows may be missing for any account.
    pub(crate) coverage_gap: Option<Gap>,
    /// Whether ECR scanning is turned on for accounts that join.
    pub(crate) auto_enable: Asked<bool>,
    /// Accounts of which a row could not be read.
    malformed: BTreeSet<AccountId>,
    images: ImageAnswers,
    calls: Calls,
    reader: RegionReader,
    region: RegionName,
}

/// What the administrator has told of single accounts, asked as they are listed.
#[derive(Debug, Default)]
struct Told {
    /// Only accounts that it sees.
    statuses: Statuses,
    /// Accounts that it was asked about and gave no status of, with why: `None` where its answer leaves the account out.
    unseen: BTreeMap<AccountId, Option<Arc<Gap>>>,
    batches: usize,
    /// All accounts are listed, and all were asked about.
    is_whole: bool,
}

impl Told {
    /// Whether what is known of an account is final. For an account without a status that includes whether the administrator has any
    /// member at all (`sees_nobody`).
    fn is_settled(&self, account: AccountId) -> bool {
        let is_unseen = || !self.statuses.is_empty() && self.unseen.contains_key(&account);
        self.is_whole || self.statuses.has(account) || is_unseen()
    }

    fn take(&mut self, batch: Vec<AccountId>, answer: Result<AccountStatuses, Arc<Gap>>) {
        self.batches += 1;
        let gap = match answer {
            Ok(answer) => {
                answer.accounts.into_iter().for_each(|(account, status)| self.statuses.add(account, status));
                None
            }
            Err(gap) => Some(gap),
        };
        let unseen = batch.into_iter().filter(|account| !self.statuses.has(*account));
        self.unseen.extend(unseen.map(|account| (account, gap.clone())));
    }
}

impl RegionView {
    pub(crate) fn status_of(&self, account: AccountId) -> Option<Arc<AccountStatus>> {
        self.told.borrow().statuses.get(account)
    }

    pub(crate) fn sees(&self, account: AccountId) -> bool {
        self.told.borrow().statuses.has(account)
    }

    /// Whether it sees no account at all. Final in a view that `AdminView::of` gave for an account that it does not see.
    pub(crate) fn sees_nobody(&self) -> bool {
        self.told.borrow().statuses.is_empty()
    }

    /// Why no status of an account is known, where its batch was not answered.
    pub(crate) fn unanswered(&self, account: AccountId) -> Option<Gap> {
        self.told.borrow().unseen.get(&account).and_then(Option::as_deref).cloned()
    }

    /// Why the rows of an account may not be all there are.
    pub(crate) fn gap_of(&self, account: AccountId) -> Option<Gap> {
        let malformed = || self.malformed.contains(&account).then(|| self.asking().malformed("a row cannot be read"));
        self.coverage_gap.clone().or_else(malformed)
    }

    /// An account's image rows. `None`: they are to be asked for in the account.
    pub(crate) fn images_of(&self, account: AccountId) -> Option<Tallies> {
        let whole = matches!(self.images.end, ImageEnd::Whole) && !self.images.malformed.contains(&account);
        whole.then(|| self.images.of.get(&account).cloned().unwrap_or_default())
    }

    /// The same, asked of the administrator once more and for this account alone: for accounts that cannot be asked.
    pub(crate) async fn ask_images_of(&self, account: AccountId, keep: bool) -> (Tallies, Option<Gap>) {
        match self.images_of(account) {
            Some(tallies) => (tallies, None),
            None => self.asking().images_of(account, keep).await,
        }
    }

    fn asking(&self) -> Asking<'_> {
        Asking { calls: &self.calls, reader: &self.reader, asked_in: self.administrator, region: &self.region }
    }
}

/// A view that will be there.
type WhenRead = watch::Receiver<Option<Arc<RegionView>>>;

/// Views by region, each there as soon as its lists have ended. A region without one is asked in the accounts.
#[derive(Debug)]
pub(crate) struct AdminView {
    /// Ends when every region in which the administrator is to be asked is known; the task holds the sender.
    regions: watch::Receiver<Option<BTreeMap<RegionName, WhenRead>>>,
    none: bool,
    /// Why the administrator cannot be asked, where there is one.
    refusal: Option<Gap>,
}

impl AdminView {
    /// `refusal`: there is an administrator, and it does not open; or whether there is one is not known.
    pub(crate) fn none(refusal: Option<Gap>) -> Self {
        let (_, regions) = watch::channel(Some(BTreeMap::new()));
        Self { regions, none: true, refusal }
    }

    /// What is not known because the administrator could not be asked.
    pub(crate) fn refusal(&self) -> Option<&Gap> {
        self.refusal.as_ref()
    }

    /// The view of a region, once it holds all that it will hold of an account. `None`: the administrator is not asked there.
    pub(crate) async fn of(&self, region: &RegionName, account: AccountId) -> Option<Arc<RegionView>> {
        let view = self.listed(region).await?;
        view.told.clone().wait_for(|told| told.is_settled(account)).await.ok()?;
        Some(view)
    }

    /// The view of a region, once its lists have ended.
    async fn listed(&self, region: &RegionName) -> Option<Arc<RegionView>> {
        if self.none {
            return None;
        }
        let mut regions = self.regions.clone();
        let mut view = regions.wait_for(Option::is_some).await.ok()?.as_ref()?.get(region)?.clone();
        view.wait_for(Option::is_some).await.ok()?.clone()
    }

    /// Whether what a region's view says of an account need not be waited for.
    pub(crate) fn is_there(&self, region: &RegionName, account: AccountId) -> bool {
        if self.none {
            return true;
        }
        let regions = self.regions.borrow();
        let Some(regions) = regions.as_ref() else { return false };
        let Some(view) = regions.get(region) else { return true };
        view.borrow().as_ref().is_some_and(|view| view.told.borrow().is_settled(account))
    }

    /// The view of a region, if its lists have ended.
    pub(crate) fn now(&self, region: &RegionName) -> Option<Arc<RegionView>> {
        self.regions.borrow().as_ref()?.get(region)?.borrow().clone()
    }

    /// Waits until a region's view has told more than so many batches, and says how many it has. `None`: it will tell no more.
    pub(crate) async fn tells_more(&self, region: &RegionName, batches: usize) -> Option<usize> {
        let view = self.listed(region).await?;
        let mut told = view.told.clone();
        let told = told.wait_for(|told| told.is_whole || told.batches > batches).await.ok()?;
        (!told.is_whole).then_some(told.batches)
    }

    /// Every region that the administrator is asked in.
    pub(crate) async fn regions(&self) -> Vec<RegionName> {
        if self.none {
            return Vec::new();
        }
        let mut regions = self.regions.clone();
        let Ok(known) = regions.wait_for(Option::is_some).await else { return Vec::new() };
        known.as_ref().map(|regions| regions.keys().cloned().collect()).unwrap_or_default()
    }
}

/// Starts the streams. The tasks own the senders; dropping them ends every wait.
pub(crate) fn watch(
    worker: &Worker,
    admin: &Arc<OpenedAccount>,
    askable: watch::Receiver<Askable>,
    tasks: &mut JoinSet<()>,
) -> AdminView {
    let (known, regions) = watch::channel(None);
    let (context, admin) = (Arc::clone(&worker.context), Arc::clone(admin));
    let streaming = async move {
        let mut receivers = BTreeMap::new();
        let mut streams = JoinSet::new();
        // Where accounts are still to come, a registry may be left in any region.
        let left = {
            let askable = askable.borrow();
            askable.over_all_shards.and_then(|_| context.prior.regions_left(askable.accounts.iter().copied()))
        };
        for fact in account::regions(&context, &admin).await.facts.clone() {
            let is_left = left.as_ref().is_none_or(|left| left.contains(&fact.region));
            if fact.status != RegionStatus::Enabled || !is_left || !inspects(&context, &admin, &fact.region).await {
                continue;
            }
            let (done, receiver) = watch::channel(None);
            receivers.insert(fact.region.clone(), receiver);
            let (context, admin, askable) = (Arc::clone(&context), Arc::clone(&admin), askable.clone());
            streams.spawn(async move {
                context.board.at(admin.id, &fact.region, RegistryStage::Organization);
                Box::pin(read(&context, &admin, &fact.region, askable, done)).await;
            });
        }
        let _ = known.send(Some(receivers));
        while let Some(done) = streams.join_next().await {
            joined(done);
        }
    };
    tasks.spawn_on(streaming, &worker.runtime);
    AdminView { regions, none: false, refusal: None }
}

/// Whether Inspector is there to be asked. Where the table of regions does not say so, AWS does.
async fn inspects(context: &Context, admin: &OpenedAccount, region: &RegionName) -> bool {
    context
        .inspector
        .exists(region, || {
            let reader = admin.reader.region(region);
            async move {
                let asked = context.calls.call(Api::BatchGetAccountStatus, |call| {
                    let reader = &reader;
                    async move { reader.account_statuses(&call, &[admin.id]).await }
                });
                asked.await.map(drop)
            }
        })
        .await
}

/// Whether Inspector says that it is off for the administrator itself, which is asked about first.
async fn is_off(mut told: watch::Receiver<Told>, administrator: AccountId) -> bool {
    let Ok(told) = told.wait_for(|told| told.batches > 0 || told.is_whole).await else { return false };
    told.statuses.get(administrator).is_some_and(|status| status.status.as_deref() == Some("DISABLED"))
}

/// Reads the administrator's lists, and asks it about single accounts beside that, as they are listed. In a shard the lists wait until
/// all accounts are listed.
async fn read(
    context: &Context,
    admin: &OpenedAccount,
    region: &RegionName,
    askable: watch::Receiver<Askable>,
    done: watch::Sender<Option<Arc<RegionView>>>,
) {
    let (telling, told) = watch::channel(Told::default());
    let (calls, reader) = (context.calls.clone(), admin.reader.region(region));
    let asking = Asking { calls: &calls, reader: &reader, asked_in: admin.id, region };
    let lists = async {
        let api = Api::DescribeOrganizationConfiguration;
        let auto_enable = calls.call(api, |call| {
            let reader = &reader;
            async move { reader.auto_enable(&call).await }
        });
        let ((own, images), auto_enable) = tokio::join!(coverage(context, &asking, askable.clone()), auto_enable);
        let auto_enable = match auto_enable {
            Ok(on) => Observed::Known(on).into(),
            // Not verified at AWS: where Inspector is off for the administrator itself, the call may be refused. Nothing is turned
            // on from there then, and no permission would help.
            Err(error) if error.kind == GapKind::AccessDenied && is_off(told.clone(), admin.id).await => {
                Observed::Absent.into()
            }
            Err(error) => Observed::unknown(error.at(Some(admin.id), Some(region), "")).into(),
        };
        let mut coverage: BTreeMap<AccountId, Vec<CoverageRow>> = BTreeMap::new();
        for row in own.rows {
            coverage.entry(row.account).or_default().push(row);
        }
        let view = RegionView {
            administrator: admin.id,
            told,
            coverage,
            coverage_gap: own.gap,
            auto_enable,
            malformed: own.malformed,
            images,
            calls: calls.clone(),
            reader: reader.clone(),
            region: region.clone(),
        };
        let _ = done.send(Some(Arc::new(view)));
    };
    tokio::join!(lists, tell(&asking, telling, askable.clone()));
    context.board.organization_done(admin.id, region);
}

/// The accounts that are asked about, once all are listed.
async fn all_listed(mut askable: watch::Receiver<Askable>) -> BTreeSet<AccountId> {
    let Ok(askable) = askable.wait_for(|askable| askable.over_all_shards.is_some()).await else {
        // The run has failed: nobody reads what is answered.
        return BTreeSet::new();
    };
    askable.accounts.iter().copied().collect()
}

/// Asks for the statuses of the accounts as they are listed, and tells each batch.
async fn tell(asking: &Asking<'_>, telling: watch::Sender<Told>, mut askable: watch::Receiver<Askable>) {
    // The administrator's own status decides what its other answers mean.
    let mut waiting = vec![asking.asked_in];
    let mut taken = 0;
    loop {
        let all = {
            let more = |askable: &Askable| {
                askable.over_all_shards.is_some() || askable.accounts.len() - taken >= ACCOUNTS_PER_BATCH
            };
            let Ok(askable) = askable.wait_for(more).await else { return };
            let new = askable.accounts.iter().skip(taken).filter(|id| **id != asking.asked_in);
            waiting.extend(new.copied());
            taken = askable.accounts.len();
            askable.over_all_shards.is_some()
        };
        let batches: Vec<Vec<AccountId>> = waiting
            .chunks(ACCOUNTS_PER_BATCH)
            .filter(|batch| all || batch.len() == ACCOUNTS_PER_BATCH)
            .map(<[AccountId]>::to_vec)
            .collect();
        let full: usize = batches.iter().map(Vec::len).sum();
        waiting.drain(..full);
        let answers = stream::iter(batches).map(|batch| async move {
            let ids = &batch;
            let asked = |call| async move { asking.reader.account_statuses(&call, ids).await };
            let answer = asking.calls.call(Api::BatchGetAccountStatus, asked).await;
            (batch, answer)
        });
        // In their order: the first is the administrator's own.
        let mut answers = std::pin::pin!(answers.buffered(BATCHES_AT_ONCE));
        while let Some((batch, answer)) = answers.next().await {
            // Accounts that fail here, alone or with their batch, are asked in the account itself, if it opens.
            let answer = answer.map_err(|error| Arc::new(error.at(Some(asking.asked_in), Some(asking.region), "")));
            telling.send_modify(|told| told.take(batch, answer));
        }
        if all {
            telling.send_modify(|told| told.is_whole = true);
            return;
        }
    }
}

/// The streams of coverage. Rows of accounts that are known not to be asked about are left out.
async fn coverage(
    context: &Context,
    asking: &Asking<'_>,
    askable: watch::Receiver<Askable>,
) -> (RepositoryAnswers, ImageAnswers) {
    let shard = context.options.shard;
    // While accounts are still being listed, rows of all accounts of the shard are kept.
    let known: Option<BTreeSet<AccountId>> = {
        let askable = askable.borrow();
        askable.over_all_shards.map(|_| askable.accounts.iter().copied().collect())
    };
    let wanted = |account: AccountId| {
        known.as_ref().is_none_or(|known| known.contains(&account)) && shard.is_none_or(|shard| shard.holds(account))
    };
    let own = async {
        let mut own = match shard {
            Some(_) => asking.repositories_of(&all_listed(askable.clone()).await).await,
            None => asking.repositories(CoverageFilter::Repositories).await,
        };
        own.rows.retain(|row| wanted(row.account));
        own
    };
    let pages = ImagePages::for_accounts(askable.clone());
    let images = asking.images(CoverageFilter::Images, Some(&pages), context.options.keep_images, wanted);
    tokio::join!(own, images)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> AccountId {
        format!("{number:012}").parse().unwrap()
    }

    fn seen(numbers: &[u64]) -> AccountStatuses {
        let enabled = AccountStatus {
            status: Some("ENABLED".to_owned()),
            ecr_status: Some("ENABLED".to_owned()),
            scan_types: BTreeMap::new(),
        };
        let accounts = numbers.iter().map(|number| (id(*number), enabled.clone())).collect();
        AccountStatuses { accounts, failed: Vec::new() }
    }

    // Holds: 14 Same bytes: what the administrator says of an account is used once it is final, and not before
    #[test]
    fn an_account_is_settled_once_nothing_that_is_said_of_it_can_change() {
        let refused = || {
            let mut error = scangap_aws::CallError::malformed(Api::BatchGetAccountStatus, "AccessDenied", "no");
            error.kind = GapKind::AccessDenied;
            Err(Arc::new(error.at(Some(id(1)), None, "")))
        };
        let mut told = Told::default();
        told.take(vec![id(1), id(2)], refused());
        assert!(!told.is_settled(id(1)), "the administrator may see nobody: only the end of all shows it");
        told.take(vec![id(3), id(4)], Ok(seen(&[3])));
        let settled: Vec<u64> = (1..=5).filter(|number| told.is_settled(id(*number))).collect();
        assert_eq!(settled, [1, 2, 3, 4], "the fifth was not asked about");
        assert!(told.unseen[&id(1)].is_some(), "its batch was not answered");
        assert!(told.unseen[&id(4)].is_none(), "it was left out of an answer");
        told.is_whole = true;
        assert!(told.is_settled(id(5)));
    }
}
