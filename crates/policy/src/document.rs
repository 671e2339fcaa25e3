//! A policy document, parsed and checked: what AWS would refuse to store is an error with its place, never half-read.

use crate::condition::{Condition, Operator};
use crate::json::{self, Key, Node, Position, SyntaxError, Value};
use crate::principal::{Principal, PrincipalType};

/// AWS: variables are replaced only in documents of version 2012-10-17; absent means 2008-10-17.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V2008,
    V2012,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Deny,
}

/// A list that a statement names either positively or by exclusion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection<T> {
    pub(crate) items: Vec<T>,
    /// `NotAction`, `NotPrincipal`, `NotResource`.
    pub(crate) negated: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Its place in the document, from 0.
    pub index: usize,
    pub sid: Option<String>,
    pub effect: Effect,
    /// The statement's own bytes in the text.
    pub span: (usize, usize),
    pub(crate) principals: Option<Selection<Principal>>,
    pub(crate) actions: Selection<String>,
    pub(crate) resources: Option<Selection<String>>,
    pub(crate) conditions: Vec<Condition>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PolicyDocument {
    pub(crate) version: Version,
    pub(crate) statements: Vec<Statement>,
}

impl PolicyDocument {
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let root = json::parse(text)?;
        Reader { text }.document(&root)
    }

    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

type Members = [(Key, Node)];

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn error(&self, offset: usize, path: &str, message: impl Into<String>) -> SyntaxError {
        SyntaxError { message: message.into(), position: Position::at(self.text, offset), path: path.to_owned() }
    }

    fn members<'n>(&self, node: &'n Node, path: &str) -> Result<&'n Members, SyntaxError> {
        let Value::Object(members) = &node.value else {
            return Err(self.error(node.start, path, "an object is needed here"));
        };
        for (i, (key, _)) in members.iter().enumerate() {
            if members.iter().take(i).any(|(earlier, _)| earlier.text == key.text) {
                return Err(self.error(key.start, path, format!("the key `{}` stands twice", key.text)));
            }
        }
        Ok(members)
    }

    fn document(&self, root: &Node) -> Result<PolicyDocument, SyntaxError> {
        let mut version = Version::V2008;
        let mut statements = None;
        for (key, node) in self.members(root, "")? {
            match key.text.as_str() {
                "Version" => version = self.version(node)?,
                "Id" => drop(self.string(node, "Id")?),
                "Statement" => statements = Some(self.statements(node)?),
                other => return Err(self.error(key.start, "", format!("`{other}` is not an element of a policy"))),
            }
        }
        let statements = statements.ok_or_else(|| self.error(root.start, "", "there is no `Statement`"))?;
        Ok(PolicyDocument { version, statements })
    }

    fn version(&self, node: &Node) -> Result<Version, SyntaxError> {
        match self.string(node, "Version")?.as_str() {
            "2012-10-17" => Ok(Version::V2012),
            "2008-10-17" => Ok(Version::V2008),
            other => Err(self.error(node.start, "Version", format!("`{other}` is not a policy version"))),
        }
    }

    fn statements(&self, node: &Node) -> Result<Vec<Statement>, SyntaxError> {
        match &node.value {
            Value::Array(items) if items.is_empty() => Err(self.error(node.start, "Statement", "no statement")),
            Value::Array(items) => items.iter().enumerate().map(|(index, item)| self.statement(item, index)).collect(),
            _ => Ok(vec![self.statement(node, 0)?]),
        }
    }

    fn statement(&self, node: &Node, index: usize) -> Result<Statement, SyntaxError> {
        let path = format!("Statement[{index}]");
        let (mut sid, mut effect) = (None, None);
        let (mut principals, mut actions, mut resources, mut conditions) = (None, None, None, Vec::new());
        for (key, value) in self.members(node, &path)? {
            let here = format!("{path}.{}", key.text);
            let twice = || self.error(key.start, &here, format!("`{}` beside its opposite", key.text));
            match key.text.as_str() {
                "Sid" => sid = Some(self.string(value, &here)?),
                "Effect" => {
                    effect = Some(match self.string(value, &here)?.as_str() {
                        "Allow" => Effect::Allow,
                        "Deny" => Effect::Deny,
                        other => {
                            return Err(self.error(value.start, &here, format!("`{other}` is neither Allow nor Deny")));
                        }
                    });
                }
                "Principal" | "NotPrincipal" => {
                    let items = self.principals(value, &here)?;
                    if principals.replace(Selection { items, negated: key.text == "NotPrincipal" }).is_some() {
                        return Err(twice());
                    }
                }
                "Action" | "NotAction" => {
                    let items = self.strings(value, &here)?;
                    self.check_actions(&items, value, &here)?;
                    if actions.replace(Selection { items, negated: key.text == "NotAction" }).is_some() {
                        return Err(twice());
                    }
                }
                "Resource" | "NotResource" => {
                    let items = self.strings(value, &here)?;
                    if resources.replace(Selection { items, negated: key.text == "NotResource" }).is_some() {
                        return Err(twice());
                    }
                }
                "Condition" => conditions = self.conditions(value, &here)?,
                other => {
                    return Err(self.error(key.start, &path, format!("`{other}` is not an element of a statement")));
                }
            }
        }
        let missing = |name: &str| self.error(node.start, &path, format!("there is no `{name}`"));
        let effect = effect.ok_or_else(|| missing("Effect"))?;
        Ok(Statement {
            index,
            sid,
            effect,
            span: (node.start, node.end),
            // AWS: resource-based policies need a principal.
            principals: Some(principals.ok_or_else(|| missing("Principal"))?),
            actions: actions.ok_or_else(|| missing("Action"))?,
            resources,
            conditions,
        })
    }

    fn check_actions(&self, items: &[String], node: &Node, path: &str) -> Result<(), SyntaxError> {
        for item in items {
            let valid = item == "*"
                || item.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
            if !valid {
                return Err(self.error(
                    node.start,
                    path,
                    format!("`{item}` is not an action such as `ecr:BatchGetImage`"),
                ));
            }
        }
        Ok(())
    }

    fn principals(&self, node: &Node, path: &str) -> Result<Vec<Principal>, SyntaxError> {
        if let Value::String(text) = &node.value {
            return if text == "*" {
                Ok(vec![Principal { kind: PrincipalType::Aws, text: text.clone() }])
            } else {
                Err(self.error(node.start, path, "a principal is `*` or an object such as {\"AWS\": ...}"))
            };
        }
        let mut principals = Vec::new();
        for (key, value) in self.members(node, path)? {
            let here = format!("{path}.{}", key.text);
            let kind = PrincipalType::from_key(&key.text)
                .ok_or_else(|| self.error(key.start, path, format!("`{}` is not a type of principal", key.text)))?;
            for text in self.strings(value, &here)? {
                principals.push(Principal { kind, text });
            }
        }
        // AWS accepts `{}` and empty lists: they name nobody.
        Ok(principals)
    }

    fn conditions(&self, node: &Node, path: &str) -> Result<Vec<Condition>, SyntaxError> {
        let mut conditions = Vec::new();
        for (operator_key, block) in self.members(node, path)? {
            let here = format!("{path}.{}", operator_key.text);
            let operator = Operator::parse(&operator_key.text).ok_or_else(|| {
                self.error(operator_key.start, path, format!("`{}` is not a condition operator", operator_key.text))
            })?;
            let members = self.members(block, &here)?;
            for (i, (key, value)) in members.iter().enumerate() {
                // AWS: condition key names are case-insensitive, so two spellings are one key given twice.
                if members.iter().take(i).any(|(earlier, _)| earlier.text.eq_ignore_ascii_case(&key.text)) {
                    return Err(self.error(key.start, &here, format!("the key `{}` stands twice", key.text)));
                }
                conditions.push(Condition {
                    operator: operator.clone(),
                    operator_text: operator_key.text.clone(),
                    key: key.text.clone(),
                    values: self.scalars(value, &format!("{here}.{}", key.text))?,
                });
            }
        }
        Ok(conditions)
    }

    fn string(&self, node: &Node, path: &str) -> Result<String, SyntaxError> {
        match &node.value {
            Value::String(text) => Ok(text.clone()),
            _ => Err(self.error(node.start, path, "a string is needed here")),
        }
    }

    fn strings(&self, node: &Node, path: &str) -> Result<Vec<String>, SyntaxError> {
        match &node.value {
            Value::Array(items) => items.iter().map(|item| self.string(item, path)).collect(),
            _ => Ok(vec![self.string(node, path)?]),
        }
    }

    /// Condition values may be strings, booleans or numbers, alone or in a list.
    fn scalars(&self, node: &Node, path: &str) -> Result<Vec<String>, SyntaxError> {
        let scalar = |item: &Node| match &item.value {
            Value::String(text) | Value::Number(text) => Ok(text.clone()),
            Value::Bool(value) => Ok(value.to_string()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        PolicyDocument::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn what_aws_would_not_store_is_refused_with_its_place() {
        for (text, part) in [
            ("{}", "there is no `Statement`"),
            (r#"{"Statement":[]}"#, "no statement"),
            (r#"{"Statement":{"Effect":"deny","Principal":"*","Action":"*"}}"#, "`deny` is neither"),
            (r#"{"Statement":{"Effect":"Deny","Action":"*"}}"#, "there is no `Principal`"),
            (r#"{"Statement":{"Effect":"Deny","Principal":"*"}}"#, "there is no `Action`"),
            (r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","NotAction":"*"}}"#, "beside its opposite"),
            (r#"{"Statement":{"Effect":"Deny","Effect":"Deny","Principal":"*","Action":"*"}}"#, "stands twice"),
            (r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"ecr"}}"#, "not an action"),
            (r#"{"Statement":{"Effect":"Deny","Principal":"x","Action":"*"}}"#, "a principal is"),
            (r#"{"Version":"2020-01-01","Statement":{}}"#, "not a policy version"),
            (
                r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"Equals":{"a:b":"c"}}}}"#,
                "not a condition operator",
            ),
            (
                r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"StringEquals":{"aws:A":"c","AWS:a":"d"}}}}"#,
                "stands twice",
            ),
        ] {
            assert!(refused(text).contains(part), "{text}: {}", refused(text));
        }
        assert!(refused("{\n\"Statement\":{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":7}}").contains("line 2"));
    }
}
