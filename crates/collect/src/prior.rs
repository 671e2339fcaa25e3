//! What earlier runs of the same audit read, and this run does not ask again.

use std::collections::{BTreeMap, BTreeSet};

use scangap_model::{AccountFacts, AccountId, OrganizationFacts, RegionFact, RegionName};

/// Nothing, for an audit that begins.
#[derive(Debug, Clone, Default)]
pub struct Prior {
    /// If it need not be listed again.
    pub organization: Option<PriorOrganization>,
    pub accounts: BTreeMap<AccountId, PriorAccount>,
}

#[derive(Debug, Clone)]
pub struct PriorOrganization {
    pub facts: OrganizationFacts,
    /// Those in scope, of this shard.
    pub accounts: Vec<AccountFacts>,
    /// How many accounts are asked over all shards.
    pub asked: usize,
}

/// How far an account was read.
#[derive(Debug, Clone)]
pub enum PriorAccount {
    /// Nothing of it is left to ask.
    Settled,
    /// Something of it is.
    Begun(Begun),
}

/// An account of which something is left to ask.
#[derive(Debug, Clone)]
pub struct Begun {
    /// How it was opened, if that is known; else it is approached like any other.
    pub opened: Option<PriorOpening>,
    /// Registries that are not read again.
    pub whole: BTreeSet<RegionName>,
    pub inspector_role: PriorRole,
}

#[derive(Debug, Clone)]
pub struct PriorOpening {
    /// `None`: the caller's own credentials.
    pub role_name: Option<String>,
    pub regions: Vec<RegionFact>,
}

/// Whether Inspector's service-linked role of an account was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriorRole {
    NotAsked,
    Asked,
    /// There was no answer: it is asked for again, even if no registry is.
    InVain,
}

impl Prior {
    pub(crate) fn of(&self, account: AccountId) -> Option<&PriorAccount> {
        self.accounts.get(&account)
    }

    /// Whether something of an account is left to ask.
    pub(crate) fn is_left(&self, account: AccountId) -> bool {
        !matches!(self.of(account), Some(PriorAccount::Settled))
    }

    /// What is left of an account that was opened.
    pub(crate) fn begun(&self, account: AccountId) -> Option<&Begun> {
        match self.of(account) {
            Some(PriorAccount::Begun(begun)) => Some(begun),
            Some(PriorAccount::Settled) | None => None,
        }
    }

    /// The regions in which a registry may be left, of these accounts. `None`: any, since the regions of an account are not known.
    pub(crate) fn regions_left(&self, mut accounts: impl Iterator<Item = AccountId>) -> Option<BTreeSet<RegionName>> {
        accounts.try_fold(BTreeSet::new(), |mut left, account| {
            match self.of(account) {
                None => return None,
                Some(PriorAccount::Settled) => {}
                Some(PriorAccount::Begun(begun)) => {
                    let regions = begun.opened.as_ref()?.regions.iter().map(|fact| &fact.region);
                    left.extend(regions.filter(|region| !begun.whole.contains(*region)).cloned());
                }
            }
            Some(left)
        })
    }
}
