//! What a re-sync of a registry would destroy, and what it depends on: read for a plan, not for an audit.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;

use crate::{AccountId, Gap, Observed, RegionName};

/// Findings that are alike, counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FindingCount {
    /// The repository of the image; empty where the resource is none.
    pub repository: String,
    pub severity: String,
    pub status: String,
    pub count: u64,
    pub oldest_first_observed: Option<Timestamp>,
}

/// Counts findings as they are read, without keeping them in memory.
#[derive(Debug, Clone, Default)]
pub struct FindingTally {
    counts: BTreeMap<(String, String, String), (u64, Option<Timestamp>)>,
    /// Hashes of the ARNs that were met: a list may hold a row twice.
    met: HashSet<u64>,
}

impl FindingTally {
    /// Whether it was not met before.
    pub fn is_new(&mut self, arn: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        arn.hash(&mut hasher);
        self.met.insert(hasher.finish())
    }

    pub fn add(&mut self, repository: String, severity: String, status: String, first_observed: Option<Timestamp>) {
        let (count, oldest) = self.counts.entry((repository, severity, status)).or_default();
        *count += 1;
        *oldest = (*oldest).into_iter().chain(first_observed).min();
    }

    /// Sorted.
    pub fn counts(self) -> Vec<FindingCount> {
        let count = |((repository, severity, status), (count, oldest_first_observed))| FindingCount {
            repository,
            severity,
            status,
            count,
            oldest_first_observed,
        };
        self.counts.into_iter().map(count).collect()
    }
}

/// An image that Inspector has a coverage row for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoveredImage {
    pub repository: String,
    pub digest: String,
    pub status: String,
    pub reason: String,
    /// `Absent`: ECR does not have the image (any more).
    pub pushed_at: Observed<Timestamp>,
}

/// What AWS left out of an answer.
pub const NOT_STATED: &str = "not stated";

/// How long Inspector scans an image again: `DAYS_14`, `LIFETIME`, or a word not known here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RescanDurations {
    pub push: String,
    pub pull: String,
    pub pull_mode: String,
}

/// What one initial scan costs, from the account's own usage.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitPrice {
    pub amount: f64,
    pub currency: String,
}

impl Eq for UnitPrice {}

/// Tags of repositories whose policy is to be repaired, by ARN: they may say who else writes it.
pub type RepositoryTags = BTreeMap<String, Observed<BTreeMap<String, String>>>;

/// The facts about one registry that is to be re-synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResyncFacts {
    pub account: AccountId,
    pub region: RegionName,
    pub counted_at: Timestamp,
    /// Who turns scanning off and on: the delegated administrator for accounts that it sees, else the account itself.
    pub toggled_from: Observed<AccountId>,
    /// What Inspector lets the account do that scanning is toggled from.
    pub permissions: Observed<Vec<String>>,
    /// The organization's effective Inspector policy. `Absent`: none governs the account.
    pub organization_policy: Observed<String>,
    /// Status by scan type: `ecr`, `ec2`, ...
    pub scan_types: Observed<BTreeMap<String, String>>,
    pub rescan_durations: Observed<RescanDurations>,
    /// Names of the account's suppression rules.
    pub suppression_rules: Observed<Vec<String>>,
    /// Findings of every status, of ECR images; of anything where ECR is the only scan type.
    pub findings: Observed<Vec<FindingCount>>,
    /// Every image that has a coverage row, whatever it says, and every active image of the repositories that the re-sync is
    /// for: those without a row say `none`.
    pub images: Observed<Vec<CoveredImage>>,
    /// `Absent`: the account had no initial scan in the last 30 days.
    pub unit_price: Observed<UnitPrice>,
}

impl ResyncFacts {
    /// A registry of which nothing could be asked.
    pub fn unread(account: AccountId, region: RegionName, counted_at: Timestamp, gap: &Gap) -> Self {
        Self {
            account,
            region,
            counted_at,
            toggled_from: Observed::unknown(gap.clone()),
            permissions: Observed::unknown(gap.clone()),
            organization_policy: Observed::unknown(gap.clone()),
            scan_types: Observed::unknown(gap.clone()),
            rescan_durations: Observed::unknown(gap.clone()),
            suppression_rules: Observed::unknown(gap.clone()),
            findings: Observed::unknown(gap.clone()),
            images: Observed::unknown(gap.clone()),
            unit_price: Observed::unknown(gap.clone()),
        }
    }

    /// Whether ECR is the only scan type that is on. `None`: not known, or another one is neither on nor off.
    pub fn only_scan_type(&self) -> Option<bool> {
        let others = || self.scan_types.known().into_iter().flatten().filter(|(name, _)| *name != "ecr");
        self.scan_types.known()?;
        if others().any(|(_, status)| status == "ENABLED") {
            return Some(false);
        }
        others().all(|(_, status)| status == "DISABLED").then_some(true)
    }

    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        [
            self.toggled_from.gap(),
            self.permissions.gap(),
            self.organization_policy.gap(),
            self.scan_types.gap(),
            self.rescan_durations.gap(),
            self.suppression_rules.gap(),
            self.findings.gap(),
            self.images.gap(),
            self.unit_price.gap(),
        ]
        .into_iter()
        .flatten()
    }
}
