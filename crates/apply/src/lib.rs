//! A plan is carried out: checked before and after every change, journaled before each call, and undone where it cannot go
//! on. This alone uses the write ports of `aws`.

mod access;
mod backoff;
mod backup;
mod closing;
mod context;
mod coverage;
mod destination;
mod driver;
mod error;
mod events;
mod findings_report;
mod journal;
mod kept_out;
mod open_registries;
mod options;
mod outcome;
mod pages;
mod preconditions;
mod progress;
mod protocol;
mod repair;
mod report;
mod run;
mod step_report;

pub use closing::{ClosedStep, ClosingError, ClosingReport, StillDisabled, applied_schema};
pub use destination::{FindingsReports, FindingsReportsError};
pub use error::ApplyError;
pub use events::{ApplyEvent, Listener};
pub use journal::{JOURNAL, JournalError, JournalState, StepState, journal_schema, read_journal};
pub use open_registries::{KnownFrom, Open, OpenRegistries, OpenRegistry, registry_name};
pub use options::{ApplyOptions, BackupOptions, Roles};
pub use outcome::{LeftDisabled, Outcome};
pub use progress::{Progress, STATES, State};
pub use protocol::position::positions;
pub use run::{apply, back_up};
pub use step_report::{Lost, StepReport};
