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
    /// Whether the same call may succeed another time.
    pub fn may_pass(&self) -> bool {
        matches!(
            self.kind,
            GapKind::Throttled
                | GapKind::Timeout
                | GapKind::Connection
                | GapKind::ServerError
                | GapKind::MalformedAnswer
        )
    }

    pub fn at(self, account: Option<AccountId>, region: Option<&RegionName>, resource: impl Into<String>) -> Gap {
        let in_a_region = region.is_some();
        let gap = Gap {
            api: self.api,
            account,
            region: region.cloned(),
            resource: resource.into(),
            kind: self.kind,
            code: self.code,
            cause: self.cause,
            policy_arn: denying_policy(self.kind, &self.message),
            message: self.message,
            attempts: self.attempts,
        };
        if in_a_region { gap } else { gap.of_enabled_region() }
    }

    /// Whether the service reported the session as expired; `CredentialsNotLoaded` does not come from the service.
    pub(crate) fn is_expired_session(&self) -> bool {
        self.kind == GapKind::ExpiredCredentials && self.code.contains("Expired")
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
        // A session that could not be renewed failed as its renewal did.
        _ if renewal(error).is_some() => {
            let failed = renewal(error).cloned().unwrap_or_else(|| CallError::malformed(api, "NoRenewal", ""));
            CallError {
                api,
                message: clean(&format!("{} failed: {}: {}", failed.api, failed.code, failed.message)),
                attempts,
                ..failed
            }
        }
        SdkError::TimeoutError(_) => make(GapKind::Timeout, "Timeout", "no answer in time"),
        SdkError::DispatchFailure(failure) => {
            let message = failure.as_connector_error().map(|error| chain(error)).unwrap_or_default();
            if failure.is_timeout() {
                make(GapKind::Timeout, "ConnectTimeout", &message)
            } else if no_credentials(error) {
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
                // Services that are in no region of the account's: the key itself is not valid, or not any more.
                (Some(code @ ("InvalidClientTokenId" | "UnrecognizedClientException")), _) if is_global(api) => {
                    make(GapKind::ExpiredCredentials, code, message)
                }
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

/// What an answer with an error says, before anything is made of it: by its code where it has one, else by its status.
/// `None`: it says no error.
pub(crate) fn kind_of_response(response: &HttpResponse) -> Option<GapKind> {
    let status = response.status().as_u16();
    match wire_code(response) {
        Some(code) => Some(kind_of(&code, Some(status))),
        None if response.status().is_success() => None,
        None => Some(kind_of_status(status)),
    }
}

/// Reads the error code where each AWS protocol puts it, never the message, which holds names of roles and repositories.
pub(crate) fn wire_code(response: &HttpResponse) -> Option<String> {
    // `Code:http://...` and `namespace#Code` are both written.
    let short = |code: &str| {
        let code = code.split(':').next().unwrap_or_default();
        code.rsplit('#').next().unwrap_or_default().to_owned()
    };
    if let Some(code) = response.headers().get("x-amzn-errortype") {
        return Some(short(code));
    }
    if response.status().is_success() {
        return None;
    }
    let body = response.body().bytes()?;
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) {
        let code = ["__type", "code", "Code"].iter().find_map(|member| value.get(member)?.as_str());
        return code.map(short);
    }
    // XML escapes what a message holds: this element can only be the service's own.
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code.trim().to_owned())
}

fn is_global(api: Api) -> bool {
    matches!(api.info().service, "sts" | "organizations")
}

/// An error and what caused it, outermost first.
fn sources<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// The failed renewal of a session that a call ended with.
fn renewal<E>(error: &SdkError<E, HttpResponse>) -> Option<&CallError>
where
    E: Error + Send + Sync + 'static,
{
    sources(error).find_map(|source| source.downcast_ref::<CallError>())
}

/// Whether the caller's own credentials could not be had.
fn no_credentials(error: &(dyn Error + 'static)) -> bool {
    sources(error).any(<dyn Error>::is::<aws_credential_types::provider::error::CredentialsError>)
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

/// AWS: `with an explicit deny in a service control policy: <policy ARN>`. Older messages name no policy. The ARNs of the
/// caller and of the resource stand before it.
fn denying_policy(kind: GapKind, message: &str) -> String {
    let after = message.split_once("explicit deny in").map(|(_, after)| after);
    let arn = after.filter(|_| kind == GapKind::AccessDenied).and_then(|after| after.get(after.find("arn:")?..));
    let end = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | ')' | '"');
    arn.and_then(|arn| arn.split(end).next()).map_or_else(String::new, |arn| arn.trim_end_matches('.').to_owned())
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

    // Holds: 3 What was not read: a gap names the policy that denies, where AWS does
    #[test]
    fn the_denying_policy_is_named_where_aws_names_it() {
        let denied = |message: &str| denying_policy(GapKind::AccessDenied, message);
        let opening = "User: arn:aws:sts::1:assumed-role/a/b is not authorized to perform: ecr:X on resource: arn:aws:ecr:r:1:repository/x";
        let scp = "arn:aws:organizations::999999999999:policy/o-abc/service_control_policy/p-1234";
        for end in ["", ".", ", and more", " (Service: Ecr)"] {
            let message = format!("{opening} with an explicit deny in a service control policy: {scp}{end}");
            assert_eq!(denied(&message), scp, "{message}");
        }
        assert_eq!(denied(&format!("{opening} with an explicit deny in a service control policy")), "");
        assert_eq!(denied(&format!("{opening} because no identity-based policy allows the ecr:X action")), "");
    }

    // Holds: 7 The wire: errors are classified by code, never by text
    #[test]
    fn a_code_is_read_from_its_place_and_never_from_the_message() {
        let response = |status: u16, headers: &[(&'static str, &'static str)], body: &'static str| {
            let status = aws_smithy_runtime_api::http::StatusCode::try_from(status).unwrap();
            let mut response = HttpResponse::new(status, aws_smithy_types::body::SdkBody::from(body));
            for (name, value) in headers {
                response.headers_mut().insert(*name, *value);
            }
            response
        };
        let denied = r#"{"__type":"AccessDeniedException","message":"role/ThrottlingAudit is not authorized"}"#;
        assert_eq!(kind_of_response(&response(400, &[], denied)), Some(GapKind::AccessDenied));
        let throttled = r#"{"__type":"com.amazonaws.ecr#ThrottlingException","message":"Rate exceeded"}"#;
        assert_eq!(kind_of_response(&response(400, &[], throttled)), Some(GapKind::Throttled));
        let header = [("x-amzn-errortype", "TooManyRequestsException:http://internal.amazon.com/")];
        assert_eq!(kind_of_response(&response(429, &header, "{}")), Some(GapKind::Throttled));
        let xml =
            "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";
        assert_eq!(kind_of_response(&response(400, &[], xml)), Some(GapKind::Throttled));
        assert_eq!(kind_of_response(&response(429, &[], "<html>")), Some(GapKind::Throttled));
        assert_eq!(kind_of_response(&response(200, &[], "{\"oops\": ")), None);
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
