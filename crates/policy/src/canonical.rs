//! The canonical form of a policy text. ECR returns a stored policy in a format of its own, so a comparison of bytes does not
//! show whether the policy was changed.

use crate::document::print::Quoted;
use crate::json::{self, Node, SyntaxError, Value};

/// The policy with members and lists sorted, without spaces, and with single values out of their lists. Two texts have the
/// same form where IAM's grammar lets them differ in nothing but writing.
pub fn canonical(text: &str) -> Result<String, SyntaxError> {
    Ok(form(&json::parse(text)?))
}

/// A statement's canonical form without its Sid: what it does, and not what it is called.
pub fn canonical_statement(text: &str) -> Result<String, SyntaxError> {
    let mut node = json::parse(text)?;
    if let Value::Object(members) = &mut node.value {
        members.retain(|(key, _)| key.text != "Sid");
    }
    Ok(form(&node))
}

fn form(node: &Node<'_>) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("\"{value}\""),
        Value::Number(text) => format!("\"{text}\""),
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let mut forms: Vec<String> = items.iter().map(form).collect();
            forms.sort();
            if forms.len() == 1 { forms.remove(0) } else { format!("[{}]", forms.join(",")) }
        }
        Value::Object(members) => {
            let mut forms: Vec<(&str, String)> =
                members.iter().map(|(key, member)| (key.text.as_ref(), form(member))).collect();
            forms.sort();
            let members: Vec<String> = forms.iter().map(|(key, form)| format!("{}:{form}", quoted(key))).collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

fn quoted(text: &str) -> String {
    Quoted(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn what_is_only_written_in_another_way_is_the_same() {
        let one = r#"{"Statement":{"Effect":"Deny","Action":["ecr:B","ecr:A"],"Principal":{"AWS":["*"]}},"Version":"2012-10-17"}"#;
        let two = "{ \"Version\" : \"2012-10-17\",\n \"Statement\" : [ {\"Principal\":{\"AWS\":\"*\"},\"Action\":[\"ecr:A\",\"ecr:B\"],\"Effect\":\"Deny\"} ] }";
        assert_eq!(canonical(one).unwrap(), canonical(two).unwrap());
        assert_eq!(
            canonical(one).unwrap(),
            r#"{"Statement":{"Action":["ecr:A","ecr:B"],"Effect":"Deny","Principal":{"AWS":"*"}},"Version":"2012-10-17"}"#
        );
    }

    #[test]
    fn what_means_something_else_differs() {
        let deny = canonical(r#"{"Statement":{"Effect":"Deny","Action":"ecr:*"}}"#).unwrap();
        for other in [
            r#"{"Statement":{"Effect":"Allow","Action":"ecr:*"}}"#,
            r#"{"Statement":{"Effect":"Deny","NotAction":"ecr:*"}}"#,
            r#"{"Statement":{"Effect":"Deny","Action":"ecr:*","Condition":{}}}"#,
            r#"{"Statement":[{"Effect":"Deny","Action":"ecr:*"},{"Effect":"Deny","Action":"ecr:*"}]}"#,
        ] {
            assert_ne!(canonical(other).unwrap(), deny);
        }
        assert!(canonical("{").is_err());
    }
}
