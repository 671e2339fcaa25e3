//! From a scenario to the state at its beginning.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use scangap_model::{AccountId, Partition, REGIONS, RegionName, inspector_role_arn};

use super::state::{Account, Coverage, Finding, Image, RegistryState, Repository, RolePolicies, Rule, Template, World};
use crate::scenario::{
    CoverageSpec, ImageSpec, PolicySpec, RegistrySpec, RepositorySpec, RolePolicySpec, Scenario, ScenarioError,
};
use crate::services::{Trust, read_identity};
use crate::truth::{Judge, PolicyTruth, Standing, Truth};

/// Policies are stored as text; the truth about each text is listed as it is placed.
struct Builder<'a> {
    scenario: &'a Scenario,
    policies: BTreeMap<&'a str, &'a PolicySpec>,
    truth: PolicyTruth,
    clock: Timestamp,
}

impl World {
    pub(crate) fn build(scenario: &Scenario, judge: Option<Judge>, wall: Timestamp) -> Result<Self, ScenarioError> {
        let stated =
            scenario.clock.as_ref().map(|clock| clock.parse().map_err(|_| ScenarioError::Clock(clock.clone())));
        let clock = stated.transpose()?.unwrap_or(wall);
        let id = |text: &str| text.parse::<AccountId>().map_err(|_| ScenarioError::AccountId(text.to_owned()));
        let mut builder = Builder {
            scenario,
            policies: scenario.policies.iter().map(|policy| (policy.name.as_str(), policy)).collect(),
            truth: PolicyTruth::new(judge),
            clock,
        };
        let ahead = SignedDuration::from_secs(scenario.organization.clock_ahead_seconds);
        let wall = wall.saturating_add(ahead).unwrap_or(wall);
        let mut accounts = BTreeMap::new();
        for spec in &scenario.accounts {
            let account = id(&spec.id)?;
            let mut registries = BTreeMap::new();
            for registry in &spec.registries {
                let region: RegionName =
                    registry.region.parse().map_err(|_| ScenarioError::Region(registry.region.clone()))?;
                let built = builder.registry(account, &region, registry);
                registries.insert(region, built);
            }
            let roles: BTreeSet<String> = if let Some(roles) = &spec.roles {
                roles.iter().cloned().collect()
            } else {
                let with_policies = scenario.role_policies.iter().map(|one| one.role.clone());
                with_policies.chain([scenario.organization.audit_role.clone()]).collect()
            };
            let regions = enabled_regions(scenario, &spec.opt_in_regions)?;
            accounts.insert(
                account,
                Account {
                    name: spec.name.clone(),
                    ou: spec.ou.clone(),
                    state: spec.state.clone(),
                    roles,
                    external_id: spec.external_id.clone(),
                    regions,
                    inspector_member: spec.inspector_member,
                    inspector_policy: spec.inspector_policy,
                    inspector_role: spec.inspector_role.clone(),
                    registries,
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
            truth: builder.truth,
            sessions: HashMap::new(),
            delays: scenario.delays,
            losses: Vec::new(),
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

impl Builder<'_> {
    fn policy(&mut self, name: Option<&String>, account: AccountId, region: &RegionName) -> Option<(String, Truth)> {
        let spec = self.policies.get(name?.as_str())?;
        let partition = Partition::of_region(region.as_str());
        let text = spec
            .text
            .replace("{{account}}", account.as_str())
            .replace("{{region}}", region.as_str())
            .replace("{{organization}}", &self.scenario.organization.id)
            .replace("{{inspector_role}}", &inspector_role_arn(partition, account));
        let truth = Truth { inspector: spec.inspector, auditor: spec.auditor, writer: spec.writer };
        self.truth.list(&text, truth);
        Some((text, truth))
    }

    fn registry(&mut self, account: AccountId, region: &RegionName, spec: &RegistrySpec) -> RegistryState {
        // Every policy of the scenario is listed for this place, so that a test can set any of them later.
        let names: Vec<String> = self.policies.keys().map(|name| (*name).to_owned()).collect();
        for name in &names {
            self.policy(Some(name), account, region);
        }
        let templates = spec
            .templates
            .iter()
            .map(|template| Template {
                prefix: template.prefix.clone(),
                policy: template
                    .policy_text
                    .clone()
                    .or_else(|| self.policy(template.policy.as_ref(), account, region).map(|(text, _)| text)),
            })
            .collect();
        let mut registry = RegistryState {
            ecr_scanning: spec.ecr_scanning.clone(),
            hidden_change: None,
            ec2_scanning: spec.ec2_scanning,
            scan_type: spec.scan_type.clone(),
            rules: spec
                .rules
                .iter()
                .map(|rule| Rule { frequency: rule.frequency.clone(), filters: rule.filters.clone() })
                .collect(),
            registry_policy: self.policy(spec.registry_policy.as_ref(), account, region).map(|(text, _)| text),
            registry_policy_scope: spec.registry_policy_scope.clone(),
            templates,
            repositories: BTreeMap::new(),
            orphaned_coverage: spec.orphaned_coverage.clone(),
            suppression_rules: spec.suppression_rules.clone(),
            rescan_duration: spec.rescan_duration.clone(),
            pull_date_rescan_duration: spec.pull_date_rescan_duration.clone(),
            pull_date_rescan_mode: spec.pull_date_rescan_mode.clone(),
        };
        let registry_denies = spec.registry_policy_scope == "V2"
            && self
                .policy(spec.registry_policy.as_ref(), account, region)
                .is_some_and(|(_, truth)| truth.inspector == Standing::Denied);
        if spec.registry_policy_text.is_some() {
            registry.registry_policy.clone_from(&spec.registry_policy_text);
        }
        for repository in &spec.repositories {
            let built = self.repository(account, region, &registry, registry_denies, repository);
            registry.repositories.insert(repository.name.clone(), built);
        }
        registry
    }

    fn repository(
        &mut self,
        account: AccountId,
        region: &RegionName,
        registry: &RegistryState,
        registry_denies: bool,
        spec: &RepositorySpec,
    ) -> Repository {
        let policy = self.policy(spec.policy.as_ref(), account, region);
        let denied = registry_denies || policy.as_ref().is_some_and(|(_, truth)| truth.inspector == Standing::Denied);
        let scanned_at = self.clock.saturating_sub(SignedDuration::from_hours(6)).unwrap_or(self.clock);
        let stated = |spec: &CoverageSpec| {
            (spec.status != "none").then(|| Coverage {
                status: spec.status.clone(),
                reason: spec.reason.clone(),
                last_scanned_at: (spec.status == "ACTIVE").then_some(scanned_at),
            })
        };
        let scanning = registry.ecr_scanning == "ENABLED"
            && registry.scan_type == "ENHANCED"
            && registry.frequency(&spec.name) != "MANUAL";
        let has_image = spec.images.iter().any(|image| image.status == "ACTIVE");
        let coverage = match &spec.coverage {
            Some(given) => stated(given),
            None if !scanning => None,
            None if denied => Some(Coverage::denied()),
            None if has_image => Some(Coverage::active(scanned_at)),
            None => None,
        };
        let images = spec
            .images
            .iter()
            .flat_map(|image| (0..image.copies.max(1)).map(move |copy| (copy, image)))
            .enumerate()
            .map(|(i, (copy, image))| {
                let covered = match &image.coverage {
                    Some(given) => stated(given),
                    None if image.index => Some(Coverage::of_index()),
                    None => coverage.clone().filter(|coverage| coverage.status == "ACTIVE" && image.status == "ACTIVE"),
                };
                Image {
                    digest: image
                        .digest
                        .clone()
                        .filter(|_| copy == 0)
                        .unwrap_or_else(|| digest(account, region, &spec.name, u64::try_from(i).unwrap_or(0))),
                    pushed_at: self.pushed_at(image),
                    status: image.status.clone(),
                    vulnerabilities: image.findings,
                    // What was never scanned has no findings.
                    findings: match covered {
                        Some(_) => self.findings(account, region, &format!("{}/{i}", spec.name), image),
                        None => Vec::new(),
                    },
                    lasting: covered.clone().filter(Coverage::lasts),
                    coverage: covered,
                    index: image.index,
                    in_use: image.in_use,
                }
            })
            .collect();
        Repository {
            created_at: self.clock.saturating_sub(SignedDuration::from_hours(24 * 90)).unwrap_or(self.clock),
            policy: spec.policy_text.clone().or_else(|| policy.as_ref().map(|(text, _)| text.clone())),
            effective: spec.policy_text.clone().or_else(|| policy.map(|(text, _)| text)),
            tags: spec.tags.clone(),
            images,
            lasting: coverage.clone().filter(Coverage::lasts),
            coverage,
            sticky: spec.sticky,
        }
    }
}

impl Builder<'_> {
    fn pushed_at(&self, image: &ImageSpec) -> Timestamp {
        let exact = image.pushed_at.as_ref().and_then(|text| text.parse().ok());
        let ago = SignedDuration::from_hours(24 * i64::from(image.pushed_days_ago));
        exact.unwrap_or_else(|| self.clock.saturating_sub(ago).unwrap_or(self.clock))
    }

    /// What scans found in an image up to now, the first on the day it was pushed.
    fn findings(&self, account: AccountId, region: &RegionName, place: &str, image: &ImageSpec) -> Vec<Finding> {
        let since = self.pushed_at(image);
        [("ACTIVE", image.findings), ("SUPPRESSED", image.suppressed), ("CLOSED", image.closed)]
            .into_iter()
            .flat_map(|(status, count)| findings(account, region, &format!("{place}/{status}"), count, status, since))
            .collect()
    }
}

/// So many findings of one image, of one status. The place tells them from others.
pub(crate) fn findings(
    account: AccountId,
    region: &RegionName,
    place: &str,
    count: u32,
    status: &'static str,
    since: Timestamp,
) -> Vec<Finding> {
    let arn = |number: u32| {
        let digest = digest_of(&format!("{account}/{region}/{place}/{number}"));
        let id: String = digest.chars().skip("sha256:".len()).take(32).collect();
        format!("arn:aws:inspector2:{region}:{account}:finding/{id}")
    };
    (0..count)
        .zip(["CRITICAL", "HIGH", "MEDIUM", "LOW"].into_iter().cycle())
        .map(|(number, severity)| Finding { arn: arn(number), severity, status, first_observed_at: since })
        .collect()
}

/// A digest that looks like one and is the same in every run.
fn digest(account: AccountId, region: &RegionName, repository: &str, image: u64) -> String {
    digest_of(&format!("{account}/{region}/{repository}/{image}"))
}

pub(crate) fn digest_of(text: &str) -> String {
    use sha2::{Digest, Sha256};
    use std::fmt::Write;
    Sha256::digest(text).iter().fold("sha256:".to_owned(), |mut digest, byte| {
        let _ = write!(digest, "{byte:02x}");
        digest
    })
}
