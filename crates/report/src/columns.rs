//! The column tables: every name, title, width, meaning and source, once. Order is append-only.

mod accounts;
mod actions;
mod applied;
mod causes;
mod changes;
mod column;
mod dictionary;
mod evidence;
mod gaps;
mod images;
mod planned;
mod policies;
mod policy_texts;
mod registries;
mod repositories;
mod trend;
mod unmatched;

pub(crate) use accounts::ACCOUNTS;
pub(crate) use actions::{ACTIONS, ON_SHEET};
pub(crate) use applied::APPLIED;
pub use applied::{AppliedRow, AppliedView};
pub(crate) use causes::CAUSES;
pub(crate) use changes::CHANGES;
use column::infos;
pub(crate) use column::{Column, Kind};
pub use column::{ColumnInfo, Type};
pub(crate) use dictionary::{DICTIONARY, DictionaryRow};
pub(crate) use evidence::{EVIDENCE, EvidenceRow};
pub(crate) use gaps::GAPS;
pub(crate) use images::IMAGES;
pub(crate) use planned::PLANNED;
pub use planned::{PlanRow, PlanView};
pub(crate) use policies::POLICIES;
pub(crate) use policy_texts::POLICY_TEXTS;
pub(crate) use registries::{REGISTRIES, scan_rules};
pub(crate) use repositories::{REPOSITORIES, Repositories, by_reason, next_step};
pub(crate) use trend::TREND;
pub(crate) use unmatched::UNMATCHED;

use crate::input::Input;

/// A kind of row, with its file and its columns.
#[derive(Debug, Clone)]
pub struct Table {
    pub name: TableName,
    pub file: &'static str,
    /// Its sheet in the workbook. That of policies has columns of its own: a text once.
    pub sheet: &'static str,
    pub columns: Vec<ColumnInfo>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableName {
    Actions,
    Causes,
    Repositories,
    Policies,
    Changes,
    Gaps,
    Registries,
    Accounts,
    Images,
    Trend,
}

impl TableName {
    /// Its name in machine-readable reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Actions => "actions",
            Self::Causes => "causes",
            Self::Repositories => "repositories",
            Self::Policies => "policies",
            Self::Registries => "registries",
            Self::Accounts => "accounts",
            Self::Images => "images",
            Self::Gaps => "gaps",
            Self::Changes => "changes",
            Self::Trend => "trend",
        }
    }
}

/// Every table that a report may have, in the order of the workbook's sheets.
pub fn tables() -> Vec<Table> {
    let table = |name, file, sheet, columns| Table { name, file, sheet, columns };
    vec![
        table(TableName::Actions, "actions.csv", "Action list", infos(ACTIONS)),
        table(TableName::Causes, "causes.csv", "Causes", infos(CAUSES)),
        // Only where there are earlier audits.
        table(TableName::Trend, "trend.csv", "Trend", infos(TREND)),
        table(TableName::Repositories, "repositories.csv", "Repositories", infos(REPOSITORIES)),
        table(TableName::Policies, "policies.csv", "Policies", infos(POLICIES)),
        // Only where there is an earlier audit to compare with.
        table(TableName::Changes, "changes.csv", "Changes", infos(CHANGES)),
        table(TableName::Gaps, "gaps.csv", "Gaps", infos(GAPS)),
        table(TableName::Registries, "registries.csv", "Registries", infos(REGISTRIES)),
        table(TableName::Accounts, "accounts.csv", "Accounts", infos(ACCOUNTS)),
        // Only where the audit kept them.
        table(TableName::Images, "images.csv", "Images", infos(IMAGES)),
    ]
}

/// The tables that a report of this input has.
pub(crate) fn tables_of(input: &Input<'_>) -> Vec<Table> {
    let has = |table: &Table| match table.name {
        TableName::Changes => input.changes.is_some(),
        TableName::Images => input.images.is_some(),
        TableName::Trend => input.trend.is_some(),
        _ => true,
    };
    tables().into_iter().filter(has).collect()
}

/// Sheets of the workbook that no file has the columns of: their names and columns.
pub(crate) fn sheets_alone() -> Vec<(&'static str, Vec<ColumnInfo>)> {
    vec![
        ("Policies", infos(POLICY_TEXTS)),
        ("Re-sync and losses", infos(PLANNED)),
        ("Applied", infos(APPLIED)),
        ("Notes carried over", infos(UNMATCHED)),
        ("Data dictionary", infos(DICTIONARY)),
        ("Evidence", infos(EVIDENCE)),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_column_says_what_it_means_and_where_it_is_from() {
        let of_files = tables().into_iter().map(|table| (table.file, table.columns));
        for (table, columns) in of_files.chain(sheets_alone()) {
            let names: BTreeSet<_> = columns.iter().map(|column| column.name).collect();
            assert_eq!(names.len(), columns.len(), "{table} repeats a column");
            for column in columns {
                assert!(column.meaning.len() > 10 && !column.source.is_empty(), "{table} {}", column.name);
                assert!(column.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
            }
        }
    }

    #[test]
    fn the_published_columns_of_repositories_stand_first_and_in_order() {
        let table = tables().into_iter().find(|table| table.name == TableName::Repositories).unwrap();
        let names: Vec<_> = table.columns.iter().map(|column| column.name).collect();
        let published = "account_id, account_name, ou_path, region, repository, diagnosis, policy_verdict, denied_actions, \
            responsible_statements, depends_on, inspector_ecr_status, registry_scan_type, scan_frequency, coverage_status, \
            coverage_reason, last_scanned_at, policy_sha256, registry_policy_sha256, next_step, repository_arn, likely_cause, \
            accepted, simulated";
        assert_eq!(names.into_iter().take(23).collect::<Vec<_>>().join(", "), published);
    }
}
