//! Why a statement applies or does not: each of its elements with what was wanted, what was found, and what that gave.

use crate::action::Action;
use crate::condition;
use crate::context::{Request, World, worlds};
use crate::document::{PolicyDocument, Selection};
use crate::evaluate::{action_matches, resource_matches};
use crate::principal;
use crate::truth::Truth;

/// One element of a statement, decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// `Action`, `NotPrincipal`, `NotIpAddress aws:SourceIp`.
    pub name: String,
    /// The policy's values.
    pub wanted: Vec<String>,
    /// The request's value, as far as it is known.
    pub found: String,
    pub matched: Truth,
}

/// The elements of a statement of the document, in the order in which they are decided. A statement applies if all match.
pub fn why(document: &PolicyDocument, index: usize, action: Action, request: &Request) -> Vec<Element> {
    let Some(statement) = document.statements.get(index) else { return Vec::new() };
    let mut elements = vec![Element {
        name: name("Action", &statement.actions),
        wanted: statement.actions.items.clone(),
        found: action.name().to_owned(),
        matched: action_matches(&statement.actions, action),
    }];
    if let Some(principals) = &statement.principals {
        elements.push(Element {
            name: name("Principal", principals),
            wanted: principals.items.iter().map(|principal| principal.text.clone()).collect(),
            found: request.principal_arn(),
            matched: principal::matches(principals, request),
        });
    }
    if let Some(resources) = &statement.resources {
        let found = if action.is_on_repository() { request.repository_arn() } else { Some("*".to_owned()) };
        elements.push(Element {
            name: name("Resource", resources),
            wanted: resources.items.clone(),
            found: found.unwrap_or_else(|| "a repository that is not known".to_owned()),
            matched: resource_matches(resources, document.version, action, request),
        });
    }
    let on_repository = action.is_on_repository();
    elements.extend(statement.conditions.iter().map(|condition| Element {
        name: format!("{} {}", condition.operator_text, condition.key),
        wanted: condition.values.clone(),
        found: described(&worlds(&condition.key, on_repository, request)),
        matched: condition::evaluate(condition, document.version, on_repository, request),
    }));
    elements
}

fn name<T>(positive: &str, selection: &Selection<T>) -> String {
    if selection.negated { format!("Not{positive}") } else { positive.to_owned() }
}

fn described(worlds: &[World]) -> String {
    let word = |world: &World| match world {
        World::Values(values) => values.join(", "),
        World::Absent => "absent".to_owned(),
        World::Some => "some value that is not known".to_owned(),
        World::Foreign => "a value that is not yours".to_owned(),
        World::AwsAddress => "a public address of AWS".to_owned(),
    };
    worlds.iter().map(word).collect::<Vec<_>>().join(", or ")
}
