//! The listener, and the running organization as its owner sees it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::exchange::{Shared, State, respond};
use crate::faults::Faults;
use crate::log::{CallLog, CallRecord};
use crate::scenario::{FaultSpec, Random, Scenario, ScenarioError};
use crate::services::{allows, allows_somewhere};
use crate::throttle::Throttle;
use crate::truth::Judge;
use crate::world::World;

/// Calls that a simulator's log keeps, unless its owner wants more of them.
pub const CALLS_KEPT: usize = 100_000;

#[derive(Debug)]
pub struct SimulatorOptions {
    pub scenario: Scenario,
    /// For policy texts that the scenario does not list. Tests give none.
    pub judge: Option<Judge>,
    /// The wall time at the start: sessions expire by it.
    pub now: Timestamp,
    /// 0: any free port.
    pub port: u16,
    /// Calls that the log keeps: the last ones.
    pub calls_kept: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the scenario cannot be simulated")]
    Scenario(#[from] ScenarioError),
    #[error("failed to listen on 127.0.0.1:{port}")]
    Listen { port: u16, source: std::io::Error },
}

/// A running simulated organization. Dropping it closes the port.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Simulator {
    /// Starts on a runtime of its own, so that a simulator can be used from any kind of code.
    pub fn start(options: SimulatorOptions) -> Result<Self, StartError> {
        let mut scenario = options.scenario;
        let (latency, limits) = (scenario.latency, std::mem::take(&mut scenario.limits));
        let faults = std::mem::take(&mut scenario.faults);
        let world = World::build(scenario, options.judge, options.now)?;
        let listen = |source| StartError::Listen { port: options.port, source };
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("simorg")
            .enable_all()
            .build()
            .map_err(listen)?;
        let shared = Arc::new(Shared {
            latency,
            state: Mutex::new(State::new(
                world,
                Faults::new(faults),
                Throttle::new(limits),
                CallLog::new(options.calls_kept),
                Random(latency.seed),
            )),
        });
        let stop = CancellationToken::new();
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(listen)?
        };
        drop(runtime.spawn(accept(listener, Arc::clone(&shared), stop.clone())));
        Ok(Self { address, shared, stop, runtime: Some(runtime) })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The key of an administrator in an account; the secret may be anything.
    pub fn access_key(account: &str) -> String {
        format!("{}{account}", crate::world::LONG_LIVED)
    }

    pub fn calls(&self) -> Vec<CallRecord> {
        self.shared.lock().log.records().cloned().collect()
    }

    /// How many there were, kept or not.
    pub fn n_calls(&self) -> u64 {
        self.shared.lock().log.count()
    }

    pub fn mutating_calls(&self) -> Vec<CallRecord> {
        self.shared.lock().log.records().filter(|call| call.mutating).cloned().collect()
    }

    /// Policy texts that were met and that neither the scenario nor a judge could tell about.
    pub fn unjudged(&self) -> Vec<String> {
        self.shared.lock().world.truth.unjudged.clone()
    }

    /// Findings and images that disables destroyed so far.
    pub fn losses(&self) -> (u64, u64) {
        self.shared
            .lock()
            .world
            .losses
            .iter()
            .fold((0, 0), |(findings, images), loss| (findings + loss.findings, images + loss.images))
    }

    /// Findings that Security Hub holds.
    pub fn security_hub(&self) -> Vec<serde_json::Value> {
        self.shared.lock().world.security_hub.values().cloned().collect()
    }

    /// Findings and images that each disable destroyed, in order.
    pub fn losses_one_by_one(&self) -> Vec<(u64, u64)> {
        self.shared.lock().world.losses.iter().map(|loss| (loss.findings, loss.images)).collect()
    }

    /// Reports of findings that were asked for: where each was to go, and how many findings it holds.
    pub fn findings_reports(&self) -> Vec<(Value, u64)> {
        let state = self.shared.lock();
        state.world.reports.iter().map(|report| (report.destination.clone(), report.findings)).collect()
    }

    /// Whether any session that was handed out may do this.
    pub fn sessions_may(&self, action: &str) -> bool {
        self.shared
            .lock()
            .world
            .sessions
            .values()
            .any(|session| allows_somewhere(session.permitted.by_session.as_ref(), action))
    }

    /// Whether any session that was handed out may do this on this resource.
    pub fn sessions_may_on(&self, action: &str, resource: &str) -> bool {
        let state = self.shared.lock();
        state.world.sessions.values().any(|session| allows(session.permitted.by_session.as_ref(), action, resource))
    }

    /// Whether every change that was started shows.
    pub fn is_settled(&self) -> bool {
        let mut state = self.shared.lock();
        state.world.catch_up();
        !state.world.is_changing()
    }

    pub fn add_fault(&self, fault: FaultSpec) {
        self.shared.lock().faults.add(fault);
    }

    /// Ends every fault, and mends a network that was cut.
    pub fn clear_faults(&self) {
        let mut state = self.shared.lock();
        state.faults = Faults::new(Vec::new());
        state.cut_after = None;
    }

    /// After the next call of this operation nothing comes through any more.
    pub fn cut_after(&self, operation: &str) {
        self.shared.lock().cut_after = Some((operation.to_owned(), false));
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let connections = TaskTracker::new();
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => {
                connections.close();
                return connections.wait().await;
            }
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = stream else {
            // Out of descriptors, most likely: the ones in use will close.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (shared, stop) = (Arc::clone(&shared), stop.clone());
        connections.spawn(async move {
            let service = service_fn(move |request| respond(Arc::clone(&shared), request));
            // The time is that of the simulated organization.
            let mut http = hyper::server::conn::http1::Builder::new();
            let served = http.auto_date_header(false).serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                () = stop.cancelled() => {}
                // A client that goes away is no error here.
                _ = served => {}
            }
        });
    }
}
