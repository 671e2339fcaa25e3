//! Columns of the sheet Evidence: what differs between two runs over the same facts, and so is in no other table.

use super::column::{Column, Kind, Type, column};
use crate::value::{Value, plain};

pub(crate) enum Evidence {}

/// One thing that is known of the run.
#[derive(Debug, Clone, Default)]
pub(crate) struct EvidenceRow {
    pub(crate) what: &'static str,
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) calls: Option<u64>,
    pub(crate) attempts: Option<u64>,
    pub(crate) throttled: Option<u64>,
    pub(crate) message: String,
}

impl Kind for Evidence {
    type Row<'a> = EvidenceRow;
}

fn number<'r>(number: Option<u64>) -> Value<'r> {
    number.map_or(Value::Empty, Value::Integer)
}

fn given(text: &str) -> Value<'_> {
    if text.is_empty() { Value::Empty } else { Value::text(text) }
}

#[rustfmt::skip]
pub(crate) const EVIDENCE: &[Column<Evidence>] = &[
    column("what", "What", Type::Text, 10, "run: how it was started; call: what one API cost; gap: what AWS said where it refused", "scangap", |row| Value::text(row.what)),
    column("name", "Name", Type::Text, 48, "what is told of the run, or the API", "scangap", |row| plain(&row.name)),
    column("value", "Value", Type::Text, 60, "its value; for a gap, where: account, region, resource", "scangap", |row| given(&row.value)),
    column("calls", "Calls", Type::Integer, 10, "calls that were made", "scangap", |row| number(row.calls)),
    column("attempts", "Attempts", Type::Integer, 10, "requests that were sent, with repeats", "scangap", |row| number(row.attempts)),
    column("throttled", "Throttled", Type::Integer, 10, "answers that said to slow down", "scangap", |row| number(row.throttled)),
    column("message", "Message", Type::Text, 90, "AWS's own words, cleaned of request ids", "scangap", |row| given(&row.message)),
];
