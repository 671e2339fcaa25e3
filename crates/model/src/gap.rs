//! A gap: what was asked and could not be learnt. Gaps are data: stored, counted, reported.

use crate::{AccountId, Api, Reader, RegionName};

/// The class of a failure: what the reader can do about it. One value per different remedy, not per error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GapKind {
    AccessDenied,
    /// The region is not enabled for the account, or the token is not valid there.
    RegionDisabled,
    Throttled,
    Timeout,
    /// The connection failed or broke.
    Connection,
    /// The service said that it failed.
    ServerError,
    /// The answer could not be read, or contradicted itself (a repeated page token, an account missing from its batch).
    MalformedAnswer,
    /// The endpoint does not know the operation.
    NotImplemented,
    ExpiredCredentials,
    ClockSkew,
    /// The service refused the request for a reason not listed here.
    Refused,
    /// The audit was interrupted before it got there.
    NotReached,
    /// Only the management account and delegated administrators may ask it, and a member that audits itself need not: no
    /// gap of its audit.
    NotForMembers,
}

impl GapKind {
    pub const ALL: &[Self] = &[
        Self::AccessDenied,
        Self::RegionDisabled,
        Self::Throttled,
        Self::Timeout,
        Self::Connection,
        Self::ServerError,
        Self::MalformedAnswer,
        Self::NotImplemented,
        Self::ExpiredCredentials,
        Self::ClockSkew,
        Self::Refused,
        Self::NotReached,
        Self::NotForMembers,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::RegionDisabled => "region_disabled",
            Self::Throttled => "throttled",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::ServerError => "server_error",
            Self::MalformedAnswer => "malformed_answer",
            Self::NotImplemented => "not_implemented",
            Self::ExpiredCredentials => "expired_credentials",
            Self::ClockSkew => "clock_skew",
            Self::Refused => "refused",
            Self::NotReached => "not_reached",
            Self::NotForMembers => "not_for_members",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word)
    }

    /// Whether asking again later may bring an answer, with nothing changed at AWS. The others are AWS's word.
    pub const fn may_pass(self) -> bool {
        match self {
            Self::Throttled
            | Self::Timeout
            | Self::Connection
            | Self::ServerError
            | Self::MalformedAnswer
            | Self::ExpiredCredentials
            | Self::ClockSkew
            | Self::NotReached => true,
            Self::AccessDenied | Self::RegionDisabled | Self::NotImplemented | Self::Refused | Self::NotForMembers => {
                false
            }
        }
    }
}

/// Which policy AWS named in an access-denied message.
///
/// AWS: "Troubleshoot access denied error messages" (IAM User Guide). Only one policy type is named even where
/// several deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// An explicit deny in a resource-based policy: the deny that blocks Inspector often blocks the auditor too.
    ResourcePolicy,
    ServiceControlPolicy,
    ResourceControlPolicy,
    IdentityPolicy,
    PermissionsBoundary,
    SessionPolicy,
    VpcEndpointPolicy,
    TrustPolicy,
    NotStated,
}

impl Cause {
    pub const ALL: &[Self] = &[
        Self::ResourcePolicy,
        Self::ServiceControlPolicy,
        Self::ResourceControlPolicy,
        Self::IdentityPolicy,
        Self::PermissionsBoundary,
        Self::SessionPolicy,
        Self::VpcEndpointPolicy,
        Self::TrustPolicy,
        Self::NotStated,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::ResourcePolicy => "resource_based_policy",
            Self::ServiceControlPolicy => "service_control_policy",
            Self::ResourceControlPolicy => "resource_control_policy",
            Self::IdentityPolicy => "identity_based_policy",
            Self::PermissionsBoundary => "permissions_boundary",
            Self::SessionPolicy => "session_policy",
            Self::VpcEndpointPolicy => "vpc_endpoint_policy",
            Self::TrustPolicy => "role_trust_policy",
            Self::NotStated => "",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cause| cause.word() == word)
    }
}

/// What was asked and could not be learnt, and where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Gap {
    pub api: Api,
    /// The account whose facts are missing; `None` for the organization itself.
    pub account: Option<AccountId>,
    /// `None` for global APIs.
    pub region: Option<RegionName>,
    /// The repository, page or other resource asked about; empty for the whole registry.
    pub resource: String,
    pub kind: GapKind,
    /// AWS's error code, or ours where no answer came.
    pub code: String,
    pub cause: Cause,
    /// The ARN of the policy that denies, where AWS names it; else empty.
    pub policy_arn: String,
    /// AWS's message without request ids. Evidence, not a fact: it is written to `run.json`, not to the tables.
    pub message: String,
    /// How often it was tried. Evidence, not a fact.
    pub attempts: u32,
}

impl Gap {
    /// The key under which a gap is stored once, however many facts refer to it.
    pub fn key(&self) -> (Option<AccountId>, Option<&RegionName>, Api, &str) {
        (self.account, self.region.as_ref(), self.api, &self.resource)
    }

    /// AWS answers a key that is not valid and a region that is not enabled alike. Where the region is enabled, or the call has
    /// none, it is the key.
    #[must_use]
    pub fn of_enabled_region(self) -> Self {
        let token = matches!(self.code.as_str(), "UnrecognizedClientException" | "InvalidClientTokenId");
        if token && self.kind == GapKind::RegionDisabled {
            return Self { kind: GapKind::ExpiredCredentials, ..self };
        }
        self
    }

    /// Whether a policy refuses whichever read meets it, and one exemption there closes all such gaps. What an identity policy lacks
    /// is granted read by read.
    pub fn is_refused_by_one_policy(&self) -> bool {
        self.kind == GapKind::AccessDenied
            && !matches!(self.cause, Cause::NotStated | Cause::IdentityPolicy | Cause::TrustPolicy)
    }

    /// The IAM permission to grant, where a permission would help.
    pub fn permission_needed(&self) -> Option<&'static str> {
        (self.kind == GapKind::AccessDenied).then(|| self.api.info().permission)
    }

    /// One action that helps, as a sentence fragment.
    pub fn hint(&self) -> String {
        hint(self.kind, self.cause, self.api)
    }
}

/// One action that helps against a policy that refuses, whichever read meets it.
pub fn hint_against_policy(cause: Cause) -> String {
    match cause {
        Cause::ResourcePolicy => {
            "a resource-based policy denies the auditor: let the audit role through there, as well as Inspector"
                .to_owned()
        }
        Cause::PermissionsBoundary | Cause::SessionPolicy => {
            format!("let the audit role's reads through the {}", cause.word().replace('_', " "))
        }
        _ => format!("exempt the audit role from the {}", cause.word().replace('_', " ")),
    }
}

/// Whose policy lacks what a call needs.
pub fn grantee(api: Api) -> &'static str {
    match api.info().reader {
        Reader::Caller => "the caller",
        Reader::Organization => "the caller, or to the role of --organization-role-arn",
        Reader::Account => "the audit role",
        Reader::Writer => "the write role",
        Reader::Publisher => "the role for findings",
    }
}

/// One action that helps against a gap of this kind, as a sentence fragment.
pub fn hint(kind: GapKind, cause: Cause, api: Api) -> String {
    match kind {
        GapKind::AccessDenied => match cause {
            Cause::ResourcePolicy => format!(
                "a resource-based policy denies the auditor: let the audit role through there, as well as Inspector ({})",
                api.info().permission
            ),
            Cause::ServiceControlPolicy => {
                format!("a service control policy denies {}: exempt the audit role", api.info().permission)
            }
            // A permission that is granted does not get through these.
            Cause::ResourceControlPolicy | Cause::PermissionsBoundary | Cause::VpcEndpointPolicy => {
                format!("{} ({})", hint_against_policy(cause), api.info().permission)
            }
            Cause::TrustPolicy => "let the audit role's trust policy name this caller".to_owned(),
            _ if api == Api::AssumeRole => {
                "create the audit role in the account and let it trust this caller, or name another with --role-name".to_owned()
            }
            _ => format!("grant {} to {}", api.info().permission, grantee(api)),
        },
        GapKind::RegionDisabled => "enable the region for the account, or leave it out with --regions; where it is enabled, the key is not valid any more".to_owned(),
        GapKind::Throttled => "AWS let nothing through for so long: run again later, or wait longer with --throttle-patience".to_owned(),
        GapKind::Timeout | GapKind::Connection => "check the network path to the endpoint and run again".to_owned(),
        GapKind::ServerError => "run again later; the service failed".to_owned(),
        GapKind::MalformedAnswer => "run again; if it persists, the endpoint does not speak AWS's protocol".to_owned(),
        GapKind::NotImplemented => "the endpoint does not implement this operation".to_owned(),
        GapKind::ExpiredCredentials => "the credentials are over, or the key was deactivated: renew them and run again".to_owned(),
        GapKind::ClockSkew => "check the secret access key, and this machine's clock".to_owned(),
        GapKind::Refused => format!("see the message in run.json; {} refused the request", api.info().service),
        GapKind::NotReached => "the audit was interrupted: run it again".to_owned(),
        GapKind::NotForMembers => "nothing: a member's audit of itself is complete without it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: 5 Advice that harms: no permission is to be granted where a policy denies whatever is granted
    #[test]
    fn nothing_is_granted_against_a_policy_that_denies() {
        for cause in [
            Cause::ResourcePolicy,
            Cause::ServiceControlPolicy,
            Cause::ResourceControlPolicy,
            Cause::PermissionsBoundary,
            Cause::VpcEndpointPolicy,
        ] {
            let hint = hint(GapKind::AccessDenied, cause, Api::DescribeRepositories);
            assert!(!hint.contains("grant") && hint.contains("ecr:DescribeRepositories"), "{cause:?}: {hint}");
        }
        let lacking = hint(GapKind::AccessDenied, Cause::IdentityPolicy, Api::DescribeRepositories);
        assert_eq!(lacking, "grant ecr:DescribeRepositories to the audit role");
    }
}
