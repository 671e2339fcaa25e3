//! The API table: every call that is made, by which command, its permission, its rate and who needs the answer.
//!
//! The narrowing session policies, the limiters, the gaps' hints and the permission documents all come from here.

use std::fmt;

/// An AWS operation. What audits and plans call only reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Api {
    GetCallerIdentity,
    AssumeRole,
    DescribeOrganization,
    ListAccounts,
    ListRoots,
    ListOrganizationalUnitsForParent,
    ListAccountsForParent,
    ListDelegatedAdministrators,
    ListRegions,
    GetRegionOptStatus,
    DescribeRepositories,
    GetRepositoryPolicy,
    BatchGetRepositoryScanningConfiguration,
    GetRegistryPolicy,
    GetRegistryScanningConfiguration,
    GetAccountSetting,
    DescribeRepositoryCreationTemplates,
    ListTagsForResource,
    DescribeImages,
    BatchGetAccountStatus,
    ListCoverage,
    GetDelegatedAdminAccount,
    GetConfiguration,
    DescribeOrganizationConfiguration,
    GetRole,
    DescribeEffectivePolicy,
    ListFindings,
    ListFilters,
    ListAccountPermissions,
    ListUsageTotals,
    SetRepositoryPolicy,
    PutRegistryScanningConfiguration,
    Disable,
    Enable,
    CreateFindingsReport,
    GetFindingsReportStatus,
    BatchImportFindings,
}

/// Which command needs an operation first; the later ones need what the earlier ones need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Audit,
    /// Counting what a re-sync destroys, and saving it.
    Plan,
    /// Changing something.
    Apply,
    /// Sending findings to Security Hub, which needs nothing else.
    Publish,
}

/// Whose credentials make the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// The caller itself, before any role.
    Caller,
    /// The caller, or the role of `--organization-role-arn`.
    Organization,
    /// The audit role in each account.
    Account,
    /// The write role in each account.
    Writer,
    /// The role for findings in each account.
    Publisher,
}

/// What a permission can be bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    /// Nothing: it is for all resources, or for none.
    Any,
    Repository,
    /// Inspector's service-linked role.
    InspectorRole,
    /// The roles that are assumed.
    Role,
    /// An account of the organization.
    Account,
}

/// A token bucket: calls per second and the burst on top.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    pub per_second: f64,
    pub burst: f64,
    /// Whether AWS publishes it. An unpublished rate is a start, raised while nothing is throttled.
    pub published: bool,
}

const fn published(per_second: f64, burst: f64) -> Limit {
    Limit { per_second, burst, published: true }
}

const fn unpublished(per_second: f64, burst: f64) -> Limit {
    Limit { per_second, burst, published: false }
}

#[derive(Debug, Clone, Copy)]
pub struct ApiInfo {
    pub api: Api,
    pub service: &'static str,
    pub operation: &'static str,
    /// The IAM action to allow. Equal to `service:operation` for every operation used here.
    pub permission: &'static str,
    pub limit: Limit,
    pub reader: Reader,
    pub phase: Phase,
    /// What the answer is needed for.
    pub needed_for: &'static str,
    /// Asked only where another operation is refused, or does not say: where that one is allowed, this one need not be.
    pub instead_of: Option<Api>,
}

macro_rules! apis {
    ($($phase:ident: $($service:literal $api:ident $limit:expr, $reader:ident, $why:literal $(, instead of $other:ident)?;)*)*) => {
        /// One row per operation, in the order of `Api`.
        pub const APIS: &[ApiInfo] = &[$($(ApiInfo {
            api: Api::$api,
            service: $service,
            operation: stringify!($api),
            permission: concat!($service, ":", stringify!($api)),
            limit: $limit,
            reader: Reader::$reader,
            phase: Phase::$phase,
            needed_for: $why,
            instead_of: [$(Some(Api::$other),)? None][0],
        },)*)*];
    };
}

// AWS: rates of Organizations from "Quotas for AWS Organizations"; STS from "IAM and AWS STS quotas" (600 a second for
// the calling account). ECR and Inspector publish none for these calls: conservative starts that adapt.
apis! {
  Audit:
    "sts" GetCallerIdentity unpublished(50.0, 50.0), Caller, "who is auditing";
    "sts" AssumeRole published(300.0, 300.0), Caller, "every account but the caller's own";
    "organizations" DescribeOrganization published(1.0, 2.0), Organization, "organization id and management account";
    "organizations" ListAccounts published(8.0, 12.0), Organization, "which accounts there are, and their state";
    "organizations" ListRoots published(1.0, 2.0), Organization, "OU names where accounts come without paths", instead of ListAccounts;
    "organizations" ListOrganizationalUnitsForParent published(5.0, 8.0), Organization, "OU names";
    "organizations" ListAccountsForParent published(5.0, 8.0), Organization, "OU of accounts that come without paths", instead of ListAccounts;
    "organizations" ListDelegatedAdministrators published(5.0, 8.0), Organization, "who sees Inspector coverage of the whole organization";
    "account" ListRegions unpublished(5.0, 10.0), Account, "which regions an account has enabled";
    "account" GetRegionOptStatus unpublished(5.0, 10.0), Account, "the same, where ListRegions is refused", instead of ListRegions;
    "ecr" DescribeRepositories unpublished(20.0, 40.0), Account, "which repositories there are";
    "ecr" GetRepositoryPolicy unpublished(20.0, 40.0), Account, "the policy that may deny Inspector";
    "ecr" BatchGetRepositoryScanningConfiguration unpublished(20.0, 40.0), Account, "how often each repository is scanned";
    "ecr" GetRegistryPolicy unpublished(20.0, 40.0), Account, "the registry policy that may deny Inspector";
    "ecr" GetRegistryScanningConfiguration unpublished(20.0, 40.0), Account, "BASIC or ENHANCED, and the scan rules";
    "ecr" GetAccountSetting unpublished(20.0, 40.0), Account, "whether the registry policy counts for every call (scope V2)";
    "ecr" DescribeRepositoryCreationTemplates unpublished(20.0, 40.0), Account, "policies that new repositories will get";
    "ecr" ListTagsForResource unpublished(20.0, 40.0), Account, "tags, where a policy's condition asks for them";
    "ecr" DescribeImages unpublished(20.0, 40.0), Account, "whether a repository without coverage is empty";
    "inspector2" BatchGetAccountStatus unpublished(10.0, 20.0), Account, "whether ECR scanning is on";
    "inspector2" ListCoverage unpublished(10.0, 20.0), Account, "what Inspector says it covers, and why not";
    "inspector2" GetDelegatedAdminAccount unpublished(10.0, 20.0), Account, "the delegated administrator, where Organizations does not say", instead of ListDelegatedAdministrators;
    "inspector2" GetConfiguration unpublished(5.0, 10.0), Account, "how long images are scanned again after a push or a pull";
    "inspector2" DescribeOrganizationConfiguration unpublished(5.0, 10.0), Account, "whether ECR scanning is turned on for accounts that join";
    "iam" GetRole unpublished(10.0, 20.0), Account, "id and tags of Inspector's role, where a policy hangs on them";
  Plan:
    "organizations" DescribeEffectivePolicy published(5.0, 8.0), Organization, "whether an organization policy forbids a re-sync";
    "inspector2" ListFindings unpublished(10.0, 20.0), Account, "findings that a re-sync would delete, and their backup";
    "inspector2" ListFilters unpublished(5.0, 10.0), Account, "suppression rules";
    "inspector2" ListAccountPermissions unpublished(5.0, 10.0), Account, "whether scanning may be turned off and on from there";
    "inspector2" ListUsageTotals unpublished(5.0, 10.0), Account, "what an initial scan costs";
  Apply:
    "ecr" SetRepositoryPolicy unpublished(5.0, 10.0), Writer, "repairing a policy";
    "ecr" PutRegistryScanningConfiguration unpublished(1.0, 2.0), Writer, "putting the scanning configuration back after a re-sync";
    "inspector2" Disable unpublished(1.0, 2.0), Writer, "the first half of a re-sync";
    "inspector2" Enable unpublished(1.0, 2.0), Writer, "the second half of a re-sync";
    "inspector2" CreateFindingsReport unpublished(1.0, 2.0), Writer, "Inspector's own copy of the findings in S3, where it is asked for";
    "inspector2" GetFindingsReportStatus unpublished(5.0, 10.0), Writer, "whether that copy is whole";
  Publish:
    "securityhub" BatchImportFindings published(10.0, 30.0), Publisher, "sending findings to Security Hub";
}

impl Api {
    pub const fn info(self) -> &'static ApiInfo {
        // INVARIANT: APIS is in the order of the enum and complete (tested below).
        #[expect(clippy::indexing_slicing, reason = "the table has one row per variant, in order; a test holds it so")]
        &APIS[self as usize]
    }

    /// The IAM action to allow.
    pub const fn permission(self) -> &'static str {
        self.info().permission
    }

    /// AWS: dependent actions, which the caller needs besides the operation's own. Writing an ENHANCED scanning configuration takes
    /// those of Inspector too, with the same credentials; a findings report is written to S3 as the caller.
    pub fn dependent_actions(self) -> &'static [&'static str] {
        match self {
            Self::PutRegistryScanningConfiguration => &[
                "iam:CreateServiceLinkedRole",
                "inspector2:Disable",
                "inspector2:Enable",
                "inspector2:ListAccountPermissions",
                "inspector2:ListCoverage",
                "inspector2:ListFindings",
            ],
            Self::CreateFindingsReport => &["s3:GetBucketLocation", "s3:PutObject"],
            _ => &[],
        }
    }

    /// AWS: the resources that its permission can be bound to.
    pub const fn resource(self) -> ResourceKind {
        match self {
            Self::DescribeRepositories
            | Self::GetRepositoryPolicy
            | Self::BatchGetRepositoryScanningConfiguration
            | Self::ListTagsForResource
            | Self::DescribeImages
            | Self::SetRepositoryPolicy => ResourceKind::Repository,
            Self::GetRole => ResourceKind::InspectorRole,
            Self::AssumeRole => ResourceKind::Role,
            Self::DescribeEffectivePolicy => ResourceKind::Account,
            _ => ResourceKind::Any,
        }
    }

    /// From `service:Operation`, the form that is stored.
    pub fn from_permission(permission: &str) -> Option<Self> {
        APIS.iter().find(|info| info.permission == permission).map(|info| info.api)
    }
}

/// The IAM actions of operations.
pub fn permissions(apis: &[Api]) -> Vec<&'static str> {
    apis.iter().map(|api| api.permission()).collect()
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info().permission)
    }
}

/// AWS: AssumeRole refuses an inline session policy over 2,048 characters.
pub const SESSION_POLICY_MAX_CHARS: usize = 2048;

/// The session policy that narrows any role, however powerful, to the reads of the API table that a command needs.
pub fn session_policy(phase: Phase) -> String {
    let actions: Vec<&str> = APIS
        .iter()
        .filter(|info| {
            info.phase <= phase && !matches!(info.reader, Reader::Caller | Reader::Writer | Reader::Publisher)
        })
        .map(|info| info.permission)
        .collect();
    session_policy_of(&[Allowance { actions, resources: Vec::new() }])
}

/// What a session may do. No resources: on any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    pub actions: Vec<&'static str>,
    pub resources: Vec<String>,
}

/// A session policy that allows this and nothing else.
pub fn session_policy_of(allowances: &[Allowance]) -> String {
    let list =
        |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(",");
    let statements: Vec<String> = allowances
        .iter()
        .map(|one| {
            let actions = list(&mut one.actions.iter().copied());
            let resources = match one.resources.as_slice() {
                [] => "\"*\"".to_owned(),
                arns => format!("[{}]", list(&mut arns.iter().map(String::as_str))),
            };
            format!(r#"{{"Effect":"Allow","Action":[{actions}],"Resource":{resources}}}"#)
        })
        .collect();
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum_and_ends_with_its_last_variant() {
        for (index, info) in APIS.iter().enumerate() {
            assert_eq!(info.api as usize, index, "{}", info.operation);
            assert_eq!(info.api.info().operation, info.operation);
            assert_eq!(Api::from_permission(info.permission), Some(info.api));
            assert!(!info.needed_for.is_empty());
        }
        assert_eq!(APIS.len(), Api::BatchImportFindings as usize + 1);
    }

    #[test]
    fn the_session_policy_fits_and_names_reads_only() {
        for phase in [Phase::Audit, Phase::Plan, Phase::Apply, Phase::Publish] {
            let policy = session_policy(phase);
            assert!(policy.len() <= SESSION_POLICY_MAX_CHARS, "{}", policy.len());
            for info in APIS.iter().filter(|info| info.reader != Reader::Caller) {
                let reads = ["Get", "List", "Describe", "BatchGet"].iter().any(|verb| info.operation.starts_with(verb));
                assert!(reads || info.phase >= Phase::Apply, "{}", info.permission);
                assert_eq!(info.reader == Reader::Writer, info.phase == Phase::Apply, "{}", info.permission);
                assert_eq!(info.reader == Reader::Publisher, info.phase == Phase::Publish, "{}", info.permission);
                let needed = !matches!(info.reader, Reader::Writer | Reader::Publisher) && info.phase <= phase;
                assert_eq!(policy.contains(&format!("\"{}\"", info.permission)), needed, "{}", info.permission);
            }
        }
    }
}
