//! What changed between two audits: the kinds of change, and one repository's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use scangap_model::{AccountId, Diagnosis, Observed, PolicyHash, RegionName, RepositoryName, Tone, thousands};

use crate::balance::Balance;
use crate::difference::{self, Line};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It was covered or had nothing to scan, and is not covered now; it was at risk, and is blocked; or Inspector's
    /// coverage of it was lost.
    Regressed,
    /// Not there before.
    New,
    /// It was there before; now it is not listed, or its registry could not be read.
    NoLongerVisible,
    /// It was read before, and a fact that decides is a gap now.
    NoLongerReadable,
    /// Another diagnosis or other facts, and neither better nor worse by these words.
    Changed,
    /// Stale now, with a policy that allowed Inspector already before: it does not refresh by itself.
    StillStale,
    /// It was not covered, and is now, or has nothing to scan.
    Fixed,
}

/// Every kind: the word in files, the words on screen, what it means.
#[rustfmt::skip]
pub const CHANGE_KINDS: &[(ChangeKind, &str, &str, &str, Tone)] = &[
    (ChangeKind::Regressed, "regressed", "regressed", "it was covered or had nothing to scan, and is not covered now; or it was at risk and is blocked; or its coverage was lost", Tone::Bad),
    (ChangeKind::New, "new", "new", "it was not there before", Tone::Neutral),
    (ChangeKind::NoLongerVisible, "no_longer_visible", "no longer visible", "it is not listed any more, or its registry could not be read: not the same as fixed", Tone::Question),
    (ChangeKind::NoLongerReadable, "no_longer_readable", "no longer readable", "a fact that decides is a gap now: not the same as fixed", Tone::Question),
    (ChangeKind::Changed, "changed", "changed", "another diagnosis or other facts", Tone::Warning),
    (ChangeKind::StillStale, "still_stale", "still stale", "the policy allowed Inspector at both audits and coverage still says ACCESS_DENIED: it does not refresh by itself", Tone::Bad),
    (ChangeKind::Fixed, "fixed", "fixed", "it was not covered, and is now, or has nothing to scan", Tone::Good),
];

impl ChangeKind {
    fn info(self) -> (&'static str, &'static str, Tone) {
        let row = CHANGE_KINDS.iter().find(|row| row.0 == self);
        row.map_or(("", "", Tone::Neutral), |row| (row.1, row.2, row.4))
    }

    /// Its word in files.
    pub fn word(self) -> &'static str {
        self.info().0
    }

    pub fn title(self) -> &'static str {
        self.info().1
    }

    pub fn tone(self) -> Tone {
        self.info().2
    }
}

/// A column whose value is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub column: &'static str,
    pub before: String,
    pub after: String,
}

/// One repository's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub kind: ChangeKind,
    pub account: AccountId,
    pub account_name: String,
    pub region: RegionName,
    pub repository: RepositoryName,
    pub repository_arn: String,
    pub before: Option<Diagnosis>,
    pub after: Option<Diagnosis>,
    pub differences: Vec<Difference>,
    /// What the two audits together say beyond the difference.
    pub note: String,
    /// The texts that the repository's policy was and is, where they differ.
    pub policy: Option<(Observed<PolicyHash>, Observed<PolicyHash>)>,
}

/// Two audits compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// It changed after this time.
    pub since: Timestamp,
    /// And no later than this.
    pub until: Timestamp,
    pub balance: Balance,
    pub rows: Vec<Change>,
    pub unchanged: usize,
    pub simulated: bool,
    /// Repositories whose policy does not decide, and under whose text an image was scanned.
    pub allowed_likely: BTreeSet<(AccountId, RegionName, RepositoryName)>,
    /// The texts that changes speak of.
    pub policies: BTreeMap<PolicyHash, String>,
}

impl Changes {
    /// What of a repository policy changed, line by line, in the form that JSON is printed in. Empty where it did not, or
    /// where a text was not read.
    pub fn policy_difference(&self, change: &Change) -> Vec<Line> {
        let text = |fact: &Observed<PolicyHash>| match fact {
            Observed::Known(hash) => self.policies.get(hash).map(|text| difference::printed(text)),
            Observed::Absent => Some(String::new()),
            Observed::Unknown(_) => None,
        };
        let texts = change.policy.as_ref().and_then(|(before, after)| Some((text(before)?, text(after)?)));
        texts.map_or_else(Vec::new, |(before, after)| difference::hunks(&before, &after))
    }

    /// `3 regressed, 2 fixed, 1 new`, in the order of the kinds; what did not change is no part of it.
    pub fn by_kind(&self) -> String {
        let counted = CHANGE_KINDS.iter().filter_map(|(kind, _, title, ..)| {
            let number = self.rows.iter().filter(|change| change.kind == *kind).count();
            let always = matches!(kind, ChangeKind::Regressed | ChangeKind::Fixed);
            (number > 0 || always).then(|| (*kind, format!("{} {title}", thousands(number))))
        });
        let mut counted: Vec<_> = counted.collect();
        // Worse and better first: that is what is asked.
        counted.sort_by_key(|(kind, _)| !matches!(kind, ChangeKind::Regressed | ChangeKind::Fixed));
        counted.into_iter().map(|(_, words)| words).collect::<Vec<_>>().join(", ")
    }
}
