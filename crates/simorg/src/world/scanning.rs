//! What Inspector does in the simulated organization: scans after pushes, and what a disable and enable destroys.

use jiff::{SignedDuration, Timestamp};
use scangap_model::{AccountId, RegionName};

use super::maker::findings;
use super::organization::World;
use super::state::{Coverage, Image, Loss, RegistryState, Transition};
use crate::truth::{Question, Standing, Truth};

/// AWS: on activation, images pushed in the last 14 days are eligible.
const ELIGIBLE_DAYS: i64 = 14;

impl Coverage {
    pub(crate) fn active(at: Timestamp) -> Self {
        Self { status: "ACTIVE".to_owned(), reason: "SUCCESSFUL".to_owned(), last_scanned_at: Some(at) }
    }

    pub(crate) fn denied() -> Self {
        Self::inactive("ACCESS_DENIED")
    }

    /// Whether the reason lies in the resource, and not in when or whether Inspector looked.
    pub(crate) fn lasts(&self) -> bool {
        let passing =
            ["SUCCESSFUL", "ACCESS_DENIED", "SCAN_ELIGIBILITY_EXPIRED", "SCAN_FREQUENCY_MANUAL", "INTERNAL_ERROR"];
        self.status != "ACTIVE" && !passing.contains(&self.reason.as_str()) && !self.reason.starts_with("PENDING")
    }

    /// AWS: Inspector does not scan a manifest list, but the images that it names.
    pub(crate) fn of_index() -> Self {
        Self::inactive("UNSUPPORTED_MEDIA_TYPE")
    }

    fn inactive(reason: &str) -> Self {
        Self { status: "INACTIVE".to_owned(), reason: reason.to_owned(), last_scanned_at: None }
    }
}

impl RegistryState {
    /// AWS: "Filters for image scanning": a filter without `*` matches any name that contains it; with `*` it is
    /// anchored at both ends; CONTINUOUS wins over `SCAN_ON_PUSH`.
    pub(crate) fn frequency(&self, repository: &str) -> &'static str {
        let hit = |frequency: &str| {
            self.rules.iter().filter(|rule| rule.frequency == frequency).flat_map(|rule| &rule.filters).any(|filter| {
                if filter.contains('*') { glob(filter, repository) } else { repository.contains(filter.as_str()) }
            })
        };
        if hit("CONTINUOUS_SCAN") {
            "CONTINUOUS_SCAN"
        } else if hit("SCAN_ON_PUSH") {
            "SCAN_ON_PUSH"
        } else {
            "MANUAL"
        }
    }
}

impl Image {
    /// A first scan: everything it finds is new.
    fn scanned(&mut self, (account, region, repository): (AccountId, &RegionName, &str), now: Timestamp) {
        let place = format!("{repository}/{}/{now}", self.digest);
        self.findings = findings(account, region, &place, self.vulnerabilities, "ACTIVE", now);
        self.coverage = Some(Coverage::active(now));
    }
}

/// `*` only. Recursive on the pieces between stars: filters are short.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text
            .strip_prefix(head)
            .is_some_and(|tail| (0..=tail.len()).filter_map(|at| tail.get(at..)).any(|tail| glob(rest, tail))),
    }
}

impl World {
    /// Whether the policies allow Inspector to read a repository now. `None`: undecided (recorded as unjudged).
    fn inspector_standing(&mut self, account: AccountId, region: &RegionName, repository: &str) -> Option<Standing> {
        let registry = self.registry_ref(account, region)?;
        let registry_policy = registry.registry_policy.clone().filter(|_| registry.registry_policy_scope == "V2");
        let own = registry.repositories.get(repository)?.effective.clone();
        let mut standing = Standing::Allowed;
        for policy in [registry_policy, own].into_iter().flatten() {
            let truth = self.truth.about(&Question { policy: &policy, account, region, repository })?;
            if truth.inspector == Standing::Denied {
                standing = Standing::Denied;
            }
        }
        Some(standing)
    }

    /// Whether the auditor may read a repository: its own policy and, under scope V2, the registry's.
    pub(crate) fn auditor_standing(&mut self, account: AccountId, region: &RegionName, repository: &str) -> Standing {
        self.standing(account, region, repository, |truth| truth.auditor)
    }

    /// Whether the write role may change the repository's policy.
    pub(crate) fn writer_standing(&mut self, account: AccountId, region: &RegionName, repository: &str) -> Standing {
        self.standing(account, region, repository, |truth| truth.writer)
    }

    fn standing(
        &mut self,
        account: AccountId,
        region: &RegionName,
        repository: &str,
        of: fn(&Truth) -> Standing,
    ) -> Standing {
        let Some(registry) = self.registry_ref(account, region) else { return Standing::Allowed };
        let registry_policy = registry.registry_policy.clone().filter(|_| registry.registry_policy_scope == "V2");
        let own = registry.repositories.get(repository).and_then(|repository| repository.policy.clone());
        let policies: Vec<String> = [registry_policy, own].into_iter().flatten().collect();
        let mut denied = false;
        for policy in policies {
            let truth = self.truth.about(&Question { policy: &policy, account, region, repository });
            denied |= truth.is_some_and(|truth| of(&truth) == Standing::Denied);
        }
        if denied { Standing::Denied } else { Standing::Allowed }
    }

    pub(super) fn apply(&mut self, transition: &Transition) {
        match transition {
            Transition::PolicySpread { account, region, repository } => {
                if let Some(found) =
                    self.registry(*account, region).and_then(|registry| registry.repositories.get_mut(repository))
                {
                    found.effective.clone_from(&found.policy);
                }
            }
            Transition::Scanned { account, region, repository } => self.scan(*account, region, repository),
            Transition::Disabled { account, region } => self.disabled(*account, region),
            Transition::Enabled { account, region } => self.enabled(*account, region),
        }
    }

    /// After a push: the repository is scanned, unless its status is stuck or the policy still denies.
    fn scan(&mut self, account: AccountId, region: &RegionName, repository: &str) {
        let Some(standing) = self.inspector_standing(account, region, repository) else { return };
        let now = self.now();
        let Some(registry) = self.registry(account, region) else { return };
        let scanning = registry.ecr_scanning == "ENABLED"
            && registry.scan_type == "ENHANCED"
            && registry.frequency(repository) != "MANUAL";
        let Some(found) = registry.repositories.get_mut(repository).filter(|_| scanning) else { return };
        let stuck = found.sticky && found.coverage.as_ref().is_some_and(|coverage| coverage.reason == "ACCESS_DENIED");
        if standing == Standing::Denied {
            // An image that was being scanned stays as it is; a new repository shows the refusal.
            found.coverage = Some(Coverage::denied());
        } else if !stuck {
            found.coverage = Some(found.lasting.clone().unwrap_or_else(|| Coverage::active(now)));
            for image in found.images.iter_mut().filter(|image| image.status == "ACTIVE" && image.coverage.is_none()) {
                image.scanned((account, region, repository), now);
            }
        }
    }

    /// AWS: "Deactivating a scan type": findings are lost, and the registry goes from ENHANCED to BASIC. Where it was the
    /// only scan type, everything of Inspector goes: settings and suppression rules too.
    fn disabled(&mut self, account: AccountId, region: &RegionName) {
        if !self.delays.lost_first {
            self.lose(account, region);
        }
        let Some(registry) = self.registry(account, region) else { return };
        "DISABLED".clone_into(&mut registry.ecr_scanning);
        registry.hidden_change = None;
    }

    pub(crate) fn lose(&mut self, account: AccountId, region: &RegionName) {
        let rules_survive = self.organization.rules_survive_disable;
        let Some(registry) = self.registry(account, region) else { return };
        let (mut findings, mut images) = (0, 0);
        for repository in registry.repositories.values_mut() {
            repository.coverage = None;
            for image in &mut repository.images {
                images += u64::from(image.coverage.take().is_some_and(|coverage| coverage.status == "ACTIVE"));
                findings += image.findings.len() as u64;
                image.findings.clear();
            }
        }
        "BASIC".clone_into(&mut registry.scan_type);
        if !rules_survive {
            registry.rules.clear();
        }
        if !registry.ec2_scanning {
            registry.suppression_rules.clear();
            "DAYS_14".clone_into(&mut registry.rescan_duration);
        }
        self.losses.push(Loss { account, region: region.clone(), findings, images });
    }

    /// What an enable writes where it finds no rules.
    pub(crate) fn write_rules(&mut self, account: AccountId, region: &RegionName) {
        if let Some(registry) = self.registry(account, region) {
            registry.rules =
                vec![super::Rule { frequency: "CONTINUOUS_SCAN".to_owned(), filters: vec!["*".to_owned()] }];
        }
    }

    /// AWS: "Scanning Amazon ECR container images": everything eligible is scanned anew; older images expire at once.
    fn enabled(&mut self, account: AccountId, region: &RegionName) {
        let now = self.now();
        let names: Vec<String> = {
            let Some(registry) = self.registry(account, region) else { return };
            "ENABLED".clone_into(&mut registry.ecr_scanning);
            registry.hidden_change = None;
            "ENHANCED".clone_into(&mut registry.scan_type);
            if registry.rules.is_empty() {
                registry
                    .rules
                    .push(super::Rule { frequency: "CONTINUOUS_SCAN".to_owned(), filters: vec!["*".to_owned()] });
            }
            registry.repositories.keys().cloned().collect()
        };
        for name in names {
            let Some(standing) = self.inspector_standing(account, region, &name) else { continue };
            let Some(found) = self.registry(account, region).and_then(|registry| registry.repositories.get_mut(&name))
            else {
                continue;
            };
            if standing == Standing::Denied {
                found.coverage = Some(Coverage::denied());
                continue;
            }
            found.sticky = false;
            let mut any = false;
            for image in found.images.iter_mut().filter(|image| image.status == "ACTIVE") {
                any = true;
                if let Some(lasting) = &image.lasting {
                    image.coverage = Some(lasting.clone());
                    continue;
                }
                let fresh = now.duration_since(image.pushed_at) <= SignedDuration::from_hours(24 * ELIGIBLE_DAYS);
                if fresh {
                    image.scanned((account, region, &name), now);
                } else {
                    image.coverage = Some(Coverage::inactive("SCAN_ELIGIBILITY_EXPIRED"));
                }
            }
            found.coverage = found.lasting.clone().or_else(|| any.then(|| Coverage::active(now)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Rule;

    #[test]
    fn filters_without_a_star_match_any_name_that_contains_them() {
        let registry = |filter: &str| RegistryState {
            rules: vec![Rule { frequency: "SCAN_ON_PUSH".into(), filters: vec![filter.into()] }],
            ..RegistryState::default()
        };
        assert_eq!(registry("prod").frequency("my-prod-app"), "SCAN_ON_PUSH");
        assert_eq!(registry("prod*").frequency("my-prod-app"), "MANUAL");
        assert_eq!(registry("*prod*app").frequency("my-prod-app"), "SCAN_ON_PUSH");
        assert_eq!(registry("x").frequency("my-prod-app"), "MANUAL");
    }
}
