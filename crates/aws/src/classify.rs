//! AWS's errors, classified once: by modeled code first, by HTTP status where there is no code, never by message text,
//! except for the policy type that AWS names only there.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use scangap_model::{AccountId, Api, Cause, Gap, GapKind, RegionName};

/// A call that ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{api}: {code}: {message}")]
pub struct CallError {
    pub api: Api,
    pub kind: GapKind,
    pub code: String,
    pub cause: Cause,
    pub message: String,
    pub attempts: u32,
}

impl CallError {
    pub fn at(self, account: Option<AccountId>, region: Option<&RegionName>, resource: impl Into<String>) -> Gap {
        Gap {
            api: self.api,
            account,
            region: region.cloned(),
            resource: resource.into(),
            kind: self.kind,
            code: self.code,
            cause: self.cause,
            message: self.message,
            attempts: self.attempts,
        }
    }

    /// An answer that contradicts itself.
    pub fn malformed(api: Api, code: &str, message: impl Into<String>) -> Self {
        Self {
            api,
            kind: GapKind::MalformedAnswer,
            code: code.to_owned(),
            cause: Cause::NotStated,
            message: message.into(),
            attempts: 1,
        }
    }
}

pub(crate) fn classify<E>(api: Api, error: &SdkError<E, HttpResponse>, attempts: u32) -> CallError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let make = |kind, code: &str, message: &str| CallError {
        api,
        kind,
        code: code.to_owned(),
        cause: if kind == GapKind::AccessDenied { cause_of(message) } else { Cause::NotStated },
        message: clean(message),
        attempts,
    };
    match error {
        SdkError::TimeoutError(_) => make(GapKind::Timeout, "Timeout", "no answer in time"),
        SdkError::DispatchFailure(failure) => {
            let message = failure.as_connector_error().map(|error| chain(error)).unwrap_or_default();
            if failure.is_timeout() {
                make(GapKind::Timeout, "ConnectTimeout", &message)
            } else if failure.as_connector_error().is_some_and(|error| chain(error).contains("credential")) {
                make(GapKind::ExpiredCredentials, "CredentialsNotLoaded", &message)
            } else {
                make(GapKind::Connection, "ConnectionFailed", &message)
            }
        }
        SdkError::ConstructionFailure(_) => make(GapKind::Refused, "RequestNotBuilt", &chain(error)),
        SdkError::ServiceError(service) => {
            let metadata = service.err().meta();
            let message = metadata.message().unwrap_or_default();
            match (metadata.code(), status) {
                (Some(code), status) => make(kind_of(code, status), code, message),
                (None, Some(status)) => make(kind_of_status(status), &format!("HTTP {status}"), message),
                (None, None) => make(GapKind::MalformedAnswer, "NoStatus", message),
            }
        }
        SdkError::ResponseError(_) => match status {
            Some(status) if status >= 300 => {
                make(kind_of_status(status), &format!("HTTP {status}"), "the body is not an AWS error")
            }
            _ => make(GapKind::MalformedAnswer, "UnreadableAnswer", &chain(error)),
        },
        other => make(GapKind::Refused, "UnknownError", &chain(other)),
    }
}

/// The whole source chain in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    parts.join(": ")
}

fn kind_of(code: &str, status: Option<u16>) -> GapKind {
    match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "AccessDeniedForDependencyException" => {
            GapKind::AccessDenied
        }
        // AWS: a region that is not enabled answers that the token is invalid.
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "RegionDisabledException"
        | "OptInRequired"
        | "SubscriptionRequiredException" => GapKind::RegionDisabled,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "ThrottleException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "RequestThrottled"
        | "RequestThrottledException" => GapKind::Throttled,
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired" => {
            GapKind::ExpiredCredentials
        }
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "RequestTimeTooSkewed" => GapKind::ClockSkew,
        "ServerException"
        | "InternalServerException"
        | "InternalServerError"
        | "ServiceException"
        | "InternalFailure"
        | "InternalError"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => GapKind::ServerError,
        "UnknownOperationException" | "InvalidAction" | "NotImplemented" => GapKind::NotImplemented,
        _ => match status {
            Some(status @ (404 | 405 | 429 | 500..)) if status != 404 || code == "NotFoundException" => {
                kind_of_status(status)
            }
            _ => GapKind::Refused,
        },
    }
}

fn kind_of_status(status: u16) -> GapKind {
    match status {
        401 | 403 => GapKind::AccessDenied,
        404 | 405 | 501 => GapKind::NotImplemented,
        408 | 504 => GapKind::Timeout,
        429 => GapKind::Throttled,
        500.. => GapKind::ServerError,
        _ => GapKind::MalformedAnswer,
    }
}

/// AWS: "Troubleshoot access denied error messages": `... with an explicit deny in a <type>` or `because no <type>
/// allows the <action> action`. Messages may go on after it, so nothing is anchored at the end.
fn cause_of(message: &str) -> Cause {
    const WORDS: &[(&str, Cause)] = &[
        ("resource-based policy", Cause::ResourcePolicy),
        ("service control policy", Cause::ServiceControlPolicy),
        ("resource control policy", Cause::ResourceControlPolicy),
        ("permissions boundary", Cause::PermissionsBoundary),
        ("session policy", Cause::SessionPolicy),
        ("VPC endpoint policy", Cause::VpcEndpointPolicy),
        ("trust policy", Cause::TrustPolicy),
        ("identity-based policy", Cause::IdentityPolicy),
    ];
    let stated = ["explicit deny in a", "explicit deny in the", "because no"]
        .iter()
        .find_map(|opening| message.split_once(opening).map(|(_, rest)| rest));
    stated
        .and_then(|rest| {
            WORDS.iter().filter_map(|&(word, cause)| rest.find(word).map(|at| (at, cause))).min_by_key(|&(at, _)| at)
        })
        .map_or(Cause::NotStated, |(_, cause)| cause)
}

/// What differs between two runs with the same outcome is cut: request ids, and the links that AWS appends.
fn clean(message: &str) -> String {
    let end = ["(RequestId", "Request ID", "RequestID", "request id", "https://", "Encoded authorization"]
        .iter()
        .filter_map(|mark| message.find(mark))
        .min()
        .unwrap_or(message.len());
    let cut = message.get(..end).unwrap_or(message).trim_end_matches([' ', '(', ',', ';']);
    let mut out: String = cut.chars().take(500).collect();
    if cut.chars().count() > 500 {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_type_is_read_from_every_grammar() {
        let check = |message: &str, cause| assert_eq!(cause_of(message), cause, "{message}");
        check(
            "User: x is not authorized to perform: ecr:GetRepositoryPolicy on resource: y with an explicit deny in a resource-based policy",
            Cause::ResourcePolicy,
        );
        check(
            "... with an explicit deny in a service control policy: arn:aws:organizations::1:policy/p",
            Cause::ServiceControlPolicy,
        );
        check("... because no identity-based policy allows the ecr:X action. See https://x", Cause::IdentityPolicy);
        check("... because no role trust policy allows the sts:AssumeRole action", Cause::TrustPolicy);
        check("... with an explicit deny in the role trust policy", Cause::TrustPolicy);
        check("because no session policy allows the ecr:PutImage action", Cause::SessionPolicy);
        check("You don't have permissions to access this resource.", Cause::NotStated);
    }

    #[test]
    fn codes_win_over_status() {
        assert_eq!(kind_of("ThrottlingException", Some(400)), GapKind::Throttled);
        assert_eq!(kind_of("UnrecognizedClientException", Some(400)), GapKind::RegionDisabled);
        assert_eq!(kind_of("SomethingNew", Some(503)), GapKind::ServerError);
        assert_eq!(kind_of("ValidationException", Some(400)), GapKind::Refused);
        assert_eq!(kind_of("NotFoundException", Some(404)), GapKind::NotImplemented);
        assert_eq!(kind_of("ResourceNotFoundException", Some(404)), GapKind::Refused);
    }

    #[test]
    fn messages_lose_what_differs_between_runs() {
        assert_eq!(clean("denied. See https://x/1?id=2"), "denied. See");
        assert_eq!(clean("bad (RequestId: 1-2-3)"), "bad");
    }
}
