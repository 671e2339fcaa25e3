//! HCL expressions as values, as far as they are literal. What is not becomes an open string with the expression's own text for a name.

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, FuncCall, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::template::{Element, StringTemplate, Template};

use crate::source::Span;
use crate::terraform::scope::Scope;
use crate::tree::{Member, Node, Piece, Unresolved, Value, joined};

/// Values that one policy may come to, which AWS stores up to 10,240 characters of: locals that refer to each other twice double with
/// each step.
const VALUES_MAX: usize = 10_000;
/// Locals that refer to locals.
const REFERENCES_MAX: usize = 32;

/// Evaluates the expressions of one attribute.
pub(super) struct Evaluator<'s> {
    scope: &'s Scope<'s>,
    /// The alias of the provider that deploys what is evaluated.
    provider: &'s str,
    values: usize,
    references: usize,
    /// Inside of so many objects and arrays.
    depth: usize,
}

impl<'s> Evaluator<'s> {
    pub(super) fn new(scope: &'s Scope<'s>, provider: &'s str) -> Self {
        Self { scope, provider, values: 0, references: 0, depth: 0 }
    }

    /// `base` is where the expression's file begins in the module's text.
    pub(super) fn value(&mut self, expression: &Expression, base: usize) -> Node {
        let span = span_of(expression, base);
        self.values += 1;
        if self.values > VALUES_MAX {
            return Node::open(span, "more values than any policy has");
        }
        let value = match expression {
            Expression::Null(_) => Value::Null,
            Expression::Bool(one) => Value::Bool(**one),
            Expression::Number(number) => Value::Number(number.value().to_string()),
            Expression::String(text) => return Node::text(span, text.as_str()),
            Expression::Array(items) => Value::Array(items.iter().map(|item| self.inside(item, base)).collect()),
            Expression::Object(object) => {
                let mut members = Vec::new();
                for (key, value) in object {
                    let Some(name) = self.key(key, base) else { return self.open(span) };
                    let key_span = match key {
                        ObjectKey::Ident(ident) => range(ident.span(), span, base),
                        ObjectKey::Expression(expression) => span_of(expression, base),
                    };
                    members.push(Member { key: name, key_span, value: self.inside(value.expr(), base) });
                }
                Value::Object(members)
            }
            Expression::StringTemplate(template) => self.template_string(template, base),
            Expression::HeredocTemplate(heredoc) => self.template(&heredoc.template, base),
            Expression::Parenthesis(inner) => return self.value(inner.inner(), base),
            Expression::FuncCall(call) => return self.call(call, span, base),
            Expression::Traversal(traversal) => return self.traversal(traversal, span),
            Expression::Variable(_)
            | Expression::Conditional(_)
            | Expression::UnaryOp(_)
            | Expression::BinaryOp(_)
            | Expression::ForExpr(_) => return self.open(span),
        };
        Node { span, value }
    }

    /// A value inside of an object or an array.
    fn inside(&mut self, expression: &Expression, base: usize) -> Node {
        self.depth += 1;
        let node = self.value(expression, base);
        self.depth -= 1;
        node
    }

    fn open(&self, span: Span) -> Node {
        Node::open(span, self.scope.name(span))
    }

    fn key(&mut self, key: &ObjectKey, base: usize) -> Option<String> {
        match key {
            ObjectKey::Ident(ident) => Some(ident.as_str().to_owned()),
            ObjectKey::Expression(expression) => match self.value(expression, base).value {
                Value::Text(pieces) => match pieces.as_slice() {
                    [Piece::Known(text)] => Some(text.clone()),
                    _ => None,
                },
                _ => None,
            },
        }
    }

    fn template_string(&mut self, template: &StringTemplate, base: usize) -> Value {
        let elements: Vec<&Element> = template.iter().collect();
        self.elements(&elements, base)
    }

    fn template(&mut self, template: &Template, base: usize) -> Value {
        let elements: Vec<&Element> = template.iter().collect();
        self.elements(&elements, base)
    }

    fn elements(&mut self, elements: &[&Element], base: usize) -> Value {
        let mut pieces = Vec::new();
        for element in elements {
            match element {
                Element::Literal(text) => pieces.push(Piece::Known(text.as_str().to_owned())),
                Element::Interpolation(interpolation) => {
                    let node = self.value(&interpolation.expr, base);
                    match node.value {
                        Value::Text(more) => pieces.extend(more),
                        Value::Number(number) => pieces.push(Piece::Known(number)),
                        Value::Bool(one) => pieces.push(Piece::Known(one.to_string())),
                        Value::Null | Value::Array(_) | Value::Object(_) => {
                            pieces.push(Piece::Unresolved(Unresolved::Other(self.scope.name(node.span))));
                        }
                    }
                }
                Element::Directive(directive) => {
                    let span = range(directive.span(), (base, base), base);
                    pieces.push(Piece::Unresolved(Unresolved::Other(self.scope.name(span))));
                }
            }
        }
        Value::Text(joined(pieces))
    }

    fn call(&mut self, call: &FuncCall, span: Span, base: usize) -> Node {
        let mut arguments = Vec::new();
        if !call.name.namespace.is_empty() || call.args.expand_final() {
            return self.open(span);
        }
        for argument in &call.args {
            arguments.push(argument);
        }
        match (call.name.name.as_str(), arguments.as_slice()) {
            // A policy that is an object is its text. Inside of one, it is a string with JSON in it.
            ("jsonencode", [one]) if self.depth == 0 => {
                let node = self.value(one, base);
                // A string gets quotes, and is none of a policy's values then.
                if matches!(node.value, Value::Object(_) | Value::Array(_)) { node } else { self.open(span) }
            }
            ("tolist" | "toset", [one]) => self.value(one, base),
            ("concat" | "flatten", lists) => {
                let mut items = Vec::new();
                for list in lists {
                    match self.value(list, base).value {
                        Value::Array(more) if call.name.name.as_str() == "concat" => items.extend(more),
                        Value::Array(more) => items.extend(more.into_iter().flat_map(|item| match item.value {
                            Value::Array(inner) => inner,
                            _ => vec![item],
                        })),
                        _ => return self.open(span),
                    }
                }
                Node { span, value: Value::Array(items) }
            }
            ("join", [separator, list]) => {
                let separator = self.value(separator, base);
                let list = self.value(list, base);
                let (Some(separator), Value::Array(items)) = (separator.as_text(), &list.value) else {
                    return self.open(span);
                };
                let mut pieces = Vec::new();
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        pieces.push(Piece::Known(separator.to_owned()));
                    }
                    match &item.value {
                        Value::Text(more) => pieces.extend(more.iter().cloned()),
                        Value::Number(number) => pieces.push(Piece::Known(number.clone())),
                        _ => return self.open(span),
                    }
                }
                Node { span, value: Value::Text(joined(pieces)) }
            }
            _ => self.open(span),
        }
    }

    fn traversal(&mut self, traversal: &Traversal, span: Span) -> Node {
        let Expression::Variable(root) = &traversal.expr else { return self.open(span) };
        let mut steps = vec![root.as_str().to_owned()];
        for operator in &traversal.operators {
            match &**operator {
                TraversalOperator::GetAttr(name) => steps.push(name.as_str().to_owned()),
                // `aws_ecr_repository.app[0].name`: whichever instance, its block is the same.
                TraversalOperator::Index(_) | TraversalOperator::LegacyIndex(_) if names_block(&steps) => {}
                TraversalOperator::Index(Expression::String(key)) => steps.push(key.as_str().to_owned()),
                TraversalOperator::Index(Expression::Number(number)) => steps.push(number.value().to_string()),
                TraversalOperator::LegacyIndex(number) => steps.push(number.to_string()),
                _ => return self.open(span),
            }
        }
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        let place = |open: Unresolved| Node { span, value: Value::Text(vec![Piece::Unresolved(open)]) };
        match steps.as_slice() {
            ["data", kind @ "aws_caller_identity", name, "account_id"] if self.is_here(kind, name) => {
                place(Unresolved::Account)
            }
            ["data", kind @ "aws_region", name, "name" | "region" | "id"] if self.is_here(kind, name) => {
                place(Unresolved::Region)
            }
            ["data", "aws_partition", _, "dns_suffix"] => place(Unresolved::UrlSuffix),
            ["data", "aws_partition", _, "partition"] => place(Unresolved::Partition),
            ["data", "aws_iam_policy_document", name, "json" | "minified_json"] => self.document(name, span),
            ["local", name, rest @ ..] => match self.referred(|this| {
                let (expression, base) = this.scope.local(name)?;
                Some(this.value(expression, base))
            }) {
                // A value is where it is used; what is in it, where it is written.
                Some(node) => match rest.iter().try_fold(&node, |node, key| element(node, key)) {
                    Some(found) => Node { span, value: found.value.clone() },
                    None => self.open(span),
                },
                None => self.open(span),
            },
            [kind @ ("aws_iam_role" | "aws_iam_user"), name, "arn"] => {
                place(Unresolved::MadeRole(format!("{kind}.{name}.arn")))
            }
            [kind, name, attribute] if kind.starts_with("aws_") => self
                .referred(|this| {
                    let (block, base) = this.scope.resource(kind, name)?;
                    let node = this.value(&block.body.get_attribute(attribute)?.value, base);
                    node.as_text().is_some().then_some(node)
                })
                .unwrap_or_else(|| self.open(span)),
            _ => self.open(span),
        }
    }

    /// What is referred to. `None`: the references form a circle, or are deeper than any module's.
    fn referred(&mut self, of: impl FnOnce(&mut Self) -> Option<Node>) -> Option<Node> {
        if self.references >= REFERENCES_MAX {
            return None;
        }
        self.references += 1;
        let node = of(self);
        self.references -= 1;
        node
    }

    /// Whether a data source is about where the resource is deployed: one of another provider, or of a region that it names itself,
    /// is about elsewhere.
    fn is_here(&self, kind: &str, name: &str) -> bool {
        self.scope.data(kind, name).is_none_or(|(block, base)| {
            let names_region = ["region", "name", "endpoint"].iter().any(|one| block.body.get_attribute(one).is_some());
            self.scope.provider(block, base) == self.provider && !names_region
        })
    }

    /// The policy of a document in the same module.
    fn document(&mut self, name: &str, span: Span) -> Node {
        let policy = self.referred(|this| {
            let (block, base) = this.scope.data("aws_iam_policy_document", name)?;
            let tree = this.blocks(&block.body, base)?;
            super::policy_document::policy(&tree).ok()
        });
        policy.unwrap_or_else(|| self.open(span))
    }

    /// The attributes of a body alone.
    pub(super) fn attributes(&mut self, body: &hcl_edit::structure::Body, base: usize) -> Node {
        let span = range(body.span(), (base, base), base);
        let mut members = Vec::new();
        for attribute in body.attributes() {
            let key_span = range(attribute.key.span(), span, base);
            let value = self.value(&attribute.value, base);
            members.push(Member { key: attribute.key.as_str().to_owned(), key_span, value });
        }
        Node { span, value: Value::Object(members) }
    }

    /// A body as plans have it: nested blocks are arrays of objects. `None`: some are made when they are planned.
    pub(super) fn blocks(&mut self, body: &hcl_edit::structure::Body, base: usize) -> Option<Node> {
        let Node { span, value: Value::Object(mut members) } = self.attributes(body, base) else { return None };
        for block in body.blocks() {
            if block.has_ident("dynamic") {
                return None;
            }
            let block_span = range(block.span(), span, base);
            let inner = Node { span: block_span, value: self.blocks(&block.body, base)?.value };
            match members
                .iter_mut()
                .find(|member| member.key == block.ident.as_str())
                .map(|member| &mut member.value.value)
            {
                Some(Value::Array(items)) => items.push(inner),
                Some(_) => return None,
                None => members.push(Member {
                    key: block.ident.as_str().to_owned(),
                    key_span: block_span,
                    value: Node { span: block_span, value: Value::Array(vec![inner]) },
                }),
            }
        }
        Some(Node { span, value: Value::Object(members) })
    }
}

/// Whether the steps so far name a resource or a data source, whose instances have one block.
fn names_block(steps: &[String]) -> bool {
    match steps.first().map(String::as_str) {
        Some("data") => steps.len() == 3,
        Some(kind) => kind.starts_with("aws_") && steps.len() == 2,
        None => false,
    }
}

/// A member of an object, or an item of an array by its place.
fn element<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => node.get(key),
    }
}

pub(super) fn range(span: Option<std::ops::Range<usize>>, otherwise: Span, base: usize) -> Span {
    span.map_or(otherwise, |span| (base + span.start, base + span.end))
}

fn span_of(expression: &Expression, base: usize) -> Span {
    range(expression.span(), (base, base), base)
}
