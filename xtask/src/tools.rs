//! What others wrote and the tests run: independent servers and a client in a virtual environment of Python's, an independent
//! evaluator for Node. All pinned.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::shell::{root, run, target};

/// Where the tools were installed.
pub(crate) struct Tools {
    pub(crate) venv: PathBuf,
    pub(crate) node: PathBuf,
}

/// Installs what is missing.
pub(crate) fn install() -> Result<Tools> {
    Ok(Tools { venv: python()?, node: node()? })
}

fn python() -> Result<PathBuf> {
    let venv = target().join("test-tools");
    let requirements = root().join("tests/tools/requirements.txt");
    let wanted = fs_err::read_to_string(&requirements)?;
    let stamp = venv.join("requirements.installed");
    if fs_err::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(venv);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    run(Command::new(venv.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--requirement"])
        .arg(&requirements))?;
    // Written last: an installation that broke off is made again.
    fs_err::write(stamp, wanted)?;
    Ok(venv)
}

fn node() -> Result<PathBuf> {
    const FILES: [&str; 3] = ["package.json", "package-lock.json", "evaluate.mjs"];
    let from = root().join("tests/tools/iam-simulate");
    let to = target().join("test-tools-node");
    fs_err::create_dir_all(&to)?;
    for file in FILES {
        fs_err::copy(from.join(file), to.join(file))?;
    }
    let wanted = fs_err::read_to_string(from.join("package-lock.json"))?;
    let stamp = to.join("lock.installed");
    if fs_err::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(to);
    }
    run(Command::new("npm").args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(&to))?;
    fs_err::write(stamp, wanted)?;
    Ok(to)
}
