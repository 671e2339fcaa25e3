//! Finds what ECR would refuse to store. A stored policy names a deleted principal by its unique id; ECR answers "Principal not
//! found" when that text is stored again, even if the change is elsewhere in it. Actions of other services, or without a
//! repository as their resource, make a policy invalid.

use crate::action::{Action, ActionSet};
use crate::json::{self, Node, Value};
use crate::lint::PolicyKind;
use crate::template::Template;
use crate::tree::PolicyDocument;

/// A part of a policy for which ECR would refuse to store it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unstorable {
    pub what: String,
    pub why: &'static str,
}

const DELETED: &str = "a principal that was deleted";
pub(crate) const FOREIGN: &str = "an action of another service";
pub(crate) const NOT_ON_A_REPOSITORY: &str = "an action that no repository is asked for";
pub(crate) const UNKNOWN: &str = "no action of ECR's that is known here";
/// Refused in 2019 and 2023; newer examples of AWS's have one.
const RESOURCE: &str = "a Resource, which ECR has refused in repository policies and may refuse today";

/// What of a policy ECR would refuse to store, each once. `living`: the id of Inspector's role, where it is known.
pub fn unstorable(text: &str, kind: PolicyKind, living: Option<&str>) -> Vec<Unstorable> {
    let Ok(document) = PolicyDocument::parse(text) else { return Vec::new() };
    let mut found: Vec<Unstorable> = Vec::new();
    let mut add = |what: &str, why| {
        let one = Unstorable { what: what.to_owned(), why };
        if !found.contains(&one) {
            found.push(one);
        }
    };
    for statement in &document.statements {
        for principal in statement.principals.items.iter().filter(|one| is_deleted_id(&one.text, living)) {
            add(&principal.text, DELETED);
        }
        for action in &statement.actions.items {
            if let Some(why) = refused_action(action, kind) {
                add(action, why);
            }
        }
        if let Some(resources) = statement.resources.as_ref().filter(|_| kind == PolicyKind::Repository) {
            resources.items.iter().for_each(|resource| add(&resource.text, RESOURCE));
        }
    }
    found
}

/// Why ECR would refuse a policy of this kind for an action, if it would.
pub(crate) fn refused_action(action: &str, kind: PolicyKind) -> Option<&'static str> {
    if action == "*" || action.contains("${") {
        return None;
    }
    let (service, name) = action.split_once(':').unwrap_or((action, ""));
    if !service.eq_ignore_ascii_case("ecr") {
        // `e*:Get*` reaches ECR.
        let reaches = Template::new(&service.to_ascii_lowercase(), true, false).matches("ecr", |_| "");
        return (!reaches).then_some(FOREIGN);
    }
    let elsewhere = |action: Action| !action.is_on_repository();
    if kind == PolicyKind::Repository && Action::from_name(name).is_some_and(elsewhere) {
        return Some(NOT_ON_A_REPOSITORY);
    }
    ActionSet::of(&[action.into()]).is_empty().then_some(UNKNOWN)
}

/// Whether leaving the action out changes nothing. One that is not known here may be newer than this release.
fn can_be_left_out(action: &str, kind: PolicyKind) -> bool {
    refused_action(action, kind).is_some_and(|why| why != UNKNOWN)
}

/// AWS: a role's unique id begins with AROA, a user's with AIDA.
pub(crate) fn is_unique_id(text: &str) -> bool {
    ["AROA", "AIDA"].iter().any(|prefix| text.starts_with(prefix))
        && text.len() >= 16
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Of a policy that ECR has stored before: it refuses nothing of it but principals that were deleted since.
pub fn deleted_principals(text: &str, living: Option<&str>) -> Vec<Unstorable> {
    unstorable(text, PolicyKind::Registry, living).into_iter().filter(|one| one.why == DELETED).collect()
}

fn is_deleted_id(text: &str, living: Option<&str>) -> bool {
    is_unique_id(text) && living != Some(text)
}

/// Removes what ECR would refuse, if nothing else changes: from lists that name others too, and a statement that has no other
/// principal or action. A deleted principal makes no request, and a removed action matches none that the policy decides, so the
/// text decides as before. A `NotPrincipal` that names only deleted principals stays.
pub fn storable(text: &str, kind: PolicyKind, living: Option<&str>) -> String {
    shortened(text, &Refuses { kind: Some(kind), living })
}

pub(crate) fn without_deleted_principals(text: &str, living: Option<&str>) -> String {
    shortened(text, &Refuses { kind: None, living })
}

/// What is left out.
struct Refuses<'a> {
    /// `None`: actions stay as they are.
    kind: Option<PolicyKind>,
    living: Option<&'a str>,
}

fn shortened(text: &str, refuses: &Refuses<'_>) -> String {
    let mut text = text.to_owned();
    // Each turn takes one list or statement; there are no more of them than characters.
    for _ in 0..text.len() {
        let Some(next) = json::parse(&text).ok().and_then(|root| one_less(&text, &root, refuses)) else { break };
        text = next;
    }
    text
}

fn one_less(text: &str, root: &Node<'_>, refuses: &Refuses<'_>) -> Option<String> {
    let statements = member(root, "Statement")?;
    let shorter =
        |statement| list_without(text, statement, refuses).or_else(|| actions_without(text, statement, refuses.kind?));
    let Value::Array(items) = &statements.value else { return shorter(statements) };
    for (index, statement) in items.iter().enumerate() {
        if let Some(shorter) = shorter(statement) {
            return Some(shorter);
        }
        if items.len() > 1
            && (speaks_of_nobody(statement, refuses) || refuses.kind.is_some_and(|kind| names_nothing(statement, kind)))
        {
            return without(text, &parts(items), |at| at == index);
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

fn is_deleted(node: &Node<'_>, refuses: &Refuses<'_>) -> bool {
    matches!(&node.value, Value::String(text) if is_deleted_id(text, refuses.living))
}

/// A list of principals that names others too, without the deleted ones; principals of several kinds, without a kind of
/// which all were deleted.
fn list_without(text: &str, statement: &Node<'_>, refuses: &Refuses<'_>) -> Option<String> {
    ["Principal", "NotPrincipal"].iter().find_map(|name| {
        let principal = member(statement, name)?;
        let Value::Object(kinds) = &principal.value else { return None };
        let gone = |at: usize| kinds.get(at).is_some_and(|(_, named)| are_all_deleted(named, refuses));
        if (0..kinds.len()).any(gone) && !(0..kinds.len()).all(gone) {
            let members: Vec<Part> = kinds.iter().map(|(key, named)| (key.start, named.end)).collect();
            return without(text, &members, gone);
        }
        let aws = member(principal, "AWS")?;
        let Value::Array(items) = &aws.value else { return None };
        let deleted = items.iter().filter(|item| is_deleted(item, refuses)).count();
        (0 < deleted && deleted < items.len())
            .then(|| without(text, &parts(items), |at| items.get(at).is_some_and(|item| is_deleted(item, refuses))))?
    })
}

fn are_all_deleted(named: &Node<'_>, refuses: &Refuses<'_>) -> bool {
    match &named.value {
        Value::Array(items) => !items.is_empty() && items.iter().all(|item| is_deleted(item, refuses)),
        _ => is_deleted(named, refuses),
    }
}

fn is_left_out(node: &Node<'_>, kind: PolicyKind) -> bool {
    matches!(&node.value, Value::String(text) if can_be_left_out(text, kind))
}

/// A list of actions that names others too, without those that ECR refuses.
fn actions_without(text: &str, statement: &Node<'_>, kind: PolicyKind) -> Option<String> {
    let actions = member(statement, "Action")?;
    let Value::Array(items) = &actions.value else { return None };
    let refused = items.iter().filter(|item| is_left_out(item, kind)).count();
    (0 < refused && refused < items.len())
        .then(|| without(text, &parts(items), |at| items.get(at).is_some_and(|item| is_left_out(item, kind))))?
}

/// A statement whose only actions are refused.
fn names_nothing(statement: &Node<'_>, kind: PolicyKind) -> bool {
    member(statement, "Action").is_some_and(|actions| match &actions.value {
        Value::Array(items) => !items.is_empty() && items.iter().all(|item| is_left_out(item, kind)),
        _ => is_left_out(actions, kind),
    })
}

/// Whether every principal of the statement was deleted.
fn speaks_of_nobody(statement: &Node<'_>, refuses: &Refuses<'_>) -> bool {
    let Some(Value::Object(kinds)) = member(statement, "Principal").map(|principal| &principal.value) else {
        return false;
    };
    !kinds.is_empty() && kinds.iter().all(|(_, named)| are_all_deleted(named, refuses))
}

/// Where an item of a list, or a member of an object, begins and ends.
type Part = (usize, usize);

fn parts(items: &[Node<'_>]) -> Vec<Part> {
    items.iter().map(|item| (item.start, item.end)).collect()
}

/// The text of a list or an object without some of its parts, laid out as its author did.
fn without(text: &str, parts: &[Part], gone: impl Fn(usize) -> bool) -> Option<String> {
    let ((start, _), (_, end)) = (parts.first()?, parts.last()?);
    let between = match parts {
        [(_, one), (two, _), ..] => text.get(*one..*two)?,
        _ => ", ",
    };
    let kept = parts.iter().enumerate().filter(|(at, _)| !gone(*at));
    let kept: Vec<&str> = kept.filter_map(|(_, (start, end))| text.get(*start..*end)).collect();
    let (before, after) = (text.get(..*start)?, text.get(*end..)?);
    Some(format!("{before}{}{after}", kept.join(between)))
}
