//! The workbook for auditors, and the smaller ones for owners and comparisons. Beyond a size that Excel opens with comfort
//! the repositories go on in further workbooks, which are written in parallel.

mod actions;
mod carry_over;
mod charts;
mod cover;
mod dictionary;
mod disk;
mod evidence;
mod matrix;
mod repositories;
mod sheet;
mod sign_off;
mod style;
mod summary;
mod trend;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook, XlsxError};
use scangap_model::{DIAGNOSES, Diagnosis, DiagnosisInfo, RegistryOutcome};

pub use self::carry_over::{CarryOverError, read_notes};
use self::cover::Part;
use self::sheet::{Link, LinkTo, Noted, Sheet};
use crate::actions::{ActionRow, SHEET_ROWS_MAX};
use crate::columns::{
    self, ACCOUNTS, APPLIED, AppliedView, CAUSES, CHANGES, GAPS, IMAGES, PLANNED, POLICY_TEXTS, PlanView, REGISTRIES,
    REPOSITORIES, Repositories, TableName, UNMATCHED,
};
use crate::context::ReportContext;
use crate::files::Fill;
use crate::input::{Input, RepositoryRow, RunEvidence};
use crate::links::repository_url;
use crate::notes::{NOTE_COLUMNS, NoteKey, RowNotes};
use crate::policies::PolicyKey;
use crate::policy_texts::{PolicyTextRow, PolicyTexts};
use crate::summary::Summary;

/// Repositories that one workbook holds: Excel opens it with comfort, and making its table takes some 80 MB.
const ROWS_PER_WORKBOOK: usize = 100_000;

/// The sheet of the policies' texts.
const POLICIES: &str = "Policies";

/// What a plan would destroy, and what it would not.
const RESYNC: &str = "Re-sync and losses";

/// What a workbook is made of beside the audit itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extras<'a> {
    pub(crate) run: &'a RunEvidence,
    /// Notes that belong to no row of the action list.
    pub(crate) apart: &'a [(&'a NoteKey, &'a RowNotes)],
    pub(crate) plan: Option<&'a PlanView>,
    pub(crate) applied: Option<&'a AppliedView>,
}

/// `audit.xlsx`, and `audit-2.xlsx` and on where one is not enough: each with its own repositories.
pub(crate) fn jobs<'a>(
    material: &'a ReportContext<'a>,
    extras: Extras<'a>,
    directory: &Path,
) -> Vec<(std::path::PathBuf, Fill<'a>)> {
    parts(material.summary.repositories, ROWS_PER_WORKBOOK)
        .into_iter()
        .map(|part| {
            let name = if part.number == 1 { "audit.xlsx".to_owned() } else { format!("audit-{}.xlsx", part.number) };
            let fill: Fill<'a> =
                Box::new(move |out| out.write_all(&disk::guarded(|| workbook(material, extras, part))?));
            (directory.join(name), fill)
        })
        .collect()
}

fn parts(n_rows: usize, at_most: usize) -> Vec<Part> {
    let of = n_rows.div_ceil(at_most).max(1);
    (0..of)
        .map(|at| Part { number: at + 1, of, first: at * at_most, n_rows: at_most.min(n_rows - at * at_most) })
        .collect()
}

/// A workbook of the changes alone.
pub(crate) fn write_changes(input: &Input<'_>, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&disk::guarded(|| changes_workbook(input))?)
}

fn changes_workbook(input: &Input<'_>) -> io::Result<Vec<u8>> {
    let mut workbook = created(input).map_err(io::Error::other)?;
    let whole = Part { number: 1, of: 1, first: 0, n_rows: 0 };
    cover::write(&mut workbook, input, &Summary::of(input), &["Changes"], whole).map_err(io::Error::other)?;
    let sheet = Sheet::new("Changes", CHANGES, input.changes().count());
    sheet.write(&mut workbook, input, input.changes().map(Ok))?;
    workbook.save_to_buffer().map_err(io::Error::other)
}

/// A workbook of the first repositories alone.
pub(crate) fn write_repositories(input: &Input<'_>, n_rows: usize, table: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut workbook = created(input).map_err(io::Error::other)?;
    let sheet = Sheet { plain: !table, ..Sheet::new("Repositories", REPOSITORIES, n_rows) };
    sheet.write(&mut workbook, input, input.repositories_at(0..n_rows))?;
    out.write_all(&workbook.save_to_buffer().map_err(io::Error::other)?)
}

/// Rows that can be asked for again.
pub(crate) type Again<'m, 'r> = dyn Fn() -> Box<dyn Iterator<Item = io::Result<RepositoryRow<'m>>> + 'r> + 'r;

/// A workbook of one owner's repositories, with the policies that deny Inspector, or may.
pub(crate) fn write_owner<'r>(
    material: &ReportContext<'_>,
    n_rows: usize,
    rows: &'r Again<'_, 'r>,
    out: &mut dyn Write,
) -> io::Result<()> {
    out.write_all(&disk::guarded(|| owner_workbook(material, n_rows, rows))?)
}

fn owner_workbook<'r>(material: &ReportContext<'_>, n_rows: usize, rows: &'r Again<'_, 'r>) -> io::Result<Vec<u8>> {
    let input = &material.input;
    let mut workbook = created(input).map_err(io::Error::other)?;
    let link: &Link<'_, Repositories> = &|row: &RepositoryRow<'_>, column| repository_link(input, row, column);
    let mut to_act_on = 0;
    for row in rows() {
        to_act_on += usize::from(crate::actions::is_listed(row?.assessment.diagnosis));
    }
    actions::write(&mut workbook, material, to_act_on.min(SHEET_ROWS_MAX), &mut |each| of_owner(material, rows, each))?;
    let sheet = repositories::sheet(n_rows, link);
    // The worst first: each diagnosis is one pass over what is theirs.
    let of = |info: &'static DiagnosisInfo| {
        rows().filter(move |row| row.as_ref().map_or(true, |row| row.assessment.diagnosis == info.diagnosis))
    };
    sheet.write(&mut workbook, input, DIAGNOSES.iter().flat_map(of))?;
    let mut mine = BTreeSet::new();
    for row in rows() {
        let row = row?;
        let keys = [PolicyKey::own(&row), PolicyKey::registry(&row)];
        mine.extend(keys.into_iter().flatten().filter_map(|key| material.policy_place(&key)));
    }
    let texts = PolicyTexts::of(material, mine.into_iter().filter_map(|at| material.policies.get(at)));
    policies(&mut workbook, material, &texts)?;
    workbook.save_to_buffer().map_err(io::Error::other)
}

/// The owner's rows of the action list, worst first: each diagnosis is one pass over what is theirs.
fn of_owner<'r>(
    material: &ReportContext<'_>,
    rows: &'r Again<'_, 'r>,
    each: &mut dyn FnMut(&ActionRow<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut number = 0;
    for info in DIAGNOSES.iter().filter(|info| crate::actions::is_listed(info.diagnosis)) {
        for row in rows() {
            let row = row?;
            if row.assessment.diagnosis == info.diagnosis && number < SHEET_ROWS_MAX {
                number += 1;
                each(&ActionRow::of(material, row, number))?;
            }
        }
    }
    Ok(())
}

/// An empty workbook with its properties.
fn created(input: &Input<'_>) -> Result<Workbook, XlsxError> {
    let mut workbook = Workbook::new();
    // Equal facts give equal bytes: the only clock in the file is the audit's own.
    let created = ExcelDateTime::from_timestamp(input.as_of.as_second())?;
    workbook.set_properties(
        &DocProperties::new()
            .set_title("scangap audit")
            .set_author("scangap")
            .set_subject(if input.simulated { "SIMULATED" } else { "" })
            .set_creation_datetime(&created),
    );
    Ok(workbook)
}

fn workbook(material: &ReportContext<'_>, extras: Extras<'_>, part: Part) -> io::Result<Vec<u8>> {
    let input = &material.input;
    let apart = if part.number == 1 { extras.apart } else { &[] };
    let mut sheets = vec!["Repositories"];
    if part.number == 1 {
        sheets.extend([
            "Summary",
            carry_over::ACTIONS,
            "Causes",
            "Coverage matrix",
            "Policies",
            "Undecided",
            "Unreadable",
            "Gaps",
            "Registries",
            "Accounts",
            "Data dictionary",
            "Evidence",
            sign_off::NAME,
        ]);
        sheets.extend(input.trend.map(|_| "Trend"));
        sheets.extend(input.changes.map(|_| "Changes"));
        sheets.extend(input.images.map(|_| "Images"));
        sheets.extend(extras.plan.map(|_| RESYNC));
        sheets.extend(extras.applied.map(|_| "Applied"));
        sheets.extend((!apart.is_empty()).then_some(carry_over::APART));
    }
    let mut workbook = created(input).map_err(io::Error::other)?;
    cover::write(&mut workbook, input, &material.summary, &sheets, part).map_err(io::Error::other)?;
    if part.number == 1 {
        summary::write(&mut workbook, material).map_err(io::Error::other)?;
        summary::define_names(&mut workbook).map_err(io::Error::other)?;
        let n_rows = actions::n_rows(material);
        actions::write(&mut workbook, material, n_rows, &mut |each| {
            crate::actions::visit(material, SHEET_ROWS_MAX, each)
        })?;
        let causes = Sheet { wrapped: Some(48.0), ..Sheet::new("Causes", CAUSES, material.causes.len()) };
        causes.write(&mut workbook, input, material.causes.iter().cloned().map(Ok))?;
        if let Some(trend) = input.trend {
            trend::write(&mut workbook, input, trend)?;
        }
        matrix::write(&mut workbook, material).map_err(io::Error::other)?;
    }
    // The sheets that rows lead to are in the first workbook alone.
    let texts = (part.number == 1).then(|| PolicyTexts::of(material, &material.policies));
    repositories::write(&mut workbook, material, part, texts.as_ref())?;
    if let Some(texts) = &texts {
        for table in columns::tables_of(input) {
            match table.name {
                TableName::Actions | TableName::Causes | TableName::Repositories | TableName::Trend => {}
                TableName::Policies => {
                    policies(&mut workbook, material, texts)?;
                    if let Some(plan) = extras.plan {
                        let rows = plan.sheet_rows();
                        let sheet = Sheet::new(RESYNC, PLANNED, rows.len());
                        sheet.write(&mut workbook, input, rows.into_iter().map(Ok))?;
                    }
                    if let Some(applied) = extras.applied {
                        let sheet = Sheet::new("Applied", APPLIED, applied.rows.len());
                        sheet.write(&mut workbook, input, applied.rows.iter().cloned().map(Ok))?;
                    }
                }
                TableName::Changes => {
                    let sheet = Sheet::new(table.sheet, CHANGES, input.changes().count());
                    sheet.write(&mut workbook, input, input.changes().map(Ok))?;
                }
                TableName::Images => {
                    let sheet = Sheet::new(table.sheet, IMAGES, input.n_images()?);
                    sheet.write(&mut workbook, input, input.image_rows())?;
                }
                TableName::Gaps => {
                    repositories::of_diagnosis(&mut workbook, input, Diagnosis::Undecided)?;
                    repositories::of_diagnosis(&mut workbook, input, Diagnosis::Unreadable)?;
                    let sheet = Sheet::new(table.sheet, GAPS, input.assessment.gaps.len());
                    sheet.write(&mut workbook, input, input.gaps().map(Ok))?;
                }
                TableName::Registries => {
                    // Where nothing could be there is no row: half of all regions are not enabled.
                    let listed = || input.registries().filter(|row| is_of_interest(&row.registry.outcome));
                    let sheet = Sheet::new(table.sheet, REGISTRIES, listed().count());
                    sheet.write(&mut workbook, input, listed().map(Ok))?;
                }
                TableName::Accounts => {
                    let sheet = Sheet::new(table.sheet, ACCOUNTS, input.facts.accounts.len());
                    sheet.write(&mut workbook, input, input.accounts().map(Ok))?;
                }
            }
        }
        if !apart.is_empty() {
            let noted: &Noted<'_, _> = &|(_, notes): &(&NoteKey, &RowNotes)| Some(notes.notes.clone());
            let sheet = Sheet {
                notes: NOTE_COLUMNS,
                noted: Some(noted),
                ..Sheet::new(carry_over::APART, UNMATCHED, apart.len())
            };
            sheet.write(&mut workbook, input, apart.iter().copied().map(Ok))?;
        }
        dictionary::write(&mut workbook, input)?;
        evidence::write(&mut workbook, input, extras.run)?;
        sign_off::write(&mut workbook, material).map_err(io::Error::other)?;
    }
    workbook.save_to_buffer().map_err(io::Error::other)
}

/// Whether a registry was read, or should have been.
fn is_of_interest(outcome: &RegistryOutcome) -> bool {
    !matches!(outcome, RegistryOutcome::NotEnabled | RegistryOutcome::Skipped { .. })
}

/// What the name of a repository leads to.
fn repository_link(input: &Input<'_>, row: &RepositoryRow<'_>, column: &str) -> Option<LinkTo> {
    repository_url(input, &row.repository).filter(|_| column == "repository").map(LinkTo::Url)
}

fn policies(workbook: &mut Workbook, material: &ReportContext<'_>, texts: &PolicyTexts<'_>) -> io::Result<()> {
    let input = &material.input;
    let link: &Link<'_, _> = &|row: &PolicyTextRow<'_>, column| {
        let example = row.text.first.first.as_ref().filter(|_| column == "example_repository")?;
        repository_url(input, example).map(LinkTo::Url)
    };
    let sheet =
        Sheet { link: Some(link), wrapped: Some(120.0), ..Sheet::new(POLICIES, POLICY_TEXTS, texts.texts.len()) };
    sheet.write(workbook, input, texts.texts.iter().map(|text| Ok(text.row(material))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_split_without_loss() {
        let shape =
            |n| parts(n, 10).iter().map(|part| (part.number, part.of, part.first, part.n_rows)).collect::<Vec<_>>();
        assert_eq!(shape(0), [(1, 1, 0, 0)]);
        assert_eq!(shape(10), [(1, 1, 0, 10)]);
        assert_eq!(shape(25), [(1, 3, 0, 10), (2, 3, 10, 10), (3, 3, 20, 5)]);
    }
}
