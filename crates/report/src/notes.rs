//! What people write into a workbook beside its rows, and how it finds its repository in the next report.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use scangap_model::{Diagnosis, thousands};

/// A column that people fill in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoteColumn {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) width: u16,
    pub(crate) meaning: &'static str,
    pub(crate) is_date: bool,
    /// The words to choose from; others can be written all the same.
    pub(crate) words: &'static [&'static str],
}

const fn note(name: &'static str, title: &'static str, width: u16, meaning: &'static str) -> NoteColumn {
    NoteColumn { name, title, width, meaning, is_date: false, words: &[] }
}

/// The decision that leaves a diagnosis as it is, for as long as `Expires` says.
pub(crate) const ACCEPT: &str = "accept";

pub(crate) const NOTE_COLUMNS: &[NoteColumn] = &[
    note(
        "owner",
        "Owner",
        13,
        "yours to fill: who answers for it; `report --carry-over` brings it into the next workbook",
    ),
    NoteColumn {
        words: &["fix", ACCEPT, "false positive", "transfer"],
        ..note(
            "decision",
            "Decision",
            12,
            "yours to fill: what was decided; `accept` with Expires and Justification counts as accepted until then",
        )
    },
    note("ticket", "Ticket", 11, "yours to fill: where it is worked on"),
    NoteColumn { is_date: true, ..note("due", "Due", 11, "yours to fill: until when it is to be done") },
    NoteColumn { is_date: true, ..note("expires", "Expires", 11, "yours to fill: until when the decision holds") },
    note("justification", "Justification", 18, "yours to fill: why"),
    note("reviewed_by", "Reviewed by", 12, "yours to fill: who has seen it"),
];

/// The value of a note's cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Note {
    Empty,
    Text(String),
    Number(f64),
    /// Days, as Excel counts them.
    Date(f64),
    Yes(bool),
}

impl Note {
    /// As a text; a date as `2026-12-31`.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Date(days) => day(*days).map_or_else(|| days.to_string(), |day| day.to_string()),
            Self::Yes(yes) => yes.to_string(),
        }
    }

    /// The day that it is, as a date or written as one.
    pub(crate) fn date(&self) -> Option<Date> {
        match self {
            Self::Date(days) => day(*days),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Empty | Self::Number(_) | Self::Yes(_) => None,
        }
    }
}

/// Excel counts days from the end of 1899.
fn day(days: f64) -> Option<Date> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the time of day is not wanted, and a day out of range is none"
    )]
    let span = jiff::Span::new().try_days(days as i64).ok()?;
    jiff::civil::date(1899, 12, 30).checked_add(span).ok()
}

/// A repository as a workbook names it: account, region and name, as cells show them.
pub(crate) type NoteKey = (String, String, String);

/// What was written about one repository.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowNotes {
    /// In the order of the columns.
    pub(crate) notes: Vec<Note>,
    /// What the workbook said of it then. Empty where it did not say.
    pub(crate) diagnosis: String,
}

/// In place of a diagnosis, where two workbooks decided about two.
const OF_SEVERAL: &str = "several diagnoses";

impl RowNotes {
    /// A decision that was made about another diagnosis is written as `accept (about stale)`, and read so.
    fn read_what_it_is_about(&mut self) {
        let text = self.shown("decision");
        let about = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (about "));
        if let Some((decision, diagnosis)) = about
            && let Some(place) = NOTE_COLUMNS.iter().position(|column| column.name == "decision")
            && let Some(note) = self.notes.get_mut(place)
        {
            *note = Note::Text(decision.to_owned());
            diagnosis.clone_into(&mut self.diagnosis);
        }
    }

    /// The notes as they stand beside a row of this diagnosis: what was decided about another says so, and decides nothing here.
    pub(crate) fn beside(&self, diagnosis: Diagnosis) -> Vec<Note> {
        let mut notes = self.notes.clone();
        let place = NOTE_COLUMNS.iter().position(|column| column.name == "decision");
        if self.are_of_another(diagnosis)
            && let Some(note) = place.and_then(|place| notes.get_mut(place))
            && *note != Note::Empty
        {
            *note = Note::Text(format!("{} (about {})", note.shown(), self.diagnosis));
        }
        notes
    }

    fn at(&self, name: &str) -> Option<&Note> {
        let place = NOTE_COLUMNS.iter().position(|column| column.name == name)?;
        self.notes.get(place)
    }

    pub(crate) fn shown(&self, name: &str) -> String {
        self.at(name).map(Note::shown).unwrap_or_default()
    }

    pub(crate) fn date(&self, name: &str) -> Option<Date> {
        self.at(name)?.date()
    }

    /// Whether they were written about another diagnosis.
    pub(crate) fn are_of_another(&self, diagnosis: Diagnosis) -> bool {
        !self.diagnosis.is_empty() && self.diagnosis != diagnosis.word()
    }
}

/// Notes by their repository.
#[derive(Debug, Clone, Default)]
pub struct CarriedNotes {
    notes: BTreeMap<NoteKey, RowNotes>,
    /// Rows with notes that name no repository.
    pub(crate) without_place: usize,
}

impl CarriedNotes {
    /// Adds notes. Where two say different things in one column of a repository, both stand there.
    pub(crate) fn add(&mut self, key: NoteKey, mut notes: RowNotes) {
        notes.read_what_it_is_about();
        let into = self.notes.entry(key).or_default();
        // A decision applies to the diagnosis in its own row, also where another workbook has notes on the repository.
        let decides = |notes: &RowNotes| !notes.shown("decision").is_empty();
        if into.diagnosis.is_empty() || decides(&notes) && !decides(into) {
            into.diagnosis.clone_from(&notes.diagnosis);
        } else if decides(&notes) && into.diagnosis != notes.diagnosis {
            // Two decisions about two diagnoses are none.
            OF_SEVERAL.clone_into(&mut into.diagnosis);
        }
        merge(&mut into.notes, notes.notes);
    }

    pub(crate) fn of(&self, key: &NoteKey) -> Option<&RowNotes> {
        self.notes.get(key)
    }

    /// All that are not of one of these repositories.
    pub(crate) fn without(&self, seen: &BTreeSet<NoteKey>) -> impl Iterator<Item = (&NoteKey, &RowNotes)> {
        self.notes.iter().filter(|(key, _)| !seen.contains(*key))
    }

    pub fn is_empty(&self) -> bool {
        self.notes.is_empty() && self.without_place == 0
    }

    /// How many repositories have notes.
    pub fn len(&self) -> usize {
        self.notes.len()
    }
}

/// Merges notes column by column: a note never replaces a different one.
fn merge(into: &mut Vec<Note>, notes: Vec<Note>) {
    into.resize(NOTE_COLUMNS.len(), Note::Empty);
    for (old, new) in into.iter_mut().zip(notes) {
        *old = match (std::mem::replace(old, Note::Empty), new) {
            (old, Note::Empty) => old,
            (Note::Empty, new) => new,
            // `accept` and `Accept`, or a date and the same day as a text, are one.
            (old, new) if old.shown().trim().to_lowercase() == new.shown().trim().to_lowercase() => old,
            (old, new) => Note::Text(format!("{} | {}", old.shown(), new.shown())),
        };
    }
}

/// What became of the notes of earlier workbooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoteCounts {
    pub carried: usize,
    /// Of these, those whose `Expires` is past.
    pub expired: usize,
    /// Of these, those whose `Due` is past.
    pub overdue: usize,
    /// Of these, those that were written about another diagnosis.
    pub of_another_diagnosis: usize,
    /// Notes on repositories that need no action now, or are not in this audit: they are kept in a sheet of their own.
    pub apart: usize,
    /// Rows with notes that name no repository: they are nowhere.
    pub without_place: usize,
}

impl NoteCounts {
    /// `796 carried, 12 expired, 5 whose diagnosis changed`. `None`: there are no notes.
    pub fn in_words(&self) -> Option<String> {
        let parts: Vec<String> = [
            (self.overdue, "overdue"),
            (self.expired, "expired"),
            (self.of_another_diagnosis, "whose diagnosis changed"),
            (self.apart, "on repositories that need no action now"),
            (self.without_place, "NOT carried: their rows name no repository"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, words)| format!(", {} {words}", thousands(number)))
        .collect();
        (self.carried + self.apart + self.without_place > 0)
            .then(|| format!("{} carried{}", thousands(self.carried), parts.concat()))
    }
}
