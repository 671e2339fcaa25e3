//! Write ports: the four calls that change something. Nothing that audits or plans is given one.
//!
//! Nothing here is repeated by the SDK: whoever calls looks what came of a call before it makes it again.

use std::sync::Arc;

use aws_config::Region;
use aws_sdk_ecr::types::{
    RegistryScanningRule, ScanFrequency, ScanType, ScanningRepositoryFilter, ScanningRepositoryFilterType,
};
use aws_sdk_inspector2::types::{FailedAccount, ResourceScanType};
use aws_smithy_types::retry::RetryConfig;
use scangap_model::{AccountId, RegionName};

use crate::classify::CallError;
use crate::connect::Connection;
use crate::credentials::AssumedRole;
use crate::meter::Call;
use crate::read::{ScanningConfiguration, send};

/// One region of one account, through its write role.
#[derive(Debug, Clone)]
pub struct RegionWriter {
    ecr: aws_sdk_ecr::Client,
    inspector: aws_sdk_inspector2::Client,
}

/// Answers with HTTP 200 hold refusals of single accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToggleRefusal {
    pub code: String,
    pub message: String,
}

impl RegionWriter {
    pub fn new(connection: &Connection, role: &AssumedRole, region: &RegionName) -> Self {
        let config = connection
            .credentialed(Some(role))
            .into_builder()
            .region(Region::new(region.as_str().to_owned()))
            .retry_config(RetryConfig::disabled())
            .build();
        let ecr = aws_sdk_ecr::config::Builder::from(&config)
            .identity_cache(aws_sdk_ecr::config::IdentityCache::no_cache())
            .build();
        let inspector = aws_sdk_inspector2::config::Builder::from(&config)
            .identity_cache(aws_sdk_inspector2::config::IdentityCache::no_cache())
            .build();
        Self { ecr: aws_sdk_ecr::Client::from_conf(ecr), inspector: aws_sdk_inspector2::Client::from_conf(inspector) }
    }

    /// AWS: without `force`, a policy is refused that would keep its author from changing it again.
    pub async fn set_repository_policy(&self, call: &Arc<Call>, name: &str, text: &str) -> Result<(), CallError> {
        send!(call, self.ecr.set_repository_policy().repository_name(name).policy_text(text)).map(drop)
    }

    pub async fn put_scanning_configuration(
        &self,
        call: &Arc<Call>,
        configuration: &ScanningConfiguration,
    ) -> Result<(), CallError> {
        let unbuilt = |_| call.malformed("RequestNotBuilt", "a scan rule lacks a member");
        let mut rules = Vec::new();
        for rule in &configuration.rules {
            let mut filters = Vec::new();
            for filter in &rule.filters {
                let built = ScanningRepositoryFilter::builder()
                    .filter(filter)
                    .filter_type(ScanningRepositoryFilterType::Wildcard)
                    .build();
                filters.push(built.map_err(unbuilt)?);
            }
            let built = RegistryScanningRule::builder()
                .scan_frequency(ScanFrequency::from(rule.frequency.as_str()))
                .set_repository_filters(Some(filters))
                .build();
            rules.push(built.map_err(unbuilt)?);
        }
        let request = self
            .ecr
            .put_registry_scanning_configuration()
            .scan_type(ScanType::from(configuration.scan_type.as_str()))
            .set_rules(Some(rules));
        send!(call, request).map(drop)
    }

    /// Turns ECR scanning off for one account. AWS: never without the type, or everything goes.
    pub async fn disable(&self, call: &Arc<Call>, account: AccountId) -> Result<Option<ToggleRefusal>, CallError> {
        let request = self.inspector.disable().account_ids(account.as_str()).resource_types(ResourceScanType::Ecr);
        let output = send!(call, request)?;
        Ok(refusal(output.failed_accounts(), account))
    }

    /// Turns ECR scanning on for one account. The token makes a repetition the same call.
    pub async fn enable(
        &self,
        call: &Arc<Call>,
        account: AccountId,
        token: &str,
    ) -> Result<Option<ToggleRefusal>, CallError> {
        let request = self
            .inspector
            .enable()
            .account_ids(account.as_str())
            .resource_types(ResourceScanType::Ecr)
            .client_token(token);
        let output = send!(call, request)?;
        Ok(refusal(output.failed_accounts(), account))
    }
}

fn refusal(failed: &[FailedAccount], account: AccountId) -> Option<ToggleRefusal> {
    let failed = failed.iter().find(|failed| failed.account_id() == account.as_str())?;
    Some(ToggleRefusal { code: failed.error_code().as_str().to_owned(), message: failed.error_message().to_owned() })
}
