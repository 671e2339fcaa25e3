//! How many files this process may have open: each call in flight has a connection, and so has each host that was called lately.

#[cfg(unix)]
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

/// Says so where so many calls in flight may need more files than this process may open.
#[cfg(unix)]
pub(crate) fn warn(calls_in_flight: usize) {
    let calls = calls_in_flight as u64;
    let may_need = calls * TO_A_CALL + BESIDE;
    let Some(most) =
        rustix::process::getrlimit(rustix::process::Resource::Nofile).current.filter(|most| *most < may_need)
    else {
        return;
    };
    let fits = (most.saturating_sub(BESIDE) / TO_A_CALL).max(1);
    terminal::note(&format!(
        "{calls} calls in flight may need {may_need} open files, and this process may open {most}: raise the hard limit (`ulimit -Hn`), or use --max-in-flight {fits}"
    ));
}

#[cfg(not(unix))]
pub(crate) fn warn(_calls_in_flight: usize) {}
