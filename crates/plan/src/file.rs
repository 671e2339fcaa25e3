//! `plan.json`: how it is written, read back, and described to others.

mod document;
mod json;
mod schema;
mod summary;

pub use document::{DocumentError, PlanDocument, Repair, Resync};
pub use json::{PLAN_SCHEMA_VERSION, plan_json};
pub use schema::plan_schema;
pub use summary::{PlanReadError, PlanSummary, PlanSummaryRow, plan_summary};
