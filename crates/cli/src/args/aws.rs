//! How AWS is reached, and through which roles: the same in every command that calls it.

use std::path::PathBuf;

use clap::Args;
use scangap_model::{ExternalId, RegionName};

use crate::values::{self, WrittenDuration};

#[derive(Debug, Args)]
#[command(next_help_heading = "AWS, as in the AWS CLI")]
pub struct Aws {
    /// Profile of the AWS configuration files
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Region for STS calls; choose audited regions with --regions
    #[arg(long, value_name = "REGION", value_parser = values::region)]
    pub region: Option<RegionName>,
    /// Call this URL instead of AWS; everything made from it says SIMULATED
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// Certificate authorities to trust, as a PEM file [env: AWS_CA_BUNDLE]
    #[arg(long, value_name = "FILE")]
    pub ca_bundle: Option<PathBuf>,
    /// How long one attempt of one call may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=900))]
    pub timeout: u64,
    /// How long AWS may throttle every call of one API in one account and region until what waits for it becomes a gap
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = values::duration)]
    pub throttle_patience: WrittenDuration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Roles")]
pub struct Roles {
    /// Role to assume in each account, with or without its path; several are tried in order
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = "OrganizationAccountAccessRole")]
    pub role_name: Vec<String>,
    /// External id that the roles ask for
    #[arg(long, value_name = "ID", value_parser = values::external_id)]
    pub external_id: Option<ExternalId>,
    /// Role to read the organization with, from a tooling account
    #[arg(long, value_name = "ARN")]
    pub organization_role_arn: Option<String>,
    /// Role in the account of Inspector's delegated administrator, where it is another
    #[arg(long, value_name = "NAME")]
    pub inspector_admin_role_name: Option<String>,
}
