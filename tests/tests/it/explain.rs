//! `scangap explain` on the article's own policy, and what else it is asked.

use scangap_tests::{Finished, Scangap};

const BEFORE: &str = include_str!("../../fixtures/article-before.json");
const AFTER: &str = include_str!("../../fixtures/article-after.json");

fn explain(policy: &str, arguments: &[&str]) -> Finished {
    let call = Scangap::new(&["explain", "policy.json", "--account", "111122223333"]);
    fs_err::write(call.home().join("policy.json"), policy).expect("a file");
    call.args(arguments).run()
}

#[test]
fn the_articles_policy_is_denied_by_its_statement_and_repaired_to_the_articles_result() {
    let finished = explain(BEFORE, &["--fix", "--write", "fixed.json"]);
    assert_eq!(finished.code, 2, "{}", finished.stderr);
    for part in [
        "denied: Inspector's role of account 111122223333",
        "OfficeOnly (NotIpAddress aws:SourceIp) denies",
        "11 |           \"aws:SourceIp\": \"203.0.113.10/32\"",
        "= NotIpAddress aws:SourceIp: policy 203.0.113.10/32; request a public address of AWS, or absent: matches",
        "+        \"ArnNotEquals\": {",
    ] {
        assert!(finished.stdout.contains(part), "`{part}` is missing:\n{}", finished.stdout);
    }
    assert_eq!(fs_err::read_to_string(finished.home.path().join("fixed.json")).expect("the repair"), AFTER);
}

#[test]
fn the_articles_result_is_allowed() {
    let finished = explain(AFTER, &[]);
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
    assert!(finished.stdout.starts_with("allowed: "), "{}", finished.stdout);
}

#[test]
fn a_registry_policy_counts_beside_it() {
    let call = Scangap::new(&[
        "explain",
        "policy.json",
        "--account",
        "111122223333",
        "--registry-policy",
        "registry.json",
        "--output",
        "json",
    ]);
    fs_err::write(call.home().join("policy.json"), AFTER).expect("a file");
    let registry =
        r#"{"Statement":{"Sid":"Freeze","Effect":"Deny","Principal":"*","Action":"ecr:ListImages","Resource":"*"}}"#;
    fs_err::write(call.home().join("registry.json"), registry).expect("a file");
    let finished = call.run();
    assert_eq!(finished.code, 2, "{}", finished.stderr);
    let answer: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(answer["actions"]["ecr:ListImages"]["statements"][0]["policy"], "registry policy");
    assert_eq!(answer["actions"]["ecr:BatchGetImage"]["verdict"], "allowed");
}

#[test]
fn what_it_depends_on_can_be_stated() {
    let mfa = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}}"#;
    let depends = explain(mfa, &[]);
    assert_eq!(depends.code, 4);
    assert!(depends.stdout.contains("on aws:MultiFactorAuthPresent"), "{}", depends.stdout);
    assert_eq!(explain(mfa, &["--context", "aws:MultiFactorAuthPresent=false"]).code, 2);
    assert_eq!(explain(mfa, &["--absent", "AWS:multifactorauthpresent"]).code, 0);
}

#[test]
fn what_is_no_policy_is_65_with_its_place() {
    let finished = explain("{\n  \"Statement\": {\"Effect\": \"deny\"}}", &[]);
    assert_eq!(finished.code, 65);
    assert!(
        finished.stderr.contains("`deny` is neither Allow nor Deny at line 2, column 27 (Statement[0].Effect)"),
        "{}",
        finished.stderr
    );
}

#[test]
fn hostile_policies_cannot_move_the_cursor() {
    let hostile =
        "{\"Statement\":{\"Sid\":\"\\u001b[31mx\\u202e\",\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"*\"}}";
    let finished = explain(hostile, &["--color", "never"]);
    assert_eq!(finished.code, 2);
    assert!(!finished.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", finished.stdout);
}

#[test]
fn a_policy_can_come_from_a_snapshot() {
    let audited = crate::demo::demo();
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let place = ["--account", "333333333333", "--region", "eu-west-1", "--repository"];
    let explain = |name: &str| Scangap::new(&["explain", "--snapshot", &snapshot]).args(&place).args(&[name]).run();
    assert_eq!(explain("journey/1-blocked").code, 2);
    assert_eq!(explain("journey/2-repaired-and-pushed-again").code, 0);
    assert_eq!(explain("no-such-repository").code, 65);
}
