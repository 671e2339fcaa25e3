//! Policies that keep Inspector out, or may: each text once where it is repaired, however many repositories it hits. A
//! repository's own text is repaired with the role of one account; a registry's text is in one account and region.

use std::collections::BTreeMap;
use std::io;

use scangap_assess::{PolicyEvidence, RepositoryAssessment, policy_evidence, registry_policy_evidence};
use scangap_model::{AccountFacts, AccountId, Diagnosis, PolicyHash, RegionName, RepositoryFacts, Verdict};

use crate::input::{Input, RepositoryRow};

/// Where a text is, and so where its repair is made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PolicyKey {
    pub(crate) account: AccountId,
    pub(crate) hash: PolicyHash,
    /// The region of the registry that has it; `None`: repositories of the account have it.
    pub(crate) registry: Option<RegionName>,
}

impl PolicyKey {
    /// The repository's own text, where it is to blame, or is no policy.
    pub(crate) fn own(row: &RepositoryRow<'_>) -> Option<Self> {
        let to_blame = row.assessment.policy.own_is_responsible || row.assessment.malformed;
        let hash = row.repository.policy.known().filter(|_| to_blame)?;
        Some(Self { account: row.repository.account, hash: hash.clone(), registry: None })
    }

    /// The registry's text, where it is to blame.
    pub(crate) fn registry(row: &RepositoryRow<'_>) -> Option<Self> {
        let hash = row.registry?.registry_policy.known().filter(|_| row.assessment.policy.registry_is_responsible)?;
        let registry = Some(row.repository.region.clone());
        Some(Self { account: row.repository.account, hash: hash.clone(), registry })
    }
}

/// One text. Its evidence is made where it is shown: the texts are many.
#[derive(Debug, Clone)]
pub(crate) struct PolicyGroup {
    pub(crate) key: PolicyKey,
    /// The first repository that it hits. A registry's text may hit none, and be there all the same.
    pub(crate) first: Option<RepositoryFacts>,
    pub(crate) repositories: usize,
    /// The worst diagnosis among its repositories.
    pub(crate) worst: Option<Diagnosis>,
    pub(crate) verdict: Verdict,
    pub(crate) responsible_statements: Vec<String>,
}

impl PolicyGroup {
    pub(crate) fn evidence(&self, input: &Input<'_>) -> Option<PolicyEvidence> {
        let example = self.first.as_ref();
        match &self.key.registry {
            None => policy_evidence(input.facts, example?, input.as_of),
            Some(region) => registry_policy_evidence(input.facts, self.key.account, region, example, input.as_of),
        }
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

/// Whether the policies of a repository keep Inspector out, or may, or its own cannot be read as one.
fn blocks_inspector(assessment: &RepositoryAssessment) -> bool {
    assessment.malformed || matches!(assessment.policy.verdict, Verdict::Denied | Verdict::Depends)
}

/// In the order of the first repository that each hits; registries that hit none come last.
pub(crate) fn groups(input: &Input<'_>) -> io::Result<(Vec<PolicyGroup>, BTreeMap<PolicyKey, usize>)> {
    let mut groups = Groups::default();
    if input.assessment.repositories.iter().any(blocks_inspector) {
        for row in input.repositories() {
            let row = row?;
            if blocks_inspector(row.assessment) {
                groups.add(PolicyKey::own(&row), &row, "repository policy: ");
                groups.add(PolicyKey::registry(&row), &row, "registry policy: ");
            }
        }
    }
    // A registry's policy may deny what is asked of the registry itself, with no repository in its way. One that was read
    // and decides nothing is no policy.
    for row in input.registries() {
        let verdict = row.assessment.registry_verdict.filter(|verdict| *verdict != Verdict::Allowed);
        let (Some(verdict), Some(hash)) = (verdict, row.registry.registry_policy.known()) else { continue };
        let key = PolicyKey {
            account: row.registry.account,
            hash: hash.clone(),
            registry: Some(row.registry.region.clone()),
        };
        let place = groups.places.get(&key).copied();
        if let Some(group) = place.and_then(|place| groups.groups.get_mut(place)) {
            group.verdict = Verdict::fold([group.verdict, verdict]);
            continue;
        }
        groups.places.insert(key.clone(), groups.groups.len());
        groups.groups.push(PolicyGroup {
            key,
            first: None,
            repositories: 0,
            worst: None,
            verdict,
            responsible_statements: Vec::new(),
        });
    }
    Ok((groups.groups, groups.places))
}

#[derive(Default)]
struct Groups {
    groups: Vec<PolicyGroup>,
    places: BTreeMap<PolicyKey, usize>,
}

impl Groups {
    fn add(&mut self, key: Option<PolicyKey>, row: &RepositoryRow<'_>, label: &str) {
        let Some(key) = key else { return };
        let (diagnosis, policy) = (row.assessment.diagnosis, &row.assessment.policy);
        let place = *self.places.entry(key.clone()).or_insert(self.groups.len());
        if place == self.groups.len() {
            self.groups.push(PolicyGroup {
                key,
                first: Some(row.repository.clone()),
                repositories: 0,
                worst: None,
                verdict: policy.verdict,
                responsible_statements: Vec::new(),
            });
        }
        let Some(group) = self.groups.get_mut(place) else { return };
        group.repositories += 1;
        group.worst = group.worst.into_iter().chain([diagnosis]).min();
        group.verdict = Verdict::fold([group.verdict, policy.verdict]);
        for statement in policy.responsible_statements.iter().filter(|statement| statement.starts_with(label)) {
            if !group.responsible_statements.contains(statement) {
                group.responsible_statements.push(statement.clone());
            }
        }
    }
}
