//! The action list: what needs action, worst first, with the columns that people fill in, on one sheet that is read on the screen and on
//! paper.

use std::io;

use jiff::civil::Date;
use rust_xlsxwriter::{
    Color, ConditionalFormatFormula, DataValidation, DataValidationRule, ExcelDateTime, Format, Formula,
    Note as Comment, Workbook, Worksheet, XlsxError,
};

use super::carry_over::ACTIONS as NAME;
use super::sheet::{Link, Noted, Rows, Sheet};
use super::style::cell_text;
use crate::actions::{self, ActionRow};
use crate::columns::{ACTIONS, ON_SHEET};
use crate::context::ReportContext;
use crate::decisions::WORKBOOK;
use crate::notes::NOTE_COLUMNS;

/// Number, diagnosis and repository stay in sight: some 350 pixels.
const FROZEN: u16 = 3;
/// A page at its full size ends before these columns; those in sight are on each.
const PAGES: [u32; 2] = [8, 10];
/// Three lines of text.
const HEIGHT: f64 = 45.0;

/// Rows that are on the sheet.
pub(super) fn n_rows(material: &ReportContext<'_>) -> usize {
    actions::count(&material.input).min(actions::SHEET_ROWS_MAX)
}

/// Gives the rows in their order.
type Visit<'v> = dyn FnMut(&mut dyn FnMut(&ActionRow<'_>) -> io::Result<()>) -> io::Result<()> + 'v;

pub(super) fn write(
    workbook: &mut Workbook,
    material: &ReportContext<'_>,
    n_rows: usize,
    visit: &mut Visit<'_>,
) -> io::Result<()> {
    let input = &material.input;
    let link: &Link<'_, _> = &|action: &ActionRow<'_>, column| super::repository_link(input, &action.row, column);
    let noted: &Noted<'_, _> =
        &|action: &ActionRow<'_>| action.notes.map(|notes| notes.beside(action.row.assessment.diagnosis));
    let sheet = Sheet {
        link: Some(link),
        notes: NOTE_COLUMNS,
        noted: material.notes().is_some().then_some(noted),
        wrapped: Some(HEIGHT),
        frozen: Some(FROZEN),
        ..Sheet::new(NAME, ACTIONS, n_rows)
    };
    let sheet = sheet.first(ON_SHEET);
    let worksheet = sheet.open(workbook, input, n_rows, 1)?;
    form(worksheet, input.today(), n_rows).map_err(io::Error::other)?;
    let mut rows = Rows::new(&sheet);
    visit(&mut |action| {
        let at = rows.write(worksheet, action)?;
        // Who decided had another diagnosis before them.
        let of_another = action.notes.filter(|notes| notes.are_of_another(action.row.assessment.diagnosis));
        if let Some(notes) = of_another {
            let text = format!("Written about `{}`: the diagnosis is another now.", notes.diagnosis);
            comment(worksheet, at, &text)?;
        } else if let Some(signed) = action.row.standing.signed().filter(|signed| signed.source != WORKBOOK) {
            let word = if action.row.standing.is_accepted() { "Accepted" } else { "Acceptance expired: it held" };
            comment(
                worksheet,
                at,
                &format!("{word} until {} by {}: {} ({})", signed.until, signed.by, signed.reason, signed.source),
            )?;
        }
        Ok(())
    })
}

/// Beside the decision.
fn comment(worksheet: &mut Worksheet, at: u32, text: &str) -> io::Result<()> {
    let comment = Comment::new(cell_text(text)).add_author_prefix(false);
    worksheet.insert_note(at, decision(), &comment).map_err(io::Error::other)?;
    Ok(())
}

fn column(name: &str) -> u16 {
    let place = NOTE_COLUMNS.iter().position(|column| column.name == name).unwrap_or(0);
    u16::try_from(ON_SHEET + place).unwrap_or(u16::MAX)
}

fn decision() -> u16 {
    column("decision")
}

/// The colour of its tab, what may be written, what is marked, and how it is printed.
fn form(worksheet: &mut Worksheet, today: Date, n_rows: usize) -> Result<(), XlsxError> {
    let last_row = u32::try_from(n_rows.max(1)).unwrap_or(u32::MAX);
    for note in NOTE_COLUMNS {
        let at = column(note.name);
        if !note.words.is_empty() {
            let list = DataValidation::new().allow_list_strings(note.words)?;
            // Other words are allowed, with a question.
            let list = list
                .set_error_style(rust_xlsxwriter::DataValidationErrorStyle::Warning)
                .set_error_title("Another word")?
                .set_error_message(
                    "Only `accept` counts as accepted; other words are kept as they are. Keep this one?",
                )?;
            worksheet.add_data_validation(1, at, last_row, at, &list)?;
        }
        if note.is_date {
            let from = ExcelDateTime::from_ymd(2000, 1, 1)?;
            let date = DataValidation::new()
                .allow_date(DataValidationRule::GreaterThanOrEqualTo(from))
                .set_error_title("Not a date")?
                .set_error_message("A date, such as 2026-12-31.")?;
            worksheet.add_data_validation(1, at, last_row, at, &date)?;
            // Before the day of the audit.
            let letter = rust_xlsxwriter::utility::column_number_to_name(at);
            let past =
                format!("=AND(ISNUMBER({letter}2),{letter}2<DATE({},{},{}))", today.year(), today.month(), today.day());
            let red = Format::new()
                .set_font_color(Color::RGB(0x8A_1C_1C))
                .set_background_color(Color::RGB(0xF9_D6_D5))
                .set_bold();
            let rule = ConditionalFormatFormula::new().set_rule(Formula::new(past)).set_format(red);
            worksheet.add_conditional_format(1, at, last_row, at, &rule)?;
            worksheet.set_column_format(at, &Format::new().set_num_format("yyyy-mm-dd").set_unlocked())?;
        }
    }
    let last_column = u16::try_from(ON_SHEET + NOTE_COLUMNS.len() - 1).unwrap_or(u16::MAX);
    // As large as on the screen, over three pages beside each other.
    worksheet.set_print_scale(100).set_margins(0.25, 0.25, 0.4, 0.6, 0.2, 0.3);
    worksheet.set_print_area(0, 0, last_row, last_column)?;
    worksheet.set_repeat_columns(0, FROZEN - 1)?;
    worksheet.set_vertical_page_breaks(&PAGES)?;
    Ok(())
}
