//! The trend: a table on the summary with native charts beside it, and the whole in a sheet of its own.

use rust_xlsxwriter::{Chart, ChartFormat, ChartLine, ChartType, Color, Format, Workbook, Worksheet, XlsxError};

use super::charts::Charts;
use super::sheet::Sheet;
use super::style::{number, over_numbers, subheading};
use crate::columns::TREND;
use crate::input::Input;
use crate::trend::{Trend, TrendRow};

/// The sheet of all rows.
pub(super) fn write(workbook: &mut Workbook, input: &Input<'_>, trend: &Trend) -> std::io::Result<()> {
    let sheet = Sheet::new("Trend", TREND, trend.rows.len());
    sheet.write(workbook, input, trend.rows.iter().map(Ok))
}

/// The rows that a chart takes.
const CHART_HEIGHT: u32 = 260;

/// A number of an audit; `None`: it has none.
type Of = fn(&TrendRow) -> Option<f64>;

const COLUMNS: &[(&str, Of)] = &[
    ("Covered, %", |row| row.share().map(|(least, _)| least as f64 / 10.0)),
    ("Covered at most, %", |row| row.share().map(|(_, most)| most as f64 / 10.0)),
    ("Needs action", |row| Some(row.to_act_on() as f64)),
    ("New", |row| row.balance.map(|balance| (balance.new + balance.newly_known) as f64)),
    ("Fixed", |row| row.balance.map(|balance| balance.fixed as f64)),
    ("Lost scanning", |row| row.balance.map(|balance| balance.lost_scanning as f64)),
    ("Not read everything", |row| (!row.is_complete).then_some(1.0)),
];

/// The table of the organization, and the row after it.
pub(super) fn on_summary(
    worksheet: &mut Worksheet,
    trend: &Trend,
    at: u32,
    charts: &mut Charts,
) -> Result<u32, XlsxError> {
    let rows: Vec<&TrendRow> = trend.rows.iter().filter(|row| row.ou.is_none()).collect();
    worksheet.write_string_with_format(at, 0, "Trend", &subheading())?;
    worksheet.write_string(at, 2, "All numbers, by organizational unit too, are in the sheet Trend.")?;
    worksheet.write_string_with_format(at + 1, 0, "Audit", &over_numbers())?;
    for ((title, _), column) in COLUMNS.iter().zip(1u16..) {
        worksheet.write_string_with_format(at + 1, column, *title, &over_numbers())?;
    }
    let first = at + 2;
    let tenths = Format::new().set_num_format("0.0");
    let mut row = first;
    for audit in &rows {
        // A text: as an axis every program shows it as it is.
        worksheet.write_string(row, 0, audit.date())?;
        for ((title, of), column) in COLUMNS.iter().zip(1u16..) {
            let format = if title.ends_with('%') { &tenths } else { &number() };
            if let Some(value) = of(audit) {
                worksheet.write_number_with_format(row, column, value, format)?;
            }
        }
        row += 1;
    }
    let last = row - 1;
    let line = |chart: &mut Chart, column: u16, color: u32| {
        let mut format = ChartFormat::new();
        format.set_line(ChartLine::new().set_color(Color::RGB(color)).set_width(2.25));
        chart
            .add_series()
            .set_name(("Summary", at + 1, column))
            .set_categories(("Summary", first, 0, last, 0))
            .set_values(("Summary", first, column, last, column))
            .set_format(&mut format);
    };
    let mut shares = Chart::new(ChartType::Line);
    shares.title().set_name("Covered, % of what is to be scanned");
    // What lies between the two is not known: of an audit that read everything they are one.
    line(&mut shares, 1, 0x2A_8C_82);
    line(&mut shares, 2, 0x7A_5A_B5);
    shares.set_high_low_lines(true);
    shares.y_axis().set_min(0).set_max(100);
    let mut numbers = Chart::new(ChartType::Line);
    numbers.title().set_name("Repositories: needs action, new, fixed, lost scanning");
    for (column, color) in [(3, 0xB3_3A_36), (4, 0xD9_8E_1F), (5, 0x2A_8C_82), (6, 0x7A_5A_B5)] {
        line(&mut numbers, column, color);
    }
    charts.push(shares, CHART_HEIGHT);
    charts.push(numbers, CHART_HEIGHT);
    Ok(row)
}
