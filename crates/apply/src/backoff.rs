//! Exponential backoff with a deadline. Times are since the process began, so that it needs no clock.

use std::time::Duration;

/// Growing pauses, until a timeout is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Backoff {
    began: Duration,
    timeout: Duration,
    pause: Duration,
}

impl Backoff {
    pub(crate) fn new(now: Duration, timeout: Duration) -> Self {
        Self { began: now, timeout, pause: FIRST_PAUSE }
    }

    pub(crate) fn is_half_over(&self, now: Duration) -> bool {
        now >= self.began + self.timeout / 2
    }

    pub(crate) fn is_over(&self, now: Duration) -> bool {
        now >= self.began + self.timeout
    }

    /// How long to pause now; longer the next time.
    pub(crate) fn next_pause(&mut self, now: Duration) -> Duration {
        let left = (self.began + self.timeout).saturating_sub(now);
        let pause = self.pause.min(left);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
