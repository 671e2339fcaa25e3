//! A line of `scangap explain --batch`: what it may hold, and the question that it asks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use scangap_assess::{AskedPolicy, Participation, PolicyQuestion};
use scangap_model::Verdict;
use scangap_policy::{Organization, PolicyKind, Request, Stated, Tags};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::{json, request};
use crate::values::{self, BadValue};

/// A line of input. All but `policy` and `account` may be left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line<'l> {
    #[serde(borrow, rename = "id")]
    _id: Option<&'l RawValue>,
    /// The document itself, or its text: kept as it was written, with its numbers, its places and its repeated keys.
    #[serde(borrow)]
    policy: &'l RawValue,
    kind: Option<String>,
    account: String,
    region: Option<String>,
    repository: Option<String>,
    partition: Option<String>,
    #[serde(default)]
    organization: Membership,
    /// Left out: not known.
    tags: Option<BTreeMap<String, String>>,
    /// Of Inspector's role.
    role_id: Option<String>,
    /// Of Inspector's role: `{}` is none, and left out is not known.
    role_tags: Option<BTreeMap<String, String>>,
    #[serde(borrow)]
    registry_policy: Option<&'l RawValue>,
    registry_policy_scope: Option<String>,
    principal: Option<String>,
    actions: Option<Vec<String>>,
    #[serde(default)]
    context: BTreeMap<String, Value>,
    #[serde(default)]
    absent: Vec<String>,
    #[serde(default)]
    unknown: Vec<String>,
    as_of: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrganizationLine {
    id: String,
    path: Option<String>,
}

/// A missing field differs from null: missing means not known, null means that the account is in no organization.
#[derive(Debug, Default)]
enum Membership {
    #[default]
    NotSaid,
    InNone,
    In(OrganizationLine),
}

impl<'de> Deserialize<'de> for Membership {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(|given| given.map_or(Self::InNone, Self::In))
    }
}

impl From<BadValue> for String {
    fn from(wrong: BadValue) -> Self {
        format!("`{}` is not {}: {}", wrong.value, wrong.expected, wrong.hint)
    }
}

/// A policy given as an object or as its own text.
fn text_of(policy: &RawValue) -> Result<String, String> {
    let raw = policy.get();
    match raw.chars().next() {
        Some('"') => serde_json::from_str(raw).map_err(|error| error.to_string()),
        Some('{') => Ok(raw.to_owned()),
        _ => Err("`policy` is neither an object nor a text".to_owned()),
    }
}

/// Decides the line's policy.
pub(super) fn judge(line: &Line<'_>, now: Timestamp) -> Result<Value, String> {
    let kind = match line.kind.as_deref() {
        None | Some("repository") => PolicyKind::Repository,
        Some("registry") => PolicyKind::Registry,
        Some(other) => return Err(format!("`{other}` is neither `repository` nor `registry`")),
    };
    let of_registry = match line.registry_policy_scope.as_deref() {
        None | Some("V2") => Participation::Yes,
        Some("V1") => Participation::No,
        Some(other) => return Err(format!("`{other}` is not a registry policy scope")),
    };
    let mut policies =
        vec![AskedPolicy::new(kind, "policy", text_of(line.policy)?).map_err(|error| error.to_string())?];
    if let Some(policy) = line.registry_policy.filter(|policy| policy.get() != "null") {
        let policy = AskedPolicy::new(PolicyKind::Registry, "registry_policy", text_of(policy)?);
        policies.push(policy.map_err(|error| format!("registry_policy: {error}"))?);
    }
    for policy in policies.iter_mut().filter(|policy| policy.kind == PolicyKind::Registry) {
        policy.counts = of_registry;
    }
    let actions = request::actions(line.actions.as_deref(), kind, line.principal.as_deref())?;
    let question = PolicyQuestion { request: request(line, now)?, policies, actions, unread: None, members: None };
    let answer = question.answer();
    let needed = matches!(answer.verdict, Verdict::Denied | Verdict::Depends);
    let repair = needed.then(|| question.repair());
    Ok(json::answered(&question, &answer, repair.as_ref()))
}

fn request(line: &Line<'_>, now: Timestamp) -> Result<Request, String> {
    let place = request::place(line.partition.as_deref(), line.region.as_deref())?;
    let account = values::account(&line.account)?;
    let as_of = line.as_of.as_deref().map_or(Ok(now), values::time)?;
    let mut request = request::at(place, account, line.repository.as_deref(), line.principal.as_deref(), as_of)?;
    request.organization = match &line.organization {
        Membership::NotSaid => Organization::Unknown,
        Membership::InNone => Organization::None,
        Membership::In(given) => request::organization(&given.id, given.path.as_deref())?,
    };
    request.tags = line.tags.clone().map_or(Tags::Unknown, Tags::Known);
    request::inspector_role(&mut request, line.role_id.as_deref(), line.role_tags.clone())?;
    for (key, value) in &line.context {
        let scalar = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
            _ => Err(format!("context `{key}` is neither a text nor a list of texts")),
        };
        let values = match value {
            Value::Array(items) => items.iter().map(scalar).collect::<Result<_, _>>()?,
            single => vec![scalar(single)?],
        };
        request::state(&mut request, key, Stated::Values(values))?;
    }
    for (keys, stated) in [(&line.absent, Stated::Absent), (&line.unknown, Stated::Unknown)] {
        for key in keys {
            request::state(&mut request, key, stated.clone())?;
        }
    }
    Ok(request)
}
