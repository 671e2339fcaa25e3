//! A policy's value, read once as what its operator compares, and the comparison with what is known of the request.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;

use super::operator::{Comparison, Operator, Order};
use crate::action::Class;
use crate::context::{Context, Family, State, Value};
use crate::element::Version;
use crate::network::Range;
use crate::outcome::Kleene;
use crate::template::{Template, Variable};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    Text(Template),
    Bool(bool),
    Address(Range),
    Number(f64),
    Date(Timestamp),
    Bytes(Vec<u8>),
    /// `Null`: whether the key should be missing.
    Missing(bool),
    /// Not a value of the kind that the operator compares: what AWS does with it is not documented.
    Malformed,
}

impl Wanted {
    pub(super) fn read(text: &str, operator: Operator, version: Version) -> Self {
        let or_malformed = |wanted: Option<Self>| wanted.unwrap_or(Self::Malformed);
        let template = || Template::new(text, operator.takes_wildcards(), version == Version::V2012);
        match operator.comparison {
            Comparison::StringEquals
            | Comparison::StringEqualsIgnoreCase
            | Comparison::StringLike
            | Comparison::Arn => Self::Text(template()),
            Comparison::Bool => {
                let template = template();
                match boolean(text) {
                    Some(value) => Self::Bool(value),
                    None if template.variables().next().is_some() => Self::Text(template),
                    None => Self::Malformed,
                }
            }
            Comparison::Null => or_malformed(boolean(text).map(Self::Missing)),
            Comparison::IpAddress => or_malformed(Range::parse(text).map(Self::Address)),
            Comparison::Numeric(_) => or_malformed(number(text).map(Self::Number)),
            Comparison::Date(_) => or_malformed(date(text).map(Self::Date)),
            Comparison::BinaryEquals => or_malformed(base64(text).map(Self::Bytes)),
        }
    }

    /// Whether a value of the request, as far as it is known, is the one that is wanted.
    pub(super) fn compare(
        &self,
        comparison: Comparison,
        found: Value<'_>,
        context: &Context<'_>,
        class: Class,
    ) -> Kleene {
        match (self, found) {
            (Self::Text(template), _) => match filled(template, context, class) {
                Filled::Yes => text(comparison, template, found, context, class),
                Filled::Null => Kleene::No,
                Filled::Open => match found {
                    Value::Text(found) if !could_match(template, comparison, found, context, class) => Kleene::No,
                    _ => Kleene::Open,
                },
            },
            (Self::Bool(wanted), Value::Text(found)) => {
                boolean(found).map_or(Kleene::Open, |found| Kleene::of(found == *wanted))
            }
            (Self::Address(wanted), Value::Text(found)) => {
                Range::parse(found).map_or(Kleene::Open, |found| Kleene::of(wanted.contains(found)))
            }
            (Self::Address(range), Value::AwsAddress(family)) if range.is_v6() != (family == Family::V6) => Kleene::No,
            (Self::Address(range), Value::AwsAddress(_)) if range.is_everything() => Kleene::Yes,
            (Self::Address(range), Value::AwsAddress(_) | Value::Foreign) if range.cannot_be_aws() => Kleene::No,
            (Self::Number(wanted), _) => match (comparison, found) {
                (Comparison::Numeric(order), Value::Text(found)) => {
                    number(found).map_or(Kleene::Open, |found| Kleene::of(order.holds(&found, wanted)))
                }
                (Comparison::Numeric(order), Value::Time(found)) => {
                    Kleene::of(order.holds(&(found.as_second() as f64), wanted))
                }
                _ => Kleene::Open,
            },
            (Self::Date(wanted), _) => match (comparison, found) {
                (Comparison::Date(order), Value::Text(found)) => {
                    date(found).map_or(Kleene::Open, |found| Kleene::of(order.holds(&found, wanted)))
                }
                (Comparison::Date(order), Value::Time(found)) => Kleene::of(order.holds(&found, wanted)),
                (Comparison::Date(order), Value::Between(from, to)) => between(order, from, to, *wanted),
                _ => Kleene::Open,
            },
            (Self::Bytes(wanted), Value::Text(found)) => {
                base64(found).map_or(Kleene::Open, |found| Kleene::of(found == *wanted))
            }
            (Self::Bool(_) | Self::Address(_) | Self::Bytes(_) | Self::Missing(_) | Self::Malformed, _) => Kleene::Open,
        }
    }
}

/// Whether every variable of a template has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filled {
    Yes,
    /// AWS: a variable without a value and without a default: positive operators cannot match, negated ones do.
    Null,
    /// A variable's value is not known.
    Open,
}

pub(crate) fn filled(template: &Template, context: &Context<'_>, class: Class) -> Filled {
    let mut filled = Filled::Yes;
    for variable in template.variables() {
        if variable.key.is_multivalued() {
            filled = Filled::Open;
            continue;
        }
        match (context.state(&variable.key, class), &variable.default) {
            (State::One(Value::Text(_)), _) | (State::Absent, Some(_)) => {}
            (State::Absent, None) => return Filled::Null,
            // AWS: keys with several values cannot be variables.
            (
                State::One(_) | State::Many(_) | State::Open | State::In(..) | State::MaybeIn(..) | State::AddressIn(_),
                _,
            ) => {
                filled = Filled::Open;
            }
        }
    }
    filled
}

/// A variable's value, where it is known.
pub(crate) fn known_value<'v>(variable: &'v Variable, context: &'v Context<'_>, class: Class) -> Option<&'v str> {
    match context.state(&variable.key, class) {
        _ if variable.key.is_multivalued() => None,
        State::One(Value::Text(text)) => Some(text),
        State::Absent => variable.default.as_deref(),
        State::One(_) | State::Many(_) | State::Open | State::In(..) | State::MaybeIn(..) | State::AddressIn(_) => None,
    }
}

/// A variable's value, in a template that is filled.
pub(crate) fn value<'v>(variable: &'v Variable, context: &'v Context<'_>, class: Class) -> &'v str {
    known_value(variable, context, class).unwrap_or_default()
}

/// Whether a template with variables that are not known could match at all.
fn could_match(template: &Template, comparison: Comparison, found: &str, context: &Context<'_>, class: Class) -> bool {
    let by_case = matches!(comparison, Comparison::StringEqualsIgnoreCase | Comparison::Bool);
    by_case || template.could_match(found, |variable| known_value(variable, context, class))
}

fn text(comparison: Comparison, template: &Template, found: Value<'_>, context: &Context<'_>, class: Class) -> Kleene {
    let fill = |variable| value(variable, context, class);
    let like = matches!(comparison, Comparison::StringLike | Comparison::Arn);
    match found {
        Value::Text(found) => match comparison {
            Comparison::StringEqualsIgnoreCase => Kleene::of(template.equals_ignoring_case(found, fill)),
            Comparison::Arn => Kleene::of(template.matches_arn(found, fill)),
            Comparison::Bool => {
                let same = |wanted| template.equals_ignoring_case(wanted, fill);
                match boolean(found) {
                    Some(found) if same("true") || same("false") => {
                        Kleene::of(same(if found { "true" } else { "false" }))
                    }
                    _ => Kleene::Open,
                }
            }
            _ => Kleene::of(template.matches(found, fill)),
        },
        _ if comparison == Comparison::StringLike && template.is_everything() => Kleene::Yes,
        // A customer's policy does not name a foreign endpoint, network or account in full, so a literal value cannot match.
        Value::Foreign if template.literal().is_some() || !like => Kleene::No,
        Value::RoleId | Value::SessionOf(_) if cannot_be_a_role_id(template, comparison) => Kleene::No,
        Value::Begins(start) | Value::SessionOf(start)
            if like && !template.could_begin(start, |variable| Some(fill(variable))) =>
        {
            Kleene::No
        }
        Value::Begins(start) | Value::SessionOf(start)
            if comparison == Comparison::StringEquals
                && !template.could_begin(start, |variable| Some(fill(variable))) =>
        {
            Kleene::No
        }
        Value::Begins(start) | Value::SessionOf(start)
            if comparison == Comparison::StringEqualsIgnoreCase
                && template.literal().is_some_and(|text| !begins_ignoring_case(text, start)) =>
        {
            Kleene::No
        }
        Value::Begins(start) | Value::SessionOf(start)
            if comparison == Comparison::StringLike && template.matches_all_that_begin(start, fill) =>
        {
            Kleene::Yes
        }
        Value::AwsAddress(_) if template.literal().is_some_and(cannot_be_an_address_of_aws) => Kleene::No,
        Value::AwsAddress(_) if template.variables().next().is_none() && cannot_begin_an_address(template.prefix()) => {
            Kleene::No
        }
        Value::Foreign
        | Value::RoleId
        | Value::Begins(_)
        | Value::SessionOf(_)
        | Value::AwsAddress(_)
        | Value::Time(_)
        | Value::Between(..)
        | Value::Anything => Kleene::Open,
    }
}

/// Whether a text begins so and goes on.
fn begins_ignoring_case(text: &str, start: &str) -> bool {
    text.len() > start.len() && text.get(..start.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(start))
}

/// An address as text is compared as text: a range never equals one.
fn cannot_be_an_address_of_aws(text: &str) -> bool {
    text.contains('/') || Range::parse(text).is_none_or(Range::cannot_be_aws)
}

/// `203.0.113.` begins the addresses of one network, and so does every text that holds whole parts of an address.
fn cannot_begin_an_address(prefix: &str) -> bool {
    if prefix.chars().any(|c| !(c.is_ascii_hexdigit() || c == '.' || c == ':')) {
        return true;
    }
    let parts: Vec<&str> = prefix.split('.').collect();
    let Some((_, whole @ [_, ..])) = parts.split_last() else { return false };
    let network = whole.iter().copied().chain(std::iter::repeat("0")).take(4).collect::<Vec<_>>().join(".");
    let range = Range::parse(&format!("{network}/{}", 8 * whole.len().min(4)));
    range.is_none_or(Range::cannot_be_aws)
}

/// A role's id and session look like `AROA…:<session>`, in letters, digits and `=,.@-_`.
fn cannot_be_a_role_id(template: &Template, comparison: Comparison) -> bool {
    const START: &str = "AROA";
    let like = matches!(comparison, Comparison::StringLike | Comparison::Arn);
    let prefix = template.prefix();
    let start = prefix.get(..START.len()).unwrap_or(prefix);
    let same = |a: &str, b: &str| {
        if comparison == Comparison::StringEqualsIgnoreCase { a.eq_ignore_ascii_case(b) } else { a == b }
    };
    let another_start = !START.get(..start.len()).is_some_and(|expected| same(expected, start));
    // Where there is no wildcard and no variable, the text is all there is.
    let whole = if like { template.literal() } else { template.variables().next().is_none().then_some(prefix) };
    let possible =
        |text: &str| text.contains(':') && text.chars().all(|c| c.is_alphanumeric() || "_+=,.@:-".contains(c));
    another_start || whole.is_some_and(|text| !possible(text))
}

fn between(order: Order, from: Timestamp, to: Timestamp, wanted: Timestamp) -> Kleene {
    if order == Order::Equals {
        return if from <= wanted && wanted <= to { Kleene::Open } else { Kleene::No };
    }
    // An order that holds at both ends holds in between.
    Kleene::of(order.holds(&from, &wanted)).agree(Kleene::of(order.holds(&to, &wanted)))
}

fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// An integer or a decimal number; words that Rust takes for numbers (`inf`, `NaN`) are none.
fn number(text: &str) -> Option<f64> {
    let looks_like_one = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    looks_like_one.then(|| text.parse().ok()).flatten()
}

/// AWS: the W3C profiles of ISO 8601, or seconds since 1970.
fn date(text: &str) -> Option<Timestamp> {
    // A bare four-digit number is a year, not an epoch.
    if let (Ok(seconds), true) = (text.parse::<i64>(), text.len() != 4) {
        return Timestamp::from_second(seconds).ok();
    }
    match text.len() {
        4 => format!("{text}-01-01T00:00:00Z").parse().ok(),
        7 => format!("{text}-01T00:00:00Z").parse().ok(),
        10 => format!("{text}T00:00:00Z").parse().ok(),
        // Wider forms, with a blank for the T or a zone's name, are not W3C's.
        _ if text.get(10..11) == Some("T") && !text.contains('[') => text.parse().ok(),
        _ => None,
    }
}

/// With padding; bits that are left over at the end are not looked at.
fn base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose =
        GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));
    LENIENT.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_the_w3c_profiles_or_seconds() {
        let second = |text: &str| date(text).map(Timestamp::as_second);
        for (text, expected) in [
            ("2026", 1_767_225_600),
            ("2026-01", 1_767_225_600),
            ("2026-01-01", 1_767_225_600),
            ("2026-01-01T00:00Z", 1_767_225_600),
            ("2026-01-01T00:00:00Z", 1_767_225_600),
            ("2026-01-01T01:00:00.000+01:00", 1_767_225_600),
            ("1767225600", 1_767_225_600),
            ("0", 0),
        ] {
            assert_eq!(second(text), Some(expected), "{text}");
        }
        for wrong in ["", "2026-13-01", "2026-01-01T00:00:00", "yesterday", "20260101T000000", "99999999999999999999"] {
            assert_eq!(date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_are_integers_and_decimals() {
        assert_eq!(number("-1.50"), Some(-1.5));
        assert_eq!(number("3600"), Some(3600.0));
        for wrong in ["", "inf", "NaN", "0x10", "1,5", "1 "] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn binary_values_are_bytes_in_base64() {
        assert_eq!(base64("c2NhbmdhcA=="), Some(b"scangap".to_vec()));
        assert_eq!(base64("c2Nh"), Some(b"sca".to_vec()));
        assert_eq!(base64("+/8="), Some(vec![0xFB, 0xFF]));
        assert_eq!(base64(""), Some(Vec::new()));
        for wrong in ["c2Nh=", "c", "c===", "c2Nhb", "c2N-", "===="] {
            assert_eq!(base64(wrong), None, "{wrong}");
        }
    }
}
