//! From a scenario to the state at its beginning.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use scangap_model::{AccountId, Partition, REGIONS, RegionName};

use super::maker::Maker;
use super::organization::{Account, RolePolicies, World};
use super::registries::Registries;
use crate::policies::{PolicyTruth, StatedPolicies};
use crate::scenario::{RolePolicySpec, Scenario, ScenarioError};
use crate::services::{Trust, read_identity};
use crate::truth::Judge;

impl World {
    pub(crate) fn build(mut scenario: Scenario, judge: Option<Judge>, wall: Timestamp) -> Result<Self, ScenarioError> {
        let stated =
            scenario.clock.as_ref().map(|clock| clock.parse().map_err(|_| ScenarioError::Clock(clock.clone())));
        let clock = stated.transpose()?.unwrap_or(wall);
        let id = |text: &str| text.parse::<AccountId>().map_err(|_| ScenarioError::AccountId(text.to_owned()));
        let policies = Arc::new(StatedPolicies::of(&scenario));
        let ahead = SignedDuration::from_secs(scenario.organization.clock_ahead_seconds);
        let wall = wall.saturating_add(ahead).unwrap_or(wall);
        let mut accounts = BTreeMap::new();
        for spec in std::mem::take(&mut scenario.accounts) {
            let roles: BTreeSet<String> = if let Some(roles) = spec.roles {
                roles.into_iter().collect()
            } else {
                let with_policies = scenario.role_policies.iter().map(|one| one.role.clone());
                with_policies.chain([scenario.organization.audit_role.clone()]).collect()
            };
            let regions = enabled_regions(&scenario, &spec.opt_in_regions)?;
            accounts.insert(
                id(&spec.id)?,
                Account {
                    name: spec.name,
                    ou: spec.ou,
                    state: spec.state,
                    roles,
                    external_id: spec.external_id,
                    regions,
                    inspector_member: spec.inspector_member,
                    inspector_policy: spec.inspector_policy,
                    inspector_role: spec.inspector_role,
                    registries: Registries::of(spec.registries, spec.generated)?,
                },
            );
        }
        let organization = &scenario.organization.id;
        let allowed = |whose: &str, text: &str| {
            read_identity(text, organization).ok_or_else(|| ScenarioError::NotAnAllowList(whose.to_owned()))
        };
        let mut role_policies = BTreeMap::new();
        for RolePolicySpec { role, policy, trust } in &scenario.role_policies {
            let trust = trust.as_deref().map(|text| {
                Trust::read(text).ok_or_else(|| ScenarioError::NotAnAllowList(format!("the trust policy of {role}")))
            });
            let allowed = allowed(role, policy)?;
            role_policies.insert(role.clone(), RolePolicies { allowed, trust: trust.transpose()? });
        }
        let caller_policy = scenario.organization.caller_policy.as_deref();
        let caller_policy = caller_policy.map(|text| allowed("the caller", text)).transpose()?;
        Ok(Self {
            role_policies,
            caller_policy,
            organization: scenario.organization.clone(),
            management: id(&scenario.organization.management_account)?,
            inspector_admin: scenario.organization.inspector_administrator.as_deref().map(id).transpose()?,
            ous: scenario.organizational_units.clone(),
            accounts,
            maker: Maker { policies: Arc::clone(&policies), clock },
            truth: PolicyTruth::new(policies, judge),
            sessions: HashMap::new(),
            delays: scenario.delays,
            losses: Vec::new(),
            security_hub: BTreeMap::new(),
            reports: Vec::new(),
            wall,
            clock,
            started: Instant::now(),
            due: Vec::new(),
        })
    }
}

fn enabled_regions(scenario: &Scenario, opt_in: &[String]) -> Result<BTreeSet<RegionName>, ScenarioError> {
    let base: Vec<&str> = match &scenario.organization.regions {
        Some(regions) => regions.iter().map(String::as_str).collect(),
        None => REGIONS.iter().filter(|r| r.default_enabled && r.partition == Partition::Aws).map(|r| r.name).collect(),
    };
    base.into_iter()
        .chain(opt_in.iter().map(String::as_str))
        .map(|name| name.parse().map_err(|_| ScenarioError::Region(name.to_owned())))
        .collect()
}
