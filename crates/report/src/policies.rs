//! Policies that keep Inspector out, or may: each text once an account, however many repositories carry it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use scangap_assess::{PolicyAssessment, PolicyEvidence, RepositoryAssessment, policy_evidence};
use scangap_model::{AccountFacts, AccountId, Diagnosis, PolicyHash, RepositoryFacts, Verdict};

use crate::input::Input;

/// A repair is for the role of one account, so a text that stands in two accounts is two rows.
pub(crate) type PolicyKey = (AccountId, PolicyHash);

/// One text in one account. Its evidence is made where it is shown: the texts are many.
#[derive(Debug, Clone)]
pub(crate) struct PolicyGroup {
    pub(crate) key: PolicyKey,
    /// The first repository that carries it, by its place among all.
    pub(crate) first: usize,
    pub(crate) example: RepositoryFacts,
    pub(crate) repositories: usize,
    /// The worst diagnosis among its repositories.
    pub(crate) worst: Diagnosis,
    pub(crate) assessment: Arc<PolicyAssessment>,
}

impl PolicyGroup {
    pub(crate) fn evidence(&self, input: &Input<'_>) -> Option<PolicyEvidence> {
        policy_evidence(input.facts, &self.example, input.as_of)
    }
}

/// A policy with what a row says of it.
#[derive(Debug, Clone)]
pub(crate) struct PolicyRow<'a> {
    pub(crate) group: &'a PolicyGroup,
    pub(crate) account: Option<&'a AccountFacts>,
    pub(crate) evidence: Option<PolicyEvidence>,
    pub(crate) simulated: bool,
}

/// Whether the policies of a repository keep Inspector out, or may.
pub(crate) fn stands_in_the_way(assessment: &RepositoryAssessment) -> bool {
    matches!(assessment.policy.verdict, Verdict::Denied | Verdict::Depends)
}

/// In the order of the first repository that carries each.
pub(crate) fn groups(input: &Input<'_>) -> io::Result<Vec<PolicyGroup>> {
    let mut groups: Vec<PolicyGroup> = Vec::new();
    // `None`: the registry's policy alone is in the way, the repository's own is not to blame.
    let mut places: BTreeMap<PolicyKey, Option<usize>> = BTreeMap::new();
    if !input.assessment.repositories.iter().any(stands_in_the_way) {
        return Ok(groups);
    }
    for (at, row) in input.repositories().enumerate() {
        let row = row?;
        if !stands_in_the_way(row.assessment) {
            continue;
        }
        let Some(hash) = row.repository.policy.known() else { continue };
        let key = (row.repository.account, hash.clone());
        if let Some(place) = places.get(&key) {
            if let Some(group) = place.and_then(|place| groups.get_mut(place)) {
                group.repositories += 1;
                group.worst = group.worst.min(row.assessment.diagnosis);
            }
            continue;
        }
        if policy_evidence(input.facts, &row.repository, input.as_of).is_none() {
            places.insert(key, None);
            continue;
        }
        places.insert(key.clone(), Some(groups.len()));
        groups.push(PolicyGroup {
            key,
            first: at,
            example: row.repository,
            repositories: 1,
            worst: row.assessment.diagnosis,
            assessment: Arc::clone(&row.assessment.policy),
        });
    }
    Ok(groups)
}
