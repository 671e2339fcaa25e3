//! Reports: one column table per kind of row drives CSV, Excel, the data dictionary and the JSON summary.
//!
//! Reads facts and assessments, knows neither AWS nor SQL. The same facts give the same bytes.

mod actions;
mod asff;
mod balance;
mod causes;
mod change;
mod changes;
mod chat;
mod closed;
mod columns;
mod compliance;
mod context;
mod csv;
mod decision_counts;
mod decisions;
mod difference;
mod files;
mod history;
mod html;
mod input;
mod json;
mod links;
mod listing;
mod manifest;
mod matrix;
mod notes;
mod ocsf;
mod owners;
mod parallel;
mod policies;
mod policy_texts;
mod reading;
mod sign_off;
mod summary;
mod terminal;
mod tickets;
mod trend;
mod value;
mod verify;
mod words;
mod xlsx;

pub use balance::Balance;
pub use change::{CHANGE_KINDS, Change, ChangeKind, Changes, Difference};
pub use changes::{CompareError, compare};
pub use columns::{AppliedRow, AppliedView, ColumnInfo, PlanRow, PlanView, Table, TableName, Type, tables};
pub use csv::CsvDialect;
pub use decision_counts::DecisionCounts;
pub use decisions::{Acceptance, Accepts, Decisions, Pattern};
pub use difference::Line;
pub use files::{Batch, FileError, Written, manifest, remove_leftovers, write_atomically};
pub use history::History;
pub use input::{BucketUse, CallCount, Input, OneRun, RunEvidence};
pub use json::{audit_schema, changes_json, run_schema};
pub use notes::{CarriedNotes, NoteCounts};
pub use owners::Split;
pub use scangap_model::{is_control_like, sanitize};
pub use summary::{GapGroup, RegistryCounts, Summary};
pub use terminal::final_screen;
pub use tickets::Tracker;
pub use trend::{Trend, TrendRow};
pub use verify::{FileState, VerifyError, verify};
pub use xlsx::{CarryOverError, read_notes};

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::context::ReportContext;
use crate::files::Fill;

/// Findings as Security Hub takes them, one a line.
pub fn write_security_findings(input: &Input<'_>, out: &mut dyn Write) -> io::Result<()> {
    asff::write(input, out)
}

/// Findings of an earlier audit that this one closes, as Security Hub takes them: it archives them. Each with its id and its line.
pub fn visit_closed_findings(
    earlier: &Input<'_>,
    now: &Input<'_>,
    each: &mut dyn FnMut(String, String),
) -> Result<(), CompareError> {
    asff::closed(earlier, now, each)
}

/// The files of a comparison alone.
pub fn write_changes(
    input: &Input<'_>,
    changes: &Changes,
    dialect: CsvDialect,
    directory: &Path,
) -> Result<Vec<Written>, FileError> {
    let batch = Batch::default();
    batch.write(&directory.join("changes.html"), |out| html::write_changes(input, changes, out))?;
    batch.write(&directory.join("changes.csv"), |out| csv::write_changes(input, dialect, out))?;
    batch.write(&directory.join("changes.json"), |out| json::write(&changes_json(changes), out))?;
    batch.write(&directory.join("changes.xlsx"), |out| xlsx::write_changes(input, out))?;
    manifest(&batch, directory, &[], input.simulated, input.tool_version)?;
    batch.commit_in_place_of_former(directory)
}

/// `repositories.csv` alone.
pub fn write_repositories_csv(input: &Input<'_>, dialect: CsvDialect, out: &mut dyn Write) -> io::Result<()> {
    csv::write_repositories(input, dialect, out)
}

/// A workbook of the first repositories alone, as a table or as a plain sheet.
pub fn write_repositories_xlsx(input: &Input<'_>, n_rows: usize, table: bool, out: &mut dyn Write) -> io::Result<()> {
    xlsx::write_repositories(input, n_rows, table, out)
}

/// What is up to the reader of the reports.
#[derive(Debug, Clone, Default)]
pub struct ReportOptions {
    pub csv: CsvDialect,
    /// What a plan for this snapshot would do and lose, for a sheet of the workbook and a part of the page.
    pub plan: Option<PlanView>,
    /// What was changed since an earlier audit by applying a plan, for the evidence.
    pub applied: Option<AppliedView>,
    /// Whether to write OCSF findings too.
    pub ocsf: bool,
    /// Whether to write findings for Security Hub too.
    pub asff: bool,
    /// Whether to write fifteen lines for a channel.
    pub chat: bool,
    /// For which tracker to write tickets.
    pub tickets: Option<Tracker>,
    /// By what to write a pack for each owner.
    pub split: Option<Split>,
}

/// Reports that are written and have no names yet.
#[derive(Debug)]
pub struct Reports {
    pub batch: Batch,
    /// What became of the notes of earlier workbooks.
    pub notes: NoteCounts,
}

/// Everything an audit hands over, but the snapshot itself, written and without its names: `Batch::commit` gives them.
pub fn write_all(
    input: &Input<'_>,
    run: &RunEvidence,
    options: &ReportOptions,
    directory: &Path,
) -> Result<Reports, FileError> {
    let of_folder = |source| FileError { path: directory.to_owned(), source };
    let material = &ReportContext::gather(input).map_err(of_folder)?;
    let (notes, apart) = actions::notes(material).map_err(of_folder)?;
    let extras = xlsx::Extras { run, apart: &apart, plan: options.plan.as_ref(), applied: options.applied.as_ref() };
    // The longest first, so that no core idles at the end.
    let mut jobs: Vec<(PathBuf, Fill<'_>)> = xlsx::jobs(material, extras, directory);
    let mut files: Vec<(&str, Fill<'_>)> = vec![
        ("report.html", Box::new(|out| html::write(material, options.plan.as_ref(), options.applied.as_ref(), out))),
        ("audit.json", Box::new(|out| json::audit::write(material, out))),
        ("repositories.jsonl", Box::new(|out| json::audit::repositories(input, out))),
        ("summary.json", Box::new(|out| json::write_summary(material, out))),
        ("run.json", Box::new(|out| json::write_run(input, run, out))),
    ];
    if let Some(applied) = &options.applied {
        files.push(("applied.json", Box::new(|out| out.write_all(applied.text.as_bytes()))));
    }
    if options.asff {
        files.push(("asff.jsonl", Box::new(|out| asff::write(input, out))));
    }
    if options.ocsf {
        files.push(("ocsf.jsonl", Box::new(|out| ocsf::write(input, out))));
    }
    if options.chat {
        files.push(("chat.md", Box::new(|out| chat::write(material, out))));
    }
    if let Some(tracker) = options.tickets {
        files.push(("tickets.csv", Box::new(move |out| tickets::write(material, tracker, out))));
    }
    for table in columns::tables_of(input) {
        files.push((table.file, Box::new(move |out| csv::write(table.name, material, options.csv, out))));
    }
    jobs.extend(files.into_iter().map(|(file, fill)| (directory.join(file), fill)));
    let batch = Batch::default();
    batch.write_in_parallel(jobs)?;
    if let Some(split) = &options.split {
        owners::write(material, split, directory, &batch)?;
    }
    Ok(Reports { batch, notes })
}
