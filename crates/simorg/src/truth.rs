//! Who gets through a policy: stated by scenarios, or by a judge that the caller injects. Never computed here.

use std::fmt;
use std::sync::Arc;

use scangap_model::{AccountId, RegionName};
use serde::Deserialize;

/// What a policy does to one caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Allowed,
    Denied,
}

/// About whom and where the judge is asked.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    pub policy: &'a str,
    pub account: AccountId,
    pub region: &'a RegionName,
    pub repository: &'a str,
}

/// Answers for Inspector's role, for texts that no scenario lists. `None`: it cannot tell.
#[derive(Clone)]
pub struct Judge(pub Arc<Answer>);

/// The judge itself.
pub type Answer = dyn Fn(&Question<'_>) -> Option<Standing> + Send + Sync;

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge")
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Truth {
    pub(crate) inspector: Standing,
    pub(crate) auditor: Standing,
    pub(crate) writer: Standing,
}
