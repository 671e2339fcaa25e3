//! The one place that names `aws-sdk-*`: credentials, the read ports that an audit is given, and the classification of
//! errors. What was throttled waits for its turn again (`limits`); what broke on the way is retried by the SDK; nothing is
//! retried by both.
//!
//! An audit cannot reach a mutating call: no type in [`read`] has one. Write ports are a module of their own, [`write`],
//! which only the executor of plans names.

mod answer;
mod base;
mod caller;
mod classify;
mod clock;
mod connect;
mod credentials;
mod error;
mod findings;
mod gate;
mod http;
mod limits;
mod meter;
mod page;
pub mod pages;
mod port;
pub mod read;
mod session;
mod settings;
pub mod write;

pub use classify::CallError;
pub use connect::{ConnectOptions, Connection, Identity, SimulatedEndpoint};
pub use credentials::{AssumeOptions, AssumedRole};
pub use error::ConnectError;
pub use findings::{FindingsImporter, Imported, RefusedFinding};
pub use gate::{Gate, Rank};
pub use limits::THROTTLE_PATIENCE;
pub use meter::{ApiCount, Call, Meter};
pub use settings::SettingError;
