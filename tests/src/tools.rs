//! Programs of others: Python's emulators and the aws CLI, from a virtual environment that `cargo xtask test-tools`
//! makes.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How much is tested, where a variable says so.
pub fn knob(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// `SCANGAP_TEST_VENV`, or the one below the target folder.
fn venv() -> PathBuf {
    if let Some(path) = std::env::var_os("SCANGAP_TEST_VENV") {
        return path.into();
    }
    target().join("test-tools")
}

fn target() -> PathBuf {
    let tests = std::env::current_exe().expect("a path");
    tests.ancestors().nth(3).expect("the target folder").to_owned()
}

/// The path that programs are looked for on, with a folder before it.
pub fn search_path(first: &Path) -> String {
    format!("{}:{}", first.display(), std::env::var("PATH").unwrap_or_default())
}

pub fn venv_program(name: &str) -> PathBuf {
    let path = venv().join("bin").join(name);
    assert!(path.exists(), "{} is missing: `cargo xtask test-tools` installs it", path.display());
    path
}

/// The aws CLI, served by one Python process for all calls of this program: each is a fork of it, with the caller's arguments,
/// environment, folder and streams. The path is of a small client that is called as `aws`.
pub fn aws_program() -> &'static Path {
    static AWS: OnceLock<AwsServer> = OnceLock::new();
    &AWS.get_or_init(AwsServer::start).client
}

/// Ends with this process: its standard input is then closed.
struct AwsServer {
    client: PathBuf,
    /// Held, not read.
    _folder: tempfile::TempDir,
    _child: Child,
}

impl AwsServer {
    fn start() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let (socket, client) = (folder.path().join("socket"), folder.path().join("aws"));
        let mut child = Command::new(venv_program("python"))
            .args(["-c", include_str!("../tools/aws_server.py")])
            .arg(&socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let mut ready = String::new();
        BufReader::new(child.stdout.take().expect("standard output")).read_line(&mut ready).expect("a line");
        assert_eq!(ready, "ready\n", "the aws CLI is served");
        let python = fs_err::canonicalize(venv_program("python")).expect("the interpreter");
        let text = include_str!("../tools/aws_client.py").replace("@SOCKET@", &socket.to_string_lossy());
        fs_err::write(&client, format!("#!{} -SE\n{text}", python.display())).expect("a file");
        fs_err::set_permissions(&client, PermissionsExt::from_mode(0o755)).expect("a mode");
        Self { client, _folder: folder, _child: child }
    }
}

/// Synthesizes the application of `tests/tools/cdk` into a folder.
pub fn synthesize(into: &Path) {
    let program = node_program("SCANGAP_TEST_CDK", "test-tools-cdk", "synth.mjs");
    let output = Command::new("node").arg(program).arg(into).output().expect("node runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A program of `tests/tools` for Node, where its packages were installed: a variable says where, or it is below the target folder.
fn node_program(variable: &str, folder: &str, program: &str) -> PathBuf {
    let folder = std::env::var_os(variable).map_or_else(|| target().join(folder), PathBuf::from);
    let path = folder.join(program);
    assert!(path.exists(), "{} is missing: `cargo xtask test-tools` installs it", path.display());
    path
}

/// Runs a program of `tests/tools/iam-simulate` with lines on its standard input; its output.
pub fn node(program: &str, input: &str) -> String {
    run_node(&node_program("SCANGAP_TEST_NODE", "test-tools-node", program), input)
}

/// Gives an independent age commands, one a line; its output.
pub fn age(commands: &str) -> String {
    run_node(&node_program("SCANGAP_TEST_AGE", "test-tools-age", "age.mjs"), commands)
}

fn run_node(path: &Path, input: &str) -> String {
    let mut child = Command::new("node")
        .arg(path)
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node runs");
    let mut stdin = child.stdin.take().expect("standard input");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("node ends");
    assert!(output.status.success(), "{} ended with {}", path.display(), output.status);
    writer.join().expect("no panic").expect("node reads its input");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Drives a page in Chromium through one of the checks of `tests/tools/browser/drive.mjs`; what it printed, or a failure
/// with everything that it said.
pub fn browser(check: &str, page: &std::path::Path, more: &str) -> String {
    let driver = node_program("SCANGAP_TEST_DRIVER", "test-tools-browser", "drive.mjs");
    let chromium = std::env::var_os("CHROMIUM").unwrap_or_else(|| "/usr/bin/chromium".into());
    let output = Command::new("node")
        .arg(driver)
        .args([check.as_ref(), page.as_os_str(), more.as_ref()])
        .env("CHROMIUM", chromium)
        .output()
        .expect("node runs");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{check}:\n{}{}", said(&output.stdout), said(&output.stderr));
    said(&output.stdout)
}

/// Fails early and clearly where the tools are not installed.
pub fn requires_tools() {
    venv_program("python");
}

/// Runs a Python program with arguments; its output, or a failure with everything it said.
pub fn python(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(venv_program("python"))
        .arg("-c")
        .arg(program)
        .args(arguments)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .expect("python runs");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A third-party server on a free port, stopped when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// `arguments` may hold `{port}`.
    pub fn start(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
        let fill = |text: &str| text.replace("{port}", &port.to_string());
        let mut child = Command::new(venv_program(program))
            .args(arguments.iter().map(|argument| fill(argument)))
            .envs(environment.iter().map(|(name, value)| (*name, fill(value))))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let deadline = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Ok(Some(status)) = child.try_wait() {
                let said: Vec<String> =
                    BufReader::new(child.stderr.take().expect("stderr")).lines().map_while(Result::ok).collect();
                panic!("{program} ended with {status}: {}", said.join("\n"));
            }
            assert!(Instant::now() < deadline, "{program} does not listen on {port}");
            std::thread::sleep(Duration::from_millis(50));
        }
        // Nobody reads its log; let it be written and thrown away.
        if let Some(stderr) = child.stderr.take() {
            std::thread::spawn(move || BufReader::new(stderr).lines().map_while(Result::ok).for_each(drop));
        }
        Self { child, port }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
