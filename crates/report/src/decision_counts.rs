//! What the decisions come to in one audit: what is accepted, what is past, and what does not fit.

use std::collections::BTreeMap;
use std::io;

use jiff::civil::Date;
use scangap_model::{Diagnosis, count, thousands};

use crate::decisions::{Standing, Verdict};
use crate::input::Input;

/// How many of them a screen shows.
const SHOWN: usize = 10;

/// What the decisions come to in one audit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DecisionCounts {
    /// Repositories whose diagnosis is accepted.
    pub accepted: BTreeMap<Diagnosis, usize>,
    pub expired: BTreeMap<Diagnosis, usize>,
    pub gaps_accepted: usize,
    pub gaps_expired: usize,
    /// Acceptances whose day is past, with how many rows they leave open.
    pub past: Vec<String>,
    /// Acceptances of the configuration that match nothing.
    pub unmatched: Vec<String>,
    pub disagreements: Vec<String>,
    /// Decisions of a workbook that accept without a day or a reason: they do not count.
    pub half: usize,
}

impl DecisionCounts {
    /// One pass over the repositories, and none where nothing was decided.
    pub fn of(input: &Input<'_>) -> io::Result<Self> {
        let mut counts = Self::default();
        let Some(decisions) = input.decisions.filter(|decisions| !decisions.is_empty()) else { return Ok(counts) };
        let mut matched = vec![0_usize; decisions.acceptances.len()];
        let mut past: BTreeMap<(String, Date), usize> = BTreeMap::new();
        let mut add = |counts: &mut Self, verdict: Verdict| {
            for at in verdict.matched {
                if let Some(number) = matched.get_mut(at) {
                    *number += 1;
                }
            }
            counts.half += usize::from(verdict.is_half);
            counts.disagreements.extend(verdict.disagreement);
            verdict.standing
        };
        input.visit_repositories(0..input.assessment.repositories.len(), |row| {
            let diagnosis = row.assessment.diagnosis;
            match add(&mut counts, input.decided(row)) {
                Standing::Open => {}
                Standing::Accepted(_) => *counts.accepted.entry(diagnosis).or_default() += 1,
                Standing::Expired(signed) => {
                    *counts.expired.entry(diagnosis).or_default() += 1;
                    *past.entry((signed.source, signed.until)).or_default() += 1;
                }
            }
            Ok(())
        })?;
        for gap in &input.assessment.gaps {
            match add(&mut counts, input.decided_of_gap(gap)) {
                Standing::Open => {}
                Standing::Accepted(_) => counts.gaps_accepted += 1,
                Standing::Expired(signed) => {
                    counts.gaps_expired += 1;
                    *past.entry((signed.source, signed.until)).or_default() += 1;
                }
            }
        }
        for (acceptance, number) in decisions.acceptances.iter().zip(matched) {
            if number == 0 {
                counts.unmatched.push(acceptance.source.clone());
            }
        }
        counts.past = past
            .into_iter()
            .map(|((source, until), number)| format!("{source}, past since {until}: {}", thousands(number)))
            .collect();
        Ok(counts)
    }

    pub fn n_accepted(&self) -> usize {
        self.accepted.values().sum()
    }

    pub fn n_expired(&self) -> usize {
        self.expired.values().sum()
    }

    /// Lines for the screen and the page, the most important first. Empty where nothing was decided.
    pub fn in_words(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let both = |repositories: usize, gaps: usize| {
            format!("{} and {}", count(repositories, "repository"), count(gaps, "gap"))
        };
        if self.n_accepted() + self.gaps_accepted > 0 {
            lines.push(format!("Accepted: {}; they stay in every report", both(self.n_accepted(), self.gaps_accepted)));
        }
        if self.n_expired() + self.gaps_expired > 0 {
            lines.push(format!("Acceptance expired, counts again: {}", both(self.n_expired(), self.gaps_expired)));
        }
        if self.half > 0 {
            lines.push(format!("Not accepted: {} without Expires or Justification", count(self.half, "decision")));
        }
        for (what, all) in
            [("Expired", &self.past), ("Decisions disagree", &self.disagreements), ("Matches nothing", &self.unmatched)]
        {
            lines.extend(all.iter().take(SHOWN).map(|words| format!("{what}: {words}")));
            if all.len() > SHOWN {
                lines.push(format!("{what}: {} more (summary.json)", thousands(all.len() - SHOWN)));
            }
        }
        lines
    }
}
