//! Who a statement speaks of, and whether Inspector's role is among them.

use crate::context::Request;
use crate::document::Selection;
use crate::truth::Truth;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PrincipalType {
    Aws,
    Service,
    Federated,
    CanonicalUser,
}

impl PrincipalType {
    pub(crate) fn from_key(key: &str) -> Option<Self> {
        match key {
            "AWS" => Some(Self::Aws),
            "Service" => Some(Self::Service),
            "Federated" => Some(Self::Federated),
            "CanonicalUser" => Some(Self::CanonicalUser),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    pub(crate) kind: PrincipalType,
    pub(crate) text: String,
}

/// What a principal element is to Inspector's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Everyone,
    /// The account as a whole.
    Account,
    Role,
    /// One session of the role: its name is random, so it can be neither listed nor met.
    Session,
    Other,
}

fn relation(principal: &Principal, request: &Request) -> Relation {
    // Inspector calls as an IAM role, not as the service principal `inspector2.amazonaws.com`.
    if principal.kind != PrincipalType::Aws {
        return Relation::Other;
    }
    let text = principal.text.as_str();
    let account = request.account;
    let partition = request.partition;
    if text == "*" {
        Relation::Everyone
    } else if text == account.to_string() || text == format!("arn:{partition}:iam::{account}:root") {
        Relation::Account
    } else if text == request.principal_arn() {
        Relation::Role
    } else if text.starts_with(&format!("arn:{partition}:sts::{account}:assumed-role/{}/", request.role_name())) {
        Relation::Session
    } else {
        // Unique ids (AROA..., AIDA...) stand for deleted principals: a role that exists is shown by its ARN.
        Relation::Other
    }
}

pub(crate) fn matches(principals: &Selection<Principal>, request: &Request) -> Truth {
    let relations: Vec<Relation> = principals.items.iter().map(|principal| relation(principal, request)).collect();
    let has = |wanted: Relation| relations.contains(&wanted);
    if !principals.negated {
        return Truth::of(has(Relation::Everyone) || has(Relation::Account) || has(Relation::Role));
    }
    if principals.items.is_empty() {
        return Truth::unknown("NotPrincipal");
    }
    // AWS: "NotPrincipal": the account, the role and the session may each be checked; naming only some of them is
    // documented to behave in ways that cannot be told from the policy.
    if has(Relation::Everyone) {
        Truth::False
    } else if has(Relation::Account) || has(Relation::Role) || has(Relation::Session) {
        Truth::unknown("NotPrincipal")
    } else {
        Truth::True
    }
}
