//! `pulumi preview --json`: each step with the inputs of its new state.

use std::collections::BTreeSet;

use crate::declared::{
    Attached, Declarations, DeclaredPolicy, DeclaredSetting, DeployedTo, Destroyed, Language, NotKnown, Setting,
};
use crate::document::Document;
use crate::tree::{Member, Node, Piece, Unresolved, Value, joined};

/// What Pulumi writes for a string that is known only after the deployment.
const UNKNOWN: &str = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/// What it writes for one that it does not show.
const SECRET: &str = "[secret]";

pub(crate) fn is_preview(root: &Node) -> bool {
    root.get("steps").is_some_and(|steps| steps.items().iter().any(|step| step.get("urn").is_some()))
}

pub(crate) fn read(root: &Node) -> Declarations {
    let mut declarations = Declarations::default();
    let mut replaced = BTreeSet::new();
    for step in root.get("steps").map_or(&[][..], Node::items) {
        let Some(urn) = step.text_at(&["urn"]) else { continue };
        let destroyed = match step.text_at(&["op"]).unwrap_or_default() {
            "delete" => Some(Destroyed::ForGood),
            // Pulumi makes the successor first, unless it is told otherwise.
            "delete-replaced" if replaced.contains(urn) => Some(Destroyed::AfterItsSuccessor),
            "delete-replaced" => Some(Destroyed::AndMadeAgain),
            "create-replacement" => {
                replaced.insert(urn);
                None
            }
            // It says again what its two halves say.
            "replace" => continue,
            _ => None,
        };
        let Some(state) = step.get(if destroyed.is_some() { "oldState" } else { "newState" }) else { continue };
        let (Some(kind), Some(inputs)) = (state.text_at(&["type"]), state.get("inputs")) else { continue };
        let inputs = &with_unknown(inputs, urn);
        let text = |name: &str| inputs.text_at(&[name]).map(str::to_owned);
        let place = DeployedTo {
            account: text("registryId").and_then(|id| id.parse().ok()),
            region: text("region").and_then(|region| region.parse().ok()),
        };
        let (attached_to, attribute, repository) = match kind.rsplit(':').next().unwrap_or_default() {
            "RepositoryPolicy" if kind.starts_with("aws:ecr/") => (Attached::Repository, "policy", text("repository")),
            "Repository" if kind.starts_with("aws-native:ecr") => {
                (Attached::Repository, "repositoryPolicyText", text("repositoryName"))
            }
            "RegistryPolicy" if kind.starts_with("aws-native:ecr") => (Attached::Registry, "policyText", None),
            "RegistryPolicy" if kind.starts_with("aws:ecr/") => (Attached::Registry, "policy", None),
            "RepositoryCreationTemplate" => {
                let prefix = text("prefix").unwrap_or_else(|| "?".to_owned());
                (Attached::Template { prefix }, "repositoryPolicy", None)
            }
            word => {
                let before = step.at(&["oldState", "inputs"]);
                let is_of_aws = ["aws:ecr/", "aws:inspector2/", "aws-native:ecr"].iter().any(|of| kind.starts_with(of));
                if let Some(setting) = setting(word, destroyed, inputs, before).filter(|_| is_of_aws) {
                    let address = urn.to_owned();
                    declarations.settings.push(DeclaredSetting {
                        address,
                        span: step.span,
                        place,
                        setting,
                        module_source: None,
                    });
                }
                continue;
            }
        };
        // The other half of a replacement is its successor.
        if destroyed.is_some() {
            continue;
        }
        if let Some(node) = inputs.get(attribute).filter(|node| node.value != Value::Null) {
            declarations.policies.push(DeclaredPolicy {
                attached_to,
                address: urn.to_owned(),
                attribute,
                span: step.span,
                document: Document::of_node(node),
                place,
                repository,
                language: Language::Json,
                module_source: None,
            });
        }
    }
    declarations
}

fn setting(kind: &str, destroyed: Option<Destroyed>, inputs: &Node, before: Option<&Node>) -> Option<Setting> {
    let types = |node: &Node| NotKnown::or_texts(node.get("resourceTypes"), "resourceTypes");
    let had_ecr =
        || before.and_then(|before| types(before).ok()).is_some_and(|types| types.iter().any(|one| one == "ECR"));
    Some(match (kind, destroyed) {
        ("RegistryScanningConfiguration", Some(how)) => Setting::ScanningConfigurationDestroyed(how),
        ("RegistryScanningConfiguration", None) => {
            Setting::ScanType(NotKnown::or_text(inputs.get("scanType"), "scanType"))
        }
        ("Enabler", Some(how)) => Setting::EnablerDestroyed { had_ecr: had_ecr(), how },
        ("Enabler", None) => Setting::Enabler { types: types(inputs), had_ecr: had_ecr() },
        ("AccountSetting", None) if inputs.text_at(&["name"]) == Some("REGISTRY_POLICY_SCOPE") => {
            Setting::RegistryPolicyScope(inputs.text_at(&["value"]).map(str::to_owned))
        }
        _ => return None,
    })
}

/// The values with those that are known only after the deployment as open strings, or as open parts of strings.
fn with_unknown(node: &Node, name: &str) -> Node {
    let value = match &node.value {
        Value::Text(pieces) => {
            let open = || Piece::Unresolved(Unresolved::Other(format!("known after the deployment: {name}")));
            let mut all = Vec::new();
            for piece in pieces {
                let Piece::Known(text) = piece else { continue };
                if text == SECRET {
                    all.push(open());
                    continue;
                }
                for (at, part) in text.split(UNKNOWN).enumerate() {
                    all.extend((at > 0).then(open));
                    all.push(Piece::Known(part.to_owned()));
                }
            }
            Value::Text(joined(all))
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| with_unknown(item, name)).collect()),
        Value::Object(members) => {
            let member = |member: &Member| {
                let name = format!("{} of {}", member.key, name.rsplit(" of ").next().unwrap_or(name));
                Member { value: with_unknown(&member.value, &name), ..member.clone() }
            };
            Value::Object(members.iter().map(member).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => node.value.clone(),
    };
    Node { span: node.span, value }
}
