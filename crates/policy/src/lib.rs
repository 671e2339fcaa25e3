//! The IAM policy language, as far as ECR's repository and registry policies use it: parse, and decide in three values
//! whether Inspector's service-linked role gets through, with the statement and the keys responsible.
//!
//! Pure: text and context in, decision out. What is not decided is `depends`, with the reason; never a guess.

mod action;
mod condition;
mod context;
mod document;
mod evaluate;
mod exempt;
mod json;
mod network;
mod pattern;
mod principal;
mod truth;
mod why;

pub use action::{ALL_ACTIONS, Action, REPOSITORY_ACTIONS};
pub use context::{Organization, Request, Stated, Tags};
pub use document::{Effect, PolicyDocument, Statement};
pub use evaluate::{Decision, Responsible, evaluate};
pub use exempt::{ExemptError, exempt};
pub use json::{Position, SyntaxError};
pub use truth::Truth;
pub use why::{Element, why};
