//! What AWS answered, in the only type that can also say that it did not.

use crate::Gap;

/// A fact from AWS. Unlike `Option`, it distinguishes a value that does not exist from one that was not read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Observed<T> {
    Known(T),
    /// AWS answered that there is none.
    Absent,
    /// Boxed: gaps are large and few, facts are small and many.
    Unknown(Box<Gap>),
}

impl<T> Observed<T> {
    pub fn unknown(gap: impl Into<Box<Gap>>) -> Self {
        Self::Unknown(gap.into())
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Observed<U> {
        match self {
            Self::Known(value) => Observed::Known(f(value)),
            Self::Absent => Observed::Absent,
            Self::Unknown(gap) => Observed::Unknown(gap),
        }
    }

    pub fn as_ref(&self) -> Observed<&T> {
        match self {
            Self::Known(value) => Observed::Known(value),
            Self::Absent => Observed::Absent,
            Self::Unknown(gap) => Observed::Unknown(gap.clone()),
        }
    }

    /// The value where it is known. For display and filters only: a decision must match all three.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unknown(_) => None,
        }
    }

    pub fn gap(&self) -> Option<&Gap> {
        match self {
            Self::Unknown(gap) => Some(gap),
            Self::Known(_) | Self::Absent => None,
        }
    }

    /// AWS's optional fields: present or absent, both are answers.
    pub fn from_answer(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::Known)
    }
}

/// A fact that is asked for only where something needs it. "Not needed" is shown as such, never as blank or zero.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Asked<T> {
    NotNeeded,
    Answered(Observed<T>),
}

impl<T> Asked<T> {
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::NotNeeded => None,
            Self::Answered(observed) => observed.known(),
        }
    }

    pub fn gap(&self) -> Option<&Gap> {
        match self {
            Self::NotNeeded => None,
            Self::Answered(observed) => observed.gap(),
        }
    }
}

impl<T> From<Observed<T>> for Asked<T> {
    fn from(observed: Observed<T>) -> Self {
        Self::Answered(observed)
    }
}
