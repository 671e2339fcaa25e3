//! From the user's knobs to a connection: the SDK's credential chain, one shared HTTP client, timeouts and retries.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpClient, SharedHttpClient, http_client_fn};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use jiff::Timestamp;
use scangap_model::{AccountId, Arn, Partition, RegionName, region_info};

use crate::classify::CallError;
use crate::credentials::{AssumeOptions, AssumedRole, Sts};
use crate::limits::{Buckets, Limits};
use crate::meter::{Call, Meter};
use crate::port::{Port, Retries};
use crate::read::{AccountReader, OrganizationReader, send};

#[derive(Debug, Clone)]
pub struct ConnectOptions {
    pub profile: Option<String>,
    pub region: Option<String>,
    pub endpoint_url: Option<String>,
    pub ca_bundle: Option<PathBuf>,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
    /// How long a bucket of AWS's may let nothing through until what waits for it is given up.
    pub throttle_patience: Duration,
    /// The wall time: credentials are renewed by it.
    pub clock: fn() -> Timestamp,
    /// For a simulated organization: its endpoint and key, with nothing taken from the environment.
    pub simulated: Option<SimulatedEndpoint>,
}

/// Where a simulated organization listens, and whose key to use there.
#[derive(Debug, Clone)]
pub struct SimulatedEndpoint {
    pub url: String,
    pub access_key_id: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("no AWS credentials were found")]
    NoCredentials(#[source] aws_credential_types::provider::error::CredentialsError),
    #[error("no AWS credentials were found")]
    NoCredentialChain,
    #[error("failed to read the CA bundle `{path}`")]
    CaBundle { path: PathBuf, source: std::io::Error },
    #[error("the CA bundle `{path}` holds no PEM certificate")]
    CaBundleEmpty { path: PathBuf },
    #[error("`{0}` is in no partition that has Amazon Inspector")]
    Partition(String),
    #[error("AWS did not say who the caller is")]
    Identity(#[source] CallError),
    #[error("AWS gave an identity that is not an ARN in an account: `{0}`")]
    BadIdentity(String),
}

/// The time that credentials are renewed by: the wall's or that of a clock that nothing sets, whichever is later. A machine
/// that slept has missed time on the one, and one whose clock is set back has lost it on the other.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    wall: fn() -> Timestamp,
    at_start: Timestamp,
    started: Instant,
}

impl Clock {
    fn new(wall: fn() -> Timestamp) -> Self {
        Self { wall, at_start: wall(), started: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        later((self.wall)(), self.at_start, self.started.elapsed())
    }
}

fn later(wall: Timestamp, at_start: Timestamp, elapsed: Duration) -> Timestamp {
    at_start.saturating_add(elapsed).unwrap_or(at_start).max(wall)
}

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub account: AccountId,
    pub arn: String,
    pub partition: Partition,
}

/// The base of every client: one HTTP client, one set of timeouts, the caller's credentials.
#[derive(Debug, Clone)]
pub struct Connection {
    base: SdkConfig,
    /// One for every account: the caller pays for all of its calls.
    sts: Sts,
    /// Of calls that the caller's account pays for, wherever they go: STS and Organizations.
    caller: Arc<Buckets>,
    limits: Arc<Limits>,
    /// How long one attempt may take.
    attempt_timeout: Duration,
    partition: Partition,
    meter: Arc<Meter>,
    clock: Clock,
}

impl Connection {
    /// Loads the configuration and the credentials. Makes no AWS call of its own; a credential provider may.
    pub async fn open(options: &ConnectOptions) -> Result<Self, ConnectError> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(options.attempt_timeout)
            .operation_attempt_timeout(options.attempt_timeout)
            .build();
        let http = shared_http_client(options.ca_bundle.as_ref())?;
        if let Some(simulated) = &options.simulated {
            return Ok(Self::simulated(simulated, http, timeouts, options));
        }
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http).timeout_config(timeouts);
        if let Some(profile) = &options.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(url) = &options.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let mut base = loader.load().await;
        let provider = base.credentials_provider().ok_or(ConnectError::NoCredentialChain)?;
        provider.provide_credentials().await.map_err(ConnectError::NoCredentials)?;

        let region =
            base.region().map_or_else(|| Partition::Aws.home_region().to_owned(), |region| region.as_ref().to_owned());
        let partition = Partition::of_region(&region);
        // Tokens of an opt-in region's STS endpoint need that region enabled in every target account.
        let sts_region = match region_info(&region) {
            Some(info) if info.default_enabled => region,
            Some(_) | None => partition.home_region().to_owned(),
        };
        // Three attempts, the SDK's default, are few for an audit that shares rates with everything else.
        let retries = match base.retry_config() {
            Some(config) if config.max_attempts() != 3 => config.clone(),
            _ => RetryConfig::standard().with_max_attempts(5),
        };
        base = base.into_builder().region(Region::new(sts_region)).retry_config(retries).build();
        Ok(Self::of(base, partition, options))
    }

    fn of(base: SdkConfig, partition: Partition, options: &ConnectOptions) -> Self {
        // Sessions renew their own credentials. What the SDK would keep of them is stale before it knows.
        let meter = Meter::new();
        let caller = Buckets::alone(options.throttle_patience);
        let sts =
            Sts { client: sts_client(&base), port: Port::new(Arc::clone(&caller), None), meter: Arc::clone(&meter) };
        Self {
            base,
            sts,
            caller,
            limits: Limits::new(options.throttle_patience),
            attempt_timeout: options.attempt_timeout,
            partition,
            meter,
            clock: Clock::new(options.clock),
        }
    }

    /// Built by hand: no profile, variable or file of the user may lead a rehearsal to AWS.
    fn simulated(
        endpoint: &SimulatedEndpoint,
        http: SharedHttpClient,
        timeouts: TimeoutConfig,
        options: &ConnectOptions,
    ) -> Self {
        let key = Credentials::new(&endpoint.access_key_id, "simulated", None, None, "simulated organization");
        let base = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(key))
            .region(Region::new(Partition::Aws.home_region()))
            .endpoint_url(&endpoint.url)
            .http_client(http)
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SystemTimeSource::new())
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(5))
            .build();
        Self::of(base, Partition::Aws, options)
    }

    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    pub fn partition(&self) -> Partition {
        self.partition
    }

    pub(crate) fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// How long one attempt may take: so long calls in flight may go on after an interruption.
    pub fn attempt_timeout(&self) -> Duration {
        self.attempt_timeout
    }

    pub async fn identity(&self, call: &Arc<Call>) -> Result<Identity, ConnectError> {
        identity(&self.sts.client, &self.sts.port, call).await
    }

    /// Who a role is, once it is assumed.
    pub async fn identity_of(&self, role: &AssumedRole, call: &Arc<Call>) -> Result<Identity, ConnectError> {
        let client = sts_client(&self.credentialed(Some(role)));
        identity(&client, &Port::new(Arc::clone(&self.caller), Some(role)), call).await
    }

    /// Organizations as the caller, or through a role.
    pub fn organization(&self, role: Option<&AssumedRole>) -> OrganizationReader {
        OrganizationReader::new(&self.global(role), Port::new(Arc::clone(&self.caller), role))
    }

    /// An account as the caller (its own), or through a role.
    pub fn account(&self, account: AccountId, role: Option<&AssumedRole>) -> AccountReader {
        AccountReader::new(self, account, role)
    }

    pub async fn assume(
        &self,
        role_arn: &str,
        options: &AssumeOptions,
        call: &Arc<Call>,
    ) -> Result<AssumedRole, CallError> {
        AssumedRole::assume(self.sts.clone(), role_arn.to_owned(), options.clone(), self.clock.clone(), call).await
    }

    /// With a role's session in place of the caller's own credentials. It renews itself: nothing is cached of it.
    pub(crate) fn credentialed(&self, role: Option<&AssumedRole>) -> SdkConfig {
        match role {
            Some(role) => self
                .base
                .to_builder()
                .credentials_provider(SharedCredentialsProvider::new(role.clone()))
                .identity_cache(aws_config::identity::IdentityCache::no_cache())
                .build(),
            None => self.base.clone(),
        }
    }

    /// AWS: Organizations and Account Management are global, signed for the partition's home region.
    pub(crate) fn global(&self, role: Option<&AssumedRole>) -> SdkConfig {
        self.credentialed(role).into_builder().region(Region::new(self.partition.home_region())).build()
    }

    pub fn default_region(&self) -> Option<RegionName> {
        self.base.region().and_then(|region| region.as_ref().parse().ok())
    }
}

fn sts_client(config: &SdkConfig) -> aws_sdk_sts::Client {
    aws_sdk_sts::Client::from_conf(aws_sdk_sts::config::Builder::from(config).retry_classifier(Retries).build())
}

async fn identity(sts: &aws_sdk_sts::Client, port: &Port, call: &Arc<Call>) -> Result<Identity, ConnectError> {
    let output = send!(port, call, sts.get_caller_identity()).map_err(ConnectError::Identity)?;
    let text = output.arn().unwrap_or_default().to_owned();
    let bad = || ConnectError::BadIdentity(text.clone());
    let arn: Arn = text.parse().map_err(|_| bad())?;
    let account = output.account().unwrap_or(&arn.account).parse().map_err(|_| bad())?;
    let partition = arn.partition.parse().map_err(ConnectError::Partition)?;
    Ok(Identity { account, arn: text, partition })
}

/// One pool and one trust store for every client. The wrapper keeps `Client::new` from building a TLS connector only to
/// validate the configuration, once per client.
fn shared_http_client(ca_bundle: Option<&PathBuf>) -> Result<SharedHttpClient, ConnectError> {
    let mut builder = aws_smithy_http_client::Builder::new()
        .pool_idle_timeout(Duration::from_secs(20))
        .tls_provider(Provider::Rustls(CryptoMode::Ring));
    if let Some(path) = ca_bundle {
        #[expect(clippy::disallowed_methods, reason = "the error names the path itself")]
        let pem = std::fs::read(path).map_err(|source| ConnectError::CaBundle { path: path.clone(), source })?;
        if !pem.windows(11).any(|window| window == b"-----BEGIN ") {
            return Err(ConnectError::CaBundleEmpty { path: path.clone() });
        }
        // Like the AWS CLI: the bundle replaces the system's roots.
        let store = TrustStore::empty().with_pem_certificate(pem);
        let context = TlsContext::builder()
            .with_trust_store(store)
            .build()
            .map_err(|_| ConnectError::CaBundleEmpty { path: path.clone() })?;
        builder = builder.tls_context(context);
    }
    let inner = builder.build_https();
    Ok(http_client_fn(move |settings, components| inner.http_connector(settings, components)))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: 6 Operating it: a machine that slept, or whose clock is set back, does not take expired sessions for good ones
    #[test]
    fn time_is_the_later_of_the_wall_and_of_a_clock_that_nothing_sets() {
        let start: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let minutes = Duration::from_mins;
        // Two hours of sleep: the clock that nothing sets stood still.
        assert_eq!(later(at("2026-11-23T11:00:00Z"), start, minutes(1)), at("2026-11-23T11:00:00Z"));
        // The wall was set back.
        assert_eq!(later(at("2026-11-23T08:00:00Z"), start, minutes(50)), at("2026-11-23T09:50:00Z"));
    }
}
