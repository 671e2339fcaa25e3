//! What a run puts before its calls: a bound on work in flight, and the end of an interrupted run.
//!
//! The bound keeps this machine and the network sane; what keeps AWS's buckets from overflowing is in `limits`. A call waits
//! for its bucket first, holding nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
pub struct Gate {
    in_flight: Arc<Semaphore>,
    cancel: CancellationToken,
    /// How long calls in flight may still take once the run is interrupted.
    grace: Duration,
}

impl Gate {
    pub fn new(max_in_flight: usize, cancel: CancellationToken, grace: Duration) -> Arc<Self> {
        Arc::new(Self { in_flight: Arc::new(Semaphore::new(max_in_flight.max(1))), cancel, grace })
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    pub(crate) async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// `None`: the run was interrupted before the call could start.
    pub(crate) async fn admit(&self) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => None,
            permit = Arc::clone(&self.in_flight).acquire_owned() => permit.ok(),
        }
    }

    /// Ends when a call in flight has had its time after an interruption.
    pub(crate) async fn out_of_grace(&self) {
        self.cancel.cancelled().await;
        tokio::time::sleep(self.grace).await;
    }
}
