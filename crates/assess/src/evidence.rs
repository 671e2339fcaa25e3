//! A repository's own policy as a reader wants to see it: what in it decides, and how it would be repaired.

use jiff::Timestamp;
use scangap_model::{AuditFacts, CellFacts, CellOutcome, RepositoryFacts, Verdict};
use scangap_policy::{Context, PolicyDocument, REPOSITORY_ACTIONS, decide, exempt};

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

/// `None` where the repository's own policy was not read, is none, or lets Inspector through.
pub fn policy_evidence(facts: &AuditFacts, repository: &RepositoryFacts, as_of: Timestamp) -> Option<PolicyEvidence> {
    let text = repository.policy.known().and_then(|hash| facts.policies.get(hash))?;
    let document = PolicyDocument::parse(text).ok()?;
    let (account, region) = (repository.account, &repository.region);
    let request = policies::request(facts, account, region, Some(&repository.name), &repository.tags, as_of);
    let context = Context::new(&request);
    let decisions = REPOSITORY_ACTIONS.iter().map(|&action| decide(&[&document], action, &context));
    let mut indices: Vec<usize> = decisions
        .filter(|decision| decision.verdict != Verdict::Allowed)
        .flat_map(|decision| decision.statements.into_iter().map(|statement| statement.index))
        .collect();
    indices.sort_unstable();
    indices.dedup();
    if indices.is_empty() {
        return None;
    }
    let spans = indices.iter().filter_map(|&index| document.statements().get(index)).map(|statement| statement.span);
    let responsible = spans.collect();
    Some(PolicyEvidence {
        text: text.clone(),
        responsible,
        statements: indices,
        repaired: exempt(text, REPOSITORY_ACTIONS, &request).map_err(|error| error.to_string()),
    })
}

/// What the policies together would decide about a repository if its own had this text.
pub fn verdict_with_policy(facts: &AuditFacts, repository: &RepositoryFacts, text: &str, as_of: Timestamp) -> Verdict {
    let unasked;
    let (account, region) = (repository.account, &repository.region);
    let cell = if let Some(cell) = facts.cells.get(&(account, region.clone())) {
        cell
    } else {
        unasked = CellFacts::unasked(account, region.clone(), CellOutcome::NotReached);
        &unasked
    };
    let registry =
        cell.registry_policy.known().and_then(|hash| Some((hash.clone(), facts.policies.get(hash)?.clone())));
    let policies = policies::parse_all(&registry.into_iter().collect());
    let Ok(own) = PolicyDocument::parse(text) else { return Verdict::Unknown };
    let request = policies::request(facts, account, region, Some(&repository.name), &repository.tags, as_of);
    repository::judge(&policies, &Found::Document(&own), cell, &request).verdict
}
