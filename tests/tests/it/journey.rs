//! The article's journey on the article's own policy, both branches, ending in `covered`.

use scangap_tests::{Audited, Operator, Scangap, Simulated, organization, simulate};
use serde_json::json;

pub(crate) const BEFORE: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"OfficeOnly","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"}}}]}"#;
pub(crate) const AFTER: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"OfficeOnly","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"},"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::333333333333:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2"}}}]}"#;

/// The article's repository. Its truth is stated here; nothing in the simulator evaluates a policy.
fn article(sticky: bool) -> Simulated {
    simulate(organization(&format!(
        r#"
[[policies]]
name = "before"
inspector = "denied"
text = '{BEFORE}'

[[policies]]
name = "after"
inspector = "allowed"
text = '{AFTER}'

[[accounts]]
id = "333333333333"
name = "payments"

[[accounts.registries]]
region = "eu-west-1"
rules = [{{ frequency = "SCAN_ON_PUSH", filters = ["*"] }}]

[[accounts.registries.repositories]]
name = "article/app"
policy = "before"
sticky = {sticky}
images = [{{ pushed_days_ago = 40, findings = 3 }}]
coverage = {{ status = "{}", reason = "ACCESS_DENIED" }}

[[accounts.registries.repositories]]
name = "neighbour"
images = [{{ pushed_days_ago = 40, findings = 5 }}, {{ pushed_days_ago = 2, findings = 1 }}]
"#,
        if sticky { "INACTIVE" } else { "none" }
    )))
}

fn audit(simulator: &Simulated) -> Audited {
    let calls_before = simulator.mutating_calls().len();
    let audited = Scangap::audit(simulator).into_folder().expect_code(0);
    assert_eq!(simulator.mutating_calls().len(), calls_before, "an audit changes nothing");
    audited
}

fn operator(simulator: &Simulated) -> Operator<'_> {
    Operator::of(simulator, "333333333333", "eu-west-1")
}

fn blocked_then_repaired(simulator: &Simulated) {
    let blocked = audit(simulator).repository("article/app");
    assert_eq!(blocked["diagnosis"], "blocked");
    assert_eq!(blocked["policy_verdict"], "denied");
    assert_eq!(blocked["responsible_statements"], r#"["repository policy: OfficeOnly (NotIpAddress aws:SourceIp)"]"#);
    operator(simulator).ecr("SetRepositoryPolicy", &json!({"repositoryName": "article/app", "policyText": AFTER}));
}

fn push(simulator: &Simulated) {
    operator(simulator)
        .ecr("PutImage", &json!({"repositoryName": "article/app", "imageManifest": "{}", "imageTag": "v2"}));
}

#[test]
fn repaired_and_pushed_again_is_covered() {
    let simulator = article(false);
    blocked_then_repaired(&simulator);
    // The dashboard is still empty: nothing has told Inspector to look again.
    let repaired = audit(&simulator).repository("article/app");
    assert_eq!((repaired["diagnosis"].as_str(), repaired["coverage_status"].as_str()), ("unseen", "none"));
    push(&simulator);
    let covered = audit(&simulator).repository("article/app");
    assert_eq!((covered["diagnosis"].as_str(), covered["coverage_status"].as_str()), ("covered", "ACTIVE"));
}

#[test]
fn repaired_and_still_denied_is_stale_until_a_re_sync_which_destroys_history() {
    let simulator = article(true);
    blocked_then_repaired(&simulator);
    push(&simulator);
    let stale = audit(&simulator).repository("article/app");
    assert_eq!((stale["diagnosis"].as_str(), stale["coverage_reason"].as_str()), ("stale", "ACCESS_DENIED"));

    // The re-sync, as the delegated administrator must do it.
    let administrator = Operator::of(&simulator, "222222222222", "eu-west-1");
    let registry = json!({"accountIds": ["333333333333"], "resourceTypes": ["ECR"]});
    administrator.inspector("/disable", &registry);
    assert_eq!(audit(&simulator).diagnosis("article/app"), "inspector_off");
    administrator.inspector("/enable", &registry);

    let resynced = audit(&simulator);
    assert_eq!(resynced.diagnosis("article/app"), "covered");
    // The neighbour was fine; its findings are gone, and its old image has expired.
    assert_eq!(simulator.losses(), (6, 2));
}

#[test]
fn a_member_may_not_switch_itself_off() {
    let simulator = article(true);
    let answer =
        operator(&simulator).refused_by_inspector("/disable", &json!({"accountIds": [], "resourceTypes": ["ECR"]}));
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("is not authorized to disable itself"), "{answer}");
    assert_eq!(simulator.losses(), (0, 0));
}
