//! A simulated organization over real HTTP: STS, Organizations, Account, ECR and Inspector as AWS serves them on the
//! wire, on loopback, with throttles, latency, faults, delayed transitions and a log of every call.
//!
//! It stands where AWS stands and shares no code with the client side. Whether a policy lets Inspector or the auditor
//! in is not computed here: scenarios state it ([`scenario::PolicySpec`]), and for texts they do not list, a judge that
//! the caller injects.

mod faults;
mod log;
pub mod scenario;
mod server;
mod services;
mod throttle;
mod truth;
mod wire;
mod world;

pub use log::CallRecord;
pub use scenario::{Generate, Scenario, ScenarioError};
pub use server::{Options, Simulator, StartError};
pub use truth::{Answer, Judge, Question, Standing};
