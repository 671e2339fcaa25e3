//! The one place that names `aws-sdk-*`: credentials, the read ports that an audit is given, and the classification of
//! errors. What was throttled waits for its turn again (`limits`); what broke on the way is retried by the SDK; nothing is
//! retried by both.
//!
//! An audit cannot reach a mutating call: no type in [`read`] has one. Write ports are a module of their own, [`write`],
//! which only the executor of plans names.

mod classify;
mod connect;
mod credentials;
mod gate;
mod http;
mod limits;
mod meter;
mod port;
pub mod read;
mod settings;
pub mod write;

pub use classify::CallError;
pub use connect::{ConnectError, ConnectOptions, Connection, Identity, SimulatedEndpoint};
pub use credentials::{AssumeOptions, AssumedRole};
pub use gate::Gate;
pub use limits::THROTTLE_PATIENCE;
pub use meter::{ApiCount, Call, Meter};
pub use settings::SettingError;
