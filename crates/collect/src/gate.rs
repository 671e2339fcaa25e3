//! The gate that every call passes: a bound on work in flight, and a limiter per account, region and API.
//!
//! Two different things: the bound keeps this machine and the network sane, the limiter keeps AWS's buckets from
//! overflowing. A call waits for its limiter first, holding nothing.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use scangap_aws::{Call, CallError, Meter};
use scangap_model::{Api, Cause, GapKind, Limit};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// An unpublished rate may grow to this many times its start while nothing is throttled.
const GROWTH: f64 = 5.0;
/// ... and shrink to this many calls per second when everything is.
const FLOOR: f64 = 0.5;
/// A rate is cut once for all the calls that were under way together.
const BETWEEN_CUTS: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Gate {
    in_flight: Semaphore,
    meter: Arc<Meter>,
    pub(crate) cancel: CancellationToken,
}

impl Gate {
    pub(crate) fn new(max_in_flight: usize, meter: Arc<Meter>, cancel: CancellationToken) -> Arc<Self> {
        Arc::new(Self { in_flight: Semaphore::new(max_in_flight.max(1)), meter, cancel })
    }

    /// The limiters of one account and region. They live as long as the work there.
    pub(crate) fn place(self: &Arc<Self>) -> Place {
        Place { gate: Arc::clone(self), limiters: Mutex::new(BTreeMap::new()) }
    }
}

#[derive(Debug)]
pub(crate) struct Place {
    gate: Arc<Gate>,
    limiters: Mutex<BTreeMap<Api, Limiter>>,
}

impl Place {
    pub(crate) async fn call<T, F, R>(&self, api: Api, request: F) -> Result<T, CallError>
    where
        F: FnOnce(Arc<Call>) -> R,
        R: Future<Output = Result<T, CallError>>,
    {
        let admitted = async {
            tokio::time::sleep_until(self.reserve(api)).await;
            self.gate.in_flight.acquire().await.ok()
        };
        // Held until the call has ended. Whoever still waits when the audit is interrupted does not start.
        let permit = tokio::select! {
            biased;
            () = self.gate.cancel.cancelled() => None,
            permit = admitted => permit,
        };
        if permit.is_none() {
            return Err(not_reached(api));
        }
        let call = Call::new(api, &self.gate.meter);
        let answer = request(Arc::clone(&call)).await;
        self.learn(api, call.throttles());
        answer
    }

    fn with_limiter<T>(&self, api: Api, act: impl FnOnce(&mut Limiter) -> T) -> T {
        let mut limiters = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        act(limiters.entry(api).or_insert_with(|| Limiter::new(api.info().limit)))
    }

    fn reserve(&self, api: Api) -> Instant {
        self.with_limiter(api, |limiter| limiter.reserve(Instant::now()))
    }

    fn learn(&self, api: Api, throttles: u32) {
        self.with_limiter(api, |limiter| limiter.learn(throttles, Instant::now()));
    }
}

fn not_reached(api: Api) -> CallError {
    CallError {
        api,
        kind: GapKind::NotReached,
        code: "Interrupted".to_owned(),
        cause: Cause::NotStated,
        message: "the audit was interrupted".to_owned(),
        attempts: 0,
    }
}

/// A token bucket that hands out start times, and adapts: halved when throttled, slowly raised otherwise.
#[derive(Debug)]
struct Limiter {
    rate: f64,
    ceiling: f64,
    burst: f64,
    tokens: f64,
    last: Option<Instant>,
    last_cut: Option<Instant>,
}

impl Limiter {
    fn new(limit: Limit) -> Self {
        let ceiling = if limit.published { limit.per_second } else { limit.per_second * GROWTH };
        Self { rate: limit.per_second, ceiling, burst: limit.burst, tokens: limit.burst, last: None, last_cut: None }
    }

    /// When the next call may start. Tokens may go below zero: each waiting call has its own slot.
    fn reserve(&mut self, now: Instant) -> Instant {
        let elapsed = self.last.map_or(0.0, |last| now.saturating_duration_since(last).as_secs_f64());
        self.tokens = (self.tokens + elapsed * self.rate).min(self.burst);
        self.last = Some(now);
        self.tokens -= 1.0;
        if self.tokens >= 0.0 { now } else { now + Duration::from_secs_f64(-self.tokens / self.rate) }
    }

    /// Calls that were under way together are throttled together: they count as one cut.
    fn learn(&mut self, throttles: u32, now: Instant) {
        if throttles == 0 {
            self.rate = (self.rate + self.rate / 50.0).min(self.ceiling);
        } else if self.last_cut.is_none_or(|cut| now.saturating_duration_since(cut) >= BETWEEN_CUTS) {
            self.last_cut = Some(now);
            self.rate = (self.rate / 2.0).max(FLOOR);
            // What had been saved up is spent; new tokens come at the new rate.
            self.tokens = self.tokens.min(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter() -> Limiter {
        Limiter::new(Limit { per_second: 10.0, burst: 2.0, published: true })
    }

    #[test]
    fn the_burst_starts_at_once_and_the_rest_at_the_rate() {
        let (mut limiter, now) = (limiter(), Instant::now());
        let waits: Vec<u128> = (0..4).map(|_| limiter.reserve(now).duration_since(now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 100, 200]);
    }

    #[test]
    fn throttles_halve_the_rate_once_a_burst_and_successes_raise_it_to_the_ceiling_only() {
        let (mut limiter, now) = (limiter(), Instant::now());
        for _ in 0..10 {
            limiter.learn(1, now);
        }
        assert!((limiter.rate - 5.0).abs() < f64::EPSILON);
        for _ in 0..1_000 {
            limiter.learn(0, now);
        }
        assert!((limiter.rate - 10.0).abs() < f64::EPSILON);
        for second in 0..100 {
            limiter.learn(1, now + Duration::from_secs(2 * second));
        }
        assert!((limiter.rate - FLOOR).abs() < f64::EPSILON);
    }
}
