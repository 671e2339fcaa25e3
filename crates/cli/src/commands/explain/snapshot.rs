//! From a snapshot to a question: the policies as they were read, and what is known of their context.

use std::path::Path;

use scangap_model::{Asked, Observed};
use scangap_policy::{Organization, PolicyKind, Tags};
use scangap_snapshot::Snapshot;

use super::super::audit::time;
use super::ask;
use super::question::Question;
use crate::args::Explain;
use crate::error::CliError;

pub(super) fn question(command: &Explain, path: &Path) -> Result<Question, CliError> {
    let snapshot = Snapshot::open(path).map_err(CliError::Snapshot)?;
    let mut request = ask::request(command)?;
    let facts = &snapshot.facts;
    let name = command.repository.clone().unwrap_or_default();
    let missing = || CliError::NoPolicy(name.clone());
    let found = facts
        .repositories
        .iter()
        .find(|repository| {
            repository.account == request.account
                && repository.region == request.region
                && repository.name.as_str() == name
        })
        .ok_or_else(missing)?;
    let text_of = |hash| facts.policies.get(hash).cloned();
    let own = found.policy.known().and_then(text_of).ok_or_else(missing)?;
    let mut policies = vec![ask::policy(PolicyKind::Repository, path, own)?];
    let cell = facts.cells.get(&(request.account, request.region.clone()));
    let scope = cell.and_then(|cell| cell.registry_policy_scope.known()).map(String::as_str);
    let registry = cell.map(|cell| &cell.registry_policy);
    let unread = match (scope, registry) {
        (Some("V1"), _) | (_, Some(Asked::Answered(Observed::Absent))) => false,
        (Some("V2"), Some(Asked::Answered(Observed::Known(hash)))) => {
            policies.push(ask::policy(PolicyKind::Registry, path, text_of(hash).ok_or_else(missing)?)?);
            false
        }
        _ => true,
    };
    let organization_path =
        facts.accounts.get(&request.account).and_then(|account| account.organization_path.known().cloned());
    if let (Some(id), Some(_)) = (facts.organization.id.known(), &organization_path) {
        request.organization = Organization::Member { id: id.to_string(), path: organization_path };
    }
    request.tags = found.tags.known().cloned().map_or(Tags::Unknown, Tags::Known);
    request.as_of = time(command.as_of.as_ref(), snapshot.meta.as_of)?;
    ask::state(command, &mut request)?;
    // Accounts that the organization listed have a state.
    let listed = facts.accounts.iter().filter(|(_, account)| account.state.known().is_some());
    let members = listed.map(|(id, _)| *id).collect::<std::collections::BTreeSet<_>>();
    Ok(Question {
        request,
        policies,
        actions: ask::actions(command)?,
        unread,
        members: (!members.is_empty()).then_some(members),
    })
}
