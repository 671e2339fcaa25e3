//! Where the charts of the summary stand.

use rust_xlsxwriter::{Chart, Worksheet, XlsxError};

/// Charts stand below the tables, two beside each other.
#[derive(Default)]
pub(super) struct Charts(Vec<(Chart, u32)>);

/// Pixels of a row.
const ROW: u32 = 20;
/// Where the second of two charts begins.
const BESIDE: u16 = 5;
/// Rows of a page.
const PAGE_ROWS: u32 = 45;

impl Charts {
    pub(super) fn push(&mut self, mut chart: Chart, height: u32) {
        chart.set_width(640).set_height(height);
        self.0.push((chart, height));
    }

    /// Puts them below the row. The rows before which a page ends, and the last row.
    pub(super) fn place(self, worksheet: &mut Worksheet, from: u32) -> Result<(Vec<u32>, u32), XlsxError> {
        let mut breaks = vec![from];
        let (mut at, mut page) = (from, from);
        for pair in self.0.chunks(2) {
            let rows = pair.iter().map(|(_, height)| height.div_ceil(ROW) + 1).max().unwrap_or(0);
            if at > page && at + rows > page + PAGE_ROWS {
                breaks.push(at);
                page = at;
            }
            for ((chart, _), column) in pair.iter().zip([0, BESIDE]) {
                worksheet.insert_chart(at, column, chart)?;
            }
            at += rows;
        }
        Ok((breaks, at))
    }
}
