//! What stops a collection.

use scangap_model::{AccountId, Gap};

/// What stops a collection before or instead of facts. Everything else is a gap.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    #[error("account {account} may not read the organization `{organization}`")]
    NotAdministrator { account: AccountId, organization: String, cause: Box<Gap> },
    #[error("the organization could not be read")]
    OrganizationUnreadable(Box<Gap>),
    #[error("the audit was interrupted before the organization was read")]
    Interrupted,
    #[error("account {account} is not in the organization")]
    UnknownAccount { account: AccountId, suggestion: Option<String> },
    #[error("organizational unit `{0}` is not in the organization")]
    UnknownOrganizationalUnit(String),
    #[error("organizational unit `{unit}` cannot be found: the organization's units could not be read")]
    OrganizationalUnitsUnreadable { unit: String, cause: Box<Gap> },
    #[error("no account of the organization is in scope")]
    NothingInScope,
    #[error("the role for reading the organization could not be assumed")]
    OrganizationRole(Box<Gap>),
    #[error("role `{roles}` could not be assumed in any of {n_accounts} accounts")]
    RoleRefusedEverywhere { roles: String, n_accounts: usize, example: Box<Gap> },
    #[error("AWS STS does not accept the session policy that narrows the audit role")]
    SessionPolicyRefused(Box<Gap>),
    #[error("the listener of the collection went away")]
    ListenerGone,
}
