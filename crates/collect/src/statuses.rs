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

    pub(crate) fn get(&self, account: AccountId) -> Option<&AccountStatus> {
        self.of.get(&account).map(Arc::as_ref)
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
        assert_eq!(statuses.get(id(9)).and_then(|status| status.ecr_status.as_deref()), Some("DISABLED"));
        assert_eq!(statuses.get(id(9_998)).and_then(|status| status.ecr_status.as_deref()), Some("ENABLED"));
        assert_eq!(statuses.get(id(10_000)), None);
        assert_eq!(statuses.different.len(), 2);
    }
}
