//! From diagnoses to a plan: what would be changed, where, and how it is undone. A plan is data, the same for the same
//! snapshot and the same request, hashed, and naming its snapshot; nothing here changes anything, and nothing asks AWS.

mod counted;
mod file;
mod governs;
mod groups;
pub mod hash;
mod planner;
mod refusal;
mod render;
mod request;
mod resync;
mod stages;
mod staleness;
mod step;

pub use counted::Counted;
pub use file::{
    DocumentError, PLAN_SCHEMA_VERSION, PlanDocument, PlanJson, PlanReadError, PlanSummary, PlanSummaryRow, Repair,
    Resync, plan_json, plan_schema, plan_summary,
};
pub use governs::inspector_policy_governs;
pub use groups::{AccountTally, CauseGroup, RefusalGroup};
pub use planner::{Candidates, candidates, plan};
pub use refusal::{Refusal, Refused};
pub use render::{PlanFile, files, shell_word};
pub use request::{LossEstimate, PlanInput, PlanRequest};
pub use resync::{ResyncStep, ScanningBefore};
pub use stages::{STAGES, Stage, StageInfo};
pub use staleness::stale_since;
pub use step::{Losses, Plan, PolicyStep, Undecided, in_words};
