//! `scangap plan`: what is planned, what is refused and why, and that the script does what the plan says and nothing else.

use std::path::Path;
use std::process::{Command, Output};

use scangap_simorg::Simulator;
use scangap_simorg::scenario::FaultSpec;
use scangap_tests::{
    Audited, Finished, Operator, Scangap, Simulated, aws_program, organization, python, simulate, venv_program,
};
use serde_json::{Value, json};

use crate::demo::demo;

pub(crate) const BEFORE: &str = "{\n  \"Statement\": {\"Sid\": \"OfficeOnly\", \"Effect\": \"Deny\", \"Principal\": \"*\", \"Action\": \"ecr:*\",\n    \"Condition\": {\"NotIpAddress\": {\"aws:SourceIp\": \"203.0.113.10/32\"}}}\n}\n";
const AFTER: &str = "{\n  \"Statement\": {\"Sid\": \"OfficeOnly\", \"Effect\": \"Deny\", \"Principal\": \"*\", \"Action\": \"ecr:*\",\n    \"Condition\": {\"NotIpAddress\": {\"aws:SourceIp\": \"203.0.113.10/32\"}, \"ArnNotEquals\": {\"aws:PrincipalArn\": \"arn:aws:iam::333333333333:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2\"}}}\n}\n";
const OPEN: &str = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"ecr:*"}}"#;
const FROZEN: &str =
    r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"ecr:PutRegistryScanningConfiguration","Resource":"*"}}"#;
const REGISTRY_LOCK: &str =
    r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage","Resource":"*"}}"#;
const FROZEN_MFA: &str = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"ecr:PutRegistryScanningConfiguration","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}}"#;
const REGISTRY_MFA: &str = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}}"#;
const MFA: &str = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}}"#;

const STALE: &str = r#"policy = "open", coverage = { status = "INACTIVE", reason = "ACCESS_DENIED" }"#;
const BLOCKED: &str = r#"policy = "before", coverage = { status = "INACTIVE", reason = "ACCESS_DENIED" }"#;

/// A policy without room for another condition: AWS stores 10,240 characters.
fn long() -> String {
    let policy = |addresses: &[String]| {
        let addresses = json!(addresses);
        json!({"Statement": {"Effect": "Deny", "Principal": "*", "Action": "ecr:*",
            "Condition": {"NotIpAddress": {"aws:SourceIp": addresses}}}})
        .to_string()
    };
    let mut addresses = Vec::new();
    while policy(&addresses).len() < 10_200 {
        addresses.push(format!("203.0.113.{}/32", addresses.len() % 250));
    }
    policy(&addresses)
}

/// `registries` of account alpha, 333333333333.
fn alpha(registries: &str) -> Simulated {
    let policies = [
        ("before", "denied", BEFORE),
        ("after", "allowed", AFTER),
        ("open", "allowed", OPEN),
        ("frozen", "allowed", FROZEN),
        ("registry-lock", "denied", REGISTRY_LOCK),
        ("frozen-mfa", "allowed", FROZEN_MFA),
        ("registry-mfa", "allowed", REGISTRY_MFA),
        ("long", "denied", &long()),
        ("mfa", "allowed", MFA),
    ];
    let policies: Vec<String> = policies
        .iter()
        .map(|(name, inspector, text)| {
            format!("[[policies]]\nname = \"{name}\"\ninspector = \"{inspector}\"\ntext = {}\n", json!(text))
        })
        .collect();
    simulate(organization(&format!(
        "{}[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\n{registries}",
        policies.join("")
    )))
}

fn in_region(repositories: &str) -> String {
    format!("[[accounts.registries]]\nregion = \"eu-west-1\"\nrepositories = [{repositories}]\n")
}

fn audit_as_of(simulator: &Simulator, as_of: &str) -> Audited {
    Scangap::audit_as_of(as_of, &simulator.url(), &Simulator::access_key("111111111111")).into_folder()
}

fn snapshot(audited: &Audited) -> String {
    audited.out.join("snapshot.db").to_string_lossy().into_owned()
}

fn plan(audited: &Audited, more: &[&str]) -> Finished {
    let snapshot = snapshot(audited);
    let mut arguments = vec!["plan", snapshot.as_str()];
    arguments.extend(more);
    Scangap::new(&arguments).run()
}

fn plan_json(audited: &Audited, more: &[&str]) -> Value {
    let call = plan(audited, &[&["--output", "json"], more].concat());
    serde_json::from_str(&call.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", call.stdout, call.stderr))
}

#[test]
fn a_plan_is_the_same_bytes_fits_its_schema_and_is_what_its_hash_says() {
    let audited = demo();
    let (one, two) = (plan(&audited, &["--out", "plan"]), plan(&audited, &["--out", "plan"]));
    assert_eq!((one.code, two.code), (3, 3), "the demo has gaps: {}", one.stderr);
    let folder = |call: &Finished| call.home.path().join("plan");
    let verified = Scangap::new(&["verify", &folder(&one).to_string_lossy()]).run();
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    let manifest = fs_err::read(folder(&one).join("manifest.json")).expect("a manifest");
    assert!(
        manifest == fs_err::read(folder(&two).join("manifest.json")).expect("a manifest"),
        "every file is the same"
    );
    let schema = Scangap::new(&["schema", "plan"]).run();
    python(CHECK, &[&folder(&one).to_string_lossy(), &schema.stdout]);
    assert!(
        one.stdout.contains("Plan: 2 policies to change, 0 registries to re-sync, 4 refused, 1 undecided"),
        "{}",
        one.stdout
    );
    // A plan is never changed.
    let home = folder(&one).to_string_lossy().into_owned();
    let again = plan(&audited, &["--out", &home]);
    assert_eq!(again.code, 64);
    assert!(again.stderr.contains("is not empty"), "{}", again.stderr);
}

const CHECK: &str = r#"
import hashlib, json, pathlib, sys
import jsonschema
folder, schema = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
jsonschema.Draft202012Validator.check_schema(schema)
jsonschema.validate(plan, schema)
hash = plan.pop("plan_sha256")
text = json.dumps(plan, separators=(",", ":"), ensure_ascii=False)
assert hashlib.sha256(text.encode()).hexdigest() == hash
assert plan["simulated"] is True and plan["organization_id"] == "o-exampleorg" and plan["complete"] is False
assert plan["losses"] == {name: 0 for name in ("findings", "images", "images_not_rescanned", "repositories")}
assert len(plan["steps"]) == 2
for step in plan["steps"]:
    for side in ("before", "after"):
        data = (folder / step[f"{side}_file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == step[f"{side}_sha256"]
    role = f"arn:aws:iam::{step['account_id']}:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2"
    assert role in (folder / step["after_file"]).read_text() and role not in (folder / step["before_file"]).read_text()
assert "not counted" in (folder / "resync.csv").read_text()
"#;

#[test]
fn what_is_wished_narrows_the_plan_and_the_blocklist_always_wins() {
    let audited = demo();
    let steps = |more: &[&str]| plan_json(&audited, more)["steps"].as_array().map_or(0, Vec::len);
    assert_eq!(steps(&[]), 2);
    assert_eq!(steps(&["--resync"]), 0);
    assert_eq!(steps(&["--accounts", "444444444444"]), 0);
    assert_eq!(steps(&["--ou", "Workloads"]), 2, "and what is below");
    assert_eq!(steps(&["--regions", "us-east-1"]), 0);
    assert_eq!(steps(&["--diagnoses", "at_risk"]), 1);
    assert_eq!(steps(&["--diagnoses", "undecided"]), 1, "where it is named");
    let blocked = plan_json(&audited, &["--blocklist", "333333333333", "--accounts", "333333333333"]);
    assert_eq!(blocked["steps"], json!([]));
    let codes: Vec<&str> =
        blocked["refused"].as_array().expect("rows").iter().map(|row| row["code"].as_str().expect("a code")).collect();
    assert_eq!(codes, ["blocklisted", "blocklisted", "policy_unread", "blocklisted"]);
    let wrong = |wish: &[&str], why: &str| {
        let call = plan(&audited, wish);
        assert_eq!(call.code, 64, "{}", call.stderr);
        assert!(call.stderr.contains(why), "{}", call.stderr);
    };
    wrong(&["--diagnoses", "covered"], "covered");
    wrong(&["--ou", "Work"], "Work"); // A unit, not the beginning of its name.
    wrong(&["--accounts", "999999999999"], "999999999999");
    // A list of an earlier year may name who has left, and a typing error must not pass in silence.
    let left = plan(&audited, &["--blocklist", "999999999999"]);
    assert!(
        left.code == 3 && left.stderr.contains("999999999999 is not an account of the snapshot"),
        "{}",
        left.stderr
    );
    wrong(&["--regions", "eu-west-99"], "eu-west-99");
}

/// The one refusal of a plan, by its code and its sentence.
#[track_caller]
fn refusal(audited: &Audited, more: &[&str], code: &str, sentence: &str) {
    let plan = plan_json(audited, more);
    let rows = plan["refused"].as_array().expect("rows");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["code"], code);
    let why = rows[0]["why"].as_str().expect("a sentence");
    assert!(why.contains(sentence), "{why}");
    assert_eq!(plan["steps"], json!([]), "nothing that is refused is planned");
}

#[test]
fn every_refusal_says_why_in_a_sentence() {
    let day = "2026-11-23T09:00:00Z";
    let stale = alpha(&in_region(&format!("{{ name = \"app\", {STALE} }}")));
    let audited = audit_as_of(&stale, day).expect_code(0);
    refusal(&audited, &[], "too_young", "may refresh by itself for 24h: audit again then");
    refusal(&audited, &["--min-age", "0h"], "losses_not_counted", "deletes every ECR finding");
    refusal(&audited, &["--min-age", "0h", "--blocklist", "333333333333"], "blocklisted", "blocklist");
    let plan = plan_json(&audited, &["--min-age", "0h"]);
    assert_eq!(plan["losses"]["findings"], "not counted", "a number is never printed that was not counted");
    // Known to be stale since an earlier audit.
    let later = audit_as_of(&stale, "2026-11-25T09:00:00Z").expect_code(0);
    refusal(&later, &["--previous", &snapshot(&audited)], "losses_not_counted", "was not counted");
    let frozen =
        alpha(&format!("{}registry_policy = \"frozen\"\n", in_region(&format!("{{ name = \"app\", {STALE} }}"))));
    let audited = audit_as_of(&frozen, day).expect_code(0);
    refusal(&audited, &["--min-age", "0h"], "registry_policy_forbids", "ecr:PutRegistryScanningConfiguration");
    let locked = alpha(&format!("{}registry_policy = \"registry-lock\"\n", in_region("{ name = \"app\" }")));
    let audited = audit_as_of(&locked, day).expect_code(0);
    refusal(&audited, &[], "registry_policy_denies", "the registry's policy does not");
    let both = alpha(&format!(
        "{}registry_policy = \"registry-lock\"\n",
        in_region(&format!("{{ name = \"app\", {BLOCKED} }}"))
    ));
    let audited = audit_as_of(&both, day).expect_code(0);
    refusal(&audited, &[], "still_denied", "denies Inspector too");
}

#[test]
fn what_is_not_known_or_not_proven_is_not_planned() {
    let day = "2026-11-23T09:00:00Z";
    let with = |registry: &str, repository: &str| {
        alpha(&format!(
            "{}registry_policy = \"{registry}\"\n",
            in_region(&format!("{{ name = \"app\", {repository} }}"))
        ))
    };
    // The verdict of the registry policy depends on whether the caller used MFA.
    let audited = audit_as_of(&with("frozen-mfa", STALE), day).expect_code(0);
    refusal(
        &audited,
        &["--min-age", "0h"],
        "registry_policy_unknown",
        "put the scanning configuration back is not known",
    );
    let audited = audit_as_of(&with("registry-mfa", "policy = \"after\""), day).expect_code(0);
    refusal(&audited, &["--diagnoses", "undecided"], "registry_policy_depends", "for a person to settle");
    let audited = audit_as_of(&with("registry-mfa", BLOCKED), day).expect_code(0);
    refusal(&audited, &[], "not_proven", "together still say `depends`");
    // No room for an exemption.
    let long = BLOCKED.replace("before", "long");
    let audited = audit_as_of(&alpha(&in_region(&format!("{{ name = \"app\", {long} }}"))), day).expect_code(0);
    refusal(&audited, &[], "no_exemption", "AWS stores 10240");
    // What would have to be put back was not read: then it is not known either what is scanned.
    let unread = alpha(&in_region(&format!("{{ name = \"app\", {STALE} }}")));
    unread.add_fault(FaultSpec::of("ecr:GetRegistryScanningConfiguration", "AccessDeniedException", 403));
    let audited = audit_as_of(&unread, day).expect_code(3);
    let call = plan(&audited, &["--min-age", "0h"]);
    assert_eq!(call.code, 3, "{}", call.stderr);
    assert!(call.stdout.contains("Nothing to do among what was read"), "{}", call.stdout);
}

#[test]
fn the_delegated_administrator_is_never_re_synced() {
    let scenario = organization(&format!(
        "[[policies]]\nname = \"open\"\ninspector = \"allowed\"\ntext = {}\n[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\n",
        json!(OPEN)
    ));
    let mut scenario = scenario;
    let registries = organization(&format!(
        "[[policies]]\nname = \"open\"\ninspector = \"allowed\"\ntext = {}\n[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\n{}",
        json!(OPEN),
        in_region(&format!("{{ name = \"app\", {STALE} }}"))
    ));
    // The same registry, in the administrator's account.
    scenario.accounts[1].registries = registries.accounts[2].registries.clone();
    let audited = Scangap::audit(&simulate(scenario)).into_folder().expect_code(0);
    refusal(&audited, &["--min-age", "0h"], "delegated_administrator", "does not let disable itself");
}

#[test]
fn nothing_to_do_is_said_in_as_many_words_as_there_are_reasons() {
    let says = |simulator: &Simulated, code: i32, text: &str| {
        let audited = Scangap::audit(simulator).into_folder();
        let call = plan(&audited, &["--detailed-exitcode"]);
        assert_eq!(call.code, code, "{}{}", call.stdout, call.stderr);
        assert!(call.stdout.contains(text), "`{text}` is missing:\n{}", call.stdout);
    };
    says(&alpha(""), 0, "Nothing to do: there are no repositories in scope.");
    says(&alpha(&in_region("{ name = \"fine\" }")), 0, "Nothing to do: no policy in scope keeps Inspector out");
    says(&alpha(&in_region("{ name = \"app\", policy = \"mfa\" }")), 0, "what is left must be decided by a person");
    says(&alpha(&in_region(&format!("{{ name = \"app\", {STALE} }}"))), 0, "what would help is refused");
    says(&alpha(&in_region(&format!("{{ name = \"app\", {BLOCKED} }}"))), 2, "Plan: 1 policy to change");
    let refused = alpha("roles = []\n");
    says(&refused, 3, "Nothing was evaluated: no repository in scope was found, and not everything could be read.");
    let partly = alpha(&format!(
        "{}[[accounts]]\nid = \"444444444444\"\nname = \"beta\"\nroles = []\n",
        in_region("{ name = \"fine\" }")
    ));
    says(&partly, 3, "Nothing to do among what was read; some facts could not be learnt");
}

/// Runs plan.sh as a person would, with the real aws CLI.
pub(crate) fn run_script(folder: &Path, simulator: &Simulator, more: &[(&str, &str)]) -> Output {
    run_script_with(&[], folder, simulator, more)
}

/// The script with arguments of its own.
pub(crate) fn run_script_with(
    arguments: &[&str],
    folder: &Path,
    simulator: &Simulator,
    more: &[(&str, &str)],
) -> Output {
    run_with(aws_program().parent().expect("a folder"), folder, arguments, simulator, more)
}

fn run_with(tools: &Path, folder: &Path, arguments: &[&str], simulator: &Simulator, more: &[(&str, &str)]) -> Output {
    let path = format!("{}:/usr/bin:/bin", tools.display());
    let mut command = Command::new("bash");
    command
        .arg(folder.join("plan.sh"))
        .args(arguments)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .env("AWS_ACCESS_KEY_ID", Simulator::access_key("111111111111"))
        .env("AWS_SECRET_ACCESS_KEY", "simulated")
        .env("AWS_MAX_ATTEMPTS", "1")
        .env("WRITE_ROLE_NAME", "OrganizationAccountAccessRole")
        .env("AWS_ENDPOINT_URL", simulator.url())
        .stdin(std::process::Stdio::null());
    for (name, value) in more {
        command.env(name, value);
    }
    command.output().expect("bash runs")
}

#[test]
fn the_script_asks_looks_and_does_what_the_plan_says() {
    let simulator = alpha(&in_region(&format!(
        "{{ name = \"app\", {BLOCKED} }}, {{ name = \"team/second\", {BLOCKED} }}, {{ name = \"fine\" }}"
    )));
    let audited = Scangap::audit(&simulator).into_folder().expect_code(0);
    let call = plan(&audited, &["--out", "plan"]);
    assert_eq!(call.code, 0, "{}", call.stderr);
    let folder = call.home.path().join("plan");
    let checked =
        Command::new(venv_program("shellcheck")).arg(folder.join("plan.sh")).output().expect("shellcheck runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let fails = |more: &[(&str, &str)], why: &str| {
        let output = run_script(&folder, &simulator, more);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{said}");
        assert_eq!(simulator.mutating_calls().len(), 0, "{why}: nothing is changed");
    };
    fails(&[], "no terminal to ask at: set SCANGAP_CONFIRM to the id of the organization, o-testing");
    fails(&[("SCANGAP_CONFIRM", "o-another")], "that is not the id of the organization, o-testing");
    fails(&[("SCANGAP_CONFIRM", "o-testing"), ("AWS_ENDPOINT_URL", "")], "this plan is simulated: it is not for AWS");
    fails(
        &[("SCANGAP_CONFIRM", "o-testing"), ("WRITE_ROLE_NAME", "Nobody")],
        "could not be assumed in account 333333333333",
    );
    fails(&[("SCANGAP_CONFIRM", "o-testing"), ("WRITE_ROLE_NAME", "")], "the credentials are of account 111111111111");
    let confirmed = [("SCANGAP_CONFIRM", "o-testing")];
    let output = run_script(&folder, &simulator, &confirmed);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.matches(": done").count(), 2, "{said}");
    let changed: Vec<String> =
        simulator.mutating_calls().iter().map(|call| format!("{} {}", call.operation, call.resource)).collect();
    assert_eq!(changed, ["ecr:SetRepositoryPolicy app", "ecr:SetRepositoryPolicy team/second"]);
    // Once more changes nothing.
    let again = run_script(&folder, &simulator, &confirmed);
    assert!(again.status.success() && String::from_utf8_lossy(&again.stdout).matches("already done").count() == 2);
    assert_eq!(simulator.mutating_calls().len(), 2);
    // And the policy is what the plan said: the next audit finds it allowed.
    let audited = Scangap::audit(&simulator).into_folder().expect_code(0);
    for name in ["app", "team/second"] {
        assert_eq!(audited.repository(name)["policy_verdict"], "allowed", "{name}");
    }
    assert_eq!(plan_json(&audited, &["--fix"])["steps"], json!([]), "nothing is left to repair");
}

#[test]
fn the_script_stops_at_a_policy_that_was_changed_meanwhile() {
    let simulator = alpha(&in_region(&format!("{{ name = \"app\", {BLOCKED} }}")));
    let audited = Scangap::audit(&simulator).into_folder().expect_code(0);
    let call = plan(&audited, &["--out", "plan"]);
    Operator::of(&simulator, "333333333333", "eu-west-1")
        .ecr("SetRepositoryPolicy", &json!({"repositoryName": "app", "policyText": OPEN}));
    let before = simulator.mutating_calls().len();
    let output = run_script(&call.home.path().join("plan"), &simulator, &[("SCANGAP_CONFIRM", "o-testing")]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("the plan is stale"), "{said}");
    assert_eq!(simulator.mutating_calls().len(), before);
}

/// ECR gives a policy back in a form of its own: members in another order, one value for a list of one, other spaces. And
/// what a script changed, it takes back.
#[test]
fn the_script_knows_a_policy_that_ecr_wrote_anew_and_takes_its_change_back() {
    let simulator = alpha(&in_region(&format!("{{ name = \"app\", {BLOCKED} }}")));
    let audited = Scangap::audit(&simulator).into_folder().expect_code(0);
    let call = plan(&audited, &["--out", "plan"]);
    let folder = call.home.path().join("plan");
    let tools = call.home.path().join("bin");
    fs_err::create_dir(&tools).expect("a folder");
    let aws = tools.join("aws");
    let text = REFORMATS.replace("@AWS@", &aws_program().to_string_lossy());
    fs_err::write(&aws, text.replace("@PYTHON@", &venv_program("python").to_string_lossy())).expect("a file");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(&aws, executable).expect("a mode");
    let run = |arguments: &[&str], says: &str, calls: usize| {
        let output = run_with(&tools, &folder, arguments, &simulator, &[("SCANGAP_CONFIRM", "o-testing")]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.trim_end().ends_with(says), "{said}");
        assert_eq!(simulator.mutating_calls().len(), calls, "{says}");
    };
    run(&[], "repository app: done", 1);
    run(&[], "repository app: already done", 1);
    run(&["--back"], "repository app: done", 2);
    run(&["--back"], "repository app: already done", 2);
    let back = Scangap::audit(&simulator).into_folder().expect_code(0);
    assert_eq!(back.repository("app")["policy_verdict"], "denied");
    // A file that is not the plan's any more is not written anywhere.
    fs_err::write(folder.join("policies/policy-0001-333333333333-app/after.json"), OPEN).expect("a file");
    let output = run_script(&folder, &simulator, &[("SCANGAP_CONFIRM", "o-testing")]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("after.json is not the plan's"), "{said}");
    assert_eq!(simulator.mutating_calls().len(), 2);
}

const REFORMATS: &str = r#"#!/usr/bin/env bash
set -euo pipefail
case " $* " in
  *" get-repository-policy "*) exec @PYTHON@ -c '
import json, subprocess, sys
def form(value):
    if isinstance(value, dict):
        return {name: form(value[name]) for name in sorted(value, reverse=True)}
    return [form(item) for item in reversed(value)] if isinstance(value, list) else value
text = json.loads(subprocess.run([sys.argv[1], *sys.argv[2:]], check=True, capture_output=True, text=True).stdout)
text["Statement"] = [text["Statement"]] if isinstance(text["Statement"], dict) else text["Statement"]
print(json.dumps(form(text), indent=2))
' @AWS@ "$@" ;;
  *) exec @AWS@ "$@" ;;
esac
"#;

#[test]
fn a_template_that_writes_the_same_policy_is_named() {
    let simulator = alpha(&format!(
        "{}templates = [{{ prefix = \"cache/\", policy = \"before\" }}]\n",
        in_region(&format!("{{ name = \"cache/app\", {BLOCKED} }}, {{ name = \"other\", {BLOCKED} }}"))
    ));
    let audited = Scangap::audit(&simulator).into_folder().expect_code(0);
    let plan = plan_json(&audited, &[]);
    assert_eq!(plan["steps"][0]["also_written_by"], json!(["repository creation template `cache/`"]));
    assert_eq!(plan["steps"][1]["also_written_by"], json!([]));
}

#[test]
fn a_plan_has_its_sheet_in_the_workbook_if_it_is_of_the_snapshot() {
    let audited = demo();
    let call = plan(&audited, &["--out", "plan"]);
    let file = call.home.path().join("plan").join("plan.json");
    let report = |plan: &Path| {
        Scangap::new(&["report", &snapshot(&audited), "--out", "report", "--plan", &plan.to_string_lossy()]).run()
    };
    let made = report(&file);
    assert_eq!(made.code, 3, "{}", made.stderr);
    python(SHEET, &[&made.home.path().join("report").join("audit.xlsx").to_string_lossy()]);
    let text = fs_err::read_to_string(&file).expect("the plan");
    let other = call.home.path().join("other.json");
    fs_err::write(&other, text.replace("journey/1-blocked", "journey/2-blocked")).expect("a file");
    let changed = report(&other);
    assert_eq!(changed.code, 65);
    assert!(changed.stderr.contains("it was changed after it was made"), "{}", changed.stderr);
    let of_another = alpha(&in_region(&format!("{{ name = \"app\", {BLOCKED} }}")));
    let of_another = plan(&Scangap::audit(&of_another).into_folder().expect_code(0), &["--out", "plan"]);
    let refused = report(&of_another.home.path().join("plan").join("plan.json"));
    assert_eq!(refused.code, 65);
    assert!(refused.stderr.contains("it was made from another snapshot"), "{}", refused.stderr);
}

const SHEET: &str = r#"
import sys, openpyxl
book = openpyxl.load_workbook(sys.argv[1])
sheet = book["Re-sync and losses"]
rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
header = [cell.value for cell in sheet[1]]
decisions = sorted((row[0], row[4]) for row in rows)
assert decisions == [("re-sync", "refused")] + 2 * [("repair", "planned")] + 3 * [("repair", "refused")], decisions
(resync,) = [dict(zip(header, row)) for row in rows if row[0] == "re-sync"]
assert resync["Findings lost"] == "not counted" and "may refresh by itself for 24h: audit again then" in resync["Why"], resync
assert all(row[header.index("Findings lost")] is None for row in rows if row[0] == "repair")
assert any(cell.value == "Re-sync and losses" and cell.hyperlink for row in book["Cover"].iter_rows() for cell in row)
"#;

// Holds: 5 Advice that harms: `plan` says what a repair leaves out, and names a `before.json` that cannot be restored
#[test]
fn a_policy_that_cannot_be_restored_is_named() {
    let old = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Old","Effect":"Allow","Principal":{"AWS":["AROAEXAMPLEID00000009","arn:aws:iam::333333333333:role/ci"]},"Action":"ecr:BatchGetImage"},{"Sid":"Office","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"}}}]}"#;
    let simulator = simulate(organization(&format!(
        "[[policies]]\nname = \"old\"\ninspector = \"denied\"\ntext = '{old}'\n[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\ncells = [{{ region = \"eu-west-1\", repositories = [{{ name = \"app\", policy = \"old\" }}] }}]"
    )));
    let audited = Scangap::audit(&simulator).into_folder().expect_code(0);
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("plan").to_string_lossy().into_owned();
    assert_eq!(plan(&audited, &["--fix", "--out", &out]).code, 0);
    let runbook = fs_err::read_to_string(folder.path().join("plan/plan.md")).expect("a runbook");
    assert!(runbook.contains("leaves out `AROAEXAMPLEID00000009`, a principal that was deleted"), "{runbook}");
    assert!(runbook.contains("**`before.json` cannot be restored as it is**"), "{runbook}");
    let after = fs_err::read_dir(folder.path().join("plan/policies")).expect("a folder").next().expect("one");
    let after = fs_err::read_to_string(after.expect("an entry").path().join("after.json")).expect("a policy");
    assert!(!after.contains("AROA"), "{after}");
}
