//! A policy document as a tree: what parsing makes and everything else reads.

use crate::action::ActionSet;
use crate::condition::Condition;
use crate::element::{Effect, Selection, Version};
use crate::principal::Principal;
use crate::template::Template;

/// A value in the author's words, and read as what it is compared as.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resource {
    pub(crate) text: Box<str>,
    pub(crate) template: Template,
}

impl Resource {
    /// Whether a variable comes before the fifth colon.
    pub(crate) fn has_early_variable(&self) -> bool {
        let early: usize = self.text.match_indices(':').nth(4).map_or(self.text.len(), |(at, _)| at);
        self.template.variables().next().is_some() && self.text.find("${").is_some_and(|at| at < early)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Its place in the document, from 0.
    pub index: usize,
    pub sid: Option<String>,
    pub effect: Effect,
    /// The statement's own bytes in the text.
    pub span: (usize, usize),
    pub(crate) principals: Selection<Principal>,
    pub(crate) actions: Selection<Box<str>>,
    /// Which of the ten actions it names, decided once.
    pub(crate) named_actions: ActionSet,
    pub(crate) resources: Option<Selection<Resource>>,
    pub(crate) conditions: Vec<Condition>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PolicyDocument {
    pub(crate) version: Version,
    /// Whether the author wrote a version at all.
    pub(crate) version_stated: bool,
    pub(crate) id: Option<String>,
    pub(crate) statements: Vec<Statement>,
}

impl PolicyDocument {
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }
}
