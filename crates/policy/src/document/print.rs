//! A document written out again, on one line: the same elements in AWS's own order, lists always as lists.

use std::fmt;

use crate::condition::Condition;
use crate::element::{Effect, Selection, Version};
use crate::tree::{PolicyDocument, Statement};

impl fmt::Display for PolicyDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        if self.version_stated {
            let version = match self.version {
                Version::V2008 => "2008-10-17",
                Version::V2012 => "2012-10-17",
            };
            write!(f, "\"Version\":\"{version}\",")?;
        }
        if let Some(id) = &self.id {
            write!(f, "\"Id\":{},", Quoted(id))?;
        }
        f.write_str("\"Statement\":[")?;
        separated(f, &self.statements, |f, statement| write!(f, "{statement}"))?;
        f.write_str("]}")
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        if let Some(sid) = &self.sid {
            write!(f, "\"Sid\":{},", Quoted(sid))?;
        }
        let effect = match self.effect {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        };
        write!(f, "\"Effect\":\"{effect}\",")?;
        principals(f, self)?;
        f.write_str(",")?;
        list(f, "Action", &self.actions, |text| text)?;
        if let Some(resources) = &self.resources {
            f.write_str(",")?;
            list(f, "Resource", resources, |resource| &resource.text)?;
        }
        if !self.conditions.is_empty() {
            f.write_str(",\"Condition\":")?;
            write_conditions(f, &self.conditions.iter().collect::<Vec<_>>())?;
        }
        f.write_str("}")
    }
}

fn principals(f: &mut fmt::Formatter<'_>, statement: &Statement) -> fmt::Result {
    let principals = &statement.principals;
    let not = if principals.negated { "Not" } else { "" };
    write!(f, "\"{not}Principal\":{{")?;
    let mut kinds: Vec<&str> = Vec::new();
    for principal in &principals.items {
        if !kinds.contains(&principal.kind.key()) {
            kinds.push(principal.kind.key());
        }
    }
    separated(f, &kinds, |f, kind| {
        let of_kind: Vec<&str> =
            principals.items.iter().filter(|one| one.kind.key() == *kind).map(|one| &*one.text).collect();
        write!(f, "\"{kind}\":[")?;
        separated(f, &of_kind, |f, text| write!(f, "{}", Quoted(text)))?;
        f.write_str("]")
    })?;
    f.write_str("}")
}

fn list<T>(f: &mut fmt::Formatter<'_>, name: &str, selection: &Selection<T>, text: impl Fn(&T) -> &str) -> fmt::Result {
    let not = if selection.negated { "Not" } else { "" };
    write!(f, "\"{not}{name}\":[")?;
    separated(f, &selection.items, |f, item| write!(f, "{}", Quoted(text(item))))?;
    f.write_str("]")
}

/// A Condition block: keys gathered under their operators.
pub(crate) fn write_conditions(f: &mut impl fmt::Write, conditions: &[&Condition]) -> fmt::Result {
    let mut operators: Vec<&str> = Vec::new();
    for condition in conditions {
        if !operators.contains(&&*condition.operator_text) {
            operators.push(&condition.operator_text);
        }
    }
    f.write_str("{")?;
    separated(f, &operators, |f, operator| {
        write!(f, "{}:{{", Quoted(operator))?;
        let of_operator: Vec<_> =
            conditions.iter().filter(|condition| *condition.operator_text == **operator).collect();
        separated(f, &of_operator, |f, condition| {
            write!(f, "{}:[", Quoted(&condition.key.text))?;
            separated(f, &condition.values, |f, value| write!(f, "{}", Quoted(value)))?;
            f.write_str("]")
        })?;
        f.write_str("}")
    })?;
    f.write_str("}")
}

fn separated<W: fmt::Write, T>(
    f: &mut W,
    items: &[T],
    mut write: impl FnMut(&mut W, &T) -> fmt::Result,
) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(",")?;
        }
        write(f, item)?;
    }
    Ok(())
}

/// A JSON string.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                c if (c as u32) < 0x20 => write!(f, "\\u{:04x}", c as u32)?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}
