//! Columns of the data dictionary itself.

use super::column::{Column, Kind, Type, column};
use crate::value::Value;

pub(crate) enum Dictionary {}

/// One column, explained.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DictionaryRow {
    pub(crate) sheet: &'static str,
    pub(crate) title: &'static str,
    pub(crate) name: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) source: &'static str,
}

impl Kind for Dictionary {
    type Row<'a> = DictionaryRow;
}

#[rustfmt::skip]
pub(crate) const DICTIONARY: &[Column<Dictionary>] = &[
    column("sheet", "Sheet", Type::Text, 18, "the sheet that has the column", "scangap", |row| Value::text(row.sheet)),
    column("title", "Column", Type::Text, 28, "the column's title in the workbook", "scangap", |row| Value::text(row.title)),
    column("name", "Name in CSV and JSON", Type::Text, 28, "the column's name in the other files", "scangap",
        |row| if row.name.is_empty() { Value::Empty } else { Value::text(row.name) }),
    column("meaning", "Meaning", Type::Text, 84, "what the column says", "scangap", |row| Value::text(row.meaning)),
    column("source", "Source", Type::Text, 46, "the AWS API it comes from", "scangap", |row| Value::text(row.source)),
];
