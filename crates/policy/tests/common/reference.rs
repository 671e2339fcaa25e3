//! A second evaluator, written from AWS's documentation and from nothing else: one concrete request, plain recursion,
//! everything parsed again at every question. Slow, short, and sharing no line with the one under test.

use serde_json::Value;

use super::generate::World;

pub(crate) struct Concrete<'a> {
    /// The caller's ARN.
    pub(crate) caller: &'a str,
    pub(crate) action: &'a str,
    /// `*` where the action has no resource.
    pub(crate) resource: &'a str,
    /// The registry's account.
    pub(crate) account: &'a str,
    pub(crate) world: &'a World,
}

fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(list).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

/// `*` and `?`; the wildcards are marked beforehand, so that a value's own stars stay text.
const ANY: char = '\u{E000}';
const ONE: char = '\u{E001}';

fn marked(text: &str) -> String {
    text.replace('*', &ANY.to_string()).replace('?', &ONE.to_string())
}

fn glob(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([ANY, rest @ ..], _) => glob(rest, text) || (!text.is_empty() && glob(pattern, &text[1..])),
        ([ONE, rest @ ..], [_, others @ ..]) => glob(rest, others),
        ([wanted, rest @ ..], [found, others @ ..]) => wanted == found && glob(rest, others),
        _ => false,
    }
}

fn like(pattern: &str, text: &str) -> bool {
    glob(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>())
}

fn arn_like(pattern: &str, text: &str) -> bool {
    let (wanted, found): (Vec<_>, Vec<_>) = (pattern.splitn(6, ':').collect(), text.splitn(6, ':').collect());
    wanted.len() == 6 && found.len() == 6 && wanted.iter().zip(found).all(|(wanted, found)| like(wanted, found))
}

impl Concrete<'_> {
    /// Whether the policy lets the request through, the caller's own policies allowing everything.
    pub(crate) fn allowed_by(&self, policy: &Value) -> bool {
        let statements = match &policy["Statement"] {
            Value::Array(items) => items.clone(),
            one => vec![one.clone()],
        };
        let new = policy["Version"] == "2012-10-17";
        let hit = |effect: &str| statements.iter().any(|one| one["Effect"] == effect && self.applies(one, new));
        let stranger = self.caller.split(':').nth(4) != Some(self.account);
        !hit("Deny") && (!stranger || hit("Allow"))
    }

    fn applies(&self, statement: &Value, new: bool) -> bool {
        let action = |value: &Value| {
            list(value).iter().any(|pattern| like(&marked(&pattern.to_lowercase()), &self.action.to_lowercase()))
        };
        let resource = |value: &Value| {
            list(value)
                .iter()
                .any(|pattern| self.filled(pattern, true, new).is_some_and(|pattern| like(&pattern, self.resource)))
        };
        let either = |positive: &str, negative: &str, test: &dyn Fn(&Value) -> bool| match (
            &statement[positive],
            &statement[negative],
        ) {
            (Value::Null, Value::Null) => true,
            (Value::Null, excluded) => !test(excluded),
            (included, _) => test(included),
        };
        either("Action", "NotAction", &action)
            && either("Resource", "NotResource", &resource)
            && either("Principal", "NotPrincipal", &|value| self.is_among(value))
            && self.conditions_hold(&statement["Condition"], new)
    }

    fn is_among(&self, principal: &Value) -> bool {
        let account = self.caller.split(':').nth(4).unwrap_or_default();
        let root = format!("arn:aws:iam::{account}:root");
        let named = |text: &String| *text == "*" || text == self.caller || text == account || *text == root;
        match principal {
            Value::String(text) => text == "*",
            Value::Object(kinds) => kinds.get("AWS").is_some_and(|value| list(value).iter().any(named)),
            _ => false,
        }
    }

    fn key(&self, name: &str) -> Option<Vec<String>> {
        let on_repository = self.resource != "*";
        if name.to_lowercase().contains("resourcetag") && !on_repository {
            return None;
        }
        self.world
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .and_then(|(_, values)| values.clone())
            .or_else(|| {
                // Every request has this key, and no generated world sets it.
                name.eq_ignore_ascii_case("aws:ResourceAccount").then(|| vec![self.account.to_owned()])
            })
    }

    /// A policy's value with wildcards marked and variables replaced; none if a variable has no value.
    fn filled(&self, text: &str, wild: bool, new: bool) -> Option<String> {
        let plain = |text: &str| if wild { marked(text) } else { text.to_owned() };
        if !new || !text.contains("${") {
            return Some(plain(text));
        }
        let (before, rest) = text.split_once("${")?;
        let (inside, after) = rest.split_once('}')?;
        let value = match inside.split_once(", ") {
            Some((name, default)) => {
                self.key(name).map_or_else(|| default.trim_matches('\'').to_owned(), |values| values[0].clone())
            }
            None => self.key(inside)?[0].clone(),
        };
        Some(format!("{}{value}{}", plain(before), self.filled(after, wild, new)?))
    }

    fn conditions_hold(&self, block: &Value, new: bool) -> bool {
        let operators = block.as_object().cloned().unwrap_or_default();
        operators.iter().all(|(operator, keys)| {
            let keys = keys.as_object().cloned().unwrap_or_default();
            keys.iter().all(|(key, values)| self.condition_holds(operator, key, &list(values), new))
        })
    }

    fn condition_holds(&self, operator: &str, key: &str, wanted: &[String], new: bool) -> bool {
        let (set, name) = operator.split_once(':').unwrap_or(("", operator));
        let found = self.key(key);
        if name == "Null" {
            return wanted.iter().any(|value| (value == "true") == found.is_none());
        }
        let (name, if_exists) = name.strip_suffix("IfExists").map_or((name, false), |name| (name, true));
        let negated = name.contains("Not");
        let Some(found) = found else {
            return if_exists || if set.is_empty() { if_exists || negated } else { set == "ForAllValues" };
        };
        let one = |found: &String| {
            wanted.iter().any(|wanted| self.equal(&name.replace("Not", ""), wanted, found, new)) != negated
        };
        match set {
            "ForAllValues" => found.iter().all(one),
            _ => found.iter().any(one),
        }
    }

    fn equal(&self, name: &str, wanted: &str, found: &str, new: bool) -> bool {
        let text = |wild: bool| self.filled(wanted, wild, new);
        let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
        let order = |found: f64, wanted: f64| match name.trim_start_matches("Numeric").trim_start_matches("Date") {
            "Equals" => found == wanted,
            "LessThan" => found < wanted,
            "LessThanEquals" => found <= wanted,
            "GreaterThan" => found > wanted,
            _ => found >= wanted,
        };
        match name {
            "StringEquals" => text(false).is_some_and(|wanted| wanted == found),
            "StringEqualsIgnoreCase" => text(false).is_some_and(|wanted| wanted.to_lowercase() == found.to_lowercase()),
            "StringLike" => text(true).is_some_and(|wanted| like(&wanted, found)),
            "ArnEquals" | "ArnLike" => text(true).is_some_and(|wanted| arn_like(&wanted, found)),
            "Bool" => text(false).is_some_and(|wanted| wanted.to_lowercase() == found.to_lowercase()),
            "IpAddress" => in_range(wanted, found),
            _ if name.starts_with("Numeric") => order(number(found), number(wanted)),
            _ => order(day(found), day(wanted)),
        }
    }
}

/// Bit by bit.
fn in_range(range: &str, address: &str) -> bool {
    let bits = |text: &str| -> String {
        match text.parse::<std::net::IpAddr>() {
            Ok(std::net::IpAddr::V4(v4)) => v4.octets().iter().map(|byte| format!("{byte:08b}")).collect(),
            Ok(std::net::IpAddr::V6(v6)) => v6.octets().iter().map(|byte| format!("{byte:08b}")).collect(),
            Err(_) => String::new(),
        }
    };
    let (network, length) = range.split_once('/').unwrap_or((range, "128"));
    let (network, address) = (bits(network), bits(address));
    let length = length.parse::<usize>().unwrap_or(0).min(network.len());
    network.len() == address.len() && network[..length] == address[..length]
}

/// Days since 1970 of the few forms that the universe holds.
fn day(text: &str) -> f64 {
    let mut parts = text.get(..10).unwrap_or(text).split('-').map(|part| part.parse::<f64>().unwrap_or(1.0));
    let (year, month, day) = (parts.next().unwrap_or(1970.0), parts.next().unwrap_or(1.0), parts.next().unwrap_or(1.0));
    year * 400.0 + month * 32.0 + day
}
