//! What needs action, worst first: a row for each repository, with its cause, its repair and what people decided.

use std::io;
use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;
use scangap_model::{Diagnosis, sanitize};

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
    /// Its first cause.
    pub(crate) cause: String,
    pub(crate) cause_id: String,
    pub(crate) repair: String,
    pub(crate) notes: Option<&'a RowNotes>,
    /// The day that dates are compared with.
    pub(crate) today: Date,
}

impl ActionRow<'_> {
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

/// Whether a repository of this diagnosis is in the list: it needs action, or what was to be known of it needs somebody to let the
/// auditor in.
pub(crate) fn is_listed(diagnosis: Diagnosis) -> bool {
    diagnosis.info().fails_any || diagnosis == Diagnosis::Unreadable
}

/// How many rows there are.
pub(crate) fn count(input: &Input<'_>) -> usize {
    let counts = input.assessment.counts();
    counts.iter().filter(|(diagnosis, _)| is_listed(**diagnosis)).map(|(_, number)| number).sum()
}

/// Repositories that are read in one go.
const CHUNK: usize = 4096;

/// Gives the rows in their order, at most so many. Each diagnosis is one pass over those parts of the snapshot that have it: no row is
/// held.
pub(crate) fn visit<'m>(
    material: &'m ReportContext<'_>,
    at_most: usize,
    each: &mut dyn FnMut(&ActionRow<'m>) -> io::Result<()>,
) -> io::Result<()> {
    let mut number = 0;
    for (diagnosis, _) in material.input.assessment.counts().into_iter().filter(|(diagnosis, _)| is_listed(*diagnosis))
    {
        for places in chunks(&material.input, diagnosis) {
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

/// The parts of the snapshot that hold a repository of this diagnosis, each from its first to its last.
fn chunks(input: &Input<'_>, diagnosis: Diagnosis) -> Vec<Range<usize>> {
    let parts = input.assessment.repositories.chunks(CHUNK).zip((0..).step_by(CHUNK));
    let wanted = |one: &scangap_assess::RepositoryAssessment| one.diagnosis == diagnosis;
    parts
        .filter_map(|(part, start)| {
            let (first, last) = (part.iter().position(wanted)?, part.iter().rposition(wanted)?);
            Some(start + first..start + last + 1)
        })
        .collect()
}

impl<'m> ActionRow<'m> {
    pub(crate) fn of(material: &'m ReportContext<'_>, row: RepositoryRow<'m>, number: usize) -> Self {
        let first = row.assessment.causes().first();
        let met = [(row.assessment.diagnosis, 1)].into();
        let cause_row = first.and_then(|cause| material.causes.iter().find(|one| one.tally.cause.id == cause.id));
        let repository = &row.repository;
        let key = (repository.account, repository.region.clone(), repository.name.clone());
        Self {
            number,
            since: material.input.since(&key, row.assessment.diagnosis),
            cause: first.map_or_else(|| row.assessment.diagnosis.info().meaning.to_owned(), |cause| named(cause, &met)),
            cause_id: first.map(|cause| cause.id.to_string()).unwrap_or_default(),
            repair: cause_row.map_or_else(
                || sanitize(&next_step(&row)),
                |cause| sanitize(&cause.repair).replace("{account}", row.repository.account.as_str()),
            ),
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
    visit(material, usize::MAX, &mut |action| {
        if let Some(notes) = action.notes {
            seen.insert(note_key(&action.row.repository));
            counts.carried += 1;
            counts.expired += usize::from(action.is_expired());
            counts.overdue += usize::from(action.is_overdue());
            counts.of_another_diagnosis += usize::from(notes.are_of_another(action.row.assessment.diagnosis));
        }
        Ok(())
    })?;
    let apart: Vec<_> = carried.without(&seen).collect();
    counts.apart = apart.len();
    Ok((counts, apart))
}
