//! What a statement speaks of, and whether the request's resource is among it.

use crate::condition::{Filled, filled, known_value, value};
use crate::context::Context;
use crate::document::{Resource, Selection};
use crate::outcome::Kleene;

/// AWS: actions without a resource type match `*` only.
const NO_RESOURCE: &str = "*";

/// The resource of a request, where it is known.
pub(crate) fn requested<'c>(context: &'c Context<'_>, on_repository: bool) -> Option<&'c str> {
    if on_repository { context.repository_arn.as_deref() } else { Some(NO_RESOURCE) }
}

pub(crate) fn matches(resources: &Selection<Resource>, context: &Context<'_>, on_repository: bool) -> Kleene {
    if resources.items.is_empty() {
        // AWS accepts an empty list; what its complement holds is not documented.
        return if resources.negated { Kleene::Open } else { Kleene::No };
    }
    let requested = requested(context, on_repository);
    let mut hit = Kleene::No;
    for Resource { template, .. } in &resources.items {
        hit = hit.or(match (filled(template, context, on_repository), requested) {
            (Filled::Null, _) => Kleene::No,
            (Filled::Yes, _) if template.is_everything() => Kleene::Yes,
            (Filled::Open, Some(requested))
                if !template.could_match(requested, |variable| known_value(variable, context, on_repository)) =>
            {
                Kleene::No
            }
            (Filled::Open, _) | (Filled::Yes, None) => Kleene::Open,
            (Filled::Yes, Some(requested)) => {
                Kleene::of(template.matches(requested, |variable| value(variable, context, on_repository)))
            }
        });
        if hit == Kleene::Yes {
            break;
        }
    }
    if resources.negated { hit.not() } else { hit }
}
