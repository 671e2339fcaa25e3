//! The real binary in an environment of its own, and what it leaves behind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use scangap_simorg::Simulator;
use tempfile::TempDir;

/// `SCANGAP_BIN`, or a build of the workspace's own.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(path) = std::env::var_os("SCANGAP_BIN") {
            return path.into();
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built =
            Command::new(cargo).args(["build", "--quiet", "--package", "scangap"]).status().expect("cargo runs");
        assert!(built.success(), "the binary does not build");
        let tests = std::env::current_exe().expect("a path");
        tests.parent().and_then(Path::parent).expect("target/debug").join("scangap")
    })
}

/// A call of the binary: no variable of the caller's, a home of its own, and no way to the metadata service.
#[derive(Debug)]
pub struct Scangap {
    command: Command,
    home: TempDir,
}

/// How a call ended.
#[derive(Debug)]
pub struct Finished {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    /// The working directory and home of the call.
    pub home: TempDir,
}

/// A row of a CSV by column name.
pub type Row = BTreeMap<String, String>;

/// An audit and its folder.
#[derive(Debug)]
pub struct Audited {
    pub finished: Finished,
    pub out: PathBuf,
}

impl Scangap {
    pub fn new(arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(program());
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(home.path())
            .stdin(Stdio::null());
        Self { command, home }
    }

    /// `audit` of a simulated organization, called from its management account.
    pub fn audit(simulator: &Simulator) -> Self {
        Self::audit_at(&simulator.url(), &Simulator::access_key("111111111111"))
    }

    /// `audit` of whatever serves at a URL.
    pub fn audit_at(url: &str, access_key: &str) -> Self {
        Self::audit_as_of("2026-11-23T09:00:00Z", url, access_key)
    }

    pub fn audit_as_of(as_of: &str, url: &str, access_key: &str) -> Self {
        let mut call = Self::new(&["audit", "--endpoint-url", url, "--as-of", as_of]);
        call.command
            .env("AWS_ACCESS_KEY_ID", access_key)
            .env("AWS_SECRET_ACCESS_KEY", "simulated")
            .env("AWS_REGION", "us-east-1");
        call
    }

    #[must_use]
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    #[must_use]
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs it with this on its standard input.
    pub fn run_with(self, input: &str) -> Finished {
        self.run_with_bytes(input.as_bytes())
    }

    pub fn run_with_bytes(mut self, input: &[u8]) -> Finished {
        let file = self.home.path().join(".stdin");
        fs_err::write(&file, input).expect("a file");
        self.command.stdin(std::fs::File::open(&file).expect("the file"));
        self.run()
    }

    /// Runs it where no file may grow beyond so many kilobytes, which fails a write in the middle as a full disk does.
    #[must_use]
    pub fn with_file_limit(self, kilobytes: u32) -> Self {
        // The signal that comes with the error would end the process before it can say what happened.
        self.after(&format!("trap '' XFSZ; ulimit -f {kilobytes}"))
    }

    /// Runs it where so many files may be open: by the soft limit, which it may raise to the hard one, or by both.
    #[must_use]
    pub fn with_open_files(self, soft: u32, hard: u32) -> Self {
        self.after(&format!("ulimit -Sn {soft} && ulimit -Hn {hard}"))
    }

    /// Runs it in a shell that has run these commands.
    fn after(self, commands: &str) -> Self {
        let mut limited = Command::new("bash");
        limited.arg("-c").arg(format!("{commands}; exec \"$0\" \"$@\""));
        limited.arg(self.command.get_program()).args(self.command.get_args()).env_clear();
        for (name, value) in self.command.get_envs() {
            limited.env(name, value.unwrap_or_default());
        }
        limited.current_dir(self.home.path()).stdin(Stdio::null());
        Self { command: limited, home: self.home }
    }

    /// Runs it under a pseudo-terminal, through a Python program that gets the answers to type and the words of the command.
    pub fn run_in_terminal(self, program: &str, answers: &str) -> String {
        let mut python = Command::new(crate::venv_program("python"));
        python
            .arg("-c")
            .arg(program)
            .arg(answers)
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .env_clear();
        for (name, value) in self.command.get_envs() {
            python.env(name, value.unwrap_or_default());
        }
        let output = python.current_dir(self.home.path()).output().expect("python runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn run(mut self) -> Finished {
        let output = self.command.output().expect("the binary runs");
        Finished {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            home: self.home,
        }
    }

    /// Runs an audit into `out` below its home, and checks what holds for every audit.
    pub fn into_folder(self) -> Audited {
        let out = self.home().join("out");
        let finished = self.args(&["--out", &out.to_string_lossy()]).run();
        Audited { finished, out }
    }

    /// Starts the binary without waiting for it, with a pipe for standard input.
    pub fn spawn_with_pipes(mut self) -> (std::process::Child, TempDir) {
        self.command.stdin(Stdio::piped());
        self.spawn()
    }

    /// Starts the binary without waiting for it; what it says goes nowhere, so that no pipe can fill.
    pub fn spawn_silent(mut self) -> (std::process::Child, TempDir) {
        let child = self.command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs");
        (child, self.home)
    }

    pub fn spawn(mut self) -> (std::process::Child, TempDir) {
        let child = self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        (child, self.home)
    }
}

impl Audited {
    /// Fails with everything the audit said unless it ended so.
    #[must_use]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.finished.code, code, "stdout:\n{}\nstderr:\n{}", self.finished.stdout, self.finished.stderr);
        self
    }

    pub fn csv(&self, file: &str) -> Vec<Row> {
        let path = self.out.join(file);
        let mut reader = csv::Reader::from_path(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        reader.deserialize().collect::<Result<_, _>>().expect("every row is complete")
    }

    pub fn repository(&self, name: &str) -> Row {
        self.csv("repositories.csv")
            .into_iter()
            .find(|row| row["repository"] == name)
            .unwrap_or_else(|| panic!("no row for {name}\n{}{}", self.finished.stdout, self.finished.stderr))
    }

    pub fn diagnosis(&self, repository: &str) -> String {
        self.repository(repository)["diagnosis"].clone()
    }

    /// `operation kind` of every gap, sorted.
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps: Vec<String> =
            self.csv("gaps.csv").iter().map(|row| format!("{} {}", row["api"], row["kind"])).collect();
        gaps.sort();
        gaps
    }

    pub fn json(&self, file: &str) -> serde_json::Value {
        let text = fs_err::read_to_string(self.out.join(file)).expect("the file is there");
        serde_json::from_str(&text).expect("it is JSON")
    }

    pub fn bytes(&self, file: &str) -> Vec<u8> {
        fs_err::read(self.out.join(file)).expect("the file is there")
    }
}
