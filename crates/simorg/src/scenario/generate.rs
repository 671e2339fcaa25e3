//! A seeded generator: organizations of any size, the same for the same numbers.

use super::file::{
    AccountSpec, DelaySpec, ImageSpec, LatencySpec, OrganizationSpec, OuSpec, PolicySpec, RegistrySpec, RepositorySpec,
    RoleSpec, RuleSpec, Scenario, TemplateSpec,
};
use super::size::{Generate, GeneratedRegistries, Random};
use crate::truth::Standing;

const TEAMS: &[&str] = &["payments", "search", "ml", "web", "data", "iot", "core", "batch"];

impl Generate {
    /// With every registry stated, to be changed by the caller.
    pub fn scenario(self) -> Scenario {
        let mut scenario = self.outline();
        for account in &mut scenario.accounts {
            account.state_registries();
        }
        scenario
    }

    /// The same organization, of which the simulator makes a registry when it is first asked about it.
    pub fn outline(self) -> Scenario {
        let mut random = Random(self.seed);
        let ous: Vec<OuSpec> = ["Production", "Development", "Sandbox"]
            .iter()
            .enumerate()
            .map(|(i, name)| OuSpec { id: format!("ou-exam-{i:08}"), name: (*name).to_owned(), parent: None })
            .collect();
        let n_accounts = self.accounts.max(2);
        let id = |i: u32| format!("{:012}", 100_000_000_000_u64 + u64::from(i) * 7_919);
        let accounts = (0..n_accounts)
            .map(|i| {
                let generated = (i > 0).then_some(GeneratedRegistries { generate: self, random });
                if let Some(registries) = &generated {
                    random = registries.random_at(registries.regions().count());
                }
                AccountSpec {
                    id: id(i),
                    name: match i {
                        0 => "management".to_owned(),
                        1 => "security".to_owned(),
                        _ => format!("{}-{i}", pick(TEAMS, &mut random)),
                    },
                    ou: (i > 0).then(|| ous.get(usize::try_from(i % 3).unwrap_or(0)).map(|ou| ou.id.clone())).flatten(),
                    state: "ACTIVE".to_owned(),
                    roles: None,
                    external_id: None,
                    opt_in_regions: Vec::new(),
                    inspector_member: true,
                    inspector_policy: false,
                    inspector_role: RoleSpec::default(),
                    registries: Vec::new(),
                    generated,
                }
            })
            .collect();
        Scenario {
            schema: 1,
            clock: Some("2026-11-23T09:00:00Z".to_owned()),
            role_policies: Vec::new(),
            organization: OrganizationSpec {
                caller_policy: None,
                id: "o-generated".to_owned(),
                root: "r-exam".to_owned(),
                management_account: id(0),
                inspector_administrator: Some(id(1)),
                audit_role: "OrganizationAccountAccessRole".to_owned(),
                regions: None,
                session_seconds: None,
                no_session_expiration: false,
                session_end_told_later_seconds: 0,
                clock_ahead_seconds: 0,
                no_date: false,
                rules_survive_disable: false,
                enable_writes_rules: false,
                report_buckets: None,
                inspector_regions: None,
                no_auto_enable: Vec::new(),
                no_security_hub: Vec::new(),
                not_implemented: Vec::new(),
            },
            organizational_units: ous,
            policies: policies(),
            accounts,
            limits: Vec::new(),
            faults: Vec::new(),
            latency: LatencySpec::default(),
            delays: DelaySpec::default(),
        }
    }
}

impl GeneratedRegistries {
    pub(crate) fn registry(&self, region: &str) -> Option<RegistrySpec> {
        let mut random = self.random_at(self.regions().position(|one| one == region)?);
        let repositories = (0..self.generate.repositories)
            .map(|i| RepositorySpec {
                name: format!("{}/app-{i:04}", pick(TEAMS, &mut random)),
                policy: match random.below(20) {
                    0 => Some("office-only".to_owned()),
                    1 => Some("office-only-exempt".to_owned()),
                    2..8 => Some("pull".to_owned()),
                    _ => None,
                },
                policy_text: None,
                tags: std::collections::BTreeMap::new(),
                images: (0..random.below(3)).map(|_| ImageSpec::default()).collect(),
                coverage: None,
                sticky: false,
            })
            .collect();
        let is_off = random.below(20) == 0;
        Some(RegistrySpec {
            ecr_scanning: if is_off { "DISABLED" } else { "ENABLED" }.to_owned(),
            repositories,
            ..empty_registry(region)
        })
    }
}

impl AccountSpec {
    /// Writes out what would be generated, to be changed.
    pub fn state_registries(&mut self) {
        let generated = self.generated.take();
        let specs =
            generated.iter().flat_map(|generated| generated.regions().filter_map(|region| generated.registry(region)));
        self.registries.extend(specs);
    }
}

/// Everything as AWS sets it up, with Inspector's scanning on.
pub(super) fn empty_registry(region: &str) -> RegistrySpec {
    RegistrySpec {
        region: region.to_owned(),
        ecr_scanning: "ENABLED".to_owned(),
        ec2_scanning: true,
        scan_type: "ENHANCED".to_owned(),
        rules: vec![RuleSpec { frequency: "CONTINUOUS_SCAN".to_owned(), filters: vec!["*".to_owned()] }],
        registry_policy: None,
        registry_policy_text: None,
        registry_policy_scope: "V2".to_owned(),
        templates: Vec::<TemplateSpec>::new(),
        repositories: Vec::new(),
        orphaned_coverage: Vec::new(),
        suppression_rules: Vec::new(),
        rescan_duration: "DAYS_14".to_owned(),
        pull_date_rescan_duration: "DAYS_14".to_owned(),
        pull_date_rescan_mode: "LAST_IN_USE_AT".to_owned(),
    }
}

fn pick(words: &[&'static str], random: &mut Random) -> &'static str {
    let at = random.below(u64::try_from(words.len()).unwrap_or(1));
    words.get(usize::try_from(at).unwrap_or(0)).copied().unwrap_or("app")
}

fn policies() -> Vec<PolicySpec> {
    let policy = |name: &str, inspector, text: &str| PolicySpec {
        name: name.to_owned(),
        text: text.to_owned(),
        inspector,
        auditor: Standing::Allowed,
        writer: Standing::Allowed,
    };
    vec![
        policy(
            "office-only",
            Standing::Denied,
            r#"{"Version":"2012-10-17","Statement":[{"Sid":"OfficeOnly","Effect":"Deny","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"}}}]}"#,
        ),
        policy(
            "office-only-exempt",
            Standing::Allowed,
            r#"{"Version":"2012-10-17","Statement":[{"Sid":"OfficeOnly","Effect":"Deny","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"},"ArnNotEquals":{"aws:PrincipalArn":"{{inspector_role}}"}}}]}"#,
        ),
        policy(
            "pull",
            Standing::Allowed,
            r#"{"Version":"2012-10-17","Statement":[{"Sid":"Pull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::{{account}}:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}"#,
        ),
    ]
}
