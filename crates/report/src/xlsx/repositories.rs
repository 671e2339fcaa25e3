//! The sheet of all repositories, the worst first, and those of one diagnosis by themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use rust_xlsxwriter::Workbook;
use scangap_model::Diagnosis;

use super::cover::Part;
use super::repository_link;
use super::sheet::{Link, Sheet};
use crate::columns::{REPOSITORIES, Repositories};
use crate::context::ReportContext;
use crate::input::{Input, RepositoryRow};
use crate::policies::PolicyKey;

/// What a repository is known by, and where it is: these columns stand first.
const FIRST: &[&str] = &[
    "diagnosis",
    "repository",
    "account_name",
    "account_id",
    "ou_path",
    "region",
    "cause",
    "responsible_statements",
    "next_step",
    "policy_verdict",
    "coverage_status",
    "coverage_reason",
];
/// Facts that few look at, and hashes: they stand last, in a group that is closed.
const GROUPED: &[&str] = &[
    "denied_actions",
    "inspector_ecr_status",
    "registry_scan_type",
    "scan_frequency",
    "policy_sha256",
    "registry_policy_sha256",
    "repository_arn",
    "listed",
    "created_at",
    "has_active_image",
    "coverage_rows",
    "simulated",
];
/// Diagnosis and repository.
const FROZEN: u16 = 2;

/// Rows that are held while they are put in order. Diagnoses that have more are read again, each in a pass of its own.
const HELD: usize = 20_000;

/// Where the repositories of a workbook stand in its sheet.
pub(super) struct Order {
    first: usize,
    rows: Vec<u32>,
}

impl Order {
    pub(super) fn of(input: &Input<'_>, part: Part) -> Self {
        let all = &input.assessment.repositories;
        let here = all.get(part.first..part.first + part.n_rows).unwrap_or_default();
        let mut places: Vec<u32> = (0..u32::try_from(here.len()).unwrap_or(u32::MAX)).collect();
        places.sort_by_key(|&at| (here.get(at as usize).map(|one| one.diagnosis), at));
        let mut rows = vec![0; here.len()];
        for (row, at) in (0..).zip(places) {
            if let Some(place) = rows.get_mut(at as usize) {
                *place = row;
            }
        }
        Self { first: part.first, rows }
    }

    /// Its row, counted as spreadsheets do, where this workbook has it.
    pub(super) fn row_of(&self, place: usize) -> Option<u32> {
        self.rows.get(place.checked_sub(self.first)?).map(|row| row + 2)
    }
}

/// The sheet with its columns in the order of people: what few look at is folded away.
pub(super) fn sheet<'s>(n_rows: usize, link: &'s Link<'s, Repositories>) -> Sheet<'s, Repositories> {
    let named = |names: &'static [&'static str]| {
        names.iter().filter_map(|name| REPOSITORIES.iter().find(|column| column.name == *name))
    };
    let others = REPOSITORIES.iter().filter(|column| !FIRST.contains(&column.name) && !GROUPED.contains(&column.name));
    let columns: Vec<_> = named(FIRST).chain(others).chain(named(GROUPED)).collect();
    let grouped = columns.len() - GROUPED.len();
    Sheet {
        columns,
        link: Some(link),
        frozen: Some(FROZEN),
        grouped: Some(grouped),
        printed: Some(FIRST.len()),
        ..Sheet::new("Repositories", REPOSITORIES, n_rows)
    }
}

pub(super) fn write(
    workbook: &mut Workbook,
    material: &ReportContext<'_>,
    part: Part,
    order: &Order,
) -> io::Result<()> {
    let input = &material.input;
    let link: &Link<'_, Repositories> = &|row: &RepositoryRow<'_>, column| {
        let key = match column {
            "policy_sha256" => PolicyKey::own(row),
            "registry_policy_sha256" => PolicyKey::registry(row),
            _ => None,
        };
        if let Some(at) = key.filter(|_| part.number == 1).and_then(|key| material.policy_place(&key)) {
            return Some(format!("internal:'Policies'!A{}", at + 2));
        }
        repository_link(input, row, column)
    };
    sheet(part.n_rows, link).write(workbook, input, worst_first(input, order)?)
}

/// The rows of a workbook by diagnosis, in the order of the snapshot within each.
fn worst_first<'m>(
    input: &Input<'m>,
    order: &Order,
) -> io::Result<impl Iterator<Item = io::Result<RepositoryRow<'m>>> + use<'m>> {
    let input = *input;
    let places = order.first..order.first + order.rows.len();
    let mut counts: BTreeMap<Diagnosis, usize> = BTreeMap::new();
    for one in input.assessment.repositories.get(places.clone()).unwrap_or_default() {
        *counts.entry(one.diagnosis).or_default() += 1;
    }
    let mut by_number: Vec<(usize, Diagnosis)> =
        counts.iter().map(|(diagnosis, number)| (*number, *diagnosis)).collect();
    by_number.sort_unstable();
    let mut room = HELD;
    let few: BTreeSet<Diagnosis> = by_number
        .into_iter()
        .take_while(|(number, _)| {
            let fits = *number <= room;
            room = room.saturating_sub(*number);
            fits
        })
        .map(|(_, diagnosis)| diagnosis)
        .collect();
    let mut held: BTreeMap<Diagnosis, Vec<RepositoryRow<'m>>> = BTreeMap::new();
    if !few.is_empty() {
        for row in input.repositories_at(places.clone()) {
            let row = row?;
            if few.contains(&row.assessment.diagnosis) {
                held.entry(row.assessment.diagnosis).or_default().push(row);
            }
        }
    }
    let of = move |diagnosis: Diagnosis| -> Box<dyn Iterator<Item = io::Result<RepositoryRow<'m>>> + 'm> {
        if let Some(rows) = held.remove(&diagnosis) {
            return Box::new(rows.into_iter().map(Ok));
        }
        let all = input.repositories_at(places.clone());
        Box::new(all.filter(move |row| row.as_ref().map_or(true, |row| row.assessment.diagnosis == diagnosis)))
    };
    Ok(counts.into_keys().flat_map(of))
}

const UNDECIDED: &[&str] = &[
    "account_id",
    "account_name",
    "ou_path",
    "region",
    "repository",
    "diagnosis",
    "cause",
    "depends_on",
    "responsible_statements",
    "coverage_status",
    "coverage_reason",
    "next_step",
    "repository_arn",
    "simulated",
];
const UNREADABLE: &[&str] = &[
    "account_id",
    "account_name",
    "ou_path",
    "region",
    "repository",
    "diagnosis",
    "cause",
    "likely_cause",
    "policy_verdict",
    "coverage_status",
    "coverage_reason",
    "next_step",
    "repository_arn",
    "simulated",
];

/// The rows of one diagnosis by themselves, each leading to its row among all.
pub(super) fn of_diagnosis(
    workbook: &mut Workbook,
    input: &Input<'_>,
    diagnosis: Diagnosis,
    order: &Order,
) -> io::Result<()> {
    let (name, columns) =
        if diagnosis == Diagnosis::Undecided { ("Undecided", UNDECIDED) } else { ("Unreadable", UNREADABLE) };
    let all = input.assessment.repositories.iter().enumerate();
    let places: Vec<usize> = all.filter(|(_, one)| one.diagnosis == diagnosis).map(|(at, _)| at).collect();
    // Rows come in the order of their places.
    let at = std::cell::Cell::new(0);
    let link: &Link<'_, _> = &|_: &RepositoryRow<'_>, column| {
        if column != "repository" {
            return None;
        }
        let place = places.get(at.replace(at.get() + 1))?;
        order.row_of(*place).map(|row| format!("internal:'Repositories'!A{row}"))
    };
    let sheet = Sheet { link: Some(link), ..Sheet::new(name, REPOSITORIES, places.len()).only(columns) };
    sheet.write(workbook, input, input.repositories_where(|one| one.diagnosis == diagnosis))
}
