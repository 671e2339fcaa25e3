//! The resources of the AWS provider that matter here, by their attributes: the same in a plan, in a state and in HCL.

use crate::declared::{
    Attached, Declarations, DeclaredPolicy, DeclaredSetting, DeployedTo, Destroyed, Language, NotKnown, Setting,
};
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
    pub(super) destroyed: Option<Destroyed>,
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
    let Resource { kind, address, span, attributes, before, destroyed, place, language, module_source } = resource;
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
        if let Some(document) = document.filter(|_| destroyed != Some(Destroyed::ForGood)) {
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
    let types = |attributes: &Node| NotKnown::or_texts(attributes.get("resource_types"), "resource_types");
    let had_ecr = before.is_some_and(|before| types(before).is_ok_and(|types| types.iter().any(|one| one == "ECR")));
    let mut settings = Vec::new();
    if let Some(how) = destroyed {
        match kind {
            "aws_ecr_registry_scanning_configuration" => settings.push(Setting::ScanningConfigurationDestroyed(how)),
            "aws_inspector2_enabler" => settings.push(Setting::EnablerDestroyed { had_ecr, how }),
            _ => {}
        }
    }
    if destroyed != Some(Destroyed::ForGood) {
        match kind {
            "aws_ecr_registry_scanning_configuration" => {
                settings.push(Setting::ScanType(NotKnown::or_text(attributes.get("scan_type"), "scan_type")));
            }
            "aws_ecr_account_setting" if text("name").as_deref() == Some("REGISTRY_POLICY_SCOPE") => {
                settings.push(Setting::RegistryPolicyScope(text("value")));
            }
            "aws_inspector2_enabler" => settings.push(Setting::Enabler { types: types(attributes), had_ecr }),
            _ => {}
        }
    }
    let declared = |setting| DeclaredSetting {
        address: address.clone(),
        span,
        place: place.clone(),
        setting,
        module_source: module_source.clone(),
    };
    declarations.settings.extend(settings.into_iter().map(declared));
}
