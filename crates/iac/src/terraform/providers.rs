//! Where the resources of a module are deployed, as far as its providers say so.

use std::collections::BTreeMap;

use hcl_edit::structure::{Block, Body};

use crate::declared::DeployedTo;
use crate::terraform::scope::Scope;
use crate::terraform::value::Evaluator;

/// By alias; empty for the default.
pub(super) struct Providers(BTreeMap<String, DeployedTo>);

impl Providers {
    pub(super) fn of(scope: &Scope<'_>, bodies: &[(Body, usize)]) -> Self {
        let blocks =
            bodies.iter().flat_map(|(body, base)| body.get_blocks("provider").map(move |block| (block, *base)));
        let aws = blocks.filter(|(block, _)| block.labels.first().is_some_and(|label| label.as_str() == "aws"));
        Self(aws.filter_map(|(block, base)| provider(scope, block, base)).collect())
    }

    pub(super) fn place(&self, alias: &str) -> DeployedTo {
        self.0.get(alias).cloned().unwrap_or_default()
    }
}

fn provider(scope: &Scope<'_>, block: &Block, base: usize) -> Option<(String, DeployedTo)> {
    let tree = Evaluator::new(scope, "").blocks(&block.body, base)?;
    let region = tree.text_at(&["region"]).and_then(|name| name.parse().ok());
    let only = tree.get("allowed_account_ids").map(super::super::tree::Node::items).filter(|items| items.len() == 1);
    let allowed = only.and_then(|items| items.first()).and_then(|one| one.as_text());
    let of_role = || tree.get("assume_role")?.items().first()?.text_at(&["role_arn"])?.split(':').nth(4);
    let account = allowed.or_else(of_role).and_then(|id| id.parse().ok());
    Some((tree.text_at(&["alias"]).unwrap_or_default().to_owned(), DeployedTo { account, region }))
}
