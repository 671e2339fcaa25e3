//! The sheet that is signed.

use rust_xlsxwriter::{Color, Format, FormatAlign, FormatBorder, Workbook, XlsxError};

use super::style::{bold, cell_text, column_title, heading, lock, print_setup, subheading, warning, wrapped};
use crate::context::ReportContext;
use crate::sign_off::{CONTROLS, TO_FILL, rows};

pub(super) const NAME: &str = "Sign-off";

pub(super) fn write(workbook: &mut Workbook, material: &ReportContext<'_>) -> Result<(), XlsxError> {
    let worksheet = workbook.add_worksheet();
    worksheet.set_name(NAME)?.set_tab_color(Color::RGB(0xF6_D8_6B));
    for (column, width) in [(0, 34.0), (1, 44.0), (2, 40.0), (3, 40.0), (4, 44.0)] {
        worksheet.set_column_width(column, width)?;
    }
    worksheet.write_string_with_format(0, 0, "Sign-off", &heading())?;
    if material.input.simulated {
        worksheet.write_string_with_format(0, 1, "SIMULATED", &warning())?;
    }
    let mut at = 2;
    for (name, value) in rows(material) {
        worksheet.write_string_with_format(at, 0, name, &bold())?;
        worksheet.merge_range(at, 1, at, 4, &cell_text(&value), &wrapped())?;
        at += 1;
    }
    let fill = Format::new()
        .set_background_color(Color::RGB(0xFF_F7_DC))
        .set_border_bottom(FormatBorder::Thin)
        .set_align(FormatAlign::Top)
        .set_text_wrap()
        .set_unlocked();
    at += 1;
    for name in TO_FILL {
        worksheet.write_string_with_format(at, 0, *name, &bold())?;
        worksheet.merge_range(at, 1, at, 2, "", &fill)?;
        worksheet.set_row_height(at, 26)?;
        at += 1;
    }
    at += 1;
    worksheet.write_string_with_format(at, 0, "AWS's own controls", &subheading())?;
    at += 1;
    let titles = ["Control", "Requirements that AWS maps to it", "What it looks at", "What it does not see", "Source"];
    for (title, column) in titles.iter().zip(0u16..) {
        worksheet.write_string_with_format(at, column, *title, &column_title())?;
    }
    for control in CONTROLS {
        at += 1;
        let cells = [control.name, control.requirements, control.sees, control.does_not_see, control.source];
        for (text, column) in cells.iter().zip(0u16..) {
            worksheet.write_string_with_format(at, column, *text, &wrapped())?;
        }
        worksheet.set_row_height(at, 62)?;
    }
    print_setup(worksheet, &material.input);
    lock(worksheet);
    Ok(())
}
