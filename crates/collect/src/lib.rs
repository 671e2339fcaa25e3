//! Collection: which accounts, regions and calls, how fast, and what becomes of an answer that does not come.
//!
//! A collector never fails: an error becomes a gap at the exact resource it hides, and nothing else is lost. Facts leave
//! as events through one channel; no SQL, no printing, no decisions about policies.

mod account;
mod accounts;
mod admin;
mod backlog;
mod board;
mod context;
mod coverage;
mod error;
mod event;
mod exists;
mod floor;
mod gate;
mod image_pages;
mod options;
mod organization;
mod prior;
mod registry;
mod resync;
mod run;
mod slots;
mod statuses;
mod waiting;
mod workers;

pub use board::{Board, RegistryStage, Running};
pub use error::CollectError;
pub use event::{Event, RegistryRecord};
pub use floor::{BucketKey, Floor, Machine, Size, Sizes, Work};
pub use options::CollectOptions;
pub use prior::{Begun, Prior, PriorAccount, PriorOpening, PriorOrganization, PriorRole};
pub use resync::{PlanAnswers, PlanQuestions, ResyncRegistries, collect_for_plan};
pub use run::{Collected, collect};
