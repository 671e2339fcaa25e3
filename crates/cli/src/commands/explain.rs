//! `scangap explain`: one policy, offline.

mod batch;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};

use scangap_model::{Asked, Observed, Partition, Tone, Verdict};
use scangap_policy::{
    ALL_ACTIONS, Action, Caller, Context, Decision, Organization, PolicyDocument, REPOSITORY_ACTIONS, Request, Stated,
    Tags, Truth, decide, exempt, why,
};
use scangap_report::{sanitize, write_atomically};
use scangap_snapshot::Snapshot;
use serde_json::{Value, json};
use similar::TextDiff;

use super::audit::{account, known_region, time};
use crate::args::{Explain, Output, PolicyKind};
use crate::error::CliError;
use crate::exit::Exit;
use crate::{environment, terminal};

/// A policy to be explained, or one that counts beside it.
struct Source {
    label: &'static str,
    path: PathBuf,
    text: String,
    document: PolicyDocument,
}

/// What one policy decides about one action.
struct Row<'a> {
    action: Action,
    source: &'a Source,
    decision: Decision,
}

pub(super) fn run(command: &Explain) -> Result<Exit, CliError> {
    if command.batch {
        return batch::run();
    }
    let (mut request, sources, unread) = if let Some(path) = &command.snapshot {
        from_snapshot(command, path)?
    } else {
        let (request, sources) = from_arguments(command)?;
        (request, sources, false)
    };
    state(command, &mut request)?;
    let actions = actions(command)?;
    let actions = actions.as_slice();
    let context = Context::new(&request);
    let rows: Vec<Row<'_>> = actions
        .iter()
        .flat_map(|&action| sources.iter().map(move |source| (action, source)))
        .map(|(action, source)| Row { action, source, decision: decide(&[&source.document], action, &context) })
        .collect();
    // A registry policy that may count and was not read leaves everything but a denial unknown.
    let missing = unread.then_some(Verdict::Unknown);
    let verdict = Verdict::fold(rows.iter().map(|row| row.decision.verdict).chain(missing));
    if unread {
        terminal::note(
            "the snapshot does not say whether a registry policy counts here: what is not denied is unknown",
        );
    }
    let repaired =
        if command.fix && verdict == Verdict::Denied { Some(repair(&sources, actions, &request)?) } else { None };
    match command.output {
        Output::Json => terminal::out(&format!("{:#}\n", as_json(verdict, actions, &rows, repaired.as_deref()))),
        Output::Text => terminal::out(&as_text(verdict, actions, &rows, &sources, &request)),
    }
    if let (Some(repaired), Some(main)) = (&repaired, sources.first()) {
        if command.output == Output::Text {
            terminal::out(&diff(&main.text, repaired));
        }
        if let Some(path) = &command.write {
            write_atomically(path, |out| out.write_all(repaired.as_bytes())).map_err(CliError::Report)?;
            terminal::note(&format!("the repaired policy is in {}", path.display()));
        }
    }
    Ok(match verdict {
        Verdict::Allowed => Exit::Finished,
        Verdict::Denied => Exit::Reached,
        Verdict::Depends | Verdict::Unknown => Exit::UndecidedReached,
    })
}

/// Those that were named; else the six that a repository policy can touch, or all ten.
fn actions(command: &Explain) -> Result<Vec<Action>, CliError> {
    let all = match command.kind {
        PolicyKind::Repository => REPOSITORY_ACTIONS,
        PolicyKind::Registry => ALL_ACTIONS,
    };
    if command.action.is_empty() {
        return Ok(all.to_vec());
    }
    let known = |name: &String| ALL_ACTIONS.iter().copied().find(|action| action.name().eq_ignore_ascii_case(name));
    let named = command.action.iter().map(|name| {
        known(name).ok_or_else(|| CliError::BadValue {
            value: name.clone(),
            expected: "among the ECR actions of Inspector's role",
            hint: ALL_ACTIONS.iter().map(|action| action.name()).collect::<Vec<_>>().join(", "),
        })
    });
    named.collect()
}

fn source(label: &'static str, path: &Path, text: String) -> Result<Source, CliError> {
    let document =
        PolicyDocument::parse(&text).map_err(|source| CliError::NotAPolicy { path: path.to_owned(), source })?;
    Ok(Source { label, path: path.to_owned(), text, document })
}

fn from_arguments(command: &Explain) -> Result<(Request, Vec<Source>), CliError> {
    let read = |path: &Path| -> Result<String, CliError> {
        let text = if path == Path::new("-") {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        } else {
            fs_err::read_to_string(path)
        };
        text.map_err(|source| CliError::PolicyFile { path: path.to_owned(), source })
    };
    let label = match command.kind {
        PolicyKind::Repository => "repository policy",
        PolicyKind::Registry => "registry policy",
    };
    let mut sources = Vec::new();
    if let Some(path) = &command.policy {
        sources.push(source(label, path, read(path)?)?);
    }
    if let Some(path) = &command.registry_policy {
        sources.push(source("registry policy", path, read(path)?)?);
    }
    let region = known_region(&command.region)?;
    let request = Request {
        partition: Partition::of_region(region.as_str()),
        account: account(command.account.as_deref().unwrap_or_default())?,
        region,
        repository: match &command.repository {
            Some(name) => Some(name.parse().map_err(|_| CliError::BadValue {
                value: name.clone(),
                expected: "a repository name",
                hint: "repository names have no colon and no space".to_owned(),
            })?),
            None => None,
        },
        organization: Organization::Unknown,
        tags: Tags::Unknown,
        principal: Caller::Inspector,
        as_of: time(command.as_of.as_ref(), environment::now())?,
        stated: BTreeMap::new(),
    };
    Ok((request, sources))
}

fn from_snapshot(command: &Explain, path: &Path) -> Result<(Request, Vec<Source>, bool), CliError> {
    let snapshot = Snapshot::open(path).map_err(CliError::Snapshot)?;
    let (mut request, _) = from_arguments(command)?;
    let facts = &snapshot.facts;
    let name = command.repository.clone().unwrap_or_default();
    let missing = || CliError::NoPolicy(name.clone());
    let found = facts
        .repositories
        .iter()
        .find(|repository| {
            repository.account == request.account
                && repository.region == request.region
                && repository.name.as_str() == name
        })
        .ok_or_else(missing)?;
    let policy = |hash| facts.policies.get(hash).cloned();
    let own = found.policy.known().and_then(policy).ok_or_else(missing)?;
    let mut sources = vec![source("repository policy", path, own)?];
    let cell = facts.cells.get(&(request.account, request.region.clone()));
    let scope = cell.and_then(|cell| cell.registry_policy_scope.known()).map(String::as_str);
    let registry = cell.map(|cell| &cell.registry_policy);
    let unread = match (scope, registry) {
        (Some("V1"), _) | (_, Some(Asked::Answered(Observed::Absent))) => false,
        (Some("V2"), Some(Asked::Answered(Observed::Known(hash)))) => {
            sources.push(source("registry policy", path, policy(hash).ok_or_else(missing)?)?);
            false
        }
        _ => true,
    };
    let organization_path =
        facts.accounts.get(&request.account).and_then(|account| account.organization_path.known().cloned());
    if let (Some(id), Some(_)) = (facts.organization.id.known(), &organization_path) {
        request.organization = Organization::Member { id: id.to_string(), path: organization_path };
    }
    request.tags = found.tags.known().cloned().map_or(Tags::Unknown, Tags::Known);
    request.as_of = time(command.as_of.as_ref(), snapshot.meta.as_of)?;
    Ok((request, sources, unread))
}

/// What the command line states about the request.
fn state(command: &Explain, request: &mut Request) -> Result<(), CliError> {
    let pair =
        |text: &String, expected: &'static str| {
            text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())).ok_or_else(|| {
                CliError::BadValue { value: text.clone(), expected, hint: "write it as KEY=VALUE".to_owned() }
            })
        };
    match command.org.as_deref() {
        None => {}
        Some("none") => request.organization = Organization::None,
        Some(id) => request.organization = Organization::Member { id: id.to_owned(), path: None },
    }
    match command.tags.as_slice() {
        [] => {}
        [none] if none == "none" => request.tags = Tags::Known(BTreeMap::new()),
        tags => {
            request.tags = Tags::Known(tags.iter().map(|text| pair(text, "a tag")).collect::<Result<_, _>>()?);
        }
    }
    for text in &command.context {
        let (key, value) = pair(text, "a context key with its value")?;
        match request.stated.entry(key.to_ascii_lowercase()).or_insert_with(|| Stated::Values(Vec::new())) {
            Stated::Values(values) => values.push(value),
            Stated::Absent | Stated::Unknown => {}
        }
    }
    for (keys, stated) in [(&command.absent, Stated::Absent), (&command.unknown, Stated::Unknown)] {
        request.stated.extend(keys.iter().map(|key| (key.to_ascii_lowercase(), stated.clone())));
    }
    Ok(())
}

/// The first policy repaired: the one that was asked about.
fn repair(sources: &[Source], actions: &[Action], request: &Request) -> Result<String, CliError> {
    let main = sources.first().map_or("", |source| source.text.as_str());
    exempt(main, actions, request).map_err(CliError::NoRepair)
}

fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Allowed => Tone::Good,
        Verdict::Denied => Tone::Bad,
        Verdict::Depends | Verdict::Unknown => Tone::Question,
    }
}

fn as_text(verdict: Verdict, actions: &[Action], rows: &[Row<'_>], sources: &[Source], request: &Request) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}: Inspector's role of account {} in {}",
        terminal::paint(verdict.word(), tone(verdict)),
        request.account,
        request.region
    );
    for &action in actions {
        let of_action = || rows.iter().filter(move |row| row.action == action);
        let folded = Verdict::fold(of_action().map(|row| row.decision.verdict));
        let keys: BTreeSet<&String> = of_action().flat_map(|row| &row.decision.depends_on).collect();
        let on = if folded == Verdict::Depends {
            format!("  on {}", keys.into_iter().map(|key| sanitize(key)).collect::<Vec<_>>().join(", "))
        } else {
            String::new()
        };
        let _ = writeln!(out, "  {:<45} {}{on}", action.name(), terminal::paint(folded.word(), tone(folded)));
    }
    for source in sources {
        let mut shown = BTreeSet::new();
        for row in rows.iter().filter(|row| std::ptr::eq(row.source, source)) {
            for statement in &row.decision.statements {
                if shown.insert(statement.index) {
                    let does = if row.decision.verdict == Verdict::Denied { "denies" } else { "may deny" };
                    let _ = writeln!(
                        out,
                        "\n{} {}: {} {does}",
                        source.label,
                        source.path.display(),
                        sanitize(&statement.label())
                    );
                    excerpt(&mut out, source, statement.index);
                    elements(&mut out, source, statement.index, row.action, request);
                }
            }
        }
    }
    out
}

/// The statement in the author's own lines.
fn excerpt(out: &mut String, source: &Source, index: usize) {
    let Some(statement) = source.document.statements().get(index) else { return };
    let (start, end) = statement.span;
    let before = source.text.get(..start).unwrap_or_default();
    let first = before.matches('\n').count();
    let last = first + source.text.get(start..end).unwrap_or_default().matches('\n').count();
    for (number, line) in source.text.lines().enumerate().skip(first).take(last - first + 1) {
        let _ = writeln!(out, "{:>5} | {}", number + 1, sanitize(&line.replace('\t', "    ")));
    }
}

fn elements(out: &mut String, source: &Source, index: usize, action: Action, request: &Request) {
    for element in why(&source.document, index, action, &Context::new(request)) {
        let matched = match element.matched {
            Truth::True => "matches".to_owned(),
            Truth::False => "does not match".to_owned(),
            Truth::Unknown(keys) => format!("depends on {}", keys.into_iter().collect::<Vec<_>>().join(", ")),
        };
        let _ = writeln!(
            out,
            "      = {}: policy {}; request {}: {matched}",
            sanitize(&element.name),
            sanitize(&element.wanted.join(", ")),
            sanitize(&element.found)
        );
    }
}

fn diff(before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    format!("\n{}", diff.unified_diff().context_radius(3).header("policy", "repaired"))
}

fn as_json(verdict: Verdict, actions: &[Action], rows: &[Row<'_>], repaired: Option<&str>) -> Value {
    let action_json = |action: Action| {
        let of_action = || rows.iter().filter(move |row| row.action == action);
        let keys: BTreeSet<&String> = of_action().flat_map(|row| &row.decision.depends_on).collect();
        let statements: Vec<Value> = of_action()
            .flat_map(|row| row.decision.statements.iter().map(move |statement| (row.source.label, statement)))
            .map(|(policy, statement)| {
                json!({"policy": policy, "index": statement.index, "sid": statement.sid, "reason": statement.reason})
            })
            .collect();
        json!({
            "verdict": Verdict::fold(of_action().map(|row| row.decision.verdict)).word(),
            "statements": statements,
            "depends_on": keys,
        })
    };
    json!({
        "verdict": verdict.word(),
        "actions": actions.iter().map(|&action| (action.name().to_owned(), action_json(action))).collect::<serde_json::Map<_, _>>(),
        "fixed_policy": repaired,
    })
}
