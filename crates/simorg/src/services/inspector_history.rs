//! Amazon Inspector: what a re-sync destroys and what it depends on: findings, suppression rules, durations, permissions.

use scangap_model::{AccountId, RegionName};
use serde_json::{Value, json};

use super::inspector_scope::{check_filters, sees, wanted};
use super::pages::{page, size};
use crate::wire::{Incoming, WireError};
use crate::world::{Caller, Finding, World};

/// `None`: not one of these operations.
pub(super) fn answer(
    world: &World,
    caller: &Caller,
    request: &Incoming,
    region: &RegionName,
) -> Option<Result<Value, WireError>> {
    Some(match request.operation.as_str() {
        "ListFindings" => findings(world, caller, request, region),
        "ListFilters" => filters(world, caller, request, region),
        "DescribeOrganizationConfiguration" => organization_configuration(world, caller, region),
        "GetConfiguration" => Ok(configuration(world, caller, request, region)),
        "ListAccountPermissions" => permissions(world, caller, request),
        "ListUsageTotals" => Ok(usage(request)),
        _ => return None,
    })
}

fn findings(world: &World, caller: &Caller, request: &Incoming, region: &RegionName) -> Result<Value, WireError> {
    let rows = matching(world, caller, request, region)?;
    let asked = request.input.get("maxResults").and_then(Value::as_u64);
    let page =
        page(rows, request.page_token(), size(asked, 50, 100, "ValidationException")?, false, "ValidationException")?;
    Ok(json!({"findings": page.items, "nextToken": page.next}))
}

/// Findings that pass the request's filter.
pub(super) fn matching(
    world: &World,
    caller: &Caller,
    request: &Incoming,
    region: &RegionName,
) -> Result<Vec<Value>, WireError> {
    check_filters(request, &["resourceType", "awsAccountId", "findingStatus"])?;
    let (accounts, statuses) = (wanted(request, "awsAccountId"), wanted(request, "findingStatus"));
    let types = wanted(request, "resourceType");
    let passes = |filter: &Option<Vec<&str>>, value: &str| filter.as_ref().is_none_or(|values| values.contains(&value));
    let mut rows = Vec::new();
    for id in world.accounts.keys() {
        if !sees(world, caller, *id) || !passes(&accounts, id.as_str()) || !passes(&types, "AWS_ECR_CONTAINER_IMAGE") {
            continue;
        }
        let Some(registry) = world.registry_ref(*id, region) else { continue };
        for (name, repository) in &registry.repositories {
            for image in &repository.images {
                let resource = format!("arn:aws:ecr:{region}:{id}:repository/{name}/{}", image.digest);
                let kept = image.findings.iter().filter(|finding| passes(&statuses, finding.status));
                rows.extend(kept.map(|finding| row(*id, name, &image.digest, &resource, finding)));
            }
        }
    }
    Ok(rows)
}

fn row(account: AccountId, repository: &str, digest: &str, resource: &str, finding: &Finding) -> Value {
    json!({
        "findingArn": finding.arn,
        "awsAccountId": account.to_string(),
        "type": "PACKAGE_VULNERABILITY",
        "title": "CVE-2026-0001 - simulated",
        "description": "A vulnerability of the simulated organization",
        "remediation": {"recommendation": {"text": "None Provided"}},
        "severity": finding.severity,
        "status": finding.status,
        "firstObservedAt": finding.first_observed_at.as_second(),
        "lastObservedAt": finding.first_observed_at.as_second(),
        "updatedAt": finding.first_observed_at.as_second(),
        "resources": [{
            "type": "AWS_ECR_CONTAINER_IMAGE",
            "id": resource,
            "partition": "aws",
            "details": {"awsEcrContainerImage": {
                "repositoryName": repository, "registry": account.to_string(), "imageHash": digest,
            }},
        }],
    })
}

fn filters(world: &World, caller: &Caller, request: &Incoming, region: &RegionName) -> Result<Value, WireError> {
    let rules = world
        .registry_ref(caller.account, region)
        .map(|registry| registry.suppression_rules.clone())
        .unwrap_or_default();
    let rows: Vec<Value> = rules
        .iter()
        .map(|name| {
            json!({
                "arn": format!("arn:aws:inspector2:{region}:{0}:owner/{0}/filter/{name}", caller.account),
                "ownerId": caller.account.to_string(),
                "name": name,
                "action": "SUPPRESS",
                "criteria": {"severity": [{"comparison": "EQUALS", "value": "LOW"}]},
                "createdAt": 0,
                "updatedAt": 0,
            })
        })
        .collect();
    let asked = request.input.get("maxResults").and_then(Value::as_u64);
    let page =
        page(rows, request.page_token(), size(asked, 100, 100, "ValidationException")?, false, "ValidationException")?;
    Ok(json!({"filters": page.items, "nextToken": page.next}))
}

fn configuration(world: &World, caller: &Caller, request: &Incoming, region: &RegionName) -> Value {
    let account = request.text("accountId").and_then(|id| id.parse().ok()).unwrap_or(caller.account);
    let registry = world.registry_ref(account, region).cloned().unwrap_or_default();
    json!({"ecrConfiguration": {"rescanDurationState": {
        "rescanDuration": registry.rescan_duration, "status": "SUCCESS", "updatedAt": 0,
        "pullDateRescanDuration": registry.pull_date_rescan_duration, "pullDateRescanMode": registry.pull_date_rescan_mode,
    }}})
}

/// AWS: asked by anyone but the delegated administrator, the call is refused.
fn organization_configuration(world: &World, caller: &Caller, region: &RegionName) -> Result<Value, WireError> {
    if world.inspector_admin != Some(caller.account) {
        return Err(WireError::access_denied(
            "AccessDeniedException",
            &caller.arn,
            "inspector2:DescribeOrganizationConfiguration",
            "because it is not the delegated administrator",
        ));
    }
    let ecr = !world.organization.no_auto_enable.iter().any(|name| name == region.as_str());
    Ok(json!({
        "autoEnable": {"ec2": true, "ecr": ecr, "lambda": false, "lambdaCode": false},
        "maxAccountLimitReached": false,
    }))
}

/// AWS: fewer where the account is a member or governed by an organization policy.
fn permissions(world: &World, caller: &Caller, request: &Incoming) -> Result<Value, WireError> {
    let governed = world.accounts.get(&caller.account).is_some_and(|account| account.inspector_policy);
    let member = world.inspector_admin.is_some_and(|admin| admin != caller.account)
        && world.accounts.get(&caller.account).is_some_and(|account| account.inspector_member);
    let operations: &[&str] = match (governed, member) {
        (true, _) => &["ENABLE_REPOSITORY", "DISABLE_REPOSITORY"],
        (false, true) => &["ENABLE_REPOSITORY", "DISABLE_REPOSITORY", "ENABLE_SCANNING"],
        (false, false) => &["ENABLE_REPOSITORY", "DISABLE_REPOSITORY", "ENABLE_SCANNING", "DISABLE_SCANNING"],
    };
    let rows: Vec<Value> =
        operations.iter().map(|operation| json!({"service": "ECR", "operation": operation})).collect();
    // Two rows per page: a client that reads only the first page misses the rows of the last.
    let page = page(rows, request.page_token(), 2, false, "ValidationException")?;
    Ok(json!({"permissions": page.items, "nextToken": page.next}))
}

/// A hundred initial scans at nine cents each.
fn usage(request: &Incoming) -> Value {
    let ids = request.input.get("accountIds").and_then(Value::as_array).cloned().unwrap_or_default();
    let totals: Vec<Value> = ids
        .iter()
        .map(|id| {
            json!({"accountId": id, "usage": [
                {"type": "ECR_INITIAL_SCAN", "total": 100.0, "estimatedMonthlyCost": 9.0, "currency": "USD"},
            ]})
        })
        .collect();
    json!({"totals": totals})
}
