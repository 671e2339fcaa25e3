//! `pulumi preview --json`: each step with the inputs of its new state.

use crate::declared::{Attached, Declarations, DeclaredPolicy, DeclaredSetting, DeployedTo, Language, Setting};
use crate::document::{Document, NoText};
use crate::tree::{Node, Value};

/// What Pulumi writes for a string that is known only after the deployment.
const UNKNOWN: &str = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

pub(crate) fn is_preview(root: &Node) -> bool {
    root.get("steps").is_some_and(|steps| steps.items().iter().any(|step| step.get("urn").is_some()))
}

pub(crate) fn read(root: &Node) -> Declarations {
    let mut declarations = Declarations::default();
    for step in root.get("steps").map_or(&[][..], Node::items) {
        let op = step.text_at(&["op"]).unwrap_or_default();
        // The other half of a replacement creates it anew.
        if op == "delete-replaced" {
            continue;
        }
        let deleted = op == "delete";
        let state = step.get(if deleted { "oldState" } else { "newState" });
        let (Some(state), Some(urn)) = (state, step.text_at(&["urn"])) else { continue };
        let (Some(kind), Some(inputs)) = (state.text_at(&["type"]), state.get("inputs")) else { continue };
        let text = |name: &str| inputs.text_at(&[name]).filter(|text| *text != UNKNOWN).map(str::to_owned);
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
            "RegistryScanningConfiguration" => {
                let setting =
                    if deleted { Setting::ScanningConfigurationDestroyed } else { Setting::ScanType(text("scanType")) };
                declarations.settings.push(DeclaredSetting {
                    address: urn.to_owned(),
                    span: step.span,
                    place,
                    setting,
                });
                continue;
            }
            _ => continue,
        };
        if deleted {
            continue;
        }
        if let Some(node) = inputs.get(attribute).filter(|node| node.value != Value::Null) {
            let document = if node.as_text() == Some(UNKNOWN) {
                Err(NoText { why: format!("known after the deployment: {attribute} of {urn}"), span: node.span })
            } else {
                Document::of_node(node)
            };
            declarations.policies.push(DeclaredPolicy {
                attached_to,
                address: urn.to_owned(),
                attribute,
                span: step.span,
                document,
                place,
                repository,
                language: Language::Json,
                module_source: None,
            });
        }
    }
    declarations
}
