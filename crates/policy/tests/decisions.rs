//! The decisions, one fixture and one expectation each.

mod common;

use std::collections::BTreeMap;

use common::{ROLE, evaluate, request, verdict};
use scangap_model::Verdict;
use scangap_policy::{Action, Context, INSPECTOR_ACTIONS, PolicyDocument, Request, Stated, why};

/// A document of one Deny on everything, with `rest` spliced into the statement; folded over the six actions.
fn check(rest: &str, expected: &str) {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"S","Effect":"Deny",{}}}]}}"#,
        rest.replace("ROLE", ROLE)
    );
    check_document(&text, expected);
}

fn check_document(text: &str, expected: &str) {
    assert_eq!(verdict(text, &request()), expected.to_lowercase(), "{text}");
}

/// A condition on a Deny of everything to everyone.
fn condition(block: &str, expected: &str) {
    check(&format!(r#""Principal":"*","Action":"ecr:*","Condition":{{{block}}}"#), expected);
}

#[test]
fn the_articles_two_policies() {
    condition(r#""NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"}"#, "denied");
    condition(
        r#""NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"},"ArnNotEquals":{"aws:PrincipalArn":"ROLE"}"#,
        "allowed",
    );
}

#[test]
fn the_responsible_statement_is_named() {
    let text = r#"{"Statement":[
        {"Sid":"Pull","Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"},
        {"Sid":"OfficeOnly","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"}}}]}"#;
    let document = PolicyDocument::parse(text).expect("a policy");
    let decision = evaluate(&document, Action::ListImages, &request());
    assert_eq!(decision.statements[0].index, 1);
    assert_eq!(decision.statements[0].label(), "OfficeOnly (NotIpAddress aws:SourceIp)");
}

#[test]
fn allow_statements_never_block() {
    check_document(
        r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"999999999999"},"Action":"ecr:*"}}"#,
        "allowed",
    );
}

#[test]
fn exemptions_by_principal_arn_under_every_operator() {
    for (operator, value, expected) in [
        ("ArnNotEquals", "ROLE", "allowed"),
        ("ArnNotLike", "ROLE", "allowed"),
        ("ArnNotEquals", "arn:aws:iam::111122223333:role/aws-service-role/*", "allowed"),
        ("ArnNotEqualsIfExists", "ROLE", "allowed"),
        ("StringNotEquals", "ROLE", "allowed"),
        ("StringNotEquals", "arn:aws:iam::111122223333:role/aws-service-role/*", "denied"),
        ("StringNotEqualsIgnoreCase", "ROLE", "allowed"),
        ("StringNotLike", "arn:aws:iam::*:role/aws-service-role/*", "allowed"),
        ("StringNotLike", "*", "allowed"),
        (
            "ArnNotEquals",
            "arn:aws:iam::999999999999:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2",
            "denied",
        ),
        ("ArnNotEquals", "arn:aws:iam::111122223333:role/AWSServiceRoleForAmazonInspector2", "denied"),
        ("ArnNotEquals", "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForAmazonInspector2/x", "denied"),
        ("ArnEquals", "ROLE", "denied"),
        ("StringLike", "*", "denied"),
        ("ForAllValues:ArnNotEquals", "ROLE", "allowed"),
        ("ForAnyValue:StringNotLike", "*role/aws-service-role/*", "allowed"),
        (
            "ArnNotEquals",
            "arn:aws:iam::${aws:PrincipalAccount}:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2",
            "allowed",
        ),
    ] {
        condition(
            &format!(r#""{operator}":{{"aws:principalarn":["arn:aws:iam::111122223333:role/Ops","{value}"]}}"#),
            expected,
        );
    }
}

#[test]
fn variables_are_text_before_2012() {
    check_document(
        r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}}}}"#,
        "denied",
    );
    condition(r#""StringNotEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}"#, "allowed");
    condition(r#""StringNotEquals":{"aws:PrincipalAccount":"${aws:SourceAccount}"}"#, "denied");
    condition(r#""StringEquals":{"aws:PrincipalAccount":"${aws:SourceAccount, '111122223333'}"}"#, "denied");
}

#[test]
fn organization_and_account_keys() {
    condition(r#""StringNotEquals":{"aws:PrincipalOrgID":"o-exampleorg"}"#, "allowed");
    condition(r#""StringNotEquals":{"aws:PrincipalOrgID":"o-other"}"#, "denied");
    condition(r#""ForAllValues:StringNotLike":{"aws:PrincipalOrgPaths":"o-exampleorg/r-ab12/*"}"#, "allowed");
    condition(r#""StringNotEquals":{"aws:PrincipalAccount":["111122223333"]}"#, "allowed");
    condition(r#""StringNotEquals":{"aws:ResourceAccount":"${aws:PrincipalAccount}"}"#, "allowed");
    condition(r#""Null":{"aws:PrincipalOrgID":"true"}"#, "allowed");
}

#[test]
fn network_keys() {
    condition(r#""NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","192.168.0.0/16"]}"#, "denied");
    condition(r#""NotIpAddress":{"aws:SourceIp":"0.0.0.0/0"}"#, "depends aws:SourceIp");
    condition(r#""NotIpAddress":{"aws:SourceIp":["203.0.113.0/24","52.0.0.0/8"]}"#, "depends aws:SourceIp");
    condition(r#""IpAddress":{"aws:SourceIp":"203.0.113.0/24"}"#, "allowed");
    condition(r#""IpAddress":{"aws:SourceIp":"0.0.0.0/0"}"#, "depends aws:SourceIp");
    condition(r#""StringNotEquals":{"aws:SourceVpce":"vpce-1234"}"#, "denied");
    condition(r#""StringNotEqualsIfExists":{"aws:SourceVpc":"vpc-1234"}"#, "denied");
    condition(r#""StringEquals":{"aws:SourceVpce":"vpce-1234"}"#, "allowed");
    condition(r#""StringNotLike":{"aws:SourceVpce":"vpce-*"}"#, "depends aws:SourceVpce");
}

#[test]
fn guards_that_spare_services_do_not_spare_a_service_linked_role() {
    condition(r#""BoolIfExists":{"aws:PrincipalIsAWSService":"false"}"#, "denied");
    condition(r#""Bool":{"aws:ViaAWSService":false}"#, "denied");
    condition(r#""StringNotEquals":{"aws:PrincipalServiceName":"inspector2.amazonaws.com"}"#, "denied");
    check(r#""Principal":{"Service":"inspector2.amazonaws.com"},"Action":"ecr:*""#, "allowed");
}

#[test]
fn keys_of_unknown_state_depend_and_only_where_it_matters() {
    condition(r#""Bool":{"aws:SecureTransport":"false"}"#, "allowed");
    condition(r#""BoolIfExists":{"aws:SecureTransport":"false"}"#, "allowed");
    condition(r#""Bool":{"aws:MultiFactorAuthPresent":"false"}"#, "depends aws:MultiFactorAuthPresent");
    condition(r#""BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}"#, "denied");
    condition(r#""StringNotEquals":{"aws:PrincipalTag/team":"x"}"#, "depends aws:PrincipalTag/team");
    condition(r#""StringNotLike":{"aws:userid":"AROAEXAMPLE:*"}"#, "depends aws:userid");
    condition(r#""StringEquals":{"some:key":"x","aws:PrincipalAccount":"999999999999"}"#, "allowed");
    condition(r#""StringEquals":{"aws:ResourceTag/scan":"yes"}"#, "denied");
    condition(r#""StringNotEquals":{"ecr:ResourceTag/Scan":"yes"}"#, "allowed");
    condition(r#""DateGreaterThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}"#, "denied");
    condition(r#""DateLessThan":{"aws:CurrentTime":"2026-01-01"}"#, "allowed");
    condition(r#""NumericLessThan":{"aws:MultiFactorAuthAge":"3600"}"#, "allowed");
}

#[test]
fn principals_and_not_principals() {
    for (principal, expected) in [
        (r#""Principal":{"AWS":"111122223333"}"#, "denied"),
        (r#""Principal":{"AWS":"arn:aws:iam::111122223333:root"}"#, "denied"),
        (r#""Principal":{"AWS":["arn:aws:iam::111122223333:role/x","ROLE"]}"#, "denied"),
        (r#""Principal":{"AWS":"999999999999"}"#, "allowed"),
        (r#""Principal":{"AWS":"arn:aws:iam::111122223333:role/AWSServiceRoleForAmazonInspector2"}"#, "allowed"),
        (r#""Principal":{"CanonicalUser":"abc","Federated":"cognito-identity.amazonaws.com"}"#, "allowed"),
        (r#""NotPrincipal":{"AWS":"arn:aws:iam::111122223333:role/x"}"#, "denied"),
        (r#""NotPrincipal":{"AWS":["ROLE","arn:aws:iam::111122223333:root"]}"#, "depends NotPrincipal"),
        (r#""NotPrincipal":{"AWS":"*"}"#, "allowed"),
    ] {
        check(&format!(r#"{principal},"Action":"ecr:*""#), expected);
    }
}

#[test]
fn actions_and_resources() {
    for (rest, expected) in [
        (r#""Action":"ECR:batchget*""#, "denied"),
        (r#""Action":["ecr:PutImage","ecr:Delete*","ecr:GetRepositoryPolicy"]"#, "allowed"),
        (r#""NotAction":["ecr:PutImage"]"#, "denied"),
        (r#""NotAction":"ecr:*""#, "allowed"),
        (r#""Action":"*","Resource":"*""#, "denied"),
        (r#""Action":"*","Resource":"arn:aws:ecr:*:111122223333:repository/team/*""#, "denied"),
        (r#""Action":"*","Resource":"arn:aws:ecr:us-east-1:*""#, "allowed"),
        (r#""Action":"*","NotResource":"arn:aws:ecr:*:111122223333:repository/team/*""#, "allowed"),
    ] {
        check(&format!(r#""Principal":"*",{rest}"#), expected);
    }
}

#[test]
fn registry_level_actions_match_the_star_resource_only() {
    let deny = |resource: &str| {
        let text =
            format!(r#"{{"Statement":{{"Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"{resource}"}}}}"#);
        let document = PolicyDocument::parse(&text).expect("a policy");
        INSPECTOR_ACTIONS
            .iter()
            .filter(|&&action| evaluate(&document, action, &request()).verdict == Verdict::Denied)
            .count()
    };
    assert_eq!(deny("*"), 10);
    assert_eq!(deny("arn:aws:ecr:eu-west-1:111122223333:repository/*"), 6);
}

#[test]
fn empty_lists_and_null_with_a_set_operator_are_accepted_as_aws_accepts_them() {
    check(r#""Principal":{},"Action":"ecr:*""#, "allowed");
    check(r#""Principal":{"AWS":[]},"Action":"ecr:*""#, "allowed");
    check(r#""Principal":"*","Action":[]"#, "allowed");
    check(r#""Principal":"*","NotAction":[]"#, "depends NotAction");
    check(r#""Principal":"*","Action":"*","Resource":[]"#, "allowed");
    condition(r#""StringEquals":{"aws:PrincipalAccount":[]}"#, "depends aws:PrincipalAccount");
    condition(r#""StringNotEquals":{"aws:PrincipalAccount":[]}"#, "depends aws:PrincipalAccount");
    condition(r#""ForAnyValue:StringNotEquals":{"aws:PrincipalAccount":[]}"#, "allowed");
    condition(r#""StringEqualsIfExists":{"aws:SourceAccount":[]}"#, "denied");
    condition(r#""ForAllValues:Null":{"aws:SourceAccount":"false"}"#, "denied");
    condition(r#""ForAnyValue:Null":{"aws:SourceAccount":"true"}"#, "allowed");
}

#[test]
fn variables_in_resources_are_replaced_where_the_version_says_so() {
    let resource = |version: &str, resource: &str, expected: &str| {
        check_document(
            &format!(
                r#"{{{version}"Statement":{{"Effect":"Deny","Principal":"*","Action":"*","Resource":"arn:aws:ecr:*:*:repository/{resource}"}}}}"#
            ),
            expected,
        );
    };
    let v2012 = r#""Version":"2012-10-17","#;
    resource(v2012, "${aws:PrincipalTag/team}/*", "depends aws:PrincipalTag/team");
    resource(v2012, "*${aws:ResourceTag/Scan}*", "allowed");
    resource(v2012, "${aws:SourceAccount, 'team'}/app", "denied");
    resource(v2012, "${aws:SourceAccount}*", "allowed");
    resource("", "${aws:PrincipalTag/team}/*", "allowed");
}

#[test]
fn ranges_that_aws_announces_depend_in_both_directions() {
    for range in ["35.80.0.0/16", "::ffff:0:0/96"] {
        condition(&format!(r#""IpAddress":{{"aws:SourceIp":"{range}"}}"#), "depends aws:SourceIp");
        condition(&format!(r#""NotIpAddress":{{"aws:SourceIp":"{range}"}}"#), "depends aws:SourceIp");
    }
}

#[test]
fn callers_may_state_context_that_they_know_better() {
    let document = PolicyDocument::parse(
        r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}}"#,
    )
    .expect("a policy");
    let with = |stated: Stated| {
        let request =
            Request { stated: BTreeMap::from([("aws:multifactorauthpresent".to_owned(), stated)]), ..request() };
        evaluate(&document, Action::ListImages, &request).verdict
    };
    assert_eq!(with(Stated::Values(vec!["false".into()])), Verdict::Denied);
    assert_eq!(with(Stated::Absent), Verdict::Allowed);
    assert_eq!(with(Stated::Unknown), Verdict::Depends);
}

#[test]
fn every_element_of_a_statement_says_why() {
    let document = PolicyDocument::parse(
        r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"},"ArnNotEquals":{"aws:PrincipalArn":"ROLE"}}}}"#.replace("ROLE", ROLE).as_str(),
    )
    .expect("a policy");
    let elements: Vec<String> = why(&document, 0, Action::ListImages, &Context::new(&request()))
        .into_iter()
        .map(|element| format!("{} | {} | {:?}", element.name, element.found, element.matched))
        .collect();
    assert_eq!(
        elements,
        [
            "Action | ecr:ListImages | True".to_owned(),
            format!("Principal | {ROLE} | True"),
            "NotIpAddress aws:SourceIp | a public address of AWS, or absent | True".to_owned(),
            format!("ArnNotEquals aws:PrincipalArn | {ROLE} | False"),
        ]
    );
}
