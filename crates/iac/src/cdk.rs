//! The manifest of a CDK application's output: where each stack is deployed.

use std::collections::BTreeMap;

use crate::declared::DeployedTo;
use crate::json;
use crate::tree::Node;

/// By the name of the stack's template. What has no account or region of its own is deployed wherever the credentials are of.
pub fn environments(manifest: &str) -> BTreeMap<String, DeployedTo> {
    let Ok(root) = json::parse(manifest) else { return BTreeMap::new() };
    let mut all = BTreeMap::new();
    for artifact in root.get("artifacts").map_or(&[][..], Node::members) {
        let template = artifact.value.text_at(&["properties", "templateFile"]);
        let environment = artifact.value.text_at(&["environment"]).and_then(|text| text.strip_prefix("aws://"));
        if let (Some(template), Some((account, region))) = (template, environment.and_then(|text| text.split_once('/')))
        {
            let region = Some(region).filter(|region| *region != "unknown-region");
            let place =
                DeployedTo { account: account.parse().ok(), region: region.and_then(|region| region.parse().ok()) };
            all.insert(template.to_owned(), place);
        }
    }
    all
}

/// Whether a file is the CDK's tree of constructs: the templates beside it say the same.
pub(crate) fn is_tree(root: &Node) -> bool {
    root.text_at(&["version"]).is_some_and(|version| version.starts_with("tree-")) && root.get("tree").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_where_their_environment_says() {
        let manifest = r#"{"artifacts": {
            "A": {"type": "aws:cloudformation:stack", "environment": "aws://111122223333/eu-west-1", "properties": {"templateFile": "A.template.json"}},
            "B": {"type": "aws:cloudformation:stack", "environment": "aws://unknown-account/unknown-region", "properties": {"templateFile": "B.template.json"}},
            "Tree": {"type": "cdk:tree"}}}"#;
        let all = environments(manifest);
        let account = |name: &str| all.get(name).map(|place| place.account.map(|id| id.to_string()));
        assert_eq!(account("A.template.json"), Some(Some("111122223333".to_owned())));
        assert_eq!(all.get("B.template.json"), Some(&DeployedTo::default()));
        assert_eq!(all.len(), 2);
    }
}
