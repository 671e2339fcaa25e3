//! `plan.json` read back: whether it is a plan of a version that is known, and whole.

use serde::Deserialize;

use super::make::{PLAN_SCHEMA_VERSION, hash_of};
use super::v2::PlanJson;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanReadError {
    #[error("it is not JSON: {0}")]
    NotJson(String),
    #[error("it is no plan: it has no schema_version")]
    NotAPlan,
    #[error("{member}: {why}")]
    Member { member: String, why: String },
    #[error(
        "it is of version {found}, and this program knows up to version {PLAN_SCHEMA_VERSION}: use a newer scangap"
    )]
    Newer { found: u64 },
    #[error("it is of version {found}, which this program does not read any more: make the plan again")]
    Older { found: u64 },
    #[error("it was changed after it was made: its hash is another")]
    Changed,
    #[error("it was made from another snapshot")]
    OtherSnapshot,
}

/// The oldest version that is read.
const OLDEST_VERSION: u64 = 1;

#[derive(Deserialize)]
struct VersionAlone {
    schema_version: Option<u64>,
}

/// The plan, compared with the hash that it names, and the hash.
pub(super) fn open(text: &str) -> Result<(PlanJson, String), PlanReadError> {
    let version: VersionAlone = serde_json::from_str(text).map_err(|error| {
        if error.is_data() {
            PlanReadError::Member { member: "schema_version".to_owned(), why: error.to_string() }
        } else {
            PlanReadError::NotJson(error.to_string())
        }
    })?;
    match version.schema_version.ok_or(PlanReadError::NotAPlan)? {
        found if found > PLAN_SCHEMA_VERSION => return Err(PlanReadError::Newer { found }),
        found if found < OLDEST_VERSION => return Err(PlanReadError::Older { found }),
        _ => {}
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let plan: PlanJson = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| PlanReadError::Member { member: error.path().to_string(), why: error.inner().to_string() })?;
    let hash = hash_of(&plan);
    match &plan.plan_sha256 {
        Some(named) if *named == hash => Ok((plan, hash)),
        Some(_) => Err(PlanReadError::Changed),
        None => Err(PlanReadError::Member { member: "plan_sha256".to_owned(), why: "it is missing".to_owned() }),
    }
}
