//! Trust policies of roles: who may assume them. Anything but plain Allow statements is refused, so that nothing is ever half enforced.

use std::collections::BTreeMap;

use scangap_model::AccountId;
use serde::Deserialize;

#[derive(Debug, Clone)]
pub(crate) struct Trust(Vec<Statement>);

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Document {
    #[serde(default, rename = "Version")]
    _version: Option<String>,
    statement: OneOrMany<Statement>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Statement {
    #[serde(default, rename = "Sid")]
    _sid: Option<String>,
    effect: Effect,
    principal: Principal,
    action: Assume,
    #[serde(default)]
    condition: BTreeMap<Operator, BTreeMap<Key, OneOrMany<String>>>,
}

#[derive(Debug, Clone, Deserialize)]
enum Effect {
    Allow,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Principal {
    #[serde(rename = "AWS")]
    aws: OneOrMany<String>,
}

#[derive(Debug, Clone, Deserialize)]
enum Assume {
    #[serde(rename = "sts:AssumeRole")]
    AssumeRole,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
enum Operator {
    StringEquals,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
enum Key {
    #[serde(rename = "aws:PrincipalOrgID")]
    Organization,
    #[serde(rename = "sts:ExternalId")]
    ExternalId,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }

    fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl Trust {
    /// `None`: not a plain Allow list of what is enforced here.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let document: Document = serde_json::from_str(text).ok()?;
        Some(Self(document.statement.into_vec()))
    }

    /// Whether a caller of the organization may assume the role.
    pub(crate) fn admits(&self, arn: &str, account: AccountId, organization: &str, external_id: Option<&str>) -> bool {
        self.0.iter().any(|statement| {
            let Statement { effect: Effect::Allow, action: Assume::AssumeRole, principal, condition, .. } = statement;
            let is_named = principal.aws.as_slice().iter().any(|named| names(named, arn, account));
            let holds = |(key, values): (&Key, &OneOrMany<String>)| {
                let asked = match key {
                    Key::Organization => Some(organization),
                    Key::ExternalId => external_id,
                };
                values.as_slice().iter().any(|value| Some(value.as_str()) == asked)
            };
            is_named && condition.values().flatten().all(holds)
        })
    }
}

/// AWS: an account, or its root, stands for all of its principals; a role for its sessions.
fn names(named: &str, arn: &str, account: AccountId) -> bool {
    let of_role = || {
        let (role, session) = (named.strip_prefix("arn:aws:iam::")?, arn.strip_prefix("arn:aws:sts::")?);
        let (in_account, path) = role.split_once(":role/")?;
        let (of_account, rest) = session.split_once(":assumed-role/")?;
        Some(in_account == of_account && path.rsplit('/').next() == rest.split('/').next())
    };
    named == "*"
        || named == arn
        || named == account.as_str()
        || named == format!("arn:aws:iam::{account}:root")
        || of_role().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(condition: &str) -> String {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::111122223333:root"}},"Action":"sts:AssumeRole","Condition":{{{condition}}}}}]}}"#
        )
    }

    #[test]
    fn a_role_opens_to_whom_its_trust_policy_names() {
        let account: AccountId = "111122223333".parse().unwrap();
        let other: AccountId = "222233334444".parse().unwrap();
        let trust =
            Trust::read(&text(r#""StringEquals": {"aws:PrincipalOrgID": "o-a", "sts:ExternalId": "x"}"#)).unwrap();
        let arn = "arn:aws:iam::111122223333:user/auditor";
        let everyone = text(r#""StringEquals": {"aws:PrincipalOrgID": ["o-b", "o-a"]}"#)
            .replace("arn:aws:iam::111122223333:root", "*");
        assert!(Trust::read(&everyone).unwrap().admits(arn, account, "o-a", None));
        assert!(trust.admits(arn, account, "o-a", Some("x")));
        assert!(!trust.admits(arn, account, "o-a", None));
        assert!(!trust.admits(arn, account, "o-b", Some("x")));
        assert!(!trust.admits("arn:aws:iam::222233334444:user/auditor", other, "o-a", Some("x")));
        let session = "arn:aws:sts::111122223333:assumed-role/Audit/me";
        assert!(names("arn:aws:iam::111122223333:role/path/Audit", session, other));
        assert!(!names("arn:aws:iam::111122223333:role/Other", session, other));
    }

    #[test]
    fn what_is_not_enforced_is_refused() {
        for condition in
            [r#""Bool": {"aws:MultiFactorAuthPresent": "true"}"#, r#""StringEquals": {"aws:SourceIp": "x"}"#]
        {
            assert!(Trust::read(&text(condition)).is_none(), "{condition}");
        }
        assert!(Trust::read(&text("").replace("Allow", "Deny")).is_none());
        assert!(Trust::read(&text("").replace("sts:AssumeRole", "*")).is_none());
    }
}
