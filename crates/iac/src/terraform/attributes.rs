//! The resources of the AWS provider that matter here, by their attributes: the same in a plan, in a state and in HCL.

use crate::declared::{Attached, Declarations, DeclaredPolicy, DeclaredSetting, DeployedTo, Language, Setting};
use crate::document::{Document, NoText};
use crate::source::Span;
use crate::tree::{Node, Value};

/// A resource as it will be.
pub(super) struct Resource<'a> {
    pub(super) kind: &'a str,
    pub(super) address: String,
    pub(super) span: Span,
    pub(super) attributes: &'a Node,
    /// As it is, where it exists.
    pub(super) before: Option<&'a Node>,
    pub(super) is_destroyed: bool,
    pub(super) place: DeployedTo,
    pub(super) language: Language,
    pub(super) module_source: Option<String>,
}

/// The attribute that has the policy.
pub(super) fn policy_attribute(kind: &str) -> Option<&'static str> {
    match kind {
        "aws_ecr_repository_policy" | "aws_ecr_registry_policy" => Some("policy"),
        "aws_ecr_repository_creation_template" => Some("repository_policy"),
        _ => None,
    }
}

/// Whether a resource matters here.
pub(super) fn is_of_interest(kind: &str) -> bool {
    policy_attribute(kind).is_some()
        || matches!(
            kind,
            "aws_ecr_registry_scanning_configuration" | "aws_ecr_account_setting" | "aws_inspector2_enabler"
        )
}

/// Adds what the resource states. `document` is its policy, where it was read from elsewhere.
pub(super) fn add(declarations: &mut Declarations, resource: Resource<'_>, document: Option<Result<Document, NoText>>) {
    let Resource { kind, address, span, attributes, before, is_destroyed, place, language, module_source } = resource;
    let text = |name: &str| attributes.text_at(&[name]).map(str::to_owned);
    if let Some(attribute) = policy_attribute(kind) {
        let node = attributes.get(attribute).filter(|node| node.value != Value::Null);
        let missing = || NoText { why: format!("{address} has no {attribute} in the file"), span };
        let is_required = attribute == "policy";
        let document = document.or_else(|| node.map(Document::of_node)).or_else(|| is_required.then(|| Err(missing())));
        let attached_to = match kind {
            "aws_ecr_registry_policy" => Attached::Registry,
            "aws_ecr_repository_creation_template" => {
                Attached::Template { prefix: text("prefix").unwrap_or_else(|| "?".to_owned()) }
            }
            _ => Attached::Repository,
        };
        if let Some(document) = document.filter(|_| !is_destroyed) {
            let repository = text("repository");
            declarations.policies.push(DeclaredPolicy {
                attached_to,
                address,
                attribute,
                span,
                document,
                place,
                repository,
                language,
                module_source,
            });
        }
        return;
    }
    let had_ecr = || before.and_then(types).is_some_and(|types| types.iter().any(|one| one == "ECR"));
    let setting = match (kind, is_destroyed) {
        ("aws_ecr_registry_scanning_configuration", true) => Setting::ScanningConfigurationDestroyed,
        ("aws_ecr_registry_scanning_configuration", false) => Setting::ScanType(text("scan_type")),
        ("aws_ecr_account_setting", false) if text("name").as_deref() == Some("REGISTRY_POLICY_SCOPE") => {
            Setting::RegistryPolicyScope(text("value"))
        }
        ("aws_inspector2_enabler", true) => Setting::EnablerDestroyed { had_ecr: had_ecr() },
        ("aws_inspector2_enabler", false) => Setting::Enabler { types: types(attributes), had_ecr: had_ecr() },
        _ => return,
    };
    declarations.settings.push(DeclaredSetting { address, span, place, setting });
}

fn types(attributes: &Node) -> Option<Vec<String>> {
    let types = attributes.get("resource_types")?;
    let Value::Array(items) = &types.value else { return None };
    items.iter().map(|item| item.as_text().map(str::to_owned)).collect()
}
