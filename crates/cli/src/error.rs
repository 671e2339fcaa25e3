//! What a command may end in: one fact, one action, an exit code.

#[cfg(test)]
mod samples;

use std::path::{Path, PathBuf};

use scangap_apply::{ApplyError, ClosingError, JournalError};
use scangap_aws::ConnectError;
use scangap_collect::CollectError;
use scangap_model::{Gap, GapKind};
use scangap_plan::{DocumentError, PlanReadError, shell_word};
use scangap_policy::SyntaxError;
use scangap_report::{CarryOverError, CompareError, FileError, VerifyError};
use scangap_simorg::{ScenarioError, StartError};
use scangap_snapshot::{MergeError, ReadError, WriteError};

use crate::config::ConfigError;
use crate::exit::Exit;
use crate::runs;
use crate::values::BadValue;

/// Why facts that were there a moment ago cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub(crate) scangap_model::RecordError);

#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("failed to connect to AWS")]
    Connect(#[source] ConnectError),
    #[error("the audit cannot start")]
    Collect(#[source] CollectError),
    #[error(transparent)]
    BadValue(#[from] BadValue),
    #[error("`{0}` already holds a snapshot")]
    AlreadyAudited(PathBuf),
    #[error("the snapshot is of another {what}: `{stored}`, and not `{given}`")]
    OtherAudit { what: &'static str, stored: String, given: String },
    #[error("the shards cannot be merged")]
    Merge(#[source] MergeError),
    #[error("another scangap is writing into `{0}`")]
    BeingWritten(PathBuf),
    #[error("`{0}` is not empty")]
    FolderInUse(PathBuf),
    #[error("the audit of `{0}` was never closed, so its facts have no hash that a plan could name")]
    NeverClosed(PathBuf),
    #[error("failed to create the folder `{path}`")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("failed to store the facts")]
    Store(#[source] WriteError),
    #[error("failed to encrypt the snapshot `{path}`")]
    NotEncrypted { path: PathBuf, source: std::io::Error },
    #[error("`{0}` is encrypted: it is finished, and not gone on with as it is")]
    IsEncrypted(PathBuf),
    #[error("failed to read the snapshot")]
    Snapshot(#[source] ReadError),
    #[error("snapshot `{0}` was modified: content hash mismatch")]
    Tampered(PathBuf),
    #[error("failed to read the facts of the snapshot")]
    Facts(#[source] Unreadable),
    #[error("failed to read the plan `{path}`")]
    PlanFile { path: PathBuf, source: std::io::Error },
    #[error("`{path}` is not a plan of this snapshot")]
    NotThePlan { path: PathBuf, source: PlanReadError },
    #[error("`{path}` is not the closing report of an apply")]
    NotApplied { path: PathBuf, source: ClosingError },
    #[error("`{0}` is not the closing report of an apply in this organization")]
    OtherApplied(PathBuf),
    #[error("the earlier workbook cannot be used")]
    CarryOver(#[source] CarryOverError),
    #[error("the snapshots cannot be compared")]
    Compare(#[source] CompareError),
    #[error("`{path}` is no part of this history")]
    History { path: PathBuf, source: CompareError },
    #[error(transparent)]
    Config(ConfigError),
    #[error("the folder cannot be checked")]
    Verify(#[source] VerifyError),
    #[error("the findings could not be put together")]
    FindingsFile(#[source] std::io::Error),
    #[error("failed to write the reports")]
    Report(#[source] FileError),
    #[error("failed to read the scenario `{path}`")]
    ScenarioFile { path: PathBuf, source: std::io::Error },
    #[error("the scenario `{path}` is not valid")]
    Scenario { path: PathBuf, source: ScenarioError },
    #[error("failed to read the policy `{path}`")]
    PolicyFile { path: PathBuf, source: std::io::Error },
    #[error("failed to read the baseline `{path}`")]
    Baseline { path: PathBuf, source: std::io::Error },
    #[error("failed to write the job summary `{path}`")]
    StepSummary { path: PathBuf, source: std::io::Error },
    #[error("failed to write JUnit's XML: {0}")]
    Junit(String),
    #[error("`{path}` is not a policy that AWS would store")]
    NotAPolicy { path: PathBuf, source: SyntaxError },
    #[error("repository `{0}` is not in the snapshot for this account and region")]
    NoPolicy(String),
    #[error("failed to start the simulated organization")]
    Simulator(#[source] StartError),
    #[error("the {what} is of a {} organization, but the endpoint is {}", if *.simulated { "simulated" } else { "real" }, if *.simulated { "AWS's" } else { "not AWS's" })]
    EndpointMismatch { what: &'static str, simulated: bool },
    #[error("the organization is `{found}`, and not `{expected}`")]
    OtherOrganization { expected: String, found: String },
    #[error("the organization could not be described, to see that it is the same")]
    Organization(#[source] scangap_aws::CallError),
    #[error("the plan cannot be applied")]
    Document(#[source] DocumentError),
    #[error("the plan was not applied completely")]
    Apply(#[source] Box<ApplyError>),
    #[error("the plan was not applied: nothing was changed")]
    NotApplicable(#[source] Box<ApplyError>),
    #[error("what the plan would delete could not be saved")]
    NotSaved(#[source] Box<ApplyError>),
    #[error("ECR scanning may be off, or its configuration another, in a registry of the plan")]
    LeftDisabled(#[source] Box<ApplyError>),
    #[error("`{given}` is not `{expected}`: nothing was changed")]
    NotConfirmed { given: String, expected: String },
    #[error("the plan deletes {lost} findings, and not {given}: nothing was changed")]
    OtherLoss { given: u64, lost: u64 },
    #[error("nothing was changed: there is no terminal to ask at, and the flags do not say it")]
    NobodyToAsk { confirm: Option<String>, lost: Option<u64> },
    #[error("no snapshot with the plan's facts `{0}` was found")]
    SnapshotNotFound(String),
    #[error("the loss estimate that the plan refers to was not found next to `{0}`")]
    LossesNotFound(PathBuf),
    #[error("the rehearsal lost more than the plan says")]
    RehearsalLost,
    #[error("the rehearsal was interrupted")]
    RehearsalInterrupted,
    #[error("the plan was made from facts `{facts}`, and `{path}` holds others")]
    OtherSnapshot { path: PathBuf, facts: String },
    #[error("there is no role to write with")]
    NoWriteRole,
    #[error("failed to write the log `{path}`")]
    LogFile { path: PathBuf, source: std::io::Error },
    #[error("failed to start the asynchronous runtime")]
    Runtime(#[source] std::io::Error),
}

impl CliError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Connect(error) => match error {
                // Nobody answered: that says nothing about the credentials.
                ConnectError::Identity(error)
                    if matches!(
                        error.kind,
                        GapKind::Connection
                            | GapKind::Timeout
                            | GapKind::ServerError
                            | GapKind::Throttled
                            | GapKind::MalformedAnswer
                            | GapKind::NotImplemented
                    ) =>
                {
                    Exit::Unexpected
                }
                ConnectError::NoCredentials(_)
                | ConnectError::CredentialsFailed(_)
                | ConnectError::NoCredentialChain
                | ConnectError::Identity(_)
                | ConnectError::BadIdentity(_) => Exit::NoPermission,
                ConnectError::CaBundle { .. }
                | ConnectError::CaBundleEmpty { .. }
                | ConnectError::CaBundleBroken { .. }
                | ConnectError::Setting(_)
                | ConnectError::Partition(_) => Exit::Usage,
            },
            Self::Collect(error) => match error {
                CollectError::NotAdministrator { .. }
                | CollectError::OrganizationRole(_)
                | CollectError::RoleRefusedEverywhere { .. } => Exit::NoPermission,
                CollectError::UnknownAccount { .. }
                | CollectError::UnknownOrganizationalUnit(_)
                | CollectError::NothingInScope => Exit::Usage,
                CollectError::SessionPolicyRefused(_)
                | CollectError::OrganizationalUnitsUnreadable { .. }
                | CollectError::OrganizationUnreadable(_)
                | CollectError::Workers(_)
                | CollectError::ListenerGone => Exit::Unexpected,
                CollectError::Interrupted => Exit::Interrupted,
            },
            Self::BadValue(_)
            | Self::AlreadyAudited(_)
            | Self::FolderInUse(_)
            | Self::NotConfirmed { .. }
            | Self::OtherLoss { .. }
            | Self::NobodyToAsk { .. }
            | Self::NoWriteRole => Exit::Usage,
            Self::RehearsalInterrupted => Exit::Interrupted,
            Self::LeftDisabled(_) => Exit::ScanningOff,
            Self::Apply(stop) | Self::NotApplicable(stop) | Self::NotSaved(stop) => exit_of_apply(stop),
            Self::Snapshot(_)
            | Self::IsEncrypted(_)
            | Self::Merge(
                MergeError::Read(_)
                | MergeError::OtherVersion { .. }
                | MergeError::OtherAudit { .. }
                | MergeError::Differs { .. }
                | MergeError::Tampered(_),
            )
            | Self::Facts(_)
            | Self::Tampered(_)
            | Self::NeverClosed(_)
            | Self::PlanFile { .. }
            | Self::NotThePlan { .. }
            | Self::NotApplied { .. }
            | Self::OtherApplied(_)
            | Self::CarryOver(_)
            | Self::Verify(_)
            | Self::Compare(_)
            | Self::Config(_)
            | Self::History { .. }
            | Self::PolicyFile { .. }
            | Self::NotAPolicy { .. }
            | Self::Baseline { .. }
            | Self::NoPolicy(_)
            | Self::EndpointMismatch { .. }
            | Self::Document(_)
            | Self::SnapshotNotFound(_)
            | Self::LossesNotFound(_)
            | Self::OtherSnapshot { .. }
            | Self::OtherOrganization { .. }
            | Self::OtherAudit { .. }
            | Self::Scenario { .. }
            | Self::ScenarioFile { .. }
            | Self::Simulator(StartError::Scenario(_)) => Exit::Data,
            Self::Folder { .. }
            | Self::Merge(MergeError::Write(_) | MergeError::Sqlite { .. })
            | Self::Store(_)
            | Self::FindingsFile(_)
            | Self::NotEncrypted { .. }
            | Self::Report(_)
            | Self::StepSummary { .. }
            | Self::Junit(_)
            | Self::Organization(_)
            | Self::BeingWritten(_)
            | Self::RehearsalLost
            | Self::Simulator(StartError::Listen { .. })
            | Self::LogFile { .. }
            | Self::Runtime(_) => Exit::Unexpected,
        }
    }

    /// One action.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Connect(error) => error.hint(),
            Self::Collect(error) => return error.hint(),
            Self::Snapshot(error) => return hint_of_read(error),
            Self::IsEncrypted(path) => {
                let shown = shell_word(&path.to_string_lossy());
                format!("audit again; or decrypt it first: age -d -i FILE -o snapshot.db {shown}")
            }
            Self::BadValue(wrong) => wrong.hint.clone(),
            Self::AlreadyAudited(_) => {
                "go on with it with --resume, or name another folder with --out; a snapshot is never overwritten"
                    .to_owned()
            }
            Self::OtherAudit { .. } => {
                "resume it with what it was begun with, or leave that out: it is in the snapshot".to_owned()
            }
            Self::Merge(_) => {
                "merge the shards of one audit: one organization, scope, --as-of and release, each shard once"
                    .to_owned()
            }
            Self::BeingWritten(_) => "wait until it has ended".to_owned(),
            Self::FolderInUse(_) => "name a new folder with --out: a plan has its own, and is never changed".to_owned(),
            Self::NeverClosed(path) => {
                let path = path.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
                format!("go on with it: scangap audit --resume {}", shell_word(&path.to_string_lossy()))
            }
            Self::Folder { .. } => "name a folder that you may write to with --out".to_owned(),
            Self::Compare(error) | Self::History { source: error, .. } => error.hint().to_owned(),
            Self::Tampered(_) => {
                "it was changed after the audit: use the one that the audit wrote, or audit again".to_owned()
            }
            Self::PlanFile { .. } | Self::NotThePlan { .. } => {
                "name the plan.json that `scangap plan` made from this snapshot".to_owned()
            }
            Self::NotApplied { .. } | Self::OtherApplied(_) => {
                "name the applied.json that `scangap apply` wrote".to_owned()
            }
            Self::CarryOver(_) => {
                "name an audit.xlsx that scangap wrote, with its columns under the titles that it gave them, as in its sheet Action list".to_owned()
            }
            Self::Verify(_) => "name a folder that scangap wrote, with its manifest.json".to_owned(),
            Self::NoPolicy(_) => "see repositories.csv for the accounts, regions and names that were read".to_owned(),
            Self::EndpointMismatch { simulated: true, .. } => {
                "name the simulation with --endpoint-url or AWS_ENDPOINT_URL: what is simulated never reaches AWS"
                    .to_owned()
            }
            Self::EndpointMismatch { simulated: false, .. } => {
                "leave out --endpoint-url and AWS_ENDPOINT_URL: what is real is not tried on a simulation".to_owned()
            }
            Self::Document(_) => "name the folder that `scangap plan --out` wrote, as it wrote it".to_owned(),
            Self::Apply(stop) => stop.hint("run it again with --resume: what is done stays done"),
            Self::NotApplicable(stop) => stop.hint("run it again"),
            Self::NotSaved(stop) => stop.hint("make the plan again in another folder"),
            Self::LeftDisabled(stop) => match &**stop {
                ApplyError::DisablePending { .. } => "run it again then, with --bring-back".to_owned(),
                _ => "run it with --bring-back, or the commands below by hand".to_owned(),
            },
            Self::NotConfirmed { .. } => {
                "type it, or give it with --confirm and --accept-history-loss, exactly as it is asked for".to_owned()
            }
            Self::OtherLoss { .. } => {
                "read the plan's warning, and give its number with --accept-history-loss".to_owned()
            }
            Self::NobodyToAsk { confirm, lost } => {
                let confirm = confirm.as_ref().map(|word| format!("--confirm {word}"));
                let lost = lost.map(|number| format!("--accept-history-loss {number}"));
                format!("to go on: {}", confirm.into_iter().chain(lost).collect::<Vec<_>>().join(" "))
            }
            Self::SnapshotNotFound(_) | Self::OtherSnapshot { .. } => {
                "name the snapshot that the plan was made from with --snapshot".to_owned()
            }
            Self::LossesNotFound(_) => "name the snapshot next to its snapshot-losses-*.db".to_owned(),
            Self::RehearsalInterrupted => "rehearse again".to_owned(),
            Self::RehearsalLost => "do not apply this plan: count again with scangap plan --collect".to_owned(),
            Self::NoWriteRole => "name one with --write-role-name: it is narrowed to the calls of the plan".to_owned(),
            Self::OtherOrganization { .. } => "use credentials of the organization that was audited".to_owned(),
            Self::Organization(error) => error.clone().at(None, None, "").hint(),
            Self::Config(error) => error.source.hint().to_owned(),
            Self::Scenario { .. } => "`scangap simulate --print-scenario` prints an example".to_owned(),
            Self::Simulator(StartError::Listen { .. }) => "name another port with --port, or 0 for any".to_owned(),
            Self::Baseline { .. } => "`scangap gate --write-baseline` writes one".to_owned(),
            Self::Store(_)
            | Self::StepSummary { .. }
            | Self::Junit(_)
            | Self::Facts(_)
            | Self::FindingsFile(_)
            | Self::NotEncrypted { .. }
            | Self::Report(_)
            | Self::ScenarioFile { .. }
            | Self::PolicyFile { .. }
            | Self::NotAPolicy { .. }
            | Self::Simulator(StartError::Scenario(_))
            | Self::LogFile { .. }
            | Self::Runtime(_) => return None,
        })
    }

    /// A gap that explains the error, as one more cause.
    pub(crate) fn evidence(&self) -> Option<&Gap> {
        match self {
            Self::Collect(
                CollectError::NotAdministrator { cause: gap, .. }
                | CollectError::OrganizationRole(gap)
                | CollectError::OrganizationUnreadable(gap)
                | CollectError::OrganizationalUnitsUnreadable { cause: gap, .. }
                | CollectError::RoleRefusedEverywhere { example: gap, .. }
                | CollectError::SessionPolicyRefused(gap),
            ) => Some(gap),
            _ => None,
        }
    }
}

/// The exit code of an apply that did not come to its end.
fn exit_of_apply(stop: &ApplyError) -> Exit {
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

fn hint_of_read(error: &ReadError) -> Option<String> {
    Some(match error {
        ReadError::Missing(_) => match runs::newest_snapshot() {
            Some(newest) => format!("the newest one here is `{}`", newest.display()),
            None => "name the snapshot.db of an audit, or its folder".to_owned(),
        },
        ReadError::Encrypted(_) => {
            "name the file with your identity, as age-keygen wrote it, with --age-identity".to_owned()
        }
        ReadError::NotDecrypted { .. } | ReadError::BadIdentities { .. } => {
            "name with --age-identity the file with the identity of one of those it was encrypted to".to_owned()
        }
        _ => return None,
    })
}
