//! Who needs what: the rows of the API table, by whose credentials make the call.

use scangap_model::{APIS, Api, INSPECTOR_ROLE_NAME, Phase, Reader, ResourceKind};

use crate::terms::Terms;

/// Stands for the partition in resources: each form says it in its own way.
pub(crate) const PARTITION: &str = "{partition}";

/// Whose policy it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grantee {
    /// The role in each account, the delegated administrator's too.
    Audit,
    /// The role that changes something, in each account of a plan.
    Write,
    /// The role that sends findings to Security Hub, in each account.
    Publish,
    /// The role that reads the organization, from an account that may not.
    Organization,
    /// What starts scangap.
    Caller,
}

/// A role's or caller's permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub grantee: Grantee,
    pub(crate) statements: Vec<Statement>,
}

/// One statement that allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) sid: &'static str,
    pub(crate) actions: Vec<&'static str>,
    pub(crate) resources: Vec<String>,
    /// Resources of this organization alone.
    pub(crate) organization: Option<String>,
}

impl Statement {
    fn on(sid: &'static str, actions: Vec<&'static str>, resource: String) -> Self {
        Self { sid, actions, resources: vec![resource], organization: None }
    }
}

/// What a command needs of one grantee.
pub fn grants(grantee: Grantee, phase: Phase, terms: &Terms) -> Grant {
    let statements = match grantee {
        Grantee::Audit => reads(Reader::Account, phase),
        Grantee::Organization => reads(Reader::Organization, phase),
        Grantee::Caller => caller(phase, terms),
        Grantee::Write => write(terms),
        Grantee::Publish => {
            vec![Statement::on("ImportFindings", vec![Api::BatchImportFindings.permission()], "*".to_owned())]
        }
    };
    Grant { grantee, statements }
}

/// The permissions that calls of one reader need, up to a phase. What is asked only instead of another is not needed.
fn reads(reader: Reader, phase: Phase) -> Vec<Statement> {
    let rows = || APIS.iter().filter(|info| info.reader == reader && info.phase <= phase && info.instead_of.is_none());
    let of = |kind| rows().filter(|info| info.api.resource() == kind).map(|info| info.permission).collect::<Vec<_>>();
    let any = if reader == Reader::Organization { "ReadOrganization" } else { "Read" };
    let all = [
        Statement::on(any, of(ResourceKind::Any), "*".to_owned()),
        Statement::on(
            "ReadAccountPolicies",
            of(ResourceKind::Account),
            format!("arn:{PARTITION}:organizations::*:account/*"),
        ),
        Statement::on("ReadRepositories", of(ResourceKind::Repository), repositories()),
        Statement::on("ReadInspectorRole", of(ResourceKind::InspectorRole), inspector_role()),
    ];
    all.into_iter().filter(|statement| !statement.actions.is_empty()).collect()
}

fn repositories() -> String {
    format!("arn:{PARTITION}:ecr:*:*:repository/*")
}

fn inspector_role() -> String {
    format!("arn:{PARTITION}:iam::*:role/aws-service-role/inspector2.amazonaws.com/{INSPECTOR_ROLE_NAME}")
}

/// The caller assumes the roles, reads the organization unless a role does, and its own account with its own credentials.
fn caller(phase: Phase, terms: &Terms) -> Vec<Statement> {
    let own = terms.inspector_admin_role_name.iter();
    let mut names: Vec<&str> = own.chain(&terms.role_names).map(String::as_str).collect();
    match phase {
        Phase::Audit | Phase::Plan => {}
        Phase::Apply => names.push(&terms.write_role_name),
        Phase::Publish => names = vec![&terms.publish_role_name],
    }
    let role = |name: &str| format!("arn:{PARTITION}:iam::*:role/{}", name.trim_start_matches('/'));
    let mut resources: Vec<String> = names.into_iter().map(role).collect();
    let reads_nothing = phase == Phase::Publish;
    resources.extend(terms.organization_role_arn.clone().filter(|_| !reads_nothing));
    let mut statements = vec![Statement {
        sid: "AssumeRoles",
        actions: vec![Api::AssumeRole.permission()],
        resources,
        organization: terms.organization.clone(),
    }];
    if reads_nothing {
        return statements;
    }
    if terms.organization_role_arn.is_none() {
        statements.extend(reads(Reader::Organization, phase));
    }
    statements.extend(reads(Reader::Account, phase));
    statements
}

/// AWS: dependent actions are needed with the same credentials; the role of a service is made on its own ARN.
fn write(terms: &Terms) -> Vec<Statement> {
    let put = Api::PutRegistryScanningConfiguration;
    let (of_iam, dependent): (Vec<&str>, Vec<&str>) =
        put.dependent_actions().iter().partition(|action| action.starts_with("iam:"));
    let mut resync = vec![put.permission()];
    resync.extend(dependent);
    for api in [Api::Disable, Api::Enable, Api::BatchGetAccountStatus, Api::GetRegistryScanningConfiguration] {
        if !resync.contains(&api.permission()) {
            resync.push(api.permission());
        }
    }
    let mut statements = vec![
        Statement::on("RepairPolicies", vec![Api::SetRepositoryPolicy.permission()], repositories()),
        // The last two look where the audit role is gone and scanning has to be brought back.
        Statement::on("Resync", resync, "*".to_owned()),
        Statement::on("InspectorRole", of_iam, inspector_role()),
    ];
    if let Some(bucket) = &terms.findings_bucket {
        let report = [Api::CreateFindingsReport, Api::GetFindingsReportStatus];
        statements.push(Statement::on("FindingsReport", report.map(Api::permission).to_vec(), "*".to_owned()));
        let in_regions = |text: &str| text.replace("{region}", "*");
        let prefix = if bucket.prefix.is_empty() { String::new() } else { format!("{}/", in_regions(&bucket.prefix)) };
        let bucket = format!("arn:{PARTITION}:s3:::{}", in_regions(&bucket.bucket));
        statements.push(Statement {
            sid: "FindingsBucket",
            actions: Api::CreateFindingsReport.dependent_actions().to_vec(),
            resources: vec![bucket.clone(), format!("{bucket}/{prefix}*")],
            // A name with a wildcard is also of buckets that others have.
            organization: terms.organization.clone(),
        });
    }
    statements
}
