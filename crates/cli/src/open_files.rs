//! How many files this process may have open: each call in flight has a connection, and so has each host that was called lately.

use crate::terminal;

/// What is asked for, best first: a system may refuse a number that is above what its kernel has.
#[cfg(unix)]
const WANTED: [u64; 2] = [65_536, 10_240];

/// Connections to one call in flight: a call that finds none idle opens one, and takes what is free first.
#[cfg(unix)]
const TO_A_CALL: u64 = 3;

/// The snapshot, the report and what a process has open anyway.
#[cfg(unix)]
const BESIDE: u64 = 100;

/// Lets this process open as many files as it may by the hard limit. A shell's soft limit is often 1,024, for programs that `select`.
#[cfg(unix)]
pub(crate) fn raise() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let now = getrlimit(Resource::Nofile);
    for wanted in WANTED {
        let current = Some(now.maximum.map_or(wanted, |most| most.min(wanted)));
        let enough = now.current.is_none_or(|has| current.is_some_and(|wanted| has >= wanted));
        if enough || setrlimit(Resource::Nofile, Rlimit { current, maximum: now.maximum }).is_ok() {
            return;
        }
    }
}

#[cfg(not(unix))]
pub(crate) fn raise() {}

/// Too few files for so many calls in flight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Short {
    pub(crate) may: u64,
    pub(crate) need: u64,
    /// Calls in flight that fit.
    pub(crate) fits: u64,
}

/// Whether so many calls in flight may need more files than this process may open.
#[cfg(unix)]
pub(crate) fn short_of(calls_in_flight: usize) -> Option<Short> {
    let need = calls_in_flight as u64 * TO_A_CALL + BESIDE;
    let may = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.filter(|may| *may < need)?;
    Some(Short { may, need, fits: (may.saturating_sub(BESIDE) / TO_A_CALL).max(1) })
}

#[cfg(not(unix))]
pub(crate) fn short_of(_calls_in_flight: usize) -> Option<Short> {
    None
}

/// Says so where that is the case.
pub(crate) fn warn(calls_in_flight: usize) {
    let Some(Short { may, need, fits }) = short_of(calls_in_flight) else { return };
    terminal::note(&format!(
        "{calls_in_flight} calls in flight may need {need} open files, and this process may open {may}: raise the hard limit (`ulimit -Hn`), or use --max-in-flight {fits}"
    ));
}
