//! Findings as other programs read them. Each format is a text made of the same report.

mod github;
mod gitlab;
mod json;
mod junit;
mod sarif;

pub use github::{annotations, step_summary};
pub use gitlab::code_quality;
pub use json::{report as json_report, schema as gate_schema};
pub use junit::junit;
pub use sarif::sarif;
