//! From facts and policies to diagnoses: pure, parallel, the same for the same facts.

mod cause;
mod coverage;
mod diagnose;
mod evidence;
mod losses;
mod organization;
mod policies;
mod question;
mod registry;
mod repository;
mod tag_writer;
mod worlds;
mod writer;

pub use cause::{AttachedTo, CauseId, CauseKind, CauseTally, SharedCause, with_parameter};
pub use coverage::{Coverage, ImageCoverage, ImageTotals, ImagesCovered, images_of, of as coverage_of};
pub use diagnose::{Layers, Selection, diagnose, selects};
pub use evidence::{PolicyEvidence, policy_evidence, registry_policy_evidence, verdict_of_text, verdict_with_policy};
pub use losses::{ELIGIBLE_DAYS, LostImage, RegistryLosses, RegistryToCount, RescanCost, WhyLost, registry_losses};
pub use organization::{Assessment, JudgedRecord, RegistryKey, assess};
pub use policies::request as inspector_request;
pub use question::{AskedPolicy, Participation, PolicyAnswer, PolicyQuestion, PolicyRepair};
pub use registry::RegistryAssessment;
pub use repository::{LikelyCause, PolicyAssessment, RepositoryAssessment};
pub use tag_writer::TagWriter;
pub use worlds::{OpenPolicy, OpenValue, PolicyWorld, UNKNOWN_ACCOUNT, UNKNOWN_REGION, WorldsAnswer};
pub use writer::{WriteAccess, write_access, write_role};
