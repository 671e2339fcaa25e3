//! A repair in the language of the file: what is to be added to the condition of each statement.

use std::fmt::Write;

use scangap_model::{INSPECTOR_ROLE_NAME, escape_control_characters, hcl_string, sanitize};

use crate::declared::Language;
use crate::document::WrittenPolicy;
use crate::json;
use crate::source::Source;
use crate::tree::{Node, Value};

/// Values that a repair adds to a statement's condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    /// The statement's place, from 0.
    pub statement: usize,
    pub sid: Option<String>,
    pub operator: String,
    pub key: String,
    pub values: Vec<String>,
    /// What the statement has of it already.
    pub there: There,
}

/// What a statement has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum There {
    Nothing,
    Condition,
    Operator,
    /// The operator and the key, with other values.
    Key,
}

/// What a repaired policy has that the policy has not.
pub fn additions(before: &str, after: &str) -> Vec<Addition> {
    let (Ok(before), Ok(after)) = (json::parse(before), json::parse(after)) else { return Vec::new() };
    let mut all = Vec::new();
    for (at, (before, after)) in statements(&before).into_iter().zip(statements(&after)).enumerate() {
        let known = before.get("Condition");
        for operator in after.get("Condition").map_or(&[][..], Node::members) {
            for key in operator.value.members() {
                let of_operator = known.and_then(|known| known.get(&operator.key));
                let of_key = of_operator.and_then(|known| known.get(&key.key));
                let before = of_key.map(values).unwrap_or_default();
                let values: Vec<String> = values(&key.value).into_iter().filter(|one| !before.contains(one)).collect();
                let there = match (known, of_operator, of_key) {
                    (None, _, _) => There::Nothing,
                    (_, None, _) => There::Condition,
                    (_, _, None) => There::Operator,
                    (_, _, Some(_)) => There::Key,
                };
                if !values.is_empty() {
                    all.push(Addition {
                        statement: at,
                        sid: after.text_at(&["Sid"]).map(str::to_owned),
                        operator: operator.key.clone(),
                        key: key.key.clone(),
                        values,
                        there,
                    });
                }
            }
        }
    }
    all
}

/// What is put into a file: where, and the text.
pub type Insertion = (usize, String);

/// The same as texts to put into the file, each at a byte of it. Empty where one of them has no place of its own: values that become a list,
/// blocks of HCL, flows of YAML. `written`: the policy as it was judged.
pub fn insertions(
    additions: &[Addition],
    language: Language,
    (account, partition): (&str, &str),
    written: &WrittenPolicy,
    source: &Source,
) -> Vec<Insertion> {
    let Ok(policy) = json::parse(&written.text) else { return Vec::new() };
    let statements = statements(&policy);
    let place = |one: &Addition| {
        let statement = statements.get(one.statement)?;
        let within = match one.there {
            There::Nothing => *statement,
            There::Condition => statement.get("Condition")?,
            There::Operator => statement.at(&["Condition", &one.operator])?,
            There::Key => return None,
        };
        let (start, _) = written.source_span(within.span)?;
        let begins_object = source.text.get(start..)?.starts_with('{');
        let line = match language {
            Language::Json | Language::HclText | Language::CloudFormationJson | Language::Hcl if begins_object => {
                let lines = lines_of(one, language, account, partition);
                return Some((start + 1, format!(" {lines},")));
            }
            Language::Yaml | Language::CloudFormationYaml if !begins_object => {
                lines_of(one, language, account, partition)
            }
            _ => return None,
        };
        // As deep as the mapping is.
        let indent = " ".repeat(source.place(start).column - 1);
        Some((start, line.lines().fold(String::new(), |text, line| text + line + "\n" + &indent)))
    };
    let all: Option<Vec<Insertion>> = additions.iter().map(place).collect();
    all.unwrap_or_default()
}

fn statements(policy: &Node) -> Vec<&Node> {
    match policy.get("Statement") {
        Some(Node { value: Value::Array(items), .. }) => items.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

fn values(node: &Node) -> Vec<String> {
    let text = |node: &Node| match &node.value {
        Value::Bool(one) => one.to_string(),
        Value::Number(number) => number.clone(),
        _ => node.as_text().unwrap_or_default().to_owned(),
    };
    match &node.value {
        Value::Array(items) => items.iter().map(text).collect(),
        _ => vec![text(node)],
    }
}

/// The lines that a person adds. `account` and `partition` are those of the judged role: where the file's language has a word for
/// them, that stands in their place, so that the same lines are right in every account.
pub fn lines(additions: &[Addition], language: Language, account: &str, partition: &str) -> String {
    let mut text = String::new();
    for one in additions {
        let sid = one.sid.as_deref().map_or_else(|| format!("number {}", one.statement + 1), sanitize);
        let (operator, key) = (sanitize(&one.operator), sanitize(&one.key));
        let place = match (one.there, language) {
            (There::Key, _) => format!("add to the values of {operator} {key}, as a list"),
            (_, Language::HclDocument) => "add".to_owned(),
            (There::Nothing, _) => "with this Condition".to_owned(),
            (There::Condition, _) => "add to its Condition".to_owned(),
            (There::Operator, _) => format!("add to its {operator}"),
        };
        let lines = lines_of(one, language, account, partition);
        let _ = writeln!(text, "# statement {sid}: {place}\n{lines}");
    }
    if text.contains("${data.") {
        text.push_str("# with data \"aws_partition\" \"current\" {} and data \"aws_caller_identity\" \"current\" {}\n");
    }
    text
}

fn lines_of(one: &Addition, language: Language, account: &str, partition: &str) -> String {
    match language {
        Language::Yaml => yaml(one, &quoted),
        Language::CloudFormationYaml => yaml(one, &|value| yaml_value(value, account, partition)),
        Language::Json => json_lines(one, quoted),
        Language::CloudFormationJson => json_lines(one, |value| json_value(value, account, partition)),
        Language::HclText => json_lines(one, |value| hcl_value(value, account, partition)),
        Language::Hcl => hcl(one, account, partition),
        Language::HclDocument => block(one, account, partition),
    }
}

/// The parts of the role's ARN that a language has words for.
fn with_words(value: &str, account: &str, partition: &str, words: (&str, &str)) -> Option<String> {
    let rest = value.strip_prefix("arn:")?.strip_prefix(partition)?.strip_prefix(":iam::")?.strip_prefix(account)?;
    rest.ends_with(INSPECTOR_ROLE_NAME).then(|| format!("arn:{}:iam::{}{rest}", words.0, words.1))
}

const OF_CLOUDFORMATION: (&str, &str) = ("${AWS::Partition}", "${AWS::AccountId}");
const OF_TERRAFORM: (&str, &str) =
    ("${data.aws_partition.current.partition}", "${data.aws_caller_identity.current.account_id}");

/// Quoted, so that it stands in a flow as well as in a block.
fn yaml_value(value: &str, account: &str, partition: &str) -> String {
    match with_words(value, account, partition, OF_CLOUDFORMATION) {
        Some(text) => format!("!Sub {}", quoted(&text)),
        None => quoted(value),
    }
}

fn yaml(one: &Addition, value: &dyn Fn(&str) -> String) -> String {
    let items = || one.values.iter().map(|text| format!("- {}", value(text))).collect::<Vec<_>>().join("\n");
    if one.there == There::Key {
        return items();
    }
    let key = match one.values.as_slice() {
        [single] => format!("{}: {}", one.key, value(single)),
        _ => indented(&format!("{}:", one.key), &items()),
    };
    nested(one, key, |name, lines| indented(&format!("{name}:"), &lines))
}

fn json_value(value: &str, account: &str, partition: &str) -> String {
    match with_words(value, account, partition, OF_CLOUDFORMATION) {
        Some(text) => format!("{{ \"Fn::Sub\": {} }}", quoted(&text)),
        None => quoted(value),
    }
}

fn json_lines(one: &Addition, value: impl Fn(&str) -> String) -> String {
    if one.there == There::Key {
        return one.values.iter().map(|text| value(text)).collect::<Vec<_>>().join(", ");
    }
    let key = format!("{}: {}", quoted(&one.key), listed(&one.values, value));
    nested(one, key, |name, lines| format!("{}: {{ {lines} }}", quoted(name)))
}

fn hcl(one: &Addition, account: &str, partition: &str) -> String {
    let value = |text: &str| hcl_value(text, account, partition);
    if one.there == There::Key {
        return one.values.iter().map(|text| value(text)).collect::<Vec<_>>().join(", ");
    }
    let key = format!("{} = {}", hcl_string(&one.key), listed(&one.values, value));
    nested(one, key, |name, lines| format!("{name} = {{ {lines} }}"))
}

/// What the statement does not have yet, around what is added.
fn nested(one: &Addition, key: String, within: impl Fn(&str, String) -> String) -> String {
    match one.there {
        There::Key | There::Operator => key,
        There::Condition => within(&one.operator, key),
        There::Nothing => within("Condition", within(&one.operator, key)),
    }
}

fn block(one: &Addition, account: &str, partition: &str) -> String {
    let values: Vec<String> =
        one.values.iter().map(|value| hcl_value(&value.replace("${", "&{"), account, partition)).collect();
    if one.there == There::Key {
        return values.join(", ");
    }
    format!(
        "condition {{\n  test     = {}\n  variable = {}\n  values   = [{}]\n}}",
        hcl_string(&one.operator),
        hcl_string(&one.key),
        values.join(", ")
    )
}

fn hcl_value(value: &str, account: &str, partition: &str) -> String {
    match with_words(value, account, partition, OF_TERRAFORM) {
        Some(text) => format!("\"{text}\""),
        None => hcl_string(value),
    }
}

fn listed(values: &[String], value: impl Fn(&str) -> String) -> String {
    match values {
        [single] => value(single),
        several => format!("[{}]", several.iter().map(|text| value(text)).collect::<Vec<_>>().join(", ")),
    }
}

fn indented(head: &str, lines: &str) -> String {
    lines.lines().fold(head.to_owned(), |text, line| format!("{text}\n  {line}"))
}

/// As JSON quotes, which YAML reads too.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    crate::document::quote(&mut out, text);
    escape_control_characters(&out)
}
