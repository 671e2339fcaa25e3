//! Files that deploy policies of ECR: what they state, each policy with its place, as far as the files decide it. What is not known
//! yet stays open, by its name; nothing is guessed.
//!
//! And findings as other programs read them: SARIF, `JUnit` and the like.
//!
//! Pure: texts in, policies out. Files are found, and policies judged, by others.

mod cdk;
mod cloudformation;
mod declared;
mod document;
mod error;
mod exceptions;
mod finding;
mod formats;
mod json;
mod kubernetes;
mod plain;
mod pulumi;
mod read;
mod repair;
mod source;
mod terraform;
mod tree;
mod yaml;

pub use cdk::environments as cdk_environments;
pub use declared::{
    Attached, Declarations, DeclaredPolicy, DeclaredSetting, DeployedTo, Destroyed, Language, NotKnown, Setting,
};
pub use document::{Document, Leaf, NoText, UNKNOWN, World, WrittenPolicy};
pub use error::ReadProblem;
pub use exceptions::{BASELINE_VERSION, Baseline, Comment, Known, by_comment, comments, unused};
pub use finding::{Exception, ExceptionNote, FileProblem, Finding, GateReport, Level, Replacement, Rule, fingerprint};
pub use formats::{annotations, code_quality, gate_schema, json_report, junit, sarif, step_summary};
pub use read::{Form, form, may_matter, read_data, read_module};
pub use repair::{Addition, Insertion, There, additions, insertions, lines as repair_lines};
pub use source::{Place, Source, Span, decode};
pub use tree::{Piece, Unresolved};
