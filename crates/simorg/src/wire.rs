//! The wire: what a request says, and how answers and errors are written in each of AWS's protocols.

mod error;
mod query;
mod reply;
mod request;

pub(crate) use error::{WireError, throttled};
pub(crate) use query::{escape, xml_answer, xml_result};
pub(crate) use reply::{Answer, Reply, Reset, cut_short, failure, plain, success};
pub(crate) use request::{Incoming, Protocol, parse};
