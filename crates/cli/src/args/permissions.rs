//! What `scangap permissions` takes.

use clap::{Args, ValueEnum};
use scangap_access::{Grantee, Principal};
use scangap_model::{ExternalId, OrganizationId, Phase};

use crate::values::{self, BadValue};

#[derive(Debug, Args)]
pub struct Permissions {
    /// What scangap is to do with them: audit, count what a re-sync destroys for a plan, apply one, or publish findings
    #[arg(value_enum, value_name = "COMMAND", default_value_t = Purpose::Audit)]
    pub purpose: Purpose,
    /// Whose: of the role in each account, of the role that changes something, of the role that reads the organization, or of the caller
    /// that starts scangap; default: audit-role, with `apply` write-role,
    /// with `publish` publish-role
    #[arg(long = "for", value_enum, value_name = "WHO")]
    pub grantee: Option<Who>,
    /// json: one policy document; cloudformation: a template for stacks and StackSets; terraform: a module
    #[arg(long, value_enum, value_name = "FORM", default_value_t = PermissionsFormat::Json)]
    pub format: PermissionsFormat,
    /// Print the trust policy of the role instead, as JSON
    #[arg(long, requires = "principal")]
    pub trust: bool,
    /// Who starts scangap, and so may assume the roles: an account id, or the ARN of a role or user; default: a parameter of the template or
    /// module
    #[arg(long, value_name = "ARN", value_parser = principal)]
    pub principal: Option<Principal>,
    /// The organization: only its principals may assume the roles, and the caller may assume roles of its accounts alone
    #[arg(long, value_name = "ID", value_parser = organization)]
    pub org: Option<OrganizationId>,
    /// External id that the roles ask for
    #[arg(long, value_name = "ID", value_parser = values::external_id)]
    pub external_id: Option<ExternalId>,
    /// The role in each account, with or without its path; the first is made, the caller may assume all
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = "scangap-audit", value_parser = role_name)]
    pub role_name: Vec<String>,
    /// The role that changes something
    #[arg(long, value_name = "NAME", default_value = "scangap-write", value_parser = role_name)]
    pub write_role_name: String,
    /// The role that sends findings to Security Hub
    #[arg(long, value_name = "NAME", default_value = "scangap-publish", value_parser = role_name)]
    pub publish_role_name: String,
    /// Role in the account of Inspector's delegated administrator, where it is another
    #[arg(long, value_name = "NAME", value_parser = role_name)]
    pub inspector_admin_role_name: Option<String>,
    /// Role to read the organization with, from a tooling account
    #[arg(long, value_name = "ARN", value_parser = role_arn)]
    pub organization_role_arn: Option<String>,
    /// Where Inspector's own report of the findings is to be written, as `apply --findings-report` has it
    #[arg(long, value_name = "s3://BUCKET/PREFIX")]
    pub findings_report: Option<String>,
    /// The partition of ARNs in JSON: aws, aws-cn or aws-us-gov
    #[arg(long, value_name = "PARTITION", default_value = "aws")]
    pub partition: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Purpose {
    Audit,
    Plan,
    Apply,
    Publish,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Who {
    AuditRole,
    WriteRole,
    PublishRole,
    OrganizationRole,
    Caller,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PermissionsFormat {
    Json,
    #[value(name = "cloudformation")]
    CloudFormation,
    Terraform,
}

impl From<Purpose> for Phase {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Audit => Self::Audit,
            Purpose::Plan => Self::Plan,
            Purpose::Apply => Self::Apply,
            Purpose::Publish => Self::Publish,
        }
    }
}

impl From<Who> for Grantee {
    fn from(who: Who) -> Self {
        match who {
            Who::AuditRole => Self::Audit,
            Who::WriteRole => Self::Write,
            Who::PublishRole => Self::Publish,
            Who::OrganizationRole => Self::Organization,
            Who::Caller => Self::Caller,
        }
    }
}

fn principal(text: &str) -> Result<Principal, BadValue> {
    text.parse().map_err(|error: scangap_access::BadPrincipal| BadValue::new(text, "who may assume a role", error.0))
}

fn organization(text: &str) -> Result<OrganizationId, BadValue> {
    text.parse().map_err(|_| BadValue::new(text, "an organization id", "write it as o-exampleorg"))
}

/// AWS: the characters of names and paths of roles; a name has 64 at most, a path with it 512.
pub(crate) fn role_name(text: &str) -> Result<String, BadValue> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-/".contains(c);
    let (path, name) = text.rsplit_once('/').unwrap_or(("", text));
    let fits = (1..=64).contains(&name.len()) && path.len() <= 510 && !text.contains("//");
    // AWS: only services make roles below that path.
    let is_of_a_service = text.trim_start_matches('/').starts_with("aws-service-role/");
    if fits && !is_of_a_service && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    Err(BadValue::new(
        text,
        "the name of a role",
        "letters, digits and +=,.@_- with a path before it where it has one: audit/ReadOnly",
    ))
}

fn role_arn(text: &str) -> Result<String, BadValue> {
    match text.parse() {
        Ok(Principal::Arn(arn)) if arn.contains(":role/") => Ok(arn),
        _ => Err(BadValue::new(text, "the ARN of a role", "write it as arn:aws:iam::111122223333:role/audit")),
    }
}
