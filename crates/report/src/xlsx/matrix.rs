//! Each account in each region: how many of its repositories Inspector covers, coloured by a rule.

use rust_xlsxwriter::{
    Color, ConditionalFormat3ColorScale, ConditionalFormatText, ConditionalFormatTextRule, ConditionalFormatType,
    Format, Workbook, XlsxError,
};
use scangap_model::{CellOutcome, Diagnosis, Tone};

use super::style::{cell, column_title, print_setup, tint};
use crate::input::Material;
use crate::matrix::{Matrix, matrix};

/// Accounts that are shown, those with most to do first when there are more.
const ACCOUNTS_MAX: usize = 5_000;
/// Excel's columns are many more; a reader's are not.
const REGIONS_MAX: usize = 100;

const WHAT: &str = "The share of an account's repositories in a region that are covered; where there are none, what is known of the region.";

pub(super) fn write(workbook: &mut Workbook, material: &Material<'_>) -> Result<(), XlsxError> {
    let worksheet = workbook.add_worksheet();
    worksheet.set_name("Coverage matrix")?;
    let input = &material.input;
    let Matrix { regions, accounts, left_out } = matrix(input, ACCOUNTS_MAX);
    let regions: Vec<_> = regions.into_iter().take(REGIONS_MAX).collect();
    let left_out = match left_out {
        0 => String::new(),
        number => format!(" {number} accounts with less to do are left out: cells.csv has all."),
    };
    worksheet.write_string(0, 0, format!("{WHAT}{left_out}"))?;
    for (title, index) in ["Account", "Account name"].into_iter().zip(0u16..) {
        worksheet.write_string_with_format(2, index, title, &column_title())?;
    }
    worksheet.set_column_width(0, 14)?;
    worksheet.set_column_width(1, 24)?;
    for (region, index) in regions.iter().zip(2u16..) {
        worksheet.write_string_with_format(2, index, region.as_str(), &column_title())?;
        worksheet.set_column_width(index, 15)?;
    }
    let percent = Format::new().set_num_format("0%");
    let mut at = 2;
    for account in accounts {
        at += 1;
        worksheet.write_string(at, 0, account.id.to_string())?;
        let name = account.name.known().map_or("unknown", String::as_str);
        worksheet.write_string(at, 1, cell(name))?;
        for (region, index) in regions.iter().zip(2u16..) {
            let key = (account.id, (*region).clone());
            if let Some(counts) = input.assessment.by_cell.get(&key) {
                let covered = counts.get(&Diagnosis::Covered).copied().unwrap_or(0);
                let share = covered as f64 / counts.values().sum::<usize>().max(1) as f64;
                worksheet.write_number_with_format(at, index, share, &percent)?;
            } else {
                let word = input.facts.cells.get(&key).map_or("not known", |cell| quiet(&cell.outcome));
                worksheet.write_string(at, index, word)?;
            }
        }
    }
    let last = u16::try_from(regions.len() + 1).unwrap_or(2);
    if at > 2 && last > 1 {
        let fill = |tone| Color::RGB(super::style::colours(tone).1);
        let scale = ConditionalFormat3ColorScale::new()
            .set_minimum(ConditionalFormatType::Number, 0)
            .set_midpoint(ConditionalFormatType::Number, 0.5)
            .set_maximum(ConditionalFormatType::Number, 1)
            .set_minimum_color(fill(Tone::Bad))
            .set_midpoint_color(fill(Tone::Warning))
            .set_maximum_color(fill(Tone::Good));
        worksheet.add_conditional_format(3, 2, at, last, &scale)?;
        let not = ConditionalFormatText::new()
            .set_rule(ConditionalFormatTextRule::BeginsWith("not readable".to_owned()))
            .set_format(tint(Tone::Question));
        worksheet.add_conditional_format(3, 2, at, last, &not)?;
    }
    worksheet.set_freeze_panes(3, 2)?;
    worksheet.set_repeat_rows(2, 2)?;
    print_setup(worksheet, input);
    Ok(())
}

/// What a cell without a repository says.
fn quiet(outcome: &CellOutcome) -> &'static str {
    match outcome {
        CellOutcome::Read => "no repository",
        CellOutcome::NotEnabled => "not enabled",
        CellOutcome::Skipped { .. } => "skipped",
        CellOutcome::Unreadable(_) => "not readable",
        CellOutcome::NotReached => "not reached",
    }
}
