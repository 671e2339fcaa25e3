//! What is known of a request by a principal other than Inspector, which needs an Allow.

#![expect(clippy::expect_used, reason = "tests")]

mod common;

use common::{deny_under, request, verdict};
use scangap_model::Partition;
use scangap_policy::{Caller, Organization, Request};

const ROLE: &str = "arn:aws:iam::111122223333:role/ci/deploy";
const USER: &str = "arn:aws:iam::111122223333:user/people/alice";
const ROOT: &str = "arn:aws:iam::111122223333:root";
const STRANGER: &str = "arn:aws:iam::444455556666:role/ci/deploy";
const SERVICE: &str = "lambda.amazonaws.com";

fn by(caller: &str) -> Request {
    Request { principal: Caller::parse(caller, Partition::Aws).expect("a caller"), ..request() }
}

/// A Deny under the block, beside an Allow of everything to everybody.
fn check(caller: &str, block: &str, expected: &str) {
    let allow = r#"{"Effect":"Allow","Principal":"*","Action":"*"},"#;
    let text = deny_under(block).replace("\"Statement\":[", &format!("\"Statement\":[{allow}"));
    assert_eq!(verdict(&text, &by(caller)), expected, "{caller} {block}");
}

#[test]
fn a_principal_is_known_by_its_own_arn_account_type_and_name() {
    for caller in [ROLE, USER, ROOT, STRANGER] {
        check(caller, &format!(r#""StringEquals":{{"aws:PrincipalArn":"{caller}"}}"#), "denied");
    }
    check(STRANGER, r#""StringEquals":{"aws:PrincipalAccount":"444455556666"}"#, "denied");
    check(STRANGER, r#""StringEquals":{"aws:ResourceAccount":"111122223333"}"#, "denied");
    for (caller, kind) in [(ROLE, "AssumedRole"), (USER, "User"), (ROOT, "Account")] {
        check(caller, &format!(r#""StringEquals":{{"aws:PrincipalType":"{kind}"}}"#), "denied");
        check(caller, &format!(r#""StringNotEquals":{{"aws:PrincipalType":"{kind}"}}"#), "allowed");
    }
    check(USER, r#""StringEquals":{"aws:username":"alice"}"#, "denied");
    check(ROLE, r#""Null":{"aws:username":"true"}"#, "denied");
    check(
        SERVICE,
        r#""Null":{"aws:PrincipalArn":"true","aws:PrincipalAccount":"true","aws:PrincipalType":"true"}"#,
        "denied",
    );
}

#[test]
fn its_organization_is_known_where_its_account_is() {
    check(ROLE, r#""StringEquals":{"aws:PrincipalOrgID":"o-exampleorg"}"#, "denied");
    check(ROLE, r#""ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-exampleorg/*"}"#, "denied");
    check(STRANGER, r#""StringEquals":{"aws:PrincipalOrgID":"o-exampleorg"}"#, "depends aws:principalorgid");
    check(
        STRANGER,
        r#""ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-exampleorg/*"}"#,
        "depends aws:principalorgpaths",
    );
    check(STRANGER, r#""StringEquals":{"aws:ResourceOrgID":"o-exampleorg"}"#, "denied");
    check(
        SERVICE,
        r#""Null":{"aws:PrincipalOrgID":"true","aws:PrincipalOrgPaths":"true","aws:PrincipalTag/x":"true"}"#,
        "denied",
    );
}

#[test]
fn what_only_services_send_is_absent_for_others() {
    check(ROLE, r#""Bool":{"aws:PrincipalIsAWSService":"false"}"#, "denied");
    check(
        ROLE,
        r#""Null":{"aws:SourceArn":"true","aws:PrincipalServiceName":"true","aws:PrincipalServiceNamesList":"true"}"#,
        "denied",
    );
    check(SERVICE, r#""Bool":{"aws:PrincipalIsAWSService":"true"}"#, "denied");
    check(SERVICE, r#""StringEquals":{"aws:PrincipalServiceName":"lambda.amazonaws.com"}"#, "denied");
    check(SERVICE, r#""Null":{"aws:PrincipalServiceNamesList":"false"}"#, "denied");
    check(SERVICE, r#""StringEquals":{"aws:SourceAccount":"111122223333"}"#, "depends aws:sourceaccount");
}

#[test]
fn how_it_calls_is_open() {
    for (block, key) in [
        (r#""NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}"#, "aws:sourceip"),
        (r#""StringNotEquals":{"aws:SourceVpce":"vpce-1"}"#, "aws:sourcevpce"),
        (r#""Bool":{"aws:MultiFactorAuthPresent":"true"}"#, "aws:multifactorauthpresent"),
        (r#""Bool":{"aws:ViaAWSService":"true"}"#, "aws:viaawsservice"),
        (r#""Null":{"aws:TokenIssueTime":"true"}"#, "aws:tokenissuetime"),
        (r#""Null":{"aws:CalledVia":"true"}"#, "aws:calledvia"),
        (r#""StringEquals":{"aws:PrincipalTag/team":"x"}"#, "aws:principaltag/team"),
    ] {
        check(ROLE, block, &format!("depends {key}"));
    }
    check(ROLE, r#""StringLike":{"aws:userid":"AIDA*"}"#, "allowed");
    check(USER, r#""StringLike":{"aws:userid":"AIDA*"}"#, "depends aws:userid");
    check(ROLE, r#""Null":{"aws:RequestTag/x":"true","ecr:AccountSetting":"true"}"#, "denied");
}

#[test]
fn statements_name_callers_by_arn_account_root_or_service() {
    let text = |principal: &str| format!(r#"{{"Statement":{{"Effect":"Deny","Principal":{principal},"Action":"*"}}}}"#);
    let root = r#"{"AWS":"arn:aws:iam::111122223333:root"}"#;
    for (caller, principal, expected) in [
        (ROLE, root, "denied"),
        (ROLE, r#"{"AWS":"111122223333"}"#, "denied"),
        (ROLE, r#"{"AWS":"arn:aws:iam::111122223333:role/ci/deploy"}"#, "denied"),
        (ROLE, r#"{"AWS":"arn:aws:iam::111122223333:role/deploy"}"#, "allowed"),
        (ROLE, r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/deploy/x"}"#, "allowed"),
        (ROLE, r#"{"Service":"lambda.amazonaws.com"}"#, "allowed"),
        (SERVICE, r#"{"Service":"lambda.amazonaws.com"}"#, "denied"),
        (USER, root, "denied"),
        (ROOT, root, "denied"),
        (ROLE, r#"{"Federated":"arn:aws:iam::111122223333:role/ci/deploy"}"#, "allowed"),
    ] {
        assert_eq!(verdict(&text(principal), &by(caller)), expected, "{caller} {principal}");
    }
    let not = |principal: &str| text(principal).replace("\"Principal\"", "\"NotPrincipal\"");
    for (caller, principal, expected) in [
        (ROLE, r#"{"AWS":"arn:aws:iam::111122223333:role/ci/deploy"}"#, "depends notprincipal"),
        (ROLE, r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/deploy/x"}"#, "depends notprincipal"),
        (ROLE, r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/other/x"}"#, "denied"),
        (ROOT, root, "allowed"),
        (SERVICE, r#"{"Service":"lambda.amazonaws.com"}"#, "denied"),
        (SERVICE, r#"{"Service":"ec2.amazonaws.com"}"#, "denied"),
        (ROLE, "{}", "depends notprincipal"),
    ] {
        assert_eq!(verdict(&not(principal), &by(caller)), expected, "{caller} {principal}");
    }
}

#[test]
fn a_principal_of_another_account_needs_an_allow() {
    let allow = |rest: &str| format!(r#"{{"Statement":[{{"Effect":"Allow",{rest}}}]}}"#);
    let everything = allow(r#""Principal":"*","Action":"ecr:*""#);
    let nothing = allow(r#""Principal":{"AWS":"777788889999"},"Action":"ecr:*""#);
    let tagged = allow(r#""Principal":"*","Action":"ecr:*","Condition":{"StringEquals":{"aws:PrincipalTag/a":"b"}}"#);
    for caller in [ROLE, USER, ROOT] {
        assert_eq!(verdict(&nothing, &by(caller)), "allowed", "{caller}");
    }
    let denied = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*"},{"Effect":"Deny","Principal":{"Service":"lambda.amazonaws.com"},"Action":"*"}]}"#;
    assert_eq!(verdict(denied, &by(SERVICE)), "denied");
    assert_eq!(verdict(denied, &by("ec2.amazonaws.com")), "allowed");
    for caller in [STRANGER, SERVICE] {
        assert_eq!(verdict(&nothing, &by(caller)), "denied", "{caller}");
        assert_eq!(verdict(&everything, &by(caller)), "allowed", "{caller}");
    }
    assert_eq!(verdict(&tagged, &by(STRANGER)), "depends aws:principaltag/a");
    assert_eq!(verdict(&tagged, &by(SERVICE)), "denied");
    let outside = Request { organization: Organization::None, ..by(ROLE) };
    assert_eq!(verdict(&nothing, &outside), "allowed");
}
