//! Waiting for a change to show.

use std::time::Duration;

use tokio::time::Instant;

/// Growing pauses, until patience ends.
pub(crate) struct Waits {
    half: Instant,
    until: Instant,
    next: Duration,
}

impl Waits {
    pub(crate) fn until(now: Instant, patience: Duration) -> Self {
        Self { half: now + patience / 2, until: now + patience, next: FIRST_PAUSE }
    }

    pub(crate) fn is_half_over(&self) -> bool {
        Instant::now() >= self.half
    }

    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    pub(crate) async fn wait(&mut self) {
        let left = self.until.saturating_duration_since(Instant::now());
        tokio::time::sleep(self.next.min(left)).await;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
