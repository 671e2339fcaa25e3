//! The one place that names `aws-sdk-*`: credentials, the read ports that an audit is given, and the classification of
//! errors. It decides nothing and retries nothing: the SDK is the only retry layer.
//!
//! An audit cannot reach a mutating call: no type in [`read`] has one. Write ports are a module of their own, [`write`],
//! which only the executor of plans names.

mod classify;
mod connect;
mod credentials;
mod meter;
pub mod read;
pub mod write;

pub use classify::CallError;
pub use connect::{ConnectError, ConnectOptions, Connection, Identity, SimulatedEndpoint};
pub use credentials::{AssumeOptions, AssumedRole};
pub use meter::{ApiCount, Call, Meter};
