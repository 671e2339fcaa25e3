//! A plan is carried out: checked before and after every change, journaled before each call, and undone where it cannot go
//! on. This alone uses the write ports of `aws`.

mod access;
mod backoff;
mod backup;
mod cell;
mod closing;
mod context;
mod destination;
mod error;
mod events;
mod findings_report;
mod journal;
mod kept_out;
mod options;
mod outcome;
mod pages;
mod repair;
mod report;
mod run;
mod saving;
mod step_report;

pub use closing::{AppliedStep, AppliedSummary, applied_summary};
pub use destination::{FindingsReports, FindingsReportsError};
pub use error::Stop;
pub use events::{ApplyEvent, Listener};
pub use journal::{JOURNAL, JournalError, Progress, Still, Told, hold_still, journal_name, read_journal};
pub use options::{ApplyOptions, Roles};
pub use outcome::{LeftDisabled, Outcome};
pub use run::{apply, back_up};
pub use step_report::{StepReport, Taken};
