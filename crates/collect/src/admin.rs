//! What Inspector's delegated administrator sees: one stream per region for the whole organization.

use std::collections::BTreeMap;
use std::sync::Arc;

use scangap_aws::read::{AccountStatus, CoverageFilter, CoveredResource, RegionReader};
use scangap_model::{AccountId, Api, Arn, CoverageRow, Gap, Observed, RegionName, RegionStatus, region_info};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::account::{self, OpenedAccount};
use crate::gate::Place;
use crate::pages::list;
use crate::run::Context;

/// AWS: `BatchGetAccountStatus` takes 100 accounts.
const ACCOUNTS_PER_BATCH: usize = 100;

/// The administrator's view of one region.
#[derive(Debug)]
pub(crate) struct RegionView {
    pub(crate) administrator: AccountId,
    /// Only accounts that it sees.
    pub(crate) statuses: BTreeMap<AccountId, AccountStatus>,
    pub(crate) coverage: BTreeMap<AccountId, Vec<CoverageRow>>,
    /// The list broke off: rows may be missing for any account.
    pub(crate) coverage_gap: Option<Gap>,
}

impl RegionView {
    pub(crate) fn sees(&self, account: AccountId) -> bool {
        self.statuses.contains_key(&account)
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
}

impl AdminView {
    pub(crate) fn none() -> Self {
        let (_, regions) = watch::channel(Some(BTreeMap::new()));
        Self { regions, none: true }
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
    context: &Arc<Context>,
    admin: &Arc<OpenedAccount>,
    accounts: &[AccountId],
    tasks: &mut JoinSet<()>,
) -> AdminView {
    let (known, regions) = watch::channel(None);
    let (context, admin, accounts) = (Arc::clone(context), Arc::clone(admin), accounts.to_vec());
    tasks.spawn(async move {
        let mut receivers = BTreeMap::new();
        let mut streams = JoinSet::new();
        for fact in account::regions(&context, &admin).await.facts.clone() {
            let inspected = region_info(fact.region.as_str()).is_none_or(|info| info.inspector);
            if fact.status != RegionStatus::Enabled || !inspected {
                continue;
            }
            let (done, receiver) = watch::channel(None);
            receivers.insert(fact.region.clone(), receiver);
            let (context, admin, accounts) = (Arc::clone(&context), Arc::clone(&admin), accounts.clone());
            streams.spawn(async move {
                let view = read(&context, &admin, &fact.region, &accounts).await;
                let _ = done.send(Some(Arc::new(view)));
            });
        }
        let _ = known.send(Some(receivers));
        while streams.join_next().await.is_some() {}
    });
    AdminView { regions, none: false }
}

async fn read(context: &Context, admin: &OpenedAccount, region: &RegionName, accounts: &[AccountId]) -> RegionView {
    let place = context.gate.place();
    let reader = admin.reader.region(region);
    let mut view = RegionView {
        administrator: admin.id,
        statuses: BTreeMap::new(),
        coverage: BTreeMap::new(),
        coverage_gap: None,
    };
    for batch in accounts.chunks(ACCOUNTS_PER_BATCH) {
        let reader = &reader;
        let asked =
            place.call(Api::BatchGetAccountStatus, |call| async move { reader.account_statuses(&call, batch).await });
        // Accounts that fail here, alone or with their batch, are asked in the account itself.
        if let Ok(answer) = asked.await {
            view.statuses.extend(answer.accounts);
        }
    }
    let (rows, gap) = coverage(&place, &reader, admin.id, region).await;
    view.coverage_gap = gap;
    for row in rows {
        view.coverage.entry(row.account).or_default().push(row);
    }
    view
}

/// Repository rows, and image rows that say `ACCESS_DENIED`.
pub(crate) async fn coverage(
    place: &Place,
    reader: &RegionReader,
    asked_in: AccountId,
    region: &RegionName,
) -> (Vec<CoverageRow>, Option<Gap>) {
    let mut rows = Vec::new();
    let mut gap = None;
    for filter in [CoverageFilter::Repositories, CoverageFilter::DeniedImages] {
        let listed = list(Api::ListCoverage, |token| {
            place.call(Api::ListCoverage, |call| async move { reader.coverage(&call, filter, token).await })
        })
        .await;
        rows.extend(listed.items.into_iter().filter_map(|resource| row(resource, region)));
        if let Some(error) = listed.error {
            gap = Some(error.at(Some(asked_in), Some(region), ""));
            // The second list would fail in the same way, and one gap says it.
            break;
        }
    }
    (rows, gap)
}

fn row(resource: CoveredResource, region: &RegionName) -> Option<CoverageRow> {
    let arn: Arn = resource.resource_id.parse().ok()?;
    let (repository, image_digest) = arn.ecr_repository()?;
    Some(CoverageRow {
        account: resource.account.parse().or_else(|_| arn.account.parse()).ok()?,
        region: region.clone(),
        repository,
        image_digest,
        resource_id: resource.resource_id,
        status: Observed::from_answer(resource.status),
        reason: Observed::from_answer(resource.reason),
        last_scanned_at: Observed::from_answer(resource.last_scanned_at),
    })
}
