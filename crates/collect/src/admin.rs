//! What Inspector's delegated administrator sees: one stream per region for the whole organization.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use scangap_aws::read::{CoverageFilter, RegionReader};
use scangap_model::{AccountId, Api, Asked, CoverageRow, Gap, GapKind, Observed, RegionName, RegionStatus};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::account::{self, OpenedAccount};
use crate::accounts::Askable;
use crate::board::RegistryStage;
use crate::context::Context;
use crate::coverage::{Asking, ImageAnswers, ImageEnd, RepositoryAnswers, Tallies};
use crate::gate::Calls;
use crate::statuses::Statuses;
use crate::workers::{Worker, joined};

/// AWS: `BatchGetAccountStatus` takes 100 accounts.
const ACCOUNTS_PER_BATCH: usize = 100;

/// Batches of one region that are asked for at once.
const BATCHES_AT_ONCE: usize = 4;

/// Pages of image rows, 200 to a page, that the administrator's stream is read for. Beyond them each account's own list is
/// cheaper in time: the stream's pages can only follow one another, and accounts have buckets of their own.
const IMAGE_PAGES_MIN: usize = 50;
/// A stream of one page for so many accounts is still shorter than a call in each of them.
const ACCOUNTS_PER_IMAGE_PAGE: usize = 4;

/// The administrator's view of one region.
#[derive(Debug)]
pub(crate) struct RegionView {
    pub(crate) administrator: AccountId,
    /// Why no status of an account is known: its batch was not answered.
    pub(crate) unanswered: BTreeMap<AccountId, Gap>,
    /// Only accounts that it sees.
    pub(crate) statuses: Statuses,
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

impl RegionView {
    pub(crate) fn sees(&self, account: AccountId) -> bool {
        self.statuses.get(account).is_some()
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

/// Views by region, each there as soon as its stream has ended. A region without one is asked in the accounts.
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

    /// The view of a region, once it is complete. `None`: the administrator is not asked there.
    pub(crate) async fn of(&self, region: &RegionName) -> Option<Arc<RegionView>> {
        if self.none {
            return None;
        }
        let mut regions = self.regions.clone();
        let mut view = regions.wait_for(Option::is_some).await.ok()?.as_ref()?.get(region)?.clone();
        view.wait_for(Option::is_some).await.ok()?.clone()
    }

    /// Whether a region's view need not be waited for.
    pub(crate) fn is_there(&self, region: &RegionName) -> bool {
        let regions = self.regions.borrow();
        let view = regions.as_ref().map(|regions| regions.get(region));
        self.none || view.is_some_and(|view| view.is_none_or(|view| view.borrow().is_some()))
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
                let view = Box::pin(read(&context, &admin, &fact.region, askable)).await;
                context.board.organization_done(admin.id, &fact.region);
                let _ = done.send(Some(Arc::new(view)));
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

/// Whether Inspector says that it is off for the administrator itself.
fn is_off(view: &RegionView, administrator: AccountId) -> bool {
    let status = view.statuses.get(administrator).and_then(|status| status.status.as_deref());
    status.is_some_and(|word| word == "DISABLED")
}

async fn read(
    context: &Context,
    admin: &OpenedAccount,
    region: &RegionName,
    askable: watch::Receiver<Askable>,
) -> RegionView {
    let mut view = RegionView {
        administrator: admin.id,
        unanswered: BTreeMap::new(),
        statuses: Statuses::default(),
        coverage: BTreeMap::new(),
        coverage_gap: None,
        auto_enable: Asked::NotNeeded,
        malformed: BTreeSet::new(),
        images: ImageAnswers::default(),
        calls: context.calls.clone(),
        reader: admin.reader.region(region),
        region: region.clone(),
    };
    let ((statuses, unanswered), (own, images), auto_enable) = {
        let asking = view.asking();
        let (api, reader) = (Api::DescribeOrganizationConfiguration, &view.reader);
        let auto_enable = view.calls.call(api, |call| async move { reader.auto_enable(&call).await });
        tokio::join!(statuses(&view, askable.clone()), coverage(context, &asking, askable), auto_enable)
    };
    view.statuses = statuses;
    view.unanswered = unanswered;
    view.auto_enable = match auto_enable {
        Ok(on) => Observed::Known(on).into(),
        // Not verified at AWS: where Inspector is off for the administrator itself, the call may be refused. Nothing is turned
        // on from there then, and no permission would help.
        Err(error) if error.kind == GapKind::AccessDenied && is_off(&view, admin.id) => Observed::Absent.into(),
        Err(error) => Observed::unknown(error.at(Some(admin.id), Some(region), "")).into(),
    };
    view.coverage_gap = own.gap;
    view.malformed = own.malformed;
    view.images = images;
    for row in own.rows {
        view.coverage.entry(row.account).or_default().push(row);
    }
    view
}

/// The accounts that are asked about, once all are listed.
async fn all_listed(mut askable: watch::Receiver<Askable>) -> (BTreeSet<AccountId>, usize) {
    let Ok(askable) = askable.wait_for(|askable| askable.over_all_shards.is_some()).await else {
        // The run has failed: nobody reads what is answered.
        return (BTreeSet::new(), 0);
    };
    (askable.accounts.iter().copied().collect(), askable.over_all_shards.unwrap_or_default())
}

/// Statuses of the accounts, asked as they are listed.
async fn statuses(view: &RegionView, mut askable: watch::Receiver<Askable>) -> (Statuses, BTreeMap<AccountId, Gap>) {
    let (mut statuses, mut unanswered) = (Statuses::default(), BTreeMap::new());
    // The administrator's own status decides what its other answers mean.
    let mut waiting = vec![view.administrator];
    let mut taken = 0;
    loop {
        let all = {
            let more = |askable: &Askable| {
                askable.over_all_shards.is_some() || askable.accounts.len() - taken >= ACCOUNTS_PER_BATCH
            };
            let Ok(askable) = askable.wait_for(more).await else { return (statuses, unanswered) };
            let new = askable.accounts.iter().skip(taken).filter(|id| **id != view.administrator);
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
            let (reader, ids) = (&view.reader, &batch);
            let asked = |call| async move { reader.account_statuses(&call, ids).await };
            let answer = view.calls.call(Api::BatchGetAccountStatus, asked).await;
            (batch, answer)
        });
        let mut answers = std::pin::pin!(answers.buffer_unordered(BATCHES_AT_ONCE));
        while let Some((batch, answer)) = answers.next().await {
            // Accounts that fail here, alone or with their batch, are asked in the account itself, if it opens.
            match answer {
                Ok(answer) => answer.accounts.into_iter().for_each(|(account, status)| statuses.add(account, status)),
                Err(error) => {
                    let gap = error.at(Some(view.administrator), Some(&view.region), "");
                    unanswered.extend(batch.into_iter().map(|account| (account, gap.clone())));
                }
            }
        }
        if all {
            return (statuses, unanswered);
        }
    }
}

/// The streams of coverage. Rows of accounts that are not asked about are left out.
async fn coverage(
    context: &Context,
    asking: &Asking<'_>,
    askable: watch::Receiver<Askable>,
) -> (RepositoryAnswers, ImageAnswers) {
    let own = async {
        let mut own = match context.options.shard {
            Some(_) => asking.repositories_of(&all_listed(askable.clone()).await.0).await,
            None => asking.repositories(CoverageFilter::Repositories).await,
        };
        let (accounts, _) = all_listed(askable.clone()).await;
        own.rows.retain(|row| accounts.contains(&row.account));
        own
    };
    let images = async {
        // How far this stream is followed hangs on how many accounts there are, wherever and whenever they are read: so every
        // run and every shard follows it as far.
        let (accounts, over_all_shards) = all_listed(askable.clone()).await;
        let max_pages = IMAGE_PAGES_MIN.max(over_all_shards / ACCOUNTS_PER_IMAGE_PAGE);
        asking.images(CoverageFilter::Images, Some(max_pages), context.options.keep_images, Some(&accounts)).await
    };
    tokio::join!(own, images)
}
