//! Every row of the table of operators: a match, no match, a missing key, and what is peculiar to it.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{deny_under, request, verdict};
use scangap_policy::{Request, Stated, operator_names};

/// The key's values in the request (`-` for a missing key), the policy's values as JSON, whether the operator matches
/// (`?`: not documented).
fn check(operator: &str, (found, wanted, expected): (&str, &str, &str)) {
    let stated = match found {
        "-" => Stated::Absent,
        values => Stated::Values(values.split('|').filter(|value| !value.is_empty()).map(str::to_owned).collect()),
    };
    let request = Request { stated: BTreeMap::from([("test:key".to_owned(), stated)]), ..request() };
    let text = deny_under(&format!(r#""{operator}":{{"Test:Key":{wanted}}}"#));
    let expected = match expected {
        "yes" => "denied",
        "no" => "allowed",
        _ => "depends test:key",
    };
    assert_eq!(verdict(&text, &request), expected, "{operator} {wanted} of {found}");
}

rows! { check, BASES;
    string_equals "StringEquals": [
        ("a*", r#""a*""#, "yes"), ("ab", r#""a*""#, "no"), ("A", r#""a""#, "no"), ("b", r#"["a","b"]"#, "yes"),
        ("-", r#""a""#, "no"), ("a|b", r#""a""#, "?"),
        ("a", "[]", "?"), ("-", "[]", "?"), ("1", "1", "yes"), ("true", "true", "yes"),
    ]
    string_not_equals "StringNotEquals": [
        ("a", r#""a""#, "no"), ("ab", r#""a*""#, "yes"), ("c", r#"["a","b"]"#, "yes"), ("b", r#"["a","b"]"#, "no"), ("-", r#""a""#, "yes"),
    ]
    string_equals_ignore_case "StringEqualsIgnoreCase": [
        ("AbC", r#""aBc""#, "yes"), ("abcd", r#""abc""#, "no"), ("É", r#""é""#, "yes"), ("-", r#""a""#, "no"),
    ]
    string_not_equals_ignore_case "StringNotEqualsIgnoreCase": [
        ("AbC", r#""aBc""#, "no"), ("x", r#""abc""#, "yes"), ("-", r#""a""#, "yes"),
    ]
    string_like "StringLike": [
        ("team/app", r#""team/*""#, "yes"), ("team/app", r#""Team/*""#, "no"), ("ab", r#""a?""#, "yes"), ("a", r#""a?""#, "no"),
        ("a*", r#""a${*}""#, "yes"), ("ab", r#""a${*}""#, "no"), ("", r#""*""#, "?"), ("-", r#""*""#, "no"),
    ]
    string_not_like "StringNotLike": [
        ("team/app", r#""team/*""#, "no"), ("other", r#""team/*""#, "yes"), ("-", r#""*""#, "yes"),
    ]
    arn_equals "ArnEquals": [
        ("arn:aws:s3:::b", r#""arn:aws:s3:::*""#, "yes"), ("arn:aws:s3:::b", r#""arn:aws:s3*""#, "no"), ("arn:aws:s3:::b", r#""*""#, "no"),
        ("-", r#""arn:aws:s3:::b""#, "no"),
    ]
    arn_not_equals "ArnNotEquals": [
        ("arn:aws:s3:::b", r#""arn:aws:s3:::?""#, "no"), ("arn:aws:s3:::b", r#""arn:aws:s3:::c""#, "yes"), ("-", r#""arn:aws:s3:::b""#, "yes"),
    ]
    arn_like "ArnLike": [
        ("arn:aws:s3:::a:b", r#""arn:aws:s3:::a*""#, "yes"), ("arn:aws:s3:eu:1:b", r#""arn:aws:s3:*:b""#, "no"), ("-", r#""arn:aws:s3:::b""#, "no"),
    ]
    arn_not_like "ArnNotLike": [
        ("arn:aws:s3:::a", r#""arn:*:s3:::a""#, "no"), ("arn:aws:s3:::a", r#""arn:*:::a""#, "yes"), ("-", r#""arn:aws:s3:::b""#, "yes"),
    ]
    bool "Bool": [
        ("true", r#""true""#, "yes"), ("TRUE", "true", "yes"), ("false", r#""True""#, "no"), ("false", r#"["true","false"]"#, "yes"),
        ("true", r#""yes""#, "?"), ("maybe", r#""true""#, "?"), ("true", r#""${aws:ViaAWSService}""#, "no"), ("false", r#""${aws:ViaAWSService}""#, "yes"),
        ("FALSE", r#""${aws:ViaAWSService}""#, "yes"), ("maybe", r#""${aws:ViaAWSService}""#, "?"), ("true", r#""${aws:PrincipalAccount}""#, "?"),
        ("-", r#""false""#, "no"),
    ]
    null "Null": [
        ("-", r#""true""#, "yes"), ("-", "false", "no"), ("x", r#""true""#, "no"), ("x", r#""false""#, "yes"), ("x", r#""maybe""#, "?"), ("-", "[]", "?"),
    ]
    ip_address "IpAddress": [
        ("203.0.113.9", r#""203.0.113.0/24""#, "yes"), ("203.0.114.9", r#""203.0.113.0/24""#, "no"), ("203.0.113.9", r#""203.0.113.9""#, "yes"),
        ("203.0.113.9", r#""0.0.0.0/0""#, "yes"), ("2001:db8::1", r#""2001:db8::/32""#, "yes"), ("2001:db8::1", r#""0.0.0.0/0""#, "no"),
        ("203.0.113.9", r#""::/0""#, "no"), ("203.0.113.9", r#""203.0.113.0/33""#, "?"), ("not an address", r#""0.0.0.0/0""#, "?"), ("-", r#""0.0.0.0/0""#, "no"),
    ]
    not_ip_address "NotIpAddress": [
        ("203.0.113.9", r#""203.0.113.0/24""#, "no"), ("203.0.114.9", r#"["203.0.113.0/24","10.0.0.0/8"]"#, "yes"), ("-", r#""0.0.0.0/0""#, "yes"),
    ]
    numeric_equals "NumericEquals": [
        ("10", r#""10.0""#, "yes"), ("10", "11", "no"), ("ten", "10", "?"), ("10", r#""ten""#, "?"), ("-", "10", "no"),
    ]
    numeric_not_equals "NumericNotEquals": [("10", r#""10.0""#, "no"), ("10", "[11,12]", "yes"), ("-", "10", "yes")]
    numeric_less_than "NumericLessThan": [("9", "10", "yes"), ("10", "10", "no"), ("-1.5", "-1", "yes"), ("-", "10", "no")]
    numeric_less_than_equals "NumericLessThanEquals": [("10", "10", "yes"), ("11", "10", "no"), ("-", "10", "no")]
    numeric_greater_than "NumericGreaterThan": [("11", "10", "yes"), ("10", "10", "no"), ("-", "10", "no")]
    numeric_greater_than_equals "NumericGreaterThanEquals": [("10", "10", "yes"), ("9", "10", "no"), ("-", "10", "no")]
    date_equals "DateEquals": [
        ("2026-01-01T00:00:00Z", r#""2026-01-01""#, "yes"), ("2026-01-01T00:00:01Z", r#""1767225600""#, "no"), ("1767225600", r#""2026""#, "yes"),
        ("yesterday", r#""2026""#, "?"), ("-", r#""2026""#, "no"),
    ]
    date_not_equals "DateNotEquals": [("2026", r#""2026-01-01""#, "no"), ("2027", r#""2026-01-01""#, "yes"), ("-", r#""2026""#, "yes")]
    date_less_than "DateLessThan": [("2025", r#""2026""#, "yes"), ("2026", r#""2026""#, "no"), ("-", r#""2026""#, "no")]
    date_less_than_equals "DateLessThanEquals": [("2026", r#""2026""#, "yes"), ("2027", r#""2026""#, "no"), ("-", r#""2026""#, "no")]
    date_greater_than "DateGreaterThan": [("2027", r#""2026""#, "yes"), ("2026", r#""2026""#, "no"), ("-", r#""2026""#, "no")]
    date_greater_than_equals "DateGreaterThanEquals": [("2026", r#""2026""#, "yes"), ("2025", r#""2026""#, "no"), ("-", r#""2026""#, "no")]
    binary_equals "BinaryEquals": [
        ("c2NhbmdhcA==", r#""c2NhbmdhcA==""#, "yes"), ("c2NhbmdhcA==", r#""c2Nhbmdhcg==""#, "no"), ("c2Nh", r#""not base64""#, "?"), ("-", r#""c2Nh""#, "no"),
    ]
}

rows! { check, QUALIFIED;
    if_exists_matches_a_missing_key "StringEqualsIfExists": [("-", r#""a""#, "yes"), ("a", r#""a""#, "yes"), ("b", r#""a""#, "no")]
    negated_if_exists_matches_a_missing_key "StringNotEqualsIfExists": [("-", r#""a""#, "yes"), ("a", r#""a""#, "no")]
    numeric_if_exists "NumericLessThanIfExists": [("-", "1", "yes"), ("2", "1", "no")]
    date_if_exists "DateGreaterThanIfExists": [("-", r#""2026""#, "yes"), ("2025", r#""2026""#, "no")]
    arn_if_exists "ArnNotLikeIfExists": [("-", r#""arn:aws:s3:::b""#, "yes"), ("arn:aws:s3:::b", r#""arn:aws:s3:::*""#, "no")]
    address_if_exists "NotIpAddressIfExists": [("-", r#""10.0.0.0/8""#, "yes"), ("10.0.0.1", r#""10.0.0.0/8""#, "no")]
    binary_if_exists "BinaryEqualsIfExists": [("-", r#""c2Nh""#, "yes")]
    for_all_values_is_true_of_nothing "ForAllValues:StringEquals": [
        ("-", r#""a""#, "yes"), ("", r#""a""#, "yes"), ("a|b", r#"["a","b","c"]"#, "yes"), ("a|x", r#"["a","b"]"#, "no"),
    ]
    for_all_values_negated "ForAllValues:StringNotLike": [("-", r#""a*""#, "yes"), ("b|c", r#""a*""#, "yes"), ("b|ab", r#""a*""#, "no")]
    for_any_value_is_false_of_nothing "ForAnyValue:StringEquals": [
        ("-", r#""a""#, "no"), ("", r#""a""#, "no"), ("x|a", r#"["a","b"]"#, "yes"), ("x|y", r#"["a","b"]"#, "no"),
    ]
    for_any_value_negated "ForAnyValue:StringNotEquals": [("-", r#""a""#, "no"), ("a|x", r#""a""#, "yes"), ("a", r#""a""#, "no")]
    for_any_value_if_exists "ForAnyValue:StringEqualsIfExists": [("-", r#""a""#, "yes"), ("b", r#""a""#, "no")]
    null_under_for_all_values "ForAllValues:Null": [("-", r#""false""#, "yes"), ("a", r#""false""#, "?")]
    null_under_for_any_value "ForAnyValue:Null": [("-", r#""true""#, "no"), ("a", r#""false""#, "?")]
    names_compare_without_case "foranyvalue:stringlikeifexists": [("-", r#""a""#, "yes"), ("ab", r#""a*""#, "yes")]
}

#[test]
fn every_row_of_the_table_has_its_test() {
    assert_eq!(BASES.iter().copied().collect::<BTreeSet<_>>(), operator_names().collect());
    assert!(QUALIFIED.iter().all(|name| !BASES.contains(name)));
}

#[test]
fn what_is_no_operator_is_refused() {
    for operator in
        ["NullIfExists", "Equals", "StringEqual", "ForSomeValues:StringEquals", "ForAllValues:", "IfExists", ""]
    {
        let text = deny_under(&format!(r#""{operator}":{{"a:b":"c"}}"#));
        assert!(scangap_policy::PolicyDocument::parse(&text).is_err(), "{operator}");
    }
}
