//! Columns of an account's row.

use scangap_model::{AccountOutcome, Api, Asked, ServiceLinkedRole};

use super::column::{Column, Kind, Type, column};
use crate::input::AccountRow;
use crate::reading::Reading;
use crate::value::{NONE, NOT_NEEDED, UNKNOWN, Value, asked, id, observed, plain};

pub(crate) enum Accounts {}

impl Kind for Accounts {
    type Row<'a> = AccountRow<'a>;
}

#[rustfmt::skip]
pub(crate) const ACCOUNTS: &[Column<Accounts>] = &[
    column("account_id", "Account", Type::Text, 14, "12-digit account id; text, leading zeros count", Api::ListAccounts.permission(),
        |row| id(&row.account.id)),
    column("account_name", "Account name", Type::Text, 24, "the account's name in the organization", Api::ListAccounts.permission(),
        |row| observed(&row.account.name, plain)),
    column("ou_path", "OU", Type::Text, 28, "organizational units from the root down, joined with /", Api::ListAccounts.permission(),
        |row| observed(&row.account.ou_path, plain)),
    column("state", "State", Type::Text, 18, "the account's state in the organization, in AWS's word", Api::ListAccounts.permission(),
        |row| observed(&row.account.state, plain)),
    column("outcome", "Outcome", Type::Text, 14, "read, partly (some regions, or their lists of repositories, were not), skipped, unreadable, or not_reached", "scangap",
        |row| Value::text(row.reading.word())),
    column("why", "Why", Type::Text, 44, "why an account was not read, or which of its regions were not", "scangap",
        |row| match (&row.account.outcome, &row.reading) {
            (AccountOutcome::Skipped { reason }, _) => plain(reason),
            (AccountOutcome::Unreadable(gap), _) => Value::text(format!("{} {}", gap.api, gap.code)),
            (_, Reading::NotReached) => Value::text("the audit was interrupted"),
            (_, reading) => reading.in_words().map_or(Value::Empty, Value::text),
        }),
    column("role_name", "Role", Type::Text, 32, "the role that was assumed; `own credentials` in the caller's account", Api::AssumeRole.permission(),
        |row| match &row.account.outcome {
            AccountOutcome::Read { role_name: Some(name) } => plain(name),
            AccountOutcome::Read { role_name: None } => Value::text("own credentials"),
            AccountOutcome::Skipped { .. } | AccountOutcome::Unreadable(_) | AccountOutcome::NotReached => Value::Empty,
        }),
    column("management", "Management", Type::Text, 12, "whether it is the organization's management account", Api::DescribeOrganization.permission(),
        |row| observed(&row.is_management, |yes| Value::yes_no(*yes))),
    column("inspector_administrator", "Inspector administrator", Type::Text, 22, "whether it is Inspector's delegated administrator", Api::ListDelegatedAdministrators.permission(),
        |row| observed(&row.is_inspector_admin, |yes| Value::yes_no(*yes))),
    column("regions_source", "Regions from", Type::Text, 18, "what told which regions are enabled", Api::ListRegions.permission(),
        |row| where_it_was_looked(&row.account.regions_source, matches!(row.reading, Reading::Skipped), |source| Value::text(source.word()))),
    column("registries_read", "Regions read", Type::Integer, 12, "how many regions of the account were read", "scangap",
        |row| match row.reading {
            Reading::Skipped => Value::text(NOT_NEEDED),
            Reading::Read | Reading::Partly { .. } | Reading::Unreadable | Reading::NotReached => Value::Integer(row.registries_read),
        }),
    column("repositories", "Repositories", Type::Integer, 12, "how many repositories the account has; unknown where a list of them was not read to its end", Api::DescribeRepositories.permission(),
        |row| match row.reading {
            Reading::Read => Value::Integer(row.rows),
            Reading::Skipped => Value::text(NOT_NEEDED),
            Reading::Partly { .. } | Reading::Unreadable | Reading::NotReached => Value::text(UNKNOWN),
        }),
    column("simulated", "Simulated", Type::Text, 10, "yes where any answer came from a host that is not AWS's", "scangap",
        |row| Value::yes_no(row.simulated)),
    column("repositories_known", "Repositories known", Type::Integer, 18, "rows in repositories.csv for the account; where the list was not read, those that Inspector's coverage names", "scangap",
        |row| Value::Integer(row.rows)),
    column("regions_not_read", "Regions not read", Type::List, 28, "regions of an account that opened which were not read, or whose repositories were not listed to the end; a JSON array", "scangap",
        |row| match &row.reading {
            Reading::Partly { not_read, .. } => Value::List(not_read.iter().map(ToString::to_string).collect::<Vec<_>>().into()),
            Reading::Read | Reading::Skipped | Reading::Unreadable | Reading::NotReached => Value::Empty,
        }),
    column("inspector_role_id", "Inspector's role", Type::Text, 24, "the id of Inspector's service-linked role, asked where a policy of the account names it or the role's tags; `none` where the account has no such role", Api::GetRole.permission(),
        |row| of_role(row, |role| plain(&role.id))),
    column("inspector_role_tags", "Tags of Inspector's role", Type::List, 28, "the role's tags as KEY=VALUE; a JSON array", Api::GetRole.permission(),
        |row| of_role(row, |role| Value::List(role.tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().into()))),
    column("inspector_role_last_used_at", "Inspector's role last used", Type::Time, 22, "when the role was last used; `none` where IAM remembers no use", Api::GetRole.permission(),
        |row| of_role(row, |role| role.last_used_at.map_or(Value::text(NONE), Value::Time))),
];

/// `decided`: whether it is known that no verdict depends on the fact.
fn where_it_was_looked<'r, T>(fact: &'r Asked<T>, decided: bool, show: impl FnOnce(&'r T) -> Value<'r>) -> Value<'r> {
    match fact {
        Asked::NotNeeded if !decided => Value::text(UNKNOWN),
        fact => asked(fact, show),
    }
}

/// If a policy of the account was not read, it is unknown whether a verdict depends on the role.
fn of_role<'r>(row: &'r AccountRow<'_>, show: impl FnOnce(&'r ServiceLinkedRole) -> Value<'r>) -> Value<'r> {
    let all_read = matches!(row.reading, Reading::Read | Reading::Skipped) && !row.policies_unread;
    where_it_was_looked(&row.account.inspector_role, all_read, show)
}
