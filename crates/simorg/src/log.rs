//! Every call that reached the simulator, in order.

use scangap_model::AccountId;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallRecord {
    /// `ecr:GetRepositoryPolicy`.
    pub operation: String,
    #[serde(serialize_with = "as_text")]
    pub account: Option<AccountId>,
    pub region: String,
    /// The ARN of who called.
    pub principal: String,
    /// The repository, role or accounts asked about, where there are any.
    pub resource: String,
    /// The page token given, where there was one.
    pub token: String,
    pub mutating: bool,
    /// HTTP status; 0 where no answer was sent.
    pub status: u16,
    /// The error code answered, if any; also the one by which a change was refused for an account inside an HTTP 200.
    pub error: String,
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
fn as_text<S: serde::Serializer>(account: &Option<AccountId>, serializer: S) -> Result<S::Ok, S::Error> {
    match account {
        Some(account) => serializer.collect_str(account),
        None => serializer.serialize_none(),
    }
}

/// What changes something at AWS. AssumeRole is counted as reading: it hands out a session and changes nothing.
pub(crate) fn is_mutating(operation: &str) -> bool {
    let name = operation.split_once(':').map_or(operation, |(_, name)| name);
    !["Get", "List", "Describe", "BatchGet", "BatchCheck", "AssumeRole"].iter().any(|prefix| name.starts_with(prefix))
}
