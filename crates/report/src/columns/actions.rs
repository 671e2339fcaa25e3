//! Columns of the action list, with what people wrote beside its rows.

use scangap_model::Api;

use super::column::{Column, Kind, Type, column};
use super::repositories::observed_account;
use crate::actions::ActionRow;
use crate::value::{UNKNOWN, Value, id};

pub(crate) enum Actions {}

impl Kind for Actions {
    type Row<'a> = ActionRow<'a>;
}

/// The columns that stand on the sheet before those to fill: seventeen with them.
pub(crate) const ON_SHEET: usize = 10;

#[rustfmt::skip]
pub(crate) const ACTIONS: &[Column<Actions>] = &[
    column("number", "#", Type::Integer, 5, "the place in the list: the worst diagnosis first", "scangap", |row| Value::count(row.number)),
    column("diagnosis", "Diagnosis", Type::Text, 12, "the one class the repository falls in; see the list of diagnoses", "scangap", |row| Value::text(row.row.assessment.diagnosis.word())),
    column("repository", "Repository", Type::Text, 28, "the repository's name", Api::DescribeRepositories.permission(), |row| id(&row.row.repository.name)),
    column("since", "Since", Type::Text, 11, "the day of the first audit that showed that it needs action, of those that were named with --history; `unknown` where none was", "scangap",
        |row| row.since.map_or(Value::text(UNKNOWN), |since| Value::text(since.strftime("%Y-%m-%d").to_string()))),
    column("ou_path", "OU", Type::Text, 17, "organizational units from the root down, joined with /; empty directly under the root", Api::ListAccounts.permission(), |row| observed_account(&row.row, |account| &account.ou_path)),
    column("account_name", "Account name", Type::Text, 18, "the account's name in the organization", Api::ListAccounts.permission(), |row| observed_account(&row.row, |account| &account.name)),
    column("account_id", "Account", Type::Text, 13, "12-digit account id; text, leading zeros count", Api::ListAccounts.permission(), |row| id(&row.row.repository.account)),
    column("region", "Region", Type::Text, 14, "the region of the registry", Api::ListRegions.permission(), |row| id(&row.row.repository.region)),
    column("cause", "Cause", Type::Text, 36, "why, in one sentence; more than one cause stands in repositories.csv", "scangap", |row| Value::text(row.cause())),
    column("repair", "Repair", Type::Text, 48, "what repairs it; where it has several causes, each with its id", "scangap", |row| Value::text(row.repair().into_owned())),
    column("cause_id", "Cause id", Type::Text, 15, "the id of the cause: its row in causes.csv", "scangap", |row| Value::text(row.cause_id())),
    column("owner", "Owner", Type::Text, 13, "what was written into the workbook and carried over: who answers for it", "the reader", |row| noted(row, "owner")),
    column("decision", "Decision", Type::Text, 12, "the same: what was decided", "the reader", |row| noted(row, "decision")),
    column("ticket", "Ticket", Type::Text, 11, "the same: where it is worked on", "the reader", |row| noted(row, "ticket")),
    column("due", "Due", Type::Text, 11, "the same: until when it is to be done", "the reader", |row| noted(row, "due")),
    column("expires", "Expires", Type::Text, 11, "the same: until when the decision holds", "the reader", |row| noted(row, "expires")),
    column("justification", "Justification", Type::Text, 18, "the same: why", "the reader", |row| noted(row, "justification")),
    column("reviewed_by", "Reviewed by", Type::Text, 12, "the same: who has seen it", "the reader", |row| noted(row, "reviewed_by")),
    column("attention", "Attention", Type::Text, 24, "what is to be looked at: overdue, accepted, expired, written about another diagnosis", "scangap", |row| attention(row)),
    column("accepted", "Accepted", Type::Text, 10, "whether the diagnosis is accepted, by the decision here or in the configuration: yes, no, or expired", "scangap", |row| Value::text(row.row.standing.word())),
    column("simulated", "Simulated", Type::Text, 10, "yes where any answer came from a host that is not AWS's", "scangap", |row| Value::yes_no(row.row.simulated)),
];

fn noted<'a>(row: &ActionRow<'_>, name: &str) -> Value<'a> {
    match row.notes.map(|notes| notes.shown(name)) {
        Some(text) if !text.is_empty() => Value::text(text),
        Some(_) | None => Value::Empty,
    }
}

fn attention<'a>(row: &ActionRow<'_>) -> Value<'a> {
    let of_another = row.notes.filter(|notes| notes.are_of_another(row.row.assessment.diagnosis));
    let parts: Vec<String> = [
        row.is_overdue().then(|| "overdue".to_owned()),
        row.row.standing.is_accepted().then(|| "accepted".to_owned()),
        (row.is_expired() || row.row.standing.word() == "expired").then(|| "expired".to_owned()),
        of_another.map(|notes| format!("written about {}", notes.diagnosis)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() { Value::Empty } else { Value::text(parts.join(", ")) }
}
