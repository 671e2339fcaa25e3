//! A data sheet: a real table with frozen header, set widths, rule-based colours and a print setup.

use rust_xlsxwriter::{
    Color, ConditionalFormatText, ConditionalFormatTextRule, ExcelDateTime, Format, Table as ExcelTable, TableColumn,
    TableStyle, Workbook, Worksheet, XlsxError,
};
use scangap_model::{DIAGNOSES, Tone};

use crate::columns::{Column, Kind, Table};
use crate::value::Value;

/// AWS and users write names longer than Excel's cells: 32,767 characters at most.
const CELL_MAX: usize = 32_767;
/// Excel's sheets: 1,048,576 rows, one of them the header.
const ROWS_MAX: usize = 1_048_575;

pub(super) fn data<'a, K: Kind>(
    workbook: &mut Workbook,
    table: &Table,
    columns: &[Column<K>],
    rows: impl Iterator<Item = K::Row<'a>>,
    simulated: bool,
) -> Result<(), XlsxError> {
    let mut rows = rows.peekable();
    let mut part = 1;
    loop {
        let worksheet = workbook.add_worksheet();
        // A second sheet says by its name that the first one is not all.
        let name = if part == 1 { table.sheet.to_owned() } else { format!("{} ({part})", table.sheet) };
        worksheet.set_name(&name)?;
        let n_rows = fill(worksheet, columns, rows.by_ref().take(ROWS_MAX))?;
        finish(worksheet, table, columns, n_rows, part, simulated)?;
        if rows.peek().is_none() {
            return Ok(());
        }
        part += 1;
    }
}

fn fill<'a, K: Kind>(
    worksheet: &mut Worksheet,
    columns: &[Column<K>],
    rows: impl Iterator<Item = K::Row<'a>>,
) -> Result<u32, XlsxError> {
    let date = Format::new().set_num_format("yyyy-mm-dd hh:mm");
    let mut at = 0;
    for row in rows {
        at += 1;
        for (column, index) in columns.iter().zip(0u16..) {
            match (column.value)(&row) {
                Value::Empty => {}
                Value::Integer(number) => {
                    worksheet.write_number(at, index, number as f64)?;
                }
                Value::Time(time) => match ExcelDateTime::from_timestamp(time.as_second()) {
                    Ok(time) => {
                        worksheet.write_datetime_with_format(at, index, &time, &date)?;
                    }
                    Err(_) => {
                        worksheet.write_string(at, index, Value::Time(time).render())?;
                    }
                },
                // Always as a string: foreign text is never a formula.
                value @ (Value::Text(_) | Value::List(_)) => {
                    worksheet.write_string(at, index, cut(value.render()))?;
                }
            }
        }
    }
    Ok(at)
}

pub(super) fn cut(text: String) -> String {
    let length = text.encode_utf16().count();
    if length <= CELL_MAX {
        return text;
    }
    let note = format!(" … [cut: {length} characters; whole in the CSV]");
    let mut room = CELL_MAX - note.encode_utf16().count();
    let kept: String = text
        .chars()
        .take_while(|c| {
            let fits = room >= c.len_utf16();
            room = room.saturating_sub(c.len_utf16());
            fits
        })
        .collect();
    kept + &note
}

fn finish<K: Kind>(
    worksheet: &mut Worksheet,
    table: &Table,
    columns: &[Column<K>],
    n_rows: u32,
    part: u32,
    simulated: bool,
) -> Result<(), XlsxError> {
    let last = u16::try_from(columns.len() - 1).unwrap_or(u16::MAX);
    let headers: Vec<TableColumn> = columns.iter().map(|column| TableColumn::new().set_header(column.title)).collect();
    let excel = ExcelTable::new()
        .set_name(if part == 1 { table.sheet.to_owned() } else { format!("{}_{part}", table.sheet) })
        .set_columns(&headers)
        .set_style(TableStyle::Light9);
    // A table needs a row below its header.
    worksheet.add_table(0, 0, n_rows.max(1), last, &excel)?;
    for (column, index) in columns.iter().zip(0u16..) {
        worksheet.set_column_width(index, f64::from(column.width))?;
        if matches!(column.name, "diagnosis") {
            for info in DIAGNOSES {
                let (font, fill) = colours(info.tone);
                let rule = ConditionalFormatText::new()
                    .set_rule(ConditionalFormatTextRule::BeginsWith(info.word.to_owned()))
                    .set_format(Format::new().set_font_color(Color::RGB(font)).set_background_color(Color::RGB(fill)));
                worksheet.add_conditional_format(1, index, n_rows.max(1), index, &rule)?;
            }
        }
    }
    let frozen = columns.iter().position(|column| column.name == "repository").map_or(1, |at| at + 1);
    worksheet.set_freeze_panes(1, u16::try_from(frozen).unwrap_or(1))?;
    print_setup(worksheet, simulated);
    worksheet.set_repeat_rows(0, 0)?;
    Ok(())
}

pub(super) fn print_setup(worksheet: &mut Worksheet, simulated: bool) {
    worksheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
    worksheet.set_footer(if simulated { "&L&A&CSIMULATED&R&P / &N" } else { "&L&A&R&P / &N" });
}

/// Font and fill, told apart without red and green too.
pub(super) const fn colours(tone: Tone) -> (u32, u32) {
    match tone {
        Tone::Bad => (0x8A_1C_1C, 0xF9_D6_D5),
        Tone::Warning => (0x7A_4B_00, 0xFD_EB_C8),
        Tone::Question => (0x4A_2A_7B, 0xE6_DD_F5),
        Tone::Neutral => (0x40_40_40, 0xEC_EC_EC),
        Tone::Good => (0x0B_4F_4A, 0xD3_EE_EA),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_are_too_long_say_that_they_were_cut() {
        assert_eq!(cut("x".repeat(CELL_MAX)).chars().count(), CELL_MAX);
        let long = cut("é😀".repeat(20_000));
        assert!(long.encode_utf16().count() <= CELL_MAX);
        assert!(long.ends_with("[cut: 60000 characters; whole in the CSV]"));
    }
}
