//! The snapshot: one SQLite file with every fact and gap of one audit. The evidence.
//!
//! Written a registry at a time while an audit runs, closed as one plain file, and never changed by reading. The views
//! documented in `docs/snapshot.md` are stable; the tables below them are not.

mod codec;
mod digest;
mod losses;
mod open;
mod read;
mod repositories;
mod schema;
mod write;

pub use losses::{LossesMeta, StoredLosses};
pub use open::ReadError;
pub use read::{FactsHash, Meta, RunState, Snapshot};
pub use repositories::StoredRepositories;
pub use schema::SCHEMA_VERSION;
pub use write::{ApiUse, AssessmentRow, Closing, RegistryToStore, RunStart, SnapshotWriter, WriteError};
