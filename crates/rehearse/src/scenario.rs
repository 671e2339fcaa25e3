//! A scenario from the facts of an audit: the user's own organization, simulated, as far as it was read. What could not be
//! read stays unreadable; what was not asked is filled in and does not decide anything.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use scangap_model::{
    AccountFacts, AccountId, AccountOutcome, Asked, AuditFacts, CoverageRow, CoverageSource, CoveredImage, ImagesOf,
    Observed, PolicyHash, RecordError, RegionName, RegistryFacts, RegistryOutcome, Repositories, RepositoryRecord,
    RescanDurations, ResyncFacts, ServiceLinkedRole,
};

use scangap_simorg::Standing;
use scangap_simorg::scenario::{
    AccountSpec, CoverageSpec, DelaySpec, ImageSpec, LatencySpec, OrganizationSpec, OuSpec, PolicySpec, RegistrySpec,
    RepositorySpec, RoleSpec, RuleSpec, Scenario, TemplateSpec,
};

/// Images of one status and reason in one repository, at most: more of them would tell a rehearsal nothing more.
const COPIES_MAX: u64 = 100;

/// The role that reads and writes in every account of a copy.
const ROLE: &str = "scangap-rehearsal";

/// The organization of a snapshot. `resyncs`: what was counted for some of its registries.
pub(crate) fn scenario(
    facts: &AuditFacts,
    repositories: &dyn Repositories,
    resyncs: &[ResyncFacts],
    as_of: Timestamp,
) -> Result<Scenario, RecordError> {
    let mut copy = Copy::new(facts, resyncs);
    let mut registries: BTreeMap<(AccountId, RegionName), Vec<RepositorySpec>> = BTreeMap::new();
    for record in repositories.records(0..repositories.count()?) {
        let record = record?;
        let key = (record.facts.account, record.facts.region.clone());
        let spec = copy.repository(&record);
        registries.entry(key).or_default().push(spec);
    }
    let management = facts.organization.management_account.known().copied();
    let management = management.unwrap_or(facts.organization.caller_account);
    let administrator = facts.organization.inspector_admin.known().copied();
    let mut accounts: Vec<AccountSpec> =
        facts.accounts.values().map(|account| copy.account(account, &mut registries)).collect();
    // The management account and Inspector's delegated administrator, if they are out of scope.
    for id in [Some(management), administrator].into_iter().flatten() {
        if !facts.accounts.contains_key(&id) {
            accounts.push(out_of_scope(id, facts));
        }
    }
    let (root, organizational_units) = units(facts);
    Ok(Scenario {
        schema: 1,
        clock: Some(as_of.to_string()),
        role_policies: Vec::new(),
        organization: OrganizationSpec {
            caller_policy: None,
            id: facts.organization.id.known().map_or_else(|| "o-rehearsal".to_owned(), ToString::to_string),
            root,
            management_account: management.to_string(),
            inspector_administrator: administrator.map(|id| id.to_string()),
            audit_role: ROLE.to_owned(),
            regions: Some(Vec::new()),
            session_seconds: None,
            no_session_expiration: false,
            session_end_told_later_seconds: 0,
            clock_ahead_seconds: 0,
            no_date: false,
            rules_survive_disable: false,
            enable_writes_rules: false,
            report_buckets: None,
            inspector_regions: None,
            no_security_hub: Vec::new(),
            no_auto_enable: no_auto_enable(facts),
            not_implemented: Vec::new(),
        },
        organizational_units,
        policies: copy.policies,
        accounts,
        limits: Vec::new(),
        faults: Vec::new(),
        latency: LatencySpec::default(),
        delays: DelaySpec::default(),
    })
}

/// What was not asked decides nothing: the role is there, without tags.
fn inspector_role(fact: &Asked<ServiceLinkedRole>) -> RoleSpec {
    match fact {
        Asked::Answered(Observed::Known(role)) => RoleSpec {
            exists: true,
            id: Some(role.id.clone()),
            tags: role.tags.clone(),
            last_used_at: role.last_used_at.map(|time| time.to_string()),
        },
        Asked::Answered(Observed::Absent) => RoleSpec { exists: false, ..RoleSpec::default() },
        Asked::Answered(Observed::Unknown(_)) | Asked::NotNeeded => RoleSpec::default(),
    }
}

fn no_auto_enable(facts: &AuditFacts) -> Vec<String> {
    let off = facts.registries.values().filter(|registry| registry.auto_enable.known() == Some(&false));
    let regions: BTreeSet<String> = off.map(|registry| registry.region.to_string()).collect();
    regions.into_iter().collect()
}

fn out_of_scope(id: AccountId, facts: &AuditFacts) -> AccountSpec {
    let regions: BTreeSet<String> = facts.registries.keys().map(|(_, region)| region.to_string()).collect();
    AccountSpec {
        id: id.to_string(),
        name: "out of scope".to_owned(),
        ou: None,
        state: "ACTIVE".to_owned(),
        roles: Some(vec![ROLE.to_owned()]),
        external_id: None,
        opt_in_regions: regions.into_iter().collect(),
        inspector_member: false,
        inspector_policy: false,
        inspector_role: RoleSpec::default(),
        registries: Vec::new(),
        generated: None,
    }
}

/// The root and the OUs, from the paths of accounts: ids from one, names from the other.
fn units(facts: &AuditFacts) -> (String, Vec<OuSpec>) {
    let mut root = "r-exam".to_owned();
    let mut units: BTreeMap<String, OuSpec> = BTreeMap::new();
    for account in facts.accounts.values() {
        let Some(path) = account.organization_path.known() else { continue };
        let mut ids = path.split('/').filter(|id| !id.is_empty()).skip(1);
        if let Some(id) = ids.next() {
            id.clone_into(&mut root);
        }
        let names = account.ou_path.known().cloned().unwrap_or_default();
        let mut names = names.split('/');
        let mut parent: Option<String> = None;
        for id in ids {
            let name = names.next().filter(|name| !name.is_empty()).unwrap_or(id).to_owned();
            units.entry(id.to_owned()).or_insert_with(|| OuSpec { id: id.to_owned(), name, parent: parent.clone() });
            parent = Some(id.to_owned());
        }
    }
    (root, units.into_values().collect())
}

struct Copy<'a> {
    facts: &'a AuditFacts,
    resyncs: BTreeMap<(AccountId, RegionName), &'a ResyncFacts>,
    /// Counted images by registry and repository.
    images: BTreeMap<(AccountId, RegionName, &'a str), Vec<&'a CoveredImage>>,
    /// Findings by registry and repository: active, suppressed, and others.
    findings: BTreeMap<(AccountId, RegionName, &'a str), [u64; 3]>,
    /// Stand-ins for policies that were not read.
    policies: Vec<PolicySpec>,
}

impl<'a> Copy<'a> {
    fn new(facts: &'a AuditFacts, resyncs: &'a [ResyncFacts]) -> Self {
        let mut copy = Self {
            facts,
            resyncs: BTreeMap::new(),
            images: BTreeMap::new(),
            findings: BTreeMap::new(),
            policies: Vec::new(),
        };
        for registry in resyncs {
            let key = (registry.account, registry.region.clone());
            for image in registry.images.known().into_iter().flatten() {
                copy.images.entry((key.0, key.1.clone(), image.repository.as_str())).or_default().push(image);
            }
            for one in registry.findings.known().into_iter().flatten() {
                let counts = copy.findings.entry((key.0, key.1.clone(), one.repository.as_str())).or_default();
                let [active, suppressed, others] = counts;
                let of = match one.status.as_str() {
                    "ACTIVE" => active,
                    "SUPPRESSED" => suppressed,
                    _ => others,
                };
                *of += one.count;
            }
            copy.resyncs.insert(key, registry);
        }
        copy
    }

    fn text(&self, hash: Option<&PolicyHash>) -> Option<String> {
        self.facts.policies.get(hash?).cloned()
    }

    fn resync(&self, account: AccountId, region: &RegionName) -> Option<&'a ResyncFacts> {
        self.resyncs.get(&(account, region.clone())).copied()
    }

    /// The registries of an account: they stand together.
    fn registries(&self, account: AccountId) -> impl Iterator<Item = &'a RegistryFacts> {
        let from = self.facts.registries.range(first_of(account)..);
        from.take_while(move |((of, _), _)| *of == account).map(|(_, registry)| registry)
    }

    fn account(
        &mut self,
        account: &AccountFacts,
        repositories: &mut BTreeMap<(AccountId, RegionName), Vec<RepositorySpec>>,
    ) -> AccountSpec {
        let readable = matches!(account.outcome, AccountOutcome::Read { .. });
        let own = || self.registries(account.id);
        let enabled =
            own().filter(|registry| matches!(registry.outcome, RegistryOutcome::Read | RegistryOutcome::Unreadable(_)));
        let asked_itself =
            own().any(|registry| registry.coverage.known().is_some_and(|source| *source == CoverageSource::Account));
        let governed = own().any(|registry| {
            self.resync(registry.account, &registry.region)
                .is_some_and(|facts| facts.organization_policy.known().is_some())
        });
        let enabled: Vec<String> = enabled.map(|registry| registry.region.to_string()).collect();
        let registries: Vec<RegistrySpec> = own()
            .filter_map(|registry| {
                // A registry that could not be read has what the administrator saw of it, and cannot be read here either.
                let found = repositories.remove(&(registry.account, registry.region.clone()));
                let read = matches!(registry.outcome, RegistryOutcome::Read);
                (read || found.is_some()).then(|| self.registry(registry, found.unwrap_or_default()))
            })
            .collect();
        let path = account.organization_path.known().cloned().unwrap_or_default();
        AccountSpec {
            id: account.id.to_string(),
            name: account.name.known().cloned().unwrap_or_default(),
            ou: path.split('/').rfind(|id| id.starts_with("ou-")).map(str::to_owned),
            state: account.state.known().cloned().unwrap_or_else(|| "ACTIVE".to_owned()),
            roles: Some(if readable { vec![ROLE.to_owned()] } else { Vec::new() }),
            external_id: None,
            registries,
            generated: None,
            opt_in_regions: enabled,
            inspector_member: !asked_itself,
            inspector_policy: governed,
            inspector_role: inspector_role(&account.inspector_role),
        }
    }

    fn registry(&self, registry: &RegistryFacts, mut repositories: Vec<RepositorySpec>) -> RegistrySpec {
        self.hold_the_rest(registry, &mut repositories);
        let resync = self.resync(registry.account, &registry.region);
        let seen = !matches!(registry.outcome, RegistryOutcome::Read) && !repositories.is_empty();
        let status = registry.inspector_ecr_status.known().cloned();
        let ecr = status.unwrap_or_else(|| if seen { "ENABLED" } else { "DISABLED" }.to_owned());
        let others = match resync.and_then(ResyncFacts::only_scan_type) {
            Some(only) => !only,
            // With ECR scanning off, another scan type keeps Inspector on; with ECR scanning on, the others were not read.
            None => ecr == "ENABLED" || registry.inspector_status.known().is_some_and(|status| status == "ENABLED"),
        };
        let rules = registry.scan_rules.known().cloned().unwrap_or_default();
        // A plan's own answer is the later one.
        let counted = resync.and_then(|facts| facts.rescan_durations.known());
        let durations = counted
            .or(registry.rescan_durations.known().map(|durations| &**durations))
            .cloned()
            .unwrap_or_else(|| RescanDurations {
                push: "DAYS_14".to_owned(),
                pull: "DAYS_14".to_owned(),
                pull_mode: "LAST_IN_USE_AT".to_owned(),
            });
        let templates = registry.templates.known().cloned().unwrap_or_default();
        RegistrySpec {
            region: registry.region.to_string(),
            ecr_scanning: ecr,
            ec2_scanning: others,
            scan_type: registry.registry_scan_type.known().cloned().unwrap_or_else(|| "BASIC".to_owned()),
            rules: rules
                .into_iter()
                .map(|rule| RuleSpec { frequency: rule.frequency, filters: rule.filters })
                .collect(),
            registry_policy: None,
            registry_policy_text: self.text(registry.registry_policy.known()),
            registry_policy_scope: registry.registry_policy_scope.known().cloned().unwrap_or_else(|| "V2".to_owned()),
            templates: templates
                .into_iter()
                .map(|template| TemplateSpec {
                    policy_text: self.text(template.policy.as_ref()),
                    prefix: template.prefix,
                    policy: None,
                })
                .collect(),
            repositories,
            orphaned_coverage: Vec::new(),
            suppression_rules: resync.and_then(|facts| facts.suppression_rules.known().cloned()).unwrap_or_default(),
            rescan_duration: durations.push,
            pull_date_rescan_duration: durations.pull,
            pull_date_rescan_mode: durations.pull_mode,
        }
    }

    fn repository(&mut self, record: &RepositoryRecord) -> RepositorySpec {
        let facts = &record.facts;
        let own = record.coverage.as_ref();
        let denied = |row: &CoverageRow| row.reason.known().is_some_and(|reason| reason == "ACCESS_DENIED");
        let stuck = own.is_some_and(denied) || record.images.any_with("ACCESS_DENIED");
        let (policy, policy_text) = match &facts.policy {
            Observed::Known(hash) => (None, self.text(Some(hash))),
            Observed::Absent => (None, None),
            Observed::Unknown(_) => (Some(self.unread(&facts.arn, stuck)), None),
        };
        let tags = match &facts.tags {
            Asked::Answered(Observed::Known(tags)) => tags.clone(),
            Asked::Answered(_) | Asked::NotNeeded => BTreeMap::new(),
        };
        RepositorySpec {
            name: facts.name.to_string(),
            policy,
            policy_text,
            tags,
            images: self.images(record),
            coverage: Some(own.map_or_else(none, coverage)),
            sticky: own.is_some_and(denied),
        }
    }

    /// A policy that nobody could read stays so.
    fn unread(&mut self, arn: &str, stuck: bool) -> String {
        let name = format!("not read: {arn}");
        self.policies.push(PolicySpec {
            name: name.clone(),
            text: serde_json::json!({"Id": name, "Statement": []}).to_string(),
            inspector: if stuck { Standing::Denied } else { Standing::Allowed },
            auditor: Standing::Denied,
            writer: Standing::Allowed,
        });
        name
    }

    /// Returns the counted images. A repository without counted images gets one placeholder, unless it is known to be empty: in
    /// a registry to be re-synced the placeholder is old, so that no image of unknown age is scanned again.
    fn images(&self, record: &RepositoryRecord) -> Vec<ImageSpec> {
        let facts = &record.facts;
        let key = (facts.account, facts.region.clone(), facts.name.as_str());
        let mut images: Vec<ImageSpec> = self.images.get(&key).into_iter().flatten().map(|one| image(one)).collect();
        if images.is_empty() {
            images.extend(record.images.kinds().map(|ImagesOf { status, reason, count }| ImageSpec {
                findings: 0,
                copies: u32::try_from(count.images.min(COPIES_MAX)).unwrap_or(1),
                in_use: (count.use_not_stated < count.images).then_some(u64::from(count.in_use > 0)),
                coverage: Some(CoverageSpec { status: status.to_string(), reason: reason.to_string() }),
                ..ImageSpec::default()
            }));
        }
        let counted = self.resync(facts.account, &facts.region).is_some_and(|facts| facts.images.known().is_some());
        let empty = matches!(facts.has_active_image, Asked::Answered(Observed::Known(false)));
        if images.is_empty() && !empty {
            let age = if counted { Some(Timestamp::UNIX_EPOCH.to_string()) } else { None };
            images.push(ImageSpec { findings: 0, pushed_at: age, coverage: Some(none()), ..ImageSpec::default() });
        }
        if let Some(counts) = self.findings.get(&key) {
            hold(&mut images, *counts);
        }
        images
    }

    /// Findings of repositories that are not there any more, and of none, go with the others.
    fn hold_the_rest(&self, registry: &RegistryFacts, repositories: &mut [RepositorySpec]) {
        let names: BTreeSet<String> = repositories.iter().map(|one| one.name.clone()).collect();
        let from = (registry.account, registry.region.clone(), "");
        let of_registry = self
            .findings
            .range(from..)
            .take_while(|((account, region, _), _)| *account == registry.account && *region == registry.region);
        let mut rest = [0; 3];
        for (_, counts) in of_registry.filter(|((_, _, name), _)| !names.contains(*name)) {
            rest.iter_mut().zip(counts).for_each(|(sum, one)| *sum += one);
        }
        if let (Some(first), true) = (repositories.first_mut(), rest != [0; 3]) {
            hold(&mut first.images, rest);
        }
    }
}

/// Puts findings on an image: one that has a coverage row, or one that is gone and left its history.
fn hold(images: &mut Vec<ImageSpec>, [active, suppressed, others]: [u64; 3]) {
    let has_row = |image: &ImageSpec| image.coverage.as_ref().is_some_and(|row| row.status != "none");
    if !images.iter().any(has_row) {
        let gone = CoverageSpec { status: "INACTIVE".to_owned(), reason: "IMAGE_ARCHIVED".to_owned() };
        let image =
            ImageSpec { status: "ARCHIVED".to_owned(), findings: 0, coverage: Some(gone), ..ImageSpec::default() };
        images.push(image);
    }
    let number = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    if let Some(image) = images.iter_mut().find(|image| has_row(image)) {
        image.findings += number(active);
        image.suppressed += number(suppressed);
        image.closed += number(others);
    }
}

/// Where the registries of an account begin: no region's name sorts before this one.
fn first_of(account: AccountId) -> (AccountId, RegionName) {
    // INVARIANT: the text has a region's shape.
    #[expect(clippy::unwrap_used, reason = "a constant that parses; a test holds it so")]
    (account, "0-0-0".parse().unwrap())
}

fn none() -> CoverageSpec {
    CoverageSpec { status: "none".to_owned(), reason: String::new() }
}

fn coverage(row: &CoverageRow) -> CoverageSpec {
    CoverageSpec {
        status: row.status.known().cloned().unwrap_or_else(|| "INACTIVE".to_owned()),
        reason: row.reason.known().cloned().unwrap_or_default(),
    }
}

fn image(image: &CoveredImage) -> ImageSpec {
    ImageSpec {
        digest: Some(image.digest.clone()),
        // ECR does not know it any more: it is as old as can be.
        pushed_at: Some(image.pushed_at.known().copied().unwrap_or(Timestamp::UNIX_EPOCH).to_string()),
        findings: 0,
        coverage: Some(CoverageSpec { status: image.status.clone(), reason: image.reason.clone() }),
        ..ImageSpec::default()
    }
}

#[cfg(test)]
mod tests {
    use super::first_of;

    #[test]
    fn every_region_sorts_behind_the_first_place_of_its_account() {
        let account = "333333333333".parse().unwrap();
        assert!(first_of(account) < (account, "af-south-1".parse().unwrap()));
    }
}
