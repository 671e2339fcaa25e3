//! Collection against a boto3 script with 32 threads that makes exactly the same calls, on the same simulated
//! organization, in the same run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, ensure};
use scangap_model::APIS;
use scangap_simorg::scenario::LimitSpec;
use scangap_simorg::{CallRecord, Generate, Options, Scenario, Simulator};

use crate::shell::{cargo, root, run as run_command, target};
use crate::tools;

const IN_FLIGHT: usize = 256;
const THREADS: usize = 32;

#[derive(Debug, clap::Args)]
pub(crate) struct Size {
    #[arg(long, default_value_t = 300)]
    accounts: u32,
    /// Regions in use, of the 17 that are enabled
    #[arg(long, default_value_t = 4)]
    regions: u32,
    #[arg(long, default_value_t = 10)]
    repositories: u32,
    #[arg(long, default_value_t = 50)]
    latency_ms: u64,
}

impl Default for Size {
    fn default() -> Self {
        Self { accounts: 300, regions: 4, repositories: 10, latency_ms: 50 }
    }
}

impl Size {
    fn scenario(&self) -> Scenario {
        let generate =
            Generate { accounts: self.accounts, regions: self.regions, repositories: self.repositories, seed: 1 };
        let mut scenario = generate.scenario();
        scenario.latency.ms = self.latency_ms;
        // The published rates, and for the rest the starts of the API table: what scangap expects is what it gets.
        scenario.limits = APIS
            .iter()
            .map(|info| LimitSpec {
                operation: info.permission.to_owned(),
                per_second: info.limit.per_second,
                burst: info.limit.burst,
            })
            .collect();
        scenario
    }
}

/// One side's run: how long, and what the simulator saw.
struct Run {
    seconds: f64,
    calls: Vec<CallRecord>,
}

pub(crate) fn run(size: &Size) -> Result<()> {
    if cfg!(debug_assertions) {
        // The simulator runs in this process: unoptimized it would be what is measured.
        let numbers = [
            ("--accounts", u64::from(size.accounts)),
            ("--regions", u64::from(size.regions)),
            ("--repositories", u64::from(size.repositories)),
            ("--latency-ms", size.latency_ms),
        ];
        let mut again = cargo();
        again.args(["run", "--release", "--quiet", "--package", "xtask", "--", "bench", "collect"]);
        again.args(numbers.iter().flat_map(|(flag, number)| [(*flag).to_owned(), number.to_string()]));
        return run_command(&mut again);
    }
    let venv = tools::install()?.venv;
    run_command(cargo().args(["build", "--release", "--package", "scangap"]))?;
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    let ours = measure(size, |url, key| {
        let mut command = Command::new(target().join("release").join("scangap"));
        command.args(["audit", "--quiet", "--quiet", "--endpoint-url", url, "--out"]).arg(&out);
        command.args(["--max-in-flight", &IN_FLIGHT.to_string()]);
        with_key(&mut command, key);
        command
    })?;
    let reference = measure(size, |url, key| {
        let mut command = Command::new(venv.join("bin/python"));
        command.arg(root().join("xtask/src/bench/reference.py")).args([url, &THREADS.to_string()]);
        with_key(&mut command, key);
        command
    })?;
    report(size, &ours, &reference, &out)
}

fn with_key(command: &mut Command, key: &str) {
    command
        .env("AWS_ACCESS_KEY_ID", key)
        .env("AWS_SECRET_ACCESS_KEY", "simulated")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdout(Stdio::null());
}

/// Each side gets a fresh organization: full buckets, no sessions.
fn measure(size: &Size, command: impl FnOnce(&str, &str) -> Command) -> Result<Run> {
    let scenario = size.scenario();
    let key = Simulator::access_key(&scenario.organization.management_account);
    let simulator = Simulator::start(Options { scenario, judge: None, now: jiff::Timestamp::now(), port: 0 })?;
    let mut command = command(&simulator.url(), &key);
    let started = Instant::now();
    let status = command.status()?;
    let seconds = started.elapsed().as_secs_f64();
    ensure!(status.success(), "a side ended with {status}");
    Ok(Run { seconds, calls: simulator.calls() })
}

fn by_api(calls: &[CallRecord]) -> BTreeMap<&str, usize> {
    calls.iter().fold(BTreeMap::new(), |mut counts, call| {
        *counts.entry(call.operation.as_str()).or_default() += 1;
        counts
    })
}

fn report(size: &Size, ours: &Run, reference: &Run, out: &Path) -> Result<()> {
    let (mine, theirs) = (by_api(&ours.calls), by_api(&reference.calls));
    println!(
        "{} accounts, 17 regions enabled, {} in use, {} repositories in each, {} ms latency",
        size.accounts, size.regions, size.repositories, size.latency_ms
    );
    println!("\n{:<55} {:>8} {:>8}", "calls by API", "scangap", "boto3");
    let operations: BTreeSet<&str> = mine.keys().chain(theirs.keys()).copied().collect();
    for operation in operations {
        let count = |side: &BTreeMap<&str, usize>| side.get(operation).copied().unwrap_or(0);
        println!("{operation:<55} {:>8} {:>8}", count(&mine), count(&theirs));
    }
    println!("{:<55} {:>8} {:>8}", "all", ours.calls.len(), reference.calls.len());

    let throttled = |run: &Run| {
        run.calls
            .iter()
            .filter(|call| {
                !call.error.is_empty()
                    && call.error != "RepositoryPolicyNotFoundException"
                    && call.error != "RegistryPolicyNotFoundException"
            })
            .count()
    };
    println!("{:<55} {:>8} {:>8}", "errors but `no policy`", throttled(ours), throttled(reference));
    let twice = made_twice(&ours.calls);
    println!("calls made twice by scangap: {twice}");
    println!(
        "repositories in the report: {}",
        fs_err::read_to_string(out.join("repositories.csv"))?.lines().count() - 1
    );

    let (floor, why) = floor(size, &ours.calls);
    println!("\nfloor {floor:.2} s ({why})");
    println!("scangap {:.2} s, {:.2} x the floor", ours.seconds, ours.seconds / floor);
    println!("boto3 with {THREADS} threads {:.2} s", reference.seconds);
    println!("ratio {:.1}", reference.seconds / ours.seconds);
    ensure!(twice == 0, "a call was made twice");
    ensure!(mine == theirs, "the two sides did not make the same calls");
    Ok(())
}

fn made_twice(calls: &[CallRecord]) -> usize {
    let mut seen = BTreeSet::new();
    calls
        .iter()
        .filter(|call| !seen.insert((&call.operation, call.account, &call.region, &call.resource, &call.token)))
        .count()
}

/// No run can be faster than the largest of: all calls at once through the bound on work in flight, the fullest token
/// bucket, and the calls that can only follow one another.
fn floor(size: &Size, calls: &[CallRecord]) -> (f64, String) {
    let latency = f64::from(u32::try_from(size.latency_ms).unwrap_or(u32::MAX)) / 1000.0;
    let width = calls.len() as f64 * latency / IN_FLIGHT as f64;
    let mut buckets: BTreeMap<(&str, Option<String>, &str), f64> = BTreeMap::new();
    for call in calls {
        *buckets.entry((&call.operation, call.account.map(|id| id.to_string()), &call.region)).or_default() += 1.0;
    }
    let bucket = |operation: &str, count: f64| {
        let limit = APIS.iter().find(|info| info.permission == operation).map(|info| info.limit);
        limit.map_or(0.0, |limit| ((count - limit.burst) / limit.per_second).max(0.0))
    };
    let fullest = buckets
        .iter()
        .map(|((operation, ..), count)| (bucket(operation, *count), *operation))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let (fullest, which) = fullest.unwrap_or((0.0, ""));
    let in_a_row = [
        "sts:GetCallerIdentity",
        "organizations:DescribeOrganization",
        "organizations:ListAccounts",
        "organizations:ListOrganizationalUnitsForParent",
        "organizations:ListDelegatedAdministrators",
    ];
    let serial = calls.iter().filter(|call| in_a_row.contains(&call.operation.as_str())).count();
    // Then a role, its regions, and a cell: repositories, registry and policies.
    let chain = (serial + 5) as f64 * latency;
    let accounts_before_cells = serial as f64 * latency;
    let floor = (accounts_before_cells + width).max(fullest).max(chain);
    let why = format!(
        "{serial} calls in a row {accounts_before_cells:.2} s + {} calls / {IN_FLIGHT} in flight {width:.2} s; fullest bucket {which} {fullest:.2} s",
        calls.len()
    );
    (floor, why)
}
