//! Findings sent to Security Hub: which account and region takes which, in what parts, and what came of it.
//!
//! AWS takes a finding only from the account that it is about. So each account is entered through a role of its own for this, narrowed to
//! the one call.

mod findings;
mod send;

pub use findings::{Findings, Hub, UnreadableFinding};
pub use send::{HubError, HubOutcome, PublishOptions, Refusals, publish};
