//! Arguments and the environment, as the crates below take them.

use std::sync::Arc;
use std::time::Duration;

use scangap_aws::{AssumeOptions, ConnectOptions, SimulatedEndpoint, THROTTLE_PATIENCE};
use scangap_collect::CollectOptions;
use scangap_model::{Phase, Scope, session_policy};

use crate::args::{Aws, CALLS_IN_FLIGHT, Roles};
use crate::environment;

pub(crate) fn connect_options(aws: &Aws) -> ConnectOptions {
    ConnectOptions {
        profile: aws.profile.clone(),
        region: aws.region.as_ref().map(ToString::to_string),
        endpoint_url: aws.endpoint_url.clone(),
        ca_bundle: aws.ca_bundle.clone().or_else(|| environment::variable("AWS_CA_BUNDLE").map(Into::into)),
        attempt_timeout: Duration::from_secs(aws.timeout),
        throttle_patience: aws.throttle_patience.duration.unsigned_abs(),
        clock: environment::now,
        simulated: None,
    }
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
            session_policy: session_policy(phase).into(),
            external_id: roles.external_id.clone(),
        },
        tags: Vec::new(),
        keep_images: false,
        max_in_flight: usize::from(CALLS_IN_FLIGHT),
        hints: Arc::default(),
        shard: None,
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
