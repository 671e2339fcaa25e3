//! A policy document, parsed and checked: what AWS would refuse to store is an error with its place, never half-read.

pub(crate) mod print;
mod read;

pub(crate) use print::write_conditions;

use crate::json::{self, Position, SyntaxError};
use crate::tree::PolicyDocument;

/// AWS: repository and registry policies have 10,240 characters at most.
pub(crate) const MAX_CHARS: usize = 10_240;

impl PolicyDocument {
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        // Before anything else: what AWS would not store is not worth the time that reading it takes.
        if let Some((offset, _)) = text.char_indices().nth(MAX_CHARS) {
            let message = format!("a policy has {MAX_CHARS} characters at most");
            return Err(SyntaxError { message, position: Position::at(text, offset), path: String::new() });
        }
        read::document(text, &json::parse(text)?)
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
            (r#"{"Statement":{"Effect":"Deny","Effect":"Deny","Principal":"*","Action":"*"}}"#, "appears twice"),
            (r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"ecr"}}"#, "not an action"),
            (r#"{"Statement":{"Effect":"Deny","Principal":"x","Action":"*"}}"#, "a principal is"),
            (
                r#"{"Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"},"Action":"*"}}"#,
                "goes with Deny only",
            ),
            (r#"{"Version":"2020-01-01","Statement":{}}"#, "not a policy version"),
            (
                r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"Equals":{"a:b":"c"}}}}"#,
                "not a condition operator",
            ),
            (
                r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"StringEquals":{"aws:A":"c","AWS:a":"d"}}}}"#,
                "appears twice",
            ),
        ] {
            assert!(refused(text).contains(part), "{text}: {}", refused(text));
        }
        let place =
            refused("{\"Statement\":{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":[\"ecr:A\",\n\"bad\"]}}");
        assert!(place.ends_with("at line 2, column 1 (Statement[0].Action[1])"), "{place}");
        let long = format!("{}{}", "é".repeat(10_240), "{");
        assert!(refused(&long).contains("10240 characters at most at line 1, column 10241"), "{}", refused(&long));
        assert!(refused("{\n\"Statement\":{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":7}}").contains("line 2"));
    }
}
