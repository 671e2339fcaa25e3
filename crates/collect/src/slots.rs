//! How much is under way at once, so that memory is bounded. What really runs is bounded by the run's gate.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for work of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Slots(Arc<Semaphore>);

/// A place that is taken.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Slots,
    held: Option<OwnedSemaphorePermit>,
}

impl Slots {
    pub(crate) fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count.max(1))))
    }

    /// Waits for a place.
    pub(crate) async fn take(&self) -> Slot {
        let held = Arc::clone(&self.0).acquire_owned().await.ok();
        Slot { slots: self.clone(), held }
    }
}

impl Slot {
    /// Waits for something that others work on, and gives the place away meanwhile.
    pub(crate) async fn set_aside<T>(&mut self, wait: impl Future<Output = T>) -> T {
        self.held = None;
        let value = wait.await;
        self.held = self.slots.take().await.held;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: 14 Near the floor: nothing waits for the administrator's stream while holding a slot
    #[tokio::test]
    async fn what_waits_for_others_gives_its_slot_away() {
        let slots = Slots::new(1);
        let (ready, waiting) = tokio::sync::oneshot::channel::<u8>();
        let mut first = slots.take().await;
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(async move { first.set_aside(waiting).await });
        // There is one slot: this one could not be had if the first kept it.
        let second = slots.take().await;
        ready.send(7).unwrap();
        drop(second);
        assert_eq!(tasks.join_next().await.unwrap().unwrap(), Ok(7));
        assert!(slots.0.try_acquire().is_ok());
    }
}
