//! Identifiers, built only by parsing. `Display` gives back exactly what was parsed.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use crate::partition::REGIONS;

/// Why a text is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("`{0}` is not an account id: 12 digits are needed")]
    Account(String),
    #[error("`{0}` is not a region name such as `eu-west-1`")]
    Region(String),
    #[error("`{0}` is not a repository name")]
    Repository(String),
    #[error("`{0}` is not an organization id such as `o-exampleorg`")]
    Organization(String),
    #[error("`{0}` is not a SHA-256 in 64 hexadecimal digits")]
    Hash(String),
}

/// An AWS account id. Twelve digits, never a number: leading zeros count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId([u8; 12]);

impl FromStr for AccountId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits: [u8; 12] = text.as_bytes().try_into().map_err(|_| IdError::Account(text.to_owned()))?;
        if digits.iter().all(u8::is_ascii_digit) { Ok(Self(digits)) } else { Err(IdError::Account(text.to_owned())) }
    }
}

impl AccountId {
    pub fn as_str(&self) -> &str {
        // INVARIANT: only digits pass `from_str`.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl AsRef<str> for AccountId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $error:ident, $accepts:expr) => {
        text_id!($(#[$doc])* $name, $error, $accepts, |text| Arc::from(text));
    };
    ($(#[$doc:meta])* $name:ident, $error:ident, $accepts:expr, $kept:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let accepts: fn(&str) -> bool = $accepts;
                let kept: fn(&str) -> Arc<str> = $kept;
                if accepts(text) { Ok(Self(kept(text))) } else { Err(IdError::$error(text.to_owned())) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

text_id!(
    /// A region's code name. The shape is checked, not the existence: new regions appear without a release of ours.
    RegionName,
    Region,
    |text| {
        let parts: Vec<&str> = text.split('-').collect();
        (3..=5).contains(&parts.len())
            && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
            && parts.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
    },
    known_region
);
text_id!(
    /// A repository's name. ECR's own grammar is looser in some partitions than its documentation, so only what
    /// could not stand in an ARN is refused.
    RepositoryName,
    Repository,
    |text| !text.is_empty() && text.len() <= 256 && !text.chars().any(|c| c.is_control() || c.is_whitespace() || c == ':')
);
text_id!(OrganizationId, Organization, |text| {
    text.strip_prefix("o-").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
});
text_id!(
    /// The SHA-256 of a policy's text exactly as AWS returned it.
    PolicyHash,
    Hash,
    |text| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
);

/// The name of a region that AWS has, one for all: each account of an organization names them all.
fn known_region(name: &str) -> Arc<str> {
    static KNOWN: LazyLock<HashSet<Arc<str>>> = LazyLock::new(|| REGIONS.iter().map(|info| info.name.into()).collect());
    KNOWN.get(name).map_or_else(|| name.into(), Arc::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids_keep_leading_zeros_and_refuse_anything_else() {
        assert_eq!("000000000012".parse::<AccountId>().unwrap().to_string(), "000000000012");
        for wrong in ["12345678901", "1234567890123", "12345678901a", "", "１２３４５６７８９０１２"] {
            assert!(wrong.parse::<AccountId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn region_names_have_a_region_shape() {
        for right in ["eu-west-1", "us-gov-west-1", "mx-central-1", "us-iso-east-1", "eusc-de-east-1"] {
            assert!(right.parse::<RegionName>().is_ok(), "{right}");
        }
        for wrong in ["", "eu-west", "EU-WEST-1", "eu--1", "eu-west-1a", "../../etc", "eu_west_1"] {
            assert!(wrong.parse::<RegionName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn repository_names_cannot_carry_what_an_arn_cannot() {
        assert!("team/app_1.x-y".parse::<RepositoryName>().is_ok());
        for wrong in ["", "a:b", "a b", "a\u{1b}[31m"] {
            assert!(wrong.parse::<RepositoryName>().is_err(), "{wrong:?}");
        }
    }
}
