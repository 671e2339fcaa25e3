//! What there is in a registry, and what is under way.

use std::collections::BTreeMap;

use jiff::Timestamp;
use scangap_model::{AccountId, RegionName};

use crate::services::Permitted;

#[derive(Debug, Clone)]
pub(crate) struct RegistryState {
    pub(crate) ecr_scanning: String,
    /// A change that is under way and does not show.
    pub(crate) hidden_change: Option<&'static str>,
    pub(crate) ec2_scanning: bool,
    pub(crate) scan_type: String,
    pub(crate) rules: Vec<Rule>,
    pub(crate) registry_policy: Option<String>,
    pub(crate) registry_policy_scope: String,
    pub(crate) templates: Vec<Template>,
    pub(crate) repositories: BTreeMap<String, Repository>,
    pub(crate) orphaned_coverage: Vec<String>,
    pub(crate) suppression_rules: Vec<String>,
    pub(crate) rescan_duration: String,
    pub(crate) pull_date_rescan_duration: String,
    pub(crate) pull_date_rescan_mode: String,
}

impl Default for RegistryState {
    /// A region that nobody has touched: Inspector off, BASIC scanning, scope V2.
    fn default() -> Self {
        Self {
            ecr_scanning: "DISABLED".to_owned(),
            hidden_change: None,
            ec2_scanning: false,
            scan_type: "BASIC".to_owned(),
            rules: Vec::new(),
            registry_policy: None,
            registry_policy_scope: "V2".to_owned(),
            templates: Vec::new(),
            repositories: BTreeMap::new(),
            orphaned_coverage: Vec::new(),
            suppression_rules: Vec::new(),
            rescan_duration: "DAYS_14".to_owned(),
            pull_date_rescan_duration: "DAYS_14".to_owned(),
            pull_date_rescan_mode: "LAST_IN_USE_AT".to_owned(),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) frequency: String,
    pub(crate) filters: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) prefix: String,
    pub(crate) policy: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Repository {
    pub(crate) created_at: Timestamp,
    pub(crate) policy: Option<String>,
    /// The policy that Inspector meets: the one above, once a change has spread.
    pub(crate) effective: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) images: Vec<Image>,
    pub(crate) coverage: Option<Coverage>,
    /// What no scan and no re-sync changes: a key that denies, an image that is not supported.
    pub(crate) lasting: Option<Coverage>,
    pub(crate) sticky: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) digest: String,
    pub(crate) pushed_at: Timestamp,
    pub(crate) status: String,
    /// How many active findings a scan of it makes.
    pub(crate) vulnerabilities: u32,
    pub(crate) findings: Vec<Finding>,
    pub(crate) coverage: Option<Coverage>,
    pub(crate) lasting: Option<Coverage>,
    pub(crate) index: bool,
    pub(crate) in_use: Option<u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) arn: String,
    pub(crate) severity: &'static str,
    pub(crate) status: &'static str,
    pub(crate) first_observed_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coverage {
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) last_scanned_at: Option<Timestamp>,
}

/// What a disable of ECR scanning destroyed in one registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) account: AccountId,
    pub(crate) region: RegionName,
    pub(crate) findings: u64,
    /// Images that were being scanned.
    pub(crate) images: u64,
}

/// A report of findings, as it would lie in S3.
#[derive(Debug, Clone)]
pub(crate) struct FindingsReport {
    pub(crate) id: String,
    /// The account that requested the report, and the region: no other caller can read its status.
    pub(crate) caller: AccountId,
    pub(crate) region: RegionName,
    pub(crate) destination: serde_json::Value,
    pub(crate) findings: u64,
    /// Why it could not be written.
    pub(crate) error: Option<&'static str>,
    /// Whether its status was asked for before.
    pub(crate) asked: bool,
}

/// A change that shows later than the call that started it.
#[derive(Debug, Clone)]
pub(crate) enum Transition {
    PolicySpread { account: AccountId, region: RegionName, repository: String },
    Scanned { account: AccountId, region: RegionName, repository: String },
    Disabled { account: AccountId, region: RegionName },
    Enabled { account: AccountId, region: RegionName },
}

/// What AssumeRole handed out.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) account: AccountId,
    pub(crate) role: String,
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) permitted: Permitted,
    pub(crate) expires: jiff::Timestamp,
}
