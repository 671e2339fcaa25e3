//! From the command line to a question.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use scangap_model::{Partition, inspector_role_arn};
use scangap_policy::{
    ALL_ACTIONS, Action, Caller, Organization, PolicyKind, REPOSITORY_ACTIONS, Request, Stated, Tags,
};

use super::super::audit::{account, known_region, time};
use super::question::{Policy, Question, action};
use crate::args::{Explain, PolicyKind as KindArgument};
use crate::environment;
use crate::error::CliError;

pub(super) fn question(command: &Explain) -> Result<Question, CliError> {
    let mut policies = Vec::new();
    if let Some(path) = &command.policy {
        policies.push(policy(kind(command), path, read(path)?)?);
    }
    if let Some(path) = &command.registry_policy {
        policies.push(policy(PolicyKind::Registry, path, read(path)?)?);
    }
    let mut request = request(command)?;
    state(command, &mut request)?;
    Ok(Question { request, policies, actions: actions(command)?, unread: false, members: None })
}

fn read(path: &Path) -> Result<String, CliError> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs_err::read_to_string(path)
    };
    text.map_err(|source| CliError::PolicyFile { path: path.to_owned(), source })
}

pub(super) fn policy(kind: PolicyKind, path: &Path, text: String) -> Result<Policy, CliError> {
    Policy::new(kind, path.display().to_string(), text)
        .map_err(|source| CliError::NotAPolicy { path: path.to_owned(), source })
}

fn kind(command: &Explain) -> PolicyKind {
    match command.kind {
        KindArgument::Repository => PolicyKind::Repository,
        KindArgument::Registry => PolicyKind::Registry,
    }
}

/// Those that were named; else the six that a repository policy can touch, or all ten.
pub(super) fn actions(command: &Explain) -> Result<Vec<Action>, CliError> {
    if command.action.is_empty() {
        return Ok(match kind(command) {
            PolicyKind::Repository => REPOSITORY_ACTIONS,
            PolicyKind::Registry => ALL_ACTIONS,
        }
        .to_vec());
    }
    let named = command.action.iter().map(|name| {
        action(name).ok_or_else(|| CliError::BadValue {
            value: name.clone(),
            expected: "among the ECR actions of Inspector's role",
            hint: ALL_ACTIONS.iter().map(|action| action.name()).collect::<Vec<_>>().join(", "),
        })
    });
    named.collect()
}

/// The request by the place that was named; its context is still to be stated.
pub(super) fn request(command: &Explain) -> Result<Request, CliError> {
    let partition: Option<Partition> = match &command.partition {
        Some(text) => Some(text.parse().map_err(|_| CliError::BadValue {
            value: text.clone(),
            expected: "a partition with Amazon Inspector",
            hint: "aws, aws-cn, aws-us-gov".to_owned(),
        })?),
        None => None,
    };
    let home = partition.unwrap_or(Partition::Aws).home_region();
    let region = known_region(command.region.as_deref().unwrap_or(home))?;
    let of_region = Partition::of_region(region.as_str());
    if let Some(other) = partition.filter(|partition| *partition != of_region) {
        return Err(CliError::BadValue {
            value: region.to_string(),
            expected: "a region of the partition",
            hint: format!("{region} is of {of_region}, and --partition says {other}"),
        });
    }
    let account = account(command.account.as_deref().unwrap_or_default())?;
    Ok(Request {
        partition: of_region,
        account,
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
        principal: match &command.principal {
            Some(text) if *text == inspector_role_arn(of_region, account) => Caller::Inspector,
            Some(text) => Caller::parse(text).map_err(|error| CliError::BadValue {
                value: text.clone(),
                expected: "a principal",
                hint: error.to_string(),
            })?,
            None => Caller::Inspector,
        },
        as_of: time(command.as_of.as_ref(), environment::now())?,
        stated: BTreeMap::new(),
    })
}

/// What the command line states about the request's context.
pub(super) fn state(command: &Explain, request: &mut Request) -> Result<(), CliError> {
    match command.org.as_deref() {
        None => {}
        Some("none") => request.organization = Organization::None,
        Some(text) => {
            let (id, path) = text.split_once('/').map_or((text, None), |(id, _)| (id, Some(text.to_owned())));
            request.organization = Organization::Member { id: id.to_owned(), path };
        }
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
        for key in keys {
            if request.stated.insert(key.to_ascii_lowercase(), stated.clone()).is_some_and(|before| before != stated) {
                return Err(CliError::BadValue {
                    value: key.clone(),
                    expected: "stated once",
                    hint: "a context key has a value, is absent, or is unknown".to_owned(),
                });
            }
        }
    }
    Ok(())
}

fn pair(text: &str, expected: &'static str) -> Result<(String, String), CliError> {
    text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())).ok_or_else(|| CliError::BadValue {
        value: text.to_owned(),
        expected,
        hint: "write it as KEY=VALUE".to_owned(),
    })
}
