//! The counts, with charts: diagnoses over the organization, by OU, the worst accounts.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rust_xlsxwriter::{
    Chart, ChartFormat, ChartSolidFill, ChartType, Color, FormatAlign, Workbook, Worksheet, XlsxError,
};
use scangap_model::{AccountId, DIAGNOSES, Diagnosis, Observed, Tone};

use super::charts::Charts;
use super::style::{
    cell_text, column_title, heading, lock, number, over_numbers, print_setup, sentence, subheading, tab, tint,
    warning, wrapped,
};
use crate::causes::denied_by;
use crate::context::ReportContext;
use crate::listing::Unlisted;
use crate::summary::{Counts, Summary, Unit, WORST_ACCOUNTS, by_ou, worst_accounts};
use crate::trend::Trend;

/// OUs that are shown one by one; the cover of all is the table of diagnoses.
const OUS_MAX: usize = 40;

pub(super) fn write(workbook: &mut Workbook, material: &ReportContext<'_>) -> Result<(), XlsxError> {
    let worksheet = workbook.add_worksheet();
    let (input, summary) = (&material.input, &material.summary);
    worksheet.set_name("Summary")?;
    worksheet.set_column_width(0, 34)?;
    worksheet.set_column_width(1, 14)?;
    for index in MEANING..STEP + 2 {
        worksheet.set_column_width(index, 18)?;
    }
    worksheet.write_string_with_format(0, 0, "Summary", &heading())?;
    if input.simulated {
        worksheet.write_string_with_format(0, 1, "SIMULATED", &warning())?;
    }
    let covered = summary.covered_in_words().map(|words| format!("Covered: {words}."));
    let since = input.changes.map(|changes| format!("Since {:.0}: {}.", changes.since, changes.balance.in_words()));
    let not_read = summary.not_read_in_words().map(|words| format!("Not read: {words}."));
    let over_time = input.trend.and_then(Trend::in_words).map(|words| format!("{words}."));
    let decided = material.decided.in_words().into_iter().map(|line| format!("{line}."));
    let first: Vec<String> = [covered, since, over_time].into_iter().flatten().chain(decided).chain(not_read).collect();
    let first = first.join(" ");
    worksheet.merge_range(1, 0, 1, LAST_WRAPPED, &cell_text(&first), &wrapped())?;
    worksheet.set_row_height(1, lines(&first, ALL_CHARS))?;
    let mut charts = Charts::default();
    let mut at = diagnoses(worksheet, summary, &mut charts)?;
    at = causes(worksheet, material, at + 1)?;
    if let Some(trend) = input.trend {
        at = super::trend::on_summary(worksheet, trend, at + 1, &mut charts)?;
    }
    let second = at + 1;
    at = units(worksheet, material, second, &mut charts)?;
    at = accounts(worksheet, material, at + 1, &mut charts)?;
    at = reading(worksheet, summary, at + 1)?;
    let (breaks, end) = charts.place(worksheet, at + 2)?;
    worksheet.set_freeze_panes(3, 1)?;
    print_setup(worksheet, input);
    // The first page says how much of what, what changed, why, and what was not read; then come the tables, then the charts.
    let breaks: Vec<u32> = std::iter::once(second).chain(breaks).collect();
    worksheet.set_page_breaks(&breaks)?;
    worksheet.set_print_scale(PRINT_SCALE).set_margins(0.3, 0.3, 0.4, 0.5, 0.2, 0.3);
    worksheet.set_print_area(0, 0, end, LAST_PRINTED)?;
    worksheet.set_tab_color(tab("Summary"));
    lock(worksheet);
    Ok(())
}

/// Names for the counts, so that a reader's own sheets can refer to them: `Count_blocked`.
pub(super) fn define_names(workbook: &mut Workbook) -> Result<(), XlsxError> {
    for (info, row) in DIAGNOSES.iter().zip(FIRST_COUNT + 1..) {
        workbook.define_name(format!("Count_{}", info.word), &format!("=Summary!$B${row}"))?;
    }
    Ok(())
}

/// Sentences begin here and go on over the empty cells to their right; in the tables below these are columns of numbers.
const MEANING: u16 = 2;
const STEP: u16 = 6;
/// The last column on paper: what is said to the right of the tables goes on over empty cells.
const LAST_PRINTED: u16 = 13;
/// Wrapped text ends a little before.
const LAST_WRAPPED: u16 = 12;
/// A page of A4 in landscape is as wide as the columns; the smallest text has 7.7 points.
const PRINT_SCALE: u16 = 70;

/// Characters that a line holds, from the first column and from `STEP` to the last that is printed.
const ALL_CHARS: usize = 190;
const STEP_CHARS: usize = 85;

/// The height of wrapped text, in points.
fn lines(text: &str, chars: usize) -> f64 {
    15.0 * n(text.chars().count().div_ceil(chars).max(1))
}

fn titles(worksheet: &mut Worksheet, at: u32, titles: &[&str]) -> Result<(), XlsxError> {
    for (title, index) in titles.iter().zip(0u16..) {
        worksheet.write_string_with_format(at, index, *title, &column_title())?;
    }
    Ok(())
}

fn number_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn n(number: usize) -> f64 {
    number as f64
}

/// The row of the first diagnosis, from 0.
const FIRST_COUNT: u32 = 3;

/// The row after the table.
fn diagnoses(worksheet: &mut Worksheet, summary: &Summary, charts: &mut Charts) -> Result<u32, XlsxError> {
    titles(worksheet, 2, &["Diagnosis", "Repositories", "What it means", "", "", "", "What to do", "", "", "", ""])?;
    worksheet.write_string_with_format(2, 1, "Repositories", &over_numbers())?;
    let mut at = FIRST_COUNT;
    for info in DIAGNOSES {
        let count = summary.listed.get(&info.diagnosis).copied().unwrap_or(0);
        worksheet.write_url_with_format(
            at,
            0,
            rust_xlsxwriter::Url::new("internal:'Repositories'!A1").set_text(info.word),
            &tint(info.tone),
        )?;
        worksheet.write_number_with_format(at, 1, n(count), &number())?;
        let parts = [Some(summary.meaning(info)), summary.elsewhere(info.diagnosis)];
        let meaning = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
        worksheet.write_string_with_format(at, MEANING, meaning, &sentence())?;
        worksheet.write_string_with_format(at, STEP, info.next_step, &sentence())?;
        at += 1;
    }
    let mut chart = bars("Repositories by diagnosis");
    let points: Vec<_> = DIAGNOSES.iter().map(|info| point(info.tone)).collect();
    let series = chart.add_series();
    series
        .set_categories(("Summary", FIRST_COUNT, 0, at - 1, 0))
        .set_values(("Summary", FIRST_COUNT, 1, at - 1, 1))
        .set_points(&points);
    series.set_gap(40);
    charts.push(chart, 380);
    let apart = summary.unlisted_in_words().unwrap_or_else(|| "none: every list was read to its end".to_owned());
    for (title, value, meaning) in [
        ("All in lists that were read", summary.n_listed(), ""),
        ("In lists that were not", summary.unlisted.repositories, apart.as_str()),
    ] {
        worksheet.write_string_with_format(at, 0, title, &super::style::bold())?;
        worksheet.write_number_with_format(at, 1, n(value), &number())?;
        worksheet.write_string_with_format(at, MEANING, meaning, &sentence())?;
        at += 1;
    }
    Ok(at)
}

/// Causes that the summary names; all are in their sheet.
const CAUSES_MAX: usize = 10;

/// The row after the table.
fn causes(worksheet: &mut Worksheet, material: &ReportContext<'_>, at: u32) -> Result<u32, XlsxError> {
    worksheet.write_string_with_format(at, 0, "Causes", &subheading())?;
    worksheet.write_string(at, MEANING, denied_by(&material.input).unwrap_or_default())?;
    if material.causes.is_empty() {
        worksheet.write_string(at + 1, 0, "No repository that was read needs anything.")?;
        return Ok(at + 2);
    }
    titles(worksheet, at + 1, &["Cause", "Repositories", "What it is", "", "", "", "What repairs it", "", "", "", ""])?;
    worksheet.write_string_with_format(at + 1, 1, "Repositories", &over_numbers())?;
    let mut row = at + 2;
    for cause in material.causes.iter().take(CAUSES_MAX) {
        let tone = cause.tally.worst().map_or(Tone::Question, |diagnosis| diagnosis.info().tone);
        let to = rust_xlsxwriter::Url::new("internal:'Causes'!A1").set_text(cause.tally.cause.id.to_string());
        worksheet.write_url_with_format(row, 0, to, &tint(tone).set_align(FormatAlign::Top))?;
        worksheet.write_number_with_format(row, 1, n(cause.tally.repositories()), &number())?;
        worksheet.write_string_with_format(row, MEANING, cell_text(&cause.sentence()), &sentence())?;
        let repair = cause.repair();
        worksheet.merge_range(row, STEP, row, LAST_WRAPPED, &cell_text(&repair), &wrapped())?;
        worksheet.set_row_height(row, lines(&repair, STEP_CHARS))?;
        row += 1;
    }
    if material.causes.len() > CAUSES_MAX {
        let more = format!("and {} more in the sheet Causes", material.causes.len() - CAUSES_MAX);
        worksheet.write_string(row, 0, more)?;
        row += 1;
    }
    Ok(row)
}

fn bars(title: &str) -> Chart {
    let mut chart = Chart::new(ChartType::Bar);
    chart.title().set_name(title);
    chart.legend().set_hidden();
    // The first row of the table is at the top.
    chart.y_axis().set_reverse();
    chart.x_axis().set_major_gridlines(false);
    chart
}

/// Darker than the fill of a cell: a bar has no word in it.
const fn bar(tone: Tone) -> u32 {
    match tone {
        Tone::Bad => 0xB3_3A_36,
        Tone::Warning => 0xD9_8E_1F,
        Tone::Question => 0x7A_5A_B5,
        Tone::Neutral => 0x9A_A1_A9,
        Tone::Good => 0x2A_8C_82,
    }
}

fn point(tone: Tone) -> rust_xlsxwriter::ChartPoint {
    let fill = ChartSolidFill::new().set_color(Color::RGB(bar(tone))).clone();
    rust_xlsxwriter::ChartPoint::new().set_format(ChartFormat::new().set_solid_fill(&fill))
}

/// A title, how it is felt, and which diagnoses it counts.
type Group = (&'static str, Tone, fn(Diagnosis) -> bool);

/// Columns of the tables below: what has to be done, what is not known, what is neither, what is covered.
const GROUPS: &[Group] = &[
    ("Needs action", Tone::Bad, |diagnosis| diagnosis.info().fails_any),
    ("Not readable", Tone::Question, |diagnosis| diagnosis == Diagnosis::Unreadable),
    ("Off, not selected, empty, changing", Tone::Neutral, |diagnosis| {
        !diagnosis.info().fails_any && !matches!(diagnosis, Diagnosis::Unreadable | Diagnosis::Covered)
    }),
    ("Covered", Tone::Good, |diagnosis| diagnosis == Diagnosis::Covered),
];

fn in_group(counts: &BTreeMap<Diagnosis, usize>, holds: fn(Diagnosis) -> bool) -> usize {
    counts.iter().filter(|(diagnosis, _)| holds(**diagnosis)).map(|(_, number)| number).sum()
}

/// Where the four counts begin.
const COUNTS: u16 = 2;
/// The column after them: how many of all are of registries whose list was not read.
const LISTS_NOT_READ: u16 = 6;

fn units(
    worksheet: &mut Worksheet,
    material: &ReportContext<'_>,
    at: u32,
    charts: &mut Charts,
) -> Result<u32, XlsxError> {
    let units = by_ou(&material.input);
    worksheet.write_string_with_format(at, 0, "By organizational unit", &subheading())?;
    if units.len() > OUS_MAX {
        let note = format!("the {OUS_MAX} with most to do of {}; all are in repositories.csv", units.len());
        worksheet.write_string(at, 2, note)?;
    }
    let mut shown: Vec<_> = units.into_iter().collect();
    let to_do = |unit: &Unit| in_group(&unit.counts, |d| d.info().fails_any);
    shown.sort_by_key(|(name, unit)| (Reverse((to_do(unit), unit.accounts_with_gaps)), name.clone()));
    shown.truncate(OUS_MAX);
    let after = COUNTS + u16::try_from(GROUPS.len() + 1).unwrap_or(0);
    for ((title, count), index) in UNIT_ACCOUNTS.iter().zip(after..) {
        worksheet.write_string_with_format(at + 1, index, *title, &over_numbers())?;
        for ((_, unit), row) in shown.iter().zip(at + 2..) {
            worksheet.write_number_with_format(row, index, n(count(unit)), &number())?;
        }
    }
    let name = |path: String| if path.is_empty() { "(directly under the root)".to_owned() } else { path };
    let rows: Vec<_> = shown.into_iter().map(|(path, unit)| (name(path), unit.counts, unit.unlisted)).collect();
    counted(worksheet, at + 1, "OU", &rows, "Repositories by organizational unit", charts)
}

/// What only OUs have beside the counts of repositories.
type UnitCount = (&'static str, fn(&Unit) -> usize);
const UNIT_ACCOUNTS: [UnitCount; 2] =
    [("Accounts", |unit| unit.accounts), ("Accounts with gaps", |unit| unit.accounts_with_gaps)];

fn accounts(
    worksheet: &mut Worksheet,
    material: &ReportContext<'_>,
    at: u32,
    charts: &mut Charts,
) -> Result<u32, XlsxError> {
    worksheet.write_string_with_format(at, 0, "Accounts with most to do", &subheading())?;
    let worst = worst_accounts(&material.input);
    if worst.is_empty() {
        worksheet.write_string(at + 1, 0, "No repository that was read needs action.")?;
        return Ok(at + 2);
    }
    let name = |id: &AccountId| {
        let account = material.input.facts.accounts.get(id);
        match account.map(|account| &account.name) {
            Some(Observed::Known(name)) => format!("{name} ({id})"),
            Some(Observed::Absent | Observed::Unknown(_)) | None => id.to_string(),
        }
    };
    let names: Vec<_> =
        worst.into_iter().take(WORST_ACCOUNTS).map(|(id, (counts, unlisted))| (name(&id), counts, unlisted)).collect();
    counted(worksheet, at + 1, "Account", &names, "Accounts with most to do", charts)
}

/// A table of names with their four counts, and the same as stacked bars among the charts.
fn counted(
    worksheet: &mut Worksheet,
    at: u32,
    title: &str,
    rows: &[(String, Counts, Unlisted)],
    chart_title: &str,
    charts: &mut Charts,
) -> Result<u32, XlsxError> {
    titles(worksheet, at, &[title])?;
    worksheet.write_string_with_format(at, 1, "Repositories", &over_numbers())?;
    worksheet.set_row_height(at, 30)?;
    for ((group, ..), index) in GROUPS.iter().zip(COUNTS..) {
        worksheet.write_string_with_format(at, index, *group, &over_numbers())?;
    }
    worksheet.write_string_with_format(at, LISTS_NOT_READ, "Of these in lists not read", &over_numbers())?;
    let first = at + 1;
    let mut row = first;
    for (name, counts, unlisted) in rows {
        worksheet.write_string_with_format(row, 0, cell_text(name), &wrapped())?;
        worksheet.write_number_with_format(row, 1, n(counts.values().sum::<usize>()), &number())?;
        for ((_, _, holds), index) in GROUPS.iter().zip(COUNTS..) {
            worksheet.write_number_with_format(row, index, n(in_group(counts, *holds)), &number())?;
        }
        worksheet.write_number_with_format(row, LISTS_NOT_READ, n(unlisted.repositories), &number())?;
        row += 1;
    }
    if rows.is_empty() {
        worksheet.write_string(row, 0, "no repositories were read")?;
        return Ok(row + 1);
    }
    let last = row - 1;
    let mut chart = Chart::new(ChartType::BarStacked);
    chart.title().set_name(chart_title);
    chart.y_axis().set_reverse();
    chart.x_axis().set_major_gridlines(false);
    let series = GROUPS.iter().map(|(_, tone, _)| *tone).chain([Tone::Question]);
    for (tone, index) in series.zip(COUNTS..) {
        let fill = ChartSolidFill::new().set_color(Color::RGB(bar(tone))).clone();
        chart
            .add_series()
            .set_name(("Summary", at, index))
            .set_categories(("Summary", first, 0, last, 0))
            .set_values(("Summary", first, index, last, index))
            .set_format(ChartFormat::new().set_solid_fill(&fill))
            .set_gap(40);
    }
    let height = 130 + 26 * u32::try_from(rows.len()).unwrap_or(40);
    charts.push(chart, height.max(260));
    Ok(last + 1)
}

/// The row after the table.
fn reading(worksheet: &mut Worksheet, summary: &Summary, at: u32) -> Result<u32, XlsxError> {
    worksheet.write_string_with_format(at, 0, "What was read, and what was not", &subheading())?;
    let rows = [
        ("Accounts in scope", summary.accounts, "accounts of the organization that the audit was to read"),
        ("Accounts read", summary.accounts_read, "a role let the audit in, or they are the caller's own"),
        (
            "Accounts partly read",
            summary.accounts_partly,
            "some regions were not, or their lists broke off; see Accounts",
        ),
        ("Accounts skipped", summary.accounts_skipped, "their state makes AWS refuse every call"),
        ("Accounts not readable", summary.accounts_unreadable, "the role was refused; see Gaps"),
        ("Accounts not reached", summary.accounts_not_reached, "the audit was interrupted"),
        ("Registries", summary.registries.total(), "account x region"),
        ("Registries read", summary.registries.read, "repositories were listed, or there are none"),
        ("Registries not enabled", summary.registries.not_enabled, "the region is not enabled for the account"),
        ("Registries skipped", summary.registries.skipped, "their account was skipped"),
        ("Registries not readable", summary.registries.unreadable, "see Gaps"),
        ("Registries not reached", summary.registries.not_reached, "the audit was interrupted"),
        (
            "Registries denying",
            summary.registries_denying,
            "the registry policy denies Inspector a registry-level action",
        ),
        (
            "Templates denying",
            summary.templates_denying,
            "creation templates that would block Inspector on new repositories",
        ),
        (
            "Images scanned",
            number_of(summary.images.scanned),
            "image rows of Inspector's coverage; an index counts by its children",
        ),
        ("Images not scanned", number_of(summary.images.not_scanned), "see the column of reasons in Repositories"),
        (
            "Images in use, not scanned",
            number_of(summary.images.in_use_not_scanned),
            "where AWS states whether an image runs",
        ),
        (
            "Repositories whose images are unknown",
            number_of(summary.images.repositories_unknown),
            "the list of images broke off",
        ),
        ("Gaps", summary.gaps, "facts that were asked for and could not be learnt"),
    ];
    let after = at + 1 + u32::try_from(rows.len()).unwrap_or(0);
    for ((name, value, meaning), at) in rows.into_iter().zip(at + 1..) {
        worksheet.write_string_with_format(at, 0, name, &super::style::bold())?;
        worksheet.write_number_with_format(at, 1, n(value), &number())?;
        worksheet.write_string_with_format(at, MEANING, meaning, &sentence())?;
    }
    Ok(after)
}
