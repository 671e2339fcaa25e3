//! `scangap apply`: consent, refusals, and that no way of ending it leaves an account without scanning in silence.

use std::path::PathBuf;

use scangap_simorg::Simulator;
use scangap_simorg::scenario::{FaultKind, FaultSpec};
use scangap_tests::{Audited, Finished, Operator, Scangap, Simulated, python};
use serde_json::{Value, json};

use crate::resync::{STALE_REGISTRY, at, audit, snapshot, stale};

pub(crate) const LOST: &str = "128";
pub(crate) const ROLE: &str = "OrganizationAccountAccessRole";

/// A plan in a folder of its own, and the home that its commands share.
pub(crate) struct Planned {
    pub(crate) folder: PathBuf,
    pub(crate) home: tempfile::TempDir,
}

pub(crate) fn plan_of(simulator: &Simulated, audited: &Audited, more: &[&str]) -> Planned {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("plan");
    let (snapshot, out) = (snapshot(audited), folder.to_string_lossy().into_owned());
    let mut arguments = vec!["plan", &snapshot, "--min-age", "0h", "--collect", "--out", &out];
    arguments.extend(more);
    let call = at(simulator, &arguments).run();
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    Planned { folder, home }
}

pub(crate) fn stale_plan(simulator: &Simulated) -> Planned {
    plan_of(simulator, &audit(simulator).expect_code(0), &[])
}

fn consent(wait: &str) -> [&str; 6] {
    ["--confirm", "o-testing", "--accept-history-loss", LOST, "--wait", wait]
}

impl Planned {
    pub(crate) fn command(&self, simulator: &Simulated, more: &[&str]) -> Scangap {
        self.command_by(ROLE, simulator, more)
    }

    fn command_by(&self, write_role: &str, simulator: &Simulated, more: &[&str]) -> Scangap {
        let folder = self.folder.to_string_lossy().into_owned();
        let mut arguments = vec!["apply", &folder, "--write-role-name", write_role];
        arguments.extend(more);
        at(simulator, &arguments).env("HOME", &self.home.path().to_string_lossy())
    }

    pub(crate) fn apply(&self, simulator: &Simulated, more: &[&str]) -> Finished {
        self.command(simulator, more).run()
    }

    /// With all the consent that it takes.
    pub(crate) fn consented(&self, simulator: &Simulated, more: &[&str]) -> Finished {
        self.consented_for("20s", simulator, more)
    }

    /// The same, with the given `--wait`.
    pub(crate) fn consented_for(&self, wait: &str, simulator: &Simulated, more: &[&str]) -> Finished {
        self.apply(simulator, &[&consent(wait), more].concat())
    }

    /// The same, by another write role.
    pub(crate) fn consented_by(&self, write_role: &str, wait: &str, simulator: &Simulated) -> Finished {
        self.command_by(write_role, simulator, &consent(wait)).run()
    }

    pub(crate) fn applied(&self) -> Value {
        let text = fs_err::read_to_string(self.folder.join("applied.json")).expect("a report");
        serde_json::from_str(&text).expect("JSON")
    }

    pub(crate) fn journal(&self) -> Vec<Value> {
        let text = fs_err::read_to_string(self.folder.join("journal.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

pub(crate) fn scanning(simulator: &Simulator) -> Value {
    Operator::of(simulator, "333333333333", "eu-west-1").ecr("GetRegistryScanningConfiguration", &json!({}))
}

pub(crate) fn ecr_status(simulator: &Simulator) -> String {
    let answer = Operator::of(simulator, "222222222222", "eu-west-1")
        .inspector("/status/batch/get", &json!({"accountIds": ["333333333333"]}));
    answer["accounts"][0]["resourceState"]["ecr"]["status"].as_str().expect("a status").to_owned()
}

/// Mutating calls that came through, by name.
pub(crate) fn mutations(simulator: &Simulator) -> Vec<String> {
    simulator.mutating_calls().into_iter().filter(|call| call.error.is_empty()).map(|call| call.operation).collect()
}

#[test]
fn a_registry_is_re_synced_and_everything_is_as_it_was_but_what_was_announced() {
    let simulator = stale("", STALE_REGISTRY, "");
    let before = scanning(&simulator);
    let plan = stale_plan(&simulator);
    let call = plan.consented(&simulator, &[]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!(scanning(&simulator), before, "the rules are the same, in the same order");
    assert_eq!(ecr_status(&simulator), "ENABLED");
    assert_eq!(
        mutations(&simulator),
        ["inspector2:Disable", "inspector2:Enable", "ecr:PutRegistryScanningConfiguration"],
        "once each"
    );
    for call in simulator.mutating_calls() {
        let of = if call.operation.starts_with("ecr:") { "333333333333" } else { "222222222222" };
        assert_eq!(call.account.map(|id| id.to_string()).as_deref(), Some(of), "{}", call.operation);
    }
    // What the simulation says vanished is what the plan said would.
    assert_eq!(simulator.losses(), (128, 2));
    let applied = plan.applied();
    assert_eq!(applied["outcome"], "finished");
    assert_eq!(applied["steps"][0]["predicted"], json!({"findings": 128, "images_not_rescanned": 1}));
    assert_eq!(applied["steps"][0]["lost"], json!({"findings": 128, "images_not_rescanned": 1}));
    let after = audit(&simulator).expect_code(0);
    assert_eq!((after.diagnosis("app"), after.diagnosis("fine")), ("covered".to_owned(), "covered".to_owned()));
    // What was deleted is in the backup, of every status, as AWS wrote it.
    let backup =
        fs_err::read_dir(plan.folder.join("backup")).expect("backups").next().expect("one").expect("it").path();
    python(BACKUP, &[&backup.to_string_lossy()]);
    // A resume of a finished apply changes nothing.
    let again = plan.apply(&simulator, &["--resume"]);
    assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
    assert_eq!(mutations(&simulator).len(), 3, "nothing is done twice");
    assert_eq!(plan.applied()["steps"][0]["lost"]["findings"], 128, "and the report still says what was lost");
}

// Holds: 14 Kills and faults: a clock that is ten minutes off keeps no write from being made, each once
#[test]
fn a_clock_that_is_off_keeps_no_write_from_being_made() {
    for ahead in [600, -600] {
        let mut scenario = crate::resync::stale_scenario("", STALE_REGISTRY);
        scenario.organization.clock_ahead_seconds = ahead;
        let simulator = scangap_tests::simulate(scenario);
        let plan = stale_plan(&simulator);
        let call = plan.consented(&simulator, &[]);
        assert_eq!(call.code, 0, "{ahead}: {}{}", call.stdout, call.stderr);
        let expected = ["inspector2:Disable", "inspector2:Enable", "ecr:PutRegistryScanningConfiguration"];
        assert_eq!(mutations(&simulator), expected, "{ahead}");
    }
}

const BACKUP: &str = r#"
import csv, gzip, hashlib, json, pathlib, stat, sys
folder = pathlib.Path(sys.argv[1])
findings = [json.loads(line) for line in gzip.open(folder / "findings.jsonl.gz", "rt", encoding="utf-8")]
statuses = [finding["status"] for finding in findings]
assert (statuses.count("ACTIVE"), statuses.count("SUPPRESSED"), statuses.count("CLOSED")) == (125, 2, 1), statuses
assert all("description" in finding and "remediation" in finding for finding in findings)
rows = list(csv.DictReader(open(folder / "findings.csv", encoding="utf-8", newline="")))
assert [row["finding_arn"] for row in rows] == [finding["findingArn"] for finding in findings]
scanning = json.loads((folder / "registry-scanning-configuration.json").read_text())["scanningConfiguration"]
assert [rule["scanFrequency"] for rule in scanning["rules"]] == ["SCAN_ON_PUSH", "CONTINUOUS_SCAN"]
assert [one["filter"] for one in scanning["rules"][0]["repositoryFilters"]] == ["zeta*", "a*"]
assert json.loads((folder / "filters.json").read_text())[0]["name"] == "noise"
assert json.loads((folder / "configuration.json").read_text())["rescanDuration"] == "DAYS_14"
manifest = json.loads((folder / "manifest.json").read_text())
for name, file in manifest["files"].items():
    assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == file["sha256"], name
for path in folder.iterdir():
    assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
"#;

#[test]
fn nothing_is_changed_without_consent_and_each_lack_of_it_has_its_sentence() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    let refused = |more: &[&str], code: i32, sentence: &str| {
        let call = plan.apply(&simulator, more);
        assert_eq!(call.code, code, "{}{}", call.stdout, call.stderr);
        assert!(call.stderr.contains(sentence), "`{sentence}` is missing:\n{}", call.stderr);
        assert_eq!(simulator.mutating_calls(), [], "{more:?}");
    };
    let ask = "there is no terminal to ask at, and the flags do not say it";
    refused(&[], 64, ask);
    refused(&[], 64, "to go on: --confirm o-testing --accept-history-loss 128");
    refused(&["--confirm", "o-testing"], 64, "to go on: --accept-history-loss 128");
    refused(&["--confirm", "o-another1"], 64, "`o-another1` is not `o-testing`");
    refused(&["--confirm", "o-testing", "--accept-history-loss", "127"], 64, "deletes 128 findings, and not 127");
    let consent = ["--confirm", "o-testing", "--accept-history-loss", LOST];
    refused(&[&consent, &["--blocklist", "333333333333"][..]].concat(), 64, "the blocklist, which always wins");
    refused(&["--resume"], 64, "there is nothing to resume");
    let folder = plan.folder.to_string_lossy().into_owned();
    let roleless = at(&simulator, &[&["apply", folder.as_str()][..], &consent].concat()).run();
    assert!(roleless.code == 64 && roleless.stderr.contains("no role to write with"), "{}", roleless.stderr);
    let wrong_role =
        at(&simulator, &[&["apply", folder.as_str(), "--write-role-name", "nobody"][..], &consent].concat()).run();
    assert_eq!(wrong_role.code, 77, "{}", wrong_role.stderr);
    assert!(wrong_role.stderr.contains("no role could be assumed in account"), "{}", wrong_role.stderr);
    // A dry run says so, and is no failure where it was asked for.
    let dry = plan.apply(&simulator, &["--dry-run"]);
    assert!(dry.code == 0 && dry.stdout.contains("nothing was changed"), "{}", dry.stderr);
    assert_eq!(simulator.mutating_calls(), []);
    assert!(plan.journal().is_empty() && !plan.folder.join("backup").exists());
    // An edited plan is none.
    let path = plan.folder.join("plan.json");
    let text = fs_err::read_to_string(&path).expect("the plan");
    fs_err::write(&path, text.replace("\"findings\": 128", "\"findings\": 1")).expect("written");
    refused(&["--confirm", "o-testing", "--accept-history-loss", "1"], 65, "it was changed after it was made");
}

#[test]
fn consent_can_be_typed_at_a_terminal() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    let script = r#"
import os, pty, sys, select, time
answers = sys.argv[1].split(",")
pid, fd = pty.fork()
if pid == 0:
    os.execve(sys.argv[2], sys.argv[2:], dict(os.environ))
seen = b""
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    seen += data
    while answers and (b"to change all this: " in seen or b"findings that will be lost: " in seen):
        seen = b""
        answer = answers.pop(0)
        os.write(fd, answer.encode() + (b"" if answer == "\x03" else b"\n"))
_, status = os.waitpid(pid, 0)
print(os.waitstatus_to_exitcode(status))
"#;
    let command = plan.command(&simulator, &["--wait", "20s"]);
    let wrong = command.run_in_terminal(script, "o-testing,127");
    assert_eq!(wrong.trim(), "64");
    // The dry run has listened for Ctrl-C before; here it is the answer.
    let interrupted = plan.command(&simulator, &["--wait", "20s"]).run_in_terminal(script, "\u{3}");
    assert_eq!(interrupted.trim(), "130");
    assert_eq!(simulator.mutating_calls(), []);
    let right = plan.command(&simulator, &["--wait", "20s"]).run_in_terminal(script, "o-testing,128");
    assert_eq!(right.trim(), "0");
    assert_eq!(mutations(&simulator)[0], "inspector2:Disable");
}

#[test]
fn a_world_that_moved_makes_a_plan_stale() {
    let moved = |change: &dyn Fn(&Simulated), sentence: &str| {
        let simulator = stale("", STALE_REGISTRY, "");
        let plan = stale_plan(&simulator);
        change(&simulator);
        let before = simulator.mutating_calls().len();
        let call = plan.consented(&simulator, &[]);
        assert_eq!(call.code, 65, "{}{}", call.stdout, call.stderr);
        assert!(call.stderr.contains(sentence), "`{sentence}` is missing:\n{}", call.stderr);
        assert_eq!(simulator.mutating_calls().len(), before, "nothing was changed");
    };
    let own = |simulator: &Simulated, operation: &str, input: Value| {
        Operator::of(simulator, "333333333333", "eu-west-1").ecr(operation, &input);
    };
    moved(
        &|simulator| {
            own(simulator, "PutRegistryScanningConfiguration", json!({"scanType": "ENHANCED", "rules": []}));
        },
        "its scanning configuration is not the one that the plan saw",
    );
    moved(
        &|simulator| own(simulator, "PutRegistryPolicy", json!({"policyText": "{\"Statement\":[]}"})),
        "its registry policy is not the one that was judged",
    );
    moved(
        &|simulator| {
            Operator::of(simulator, "222222222222", "eu-west-1")
                .inspector("/disable", &json!({"accountIds": ["333333333333"], "resourceTypes": ["ECR"]}));
        },
        "ECR scanning is DISABLED, and not ENABLED",
    );
    // More findings than were accepted: a push that was scanned.
    moved(
        &|simulator| {
            own(simulator, "PutImage", json!({"repositoryName": "fine", "imageManifest": "{}", "imageTag": "new"}));
        },
        "more would be lost than the plan says: 129 findings, and not 128",
    );
}

#[test]
fn another_organization_and_another_kind_of_endpoint_are_refused() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    let mut other = scangap_tests::organization("[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\n");
    other.organization.id = "o-another1".to_owned();
    let other = scangap_tests::simulate(other);
    let call = plan.consented(&other, &[]);
    assert_eq!(call.code, 65, "{}", call.stderr);
    assert!(
        call.stderr.contains("of organization `o-testing`, and the credentials are of `o-another1`"),
        "{}",
        call.stderr
    );
    // A plan marked as real, applied to a simulation. Its hash is recomputed, as after a deliberate edit.
    let path = plan.folder.join("plan.json");
    python(
        r#"
import hashlib, json, sys
plan = json.load(open(sys.argv[1], encoding="utf-8"))
plan["simulated"] = False
del plan["plan_sha256"]
text = json.dumps(plan, separators=(",", ":"), ensure_ascii=False)
plan["plan_sha256"] = hashlib.sha256(text.encode()).hexdigest()
json.dump(plan, open(sys.argv[1], "w", encoding="utf-8"), ensure_ascii=False)
"#,
        &[&path.to_string_lossy()],
    );
    let call = plan.consented(&simulator, &[]);
    assert_eq!(call.code, 65, "{}", call.stderr);
    assert!(
        call.stderr.contains("the plan is of a real organization, but the endpoint is not AWS's"),
        "{}",
        call.stderr
    );
    assert_eq!(simulator.mutating_calls(), []);
}

#[test]
fn what_cannot_be_saved_is_not_deleted() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    simulator.add_fault(FaultSpec::of("inspector2:ListFilters", "AccessDeniedException", 403));
    let call = plan.consented(&simulator, &[]);
    assert_eq!(call.code, 1, "{}", call.stderr);
    assert!(call.stderr.contains("the backup of what would be lost failed"), "{}", call.stderr);
    assert_eq!(simulator.mutating_calls(), []);
    // Resumed after a refusal, everything is saved again: what has come since would be lost, and is counted.
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    let mut refuse = FaultSpec::of("inspector2:Disable", "AccessDeniedException", 403);
    refuse.count = Some(1);
    simulator.add_fault(refuse);
    let call = plan.consented(&simulator, &[]);
    assert_eq!(call.code, 1, "{}", call.stderr);
    Operator::of(&simulator, "333333333333", "eu-west-1")
        .ecr("PutImage", &json!({"repositoryName": "fine", "imageManifest": "{}", "imageTag": "new"}));
    let before = simulator.mutating_calls().len();
    let call = plan.apply(&simulator, &["--resume"]);
    assert_eq!(call.code, 65, "{}", call.stderr);
    assert!(call.stderr.contains("129 findings, and not 128"), "{}", call.stderr);
    assert_eq!(fs_err::read_dir(plan.folder.join("backup")).expect("backups").count(), 2);
    assert_eq!(simulator.mutating_calls().len(), before);
}

const REPORTS: &[&str] = &[
    "--findings-report",
    "s3://findings-{region}/scangap",
    "--findings-report-key",
    "arn:aws:kms:{region}:222222222222:key/11112222-3333-4444-5555-666677778888",
];

#[test]
fn inspector_writes_its_own_report_before_anything_is_deleted() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    let call = plan.consented(&simulator, REPORTS);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!(mutations(&simulator)[..2], ["inspector2:CreateFindingsReport", "inspector2:Disable"]);
    // Of every status, to where it was said, by the account that disables.
    let place = json!({
        "bucketName": "findings-eu-west-1",
        "keyPrefix": "scangap",
        "kmsKeyArn": "arn:aws:kms:eu-west-1:222222222222:key/11112222-3333-4444-5555-666677778888",
    });
    assert_eq!(simulator.findings_reports(), [(place, 128)]);
    let saved = &plan.applied()["steps"][0]["saved"];
    let (backup, report) = (saved[0].as_str().expect("a backup"), saved[1].as_str().expect("a report"));
    assert!(backup.starts_with("backup/333333333333-eu-west-1-") && backup.contains("sha256"), "{saved}");
    assert!(report.starts_with("s3://findings-eu-west-1/scangap: report "), "{saved}");
    assert!(simulator.sessions_may_on("s3:PutObject", "arn:aws:s3:::findings-eu-west-1/scangap/x"));
    assert!(!simulator.sessions_may_on("s3:PutObject", "arn:aws:s3:::findings-us-east-1/scangap/x"));
}

#[test]
fn a_report_that_inspector_cannot_write_keeps_everything_as_it_is() {
    let mut scenario = crate::resync::stale_scenario("", STALE_REGISTRY);
    scenario.organization.report_buckets = Some(Vec::new());
    let simulator = scangap_tests::simulate(scenario);
    let plan = stale_plan(&simulator);
    let call = plan.consented(&simulator, REPORTS);
    assert_eq!(call.code, 1, "{}", call.stderr);
    assert!(call.stderr.contains("is FAILED: BUCKET_NOT_FOUND"), "{}", call.stderr);
    // `--resume` keeps the `--findings-report` settings of the first run.
    let call = plan.apply(&simulator, &["--resume"]);
    assert_eq!(call.code, 1, "{}", call.stderr);
    assert!(call.stderr.contains("is FAILED: BUCKET_NOT_FOUND"), "{}", call.stderr);
    assert_eq!(mutations(&simulator), ["inspector2:CreateFindingsReport"; 2]);
    // Nor is one that would lie in another region, or nowhere, asked for.
    let (bucket, key) = ("s3://findings", "arn:aws:kms:us-east-1:222222222222:key/1");
    for (bucket, key, sentence) in [
        (bucket, key, "findings of eu-west-1 are written to a bucket and with a key of eu-west-1"),
        ("findings", key, "`findings` is not s3://BUCKET"),
        (bucket, "alias/findings", "`alias/findings` is not the ARN of a KMS key"),
    ] {
        let simulator = stale("", STALE_REGISTRY, "");
        let plan = stale_plan(&simulator);
        let call = plan.consented(&simulator, &["--findings-report", bucket, "--findings-report-key", key]);
        assert_eq!(call.code, 64, "{}", call.stderr);
        assert!(call.stderr.contains(sentence), "{}", call.stderr);
        assert_eq!(simulator.mutating_calls(), []);
    }
}

#[test]
fn a_repository_that_changed_meanwhile_is_not_re_synced_for() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    Operator::of(&simulator, "333333333333", "eu-west-1")
        .ecr("SetRepositoryPolicy", &json!({"repositoryName": "app", "policyText": crate::journey::BEFORE}));
    let before = simulator.mutating_calls().len();
    let call = plan.consented(&simulator, &[]);
    assert_eq!(call.code, 65, "{}", call.stderr);
    assert!(call.stderr.contains("the policy of app is not the one that lets Inspector in"), "{}", call.stderr);
    assert_eq!(simulator.mutating_calls().len(), before);
}

#[test]
fn an_account_that_inspector_refuses_inside_an_answer_is_a_failure() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    let mut failed = FaultSpec::of("inspector2:Disable", "BLOCKED_BY_ORGANIZATION_POLICY", 200);
    failed.kind = FaultKind::FailedAccount;
    simulator.add_fault(failed);
    let call = plan.consented(&simulator, &[]);
    assert_eq!(call.code, 1, "{}", call.stderr);
    assert!(
        call.stderr.contains("inspector2:Disable was refused for account 333333333333: BLOCKED_BY_ORGANIZATION_POLICY"),
        "{}",
        call.stderr
    );
    assert_eq!(ecr_status(&simulator), "ENABLED");
    assert_eq!(simulator.losses(), (0, 0));
}

#[test]
fn what_would_be_deleted_can_be_saved_early() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = plan_of(&simulator, &audit(&simulator).expect_code(0), &["--backup"]);
    let backup =
        fs_err::read_dir(plan.folder.join("backup")).expect("backups").next().expect("one").expect("it").path();
    python(BACKUP, &[&backup.to_string_lossy()]);
    assert_eq!(simulator.mutating_calls(), []);
    assert!(!simulator.sessions_may("inspector2:Disable"));
}

#[test]
fn what_was_applied_joins_the_evidence_of_the_next_audit() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    assert_eq!(plan.consented(&simulator, &[]).code, 0);
    let after = audit(&simulator).expect_code(0);
    let applied = plan.folder.join("applied.json").to_string_lossy().into_owned();
    let report = Scangap::new(&["report", &snapshot(&after), "--applied", &applied, "--out", "reports", "-q"]).run();
    assert_eq!(report.code, 0, "{}", report.stderr);
    let folder = report.home.path().join("reports");
    let page = fs_err::read_to_string(folder.join("report.html")).expect("the page");
    assert!(page.contains("<td>128 (128)</td><td>1 (1)</td>"), "what was lost against what was predicted");
    assert!(page.contains("arn:aws:iam::111111111111:user/auditor"), "and who did it");
    assert!(page.contains("<td>backup/333333333333-eu-west-1-"), "and where it is saved");
    let mut workbook: calamine::Xlsx<_> = calamine::open_workbook(folder.join("audit.xlsx")).expect("a workbook");
    let sheet = calamine::Reader::worksheet_range(&mut workbook, "Applied").expect("the sheet");
    assert_eq!(sheet.height(), 2, "{sheet:?}");
    assert!(sheet.rows().flatten().any(|registry| registry.to_string().contains("manifest.json: sha256")), "{sheet:?}");
    assert_eq!(
        fs_err::read(folder.join("applied.json")).expect("the report itself"),
        fs_err::read(&applied).expect("the same"),
    );
    let verified = Scangap::new(&["verify", &folder.to_string_lossy()]).run();
    assert!(verified.code == 0 && verified.stdout.contains("applied.json"), "{}", verified.stdout);
    // Of another organization, or not one at all.
    let demo = crate::demo::demo();
    let other = Scangap::new(&["report", &snapshot(&demo), "--applied", &applied, "--out", "reports"]).run();
    assert_eq!(other.code, 65, "{}", other.stderr);
    let none = plan.folder.join("resync.csv").to_string_lossy().into_owned();
    let none = Scangap::new(&["report", &snapshot(&after), "--applied", &none, "--out", "reports"]).run();
    assert!(none.code == 65 && none.stderr.contains("is not the closing report"), "{}", none.stderr);
}

const OFFICE: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"OfficeOnly","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"}}}]}"#;
const REPAIRED: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"OfficeOnly","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"},"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::333333333333:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2"}}}]}"#;

/// Three blocked repositories in one account.
pub(crate) fn blocked() -> Simulated {
    let policy = |name: &str, inspector: &str, text: &str| {
        format!("[[policies]]\nname = \"{name}\"\ninspector = \"{inspector}\"\ntext = {}\n", json!(text))
    };
    let repositories: Vec<String> = ["one", "team/two", "three"]
        .iter()
        .map(|name| format!("{{ name = \"{name}\", policy = \"office\" }}"))
        .collect();
    scangap_tests::simulate(scangap_tests::organization(&format!(
        "{}{}{}[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\n[[accounts.registries]]\nregion = \"eu-west-1\"\nrepositories = [{}]\n",
        policy("office", "denied", OFFICE),
        policy("repaired", "allowed", REPAIRED),
        policy("other", "allowed", r#"{"Statement":[]}"#),
        repositories.join(", ")
    )))
}

#[test]
fn repairs_are_written_by_a_session_that_may_do_nothing_else() {
    let simulator = blocked();
    let plan = plan_of(&simulator, &audit(&simulator).expect_code(0), &["--fix"]);
    let call = plan.apply(&simulator, &["--confirm", "o-testing", "--batch", "2"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!(mutations(&simulator), ["ecr:SetRepositoryPolicy"; 3]);
    let after = audit(&simulator).expect_code(0);
    assert!(after.csv("repositories.csv").iter().all(|row| row["policy_verdict"] == "allowed"));
    let arn = |name: &str| format!("arn:aws:ecr:eu-west-1:333333333333:repository/{name}");
    assert!(simulator.sessions_may_on("ecr:SetRepositoryPolicy", &arn("one")));
    assert!(!simulator.sessions_may_on("ecr:SetRepositoryPolicy", &arn("another")), "the plan's repositories alone");
    for action in ["inspector2:Disable", "ecr:DeleteRepository", "ecr:PutRegistryScanningConfiguration", "ecr:PutImage"]
    {
        assert!(!simulator.sessions_may(action), "{action}");
    }
}

#[test]
fn a_policy_that_was_changed_stops_the_plan_and_one_that_was_repaired_does_not() {
    let simulator = blocked();
    let plan = plan_of(&simulator, &audit(&simulator).expect_code(0), &["--fix"]);
    let own = Operator::of(&simulator, "333333333333", "eu-west-1");
    let set = |name: &str, text: &str| {
        drop(own.ecr("SetRepositoryPolicy", &json!({"repositoryName": name, "policyText": text})));
    };
    set("one", REPAIRED);
    set("three", r#"{"Statement":[]}"#);
    let before = simulator.mutating_calls().len();
    let call = plan.apply(&simulator, &["--confirm", "o-testing"]);
    assert_eq!(call.code, 65, "{}", call.stderr);
    assert!(call.stderr.contains("three): its policy is not the one that the plan saw"), "{}", call.stderr);
    assert_eq!(simulator.mutating_calls().len(), before);
    // Put back as it was, in ECR's own writing: the same policy.
    set("three", OFFICE);
    let before = simulator.mutating_calls().len();
    let call = plan.apply(&simulator, &["--resume"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!(simulator.mutating_calls().len() - before, 2, "the one that was repaired already is left alone");
}

// Holds: 5 The closing report: a repair that failed is in it with its own reason, and so is one that may have been written
#[test]
fn repairs_that_failed_are_in_the_closing_report() {
    let simulator = blocked();
    let plan = plan_of(&simulator, &audit(&simulator).expect_code(0), &["--fix"]);
    for (name, code) in [("team/two", "InvalidParameterException"), ("three", "RepositoryNotFoundException")] {
        let mut fault = FaultSpec::of("ecr:SetRepositoryPolicy", code, 400);
        fault.resource = Some(name.to_owned());
        simulator.add_fault(fault);
    }
    let call = plan.apply(&simulator, &["--confirm", "o-testing", "--batch", "2"]);
    assert_ne!(call.code, 0, "{}", call.stdout);
    let applied = plan.applied();
    let result = |name: &str| -> String {
        let steps = applied["steps"].as_array().expect("steps");
        let step = steps.iter().find(|step| step["what"] == name).unwrap_or_else(|| panic!("{name}: {applied}"));
        step["result"].as_str().expect("text").to_owned()
    };
    assert_eq!(result("one"), "repaired");
    for (name, code) in [("team/two", "InvalidParameterException"), ("three", "RepositoryNotFoundException")] {
        assert!(result(name).starts_with("not finished: its policy may have been written: "), "{}", result(name));
        assert!(result(name).contains(code), "{}", result(name));
    }
}
