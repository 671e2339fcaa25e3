//! Every operation of an audit under every fault of the wire: what can be mended is mended, and what cannot is a gap.

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

fn world() -> Simulated {
    simulate(organization(
        r#"
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
repositories = [
  { name = "one" },
  { name = "tagged", policy = "by-tag", tags = { team = "a" } },
  { name = "bare", images = [] },
]
"#,
    ))
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
