//! One side's run on a simulated organization: how long, what it used, and what the simulator saw.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use scangap_model::{Partition, REGIONS};
use scangap_simorg::{CallRecord, Scenario, Simulator, SimulatorOptions};

use super::Size;
use crate::shell::{cargo, root, run as run_command, target};
use crate::tools;

/// scangap calls from no more, however many cores there are.
const CALLING_THREADS_MAX: usize = 8;

pub(super) const BOTO3_THREADS: usize = 32;

/// One side's run.
pub(super) struct Run {
    pub(super) seconds: f64,
    /// Of the processor, in user and system mode.
    pub(super) cpu_seconds: f64,
    pub(super) peak_kib: u64,
    /// The same when the last call had been made: what comes after it judges and reports.
    pub(super) collecting: Cost,
    pub(super) calls: Vec<CallRecord>,
}

impl Run {
    pub(super) fn whole(&self) -> Cost {
        Cost { seconds: self.seconds, cpu_seconds: self.cpu_seconds, peak_kib: self.peak_kib }
    }

    /// Of the processor, for each call: microseconds.
    pub(super) fn a_call(&self, part: Cost) -> f64 {
        part.cpu_seconds * 1e6 / self.calls.len() as f64
    }

    pub(super) fn throttled(&self) -> usize {
        self.calls.iter().filter(|call| call.error.contains("Throttl")).count()
    }

    pub(super) fn by_api(&self) -> BTreeMap<&str, usize> {
        self.calls.iter().fold(BTreeMap::new(), |mut counts, call| {
            *counts.entry(call.operation.as_str()).or_default() += 1;
            counts
        })
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) peak_kib: u64,
}

/// What is measured.
pub(super) fn build() -> Result<()> {
    run_command(cargo().args(["build", "--release", "--package", "scangap"]))?;
    run_command(cargo().args(["build", "--release", "--package", "scangap-aws", "--example", "bare_loop"]))
}

/// As many threads as scangap calls from: where all cores are busy, each call costs more of the processor.
pub(super) fn calling_threads() -> Result<usize> {
    Ok(std::thread::available_parallelism()?.get().min(CALLING_THREADS_MAX))
}

pub(super) fn audit(size: &Size, url: &str, key: &str, out: &Path) -> Command {
    let mut command = Command::new(target().join("release").join("scangap"));
    command.args(["audit", "--quiet", "--quiet", "--endpoint-url", url, "--out"]).arg(out);
    command.args(["--max-in-flight", &size.in_flight.to_string()]);
    with_key(&mut command, key);
    command
}

/// The same calls in the bare SDK, on the same organization without latency or limits: what it costs, not how long it waits.
pub(super) fn bare_loop(size: &Size, calls: &[CallRecord], threads: usize) -> Result<Run> {
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

pub(super) fn with_key(command: &mut Command, key: &str) {
    command
        .env("AWS_ACCESS_KEY_ID", key)
        .env("AWS_SECRET_ACCESS_KEY", "simulated")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdout(Stdio::null());
}

/// A boto3 script that makes the same calls.
pub(super) fn boto3(size: &Size) -> Result<Run> {
    let venv = tools::install()?.venv;
    measure(size, |url, key| {
        let mut command = Command::new(venv.join("bin/python"));
        command.arg(root().join("xtask/src/bench/reference.py")).args([url, &BOTO3_THREADS.to_string()]);
        with_key(&mut command, key);
        command
    })
}

/// Another program on the same organization. It finds the regions that are enabled in REGIONS.
pub(super) fn program(size: &Size, program: &Path, variables: &[(&str, &Path)]) -> Result<Run> {
    let enabled = REGIONS.iter().filter(|info| info.partition == Partition::Aws && info.default_enabled);
    let regions: Vec<&str> = enabled.map(|info| info.name).collect();
    measure(size, |url, key| {
        let mut command = Command::new(program);
        command.env("AWS_ENDPOINT_URL", url).env("AWS_DEFAULT_REGION", "us-east-1").env("REGIONS", regions.join(" "));
        command.envs(variables.iter().copied());
        with_key(&mut command, key);
        command
    })
}

/// Each side gets a fresh organization: full buckets, no sessions.
pub(super) fn measure(size: &Size, command: impl FnOnce(&str, &str) -> Command) -> Result<Run> {
    measure_scenario(size.scenario(), command)
}

pub(super) fn measure_scenario(scenario: Scenario, command: impl FnOnce(&str, &str) -> Command) -> Result<Run> {
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
