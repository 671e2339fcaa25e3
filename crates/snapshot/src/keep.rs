//! What an earlier run learnt does not give way to a gap of a later one. Rows are set aside before a run writes its own, and of each fact that
//! this run could not learn the earlier answer goes back into its place.

use rusqlite::{Connection, Params, params};

use crate::codec::Encoder;
use crate::schema::OF_REGISTRIES;

/// Lists that come as a whole: the column that says whether one was read to its end, the tables with its rows, and the count that comes
/// with it.
const LISTS: [(&str, &[&str], Option<&str>); 3] = [
    ("repositories", &["repositories"], Some("vanished")),
    ("coverage", &["coverage"], Some("coverage_without_repository")),
    ("image_coverage", &["image_counts", "images"], None),
];

/// A registry that an earlier run has read, set aside while this one writes what it read of it.
pub(crate) struct RegistryAside<'c> {
    connection: &'c Connection,
    account: String,
    region: String,
}

impl<'c> RegistryAside<'c> {
    pub(crate) fn take(connection: &'c Connection, account: &str, region: &str) -> rusqlite::Result<Self> {
        for table in OF_REGISTRIES {
            set_aside(connection, table, "account_id = ?1 AND region = ?2", params![account, region])?;
        }
        Ok(Self { connection, account: account.to_owned(), region: region.to_owned() })
    }

    fn run(&self, sql: &str) -> rusqlite::Result<usize> {
        self.connection.prepare_cached(sql)?.execute(params![self.account, self.region])
    }

    fn is(&self, condition: &str) -> rusqlite::Result<bool> {
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM registries n JOIN temp.before_registries b USING (account_id, region)
             WHERE account_id = ?1 AND region = ?2 AND ({condition}))"
        );
        self.connection.prepare_cached(&sql)?.query_row(params![self.account, self.region], |row| row.get(0))
    }

    /// Puts back what this run could not learn.
    pub(crate) fn put_back(self) -> rusqlite::Result<()> {
        let facts_of_repositories = fact_columns(self.connection, "repositories")?;
        let facts = fact_columns(self.connection, "registries")?;
        let lost_of_repositories = format!(
            "EXISTS (SELECT 1 FROM repositories n JOIN temp.before_repositories b USING (account_id, region, repository)
             WHERE account_id = ?1 AND region = ?2 AND ({}))",
            any_lost(&facts_of_repositories)
        );
        let broke_off_twice =
            LISTS.map(|(list, ..)| format!("n.{list}_state LIKE 'gap:%' AND b.{list}_state LIKE 'gap:%'"));
        if !self.is(&format!("{} OR {lost_of_repositories} OR {}", any_lost(&facts), broke_off_twice.join(" OR ")))? {
            return Ok(());
        }
        for ((list, tables, count), broke_off) in LISTS.into_iter().zip(broke_off_twice) {
            let stays = self.is(&format!("{} OR {}", lost(list), not_asked(list)))?;
            // Of a list that broke off both times each run has a part.
            let is_joined = self.is(&broke_off)?;
            for table in tables.iter().filter(|_| stays || is_joined) {
                // What this run read of a repository is as good, and newer. Coverage is one list: its parts are not mixed.
                if stays && *table != "repositories" {
                    self.run(&format!("DELETE FROM {table} WHERE account_id = ?1 AND region = ?2"))?;
                }
                self.run(&format!(
                    "INSERT INTO {table} SELECT * FROM temp.before_{table} b WHERE account_id = ?1 AND region = ?2 AND NOT EXISTS
                     (SELECT 1 FROM {table} n WHERE n.account_id = b.account_id AND n.region = b.region
                      AND n.repository = b.repository)"
                ))?;
            }
            if let Some(count) = count.filter(|_| stays) {
                self.run(&format!(
                    "UPDATE registries SET {count} = (SELECT {count} FROM temp.before_registries WHERE account_id = ?1 AND region = ?2)
                     WHERE account_id = ?1 AND region = ?2"
                ))?;
            }
        }
        // What this run did not need may be needed beside what is put back.
        for (table, key, facts) in [
            ("registries", &["account_id", "region"][..], &facts),
            ("repositories", &["account_id", "region", "repository"], &facts_of_repositories),
        ] {
            put_back(self.connection, table, &format!("temp.before_{table}"), key, facts, true)?;
        }
        for table in OF_REGISTRIES.iter().filter(|table| !["registries", "repositories"].contains(table)) {
            self.run(&format!(
                "DELETE FROM {table} WHERE account_id = ?1 AND region = ?2 AND repository NOT IN
                 (SELECT repository FROM repositories WHERE account_id = ?1 AND region = ?2)"
            ))?;
        }
        Ok(())
    }
}

/// Writes a row in the place of one that is stored, of which everything stays that the new one does not know. `new`: with the gaps of the row.
pub(crate) fn write_over(
    connection: &Connection,
    table: &str,
    key: &str,
    of: &str,
    new: &Encoder,
    write: impl FnOnce() -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    if new.gaps.is_empty() {
        return write();
    }
    set_aside(connection, table, &format!("{key} = ?1"), params![of])?;
    write()?;
    let facts = fact_columns(connection, table)?;
    put_back(connection, table, &format!("temp.before_{table}"), &[key], &facts, false)
}

/// Takes over from another shard's file what is not known of the organization here, with the gap that stood for it.
pub(crate) fn complete_organization(connection: &Connection) -> rusqlite::Result<()> {
    let facts = fact_columns(connection, "organization")?;
    for (here, there) in [("main", "part"), ("part", "main")] {
        for fact in &facts {
            // A gap stands alone too where more hangs on it than the fact.
            connection.execute_batch(&format!(
                "DELETE FROM main.lone_gaps WHERE account_id = '' AND gap_id IN
                 (SELECT substr(n.{fact}_state, 5) FROM {here}.organization n JOIN {there}.organization b USING (one) WHERE {})",
                lost(fact)
            ))?;
        }
    }
    put_back(connection, "organization", "part.organization", &["one"], &facts, false)
}

/// Copies rows into a table of their own.
fn set_aside(connection: &Connection, table: &str, of: &str, key: impl Params) -> rusqlite::Result<()> {
    connection
        .prepare_cached(&format!(
            "CREATE TEMP TABLE IF NOT EXISTS before_{table} AS SELECT * FROM main.{table} WHERE 0"
        ))?
        .execute([])?;
    connection.prepare_cached(&format!("DELETE FROM temp.before_{table}"))?.execute([])?;
    let copy = format!("INSERT INTO temp.before_{table} SELECT * FROM main.{table} WHERE {of}");
    connection.prepare_cached(&copy)?.execute(key)?;
    Ok(())
}

/// `also_not_needed`: answers to what this run had no need to ask go back too.
fn put_back(
    connection: &Connection,
    table: &str,
    from: &str,
    key: &[&str],
    facts: &[String],
    also_not_needed: bool,
) -> rusqlite::Result<()> {
    let same = key.iter().map(|name| format!("n.{name} = b.{name}")).collect::<Vec<_>>().join(" AND ");
    let columns = facts.iter().flat_map(|fact| {
        let goes_back = if also_not_needed { format!("{} OR {}", lost(fact), not_asked(fact)) } else { lost(fact) };
        [fact.clone(), format!("{fact}_state")]
            .map(|column| format!("{column} = CASE WHEN {goes_back} THEN b.{column} ELSE n.{column} END"))
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    let update = format!("UPDATE main.{table} AS n SET {columns} FROM {from} b WHERE {same}");
    connection.prepare_cached(&update)?.execute([])?;
    Ok(())
}

/// A condition: the fact was known and is not any more.
fn lost(fact: &str) -> String {
    format!("(n.{fact}_state LIKE 'gap:%' AND b.{fact}_state IN ('known', 'absent'))")
}

/// A condition: the fact was known, and was not asked for now.
fn not_asked(fact: &str) -> String {
    format!("(n.{fact}_state = 'not needed' AND b.{fact}_state IN ('known', 'absent'))")
}

fn any_lost(facts: &[String]) -> String {
    facts.iter().map(|fact| lost(fact)).collect::<Vec<_>>().join(" OR ")
}

/// The facts of a table: each has a column that says how it is known.
fn fact_columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut names = connection.prepare_cached("SELECT name FROM pragma_table_info(?1)")?;
    let names: Vec<String> = names.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names
        .iter()
        .filter_map(|name| name.strip_suffix("_state"))
        .filter(|fact| names.iter().any(|name| name == fact))
        .map(str::to_owned)
        .collect())
}
