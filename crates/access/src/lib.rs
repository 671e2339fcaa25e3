//! What AWS has to allow so that scangap can work: a policy for each role, from the API table alone, as JSON, `CloudFormation` and Terraform.
//!
//! Pure: nothing is asked of AWS here.

mod cloudformation;
mod document;
mod grant;
mod made;
mod terms;
mod terraform;

pub use cloudformation::template;
pub use document::{GrantDocument, TrustDocument};
pub use grant::{Grant, Grantee, grants};
pub use terms::{BadPrincipal, FindingsBucket, Principal, Terms};
pub use terraform::module;
