//! CSV by RFC 4180, with formula defence on every cell.

use std::io::{self, Write};

use crate::columns::{ACCOUNTS, CELLS, CHANGES, Column, GAPS, Kind, REPOSITORIES, TableName};
use crate::input::Input;
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

pub(crate) fn write(table: TableName, input: &Input<'_>, dialect: CsvDialect, out: &mut dyn Write) -> io::Result<()> {
    if dialect == CsvDialect::Excel {
        out.write_all("\u{feff}".as_bytes())?;
    }
    match table {
        TableName::Repositories => rows(REPOSITORIES, input.repositories(), out),
        TableName::Cells => rows(CELLS, input.cells(), out),
        TableName::Accounts => rows(ACCOUNTS, input.accounts(), out),
        TableName::Gaps => rows(GAPS, input.gaps(), out),
        TableName::Changes => rows(CHANGES, input.changes(), out),
    }
}

fn rows<'a, K: Kind>(
    columns: &[Column<K>],
    rows: impl Iterator<Item = K::Row<'a>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    writer.write_record(columns.iter().map(|column| column.name)).map_err(io::Error::other)?;
    for row in rows {
        writer.write_record(columns.iter().map(|column| safe((column.value)(&row)))).map_err(io::Error::other)?;
    }
    writer.flush()
}

/// OWASP ASVS 1.2.10: what a spreadsheet would take for a formula gets a leading apostrophe. Names, tags and Sids are
/// written by strangers.
fn safe(value: Value) -> String {
    let text = value.render();
    match (value, text.chars().next()) {
        (Value::Text(_), Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\0')) => format!("'{text}"),
        (Value::Text(_) | Value::Integer(_) | Value::Time(_) | Value::List(_) | Value::Empty, _) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_defused_and_nothing_else_is_touched() {
        for hostile in ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\0x"] {
            assert_eq!(safe(Value::text(hostile)), format!("'{hostile}"));
        }
        assert_eq!(safe(Value::text("a=b")), "a=b");
        assert_eq!(safe(Value::Integer(3)), "3");
        assert_eq!(safe(Value::List(vec!["=1".into()])), r#"["=1"]"#);
    }
}
