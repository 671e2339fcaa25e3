//! The facts of one audit, as collected and as stored.

use std::collections::{BTreeMap, HashSet};
use std::ops::{Deref, DerefMut, Range};
use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    AccountId, Asked, Gap, Observed, OrganizationId, Partition, PolicyHash, RegionName, RepositoryName, RescanDurations,
};

/// What was to be audited. Stored, so that "all accounts" and "these accounts" are never confused later.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// Empty: all.
    pub accounts: Vec<AccountId>,
    pub exclude_accounts: Vec<AccountId>,
    /// OU ids or OU paths by name; empty: all.
    pub organizational_units: Vec<String>,
    /// Empty: every region enabled in each account.
    pub regions: Vec<RegionName>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationFacts {
    pub partition: Partition,
    pub caller_account: AccountId,
    /// The caller's ARN as STS gives it.
    pub caller_arn: String,
    /// `Absent`: the caller's account is in no organization.
    pub id: Observed<OrganizationId>,
    pub management_account: Observed<AccountId>,
    /// Inspector's delegated administrator. `Absent`: there is none.
    pub inspector_admin: Observed<AccountId>,
    /// Accounts of the organization, in scope or not.
    pub n_accounts: Observed<u64>,
    pub scope: Scope,
}

/// How an account ended in this audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountOutcome {
    /// Read with this role, or with the caller's own credentials.
    Read {
        role_name: Option<String>,
    },
    /// Not asked, with the reason: AWS would refuse every call.
    Skipped {
        reason: String,
    },
    Unreadable(Gap),
    /// The audit was interrupted before it got there.
    NotReached,
}

/// AWS: account:ListRegions `RegionOptStatus`, folded to what an audit does with it. `Other` flows through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegionStatus {
    Enabled,
    NotEnabled,
    Other(String),
}

/// Which source said what regions an account has. A fallback that answers is a fact with its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegionsSource {
    ListRegions,
    GetRegionOptStatus,
    /// The table of default-enabled regions; opt-in regions were probed.
    Probing,
}

impl RegionsSource {
    pub const fn word(self) -> &'static str {
        match self {
            Self::ListRegions => "ListRegions",
            Self::GetRegionOptStatus => "GetRegionOptStatus",
            Self::Probing => "probing",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        [Self::ListRegions, Self::GetRegionOptStatus, Self::Probing].into_iter().find(|source| source.word() == word)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionFact {
    pub region: RegionName,
    pub status: RegionStatus,
}

/// Inspector's service-linked role of an account, as IAM has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceLinkedRole {
    /// `AROA…`. A role that is deleted and created anew gets another.
    pub id: String,
    pub tags: BTreeMap<String, String>,
    /// `None`: not within the time that IAM remembers.
    pub last_used_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountFacts {
    pub id: AccountId,
    pub name: Observed<String>,
    /// AWS's word: ACTIVE, SUSPENDED, ... or one not known here.
    pub state: Observed<String>,
    /// OU names from the root down, joined with `/`.
    pub ou_path: Observed<String>,
    /// `o-.../r-.../ou-.../`: the value of aws:PrincipalOrgPaths.
    pub organization_path: Observed<String>,
    pub outcome: AccountOutcome,
    pub regions_source: Asked<RegionsSource>,
    /// Asked only where a policy of the account names the role's tags or its id. `Absent`: the account has no such role.
    pub inspector_role: Asked<ServiceLinkedRole>,
}

/// How a registry (one account in one region) ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RegistryOutcome {
    Read,
    /// The region is not enabled for the account.
    NotEnabled,
    Skipped {
        reason: String,
    },
    /// Nothing of ECR could be read here. Boxed, as in `Observed`.
    Unreadable(Box<Gap>),
    NotReached,
}

/// The source of coverage: the delegated administrator or the account itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CoverageSource {
    DelegatedAdministrator,
    Account,
}

impl CoverageSource {
    pub const fn word(self) -> &'static str {
        match self {
            Self::DelegatedAdministrator => "delegated_administrator",
            Self::Account => "account",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        [Self::DelegatedAdministrator, Self::Account].into_iter().find(|source| source.word() == word)
    }
}

/// A rule of the registry scanning configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScanRule {
    pub frequency: String,
    pub filters: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CreationTemplate {
    pub prefix: String,
    pub policy: Option<PolicyHash>,
}

/// A policy's text, stored once however many repositories share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPolicy {
    pub hash: PolicyHash,
    pub text: String,
}

/// A registry, and what was answered of it. Equal answers are shared: an organization has hundreds of thousands of registries, and
/// most of them are empty alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryFacts {
    pub account: AccountId,
    pub region: RegionName,
    answers: Arc<RegistryAnswers>,
}

impl Deref for RegistryFacts {
    type Target = RegistryAnswers;

    fn deref(&self) -> &RegistryAnswers {
        &self.answers
    }
}

impl DerefMut for RegistryFacts {
    fn deref_mut(&mut self) -> &mut RegistryAnswers {
        Arc::make_mut(&mut self.answers)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RegistryAnswers {
    pub outcome: RegistryOutcome,
    /// How many repositories ECR listed.
    pub repositories: Asked<u64>,
    /// `Absent`: Inspector does not exist in the region.
    pub inspector_status: Asked<String>,
    pub inspector_ecr_status: Asked<String>,
    pub registry_scan_type: Asked<String>,
    pub scan_rules: Asked<Vec<ScanRule>>,
    pub registry_policy: Asked<PolicyHash>,
    pub registry_policy_scope: Asked<String>,
    pub templates: Asked<Vec<CreationTemplate>>,
    pub coverage: Asked<CoverageSource>,
    /// Who listed the images' rows of coverage.
    pub image_coverage: Asked<CoverageSource>,
    /// How long Inspector scans the account's images again.
    pub rescan_durations: Asked<Box<RescanDurations>>,
    /// Whether Inspector's administrator has ECR scanning turned on for accounts that join. Asked of it, for those it sees.
    /// `Absent`: Inspector is off for the administrator itself, and it does not say.
    pub auto_enable: Asked<bool>,
    /// Coverage rows whose repository ECR does not know.
    pub coverage_without_repository: u64,
    /// Repositories that vanished between list and read.
    pub vanished: u64,
}

impl RegistryFacts {
    pub fn of(account: AccountId, region: RegionName, answers: RegistryAnswers) -> Self {
        Self { account, region, answers: Arc::new(answers) }
    }

    /// A registry of which nothing was asked.
    pub fn unasked(account: AccountId, region: RegionName, outcome: RegistryOutcome) -> Self {
        Self::of(account, region, RegistryAnswers::unasked(outcome))
    }

    /// Shares the answers with a registry that has the same.
    pub fn share(&mut self, different: &mut HashSet<Arc<RegistryAnswers>>) {
        if let Some(same) = different.get(&self.answers) {
            self.answers = Arc::clone(same);
        } else {
            different.insert(Arc::clone(&self.answers));
        }
    }
}

impl RegistryAnswers {
    pub fn unasked(outcome: RegistryOutcome) -> Self {
        Self {
            outcome,
            repositories: Asked::NotNeeded,
            inspector_status: Asked::NotNeeded,
            inspector_ecr_status: Asked::NotNeeded,
            registry_scan_type: Asked::NotNeeded,
            scan_rules: Asked::NotNeeded,
            registry_policy: Asked::NotNeeded,
            registry_policy_scope: Asked::NotNeeded,
            templates: Asked::NotNeeded,
            coverage: Asked::NotNeeded,
            image_coverage: Asked::NotNeeded,
            rescan_durations: Asked::NotNeeded,
            auto_enable: Asked::NotNeeded,
            coverage_without_repository: 0,
            vanished: 0,
        }
    }

    /// Whether ECR's list of the repositories was read to its end. Where it was not, only what Inspector's coverage names
    /// is known, and a repository that Inspector does not see cannot appear.
    pub fn is_listed(&self) -> bool {
        self.repositories.known().is_some()
    }

    /// Returns every gap of this registry, without those of its repositories.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        let outcome = match &self.outcome {
            RegistryOutcome::Unreadable(gap) => Some(&**gap),
            RegistryOutcome::Read
            | RegistryOutcome::NotEnabled
            | RegistryOutcome::Skipped { .. }
            | RegistryOutcome::NotReached => None,
        };
        [
            outcome,
            self.repositories.gap(),
            self.inspector_status.gap(),
            self.inspector_ecr_status.gap(),
            self.registry_scan_type.gap(),
            self.scan_rules.gap(),
            self.registry_policy.gap(),
            self.registry_policy_scope.gap(),
            self.templates.gap(),
            self.coverage.gap(),
            self.image_coverage.gap(),
            self.rescan_durations.gap(),
            self.auto_enable.gap(),
        ]
        .into_iter()
        .flatten()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryFacts {
    pub account: AccountId,
    pub region: RegionName,
    pub name: RepositoryName,
    pub arn: String,
    /// Known from ECR's own list; otherwise from Inspector's coverage alone.
    pub listed: bool,
    pub created_at: Observed<Timestamp>,
    pub policy: Observed<PolicyHash>,
    /// The service's own answer: `SCAN_ON_PUSH`, `CONTINUOUS_SCAN`, MANUAL.
    pub scan_frequency: Observed<String>,
    /// Whether any image is active. Asked only where coverage has no row of an image.
    pub has_active_image: Asked<bool>,
    /// Asked only where a policy's condition names a tag.
    pub tags: Asked<BTreeMap<String, String>>,
}

impl RepositoryFacts {
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        [
            self.created_at.gap(),
            self.policy.gap(),
            self.scan_frequency.gap(),
            self.has_active_image.gap(),
            self.tags.gap(),
        ]
        .into_iter()
        .flatten()
    }
}

/// A repository's own row of Inspector's coverage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageRow {
    pub account: AccountId,
    pub region: RegionName,
    pub repository: RepositoryName,
    pub resource_id: String,
    /// ACTIVE, INACTIVE or a word not known here. `Absent`: AWS gave no status.
    pub status: Observed<String>,
    pub reason: Observed<String>,
    pub last_scanned_at: Observed<Timestamp>,
}

/// The image rows of a repository's coverage, counted by status and reason as they arrived. In their order; a list and not a tree,
/// which would take a kilobyte for the one or two that a repository has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageCounts(Vec<ImagesOf>);

/// A status, a reason, and the images that have both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagesOf {
    pub status: Box<str>,
    pub reason: Box<str>,
    pub count: ImageCount,
}

/// Images of one status and reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageCount {
    pub images: u64,
    /// Images that run somewhere: AWS gives an `inUseCount` above zero.
    pub in_use: u64,
    /// Images of which AWS gives no `inUseCount`.
    pub use_not_stated: u64,
    pub newest_scan: Option<Timestamp>,
    /// AWS: `lastInUseAt`.
    pub last_in_use: Option<Timestamp>,
}

/// Whether an image's row says that it is scanned. An image that waits for its first scan is not, whatever its status.
pub fn is_scanned(status: &str, reason: &str) -> bool {
    status == "ACTIVE" && reason != "PENDING_INITIAL_SCAN"
}

impl ImageCounts {
    pub fn add(&mut self, status: &str, reason: &str, image: &ImageCount) {
        let place = self.0.binary_search_by(|one| (&*one.status, &*one.reason).cmp(&(status, reason)));
        let place = place.unwrap_or_else(|place| {
            // One more at a time: most repositories have one.
            self.0.reserve_exact(1);
            self.0
                .insert(place, ImagesOf { status: status.into(), reason: reason.into(), count: ImageCount::default() });
            place
        });
        let Some(ImagesOf { count, .. }) = self.0.get_mut(place) else { return };
        count.images += image.images;
        count.in_use += image.in_use;
        count.use_not_stated += image.use_not_stated;
        count.newest_scan = count.newest_scan.max(image.newest_scan);
        count.last_in_use = count.last_in_use.max(image.last_in_use);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any image has this reason.
    pub fn any_with(&self, wanted: &str) -> bool {
        self.kinds().any(|of| &*of.reason == wanted)
    }

    /// By status, then reason.
    pub fn kinds(&self) -> std::slice::Iter<'_, ImagesOf> {
        self.0.iter()
    }

    pub fn kinds_mut(&mut self) -> std::slice::IterMut<'_, ImagesOf> {
        self.0.iter_mut()
    }

    /// Takes images out that were counted as what they are not.
    pub fn take_out(&mut self, status: &str, reason: &str, image: &ImageCount) {
        let counted = self.0.iter_mut().filter(|of| (&*of.status, &*of.reason) == (status, reason));
        for ImagesOf { count, .. } in counted {
            count.images = count.images.saturating_sub(image.images);
            count.in_use = count.in_use.saturating_sub(image.in_use);
            count.use_not_stated = count.use_not_stated.saturating_sub(image.use_not_stated);
        }
        self.0.retain(|of| of.count.images > 0);
    }
}

/// One image's row of coverage. Kept only where `--images` asks for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageRow {
    pub account: AccountId,
    pub region: RegionName,
    pub repository: RepositoryName,
    pub digest: String,
    pub status: String,
    pub reason: String,
    /// `None`: AWS gives none.
    pub last_scanned_at: Option<Timestamp>,
    pub in_use_count: Option<u64>,
    pub last_in_use_at: Option<Timestamp>,
    /// A multi-architecture index: its children are counted, and not the index.
    pub is_index: bool,
}

/// A repository with what Inspector's coverage says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryRecord {
    pub facts: RepositoryFacts,
    /// `None`: the repository has no row of its own.
    pub coverage: Option<CoverageRow>,
    pub images: ImageCounts,
}

/// Why the next record could not be read.
pub type RecordError = Box<dyn std::error::Error + Send + Sync>;

/// Records one after the other. After an error there is nothing more.
pub type Records<'a> = Box<dyn Iterator<Item = Result<RepositoryRecord, RecordError>> + Send + 'a>;

/// The repositories of one audit, sorted by account, region and name. There may be millions, so they are not kept in memory; a
/// reader reads all of them, or a range, again.
pub trait Repositories: Sync {
    fn count(&self) -> Result<usize, RecordError>;

    /// One after the other. What comes next may be read ahead.
    fn records(&self, places: Range<usize>) -> Records<'_>;

    /// On the caller's own thread: for those who read several ranges side by side.
    fn visit(
        &self,
        places: Range<usize>,
        each: &mut dyn FnMut(RepositoryRecord) -> Result<(), RecordError>,
    ) -> Result<(), RecordError>;
}

/// Records that are held after all: few, and made by hand.
impl Repositories for Vec<RepositoryRecord> {
    fn count(&self) -> Result<usize, RecordError> {
        Ok(self.len())
    }

    fn records(&self, places: Range<usize>) -> Records<'_> {
        Box::new(self.iter().take(places.end).skip(places.start).cloned().map(Ok))
    }

    fn visit(
        &self,
        places: Range<usize>,
        each: &mut dyn FnMut(RepositoryRecord) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        self.records(places).try_for_each(|record| each(record?))
    }
}

/// Image rows one after the other. After an error there is nothing more.
pub type ImageRows<'a> = Box<dyn Iterator<Item = Result<ImageRow, RecordError>> + Send + 'a>;

/// The image rows of an audit that kept them, sorted by account, region, repository and digest.
pub trait Images: Sync {
    fn n_images(&self) -> Result<usize, RecordError>;
    fn images(&self) -> ImageRows<'_>;
}

/// The facts of one audit but for its repositories, sorted by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFacts {
    pub organization: OrganizationFacts,
    pub accounts: BTreeMap<AccountId, AccountFacts>,
    /// There may be hundreds of thousands: see `RegistryFacts::share`.
    pub registries: BTreeMap<(AccountId, RegionName), RegistryFacts>,
    pub policies: BTreeMap<PolicyHash, String>,
    /// Every gap once, sorted.
    pub gaps: Vec<Gap>,
}

impl AuditFacts {
    pub fn registry(&self, key: &(AccountId, RegionName)) -> Option<&RegistryFacts> {
        self.registries.get(key)
    }
}
