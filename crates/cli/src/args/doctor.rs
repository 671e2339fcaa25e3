//! What `scangap doctor` takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use scangap_model::{AccountId, RegionName};

use super::aws::{Aws, Roles};
use crate::values;

#[derive(Debug, Args)]
pub struct Doctor {
    /// Ask nothing of AWS: say what the gaps of this audit need to be granted, worst first
    #[arg(long, value_name = "SNAPSHOT", conflicts_with_all = ["all", "sample", "accounts", "exclude_accounts", "regions"])]
    pub from: Option<PathBuf>,
    /// Try the role in every account
    #[arg(long)]
    pub all: bool,
    /// How many accounts to try the role in, spread over all
    #[arg(long, value_name = "N", default_value_t = 10, conflicts_with = "all")]
    pub sample: usize,
    /// Only these accounts
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = values::account, help_heading = "Scope")]
    pub accounts: Vec<AccountId>,
    /// All but these accounts
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = values::account, help_heading = "Scope", conflicts_with = "accounts")]
    pub exclude_accounts: Vec<AccountId>,
    /// The regions that are to be audited; default: every region that is enabled
    #[arg(long, value_name = "REGION", value_delimiter = ',', value_parser = values::region, help_heading = "Scope")]
    pub regions: Vec<RegionName>,
    /// text, or json: one object
    #[arg(long, value_enum, value_name = "FORM", default_value_t = DoctorOutput::Text)]
    pub output: DoctorOutput,
    #[command(flatten)]
    pub aws: Aws,
    #[command(flatten)]
    pub roles: Roles,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DoctorOutput {
    Text,
    Json,
}
