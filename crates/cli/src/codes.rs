//! Stable codes of errors: a text may be worded better, a code stays. `TROUBLESHOOTING.md` has an anchor for each.

use scangap_apply::{ApplyError, JournalError};
use scangap_aws::ConnectError;
use scangap_collect::CollectError;
use scangap_snapshot::ReadError;

use crate::error::CliError;

/// A kind of error that the user can do something different about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    ArgumentUsage,
    ArgumentValue,
    ApplyBackup,
    ApplyBegun,
    ApplyBlocklisted,
    ApplyCall,
    ApplyDisablePending,
    ApplyEnableNotVerified,
    ApplyFindingsReport,
    ApplyLossesGrew,
    ApplyNeedsFirst,
    ApplyNoTerminal,
    ApplyNoWriteRole,
    ApplyNotConfirmed,
    ApplyNotRecorded,
    ApplyNothingToResume,
    ApplyOnlyReenabled,
    ApplyOrganizationUnknown,
    ApplyOtherCaller,
    ApplyRefused,
    ApplyRegistryInUse,
    ApplyRole,
    ApplyScanningOff,
    ApplyStale,
    ApplyTimeout,
    ApplyUnexpectedState,
    ApplyWriteRoleDenied,
    AwsCaBundle,
    AwsCredentials,
    AwsIdentity,
    AwsSetting,
    ClosingReportInvalid,
    ConfigInvalid,
    DiffCompare,
    EndpointMismatch,
    FolderInUse,
    FolderWrite,
    GateBaseline,
    Interrupted,
    Internal,
    JournalDamaged,
    JournalLocked,
    JournalOtherPlan,
    JournalVersion,
    JournalWrite,
    LossesNotFound,
    MergeParts,
    OrganizationOther,
    OrganizationUnreadable,
    OutputWrite,
    PlanInvalid,
    PlanOtherSnapshot,
    PolicyInvalid,
    PolicyNotFound,
    RehearseLostMore,
    ReportWrite,
    RoleRefused,
    ScenarioInvalid,
    ScopeEmpty,
    ScopeUnknown,
    SessionPolicy,
    SimulatorStart,
    SnapshotEncrypted,
    SnapshotExists,
    SnapshotInUse,
    SnapshotModified,
    SnapshotNotClosed,
    SnapshotOtherAudit,
    SnapshotRead,
    SnapshotWrite,
    VerifyFolder,
    WorkbookCarryOver,
}

/// A code, as it is shown, with what it means.
#[derive(Debug)]
pub struct CodeInfo {
    pub code: ErrorCode,
    pub word: &'static str,
    pub meaning: &'static str,
    pub what_to_do: &'static str,
}

const fn row(code: ErrorCode, word: &'static str, meaning: &'static str, what_to_do: &'static str) -> CodeInfo {
    CodeInfo { code, word, meaning, what_to_do }
}

pub const ERROR_CODES: &[CodeInfo] = &[
    row(ErrorCode::ArgumentUsage, "argument.usage", "the command line cannot be parsed", "see --help of the command"),
    row(ErrorCode::ArgumentValue, "argument.value", "a value is not one of those that are possible", "see the hint"),
    row(
        ErrorCode::ApplyBackup,
        "apply.backup",
        "what a re-sync would delete could not be saved, so nothing was disabled",
        "see the cause, and run apply again",
    ),
    row(ErrorCode::ApplyBegun, "apply.begun", "an apply of this plan was begun before", "continue it with --resume"),
    row(
        ErrorCode::ApplyBlocklisted,
        "apply.blocklisted",
        "the plan has a step in an account of the blocklist",
        "make a plan without that account",
    ),
    row(
        ErrorCode::ApplyCall,
        "apply.call",
        "a call failed, after retries where they are safe",
        "see the cause, and continue with --resume",
    ),
    row(
        ErrorCode::ApplyDisablePending,
        "apply.disable_pending",
        "a Disable had no answer, and may still take effect",
        "run it again at the time that is named, with --bring-back",
    ),
    row(
        ErrorCode::ApplyEnableNotVerified,
        "apply.enable_not_verified",
        "inspector2:Enable could not be verified, so nothing was disabled",
        "let the write role call inspector2:Enable where the registry is toggled from",
    ),
    row(
        ErrorCode::ApplyFindingsReport,
        "apply.findings_report",
        "Inspector cannot write its report to the place that was named",
        "name bucket and key in the region of the findings",
    ),
    row(
        ErrorCode::ApplyLossesGrew,
        "apply.losses_grew",
        "more would be lost than the plan says",
        "count again with scangap plan --collect",
    ),
    row(
        ErrorCode::ApplyNeedsFirst,
        "apply.needs_first",
        "a re-sync needs a repair that cannot be made",
        "make that repair as a principal that the policy allows",
    ),
    row(
        ErrorCode::ApplyNoTerminal,
        "apply.no_terminal",
        "there is no terminal to confirm at",
        "confirm with --confirm and --accept-history-loss",
    ),
    row(
        ErrorCode::ApplyNoWriteRole,
        "apply.no_write_role",
        "no write role was named",
        "name one with --write-role-name",
    ),
    row(
        ErrorCode::ApplyNotConfirmed,
        "apply.not_confirmed",
        "the confirmation is not what was asked for",
        "give the organization id and the number of findings exactly",
    ),
    row(
        ErrorCode::ApplyNotRecorded,
        "apply.not_recorded",
        "the apply cannot be recorded for later commands, so nothing was changed",
        "set HOME or XDG_STATE_HOME to a folder that can be written",
    ),
    row(
        ErrorCode::ApplyNothingToResume,
        "apply.nothing_to_resume",
        "no apply of this plan was begun in this folder",
        "leave out --resume",
    ),
    row(
        ErrorCode::ApplyOnlyReenabled,
        "apply.only_reenabled",
        "what was open was re-enabled, as --bring-back asks, and nothing else was done",
        "nothing",
    ),
    row(
        ErrorCode::ApplyOrganizationUnknown,
        "apply.organization_unknown",
        "the audit could not describe the organization that the plan is of",
        "audit again as a principal that may call organizations:DescribeOrganization",
    ),
    row(
        ErrorCode::ApplyOtherCaller,
        "apply.other_caller",
        "the caller is not who began the apply",
        "use the credentials that began it",
    ),
    row(ErrorCode::ApplyRefused, "apply.refused", "Inspector refused the account", "see the cause"),
    row(
        ErrorCode::ApplyRegistryInUse,
        "apply.registry_in_use",
        "an earlier or running apply may have left a registry of the plan without scanning",
        "re-enable it first, or wait for the other apply",
    ),
    row(
        ErrorCode::ApplyRole,
        "apply.role",
        "a role could not be assumed in an account of the plan",
        "name roles that exist there and trust this caller",
    ),
    row(
        ErrorCode::ApplyScanningOff,
        "apply.scanning_off",
        "ECR scanning may be off, or its configuration another, in a registry of the plan",
        "run apply with --bring-back, or the commands that are shown",
    ),
    row(ErrorCode::ApplyStale, "apply.stale", "AWS is not as the plan saw it", "audit again, and make a new plan"),
    row(ErrorCode::ApplyTimeout, "apply.timeout", "a status did not change in time", "continue with --resume"),
    row(
        ErrorCode::ApplyUnexpectedState,
        "apply.unexpected_state",
        "AWS is in a state that the apply does not expect",
        "see the message, and continue with --resume",
    ),
    row(
        ErrorCode::ApplyWriteRoleDenied,
        "apply.write_role_denied",
        "the policy denies the write role the change",
        "name a write role that it allows, or make the change as such a principal",
    ),
    row(
        ErrorCode::AwsCaBundle,
        "aws.ca_bundle",
        "the certificate authorities cannot be read",
        "name a PEM file with --ca-bundle or AWS_CA_BUNDLE",
    ),
    row(
        ErrorCode::AwsCredentials,
        "aws.credentials",
        "there are no credentials, or they could not be made",
        "log in, or name a profile with --profile",
    ),
    row(
        ErrorCode::AwsIdentity,
        "aws.identity",
        "sts:GetCallerIdentity failed",
        "see the cause: the keys, the clock or the endpoint",
    ),
    row(
        ErrorCode::AwsSetting,
        "aws.setting",
        "a setting of the environment or the AWS configuration files is not valid",
        "see the hint",
    ),
    row(
        ErrorCode::ClosingReportInvalid,
        "closing_report.invalid",
        "the file is not the closing report of an apply in this organization",
        "name the applied.json that scangap apply wrote",
    ),
    row(
        ErrorCode::ConfigInvalid,
        "config.invalid",
        "scangap.toml cannot be read, or says what is not known",
        "the error names the line or the acceptance; scangap accept writes acceptances as they are read",
    ),
    row(
        ErrorCode::DiffCompare,
        "diff.compare",
        "the snapshots cannot be compared",
        "name the older snapshot first, both of one organization",
    ),
    row(
        ErrorCode::EndpointMismatch,
        "endpoint.mismatch",
        "what is simulated meets AWS, or what is real meets a simulation",
        "name the endpoint that the snapshot or plan was made with",
    ),
    row(ErrorCode::FolderInUse, "folder.in_use", "the folder for the output is not empty", "name another folder"),
    row(ErrorCode::FolderWrite, "folder.write", "a folder or a log cannot be written", "see the cause"),
    row(
        ErrorCode::GateBaseline,
        "gate.baseline",
        "a baseline of the gate cannot be read",
        "write it again with --write-baseline",
    ),
    row(ErrorCode::Interrupted, "interrupted", "the user ended it", "run it again"),
    row(ErrorCode::Internal, "internal", "scangap could not start a part of itself", "report it with the command"),
    row(
        ErrorCode::JournalDamaged,
        "journal.damaged",
        "a line of the journal cannot be read",
        "look in Inspector whether every registry of the plan is on, audit again, and make a new plan",
    ),
    row(ErrorCode::JournalLocked, "journal.locked", "another apply of this plan is running", "wait for it"),
    row(
        ErrorCode::JournalOtherPlan,
        "journal.other_plan",
        "the journal in this folder is of another plan",
        "apply each plan in its own folder",
    ),
    row(
        ErrorCode::JournalVersion,
        "journal.version",
        "the journal was written by another version",
        "resume it with the version that began it",
    ),
    row(
        ErrorCode::JournalWrite,
        "journal.write",
        "the journal cannot be written, so nothing goes on",
        "free space or permissions, and continue with --resume",
    ),
    row(
        ErrorCode::LossesNotFound,
        "losses.not_found",
        "the loss estimate of the plan was not found",
        "name the snapshot that has it next to it",
    ),
    row(
        ErrorCode::MergeParts,
        "merge.parts",
        "the shards are not of one audit, or say different things of one place",
        "merge the shards of one audit, each once",
    ),
    row(
        ErrorCode::OrganizationOther,
        "organization.other",
        "the credentials are of another organization",
        "use credentials of the organization that was audited",
    ),
    row(
        ErrorCode::OrganizationUnreadable,
        "organization.unreadable",
        "the organization cannot be read",
        "run from the management account or a delegated administrator, or name a role there with --organization-role-arn",
    ),
    row(ErrorCode::OutputWrite, "output.write", "standard output cannot be written", "see the cause"),
    row(
        ErrorCode::PlanInvalid,
        "plan.invalid",
        "the file is no plan, was changed, or is of another version",
        "name the folder that scangap plan wrote, as it wrote it",
    ),
    row(
        ErrorCode::PlanOtherSnapshot,
        "plan.other_snapshot",
        "plan and snapshot do not belong together",
        "name the snapshot that the plan was made from",
    ),
    row(ErrorCode::PolicyInvalid, "policy.invalid", "AWS would not store the policy", "see the place that is shown"),
    row(
        ErrorCode::PolicyNotFound,
        "policy.not_found",
        "the snapshot has no such repository",
        "name account, region and repository as repositories.csv has them",
    ),
    row(
        ErrorCode::RehearseLostMore,
        "rehearse.lost_more",
        "the rehearsal lost more than the plan says",
        "do not apply it: count again with scangap plan --collect",
    ),
    row(
        ErrorCode::ReportWrite,
        "report.write",
        "the reports cannot be written; those of before are unchanged",
        "free space or permissions",
    ),
    row(
        ErrorCode::RoleRefused,
        "role.refused",
        "the audit role could be assumed in no account",
        "name it with --role-name; it must trust this caller",
    ),
    row(
        ErrorCode::ScenarioInvalid,
        "scenario.invalid",
        "the scenario of a simulation cannot be read",
        "compare it with scangap simulate --print-scenario",
    ),
    row(
        ErrorCode::ScopeEmpty,
        "scope.empty",
        "the filters leave no account",
        "widen --accounts, --exclude-accounts and --ou",
    ),
    row(ErrorCode::ScopeUnknown, "scope.unknown", "an account or OU does not exist", "see the hint"),
    row(
        ErrorCode::SessionPolicy,
        "session_policy",
        "STS refused the session policy, or it is too long",
        "make plans of fewer repositories; for an audit see the cause",
    ),
    row(
        ErrorCode::SimulatorStart,
        "simulator.start",
        "the simulated organization cannot start",
        "name another port with --port",
    ),
    row(
        ErrorCode::SnapshotEncrypted,
        "snapshot.encrypted",
        "the snapshot is encrypted, and no identity opens it, or it is to be gone on with",
        "name the file with your identity with --age-identity; what is finished and encrypted is not resumed",
    ),
    row(
        ErrorCode::SnapshotExists,
        "snapshot.exists",
        "the folder already holds a snapshot, which is never overwritten",
        "go on with it with --resume, or name another folder with --out",
    ),
    row(
        ErrorCode::SnapshotInUse,
        "snapshot.in_use",
        "another scangap is writing into the snapshot's folder",
        "wait until it has ended",
    ),
    row(
        ErrorCode::SnapshotModified,
        "snapshot.modified",
        "the snapshot was changed after the audit",
        "use the file that the audit wrote, or audit again",
    ),
    row(
        ErrorCode::SnapshotNotClosed,
        "snapshot.not_closed",
        "the audit of the snapshot was never closed",
        "go on with it with audit --resume",
    ),
    row(
        ErrorCode::SnapshotOtherAudit,
        "snapshot.other_audit",
        "the snapshot is of another audit than the command line names",
        "resume it with what it was begun with, or leave that out",
    ),
    row(
        ErrorCode::SnapshotRead,
        "snapshot.read",
        "the snapshot cannot be read",
        "name a snapshot.db; they are in the folders below runs",
    ),
    row(ErrorCode::SnapshotWrite, "snapshot.write", "the facts cannot be stored", "free space or permissions"),
    row(
        ErrorCode::VerifyFolder,
        "verify.folder",
        "the folder cannot be checked",
        "name a folder that scangap wrote, with its manifest.json",
    ),
    row(
        ErrorCode::WorkbookCarryOver,
        "workbook.carry_over",
        "the notes of the earlier workbook cannot be read",
        "name an audit.xlsx that scangap wrote",
    ),
];

impl ErrorCode {
    pub(crate) fn word(self) -> &'static str {
        ERROR_CODES.iter().find(|info| info.code == self).map_or("internal", |info| info.word)
    }
}

pub(crate) fn of(error: &CliError) -> ErrorCode {
    match error {
        CliError::Connect(error) => of_connect(error),
        CliError::Collect(error) => of_collect(error),
        CliError::BadValue(_) => ErrorCode::ArgumentValue,
        CliError::AlreadyAudited(_) => ErrorCode::SnapshotExists,
        CliError::OtherAudit { .. } => ErrorCode::SnapshotOtherAudit,
        CliError::Merge(_) => ErrorCode::MergeParts,
        CliError::BeingWritten(_) => ErrorCode::SnapshotInUse,
        CliError::FolderInUse(_) => ErrorCode::FolderInUse,
        CliError::NeverClosed(_) => ErrorCode::SnapshotNotClosed,
        CliError::Folder { .. } | CliError::LogFile { .. } => ErrorCode::FolderWrite,
        CliError::Store(_) | CliError::NotEncrypted { .. } => ErrorCode::SnapshotWrite,
        CliError::Snapshot(
            ReadError::Encrypted(_) | ReadError::NotDecrypted { .. } | ReadError::BadIdentities { .. },
        )
        | CliError::IsEncrypted(_) => ErrorCode::SnapshotEncrypted,
        CliError::Snapshot(_) | CliError::Facts(_) => ErrorCode::SnapshotRead,
        CliError::Tampered(_) => ErrorCode::SnapshotModified,
        CliError::PlanFile { .. } | CliError::Document(_) => ErrorCode::PlanInvalid,
        CliError::NotThePlan { .. } | CliError::SnapshotNotFound(_) | CliError::OtherSnapshot { .. } => {
            ErrorCode::PlanOtherSnapshot
        }
        CliError::NotApplied { .. } | CliError::OtherApplied(_) => ErrorCode::ClosingReportInvalid,
        CliError::CarryOver(_) => ErrorCode::WorkbookCarryOver,
        CliError::Compare(_) | CliError::History { .. } => ErrorCode::DiffCompare,
        CliError::Config(_) => ErrorCode::ConfigInvalid,
        CliError::Verify(_) => ErrorCode::VerifyFolder,
        CliError::FindingsFile(_) | CliError::Report(_) | CliError::StepSummary { .. } | CliError::Junit(_) => {
            ErrorCode::ReportWrite
        }
        CliError::Baseline { .. } => ErrorCode::GateBaseline,
        CliError::ScenarioFile { .. } | CliError::Scenario { .. } => ErrorCode::ScenarioInvalid,
        CliError::PolicyFile { .. } | CliError::NotAPolicy { .. } => ErrorCode::PolicyInvalid,
        CliError::NoPolicy(_) => ErrorCode::PolicyNotFound,
        CliError::Simulator(_) => ErrorCode::SimulatorStart,
        CliError::EndpointMismatch { .. } => ErrorCode::EndpointMismatch,
        CliError::OtherOrganization { .. } => ErrorCode::OrganizationOther,
        CliError::Organization(_) => ErrorCode::OrganizationUnreadable,
        CliError::Apply(error) | CliError::NotApplicable(error) | CliError::NotSaved(error) => of_apply(error),
        CliError::LeftDisabled(error) => match &**error {
            ApplyError::DisablePending { .. } => ErrorCode::ApplyDisablePending,
            _ => ErrorCode::ApplyScanningOff,
        },
        CliError::NotConfirmed { .. } | CliError::OtherLoss { .. } => ErrorCode::ApplyNotConfirmed,
        CliError::NobodyToAsk { .. } => ErrorCode::ApplyNoTerminal,
        CliError::LossesNotFound(_) => ErrorCode::LossesNotFound,
        CliError::RehearsalLost => ErrorCode::RehearseLostMore,
        CliError::RehearsalInterrupted => ErrorCode::Interrupted,
        CliError::NoWriteRole => ErrorCode::ApplyNoWriteRole,
        CliError::Runtime(_) => ErrorCode::Internal,
    }
}

fn of_connect(error: &ConnectError) -> ErrorCode {
    match error {
        ConnectError::NoCredentials(_) | ConnectError::CredentialsFailed(_) | ConnectError::NoCredentialChain => {
            ErrorCode::AwsCredentials
        }
        ConnectError::Identity(_) | ConnectError::BadIdentity(_) => ErrorCode::AwsIdentity,
        ConnectError::CaBundle { .. } | ConnectError::CaBundleEmpty { .. } | ConnectError::CaBundleBroken { .. } => {
            ErrorCode::AwsCaBundle
        }
        ConnectError::Setting(_) | ConnectError::Partition(_) => ErrorCode::AwsSetting,
    }
}

fn of_collect(error: &CollectError) -> ErrorCode {
    match error {
        CollectError::NotAdministrator { .. }
        | CollectError::OrganizationRole(_)
        | CollectError::OrganizationUnreadable(_)
        | CollectError::OrganizationalUnitsUnreadable { .. } => ErrorCode::OrganizationUnreadable,
        CollectError::RoleRefusedEverywhere { .. } => ErrorCode::RoleRefused,
        CollectError::UnknownAccount { .. } | CollectError::UnknownOrganizationalUnit(_) => ErrorCode::ScopeUnknown,
        CollectError::NothingInScope => ErrorCode::ScopeEmpty,
        CollectError::SessionPolicyRefused(_) => ErrorCode::SessionPolicy,
        CollectError::Workers(_) | CollectError::ListenerGone => ErrorCode::Internal,
        CollectError::Interrupted => ErrorCode::Interrupted,
    }
}

fn of_apply(error: &ApplyError) -> ErrorCode {
    match error {
        ApplyError::Stale(_) => ErrorCode::ApplyStale,
        ApplyError::Blocklisted { .. } => ErrorCode::ApplyBlocklisted,
        ApplyError::OtherOrganization { .. } => ErrorCode::OrganizationOther,
        ApplyError::EndpointMismatch { .. } => ErrorCode::EndpointMismatch,
        ApplyError::OrganizationUnknown => ErrorCode::ApplyOrganizationUnknown,
        ApplyError::Organization(_) => ErrorCode::OrganizationUnreadable,
        ApplyError::OtherCaller { .. } => ErrorCode::ApplyOtherCaller,
        ApplyError::Identity(_) => ErrorCode::AwsIdentity,
        ApplyError::Role { .. } | ApplyError::WrongAccount { .. } => ErrorCode::ApplyRole,
        ApplyError::WriteRoleDenied { .. } => ErrorCode::ApplyWriteRoleDenied,
        ApplyError::NeedsFirst { .. } => ErrorCode::ApplyNeedsFirst,
        ApplyError::SessionPolicyTooLong { .. } => ErrorCode::SessionPolicy,
        ApplyError::Backup { .. } => ErrorCode::ApplyBackup,
        ApplyError::LossesGrew { .. } => ErrorCode::ApplyLossesGrew,
        ApplyError::Refused { .. } => ErrorCode::ApplyRefused,
        ApplyError::EnableNotVerified { .. } => ErrorCode::ApplyEnableNotVerified,
        ApplyError::Call { .. } => ErrorCode::ApplyCall,
        ApplyError::Timeout { .. } => ErrorCode::ApplyTimeout,
        ApplyError::UnexpectedState { .. } => ErrorCode::ApplyUnexpectedState,
        ApplyError::FindingsReports(_) => ErrorCode::ApplyFindingsReport,
        ApplyError::DisablePending { .. } => ErrorCode::ApplyDisablePending,
        ApplyError::OnlyReenabled => ErrorCode::ApplyOnlyReenabled,
        ApplyError::Interrupted => ErrorCode::Interrupted,
        ApplyError::RegistryInUse(_) => ErrorCode::ApplyRegistryInUse,
        ApplyError::Begun(_) => ErrorCode::ApplyBegun,
        ApplyError::NothingToResume(_) => ErrorCode::ApplyNothingToResume,
        ApplyError::NotRecorded(_) => ErrorCode::ApplyNotRecorded,
        ApplyError::Journal(error) => match error {
            JournalError::Io { .. } => ErrorCode::JournalWrite,
            JournalError::OtherPlan(_) => ErrorCode::JournalOtherPlan,
            JournalError::Damaged { .. } => ErrorCode::JournalDamaged,
            JournalError::Version { .. } => ErrorCode::JournalVersion,
            JournalError::Locked(_) => ErrorCode::JournalLocked,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_row_in_the_order_of_the_codes() {
        for (at, info) in ERROR_CODES.iter().enumerate() {
            assert_eq!(info.code as usize, at, "{}", info.word);
            assert_eq!(ERROR_CODES.iter().filter(|other| other.word == info.word).count(), 1, "{}", info.word);
        }
        assert_eq!(ERROR_CODES.len(), ErrorCode::WorkbookCarryOver as usize + 1);
    }

    // Holds: 13 Errors: every code is documented in TROUBLESHOOTING.md by an anchor
    #[test]
    fn every_code_is_documented() {
        let page = include_str!("../../../TROUBLESHOOTING.md");
        for info in ERROR_CODES {
            let line = format!("| <a id=\"{0}\"></a>`{0}` | {1} | {2} |", info.word, info.meaning, info.what_to_do);
            assert!(page.contains(&line), "TROUBLESHOOTING.md lacks: {line}");
        }
    }
}
