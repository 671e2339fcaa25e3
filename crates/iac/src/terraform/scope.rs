//! What the files of a module define, by name.

use std::collections::BTreeMap;

use hcl_edit::Span as _;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Block, Body};

use crate::source::{Source, Span};

/// Characters of an expression's text, as a name.
const NAME_MAX: usize = 60;

/// Blocks with where their file begins in the module's text.
pub(super) struct Scope<'m> {
    source: &'m Source,
    locals: BTreeMap<&'m str, (&'m Expression, usize)>,
    /// Data sources.
    data: BTreeMap<(&'m str, &'m str), (&'m Block, usize)>,
    resources: BTreeMap<(&'m str, &'m str), (&'m Block, usize)>,
}

impl<'m> Scope<'m> {
    pub(super) fn of(source: &'m Source, bodies: &'m [(Body, usize)]) -> Self {
        let mut scope = Self { source, locals: BTreeMap::new(), data: BTreeMap::new(), resources: BTreeMap::new() };
        for (body, base) in bodies {
            for block in body.blocks() {
                let labels: Vec<&str> = block.labels.iter().map(hcl_edit::structure::BlockLabel::as_str).collect();
                match (block.ident.as_str(), labels.as_slice()) {
                    ("locals", []) => {
                        let locals = block.body.attributes().map(|one| (one.key.as_str(), (&one.value, *base)));
                        scope.locals.extend(locals);
                    }
                    ("data", [kind, name]) => {
                        scope.data.insert((kind, name), (block, *base));
                    }
                    ("resource", [kind, name]) => {
                        scope.resources.insert((kind, name), (block, *base));
                    }
                    _ => {}
                }
            }
        }
        scope
    }

    pub(super) fn local(&self, name: &str) -> Option<(&'m Expression, usize)> {
        self.locals.get(name).copied()
    }

    pub(super) fn data(&self, kind: &str, name: &str) -> Option<(&'m Block, usize)> {
        self.data.get(&(kind, name)).copied()
    }

    /// The alias of the provider that a resource or data source names; empty for the default.
    pub(super) fn provider(&self, block: &Block, base: usize) -> &'m str {
        let named = block.body.get_attribute("provider").and_then(|one| one.value.span());
        let text = named.and_then(|span| self.source.text.get(base + span.start..base + span.end));
        text.and_then(|text| text.trim().strip_prefix("aws.")).unwrap_or_default()
    }

    pub(super) fn resource(&self, kind: &str, name: &str) -> Option<(&'m Block, usize)> {
        self.resources.get(&(kind, name)).copied()
    }

    /// The name of an expression that is not literal: its own text.
    pub(super) fn name(&self, span: Span) -> String {
        let words: Vec<&str> = self.source.text.get(span.0..span.1).unwrap_or_default().split_whitespace().collect();
        let text = words.join(" ");
        if text.chars().count() > NAME_MAX { text.chars().take(NAME_MAX).chain(['…']).collect() } else { text }
    }
}
