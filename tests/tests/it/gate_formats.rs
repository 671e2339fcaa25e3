//! What the gate writes for other programs, read by programs of others.

use std::path::Path;

use scangap_tests::{Finished, Scangap, python, venv_program};
use serde_json::Value;

/// A folder with something of everything: a heredoc that is blocked, one that is excepted, a variable, a mistake, names that act elsewhere, and
/// a file that is broken.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs_err::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs_err::write(path, text).expect("a file");
    };
    let policy = |sid: &str| {
        format!(
            "{{\n  \"Statement\": [{{\"Sid\": \"{sid}\", \"Effect\": \"Deny\", \"Principal\": \"*\", \"Action\": \"ecr:*\", \"Condition\": {{\"NotIpAddress\": {{\"aws:SourceIp\": \"203.0.113.10/32\"}}}}}}]\n}}\n"
        )
    };
    write("a b/50%,:policy.json", &policy("]]><b>::error::``` | \\u001b[31m"));
    let resource = |name: &str, policy: &str| {
        format!(
            "resource \"aws_ecr_repository_policy\" \"{name}\" {{\n  repository = \"x\"\n  policy     = {policy}\n}}\n"
        )
    };
    let heredoc = format!("<<EOT\n{}EOT", policy("Office"));
    let excepted = format!("# scangap:ignore blocked a mirror until 2027-01-31\n{}", resource("excepted", &heredoc));
    write(
        "infra/main.tf",
        &format!("{}\n\n\n\n\n{excepted}\n{}", resource("app", &heredoc), resource("open", "var.policy")),
    );
    write("public.json", r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}}"#);
    write("broken.json", "{\"aws_ecr_\": ");
    folder
}

fn gate(folder: &Path, arguments: &[&str]) -> Finished {
    let all: Vec<&str> = ["gate", "--account", "111122223333", "--as-of", "2026-11-30T00:00:00Z"]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    Scangap::new(&all).in_folder(folder).run()
}

fn saved(form: &str) -> (tempfile::TempDir, String) {
    let folder = folder();
    let call = gate(folder.path(), &["--save", &format!("{form}=out.{form}")]);
    assert_eq!(call.code, 65, "{}{}", call.stdout, call.stderr);
    let path = folder.path().join(format!("out.{form}")).to_string_lossy().into_owned();
    (folder, path)
}

// Holds: 16 Reports: SARIF is valid by the published schema and read by an independent reader, with places, fingerprints, fixes and suppressions
#[test]
fn sarif_is_valid_and_read_by_others() {
    let (_folder, path) = saved("sarif");
    let schema = venv_program("python")
        .parent()
        .and_then(Path::parent)
        .expect("the tools")
        .join("share/sarif-schema-2.1.0.json");
    python(SARIF, &[&path, &schema.to_string_lossy()]);
}

const SARIF: &str = r#"
import json, sys
import jsonschema
from sarif_pydantic import Sarif
text = open(sys.argv[1], encoding="utf-8").read()
document = json.loads(text)
jsonschema.Draft7Validator(json.load(open(sys.argv[2]))).validate(document)
(run,) = Sarif.model_validate_json(text).runs
results = {(r.rule_id, r.locations[0].physical_location.artifact_location.uri): r for r in run.results}
rules = [rule.id for rule in run.tool.driver.rules]
assert all(rules[r.rule_index] == r.rule_id for r in run.results)
assert len(rules) == len(set(rules)) and all(rule.help.text for rule in run.tool.driver.rules)
(hostile,) = [r for r in run.results if "50%25" in r.locations[0].physical_location.artifact_location.uri]
assert hostile.locations[0].physical_location.artifact_location.uri == "a%20b/50%25,%3Apolicy.json"
# The one that is the policy itself can be replaced, and then it is repaired.
(fix,) = document["runs"][0]["results"][[r is hostile for r in run.results].index(True)]["fixes"]
(replacement,) = fix["artifactChanges"][0]["replacements"]
assert "AWSServiceRoleForAmazonInspector2" in replacement["insertedContent"]["text"]
assert replacement["deletedRegion"]["startLine"] == 1
of_file = [r for r in run.results if r.locations[0].physical_location.artifact_location.uri == "infra/main.tf"]
lines = {r.locations[0].logical_locations[0].fully_qualified_name: r.locations[0].physical_location.region.start_line for r in of_file}
assert lines == {"aws_ecr_repository_policy.app": 5, "aws_ecr_repository_policy.excepted": 19, "aws_ecr_repository_policy.open": 26}, lines
suppressed = {r["ruleId"]: r["suppressions"] for r in document["runs"][0]["results"] if "suppressions" in r}
assert suppressed == {"blocked": [{"kind": "inSource", "status": "accepted", "justification": "a mirror (until 2027-01-31, a comment in infra/main.tf, line 14)"}]}, suppressed
prints = [r.partial_fingerprints["scangap/v1"] for r in run.results]
assert len(prints) == len(set(prints))
(invocation,) = document["runs"][0]["invocations"]
assert not invocation["executionSuccessful"] and "broken.json" in json.dumps(invocation["toolExecutionNotifications"])
assert "\x1b" not in text
"#;

// Holds: 16 Reports: fingerprints survive moved lines
#[test]
fn fingerprints_survive_moved_lines() {
    let folder = folder();
    let prints = || -> Vec<String> {
        let report: Value = serde_json::from_str(&gate(folder.path(), &["--output", "json"]).stdout).expect("JSON");
        let of = |finding: &Value| finding["fingerprint"].as_str().map(str::to_owned);
        report["findings"].as_array().expect("findings").iter().filter_map(of).collect()
    };
    let before = prints();
    let path = folder.path().join("infra/main.tf");
    let text = fs_err::read_to_string(&path).expect("a file");
    fs_err::write(&path, format!("# moved\n\n\n{text}")).expect("a file");
    assert_eq!(prints(), before);
}

// Holds: 16 Reports: JUnit is read by an independent reader
#[test]
fn junit_is_read_by_others() {
    let (_folder, path) = saved("junit");
    python(JUNIT, &[&path]);
}

const JUNIT: &str = r#"
import sys
from junitparser import JUnitXml, Failure, Error, Skipped
xml = JUnitXml.fromfile(sys.argv[1])
cases = {case.name: case for suite in xml for case in suite}
kinds = {}
for case in cases.values():
    for result in case.result:
        kinds.setdefault(type(result).__name__, []).append(case.classname or case.name)
assert sorted(kinds["Failure"]) == ["a b/50%,:policy.json", "infra/main.tf", "infra/main.tf"], kinds
assert kinds["Skipped"] == ["infra/main.tf"] and len(kinds["Error"]) == 1, kinds
(hostile,) = [case for case in cases.values() if case.classname == "a b/50%,:policy.json"]
assert "]]><b>" in hostile.result[0].text and "\x1b" not in hostile.result[0].text
assert (xml.failures, xml.errors) == (3, 1), (xml.failures, xml.errors)
"#;

// Holds: 16 Reports: annotations and the job summary of GitHub name each finding once, and what files say is no command
#[test]
fn github_is_told_by_commands_that_files_cannot_forge() {
    let folder = folder();
    let summary = folder.path().join("summary.md");
    fs_err::write(&summary, "before\n").expect("a file");
    let all = ["gate", "--account", "111122223333", "--as-of", "2026-11-30T00:00:00Z", "--output", "github"];
    let call = Scangap::new(&all).in_folder(folder.path()).env("GITHUB_STEP_SUMMARY", &summary.to_string_lossy()).run();
    assert_eq!(call.code, 65, "{}", call.stderr);
    let lines: Vec<&str> = call.stdout.lines().collect();
    assert!(lines.iter().all(|line| line.starts_with("::error ") || line.starts_with("::warning ")), "{}", call.stdout);
    assert_eq!(lines.len(), 5, "{}", call.stdout);
    assert!(
        lines[0].starts_with("::error file=a b/50%25%2C%3Apolicy.json,line=2,endLine=2,title=scangap blocked::"),
        "{}",
        lines[0]
    );
    assert!(lines.iter().any(|line| line.starts_with("::error file=infra/main.tf,line=5,")), "{}", call.stdout);
    let text = fs_err::read_to_string(&summary).expect("a summary");
    assert!(text.starts_with("before\n### scangap gate\n"), "{text}");
    assert!(text.contains("ArnNotEquals") && !text.contains('\u{1b}'), "{text}");
    python(
        "import sys, markdown_it\nhtml = markdown_it.MarkdownIt('commonmark', {'html': False}).enable('table').render(open(sys.argv[1]).read())\nassert html.count('<tr>') == 6, html\nassert '<b>' not in html",
        &[&summary.to_string_lossy()],
    );
}

// Holds: 16 Reports: GitLab's code quality report has the members that GitLab reads, and no finding twice
#[test]
fn gitlab_gets_its_code_quality_report() {
    let (_folder, path) = saved("gitlab");
    let text = fs_err::read_to_string(path).expect("a file");
    let rows: Vec<Value> = serde_json::from_str(&text).expect("an array");
    assert_eq!(rows.len(), 5, "{text}");
    let mut prints: Vec<&str> = rows.iter().filter_map(|row| row["fingerprint"].as_str()).collect();
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), rows.len());
    for row in &rows {
        assert!(row["description"].is_string() && row["check_name"].is_string(), "{row}");
        assert!(
            ["info", "minor", "major", "critical", "blocker"].contains(&row["severity"].as_str().unwrap_or("")),
            "{row}"
        );
        assert!(row["location"]["path"].is_string() && row["location"]["lines"]["begin"].is_u64(), "{row}");
    }
}

// Holds: 16 Exceptions: a baseline lets be what was there before, until its day, and names what is gone
#[test]
fn a_baseline_lets_be_what_was_there_before() {
    let folder = folder();
    fs_err::remove_file(folder.path().join("broken.json")).expect("removed");
    let write = ["--write-baseline", "base.json", "--reason", "before the gate", "--until", "2027-03-31"];
    let written = gate(folder.path(), &write);
    assert_eq!(written.code, 0, "{}", written.stderr);
    assert!(written.stderr.contains("3 findings in base.json"), "{}", written.stderr);
    assert_eq!(gate(folder.path(), &["--baseline", "base.json"]).code, 0);
    let late = Scangap::new(&[
        "gate",
        "--account",
        "111122223333",
        "--as-of",
        "2027-04-01T00:00:00Z",
        "--baseline",
        "base.json",
    ])
    .in_folder(folder.path())
    .run();
    assert_eq!(late.code, 2, "what is past counts again");
    assert!(late.stderr.contains("expired on 2027-03-31"), "{}", late.stderr);
    // Something new fails, and what is gone is named.
    fs_err::rename(folder.path().join("a b/50%,:policy.json"), folder.path().join("new.json")).expect("moved");
    let moved = gate(folder.path(), &["--baseline", "base.json"]);
    assert_eq!(moved.code, 2, "{}", moved.stdout);
    assert!(moved.stderr.contains("matches nothing any more"), "{}", moved.stderr);
    fs_err::write(folder.path().join("base.json"), "{}").expect("a file");
    let broken = gate(folder.path(), &["--baseline", "base.json"]);
    assert_eq!(broken.code, 65);
    assert!(broken.stderr.contains("failed to read the baseline"), "{}", broken.stderr);
}

// Holds: 16 Reports: the JSON is valid by the schema that scangap prints
#[test]
fn json_is_valid_by_its_schema() {
    let (folder, path) = saved("json");
    let schema = folder.path().join("schema.json");
    fs_err::write(&schema, Scangap::new(&["schema", "gate"]).run().stdout).expect("a file");
    python(
        "import json, sys, jsonschema\nschema = json.load(open(sys.argv[2]))\njsonschema.Draft202012Validator.check_schema(schema)\nreport = json.load(open(sys.argv[1]))\njsonschema.Draft202012Validator(schema).validate(report)\nassert report['findings'] and report['problems'] and any(f['excepted'] for f in report['findings'])\ndel report['findings'][0]['code']\nassert list(jsonschema.Draft202012Validator(schema).iter_errors(report))",
        &[&path, &schema.to_string_lossy()],
    );
}

/// Makes the changes that a file of SARIF offers, and prints the files with the rules and addresses that they are about.
const MEND: &str = r#"
import json, pathlib, sys
folder = pathlib.Path(sys.argv[2])
for result in json.load(open(sys.argv[1]))["runs"][0]["results"]:
    for fix in result.get("fixes", []):
        for change in fix["artifactChanges"]:
            path = folder / change["artifactLocation"]["uri"]
            lines = path.read_text().split("\n")
            at = lambda line, column: sum(len(one) + 1 for one in lines[:line - 1]) + column - 1
            text = "\n".join(lines)
            places = []
            for one in change["replacements"]:
                region = one["deletedRegion"]
                places.append((at(region["startLine"], region["startColumn"]), at(region["endLine"], region["endColumn"]), one["insertedContent"]["text"]))
            for start, end, new in sorted(places, reverse=True):
                text = text[:start] + new + text[end:]
            path.write_text(text)
        place = result["locations"][0]
        print(result["ruleId"], place.get("logicalLocations", [{}])[0].get("fullyQualifiedName", ""))
        break
"#;

// Holds: 16 Reports: a fix that SARIF offers, made as it says, lets Inspector through, in JSON, YAML, HCL and templates
#[test]
fn a_fix_that_is_offered_mends_the_file() {
    let (mut mended, mut wrong) = (Vec::new(), Vec::new());
    for case in crate::gate::cases() {
        let (folder, call) = case.run(&["--output", "sarif"]);
        if !call.stdout.contains("\"fixes\"") {
            continue;
        }
        let sarif = folder.path().join("found.sarif");
        fs_err::write(&sarif, &call.stdout).expect("a file");
        // One change moves what stands below it: one file with one fix at a time.
        if call.stdout.matches("\"fixes\"").count() > 1 {
            continue;
        }
        let about = python(MEND, &[&sarif.to_string_lossy(), &folder.path().to_string_lossy()]);
        fs_err::remove_file(&sarif).expect("removed");
        let again = case.again(&folder, &["--output", "json"]);
        let report: Value = serde_json::from_str(&again.stdout).unwrap_or(Value::Null);
        let is_left = report["findings"].as_array().is_none_or(|all| {
            all.iter().any(|one| {
                let line = format!("{} {}", one["code"].as_str().unwrap_or(""), one["address"].as_str().unwrap_or(""));
                about.trim() == line.trim()
            })
        });
        let is_broken = report["problems"].as_array().is_none_or(|problems| !problems.is_empty());
        // A file beside it may have been broken before.
        if is_left || is_broken && case.exit != 65 {
            wrong.push(format!("{}: {about}{}", case.name, again.stdout));
        }
        mended.push(case.name);
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), mended.len(), wrong.join("\n"));
    assert!(mended.len() > 20, "{mended:?}");
    for language in ["plain-", "hcl-heredoc", "hcl-jsonencode", "cfn-json-", "cfn-yaml-"] {
        assert!(mended.iter().any(|name| name.starts_with(language)), "{language}: {mended:?}");
    }
}
