//! The JSON Schema of `plan.json`.

use schemars::{Schema, schema_for};

use super::v2::PlanJson;

/// The JSON Schema of `plan.json`, made from the types that read and write it.
pub fn plan_schema() -> Schema {
    schema_for!(PlanJson)
}
