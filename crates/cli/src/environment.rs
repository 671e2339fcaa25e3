//! Where wall time and the environment enter. The SDK reads its own `AWS_*` variables itself.

use std::ffi::OsString;

use jiff::Timestamp;

#[expect(clippy::disallowed_methods, reason = "this is the door that the other crates must not have")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// A variable that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "this is the door that the other crates must not have")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
