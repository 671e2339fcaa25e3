//! A scenario from the facts of an audit: the user's own organization, simulated, as far as it was read. What could not be
//! read stays unreadable; what was not asked is filled in and does not decide anything.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use scangap_model::{
    AccountFacts, AccountId, AccountOutcome, Asked, AuditFacts, CellFacts, CellOutcome, CoverageRow, CoverageSource,
    CoveredImage, Observed, PolicyHash, RecordError, RegionName, Repositories, RepositoryRecord, ResyncFacts,
};

use super::file::{
    AccountSpec, CellSpec, CoverageSpec, DelaySpec, ImageSpec, LatencySpec, OrganizationSpec, OuSpec, PolicySpec,
    RepositorySpec, RuleSpec, Scenario, TemplateSpec,
};
use crate::truth::Standing;

/// The role that reads and writes in every account of a copy.
const ROLE: &str = "scangap-rehearsal";

impl Scenario {
    /// The organization of a snapshot. `resyncs`: what was counted for some of its cells.
    pub fn of_snapshot(
        facts: &AuditFacts,
        repositories: &dyn Repositories,
        resyncs: &[ResyncFacts],
        as_of: Timestamp,
    ) -> Result<Self, RecordError> {
        let mut copy = Copy { facts, resyncs, policies: Vec::new() };
        let mut cells: BTreeMap<(AccountId, RegionName), Vec<RepositorySpec>> = BTreeMap::new();
        for record in repositories.records(0..repositories.count()?) {
            let record = record?;
            let key = (record.facts.account, record.facts.region.clone());
            let spec = copy.repository(&record);
            cells.entry(key).or_default().push(spec);
        }
        let management = facts.organization.management_account.known().copied();
        let management = management.unwrap_or(facts.organization.caller_account);
        let administrator = facts.organization.inspector_admin.known().copied();
        let mut accounts: Vec<AccountSpec> =
            facts.accounts.values().map(|account| copy.account(account, &mut cells)).collect();
        // Whoever is out of scope and still has a part in it.
        for id in [Some(management), administrator].into_iter().flatten() {
            if !facts.accounts.contains_key(&id) {
                accounts.push(out_of_scope(id, facts));
            }
        }
        let (root, organizational_units) = units(facts);
        Ok(Self {
            schema: 1,
            clock: as_of.to_string(),
            organization: OrganizationSpec {
                id: facts.organization.id.known().map_or_else(|| "o-rehearsal".to_owned(), ToString::to_string),
                root,
                management_account: management.to_string(),
                inspector_administrator: administrator.map(|id| id.to_string()),
                audit_role: ROLE.to_owned(),
                regions: Some(Vec::new()),
                session_seconds: None,
                rules_survive_disable: false,
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
}

fn out_of_scope(id: AccountId, facts: &AuditFacts) -> AccountSpec {
    let regions: BTreeSet<String> = facts.cells.keys().map(|(_, region)| region.to_string()).collect();
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
        cells: Vec::new(),
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
    resyncs: &'a [ResyncFacts],
    /// Stand-ins for policies that were not read.
    policies: Vec<PolicySpec>,
}

impl Copy<'_> {
    fn text(&self, hash: Option<&PolicyHash>) -> Option<String> {
        self.facts.policies.get(hash?).cloned()
    }

    fn resync(&self, account: AccountId, region: &RegionName) -> Option<&ResyncFacts> {
        self.resyncs.iter().find(|facts| facts.account == account && facts.region == *region)
    }

    fn account(
        &self,
        account: &AccountFacts,
        repositories: &mut BTreeMap<(AccountId, RegionName), Vec<RepositorySpec>>,
    ) -> AccountSpec {
        let readable = matches!(account.outcome, AccountOutcome::Read { .. });
        let own = || self.facts.cells.values().filter(|cell| cell.account == account.id);
        let enabled = own().filter(|cell| matches!(cell.outcome, CellOutcome::Read | CellOutcome::Unreadable(_)));
        let asked_itself =
            own().any(|cell| cell.coverage.known().is_some_and(|source| *source == CoverageSource::Account));
        let cells = own().filter_map(|cell| {
            // A cell that could not be read has what the administrator saw of it, and cannot be read here either.
            let found = repositories.remove(&(cell.account, cell.region.clone()));
            let read = matches!(cell.outcome, CellOutcome::Read);
            (read || found.is_some()).then(|| self.cell(cell, found.unwrap_or_default()))
        });
        let path = account.organization_path.known().cloned().unwrap_or_default();
        AccountSpec {
            id: account.id.to_string(),
            name: account.name.known().cloned().unwrap_or_default(),
            ou: path.split('/').rfind(|id| id.starts_with("ou-")).map(str::to_owned),
            state: account.state.known().cloned().unwrap_or_else(|| "ACTIVE".to_owned()),
            roles: Some(if readable { vec![ROLE.to_owned()] } else { Vec::new() }),
            external_id: None,
            cells: cells.collect(),
            opt_in_regions: enabled.map(|cell| cell.region.to_string()).collect(),
            inspector_member: !asked_itself,
            inspector_policy: self
                .resyncs
                .iter()
                .any(|facts| facts.account == account.id && facts.organization_policy.known().is_some()),
        }
    }

    fn cell(&self, cell: &CellFacts, repositories: Vec<RepositorySpec>) -> CellSpec {
        let resync = self.resync(cell.account, &cell.region);
        let seen = !matches!(cell.outcome, CellOutcome::Read) && !repositories.is_empty();
        let status = cell.inspector_ecr_status.known().cloned();
        let ecr = status.unwrap_or_else(|| if seen { "ENABLED" } else { "DISABLED" }.to_owned());
        let others = match resync.and_then(ResyncFacts::only_scan_type) {
            Some(only) => !only,
            // With ECR off, Inspector is on through something else; with ECR on, nobody asked.
            None => ecr == "ENABLED" || cell.inspector_status.known().is_some_and(|status| status == "ENABLED"),
        };
        let rules = cell.scan_rules.known().cloned().unwrap_or_default();
        let templates = cell.templates.known().cloned().unwrap_or_default();
        CellSpec {
            region: cell.region.to_string(),
            ecr_scanning: ecr,
            ec2_scanning: others,
            scan_type: cell.registry_scan_type.known().cloned().unwrap_or_else(|| "BASIC".to_owned()),
            rules: rules
                .into_iter()
                .map(|rule| RuleSpec { frequency: rule.frequency, filters: rule.filters })
                .collect(),
            registry_policy: None,
            registry_policy_text: self.text(cell.registry_policy.known()),
            registry_policy_scope: cell.registry_policy_scope.known().cloned().unwrap_or_else(|| "V2".to_owned()),
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
            rescan_duration: resync
                .and_then(|facts| facts.rescan_durations.known())
                .map_or_else(|| "DAYS_14".to_owned(), |durations| durations.push.clone()),
        }
    }

    fn repository(&mut self, record: &RepositoryRecord) -> RepositorySpec {
        let facts = &record.facts;
        let own = record.coverage.iter().find(|row| row.image_digest.is_none());
        let denied = |row: &CoverageRow| row.reason.known().is_some_and(|reason| reason == "ACCESS_DENIED");
        let stuck = record.coverage.iter().any(denied);
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
            images: self.images(record, own),
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
        });
        name
    }

    /// The images that were counted; else one that stands for those that must be there.
    fn images(&self, record: &RepositoryRecord, own: Option<&CoverageRow>) -> Vec<ImageSpec> {
        let facts = &record.facts;
        let counted = self.resync(facts.account, &facts.region);
        let mut images: Vec<ImageSpec> = counted
            .and_then(|resync| resync.images.known())
            .into_iter()
            .flatten()
            .filter(|image| image.repository == facts.name.as_str())
            .map(image)
            .collect();
        let findings = counted.and_then(|resync| resync.findings.known()).into_iter().flatten();
        let findings: Vec<_> = findings.filter(|one| one.repository == facts.name.as_str()).collect();
        let of = |status: &str| -> u32 {
            let count: u64 = findings.iter().filter(|one| one.status == status).map(|one| one.count).sum();
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        let all: u64 = findings.iter().map(|one| one.count).sum();
        let active = own.is_some_and(|row| row.status.known().is_some_and(|status| status == "ACTIVE"));
        let empty = matches!(facts.has_active_image, Asked::Answered(Observed::Known(false)));
        if images.is_empty() && !empty {
            images.push(ImageSpec { findings: 0, coverage: (!active).then(none), ..ImageSpec::default() });
        }
        if all > 0 {
            // Findings of an image that has no row any more are history too.
            if !images.iter().any(|image| image.coverage.as_ref().is_some_and(|row| row.status != "none")) {
                let gone = CoverageSpec { status: "INACTIVE".to_owned(), reason: "IMAGE_ARCHIVED".to_owned() };
                images.push(ImageSpec { status: "ARCHIVED".to_owned(), coverage: Some(gone), ..ImageSpec::default() });
            }
            let holder =
                images.iter_mut().find(|image| image.coverage.as_ref().is_some_and(|row| row.status != "none"));
            if let Some(image) = holder {
                image.findings = of("ACTIVE");
                image.suppressed = of("SUPPRESSED");
                let others = all - u64::from(image.findings) - u64::from(image.suppressed);
                image.closed = u32::try_from(others).unwrap_or(u32::MAX);
            }
        }
        images
    }
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
