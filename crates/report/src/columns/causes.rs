//! Columns of a cause's row: what many repositories share, and its one repair.

use scangap_assess::CauseKind;
use scangap_model::Api;

use super::column::{Column, Kind, Type, column};
use crate::causes::CauseRow;
use crate::value::{Value, id, text_of};

pub(crate) enum Causes {}

impl Kind for Causes {
    type Row<'a> = CauseRow<'a>;
}

#[rustfmt::skip]
pub(crate) const CAUSES: &[Column<Causes>] = &[
    column("cause_id", "Cause", Type::Text, 15, "the id of the cause, made of what it is: the same in every audit", "scangap",
        |row| text_of(&row.tally.cause.id)),
    column("kind", "Kind", Type::Text, 14, "statement: of a policy; no_policy: a stored text that is not a policy; unknown_word: a word of AWS's that this version does not know; read: a read that was refused or failed; state: what is set, or the state of coverage; limited: a reason that Inspector gives; role_absent: the account has no service-linked role of Inspector's", "scangap",
        |row| Value::text(match row.tally.cause.kind {
            CauseKind::Statement { .. } => "statement",
            CauseKind::NoPolicy(_) => "no_policy",
            CauseKind::UnknownWord(_) => "unknown_word",
            CauseKind::Read { .. } => "read",
            CauseKind::State(_) => "state",
            CauseKind::Limited(_) => "limited",
            CauseKind::RoleAbsent => "role_absent",
        })),
    column("cause", "What it is", Type::Text, 60, "the cause in one sentence; a statement is named as where it was met first", "scangap",
        |row| Value::text(row.sentence())),
    column("repositories", "Repositories", Type::Integer, 13, "repositories that are known to have it; one may have several", "scangap",
        |row| Value::count(row.tally.repositories())),
    column("repositories_alone", "With no other cause", Type::Integer, 14, "of these, the repositories that have no other cause", "scangap",
        |row| Value::count(row.tally.alone)),
    column("accounts", "Accounts", Type::Integer, 10, "accounts that it was met in", "scangap",
        |row| Value::count(row.tally.accounts.len())),
    column("ous", "OUs", Type::List, 36, "the organizational units that these accounts are directly in, as a list (a JSON array in CSV and JSON)", Api::ListAccounts.permission(),
        |row| Value::list(&row.ous)),
    column("regions", "Regions", Type::List, 26, "regions that it was met in, as a list (a JSON array in CSV and JSON)", "scangap",
        |row| Value::list(&row.regions)),
    column("registries_not_read", "Registries not read", Type::Integer, 14, "registries whose list of repositories it kept from being read: what is there is unknown", "scangap",
        |row| Value::count(row.tally.registries_not_read)),
    column("diagnoses", "Diagnoses", Type::Counts, 30, "the diagnoses of the repositories, with how many; a JSON object in CSV and JSON", "scangap",
        |row| Value::Counts(&row.diagnoses)),
    column("repair", "Repair", Type::Text, 60, "what repairs it, with {account} for the account of each policy", "scangap",
        |row| Value::text(row.repair())),
    column("written_by", "Written by", Type::List, 40, "what would write it again: creation templates, and where the tags of a repository were read, the CloudFormation stacks and Terraform that they name; a JSON array", "scangap",
        |row| Value::list(&row.written_by)),
    column("statement", "Statement", Type::Text, 60, "the statement in canonical form without its Sid, with {account} and {region} for those of its policy; empty for other kinds", Api::GetRepositoryPolicy.permission(),
        |row| match &row.tally.cause.kind {
            CauseKind::Statement { statement, .. } => Value::text(statement.as_str()),
            _ => Value::Empty,
        }),
    column("example_account_id", "Example account", Type::Text, 14, "the account of the first repository that has it, and no other cause where there is one; empty where none is known", "scangap",
        |row| row.example.as_ref().map_or(Value::Empty, |repository| id(&repository.account))),
    column("example_region", "Example region", Type::Text, 15, "the region of that repository", "scangap",
        |row| row.example.as_ref().map_or(Value::Empty, |repository| id(&repository.region))),
    column("example_repository", "Example repository", Type::Text, 36, "the name of that repository", "scangap",
        |row| row.example.as_ref().map_or(Value::Empty, |repository| id(&repository.name))),
    column("simulated", "Simulated", Type::Text, 10, "yes where any answer came from a host that is not AWS's", "scangap",
        |row| Value::yes_no(row.simulated)),
];
