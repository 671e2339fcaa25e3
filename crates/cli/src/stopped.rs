//! What an apply that stopped comes to: its exit code, and what to do.

use scangap_apply::{JournalError, Stop};

use crate::exit::Exit;

pub(crate) fn exit(stop: &Stop) -> Exit {
    match stop {
        Stop::Stale(_)
        | Stop::OtherOrganization { .. }
        | Stop::OrganizationUnknown
        | Stop::Crossed { .. }
        | Stop::LossesGrew { .. }
        | Stop::Journal(JournalError::OtherPlan(_) | JournalError::Damaged { .. }) => Exit::Data,
        Stop::Blocklisted { .. } | Stop::FindingsReports(_) | Stop::Begun(_) | Stop::NothingToResume(_) => Exit::Usage,
        Stop::Role { .. }
        | Stop::KeptOut { .. }
        | Stop::NeedsFirst { .. }
        | Stop::WrongAccount { .. }
        | Stop::Identity(_)
        | Stop::OtherCaller { .. } => Exit::NoPermission,
        Stop::Interrupted => Exit::Interrupted,
        Stop::OnlyBroughtBack => Exit::Finished,
        Stop::Organization(_)
        | Stop::SessionPolicyTooLong { .. }
        | Stop::Backup { .. }
        | Stop::Refused { .. }
        | Stop::NotProven { .. }
        | Stop::MayComeThrough { .. }
        | Stop::InTheWay(_)
        | Stop::Call { .. }
        | Stop::Slow { .. }
        | Stop::Surprise { .. }
        | Stop::NotRemembered(_)
        | Stop::Journal(_) => Exit::Unexpected,
    }
}

/// What to do. `again`: how it is run again, by whoever began it or did not.
pub(crate) fn hint(stop: &Stop, again: &str) -> String {
    match stop {
        Stop::Stale(_) => "audit again, and make a new plan".to_owned(),
        Stop::OrganizationUnknown => {
            "audit again as a principal that may call organizations:DescribeOrganization, and make a new plan".to_owned()
        }
        Stop::LossesGrew { .. } => "count again with scangap plan --collect".to_owned(),
        Stop::Blocklisted { .. } => "make a plan without that account, or take it off the blocklist".to_owned(),
        Stop::OtherOrganization { .. } => "use credentials of the plan's organization".to_owned(),
        Stop::Crossed { plan_is_simulated: true } => {
            "name the simulation with --endpoint-url or AWS_ENDPOINT_URL: what is simulated never reaches AWS".to_owned()
        }
        Stop::Crossed { plan_is_simulated: false } => {
            "leave out --endpoint-url and AWS_ENDPOINT_URL: what is real is not tried on a simulation".to_owned()
        }
        Stop::Role { .. } | Stop::WrongAccount { .. } => {
            "name roles that exist in each account with --role-name and --write-role-name; they must trust this caller"
                .to_owned()
        }
        Stop::KeptOut { .. } | Stop::NeedsFirst { .. } => {
            "name a write role that the policies let through; or change the policy as a principal that they let through, with the commands of plan.md"
                .to_owned()
        }
        Stop::FindingsReports(_) => {
            "give both as AWS has them, with {region} where the plan has cells in several regions".to_owned()
        }
        Stop::NotProven { .. } => format!(
            "let the write role call inspector2:Enable where the cell is toggled from, and {again}: nothing was turned off"
        ),
        Stop::InTheWay(_) => "bring it back first, as said below, or wait for the other apply".to_owned(),
        Stop::Begun(_) => "go on with it: --resume".to_owned(),
        Stop::NothingToResume(_) => "leave out --resume; where its journal was lost, every command says how its cells are brought back by hand".to_owned(),
        Stop::MayComeThrough { .. } => "run it again then".to_owned(),
        Stop::Backup { .. } => format!("what would be lost must be saved first: see the cause, and {again}"),
        Stop::SessionPolicyTooLong { .. } => {
            "make plans of fewer repositories, with --accounts, --regions or --diagnoses".to_owned()
        }
        Stop::NotRemembered(_) => {
            format!("set HOME or XDG_STATE_HOME to a folder that can be written, and {again}")
        }
        Stop::Journal(JournalError::Locked(_)) => "wait for it".to_owned(),
        Stop::Journal(JournalError::OtherPlan(_)) => {
            "apply each plan in the folder that scangap plan made for it".to_owned()
        }
        Stop::Journal(JournalError::Damaged { .. }) => {
            "somebody changed it: look in Inspector whether every cell of the plan is on, audit again, and make a new plan"
                .to_owned()
        }
        Stop::Identity(_) => format!("renew the credentials, and {again}"),
        Stop::OnlyBroughtBack
        | Stop::Interrupted
        | Stop::OtherCaller { .. }
        | Stop::Organization(_)
        | Stop::Refused { .. }
        | Stop::Call { .. }
        | Stop::Slow { .. }
        | Stop::Surprise { .. }
        | Stop::Journal(JournalError::Io { .. }) => format!("see the cause, and {again}"),
    }
}
