//! Registries whose own list of repositories was not read. Inspector's coverage may name some of their repositories; one
//! without a row, which is what a policy that denies Inspector makes, cannot appear. They are no part of any share.

use std::collections::BTreeMap;

use scangap_model::{Diagnosis, GapKind, RegistryFacts, RegistryOutcome, thousands};

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

/// Whether the registry has a list of repositories that was not read to its end.
pub(crate) fn is_missing(registry: &RegistryFacts) -> bool {
    !registry.is_listed() && !matches!(registry.outcome, RegistryOutcome::NotEnabled | RegistryOutcome::Skipped { .. })
}

/// Whether the list was read; false for a registry without a record.
pub(crate) fn is_listed(registry: Option<&RegistryFacts>) -> bool {
    registry.is_some_and(|registry| registry.is_listed())
}

/// What kept the list from being read.
pub(crate) fn why(registry: Option<&RegistryFacts>) -> &'static str {
    match registry.map(|registry| (&registry.outcome, &registry.repositories)) {
        Some((RegistryOutcome::Unreadable(gap), _)) if gap.kind == GapKind::AccessDenied => "list refused",
        Some((RegistryOutcome::Read, _)) => "list broke off",
        Some((RegistryOutcome::NotReached, _)) => "list not reached",
        Some(_) | None => "list not read",
    }
}

/// `list refused; Inspector shows 32`: in place of a share.
pub(crate) fn in_words(registry: Option<&RegistryFacts>, repositories: usize) -> String {
    format!("{}; {}", why(registry), shown(registry, repositories))
}

/// `Inspector shows 32`. A list that broke off showed some of them itself.
pub(crate) fn shown(registry: Option<&RegistryFacts>, repositories: usize) -> String {
    match registry.map(|registry| &registry.outcome) {
        Some(RegistryOutcome::Read) => format!("{} known", thousands(repositories)),
        Some(_) | None => format!("Inspector shows {}", thousands(repositories)),
    }
}
