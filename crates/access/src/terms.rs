//! What the roles are called, and whom they trust.

use std::str::FromStr;

use scangap_model::{AccountId, Arn, ExternalId};

/// How the roles are set up.
#[derive(Debug, Clone)]
pub struct Terms {
    /// With their paths. The first is the one that is made.
    pub role_names: Vec<String>,
    pub inspector_admin_role_name: Option<String>,
    pub write_role_name: String,
    pub publish_role_name: String,
    /// The role that reads the organization, where the caller does not.
    pub organization_role_arn: Option<String>,
    pub principal: Option<Principal>,
    /// The organization that callers, and the roles that they assume, have to be of.
    pub organization: Option<String>,
    pub external_id: Option<ExternalId>,
    pub findings_bucket: Option<FindingsBucket>,
}

impl Terms {
    /// What a caller has to be of, or to know: keys of a condition with their values.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let organization = self.organization.as_deref().map(|id| ("aws:PrincipalOrgID", id));
        let external_id = self.external_id.as_ref().map(|id| ("sts:ExternalId", id.reveal()));
        organization.into_iter().chain(external_id)
    }
}

/// Where Inspector's own copy of the findings is written, with `{region}` where each region has a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingsBucket {
    pub bucket: String,
    /// Without slashes around it; empty for the whole bucket.
    pub prefix: String,
}

/// Who may assume the roles: an account as a whole, or one of its principals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    Account(AccountId),
    Arn(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPrincipal(pub String);

impl FromStr for Principal {
    type Err = BadPrincipal;

    fn from_str(text: &str) -> Result<Self, BadPrincipal> {
        if let Ok(account) = text.parse() {
            return Ok(Self::Account(account));
        }
        let wrong = |why: &str| BadPrincipal(why.to_owned());
        let arn: Arn = text.parse().map_err(|_| wrong("name an account id, or the ARN of a role or user"))?;
        if arn.service == "sts" {
            return Err(wrong("a session passes: name the role itself, as arn:aws:iam::111122223333:role/audit"));
        }
        let is_principal =
            arn.resource == "root" || ["role/", "user/"].iter().any(|kind| arn.resource.starts_with(kind));
        if arn.service != "iam" || !is_principal || arn.account.parse::<AccountId>().is_err() {
            return Err(wrong("name an account id, or the ARN of a role or user"));
        }
        // AWS: the characters of names and paths. What else there is would be a pattern, a variable, or more than a name.
        if !arn.resource.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@_-/".contains(c)) {
            return Err(wrong("AWS takes no patterns there: name the principal itself, or its account"));
        }
        Ok(Self::Arn(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_an_account_or_one_of_its_own() {
        for right in ["111122223333", "arn:aws:iam::111122223333:role/a/b", "arn:aws-cn:iam::111122223333:root"] {
            assert!(right.parse::<Principal>().is_ok(), "{right}");
        }
        for wrong in [
            "1111",
            "*",
            "arn:aws:sts::111122223333:assumed-role/a/b",
            "arn:aws:iam::111122223333:role/*",
            "arn:aws:iam::111122223333:policy/a",
            "arn:aws:iam::x:role/a",
            "arn:aws:iam::111122223333:role/a/b${x}",
        ] {
            assert!(wrong.parse::<Principal>().is_err(), "{wrong}");
        }
    }
}
