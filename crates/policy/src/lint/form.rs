//! How a policy is written down.

use std::collections::BTreeSet;

use super::{Finding, PolicyKind, Scene};
use crate::document::Version;

pub(super) fn variable_as_text(scene: &Scene<'_>) -> Vec<Finding> {
    if scene.document.version == Version::V2012 {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for statement in &scene.document.statements {
        for condition in statement.conditions.iter().filter(|condition| condition.operator.takes_variables()) {
            if let Some(value) = condition.values.iter().find(|value| value.contains("${")) {
                findings.push(Finding::of_condition(statement, condition, format!("`{value}` is compared as text")));
            }
        }
        let mut resources = statement.resources.iter().flat_map(|resources| &resources.items);
        if let Some(resource) = resources.find(|resource| resource.text.contains("${")) {
            findings.push(Finding::of_statement(statement, format!("`{}` is compared as text", resource.text)));
        }
    }
    findings
}

pub(super) fn duplicate_sid(scene: &Scene<'_>) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for statement in &scene.document.statements {
        if let Some(sid) = statement.sid.as_ref().filter(|sid| !sid.is_empty() && !seen.insert(sid.as_str())) {
            findings.push(Finding::of_statement(statement, format!("the Sid `{sid}` stands twice")));
        }
    }
    findings
}

pub(super) fn registry_without_resource(scene: &Scene<'_>) -> Vec<Finding> {
    if scene.kind == PolicyKind::Repository {
        return Vec::new();
    }
    let without = scene.document.statements.iter().filter(|statement| statement.resources.is_none());
    without.map(|statement| Finding::of_statement(statement, "there is no Resource")).collect()
}
