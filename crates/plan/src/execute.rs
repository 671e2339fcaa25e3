//! Apart from the planner: a plan is carried out, looked at before and after every change, written down before each call,
//! and brought back where it cannot go on. This alone uses the write ports of `aws`.

mod access;
mod backup;
mod cell;
mod closing;
mod document;
mod findings_report;
mod journal;
mod kept_out;
mod pages;
mod repair;
mod run;
mod stop;
mod waits;

pub use access::Roles;
pub use backup::Taken;
pub use closing::{AppliedStep, AppliedSummary, applied_summary};
pub use document::{DocumentError, PlanDocument, Repair, Resync};
pub use findings_report::{FindingsReports, FindingsReportsError};
pub use journal::{JOURNAL, JournalError, Progress, Still, Told, hold_still, journal_name, read_journal};
pub use run::{ApplyEvent, ApplyOptions, Listener, Outcome, StepReport, apply, back_up};
pub use stop::{LeftDisabled, Stop};
