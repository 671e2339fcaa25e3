//! How fast one bucket of AWS's is asked: a decision per event, in whatever time the caller says it is.
//!
//! AWS throttles by token buckets whose size and rate it seldom publishes. A throttled answer says that the bucket is empty
//! now. Two bounds follow: the rate is below the pace that emptied it, unless what had been saved up hid that for long; and
//! it is above the answers since the bucket was last empty, divided by the time, since a full bucket saves nothing more. The
//! pace runs just under the rate and feels its way up slowly, in calls and not in seconds, so that the share of calls that
//! are throttled is the same for slow buckets and fast ones.

use std::time::Duration;

use scangap_model::Limit;
use tokio::time::Instant;

/// No bucket is asked faster than this, a second.
const FASTEST: f64 = 1000.0;
/// ... nor slower: one call in two seconds finds out whether the bucket lets anything through again.
const SLOWEST: f64 = 0.5;
/// Calls in flight while nothing is known of a bucket.
const FIRST_IN_FLIGHT: f64 = 8.0;
/// Answers between two empty moments that say something of the rate.
const ENOUGH: u32 = 10;
/// How far below what emptied the bucket the next pace begins.
const UNDER: f64 = 0.95;
/// A pace beyond the answers by this much was hidden by what the bucket had saved up: then the answers count.
const HIDDEN: f64 = 1.5;

/// What is known of the bucket's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Knowledge {
    /// It was never empty.
    Nothing,
    /// It was empty at a higher rate, and this one may be far below.
    Searching,
    /// It is not far above.
    Refining,
    Measured,
}

/// The pace of one bucket.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: f64,
    ceiling: f64,
    /// Calls that may start at once: the start's burst while nothing is known, then one.
    credit: f64,
    credit_max: f64,
    refilled: Option<Instant>,
    knowledge: Knowledge,
    /// When the bucket was last empty. Answers to calls that were started before are of another pace.
    empty_at: Option<Instant>,
    /// Answers since then.
    answers: u32,
    /// Calls that met the empty bucket together.
    hits: u32,
    /// Empty moments in a row with too few answers between them.
    in_a_row: u32,
    in_flight: u32,
    /// Seconds, smoothed.
    latency: f64,
}

/// Whether a call may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Now,
    /// Not before.
    At(Instant),
    /// When a call has come back.
    AfterAnAnswer,
}

impl Pace {
    pub(crate) fn new(limit: Limit) -> Self {
        Self {
            rate: limit.per_second,
            ceiling: if limit.published { limit.per_second } else { FASTEST },
            credit: limit.burst,
            credit_max: limit.burst.max(1.0),
            refilled: None,
            knowledge: Knowledge::Nothing,
            empty_at: None,
            answers: 0,
            hits: 0,
            in_a_row: 0,
            in_flight: 0,
            latency: 0.0,
        }
    }

    /// Starts a call if one may start now.
    pub(crate) fn turn(&mut self, now: Instant) -> Turn {
        // Rate times latency: so many calls meet a bucket that has run empty.
        let least = if self.knowledge == Knowledge::Nothing { FIRST_IN_FLIGHT } else { 2.0 };
        if f64::from(self.in_flight) >= ((self.rate * self.latency).ceil() + 1.0).max(least) {
            return Turn::AfterAnAnswer;
        }
        let elapsed = self.refilled.map_or(0.0, |last| now.saturating_duration_since(last).as_secs_f64());
        self.credit = (self.credit + elapsed * self.rate).min(self.credit_max);
        self.refilled = Some(now);
        // A billionth: time is whole nanoseconds, credit is not.
        if self.credit + 1e-9 >= 1.0 {
            self.credit -= 1.0;
            self.in_flight += 1;
            return Turn::Now;
        }
        Turn::At(now + Duration::from_secs_f64((1.0 - self.credit) / self.rate) + Duration::from_nanos(1))
    }

    fn came_back(&mut self, started: Instant, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let took = now.saturating_duration_since(started).as_secs_f64();
        self.latency = if self.latency > 0.0 { self.latency * 0.9 + took * 0.1 } else { took };
    }

    /// Whether the call was started at an earlier pace.
    fn is_of_before(&self, started: Instant) -> bool {
        self.empty_at.is_some_and(|empty| started < empty)
    }

    /// Records a call that the bucket let through, whatever its result.
    pub(crate) fn let_through(&mut self, started: Instant, now: Instant) {
        self.came_back(started, now);
        if !self.is_of_before(started) {
            self.answers = self.answers.saturating_add(1);
            self.rate = (self.rate * (1.0 + self.growth())).min(self.ceiling);
        }
    }

    /// By which part the rate grows with an answer. What is learnt is a round trip old: the more calls are in flight, the
    /// less each of them adds.
    fn growth(&self) -> f64 {
        let in_flight = (self.rate * self.latency).max(1.0);
        match self.knowledge {
            Knowledge::Nothing => 0.02,
            Knowledge::Searching => (0.5 / in_flight).min(0.03),
            Knowledge::Refining => (0.04 / in_flight).min(0.01),
            // Five per cent in some seventy calls; then ever faster, so that a bucket that was enlarged is found out. Fast
            // buckets, and those that throttled many calls together, take so many times as long.
            Knowledge::Measured => {
                let slower = (self.rate / 50.0).max(f64::from(self.hits)).max(1.0);
                let answers = f64::from(self.answers) / slower;
                let growth = 0.000_3 + 0.000_01 * answers + 0.000_000_175 * answers * answers;
                (growth / slower).min(0.05 / in_flight)
            }
        }
    }

    /// Records a call that was neither let through nor throttled; its effect on the bucket is unknown.
    pub(crate) fn lost(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// The bucket was empty.
    pub(crate) fn throttled(&mut self, started: Instant, now: Instant) {
        self.came_back(started, now);
        // Calls that were under way together meet the same empty bucket.
        if self.is_of_before(started) {
            self.hits = self.hits.saturating_add(1);
            return;
        }
        let seconds = self.empty_at.map_or(0.0, |empty| started.saturating_duration_since(empty).as_secs_f64());
        self.in_a_row = if self.answers >= ENOUGH { 0 } else { self.in_a_row + 1 };
        (self.rate, self.knowledge) = self.after_empty(seconds);
        self.rate = self.rate.clamp(SLOWEST, self.ceiling);
        self.empty_at = Some(now);
        self.answers = 0;
        self.hits = 1;
        // What was saved up is spent, and nothing is saved up again: the bucket on the other side is what counts.
        self.credit = 0.0;
        self.credit_max = 1.0;
        self.refilled = Some(now);
    }

    /// The next rate, and what is known of it. `seconds`: since the bucket was last empty.
    fn after_empty(&self, seconds: f64) -> (f64, Knowledge) {
        let answered = if seconds > 0.0 { f64::from(self.answers) / seconds } else { 0.0 };
        match (self.knowledge, self.in_a_row) {
            (Knowledge::Nothing, _) => (self.rate / 2.0, Knowledge::Searching),
            // Too high still, perhaps by little ...
            (Knowledge::Refining | Knowledge::Measured, 1) => (self.rate * 0.9, self.knowledge),
            // ... or by far.
            (_, 1..) => (self.rate * if self.answers == 0 { 0.5 } else { 0.7 }, Knowledge::Searching),
            (Knowledge::Searching, 0) => (answered.min(self.rate * UNDER), Knowledge::Refining),
            (Knowledge::Refining | Knowledge::Measured, 0) if self.rate < answered * HIDDEN => {
                (UNDER * (answered.min(self.rate) * self.rate).sqrt(), Knowledge::Measured)
            }
            (Knowledge::Refining | Knowledge::Measured, 0) => (answered.max(self.rate * 0.6), Knowledge::Refining),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bucket as AWS has them.
    struct Bucket {
        tokens: f64,
        burst: f64,
        last: f64,
    }

    impl Bucket {
        fn admits(&mut self, now: f64, rate: f64) -> bool {
            self.tokens = (self.tokens + (now - self.last) * rate).min(self.burst);
            self.last = now;
            let admits = self.tokens >= 1.0;
            if admits {
                self.tokens -= 1.0;
            }
            admits
        }
    }

    /// Calls that were let through and that were throttled, after the seconds that do not count.
    #[derive(Debug, Default, Clone, Copy)]
    struct Outcome {
        through: f64,
        throttled: f64,
    }

    /// Endless demand through a pace, against a bucket whose rate may change once; latency in seconds.
    fn run(real: f64, burst: f64, changed: Option<f64>, latency: f64, counted: [(f64, f64); 2]) -> [Outcome; 2] {
        const END: f64 = 700.0;
        const CHANGE: f64 = 200.0;
        let limit = Limit { per_second: 20.0, burst: 40.0, published: false };
        let (mut pace, origin) = (Pace::new(limit), Instant::now());
        let mut bucket = Bucket { tokens: burst, burst, last: 0.0 };
        let at = |seconds: f64| origin + Duration::from_secs_f64(seconds);
        // Calls on their way back: when, when started, whether admitted. All take equally long, so they come in order.
        let mut under_way: std::collections::VecDeque<(f64, f64, bool)> = std::collections::VecDeque::new();
        let mut outcomes = [Outcome::default(); 2];
        let mut now = 0.0;
        while now < END {
            while let Some(&(back, started, admitted)) = under_way.front().filter(|(back, ..)| *back <= now) {
                under_way.pop_front();
                if admitted { pace.let_through(at(started), at(back)) } else { pace.throttled(at(started), at(back)) }
            }
            let next_answer = under_way.front().map_or(END, |&(back, ..)| back);
            match pace.turn(at(now)) {
                Turn::Now => {
                    let rate = if now + latency / 2.0 >= CHANGE { changed.unwrap_or(real) } else { real };
                    let admitted = bucket.admits(now + latency / 2.0, rate);
                    under_way.push_back((now + latency, now, admitted));
                    for (outcome, (from, to)) in outcomes.iter_mut().zip(counted) {
                        if (from..to).contains(&now) {
                            *(if admitted { &mut outcome.through } else { &mut outcome.throttled }) += 1.0;
                        }
                    }
                }
                Turn::At(time) => now = next_answer.min((time - origin).as_secs_f64()).max(now + 1e-9),
                Turn::AfterAnAnswer => now = next_answer.max(now + 1e-9),
            }
        }
        outcomes
    }

    /// What is wrong with an outcome. A burst that is still being spent may make it more than the rate.
    fn wrong(what: &str, outcome: Outcome, rate: f64, burst: f64, seconds: f64) -> Option<String> {
        let share = outcome.throttled / (outcome.through + outcome.throttled);
        let used = outcome.through / (rate * seconds);
        assert!(outcome.through <= rate * seconds + burst + 1.0, "{what}: more than there was");
        let line = format!("{what}: {:.1} % throttled, {:.1} % of the rate used", share * 100.0, used * 100.0);
        (share > 0.03 || used < 0.9).then_some(line)
    }

    const RATES: [f64; 7] = [1.0, 2.0, 5.0, 20.0, 50.0, 200.0, 500.0];
    const BURSTS: [f64; 5] = [1.0, 5.0, 50.0, 200.0, 1000.0];
    const LATENCIES: [f64; 3] = [0.005, 0.05, 0.3];

    // Holds: 2 Throttling: at most 3 % of calls throttled and at least 90 % of the rate used, from 1/s to 500/s, bursts from 1 to 1,000
    #[test]
    fn the_rate_of_any_bucket_is_found_and_kept_to() {
        let mut all_wrong = Vec::new();
        for latency in LATENCIES {
            for real in RATES {
                for burst in BURSTS {
                    // The first ten seconds are for finding it.
                    let [outcome, _] = run(real, burst, None, latency, [(10.0, 700.0), (0.0, 0.0)]);
                    let what = format!("{real}/s, burst {burst}, {latency} s");
                    all_wrong.extend(wrong(&what, outcome, real, burst, 690.0));
                }
            }
        }
        assert_eq!(all_wrong, Vec::<String>::new());
    }

    // Holds: 2 Throttling: the same where the rate changes midway
    #[test]
    fn a_rate_that_changes_midway_is_found_again() {
        let mut all_wrong = Vec::new();
        for latency in LATENCIES {
            for (real, changed) in [(20.0, 5.0), (5.0, 20.0), (100.0, 10.0), (10.0, 50.0), (500.0, 100.0), (2.0, 6.0)] {
                // A burst of a thousand at one a second is being spent until the change.
                for burst in [1.0, 5.0, 50.0, 200.0] {
                    let what = format!("{real}/s, then {changed}/s, burst {burst}, {latency} s");
                    let [whole, after] = run(real, burst, Some(changed), latency, [(10.0, 700.0), (500.0, 700.0)]);
                    let share = whole.throttled / (whole.through + whole.throttled);
                    all_wrong
                        .extend((share > 0.03).then(|| format!("{what}: {:.1} % of all throttled", share * 100.0)));
                    all_wrong.extend(wrong(&what, after, changed, burst, 200.0));
                }
            }
        }
        assert_eq!(all_wrong, Vec::<String>::new());
    }

    #[test]
    fn a_published_rate_is_never_exceeded() {
        let mut pace = Pace::new(Limit { per_second: 8.0, burst: 12.0, published: true });
        let now = Instant::now();
        for _ in 0..10_000 {
            pace.let_through(now, now);
        }
        assert!((pace.rate - 8.0).abs() < f64::EPSILON);
    }

    // Holds: 2 Throttling: calls in flight are bounded by rate and latency, so that one throttle hits few
    #[test]
    fn one_throttle_hits_no_more_than_rate_times_latency() {
        let mut pace = Pace::new(Limit { per_second: 20.0, burst: 40.0, published: false });
        let now = Instant::now();
        let started = std::iter::from_fn(|| (pace.turn(now) == Turn::Now).then_some(())).count();
        assert_eq!(started, 8);
        let later = now + Duration::from_millis(100);
        for _ in 0..started {
            pace.throttled(now, later);
        }
        assert!((pace.rate - 10.0).abs() < f64::EPSILON, "calls that were under way together count as one");
    }
}
