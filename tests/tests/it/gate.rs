//! The gate on files as teams have them: each case is its files, its arguments, and the right answer.

use std::path::Path;

use scangap_tests::{Finished, Scangap};
use serde_json::Value;

/// Files with what the gate is to say of them.
pub(crate) struct Case {
    pub(crate) name: String,
    files: Vec<(String, String)>,
    arguments: Vec<String>,
    pub(crate) exit: i32,
    finds: Vec<String>,
}

pub(crate) fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/gate");
    let entries = fs_err::read_dir(folder).expect("the cases").map(|entry| entry.expect("a file").path());
    let mut cases: Vec<Case> = entries.map(|path| case(&path)).collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

fn case(path: &Path) -> Case {
    let text = fs_err::read_to_string(path).expect("a case");
    let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
    let mut case = Case { name, files: Vec::new(), arguments: Vec::new(), exit: 0, finds: Vec::new() };
    for line in text.split_inclusive('\n') {
        if let Some(file) = line.strip_prefix("--- ") {
            case.files.push((file.trim_end().to_owned(), String::new()));
        } else if let Some((_, file)) = case.files.last_mut() {
            file.push_str(line);
        } else if let Some(arguments) = line.strip_prefix("args: ") {
            case.arguments = arguments.split_whitespace().map(str::to_owned).collect();
        } else if let Some(exit) = line.strip_prefix("exit: ") {
            case.exit = exit.trim().parse().expect("a code");
        } else if let Some(found) = line.strip_prefix("finds: ") {
            case.finds.push(found.trim_end().to_owned());
        } else {
            assert!(line.starts_with("# "), "{}: {line}", case.name);
        }
    }
    case
}

impl Case {
    fn write(&self, folder: &Path) {
        for (name, text) in &self.files {
            let path = folder.join(name);
            fs_err::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs_err::write(path, text).expect("a file");
        }
    }

    /// With its files as they are now.
    pub(crate) fn again(&self, folder: &tempfile::TempDir, more: &[&str]) -> Finished {
        let arguments = self.arguments.iter().map(String::as_str);
        let arguments: Vec<&str> = ["gate"].into_iter().chain(arguments).chain(more.iter().copied()).collect();
        Scangap::new(&arguments).in_folder(folder.path()).run()
    }

    pub(crate) fn run(&self, more: &[&str]) -> (tempfile::TempDir, Finished) {
        let folder = tempfile::tempdir().expect("a folder");
        self.write(folder.path());
        let finished = self.again(&folder, more);
        (folder, finished)
    }
}

/// What a report finds, a line each.
fn found(report: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = report["findings"].as_array().expect("findings").iter().map(|finding| {
        let excepted = if finding["excepted"].is_null() { "" } else { "excepted " };
        let line = format!(
            "{excepted}{} {}:{} {}",
            text(&finding["code"]),
            text(&finding["file"]),
            finding["start"]["line"],
            text(&finding["address"])
        );
        line.trim_end().to_owned()
    });
    let problems = report["problems"].as_array().expect("problems").iter();
    let problems = problems.map(|problem| format!("not read {}:{}", text(&problem["file"]), problem["line"]));
    let notes = report["exceptions_without_effect"].as_array().expect("notes").iter();
    let notes = notes.map(|note| format!("note {}: {}", text(&note["source"]), text(&note["what"])));
    let unrecognized = report["unrecognized"].as_array().expect("files").iter();
    let unrecognized = unrecognized.map(|file| format!("unrecognized {}", text(file)));
    let mut all: Vec<String> = findings.chain(problems).chain(notes).chain(unrecognized).collect();
    all.sort();
    all
}

// Holds: 16 Reads: every form that teams have is judged as it would be deployed, and what is not known is never passed in silence
#[test]
fn every_case_is_judged_right() {
    let cases = cases();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let (_folder, call) = case.run(&["--output", "json"]);
        let report: Value = serde_json::from_str(&call.stdout).unwrap_or(Value::Null);
        if report.is_null() {
            wrong.push(format!("{}: exit {}: {}{}", case.name, call.code, call.stdout, call.stderr));
            continue;
        }
        let (found, mut expected) = (found(&report), case.finds.clone());
        expected.sort();
        if (call.code, &found) != (case.exit, &expected) {
            wrong.push(format!(
                "{}: exit {}, not {}\n  {found:#?}\n  not {expected:#?}",
                case.name, call.code, case.exit
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

// Holds: 16 Reads: what the cases give is what the tools of others take for Terraform and CloudFormation
#[test]
fn others_read_the_cases_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut templates, mut modules) = (Vec::new(), Vec::new());
    for case in cases() {
        for (at, (name, text)) in case.files.iter().enumerate() {
            let path = folder.path().join(format!("{}-{at}-{}", case.name, name.replace('/', "-")));
            let is_template = case.name.starts_with("cfn-") || case.name.starts_with("cdk-");
            if is_template && text.contains("AWS::ECR::") {
                templates.push(path.clone());
            } else if Path::new(name).extension().is_some_and(|extension| extension == "tf") && case.exit != 65 {
                modules.push(path.clone());
            }
            fs_err::write(path, text).expect("a file");
        }
    }
    assert!(templates.len() > 10 && modules.len() > 25, "{} and {}", templates.len(), modules.len());
    let done = std::process::Command::new(scangap_tests::venv_program("cfn-lint"))
        .args(["--non-zero-exit-code", "error", "--"])
        .args(&templates)
        .output()
        .expect("it runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    let modules: Vec<String> = modules.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
    scangap_tests::python(
        "import sys, hcl2\nfor name in sys.argv[1:]:\n    assert hcl2.load(open(name)), name",
        &modules,
    );
}

// Holds: 16 Must be shown: a file that is hostile is one clear error, and stops nothing else
#[test]
fn hostile_files_stop_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| fs_err::write(folder.path().join(name), bytes).expect("a file");
    write("policy.json", crate::journey::BEFORE.as_bytes());
    write("latin.yaml", b"# AWS::ECR:: caf\xe9\n");
    write("binary.json", b"\x00\xff\x00\xff not text, and nothing of ECR");
    let utf16: Vec<u8> =
        [0xFF, 0xFE].into_iter().chain(crate::journey::BEFORE.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    write("utf16.json", &utf16);
    let huge = fs_err::File::create(folder.path().join("huge.json")).expect("a file");
    huge.set_len(300 * 1024 * 1024).expect("a length");
    std::os::unix::fs::symlink(folder.path(), folder.path().join("round")).expect("a link");
    let call = Scangap::new(&["gate", "--account", "111122223333", "--output", "json"]).in_folder(folder.path()).run();
    assert_eq!(call.code, 65, "{}", call.stderr);
    let report: Value = serde_json::from_str(&call.stdout).expect("JSON");
    let blocked: Vec<&str> =
        report["findings"].as_array().expect("findings").iter().filter_map(|one| one["file"].as_str()).collect();
    assert_eq!(blocked, ["policy.json", "utf16.json"], "each once");
    let problems: Vec<(&str, &str)> = report["problems"]
        .as_array()
        .expect("problems")
        .iter()
        .filter_map(|one| Some((one["file"].as_str()?, one["message"].as_str()?)))
        .collect();
    let expected = [("huge.json", "it is larger than any template or plan"), ("latin.yaml", "the file is not UTF-8")];
    assert_eq!(problems, expected);
    for wrong in [
        &["gate", "--fail-on", "blokced"][..],
        &["gate", "--write-baseline", "x", "--reason", "y", "--until", "2020-01-01"],
    ] {
        let call = Scangap::new(wrong).in_folder(folder.path()).run();
        assert_eq!(call.code, 64, "{wrong:?} {}", call.stderr);
    }
    let stdin = Scangap::new(&["gate", "-", "--account", "111122223333"]).run_with(crate::journey::BEFORE);
    assert_eq!(stdin.code, 2, "{}{}", stdin.stdout, stdin.stderr);
}

// Holds: 16 Reads: links to files are read as Terraform reads them, and one that leads nowhere is named
#[test]
fn links_to_files_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(path(to), path(name)).expect("a link");
    fs_err::write(path("text"), crate::journey::BEFORE).expect("a file");
    link("text", "policy.json");
    let gate = || {
        let call =
            Scangap::new(&["gate", "--account", "111122223333", "--output", "json"]).in_folder(folder.path()).run();
        let report: Value = serde_json::from_str(&call.stdout).expect("JSON");
        (call.code, report)
    };
    let (code, report) = gate();
    assert_eq!((code, report["findings"][0]["file"].as_str()), (2, Some("policy.json")), "{report}");
    fs_err::remove_file(path("policy.json")).expect("a link");
    link("nowhere", "main.tf");
    let (code, report) = gate();
    assert_eq!((code, report["problems"][0]["file"].as_str()), (65, Some("main.tf")), "{report}");
    // Beside a module it is said once, and what an editor leaves there is no file of Terraform's.
    fs_err::write(path("other.tf"), "").expect("a file");
    link("user@host.123", ".#other.tf");
    let (_, report) = gate();
    assert_eq!(report["problems"].as_array().map(Vec::len), Some(1), "{report}");
    // GitHub's summary does not say that all is well.
    let summary = path("summary.md").to_string_lossy().into_owned();
    let call =
        Scangap::new(&["gate", "--output", "github"]).in_folder(folder.path()).env("GITHUB_STEP_SUMMARY", &summary);
    assert_eq!(call.run().code, 65);
    let summary = fs_err::read_to_string(path("summary.md")).expect("the summary");
    assert!(summary.contains("1 file not read") && !summary.contains("keeps Inspector out"), "{summary}");
}

// Holds: 16 Must be shown: from a repository with a plan to a failing check with the repair shown, which repairs it
#[test]
fn the_example_fails_and_is_repaired_by_what_is_shown() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/gate/example");
    let folder = tempfile::tempdir().expect("a folder");
    let main = folder.path().join("main.tf");
    fs_err::copy(example.join("infra/main.tf"), &main).expect("a copy");
    fs_err::copy(example.join("tfplan.json"), folder.path().join("tfplan.json")).expect("a copy");
    let gate = |paths: &[&str]| Scangap::new(&[&["gate"], paths].concat()).in_folder(folder.path()).run();
    let open = gate(&["main.tf"]);
    assert_eq!(open.code, 4, "{}", open.stdout);
    assert!(open.stdout.contains("depends on") && open.stdout.contains("var.office"), "{}", open.stdout);
    let planned = gate(&["."]);
    assert_eq!(planned.code, 2, "{}", planned.stdout);
    assert!(planned.stdout.contains("blocked: main.tf:"), "{}", planned.stdout);
    let repair =
        planned.stdout.lines().map(str::trim).find(|line| line.starts_with("ArnNotEquals = ")).expect("the repair");
    let condition = "NotIpAddress = { \"aws:SourceIp\" = var.office }\n";
    let text = fs_err::read_to_string(&main).expect("a file");
    assert!(text.contains(condition));
    let sources = "data \"aws_partition\" \"current\" {}\ndata \"aws_caller_identity\" \"current\" {}\n";
    let repaired = format!("{}{sources}", text.replace(condition, &format!("{condition}          {repair}\n")));
    fs_err::write(&main, repaired).expect("a file");
    let passes = gate(&["main.tf"]);
    assert_eq!(passes.code, 0, "{}", passes.stdout);
}

// Holds: 16 Judges: what makes the difference is named, and nothing else
#[test]
fn only_what_makes_the_difference_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = r#"resource "aws_ecr_repository_policy" "app" {
  repository = "x"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Principal = "*", Action = "ecr:*", Condition = { Bool = { "aws:SecureTransport" = var.transport } } },
      { Effect = "Deny", Principal = "*", Action = "ecr:*", Condition = { ArnNotEquals = { "aws:PrincipalArn" = var.role } } },
    ]
  })
}
"#;
    fs_err::write(folder.path().join("main.tf"), text).expect("a file");
    let call = Scangap::new(&["gate", "--account", "111122223333"]).in_folder(folder.path()).run();
    assert_eq!(call.code, 4, "{}", call.stdout);
    assert!(call.stdout.contains("keeps Inspector out depends on var.role ("), "{}", call.stdout);
}
