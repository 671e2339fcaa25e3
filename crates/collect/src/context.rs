//! What the parts of a collection share.

use std::collections::HashMap;
use std::sync::Arc;

use scangap_aws::{Connection, Gate, Identity};
use scangap_model::{AccountId, REGIONS, RegionName};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::board::Board;
use crate::event::Event;
use crate::exists::InspectorRegions;
use crate::gate::Calls;
use crate::options::CollectOptions;
use crate::prior::Prior;

/// Everything the parts of a collection share. Read only; tasks hold no mutable state in common.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) connection: Connection,
    pub(crate) identity: Identity,
    pub(crate) options: CollectOptions,
    pub(crate) prior: Arc<Prior>,
    pub(crate) calls: Calls,
    pub(crate) inspector: Arc<InspectorRegions>,
    pub(crate) events: mpsc::Sender<Event>,
    /// The size of the largest registry that each account had in an earlier audit.
    pub(crate) largest: Arc<HashMap<AccountId, u64>>,
    pub(crate) board: Board,
}

impl Context {
    pub(crate) fn largest_of(&self, account: AccountId) -> u64 {
        self.largest.get(&account).copied().unwrap_or(0)
    }

    /// The regions that every account has a registry in, read or not: those in scope, or all of the partition.
    pub(crate) fn regions(&self) -> Vec<RegionName> {
        let scope = &self.options.scope.regions;
        if !scope.is_empty() {
            return scope.clone();
        }
        let in_partition = REGIONS.iter().filter(|info| info.partition == self.identity.partition);
        in_partition.filter_map(|info| info.name.parse().ok()).collect()
    }

    /// The same for another runtime.
    pub(crate) fn another(&self) -> Self {
        Self {
            connection: self.connection.another(),
            identity: self.identity.clone(),
            options: self.options.clone(),
            prior: Arc::clone(&self.prior),
            calls: self.calls.clone(),
            inspector: Arc::clone(&self.inspector),
            events: self.events.clone(),
            largest: Arc::clone(&self.largest),
            board: self.board.clone(),
        }
    }

    pub(crate) async fn send(&self, event: Event) {
        // A listener that went away ends the collection through `ListenerGone` at the end.
        let _ = self.events.send(event).await;
    }
}

/// Calls of one run, bounded and ended together.
pub(crate) fn calls(connection: &Connection, options: &CollectOptions, cancel: &CancellationToken) -> Calls {
    let gate = Gate::new(options.max_in_flight, cancel.clone(), connection.attempt_timeout());
    Calls::new(gate, Arc::clone(connection.meter()))
}
