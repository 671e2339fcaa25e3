//! Repairs: the article's result to the letter, every way of writing an exemption, and harmlessness.

#![expect(clippy::expect_used, reason = "tests")]

mod common;

use common::{ROLE, request};
use scangap_model::Partition;
use std::collections::BTreeMap;

use scangap_policy::{Caller, ExemptError, INSPECTOR_ACTIONS, REPOSITORY_ACTIONS, Request, Stated, exempt};

fn repaired(text: &str) -> String {
    exempt(text, REPOSITORY_ACTIONS, &request()).expect("a repair")
}

/// A statement's rest before and after.
fn check(before: &str, after: &str) {
    let document = |rest: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":"ecr:*"{rest}}}]}}"#
        )
        .replace("ROLE", ROLE)
    };
    assert_eq!(repaired(&document(before)), document(after));
}

#[test]
fn the_articles_policy_becomes_the_articles_result() {
    let before = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "OfficeOnly",
      "Effect": "Deny",
      "Principal": "*",
      "Action": "ecr:*",
      "Condition": {
        "NotIpAddress": {
          "aws:SourceIp": "203.0.113.10/32"
        }
      }
    }
  ]
}
"#;
    let after = before.replace(
        "          \"aws:SourceIp\": \"203.0.113.10/32\"\n        }\n",
        &format!("          \"aws:SourceIp\": \"203.0.113.10/32\"\n        }},\n        \"ArnNotEquals\": {{\n          \"aws:PrincipalArn\": \"{ROLE}\"\n        }}\n"),
    );
    assert_eq!(repaired(before), after);
}

#[test]
fn the_exemption_goes_where_the_author_would_put_it() {
    check("", r#","Condition":{"ArnNotEquals":{"aws:PrincipalArn":"ROLE"}}"#);
    check(
        r#","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"}}"#,
        r#","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"},"ArnNotEquals":{"aws:PrincipalArn":"ROLE"}}"#,
    );
    check(r#","Condition":{}"#, r#","Condition":{"ArnNotEquals": {"aws:PrincipalArn": "ROLE"}}"#);
    for operator in ["ArnNotEquals", "ArnNotLike", "StringNotEquals", "StringNotLike", "ArnNotEqualsIfExists"] {
        let with = |values: &str| format!(r#","Condition":{{"{operator}":{{"aws:principalarn":{values}}}}}"#);
        check(
            &with(r#""arn:aws:iam::111122223333:role/Ops""#),
            &with(r#"["arn:aws:iam::111122223333:role/Ops", "ROLE"]"#),
        );
        check(&with(r#"["a","b"]"#), &with(r#"["a","b","ROLE"]"#));
        check(&with(r#"["a"]"#), &with(r#"["a", "ROLE"]"#));
    }
    check(
        r#","Condition":{"ArnNotEquals":{"aws:SourceArn":"arn:aws:s3:::x"}}"#,
        r#","Condition":{"ArnNotEquals":{"aws:SourceArn":"arn:aws:s3:::x","aws:PrincipalArn":"ROLE"}}"#,
    );
    // The opposite sense stays, and is narrowed.
    check(
        r#","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/*"}}"#,
        r#","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/*"},"ArnNotEquals":{"aws:PrincipalArn":"ROLE"}}"#,
    );
}

#[test]
fn only_the_denying_statements_change() {
    let text = r#"{"Statement":[
 {"Sid":"A","Effect":"Deny","Principal":"*","Action":"ecr:PutImage"},
 {"Sid":"B","Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage"},
 {"Sid":"C","Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::111122223333:role/x"},"NotAction":"ecr:PutImage"},
 {"Sid":"D","Effect":"Allow","Principal":"*","Action":"ecr:*"}]}"#;
    let lines: Vec<String> = repaired(text).lines().map(str::to_owned).collect();
    let before: Vec<&str> = text.lines().collect();
    let changed: Vec<bool> = lines.iter().zip(before).map(|(after, before)| after != before).collect();
    assert_eq!(changed, [false, false, true, true, false]);
}

#[test]
fn a_repair_adds_text_and_removes_none() {
    let text = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"StringNotLike":{"aws:PrincipalArn":["x","y"]}}}}"#;
    let after = repaired(text);
    let mut rest = after.chars();
    assert!(text.chars().all(|wanted| rest.any(|found| found == wanted)), "{after}");
}

#[test]
fn blocks_without_a_place_for_one_more_value_are_filled() {
    check(r#","Condition":{"ArnNotEquals":{}}"#, r#","Condition":{"ArnNotEquals":{"aws:PrincipalArn": "ROLE"}}"#);
    // What an empty list means is not documented: it stays, and another operator exempts.
    check(
        r#","Condition":{"ArnNotEquals":{"aws:PrincipalArn":[]}}"#,
        r#","Condition":{"ArnNotEquals":{"aws:PrincipalArn":[]},"ArnNotLike":{"aws:PrincipalArn":"ROLE"}}"#,
    );
    // Operators compare without case: no second spelling of one that is there.
    check(
        r#","Condition":{"arnnotequals":{"aws:SourceArn":"arn:aws:s3:::x"}}"#,
        r#","Condition":{"arnnotequals":{"aws:SourceArn":"arn:aws:s3:::x","aws:PrincipalArn":"ROLE"}}"#,
    );
    // Without case is more than the one role: it stays as it is.
    check(
        r#","Condition":{"StringNotEqualsIgnoreCase":{"aws:PrincipalArn":"x"}}"#,
        r#","Condition":{"StringNotEqualsIgnoreCase":{"aws:PrincipalArn":"x"},"ArnNotEquals":{"aws:PrincipalArn":"ROLE"}}"#,
    );
}

#[test]
fn indentation_is_the_authors_at_every_depth() {
    let tabs = "{\r\n\t\"Statement\": {\r\n\t\t\"Effect\": \"Deny\",\r\n\t\t\"Principal\": \"*\",\r\n\t\t\"Action\": \"*\"\r\n\t}\r\n}";
    let expected = tabs.replace(
        "\"Action\": \"*\"",
        &format!(
            "\"Action\": \"*\",\r\n\t\t\"Condition\": {{\r\n\t\t\t\"ArnNotEquals\": {{\r\n\t\t\t\t\"aws:PrincipalArn\": \"{ROLE}\"\r\n\t\t\t}}\r\n\t\t}}"
        ),
    );
    assert_eq!(repaired(tabs), expected);
    let hugging = "{\"Statement\":{\"Effect\":\"Deny\",\n\"Principal\":\"*\",\n\"Action\":\"*\"}}";
    let after = repaired(hugging);
    assert!(
        after.contains("\"Action\":\"*\",\n\"Condition\":{\n  \"ArnNotEquals\":{\n    \"aws:PrincipalArn\""),
        "{after}"
    );
}

#[test]
fn spaces_on_one_line_are_the_authors() {
    let text = r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "ecr:*", "Condition": {"NotIpAddress": {"aws:SourceIp": "203.0.113.10/32"}}}}"#;
    let expected = text.replace("/32\"}", &format!("/32\"}}, \"ArnNotEquals\": {{\"aws:PrincipalArn\": \"{ROLE}\"}}"));
    assert_eq!(repaired(text), expected);
    let list = |items: &str| {
        format!(
            r#"{{"Statement":{{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{{"ArnNotLike":{{"aws:PrincipalArn":[{items}]}}}}}}}}"#
        )
    };
    assert_eq!(repaired(&list("\n  \"x\"\n")), list(&format!("\n  \"x\",\n  \"{ROLE}\"\n")));
    assert_eq!(repaired(&list("\"x\", \"y\"")), list(&format!("\"x\", \"y\", \"{ROLE}\"")));
}

#[test]
fn what_may_deny_is_exempted_too() {
    let maybe = r#","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}"#;
    check(
        maybe,
        r#","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"},"ArnNotEquals":{"aws:PrincipalArn":"ROLE"}}"#,
    );
}

#[test]
fn the_longest_policy_that_aws_stores_is_still_one() {
    let with = |padding: usize| {
        format!(
            r#"{{"Statement":{{"Sid":"{}","Effect":"Deny","Principal":"*","Action":"ecr:*"}}}}"#,
            "é".repeat(padding)
        )
    };
    let added = repaired(&with(0)).chars().count();
    assert_eq!(repaired(&with(10_240 - added)).chars().count(), 10_240);
    let long = exempt(&with(10_241 - added), REPOSITORY_ACTIONS, &request());
    assert_eq!(long, Err(ExemptError::TooLong { chars: 10_241 }));
}

#[test]
fn what_cannot_be_repaired_says_why() {
    let try_repair = |text: &str| exempt(text, INSPECTOR_ACTIONS, &request()).expect_err("no repair").to_string();
    assert_eq!(
        try_repair(r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"*"}}"#),
        "the policy denies Inspector's role nothing"
    );
    let other =
        Request { principal: Caller::parse("lambda.amazonaws.com", Partition::Aws).expect("a caller"), ..request() };
    assert_eq!(exempt("{}", INSPECTOR_ACTIONS, &other), Err(ExemptError::AnotherPrincipal));
    let absent = BTreeMap::from([("aws:principalarn".to_owned(), Stated::Absent)]);
    let unreachable = Request { stated: absent, ..request() };
    let text = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*"},{"Effect":"Deny","Principal":"*","Action":"*"}]}"#;
    let error = exempt(text, INSPECTOR_ACTIONS, &unreachable).expect_err("no repair");
    assert_eq!(error.to_string(), "no exemption by aws:PrincipalArn reaches statement 2");
    let syntax = exempt("{", INSPECTOR_ACTIONS, &request()).expect_err("no repair");
    assert!(std::error::Error::source(&syntax).is_some() && std::error::Error::source(&error).is_none());
    assert!(matches!(exempt("{", INSPECTOR_ACTIONS, &request()), Err(ExemptError::NotAPolicy(_))));
    let long = format!(
        r#"{{"Statement":{{"Effect":"Deny","Principal":"*","Action":["ecr:*","ecr:{}"]}}}}"#,
        "x".repeat(10_100)
    );
    assert!(try_repair(&long).contains("AWS stores 10240"), "{}", try_repair(&long));
}
