//! Counting at the wire: attempts and throttles per API, and whether every host was AWS's own.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::{SignedDuration, Timestamp};
use scangap_model::{APIS, Api, GapKind};

use crate::classify::{CallError, classify, kind_of_response};
use crate::gate::{Gate, Rank};

type BoxError = Box<dyn Error + Send + Sync>;

/// Waits shorter than this are the bucket's own rhythm.
const WORTH_NOTING: Duration = Duration::from_millis(100);

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What one API cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ApiCount {
    pub calls: u64,
    pub attempts: u64,
    pub throttled: u64,
    /// Waited for their turn in AWS's buckets, all calls together.
    pub waited: Duration,
    /// From a request to its answer, all attempts together.
    pub answered: Duration,
}

/// The counters of one run, shared by every call.
#[derive(Debug)]
pub struct Meter {
    calls: Vec<AtomicU64>,
    attempts: Vec<AtomicU64>,
    throttled: Vec<AtomicU64>,
    waited_us: Vec<AtomicU64>,
    answered_us: Vec<AtomicU64>,
    /// How long calls waited in each bucket, by place and API: the fullest are shown.
    buckets: Mutex<HashMap<(Arc<str>, Api), Duration>>,
    not_aws: AtomicBool,
    /// The time that the first answer said it was, and when it came.
    served_at: OnceLock<(Timestamp, Instant)>,
    /// The first foreign host, for the first screen.
    foreign_host: Mutex<Option<String>>,
}

impl Meter {
    pub fn new() -> Arc<Self> {
        let zeros = || APIS.iter().map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self {
            calls: zeros(),
            attempts: zeros(),
            throttled: zeros(),
            waited_us: zeros(),
            answered_us: zeros(),
            buckets: Mutex::default(),
            not_aws: AtomicBool::new(false),
            served_at: OnceLock::new(),
            foreign_host: Mutex::new(None),
        })
    }

    pub fn counts(&self) -> BTreeMap<Api, ApiCount> {
        let read =
            |counters: &[AtomicU64], api: Api| counters.get(api as usize).map_or(0, |n| n.load(Ordering::Relaxed));
        APIS.iter()
            .map(|info| {
                let count = ApiCount {
                    calls: read(&self.calls, info.api),
                    attempts: read(&self.attempts, info.api),
                    throttled: read(&self.throttled, info.api),
                    waited: Duration::from_micros(read(&self.waited_us, info.api)),
                    answered: Duration::from_micros(read(&self.answered_us, info.api)),
                };
                (info.api, count)
            })
            .filter(|(_, count)| count.attempts > 0)
            .collect()
    }

    pub fn total(&self) -> ApiCount {
        self.counts().values().fold(ApiCount::default(), |sum, count| ApiCount {
            calls: sum.calls + count.calls,
            attempts: sum.attempts + count.attempts,
            throttled: sum.throttled + count.throttled,
            waited: sum.waited + count.waited,
            answered: sum.answered + count.answered,
        })
    }

    /// How far this clock is behind that of the service, to the second; negative where it is ahead. `None`: no answer said the time.
    pub fn behind(&self, now: Timestamp) -> Option<SignedDuration> {
        let (time, came) = self.served_at.get()?;
        Some(time.saturating_add(came.elapsed()).ok()?.duration_since(now))
    }

    /// Whether any request went to a host that is not AWS's.
    pub fn met_foreign_host(&self) -> bool {
        self.not_aws.load(Ordering::Relaxed)
    }

    pub fn foreign_host(&self) -> Option<String> {
        self.foreign_host.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn see_time(&self, date: &str) {
        if self.served_at.get().is_none()
            && let Ok(time) = jiff::fmt::rfc2822::parse(date)
        {
            let _ = self.served_at.set((time.timestamp(), Instant::now()));
        }
    }

    fn add(counters: &[AtomicU64], api: Api) {
        Self::add_some(counters, api, 1);
    }

    fn add_some(counters: &[AtomicU64], api: Api, some: u64) {
        if let Some(counter) = counters.get(api as usize) {
            counter.fetch_add(some, Ordering::Relaxed);
        }
    }

    /// A call had its turn, after so long.
    pub(crate) fn waited(&self, api: Api, place: &Arc<str>, time: Duration) {
        Self::add_some(&self.waited_us, api, micros(time));
        // A turn that comes at once says nothing of how full a bucket is.
        if time >= WORTH_NOTING {
            let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
            *buckets.entry((Arc::clone(place), api)).or_default() += time;
        }
    }

    /// An attempt had its answer, after so long.
    pub(crate) fn answered(&self, api: Api, time: Duration) {
        Self::add_some(&self.answered_us, api, micros(time));
    }

    /// The buckets that calls waited for longest: where, of what, and how long all calls waited together.
    pub fn fullest_buckets(&self, count: usize) -> Vec<(String, Api, Duration)> {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = buckets.iter().map(|((place, api), time)| (place.to_string(), *api, *time)).collect();
        all.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| (&a.0, a.1).cmp(&(&b.0, b.1))));
        all.truncate(count);
        all
    }

    fn see_host(&self, uri: &str) {
        let host = host(uri);
        if !is_aws(uri) && !self.not_aws.swap(true, Ordering::Relaxed) {
            *self.foreign_host.lock().unwrap_or_else(PoisonError::into_inner) = Some(host.to_owned());
        }
    }
}

fn host(uri: &str) -> &str {
    let (_, rest) = uri.split_once("://").unwrap_or(("", uri));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    // Anything before an `@` may be a secret.
    authority.rsplit('@').next().unwrap_or_default()
}

/// Whether a request to this address goes to AWS itself.
pub(crate) fn is_aws(uri: &str) -> bool {
    uri.starts_with("https://") && is_aws_host(host(uri))
}

/// A host of one of the services that are asked, in any partition, or a VPC endpoint of one. Customers' own hosts below
/// `amazonaws.com` (load balancers, instances, API gateways) are not AWS.
fn is_aws_host(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name).to_ascii_lowercase();
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
    let first = name.strip_prefix("api.").unwrap_or(&name).split('.').next().unwrap_or_default();
    let first = first.strip_suffix("-fips").unwrap_or(first);
    let of_a_service = APIS.iter().any(|api| api.service == first)
        && !ends(&[".elb.amazonaws.com", ".compute.amazonaws.com", ".execute-api.amazonaws.com"])
        && ends(&[".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn"]);
    of_a_service || ends(&[".vpce.amazonaws.com", ".vpce.amazonaws.com.cn"])
}

/// One call of an operation, with however many attempts it takes.
#[derive(Debug)]
pub struct Call {
    api: Api,
    meter: Arc<Meter>,
    /// What its run puts before it, and its rank there.
    gate: Option<(Arc<Gate>, Rank)>,
    attempts: AtomicU32,
}

impl Call {
    pub fn new(api: Api, meter: &Arc<Meter>) -> Arc<Self> {
        Self::made(api, meter, None)
    }

    /// A call of a run that bounds its calls and may be interrupted.
    pub fn through(api: Api, meter: &Arc<Meter>, gate: &Arc<Gate>, rank: Rank) -> Arc<Self> {
        Self::made(api, meter, Some((Arc::clone(gate), rank)))
    }

    fn made(api: Api, meter: &Arc<Meter>, gate: Option<(Arc<Gate>, Rank)>) -> Arc<Self> {
        Meter::add(&meter.calls, api);
        Arc::new(Self { api, meter: Arc::clone(meter), gate, attempts: AtomicU32::new(0) })
    }

    pub fn api(&self) -> Api {
        self.api
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(crate) fn gate(&self) -> Option<(&Arc<Gate>, Rank)> {
        self.gate.as_ref().map(|(gate, rank)| (gate, *rank))
    }

    /// Sends a request of a client that has a `Watch`.
    pub(crate) fn watched<F: Future>(self: &Arc<Self>, sending: F) -> impl Future<Output = F::Output> + use<F> {
        UNDER_WAY.scope(Arc::clone(self), sending)
    }

    /// Whether the watch has seen it.
    pub(crate) fn was_seen(&self) -> bool {
        self.attempts.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn error<E>(&self, error: &SdkError<E, HttpResponse>) -> CallError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        classify(self.api, error, self.attempts.load(Ordering::Relaxed).max(1))
    }

    pub(crate) fn malformed(&self, code: &str, message: &str) -> CallError {
        CallError::malformed(self.api, code, message)
    }
}

tokio::task_local! {
    /// The call whose request is being sent.
    static UNDER_WAY: Arc<Call>;
}

/// The hook that the SDK runs around each attempt: of every client. One for each request would be merged into the client's
/// configuration each time.
#[derive(Debug)]
pub(crate) struct Watch;

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "scangap::Watch"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        Ok(UNDER_WAY.try_with(|call| {
            call.attempts.fetch_add(1, Ordering::Relaxed);
            Meter::add(&call.meter.attempts, call.api);
            call.meter.see_host(context.request().uri());
        })?)
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().and_then(|response| response.headers().get("date")) {
            UNDER_WAY.try_with(|call| call.meter.see_time(date))?;
        }
        let failed = context.output_or_error().is_some_and(|result| result.is_err());
        let throttled = || context.response().and_then(kind_of_response) == Some(GapKind::Throttled);
        if failed && throttled() {
            UNDER_WAY.try_with(|call| Meter::add(&call.meter.throttled, call.api))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_of_aws_are_aws() {
        let meter = Meter::new();
        for uri in [
            "https://api.ecr.eu-west-1.amazonaws.com/",
            "https://sts.cn-north-1.amazonaws.com.cn/",
            "https://inspector2.eu-west-1.api.aws/x",
            "https://securityhub.eu-west-1.amazonaws.com/findings/import",
            "https://api.ecr-fips.us-east-1.amazonaws.com/",
            "https://iam.amazonaws.com/",
            "https://iam.cn-north-1.amazonaws.com.cn/",
            "https://iam.us-gov.amazonaws.com/",
            "https://organizations-fips.us-east-1.amazonaws.com/",
        ] {
            meter.see_host(uri);
        }
        assert!(!meter.met_foreign_host());
        // Every service of the API table: one that is added cannot be forgotten here.
        for api in APIS {
            for service in [api.service.to_owned(), format!("{}-fips", api.service)] {
                assert!(is_aws(&format!("https://{service}.us-east-1.amazonaws.com/")), "{service}");
            }
        }
        for uri in [
            "http://127.0.0.1:4566/",
            "https://amazonaws.com.evil.example/",
            "https://notamazonaws.com/",
            "https://sts.amazonaws.com.evil.example/",
            "http://sts.us-east-1.amazonaws.com/",
            "https://moto-1.us-east-1.elb.amazonaws.com/",
            "https://ecr.us-east-1.elb.amazonaws.com/",
            "https://abc.execute-api.us-east-1.amazonaws.com/",
        ] {
            let meter = Meter::new();
            meter.see_host(uri);
            assert!(meter.met_foreign_host(), "{uri}");
        }
    }
}
