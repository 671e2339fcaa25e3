//! Embeds the git commit in release builds only: reports contain it, and the output of development builds would change with
//! every commit.

#![expect(clippy::disallowed_methods, reason = "this is how a build script speaks to cargo")]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=SCANGAP_COMMIT");
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    // A package without git says it by a variable.
    let commit = std::env::var("SCANGAP_COMMIT").ok().or_else(|| release.then(from_git).flatten());
    println!("cargo:rustc-env=SCANGAP_BUILD={}", commit.as_deref().unwrap_or("development build"));
}

fn from_git() -> Option<String> {
    let log = Path::new("../../.git/logs/HEAD");
    if log.exists() {
        println!("cargo:rerun-if-changed={}", log.display());
    }
    // The commit, and the day that it was made: the same build has the same words, whenever it is made.
    let output = Command::new("git").args(["log", "-1", "--abbrev=12", "--format=%h %cs"]).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !commit.is_empty()).then_some(commit)
}
