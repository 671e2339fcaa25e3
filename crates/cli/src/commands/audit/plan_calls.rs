//! `--hints` and `--plan-calls`: what an earlier snapshot says of the size of an audit, and what the audit cannot be faster than.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use scangap_collect::{Floor, Machine, Size, Sizes, Work};
use scangap_model::{AccountId, AccountOutcome, RegistryOutcome, count, thousands};
use scangap_snapshot::Snapshot;

use crate::error::CliError;
use crate::file_in::file_in;
use crate::terminal;

/// Far from a region, and what a call costs in the bare SDK on a common processor: measured, and said where they are used.
const LATENCY: Duration = Duration::from_millis(50);
const PROCESSOR: Duration = Duration::from_micros(70);

pub(super) struct Hints {
    path: PathBuf,
    caller: AccountId,
    administrator: Option<AccountId>,
    accounts: Vec<AccountId>,
    pub(super) sizes: Sizes,
}

impl Hints {
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let path = file_in(path, "snapshot.db");
        let facts = Snapshot::open(&path).map_err(CliError::Snapshot)?.facts;
        let read = facts.registries.iter().filter(|(_, registry)| registry.outcome == RegistryOutcome::Read);
        let sizes = read.map(|(key, registry)| {
            let is_off = registry.inspector_ecr_status.known().is_some_and(|word| word == "DISABLED");
            (key.clone(), Size { repositories: registry.repositories.known().copied().unwrap_or(0), is_off })
        });
        let opened = facts.accounts.values().filter(|account| matches!(account.outcome, AccountOutcome::Read { .. }));
        Ok(Self {
            path,
            caller: facts.organization.caller_account,
            administrator: facts.organization.inspector_admin.known().copied(),
            accounts: opened.map(|account| account.id).collect(),
            sizes: sizes.collect(),
        })
    }
}

pub(super) fn print(hints: &Hints, in_flight: usize) {
    let work = Work::expected(hints.caller, hints.administrator, &hints.accounts, &hints.sizes);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let machine = Machine { latency: LATENCY, in_flight, processor: PROCESSOR, cores };
    let floor = Floor::of(&work, &machine);
    let mut text = String::new();
    let repositories: u64 = hints.sizes.values().map(|size| size.repositories).sum();
    let _ = writeln!(
        text,
        "What {} holds: {}, {}, {}.\n",
        hints.path.display(),
        count(hints.accounts.len(), "account"),
        counted(hints.sizes.len() as u64, "registry", "registries"),
        counted(repositories, "repository", "repositories"),
    );
    let _ = writeln!(text, "{:<55} {:>12}", "API", "calls");
    for (api, calls) in work.by_api() {
        let _ = writeln!(text, "{:<55} {:>12}", api.to_string(), number(calls));
    }
    let _ = writeln!(text, "{:<55} {:>12}", "at least", number(floor.calls));
    let _ = writeln!(
        text,
        "\nBeside these: images and tags, where a decision needs them, and further pages of coverage.\n"
    );
    let _ = writeln!(text, "No faster than {}, the longest of", seconds(floor.time()));
    let fullest = floor.fullest.as_ref().map_or_else(String::new, |((api, account, region), _)| {
        let account = account.map(|id| format!(" {id}")).unwrap_or_default();
        let region = region.as_ref().map(|region| format!(" {region}")).unwrap_or_default();
        format!("{api} of{} at its rate", if account.is_empty() { " the caller".to_owned() } else { account + &region })
    });
    let bucket = floor.fullest.as_ref().map_or(Duration::ZERO, |(_, time)| *time);
    for (name, time, why) in [
        ("waiting", floor.waiting, format!("{} ms for an answer, {} in flight", LATENCY.as_millis(), in_flight)),
        ("fullest bucket", bucket, fullest),
        ("chain", floor.chain, format!("{} calls that can only follow one another", work.in_a_row)),
        ("processor", floor.processor, format!("{} us a call, {}", PROCESSOR.as_micros(), count(cores, "core"))),
    ] {
        let _ = writeln!(text, "  {name:<15} {:>10}   {why}", seconds(time));
    }
    terminal::out(&text);
}

fn number(n: u64) -> String {
    thousands(usize::try_from(n).unwrap_or(usize::MAX))
}

fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

fn seconds(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}
