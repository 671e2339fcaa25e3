//! A plan, tried on a simulated copy of its organization: the copy is made from the snapshot's facts, the same executor
//! applies the plan to it, and two audits of it show what changed. No network, nothing at AWS.
//!
//! The audits and the apply go through the same code as at AWS, so the caller drives them; this crate makes the copy and says
//! what they came to.

mod judge;
mod rehearsal;
mod scenario;
mod simulated_copy;

pub use rehearsal::{Audits, LostInCopy, Predicted, Rehearsal, RehearsedRepository};
pub use simulated_copy::{CopyError, SimulatedCopy};
