//! The command line, as typed values.

#![expect(clippy::doc_markdown, reason = "documentation here is the help, where backticks would be shown")]

mod aws;
mod config;
mod doctor;
mod gate;
mod permissions;
mod shells;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use scangap_model::{AccountId, Diagnosis, ExternalId, RegionName, Shard};

pub use self::aws::{Aws, Roles};
pub use self::config::{Config, ConfigCommand, ConfigShow};
pub use self::doctor::{Doctor, DoctorOutput};
pub use self::gate::{Gate, GateOutput};
pub use self::permissions::{Permissions, PermissionsFormat};
pub use self::shells::{Completions, ManPages};
use crate::fail_on::{self, FailWord};
use crate::values::{self, WrittenDuration};

/// Calls in flight at once, where nothing else is said.
pub(crate) const CALLS_IN_FLIGHT: u16 = 512;

#[derive(Debug, Parser)]
#[command(
    name = "scangap",
    version = crate::environment::VERSION,
    about = "Tells for every ECR repository of an AWS organization whether Amazon Inspector can scan it, and if not, exactly why",
    after_help = crate::exit::help()
)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Args)]
pub struct Global {
    /// When to colour the output
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub color: ColorChoice,
    /// How an error is printed on stderr; json: one object in a line, with code, message, causes and hint
    #[arg(long, global = true, value_enum, default_value_t = ErrorFormat::Human, value_name = "FORM", hide_default_value = true)]
    pub error_format: ErrorFormat,
    /// Print less: once, errors and the summary; twice, nothing
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub quiet: u8,
    /// Show no progress
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// The organization whose table of scangap.toml counts: [organizations.NAME]
    #[arg(long, global = true, value_name = "NAME")]
    pub org_profile: Option<String>,
    /// The identities (private keys) of age that open encrypted snapshots, in a file as age-keygen writes it
    #[arg(long, global = true, value_name = "FILE")]
    pub age_identity: Option<PathBuf>,
    /// Log on stderr: once, the journal; twice, each call too; three times, each wait for a turn too. SCANGAP_LOG filters it
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Log into this file, a JSON object a line; a file that is there is replaced
    #[arg(long, global = true, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ErrorFormat {
    Human,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List what is signed for, or sign for a diagnosis or a gap until a day: it stays in every report, and fails nothing
    #[command(
        after_help = "Examples:\n  scangap accept\n  scangap accept --diagnosis blocked --repository 'legacy/*' --reason 'gone in March' --by jane --until 2027-03-31\n  scangap accept --gap access_denied --region sa-east-1 --reason 'no workloads, closed by SCP' --by jane --until 2027-06-30"
    )]
    Accept(Accept),
    /// Audit an organization: discover accounts, read ECR and Inspector everywhere, diagnose, report
    #[command(
        after_help = "Examples:\n  scangap audit\n  scangap audit --profile security --ou Workloads/Payments --regions eu-west-1,eu-central-1\n  scangap audit --accounts 111122223333 --role-name scangap-audit --fail-on any --out runs/payments\n  scangap audit --resume runs/today"
    )]
    Audit(Box<Audit>),
    /// Write the reports again, from a snapshot alone
    #[command(
        after_help = "Examples:\n  scangap report runs/2026-11-23-o-exampleorg/snapshot.db --out reports\n  scangap report runs/today/snapshot.db --previous runs/2026-08-20/snapshot.db --out reports\n  scangap report runs/today/snapshot.db --split-by account --out reports"
    )]
    Report(Report),
    /// Join the shards of one audit into one snapshot, with its reports
    #[command(
        after_help = "Examples:\n  scangap merge shards/1 shards/2 --out runs/merged\n  scangap merge shards --out runs/merged\n  scangap merge shards --out runs/merged --fail-on any"
    )]
    Merge(Merge),
    /// Show what changed between two audits: new, fixed, regressed, no longer visible
    #[command(
        after_help = "Examples:\n  scangap diff runs/2026-08-20/snapshot.db runs/2026-11-23/snapshot.db\n  scangap diff runs/2026-08-20/snapshot.db runs/2026-11-23/snapshot.db --out changes\n  scangap diff runs/2026-08-20/snapshot.db runs/2026-11-23/snapshot.db --output json"
    )]
    Diff(Diff),
    /// Plan repairs of policies from a snapshot: what would change, how, and how it is undone. Changes nothing
    #[command(
        after_help = "Examples:\n  scangap plan runs/2026-11-23/snapshot.db --out plan\n  scangap plan runs/2026-11-23/snapshot.db --fix --accounts 111122223333 --out plan\n  scangap plan runs/2026-11-23/snapshot.db --resync --collect --previous runs/2026-08-20/snapshot.db --out plan"
    )]
    Plan(Box<Plan>),
    /// Carry out a plan: a dry run, until the organization is confirmed and the loss of history accepted
    #[command(
        after_help = "Examples:\n  scangap apply plan --write-role-name scangap-write\n  scangap apply plan --write-role-name scangap-write --confirm o-exampleorg\n  scangap apply plan --write-role-name scangap-write --confirm o-exampleorg --accept-history-loss 1204\n  scangap apply plan --write-role-name scangap-write --resume"
    )]
    Apply(Box<Apply>),
    /// Try a plan on a simulated copy of the snapshot's organization: apply it there, audit again, show the difference
    #[command(
        after_help = "Examples:\n  scangap rehearse plan\n  scangap rehearse plan --snapshot runs/today/snapshot.db --out rehearsal\n  scangap rehearse plan --output json"
    )]
    Rehearse(Rehearse),
    /// Send the findings of an audit to Security Hub, each from the account that it is about: a dry run, until the organization is confirmed
    #[command(
        after_help = "Examples:\n  scangap publish runs/2026-11-23-o-exampleorg --dry-run\n  scangap publish runs/2026-11-23-o-exampleorg --confirm o-exampleorg\n  scangap publish runs/today --accounts 111122223333 --regions eu-west-1 --confirm o-exampleorg"
    )]
    Publish(Box<Publish>),
    /// Check a folder of reports against its manifest
    #[command(
        after_help = "Examples:\n  scangap verify runs/2026-11-23-o-exampleorg\n  scangap verify runs/2026-11-23-o-exampleorg && echo unchanged\n  scangap verify runs/today --error-format json"
    )]
    Verify(Verify),
    /// Audit a simulated organization: no AWS account, no network
    #[command(
        after_help = "Examples:\n  scangap demo\n  scangap demo --out demo\n  scangap demo --accounts 50 --regions 3 --repositories 20 --seed 7"
    )]
    Demo(Demo),
    /// Serve a simulated organization on loopback, for rehearsals and CI
    #[command(
        after_help = "Examples:\n  scangap simulate --port 4599\n  scangap simulate --scenario organization.toml\n  scangap simulate --accounts 300 --regions 4 --repositories 10 --seed 1"
    )]
    Simulate(Simulate),
    /// Decide one policy offline: verdict per action, the responsible statement and condition, and the repair
    #[command(
        after_help = "Examples:\n  scangap explain policy.json --account 111122223333\n  scangap explain policy.json --account 111122223333 --fix\n  aws ecr get-repository-policy --repository-name app --query policyText --output text | scangap explain - --account 111122223333\n  scangap explain --snapshot runs/today/snapshot.db --account 111122223333 --region eu-west-1 --repository app"
    )]
    Explain(Box<Explain>),
    /// Judge policies before they are deployed: in Terraform, CloudFormation, manifests and plain files. Offline
    #[command(
        after_help = "Examples:\n  scangap gate\n  scangap gate example/tfplan.json example/infra --account 111122223333\n  scangap gate example --account 111122223333 --output sarif > scangap.sarif\n  scangap gate example/infra --principal arn:aws:iam::111122223333:role/deploy --action ecr:PutImage --account 111122223333"
    )]
    Gate(Box<Gate>),
    /// Look whether an audit can run here: credentials, organization, roles in some accounts, regions, this machine; each with its fix
    #[command(
        after_help = "Examples:\n  scangap doctor\n  scangap doctor --all --role-name scangap-audit\n  scangap doctor --from runs/2026-11-23-o-exampleorg/snapshot.db"
    )]
    Doctor(Box<Doctor>),
    /// Print the least that AWS has to allow: policies, trust policies and templates for the roles, from the table of calls. Offline
    #[command(
        after_help = "Examples:\n  scangap permissions\n  scangap permissions --trust --principal arn:aws:iam::111122223333:role/security --org o-exampleorg\n  scangap permissions --format cloudformation --principal 111122223333 --org o-exampleorg > scangap.yaml\n  scangap permissions apply --format terraform --principal 111122223333 > roles.tf\n  scangap permissions --for caller --org o-exampleorg"
    )]
    Permissions(Box<Permissions>),
    /// Show what the environment and scangap.toml say, with where each value comes from
    #[command(
        after_help = "Examples:\n  scangap config show --origin\n  scangap config show audit\n  scangap config schema > scangap.schema.json"
    )]
    Config(Config),
    /// Print the script that completes commands, flags, accounts and OUs in a shell
    #[command(
        after_help = "Examples:\n  scangap completions bash >> ~/.bashrc\n  scangap completions zsh > _scangap\n  scangap completions fish > scangap.fish"
    )]
    Completions(Completions),
    /// Print the page of a command for man, or write all of them
    #[command(
        after_help = "Examples:\n  scangap man > scangap.1\n  scangap man audit > scangap-audit.1\n  scangap man --out man1"
    )]
    Man(ManPages),
    /// Print what machines can rely on: columns and exit codes
    #[command(
        after_help = "Examples:\n  scangap schema columns\n  scangap schema exit-codes\n  scangap schema gate > gate.schema.json"
    )]
    Schema(Schema),
}

#[derive(Debug, Args)]
pub struct Accept {
    /// The diagnosis that is accepted
    #[arg(long, value_name = "WORD", conflicts_with = "gap")]
    pub diagnosis: Option<String>,
    /// The kind of gap that is accepted, as in the column Kind of gaps.csv
    #[arg(long, value_name = "WORD")]
    pub gap: Option<String>,
    /// Accounts, by id or name; * stands for any text, ? for one character, here and below. What is not said is everywhere
    #[arg(long, value_name = "PATTERN")]
    pub account: Option<String>,
    /// Organizational units, by path
    #[arg(long, value_name = "PATTERN")]
    pub ou: Option<String>,
    /// Regions
    #[arg(long, value_name = "PATTERN")]
    pub region: Option<String>,
    /// Repositories, by name; of a gap the resource that was asked about
    #[arg(long, value_name = "PATTERN")]
    pub repository: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who signs
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// The last day that it holds, such as 2027-03-31
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
    /// The file to write and list; default: scangap.toml in this folder
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Accept {
    /// Whether anything is said that only an acceptance has.
    pub(crate) fn says_a_place(&self) -> bool {
        let said = [&self.account, &self.ou, &self.region, &self.repository, &self.reason, &self.by, &self.until];
        said.iter().any(|value| value.is_some())
    }
}

#[derive(Debug, Args)]
pub struct Audit {
    #[command(flatten)]
    pub past: Past,
    #[command(flatten)]
    pub aws: Aws,
    #[command(flatten)]
    pub scope: ScopeArguments,
    #[command(flatten)]
    pub roles: Roles,
    #[command(flatten)]
    pub run: Run,
    /// An earlier snapshot: its largest registries begin first, so that they do not end last
    #[arg(long, value_name = "SNAPSHOT", help_heading = "Run")]
    pub hints: Option<PathBuf>,
    /// Call nothing: print how many calls an audit of what --hints holds makes at least, and how long it takes at least
    #[arg(long, requires = "hints", help_heading = "Run")]
    pub plan_calls: bool,
    /// Read only this slice of the accounts, as 3/8: the shards of one audit are joined by `scangap merge`, and all have the same
    /// --as-of. A child of an AWS Batch array job takes its own slice without being told
    #[arg(long, value_name = "K/N", value_parser = values::shard, help_heading = "Run")]
    pub shard: Option<Shard>,
    /// Go on with an audit that was interrupted, or that has gaps which may have passed: only what is missing is asked for, at the
    /// same time and scope, and the reports in its folder are written again
    #[arg(long, value_name = "SNAPSHOT", conflicts_with = "out", help_heading = "Run")]
    pub resume: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Scope")]
pub struct ScopeArguments {
    /// Only these accounts
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = values::account)]
    pub accounts: Vec<AccountId>,
    /// Not these accounts
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = values::account)]
    pub exclude_accounts: Vec<AccountId>,
    /// Only accounts in these OUs and below, by id or by path
    #[arg(long, value_name = "OU", value_delimiter = ',')]
    pub ou: Vec<String>,
    /// Only these regions; default: every region that is enabled in each account
    #[arg(long, value_name = "REGION", value_delimiter = ',', value_parser = values::region)]
    pub regions: Vec<RegionName>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub struct Run {
    /// Folder for the snapshot and the reports; default: runs/<date>-<organization>
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub form: Form,
    /// The time that facts are judged at, as 2026-11-23T00:00:00Z; default: now
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pub as_of: Option<Timestamp>,
    /// Exit 2 if a repository falls in one of these diagnoses: any, registry, blocked, at_risk, ...
    #[arg(long, value_name = "DIAGNOSIS", value_delimiter = ',', value_parser = fail_on::word)]
    pub fail_on: Vec<FailWord>,
    /// Read these tags of every repository, so that `report --split-by tag:KEY` can tell owners apart; tags are not read
    /// otherwise, but where a policy needs them
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub tags: Vec<String>,
    /// Keep Inspector's rows of images one by one: a table in the snapshot, images.csv and a sheet. Counts by status and
    /// reason are kept without it too
    #[arg(long)]
    pub images: bool,
    /// Encrypt the finished snapshot to this recipient (public key) of age, age1..., or to those in a file; any number of them. It is
    /// snapshot.db.age then, and every command reads it with --age-identity
    #[arg(long, value_name = "RECIPIENT", value_delimiter = ',')]
    pub age_recipient: Vec<String>,
    /// Calls in flight at once
    #[arg(long, value_name = "N", default_value_t = CALLS_IN_FLIGHT, value_parser = clap::value_parser!(u16).range(1..=2048))]
    pub max_in_flight: u16,
}

/// Earlier audits, and what people decided.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Earlier audits and decisions")]
pub struct Past {
    /// Take the earlier audits of the same organization along, found in the folders beside this one and in runs: the last finished
    /// audit of the same scope in each earlier quarter as --history, the latest of them as --previous, and the notes of the latest workbook that
    /// has some as --carry-over. What is
    /// named with those is taken instead
    #[arg(long)]
    pub quarter: bool,
    /// An earlier snapshot: what changed since goes into a sheet, a CSV file and audit.json
    #[arg(long, value_name = "SNAPSHOT")]
    pub previous: Option<PathBuf>,
    /// Earlier snapshots of the organization, any number of them: coverage and diagnoses over time, and since when each finding has been
    /// there. The latest is what --previous would name
    #[arg(long, value_name = "SNAPSHOT", num_args = 1..)]
    pub history: Vec<PathBuf>,
    /// Earlier workbooks, owners' too: what was written into their action lists (Owner, Decision, Ticket, Due, Expires, Justification,
    /// Reviewed by) comes into the new one
    #[arg(long, value_name = "XLSX", value_delimiter = ',')]
    pub carry_over: Vec<PathBuf>,
    /// Settings, and what is accepted as `[[accept]]` entries; default: scangap.toml in this folder, where there is one
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Report {
    /// The snapshot of an audit
    pub snapshot: PathBuf,
    /// Folder for the reports; default: the snapshot's own
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub past: Past,
    /// A plan of this snapshot: what it would do and destroy goes into a sheet of the workbook
    #[arg(long, value_name = "PLAN_JSON")]
    pub plan: Option<PathBuf>,
    /// The applied.json of an apply: what was changed and what it destroyed goes into a sheet and onto the page, and the file
    /// comes along
    #[arg(long, value_name = "APPLIED_JSON")]
    pub applied: Option<PathBuf>,
    /// Also write a page, a workbook, a mail and the changed policies for each owner, into owners: account, ou, or `tag:KEY`
    #[arg(long, value_name = "WHAT")]
    pub split_by: Option<String>,
    #[command(flatten)]
    pub form: Form,
}

#[derive(Debug, Args)]
pub struct Merge {
    #[command(flatten)]
    pub past: Past,
    /// Snapshots or folders of shards, or a folder of such folders
    #[arg(required = true)]
    pub parts: Vec<PathBuf>,
    /// Encrypt the joined snapshot to this recipient (public key) of age, age1..., or to those in a file; any number of them
    #[arg(long, value_name = "RECIPIENT", value_delimiter = ',')]
    pub age_recipient: Vec<String>,
    /// Folder for the joined snapshot and the reports
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Exit 2 if a repository falls in one of these diagnoses: any, registry, blocked, at_risk, ...
    #[arg(long, value_name = "DIAGNOSIS", value_delimiter = ',', value_parser = fail_on::word)]
    pub fail_on: Vec<FailWord>,
    #[command(flatten)]
    pub form: Form,
}

#[derive(Debug, Args)]
pub struct Diff {
    /// The snapshot of the earlier audit
    pub old: PathBuf,
    /// The snapshot of the later audit
    pub new: PathBuf,
    /// Also write changes.html, changes.csv, changes.json and changes.xlsx there
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Output::Text, value_name = "FORM")]
    pub output: Output,
    /// For whom changes.csv is written: excel puts a byte order mark first
    #[arg(long, value_enum, default_value_t = CsvDialect::Rfc4180, value_name = "DIALECT")]
    pub csv_dialect: CsvDialect,
}

/// How reports are written.
#[derive(Debug, Args)]
pub struct Form {
    /// For whom CSV files are written: excel puts a byte order mark first
    #[arg(long, value_enum, default_value_t = CsvDialect::Rfc4180, value_name = "DIALECT")]
    pub csv_dialect: CsvDialect,
    /// Also write ocsf.jsonl: OCSF 1.5 Compliance Findings, for Security Lake
    #[arg(long)]
    pub ocsf: bool,
    /// Also write asff.jsonl: findings in the AWS Security Finding Format, for Security Hub
    #[arg(long)]
    pub asff: bool,
    /// Also write tickets.csv: a ticket for each cause and owner, in the columns that the tracker imports
    #[arg(long, value_enum, value_name = "TRACKER")]
    pub tickets: Option<Tracker>,
    /// Also write chat.md: the audit in fifteen lines of Markdown
    #[arg(long)]
    pub chat: bool,
}

impl Form {
    pub(crate) fn options(&self) -> scangap_report::ReportOptions {
        let csv = self.csv_dialect.into();
        let tickets = self.tickets.map(Into::into);
        scangap_report::ReportOptions {
            csv,
            ocsf: self.ocsf,
            asff: self.asff,
            chat: self.chat,
            tickets,
            ..scangap_report::ReportOptions::default()
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Tracker {
    Jira,
    #[value(name = "servicenow")]
    ServiceNow,
    Csv,
}

impl From<Tracker> for scangap_report::Tracker {
    fn from(tracker: Tracker) -> Self {
        match tracker {
            Tracker::Jira => Self::Jira,
            Tracker::ServiceNow => Self::ServiceNow,
            Tracker::Csv => Self::Csv,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CsvDialect {
    Rfc4180,
    Excel,
}

impl From<CsvDialect> for scangap_report::CsvDialect {
    fn from(dialect: CsvDialect) -> Self {
        match dialect {
            CsvDialect::Rfc4180 => Self::Rfc4180,
            CsvDialect::Excel => Self::Excel,
        }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Simulated organization")]
pub struct Organization {
    /// The scenario to simulate; default: the demo organization
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Generate an organization of this many accounts instead
    #[arg(long, value_name = "N", conflicts_with = "scenario")]
    pub accounts: Option<u32>,
    /// ... with repositories in this many regions of each account
    #[arg(long, value_name = "N", requires = "accounts", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=17))]
    pub regions: u32,
    /// ... and this many repositories in each of them
    #[arg(long, value_name = "N", requires = "accounts", default_value_t = 5)]
    pub repositories: u32,
    /// ... the same for the same number
    #[arg(long, value_name = "N", requires = "accounts", default_value_t = 1)]
    pub seed: u64,
    /// ... as it is at this one of five quarterly audits, with policies that spread and are repaired between them; --repositories is for
    /// each of four regions
    #[arg(long, value_name = "1-5", requires = "accounts", value_parser = clap::value_parser!(u8).range(1..=5))]
    pub quarter: Option<u8>,
}

#[derive(Debug, Args)]
pub struct Demo {
    #[command(flatten)]
    pub organization: Organization,
    #[command(flatten)]
    pub run: Run,
}

#[derive(Debug, Args)]
pub struct Simulate {
    #[command(flatten)]
    pub organization: Organization,
    /// Port on 127.0.0.1; 0 takes any free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub port: u16,
    /// Give a role no more than the policy in this file allows, to try it before it is deployed; accounts without roles of their own get it
    #[arg(long, value_name = "NAME=FILE", value_parser = values::pair)]
    pub role_policy: Vec<(String, String)>,
    /// Have a role of --role-policy trust no more than the trust policy in this file says
    #[arg(long, value_name = "NAME=FILE", value_parser = values::pair, requires = "role_policy")]
    pub trust_policy: Vec<(String, String)>,
    /// Give the caller no more than the policy in this file allows
    #[arg(long, value_name = "FILE")]
    pub caller_policy: Option<PathBuf>,
    /// Print the demo organization's scenario as an example, and end
    #[arg(long)]
    pub print_scenario: bool,
}

#[derive(Debug, Args)]
pub struct Plan {
    /// The snapshot of an audit
    pub snapshot: PathBuf,
    /// Folder for the plan: plan.json, a runbook, a script, and each policy before and after
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Plan repairs of policies; with neither this nor --resync, both
    #[arg(long)]
    pub fix: bool,
    /// Plan turning ECR scanning off and on again where repositories are stale
    #[arg(long)]
    pub resync: bool,
    /// Only these accounts
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = values::account)]
    pub accounts: Vec<AccountId>,
    /// Only accounts in these OUs and below, by path or id
    #[arg(long, value_name = "OU", value_delimiter = ',')]
    pub ou: Vec<String>,
    /// Only these regions
    #[arg(long, value_name = "REGION", value_delimiter = ',', value_parser = values::region)]
    pub regions: Vec<RegionName>,
    /// Only these diagnoses: blocked, at_risk, undecided, stale; undecided ones are changed only where they are named here
    #[arg(long, value_name = "DIAGNOSIS", value_delimiter = ',', value_parser = values::plannable)]
    pub diagnoses: Vec<Diagnosis>,
    /// Never plan anything in these accounts
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = values::account)]
    pub blocklist: Vec<AccountId>,
    /// Re-sync these registries (ACCOUNT:REGION) even though ECR is their only scan type, so that everything of Inspector there is
    /// deleted
    #[arg(long, value_name = "REGISTRY", value_delimiter = ',', value_parser = values::registry)]
    pub only_scan_type: Vec<(AccountId, RegionName)>,
    /// Count what re-syncs would delete: findings, images and more are read from AWS, and stored beside the snapshot
    #[arg(long)]
    pub collect: bool,
    /// Save what re-syncs would delete into the plan's folder now; an apply makes its own backup before its first write
    #[arg(long, requires = "out")]
    pub backup: bool,
    /// Role that will write: the plan says whether it gets through each policy as it is; default: judged for any role
    #[arg(long, value_name = "NAME")]
    pub write_role_name: Option<String>,
    /// How long a repository must have been stale before a re-sync: it may refresh by itself
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = values::duration)]
    pub min_age: WrittenDuration,
    /// An earlier snapshot: since when a repository is stale
    #[arg(long, value_name = "SNAPSHOT")]
    pub previous: Option<PathBuf>,
    /// Exit 2 where the plan has steps
    #[arg(long)]
    pub detailed_exitcode: bool,
    #[arg(long, value_enum, default_value_t = Output::Text, value_name = "FORM")]
    pub output: Output,
    #[command(flatten)]
    pub aws: Aws,
    #[command(flatten)]
    pub roles: Roles,
}

#[derive(Debug, Args)]
pub struct Apply {
    /// The plan's folder, or its plan.json
    pub plan: PathBuf,
    /// The id of the organization, which confirms that the plan is meant; asked for at a terminal
    #[arg(long, value_name = "ORG_ID")]
    pub confirm: Option<String>,
    /// The number of findings that the plan says will be lost; asked for at a terminal
    #[arg(long, value_name = "N")]
    pub accept_history_loss: Option<u64>,
    /// Role to write with, in each account that the plan touches; narrowed to the calls of the plan
    #[arg(long, value_name = "NAME")]
    pub write_role_name: Option<String>,
    /// Never change anything in these accounts, whatever the plan says
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = values::account)]
    pub blocklist: Vec<AccountId>,
    /// Have Inspector write a report of every registry's findings there too, before anything is changed; `{region}` in it is
    /// replaced
    #[arg(long, value_name = "s3://BUCKET/PREFIX", requires = "findings_report_key")]
    pub findings_report: Option<String>,
    /// The KMS key for it, in the region of the findings; `{region}` in it is replaced
    #[arg(long, value_name = "ARN", requires = "findings_report")]
    pub findings_report_key: Option<String>,
    /// Steps at once, after the first one alone
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub batch: u16,
    /// How long to wait for coverage to update; at AWS a status has ten minutes at least
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = values::duration)]
    pub wait: WrittenDuration,
    /// Go on with an apply that was begun: what is disabled is enabled first
    #[arg(long)]
    pub resume: bool,
    /// Bring back what an apply that was begun left without scanning, and do nothing else of the plan
    #[arg(long, conflicts_with_all = ["confirm", "accept_history_loss", "resume", "dry_run"])]
    pub bring_back: bool,
    /// Look whether everything is as the plan saw it, and end
    #[arg(long, conflicts_with_all = ["confirm", "resume"])]
    pub dry_run: bool,
    #[command(flatten)]
    pub aws: Aws,
    #[command(flatten)]
    pub roles: Roles,
}

#[derive(Debug, Args)]
pub struct Rehearse {
    /// The plan's folder, or its plan.json
    pub plan: PathBuf,
    /// The snapshot that the plan was made from; default: looked for beside the plan and in runs/
    #[arg(long, value_name = "SNAPSHOT")]
    pub snapshot: Option<PathBuf>,
    /// Folder for both audits, the journal and the changes; default: rehearsal, in the plan's folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Output::Text, value_name = "FORM")]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct Publish {
    /// The snapshot of an audit, or its folder
    pub snapshot: PathBuf,
    /// The id of the organization, which confirms that its findings are to be sent; asked for at a terminal
    #[arg(long, value_name = "ORG_ID")]
    pub confirm: Option<String>,
    /// Say what would be sent where, and end
    #[arg(long, conflicts_with = "confirm")]
    pub dry_run: bool,
    /// Snapshots of audits that were published before: what they found and this one knows to be over is archived
    #[arg(long, value_name = "SNAPSHOT", num_args = 1..)]
    pub previous: Vec<PathBuf>,
    /// Role to send with, in each account; narrowed to securityhub:BatchImportFindings
    #[arg(long, value_name = "NAME", default_value = "scangap-publish", help_heading = "Roles", value_parser = permissions::role_name)]
    pub publish_role_name: String,
    /// External id that the role asks for
    #[arg(long, value_name = "ID", help_heading = "Roles", value_parser = values::external_id)]
    pub external_id: Option<ExternalId>,
    /// Only findings about these accounts
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = values::account, help_heading = "Scope")]
    pub accounts: Vec<AccountId>,
    /// Only findings about these regions
    #[arg(long, value_name = "REGION", value_delimiter = ',', value_parser = values::region, help_heading = "Scope")]
    pub regions: Vec<RegionName>,
    /// What is accepted as `[[accept]]` entries: such findings are new in Security Hub as suppressed ones; default: scangap.toml in this
    /// folder, where there is one
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Output::Text, value_name = "FORM")]
    pub output: Output,
    #[command(flatten)]
    pub aws: Aws,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// The folder, with its manifest.json
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}

#[derive(Debug, Args)]
pub struct Explain {
    /// The policy's file; `-` reads standard input
    #[arg(required_unless_present_any = ["snapshot", "batch"], conflicts_with_all = ["snapshot", "batch"])]
    pub policy: Option<PathBuf>,
    /// Take the policy, its registry policy and its context from a snapshot
    #[arg(long, value_name = "SNAPSHOT", requires = "repository", conflicts_with_all = ["registry_policy", "kind"])]
    pub snapshot: Option<PathBuf>,
    /// The account of the registry
    #[arg(long, value_name = "ID", required_unless_present = "batch", value_parser = values::account)]
    pub account: Option<AccountId>,
    /// The region of the registry; default: the partition's home region
    #[arg(long, value_name = "REGION", value_parser = values::region)]
    pub region: Option<RegionName>,
    /// The partition: aws, aws-cn or aws-us-gov; default: the region's
    #[arg(long, value_name = "PARTITION")]
    pub partition: Option<String>,
    /// Who calls: the ARN of a role, a user or a root, or the name of a service; default: Inspector's role
    #[arg(long, value_name = "ARN")]
    pub principal: Option<String>,
    /// The repository's name
    #[arg(long, value_name = "NAME")]
    pub repository: Option<String>,
    /// What the policy is attached to
    #[arg(long, value_enum, default_value_t = PolicyKind::Repository)]
    pub kind: PolicyKind,
    /// The account's organization, as `o-exampleorg` or with its path as `o-exampleorg/r-ab12/ou-ab12-1/`, or none;
    /// default: not known
    #[arg(long, value_name = "ID")]
    pub org: Option<String>,
    /// The repository's tags as KEY=VALUE, or none; default: not known
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub tags: Vec<String>,
    /// The id of Inspector's role, as `aws iam get-role` gives it; default: not known
    #[arg(long, value_name = "ID")]
    pub role_id: Option<String>,
    /// A tag of Inspector's role: those that are named are all that it has; default: not known
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',', conflicts_with = "no_role_tags", value_parser = values::pair)]
    pub role_tag: Vec<(String, String)>,
    /// Inspector's role has no tags
    #[arg(long)]
    pub no_role_tags: bool,
    /// The registry's policy, in force for every request (scope V2)
    #[arg(long, value_name = "FILE")]
    pub registry_policy: Option<PathBuf>,
    /// State a context key's value
    #[arg(long, value_name = "KEY=VALUE", value_parser = values::pair)]
    pub context: Vec<(String, String)>,
    /// State that a context key is absent
    #[arg(long, value_name = "KEY")]
    pub absent: Vec<String>,
    /// State that a context key is not known
    #[arg(long, value_name = "KEY")]
    pub unknown: Vec<String>,
    /// The time that date conditions are judged at; default: now
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pub as_of: Option<Timestamp>,
    /// Only these actions, of any of ECR's; default: those of Inspector's role
    #[arg(long, value_name = "ACTION", value_delimiter = ',')]
    pub action: Vec<String>,
    /// Read one JSON object a line from standard input and answer one a line: see docs/explain.md
    #[arg(long, conflicts_with_all = ["snapshot", "fix", "account", "region", "partition", "principal", "repository", "kind", "org", "tags", "role_id", "role_tag", "no_role_tags", "registry_policy", "context", "absent", "unknown", "as_of", "action", "output"])]
    pub batch: bool,
    /// With --batch: exit 0 whatever the lines came to
    #[arg(long, requires = "batch")]
    pub exit_zero: bool,
    /// Print the repair as a diff
    #[arg(long)]
    pub fix: bool,
    /// Write the repaired policy to a file
    #[arg(long, value_name = "FILE", requires = "fix")]
    pub write: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Output::Text, value_name = "FORM")]
    pub output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PolicyKind {
    Repository,
    Registry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub struct Schema {
    #[arg(value_enum)]
    pub what: SchemaKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaKind {
    /// Every column of every table, as JSON
    Columns,
    /// Exit codes, as JSON
    ExitCodes,
    /// Diagnoses, as JSON
    Diagnoses,
    /// The JSON Schema of audit.json
    Audit,
    /// The JSON Schema of gate --output json
    Gate,
    /// The JSON Schema of plan.json
    Plan,
    /// The JSON Schema of run.json
    Run,
    /// The JSON Schema of applied.json
    Applied,
    /// The JSON Schema of a line of journal.jsonl
    Journal,
    /// The mistakes that explain looks for, as JSON
    Lints,
    /// Condition keys and what is known of them in Inspector's request, as JSON
    ConditionKeys,
}
