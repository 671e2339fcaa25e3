//! The IAM policy language, as far as ECR's repository and registry policies use it: parse, and decide in three values
//! whether Inspector's service-linked role gets through, with the statement and the keys responsible.
//!
//! Pure: text and context in, decision out. What is not decided is `depends`, with the reason; never a guess.

mod action;
mod canonical;
mod condition;
mod context;
mod decision;
mod document;
mod element;
mod evaluate;
mod exempt;
mod json;
mod key;
mod lint;
mod network;
mod outcome;
mod principal;
mod request;
mod resource;
mod storable;
mod template;
mod tree;
mod why;

pub use action::{Action, ECR_ACTIONS, INSPECTOR_ACTIONS, REPOSITORY_ACTIONS};
pub use canonical::{canonical, canonical_statement};
pub use condition::operator_names;
pub use context::Context;
pub use decision::{Decision, Note, Residual, Responsible, decide};
pub use element::Effect;
pub use evaluate::{Verdicts, verdicts};
pub use exempt::{ExemptError, exempt};
pub use json::{Position, SyntaxError};
pub use key::{CONDITION_KEYS, ConditionKey};
pub use lint::{LINT_RULES, Lint, LintRule, PolicyKind, lint};
pub use request::{Caller, CallerError, Organization, Request, RoleIdentity, Stated, Tags};
pub use storable::{Unstorable, deleted_principals, storable, unstorable};
pub use tree::{PolicyDocument, Statement};
pub use why::{Element, Truth, why};
