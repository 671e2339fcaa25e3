//! CSV by RFC 4180, with formula defence on every cell.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::actions;
use crate::columns::{
    ACCOUNTS, ACTIONS, CAUSES, CHANGES, Column, GAPS, IMAGES, Kind, POLICIES, REGISTRIES, REPOSITORIES, TREND,
    TableName,
};
use crate::context::ReportContext;
use crate::input::Input;
use crate::parallel::write_in_order;
use crate::value::Value;

/// Who will read the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CsvDialect {
    /// RFC 4180 in UTF-8.
    #[default]
    Rfc4180,
    /// The same behind a byte order mark, without which Excel takes UTF-8 for something else.
    Excel,
}

pub(crate) fn write(
    table: TableName,
    material: &ReportContext<'_>,
    dialect: CsvDialect,
    out: &mut dyn Write,
) -> io::Result<()> {
    let input = &material.input;
    mark(dialect, out)?;
    match table {
        TableName::Actions => {
            header(ACTIONS, &mut writer(&mut *out))?;
            actions::write_all(material, out, &mut |action, buffer| {
                let mut writer = writer(buffer);
                row(ACTIONS, action, dialect, &mut writer)?;
                writer.flush()
            })
        }
        TableName::Causes => rows(CAUSES, material.causes.iter().cloned().map(Ok), dialect, out),
        TableName::Repositories => repositories(input, dialect, out),
        TableName::Policies => rows(POLICIES, material.policies().map(Ok), dialect, out),
        TableName::Registries => rows(REGISTRIES, input.registries().map(Ok), dialect, out),
        TableName::Accounts => rows(ACCOUNTS, input.accounts().map(Ok), dialect, out),
        TableName::Gaps => rows(GAPS, input.gaps().map(Ok), dialect, out),
        TableName::Images => rows(IMAGES, input.image_rows(), dialect, out),
        TableName::Changes => rows(CHANGES, input.changes().map(Ok), dialect, out),
        TableName::Trend => rows(TREND, input.trend_rows().map(Ok), dialect, out),
    }
}

/// The table of repositories alone.
pub(crate) fn write_repositories(input: &Input<'_>, dialect: CsvDialect, out: &mut dyn Write) -> io::Result<()> {
    mark(dialect, out)?;
    repositories(input, dialect, out)
}

/// The one table that may be long: made in parallel.
fn repositories(input: &Input<'_>, dialect: CsvDialect, out: &mut dyn Write) -> io::Result<()> {
    header(REPOSITORIES, &mut writer(&mut *out))?;
    write_in_order(input.assessment.repositories.len(), out, |places, buffer| {
        let mut writer = writer(buffer);
        input.visit_repositories(places, |of_repository| row(REPOSITORIES, of_repository, dialect, &mut writer))?;
        writer.flush()
    })
}

/// The table of changes alone.
pub(crate) fn write_changes(input: &Input<'_>, dialect: CsvDialect, out: &mut dyn Write) -> io::Result<()> {
    mark(dialect, out)?;
    rows(CHANGES, input.changes().map(Ok), dialect, out)
}

fn mark(dialect: CsvDialect, out: &mut dyn Write) -> io::Result<()> {
    match dialect {
        CsvDialect::Rfc4180 => Ok(()),
        CsvDialect::Excel => out.write_all("\u{feff}".as_bytes()),
    }
}

fn rows<'a, K: Kind>(
    columns: &[Column<K>],
    rows: impl Iterator<Item = io::Result<K::Row<'a>>>,
    dialect: CsvDialect,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut writer = writer(out);
    header(columns, &mut writer)?;
    for of_row in rows {
        row(columns, &of_row?, dialect, &mut writer)?;
    }
    writer.flush()
}

fn writer<W: Write>(out: W) -> csv::Writer<W> {
    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out)
}

fn header<K: Kind, W: Write>(columns: &[Column<K>], writer: &mut csv::Writer<W>) -> io::Result<()> {
    writer.write_record(columns.iter().map(|column| column.name)).map_err(io::Error::other)?;
    writer.flush()
}

fn row<K: Kind, W: Write>(
    columns: &[Column<K>],
    row: &K::Row<'_>,
    dialect: CsvDialect,
    writer: &mut csv::Writer<W>,
) -> io::Result<()> {
    for column in columns {
        let value = (column.value)(row);
        let field = safe(&value);
        let field = if dialect == CsvDialect::Excel { as_text(&value, field) } else { field };
        writer.write_field(field.as_bytes()).map_err(io::Error::other)?;
    }
    writer.write_record(None::<&[u8]>).map_err(io::Error::other)
}

/// Excel takes a text of digits for a number, and an account's leading zeros are gone: a formula that is that text keeps it.
/// The digits are all there is in it.
fn as_text<'a>(value: &Value<'_>, field: Cow<'a, str>) -> Cow<'a, str> {
    let digits =
        matches!(value, Value::Text(_)) && !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit());
    if digits { Cow::Owned(format!("=\"{field}\"")) } else { field }
}

/// OWASP ASVS 1.2.10: what a spreadsheet would take for a formula gets a leading apostrophe. Names, tags and Sids are
/// written by strangers.
pub(crate) fn safe<'a>(value: &'a Value<'_>) -> Cow<'a, str> {
    let text = value.render();
    match (value, text.as_bytes().first()) {
        (Value::Text(_), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\0')) => Cow::Owned(format!("'{text}")),
        (
            Value::Text(_)
            | Value::Integer(_)
            | Value::Tenths(_)
            | Value::Time(_)
            | Value::List(_)
            | Value::Counts(_)
            | Value::Empty,
            _,
        ) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: 6 Operating it: CSV for Excel keeps the leading zeros of account ids
    #[test]
    fn digits_stay_text_in_excel() {
        let excel = |value: Value<'static>| as_text(&value, safe(&value)).into_owned();
        assert_eq!(excel(Value::text("000000000012")), "=\"000000000012\"");
        assert_eq!(excel(Value::Integer(12)), "12", "a number is one");
        assert_eq!(excel(Value::text("12 a")), "12 a");
        assert_eq!(excel(Value::text("=1")), "'=1", "what is not digits is no formula");
    }

    #[test]
    fn formulas_are_defused_and_nothing_else_is_touched() {
        for hostile in ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\0x"] {
            assert_eq!(safe(&Value::text(hostile)), format!("'{hostile}"));
        }
        assert_eq!(safe(&Value::text("a=b")), "a=b");
        assert_eq!(safe(&Value::Integer(3)), "3");
        assert_eq!(safe(&Value::list(&["=1".into()])), r#"["=1"]"#);
    }
}
