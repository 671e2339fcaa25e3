//! The sheet that is read first: what was audited, by whom, when, whether it is complete, and how to read the rest.

use rust_xlsxwriter::{Workbook, XlsxError};
use scangap_model::{AccountId, Observed, count, thousands};

use super::style::{bold, cell_text, heading, lock, print_setup, subheading, tab, warning, wrapped};
use crate::input::Input;
use crate::summary::Summary;
use crate::value::utc;

pub(super) fn observed<T: ToString>(fact: &Observed<T>) -> String {
    match fact {
        Observed::Known(value) => value.to_string(),
        Observed::Absent => "none".to_owned(),
        Observed::Unknown(_) => "unknown".to_owned(),
    }
}

/// Every sheet that a workbook may have, and what it is for.
const HOW_TO_READ: &[(&str, &str)] = &[
    ("Summary", "how many repositories fall in each diagnosis, by OU and by account, as charts too"),
    (
        "Action list",
        "what needs action, worst first, with columns to fill: who, what, until when; `report --carry-over` brings them into the next workbook",
    ),
    (
        "Causes",
        "what many repositories share: a statement, a refusal, a setting; how many there are, and the one repair",
    ),
    ("Trend", "coverage and diagnoses at each audit, by OU too; what an audit did not read makes its share a range"),
    ("Coverage matrix", "each account in each region: how many of its repositories Inspector covers"),
    ("Repositories", "one row per repository: its diagnosis, the responsible statement, what to do"),
    ("Policies", "each policy that keeps Inspector out, or may, beside its repair"),
    (
        "Re-sync and losses",
        "what the plan would do and refuses, and the history that turning scanning off and on would delete",
    ),
    (
        "Applied",
        "what was changed by applying a plan, by whom, and what it really destroyed against what was predicted",
    ),
    ("Changes", "what changed since the earlier audit; what could not be read is never `fixed`"),
    ("Undecided", "repositories whose verdict hangs on something that a person must settle"),
    ("Unreadable", "repositories of which a fact that decides could not be read, and what helps"),
    ("Gaps", "what was asked and could not be learnt; while there are rows here, the audit is not complete"),
    (
        "Registries",
        "one row per account and region that was read or should have been; those not enabled or skipped are counted here and listed in registries.csv",
    ),
    ("Images", "one row per image, as Inspector's coverage has it"),
    ("Accounts", "one row per account in scope"),
    (
        "Notes carried over",
        "your notes of earlier workbooks on repositories that need no action now, or are not in this audit",
    ),
    ("Data dictionary", "what every column means and which AWS API it comes from"),
    (
        "Sign-off",
        "what is signed: period, population, procedure, exceptions, preparer and reviewer; AWS's controls and what they do not see",
    ),
    ("Evidence", "how the run went: calls, attempts, and what AWS said where it refused"),
];

/// One of several workbooks: which, of how many, and the rows it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) number: usize,
    pub(super) of: usize,
    pub(super) first: usize,
    pub(super) n_rows: usize,
}

pub(super) fn write(
    workbook: &mut Workbook,
    input: &Input<'_>,
    summary: &Summary,
    sheets: &[&str],
    part: Part,
) -> Result<(), XlsxError> {
    let worksheet = workbook.add_worksheet();
    worksheet.set_name("Cover")?;
    worksheet.set_column_width(0, 26)?;
    worksheet.set_column_width(1, 100)?;
    worksheet.write_string_with_format(0, 0, "Amazon Inspector coverage of Amazon ECR", &heading())?;
    if input.simulated {
        worksheet.write_string_with_format(1, 0, "SIMULATED", &warning())?;
        worksheet.write_string_with_format(
            1,
            1,
            "These answers came from a simulated endpoint. Nothing here is evidence about a real organization.",
            &warning(),
        )?;
    }
    let mut at = 3;
    for (name, value) in facts(input, summary, part) {
        worksheet.write_string_with_format(at, 0, name, &bold())?;
        worksheet.write_string_with_format(at, 1, cell_text(&value), &wrapped())?;
        at += 1;
    }
    at += 1;
    worksheet.write_string_with_format(at, 0, "How to read", &subheading())?;
    for (sheet, text) in HOW_TO_READ.iter().filter(|(sheet, _)| sheets.contains(sheet)) {
        at += 1;
        worksheet.write_url_with_text(at, 0, format!("internal:'{sheet}'!A1").as_str(), *sheet)?;
        worksheet.write_string_with_format(at, 1, *text, &wrapped())?;
    }
    at += 2;
    for line in NOTES {
        worksheet.write_string_with_format(at, 1, *line, &wrapped())?;
        worksheet.set_row_height(at, 32)?;
        at += 1;
    }
    print_setup(worksheet, input);
    worksheet.set_tab_color(tab("Cover"));
    lock(worksheet);
    Ok(())
}

const NOTES: &[&str] = &[
    "`unknown`: it was asked for and could not be learnt. `none`: AWS answered that there is none. `not needed`: nothing hung on it, so nobody asked. Empty: not applicable.",
    "Characters that act on others (direction overrides, control characters) are shown by their number in this workbook, a carriage return before a line's end is left out, and they stand as they are in the CSV and JSON files.",
    "Facts are locked against overtyping, except in Repositories; columns to fill in are open. Filters work; to sort, Review, Unprotect Sheet: there is no password.",
    "Excel's limits: the first 65,530 links of a sheet are links, the rest is text; a cell holds 32,767 characters, and says so where more were there; a sheet that is full goes on in one with a number.",
];

fn facts(input: &Input<'_>, summary: &Summary, part: Part) -> Vec<(&'static str, String)> {
    let organization = &input.facts.organization;
    let scope = &organization.scope;
    let list = |items: Vec<String>, all: &str| if items.is_empty() { all.to_owned() } else { items.join(", ") };
    let texts = |ids: &[AccountId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let complete = match (input.interrupted, summary.is_complete()) {
        (true, _) => "no: the audit was interrupted".to_owned(),
        (false, true) => "yes".to_owned(),
        (false, false) => format!("no: {}, see Gaps", count(summary.gaps, "gap")),
    };
    let mut rows = Vec::new();
    if input.simulated {
        rows.push(("Kind of endpoint", "simulated".to_owned()));
    }
    rows.extend([
        ("Organization", observed(&organization.id)),
        ("Partition", organization.partition.to_string()),
        ("Management account", observed(&organization.management_account)),
        ("Inspector administrator", observed(&organization.inspector_admin)),
        ("Scope: accounts", list(texts(&scope.accounts), "all")),
        ("Scope: excluded accounts", list(texts(&scope.exclude_accounts), "none")),
        ("Scope: OUs", list(scope.organizational_units.clone(), "all")),
        (
            "Scope: regions",
            list(scope.regions.iter().map(ToString::to_string).collect(), "every region enabled in each account"),
        ),
        (
            "Registries without a row",
            format!(
                "{} not enabled, {} of accounts that were skipped",
                thousands(summary.registries.not_enabled),
                thousands(summary.registries.skipped)
            ),
        ),
        ("As of", utc(input.as_of)),
        ("When it was read", "in the sheet Evidence".to_owned()),
        ("Complete", complete),
        ("Audited by", input.caller_arn.to_owned()),
        ("Tool", format!("scangap {}", input.tool_version)),
        ("Facts SHA-256", input.facts_sha256.to_owned()),
    ]);
    if part.of > 1 {
        rows.push((
            "Part",
            format!(
                "{} of {}: repositories {} to {} of {}; the other sheets stand in audit.xlsx",
                part.number,
                part.of,
                thousands(part.first + 1),
                thousands(part.first + part.n_rows),
                thousands(summary.repositories)
            ),
        ));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::HOW_TO_READ;

    #[test]
    fn the_cover_explains_the_sheet_of_every_table() {
        for table in crate::columns::tables() {
            assert!(HOW_TO_READ.iter().any(|(sheet, _)| *sheet == table.sheet), "{}", table.sheet);
        }
    }
}
