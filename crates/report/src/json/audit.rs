//! `audit.json`: every fact and judgement, for machines. `repositories.jsonl`: its repositories, a line each, for streams.
//! Rows are written as they come; none is held.

use std::io::{self, Write};

use serde_json::{Value as Json, json};

use crate::columns::{ACCOUNTS, CELLS, CHANGES, Column, GAPS, Kind, REPOSITORIES, TableName};
use crate::input::Input;
use crate::summary::Summary;
use crate::value::Value;

pub(crate) fn write(input: &Input<'_>, out: &mut dyn Write) -> io::Result<()> {
    let head = super::head(input);
    out.write_all(b"{\n")?;
    for (name, value) in head.as_object().into_iter().flatten() {
        writeln!(out, "  {}: {value},", json!(name))?;
    }
    write!(out, "  \"summary\": {}", super::counts(&Summary::of(input)))?;
    for table in input.tables() {
        write!(out, ",\n  {}: [", json!(table.name.word()))?;
        match table.name {
            TableName::Repositories => rows(REPOSITORIES, input.repositories(), out)?,
            TableName::Cells => rows(CELLS, input.cells(), out)?,
            TableName::Accounts => rows(ACCOUNTS, input.accounts(), out)?,
            TableName::Gaps => rows(GAPS, input.gaps(), out)?,
            TableName::Changes => rows(CHANGES, input.changes(), out)?,
        }
        out.write_all(b"]")?;
    }
    out.write_all(b"\n}\n")
}

pub(crate) fn repositories(input: &Input<'_>, out: &mut dyn Write) -> io::Result<()> {
    for row in input.repositories() {
        object(REPOSITORIES, &row, out)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn rows<'a, K: Kind>(
    columns: &[Column<K>],
    rows: impl Iterator<Item = K::Row<'a>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut comma = "";
    for row in rows {
        write!(out, "{comma}\n    ")?;
        object(columns, &row, out)?;
        comma = ",";
    }
    if !comma.is_empty() {
        out.write_all(b"\n  ")?;
    }
    Ok(())
}

/// A row by its columns' names. Nothing is defused here: JSON has no formulas.
fn object<K: Kind>(columns: &[Column<K>], row: &K::Row<'_>, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"{")?;
    for (at, column) in columns.iter().enumerate() {
        write!(out, "{}\"{}\": ", if at == 0 { "" } else { ", " }, column.name)?;
        let value = match (column.value)(row) {
            Value::Text(text) => Json::String(text),
            Value::Integer(number) => Json::from(number),
            time @ Value::Time(_) => Json::String(time.render()),
            Value::List(items) => Json::from(items),
            Value::Empty => Json::Null,
        };
        serde_json::to_writer(&mut *out, &value)?;
    }
    out.write_all(b"}")
}
