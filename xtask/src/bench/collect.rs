//! Collection on a simulated organization: beside the bare SDK, a boto3 script that makes exactly the same calls, and other programs.

mod floor;
mod measure;
pub(crate) mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use scangap_model::APIS;
use scangap_simorg::scenario::{AccountSpec, ImageSpec, LimitSpec, RepositorySpec};
use scangap_simorg::{CallRecord, Generate, Scenario};

use crate::shell::{cargo, run as run_command};
use measure::{
    BOTO3_THREADS, Run, audit, bare_loop, boto3, build, calling_threads, measure, measure_scenario, program,
};
pub(crate) use measure::{processor_seconds, resident_kib};

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

/// The simulator runs in this process: unoptimized it would be what is measured.
fn again_optimized(bench: &str) -> Result<()> {
    let flags = std::env::args().skip_while(|word| word != bench).skip(1);
    run_command(cargo().args(["run", "--release", "--quiet", "--package", "xtask", "--", "bench", bench]).args(flags))
}

pub(crate) fn run(size: &Size) -> Result<()> {
    if let Some(images) = size.images.filter(|_| !cfg!(debug_assertions)) {
        return with_and_without_images(size, images);
    }
    if cfg!(debug_assertions) {
        return again_optimized("collect-one");
    }
    build()?;
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    let ours = measure(size, |url, key| audit(size, url, key, &out))?;
    let bare = [1, calling_threads()?].map(|threads| Ok((threads, bare_loop(size, &ours.calls, threads)?)));
    let bare: Vec<(usize, Run)> = bare.into_iter().collect::<Result<_>>()?;
    describe(size);
    cost(&ours, &bare);
    time(size, &ours, &bare);
    match &size.against {
        _ if size.alone => Ok(()),
        Some(path) => {
            let theirs = program(size, path, &[])?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            side_by_side(&ours, &theirs, &name);
            println!("{:<55} {:>8.1} {:>8.1}", "seconds", ours.seconds, theirs.seconds);
            Ok(())
        }
        None => report(&ours, &boto3(size)?, &out),
    }
}

/// The calls of both sides, API by API.
fn side_by_side(ours: &Run, other: &Run, name: &str) {
    let (mine, theirs) = (ours.by_api(), other.by_api());
    println!("\n{:<55} {:>8} {:>8}", "calls by API", "scangap", name);
    let operations: BTreeSet<&str> = mine.keys().chain(theirs.keys()).copied().collect();
    for operation in operations {
        let count = |side: &BTreeMap<&str, usize>| side.get(operation).copied().unwrap_or(0);
        println!("{operation:<55} {:>8} {:>8}", count(&mine), count(&theirs));
    }
    println!("{:<55} {:>8} {:>8}", "all", ours.calls.len(), other.calls.len());
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
    println!(
        "\n{:<34} {:>10} {:>8} {:>10} {:>14} {:>10}",
        "", "calls", "seconds", "CPU s", "CPU us a call", "peak MiB"
    );
    let mut rows = vec![
        ("scangap, collecting".to_owned(), ours, ours.collecting),
        ("scangap, with reports".to_owned(), ours, ours.whole()),
    ];
    rows.extend(
        bare.iter().map(|(threads, run)| (format!("same calls, bare SDK, threads: {threads}"), run, run.whole())),
    );
    for (name, run, part) in rows {
        println!(
            "{name:<34} {:>10} {:>8.1} {:>10.2} {:>14.0} {:>10}",
            run.calls.len(),
            part.seconds,
            part.cpu_seconds,
            run.a_call(part),
            part.peak_kib / 1024
        );
    }
    for (threads, bare) in bare {
        let times = |part| ours.a_call(part) / bare.a_call(bare.whole());
        println!(
            "CPU a call, times the bare SDK with threads: {threads}: collecting {:.2}, with reports {:.2}",
            times(ours.collecting),
            times(ours.whole())
        );
    }
}

/// How near the floor.
fn time(size: &Size, ours: &Run, bare: &[(usize, Run)]) {
    let (throttled, calls) = (ours.throttled(), ours.calls.len());
    println!("throttled {throttled} of {calls} calls: {:.1} %", 100.0 * throttled as f64 / calls as f64);
    if let Some((_, bare)) = bare.last() {
        let (floor, why) = floor::of(size, ours, bare);
        println!("floor {floor:.2} s ({why})");
        println!("scangap {:.2} s, {:.2} x the floor", ours.seconds, ours.seconds / floor);
    }
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

/// Against boto3: what each asked, and how long it took.
fn report(ours: &Run, reference: &Run, out: &Path) -> Result<()> {
    side_by_side(ours, reference, "boto3");
    let not_found = ["RepositoryPolicyNotFoundException", "RegistryPolicyNotFoundException"];
    let errors = |run: &Run| {
        run.calls.iter().filter(|call| !call.error.is_empty() && !not_found.contains(&call.error.as_str())).count()
    };
    println!("{:<55} {:>8} {:>8}", "errors but `no policy`", errors(ours), errors(reference));
    let repositories = fs_err::read_to_string(out.join("repositories.csv"))?.lines().count() - 1;
    println!("repositories in the report: {repositories}");
    println!("boto3 with {BOTO3_THREADS} threads {:.2} s", reference.seconds);
    println!("ratio {:.1}", reference.seconds / ours.seconds);
    same_calls(ours, reference)
}

/// Both sides made the same calls, and scangap none twice.
fn same_calls(ours: &Run, reference: &Run) -> Result<()> {
    let twice = made_twice(&ours.calls);
    ensure!(twice == 0, "{twice} calls were made twice");
    ensure!(ours.by_api() == reference.by_api(), "the two sides did not make the same calls");
    Ok(())
}

fn made_twice(calls: &[CallRecord]) -> usize {
    let mut seen = BTreeSet::new();
    calls
        .iter()
        .filter(|call| !seen.insert((&call.operation, call.account, &call.region, &call.resource, &call.token)))
        .count()
}
