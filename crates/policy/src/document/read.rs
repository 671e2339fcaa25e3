//! From JSON with places to a document: every element checked at its place.

use std::fmt;

use crate::action::ActionSet;
use crate::condition::{Condition, Operator};
use crate::element::{Effect, Selection, Version};
use crate::json::{Key, Node, Position, SyntaxError, Value};
use crate::principal::{Principal, PrincipalType};
use crate::template::Template;
use crate::tree::{PolicyDocument, Resource, Statement};

pub(super) fn document(text: &str, root: &Node<'_>) -> Result<PolicyDocument, SyntaxError> {
    let members = Reader { text, version: Version::V2008 }.members(root, Path::Root)?;
    // The version counts for everything, wherever the author wrote it.
    let stated = members.iter().find(|(key, _)| key.text == "Version");
    let version = match stated {
        Some((_, node)) => version(text, node)?,
        None => Version::V2008,
    };
    let reader = Reader { text, version };
    let (mut id, mut statements) = (None, None);
    for (key, node) in members {
        match &*key.text {
            "Version" => {}
            "Id" => id = Some(reader.string(node, Path::Root.member("Id"))?.to_owned()),
            "Statement" => statements = Some(reader.statements(node)?),
            other => {
                return Err(reader.error(key.start, Path::Root, format!("`{other}` is not an element of a policy")));
            }
        }
    }
    let statements = statements.ok_or_else(|| reader.error(root.start, Path::Root, "there is no `Statement`"))?;
    Ok(PolicyDocument { version, version_stated: stated.is_some(), id, statements })
}

fn version(text: &str, node: &Node<'_>) -> Result<Version, SyntaxError> {
    let reader = Reader { text, version: Version::V2008 };
    let path = Path::Root.member("Version");
    match reader.string(node, path)? {
        "2012-10-17" => Ok(Version::V2012),
        "2008-10-17" => Ok(Version::V2008),
        other => Err(reader.error(node.start, path, format!("`{other}` is not a policy version"))),
    }
}

/// Where in the document: written out only for errors.
#[derive(Clone, Copy)]
enum Path<'p> {
    Root,
    Member(&'p Path<'p>, &'p str),
    Index(&'p Path<'p>, usize),
}

impl<'p> Path<'p> {
    fn member(&'p self, name: &'p str) -> Self {
        Self::Member(self, name)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(Path::Root, name) => f.write_str(name),
            Self::Member(parent, name) => write!(f, "{parent}.{name}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

type Members<'t> = [(Key<'t>, Node<'t>)];

struct Reader<'a> {
    text: &'a str,
    version: Version,
}

impl Reader<'_> {
    fn error(&self, offset: usize, path: Path<'_>, message: impl Into<String>) -> SyntaxError {
        SyntaxError { message: message.into(), position: Position::at(self.text, offset), path: path.to_string() }
    }

    fn members<'n, 't>(&self, node: &'n Node<'t>, path: Path<'_>) -> Result<&'n Members<'t>, SyntaxError> {
        let Value::Object(members) = &node.value else {
            return Err(self.error(node.start, path, "an object is needed here"));
        };
        for (i, (key, _)) in members.iter().enumerate() {
            if members.iter().take(i).any(|(earlier, _)| earlier.text == key.text) {
                return Err(self.error(key.start, path, format!("the key `{}` appears twice", key.text)));
            }
        }
        Ok(members)
    }

    fn statements(&self, node: &Node<'_>) -> Result<Vec<Statement>, SyntaxError> {
        let path = Path::Root.member("Statement");
        match &node.value {
            Value::Array(items) if items.is_empty() => Err(self.error(node.start, path, "no statement")),
            Value::Array(items) => items.iter().enumerate().map(|(index, item)| self.statement(item, index)).collect(),
            _ => Ok(vec![self.statement(node, 0)?]),
        }
    }

    fn statement(&self, node: &Node<'_>, index: usize) -> Result<Statement, SyntaxError> {
        let parent = Path::Member(&Path::Root, "Statement");
        let path = Path::Index(&parent, index);
        let (mut sid, mut effect) = (None, None);
        let (mut principals, mut actions, mut resources, mut conditions) = (None, None, None, Vec::new());
        for (key, value) in self.members(node, path)? {
            let here = path.member(&key.text);
            let span = (key.start, value.end);
            let twice = || self.error(key.start, here, format!("`{}` beside its opposite", key.text));
            match &*key.text {
                "Sid" => sid = Some(self.string(value, here)?.to_owned()),
                "Effect" => effect = Some(self.effect(value, here)?),
                name @ ("Principal" | "NotPrincipal") => {
                    let items = self.principals(value, here)?;
                    if principals.replace(Selection { items, negated: name == "NotPrincipal", span }).is_some() {
                        return Err(twice());
                    }
                }
                name @ ("Action" | "NotAction") => {
                    let items = self.strings(value, here)?;
                    self.check_actions(value, here)?;
                    if actions.replace(Selection { items, negated: name == "NotAction", span }).is_some() {
                        return Err(twice());
                    }
                }
                name @ ("Resource" | "NotResource") => {
                    let read = |text: Box<str>| Resource {
                        template: Template::new(&text, true, self.version == Version::V2012),
                        text,
                    };
                    let items = self.strings(value, here)?.into_iter().map(read).collect();
                    if resources.replace(Selection { items, negated: name == "NotResource", span }).is_some() {
                        return Err(twice());
                    }
                }
                "Condition" => conditions = self.conditions(value, here)?,
                other => {
                    return Err(self.error(key.start, path, format!("`{other}` is not an element of a statement")));
                }
            }
        }
        let missing = |name: &str| self.error(node.start, path, format!("there is no `{name}`"));
        let effect = effect.ok_or_else(|| missing("Effect"))?;
        // AWS: resource-based policies need a principal.
        let principals = principals.ok_or_else(|| missing("Principal"))?;
        let actions = actions.ok_or_else(|| missing("Action"))?;
        if effect == Effect::Allow && principals.negated {
            return Err(self.error(principals.span.0, path, "`NotPrincipal` goes with Deny only"));
        }
        let listed = ActionSet::of(&actions.items);
        let named_actions = if actions.negated { listed.complement() } else { listed };
        let span = (node.start, node.end);
        Ok(Statement { index, sid, effect, span, principals, actions, named_actions, resources, conditions })
    }

    fn effect(&self, node: &Node<'_>, path: Path<'_>) -> Result<Effect, SyntaxError> {
        match self.string(node, path)? {
            "Allow" => Ok(Effect::Allow),
            "Deny" => Ok(Effect::Deny),
            other => Err(self.error(node.start, path, format!("`{other}` is neither Allow nor Deny"))),
        }
    }

    fn check_actions(&self, node: &Node<'_>, path: Path<'_>) -> Result<(), SyntaxError> {
        let items = if let Value::Array(items) = &node.value { items.as_slice() } else { std::slice::from_ref(node) };
        for (at, item) in items.iter().enumerate() {
            let Value::String(text) = &item.value else { continue };
            let valid = text == "*"
                || text.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
            if !valid {
                let path = if items.len() > 1 { Path::Index(&path, at) } else { path };
                let message = format!("`{text}` is not an action such as `ecr:BatchGetImage`");
                return Err(self.error(item.start, path, message));
            }
        }
        Ok(())
    }

    fn principals(&self, node: &Node<'_>, path: Path<'_>) -> Result<Vec<Principal>, SyntaxError> {
        if let Value::String(text) = &node.value {
            return if text == "*" {
                Ok(vec![Principal { kind: PrincipalType::Aws, text: "*".into() }])
            } else {
                Err(self.error(node.start, path, "a principal is `*` or an object such as {\"AWS\": ...}"))
            };
        }
        let mut principals = Vec::new();
        for (key, value) in self.members(node, path)? {
            let kind = PrincipalType::from_key(&key.text)
                .ok_or_else(|| self.error(key.start, path, format!("`{}` is not a type of principal", key.text)))?;
            let texts = self.strings(value, path.member(&key.text))?;
            principals.extend(texts.into_iter().map(|text| Principal { kind, text }));
        }
        // AWS accepts `{}` and empty lists: they name nobody.
        Ok(principals)
    }

    fn conditions(&self, node: &Node<'_>, path: Path<'_>) -> Result<Vec<Condition>, SyntaxError> {
        let mut conditions = Vec::new();
        for (operator_key, block) in self.members(node, path)? {
            let here = path.member(&operator_key.text);
            let operator = Operator::parse(&operator_key.text).ok_or_else(|| {
                self.error(operator_key.start, path, format!("`{}` is not a condition operator", operator_key.text))
            })?;
            let members = self.members(block, here)?;
            for (i, (key, value)) in members.iter().enumerate() {
                // AWS: condition key names are case-insensitive, so two spellings are one key given twice.
                if members.iter().take(i).any(|(earlier, _)| earlier.text.eq_ignore_ascii_case(&key.text)) {
                    return Err(self.error(key.start, here, format!("the key `{}` appears twice", key.text)));
                }
                let values = self.scalars(value, here.member(&key.text))?;
                let span = (key.start, value.end);
                conditions.push(Condition::new(operator, &operator_key.text, &key.text, values, self.version, span));
            }
        }
        Ok(conditions)
    }

    fn string<'n>(&self, node: &'n Node<'_>, path: Path<'_>) -> Result<&'n str, SyntaxError> {
        match &node.value {
            Value::String(text) => Ok(text),
            _ => Err(self.error(node.start, path, "a string is needed here")),
        }
    }

    fn strings(&self, node: &Node<'_>, path: Path<'_>) -> Result<Vec<Box<str>>, SyntaxError> {
        match &node.value {
            Value::Array(items) => items.iter().map(|item| self.string(item, path).map(Into::into)).collect(),
            _ => Ok(vec![self.string(node, path)?.into()]),
        }
    }

    /// Condition values may be strings, booleans or numbers, alone or in a list.
    fn scalars(&self, node: &Node<'_>, path: Path<'_>) -> Result<Vec<Box<str>>, SyntaxError> {
        let scalar = |item: &Node<'_>| match &item.value {
            Value::String(text) => Ok(Box::from(&**text)),
            Value::Number(text) => Ok(Box::from(*text)),
            Value::Bool(value) => Ok(Box::from(if *value { "true" } else { "false" })),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                Err(self.error(item.start, path, "a string, a boolean or a number is needed here"))
            }
        };
        match &node.value {
            Value::Array(items) => items.iter().map(scalar).collect(),
            _ => Ok(vec![scalar(node)?]),
        }
    }
}
