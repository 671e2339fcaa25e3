//! What a report is made of.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use scangap_assess::{
    Assessment, Coverage, ImageCoverage, LikelyCause, RegistryAssessment, RepositoryAssessment, coverage_of, images_of,
};
use scangap_model::{
    AccountFacts, AccountId, Api, Asked, AuditFacts, Diagnosis, Gap, ImageRow, Images, Observed, RegionName,
    RegistryFacts, RegistryOutcome, Repositories, RepositoryFacts, RepositoryRecord, Shard,
};

use crate::change::{Change, Changes};
use crate::decisions::{Decisions, Standing, Verdict};
use crate::reading::Reading;
use crate::trend::{Key, Trend, TrendRow};

/// The facts, what they come to, and where they are from.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub facts: &'a AuditFacts,
    /// Read again by every report that shows them.
    pub repositories: &'a dyn Repositories,
    pub assessment: &'a Assessment,
    pub simulated: bool,
    /// The audit was interrupted: what was not reached is missing.
    pub interrupted: bool,
    /// The slice of the accounts that was read; `None`: all.
    pub shard: Option<Shard>,
    /// It is a shard, or lacks some: accounts that it does not name may be there all the same.
    pub lacks_accounts: bool,
    pub as_of: Timestamp,
    pub facts_sha256: &'a str,
    pub tool_version: &'a str,
    pub caller_arn: &'a str,
    /// Image by image, where the audit kept them.
    pub images: Option<&'a dyn Images>,
    /// What differs from an earlier audit, where one was named.
    pub changes: Option<&'a Changes>,
    /// What people decided, where anything was named.
    pub decisions: Option<&'a Decisions>,
    /// What this audit says together with all that were named, itself the last.
    pub trend: Option<&'a Trend>,
}

impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("facts_sha256", &self.facts_sha256).finish_non_exhaustive()
    }
}

/// What one API cost.
#[derive(Debug, Clone)]
pub struct CallCount {
    pub api: String,
    pub calls: u64,
    pub attempts: u64,
    pub throttled: u64,
    pub waited_ms: u64,
    pub answered_ms: u64,
}

/// How the run went. Evidence: it differs between two runs over the same facts.
#[derive(Debug, Clone)]
pub struct RunEvidence {
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub command_line: String,
    pub endpoint: Option<String>,
    pub api_counts: Vec<CallCount>,
    /// The runs that gathered the facts, in order.
    pub runs: Vec<OneRun>,
    /// The buckets of AWS's that were waited for longest, over all runs.
    pub bucket_waits: Vec<BucketUse>,
}

/// How long calls waited for one of AWS's buckets, all together.
#[derive(Debug, Clone)]
pub struct BucketUse {
    pub place: String,
    pub api: String,
    pub waited_ms: u64,
}

/// One run of the audit: the first, or one that resumed it.
#[derive(Debug, Clone)]
pub struct OneRun {
    pub started_at: Option<Timestamp>,
    /// `None`: it was killed.
    pub finished_at: Option<Timestamp>,
    pub command_line: String,
    pub caller_arn: String,
    /// What each phase took, in milliseconds, in order.
    pub phases: Vec<(String, u64)>,
}

/// A repository with everything that its row speaks of.
#[derive(Debug, Clone)]
pub(crate) struct RepositoryRow<'a> {
    pub(crate) repository: RepositoryFacts,
    pub(crate) assessment: &'a RepositoryAssessment,
    pub(crate) account: Option<&'a AccountFacts>,
    pub(crate) registry: Option<&'a RegistryFacts>,
    pub(crate) coverage_rows: u64,
    pub(crate) coverage: Coverage,
    pub(crate) images: ImageCoverage,
    /// What this audit says, or an earlier one.
    pub(crate) likely_cause: Option<LikelyCause>,
    /// Whether the diagnosis is accepted.
    pub(crate) standing: Standing,
    pub(crate) simulated: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct ImageReportRow<'a> {
    pub(crate) image: ImageRow,
    pub(crate) account: Option<&'a AccountFacts>,
    pub(crate) simulated: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct RegistryRow<'a> {
    pub(crate) registry: &'a RegistryFacts,
    pub(crate) assessment: &'a RegistryAssessment,
    pub(crate) account: Option<&'a AccountFacts>,
    pub(crate) simulated: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct AccountRow<'a> {
    pub(crate) account: &'a AccountFacts,
    /// `Unknown`: who it is could not be read.
    pub(crate) is_management: Observed<bool>,
    pub(crate) is_inspector_admin: Observed<bool>,
    pub(crate) reading: Reading<'a>,
    /// Whether a policy of the account is a gap.
    pub(crate) policies_unread: bool,
    pub(crate) registries_read: u64,
    /// Rows in `repositories.csv`.
    pub(crate) rows: u64,
    pub(crate) simulated: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct GapRow<'a> {
    pub(crate) gap: &'a Gap,
    pub(crate) standing: Standing,
    pub(crate) account: Option<&'a AccountFacts>,
    pub(crate) simulated: bool,
}

impl<'a> Input<'a> {
    pub(crate) fn changes(&self) -> impl Iterator<Item = (&'a Changes, &'a Change)> + use<'a> {
        self.changes.into_iter().flat_map(|changes| changes.rows.iter().map(move |change| (changes, change)))
    }

    /// The day that dates are compared with.
    pub(crate) fn today(&self) -> Date {
        Offset::UTC.to_datetime(self.as_of).date()
    }

    /// The first audit that showed that a repository needs action, as far as audits are known.
    pub(crate) fn since(&self, key: &Key, diagnosis: Diagnosis) -> Option<Timestamp> {
        let since = self.trend?.since.get(key).map(|open| open.since);
        since.or_else(|| diagnosis.info().fails_any.then_some(self.as_of))
    }

    pub(crate) fn trend_rows(&self) -> impl Iterator<Item = &'a TrendRow> + use<'a> {
        self.trend.into_iter().flat_map(|trend| &trend.rows)
    }

    /// Every repository's row, in order. After an error there is nothing more.
    pub(crate) fn repositories(&self) -> impl Iterator<Item = io::Result<RepositoryRow<'a>>> + use<'a> {
        self.repositories_at(0..self.assessment.repositories.len())
    }

    /// The rows at these places.
    pub(crate) fn repositories_at(
        &self,
        places: Range<usize>,
    ) -> impl Iterator<Item = io::Result<RepositoryRow<'a>>> + use<'a> {
        let input = *self;
        let records = self.assessment.join(self.repositories, places);
        records.map(move |record| {
            let (record, assessment) = record.map_err(io::Error::other)?;
            Ok(input.row(record, assessment))
        })
    }

    /// The same, on the caller's own thread.
    pub(crate) fn visit_repositories(
        &self,
        places: Range<usize>,
        mut each: impl FnMut(&RepositoryRow<'a>) -> io::Result<()>,
    ) -> io::Result<()> {
        let visited = self
            .assessment
            .visit(self.repositories, places, &mut |(record, assessment)| Ok(each(&self.row(record, assessment))?));
        visited.map_err(io::Error::other)
    }

    fn row(&self, record: RepositoryRecord, assessment: &'a RepositoryAssessment) -> RepositoryRow<'a> {
        let registry = self.facts.registry(&(record.facts.account, record.facts.region.clone()));
        let image_rows: u64 = record.images.kinds().map(|of| of.count.images).sum();
        let key = (record.facts.account, record.facts.region.clone(), record.facts.name.clone());
        let scanned_before = self.changes.is_some_and(|changes| changes.allowed_likely.contains(&key));
        let mut row = RepositoryRow {
            likely_cause: assessment.likely_cause.or(scanned_before.then_some(LikelyCause::AllowedLikely)),
            assessment,
            account: self.facts.accounts.get(&record.facts.account),
            registry,
            coverage_rows: u64::from(record.coverage.is_some()) + image_rows,
            coverage: coverage_of(&record, registry),
            images: images_of(&record.images, registry.map_or(&Asked::NotNeeded, |registry| &registry.image_coverage)),
            repository: record.facts,
            simulated: self.simulated,
            standing: Standing::Open,
        };
        row.standing = self.decided(&row).standing;
        row
    }

    /// What people decided about a row.
    pub(crate) fn decided(&self, row: &RepositoryRow<'_>) -> Verdict {
        self.decisions.map_or_else(Verdict::default, |decisions| {
            decisions.of_repository(&row.repository, row.account, row.assessment.diagnosis, self.today())
        })
    }

    pub(crate) fn decided_of_gap(&self, gap: &Gap) -> Verdict {
        let account = gap.account.and_then(|account| self.facts.accounts.get(&account));
        self.decisions.map_or_else(Verdict::default, |decisions| decisions.of_gap(gap, account, self.today()))
    }

    /// The rows of some repositories. The others are not built.
    pub(crate) fn repositories_where(
        &self,
        wanted: impl Fn(&RepositoryAssessment) -> bool,
    ) -> impl Iterator<Item = io::Result<RepositoryRow<'a>>> {
        self.repositories().filter(move |row| row.as_ref().map_or(true, |row| wanted(row.assessment)))
    }

    pub(crate) fn n_images(&self) -> io::Result<usize> {
        self.images.map_or(Ok(0), |images| images.n_images().map_err(io::Error::other))
    }

    /// Every image's row, where the audit kept them.
    pub(crate) fn image_rows(&self) -> impl Iterator<Item = io::Result<ImageReportRow<'a>>> + use<'a> {
        let (facts, simulated) = (self.facts, self.simulated);
        self.images.into_iter().flat_map(Images::images).map(move |image| {
            let image = image.map_err(io::Error::other)?;
            Ok(ImageReportRow { account: facts.accounts.get(&image.account), image, simulated })
        })
    }

    pub(crate) fn registries(&self) -> impl Iterator<Item = RegistryRow<'a>> + use<'a> {
        let (facts, simulated) = (self.facts, self.simulated);
        facts.registries.values().zip(&self.assessment.registries).map(move |(registry, assessment)| RegistryRow {
            registry,
            assessment,
            account: facts.accounts.get(&registry.account),
            simulated,
        })
    }

    pub(crate) fn registries_of(&self, account: AccountId) -> impl Iterator<Item = &'a RegistryFacts> {
        registries_of(self.facts, account)
    }

    pub(crate) fn accounts(&self) -> impl Iterator<Item = AccountRow<'a>> + use<'a> {
        let (facts, assessment, simulated) = (self.facts, self.assessment, self.simulated);
        let policies = [Api::GetRepositoryPolicy, Api::GetRegistryPolicy, Api::DescribeRepositoryCreationTemplates];
        let of_policies = facts.gaps.iter().filter(|gap| policies.contains(&gap.api));
        let unread: BTreeSet<AccountId> = of_policies.filter_map(|gap| gap.account).collect();
        facts.accounts.values().map(move |account| {
            let registries_read =
                registries_of(facts, account.id).filter(|registry| registry.outcome == RegistryOutcome::Read).count();
            AccountRow {
                account,
                reading: Reading::of(account, registries_of(facts, account.id)),
                policies_unread: unread.contains(&account.id),
                is_management: is(&facts.organization.management_account, account.id),
                is_inspector_admin: is(&facts.organization.inspector_admin, account.id),
                registries_read: u64::try_from(registries_read).unwrap_or(u64::MAX),
                rows: repositories_of(assessment, account.id),
                simulated,
            }
        })
    }

    pub(crate) fn gaps(&self) -> impl Iterator<Item = GapRow<'a>> + use<'a> {
        let (facts, simulated, input) = (self.facts, self.simulated, *self);
        self.assessment.gaps.iter().map(move |gap| GapRow {
            standing: input.decided_of_gap(gap).standing,
            gap,
            account: gap.account.and_then(|id| facts.accounts.get(&id)),
            simulated,
        })
    }
}

/// Whether an account is the one that is looked for.
fn is(wanted: &Observed<AccountId>, account: AccountId) -> Observed<bool> {
    match wanted {
        Observed::Known(id) => Observed::Known(*id == account),
        Observed::Absent => Observed::Known(false),
        Observed::Unknown(gap) => Observed::Unknown(gap.clone()),
    }
}

fn registries_of(facts: &AuditFacts, account: AccountId) -> impl Iterator<Item = &RegistryFacts> {
    let registries = facts.registries.range((account, lowest_region())..);
    registries.take_while(move |((id, _), _)| *id == account).map(|(_, registry)| registry)
}

/// Sorts before every region's name.
fn lowest_region() -> RegionName {
    #[expect(clippy::expect_used, reason = "a constant that is a region name; a test holds it so")]
    "0-0-0".parse().expect("a region name")
}

fn repositories_of(assessment: &Assessment, account: AccountId) -> u64 {
    let registries =
        assessment.by_registry.range((account, lowest_region())..).take_while(|((id, _), _)| *id == account);
    u64::try_from(registries.flat_map(|(_, diagnoses)| diagnoses.values()).sum::<usize>()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_lowest_region_sorts_first() {
        assert!(super::lowest_region() < "af-south-1".parse().unwrap());
    }
}
