//! Accounts and regions as a map: which of them are shown, and in which order.

use scangap_model::{AccountFacts, AccountId, AccountOutcome, Diagnosis, RegionName, RegistryOutcome};

use crate::input::Input;

/// Regions where anybody has a repository, and the accounts that are shown.
pub(crate) struct Matrix<'a> {
    pub(crate) regions: Vec<&'a RegionName>,
    pub(crate) accounts: Vec<&'a AccountFacts>,
    pub(crate) left_out: usize,
}

/// In order; where there is not room for all accounts, those with the worst diagnoses.
pub(crate) fn matrix<'a>(input: &Input<'a>, accounts_max: usize) -> Matrix<'a> {
    let by_registry = &input.assessment.by_registry;
    let mut regions: Vec<&RegionName> = by_registry.keys().map(|(_, region)| region).collect();
    regions.sort_unstable();
    regions.dedup();
    let mut accounts: Vec<&AccountFacts> = input.facts.accounts.values().collect();
    let left_out = accounts.len().saturating_sub(accounts_max);
    if left_out > 0 {
        let mut worst: std::collections::BTreeMap<AccountId, Diagnosis> = std::collections::BTreeMap::new();
        for ((account, _), diagnoses) in by_registry {
            let here = diagnoses.keys().min().copied();
            let sofar = worst.get(account).copied();
            worst.extend(here.into_iter().chain(sofar).min().map(|diagnosis| (*account, diagnosis)));
        }
        // What could not be read may hide anything: such an account ranks as unreadable, not as covered.
        let unread = |account: &AccountFacts| {
            !matches!(account.outcome, AccountOutcome::Read { .. } | AccountOutcome::Skipped { .. })
                || input.registries_of(account.id).any(|registry| {
                    !matches!(registry.outcome, RegistryOutcome::NotEnabled | RegistryOutcome::Skipped { .. })
                        && !registry.is_listed()
                })
        };
        let rank = |account: &&AccountFacts| {
            let worst = worst.get(&account.id).copied();
            let unread = unread(account).then_some(Diagnosis::Unreadable);
            (worst.into_iter().chain(unread).min().unwrap_or(Diagnosis::Covered), account.id)
        };
        accounts.sort_by_cached_key(rank);
        accounts.truncate(accounts_max);
    }
    Matrix { regions, accounts, left_out }
}
