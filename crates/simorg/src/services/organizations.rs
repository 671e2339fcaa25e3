//! AWS Organizations: 20 accounts a page, and an empty first page with a token, as AWS may answer.

use scangap_model::AccountId;
use serde_json::{Value, json};

use super::pages::{page, size};
use super::unknown_operation;
use crate::wire::{Incoming, WireError};
use crate::world::{Account, Caller, World};

const PAGE: usize = 20;

/// AWS: anybody may ask for their own account; the management account and delegated administrators for any.
fn effective_policy(world: &World, caller: &Caller, request: &Incoming) -> Result<Value, WireError> {
    let target = request.text("TargetId").and_then(|id| id.parse::<AccountId>().ok()).unwrap_or(caller.account);
    if request.text("PolicyType") != Some("INSPECTOR_POLICY") {
        return Err(WireError::new(400, "InvalidInputException", "only INSPECTOR_POLICY is simulated"));
    }
    if target != caller.account && caller.account != world.management && Some(caller.account) != world.inspector_admin {
        return Err(WireError::new(
            400,
            "AccessDeniedException",
            "You don't have permissions to access this resource.",
        ));
    }
    if world.accounts.get(&target).is_some_and(|account| account.inspector_policy) {
        return Ok(json!({"EffectivePolicy": {
            "PolicyContent": r#"{"inspector":{"enablement":{"ecr_scanning":{"enable_in_regions":["ALL_SUPPORTED"]}}}}"#,
            "PolicyType": "INSPECTOR_POLICY",
            "TargetId": target.to_string(),
            "LastUpdatedTimestamp": 0,
        }}));
    }
    Err(WireError::new(400, "EffectivePolicyNotFoundException", "The effective policy was not found"))
}

pub(crate) fn answer(world: &mut World, caller: &Caller, request: &Incoming) -> Result<Value, WireError> {
    if request.operation == "DescribeOrganization" {
        return Ok(json!({"Organization": {
            "Id": world.organization.id,
            "Arn": format!("arn:aws:organizations::{}:organization/{}", world.management, world.organization.id),
            "FeatureSet": "ALL",
            "MasterAccountId": world.management.to_string(),
            "MasterAccountArn": format!("arn:aws:organizations::{0}:account/{1}/{0}", world.management, world.organization.id),
            "MasterAccountEmail": "management@example.com",
        }}));
    }
    if request.operation == "DescribeEffectivePolicy" {
        return effective_policy(world, caller, request);
    }
    // AWS: the rest is for the management account and for delegated administrators of any service.
    if caller.account != world.management && Some(caller.account) != world.inspector_admin {
        return Err(WireError::new(
            400,
            "AccessDeniedException",
            "You don't have permissions to access this resource.",
        ));
    }
    let parent = request.text("ParentId");
    let root = world.organization.root.as_str();
    let organization = format!("arn:aws:organizations::{}", world.management);
    match request.operation.as_str() {
        "ListAccounts" => {
            listed(request, "Accounts", &world.accounts, |(id, account)| account_row(world, *id, account))
        }
        "ListAccountsForParent" => {
            let children =
                world.accounts.iter().filter(|(_, account)| Some(account.ou.as_deref().unwrap_or(root)) == parent);
            listed(request, "Accounts", children, |(id, account)| account_row(world, *id, account))
        }
        "ListRoots" => listed(request, "Roots", [root], |id| {
            let arn = format!("{organization}:root/{}/{id}", world.organization.id);
            json!({"Id": id, "Arn": arn, "Name": "Root", "PolicyTypes": []})
        }),
        "ListOrganizationalUnitsForParent" => {
            let children = world.ous.iter().filter(|ou| Some(ou.parent.as_deref().unwrap_or(root)) == parent);
            listed(request, "OrganizationalUnits", children, |ou| {
                let arn = format!("{organization}:ou/{}/{}", world.organization.id, ou.id);
                json!({"Id": ou.id, "Arn": arn, "Name": ou.name})
            })
        }
        "ListDelegatedAdministrators" => {
            let wanted = request.text("ServicePrincipal").is_none_or(|service| service == "inspector2.amazonaws.com");
            let admin = world.inspector_admin.filter(|_| wanted);
            let admin = admin.and_then(|id| Some((id, world.accounts.get(&id)?)));
            listed(request, "DelegatedAdministrators", admin, |(id, account)| account_row(world, id, account))
        }
        _ => Err(unknown_operation(request)),
    }
}

/// One page, of which alone the rows are written.
fn listed<T>(
    request: &Incoming,
    key: &str,
    rows: impl IntoIterator<Item = T>,
    write: impl Fn(T) -> Value,
) -> Result<Value, WireError> {
    let asked = request.input.get("MaxResults").and_then(Value::as_u64);
    let size = size(asked, PAGE, PAGE, "InvalidInputException")?;
    let page = page(rows, request.page_token(), size, asked.is_none(), "InvalidInputException")?;
    let mut answer = serde_json::Map::new();
    answer.insert(key.to_owned(), page.items.into_iter().map(write).collect());
    if let Some(next) = page.next {
        answer.insert("NextToken".to_owned(), Value::String(next));
    }
    Ok(Value::Object(answer))
}

fn account_row(world: &World, id: AccountId, account: &Account) -> Value {
    // AWS retired `Status` in favor of `State`; the old word for CLOSED was SUSPENDED.
    let status = match account.state.as_str() {
        "CLOSED" => "SUSPENDED",
        other => other,
    };
    json!({
        "Id": id.to_string(),
        "Arn": format!("arn:aws:organizations::{}:account/{}/{id}", world.management, world.organization.id),
        "Email": format!("{id}@example.com"),
        "Name": account.name,
        "Status": status,
        "State": account.state,
        "Paths": [format!("{}{id}/", world.path(account))],
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": 1_700_000_000,
    })
}
