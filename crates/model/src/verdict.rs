//! What policies decide for Inspector's role.

/// The verdict on one action or on a repository. There is no default: nothing is allowed until it was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    Allowed,
    Denied,
    /// The verdict depends on named context keys.
    Depends,
    /// A policy could not be read.
    Unknown,
}

impl Verdict {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Depends => "depends",
            Self::Unknown => "unknown",
        }
    }

    /// Denied if any is denied, else unknown if any is, else depends if any does, else allowed.
    pub fn fold(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().fold(Self::Allowed, |sofar, next| if next.rank() > sofar.rank() { next } else { sofar })
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Allowed => 0,
            Self::Depends => 1,
            Self::Unknown => 2,
            Self::Denied => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{self, Allowed, Denied, Depends, Unknown};

    #[test]
    fn a_denial_outranks_the_unknown_and_the_unknown_outranks_depends() {
        assert_eq!(Verdict::fold([]), Allowed);
        assert_eq!(Verdict::fold([Allowed, Depends]), Depends);
        assert_eq!(Verdict::fold([Depends, Unknown, Allowed]), Unknown);
        assert_eq!(Verdict::fold([Unknown, Denied, Depends]), Denied);
    }
}
