//! Planned re-syncs: their losses are counted, and the reasons against them are reported.

use std::collections::BTreeMap;

use scangap_simorg::Scenario;
use scangap_simorg::scenario::{FaultKind, FaultSpec};
use scangap_tests::{Audited, Finished, Scangap, Simulated, now, organization, simulate};
use serde_json::{Value, json};

pub(crate) const OPEN: &str = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"ecr:*"}}"#;

/// The usual stale registry: one repository that is stuck, one that is fine with an old image and suppressed findings.
pub(crate) const STALE_REGISTRY: &str = r#"
[[accounts.registries]]
region = "eu-west-1"
suppression_rules = ["noise"]
rules = [{ frequency = "SCAN_ON_PUSH", filters = ["zeta*", "a*"] }, { frequency = "CONTINUOUS_SCAN", filters = ["*"] }]
[[accounts.registries.repositories]]
name = "app"
policy = "open"
coverage = { status = "INACTIVE", reason = "ACCESS_DENIED" }
sticky = true
[[accounts.registries.repositories]]
name = "fine"
images = [{ pushed_days_ago = 3, findings = 120, suppressed = 2 }, { pushed_days_ago = 40, findings = 5, closed = 1 }]
"#;

/// An organization that lives now, with `body` in account alpha, 333333333333.
pub(crate) fn stale(account: &str, registries: &str, organization_members: &str) -> Simulated {
    let mut scenario = stale_scenario(account, registries);
    if organization_members == "no administrator" {
        scenario.organization.inspector_administrator = None;
    }
    simulate(scenario)
}

pub(crate) fn stale_scenario(account: &str, registries: &str) -> Scenario {
    let mut scenario = organization(&format!(
        "[[policies]]\nname = \"open\"\ninspector = \"allowed\"\ntext = {}\n[[policies]]\nname = \"office\"\ninspector = \"denied\"\ntext = {}\n[[policies]]\nname = \"nothing\"\ninspector = \"allowed\"\ntext = '{{\"Statement\":[]}}'\n[[policies]]\nname = \"repaired\"\ninspector = \"allowed\"\ntext = {}\n[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\n{account}\n{registries}",
        json!(OPEN),
        json!(crate::journey::BEFORE),
        json!(crate::journey::AFTER)
    ));
    scenario.clock = Some(now().to_string());
    scenario
}

pub(crate) fn audit(simulator: &Simulated) -> Audited {
    let as_of = now().to_string();
    let key = scangap_simorg::Simulator::access_key("111111111111");
    Scangap::audit_as_of(&as_of, &simulator.url(), &key).into_folder()
}

/// A command at the simulation, called from the management account.
pub(crate) fn at(simulator: &Simulated, arguments: &[&str]) -> Scangap {
    Scangap::new(arguments)
        .env("AWS_ENDPOINT_URL", &simulator.url())
        .env("AWS_ACCESS_KEY_ID", &scangap_simorg::Simulator::access_key("111111111111"))
        .env("AWS_SECRET_ACCESS_KEY", "simulated")
        .env("AWS_REGION", "us-east-1")
}

pub(crate) fn snapshot(audited: &Audited) -> String {
    audited.out.join("snapshot.db").to_string_lossy().into_owned()
}

fn plan(simulator: &Simulated, audited: &Audited, more: &[&str]) -> Finished {
    let snapshot = snapshot(audited);
    let mut arguments = vec!["plan", snapshot.as_str(), "--resync", "--min-age", "0h"];
    arguments.extend(more);
    at(simulator, &arguments).run()
}

fn planned(simulator: &Simulated, audited: &Audited, more: &[&str]) -> Value {
    let call = plan(simulator, audited, &[&["--output", "json"], more].concat());
    serde_json::from_str(&call.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", call.stdout, call.stderr))
}

// Holds: 8 The executor: ListAccountPermissions is read to its last page, where the permissions of a re-sync are
#[test]
fn losses_are_counted_and_the_snapshot_is_not_touched() {
    let simulator = stale("", STALE_REGISTRY, "");
    let audited = audit(&simulator).expect_code(0);
    let before = audited.bytes("snapshot.db");
    let uncounted = planned(&simulator, &audited, &[]);
    assert_eq!(uncounted["losses"]["findings"], "not counted");
    assert_eq!(uncounted["refused"][0]["code"], "losses_not_counted");
    let plan_of = planned(&simulator, &audited, &["--collect"]);
    assert_eq!(audited.bytes("snapshot.db"), before, "evidence is never changed");
    assert_eq!(
        plan_of["losses"],
        json!({"findings": 128, "images": 2, "images_not_rescanned": 1, "repositories": 1}),
        "active, suppressed and closed ones"
    );
    let step = &plan_of["steps"][0];
    assert_eq!((&step["kind"], &step["account_id"]), (&json!("resync_registry"), &json!("333333333333")));
    assert_eq!(step["toggled_from"], "222222222222", "a member cannot disable itself");
    assert_eq!(step["calls"][0]["resourceTypes"], json!(["ECR"]), "never without the type");
    assert_eq!(step["repositories"], json!(["app"]));
    assert_eq!(step["losses"]["suppressed"], 2);
    assert_eq!(step["losses"]["not_rescanned"][0]["repository"], "fine");
    assert_eq!(step["losses"]["suppression_rules"], json!([]), "they stay, where other scan types are on");
    assert!(step["losses"]["oldest_first_observed"].is_string());
    let by: u64 = step["losses"]["findings_by"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["count"].as_u64().expect("a number"))
        .sum();
    assert_eq!(by, 128);
    // What was counted stays with the snapshot: the same plan comes without asking again.
    let calls = simulator.calls().len();
    assert_eq!(planned(&simulator, &audited, &[]), plan_of);
    assert_eq!(simulator.calls().len(), calls);
    assert_eq!(simulator.mutating_calls(), [], "planning reads");
    // Sessions for counting may read and nothing else.
    assert!(!simulator.sessions_may("inspector2:Disable") && !simulator.sessions_may("ecr:SetRepositoryPolicy"));
}

#[test]
fn the_warning_stands_everywhere_with_its_numbers() {
    let simulator = stale("", STALE_REGISTRY, "");
    let audited = audit(&simulator).expect_code(0);
    let call = plan(&simulator, &audited, &["--collect", "--out", "plan", "--color", "always"]);
    assert_eq!(call.code, 0, "{}", call.stderr);
    assert!(
        call.stdout.contains("Plan: 0 policies to change, 1 registry to re-sync, 0 refused, 0 undecided"),
        "{}",
        call.stdout
    );
    assert!(
        call.stdout.contains("\u{1b}[31mWARNING") || call.stdout.contains("\u{1b}[1m\u{1b}[31mWARNING"),
        "{}",
        call.stdout
    );
    let folder = call.home.path().join("plan");
    let read = |file: &str| fs_err::read_to_string(folder.join(file)).expect("a file");
    for file in ["plan.json", "plan.md", "plan.sh"] {
        let text = read(file);
        assert!(text.contains("DELETES 128 findings for good"), "{file}");
        assert!(text.contains("1 image LOSES COVERAGE"), "{file}");
    }
    let csv = read("resync.csv");
    assert!(csv.contains("\"planned\"") && csv.contains("\"128\",\"2\"") && csv.contains("deleted for good"), "{csv}");
    // The reports of the snapshot, with the plan.
    let plan_json = folder.join("plan.json").to_string_lossy().into_owned();
    let report = Scangap::new(&["report", &snapshot(&audited), "--plan", &plan_json, "--out", "reports", "-q"]).run();
    assert_eq!(report.code, 0, "{}", report.stderr);
    let page = fs_err::read_to_string(report.home.path().join("reports/report.html")).expect("the page");
    assert!(page.contains("DELETES 128 findings for good") && page.contains("<td>128</td>"), "in HTML");
    let mut workbook: calamine::Xlsx<_> =
        calamine::open_workbook(report.home.path().join("reports/audit.xlsx")).expect("a workbook");
    let sheet = calamine::Reader::worksheet_range(&mut workbook, "Re-sync and losses").expect("the sheet");
    let text: Vec<String> = sheet.rows().flatten().map(ToString::to_string).collect();
    assert!(
        text.iter().any(|registry| registry.contains("DELETES 128 findings")) && text.contains(&"128".to_owned()),
        "{text:?}"
    );
    // The schema knows re-syncs.
    let schema = Scangap::new(&["schema", "plan"]).run();
    scangap_tests::python(
        "import json, sys, jsonschema\njsonschema.validate(json.load(open(sys.argv[1])), json.loads(sys.argv[2]))",
        &[&plan_json, &schema.stdout],
    );
}

/// The one refusal, by code and sentence.
fn refused(simulator: &Simulated, more: &[&str], code: &str, sentence: &str) {
    let audited = audit(simulator).expect_code(0);
    let plan = planned(simulator, &audited, &[&["--collect"], more].concat());
    assert_eq!(plan["complete"], code != "losses_unread", "what hides losses makes a plan incomplete");
    assert_eq!(plan["steps"], json!([]));
    assert_eq!(plan["refused"][0]["code"], code, "{plan:#}");
    let why = plan["refused"][0]["why"].as_str().expect("a sentence");
    assert!(why.contains(sentence), "{why}");
}

#[test]
fn what_aws_would_refuse_or_what_goes_too_far_is_refused_in_a_sentence() {
    let only = STALE_REGISTRY.replace("region =", "ec2_scanning = false\nregion =");
    let simulator = stale("", &only, "");
    refused(&simulator, &[], "only_scan_type", "ECR is the only scan type that is on");
    let audited = audit(&simulator).expect_code(0);
    let named = planned(&simulator, &audited, &["--collect", "--only-scan-type", "333333333333:eu-west-1"]);
    assert_eq!(named["steps"][0]["losses"]["suppression_rules"], json!(["noise"]), "{named:#}");
    assert!(named["warning"].as_str().expect("a text").contains("In 1 registry ECR is the only scan type"));
    refused(
        &stale("inspector_policy = true", STALE_REGISTRY, ""),
        &[],
        "organization_policy",
        "Inspector policy of the organization governs the account",
    );
    let hidden = stale("", STALE_REGISTRY, "");
    hidden.add_fault(scangap_simorg::scenario::FaultSpec::of("inspector2:ListFindings", "AccessDeniedException", 403));
    refused(&hidden, &[], "losses_unread", "inspector2:ListFindings answered AccessDeniedException");
    let images = stale("", STALE_REGISTRY, "");
    images.add_fault(scangap_simorg::scenario::FaultSpec::of("ecr:DescribeImages", "AccessDeniedException", 403));
    refused(&images, &[], "losses_unread", "ecr:DescribeImages answered AccessDeniedException");
    let silent = stale("", STALE_REGISTRY, "");
    silent.add_fault(scangap_simorg::scenario::FaultSpec::of(
        "organizations:DescribeEffectivePolicy",
        "AccessDeniedException",
        403,
    ));
    refused(&silent, &[], "losses_unread", "organizations:DescribeEffectivePolicy");
    // What is scanned today although its policy denies would not be scanned again.
    let ledger = "[[accounts.registries.repositories]]\nname = \"ledger\"\npolicy = \"office\"\ncoverage = { status = \"ACTIVE\", reason = \"SUCCESSFUL\" }\n";
    refused(&stale("", &format!("{STALE_REGISTRY}{ledger}"), ""), &[], "would_block", "repair them first (ledger)");
    // Inspector does not let the administrator do it: the organization's policy governs that account.
    let mut scenario = stale_scenario("", STALE_REGISTRY);
    let administrator = scenario.accounts.iter_mut().find(|account| account.id == "222222222222");
    administrator.expect("it is there").inspector_policy = true;
    refused(&simulate(scenario), &[], "not_permitted", "does not let account 222222222222 do this");
    // Nothing to scan within the window: nothing is destroyed for it.
    let old = STALE_REGISTRY.replace("sticky = true", "sticky = true\nimages = [{ pushed_days_ago = 60 }]");
    refused(&stale("", &old, ""), &[], "nothing_eligible", "push a new digest instead");
}

#[test]
fn a_registry_that_is_being_changed_is_left_alone() {
    let mut scenario = stale_scenario("", STALE_REGISTRY);
    scenario.delays.toggle_ms = 60_000;
    let simulator = simulate(scenario);
    let audited = audit(&simulator).expect_code(0);
    scangap_tests::Operator::of(&simulator, "222222222222", "eu-west-1")
        .inspector("/disable", &json!({"accountIds": ["333333333333"], "resourceTypes": ["ECR"]}));
    let plan = planned(&simulator, &audited, &["--collect"]);
    assert_eq!((&plan["steps"], &plan["refused"][0]["code"]), (&json!([]), &json!("change_under_way")), "{plan:#}");
    let why = plan["refused"][0]["why"].as_str().expect("a sentence");
    assert_eq!(why, "another change is under way: ecr is DISABLING; plan with --collect again when it is over");
}

#[test]
fn who_else_writes_a_policy_is_looked_for_and_where_nobody_looked_is_said() {
    let registries = r#"
[[accounts.registries]]
region = "eu-west-1"
[[accounts.registries.repositories]]
name = "by-terraform"
policy = "office"
tags = { ManagedBy = "Terraform" }
[[accounts.registries.repositories]]
name = "by-stack"
policy = "office"
tags = { "aws:cloudformation:stack-name" = "payments" }
[[accounts.registries.repositories]]
name = "by-hand"
policy = "office"
"#;
    let simulator = stale("", registries, "");
    let audited = audit(&simulator).expect_code(0);
    let planned = |more: &[&str]| {
        let call = at(&simulator, &[&["plan", &snapshot(&audited), "--fix", "--output", "json"], more].concat()).run();
        let plan: Value = serde_json::from_str(&call.stdout).expect("a plan");
        let steps = plan["steps"].as_array().expect("steps").clone();
        steps
            .into_iter()
            .map(|step| {
                (step["repository"].clone(), step["also_written_by"].clone(), step["sources_not_looked_for"].clone())
            })
            .collect::<Vec<_>>()
    };
    let not_asked = planned(&[]);
    assert!(
        not_asked.iter().all(|(_, also, not)| *also == json!([]) && not[0] == "tags (plan --collect)"),
        "{not_asked:?}"
    );
    let asked = planned(&["--collect"]);
    assert_eq!(
        asked,
        [
            (json!("by-hand"), json!([]), json!([])),
            (json!("by-stack"), json!(["CloudFormation stack `payments`"]), json!([])),
            (json!("by-terraform"), json!(["Terraform, as its tag says: `ManagedBy` = `Terraform`"]), json!([])),
        ]
    );
    assert_eq!(simulator.mutating_calls(), []);
}

/// Registries are counted one after the other: what was counted before stays, with its own time.
#[test]
fn a_count_adds_to_the_counts_before_and_what_nobody_counted_is_no_zero() {
    let two = format!("{STALE_REGISTRY}{}", STALE_REGISTRY.replace("eu-west-1", "us-east-1"));
    let simulator = stale("", &two, "");
    let audited = audit(&simulator).expect_code(0);
    let eu = planned(&simulator, &audited, &["--collect", "--regions", "eu-west-1"]);
    assert_eq!(eu["losses"]["findings"], 128);
    let us = planned(&simulator, &audited, &["--regions", "us-east-1"]);
    assert_eq!(
        (&us["losses"]["findings"], &us["refused"][0]["code"]),
        (&json!("not counted"), &json!("losses_not_counted"))
    );
    planned(&simulator, &audited, &["--collect", "--regions", "us-east-1"]);
    let both = planned(&simulator, &audited, &[]);
    assert_eq!((both["steps"].as_array().map(Vec::len), &both["losses"]["findings"]), (Some(2), &json!(256)));
    assert_ne!(both["steps"][0]["losses_counted_at"], both["steps"][1]["losses_counted_at"]);
}

#[test]
fn an_account_that_nobody_administers_is_toggled_by_itself() {
    let simulator = stale("", STALE_REGISTRY, "no administrator");
    let audited = audit(&simulator).expect_code(0);
    let plan = planned(&simulator, &audited, &["--collect"]);
    assert_eq!(plan["steps"][0]["toggled_from"], "333333333333", "{plan:#}");
    let apart = stale("inspector_member = false", STALE_REGISTRY, "");
    let audited = audit(&apart).expect_code(0);
    let plan = planned(&apart, &audited, &["--collect"]);
    assert_eq!(plan["steps"][0]["toggled_from"], "333333333333", "{plan:#}");
}

#[test]
fn what_is_simulated_and_what_is_another_organization_is_not_counted_here() {
    let simulator = stale("", STALE_REGISTRY, "");
    let audited = audit(&simulator).expect_code(0);
    let mut other = organization("[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\n");
    other.organization.id = "o-another1".to_owned();
    let other = simulate(other);
    let call = plan(&other, &audited, &["--collect"]);
    assert_eq!(call.code, 65, "{}", call.stderr);
    assert!(call.stderr.contains("the organization is `o-another1`, and not `o-testing`"), "{}", call.stderr);
}

// Holds: 7 The wire: rows that stand twice are counted once where a plan counts what would be lost
#[test]
fn losses_that_are_listed_twice_are_counted_once() {
    let counted = |operation: &str| {
        let simulator = stale("", STALE_REGISTRY, "");
        let mut doubled = FaultSpec::of(operation, "", 200);
        doubled.kind = FaultKind::Doubled;
        simulator.add_fault(doubled);
        let plan = crate::apply::stale_plan(&simulator);
        let text = fs_err::read_to_string(plan.folder.join("plan.json")).expect("a plan");
        let losses = serde_json::from_str::<Value>(&text).expect("JSON")["steps"][0]["losses"].clone();
        // Without times: each of these organizations began a moment later.
        let members = ["findings", "findings_by", "suppressed", "images", "images_not_rescanned", "repositories"];
        let more = ["windows", "helps", "suppression_rules", "rescan_cost"];
        json!(members.iter().chain(&more).map(|member| (*member, losses[member].clone())).collect::<BTreeMap<_, _>>())
    };
    let whole = counted("inspector2:Nothing");
    assert!(whole["findings"].as_u64().is_some_and(|number| number > 0), "{whole}");
    for operation in ["ListFindings", "ListCoverage", "ListFilters", "ListAccountPermissions", "ListUsageTotals"] {
        assert_eq!(counted(&format!("inspector2:{operation}")), whole, "{operation}");
    }
    assert_eq!(counted("ecr:DescribeImages"), whole);
}
