//! A seeded generator: organizations of any size, the same for the same numbers.

use super::file::{
    AccountSpec, DelaySpec, ImageSpec, LatencySpec, OrganizationSpec, OuSpec, PolicySpec, RegistrySpec, RepositorySpec,
    RoleSpec, RuleSpec, Scenario, TemplateSpec,
};
use crate::truth::Standing;

/// What to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generate {
    pub accounts: u32,
    /// How many of the enabled regions hold repositories, in each account.
    pub regions: u32,
    /// Repositories in each used registry.
    pub repositories: u32,
    pub seed: u64,
}

/// `SplitMix64`: small, good enough to scatter a scenario, and the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

const REGIONS: &[&str] = &[
    "us-east-1",
    "eu-west-1",
    "eu-central-1",
    "ap-northeast-1",
    "us-west-2",
    "us-east-2",
    "eu-north-1",
    "ap-south-1",
    "ca-central-1",
    "sa-east-1",
    "eu-west-2",
    "eu-west-3",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-2",
    "ap-northeast-3",
    "us-west-1",
];

const TEAMS: &[&str] = &["payments", "search", "ml", "web", "data", "iot", "core", "batch"];

impl Generate {
    pub fn scenario(self) -> Scenario {
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
                let regions = REGIONS.iter().take(usize::try_from(self.regions).unwrap_or(usize::MAX));
                let registries = if i == 0 {
                    Vec::new()
                } else {
                    regions.map(|region| self.registry(region, &mut random)).collect()
                };
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
                    registries,
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
                rules_survive_disable: false,
                enable_writes_rules: false,
                report_buckets: None,
                inspector_regions: None,
                no_auto_enable: Vec::new(),
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

    fn registry(self, region: &str, random: &mut Random) -> RegistrySpec {
        let repositories = (0..self.repositories)
            .map(|i| RepositorySpec {
                name: format!("{}/app-{i:04}", pick(TEAMS, random)),
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
        RegistrySpec {
            ecr_scanning: if is_off { "DISABLED" } else { "ENABLED" }.to_owned(),
            repositories,
            ..empty_registry(region)
        }
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
