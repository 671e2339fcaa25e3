//! The gate on files as teams have them: each case is its files, its arguments, and the right answer.

use std::path::Path;

use scangap_tests::{Finished, Scangap};
use serde_json::Value;

/// Files with what the gate is to say of them.
struct Case {
    name: String,
    files: Vec<(String, String)>,
    arguments: Vec<String>,
    exit: i32,
    finds: Vec<String>,
}

fn cases() -> Vec<Case> {
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

    fn run(&self, more: &[&str]) -> (tempfile::TempDir, Finished) {
        let folder = tempfile::tempdir().expect("a folder");
        self.write(folder.path());
        let arguments = self.arguments.iter().map(String::as_str);
        let arguments: Vec<&str> = ["gate"].into_iter().chain(arguments).chain(more.iter().copied()).collect();
        let finished = Scangap::new(&arguments).in_folder(folder.path()).run();
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
    let mut all: Vec<String> = findings.chain(problems).chain(notes).collect();
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
