//! Statement by statement: does an explicit Deny hit the request?
//!
//! The identity policy of Inspector's role allows all ten actions unconditionally, so a resource policy without a Deny can
//! never block it and a missing Allow means nothing. AWS: "Determining whether a request is allowed or denied within an
//! account". A caller from another account, or a service, also needs an Allow in the resource policy.

use scangap_model::Verdict;

use crate::action::{Action, ActionSet, Class, INSPECTOR_ACTIONS};
use crate::context::Context;
use crate::element::Effect;
use crate::outcome::{Cases, Kleene, Outcome};
use crate::tree::{PolicyDocument, Statement};
use crate::{principal, resource};

/// What the policies decide for each of the ten actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdicts([Verdict; INSPECTOR_ACTIONS.len()]);

impl Verdicts {
    pub fn of(&self, action: Action) -> Verdict {
        self.0.get(action as usize).copied().unwrap_or(Verdict::Unknown)
    }

    pub fn fold(&self, actions: &[Action]) -> Verdict {
        Verdict::fold(actions.iter().map(|&action| self.of(action)))
    }
}

/// All ten actions at once, judged against these policies together; nothing is allocated.
pub fn verdicts(documents: &[&PolicyDocument], context: &Context<'_>) -> Verdicts {
    let denied = outcomes(documents, Effect::Deny, context);
    let allowed = context.needs_an_allow().then(|| outcomes(documents, Effect::Allow, context));
    let mut verdicts = [Verdict::Allowed; INSPECTOR_ACTIONS.len()];
    for (at, (verdict, denied)) in verdicts.iter_mut().zip(denied).enumerate() {
        let allowed = allowed.and_then(|allowed| allowed.get(at).copied());
        *verdict = verdict_of(denied, allowed, context.cases);
    }
    Verdicts(verdicts)
}

pub(crate) fn verdict_of(denied: Outcome, allowed: Option<Outcome>, cases: Cases) -> Verdict {
    let refused = allowed.map_or(denied, |allowed| denied.or(allowed.not()));
    match refused.over(cases) {
        Kleene::Yes => Verdict::Denied,
        Kleene::No => Verdict::Allowed,
        Kleene::Open => Verdict::Depends,
    }
}

/// For each action, in which cases a statement of this effect applies.
fn outcomes(
    documents: &[&PolicyDocument],
    effect: Effect,
    context: &Context<'_>,
) -> [Outcome; INSPECTOR_ACTIONS.len()] {
    let mut outcomes = [Outcome::NO; INSPECTOR_ACTIONS.len()];
    for statement in documents.iter().flat_map(|document| &document.statements) {
        if statement.effect != effect {
            continue;
        }
        // Actions on a repository differ from the others in their resource and its tags, and in nothing else.
        for (of_class, class) in [
            (ActionSet::INSPECTOR_ON_REPOSITORY, Class::REPOSITORY),
            (ActionSet::INSPECTOR_ON_REGISTRY, Class::REGISTRY),
        ] {
            let named = statement.named_actions.and(of_class);
            if named.is_empty() {
                continue;
            }
            let applies = applies(statement, context, class);
            if applies == Outcome::NO {
                continue;
            }
            for (outcome, &action) in outcomes.iter_mut().zip(INSPECTOR_ACTIONS) {
                if named.contains(action) {
                    *outcome = outcome.or(applies);
                }
            }
        }
    }
    outcomes
}

/// Whether the statement applies to an action that it names.
pub(crate) fn applies(statement: &Statement, context: &Context<'_>, class: Class) -> Outcome {
    // Cheap and definite elements first: most statements end here.
    let mut all = Outcome::always(names(statement).and(principal::matches(&statement.principals, context)));
    if all == Outcome::NO {
        return all;
    }
    if let Some(resources) = &statement.resources {
        all = all.and(Outcome::always(resource::matches(resources, context, class)));
    }
    for condition in &statement.conditions {
        if all == Outcome::NO {
            break;
        }
        all = all.and(condition.evaluate(context, class));
    }
    all
}

/// AWS accepts an empty `NotAction`; what its complement holds is not documented.
fn names(statement: &Statement) -> Kleene {
    if statement.actions.negated && statement.actions.items.is_empty() { Kleene::Open } else { Kleene::Yes }
}

/// Whether the statement names the action.
pub(crate) fn action_matches(statement: &Statement, action: Action) -> Kleene {
    Kleene::of(statement.named_actions.contains(action)).and(names(statement))
}
