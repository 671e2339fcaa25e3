//! Terraform and `OpenTofu`: plans and states as `show -json` prints them, and HCL itself as far as it is literal.

mod attributes;
mod json_syntax;
mod module;
mod plan;
mod policy_document;
mod providers;
mod scope;
mod value;

pub(crate) use json_syntax::{is_configuration, read as read_json_syntax};
pub(crate) use module::read as read_module;
pub(crate) use plan::{is_plan_or_state, read as read_plan};
