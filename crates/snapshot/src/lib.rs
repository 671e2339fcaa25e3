//! The snapshot: one SQLite file with every fact and gap of one audit. The evidence.
//!
//! Written a registry at a time while an audit runs, closed as one plain file, and never changed by reading. The views
//! documented in `docs/snapshot.md` are stable; the tables below them are not.

mod codec;
mod digest;
mod encrypted;
mod keep;
mod losses;
mod merge;
mod open;
mod orphans;
mod read;
mod read_error;
mod repositories;
mod resume;
mod rows;
mod schema;
mod to_store;
mod write;

pub use encrypted::{Recipients, encrypt, encrypted_path, has_identities, is_encrypted, open_with};
pub use losses::{LossesMeta, StoredLosses};
pub use merge::{MergeError, Merged, merge};
pub use open::holds_nothing;
pub use read::{FactsHash, ListedAccount, Meta, RunState, Snapshot, StoredCall};
pub use read_error::ReadError;
pub use repositories::StoredRepositories;
pub use resume::{StoredAccount, StoredRun};
pub use schema::SCHEMA_VERSION;
pub use to_store::{
    AccountToStore, ApiUse, AssessmentRow, BucketWait, Closing, PhaseTime, RegistryToStore, ResumedRun, RunStart,
    WriteError,
};
pub use write::SnapshotWriter;
