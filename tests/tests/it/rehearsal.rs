//! A plan is rehearsed on a copy of the organization; the article's journey goes by commands alone; and the script does
//! what `apply` does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use scangap_simorg::Simulator;
use scangap_tests::{Finished, Scangap, aws_program};
use serde_json::{Value, json};

use crate::apply::stale_plan;
use crate::journey::BEFORE;
use crate::resync::{STALE_REGISTRY, at, audit, snapshot, stale};

fn json_of(call: &Finished) -> Value {
    serde_json::from_str(&call.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", call.stdout, call.stderr))
}

// Holds: 13 Typed files: run.json, applied.json and each line of journal.jsonl follow the schema that `schema` prints, and no other member does
#[test]
fn a_rehearsal_shows_what_an_apply_then_does_and_asks_nobody() {
    let simulator = stale("", STALE_REGISTRY, "");
    let audited = audit(&simulator).expect_code(0);
    let plan = crate::apply::plan_of(&simulator, &audited, &[]);
    let folder = plan.folder.to_string_lossy().into_owned();
    let snapshot = snapshot(&audited);
    let calls = simulator.calls().len();
    // The environment leads to the organization: a rehearsal does not go there.
    let out = plan.home.path().join("rehearsal");
    let out = out.to_string_lossy().into_owned();
    let call = at(&simulator, &["rehearse", &folder, "--snapshot", &snapshot, "--out", &out, "--output", "json"]).run();
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!(simulator.calls().len(), calls, "no call leaves the machine");
    let rehearsed = json_of(&call);
    assert_eq!(rehearsed["simulated"], true);
    assert_eq!(rehearsed["becomes_covered"], json!(["333333333333 eu-west-1 app: stale -> covered"]));
    assert_eq!((&rehearsed["becomes_worse"], &rehearsed["stays_broken"]), (&json!([]), &json!([])));
    assert_eq!(rehearsed["lost"], json!({"findings": 128, "images": 2, "images_not_rescanned": 1}), "as the plan says");
    assert_eq!(rehearsed["predicted"], json!({"findings": 128, "images_not_rescanned": 1}));
    assert_eq!(rehearsed["outcome"]["steps"][0]["lost"], json!({"findings": 128, "images_not_rescanned": 1}));
    assert_eq!(rehearsed["other_than_in_the_snapshot"], 0, "the copy is faithful");
    let verified = Scangap::new(&["verify", &format!("{out}/after")]).run();
    assert_eq!(verified.code, 0, "the audit of the copy is whole: {}", verified.stdout);
    let written = Path::new(&out);
    for (kind, file) in [("run", "after/run.json"), ("applied", "applied.json"), ("journal", "journal.jsonl")] {
        crate::reports::follows_schema(kind, &written.join(file));
    }
    // The text says that it is a simulation, and finds the snapshot beside the plan by itself.
    let beside = plan.home.path().join("run");
    fs_err::create_dir(&beside).expect("a folder");
    for name in ["snapshot.db", "snapshot-losses-1.db"] {
        fs_err::copy(audited.out.join(name), beside.join(name)).expect("a copy");
    }
    let text = Scangap::new(&["rehearse", &folder]).run();
    assert_eq!(text.code, 0, "{}{}", text.stdout, text.stderr);
    for line in [
        "SIMULATED: nothing of this happened at AWS.",
        "becomes covered: 1",
        "lost: 128 findings (the plan says 128), the scans of 2 images, 1 of which are not scanned again (the plan says 1)",
        "which AWS does not document",
    ] {
        assert!(text.stdout.contains(line), "`{line}` is missing:\n{}", text.stdout);
    }
    assert!(plan.folder.join("rehearsal/before/repositories.csv").exists());
    // The rehearsal was no apply.
    let real = plan.consented(&simulator, &[]);
    assert_eq!(real.code, 0, "{}", real.stderr);
    assert_eq!(simulator.losses(), (128, 2), "and what it showed came true");
}

#[test]
fn a_rehearsal_of_another_snapshot_or_of_none_says_which_it_wants() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    let folder = plan.folder.to_string_lossy().into_owned();
    let call = Scangap::new(&["rehearse", &folder]).run();
    assert!(call.code == 65 && call.stderr.contains("no snapshot with the plan's facts"), "{}", call.stderr);
    // The snapshot without the count that the plan names.
    let audited = audit(&simulator).expect_code(0);
    let counted = crate::apply::plan_of(&simulator, &audited, &[]);
    fs_err::remove_file(audited.out.join("snapshot-losses-1.db")).expect("removed");
    let counted = counted.folder.to_string_lossy().into_owned();
    let call = Scangap::new(&["rehearse", &counted, "--snapshot", &snapshot(&audited)]).run();
    assert!(call.code == 65 && call.stderr.contains("the loss estimate that the plan refers to"), "{}", call.stderr);
    let other = audit(&stale("", &STALE_REGISTRY.replace("\"fine\"", "\"other\""), "")).expect_code(0);
    let call = Scangap::new(&["rehearse", &folder, "--snapshot", &snapshot(&other)]).run();
    assert!(call.code == 65 && call.stderr.contains("holds others"), "{}", call.stderr);
}

#[test]
fn a_copy_of_the_demo_organization_is_as_the_snapshot_says() {
    let audited = crate::demo::demo();
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("plan").to_string_lossy().into_owned();
    let planned = Scangap::new(&["plan", &snapshot(&audited), "--fix", "--out", &folder]).run();
    assert_eq!(planned.code, 3, "{}", planned.stderr);
    let call = Scangap::new(&["rehearse", &folder, "--snapshot", &snapshot(&audited), "--output", "json"]).run();
    assert_eq!(call.code, 3, "the snapshot has gaps: {}{}", call.stdout, call.stderr);
    let rehearsed = json_of(&call);
    assert_eq!(rehearsed["other_than_in_the_snapshot"], 0, "every diagnosis is the same in the copy");
    assert_eq!(
        rehearsed["becomes_covered"],
        json!(["333333333333 eu-west-1 ledger: at_risk -> covered"]),
        "the other one that is repaired waits for a push"
    );
    assert_eq!(rehearsed["lost"]["findings"], 0);
}

/// `scangap simulate`, as a user serves it.
struct Served {
    child: Child,
    url: String,
    _home: tempfile::TempDir,
}

impl Served {
    fn start(scenario: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("organization.toml");
        fs_err::write(&file, scenario).expect("written");
        let (mut child, home) = Scangap::new(&["simulate", "--scenario", &file.to_string_lossy()]).spawn();
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let url = line.split("AWS_ENDPOINT_URL=").nth(1).and_then(|rest| rest.split(' ').next()).expect("a URL");
        Self { child, url: url.to_owned(), _home: home }
    }

    fn get(&self, path: &str) -> String {
        let host = self.url.replace("http://", "");
        let mut stream = TcpStream::connect(&host).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("read");
        answer.split_once("\r\n\r\n").expect("an answer").1.to_owned()
    }

    fn scangap(&self, folder: &Path, arguments: &[&str]) -> Finished {
        Scangap::new(arguments)
            .in_folder(folder)
            .env("HOME", &folder.to_string_lossy())
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", &Simulator::access_key("111111111111"))
            .env("AWS_SECRET_ACCESS_KEY", "simulated")
            .env("AWS_REGION", "us-east-1")
            .run()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The article, by commands alone: audit, plan, rehearse, apply the repair, audit (stale), plan, rehearse, apply the
/// re-sync, audit (covered).
#[test]
#[expect(clippy::too_many_lines, reason = "one journey, step by step")]
fn the_articles_journey_goes_by_commands_alone() {
    let scenario = format!(
        r#"
schema = 1
clock = "2026-11-23T09:00:00Z"
[organization]
id = "o-article1"
management_account = "111111111111"
inspector_administrator = "222222222222"
regions = ["eu-west-1", "us-east-1"]
[[policies]]
name = "before"
inspector = "denied"
text = '{BEFORE}'
[[accounts]]
id = "111111111111"
name = "management"
[[accounts]]
id = "222222222222"
name = "security"
[[accounts]]
id = "333333333333"
name = "payments"
[[accounts.registries]]
region = "eu-west-1"
rules = [{{ frequency = "SCAN_ON_PUSH", filters = ["team*", "article"] }}, {{ frequency = "CONTINUOUS_SCAN", filters = ["*"] }}]
[[accounts.registries.repositories]]
name = "article/app"
policy = "before"
sticky = true
images = [{{ pushed_days_ago = 2, findings = 0 }}]
coverage = {{ status = "INACTIVE", reason = "ACCESS_DENIED" }}
[[accounts.registries.repositories]]
name = "team/neighbour"
images = [{{ pushed_days_ago = 2, findings = 31, suppressed = 1 }}, {{ pushed_days_ago = 60, findings = 8 }}]
"#
    );
    let served = Served::start(&scenario);
    let home = tempfile::tempdir().expect("a folder");
    let run = |code: i32, arguments: &[&str]| {
        let call = served.scangap(home.path(), arguments);
        assert_eq!(call.code, code, "{arguments:?}\n{}{}", call.stdout, call.stderr);
        call
    };
    let diagnosis = |run: &str, name: &str| {
        let mut rows = csv::Reader::from_path(home.path().join(run).join("repositories.csv")).expect("rows");
        let row = rows.deserialize::<scangap_tests::Row>().flatten().find(|row| row["repository"] == name);
        row.expect("a row")["diagnosis"].clone()
    };
    let rules = || {
        let output = Command::new(aws_program())
            .args(["ecr", "get-registry-scanning-configuration", "--region", "eu-west-1", "--output", "json"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", home.path())
            .env("AWS_ENDPOINT_URL", &served.url)
            .env("AWS_ACCESS_KEY_ID", Simulator::access_key("333333333333"))
            .env("AWS_SECRET_ACCESS_KEY", "simulated")
            .stdin(Stdio::null())
            .output()
            .expect("the aws CLI runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let role = ["--write-role-name", "OrganizationAccountAccessRole", "--wait", "20s"];
    let rules_before = rules();

    run(0, &["audit", "--out", "runs/1"]);
    assert_eq!(diagnosis("runs/1", "article/app"), "blocked");
    run(2, &["plan", "runs/1/snapshot.db", "--out", "repair", "--detailed-exitcode"]);
    let rehearsed = run(0, &["rehearse", "repair"]);
    for line in [
        "lets Inspector in: 1, at the next push",
        "333333333333 (payments) eu-west-1 article/app: stale, until the next push",
        "still without coverage after the plan: 0, and 1 until the next push",
        "Next     scangap apply repair --write-role-name ROLE --dry-run",
    ] {
        assert!(rehearsed.stdout.contains(line), "repaired, and stuck: `{line}` is missing: {}", rehearsed.stdout);
    }
    run(0, &[&["apply", "repair", "--confirm", "o-article1"][..], &role].concat());

    run(0, &["audit", "--out", "runs/2"]);
    assert_eq!(diagnosis("runs/2", "article/app"), "stale");
    run(
        0,
        &[
            "plan",
            "runs/2/snapshot.db",
            "--previous",
            "runs/1/snapshot.db",
            "--min-age",
            "0h",
            "--collect",
            "--out",
            "resync",
        ],
    );
    let plan: Value =
        serde_json::from_str(&fs_err::read_to_string(home.path().join("resync/plan.json")).expect("a plan"))
            .expect("JSON");
    assert_eq!(plan["losses"], json!({"findings": 40, "images": 2, "images_not_rescanned": 1, "repositories": 1}));
    let rehearsed = run(0, &["rehearse", "resync"]);
    assert!(rehearsed.stdout.contains("article/app: stale -> covered"), "{}", rehearsed.stdout);
    assert!(rehearsed.stdout.contains("lost: 40 findings (the plan says 40)"), "{}", rehearsed.stdout);
    assert_eq!(served.get("/_simorg/losses"), "", "nothing was lost by rehearsing");
    run(0, &[&["apply", "resync", "--confirm", "o-article1", "--accept-history-loss", "40"][..], &role].concat());

    run(0, &["audit", "--out", "runs/3"]);
    assert_eq!(diagnosis("runs/3", "article/app"), "covered");
    assert_eq!(diagnosis("runs/3", "team/neighbour"), "covered");
    // The predicted losses are the simulator's log of what vanished.
    let lost: Value = serde_json::from_str(served.get("/_simorg/losses").trim()).expect("one loss");
    assert_eq!((&lost["findings"], &lost["images"]), (&plan["losses"]["findings"], &plan["losses"]["images"]));
    assert_eq!(rules(), rules_before, "the registry's rules, byte for byte");
    let diff = run(0, &["diff", "runs/2/snapshot.db", "runs/3/snapshot.db"]);
    assert!(diff.stdout.contains("fixed 1"), "{}", diff.stdout);
}
