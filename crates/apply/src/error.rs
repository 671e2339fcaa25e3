//! Why an apply does not begin, or does not go on.

use std::path::PathBuf;

use jiff::Timestamp;
use scangap_aws::{CallError, ConnectError};
use scangap_model::{AccountId, RegionName};

use crate::destination::FindingsReportsError;
use crate::journal::JournalError;

#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("the plan is stale: {}", .0.join("; "))]
    Stale(Vec<String>),
    #[error("account {account} is on the blocklist, which always wins: {step} is not done")]
    Blocklisted { step: String, account: AccountId },
    #[error("the plan is of organization `{expected}`, and the credentials are of `{found}`")]
    OtherOrganization { expected: String, found: String },
    #[error("the plan is of a {} organization, but the endpoint is {}", if *.plan_is_simulated { "simulated" } else { "real" }, if *.plan_is_simulated { "AWS's" } else { "not AWS's" })]
    EndpointMismatch { plan_is_simulated: bool },
    #[error(
        "the plan is of an organization that could not be described when it was audited: it cannot be checked that it is this one"
    )]
    OrganizationUnknown,
    #[error("the organization could not be described, to check that it is the plan's")]
    Organization(#[source] CallError),
    #[error("the caller is not who it was when the apply began: {now}, and not {then}")]
    OtherCaller { then: String, now: String },
    #[error("AWS did not say who the caller is")]
    Identity(#[source] ConnectError),
    #[error("no role could be assumed in account {account} (tried: {roles})")]
    Role { account: AccountId, roles: String, source: CallError },
    #[error("{step}: {why}")]
    WriteRoleDenied { step: String, why: String },
    #[error("{step}: it needs {} first, which cannot be made: without it images that are scanned would not be scanned again", .first.join(", "))]
    NeedsFirst { step: String, first: Vec<String> },
    #[error("the role in account {expected} is of account {found}")]
    WrongAccount { expected: AccountId, found: AccountId },
    #[error(
        "the write role of account {account} cannot be narrowed to the {actions} calls of the plan: its session policy is too long"
    )]
    SessionPolicyTooLong { account: AccountId, actions: usize },
    #[error("{step}: the backup of what would be lost failed: {why}")]
    Backup { step: String, why: String },
    #[error("{step}: more would be lost than the plan says: {now} {what}, and not {planned}")]
    LossesGrew { step: String, what: &'static str, planned: u64, now: u64 },
    #[error("{step}: {call} was refused for account {account}: {code}: {message}")]
    Refused { step: String, call: &'static str, account: AccountId, code: String, message: String },
    #[error("{step}: ECR scanning of account {account} in {region} stays on: inspector2:Enable could not be verified")]
    EnableNotVerified { step: String, account: AccountId, region: RegionName, source: Box<ApplyError> },
    #[error("{step}: {what} did not come to an end")]
    Call { step: String, what: String, source: CallError },
    #[error("{step}: ECR scanning of account {account} in {region} is {status}, and not {wanted} in time")]
    Timeout { step: String, account: AccountId, region: RegionName, status: String, wanted: &'static str },
    #[error("{step}: {what}")]
    UnexpectedState { step: String, what: String },
    #[error(transparent)]
    FindingsReports(FindingsReportsError),
    #[error("{step}: its Disable had no answer, and may take effect until {until:.0}")]
    DisablePending { step: String, until: Timestamp },
    #[error("what was open was re-enabled, and nothing else was done")]
    OnlyReenabled,
    #[error("it was interrupted")]
    Interrupted,
    #[error("an earlier or running apply may have left {0} without ECR scanning")]
    RegistryInUse(String),
    #[error("an apply of this plan was begun before: {0}")]
    Begun(PathBuf),
    #[error("there is nothing to resume: no apply of this plan was begun in `{0}`")]
    NothingToResume(PathBuf),
    #[error("cannot record this apply in `$XDG_STATE_HOME/scangap`, so nothing was changed: {0}")]
    NotRecorded(String),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl ApplyError {
    /// Whether the same may succeed another time.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Call { source, .. } if source.may_pass())
    }

    /// The step that cannot be made, of those that are known before anything is begun.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::WriteRoleDenied { step, .. } | Self::NeedsFirst { step, .. } => Some(step),
            _ => None,
        }
    }

    /// What to do about it. `again`: how the command is run again, which depends on whether the apply has begun.
    pub fn hint(&self, again: &str) -> String {
        match self {
            Self::Stale(_) => "audit again, and make a new plan".to_owned(),
            Self::OrganizationUnknown => {
                "audit again as a principal that may call organizations:DescribeOrganization, and make a new plan".to_owned()
            }
            Self::LossesGrew { .. } => "count again with scangap plan --collect".to_owned(),
            Self::Blocklisted { .. } => "make a plan without that account, or take it off the blocklist".to_owned(),
            Self::OtherOrganization { .. } => "use credentials of the plan's organization".to_owned(),
            Self::EndpointMismatch { plan_is_simulated: true } => {
                "name the simulation with --endpoint-url or AWS_ENDPOINT_URL: what is simulated never reaches AWS".to_owned()
            }
            Self::EndpointMismatch { plan_is_simulated: false } => {
                "leave out --endpoint-url and AWS_ENDPOINT_URL: what is real is not tried on a simulation".to_owned()
            }
            Self::Role { .. } | Self::WrongAccount { .. } => {
                "name roles that exist in each account with --role-name and --write-role-name; they must trust this caller"
                    .to_owned()
            }
            Self::WriteRoleDenied { .. } | Self::NeedsFirst { .. } => {
                "name a write role that the policies let through; or change the policy as a principal that they let through, with the commands of plan.md"
                    .to_owned()
            }
            Self::FindingsReports(_) => {
                "give both as AWS has them, with {region} where the plan has registries in several regions".to_owned()
            }
            Self::EnableNotVerified { .. } => format!(
                "let the write role call inspector2:Enable where the registry is toggled from, and {again}: nothing was turned off"
            ),
            Self::RegistryInUse(_) => "re-enable it first, as shown below, or wait for the other apply".to_owned(),
            Self::Begun(_) => "go on with it: --resume".to_owned(),
            Self::NothingToResume(_) => "leave out --resume; where its journal was lost, every command says how its registries are re-enabled by hand".to_owned(),
            Self::DisablePending { .. } => "run it again then".to_owned(),
            Self::Backup { .. } => format!("what would be lost must be saved first: see the cause, and {again}"),
            Self::SessionPolicyTooLong { .. } => {
                "make plans of fewer repositories, with --accounts, --regions or --diagnoses".to_owned()
            }
            Self::NotRecorded(_) => {
                format!("set HOME or XDG_STATE_HOME to a folder that can be written, and {again}")
            }
            Self::Journal(JournalError::Locked(_)) => "wait for it".to_owned(),
            Self::Journal(JournalError::OtherPlan(_)) => {
                "apply each plan in the folder that scangap plan made for it".to_owned()
            }
            Self::Journal(JournalError::Version { .. }) => {
                "resume it with the version of scangap that began it".to_owned()
            }
            Self::Journal(JournalError::Damaged { .. }) => {
                "the journal was edited or damaged: check in Inspector that ECR scanning is on in every registry of the plan, audit again, and make a new plan"
                    .to_owned()
            }
            Self::Identity(_) => format!("renew the credentials, and {again}"),
            Self::OnlyReenabled
            | Self::Interrupted
            | Self::OtherCaller { .. }
            | Self::Organization(_)
            | Self::Refused { .. }
            | Self::Call { .. }
            | Self::Timeout { .. }
            | Self::UnexpectedState { .. }
            | Self::Journal(JournalError::Io { .. }) => format!("see the cause, and {again}"),
        }
    }

    /// The account and region that it is about.
    pub fn place(&self) -> (Option<AccountId>, Option<&RegionName>) {
        match self {
            Self::EnableNotVerified { account, region, .. } | Self::Timeout { account, region, .. } => {
                (Some(*account), Some(region))
            }
            Self::Blocklisted { account, .. }
            | Self::Role { account, .. }
            | Self::SessionPolicyTooLong { account, .. }
            | Self::Refused { account, .. }
            | Self::WrongAccount { expected: account, .. } => (Some(*account), None),
            _ => (None, None),
        }
    }

    /// The call that failed.
    pub fn call(&self) -> Option<&CallError> {
        match self {
            Self::Call { source, .. } | Self::Role { source, .. } | Self::Organization(source) => Some(source),
            Self::EnableNotVerified { source, .. } => source.call(),
            _ => None,
        }
    }
}
