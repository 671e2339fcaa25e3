//! Threads that make the calls: each has a runtime, HTTP connections and a share of the accounts of its own.
//!
//! On one runtime with many threads a call's parts wander between them, which costs half as much again as the call.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::sync::Arc;

use scangap_model::AccountId;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

use crate::context::Context;

/// More would wait for each other at the limits and at the snapshot.
const WORKERS_MAX: usize = 8;

/// The threads. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Workers(Vec<Worker>);

#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) context: Arc<Context>,
    pub(crate) runtime: Handle,
    /// Dropped, it ends the thread.
    _running: oneshot::Sender<()>,
}

/// What a task came to. A panic in one is a bug: let it be one, not a silent hole.
pub(crate) fn joined<T>(done: Result<T, JoinError>) -> T {
    match done {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Waits for tasks that end by themselves.
pub(crate) async fn all_done(mut tasks: JoinSet<()>) {
    while let Some(done) = tasks.join_next().await {
        joined(done);
    }
}

/// Ends tasks that nobody waits for any more. One that had panicked still ends the run.
pub(crate) async fn end(mut tasks: JoinSet<()>) {
    tasks.abort_all();
    while let Some(done) = tasks.join_next().await {
        if !matches!(&done, Err(error) if error.is_cancelled()) {
            joined(done);
        }
    }
}

impl Workers {
    pub(crate) fn start(context: &Context) -> io::Result<Self> {
        let count = std::thread::available_parallelism().map_or(1, usize::from).min(WORKERS_MAX);
        (0..count).map(|_| Worker::start(Arc::new(context.another()))).collect::<io::Result<_>>().map(Self)
    }

    /// The worker of an account: all of its calls go over the same connections.
    pub(crate) fn of(&self, account: AccountId) -> &Worker {
        // Not the hash of the shards: a shard's accounts would all have one worker.
        let mut hasher = DefaultHasher::new();
        account.hash(&mut hasher);
        let place = usize::try_from(hasher.finish()).unwrap_or(0) % self.0.len();
        #[expect(clippy::indexing_slicing, reason = "there is a worker for each place")]
        &self.0[place]
    }
}

impl Worker {
    fn start(context: Arc<Context>) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (running, ended) = oneshot::channel::<()>();
        std::thread::Builder::new().name("calls".to_owned()).spawn(move || {
            // An error is what is waited for: nothing is ever sent.
            let _ = runtime.block_on(ended);
        })?;
        Ok(Self { context, runtime: handle, _running: running })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tasks_are_ended_however_long_they_would_take() {
        let mut tasks = JoinSet::new();
        tasks.spawn(std::future::pending());
        tasks.spawn(async {});
        tokio::task::yield_now().await;
        end(tasks).await;
    }

    // Holds: 13 Rooms: a bug in a task ends the run, and is no silent hole in what was read
    #[tokio::test]
    #[should_panic(expected = "a bug")]
    async fn a_panic_of_a_task_that_nobody_waited_for_comes_through() {
        let mut tasks = JoinSet::new();
        tasks.spawn(std::future::pending());
        tasks.spawn(async { panic!("a bug") });
        tokio::task::yield_now().await;
        end(tasks).await;
    }
}
