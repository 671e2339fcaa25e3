//! Values as reports show them. "Not looked", "there is none" and "could not be learnt" each have a word of their own.

use jiff::Timestamp;
use scangap_model::{Asked, Observed};

/// One value of one row, before any format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Integer(u64),
    Time(Timestamp),
    /// Shown as a JSON array in every format of one cell.
    List(Vec<String>),
    /// Not applicable. Never "unknown".
    Empty,
}

/// A gap stands where the value would be.
pub(crate) const UNKNOWN: &str = "unknown";
/// AWS answered that there is none.
pub(crate) const NONE: &str = "none";
/// Nothing hung on it, so nobody asked.
pub(crate) const NOT_NEEDED: &str = "not needed";

impl Value {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn yes_no(value: bool) -> Self {
        Self::text(if value { "yes" } else { "no" })
    }

    /// The text of a cell, in every format but Excel's typed ones.
    pub(crate) fn render(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Time(time) => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            Self::List(items) => serde_json::Value::from(items.clone()).to_string(),
            Self::Empty => String::new(),
        }
    }
}

pub(crate) fn observed<T>(fact: &Observed<T>, show: impl FnOnce(&T) -> Value) -> Value {
    match fact {
        Observed::Known(value) => show(value),
        Observed::Absent => Value::text(NONE),
        Observed::Unknown(_) => Value::text(UNKNOWN),
    }
}

pub(crate) fn asked<T>(fact: &Asked<T>, show: impl FnOnce(&T) -> Value) -> Value {
    match fact {
        Asked::NotNeeded => Value::text(NOT_NEEDED),
        Asked::Answered(fact) => observed(fact, show),
    }
}

pub(crate) fn text_of<T: ToString>(value: &T) -> Value {
    Value::text(value.to_string())
}
