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
    #[error("failed to start the threads that make the calls")]
    Workers(#[source] std::io::Error),
    #[error("the listener of the collection went away")]
    ListenerGone,
}

impl CollectError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotAdministrator { .. } => {
                "run from the management account or a delegated administrator, name a role there with --organization-role-arn, or name accounts with --accounts".to_owned()
            }
            Self::UnknownAccount { suggestion: Some(nearest), .. } => format!("did you mean {nearest}?"),
            Self::UnknownAccount { suggestion: None, .. } => {
                "`aws organizations list-accounts` lists the accounts".to_owned()
            }
            Self::UnknownOrganizationalUnit(_) => "name an OU by id (ou-...) or by path (Workloads/Payments)".to_owned(),
            Self::OrganizationalUnitsUnreadable { cause, .. } => {
                format!("{}, or name the OU by its id (ou-...), or accounts with --accounts", cause.hint())
            }
            Self::NothingInScope => "--accounts, --exclude-accounts and --ou together leave nothing".to_owned(),
            Self::OrganizationRole(gap) | Self::OrganizationUnreadable(gap) => gap.hint(),
            Self::RoleRefusedEverywhere { .. } => {
                "name the audit role with --role-name, with its path if it has one; it must trust this caller".to_owned()
            }
            Self::SessionPolicyRefused(_) => {
                "the role's own tags or managed session policies leave no room: use a role without session tags".to_owned()
            }
            Self::Workers(_) | Self::ListenerGone | Self::Interrupted => return None,
        })
    }
}
