//! How an apply is to go.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use scangap_model::{AccountId, ExternalId};

use crate::destination::FindingsReports;
use crate::open_registries::OpenRegistries;

#[derive(Debug, Clone)]
pub struct ApplyOptions {
    /// Where the journal, the backups and the closing report go: the plan's folder, but for a rehearsal.
    pub folder: PathBuf,
    pub roles: Roles,
    /// The role that is judged to get through policies or not: the one that writes, but for a rehearsal, where it is the one
    /// that the plan is for. `None`: any role of the account.
    pub judged_role: Option<String>,
    /// Steps at once, after the first.
    pub batch: usize,
    /// How long a status, a configuration or coverage may take to come true.
    pub wait: Duration,
    /// Kept out of, whatever the plan says.
    pub blocklist: Vec<AccountId>,
    /// Where Inspector writes a copy of its own of what is deleted, if anywhere.
    pub findings_reports: Option<FindingsReports>,
    /// Go on with what was begun.
    pub resume: bool,
    /// Look, and change nothing.
    pub dry_run: bool,
    pub clock: fn() -> Timestamp,
    /// Where the apply is recorded before its first change, and where others are that may have left a registry of the plan
    /// without scanning. `None` in a rehearsal, which leaves nothing open.
    pub open_registries: Option<OpenRegistries>,
    /// Bring back what is open, and nothing else.
    pub only_reenable: bool,
}

/// How a backup is to go, with no apply.
#[derive(Debug, Clone)]
pub struct BackupOptions {
    pub folder: PathBuf,
    pub roles: Roles,
    pub clock: fn() -> Timestamp,
}

/// Whose credentials are used.
#[derive(Debug, Clone)]
pub struct Roles {
    /// For reading, tried in order in each account.
    pub role_names: Vec<String>,
    /// For reading in the account of Inspector's delegated administrator, where it is another.
    pub inspector_admin_role_name: Option<String>,
    /// For reading the organization, from a tooling account.
    pub organization_role_arn: Option<String>,
    /// For writing, in every account that the plan touches. `None`: nothing will be written.
    pub write_role_name: Option<String>,
    pub external_id: Option<ExternalId>,
}
