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
/// Rows in which the titles are looked for: people write above a table.
const TITLES_WITHIN: u32 = 20;
/// Columns that workbooks of before did not have.
const LATER: [&str; 2] = ["Ticket", "Expires"];

#[derive(Debug, thiserror::Error)]
pub enum CarryOverError {
    #[error("failed to read `{path}`")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("`{path}` is not a workbook")]
    NotAWorkbook { path: PathBuf, source: XlsxError },
    #[error("`{path}` has no sheet with the columns Account, Region and Repository and with columns for notes")]
    NoNotes { path: PathBuf },
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
    let mut found = false;
    // Incomplete, and not of our name: where there is a whole table of notes, another one is a table of one's own.
    let mut foreign = None;
    // Whatever a sheet is called now: what its titles say counts.
    for name in workbook.sheet_names() {
        let mut cells = match workbook.worksheet_cells_reader(&name) {
            // A chart on a sheet of its own, for one.
            Err(XlsxError::NotAWorksheet(_)) => continue,
            cells => cells.map_err(wrong)?,
        };
        let mut sheet = SheetReader::default();
        while let Some(cell) = cells.next_cell().map_err(wrong)? {
            let (row, column) = cell.get_position();
            sheet.cell(row, column, cell.get_value());
            if sheet.holds_no_notes() {
                break;
            }
        }
        let (titles, notes, without_place) = sheet.finish();
        let is_ours = [ACTIONS, APART].iter().any(|ours| name == *ours || name.starts_with(&format!("{ours} (")));
        if let Some(column) = titles.missing(is_ours, name.starts_with(ACTIONS)) {
            let error = CarryOverError::NoColumn { path: path.to_owned(), sheet: name, column };
            if is_ours {
                return Err(error);
            }
            foreign.get_or_insert(error);
            continue;
        }
        found |= titles.holds_notes();
        carried.without_place += without_place;
        for (key, notes) in notes {
            carried.add(key, notes);
        }
    }
    if found { Ok(()) } else { Err(foreign.unwrap_or_else(|| CarryOverError::NoNotes { path: path.to_owned() })) }
}

/// The columns of a sheet. People move them: they are known by their titles.
#[derive(Default)]
struct Titles {
    key: [Option<u32>; KEY.len()],
    arn: Option<u32>,
    diagnosis: Option<u32>,
    notes: [Option<u32>; NOTE_COLUMNS.len()],
}

impl Titles {
    fn add(&mut self, column: u32, title: &str) {
        let of_key = self.key.iter_mut().zip(KEY);
        let others = [(&mut self.arn, ARN), (&mut self.diagnosis, DIAGNOSIS)];
        let of_notes = self.notes.iter_mut().zip(NOTE_COLUMNS.iter().map(|column| column.title));
        for (place, wanted) in of_key.chain(others).chain(of_notes) {
            if title == wanted {
                *place = Some(column);
            }
        }
    }

    fn has_key(&self) -> bool {
        self.key.iter().all(Option::is_some) || self.arn.is_some()
    }

    /// One title may be a word that a table of one's own has too.
    fn has_notes(&self) -> bool {
        self.notes.iter().flatten().count() > 1
    }

    /// A table of notes on repositories.
    fn holds_notes(&self) -> bool {
        self.has_key() && self.has_notes()
    }

    /// A column without which notes would be lost silently. `is_ours`: the sheet has the name of one that is made for notes. `has_all`: it was
    /// made with every column.
    fn missing(&self, is_ours: bool, has_all: bool) -> Option<&'static str> {
        if !self.has_key() {
            let first = || self.key.iter().zip(KEY).find(|(place, _)| place.is_none()).map(|(_, title)| title);
            return if is_ours { first() } else { None };
        }
        if !is_ours && !self.has_notes() {
            return None;
        }
        let needed = |title: &str| has_all || !LATER.contains(&title);
        let columns = self.notes.iter().zip(NOTE_COLUMNS);
        columns.filter(|(_, note)| needed(note.title)).find(|(place, _)| place.is_none()).map(|(_, note)| note.title)
    }
}

/// A sheet as its cells come, row by row: first its titles, then what each row holds.
#[derive(Default)]
struct SheetReader {
    titles: Titles,
    /// The row of the titles was read.
    titled: bool,
    row: u32,
    here: Here,
    done: Vec<(NoteKey, RowNotes)>,
    without_place: usize,
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
        if row != self.row {
            self.end_row();
            self.row = row;
        }
        if !self.titled {
            self.titles.add(column, text(value).trim());
            return;
        }
        let is = |place: Option<u32>| place == Some(column);
        for (place, part) in self.titles.key.iter().zip(&mut self.here.key) {
            if is(*place) {
                *part = text(value);
            }
        }
        if is(self.titles.arn) {
            self.here.arn = text(value);
        }
        if is(self.titles.diagnosis) {
            self.here.diagnosis = text(value);
        }
        for (at, (place, kind)) in self.titles.notes.iter().zip(NOTE_COLUMNS).enumerate() {
            if is(*place) {
                self.here.notes.resize(NOTE_COLUMNS.len(), Note::Empty);
                if let Some(slot) = self.here.notes.get_mut(at) {
                    *slot = note(value, kind.is_date);
                }
            }
        }
    }

    fn end_row(&mut self) {
        if !self.titled {
            self.titled = self.titles.has_key() || self.titles.has_notes();
            if !self.titled {
                self.titles = Titles::default();
            }
            return;
        }
        let here = std::mem::take(&mut self.here);
        if self.titles.holds_notes() && here.notes.iter().any(|note| *note != Note::Empty) {
            match here.key() {
                Some(key) => self.done.push((key, RowNotes { notes: here.notes, diagnosis: here.diagnosis })),
                None => self.without_place += 1,
            }
        }
    }

    /// Whether the rest of the sheet need not be read.
    fn holds_no_notes(&self) -> bool {
        if self.titled { !self.titles.holds_notes() } else { self.row >= TITLES_WITHIN }
    }

    fn finish(mut self) -> (Titles, Vec<(NoteKey, RowNotes)>, usize) {
        self.end_row();
        (self.titles, self.done, self.without_place)
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
