//! `scangap explain --batch`: one JSON object a line in, one a line out, in order, in parallel, for gates in CI.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use jiff::Timestamp;
use rayon::prelude::*;
use scangap_model::{Partition, Verdict, inspector_role_arn};
use scangap_policy::{
    ALL_ACTIONS, Action, Caller, Organization, PolicyKind, REPOSITORY_ACTIONS, Request, Stated, Tags,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::json;
use super::question::{Policy, Question, action};
use crate::environment;
use crate::error::CliError;
use crate::exit::Exit;

/// Lines that are decided at once: enough for every core, few enough to keep memory flat.
const LINES_AT_ONCE: usize = 4_096;

/// A line of input. All but `policy` and `account` may be left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: Option<Value>,
    /// The document itself, or its text.
    policy: Value,
    kind: Option<String>,
    account: String,
    region: Option<String>,
    repository: Option<String>,
    partition: Option<String>,
    #[serde(default)]
    organization: Membership,
    /// Left out: not known.
    tags: Option<BTreeMap<String, String>>,
    registry_policy: Option<Value>,
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

/// Left out is not the same as null: the one says nothing, the other that the account is in no organization.
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

pub(super) fn run() -> Result<Exit, CliError> {
    let now = environment::now();
    let mut lines = std::io::stdin().lock().lines();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    loop {
        let chunk: Vec<String> = lines
            .by_ref()
            .take(LINES_AT_ONCE)
            .collect::<Result<_, _>>()
            .map_err(|source| CliError::PolicyFile { path: "-".into(), source })?;
        if chunk.is_empty() {
            break;
        }
        let answers: Vec<String> = chunk.par_iter().map(|line| answer(line, now).to_string()).collect();
        for answer in answers {
            if writeln!(out, "{answer}").is_err() {
                // A reader that goes away ends quietly.
                return Ok(Exit::Finished);
            }
        }
    }
    let _ = out.flush();
    Ok(Exit::Finished)
}

/// A bad line is answered with its error, and does not stop the rest.
fn answer(line: &str, now: Timestamp) -> Value {
    let parsed: Line = match serde_json::from_str(line) {
        Ok(parsed) => parsed,
        Err(error) => return failed(&Value::Null, &error.to_string()),
    };
    let id = parsed.id.clone().unwrap_or(Value::Null);
    judge(&parsed, now).map_or_else(|error| failed(&id, &error), |answer| with_id(&id, answer))
}

fn failed(id: &Value, error: &str) -> Value {
    json!({"id": id, "verdict": null, "actions": {}, "lints": [], "fixed_policy": null, "error": error})
}

fn with_id(id: &Value, mut answer: Value) -> Value {
    if let Some(members) = answer.as_object_mut() {
        members.shift_insert(0, "id".to_owned(), id.clone());
    }
    answer
}

/// A policy given as an object or as its own text.
fn text_of(policy: &Value) -> Result<String, String> {
    match policy {
        Value::String(text) => Ok(text.clone()),
        Value::Object(_) => Ok(policy.to_string()),
        _ => Err("`policy` is neither an object nor a text".to_owned()),
    }
}

fn judge(line: &Line, now: Timestamp) -> Result<Value, String> {
    let kind = match line.kind.as_deref() {
        None | Some("repository") => PolicyKind::Repository,
        Some("registry") => PolicyKind::Registry,
        Some(other) => return Err(format!("`{other}` is neither `repository` nor `registry`")),
    };
    let request = request(line, now)?;
    let mut policies = vec![Policy::new(kind, "policy", text_of(&line.policy)?).map_err(|error| error.to_string())?];
    match (&line.registry_policy, line.registry_policy_scope.as_deref()) {
        (None | Some(Value::Null), None | Some("V1" | "V2")) | (_, Some("V1")) => {}
        (Some(policy), None | Some("V2")) => {
            let policy = Policy::new(PolicyKind::Registry, "registry_policy", text_of(policy)?);
            policies.push(policy.map_err(|error| format!("registry_policy: {error}"))?);
        }
        (_, Some(other)) => return Err(format!("`{other}` is not a registry policy scope")),
    }
    let actions = actions(line.actions.as_deref(), kind)?;
    let question = Question { request, policies, actions, unread: false, members: None };
    let answer = question.answer();
    let needed = matches!(answer.verdict, Verdict::Denied | Verdict::Depends);
    let repaired = if needed { question.repair().ok() } else { None };
    Ok(json::answered(&question, &answer, repaired.as_deref()))
}

fn actions(given: Option<&[String]>, kind: PolicyKind) -> Result<Vec<Action>, String> {
    let Some(given) = given else {
        return Ok(match kind {
            PolicyKind::Repository => REPOSITORY_ACTIONS,
            PolicyKind::Registry => ALL_ACTIONS,
        }
        .to_vec());
    };
    let named = given
        .iter()
        .map(|name| action(name).ok_or_else(|| format!("`{name}` is not among the ECR actions of Inspector's role")));
    named.collect()
}

fn request(line: &Line, now: Timestamp) -> Result<Request, String> {
    let id_error = |error: scangap_model::IdError| error.to_string();
    let stated_partition: Option<Partition> = line.partition.as_deref().map(str::parse).transpose()?;
    let region = line.region.as_deref().unwrap_or(stated_partition.unwrap_or(Partition::Aws).home_region());
    let partition = stated_partition.unwrap_or_else(|| Partition::of_region(region));
    let account = line.account.parse().map_err(id_error)?;
    let mut stated = BTreeMap::new();
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
        stated.insert(key.to_ascii_lowercase(), Stated::Values(values));
    }
    stated.extend(line.absent.iter().map(|key| (key.to_ascii_lowercase(), Stated::Absent)));
    stated.extend(line.unknown.iter().map(|key| (key.to_ascii_lowercase(), Stated::Unknown)));
    Ok(Request {
        partition,
        account,
        region: region.parse().map_err(id_error)?,
        repository: line.repository.as_deref().map(str::parse).transpose().map_err(id_error)?,
        organization: match &line.organization {
            Membership::NotSaid => Organization::Unknown,
            Membership::InNone => Organization::None,
            Membership::In(organization) => {
                Organization::Member { id: organization.id.clone(), path: organization.path.clone() }
            }
        },
        tags: line.tags.clone().map_or(Tags::Unknown, Tags::Known),
        principal: match &line.principal {
            Some(text) if *text != inspector_role_arn(partition, account) => {
                Caller::parse(text).map_err(|error| error.to_string())?
            }
            _ => Caller::Inspector,
        },
        as_of: match &line.as_of {
            Some(text) => text.parse().map_err(|_| format!("`{text}` is not a time"))?,
            None => now,
        },
        stated,
    })
}
