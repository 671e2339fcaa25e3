//! The gate where it runs: the action's script, the hook in pre-commit itself, the files for GitHub and GitLab by their published schemas.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use scangap_tests::{Scangap, program, search_path, synthesize, venv_program};
use serde_json::Value;

use crate::journey::BEFORE;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{command:?}\n{}", said(&output));
    said(&output)
}

/// The block of YAML on a page.
fn block(page: &str) -> String {
    let text = fs_err::read_to_string(root().join(page)).expect("the page");
    let (_, after) = text.split_once("```yaml\n").expect("a block");
    after.split_once("```").expect("its end").0.to_owned()
}

// Holds: 16 Runs: the action, the workflow, the job and the hook are valid by the published schemas, and the pages say the same
#[test]
fn what_is_copied_is_valid() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = |name: &str, page: &str| {
        let path = folder.path().join(name);
        fs_err::write(&path, block(page)).expect("a file");
        path
    };
    let workflow = page("workflow.yml", "docs/gate-github.md");
    let job = page("job.yml", "docs/gate-gitlab.md");
    let checked = [
        ("vendor.github-actions", root().join("action.yml")),
        ("vendor.github-workflows", workflow),
        ("vendor.gitlab-ci", root().join("deploy/gate/example/.gitlab-ci.yml")),
        ("vendor.gitlab-ci", job.clone()),
    ];
    for (schema, file) in checked {
        succeeds(Command::new(venv_program("check-jsonschema")).args(["--builtin-schema", schema]).arg(file));
    }
    let of_file = fs_err::read_to_string(root().join("deploy/gate/example/.gitlab-ci.yml")).expect("a file");
    let without_comment: String =
        of_file.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    assert_eq!(without_comment, fs_err::read_to_string(job).expect("a file"));
    // The repository to copy has the same files as the pages.
    for (copied, page) in [
        (".github/workflows/ecr-policies.yml", "docs/gate-github.md"),
        (".pre-commit-config.yaml", "docs/gate-pre-commit.md"),
    ] {
        let copied = fs_err::read_to_string(root().join("deploy/gate/example").join(copied)).expect("a file");
        assert_eq!(copied, block(page), "{page}");
    }
    let manifest = root().join(".pre-commit-hooks.yaml");
    succeeds(Command::new(venv_program("pre-commit")).args(["validate-manifest"]).arg(manifest));
    let config = page("config.yaml", "docs/gate-pre-commit.md");
    succeeds(Command::new(venv_program("pre-commit")).args(["validate-config"]).arg(config));
    succeeds(Command::new(venv_program("shellcheck")).arg(root().join("deploy/gate/action.sh")));
}

/// A folder with `scangap` to put on the path.
fn bin(folder: &Path) -> PathBuf {
    let bin = folder.join("bin");
    fs_err::create_dir_all(&bin).expect("a folder");
    std::os::unix::fs::symlink(program(), bin.join("scangap")).expect("a link");
    bin
}

// Holds: 16 Runs: the action marks the lines, writes SARIF and its outputs also where the check fails, and takes inputs as they are
#[test]
fn the_action_says_what_it_found_and_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let bin = bin(folder.path());
    fs_err::create_dir_all(folder.path().join("a b")).expect("a folder");
    fs_err::write(folder.path().join("a b/policy.json"), BEFORE).expect("a file");
    let run = |paths: &str, account: &str| {
        let output = folder.path().join("output");
        fs_err::write(&output, "").expect("a file");
        let done = Command::new("bash")
            .arg(root().join("deploy/gate/action.sh"))
            .current_dir(folder.path())
            .env("PATH", search_path(&bin))
            .env("GITHUB_OUTPUT", &output)
            .env("GITHUB_STEP_SUMMARY", folder.path().join("summary.md"))
            .env("GATE_PATHS", paths)
            .env("GATE_ACCOUNT", account)
            .env("GATE_SARIF", "out.sarif")
            .output()
            .expect("it runs");
        (done.status.code(), said(&done), fs_err::read_to_string(output).expect("outputs"))
    };
    let (code, text, outputs) = run("a b/policy.json\n", "111122223333");
    assert_eq!(code, Some(2), "{text}");
    assert!(text.starts_with("::error file=a b/policy.json,line="), "{text}");
    assert_eq!(outputs, "sarif=out.sarif\nexit-code=2\n");
    assert!(folder.path().join("out.sarif").is_file() && folder.path().join("summary.md").is_file());
    // An input is a value, and no more.
    let (code, text, _) = run("$(touch pwned)\n--write-baseline\n", "111122223333");
    assert_eq!(code, Some(65), "{text}");
    assert!(!folder.path().join("pwned").exists());
}

// Holds: 16 Runs: the hook stops a commit with a policy that keeps Inspector out, and passes over files that deploy none
#[test]
fn the_hook_stops_a_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    let bin = bin(folder.path());
    let git = |place: &Path, arguments: &[&str]| {
        succeeds(
            Command::new("git")
                .args(["-c", "user.name=x", "-c", "user.email=x@example.invalid", "-c", "init.defaultBranch=main"])
                .args(arguments)
                .current_dir(place),
        )
    };
    let (hooks, team) = (folder.path().join("hooks"), folder.path().join("team"));
    for place in [&hooks, &team] {
        fs_err::create_dir_all(place).expect("a folder");
        git(place, &["init", "--quiet"]);
    }
    fs_err::copy(root().join(".pre-commit-hooks.yaml"), hooks.join(".pre-commit-hooks.yaml")).expect("a copy");
    git(&hooks, &["add", "-A"]);
    git(&hooks, &["commit", "--quiet", "-m", "hooks"]);
    let revision = git(&hooks, &["rev-parse", "HEAD"]);
    let config = format!(
        "repos:\n  - repo: {}\n    rev: {}\n    hooks:\n      - id: scangap-gate\n        args: [\"--account\", \"111122223333\"]\n",
        hooks.display(),
        revision.trim()
    );
    fs_err::write(team.join(".pre-commit-config.yaml"), config).expect("a file");
    fs_err::write(team.join("package.json"), "{\"name\": \"x\"}").expect("a file");
    let hook = || {
        git(&team, &["add", "-A"]);
        Command::new(venv_program("pre-commit"))
            .args(["run", "--all-files", "--verbose"])
            .current_dir(&team)
            .env("PATH", search_path(&bin))
            .env("PRE_COMMIT_HOME", folder.path().join("cache"))
            .output()
            .expect("it runs")
    };
    let passes = hook();
    assert!(passes.status.success(), "{}", said(&passes));
    fs_err::write(team.join("policy.json"), BEFORE).expect("a file");
    let stops = hook();
    assert!(!stops.status.success() && said(&stops).contains("blocked: policy.json:"), "{}", said(&stops));
}

// Holds: 16 Reads: what the AWS CDK itself synthesizes is judged, by stack, with its intrinsic functions and its manifest
#[test]
fn what_the_cdk_synthesizes_is_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    synthesize(&folder.path().join("cdk.out"));
    let judged = |arguments: &[&str]| {
        let arguments: Vec<&str> = ["gate", "cdk.out", "--output", "json"].iter().chain(arguments).copied().collect();
        let call = Scangap::new(&arguments).in_folder(folder.path()).run();
        let report: Value = serde_json::from_str(&call.stdout).expect("JSON");
        let findings = report["findings"].as_array().expect("findings").iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        // The CDK puts a hash behind the names that it makes.
        let name =
            |address: &str| address.trim_end_matches(|c: char| c.is_ascii_hexdigit() && !c.is_lowercase()).to_owned();
        let of = |finding: &Value| {
            let file = text(&finding["file"]);
            let stack = file.trim_start_matches("cdk.out/").trim_end_matches(".template.json").to_owned();
            format!("{} {stack} {}", text(&finding["code"]), name(&text(&finding["address"])))
        };
        let found: Vec<String> = findings.map(of).collect();
        assert_eq!(report["unrecognized"], serde_json::json!([]), "the CDK's own files are known");
        (found, report["policies_judged"].clone())
    };
    let (found, judged_policies) = judged(&["--fail-on", "any"]);
    // A role of the stack itself is never Inspector's; the role of whichever account the stack is deployed to is.
    let expected = [
        "blocked Anywhere Resources.Blocked",
        "blocked Anywhere Resources.ExemptsItsOwnRole",
        "blocked Here Resources.Template",
        "basic_scanning Here Resources.Basic",
    ];
    assert_eq!(found, expected);
    assert_eq!(judged_policies, 5);
}
