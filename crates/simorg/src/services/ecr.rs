//! Amazon ECR: what reads answer. What changes something is in `ecr_write`.

use scangap_model::RegionName;
use serde_json::{Value, json};

use super::ecr_place::{Place, describe, seconds};
use super::pages::{page, size};
use super::{ecr_write, unknown_operation};
use crate::wire::{Incoming, WireError};
use crate::world::{Caller, RegistryState, World};

pub(crate) fn answer(world: &mut World, caller: &Caller, request: &Incoming) -> Result<Value, WireError> {
    let region: RegionName =
        request.region.parse().map_err(|_| WireError::new(400, "InvalidParameterException", "not a region"))?;
    let place = Place { account: caller.account, region, caller, request };
    let registry = world.registry_ref(place.account, &place.region).registry_level();
    match request.operation.as_str() {
        "DescribeRepositories" => repositories(world, &place),
        "GetRepositoryPolicy" => repository_policy(world, &place),
        "BatchGetRepositoryScanningConfiguration" => frequencies(world, &place),
        "DescribeImages" => images(world, &place),
        "ListTagsForResource" => tags(world, &place),
        "GetRegistryPolicy" => match registry.registry_policy {
            Some(text) => Ok(json!({"registryId": place.account.to_string(), "policyText": text})),
            None => Err(WireError::new(
                400,
                "RegistryPolicyNotFoundException",
                format!("Registry policy does not exist in the registry with id '{}'", place.account),
            )),
        },
        "GetAccountSetting" => match request.text("name") {
            Some("REGISTRY_POLICY_SCOPE") => {
                Ok(json!({"name": "REGISTRY_POLICY_SCOPE", "value": registry.registry_policy_scope}))
            }
            _ => Err(WireError::new(400, "InvalidParameterException", "Invalid parameter at 'name'")),
        },
        "GetRegistryScanningConfiguration" => Ok(json!({
            "registryId": place.account.to_string(),
            "scanningConfiguration": {
                "scanType": registry.scan_type,
                "rules": registry.rules.iter().map(|rule| json!({
                    "scanFrequency": rule.frequency,
                    "repositoryFilters": rule.filters.iter()
                        .map(|filter| json!({"filter": filter, "filterType": "WILDCARD"})).collect::<Vec<_>>(),
                })).collect::<Vec<_>>(),
            },
        })),
        "DescribeRepositoryCreationTemplates" => {
            let rows: Vec<Value> = registry
                .templates
                .iter()
                .map(|template| json!({"prefix": template.prefix, "repositoryPolicy": template.policy, "appliedFor": ["CREATE_ON_PUSH"]}))
                .collect();
            let page = page(rows, request.page_token(), 100, false, "InvalidParameterException")?;
            Ok(json!({
                "registryId": place.account.to_string(),
                "repositoryCreationTemplates": page.items,
                "nextToken": page.next,
            }))
        }
        _ => ecr_write::answer(world, &place).unwrap_or_else(|| Err(unknown_operation(request))),
    }
}

/// The registry's registry-level part, or the defaults of an untouched region. Repositories are left out: they may be many.
trait RegistryLevel {
    fn registry_level(self) -> RegistryState;
}

impl RegistryLevel for Option<&RegistryState> {
    fn registry_level(self) -> RegistryState {
        self.map_or_else(RegistryState::default, |registry| RegistryState {
            ecr_scanning: registry.ecr_scanning.clone(),
            hidden_change: None,
            ec2_scanning: registry.ec2_scanning,
            scan_type: registry.scan_type.clone(),
            rules: registry.rules.clone(),
            registry_policy: registry.registry_policy.clone(),
            registry_policy_scope: registry.registry_policy_scope.clone(),
            templates: registry.templates.clone(),
            repositories: std::collections::BTreeMap::new(),
            orphaned_coverage: Vec::new(),
            suppression_rules: Vec::new(),
            rescan_duration: registry.rescan_duration.clone(),
            pull_date_rescan_duration: registry.pull_date_rescan_duration.clone(),
            pull_date_rescan_mode: registry.pull_date_rescan_mode.clone(),
        })
    }
}

fn repositories(world: &World, place: &Place<'_>) -> Result<Value, WireError> {
    let request = place.request;
    let registry = world.registry_ref(place.account, &place.region);
    let found = |name: &str| registry.and_then(|registry| registry.repositories.get(name));
    if let Some(names) =
        request.input.get("repositoryNames").and_then(Value::as_array).filter(|names| !names.is_empty())
    {
        if request.input.get("maxResults").is_some() || request.page_token().is_some() {
            return Err(WireError::new(400, "InvalidParameterException", "Names and pages exclude each other"));
        }
        let mut rows = Vec::new();
        for name in names.iter().filter_map(Value::as_str) {
            rows.push(describe(place, name, found(name).ok_or_else(|| place.not_found(name))?));
        }
        return Ok(json!({"repositories": rows}));
    }
    let rows = registry
        .map(|registry| {
            registry.repositories.iter().map(|(name, repository)| (name.as_str(), repository)).collect::<Vec<_>>()
        })
        .unwrap_or_default();
    let asked = request.input.get("maxResults").and_then(Value::as_u64);
    let page = page(
        rows,
        request.page_token(),
        size(asked, 100, 1000, "InvalidParameterException")?,
        false,
        "InvalidParameterException",
    )?;
    let items: Vec<Value> =
        page.items.into_iter().map(|(name, repository)| describe(place, name, repository)).collect();
    Ok(json!({"repositories": items, "nextToken": page.next}))
}

fn repository_policy(world: &mut World, place: &Place<'_>) -> Result<Value, WireError> {
    let name = place.request.text("repositoryName").unwrap_or_default();
    place.check(world, name)?;
    let policy = world
        .registry_ref(place.account, &place.region)
        .and_then(|registry| registry.repositories.get(name)?.policy.clone());
    match policy {
        Some(text) => Ok(json!({"registryId": place.account.to_string(), "repositoryName": name, "policyText": text})),
        None => Err(WireError::new(
            400,
            "RepositoryPolicyNotFoundException",
            format!(
                "Repository policy does not exist for the repository with name '{name}' in the registry with id '{}'",
                place.account
            ),
        )),
    }
}

/// AWS: 25 names at most. A repository that denies the caller fails the whole batch: the answer has no slot for it.
fn frequencies(world: &mut World, place: &Place<'_>) -> Result<Value, WireError> {
    let names: Vec<String> = place
        .request
        .input
        .get("repositoryNames")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default();
    if names.is_empty() || names.len() > 25 {
        return Err(WireError::new(
            400,
            "InvalidParameterException",
            "Invalid parameter at 'repositoryNames': 1 to 25 names",
        ));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        match place.check(world, &name) {
            Ok(()) => {}
            Err(error) if error.code == "RepositoryNotFoundException" => {
                failures.push(json!({"repositoryName": name, "failureCode": "REPOSITORY_NOT_FOUND", "failureReason": error.message}));
                continue;
            }
            Err(error) => return Err(error),
        }
        let frequency =
            world.registry_ref(place.account, &place.region).map_or("MANUAL", |registry| registry.frequency(&name));
        found.push(json!({
            "repositoryArn": place.repository_arn(&name),
            "repositoryName": name,
            "scanOnPush": frequency != "MANUAL",
            "scanFrequency": frequency,
            "appliedScanFilters": [],
        }));
    }
    Ok(json!({"scanningConfigurations": found, "failures": failures}))
}

fn images(world: &mut World, place: &Place<'_>) -> Result<Value, WireError> {
    let name = place.request.text("repositoryName").unwrap_or_default();
    place.check(world, name)?;
    let images = world
        .registry_ref(place.account, &place.region)
        .and_then(|registry| registry.repositories.get(name))
        .map(|r| r.images.clone());
    let rows: Vec<Value> = images
        .unwrap_or_default()
        .into_iter()
        .map(|image| {
            json!({
                "registryId": place.account.to_string(),
                "repositoryName": name,
                "imageDigest": image.digest,
                "imagePushedAt": seconds(image.pushed_at),
                "imageSizeInBytes": 12_345_678,
                "imageManifestMediaType": if image.index {
                    "application/vnd.oci.image.index.v1+json"
                } else {
                    "application/vnd.oci.image.manifest.v1+json"
                },
                "imageStatus": image.status,
            })
        })
        .collect();
    let asked = place.request.input.get("maxResults").and_then(Value::as_u64);
    let page = page(
        rows,
        place.request.page_token(),
        size(asked, 100, 1000, "InvalidParameterException")?,
        false,
        "InvalidParameterException",
    )?;
    Ok(json!({"imageDetails": page.items, "nextToken": page.next}))
}

fn tags(world: &mut World, place: &Place<'_>) -> Result<Value, WireError> {
    let arn = place.request.text("resourceArn").unwrap_or_default();
    let name = arn.split_once(":repository/").map_or("", |(_, name)| name);
    place.check(world, name)?;
    let tags = world
        .registry_ref(place.account, &place.region)
        .and_then(|registry| registry.repositories.get(name))
        .map(|r| r.tags.clone());
    let rows: Vec<Value> =
        tags.unwrap_or_default().into_iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    Ok(json!({"tags": rows}))
}
