//! One account: its regions, and a reader for each region.

use std::sync::{Arc, OnceLock};

use aws_config::{Region, SdkConfig};
use aws_sdk_account::types::RegionOptStatus;
use aws_smithy_runtime::client::retries::RetryPartition;
use scangap_model::{AccountId, INSPECTOR_ROLE_NAME, RegionName, RegionStatus, ServiceLinkedRole};

use crate::answer::{NO_VALUE, answered, send, timestamp};
use crate::base::Base;
use crate::classify::CallError;
use crate::credentials::{AssumedRole, port};
use crate::limits::Limits;
use crate::meter::Call;
use crate::page::Page;
use crate::port::{Port, Retries};

/// A region and what an account may do there.
#[derive(Debug, Clone)]
pub struct OptStatus {
    pub region: RegionName,
    pub status: RegionStatus,
}

#[derive(Debug, Clone)]
pub struct AccountReader {
    pub(crate) account: AccountId,
    config: Arc<SdkConfig>,
    /// IAM and Account Management are signed for the partition's home region.
    global: SdkConfig,
    limits: Arc<Limits>,
    /// An assumed role keeps its own credentials. The caller's own stay in the SDK's cache: behind them may be a process,
    /// SSO or the metadata service, which must not be asked for every request.
    session: Option<AssumedRole>,
    management: aws_sdk_account::Client,
    port: Port,
}

/// One registry. Built when its work starts and dropped when it ends: 50,000 live clients would be a gigabyte.
#[derive(Debug, Clone)]
pub struct RegionReader {
    pub(crate) account: AccountId,
    /// Clients are made when they are first needed: what the administrator says of an empty registry is enough.
    ecr: Arc<OnceLock<aws_sdk_ecr::Client>>,
    inspector: Arc<OnceLock<aws_sdk_inspector2::Client>>,
    config: Arc<SdkConfig>,
    region: RegionName,
    pub(crate) port: Port,
}

impl RegionReader {
    pub(crate) fn ecr(&self) -> &aws_sdk_ecr::Client {
        self.ecr.get_or_init(|| {
            let config = aws_sdk_ecr::config::Builder::from(&*self.config)
                .region(Region::new(self.region.as_str().to_owned()))
                .retry_partition(place("ecr", self.account, &self.region))
                .retry_classifier(Retries);
            aws_sdk_ecr::Client::from_conf(config.build())
        })
    }

    pub(crate) fn inspector(&self) -> &aws_sdk_inspector2::Client {
        self.inspector.get_or_init(|| {
            let config = aws_sdk_inspector2::config::Builder::from(&*self.config)
                .region(Region::new(self.region.as_str().to_owned()))
                .retry_partition(place("inspector2", self.account, &self.region))
                .retry_classifier(Retries);
            aws_sdk_inspector2::Client::from_conf(config.build())
        })
    }
}

fn place(service: &str, account: AccountId, region: &RegionName) -> RetryPartition {
    RetryPartition::new(format!("{service}-{account}-{region}"))
}

impl AccountReader {
    pub(crate) fn new(base: &Base, account: AccountId, session: Option<&AssumedRole>) -> Self {
        let partition = RetryPartition::new(format!("account-{account}"));
        let global = base.global(session);
        let management =
            aws_sdk_account::config::Builder::from(&global).retry_partition(partition).retry_classifier(Retries);
        let limits = Arc::clone(&base.limits);
        Self {
            account,
            config: Arc::new(base.credentialed(session)),
            global,
            port: port(limits.of(account, None), session),
            limits,
            session: session.cloned(),
            management: aws_sdk_account::Client::from_conf(management.build()),
        }
    }

    pub fn region(&self, region: &RegionName) -> RegionReader {
        RegionReader {
            account: self.account,
            ecr: Arc::default(),
            inspector: Arc::default(),
            config: Arc::clone(&self.config),
            region: region.clone(),
            port: port(self.limits.of(self.account, Some(region)), self.session.as_ref()),
        }
    }

    pub async fn regions(&self, call: &Arc<Call>, token: Option<String>) -> Result<Page<OptStatus>, CallError> {
        let output =
            send!(self.port, call, self.management.list_regions().max_results(50).set_next_token(token.clone()))?;
        answered(call, output.regions.is_some())?;
        let regions = output.regions().iter().map(|region| {
            let name = region.region_name()?.parse().ok()?;
            Some(OptStatus { region: name, status: status(region.region_opt_status()) })
        });
        Ok(Page::of(regions, output.next_token()))
    }

    pub async fn region_status(&self, call: &Arc<Call>, region: &RegionName) -> Result<RegionStatus, CallError> {
        let output = send!(self.port, call, self.management.get_region_opt_status().region_name(region.as_str()))?;
        answered(call, output.region_opt_status().is_some())?;
        Ok(status(output.region_opt_status()))
    }

    /// Inspector's service-linked role. `None`: there is none. Few accounts are asked, so the client is made here.
    pub async fn inspector_role(&self, call: &Arc<Call>) -> Result<Option<ServiceLinkedRole>, CallError> {
        let config = aws_sdk_iam::config::Builder::from(&self.global)
            .retry_partition(RetryPartition::new(format!("iam-{}", self.account)))
            .retry_classifier(Retries);
        let iam = aws_sdk_iam::Client::from_conf(config.build());
        let output = match send!(self.port, call, iam.get_role().role_name(INSPECTOR_ROLE_NAME)) {
            Ok(output) => output,
            Err(error) if error.code == "NoSuchEntity" => return Ok(None),
            Err(error) => return Err(error),
        };
        // The SDK fills in required members that the answer leaves out: a role without its id is no answer.
        let role = output.role().filter(|role| !role.role_id().is_empty() && role.role_id() != NO_VALUE);
        let whole = |role: &&aws_sdk_iam::types::Role| role.tags().iter().all(|tag| tag.key() != NO_VALUE);
        let role = role.filter(whole);
        answered(call, role.is_some())?;
        Ok(role.map(|role| ServiceLinkedRole {
            id: role.role_id().to_owned(),
            tags: role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect(),
            last_used_at: role.role_last_used().and_then(|used| used.last_used_date()).and_then(timestamp),
        }))
    }
}

/// AWS: calls work while a region is still being disabled; while it is being enabled they may not.
fn status(word: Option<&RegionOptStatus>) -> RegionStatus {
    match word.map(RegionOptStatus::as_str) {
        Some("ENABLED" | "ENABLED_BY_DEFAULT" | "ENABLING" | "DISABLING") => RegionStatus::Enabled,
        Some("DISABLED") => RegionStatus::NotEnabled,
        Some(other) => RegionStatus::Other(other.to_owned()),
        None => RegionStatus::Other("no status".to_owned()),
    }
}
