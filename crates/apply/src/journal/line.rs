//! A line of `journal.jsonl`.

use schemars::{JsonSchema, Schema, schema_for};
use serde::{Deserialize, Serialize};

/// 2: `findings_lost`; it was `findings_taken`.
pub(super) const VERSION: u64 = 2;
pub(super) const BEGIN: &str = "begin";
pub(crate) const REENABLED: &str = "brought_back";

/// One line. What a line is about decides which members it has.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A line of journal.jsonl of a scangap apply")]
pub(crate) struct JournalLine {
    pub(crate) line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<String>,
    pub(crate) event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<String>,
    /// Of the first line. Journals without it are of version 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) caller: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) findings_reports: Option<ReportPlace>,
    /// The call that is about to be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) call: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) because: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unanswered: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backup: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) manifest_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) findings: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) findings_report: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refreshed: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) not_refreshed: Option<Vec<String>>,
    #[serde(alias = "findings_taken", skip_serializing_if = "Option::is_none")]
    pub(crate) findings_lost: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) images_not_rescanned: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<String>,
}

/// Where Inspector writes its reports, as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportPlace {
    pub(crate) to: String,
    pub(crate) key: String,
}

/// The JSON Schema of a line of `journal.jsonl`, made from the type that reads and writes it.
pub fn journal_schema() -> Schema {
    schema_for!(JournalLine)
}

impl JournalLine {
    /// A line about a step.
    pub(crate) fn of(step: &str, event: &str) -> Self {
        Self { event: event.to_owned(), step: Some(step.to_owned()), ..Self::default() }
    }

    /// A line about the whole apply.
    pub(crate) fn begin(event: &str) -> Self {
        let version = (event == BEGIN).then_some(VERSION);
        Self { event: event.to_owned(), version, ..Self::default() }
    }

    /// The same line with what another says besides.
    pub(crate) fn with(self, details: Self) -> Self {
        Self { event: self.event, step: self.step, version: self.version, ..details }
    }
}
