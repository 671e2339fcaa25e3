//! Conditions that mean something else than they say.

use super::{Finding, Scene};
use crate::condition::{Comparison, Condition, Quantifier, Wanted};
use crate::context::Value;
use crate::document::{Effect, Statement};
use crate::key::Kind;
use crate::outcome::Kleene;

fn each(scene: &Scene<'_>, wrong: impl Fn(&Statement, &Condition) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for statement in &scene.document.statements {
        for condition in &statement.conditions {
            let message = wrong(statement, condition);
            findings.extend(message.map(|message| Finding::of_condition(statement, condition, message)));
        }
    }
    findings
}

pub(super) fn wildcard_as_text(scene: &Scene<'_>) -> Vec<Finding> {
    each(scene, |_, condition| {
        let as_text =
            matches!(condition.operator.comparison, Comparison::StringEquals | Comparison::StringEqualsIgnoreCase);
        // The wildcards of `${*}` and `${?}` are meant as text.
        let wild = |value: &&str| value.replace("${*}", "").replace("${?}", "").contains(['*', '?']);
        let value = condition.values.iter().map(|value| &**value).find(wild).filter(|_| as_text)?;
        Some(format!("`{value}` under {} is compared as text", condition.operator_text))
    })
}

pub(super) fn service_flag(scene: &Scene<'_>) -> Vec<Finding> {
    each(scene, |statement, condition| {
        let flag = matches!(
            condition.key.kind,
            Kind::PrincipalIsAwsService
                | Kind::ViaAwsService
                | Kind::PrincipalServiceName
                | Kind::PrincipalServiceNames
        );
        // Only where it lets the Deny through to Inspector's role.
        let lets_through = condition.evaluate(scene.context, true).over(scene.context.cases) == Kleene::Yes;
        (flag && lets_through && statement.effect == Effect::Deny)
            .then(|| format!("{} does not spare Inspector's role", condition.key.text))
    })
}

pub(super) fn vacuous(scene: &Scene<'_>) -> Vec<Finding> {
    each(scene, |statement, condition| {
        let guarded = statement.conditions.iter().any(|other| {
            other.operator.comparison == Comparison::Null
                && other.key.lower == condition.key.lower
                && other.wanted.as_slice() == [Wanted::Missing(false)]
        });
        let verb = match statement.effect {
            Effect::Allow => "allows",
            Effect::Deny => "denies",
        };
        (condition.operator.quantifier == Quantifier::ForAllValues && !guarded)
            .then(|| format!("it {verb} requests without {} too", condition.key.text))
    })
}

pub(super) fn private_source_ip(scene: &Scene<'_>) -> Vec<Finding> {
    each(scene, |_, condition| {
        if condition.key.kind != Kind::SourceIp || condition.operator.comparison != Comparison::IpAddress {
            return None;
        }
        let mut values = condition.values.iter().zip(&condition.wanted);
        let private = values.find(|(_, wanted)| matches!(wanted, Wanted::Address(range) if range.is_private()));
        private.map(|(value, _)| format!("`{value}` holds no public address"))
    })
}

pub(super) fn malformed(scene: &Scene<'_>) -> Vec<Finding> {
    each(scene, |_, condition| {
        let mut values = condition.values.iter().zip(&condition.wanted);
        let wrong = values.find(|(_, wanted)| **wanted == Wanted::Malformed);
        wrong.map(|(value, _)| format!("`{value}` under {}", condition.operator_text))
    })
}

pub(super) fn never_matches(scene: &Scene<'_>) -> Vec<Finding> {
    each(scene, |statement, condition| {
        if condition.operator.if_exists || condition.operator.negated {
            return None;
        }
        let same_key = || {
            let others = statement.conditions.iter().filter(|other| other.key.lower == condition.key.lower);
            others.filter(|other| *other != condition)
        };
        if condition.operator.comparison != Comparison::Null
            && condition.operator.quantifier != Quantifier::ForAllValues
            && same_key().any(must_be_missing)
        {
            return Some(format!("{} must be missing and must have a value", condition.key.text));
        }
        if condition.values.is_empty() && condition.operator.quantifier == Quantifier::ForAnyValue {
            return Some("an empty list has no value to match".to_owned());
        }
        if condition.operator.comparison == Comparison::Arn && condition.operator.quantifier != Quantifier::ForAllValues
        {
            let whole = |value: &str| value.matches(':').count() >= 5 || value.contains("${");
            let broken = !condition.values.is_empty() && !condition.values.iter().any(|value| whole(value));
            return broken.then(|| {
                format!("an ARN has six parts between colons; {} compares them one by one", condition.operator_text)
            });
        }
        let literal = condition.operator.comparison == Comparison::StringEquals
            && condition.operator.quantifier == Quantifier::Single
            && !condition.values.is_empty()
            && !condition.values.iter().any(|value| value.contains("${"));
        let excluded = |value: &str| {
            same_key().any(|other| {
                other.operator.comparison != Comparison::Null
                    && other.present(std::iter::once(Value::Text(value)), scene.context, true) == Kleene::No
                    && !other.values.iter().any(|value| value.contains("${"))
            })
        };
        (literal && condition.values.iter().all(|value| excluded(value)))
            .then(|| format!("another condition on {} excludes every value of this one", condition.key.text))
    })
}

fn must_be_missing(condition: &Condition) -> bool {
    condition.operator.comparison == Comparison::Null
        && condition.operator.quantifier == Quantifier::Single
        && condition.wanted.as_slice() == [Wanted::Missing(true)]
}
