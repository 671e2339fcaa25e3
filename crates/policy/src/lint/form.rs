//! How a policy is written down.

use std::collections::BTreeSet;

use super::{Finding, LintContext, PolicyKind};
use crate::element::Version;
use crate::storable::{FOREIGN, NOT_ON_A_REPOSITORY, UNKNOWN, refused_action};
use crate::tree::{Resource, Statement};

pub(super) fn variable_as_text(scene: &LintContext<'_>) -> Vec<Finding> {
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

pub(super) fn duplicate_sid(scene: &LintContext<'_>) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for statement in &scene.document.statements {
        if let Some(sid) = statement.sid.as_ref().filter(|sid| !sid.is_empty() && !seen.insert(sid.as_str())) {
            findings.push(Finding::of_statement(statement, format!("the Sid `{sid}` appears twice")));
        }
    }
    findings
}

/// Every action that a statement names, and is none that this policy can hold.
fn actions(scene: &LintContext<'_>, wrong: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let named = |statement: &Statement| -> Vec<Finding> {
        let wrong = statement.actions.items.iter().filter_map(|action| wrong(action));
        wrong.map(|message| Finding::of_statement(statement, message)).collect()
    };
    // What NotAction names is left out, whatever it is.
    scene.document.statements.iter().filter(|statement| !statement.actions.negated).flat_map(named).collect()
}

fn refused(scene: &LintContext<'_>, why: &'static str) -> Vec<Finding> {
    actions(scene, |action| (refused_action(action, scene.kind) == Some(why)).then(|| format!("`{action}` is {why}")))
}

pub(super) fn foreign_action(scene: &LintContext<'_>) -> Vec<Finding> {
    refused(scene, FOREIGN)
}

pub(super) fn unknown_action(scene: &LintContext<'_>) -> Vec<Finding> {
    refused(scene, UNKNOWN)
}

pub(super) fn refused_in_repository(scene: &LintContext<'_>) -> Vec<Finding> {
    refused(scene, NOT_ON_A_REPOSITORY)
}

/// Only what the statement's own account, region and kind of resource make impossible, whichever repository it is.
pub(super) fn dead_resource(scene: &LintContext<'_>) -> Vec<Finding> {
    let dead = |statement: &&Statement| {
        statement.resources.as_ref().is_some_and(|resources| {
            !resources.negated
                && !resources.items.is_empty()
                && resources.items.iter().all(|resource| !resource.template.is_everything() && is_dead(resource, scene))
        })
    };
    let found = scene.document.statements.iter().filter(dead);
    let message = "its Resource is no repository's ARN of this registry";
    found.map(|statement| Finding::of_statement(statement, message)).collect()
}

fn is_dead(resource: &Resource, scene: &LintContext<'_>) -> bool {
    let start = &scene.context.repository_arn_start;
    resource.template.variables().next().is_none() && !resource.template.could_begin(start, |_| None)
}

pub(super) fn registry_without_resource(scene: &LintContext<'_>) -> Vec<Finding> {
    if scene.kind == PolicyKind::Repository {
        return Vec::new();
    }
    let without = scene.document.statements.iter().filter(|statement| statement.resources.is_none());
    without.map(|statement| Finding::of_statement(statement, "there is no Resource")).collect()
}
