//! Scenarios: an organization as a file a person can write, and a generator for organizations of any size.

mod file;
mod generate;
mod quarters;

pub use file::{
    AccountSpec, CoverageSpec, DEMO, DelaySpec, FaultKind, FaultSpec, ImageSpec, LatencySpec, LimitSpec,
    OrganizationSpec, OuSpec, PolicySpec, RegistrySpec, RepositorySpec, RolePolicySpec, RoleSpec, RuleSpec, Scenario,
    ScenarioError, TemplateSpec,
};
pub use generate::Generate;
pub(crate) use generate::Random;
pub use quarters::Quarters;
