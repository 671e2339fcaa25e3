//! What is handed out: the program with its pages and completions, a Debian package, an SBOM, notices and checksums. The same commit and the
//! same tools are to give the same bytes, in whatever folder: `--check` compares. Which tools these were is handed out too.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::shell::{output, root, run as run_command, target};

/// The programs of others that this takes, pinned, with the feature that makes a program of a library.
const TOOLS: [(&str, &str, &str); 3] =
    [("cargo-about", "0.9.3", "cli"), ("cargo-cyclonedx", "0.5.9", ""), ("cargo-deb", "3.8.0", "")];

/// What a download may take.
const MOST: u64 = 40 * 1024 * 1024;

const SHELLS: [(&str, &str); 4] =
    [("bash", "scangap.bash"), ("zsh", "_scangap"), ("fish", "scangap.fish"), ("powershell", "scangap.ps1")];

#[derive(Debug, clap::Args)]
pub(crate) struct Dist {
    /// Build the commit twice instead, in two other folders, and compare the checksums
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(dist: &Dist) -> Result<()> {
    let tools = tools()?;
    if !dist.check {
        let sums = make(&root(), &target().join("dist-files"), &tools)?;
        eprint!("{sums}");
        return Ok(());
    }
    let folder = tempfile::tempdir_in(target())?;
    // The same commit for both, whatever is committed meanwhile.
    let head = output(Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root()))?;
    let mut all = Vec::new();
    for name in ["first", "a-second-folder/deeper"] {
        let source = folder.path().join(name);
        fs_err::create_dir_all(source.parent().unwrap_or(&source))?;
        run_command(Command::new("git").args(["clone", "--quiet", "--no-hardlinks"]).arg(root()).arg(&source))?;
        run_command(Command::new("git").args(["checkout", "--quiet", "--detach", head.trim()]).current_dir(&source))?;
        all.push(make(&source, &source.join("target/dist-files"), &tools)?);
    }
    let [first, second] = all.as_slice() else { return Ok(()) };
    ensure!(first == second, "two folders, two results:\n{first}\n{second}");
    eprint!("the same in two folders:\n{first}");
    Ok(())
}

fn tools() -> Result<PathBuf> {
    let folder = target().join("dist-tools");
    for (name, version, feature) in TOOLS {
        run_command(
            Command::new("cargo")
                .args(["install", "--quiet", "--locked", name, "--version", version, "--features", feature, "--root"])
                .arg(&folder),
        )?;
    }
    Ok(folder.join("bin"))
}

/// Builds everything from a checkout into a folder; the checksums.
fn make(source: &Path, to: &Path, tools: &Path) -> Result<String> {
    if to.exists() {
        fs_err::remove_dir_all(to)?;
    }
    let git = |arguments: &[&str]| output(Command::new("git").args(arguments).current_dir(source));
    let (epoch, commit) =
        (git(&["log", "-1", "--format=%ct"])?, git(&["log", "-1", "--abbrev=12", "--format=%h %cs"])?);
    let (epoch, commit) = (epoch.trim(), commit.trim());
    let changed = git(&["status", "--porcelain"])?;
    ensure!(changed.is_empty(), "the program names its commit, and this is not what is committed:\n{changed}");
    let flags = remapped(source)?;
    let cargo = || {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(source).env("CARGO_TARGET_DIR", source.join("target")).env("SOURCE_DATE_EPOCH", epoch);
        cargo.env("SCANGAP_COMMIT", commit).env("CARGO_ENCODED_RUSTFLAGS", &flags.rust).env("CFLAGS", &flags.c);
        cargo
    };
    run_command(cargo().args(["build", "--locked", "--profile", "dist", "--package", "scangap"]))?;
    let program = source.join("target/dist/scangap");
    let size = fs_err::metadata(&program)?.len();
    eprintln!("scangap: {:.1} MiB", size as f64 / 1024.0 / 1024.0);
    ensure!(size < MOST, "the program takes {size} bytes, more than 40 MiB");

    let bytes = fs_err::read(&program)?;
    for path in [source.display().to_string(), cargo_home()?] {
        let names_it = bytes.windows(path.len()).any(|window| window == path.as_bytes());
        ensure!(!names_it, "the program names a folder of this machine: {path}");
    }
    let said = output(Command::new(&program).arg("--version"))?;
    ensure!(said.contains(commit), "the program does not name the commit: {said}");
    let version = said.split_whitespace().nth(1).context("a version")?.to_owned();
    let name = format!("scangap-{version}-{}", host()?);
    let folder = to.join(&name);
    pages(&program, &folder)?;
    for file in ["LICENSE", "CHANGELOG.md"] {
        fs_err::copy(source.join(file), folder.join(file))?;
    }
    fs_err::copy(&program, folder.join("scangap"))?;
    notices(source, &folder.join("NOTICES.txt"), tools, cargo())?;

    let pack = format!(
        "tar --sort=name --mtime=@{epoch} --owner=0 --group=0 --numeric-owner --mode=a+rX,go-w -cf - {name} | gzip -n -9 > {name}.tar.gz"
    );
    run_command(Command::new("bash").args(["-o", "pipefail", "-c", &pack]).current_dir(to))?;
    sbom(source, &to.join(format!("{name}.cdx.json")), tools, cargo())?;
    debian(source, &folder, to, tools, cargo())?;
    fs_err::remove_dir_all(&folder)?;
    fs_err::write(to.join("TOOLS.txt"), versions()?)?;

    let sums = "sha256sum -- * > SHA256SUMS";
    run_command(Command::new("bash").args(["-c", sums]).current_dir(to).env("LC_ALL", "C"))?;
    Ok(fs_err::read_to_string(to.join("SHA256SUMS"))?)
}

struct Flags {
    rust: String,
    c: String,
}

/// Paths of the machine are not in what is built.
fn remapped(source: &Path) -> Result<Flags> {
    let paths = [(source.to_string_lossy().into_owned(), "/scangap"), (cargo_home()?, "/cargo")];
    let each = |flag: &str| paths.each_ref().map(|(from, to)| format!("{flag}={from}={to}"));
    Ok(Flags { rust: each("--remap-path-prefix").join("\u{1f}"), c: each("-ffile-prefix-map").join(" ") })
}

fn cargo_home() -> Result<String> {
    Ok(std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")))?)
}

/// The versions of the tools: with others, a second build may give other bytes.
fn versions() -> Result<String> {
    let of = |program: &str, arguments: &[&str]| output(Command::new(program).args(arguments));
    let first = |text: String| text.lines().next().unwrap_or_default().to_owned() + "\n";
    let compilers = of("rustc", &["-vV"])? + &first(of("cc", &["--version"])?) + &first(of("ldd", &["--version"])?);
    let packers = first(of("tar", &["--version"])?) + &first(of("gzip", &["--version"])?);
    let pinned = TOOLS.map(|(name, version, _)| format!("{name} {version}")).join("\n");
    Ok(compilers + &packers + &pinned + "\n")
}

fn host() -> Result<String> {
    let said = output(Command::new("rustc").arg("-vV"))?;
    said.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned).context("rustc names its host")
}

fn with(tools: &Path) -> Result<String> {
    Ok(format!("{}:{}", tools.display(), std::env::var("PATH")?))
}

/// Man pages and completions, as the program prints them.
fn pages(program: &Path, folder: &Path) -> Result<()> {
    let (man, completions) = (folder.join("man"), folder.join("completions"));
    fs_err::create_dir_all(&man)?;
    fs_err::create_dir_all(&completions)?;
    output(Command::new(program).args(["man", "--out"]).arg(&man))?;
    for (shell, file) in SHELLS {
        fs_err::write(completions.join(file), output(Command::new(program).args(["completions", shell]))?)?;
    }
    Ok(())
}

/// The licences of what is in the program, with their texts. Which ones may be in it is said in one place.
fn notices(source: &Path, to: &Path, tools: &Path, mut cargo: Command) -> Result<()> {
    let deny: toml::Table = fs_err::read_to_string(source.join("deny.toml"))?.parse()?;
    let allowed =
        deny.get("licenses").and_then(|licenses| licenses.get("allow")).context("deny.toml allows licences")?;
    let config = source.join("target/notices.toml");
    let rest = "ignore-build-dependencies = true\nignore-dev-dependencies = true\nprivate = { ignore = true }";
    fs_err::write(&config, format!("accepted = {allowed}\n{rest}\n"))?;
    cargo.args(["about", "generate", "--manifest-path", "crates/cli/Cargo.toml", "--config"]).arg(config);
    cargo
        .args(["--target", &host()?, "--offline", "--fail", "--output-file"])
        .arg(to)
        .arg("deploy/release/notices.hbs");
    run_command(cargo.env("PATH", with(tools)?))
}

/// What is in the program, as `CycloneDX`.
fn sbom(source: &Path, to: &Path, tools: &Path, mut cargo: Command) -> Result<()> {
    const NAME: &str = "scangap.cdx";
    cargo.args(["cyclonedx", "--manifest-path", "crates/cli/Cargo.toml", "--format", "json", "--spec-version", "1.5"]);
    cargo.args(["--no-build-deps", "--target", &host()?, "--override-filename", NAME]);
    run_command(cargo.env("PATH", with(tools)?))?;
    let file = format!("{NAME}.json");
    let made = fs_err::read_to_string(source.join("crates/cli").join(&file))?;
    fs_err::write(to, made.replace(&source.display().to_string(), "/scangap"))?;
    // It writes beside each manifest of the workspace.
    let manifests = output(Command::new("git").args(["ls-files", "*Cargo.toml"]).current_dir(source))?;
    for manifest in manifests.lines() {
        match fs_err::remove_file(source.join(manifest).with_file_name(&file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

fn debian(source: &Path, folder: &Path, to: &Path, tools: &Path, mut cargo: Command) -> Result<()> {
    // Where the package's list of files looks for them.
    let pages = source.join("target/dist-pages");
    if pages.exists() {
        fs_err::remove_dir_all(&pages)?;
    }
    run_command(Command::new("cp").arg("-r").args([folder, &pages]))?;
    cargo.args(["deb", "--package", "scangap", "--profile", "dist", "--no-build", "--no-strip", "--output"]).arg(to);
    run_command(cargo.env("PATH", with(tools)?))
}
