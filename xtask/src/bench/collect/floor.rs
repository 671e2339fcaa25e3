//! What no run of these calls can be faster than, on this machine.

use std::time::Duration;

use scangap_collect::{BucketKey, Floor, Machine, Work};
use scangap_model::{APIS, Api, RegionName};
use scangap_simorg::CallRecord;

use super::Size;
use super::measure::Run;

/// Calls before the first account is opened, and from the list's end to the last policy: a role, its regions, its repositories, a policy.
const BEFORE_AND_AFTER_THE_LIST: u64 = 2 + 4;

/// Seconds, and the four times of which it is the longest. `bare`: the same calls in the bare SDK.
pub(super) fn of(size: &Size, ours: &Run, bare: &Run) -> (f64, String) {
    let mut work = Work::default();
    for call in &ours.calls {
        if let Some(key) = bucket(call) {
            *work.buckets.entry(key).or_default() += 1;
        }
    }
    let pages = ours.calls.iter().filter(|call| call.operation == Api::ListAccounts.info().permission).count();
    work.in_a_row = pages as u64 + BEFORE_AND_AFTER_THE_LIST;
    let machine = Machine {
        latency: Duration::from_millis(size.latency_ms),
        in_flight: size.in_flight,
        processor: Duration::from_secs_f64(bare.cpu_seconds / bare.calls.len() as f64),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let mut floor = Floor::of(&work, &machine);
    if size.no_limits {
        floor.fullest = None;
    }
    let bucket = floor.fullest.as_ref().map_or_else(
        || "no limits".to_owned(),
        |((api, ..), time)| format!("fullest bucket {api} {:.2} s", time.as_secs_f64()),
    );
    let why = format!(
        "{} calls, {} in flight {:.2} s; {bucket}; {} calls in a row {:.2} s; processor {:.2} s",
        floor.calls,
        size.in_flight,
        floor.waiting.as_secs_f64(),
        work.in_a_row,
        floor.chain.as_secs_f64(),
        floor.processor.as_secs_f64()
    );
    (floor.time().as_secs_f64(), why)
}

/// The bucket of a call: of STS and Organizations the caller's, whichever account is asked about.
fn bucket(call: &CallRecord) -> Option<BucketKey> {
    let info = APIS.iter().find(|info| info.permission == call.operation)?;
    let account = call.account.filter(|_| !matches!(info.service, "sts" | "organizations"));
    let region: Option<RegionName> = call.region.parse().ok();
    let region = region.filter(|_| matches!(info.service, "ecr" | "inspector2"));
    Some((info.api, account, region))
}
