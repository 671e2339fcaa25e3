//! Every failure is reported in a row, gives exit code 3 if a fact could not be read, and loses no other data.

use scangap_tests::{Audited, Scangap, Simulated, organization, simulate};

/// Two accounts with two repositories each, all covered when nothing goes wrong.
const WORKLOADS: &str = r#"
[[policies]]
name = "lockdown"
inspector = "denied"
auditor = "denied"
text = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*"}]}'

[[policies]]
name = "not-a-policy"
inspector = "allowed"
text = '{"Version":"2012-10-17","Statement":[{"Effect":"Denied"}]}'

[[accounts]]
id = "333333333333"
name = "alpha"
registries = [{ region = "eu-west-1", repositories = [{ name = "alpha/one" }, { name = "alpha/two" }] }]

[[accounts]]
id = "444444444444"
name = "beta"
registries = [{ region = "eu-west-1", repositories = [{ name = "beta/one" }, { name = "beta/two" }] }]
"#;

fn with(extra: &str) -> Simulated {
    simulate(organization(&format!("{WORKLOADS}\n{extra}")))
}

fn audit(simulator: &Simulated) -> Audited {
    let audited = Scangap::audit(simulator).args(&["--timeout", "2"]).into_folder();
    assert!(simulator.mutating_calls().is_empty(), "{:?}", simulator.mutating_calls());
    audited
}

/// Everything but the named repositories is covered.
fn only_these_suffer(audited: &Audited, suffering: &[&str]) {
    for row in audited.csv("repositories.csv") {
        let suffers = suffering.contains(&row["repository"].as_str());
        assert_eq!(row["diagnosis"] == "covered", !suffers, "{} {}", row["repository"], row["diagnosis"]);
    }
}

/// Absence of evidence is a row: `registries.csv` is accounts times regions.
fn every_account_has_every_region(audited: &Audited) {
    let registries = audited.csv("registries.csv");
    let distinct = |column: &str| {
        registries.iter().map(|row| row[column].clone()).collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!(distinct("account_id"), audited.csv("accounts.csv").len());
    assert_eq!(registries.len(), distinct("account_id") * distinct("region"));
}

#[test]
fn nothing_wrong_is_complete() {
    let audited = audit(&with("")).expect_code(0);
    only_these_suffer(&audited, &[]);
    assert_eq!(audited.csv("repositories.csv").len(), 4);
    assert!(audited.gaps().is_empty());
    assert_eq!(audited.json("summary.json")["complete"], true);
}

#[test]
fn an_account_that_refuses_the_role_is_known_from_the_administrator() {
    let audited = audit(&with(
        r#"
[[accounts]]
id = "555555555555"
name = "gamma"
roles = []
registries = [{ region = "eu-west-1", repositories = [{ name = "gamma/one" }] }]
"#,
    ))
    .expect_code(3);
    only_these_suffer(&audited, &["gamma/one"]);
    let row = audited.repository("gamma/one");
    assert_eq!(
        (row["diagnosis"].as_str(), row["coverage_status"].as_str(), row["listed"].as_str()),
        ("unreadable", "ACTIVE", "no")
    );
    assert_eq!(audited.gaps(), ["sts:AssumeRole access_denied"]);
    let account =
        audited.csv("accounts.csv").into_iter().find(|row| row["account_id"] == "555555555555").expect("a row");
    assert_eq!(account["outcome"], "unreadable");
    every_account_has_every_region(&audited);
}

#[test]
fn suspended_and_closed_accounts_are_skipped_with_the_reason_and_pending_closure_is_read() {
    let audited = audit(&with(
        r#"
[[accounts]]
id = "555555555555"
name = "suspended"
state = "SUSPENDED"
[[accounts]]
id = "666666666666"
name = "closed"
state = "CLOSED"
[[accounts]]
id = "777777777777"
name = "leaving"
state = "PENDING_CLOSURE"
registries = [{ region = "eu-west-1", repositories = [{ name = "leaving/one" }] }]
[[accounts]]
id = "888888888888"
name = "new"
state = "PENDING_ACTIVATION"
"#,
    ))
    .expect_code(0);
    assert_eq!(audited.diagnosis("leaving/one"), "covered");
    let why: Vec<String> = audited
        .csv("accounts.csv")
        .into_iter()
        .filter(|row| row["outcome"] == "skipped")
        .map(|row| row["why"].clone())
        .collect();
    assert_eq!(why, ["account state SUSPENDED", "account state CLOSED", "account state PENDING_ACTIVATION"]);
    every_account_has_every_region(&audited);
}

#[test]
fn a_region_that_is_not_enabled_is_a_row_and_not_a_gap() {
    let audited = audit(&with("")).expect_code(0);
    let registry = audited
        .csv("registries.csv")
        .into_iter()
        .find(|row| row["account_id"] == "333333333333" && row["region"] == "af-south-1");
    assert_eq!(registry.expect("a row")["outcome"], "not_enabled");
}

#[test]
fn a_policy_that_denies_the_auditor_says_so_and_sinks_no_neighbour() {
    let mut names: Vec<String> = (0..30).map(|i| format!("{{ name = \"many/{i:02}\" }}")).collect();
    names.push("{ name = \"many/vault\", policy = \"lockdown\" }".to_owned());
    let audited = audit(&with(&format!(
        "[[accounts]]\nid = \"555555555555\"\nname = \"gamma\"\ncells = [{{ region = \"eu-west-1\", repositories = [{}] }}]",
        names.join(", ")
    )))
    .expect_code(3);
    only_these_suffer(&audited, &["many/vault"]);
    let row = audited.repository("many/vault");
    assert_eq!((row["diagnosis"].as_str(), row["likely_cause"].as_str()), ("unreadable", "blocked_likely"));
    assert!(row["next_step"].contains("both Inspector's role and the audit role"));
    assert_eq!(
        audited.gaps(),
        ["ecr:BatchGetRepositoryScanningConfiguration access_denied", "ecr:GetRepositoryPolicy access_denied"]
    );
    assert!(audited.csv("gaps.csv").iter().all(|gap| gap["cause"] == "resource_based_policy"));
}

#[test]
fn a_document_that_is_no_policy_is_unreadable_and_a_gap() {
    let audited = audit(&with(
        "[[accounts]]\nid = \"555555555555\"\nname = \"gamma\"\ncells = [{ region = \"eu-west-1\", repositories = [{ name = \"odd\", policy = \"not-a-policy\" }] }]",
    ))
    .expect_code(3);
    only_these_suffer(&audited, &["odd"]);
    assert_eq!(audited.repository("odd")["policy_verdict"], "unknown");
    assert_eq!(audited.csv("gaps.csv")[0]["code"], "MalformedPolicyDocument");
    assert_eq!(
        audited.json("run.json")["gap_evidence"][0]["message"],
        "`Denied` is neither Allow nor Deny at line 1, column 48 (Statement[0].Effect)"
    );
}

#[test]
fn throttling_is_waited_out() {
    let simulator = with("[[limits]]\noperation = \"ecr:GetRepositoryPolicy\"\nper_second = 4.0\nburst = 1.0");
    let audited = audit(&simulator).expect_code(0);
    only_these_suffer(&audited, &[]);
    let throttled: u64 = audited.json("run.json")["calls"]
        .as_array()
        .expect("calls")
        .iter()
        .filter_map(|c| c["throttled"].as_u64())
        .sum();
    assert!(throttled > 0, "nothing was throttled");
    assert_eq!(
        throttled,
        u64::try_from(simulator.calls().iter().filter(|c| c.error == "ThrottlingException").count()).expect("a count")
    );
}

/// A fault on one call, the gap it must become, and who may suffer.
fn one_fault(fault: &str, gap: &str, suffering: &[&str]) {
    let audited = audit(&with(&format!("[[faults]]\n{fault}"))).expect_code(3);
    only_these_suffer(&audited, suffering);
    assert_eq!(audited.gaps().join(","), gap, "{fault}");
    assert_eq!(audited.csv("repositories.csv").len(), 4, "{fault}");
}

const ALPHA_ONE: &str = "operation = \"ecr:GetRepositoryPolicy\"\nresource = \"alpha/one\"\n";

#[test]
fn a_throttle_that_never_ends_is_a_gap() {
    let fault = format!("{ALPHA_ONE}kind = \"error\"\ncode = \"ThrottlingException\"\nhttp_status = 400");
    let simulator = with(&format!("[[faults]]\n{fault}"));
    let audited = Scangap::audit(&simulator).args(&["--throttle-patience", "2s"]).into_folder().expect_code(3);
    only_these_suffer(&audited, &["alpha/one"]);
    assert_eq!(audited.gaps(), ["ecr:GetRepositoryPolicy throttled"]);
    // The gap says how long nothing was let through.
    let why = &audited.json("run.json")["gap_evidence"][0]["message"];
    assert_eq!(why, "every call was throttled for 2 seconds");
}

#[test]
fn a_connection_that_is_always_reset_is_a_gap() {
    one_fault(&format!("{ALPHA_ONE}kind = \"reset\""), "ecr:GetRepositoryPolicy connection", &["alpha/one"]);
}

#[test]
fn a_connection_that_is_reset_once_is_retried() {
    let audited = audit(&with(&format!("[[faults]]\n{ALPHA_ONE}kind = \"reset\"\ncount = 1"))).expect_code(0);
    only_these_suffer(&audited, &[]);
}

#[test]
fn an_answer_that_never_comes_is_a_gap() {
    one_fault(&format!("{ALPHA_ONE}kind = \"hang\""), "ecr:GetRepositoryPolicy timeout", &["alpha/one"]);
}

#[test]
fn html_truncated_and_malformed_bodies_are_gaps() {
    one_fault(
        &format!("{ALPHA_ONE}kind = \"html\"\nhttp_status = 404"),
        "ecr:GetRepositoryPolicy not_implemented",
        &["alpha/one"],
    );
    one_fault(&format!("{ALPHA_ONE}kind = \"malformed\""), "ecr:GetRepositoryPolicy malformed_answer", &["alpha/one"]);
    // What a truncated batch hid is derived from the registry's rules: a gap, and nobody suffers.
    one_fault(
        "operation = \"ecr:BatchGetRepositoryScanningConfiguration\"\naccount = \"333333333333\"\nresource = \"alpha/one,alpha/two\"\nkind = \"truncate\"",
        "ecr:BatchGetRepositoryScanningConfiguration connection,ecr:BatchGetRepositoryScanningConfiguration connection",
        &[],
    );
}

#[test]
fn a_repeated_page_token_ends_the_list_as_a_gap_and_keeps_what_came() {
    let simulator = with(
        "[[faults]]\noperation = \"ecr:DescribeRepositories\"\naccount = \"333333333333\"\nregion = \"eu-west-1\"\nkind = \"repeat_token\"",
    );
    let audited = audit(&simulator).expect_code(3);
    only_these_suffer(&audited, &[]);
    assert_eq!(audited.gaps(), ["ecr:DescribeRepositories malformed_answer"]);
    assert_eq!(audited.csv("repositories.csv").len(), 4);
}

#[test]
fn a_list_that_breaks_off_keeps_what_coverage_knows() {
    let audited = audit(&with(
        "[[faults]]\noperation = \"ecr:DescribeRepositories\"\naccount = \"333333333333\"\nregion = \"eu-west-1\"\nkind = \"error\"\ncode = \"AccessDeniedException\"\nhttp_status = 400\nmessage = \"with an explicit deny in a service control policy\"",
    ))
    .expect_code(3);
    let rows = audited.csv("repositories.csv");
    assert_eq!(rows.len(), 4, "the administrator's coverage names alpha's two");
    assert_eq!(audited.repository("alpha/one")["listed"], "no");
    let registry = audited
        .csv("registries.csv")
        .into_iter()
        .find(|row| row["account_id"] == "333333333333" && row["region"] == "eu-west-1");
    let registry = registry.expect("a row");
    assert_eq!((registry["outcome"].as_str(), registry["repositories"].as_str()), ("unreadable", "unknown"));
    assert_eq!(audited.csv("gaps.csv")[0]["cause"], "service_control_policy");
}

#[test]
fn a_repository_that_vanishes_is_counted_and_is_no_row() {
    let audited = audit(&with(&format!("[[faults]]\n{ALPHA_ONE}kind = \"vanish\""))).expect_code(0);
    assert_eq!(audited.csv("repositories.csv").len(), 3);
    assert_eq!(audited.json("summary.json")["vanished"], 1);
}

#[test]
fn coverage_without_a_repository_is_asked_for_once_and_counted() {
    let simulator = with(
        "[[accounts]]\nid = \"555555555555\"\nname = \"gamma\"\ncells = [{ region = \"us-east-1\", orphaned_coverage = [\"gone\"] }]",
    );
    let audited = audit(&simulator).expect_code(0);
    assert_eq!(audited.json("summary.json")["coverage_without_repository"], 1);
    let asked = simulator
        .calls()
        .iter()
        .filter(|call| call.operation == "ecr:DescribeRepositories" && call.resource == "gone")
        .count();
    assert_eq!(asked, 1);
}

#[test]
fn a_scope_that_cannot_be_read_decides_only_where_v2_would_make_a_difference() {
    let registry = |policy: &str| {
        with(&format!(
            r#"
[[policies]]
name = "registry"
inspector = "denied"
text = '{{"Version":"2012-10-17","Statement":[{{"Sid":"Freeze","Effect":"Deny","Principal":"*","Action":["ecr:BatchGetImage","ecr:PutRegistryScanningConfiguration"],"Resource":"*"}}]}}'

[[accounts]]
id = "555555555555"
name = "gamma"
[[accounts.registries]]
region = "eu-west-1"
registry_policy_scope = "{policy}"
registry_policy = "registry"
repositories = [{{ name = "gamma/one" }}]
"#
        ))
    };
    let v1 = audit(&registry("V1")).expect_code(0);
    assert_eq!(v1.diagnosis("gamma/one"), "covered");
    let v2 = audit(&registry("V2")).expect_code(0).repository("gamma/one");
    assert_eq!((v2["diagnosis"].as_str(), v2["denied_actions"].as_str()), ("blocked", r#"["ecr:BatchGetImage"]"#));
    let unread = registry("V2");
    unread.add_fault(scangap_simorg::scenario::FaultSpec::of("ecr:GetAccountSetting", "AccessDeniedException", 400));
    let row = audit(&unread).expect_code(3).repository("gamma/one");
    assert_eq!((row["diagnosis"].as_str(), row["depends_on"].as_str()), ("undecided", r#"["REGISTRY_POLICY_SCOPE"]"#));
}

#[test]
fn coverage_that_breaks_off_is_asked_in_the_accounts_and_never_read_in_part() {
    let broken = |who: &str, what: &str| {
        audit(&with(&format!(
            "[[faults]]\noperation = \"inspector2:ListCoverage\"\nresource = \"{what}\"\nregion = \"eu-west-1\"\n{who}kind = \"error\"\ncode = \"ValidationException\"\nhttp_status = 400"
        )))
    };
    // The administrator's list fails: the accounts' own lists are used. Its own account has no other source of repositories.
    for (what, code, sources) in [
        ("AWS_ECR_REPOSITORY", 3, ("account", "delegated_administrator")),
        ("AWS_ECR_CONTAINER_IMAGE", 0, ("delegated_administrator", "account")),
    ] {
        let told = broken("account = \"222222222222\"\n", what).expect_code(code);
        only_these_suffer(&told, &[]);
        let registries = told.csv("registries.csv");
        let alpha = registries
            .iter()
            .find(|row| row["account_id"] == "333333333333" && row["region"] == "eu-west-1")
            .expect("a row");
        assert_eq!((alpha["coverage_source"].as_str(), alpha["image_coverage_source"].as_str()), sources);
    }
    // No source answers: an ACTIVE row without the list of images is not `covered`.
    let untold = broken("", "AWS_ECR_CONTAINER_IMAGE").expect_code(3);
    for row in untold.csv("repositories.csv") {
        assert_eq!(
            (row["diagnosis"].as_str(), row["coverage_status"].as_str()),
            ("unreadable", "unknown"),
            "{}",
            row["repository"]
        );
    }
}

#[test]
fn an_empty_answer_is_not_an_empty_list() {
    let empty = |operation: &str, account: &str| {
        audit(&with(&format!("[[faults]]\noperation = \"{operation}\"\naccount = \"{account}\"\nkind = \"empty\"")))
            .expect_code(3)
    };
    // No repositories: what coverage names is kept, and the registry is not read.
    let repositories = empty("ecr:DescribeRepositories", "333333333333");
    assert!(repositories.gaps().iter().all(|gap| gap == "ecr:DescribeRepositories malformed_answer"));
    assert_eq!(repositories.csv("repositories.csv").len(), 4);
    // No regions: the account is not said to have none.
    let regions = audit(&with("[[faults]]\noperation = \"account:*\"\naccount = \"333333333333\"\nkind = \"empty\""))
        .expect_code(3);
    assert!(regions.gaps().contains(&"account:ListRegions malformed_answer".to_owned()));
    only_these_suffer(&regions, &[]);
    // No coverage, from nobody: not `unseen`, not `empty`.
    let coverage = audit(&with("[[faults]]\noperation = \"inspector2:ListCoverage\"\nkind = \"empty\"")).expect_code(3);
    assert!(coverage.csv("repositories.csv").iter().all(|row| row["diagnosis"] == "unreadable"));
    // No registry policy text: the verdict is not `allowed`.
    let registry = empty("ecr:GetRegistryPolicy", "333333333333");
    assert_eq!(registry.repository("alpha/one")["policy_verdict"], "unknown");
}

#[test]
fn a_word_of_tomorrow_is_a_gap_and_flows_into_the_report() {
    let audited = audit(&with(
        r#"
[[accounts]]
id = "555555555555"
name = "gamma"
registries = [
  { region = "eu-west-1", ecr_scanning = "PAUSED", repositories = [{ name = "paused" }] },
  { region = "us-east-1", scan_type = "QUANTUM", repositories = [{ name = "quantum" }] },
]
"#,
    ))
    .expect_code(3);
    only_these_suffer(&audited, &["paused", "quantum"]);
    assert_eq!(audited.repository("paused")["inspector_ecr_status"], "PAUSED");
    assert_eq!(audited.repository("quantum")["registry_scan_type"], "QUANTUM");
    assert_eq!(
        audited.gaps(),
        ["ecr:GetRegistryScanningConfiguration malformed_answer", "inspector2:BatchGetAccountStatus malformed_answer"]
    );
}

#[test]
fn what_was_not_looked_at_is_neither_zero_nor_not_needed() {
    let audited = audit(&with(
        "[[accounts]]\nid = \"555555555555\"\nname = \"gamma\"\nroles = []\ncells = [{ region = \"eu-west-1\", repositories = [{ name = \"gamma/one\" }] }]",
    ))
    .expect_code(3);
    let registries = audited.csv("registries.csv");
    for row in registries.iter().filter(|row| row["account_id"] == "555555555555") {
        for column in
            ["repositories", "registry_scan_type", "registry_verdict", "vanished", "coverage_without_repository"]
        {
            assert_eq!(row[column], "unknown", "{column} in {}", row["region"]);
        }
    }
}
