//! What others wrote and the tests run: independent servers, a client and readers in a virtual environment of Python's; an
//! independent evaluator and a browser's driver for Node, all pinned; and the browser itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell::{root, run, target};

/// Where the tools were installed.
pub(crate) struct Tools {
    pub(crate) venv: PathBuf,
    pub(crate) node: PathBuf,
    /// The driver of the browser, for Node.
    pub(crate) driver: PathBuf,
    pub(crate) chromium: PathBuf,
    /// An independent age.
    pub(crate) age: PathBuf,
    /// An application of the CDK.
    pub(crate) cdk: PathBuf,
}

/// Installs what is missing.
pub(crate) fn install() -> Result<Tools> {
    let venv = python()?;
    sarif_schema(&venv)?;
    Ok(Tools {
        venv,
        node: node("iam-simulate", "test-tools-node", &["evaluate.mjs"])?,
        driver: node("browser", "test-tools-browser", &["drive.mjs"])?,
        chromium: chromium()?,
        age: node("age", "test-tools-age", &["age.mjs"])?,
        cdk: node("cdk", "test-tools-cdk", &["synth.mjs"])?,
    })
}

/// The version that builds the site.
const MDBOOK: &str = "0.5.4";

/// mdBook, built from its sources.
pub(crate) fn mdbook() -> Result<PathBuf> {
    let folder = target().join("doc-tools");
    run(Command::new("cargo")
        .args(["install", "--quiet", "--locked", "mdbook", "--version", MDBOOK, "--no-default-features", "--root"])
        .arg(&folder))?;
    Ok(folder.join("bin/mdbook"))
}

/// The version that checks licences, bans and sources by deny.toml.
const CARGO_DENY: &str = "0.20.2";

/// cargo-deny, built from its sources.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    let folder = target().join("check-tools");
    run(Command::new("cargo")
        .args(["install", "--quiet", "--locked", "cargo-deny", "--version", CARGO_DENY, "--root"])
        .arg(&folder))?;
    Ok(folder.join("bin/cargo-deny"))
}

/// The browser of this machine, or Debian's.
fn chromium() -> Result<PathBuf> {
    let found = || {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let names = ["chromium", "chromium-browser", "google-chrome"];
        std::env::split_paths(&folders)
            .flat_map(|folder| names.map(|name| folder.join(name)))
            .find(|path| path.is_file())
    };
    if let Some(path) = found() {
        return Ok(path);
    }
    let apt =
        |arguments: &[&str]| run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"));
    apt(&["update", "-qq"])
        .and_then(|()| apt(&["install", "-y", "-qq", "--no-install-recommends", "chromium"]))
        .context("the tests of report.html need Chromium: install it, or run this once as root on Debian")?;
    found().context("Chromium was installed and is not in PATH")
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

/// The published schema of SARIF, as a crate carries it: the crate itself is not built.
fn sarif_schema(venv: &Path) -> Result<()> {
    let schema = venv.join("share/sarif-schema-2.1.0.json");
    if schema.is_file() {
        return Ok(());
    }
    let folder = target().join("tmp/sarif-schema");
    fs_err::create_dir_all(&folder)?;
    let manifest = "[package]\nname = \"sarif-schema\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n[dependencies]\nserde-sarif = { version = \"=0.8.0\", default-features = false }\n[workspace]\n";
    fs_err::write(folder.join("Cargo.toml"), manifest)?;
    fs_err::write(folder.join("lib.rs"), "")?;
    let output =
        Command::new("cargo").args(["metadata", "--format-version", "1", "--quiet"]).current_dir(&folder).output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)))?;
    let packages = metadata.get("packages").and_then(serde_json::Value::as_array).into_iter().flatten();
    let text = |package: &serde_json::Value, name: &str| package.get(name)?.as_str().map(str::to_owned);
    let mut found = packages.filter(|package| text(package, "name").as_deref() == Some("serde-sarif"));
    let path = found.next().and_then(|package| text(package, "manifest_path"));
    let path = path.context("the crate with the schema of SARIF was not found")?;
    fs_err::create_dir_all(venv.join("share"))?;
    fs_err::copy(Path::new(&path).with_file_name("src").join("schema.json"), schema)?;
    Ok(())
}

/// The packages of a folder of `tests/tools`, with its own programs beside them.
fn node(from: &str, to: &str, programs: &[&str]) -> Result<PathBuf> {
    let from = root().join("tests/tools").join(from);
    let to = target().join(to);
    fs_err::create_dir_all(&to)?;
    for file in ["package.json", "package-lock.json"].iter().chain(programs) {
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
