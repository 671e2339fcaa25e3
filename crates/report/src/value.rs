//! Values as reports show them. "Not requested", "there is none" and "could not be read" each have their own word.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use scangap_model::{Asked, Observed};

/// One value of one row, before any format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Text(Cow<'a, str>),
    Integer(u64),
    /// Tenths, shown as a number with one place after the point.
    Tenths(u64),
    Time(Timestamp),
    /// Shown as a JSON array in every format of one cell.
    List(Cow<'a, [String]>),
    /// Shown as a JSON object.
    Counts(&'a BTreeMap<String, u64>),
    /// Not applicable. Never "unknown".
    Empty,
}

/// The value could not be read: there is a gap.
pub(crate) const UNKNOWN: &str = "unknown";
/// AWS answered that there is none.
pub(crate) const NONE: &str = "none";
/// The fact was not requested, because nothing depends on it.
pub(crate) const NOT_NEEDED: &str = "not needed";

impl<'a> Value<'a> {
    pub(crate) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn list(items: &'a [String]) -> Self {
        Self::List(Cow::Borrowed(items))
    }

    /// A number of things.
    pub(crate) fn count(number: usize) -> Self {
        Self::Integer(u64::try_from(number).unwrap_or(u64::MAX))
    }

    /// A number of tenths.
    pub(crate) fn tenths(number: usize) -> Self {
        Self::Tenths(u64::try_from(number).unwrap_or(u64::MAX))
    }

    pub(crate) fn yes_no(value: bool) -> Self {
        Self::text(if value { "yes" } else { "no" })
    }

    /// For people: a list without brackets and quotes, counts as `blocked 3; stale 1`.
    pub(crate) fn in_words(&self) -> Cow<'_, str> {
        match self {
            Self::List(items) => Cow::Owned(items.join("; ")),
            Self::Counts(counts) => {
                let parts: Vec<String> = counts.iter().map(|(name, number)| format!("{name} {number}")).collect();
                Cow::Owned(parts.join("; "))
            }
            other => other.render(),
        }
    }

    /// The text of a cell, in every format but Excel's typed ones.
    pub(crate) fn render(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Tenths(number) => Cow::Owned(format!("{}.{}", number / 10, number % 10)),
            Self::Time(time) => Cow::Owned(utc(*time)),
            Self::List(items) if items.is_empty() => Cow::Borrowed("[]"),
            Self::List(items) => Cow::Owned(serde_json::Value::from(items.to_vec()).to_string()),
            Self::Counts(counts) => Cow::Owned(serde_json::json!(counts).to_string()),
            Self::Empty => Cow::Borrowed(""),
        }
    }
}

/// `2026-11-23T09:00:00Z`. Written out: a report of a million rows says two million times.
pub(crate) fn utc(time: Timestamp) -> String {
    let time = jiff::tz::Offset::UTC.to_datetime(time);
    let mut text = String::with_capacity(20);
    let mut digits = |number: i16, width: u32, after: char| {
        for place in (0..width).rev() {
            let digit = number.unsigned_abs() / 10u16.pow(place) % 10;
            text.push(char::from_digit(u32::from(digit), 10).unwrap_or('0'));
        }
        text.push(after);
    };
    digits(time.year(), 4, '-');
    digits(i16::from(time.month()), 2, '-');
    digits(i16::from(time.day()), 2, 'T');
    digits(i16::from(time.hour()), 2, ':');
    digits(i16::from(time.minute()), 2, ':');
    digits(i16::from(time.second()), 2, 'Z');
    text
}

pub(crate) fn observed<'a, T>(fact: &'a Observed<T>, show: impl FnOnce(&'a T) -> Value<'a>) -> Value<'a> {
    match fact {
        Observed::Known(value) => show(value),
        Observed::Absent => Value::text(NONE),
        Observed::Unknown(_) => Value::text(UNKNOWN),
    }
}

pub(crate) fn asked<'a, T>(fact: &'a Asked<T>, show: impl FnOnce(&'a T) -> Value<'a>) -> Value<'a> {
    match fact {
        Asked::NotNeeded => Value::text(NOT_NEEDED),
        Asked::Answered(fact) => observed(fact, show),
    }
}

pub(crate) fn text_of<'a, T: ToString>(value: &T) -> Value<'a> {
    Value::text(value.to_string())
}

/// An id, unchanged.
pub(crate) fn id<T: AsRef<str>>(value: &T) -> Value<'_> {
    Value::text(value.as_ref())
}

/// A text, unchanged. What is asked of a fact is asked of the type that it has.
#[expect(clippy::ptr_arg, reason = "it is given to functions that hand on a `&String`")]
pub(crate) fn plain(text: &String) -> Value<'_> {
    Value::text(text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_in_utc() {
        for text in ["2026-11-23T09:00:00Z", "1970-01-01T00:00:00Z", "2400-02-29T23:59:59Z", "0099-12-31T05:06:07Z"] {
            assert_eq!(utc(text.parse().unwrap()), text);
        }
        assert_eq!(utc("2026-11-23T09:00:00.987+02:00".parse().unwrap()), "2026-11-23T07:00:00Z");
    }
}
