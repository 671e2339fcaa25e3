//! Writing a snapshot while the audit runs.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, params};
use scangap_model::{
    AccountFacts, AccountId, AccountOutcome, Api, Asked, Gap, Observed, OrganizationFacts, RecordError, RegionStatus,
    RegionsSource, ServiceLinkedRole,
};

use crate::codec::{Encoder, gap_id, json_list};
use crate::digest::facts_sha256;
use crate::keep::write_over;
use crate::orphans::sweep;
use crate::rows::{
    describe_again, ends_as, insert, is_better, number, role_text, was_read, write_account, write_bucket_waits,
    write_gaps, write_lone_gaps, write_phases, write_whole_registry,
};
use crate::schema::{APPLICATION_ID, GAP_TABLES, SCHEMA_VERSION, TABLES};
use crate::to_store::{
    AccountToStore, ApiUse, AssessmentRow, Closing, PhaseTime, RegistryToStore, ResumedRun, RunStart, WriteError,
};

/// What a file is called until it gets its name; the number of the process follows. Reports call theirs so too, and take away what
/// killed processes left.
pub(crate) const TEMPORARY: &str = ".scangap-";

/// Statements that stay prepared: a registry that is read again takes some fifty.
const PREPARED: usize = 128;

/// Opens a file to write into.
fn opened(path: &Path) -> Result<Connection, WriteError> {
    let connection = Connection::open(path)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(connection)
}

/// Whether something is still unknown by a gap of the organization, beside what earlier runs have learnt.
fn is_still_a_gap(connection: &Connection, gap: &Gap, facts: &OrganizationFacts) -> Result<bool, WriteError> {
    let column = match gap.api {
        // It hides accounts, and where accounts are chosen by their units, so do the units.
        Api::ListAccounts => return Ok(true),
        _ if !facts.scope.organizational_units.is_empty() => return Ok(true),
        Api::ListDelegatedAdministrators | Api::GetDelegatedAdminAccount => {
            let admin = "SELECT 1 FROM organization WHERE inspector_admin_state LIKE 'gap:%'";
            return Ok(connection.prepare_cached(admin)?.exists([])?);
        }
        _ => "gap:".to_owned() + &gap_id(gap),
    };
    let refers = "SELECT 1 FROM organization WHERE ?1 IN (organization_id_state, management_account_state)
         UNION ALL SELECT 1 FROM accounts WHERE ?1 IN (name_state, state_state, ou_path_state, organization_path_state)";
    Ok(connection.prepare_cached(refers)?.exists([column])?)
}

#[derive(Debug)]
pub struct SnapshotWriter {
    connection: Connection,
    path: PathBuf,
    /// The number of this run among those that wrote into the file.
    run: i64,
    /// What earlier runs used of each API.
    used_before: Vec<ApiUse>,
}

impl SnapshotWriter {
    /// Creates the file, private to its owner. Refuses to touch one that exists. It gets its name once it holds its tables, the run's own facts
    /// and what is written first, the organization: a process that is killed leaves a snapshot behind that can be resumed, or none.
    pub fn create<E: From<WriteError>>(
        path: &Path,
        start: &RunStart,
        first: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<Self, E> {
        if path.exists() {
            return Err(WriteError::Exists(path.to_owned()).into());
        }
        let (mut writer, begun) = Self::unnamed(path, start)?;
        first(&mut writer)?;
        Ok(writer.named(begun)?)
    }

    /// A file that has no name yet.
    fn unnamed(path: &Path, start: &RunStart) -> Result<(Self, tempfile::TempPath), WriteError> {
        let failed = |source| WriteError::Create { path: path.to_owned(), source };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let prefix = format!("{TEMPORARY}{}-", std::process::id());
        let begun = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder).map_err(failed)?.into_temp_path();
        let connection = Connection::open(&begun)?;
        let mut writer = Self { connection, path: path.to_owned(), run: 1, used_before: Vec::new() };
        writer.begin(start)?;
        Ok((writer, begun))
    }

    fn named(self, begun: tempfile::TempPath) -> Result<Self, WriteError> {
        let path = self.path;
        self.connection.close().map_err(|(_, error)| error)?;
        begun.persist_noclobber(&path).map_err(|error| match error.error.kind() {
            std::io::ErrorKind::AlreadyExists => WriteError::Exists(path.clone()),
            _ => WriteError::Create { path: path.clone(), source: error.error },
        })?;
        Ok(Self { connection: opened(&path)?, path, run: 1, used_before: Vec::new() })
    }

    /// Tables and the run's own facts.
    fn begin(&mut self, start: &RunStart) -> Result<(), WriteError> {
        self.connection.execute_batch("BEGIN")?;
        self.connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        self.connection.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        self.connection.execute_batch(TABLES)?;
        self.connection.execute_batch(GAP_TABLES)?;
        for (key, value) in [
            ("tool_version", start.tool_version.clone()),
            ("started_at", start.started_at.to_string()),
            ("as_of", start.as_of.to_string()),
            ("tag_keys", json_list(&start.tag_keys)),
            ("age_recipients", json_list(&start.age_recipients)),
            ("keeps_images", if start.keeps_images { "yes" } else { "no" }.to_owned()),
            ("command_line", start.command_line.clone()),
            ("caller_arn", start.caller_arn.clone()),
            ("roles", start.roles.clone()),
            ("shard", start.shard.map_or_else(String::new, |shard| shard.to_string())),
            ("simulated", if start.simulated { "yes" } else { "no" }.to_owned()),
            // Until it is closed, whatever is in the file is an interrupted run.
            ("state", "interrupted".to_owned()),
        ] {
            self.meta(key, &value)?;
        }
        self.begin_run(start.started_at, &start.command_line, &start.caller_arn)?;
        self.connection.execute_batch("COMMIT")?;
        Ok(())
    }

    /// For what is derived from the facts, which stay as they are.
    pub fn reopen(path: &Path) -> Result<Self, WriteError> {
        Ok(Self { connection: Connection::open(path)?, path: path.to_owned(), run: 1, used_before: Vec::new() })
    }

    /// Goes on with a file that earlier runs left behind. From here on it is the file of an interrupted run again, until it is
    /// finished; what is in it stays until something better takes its place.
    pub fn resume(path: &Path, start: &ResumedRun, used_before: &[ApiUse]) -> Result<Self, WriteError> {
        let connection = opened(path)?;
        let mut writer = Self { connection, path: path.to_owned(), run: 1, used_before: used_before.to_vec() };
        // What was made of the earlier facts is nothing of those that come.
        writer.connection.execute_batch(
            "BEGIN; DELETE FROM meta WHERE key = 'facts_sha256'; DELETE FROM assessments;
             INSERT OR REPLACE INTO meta VALUES ('state', 'interrupted'); COMMIT;",
        )?;
        writer.begin_run(start.started_at, &start.command_line, &start.caller_arn)?;
        Ok(writer)
    }

    fn begin_run(&mut self, started_at: Timestamp, command_line: &str, caller_arn: &str) -> Result<(), WriteError> {
        self.run = self.connection.query_row("SELECT 1 + ifnull(max(number), 0) FROM runs", [], |row| row.get(0))?;
        insert!(self.connection, "INSERT", runs, {
            number: self.run,
            started_at: started_at.to_string(),
            command_line: command_line,
            caller_arn: caller_arn,
        })?;
        Ok(())
    }

    /// Whether an earlier run may have stored what this one stores again.
    fn is_resumed(&self) -> bool {
        self.run > 1
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn meta(&self, key: &str, value: &str) -> Result<(), WriteError> {
        self.connection.prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")?.execute([key, value])?;
        Ok(())
    }

    /// Says that an answer came from a host that is not AWS's. It is on the disk before any fact that is stored after it.
    pub fn mark_simulated(&self) -> Result<(), WriteError> {
        self.meta("simulated", "yes")
    }

    /// The organization with every account of it that is in scope and in the shard. `asked`: how many are asked over all shards, once all are
    /// listed. Accounts that were read before keep what was read, and what was known of the organization stays where it is not known now.
    pub fn organization(
        &mut self,
        facts: &OrganizationFacts,
        accounts: &[AccountFacts],
        gaps: &[Gap],
        asked: Option<usize>,
    ) -> Result<(), WriteError> {
        let mut encode = Encoder::default();
        let id = encode.observed(&facts.id);
        let management = encode.observed(&facts.management_account);
        let admin = encode.observed(&facts.inspector_admin);
        let n_accounts = encode.observed(&facts.n_accounts);
        let (scope, resumed) = (&facts.scope, self.is_resumed());
        self.whole(|connection| {
            write_over(connection, "organization", "one", "1", &encode, || {
                insert!(connection, "INSERT OR REPLACE", organization, {
                one: 1,
                partition: facts.partition.as_str(),
                caller_account: facts.caller_account.to_string(),
                organization_id: id.0,
                organization_id_state: id.1,
                management_account: management.0,
                management_account_state: management.1,
                inspector_admin: admin.0,
                inspector_admin_state: admin.1,
                n_accounts: n_accounts.0,
                n_accounts_state: n_accounts.1,
                scope_accounts: json_list(&scope.accounts),
                scope_exclude_accounts: json_list(&scope.exclude_accounts),
                scope_organizational_units: json_list(&scope.organizational_units),
                scope_regions: json_list(&scope.regions),
                })?;
                Ok(())
            })?;
            if let Some(asked) = asked {
                connection.execute("INSERT OR REPLACE INTO meta VALUES ('accounts_asked', ?1)", [asked.to_string()])?;
                if facts.n_accounts.gap().is_none() {
                    // What a merge lacked is in the list.
                    connection.execute("DELETE FROM meta WHERE key = 'missing_shards'", [])?;
                }
            }
            write_gaps(connection, encode.gaps.values())?;
            for account in accounts {
                if !describe_again(connection, account)? {
                    write_account(connection, account)?;
                }
            }
            // While the accounts are listed again, what an earlier run could not learn of the organization stays a gap, and nothing becomes one.
            if asked.is_some() || !resumed {
                let mut left = Vec::new();
                for gap in gaps {
                    if !resumed || is_still_a_gap(connection, gap, facts)? {
                        left.push(gap.clone());
                    }
                }
                write_lone_gaps(connection, "", left.iter())?;
            }
            // What was not known while the accounts were listed is known now, of those that are still listed.
            for table in ["gap_evidence", "gaps"] {
                connection.execute_batch(&format!(
                    "DELETE FROM {table} WHERE gap_id IN (SELECT gap_id FROM gaps WHERE kind = 'not_reached'
                        AND account_id IS NULL AND gap_id NOT IN (SELECT gap_id FROM lone_gaps)
                        AND 'gap:' || gap_id NOT IN (SELECT name_state FROM accounts UNION SELECT state_state FROM accounts
                            UNION SELECT ou_path_state FROM accounts UNION SELECT organization_path_state FROM accounts)
                        AND 'gap:' || gap_id NOT IN (SELECT n_accounts_state FROM organization
                            UNION SELECT organization_id_state FROM organization
                            UNION SELECT management_account_state FROM organization
                            UNION SELECT inspector_admin_state FROM organization));"
                ))?;
            }
            Ok(())
        })
    }

    /// Several writes in one transaction, which is cheaper. Where one of them fails they are written again, each in a transaction of its
    /// own: what came before the one that fails is stored whole.
    pub fn together<T>(
        &mut self,
        all: &[T],
        write: impl Fn(&mut Self, &T) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        self.connection.execute_batch("BEGIN")?;
        let written = all.iter().try_for_each(|one| write(self, one));
        if written.and_then(|()| Ok(self.connection.execute_batch("COMMIT")?)).is_ok() {
            return Ok(());
        }
        // A disk that is full has ended the transaction by itself.
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        all.iter().try_for_each(|one| write(self, one))
    }

    /// One write, whole or not at all. Among several together their transaction sees to that.
    fn whole(&self, write: impl FnOnce(&Connection) -> Result<(), WriteError>) -> Result<(), WriteError> {
        if !self.connection.is_autocommit() {
            return write(&self.connection);
        }
        let transaction = self.connection.unchecked_transaction()?;
        write(&transaction)?;
        Ok(transaction.commit()?)
    }

    /// One account, with its registries that need no call: whole, or not at all.
    pub fn account(&mut self, account: &AccountToStore<'_>) -> Result<(), WriteError> {
        let id = account.facts.id.to_string();
        let resumed = self.is_resumed();
        self.whole(|connection| {
            if resumed && !is_better(connection, account.facts)? {
                for registry in account.registries {
                    write_whole_registry(connection, registry, resumed)?;
                }
                return Ok(());
            }
            if resumed && matches!(account.facts.outcome, AccountOutcome::Read { .. }) && !was_read(connection, &id)? {
                // What was known of its registries from outside is not all that they hold: they are read now.
                connection.execute(
                    "UPDATE registries SET outcome = 'not_reached', outcome_detail = NULL
                     WHERE account_id = ?1 AND outcome = 'unreadable'",
                    [&id],
                )?;
            }
            if !ends_as(connection, account.facts)? {
                write_account(connection, account.facts)?;
            }
            // Where they are tried one after the other, nothing tells which are enabled.
            let are_told = matches!(account.facts.outcome, AccountOutcome::Read { .. })
                && !matches!(&account.facts.regions_source, Asked::Answered(Observed::Known(RegionsSource::Probing)));
            if resumed && are_told {
                connection.execute("DELETE FROM account_regions WHERE account_id = ?1", [&id])?;
            }
            for fact in account.regions {
                let status = match &fact.status {
                    RegionStatus::Enabled => "enabled",
                    RegionStatus::NotEnabled => "not enabled",
                    RegionStatus::Other(word) => word,
                };
                insert!(connection, "INSERT OR IGNORE", account_regions, {
                    account_id: id,
                    region: fact.region.as_str(),
                    status: status,
                })?;
            }
            write_lone_gaps(connection, &id, account.gaps.iter())?;
            for registry in account.registries {
                write_whole_registry(connection, registry, resumed)?;
            }
            Ok(())
        })
    }

    /// Stores Inspector's service-linked role of an account, if a policy depends on it.
    pub fn inspector_role(&mut self, account: AccountId, role: &Observed<ServiceLinkedRole>) -> Result<(), WriteError> {
        let mut encode = Encoder::default();
        let role = encode.observed_as(role, role_text);
        self.whole(|connection| {
            let id = account.to_string();
            write_over(connection, "accounts", "account_id", &id, &encode, || {
                let update = "UPDATE accounts SET inspector_role = ?2, inspector_role_state = ?3 WHERE account_id = ?1";
                connection.prepare_cached(update)?.execute(params![id, role.0, role.1]).map(drop)
            })?;
            write_gaps(connection, encode.gaps.values())
        })
    }

    /// One registry: it is there whole, or not at all.
    pub fn registry(&mut self, registry: &RegistryToStore<'_>) -> Result<(), WriteError> {
        let resumed = self.is_resumed();
        self.whole(|connection| write_whole_registry(connection, registry, resumed))
    }

    /// Says what the run used so far, so that a run that is killed leaves its counts behind.
    pub fn used(&mut self, api_use: &[ApiUse]) -> Result<(), WriteError> {
        self.whole(|connection| {
            for used in api_use {
                let before = self.used_before.iter().find(|before| before.api == used.api);
                let sum = |pick: fn(&ApiUse) -> u64| number(pick(used) + before.map_or(0, pick));
                insert!(connection, "INSERT OR REPLACE", api_use, {
                    api: used.api,
                    calls: sum(|used| used.calls),
                    attempts: sum(|used| used.attempts),
                    throttled: sum(|used| used.throttled),
                    waited_ms: sum(|used| used.waited_ms),
                    answered_ms: sum(|used| used.answered_ms),
                })?;
            }
            Ok(())
        })
    }

    /// Stores what was made of the facts, for the views.
    pub fn assessments(
        &mut self,
        rows: impl Iterator<Item = Result<AssessmentRow, RecordError>>,
    ) -> Result<(), WriteError> {
        let transaction = self.connection.transaction()?;
        transaction.execute("DELETE FROM assessments", [])?;
        for row in rows {
            let row = row.map_err(WriteError::ReadBack)?;
            insert!(transaction, "INSERT", assessments, {
                account_id: row.account_id,
                region: row.region,
                repository: row.repository,
                diagnosis: row.diagnosis,
                policy_verdict: row.policy_verdict,
                denied_actions: json_list(&row.denied_actions),
                responsible_statements: json_list(&row.responsible_statements),
                depends_on: json_list(&row.depends_on),
                coverage_status: row.coverage_status,
                coverage_reason: row.coverage_reason,
                next_step: row.next_step,
            })?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// What each phase of the run took, so far.
    pub fn phases(&mut self, phases: &[PhaseTime]) -> Result<(), WriteError> {
        self.whole(|connection| write_phases(connection, self.run, phases))
    }

    /// Ends the run: the facts get their hash.
    pub fn finish(&mut self, closing: &Closing) -> Result<(), WriteError> {
        self.used(&closing.api_use)?;
        self.whole(|connection| write_bucket_waits(connection, &closing.bucket_waits))?;
        if self.is_resumed() {
            sweep(&self.connection)?;
        }
        self.meta("simulated", if closing.simulated { "yes" } else { "no" })?;
        self.meta("endpoint", closing.endpoint.as_deref().unwrap_or(""))?;
        let finished_at = closing.finished_at.to_string();
        self.meta("finished_at", &finished_at)?;
        let ended = "UPDATE runs SET finished_at = ?2 WHERE number = ?1";
        self.connection.execute(ended, params![self.run, finished_at])?;
        self.seal(closing.interrupted)
    }

    /// The facts get their hash.
    pub(crate) fn seal(&self, interrupted: bool) -> Result<(), WriteError> {
        let hash = facts_sha256(&self.connection)?;
        self.meta("facts_sha256", &hash)?;
        self.meta("state", if interrupted { "interrupted" } else { "complete" })
    }

    /// Closes into one plain file: no WAL beside it.
    pub fn close(self) -> Result<(), WriteError> {
        self.connection.pragma_update(None, "journal_mode", "DELETE")?;
        self.connection.close().map_err(|(_, error)| error)?;
        let file = std::fs::OpenOptions::new().append(true).open(&self.path);
        file.and_then(|file| file.sync_all()).map_err(|source| WriteError::Create { path: self.path.clone(), source })
    }

    /// Gives up a run that ended before it had facts worth keeping.
    pub fn discard(self) -> Result<(), WriteError> {
        let path = self.path.clone();
        self.connection.close().map_err(|(_, error)| error)?;
        for suffix in ["", "-wal", "-shm"] {
            let mut name = path.clone().into_os_string();
            name.push(suffix);
            match fs_err::remove_file(&name) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(WriteError::Create { path, source });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use scangap_model::{RegistryFacts, RegistryOutcome, StoredPolicy};

    use super::*;

    fn start() -> RunStart {
        let now: Timestamp = "2026-11-29T00:00:00Z".parse().unwrap();
        RunStart {
            tool_version: String::new(),
            started_at: now,
            as_of: now,
            tag_keys: Vec::new(),
            keeps_images: false,
            command_line: String::new(),
            caller_arn: String::new(),
            shard: None,
            roles: String::new(),
            age_recipients: Vec::new(),
            simulated: true,
        }
    }

    // Holds: 14 Kills: a file that has a snapshot's name is a snapshot, whenever the process was killed
    // Holds: 14 Kills: a file gets its name with what is written first in it, or not at all
    #[test]
    fn what_fails_first_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("snapshot.db");
        let failed = SnapshotWriter::create(&path, &start(), |_| Err(WriteError::Exists("else".into())));
        assert!(failed.is_err());
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_snapshot_has_its_tables_before_it_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("snapshot.db");
        let writer = SnapshotWriter::create(&path, &start(), |_| Ok::<_, WriteError>(())).unwrap();
        // The file alone, without the log beside it: what is in it was there when it got its name.
        let alone = folder.path().join("alone.db");
        fs_err::copy(&path, &alone).unwrap();
        let state = "SELECT value FROM meta WHERE key = 'state' AND NOT EXISTS (SELECT 1 FROM registries)";
        let state: String = Connection::open(&alone).unwrap().query_row(state, [], |row| row.get(0)).unwrap();
        assert_eq!(state, "interrupted");
        assert!(matches!(
            SnapshotWriter::create(&path, &start(), |_| Ok::<_, WriteError>(())),
            Err(WriteError::Exists(_))
        ));
        writer.discard().unwrap();
        fs_err::remove_file(alone).unwrap();
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
    }

    // Holds: 14 Resume: registries that are stored together are each whole or not there, and one that is refused takes no other along
    #[test]
    fn what_is_refused_takes_nothing_along_that_came_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("snapshot.db");
        let mut writer = SnapshotWriter::create(&path, &start(), |_| Ok::<_, WriteError>(())).unwrap();
        let images = BTreeMap::new();
        let policies = [StoredPolicy { hash: "0".repeat(64).parse().unwrap(), text: "{}".to_owned() }];
        let store = |writer: &mut SnapshotWriter, region: &&str| {
            let account = "111122223333".parse().unwrap();
            let facts = RegistryFacts::unasked(account, region.parse().unwrap(), RegistryOutcome::NotEnabled);
            let (repositories, coverage, image_rows) = (&[], &[], &[]);
            writer.registry(&RegistryToStore {
                facts: &facts,
                repositories,
                coverage,
                images: &images,
                image_rows,
                policies: if *region == "us-east-1" { &policies } else { &[] },
            })
        };
        let stored = |writer: &SnapshotWriter| -> Vec<String> {
            let mut statement = writer.connection().prepare("SELECT region FROM registries ORDER BY region").unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
        };
        // The policy comes after the registry's own row. FAIL leaves the transaction as it is; ROLLBACK ends it, as a full disk does.
        for how in ["FAIL", "ROLLBACK"] {
            let refuse =
                format!("CREATE TEMP TRIGGER refuse BEFORE INSERT ON policies BEGIN SELECT RAISE({how}, 'no'); END");
            writer.connection().execute_batch(&refuse).unwrap();
            writer.together(&["eu-west-1", "us-east-1", "us-west-2"], store).unwrap_err();
            assert_eq!(stored(&writer), ["eu-west-1"], "{how}");
            writer.connection().execute_batch("DROP TRIGGER refuse; DELETE FROM registries").unwrap();
        }
        writer.together(&["eu-west-1", "us-east-1", "us-west-2"], store).unwrap();
        assert_eq!(stored(&writer), ["eu-west-1", "us-east-1", "us-west-2"]);
    }
}
