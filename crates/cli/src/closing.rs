//! `-v`: what an audit took, when it is over.

use std::fmt::Write;
use std::time::{Duration, Instant};

use scangap_aws::{ApiCount, Meter};
use scangap_model::thousands;

use crate::terminal;

/// Buckets that are named.
pub(crate) const BUCKETS: usize = 5;

/// The phases of an audit, in order, and when each ended.
#[derive(Debug)]
pub(crate) struct Phases {
    began: Instant,
    ended: Vec<(&'static str, Instant)>,
}

impl Phases {
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now(), ended: Vec::new() }
    }

    pub(crate) fn ended(&mut self, name: &'static str) {
        self.ended.push((name, Instant::now()));
    }

    pub(crate) fn times(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        let starts = std::iter::once(self.began).chain(self.ended.iter().map(|(_, end)| *end));
        starts.zip(&self.ended).map(|(start, (name, end))| (*name, end.duration_since(start)))
    }
}

/// What each API and each phase took, and the buckets that were waited for longest.
pub(crate) fn print(meter: &Meter, phases: &Phases) {
    terminal::note(table(meter, phases).trim_end());
}

fn table(meter: &Meter, phases: &Phases) -> String {
    let number = |n: u64| thousands(usize::try_from(n).unwrap_or(usize::MAX));
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<50} {:>9} {:>9} {:>9} {:>10} {:>10}",
        "API", "calls", "retries", "throttled", "waited s", "answered s"
    );
    let mut row = |name: &str, count: &ApiCount| {
        let _ = writeln!(
            text,
            "{name:<50} {:>9} {:>9} {:>9} {:>10.1} {:>10.1}",
            number(count.calls),
            number(count.attempts.saturating_sub(count.calls)),
            number(count.throttled),
            count.waited.as_secs_f64(),
            count.answered.as_secs_f64()
        );
    };
    for (api, count) in meter.counts() {
        row(&api.to_string(), &count);
    }
    row("all", &meter.total());
    for (name, time) in phases.times() {
        let _ = writeln!(text, "{name:<50} {:>9.1} s", time.as_secs_f64());
    }
    for (place, api, time) in meter.fullest_buckets(BUCKETS) {
        let _ = writeln!(
            text,
            "waited for the bucket of {api} in {place}: {:.1} s, all calls together",
            time.as_secs_f64()
        );
    }
    text
}
