//! Conditions that mean something else than they say.

use super::{Finding, LintContext};
use crate::action::Class;
use crate::condition::{Comparison, Condition, Order, Quantifier, Wanted};
use crate::context::Value;
use crate::element::Effect;
use crate::key::Kind;
use crate::outcome::Kleene;
use crate::tree::Statement;

fn each(scene: &LintContext<'_>, wrong: impl Fn(&Statement, &Condition) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for statement in &scene.document.statements {
        for condition in &statement.conditions {
            let message = wrong(statement, condition);
            findings.extend(message.map(|message| Finding::of_condition(statement, condition, message)));
        }
    }
    findings
}

pub(super) fn wildcard_as_text(scene: &LintContext<'_>) -> Vec<Finding> {
    each(scene, |_, condition| {
        let as_text =
            matches!(condition.operator.comparison, Comparison::StringEquals | Comparison::StringEqualsIgnoreCase);
        let wild = |value: &&str| without_variables(value).contains(['*', '?']);
        let value = condition.values.iter().map(|value| &**value).find(wild).filter(|_| as_text)?;
        Some(format!("`{value}` under {} is compared as text", condition.operator_text))
    })
}

pub(super) fn service_flag(scene: &LintContext<'_>) -> Vec<Finding> {
    each(scene, |statement, condition| {
        let flag = matches!(
            condition.key.kind,
            Kind::PrincipalIsAwsService
                | Kind::ViaAwsService
                | Kind::PrincipalServiceName
                | Kind::PrincipalServiceNames
        );
        // Only where it lets the Deny through to Inspector's role.
        let lets_through =
            condition.evaluate(scene.context, Class::REPOSITORY).over(scene.context.cases) == Kleene::Yes;
        (flag && lets_through && statement.effect == Effect::Deny && scene.reaches_inspector(statement))
            .then(|| format!("{} does not spare Inspector's role", condition.key.text))
    })
}

pub(super) fn vacuous(scene: &LintContext<'_>) -> Vec<Finding> {
    each(scene, |statement, condition| {
        let guarded = statement.conditions.iter().any(|other| {
            other.operator.comparison == Comparison::Null
                && other.key.lower == condition.key.lower
                && other.wanted.as_slice() == [Wanted::Missing(false)]
        });
        // Under a Deny it is what keeps those out who lack the key: nothing is to be added.
        (condition.operator.quantifier == Quantifier::ForAllValues && statement.effect == Effect::Allow && !guarded)
            .then(|| format!("it allows requests without {} too", condition.key.text))
    })
}

pub(super) fn address_as_text(scene: &LintContext<'_>) -> Vec<Finding> {
    each(scene, |_, condition| {
        let address = matches!(condition.key.kind, Kind::SourceIp | Kind::VpcSourceIp);
        let as_text = matches!(
            condition.operator.comparison,
            Comparison::StringEquals | Comparison::StringEqualsIgnoreCase | Comparison::StringLike
        );
        (address && as_text).then(|| format!("{} under {}", condition.key.text, condition.operator_text))
    })
}

pub(super) fn no_arn(scene: &LintContext<'_>) -> Vec<Finding> {
    each(scene, |_, condition| {
        if condition.operator.comparison != Comparison::Arn {
            return None;
        }
        let is_none =
            |value: &&str| !value.contains("${") && (!value.starts_with("arn:") || value.split(':').count() < 6);
        let value = condition.values.iter().map(|value| &**value).find(|value| is_none(value))?;
        Some(format!("`{value}` under {} matches nothing", condition.operator_text))
    })
}

pub(super) fn private_source_ip(scene: &LintContext<'_>) -> Vec<Finding> {
    each(scene, |_, condition| {
        if condition.key.kind != Kind::SourceIp || condition.operator.comparison != Comparison::IpAddress {
            return None;
        }
        let mut values = condition.values.iter().zip(&condition.wanted);
        let private = values.find(|(_, wanted)| matches!(wanted, Wanted::Address(range) if range.is_private()));
        private.map(|(value, _)| format!("`{value}` holds no public address"))
    })
}

pub(super) fn malformed(scene: &LintContext<'_>) -> Vec<Finding> {
    each(scene, |_, condition| {
        let mut values = condition.values.iter().zip(&condition.wanted);
        let wrong = values.find(|(_, wanted)| **wanted == Wanted::Malformed);
        wrong.map(|(value, _)| format!("`{value}` under {}", condition.operator_text))
    })
}

pub(super) fn never_matches(scene: &LintContext<'_>) -> Vec<Finding> {
    each(scene, |statement, condition| {
        if !condition.needs_the_key() {
            return None;
        }
        let key = &condition.key.text;
        let others = || statement.conditions.iter().filter(|other| *other != condition);
        let same_key = || others().filter(|other| other.key.lower == condition.key.lower);
        let excluded_by = |test: &dyn Fn(&Condition) -> bool| same_key().any(test);
        if excluded_by(&must_be_missing) {
            return Some(format!("{key} must be missing and must have a value"));
        }
        if condition.values.is_empty() && condition.operator.quantifier == Quantifier::ForAnyValue {
            return Some("an empty list has no value to match".to_owned());
        }
        let endpoint = |other: &Condition| {
            matches!(other.key.kind, Kind::VpcSourceIp | Kind::Endpoint | Kind::EndpointOwner) && other.needs_the_key()
        };
        if condition.key.kind == Kind::SourceIp && others().any(endpoint) {
            return Some("aws:SourceIp and the keys of VPC endpoints are never there together".to_owned());
        }
        let comparison = condition.operator.comparison;
        if comparison == Comparison::Arn && !condition.values.is_empty() {
            let whole = |value: &str| value.matches(':').count() >= 5 || value.contains("${");
            if !condition.values.iter().any(|value| whole(value)) {
                let operator = &condition.operator_text;
                return Some(format!("an ARN has six parts between colons; {operator} compares them one by one"));
            }
        }
        if excluded_by(&|other| negates(other, condition)) {
            return Some(format!("another condition on {key} excludes the same values"));
        }
        if excluded_by(&|other| is_the_other_truth(other, condition) || leaves_no_number(other, condition)) {
            return Some(format!("another condition on {key} excludes every value of this one"));
        }
        let literal = comparison == Comparison::StringEquals
            && condition.operator.quantifier == Quantifier::Single
            && !condition.values.is_empty()
            && !condition.values.iter().any(|value| value.contains("${"));
        let excluded = |value: &str| {
            same_key().any(|other| {
                other.operator.comparison != Comparison::Null
                    && !other.values.iter().any(|value| value.contains("${"))
                    && other.present(std::iter::once(Value::Text(value)), scene.context, Class::REPOSITORY)
                        == Kleene::No
            })
        };
        (literal && condition.values.iter().all(|value| excluded(value)))
            .then(|| format!("another condition on {key} excludes every value of this one"))
    })
}

/// A value's own text, without its variables and their defaults.
fn without_variables(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, inside)) = rest.split_once("${") {
        out.push_str(before);
        rest = inside.split_once('}').map_or("", |(_, after)| after);
    }
    out + rest
}

/// The same comparison with the same values, in the opposite sense.
fn negates(other: &Condition, condition: &Condition) -> bool {
    other.operator.negated
        && other.operator.comparison == condition.operator.comparison
        && other.operator.quantifier == condition.operator.quantifier
        && condition.values.iter().all(|value| other.values.contains(value))
}

/// True here and false there, of one key.
fn is_the_other_truth(other: &Condition, condition: &Condition) -> bool {
    let truths = |condition: &Condition| -> Option<Vec<bool>> {
        condition
            .wanted
            .iter()
            .map(|wanted| if let Wanted::Bool(value) = wanted { Some(*value) } else { None })
            .collect()
    };
    match (truths(other), truths(condition)) {
        (Some(others), Some(own)) => {
            !own.is_empty() && !others.is_empty() && own.iter().all(|value| !others.contains(value))
        }
        _ => false,
    }
}

/// A number or time that must be above one bound and below another that is not above it.
fn leaves_no_number(other: &Condition, condition: &Condition) -> bool {
    let bound = |condition: &Condition| match (condition.operator.comparison, condition.wanted.as_slice()) {
        (Comparison::Numeric(order), [Wanted::Number(value)]) => Some((order, *value)),
        (Comparison::Date(order), [Wanted::Date(time)]) => Some((order, time.as_second() as f64)),
        _ => None,
    };
    match (bound(condition), bound(other)) {
        (
            Some((Order::GreaterThan | Order::GreaterThanEquals, low)),
            Some((Order::LessThan | Order::LessThanEquals, high)),
        ) => low > high || (low >= high && !both_include(condition, other)),
        _ => false,
    }
}

fn both_include(one: &Condition, other: &Condition) -> bool {
    let includes = |condition: &Condition| {
        matches!(
            condition.operator.comparison,
            Comparison::Numeric(Order::LessThanEquals | Order::GreaterThanEquals)
                | Comparison::Date(Order::LessThanEquals | Order::GreaterThanEquals)
        )
    };
    includes(one) && includes(other)
}

fn must_be_missing(condition: &Condition) -> bool {
    condition.operator.comparison == Comparison::Null
        && condition.operator.quantifier == Quantifier::Single
        && condition.wanted.as_slice() == [Wanted::Missing(true)]
}
