//! Measurements. Never a test: what they say is for people, and absolute times are of one machine.

pub(crate) mod collect;
pub(crate) mod gate;
pub(crate) mod policy;
pub(crate) mod report;
pub(crate) mod throttle;
