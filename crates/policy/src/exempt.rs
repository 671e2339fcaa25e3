//! Repair: the smallest change of a policy's own text that lets Inspector's role through, and no other principal.
//!
//! Every statement that denies the role, or may deny it, gets `ArnNotEquals aws:PrincipalArn <the role>`: as one more value
//! where the statement already exempts principals, in its Condition otherwise. A statement applies only where all its
//! conditions hold, so one more condition narrows any statement, one with `NotPrincipal` or `NotAction` too; none has to be
//! split. A request by another principal, or without the key, is decided as before: for both the added operator is true.
//! The author's order, indentation and other text stay; principals that were deleted go, since ECR would refuse the text.

use scangap_model::inspector_role_arn;

use crate::action::Action;
use crate::context::Context;
use crate::document::MAX_CHARS;
use crate::element::Effect;
use crate::evaluate::{action_matches, applies};
use crate::json::{self, Node, SyntaxError, Value};
use crate::outcome::Kleene;
use crate::request::{Caller, Request};
use crate::storable::without_deleted_principals;
use crate::tree::{PolicyDocument, Statement};

/// Operators under which a list of principals is a list of exemptions.
const EXEMPTING: &[&str] = &["ArnNotEquals", "ArnNotLike", "StringNotEquals", "StringNotLike"];

const KEY: &str = "aws:PrincipalArn";

/// Why there is no repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExemptError {
    NotAPolicy(SyntaxError),
    NothingDenied,
    /// The request is not by Inspector's role.
    AnotherPrincipal,
    TooLong {
        chars: usize,
    },
    /// These statements, by index, deny by something that an exemption does not reach.
    StillDenied(Vec<usize>),
}

impl std::fmt::Display for ExemptError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAPolicy(_) => f.write_str("the text is not a policy that AWS would store"),
            Self::NothingDenied => f.write_str("the policy denies Inspector's role nothing"),
            Self::AnotherPrincipal => {
                f.write_str("a repair exempts Inspector's role, and another principal was asked about")
            }
            Self::TooLong { chars } => {
                write!(f, "the repaired policy would have {chars} characters; AWS stores {MAX_CHARS}")
            }
            Self::StillDenied(statements) => {
                let numbers: Vec<String> = statements.iter().map(|index| (index + 1).to_string()).collect();
                write!(f, "no exemption by {KEY} reaches statement {}", numbers.join(", "))
            }
        }
    }
}

impl std::error::Error for ExemptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotAPolicy(error) => Some(error),
            Self::NothingDenied | Self::AnotherPrincipal | Self::TooLong { .. } | Self::StillDenied(_) => None,
        }
    }
}

/// A range of the text and its replacement.
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

/// The policy's text with Inspector's role exempted from every statement that denies it one of these actions, or may.
/// Principals that were deleted are left out: ECR would refuse to store them again.
pub fn exempt(text: &str, actions: &[Action], request: &Request) -> Result<String, ExemptError> {
    if request.principal != Caller::Inspector {
        return Err(ExemptError::AnotherPrincipal);
    }
    let context = Context::new(request);
    let document = PolicyDocument::parse(text).map_err(ExemptError::NotAPolicy)?;
    let denying = denying_statements(&document, actions, &context);
    if denying.is_empty() {
        return Err(ExemptError::NothingDenied);
    }
    let storable = without_deleted_principals(text, request.inspector_role.id.as_deref());
    let (text, denying) = match PolicyDocument::parse(&storable) {
        Ok(document) => (storable.as_str(), denying_statements(&document, actions, &context)),
        Err(_) => (text, denying),
    };
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
    let still = denying_statements(&again, actions, &context);
    if still.is_empty() { Ok(repaired) } else { Err(ExemptError::StillDenied(still)) }
}

/// The statements that deny, or may deny, by index.
fn denying_statements(document: &PolicyDocument, actions: &[Action], context: &Context<'_>) -> Vec<usize> {
    let hits = |statement: &&Statement| {
        let may_apply = |action: &Action| {
            action_matches(statement, *action) != Kleene::No
                && applies(statement, context, action.class()).over(context.cases) != Kleene::No
        };
        statement.effect == Effect::Deny && actions.iter().any(may_apply)
    };
    document.statements.iter().filter(hits).map(|statement| statement.index).collect()
}

fn member<'n, 't>(node: &'n Node<'t>, name: &str) -> Option<&'n Node<'t>> {
    match &node.value {
        Value::Object(members) => members.iter().find(|(key, _)| key.text == name).map(|(_, value)| value),
        _ => None,
    }
}

fn statement<'n, 't>(root: &'n Node<'t>, index: usize) -> Option<&'n Node<'t>> {
    let statements = member(root, "Statement")?;
    match &statements.value {
        Value::Array(items) => items.get(index),
        _ => Some(statements),
    }
}

/// The values that the block compares with the principal's ARN.
fn principals<'n, 't>(block: &'n Node<'t>) -> Option<&'n Node<'t>> {
    let Value::Object(keys) = &block.value else { return None };
    keys.iter().find(|(key, _)| key.text.eq_ignore_ascii_case(KEY)).map(|(_, values)| values)
}

fn edit(text: &str, statement: &Node<'_>, role: &str) -> Option<Edit> {
    let Some(condition) = member(statement, "Condition") else {
        return Layout::of(text, statement)?.add(statement, &["Condition", "ArnNotEquals", KEY], role);
    };
    let Value::Object(operators) = &condition.value else { return None };
    for (operator, block) in operators {
        let exempts = EXEMPTING.iter().any(|name| {
            operator.text.eq_ignore_ascii_case(name) || operator.text.eq_ignore_ascii_case(&format!("{name}IfExists"))
        });
        // What an empty list means is not documented: one more value could change it for others.
        let listed =
            principals(block).filter(|values| !matches!(&values.value, Value::Array(items) if items.is_empty()));
        if let Some(values) = listed.filter(|_| exempts) {
            return one_more(text, values, role);
        }
    }
    // The first operator that does not hold the key yet.
    let block_of = |name: &str| operators.iter().find(|(operator, _)| operator.text.eq_ignore_ascii_case(name));
    let name = EXEMPTING.iter().find(|name| block_of(name).is_none_or(|(_, block)| principals(block).is_none()))?;
    match block_of(name) {
        // An empty block or Condition shows no layout of its own.
        Some((_, block)) if matches!(&block.value, Value::Object(keys) if keys.is_empty()) => {
            Some(Edit { start: block.start, end: block.end, text: format!("{{\"{KEY}\": {role}}}") })
        }
        Some((_, block)) => Layout::of(text, block)?.add(block, &[KEY], role),
        None if operators.is_empty() => {
            let text = format!("{{\"{name}\": {{\"{KEY}\": {role}}}}}");
            Some(Edit { start: condition.start, end: condition.end, text })
        }
        None => Layout::of(text, condition)?.add(condition, &[name, KEY], role),
    }
}

/// One more value in a list; a single value becomes a list of two.
fn one_more(text: &str, values: &Node<'_>, role: &str) -> Option<Edit> {
    let Value::Array(items) = &values.value else {
        let old = text.get(values.start..values.end)?;
        return Some(Edit { start: values.start, end: values.end, text: format!("[{old}, {role}]") });
    };
    match items.as_slice() {
        // As the author parts the last two.
        [.., before, last] => {
            let between = text.get(before.end..last.start)?;
            Some(Edit::insert(last.end, format!("{between}{role}")))
        }
        [only] => {
            let space = text.get(values.start + 1..only.start).unwrap_or_default();
            let space = if space.contains('\n') { space } else { " " };
            Some(Edit::insert(only.end, format!(",{space}{role}")))
        }
        _ => Some(Edit { start: values.start, end: values.end, text: format!("[{role}]") }),
    }
}

/// How the author lays out the members of an object.
struct Layout {
    /// The text before a key: nothing, a space, or a line break and an indentation.
    before_key: String,
    /// One level of indentation; empty where objects stand on one line.
    unit: String,
    colon: &'static str,
}

impl Layout {
    fn of(text: &str, object: &Node<'_>) -> Option<Self> {
        let Value::Object(members) = &object.value else { return None };
        let (key, value) = members.last()?;
        let before = text.get(..key.start)?;
        let before_key = before.get(before.trim_end().len()..)?.to_owned();
        let spaced = text.get(key.start..value.start)?.ends_with(char::is_whitespace);
        // A lone member on its brace's line shows no space of its own: after a comma it is as after a colon.
        let before_key =
            if members.len() == 1 && before_key.is_empty() && spaced { " ".to_owned() } else { before_key };
        let colon = if text.get(key.start..value.start)?.ends_with(char::is_whitespace) { ": " } else { ":" };
        let unit = match before_key.rsplit_once('\n') {
            None => String::new(),
            Some((_, inner)) => {
                // The closing brace is one level out.
                let outer = text.get(..object.end - 1)?.rsplit('\n').next()?;
                inner.strip_prefix(outer).filter(|unit| !unit.is_empty()).unwrap_or("  ").to_owned()
            }
        };
        Some(Self { before_key, unit, colon })
    }

    /// A member at the end of an object: `path` nested, with the value inside.
    fn add(&self, object: &Node<'_>, path: &[&str], value: &str) -> Option<Edit> {
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
