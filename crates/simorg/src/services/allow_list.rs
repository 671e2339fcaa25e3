//! Session policies and the policies of roles: Allow lists with `*`. Anything else is refused, so that nothing is ever half enforced.

use serde_json::Value;
use wildmatch::WildMatch;

/// What one statement allows: patterns of actions, and of resources.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Allowed {
    actions: Vec<Pattern>,
    resources: Vec<Pattern>,
}

/// Every call is asked about: what has no wildcard is compared as it is.
#[derive(Debug, Clone, PartialEq)]
enum Pattern {
    All,
    Exact(String),
    Wild(WildMatch),
}

impl Pattern {
    fn of(text: &str) -> Self {
        match text {
            "*" => Self::All,
            text if text.contains(['*', '?']) => Self::Wild(WildMatch::new(text)),
            text => Self::Exact(text.to_owned()),
        }
    }

    /// AWS: actions are compared without regard to case.
    fn of_action(text: &str) -> Self {
        Self::of(&text.to_ascii_lowercase())
    }

    fn fits_action(&self, action: &str) -> bool {
        match self {
            Self::All => true,
            Self::Exact(exact) => action.eq_ignore_ascii_case(exact),
            Self::Wild(wild) => wild.matches(&action.to_ascii_lowercase()),
        }
    }

    /// AWS: ARNs are compared as they are.
    fn fits_resource(&self, resource: &str) -> bool {
        match self {
            Self::All => true,
            Self::Exact(exact) => resource == exact,
            Self::Wild(wild) => wild.matches(resource),
        }
    }
}

/// What a principal may do: what its own policies allow, and its session's. None: everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Permitted {
    pub(crate) by_identity: Option<Vec<Allowed>>,
    pub(crate) by_session: Option<Vec<Allowed>>,
}

impl Permitted {
    /// Why an action is not allowed on a resource, in AWS's words.
    pub(crate) fn refusal(&self, action: &str, resource: &str) -> Option<String> {
        let of = |allowed: &Option<Vec<Allowed>>| allows(allowed.as_ref(), action, resource);
        if !of(&self.by_identity) {
            Some(format!("because no identity-based policy allows the {action} action"))
        } else if !of(&self.by_session) {
            Some(format!("because no session policy allows the {action} action"))
        } else {
            None
        }
    }
}

/// What is allowed, or `None` where the document is not a plain Allow list.
pub(crate) fn read(text: &str) -> Option<Vec<Allowed>> {
    statements(text, None)
}

/// The same of a role's or user's own policy, which may ask that resources are of its organization: all of them are.
pub(crate) fn read_identity(text: &str, organization: &str) -> Option<Vec<Allowed>> {
    statements(text, Some(organization))
}

fn statements(text: &str, organization: Option<&str>) -> Option<Vec<Allowed>> {
    let document: Value = serde_json::from_str(text).ok()?;
    let statements = match document.get("Statement")? {
        Value::Array(statements) => statements.clone(),
        single => vec![single.clone()],
    };
    statements.into_iter().map(|one| statement(one, organization)).collect()
}

fn statement(mut statement: Value, organization: Option<&str>) -> Option<Allowed> {
    let of_organization = organization.map(|id| serde_json::json!({"StringEquals": {"aws:ResourceOrgID": id}}));
    if let (Some(condition), Some(members)) = (of_organization, statement.as_object_mut())
        && members.get("Condition") == Some(&condition)
    {
        members.remove("Condition");
    }
    let members = statement.as_object()?;
    let known = members.keys().all(|key| matches!(key.as_str(), "Sid" | "Effect" | "Action" | "Resource"));
    let plain = known && members.get("Effect")? == "Allow";
    let texts = |name: &str, of: fn(&str) -> Pattern| match members.get(name)? {
        Value::String(text) => Some(vec![of(text)]),
        Value::Array(texts) => texts.iter().map(|text| text.as_str().map(of)).collect(),
        _ => None,
    };
    plain.then_some(Allowed {
        actions: texts("Action", Pattern::of_action)?,
        resources: texts("Resource", Pattern::of)?,
    })
}

/// Whether a session's allow list covers an action on a resource. No list: no session policy. An operation without a
/// resource of its own is covered by `*` alone.
pub(crate) fn allows(allowed: Option<&Vec<Allowed>>, action: &str, resource: &str) -> bool {
    allowed.is_none_or(|statements| {
        statements.iter().any(|one| {
            one.actions.iter().any(|pattern| pattern.fits_action(action))
                && one.resources.iter().any(|pattern| pattern.fits_resource(resource))
        })
    })
}

/// Whether there is any resource on which the action is allowed.
pub(crate) fn allows_somewhere(allowed: Option<&Vec<Allowed>>, action: &str) -> bool {
    allowed.is_none_or(|statements| {
        statements.iter().any(|one| one.actions.iter().any(|pattern| pattern.fits_action(action)))
    })
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
