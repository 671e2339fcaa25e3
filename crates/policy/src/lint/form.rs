//! How a policy is written down.

use std::collections::BTreeSet;

use super::{Finding, PolicyKind, Scene};
use crate::document::{Resource, Statement, Version};
use crate::template::Template;

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

/// AWS: "Actions, resources, and condition keys for Amazon Elastic Container Registry", 2026-11. New ones come.
#[rustfmt::skip]
const ECR_ACTIONS: &[&str] = &[
    "BatchCheckLayerAvailability", "BatchDeleteImage", "BatchGetImage", "BatchGetRepositoryScanningConfiguration",
    "BatchImportUpstreamImage", "CompleteLayerUpload", "CreatePullThroughCacheRule", "CreateRepository",
    "CreateRepositoryCreationTemplate", "DeleteLifecyclePolicy", "DeletePullThroughCacheRule", "DeleteRegistryPolicy",
    "DeleteRepository", "DeleteRepositoryCreationTemplate", "DeleteRepositoryPolicy", "DeleteSigningConfiguration",
    "DeregisterPullTimeUpdateExclusion", "DescribeImageReplicationStatus", "DescribeImages", "DescribeImageScanFindings",
    "DescribeImageSigningStatus", "DescribePullThroughCacheRules", "DescribeRegistry", "DescribeRepositories",
    "DescribeRepositoryCreationTemplates", "GetAccountSetting", "GetAuthorizationToken", "GetDownloadUrlForLayer",
    "GetImageCopyStatus", "GetLifecyclePolicy", "GetLifecyclePolicyPreview", "GetRegistryPolicy",
    "GetRegistryScanningConfiguration", "GetRepositoryPolicy", "GetSigningConfiguration", "InitiateLayerUpload",
    "ListImageReferrers", "ListImages", "ListPullTimeUpdateExclusions", "ListTagsForResource", "PutAccountSetting",
    "PutImage", "PutImageScanningConfiguration", "PutImageTagMutability", "PutLifecyclePolicy", "PutRegistryPolicy",
    "PutRegistryScanningConfiguration", "PutReplicationConfiguration", "PutSigningConfiguration",
    "RegisterPullTimeUpdateExclusion", "ReplicateImage", "SetRepositoryPolicy", "StartImageScan",
    "StartLifecyclePolicyPreview", "TagResource", "UntagResource", "UpdateImageStorageClass",
    "UpdatePullThroughCacheRule", "UpdateRepositoryCreationTemplate", "UploadLayerPart", "ValidatePullThroughCacheRule",
];

/// Every action that a statement names, and is none that this policy can hold.
fn actions(scene: &Scene<'_>, wrong: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let named = |statement: &Statement| -> Vec<Finding> {
        let wrong = statement.actions.items.iter().filter_map(|action| wrong(action));
        wrong.map(|message| Finding::of_statement(statement, message)).collect()
    };
    // What NotAction names is left out, whatever it is.
    scene.document.statements.iter().filter(|statement| !statement.actions.negated).flat_map(named).collect()
}

/// The name after `ecr:`, if it is ECR's; `None` also of `*`.
fn of_ecr(action: &str) -> Option<&str> {
    let (service, name) = action.split_once(':')?;
    service.eq_ignore_ascii_case("ecr").then_some(name)
}

pub(super) fn foreign_action(scene: &Scene<'_>) -> Vec<Finding> {
    actions(scene, |action| {
        let foreign = !action.contains("${") && action != "*" && of_ecr(action).is_none() && !could_be_ecr(action);
        foreign.then(|| format!("`{action}` is no action of ECR's"))
    })
}

/// `e*:Get*` and `*` reach ECR.
fn could_be_ecr(action: &str) -> bool {
    let service = action.split(':').next().unwrap_or(action);
    Template::new(&service.to_ascii_lowercase(), true, false).matches("ecr", |_| "")
}

pub(super) fn unknown_action(scene: &Scene<'_>) -> Vec<Finding> {
    actions(scene, |action| {
        let name = of_ecr(action)?.to_ascii_lowercase();
        let template = Template::new(&name, true, false);
        let known = ECR_ACTIONS.iter().any(|known| template.matches(&known.to_ascii_lowercase(), |_| ""));
        (!known).then(|| format!("ECR has no action `{action}` that is known here"))
    })
}

pub(super) fn refused_action(scene: &Scene<'_>) -> Vec<Finding> {
    if scene.kind == PolicyKind::Registry {
        return Vec::new();
    }
    actions(scene, |action| {
        let refused = of_ecr(action).is_some_and(|name| name.eq_ignore_ascii_case("GetAuthorizationToken"));
        refused.then(|| format!("`{action}` is asked of no repository"))
    })
}

/// Only what the statement's own account, region and kind of resource make impossible, whichever repository it is.
pub(super) fn dead_resource(scene: &Scene<'_>) -> Vec<Finding> {
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

fn is_dead(resource: &Resource, scene: &Scene<'_>) -> bool {
    let start = &scene.context.repository_arn_start;
    resource.template.variables().next().is_none() && !resource.template.could_begin(start, |_| None)
}

pub(super) fn registry_without_resource(scene: &Scene<'_>) -> Vec<Finding> {
    if scene.kind == PolicyKind::Repository {
        return Vec::new();
    }
    let without = scene.document.statements.iter().filter(|statement| statement.resources.is_none());
    without.map(|statement| Finding::of_statement(statement, "there is no Resource")).collect()
}
