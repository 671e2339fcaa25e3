//! What people wrote beside the rows of earlier workbooks, read back: by account, region and repository, whatever was sorted or moved.

use std::io::{BufReader, Cursor};
use std::path::{Path, PathBuf};

use calamine::{Data, DataRef, Reader, Xlsx, XlsxError};

use crate::notes::{CarriedNotes, NOTE_COLUMNS, Note, NoteKey, RowNotes};

/// The columns that tell which repository a row is of, and in workbooks of before the one that did.
const KEY: [&str; 3] = ["Account", "Region", "Repository"];
const ARN: &str = "Repository ARN";
const DIAGNOSIS: &str = "Diagnosis";

pub(super) const ACTIONS: &str = "Action list";
/// Notes whose repository needs no action now, or is not in this audit.
pub(super) const APART: &str = "Notes carried over";
/// Sheets that may hold notes. Workbooks of before had them beside the repositories.
const SHEETS: [&str; 3] = [ACTIONS, "Repositories", APART];
/// Columns that workbooks of before did not have.
const LATER: [&str; 2] = ["Ticket", "Expires"];

#[derive(Debug, thiserror::Error)]
pub enum CarryOverError {
    #[error("failed to read `{path}`")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("`{path}` is not a workbook")]
    NotAWorkbook { path: PathBuf, source: XlsxError },
    #[error("`{path}` has no sheet `Action list` or `Repositories` with the columns Account, Region and Repository")]
    NoRepositories { path: PathBuf },
    #[error("`{path}` has no column `{column}` in its sheet `{sheet}`")]
    NoColumn { path: PathBuf, sheet: String, column: &'static str },
}

/// The notes of earlier workbooks.
pub fn read_notes(paths: &[PathBuf]) -> Result<CarriedNotes, CarryOverError> {
    let mut carried = CarriedNotes::default();
    for path in paths {
        add(path, &mut carried)?;
    }
    Ok(carried)
}

fn add(path: &Path, carried: &mut CarriedNotes) -> Result<(), CarryOverError> {
    let wrong = |source| CarryOverError::NotAWorkbook { path: path.to_owned(), source };
    let bytes = fs_err::read(path).map_err(|source| CarryOverError::Read { path: path.to_owned(), source })?;
    let mut workbook: Xlsx<_> = Xlsx::new(BufReader::new(Cursor::new(bytes))).map_err(wrong)?;
    let wanted = |name: &String| SHEETS.iter().any(|sheet| name == sheet || name.starts_with(&format!("{sheet} (")));
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
            if let Some(column) = sheet.missing(name.starts_with(ACTIONS)) {
                return Err(CarryOverError::NoColumn { path: path.to_owned(), sheet: name, column });
            }
        }
        for (key, notes) in sheet.finish() {
            carried.add(key, notes);
        }
    }
    if found { Ok(()) } else { Err(CarryOverError::NoRepositories { path: path.to_owned() }) }
}

/// A sheet as its cells come, row by row: what the header says, then what each row holds.
#[derive(Default)]
struct SheetReader {
    key: [Option<u32>; KEY.len()],
    arn: Option<u32>,
    diagnosis: Option<u32>,
    notes: [Option<u32>; NOTE_COLUMNS.len()],
    row: u32,
    here: Here,
    done: Vec<(NoteKey, RowNotes)>,
}

/// What the row holds that is being read.
#[derive(Default)]
struct Here {
    key: [String; KEY.len()],
    arn: String,
    diagnosis: String,
    notes: Vec<Note>,
}

impl Here {
    /// By its columns, or by its ARN where they are not there.
    fn key(&self) -> Option<NoteKey> {
        let [account, region, name] = &self.key;
        if [account, region, name].iter().all(|part| !part.is_empty()) {
            return Some((account.clone(), region.clone(), name.clone()));
        }
        // arn:aws:ecr:eu-west-1:111122223333:repository/team/app
        let mut parts = self.arn.splitn(6, ':').skip(3);
        let (region, account, rest) = (parts.next()?, parts.next()?, parts.next()?);
        Some((account.to_owned(), region.to_owned(), rest.strip_prefix("repository/")?.to_owned()))
    }
}

impl SheetReader {
    fn cell(&mut self, row: u32, column: u32, value: &DataRef<'_>) {
        if row == 0 {
            self.title(column, &text(value));
            return;
        }
        if row != self.row {
            self.flush();
            self.row = row;
        }
        let is = |place: Option<u32>| place == Some(column);
        for (place, part) in self.key.iter().zip(&mut self.here.key) {
            if is(*place) {
                *part = text(value);
            }
        }
        if is(self.arn) {
            self.here.arn = text(value);
        }
        if is(self.diagnosis) {
            self.here.diagnosis = text(value);
        }
        for (at, (place, kind)) in self.notes.iter().zip(NOTE_COLUMNS).enumerate() {
            if is(*place) {
                self.here.notes.resize(NOTE_COLUMNS.len(), Note::Empty);
                if let Some(slot) = self.here.notes.get_mut(at) {
                    *slot = note(value, kind.is_date);
                }
            }
        }
    }

    /// People move columns: they are known by their titles.
    fn title(&mut self, column: u32, title: &str) {
        for (place, wanted) in self.key.iter_mut().zip(KEY) {
            if title == wanted {
                *place = Some(column);
            }
        }
        for (place, wanted) in [(&mut self.arn, ARN), (&mut self.diagnosis, DIAGNOSIS)] {
            if title == wanted {
                *place = Some(column);
            }
        }
        for (place, note) in self.notes.iter_mut().zip(NOTE_COLUMNS) {
            if note.title == title {
                *place = Some(column);
            }
        }
    }

    fn flush(&mut self) {
        let here = std::mem::take(&mut self.here);
        if here.notes.iter().any(|note| *note != Note::Empty)
            && let Some(key) = here.key()
        {
            self.done.push((key, RowNotes { notes: here.notes, diagnosis: here.diagnosis }));
        }
    }

    /// A column of notes that the header lacks: notes in a renamed column would be lost silently. A sheet without any is one that has
    /// none.
    fn missing(&self, has_all: bool) -> Option<&'static str> {
        if !has_all && self.notes.iter().all(Option::is_none) {
            return None;
        }
        let needed = |title: &str| has_all || !LATER.contains(&title);
        let columns = self.notes.iter().zip(NOTE_COLUMNS);
        columns.filter(|(_, note)| needed(note.title)).find(|(place, _)| place.is_none()).map(|(_, note)| note.title)
    }

    fn has_key(&self) -> bool {
        self.key.iter().all(Option::is_some) || self.arn.is_some()
    }

    fn finish(mut self) -> Vec<(NoteKey, RowNotes)> {
        self.flush();
        self.done
    }
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
