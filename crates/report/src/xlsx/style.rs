//! How sheets look, and what Excel's limits do to text.

use std::borrow::Cow;

use rust_xlsxwriter::{Color, Format, FormatAlign, FormatBorder, ProtectionOptions, Worksheet};
use scangap_model::{Tone, is_control_like};

use crate::input::Input;

/// AWS and users write names longer than Excel's cells: 32,767 characters at most.
pub(super) const CELL_MAX: usize = 32_767;

pub(super) fn heading() -> Format {
    Format::new().set_bold().set_font_size(18).set_font_color(Color::RGB(0x1D_21_26))
}

pub(super) fn subheading() -> Format {
    Format::new().set_bold().set_font_size(13).set_font_color(Color::RGB(0x1D_21_26))
}

pub(super) fn bold() -> Format {
    Format::new().set_bold().set_align(FormatAlign::Top)
}

pub(super) fn column_title() -> Format {
    bold().set_background_color(Color::RGB(0xEE_F1_F4)).set_border_bottom(FormatBorder::Thin)
}

/// The same over a column of numbers.
pub(super) fn over_numbers() -> Format {
    column_title().set_align(FormatAlign::Right).set_text_wrap()
}

/// The header of a table, in every program: not all of them draw Excel's table styles.
pub(super) fn title() -> Format {
    Format::new().set_bold().set_font_color(Color::White).set_background_color(Color::RGB(0x2F_3B_4A))
}

/// ... of a column that is the reader's to fill.
pub(super) fn title_to_fill() -> Format {
    Format::new().set_bold().set_font_color(Color::RGB(0x1D_21_26)).set_background_color(Color::RGB(0xF6_D8_6B))
}

pub(super) fn wrapped() -> Format {
    Format::new().set_text_wrap().set_align(FormatAlign::Top).set_indent(1)
}

/// One line that may go on over empty cells.
pub(super) fn sentence() -> Format {
    Format::new().set_align(FormatAlign::Top).set_indent(1)
}

pub(super) fn number() -> Format {
    Format::new().set_num_format("#,##0").set_align(FormatAlign::Top)
}

pub(super) fn warning() -> Format {
    Format::new().set_bold().set_font_color(Color::White).set_background_color(Color::RGB(0x8A_1C_1C))
}

pub(super) fn tint(tone: Tone) -> Format {
    let (font, fill) = colours(tone);
    Format::new().set_font_color(Color::RGB(font)).set_background_color(Color::RGB(fill))
}

/// Font and fill, told apart without red and green too.
pub(super) const fn colours(tone: Tone) -> (u32, u32) {
    match tone {
        Tone::Bad => (0x8A_1C_1C, 0xF9_D6_D5),
        Tone::Warning => (0x7A_4B_00, 0xFD_EB_C8),
        Tone::Question => (0x4A_2A_7B, 0xE6_DD_F5),
        Tone::Neutral => (0x40_40_40, 0xEC_EC_EC),
        Tone::Good => (0x0B_4F_4A, 0xD3_EE_EA),
    }
}

/// Landscape, one page wide, with the sheet, the run and the page below.
pub(super) fn print_setup(worksheet: &mut Worksheet, input: &Input<'_>) {
    // A run that was never closed has words in place of a hash.
    let run = input.facts_sha256.split_once(':').map_or(input.facts_sha256, |(word, _)| word);
    let run: String = run.chars().take(12).collect();
    let simulated = if input.simulated { "SIMULATED " } else { "" };
    worksheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
    worksheet.set_footer(format!("&L&A&C{simulated}facts {run}&R&P / &N"));
}

/// Facts are not overtyped by mistake: there is no password, and what may be filled in is open. Filters and widths stay the reader's.
pub(super) fn lock(worksheet: &mut Worksheet) {
    worksheet.protect_with_options(&ProtectionOptions {
        use_autofilter: true,
        sort: true,
        format_columns: true,
        format_rows: true,
        ..ProtectionOptions::default()
    });
}

/// The colour of a sheet's tab: what is read first, what is to be done, the facts, and how they were come by.
pub(super) fn tab(name: &str) -> Color {
    match name {
        "Cover" | "Summary" | "Trend" | "Causes" | "Coverage matrix" => Color::RGB(0x2F_3B_4A),
        "Action list" | "Sign-off" => Color::RGB(0xB3_3A_36),
        "Data dictionary" | "Evidence" => Color::RGB(0xC4_CA_D0),
        _ => Color::RGB(0x2A_8C_82),
    }
}

/// Foreign text as a cell may hold it: what would act on the order or the sight of others is shown, not obeyed, and what
/// is longer than a cell says so. Line breaks and tabs stay: policies have them.
pub(super) fn cell_text(text: &str) -> Cow<'_, str> {
    let acting = |c: char| is_control_like(c) && !matches!(c, '\n' | '\t');
    if text.is_ascii() && !text.bytes().any(|byte| acting(char::from(byte))) || !text.chars().any(acting) {
        return cut(Cow::Borrowed(text));
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            // A line that ends with both is one line.
            '\r' if rest.peek() == Some(&'\n') => {}
            c if acting(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    cut(Cow::Owned(shown))
}

fn cut(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= CELL_MAX {
        return text;
    }
    let length = text.encode_utf16().count();
    if length <= CELL_MAX {
        return text;
    }
    let note = format!(" … [cut: {length} characters; whole in the CSV and the snapshot]");
    let mut room = CELL_MAX - note.encode_utf16().count();
    let kept: String = text
        .chars()
        .take_while(|c| {
            let fits = room >= c.len_utf16();
            room = room.saturating_sub(c.len_utf16());
            fits
        })
        .collect();
    Cow::Owned(kept + &note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_are_too_long_say_that_they_were_cut() {
        assert_eq!(cell_text(&"x".repeat(CELL_MAX)).chars().count(), CELL_MAX);
        let long = "é😀".repeat(20_000);
        let long = cell_text(&long);
        assert!(long.encode_utf16().count() <= CELL_MAX);
        assert!(long.ends_with("[cut: 60000 characters; whole in the CSV and the snapshot]"));
    }

    #[test]
    fn what_acts_on_sight_is_shown_and_lines_stay_lines() {
        assert_eq!(cell_text("a\u{202e}b\u{1b}[1m\r\n\tc日本"), "a\\u{202e}b\\u{1b}[1m\n\tc日本");
        assert_eq!(cell_text("plain"), "plain");
    }
}
