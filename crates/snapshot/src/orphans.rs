//! Gaps and policy texts that no fact refers to any more, after registries were read again.

use rusqlite::Connection;

/// Tables of facts that may refer to a gap.
const REFERRING: &[&str] = &["organization", "accounts", "registries", "repositories", "coverage"];

/// Collects the gaps that something refers to, in `temp.referred`.
pub(crate) fn refer(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("CREATE TEMP TABLE referred (gap_id TEXT PRIMARY KEY) WITHOUT ROWID;")?;
    connection.execute_batch("INSERT INTO temp.referred SELECT DISTINCT gap_id FROM lone_gaps;")?;
    for table in REFERRING {
        for column in columns_with_gaps(connection, table)? {
            // The id stands alone in `outcome_detail`, and after `gap:` in a state.
            connection.execute_batch(&format!(
                "INSERT OR IGNORE INTO temp.referred SELECT DISTINCT
                 CASE WHEN {column} LIKE 'gap:%' THEN substr({column}, 5) ELSE {column} END
                 FROM {table} WHERE {column} IS NOT NULL AND {column} NOT IN ('known', 'absent', 'not needed');"
            ))?;
        }
    }
    Ok(())
}

/// Takes out what nothing refers to. A run that was never resumed leaves nothing of the kind.
pub(crate) fn sweep(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN")?;
    refer(connection)?;
    connection.execute_batch(
        "DELETE FROM gaps WHERE gap_id NOT IN (SELECT gap_id FROM temp.referred);
         DELETE FROM gap_evidence WHERE gap_id NOT IN (SELECT gap_id FROM gaps);
         DELETE FROM policies WHERE sha256 NOT IN (
            SELECT policy FROM repositories WHERE policy IS NOT NULL
            UNION SELECT registry_policy FROM registries WHERE registry_policy IS NOT NULL
            UNION SELECT json_extract(template.value, '$.policy') FROM registries, json_each(templates) template
                WHERE templates IS NOT NULL AND json_extract(template.value, '$.policy') IS NOT NULL);
         DROP TABLE temp.referred; COMMIT;",
    )
}

/// The columns of a table in which a gap's id may stand.
pub(crate) fn columns_with_gaps(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut names = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let names = names.query_map([table], |row| row.get::<_, String>(0))?;
    names
        .filter(|name| name.as_ref().map_or(true, |name| name.ends_with("_state") || name == "outcome_detail"))
        .collect()
}
