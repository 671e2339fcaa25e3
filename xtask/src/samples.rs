//! The sample reports of the demo organization: committed, and the same bytes every time they are made.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::shell::{self, cargo, root, target};

/// What is committed. The rest of an audit's folder differs from run to run.
const FILES: &[&str] = &[
    "repositories.csv",
    "cells.csv",
    "accounts.csv",
    "gaps.csv",
    "audit.json",
    "report.html",
    "summary.json",
    "audit.xlsx",
];

pub(crate) fn run(check: bool) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let made = folder.path().join("demo");
    demo(&made)?;
    let kept = root().join("reports");
    if check { compare(&made, &kept) } else { keep(&made, &kept) }
}

fn demo(out: &Path) -> Result<()> {
    shell::run(cargo().args(["build", "--quiet", "--package", "scangap"]))?;
    let demo = std::process::Command::new(target().join("debug").join("scangap"))
        .args(["demo", "-qq", "--out"])
        .arg(out)
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
