//! `audit.json`: every fact and judgement, for machines. `repositories.jsonl`: its repositories, a line each, for streams.
//! Rows are written as they come; none is held.

use std::io::{self, Write};

use serde_json::json;

use super::head::{Counts, Head};
use crate::actions;
use crate::columns::{
    ACCOUNTS, ACTIONS, CAUSES, CHANGES, Column, GAPS, IMAGES, Kind, POLICIES, REGISTRIES, REPOSITORIES, TREND,
    TableName, tables_of,
};
use crate::context::ReportContext;
use crate::input::Input;
use crate::parallel::write_in_order;
use crate::value::{Value, utc};

pub(crate) fn write(material: &ReportContext<'_>, out: &mut dyn Write) -> io::Result<()> {
    let input = &material.input;
    let head = serde_json::to_value(Head::of(input))?;
    out.write_all(b"{\n")?;
    for (name, value) in head.as_object().into_iter().flatten() {
        writeln!(out, "  {}: {value},", json!(name))?;
    }
    write!(out, "  \"summary\": {}", serde_json::to_string(&Counts::of(&material.summary, &material.decided))?)?;
    for table in tables_of(input) {
        write!(out, ",\n  {}: [", json!(table.name.word()))?;
        match table.name {
            TableName::Actions => {
                actions::write_all(material, out, &mut |action, buffer| {
                    buffer.extend_from_slice(if action.number == 1 { b"\n    " } else { b",\n    " });
                    object(ACTIONS, action, buffer)
                })?;
                out.write_all(if actions::count(input) == 0 { b"" } else { b"\n  " })?;
            }
            TableName::Causes => rows(CAUSES, material.causes.iter().cloned().map(Ok), out)?,
            TableName::Repositories => {
                // A comma before every row but the first.
                let before = |place| if place == 0 { "\n    " } else { ",\n    " };
                in_order(input, before, "", out)?;
                out.write_all(if input.assessment.repositories.is_empty() { b"" } else { b"\n  " })?;
            }
            TableName::Policies => rows(POLICIES, material.policies().map(Ok), out)?,
            TableName::Registries => rows(REGISTRIES, input.registries().map(Ok), out)?,
            TableName::Accounts => rows(ACCOUNTS, input.accounts().map(Ok), out)?,
            TableName::Gaps => rows(GAPS, input.gaps().map(Ok), out)?,
            TableName::Images => rows(IMAGES, input.image_rows(), out)?,
            TableName::Changes => rows(CHANGES, input.changes().map(Ok), out)?,
            TableName::Trend => rows(TREND, input.trend_rows().map(Ok), out)?,
        }
        out.write_all(b"]")?;
    }
    out.write_all(b"\n}\n")
}

pub(crate) fn repositories(input: &Input<'_>, out: &mut dyn Write) -> io::Result<()> {
    in_order(input, |_| "", "\n", out)
}

/// The one table that may be long: made in parallel.
fn in_order(
    input: &Input<'_>,
    before: impl Fn(usize) -> &'static str + Sync,
    after: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    write_in_order(input.assessment.repositories.len(), out, |places, buffer| {
        let mut place = places.start;
        input.visit_repositories(places, |row| {
            buffer.extend_from_slice(before(place).as_bytes());
            object(REPOSITORIES, row, buffer)?;
            buffer.extend_from_slice(after.as_bytes());
            place += 1;
            Ok(())
        })
    })
}

fn rows<'a, K: Kind>(
    columns: &[Column<K>],
    rows: impl Iterator<Item = io::Result<K::Row<'a>>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut comma = "";
    for row in rows {
        write!(out, "{comma}\n    ")?;
        object(columns, &row?, out)?;
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
        match (column.value)(row) {
            Value::Text(text) => serde_json::to_writer(&mut *out, &text)?,
            Value::Integer(number) => write!(out, "{number}")?,
            value @ Value::Tenths(_) => write!(out, "{}", value.render())?,
            Value::Time(time) => write!(out, "\"{}\"", utc(time))?,
            Value::List(items) => serde_json::to_writer(&mut *out, &items)?,
            Value::Counts(counts) => serde_json::to_writer(&mut *out, counts)?,
            Value::Empty => out.write_all(b"null")?,
        }
    }
    out.write_all(b"}")
}
