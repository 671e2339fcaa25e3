//! Developer tasks for this repository: CI checks, crate dependency rules, generated files, benchmarks.

#![expect(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, reason = "a program for developers")]

mod bench;
mod ci;
mod circles;
mod dist;
mod docs;
mod full;
mod holds;
mod names;
mod pictures;
mod same;
mod samples;
mod shell;
mod site;
mod tidy;
mod tools;

use clap::{Parser, Subcommand};

/// As in the binary that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(about = "Tasks on the scangap repository")]
enum Task {
    /// Everything that must be green: format, lints, tests, crate dependencies, generated files
    Ci {
        /// What takes long instead, its summary kept in docs/evidence
        #[arg(long)]
        full: bool,
        #[command(flatten)]
        parts: full::Full,
    },
    /// Installs the programs of others that the tests use, into target/test-tools
    TestTools,
    /// Checks what lints cannot: sizes, dependencies, one rustls
    Tidy,
    /// Compares what two builds say and write
    Same(same::Same),
    /// Regenerates the sample reports; with --check, fails where they are stale
    SampleReports {
        #[arg(long)]
        check: bool,
    },
    /// Makes the README's pictures of the sample reports again; needs `LibreOffice`, poppler and `ImageMagick`
    Pictures,
    /// Regenerates docs/reference.md; with --check, fails where it is stale
    Docs {
        #[arg(long)]
        check: bool,
    },
    /// Builds what is handed out, into target/dist-files: the program, a Debian package, an SBOM, notices, checksums
    Dist(dist::Dist),
    /// Builds the documentation as a site, into target/site, and follows every link
    Site,
    /// Measures
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Collection, every row of its table beside its bar
    Collect(bench::collect::table::Table),
    /// Collection of an organization of any size, beside the bare SDK and a boto3 script that makes the same calls
    CollectOne(bench::collect::Size),
    /// The gate over a repository of 10,000 files
    Gate,
    /// The policy engine on one core, and the batch on all
    Policy,
    /// One large registry under AWS-like limits
    Throttle(bench::throttle::Registry),
    /// Reports of a generated snapshot of a million repositories
    Report(bench::report::Size),
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::Ci { full: true, parts } => full::run(&parts),
        Task::Ci { full: false, .. } => ci::run(),
        Task::Same(same) => same::check(&same),
        Task::TestTools => tools::install().map(drop),
        Task::Tidy => tidy::run(),
        Task::SampleReports { check } => samples::run(check),
        Task::Pictures => pictures::make(),
        Task::Docs { check } => docs::run(check),
        Task::Dist(dist) => dist::run(&dist),
        Task::Site => site::run(&tools::mdbook()?),
        Task::Bench(Bench::Collect(table)) => bench::collect::table::run(&table),
        Task::Bench(Bench::CollectOne(size)) => bench::collect::run(&size),
        Task::Bench(Bench::Throttle(registry)) => bench::throttle::run(&registry),
        Task::Bench(Bench::Gate) => bench::gate::run(),
        Task::Bench(Bench::Policy) => bench::policy::run(),
        Task::Bench(Bench::Report(size)) => bench::report::run(&size),
    }
}
