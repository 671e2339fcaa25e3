//! Collection against a boto3 script with 32 threads that makes exactly the same calls, on the same simulated
//! organization, in the same run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use scangap_model::{APIS, Partition, REGIONS};
use scangap_simorg::scenario::{AccountSpec, ImageSpec, LimitSpec, RepositorySpec};
use scangap_simorg::{CallRecord, Generate, Scenario, Simulator, SimulatorOptions};

use crate::shell::{cargo, root, run as run_command, target};
use crate::tools;

const THREADS: usize = 32;

/// scangap calls from no more, however many cores there are.
const CALLING_THREADS_MAX: usize = 8;

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
    /// Calls in flight
    #[arg(long, default_value_t = 512)]
    in_flight: usize,
    /// Registries of 1,200 repositories, in as many accounts
    #[arg(long, default_value_t = 0)]
    large: usize,
    /// No limits at the simulator: what is measured is this machine
    #[arg(long)]
    no_limits: bool,
    /// Not the boto3 script, only scangap and the bare SDK
    #[arg(long)]
    alone: bool,
    /// Not the boto3 script but this program: it finds the address and the key in AWS_* variables, and the regions in REGIONS
    #[arg(long)]
    against: Option<PathBuf>,
    /// So many images in each repository: measured against the same organization with one in each, and nothing else
    #[arg(long)]
    images: Option<u32>,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            accounts: 300,
            regions: 4,
            repositories: 10,
            latency_ms: 50,
            in_flight: 512,
            large: 0,
            no_limits: false,
            alone: false,
            against: None,
            images: None,
        }
    }
}

impl Size {
    fn scenario(&self) -> Scenario {
        let generate =
            Generate { accounts: self.accounts, regions: self.regions, repositories: self.repositories, seed: 1 };
        let mut scenario = generate.outline();
        scenario.latency.ms = self.latency_ms;
        // Spread over the organization: the last one is met when most of the accounts are done.
        let every = scenario.accounts.len() / self.large.max(1);
        for account in scenario.accounts.iter_mut().skip(every / 2).step_by(every.max(1)).take(self.large) {
            account.state_registries();
            if let Some(registry) = account.registries.first_mut() {
                registry.repositories = (0..LARGE).map(|n| repository(&registry.repositories, n)).collect();
            }
        }
        if self.no_limits {
            return scenario;
        }
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

/// Repositories of a large registry.
const LARGE: usize = 1_200;

/// One of many, like those that the registry has.
fn repository(like: &[RepositorySpec], number: usize) -> RepositorySpec {
    let name = format!("large/app-{number:04}");
    match like.get(number % like.len().max(1)) {
        Some(one) => RepositorySpec { name, ..one.clone() },
        None => RepositorySpec {
            name,
            policy: None,
            policy_text: None,
            tags: BTreeMap::new(),
            images: vec![ImageSpec::default()],
            coverage: None,
            sticky: false,
        },
    }
}

/// One side's run: how long, what it used, and what the simulator saw.
struct Run {
    seconds: f64,
    /// Of the processor, in user and system mode.
    cpu_seconds: f64,
    peak_kib: u64,
    /// The same when the last call had been made: what comes after it judges and reports.
    collecting: Cost,
    calls: Vec<CallRecord>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    seconds: f64,
    cpu_seconds: f64,
    peak_kib: u64,
}

pub(crate) fn run(size: &Size) -> Result<()> {
    if let Some(images) = size.images.filter(|_| !cfg!(debug_assertions)) {
        return with_and_without_images(size, images);
    }
    if cfg!(debug_assertions) {
        // The simulator runs in this process: unoptimized it would be what is measured.
        let numbers = [
            ("--accounts", u64::from(size.accounts)),
            ("--regions", u64::from(size.regions)),
            ("--repositories", u64::from(size.repositories)),
            ("--latency-ms", size.latency_ms),
            ("--in-flight", size.in_flight as u64),
            ("--large", size.large as u64),
        ];
        let mut again = cargo();
        again.args(["run", "--release", "--quiet", "--package", "xtask", "--", "bench", "collect"]);
        again.args(numbers.iter().flat_map(|(flag, number)| [(*flag).to_owned(), number.to_string()]));
        again.args(size.no_limits.then_some("--no-limits")).args(size.alone.then_some("--alone"));
        again.args(size.against.iter().flat_map(|program| [Path::new("--against"), program]));
        again.args(size.images.iter().flat_map(|number| ["--images".to_owned(), number.to_string()]));
        return run_command(&mut again);
    }
    run_command(cargo().args(["build", "--release", "--package", "scangap"]))?;
    run_command(cargo().args(["build", "--release", "--package", "scangap-aws", "--example", "bare_loop"]))?;
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    let ours = measure(size, |url, key| audit(size, url, key, &out))?;
    // As many threads as scangap calls from: where all cores are busy, each call costs more of the processor.
    let threads = std::thread::available_parallelism()?.get().min(CALLING_THREADS_MAX);
    let bare = [1, threads].map(|threads| Ok((threads, bare_loop(size, &ours.calls, threads)?)));
    let bare: Vec<(usize, Run)> = bare.into_iter().collect::<Result<_>>()?;
    describe(size);
    cost(&ours, &bare);
    if size.alone {
        time(size, &ours);
        return Ok(());
    }
    if let Some(program) = &size.against {
        time(size, &ours);
        return against(size, program, &ours);
    }
    let venv = tools::install()?.venv;
    let reference = measure(size, |url, key| {
        let mut command = Command::new(venv.join("bin/python"));
        command.arg(root().join("xtask/src/bench/reference.py")).args([url, &THREADS.to_string()]);
        with_key(&mut command, key);
        command
    })?;
    report(size, &ours, &reference, &out)
}

/// The same calls in the bare SDK, on the same organization without latency or limits: what it costs, not how long it waits.
fn bare_loop(size: &Size, calls: &[CallRecord], threads: usize) -> Result<Run> {
    let mut scenario = Scenario { limits: Vec::new(), ..size.scenario() };
    scenario.latency.ms = 0;
    let key = Simulator::access_key(&scenario.organization.management_account);
    let table: String = calls
        .iter()
        .filter(|call| !call.error.contains("Throttl"))
        .filter_map(|call| Some(format!("{}\t{}\t{}\t{}\n", call.operation, call.account?, call.region, call.resource)))
        .collect();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("calls.tsv");
    fs_err::write(&file, table)?;
    measure_scenario(scenario, |url, _| {
        let mut command = Command::new(target().join("release/examples/bare_loop"));
        command.args([url, &key, &size.in_flight.to_string(), &threads.to_string()]);
        command.arg(&file).stdout(Stdio::null());
        command
    })
}

/// The calls of both sides, API by API.
fn side_by_side(ours: &Run, other: &Run, name: &str) {
    let (mine, theirs) = (by_api(&ours.calls), by_api(&other.calls));
    println!("\n{:<55} {:>8} {:>8}", "calls by API", "scangap", name);
    let operations: BTreeSet<&str> = mine.keys().chain(theirs.keys()).copied().collect();
    for operation in operations {
        let count = |side: &BTreeMap<&str, usize>| side.get(operation).copied().unwrap_or(0);
        println!("{operation:<55} {:>8} {:>8}", count(&mine), count(&theirs));
    }
    println!("{:<55} {:>8} {:>8}", "all", ours.calls.len(), other.calls.len());
}

/// Another program on the same organization: what it called, and how long it took. It need not make the same calls.
fn against(size: &Size, program: &Path, ours: &Run) -> Result<()> {
    let enabled = REGIONS.iter().filter(|info| info.partition == Partition::Aws && info.default_enabled);
    let regions: Vec<&str> = enabled.map(|info| info.name).collect();
    let theirs = measure(size, |url, key| {
        let mut command = Command::new(program);
        command.env("AWS_ENDPOINT_URL", url).env("AWS_DEFAULT_REGION", "us-east-1").env("REGIONS", regions.join(" "));
        with_key(&mut command, key);
        command
    })?;
    let name = program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    side_by_side(ours, &theirs, &name);
    println!("{:<55} {:>8.1} {:>8.1}", "seconds", ours.seconds, theirs.seconds);
    Ok(())
}

fn describe(size: &Size) {
    println!(
        "{} accounts, 17 regions enabled, {} in use, {} repositories in each, {} registries of {LARGE}, {} ms latency, {} limits, {} in flight",
        size.accounts,
        size.regions,
        size.repositories,
        size.large,
        size.latency_ms,
        if size.no_limits { "no" } else { "AWS-like" },
        size.in_flight
    );
}

/// What a call costs: the reports are in scangap's figure too.
fn cost(ours: &Run, bare: &[(usize, Run)]) {
    let a_call = |run: &Run| run.cpu_seconds * 1e6 / run.calls.len() as f64;
    println!(
        "\n{:<34} {:>10} {:>8} {:>10} {:>14} {:>10}",
        "", "calls", "seconds", "CPU s", "CPU us a call", "peak MiB"
    );
    let whole = |run: &Run| Cost { seconds: run.seconds, cpu_seconds: run.cpu_seconds, peak_kib: run.peak_kib };
    let mut rows = vec![
        ("scangap, collecting".to_owned(), ours, ours.collecting),
        ("scangap, with reports".to_owned(), ours, whole(ours)),
    ];
    rows.extend(
        bare.iter().map(|(threads, run)| (format!("same calls, bare SDK, threads: {threads}"), run, whole(run))),
    );
    for (name, run, part) in rows {
        println!(
            "{name:<34} {:>10} {:>8.1} {:>10.2} {:>14.0} {:>10}",
            run.calls.len(),
            part.seconds,
            part.cpu_seconds,
            part.cpu_seconds * 1e6 / run.calls.len() as f64,
            part.peak_kib / 1024
        );
    }
    let collecting = ours.collecting.cpu_seconds * 1e6 / ours.calls.len() as f64;
    for (threads, bare) in bare {
        println!(
            "CPU a call, times the bare SDK with threads: {threads}: collecting {:.2}, with reports {:.2}",
            collecting / a_call(bare),
            a_call(ours) / a_call(bare)
        );
    }
}

/// How near the floor.
fn time(size: &Size, ours: &Run) {
    let throttled = ours.calls.iter().filter(|call| call.error.contains("Throttl")).count();
    let (floor, why) = floor(size, &ours.calls);
    println!(
        "throttled {throttled} of {} calls: {:.1} %",
        ours.calls.len(),
        100.0 * throttled as f64 / ours.calls.len() as f64
    );
    println!("floor {floor:.2} s ({why})");
    println!("scangap {:.2} s, {:.2} x the floor", ours.seconds, ours.seconds / floor);
}

fn audit(size: &Size, url: &str, key: &str, out: &Path) -> Command {
    let mut command = Command::new(target().join("release").join("scangap"));
    command.args(["audit", "--quiet", "--quiet", "--endpoint-url", url, "--out"]).arg(out);
    command.args(["--max-in-flight", &size.in_flight.to_string()]);
    with_key(&mut command, key);
    command
}

/// What image rows cost: calls, time and memory of an audit of many images, beside one of an image for each repository.
fn with_and_without_images(size: &Size, images: u32) -> Result<()> {
    run_command(cargo().args(["build", "--release", "--package", "scangap"]))?;
    let folder = tempfile::tempdir()?;
    let mut measured = Vec::new();
    for (name, images) in [("one image", 1), ("many images", images)] {
        let out = folder.path().join(name);
        let mut scenario = size.scenario();
        scenario.accounts.iter_mut().for_each(AccountSpec::state_registries);
        let registries = scenario.accounts.iter_mut().flat_map(|account| &mut account.registries);
        for repository in registries.flat_map(|registry| &mut registry.repositories) {
            repository.images = vec![ImageSpec { copies: images, findings: 0, ..ImageSpec::default() }];
        }
        let run = measure_scenario(scenario, |url, key| audit(size, url, key, &out))?;
        let summary: serde_json::Value = serde_json::from_slice(&fs_err::read(out.join("summary.json"))?)?;
        ensure!(summary.get("complete").is_some_and(|complete| complete == true), "the audit has gaps");
        measured.push((name, run, counted_images(&out)?));
    }
    println!(
        "{} accounts, {} regions in use, {} repositories in each, {} ms latency, {} calls in flight\n",
        size.accounts, size.regions, size.repositories, size.latency_ms, size.in_flight
    );
    println!("{:<14} {:>10} {:>10} {:>14} {:>10} {:>10}", "", "images", "calls", "ListCoverage", "seconds", "peak MiB");
    for (name, run, images) in &measured {
        let lists = run.calls.iter().filter(|call| call.operation == "inspector2:ListCoverage").count();
        println!(
            "{name:<14} {images:>10} {:>10} {lists:>14} {:>10.1} {:>10}",
            run.calls.len(),
            run.seconds,
            run.peak_kib / 1024
        );
    }
    if let [(_, one, few), (_, many, all)] = measured.as_slice() {
        let more = many.calls.len().saturating_sub(one.calls.len());
        println!("\n{more} more calls for {} more images; {:.1} x the time", all - few, many.seconds / one.seconds);
    }
    Ok(())
}

/// The images that the report counts.
fn counted_images(out: &Path) -> Result<u64> {
    let mut rows = csv::Reader::from_path(out.join("repositories.csv"))?;
    let headers = rows.headers()?.clone();
    let places: Vec<usize> = ["images_scanned", "images_not_scanned"]
        .iter()
        .filter_map(|name| headers.iter().position(|h| h == *name))
        .collect();
    let mut count = 0;
    for row in rows.records() {
        let row = row?;
        count += places.iter().filter_map(|at| row.get(*at)?.parse::<u64>().ok()).sum::<u64>();
    }
    Ok(count)
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
    measure_scenario(size.scenario(), command)
}

fn measure_scenario(scenario: Scenario, command: impl FnOnce(&str, &str) -> Command) -> Result<Run> {
    let key = Simulator::access_key(&scenario.organization.management_account);
    let simulator = Simulator::start(SimulatorOptions {
        scenario,
        judge: None,
        now: jiff::Timestamp::now(),
        port: 0,
        calls_kept: usize::MAX,
    })?;
    let mut command = command(&simulator.url(), &key);
    let started = Instant::now();
    let mut child = command.spawn()?;
    let (mut peak_kib, mut cpu_seconds) = (0, 0.0_f64);
    let (mut collecting, mut n_calls) = (Cost::default(), 0);
    let status = loop {
        peak_kib = peak_kib.max(resident_kib(child.id()));
        cpu_seconds = processor_seconds(child.id()).max(cpu_seconds);
        if simulator.n_calls() != n_calls {
            n_calls = simulator.n_calls();
            collecting = Cost { seconds: started.elapsed().as_secs_f64(), cpu_seconds, peak_kib };
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let seconds = started.elapsed().as_secs_f64();
    ensure!(status.success(), "a side ended with {status}");
    Ok(Run { seconds, cpu_seconds, peak_kib, collecting, calls: simulator.calls() })
}

/// What a process has used so far, where the system tells: Linux counts in hundredths of a second.
pub(crate) fn processor_seconds(process: u32) -> f64 {
    let stat = fs_err::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u32 = after_name.split_whitespace().skip(11).take(2).filter_map(|text| text.parse::<u32>().ok()).sum();
    f64::from(ticks) / 100.0
}

/// The most that a process has held so far, where the system tells.
pub(crate) fn resident_kib(process: u32) -> u64 {
    let status = fs_err::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|text| text.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn by_api(calls: &[CallRecord]) -> BTreeMap<&str, usize> {
    calls.iter().fold(BTreeMap::new(), |mut counts, call| {
        *counts.entry(call.operation.as_str()).or_default() += 1;
        counts
    })
}

fn report(size: &Size, ours: &Run, reference: &Run, out: &Path) -> Result<()> {
    side_by_side(ours, reference, "boto3");

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

    time(size, ours);
    println!("boto3 with {THREADS} threads {:.2} s", reference.seconds);
    println!("ratio {:.1}", reference.seconds / ours.seconds);
    ensure!(twice == 0, "a call was made twice");
    ensure!(by_api(&ours.calls) == by_api(&reference.calls), "the two sides did not make the same calls");
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
    let width = calls.len() as f64 * latency / size.in_flight as f64;
    let mut buckets: BTreeMap<(&str, Option<String>, &str), f64> = BTreeMap::new();
    for call in calls {
        *buckets.entry((&call.operation, call.account.map(|id| id.to_string()), &call.region)).or_default() += 1.0;
    }
    let bucket = |operation: &str, count: f64| {
        let limit = APIS.iter().find(|info| info.permission == operation).map(|info| info.limit);
        if size.no_limits {
            return 0.0;
        }
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
    // Then a role, its regions, and a registry: repositories, registry and policies.
    let chain = (serial + 5) as f64 * latency;
    let floor = width.max(fullest).max(chain);
    let why = format!(
        "{} calls / {} in flight {width:.2} s; fullest bucket {which} {fullest:.2} s; {serial} calls in a row and 5 more {chain:.2} s",
        calls.len(),
        size.in_flight
    );
    (floor, why)
}
