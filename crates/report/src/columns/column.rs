//! What a column is: its name, title, type, width, meaning and source, and how its value is taken from a row.

use crate::value::Value;

/// A kind of row. The rows borrow from the facts, the column tables are constants: so the lifetime is a parameter here.
pub(crate) trait Kind {
    type Row<'a>;
}

/// The type of a column's known values. Any column may contain a word such as `unknown` instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Text,
    Integer,
    /// With one place after the point.
    Number,
    Time,
    List,
    /// Numbers by name.
    Counts,
}

impl Type {
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Time => "time",
            Self::List => "list",
            Self::Counts => "counts",
        }
    }
}

/// One column of one kind of row.
pub(crate) struct Column<K: Kind> {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) kind: Type,
    /// In Excel's characters.
    pub(crate) width: u16,
    pub(crate) meaning: &'static str,
    /// The API it comes from, or `scangap` for what is derived.
    pub(crate) source: &'static str,
    pub(crate) value: for<'r, 'a> fn(&'r K::Row<'a>) -> Value<'r>,
}

pub(crate) const fn column<K: Kind>(
    name: &'static str,
    title: &'static str,
    kind: Type,
    width: u16,
    meaning: &'static str,
    source: &'static str,
    value: for<'r, 'a> fn(&'r K::Row<'a>) -> Value<'r>,
) -> Column<K> {
    Column { name, title, kind, width, meaning, source, value }
}

/// What the outside may know of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnInfo {
    pub name: &'static str,
    pub title: &'static str,
    pub kind: Type,
    pub width: u16,
    pub meaning: &'static str,
    pub source: &'static str,
}

pub(crate) fn infos<K: Kind>(columns: &[Column<K>]) -> Vec<ColumnInfo> {
    columns
        .iter()
        .map(|column| ColumnInfo {
            name: column.name,
            title: column.title,
            kind: column.kind,
            width: column.width,
            meaning: column.meaning,
            source: column.source,
        })
        .collect()
}
