//! Terraform's JSON syntax (`*.tf.json`): the same resources, where nothing in them is an expression.

use crate::declared::{Declarations, DeployedTo, Language};
use crate::document::NoText;
use crate::terraform::attributes::{self, Resource};
use crate::tree::{Member, Node, Value};

pub(crate) fn is_configuration(root: &Node) -> bool {
    kinds(root).any(|kind| attributes::is_of_interest(&kind.key))
}

/// An object of resources, or an array of such objects.
fn kinds(root: &Node) -> impl Iterator<Item = &Member> {
    root.get("resource").into_iter().flat_map(alternatives).flat_map(Node::members)
}

fn alternatives(node: &Node) -> impl Iterator<Item = &Node> {
    let alone = if matches!(node.value, Value::Array(_)) { None } else { Some(node) };
    node.items().iter().chain(alone)
}

pub(crate) fn read(root: &Node) -> Declarations {
    let mut declarations = Declarations::default();
    for kind in kinds(root).filter(|kind| attributes::is_of_interest(&kind.key)) {
        for resource in alternatives(&kind.value).flat_map(Node::members) {
            // A block that may be repeated is an array of objects.
            let body = resource.value.items().first().unwrap_or(&resource.value);
            let policy = attributes::policy_attribute(&kind.key).and_then(|name| body.get(name));
            let expression = policy
                .filter(|node| has_expression(node))
                .map(|node| Err(NoText { why: node.as_text().unwrap_or("an expression").to_owned(), span: node.span }));
            let one = Resource {
                kind: &kind.key,
                address: format!("{}.{}", kind.key, resource.key),
                span: resource.value.span,
                attributes: body,
                before: None,
                destroyed: None,
                place: DeployedTo::default(),
                language: Language::Json,
                module_source: None,
            };
            attributes::add(&mut declarations, one, expression);
        }
    }
    declarations
}

fn has_expression(node: &Node) -> bool {
    match &node.value {
        Value::Text(_) => node.as_text().is_none_or(|text| text.contains("${") || text.contains("%{")),
        _ => {
            node.items().iter().any(has_expression) || node.members().iter().any(|member| has_expression(&member.value))
        }
    }
}
