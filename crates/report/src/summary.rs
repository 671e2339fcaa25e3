//! The counts that the terminal, the workbook and `summary.json` share.

use std::collections::{BTreeMap, BTreeSet};

use scangap_assess::ImageTotals;
use scangap_model::{
    AccountId, AccountOutcome, Api, Cause, Diagnosis, DiagnosisInfo, Gap, GapKind, Observed, RegionName, RegistryFacts,
    RegistryOutcome, Verdict, count, hint_against_policy, sanitize, thousands,
};

use crate::input::Input;
use crate::listing::{Unlisted, is_listed, is_missing};
use crate::reading::Reading;
use crate::value::{NONE, UNKNOWN};
use crate::words::percent;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RegistryCounts {
    pub read: usize,
    pub not_enabled: usize,
    pub skipped: usize,
    pub unreadable: usize,
    pub not_reached: usize,
}

impl RegistryCounts {
    pub fn total(self) -> usize {
        self.read + self.not_enabled + self.skipped + self.unreadable + self.not_reached
    }
}

/// Gaps with one remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapGroup {
    /// One, or all that one policy refuses.
    pub apis: Vec<Api>,
    pub kind: GapKind,
    pub cause: Cause,
    pub gaps: usize,
    pub accounts: usize,
    /// Where they are; empty for global APIs.
    pub regions: Vec<RegionName>,
    /// Whether the audit has regions without them.
    pub elsewhere: bool,
    /// The policies that AWS names as denying.
    pub policies: Vec<String>,
    /// How to close one of them.
    pub hint: String,
}

#[derive(Debug, Clone)]
pub struct Summary {
    /// All that are known: the rows of `repositories.csv`.
    pub diagnoses: BTreeMap<Diagnosis, usize>,
    pub repositories: usize,
    /// Of these those in registries whose list was read: only of them a share can be told.
    pub listed: BTreeMap<Diagnosis, usize>,
    pub unlisted: Unlisted,
    pub accounts: usize,
    pub accounts_read: usize,
    pub accounts_partly: usize,
    pub accounts_skipped: usize,
    pub accounts_unreadable: usize,
    pub accounts_not_reached: usize,
    pub regions: usize,
    pub registries: RegistryCounts,
    /// Registries whose registry policy denies a registry-level action.
    pub registries_denying: usize,
    pub templates_denying: usize,
    /// Images of the repositories that are covered.
    pub images_of_covered: ImageTotals,
    /// Images of all repositories.
    pub images: ImageTotals,
    pub vanished: u64,
    pub coverage_without_repository: u64,
    pub gaps: usize,
    /// By API, most gaps first.
    pub gap_groups: Vec<GapGroup>,
    /// The same for people: what one policy refuses stands together.
    pub gap_causes: Vec<GapGroup>,
}

impl Summary {
    pub fn of(input: &Input<'_>) -> Self {
        let facts = input.facts;
        let mut registries = RegistryCounts::default();
        let mut regions = BTreeSet::new();
        for registry in facts.registries.values() {
            regions.insert(&registry.region);
            match registry.outcome {
                RegistryOutcome::Read => registries.read += 1,
                RegistryOutcome::NotEnabled => registries.not_enabled += 1,
                RegistryOutcome::Skipped { .. } => registries.skipped += 1,
                RegistryOutcome::Unreadable(_) => registries.unreadable += 1,
                RegistryOutcome::NotReached => registries.not_reached += 1,
            }
        }
        let readings: Vec<Reading<'_>> = input.accounts().map(|row| row.reading).collect();
        let how_many = |word: &str| readings.iter().filter(|reading| reading.word() == word).count();
        let mut listed = BTreeMap::new();
        let not_listed = facts.registries.values().filter(|registry| is_missing(registry)).count();
        let mut unlisted = Unlisted { registries: not_listed, ..Unlisted::default() };
        for (key, diagnoses) in &input.assessment.by_registry {
            if is_listed(facts.registry(key)) {
                for (diagnosis, number) in diagnoses {
                    *listed.entry(*diagnosis).or_default() += number;
                }
            } else {
                unlisted.add(diagnoses);
            }
        }
        Self {
            listed,
            unlisted,
            diagnoses: input.assessment.counts(),
            repositories: input.assessment.repositories.len(),
            accounts: facts.accounts.len(),
            accounts_read: how_many(Reading::Read.word()),
            accounts_partly: readings.iter().filter(|reading| matches!(reading, Reading::Partly { .. })).count(),
            accounts_skipped: how_many(Reading::Skipped.word()),
            accounts_unreadable: how_many(Reading::Unreadable.word()),
            accounts_not_reached: how_many(Reading::NotReached.word()),
            regions: regions.len(),
            registries,
            registries_denying: input
                .assessment
                .registries
                .iter()
                .filter(|registry| registry.registry_verdict == Some(Verdict::Denied))
                .count(),
            templates_denying: input
                .assessment
                .registries
                .iter()
                .map(|registry| registry.template_prefixes_denying.len())
                .sum(),
            images_of_covered: input.assessment.images.get(&Diagnosis::Covered).cloned().unwrap_or_default(),
            images: input.assessment.all_images(),
            vanished: facts.registries.values().map(|registry| registry.vanished).sum(),
            coverage_without_repository: facts
                .registries
                .values()
                .map(|registry| registry.coverage_without_repository)
                .sum(),
            gaps: input.assessment.gaps.len(),
            gap_groups: gap_groups(input, |gap| Some(gap.api)),
            gap_causes: gap_groups(input, |gap| (!gap.is_refused_by_one_policy()).then_some(gap.api)),
        }
    }

    /// How many repositories are in registries whose list was read.
    pub fn n_listed(&self) -> usize {
        self.listed.values().sum()
    }

    /// What is said of repositories in registries whose list was not read.
    pub fn unlisted_in_words(&self) -> Option<String> {
        let Unlisted { registries, repositories, to_act_on, .. } = self.unlisted;
        let acting = match to_act_on {
            0 => String::new(),
            number => format!(", {} of them to act on", thousands(number)),
        };
        let of = format!("{} whose list could not be read", count(registries, "registry"));
        match (registries, repositories) {
            (0, _) => None,
            (_, 0) => Some(format!("{of}; what is there is unknown")),
            _ => {
                let known = count(repositories, "repository");
                Some(format!("{known} known in {of}{acting}; what else is there is unknown"))
            }
        }
    }

    /// What a diagnosis means; of covered repositories how many of their images are.
    pub(crate) fn meaning(&self, info: &DiagnosisInfo) -> String {
        match self.covered_images().filter(|_| info.diagnosis == Diagnosis::Covered) {
            Some(images) => format!("{}; {images}", info.meaning),
            None => info.meaning.to_owned(),
        }
    }

    /// `16 more in lists that were not read`: what a count of those in lists that were leaves out.
    pub(crate) fn elsewhere(&self, diagnosis: Diagnosis) -> Option<String> {
        let known = self.diagnoses.get(&diagnosis).copied().unwrap_or(0);
        let elsewhere = known.saturating_sub(self.of_listed(diagnosis));
        (elsewhere > 0).then(|| format!("{} more in lists that were not read", thousands(elsewhere)))
    }

    fn of_listed(&self, diagnosis: Diagnosis) -> usize {
        self.listed.get(&diagnosis).copied().unwrap_or(0)
    }

    pub fn n_covered(&self) -> usize {
        self.of_listed(Diagnosis::Covered)
    }

    /// Repositories that are to be scanned: Inspector is set to scan them, and they hold images. Where either is not known they count: what
    /// is not known is no reason to leave one out.
    pub fn n_to_scan(&self) -> usize {
        let not = [Diagnosis::InspectorOff, Diagnosis::BasicScanning, Diagnosis::NotSelected, Diagnosis::Empty];
        self.n_listed() - not.into_iter().map(|diagnosis| self.of_listed(diagnosis)).sum::<usize>()
    }

    /// `6 of 15 that are to be scanned (40.0 %); 6 of all 19 (31.5 %)`. `None`: no list was read, or all were empty.
    pub fn covered_in_words(&self) -> Option<String> {
        let (covered, to_scan, all) = (self.n_covered(), self.n_to_scan(), self.n_listed());
        let share = |part, whole| format!(" ({})", percent(part, whole));
        let of_all = format!("{} of all {}{}", thousands(covered), thousands(all), share(covered, all));
        let of_these =
            |noun: &str| format!("{} of {} {noun}{}", thousands(covered), thousands(to_scan), share(covered, to_scan));
        match (all, to_scan) {
            (0, _) => None,
            (_, 0) => Some(format!("{of_all}: none is to be scanned")),
            (all, to_scan) if all == to_scan => Some(of_all),
            _ => Some(format!("{}; {of_all}", of_these("that are to be scanned"))),
        }
    }

    /// What was not read, in words.
    pub fn not_read_in_words(&self) -> Option<String> {
        let accounts = self.accounts_unreadable + self.accounts_not_reached;
        let registries = self.registries.unreadable + self.registries.not_reached;
        let parts: Vec<String> = [
            (accounts, "account"),
            (self.accounts_partly, "account in part"),
            (registries, "registry"),
            (self.gaps, "failed read"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, noun)| match noun.strip_suffix(" in part") {
            Some(noun) => format!("{} in part", count(number, noun)),
            None => count(number, noun),
        })
        .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// `37 of 40 images`, where not every image of the covered repositories is scanned.
    pub fn covered_images(&self) -> Option<String> {
        of_images(self.images_of_covered.scanned, self.images_of_covered.not_scanned)
    }

    /// Whether everything in scope was learnt.
    pub fn is_complete(&self) -> bool {
        self.gaps == 0 && self.registries.not_reached == 0 && self.accounts_not_reached == 0
    }
}

/// `37 of 40 images`, where it is not all.
pub(crate) fn of_images(scanned: u64, not_scanned: u64) -> Option<String> {
    let number = |n: u64| thousands(usize::try_from(n).unwrap_or(usize::MAX));
    (not_scanned > 0).then(|| format!("{} of {} images", number(scanned), number(scanned + not_scanned)))
}

/// `40: 3 not scanned (UNSUPPORTED_OS 3), 1 of them in use`. Reasons are words of AWS's: the most frequent first.
pub(crate) fn images_in_words(totals: &ImageTotals) -> String {
    let number = |n: u64| thousands(usize::try_from(n).unwrap_or(usize::MAX));
    let mut reasons: Vec<(&String, u64)> = totals.reasons.iter().map(|(reason, n)| (reason, *n)).collect();
    reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let reasons: Vec<String> =
        reasons.into_iter().map(|(reason, n)| format!("{} {}", sanitize(reason), number(n))).collect();
    let mut words =
        format!("{}: {} not scanned", number(totals.scanned + totals.not_scanned), number(totals.not_scanned));
    for part in [
        (!reasons.is_empty()).then(|| format!(" ({})", reasons.join(", "))),
        (totals.in_use_not_scanned > 0).then(|| format!(", {} of them in use", number(totals.in_use_not_scanned))),
        (totals.repositories_unknown > 0).then(|| {
            let repositories = usize::try_from(totals.repositories_unknown).unwrap_or(usize::MAX);
            format!("; unknown in {}", count(repositories, "repository"))
        }),
    ] {
        words.extend(part);
    }
    words
}

/// Counts of diagnoses.
pub(crate) type Counts = BTreeMap<Diagnosis, usize>;

/// Accounts that are named as the worst.
pub(crate) const WORST_ACCOUNTS: usize = 15;

/// An OU as the accounts directly in it are.
#[derive(Debug, Default)]
pub(crate) struct Unit {
    /// Of all repositories that are known.
    pub counts: Counts,
    /// Those of registries whose list was not read.
    pub unlisted: Unlisted,
    pub accounts: usize,
    /// Accounts of which something could not be learnt: their counts may not be all there is.
    pub accounts_with_gaps: usize,
}

/// The OU that an account is directly in.
pub(crate) fn ou_of(input: &Input<'_>, account: AccountId) -> String {
    match input.facts.accounts.get(&account).map(|account| &account.ou_path) {
        Some(Observed::Known(path)) => path.clone(),
        Some(Observed::Absent) => NONE.to_owned(),
        Some(Observed::Unknown(_)) | None => UNKNOWN.to_owned(),
    }
}

/// Every OU by path, those too of whose accounts nothing was read; accounts whose OU is not known stand under `unknown`.
pub(crate) fn by_ou(input: &Input<'_>) -> BTreeMap<String, Unit> {
    let with_gaps: BTreeSet<_> = input.assessment.gaps.iter().filter_map(|gap| gap.account).collect();
    let path = |account: AccountId| ou_of(input, account);
    let mut units: BTreeMap<String, Unit> = BTreeMap::new();
    for (id, account) in &input.facts.accounts {
        let unit = units.entry(path(*id)).or_default();
        unit.accounts += 1;
        unit.accounts_with_gaps +=
            usize::from(with_gaps.contains(id) || matches!(account.outcome, AccountOutcome::NotReached));
    }
    for (name, (counts, unlisted)) in by(input, path) {
        let unit = units.entry(name).or_default();
        (unit.counts, unit.unlisted) = (counts, unlisted);
    }
    units
}

/// The accounts with something to do, most first.
pub(crate) fn worst_accounts(input: &Input<'_>) -> Vec<(AccountId, (Counts, Unlisted))> {
    let to_do = |(counts, _): &(Counts, Unlisted)| -> usize {
        counts.iter().filter(|(diagnosis, _)| diagnosis.info().fails_any).map(|(_, number)| number).sum()
    };
    let mut accounts: Vec<_> =
        by(input, |account| account).into_iter().filter(|(_, counts)| to_do(counts) > 0).collect();
    accounts.sort_by_key(|(account, counts)| (std::cmp::Reverse(to_do(counts)), *account));
    accounts
}

/// The counts of all that is known, and what of it is in lists that were not read.
fn by<K: Ord>(input: &Input<'_>, key: impl Fn(AccountId) -> K) -> BTreeMap<K, (Counts, Unlisted)> {
    let mut groups: BTreeMap<K, (Counts, Unlisted)> = BTreeMap::new();
    for (registry, diagnoses) in &input.assessment.by_registry {
        let (counts, unlisted) = groups.entry(key(registry.0)).or_default();
        for (diagnosis, number) in diagnoses {
            *counts.entry(*diagnosis).or_default() += number;
        }
        if !is_listed(input.facts.registry(registry)) {
            unlisted.add(diagnoses);
        }
    }
    groups
}

/// Regions that a sentence names one by one.
const REGIONS_NAMED: usize = 3;
/// Policies that a sentence names one by one.
const POLICIES_NAMED: usize = 2;

/// APIs that a sentence names one by one.
const APIS_NAMED: usize = 2;

impl GapGroup {
    /// `ecr:GetRepositoryPolicy, ecr:DescribeImages and 2 more`.
    pub fn reads(&self) -> String {
        let named: Vec<String> = self.apis.iter().take(APIS_NAMED).map(ToString::to_string).collect();
        match self.apis.len().saturating_sub(APIS_NAMED) {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        }
    }

    /// `in 290 accounts, only in sa-east-1, by arn:aws:organizations::...`.
    pub fn place(&self) -> String {
        let mut parts = vec![format!("in {}", count(self.accounts, "account"))];
        let regions: Vec<&str> = self.regions.iter().map(RegionName::as_str).collect();
        let only = if self.elsewhere { "only in" } else { "in" };
        match regions.len() {
            0 => {}
            number if number <= REGIONS_NAMED => parts.push(format!("{only} {}", regions.join(", "))),
            number => parts.push(format!("in {}", count(number, "region"))),
        }
        let named: Vec<String> = self.policies.iter().take(POLICIES_NAMED).map(|arn| sanitize(arn)).collect();
        match self.policies.len().saturating_sub(POLICIES_NAMED) {
            0 if named.is_empty() => {}
            0 => parts.push(format!("by {}", named.join(", "))),
            more => parts.push(format!("by {} and {more} more", named.join(", "))),
        }
        parts.join(", ")
    }
}

/// How often one kind of gap was met, and where.
struct Met<'a> {
    gaps: usize,
    apis: BTreeSet<Api>,
    accounts: BTreeSet<Option<AccountId>>,
    regions: BTreeSet<&'a RegionName>,
    policies: BTreeSet<&'a str>,
    /// The first one's.
    hint: String,
}

/// `by`: the API, where it tells gaps apart.
fn gap_groups(input: &Input<'_>, by: impl Fn(&Gap) -> Option<Api>) -> Vec<GapGroup> {
    let mut groups: BTreeMap<(Option<Api>, GapKind, Cause, &str), Met<'_>> = BTreeMap::new();
    // AWS names the resource of a resource-based policy, and that is another one each time.
    for gap in &input.assessment.gaps {
        let one = by(gap).is_none() && gap.cause != Cause::ResourcePolicy;
        let policy = if one { gap.policy_arn.as_str() } else { "" };
        let group = groups.entry((by(gap), gap.kind, gap.cause, policy)).or_insert_with(|| Met {
            gaps: 0,
            apis: BTreeSet::new(),
            accounts: BTreeSet::new(),
            regions: BTreeSet::new(),
            policies: BTreeSet::new(),
            hint: match by(gap) {
                Some(_) => gap.hint(),
                None => hint_against_policy(gap.cause),
            },
        });
        group.gaps += 1;
        group.apis.insert(gap.api);
        group.accounts.insert(gap.account);
        group.regions.extend(&gap.region);
        group.policies.extend(Some(gap.policy_arn.as_str()).filter(|arn| !arn.is_empty()));
    }
    // A region that is enabled nowhere could not have had any.
    let asked = |registry: &&RegistryFacts| {
        !matches!(registry.outcome, RegistryOutcome::NotEnabled | RegistryOutcome::Skipped { .. })
    };
    let all: BTreeSet<&RegionName> =
        input.facts.registries.values().filter(asked).map(|registry| &registry.region).collect();
    let mut groups: Vec<GapGroup> = groups
        .into_iter()
        .map(|((_, kind, cause, _), met)| GapGroup {
            apis: met.apis.into_iter().collect(),
            kind,
            cause,
            gaps: met.gaps,
            accounts: met.accounts.len(),
            elsewhere: all.difference(&met.regions).next().is_some(),
            regions: met.regions.into_iter().cloned().collect(),
            policies: met.policies.into_iter().map(str::to_owned).collect(),
            hint: met.hint,
        })
        .collect();
    groups.sort_by(|a, b| b.gaps.cmp(&a.gaps).then_with(|| a.apis.cmp(&b.apis)));
    groups
}
