//! `data "aws_iam_policy_document"`: its blocks as the policy that they make.

use crate::source::Span;
use crate::tree::{Member, Node, Piece, Value};

/// The policy of a document whose blocks are arrays of objects, as plans have them. `Err`: what of it is not known.
pub(super) fn policy(document: &Node) -> Result<Node, String> {
    for name in ["source_policy_documents", "override_policy_documents", "source_json", "override_json"] {
        if document.get(name).is_some_and(|more| !is_nothing(more)) {
            return Err(format!("{name} joins other documents"));
        }
    }
    let mut members = Vec::new();
    let version = document.get("version").filter(|version| !is_nothing(version));
    members.push(member("Version", version.cloned().unwrap_or_else(|| Node::text(document.span, "2012-10-17"))));
    let statements = match document.get("statement") {
        Some(Node { value: Value::Array(items), .. }) => items.as_slice(),
        Some(Node { value: Value::Text(_), .. }) => return Err("its statements".to_owned()),
        _ => &[],
    };
    let statements = statements.iter().map(statement).collect::<Result<Vec<_>, _>>()?;
    members.push(member("Statement", Node { span: document.span, value: Value::Array(statements) }));
    Ok(Node { span: document.span, value: Value::Object(members) })
}

fn statement(block: &Node) -> Result<Node, String> {
    let mut members = Vec::new();
    if let Some(sid) = block.get("sid").filter(|sid| !is_nothing(sid)) {
        members.push(member("Sid", sid.clone()));
    }
    let effect = block.get("effect").filter(|effect| !is_nothing(effect));
    members.push(member("Effect", effect.cloned().unwrap_or_else(|| Node::text(block.span, "Allow"))));
    for (name, element) in [("principals", "Principal"), ("not_principals", "NotPrincipal")] {
        if let Some(blocks) = block.get(name).filter(|blocks| !is_nothing(blocks)) {
            members.push(member(element, principals(blocks)?));
        }
    }
    let lists = [
        ("actions", "Action"),
        ("not_actions", "NotAction"),
        ("resources", "Resource"),
        ("not_resources", "NotResource"),
    ];
    for (name, element) in lists {
        if let Some(values) = block.get(name).filter(|values| !is_nothing(values)) {
            members.push(member(element, with_variables(values)));
        }
    }
    if let Some(blocks) = block.get("condition").filter(|blocks| !is_nothing(blocks)) {
        members.push(member("Condition", conditions(blocks)?));
    }
    Ok(Node { span: block.span, value: Value::Object(members) })
}

fn principals(blocks: &Node) -> Result<Node, String> {
    let Value::Array(items) = &blocks.value else { return Err("its principals".to_owned()) };
    let mut by_type: Vec<Member> = Vec::new();
    for item in items {
        let kind = item.text_at(&["type"]).ok_or("the type of a principal")?;
        let identifiers = item.get("identifiers").ok_or("the identifiers of a principal")?;
        let is_everybody =
            identifiers.items().iter().all(|one| one.as_text() == Some("*")) && !identifiers.items().is_empty();
        if kind == "*" && is_everybody {
            return Ok(Node::text(item.span, "*"));
        }
        put(&mut by_type, kind, item.span, identifiers)?;
    }
    Ok(Node { span: blocks.span, value: Value::Object(by_type) })
}

fn conditions(blocks: &Node) -> Result<Node, String> {
    let Value::Array(items) = &blocks.value else { return Err("its conditions".to_owned()) };
    let mut operators: Vec<Member> = Vec::new();
    for item in items {
        let test = item.text_at(&["test"]).ok_or("the test of a condition")?;
        let variable = item.text_at(&["variable"]).ok_or("the variable of a condition")?;
        let values = with_variables(item.get("values").ok_or("the values of a condition")?);
        let place = operators.iter().position(|member| member.key == test);
        let place = place.unwrap_or_else(|| {
            let value = Node { span: item.span, value: Value::Object(Vec::new()) };
            operators.push(Member { key: test.to_owned(), key_span: item.span, value });
            operators.len() - 1
        });
        if let Some(Member { value: Node { value: Value::Object(keys), .. }, .. }) = operators.get_mut(place) {
            put(keys, variable, item.span, &values)?;
        }
    }
    Ok(Node { span: blocks.span, value: Value::Object(operators) })
}

/// Adds values to those that a key has. `Err`: of one of the lists not even the length is known.
fn put(members: &mut Vec<Member>, key: &str, span: Span, values: &Node) -> Result<(), String> {
    let known = members.iter_mut().find(|member| member.key == key).map(|member| &mut member.value.value);
    match (known, &values.value) {
        (None, _) => members.push(Member { key: key.to_owned(), key_span: span, value: values.clone() }),
        (Some(Value::Array(known)), Value::Array(more)) => known.extend(more.iter().cloned()),
        (Some(_), _) => return Err(format!("the values of {key}")),
    }
    Ok(())
}

/// In these blocks `&{` stands for the `${` of policies, which is HCL's own.
fn with_variables(node: &Node) -> Node {
    let value = match &node.value {
        Value::Array(items) => Value::Array(items.iter().map(with_variables).collect()),
        Value::Text(pieces) => Value::Text(
            pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Known(text) => Piece::Known(text.replace("&{", "${")),
                    open @ Piece::Unresolved(_) => open.clone(),
                })
                .collect(),
        ),
        other => other.clone(),
    };
    Node { span: node.span, value }
}

fn member(key: &str, value: Node) -> Member {
    Member { key: key.to_owned(), key_span: value.span, value }
}

fn is_nothing(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Text(pieces) => pieces.is_empty() || node.as_text() == Some(""),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}
