//! What can be wrong with a snapshot that is read.

use std::path::PathBuf;

use crate::schema::{OLDEST_VERSION, SCHEMA_VERSION};

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("`{0}` does not exist")]
    Missing(PathBuf),
    #[error("`{path}` cannot be read as a snapshot")]
    Sqlite { path: PathBuf, source: rusqlite::Error },
    #[error("`{0}` is not a scangap snapshot")]
    NotASnapshot(PathBuf),
    #[error("`{path}` is of snapshot version {found}; this scangap reads up to {SCHEMA_VERSION}")]
    Newer { path: PathBuf, found: i64 },
    #[error(
        "`{path}` is of snapshot version {found}, which holds no rows of images; this scangap reads versions {OLDEST_VERSION} to {SCHEMA_VERSION}"
    )]
    Older { path: PathBuf, found: i64 },
    #[error("`{path}` holds `{value}` in {table}, which no scangap writes")]
    BadValue { path: PathBuf, table: &'static str, value: String },
    #[error("`{path}` cannot be read beside other work")]
    Thread { path: PathBuf, source: std::io::Error },
    #[error("`{path}` was written by an earlier release, and cannot be resumed by this one")]
    CannotResume { path: PathBuf },
    #[error("`{0}` ends before the organization was read")]
    Empty(PathBuf),
    #[error("`{0}` is encrypted")]
    Encrypted(PathBuf),
    #[error("`{keys}` does not open `{path}`: {why}")]
    NotDecrypted { path: PathBuf, keys: PathBuf, why: String },
    #[error("the identities of `{path}` cannot be used: {why}")]
    BadIdentities { path: PathBuf, why: String },
}
