//! Whether the role that is to change a policy gets through the policies as they are.

use std::collections::BTreeMap;

use scangap_model::{AccountId, Partition, PolicyHash, RegistryFacts, Verdict};
use scangap_policy::{Action, Caller, PolicyDocument, Request};

use crate::policies::{self, Found};
use crate::repository;

/// What the policies say to a change of one of them by the write role, whose own policies are taken to allow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteAccess {
    pub verdict: Verdict,
    pub responsible_statements: Vec<String>,
    pub depends_on: Vec<String>,
}

/// The write role of an account, by its name with or without its path. Without a name: any role there.
pub fn write_role(partition: Partition, account: AccountId, name: Option<&str>) -> Caller {
    match name {
        Some(name) => Caller::Role {
            account,
            arn: format!("arn:{partition}:iam::{account}:role/{}", name.trim_start_matches('/')),
        },
        None => Caller::SomeRole { account },
    }
}

/// `ecr:SetRepositoryPolicy` by the request's principal on a repository whose policy has this text, beside the registry's
/// policy of the registry. `texts` holds that one.
pub fn write_access(
    request: &Request,
    own: &str,
    registry: &RegistryFacts,
    texts: &BTreeMap<PolicyHash, String>,
) -> WriteAccess {
    let registry_policy =
        registry.registry_policy.known().and_then(|hash| Some((hash.clone(), texts.get(hash)?.clone())));
    let registry_policy = registry_policy.into_iter().collect();
    let policies = policies::parse_all(&registry_policy);
    let document = PolicyDocument::parse(own);
    let found = document.as_ref().map_or(Found::Unread, |document| Found::Document(document, own));
    let judged = repository::judge(&policies, &found, registry, request, &[Action::SetRepositoryPolicy]);
    WriteAccess {
        verdict: judged.verdict,
        responsible_statements: judged.responsible_statements,
        depends_on: judged.depends_on,
    }
}
