//! The balance of two audits: how much needs action before and after, and what became of it.

use scangap_model::{Diagnosis, thousands};

use crate::words::percent;

/// Counted over all repositories that are known at either audit; what is covered, over those in lists that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// Covered repositories before and now, and all of which that is a share.
    pub covered: (usize, usize),
    pub listed: (usize, usize),
    /// Repositories that need action, before and now.
    pub to_act_on: (usize, usize),
    /// They need it now, and did not before, or were not there.
    pub new: usize,
    /// They need it now, and what they were before could not be read.
    pub newly_known: usize,
    /// They needed it, and are covered now or have nothing to scan.
    pub fixed: usize,
    /// They needed it, and still do.
    pub carried: usize,
    /// They needed it, and are not visible or not readable now. That is not fixed.
    pub no_longer_known: usize,
    /// They needed it, and do not for another reason: scanning is off now, or a change is under way.
    pub otherwise: usize,
    /// Of all repositories those whose coverage by Inspector was active, and is not now.
    pub lost_scanning: usize,
    /// The other way round.
    pub gained_scanning: usize,
    /// They were covered, and are not visible or not readable now.
    pub covered_no_longer_known: usize,
}

impl Balance {
    /// A repository as it was and as it is. `None`: it is not in that audit. `was_read`: whether it would have been, had it been there.
    pub(crate) fn add(&mut self, was: Option<Diagnosis>, is: Option<Diagnosis>, was_read: bool) {
        let needs = |diagnosis: Option<Diagnosis>| diagnosis.is_some_and(|diagnosis| diagnosis.info().fails_any);
        self.to_act_on.0 += usize::from(needs(was));
        self.to_act_on.1 += usize::from(needs(is));
        if was == Some(Diagnosis::Covered) && matches!(is, Some(Diagnosis::Unreadable) | None) {
            self.covered_no_longer_known += 1;
        }
        let was_not_known = was == Some(Diagnosis::Unreadable) || was.is_none() && !was_read;
        let part = match (needs(was), needs(is), is) {
            (false, false, _) => return,
            (false, true, _) if was_not_known => &mut self.newly_known,
            (false, true, _) => &mut self.new,
            (true, true, _) => &mut self.carried,
            (true, false, Some(Diagnosis::Covered | Diagnosis::Empty)) => &mut self.fixed,
            (true, false, Some(Diagnosis::Unreadable) | None) => &mut self.no_longer_known,
            (true, false, Some(_)) => &mut self.otherwise,
        };
        *part += 1;
    }

    /// The balance of both.
    pub(crate) fn sum(&mut self, other: &Self) {
        let both = |a: &mut (usize, usize), b: (usize, usize)| *a = (a.0 + b.0, a.1 + b.1);
        both(&mut self.covered, other.covered);
        both(&mut self.listed, other.listed);
        both(&mut self.to_act_on, other.to_act_on);
        for (sum, more) in [
            (&mut self.new, other.new),
            (&mut self.newly_known, other.newly_known),
            (&mut self.fixed, other.fixed),
            (&mut self.carried, other.carried),
            (&mut self.no_longer_known, other.no_longer_known),
            (&mut self.otherwise, other.otherwise),
            (&mut self.lost_scanning, other.lost_scanning),
            (&mut self.gained_scanning, other.gained_scanning),
            (&mut self.covered_no_longer_known, other.covered_no_longer_known),
        ] {
            *sum += more;
        }
    }

    /// `needs action 732 -> 746: 83 new, 69 fixed, 663 carried; 60 lost scanning; covered 3,769 -> 4,234 (68.8 % -> 69.9 %)`.
    pub fn in_words(&self) -> String {
        let number = |number: usize| thousands(number);
        let mut parts: Vec<String> = [(self.new, "new"), (self.fixed, "fixed"), (self.carried, "carried")]
            .into_iter()
            .map(|(count, word)| format!("{} {word}", number(count)))
            .collect();
        let rare = [
            (self.newly_known, "not known before"),
            (self.no_longer_known, "not known any more"),
            (self.otherwise, "off, not selected or changing now"),
        ];
        parts.extend(
            rare.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{} {word}", number(count))),
        );
        let share = |(before, after): (usize, usize), (of_before, of_after): (usize, usize)| {
            let (before, after) = (percent(before, of_before), percent(after, of_after));
            if before.is_empty() || after.is_empty() { String::new() } else { format!(" ({before} -> {after})") }
        };
        let lost = match self.lost_scanning {
            0 => String::new(),
            lost => format!("; {} lost scanning", number(lost)),
        };
        let unknown = match self.covered_no_longer_known {
            0 => String::new(),
            unknown => format!(", {} of them not known any more", number(unknown)),
        };
        format!(
            "needs action {} -> {}: {}{lost}; covered {} -> {}{}{unknown}",
            number(self.to_act_on.0),
            number(self.to_act_on.1),
            parts.join(", "),
            number(self.covered.0),
            number(self.covered.1),
            share(self.covered, self.listed)
        )
    }
}

#[cfg(test)]
mod tests {
    use scangap_model::DIAGNOSES;

    use super::*;

    // Holds: 15 Trend: what needed action is fixed, carried, not known any more or needs none for another reason, and what needs it is new or carried
    #[test]
    fn the_balance_adds_up() {
        let all: Vec<Option<Diagnosis>> = DIAGNOSES.iter().map(|info| Some(info.diagnosis)).chain([None]).collect();
        let mut balance = Balance::default();
        for was in &all {
            for is in &all {
                balance.add(*was, *is, true);
            }
        }
        let Balance { to_act_on: (before, after), new, fixed, carried, no_longer_known, otherwise, .. } = balance;
        let number = DIAGNOSES.iter().filter(|info| info.fails_any).count();
        assert_eq!((before, after), (number * all.len(), number * all.len()));
        assert_eq!(before, fixed + carried + no_longer_known + otherwise);
        assert_eq!(after, new + balance.newly_known + carried);
        assert_eq!((fixed, no_longer_known), (number * 2, number * 2), "a gap is never fixed");
    }

    #[test]
    fn it_says_first_what_is_asked_first() {
        let balance = Balance {
            covered: (3_769, 4_234),
            listed: (5_478, 6_059),
            to_act_on: (732, 746),
            new: 83,
            fixed: 69,
            carried: 663,
            lost_scanning: 60,
            ..Balance::default()
        };
        assert_eq!(
            balance.in_words(),
            "needs action 732 -> 746: 83 new, 69 fixed, 663 carried; 60 lost scanning; covered 3,769 -> 4,234 (68.8 % -> 69.8 %)"
        );
        let nothing = Balance::default();
        assert_eq!(nothing.in_words(), "needs action 0 -> 0: 0 new, 0 fixed, 0 carried; covered 0 -> 0");
    }
}
