//! What is told of one step that was made, or was not.

use scangap_model::{AccountId, RegionName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a re-sync really took: findings that are not listed any more, and images that are not scanned any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lost {
    pub findings: u64,
    pub images_not_rescanned: u64,
}

/// One step, as the closing report has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport {
    pub id: String,
    pub kind: &'static str,
    pub account: AccountId,
    pub region: RegionName,
    pub what: String,
    pub result: String,
    /// Whether it came to its end. A registry that did not may have lost something all the same.
    pub finished: bool,
    /// Whether others had done what the step was to do.
    pub by_others: bool,
    /// Repositories that a re-sync was for and that still say `ACCESS_DENIED`, or nothing yet.
    pub not_refreshed: Vec<String>,
    /// Where what it deleted is: the backup with its manifest's hash, Inspector's report.
    pub saved: Vec<String>,
    pub before_sha256: String,
    pub after_sha256: String,
    /// What the plan said would be lost, and what was.
    pub predicted: Option<Lost>,
    pub lost: Option<Lost>,
}
