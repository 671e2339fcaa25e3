//! From a snapshot to a question: the policies as they were read, and what is known of their context.

use std::path::Path;

use scangap_assess::{AskedPolicy, Participation, PolicyQuestion, inspector_request};
use scangap_model::{Asked, Observed};
use scangap_policy::PolicyKind;
use scangap_snapshot::Snapshot;

use super::ask;
use crate::args::Explain;
use crate::error::CliError;
use crate::file_in::file_in;

const REPOSITORY_UNREAD: &str = "the repository policy could not be read";
const REGISTRY_UNREAD: &str = "the registry policy could not be read, and may count";
const BOTH_UNREAD: &str = "the repository policy could not be read, nor the registry policy, which may count";

/// The question, and whether the snapshot is of a simulated organization.
pub(super) fn question(command: &Explain, path: &Path) -> Result<(PolicyQuestion, bool), CliError> {
    // What is explained must be what was audited.
    let path = &file_in(path, "snapshot.db");
    let hash = Snapshot::hash_facts(path).map_err(CliError::Snapshot)?;
    if hash.stored.is_some_and(|stored| stored != hash.computed) {
        return Err(CliError::Tampered(path.to_owned()));
    }
    let snapshot = Snapshot::open(path).map_err(CliError::Snapshot)?;
    let asked = ask::request(command)?;
    let facts = &snapshot.facts;
    let name = command.repository.clone().unwrap_or_default();
    let missing = || CliError::NoPolicy(name.clone());
    let found = snapshot.repositories.find(asked.account, &asked.region, &name).map_err(CliError::Snapshot)?;
    let found = found.ok_or_else(missing)?;
    let text_of = |hash| facts.policies.get(hash).cloned();
    let actions = ask::actions(command)?;
    let mut policies = Vec::new();
    let mut unread = None;
    match &found.policy {
        Observed::Known(hash) => {
            let policy = ask::policy(PolicyKind::Repository, path, text_of(hash).ok_or_else(missing)?)?;
            policies.push(AskedPolicy { stored: true, ..policy });
        }
        // No policy is normal: what counts then is the registry's.
        Observed::Absent => {}
        Observed::Unknown(_) => unread = Some(REPOSITORY_UNREAD),
    }
    if let Some(registry) = facts.registry(&(asked.account, asked.region.clone())) {
        let scope = registry.registry_policy_scope.known().map(String::as_str);
        match (scope, &registry.registry_policy) {
            (_, Asked::Answered(Observed::Absent)) => {}
            (_, Asked::Answered(Observed::Known(hash))) => {
                let mut policy = ask::policy(PolicyKind::Registry, path, text_of(hash).ok_or_else(missing)?)?;
                policy.stored = true;
                policy.counts = Participation::in_scope(scope);
                policies.push(policy);
            }
            // AWS: under V1 a registry policy does nothing to Inspector.
            (Some("V1"), _) if actions.iter().all(|action| !action.is_enforced_under_v1()) => {}
            (_, Asked::NotNeeded | Asked::Answered(Observed::Unknown(_))) => {
                unread = Some(if unread.is_some() { BOTH_UNREAD } else { REGISTRY_UNREAD });
            }
        }
    } else {
        unread = Some(if unread.is_some() { BOTH_UNREAD } else { REGISTRY_UNREAD });
    }
    // The report's own request, so that what is explained here is what is decided there.
    let as_of = command.as_of.unwrap_or(snapshot.meta.as_of);
    let mut request = inspector_request(facts, asked.account, &asked.region, Some(&found.name), &found.tags, as_of);
    request.principal = asked.principal;
    ask::state(command, &mut request)?;
    // Accounts that the organization listed have a state.
    let listed = facts.accounts.iter().filter(|(_, account)| account.state.known().is_some());
    let members = listed.map(|(id, _)| *id).collect::<std::collections::BTreeSet<_>>();
    let members = (!members.is_empty()).then_some(members);
    Ok((PolicyQuestion { request, policies, actions, unread, members }, snapshot.meta.simulated))
}
