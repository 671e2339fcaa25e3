//! What ECR would refuse to store again. A principal that was deleted stands in a stored policy as its unique id: ECR
//! answers "Principal not found" when that text is stored again, even if the change is elsewhere in it.

use crate::document::PolicyDocument;
use crate::json::{self, Node, Value};

/// AWS: a role's unique id begins with AROA, a user's with AIDA.
pub(crate) fn is_unique_id(text: &str) -> bool {
    ["AROA", "AIDA"].iter().any(|prefix| text.starts_with(prefix))
        && text.len() >= 16
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The principals of a policy that were deleted, each once.
pub fn deleted_principals(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(document) = PolicyDocument::parse(text) else { return found };
    for principal in document.statements.iter().flat_map(|statement| &statement.principals.items) {
        if is_unique_id(&principal.text) && !found.iter().any(|known| *known == *principal.text) {
            found.push(principal.text.to_string());
        }
    }
    found
}

/// The text without them, as far as nothing but them changes: out of lists that name others too, and with a statement that
/// speaks of nobody else. Nobody can be one of them: the text decides as before. A `NotPrincipal` of nobody else stays.
pub(crate) fn without_deleted_principals(text: &str) -> String {
    let mut text = text.to_owned();
    // Each turn takes one list or statement; there are no more of them than characters.
    for _ in 0..text.len() {
        let Some(next) = json::parse(&text).ok().and_then(|root| one_less(&text, &root)) else { break };
        text = next;
    }
    text
}

fn one_less(text: &str, root: &Node<'_>) -> Option<String> {
    let statements = member(root, "Statement")?;
    let Value::Array(items) = &statements.value else { return list_without(text, statements) };
    for (index, statement) in items.iter().enumerate() {
        if let Some(shorter) = list_without(text, statement) {
            return Some(shorter);
        }
        if items.len() > 1 && speaks_of_nobody(statement) {
            return without(text, statements, |at, _| at == index);
        }
    }
    None
}

fn member<'n, 't>(node: &'n Node<'t>, name: &str) -> Option<&'n Node<'t>> {
    match &node.value {
        Value::Object(members) => members.iter().find(|(key, _)| key.text == name).map(|(_, value)| value),
        _ => None,
    }
}

fn is_deleted(node: &Node<'_>) -> bool {
    matches!(&node.value, Value::String(text) if is_unique_id(text))
}

/// A list of principals that names others too, without the deleted ones.
fn list_without(text: &str, statement: &Node<'_>) -> Option<String> {
    ["Principal", "NotPrincipal"].iter().find_map(|name| {
        let aws = member(member(statement, name)?, "AWS")?;
        let Value::Array(items) = &aws.value else { return None };
        let deleted = items.iter().filter(|item| is_deleted(item)).count();
        (0 < deleted && deleted < items.len()).then(|| without(text, aws, |_, item| is_deleted(item)))?
    })
}

/// A statement whose only principals were deleted.
fn speaks_of_nobody(statement: &Node<'_>) -> bool {
    let Some(Value::Object(kinds)) = member(statement, "Principal").map(|principal| &principal.value) else {
        return false;
    };
    !kinds.is_empty()
        && kinds.iter().all(|(_, named)| match &named.value {
            Value::Array(items) => !items.is_empty() && items.iter().all(is_deleted),
            _ => is_deleted(named),
        })
}

/// A list without some of its items, laid out as its author did.
fn without(text: &str, array: &Node<'_>, gone: impl Fn(usize, &Node<'_>) -> bool) -> Option<String> {
    let Value::Array(items) = &array.value else { return None };
    let (first, last) = (items.first()?, items.last()?);
    let between = match items.as_slice() {
        [one, two, ..] => text.get(one.end..two.start)?,
        _ => ", ",
    };
    let kept = items.iter().enumerate().filter(|(at, item)| !gone(*at, item));
    let kept: Vec<&str> = kept.filter_map(|(_, item)| text.get(item.start..item.end)).collect();
    let (before, after) = (text.get(..first.start)?, text.get(last.end..)?);
    Some(format!("{before}{}{after}", kept.join(between)))
}
