//! Statement by statement: does an explicit Deny hit Inspector's role?
//!
//! The role's own identity policy allows all ten actions unconditionally, so a resource policy without a Deny can never
//! block it and a missing Allow means nothing. AWS: "Determining whether a request is allowed or denied within an account".

use std::collections::BTreeSet;

use scangap_model::Verdict;

use crate::action::Action;
use crate::condition::{self, Wanted};
use crate::context::Request;
use crate::document::{Effect, PolicyDocument, Selection, Statement, Version};
use crate::pattern::{matches_everything, text_matches, wildcard};
use crate::principal;
use crate::truth::{Truth, all, any};

/// A statement that denies, or may deny, with what in it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Responsible {
    /// Its place in the document, from 0.
    pub index: usize,
    pub sid: Option<String>,
    /// `NotIpAddress aws:SourceIp`, or `no condition`.
    pub reason: String,
}

impl Responsible {
    /// One line: `OfficeOnly (NotIpAddress aws:SourceIp)`.
    pub fn label(&self) -> String {
        match &self.sid {
            Some(sid) => format!("{sid} ({})", self.reason),
            None => format!("statement {} ({})", self.index + 1, self.reason),
        }
    }
}

/// What one policy decides about one action. A policy alone never says `Unknown`: it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub verdict: Verdict,
    /// The statements that deny; where none does for certain, those that may.
    pub statements: Vec<Responsible>,
    /// The context keys that a `depends` hangs on; empty otherwise.
    pub depends_on: BTreeSet<String>,
}

pub fn evaluate(document: &PolicyDocument, action: Action, request: &Request) -> Decision {
    let mut denying = Vec::new();
    let mut possible = Vec::new();
    let mut depends_on = BTreeSet::new();
    for statement in document.statements.iter().filter(|statement| statement.effect == Effect::Deny) {
        match applies(document, statement, action, request) {
            Truth::True => denying.push(responsible(statement)),
            Truth::False => {}
            Truth::Unknown(keys) => {
                possible.push(responsible(statement));
                depends_on.extend(keys);
            }
        }
    }
    if !denying.is_empty() {
        Decision { verdict: Verdict::Denied, statements: denying, depends_on: BTreeSet::new() }
    } else if !possible.is_empty() {
        Decision { verdict: Verdict::Depends, statements: possible, depends_on }
    } else {
        Decision { verdict: Verdict::Allowed, statements: Vec::new(), depends_on: BTreeSet::new() }
    }
}

fn applies(document: &PolicyDocument, statement: &Statement, action: Action, request: &Request) -> Truth {
    // Cheap and definite elements first: most statements end here.
    let acts = action_matches(&statement.actions, action);
    if acts == Truth::False {
        return Truth::False;
    }
    let principals =
        statement.principals.as_ref().map_or(Truth::True, |selection| principal::matches(selection, request));
    if principals == Truth::False {
        return Truth::False;
    }
    let resources = statement
        .resources
        .as_ref()
        .map_or(Truth::True, |selection| resource_matches(selection, document.version, action, request));
    let conditions = statement
        .conditions
        .iter()
        .map(|condition| condition::evaluate(condition, document.version, action.is_on_repository(), request));
    acts.and(principals).and(resources).and(all(conditions))
}

/// AWS: service prefix and action name compare without case; `*` and `?` stand for any run and any one character.
pub(crate) fn action_matches(actions: &Selection<String>, action: Action) -> Truth {
    if actions.items.is_empty() {
        // AWS accepts an empty list; what its complement holds is not documented.
        return if actions.negated { Truth::unknown("NotAction") } else { Truth::False };
    }
    let name = action.name().to_ascii_lowercase();
    let hit = actions.items.iter().any(|pattern| text_matches(&wildcard(&pattern.to_ascii_lowercase()), &name));
    Truth::of(hit != actions.negated)
}

pub(crate) fn resource_matches(
    resources: &Selection<String>,
    version: Version,
    action: Action,
    request: &Request,
) -> Truth {
    if resources.items.is_empty() {
        return if resources.negated { Truth::unknown("NotResource") } else { Truth::False };
    }
    // AWS: actions without a resource type match `*` only.
    let on_repository = action.is_on_repository();
    let resource = if on_repository { request.repository_arn() } else { Some("*".to_owned()) };
    let hit = any(resources.items.iter().map(|pattern| {
        match Wanted::substituted(pattern, true, version, on_repository, request) {
            Wanted::Null => Truth::False,
            Wanted::Unknown(key) => Truth::unknown(format!("${{{key}}}")),
            Wanted::Text(tokens, _) if matches_everything(&tokens) => Truth::True,
            Wanted::Text(tokens, _) => resource
                .as_ref()
                .map_or_else(|| Truth::unknown("Resource"), |resource| Truth::of(text_matches(&tokens, resource))),
        }
    }));
    if resources.negated { hit.not() } else { hit }
}

fn responsible(statement: &Statement) -> Responsible {
    let mut parts: Vec<String> =
        statement.conditions.iter().map(|condition| format!("{} {}", condition.operator_text, condition.key)).collect();
    if statement.principals.as_ref().is_some_and(|principals| principals.negated) {
        parts.insert(0, "NotPrincipal".to_owned());
    }
    let reason = if parts.is_empty() { "no condition".to_owned() } else { parts.join(", ") };
    Responsible { index: statement.index, sid: statement.sid.clone(), reason }
}
