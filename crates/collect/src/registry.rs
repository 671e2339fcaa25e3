//! One registry: an account in a region. Repositories first; where there are none and no coverage, that one call is all.

mod inspector;
mod repositories;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::OptionFuture;
use scangap_aws::pages::{Listed, list};
use scangap_aws::read::{RegionReader, RepositoryAnswer};
use scangap_model::{
    AccountId, Api, Asked, CoverageRow, CoverageSource, Gap, GapKind, ImageCounts, ImageRow, Observed, PolicyHash,
    RegionName, RegistryFacts, RegistryOutcome, RepositoryFacts, RepositoryName, StoredPolicy, repository_arn,
};
use tokio::sync::Notify;

use crate::account::{OpenedAccount, ask_inspector_role};
use crate::admin::AdminView;
use crate::backlog::{Job, RepositoryList};
use crate::board::RegistryStage;
use crate::context::Context;
use crate::coverage::Tallies;
use crate::event::RegistryRecord;
use crate::gate::Calls;
use crate::slots::Slot;

/// What the parts of a registry's reading share.
struct Registry<'a> {
    context: &'a Context,
    opened: &'a OpenedAccount,
    account: AccountId,
    region: &'a RegionName,
    reader: RegionReader,
    calls: Calls,
    /// Whether the region's status is unknown, so that only an answer shows whether the region is enabled.
    probing: bool,
}

impl Registry<'_> {
    fn gap(&self, error: scangap_aws::CallError, resource: impl Into<String>) -> Gap {
        let gap = error.at(Some(self.account), Some(self.region), resource);
        // Where the region is known to be enabled, a key that is not accepted is not accepted anywhere.
        if self.probing { gap } else { gap.of_enabled_region() }
    }
}

/// Policies met in a registry, each text once.
#[derive(Default)]
struct Policies(BTreeMap<PolicyHash, String>);

impl Policies {
    fn keep(&mut self, text: String) -> PolicyHash {
        use sha2::{Digest, Sha256};
        use std::fmt::Write;
        let hex = Sha256::digest(&text).iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        #[expect(clippy::expect_used, reason = "64 hexadecimal digits, by construction")]
        let hash: PolicyHash = hex.parse().expect("a SHA-256");
        self.0.entry(hash.clone()).or_insert(text);
        hash
    }

    /// Whether a policy's condition may name a resource tag. An escape could hide the word; then the tags are simply not
    /// known, and the verdict depends.
    fn names_tags(&self, hash: &PolicyHash) -> bool {
        self.0.get(hash).is_some_and(|text| text.to_ascii_lowercase().contains("resourcetag/"))
    }

    /// Whether a policy may depend on Inspector's role itself: on its tags, or on its id in a condition or a principal. A name
    /// that an escape hides is not found, as above.
    fn name_the_role(&self) -> bool {
        self.0.values().any(|text| {
            let lower = text.to_ascii_lowercase();
            text.contains("AROA") || lower.contains("principaltag/") || lower.contains("aws:userid")
        })
    }
}

/// The first call, which every registry needs. Of most it is the only one.
pub(crate) async fn list_repositories(context: &Context, Job { account, region, .. }: &Job) -> RepositoryList {
    context.board.at(account.id, region, RegistryStage::Listing);
    let reader = account.reader.region(region);
    let Listed { items, error } = list(Api::DescribeRepositories, |token| {
        let reader = &reader;
        context
            .calls
            .call(Api::DescribeRepositories, move |call| async move { reader.repositories(&call, token).await })
    })
    .await;
    context.board.done(account.id, region);
    RepositoryList { repositories: items, error: error.map(Box::new) }
}

/// A registry without repositories, of which Inspector's administrator says the rest: nothing more is asked. `None`: something is.
pub(crate) fn empty_as_told(job: &Job, view: &AdminView) -> Option<RegistryRecord> {
    let (account, region) = (job.account.id, &job.region);
    let told = inspector::told(&*view.now(region)?, account, region)?;
    let mut facts = RegistryFacts::unasked(account, region.clone(), RegistryOutcome::Read);
    facts.repositories = Observed::Known(0).into();
    // What has coverage is to be asked for by name.
    told.into_facts(&mut facts).names().is_empty().then(|| RegistryRecord::of(facts))
}

pub(crate) async fn read(
    context: &Context,
    Job { account, region, probing }: &Job,
    list: RepositoryList,
    view: &AdminView,
    slot: &mut Slot,
) -> RegistryRecord {
    let registry = Registry {
        context,
        opened: account,
        account: account.id,
        region,
        reader: account.reader.region(region),
        calls: if list.is_large() { context.calls.clone() } else { context.calls.of_small_registry() },
        probing: *probing,
    };
    let harvest = read_registry(&registry, list, view, slot).await;
    context.board.done(account.id, region);
    if context.calls.is_cancelled() {
        // A registry is whole or it was not reached: half of one would look like the whole.
        return RegistryRecord::of(RegistryFacts::unasked(account.id, region.clone(), RegistryOutcome::NotReached));
    }
    harvest
}

async fn read_registry(
    registry: &Registry<'_>,
    RepositoryList { repositories: listed, error }: RepositoryList,
    view: &AdminView,
    slot: &mut Slot,
) -> RegistryRecord {
    let list_gap = error.map(|error| registry.gap(*error, ""));
    if let Some(gap) = list_gap.as_ref().filter(|_| listed.is_empty()) {
        // If the region's status is unknown, this error shows that the region is not enabled.
        if registry.probing && gap.kind == GapKind::RegionDisabled {
            return RegistryRecord::of(RegistryFacts::unasked(
                registry.account,
                registry.region.clone(),
                RegistryOutcome::NotEnabled,
            ));
        }
    }
    let outcome = match &list_gap {
        Some(gap) if listed.is_empty() => RegistryOutcome::Unreadable(Box::new(gap.clone())),
        Some(_) | None => RegistryOutcome::Read,
    };
    let mut facts = RegistryFacts::unasked(registry.account, registry.region.clone(), outcome);
    // By name: a list may hold a row twice.
    let mut targets = targets(registry, listed);
    facts.repositories = match &list_gap {
        None => Observed::Known(u64::try_from(targets.len()).unwrap_or(u64::MAX)).into(),
        Some(gap) => Observed::unknown(gap.clone()).into(),
    };

    let stage = if targets.is_empty() { RegistryStage::Inspector } else { RegistryStage::Repositories };
    registry.context.board.at(registry.account, registry.region, stage);
    let something = !targets.is_empty() || list_gap.is_some();
    let names: Vec<RepositoryName> = targets.keys().cloned().collect();
    let mut policies = Policies::default();
    let mut answers = repositories::Answers::default();
    // Both questions of ECR are answered, and the administrator has not told of the account: nothing is asked meanwhile.
    let under_way = AtomicUsize::new(2);
    let idle = Notify::new();
    if names.is_empty() {
        idle.notify_one();
    }
    let answered = || {
        if under_way.fetch_sub(1, Ordering::Relaxed) > 1 {
            return;
        }
        idle.notify_one();
        if !view.is_there(registry.region, registry.account) {
            registry.context.board.at(registry.account, registry.region, RegistryStage::Administrator);
            registry.reader.rest();
        }
    };
    // Policies are most of the calls, and hang on nothing: they are read while all else is asked, one after the other. Boxed: a
    // registry without a repository waits with little in its hands.
    let of_policies = (!names.is_empty()).then(|| {
        Box::pin(async {
            let policies = repositories::policies_of(registry, &names).await;
            answered();
            policies
        })
    });
    let beside = async {
        let of_ecr = (!names.is_empty()).then(|| {
            Box::pin(async {
                tokio::join!(
                    settings::read(registry, &mut facts, &mut policies),
                    answers.ask_frequencies(registry, &targets)
                );
                answered();
            })
        });
        let (inspector, _) =
            tokio::join!(inspector::read(registry, view, something, slot, idle.notified()), OptionFuture::from(of_ecr));
        registry.context.board.at(registry.account, registry.region, RegistryStage::Repositories);
        let mut coverage = inspector.into_facts(&mut facts);
        Box::pin(missing_from_list(registry, &mut targets, &mut coverage, list_gap.as_ref(), &mut facts)).await;
        if names.is_empty() && !targets.is_empty() {
            Box::pin(settings::read(registry, &mut facts, &mut policies)).await;
        }
        Box::pin(answers.ask_frequencies(registry, &targets)).await;
        Box::pin(answers.ask_images(registry, &targets, &facts, &coverage)).await;
        coverage
    };
    let (read, mut coverage) = tokio::join!(OptionFuture::from(of_policies), beside);
    answers.keep_policies(read.unwrap_or_default());
    let mut repositories = Vec::new();
    if !targets.is_empty() {
        Box::pin(answers.ask_policies(registry, &targets)).await;
        let reading = repositories::read(registry, targets, answers, &mut facts, &mut policies, &mut coverage);
        repositories = Box::pin(reading).await;
        if policies.name_the_role() {
            ask_inspector_role(registry.context, registry.opened).await;
        }
    }
    let kept: BTreeSet<&RepositoryName> = repositories.iter().map(|repository| &repository.name).collect();
    coverage.retain(|name| kept.contains(name));
    let Covered { rows: coverage, images } = coverage;
    let (images, image_rows) = counted(images);
    RegistryRecord {
        facts,
        repositories,
        coverage,
        images,
        image_rows,
        policies: policies.0.into_iter().map(|(hash, text)| StoredPolicy { hash, text }).collect(),
    }
}

/// What coverage says of the repositories of one registry.
struct Covered {
    rows: Vec<CoverageRow>,
    images: Tallies,
}

impl Covered {
    fn names(&self) -> BTreeSet<RepositoryName> {
        self.rows.iter().map(|row| &row.repository).chain(self.images.keys()).cloned().collect()
    }

    fn retain(&mut self, wanted: impl Fn(&RepositoryName) -> bool) {
        self.rows.retain(|row| wanted(&row.repository));
        self.images.retain(|name, _| wanted(name));
        self.rows.sort_by(|a, b| a.resource_id.cmp(&b.resource_id));
        // A list may hold a row twice.
        self.rows.dedup_by(|a, b| a.resource_id == b.resource_id);
    }
}

fn counted(images: Tallies) -> (BTreeMap<RepositoryName, ImageCounts>, Vec<ImageRow>) {
    let mut rows = Vec::new();
    let counts = images
        .into_iter()
        .map(|(name, mut tally)| {
            rows.append(&mut tally.rows);
            (name, tally.counts)
        })
        .collect();
    rows.sort();
    (counts, rows)
}

/// A repository to read, as ECR's list gives it.
struct Target {
    name: RepositoryName,
    arn: String,
    created_at: Observed<jiff::Timestamp>,
    listed: bool,
}

fn targets(registry: &Registry<'_>, listed: Vec<RepositoryAnswer>) -> BTreeMap<RepositoryName, Target> {
    listed
        .into_iter()
        .map(|RepositoryAnswer { name, arn, created_at }| {
            let arn = if arn.is_empty() { arn_of(registry, &name) } else { arn };
            (name.clone(), Target { name, arn, created_at: Observed::from_answer(created_at), listed: true })
        })
        .collect()
}

fn arn_of(registry: &Registry<'_>, name: &RepositoryName) -> String {
    repository_arn(registry.context.identity.partition, registry.region, registry.account, name)
}

/// Coverage rows whose repository the list does not have: asked for once by name. Where the list broke off they are
/// read like any other.
async fn missing_from_list(
    registry: &Registry<'_>,
    targets: &mut BTreeMap<RepositoryName, Target>,
    coverage: &mut Covered,
    list_gap: Option<&Gap>,
    facts: &mut RegistryFacts,
) {
    let missing: BTreeSet<RepositoryName> =
        coverage.names().into_iter().filter(|name| !targets.contains_key(name)).collect();
    for name in missing {
        let unlisted =
            |created_at| Target { arn: arn_of(registry, &name), name: name.clone(), created_at, listed: false };
        if let Some(gap) = list_gap {
            targets.insert(name.clone(), unlisted(Observed::unknown(gap.clone())));
            continue;
        }
        let asked = registry
            .calls
            .call(Api::DescribeRepositories, |call| {
                let name = name.as_str();
                async move { registry.reader.repository(&call, name).await }
            })
            .await;
        match asked {
            Ok(Some(answer)) => {
                let mut found = unlisted(Observed::from_answer(answer.created_at));
                found.listed = true;
                targets.insert(name.clone(), found);
            }
            Ok(None) => {
                facts.coverage_without_repository += 1;
                coverage.retain(|other| *other != name);
            }
            Err(error) => {
                let gap = registry.gap(error, name.as_str());
                targets.insert(name.clone(), unlisted(Observed::unknown(gap)));
            }
        }
    }
}

/// An account that does not open but that the administrator sees: a row for each repository with coverage.
pub(crate) async fn seen_from_outside(
    context: &Context,
    account: AccountId,
    refusal: &Gap,
    view: &AdminView,
    slot: &mut Slot,
) -> Vec<RegistryRecord> {
    // The administrator's regions are in scope already.
    let seen = slot.set_aside(view.regions()).await;
    let regions: BTreeSet<RegionName> = seen.into_iter().chain(context.regions()).collect();
    let mut harvests = Vec::new();
    for region in regions {
        let outcome = match refusal.kind {
            GapKind::NotReached => RegistryOutcome::NotReached,
            _ => RegistryOutcome::Unreadable(Box::new(refusal.clone())),
        };
        let mut facts = RegistryFacts::unasked(account, region.clone(), outcome);
        let mut coverage = Covered { rows: Vec::new(), images: Tallies::new() };
        let seen = slot.set_aside(view.of(&region, account)).await;
        let untold = seen.as_ref().map_or_else(|| view.refusal().cloned(), |seen| seen.unanswered(account));
        if let Some(gap) = untold {
            // The administrator could have told, and did not.
            facts.coverage = Observed::unknown(gap.clone()).into();
            facts.image_coverage = Observed::unknown(gap.clone()).into();
            facts.auto_enable = Observed::unknown(gap.clone()).into();
        }
        if let Some(seen) = seen {
            if let Some(status) = seen.status_of(account) {
                facts.inspector_status = inspector::status_word(account, &region, status.status.clone()).into();
                facts.inspector_ecr_status = inspector::status_word(account, &region, status.ecr_status.clone()).into();
                let (images, image_gap) = seen.ask_images_of(account, context.options.keep_images).await;
                let known = || Observed::Known(CoverageSource::DelegatedAdministrator);
                facts.coverage = seen.gap_of(account).map_or_else(known, Observed::unknown).into();
                facts.image_coverage = image_gap.map_or_else(known, Observed::unknown).into();
                facts.auto_enable = seen.auto_enable.clone();
                coverage.images = images;
            }
            coverage.rows = seen.coverage.get(&account).cloned().unwrap_or_default();
        }
        let repositories = coverage
            .names()
            .into_iter()
            .map(|name| RepositoryFacts {
                account,
                region: region.clone(),
                arn: repository_arn(context.identity.partition, &region, account, &name),
                name,
                listed: false,
                created_at: Observed::unknown(refusal.clone()),
                policy: Observed::unknown(refusal.clone()),
                scan_frequency: Observed::unknown(refusal.clone()),
                has_active_image: Asked::NotNeeded,
                tags: Asked::NotNeeded,
            })
            .collect();
        coverage.retain(|_| true);
        let (images, image_rows) = counted(coverage.images);
        harvests.push(RegistryRecord {
            repositories,
            coverage: coverage.rows,
            images,
            image_rows,
            ..RegistryRecord::of(facts)
        });
    }
    harvests
}
