//! Session policies: Allow lists with `*`. Anything else is refused, so that nothing is ever half enforced.

use serde_json::Value;

/// What one statement allows: patterns of actions, and of resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allowed {
    actions: Vec<String>,
    resources: Vec<String>,
}

/// What is allowed, or `None` where the document is not a plain Allow list.
pub(crate) fn read(text: &str) -> Option<Vec<Allowed>> {
    let document: Value = serde_json::from_str(text).ok()?;
    let statements = match document.get("Statement")? {
        Value::Array(statements) => statements.clone(),
        single => vec![single.clone()],
    };
    statements.iter().map(statement).collect()
}

fn statement(statement: &Value) -> Option<Allowed> {
    let members = statement.as_object()?;
    let known = members.keys().all(|key| matches!(key.as_str(), "Sid" | "Effect" | "Action" | "Resource"));
    let plain = known && members.get("Effect")? == "Allow";
    let texts = |name: &str| match members.get(name)? {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(texts) => texts.iter().map(|text| text.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    plain.then_some(Allowed { actions: texts("Action")?, resources: texts("Resource")? })
}

fn fits(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => text.to_ascii_lowercase().starts_with(&prefix.to_ascii_lowercase()),
        None => text.eq_ignore_ascii_case(pattern),
    }
}

/// Whether a session's allow list covers an action on a resource. No list: no session policy. An operation without a
/// resource of its own is covered by `*` alone.
pub(crate) fn allows(allowed: Option<&Vec<Allowed>>, action: &str, resource: &str) -> bool {
    allowed.is_none_or(|statements| {
        statements.iter().any(|one| {
            one.actions.iter().any(|pattern| fits(pattern, action))
                && one.resources.iter().any(|pattern| pattern == "*" || fits(pattern, resource))
        })
    })
}

/// Whether there is any resource on which the action is allowed.
pub(crate) fn allows_somewhere(allowed: Option<&Vec<Allowed>>, action: &str) -> bool {
    allowed
        .is_none_or(|statements| statements.iter().any(|one| one.actions.iter().any(|pattern| fits(pattern, action))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_allow_lists_are_read() {
        assert!(read(r#"{"Statement":{"Effect":"Allow","Action":"ecr:Get*","Resource":"*"}}"#).is_some());
        for refused in [
            r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","NotAction":"*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{}}}"#,
            "not json",
        ] {
            assert_eq!(read(refused), None, "{refused}");
        }
        let reads = read(r#"{"Statement":[{"Effect":"Allow","Action":"ecr:Get*","Resource":"*"}]}"#);
        assert!(allows(reads.as_ref(), "ecr:GetRepositoryPolicy", "arn:x"));
        assert!(!allows(reads.as_ref(), "ecr:PutImage", "arn:x"));
        assert!(allows(None, "ecr:PutImage", ""));
    }

    #[test]
    fn a_resource_that_is_not_named_is_not_covered() {
        let one = read(r#"{"Statement":{"Effect":"Allow","Action":"ecr:SetRepositoryPolicy","Resource":["arn:a"]}}"#);
        assert!(allows(one.as_ref(), "ecr:SetRepositoryPolicy", "arn:a"));
        assert!(!allows(one.as_ref(), "ecr:SetRepositoryPolicy", "arn:b"));
        assert!(!allows(one.as_ref(), "ecr:SetRepositoryPolicy", ""));
        assert!(allows_somewhere(one.as_ref(), "ecr:SetRepositoryPolicy"));
    }
}
