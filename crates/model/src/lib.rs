//! The words of scangap: identifiers parsed once, facts with their gaps, the API table and the diagnoses.
//!
//! Nothing here does I/O, reads a clock or knows a file format. Every other crate speaks in these types.

mod api;
mod arn;
mod diagnosis;
mod external_id;
mod facts;
mod gap;
mod ids;
mod observed;
mod partition;
mod resync;
mod shard;
mod text;
mod verdict;
mod words;

pub use api::{
    APIS, Allowance, Api, ApiInfo, Limit, Phase, Reader, ResourceKind, SESSION_POLICY_MAX_CHARS, permissions,
    session_policy, session_policy_of,
};
pub use arn::{Arn, ArnError, INSPECTOR_ROLE_NAME, inspector_role_arn, repository_arn};
pub use diagnosis::{DIAGNOSES, Diagnosis, DiagnosisInfo, Tone};
pub use external_id::{ExternalId, NoExternalId};
pub use facts::{
    AccountFacts, AccountOutcome, AuditFacts, CoverageRow, CoverageSource, CreationTemplate, ImageCount, ImageCounts,
    ImageRow, ImageRows, Images, ImagesOf, OrganizationFacts, RecordError, Records, RegionFact, RegionStatus,
    RegionsSource, RegistryAnswers, RegistryFacts, RegistryOutcome, Repositories, RepositoryFacts, RepositoryRecord,
    ScanRule, Scope, ServiceLinkedRole, StoredPolicy, is_scanned,
};
pub use gap::{Cause, Gap, GapKind, grantee, hint, hint_against_policy};
pub use ids::{AccountId, IdError, OrganizationId, PolicyHash, RegionName, RepositoryName};
pub use observed::{Asked, Observed};
pub use partition::{Partition, REGIONS, RegionInfo, nearest_region, partition_without_inspector, region_info};
pub use resync::{
    CoveredImage, FindingCount, FindingTally, NOT_STATED, RepositoryTags, RescanDurations, ResyncFacts, UnitPrice,
};
pub use shard::{NoShard, Shard};
pub use text::{
    code_block, code_cell, code_span, escape_control_characters, hcl_string, is_control_like, plain_name, sanitize,
};
pub use verdict::Verdict;
pub use words::{account_label, count, thousands};
