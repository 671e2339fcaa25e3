//! Amazon Inspector: coverage as the delegated administrator or the account itself sees it, and enable and disable.

use scangap_model::{AccountId, RegionName};
use serde_json::{Value, json};

use super::inspector_scope::{check_filters, sees, wanted};
use super::pages::{page, size};
use super::{inspector_history, inspector_reports, unknown_operation};
use crate::wire::{Incoming, WireError};
use crate::world::{Caller, Coverage, Image, RegistryState, Transition, World};

pub(crate) fn answer(world: &mut World, caller: &Caller, request: &Incoming) -> Result<Value, WireError> {
    let region: RegionName =
        request.region.parse().map_err(|_| WireError::new(400, "ValidationException", "not a region"))?;
    match request.operation.as_str() {
        "BatchGetAccountStatus" => statuses(world, caller, request, &region),
        "ListCoverage" => coverage(world, caller, request, &region),
        "Enable" => toggle(world, caller, request, &region, true),
        "Disable" => toggle(world, caller, request, &region, false),
        "GetDelegatedAdminAccount" => match world.inspector_admin {
            Some(admin) => {
                Ok(json!({"delegatedAdmin": {"accountId": admin.to_string(), "relationshipStatus": "ENABLED"}}))
            }
            None => Err(WireError::new(404, "ResourceNotFoundException", "There is no delegated administrator")),
        },
        _ => inspector_history::answer(world, caller, request, &region)
            .or_else(|| inspector_reports::answer(world, caller, request, &region))
            .unwrap_or_else(|| Err(unknown_operation(request))),
    }
}

fn account_ids(request: &Incoming, caller: &Caller) -> Vec<String> {
    let given: Vec<String> = request
        .input
        .get("accountIds")
        .and_then(Value::as_array)
        .map(|ids| ids.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default();
    if given.is_empty() { vec![caller.account.to_string()] } else { given }
}

fn state(status: &str) -> Value {
    json!({"status": status, "errorCode": "", "errorMessage": ""})
}

fn account_state(id: &str, registry: &RegistryState) -> Value {
    let other = if registry.ec2_scanning { "ENABLED" } else { "DISABLED" };
    let whole = if registry.ec2_scanning { "ENABLED" } else { registry.ecr_scanning.as_str() };
    json!({
        "accountId": id,
        "state": state(whole),
        "resourceState": {"ec2": state(other), "ecr": state(&registry.ecr_scanning), "lambda": state(other)},
    })
}

fn no_access(id: &str) -> Value {
    json!({"accountId": id, "errorCode": "ACCESS_DENIED", "errorMessage": "Invoking account does not have access to this account"})
}

fn statuses(world: &World, caller: &Caller, request: &Incoming, region: &RegionName) -> Result<Value, WireError> {
    let ids = account_ids(request, caller);
    if ids.len() > 100 {
        return Err(WireError::new(400, "ValidationException", "accountIds: 100 at most"));
    }
    let (mut accounts, mut failed) = (Vec::new(), Vec::new());
    for id in ids {
        match id.parse::<AccountId>() {
            Ok(account) if sees(world, caller, account) => {
                let registry = world.registry_ref(account, region);
                accounts.push(registry.map_or_else(
                    || account_state(&id, &RegistryState::default()),
                    |registry| account_state(&id, registry),
                ));
            }
            _ => failed.push(no_access(&id)),
        }
    }
    Ok(json!({"accounts": accounts, "failedAccounts": failed}))
}

fn coverage(world: &World, caller: &Caller, request: &Incoming, region: &RegionName) -> Result<Value, WireError> {
    check_filters(request, &["resourceType", "scanStatusReason", "accountId", "ecrRepositoryName"])?;
    let types = wanted(request, "resourceType");
    let reasons = wanted(request, "scanStatusReason");
    let accounts = wanted(request, "accountId");
    let names = wanted(request, "ecrRepositoryName");
    let passes = |filter: &Option<Vec<&str>>, value: &str| filter.as_ref().is_none_or(|values| values.contains(&value));
    let now = world.now();
    let asked = world.accounts.keys().filter(|id| sees(world, caller, **id) && passes(&accounts, id.as_str()));
    let of_accounts = asked.filter_map(|id| {
        let registry = world.registry_ref(*id, region).filter(|registry| registry.ecr_scanning == "ENABLED");
        registry.map(|registry| rows(*id, region, registry, now))
    });
    let found = of_accounts
        .flatten()
        .filter(|row| passes(&types, row.kind) && passes(&reasons, &row.coverage.reason) && passes(&names, row.name));
    let asked = request.input.get("maxResults").and_then(Value::as_u64);
    let page =
        page(found, request.page_token(), size(asked, 100, 200, "ValidationException")?, false, "ValidationException")?;
    let items: Vec<Value> = page.items.iter().map(Row::json).collect();
    Ok(json!({"coveredResources": items, "nextToken": page.next}))
}

/// A row of coverage before it is written: of a million images a page has two hundred.
struct Row<'a> {
    account: AccountId,
    region: &'a RegionName,
    kind: &'static str,
    name: &'a str,
    image: Option<&'a Image>,
    frequency: &'static str,
    coverage: std::borrow::Cow<'a, Coverage>,
}

/// The rows of a registry: repositories with their images, and those that ECR does not have.
fn rows<'a>(
    account: AccountId,
    region: &'a RegionName,
    registry: &'a RegistryState,
    now: jiff::Timestamp,
) -> impl Iterator<Item = Row<'a>> {
    use std::borrow::Cow;
    let of_repositories = registry.repositories.iter().flat_map(move |(name, repository)| {
        let row = move |kind, image, coverage| Row {
            account,
            region,
            kind,
            name,
            image,
            frequency: registry.frequency(name),
            coverage: Cow::Borrowed(coverage),
        };
        let own = repository.coverage.iter().map(move |coverage| row("AWS_ECR_REPOSITORY", None, coverage));
        let images = repository.images.iter().filter_map(move |image| {
            image.coverage.as_ref().map(|coverage| row("AWS_ECR_CONTAINER_IMAGE", Some(image), coverage))
        });
        own.chain(images)
    });
    let orphans = registry.orphaned_coverage.iter().map(move |name| Row {
        account,
        region,
        kind: "AWS_ECR_REPOSITORY",
        name,
        image: None,
        frequency: "CONTINUOUS_SCAN",
        coverage: Cow::Owned(Coverage::active(now)),
    });
    of_repositories.chain(orphans)
}

impl Row<'_> {
    fn json(&self) -> Value {
        let (account, region, name) = (self.account, self.region, self.name);
        let arn = format!("arn:aws:ecr:{region}:{account}:repository/{name}");
        let (resource, metadata) = match self.image {
            None => (arn, json!({"ecrRepository": {"name": name, "scanFrequency": self.frequency}})),
            Some(image) => {
                let mut metadata = json!({"tags": ["latest"]});
                if let Some(in_use) = image.in_use {
                    metadata = json!({"tags": ["latest"], "inUseCount": in_use});
                }
                (format!("{arn}/{}", image.digest), json!({"ecrImage": metadata}))
            }
        };
        json!({
            "resourceType": self.kind,
            "resourceId": resource,
            "accountId": account.to_string(),
            "scanType": "PACKAGE",
            "scanStatus": {"statusCode": self.coverage.status, "reason": self.coverage.reason},
            "resourceMetadata": metadata,
            "lastScannedAt": self.coverage.last_scanned_at.map(jiff::Timestamp::as_second),
        })
    }
}

/// AWS: a member may enable itself; only the delegated administrator may disable it.
fn toggle(
    world: &mut World,
    caller: &Caller,
    request: &Incoming,
    region: &RegionName,
    enable: bool,
) -> Result<Value, WireError> {
    let types: Vec<&str> = request
        .input
        .get("resourceTypes")
        .and_then(Value::as_array)
        .map(|types| types.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    if types != ["ECR"] {
        return Err(WireError::new(400, "ValidationException", "The simulated Inspector toggles exactly [\"ECR\"]"));
    }
    let (mut accounts, mut failed) = (Vec::new(), Vec::new());
    for id in account_ids(request, caller) {
        let account = id.parse::<AccountId>().ok().filter(|account| sees(world, caller, *account));
        let Some(account) = account else {
            failed.push(no_access(&id));
            continue;
        };
        let is_member = world.inspector_admin.is_some_and(|admin| admin != account)
            && world.accounts.get(&account).is_some_and(|a| a.inspector_member);
        if !enable && is_member && caller.account == account {
            return Err(WireError::new(
                403,
                "AccessDeniedException",
                format!("Member account {id} is not authorized to disable itself."),
            ));
        }
        if world.accounts.get(&account).is_some_and(|account| account.inspector_policy) {
            failed.push(json!({
                "accountId": id,
                "errorCode": "BLOCKED_BY_ORGANIZATION_POLICY",
                "errorMessage": "The account is managed by an organization policy",
            }));
            continue;
        }
        let has_members = world.accounts.iter().any(|(id, other)| *id != account && other.inspector_member);
        if !enable && world.inspector_admin == Some(account) && has_members {
            failed.push(json!({
                "accountId": id,
                "errorCode": "DISASSOCIATE_ALL_MEMBERS",
                "errorMessage": "Disassociate all members before deactivating the delegated administrator",
            }));
            continue;
        }
        let (delay, hidden) = (world.delays.toggle_ms, world.delays.hidden);
        let Some(registry) = world.registry(account, region) else { continue };
        let (from, through) = if enable { ("DISABLED", "ENABLING") } else { ("ENABLED", "DISABLING") };
        if let Some(under_way) = registry.hidden_change {
            failed.push(json!({"accountId": id, "errorCode": under_way, "errorMessage": "A change is in progress"}));
            continue;
        }
        if registry.ecr_scanning == from {
            if hidden {
                registry.hidden_change = Some(if enable { "ENABLE_IN_PROGRESS" } else { "DISABLE_IN_PROGRESS" });
            } else {
                through.clone_into(&mut registry.ecr_scanning);
            }
            if !enable && world.delays.lost_first {
                world.lose(account, region);
            }
            let region = region.clone();
            let transition =
                if enable { Transition::Enabled { account, region } } else { Transition::Disabled { account, region } };
            world.later(delay, transition);
        } else if registry.ecr_scanning.ends_with("ING") {
            let code = if registry.ecr_scanning == "ENABLING" { "ENABLE_IN_PROGRESS" } else { "DISABLE_IN_PROGRESS" };
            failed.push(json!({"accountId": id, "errorCode": code, "errorMessage": "A change is in progress"}));
            continue;
        } else if enable && world.organization.enable_writes_rules {
            world.write_rules(account, region);
        } else if enable {
            failed.push(json!({"accountId": id, "errorCode": "ALREADY_ENABLED", "errorMessage": "Already enabled"}));
            continue;
        }
        let registry =
            world.registry_ref(account, region).map(|registry| registry.ecr_scanning.clone()).unwrap_or_default();
        accounts
            .push(json!({"accountId": id, "status": registry, "resourceStatus": {"ec2": "ENABLED", "ecr": registry}}));
    }
    Ok(json!({"accounts": accounts, "failedAccounts": failed}))
}
