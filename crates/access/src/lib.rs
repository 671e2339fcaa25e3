//! What AWS has to allow so that scangap can work: a policy for each role, from the API table alone, as JSON, `CloudFormation` and Terraform.
//! And what a doctor has seen, as checks with their fixes; and the gaps of an audit, as what to grant.
//!
//! Pure: nothing is asked of AWS here.

mod advice;
mod check;
mod cloudformation;
mod document;
mod grant;
mod made;
mod survey;
mod terms;
mod terraform;

pub use advice::{Advice, advice};
pub use check::{Check, CheckStatus, checks};
pub use cloudformation::template;
pub use document::{GrantDocument, TrustDocument};
pub use grant::{Grant, Grantee, grants};
pub use survey::{OrganizationSeen, Survey, Tried, sample};
pub use terms::{BadPrincipal, FindingsBucket, Principal, Terms};
pub use terraform::module;
