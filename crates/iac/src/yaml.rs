//! YAML with places: documents as trees of the same form as JSON's. `CloudFormation`'s short tags become the functions that they
//! stand for (`!Sub x` is `{"Fn::Sub": x}`), aliases become what they stand for, up to a limit.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as Marks, Tag};

use crate::error::ReadProblem;
use crate::source::Span;
use crate::tree::{DEPTH_MAX, Member, Node, Piece, Value};

/// Values that aliases may add: a few lines of YAML can stand for more than any memory.
const EXPANDED_MAX: usize = 100_000;

/// Four times as large as the largest template that AWS takes.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Every document of a file.
pub(crate) fn parse(text: &str) -> Result<Vec<Node>, ReadProblem> {
    if text.len() > BYTES_MAX {
        return Err(ReadProblem::TooLarge);
    }
    let offsets = Offsets::of(text);
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, marks) = event.map_err(|error| problem(&error, &offsets))?;
        builder.event(event, offsets.span(marks))?;
    }
    Ok(builder.documents)
}

fn problem(error: &ScanError, offsets: &Offsets) -> ReadProblem {
    ReadProblem::syntax("YAML", error.info(), offsets.byte(error.marker().index()))
}

/// From characters, which the parser counts, to bytes.
struct Offsets(Option<Vec<usize>>, usize);

impl Offsets {
    fn of(text: &str) -> Self {
        let bytes = || text.char_indices().map(|(at, _)| at).collect();
        Self((!text.is_ascii()).then(bytes), text.len())
    }

    fn byte(&self, character: usize) -> usize {
        match &self.0 {
            Some(bytes) => bytes.get(character).copied().unwrap_or(self.1),
            None => character.min(self.1),
        }
    }

    fn span(&self, marks: Marks) -> Span {
        (self.byte(marks.start.index()), self.byte(marks.end.index()))
    }
}

/// A collection that is not at its end.
struct Unfinished {
    anchor: usize,
    function: Option<String>,
    start: Span,
    kind: Collection,
}

enum Collection {
    Array(Vec<Node>),
    Object { members: Vec<Member>, key: Option<(String, Span)> },
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    stack: Vec<Unfinished>,
    anchors: BTreeMap<usize, Node>,
    expanded: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), ReadProblem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                // A key is its text, whatever it would be as a value: `Null` is an operator of conditions.
                if let Some(Unfinished { kind: Collection::Object { key: key @ None, .. }, .. }) = self.stack.last_mut()
                {
                    *key = Some((text.into_owned(), span));
                    return Ok(());
                }
                let value = scalar(&text, style, tag.as_deref());
                self.add(Node { span, value }, anchor, function(tag.as_deref()));
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(ReadProblem::syntax("YAML", "an alias of what has no end yet", span.0));
                };
                self.expanded += size(&node);
                if self.expanded > EXPANDED_MAX {
                    return Err(ReadProblem::TooLarge);
                }
                self.add(node, 0, None);
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(anchor, tag.as_deref(), span, Collection::Array(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                self.open(anchor, tag.as_deref(), span, Collection::Object { members: Vec::new(), key: None })?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(one) = self.stack.pop() {
                    // A collection in block style ends where the next token begins: comments lie in between.
                    let last = match &one.kind {
                        Collection::Array(items) => items.last().map(|item| item.span.1),
                        Collection::Object { members, .. } => members.last().map(|member| member.value.span.1),
                    };
                    let is_block = span.0 == span.1;
                    let end = if is_block { last.unwrap_or(one.start.1) } else { span.1 };
                    let value = match one.kind {
                        Collection::Array(items) => Value::Array(items),
                        Collection::Object { members, .. } => Value::Object(merged(members)),
                    };
                    self.add(Node { span: (one.start.0, end.max(one.start.1)), value }, one.anchor, one.function);
                }
            }
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn open(&mut self, anchor: usize, tag: Option<&Tag>, start: Span, kind: Collection) -> Result<(), ReadProblem> {
        if self.stack.len() >= DEPTH_MAX {
            return Err(ReadProblem::TooDeep);
        }
        self.stack.push(Unfinished { anchor, function: function(tag), start, kind });
        Ok(())
    }

    /// A value that is whole.
    fn add(&mut self, node: Node, anchor: usize, function: Option<String>) {
        let node = match function {
            Some(key) => {
                let span = node.span;
                Node { span, value: Value::Object(vec![Member { key, key_span: span, value: node }]) }
            }
            None => node,
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.stack.last_mut().map(|one| &mut one.kind) {
            None => self.documents.push(node),
            Some(Collection::Array(items)) => items.push(node),
            Some(Collection::Object { members, key }) => match key.take() {
                // No template has a collection for a key.
                None => *key = Some((String::new(), node.span)),
                Some((key, key_span)) => members.push(Member { key, key_span, value: node }),
            },
        }
    }
}

/// Expands YAML's merge keys: what the mapping has itself stays.
fn merged(members: Vec<Member>) -> Vec<Member> {
    if !members.iter().any(|member| member.key == "<<") {
        return members;
    }
    let (merges, mut own): (Vec<Member>, Vec<Member>) = members.into_iter().partition(|member| member.key == "<<");
    for merge in merges {
        let alone = if matches!(merge.value.value, Value::Array(_)) { None } else { Some(&merge.value) };
        for node in merge.value.items().iter().chain(alone) {
            for member in node.members() {
                if !own.iter().any(|one| one.key == member.key) {
                    own.push(member.clone());
                }
            }
        }
    }
    own
}

fn size(node: &Node) -> usize {
    let below = node.items().iter().chain(node.members().iter().map(|member| &member.value));
    1 + below.map(size).sum::<usize>()
}

/// The function that a tag of `CloudFormation`'s stands for.
fn function(tag: Option<&Tag>) -> Option<String> {
    let tag = tag.filter(|tag| tag.handle == "!")?;
    Some(match tag.suffix.as_str() {
        name @ ("Ref" | "Condition") => name.to_owned(),
        name => format!("Fn::{name}"),
    })
}

/// What a scalar is by YAML's core schema. Keys and values that are quoted are strings; so is a date.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let string = || Value::Text(vec![Piece::Known(text.to_owned())]);
    let is_string = tag.is_some_and(|tag| tag.suffix == "str" || tag.handle == "!");
    if style != ScalarStyle::Plain || is_string {
        return string();
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        // As the YAML 1.1 of CloudFormation and Kubernetes has them.
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::Bool(false),
        // An account's id with a leading zero is text, as AWS reads it.
        _ if text.len() < 12 && text.parse::<i64>().is_ok() && !text.starts_with(['+', '0']) || text == "0" => {
            Value::Number(text.to_owned())
        }
        _ => string(),
    }
}
