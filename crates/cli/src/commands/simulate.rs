//! `scangap simulate`: the simulated organization, served until interrupted.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use scangap_assess::verdict_of_text;
use scangap_model::{Partition, Verdict};
use scangap_policy::{Caller, Organization as InOrganization, Request, RoleIdentity, Tags};
use scangap_simorg::scenario::{AccountSpec, RolePolicySpec};
use scangap_simorg::{
    CALLS_KEPT, Generate, Judge, Quarters, Question, Scenario, Simulator, SimulatorOptions, Standing,
};

use crate::args::{Organization, Simulate};
use crate::environment;
use crate::error::CliError;
use crate::exit::Exit;
use crate::session;
use crate::terminal;
use crate::values::BadValue;

pub(super) fn run(command: &Simulate) -> Result<Exit, CliError> {
    if command.print_scenario {
        terminal::out(scangap_simorg::scenario::DEMO);
        return Ok(Exit::Finished);
    }
    let mut scenario = scenario(&command.organization)?;
    // The simulation starts at the current time, so that audits use the same clock.
    scenario.clock = Some(environment::now().to_string());
    limit(&mut scenario, command)?;
    let management = scenario.organization.management_account.clone();
    let name = scenario.organization.id.clone();
    let simulator = start(scenario, command.port, environment::now())?;
    let url = simulator.url();
    let words = format!(
        "export AWS_ENDPOINT_URL={url} AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY=simulated AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1\n",
        Simulator::access_key(&management)
    );
    // A reader of these words may send a signal at once: it is listened for by then.
    session::interruptible(None, |cancel| async move {
        terminal::out(&words);
        terminal::note(&format!(
            "Simulated organization {name} at {url}, until Ctrl-C; calls so far: {url}/_simorg/calls"
        ));
        terminal::note("Policies that the scenario does not list are judged by scangap's own policy evaluator.");
        cancel.cancelled().await;
    })?;
    drop(simulator);
    Ok(Exit::Finished)
}

/// Puts the policies in the scenario that roles and the caller are tried with.
fn limit(scenario: &mut Scenario, command: &Simulate) -> Result<(), CliError> {
    let text = |path: &Path| {
        fs_err::read_to_string(path).map_err(|source| CliError::PolicyFile { path: path.to_owned(), source })
    };
    for (role, path) in &command.role_policy {
        let trust = command.trust_policy.iter().find(|(name, _)| name == role);
        let trust = trust.map(|(_, path)| text(Path::new(path))).transpose()?;
        let policy = text(Path::new(path))?;
        let role = role.trim_start_matches('/').to_owned();
        scenario.role_policies.push(RolePolicySpec { role, policy, trust });
    }
    if let Some((role, _)) =
        command.trust_policy.iter().find(|(role, _)| !command.role_policy.iter().any(|(name, _)| name == role))
    {
        return Err(BadValue::new(role, "a role of --role-policy", "name the role's policy too").into());
    }
    if let Some(path) = &command.caller_policy {
        scenario.organization.caller_policy = Some(text(path)?);
    }
    Ok(())
}

pub(super) fn scenario(organization: &Organization) -> Result<Scenario, CliError> {
    if let Some(path) = &organization.scenario {
        let text =
            fs_err::read_to_string(path).map_err(|source| CliError::ScenarioFile { path: path.clone(), source })?;
        return Scenario::parse(&text).map_err(|source| CliError::Scenario { path: path.clone(), source });
    }
    let Organization { repositories, seed, .. } = *organization;
    match (organization.accounts, organization.quarter) {
        (Some(accounts), Some(quarter)) => Ok(Quarters { accounts, repositories, seed }.scenario(usize::from(quarter))),
        (Some(accounts), None) => {
            Ok(Generate { accounts, regions: organization.regions, repositories, seed }.outline())
        }
        (None, _) => {
            Scenario::demo().map_err(|source| CliError::Scenario { path: "the demo organization".into(), source })
        }
    }
}

pub(super) fn start(scenario: Scenario, port: u16, now: Timestamp) -> Result<Simulator, CliError> {
    let organization = scenario.organization.id.clone();
    let roles: BTreeMap<String, RoleIdentity> =
        scenario.accounts.iter().map(|account| (account.id.clone(), inspector_role(account))).collect();
    let judge = Judge(Arc::new(move |question: &Question<'_>| judge(question, &organization, &roles, now)));
    start_with(scenario, port, now, judge)
}

pub(super) fn start_with(scenario: Scenario, port: u16, now: Timestamp, judge: Judge) -> Result<Simulator, CliError> {
    Simulator::start(SimulatorOptions { scenario, judge: Some(judge), now, port, calls_kept: CALLS_KEPT })
        .map_err(CliError::Simulator)
}

/// An account without the role has no role id to deny: Inspector would scan with a role that it creates.
fn inspector_role(account: &AccountSpec) -> RoleIdentity {
    let role = &account.inspector_role;
    RoleIdentity { id: role.exists.then(|| role.id_in(&account.id)), tags: Tags::Known(role.tags.clone()) }
}

/// What scangap's own evaluator says of a text that the scenario does not list.
fn judge(
    question: &Question<'_>,
    organization: &str,
    roles: &BTreeMap<String, RoleIdentity>,
    as_of: Timestamp,
) -> Option<Standing> {
    let request = Request {
        partition: Partition::of_region(question.region.as_str()),
        account: question.account,
        region: question.region.clone(),
        repository: question.repository.parse().ok(),
        organization: InOrganization::Member { id: organization.to_owned(), path: None },
        tags: Tags::Unknown,
        inspector_role: roles.get(question.account.as_str()).cloned().unwrap_or(RoleIdentity::UNKNOWN),
        principal: Caller::Inspector,
        as_of,
        stated: BTreeMap::new(),
    };
    match verdict_of_text(question.policy, &request)? {
        Verdict::Allowed => Some(Standing::Allowed),
        Verdict::Denied => Some(Standing::Denied),
        Verdict::Depends | Verdict::Unknown => None,
    }
}
