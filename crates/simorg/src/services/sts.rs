//! AWS STS.

use jiff::SignedDuration;
use scangap_model::{AccountId, Arn, SESSION_POLICY_MAX_CHARS};

use super::Permitted;
use super::allow_list;
use crate::wire::{Incoming, WireError, xml_result};
use crate::world::{Caller, Session, World};

pub(crate) fn answer(world: &mut World, caller: &Caller, request: &Incoming) -> Result<String, WireError> {
    match request.operation.as_str() {
        "GetCallerIdentity" => Ok(xml_result(
            "GetCallerIdentity",
            &[
                ("Arn", caller.arn.clone()),
                ("UserId", "AIDASIMULATED".to_owned()),
                ("Account", caller.account.to_string()),
            ],
        )),
        "AssumeRole" => assume_role(world, caller, request),
        _ => Err(WireError::new(400, "InvalidAction", format!("Could not find operation {}", request.operation))),
    }
}

/// AWS: a role that does not exist and one that does not trust the caller give the same answer.
fn assume_role(world: &mut World, caller: &Caller, request: &Incoming) -> Result<String, WireError> {
    let role_arn = request.text("RoleArn").unwrap_or_default().to_owned();
    let denied =
        || WireError::access_denied("AccessDenied", &caller.arn, "sts:AssumeRole", &format!("on resource: {role_arn}"));
    let arn: Arn =
        role_arn.parse().map_err(|_| WireError::new(400, "ValidationError", format!("{role_arn} is invalid")))?;
    let account: AccountId = arn.account.parse().map_err(|_| denied())?;
    // The path is part of a role's name here, as it is at AWS.
    let named = arn.resource.strip_prefix("role/").ok_or_else(denied)?.to_owned();
    let role = named.rsplit('/').next().unwrap_or_default().to_owned();
    let target = world.accounts.get(&account).ok_or_else(denied)?;
    // AWS: accounts that are suspended, closed or not yet active refuse every call.
    let usable = matches!(target.state.as_str(), "ACTIVE" | "PENDING_CLOSURE");
    if !usable
        || !target.roles.contains(&named)
        || target.external_id.as_deref() != request.text("ExternalId").filter(|_| target.external_id.is_some())
    {
        return Err(denied());
    }
    let policies = world.role_policies.get(&named);
    let trust = policies.and_then(|policies| policies.trust.as_ref());
    let organization = &world.organization.id;
    if trust.is_some_and(|trust| !trust.admits(&caller.arn, caller.account, organization, request.text("ExternalId"))) {
        return Err(denied());
    }
    let by_identity = policies.map(|policies| policies.allowed.clone());
    let session_name = request.text("RoleSessionName").unwrap_or_default();
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !(2..=64).contains(&session_name.len()) || !session_name.chars().all(legal) {
        return Err(WireError::new(400, "ValidationError", "Value at 'roleSessionName' failed to satisfy constraint"));
    }
    let by_session = match request.text("Policy") {
        None => None,
        Some(policy) if policy.chars().count() > SESSION_POLICY_MAX_CHARS => {
            return Err(WireError::new(
                400,
                "PackedPolicyTooLarge",
                "Packed size of session policy consumes 143% of allotted space.",
            ));
        }
        Some(policy) => Some(allow_list::read(policy).ok_or_else(|| {
            WireError::new(400, "MalformedPolicyDocument", "The simulated STS enforces plain Allow lists only")
        })?),
    };
    let permitted = Permitted { by_identity, by_session };
    let asked = request.text("DurationSeconds").and_then(|text| text.parse::<i64>().ok());
    if asked.is_some_and(|seconds| !(900..=43_200).contains(&seconds)) {
        return Err(WireError::new(400, "ValidationError", "Value at 'durationSeconds' failed to satisfy constraint"));
    }
    let seconds = world.organization.session_seconds.or(asked).unwrap_or(3600);
    let expires = world.wall_now().saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(jiff::Timestamp::MAX);
    let name = session_name.to_owned();
    let token = format!("simulated-session-token-{}", world.sessions.len() + 1);
    let session = Session { account, role: role.clone(), name: name.clone(), token: token.clone(), permitted, expires };
    let key = world.open_session(session);
    let later = SignedDuration::from_secs(world.organization.session_end_told_later_seconds);
    let told = expires.saturating_add(later).unwrap_or(expires).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut credentials = vec![
        ("Credentials/AccessKeyId", key),
        ("Credentials/SecretAccessKey", "simulated".to_owned()),
        ("Credentials/SessionToken", token),
    ];
    if !world.organization.no_session_expiration {
        credentials.push(("Credentials/Expiration", told));
    }
    credentials.extend([
        ("AssumedRoleUser/AssumedRoleId", format!("AROASIMULATED:{name}")),
        ("AssumedRoleUser/Arn", format!("arn:aws:sts::{account}:assumed-role/{role}/{name}")),
    ]);
    Ok(xml_result("AssumeRole", &credentials))
}
