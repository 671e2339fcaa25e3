//! The sheet of all repositories, the worst first, and those of one diagnosis by themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use rust_xlsxwriter::Workbook;
use scangap_model::Diagnosis;

use super::cover::Part;
use super::sheet::{Link, LinkTo, Sheet};
use super::{POLICIES, repository_link};
use crate::columns::{REPOSITORIES, Repositories};
use crate::context::ReportContext;
use crate::input::{Input, RepositoryRow};
use crate::policies::PolicyKey;
use crate::policy_texts::PolicyTexts;

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

/// With the texts that are in the same workbook, rows lead to them and to the causes.
pub(super) fn write(
    workbook: &mut Workbook,
    material: &ReportContext<'_>,
    part: Part,
    texts: Option<&PolicyTexts<'_>>,
) -> io::Result<()> {
    let input = &material.input;
    let link: &Link<'_, Repositories> = &|row: &RepositoryRow<'_>, column| {
        let to_text = |key: Option<PolicyKey>| Some(LinkTo::Row { sheet: POLICIES, key: texts?.id(&key?)?.to_owned() });
        match column {
            "policy_sha256" => to_text(PolicyKey::own(row)),
            "registry_policy_sha256" => to_text(PolicyKey::registry(row)),
            "cause" => match row.assessment.causes() {
                [cause] if texts.is_some() => Some(LinkTo::Row { sheet: "Causes", key: cause.id.to_string() }),
                _ => None,
            },
            _ => repository_link(input, row, column),
        }
    };
    sheet(part.n_rows, link).write(workbook, input, worst_first(input, part)?)
}

/// The rows of a workbook by diagnosis, in the order of the snapshot within each.
fn worst_first<'m>(
    input: &Input<'m>,
    part: Part,
) -> io::Result<impl Iterator<Item = io::Result<RepositoryRow<'m>>> + use<'m>> {
    let input = *input;
    let places = part.first..part.first + part.n_rows;
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

/// The rows of one diagnosis by themselves.
pub(super) fn of_diagnosis(workbook: &mut Workbook, input: &Input<'_>, diagnosis: Diagnosis) -> io::Result<()> {
    let (name, columns) =
        if diagnosis == Diagnosis::Undecided { ("Undecided", UNDECIDED) } else { ("Unreadable", UNREADABLE) };
    let n_rows = input.assessment.repositories.iter().filter(|one| one.diagnosis == diagnosis).count();
    let link: &Link<'_, _> = &|row: &RepositoryRow<'_>, column| repository_link(input, row, column);
    let sheet = Sheet { link: Some(link), ..Sheet::new(name, REPOSITORIES, n_rows).only(columns) };
    sheet.write(workbook, input, input.repositories_where(|one| one.diagnosis == diagnosis))
}
