//! A repair as lines of a program: the condition of each statement that changes, for JSON, Terraform and the CDK.

use std::fmt::Write;

use scangap_model::{escape_control_characters, hcl_string, sanitize};
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

/// As policies have it: an array of the statements, each with its Sid and the whole of its condition.
pub(super) fn as_json(exemptions: &[Exemption]) -> String {
    let statements: Value =
        exemptions.iter().map(|one| json!({"Sid": one.sid, "Condition": one.condition.clone()})).collect();
    pretty(&statements) + "\n"
}

/// For `data "aws_iam_policy_document"`, where `&{` is what policies write as `${`.
pub(super) fn as_hcl(exemptions: &[Exemption]) -> String {
    let mut text = String::new();
    for one in exemptions {
        let _ = writeln!(text, "# In the statement {} of data \"aws_iam_policy_document\":", of_sid(&one.sid));
        for (operator, keys) in &one.condition {
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
pub(super) fn as_cdk(exemptions: &[Exemption]) -> String {
    let mut text = String::new();
    for one in exemptions {
        let condition = pretty(&Value::Object(one.condition.clone()));
        let _ = writeln!(text, "// In the iam.PolicyStatement {}:\nconditions: {condition},", of_sid(&one.sid));
    }
    text
}

fn of_sid(sid: &str) -> String {
    if sid.is_empty() { "without a Sid".to_owned() } else { sanitize(sid) }
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
        let json: Value = serde_json::from_str(&as_json(&exemptions)).unwrap();
        let whole: Value = serde_json::from_str(after).unwrap();
        assert_eq!((&json[0]["Sid"], &json[0]["Condition"]), (&json!("Own"), &whole["Statement"][1]["Condition"]));
        assert_eq!(
            as_hcl(&exemptions),
            "# In the statement Own of data \"aws_iam_policy_document\":\ncondition {\n  test     = \"StringNotEquals\"\n  variable = \"aws:PrincipalTag/user\"\n  values   = [\"&{aws:username}\"]\n}\ncondition {\n  test     = \"StringNotEquals\"\n  variable = \"aws:PrincipalArn\"\n  values   = [\"a\", \"b\"]\n}\ncondition {\n  test     = \"Bool\"\n  variable = \"aws:SecureTransport\"\n  values   = [\"true\"]\n}\n"
        );
        let cdk = as_cdk(&exemptions);
        let object = cdk.split_once("conditions: ").unwrap().1.trim_end().trim_end_matches(',');
        assert_eq!(serde_json::from_str::<Value>(object).unwrap(), json[0]["Condition"]);
    }
}
