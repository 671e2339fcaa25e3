//! The sheets that people read first: Cover, Summary, Data dictionary.

use rust_xlsxwriter::{Color, Format, FormatAlign, Worksheet, XlsxError};
use scangap_model::{DIAGNOSES, Observed};

use super::sheet::{colours, cut, print_setup};
use crate::columns::tables;
use crate::input::Input;
use crate::summary::Summary;
use crate::value::Value;

fn heading() -> Format {
    Format::new().set_bold().set_font_size(18)
}

fn bold() -> Format {
    Format::new().set_bold().set_align(FormatAlign::Top)
}

fn wrapped() -> Format {
    Format::new().set_text_wrap().set_align(FormatAlign::Top).set_indent(1)
}

fn observed<T: ToString>(fact: &Observed<T>) -> String {
    match fact {
        Observed::Known(value) => value.to_string(),
        Observed::Absent => "none".to_owned(),
        Observed::Unknown(_) => "unknown".to_owned(),
    }
}

const HOW_TO_READ: &[(&str, &str)] = &[
    ("Summary", "how many repositories fall in each diagnosis, and what could not be read"),
    ("Repositories", "one row per repository: its diagnosis, the responsible policy statement, and what to do"),
    ("Cells", "one row per account and region, read or not, and why"),
    ("Accounts", "one row per account in scope"),
    ("Gaps", "what was asked and could not be learnt; while there are rows here, the audit is not complete"),
    ("Data dictionary", "what every column means and which AWS API it comes from"),
];

pub(super) fn cover(worksheet: &mut Worksheet, input: &Input<'_>) -> Result<(), XlsxError> {
    worksheet.set_name("Cover")?;
    worksheet.set_column_width(0, 26)?;
    worksheet.set_column_width(1, 100)?;
    worksheet.write_string_with_format(0, 0, "Amazon Inspector coverage of Amazon ECR", &heading())?;
    let organization = &input.facts.organization;
    let scope = &organization.scope;
    let list = |items: Vec<String>, all: &str| if items.is_empty() { all.to_owned() } else { items.join(", ") };
    let texts = |ids: &[scangap_model::AccountId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let summary = Summary::of(input);
    let complete = match (input.interrupted, summary.is_complete()) {
        (true, _) => "no: the audit was interrupted".to_owned(),
        (false, true) => "yes".to_owned(),
        (false, false) => format!("no: {} gaps, see Gaps", summary.gaps),
    };
    let mut rows = vec![
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
        ("As of", Value::Time(input.as_of).render()),
        ("Complete", complete),
        ("Audited by", input.caller_arn.to_owned()),
        ("Tool", format!("scangap {}", input.tool_version)),
        ("Facts SHA-256", input.facts_sha256.to_owned()),
    ];
    let mut at = 2;
    if input.simulated {
        let warning =
            Format::new().set_bold().set_font_color(Color::White).set_background_color(Color::RGB(0x8A_1C_1C));
        worksheet.write_string_with_format(1, 0, "SIMULATED", &warning)?;
        worksheet.write_string_with_format(
            1,
            1,
            "These answers came from a simulated endpoint. Nothing here is evidence about a real organization.",
            &warning,
        )?;
        rows.insert(0, ("Kind of endpoint", "simulated".to_owned()));
    }
    for (name, value) in rows {
        worksheet.write_string_with_format(at, 0, name, &bold())?;
        worksheet.write_string_with_format(at, 1, cut(value), &wrapped())?;
        at += 1;
    }
    at += 1;
    worksheet.write_string_with_format(at, 0, "How to read", &bold())?;
    for (sheet, text) in HOW_TO_READ {
        at += 1;
        worksheet.write_url_with_text(at, 0, format!("internal:'{sheet}'!A1").as_str(), *sheet)?;
        worksheet.write_string_with_format(at, 1, *text, &wrapped())?;
    }
    print_setup(worksheet, input.simulated);
    Ok(())
}

pub(super) fn summary(worksheet: &mut Worksheet, input: &Input<'_>) -> Result<(), XlsxError> {
    worksheet.set_name("Summary")?;
    for (index, width) in [(0, 24), (1, 14), (2, 70), (3, 60)] {
        worksheet.set_column_width(index, width)?;
    }
    let summary = Summary::of(input);
    let number = |n: usize| n as f64;
    worksheet.write_string_with_format(
        0,
        0,
        if input.simulated { "Summary (SIMULATED)" } else { "Summary" },
        &heading(),
    )?;
    for (index, title) in
        ["Diagnosis", "Repositories", "What it means", "What to do"].iter().zip(0u16..).map(|(t, i)| (i, t))
    {
        worksheet.write_string_with_format(2, index, *title, &bold())?;
    }
    let mut at = 3;
    for info in DIAGNOSES {
        let (font, fill) = colours(info.tone);
        let tint = Format::new()
            .set_font_color(Color::RGB(font))
            .set_background_color(Color::RGB(fill))
            .set_align(FormatAlign::Top);
        worksheet.write_string_with_format(at, 0, info.word, &tint)?;
        worksheet.write_number(at, 1, number(summary.diagnoses.get(&info.diagnosis).copied().unwrap_or(0)))?;
        worksheet.write_string_with_format(at, 2, info.meaning, &wrapped())?;
        worksheet.write_string_with_format(at, 3, info.next_step, &wrapped())?;
        at += 1;
    }
    worksheet.write_string_with_format(at, 0, "All repositories", &bold())?;
    worksheet.write_number(at, 1, number(summary.repositories))?;
    at += 2;
    for (name, value, meaning) in [
        ("Accounts in scope", summary.accounts, "accounts of the organization that the audit was to read"),
        ("Accounts read", summary.accounts_read, "a role let the audit in, or they are the caller's own"),
        ("Accounts skipped", summary.accounts_skipped, "their state makes AWS refuse every call"),
        ("Accounts not readable", summary.accounts_unreadable, "the role was refused; see Gaps"),
        ("Cells", summary.cells.total(), "account x region"),
        ("Cells read", summary.cells.read, "repositories were listed, or there are none"),
        ("Cells not enabled", summary.cells.not_enabled, "the region is not enabled for the account"),
        ("Cells not readable", summary.cells.unreadable, "see Gaps"),
        ("Cells not reached", summary.cells.not_reached, "the audit was interrupted"),
        (
            "Registries denying",
            summary.registries_denying,
            "the registry policy denies Inspector a registry-level action",
        ),
        (
            "Templates denying",
            summary.templates_denying,
            "creation templates that would block Inspector on new repositories",
        ),
        ("Gaps", summary.gaps, "facts that were asked for and could not be learnt"),
    ] {
        worksheet.write_string_with_format(at, 0, name, &bold())?;
        worksheet.write_number(at, 1, number(value))?;
        worksheet.write_string_with_format(at, 2, meaning, &wrapped())?;
        at += 1;
    }
    worksheet.set_freeze_panes(3, 1)?;
    print_setup(worksheet, input.simulated);
    Ok(())
}

pub(super) fn dictionary(worksheet: &mut Worksheet) -> Result<(), XlsxError> {
    worksheet.set_name("Data dictionary")?;
    for (index, (title, width)) in
        [("Sheet", 16), ("Column", 28), ("Name in CSV", 28), ("Meaning", 80), ("Source", 46)].iter().enumerate()
    {
        let index = u16::try_from(index).unwrap_or(0);
        worksheet.set_column_width(index, *width)?;
        worksheet.write_string_with_format(0, index, *title, &bold())?;
    }
    let mut at = 0;
    for table in tables() {
        for column in table.columns {
            at += 1;
            for (text, index) in
                [table.sheet, column.title, column.name, column.meaning, column.source].iter().zip(0u16..)
            {
                worksheet.write_string_with_format(at, index, *text, &wrapped())?;
            }
        }
    }
    at += 2;
    for line in [
        "`unknown`: it was asked for and could not be learnt. `none`: AWS answered that there is none. `not needed`: nothing hung on it, so nobody asked. Empty: not applicable.",
        "In CSV files a leading apostrophe defuses text that a spreadsheet would take for a formula; account ids lose their leading zeros when Excel opens a CSV, not here.",
    ] {
        worksheet.write_string(at, 0, line)?;
        at += 1;
    }
    worksheet.set_freeze_panes(1, 0)?;
    print_setup(worksheet, false);
    Ok(())
}
