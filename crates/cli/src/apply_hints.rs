//! The exit code and the hint for an apply that stopped.

use scangap_apply::{ApplyError, JournalError};

use crate::exit::Exit;

pub(crate) fn exit(stop: &ApplyError) -> Exit {
    match stop {
        ApplyError::Stale(_)
        | ApplyError::OtherOrganization { .. }
        | ApplyError::OrganizationUnknown
        | ApplyError::EndpointMismatch { .. }
        | ApplyError::LossesGrew { .. }
        | ApplyError::Journal(
            JournalError::OtherPlan(_) | JournalError::Damaged { .. } | JournalError::Version { .. },
        ) => Exit::Data,
        ApplyError::Blocklisted { .. }
        | ApplyError::FindingsReports(_)
        | ApplyError::Begun(_)
        | ApplyError::NothingToResume(_) => Exit::Usage,
        ApplyError::Role { .. }
        | ApplyError::WriteRoleDenied { .. }
        | ApplyError::NeedsFirst { .. }
        | ApplyError::WrongAccount { .. }
        | ApplyError::Identity(_)
        | ApplyError::OtherCaller { .. } => Exit::NoPermission,
        ApplyError::Interrupted => Exit::Interrupted,
        ApplyError::OnlyReenabled => Exit::Finished,
        ApplyError::Organization(_)
        | ApplyError::SessionPolicyTooLong { .. }
        | ApplyError::Backup { .. }
        | ApplyError::Refused { .. }
        | ApplyError::EnableNotVerified { .. }
        | ApplyError::DisablePending { .. }
        | ApplyError::RegistryInUse(_)
        | ApplyError::Call { .. }
        | ApplyError::Timeout { .. }
        | ApplyError::UnexpectedState { .. }
        | ApplyError::NotRecorded(_)
        | ApplyError::Journal(_) => Exit::Unexpected,
    }
}

/// The hint for the user. `again`: how to run the command again, which depends on whether the apply has begun.
pub(crate) fn hint(stop: &ApplyError, again: &str) -> String {
    match stop {
        ApplyError::Stale(_) => "audit again, and make a new plan".to_owned(),
        ApplyError::OrganizationUnknown => {
            "audit again as a principal that may call organizations:DescribeOrganization, and make a new plan".to_owned()
        }
        ApplyError::LossesGrew { .. } => "count again with scangap plan --collect".to_owned(),
        ApplyError::Blocklisted { .. } => "make a plan without that account, or take it off the blocklist".to_owned(),
        ApplyError::OtherOrganization { .. } => "use credentials of the plan's organization".to_owned(),
        ApplyError::EndpointMismatch { plan_is_simulated: true } => {
            "name the simulation with --endpoint-url or AWS_ENDPOINT_URL: what is simulated never reaches AWS".to_owned()
        }
        ApplyError::EndpointMismatch { plan_is_simulated: false } => {
            "leave out --endpoint-url and AWS_ENDPOINT_URL: what is real is not tried on a simulation".to_owned()
        }
        ApplyError::Role { .. } | ApplyError::WrongAccount { .. } => {
            "name roles that exist in each account with --role-name and --write-role-name; they must trust this caller"
                .to_owned()
        }
        ApplyError::WriteRoleDenied { .. } | ApplyError::NeedsFirst { .. } => {
            "name a write role that the policies let through; or change the policy as a principal that they let through, with the commands of plan.md"
                .to_owned()
        }
        ApplyError::FindingsReports(_) => {
            "give both as AWS has them, with {region} where the plan has registries in several regions".to_owned()
        }
        ApplyError::EnableNotVerified { .. } => format!(
            "let the write role call inspector2:Enable where the registry is toggled from, and {again}: nothing was turned off"
        ),
        ApplyError::RegistryInUse(_) => "re-enable it first, as shown below, or wait for the other apply".to_owned(),
        ApplyError::Begun(_) => "go on with it: --resume".to_owned(),
        ApplyError::NothingToResume(_) => "leave out --resume; where its journal was lost, every command says how its registries are re-enabled by hand".to_owned(),
        ApplyError::DisablePending { .. } => "run it again then".to_owned(),
        ApplyError::Backup { .. } => format!("what would be lost must be saved first: see the cause, and {again}"),
        ApplyError::SessionPolicyTooLong { .. } => {
            "make plans of fewer repositories, with --accounts, --regions or --diagnoses".to_owned()
        }
        ApplyError::NotRecorded(_) => {
            format!("set HOME or XDG_STATE_HOME to a folder that can be written, and {again}")
        }
        ApplyError::Journal(JournalError::Locked(_)) => "wait for it".to_owned(),
        ApplyError::Journal(JournalError::OtherPlan(_)) => {
            "apply each plan in the folder that scangap plan made for it".to_owned()
        }
        ApplyError::Journal(JournalError::Version { .. }) => {
            "resume it with the version of scangap that began it".to_owned()
        }
        ApplyError::Journal(JournalError::Damaged { .. }) => {
            "somebody changed it: look in Inspector whether every registry of the plan is on, audit again, and make a new plan"
                .to_owned()
        }
        ApplyError::Identity(_) => format!("renew the credentials, and {again}"),
        ApplyError::OnlyReenabled
        | ApplyError::Interrupted
        | ApplyError::OtherCaller { .. }
        | ApplyError::Organization(_)
        | ApplyError::Refused { .. }
        | ApplyError::Call { .. }
        | ApplyError::Timeout { .. }
        | ApplyError::UnexpectedState { .. }
        | ApplyError::Journal(JournalError::Io { .. }) => format!("see the cause, and {again}"),
    }
}
