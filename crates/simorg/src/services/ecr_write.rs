//! Amazon ECR: what changes something. Changes show in Inspector's coverage as the scenario's delays say.

use scangap_model::AccountId;
use serde_json::{Value, json};

use super::ecr_place::{Place, describe};
use crate::truth::Standing;
use crate::wire::WireError;
use crate::world::{Image, Repository, Rule, Transition, World};

/// AWS: 10,240 characters.
const POLICY_MAX_CHARS: usize = 10_240;

/// `None`: not one of these operations.
pub(super) fn answer(world: &mut World, place: &Place<'_>) -> Option<Result<Value, WireError>> {
    Some(match place.request.operation.as_str() {
        "CreateRepository" => create_repository(world, place),
        "SetRepositoryPolicy" => set_repository_policy(world, place),
        "DeleteRepositoryPolicy" => delete_repository_policy(world, place),
        "PutRegistryPolicy" => put_registry_policy(world, place),
        "PutRegistryScanningConfiguration" => put_scanning_configuration(world, place),
        "PutImage" => put_image(world, place),
        _ => return None,
    })
}

fn touched<'w>(world: &'w mut World, place: &Place<'_>) -> Result<&'w mut crate::world::RegistryState, WireError> {
    world
        .registry(place.account, &place.region)
        .ok_or_else(|| WireError::new(400, "ServerException", "the account is not in the scenario"))
}

fn create_repository(world: &mut World, place: &Place<'_>) -> Result<Value, WireError> {
    let name = place.request.text("repositoryName").unwrap_or_default().to_owned();
    let created_at = world.now();
    let registry = touched(world, place)?;
    if registry.repositories.contains_key(&name) {
        return Err(WireError::new(
            400,
            "RepositoryAlreadyExistsException",
            format!("The repository '{name}' already exists"),
        ));
    }
    let repository = Repository {
        created_at,
        policy: None,
        effective: None,
        tags: std::collections::BTreeMap::new(),
        images: Vec::new(),
        coverage: None,
        lasting: None,
        sticky: false,
    };
    let row = describe(place, &name, &repository);
    registry.repositories.insert(name, repository);
    Ok(json!({"repository": row}))
}

fn policy_text(place: &Place<'_>) -> Result<String, WireError> {
    let text = place.request.text("policyText").unwrap_or_default().to_owned();
    let json = serde_json::from_str::<Value>(&text).is_ok_and(|value| value.is_object());
    if !json || text.chars().count() > POLICY_MAX_CHARS {
        return Err(WireError::new(
            400,
            "InvalidParameterException",
            "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'",
        ));
    }
    Ok(text)
}

/// ECR gives back what it stored in a form of its own: its spaces, and statements always in a list.
fn as_stored(text: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    if let Some(statement) = value.get_mut("Statement").filter(|statement| statement.is_object()) {
        *statement = json!([statement.take()]);
    }
    format!("{value:#}").lines().map(|line| line.replacen("\": ", "\" : ", 1)).collect::<Vec<_>>().join("\n")
}

fn set_repository_policy(world: &mut World, place: &Place<'_>) -> Result<Value, WireError> {
    let name = place.request.text("repositoryName").unwrap_or_default().to_owned();
    place.check(world, &name)?;
    if world.writer_standing(place.account, &place.region, &name) == Standing::Denied {
        return Err(place.denied_by_policy(&name));
    }
    let text = policy_text(place)?;
    let registry = touched(world, place)?;
    if let Some(repository) = registry.repositories.get_mut(&name) {
        repository.policy = Some(as_stored(&text));
    }
    spread(world, place, &name);
    Ok(json!({"registryId": place.account.to_string(), "repositoryName": name, "policyText": text}))
}

/// A change of policy is read at once and met by Inspector a little later.
fn spread(world: &mut World, place: &Place<'_>, repository: &str) {
    let (account, region, repository) = (place.account, place.region.clone(), repository.to_owned());
    world.later(world.delays.policy_ms, Transition::PolicySpread { account, region, repository });
}

fn delete_repository_policy(world: &mut World, place: &Place<'_>) -> Result<Value, WireError> {
    let name = place.request.text("repositoryName").unwrap_or_default().to_owned();
    place.check(world, &name)?;
    let removed = touched(world, place)?.repositories.get_mut(&name).and_then(|repository| repository.policy.take());
    spread(world, place, &name);
    removed
        .map(|text| json!({"registryId": place.account.to_string(), "repositoryName": name, "policyText": text}))
        .ok_or_else(|| WireError::new(400, "RepositoryPolicyNotFoundException", "Repository policy does not exist"))
}

fn put_registry_policy(world: &mut World, place: &Place<'_>) -> Result<Value, WireError> {
    let text = policy_text(place)?;
    touched(world, place)?.registry_policy = Some(text.clone());
    Ok(json!({"registryId": place.account.to_string(), "policyText": text}))
}

fn put_scanning_configuration(world: &mut World, place: &Place<'_>) -> Result<Value, WireError> {
    let scan_type = place.request.text("scanType").unwrap_or("BASIC").to_owned();
    let rules = place.request.input.get("rules").and_then(Value::as_array).cloned().unwrap_or_default();
    let rules: Vec<Rule> = rules
        .iter()
        .map(|rule| Rule {
            frequency: rule.get("scanFrequency").and_then(Value::as_str).unwrap_or_default().to_owned(),
            filters: rule
                .get("repositoryFilters")
                .and_then(Value::as_array)
                .map(|filters| filters.iter().filter_map(|f| f.get("filter")?.as_str()).map(str::to_owned).collect())
                .unwrap_or_default(),
        })
        .collect();
    // AWS: two rules at most.
    if rules.len() > 2 {
        return Err(WireError::new(400, "ValidationException", "Invalid number of rules provided"));
    }
    if scan_type == "ENHANCED" {
        place.may_do_what_it_takes()?;
    }
    if world.accounts.get(&place.account).is_some_and(|account| account.inspector_policy) {
        return Err(WireError::new(
            400,
            "BlockedByOrganizationPolicyException",
            "The operation is blocked by an organization policy",
        ));
    }
    let registry = touched(world, place)?;
    scan_type.clone_into(&mut registry.scan_type);
    registry.rules = rules;
    Ok(json!({"registryScanningConfiguration": {"scanType": scan_type, "rules": place.request.input.get("rules")}}))
}

fn put_image(world: &mut World, place: &Place<'_>) -> Result<Value, WireError> {
    let name = place.request.text("repositoryName").unwrap_or_default().to_owned();
    place.check(world, &name)?;
    let manifest = place.request.text("imageManifest").unwrap_or_default().to_owned();
    let (account, region): (AccountId, _) = (place.account, place.region.clone());
    let pushed_at = world.now();
    let registry = touched(world, place)?;
    let Some(repository) = registry.repositories.get_mut(&name) else { return Err(place.not_found(&name)) };
    let digest = crate::world::digest_of(&format!("{manifest}/{}", repository.images.len()));
    repository.images.push(Image {
        digest: digest.clone(),
        pushed_at,
        status: "ACTIVE".to_owned(),
        vulnerabilities: 1,
        findings: Vec::new(),
        coverage: None,
        lasting: None,
        index: false,
        in_use: Some(0),
    });
    let delay = world.delays.scan_ms;
    world.later(delay, Transition::Scanned { account, region, repository: name.clone() });
    Ok(json!({"image": {
        "registryId": account.to_string(),
        "repositoryName": name,
        "imageId": {"imageDigest": digest, "imageTag": place.request.text("imageTag")},
        "imageManifest": manifest,
    }}))
}
