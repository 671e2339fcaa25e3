//! What auditors write beside the rows of a workbook, and how it comes into the next one: by the repository's ARN.

use std::collections::BTreeMap;
use std::io::{BufReader, Cursor};
use std::path::{Path, PathBuf};

use calamine::{Data, DataRef, Reader, Xlsx, XlsxError};

use super::sheet::{Note, NoteColumn};
use super::style::cell_text;

#[rustfmt::skip]
pub(crate) const NOTE_COLUMNS: &[NoteColumn] = &[
    NoteColumn { title: "Owner", width: 24, meaning: "yours to fill: who answers for it; `report --carry-over` brings it into the next workbook", is_date: false },
    NoteColumn { title: "Decision", width: 18, meaning: "yours to fill: what was decided", is_date: false },
    NoteColumn { title: "Justification", width: 44, meaning: "yours to fill: why", is_date: false },
    NoteColumn { title: "Due", width: 12, meaning: "yours to fill: until when", is_date: true },
    NoteColumn { title: "Reviewed by", width: 24, meaning: "yours to fill: who has seen it", is_date: false },
];

/// The column that tells which repository a row is of.
const KEY: &str = "Repository ARN";
/// Sheets that may hold notes: the repositories, and what was carried over before and found no row.
const SHEETS: [&str; 2] = ["Repositories", UNMATCHED];
/// Notes whose repository is not in this audit.
pub(super) const UNMATCHED: &str = "Notes carried over";

#[derive(Debug, thiserror::Error)]
pub enum CarryOverError {
    #[error("failed to read `{path}`")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("`{path}` is not a workbook")]
    NotAWorkbook { path: PathBuf, source: XlsxError },
    #[error("`{path}` has no sheet `Repositories` with a column `Repository ARN`")]
    NoRepositories { path: PathBuf },
    #[error("`{path}` has no column `{column}` in its sheet `{sheet}`")]
    NoColumn { path: PathBuf, sheet: String, column: &'static str },
}

/// Notes by the ARN of their repository, as a cell shows it.
#[derive(Debug, Clone, Default)]
pub struct CarriedNotes {
    notes: BTreeMap<String, Vec<Note>>,
}

impl CarriedNotes {
    /// The notes of earlier workbooks. Where two say different things in one column of a repository, both stand there.
    pub fn read(paths: &[PathBuf]) -> Result<Self, CarryOverError> {
        let mut carried = Self::default();
        for path in paths {
            carried.add(path)?;
        }
        Ok(carried)
    }

    fn add(&mut self, path: &Path) -> Result<(), CarryOverError> {
        let wrong = |source| CarryOverError::NotAWorkbook { path: path.to_owned(), source };
        let bytes = fs_err::read(path).map_err(|source| CarryOverError::Read { path: path.to_owned(), source })?;
        let mut workbook: Xlsx<_> = Xlsx::new(BufReader::new(Cursor::new(bytes))).map_err(wrong)?;
        let wanted =
            |name: &String| SHEETS.iter().any(|sheet| name == sheet || name.starts_with(&format!("{sheet} (")));
        let names: Vec<String> = workbook.sheet_names().into_iter().filter(wanted).collect();
        let mut found = false;
        for name in names {
            let mut cells = workbook.worksheet_cells_reader(&name).map_err(wrong)?;
            let mut sheet = SheetReader::default();
            while let Some(cell) = cells.next_cell().map_err(wrong)? {
                let (row, column) = cell.get_position();
                sheet.cell(row, column, cell.get_value());
            }
            if sheet.has_key() {
                found = true;
                if let Some(column) = sheet.missing() {
                    return Err(CarryOverError::NoColumn { path: path.to_owned(), sheet: name, column });
                }
            }
            for (arn, notes) in sheet.finish() {
                merge(self.notes.entry(arn).or_default(), notes);
            }
        }
        if found { Ok(()) } else { Err(CarryOverError::NoRepositories { path: path.to_owned() }) }
    }

    pub(super) fn of(&self, repository_arn: &str) -> Option<&[Note]> {
        self.notes.get(&*cell_text(repository_arn)).map(Vec::as_slice)
    }

    /// All that are not of one of these repositories.
    pub(super) fn without(&self, seen: &std::collections::BTreeSet<String>) -> Vec<(&String, &Vec<Note>)> {
        self.notes.iter().filter(|(arn, _)| !seen.contains(*arn)).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// How many repositories have notes.
    pub fn len(&self) -> usize {
        self.notes.len()
    }

    pub(super) fn holds(&self, repository_arn: &str) -> bool {
        self.of(repository_arn).is_some()
    }
}

/// A sheet as its cells come, row by row: what the header says, then what each row holds.
#[derive(Default)]
struct SheetReader {
    key: Option<u32>,
    notes: [Option<u32>; NOTE_COLUMNS.len()],
    row: u32,
    arn: String,
    found: Vec<Note>,
    done: BTreeMap<String, Vec<Note>>,
}

impl SheetReader {
    fn cell(&mut self, row: u32, column: u32, value: &DataRef<'_>) {
        if row == 0 {
            let title = text(value);
            if title == KEY {
                self.key = Some(column);
            }
            // An auditor may have moved columns: they are known by their titles.
            for (place, note) in self.notes.iter_mut().zip(NOTE_COLUMNS) {
                if note.title == title {
                    *place = Some(column);
                }
            }
            return;
        }
        if row != self.row {
            self.flush();
            self.row = row;
        }
        if self.key == Some(column) {
            self.arn = text(value);
        }
        for (at, (place, kind)) in self.notes.iter().zip(NOTE_COLUMNS).enumerate() {
            if *place == Some(column) {
                self.found.resize(NOTE_COLUMNS.len(), Note::Empty);
                if let Some(slot) = self.found.get_mut(at) {
                    *slot = note(value, kind.is_date);
                }
            }
        }
    }

    fn flush(&mut self) {
        let (arn, found) = (std::mem::take(&mut self.arn), std::mem::take(&mut self.found));
        if !arn.is_empty() && found.iter().any(|note| *note != Note::Empty) {
            merge(self.done.entry(arn).or_default(), found);
        }
    }

    /// A column of notes that the header lacks: notes in a renamed column would be lost silently.
    fn missing(&self) -> Option<&'static str> {
        self.notes.iter().zip(NOTE_COLUMNS).find(|(place, _)| place.is_none()).map(|(_, note)| note.title)
    }

    fn has_key(&self) -> bool {
        self.key.is_some()
    }

    fn finish(mut self) -> BTreeMap<String, Vec<Note>> {
        self.flush();
        self.done
    }
}

/// Merges notes column by column: a note never replaces a different one.
fn merge(into: &mut Vec<Note>, notes: Vec<Note>) {
    into.resize(NOTE_COLUMNS.len(), Note::Empty);
    for (old, new) in into.iter_mut().zip(notes) {
        *old = match (std::mem::replace(old, Note::Empty), new) {
            (old, Note::Empty) => old,
            (Note::Empty, new) => new,
            (old, new) if old == new => old,
            (old, new) => Note::Text(format!("{} | {}", shown(&old), shown(&new))),
        };
    }
}

fn shown(note: &Note) -> String {
    match note {
        Note::Empty => String::new(),
        Note::Text(text) => text.clone(),
        Note::Number(number) => number.to_string(),
        Note::Date(days) => day(*days).map_or_else(|| days.to_string(), |day| day.to_string()),
        Note::Yes(yes) => yes.to_string(),
    }
}

/// Excel counts days from the end of 1899.
fn day(days: f64) -> Option<jiff::civil::Date> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the time of day is not wanted, and a day out of range is none"
    )]
    let span = jiff::Span::new().try_days(days as i64).ok()?;
    jiff::civil::date(1899, 12, 30).checked_add(span).ok()
}

fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Empty => String::new(),
        other => Data::from(other.clone()).to_string(),
    }
}

fn note(value: &DataRef<'_>, is_date: bool) -> Note {
    match value {
        DataRef::Int(number) => Note::Number(*number as f64),
        // Whatever format the cell had: a number in a column of dates is one.
        DataRef::Float(number) if is_date => Note::Date(*number),
        DataRef::Float(number) => Note::Number(*number),
        DataRef::DateTime(time) => Note::Date(time.as_f64()),
        DataRef::Bool(yes) => Note::Yes(*yes),
        DataRef::Empty => Note::Empty,
        other => match text(other) {
            text if text.trim().is_empty() => Note::Empty,
            text => Note::Text(text),
        },
    }
}
