//! From the command line to a question.

use std::io::Read;
use std::path::Path;

use scangap_assess::{AskedPolicy, PolicyQuestion};
use scangap_model::RegionName;
use scangap_policy::{Action, Organization, PolicyKind, Request, Stated, Tags};

use super::request;
use crate::args::{Explain, PolicyKind as KindArgument};
use crate::environment;
use crate::error::CliError;
use crate::terminal;
use crate::values::{self, BadValue};

pub(super) fn question(command: &Explain) -> Result<PolicyQuestion, CliError> {
    let mut policies = Vec::new();
    if let Some(path) = &command.policy {
        policies.push(policy(kind(command), path, read(path)?)?);
    }
    if let Some(path) = &command.registry_policy {
        policies.push(policy(PolicyKind::Registry, path, read(path)?)?);
    }
    let mut request = request(command)?;
    state(command, &mut request)?;
    Ok(PolicyQuestion { request, policies, actions: actions(command)?, unread: None, members: None })
}

fn read(path: &Path) -> Result<String, CliError> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs_err::read(path)
    };
    let unreadable = |source| CliError::PolicyFile { path: path.to_owned(), source };
    let (text, is_utf16) = scangap_iac::decode(&bytes.map_err(unreadable)?).map_err(unreadable)?;
    if is_utf16 {
        terminal::note(&format!("`{}` is UTF-16, and is read as such", path.display()));
    }
    Ok(policy_text(&text).unwrap_or(text))
}

/// The policy in an answer of `aws ecr get-repository-policy` or `get-registry-policy`.
fn policy_text(text: &str) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_str(text).ok()?;
    let answer = answer.as_object().filter(|members| !members.contains_key("Statement"))?;
    answer.get("policyText")?.as_str().map(str::to_owned)
}

pub(super) fn policy(kind: PolicyKind, path: &Path, text: String) -> Result<AskedPolicy, CliError> {
    AskedPolicy::new(kind, path.display().to_string(), text)
        .map_err(|source| CliError::NotAPolicy { path: path.to_owned(), source })
}

fn kind(command: &Explain) -> PolicyKind {
    match command.kind {
        KindArgument::Repository => PolicyKind::Repository,
        KindArgument::Registry => PolicyKind::Registry,
    }
}

pub(super) fn actions(command: &Explain) -> Result<Vec<Action>, CliError> {
    let named = (!command.action.is_empty()).then_some(command.action.as_slice());
    Ok(request::actions(named, kind(command), command.principal.as_deref())?)
}

/// The request by the place that was named; its context is still to be stated.
pub(super) fn request(command: &Explain) -> Result<Request, CliError> {
    let place = request::place(command.partition.as_deref(), command.region.as_ref().map(RegionName::as_str))?;
    let account = command.account.ok_or_else(|| BadValue::new("", "an account id", "name one with --account"))?;
    let as_of = command.as_of.unwrap_or_else(environment::now);
    Ok(request::at(place, account, command.repository.as_deref(), command.principal.as_deref(), as_of)?)
}

/// What the command line states about the request's context.
pub(super) fn state(command: &Explain, request: &mut Request) -> Result<(), CliError> {
    match command.org.as_deref() {
        None => {}
        Some("none") => request.organization = Organization::None,
        Some(text) => {
            let (id, path) = text.split_once('/').map_or((text, None), |(id, _)| (id, Some(text)));
            request.organization = request::organization(id, path)?;
        }
    }
    match command.tags.as_slice() {
        [] => {}
        [none] if none == "none" => request.tags = Tags::Known(std::collections::BTreeMap::new()),
        tags => {
            request.tags = Tags::Known(tags.iter().map(|text| values::pair(text)).collect::<Result<_, _>>()?);
        }
    }
    let role_tags = match command.role_tag.as_slice() {
        [] if command.no_role_tags => Some(std::collections::BTreeMap::new()),
        [] => None,
        tags => Some(tags.iter().cloned().collect()),
    };
    request::inspector_role(request, command.role_id.as_deref(), role_tags)?;
    for (key, value) in &command.context {
        request::state(request, key, Stated::Values(vec![value.clone()]))?;
    }
    for (keys, stated) in [(&command.absent, Stated::Absent), (&command.unknown, Stated::Unknown)] {
        for key in keys {
            request::state(request, key, stated.clone())?;
        }
    }
    Ok(())
}
