//! Kleene's three values, in every case that the request may come as at once.
//!
//! Two things about Inspector's request are known only up to a few cases: which way it reaches ECR (from a public address
//! of AWS, through an endpoint of AWS, or with its network redacted), and whether it says that no MFA was used or says
//! nothing. Keys that exclude each other do so case by case, across conditions and across statements.

/// One value of Kleene's logic, in one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kleene {
    Yes,
    No,
    /// The answer depends on a value that is not known.
    Open,
}

impl Kleene {
    pub(crate) fn of(value: bool) -> Self {
        if value { Self::Yes } else { Self::No }
    }

    pub(crate) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Open => Self::Open,
        }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, Self::No) => Self::No,
            _ => Self::Open,
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        self.not().or(other.not()).not()
    }

    /// What holds both ways; where the two differ, it is open.
    pub(crate) fn agree(self, other: Self) -> Self {
        if self == other { self } else { Self::Open }
    }
}

/// Some of the cases, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cases(u8);

impl Cases {
    pub(crate) const ALL: Self = Self(0b11_11_11);
    /// From a public address of AWS: aws:SourceIp is there, the endpoint keys are not.
    pub(crate) const PUBLIC: Self = Self(0b00_00_11);
    /// Through an endpoint of AWS: the endpoint keys are there, aws:SourceIp is not.
    pub(crate) const ENDPOINT: Self = Self(0b00_11_00);
    /// The network is redacted: neither is there.
    #[cfg(test)]
    pub(crate) const REDACTED: Self = Self(0b11_00_00);
    /// aws:MultiFactorAuthPresent is there, and false.
    pub(crate) const MFA_FALSE: Self = Self(0b01_01_01);

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// In which cases something is so, and in which it is open; in the rest it is not so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    yes: Cases,
    open: Cases,
}

impl Outcome {
    pub(crate) const YES: Self = Self { yes: Cases::ALL, open: Cases(0) };
    pub(crate) const NO: Self = Self { yes: Cases(0), open: Cases(0) };
    pub(crate) const OPEN: Self = Self { yes: Cases(0), open: Cases::ALL };

    /// The same in every case.
    pub(crate) fn always(value: Kleene) -> Self {
        match value {
            Kleene::Yes => Self::YES,
            Kleene::No => Self::NO,
            Kleene::Open => Self::OPEN,
        }
    }

    /// One value in these cases, another in the rest.
    pub(crate) fn split(cases: Cases, inside: Kleene, outside: Kleene) -> Self {
        let (inside, outside) = (Self::always(inside), Self::always(outside));
        let pick = |a: Cases, b: Cases| a.and(cases).or(b.without(cases));
        Self { yes: pick(inside.yes, outside.yes), open: pick(inside.open, outside.open) }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        let yes = self.yes.and(other.yes);
        Self { yes, open: self.possible().and(other.possible()).without(yes) }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        let yes = self.yes.or(other.yes);
        Self { yes, open: self.open.or(other.open).without(yes) }
    }

    pub(crate) fn not(self) -> Self {
        Self { yes: Cases::ALL.without(self.possible()), open: self.open }
    }

    fn possible(self) -> Cases {
        self.yes.or(self.open)
    }

    pub(crate) fn is_certain_in_some(self, cases: Cases) -> bool {
        !self.yes.and(cases).is_empty()
    }

    /// One value for all the cases that are left, where they agree.
    pub(crate) fn over(self, cases: Cases) -> Kleene {
        if cases.without(self.yes).is_empty() {
            Kleene::Yes
        } else if self.possible().and(cases).is_empty() {
            Kleene::No
        } else {
            Kleene::Open
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [Kleene; 3] = [Kleene::Yes, Kleene::No, Kleene::Open];

    #[test]
    fn outcomes_are_kleenes_logic_in_every_case() {
        for a in VALUES {
            assert_eq!(a.or(Kleene::Yes), Kleene::Yes);
            assert_eq!(a.and(Kleene::No), Kleene::No);
            assert_eq!(Outcome::always(a).not(), Outcome::always(a.not()));
            for b in VALUES {
                assert_eq!(Outcome::always(a).and(Outcome::always(b)), Outcome::always(a.and(b)), "{a:?} {b:?}");
                assert_eq!(Outcome::always(a).or(Outcome::always(b)), Outcome::always(a.or(b)), "{a:?} {b:?}");
                assert_eq!(a.agree(b), if a == b { a } else { Kleene::Open });
                let split = Outcome::split(Cases::PUBLIC, a, b);
                assert_eq!(split.over(Cases::PUBLIC), a);
                assert_eq!(split.over(Cases::ENDPOINT), b);
                assert_eq!(split.over(Cases::ALL), a.agree(b));
                assert_eq!(split.not().over(Cases::REDACTED), b.not());
            }
        }
        assert_eq!(Kleene::Open.or(Kleene::No), Kleene::Open);
    }

    #[test]
    fn opposite_cases_cover_everything_together_and_nothing_at_once() {
        let here = Outcome::split(Cases::PUBLIC, Kleene::Yes, Kleene::No);
        assert_eq!(here.or(here.not()), Outcome::YES);
        assert_eq!(here.and(here.not()), Outcome::NO);
        let open = Outcome::split(Cases::PUBLIC, Kleene::Open, Kleene::No);
        assert_eq!(open.or(here), here);
        assert_eq!(Cases::PUBLIC.or(Cases::ENDPOINT).or(Cases::REDACTED), Cases::ALL);
        assert!(!Cases::ALL.without(Cases::MFA_FALSE).is_empty());
    }
}
