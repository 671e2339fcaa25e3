//! Policies by hash, parsed once each, and the questions asked of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rayon::prelude::*;
use scangap_model::{
    AccountFacts, AccountId, Api, Asked, AuditFacts, Cause, Gap, GapKind, Observed, PolicyHash, RegionName,
    RegistryFacts, RepositoryName, ServiceLinkedRole,
};
use scangap_policy::{Caller, Organization, PolicyDocument, Request, RoleIdentity, SyntaxError, Tags};

pub(crate) type Policies<'t> = BTreeMap<PolicyHash, Policy<'t>>;

/// A text that was read, once.
#[derive(Debug)]
pub(crate) struct Policy<'t> {
    text: &'t str,
    pub(crate) parsed: Result<PolicyDocument, SyntaxError>,
    /// Whether two repositories of one registry may be decided differently by it: it may name resources, tags or variables.
    pub(crate) varies: bool,
}

pub(crate) fn parse_all(texts: &BTreeMap<PolicyHash, String>) -> Policies<'_> {
    texts
        .par_iter()
        .map(|(hash, text)| (hash.clone(), Policy { text, parsed: PolicyDocument::parse(text), varies: varies(text) }))
        .collect()
}

/// By the text, and never wrongly `false`: an escape could hide any word, so a backslash counts.
fn varies(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ["resource", "tag", "$", "\\"].iter().any(|word| lower.contains(word))
}

/// A policy as a judge meets it.
pub(crate) enum Found<'a> {
    None,
    Document(&'a PolicyDocument, &'a str),
    /// It could not be read, or what was read is no policy.
    Unread,
}

pub(crate) fn find<'a>(policies: &'a Policies<'_>, fact: &Observed<PolicyHash>) -> Found<'a> {
    match fact {
        Observed::Absent => Found::None,
        Observed::Unknown(_) => Found::Unread,
        Observed::Known(hash) => match policies.get(hash) {
            Some(Policy { parsed: Ok(document), text, .. }) => Found::Document(document, text),
            Some(Policy { parsed: Err(_), .. }) | None => Found::Unread,
        },
    }
}

/// A text that AWS returned and that is no policy: what it decides is not known.
pub(crate) fn malformed(
    policies: &Policies<'_>,
    hash: &PolicyHash,
    api: Api,
    registry: (AccountId, &RegionName),
    resource: &str,
) -> Option<Gap> {
    let error = policies.get(hash)?.parsed.as_ref().err()?;
    Some(Gap {
        api,
        account: Some(registry.0),
        region: Some(registry.1.clone()),
        resource: resource.to_owned(),
        kind: GapKind::MalformedAnswer,
        code: "MalformedPolicyDocument".to_owned(),
        cause: Cause::NotStated,
        policy_arn: String::new(),
        message: error.to_string(),
        attempts: 1,
    })
}

/// How a registry policy counts.
///
/// AWS: under V1 only replication, pull-through and creation are enforced; under V2 every request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    V1,
    V2,
    /// Not read, not set, or a word not known here: it decides only where V2 would make a difference.
    Unknown,
}

pub(crate) fn scope(registry: &RegistryFacts) -> Scope {
    match registry.registry_policy_scope.known().map(String::as_str) {
        Some("V1") => Scope::V1,
        Some("V2") => Scope::V2,
        Some(_) | None => Scope::Unknown,
    }
}

/// The request that Inspector makes of a repository, with what is known of its context.
pub fn request(
    facts: &AuditFacts,
    account: AccountId,
    region: &RegionName,
    repository: Option<&RepositoryName>,
    tags: &Asked<BTreeMap<String, String>>,
    as_of: Timestamp,
) -> Request {
    let account_facts: Option<&AccountFacts> = facts.accounts.get(&account);
    let own = account == facts.organization.caller_account;
    let listed = account_facts.is_some_and(|account| account.state.known().is_some());
    Request {
        partition: facts.organization.partition,
        account,
        region: region.clone(),
        repository: repository.cloned(),
        // The organization's id is the caller's. Another account is in it only if the organization lists it: accounts
        // named by hand may be anyone's.
        organization: match &facts.organization.id {
            Observed::Known(id) if own || listed => Organization::Member {
                id: id.to_string(),
                path: account_facts.and_then(|account| account.organization_path.known().cloned()),
            },
            Observed::Absent if own => Organization::None,
            Observed::Known(_) | Observed::Absent | Observed::Unknown(_) => Organization::Unknown,
        },
        tags: tags.known().cloned().map_or(Tags::Unknown, Tags::Known),
        inspector_role: role_identity(account_facts.map(|account| &account.inspector_role)),
        principal: Caller::Inspector,
        as_of,
        stated: BTreeMap::new(),
    }
}

/// What the role that calls is. Where there is none, the one that Inspector would make has no tags, and an id of its own.
fn role_identity(role: Option<&Asked<ServiceLinkedRole>>) -> RoleIdentity {
    match role {
        Some(Asked::Answered(Observed::Known(role))) => {
            RoleIdentity { id: Some(role.id.clone()), tags: Tags::Known(role.tags.clone()) }
        }
        Some(Asked::Answered(Observed::Absent)) => RoleIdentity { id: None, tags: Tags::Known(BTreeMap::new()) },
        Some(Asked::Answered(Observed::Unknown(_)) | Asked::NotNeeded) | None => RoleIdentity::UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::varies;

    #[test]
    fn a_policy_varies_where_a_repository_may_make_a_difference() {
        let plain = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"}}}}"#;
        assert!(!varies(plain));
        for varying in [
            r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"StringEquals":{"aws:resourcetag/team":"a"}}}}"#,
            r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"StringEquals":{"aws:userid":"${aws:username}"}}}}"#,
            r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","\u0052esource":"x"}}"#,
        ] {
            assert!(varies(varying), "{varying}");
        }
    }
}
