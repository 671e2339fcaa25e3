//! Evaluates `Principal` and `NotPrincipal`: whether the statement covers the request's principal.

use crate::context::Context;
use crate::element::Selection;
use crate::outcome::Kleene;

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

    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Service => "Service",
            Self::Federated => "Federated",
            Self::CanonicalUser => "CanonicalUser",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    pub(crate) kind: PrincipalType,
    pub(crate) text: Box<str>,
}

/// The relation of a principal element to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Everyone,
    /// The account as a whole.
    Account,
    Caller,
    /// Perhaps the caller: a role whose name is not known.
    Perhaps,
    /// One session of the role: a name that can be neither listed beforehand nor met.
    Session,
    Other,
}

fn relation(principal: &Principal, context: &Context<'_>) -> Relation {
    let text = &*principal.text;
    let caller = &context.principal;
    let is = |known: &Option<String>| known.as_deref() == Some(text);
    match principal.kind {
        PrincipalType::Aws if text == "*" => Relation::Everyone,
        PrincipalType::Aws if is(&caller.arn) => Relation::Caller,
        PrincipalType::Aws if is(&caller.account) || is(&caller.root_arn) => Relation::Account,
        PrincipalType::Aws if caller.session_prefix.as_deref().is_some_and(|prefix| text.starts_with(prefix)) => {
            Relation::Session
        }
        PrincipalType::Service if is(&caller.service) => Relation::Caller,
        PrincipalType::Aws if caller.roles_prefix.as_deref().is_some_and(|prefix| text.starts_with(prefix)) => {
            Relation::Perhaps
        }
        PrincipalType::Aws if context.has_unique_id(text) => Relation::Caller,
        // Inspector calls as an IAM role, not as the service principal `inspector2.amazonaws.com`. Unique ids (AROA...,
        // AIDA...) stand for deleted principals, unless they are the caller's own.
        _ => Relation::Other,
    }
}

pub(crate) fn matches(principals: &Selection<Principal>, context: &Context<'_>) -> Kleene {
    let (mut everyone, mut account, mut caller, mut perhaps, mut session) = (false, false, false, false, false);
    for principal in &principals.items {
        match relation(principal, context) {
            Relation::Everyone => everyone = true,
            Relation::Account => account = true,
            Relation::Caller => caller = true,
            Relation::Perhaps => perhaps = true,
            Relation::Session => session = true,
            Relation::Other => {}
        }
    }
    if !principals.negated {
        return if everyone || account || caller {
            Kleene::Yes
        } else if perhaps {
            Kleene::Open
        } else {
            Kleene::No
        };
    }
    if principals.items.is_empty() {
        return Kleene::Open;
    }
    let whole = context.principal.service.is_some() || context.principal.arn == context.principal.root_arn;
    // AWS: "NotPrincipal": the account, the role and the session may each be checked; naming only some of them is
    // documented to behave in ways that cannot be told from the policy.
    if everyone || (whole && caller) {
        Kleene::No
    } else if account || caller || perhaps || session {
        Kleene::Open
    } else {
        Kleene::Yes
    }
}
