//! The organization's state, built from a scenario and changed only by calls and by the transitions they started.

mod build;
mod scanning;
mod sessions;
mod state;
mod time;

pub(crate) use build::digest_of;
pub(crate) use sessions::{CLOCK_TOLERANCE, Caller, LONG_LIVED, Rejected};
pub(crate) use state::{
    Account, Coverage, Finding, FindingsReport, Image, RegistryState, Repository, Rule, Session, Transition, World,
};
