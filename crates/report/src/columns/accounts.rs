//! Columns of an account's row.

use scangap_model::AccountOutcome;

use super::{Column, Kind, Type, column};
use crate::input::AccountRow;
use crate::value::{NOT_NEEDED, UNKNOWN, Value, asked, id, observed, plain};

pub(crate) enum Accounts {}

impl Kind for Accounts {
    type Row<'a> = AccountRow<'a>;
}

#[rustfmt::skip]
pub(crate) const ACCOUNTS: &[Column<Accounts>] = &[
    column("account_id", "Account", Type::Text, 14, "12-digit account id; text, leading zeros count", "organizations:ListAccounts",
        |row| id(&row.account.id)),
    column("account_name", "Account name", Type::Text, 24, "the account's name in the organization", "organizations:ListAccounts",
        |row| observed(&row.account.name, plain)),
    column("ou_path", "OU", Type::Text, 28, "organizational units from the root down, joined with /", "organizations:ListAccounts",
        |row| observed(&row.account.ou_path, plain)),
    column("state", "State", Type::Text, 18, "the account's state in the organization, in AWS's word", "organizations:ListAccounts",
        |row| observed(&row.account.state, plain)),
    column("outcome", "Outcome", Type::Text, 14, "read, skipped, unreadable, or not_reached", "scangap",
        |row| Value::text(match &row.account.outcome {
            AccountOutcome::Read { .. } => "read",
            AccountOutcome::Skipped { .. } => "skipped",
            AccountOutcome::Unreadable(_) => "unreadable",
            AccountOutcome::NotReached => "not_reached",
        })),
    column("why", "Why", Type::Text, 44, "why an account was not read", "scangap",
        |row| match &row.account.outcome {
            AccountOutcome::Read { .. } => Value::Empty,
            AccountOutcome::Skipped { reason } => plain(reason),
            AccountOutcome::Unreadable(gap) => Value::text(format!("{} {}", gap.api, gap.code)),
            AccountOutcome::NotReached => Value::text("the audit was interrupted"),
        }),
    column("role_name", "Role", Type::Text, 32, "the role that was assumed; `own credentials` in the caller's account", "sts:AssumeRole",
        |row| match &row.account.outcome {
            AccountOutcome::Read { role_name: Some(name) } => plain(name),
            AccountOutcome::Read { role_name: None } => Value::text("own credentials"),
            AccountOutcome::Skipped { .. } | AccountOutcome::Unreadable(_) | AccountOutcome::NotReached => Value::Empty,
        }),
    column("management", "Management", Type::Text, 12, "whether it is the organization's management account", "organizations:DescribeOrganization",
        |row| observed(&row.is_management, |yes| Value::yes_no(*yes))),
    column("inspector_administrator", "Inspector administrator", Type::Text, 22, "whether it is Inspector's delegated administrator", "organizations:ListDelegatedAdministrators",
        |row| observed(&row.is_inspector_admin, |yes| Value::yes_no(*yes))),
    column("regions_source", "Regions from", Type::Text, 18, "what told which regions are enabled", "account:ListRegions",
        |row| asked(&row.account.regions_source, |source| Value::text(source.word()))),
    column("cells_read", "Regions read", Type::Integer, 12, "how many regions of the account were read", "scangap", |row| counted(row, row.cells_read)),
    column("repositories", "Repositories", Type::Integer, 12, "rows in repositories.csv for the account", "scangap", |row| counted(row, row.repositories)),
    column("simulated", "Simulated", Type::Text, 10, "yes where any answer came from a host that is not AWS's", "scangap",
        |row| Value::yes_no(row.simulated)),
];

/// A count where somebody looked, or where something was seen from elsewhere all the same.
fn counted<'r>(row: &AccountRow<'_>, number: u64) -> Value<'r> {
    match row.account.outcome {
        AccountOutcome::Read { .. } => Value::Integer(number),
        _ if number > 0 => Value::Integer(number),
        AccountOutcome::Skipped { .. } => Value::text(NOT_NEEDED),
        AccountOutcome::Unreadable(_) | AccountOutcome::NotReached => Value::text(UNKNOWN),
    }
}
