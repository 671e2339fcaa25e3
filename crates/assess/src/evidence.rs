//! A repository's own policy as a reader wants to see it: what in it decides, and how it would be repaired.

use jiff::Timestamp;
use scangap_model::{
    AccountId, Asked, AuditFacts, RegionName, RegistryFacts, RegistryOutcome, RepositoryFacts, Verdict,
};
use scangap_policy::{
    Action, Context, INSPECTOR_ACTIONS, PolicyDocument, REPOSITORY_ACTIONS, Request, decide, exempt, verdicts,
};

use crate::policies::{self, Found};
use crate::repository;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyEvidence {
    pub text: String,
    /// The places of the statements that deny Inspector, or may, from 0.
    pub statements: Vec<usize>,
    /// The bytes of the statements that deny Inspector, or may, in the text.
    pub responsible: Vec<(usize, usize)>,
    /// The repaired text, or why there is none.
    pub repaired: Result<String, String>,
}

/// `None` where the repository's own policy was not read, is none, or lets Inspector through. A text that is no policy is
/// evidence too.
pub fn policy_evidence(facts: &AuditFacts, repository: &RepositoryFacts, as_of: Timestamp) -> Option<PolicyEvidence> {
    let text = repository.policy.known().and_then(|hash| facts.policies.get(hash))?;
    let (account, region) = (repository.account, &repository.region);
    let request = policies::request(facts, account, region, Some(&repository.name), &repository.tags, as_of);
    evidence(text, REPOSITORY_ACTIONS, &request)
}

fn evidence(text: &str, actions: &[Action], request: &Request) -> Option<PolicyEvidence> {
    let document = match PolicyDocument::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let repaired = Err(format!("it is no policy: {error}"));
            return Some(PolicyEvidence {
                text: text.to_owned(),
                statements: Vec::new(),
                responsible: Vec::new(),
                repaired,
            });
        }
    };
    let context = Context::new(request);
    let decisions = actions.iter().map(|&action| decide(&[&document], action, &context));
    let mut statements: Vec<usize> = decisions
        .filter(|decision| decision.verdict != Verdict::Allowed)
        .flat_map(|decision| decision.statements.into_iter().map(|statement| statement.index))
        .collect();
    statements.sort_unstable();
    statements.dedup();
    if statements.is_empty() {
        return None;
    }
    let spans = statements.iter().filter_map(|&index| document.statements().get(index));
    let responsible = spans.map(|statement| statement.span).collect();
    let repaired = exempt(text, actions, request).map_err(|error| error.to_string());
    Some(PolicyEvidence { text: text.to_owned(), statements, responsible, repaired })
}

/// The registry's policy of an account in a region, the same way: over all of Inspector's actions, the registry's own too.
pub fn registry_policy_evidence(
    facts: &AuditFacts,
    account: AccountId,
    region: &RegionName,
    example: Option<&RepositoryFacts>,
    as_of: Timestamp,
) -> Option<PolicyEvidence> {
    let registry = facts.registry(&(account, region.clone()))?;
    let text = registry.registry_policy.known().and_then(|hash| facts.policies.get(hash))?;
    let tags = example.map_or(&Asked::NotNeeded, |repository| &repository.tags);
    let name = example.map(|repository| &repository.name);
    evidence(text, INSPECTOR_ACTIONS, &policies::request(facts, account, region, name, tags, as_of))
}

/// What a repository policy of this text decides alone. `None`: it is no policy.
pub fn verdict_of_text(text: &str, request: &Request) -> Option<Verdict> {
    let document = PolicyDocument::parse(text).ok()?;
    Some(verdicts(&[&document], &Context::new(request)).fold(REPOSITORY_ACTIONS))
}

/// What the policies together would decide about a repository if its own had this text.
pub fn verdict_with_policy(facts: &AuditFacts, repository: &RepositoryFacts, text: &str, as_of: Timestamp) -> Verdict {
    let unasked;
    let (account, region) = (repository.account, &repository.region);
    let registry = if let Some(registry) = facts.registry(&(account, region.clone())) {
        registry
    } else {
        unasked = RegistryFacts::unasked(account, region.clone(), RegistryOutcome::NotReached);
        &unasked
    };
    let registry_policy =
        registry.registry_policy.known().and_then(|hash| Some((hash.clone(), facts.policies.get(hash)?.clone())));
    let registry_policy = registry_policy.into_iter().collect();
    let policies = policies::parse_all(&registry_policy);
    let Ok(own) = PolicyDocument::parse(text) else { return Verdict::Unknown };
    let request = policies::request(facts, account, region, Some(&repository.name), &repository.tags, as_of);
    repository::judge(&policies, &Found::Document(&own, text), registry, &request, REPOSITORY_ACTIONS).verdict
}
