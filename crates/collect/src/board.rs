//! The registries that are being read, for the progress display: since when, and what each waits for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use scangap_model::{AccountId, RegionName};

/// Shared by the collection, which writes it, and the screen, which reads it.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<BTreeMap<Key, Entry>>>);

/// An account's registry; or, with `true`, what is asked of the account for the whole organization.
type Key = (AccountId, RegionName, bool);

#[derive(Debug, Clone)]
struct Entry {
    since: Instant,
    stage: RegistryStage,
}

/// What a registry waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryStage {
    Listing,
    /// Policies, images, and what else is asked of repositories.
    Repositories,
    /// For what Inspector's administrator sees, which is asked for all accounts together.
    Administrator,
    /// Inspector in the account itself.
    Inspector,
    /// The account is the administrator, and is being asked.
    Organization,
}

impl RegistryStage {
    pub const fn words(self) -> &'static str {
        match self {
            Self::Listing => "lists repositories",
            Self::Administrator => "waits for Inspector's administrator",
            Self::Repositories => "reads repositories",
            Self::Inspector => "asks Inspector",
            Self::Organization => "says what Inspector sees of the organization",
        }
    }
}

/// A registry under way.
#[derive(Debug, Clone)]
pub struct Running {
    pub account: AccountId,
    pub region: RegionName,
    pub stage: RegistryStage,
    pub time: Duration,
}

impl Board {
    /// Those that ask, the longest first; then those that wait for the administrator.
    pub fn longest(&self, count: usize) -> Vec<Running> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Running> = entries
            .iter()
            .map(|((account, region, _), entry)| Running {
                account: *account,
                region: region.clone(),
                stage: entry.stage,
                time: entry.since.elapsed(),
            })
            .collect();
        drop(entries);
        all.sort_by_key(|running| (running.stage == RegistryStage::Administrator, std::cmp::Reverse(running.time)));
        all.truncate(count);
        all
    }

    pub(crate) fn at(&self, account: AccountId, region: &RegionName, stage: RegistryStage) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Entry { since: Instant::now(), stage };
        let of_all = stage == RegistryStage::Organization;
        entries.entry((account, region.clone(), of_all)).or_insert_with(new).stage = stage;
    }

    pub(crate) fn done(&self, account: AccountId, region: &RegionName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(account, region.clone(), false));
    }

    /// The administrator has said what it sees of the organization.
    pub(crate) fn organization_done(&self, account: AccountId, region: &RegionName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(account, region.clone(), true));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asks_comes_before_what_waits_for_others() {
        let board = Board::default();
        let region: RegionName = "eu-west-1".parse().unwrap();
        let id = |text: &str| text.parse::<AccountId>().unwrap();
        board.at(id("111111111111"), &region, RegistryStage::Administrator);
        board.at(id("222222222222"), &region, RegistryStage::Listing);
        board.at(id("222222222222"), &region, RegistryStage::Repositories);
        board.at(id("333333333333"), &region, RegistryStage::Listing);
        board.at(id("333333333333"), &region, RegistryStage::Organization);
        board.done(id("333333333333"), &region);
        let shown: Vec<(AccountId, RegistryStage)> =
            board.longest(8).into_iter().map(|running| (running.account, running.stage)).collect();
        assert_eq!(
            shown,
            [
                (id("222222222222"), RegistryStage::Repositories),
                (id("333333333333"), RegistryStage::Organization),
                (id("111111111111"), RegistryStage::Administrator)
            ]
        );
        board.organization_done(id("333333333333"), &region);
        assert_eq!(board.longest(8).len(), 2);
        assert_eq!(board.longest(1).len(), 1);
    }
}
