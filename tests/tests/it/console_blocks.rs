//! Every `console` block of the documentation is run unchanged, in an organization that has what they name.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use scangap_tests::{Scangap, program, requires_tools, search_path, venv_program};

const PAGES: &[&str] = &[
    "README.md",
    "docs/apply.md",
    "docs/configuration.md",
    "docs/doctor.md",
    "docs/explain.md",
    "docs/fixing.md",
    "docs/gate.md",
    "docs/permissions.md",
    "docs/plan.md",
    "docs/publish.md",
    "docs/quarterly.md",
    "docs/quick-start.md",
    "docs/reference.md",
    "docs/reports.md",
    "docs/resync.md",
    "docs/simulate.md",
    "docs/snapshot.md",
];

/// Pages of which each command goes on from what the one before left.
const FROM_TOP_TO_BOTTOM: [&str; 2] = ["docs/fixing.md", "docs/resync.md"];

// Holds: 17 Must be shown: no page of the documentation has commands that are not run
#[test]
fn every_page_with_commands_is_run() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("docs");
    let mut pages: Vec<String> = Vec::new();
    for entry in fs_err::read_dir(docs).expect("the documentation") {
        let entry = entry.expect("a file");
        let name = format!("docs/{}", entry.file_name().to_string_lossy());
        if entry.path().is_file() && fs_err::read_to_string(entry.path()).expect("a page").contains("```console") {
            pages.push(name);
        }
    }
    pages.retain(|page| !PAGES.contains(&page.as_str()));
    assert_eq!(pages, Vec::<String>::new());
}

/// `scangap simulate`, and the line of its output that points a shell to it.
struct Served {
    child: Child,
    exports: String,
    _home: tempfile::TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn serve() -> Served {
    let scenario = root().join("tests/fixtures/docs.toml").to_string_lossy().into_owned();
    // As the page on permissions says.
    let policies = tempfile::tempdir().expect("a folder");
    let printed = |name: &str, arguments: &[&str]| {
        let path = policies.path().join(name);
        fs_err::write(&path, Scangap::new(arguments).run().stdout).expect("a file");
        format!("scangap-audit={}", path.display())
    };
    // With what a plan counts by: pages on plans follow that on permissions.
    let role = printed("audit-role.json", &["permissions", "plan"]);
    let trust = printed("trust.json", &["permissions", "--trust", "--principal", "111111111111"]);
    let arguments =
        ["simulate", "--scenario", &scenario, "--port", "0", "--role-policy", &role, "--trust-policy", &trust];
    let (mut child, home) = Scangap::new(&arguments).spawn();
    let mut exports = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut exports).expect("a line");
    assert!(exports.starts_with("export AWS_ENDPOINT_URL="), "{exports}");
    Served { child, exports, _home: home }
}

/// The commands of a page's `console` blocks, block by block.
fn blocks(page: &str) -> Vec<Vec<String>> {
    let text = fs_err::read_to_string(root().join(page)).expect("the page");
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while lines.any(|line| line == "```console") {
        blocks.push(lines.by_ref().take_while(|line| *line != "```").map(str::to_owned).collect());
    }
    blocks
}

/// A shell as a reader has it: scangap and the aws CLI on the path, credentials and endpoint in the environment.
struct Shell {
    home: tempfile::TempDir,
    exports: String,
}

impl Shell {
    fn new(served: &Served) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        fs_err::create_dir_all(home.path().join("bin")).expect("a folder");
        std::os::unix::fs::symlink(program(), home.path().join("bin/scangap")).expect("a link");
        std::os::unix::fs::symlink(venv_program("aws"), home.path().join("bin/aws")).expect("a link");
        fs_err::create_dir_all(home.path().join(".aws")).expect("a folder");
        let profile = "[profile security]\naws_access_key_id = AKIASIMU111111111111\naws_secret_access_key = simulated\nregion = us-east-1\n";
        fs_err::write(home.path().join(".aws/config"), profile).expect("written");
        fs_err::write(home.path().join("policy.json"), crate::journey::BEFORE).expect("written");
        let example = Command::new("cp").arg("-r").arg(root().join("deploy/gate/example")).arg(home.path()).status();
        assert!(example.expect("cp runs").success());
        Self { home, exports: served.exports.clone() }
    }

    /// The exit code, and everything that was said.
    fn run(&self, line: &str) -> (i32, String) {
        let output = Command::new("bash")
            .args(["-o", "pipefail", "-c", &format!("{}{line}", self.exports)])
            .env_clear()
            .env("PATH", search_path(&self.home.path().join("bin")))
            .env("HOME", self.home.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .output()
            .expect("bash runs");
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
    }

    fn done(&self, line: &str) {
        let (code, said) = self.run(line);
        assert_eq!(code, 0, "{line}: {said}");
    }
}

/// A query of a `sqlite3` line, asked unchanged: the program itself need not be installed.
fn query(snapshot: &Path, line: &str) {
    let sql = line.split('"').nth(1).expect("a query in quotes");
    let database = rusqlite::Connection::open(snapshot).expect("a snapshot");
    let mut statement = database.prepare(sql).unwrap_or_else(|error| panic!("{line}: {error}"));
    let rows = statement.query_map([], |_| Ok(())).expect("it runs").count();
    assert!(rows > 0, "{line}: nothing was found");
}

// Holds: 13 Documentation: every command of a console block is understood, and ends as the snapshot says
// Holds: 17 Help: the help of every command has three examples or more, and each is run
#[test]
fn every_console_block_runs() {
    requires_tools();
    let (served, ready) = prepared();
    let mut ended = String::new();
    for page in PAGES.iter().filter(|page| !FROM_TOP_TO_BOTTOM.contains(page)) {
        for block in blocks(page) {
            run_block(page, &block, &served, &ready, &mut ended);
        }
    }
    for page in FROM_TOP_TO_BOTTOM {
        // An organization in which nothing was repaired yet, and a reader who follows the page.
        let (served, ready) = prepared();
        let mut reader = Reader::new(&served, &ready);
        for line in blocks(page).concat() {
            reader.run(page, &line, &ready, &mut ended);
        }
    }
    insta::assert_snapshot!("console_blocks", ended);
    // Each example by itself, as it is copied. The pages have changed their organization by now.
    let (served, ready) = prepared();
    let mut ended = String::new();
    for command in crate::screens::commands() {
        let help = Scangap::new(&[&command, "--help"]).run().stdout;
        // The caller's own account has no repository here that the aws CLI could ask for.
        let examples: Vec<String> = examples(&help).into_iter().filter(|line| !line.starts_with("aws ")).collect();
        assert!(examples.len() >= 3, "{command}: three examples: {help}");
        for example in examples {
            run_block(&format!("help of {command}"), &[example], &served, &ready, &mut ended);
        }
    }
    insta::assert_snapshot!("help_examples", ended);
}

/// An organization that is served, and what a reader has by then: an earlier audit, later ones, shards, a plan.
fn prepared() -> (Served, Shell) {
    let served = serve();
    let ready = Shell::new(&served);
    for run in ["2026-08-20", "2026-11-23", "today", "2026-11-23-o-exampleorg"] {
        ready.done(&format!("scangap audit --tags team --out runs/{run}"));
    }
    ready.done("scangap plan runs/today/snapshot.db --min-age 0h --resync --collect --out plan");
    for shard in ["1", "2"] {
        ready.done(&format!("scangap audit --shard {shard}/2 --as-of 2026-11-23T00:00:00Z --out shards/{shard}"));
    }
    (served, ready)
}

/// The examples of a help page. A line that is wrapped goes on.
fn examples(help: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in
        help.lines().skip_while(|line| !line.starts_with("Examples:")).skip(1).take_while(|line| !line.is_empty())
    {
        let begins = ["  scangap ", "  aws ", "  terraform "].iter().any(|begin| line.starts_with(begin));
        match all.last_mut() {
            Some(last) if !begins => *last = format!("{last} {}", line.trim()),
            _ => all.push(line.trim().to_owned()),
        }
    }
    all
}

fn run_block(page: &str, block: &[String], served: &Served, ready: &Shell, ended: &mut String) {
    let mut reader = Reader::new(served, ready);
    for line in block {
        reader.run(page, line, ready, ended);
    }
}

/// Who runs a block line by line, in a folder with earlier audits.
struct Reader {
    shell: Shell,
    /// The plan of an earlier line. Before there is one, that of the prepared folder stands in for it.
    has_plan: bool,
}

impl Reader {
    fn new(served: &Served, ready: &Shell) -> Self {
        let shell = Shell::new(served);
        for folder in ["runs", "shards"] {
            ready.done(&format!("cp -r {folder} '{}'", shell.home.path().display()));
        }
        Self { shell, has_plan: false }
    }

    fn run(&mut self, page: &str, line: &str, ready: &Shell, ended: &mut String) {
        let shell = &self.shell;
        // Those of cargo the gate runs, and the reader. What serves until it is stopped is what all of these talk to.
        if ["cargo ", "scangap simulate ", "export AWS_ENDPOINT_URL="].iter().any(|begin| line.starts_with(begin)) {
            return;
        }
        if line.starts_with("sqlite3 ") {
            return query(&shell.home.path().join("runs/today/snapshot.db"), line);
        }
        // A plan is made into a new folder.
        if line.starts_with("scangap plan ") {
            shell.done("rm -rf plan");
            self.has_plan = true;
        } else if !self.has_plan {
            shell.done("rm -rf plan");
            ready.done(&format!("cp -r plan '{}'", shell.home.path().display()));
        }
        let (code, said) = shell.run(line);
        assert!(!line.starts_with("aws ") || code == 0, "{line}: {said}");
        assert!(!said.contains("Usage:") && !said.contains("code: argument"), "{page}: {line}: {said}");
        let _ = writeln!(ended, "{page}: {line}\n  exit code {code}");
        for error in said.lines().filter(|line| line.starts_with("error:") || line.starts_with("  caused by:")) {
            let _ = writeln!(ended, "  {}", error.trim());
        }
    }
}
