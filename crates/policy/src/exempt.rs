//! Repair: the smallest change of a policy's own text that lets Inspector's role through, and nobody else.
//!
//! Every statement that denies the role gets `ArnNotEquals aws:PrincipalArn <the role>`: as one more value where the
//! statement already exempts principals, in its Condition otherwise. A request by another principal, or without the key,
//! is decided as before: the added operator is true for both. The author's order, indentation and other text stay.

use scangap_model::{Verdict, inspector_role_arn};

use crate::action::Action;
use crate::context::Request;
use crate::document::PolicyDocument;
use crate::evaluate::{Responsible, evaluate};
use crate::json::{self, Node, SyntaxError, Value};

/// AWS: repository and registry policies have 10,240 characters at most.
const MAX_CHARS: usize = 10_240;

/// Operators under which a list of principals is a list of exemptions.
const EXEMPTING: &[&str] = &["ArnNotEquals", "ArnNotLike", "StringNotEquals", "StringNotLike"];

/// Why there is no repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExemptError {
    NotAPolicy(SyntaxError),
    NothingDenied,
    TooLong {
        chars: usize,
    },
    /// These statements deny by something that an exemption does not reach.
    StillDenied(Vec<Responsible>),
}

impl std::fmt::Display for ExemptError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAPolicy(_) => f.write_str("the text is not a policy that AWS would store"),
            Self::NothingDenied => f.write_str("the policy denies Inspector's role nothing"),
            Self::TooLong { chars } => {
                write!(f, "the repaired policy would have {chars} characters; AWS stores {MAX_CHARS}")
            }
            Self::StillDenied(statements) => {
                let labels: Vec<String> = statements.iter().map(Responsible::label).collect();
                write!(f, "no exemption by aws:PrincipalArn reaches {}", labels.join(", "))
            }
        }
    }
}

impl std::error::Error for ExemptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotAPolicy(error) => Some(error),
            Self::NothingDenied | Self::TooLong { .. } | Self::StillDenied(_) => None,
        }
    }
}

/// A piece of the text and what stands there afterwards.
#[derive(Debug)]
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

impl Edit {
    fn insert(at: usize, text: String) -> Self {
        Self { start: at, end: at, text }
    }
}

/// The policy's text with Inspector's role exempted from every statement that denies it one of these actions.
pub fn exempt(text: &str, actions: &[Action], request: &Request) -> Result<String, ExemptError> {
    let document = PolicyDocument::parse(text).map_err(ExemptError::NotAPolicy)?;
    let mut denying: Vec<usize> = denied(&document, actions, request).iter().map(|statement| statement.index).collect();
    denying.dedup();
    if denying.is_empty() {
        return Err(ExemptError::NothingDenied);
    }
    let root = json::parse(text).map_err(ExemptError::NotAPolicy)?;
    let role = format!("\"{}\"", inspector_role_arn(request.partition, request.account));
    let mut edits: Vec<Edit> =
        denying.iter().filter_map(|&index| edit(text, statement(&root, index)?, &role)).collect();
    // From the end, so that earlier places stay where they are.
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.start));
    let mut repaired = text.to_owned();
    for edit in edits {
        repaired.replace_range(edit.start..edit.end, &edit.text);
    }
    let chars = repaired.chars().count();
    if chars > MAX_CHARS {
        return Err(ExemptError::TooLong { chars });
    }
    // Proved, not assumed: the new text is decided again.
    let again = PolicyDocument::parse(&repaired).map_err(ExemptError::NotAPolicy)?;
    let still = denied(&again, actions, request);
    if still.is_empty() { Ok(repaired) } else { Err(ExemptError::StillDenied(still)) }
}

/// The statements that deny for certain, in order, each once.
fn denied(document: &PolicyDocument, actions: &[Action], request: &Request) -> Vec<Responsible> {
    let decisions = actions.iter().map(|&action| evaluate(document, action, request));
    let mut statements: Vec<Responsible> = decisions
        .filter(|decision| decision.verdict == Verdict::Denied)
        .flat_map(|decision| decision.statements)
        .collect();
    statements.sort_by_key(|statement| statement.index);
    statements.dedup();
    statements
}

fn member<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Object(members) => members.iter().find(|(key, _)| key.text == name).map(|(_, value)| value),
        _ => None,
    }
}

fn statement(root: &Node, index: usize) -> Option<&Node> {
    let statements = member(root, "Statement")?;
    match &statements.value {
        Value::Array(items) => items.get(index),
        _ => Some(statements),
    }
}

fn edit(text: &str, statement: &Node, role: &str) -> Option<Edit> {
    let Some(condition) = member(statement, "Condition") else {
        return Layout::of(text, statement)?.add(statement, &["Condition", "ArnNotEquals", "aws:PrincipalArn"], role);
    };
    let Value::Object(operators) = &condition.value else { return None };
    for (operator, block) in operators {
        let exempts = EXEMPTING.iter().any(|name| {
            operator.text.eq_ignore_ascii_case(name) || operator.text.eq_ignore_ascii_case(&format!("{name}IfExists"))
        });
        let Value::Object(keys) = &block.value else { continue };
        let principals = keys.iter().find(|(key, _)| key.text.eq_ignore_ascii_case("aws:PrincipalArn"));
        if let Some((_, values)) = principals.filter(|_| exempts) {
            return one_more(text, values, role);
        }
    }
    match operators.iter().find(|(operator, _)| operator.text == "ArnNotEquals") {
        Some((_, block)) => Layout::of(text, block)?.add(block, &["aws:PrincipalArn"], role),
        // An empty Condition shows no layout of its own.
        None if operators.is_empty() => {
            let text = format!("{{\"ArnNotEquals\": {{\"aws:PrincipalArn\": {role}}}}}");
            Some(Edit { start: condition.start, end: condition.end, text })
        }
        None => Layout::of(text, condition)?.add(condition, &["ArnNotEquals", "aws:PrincipalArn"], role),
    }
}

/// One more value in a list; a single value becomes a list of two.
fn one_more(text: &str, values: &Node, role: &str) -> Option<Edit> {
    let Value::Array(items) = &values.value else {
        let old = text.get(values.start..values.end)?;
        return Some(Edit { start: values.start, end: values.end, text: format!("[{old}, {role}]") });
    };
    match (items.first(), items.last()) {
        (Some(first), Some(last)) => {
            let space = text.get(values.start + 1..first.start).unwrap_or_default();
            let space = if space.contains('\n') || items.len() > 1 { space } else { " " };
            Some(Edit::insert(last.end, format!(",{space}{role}")))
        }
        _ => Some(Edit { start: values.start, end: values.end, text: format!("[{role}]") }),
    }
}

/// How the author lays out the members of an object.
struct Layout {
    /// What stands before a key: nothing, a space, or a line break and an indentation.
    before_key: String,
    /// One level of indentation; empty where objects stand on one line.
    unit: String,
    colon: &'static str,
}

impl Layout {
    fn of(text: &str, object: &Node) -> Option<Self> {
        let Value::Object(members) = &object.value else { return None };
        let (key, value) = members.last()?;
        let before = text.get(..key.start)?;
        let before_key = before.get(before.trim_end().len()..)?.to_owned();
        let colon = if text.get(key.start..value.start)?.ends_with(char::is_whitespace) { ": " } else { ":" };
        let unit = match before_key.rsplit_once('\n') {
            None => String::new(),
            Some((_, inner)) => {
                // The closing brace stands one level out.
                let outer = text.get(..object.end - 1)?.rsplit('\n').next()?;
                inner.strip_prefix(outer).filter(|unit| !unit.is_empty()).unwrap_or("  ").to_owned()
            }
        };
        Some(Self { before_key, unit, colon })
    }

    /// A member at the end of an object: `path` nested, with the value inside.
    fn add(&self, object: &Node, path: &[&str], value: &str) -> Option<Edit> {
        let Value::Object(members) = &object.value else { return None };
        let (_, last) = members.last()?;
        Some(Edit::insert(last.end, format!(",{}{}", self.before_key, self.nested(path, value, 0))))
    }

    fn nested(&self, path: &[&str], value: &str, depth: usize) -> String {
        let Some((name, rest)) = path.split_first() else { return value.to_owned() };
        let inner = self.nested(rest, value, depth + 1);
        let colon = self.colon;
        if rest.is_empty() {
            format!("\"{name}\"{colon}{inner}")
        } else if self.unit.is_empty() {
            format!("\"{name}\"{colon}{{{inner}}}")
        } else {
            let outer = format!("{}{}", self.before_key, self.unit.repeat(depth));
            format!("\"{name}\"{colon}{{{outer}{}{inner}{outer}}}", self.unit)
        }
    }
}
