//! AWS Security Hub: takes findings, each from the account that it is about, one by one.

use serde_json::{Value, json};

use super::unknown_operation;
use crate::wire::{Incoming, WireError};
use crate::world::{Caller, World};

/// AWS: findings that a call takes.
const FINDINGS_MAX: usize = 100;

/// AWS: members that every finding has.
const REQUIRED: [&str; 10] = [
    "SchemaVersion",
    "Id",
    "ProductArn",
    "GeneratorId",
    "AwsAccountId",
    "CreatedAt",
    "UpdatedAt",
    "Title",
    "Description",
    "Resources",
];

pub(crate) fn answer(world: &mut World, caller: &Caller, request: &Incoming) -> Result<Value, WireError> {
    match request.operation.as_str() {
        "BatchImportFindings" => import(world, caller, request),
        _ => Err(unknown_operation(request)),
    }
}

fn import(world: &mut World, caller: &Caller, request: &Incoming) -> Result<Value, WireError> {
    if world.organization.no_security_hub.contains(&request.region) {
        let words = format!("Account {} is not subscribed to AWS Security Hub", caller.account);
        return Err(WireError::new(401, "InvalidAccessException", words));
    }
    let findings = request.input.get("Findings").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !(1..=FINDINGS_MAX).contains(&findings.len()) {
        return Err(WireError::new(400, "InvalidInputException", "Findings: 1 to 100"));
    }
    let (mut imported, mut refused) = (0, Vec::new());
    for finding in findings {
        match wrong_with(finding, caller, &request.region) {
            None => {
                let id = finding.get("Id").and_then(Value::as_str).unwrap_or_default();
                let place = (caller.account, request.region.clone(), id.to_owned());
                world.security_hub.insert(place, finding.clone());
                imported += 1;
            }
            Some((code, message)) => {
                refused.push(json!({"Id": finding.get("Id"), "ErrorCode": code, "ErrorMessage": message}));
            }
        }
    }
    Ok(json!({"SuccessCount": imported, "FailedCount": refused.len(), "FailedFindings": refused}))
}

/// Why a finding is not taken. AWS: with the default product, by its own account and region alone.
fn wrong_with(finding: &Value, caller: &Caller, region: &str) -> Option<(&'static str, String)> {
    let text = |name: &str| finding.get(name).and_then(Value::as_str).unwrap_or_default();
    if let Some(missing) = REQUIRED.iter().find(|name| finding.get(**name).is_none()) {
        return Some(("InvalidInput", format!("data should have required property '{missing}'")));
    }
    let account = caller.account.as_str();
    if text("AwsAccountId") != account {
        return Some(("InvalidInput", format!("Finding does not belong to account {account}")));
    }
    let product = format!("arn:aws:securityhub:{region}:{account}:product/{account}/default");
    if text("ProductArn") != product {
        return Some(("InvalidInput", format!("ProductArn should be {product}")));
    }
    if text("Title").chars().count() > 256 || text("Description").chars().count() > 1024 {
        return Some(("InvalidInput", "Title or Description is too long".to_owned()));
    }
    None
}
