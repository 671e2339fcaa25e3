//! `scangap explain --batch`: one JSON object a line in, one a line out, in order, in parallel, for gates in CI.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};

use jiff::Timestamp;
use rayon::prelude::*;
use scangap_assess::{AskedPolicy, Participation, PolicyQuestion};
use scangap_model::Verdict;
use scangap_policy::{Organization, PolicyKind, Request, Stated, Tags};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::json;
use super::request;
use crate::environment;
use crate::error::CliError;
use crate::exit::Exit;
use crate::terminal;
use crate::values::{self, BadValue};

/// What is read ahead and decided at once: enough for every core, little enough to keep memory flat.
const READ_AHEAD: usize = 4 << 20;

/// A line of input. All but `policy` and `account` may be left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'l> {
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

/// Returns the exit code of the worst line: an invalid line first, then denied, then depends or unknown.
pub(super) fn run(exit_zero: bool) -> Result<Exit, CliError> {
    let now = environment::now();
    let mut input = BufReader::with_capacity(READ_AHEAD, std::io::stdin().lock());
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut worst = Exit::Finished;
    loop {
        let lines = lines(&mut input).map_err(|source| CliError::PolicyFile { path: "-".into(), source })?;
        if lines.is_empty() {
            return Ok(if exit_zero { Exit::Finished } else { worst });
        }
        let answers: Vec<(Exit, String)> = lines
            .par_iter()
            .map(|line| {
                let answer = answer(line, now);
                (exit(&answer), terminal::escape_control_characters(&answer.to_string()))
            })
            .collect();
        worst = answers.iter().map(|(exit, _)| *exit).chain([worst]).max_by_key(|exit| rank(*exit)).unwrap_or(worst);
        let written = answers.iter().try_for_each(|(_, answer)| writeln!(out, "{answer}")).and_then(|()| out.flush());
        if let Err(error) = written {
            // A reader that goes away ends quietly; anything else is told at the end.
            terminal::not_written(&error);
            return Ok(Exit::Finished);
        }
    }
}

fn exit(answer: &Value) -> Exit {
    match answer.get("verdict").and_then(Value::as_str) {
        Some("allowed") => Exit::Finished,
        Some("denied") => Exit::Reached,
        Some(_) => Exit::UndecidedReached,
        None => Exit::Data,
    }
}

fn rank(exit: Exit) -> u8 {
    match exit {
        Exit::Finished => 0,
        Exit::UndecidedReached => 1,
        Exit::Reached => 2,
        _ => 3,
    }
}

/// Reads the next line and all lines that are already buffered, so that line-by-line input is answered line by line.
fn lines<R: Read>(input: &mut BufReader<R>) -> std::io::Result<Vec<Vec<u8>>> {
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(lines);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        lines.push(line);
        if !input.buffer().contains(&b'\n') {
            return Ok(lines);
        }
    }
}

/// A bad line is answered with its error, and does not stop the rest.
fn answer(line: &[u8], now: Timestamp) -> Value {
    let id = id(line);
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => return failed(&id, &format!("the line is not UTF-8: {error}")),
    };
    let answered = serde_json::from_str::<Line<'_>>(text)
        .map_err(|error| error.to_string())
        .and_then(|parsed| judge(&parsed, now));
    match answered {
        Ok(mut answer) => {
            if let Some(members) = answer.as_object_mut() {
                members.shift_insert(0, "id".to_owned(), id);
            }
            answer
        }
        Err(error) => failed(&id, &error),
    }
}

/// The line's id, whatever else is wrong with it.
fn id(line: &[u8]) -> Value {
    #[derive(Deserialize)]
    struct Id<'l> {
        #[serde(borrow)]
        id: Option<&'l RawValue>,
    }
    let raw = serde_json::from_slice::<Id<'_>>(line).ok().and_then(|parsed| parsed.id);
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or(Value::Null)
}

fn failed(id: &Value, error: &str) -> Value {
    json!({"id": id, "verdict": null, "actions": {}, "lints": [], "fixed_policy": null, "left_out": [], "still_refused": [], "no_repair": null, "error": error})
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

fn judge(line: &Line<'_>, now: Timestamp) -> Result<Value, String> {
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
