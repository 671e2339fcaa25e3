//! Whether the role that repairs a policy gets through that policy: said by `explain`, by plans and by dry runs.

use scangap_tests::{Finished, Scangap, Simulated, organization, simulate};
use serde_json::{Value, json};

use crate::apply::plan_of;
use crate::resync::{at, audit};

/// Inspector is shut out, and only the platform's role may change that.
const LOCKED: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Freeze","Effect":"Deny","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:DescribeImages"]},{"Sid":"PlatformOnly","Effect":"Deny","Principal":"*","Action":["ecr:SetRepositoryPolicy","ecr:DeleteRepositoryPolicy"],"Condition":{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::333333333333:role/platform"}}}]}"#;

fn explain(policy: &str, more: &[&str]) -> Finished {
    Scangap::new(&["explain", "-", "--account", "333333333333"]).args(more).run_with(policy)
}

// Holds: 5 Advice that harms: `explain --action` judges any action of ECR's, by any principal
#[test]
fn any_action_by_any_principal_is_explained() {
    let set = ["--action", "ecr:SetRepositoryPolicy"];
    let by = |name: &str| ["--principal".to_owned(), format!("arn:aws:iam::333333333333:role/{name}")];
    for (name, code) in [("write", 2), ("platform", 0)] {
        let principal = by(name);
        let finished = explain(LOCKED, &[&set[..], &[&principal[0], &principal[1]]].concat());
        assert_eq!(finished.code, code, "{name}: {}{}", finished.stdout, finished.stderr);
        assert!(finished.stdout.contains("ecr:SetRepositoryPolicy"), "{}", finished.stdout);
    }
    let denied = explain(LOCKED, &[&set[..], &["--principal", "arn:aws:iam::333333333333:role/write"]].concat());
    assert!(denied.stdout.contains("PlatformOnly") && !denied.stdout.contains("Freeze"), "{}", denied.stdout);
    // With or without the service's prefix, in any case.
    let write = ["--principal", "arn:aws:iam::333333333333:role/write"];
    assert_eq!(explain(LOCKED, &[&["--action", "putimage"], &write[..]].concat()).code, 0);
    assert_eq!(explain(LOCKED, &[&["--action", "ECR:deleterepositorypolicy"], &write[..]].concat()).code, 2);
    // Inspector's role has ten actions, and no policy of a registry gives it more.
    let not_its_own = explain(LOCKED, &["--action", "putimage"]);
    assert_eq!(not_its_own.code, 64);
    assert!(not_its_own.stderr.contains("--principal"), "{}", not_its_own.stderr);
    let unknown = explain(LOCKED, &["--action", "ecr:SetRepositoryPolicies"]);
    assert_eq!(unknown.code, 64);
    assert!(unknown.stderr.contains("ecr:SetRepositoryPolicy"), "{}", unknown.stderr);
    // Tags that a request brings are in none of Inspector's, and in those that set tags.
    let tagging = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"x"}}}]}"#;
    assert_eq!(explain(tagging, &[]).code, 0);
    assert_eq!(explain(tagging, &[&["--action", "ecr:TagResource"], &write[..]].concat()).code, 4);
    // What a registry policy enforces under V1 too.
    let replication = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "ecr:ReplicateImage", "Resource": "*"}]});
    for (scope, action, verdict) in [
        ("V1", "ecr:ReplicateImage", "denied"),
        ("V2", "ecr:ReplicateImage", "denied"),
        ("V1", "ecr:PutImage", "allowed"),
    ] {
        let line = json!({"account": "333333333333", "policy": {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "333333333333"}, "Action": "ecr:*"}]}, "registry_policy": replication, "registry_policy_scope": scope, "actions": [action], "principal": write[1]});
        let answer = Scangap::new(&["explain", "--batch", "--exit-zero"]).run_with(&format!("{line}\n"));
        let answer: Value = serde_json::from_str(&answer.stdout).expect("an answer");
        assert_eq!(answer["verdict"], verdict, "{scope} {action}: {answer}");
    }
    let line = json!({"account": "333333333333", "policy": LOCKED, "actions": ["ecr:DeleteRepositoryPolicy"], "principal": "arn:aws:iam::333333333333:role/write"});
    let batch = Scangap::new(&["explain", "--batch"]).run_with(&format!("{line}\n"));
    assert_eq!(batch.code, 2, "{}{}", batch.stdout, batch.stderr);
}

/// One repository that only the platform's role can repair, and one that any role can try from where its condition lets it.
fn world() -> Simulated {
    let (locked, office) = (json!(LOCKED), json!(crate::journey::BEFORE));
    let role =
        "arn:aws:iam::333333333333:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2";
    let after = json!(crate::journey::AFTER.replace(role, "{{inspector_role}}"));
    simulate(organization(&format!(
        r#"
[[policies]]
name = "locked"
inspector = "denied"
writer = "denied"
text = {locked}
[[policies]]
name = "office"
inspector = "denied"
text = {office}
[[policies]]
name = "after"
inspector = "allowed"
text = {after}
[[accounts]]
id = "333333333333"
name = "alpha"
roles = ["write", "platform", "OrganizationAccountAccessRole"]
registries = [{{ region = "eu-west-1", repositories = [{{ name = "locked", policy = "locked" }}, {{ name = "open", policy = "office" }}] }}]
"#
    )))
}

fn steps(folder: &std::path::Path) -> Vec<Value> {
    let text = fs_err::read_to_string(folder.join("plan.json")).expect("a plan");
    serde_json::from_str::<Value>(&text).expect("JSON")["steps"].as_array().expect("steps").clone()
}

// Holds: 5 Advice that harms: plans say at each step whether the write role gets through the policy as it is
#[test]
fn a_plan_says_whether_the_write_role_gets_through() {
    let simulator = world();
    let audited = audit(&simulator).expect_code(0);
    for (name, verdict, depends_on) in [
        (None, "depends", json!(["aws:PrincipalArn"])),
        (Some("write"), "denied", json!([])),
        (Some("platform"), "allowed", json!([])),
    ] {
        let named: Vec<&str> = name.iter().flat_map(|name| ["--write-role-name", name]).collect();
        let plan = plan_of(&simulator, &audited, &[&["--fix"], &named[..]].concat());
        let found = steps(&plan.folder);
        let locked = found.iter().find(|step| step["repository"] == "locked").expect("a step");
        assert_eq!(locked["write_role"]["name"], json!(name));
        assert_eq!(
            (&locked["write_role"]["verdict"], &locked["write_role"]["depends_on"]),
            (&json!(verdict), &depends_on)
        );
        let open = found.iter().find(|step| step["repository"] == "open").expect("a step");
        assert_eq!(open["write_role"]["verdict"], "depends", "it hangs on the address");
        let runbook = fs_err::read_to_string(plan.folder.join("plan.md")).expect("a runbook");
        assert_eq!(runbook.contains("does NOT get through the policies as they are"), verdict == "denied", "{runbook}");
    }
}

// Holds: 5 Advice that harms: a step that the write role cannot make is refused in the dry run, and the others are made
#[test]
fn a_step_that_the_write_role_cannot_make_is_refused_in_the_dry_run() {
    let simulator = world();
    let plan = plan_of(&simulator, &audit(&simulator).expect_code(0), &["--fix"]);
    let folder = plan.folder.to_string_lossy().into_owned();
    let apply = |role: &str, more: &[&str]| {
        let home = plan.home.path().to_string_lossy().into_owned();
        at(&simulator, &["apply", &folder, "--write-role-name", role]).args(more).env("HOME", &home).run()
    };
    let looked = apply("write", &["--dry-run"]);
    assert_eq!(looked.code, 3, "{}{}", looked.stdout, looked.stderr);
    let why = "1 step cannot be made: the policies as they are keep the write role out";
    assert!(looked.stdout.contains(why), "{}", looked.stdout);
    assert!(looked.stderr.contains("PlatformOnly"), "{}", looked.stderr);
    assert_eq!(apply("platform", &["--dry-run"]).code, 0);
    assert!(simulator.mutating_calls().is_empty());
    let applied = apply("write", &["--confirm", "o-testing"]);
    assert_eq!(applied.code, 77, "{}{}", applied.stdout, applied.stderr);
    assert!(applied.stdout.contains("Applied: 1 done, 1 not done"), "{}", applied.stdout);
    let written: Vec<String> = simulator.mutating_calls().into_iter().map(|call| call.resource).collect();
    assert_eq!(written, ["open"], "nothing is tried that is known to be refused");
}

// Holds: 5 Advice that harms: a re-sync that needs a repair is left out with it, and nothing is begun where nothing can be made
#[test]
fn a_re_sync_is_left_out_with_the_repair_that_it_needs() {
    let text = json!(LOCKED);
    let registries = r#"registries = [{ region = "eu-west-1", repositories = [
  { name = "app", policy = "open", coverage = { status = "INACTIVE", reason = "ACCESS_DENIED" }, sticky = true },
  { name = "atrisk", policy = "locked", coverage = { status = "ACTIVE", reason = "SUCCESSFUL" } },
] }]"#;
    let policy =
        format!("[[policies]]\nname = \"locked\"\ninspector = \"denied\"\nwriter = \"denied\"\ntext = {text}\n");
    let simulator = crate::resync::stale("", &format!("{registries}\n{policy}"), "");
    let audited = audit(&simulator).expect_code(0);
    assert_eq!(audited.diagnosis("atrisk"), "at_risk");
    let plan = plan_of(&simulator, &audited, &[]);
    let found = steps(&plan.folder);
    let resync = found.iter().find(|step| step["kind"] == "resync_registry").expect("a re-sync");
    assert_eq!(resync["needs_first"], json!(["policy-0001"]));
    let lost = resync["losses"]["findings"].to_string();
    let folder = plan.folder.to_string_lossy().into_owned();
    let apply = |more: &[&str]| {
        let home = plan.home.path().to_string_lossy().into_owned();
        let role = ["apply", &folder, "--write-role-name", crate::apply::ROLE, "--wait", "5s"];
        at(&simulator, &role).args(more).env("HOME", &home).run()
    };
    let looked = apply(&["--dry-run"]);
    assert_eq!(looked.code, 3, "{}{}", looked.stdout, looked.stderr);
    assert!(looked.stdout.contains("2 steps cannot be made"), "{}", looked.stdout);
    let applied = apply(&["--confirm", "o-testing", "--accept-history-loss", &lost]);
    assert_eq!(applied.code, 77, "{}{}", applied.stdout, applied.stderr);
    assert!(simulator.mutating_calls().is_empty(), "{:?}", simulator.mutating_calls());
    // Nothing was begun: another role may.
    let again = apply(&["--confirm", "o-testing", "--accept-history-loss", &lost]);
    assert!(!again.stderr.contains("begun before"), "{}", again.stderr);
}

// Holds: 5 Advice that harms: a rehearsal judges the role that the plan is for
#[test]
fn a_rehearsal_judges_the_role_of_the_plan() {
    let simulator = world();
    let audited = audit(&simulator).expect_code(0);
    for (name, code) in [("platform", 0), ("write", 77)] {
        let plan = plan_of(&simulator, &audited, &["--fix", "--write-role-name", name]);
        let folder = plan.folder.to_string_lossy().into_owned();
        let snapshot = crate::resync::snapshot(&audited);
        let rehearsed = Scangap::new(&["rehearse", &folder, "--snapshot", &snapshot]).run();
        assert_eq!(rehearsed.code, code, "{name}: {}{}", rehearsed.stdout, rehearsed.stderr);
    }
}
