//! JSON with places.

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use crate::error::ReadProblem;
use crate::tree::{Member, Node, Value, is_too_deep};

/// JSON and nothing more: what AWS and Terraform would refuse is refused.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

pub(crate) fn parse(text: &str) -> Result<Node, ReadProblem> {
    if is_too_deep(text) {
        return Err(ReadProblem::TooDeep);
    }
    let parsed = parse_to_ast(text, &CollectOptions::default(), &STRICT)
        .map_err(|error| ReadProblem::syntax("JSON", error.kind().to_string(), error.range().start))?;
    match parsed.value {
        Some(value) => Ok(node(&value)),
        None => Err(ReadProblem::syntax("JSON", "the file is empty", 0)),
    }
}

fn node(value: &ast::Value<'_>) -> Node {
    let range = value.range();
    let span = (range.start, range.end);
    match value {
        ast::Value::StringLit(text) => Node::text(span, text.value.as_ref()),
        ast::Value::NumberLit(number) => Node { span, value: Value::Number(number.value.to_owned()) },
        ast::Value::BooleanLit(one) => Node { span, value: Value::Bool(one.value) },
        ast::Value::NullKeyword(_) => Node { span, value: Value::Null },
        ast::Value::Array(array) => Node { span, value: Value::Array(array.elements.iter().map(node).collect()) },
        ast::Value::Object(object) => {
            let member = |property: &ast::ObjectProp<'_>| {
                let range = property.name.range();
                Member {
                    key: property.name.as_str().to_owned(),
                    key_span: (range.start, range.end),
                    value: node(&property.value),
                }
            };
            Node { span, value: Value::Object(object.properties.iter().map(member).collect()) }
        }
    }
}
