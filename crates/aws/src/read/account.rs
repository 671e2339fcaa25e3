//! One account: its regions, and a reader for each region.

use std::sync::{Arc, Mutex, PoisonError};

use aws_config::{Region, SdkConfig};
use aws_sdk_account::types::RegionOptStatus;
use aws_smithy_runtime::client::retries::RetryPartition;
use scangap_model::{AccountId, INSPECTOR_ROLE_NAME, RegionName, RegionStatus, ServiceLinkedRole};

use crate::answer::{NO_VALUE, answered, send, timestamp};
use crate::base::Base;
use crate::classify::CallError;
use crate::credentials::{AssumedRole, port};
use crate::meter::{Call, Watch};
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
    /// What its clients are made from, when they are needed: as many accounts wait as the organization has.
    base: Arc<Base>,
    /// An assumed role keeps its own credentials. The caller's own stay in the SDK's cache: behind them may be a process,
    /// SSO or the metadata service, which must not be asked for every request.
    session: Option<AssumedRole>,
    port: Port,
}

/// One registry. Built when its work starts and dropped when it ends: 50,000 live clients would be a gigabyte.
#[derive(Debug, Clone)]
pub struct RegionReader {
    pub(crate) account: AccountId,
    /// Made when they are first needed: what the administrator says of an empty registry is enough.
    clients: Arc<Clients>,
    base: Arc<Base>,
    session: Option<AssumedRole>,
    region: RegionName,
    pub(crate) port: Port,
}

#[derive(Debug, Default)]
struct Clients {
    ecr: Mutex<Option<aws_sdk_ecr::Client>>,
    inspector: Mutex<Option<aws_sdk_inspector2::Client>>,
}

/// The client, made where there is none.
fn kept<C: Clone>(place: &Mutex<Option<C>>, make: impl FnOnce() -> C) -> C {
    place.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(make).clone()
}

impl RegionReader {
    pub(crate) fn ecr(&self) -> aws_sdk_ecr::Client {
        kept(&self.clients.ecr, || {
            let config = aws_sdk_ecr::config::Builder::from(&self.base.credentialed(self.session.as_ref()))
                .region(Region::new(self.region.as_str().to_owned()))
                .retry_partition(place("ecr", self.account, &self.region))
                .retry_classifier(Retries)
                .interceptor(Watch);
            aws_sdk_ecr::Client::from_conf(config.build())
        })
    }

    pub(crate) fn inspector(&self) -> aws_sdk_inspector2::Client {
        kept(&self.clients.inspector, || {
            let config = aws_sdk_inspector2::config::Builder::from(&self.base.credentialed(self.session.as_ref()))
                .region(Region::new(self.region.as_str().to_owned()))
                .retry_partition(place("inspector2", self.account, &self.region))
                .retry_classifier(Retries)
                .interceptor(Watch);
            aws_sdk_inspector2::Client::from_conf(config.build())
        })
    }

    /// Lets go of the clients while nothing is asked: they are most of what a waiting registry holds.
    pub fn rest(&self) {
        self.clients.ecr.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.clients.inspector.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// What a client may spend on retries, of its own: the SDK keeps those that it finds by a name for as long as the process lives.
fn own_retries(name: String) -> RetryPartition {
    RetryPartition::custom(name).build()
}

fn place(service: &str, account: AccountId, region: &RegionName) -> RetryPartition {
    own_retries(format!("{service}-{account}-{region}"))
}

impl AccountReader {
    pub(crate) fn new(base: Arc<Base>, account: AccountId, session: Option<&AssumedRole>) -> Self {
        Self { account, port: port(base.limits.of(account, None), session), base, session: session.cloned() }
    }

    fn global(&self) -> SdkConfig {
        self.base.global(self.session.as_ref())
    }

    fn management(&self) -> aws_sdk_account::Client {
        let config = aws_sdk_account::config::Builder::from(&self.global())
            .retry_partition(own_retries(format!("account-{}", self.account)))
            .retry_classifier(Retries)
            .interceptor(Watch);
        aws_sdk_account::Client::from_conf(config.build())
    }

    pub fn region(&self, region: &RegionName) -> RegionReader {
        RegionReader {
            account: self.account,
            clients: Arc::default(),
            base: Arc::clone(&self.base),
            session: self.session.clone(),
            region: region.clone(),
            port: port(self.base.limits.of(self.account, Some(region)), self.session.as_ref()),
        }
    }

    pub async fn regions(&self, call: &Arc<Call>, token: Option<String>) -> Result<Page<OptStatus>, CallError> {
        let management = self.management();
        let output = send!(self.port, call, management.list_regions().max_results(50).set_next_token(token.clone()))?;
        answered(call, output.regions.is_some())?;
        let regions = output.regions().iter().map(|region| {
            let name = region.region_name()?.parse().ok()?;
            Some(OptStatus { region: name, status: status(region.region_opt_status()) })
        });
        Ok(Page::of(regions, output.next_token()))
    }

    pub async fn region_status(&self, call: &Arc<Call>, region: &RegionName) -> Result<RegionStatus, CallError> {
        let management = self.management();
        let output = send!(self.port, call, management.get_region_opt_status().region_name(region.as_str()))?;
        answered(call, output.region_opt_status().is_some())?;
        Ok(status(output.region_opt_status()))
    }

    /// Inspector's service-linked role. `None`: there is none. Few accounts are asked, so the client is made here.
    pub async fn inspector_role(&self, call: &Arc<Call>) -> Result<Option<ServiceLinkedRole>, CallError> {
        let config = aws_sdk_iam::config::Builder::from(&self.global())
            .retry_partition(own_retries(format!("iam-{}", self.account)))
            .retry_classifier(Retries)
            .interceptor(Watch);
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
