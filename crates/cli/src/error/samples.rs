//! One of each error, as it is printed: a change of a word is seen in the snapshot.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap::error::ErrorKind;
use jiff::Timestamp;
use scangap_apply::{ApplyError, ClosingError, FindingsReports, JournalError};
use scangap_aws::{CallError, ConnectError, SettingError};
use scangap_collect::CollectError;
use scangap_model::{APIS, AccountId, Api, Cause, Gap, GapKind, RegionName, hint};
use scangap_plan::{DocumentError, PlanReadError};
use scangap_policy::PolicyDocument;
use scangap_report::{CarryOverError, CompareError, FileError, VerifyError};
use scangap_simorg::{ScenarioError, StartError};
use scangap_snapshot::{MergeError, ReadError, WriteError};

use super::{CliError, Unreadable};
use crate::args::Arguments;
use crate::codes::{self, ERROR_CODES, ErrorCode};
use crate::config::{ConfigError, ConfigProblem};
use crate::shown_error::ShownError;
use crate::values;

fn path(name: &str) -> PathBuf {
    PathBuf::from(name)
}

fn io_error() -> io::Error {
    io::Error::from(io::ErrorKind::PermissionDenied)
}

fn json_error() -> serde_json::Error {
    serde_json::from_str::<u64>("[").expect_err("no number")
}

fn account() -> AccountId {
    "333333333333".parse().expect("an account")
}

fn region() -> RegionName {
    "eu-west-1".parse().expect("a region")
}

fn call(api: Api) -> CallError {
    CallError {
        api,
        kind: GapKind::AccessDenied,
        code: "AccessDeniedException".to_owned(),
        cause: Cause::ServiceControlPolicy,
        message: "not authorized, with an explicit deny in a service control policy".to_owned(),
        attempts: 1,
    }
}

fn gap(api: Api) -> Box<Gap> {
    Box::new(call(api).at(Some(account()), Some(&region()), ""))
}

fn connecting() -> Vec<CliError> {
    let all = [
        ConnectError::NoCredentialChain,
        ConnectError::CaBundle { path: path("ca.pem"), source: io_error() },
        ConnectError::CaBundleEmpty { path: path("ca.pem") },
        ConnectError::CaBundleBroken { path: path("ca.pem"), number: 2 },
        ConnectError::Setting(SettingError::Value {
            setting: "AWS_MAX_ATTEMPTS".to_owned(),
            value: "many".to_owned(),
            expected: "a number",
        }),
        ConnectError::Setting(SettingError::UnknownProfile {
            name: "securty".to_owned(),
            known: vec!["default".to_owned(), "security".to_owned()],
        }),
        ConnectError::Setting(SettingError::Mfa { name: "base".to_owned(), selected: "security".to_owned() }),
        ConnectError::Identity(call(Api::GetCallerIdentity)),
        ConnectError::Partition("region `eu-west-1` of partition aws-iso".to_owned()),
        ConnectError::BadIdentity("nobody".to_owned()),
    ];
    all.into_iter().map(CliError::Connect).collect()
}

fn collecting() -> Vec<CliError> {
    let all = [
        CollectError::NotAdministrator {
            account: account(),
            organization: "o-example".to_owned(),
            cause: gap(Api::ListAccounts),
        },
        CollectError::OrganizationUnreadable(gap(Api::DescribeOrganization)),
        CollectError::Interrupted,
        CollectError::UnknownAccount { account: account(), suggestion: Some("333333333334 (alpha)".to_owned()) },
        CollectError::UnknownAccount { account: account(), suggestion: None },
        CollectError::UnknownOrganizationalUnit("Workloads".to_owned()),
        CollectError::OrganizationalUnitsUnreadable { unit: "Workloads".to_owned(), cause: gap(Api::ListAccounts) },
        CollectError::NothingInScope,
        CollectError::OrganizationRole(gap(Api::AssumeRole)),
        CollectError::RoleRefusedEverywhere { roles: "Typo".to_owned(), n_accounts: 12, example: gap(Api::AssumeRole) },
        CollectError::SessionPolicyRefused(gap(Api::AssumeRole)),
        CollectError::Workers(io_error()),
        CollectError::ListenerGone,
    ];
    all.into_iter().map(CliError::Collect).collect()
}

fn applying() -> Vec<ApplyError> {
    let step = || "resync-0001".to_owned();
    let failed = || ApplyError::Call { step: step(), what: "inspector2:Enable".to_owned(), source: call(Api::Enable) };
    let journal = || path("plan/journal.jsonl");
    vec![
        ApplyError::Stale(vec!["policy-0001: the policy is another".to_owned()]),
        ApplyError::Blocklisted { step: step(), account: account() },
        ApplyError::OtherOrganization { expected: "o-one".to_owned(), found: "o-two".to_owned() },
        ApplyError::EndpointMismatch { plan_is_simulated: true },
        ApplyError::EndpointMismatch { plan_is_simulated: false },
        ApplyError::OrganizationUnknown,
        ApplyError::Organization(call(Api::DescribeOrganization)),
        ApplyError::OtherCaller { then: "arn:one".to_owned(), now: "arn:two".to_owned() },
        ApplyError::Identity(ConnectError::NoCredentialChain),
        ApplyError::Role { account: account(), roles: "Typo".to_owned(), source: call(Api::AssumeRole) },
        ApplyError::WriteRoleDenied { step: step(), why: "the policy denies the write role".to_owned() },
        ApplyError::NeedsFirst { step: step(), first: vec!["policy-0001".to_owned()] },
        ApplyError::WrongAccount { expected: account(), found: "444444444444".parse().expect("an account") },
        ApplyError::SessionPolicyTooLong { account: account(), actions: 900 },
        ApplyError::Backup { step: step(), why: "the disk is full".to_owned() },
        ApplyError::LossesGrew { step: step(), what: "findings", planned: 3, now: 5 },
        ApplyError::Refused {
            step: step(),
            call: "inspector2:Disable",
            account: account(),
            code: "ACCESS_DENIED".to_owned(),
            message: "denied".to_owned(),
        },
        ApplyError::EnableNotVerified {
            step: step(),
            account: account(),
            region: region(),
            source: Box::new(failed()),
        },
        failed(),
        ApplyError::Timeout {
            step: step(),
            account: account(),
            region: region(),
            status: "DISABLING".to_owned(),
            wanted: "DISABLED",
        },
        ApplyError::UnexpectedState { step: step(), what: "the configuration is another".to_owned() },
        ApplyError::FindingsReports(FindingsReports::parse("http://bucket", "").expect_err("no s3 URL")),
        ApplyError::DisablePending { step: step(), until: Timestamp::UNIX_EPOCH },
        ApplyError::OnlyReenabled,
        ApplyError::Interrupted,
        ApplyError::RegistryInUse("account 333333333333 in eu-west-1".to_owned()),
        ApplyError::Begun(journal()),
        ApplyError::NothingToResume(path("plan")),
        ApplyError::NotRecorded("permission denied".to_owned()),
        ApplyError::Journal(JournalError::Io { path: journal(), source: io_error() }),
        ApplyError::Journal(JournalError::OtherPlan(journal())),
        ApplyError::Journal(JournalError::Damaged { path: journal(), line: 3, source: json_error() }),
        ApplyError::Journal(JournalError::Version { path: journal(), version: 9 }),
        ApplyError::Journal(JournalError::Locked(journal())),
    ]
}

fn files() -> Vec<CliError> {
    let changed = PlanReadError::Changed;
    let twice = ScenarioError::AccountTwice("333333333333".to_owned());
    let not_a_policy = PolicyDocument::parse("{").expect_err("no policy");
    vec![
        CliError::AlreadyAudited(path("runs/one")),
        CliError::OtherAudit { what: "list of regions", stored: "eu-west-1".to_owned(), given: "us-east-1".to_owned() },
        CliError::BeingWritten(path("runs/one")),
        CliError::Merge(MergeError::Differs {
            path: path("shards/2/snapshot.db"),
            place: "333333333333 eu-west-1".to_owned(),
        }),
        CliError::Merge(MergeError::OtherAudit {
            path: path("shards/2/snapshot.db"),
            first: path("shards/1/snapshot.db"),
            what: "the time".to_owned(),
            found: "2026-11-24T00:00:00Z".to_owned(),
            expected: "2026-11-23T00:00:00Z".to_owned(),
        }),
        CliError::Merge(MergeError::Tampered(path("shards/2/snapshot.db"))),
        CliError::Merge(MergeError::OtherVersion {
            path: path("shards/2/snapshot.db"),
            first: path("shards/1/snapshot.db"),
        }),
        CliError::FolderInUse(path("plan")),
        CliError::NeverClosed(path("snapshot.db")),
        CliError::Folder { path: path("out"), source: io_error() },
        CliError::Store(WriteError::Create { path: path("snapshot.db"), source: io_error() }),
        CliError::Snapshot(ReadError::Missing(path("nosuch.db"))),
        CliError::Snapshot(ReadError::NotASnapshot(path("snapshot.db"))),
        CliError::Snapshot(ReadError::Encrypted(path("snapshot.db.age"))),
        CliError::Snapshot(ReadError::NotDecrypted {
            path: path("snapshot.db.age"),
            keys: path("key.txt"),
            why: "no matching keys".to_owned(),
        }),
        CliError::Snapshot(ReadError::BadIdentities { path: path("key.txt"), why: "a line is none".to_owned() }),
        CliError::NotEncrypted { path: path("snapshot.db"), source: io_error() },
        CliError::IsEncrypted(path("snapshot.db.age")),
        CliError::Snapshot(ReadError::Newer { path: path("snapshot.db"), found: 99 }),
        CliError::Snapshot(ReadError::CannotResume { path: path("snapshot.db") }),
        CliError::Snapshot(ReadError::Older { path: path("snapshot.db"), found: 1 }),
        CliError::Tampered(path("snapshot.db")),
        CliError::Facts(Unreadable(io_error().into())),
        CliError::PlanFile { path: path("plan.json"), source: io_error() },
        CliError::NotThePlan { path: path("plan.json"), source: PlanReadError::OtherSnapshot },
        CliError::NotApplied { path: path("applied.json"), source: ClosingError::Newer { found: 9 } },
        CliError::OtherApplied(path("applied.json")),
        CliError::CarryOver(CarryOverError::NoNotes { path: path("audit.xlsx") }),
        CliError::Compare(CompareError::Simulated),
        CliError::History {
            path: path("snapshot.db"),
            source: CompareError::Organizations("o-a".into(), "o-b".into()),
        },
        CliError::Compare(CompareError::Order { since: Timestamp::UNIX_EPOCH, until: Timestamp::MIN }),
        CliError::Config(ConfigError {
            path: path("scangap.toml"),
            source: ConfigProblem::Acceptance { line: 8, number: 2, problem: "`reason` is empty".to_owned() },
        }),
        CliError::Verify(VerifyError::Read { path: path("manifest.json"), source: io_error() }),
        CliError::Report(FileError { path: path("audit.xlsx"), source: io_error() }),
        CliError::ScenarioFile { path: path("scenario.toml"), source: io_error() },
        CliError::Scenario { path: path("scenario.toml"), source: twice },
        CliError::PolicyFile { path: path("policy.json"), source: io_error() },
        CliError::NotAPolicy { path: path("policy.json"), source: not_a_policy },
        CliError::Baseline { path: path("baseline.json"), source: io_error() },
        CliError::StepSummary { path: path("summary.md"), source: io_error() },
        CliError::Junit("a cause".to_owned()),
        CliError::NoPolicy("app".to_owned()),
        CliError::Document(DocumentError::Plan { path: path("plan.json"), source: changed }),
        CliError::Document(DocumentError::OtherFile(path("before.json"))),
        CliError::SnapshotNotFound("SHA256".to_owned()),
        CliError::OtherSnapshot { path: path("snapshot.db"), facts: "SHA256".to_owned() },
        CliError::LossesNotFound(path("snapshot.db")),
        CliError::LogFile { path: path("log.jsonl"), source: io_error() },
    ]
}

fn others() -> Vec<CliError> {
    let step = || "resync-0001".to_owned();
    let pending = ApplyError::DisablePending { step: step(), until: Timestamp::UNIX_EPOCH };
    vec![
        CliError::from(values::region("europe").unwrap_err()),
        CliError::from(values::region("us-iso-east-1").unwrap_err()),
        CliError::from(values::account("12").unwrap_err()),
        CliError::Simulator(StartError::Listen { port: 80, source: io_error() }),
        CliError::EndpointMismatch { what: "snapshot", simulated: true },
        CliError::EndpointMismatch { what: "snapshot", simulated: false },
        CliError::OtherOrganization { expected: "o-one".to_owned(), found: "o-two".to_owned() },
        CliError::Organization(call(Api::DescribeOrganization)),
        CliError::NotSaved(Box::new(ApplyError::Backup { step: step(), why: "the disk is full".to_owned() })),
        CliError::LeftDisabled(Box::new(ApplyError::Interrupted)),
        CliError::LeftDisabled(Box::new(pending)),
        CliError::NotConfirmed { given: "yes".to_owned(), expected: "o-one".to_owned() },
        CliError::OtherLoss { given: 1, lost: 2 },
        CliError::NobodyToAsk { confirm: Some("o-one".to_owned()), lost: Some(2) },
        CliError::FindingsFile(io_error()),
        CliError::RehearsalLost,
        CliError::RehearsalInterrupted,
        CliError::NoWriteRole,
        CliError::Runtime(io_error()),
    ]
}

// Holds: 13 Errors: one of each code is printed as the snapshot says, with its causes, its hint and its exit code
#[test]
fn every_error_is_printed_as_it_was() {
    let begun = applying().into_iter().map(|error| CliError::Apply(Box::new(error)));
    let not_begun = applying().into_iter().map(|error| CliError::NotApplicable(Box::new(error)));
    let connecting = connecting().into_iter().chain(collecting());
    let all = connecting.chain(files()).chain(others()).chain(not_begun).chain(begun);
    let (mut text, mut found) = (String::new(), BTreeSet::new());
    for error in all {
        found.insert(codes::of(&error).word());
        let _ = writeln!(text, "{}\n  exit: {}\n", ShownError::of(&error).text(), error.exit().code());
    }
    // These have no `CliError`: clap's own, and standard output that is gone.
    let elsewhere = [ErrorCode::ArgumentUsage.word(), ErrorCode::OutputWrite.word()];
    let words = ERROR_CODES.iter().map(|info| info.word);
    let missing: Vec<_> = words.filter(|word| !found.contains(word) && !elsewhere.contains(word)).collect();
    assert_eq!(missing, Vec::<&str>::new(), "codes without a sample");
    insta::assert_snapshot!("every_error", text);
}

/// The commands of scangap that a text names in backticks, on one line or two.
fn commands_in(text: &str) -> impl Iterator<Item = String> {
    let codes = text.split('`').skip(1).step_by(2).filter(|code| code.starts_with("scangap "));
    codes.map(|code| code.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// What is wrong with a command's words: its values may be placeholders.
fn wrong_with(command: &str) -> Option<String> {
    let words = command.split(' ').take_while(|word| !["<", ">", "|", "&&"].contains(word));
    let words: Vec<&str> = words.map(|word| word.trim_matches(['"', '\''])).filter(|word| *word != "...").collect();
    let error = Arguments::command().try_get_matches_from(&words).err()?;
    let is_wrong =
        matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand | ErrorKind::TooManyValues);
    is_wrong.then(|| format!("{command}: {}", error.kind()))
}

// Holds: 17 Must be shown: every command that a hint, a gap or the documentation names in its text exists, with the flags it is given
#[test]
fn every_command_that_is_named_exists() {
    let mut texts: Vec<String> = Vec::new();
    let applying = applying().into_iter().map(|error| CliError::Apply(Box::new(error)));
    for error in connecting().into_iter().chain(collecting()).chain(files()).chain(others()).chain(applying) {
        texts.push(ShownError::of(&error).text());
    }
    for info in APIS {
        for kind in GapKind::ALL {
            texts.extend(Cause::ALL.iter().map(|cause| hint(*kind, *cause, info.api)));
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let pages = fs_err::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|kind| kind == "md"));
    for path in
        pages.chain(["README.md", "TROUBLESHOOTING.md", "SECURITY.md", "deploy/README.md"].map(|name| root.join(name)))
    {
        // Blocks are run by a test of their own.
        let text = fs_err::read_to_string(path).unwrap();
        texts.push(text.split("```").step_by(2).collect());
    }
    let commands: BTreeSet<String> = texts.iter().flat_map(|text| commands_in(text)).collect();
    assert!(commands.len() > 40, "{}", commands.len());
    let wrong: Vec<String> = commands.iter().filter_map(|command| wrong_with(command)).collect();
    assert_eq!(wrong, Vec::<String>::new());
}
