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
use crate::credentials::{AssumeOptions, AssumedRole};
use crate::meter::{Call, Meter};
use crate::read::{AccountReader, OrganizationReader};

#[derive(Debug, Clone)]
pub struct ConnectOptions {
    pub profile: Option<String>,
    pub region: Option<String>,
    pub endpoint_url: Option<String>,
    pub ca_bundle: Option<PathBuf>,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
    /// The wall time now: credentials are renewed by it.
    pub now: Timestamp,
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

/// Wall time from one reading and a monotonic clock: what renews credentials does not jump.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    wall: Timestamp,
    started: Instant,
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        self.wall.saturating_add(self.started.elapsed()).unwrap_or(self.wall)
    }
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
    sts: aws_sdk_sts::Client,
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
            return Ok(Self::simulated(simulated, http, timeouts, options.now));
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
        let clock = Clock { wall: options.now, started: Instant::now() };
        let sts = aws_sdk_sts::Client::new(&base);
        Ok(Self { base, sts, partition, meter: Meter::new(), clock })
    }

    /// Built by hand: no profile, variable or file of the user may lead a rehearsal to AWS.
    fn simulated(
        endpoint: &SimulatedEndpoint,
        http: SharedHttpClient,
        timeouts: TimeoutConfig,
        now: Timestamp,
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
        let clock = Clock { wall: now, started: Instant::now() };
        let sts = aws_sdk_sts::Client::new(&base);
        Self { base, sts, partition: Partition::Aws, meter: Meter::new(), clock }
    }

    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    pub fn partition(&self) -> Partition {
        self.partition
    }

    pub async fn identity(&self, call: &Arc<Call>) -> Result<Identity, ConnectError> {
        identity(&self.sts, call).await
    }

    /// Who a role is, once it is assumed.
    pub async fn identity_of(&self, role: &AssumedRole, call: &Arc<Call>) -> Result<Identity, ConnectError> {
        let config = aws_sdk_sts::config::Builder::from(&self.credentialed(Some(role)))
            .identity_cache(aws_sdk_sts::config::IdentityCache::no_cache());
        identity(&aws_sdk_sts::Client::from_conf(config.build()), call).await
    }

    /// Organizations as the caller, or through a role.
    pub fn organization(&self, role: Option<&AssumedRole>) -> OrganizationReader {
        OrganizationReader::new(&self.global(role))
    }

    /// An account as the caller (its own), or through a role.
    pub fn account(&self, account: AccountId, role: Option<&AssumedRole>) -> AccountReader {
        AccountReader::new(account, self.credentialed(role), &self.global(role), role.is_some())
    }

    pub async fn assume(
        &self,
        role_arn: &str,
        options: &AssumeOptions,
        call: &Arc<Call>,
    ) -> Result<AssumedRole, CallError> {
        let sts = self.sts.clone();
        AssumedRole::assume(
            sts,
            role_arn.to_owned(),
            options.clone(),
            Arc::clone(&self.meter),
            self.clock.clone(),
            call,
        )
        .await
    }

    pub(crate) fn credentialed(&self, role: Option<&AssumedRole>) -> SdkConfig {
        match role {
            Some(role) => {
                self.base.to_builder().credentials_provider(SharedCredentialsProvider::new(role.clone())).build()
            }
            None => self.base.clone(),
        }
    }

    /// AWS: Organizations and Account Management are global, signed for the partition's home region.
    fn global(&self, role: Option<&AssumedRole>) -> SdkConfig {
        self.credentialed(role).into_builder().region(Region::new(self.partition.home_region())).build()
    }

    pub fn default_region(&self) -> Option<RegionName> {
        self.base.region().and_then(|region| region.as_ref().parse().ok())
    }
}

async fn identity(sts: &aws_sdk_sts::Client, call: &Arc<Call>) -> Result<Identity, ConnectError> {
    let output = sts
        .get_caller_identity()
        .customize()
        .interceptor(call.watch())
        .send()
        .await
        .map_err(|error| ConnectError::Identity(call.error(&error)))?;
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
