//! What must be green before anything lands. `.ci/run` calls this and nothing else.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::shell::{cargo, run as run_command};
use crate::{docs, samples, shell, site, tidy, tools};

pub(crate) fn run() -> Result<()> {
    let started = Instant::now();
    step("format", || run_cargo(&["fmt", "--all", "--check"]))?;
    step("order of the rooms", tidy::run)?;
    let cargo_deny = step("cargo-deny", tools::cargo_deny)?;
    step("licences, bans and sources", || {
        run_command(Command::new(cargo_deny).args(["check", "licenses", "bans", "sources"]).current_dir(shell::root()))
    })?;
    step("lints", || run_cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    let tools = tools::install()?;
    let binary = step("binary and tests", shell::binary)?;
    step("tests", || {
        let mut tests = cargo();
        if has_nextest() {
            // Its limits, and how many tests run at once, are in .config/nextest.toml.
            tests.args(["nextest", "run", "--workspace"]);
        } else {
            // Most of the time tests wait: for servers, for sessions to end, for statuses.
            tests.args(["test", "--workspace", "--no-fail-fast"]).env("RUST_TEST_THREADS", "8");
        }
        tests
            .env("SCANGAP_BIN", binary)
            .env("SCANGAP_TEST_VENV", &tools.venv)
            .env("SCANGAP_TEST_NODE", &tools.node)
            .env("SCANGAP_TEST_DRIVER", &tools.driver)
            .env("SCANGAP_TEST_CDK", &tools.cdk)
            .env("SCANGAP_TEST_AGE", &tools.age)
            .env("CHROMIUM", &tools.chromium);
        run_command(&mut tests)
    })?;
    step("generated documents", || docs::run(true))?;
    step("site", || site::run(&tools::mdbook()?))?;
    step("sample reports", || samples::run(true))?;
    eprintln!("ci: everything is green after {} s", started.elapsed().as_secs());
    Ok(())
}

fn has_nextest() -> bool {
    cargo().args(["nextest", "--version"]).output().is_ok_and(|output| output.status.success())
}

fn run_cargo(arguments: &[&str]) -> Result<()> {
    run_command(cargo().args(arguments))
}

fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    eprintln!("== {name}");
    let done = work()?;
    eprintln!("== {name}: ok, {} s", started.elapsed().as_secs());
    Ok(done)
}
