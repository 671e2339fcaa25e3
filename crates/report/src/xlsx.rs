//! The workbook: Cover, Summary, Repositories, Cells, Accounts, Gaps, Data dictionary.

mod cover;
mod sheet;

use std::io::{self, Write};

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook, XlsxError};

use crate::columns::{ACCOUNTS, CELLS, CHANGES, GAPS, REPOSITORIES, TableName};
use crate::input::Input;

pub(crate) fn write(input: &Input<'_>, out: &mut dyn Write) -> io::Result<()> {
    let bytes = build(input).map_err(io::Error::other)?;
    out.write_all(&bytes)
}

/// A workbook of the changes alone.
pub(crate) fn write_changes(input: &Input<'_>, out: &mut dyn Write) -> io::Result<()> {
    let build = || -> Result<Vec<u8>, XlsxError> {
        let mut workbook = created(input)?;
        cover::cover(workbook.add_worksheet(), input)?;
        for table in input.tables().iter().filter(|table| table.name == TableName::Changes) {
            sheet::data(&mut workbook, table, CHANGES, input.changes(), input.simulated)?;
        }
        workbook.save_to_buffer()
    };
    out.write_all(&build().map_err(io::Error::other)?)
}

/// An empty workbook with its properties.
fn created(input: &Input<'_>) -> Result<Workbook, XlsxError> {
    let mut workbook = Workbook::new();
    // Equal facts give equal bytes: the only clock in the file is the audit's own.
    let created = ExcelDateTime::from_timestamp(input.as_of.as_second())?;
    workbook.set_properties(
        &DocProperties::new()
            .set_title("scangap audit")
            .set_author("scangap")
            .set_subject(if input.simulated { "SIMULATED" } else { "" })
            .set_creation_datetime(&created),
    );
    Ok(workbook)
}

fn build(input: &Input<'_>) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = created(input)?;
    cover::cover(workbook.add_worksheet(), input)?;
    cover::summary(workbook.add_worksheet(), input)?;
    for table in input.tables() {
        match table.name {
            TableName::Repositories => {
                sheet::data(&mut workbook, &table, REPOSITORIES, input.repositories(), input.simulated)?;
            }
            TableName::Cells => sheet::data(&mut workbook, &table, CELLS, input.cells(), input.simulated)?,
            TableName::Accounts => sheet::data(&mut workbook, &table, ACCOUNTS, input.accounts(), input.simulated)?,
            TableName::Gaps => sheet::data(&mut workbook, &table, GAPS, input.gaps(), input.simulated)?,
            TableName::Changes => sheet::data(&mut workbook, &table, CHANGES, input.changes(), input.simulated)?,
        }
    }
    cover::dictionary(workbook.add_worksheet())?;
    workbook.save_to_buffer()
}
