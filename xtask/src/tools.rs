//! Independent servers and an independent client, for the tests: a virtual environment with pinned packages.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::shell::{root, run, target};

/// Installs what is missing, and gives the environment's folder.
pub(crate) fn install() -> Result<PathBuf> {
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
