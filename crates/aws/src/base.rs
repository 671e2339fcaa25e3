//! What every client is built from.

use std::sync::Arc;

use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use scangap_model::Partition;

use crate::credentials::AssumedRole;
use crate::limits::Limits;

/// One HTTP client, one set of timeouts, the caller's credentials, and the limits of the process.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    pub(crate) config: SdkConfig,
    pub(crate) partition: Partition,
    pub(crate) limits: Arc<Limits>,
}

impl Base {
    /// With a role's session in place of the caller's own credentials. It renews itself: nothing is cached of it.
    pub(crate) fn credentialed(&self, role: Option<&AssumedRole>) -> SdkConfig {
        match role {
            Some(role) => self
                .config
                .to_builder()
                .credentials_provider(SharedCredentialsProvider::new(role.clone()))
                .identity_cache(aws_config::identity::IdentityCache::no_cache())
                .build(),
            None => self.config.clone(),
        }
    }

    /// AWS: Organizations and Account Management are global, signed for the partition's home region.
    pub(crate) fn global(&self, role: Option<&AssumedRole>) -> SdkConfig {
        self.credentialed(role).into_builder().region(Region::new(self.partition.home_region())).build()
    }
}
