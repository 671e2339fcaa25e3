//! What AWS's token buckets allow: one pace for each account, region and API in the whole process, shared by all callers.
//!
//! Throttling belongs here and nowhere else. The SDK retries what broke on the way and what a service says it failed at;
//! a throttled call comes back at once, waits for its turn again, and is no outcome. It becomes one only where the bucket
//! as a whole has let nothing through for a stated time.

mod pace;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use scangap_model::{AccountId, Api, GapKind, RegionName};
use tokio::sync::Notify;
use tokio::time::Instant;

use self::pace::{Pace, Turn};
use crate::classify::CallError;

/// The default time for which a bucket may throttle every call before its calls fail.
pub const THROTTLE_PATIENCE: Duration = Duration::from_mins(15);

/// A bucket that was given up is asked again after this long.
const ASKED_AGAIN: Duration = Duration::from_mins(1);

/// Whose bucket: the account that pays for the calls, and the region. Global services have none.
type Key = (AccountId, Option<RegionName>);

type Places = Mutex<HashMap<Key, Weak<Buckets>>>;

/// The buckets of a process.
#[derive(Debug)]
pub(crate) struct Limits {
    patience: Duration,
    /// Weak, so that a bucket is dropped when its last user is: a large organization has too many to keep.
    places: Arc<Places>,
}

/// The buckets of one account and region.
#[derive(Debug)]
pub(crate) struct Buckets {
    /// Where they are found until they are dropped.
    found: Option<(Weak<Places>, Key)>,
    /// As logs name it: the account and the region, or the caller.
    place: Arc<str>,
    patience: Duration,
    by_api: Mutex<BTreeMap<Api, Arc<Bucket>>>,
}

#[derive(Debug)]
struct Bucket {
    state: Mutex<State>,
    /// Held by the call whose turn is next: calls start in the order in which they came.
    first: tokio::sync::Mutex<()>,
    /// An answer came, and the pace may be another.
    answered: Notify,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    /// Since when the bucket has let nothing through.
    dry_since: Option<Instant>,
    given_up: Option<Instant>,
}

impl Limits {
    pub(crate) fn new(patience: Duration) -> Arc<Self> {
        Arc::new(Self { patience, places: Arc::default() })
    }

    /// Returns the buckets that all callers in this account and region share.
    pub(crate) fn of(&self, account: AccountId, region: Option<&RegionName>) -> Arc<Buckets> {
        let key = (account, region.cloned());
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(buckets) = places.get(&key).and_then(Weak::upgrade) {
            return buckets;
        }
        let place = region.map_or_else(|| account.to_string(), |region| format!("{account} {region}"));
        let found = Some((Arc::downgrade(&self.places), key.clone()));
        let buckets =
            Arc::new(Buckets { found, place: place.into(), patience: self.patience, by_api: Mutex::default() });
        places.insert(key, Arc::downgrade(&buckets));
        buckets
    }
}

impl Buckets {
    pub(crate) fn alone(patience: Duration) -> Arc<Self> {
        Arc::new(Self { found: None, place: "caller".into(), patience, by_api: Mutex::default() })
    }

    pub(crate) fn place(&self) -> &Arc<str> {
        &self.place
    }

    /// Waits until a call may start.
    pub(crate) async fn turn(&self, api: Api) -> Result<UnderWay, CallError> {
        let bucket = self.bucket(api);
        let asked = Instant::now();
        let has_turn = bucket.turn(Dry::GivesUp).await;
        tracing::trace!(target: "scangap::limiter", place = &*self.place, api = %api, waited_ms = millis(asked), "turn");
        if has_turn { Ok(self.starts(api, bucket)) } else { Err(given_up(api, self.patience)) }
    }

    /// The same, also where the bucket lets nothing through: a write is sent, so that its caller gets AWS's own answer.
    pub(crate) async fn turn_at_any_rate(&self, api: Api) -> UnderWay {
        let bucket = self.bucket(api);
        let _ = bucket.turn(Dry::Asks).await;
        self.starts(api, bucket)
    }

    fn starts(&self, api: Api, bucket: Arc<Bucket>) -> UnderWay {
        UnderWay { bucket, api, patience: self.patience, started: Instant::now(), settled: false }
    }

    fn bucket(&self, api: Api) -> Arc<Bucket> {
        let mut by_api = self.by_api.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let state = State { pace: Pace::new(api.info().limit), dry_since: None, given_up: None };
            Arc::new(Bucket { state: Mutex::new(state), first: tokio::sync::Mutex::default(), answered: Notify::new() })
        };
        Arc::clone(by_api.entry(api).or_insert_with(new))
    }
}

impl Drop for Buckets {
    fn drop(&mut self) {
        let Some((places, key)) = self.found.take() else { return };
        let Some(places) = places.upgrade() else { return };
        let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
        // Others may have taken their place already.
        if places.get(&key).is_some_and(|buckets| buckets.strong_count() == 0) {
            places.remove(&key);
        }
    }
}

impl Bucket {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// `false`: the bucket was given up.
    async fn turn(&self, dry: Dry) -> bool {
        let _first = self.first.lock().await;
        loop {
            let answered = self.answered.notified();
            let now = Instant::now();
            let turn = self.with(|state| match state.given_up {
                Some(when) if dry == Dry::GivesUp && now.saturating_duration_since(when) < ASKED_AGAIN => None,
                Some(_) | None => Some(state.pace.turn(now)),
            });
            match turn {
                None => return false,
                Some(Turn::Now) => return true,
                Some(Turn::At(time)) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(time) => {}
                        () = answered => {}
                    }
                }
                Some(Turn::AfterAnAnswer) => answered.await,
            }
        }
    }
}

/// What a bucket that lets nothing through is to its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dry {
    GivesUp,
    Asks,
}

/// A call that has its turn. Dropped in the middle, it is not counted as under way for ever.
#[derive(Debug)]
pub(crate) struct UnderWay {
    bucket: Arc<Bucket>,
    api: Api,
    patience: Duration,
    started: Instant,
    settled: bool,
}

/// A bucket that let nothing through for too long.
#[derive(Debug)]
pub(crate) struct GivenUp(CallError);

impl GivenUp {
    pub(crate) fn after(self, attempts: u32) -> CallError {
        CallError { attempts, ..self.0 }
    }
}

impl UnderWay {
    /// Between its turn and its start a call may wait for other things.
    pub(crate) fn starts(&mut self, now: Instant) {
        self.started = now;
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    pub(crate) fn let_through(mut self) {
        self.settled = true;
        let (started, now) = (self.started, Instant::now());
        self.bucket.with(|state| {
            state.pace.let_through(started, now);
            state.dry_since = None;
            state.given_up = None;
        });
    }

    /// Records the result of a call. A request that may not have reached the service has an unknown effect on the bucket.
    pub(crate) fn settle<T>(self, answer: &Result<T, CallError>) {
        let lost = [GapKind::Timeout, GapKind::Connection, GapKind::ServerError, GapKind::NotReached];
        if !matches!(answer, Err(error) if lost.contains(&error.kind)) {
            self.let_through();
        }
    }

    /// Whether the bucket is given up.
    pub(crate) fn throttled(mut self) -> Option<GivenUp> {
        self.settled = true;
        let (started, now) = (self.started, Instant::now());
        let dry = self.bucket.with(|state| {
            state.pace.throttled(started, now);
            let dry = now.saturating_duration_since(*state.dry_since.get_or_insert(now));
            if dry >= self.patience {
                tracing::warn!(target: "scangap::limiter", api = %self.api, "every call was throttled: given up");
                state.given_up = Some(now);
            }
            dry
        });
        (dry >= self.patience).then(|| GivenUp(given_up(self.api, self.patience)))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.settled {
            self.bucket.with(|state| state.pace.lost());
        }
        self.bucket.answered.notify_waiters();
    }
}

/// Milliseconds since a moment.
pub(crate) fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn given_up(api: Api, patience: Duration) -> CallError {
    let seconds = patience.as_secs();
    let long = if seconds >= 60 { format!("{} minutes", seconds / 60) } else { format!("{seconds} seconds") };
    CallError {
        api,
        kind: GapKind::Throttled,
        code: "ThrottlePatience".to_owned(),
        cause: scangap_model::Cause::NotStated,
        message: format!("every call was throttled for {long}"),
        attempts: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: Api = Api::GetRepositoryPolicy;

    /// Asks until the bucket lets it through or is given up. Answers are taken from the end.
    async fn ask(buckets: &Buckets, answers: &Mutex<Vec<bool>>) -> Result<(), CallError> {
        loop {
            let under_way = buckets.turn(API).await?;
            if answers.lock().unwrap().pop().unwrap_or(true) {
                under_way.let_through();
                return Ok(());
            }
            if let Some(given_up) = under_way.throttled() {
                return Err(given_up.after(1));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_answer_is_no_outcome() {
        let limits = Limits::new(THROTTLE_PATIENCE);
        let buckets = limits.of("111122223333".parse().unwrap(), None);
        let answers = Mutex::new(vec![true, false, false, false, false, false, false, false]);
        ask(&buckets, &answers).await.unwrap();
        assert!(answers.lock().unwrap().is_empty());
    }

    // Holds: 2 Throttling: a call becomes a gap only where its bucket let nothing through for the patience, and the gap says so
    #[tokio::test(start_paused = true)]
    async fn a_bucket_that_lets_nothing_through_is_given_up_after_the_patience_and_says_so() {
        let limits = Limits::new(THROTTLE_PATIENCE);
        let buckets = limits.of("111122223333".parse().unwrap(), None);
        let answers = Mutex::new(vec![false; 100_000]);
        let started = Instant::now();
        let error = ask(&buckets, &answers).await.unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (GapKind::Throttled, "every call was throttled for 15 minutes")
        );
        assert!((900..920).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
        // The others do not wait as long again, each by itself.
        ask(&buckets, &answers).await.unwrap_err();
        assert!(started.elapsed().as_secs() < 920);
    }

    // Holds: 2 Throttling: one limiter for each account, region and API in the process, shared by every reader
    #[tokio::test(start_paused = true)]
    async fn the_same_bucket_is_everybodys() {
        let limits = Limits::new(THROTTLE_PATIENCE);
        let account = "111122223333".parse().unwrap();
        let region: RegionName = "eu-west-1".parse().unwrap();
        let (one, other) = (limits.of(account, Some(&region)), limits.of(account, Some(&region)));
        assert!(Arc::ptr_eq(&one, &other));
        assert!(!Arc::ptr_eq(&one, &limits.of(account, None)));
        drop((one, other));
        assert!(limits.places.lock().unwrap().is_empty(), "nothing is left of buckets that nobody uses");
    }
}
