//! Makes registries as they are at the beginning, from what the scenario says of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use scangap_model::{AccountId, RegionName};

use super::state::{Coverage, Finding, Image, RegistryState, Repository, Rule, Template};
use crate::policies::StatedPolicies;
use crate::scenario::{CoverageSpec, ImageSpec, RegistrySpec, RepositorySpec};
use crate::truth::{Standing, Truth};

#[derive(Debug)]
pub(crate) struct Maker {
    pub(super) policies: Arc<StatedPolicies>,
    pub(super) clock: Timestamp,
}

impl Maker {
    fn policy(&self, name: Option<&String>, account: AccountId, region: &RegionName) -> Option<(String, Truth)> {
        self.policies.at(name?, account, region)
    }

    pub(super) fn registry(&self, account: AccountId, region: &RegionName, spec: &RegistrySpec) -> RegistryState {
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
        &self,
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

impl Maker {
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
