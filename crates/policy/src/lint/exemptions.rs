//! Exemptions that exempt nobody, because of where they stand.

use super::principals::{arn, named};
use super::{Finding, Scene};
use crate::action::ALL_ACTIONS;
use crate::document::{Effect, Statement};
use crate::evaluate::{action_matches, applies};
use crate::key::Kind;
use crate::outcome::Kleene;

pub(super) fn allow_for_inspector(scene: &Scene<'_>) -> Vec<Finding> {
    let is_inspector = |text: &str| {
        arn(text).is_some_and(|(service, _, resource)| {
            service == "iam" && resource.ends_with("/AWSServiceRoleForAmazonInspector2")
        })
    };
    let allows = |statement: &&Statement| {
        statement.effect == Effect::Allow
            && !statement.principals.negated
            && named(statement).any(|(text, _)| is_inspector(text))
    };
    let statements = scene.document.statements.iter().filter(allows);
    statements.map(|statement| Finding::of_principals(statement, "an Allow names Inspector's role")).collect()
}

pub(super) fn in_another_statement(scene: &Scene<'_>) -> Vec<Finding> {
    let denies = |statement: &Statement| {
        statement.effect == Effect::Deny
            && ALL_ACTIONS.iter().any(|&action| {
                action_matches(statement, action) != Kleene::No
                    && applies(statement, scene.context, action.is_on_repository()).over(scene.context.cases)
                        == Kleene::Yes
            })
    };
    let Some(denying) = scene.document.statements.iter().find(|statement| denies(statement)) else { return Vec::new() };
    let mut findings = Vec::new();
    for statement in &scene.document.statements {
        let sparing = statement.conditions.iter().find(|condition| {
            condition.key.kind == Kind::PrincipalArn
                && condition.operator.negated
                && statement.effect == Effect::Deny
                && condition.evaluate(scene.context, true).over(scene.context.cases) == Kleene::No
        });
        if let Some(condition) = sparing {
            let message =
                format!("Inspector's role is spared here, and statement {} denies it still", denying.index + 1);
            findings.push(Finding::of_condition(statement, condition, message));
        }
    }
    findings
}
