//! The calls that reached the simulator, in order: the last of them, so that one that runs for days does not grow.

use std::collections::VecDeque;

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

/// The last calls.
#[derive(Debug)]
pub(crate) struct CallLog {
    records: VecDeque<CallRecord>,
    keep: usize,
    /// Calls before the first that is kept.
    dropped: u64,
}

impl CallLog {
    pub(crate) fn new(keep: usize) -> Self {
        Self { records: VecDeque::new(), keep, dropped: 0 }
    }

    pub(crate) fn push(&mut self, record: CallRecord) {
        if self.records.len() >= self.keep {
            self.records.pop_front();
            self.dropped += 1;
        }
        self.records.push_back(record);
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &CallRecord> {
        self.records.iter()
    }

    /// All, kept or not.
    pub(crate) fn count(&self) -> u64 {
        self.dropped + self.records.len() as u64
    }

    /// A JSON object a line; how many calls are missing at the beginning, where any are, comes first.
    pub(crate) fn lines(&self) -> String {
        let mut text = String::new();
        if self.dropped > 0 {
            let missing = serde_json::json!({ "earlier_calls_not_kept": self.dropped });
            text.push_str(&missing.to_string());
            text.push('\n');
        }
        for line in self.records.iter().filter_map(|record| serde_json::to_string(record).ok()) {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_keeps_the_last_calls_and_says_how_many_it_does_not_have() {
        let record = |operation: &str| CallRecord {
            operation: operation.to_owned(),
            account: None,
            region: String::new(),
            principal: String::new(),
            resource: String::new(),
            token: String::new(),
            mutating: false,
            status: 200,
            error: String::new(),
        };
        let mut log = CallLog::new(2);
        for operation in ["a", "b"] {
            log.push(record(operation));
        }
        assert_eq!(log.lines().lines().count(), 2);
        log.push(record("c"));
        assert_eq!(log.count(), 3);
        let kept: Vec<&str> = log.records().map(|record| record.operation.as_str()).collect();
        assert_eq!(kept, ["b", "c"]);
        assert_eq!(log.lines().lines().next(), Some(r#"{"earlier_calls_not_kept":1}"#));
    }
}
