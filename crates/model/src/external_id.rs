//! The external id of a role: a password between two accounts. It has no text of its own, so that it stands in no log, error or
//! report; who needs it asks for it.

use std::fmt;
use std::str::FromStr;

#[derive(Clone, PartialEq, Eq)]
pub struct ExternalId(Box<str>);

/// AWS: 2 to 1,224 letters, digits and `+=,.@:/_-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an external id")]
pub struct NoExternalId;

impl ExternalId {
    /// For a call of AWS, or a policy that is printed for it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for ExternalId {
    type Err = NoExternalId;

    fn from_str(text: &str) -> Result<Self, NoExternalId> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "+=,.@:/_-".contains(c);
        let fits = (2..=1224).contains(&text.len()) && text.chars().all(plain);
        if fits { Ok(Self(text.into())) } else { Err(NoExternalId) }
    }
}

impl fmt::Debug for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalId(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_not_shown_and_is_what_aws_takes() {
        let id: ExternalId = "blue-7".parse().unwrap();
        assert_eq!((format!("{id:?}").as_str(), id.reveal()), ("ExternalId(***)", "blue-7"));
        for wrong in ["", "a", "two words", "é-é", &"a".repeat(1225)] {
            assert_eq!(wrong.parse::<ExternalId>(), Err(NoExternalId), "{wrong}");
        }
    }
}
