//! Registries whose own list of repositories was not read. Inspector's coverage may name some of their repositories; one
//! without a row, which is what a policy that denies Inspector makes, cannot appear. They are no part of any share.

use std::collections::BTreeMap;

use scangap_model::{CellFacts, CellOutcome, Diagnosis, GapKind};

use crate::terminal::thousands;

/// Registries whose list was not read, and the repositories in them that are known all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unlisted {
    /// Where Inspector names no repository, too: that is what a policy that denies it makes.
    pub registries: usize,
    pub repositories: usize,
    pub covered: usize,
    /// Those that a diagnosis asks to act on all the same.
    pub to_act_on: usize,
}

impl Unlisted {
    pub(crate) fn add(&mut self, diagnoses: &BTreeMap<Diagnosis, usize>) {
        for (diagnosis, number) in diagnoses {
            self.repositories += number;
            self.covered += if *diagnosis == Diagnosis::Covered { *number } else { 0 };
            self.to_act_on += if diagnosis.info().fails_any { *number } else { 0 };
        }
    }
}

/// Whether there was a list to read, and nobody read it to its end.
pub(crate) fn is_missing(cell: &CellFacts) -> bool {
    !cell.is_listed() && !matches!(cell.outcome, CellOutcome::NotEnabled | CellOutcome::Skipped { .. })
}

/// Whether the list was read; of a cell that nobody wrote down nothing was.
pub(crate) fn is_listed(cell: Option<&CellFacts>) -> bool {
    cell.is_some_and(CellFacts::is_listed)
}

/// What kept the list from being read.
pub(crate) fn why(cell: Option<&CellFacts>) -> &'static str {
    match cell.map(|cell| (&cell.outcome, &cell.repositories)) {
        Some((CellOutcome::Unreadable(gap), _)) if gap.kind == GapKind::AccessDenied => "list refused",
        Some((CellOutcome::Read, _)) => "list broke off",
        Some((CellOutcome::NotReached, _)) => "list not reached",
        Some(_) | None => "list not read",
    }
}

/// `list refused; Inspector shows 32`: what stands where a share would.
pub(crate) fn in_words(cell: Option<&CellFacts>, repositories: usize) -> String {
    format!("{}; {}", why(cell), shown(cell, repositories))
}

/// `Inspector shows 32`. A list that broke off showed some of them itself.
pub(crate) fn shown(cell: Option<&CellFacts>, repositories: usize) -> String {
    match cell.map(|cell| &cell.outcome) {
        Some(CellOutcome::Read) => format!("{} known", thousands(repositories)),
        Some(_) | None => format!("Inspector shows {}", thousands(repositories)),
    }
}
