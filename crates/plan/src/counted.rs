//! Numbers that may not have been counted.

use std::fmt;

/// A number, or the word for one that was not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Number(u64),
    NotCounted,
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::NotCounted => f.write_str("not counted"),
        }
    }
}
