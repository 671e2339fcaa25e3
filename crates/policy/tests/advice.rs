//! Follows each advice by program and checks that it gives no other principal more access: no stranger, no other account, no
//! service. The advice is meant for Inspector's own role.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::generate::{INSPECTOR, World, concrete, policy};
use common::{ROLE, parse, request};
use proptest::prelude::*;
use proptest::sample::subsequence;
use scangap_model::{Partition, Verdict};
use scangap_policy::{
    Action, Caller, Context, INSPECTOR_ACTIONS, LINT_RULES, Lint, PolicyKind, Request, RoleIdentity, Stated, Tags,
    decide, exempt, lint, storable,
};
use serde_json::{Value, json};

/// Rules whose explanation says what to do, and how a machine does it to the statement. Exempting is the repair's.
type Follow = fn(&mut Value);
const FOLLOWED: &[(&str, Option<Follow>)] = &[
    ("allow-repairs-nothing", None),
    ("exemption-in-another-statement", None),
    ("service-flag-exempts-nothing", None),
    ("role-path-missing", Some(with_the_path)),
    ("not-principal-without-account", Some(by_condition)),
    ("for-all-values-vacuous", Some(not_null)),
    ("access-from-another-account", Some(in_the_organization)),
    ("registry-policy-without-resource", Some(every_resource)),
];

fn block<'v>(statement: &'v mut Value, operator: &str) -> &'v mut Value {
    &mut statement["Condition"][operator]
}

fn with_the_path(statement: &mut Value) {
    let bare = "arn:aws:iam::111122223333:role/AWSServiceRoleForAmazonInspector2";
    let text = statement.to_string().replace(&format!("\"{bare}\""), &format!("\"{ROLE}\""));
    *statement = serde_json::from_str(&text).expect("JSON");
}

/// `Principal "*"` with `ArnNotEquals` on aws:PrincipalArn.
fn by_condition(statement: &mut Value) {
    let named = statement["NotPrincipal"]["AWS"].clone();
    let named: Vec<Value> = named.as_array().cloned().unwrap_or_else(|| vec![named]);
    let roles = named.iter().all(|name| name.as_str().is_some_and(|name| name.contains(":role/")));
    if roles && statement["Condition"]["ArnNotEquals"]["aws:PrincipalArn"].is_null() {
        statement.as_object_mut().expect("a statement").remove("NotPrincipal");
        statement["Principal"] = json!("*");
        block(statement, "ArnNotEquals")["aws:PrincipalArn"] = json!(named);
    }
}

fn not_null(statement: &mut Value) {
    let conditions = statement["Condition"].as_object().cloned().unwrap_or_default();
    let vacuous = conditions.iter().filter(|(operator, _)| operator.starts_with("ForAllValues:"));
    let keys: Vec<String> =
        vacuous.flat_map(|(_, keys)| keys.as_object().into_iter().flatten()).map(|(key, _)| key.clone()).collect();
    for key in keys {
        if statement["Condition"]["Null"][&key].is_null() {
            block(statement, "Null")[key] = json!("false");
        }
    }
}

fn in_the_organization(statement: &mut Value) {
    if statement["Condition"]["StringEquals"]["aws:PrincipalOrgID"].is_null() {
        block(statement, "StringEquals")["aws:PrincipalOrgID"] = json!("o-exampleorg");
    }
}

fn every_resource(statement: &mut Value) {
    statement["Resource"] = json!("*");
}

/// Statements that the rules speak about.
fn mistakes() -> Vec<Value> {
    let bare = "arn:aws:iam::111122223333:role/AWSServiceRoleForAmazonInspector2";
    let ci = "arn:aws:iam::111122223333:role/ci/deploy";
    vec![
        json!({"Effect": "Allow", "Principal": "*", "Action": "ecr:*", "Condition": {"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "o-exampleorg/*"}}}),
        json!({"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage", "Condition": {"ForAllValues:StringEquals": {"aws:PrincipalTag/team": "red"}, "Null": {"aws:PrincipalOrgPaths": "true"}}}),
        json!({"Effect": "Deny", "NotPrincipal": {"AWS": [ci]}, "Action": "ecr:*"}),
        json!({"Effect": "Deny", "NotPrincipal": {"AWS": ["arn:aws:iam::444455556666:role/ci/deploy", ROLE]}, "Action": ["ecr:BatchGetImage"]}),
        json!({"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "ecr:*"}),
        json!({"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::444455556666:role/ci/deploy"]}, "Action": "ecr:*", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "red"}}}),
        json!({"Effect": "Deny", "Principal": "*", "Action": "ecr:*", "Condition": {"ArnNotEquals": {"aws:PrincipalArn": bare}}}),
        json!({"Effect": "Allow", "Principal": {"AWS": [bare, ci]}, "Action": "ecr:*"}),
        json!({"Effect": "Deny", "Principal": "*", "Action": "ecr:*", "Condition": {"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}}),
        json!({"Effect": "Allow", "Principal": {"AWS": ["AROAEXAMPLEID00000009", ci]}, "Action": ["ecr:BatchGetImage", "s3:GetObject", "ecr:GetAuthorizationToken"]}),
        json!({"Effect": "Deny", "Principal": {"AWS": "AROAEXAMPLEID00000009"}, "Action": "ecr:*"}),
        json!({"Effect": "Allow", "Principal": {"AWS": "AROAEXAMPLEID00000009", "Service": "lambda.amazonaws.com"}, "Action": "ecr:*"}),
    ]
}

/// Requests that advice must not allow: by the generator's callers, by a service, and by an account that no policy names.
fn others(who: &str, world: &World) -> Vec<Request> {
    let state = |values: &Option<Vec<String>>| values.clone().map_or(Stated::Absent, Stated::Values);
    let stated: BTreeMap<String, Stated> =
        world.iter().map(|(key, values)| (key.to_lowercase(), state(values))).collect();
    let mut requests = Vec::new();
    for (caller, arn) in [
        (who, None),
        ("lambda.amazonaws.com", Some(None)),
        ("arn:aws:iam::999988887777:role/stranger", Some(Some("arn:aws:iam::999988887777:role/stranger"))),
    ] {
        if caller == INSPECTOR {
            continue;
        }
        for paths in [Stated::Absent, Stated::Values(vec!["o-exampleorg/r-ab12/x/".to_owned()])] {
            let mut stated = stated.clone();
            stated.insert("aws:principalorgpaths".to_owned(), paths);
            if let Some(arn) = arn {
                let one =
                    |text: Option<&str>| text.map_or(Stated::Absent, |text| Stated::Values(vec![text.to_owned()]));
                stated.insert("aws:principalarn".to_owned(), one(arn));
                stated.insert("aws:principalaccount".to_owned(), one(arn.map(|_| "999988887777")));
            }
            let principal = Caller::parse(caller, Partition::Aws).expect("a caller");
            requests.push(Request { principal, stated, ..request() });
        }
    }
    requests
}

fn found(text: &str, kind: PolicyKind) -> Vec<Lint> {
    let asked = request();
    lint(text, &parse(text), kind, &Context::new(&asked), None)
}

/// Actions that others do, beside Inspector's.
fn actions() -> impl Iterator<Item = Action> {
    INSPECTOR_ACTIONS.iter().copied().chain([Action::PutImage, Action::SetRepositoryPolicy])
}

fn lets_nobody_do_more(before: &str, after: &str, worlds: &[(&'static str, World)]) -> Result<(), TestCaseError> {
    let (old, new) = (parse(before), parse(after));
    for request in worlds.iter().flat_map(|(who, world)| others(who, world)) {
        let context = Context::new(&request);
        for action in actions() {
            let verdict = |document| decide(&[document], action, &context).verdict;
            let rank = |verdict| match verdict {
                Verdict::Denied => 0,
                Verdict::Allowed => 2,
                Verdict::Depends | Verdict::Unknown => 1,
            };
            // The author meant to let in a principal that the policy names, so an open answer may become `allowed` for it.
            let named = matches!(&request.principal, Caller::Role { arn, .. } | Caller::User { arn, .. } if before.contains(arn));
            let (was, is) = (rank(verdict(&old)), rank(verdict(&new)));
            let opens = if named { was == 0 && is > 0 } else { is > was };
            prop_assert!(!opens, "{action} by {:?}: {before} becomes {after}", request.principal);
        }
    }
    Ok(())
}

fn with_mistakes(mut policy: Value, mistakes: Vec<Value>) -> Value {
    let mut statements = match policy["Statement"].take() {
        Value::Array(statements) => statements,
        one => vec![one],
    };
    statements.extend(mistakes);
    policy["Statement"] = Value::Array(statements);
    policy
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    // Holds: 5 Advice that harms: every advice that a machine can follow, of every lint, and every repair lets nobody do more
    #[test]
    fn what_is_advised_lets_nobody_do_more(
        policy in policy(),
        mistakes in subsequence(mistakes(), 0..4),
        worlds in proptest::collection::vec(concrete(), 6),
        registry in any::<bool>(),
    ) {
        let kind = if registry { PolicyKind::Registry } else { PolicyKind::Repository };
        let policy = with_mistakes(policy, mistakes);
        let text = policy.to_string();
        for lint in found(&text, kind) {
            let follow = FOLLOWED.iter().find(|(code, _)| *code == lint.code).and_then(|(_, follow)| *follow);
            if let Some(follow) = follow {
                let mut followed = policy.clone();
                follow(&mut followed["Statement"][lint.statement]);
                lets_nobody_do_more(&text, &followed.to_string(), &worlds)?;
            }
        }
        // The repair of a file is of what can be stored of it.
        let role = RoleIdentity { id: Some("AROAEXAMPLEID00000001".to_owned()), tags: Tags::Known(BTreeMap::new()) };
        for request in [request(), Request { inspector_role: role, ..request() }] {
            let living = request.inspector_role.id.as_deref();
            let storable = storable(&text, kind, living);
            lets_nobody_do_more(&text, &storable, &worlds)?;
            for text in [&text, &storable] {
                if let Ok(repaired) = exempt(text, INSPECTOR_ACTIONS, &request) {
                    lets_nobody_do_more(text, &repaired, &worlds)?;
                }
            }
        }
    }
}

/// Each advice is met, and its mistake is gone once it is followed: else nothing above was tried.
#[test]
fn every_advice_is_met_and_helps() {
    let mut met = BTreeSet::new();
    for mistake in mistakes() {
        for kind in [PolicyKind::Repository, PolicyKind::Registry] {
            let policy = json!({"Version": "2012-10-17", "Statement": [mistake]});
            for lint in found(&policy.to_string(), kind) {
                let Some((code, Some(follow))) = FOLLOWED.iter().find(|(code, _)| *code == lint.code) else { continue };
                let mut followed = policy.clone();
                follow(&mut followed["Statement"][0]);
                let still = found(&followed.to_string(), kind).iter().any(|lint| lint.code == *code);
                assert!(!still, "{code} in {followed}");
                met.insert(*code);
            }
        }
    }
    let followed: BTreeSet<&str> =
        FOLLOWED.iter().filter(|(_, follow)| follow.is_some()).map(|(code, _)| *code).collect();
    assert_eq!(met, followed);
}

/// Every explanation in the imperative is followed above: a new one that is not makes this fail.
#[test]
fn no_advice_is_left_out() {
    let imperative =
        ["Add ", "add ", "Use ", "use Null", "Put ", "put ", "Exempt ", "Replace ", "Remove ", "Name ", "need a "];
    for rule in LINT_RULES {
        let advises = imperative.iter().any(|word| rule.explanation.contains(word));
        let followed = FOLLOWED.iter().any(|(code, _)| *code == rule.code);
        assert!(!advises || followed, "{}: {}", rule.code, rule.explanation);
    }
    for (code, _) in FOLLOWED {
        assert!(LINT_RULES.iter().any(|rule| rule.code == *code), "{code}");
    }
}
