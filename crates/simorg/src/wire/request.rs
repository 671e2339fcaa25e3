//! What a request asks for, in whichever protocol it speaks.

use jiff::Timestamp;
use scangap_model::{AccountId, INSPECTOR_ROLE_NAME, Partition, inspector_role_arn};
use serde_json::{Map, Value};

use super::error::WireError;
use super::query::parse_form;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Form in, XML out: STS, IAM.
    Query,
    /// `X-Amz-Target`, JSON 1.1: Organizations, ECR.
    Json,
    /// Paths, JSON bodies: Account, Inspector2.
    RestJson,
}

#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) protocol: Protocol,
    pub(crate) service: &'static str,
    pub(crate) operation: String,
    pub(crate) input: Value,
    pub(crate) access_key: String,
    pub(crate) region: String,
    pub(crate) token: Option<String>,
    /// When the caller says that it signed, where it says so.
    pub(crate) signed_at: Option<Timestamp>,
}

const INSPECTOR_PATHS: &[(&str, &str)] = &[
    ("/coverage/list", "ListCoverage"),
    ("/status/batch/get", "BatchGetAccountStatus"),
    ("/enable", "Enable"),
    ("/disable", "Disable"),
    ("/delegatedadminaccounts/get", "GetDelegatedAdminAccount"),
    ("/findings/list", "ListFindings"),
    ("/filters/list", "ListFilters"),
    ("/configuration/get", "GetConfiguration"),
    ("/organizationconfiguration/describe", "DescribeOrganizationConfiguration"),
    ("/accountpermissions/list", "ListAccountPermissions"),
    ("/usage/list", "ListUsageTotals"),
    ("/reporting/create", "CreateFindingsReport"),
    ("/reporting/status/get", "GetFindingsReportStatus"),
];

const ACCOUNT_PATHS: &[(&str, &str)] =
    &[("/listRegions", "ListRegions"), ("/getRegionOptStatus", "GetRegionOptStatus")];

const SECURITY_HUB_PATHS: &[(&str, &str)] = &[("/findings/import", "BatchImportFindings")];

/// Headers by lowercase name.
pub(crate) fn parse(path: &str, header: impl Fn(&str) -> Option<String>, body: &[u8]) -> Result<Incoming, WireError> {
    let authorization = header("authorization")
        .ok_or_else(|| WireError::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token"))?;
    let (access_key, region, signed_for) = credential(&authorization).ok_or_else(|| {
        WireError::new(400, "IncompleteSignature", "Authorization header requires a Credential parameter")
    })?;
    let token = header("x-amz-security-token");
    let signed_at = header("x-amz-date").and_then(|date| date.parse().ok());
    let unknown =
        || WireError::new(404, "UnknownOperationException", "the simulated organization does not have this operation");
    let json = || serde_json::from_slice(body).unwrap_or_else(|_| Value::Object(Map::new()));
    let (protocol, service, operation, input) = if let Some(target) = header("x-amz-target") {
        let (prefix, operation) = target.split_once('.').ok_or_else(unknown)?;
        let service = match prefix {
            "AWSOrganizationsV20161128" => "organizations",
            "AmazonEC2ContainerRegistry_V20150921" => "ecr",
            _ => return Err(unknown()),
        };
        (Protocol::Json, service, operation.to_owned(), json())
    } else if let Some(service) = ["sts", "iam"].into_iter().find(|service| *service == signed_for) {
        let form = parse_form(&String::from_utf8_lossy(body));
        let operation = form.get("Action").cloned().ok_or_else(unknown)?;
        let input = form.into_iter().map(|(key, value)| (key, Value::String(value))).collect();
        (Protocol::Query, service, operation, Value::Object(input))
    } else {
        let (service, paths) = match signed_for.as_str() {
            "inspector2" => ("inspector2", INSPECTOR_PATHS),
            "account" => ("account", ACCOUNT_PATHS),
            "securityhub" => ("securityhub", SECURITY_HUB_PATHS),
            _ => return Err(unknown()),
        };
        let (_, operation) = paths.iter().find(|(known, _)| *known == path).ok_or_else(unknown)?;
        (Protocol::RestJson, service, (*operation).to_owned(), json())
    };
    Ok(Incoming { protocol, service, operation, input, access_key, region, token, signed_at })
}

/// AWS: SigV4 `Credential=<key>/<date>/<region>/<service>/aws4_request`. The signature itself is not checked: every
/// process on this machine may call.
fn credential(authorization: &str) -> Option<(String, String, String)> {
    let (_, rest) = authorization.split_once("Credential=")?;
    let scope = rest.split([',', ' ']).next()?;
    let mut parts = scope.split('/');
    let key = parts.next()?.to_owned();
    let (_date, region, service) = (parts.next()?, parts.next()?, parts.next()?);
    Some((key, region.to_owned(), service.to_owned()))
}

impl Incoming {
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.input.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// The page token, under either spelling.
    pub(crate) fn page_token(&self) -> Option<&str> {
        self.text("nextToken").or_else(|| self.text("NextToken"))
    }

    /// The repository, role, accounts or other resource asked about, for faults and the log.
    pub(crate) fn resource(&self) -> String {
        let from_arn = |arn: &str| arn.split_once(":repository/").map_or(arn, |(_, name)| name).to_owned();
        if let Some(name) = self.text("repositoryName") {
            name.to_owned()
        } else if let Some(arn) = ["resourceArn", "RoleArn", "RoleName"].iter().find_map(|key| self.text(key)) {
            from_arn(arn)
        } else if let Some(names) =
            ["repositoryNames", "accountIds"].iter().find_map(|key| self.input.get(key)?.as_array())
        {
            names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        } else if let Some(kind) = self.input.pointer("/filterCriteria/resourceType/0/value").and_then(Value::as_str) {
            // What is listed: repositories and images are two lists of one operation.
            kind.to_owned()
        } else {
            String::new()
        }
    }

    /// The ARN that IAM would be asked about, where the operation has one; else empty.
    pub(crate) fn target(&self, account: AccountId) -> String {
        const OF_REPOSITORIES: [&str; 2] = ["DescribeRepositories", "BatchGetRepositoryScanningConfiguration"];
        let repository = |name: &str| format!("arn:aws:ecr:{}:{account}:repository/{name}", self.region);
        let text = |name: &str| self.text(name).map(str::to_owned);
        match self.service {
            "ecr" => text("resourceArn")
                .or_else(|| text("repositoryName").map(|name| repository(&name)))
                .unwrap_or_else(|| {
                    // Asked of several or of all, which takes the right to all.
                    if OF_REPOSITORIES.contains(&self.operation.as_str()) { repository("*") } else { String::new() }
                }),
            "sts" => text("RoleArn").unwrap_or_default(),
            "organizations" => {
                let of_account = |id: String| format!("arn:aws:organizations::{account}:account/o-simulated/{id}");
                text("TargetId").map_or_else(String::new, of_account)
            }
            "iam" => text("RoleName").map_or_else(String::new, |name| self.role_arn(account, &name)),
            _ => String::new(),
        }
    }

    /// Roles of services have a path of their own.
    fn role_arn(&self, account: AccountId, name: &str) -> String {
        if name == INSPECTOR_ROLE_NAME {
            return inspector_role_arn(Partition::of_region(&self.region), account);
        }
        format!("arn:aws:iam::{account}:role/{name}")
    }

    pub(crate) fn permission(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }
}
