//! What every column means, from the column tables.

use std::io;

use rust_xlsxwriter::Workbook;

use super::sheet::Sheet;
use crate::columns::{DICTIONARY, DictionaryRow, TableName, sheets_alone, tables};
use crate::input::Input;
use crate::notes::NOTE_COLUMNS;

pub(super) fn write(workbook: &mut Workbook, input: &Input<'_>) -> io::Result<()> {
    // The sheet of policies is not the file: it has a text once.
    let of_files = tables().into_iter().filter(|table| table.name != TableName::Policies);
    let sheets = of_files.map(|table| (table.sheet, table.columns)).chain(sheets_alone());
    let of_tables = sheets.flat_map(|(sheet, columns)| {
        columns.into_iter().map(move |column| DictionaryRow {
            sheet,
            title: column.title,
            name: column.name,
            meaning: column.meaning,
            source: column.source,
        })
    });
    let notes = NOTE_COLUMNS.iter().map(|note| DictionaryRow {
        sheet: "Notes carried over",
        title: note.title,
        name: "",
        meaning: note.meaning,
        source: "the reader",
    });
    let rows: Vec<DictionaryRow> = of_tables.chain(notes).collect();
    let sheet = Sheet { wrapped: Some(30.0), ..Sheet::new("Data dictionary", DICTIONARY, rows.len()) };
    sheet.write(workbook, input, rows.into_iter().map(Ok))
}
