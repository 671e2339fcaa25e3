//! Why a statement applies or does not: each of its elements with what was wanted, what was found, and what that gave.

use std::collections::BTreeSet;

use crate::action::Action;
use crate::context::{Context, State, Value};
use crate::element::Selection;
use crate::evaluate::action_matches;
use crate::outcome::Kleene;
use crate::resource::Requested;
use crate::tree::PolicyDocument;
use crate::{principal, resource};

/// Whether an element matches; `Unknown` names the keys or elements that the answer depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    Unknown(BTreeSet<String>),
}

/// One element of a statement, decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// `Action`, `NotPrincipal`, `NotIpAddress aws:SourceIp`.
    pub name: String,
    /// Its bytes in the text, from the name to the end of its value.
    pub span: (usize, usize),
    /// The policy's values.
    pub wanted: Vec<String>,
    /// The request's value, as far as it is known.
    pub found: String,
    pub matched: Truth,
}

/// The elements of a statement of the document, in the order in which they are decided. A statement applies if all match.
pub fn why(document: &PolicyDocument, index: usize, action: Action, context: &Context<'_>) -> Vec<Element> {
    let Some(statement) = document.statements.get(index) else { return Vec::new() };
    let class = action.class();
    let mut elements = vec![Element {
        name: name("Action", &statement.actions),
        span: statement.actions.span,
        wanted: statement.actions.items.iter().map(ToString::to_string).collect(),
        found: action.name().to_owned(),
        matched: truth(action_matches(statement, action), "NotAction"),
    }];
    let principals = &statement.principals;
    elements.push(Element {
        name: name("Principal", principals),
        span: principals.span,
        wanted: principals.items.iter().map(|principal| principal.text.to_string()).collect(),
        found: context.principal.arn.clone().or(context.principal.service.clone()).unwrap_or_default(),
        matched: truth(principal::matches(principals, context), &name("Principal", principals)),
    });
    if let Some(resources) = &statement.resources {
        let found = match resource::requested(context, class) {
            Requested::Known(arn) => arn.to_owned(),
            Requested::Begins(start) => format!("a repository that is not known: {start}…"),
        };
        elements.push(Element {
            name: name("Resource", resources),
            span: resources.span,
            wanted: resources.items.iter().map(|resource| resource.text.to_string()).collect(),
            found,
            matched: truth(resource::matches(resources, context, class), &name("Resource", resources)),
        });
    }
    elements.extend(statement.conditions.iter().map(|condition| {
        let matched = condition.evaluate(context, class).over(context.cases);
        Element {
            name: condition.name(),
            span: condition.span,
            wanted: condition.values.iter().map(ToString::to_string).collect(),
            found: described(context.state(&condition.key, class)),
            matched: match matched {
                Kleene::Open => Truth::Unknown(condition.hangs_on(context, class)),
                settled => truth(settled, ""),
            },
        }
    }));
    elements
}

fn truth(value: Kleene, on: &str) -> Truth {
    match value {
        Kleene::Yes => Truth::True,
        Kleene::No => Truth::False,
        Kleene::Open => Truth::Unknown(BTreeSet::from([on.to_owned()])),
    }
}

fn name<T>(positive: &str, selection: &Selection<T>) -> String {
    if selection.negated { format!("Not{positive}") } else { positive.to_owned() }
}

fn described(state: State<'_>) -> String {
    let value = |value: Value<'_>| match value {
        Value::Text(text) => text.to_owned(),
        Value::Time(time) => format!("{time:.0}"),
        Value::Between(from, to) => format!("between {from:.0} and {to:.0}"),
        Value::RoleId => "a role's id and a session's name that are not known".to_owned(),
        Value::SessionOf(start) => format!("{start} and a session's name that is not known"),
        Value::Begins(start) => format!("some value that begins with {start}"),
        Value::Foreign => "a value that is not yours".to_owned(),
        Value::AwsAddress(_) => "a public address of AWS".to_owned(),
        Value::Anything => "some value that is not known".to_owned(),
    };
    match state {
        State::One(one) => value(one),
        State::Many(values) => values.join(", "),
        State::Absent => "absent".to_owned(),
        State::Open => "absent, or some value that is not known".to_owned(),
        State::In(_, one) | State::MaybeIn(_, one) => format!("{}, or absent", value(one)),
        State::AddressIn(_) => "a public address of AWS, or absent".to_owned(),
    }
}
