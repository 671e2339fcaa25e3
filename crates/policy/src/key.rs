//! The condition keys that are known, and what is known of each in a request to ECR.

/// A condition key as a policy names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) text: Box<str>,
    /// AWS: names of condition keys compare without case.
    pub(crate) lower: Box<str>,
    pub(crate) kind: Kind,
}

/// What a key speaks of, as far as it decides what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    PrincipalArn,
    PrincipalAccount,
    PrincipalOrgId,
    PrincipalOrgPaths,
    PrincipalType,
    PrincipalTag,
    UserId,
    UserName,
    PrincipalIsAwsService,
    PrincipalServiceName,
    PrincipalServiceNames,
    /// Describes how a session was created and for whom it acts; no request of a service-linked role has these keys.
    Session,
    /// Set where an AWS service calls directly for a resource of its own.
    Source,
    ViaAwsService,
    TokenIssueTime,
    MultiFactorAuthPresent,
    SourceIp,
    /// The address in the network of the endpoint.
    VpcSourceIp,
    Endpoint,
    /// The owner of the VPC endpoint (account, organization); only some services send these keys.
    EndpointOwner,
    SecureTransport,
    UserAgent,
    CurrentTime,
    EpochTime,
    RequestedRegion,
    ResourceAccount,
    ResourceOrgId,
    ResourceOrgPaths,
    ResourceTag,
    /// In no request for one of the ten actions, by any principal.
    OtherActions,
    /// Not in the table: may be there or not, with whatever value.
    Unlisted,
}

/// A row of AWS's table of condition keys. A name that ends in `/` is a family, such as tags.
#[derive(Debug, Clone, Copy)]
pub struct ConditionKey {
    pub name: &'static str,
    pub(crate) kind: Kind,
    /// What is known of it in a request by Inspector's role.
    pub for_inspector: &'static str,
}

const fn row(name: &'static str, kind: Kind, for_inspector: &'static str) -> ConditionKey {
    ConditionKey { name, kind, for_inspector }
}

const ABSENT: &str = "absent";
const NO_SESSION: &str = "absent: the service assumes the role itself";
const NO_SOURCE: &str = "absent: only services that call by themselves send it";
const ENDPOINT: &str = "absent, or an endpoint of AWS that is not the customer's; never together with aws:SourceIp";

/// AWS: "AWS global condition context keys" and "Condition keys for Amazon Elastic Container Registry", read for a
/// service-linked role in its own account.
#[rustfmt::skip]
pub const CONDITION_KEYS: &[ConditionKey] = &[
    row("aws:PrincipalArn", Kind::PrincipalArn, "the role's ARN with its path"),
    row("aws:PrincipalAccount", Kind::PrincipalAccount, "the account"),
    row("aws:PrincipalOrgID", Kind::PrincipalOrgId, "the organization's id; absent outside of one"),
    row("aws:PrincipalOrgPaths", Kind::PrincipalOrgPaths, "the path of the account's OU; absent outside of an organization"),
    row("aws:PrincipalType", Kind::PrincipalType, "AssumedRole"),
    row("aws:PrincipalTag/", Kind::PrincipalTag, "the role's tag, read with iam:GetRole where a policy names one; the verdict says so"),
    row("aws:userid", Kind::UserId, "AROA…:SESSION: the id is read with iam:GetRole where a policy names it, the session is not known"),
    row("aws:username", Kind::UserName, "absent: a role has none"),
    row("aws:PrincipalIsAWSService", Kind::PrincipalIsAwsService, "false: a service-linked role is not a service principal"),
    row("aws:PrincipalServiceName", Kind::PrincipalServiceName, "absent: a service-linked role is not a service principal"),
    row("aws:PrincipalServiceNamesList", Kind::PrincipalServiceNames, "absent: a service-linked role is not a service principal"),
    row("aws:ViaAWSService", Kind::ViaAwsService, "false: not a forward access session"),
    row("aws:CalledVia", Kind::Session, ABSENT),
    row("aws:CalledViaFirst", Kind::Session, ABSENT),
    row("aws:CalledViaLast", Kind::Session, ABSENT),
    row("aws:SourceAccount", Kind::Source, NO_SOURCE),
    row("aws:SourceArn", Kind::Source, NO_SOURCE),
    row("aws:SourceOrgID", Kind::Source, NO_SOURCE),
    row("aws:SourceOrgPaths", Kind::Source, NO_SOURCE),
    row("aws:SourceIp", Kind::SourceIp, "a public address of AWS, or absent"),
    row("aws:SourceVpc", Kind::Endpoint, ENDPOINT),
    row("aws:SourceVpcArn", Kind::Endpoint, ENDPOINT),
    row("aws:SourceVpce", Kind::Endpoint, ENDPOINT),
    row("aws:VpcSourceIp", Kind::VpcSourceIp, "absent, or an address in a network of AWS's that is not known; never together with aws:SourceIp"),
    row("aws:VpceAccount", Kind::EndpointOwner, ENDPOINT),
    row("aws:VpceOrgID", Kind::EndpointOwner, ENDPOINT),
    row("aws:VpceOrgPaths", Kind::EndpointOwner, ENDPOINT),
    row("aws:SecureTransport", Kind::SecureTransport, "taken as true: documented as always present; the verdict says so"),
    row("aws:MultiFactorAuthPresent", Kind::MultiFactorAuthPresent, "false, or absent"),
    row("aws:MultiFactorAuthAge", Kind::Session, NO_SESSION),
    row("aws:TokenIssueTime", Kind::TokenIssueTime, "within the last twelve hours"),
    row("aws:CurrentTime", Kind::CurrentTime, "the time of the audit; the verdict says so"),
    row("aws:EpochTime", Kind::EpochTime, "the time of the audit; the verdict says so"),
    row("aws:RequestedRegion", Kind::RequestedRegion, "the repository's region"),
    row("aws:ResourceAccount", Kind::ResourceAccount, "the account"),
    row("aws:ResourceOrgID", Kind::ResourceOrgId, "the organization's id; absent outside of one"),
    row("aws:ResourceOrgPaths", Kind::ResourceOrgPaths, "the path of the account's OU; absent outside of an organization"),
    row("aws:ResourceTag/", Kind::ResourceTag, "the repository's tag; absent for actions without a repository"),
    row("ecr:ResourceTag/", Kind::ResourceTag, "the repository's tag; absent for actions without a repository"),
    row("ecr:AccountSetting", Kind::OtherActions, ABSENT),
    row("aws:UserAgent", Kind::UserAgent, "some value that is not known"),
    row("aws:referer", Kind::OtherActions, "absent: not a browser"),
    row("aws:RequestTag/", Kind::OtherActions, "absent: none of the ten actions tags"),
    row("aws:TagKeys", Kind::OtherActions, "absent: none of the ten actions tags"),
    row("aws:SourceIdentity", Kind::Session, NO_SESSION),
    row("aws:FederatedProvider", Kind::Session, NO_SESSION),
    row("aws:AssumedRoot", Kind::Session, NO_SESSION),
    row("aws:ChatbotSourceArn", Kind::Session, NO_SESSION),
    row("aws:Ec2InstanceSourceVpc", Kind::Session, NO_SESSION),
    row("aws:Ec2InstanceSourcePrivateIPv4", Kind::Session, NO_SESSION),
    row("ec2:SourceInstanceArn", Kind::Session, NO_SESSION),
    row("lambda:SourceFunctionArn", Kind::Session, NO_SESSION),
    row("identitystore:UserId", Kind::Session, NO_SESSION),
];

impl Key {
    pub(crate) fn new(text: &str) -> Self {
        let kind = CONDITION_KEYS.iter().find(|row| row.covers(text)).map_or(Kind::Unlisted, |row| row.kind);
        Self { text: text.into(), lower: text.to_ascii_lowercase().into(), kind }
    }

    /// AWS: keys with several values cannot be variables.
    pub(crate) fn is_multivalued(&self) -> bool {
        matches!(self.kind, Kind::PrincipalOrgPaths | Kind::ResourceOrgPaths | Kind::PrincipalServiceNames)
    }

    /// The tag of a key such as `aws:ResourceTag/team`, in lowercase.
    pub(crate) fn tag(&self) -> &str {
        self.lower.split_once('/').map_or("", |(_, tag)| tag)
    }
}

impl ConditionKey {
    fn covers(&self, text: &str) -> bool {
        let named = text.get(..self.name.len()).is_some_and(|start| start.eq_ignore_ascii_case(self.name));
        named && (text.len() == self.name.len() || self.name.ends_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_and_families_by_their_beginning() {
        assert_eq!(Key::new("AWS:PRINCIPALARN").kind, Kind::PrincipalArn);
        assert_eq!(Key::new("aws:SourceVpc").kind, Kind::Endpoint);
        assert_eq!(Key::new("ECR:resourcetag/Team").kind, Kind::ResourceTag);
        assert_eq!(Key::new("ECR:resourcetag/Team").tag(), "team");
        assert_eq!(Key::new("aws:PrincipalArnX").kind, Kind::Unlisted);
        assert_eq!(Key::new("aws:é").kind, Kind::Unlisted);
    }
}
