//! A plan says what will be, the configuration where it is written. Where both are given, a plan's findings stand at the lines of
//! the configuration, and decide what the configuration leaves open.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use scangap_iac::{Finding, Language, Place, Span};

use super::files::Read;
use crate::gate_rules::{UNDECIDED, UNKNOWN};

/// Where the resources of plans are written.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    /// By the place of the plan's unit, and the resource's address in the plan.
    written: BTreeMap<(usize, String), (Place, Place)>,
    /// By the place of the module's unit, and the resource's address in it.
    planned: BTreeSet<(usize, String)>,
    /// Policies of plans that the configuration takes from a document as it is.
    references: BTreeSet<(usize, String)>,
}

impl Configuration {
    /// Of units with their places among all.
    pub(super) fn of(units: &[(usize, Read)]) -> Self {
        let mut modules: BTreeMap<&str, Vec<(usize, &Read, Written)>> = BTreeMap::new();
        for (at, unit) in units.iter().filter(|(_, unit)| unit.is_module) {
            for (address, written) in written(unit) {
                modules.entry(address).or_default().push((*at, unit, written));
            }
        }
        let mut all = Self::default();
        for (at, unit) in units.iter().filter(|(_, unit)| unit.declarations.is_plan) {
            for (address, module_source) in resources(unit) {
                let name = plain(address);
                let places = modules.get(name.as_str()).into_iter().flatten();
                let mut places = places.filter(|(_, module, _)| {
                    are_related(&unit.folder, &module.folder) && is_source(module_source, module)
                });
                // Written in two places, it is not known which is the plan's.
                if let (Some((module, unit, written)), None) = (places.next(), places.next()) {
                    let place = (unit.source.place(written.span.0), unit.source.place(written.span.1));
                    if written.is_reference {
                        all.references.insert((*at, address.clone()));
                    }
                    all.written.insert((*at, address.clone()), place);
                    all.planned.insert((*module, name));
                }
            }
        }
        all
    }

    pub(super) fn place(&self, unit: usize, address: &str) -> Option<&(Place, Place)> {
        self.written.get(&(unit, address.to_owned()))
    }

    /// Whether the configuration takes a plan's policy from a document as it is, by no function.
    pub(super) fn is_reference(&self, unit: usize, address: &str) -> bool {
        self.references.contains(&(unit, address.to_owned()))
    }

    /// Takes out what a module leaves open and a plan decides, and what both find at the same resource.
    pub(super) fn settle(&self, found: &mut Vec<(usize, Finding)>) {
        let of_plans: BTreeSet<(String, Place)> = found
            .iter()
            .filter(|(unit, finding)| self.place(*unit, &finding.address).is_some())
            .map(|(_, finding)| (finding.code.clone(), finding.resource.0.clone()))
            .collect();
        found.retain(|(unit, finding)| {
            let is_planned = self.planned.contains(&(*unit, finding.address.clone()));
            let is_open = finding.code == UNKNOWN || finding.code == UNDECIDED;
            !is_planned || !is_open && !of_plans.contains(&(finding.code.clone(), finding.resource.0.clone()))
        });
    }

    /// Whether a policy of a module is counted with its plan.
    pub(super) fn is_planned(&self, unit: usize, address: &str) -> bool {
        self.planned.contains(&(unit, address.to_owned()))
    }
}

fn resources(unit: &Read) -> impl Iterator<Item = (&String, Option<&str>)> {
    let policies = unit.declarations.policies.iter();
    let policies = policies.map(|policy| (&policy.address, policy.module_source.as_deref()));
    let settings = unit.declarations.settings.iter();
    policies.chain(settings.map(|setting| (&setting.address, setting.module_source.as_deref())))
}

/// How a resource is written in a module.
struct Written {
    span: Span,
    /// Its policy is a document's, as it is.
    is_reference: bool,
}

fn written(unit: &Read) -> impl Iterator<Item = (&String, Written)> {
    let policies = unit.declarations.policies.iter().map(|policy| {
        let is_reference = policy.language == Language::HclDocument;
        (&policy.address, Written { span: policy.span, is_reference })
    });
    let settings = unit.declarations.settings.iter();
    policies.chain(settings.map(|setting| (&setting.address, Written { span: setting.span, is_reference: false })))
}

/// Whether one folder is in the other: a plan of another configuration says nothing of this one.
fn are_related(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// Whether a module's files are those that a plan's resource comes from.
fn is_source(module_source: Option<&str>, module: &Read) -> bool {
    match module_source {
        None => true,
        Some(source) => {
            let name = source.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            !name.is_empty() && module.folder.file_name().is_some_and(|folder| folder.to_string_lossy() == name)
        }
    }
}

/// `aws_ecr_repository_policy.app` of `module.a["x"].aws_ecr_repository_policy.app[0]`.
fn plain(address: &str) -> String {
    let (mut without_instances, mut depth, mut in_string) = (String::new(), 0usize, false);
    for c in address.chars() {
        match c {
            '"' => in_string = !in_string,
            '[' if !in_string => depth += 1,
            ']' if !in_string => depth = depth.saturating_sub(1),
            c if depth == 0 => without_instances.push(c),
            _ => {}
        }
    }
    let parts: Vec<&str> = without_instances.split('.').collect();
    parts.get(parts.len().saturating_sub(2)..).unwrap_or_default().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_without_modules_and_instances() {
        for address in [
            "aws_ecr_repository_policy.app",
            "module.team[\"a.b\"].module.x.aws_ecr_repository_policy.app[\"k]ey\"]",
            "aws_ecr_repository_policy.app[0]",
        ] {
            assert_eq!(plain(address), "aws_ecr_repository_policy.app", "{address}");
        }
    }
}
