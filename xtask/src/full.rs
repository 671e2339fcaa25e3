//! What takes long, run by hand: thousands of oracle cases, properties by the ten thousand, fuzzing, mutants, benches. The
//! summary goes to `docs/evidence`, with commit and date.

use std::fmt::Write;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::shell::{cargo, output, root};
use crate::{shell, tools};

const ORACLE_CASES: usize = 5_000;
const PROPERTY_FACTOR: u32 = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Full {
    /// Seconds of fuzzing
    #[arg(long, default_value_t = 600, requires = "full")]
    fuzz_seconds: u32,
    /// Only these parts: advisories, oracle, properties, fuzz, mutants, crashes, kills, faults, bench-collect, bench-policy, bench-gate, bench-report
    #[arg(long, value_delimiter = ',', requires = "full")]
    only: Vec<String>,
}

/// One part: what it is called, what runs, and how what it printed is told in a few lines.
struct Part {
    name: &'static str,
    run: fn(&Full) -> Result<String>,
}

const PARTS: &[Part] = &[
    Part { name: "advisories", run: advisories },
    Part { name: "oracle", run: oracle },
    Part { name: "properties", run: properties },
    Part { name: "fuzz", run: fuzz },
    Part { name: "mutants", run: mutants },
    Part { name: "crashes", run: crashes },
    Part { name: "kills", run: kills },
    Part { name: "faults", run: faults },
    Part { name: "bench-collect", run: |_| bench("collect") },
    Part { name: "bench-policy", run: |_| bench("policy") },
    Part { name: "bench-gate", run: |_| bench("gate") },
    Part { name: "bench-report", run: |_| bench("report") },
];

pub(crate) fn run(full: &Full) -> Result<()> {
    for name in &full.only {
        ensure!(PARTS.iter().any(|part| part.name == name), "`{name}` is not a part");
    }
    let commit = output(Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root()))?;
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    for part in PARTS.iter().filter(|part| full.only.is_empty() || full.only.iter().any(|name| name == part.name)) {
        eprintln!("== {}", part.name);
        let started = Instant::now();
        let said = (part.run)(full).with_context(|| format!("{} failed", part.name))?;
        let mut page = String::new();
        writeln!(page, "# {}, {today}\n", part.name)?;
        writeln!(page, "`cargo xtask ci --full --only {}` at commit {}", part.name, commit.trim())?;
        writeln!(page, "({} s on {} cores).\n", started.elapsed().as_secs(), std::thread::available_parallelism()?)?;
        writeln!(page, "```\n{}\n```", said.trim_end())?;
        let path = root().join("docs/evidence").join(format!("{}.md", part.name));
        fs_err::write(&path, page)?;
        eprintln!("== {}: ok, kept in {}", part.name, path.display());
    }
    Ok(())
}

/// What a program printed, with its failure as ours.
fn said(command: &mut Command) -> Result<String> {
    let done = command.output().with_context(|| format!("{command:?} does not start"))?;
    let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{command:?} ended with {}\n{text}", done.status);
    Ok(text)
}

fn lines_with(text: &str, parts: &[&str]) -> String {
    text.lines().filter(|line| parts.iter().any(|part| line.contains(part))).collect::<Vec<_>>().join("\n")
}

/// A test of the binary with a knob, and what it printed.
fn with_knob(filter: &str, knob: &str, value: &str, parts: &[&str]) -> Result<String> {
    let tools = tools::install()?;
    let binary = shell::binary()?;
    let text = said(
        cargo()
            .args(["test", "--workspace", "--test", "it", filter, "--", "--nocapture"])
            .env("SCANGAP_BIN", binary)
            .env("SCANGAP_TEST_VENV", &tools.venv)
            .env(knob, value),
    )?;
    Ok(lines_with(&text, parts))
}

/// An audit, killed a hundred times under faults, and resumed.
fn kills(_: &Full) -> Result<String> {
    with_knob("resume::a_killed_audit", "SCANGAP_TEST_KILLS", "100", &["killed", "1 passed"])
}

/// Every operation under every fault, held against the table in the docs.
fn faults(_: &Full) -> Result<String> {
    with_knob("fault_matrix::", "SCANGAP_TEST_MATRIX", "all", &["audits", "1 passed"])
}

/// An apply, killed at every call from both sides, and resumed.
fn crashes(_: &Full) -> Result<String> {
    let tools = tools::install()?;
    let binary = shell::binary()?;
    let text = said(
        cargo()
            .args(["test", "--workspace", "--test", "it", "crashes::", "--", "--nocapture"])
            .env("SCANGAP_BIN", binary)
            .env("SCANGAP_TEST_VENV", &tools.venv)
            .env("SCANGAP_TEST_CRASHES", "all"),
    )?;
    Ok(lines_with(&text, &["killed", "test result"]))
}

/// Known vulnerabilities: their list is fetched, so that this is not in the gate.
fn advisories(_: &Full) -> Result<String> {
    said(Command::new(tools::cargo_deny()?).args(["check", "advisories"]).current_dir(root()))
}

fn oracle(_: &Full) -> Result<String> {
    let tools = tools::install()?;
    let binary = shell::binary()?;
    let text = said(
        cargo()
            .args(["test", "--workspace", "--test", "it", "independent_evaluator"])
            .env("SCANGAP_BIN", binary)
            .env("SCANGAP_TEST_NODE", &tools.node)
            .env("SCANGAP_ORACLE_CASES", ORACLE_CASES.to_string()),
    )?;
    let list = fs_err::read_to_string(root().join("tests/tools/iam-simulate/disagreements.json"))?;
    let readings: Vec<serde_json::Value> = serde_json::from_str(&list)?;
    let mut page = format!("{ORACLE_CASES} generated cases\n");
    for reading in &readings {
        let count = reading["cases"].as_array().map_or(0, Vec::len);
        writeln!(page, "{count:>4} disagree: {}", reading["name"].as_str().unwrap_or_default())?;
    }
    Ok(page + &lines_with(&text, &["1 passed"]))
}

fn properties(_: &Full) -> Result<String> {
    let factor = PROPERTY_FACTOR.to_string();
    let text = said(
        cargo()
            .args(["test", "--release", "--package", "scangap-policy", "--test", "properties"])
            .env("SCANGAP_PROPERTY_FACTOR", &factor),
    )?;
    Ok(format!("{factor} times the ordinary number of cases\n") + &lines_with(&text, &["test "]))
}

fn fuzz(full: &Full) -> Result<String> {
    let mut all = String::new();
    for (target, seeds) in [("policy", "../tests/fixtures"), ("iac", "../tests/fixtures/gate")] {
        let text = said(
            Command::new("cargo")
                .args(["+nightly", "fuzz", "run", target, &format!("corpus/{target}"), seeds, "--"])
                .args(["-dict=policy.dict", "-max_len=10240", "-timeout=10"])
                .arg(format!("-max_total_time={}", full.fuzz_seconds))
                .current_dir(root().join("fuzz")),
        )
        .context("`cargo install cargo-fuzz` and a nightly toolchain are needed")?;
        writeln!(all, "{target}:\n{}", lines_with(&text, &["Done ", "DONE"]))?;
    }
    Ok(all)
}

fn mutants(_: &Full) -> Result<String> {
    // Survivors make the program end with an error; they are counted and argued in the evidence.
    const EVALUATOR: &[&str] = &[
        "condition.rs",
        "condition/*.rs",
        "context.rs",
        "decision.rs",
        "evaluate.rs",
        "exempt.rs",
        "key.rs",
        "network.rs",
        "outcome.rs",
        "principal.rs",
        "request.rs",
        "resource.rs",
        "template.rs",
        "why.rs",
    ];
    let done = cargo()
        .args([
            "mutants",
            "--package",
            "scangap-policy",
            "--no-shuffle",
            "--colors",
            "never",
            "--profile",
            "mutants",
            "-j2",
        ])
        .args(EVALUATOR.iter().flat_map(|file| ["--file".to_owned(), format!("crates/policy/src/{file}")]))
        .output()
        .context("`cargo install cargo-mutants` installs it")?;
    let text = String::from_utf8_lossy(&done.stdout);
    ensure!(matches!(done.status.code(), Some(0 | 2 | 3)), "cargo mutants ended with {}\n{text}", done.status);
    Ok(lines_with(&text, &["MISSED", "TIMEOUT", "mutants tested"]))
}

fn bench(name: &str) -> Result<String> {
    said(cargo().args(["run", "--release", "--quiet", "--package", "xtask", "--", "bench", name]))
}
