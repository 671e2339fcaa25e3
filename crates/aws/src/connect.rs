//! From the user's knobs to a connection: the SDK's credential chain, one shared HTTP client, timeouts and retries.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use jiff::Timestamp;
use scangap_model::{AccountId, Arn, GapKind, Partition, RegionName, partition_without_inspector, region_info};

use crate::classify::CallError;
use crate::credentials::{AssumeOptions, AssumedRole, Sts};
use crate::http;
use crate::limits::{Buckets, Limits};
use crate::meter::{Call, Meter};
use crate::port::{Port, Retries};
use crate::read::{AccountReader, OrganizationReader, send};
use crate::settings::{SettingError, Settings};

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
    NoCredentials(#[source] CredentialsError),
    #[error("the AWS credentials could not be loaded")]
    CredentialsFailed(#[source] CredentialsError),
    #[error("no AWS credentials were found")]
    NoCredentialChain,
    #[error("failed to read the CA bundle `{path}`")]
    CaBundle { path: PathBuf, source: std::io::Error },
    #[error("the CA bundle `{path}` holds no PEM certificate")]
    CaBundleEmpty { path: PathBuf },
    #[error("the CA bundle `{path}` holds a certificate that cannot be read: number {number}")]
    CaBundleBroken { path: PathBuf, number: usize },
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error("{0} has no Amazon Inspector")]
    Partition(String),
    #[error("AWS did not say who the caller is")]
    Identity(#[source] CallError),
    #[error("AWS gave an identity that is not an ARN in an account: `{0}`")]
    BadIdentity(String),
}

impl ConnectError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::CredentialsFailed(_) => {
                "the last cause says what failed; renew what the credentials are made from, or name another --profile"
                    .to_owned()
            }
            Self::NoCredentials(_) | Self::NoCredentialChain => {
                "run `aws sso login`, set AWS_PROFILE, or name a profile with --profile".to_owned()
            }
            Self::Identity(error) => match error.kind {
                GapKind::RegionDisabled | GapKind::AccessDenied => {
                    "the access key is not known to AWS: check the profile or the AWS_* variables".to_owned()
                }
                GapKind::ClockSkew => "check the secret access key, and this machine's clock".to_owned(),
                _ => error.clone().at(None, None, "").hint(),
            },
            Self::Setting(setting) => setting.hint(),
            Self::CaBundle { .. } | Self::CaBundleEmpty { .. } | Self::CaBundleBroken { .. } => {
                "name a PEM file with --ca-bundle or AWS_CA_BUNDLE".to_owned()
            }
            Self::Partition(_) | Self::BadIdentity(_) => "check --endpoint-url and --region".to_owned(),
        }
    }
}

/// The time by which credentials are renewed: the system clock or a monotonic clock, whichever is later. The monotonic clock
/// misses the time that a machine sleeps, and the system clock can be set back.
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
    credentials_from: String,
}

impl Connection {
    /// Loads the configuration and the credentials. Makes no AWS call of its own; a credential provider may.
    pub async fn open(options: &ConnectOptions) -> Result<Self, ConnectError> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(options.attempt_timeout)
            .operation_attempt_timeout(options.attempt_timeout)
            .build();
        if let Some(simulated) = &options.simulated {
            let http = http::client(None, &http::Way::Straight)?;
            return Ok(Self::simulated(simulated, http, timeouts, options));
        }
        let settings = Settings::read(&Env::real(), &Fs::real(), options.profile.as_deref()).await?;
        let endpoint = options.endpoint_url.clone().filter(|url| !url.is_empty());
        let way = endpoint.clone().map_or(http::Way::Proxied, http::Way::Confined);
        let http = http::client(options.ca_bundle.as_ref().or(settings.ca_bundle.as_ref()), &way)?;
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.clone())
            .timeout_config(timeouts)
            .retry_config(settings.retries);
        if let Some(profile) = &settings.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(url) = &endpoint {
            loader = loader.endpoint_url(url);
        }
        let mut base = loader.load().await;
        if let Some(profile) = settings.credentials_of {
            let region = options.region.clone().or(settings.region);
            let region = region.unwrap_or_else(|| Partition::Aws.home_region().to_owned());
            // The profile's own AssumeRole goes where every other call goes, and waits no longer.
            let mut configuration = ProviderConfig::default()
                .with_http_client(http)
                .with_region(Some(Region::new(region)))
                .with_use_fips(base.use_fips())
                .with_use_dual_stack(base.use_dual_stack());
            if let Some(timeouts) = base.timeout_config() {
                configuration = configuration.with_timeout_config(timeouts.clone());
            }
            if let Some(retries) = base.retry_config() {
                configuration = configuration.with_retry_config(retries.clone());
            }
            let provider = ProfileFileCredentialsProvider::builder().configure(&configuration).profile_name(profile);
            let provider = SharedCredentialsProvider::new(provider.build());
            base = base.into_builder().credentials_provider(provider).build();
        }
        let provider = base.credentials_provider().ok_or(ConnectError::NoCredentialChain)?;
        let first = provider.provide_credentials().await.map_err(|error| match error {
            CredentialsError::CredentialsNotLoaded(_) => ConnectError::NoCredentials(error),
            // A source was found, and it failed: an STS that cannot be reached is no lack of credentials.
            _ => ConnectError::CredentialsFailed(error),
        })?;
        let source = source_of(&first);
        let clock = Clock::new(options.clock);
        let fetched = tokio::sync::Mutex::new((first, clock.now()));
        let held = SharedCredentialsProvider::new(HeldCredentials { credentials: fetched, source: provider, clock });

        let region =
            base.region().map_or_else(|| Partition::Aws.home_region().to_owned(), |region| region.as_ref().to_owned());
        if let Some(partition) = partition_without_inspector(&region) {
            return Err(ConnectError::Partition(format!("region `{region}` of partition {partition}")));
        }
        let partition = Partition::of_region(&region);
        // Tokens of an opt-in region's STS endpoint need that region enabled in every target account.
        let sts_region = match region_info(&region) {
            Some(info) if info.default_enabled => region,
            Some(_) | None => partition.home_region().to_owned(),
        };
        let url = base.endpoint_url().filter(|url| !url.is_empty()).map(str::to_owned);
        let of_services = NotEmpty(base.clone());
        let mut builder = base.into_builder().region(Region::new(sts_region)).credentials_provider(held);
        builder.set_endpoint_url(url);
        let base = builder.service_config(of_services).build();
        Ok(Self { credentials_from: source, ..Self::of(base, partition, options) })
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
            credentials_from: "the simulation".to_owned(),
        }
    }

    /// Where the caller's credentials come from, in a few words.
    pub fn credentials_from(&self) -> &str {
        &self.credentials_from
    }

    /// Builds the configuration by hand: no profile, variable or file of the user can direct a simulated run to AWS.
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

/// Settings of single services, such as `AWS_ENDPOINT_URL_ECR`, of which an empty one is unset. The SDK would take it, and
/// end the process.
#[derive(Debug)]
struct NotEmpty(SdkConfig);

impl LoadServiceConfig for NotEmpty {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        self.0.service_config()?.load_config(key).filter(|value| !value.is_empty())
    }
}

/// The caller's own credentials, fetched once for all that ask at the same time: behind them may be a process, or a person.
#[derive(Debug)]
struct HeldCredentials {
    credentials: tokio::sync::Mutex<(Credentials, Timestamp)>,
    source: SharedCredentialsProvider,
    clock: Clock,
}

/// Credentials that do not say when they expire are fetched again after so long: keys are rotated.
const HELD: Duration = Duration::from_mins(15);
/// So long before they expire credentials are fetched again.
const EARLY: Duration = Duration::from_mins(2);

impl HeldCredentials {
    async fn current(&self) -> Result<Credentials, CredentialsError> {
        let mut held = self.credentials.lock().await;
        let now = self.clock.now();
        let until = match held.0.expiry().map(Timestamp::try_from) {
            Some(Ok(expiry)) => expiry.saturating_sub(EARLY).unwrap_or(expiry),
            Some(Err(_)) | None => held.1.saturating_add(HELD).unwrap_or(held.1),
        };
        if now >= until {
            let expired = matches!(held.0.expiry().map(Timestamp::try_from), Some(Ok(expiry)) if now >= expiry);
            *held = match self.source.provide_credentials().await {
                Ok(credentials) => (credentials, now),
                Err(error) if expired => return Err(error),
                // What is held is good still, and is tried for again later.
                Err(_) => (held.0.clone(), now),
            };
        }
        Ok(held.0.clone())
    }
}

impl ProvideCredentials for HeldCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.current())
    }
}

/// The SDK has no words for it but the name that each provider signs its credentials with, in `Debug`.
fn source_of(credentials: &Credentials) -> String {
    let text = format!("{credentials:?}");
    let name =
        text.split_once("provider_name: \"").and_then(|(_, rest)| rest.split_once('"')).map_or("", |(name, _)| name);
    match name {
        "EnvironmentVariable" => "the environment".to_owned(),
        "ProfileFile" => "the profile's keys".to_owned(),
        "AssumeRoleProvider" => "the profile's role".to_owned(),
        "CredentialProcess" => "the profile's credential_process".to_owned(),
        "SSO" => "IAM Identity Center".to_owned(),
        "WebIdentityToken" => "a web identity token".to_owned(),
        "EcsContainer" => "the container".to_owned(),
        "Imds" | "Ec2InstanceMetadata" => "the instance's role".to_owned(),
        "" => "a provider without a name".to_owned(),
        other => other.to_owned(),
    }
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
