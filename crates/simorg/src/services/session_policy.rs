//! Session policies: Allow lists with `*`. Anything else is refused, so that nothing is ever half enforced.

use serde_json::Value;

/// The allowed action patterns, or `None` where the document is not a plain Allow list on every resource.
pub(crate) fn read(text: &str) -> Option<Vec<String>> {
    let document: Value = serde_json::from_str(text).ok()?;
    let statements = match document.get("Statement")? {
        Value::Array(statements) => statements.clone(),
        single => vec![single.clone()],
    };
    let mut allowed = Vec::new();
    for statement in statements {
        let members = statement.as_object()?;
        let known = members.keys().all(|key| matches!(key.as_str(), "Sid" | "Effect" | "Action" | "Resource"));
        let plain = known && members.get("Effect")? == "Allow" && members.get("Resource")? == "*";
        if !plain {
            return None;
        }
        match members.get("Action")? {
            Value::String(action) => allowed.push(action.clone()),
            Value::Array(actions) => {
                for action in actions {
                    allowed.push(action.as_str()?.to_owned());
                }
            }
            _ => return None,
        }
    }
    Some(allowed)
}

/// Whether a session's allow list covers an action. No list: no session policy.
pub(crate) fn allows(allowed: Option<&Vec<String>>, action: &str) -> bool {
    allowed.is_none_or(|patterns| {
        patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => action.to_ascii_lowercase().starts_with(&prefix.to_ascii_lowercase()),
            None => action.eq_ignore_ascii_case(pattern),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_allow_lists_are_read() {
        assert_eq!(
            read(r#"{"Statement":{"Effect":"Allow","Action":"ecr:Get*","Resource":"*"}}"#),
            Some(vec!["ecr:Get*".into()])
        );
        for refused in [
            r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","NotAction":"*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:x"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{}}}"#,
            "not json",
        ] {
            assert_eq!(read(refused), None, "{refused}");
        }
        assert!(allows(Some(&vec!["ecr:Get*".into()]), "ecr:GetRepositoryPolicy"));
        assert!(!allows(Some(&vec!["ecr:Get*".into()]), "ecr:PutImage"));
        assert!(allows(None, "ecr:PutImage"));
    }
}
