//! From the user's knobs to a connection: the SDK's credential chain, one shared HTTP client, timeouts and retries.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SystemTimeSource, TimeSource};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use jiff::{SignedDuration, Timestamp};
use scangap_model::{AccountId, Arn, Partition, RegionName, partition_without_inspector, region_info};

use crate::answer::send;
use crate::base::Base;
use crate::caller::{HeldCredentials, source_of};
use crate::classify::CallError;
use crate::clock::Clock;
use crate::credentials::{AssumeOptions, AssumedRole, Sts, port};
use crate::error::ConnectError;
use crate::http::{self, Http};
use crate::limits::{Buckets, Limits};
use crate::meter::{Call, Meter, Watch};
use crate::port::{Port, Retries};
use crate::read::{AccountReader, OrganizationReader};
use crate::settings::Settings;

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

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub account: AccountId,
    pub arn: String,
    pub partition: Partition,
}

#[derive(Debug, Clone)]
pub struct Connection {
    base: Arc<Base>,
    http: Http,
    /// One for every account: the caller pays for all of its calls.
    sts: Sts,
    /// Of calls that the caller's account pays for, wherever they go: STS and Organizations.
    caller: Arc<Buckets>,
    /// How long one attempt may take.
    attempt_timeout: Duration,
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
            let http = Http::new(None, http::Way::Straight)?;
            return Ok(Self::simulated(simulated, http, timeouts, options));
        }
        let settings = Settings::read(&Env::real(), &Fs::real(), options.profile.as_deref()).await?;
        let endpoint = options.endpoint_url.clone().filter(|url| !url.is_empty());
        let way = endpoint.clone().map_or(http::Way::Proxied, http::Way::Confined);
        let http = Http::new(options.ca_bundle.as_ref().or(settings.ca_bundle.as_ref()), way)?;
        let client = http.client();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(client.clone())
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
                .with_http_client(client)
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
        let held = SharedCredentialsProvider::new(HeldCredentials::new(first, provider, clock));

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
        Ok(Self { credentials_from: source, ..Self::of(base, http, partition, options) })
    }

    /// The same connection for another runtime: with HTTP connections of its own, and the same limits, counts and credentials.
    #[must_use]
    pub fn another(&self) -> Self {
        let config = self.base.config.to_builder().http_client(self.http.client()).build();
        let sts = Sts { client: sts_client(&config), ..self.sts.clone() };
        let base = Arc::new(Base { config, partition: self.base.partition, limits: Arc::clone(&self.base.limits) });
        Self { base, sts, ..self.clone() }
    }

    /// The same connection on the service's time, where this machine's clock is off. The SDK corrects what one client has seen to be wrong,
    /// at the price of a call of each; and a call that changes something is not sent twice.
    #[must_use]
    pub fn on_time(self, now: Timestamp) -> Self {
        let Some(behind) = self.meter.behind(now).filter(|behind| behind.unsigned_abs() >= OFF) else { return self };
        let config = self.base.config.to_builder().time_source(Shifted(behind)).build();
        let sts = Sts { client: sts_client(&config), ..self.sts.clone() };
        let base = Arc::new(Base { config, partition: self.base.partition, limits: Arc::clone(&self.base.limits) });
        Self { base, sts, ..self }
    }

    fn of(config: SdkConfig, http: Http, partition: Partition, options: &ConnectOptions) -> Self {
        // Sessions renew their own credentials. What the SDK would keep of them is stale before it knows.
        let meter = Meter::new();
        let caller = Buckets::alone(options.throttle_patience);
        let sts =
            Sts { client: sts_client(&config), port: Port::new(Arc::clone(&caller), None), meter: Arc::clone(&meter) };
        Self {
            base: Arc::new(Base { config, partition, limits: Limits::new(options.throttle_patience) }),
            http,
            sts,
            caller,
            attempt_timeout: options.attempt_timeout,
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
    fn simulated(endpoint: &SimulatedEndpoint, http: Http, timeouts: TimeoutConfig, options: &ConnectOptions) -> Self {
        let key = Credentials::new(&endpoint.access_key_id, "simulated", None, None, "simulated organization");
        let base = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(key))
            .region(Region::new(Partition::Aws.home_region()))
            .endpoint_url(&endpoint.url)
            .http_client(http.client())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SystemTimeSource::new())
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(5))
            .build();
        Self::of(base, http, Partition::Aws, options)
    }

    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    pub fn partition(&self) -> Partition {
        self.base.partition
    }

    pub(crate) fn base(&self) -> &Base {
        &self.base
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
        let client = sts_client(&self.base.credentialed(Some(role)));
        identity(&client, &port(Arc::clone(&self.caller), Some(role)), call).await
    }

    /// Organizations as the caller, or through a role.
    pub fn organization(&self, role: Option<&AssumedRole>) -> OrganizationReader {
        OrganizationReader::new(&self.base.global(role), port(Arc::clone(&self.caller), role))
    }

    /// An account as the caller (its own), or through a role.
    pub fn account(&self, account: AccountId, role: Option<&AssumedRole>) -> AccountReader {
        AccountReader::new(Arc::clone(&self.base), account, role)
    }

    pub async fn assume(
        &self,
        role_arn: &str,
        options: &AssumeOptions,
        call: &Arc<Call>,
    ) -> Result<AssumedRole, CallError> {
        AssumedRole::assume(self.sts.clone(), role_arn.to_owned(), options.clone(), self.clock.clone(), call).await
    }

    pub fn default_region(&self) -> Option<RegionName> {
        self.base.config.region().and_then(|region| region.as_ref().parse().ok())
    }
}

/// From here on a clock counts as wrong: signatures are good for five minutes.
const OFF: Duration = Duration::from_mins(1);

/// This machine's clock, put right.
#[derive(Debug)]
struct Shifted(SignedDuration);

impl TimeSource for Shifted {
    fn now(&self) -> SystemTime {
        let now = SystemTimeSource::new().now();
        let off = self.0.unsigned_abs();
        let right = if self.0.is_negative() { now.checked_sub(off) } else { now.checked_add(off) };
        right.unwrap_or(now)
    }
}

fn sts_client(config: &SdkConfig) -> aws_sdk_sts::Client {
    aws_sdk_sts::Client::from_conf(
        aws_sdk_sts::config::Builder::from(config).retry_classifier(Retries).interceptor(Watch).build(),
    )
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
