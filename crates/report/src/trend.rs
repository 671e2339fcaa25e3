//! The trend: what many audits of one organization say together, row by row.

use std::collections::BTreeMap;

use jiff::Timestamp;
use scangap_model::{AccountId, Diagnosis, RegionName, RepositoryName, count, thousands};

use crate::balance::Balance;

/// A repository.
pub(crate) type Key = (AccountId, RegionName, RepositoryName);

/// What needs action, or could not be read since it did.
pub(crate) type Since = BTreeMap<Key, Open>;

/// A finding that no audit showed closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open {
    /// The first audit that showed it.
    pub(crate) since: Timestamp,
    /// Whether the last one shows it too.
    pub(crate) is_known: bool,
}

/// What many audits say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trend {
    /// The organization at each audit, then each organizational unit.
    pub rows: Vec<TrendRow>,
    /// What needs action at the last audit, or could not be read since it did.
    pub(crate) since: Since,
}

impl Trend {
    /// `Covered 61.0 %, 64.2 to 70.1 %, 68.8 % over 3 audits since 2026-05-31; 40 of 83 that need action needed it at the audit before
    /// already`. `None`: this audit is the only one.
    pub fn in_words(&self) -> Option<String> {
        let whole: Vec<&TrendRow> = self.rows.iter().filter(|row| row.ou.is_none()).collect();
        let (first, last) = (whole.first()?, whole.last()?);
        if whole.len() < 2 {
            return None;
        }
        let shares: Vec<String> = whole.iter().map(|row| row.share_in_words()).collect();
        let older: usize = whole.iter().rev().skip(1).map(|row| row.open_since).sum();
        let age = whole.iter().find(|row| row.open_since > 0).filter(|row| row.as_of < last.as_of);
        let age = age.map_or_else(
            || "nothing that needs action did so at an audit before".to_owned(),
            |oldest| format!("{} that need action did so before, the oldest since {}", thousands(older), oldest.date()),
        );
        Some(format!(
            "Covered {} over {} since {}; {age}",
            shares.join(", "),
            count(whole.len(), "audit"),
            first.date()
        ))
    }
}

/// A row of the trend: one audit, of one organizational unit or of the organization.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrendRow {
    pub as_of: Timestamp,
    pub facts_sha256: String,
    pub simulated: bool,
    /// `None`: the whole organization.
    pub ou: Option<String>,
    pub is_complete: bool,
    /// Of all repositories that are known, in lists that were read or not.
    pub diagnoses: BTreeMap<Diagnosis, usize>,
    /// Unreadable repositories that are not covered, whatever could not be learnt of them: Inspector itself says `ACCESS_DENIED`, for one.
    pub surely_not_covered: usize,
    /// Of these, repositories that may be none to be scanned: empty, for one.
    pub perhaps_not_to_scan: usize,
    /// Repositories that the audit nearest in time listed, and that are not known to this one: at least so many.
    pub hidden: usize,
    /// `None`: there is no audit before.
    pub balance: Option<Balance>,
    pub repaired: usize,
    /// The middle one and the longest, in days between audits.
    pub repaired_after_days: Option<(i64, i64)>,
    pub open_since: usize,
}

impl TrendRow {
    fn of(&self, diagnosis: Diagnosis) -> usize {
        self.diagnoses.get(&diagnosis).copied().unwrap_or(0)
    }

    pub fn known(&self) -> usize {
        self.diagnoses.values().sum()
    }

    pub fn covered(&self) -> usize {
        self.of(Diagnosis::Covered)
    }

    pub fn to_act_on(&self) -> usize {
        self.diagnoses.iter().filter(|(diagnosis, _)| diagnosis.info().fails_any).map(|(_, number)| number).sum()
    }

    /// Repositories of whose state too little could be learnt.
    pub fn unknown(&self) -> usize {
        self.of(Diagnosis::Unreadable) + self.hidden
    }

    /// Covered if all is that may be, by what could be learnt of it.
    pub fn covered_at_most(&self) -> usize {
        self.covered() + self.unknown() - self.surely_not_covered
    }

    /// Repositories that are to be scanned, with those that may be.
    pub fn to_scan(&self) -> usize {
        let not = [Diagnosis::InspectorOff, Diagnosis::BasicScanning, Diagnosis::NotSelected, Diagnosis::Empty];
        self.known() + self.hidden - not.into_iter().map(|diagnosis| self.of(diagnosis)).sum::<usize>()
    }

    /// `2026-11-23`.
    pub(crate) fn date(&self) -> String {
        self.as_of.strftime("%Y-%m-%d").to_string()
    }

    /// `68.8 %`, or `61.0 to 74.2 %`.
    pub(crate) fn share_in_words(&self) -> String {
        match self.share() {
            None => "nothing to be scanned".to_owned(),
            Some((least, most)) if least == most => format!("{} %", tenths(least)),
            Some((least, most)) => format!("{} to {} %", tenths(least), tenths(most)),
        }
    }

    /// The share of what is to be scanned that is covered, in thousandths: at least, and at most. Equal where all was learnt. Never
    /// rounded up. `None`: nothing is to be scanned.
    pub fn share(&self) -> Option<(usize, usize)> {
        let least = (self.covered() * 1000).checked_div(self.to_scan())?;
        // Where nothing is to be scanned after all, nothing is left out.
        let to_scan = self.to_scan() - self.perhaps_not_to_scan;
        let most = (self.covered_at_most() * 1000).checked_div(to_scan).unwrap_or(1000);
        Some((least, most))
    }
}

/// `68.8`.
pub(crate) fn tenths(number: usize) -> String {
    format!("{}.{}", number / 10, number % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: 15 Trend: what may be none to be scanned is part of the least share, and not of the most
    #[test]
    fn what_may_be_none_to_be_scanned_makes_the_share_a_range() {
        let row = |covered, unreadable, not_covered, not_to_scan| TrendRow {
            diagnoses: [(Diagnosis::Covered, covered), (Diagnosis::Unreadable, unreadable)].into(),
            surely_not_covered: not_covered,
            perhaps_not_to_scan: not_to_scan,
            ..TrendRow::default()
        };
        assert_eq!(row(1, 1, 1, 0).share(), Some((500, 500)));
        assert_eq!(row(1, 1, 1, 1).share(), Some((500, 1000)));
        assert_eq!(row(1, 2, 1, 1).share_in_words(), "33.3 to 100.0 %");
        assert_eq!(row(0, 1, 1, 1).share(), Some((0, 1000)));
        assert_eq!(row(0, 0, 0, 0).share(), None);
    }
}
