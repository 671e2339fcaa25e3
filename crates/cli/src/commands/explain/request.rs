//! Builds a request from the command line or from a batch line, by the same rules.

use std::collections::BTreeMap;

use jiff::Timestamp;
use scangap_model::{AccountId, Partition, inspector_role_arn};
use scangap_policy::{
    Action, Caller, ECR_ACTIONS, INSPECTOR_ACTIONS, Organization, PolicyKind, REPOSITORY_ACTIONS, Request,
    RoleIdentity, Stated, Tags,
};

use crate::values::{self, BadValue};

/// The partition and region of the request. A given partition must be that of the region.
pub(in crate::commands) fn place(
    partition: Option<&str>,
    region: Option<&str>,
) -> Result<(Partition, String), BadValue> {
    let said: Option<Partition> = match partition {
        Some(text) => Some(
            text.parse()
                .map_err(|_| BadValue::new(text, "a partition with Amazon Inspector", "aws, aws-cn, aws-us-gov"))?,
        ),
        None => None,
    };
    let region = region.unwrap_or(said.unwrap_or(Partition::Aws).home_region());
    let of_region = Partition::of_region(region);
    match said.filter(|said| *said != of_region) {
        Some(said) => Err(BadValue::new(
            region,
            "a region of the partition",
            format!("{region} is of {of_region}, and the partition was said to be {said}"),
        )),
        None => Ok((of_region, region.to_owned())),
    }
}

/// A request with nothing known of its context but its place.
pub(in crate::commands) fn at(
    (partition, region): (Partition, String),
    account: AccountId,
    repository: Option<&str>,
    principal: Option<&str>,
    as_of: Timestamp,
) -> Result<Request, BadValue> {
    Ok(Request {
        partition,
        account,
        region: values::region(&region)?,
        repository: match repository {
            Some(name) => Some(name.parse().map_err(|_| {
                BadValue::new(name, "a repository name", "repository names have no colon and no space")
            })?),
            None => None,
        },
        organization: Organization::Unknown,
        tags: Tags::Unknown,
        inspector_role: RoleIdentity::UNKNOWN,
        principal: match principal {
            Some(text) if *text != inspector_role_arn(partition, account) => {
                Caller::parse(text, partition).map_err(|error| BadValue::new(text, "a principal", error.to_string()))?
            }
            _ => Caller::Inspector,
        },
        as_of,
        stated: BTreeMap::new(),
    })
}

/// The organization's id, and the path of the account's OU where it is known.
pub(in crate::commands) fn organization(id: &str, path: Option<&str>) -> Result<Organization, BadValue> {
    let shaped = |text: &str| {
        text.strip_prefix("o-").is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
    };
    if !shaped(id) {
        return Err(BadValue::new(id, "an organization's id", "ids look like o-exampleorgid"));
    }
    // AWS ends the paths of organizations with a slash.
    let path = path.map(|path| if path.ends_with('/') { path.to_owned() } else { format!("{path}/") });
    match &path {
        Some(path) if path.split('/').next() != Some(id) => {
            Err(BadValue::new(path, "a path in the organization", format!("paths of {id} begin with {id}/")))
        }
        _ => Ok(Organization::Member { id: id.to_owned(), path }),
    }
}

/// What is said of Inspector's role: its id, and its tags.
pub(in crate::commands) fn inspector_role(
    request: &mut Request,
    id: Option<&str>,
    tags: Option<BTreeMap<String, String>>,
) -> Result<(), BadValue> {
    let said = id.map(str::to_owned).or_else(|| tags.as_ref().map(|_| "the tags of a role".to_owned()));
    if let Some(said) = said.filter(|_| request.principal != Caller::Inspector) {
        let hint =
            "they describe Inspector's role, and --principal names another: state aws:userid or aws:PrincipalTag/KEY";
        return Err(BadValue::new(&said, "known of the principal", hint));
    }
    if let Some(id) = id {
        let shaped = id.strip_prefix("AROA").is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        });
        if !shaped {
            return Err(BadValue::new(id, "the id of a role", "ids of roles look like AROAEXAMPLEID00000001"));
        }
        request.inspector_role.id = Some(id.to_owned());
    }
    if let Some(tags) = tags {
        request.inspector_role.tags = Tags::Known(tags);
    }
    Ok(())
}

/// Sets a context key. Each key has values, is absent, or is unknown; contradictory input is an error.
pub(in crate::commands) fn state(request: &mut Request, key: &str, stated: Stated) -> Result<(), BadValue> {
    let lower = key.to_ascii_lowercase();
    match (request.stated.get_mut(&lower), stated) {
        (Some(Stated::Values(values)), Stated::Values(more)) => values.extend(more),
        (Some(before), stated) if *before == stated => {}
        (Some(_), _) => {
            return Err(BadValue::new(key, "stated once", "a context key has a value, is absent, or is unknown"));
        }
        (None, stated) => drop(request.stated.insert(lower, stated)),
    }
    Ok(())
}

/// Those that were named, of any of ECR's; else the six that a repository policy can touch, or all ten.
pub(in crate::commands) fn actions<T: AsRef<str>>(
    named: Option<&[T]>,
    kind: PolicyKind,
    principal: Option<&str>,
) -> Result<Vec<Action>, BadValue> {
    let all = || ECR_ACTIONS.iter().map(|action| action.name()).collect::<Vec<_>>().join(", ");
    match named {
        None => Ok(match kind {
            PolicyKind::Repository => REPOSITORY_ACTIONS,
            PolicyKind::Registry => INSPECTOR_ACTIONS,
        }
        .to_vec()),
        Some([]) => Err(BadValue::new("", "a list of actions", all())),
        Some(several) => several
            .iter()
            .map(|name| {
                let name = name.as_ref();
                let action = Action::from_name(name)
                    .ok_or_else(|| BadValue::new(name, "an action of ECR's that is known here", all()))?;
                // The role's identity policy has ten, and no policy here could give it more.
                if principal.is_none() && !INSPECTOR_ACTIONS.contains(&action) {
                    let hint = "name who calls with --principal";
                    return Err(BadValue::new(action.name(), "an action of Inspector's role", hint));
                }
                Ok(action)
            })
            .collect(),
    }
}
