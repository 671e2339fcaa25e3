//! From diagnoses to a plan: what would be changed, where, and how it is taken back. A plan is data, the same for the same
//! snapshot and the same wishes, hashed, and naming its snapshot; nothing here changes anything.

mod commands;
pub mod execute;
mod files;
mod governs;
mod json;
mod planner;
mod read;
mod refusal;
mod request;
mod resync;
mod runbook;
mod schema;
mod script;
mod step;
mod terraform;

pub use files::{PlanFile, files};
pub use json::{PLAN_SCHEMA_VERSION, plan_json};
pub use planner::{Candidates, candidates, plan};
pub use read::{PlanReadError, PlanSummary, PlanSummaryRow, plan_summary};
pub use refusal::{Refusal, Refused};
pub use request::{Collected, Source, Wishes};
pub use resync::{ResyncStep, ScanningBefore};
pub use schema::plan_schema;
pub use step::{Counted, Losses, Plan, PolicyStep, Undecided};
