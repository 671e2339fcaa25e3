//! An organization as its security team audits it every quarter: four bad policies that spread and are repaired, a region that a service
//! control policy closes, policies that refuse the auditor, accounts without the role. What a repository is in a quarter hangs on its
//! place alone, so that two quarters differ in what happened between them.

use super::file::{
    AccountSpec, CoverageSpec, FaultKind, FaultSpec, ImageSpec, OuSpec, PolicySpec, RegistrySpec, RepositorySpec,
    Scenario,
};
use super::generate::empty_registry;
use super::size::{Generate, Random};
use crate::truth::Standing;

/// An organization at one of its quarterly audits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quarters {
    /// 300 of them hold some 6,000 repositories.
    pub accounts: u32,
    /// Repositories in each used registry.
    pub repositories: u32,
    pub seed: u64,
}

/// The times of its audits.
const CLOCKS: [&str; 5] = [
    "2025-11-24T09:00:00Z",
    "2026-02-23T09:00:00Z",
    "2026-05-25T09:00:00Z",
    "2026-08-24T09:00:00Z",
    "2026-11-23T09:00:00Z",
];

const LINES: [&str; 5] = ["Payments", "Trading", "Insurance", "Platform", "Research"];
const STAGES: [&str; 4] = ["Prod", "Stage", "Dev", "Sandbox"];
const REGIONS: [&str; 7] =
    ["us-east-1", "eu-west-1", "eu-central-1", "us-west-2", "ap-southeast-1", "ca-central-1", "sa-east-1"];
/// How many of these hold repositories in one account.
const REGIONS_USED: u64 = 4;
/// The region that a service control policy closes to everybody, and the quarter from which it does.
const CLOSED: (&str, usize) = ("sa-east-1", 4);
/// The quarter in which a tenth of the accounts lost the audit role.
const ROLE_LOST_IN: usize = 3;

impl Quarters {
    /// The quarters that there are, the first is 1.
    pub const NUMBER: usize = CLOCKS.len();

    /// The organization at the audit of a quarter; one that there is not is the last.
    pub fn scenario(self, quarter: usize) -> Scenario {
        let quarter = quarter.clamp(1, Self::NUMBER);
        // The skeleton, without repositories: ids, the management account, Inspector's administrator.
        let mut scenario =
            Generate { accounts: self.accounts, regions: 0, repositories: 0, seed: self.seed }.scenario();
        scenario.clock = CLOCKS.get(quarter - 1).map(|clock| (*clock).to_owned());
        "o-quarterly1".clone_into(&mut scenario.organization.id);
        scenario.organizational_units = units();
        scenario.policies = policies();
        scenario.faults = closed_region(quarter);
        for (account, at) in scenario.accounts.iter_mut().zip(0u64..) {
            // The management account and Inspector's administrator hold no repositories, and are in no unit.
            account.ou = None;
            if at > 1 {
                self.account(account, at, quarter);
            }
        }
        scenario
    }

    fn account(self, account: &mut AccountSpec, at: u64, quarter: usize) {
        let line = line_of(at);
        let stage = nth(&STAGES, at / 5);
        account.name = format!("{}-{}-{at}", line.to_lowercase(), stage.to_lowercase());
        account.ou = Some(leaf(line, stage));
        if at % 60 == 59 {
            "SUSPENDED".clone_into(&mut account.state);
        }
        if at % 60 == 31 || quarter == ROLE_LOST_IN && at % 12 == 7 {
            account.roles = Some(Vec::new());
        }
        account.registries = (0..REGIONS_USED).map(|nth_region| self.registry(at, nth_region, quarter)).collect();
    }

    fn registry(self, at: u64, nth_region: u64, quarter: usize) -> RegistrySpec {
        let region = nth(&REGIONS, at + nth_region);
        let mut registry = empty_registry(region);
        if self.chance(&[at, nth_region, 1]).is_multiple_of(40) {
            "DISABLED".clone_into(&mut registry.ecr_scanning);
        }
        let repositories =
            (0..u64::from(self.repositories)).map(|number| self.repository(at, nth_region, number, quarter));
        registry.repositories = repositories.flatten().collect();
        registry
    }

    /// `None`: it was not there yet.
    fn repository(self, at: u64, nth_region: u64, number: u64, quarter: usize) -> Option<RepositorySpec> {
        let roll = |what: u64| self.chance(&[at, nth_region, number, what]);
        let born = if roll(2) % 10 < 8 { 1 } else { 2 + place(roll(3) % 4) };
        let mut repository = RepositorySpec {
            name: format!(
                "{}/{}-{number:02}",
                line_of(at).to_lowercase(),
                nth(&["api", "web", "jobs", "base", "tools"], roll(4))
            ),
            policy: (roll(5) % 3 == 0).then(|| "pull".to_owned()),
            policy_text: None,
            tags: std::collections::BTreeMap::new(),
            images: if roll(6) % 17 == 0 { Vec::new() } else { vec![ImageSpec::default()] },
            coverage: None,
            sticky: false,
        };
        // As many as are audited elsewhere: a policy that lets nobody in who does not come from the office.
        if at % 8 == 5 && at < 292 && nth_region == 0 && number == 0 {
            repository.policy = Some("locked".to_owned());
            return Some(repository);
        }
        let bad = bad_text(at, roll(7) % 1000);
        let (since, repaired) = (1 + place(roll(8) % 6).saturating_sub(1), place(roll(9) % 3));
        let until = if roll(10) % 3 == 0 { since + 1 + repaired } else { usize::MAX };
        if let Some(text) = bad
            && quarter >= since.max(born)
        {
            let first = quarter == since.max(born);
            if quarter < until {
                repository.policy = Some(text.to_owned());
                // Its image was scanned before the policy came.
                let scanned_still = first && roll(11) % 2 == 0;
                repository.coverage = Some(if scanned_still { active() } else { denied() });
                if scanned_still {
                    repository.images = vec![ImageSpec::default()];
                }
            } else if quarter == until && roll(12) % 4 == 0 {
                // Inspector has not looked again.
                repository.policy = Some("pull".to_owned());
                repository.images = vec![ImageSpec::default()];
                repository.coverage = Some(denied());
            }
        }
        (quarter >= born).then_some(repository)
    }

    /// A number that hangs on a place alone.
    fn chance(self, of: &[u64]) -> u64 {
        of.iter().fold(Random(self.seed).next(), |number, part| Random(number ^ part).next())
    }
}

fn line_of(at: u64) -> &'static str {
    nth(&LINES, at)
}

fn nth(of: &[&'static str], at: u64) -> &'static str {
    of.get(place(at) % of.len().max(1)).copied().unwrap_or_default()
}

fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// The office's policy is in two lines of business, the others are everywhere.
fn bad_text(at: u64, per_mille: u64) -> Option<&'static str> {
    let office = matches!(line_of(at), "Payments" | "Trading");
    match per_mille {
        0..20 => Some("vpc-endpoint-only"),
        20..33 => Some("pull-except-deployers"),
        33..45 => Some("team-tag-required"),
        45..150 if office => Some("office-only"),
        _ => None,
    }
}

fn leaf(line: &str, stage: &str) -> String {
    format!("ou-exam-{}{}", line.to_lowercase(), stage.to_lowercase())
}

/// Five lines of business, each with four stages.
fn units() -> Vec<OuSpec> {
    LINES
        .iter()
        .flat_map(|line| {
            let parent = format!("ou-exam-{}", line.to_lowercase());
            let stages = STAGES.iter().map({
                let parent = parent.clone();
                move |stage| OuSpec { id: leaf(line, stage), name: (*stage).to_owned(), parent: Some(parent.clone()) }
            });
            std::iter::once(OuSpec { id: parent, name: (*line).to_owned(), parent: None })
                .chain(stages)
                .collect::<Vec<_>>()
        })
        .collect()
}

fn closed_region(quarter: usize) -> Vec<FaultSpec> {
    let (region, since) = CLOSED;
    if quarter < since {
        return Vec::new();
    }
    vec![FaultSpec {
        kind: FaultKind::Error,
        operation: Some("ecr:DescribeRepositories".to_owned()),
        account: None,
        region: Some(region.to_owned()),
        resource: None,
        skip: 0,
        count: None,
        one_in: None,
        code: "AccessDeniedException".to_owned(),
        http_status: 400,
        message: "User is not authorized to perform: ecr:DescribeRepositories with an explicit deny in a service control policy: arn:aws:organizations::100000000000:policy/o-quarterly1/service_control_policy/p-closed01".to_owned(),
    }]
}

fn active() -> CoverageSpec {
    CoverageSpec { status: "ACTIVE".to_owned(), reason: "SUCCESSFUL".to_owned() }
}

fn denied() -> CoverageSpec {
    CoverageSpec { status: "INACTIVE".to_owned(), reason: "ACCESS_DENIED".to_owned() }
}

fn policies() -> Vec<PolicySpec> {
    let policy = |name: &str, inspector, auditor, text: &str| PolicySpec {
        name: name.to_owned(),
        text: text.to_owned(),
        inspector,
        auditor,
        writer: Standing::Allowed,
    };
    let pull = r#"["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]"#;
    let deny = |sid: &str, rest: &str| {
        format!(r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"{sid}","Effect":"Deny","Principal":"*",{rest}}}]}}"#)
    };
    let (no, yes) = (Standing::Denied, Standing::Allowed);
    vec![
        policy(
            "office-only",
            no,
            yes,
            &deny(
                "OfficeOnly",
                &format!(r#""Action":{pull},"Condition":{{"NotIpAddress":{{"aws:SourceIp":"203.0.113.0/24"}}}}"#),
            ),
        ),
        policy(
            "vpc-endpoint-only",
            no,
            yes,
            &deny(
                "VpcEndpointOnly",
                &format!(r#""Action":{pull},"Condition":{{"StringNotEquals":{{"aws:SourceVpce":"vpce-0a1b2c3d"}}}}"#),
            ),
        ),
        policy(
            "pull-except-deployers",
            no,
            yes,
            &deny(
                "DenyPullExceptDeployers",
                &format!(
                    r#""Action":{pull},"Condition":{{"ArnNotLike":{{"aws:PrincipalArn":"arn:aws:iam::{{{{account}}}}:role/deploy-*"}}}}"#
                ),
            ),
        ),
        policy(
            "team-tag-required",
            no,
            yes,
            &deny(
                "TeamTagRequired",
                &format!(r#""Action":{pull},"Condition":{{"Null":{{"aws:PrincipalTag/team":"true"}}}}"#),
            ),
        ),
        policy(
            "locked",
            no,
            no,
            &deny("Locked", r#""Action":"ecr:*","Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-0a1b2c3d"}}"#),
        ),
        policy(
            "pull",
            yes,
            yes,
            &format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Pull","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{{{{account}}}}:root"}},"Action":{pull}}}]}}"#
            ),
        ),
    ]
}
