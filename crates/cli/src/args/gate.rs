//! What `scangap gate` takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use scangap_model::{AccountId, RegionName};

use crate::gate_rules;
use crate::values::{self, BadValue};

#[derive(Debug, Args)]
pub struct Gate {
    /// Files, folders and patterns: Terraform and OpenTofu plans, states and modules, CloudFormation templates, manifests of Crossplane and
    /// ACK, Pulumi previews, policies; `-` reads standard input. Folders are searched as git does, without what is ignored
    #[arg(value_name = "PATH", default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// The account that is deployed to, where the files do not say it; default: not known, and then every account counts
    #[arg(long, value_name = "ID", value_parser = values::account, help_heading = "Place")]
    pub account: Option<AccountId>,
    /// The region that is deployed to, where the files do not say it; default: not known
    #[arg(long, value_name = "REGION", value_parser = values::region, help_heading = "Place")]
    pub region: Option<RegionName>,
    /// The partition: aws, aws-cn or aws-us-gov; default: the region's
    #[arg(long, value_name = "PARTITION", help_heading = "Place")]
    pub partition: Option<String>,
    /// The account's organization, as `o-exampleorg`, or none; default: not known
    #[arg(long, value_name = "ID", help_heading = "Place")]
    pub org: Option<String>,
    /// Where registry policies count: V1 or V2; default: as the files say, else not known
    #[arg(long, value_name = "SCOPE", value_parser = ["V1", "V2"], help_heading = "Place")]
    pub registry_policy_scope: Option<String>,
    /// Who calls: the ARN of a role, a user or a root, or the name of a service; default: Inspector's role
    #[arg(long, value_name = "ARN")]
    pub principal: Option<String>,
    /// Only these actions, of any of ECR's; default: those of Inspector's role
    #[arg(long, value_name = "ACTION", value_delimiter = ',')]
    pub action: Vec<String>,
    /// The time that date conditions and exceptions are judged at; default: now
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pub as_of: Option<Timestamp>,
    /// What fails: blocked, undecided, unknown_until_apply, basic_scanning, inspector_off, the code of a mistake, or any; default: the first
    /// three
    #[arg(long, value_name = "WORD", value_delimiter = ',', value_parser = gate_rules::word)]
    pub fail_on: Vec<String>,
    /// Findings that were there before, with a reason and an end: they fail nothing
    #[arg(long, value_name = "FILE", help_heading = "Exceptions")]
    pub baseline: Option<PathBuf>,
    /// Write what fails now as a baseline
    #[arg(long, value_name = "FILE", requires_all = ["reason", "until"], conflicts_with = "baseline", help_heading = "Exceptions")]
    pub write_baseline: Option<PathBuf>,
    /// Why the findings of the new baseline are accepted
    #[arg(long, value_name = "TEXT", requires = "write_baseline", help_heading = "Exceptions")]
    pub reason: Option<String>,
    /// The last day that the new baseline holds, such as 2027-03-31
    #[arg(long, value_name = "DATE", requires = "write_baseline", help_heading = "Exceptions")]
    pub until: Option<Date>,
    /// Settings and acceptances; default: scangap.toml in this folder
    #[arg(long, value_name = "FILE", help_heading = "Exceptions")]
    pub config: Option<PathBuf>,
    /// Pass over files that deploy no policy, though they are named: hooks name every file that changed
    #[arg(long)]
    pub skip_unrelated: bool,
    /// Pass over files and folders of this pattern where folders are searched, as in .gitignore
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<String>,
    /// Search folders without regard to .gitignore
    #[arg(long)]
    pub no_ignore: bool,
    #[arg(long, value_enum, default_value_t = GateOutput::Text, value_name = "FORM")]
    pub output: GateOutput,
    /// Write the findings in a form into a file too, as sarif=scangap.sarif
    #[arg(long, value_name = "FORM=FILE", value_parser = saved)]
    pub save: Vec<(GateOutput, PathBuf)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GateOutput {
    /// For people
    Text,
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// XML, for every CI
    Junit,
    /// Annotations of GitHub Actions, and its job summary
    Github,
    /// GitLab's code quality report
    Gitlab,
}

/// `sarif=scangap.sarif`.
fn saved(text: &str) -> Result<(GateOutput, PathBuf), BadValue> {
    let hint = "write it as sarif=scangap.sarif; forms are text, json, sarif, junit, github, gitlab";
    let wrong = || BadValue::new(text, "a form and a file", hint);
    let (form, path) = text.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or_else(wrong)?;
    Ok((GateOutput::from_str(form, false).map_err(|_| wrong())?, PathBuf::from(path)))
}
