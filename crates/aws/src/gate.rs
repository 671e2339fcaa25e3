//! What a run puts before its calls: a bound on work in flight, and the end of an interrupted run.
//!
//! The bound keeps this machine and the network sane; what keeps AWS's buckets from overflowing is in `limits`. A call waits
//! for its bucket first, holding nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// A call that waited so long was kept back by its bucket: less is other calls taking their turn.
const WAITED_FOR_ITS_BUCKET: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub struct Gate {
    places: Mutex<Places>,
    cancel: CancellationToken,
    /// How long calls in flight may still take once the run is interrupted.
    grace: Duration,
}

/// Where a place is free, nobody waits.
#[derive(Debug)]
struct Places {
    free: usize,
    first: VecDeque<oneshot::Sender<Place>>,
    second: VecDeque<oneshot::Sender<Place>>,
}

/// A place in flight. Dropped, it goes to the call that waits next.
#[derive(Debug)]
pub(crate) struct Place(Option<Arc<Gate>>);

/// Which of the calls that wait goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    First,
    Second,
}

impl Rank {
    /// A call whose bucket kept it waiting is one of many of its registry, which ends late: it goes first.
    pub(crate) fn after(self, waited_for_bucket: Duration) -> Self {
        if waited_for_bucket < WAITED_FOR_ITS_BUCKET { self } else { Self::First }
    }
}

impl Gate {
    pub fn new(max_in_flight: usize, cancel: CancellationToken, grace: Duration) -> Arc<Self> {
        let places = Places { free: max_in_flight.max(1), first: VecDeque::new(), second: VecDeque::new() };
        Arc::new(Self { places: Mutex::new(places), cancel, grace })
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    pub(crate) async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// `None`: the run was interrupted before the call could start.
    pub(crate) async fn admit(self: &Arc<Self>, rank: Rank) -> Option<Place> {
        if self.is_cancelled() {
            return None;
        }
        let turn = {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            if places.free > 0 {
                places.free -= 1;
                return Some(Place(Some(Arc::clone(self))));
            }
            let (given, turn) = oneshot::channel();
            match rank {
                Rank::First => places.first.push_back(given),
                Rank::Second => places.second.push_back(given),
            }
            turn
        };
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => None,
            place = turn => place.ok(),
        }
    }

    /// Ends when a call in flight has had its time after an interruption.
    pub(crate) async fn out_of_grace(&self) {
        self.cancel.cancelled().await;
        tokio::time::sleep(self.grace).await;
    }

    /// Gives a place to who waits next.
    fn give(self: &Arc<Self>) {
        loop {
            let next = {
                let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
                let next = places.first.pop_front().or_else(|| places.second.pop_front());
                if next.is_none() {
                    places.free += 1;
                }
                next
            };
            let Some(next) = next else { return };
            match next.send(Place(Some(Arc::clone(self)))) {
                Ok(()) => return,
                // It waits no more. The place is not freed twice.
                Err(mut place) => place.0 = None,
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(gate) = self.0.take() {
            gate.give();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;

    fn gate(max_in_flight: usize) -> Arc<Gate> {
        Gate::new(max_in_flight, CancellationToken::new(), Duration::from_secs(1))
    }

    fn free(gate: &Gate) -> usize {
        gate.places.lock().unwrap().free
    }

    // Holds: 14 Near the floor: of the calls that wait, those go first that others wait for, or that their bucket has kept waiting
    #[tokio::test]
    async fn what_others_wait_for_goes_first() {
        assert_eq!(Rank::Second.after(Duration::ZERO), Rank::Second);
        assert_eq!(Rank::Second.after(Duration::from_secs(1)), Rank::First);
        let gate = gate(1);
        let held = gate.admit(Rank::Second).await.unwrap();
        let (order, mut came) = tokio::sync::mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        for (name, rank) in [("a", Rank::Second), ("b", Rank::First), ("c", Rank::Second), ("d", Rank::First)] {
            let (gate, order) = (Arc::clone(&gate), order.clone());
            tasks.spawn(async move {
                let _place = gate.admit(rank).await.unwrap();
                order.send(name).unwrap();
            });
            tokio::task::yield_now().await;
        }
        drop(held);
        while tasks.join_next().await.is_some() {}
        drop(order);
        let mut names = Vec::new();
        while let Some(name) = came.recv().await {
            names.push(name);
        }
        assert_eq!(names, ["b", "d", "a", "c"]);
        assert_eq!(free(&gate), 1);
    }

    #[tokio::test]
    async fn a_place_is_lost_to_nobody_who_stopped_waiting() {
        let gate = gate(2);
        let held = [gate.admit(Rank::First).await.unwrap(), gate.admit(Rank::First).await.unwrap()];
        let (mut gone, mut waits) = (JoinSet::new(), JoinSet::new());
        for _ in 0..3 {
            let gate = Arc::clone(&gate);
            gone.spawn(async move { gate.admit(Rank::First).await.is_some() });
        }
        waits.spawn({
            let gate = Arc::clone(&gate);
            async move { gate.admit(Rank::Second).await.is_some() }
        });
        tokio::task::yield_now().await;
        gone.shutdown().await;
        drop(held);
        assert!(waits.join_next().await.unwrap().unwrap());
        assert_eq!(free(&gate), 2);
    }

    #[tokio::test]
    async fn an_interruption_ends_the_waiting_and_gives_no_place() {
        let gate = gate(1);
        let held = gate.admit(Rank::First).await.unwrap();
        let mut waits = JoinSet::new();
        waits.spawn({
            let gate = Arc::clone(&gate);
            async move { gate.admit(Rank::First).await.is_none() }
        });
        tokio::task::yield_now().await;
        gate.cancel.cancel();
        assert!(waits.join_next().await.unwrap().unwrap());
        drop(held);
        assert_eq!(free(&gate), 1);
        assert!(gate.admit(Rank::First).await.is_none());
    }
}
