//! What is asked of a collection.

use std::collections::HashMap;
use std::sync::Arc;

use scangap_aws::AssumeOptions;
use scangap_model::{AccountId, RegionName, Scope, Shard};

use crate::floor::Sizes;

#[derive(Debug, Clone)]
pub struct CollectOptions {
    pub scope: Scope,
    /// Names or paths of roles, tried in order in each account.
    pub role_names: Vec<String>,
    /// The role for the delegated administrator's account, where it is another.
    pub inspector_admin_role_name: Option<String>,
    /// The role to read Organizations with, from a tooling account.
    pub organization_role_arn: Option<String>,
    pub assume: AssumeOptions,
    /// Keys of tags to read of every repository. Others are read only where a policy needs them.
    pub tags: Vec<String>,
    /// Whether to keep the images' rows one by one, and not only their counts.
    pub keep_images: bool,
    pub max_in_flight: usize,
    /// Sizes of an earlier audit: the largest registries begin first. Empty: not known.
    pub hints: Arc<Sizes>,
    /// The slice of the accounts to read; `None`: all in scope.
    pub shard: Option<Shard>,
}

impl CollectOptions {
    /// The roles that are assumed. Of an external id a trace that tells it from another, and no more.
    pub fn roles_in_words(&self) -> String {
        let mut words = vec![self.role_names.join(" or ")];
        words.extend(self.inspector_admin_role_name.iter().map(|name| format!("administrator {name}")));
        words.extend(self.organization_role_arn.iter().map(|arn| format!("organization {arn}")));
        words.extend(self.assume.trace_of_external_id().map(|trace| format!("external id {trace}")));
        words.join(", ")
    }

    /// How large a registry was in an earlier audit.
    pub(crate) fn size_of(&self, account: AccountId, region: &RegionName) -> u64 {
        self.hints.get(&(account, region.clone())).map_or(0, |size| size.repositories)
    }

    /// How large the largest registry of each account was.
    pub(crate) fn largest(&self) -> HashMap<AccountId, u64> {
        self.hints.iter().fold(HashMap::new(), |mut largest, ((account, _), size)| {
            let known = largest.entry(*account).or_default();
            *known = size.repositories.max(*known);
            largest
        })
    }
}
