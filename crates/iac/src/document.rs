//! The text of a policy as a file has it: its own text, or values of which it is made when it is deployed, some of them not
//! known. Written for one world, in which everything has a value, it is a policy that can be judged; each of its parts knows its
//! place in the file.

use std::fmt::Write as _;

use crate::json;
use crate::source::{Source, Span};
use crate::tree::{Member, Node, Piece, Unresolved, Value, joined};

/// A policy's text.
#[derive(Debug, Clone)]
pub struct Document {
    body: Body,
    /// Its place in the file.
    pub span: Span,
    /// Strings of which something is not known, in the order of the text.
    pub leaves: Vec<Leaf>,
}

#[derive(Debug, Clone)]
enum Body {
    /// As the file has it, all of it known.
    Text(String),
    Tree(Node),
}

/// A string of which something is not known but where it is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// `["Statement", "0", "Principal", "AWS"]`.
    pub path: Vec<String>,
    pub pieces: Vec<Piece>,
}

/// Values for what is not known.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    pub account: &'a str,
    pub region: &'a str,
    pub partition: &'a str,
    /// The whole string of each leaf; `None`: what is known of it, with a word for the rest.
    pub leaves: &'a [Option<String>],
}

/// Stands for what is not known: it is no name and no ARN of anything.
pub const UNKNOWN: &str = "unknown-until-apply";

/// A policy's text in one world.
#[derive(Debug, Clone)]
pub struct WrittenPolicy {
    pub text: String,
    marks: Vec<Mark>,
}

/// What a part of the text is in the file.
#[derive(Debug, Clone, Copy)]
struct Mark {
    written: Span,
    source: Span,
}

/// Why a policy has no text yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoText {
    /// `needs a plan: local.policy`, `known after apply: aws_ecr_repository_policy.a.policy`.
    pub why: String,
    pub span: Span,
}

impl Document {
    /// Of a whole file.
    pub(crate) fn of_file(text: &str) -> Self {
        Self { body: Body::Text(text.to_owned()), span: (0, text.len()), leaves: Vec::new() }
    }

    /// Of a value in a file: an object is the policy, a string has it as its text.
    pub(crate) fn of_node(node: &Node) -> Result<Self, NoText> {
        let span = node.span;
        match &node.value {
            Value::Object(_) => Self::of_tree(node.clone(), span),
            Value::Text(pieces) => match pieces.as_slice() {
                [] => Err(NoText { why: "the policy is empty".to_owned(), span }),
                // A policy in one line is printed in lines, and the place of each is that one line.
                [Piece::Known(text)] if !text.contains('\n') && json::parse(text).is_ok() => {
                    Self::of_pieces(pieces, span)
                }
                [Piece::Known(text)] => Ok(Self { body: Body::Text(text.clone()), span, leaves: Vec::new() }),
                [Piece::Unresolved(open)] => Err(NoText { why: open.name().to_owned(), span }),
                pieces => Self::of_pieces(pieces, span),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                Err(NoText { why: "the policy is no text and no object".to_owned(), span })
            }
        }
    }

    fn of_tree(node: Node, span: Span) -> Result<Self, NoText> {
        if let Some(what) = unknown_part(&node) {
            return Err(NoText { why: what, span });
        }
        let mut leaves = Vec::new();
        collect(&node, &mut Vec::new(), &mut leaves);
        Ok(Self { body: Body::Tree(node), span, leaves })
    }

    /// A text in which something is not known, where that is a part of strings.
    fn of_pieces(pieces: &[Piece], span: Span) -> Result<Self, NoText> {
        let mut text = String::new();
        let mut opens = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Known(known) => text.push_str(known),
                Piece::Unresolved(open) => {
                    // Private use: no policy has them.
                    let _ = write!(text, "\u{E000}{}\u{E001}", opens.len());
                    opens.push(open.clone());
                }
            }
        }
        let no_text = || {
            let names: Vec<&str> = opens.iter().map(Unresolved::name).collect();
            NoText { why: names.join(", "), span }
        };
        let mut node = json::parse(&text).map_err(|_| no_text())?;
        // The places are those of a text that is not the file's.
        restore(&mut node, &opens, span).ok_or_else(no_text)?;
        Self::of_tree(node, span)
    }

    /// The text that is the file's own.
    pub fn own_text(&self) -> Option<&str> {
        match &self.body {
            Body::Text(text) => Some(text),
            Body::Tree(_) => None,
        }
    }

    /// Whether a text stands in a string of it.
    pub fn mentions(&self, text: &str) -> bool {
        match &self.body {
            Body::Text(own) => own.contains(text),
            Body::Tree(node) => mentions(node, text),
        }
    }

    /// What is not known, by name, each once.
    pub fn open_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.leaves.iter().flat_map(Leaf::open_names).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    pub fn write(&self, world: World<'_>, source: &Source) -> WrittenPolicy {
        match &self.body {
            Body::Text(text) => {
                let marks = line_marks(text, self.span, source);
                WrittenPolicy { text: text.clone(), marks }
            }
            Body::Tree(node) => {
                let mut writer = Writer { text: String::new(), marks: Vec::new(), world, leaf: 0 };
                writer.node(node, 0);
                WrittenPolicy { text: writer.text, marks: writer.marks }
            }
        }
    }
}

impl Leaf {
    pub fn open_names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Unresolved(Unresolved::Other(name) | Unresolved::MadeRole(name)) => Some(name.as_str()),
            Piece::Unresolved(_) | Piece::Known(_) => None,
        })
    }

    /// Whether it is a role or user that the file makes: never a service-linked one.
    pub fn is_made_role(&self) -> bool {
        matches!(self.pieces.as_slice(), [Piece::Unresolved(Unresolved::MadeRole(_))])
    }
}

impl WrittenPolicy {
    /// Where a part of the text is in the file: the very characters, or the smallest part that is known to hold them.
    pub fn source_span(&self, written: Span) -> Option<Span> {
        let smallest = self.smallest(written)?;
        if smallest.written == written || smallest.is_exact() {
            return Some(smallest.shifted(written));
        }
        // Over several lines of the file's own text: from the first character to the last.
        let last = written.1.saturating_sub(1).max(written.0);
        let ends = (self.smallest((written.0, written.0 + 1))?, self.smallest((last, last + 1))?);
        if ends.0.is_exact() && ends.1.is_exact() {
            return Some((ends.0.shifted((written.0, written.0)).0, ends.1.shifted((last, last + 1)).1));
        }
        Some(smallest.source)
    }

    fn smallest(&self, written: Span) -> Option<&Mark> {
        let holds = |mark: &&Mark| mark.written.0 <= written.0 && written.1 <= mark.written.1;
        self.marks.iter().filter(holds).min_by_key(|mark| mark.written.1 - mark.written.0)
    }
}

impl Mark {
    /// Whether the file has the same characters there.
    fn is_exact(&self) -> bool {
        self.source.1 - self.source.0 == self.written.1 - self.written.0
    }

    fn shifted(&self, written: Span) -> Span {
        if !self.is_exact() {
            return self.source;
        }
        let shift = |at: usize| self.source.0 + (at - self.written.0);
        (shift(written.0), shift(written.1))
    }
}

/// A part of which not a string but the form is not known: a statement, a condition, an effect. Without it there is no policy.
fn unknown_part(policy: &Node) -> Option<String> {
    let open = |node: &Node| match &node.value {
        Value::Text(pieces) => pieces.iter().find_map(|piece| match piece {
            Piece::Unresolved(Unresolved::Other(name) | Unresolved::MadeRole(name)) => Some(name.clone()),
            Piece::Unresolved(_) | Piece::Known(_) => None,
        }),
        _ => None,
    };
    let statement = |one: &Node| {
        let parts = ["Effect", "Principal", "NotPrincipal", "Condition"].into_iter().filter_map(|name| one.get(name));
        let operators = one.get("Condition").map_or(&[][..], Node::members).iter().map(|member| &member.value);
        open(one).or_else(|| parts.chain(operators).find_map(open))
    };
    let statements = policy.get("Statement")?;
    let first = policy.get("Version").and_then(open).or_else(|| statement(statements));
    first.or_else(|| statements.items().iter().find_map(statement))
}

fn mentions(node: &Node, text: &str) -> bool {
    match &node.value {
        Value::Text(pieces) => pieces.iter().any(|piece| matches!(piece, Piece::Known(known) if known.contains(text))),
        _ => {
            node.items().iter().any(|item| mentions(item, text))
                || node.members().iter().any(|member| mentions(&member.value, text))
        }
    }
}

fn is_open(piece: &Piece) -> bool {
    matches!(piece, Piece::Unresolved(Unresolved::Other(_) | Unresolved::MadeRole(_)))
}

fn collect(node: &Node, path: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    match &node.value {
        Value::Text(pieces) if pieces.iter().any(is_open) => {
            leaves.push(Leaf { path: path.clone(), pieces: pieces.clone() });
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                path.push(at.to_string());
                collect(item, path, leaves);
                path.pop();
            }
        }
        Value::Object(members) => {
            for Member { key, value, .. } in members {
                path.push(key.clone());
                collect(value, path, leaves);
                path.pop();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
    }
}

/// Puts the pieces that are not known back where their signs are. `None`: one is a key, and a policy with unknown keys is none.
fn restore(node: &mut Node, opens: &[Unresolved], span: Span) -> Option<()> {
    node.span = span;
    match &mut node.value {
        Value::Text(pieces) => {
            let text: String = pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Known(text) => Some(text.as_str()),
                    Piece::Unresolved(_) => None,
                })
                .collect();
            let mut restored = Vec::new();
            for (at, part) in text.split('\u{E000}').enumerate() {
                let rest = if at == 0 {
                    part
                } else {
                    let (number, rest) = part.split_once('\u{E001}')?;
                    let open = opens.get(number.parse::<usize>().ok()?)?;
                    // What is computed may have quotes in it, and be more than a part of this string.
                    if matches!(open, Unresolved::Other(name) if name.contains('(')) {
                        return None;
                    }
                    restored.push(Piece::Unresolved(open.clone()));
                    rest
                };
                restored.push(Piece::Known(rest.to_owned()));
            }
            *pieces = joined(restored);
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| restore(item, opens, span))?,
        Value::Object(members) => {
            for member in members {
                if member.key.contains('\u{E000}') {
                    return None;
                }
                member.key_span = span;
                restore(&mut member.value, opens, span)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Some(())
}

/// Where the lines of a text are in the file: a heredoc and a block of YAML have the text line by line, with an indentation of
/// their own; a file is its own text.
fn line_marks(text: &str, span: Span, source: &Source) -> Vec<Mark> {
    let whole = Mark { written: (0, text.len()), source: span };
    if span == (0, source.text.len()) && source.text == text {
        return vec![whole];
    }
    let mut marks = vec![whole];
    let mut from = span.0;
    let mut start = 0;
    for line in text.split('\n') {
        let trimmed = line.trim();
        let area = source.text.get(from..span.1).unwrap_or_default();
        if !trimmed.is_empty() {
            let Some(found) = area.find(trimmed) else { break };
            let before = line.len() - line.trim_start().len();
            let source_start = from + found;
            marks.push(Mark {
                written: (start + before, start + before + trimmed.len()),
                source: (source_start, source_start + trimmed.len()),
            });
            from = source_start + trimmed.len();
        }
        start += line.len() + 1;
    }
    marks
}

struct Writer<'w> {
    text: String,
    marks: Vec<Mark>,
    world: World<'w>,
    leaf: usize,
}

impl Writer<'_> {
    fn node(&mut self, node: &Node, depth: usize) {
        let start = self.text.len();
        match &node.value {
            Value::Null => self.text.push_str("null"),
            Value::Bool(one) => self.text.push_str(if *one { "true" } else { "false" }),
            Value::Number(number) => self.text.push_str(number),
            Value::Text(pieces) => {
                let text = self.pieces(pieces);
                quote(&mut self.text, &text);
            }
            Value::Array(items) => {
                self.text.push('[');
                for (at, item) in items.iter().enumerate() {
                    self.next(at, depth + 1);
                    self.node(item, depth + 1);
                }
                self.end(']', items.is_empty(), depth);
            }
            Value::Object(members) => {
                self.text.push('{');
                for (at, member) in members.iter().enumerate() {
                    self.next(at, depth + 1);
                    let start = self.text.len();
                    quote(&mut self.text, &member.key);
                    let key = Mark { written: (start, self.text.len()), source: member.key_span };
                    self.marks.push(key);
                    self.text.push_str(": ");
                    self.node(&member.value, depth + 1);
                    let both = (member.key_span.0.min(member.value.span.0), member.key_span.1.max(member.value.span.1));
                    self.marks.push(Mark { written: (start, self.text.len()), source: both });
                }
                self.end('}', members.is_empty(), depth);
            }
        }
        self.marks.push(Mark { written: (start, self.text.len()), source: node.span });
    }

    fn pieces(&mut self, pieces: &[Piece]) -> String {
        if pieces.iter().any(is_open) {
            let value = self.world.leaves.get(self.leaf).cloned().flatten();
            self.leaf += 1;
            if let Some(value) = value {
                return value;
            }
        }
        pieces
            .iter()
            .map(|piece| match piece {
                Piece::Known(text) => text.as_str(),
                Piece::Unresolved(Unresolved::Account) => self.world.account,
                Piece::Unresolved(Unresolved::Region) => self.world.region,
                Piece::Unresolved(Unresolved::Partition) => self.world.partition,
                Piece::Unresolved(Unresolved::UrlSuffix) => {
                    if self.world.partition == "aws-cn" {
                        "amazonaws.com.cn"
                    } else {
                        "amazonaws.com"
                    }
                }
                Piece::Unresolved(Unresolved::Other(_) | Unresolved::MadeRole(_)) => UNKNOWN,
            })
            .collect()
    }

    fn next(&mut self, at: usize, depth: usize) {
        self.text.push_str(if at == 0 { "\n" } else { ",\n" });
        self.text.extend(std::iter::repeat_n("  ", depth));
    }

    fn end(&mut self, bracket: char, is_empty: bool, depth: usize) {
        if !is_empty {
            self.text.push('\n');
            self.text.extend(std::iter::repeat_n("  ", depth));
        }
        self.text.push(bracket);
    }
}

pub(crate) fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORLD: World<'_> = World { account: "111122223333", region: "eu-west-1", partition: "aws", leaves: &[] };

    fn open(name: &str) -> Piece {
        Piece::Unresolved(Unresolved::Other(name.to_owned()))
    }

    #[test]
    fn what_is_not_known_inside_a_text_is_a_leaf_of_it() {
        let known = |text: &str| Piece::Known(text.to_owned());
        let pieces = vec![
            known(r#"{"Statement": {"Principal": {"AWS": "arn:"#),
            Piece::Unresolved(Unresolved::Partition),
            known(":iam::"),
            open("var.account"),
            known(r#":root"}}}"#),
        ];
        let node = Node { span: (10, 90), value: Value::Text(pieces) };
        let document = Document::of_node(&node).unwrap();
        assert_eq!(document.open_names(), ["var.account"]);
        assert_eq!(document.leaves[0].path, ["Statement", "Principal", "AWS"]);
        let source = Source::new("x", " ".repeat(100));
        let written = document.write(WORLD, &source);
        assert!(written.text.contains("arn:aws:iam::unknown-until-apply:root"), "{}", written.text);
        let whole = Some("arn:aws:iam::1:root".to_owned());
        let written = document.write(World { leaves: &[whole], ..WORLD }, &source);
        assert!(written.text.contains("\"arn:aws:iam::1:root\""), "{}", written.text);
        // A policy that is not there yet is not made up.
        let node =
            Node { span: (0, 1), value: Value::Text(vec![known("{\"Statement\": "), open("local.all"), known("}")]) };
        assert_eq!(Document::of_node(&node).unwrap_err().why, "local.all");
    }

    #[test]
    fn parts_know_their_places() {
        let text = "{\"Statement\": [{\"Sid\": \"A\", \"Effect\": \"Deny\"}, {\"Sid\": \"B\"}]}";
        let source = Source::new("x", text.to_owned());
        let document = Document::of_node(&json::parse(text).unwrap()).unwrap();
        let written = document.write(WORLD, &source);
        for part in ["\"Sid\"", "\"A\"", "\"Deny\"", "\"B\""] {
            let at = written.text.find(part).unwrap();
            let span = written.source_span((at, at + part.len())).unwrap();
            assert_eq!(text.get(span.0..span.1).unwrap(), part);
        }
        // Line by line, whatever the indentation.
        let file = "policy = <<EOF\n    {\n      \"Statement\": []\n    }\nEOF\n";
        let source = Source::new("x", file.to_owned());
        let body = "{\n  \"Statement\": []\n}\n";
        let document = Document { body: Body::Text(body.to_owned()), span: (9, file.len()), leaves: Vec::new() };
        let written = document.write(WORLD, &source);
        let at = body.find("[]").unwrap();
        let span = written.source_span((at, at + 2)).unwrap();
        assert_eq!((file.get(span.0..span.1).unwrap(), source.place(span.0).line), ("[]", 3));
    }
}
