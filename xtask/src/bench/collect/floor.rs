//! What no run of these calls can be faster than, on this machine. Reckoned from what was called, and not as scangap reckons it.

use std::collections::BTreeMap;

use scangap_model::APIS;
use scangap_simorg::CallRecord;

use super::Size;
use super::measure::Run;

/// Calls before the first account is opened, and from the list's end to the last policy: a role, its regions, its repositories, a policy.
const BEFORE_AND_AFTER_THE_LIST: usize = 2 + 4;

/// Seconds, and the four times of which it is the longest: all calls at once through the bound on work in flight, the fullest token bucket, the
/// calls that can only follow one another, and the processor. `bare`: the same calls in the bare SDK.
pub(super) fn of(size: &Size, ours: &Run, bare: &Run) -> (f64, String) {
    let latency = size.latency_ms as f64 / 1000.0;
    let calls = ours.calls.len();
    let waiting = calls as f64 * latency / size.in_flight as f64;
    let (fullest, which) = if size.no_limits { (0.0, "no limits") } else { fullest(&ours.calls) };
    let in_a_row = BEFORE_AND_AFTER_THE_LIST
        + ours.calls.iter().filter(|call| call.operation == "organizations:ListAccounts").count();
    let chain = in_a_row as f64 * latency;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processor = calls as f64 * bare.a_call(bare.whole()) / 1e6 / cores as f64;
    let why = format!(
        "{calls} calls, {} in flight {waiting:.2} s; fullest bucket {which} {fullest:.2} s; {in_a_row} calls in a row {chain:.2} s; processor {processor:.2} s",
        size.in_flight
    );
    (waiting.max(fullest).max(chain).max(processor), why)
}

/// How long the fullest bucket takes, and of which API it is.
fn fullest(calls: &[CallRecord]) -> (f64, &'static str) {
    let mut buckets: BTreeMap<_, f64> = BTreeMap::new();
    for call in calls {
        let Some(info) = APIS.iter().find(|info| info.permission == call.operation) else { continue };
        // Of STS and Organizations the caller's account pays, whichever is asked about; Organizations and IAM have no region.
        let account = call.account.filter(|_| !matches!(info.service, "sts" | "organizations"));
        let region = call.region.as_str();
        let region = if matches!(info.service, "ecr" | "inspector2") { region } else { "" };
        *buckets.entry((info.permission, account, region)).or_default() += 1.0;
    }
    let time = |(permission, _, _): &(&str, _, _), count: f64| {
        let limit = APIS.iter().find(|info| info.permission == *permission).map(|info| info.limit);
        limit.map_or(0.0, |limit| ((count - limit.burst) / limit.per_second).max(0.0))
    };
    let times = buckets.iter().map(|(bucket, count)| (time(bucket, *count), bucket.0));
    times.max_by(|one, other| one.0.total_cmp(&other.0)).unwrap_or((0.0, ""))
}
