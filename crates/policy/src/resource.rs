//! Evaluates `Resource` and `NotResource`: whether the statement covers the request's resource.

use crate::action::Class;
use crate::condition::{Filled, filled, known_value, value};
use crate::context::Context;
use crate::element::Selection;
use crate::outcome::Kleene;
use crate::tree::Resource;

/// AWS: actions without a resource type match `*` only.
const NO_RESOURCE: &str = "*";

/// The resource of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Requested<'c> {
    Known(&'c str),
    /// A repository that is not known yet: its ARN begins so.
    Begins(&'c str),
}

pub(crate) fn requested<'c>(context: &'c Context<'_>, class: Class) -> Requested<'c> {
    match (class.on_repository, &context.repository_arn) {
        (false, _) => Requested::Known(NO_RESOURCE),
        (true, Some(arn)) => Requested::Known(arn),
        (true, None) => Requested::Begins(&context.repository_arn_start),
    }
}

pub(crate) fn matches(resources: &Selection<Resource>, context: &Context<'_>, class: Class) -> Kleene {
    if resources.items.is_empty() {
        // AWS accepts an empty list; what its complement holds is not documented.
        return if resources.negated { Kleene::Open } else { Kleene::No };
    }
    let requested = requested(context, class);
    let mut hit = Kleene::No;
    for resource in &resources.items {
        hit = hit.or(one(resource, requested, context, class));
        if hit == Kleene::Yes {
            break;
        }
    }
    if resources.negated { hit.not() } else { hit }
}

fn one(resource: &Resource, requested: Requested<'_>, context: &Context<'_>, class: Class) -> Kleene {
    let template = &resource.template;
    let known = |variable| known_value(variable, context, class);
    if template.is_everything() {
        return Kleene::Yes;
    }
    let could = match requested {
        Requested::Known(arn) => template.matches_resource(arn, known),
        Requested::Begins(start) => template.could_begin(start, known),
    };
    match (filled(template, context, class), requested) {
        // AWS: a variable without a value makes the resource match nothing.
        (Filled::Null, _) => Kleene::No,
        // AWS: variables may stand after the fifth colon only; what becomes of another is not documented.
        _ if resource.has_early_variable() => Kleene::Open,
        _ if !could => Kleene::No,
        (Filled::Yes, Requested::Known(_)) => Kleene::Yes,
        (Filled::Yes, Requested::Begins(start)) => {
            let all = template.matches_all_that_begin(start, |variable| value(variable, context, class));
            if all { Kleene::Yes } else { Kleene::Open }
        }
        (Filled::Open, _) => Kleene::Open,
    }
}
