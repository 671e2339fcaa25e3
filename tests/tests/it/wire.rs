//! Every operation of an audit under every fault of the wire: what can be mended is mended, and what cannot is a gap.

use scangap_simorg::Simulator;
use scangap_simorg::scenario::{FaultKind, FaultSpec};
use scangap_tests::{Audited, Row, Scangap, Simulated, organization, simulate};

/// Every operation that an audit makes. Repositories of every kind, so that all of them are made.
const OPERATIONS: &[&str] = &[
    "sts:GetCallerIdentity",
    "sts:AssumeRole",
    "organizations:DescribeOrganization",
    "organizations:ListAccounts",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListDelegatedAdministrators",
    "account:ListRegions",
    "ecr:DescribeRepositories",
    "ecr:GetRepositoryPolicy",
    "ecr:BatchGetRepositoryScanningConfiguration",
    "ecr:GetRegistryPolicy",
    "ecr:GetRegistryScanningConfiguration",
    "ecr:GetAccountSetting",
    "ecr:DescribeRepositoryCreationTemplates",
    "ecr:ListTagsForResource",
    "ecr:DescribeImages",
    "inspector2:BatchGetAccountStatus",
    "inspector2:ListCoverage",
    "inspector2:GetConfiguration",
    "inspector2:DescribeOrganizationConfiguration",
    "iam:GetRole",
];

/// Repositories of every kind, so that every operation is made.
const WORLD: &str = r#"
[[organizational_units]]
id = "ou-exam-work"
name = "Workloads"

[[policies]]
name = "by-tag"
inspector = "allowed"
text = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"StringEquals":{"aws:ResourceTag/closed":"yes","aws:PrincipalTag/closed":"yes"}}}]}'

[[accounts]]
id = "333333333333"
name = "alpha"
ou = "ou-exam-work"
[[accounts.cells]]
region = "eu-west-1"
templates = [{ prefix = "cache/" }]
repositories = [
  { name = "one" },
  { name = "tagged", policy = "by-tag", tags = { team = "a" } },
  { name = "bare", images = [] },
]
"#;

fn world() -> Simulated {
    simulate(organization(WORLD))
}

fn audit(simulator: &Simulated) -> Audited {
    let audited = Scangap::audit(simulator).args(&["--timeout", "2", "--throttle-patience", "1m"]).into_folder();
    assert!(simulator.mutating_calls().is_empty());
    audited
}

fn rows(audited: &Audited) -> Vec<Row> {
    ["repositories.csv", "cells.csv", "accounts.csv", "gaps.csv"].iter().flat_map(|file| audited.csv(file)).collect()
}

fn fault(kind: FaultKind, operation: &str) -> FaultSpec {
    let mut fault = FaultSpec::of(operation, "InternalFailure", 500);
    fault.kind = kind;
    fault.count = Some(1);
    fault
}

/// A fault for an operation.
type Make<'a> = &'a dyn Fn(&str) -> FaultSpec;

// Holds: 7 The wire: every operation was tried
#[test]
fn the_table_has_every_operation_of_an_audit() {
    let simulator = world();
    let _ = audit(&simulator).expect_code(0);
    let mut made: Vec<String> = simulator.calls().into_iter().map(|call| call.operation).collect();
    made.sort();
    made.dedup();
    let mut listed: Vec<String> = OPERATIONS.iter().map(ToString::to_string).collect();
    listed.sort();
    assert_eq!(made, listed);
}

// Holds: 7 The wire: one ExpiredToken, one throttle, one server error, one malformed, truncated or HTML answer, one reset: nothing is lost, in any operation
#[test]
fn what_happens_once_costs_nothing_in_any_operation() {
    let simulator = world();
    let whole = rows(&audit(&simulator).expect_code(0));
    let expired = |operation: &str| {
        let mut fault = FaultSpec::of(operation, "ExpiredTokenException", 400);
        fault.count = Some(1);
        // The caller's own credentials are the SDK's to renew.
        fault.account = Some("333333333333".to_owned());
        fault
    };
    let throttled = |operation: &str| {
        let mut fault = FaultSpec::of(operation, "ThrottlingException", 400);
        fault.count = Some(1);
        fault
    };
    let kinds: [(&str, Make<'_>); 7] = [
        ("ExpiredToken", &expired),
        ("throttle", &throttled),
        ("server error", &|operation| fault(FaultKind::Error, operation)),
        ("malformed", &|operation| fault(FaultKind::Malformed, operation)),
        ("truncated", &|operation| fault(FaultKind::Truncate, operation)),
        ("HTML", &|operation| fault(FaultKind::Html, operation)),
        ("reset", &|operation| fault(FaultKind::Reset, operation)),
    ];
    for (name, make) in kinds {
        let simulator = world();
        for operation in OPERATIONS.iter().filter(|operation| name != "ExpiredToken" || !operation.starts_with("sts:"))
        {
            simulator.add_fault(make(operation));
        }
        let audited = audit(&simulator).expect_code(0);
        assert_eq!(rows(&audited), whole, "{name}");
    }
}

// Holds: 7 The wire: one ExpiredToken assumes the role once more, and repeats the call
#[test]
fn a_session_that_is_over_is_renewed_once_for_all_calls_that_met_it() {
    let simulator = world();
    let mut expired = FaultSpec::of("ecr:GetRepositoryPolicy", "ExpiredTokenException", 400);
    expired.count = Some(3);
    simulator.add_fault(expired);
    let audited = audit(&simulator).expect_code(0);
    assert!(audited.gaps().is_empty());
    let assumed = simulator.calls().into_iter().filter(|call| {
        call.operation == "sts:AssumeRole" && call.account.is_some_and(|id| id.to_string() == "333333333333")
    });
    assert!((2..=4).contains(&assumed.count()));
}

// Holds: 7 The wire: rows that stand twice in an answer are counted once, in every list
#[test]
fn rows_that_stand_twice_are_counted_once() {
    let units = "[[organizational_units]]\nid = \"ou-exam-more\"\nname = \"More\"\nparent = \"ou-exam-work\"\n";
    let facts = |operation: Option<&str>| {
        let simulator = simulate(organization(&format!("{WORLD}{units}")));
        let mut doubled = FaultSpec::of(operation.unwrap_or("ecr:Nothing"), "", 200);
        doubled.kind = FaultKind::Doubled;
        simulator.add_fault(doubled);
        let out =
            Scangap::audit_as_of("2026-11-23T09:00:00Z", &simulator.url(), &Simulator::access_key("111111111111"))
                .args(&["--tags", "team", "--images", "--timeout", "2"])
                .into_folder()
                .expect_code(0);
        let cells = simulator.calls().iter().filter(|call| call.operation == "ecr:DescribeRepositories").count();
        (rows(&out), (out.csv("images.csv"), cells), out.json("summary.json"))
    };
    let whole = facts(None);
    for operation in
        OPERATIONS.iter().filter(|operation| !operation.starts_with("sts:") && !operation.starts_with("iam:"))
    {
        let (found, images, summary) = facts(Some(operation));
        for (found, row) in found.iter().zip(&whole.0) {
            assert_eq!(found, row, "{operation}");
        }
        assert_eq!((found.len(), images), (whole.0.len(), whole.1.clone()), "{operation}");
        assert_eq!(summary, whole.2, "{operation}");
    }
}

// Holds: 7 The wire: what could not be learnt is never called `not needed`, column by column
#[test]
fn a_refusal_never_turns_a_value_into_not_needed() {
    let tables = ["repositories.csv", "cells.csv", "accounts.csv"];
    let key =
        |row: &Row| ["account_id", "region", "repository"].map(|column| row.get(column).cloned().unwrap_or_default());
    let whole = audit(&world()).expect_code(0);
    for operation in OPERATIONS.iter().filter(|operation| **operation != "sts:GetCallerIdentity") {
        let simulator = world();
        let mut refused = FaultSpec::of(operation, "AccessDeniedException", 403);
        // The organization's own calls go on: without them there is no audit.
        refused.account = (!operation.starts_with("organizations:")).then(|| "333333333333".to_owned());
        if *operation == "sts:AssumeRole" {
            refused.account = None;
            refused.resource = Some("arn:aws:iam::333333333333:role/OrganizationAccountAccessRole".to_owned());
        }
        simulator.add_fault(refused);
        let arguments = ["--timeout", "2", "--accounts", "222222222222,333333333333"];
        let audited = Scangap::audit(&simulator).args(&arguments).into_folder();
        for table in tables {
            let before = whole.csv(table);
            for row in audited.csv(table) {
                let Some(known) = before.iter().find(|known| key(known) == key(&row)) else { continue };
                for (column, value) in &row {
                    let lost = value == "not needed" && known[column] != "not needed";
                    assert!(!lost, "{operation} refused: {table} {column} was {}", known[column]);
                }
            }
        }
    }
}
