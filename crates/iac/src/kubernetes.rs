//! Manifests of Crossplane and of AWS Controllers for Kubernetes (ACK), where they state a policy plainly.

use crate::declared::{
    Attached, Declarations, DeclaredPolicy, DeclaredSetting, DeployedTo, Language, NotKnown, Setting,
};
use crate::document::{Document, NoText};
use crate::tree::Node;

/// Whether a tree is a manifest of ECR's.
pub(crate) fn is_manifest(root: &Node) -> bool {
    let is_list = root.text_at(&["kind"]) == Some("List")
        && root.get("items").is_some_and(|items| items.items().iter().any(is_manifest));
    is_list
        || root.text_at(&["apiVersion"]).is_some_and(|version| {
            let group = version.split('/').next().unwrap_or_default();
            ["ecr.", "inspector2."].iter().any(|service| group.starts_with(service)) && root.get("kind").is_some()
        })
}

pub(crate) fn read(root: &Node, language: Language) -> Declarations {
    let mut declarations = Declarations::default();
    if root.text_at(&["kind"]) == Some("List") {
        for item in root.get("items").map_or(&[][..], Node::items).iter().filter(|item| is_manifest(item)) {
            let of_item = read(item, language);
            declarations.policies.extend(of_item.policies);
            declarations.settings.extend(of_item.settings);
        }
        return declarations;
    }
    let kind = root.text_at(&["kind"]).unwrap_or_default();
    let name = root.text_at(&["metadata", "name"]).unwrap_or("?");
    let address = format!("{kind}/{name}");
    let of_crossplane = root.at(&["spec", "forProvider"]);
    let initial = root.at(&["spec", "initProvider"]);
    let Some(spec) = of_crossplane.or_else(|| root.get("spec")) else { return declarations };
    let text = |name: &str| spec.text_at(&[name]).map(str::to_owned);
    let place = DeployedTo { account: None, region: text("region").and_then(|region| region.parse().ok()) };
    let property = |name: &str| spec.get(name).or_else(|| initial?.get(name));
    let setting = match kind {
        "RegistryScanningConfiguration" => Setting::ScanType(NotKnown::or_text(property("scanType"), "scanType")),
        "AccountSetting" if property("name").and_then(Node::as_text) == Some("REGISTRY_POLICY_SCOPE") => {
            Setting::RegistryPolicyScope(property("value").and_then(Node::as_text).map(str::to_owned))
        }
        "Enabler" => {
            let types = NotKnown::or_texts(property("resourceTypes"), "resourceTypes");
            Setting::Enabler { types, had_ecr: false }
        }
        _ => return of_policies(declarations, root, spec, initial, language, &address, &place),
    };
    declarations.settings.push(DeclaredSetting { address, span: root.span, place, setting, module_source: None });
    declarations
}

/// The policies of a manifest, wherever it has them.
fn of_policies(
    mut declarations: Declarations,
    root: &Node,
    spec: &Node,
    initial: Option<&Node>,
    language: Language,
    address: &str,
    place: &DeployedTo,
) -> Declarations {
    let kind = root.text_at(&["kind"]).unwrap_or_default();
    let text = |name: &str| spec.text_at(&[name]).map(str::to_owned);
    let (attached_to, repository) = match kind {
        // ACK has the policy of a repository in the repository.
        "Repository" => (Attached::Repository, text("name")),
        "RepositoryPolicy" => (Attached::Repository, text("repository").or_else(|| text("repositoryName"))),
        "RegistryPolicy" => (Attached::Registry, None),
        "RepositoryCreationTemplate" => {
            (Attached::Template { prefix: text("prefix").unwrap_or_else(|| "?".to_owned()) }, None)
        }
        _ => return declarations,
    };
    for attribute in ["policy", "rawPolicy", "policyText", "repositoryPolicy"] {
        if let Some(node) = spec.get(attribute).or_else(|| initial?.get(attribute)) {
            declarations.policies.push(DeclaredPolicy {
                attached_to: attached_to.clone(),
                address: address.to_owned(),
                attribute,
                span: root.span,
                document: if node.get("statements").is_some() {
                    // Crossplane's own form of a policy, with names of its own.
                    Err(NoText { why: format!("{attribute} is written in Crossplane's own form"), span: node.span })
                } else {
                    Document::of_node(node)
                },
                place: place.clone(),
                repository: repository.clone(),
                language: language.of_value(node),
                module_source: None,
            });
        }
    }
    declarations
}
