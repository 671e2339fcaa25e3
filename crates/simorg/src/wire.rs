//! The wire: what a request says, and how answers and errors are written in each of AWS's protocols.

mod query;
mod request;

pub(crate) use query::{escape, parse_form, xml_answer, xml_error, xml_result};
pub(crate) use request::{Incoming, Protocol, parse};

/// An error as AWS sends it.
#[derive(Debug, Clone)]
pub(crate) struct WireError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl WireError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    pub(crate) fn access_denied(code: &str, caller: &str, action: &str, tail: &str) -> Self {
        Self::new(403, code, format!("User: {caller} is not authorized to perform: {action} {tail}"))
    }
}
