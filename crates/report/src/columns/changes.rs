//! Columns of a change's row: one repository at two audits.

use scangap_model::Api;

use super::column::{Column, Kind, Type, column};
use crate::change::{Change, Changes};
use crate::value::{Value, id, plain};

pub(crate) enum ChangeRows {}

impl Kind for ChangeRows {
    type Row<'a> = (&'a Changes, &'a Change);
}

#[rustfmt::skip]
pub(crate) const CHANGES: &[Column<ChangeRows>] = &[
    column("account_id", "Account", Type::Text, 14, "12-digit account id; text, leading zeros count", Api::ListAccounts.permission(),
        |(_, change)| id(&change.account)),
    column("account_name", "Account name", Type::Text, 24, "the account's name in the organization", Api::ListAccounts.permission(),
        |(_, change)| plain(&change.account_name)),
    column("region", "Region", Type::Text, 15, "the region of the registry", Api::ListRegions.permission(),
        |(_, change)| id(&change.region)),
    column("repository", "Repository", Type::Text, 36, "the repository's name", Api::DescribeRepositories.permission(),
        |(_, change)| id(&change.repository)),
    column("change", "Change", Type::Text, 18, "regressed, new, no_longer_visible, no_longer_readable, changed, still_stale, or fixed; a gap is never fixed", "scangap",
        |(_, change)| Value::text(change.kind.word())),
    column("diagnosis_before", "Diagnosis before", Type::Text, 17, "its diagnosis at the earlier audit; empty where there is none", "scangap",
        |(_, change)| change.before.map_or(Value::Empty, |diagnosis| Value::text(diagnosis.word()))),
    column("diagnosis", "Diagnosis", Type::Text, 15, "its diagnosis at the later audit; empty where there is none", "scangap",
        |(_, change)| change.after.map_or(Value::Empty, |diagnosis| Value::text(diagnosis.word()))),
    column("differences", "Differences", Type::List, 60, "the columns that differ, with the value before and after, as a list (a JSON array in CSV and JSON)", "scangap",
        |(_, change)| Value::List(change.differences.iter().map(|one| format!("{}: {} -> {}", one.column, one.before, one.after)).collect::<Vec<_>>().into())),
    column("note", "Note", Type::Text, 44, "what the two audits together say beyond the difference", "scangap",
        |(_, change)| if change.note.is_empty() { Value::Empty } else { plain(&change.note) }),
    column("changed_after", "Changed after", Type::Time, 18, "the time of the earlier audit", "scangap", |(changes, _)| Value::Time(changes.since)),
    column("changed_by", "Changed by", Type::Time, 18, "the time of the later audit", "scangap", |(changes, _)| Value::Time(changes.until)),
    column("repository_arn", "Repository ARN", Type::Text, 60, "the repository's ARN: the stable id of this row", Api::DescribeRepositories.permission(),
        |(_, change)| plain(&change.repository_arn)),
    column("simulated", "Simulated", Type::Text, 10, "yes where any answer came from a host that is not AWS's", "scangap",
        |(changes, _)| Value::yes_no(changes.simulated)),
    column("policy_difference", "Policy difference", Type::List, 70, "what changed in the repository policy's text, line by line as JSON is printed; a JSON array", Api::GetRepositoryPolicy.permission(),
        |(changes, change)| Value::List(changes.policy_difference(change).iter().map(|line| format!("{} {}", line.sign, line.text)).collect::<Vec<_>>().into())),
];
