//! A policy as a file of its own, and the answers of `aws ecr get-repository-policy` and `get-registry-policy`.

use crate::declared::{Attached, Declarations, DeclaredPolicy, DeployedTo, Language};
use crate::document::Document;
use crate::tree::{Node, Value};

/// Whether a tree is a policy that names a principal: a policy of a resource, not one of an identity.
pub(crate) fn is_resource_policy(root: &Node) -> bool {
    statements(root).iter().any(|one| one.get("Principal").is_some() || one.get("NotPrincipal").is_some())
}

/// Whether a policy says anything of ECR: policies of buckets and queues lie in the same folders.
pub(crate) fn is_of_ecr(root: &Node) -> bool {
    let any = |node: &Node, is: &dyn Fn(&str) -> bool| match &node.value {
        Value::Array(items) => items.iter().any(|item| item.as_text().is_none_or(is)),
        _ => node.as_text().is_none_or(is),
    };
    // IAM reads the names of actions without regard to case.
    let named = |name: &str| name.to_ascii_lowercase().starts_with("ecr:") || name.starts_with('*');
    let is_resource = |arn: &str| arn.split(':').nth(2).is_none_or(|service| service == "ecr" || service.contains('*'));
    let of_statement = |one: &&Node| {
        let actions = one.get("Action").is_some_and(|actions| any(actions, &named)) || one.get("NotAction").is_some();
        actions && one.get("Resource").is_none_or(|resources| any(resources, &is_resource))
    };
    statements(root).iter().any(of_statement)
}

fn statements(root: &Node) -> Vec<&Node> {
    match root.get("Statement") {
        Some(Node { value: Value::Array(items), .. }) => items.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

pub(crate) fn read(root: &Node, text: &str) -> Declarations {
    // ECR asks for a Resource in the policy of a registry, and for none in that of a repository.
    let of_registry =
        statements(root).iter().all(|one| one.get("Resource").is_some() || one.get("NotResource").is_some());
    let attached_to = if of_registry { Attached::Registry } else { Attached::Repository };
    one(attached_to, "", root, Ok(Document::of_file(text)), DeployedTo::default(), None)
}

/// Whether a tree is an answer of the aws CLI's.
pub(crate) fn is_answer(root: &Node) -> bool {
    root.get("policyText").is_some() && root.get("Statement").is_none()
}

pub(crate) fn read_answer(root: &Node) -> Declarations {
    let repository = root.text_at(&["repositoryName"]).map(str::to_owned);
    let attached_to = if repository.is_some() { Attached::Repository } else { Attached::Registry };
    let account = root.text_at(&["registryId"]).and_then(|id| id.parse().ok());
    let place = DeployedTo { account, region: None };
    let Some(text) = root.get("policyText") else { return Declarations::default() };
    one(attached_to, "policyText", root, Document::of_node(text), place, repository)
}

fn one(
    attached_to: Attached,
    attribute: &'static str,
    root: &Node,
    document: Result<Document, crate::document::NoText>,
    place: DeployedTo,
    repository: Option<String>,
) -> Declarations {
    let policy = DeclaredPolicy {
        attached_to,
        address: String::new(),
        attribute,
        span: root.span,
        document,
        place,
        repository,
        language: Language::Json,
        module_source: None,
    };
    Declarations { policies: vec![policy], ..Declarations::default() }
}
