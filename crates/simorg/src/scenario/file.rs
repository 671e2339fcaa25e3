//! The scenario file: TOML, every key known, wrong ones refused with their line.

use std::collections::{BTreeMap, BTreeSet};

use scangap_model::{AccountId, RegionName};
use serde::Deserialize;

use super::size::GeneratedRegistries;
use crate::truth::Standing;

#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("{0}")]
    Syntax(String),
    #[error("account `{0}` appears twice")]
    AccountTwice(String),
    #[error("`{0}` is not an account id: 12 digits are needed")]
    AccountId(String),
    #[error("account `{account}` names OU `{ou}`, which is not in the scenario")]
    UnknownOu { account: String, ou: String },
    #[error("`{place}` names policy `{policy}`, which is not in the scenario")]
    UnknownPolicy { place: String, policy: String },
    #[error("`{0}` is not a region")]
    Region(String),
    #[error("`{0}` is not a time such as `2026-11-23T09:00:00Z`")]
    Clock(String),
    #[error("the policy of {0} is not a list of statements that allow, which is all that is enforced")]
    NotAnAllowList(String),
    #[error("{0} `{1}` is not among the scenario's accounts")]
    UnknownAccount(&'static str, String),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The version of this format: 1.
    pub schema: u32,
    /// The time that the simulated organization believes it is at the start.
    #[serde(default)]
    pub clock: Option<String>,
    pub organization: OrganizationSpec,
    #[serde(default)]
    pub organizational_units: Vec<OuSpec>,
    #[serde(default)]
    pub policies: Vec<PolicySpec>,
    #[serde(default)]
    pub accounts: Vec<AccountSpec>,
    /// What roles may do. A role that is not named may do everything that its session policy allows.
    #[serde(default)]
    pub role_policies: Vec<RolePolicySpec>,
    #[serde(default)]
    pub limits: Vec<LimitSpec>,
    #[serde(default)]
    pub faults: Vec<FaultSpec>,
    #[serde(default)]
    pub latency: LatencySpec,
    #[serde(default)]
    pub delays: DelaySpec,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganizationSpec {
    pub id: String,
    #[serde(default = "root_id")]
    pub root: String,
    pub management_account: String,
    pub inspector_administrator: Option<String>,
    /// The role that every account has and that trusts the callers, unless the account says otherwise.
    #[serde(default = "audit_role")]
    pub audit_role: String,
    /// What the callers' own long-lived keys may do: statements that allow; default: everything.
    pub caller_policy: Option<String>,
    /// Regions enabled in every account; default: AWS's default-enabled ones.
    pub regions: Option<Vec<String>>,
    /// How long sessions of AssumeRole last; default: as asked, or AWS's hour.
    pub session_seconds: Option<i64>,
    /// Whether answers of AssumeRole leave out when the session ends.
    #[serde(default)]
    pub no_session_expiration: bool,
    /// Seconds that AssumeRole adds to the expiration that it returns: a caller whose clock is behind sees the same.
    #[serde(default)]
    pub session_end_told_later_seconds: i64,
    /// Seconds by which AWS's clock is ahead of this machine's. A request signed more than five minutes off is refused.
    #[serde(default)]
    pub clock_ahead_seconds: i64,
    /// Whether answers leave out the time, as behind a proxy that takes the header `Date` out.
    #[serde(default)]
    pub no_date: bool,
    /// Whether the registry's scan rules survive turning ECR scanning off and on. AWS does not say.
    #[serde(default)]
    pub rules_survive_disable: bool,
    /// Whether Enable is accepted where scanning is on already, and writes rules of its own there too.
    #[serde(default)]
    pub enable_writes_rules: bool,
    /// The buckets that Inspector finds when it writes a report of findings; default: any.
    pub report_buckets: Option<Vec<String>>,
    /// Regions where Inspector exists; default: those of the table.
    pub inspector_regions: Option<Vec<String>>,
    /// Regions where Inspector's administrator has ECR scanning not turned on for accounts that join.
    #[serde(default)]
    pub no_auto_enable: Vec<String>,
    /// Regions where no account has enabled Security Hub.
    #[serde(default)]
    pub no_security_hub: Vec<String>,
    /// Operations that answer that they do not exist, such as `account:ListRegions`.
    #[serde(default)]
    pub not_implemented: Vec<String>,
}

fn root_id() -> String {
    "r-exam".to_owned()
}

fn audit_role() -> String {
    "OrganizationAccountAccessRole".to_owned()
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OuSpec {
    pub id: String,
    pub name: String,
    /// The parent OU; default: the root.
    pub parent: Option<String>,
}

/// A policy's text with the truth about it, as the scenario states it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySpec {
    pub name: String,
    /// `{{account}}`, `{{region}}`, `{{organization}}` and `{{inspector_role}}` are replaced.
    pub text: String,
    pub inspector: Standing,
    #[serde(default = "allowed")]
    pub auditor: Standing,
    /// Whether the write role may set another policy in its place.
    #[serde(default = "allowed")]
    pub writer: Standing,
}

fn allowed() -> Standing {
    Standing::Allowed
}

/// The policies of a role, in every account that has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolePolicySpec {
    /// With its path, as accounts name it.
    pub role: String,
    /// What it may do: statements that allow, of actions and resources.
    pub policy: String,
    /// Who may assume it; default: every caller.
    pub trust: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSpec {
    pub id: String,
    pub name: String,
    /// Default: directly under the root.
    pub ou: Option<String>,
    #[serde(default = "active")]
    pub state: String,
    /// Roles that trust the caller; default: the organization's audit role. Empty: every role is refused.
    pub roles: Option<Vec<String>>,
    /// The external id that the roles ask for.
    pub external_id: Option<String>,
    /// Regions enabled beyond the organization's.
    #[serde(default)]
    pub opt_in_regions: Vec<String>,
    /// Whether Inspector's delegated administrator sees the account.
    #[serde(default = "yes")]
    pub inspector_member: bool,
    /// Whether an Inspector policy of the organization governs the account: Enable and Disable are refused then.
    #[serde(default)]
    pub inspector_policy: bool,
    /// Inspector's service-linked role.
    #[serde(default)]
    pub inspector_role: RoleSpec,
    /// `cells` in scenarios of before.
    #[serde(default, alias = "cells")]
    pub registries: Vec<RegistrySpec>,
    /// More of them, made when they are asked for. No file says so.
    #[serde(skip)]
    pub generated: Option<GeneratedRegistries>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoleSpec {
    /// Whether the account has it at all.
    pub exists: bool,
    /// Default: made up from the account's id.
    pub id: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// Default: not within the time that IAM remembers.
    pub last_used_at: Option<String>,
}

impl Default for RoleSpec {
    fn default() -> Self {
        Self { exists: true, id: None, tags: BTreeMap::new(), last_used_at: None }
    }
}

impl RoleSpec {
    /// As long as AWS's.
    pub fn id_in(&self, account: &str) -> String {
        self.id.clone().unwrap_or_else(|| format!("AROASIMUL{account}"))
    }
}

fn active() -> String {
    "ACTIVE".to_owned()
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrySpec {
    pub region: String,
    /// Inspector's status of ECR scanning.
    #[serde(default = "enabled")]
    pub ecr_scanning: String,
    /// Whether other scan types are on, so that Inspector as a whole stays on without ECR.
    #[serde(default = "yes")]
    pub ec2_scanning: bool,
    #[serde(default = "enhanced")]
    pub scan_type: String,
    #[serde(default = "every_repository")]
    pub rules: Vec<RuleSpec>,
    pub registry_policy: Option<String>,
    /// The registry policy's text, where it has no name in the scenario: the judge decides it.
    pub registry_policy_text: Option<String>,
    #[serde(default = "scope_v2")]
    pub registry_policy_scope: String,
    #[serde(default)]
    pub templates: Vec<TemplateSpec>,
    #[serde(default)]
    pub repositories: Vec<RepositorySpec>,
    /// Repositories that Inspector's coverage names and ECR does not have.
    #[serde(default)]
    pub orphaned_coverage: Vec<String>,
    /// Names of suppression rules.
    #[serde(default)]
    pub suppression_rules: Vec<String>,
    /// How long images are scanned again after a push: `DAYS_14`, `LIFETIME`, ...
    #[serde(default = "days_14")]
    pub rescan_duration: String,
    /// How long after a pull, or after it last ran.
    #[serde(default = "days_14")]
    pub pull_date_rescan_duration: String,
    /// `LAST_PULL_DATE` or `LAST_IN_USE_AT`.
    #[serde(default = "last_in_use")]
    pub pull_date_rescan_mode: String,
}

fn days_14() -> String {
    "DAYS_14".to_owned()
}

fn last_in_use() -> String {
    "LAST_IN_USE_AT".to_owned()
}

fn enabled() -> String {
    "ENABLED".to_owned()
}

fn enhanced() -> String {
    "ENHANCED".to_owned()
}

fn every_repository() -> Vec<RuleSpec> {
    vec![RuleSpec { frequency: "CONTINUOUS_SCAN".to_owned(), filters: vec!["*".to_owned()] }]
}

fn scope_v2() -> String {
    "V2".to_owned()
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    pub frequency: String,
    pub filters: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateSpec {
    pub prefix: String,
    pub policy: Option<String>,
    /// The policy's text, where it has no name in the scenario.
    pub policy_text: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepositorySpec {
    pub name: String,
    pub policy: Option<String>,
    /// The policy's text, where it has no name in the scenario: the judge decides it.
    pub policy_text: Option<String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    #[serde(default = "one_image")]
    pub images: Vec<ImageSpec>,
    /// Default: what Inspector would say, given the scanning configuration and the policy's truth.
    pub coverage: Option<CoverageSpec>,
    /// `ACCESS_DENIED` stays after the policy is repaired and an image is pushed; only a re-sync clears it.
    #[serde(default)]
    pub sticky: bool,
}

fn one_image() -> Vec<ImageSpec> {
    vec![ImageSpec::default()]
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageSpec {
    /// Default: made up from its place.
    pub digest: Option<String>,
    pub pushed_days_ago: u32,
    /// The exact time, instead.
    pub pushed_at: Option<String>,
    /// Active findings.
    pub findings: u32,
    /// Findings that a suppression rule hides, and findings that were closed: they are history too.
    pub suppressed: u32,
    pub closed: u32,
    pub status: String,
    /// How many such images there are. The first has the digest, the others have their own.
    pub copies: u32,
    /// A multi-architecture index. Inspector scans its children, and not the index.
    pub index: bool,
    /// Tasks and pods that run it; absent: Inspector does not say.
    pub in_use: Option<u64>,
    /// Overrides the image's own coverage row.
    pub coverage: Option<CoverageSpec>,
}

impl Default for ImageSpec {
    fn default() -> Self {
        Self {
            digest: None,
            pushed_days_ago: 3,
            pushed_at: None,
            findings: 2,
            suppressed: 0,
            closed: 0,
            status: "ACTIVE".to_owned(),
            copies: 1,
            index: false,
            in_use: Some(0),
            coverage: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoverageSpec {
    /// ACTIVE, INACTIVE, or `none` for no row.
    pub status: String,
    #[serde(default)]
    pub reason: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSpec {
    /// `ecr:GetRepositoryPolicy`, or `ecr:*`. One bucket per operation, account and region.
    pub operation: String,
    pub per_second: f64,
    pub burst: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// An AWS error with `code`, `http_status` and `message`.
    Error,
    /// The connection closes without an answer.
    Reset,
    /// No answer ever comes, and nothing was done.
    Hang,
    /// The answer is 200, and says of every account that it was refused with `code`.
    FailedAccount,
    /// What was asked is done, and no answer ever comes.
    HangAfter,
    /// What was asked is done, and the connection closes without an answer.
    ResetAfter,
    /// The body ends in the middle.
    Truncate,
    /// The body is not JSON.
    Malformed,
    /// The answer is `{}`: well-formed, and empty.
    Empty,
    /// An HTML page instead of an AWS answer.
    Html,
    /// Every row of the lists in the answer appears twice.
    Doubled,
    /// An empty page with a token that was never given before: the list never ends.
    Endless,
    /// The page token that was given comes back.
    RepeatToken,
    /// Before each page comes an empty one with a token, as AWS may answer.
    EmptyPages,
    /// Each page has one row.
    ShortPages,
    /// The repository asked about has just been deleted.
    Vanish,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    pub kind: FaultKind,
    /// `ecr:GetRepositoryPolicy`; absent: any.
    pub operation: Option<String>,
    pub account: Option<String>,
    pub region: Option<String>,
    /// A repository's name, where the operation has one.
    pub resource: Option<String>,
    /// How many matching calls pass first.
    #[serde(default)]
    pub skip: u64,
    /// How many matching calls fail; absent: all.
    pub count: Option<u64>,
    /// Of these, one in so many, scattered: the same ones every time.
    pub one_in: Option<u64>,
    #[serde(default = "internal_failure")]
    pub code: String,
    #[serde(default = "status_500")]
    pub http_status: u16,
    #[serde(default)]
    pub message: String,
}

fn internal_failure() -> String {
    "InternalFailure".to_owned()
}

const fn status_500() -> u16 {
    500
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LatencySpec {
    pub ms: u64,
    pub jitter_ms: u64,
    pub seed: u64,
}

/// How long changes take to show.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DelaySpec {
    /// From `SetRepositoryPolicy` or `DeleteRepositoryPolicy` to what Inspector meets.
    pub policy_ms: u64,
    /// From `PutImage` to the coverage row.
    pub scan_ms: u64,
    /// From Disable or Enable to DISABLED or ENABLED.
    pub toggle_ms: u64,
    /// Whether the status stays what it was until then, and does not say DISABLING or ENABLING.
    pub hidden: bool,
    /// Whether a disable takes everything at once, before any status shows it.
    pub lost_first: bool,
}

/// The demo organization, which is also the example of the format.
pub const DEMO: &str = include_str!("demo.toml");

impl Scenario {
    /// The organization that `scangap demo` audits: every diagnosis, and the article's journey by name.
    pub fn demo() -> Result<Self, ScenarioError> {
        Self::parse(DEMO)
    }

    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self =
            toml::from_str(text).map_err(|error| ScenarioError::Syntax(error.to_string().trim_end().to_owned()))?;
        scenario.check()?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), ScenarioError> {
        if self.schema != 1 {
            return Err(ScenarioError::Syntax(format!("schema {} is not known: 1 is", self.schema)));
        }
        if let Some(clock) = &self.clock {
            clock.parse::<jiff::Timestamp>().map_err(|_| ScenarioError::Clock(clock.clone()))?;
        }
        let policies: BTreeSet<&str> = self.policies.iter().map(|policy| policy.name.as_str()).collect();
        let ous: BTreeSet<&str> = self.organizational_units.iter().map(|ou| ou.id.as_str()).collect();
        let mut accounts = BTreeSet::new();
        let policy_known = |place: &str, name: &Option<String>| match name {
            Some(name) if !policies.contains(name.as_str()) => {
                Err(ScenarioError::UnknownPolicy { place: place.to_owned(), policy: name.clone() })
            }
            _ => Ok(()),
        };
        for account in &self.accounts {
            account.id.parse::<AccountId>().map_err(|_| ScenarioError::AccountId(account.id.clone()))?;
            if !accounts.insert(account.id.as_str()) {
                return Err(ScenarioError::AccountTwice(account.id.clone()));
            }
            if let Some(ou) = account.ou.as_ref().filter(|ou| !ous.contains(ou.as_str())) {
                return Err(ScenarioError::UnknownOu { account: account.id.clone(), ou: ou.clone() });
            }
            for registry in &account.registries {
                if registry.region.parse::<RegionName>().is_err() {
                    return Err(ScenarioError::Region(registry.region.clone()));
                }
                policy_known(&format!("{} {}", account.id, registry.region), &registry.registry_policy)?;
                for repository in &registry.repositories {
                    policy_known(
                        &format!("{} {} {}", account.id, registry.region, repository.name),
                        &repository.policy,
                    )?;
                }
                for template in &registry.templates {
                    policy_known(
                        &format!("{} {} template {}", account.id, registry.region, template.prefix),
                        &template.policy,
                    )?;
                }
            }
        }
        if !accounts.contains(self.organization.management_account.as_str()) {
            return Err(ScenarioError::UnknownAccount(
                "the management account",
                self.organization.management_account.clone(),
            ));
        }
        if let Some(admin) =
            self.organization.inspector_administrator.as_ref().filter(|id| !accounts.contains(id.as_str()))
        {
            return Err(ScenarioError::UnknownAccount("Inspector's administrator", admin.clone()));
        }
        Ok(())
    }
}

impl FaultSpec {
    /// An operation that always answers with this error.
    pub fn of(operation: &str, code: &str, http_status: u16) -> Self {
        Self {
            kind: FaultKind::Error,
            operation: Some(operation.to_owned()),
            account: None,
            region: None,
            resource: None,
            skip: 0,
            count: None,
            one_in: None,
            code: code.to_owned(),
            http_status,
            message: String::new(),
        }
    }
}
