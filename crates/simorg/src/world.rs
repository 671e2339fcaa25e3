//! The organization's state, built from a scenario and changed only by calls and by the transitions they started.

mod build;
mod maker;
mod organization;
mod registries;
mod scanning;
mod sessions;
mod state;
mod time;

pub(crate) use maker::digest_of;
pub(crate) use organization::{Account, World};
pub(crate) use sessions::{CLOCK_TOLERANCE, Caller, LONG_LIVED, Rejected};
pub(crate) use state::{
    Coverage, Finding, FindingsReport, Image, RegistryState, Repository, Rule, Session, Transition,
};
