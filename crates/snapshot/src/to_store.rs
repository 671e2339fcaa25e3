//! What is stored, and what can go wrong with it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use scangap_model::{
    AccountFacts, CoverageRow, Gap, ImageCounts, ImageRow, RecordError, RegionFact, RegistryFacts, RepositoryFacts,
    RepositoryName, Shard, StoredPolicy,
};

#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("`{0}` already holds a snapshot")]
    Exists(PathBuf),
    #[error("failed to create the snapshot `{path}`")]
    Create { path: PathBuf, source: std::io::Error },
    #[error("failed to write the snapshot")]
    Sqlite(#[from] rusqlite::Error),
    #[error("failed to read the facts back")]
    ReadBack(#[source] RecordError),
}

/// What is known when a run starts.
#[derive(Debug, Clone)]
pub struct RunStart {
    pub tool_version: String,
    pub started_at: Timestamp,
    pub as_of: Timestamp,
    /// Keys of tags that are read of every repository.
    pub tag_keys: Vec<String>,
    /// Whether the images' rows are kept one by one.
    pub keeps_images: bool,
    /// The command line, without secrets.
    pub command_line: String,
    pub caller_arn: String,
    /// The slice of the accounts that is read; `None`: all.
    pub shard: Option<Shard>,
    /// The roles that are assumed, in words, without what is secret.
    pub roles: String,
    /// Whether any answer so far came from a host that is not AWS's.
    pub simulated: bool,
    /// Whom the finished snapshot is encrypted to, as age writes them.
    pub age_recipients: Vec<String>,
}

/// What is known when a run is resumed; what is judged, and with which options, is in the file.
#[derive(Debug, Clone)]
pub struct ResumedRun {
    pub started_at: Timestamp,
    pub command_line: String,
    pub caller_arn: String,
}

/// What one API cost in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUse {
    pub api: String,
    pub calls: u64,
    pub attempts: u64,
    pub throttled: u64,
    /// Waited for turns in AWS's buckets, all calls together.
    pub waited_ms: u64,
    /// From requests to answers, all attempts together.
    pub answered_ms: u64,
}

/// What a phase of a run took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseTime {
    pub phase: String,
    pub took_ms: u64,
}

/// How long calls waited for one of AWS's buckets, all together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketWait {
    /// The account that pays for the calls, and the region.
    pub place: String,
    pub api: String,
    pub waited_ms: u64,
}

/// What is known when a run ends.
#[derive(Debug, Clone)]
pub struct Closing {
    pub interrupted: bool,
    pub simulated: bool,
    /// The first host that was not AWS's.
    pub endpoint: Option<String>,
    pub finished_at: Timestamp,
    pub api_use: Vec<ApiUse>,
    /// Those that were waited for longest.
    pub bucket_waits: Vec<BucketWait>,
}

/// A repository's diagnosis, as the views show it.
#[derive(Debug, Clone)]
pub struct AssessmentRow {
    pub account_id: String,
    pub region: String,
    pub repository: String,
    pub diagnosis: String,
    pub policy_verdict: String,
    pub denied_actions: Vec<String>,
    pub responsible_statements: Vec<String>,
    pub depends_on: Vec<String>,
    pub coverage_status: String,
    pub coverage_reason: String,
    pub next_step: String,
}

/// An account with all that is known of it before its registries are read.
#[derive(Debug, Clone, Copy)]
pub struct AccountToStore<'a> {
    pub facts: &'a AccountFacts,
    pub regions: &'a [RegionFact],
    /// Gaps that no fact of the account refers to.
    pub gaps: &'a [Gap],
    /// Its registries that need no call of their own.
    pub registries: &'a [RegistryToStore<'a>],
}

/// Everything that was read in one registry.
#[derive(Debug, Clone, Copy)]
pub struct RegistryToStore<'a> {
    pub facts: &'a RegistryFacts,
    pub repositories: &'a [RepositoryFacts],
    pub coverage: &'a [CoverageRow],
    pub images: &'a BTreeMap<RepositoryName, ImageCounts>,
    pub image_rows: &'a [ImageRow],
    pub policies: &'a [StoredPolicy],
}
