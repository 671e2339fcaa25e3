//! Scenarios: an organization as a file a person can write, and a generator for organizations of any size.

mod file;
mod generate;
mod quarters;
mod size;

pub use file::{
    AccountSpec, CoverageSpec, DEMO, DelaySpec, FaultKind, FaultSpec, ImageSpec, LatencySpec, LimitSpec,
    OrganizationSpec, OuSpec, PolicySpec, RegistrySpec, RepositorySpec, RolePolicySpec, RoleSpec, RuleSpec, Scenario,
    ScenarioError, TemplateSpec,
};

pub use quarters::Quarters;
pub(crate) use size::Random;
pub use size::{Generate, GeneratedRegistries};
