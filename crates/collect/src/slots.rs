//! How much is under way at once, so that memory is bounded. What really runs is bounded by the run's gate.

use std::sync::Arc;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Places for work of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    places: Arc<Semaphore>,
    freed: Arc<Notify>,
}

/// A place that is taken.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Slots,
    held: Option<OwnedSemaphorePermit>,
}

impl Slots {
    pub(crate) fn new(count: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(count.max(1))), freed: Arc::default() }
    }

    /// Takes a place if one is free. The caller chooses what runs next; work that returns from `set_aside` gets a place first.
    pub(crate) fn try_take(&self) -> Option<Slot> {
        let held = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Slot { slots: self.clone(), held: Some(held) })
    }

    /// Waits until a place may be free.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }
}

impl Slot {
    /// Waits for something that others work on, and gives the place away meanwhile.
    pub(crate) async fn set_aside<T>(&mut self, wait: impl Future<Output = T>) -> T {
        self.give_away();
        let value = wait.await;
        self.held = Arc::clone(&self.slots.places).acquire_owned().await.ok();
        value
    }

    /// The same, and keeps the place while the work has something else to do: work in progress uses memory, and so it is bounded.
    pub(crate) async fn set_aside_once<T>(
        &mut self,
        idle: impl Future<Output = ()>,
        wait: impl Future<Output = T>,
    ) -> T {
        let mut wait = std::pin::pin!(wait);
        tokio::select! {
            biased;
            value = &mut wait => return value,
            () = idle => {}
        }
        self.set_aside(wait).await
    }

    fn give_away(&mut self) {
        if self.held.take().is_some() {
            self.slots.freed.notify_one();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.give_away();
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
        let mut first = slots.try_take().unwrap();
        assert!(slots.try_take().is_none());
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(async move { first.set_aside(waiting).await });
        // There is one slot: this one could not be had if the first kept it.
        slots.freed().await;
        let second = slots.try_take().unwrap();
        ready.send(7).unwrap();
        drop(second);
        assert_eq!(tasks.join_next().await.unwrap().unwrap(), Ok(7));
        assert!(slots.try_take().is_some());
    }

    // Holds: 14 Memory: a registry that waits for the administrator keeps its slot as long as it asks ECR
    #[tokio::test]
    async fn what_works_while_it_waits_gives_its_slot_away_once_it_is_idle() {
        let slots = Slots::new(1);
        let mut first = slots.try_take().unwrap();
        assert!(first.set_aside_once(std::future::pending(), async { slots.try_take().is_none() }).await, "it works");
        let waits = first.set_aside_once(async {}, async {
            tokio::task::yield_now().await;
            slots.try_take().is_some()
        });
        assert!(waits.await, "it was idle");
    }
}
