//! Regression tests for the executor and the code around it: each of these bugs kept ECR scanning off, used an outdated count, or
//! reported different things in different places.

use std::collections::BTreeMap;

use scangap_simorg::Simulator;
use scangap_simorg::scenario::{FaultKind, FaultSpec};
use scangap_tests::{Audited, Row, Scangap, Simulated, organization, simulate};
use serde_json::{Value, json};

use crate::apply::{LOST, ROLE, ecr_status, plan_of, stale_plan};
use crate::resync::{STALE_REGISTRY, at, audit, snapshot, stale};
use crate::trouble::{enable_fault, fault};

const CONSENT: [&str; 6] = ["--confirm", "o-testing", "--accept-history-loss", LOST, "--wait", "20s"];

/// A stale registry that an apply left off, with an audit role and a write role of its own.
fn left_off() -> (Simulated, crate::apply::Planned) {
    let simulator = stale("roles = [\"OrganizationAccountAccessRole\", \"write\"]", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    simulator.add_fault(enable_fault(FaultKind::Error, 1000));
    assert_eq!(plan.consented_for("1s", &simulator, &[]).code, 5);
    assert_eq!(ecr_status(&simulator), "DISABLED");
    simulator.clear_faults();
    (simulator, plan)
}

// Holds: 8 The executor: Enable is called also while status reads fail
#[test]
fn a_status_that_cannot_be_read_keeps_nothing_off() {
    let (simulator, plan) = left_off();
    simulator.add_fault(fault("inspector2:BatchGetAccountStatus", FaultKind::Error, None));
    let call = plan.apply(&simulator, &["--bring-back", "--wait", "12s"]);
    // The status could not be read, so scanning is not reported as on, although it is on.
    assert_ne!(call.code, 0, "{}{}", call.stdout, call.stderr);
    simulator.clear_faults();
    assert_eq!(ecr_status(&simulator), "ENABLED");
}

// Holds: 8 The executor: bringing back works with the write role alone
#[test]
fn an_audit_role_that_is_gone_keeps_nothing_off() {
    let (simulator, plan) = left_off();
    let folder = plan.folder.to_string_lossy().into_owned();
    let call = at(&simulator, &["apply", &folder, "--bring-back", "--role-name", "gone", "--wait", "20s"])
        .args(&["--write-role-name", ROLE])
        .env("HOME", &plan.home.path().to_string_lossy())
        .run();
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!(ecr_status(&simulator), "ENABLED");
}

// Holds: 8 The executor: a resume after a finished apply leaves applied.* as they are
#[test]
fn a_resume_after_the_end_changes_nothing() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    assert_eq!(plan.apply(&simulator, &CONSENT).code, 0);
    let files = || {
        ["applied.json", "applied.md", "journal.jsonl"]
            .map(|file| fs_err::read(plan.folder.join(file)).expect("a file"))
    };
    let (before, calls) = (files(), simulator.calls().len());
    let call = plan.apply(&simulator, &["--resume"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert!(call.stdout.contains("done before"), "{}", call.stdout);
    assert_eq!(files(), before);
    assert_eq!(simulator.calls().len(), calls);
}

// Holds: 8 The executor: plan --collect obeys --organization-role-arn, and the organization role's session is renewed
#[test]
fn a_tooling_account_counts_through_the_role_of_the_organization() {
    let simulator = stale("", STALE_REGISTRY, "");
    let audited = audit(&simulator).expect_code(0);
    let mut denied = FaultSpec::of("organizations:DescribeOrganization", "AccessDeniedException", 400);
    denied.account = Some("333333333333".to_owned());
    simulator.add_fault(denied);
    // The role's session is over after its first call.
    let mut expired = FaultSpec::of("organizations:DescribeOrganization", "ExpiredTokenException", 400);
    (expired.account, expired.count) = (Some("111111111111".to_owned()), Some(1));
    simulator.add_fault(expired);
    let role = "arn:aws:iam::111111111111:role/OrganizationAccountAccessRole";
    let call =
        at(&simulator, &["plan", &snapshot(&audited), "--resync", "--min-age", "0h", "--collect", "--output", "json"])
            .args(&["--organization-role-arn", role])
            .env("AWS_ACCESS_KEY_ID", &Simulator::access_key("333333333333"))
            .run();
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
}

// Holds: 8 The executor: the newest count is the newest, whichever files were removed
#[test]
fn the_newest_count_is_used_whatever_its_number() {
    let simulator = stale("", STALE_REGISTRY, "");
    let audited = audit(&simulator).expect_code(0);
    let count = || plan_of(&simulator, &audited, &[]);
    let named = |plan: &crate::apply::Planned| {
        let text = fs_err::read_to_string(plan.folder.join("plan.json")).expect("a plan");
        serde_json::from_str::<Value>(&text).expect("JSON")["losses_sha256"].clone()
    };
    drop((count(), count()));
    fs_err::remove_file(audited.out.join("snapshot-losses-1.db")).expect("removed");
    let third = named(&count());
    assert!(!audited.out.join("snapshot-losses-1.db").exists(), "a removed number is not given again");
    // Without counting anew: the last one counts.
    let home = tempfile::tempdir().expect("a folder");
    let out = home.path().join("plan").to_string_lossy().into_owned();
    let call = at(&simulator, &["plan", &snapshot(&audited), "--min-age", "0h", "--out", &out]).run();
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    let text = fs_err::read_to_string(home.path().join("plan/plan.json")).expect("a plan");
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON")["losses_sha256"], third);
}

// Holds: 8 The executor: a plan with a step in an account that no role opens loses that step and not the others
#[test]
fn an_account_that_does_not_open_loses_its_own_steps_alone() {
    let office = json!(crate::journey::BEFORE);
    let role =
        "arn:aws:iam::333333333333:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2";
    let after = json!(crate::journey::AFTER.replace(role, "{{inspector_role}}"));
    let accounts: Vec<String> = ["333333333333", "444444444444", "555555555555"]
        .iter()
        .map(|id| {
            let write = if *id == "444444444444" { "" } else { "\"write\", " };
            format!(
                "[[accounts]]\nid = \"{id}\"\nname = \"team\"\nroles = [{write}\"OrganizationAccountAccessRole\"]\ncells = [{{ region = \"eu-west-1\", repositories = [{{ name = \"app\", policy = \"office\" }}] }}]\n"
            )
        })
        .collect();
    let accounts = accounts.concat();
    let simulator = simulate(organization(&format!(
        "[[policies]]\nname = \"office\"\ninspector = \"denied\"\ntext = {office}\n[[policies]]\nname = \"after\"\ninspector = \"allowed\"\ntext = {after}\n{accounts}"
    )));
    let plan = plan_of(&simulator, &audit(&simulator).expect_code(0), &["--fix"]);
    let folder = plan.folder.to_string_lossy().into_owned();
    let apply = |more: &[&str]| {
        at(&simulator, &["apply", &folder, "--write-role-name", "write"])
            .args(more)
            .env("HOME", &plan.home.path().to_string_lossy())
            .run()
    };
    let looked = apply(&["--dry-run"]);
    assert_eq!(looked.code, 3, "{}{}", looked.stdout, looked.stderr);
    assert!(looked.stdout.contains("Steps in 1 account cannot be made"), "{}", looked.stdout);
    let applied = apply(&["--confirm", "o-testing"]);
    assert_eq!(applied.code, 77, "{}{}", applied.stdout, applied.stderr);
    assert!(applied.stdout.contains("Applied: 2 done, 1 not done"), "{}", applied.stdout);
    assert!(applied.stderr.contains("account 444444444444"), "{}", applied.stderr);
}

// Holds: 8 The executor: a plan whose organization was unknown is refused
#[test]
fn a_plan_of_an_organization_that_nobody_could_describe_is_refused() {
    let simulator = crate::apply::blocked();
    let denied = FaultSpec::of("organizations:DescribeOrganization", "AccessDeniedException", 400);
    simulator.add_fault(denied);
    let audited = audit(&simulator).expect_code(3);
    simulator.clear_faults();
    let home = tempfile::tempdir().expect("a folder");
    let out = home.path().join("plan").to_string_lossy().into_owned();
    let planned = at(&simulator, &["plan", &snapshot(&audited), "--fix", "--out", &out]).run();
    assert_eq!(planned.code, 3, "{}{}", planned.stdout, planned.stderr);
    let call = at(&simulator, &["apply", &out, "--write-role-name", ROLE, "--dry-run"]).run();
    assert_eq!(call.code, 65, "{}{}", call.stdout, call.stderr);
    assert!(call.stderr.contains("could not be described when it was audited"), "{}", call.stderr);
    assert!(simulator.mutating_calls().is_empty());
}

/// What `explain --snapshot` says of a repository, in the words of the report's columns.
fn explained(audited: &Audited, row: &Row) -> BTreeMap<String, String> {
    let call = Scangap::new(&["explain", "--snapshot", &snapshot(audited), "--output", "json"])
        .args(&["--account", &row["account_id"], "--region", &row["region"], "--repository", &row["repository"]])
        .run();
    let said: Value = serde_json::from_str(&call.stdout)
        .unwrap_or_else(|error| panic!("{}: {error}: {}{}", row["repository"], call.stdout, call.stderr));
    let actions = said["actions"].as_object().expect("actions");
    let denied = actions.iter().filter(|(_, action)| action["verdict"] == "denied").map(|(name, _)| name.clone());
    let depends = said["verdict"] == "depends";
    let keys = actions.values().filter(|_| depends).flat_map(|action| action["depends_on"].as_array().expect("keys"));
    let sorted = |mut texts: Vec<String>| {
        texts.sort();
        texts.dedup();
        json!(texts).to_string()
    };
    BTreeMap::from([
        ("policy_verdict".to_owned(), said["verdict"].as_str().expect("a verdict").to_owned()),
        ("denied_actions".to_owned(), sorted(denied.collect())),
        ("depends_on".to_owned(), sorted(keys.map(|key| key.as_str().expect("a key").to_owned()).collect())),
    ])
}

fn agrees(audited: &Audited) {
    let rows = audited.csv("repositories.csv");
    assert!(!rows.is_empty());
    for row in rows.iter().filter(|row| row["listed"] == "yes") {
        for (column, said) in explained(audited, row) {
            let listed: Result<Vec<String>, _> = serde_json::from_str(&row[&column]);
            let reported = listed.map_or_else(
                |_| row[&column].clone(),
                |mut list| {
                    list.sort();
                    json!(list).to_string()
                },
            );
            assert_eq!(said, reported, "{column} of {} in {}", row["repository"], row["account_id"]);
        }
    }
}

// Holds: 8 The executor: explain --snapshot agrees with the report for every repository of the demo and of a generated organization
#[test]
fn what_is_explained_is_what_the_report_says() {
    agrees(&crate::demo::demo());
    let home = Scangap::new(&["demo", "--accounts", "5", "--repositories", "6", "--regions", "1", "--seed", "7"]);
    agrees(&home.into_folder());
}

// Holds: 8 The executor: explain --snapshot checks the hash of the facts
#[test]
fn a_snapshot_that_was_changed_is_not_explained() {
    let audited = crate::demo::demo();
    let path = audited.out.join("snapshot.db");
    let database = rusqlite::Connection::open(&path).expect("a snapshot");
    database.execute("UPDATE repositories SET policy = NULL, policy_state = 'absent'", []).expect("changed");
    drop(database);
    let call = Scangap::new(&["explain", "--snapshot", &path.to_string_lossy(), "--account", "333333333333"])
        .args(&["--region", "eu-west-1", "--repository", "journey/1-blocked"])
        .run();
    assert_eq!(call.code, 65, "{}{}", call.stdout, call.stderr);
}

// Holds: 8 The executor: owner packs cannot overwrite each other
#[test]
fn a_tag_that_looks_like_another_owners_file_has_its_own() {
    let hash = "4c4d9c74"; // What `Payments` is told apart by, or any other eight hexadecimal digits.
    let simulator = simulate(organization(&format!(
        "[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\n[[accounts.registries]]\nregion = \"eu-west-1\"\nrepositories = [{{ name = \"one\", tags = {{ owner = \"Payments\" }} }}, {{ name = \"two\", tags = {{ owner = \"payments-{hash}\" }} }}]\n"
    )));
    let audited = Scangap::audit(&simulator).args(&["--tags", "owner"]).into_folder().expect_code(0);
    let out = audited.out.join("packs");
    let call =
        Scangap::new(&["report", &snapshot(&audited), "--out", &out.to_string_lossy(), "--split-by", "tag:owner"])
            .run();
    assert_eq!(call.code, 0, "{}", call.stderr);
    let names: Vec<String> = fs_err::read_dir(out.join("owners"))
        .expect("a folder")
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .filter(|name| name != "index.html")
        .filter(|name| name.rsplit_once('.').is_some_and(|(_, end)| end == "html"))
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    // A text that ends as a hash does gets one of its own: nobody can choose another owner's file.
    assert!(!names.contains(&format!("payments-{hash}.html")), "{names:?}");
}
