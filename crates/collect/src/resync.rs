//! What re-syncs of some registries would destroy, and what they depend on. Reads only, and only in the registries in question.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use scangap_aws::pages::{Ended, Listed, list, pages};
use scangap_aws::read::{AccountStatus, CoverageFilter, Finding, OrganizationReader, RegionReader};
use scangap_aws::{CallError, Connection, Identity};
use scangap_model::{
    AccountId, Api, CoveredImage, FindingCount, FindingTally, Gap, GapKind, Observed, RegionName, RepositoryTags,
    ResyncFacts,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::account::{self, OpenedAccount, Opening};
use crate::context::{Context, calls};
use crate::error::CollectError;
use crate::gate::Calls;
use crate::options::CollectOptions;
use crate::organization;

/// Registries read at once. Each may list many findings.
const REGISTRIES_AT_ONCE: usize = 16;
/// Repositories whose images are listed at once, in one registry.
const REPOSITORIES_AT_ONCE: usize = 16;

/// Registries, with the names of the repositories that a re-sync of each would be for.
pub type ResyncRegistries = BTreeMap<(AccountId, RegionName), BTreeSet<String>>;

/// What a plan wants to know beyond the snapshot.
#[derive(Debug, Clone, Default)]
pub struct PlanQuestions {
    pub registries: ResyncRegistries,
    /// Repositories whose tags are wanted, by ARN, with their account and region.
    pub tags_of: BTreeMap<String, (AccountId, RegionName)>,
}

/// What was read for a plan.
#[derive(Debug, Clone)]
pub struct PlanAnswers {
    /// Sorted.
    pub registries: Vec<ResyncFacts>,
    pub tags: RepositoryTags,
}

/// Reads what a plan wants to know. What cannot be read is a gap in its place.
pub async fn collect_for_plan(
    connection: Connection,
    identity: Identity,
    options: CollectOptions,
    questions: PlanQuestions,
    inspector_admin: Observed<AccountId>,
    counted_at: Timestamp,
    cancel: CancellationToken,
) -> Result<PlanAnswers, CollectError> {
    let (events, _unheard) = mpsc::channel(1);
    let calls = calls(&connection, &options, &cancel);
    let (inspector, prior, largest, board) = Default::default();
    let context = Context { connection, identity, options, prior, calls, inspector, events, largest, board };
    let organization = organization::reader(&context).await?;
    let mut opened: BTreeMap<AccountId, Opening> = BTreeMap::new();
    let PlanQuestions { registries, tags_of } = questions;
    let administrator = inspector_admin.known().copied().filter(|_| !registries.is_empty());
    if let Some(id) = administrator {
        opened.insert(id, account::open_admin(&context, id).await);
    }
    let asked = registries.keys().map(|(id, _)| *id).chain(tags_of.values().map(|(id, _)| *id));
    let accounts: BTreeSet<AccountId> = asked.filter(|id| !opened.contains_key(id)).collect();
    let opening = stream::iter(accounts)
        .map(|id| {
            let context = &context;
            async move { (id, account::open(context, id, &context.options.role_names).await) }
        })
        .buffer_unordered(REGISTRIES_AT_ONCE);
    opened.extend(opening.collect::<Vec<_>>().await);
    let all = Registries { context: &context, opened: &opened, organization, inspector_admin, counted_at };
    let reads = stream::iter(registries).map(|((account, region), stale)| all.read(account, region, stale));
    let mut facts: Vec<ResyncFacts> = reads.buffer_unordered(REGISTRIES_AT_ONCE).collect().await;
    facts.sort_by(|a, b| (a.account, &a.region).cmp(&(b.account, &b.region)));
    let reads = stream::iter(tags_of).map(|(arn, (account, region))| all.tags(arn, account, region));
    let tags = reads.buffer_unordered(REPOSITORIES_AT_ONCE).collect().await;
    if cancel.is_cancelled() { Err(CollectError::Interrupted) } else { Ok(PlanAnswers { registries: facts, tags }) }
}

struct Registries<'a> {
    context: &'a Context,
    opened: &'a BTreeMap<AccountId, Opening>,
    organization: OrganizationReader,
    inspector_admin: Observed<AccountId>,
    counted_at: Timestamp,
}

/// Somewhere to ask: an account in the region of the registry.
struct Asked {
    account: AccountId,
    reader: RegionReader,
    calls: Calls,
}

impl Registries<'_> {
    fn open(&self, account: AccountId, region: &RegionName) -> Result<Asked, Box<Gap>> {
        let calls = self.context.calls.clone();
        let of = |opened: &Arc<OpenedAccount>| Asked { account, reader: opened.reader.region(region), calls };
        match self.opened.get(&account) {
            Some(Opening::Opened(opened)) => Ok(of(opened)),
            Some(Opening::Refused(gap)) => Err(Box::new(gap.clone())),
            Some(Opening::Skipped { .. }) | None => {
                let error = CallError::malformed(Api::AssumeRole, "NoRole", "no role name was given");
                Err(Box::new(error.at(Some(account), Some(region), "")))
            }
        }
    }

    async fn tags(
        &self,
        arn: String,
        account: AccountId,
        region: RegionName,
    ) -> (String, Observed<BTreeMap<String, String>>) {
        let own = match self.open(account, &region) {
            Ok(own) => own,
            Err(gap) => return (arn, Observed::Unknown(gap)),
        };
        let (reader, of) = (&own.reader, arn.as_str());
        let asked = own.calls.call(Api::ListTagsForResource, |call| async move { reader.tags(&call, of).await }).await;
        let name = arn.split_once(":repository/").map_or("", |(_, name)| name);
        let tags = match asked {
            Ok(tags) => Observed::Known(tags),
            Err(error) => Observed::unknown(error.at(Some(account), Some(&region), name)),
        };
        (arn, tags)
    }

    async fn read(&self, account: AccountId, region: RegionName, stale: BTreeSet<String>) -> ResyncFacts {
        let unread = |region, gap| ResyncFacts::unread(account, region, self.counted_at, gap);
        let own = match self.open(account, &region) {
            Ok(own) => own,
            Err(gap) => return unread(region, &gap),
        };
        let from = match self.toggled_from(&own, account, &region).await {
            Ok(from) => from,
            Err(gap) => return unread(region, &gap),
        };
        let (toggling, status) = from;
        let toggling = toggling.as_ref().unwrap_or(&own);
        let own_reader = &own.reader;
        let gap = |error: CallError, of: AccountId| error.at(Some(of), Some(&region), "");
        let only_ecr = status.scan_types.iter().any(|(name, status)| name != "ecr" && status == "ENABLED");
        let (permissions, policy, durations, rules, findings, images, price) = tokio::join!(
            list(Api::ListAccountPermissions, |token| {
                toggling.calls.call(Api::ListAccountPermissions, |call| async move {
                    toggling.reader.permissions(&call, token).await
                })
            }),
            self.context.calls.call(Api::DescribeEffectivePolicy, |call| async move {
                self.organization.inspector_policy(&call, account).await
            }),
            own.calls.call(Api::GetConfiguration, |call| async move { own_reader.rescan_durations(&call).await }),
            list(Api::ListFilters, |token| {
                own.calls.call(Api::ListFilters, |call| async move { own_reader.suppression_rules(&call, token).await })
            }),
            findings(toggling, account, only_ecr),
            images(&own, toggling, account, &region, stale),
            toggling.calls.call(Api::ListUsageTotals, |call| async move {
                toggling.reader.initial_scan_price(&call, account).await
            }),
        );
        let whole = |listed: Listed<String>, of: AccountId| {
            if let Some(error) = listed.error {
                return Observed::unknown(gap(error, of));
            }
            let mut items = listed.items;
            items.sort();
            items.dedup();
            Observed::Known(items)
        };
        let names = Listed { items: rules.items.into_iter().map(|rule| rule.name).collect(), error: rules.error };
        ResyncFacts {
            account,
            counted_at: self.counted_at,
            toggled_from: Observed::Known(toggling.account),
            permissions: whole(permissions, toggling.account),
            organization_policy: match policy {
                Ok(policy) => Observed::from_answer(policy),
                Err(error) => Observed::unknown(error.at(Some(account), None, "")),
            },
            scan_types: Observed::Known(status.scan_types),
            rescan_durations: match durations {
                Ok(durations) => Observed::from_answer(durations),
                Err(error) => Observed::unknown(gap(error, account)),
            },
            suppression_rules: whole(names, account),
            findings: match findings {
                Ok(findings) => Observed::Known(findings),
                Err(error) => Observed::unknown(gap(error, toggling.account)),
            },
            images: match images {
                Ok(images) => Observed::Known(images),
                Err(gap) => Observed::unknown(gap),
            },
            unit_price: match price {
                Ok(price) => Observed::from_answer(price),
                Err(error) => Observed::unknown(gap(error, toggling.account)),
            },
            region,
        }
    }

    /// AWS: a member cannot turn itself off; the delegated administrator does it. An account that it does not see does it
    /// itself. The administrator is given where it is another account.
    async fn toggled_from(
        &self,
        own: &Asked,
        account: AccountId,
        region: &RegionName,
    ) -> Result<(Option<Asked>, AccountStatus), Gap> {
        let administrator = match &self.inspector_admin {
            Observed::Known(id) => Some(*id),
            Observed::Absent => None,
            Observed::Unknown(gap) => return Err((**gap).clone()),
        };
        if let Some(id) = administrator.filter(|id| *id != account) {
            let asked = self.open(id, region).map_err(|gap| *gap)?;
            let answer = asked
                .calls
                .call(Api::BatchGetAccountStatus, |call| {
                    let reader = &asked.reader;
                    async move { reader.account_statuses(&call, &[account]).await }
                })
                .await
                .map_err(|error| error.at(Some(id), Some(region), ""))?;
            if let Some((_, status)) = answer.accounts.into_iter().find(|(of, _)| *of == account) {
                return Ok((Some(asked), status));
            }
            // Not one of its members: the account rules itself.
            if !answer.failed.iter().any(|(of, code, _)| *of == account && code == "ACCESS_DENIED") {
                let (code, message) = answer.failed.into_iter().next().map_or_else(
                    || ("AccountNotInAnswer".to_owned(), "the answer holds no status of the account".to_owned()),
                    |(_, code, message)| (code, message),
                );
                let mut error = CallError::malformed(Api::BatchGetAccountStatus, &code, message);
                error.kind = GapKind::Refused;
                return Err(error.at(Some(id), Some(region), ""));
            }
        }
        let answer = own
            .calls
            .call(Api::BatchGetAccountStatus, |call| {
                let reader = &own.reader;
                async move { reader.account_statuses(&call, &[account]).await }
            })
            .await
            .map_err(|error| error.at(Some(account), Some(region), ""))?;
        let status = answer.accounts.into_iter().find(|(of, _)| *of == account).map(|(_, status)| status);
        status.map(|status| (None, status)).ok_or_else(|| {
            CallError::malformed(
                Api::BatchGetAccountStatus,
                "AccountNotInAnswer",
                "the answer holds no status of the account",
            )
            .at(Some(account), Some(region), "")
        })
    }
}

/// Counts equal findings page by page, without keeping them in memory.
async fn findings(from: &Asked, account: AccountId, only_ecr: bool) -> Result<Vec<FindingCount>, CallError> {
    let mut tally = FindingTally::default();
    let ended = pages(
        Api::ListFindings,
        |token| {
            from.calls.call(Api::ListFindings, |call| async move {
                from.reader.findings(&call, account, only_ecr, token).await
            })
        },
        |items| {
            for Finding { arn, repository, severity, status, first_observed_at, .. } in items {
                if tally.is_new(&arn) {
                    tally.add(repository, severity, status, first_observed_at);
                }
            }
            ControlFlow::Continue(())
        },
    )
    .await;
    match ended {
        Ended::Broken(error) => Err(error),
        Ended::Whole | Ended::Stopped(()) => Ok(tally.counts()),
    }
}

/// Images with a coverage row, and when each was pushed.
async fn images(
    own: &Asked,
    from: &Asked,
    account: AccountId,
    region: &RegionName,
    stale: BTreeSet<String>,
) -> Result<Vec<CoveredImage>, Gap> {
    let reader = &from.reader;
    let listed = list(Api::ListCoverage, |token| {
        from.calls.call(Api::ListCoverage, |call| async move {
            reader.coverage(&call, CoverageFilter::ImagesOf(account), token).await
        })
    })
    .await;
    if let Some(error) = listed.error {
        return Err(error.at(Some(from.account), Some(region), ""));
    }
    let mut covered: BTreeMap<String, BTreeMap<String, (String, String)>> = BTreeMap::new();
    for resource in listed.items {
        let image = resource.resource_id.parse::<scangap_model::Arn>().ok().and_then(|arn| arn.ecr_repository());
        // What cannot be read is counted by nobody: then the number that is consented to would be too small.
        let Some((repository, Some(digest))) = image else {
            let why = "a row names no image";
            let error = CallError::malformed(Api::ListCoverage, "UnreadableRows", why);
            return Err(error.at(Some(from.account), Some(region), ""));
        };
        let status = resource.status.unwrap_or_else(|| "none".to_owned());
        let reason = resource.reason.unwrap_or_else(|| "none".to_owned());
        covered.entry(repository.to_string()).or_default().insert(digest, (status, reason));
    }
    for name in &stale {
        covered.entry(name.clone()).or_default();
    }
    let stale = &stale;
    let reads = stream::iter(covered).map(|(repository, mut images)| async move {
        let name = repository.as_str();
        let pushed = list(Api::DescribeImages, |token| {
            own.calls.call(Api::DescribeImages, |call| async move { own.reader.images(&call, name, token).await })
        })
        .await;
        let gone = pushed.error.as_ref().is_some_and(|error| error.code == "RepositoryNotFoundException");
        if let Some(error) = pushed.error.filter(|_| !gone) {
            return Err(error.at(Some(account), Some(region), name));
        }
        // Of the repositories that the re-sync is for, images without a row count too: they are what it is to help.
        for image in pushed.items.iter().filter(|image| stale.contains(name) && image.status == "ACTIVE") {
            images.entry(image.digest.clone()).or_insert_with(|| ("none".to_owned(), "none".to_owned()));
        }
        let times: BTreeMap<String, Option<Timestamp>> =
            pushed.items.into_iter().map(|image| (image.digest, image.pushed_at)).collect();
        Ok(images
            .into_iter()
            .map(|(digest, (status, reason))| CoveredImage {
                pushed_at: Observed::from_answer(times.get(&digest).copied().flatten()),
                repository: repository.clone(),
                digest,
                status,
                reason,
            })
            .collect::<Vec<_>>())
    });
    let mut reads = reads.buffer_unordered(REPOSITORIES_AT_ONCE);
    let mut all = Vec::new();
    while let Some(read) = reads.next().await {
        all.extend(read?);
    }
    all.sort_by(|a, b| (&a.repository, &a.digest).cmp(&(&b.repository, &b.digest)));
    Ok(all)
}
