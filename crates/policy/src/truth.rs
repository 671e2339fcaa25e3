//! Kleene's three values, with what the unknown one hangs on.

use std::collections::BTreeSet;

/// `Unknown` carries the context keys (or other facts) that would settle it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    Unknown(BTreeSet<String>),
}

impl Truth {
    pub fn unknown(on: impl Into<String>) -> Self {
        Self::Unknown(BTreeSet::from([on.into()]))
    }

    pub fn of(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }

    /// False wins: an unknown beside a definite no is harmless, and its keys are dropped with it.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, rest) | (rest, Self::True) => rest,
            (Self::Unknown(mut left), Self::Unknown(right)) => {
                left.extend(right);
                Self::Unknown(left)
            }
        }
    }

    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "reads with and/or; `!` on a three-valued logic would surprise")]
    pub fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown(on) => Self::Unknown(on),
        }
    }

    /// What holds in both of two possible worlds; where they differ, it hangs on `on`.
    #[must_use]
    pub fn agree(self, other: Self, on: &str) -> Self {
        if self == other && !matches!(self, Self::Unknown(_)) {
            return self;
        }
        let mut keys = BTreeSet::from([on.to_owned()]);
        for side in [self, other] {
            if let Self::Unknown(more) = side {
                keys.extend(more);
            }
        }
        Self::Unknown(keys)
    }
}

pub(crate) fn all(truths: impl IntoIterator<Item = Truth>) -> Truth {
    truths.into_iter().fold(Truth::True, Truth::and)
}

pub(crate) fn any(truths: impl IntoIterator<Item = Truth>) -> Truth {
    truths.into_iter().fold(Truth::False, Truth::or)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kleenes_tables() {
        let unknown = || Truth::unknown("k");
        assert_eq!(Truth::False.and(unknown()), Truth::False);
        assert_eq!(Truth::True.and(unknown()), unknown());
        assert_eq!(Truth::True.or(unknown()), Truth::True);
        assert_eq!(Truth::False.or(unknown()), unknown());
        assert_eq!(unknown().not(), unknown());
        assert_eq!(Truth::True.agree(Truth::True, "k"), Truth::True);
        assert_eq!(Truth::True.agree(Truth::False, "k"), unknown());
    }
}
