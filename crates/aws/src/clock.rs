//! The time by which credentials are renewed.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// The system clock or a monotonic clock, whichever is later. The monotonic clock
/// misses the time that a machine sleeps, and the system clock can be set back.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    wall: fn() -> Timestamp,
    at_start: Timestamp,
    started: Instant,
}

impl Clock {
    pub(crate) fn new(wall: fn() -> Timestamp) -> Self {
        Self { wall, at_start: wall(), started: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        later((self.wall)(), self.at_start, self.started.elapsed())
    }
}

fn later(wall: Timestamp, at_start: Timestamp, elapsed: Duration) -> Timestamp {
    at_start.saturating_add(elapsed).unwrap_or(at_start).max(wall)
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
