//! What is asked of a collection.

use scangap_aws::AssumeOptions;
use scangap_model::{Scope, Shard};

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
    /// The slice of the accounts to read; `None`: all in scope.
    pub shard: Option<Shard>,
}
