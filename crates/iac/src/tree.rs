//! What JSON, YAML and HCL have in common: values with their places, and strings of which a part is not known.

use crate::source::Span;

/// Deeper than any template or plan; keeps hostile nesting from reaching the stack's end.
pub(crate) const DEPTH_MAX: usize = 128;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// The number's own text.
    Number(String),
    /// In pieces, where a part is not known; one piece or none where all is.
    Text(Vec<Piece>),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

/// A part of a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Known(String),
    Unresolved(Unresolved),
}

/// What is not known of a string.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unresolved {
    /// The account that the file is deployed to.
    Account,
    Region,
    Partition,
    /// The end of the names of AWS's services: `amazonaws.com`, or of China's partition.
    UrlSuffix,
    /// The ARN of a role or user that the file makes. AWS makes service-linked roles itself: it is none of those.
    MadeRole(String),
    /// As its author names it: `var.office`, `aws_ecr_repository.app.arn`.
    Other(String),
}

impl Unresolved {
    /// As messages name it.
    pub fn name(&self) -> &str {
        match self {
            Self::Account => "the account",
            Self::Region => "the region",
            Self::Partition | Self::UrlSuffix => "the partition",
            Self::MadeRole(name) | Self::Other(name) => name,
        }
    }
}

impl Node {
    pub(crate) fn text(span: Span, text: impl Into<String>) -> Self {
        Self { span, value: Value::Text(vec![Piece::Known(text.into())]) }
    }

    pub(crate) fn open(span: Span, name: impl Into<String>) -> Self {
        Self { span, value: Value::Text(vec![Piece::Unresolved(Unresolved::Other(name.into()))]) }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        // Of two, readers of JSON take the last.
        self.members().iter().rfind(|member| member.key == key).map(|member| &member.value)
    }

    /// The value at a path of keys.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    pub(crate) fn members(&self) -> &[Member] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::Array(items) => items,
            _ => &[],
        }
    }

    /// A string of which all is known.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(pieces) => match pieces.as_slice() {
                [] => Some(""),
                [Piece::Known(text)] => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    pub(crate) fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path)?.as_text()
    }
}

/// Joins neighbours that are known.
pub(crate) fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (Some(Piece::Known(before)), Piece::Known(text)) => before.push_str(&text),
            (_, Piece::Known(text)) if text.is_empty() => {}
            (_, piece) => joined.push(piece),
        }
    }
    joined
}

/// Whether brackets are nested deeper than anything that is read here, outside of strings.
pub(crate) fn is_too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' | b'(' if !in_string => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return true;
                }
            }
            b'}' | b']' | b')' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}
