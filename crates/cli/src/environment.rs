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

/// This program's version and the commit that it was built from.
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("SCANGAP_BUILD"), ")");

/// The time that a run on simulated answers is said to have happened at: `SOURCE_DATE_EPOCH`, by the convention of
/// reproducible builds, so that sample reports are the same bytes whenever they are made.
pub(crate) fn sample_time() -> Timestamp {
    let seconds = variable("SOURCE_DATE_EPOCH").and_then(|text| text.to_str()?.parse().ok());
    seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or_else(now)
}
