//! How a collection makes its calls: each through the run's gate.

use std::future::Future;
use std::sync::Arc;

use scangap_aws::{Call, CallError, Gate, Meter, Rank};
use scangap_model::Api;

/// The one way to a call. Its turn, its repetition and its session are the port's.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    gate: Arc<Gate>,
    meter: Arc<Meter>,
    rank: Rank,
}

impl Calls {
    pub(crate) fn new(gate: Arc<Gate>, meter: Arc<Meter>) -> Self {
        Self { gate, meter, rank: Rank::First }
    }

    /// Those that nothing but one small registry waits for. Most calls are such: what opens, lists, or takes longest goes first.
    pub(crate) fn of_small_registry(&self) -> Self {
        Self { rank: Rank::Second, ..self.clone() }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.gate.is_cancelled()
    }

    pub(crate) async fn call<T, F, R>(&self, api: Api, request: F) -> Result<T, CallError>
    where
        F: FnOnce(Arc<Call>) -> R,
        R: Future<Output = Result<T, CallError>>,
    {
        request(Call::through(api, &self.meter, &self.gate, self.rank)).await
    }
}
