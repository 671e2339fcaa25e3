//! Rules about exemptions that have no effect because of the element in which they are written.

use super::principals::{arn, named};
use super::{Finding, LintContext};
use crate::action::Class;
use crate::element::Effect;
use crate::key::Kind;
use crate::outcome::Kleene;
use crate::tree::Statement;

pub(super) fn allow_for_inspector(scene: &LintContext<'_>) -> Vec<Finding> {
    let is_inspector = |text: &str| {
        arn(text)
            .is_some_and(|(service, _, resource)| service == "iam" && resource.contains("/inspector2.amazonaws.com/"))
    };
    let allows = |statement: &&Statement| {
        statement.effect == Effect::Allow
            && !statement.principals.negated
            && named(statement).any(|(text, _)| is_inspector(text))
    };
    let statements = scene.document.statements.iter().filter(allows);
    statements.map(|statement| Finding::of_principals(statement, "an Allow names Inspector's role")).collect()
}

pub(super) fn in_another_statement(scene: &LintContext<'_>) -> Vec<Finding> {
    let denying = |statement: &&Statement| statement.effect == Effect::Deny && scene.reaches_inspector(statement);
    let Some(denying) = scene.document.statements.iter().find(denying) else { return Vec::new() };
    let mut findings = Vec::new();
    for statement in scene.document.statements.iter().filter(|statement| statement.effect == Effect::Deny) {
        let message = format!("Inspector's role is spared here, and statement {} denies it still", denying.index + 1);
        let by_condition = statement.conditions.iter().find(|condition| {
            condition.key.kind == Kind::PrincipalArn
                && condition.operator.negated
                && condition.evaluate(scene.context, Class::REPOSITORY).over(scene.context.cases) == Kleene::No
        });
        let by_name = statement.principals.negated
            && statement.index != denying.index
            && statement
                .principals
                .items
                .iter()
                .any(|item| Some(&*item.text) == scene.context.principal.arn.as_deref());
        if let Some(condition) = by_condition {
            findings.push(Finding::of_condition(statement, condition, message));
        } else if by_name {
            findings.push(Finding::of_principals(statement, message));
        }
    }
    findings
}
