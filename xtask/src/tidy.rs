//! Checks what lints cannot: the dependencies of each crate, file sizes, and the licenses of dependencies.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::shell::{cargo, output, root};
use crate::{circles, names};

/// Lines in a source file. Tables are rows, tests are fixtures: neither counts.
const MEDIAN_LINES: usize = 200;
const P90_LINES: usize = 500;
const MAX_LINES: usize = 800;
const MAIN_LINES: usize = 25;

/// Workspace crates that may use the AWS SDK; below, async, SQL and parallel crates. Other external crates are unrestricted.
const SDK_ROOMS: &[&str] = &["scangap-aws"];
const ASYNC_ROOMS: &[&str] =
    &["scangap-aws", "scangap-collect", "scangap-apply", "scangap-publish", "scangap-simorg", "scangap"];
/// Where write ports may be named.
const WRITERS: &[&str] = &["crates/aws/src", "crates/apply/src"];
const SQL_ROOMS: &[&str] = &["scangap-snapshot", "scangap-tests"];
const PARALLEL_ROOMS: &[&str] = &["scangap-assess", "scangap"];

/// The workspace crates that each crate may depend on: ARCHITECTURE.md, as a table.
const ROOMS: &[(&str, &[&str])] = &[
    ("scangap-model", &[]),
    ("scangap-policy", &["scangap-model"]),
    ("scangap-aws", &["scangap-model"]),
    ("scangap-collect", &["scangap-model", "scangap-aws"]),
    ("scangap-snapshot", &["scangap-model"]),
    ("scangap-assess", &["scangap-model", "scangap-policy"]),
    ("scangap-plan", &["scangap-model", "scangap-assess", "scangap-policy"]),
    ("scangap-apply", &["scangap-model", "scangap-aws", "scangap-assess", "scangap-policy", "scangap-plan"]),
    ("scangap-report", &["scangap-model", "scangap-assess", "scangap-policy"]),
    ("scangap-publish", &["scangap-model", "scangap-aws"]),
    ("scangap-access", &["scangap-model"]),
    ("scangap-iac", &["scangap-model", "scangap-policy"]),
    ("scangap-simorg", &["scangap-model"]),
    (
        "scangap-rehearse",
        &["scangap-model", "scangap-assess", "scangap-plan", "scangap-apply", "scangap-report", "scangap-simorg"],
    ),
];

/// Those that are made of all others.
const WHOLE: &[&str] = &["scangap", "scangap-tests", "xtask"];

pub(crate) fn run() -> Result<()> {
    let metadata: Value =
        serde_json::from_str(&output(cargo().args(["metadata", "--format-version", "1", "--locked"]))?)?;
    let mut problems = Vec::new();
    rooms(&metadata, &mut problems)?;
    one_rustls(&metadata, &mut problems)?;
    sizes(&mut problems)?;
    marks(&mut problems)?;
    circles::look(&mut problems)?;
    names::look(&mut problems)?;
    for problem in &problems {
        eprintln!("tidy: {problem}");
    }
    ensure!(problems.is_empty(), "{} to put in order", problems.len());
    Ok(())
}

fn packages(metadata: &Value) -> Result<&Vec<Value>> {
    metadata["packages"].as_array().context("cargo metadata has packages")
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap_or_default()
}

fn rooms(metadata: &Value, problems: &mut Vec<String>) -> Result<()> {
    for package in packages(metadata)?.iter().filter(|package| package["source"].is_null()) {
        let room = name(package);
        // A crate that is in no table could use anything.
        if !WHOLE.contains(&room) && !ROOMS.iter().any(|(here, _)| *here == room) {
            problems.push(format!("{room} has no row in the table of rooms"));
        }
        let dependencies = package["dependencies"].as_array().context("a package has dependencies")?;
        for dependency in dependencies.iter().filter(|dependency| dependency["kind"].is_null()) {
            let used = name(dependency);
            let only = |rooms: &[&str]| !rooms.contains(&room);
            let wrong = match used {
                "tokio" | "tokio-util" | "futures" => only(ASYNC_ROOMS),
                "rusqlite" => only(SQL_ROOMS),
                "rayon" => only(PARALLEL_ROOMS),
                used if used.starts_with("aws-") => only(SDK_ROOMS),
                used => {
                    ROOMS.iter().any(|(here, may)| *here == room && used.starts_with("scangap") && !may.contains(&used))
                }
            };
            if wrong {
                problems.push(format!("{room} may not use {used}"));
            }
        }
    }
    Ok(())
}

fn one_rustls(metadata: &Value, problems: &mut Vec<String>) -> Result<()> {
    let versions: BTreeSet<&str> = packages(metadata)?
        .iter()
        .filter(|package| name(package) == "rustls")
        .filter_map(|package| package["version"].as_str())
        .collect();
    if versions.len() != 1 {
        problems.push(format!("one rustls is wanted, there are {versions:?}"));
    }
    for unwanted in ["openssl", "openssl-sys", "native-tls", "aws-lc-sys"] {
        if packages(metadata)?.iter().any(|package| name(package) == unwanted) {
            problems.push(format!("{unwanted} came along"));
        }
    }
    Ok(())
}

fn sizes(problems: &mut Vec<String>) -> Result<()> {
    let mut sizes: Vec<(usize, PathBuf)> = Vec::new();
    for file in sources(&root().join("crates"))?.into_iter().chain(sources(&root().join("xtask"))?) {
        let text = fs_err::read_to_string(&file)?;
        let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
        if file.ends_with("main.rs") && file.to_string_lossy().contains("crates") && lines > MAIN_LINES {
            problems.push(format!("{} has {lines} lines: {MAIN_LINES} at most", file.display()));
        }
        if lines > MAX_LINES {
            problems.push(format!("{} has {lines} lines: {MAX_LINES} at most", file.display()));
        }
        sizes.push((lines, file));
    }
    sizes.sort();
    let at = |share: usize| sizes.get(sizes.len() * share / 100).map_or(0, |(lines, _)| *lines);
    if at(50) > MEDIAN_LINES || at(90) > P90_LINES {
        problems.push(format!("files are too long: median {}, ninetieth percentile {}", at(50), at(90)));
    }
    Ok(())
}

/// Unfinished work, and modules that do not say what they are for.
fn marks(problems: &mut Vec<String>) -> Result<()> {
    for file in sources(&root().join("crates"))? {
        let text = fs_err::read_to_string(&file)?;
        if !text.starts_with("//!") {
            problems.push(format!("{} does not say what it is for", file.display()));
        }
        let relative = file.strip_prefix(root()).unwrap_or(&file).to_string_lossy().into_owned();
        let may_write = WRITERS.iter().any(|place| relative.starts_with(place));
        if !may_write && (text.contains("scangap_aws::write") || text.contains("RegionWriter")) {
            problems.push(format!("{relative} names a write port: only apply may"));
        }
        for mark in ["#[ignore", "FIXME", "XXX"] {
            if text.contains(mark) {
                problems.push(format!("{} holds {mark}", file.display()));
            }
        }
    }
    Ok(())
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            if path.to_str().is_none() {
                bail!("{} is not UTF-8", path.display());
            }
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
