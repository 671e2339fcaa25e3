//! A data sheet: a real table with frozen header, set widths, rule-based colours, links and a print setup. Rows are
//! written as they come; a sheet of a million of them takes no memory to speak of.

use std::io;

use rust_xlsxwriter::{
    ConditionalFormatText, ConditionalFormatTextRule, ExcelDateTime, Format, FormatAlign, Formula, Table as ExcelTable,
    TableColumn, TableStyle, Url, Workbook, Worksheet, XlsxError,
};
use scangap_model::{DIAGNOSES, Tone, Verdict};

use super::style::{cell_text, lock, print_setup, tab, tint, title, title_to_fill};
use crate::change::CHANGE_KINDS;
use crate::columns::{Column, Kind};
use crate::input::Input;
use crate::notes::{Note, NoteColumn};
use crate::value::Value;

/// Excel's sheets: 1,048,576 rows, one of them the header.
const ROWS_MAX: usize = 1_048_575;
/// Rows of a sheet that is still an Excel table. The writer remembers each field of a table, which is more than the rows themselves
/// take: larger sheets have the filters alone.
const TABLE_ROWS_MAX: usize = 50_000;
/// Excel's links: 65,530 in a sheet.
pub(super) const LINKS_MAX: usize = 65_530;
/// Excel's links: 2,080 characters each.
const LINK_CHARS_MAX: usize = 2_080;

fn at_column(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}

/// A table needs a row below its header.
fn last_row(n_rows: usize) -> u32 {
    u32::try_from(n_rows.max(1)).unwrap_or(u32::MAX)
}

/// What there is to a sheet beside its columns and rows.
pub(super) struct Sheet<'s, K: Kind> {
    pub(super) name: String,
    pub(super) columns: Vec<&'s Column<K>>,
    /// Exactly as many as will come.
    pub(super) n_rows: usize,
    /// Where a value leads. Asked of every value that is a text, while there is room for links.
    pub(super) link: Option<&'s Link<'s, K>>,
    pub(super) notes: &'static [NoteColumn],
    pub(super) noted: Option<&'s Noted<'s, K>>,
    /// A header and rows, without Excel's table around them.
    pub(super) plain: bool,
    /// Wrapped columns, with the height of a row in points.
    pub(super) wrapped: Option<f64>,
    /// Columns that stay in sight; without, those up to the repository.
    pub(super) frozen: Option<u16>,
    /// From this column on, all stand in a group that is closed.
    pub(super) grouped: Option<usize>,
    /// So many columns are printed; without, all.
    pub(super) printed: Option<usize>,
}

/// Where a value leads.
pub(super) enum LinkTo {
    Url(String),
    /// The row of another sheet that has this key in its first column, wherever it was sorted to.
    Row {
        sheet: &'static str,
        key: String,
    },
}

impl LinkTo {
    /// A formula that finds the row when it is asked. `None` for keys that could be more than a key in it.
    fn formula(sheet: &str, key: &str, text: &str) -> Option<Formula> {
        let is_plain = |text: &str| text.len() <= 200 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let formula = format!("=HYPERLINK(\"#'{sheet}'!A\"&MATCH(\"{key}\",'{sheet}'!$A:$A,0),\"{text}\")");
        (is_plain(key) && is_plain(text)).then(|| Formula::new(formula).set_result(text))
    }
}

/// A link of a row in the column of that name.
pub(super) type Link<'s, K> = dyn for<'a> Fn(&<K as Kind>::Row<'a>, &'static str) -> Option<LinkTo> + 's;
/// An auditor's notes on a row.
pub(super) type Noted<'s, K> = dyn for<'a> Fn(&<K as Kind>::Row<'a>) -> Option<Vec<Note>> + 's;

impl<'s, K: Kind> Sheet<'s, K> {
    pub(super) fn new(name: impl Into<String>, columns: &'s [Column<K>], n_rows: usize) -> Self {
        Self {
            name: name.into(),
            columns: columns.iter().collect(),
            n_rows,
            link: None,
            notes: &[],
            noted: None,
            wrapped: None,
            frozen: None,
            grouped: None,
            printed: None,
            plain: false,
        }
    }

    /// Only the columns of these names.
    pub(super) fn only(mut self, names: &[&str]) -> Self {
        self.columns.retain(|column| names.contains(&column.name));
        self
    }

    /// Only so many columns.
    pub(super) fn first(mut self, number: usize) -> Self {
        self.columns.truncate(number);
        self
    }

    /// Writes it, in several sheets where one is not enough. A second sheet says by its name that the first is not all.
    pub(super) fn write<'a>(
        &self,
        workbook: &mut Workbook,
        input: &Input<'_>,
        rows: impl Iterator<Item = io::Result<K::Row<'a>>>,
    ) -> io::Result<()> {
        let mut rows = rows;
        let mut left = self.n_rows;
        let mut part = 1;
        loop {
            let here = left.min(ROWS_MAX);
            let worksheet = self.open(workbook, input, here, part)?;
            let mut written = Rows::new(self);
            for row in rows.by_ref().take(here) {
                written.write(worksheet, &row?)?;
            }
            left -= here;
            if left == 0 {
                return Ok(());
            }
            part += 1;
        }
    }

    /// The sheet with everything but its rows.
    pub(super) fn open<'w>(
        &self,
        workbook: &'w mut Workbook,
        input: &Input<'_>,
        n_rows: usize,
        part: u32,
    ) -> io::Result<&'w mut Worksheet> {
        let name = if part == 1 { self.name.clone() } else { format!("{} ({part})", self.name) };
        let worksheet = workbook.add_worksheet_with_constant_memory().map_err(io::Error::other)?;
        worksheet.set_name(&name).map_err(io::Error::other)?;
        worksheet.set_tab_color(tab(&self.name));
        // A group of columns cannot be opened on a sheet that is locked.
        if self.grouped.is_none() {
            lock(worksheet);
        }
        self.frame(worksheet, input, n_rows, part).map_err(io::Error::other)?;
        Ok(worksheet)
    }

    /// Everything but the rows. The header comes first: rows can only follow.
    fn frame(&self, worksheet: &mut Worksheet, input: &Input<'_>, n_rows: usize, part: u32) -> Result<(), XlsxError> {
        self.header(worksheet, n_rows, part)?;
        let last_row = last_row(n_rows);
        for (column, index) in self.columns.iter().zip(0u16..) {
            worksheet.set_column_width(index, f64::from(column.width))?;
            for (word, tone) in rules(column.name) {
                let rule = ConditionalFormatText::new()
                    .set_rule(ConditionalFormatTextRule::BeginsWith(word.to_owned()))
                    .set_format(tint(tone));
                worksheet.add_conditional_format(1, index, last_row, index, &rule)?;
            }
        }
        for (note, index) in self.notes.iter().zip(u16::try_from(self.columns.len()).unwrap_or(u16::MAX)..) {
            worksheet.set_column_width(index, f64::from(note.width))?;
            worksheet.set_column_format(index, &Format::new().set_unlocked())?;
        }
        let up_to = self.columns.iter().position(|column| column.name == "repository").map_or(1, |at| at + 1);
        worksheet.set_freeze_panes(1, self.frozen.unwrap_or(u16::try_from(up_to).unwrap_or(1)))?;
        let last_column = self.columns.len() + self.notes.len();
        if let Some(first) = self.grouped.filter(|first| *first < last_column) {
            worksheet.group_columns_collapsed(at_column(first), at_column(last_column - 1))?;
        }
        print_setup(worksheet, input);
        worksheet.set_repeat_rows(0, 0)?;
        let printed = self.printed.unwrap_or(last_column);
        worksheet.set_print_area(0, 0, last_row, at_column(printed.saturating_sub(1)))?;
        Ok(())
    }

    /// The header with its filters: of a table, where the sheet is not too large for one.
    fn header(&self, worksheet: &mut Worksheet, n_rows: usize, part: u32) -> Result<(), XlsxError> {
        let header = |title, format: Format| TableColumn::new().set_header(title).set_header_format(format);
        let titles = self.columns.iter().map(|column| header(column.title, title()));
        // The columns that wait for a reader's words look as if they did.
        let notes = self.notes.iter().map(|note| header(note.title, title_to_fill()));
        let headers: Vec<TableColumn> = titles.chain(notes).collect();
        let last_row = last_row(n_rows);
        let last = u16::try_from(headers.len().saturating_sub(1)).unwrap_or(u16::MAX);
        let name = self.name.replace([' ', '-'], "_");
        let table = ExcelTable::new()
            .set_name(if part == 1 { name } else { format!("{name}_{part}") })
            .set_columns(&headers)
            .set_style(TableStyle::Light9);
        if self.plain || n_rows > TABLE_ROWS_MAX {
            for (column, index) in self.columns.iter().zip(0u16..) {
                worksheet.write_string_with_format(0, index, column.title, &title())?;
            }
            for (note, index) in self.notes.iter().zip(u16::try_from(self.columns.len()).unwrap_or(u16::MAX)..) {
                worksheet.write_string_with_format(0, index, note.title, &title_to_fill())?;
            }
            worksheet.autofilter(0, 0, last_row, last)?;
        } else {
            // A table needs a row below its header.
            worksheet.add_table(0, 0, last_row, last, &table)?;
        }
        Ok(())
    }

    fn row(
        &self,
        worksheet: &mut Worksheet,
        formats: &mut Formats,
        row: &K::Row<'_>,
        at: u32,
        links: &mut usize,
    ) -> Result<(), XlsxError> {
        if let Some(height) = self.wrapped {
            worksheet.set_row_height(at, height)?;
        }
        for (column, index) in self.columns.iter().zip(0u16..) {
            match (column.value)(row) {
                Value::Empty => {}
                Value::Integer(number) => {
                    worksheet.write_number_with_format(at, index, number as f64, &formats.text)?;
                }
                Value::Tenths(tenths) => {
                    worksheet.write_number_with_format(at, index, tenths as f64 / 10.0, &formats.tenths)?;
                }
                Value::Time(time) => match ExcelDateTime::from_timestamp(time.as_second()) {
                    Ok(time) => {
                        worksheet.write_datetime_with_format(at, index, &time, &formats.time)?;
                    }
                    Err(_) => {
                        worksheet.write_string(at, index, Value::Time(time).render())?;
                    }
                },
                // Always as a string: foreign text is never a formula.
                value @ (Value::Text(_) | Value::List(_) | Value::Counts(_)) => {
                    let text = value.in_words();
                    if text.is_empty() {
                        continue;
                    }
                    let link = self.link.filter(|_| *links < LINKS_MAX).and_then(|link| link(row, column.name));
                    *links += usize::from(link.is_some());
                    let formula = match &link {
                        Some(LinkTo::Row { sheet, key }) => LinkTo::formula(sheet, key, &text),
                        _ => None,
                    };
                    match (link, formula) {
                        (Some(LinkTo::Url(url)), _) if url.chars().count() <= LINK_CHARS_MAX => {
                            let url = Url::new(url).set_text(cell_text(&text));
                            worksheet.write_url_with_format(at, index, &url, &formats.link)?;
                        }
                        (_, Some(formula)) => {
                            worksheet.write_formula_with_format(at, index, formula, &formats.link)?;
                        }
                        _ if self.wrapped.is_some() => {
                            worksheet.write_string_with_format(at, index, cell_text(&text), &formats.text)?;
                        }
                        _ => {
                            worksheet.write_string(at, index, cell_text(&text))?;
                        }
                    }
                }
            }
        }
        let noted = self.noted.and_then(|noted| noted(row)).unwrap_or_default();
        for (note, index) in noted.iter().zip(u16::try_from(self.columns.len()).unwrap_or(u16::MAX)..) {
            write_note(worksheet, formats, note, at, index)?;
        }
        Ok(())
    }
}

/// The rows of one sheet as they come.
pub(super) struct Rows<'r, 's, K: Kind> {
    sheet: &'r Sheet<'s, K>,
    formats: Formats,
    links: usize,
    at: u32,
}

impl<'r, 's, K: Kind> Rows<'r, 's, K> {
    pub(super) fn new(sheet: &'r Sheet<'s, K>) -> Self {
        Self { sheet, formats: Formats::new(sheet.wrapped.is_some()), links: 0, at: 0 }
    }

    /// Writes the next, and says where it is.
    pub(super) fn write(&mut self, worksheet: &mut Worksheet, row: &K::Row<'_>) -> io::Result<u32> {
        self.at += 1;
        let written = self.sheet.row(worksheet, &mut self.formats, row, self.at, &mut self.links);
        written.map_err(io::Error::other)?;
        Ok(self.at)
    }
}

pub(super) fn write_note(
    worksheet: &mut Worksheet,
    formats: &Formats,
    note: &Note,
    at: u32,
    index: u16,
) -> Result<(), XlsxError> {
    match note {
        Note::Empty => {}
        Note::Text(text) => {
            worksheet.write_string_with_format(at, index, cell_text(text), &formats.note)?;
        }
        Note::Number(number) => {
            worksheet.write_number_with_format(at, index, *number, &formats.note)?;
        }
        Note::Date(days) => {
            worksheet.write_number_with_format(at, index, *days, &formats.day)?;
        }
        Note::Yes(yes) => {
            worksheet.write_boolean_with_format(at, index, *yes, &formats.note)?;
        }
    }
    Ok(())
}

/// Made once for all rows.
pub(super) struct Formats {
    text: Format,
    time: Format,
    /// What a reader wrote stays theirs to change.
    note: Format,
    day: Format,
    tenths: Format,
    link: Format,
}

impl Formats {
    pub(super) fn new(wrapped: bool) -> Self {
        let text = if wrapped { Format::new().set_text_wrap().set_align(FormatAlign::Top) } else { Format::new() };
        Self {
            link: text
                .clone()
                .set_font_color(rust_xlsxwriter::Color::RGB(0x0A_4F_8F))
                .set_underline(rust_xlsxwriter::FormatUnderline::Single),
            text,
            time: Format::new().set_num_format("yyyy-mm-dd hh:mm"),
            note: Format::new().set_unlocked(),
            day: Format::new().set_num_format("yyyy-mm-dd").set_unlocked(),
            tenths: Format::new().set_num_format("0.0"),
        }
    }
}

/// Words that are coloured where they begin a value of the column.
fn rules(column: &str) -> Vec<(&'static str, Tone)> {
    match column {
        "diagnosis" | "diagnosis_before" => DIAGNOSES.iter().map(|info| (info.word, info.tone)).collect(),
        "policy_verdict" | "registry_verdict" => vec![
            (Verdict::Denied.word(), Tone::Bad),
            (Verdict::Depends.word(), Tone::Question),
            (Verdict::Unknown.word(), Tone::Question),
            (Verdict::Allowed.word(), Tone::Good),
        ],
        "outcome" => vec![("unreadable", Tone::Question), ("not_reached", Tone::Question), ("skipped", Tone::Neutral)],
        "change" => CHANGE_KINDS.iter().map(|row| (row.1, row.4)).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use calamine::{Reader, Xlsx};
    use rust_xlsxwriter::Workbook;

    use super::*;
    use crate::columns::REGISTRIES;

    // Holds: 14 Memory: a sheet that is too large for an Excel table has the same header, with filters
    #[test]
    fn a_large_sheet_has_filters_and_no_table() {
        for (n_rows, is_table) in [(TABLE_ROWS_MAX, true), (TABLE_ROWS_MAX + 1, false)] {
            let sheet = Sheet::new("Registries", REGISTRIES, n_rows);
            let mut workbook = Workbook::new();
            let worksheet = workbook.add_worksheet_with_constant_memory().unwrap();
            worksheet.set_name("Registries").unwrap();
            sheet.header(worksheet, n_rows, 1).unwrap();
            let bytes = workbook.save_to_buffer().unwrap();
            let name = b"xl/tables/table1.xml";
            assert_eq!(bytes.windows(name.len()).any(|part| part == name), is_table, "{n_rows}");
            let mut read = Xlsx::new(Cursor::new(bytes)).unwrap();
            let filters = read.defined_names().iter().any(|(name, _)| name.contains("_FilterDatabase"));
            assert_eq!(filters, !is_table, "{n_rows}");
            let range = read.worksheet_range("Registries").unwrap();
            let titles: Vec<String> = range.rows().next().unwrap().iter().map(ToString::to_string).collect();
            let wanted: Vec<&str> = REGISTRIES.iter().map(|column| column.title).collect();
            assert_eq!(titles, wanted);
        }
    }
}
