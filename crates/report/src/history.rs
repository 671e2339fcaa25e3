//! Many audits of one organization in the order of their time: coverage and diagnoses at each, by organizational unit; since when
//! what needs action has needed it; how long repairs took. What an audit did not read makes its share a range, never a point.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use scangap_model::{AccountId, AccountOutcome, Diagnosis, RegionName, Scope};

use crate::balance::Balance;
use crate::changes::{CompareError, check_comparable, side_by_side, tally};
use crate::input::{Input, RepositoryRow};
use crate::listing::{is_listed, is_missing};
use crate::summary::{Counts, Summary, ou_of};
use crate::trend::{Key, Open, Since, Trend, TrendRow};
use crate::value::UNKNOWN;

type Place = (AccountId, RegionName);
/// Audits so far. The last one is the one that is reported.
#[derive(Debug, Default)]
pub struct History {
    audits: Vec<Audit>,
    /// What each audit knows of each registry.
    listed: BTreeMap<Place, Vec<Listing>>,
    since: Since,
}

/// What an audit knows of a registry's list of repositories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listing {
    /// It has no record of the registry.
    Absent,
    /// The list was not read to its end; so many of its repositories are known all the same.
    NotRead(u32),
    /// How many there are; none where the region is not enabled, or AWS refuses every call for the account's state.
    Read(u32),
}

/// One of them.
#[derive(Debug)]
struct Audit {
    as_of: Timestamp,
    facts_sha256: String,
    simulated: bool,
    /// Whether everything in its scope was learnt.
    is_complete: bool,
    units: BTreeMap<String, Numbers>,
    /// The organizational unit of each account at that time.
    unit_of: BTreeMap<AccountId, String>,
    /// Accounts of which no registry is known.
    not_opened: BTreeSet<AccountId>,
    scope: Scope,
    lacks_accounts: bool,
}

/// Counts of one audit, of one organizational unit or of all.
#[derive(Debug, Clone, Default)]
struct Numbers {
    diagnoses: Counts,
    surely_not_covered: usize,
    perhaps_not_to_scan: usize,
    /// Repositories that an audit near it listed, and that are not known to it.
    hidden: usize,
    /// Against the audit before.
    balance: Option<Balance>,
    /// Days from the audit that first showed it to the one that showed it repaired.
    repaired_after: Vec<i64>,
    /// Repositories that this audit was the first to show as needing action, and that need it still at the last.
    open_since: usize,
}

impl History {
    /// Adds an audit that is later than those before; `before` is the last of them.
    pub fn add(&mut self, before: Option<&Input<'_>>, audit: &Input<'_>) -> Result<(), CompareError> {
        if let Some(before) = before {
            check_comparable(before, audit)?;
        }
        let unit_of: BTreeMap<AccountId, String> =
            audit.facts.accounts.keys().map(|account| (*account, ou_of(audit, *account))).collect();
        let mut units = counted(audit, &unit_of);
        if let Some(before) = before {
            let was = self.audits.last().map(|audit| &audit.unit_of);
            for (unit, balance) in balances(before, audit, was, &unit_of)? {
                units.entry(unit).or_default().balance = Some(balance);
            }
        }
        self.follow(audit, &unit_of, &mut units)?;
        let at = self.audits.len();
        for (place, registry) in &audit.facts.registries {
            let listing = if is_missing(registry) { Listing::NotRead(0) } else { Listing::Read(0) };
            let listings = self.listed.entry(place.clone()).or_default();
            listings.resize(at, Listing::Absent);
            listings.push(listing);
        }
        for (place, diagnoses) in &audit.assessment.by_registry {
            let known = u32::try_from(diagnoses.values().sum::<usize>()).unwrap_or(u32::MAX);
            let is_listed = is_listed(audit.facts.registry(place));
            let listings = self.listed.entry(place.clone()).or_default();
            listings.resize(at + 1, Listing::Absent);
            if let Some(listing) = listings.last_mut() {
                *listing = if is_listed { Listing::Read(known) } else { Listing::NotRead(known) };
            }
        }
        self.audits.push(Audit {
            as_of: audit.as_of,
            facts_sha256: audit.facts_sha256.to_owned(),
            simulated: audit.simulated,
            is_complete: !audit.interrupted && !audit.lacks_accounts && Summary::of(audit).is_complete(),
            units,
            unit_of,
            not_opened: not_opened(audit),
            scope: audit.facts.organization.scope.clone(),
            lacks_accounts: audit.lacks_accounts,
        });
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.audits.len()
    }

    pub fn is_empty(&self) -> bool {
        self.audits.is_empty()
    }

    /// What needs action keeps the time of the audit that first showed it, also over audits that could not read it. What an audit reads as
    /// needing none is closed.
    fn follow(
        &mut self,
        audit: &Input<'_>,
        unit_of: &BTreeMap<AccountId, String>,
        units: &mut BTreeMap<String, Numbers>,
    ) -> Result<(), CompareError> {
        let mut open = std::mem::take(&mut self.since);
        let mut next = Since::new();
        for row in audit.repositories() {
            let row = row.map_err(CompareError::Read)?;
            let (key, diagnosis) = (key(&row), row.assessment.diagnosis);
            let since = open.remove(&key);
            match (diagnosis.info().fails_any, since) {
                (true, since) => {
                    next.insert(key, Open { since: since.map_or(audit.as_of, |open| open.since), is_known: true });
                }
                (false, Some(open)) if diagnosis == Diagnosis::Unreadable => {
                    next.insert(key, Open { is_known: false, ..open });
                }
                (false, Some(open)) if matches!(diagnosis, Diagnosis::Covered | Diagnosis::Empty) => {
                    let unit = unit_of.get(&key.0).cloned().unwrap_or_else(unknown);
                    let days = audit.as_of.duration_since(open.since).as_hours() / 24;
                    units.entry(unit).or_default().repaired_after.push(days);
                }
                (false, _) => {}
            }
        }
        // A repository that the list does not name any more is gone; where the list was not read it may be there still.
        next.extend(
            open.into_iter()
                .filter(|((account, region, _), _)| !is_listed(audit.facts.registry(&(*account, region.clone()))))
                .map(|(key, open)| (key, Open { is_known: false, ..open })),
        );
        self.since = next;
        Ok(())
    }

    pub fn trend(self) -> Trend {
        Trend { rows: self.rows(), since: self.since }
    }

    fn rows(&self) -> Vec<TrendRow> {
        let mut numbers: Vec<BTreeMap<String, Numbers>> = self.audits.iter().map(|audit| audit.units.clone()).collect();
        self.add_hidden(&mut numbers);
        self.add_open(&mut numbers);
        let names: BTreeSet<&String> = numbers.iter().flat_map(BTreeMap::keys).collect();
        let whole = self.audits.iter().zip(&numbers).map(|(audit, units)| {
            let mut all = Numbers::default();
            for unit in units.values() {
                all.add(unit);
            }
            audit.row(None, &all)
        });
        let of_units = names.into_iter().flat_map(|name| {
            let numbers = &numbers;
            self.audits.iter().zip(numbers).filter_map(move |(audit, units)| {
                // A unit that an audit does not know has no row there.
                units.get(name).map(|unit| audit.row(Some(name), unit))
            })
        });
        whole.chain(of_units).collect()
    }

    fn add_hidden(&self, numbers: &mut [BTreeMap<String, Numbers>]) {
        for (place, listings) in &self.listed {
            for (at, (audit, units)) in self.audits.iter().zip(numbers.iter_mut()).enumerate() {
                let hidden = match listings.get(at).copied().unwrap_or(Listing::Absent) {
                    Listing::NotRead(known) => nearest(listings, at).saturating_sub(known),
                    Listing::Absent if audit.may_hold(place) => nearest(listings, at),
                    Listing::Read(_) | Listing::Absent => 0,
                };
                if hidden > 0 {
                    let later = self.audits.iter().rev().find_map(|audit| audit.unit_of.get(&place.0));
                    let unit = audit.unit_of.get(&place.0).or(later).cloned().unwrap_or_else(unknown);
                    units.entry(unit).or_default().hidden += hidden as usize;
                }
            }
        }
    }

    fn add_open(&self, numbers: &mut [BTreeMap<String, Numbers>]) {
        let Some(last) = self.audits.last() else { return };
        for ((account, ..), open) in self.since.iter().filter(|(_, open)| open.is_known) {
            let at = self.audits.iter().position(|audit| audit.as_of == open.since);
            if let Some(units) = at.and_then(|at| numbers.get_mut(at)) {
                let unit = last.unit_of.get(account).cloned().unwrap_or_else(unknown);
                units.entry(unit).or_default().open_since += 1;
            }
        }
    }
}

/// How many the list had that was read nearest in time, the earlier one first.
fn nearest(listings: &[Listing], at: usize) -> u32 {
    let read = |at: Option<usize>| match listings.get(at?) {
        Some(Listing::Read(count)) => Some(*count),
        Some(Listing::NotRead(_) | Listing::Absent) | None => None,
    };
    let apart = 1..listings.len().max(at + 1);
    apart.into_iter().find_map(|apart| read(at.checked_sub(apart)).or_else(|| read(Some(at + apart)))).unwrap_or(0)
}

/// Accounts that were in scope and could not be opened.
fn not_opened(audit: &Input<'_>) -> BTreeSet<AccountId> {
    let accounts = audit.facts.accounts.values();
    let not_opened = accounts
        .filter(|account| matches!(account.outcome, AccountOutcome::Unreadable(_) | AccountOutcome::NotReached));
    not_opened.map(|account| account.id).collect()
}

impl Audit {
    /// Whether a registry without a record may have been there: its account could not be opened, or it was not asked for.
    fn may_hold(&self, (account, region): &Place) -> bool {
        let Scope { accounts, exclude_accounts, organizational_units, regions } = &self.scope;
        let all_accounts = accounts.is_empty() && exclude_accounts.is_empty() && organizational_units.is_empty();
        if self.unit_of.contains_key(account) {
            self.not_opened.contains(account) || !regions.is_empty() && !regions.contains(region)
        } else {
            !all_accounts || self.lacks_accounts
        }
    }

    fn row(&self, ou: Option<&String>, numbers: &Numbers) -> TrendRow {
        let mut days = numbers.repaired_after.clone();
        days.sort_unstable();
        let longest = days.last().copied();
        TrendRow {
            as_of: self.as_of,
            facts_sha256: self.facts_sha256.clone(),
            simulated: self.simulated,
            ou: ou.cloned(),
            is_complete: self.is_complete,
            diagnoses: numbers.diagnoses.clone(),
            surely_not_covered: numbers.surely_not_covered,
            perhaps_not_to_scan: numbers.perhaps_not_to_scan,
            hidden: numbers.hidden,
            balance: numbers.balance,
            repaired: days.len(),
            repaired_after_days: days.get(days.len() / 2).copied().zip(longest),
            open_since: numbers.open_since,
        }
    }
}

impl Numbers {
    fn add(&mut self, unit: &Self) {
        for (diagnosis, number) in &unit.diagnoses {
            *self.diagnoses.entry(*diagnosis).or_default() += number;
        }
        self.surely_not_covered += unit.surely_not_covered;
        self.perhaps_not_to_scan += unit.perhaps_not_to_scan;
        self.hidden += unit.hidden;
        if let Some(balance) = &unit.balance {
            self.balance.get_or_insert_default().sum(balance);
        }
        self.repaired_after.extend(&unit.repaired_after);
        self.open_since += unit.open_since;
    }
}

/// The unit of an account that has no record.
fn unknown() -> String {
    UNKNOWN.to_owned()
}

fn key(row: &RepositoryRow<'_>) -> Key {
    let repository = &row.repository;
    (repository.account, repository.region.clone(), repository.name.clone())
}

/// The repositories that are known, by organizational unit.
fn counted(audit: &Input<'_>, unit_of: &BTreeMap<AccountId, String>) -> BTreeMap<String, Numbers> {
    let mut units: BTreeMap<String, Numbers> =
        unit_of.values().map(|unit| (unit.clone(), Numbers::default())).collect();
    for (place, diagnoses) in &audit.assessment.by_registry {
        let unit = unit_of.get(&place.0).cloned().unwrap_or_else(unknown);
        let numbers = units.entry(unit).or_default();
        for (diagnosis, number) in diagnoses {
            *numbers.diagnoses.entry(*diagnosis).or_default() += number;
        }
        numbers.surely_not_covered += audit.assessment.surely_not_covered.get(place).copied().unwrap_or(0);
        numbers.perhaps_not_to_scan += audit.assessment.perhaps_not_to_scan.get(place).copied().unwrap_or(0);
    }
    units
}

/// What changed since the audit before, by the organizational unit that an account is in now, or was where it is not there any more.
fn balances(
    before: &Input<'_>,
    audit: &Input<'_>,
    was_unit_of: Option<&BTreeMap<AccountId, String>>,
    unit_of: &BTreeMap<AccountId, String>,
) -> Result<BTreeMap<String, Balance>, CompareError> {
    // Every unit has one, a unit in which nothing changed too.
    let mut all: BTreeMap<String, Balance> = unit_of.values().map(|unit| (unit.clone(), Balance::default())).collect();
    side_by_side(before, audit, |was, is| {
        let Some(account) = is.or(was).map(|row| row.repository.account) else { return };
        let unit = unit_of.get(&account).or_else(|| was_unit_of?.get(&account)).cloned().unwrap_or_else(unknown);
        tally(all.entry(unit).or_default(), was, is, before);
    })?;
    Ok(all)
}
