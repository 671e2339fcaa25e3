//! The request that is judged: who, on what, and what is known of its context.

use std::collections::BTreeMap;

use jiff::Timestamp;
use scangap_model::{AccountId, Partition, RegionName, RepositoryName};

/// The organization of the account, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Organization {
    /// `path` is the value of aws:PrincipalOrgPaths (`o-.../r-.../ou-.../`) where known.
    Member {
        id: String,
        path: Option<String>,
    },
    None,
    Unknown,
}

/// The tags of a repository, or of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tags {
    Known(BTreeMap<String, String>),
    Unknown,
}

/// What is known of Inspector's service-linked role beyond its ARN: what `iam:GetRole` tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleIdentity {
    /// `AROA…`: a role that is deleted and created anew gets another.
    pub id: Option<String>,
    pub tags: Tags,
}

impl RoleIdentity {
    pub const UNKNOWN: Self = Self { id: None, tags: Tags::Unknown };
}

/// One request. What is not stated here is taken from the documented context of its principal.
#[derive(Debug, Clone)]
pub struct Request {
    pub partition: Partition,
    /// The account that the registry belongs to.
    pub account: AccountId,
    pub region: RegionName,
    /// `None`: not known yet (a creation template's future repository).
    pub repository: Option<RepositoryName>,
    pub organization: Organization,
    pub tags: Tags,
    /// Inspector's role. Ignored where another principal makes the request.
    pub inspector_role: RoleIdentity,
    pub principal: Caller,
    /// The time that date conditions are judged at.
    pub as_of: Timestamp,
    /// Context keys that the caller knows better, by lowercase name.
    pub stated: BTreeMap<String, Stated>,
}

/// What a caller states about a context key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stated {
    Values(Vec<String>),
    Absent,
    /// There or not, with whatever value.
    Unknown,
}

/// Who makes the request. Every caller is judged as if its own identity policies allowed everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Inspector's service-linked role in the account.
    Inspector,
    Role {
        account: AccountId,
        arn: String,
    },
    /// A role of the account whose name is not known.
    SomeRole {
        account: AccountId,
    },
    User {
        account: AccountId,
        arn: String,
    },
    Root {
        account: AccountId,
        arn: String,
    },
    /// A service that calls by itself, such as `lambda.amazonaws.com`.
    Service(String),
}

/// Why a text does not name a principal that can make requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerError(String);

impl std::fmt::Display for CallerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CallerError {}

impl Caller {
    /// A role's, user's or root's ARN, or the name of a service.
    pub fn parse(text: &str, partition: Partition) -> Result<Self, CallerError> {
        let error = |why: &str| Err(CallerError(format!("`{text}` {why}")));
        if !text.contains(':') && text.contains('.') {
            return Ok(Self::Service(text.to_owned()));
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", its_partition, service, "", account, resource] = parts.as_slice() else {
            return error("is neither the ARN of a role, a user or a root nor the name of a service");
        };
        if *its_partition != partition.as_str() {
            return error(&format!("is not of the partition {partition}"));
        }
        let Ok(account) = account.parse() else { return error("names no account of 12 digits") };
        let arn = text.to_owned();
        match (*service, resource.split_once('/')) {
            ("iam", None) if *resource == "root" => Ok(Self::Root { account, arn }),
            ("iam", Some(("role", name))) if !name.is_empty() => Ok(Self::Role { account, arn }),
            ("iam", Some(("user", name))) if !name.is_empty() => Ok(Self::User { account, arn }),
            ("sts", Some(("assumed-role", _))) => {
                error("is the ARN of a session, which loses the path of its role: name the role")
            }
            _ => error("is neither the ARN of a role, a user or a root nor the name of a service"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_roles_users_roots_and_services() {
        for (text, part) in [
            ("arn:aws:iam::111122223333:role/a/b", "Role"),
            ("arn:aws:iam::111122223333:user/x", "User"),
            ("arn:aws:iam::111122223333:root", "Root"),
            ("lambda.amazonaws.com", "Service"),
        ] {
            let caller = Caller::parse(text, Partition::Aws).map(|caller| format!("{caller:?}"));
            assert!(caller.as_ref().is_ok_and(|caller| caller.starts_with(part)), "{text}: {caller:?}");
        }
        for (text, part) in [
            ("arn:aws:sts::111122223333:assumed-role/x/y", "loses the path"),
            ("arn:aws:iam::1111:role/x", "12 digits"),
            ("arn:aws:iam::111122223333:role/", "neither"),
            ("arn:aws:iam::111122223333:group", "neither"),
            ("arn:aws:iam::111122223333:user/", "neither"),
            ("arn:aws:sts::111122223333:federated-user/x", "neither"),
            ("arn:aws:s3:::bucket", "12 digits"),
            ("arn:aws:s3::111122223333:bucket", "neither"),
            ("someone", "neither"),
            ("arn:aws-cn:iam::111122223333:user/x", "partition aws"),
        ] {
            let error = Caller::parse(text, Partition::Aws).map_err(|error| error.to_string());
            assert!(error.as_ref().is_err_and(|error| error.contains(part)), "{text}: {error:?}");
        }
    }
}
