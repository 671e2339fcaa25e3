//! Errors as AWS sends them, with the codes of each service.

/// An error as AWS sends it.
#[derive(Debug, Clone)]
pub(crate) struct WireError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl WireError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    pub(crate) fn access_denied(code: &str, caller: &str, action: &str, tail: &str) -> Self {
        Self::new(403, code, format!("User: {caller} is not authorized to perform: {action} {tail}"))
    }
}

/// AWS's own code for "too many requests", by service.
pub(crate) fn throttled(service: &str) -> WireError {
    match service {
        "sts" | "iam" => WireError::new(400, "Throttling", "Rate exceeded"),
        "organizations" => WireError::new(400, "TooManyRequestsException", "You have exceeded the rate limit."),
        "account" => WireError::new(429, "TooManyRequestsException", "Rate exceeded"),
        "inspector2" => WireError::new(429, "ThrottlingException", "Rate exceeded"),
        _ => WireError::new(400, "ThrottlingException", "Rate exceeded"),
    }
}
