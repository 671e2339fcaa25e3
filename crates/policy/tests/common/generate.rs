//! Generated policies over a tiny universe: few accounts, roles, tags and addresses, every element and operator.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

pub(crate) const ROLE: &str =
    "arn:aws:iam::111122223333:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2";

pub(crate) const INSPECTOR: &str = "inspector";

/// Who calls: Inspector's role, others of the account, and strangers.
pub(crate) const CALLERS: &[&str] = &[
    INSPECTOR,
    "arn:aws:iam::111122223333:role/ci/deploy",
    "arn:aws:iam::111122223333:user/alice",
    "arn:aws:iam::444455556666:role/ci/deploy",
    "arn:aws:iam::444455556666:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2",
];

pub(crate) const ACTIONS: &[&str] =
    &["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:ListImages", "ecr:GetAuthorizationToken"];

/// A key's values; `None` for a key that is absent.
pub(crate) type World = BTreeMap<&'static str, Option<Vec<String>>>;

/// What a key may hold, in every world that the documentation leaves open for Inspector's request.
pub(crate) struct KeyRow {
    pub(crate) name: &'static str,
    pub(crate) kind: KeyKind,
    /// `None` for absent.
    pub(crate) inspector: &'static [Option<&'static str>],
    /// Values that a policy or another caller's request may hold.
    pub(crate) values: &'static [&'static str],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Text,
    Arn,
    Address,
    Bool,
    Time,
    Number,
}

const fn key(
    name: &'static str,
    kind: KeyKind,
    inspector: &'static [Option<&'static str>],
    values: &'static [&'static str],
) -> KeyRow {
    KeyRow { name, kind, inspector, values }
}

/// A public address of AWS of either family.
const ADDRESSES: &[Option<&str>] =
    &[Some("52.95.1.1"), Some("3.5.1.1"), Some("2600:1f18::1"), Some("2a05:d018::1"), None];

/// A witness for every value that a policy compares, as text and as a pattern.
const TAGS: &[Option<&str>] = &[
    None,
    Some("red"),
    Some("blue"),
    Some("team"),
    Some("yes"),
    Some("b?ue"),
    Some("r*"),
    Some("*"),
    Some("${aws:ResourceTag/Scan}"),
];

#[rustfmt::skip]
pub(crate) const KEYS: &[KeyRow] = &[
    key("aws:PrincipalArn", KeyKind::Arn, &[Some(ROLE)], &[
        ROLE, "arn:aws:iam::111122223333:role/*", "arn:aws:iam::111122223333:role/aws-service-role/*", "arn:aws:iam::*:user/al?ce",
        "arn:aws:iam::${aws:PrincipalAccount}:role/ci/deploy", "*", "arn:aws:iam::111122223333:role/AWSServiceRoleForAmazonInspector2",
    ]),
    key("aws:PrincipalAccount", KeyKind::Text, &[Some("111122223333")], &["111122223333", "444455556666", "1111*", "${aws:ResourceAccount}"]),
    key("aws:PrincipalOrgID", KeyKind::Text, &[Some("o-exampleorg")], &["o-exampleorg", "o-*", "o-other", "${aws:PrincipalTag/team, 'o-exampleorg'}"]),
    key("aws:PrincipalIsAWSService", KeyKind::Bool, &[Some("false")], &["true", "false", "False"]),
    key("aws:SourceIp", KeyKind::Address, ADDRESSES, &["203.0.113.10/32", "10.0.0.0/8", "0.0.0.0/0", "::/0", "52.0.0.0/8", "2001:db8::/32", "203.0.113.10"]),
    key("aws:SourceVpce", KeyKind::Text, &[None, Some("vpce-0aws"), Some("another")], &["vpce-1", "vpce-*", "*"]),
    key("aws:MultiFactorAuthPresent", KeyKind::Bool, &[None, Some("false")], &["true", "false"]),
    key("aws:PrincipalTag/team", KeyKind::Text, TAGS, &["red", "r*", "*", "b?ue", "${aws:ResourceTag/Scan}"]),
    key("aws:ResourceTag/Scan", KeyKind::Text, &[Some("yes")], &["yes", "no", "y?s", "Yes"]),
    key("aws:SourceAccount", KeyKind::Text, &[None], &["111122223333", "*"]),
    key("aws:CurrentTime", KeyKind::Time, &[Some("2026-11-23T00:00:00Z")], &["2026-11-23T00:00:00Z", "2026-01-01", "2027"]),
    key("aws:EpochTime", KeyKind::Number, &[Some("1795392000")], &["1795392000", "1", "1795392000.5"]),
];

fn operators(kind: KeyKind) -> &'static [&'static str] {
    match kind {
        KeyKind::Text => &[
            "StringEquals",
            "StringNotEquals",
            "StringEqualsIgnoreCase",
            "StringNotEqualsIgnoreCase",
            "StringLike",
            "StringNotLike",
        ],
        KeyKind::Arn => &[
            "ArnEquals",
            "ArnNotEquals",
            "ArnLike",
            "ArnNotLike",
            "StringLike",
            "StringNotLike",
            "StringEquals",
            "StringNotEquals",
        ],
        KeyKind::Address => &["IpAddress", "NotIpAddress"],
        KeyKind::Bool => &["Bool"],
        KeyKind::Time => &[
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ],
        KeyKind::Number => &[
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ],
    }
}

/// A text or a list of texts: AWS accepts both everywhere.
fn one_or_many(texts: &[&str], as_list: bool) -> Value {
    match texts {
        [text] if !as_list => json!(text),
        _ => json!(texts),
    }
}

fn some_of(texts: &'static [&'static str]) -> impl Strategy<Value = Value> {
    (subsequence(texts, 1..=texts.len().min(3)), any::<bool>())
        .prop_map(|(texts, as_list)| one_or_many(&texts, as_list))
}

fn condition() -> impl Strategy<Value = (String, String, Value)> {
    (0..KEYS.len()).prop_flat_map(|at| {
        let row = KEYS.get(at).unwrap_or(&KEYS[0]);
        let operator = select(operators(row.kind).to_vec());
        let qualifier = prop_oneof![4 => Just(""), 1 => Just("ForAllValues:"), 1 => Just("ForAnyValue:")];
        let plain = (operator, qualifier, prop_oneof![3 => Just(""), 1 => Just("IfExists")], some_of(row.values))
            .prop_map(|(operator, qualifier, suffix, values)| {
                (format!("{qualifier}{operator}{suffix}"), row.name.to_owned(), values)
            });
        let null =
            any::<bool>().prop_map(|missing| ("Null".to_owned(), row.name.to_owned(), json!(missing.to_string())));
        prop_oneof![7 => plain, 1 => null]
    })
}

fn principal() -> impl Strategy<Value = (&'static str, Value)> {
    const AWS: &[&str] = &[
        "111122223333",
        "arn:aws:iam::111122223333:root",
        ROLE,
        "arn:aws:iam::111122223333:role/ci/deploy",
        "444455556666",
        "arn:aws:iam::444455556666:role/ci/deploy",
        "arn:aws:iam::111122223333:role/AWSServiceRoleForAmazonInspector2",
    ];
    prop_oneof![
        6 => Just(("Principal", json!("*"))),
        1 => Just(("Principal", json!({"AWS": "*"}))),
        3 => some_of(AWS).prop_map(|aws| ("Principal", json!({"AWS": aws}))),
        1 => Just(("Principal", json!({"Service": "inspector2.amazonaws.com"}))),
        1 => Just(("NotPrincipal", json!({"AWS": "arn:aws:iam::777788889999:role/other"}))),
    ]
}

fn action() -> impl Strategy<Value = (&'static str, Value)> {
    const PATTERNS: &[&str] =
        &["ecr:*", "ecr:BatchGetImage", "ECR:batchget*", "ecr:Describe?mages", "ecr:PutImage", "*", "ecr:List*"];
    prop_oneof![
        5 => some_of(PATTERNS).prop_map(|patterns| ("Action", patterns)),
        1 => some_of(PATTERNS).prop_map(|patterns| ("NotAction", patterns)),
    ]
}

fn resource() -> impl Strategy<Value = Option<(&'static str, Value)>> {
    const PATTERNS: &[&str] = &[
        "*",
        "arn:aws:ecr:eu-west-1:111122223333:repository/team/app",
        "arn:aws:ecr:*:*:repository/team/*",
        "arn:aws:ecr:eu-west-1:111122223333:repository/other",
        "arn:aws:ecr:eu-west-1:111122223333:repository/${aws:PrincipalTag/team}/*",
    ];
    option::weighted(
        0.25,
        prop_oneof![
            4 => some_of(PATTERNS).prop_map(|patterns| ("Resource", patterns)),
            1 => some_of(PATTERNS).prop_map(|patterns| ("NotResource", patterns)),
        ],
    )
}

fn statement() -> impl Strategy<Value = Value> {
    let effect = prop_oneof![4 => Just("Deny"), 1 => Just("Allow")];
    (effect, principal(), action(), resource(), vec(condition(), 0..4), option::of("[A-Z][a-z]{2,5}")).prop_map(
        |(effect, principal, action, resource, conditions, sid)| {
            let mut members = Map::new();
            if let Some(sid) = sid {
                members.insert("Sid".to_owned(), json!(sid));
            }
            members.insert("Effect".to_owned(), json!(effect));
            // NotPrincipal is legal with Deny only.
            let (name, value) =
                if effect == "Allow" && principal.0 == "NotPrincipal" { ("Principal", json!("*")) } else { principal };
            members.insert(name.to_owned(), value);
            members.insert(action.0.to_owned(), action.1);
            members.extend(resource.map(|(name, value)| (name.to_owned(), value)));
            let mut block: Map<String, Value> = Map::new();
            for (operator, key, values) in conditions {
                let keys = block.entry(operator).or_insert_with(|| json!({}));
                if let Some(keys) = keys.as_object_mut() {
                    keys.insert(key, values);
                }
            }
            if !block.is_empty() {
                members.insert("Condition".to_owned(), Value::Object(block));
            }
            Value::Object(members)
        },
    )
}

pub(crate) fn policy() -> impl Strategy<Value = Value> {
    let version = prop_oneof![1 => Just(None), 1 => Just(Some("2008-10-17")), 6 => Just(Some("2012-10-17"))];
    (version, vec(statement(), 1..4), any::<bool>()).prop_map(|(version, statements, as_object)| {
        let mut members = Map::new();
        if let Some(version) = version {
            members.insert("Version".to_owned(), json!(version));
        }
        let statements = match <[Value; 1]>::try_from(statements) {
            Ok([one]) if as_object => one,
            Ok([one]) => json!([one]),
            Err(many) => json!(many),
        };
        members.insert("Statement".to_owned(), statements);
        Value::Object(members)
    })
}

/// Every world that Inspector's request may come as, over the tiny universe: an address and an endpoint exclude each other.
pub(crate) fn inspector_worlds() -> Vec<World> {
    let mut worlds = vec![World::new()];
    for row in KEYS {
        worlds = worlds
            .into_iter()
            .flat_map(|world| {
                row.inspector.iter().map(move |value| {
                    let mut world = world.clone();
                    world.insert(row.name, value.map(|value| vec![value.to_owned()]));
                    world
                })
            })
            .filter(|world| {
                let there = |name| world.get(name).is_some_and(Option::is_some);
                !(there("aws:SourceIp") && there("aws:SourceVpce"))
            })
            .collect();
    }
    worlds
}

/// One request of anybody's, with every key of the universe known.
pub(crate) fn concrete() -> impl Strategy<Value = (&'static str, World)> {
    let values = |row: &'static KeyRow| {
        let plain: Vec<String> = row
            .values
            .iter()
            .chain(row.inspector.iter().flatten())
            .filter(|value| !value.contains(['*', '?', '$', '/']) || row.kind == KeyKind::Arn)
            .map(|value| (*value).to_owned())
            .collect();
        option::weighted(0.75, select(plain).prop_map(|value| vec![value]))
    };
    let worlds: Vec<_> = KEYS.iter().map(values).collect();
    (select(CALLERS.to_vec()), worlds).prop_map(|(caller, values)| {
        let mut world: World = KEYS.iter().map(|row| row.name).zip(values).collect();
        let arn = if caller == INSPECTOR { ROLE } else { caller };
        let account = arn.split(':').nth(4).unwrap_or_default();
        world.insert("aws:PrincipalArn", Some(vec![arn.to_owned()]));
        world.insert("aws:PrincipalAccount", Some(vec![account.to_owned()]));
        (caller, world)
    })
}
