//! The whole table of collection, one row after the other in one run: what was measured, and the bar.

use std::process::Command;

use anyhow::{Result, ensure};

use super::measure::{BOTO3_THREADS, Run, audit, bare_loop, boto3, build, calling_threads, measure, program};
use super::{Size, again_optimized, floor, same_calls};
use crate::shell::{root, run as run_command, target};

#[derive(Debug, clap::Args)]
pub(crate) struct Table {
    /// Only these rows
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Row>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Row {
    /// 1,000 accounts under AWS-like limits: how near the floor
    Floor,
    /// The same without limits, against boto3
    Boto3,
    /// 10,000 accounts: processor and memory beside the bare SDK
    Cost,
    /// c7n-org on a tenth of the first row's organization
    C7n,
    /// 1, 2, 4 and 8 times as many accounts
    Growth,
}

const ROWS: [Row; 5] = [Row::Floor, Row::Boto3, Row::Cost, Row::C7n, Row::Growth];

/// One number beside its bar. Without one it is only stated.
struct Line {
    work: &'static str,
    measured: String,
    bar: String,
    reached: bool,
}

fn stated(work: &'static str, measured: String) -> Line {
    Line { work, measured, bar: String::new(), reached: true }
}

fn at_most(work: &'static str, what: &str, number: f64, bar: f64) -> Line {
    Line { work, measured: format!("{what}: {number:.2}"), bar: format!("at most {bar}"), reached: number <= bar }
}

fn at_least(work: &'static str, what: &str, number: f64, bar: f64) -> Line {
    Line { work, measured: format!("{what}: {number:.1}"), bar: format!("at least {bar}"), reached: number >= bar }
}

/// MiB that collecting may take.
const MEMORY: f64 = 200.0;

fn memory(work: &'static str, run: &Run) -> Line {
    at_most(work, "MiB, collecting", run.collecting.peak_kib as f64 / 1024.0, MEMORY)
}

pub(crate) fn run(table: &Table) -> Result<()> {
    if cfg!(debug_assertions) {
        return again_optimized("collect");
    }
    build()?;
    let mut lines = Vec::new();
    for row in ROWS.into_iter().filter(|row| table.only.is_empty() || table.only.contains(row)) {
        lines.extend(match row {
            Row::Floor => near_the_floor()?,
            Row::Boto3 => against_boto3()?,
            Row::Cost => what_a_call_costs()?,
            Row::C7n => against_c7n()?,
            Row::Growth => growth()?,
        });
    }
    println!("| work | measured | bar | |");
    println!("|---|---|---|---|");
    let mut missed = 0;
    for Line { work, measured, bar, reached } in lines {
        let verdict = match (bar.is_empty(), reached) {
            (true, _) => "stated",
            (false, true) => "reached",
            (false, false) => "**missed**",
        };
        missed += usize::from(!reached);
        println!("| {work} | {measured} | {bar} | {verdict} |");
    }
    ensure!(missed == 0, "{missed} bars were missed");
    Ok(())
}

/// An audit, complete: one with a gap ends the bench.
fn audited(size: &Size) -> Result<Run> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    measure(size, |url, key| audit(size, url, key, &out))
}

fn first_organization() -> Size {
    Size { accounts: 1_000, large: 3, ..Size::default() }
}

fn near_the_floor() -> Result<Vec<Line>> {
    const WORK: &str = "1,000 accounts, 4 of 17 regions in use, 10 repositories in each and three registries of 1,200, 50 ms, AWS-like limits";
    let size = first_organization();
    let ours = audited(&size)?;
    let bare = bare_loop(&size, &ours.calls, calling_threads()?)?;
    let (floor, why) = floor::of(&size, &ours, &bare);
    let throttled = 100.0 * ours.throttled() as f64 / ours.calls.len() as f64;
    Ok(vec![
        stated(WORK, format!("floor {floor:.1} s: {why}")),
        stated(
            WORK,
            format!("collecting {:.1} s, with every report {:.1} s, no gap", ours.collecting.seconds, ours.seconds),
        ),
        at_most(WORK, "collecting, times the floor", ours.collecting.seconds / floor, 1.15),
        at_most(WORK, "with every report, times the floor", ours.seconds / floor, 1.15),
        at_most(WORK, "throttled, per cent of the calls", throttled, 3.0),
        memory(WORK, &ours),
    ])
}

fn against_boto3() -> Result<Vec<Line>> {
    const WORK: &str = "the same without limits, against boto3";
    let size = Size { no_limits: true, ..first_organization() };
    let ours = audited(&size)?;
    let theirs = boto3(&size)?;
    same_calls(&ours, &theirs)?;
    Ok(vec![
        stated(
            WORK,
            format!(
                "{} calls on both sides: {:.1} s with every report, boto3 with {BOTO3_THREADS} threads {:.1} s",
                ours.calls.len(),
                ours.seconds,
                theirs.seconds
            ),
        ),
        at_least(WORK, "times as fast", theirs.seconds / ours.seconds, 25.0),
    ])
}

/// Nothing but what the machine takes.
fn without_latency(accounts: u32) -> Size {
    Size { accounts, latency_ms: 0, no_limits: true, ..Size::default() }
}

fn what_a_call_costs() -> Result<Vec<Line>> {
    const WORK: &str = "10,000 accounts, one region in use, no latency, 512 in flight";
    let size = Size { regions: 1, repositories: 5, ..without_latency(10_000) };
    let ours = audited(&size)?;
    let one = bare_loop(&size, &ours.calls, 1)?;
    let threads = calling_threads()?;
    let equal = bare_loop(&size, &ours.calls, threads)?;
    let (mine, theirs) = (ours.a_call(ours.collecting), equal.a_call(equal.whole()));
    Ok(vec![
        stated(
            WORK,
            format!(
                "{} calls, {:.1} s of collecting, {mine:.0} us of CPU a call; bare SDK with {threads} threads {theirs:.0}, with one {:.0}",
                ours.calls.len(),
                ours.collecting.seconds,
                one.a_call(one.whole())
            ),
        ),
        at_most(WORK, "CPU a call, times the bare SDK with as many threads", mine / theirs, 1.3),
        stated(WORK, format!("MiB, the bare SDK: {}", equal.peak_kib / 1024)),
        memory(WORK, &ours),
    ])
}

const C7N: [&str; 2] = ["c7n==0.9.53", "c7n-org==0.6.52"];

fn against_c7n() -> Result<Vec<Line>> {
    const WORK: &str = "c7n-org on a tenth of the first row's organization: every repository with its policy, and nothing of Inspector";
    let venv = target().join("bench-tools");
    let installed = venv.join("bin/c7n-org");
    if !installed.is_file() {
        run_command(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        run_command(Command::new(venv.join("bin/python")).args(["-m", "pip", "install", "--quiet"]).args(C7N))?;
    }
    let size = Size { accounts: 100, ..Size::default() };
    let ours = audited(&size)?;
    let theirs = program(&size, &root().join("xtask/src/bench/c7n-org.sh"), &[("C7N_ORG", &installed)])?;
    Ok(vec![stated(
        WORK,
        format!(
            "scangap {:.1} s, {} calls; c7n-org {:.1} s, {} calls",
            ours.seconds,
            ours.calls.len(),
            theirs.seconds,
            theirs.calls.len()
        ),
    )])
}

fn growth() -> Result<Vec<Line>> {
    const WORK: &str =
        "250, 500, 1,000 and 2,000 accounts, 4 regions in use, 10 repositories in each, no latency, no limits";
    let sizes = [250, 500, 1_000, 2_000];
    let runs: Vec<Run> = sizes.iter().map(|accounts| audited(&without_latency(*accounts))).collect::<Result<_>>()?;
    let seconds: Vec<String> = runs.iter().map(|run| format!("{:.1}", run.collecting.seconds)).collect();
    let mebibytes: Vec<String> = runs.iter().map(|run| (run.collecting.peak_kib / 1024).to_string()).collect();
    chart("seconds of collecting", &seconds);
    chart("MiB while collecting", &mebibytes);
    let calls: Vec<String> = runs.iter().map(|run| run.calls.len().to_string()).collect();
    let mut lines = vec![
        stated(WORK, format!("calls: {}", calls.join(", "))),
        stated(WORK, format!("seconds: {}", seconds.join(", "))),
        stated(WORK, format!("MiB: {}", mebibytes.join(", "))),
    ];
    lines.extend(runs.last().map(|largest| memory(WORK, largest)));
    Ok(lines)
}

/// As the documentation shows it.
fn chart(what: &str, numbers: &[String]) {
    println!("```mermaid\nxychart-beta\n    title \"{what}\"\n    x-axis \"accounts\" [250, 500, 1000, 2000]");
    println!("    y-axis \"{what}\"\n    line [{}]\n```\n", numbers.join(", "));
}
