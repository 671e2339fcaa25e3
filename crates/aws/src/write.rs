//! Write ports: the calls that change something, and the report of findings that Inspector writes before. Nothing that
//! audits or plans is given one.
//!
//! The SDK retries none of these calls: the caller reads the state back before it sends a call again.

use std::sync::Arc;

use aws_config::Region;
use aws_sdk_ecr::types::{
    RegistryScanningRule, ScanFrequency, ScanType, ScanningRepositoryFilter, ScanningRepositoryFilterType,
};
use aws_sdk_inspector2::types::{Destination, FailedAccount, ReportFormat, ResourceScanType};
use aws_smithy_types::retry::RetryConfig;
use scangap_model::{AccountId, RegionName};

use crate::classify::CallError;
use crate::connect::Connection;
use crate::credentials::{AssumedRole, port};
use crate::meter::{Call, Watch};
use crate::port::Port;
use crate::read::{ScanningConfiguration, findings_criteria};

/// Sends a request in its turn, and once: the caller reads the state back before it sends it again.
macro_rules! send_once {
    ($port:expr, $call:expr, $request:expr) => {
        $port.ask_once($call, || async { $request.clone().send().await.map_err(|error| $call.error(&error)) }).await
    };
}

/// One region of one account, through its write role.
#[derive(Debug, Clone)]
pub struct RegionWriter {
    ecr: aws_sdk_ecr::Client,
    inspector: aws_sdk_inspector2::Client,
    port: Port,
}

/// Answers with HTTP 200 hold refusals of single accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToggleRefusal {
    pub code: String,
    pub message: String,
}

/// Where Inspector writes a report of findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportDestination {
    pub bucket: String,
    pub prefix: Option<String>,
    pub kms_key_arn: String,
}

/// How far such a report is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportStatus {
    pub status: String,
    /// Why it failed, where it did.
    pub code: String,
    pub message: String,
}

impl RegionWriter {
    pub fn new(connection: &Connection, account: AccountId, role: &AssumedRole, region: &RegionName) -> Self {
        let config = connection
            .base()
            .credentialed(Some(role))
            .into_builder()
            .region(Region::new(region.as_str().to_owned()))
            .retry_config(RetryConfig::disabled())
            .build();
        Self {
            ecr: aws_sdk_ecr::Client::from_conf(aws_sdk_ecr::config::Builder::from(&config).interceptor(Watch).build()),
            inspector: aws_sdk_inspector2::Client::from_conf(
                aws_sdk_inspector2::config::Builder::from(&config).interceptor(Watch).build(),
            ),
            port: port(connection.base().limits.of(account, Some(region)), Some(role)),
        }
    }

    /// AWS: without `force`, a policy is refused that would keep its author from changing it again.
    pub async fn set_repository_policy(&self, call: &Arc<Call>, name: &str, text: &str) -> Result<(), CallError> {
        send_once!(self.port, call, self.ecr.set_repository_policy().repository_name(name).policy_text(text)).map(drop)
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
        send_once!(self.port, call, request).map(drop)
    }

    /// Turns ECR scanning off for one account. AWS: never without the type, or everything goes.
    pub async fn disable(&self, call: &Arc<Call>, account: AccountId) -> Result<Option<ToggleRefusal>, CallError> {
        let request = self.inspector.disable().account_ids(account.as_str()).resource_types(ResourceScanType::Ecr);
        let output = send_once!(self.port, call, request)?;
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
        let output = send_once!(self.port, call, request)?;
        Ok(refusal(output.failed_accounts(), account))
    }

    /// Requests a report of the findings of one account that Disable would delete, of every status; returns the report's id.
    pub async fn create_findings_report(
        &self,
        call: &Arc<Call>,
        account: AccountId,
        only_ecr: bool,
        to: &ReportDestination,
    ) -> Result<String, CallError> {
        let destination = Destination::builder()
            .bucket_name(&to.bucket)
            .set_key_prefix(to.prefix.clone())
            .kms_key_arn(&to.kms_key_arn)
            .build()
            .map_err(|_| call.malformed("RequestNotBuilt", "the report's destination lacks a member"))?;
        let request = self
            .inspector
            .create_findings_report()
            .report_format(ReportFormat::Json)
            .s3_destination(destination)
            .filter_criteria(findings_criteria(account, only_ecr));
        let output = send_once!(self.port, call, request)?;
        let unnamed = || call.malformed("EmptyAnswer", "the answer does not name the report");
        output.report_id().map(str::to_owned).ok_or_else(unnamed)
    }

    pub async fn findings_report_status(&self, call: &Arc<Call>, id: &str) -> Result<ReportStatus, CallError> {
        let output = send_once!(self.port, call, self.inspector.get_findings_report_status().report_id(id))?;
        let status = output.status().ok_or_else(|| call.malformed("EmptyAnswer", "the answer holds no status"))?;
        Ok(ReportStatus {
            status: status.as_str().to_owned(),
            code: output.error_code().map(|code| code.as_str().to_owned()).unwrap_or_default(),
            message: output.error_message().unwrap_or_default().to_owned(),
        })
    }
}

fn refusal(failed: &[FailedAccount], account: AccountId) -> Option<ToggleRefusal> {
    let failed = failed.iter().find(|failed| failed.account_id() == account.as_str())?;
    Some(ToggleRefusal { code: failed.error_code().as_str().to_owned(), message: failed.error_message().to_owned() })
}
