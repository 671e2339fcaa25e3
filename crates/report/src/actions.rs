//! What needs action, worst first: a row for each repository, with its cause, its repair and what people decided.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Seek, Write};
use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;
use scangap_model::{Diagnosis, sanitize};
use tempfile::SpooledTempFile;

use crate::causes::named;
use crate::columns::next_step;
use crate::context::ReportContext;
use crate::decisions::note_key;
use crate::input::{Input, RepositoryRow};
use crate::notes::{NoteCounts, NoteKey, RowNotes};

/// A repository that needs action.
#[derive(Debug, Clone)]
pub(crate) struct ActionRow<'a> {
    /// From 1, the worst first.
    pub(crate) number: usize,
    pub(crate) row: RepositoryRow<'a>,
    /// The first audit that showed it, as far as audits are known.
    pub(crate) since: Option<Timestamp>,
    /// Why, the first cause first. Where the diagnosis alone says it, that is one without an id.
    pub(crate) causes: Vec<ActionCause>,
    pub(crate) notes: Option<&'a RowNotes>,
    /// The day that dates are compared with.
    pub(crate) today: Date,
}

/// A cause as it is met in one repository.
#[derive(Debug, Clone)]
pub(crate) struct ActionCause {
    pub(crate) id: String,
    pub(crate) sentence: String,
    pub(crate) repair: String,
    /// The same without the creation templates, which may be others in another place.
    pub(crate) repair_of_policy: String,
    /// The creation templates that would write it again where the repository is.
    pub(crate) templates: Vec<String>,
}

impl ActionCause {
    /// Repaired by what the diagnosis says.
    fn of(id: String, sentence: String, row: &RepositoryRow<'_>) -> Self {
        let repair = sanitize(&next_step(row));
        Self { id, sentence, repair_of_policy: repair.clone(), repair, templates: Vec::new() }
    }
}

impl ActionRow<'_> {
    /// Its first cause.
    pub(crate) fn cause(&self) -> &str {
        self.causes.first().map_or("", |cause| &cause.sentence)
    }

    pub(crate) fn cause_id(&self) -> &str {
        self.causes.first().map_or("", |cause| &cause.id)
    }

    /// What repairs it: all of its causes, since one that is left is enough to keep it as it is.
    pub(crate) fn repair(&self) -> Cow<'_, str> {
        match self.causes.as_slice() {
            [] => Cow::Borrowed(""),
            [one] => Cow::Borrowed(&one.repair),
            all => {
                let all = all.iter().map(|cause| format!("{}: {}", cause.id, cause.repair));
                Cow::Owned(all.collect::<Vec<_>>().join("; "))
            }
        }
    }

    pub(crate) fn is_overdue(&self) -> bool {
        self.is_past("due")
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.is_past("expires")
    }

    fn is_past(&self, name: &str) -> bool {
        self.notes.and_then(|notes| notes.date(name)).is_some_and(|date| date < self.today)
    }
}

/// Whether a repository of this diagnosis is in the list: it needs action, or it could not be read, which needs a permission.
pub(crate) fn is_listed(diagnosis: Diagnosis) -> bool {
    diagnosis.info().fails_any || diagnosis == Diagnosis::Unreadable
}

/// How many rows there are.
pub(crate) fn count(input: &Input<'_>) -> usize {
    listed(input).map(|(_, number)| number).sum()
}

/// Rows that the sheet holds. All of them are in actions.csv.
pub(crate) const SHEET_ROWS_MAX: usize = 50_000;

/// Repositories that are read in one go.
const CHUNK: usize = 4096;

/// Gives the rows in their order, at most so many. Each diagnosis is one pass over those parts of the snapshot that have it: no row is
/// held. For a few rows; all of them are written by `write_all`.
pub(crate) fn visit<'m>(
    material: &'m ReportContext<'_>,
    at_most: usize,
    each: &mut dyn FnMut(&ActionRow<'m>) -> io::Result<()>,
) -> io::Result<()> {
    let mut number = 0;
    for (diagnosis, _) in listed(&material.input) {
        for places in chunks(&material.input, |one| one == diagnosis) {
            material.input.visit_repositories(places, |row| {
                if row.assessment.diagnosis == diagnosis && number < at_most {
                    number += 1;
                    each(&ActionRow::of(material, row.clone(), number))?;
                }
                Ok(())
            })?;
            if number == at_most {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Gives every row once, in the order of the snapshot, with its place in the list.
pub(crate) fn visit_unordered<'m>(
    material: &'m ReportContext<'_>,
    each: &mut dyn FnMut(&ActionRow<'m>) -> io::Result<()>,
) -> io::Result<()> {
    let mut before = 0;
    let mut next: BTreeMap<Diagnosis, usize> = BTreeMap::new();
    for (diagnosis, number) in listed(&material.input) {
        next.insert(diagnosis, before);
        before += number;
    }
    for places in chunks(&material.input, is_listed) {
        material.input.visit_repositories(places, |row| {
            let Some(number) = next.get_mut(&row.assessment.diagnosis) else { return Ok(()) };
            *number += 1;
            each(&ActionRow::of(material, row.clone(), *number))
        })?;
    }
    Ok(())
}

/// What of a diagnosis is held in memory before it goes to a file without a name.
const HELD: usize = 1 << 20;

/// Writes every row in its order, in one pass: what each diagnosis has is written beside the others and put one after the other.
pub(crate) fn write_all(
    material: &ReportContext<'_>,
    out: &mut dyn Write,
    each: &mut dyn FnMut(&ActionRow<'_>, &mut Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let mut parts: BTreeMap<Diagnosis, SpooledTempFile> = BTreeMap::new();
    let mut buffer = Vec::new();
    visit_unordered(material, &mut |action| {
        buffer.clear();
        each(action, &mut buffer)?;
        let part = parts.entry(action.row.assessment.diagnosis).or_insert_with(|| SpooledTempFile::new(HELD));
        part.write_all(&buffer)
    })?;
    for mut part in parts.into_values() {
        part.rewind()?;
        io::copy(&mut part, out)?;
    }
    Ok(())
}

/// The diagnoses of the list, the worst first, with how many repositories have each.
fn listed(input: &Input<'_>) -> impl Iterator<Item = (Diagnosis, usize)> + use<> {
    input.assessment.counts().into_iter().filter(|(diagnosis, _)| is_listed(*diagnosis))
}

/// The parts of the snapshot that hold a repository of such a diagnosis, each from its first to its last.
fn chunks(input: &Input<'_>, wanted: impl Fn(Diagnosis) -> bool) -> Vec<Range<usize>> {
    let parts = input.assessment.repositories.chunks(CHUNK).zip((0..).step_by(CHUNK));
    parts
        .filter_map(|(part, start)| {
            let first = part.iter().position(|one| wanted(one.diagnosis))?;
            let last = part.iter().rposition(|one| wanted(one.diagnosis))?;
            Some(start + first..start + last + 1)
        })
        .collect()
}

impl<'m> ActionRow<'m> {
    pub(crate) fn of(material: &'m ReportContext<'_>, row: RepositoryRow<'m>, number: usize) -> Self {
        let met = [(row.assessment.diagnosis, 1)].into();
        let repository = &row.repository;
        let mut causes: Vec<ActionCause> = row
            .assessment
            .causes()
            .iter()
            .map(|cause| {
                let (id, sentence) = (cause.id.to_string(), named(cause, &met));
                match material.cause(cause.id) {
                    Some(shared) => ActionCause {
                        repair: sanitize(&shared.repair_at(repository.account, &repository.region)),
                        repair_of_policy: sanitize(&shared.repair_of_policy(repository.account)),
                        templates: shared.templates_at(repository.account, &repository.region),
                        ..ActionCause::of(id, sentence, &row)
                    },
                    None => ActionCause::of(id, sentence, &row),
                }
            })
            .collect();
        if causes.is_empty() {
            let sentence = row.assessment.diagnosis.info().meaning.to_owned();
            causes.push(ActionCause::of(String::new(), sentence, &row));
        }
        let key = (repository.account, repository.region.clone(), repository.name.clone());
        Self {
            number,
            since: material.input.since(&key, row.assessment.diagnosis),
            causes,
            notes: material.notes().and_then(|notes| notes.of(&note_key(&row.repository))),
            today: material.input.today(),
            row,
        }
    }
}

/// What became of the notes of earlier workbooks, and those that stand apart.
pub(crate) fn notes<'m>(material: &'m ReportContext<'_>) -> io::Result<(NoteCounts, Vec<(&'m NoteKey, &'m RowNotes)>)> {
    let mut counts = NoteCounts::default();
    let Some(carried) = material.notes() else { return Ok((counts, Vec::new())) };
    let mut seen = std::collections::BTreeSet::new();
    visit_unordered(material, &mut |action| {
        if let Some(notes) = action.notes {
            // What the sheet does not hold keeps its notes in the other one.
            if action.number <= SHEET_ROWS_MAX {
                seen.insert(note_key(&action.row.repository));
            }
            counts.carried += 1;
            counts.expired += usize::from(action.is_expired());
            counts.overdue += usize::from(action.is_overdue());
            counts.of_another_diagnosis += usize::from(notes.are_of_another(action.row.assessment.diagnosis));
        }
        Ok(())
    })?;
    let apart: Vec<_> = carried.without(&seen).collect();
    counts.apart = apart.len();
    counts.without_place = carried.without_place;
    Ok((counts, apart))
}
