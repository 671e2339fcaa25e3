//! The sample reports of the demo organization: committed, and the same bytes every time they are made.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::shell::{self, root};

/// What is committed. The rest of an audit's folder differs from run to run.
const FILES: &[&str] = &[
    "repositories.csv",
    "registries.csv",
    "accounts.csv",
    "policies.csv",
    "gaps.csv",
    "audit.json",
    "report.html",
    "summary.json",
    "audit.xlsx",
];

/// 2026-11-23T09:00:00Z, the demo organization's own time.
pub(crate) const SAMPLE_TIME: &str = "1795424400";

pub(crate) fn run(check: bool) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let made = folder.path().join("demo");
    demo(folder.path())?;
    let kept = root().join("reports");
    if check { compare(&made, &kept) } else { keep(&made, &kept) }
}

fn demo(folder: &Path) -> Result<()> {
    let demo = std::process::Command::new(shell::binary()?)
        .args(["demo", "-qq", "--out", "demo"])
        // The evidence in the workbook names the command and the time: both are the same wherever and whenever it runs.
        .env("SOURCE_DATE_EPOCH", SAMPLE_TIME)
        .current_dir(folder)
        .status()?;
    // The demo organization holds gaps on purpose.
    ensure!(demo.code() == Some(3), "the demo ended with {demo}");
    Ok(())
}

fn compare(made: &Path, kept: &Path) -> Result<()> {
    for file in FILES {
        let same = fs_err::read(made.join(file))? == fs_err::read(kept.join(file))?;
        ensure!(same, "reports/{file} is stale: `cargo xtask sample-reports` makes it again");
    }
    Ok(())
}

fn keep(made: &Path, kept: &Path) -> Result<()> {
    fs_err::create_dir_all(kept)?;
    for file in FILES {
        fs_err::copy(made.join(file), kept.join(file))?;
    }
    Ok(())
}
