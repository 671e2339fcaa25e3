//! The request that Inspector makes: who, on what, and the state of every condition key.

use std::collections::BTreeMap;

use jiff::Timestamp;
use scangap_model::{AccountId, Partition, RegionName, RepositoryName, inspector_role_arn, repository_arn};

/// The organization of the account, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Organization {
    /// `path` is the value of aws:PrincipalOrgPaths (`o-.../r-.../ou-.../`) where known.
    Member {
        id: String,
        path: Option<String>,
    },
    None,
    Unknown,
}

/// The repository's tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tags {
    Known(BTreeMap<String, String>),
    Unknown,
}

/// One request by Inspector's role. What is not stated here is taken from the documented context of service-linked
/// roles.
#[derive(Debug, Clone)]
pub struct Request {
    pub partition: Partition,
    pub account: AccountId,
    pub region: RegionName,
    /// `None`: not known yet (a creation template's future repository).
    pub repository: Option<RepositoryName>,
    pub organization: Organization,
    pub tags: Tags,
    /// The time that date conditions are judged at.
    pub as_of: Timestamp,
    /// Context keys that the caller knows better, by lowercase name.
    pub stated: BTreeMap<String, Stated>,
}

/// What a caller states about a context key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stated {
    Values(Vec<String>),
    Absent,
    /// There or not, with whatever value.
    Unknown,
}

impl Request {
    pub(crate) fn principal_arn(&self) -> String {
        inspector_role_arn(self.partition, self.account)
    }

    #[expect(clippy::unused_self, reason = "the role will follow the request once other principals can be asked about")]
    pub(crate) fn role_name(&self) -> &'static str {
        "AWSServiceRoleForAmazonInspector2"
    }

    /// The resource of a repository action, where the repository is known.
    pub(crate) fn repository_arn(&self) -> Option<String> {
        self.repository.as_ref().map(|name| repository_arn(self.partition, &self.region, self.account, name))
    }
}

/// One way the request's context may be. A key has one world where its state is documented, several where it is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum World {
    Values(Vec<String>),
    Absent,
    /// Present, value not known.
    Some,
    /// Present with a value that is not the customer's own (an endpoint or network of AWS).
    Foreign,
    /// A public address of AWS, of either family.
    AwsAddress,
}

fn value(text: impl Into<String>) -> Vec<World> {
    vec![World::Values(vec![text.into()])]
}

/// The worlds of a key in Inspector's request for an action.
///
/// AWS: "AWS global condition context keys", read for a service-linked role; unlisted keys may be there or not.
pub(crate) fn worlds(key: &str, on_repository: bool, request: &Request) -> Vec<World> {
    let lower = key.to_ascii_lowercase();
    match request.stated.get(&lower) {
        Some(Stated::Values(values)) => return vec![World::Values(values.clone())],
        Some(Stated::Absent) => return vec![World::Absent],
        Some(Stated::Unknown) => return vec![World::Absent, World::Some],
        None => {}
    }
    if let Some(tag) = lower.strip_prefix("aws:resourcetag/").or_else(|| lower.strip_prefix("ecr:resourcetag/")) {
        return resource_tag(tag, on_repository, request);
    }
    if lower.starts_with("aws:requesttag/") {
        return vec![World::Absent];
    }
    match lower.as_str() {
        "aws:principalarn" => value(request.principal_arn()),
        "aws:principalaccount" | "aws:resourceaccount" => value(request.account.to_string()),
        "aws:principalorgid" | "aws:resourceorgid" => match &request.organization {
            Organization::Member { id, .. } => value(id.clone()),
            Organization::None => vec![World::Absent],
            Organization::Unknown => vec![World::Absent, World::Some],
        },
        "aws:principalorgpaths" | "aws:resourceorgpaths" => match &request.organization {
            Organization::Member { path: Some(path), .. } => value(path.clone()),
            Organization::Member { path: None, .. } => vec![World::Some],
            Organization::None => vec![World::Absent],
            Organization::Unknown => vec![World::Absent, World::Some],
        },
        "aws:principaltype" => value("AssumedRole"),
        "aws:principalisawsservice" | "aws:viaawsservice" => value("false"),
        "aws:requestedregion" => value(request.region.as_str()),
        "aws:currenttime" => value(request.as_of.to_string()),
        "aws:epochtime" => value(request.as_of.as_second().to_string()),
        "aws:securetransport" => vec![World::Values(vec!["true".to_owned()]), World::Absent],
        "aws:multifactorauthpresent" => vec![World::Values(vec!["false".to_owned()]), World::Absent],
        "aws:sourceip" => vec![World::AwsAddress, World::Absent],
        "aws:sourcevpc" | "aws:sourcevpce" | "aws:sourcevpcarn" | "aws:vpcsourceip" | "aws:vpceaccount"
        | "aws:vpceorgid" | "aws:vpceorgpaths" => vec![World::Absent, World::Foreign],
        "aws:userid" | "aws:tokenissuetime" | "aws:useragent" => vec![World::Some],
        "aws:username"
        | "aws:principalservicename"
        | "aws:principalservicenameslist"
        | "aws:calledvia"
        | "aws:calledviafirst"
        | "aws:calledvialast"
        | "aws:sourceaccount"
        | "aws:sourcearn"
        | "aws:sourceorgid"
        | "aws:sourceorgpaths"
        | "aws:multifactorauthage"
        | "aws:referer"
        | "aws:tagkeys"
        | "aws:sourceidentity"
        | "aws:federatedprovider"
        | "aws:assumedroot"
        | "aws:chatbotsourcearn"
        | "aws:ec2instancesourcevpc"
        | "aws:ec2instancesourceprivateipv4"
        | "ec2:sourceinstancearn"
        | "lambda:sourcefunctionarn"
        | "identitystore:userid"
        | "ecr:accountsetting" => vec![World::Absent],
        // Principal tags among them: the role carries none by default, but its tags were not read.
        _ => vec![World::Absent, World::Some],
    }
}

fn resource_tag(tag: &str, on_repository: bool, request: &Request) -> Vec<World> {
    if !on_repository {
        return vec![World::Absent];
    }
    match &request.tags {
        Tags::Unknown => vec![World::Absent, World::Some],
        // AWS: tag keys compare case-insensitively in conditions, values do not.
        Tags::Known(tags) => match tags.iter().find(|(name, _)| name.eq_ignore_ascii_case(tag)) {
            Some((_, found)) => value(found.clone()),
            None => vec![World::Absent],
        },
    }
}
