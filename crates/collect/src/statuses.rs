//! Inspector's status of many accounts: each different one is kept once, and an organization has a handful of them.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use scangap_aws::read::AccountStatus;
use scangap_model::AccountId;

#[derive(Debug, Default)]
pub(crate) struct Statuses {
    of: BTreeMap<AccountId, Arc<AccountStatus>>,
    different: HashSet<Arc<AccountStatus>>,
}

impl Statuses {
    pub(crate) fn add(&mut self, account: AccountId, status: AccountStatus) {
        let met = self.different.get(&status).map(Arc::clone);
        let status = met.unwrap_or_else(|| {
            let status = Arc::new(status);
            self.different.insert(Arc::clone(&status));
            status
        });
        self.of.insert(account, status);
    }

    pub(crate) fn get(&self, account: AccountId) -> Option<Arc<AccountStatus>> {
        self.of.get(&account).map(Arc::clone)
    }

    pub(crate) fn has(&self, account: AccountId) -> bool {
        self.of.contains_key(&account)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: 14 Memory: what Inspector says of ten thousand accounts takes the room of what it says differently
    #[test]
    fn a_status_that_many_accounts_have_is_kept_once() {
        let id = |number: usize| format!("{number:012}").parse::<AccountId>().unwrap();
        let mut statuses = Statuses::default();
        assert!(statuses.is_empty());
        for number in 0..10_000 {
            let ecr = if number % 3 == 0 { "DISABLED" } else { "ENABLED" };
            let scan_types = BTreeMap::from([("ecr".to_owned(), ecr.to_owned())]);
            let status =
                AccountStatus { status: Some("ENABLED".to_owned()), ecr_status: Some(ecr.to_owned()), scan_types };
            statuses.add(id(number), status);
        }
        let ecr = |number: usize| statuses.get(id(number)).and_then(|status| status.ecr_status.clone());
        assert_eq!([ecr(9), ecr(9_998), ecr(10_000)], [Some("DISABLED".to_owned()), Some("ENABLED".to_owned()), None]);
        assert_eq!(statuses.different.len(), 2);
    }
}
