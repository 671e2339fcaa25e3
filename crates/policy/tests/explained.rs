//! Explanations of a decision: the statements, the keys, what is left open, and the assumptions.

mod common;

use std::collections::BTreeMap;

use common::{ROLE, deny_under, evaluate, parse, request, verdict};
use scangap_model::{Partition, Verdict};
use scangap_policy::{
    Action, Caller, Context, Decision, LINT_RULES, Note, PolicyDocument, PolicyKind, REPOSITORY_ACTIONS, Request,
    RoleIdentity, Stated, Tags, decide, exempt, lint, storable, unstorable, verdicts,
};

fn decided(text: &str) -> Decision {
    evaluate(&parse(text), Action::ListImages, &request())
}

fn statements(rests: &[&str]) -> String {
    let each: Vec<String> = rests.iter().map(|rest| format!("{{{rest}}}")).collect();
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, each.join(","))
}

fn indices(decision: &Decision) -> Vec<usize> {
    decision.statements.iter().map(|statement| statement.index).collect()
}

const DENY: &str = r#""Effect":"Deny","Principal":"*","Action":"*""#;
const MAYBE: &str =
    r#""Effect":"Deny","Principal":"*","Action":"*","Condition":{"StringEquals":{"aws:PrincipalTag/a":"b"}}"#;
const ALLOW: &str = r#""Effect":"Allow","Principal":"*","Action":"*""#;
const MAYBE_ALLOW: &str =
    r#""Effect":"Allow","Principal":"*","Action":"*","Condition":{"StringEquals":{"aws:PrincipalTag/c":"d"}}"#;

#[test]
fn a_denial_names_the_statements_that_deny_for_certain() {
    let decision = decided(&statements(&[MAYBE, ALLOW, DENY, DENY]));
    assert_eq!((decision.verdict, indices(&decision)), (Verdict::Denied, vec![2, 3]));
    assert!(decision.depends_on.is_empty() && decision.statements.iter().all(|one| one.residual.is_none()));
    assert!(!decision.lacks_allow);
    assert_eq!(decided(&statements(&[ALLOW])), Decision::nothing());
}

#[test]
fn a_dependence_names_the_statements_and_keys_that_it_hangs_on() {
    let decision = decided(&statements(&[ALLOW, MAYBE]));
    assert_eq!((decision.verdict, indices(&decision)), (Verdict::Depends, vec![1]));
    assert_eq!(decision.depends_on.iter().collect::<Vec<_>>(), ["aws:PrincipalTag/a"]);
    let stranger = Caller::parse("arn:aws:iam::444455556666:role/x", Partition::Aws).expect("a caller");
    let asked = Request { principal: stranger, ..request() };
    let both = evaluate(&parse(&statements(&[MAYBE_ALLOW, MAYBE])), Action::ListImages, &asked);
    assert_eq!((both.verdict, indices(&both)), (Verdict::Depends, vec![0, 1]));
    assert_eq!(both.depends_on.len(), 2);
    let allowed = evaluate(&parse(&statements(&[ALLOW, MAYBE_ALLOW])), Action::ListImages, &asked);
    assert_eq!((allowed.verdict, indices(&allowed), allowed.lacks_allow), (Verdict::Allowed, vec![], false));
    let lacking = evaluate(&parse(&statements(&[MAYBE])), Action::ListImages, &asked);
    assert_eq!((lacking.verdict, lacking.lacks_allow), (Verdict::Denied, true));
    let denied = evaluate(&parse(&statements(&[DENY])), Action::ListImages, &asked);
    assert_eq!((denied.verdict, denied.lacks_allow, indices(&denied)), (Verdict::Denied, false, vec![0]));
}

#[test]
fn what_hangs_on_a_variable_names_the_variable() {
    assert_eq!(
        verdict(&deny_under(r#""StringEquals":{"aws:PrincipalAccount":"${aws:PrincipalTag/a}"}"#), &request()),
        "depends aws:principaltag/a"
    );
    assert_eq!(
        verdict(&deny_under(r#""StringLike":{"aws:PrincipalTag/a":"x-${aws:PrincipalTag/b}"}"#), &request()),
        "depends aws:principaltag/a aws:principaltag/b"
    );
    // Where no value of the variable could match, nothing hangs on it.
    for block in [
        r#""StringEquals":{"aws:PrincipalAccount":"x${aws:PrincipalTag/a}"}"#,
        r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::999999999999:role/${aws:PrincipalTag/a}"}"#,
    ] {
        assert_eq!(verdict(&deny_under(block), &request()), "allowed", "{block}");
    }
    assert_eq!(
        verdict(
            &deny_under(r#""StringEqualsIgnoreCase":{"aws:PrincipalAccount":"x${aws:PrincipalTag/a}"}"#),
            &request()
        ),
        "depends aws:principaltag/a"
    );
}

#[test]
fn resources_with_variables_hang_on_them_only_where_they_could_match() {
    let resource = |name: &str, text: &str| {
        statements(&[&format!(
            r#""Effect":"Deny","Principal":"*","Action":"*","{name}":"arn:aws:ecr:*:*:repository/{text}""#
        )])
    };
    assert_eq!(verdict(&resource("Resource", "${aws:PrincipalTag/a}/app"), &request()), "depends aws:principaltag/a");
    assert_eq!(verdict(&resource("Resource", "other/${aws:PrincipalTag/a}"), &request()), "allowed");
    assert_eq!(
        verdict(&resource("NotResource", "${aws:PrincipalTag/a}/app"), &request()),
        "depends aws:principaltag/a"
    );
    let unknown = Request { repository: None, ..request() };
    assert_eq!(verdict(&resource("Resource", "team/app"), &unknown), "depends resource");
    assert_eq!(verdict(&resource("NotResource", "team/app"), &unknown), "depends notresource");
    let everything = statements(&[r#""Effect":"Deny","Principal":"*","Action":"*","Resource":"*""#]);
    assert_eq!(verdict(&everything, &unknown), "denied");
    // A condition that depends beside a resource that matches: the resource is not among the reasons.
    let both = r#""Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/b":"${aws:PrincipalTag/a}"}}"#;
    let decision = decided(&statements(&[both]));
    let residual = decision.statements[0].residual.clone().expect("a residual");
    assert!(residual.elements.is_empty(), "{residual:?}");
    assert_eq!(residual.condition, r#"{"StringEquals":{"aws:PrincipalTag/b":["${aws:PrincipalTag/a}"]}}"#);
}

#[test]
fn a_residual_holds_what_is_open_and_nothing_else() {
    let text = r#""Effect":"Deny","NotPrincipal":{"AWS":"111122223333"},"NotAction":[],"Condition":{"StringEquals":{"aws:PrincipalAccount":"111122223333","aws:PrincipalTag/a":["b","c"]},"Bool":{"aws:MultiFactorAuthPresent":"false"}}"#;
    let decision = decided(&statements(&[text]));
    let residual = decision.statements[0].residual.clone().expect("a residual");
    assert_eq!(residual.elements, ["NotAction", "NotPrincipal"]);
    assert_eq!(
        residual.condition,
        r#"{"StringEquals":{"aws:PrincipalTag/a":["b","c"]},"Bool":{"aws:MultiFactorAuthPresent":["false"]}}"#
    );
    let keys: Vec<&String> = decision.depends_on.iter().collect();
    assert_eq!(keys, ["NotAction", "NotPrincipal", "aws:MultiFactorAuthPresent", "aws:PrincipalTag/a"]);
}

#[test]
fn what_names_actions_by_exclusion_is_settled() {
    let text = r#""Effect":"Deny","Principal":"*","NotAction":["ecr:PutImage"],"Condition":{"StringEquals":{"aws:PrincipalTag/a":"b"}}"#;
    let decision = decided(&statements(&[text]));
    let residual = decision.statements[0].residual.clone().expect("a residual");
    assert!(residual.elements.is_empty(), "{residual:?}");
}

fn notes(rest: &str, action: Action) -> Vec<Note> {
    evaluate(&parse(&statements(&[rest])), action, &request()).notes.into_iter().collect()
}

#[test]
fn notes_say_what_a_verdict_takes_for_granted_where_it_matters() {
    let list = Action::ListImages;
    let under = |block: &str| format!("{DENY},\"Condition\":{{{block}}}");
    let time = r#""DateGreaterThan":{"aws:CurrentTime":"2020-01-01"}"#;
    let transport = r#""BoolIfExists":{"aws:SecureTransport":"false"}"#;
    assert_eq!(notes(&under(time), list), [Note::TimeDependent]);
    assert_eq!(notes(&under(r#""NumericLessThan":{"aws:EpochTime":"1"}"#), list), [Note::TimeDependent]);
    assert_eq!(notes(&under(transport), list), [Note::SecureTransportAssumed]);
    assert_eq!(notes(&under(&format!("{time},{transport}")), list), [Note::SecureTransportAssumed]);
    // With or without the key it goes the same way.
    assert_eq!(notes(&under(r#""Bool":{"aws:SecureTransport":"false"}"#), list), []);
    assert_eq!(notes(&under(r#""Bool":{"aws:SecureTransport":"true"}"#), list), [Note::SecureTransportAssumed]);
    // Where another element decides, the time does not matter.
    assert_eq!(notes(&under(&format!(r#"{time},"StringEquals":{{"aws:PrincipalAccount":"x"}}"#)), list), []);
    assert_eq!(
        notes(&under(&format!(r#"{time},"StringEquals":{{"aws:PrincipalTag/a":"x"}}"#)), list),
        [Note::TimeDependent]
    );
    assert_eq!(notes(&under(time).replace("\"*\",\"Action\"", "{\"AWS\":\"999999999999\"},\"Action\""), list), []);
    assert_eq!(notes(&under(time).replace("\"Action\":\"*\"", "\"Action\":\"ecr:PutImage\""), list), []);
    assert_eq!(notes(&under(time).replace("Deny", "Allow"), list), []);
    // Where the resource is another, nothing is compared.
    let of = |name: &str| format!("{},\"Resource\":\"arn:aws:ecr:*:*:repository/{name}\"", under(time));
    assert_eq!(notes(&of("team/app"), list), [Note::TimeDependent]);
    assert_eq!(notes(&of("other"), list), []);
    let stated = BTreeMap::from([("aws:currenttime".to_owned(), Stated::Values(vec!["2026".into()]))]);
    let known = evaluate(&parse(&statements(&[&under(time)])), list, &Request { stated, ..request() });
    assert!(known.notes.is_empty());
    assert!(
        Note::TimeDependent.text().contains("the time")
            && Note::SecureTransportAssumed.text().contains("SecureTransport")
    );
}

#[test]
fn network_keys_exclude_each_other_across_conditions_and_statements() {
    let block = |text: &str| verdict(&deny_under(text), &request());
    // Never both.
    assert_eq!(block(r#""Null":{"aws:SourceIp":"false","aws:SourceVpce":"false"}"#), "allowed");
    assert_eq!(
        block(r#""Null":{"aws:SourceIp":"true","aws:SourceVpce":"true"}"#),
        "depends aws:sourceip aws:sourcevpce"
    );
    assert_eq!(block(r#""IpAddress":{"aws:SourceIp":"0.0.0.0/0"},"Null":{"aws:SourceVpc":"false"}"#), "allowed");
    // Both endpoint keys go together.
    assert_eq!(block(r#""Null":{"aws:SourceVpc":"true","aws:SourceVpce":"false"}"#), "allowed");
    // Whichever way it comes, one of the two statements denies.
    let split = |condition: &str| format!("{DENY},\"Condition\":{{\"Null\":{{\"aws:SourceIp\":\"{condition}\"}}}}");
    assert_eq!(verdict(&statements(&[&split("true"), &split("false")]), &request()), "denied");
    assert_eq!(verdict(&statements(&[&split("true")]), &request()), "depends aws:sourceip");
    let decision = decided(&statements(&[&split("true"), &split("false")]));
    assert_eq!(indices(&decision), [0, 1]);
}

#[test]
fn every_address_is_every_address_of_both_families() {
    let block =
        |values: &str| verdict(&deny_under(&format!(r#""IpAddressIfExists":{{"aws:SourceIp":{values}}}"#)), &request());
    assert_eq!(block(r#"["0.0.0.0/0","::/0"]"#), "denied");
    for one in [r#""0.0.0.0/0""#, r#""::/0""#, r#"["0.0.0.0/1","::/0"]"#, r#"["128.0.0.0/1","2001:db8::/32"]"#] {
        assert_eq!(block(one), "depends aws:sourceip", "{one}");
    }
}

#[test]
fn what_is_stated_of_one_network_key_settles_the_others() {
    let with = |key: &str, stated: Stated, block: &str| {
        let request = Request { stated: BTreeMap::from([(key.to_owned(), stated)]), ..request() };
        verdict(&deny_under(block), &request)
    };
    let address = || Stated::Values(vec!["203.0.113.9".into()]);
    let endpoint = || Stated::Values(vec!["vpce-1".into()]);
    let (no_address, no_endpoint) = (r#""Null":{"aws:SourceIp":"true"}"#, r#""Null":{"aws:SourceVpc":"true"}"#);
    assert_eq!(with("aws:sourceip", address(), no_endpoint), "denied");
    assert_eq!(with("aws:sourcevpce", endpoint(), no_address), "denied");
    assert_eq!(with("aws:sourcevpce", endpoint(), no_endpoint), "allowed");
    assert_eq!(with("aws:sourceip", Stated::Absent, no_endpoint), "depends aws:sourcevpc");
    assert_eq!(with("aws:sourcevpce", Stated::Absent, no_endpoint), "denied");
    assert_eq!(with("aws:sourceip", Stated::Unknown, no_endpoint), "depends aws:sourcevpc");
    let both = BTreeMap::from([("aws:sourceip".to_owned(), address()), ("aws:sourcevpce".to_owned(), endpoint())]);
    let contradiction = Request { stated: both, ..request() };
    let text = deny_under(r#""Null":{"aws:SourceIp":"false","aws:SourceVpce":"false"}"#);
    assert_eq!(verdict(&text, &contradiction), "denied", "what is stated is taken as it is stated");
}

#[test]
fn policies_are_judged_together() {
    let (one, two) = (parse(&statements(&[MAYBE])), parse(&statements(&[ALLOW, DENY])));
    let asked = request();
    let context = Context::new(&asked);
    let decision = decide(&[&one, &two], Action::ListImages, &context);
    assert_eq!(decision.verdict, Verdict::Denied);
    let places: Vec<_> = decision.statements.iter().map(|statement| (statement.document, statement.index)).collect();
    assert_eq!(places, [(1, 1)]);
    assert_eq!(verdicts(&[&one, &two], &context).of(Action::PutRegistryScanningConfiguration), Verdict::Denied);
    assert_eq!(verdicts(&[], &context).fold(&[Action::ListImages]), Verdict::Allowed);
}

#[test]
fn a_session_of_inspectors_role_may_or_may_not_be_the_one() {
    let session = "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForAmazonInspector2/x";
    let not = |principals: &str| {
        statements(&[&format!(r#""Effect":"Deny","NotPrincipal":{{"AWS":{principals}}},"Action":"*""#)])
    };
    assert_eq!(verdict(&not(&format!("\"{session}\"")), &request()), "depends notprincipal");
    assert_eq!(verdict(&not(&format!("\"{ROLE}\"")), &request()), "depends notprincipal");
    assert_eq!(verdict(&not("\"arn:aws:sts::111122223333:assumed-role/Other/x\""), &request()), "denied");
}

#[test]
fn patterns_of_nothing_match_nothing_that_is_there() {
    for block in [
        r#""StringEquals":{"aws:SourceIp":""}"#,
        r#""StringLike":{"aws:userid":""}"#,
        r#""StringLike":{"aws:SourceVpce":""}"#,
    ] {
        assert_eq!(verdict(&deny_under(block), &request()), "allowed", "{block}");
    }
}

#[test]
fn a_document_gives_its_statements_and_a_rule_its_code() {
    let document = PolicyDocument::parse(&statements(&[ALLOW, DENY])).expect("a policy");
    assert_eq!(document.statements().len(), 2);
    assert!(LINT_RULES.iter().all(|rule| format!("{rule:?}") == rule.code));
}

#[test]
fn a_repository_that_is_not_known_is_one_of_the_registrys() {
    let unknown = Request { repository: None, ..request() };
    let resource = |name: &str, text: &str| {
        verdict(&statements(&[&format!(r#""Effect":"Deny","Principal":"*","Action":"*","{name}":"{text}""#)]), &unknown)
    };
    assert_eq!(resource("Resource", "arn:aws:ecr:eu-west-1:111122223333:repository/*"), "denied");
    assert_eq!(resource("Resource", "arn:aws:ecr:*"), "denied");
    assert_eq!(resource("Resource", "arn:aws:ecr:eu-west-1:999999999999:repository/*"), "allowed");
    assert_eq!(resource("Resource", "arn:aws:ecr:us-*:111122223333:repository/*"), "allowed");
    assert_eq!(resource("Resource", "arn:aws:ecr:eu-west-1:111122223333:repository/???"), "depends resource");
    assert_eq!(resource("Resource", "arn:aws:ecr:eu-west-1:111122223333:repository/team/*"), "depends resource");
    assert_eq!(resource("Resource", "arn:aws:ecr:eu-west-1:111122223333:repository/"), "allowed");
    assert_eq!(resource("NotResource", "arn:aws:ecr:eu-west-1:111122223333:repository/*"), "allowed");
    assert_eq!(
        resource("Resource", "arn:aws:ecr:eu-west-1:111122223333:repository/${aws:PrincipalTag/a}"),
        "depends aws:principaltag/a"
    );
}

#[test]
fn wildcards_of_a_resource_go_beyond_their_segment_only_at_its_end() {
    let resource = |text: &str| {
        verdict(
            &statements(&[&format!(r#""Effect":"Deny","Principal":"*","Action":"*","Resource":"{text}""#)]),
            &request(),
        )
    };
    assert_eq!(resource("arn:aws:ecr:*"), "denied");
    assert_eq!(resource("arn:*:repository/team/app"), "denied");
    assert_eq!(resource("arn:*:repository/*a?p"), "denied");
    assert_eq!(resource("arn:aws:ecr:*/app"), "allowed");
    assert_eq!(resource("*/team/app"), "allowed");
    assert_eq!(resource("arn:aws:ecr:eu-west-?:1111*:repository/te*/a*p"), "denied");
    // Variables before the fifth colon: not documented.
    assert_eq!(resource("arn:aws:ecr:${aws:RequestedRegion}:*:repository/*"), "depends resource");
}

#[test]
fn what_is_known_of_a_part_decides_where_the_part_is_enough() {
    let block = |text: &str, request: &Request| verdict(&deny_under(text), request);
    let member = |path: Option<&str>| Request {
        organization: scangap_policy::Organization::Member { id: "o-exampleorg".into(), path: path.map(str::to_owned) },
        ..request()
    };
    let paths = |values: &str| format!(r#""ForAllValues:StringNotLike":{{"aws:PrincipalOrgPaths":{values}}}"#);
    assert_eq!(block(&paths(r#""o-exampleorg/*""#), &member(None)), "allowed");
    assert_eq!(block(&paths(r#""o-other/*""#), &member(None)), "denied");
    assert_eq!(block(&paths(r#""o-exampleorg/r-ab12/*""#), &member(None)), "depends aws:principalorgpaths");
    let equals = r#""ForAnyValue:StringEquals":{"aws:PrincipalOrgPaths":"o-other/r-1/"}"#;
    assert_eq!(block(equals, &member(None)), "allowed");
    let own = r#""ForAnyValue:StringEquals":{"aws:PrincipalOrgPaths":"o-exampleorg/r-1/"}"#;
    assert_eq!(block(own, &member(None)), "depends aws:principalorgpaths");
    // Keys with several values cannot be variables.
    let variable = r#""StringEquals":{"aws:PrincipalOrgID":"${aws:PrincipalOrgPaths}"}"#;
    assert_eq!(block(variable, &member(Some("o-exampleorg/"))), "depends aws:principalorgid");
    // A role's id and session have no wildcard in them, and compare by the operator's own case.
    assert_eq!(block(r#""StringNotEquals":{"aws:userid":"AROAEXAMPLE:*"}"#, &request()), "denied");
    assert_eq!(block(r#""StringNotEquals":{"aws:userid":"AROAEXAMPLE:x"}"#, &request()), "depends aws:userid");
    assert_eq!(
        block(r#""StringNotEqualsIgnoreCase":{"aws:userid":"aroaexample:x"}"#, &request()),
        "depends aws:userid"
    );
    assert_eq!(block(r#""StringNotEquals":{"aws:userid":"aroaexample:x"}"#, &request()), "denied");
    assert_eq!(block(r#""StringNotEqualsIgnoreCase":{"aws:userid":"aidaexample:x"}"#, &request()), "denied");
    // Whose endpoint it is may be missing where the endpoint is not.
    assert_eq!(
        block(r#""Null":{"aws:SourceVpce":"false","aws:VpceOrgID":"true"}"#, &request()),
        "depends aws:sourcevpce aws:vpceorgid"
    );
    // With the role's own id known, only the session stays open.
    let own = RoleIdentity { id: Some("AROAEXAMPLE".to_owned()), tags: Tags::Unknown };
    let own = Request { inspector_role: own, ..request() };
    for (condition, expected) in [
        (r#""StringNotLike":{"aws:userid":"AROAEXAMPLE:*"}"#, "allowed"),
        (r#""StringNotLike":{"aws:userid":"AROAANOTHER:*"}"#, "denied"),
        (r#""StringNotLike":{"aws:userid":"AROAEXAMPL?:*"}"#, "allowed"),
        (r#""StringLike":{"aws:userid":"*:session"}"#, "depends aws:userid"),
        (r#""StringNotEquals":{"aws:userid":"AROAEXAMPLE"}"#, "denied"),
        // What no session can be is settled whether the id is known or not.
        (r#""StringNotEquals":{"aws:userid":"AROAEXAMPLE:*"}"#, "denied"),
        (r#""StringNotEqualsIgnoreCase":{"aws:userid":"aroaexample:*"}"#, "denied"),
        (r#""StringNotEquals":{"aws:userid":"AROAEXAMPLE:a b"}"#, "denied"),
        (r#""StringNotEquals":{"aws:userid":"AROAEXAMPLE:x"}"#, "depends aws:userid"),
        (r#""StringNotEqualsIgnoreCase":{"aws:userid":"aroaanother:x"}"#, "denied"),
        (r#""StringNotEqualsIgnoreCase":{"aws:userid":"aroaexample:x"}"#, "depends aws:userid"),
        (r#""StringNotEqualsIgnoreCase":{"aws:userid":"aroaexample:"}"#, "denied"),
    ] {
        assert_eq!(block(condition, &own), expected, "{condition}");
    }
    // A request by another principal does not have the role's id.
    let user = Caller::parse("arn:aws:iam::111122223333:user/alice", Partition::Aws).expect("a caller");
    let another = Request { principal: user, ..own };
    assert_eq!(block(r#""StringLike":{"aws:userid":"AROAEXAMPLE:*"}"#, &another), "depends aws:userid");
    // Two tags of one name but for case.
    let tags = BTreeMap::from([("Team".to_owned(), "b".to_owned()), ("team".to_owned(), "a".to_owned())]);
    let tagged = Request { tags: scangap_policy::Tags::Known(tags), ..request() };
    assert_eq!(block(r#""StringEquals":{"aws:ResourceTag/team":"a"}"#, &tagged), "depends aws:resourcetag/team");
    assert_eq!(block(r#""Null":{"aws:ResourceTag/team":"true"}"#, &tagged), "allowed");
}

#[test]
fn a_unique_id_is_met_by_the_request_that_is_said_to_have_it() {
    let text = statements(&[r#""Effect":"Deny","Principal":{"AWS":"AROAEXAMPLEEXAMPLE01"},"Action":"*""#]);
    let with = |userid: &str| {
        let stated = BTreeMap::from([("aws:userid".to_owned(), Stated::Values(vec![userid.to_owned()]))]);
        verdict(&text, &Request { stated, ..request() })
    };
    assert_eq!(verdict(&text, &request()), "allowed");
    assert_eq!(with("AROAEXAMPLEEXAMPLE01:inspector1"), "denied");
    assert_eq!(with("AROAANOTHERANOTHER01:inspector1"), "allowed");
}

#[test]
fn values_of_wider_forms_than_aws_documents_are_not_guessed_at() {
    for block in [
        r#""DateGreaterThan":{"aws:CurrentTime":"2020-01-01 00:00:00Z"}"#,
        r#""DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00+01:00[Europe/Paris]"}"#,
    ] {
        assert_eq!(verdict(&deny_under(block), &request()), "depends aws:currenttime", "{block}");
    }
    assert_eq!(
        verdict(&deny_under(r#""IpAddress":{"aws:SourceIp":" 203.0.113.10 /32"}"#), &request()),
        "depends aws:sourceip"
    );
}

#[test]
fn tags_in_a_resource_are_noted_too() {
    let text = statements(&[
        r#""Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"arn:aws:ecr:eu-west-1:111122223333:repository/${aws:PrincipalTag/team}-*""#,
    ]);
    let none = RoleIdentity { id: None, tags: Tags::Known(BTreeMap::new()) };
    let request = Request { inspector_role: none, ..request() };
    let decision = evaluate(&parse(&text), Action::ListImages, &request);
    assert_eq!(decision.verdict, Verdict::Allowed);
    assert_eq!(decision.notes.into_iter().collect::<Vec<_>>(), [Note::NoSessionTagsAssumed]);
}

#[test]
fn a_role_without_a_name_may_be_any_that_a_policy_names() {
    let by = Request { principal: Caller::SomeRole { account: request().account }, ..request() };
    for (statement, expected) in [
        (r#""Principal":{"AWS":"arn:aws:iam::111122223333:role/x"}"#, "depends principal"),
        (r#""Principal":{"AWS":"arn:aws:iam::999988887777:role/x"}"#, "allowed"),
        (r#""NotPrincipal":{"AWS":"arn:aws:iam::111122223333:role/x"}"#, "depends notprincipal"),
        (r#""NotPrincipal":{"AWS":"arn:aws:sts::111122223333:assumed-role/x/y"}"#, "depends notprincipal"),
        (r#""NotPrincipal":{"AWS":"arn:aws:iam::999988887777:role/x"}"#, "denied"),
        (r#""Principal":"*""#, "denied"),
        (
            r#""Principal":"*","Condition":{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/x"}}"#,
            "depends aws:principalarn",
        ),
        (
            r#""Principal":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::999988887777:role/*"}}"#,
            "denied",
        ),
        (r#""Principal":"*","Condition":{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:*"}}"#, "denied"),
    ] {
        let text = statements(&[&format!(r#""Effect":"Deny","Action":"ecr:*",{statement}"#)]);
        assert_eq!(verdict(&text, &by), expected, "{statement}");
    }
}

#[test]
fn the_id_of_the_role_itself_is_not_one_that_was_deleted() {
    let id = "AROAEXAMPLEID00000001";
    let own = RoleIdentity { id: Some(id.to_owned()), tags: Tags::Unknown };
    let known = Request { inspector_role: own, ..request() };
    let text = statements(&[
        &format!(
            r#""Effect":"Deny","Principal":{{"AWS":["{id}","arn:aws:iam::111122223333:role/ci"]}},"Action":"ecr:*""#
        ),
        r#""Effect":"Allow","Principal":"*","Action":"ecr:ListImages""#,
    ]);
    assert_eq!(verdict(&text, &known), "denied");
    let lints = lint(&text, &parse(&text), PolicyKind::Repository, &Context::new(&known), None);
    assert!(!lints.iter().any(|lint| lint.code == "deleted-principal"));
    let repaired = exempt(&text, REPOSITORY_ACTIONS, &known).expect("a repair");
    assert!(repaired.contains(id), "{repaired}");
    assert_eq!(verdict(&repaired, &known), "allowed");
    assert_eq!(unstorable(&text, PolicyKind::Repository, Some(id)), []);
    assert_eq!(unstorable(&text, PolicyKind::Repository, None).len(), 1);
}

// Holds: 5 Advice that harms: a deleted principal is left out also where principals of another kind are named beside it
#[test]
fn a_kind_of_which_all_were_deleted_is_left_out() {
    let id = "AROAEXAMPLEID00000009";
    let service = r#""Service":"codebuild.amazonaws.com""#;
    let act = r#""Effect":"Deny","Action":"ecr:*""#;
    for (principals, left) in [
        (format!(r#"{{"AWS":"{id}",{service}}}"#), format!("{{{service}}}")),
        (format!(r#"{{{service},"AWS":["{id}"]}}"#), format!("{{{service}}}")),
        (format!(r#"{{{service},"AWS":["{id}","*"]}}"#), format!(r#"{{{service},"AWS":["*"]}}"#)),
    ] {
        for name in ["Principal", "NotPrincipal"] {
            let text = statements(&[&format!(r#"{act},"{name}":{principals}"#)]);
            let shorter = storable(&text, PolicyKind::Repository, None);
            assert_eq!(shorter, statements(&[&format!(r#"{act},"{name}":{left}"#)]));
            assert_eq!(unstorable(&shorter, PolicyKind::Repository, None), []);
        }
    }
}
