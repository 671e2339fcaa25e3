//! The counts that the terminal, the workbook and `summary.json` share.

use std::collections::{BTreeMap, BTreeSet};

use scangap_assess::ImageTotals;
use scangap_model::{
    AccountId, AccountOutcome, Api, Cause, CellOutcome, Diagnosis, GapKind, Observed, Verdict, sanitize,
};

use crate::input::Input;
use crate::terminal::{count, thousands};
use crate::value::{NONE, UNKNOWN};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CellCounts {
    pub read: usize,
    pub not_enabled: usize,
    pub skipped: usize,
    pub unreadable: usize,
    pub not_reached: usize,
}

impl CellCounts {
    pub fn total(self) -> usize {
        self.read + self.not_enabled + self.skipped + self.unreadable + self.not_reached
    }
}

/// Gaps with one remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapGroup {
    pub api: Api,
    pub kind: GapKind,
    pub cause: Cause,
    pub gaps: usize,
    pub accounts: usize,
    /// How to close one of them.
    pub hint: String,
}

#[derive(Debug, Clone)]
pub struct Summary {
    pub diagnoses: BTreeMap<Diagnosis, usize>,
    pub repositories: usize,
    pub accounts: usize,
    pub accounts_read: usize,
    pub accounts_skipped: usize,
    pub accounts_unreadable: usize,
    pub accounts_not_reached: usize,
    pub regions: usize,
    pub cells: CellCounts,
    /// Cells whose registry policy denies a registry-level action.
    pub registries_denying: usize,
    pub templates_denying: usize,
    /// Images of the repositories that are covered.
    pub images_of_covered: ImageTotals,
    /// Images of all repositories.
    pub images: ImageTotals,
    pub vanished: u64,
    pub coverage_without_repository: u64,
    pub gaps: usize,
    /// Most gaps first.
    pub gap_groups: Vec<GapGroup>,
}

impl Summary {
    pub fn of(input: &Input<'_>) -> Self {
        let facts = input.facts;
        let mut cells = CellCounts::default();
        let mut regions = BTreeSet::new();
        for cell in facts.cells.values() {
            regions.insert(&cell.region);
            match cell.outcome {
                CellOutcome::Read => cells.read += 1,
                CellOutcome::NotEnabled => cells.not_enabled += 1,
                CellOutcome::Skipped { .. } => cells.skipped += 1,
                CellOutcome::Unreadable(_) => cells.unreadable += 1,
                CellOutcome::NotReached => cells.not_reached += 1,
            }
        }
        let outcomes = |wanted: fn(&AccountOutcome) -> bool| {
            facts.accounts.values().filter(|account| wanted(&account.outcome)).count()
        };
        Self {
            diagnoses: input.assessment.counts(),
            repositories: input.assessment.repositories.len(),
            accounts: facts.accounts.len(),
            accounts_read: outcomes(|outcome| matches!(outcome, AccountOutcome::Read { .. })),
            accounts_skipped: outcomes(|outcome| matches!(outcome, AccountOutcome::Skipped { .. })),
            accounts_unreadable: outcomes(|outcome| matches!(outcome, AccountOutcome::Unreadable(_))),
            accounts_not_reached: outcomes(|outcome| matches!(outcome, AccountOutcome::NotReached)),
            regions: regions.len(),
            cells,
            registries_denying: input
                .assessment
                .cells
                .iter()
                .filter(|cell| cell.registry_verdict == Some(Verdict::Denied))
                .count(),
            templates_denying: input.assessment.cells.iter().map(|cell| cell.template_prefixes_denying.len()).sum(),
            images_of_covered: input.assessment.images.get(&Diagnosis::Covered).cloned().unwrap_or_default(),
            images: input.assessment.all_images(),
            vanished: facts.cells.values().map(|cell| cell.vanished).sum(),
            coverage_without_repository: facts.cells.values().map(|cell| cell.coverage_without_repository).sum(),
            gaps: input.assessment.gaps.len(),
            gap_groups: gap_groups(input),
        }
    }

    /// `37 of 40 images`, where not every image of the covered repositories is scanned.
    pub fn covered_images(&self) -> Option<String> {
        of_images(self.images_of_covered.scanned, self.images_of_covered.not_scanned)
    }

    /// Whether everything in scope was learnt.
    pub fn is_complete(&self) -> bool {
        self.gaps == 0 && self.cells.not_reached == 0 && self.accounts_not_reached == 0
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
    pub counts: Counts,
    pub accounts: usize,
    /// Accounts of which something could not be learnt: their counts may not be all there is.
    pub accounts_with_gaps: usize,
}

/// Every OU by path, those too of whose accounts nothing was read; accounts whose OU is not known stand under `unknown`.
pub(crate) fn by_ou(input: &Input<'_>) -> BTreeMap<String, Unit> {
    let with_gaps: BTreeSet<_> = input.assessment.gaps.iter().filter_map(|gap| gap.account).collect();
    let path = |account: AccountId| match input.facts.accounts.get(&account).map(|account| &account.ou_path) {
        Some(Observed::Known(path)) => path.clone(),
        Some(Observed::Absent) => NONE.to_owned(),
        Some(Observed::Unknown(_)) | None => UNKNOWN.to_owned(),
    };
    let mut units: BTreeMap<String, Unit> = BTreeMap::new();
    for (id, account) in &input.facts.accounts {
        let unit = units.entry(path(*id)).or_default();
        unit.accounts += 1;
        unit.accounts_with_gaps +=
            usize::from(with_gaps.contains(id) || matches!(account.outcome, AccountOutcome::NotReached));
    }
    for (name, counts) in by(input, path) {
        units.entry(name).or_default().counts = counts;
    }
    units
}

/// The accounts with something to do, most first.
pub(crate) fn worst_accounts(input: &Input<'_>) -> Vec<(AccountId, Counts)> {
    let to_do = |counts: &Counts| -> usize {
        counts.iter().filter(|(diagnosis, _)| diagnosis.info().fails_any).map(|(_, number)| number).sum()
    };
    let mut accounts: Vec<_> =
        by(input, |account| account).into_iter().filter(|(_, counts)| to_do(counts) > 0).collect();
    accounts.sort_by_key(|(account, counts)| (std::cmp::Reverse(to_do(counts)), *account));
    accounts
}

fn by<K: Ord>(input: &Input<'_>, key: impl Fn(AccountId) -> K) -> BTreeMap<K, Counts> {
    let mut groups: BTreeMap<K, Counts> = BTreeMap::new();
    for ((account, _), counts) in &input.assessment.by_cell {
        let group = groups.entry(key(*account)).or_default();
        for (diagnosis, number) in counts {
            *group.entry(*diagnosis).or_default() += number;
        }
    }
    groups
}

/// How often one kind of gap was met, in which accounts, and the first one's hint.
type Met = (usize, BTreeSet<Option<AccountId>>, String);

fn gap_groups(input: &Input<'_>) -> Vec<GapGroup> {
    let mut groups: BTreeMap<(Api, GapKind, Cause), Met> = BTreeMap::new();
    for gap in &input.assessment.gaps {
        let group = groups.entry((gap.api, gap.kind, gap.cause)).or_insert_with(|| (0, BTreeSet::new(), gap.hint()));
        group.0 += 1;
        group.1.insert(gap.account);
    }
    let mut groups: Vec<GapGroup> = groups
        .into_iter()
        .map(|((api, kind, cause), (gaps, accounts, hint))| GapGroup {
            api,
            kind,
            cause,
            gaps,
            accounts: accounts.len(),
            hint,
        })
        .collect();
    groups.sort_by(|a, b| b.gaps.cmp(&a.gaps).then(a.api.cmp(&b.api)));
    groups
}
