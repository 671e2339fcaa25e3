//! Every lint: a policy that it finds, with the place, and one like it that it leaves alone.

mod common;

use std::collections::BTreeSet;

use common::{ROLE, parse, request};
use scangap_model::{AccountId, Partition, Verdict};
use scangap_policy::{Action, Caller, Context, LINT_RULES, Lint, PolicyKind, Request, Stated, decide, lint};

fn found(text: &str, kind: PolicyKind, members: Option<&BTreeSet<AccountId>>) -> Vec<Lint> {
    let asked = request();
    lint(text, &parse(text), kind, &Context::new(&asked), members)
}

fn statements(rests: &[&str]) -> String {
    let each: Vec<String> = rests.iter().map(|rest| format!("{{{}}}", rest.replace("ROLE", ROLE))).collect();
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, each.join(","))
}

const DENY: &str = r#""Effect":"Deny","Principal":"*","Action":"ecr:*""#;

/// The rule's code, statements that it finds, where, and statements that it leaves alone.
fn check(code: &str, (wrong, path, right): (&[&str], &str, &[&str])) {
    let lints = found(&statements(wrong), PolicyKind::Repository, None);
    let places: Vec<&str> = lints.iter().filter(|lint| lint.code == code).map(|lint| lint.path.as_str()).collect();
    assert_eq!(places, [path], "{wrong:?}: {lints:?}");
    let lints = found(&statements(right), PolicyKind::Repository, None);
    assert!(lints.iter().all(|lint| lint.code != code), "{right:?}: {lints:?}");
}

fn condition(block: &str) -> String {
    format!("{DENY},\"Condition\":{{{block}}}")
}

fn under(code: &str, (wrong, path, right): (&str, &str, &str)) {
    check(code, (&[&condition(wrong)], &format!("Statement[0].Condition.{path}"), &[&condition(right)]));
}

rows! { check, BY_STATEMENT;
    an_allow_for_inspector "allow-repairs-nothing": [(
        &[r#""Effect":"Allow","Principal":{"AWS":"ROLE"},"Action":"ecr:*""#][..],
        "Statement[0].Principal",
        &[r#""Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/ci"},"Action":"ecr:*""#][..],
    )]
    an_exemption_elsewhere "exemption-in-another-statement": [(
        &[DENY, r#""Effect":"Deny","Principal":"*","Action":"ecr:PutImage","Condition":{"ArnNotEquals":{"aws:PrincipalArn":"ROLE"}}"#][..],
        "Statement[1].Condition.ArnNotEquals.aws:PrincipalArn",
        &[r#""Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"ArnNotEquals":{"aws:PrincipalArn":"ROLE"}}"#][..],
    )]
    the_service_principal "service-principal": [(
        &[r#""Effect":"Allow","Principal":{"Service":"inspector2.amazonaws.com"},"Action":"ecr:*""#][..],
        "Statement[0].Principal",
        &[r#""Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"ecr:*""#][..],
    )]
    the_classic_role "classic-inspector-role": [(
        &[r#""Effect":"Deny","Action":"ecr:*","NotPrincipal":{"AWS":"arn:aws:iam::111122223333:role/aws-service-role/inspector.amazonaws.com/AWSServiceRoleForAmazonInspector"}"#][..],
        "Statement[0].NotPrincipal",
        &[r#""Effect":"Deny","Action":"ecr:*","NotPrincipal":{"AWS":"ROLE"}"#][..],
    )]
    the_role_alone_in_a_second_statement "exemption-in-another-statement": [(
        &[DENY, r#""Effect":"Deny","NotPrincipal":{"AWS":["ROLE","111122223333"]},"Action":"ecr:*""#][..],
        "Statement[1].NotPrincipal",
        // A repository policy cannot touch the first action: nothing is denied still.
        &[r#""Effect":"Deny","Principal":"*","Action":"ecr:GetAuthorizationToken""#, r#""Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"ArnNotEquals":{"aws:PrincipalArn":"ROLE"}}"#][..],
    )]
    a_principal_of_no_form "malformed-principal": [(
        &[r#""Effect":"Deny","Action":"ecr:*","Principal":{"AWS":"not an arn"}"#][..],
        "Statement[0].Principal",
        &[r#""Effect":"Deny","Action":"ecr:*","Principal":{"AWS":["111122223333","ROLE","AIDAEXAMPLEEXAMPLE01"]}"#][..],
    )]
    a_deleted_principal "deleted-principal": [(
        &[r#""Effect":"Deny","Action":"ecr:*","Principal":{"AWS":"AROAEXAMPLEEXAMPLE01"}"#][..],
        "Statement[0].Principal",
        &[r#""Effect":"Deny","Action":"ecr:*","Principal":{"AWS":"ROLE"}"#][..],
    )]
    a_wildcard_in_a_principal "partial-wildcard-principal": [(
        &[r#""Effect":"Deny","Action":"ecr:*","Principal":{"AWS":"arn:aws:iam::111122223333:role/*"}"#][..],
        "Statement[0].Principal",
        &[r#""Effect":"Deny","Action":"ecr:*","Principal":{"AWS":"*"}"#][..],
    )]
    not_principal_with_the_role_alone "not-principal-without-account": [(
        &[r#""Effect":"Deny","Action":"ecr:*","NotPrincipal":{"AWS":"ROLE"}"#][..],
        "Statement[0].NotPrincipal",
        &[r#""Effect":"Deny","Action":"ecr:*","NotPrincipal":{"AWS":["ROLE","111122223333"]}"#][..],
    )]
    // Holds: 5 Advice that harms: a Deny with a negated operator under ForAllValues is not told what would open the repository
    for_all_values_of_nothing "for-all-values-vacuous": [
        (
            &[r#""Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{"ForAllValues:StringEquals":{"aws:PrincipalOrgPaths":"x"}}"#][..],
            "Statement[0].Condition.ForAllValues:StringEquals.aws:PrincipalOrgPaths",
            &[r#""Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{"ForAllValues:StringEquals":{"aws:PrincipalOrgPaths":"x"},"Null":{"AWS:principalOrgPaths":"false"}}"#][..],
        ),
        // Under a Deny it keeps those out who lack the key, whatever the operator.
        (
            &[r#""Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{"ForAllValues:StringNotLike":{"aws:PrincipalOrgPaths":"x"}}"#][..],
            "Statement[0].Condition.ForAllValues:StringNotLike.aws:PrincipalOrgPaths",
            &[
                r#""Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"ForAllValues:StringNotLike":{"aws:PrincipalOrgPaths":"x"}}"#,
                r#""Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"ForAllValues:StringEquals":{"aws:PrincipalOrgPaths":"x"}}"#,
            ][..],
        ),
    ]
    // Holds: 5 Advice that harms: `:root` as principal means the whole account, Inspector included
    the_root_of_the_account "root-principal": [(
        &[r#""Effect":"Deny","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"ecr:*""#][..],
        "Statement[0].Principal",
        &[
            r#""Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"ecr:*""#,
            r#""Effect":"Deny","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"ecr:*""#,
        ][..],
    )]
    // Holds: 5 Advice that harms: an action of another service is linted
    an_action_of_another_service "action-of-another-service": [(
        &[r#""Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":["s3:GetObject","ecr:PutImage"]"#][..],
        "Statement[0]",
        &[r#""Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":["*","*:*","ECR:PutImage","e*:Get*"]"#, r#""Effect":"Deny","Principal":"*","NotAction":"s3:GetObject""#][..],
    )]
    // Holds: 5 Advice that harms: an action that ECR does not know is linted
    an_action_that_nobody_knows "unknown-action": [(
        &[r#""Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":["ecr:BatchGetImages","ecr:BatchGetImage"]"#][..],
        "Statement[0]",
        &[r#""Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":["ecr:*","ecr:batchgetimage","ecr:Put*","ecr:ListTagsForResource"]"#][..],
    )]
    // Holds: 5 Advice that harms: an action that ECR refuses in repository policies is linted
    an_action_that_ecr_refuses "action-refused-in-repository-policy": [(
        &[r#""Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"ecr:GetAuthorizationToken""#][..],
        "Statement[0]",
        &[r#""Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"ecr:Get*""#][..],
    )]
    // Holds: 5 Advice that harms: a Resource that matches nothing is linted
    a_resource_that_is_none "dead-resource": [(
        &[r#""Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":["arn:aws:ecr:us-east-1:111122223333/*"]"#][..],
        "Statement[0]",
        &[
            r#""Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":["arn:aws:ecr:us-east-1:111122223333/*","*"]"#,
            r#""Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"arn:aws:ecr:*:111122223333:repository/*""#,
            r#""Effect":"Deny","Principal":"*","Action":"ecr:*","NotResource":"arn:aws:ecr:us-east-1:444455556666:repository/*""#,
        ][..],
    )]
    two_statements_of_one_name "duplicate-sid": [(
        &[r#""Sid":"A","Effect":"Allow","Principal":"*","Action":"ecr:*""#, r#""Sid":"A","Effect":"Allow","Principal":"*","Action":"ecr:*""#][..],
        "Statement[1]",
        &[r#""Sid":"A","Effect":"Allow","Principal":"*","Action":"ecr:*""#, r#""Sid":"B","Effect":"Allow","Principal":"*","Action":"ecr:*""#][..],
    )]
    everybody "public-access": [(
        &[r#""Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage""#][..],
        "Statement[0].Principal",
        &[r#""Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-exampleorg"}}"#][..],
    )]
    another_account "access-from-another-account": [(
        &[r#""Effect":"Allow","Principal":{"AWS":["444455556666","arn:aws:iam::111122223333:root"]},"Action":"ecr:*""#][..],
        "Statement[0].Principal",
        &[r#""Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"ecr:*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-exampleorg"}}"#][..],
    )]
}

rows! { under, BY_CONDITION;
    a_role_without_its_path "role-path-missing": [(
        r#""ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/AWSServiceRoleForAmazonInspector2"}"#,
        "ArnNotEquals.aws:PrincipalArn",
        r#""ArnNotEquals":{"aws:PrincipalArn":"ROLE"}"#,
    )]
    the_role_of_another_account "role-of-another-account": [(
        r#""ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::444455556666:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2"}"#,
        "ArnNotEquals.aws:PrincipalArn",
        r#""ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::*:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2"}"#,
    )]
    the_role_of_another_partition "role-of-another-partition": [(
        r#""ArnNotEquals":{"aws:PrincipalArn":"arn:aws-cn:iam::111122223333:role/x"}"#,
        "ArnNotEquals.aws:PrincipalArn",
        r#""ArnNotLike":{"aws:PrincipalArn":"arn:*:iam::111122223333:role/x"}"#,
    )]
    a_session "session-arn": [(
        r#""ArnNotLike":{"aws:PrincipalArn":"arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForAmazonInspector2/*"}"#,
        "ArnNotLike.aws:PrincipalArn",
        r#""ArnNotLike":{"aws:PrincipalArn":"ROLE"}"#,
    )]
    a_wildcard_as_text "wildcard-under-string-equals": [
        (r#""StringNotEquals":{"aws:PrincipalArn":"arn:aws:iam::*:role/x"}"#, "StringNotEquals.aws:PrincipalArn", r#""StringNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/x"}"#),
        (r#""StringEquals":{"aws:userid":"a?"}"#, "StringEquals.aws:userid", r#""StringEquals":{"aws:userid":"a${?}${*}${aws:x, '*'}"}"#),
    ]
    a_guard_for_services "service-flag-exempts-nothing": [
        (r#""BoolIfExists":{"aws:PrincipalIsAWSService":"false"}"#, "BoolIfExists.aws:PrincipalIsAWSService", r#""Bool":{"aws:PrincipalIsAWSService":"true"}"#),
        // Beside the right exemption it does no harm.
        (r#""BoolIfExists":{"aws:ViaAWSService":"false"}"#, "BoolIfExists.aws:ViaAWSService", r#""BoolIfExists":{"aws:ViaAWSService":"false"},"ArnNotEquals":{"aws:PrincipalArn":"ROLE"}"#),
        (r#""StringNotEquals":{"aws:PrincipalServiceName":"inspector2.amazonaws.com"}"#, "StringNotEquals.aws:PrincipalServiceName", r#""StringEquals":{"aws:PrincipalServiceName":"x"}"#),
    ]
    // Holds: 4 Not decided though it can be: an address compared as text is linted: use IpAddress
    an_address_as_text "address-as-text": [
        (r#""StringNotLike":{"aws:SourceIp":"203.0.113.*"}"#, "StringNotLike.aws:SourceIp", r#""NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}"#),
        (r#""StringEquals":{"aws:VpcSourceIp":"10.0.0.1"}"#, "StringEquals.aws:VpcSourceIp", r#""StringEquals":{"aws:SourceVpc":"vpc-1"}"#),
    ]
    // Holds: 5 Advice that harms: `ArnNotLike` with what is no ARN is linted
    no_arn_under_an_arn_operator "arn-operator-without-arn": [
        (r#""ArnNotLike":{"aws:PrincipalArn":"*aws-service-role*"}"#, "ArnNotLike.aws:PrincipalArn", r#""ArnNotLike":{"aws:PrincipalArn":"arn:*:iam::*:role/aws-service-role/*"}"#),
        (r#""ArnEquals":{"aws:SourceArn":"arn:aws:s3"}"#, "ArnEquals.aws:SourceArn", r#""ArnEquals":{"aws:SourceArn":"${aws:PrincipalArn}"}"#),
    ]
    conditions_that_exclude_each_other "never-matches": [
        (r#""StringEquals":{"aws:PrincipalAccount":"x"},"Null":{"aws:PrincipalAccount":"true"}"#, "StringEquals.aws:PrincipalAccount", r#""StringEqualsIfExists":{"aws:PrincipalAccount":"x"},"Null":{"aws:PrincipalAccount":"true"}"#),
        (r#""ForAnyValue:StringEquals":{"aws:CalledVia":[]}"#, "ForAnyValue:StringEquals.aws:CalledVia", r#""ForAnyValue:StringEquals":{"aws:CalledVia":["x"]}"#),
        (r#""IpAddress":{"aws:SourceIp":"203.0.113.0/24"},"StringEquals":{"aws:SourceVpce":"vpce-1"}"#, "IpAddress.aws:SourceIp", r#""IpAddress":{"aws:SourceIp":"203.0.113.0/24"},"StringNotEquals":{"aws:SourceVpce":"vpce-1"}"#),
        (r#""ArnEquals":{"aws:PrincipalArn":"ROLE"},"ArnNotEquals":{"aws:PrincipalArn":["x:::::","ROLE"]}"#, "ArnEquals.aws:PrincipalArn", r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"},"ArnNotEquals":{"aws:PrincipalArn":"ROLE"}"#),
        (r#""Bool":{"aws:SecureTransport":"false"},"BoolIfExists":{"aws:SecureTransport":"true"}"#, "Bool.aws:SecureTransport", r#""Bool":{"aws:SecureTransport":"false"},"BoolIfExists":{"aws:SecureTransport":["true","false"]}"#),
        (r#""NumericGreaterThan":{"aws:MultiFactorAuthAge":10},"NumericLessThan":{"aws:MultiFactorAuthAge":5}"#, "NumericGreaterThan.aws:MultiFactorAuthAge", r#""NumericGreaterThan":{"aws:MultiFactorAuthAge":5},"NumericLessThan":{"aws:MultiFactorAuthAge":10}"#),
        (r#""DateGreaterThanEquals":{"aws:CurrentTime":"2026"},"DateLessThan":{"aws:CurrentTime":"2026"}"#, "DateGreaterThanEquals.aws:CurrentTime", r#""DateGreaterThanEquals":{"aws:CurrentTime":"2026"},"DateLessThanEquals":{"aws:CurrentTime":"2026"}"#),
        (
            r#""IpAddress":{"aws:SourceIp":"203.0.113.0/24"},"Null":{"aws:SourceVpce":"false"}"#,
            "IpAddress.aws:SourceIp",
            r#""IpAddress":{"aws:SourceIp":"203.0.113.0/24"},"Null":{"aws:SourceVpce":"true"}"#,
        ),
        (r#""ArnEquals":{"aws:PrincipalArn":"*"}"#, "ArnEquals.aws:PrincipalArn", r#""ArnEquals":{"aws:PrincipalArn":["*","arn:aws:iam::*:role/x"]}"#),
        (r#""StringEquals":{"aws:PrincipalTag/a":["red","rose"]},"StringLike":{"aws:PrincipalTag/A":"b*"}"#, "StringEquals.aws:PrincipalTag/a", r#""StringEquals":{"aws:PrincipalTag/a":["red","blue"]},"StringLike":{"aws:PrincipalTag/A":"b*"}"#),
        (r#""StringEquals":{"aws:PrincipalTag/a":"red"},"StringNotEquals":{"aws:PrincipalTag/a":"red"}"#, "StringEquals.aws:PrincipalTag/a", r#""StringEquals":{"aws:PrincipalTag/a":"red"},"StringNotEquals":{"aws:PrincipalTag/a":"${aws:PrincipalTag/b}"}"#),
    ]
    a_private_address "private-source-ip": [(
        r#""NotIpAddress":{"aws:SourceIp":["203.0.113.0/24","10.0.0.0/8"]}"#, "NotIpAddress.aws:SourceIp", r#""NotIpAddress":{"aws:SourceIp":"203.0.113.0/24","aws:VpcSourceIp":"10.0.0.0/8"}"#,
    )]
    a_value_of_another_kind "malformed-value": [
        (r#""NotIpAddress":{"aws:SourceIp":"203.0.113.0/33"}"#, "NotIpAddress.aws:SourceIp", r#""NotIpAddress":{"aws:SourceIp":"203.0.113.0/32"}"#),
        (r#""Bool":{"aws:SecureTransport":"no"}"#, "Bool.aws:SecureTransport", r#""Bool":{"aws:SecureTransport":"${aws:ViaAWSService}"}"#),
    ]
}

#[test]
fn a_variable_in_an_old_version() {
    let old = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"${aws:x}","Condition":{"StringEquals":{"aws:userid":"${aws:x}"}}}}"#;
    let code = "variable-in-old-version";
    let count = |text: &str| found(text, PolicyKind::Repository, None).iter().filter(|lint| lint.code == code).count();
    assert_eq!(count(old), 2);
    assert_eq!(count(&old.replacen('{', r#"{"Version":"2012-10-17","#, 1)), 0);
}

#[test]
fn a_registry_policy_without_a_resource() {
    let code = "registry-policy-without-resource";
    let text = statements(&[DENY]);
    let has = |text: &str, kind| found(text, kind, None).iter().any(|lint| lint.code == code);
    assert!(has(&text, PolicyKind::Registry));
    assert!(!has(&text, PolicyKind::Repository));
    assert!(!has(&statements(&[&format!(r#"{DENY},"Resource":"*""#)]), PolicyKind::Registry));
}

#[test]
fn accounts_outside_the_organization_where_its_accounts_are_known() {
    let text =
        statements(&[r#""Effect":"Allow","Principal":{"AWS":["444455556666","777788889999"]},"Action":"ecr:*""#]);
    let members: BTreeSet<AccountId> = ["444455556666".parse().expect("an account")].into();
    let lints = found(&text, PolicyKind::Repository, Some(&members));
    let about: Vec<(&str, &str)> = lints.iter().map(|lint| (lint.code, lint.message.as_str())).collect();
    assert_eq!(about, [("access-outside-organization", "account 777788889999")]);
}

// Holds: 5 Advice that harms: what a lint advises lets no stranger, no other account and no service do more
#[test]
fn what_is_advised_about_a_missing_key_lets_nobody_do_more() {
    let callers = [
        "arn:aws:iam::999988887777:role/stranger",
        "arn:aws:iam::999988887777:user/stranger",
        "arn:aws:iam::111122223333:role/own",
        "lambda.amazonaws.com",
    ];
    let worlds: [Stated; 3] = [
        Stated::Absent,
        Stated::Values(vec!["o-exampleorg/r-ab12/x/".to_owned()]),
        Stated::Values(vec!["o-other/r/".to_owned()]),
    ];
    for effect in ["Allow", "Deny"] {
        for operator in ["StringEquals", "StringLike", "StringNotEquals", "StringNotLike"] {
            let policy = |more: &str| {
                statements(&[
                    r#""Effect":"Allow","Principal":"*","Action":"ecr:ListImages""#,
                    &format!(
                        r#""Effect":"{effect}","Principal":"*","Action":"ecr:*","Condition":{{"ForAllValues:{operator}":{{"aws:PrincipalOrgPaths":"o-exampleorg/*"}}{more}}}"#
                    ),
                ])
            };
            let (before, after) = (policy(""), policy(r#","Null":{"aws:PrincipalOrgPaths":"false"}"#));
            let lints = found(&before, PolicyKind::Repository, None);
            let advised = lints.iter().any(|lint| lint.code == "for-all-values-vacuous");
            let mut opens = false;
            for (caller, stated) in callers.iter().flat_map(|caller| worlds.iter().map(move |stated| (caller, stated)))
            {
                let asked = Request {
                    principal: Caller::parse(caller, Partition::Aws).expect("a caller"),
                    stated: [("aws:principalorgpaths".to_owned(), stated.clone())].into(),
                    ..request()
                };
                let allowed = |text: &str| {
                    let action = Action::BatchGetImage;
                    [action, Action::ListImages].map(|action| {
                        decide(&[&parse(text)], action, &Context::new(&asked)).verdict == Verdict::Allowed
                    })
                };
                opens |= allowed(&before).iter().zip(allowed(&after)).any(|(before, after)| after && !before);
            }
            assert!(!(advised && opens), "{effect} {operator}: the advice opens the repository");
            assert_eq!(advised, effect == "Allow", "{effect} {operator}");
        }
    }
}

// Holds: 5 Advice that harms: every lint has a test, those that were added and mended too
#[test]
fn every_rule_has_its_test() {
    let mut tested: BTreeSet<&str> = BY_STATEMENT.iter().chain(BY_CONDITION).copied().collect();
    tested.extend(["variable-in-old-version", "registry-policy-without-resource", "access-outside-organization"]);
    assert_eq!(tested, LINT_RULES.iter().map(|rule| rule.code).collect());
}

#[test]
fn a_place_is_a_line_and_a_column() {
    let text = "{\"Statement\": {\n  \"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"*\"}}";
    let lints = found(text, PolicyKind::Repository, None);
    assert_eq!((lints[0].position.line, lints[0].position.column), (2, 22));
    assert_eq!(text.get(lints[0].span.0..lints[0].span.1), Some("\"Principal\": \"*\""));
}
