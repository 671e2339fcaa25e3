//! Inspector's service-linked role itself: what policies ask of its tags and its id is read, once, and decided.

use scangap_simorg::scenario::FaultSpec;
use scangap_tests::{Audited, Row, Scangap, Simulated, organization, simulate};

/// The commonest perimeter: known networks, or a principal that is tagged as an exception.
const PERIMETER: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"ExpectedNetworks","Effect":"Deny","Principal":"*","Action":"*","Condition":{"NotIpAddressIfExists":{"aws:SourceIp":"203.0.113.0/24"},"StringNotEqualsIfExists":{"aws:SourceVpc":"vpc-0123456789abcdef0","aws:PrincipalTag/network-exception":"true"},"BoolIfExists":{"aws:PrincipalIsAWSService":"false","aws:ViaAWSService":"false"}}}]}"#;

const ROLE_IDS: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"OnlyTheseIds","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"StringNotLike":{"aws:userid":["AROAEXAMPLEID00000001:*","333333333333"]}}}]}"#;

const BY_ID: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"One","Effect":"Deny","Principal":{"AWS":"AROAEXAMPLEID00000001"},"Action":"ecr:*"}]}"#;

const EXCEPTION: &str =
    "inspector_role = { tags = { Network-Exception = \"true\" }, last_used_at = \"2026-11-22T10:00:00Z\" }";

/// Two accounts that differ only in the role; in the second, no policy depends on the role.
fn world(policy: &str, inspector: &str, role: &str) -> Simulated {
    simulate(organization(&format!(
        r#"
[[policies]]
name = "policy"
inspector = "{inspector}"
text = '{policy}'

[[accounts]]
id = "333333333333"
name = "alpha"
{role}
registries = [
  {{ region = "eu-west-1", repositories = [{{ name = "app", policy = "policy" }}, {{ name = "open" }}] }},
  {{ region = "us-east-1", repositories = [{{ name = "app-us", policy = "policy" }}] }},
]

[[accounts]]
id = "444444444444"
name = "beta"
registries = [{{ region = "eu-west-1", repositories = [{{ name = "other" }}] }}]
"#
    )))
}

fn audit(simulator: &Simulated) -> Audited {
    let audited = Scangap::audit(simulator).args(&["--timeout", "2"]).into_folder();
    assert!(simulator.mutating_calls().is_empty());
    audited
}

fn account(audited: &Audited, id: &str) -> Row {
    audited.csv("accounts.csv").into_iter().find(|row| row["account_id"] == id).expect("the account's row")
}

fn verdict(audited: &Audited) -> (String, String) {
    let row = audited.repository("app");
    assert_eq!(row["policy_verdict"], audited.repository("app-us")["policy_verdict"]);
    (row["policy_verdict"].clone(), row["depends_on"].clone())
}

// Holds: 4 Not decided though it can be: the commonest perimeter policy is denied in an audit, by the role's tags, read once an account and only there
#[test]
fn the_commonest_perimeter_is_denied_by_the_tags_of_the_role() {
    let simulator = world(PERIMETER, "denied", "");
    let audited = audit(&simulator).expect_code(0);
    assert_eq!(verdict(&audited), ("denied".into(), "[]".into()));
    assert_eq!(audited.diagnosis("open"), "covered");
    let asked: Vec<_> = simulator.calls().into_iter().filter(|call| call.operation == "iam:GetRole").collect();
    assert_eq!(asked.len(), 1, "once, for both regions, and not in the other account");
    let alpha = account(&audited, "333333333333");
    assert_eq!(alpha["inspector_role_id"], "AROASIMUL333333333333");
    assert_eq!((alpha["inspector_role_tags"].as_str(), alpha["inspector_role_last_used_at"].as_str()), ("[]", "none"));
    assert_eq!(account(&audited, "444444444444")["inspector_role_id"], "not needed");
}

// Holds: 4 Not decided though it can be: a tag of the role lets it through, whatever the case of the tag's key
#[test]
fn a_tag_of_the_role_lets_it_through() {
    let audited = audit(&world(PERIMETER, "allowed", EXCEPTION)).expect_code(0);
    assert_eq!(verdict(&audited), ("allowed".into(), "[]".into()));
    let alpha = account(&audited, "333333333333");
    assert_eq!(alpha["inspector_role_tags"], r#"["Network-Exception=true"]"#);
    assert_eq!(alpha["inspector_role_last_used_at"], "2026-11-22T10:00:00Z");
}

// Holds: 4 Not decided though it can be: aws:userid and a unique id in Principal are decided by the role's own id
#[test]
fn the_id_of_the_role_decides() {
    let own = "inspector_role = { id = \"AROAEXAMPLEID00000001\" }";
    for (policy, role, expected) in
        [(ROLE_IDS, "", "denied"), (ROLE_IDS, own, "allowed"), (BY_ID, "", "allowed"), (BY_ID, own, "denied")]
    {
        let audited = audit(&world(policy, expected, role)).expect_code(0);
        assert_eq!(verdict(&audited), (expected.into(), "[]".into()), "{policy} {role}");
    }
}

// Holds: 4 Not decided though it can be: a role that could not be read leaves the verdict open, with the permission to grant
#[test]
fn a_role_that_could_not_be_read_leaves_the_verdict_open() {
    let simulator = world(PERIMETER, "denied", "");
    simulator.add_fault(FaultSpec::of("iam:GetRole", "AccessDenied", 403));
    let audited = audit(&simulator).expect_code(3);
    assert_eq!(audited.gaps(), ["iam:GetRole access_denied"]);
    let row = audited.repository("app");
    assert_eq!(row["diagnosis"], "undecided");
    assert_eq!(row["depends_on"], r#"["aws:PrincipalTag/network-exception"]"#);
    assert!(row["next_step"].contains("iam:GetRole"), "{}", row["next_step"]);
    assert_eq!(account(&audited, "333333333333")["inspector_role_id"], "unknown");
}

// Holds: 4 Not decided though it can be: an account without the role says so, as a fact and a reason of its own
#[test]
fn an_account_without_the_role_says_so() {
    let audited = audit(&world(PERIMETER, "denied", "inspector_role = { exists = false }")).expect_code(0);
    let alpha = account(&audited, "333333333333");
    assert_eq!((alpha["inspector_role_id"].as_str(), alpha["inspector_role_tags"].as_str()), ("none", "none"));
    let row = audited.repository("app");
    assert_eq!((row["diagnosis"].as_str(), row["likely_cause"].as_str()), ("blocked", "role_absent"));
    assert!(row["next_step"].contains("has no service-linked role"), "{}", row["next_step"]);
    // The report is the same from the snapshot alone.
    let out = audited.out.join("again");
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let again = Scangap::new(&["report", &snapshot, "--out", &out.to_string_lossy()]).run();
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(fs_err::read(out.join("accounts.csv")).expect("a file"), audited.bytes("accounts.csv"));
}

fn explain(policy: &str, more: &[&str]) -> scangap_tests::Finished {
    let arguments = ["explain", "-", "--account", "333333333333"];
    Scangap::new(&arguments).args(more).run_with(policy)
}

// Holds: 4 Not decided though it can be: `explain` takes the role's id and tags, and notes that sessions are taken to have no tags beside them
#[test]
fn explain_takes_what_is_known_of_the_role() {
    for (policy, more, code) in [
        (PERIMETER, &[][..], 4),
        (PERIMETER, &["--no-role-tags"], 2),
        (PERIMETER, &["--role-tag", "other=true"], 2),
        (PERIMETER, &["--role-tag", "network-exception=true"], 0),
        (ROLE_IDS, &[], 4),
        (ROLE_IDS, &["--role-id", "AROAEXAMPLEID00000001"], 0),
        (ROLE_IDS, &["--role-id", "AROAEXAMPLEID00000002"], 2),
        (BY_ID, &["--role-id", "AROAEXAMPLEID00000001"], 2),
        (BY_ID, &["--role-id", "AROAEXAMPLEID00000002"], 0),
        (ROLE_IDS, &["--role-id", "AIDAEXAMPLEID00000002"], 64),
        (PERIMETER, &["--no-role-tags", "--role-tag", "a=b"], 64),
        (PERIMETER, &["--no-role-tags", "--principal", "arn:aws:iam::333333333333:role/x"], 64),
    ] {
        let finished = explain(policy, more);
        assert_eq!(finished.code, code, "{more:?} {} {}", finished.stdout, finished.stderr);
    }
    let noted = explain(PERIMETER, &["--no-role-tags"]).stdout;
    assert!(noted.contains("AWS documents none that its sessions have beside them"), "{noted}");
    let batch = |more: &str| {
        let policy = serde_json::json!(PERIMETER);
        let line = format!("{{\"account\":\"333333333333\",\"policy\":{policy}{more}}}\n");
        let finished = Scangap::new(&["explain", "--batch", "--exit-zero"]).run_with(&line);
        serde_json::from_str::<serde_json::Value>(&finished.stdout).expect("an answer")["verdict"].clone()
    };
    assert_eq!(batch(""), "depends");
    assert_eq!(batch(",\"role_tags\":{}"), "denied");
    assert_eq!(batch(",\"role_tags\":{\"network-exception\":\"true\"}"), "allowed");
}

// Holds: 4 Not decided though it can be: what an audit decides by the role `explain --snapshot` decides too
#[test]
fn explain_from_a_snapshot_knows_the_role() {
    let audited = audit(&world(PERIMETER, "denied", "")).expect_code(0);
    let snapshot = audited.out.to_string_lossy().into_owned();
    let place = ["--account", "333333333333", "--region", "eu-west-1", "--repository", "app"];
    let finished = Scangap::new(&["explain", "--snapshot", &snapshot]).args(&place).run();
    assert_eq!(finished.code, 2, "{}", finished.stderr);
    let open = Scangap::new(&["explain", "--snapshot", &snapshot])
        .args(&place)
        .args(&["--role-tag", "network-exception=true"])
        .run();
    assert_eq!(open.code, 0, "{}", open.stderr);
}

/// One account of which ECR scanning is off in a region, and whose images fell out of the re-scan window in the other.
const WINDOWS: &str = r#"
[[accounts]]
id = "333333333333"
name = "alpha"
[[accounts.registries]]
region = "eu-west-1"
rescan_duration = "LIFETIME"
pull_date_rescan_duration = "DAYS_30"
pull_date_rescan_mode = "LAST_PULL_DATE"
repositories = [
  { name = "old", images = [{ coverage = { status = "INACTIVE", reason = "SCAN_ELIGIBILITY_EXPIRED" } }] },
]
[[accounts.registries]]
region = "us-east-1"
ecr_scanning = "DISABLED"
scan_type = "BASIC"
repositories = [{ name = "off" }]
"#;

// Holds: 4 Not decided though it can be: re-scan durations and auto-enable are columns of every audit, and next steps use them
#[test]
fn windows_and_auto_enable_are_facts_of_every_audit() {
    let mut scenario = organization(WINDOWS);
    scenario.organization.no_auto_enable = vec!["us-east-1".to_owned()];
    let simulator = simulate(scenario);
    let audited = audit(&simulator).expect_code(0);
    let registries = audited.csv("registries.csv");
    let registry = |account: &str, region: &str| {
        registries.iter().find(|row| row["account_id"] == account && row["region"] == region).expect("a row")
    };
    let columns = ["rescan_duration", "pull_date_rescan_duration", "pull_date_rescan_mode", "auto_enable_ecr"];
    let of = |account: &str, region: &str| columns.map(|column| registry(account, region)[column].clone());
    assert_eq!(of("333333333333", "eu-west-1"), ["LIFETIME", "DAYS_30", "LAST_PULL_DATE", "yes"]);
    let not_needed = "not needed";
    assert_eq!(of("333333333333", "us-east-1"), [not_needed, not_needed, not_needed, "no"], "scanning is off");
    assert_eq!(of("222222222222", "eu-west-1"), [not_needed, not_needed, not_needed, "yes"], "nothing is there");
    let expired = audited.repository("old");
    assert_eq!(expired["diagnosis"], "limited");
    let step = "for its lifetime after a push and 30 days after the last pull: longer durations help later images only";
    assert!(expired["next_step"].contains(step), "{}", expired["next_step"]);
    let off = audited.repository("off");
    assert_eq!(off["diagnosis"], "inspector_off");
    assert!(off["next_step"].contains("auto-enable of ECR scanning is off in this region"), "{}", off["next_step"]);
    let count = |name: &str| simulator.calls().iter().filter(|call| call.operation == name).count();
    assert_eq!(count("inspector2:DescribeOrganizationConfiguration"), 2, "once a region, of the administrator");
    assert_eq!(count("inspector2:GetConfiguration"), 1, "where something is scanned");
}

// Holds: 3 What was not read: an answer without its content is a gap, of IAM's role and of the organization's configuration too
#[test]
fn half_answers_about_the_role_and_the_organization_are_gaps() {
    let simulator = world(PERIMETER, "denied", "");
    for operation in ["iam:GetRole", "inspector2:GetConfiguration", "inspector2:DescribeOrganizationConfiguration"] {
        let mut fault = FaultSpec::of(operation, "", 200);
        fault.kind = scangap_simorg::scenario::FaultKind::Empty;
        simulator.add_fault(fault);
    }
    let audited = audit(&simulator).expect_code(3);
    let mut gaps = audited.gaps();
    gaps.sort();
    gaps.dedup();
    assert_eq!(
        gaps,
        [
            "iam:GetRole malformed_answer",
            "inspector2:DescribeOrganizationConfiguration malformed_answer",
            "inspector2:GetConfiguration malformed_answer",
        ],
    );
    assert_eq!(audited.repository("app")["policy_verdict"], "depends");
    let here = |row: &Row| row["account_id"] == "333333333333" && row["region"] == "eu-west-1";
    let registry = audited.csv("registries.csv").into_iter().find(here).expect("a row");
    assert_eq!((registry["auto_enable_ecr"].as_str(), registry["rescan_duration"].as_str()), ("unknown", "unknown"));
}
