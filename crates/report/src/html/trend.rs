//! The trend as lines and tables. An audit that did not read everything is a range between what is known and what may be, never a point.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

use scangap_model::{DIAGNOSES, count, sanitize, thousands};

use super::tone::tone;
use crate::trend::{Trend, TrendRow, tenths};

/// Organizational units that the page shows; all are in trend.csv.
const UNITS_MAX: usize = 60;

pub(super) struct TrendView {
    pub(super) note: String,
    pub(super) charts: Vec<Chart>,
    pub(super) audits: Vec<AuditRow>,
    pub(super) dates: Vec<String>,
    pub(super) units: Vec<UnitRow>,
    pub(super) units_note: String,
}

/// A line for each series; where the ends of a range differ, the range.
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) size: Size,
    /// Height and words of each line of the grid.
    pub(super) grid: Vec<(i64, String)>,
    /// Place and date of each audit.
    pub(super) dates: Vec<(i64, String)>,
    pub(super) lines: Vec<Line>,
}

pub(super) struct Line {
    pub(super) tone: &'static str,
    pub(super) name: String,
    /// The height of its name at the right end.
    pub(super) name_at: i64,
    /// What lies between the least and the most.
    pub(super) band: String,
    pub(super) least: String,
    /// Of audits that read everything.
    pub(super) points: Vec<(i64, i64, String)>,
    /// Of the others: place, the two ends, and words.
    pub(super) ranges: Vec<(i64, i64, i64, String)>,
}

pub(super) struct AuditRow {
    pub(super) date: String,
    pub(super) is_complete: bool,
    pub(super) share: String,
    pub(super) covered: String,
    pub(super) to_act_on: String,
    pub(super) changes: Option<[String; 5]>,
    pub(super) repaired: String,
    pub(super) open_since: String,
}

pub(super) struct UnitRow {
    pub(super) name: String,
    pub(super) line: Chart,
    /// A share for each audit; empty where the unit was not there, or nothing was to be scanned.
    pub(super) shares: Vec<String>,
    pub(super) to_act_on: String,
    pub(super) since_before: String,
}

/// A chart's area, and its room for words, in its own units.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) width: i64,
    pub(super) height: i64,
    left: i64,
    right: i64,
    top: i64,
    bottom: i64,
}

const LARGE: Size = Size { width: 760, height: 260, left: 52, right: 150, top: 14, bottom: 30 };
const SMALL: Size = Size { width: 120, height: 28, left: 4, right: 4, top: 4, bottom: 4 };

impl Size {
    /// The place of an audit: as far apart as their times are.
    fn across(self, row: &TrendRow, all: &[&TrendRow]) -> i64 {
        let seconds = |row: &TrendRow| row.as_of.as_second();
        let (first, last) = (all.first().map_or(0, |row| seconds(row)), all.last().map_or(0, |row| seconds(row)));
        let room = self.width - self.left - self.right;
        self.left + (seconds(row) - first) * room / (last - first).max(1)
    }

    pub(super) fn bottom_line(&self) -> i64 {
        self.height - self.bottom
    }

    pub(super) fn left_end(&self) -> i64 {
        self.left
    }

    pub(super) fn right_end(&self) -> i64 {
        self.width - self.right
    }

    fn up(self, value: usize, top: usize) -> i64 {
        let room = self.height - self.top - self.bottom;
        let value = i64::try_from(value.min(top)).unwrap_or(0);
        self.bottom_line() - value * room / i64::try_from(top).unwrap_or(1).max(1)
    }
}

/// Two numbers of an audit, the least and the most that is known. `None`: there is nothing to count.
type Bounds<'b> = &'b dyn Fn(&TrendRow) -> Option<(usize, usize)>;

fn line(
    size: Size,
    all: &[&TrendRow],
    name: &str,
    tone: &'static str,
    top: usize,
    of: Bounds<'_>,
    words: &dyn Fn(usize) -> String,
) -> Line {
    let mut line = Line {
        tone,
        name: name.to_owned(),
        name_at: 0,
        band: String::new(),
        least: String::new(),
        points: Vec::new(),
        ranges: Vec::new(),
    };
    let mut most = Vec::new();
    for row in all {
        let Some((low, high)) = of(row) else { continue };
        let (x, y, y_most) = (size.across(row, all), size.up(low, top), size.up(high, top));
        let _ = write!(line.least, "{x},{y} ");
        most.push((x, y_most));
        let date = row.date();
        if row.is_complete && low == high {
            line.points.push((x, y, format!("{date}: {}", words(low))));
        } else {
            let known = if low == high { words(low) } else { format!("{} to {}", words(low), words(high)) };
            line.ranges.push((x, y, y_most, format!("{date}: {known}, not everything was read")));
        }
        line.name_at = y;
    }
    line.band.clone_from(&line.least);
    for (x, y) in most.into_iter().rev() {
        let _ = write!(line.band, "{x},{y} ");
    }
    line
}

pub(super) fn view(trend: &Trend) -> TrendView {
    let whole: Vec<&TrendRow> = trend.rows.iter().filter(|row| row.ou.is_none()).collect();
    let dates: Vec<String> = whole.iter().map(|row| row.date()).collect();
    let partial = whole.iter().filter(|row| !row.is_complete).count();
    let read = match partial {
        0 => "Each read everything in its scope.".to_owned(),
        partial => format!(
            "{} of them did not read everything: a bar from what is known to be covered to what may be, with the repositories that the audit nearest in time listed there.",
            thousands(partial)
        ),
    };
    let mut units: BTreeMap<&String, Vec<&TrendRow>> = BTreeMap::new();
    for row in &trend.rows {
        if let Some(ou) = &row.ou {
            units.entry(ou).or_default().push(row);
        }
    }
    let number = units.len();
    let mut units: Vec<(&String, Vec<&TrendRow>)> = units.into_iter().collect();
    units.sort_by_key(|(name, rows)| (Reverse(rows.last().map(|row| row.to_act_on())), *name));
    let units_note = if number > UNITS_MAX {
        format!("The {UNITS_MAX} with most to do of {} are shown; all of them are in trend.csv.", thousands(number))
    } else {
        String::new()
    };
    TrendView {
        note: format!("{}. {read}", count(whole.len(), "audit")),
        charts: vec![shares(&whole), to_act_on(&whole)],
        audits: whole.iter().map(|row| audit(row)).collect(),
        units: units.into_iter().take(UNITS_MAX).map(|(name, rows)| unit(name, &rows, &whole)).collect(),
        dates,
        units_note,
    }
}

fn chart(size: Size, title: &str, all: &[&TrendRow], top: usize, words: &dyn Fn(usize) -> String) -> Chart {
    let mut dates: Vec<(i64, String)> = Vec::new();
    for row in all {
        let at = size.across(row, all);
        // Dates that would stand on each other are left out: all of them are in the table.
        if dates.last().is_none_or(|(before, _)| at - before > 76) {
            dates.push((at, row.date()));
        }
    }
    let grid = (0..=4).map(|quarter| top * quarter / 4).map(|value| (size.up(value, top), words(value))).collect();
    Chart { title: title.to_owned(), size, grid, dates, lines: Vec::new() }
}

fn shares(all: &[&TrendRow]) -> Chart {
    let words = |value: usize| format!("{} %", value / 10);
    let exact = |value: usize| format!("{} %", tenths(value));
    let mut chart = chart(LARGE, "Covered, of what is to be scanned", all, 1000, &words);
    chart.lines.push(line(LARGE, all, "covered", "good", 1000, &TrendRow::share, &exact));
    chart
}

/// All that needs action, and each of its diagnoses.
fn to_act_on(all: &[&TrendRow]) -> Chart {
    let at_most = |row: &TrendRow| row.to_act_on() + row.unknown();
    let top = round_up(all.iter().map(|row| at_most(row)).max().unwrap_or(0));
    let mut chart = chart(LARGE, "Repositories that need action", all, top, &thousands);
    let sum = |row: &TrendRow| Some((row.to_act_on(), at_most(row)));
    chart.lines.push(line(LARGE, all, "needs action", "ink", top, &sum, &thousands));
    for info in DIAGNOSES.iter().filter(|info| info.fails_any) {
        let of = |row: &TrendRow| row.diagnoses.get(&info.diagnosis).copied().unwrap_or(0);
        if all.iter().any(|row| of(row) > 0) {
            // What is not known is part of the sum alone.
            let known = |row: &TrendRow| Some((of(row), of(row)));
            chart.lines.push(line(LARGE, all, info.title, tone(info.tone), top, &known, &thousands));
        }
    }
    apart(&mut chart.lines);
    chart
}

/// Names at the right end, each below the one above.
fn apart(lines: &mut [Line]) {
    let mut places: Vec<&mut i64> = lines.iter_mut().map(|line| &mut line.name_at).collect();
    places.sort_by_key(|at| **at);
    let mut lowest = i64::MIN;
    for at in places {
        *at = (*at).max(lowest + 14);
        lowest = *at;
    }
}

/// A number that the eye can divide by four.
fn round_up(number: usize) -> usize {
    let mut step = 4;
    while step * 10 < number {
        step *= 10;
    }
    number.div_ceil(step).max(1) * step
}

fn audit(row: &TrendRow) -> AuditRow {
    AuditRow {
        date: row.date(),
        is_complete: row.is_complete,
        share: row.share_in_words(),
        covered: format!("{} of {}", thousands(row.covered()), thousands(row.to_scan())),
        to_act_on: thousands(row.to_act_on()),
        changes: row.balance.map(|balance| {
            [
                balance.new + balance.newly_known,
                balance.fixed,
                balance.carried,
                balance.lost_scanning,
                balance.gained_scanning,
            ]
            .map(thousands)
        }),
        repaired: match row.repaired_after_days {
            None => String::new(),
            Some((middle, longest)) => {
                format!("{}, after {} ({longest} at most)", thousands(row.repaired), days(middle))
            }
        },
        open_since: thousands(row.open_since),
    }
}

fn days(days: i64) -> String {
    count(usize::try_from(days).unwrap_or(0), "day")
}

fn unit(name: &str, rows: &[&TrendRow], all: &[&TrendRow]) -> UnitRow {
    let at = |of: &TrendRow| rows.iter().find(|row| row.as_of == of.as_of && row.facts_sha256 == of.facts_sha256);
    let mut small = Chart { title: String::new(), size: SMALL, grid: Vec::new(), dates: Vec::new(), lines: Vec::new() };
    let bounds = |row: &TrendRow| at(row).and_then(|row| row.share());
    small.lines.push(line(SMALL, all, "", "good", 1000, &bounds, &|value| format!("{} %", tenths(value))));
    let last = all.last().and_then(|last| at(last));
    let open: usize =
        rows.iter().filter(|row| last.is_none_or(|last| row.as_of < last.as_of)).map(|row| row.open_since).sum();
    UnitRow {
        name: if name.is_empty() { "(directly under the root)".to_owned() } else { sanitize(name) },
        line: small,
        shares: all.iter().map(|audit| at(audit).map_or_else(String::new, |row| row.share_in_words())).collect(),
        to_act_on: last.map_or_else(String::new, |row| thousands(row.to_act_on())),
        since_before: thousands(open),
    }
}
