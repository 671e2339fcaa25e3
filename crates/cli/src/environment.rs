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

/// Re-executes this program without `AWS_ENDPOINT_URL*` variables that are set and empty. The AWS CLI treats them as unset;
/// the SDK's credential providers would use them as an address and end the process. A process cannot change its environment
/// while it runs; if the re-execution fails, the program continues unchanged.
#[cfg(unix)]
pub(crate) fn without_empty_addresses() {
    use std::os::unix::process::CommandExt;
    let is_empty = |(name, value): &(OsString, OsString)| {
        value.is_empty() && name.to_str().is_some_and(|name| name.starts_with("AWS_ENDPOINT_URL"))
    };
    let empty: Vec<OsString> = std::env::vars_os().filter(is_empty).map(|(name, _)| name).collect();
    let Some(program) = std::env::current_exe().ok().filter(|_| !empty.is_empty()) else { return };
    let mut again = std::process::Command::new(program);
    again.args(std::env::args_os().skip(1));
    for name in &empty {
        again.env_remove(name);
    }
    // It comes back only with an error.
    let _ = again.exec();
}

#[cfg(not(unix))]
pub(crate) fn without_empty_addresses() {}

/// This program's version and the commit that it was built from.
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("SCANGAP_BUILD"), ")");

/// The timestamp of a run on simulated responses: `SOURCE_DATE_EPOCH`, by the convention of reproducible builds, so that
/// sample reports have the same bytes whenever they are made.
pub(crate) fn sample_time() -> Timestamp {
    let seconds = variable("SOURCE_DATE_EPOCH").and_then(|text| text.to_str()?.parse().ok());
    seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or_else(now)
}
