//! Arguments and the environment, as the crates below take them.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use scangap_aws::{AssumeOptions, ConnectOptions, SimulatedEndpoint, THROTTLE_PATIENCE};
use scangap_collect::CollectOptions;
use scangap_model::{AccountId, Phase, RegionName, Scope, partition_without_inspector, session_policy};

use crate::args::{Aws, Roles, Run};
use crate::environment;
use crate::error::CliError;

pub(crate) fn connect_options(aws: &Aws) -> Result<ConnectOptions, CliError> {
    Ok(ConnectOptions {
        profile: aws.profile.clone(),
        region: aws.region.as_deref().map(region).transpose()?.map(|region| region.to_string()),
        endpoint_url: aws.endpoint_url.clone(),
        ca_bundle: aws.ca_bundle.clone().or_else(|| environment::variable("AWS_CA_BUNDLE").map(Into::into)),
        attempt_timeout: Duration::from_secs(aws.timeout),
        throttle_patience: duration(&aws.throttle_patience)?.unsigned_abs(),
        clock: environment::now,
        simulated: None,
    })
}

/// A simulated organization, with nothing of the user's environment.
pub(crate) fn connect_simulated(url: String, access_key_id: String) -> ConnectOptions {
    ConnectOptions {
        profile: None,
        region: None,
        endpoint_url: None,
        ca_bundle: None,
        attempt_timeout: Duration::from_secs(20),
        throttle_patience: THROTTLE_PATIENCE,
        clock: environment::now,
        simulated: Some(SimulatedEndpoint { url, access_key_id }),
    }
}

/// All of a simulated organization, through its one role.
pub(crate) fn collect_simulated(role: String) -> CollectOptions {
    let roles = Roles {
        role_name: vec![role],
        inspector_admin_role_name: None,
        organization_role_arn: None,
        external_id: None,
    };
    collect_options(&roles, Phase::Audit)
}

/// Everything in scope, through these roles, narrowed to what the command needs.
pub(crate) fn collect_options(roles: &Roles, phase: Phase) -> CollectOptions {
    CollectOptions {
        scope: Scope::default(),
        role_names: roles.role_name.clone(),
        inspector_admin_role_name: roles.inspector_admin_role_name.clone(),
        organization_role_arn: roles.organization_role_arn.clone(),
        assume: AssumeOptions {
            session_name: "scangap".to_owned(),
            session_policy: session_policy(phase),
            external_id: roles.external_id.clone(),
        },
        tags: Vec::new(),
        keep_images: false,
        max_in_flight: 256,
    }
}

/// The roles of an apply. Without a write role it only looks.
pub(crate) fn apply_roles(given: &Roles, write_role_name: Option<String>) -> scangap_apply::Roles {
    scangap_apply::Roles {
        role_names: given.role_name.clone(),
        inspector_admin_role_name: given.inspector_admin_role_name.clone(),
        organization_role_arn: given.organization_role_arn.clone(),
        write_role_name,
        external_id: given.external_id.clone(),
    }
}

pub(crate) fn as_of(run: &Run, default: Timestamp) -> Result<Timestamp, CliError> {
    time(run.as_of.as_ref(), default)
}

pub(crate) fn time(text: Option<&String>, default: Timestamp) -> Result<Timestamp, CliError> {
    match text {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| CliError::BadValue {
            value: text.clone(),
            expected: "a time for --as-of",
            hint: "write it as 2026-11-23T00:00:00Z".to_owned(),
        }),
    }
}

pub(crate) fn accounts(texts: &[String]) -> Result<Vec<AccountId>, CliError> {
    texts.iter().map(|text| account(text)).collect()
}

pub(crate) fn account(text: &str) -> Result<AccountId, CliError> {
    text.trim().parse().map_err(|_| CliError::BadValue {
        value: text.to_owned(),
        expected: "an account id",
        hint: "account ids have 12 digits, leading zeros included".to_owned(),
    })
}

pub(crate) fn region(text: &str) -> Result<RegionName, CliError> {
    if let Some(partition) = partition_without_inspector(text) {
        return Err(CliError::NoInspector { region: text.to_owned(), partition });
    }
    text.parse().map_err(|_| CliError::NotARegion(text.to_owned()))
}

/// `24h`, `90m`, `1d 12h`: a day has 24 hours.
pub(crate) fn duration(text: &str) -> Result<SignedDuration, CliError> {
    let span = text.parse::<Span>().ok().filter(|span| !span.is_negative());
    let duration = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    duration.ok_or_else(|| CliError::BadValue {
        value: text.to_owned(),
        expected: "a duration",
        hint: "write it as 24h, 90m or 1d 12h".to_owned(),
    })
}
