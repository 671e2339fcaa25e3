//! A repair as lines of a program: the condition of each statement that changes, for JSON, Terraform and the CDK.

use std::collections::BTreeSet;
use std::fmt::Write;

use scangap_model::{AccountId, escape_control_characters, hcl_string, sanitize};
use serde_json::{Map, Value, json};

/// A statement's condition as it would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exemption {
    /// Empty: the statement has none.
    pub(super) sid: String,
    condition: Map<String, Value>,
}

/// The statements that the repair changes.
pub(super) fn exemptions(before: &str, after: &str) -> Vec<Exemption> {
    let statements = |text: &str| -> Vec<Value> {
        let Ok(Value::Object(mut document)) = serde_json::from_str::<Value>(text) else { return Vec::new() };
        match document.remove("Statement") {
            Some(Value::Array(items)) => items,
            Some(one) => vec![one],
            None => Vec::new(),
        }
    };
    let known = statements(before);
    let changed = statements(after).into_iter().filter(|statement| !known.contains(statement));
    let exemption = |statement: Value| {
        let condition = statement.get("Condition")?.as_object()?.clone();
        let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(Exemption { sid, condition })
    };
    changed.filter_map(exemption).collect()
}

/// A statement that changes, with the policy that it is in.
pub(super) struct Changed<'a> {
    exemption: &'a Exemption,
    /// `repository policy`, or `registry policy`.
    attached_to: &'static str,
    account: AccountId,
}

/// The statements that change, each once, however many accounts have it: there the role's ARN has their id.
pub(super) fn distinct<'a>(
    policies: impl Iterator<Item = (&'static str, AccountId, &'a [Exemption])>,
) -> Vec<Changed<'a>> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for (attached_to, account, exemptions) in policies {
        for exemption in exemptions {
            let condition = pretty(&Value::Object(exemption.condition.clone())).replace(account.as_str(), "{account}");
            if seen.insert((attached_to, &exemption.sid, condition)) {
                all.push(Changed { exemption, attached_to, account });
            }
        }
    }
    all
}

impl Changed<'_> {
    /// `OfficeOnly of the repository policy, in account 111111111111`.
    fn place(&self) -> String {
        let sid =
            if self.exemption.sid.is_empty() { "without a Sid".to_owned() } else { sanitize(&self.exemption.sid) };
        format!("{sid} of the {}, in account {}", self.attached_to, self.account)
    }
}

/// As policies have it: an array of the statements, each with its Sid and the whole of its condition.
pub(super) fn as_json(statements: &[Changed<'_>]) -> String {
    let statement = |one: &Changed<'_>| {
        json!({
            "Policy": one.attached_to,
            "Account": one.account.as_str(),
            "Sid": one.exemption.sid,
            "Condition": one.exemption.condition.clone(),
        })
    };
    pretty(&statements.iter().map(statement).collect()) + "\n"
}

/// For `data "aws_iam_policy_document"`, where `&{` is what policies write as `${`.
pub(super) fn as_hcl(statements: &[Changed<'_>]) -> String {
    let mut text = String::new();
    for one in statements {
        let _ = writeln!(text, "# data \"aws_iam_policy_document\", the statement {}:", one.place());
        for (operator, keys) in &one.exemption.condition {
            for (key, values) in keys.as_object().into_iter().flatten() {
                let values: Vec<String> =
                    as_list(values).iter().map(|value| hcl_string(&value.replace("${", "&{"))).collect();
                let _ = writeln!(
                    text,
                    "condition {{\n  test     = {}\n  variable = {}\n  values   = [{}]\n}}",
                    hcl_string(operator),
                    hcl_string(key),
                    values.join(", ")
                );
            }
        }
    }
    text
}

/// For `iam.PolicyStatement` of the CDK, in TypeScript.
pub(super) fn as_cdk(statements: &[Changed<'_>]) -> String {
    let mut text = String::new();
    for one in statements {
        let condition = pretty(&Value::Object(one.exemption.condition.clone()));
        let _ = writeln!(text, "// iam.PolicyStatement, the statement {}:\nconditions: {condition},", one.place());
    }
    text
}

/// A condition's values, however they are written.
fn as_list(values: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match values {
        Value::Array(items) => items.iter().map(text).collect(),
        one => vec![text(one)],
    }
}

fn pretty(value: &Value) -> String {
    // INVARIANT: what was parsed is written.
    escape_control_characters(&serde_json::to_string_pretty(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: 15 Owners: the condition lines are those of the statements that change, and mean in HCL what they mean in JSON
    #[test]
    fn a_condition_is_written_for_each_language() {
        let before = r#"{"Statement":[{"Sid":"Pull","Effect":"Allow","Principal":"*","Action":"ecr:*"},{"Sid":"Own","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"StringNotEquals":{"aws:PrincipalTag/user":"${aws:username}"},"Bool":{"aws:SecureTransport":true}}}]}"#;
        let after = r#"{"Statement":[{"Sid":"Pull","Effect":"Allow","Principal":"*","Action":"ecr:*"},{"Sid":"Own","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"StringNotEquals":{"aws:PrincipalTag/user":"${aws:username}","aws:PrincipalArn":["a","b"]},"Bool":{"aws:SecureTransport":true}}}]}"#;
        let exemptions = exemptions(before, after);
        assert_eq!(exemptions.len(), 1, "{exemptions:?}");
        let statements: Vec<Changed<'_>> = exemptions
            .iter()
            .map(|exemption| Changed {
                exemption,
                attached_to: "repository policy",
                account: "111111111111".parse().unwrap(),
            })
            .collect();
        let json: Value = serde_json::from_str(&as_json(&statements)).unwrap();
        let whole: Value = serde_json::from_str(after).unwrap();
        assert_eq!((&json[0]["Sid"], &json[0]["Condition"]), (&json!("Own"), &whole["Statement"][1]["Condition"]));
        assert_eq!(
            as_hcl(&statements),
            "# data \"aws_iam_policy_document\", the statement Own of the repository policy, in account 111111111111:\ncondition {\n  test     = \"StringNotEquals\"\n  variable = \"aws:PrincipalTag/user\"\n  values   = [\"&{aws:username}\"]\n}\ncondition {\n  test     = \"StringNotEquals\"\n  variable = \"aws:PrincipalArn\"\n  values   = [\"a\", \"b\"]\n}\ncondition {\n  test     = \"Bool\"\n  variable = \"aws:SecureTransport\"\n  values   = [\"true\"]\n}\n"
        );
        let cdk = as_cdk(&statements);
        let object = cdk.split_once("conditions: ").unwrap().1.trim_end().trim_end_matches(',');
        assert_eq!(serde_json::from_str::<Value>(object).unwrap(), json[0]["Condition"]);
    }
}
