//! A simulated organization over real HTTP: STS, Organizations, Account, ECR and Inspector as AWS serves them on the
//! wire, on loopback, with throttles, latency, faults, delayed transitions and a log of every call.
//!
//! It replaces AWS and shares no code with the client side. It does not compute whether a policy allows Inspector or the
//! auditor: scenarios state it ([`scenario::PolicySpec`]), and a judge injected by the caller decides texts that they do
//! not list.

mod exchange;
mod faults;
mod log;
mod outcome;
mod policies;
pub mod scenario;
mod server;
mod services;
mod throttle;
mod truth;
mod wire;
mod world;

pub use log::CallRecord;
pub use scenario::{Generate, Quarters, Scenario, ScenarioError};
pub use server::{CALLS_KEPT, Simulator, SimulatorOptions, StartError};
pub use truth::{Answer, Judge, Question, Standing};
