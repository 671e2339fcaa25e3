//! `terraform show -json` and `tofu show -json`: of a plan, every change; of a state, every resource.

use std::collections::BTreeMap;

use crate::declared::{Attached, Declarations, DeclaredPolicy, DeployedTo, Destroyed, Language};
use crate::document::{Document, NoText};
use crate::terraform::attributes::{self, Resource};
use crate::terraform::policy_document;
use crate::tree::{Member, Node, Value};

pub(crate) fn is_plan_or_state(root: &Node) -> bool {
    let has = |name: &str| root.get(name).is_some();
    has("format_version") && (has("resource_changes") || has("planned_values") || has("values"))
}

pub(crate) fn read(root: &Node) -> Declarations {
    let is_plan = root.get("values").is_none();
    let mut declarations = Declarations { is_plan, ..Declarations::default() };
    if let Some(changes) = root.get("resource_changes") {
        for change in changes.items() {
            changed(&mut declarations, root, changes, change);
        }
        // What is planned later is not known better than this.
        for deferred in root.get("deferred_changes").map_or(&[][..], Node::items) {
            if let Some(change) = deferred.get("resource_change") {
                changed(&mut declarations, root, changes, change);
            }
        }
        if root.get("errored").is_some_and(is_true) {
            let why = "known after apply: the plan ended with an error".to_owned();
            declarations.policies.push(DeclaredPolicy {
                attached_to: Attached::Repository,
                address: String::new(),
                attribute: "policy",
                span: root.span,
                document: Err(NoText { why, span: root.span }),
                place: DeployedTo::default(),
                repository: None,
                language: Language::Hcl,
                module_source: None,
            });
        }
    } else {
        let module = root.at(&["planned_values", "root_module"]).or_else(|| root.at(&["values", "root_module"]));
        if let Some(module) = module {
            of_module(&mut declarations, root, module);
        }
    }
    declarations
}

/// The resources of a state's module, and of those inside it. What is there is as AWS has it.
fn of_module(declarations: &mut Declarations, root: &Node, module: &Node) {
    for resource in module.get("resources").map_or(&[][..], Node::items) {
        let is_managed = resource.text_at(&["mode"]).is_none_or(|mode| mode == "managed");
        let (Some(kind), Some(address), Some(values)) =
            (resource.text_at(&["type"]), resource.text_at(&["address"]), resource.get("values"))
        else {
            continue;
        };
        if is_managed && attributes::is_of_interest(kind) {
            let one = Resource {
                kind,
                address: address.to_owned(),
                span: resource.span,
                attributes: values,
                before: None,
                destroyed: None,
                place: place(root, address, values, None),
                language: Language::Hcl,
                module_source: module_source(root, address),
            };
            attributes::add(declarations, one, None);
        }
    }
    for child in module.get("child_modules").map_or(&[][..], Node::items) {
        of_module(declarations, root, child);
    }
}

fn changed(declarations: &mut Declarations, root: &Node, changes: &Node, resource: &Node) {
    let is_managed = resource.text_at(&["mode"]).is_none_or(|mode| mode == "managed");
    let (Some(kind), Some(address), Some(change)) =
        (resource.text_at(&["type"]), resource.text_at(&["address"]), resource.get("change"))
    else {
        return;
    };
    if !is_managed || !attributes::is_of_interest(kind) {
        return;
    }
    let actions: Vec<&str> =
        change.get("actions").map_or(&[][..], Node::items).iter().filter_map(Node::as_text).collect();
    // Terraform only forgets it: AWS keeps it as it is.
    if actions == ["forget"] {
        return;
    }
    let destroyed = match actions.as_slice() {
        ["delete"] => Some(Destroyed::ForGood),
        ["delete", "create"] => Some(Destroyed::AndMadeAgain),
        ["create", "delete"] => Some(Destroyed::AfterItsSuccessor),
        _ => None,
    };
    let is_destroyed = destroyed == Some(Destroyed::ForGood);
    let before = change.get("before").filter(|before| before.value != Value::Null);
    let unknown = change.get("after_unknown");
    let nothing = Node { span: resource.span, value: Value::Null };
    let after = change.get("after").unwrap_or(&nothing);
    let after = match unknown {
        Some(unknown) => with_unknown(after, unknown, address),
        None => after.clone(),
    };
    let attribute = attributes::policy_attribute(kind);
    let is_unknown = attribute.is_some_and(|name| unknown.and_then(|node| node.get(name)).is_some_and(is_true));
    let mut language = Language::Hcl;
    let document = attribute.filter(|_| is_unknown && !is_destroyed).map(|attribute| {
        match of_data(root, changes, address, attribute) {
            Some(document) => {
                language = Language::HclDocument;
                document
            }
            None => Err(NoText { why: format!("known after apply: {address}.{attribute}"), span: resource.span }),
        }
    });
    let of = if is_destroyed { before.unwrap_or(&nothing) } else { &after };
    let one = Resource {
        kind,
        address: address.to_owned(),
        span: resource.span,
        attributes: of,
        before,
        destroyed,
        place: place(root, address, of, before),
        language,
        module_source: module_source(root, address),
    };
    attributes::add(declarations, one, document);
}

fn is_true(node: &Node) -> bool {
    node.value == Value::Bool(true)
}

/// The values with those that are known after apply as open strings, named by their address.
fn with_unknown(after: &Node, unknown: &Node, name: &str) -> Node {
    let nothing = || Node { span: after.span, value: Value::Null };
    let value = match &unknown.value {
        Value::Bool(true) => return Node::open(after.span, name),
        Value::Object(members) => {
            let mut result: Vec<Member> = after.members().to_vec();
            let places: BTreeMap<&str, usize> =
                after.members().iter().enumerate().map(|(at, member)| (member.key.as_str(), at)).collect();
            for member in members {
                let place = places.get(member.key.as_str()).and_then(|at| result.get_mut(*at));
                let known = place.as_ref().map_or_else(nothing, |one| one.value.clone());
                let value = with_unknown(&known, &member.value, &format!("{name}.{}", member.key));
                if let Some(one) = place {
                    one.value = value;
                } else if value.value != Value::Null {
                    result.push(Member { key: member.key.clone(), key_span: after.span, value });
                }
            }
            Value::Object(result)
        }
        Value::Array(items) => {
            let known = after.items();
            let longer = items.get(known.len()..).unwrap_or_default().iter().map(|_| None);
            let all = known.iter().map(Some).chain(longer);
            let value = |(at, (known, item)): (usize, (Option<&Node>, Option<&Node>))| {
                let known = known.cloned().unwrap_or_else(nothing);
                item.map_or_else(|| known.clone(), |item| with_unknown(&known, item, &format!("{name}[{at}]")))
            };
            let pairs = all.zip(items.iter().map(Some).chain(std::iter::repeat(None))).enumerate();
            Value::Array(pairs.map(value).filter(|node| node.value != Value::Null).collect())
        }
        _ => return after.clone(),
    };
    let is_empty = match &value {
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    // What is not there, and not unknown, is not there.
    if is_empty && after.value == Value::Null { after.clone() } else { Node { span: after.span, value } }
}

/// The policy of the `aws_iam_policy_document` that an attribute takes its text from, where that is read during apply: what
/// it knows already is in the plan.
fn of_data(root: &Node, changes: &Node, address: &str, attribute: &str) -> Option<Result<Document, NoText>> {
    let configured = configured(root, address)?;
    let references = configured.at(&["expressions", attribute, "references"])?;
    let names: Vec<&str> = references.items().iter().filter_map(Node::as_text).collect();
    // Anything else in the expression could change the text.
    let [data] = names
        .iter()
        .filter(|name| !names.iter().any(|longer| longer.starts_with(&format!("{name}."))))
        .collect::<Vec<_>>()[..]
    else {
        return None;
    };
    let data = data.strip_suffix(".json")?;
    let module = module_prefix(address);
    let wanted = format!("{module}{data}");
    let found = changes.items().iter().find(|one| one.text_at(&["address"]) == Some(&wanted))?;
    let change = found.get("change")?;
    let after = with_unknown(change.get("after")?, change.get("after_unknown")?, &wanted);
    let policy = policy_document::policy(&after);
    Some(match policy {
        Ok(policy) => Document::of_node(&policy),
        Err(what) => Err(NoText { why: format!("known after apply: {what} ({wanted})"), span: found.span }),
    })
}

/// `module.a.module.b.`, with the keys of their instances; empty for the root.
fn module_prefix(address: &str) -> &str {
    let mut end = 0;
    let mut rest = address;
    while let Some(after) = rest.strip_prefix("module.") {
        let Some(length) = end_of_step(after) else { break };
        end += "module.".len() + length + 1;
        rest = after.get(length + 1..).unwrap_or_default();
    }
    address.get(..end).unwrap_or_default()
}

/// The length of a name with its instance key, up to the dot after it.
fn end_of_step(text: &str) -> Option<usize> {
    let (mut in_string, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'.' if !in_string => return Some(at),
            _ => {}
        }
    }
    None
}

/// Where the files of a resource's module are, as its caller names it; empty where that is not known. `None`: it is in no module.
fn module_source(root: &Node, address: &str) -> Option<String> {
    let mut rest = address;
    let mut module = root.at(&["configuration", "root_module"]);
    let mut source = None;
    while let Some(after) = rest.strip_prefix("module.") {
        let call = end_of_step(after).and_then(|length| {
            let name = after.get(..length)?.split('[').next()?;
            Some((module.and_then(|module| module.at(&["module_calls", name])), after.get(length + 1..)?))
        });
        let Some((call, next)) = call else { return Some(String::new()) };
        source = Some(call.and_then(|call| call.text_at(&["source"])).unwrap_or_default().to_owned());
        module = call.and_then(|call| call.get("module"));
        rest = next;
    }
    source
}

/// What the configuration says of a resource.
fn configured<'t>(root: &'t Node, address: &str) -> Option<&'t Node> {
    let mut module = root.at(&["configuration", "root_module"])?;
    let mut rest = address;
    while let Some(after) = rest.strip_prefix("module.") {
        let length = end_of_step(after)?;
        let name = after.get(..length)?.split('[').next()?;
        module = module.at(&["module_calls", name, "module"])?;
        rest = after.get(length + 1..)?;
    }
    let name = rest.split('[').next()?;
    module.get("resources")?.items().iter().find(|one| one.text_at(&["address"]) == Some(name))
}

/// The account and region of a resource: its own, its provider's, or that of an ARN it has.
fn place(root: &Node, address: &str, values: &Node, before: Option<&Node>) -> DeployedTo {
    let text = |name: &str| {
        let known = values.text_at(&[name]).or_else(|| before?.text_at(&[name]));
        known.filter(|text| !text.is_empty())
    };
    let provider = configured(root, address)
        .and_then(|one| one.text_at(&["provider_config_key"]))
        .and_then(|key| root.at(&["configuration", "provider_config"])?.get(key));
    let constant = |path: &[&str]| -> Option<String> {
        let node = provider?.get("expressions")?.at(path)?.get("constant_value")?;
        let node = node.items().first().filter(|_| node.items().len() == 1).unwrap_or(node);
        node.as_text().map(str::to_owned)
    };
    let of_role = || {
        let roles = provider?.at(&["expressions", "assume_role"])?;
        let [role] = roles.items() else { return None };
        role.text_at(&["role_arn", "constant_value"])?.split(':').nth(4).map(str::to_owned)
    };
    let account =
        text("registry_id").map(str::to_owned).or_else(|| constant(&["allowed_account_ids"])).or_else(of_role);
    let region = text("region").map(str::to_owned).or_else(|| constant(&["region"]));
    DeployedTo { account: account.and_then(|id| id.parse().ok()), region: region.and_then(|name| name.parse().ok()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_told_from_keys_of_instances() {
        for (address, module) in [
            ("aws_ecr_repository_policy.a", ""),
            ("module.a.aws_ecr_repository_policy.a[\"module.x\"]", "module.a."),
            (
                "module.a[\"k.e\\\"y\"].module.b[0].data.aws_iam_policy_document.d",
                "module.a[\"k.e\\\"y\"].module.b[0].",
            ),
        ] {
            assert_eq!(module_prefix(address), module);
        }
    }
}
