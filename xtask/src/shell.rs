//! Running programs, loudly.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The binary that the tests run, built together with them: with the same features of every dependency, so that none is built twice.
pub(crate) fn binary() -> Result<PathBuf> {
    run(cargo().args(["build", "--quiet", "--workspace", "--bins", "--tests"]))?;
    Ok(target().join("debug").join("scangap"))
}

/// Runs it with its output shown; fails if it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", shown(command));
    let status = command.status().with_context(|| format!("failed to start {}", shown(command)))?;
    ensure!(status.success(), "{} ended with {status}", shown(command));
    Ok(())
}

/// Runs it and gives its output; fails if it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("failed to start {}", shown(command)))?;
    ensure!(
        output.status.success(),
        "{} ended with {}: {}",
        shown(command),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// The command as evidence may keep it: a path of this checkout is the same everywhere.
fn shown(command: &Command) -> String {
    let here = format!("{}/", root().display());
    let program =
        Path::new(command.get_program()).file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    std::iter::once(program)
        .chain(command.get_args().map(|word| word.to_string_lossy().replace(&here, "")))
        .collect::<Vec<_>>()
        .join(" ")
}
