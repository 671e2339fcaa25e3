//! Condition operators over the possible worlds of a key.

use jiff::Timestamp;

use crate::context::{Request, World, worlds};
use crate::document::Version;
use crate::network::Range;
use crate::pattern::{Token, arn_matches, is_literal, matches_everything, text_matches, wildcard};
use crate::truth::{Truth, all, any};

/// What is compared, before negation and set qualifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Arn,
    Bool,
    Null,
    IpAddress,
    NumericEquals,
    NumericLessThan,
    NumericLessThanEquals,
    NumericGreaterThan,
    NumericGreaterThanEquals,
    DateEquals,
    DateLessThan,
    DateLessThanEquals,
    DateGreaterThan,
    DateGreaterThanEquals,
    BinaryEquals,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantifier {
    Single,
    ForAllValues,
    ForAnyValue,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operator {
    comparison: Comparison,
    negated: bool,
    if_exists: bool,
    quantifier: Quantifier,
}

/// AWS: "IAM JSON policy elements: Condition operators". (name, comparison, negated)
const OPERATORS: &[(&str, Comparison, bool)] = &[
    ("StringEquals", Comparison::StringEquals, false),
    ("StringNotEquals", Comparison::StringEquals, true),
    ("StringEqualsIgnoreCase", Comparison::StringEqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Comparison::StringEqualsIgnoreCase, true),
    ("StringLike", Comparison::StringLike, false),
    ("StringNotLike", Comparison::StringLike, true),
    // Both pairs accept wildcards.
    ("ArnEquals", Comparison::Arn, false),
    ("ArnNotEquals", Comparison::Arn, true),
    ("ArnLike", Comparison::Arn, false),
    ("ArnNotLike", Comparison::Arn, true),
    ("Bool", Comparison::Bool, false),
    ("Null", Comparison::Null, false),
    ("IpAddress", Comparison::IpAddress, false),
    ("NotIpAddress", Comparison::IpAddress, true),
    ("NumericEquals", Comparison::NumericEquals, false),
    ("NumericNotEquals", Comparison::NumericEquals, true),
    ("NumericLessThan", Comparison::NumericLessThan, false),
    ("NumericLessThanEquals", Comparison::NumericLessThanEquals, false),
    ("NumericGreaterThan", Comparison::NumericGreaterThan, false),
    ("NumericGreaterThanEquals", Comparison::NumericGreaterThanEquals, false),
    ("DateEquals", Comparison::DateEquals, false),
    ("DateNotEquals", Comparison::DateEquals, true),
    ("DateLessThan", Comparison::DateLessThan, false),
    ("DateLessThanEquals", Comparison::DateLessThanEquals, false),
    ("DateGreaterThan", Comparison::DateGreaterThan, false),
    ("DateGreaterThanEquals", Comparison::DateGreaterThanEquals, false),
    ("BinaryEquals", Comparison::BinaryEquals, false),
];

impl Operator {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (quantifier, rest) = match text.split_once(':') {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("ForAllValues") => (Quantifier::ForAllValues, rest),
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("ForAnyValue") => (Quantifier::ForAnyValue, rest),
            Some(_) => return None,
            None => (Quantifier::Single, text),
        };
        let base = rest.len().checked_sub("IfExists".len()).and_then(|at| rest.split_at_checked(at));
        let (name, if_exists) = match base {
            Some((name, suffix)) if suffix.eq_ignore_ascii_case("IfExists") => (name, true),
            _ => (rest, false),
        };
        let (_, comparison, negated) = *OPERATORS.iter().find(|(known, _, _)| known.eq_ignore_ascii_case(name))?;
        // AWS: `NullIfExists` does not exist; `ForAllValues:Null` and `ForAnyValue:Null` are accepted.
        let null_misused = comparison == Comparison::Null && if_exists;
        (!null_misused).then_some(Self { comparison, negated, if_exists, quantifier })
    }
}

/// One key under one operator, with the values it is compared to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) operator: Operator,
    pub(crate) operator_text: String,
    pub(crate) key: String,
    pub(crate) values: Vec<String>,
}

pub(crate) fn evaluate(condition: &Condition, version: Version, on_repository: bool, request: &Request) -> Truth {
    if condition.values.is_empty() {
        return without_values(condition, on_repository, request);
    }
    let wanted: Vec<Wanted> =
        condition.values.iter().map(|text| Wanted::read(text, condition, version, on_repository, request)).collect();
    let mut outcomes =
        worlds(&condition.key, on_repository, request).into_iter().map(|world| in_world(condition, &wanted, &world));
    let first = outcomes.next().unwrap_or(Truth::False);
    outcomes.fold(first, |sofar, next| sofar.agree(next, &condition.key))
}

/// AWS accepts an empty list of values, and says of it only that `ForAnyValue` never matches and that a missing key
/// matches where it would with values.
fn without_values(condition: &Condition, on_repository: bool, request: &Request) -> Truth {
    let operator = &condition.operator;
    let absent = worlds(&condition.key, on_repository, request) == [World::Absent];
    if operator.quantifier == Quantifier::ForAnyValue {
        Truth::False
    } else if absent && (operator.if_exists || operator.quantifier == Quantifier::ForAllValues) {
        Truth::True
    } else {
        Truth::unknown(&condition.key)
    }
}

/// A policy value after its variables were replaced.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    Text(Vec<Token>, String),
    /// A variable without a value: positive operators cannot match it, negated ones do.
    Null,
    /// A variable whose value is not known.
    Unknown(String),
}

impl Wanted {
    fn read(text: &str, condition: &Condition, version: Version, on_repository: bool, request: &Request) -> Self {
        let comparison = condition.operator.comparison;
        let wild = matches!(comparison, Comparison::StringLike | Comparison::Arn);
        let takes_variables = wild
            || matches!(comparison, Comparison::StringEquals | Comparison::StringEqualsIgnoreCase | Comparison::Bool);
        if takes_variables {
            Self::substituted(text, wild, version, on_repository, request)
        } else {
            Self::Text(text.chars().map(Token::Char).collect(), text.to_owned())
        }
    }

    /// A text with its variables replaced. AWS: before version 2012-10-17 they are plain text.
    pub(crate) fn substituted(
        text: &str,
        wild: bool,
        version: Version,
        on_repository: bool,
        request: &Request,
    ) -> Self {
        let literal =
            |part: &str| -> Vec<Token> { if wild { wildcard(part) } else { part.chars().map(Token::Char).collect() } };
        if version == Version::V2008 {
            return Self::Text(literal(text), text.to_owned());
        }
        let (mut tokens, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some((before, variable, after)) = split_variable(rest) {
            tokens.extend(literal(before));
            plain.push_str(before);
            match substitute(variable, on_repository, request) {
                Ok(Some(value)) => {
                    tokens.extend(value.chars().map(Token::Char));
                    plain.push_str(&value);
                }
                Ok(None) => return Self::Null,
                Err(key) => return Self::Unknown(key),
            }
            rest = after;
        }
        tokens.extend(literal(rest));
        plain.push_str(rest);
        Self::Text(tokens, plain)
    }
}

fn split_variable(text: &str) -> Option<(&str, &str, &str)> {
    let (before, opened) = text.split_once("${")?;
    let (variable, after) = opened.split_once('}')?;
    Some((before, variable, after))
}

/// `Ok(None)`: the variable has no value. `Err`: it has one that is not known.
fn substitute(variable: &str, on_repository: bool, request: &Request) -> Result<Option<String>, String> {
    if matches!(variable, "*" | "?" | "$") {
        return Ok(Some(variable.to_owned()));
    }
    let (key, default) = match variable.split_once(',') {
        Some((key, default)) => (key.trim(), Some(default.trim().trim_matches('\'').to_owned())),
        None => (variable.trim(), None),
    };
    match worlds(key, on_repository, request).as_slice() {
        [World::Values(values)] => match values.as_slice() {
            [value] => Ok(Some(value.clone())),
            _ => Err(key.to_owned()),
        },
        [World::Absent] => Ok(default),
        _ => Err(key.to_owned()),
    }
}

fn in_world(condition: &Condition, wanted: &[Wanted], world: &World) -> Truth {
    let operator = &condition.operator;
    if operator.comparison == Comparison::Null {
        match operator.quantifier {
            Quantifier::ForAllValues => return Truth::True,
            Quantifier::ForAnyValue => return Truth::False,
            Quantifier::Single => {}
        }
        // The values say whether the key should be missing.
        let missing = *world == World::Absent;
        return any(condition.values.iter().map(|text| match text.to_ascii_lowercase().as_str() {
            "true" => Truth::of(missing),
            "false" => Truth::of(!missing),
            _ => Truth::unknown(&condition.key),
        }));
    }
    if *world == World::Absent {
        return match (operator.if_exists, operator.quantifier) {
            (true, _) | (false, Quantifier::ForAllValues) => Truth::True,
            (false, Quantifier::ForAnyValue) => Truth::False,
            (false, Quantifier::Single) => Truth::of(operator.negated),
        };
    }
    let one = |value: &Found| {
        let hit = any(wanted.iter().map(|wanted| compare(operator.comparison, wanted, value, &condition.key)));
        if operator.negated { hit.not() } else { hit }
    };
    match world {
        World::Values(values) => {
            let mut each = values.iter().map(|value| one(&Found::Text(value)));
            match operator.quantifier {
                Quantifier::ForAllValues => all(each),
                Quantifier::ForAnyValue => any(each),
                Quantifier::Single => match (each.next(), each.next()) {
                    (Some(truth), None) => truth,
                    // AWS: several values without a set operator are not defined.
                    _ => Truth::unknown(&condition.key),
                },
            }
        }
        World::Some => one(&Found::Anything),
        World::Foreign => one(&Found::Foreign),
        World::AwsAddress => one(&Found::AwsAddress),
        World::Absent => Truth::False,
    }
}

/// The request's value, as far as it is known in one world.
enum Found<'a> {
    Text(&'a str),
    Anything,
    Foreign,
    AwsAddress,
}

fn compare(comparison: Comparison, wanted: &Wanted, found: &Found<'_>, key: &str) -> Truth {
    let (pattern, plain) = match wanted {
        Wanted::Text(pattern, plain) => (pattern, plain.as_str()),
        Wanted::Null => return Truth::False,
        Wanted::Unknown(variable) => return Truth::unknown(format!("${{{variable}}}")),
    };
    match found {
        Found::Text(text) => compare_text(comparison, pattern, plain, text, key),
        Found::Anything | Found::Foreign if comparison == Comparison::StringLike && matches_everything(pattern) => {
            Truth::True
        }
        // Somebody else's endpoint, network or address is none that a customer writes down whole.
        Found::Foreign => match comparison {
            Comparison::StringEquals | Comparison::StringEqualsIgnoreCase => Truth::False,
            Comparison::StringLike | Comparison::Arn if is_literal(pattern) => Truth::False,
            Comparison::IpAddress => match Range::parse(plain) {
                Some(range) if range.cannot_be_aws() => Truth::False,
                _ => Truth::unknown(key),
            },
            _ => Truth::unknown(key),
        },
        Found::AwsAddress => match (comparison, Range::parse(plain)) {
            (Comparison::IpAddress, Some(range)) if range.cannot_be_aws() => Truth::False,
            _ => Truth::unknown(key),
        },
        Found::Anything => Truth::unknown(key),
    }
}

fn compare_text(comparison: Comparison, pattern: &[Token], plain: &str, text: &str, key: &str) -> Truth {
    let numbers = |test: fn(f64, f64) -> bool| match (text.parse::<f64>(), plain.parse::<f64>()) {
        (Ok(found), Ok(wanted)) => Truth::of(test(found, wanted)),
        _ => Truth::unknown(key),
    };
    let dates = |test: fn(Timestamp, Timestamp) -> bool| match (date(text), date(plain)) {
        (Some(found), Some(wanted)) => Truth::of(test(found, wanted)),
        _ => Truth::unknown(key),
    };
    match comparison {
        Comparison::StringEquals | Comparison::StringLike => Truth::of(text_matches(pattern, text)),
        Comparison::StringEqualsIgnoreCase => Truth::of(plain.to_lowercase() == text.to_lowercase()),
        Comparison::Bool => Truth::of(plain.eq_ignore_ascii_case(text)),
        Comparison::Arn => Truth::of(arn_matches(pattern, text)),
        Comparison::IpAddress => match (Range::parse(plain), Range::parse(text)) {
            (Some(wanted), Some(found)) => Truth::of(wanted.contains(found)),
            _ => Truth::unknown(key),
        },
        #[expect(clippy::float_cmp, reason = "AWS compares numbers for equality as written")]
        Comparison::NumericEquals => numbers(|a, b| a == b),
        Comparison::NumericLessThan => numbers(|a, b| a < b),
        Comparison::NumericLessThanEquals => numbers(|a, b| a <= b),
        Comparison::NumericGreaterThan => numbers(|a, b| a > b),
        Comparison::NumericGreaterThanEquals => numbers(|a, b| a >= b),
        Comparison::DateEquals => dates(|a, b| a == b),
        Comparison::DateLessThan => dates(|a, b| a < b),
        Comparison::DateLessThanEquals => dates(|a, b| a <= b),
        Comparison::DateGreaterThan => dates(|a, b| a > b),
        Comparison::DateGreaterThanEquals => dates(|a, b| a >= b),
        Comparison::BinaryEquals | Comparison::Null => Truth::unknown(key),
    }
}

/// AWS: the W3C profiles of ISO 8601, or seconds since 1970.
fn date(text: &str) -> Option<Timestamp> {
    // A bare four-digit number is a year, not an epoch.
    if let (Ok(seconds), true) = (text.parse::<i64>(), text.len() != 4) {
        return Timestamp::from_second(seconds).ok();
    }
    let full = match text.len() {
        4 => format!("{text}-01-01T00:00:00Z"),
        7 => format!("{text}-01T00:00:00Z"),
        10 => format!("{text}T00:00:00Z"),
        _ => text.to_owned(),
    };
    full.parse().ok()
}
