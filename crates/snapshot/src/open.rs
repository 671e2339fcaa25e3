//! A snapshot's file is opened, and what can be wrong with it.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::codec::BadValue;
use crate::encrypted::{in_memory, is_encrypted};
use crate::read_error::ReadError;
use crate::schema::{APPLICATION_ID, OLDEST_VERSION, SCHEMA_VERSION};

/// What reading a row can run into.
pub(crate) enum RowError {
    Sqlite(rusqlite::Error),
    Bad(BadValue),
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<BadValue> for RowError {
    fn from(error: BadValue) -> Self {
        Self::Bad(error)
    }
}

pub(crate) fn bad(value: impl Into<String>) -> RowError {
    RowError::Bad(BadValue(value.into()))
}

/// The error with its file and table.
pub(crate) fn failed(path: &Path, table: &'static str, error: RowError) -> ReadError {
    match error {
        RowError::Sqlite(source) => ReadError::Sqlite { path: path.to_owned(), source },
        RowError::Bad(BadValue(value)) => ReadError::BadValue { path: path.to_owned(), table, value },
    }
}

/// Whether a run ended before it stored anything: the file is empty, or has tables and no organization. It is no evidence.
pub fn holds_nothing(path: &Path) -> bool {
    let Ok(connection) = connect(path) else {
        return std::fs::metadata(path).is_ok_and(|file| file.len() == 0);
    };
    let organization = "SELECT EXISTS (SELECT 1 FROM organization)";
    connection.query_row(organization, [], |row| row.get::<_, bool>(0)).is_ok_and(|known| !known)
}

/// The file, if it is a snapshot of a version that is known here.
pub(crate) fn connect(path: &Path) -> Result<Connection, ReadError> {
    let sqlite = |source| ReadError::Sqlite { path: path.to_owned(), source };
    if !path.exists() {
        return Err(ReadError::Missing(path.to_owned()));
    }
    // Every thread has a connection of its own: SQLite's locks would guard nothing.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let encrypted = is_encrypted(path);
    let connection = if encrypted {
        Connection::open_with_flags(in_memory(path)?, flags | OpenFlags::SQLITE_OPEN_URI)
    } else {
        Connection::open_with_flags(path, flags)
    };
    let connection = connection.map_err(sqlite)?;
    if encrypted {
        // SQLite sorts in memory too, not in a temporary file.
        connection.pragma_update(None, "temp_store", "MEMORY").map_err(sqlite)?;
    }
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = pragma("application_id").map_err(|_| ReadError::NotASnapshot(path.to_owned()))?;
    if application != APPLICATION_ID {
        return Err(ReadError::NotASnapshot(path.to_owned()));
    }
    let version = pragma("user_version").map_err(sqlite)?;
    if version > SCHEMA_VERSION {
        return Err(ReadError::Newer { path: path.to_owned(), found: version });
    }
    if version < OLDEST_VERSION {
        return Err(ReadError::Older { path: path.to_owned(), found: version });
    }
    if version < 3 {
        // The file is not touched: the view is this connection's own.
        let view = "CREATE TEMP VIEW registries AS SELECT * FROM main.cells";
        connection.execute_batch(view).map_err(sqlite)?;
    }
    Ok(connection)
}
