//! What an earlier run learnt does not give way to a gap of a later one. Rows are set aside before a run writes its own, and of each fact that
//! this run could not learn the earlier answer goes back into its place.

use rusqlite::{Connection, Params, params};

use crate::codec::Encoder;
use crate::schema::OF_REGISTRIES;

/// Lists that come as a whole: the column that says whether one was read to its end, and the tables with its rows.
const LISTS: [(&str, &[&str]); 3] =
    [("repositories", &["repositories"]), ("coverage", &["coverage"]), ("image_coverage", &["image_counts", "images"])];

/// A registry of which an earlier run has learnt something, set aside while this one writes what it learnt of it.
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
        self.put_counts_back()?;
        let facts_of_repositories = fact_columns(self.connection, "repositories")?;
        let facts = fact_columns(self.connection, "registries")?;
        let lost_of_repositories = format!(
            "EXISTS (SELECT 1 FROM repositories n JOIN temp.before_repositories b USING (account_id, region, repository)
             WHERE account_id = ?1 AND region = ?2 AND ({}))",
            any_lost(&facts_of_repositories)
        );
        let broke_off_twice =
            LISTS.map(|(list, ..)| format!("n.{list}_state LIKE 'gap:%' AND b.{list}_state LIKE 'gap:%'"));
        // Of a registry that was not read, what was not asked was not learnt.
        let not_read = facts.iter().map(|fact| not_asked(fact)).collect::<Vec<_>>().join(" OR ");
        let not_read = format!("n.outcome <> 'read' AND ({not_read})");
        let broke_off = broke_off_twice.join(" OR ");
        if !self.is(&format!("{} OR {lost_of_repositories} OR {broke_off} OR ({not_read})", any_lost(&facts)))? {
            return Ok(());
        }
        let mut counts_stay = false;
        for ((list, tables), broke_off) in LISTS.into_iter().zip(broke_off_twice) {
            let stays = self.is(&format!("{} OR {}", lost(list), not_asked(list)))?;
            // What is in one list and not in the other hangs on both.
            counts_stay |= stays && list != "image_coverage";
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
            if (stays || is_joined) && list != "repositories" {
                // What is known from this list alone, where ECR's was not read to its end.
                self.run(
                    "INSERT INTO repositories SELECT b.* FROM temp.before_repositories b JOIN registries r USING (account_id, region)
                     WHERE b.account_id = ?1 AND b.region = ?2 AND b.listed = 0 AND r.repositories_state <> 'known' AND NOT EXISTS
                     (SELECT 1 FROM repositories n WHERE n.account_id = b.account_id AND n.region = b.region
                      AND n.repository = b.repository)",
                )?;
            }
            if stays && list == "repositories" {
                self.run(
                    "UPDATE repositories AS n SET listed = b.listed, arn = b.arn FROM temp.before_repositories b
                     WHERE n.account_id = ?1 AND n.region = ?2 AND b.account_id = ?1 AND b.region = ?2
                     AND n.repository = b.repository AND b.listed > n.listed",
                )?;
            }
        }
        if counts_stay {
            self.run(
                "UPDATE registries AS n SET vanished = b.vanished, coverage_without_repository = b.coverage_without_repository
                 FROM temp.before_registries b WHERE n.account_id = ?1 AND n.region = ?2
                 AND b.account_id = ?1 AND b.region = ?2",
            )?;
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

    /// Indexes were told from images by an answer that this run could not get. Where all else that coverage says of the repository's images is the
    /// same, the counts that were made with it are better.
    fn put_counts_back(&self) -> rusqlite::Result<()> {
        let told = |table: &str| {
            format!(
                "SELECT status, reason, images FROM {table} WHERE account_id = ?1 AND region = ?2
                 AND repository = n.repository AND reason <> 'UNSUPPORTED_MEDIA_TYPE'"
            )
        };
        let (now, before) = (told("main.image_counts"), told("temp.before_image_counts"));
        // Chosen before anything is put back.
        self.connection.prepare_cached("CREATE TEMP TABLE IF NOT EXISTS counted (repository TEXT)")?.execute([])?;
        self.connection.prepare_cached("DELETE FROM temp.counted")?.execute([])?;
        let chosen = self.run(&format!(
            "INSERT INTO temp.counted SELECT n.repository FROM repositories n
             JOIN temp.before_repositories b USING (account_id, region, repository)
             WHERE n.account_id = ?1 AND n.region = ?2
             AND n.has_active_image_state LIKE 'gap:%' AND b.has_active_image_state NOT LIKE 'gap:%'
             AND EXISTS ({now}) AND NOT EXISTS ({now} EXCEPT {before}) AND NOT EXISTS ({before} EXCEPT {now})"
        ))?;
        if chosen == 0 {
            return Ok(());
        }
        let counted_before = "SELECT repository FROM temp.counted";
        for table in ["image_counts", "images"] {
            self.run(&format!(
                "DELETE FROM {table} WHERE account_id = ?1 AND region = ?2 AND repository IN ({counted_before})"
            ))?;
            self.run(&format!(
                "INSERT INTO {table} SELECT * FROM temp.before_{table} WHERE account_id = ?1 AND region = ?2
                 AND repository IN ({counted_before})"
            ))?;
        }
        self.run(&format!(
            "UPDATE repositories AS n SET has_active_image = b.has_active_image, has_active_image_state = b.has_active_image_state
             FROM temp.before_repositories b WHERE n.account_id = ?1 AND n.region = ?2 AND b.account_id = ?1 AND b.region = ?2
             AND n.repository = b.repository AND n.repository IN ({counted_before})"
        ))?;
        Ok(())
    }

    /// Repositories of which both runs together say that their images are to be asked about, and neither alone did.
    pub(crate) fn not_asked_about_images(
        connection: &Connection,
        account: &str,
        region: &str,
    ) -> rusqlite::Result<Vec<String>> {
        let mut names = connection.prepare_cached(
            "SELECT n.repository FROM repositories n JOIN registries r USING (account_id, region)
             WHERE account_id = ?1 AND region = ?2 AND n.has_active_image_state = 'not needed'
             AND r.inspector_ecr_status = 'ENABLED' AND r.registry_scan_type = 'ENHANCED'
             AND r.coverage_state = 'known' AND r.image_coverage_state = 'known'
             AND n.scan_frequency_state <> 'absent' AND ifnull(n.scan_frequency, '') <> 'MANUAL'
             AND NOT EXISTS (SELECT 1 FROM image_counts i WHERE i.account_id = n.account_id AND i.region = n.region
                             AND i.repository = n.repository)
             AND NOT EXISTS (SELECT 1 FROM coverage c WHERE c.account_id = n.account_id AND c.region = n.region
                             AND c.repository = n.repository AND ifnull(c.status, '') <> 'ACTIVE')
             ORDER BY n.repository",
        )?;
        names.query_map(params![account, region], |row| row.get(0))?.collect()
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
        // Of the other facts more hangs on the answer, for the shard's own accounts: which there are, and where they are. Its gap stays.
        connection.execute_batch(&format!(
            "DELETE FROM main.lone_gaps WHERE account_id = '' AND gap_id IN
             (SELECT substr(n.inspector_admin_state, 5) FROM {here}.organization n JOIN {there}.organization b USING (one) WHERE {})",
            lost("inspector_admin")
        ))?;
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

/// A condition: the fact was asked for, with whatever answer, and was not now.
fn not_asked(fact: &str) -> String {
    format!("(n.{fact}_state = 'not needed' AND b.{fact}_state <> 'not needed')")
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
