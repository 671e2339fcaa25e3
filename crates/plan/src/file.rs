//! `plan.json`: how it is written, read back, and described to others.

mod document;
mod make;
mod open;
mod schema;
mod summary;
pub(crate) mod v2;

pub use document::{DocumentError, PlanDocument, Repair, Resync};
pub use make::{PLAN_SCHEMA_VERSION, plan_json};
pub use open::PlanReadError;
pub use schema::plan_schema;
pub use summary::{PlanSummary, PlanSummaryRow, plan_summary};
pub use v2::PlanJson;
