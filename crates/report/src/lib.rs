//! Reports: one column table per kind of row drives CSV, Excel, the data dictionary and the JSON summary.
//!
//! Reads facts and assessments, knows neither AWS nor SQL. The same facts give the same bytes.

mod changes;
mod columns;
mod csv;
mod files;
mod html;
mod input;
mod json;
mod summary;
mod terminal;
mod value;
mod verify;
mod xlsx;

pub use changes::{CHANGE_KINDS, Change, ChangeKind, Changes, CompareError, Difference, compare};
pub use columns::{ColumnInfo, Table, TableName, Type, tables};
pub use csv::CsvDialect;
pub use files::{FileError, Written, manifest, write_atomically};
pub use input::{ApiCount, Input, RunEvidence};
pub use json::{audit_schema, changes_json, run_json, summary_json};
pub use summary::{CellCounts, GapGroup, Summary};
pub use terminal::{acts, count, final_screen, sanitize, thousands};
pub use verify::{FileState, VerifyError, verify};

use std::path::Path;

/// The files of a comparison alone.
pub fn write_changes(
    input: &Input<'_>,
    changes: &Changes,
    options: Options,
    directory: &Path,
) -> Result<Vec<Written>, FileError> {
    Ok(vec![
        write_atomically(&directory.join("changes.csv"), |out| {
            csv::write(TableName::Changes, input, options.csv, out)
        })?,
        write_atomically(&directory.join("changes.json"), |out| json::write(&changes_json(changes), out))?,
        write_atomically(&directory.join("changes.xlsx"), |out| xlsx::write_changes(input, out))?,
    ])
}

/// What is up to the reader of the reports.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    pub csv: CsvDialect,
}

/// Everything an audit hands over, but the snapshot itself. Each file is complete or not there.
pub fn write_all(
    input: &Input<'_>,
    run: &RunEvidence,
    options: Options,
    directory: &Path,
) -> Result<Vec<Written>, FileError> {
    let mut written = Vec::new();
    for table in input.tables() {
        written.push(write_atomically(&directory.join(table.file), |out| {
            csv::write(table.name, input, options.csv, out)
        })?);
    }
    written.push(write_atomically(&directory.join("audit.xlsx"), |out| xlsx::write(input, out))?);
    written.push(write_atomically(&directory.join("report.html"), |out| html::write(input, out))?);
    written.push(write_atomically(&directory.join("audit.json"), |out| json::audit::write(input, out))?);
    written.push(write_atomically(&directory.join("repositories.jsonl"), |out| json::audit::repositories(input, out))?);
    written.push(write_atomically(&directory.join("summary.json"), |out| json::write(&summary_json(input), out))?);
    written.push(write_atomically(&directory.join("run.json"), |out| json::write(&run_json(input, run), out))?);
    Ok(written)
}
