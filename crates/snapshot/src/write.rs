//! Writing a snapshot while the audit runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use rusqlite::{Connection, ToSql, params};
use scangap_model::{
    AccountFacts, AccountId, AccountOutcome, CoverageRow, Gap, ImageCounts, ImageRow, Observed, OrganizationFacts,
    RecordError, RegionFact, RegionStatus, RegistryFacts, RegistryOutcome, RepositoryFacts, RepositoryName,
    ServiceLinkedRole, Shard, StoredPolicy,
};

use crate::codec::{Encoder, durations_text, gap_id, json_list};
use crate::digest::facts_sha256;
use crate::orphans::sweep;
use crate::schema::{APPLICATION_ID, GAP_TABLES, SCHEMA_VERSION, TABLES};

/// Adds a row, column by column: `insert!(connection, "INSERT", table, { column: value, })`.
macro_rules! insert {
    ($connection:expr, $verb:literal, $table:ident, { $first:ident: $value:expr, $($column:ident: $more:expr,)* }) => {
        $connection
            .prepare_cached(concat!(
                $verb, " INTO ", stringify!($table), " (", stringify!($first) $(, ", ", stringify!($column))*,
                ") VALUES (:", stringify!($first) $(, ", :", stringify!($column))*, ")"
            ))
            .and_then(|mut statement| {
                statement.execute(&[
                    (concat!(":", stringify!($first)), &$value as &dyn ToSql),
                    $((concat!(":", stringify!($column)), &$more as &dyn ToSql),)*
                ][..])
            })
    };
}

#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("`{0}` already holds a snapshot")]
    Exists(PathBuf),
    #[error("failed to create the snapshot `{path}`")]
    Create { path: PathBuf, source: std::io::Error },
    #[error("failed to write the snapshot")]
    Sqlite(#[from] rusqlite::Error),
    #[error("failed to read the facts back")]
    ReadBack(#[source] RecordError),
}

/// What is known when a run starts.
#[derive(Debug, Clone)]
pub struct RunStart {
    pub tool_version: String,
    pub started_at: Timestamp,
    pub as_of: Timestamp,
    /// Keys of tags that are read of every repository.
    pub tag_keys: Vec<String>,
    /// Whether the images' rows are kept one by one.
    pub keeps_images: bool,
    /// The command line, without secrets.
    pub command_line: String,
    pub caller_arn: String,
    /// The slice of the accounts that is read; `None`: all.
    pub shard: Option<Shard>,
    /// Whether any answer so far came from a host that is not AWS's.
    pub simulated: bool,
}

/// What is known when a run is resumed; what is judged, and with which options, is in the file.
#[derive(Debug, Clone)]
pub struct ResumedRun {
    pub started_at: Timestamp,
    pub command_line: String,
    pub caller_arn: String,
}

/// What one API cost in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUse {
    pub api: String,
    pub calls: u64,
    pub attempts: u64,
    pub throttled: u64,
    /// Waited for turns in AWS's buckets, all calls together.
    pub waited_ms: u64,
    /// From requests to answers, all attempts together.
    pub answered_ms: u64,
}

/// What is known when a run ends.
#[derive(Debug, Clone)]
pub struct Closing {
    pub interrupted: bool,
    pub simulated: bool,
    /// The first host that was not AWS's.
    pub endpoint: Option<String>,
    pub finished_at: Timestamp,
    pub api_use: Vec<ApiUse>,
}

/// A repository's diagnosis, as the views show it.
#[derive(Debug, Clone)]
pub struct AssessmentRow {
    pub account_id: String,
    pub region: String,
    pub repository: String,
    pub diagnosis: String,
    pub policy_verdict: String,
    pub denied_actions: Vec<String>,
    pub responsible_statements: Vec<String>,
    pub depends_on: Vec<String>,
    pub coverage_status: String,
    pub coverage_reason: String,
    pub next_step: String,
}

/// An account with all that is known of it before its registries are read.
#[derive(Debug, Clone, Copy)]
pub struct AccountToStore<'a> {
    pub facts: &'a AccountFacts,
    pub regions: &'a [RegionFact],
    /// Gaps that no fact of the account refers to.
    pub gaps: &'a [Gap],
    /// Its registries that need no call of their own.
    pub registries: &'a [RegistryToStore<'a>],
}

/// Everything that was read in one registry.
#[derive(Debug, Clone, Copy)]
pub struct RegistryToStore<'a> {
    pub facts: &'a RegistryFacts,
    pub repositories: &'a [RepositoryFacts],
    pub coverage: &'a [CoverageRow],
    pub images: &'a BTreeMap<RepositoryName, ImageCounts>,
    pub image_rows: &'a [ImageRow],
    pub policies: &'a [StoredPolicy],
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
    /// Creates the file, private to its owner. Refuses to touch one that exists.
    pub fn create(path: &Path, start: &RunStart) -> Result<Self, WriteError> {
        create_private(path)?;
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        let mut writer = Self { connection, path: path.to_owned(), run: 1, used_before: Vec::new() };
        match writer.begin(start) {
            Ok(()) => Ok(writer),
            Err(error) => {
                // What is not begun is no snapshot.
                writer.discard()?;
                Err(error)
            }
        }
    }

    /// Tables and the run's own facts, all or nothing.
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
            ("keeps_images", if start.keeps_images { "yes" } else { "no" }.to_owned()),
            ("command_line", start.command_line.clone()),
            ("caller_arn", start.caller_arn.clone()),
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
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        let mut writer = Self { connection, path: path.to_owned(), run: 1, used_before: used_before.to_vec() };
        writer.connection.execute_batch(
            "BEGIN; DELETE FROM meta WHERE key = 'facts_sha256';
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

    /// The organization with every account of it that is in scope and in the shard. `asked`: how many are asked over all shards. Accounts that were read before keep what was read.
    pub fn organization(
        &mut self,
        facts: &OrganizationFacts,
        accounts: &[AccountFacts],
        gaps: &[Gap],
        asked: usize,
    ) -> Result<(), WriteError> {
        let mut encode = Encoder::default();
        let id = encode.observed(&facts.id);
        let management = encode.observed(&facts.management_account);
        let admin = encode.observed(&facts.inspector_admin);
        let n_accounts = encode.observed(&facts.n_accounts);
        let scope = &facts.scope;
        let transaction = self.connection.transaction()?;
        insert!(transaction, "INSERT OR REPLACE", organization, {
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
        transaction.execute("INSERT OR REPLACE INTO meta VALUES ('accounts_asked', ?1)", [asked.to_string()])?;
        transaction.execute("DELETE FROM meta WHERE key = 'missing_shards'", [])?;
        // What was not known while the accounts were listed is known now.
        transaction.execute_batch(
            "DELETE FROM gap_evidence WHERE gap_id IN
                (SELECT gap_id FROM gaps WHERE kind = 'not_reached' AND account_id IS NULL);
             DELETE FROM gaps WHERE kind = 'not_reached' AND account_id IS NULL;",
        )?;
        write_gaps(&transaction, encode.gaps.values())?;
        write_lone_gaps(&transaction, "", gaps)?;
        for account in accounts {
            if !describe_again(&transaction, account)? {
                write_account(&transaction, account)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// One account in one transaction, with its registries that need no call.
    pub fn account(&mut self, account: &AccountToStore<'_>) -> Result<(), WriteError> {
        let id = account.facts.id.to_string();
        let resumed = self.is_resumed();
        let transaction = self.connection.transaction()?;
        if resumed && !is_better(&transaction, account.facts)? {
            for registry in account.registries {
                write_whole_registry(&transaction, registry, resumed)?;
            }
            transaction.commit()?;
            return Ok(());
        }
        if !ends_as(&transaction, account.facts)? {
            write_account(&transaction, account.facts)?;
        }
        if resumed {
            transaction.execute("DELETE FROM account_regions WHERE account_id = ?1", [&id])?;
        }
        for fact in account.regions {
            let status = match &fact.status {
                RegionStatus::Enabled => "enabled",
                RegionStatus::NotEnabled => "not enabled",
                RegionStatus::Other(word) => word,
            };
            insert!(transaction, "INSERT OR REPLACE", account_regions, {
                account_id: id,
                region: fact.region.as_str(),
                status: status,
            })?;
        }
        write_lone_gaps(&transaction, &id, account.gaps)?;
        for registry in account.registries {
            write_whole_registry(&transaction, registry, resumed)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Stores Inspector's service-linked role of an account, if a policy depends on it.
    pub fn inspector_role(&mut self, account: AccountId, role: &Observed<ServiceLinkedRole>) -> Result<(), WriteError> {
        let mut encode = Encoder::default();
        let role = encode.observed_as(role, role_text);
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "UPDATE accounts SET inspector_role = ?2, inspector_role_state = ?3 WHERE account_id = ?1",
            params![account.to_string(), role.0, role.1],
        )?;
        write_gaps(&transaction, encode.gaps.values())?;
        transaction.commit()?;
        Ok(())
    }

    /// One registry in one transaction: it is there whole, or not at all.
    pub fn registry(&mut self, registry: &RegistryToStore<'_>) -> Result<(), WriteError> {
        let resumed = self.is_resumed();
        let transaction = self.connection.transaction()?;
        write_whole_registry(&transaction, registry, resumed)?;
        transaction.commit()?;
        Ok(())
    }

    /// Says what the run used so far, so that a run that is killed leaves its counts behind.
    pub fn used(&mut self, api_use: &[ApiUse]) -> Result<(), WriteError> {
        let transaction = self.connection.transaction()?;
        for used in api_use {
            let before = self.used_before.iter().find(|before| before.api == used.api);
            let sum = |pick: fn(&ApiUse) -> u64| number(pick(used) + before.map_or(0, pick));
            insert!(transaction, "INSERT OR REPLACE", api_use, {
                api: used.api,
                calls: sum(|used| used.calls),
                attempts: sum(|used| used.attempts),
                throttled: sum(|used| used.throttled),
                waited_ms: sum(|used| used.waited_ms),
                answered_ms: sum(|used| used.answered_ms),
            })?;
        }
        transaction.commit()?;
        Ok(())
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

    /// Ends the run: the facts get their hash.
    pub fn finish(&mut self, closing: &Closing) -> Result<(), WriteError> {
        self.used(&closing.api_use)?;
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

/// An empty file, private to its owner. Refuses to touch one that exists.
pub(crate) fn create_private(path: &Path) -> Result<(), WriteError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map_err(|source| {
            if source.kind() == std::io::ErrorKind::AlreadyExists {
                WriteError::Exists(path.to_owned())
            } else {
                WriteError::Create { path: path.to_owned(), source }
            }
        })
        .map(drop)
}

/// Whether an account's facts may take the place of those that are stored: one that was read does not become one that was not.
fn is_better(connection: &Connection, facts: &AccountFacts) -> Result<bool, WriteError> {
    if !matches!(facts.outcome, AccountOutcome::Unreadable(_) | AccountOutcome::NotReached) {
        return Ok(true);
    }
    let read = "SELECT EXISTS (SELECT 1 FROM accounts WHERE account_id = ?1 AND outcome = 'read')";
    let was_read: bool = connection.query_row(read, [facts.id.to_string()], |row| row.get(0))?;
    Ok(!was_read)
}

/// Stores how an account that is listed already ended. Whether it is. What Organizations says of it comes with the whole list.
fn ends_as(connection: &Connection, facts: &AccountFacts) -> Result<bool, WriteError> {
    let mut encode = Encoder::default();
    let (outcome, detail) = outcome_of(&facts.outcome, &mut encode);
    let source = encode.asked_as(&facts.regions_source, |source| source.word().to_owned());
    let known = connection
        .prepare_cached(
            "UPDATE accounts SET outcome = ?2, outcome_detail = ?3, regions_source = ?4, regions_source_state = ?5
             WHERE account_id = ?1",
        )?
        .execute(params![facts.id.to_string(), outcome, detail, source.0, source.1])?;
    write_gaps(connection, encode.gaps.values())?;
    Ok(known > 0)
}

fn outcome_of(outcome: &AccountOutcome, encode: &mut Encoder) -> (&'static str, Option<String>) {
    match outcome {
        AccountOutcome::Read { role_name } => ("read", role_name.clone()),
        AccountOutcome::Skipped { reason } => ("skipped", Some(reason.clone())),
        AccountOutcome::Unreadable(gap) => ("unreadable", Some(encode.gap(gap))),
        AccountOutcome::NotReached => ("not_reached", None),
    }
}

/// Takes over what Organizations says of an account that is stored already. Whether it is.
fn describe_again(connection: &Connection, facts: &AccountFacts) -> Result<bool, WriteError> {
    let mut encode = Encoder::default();
    let name = encode.observed(&facts.name);
    let state = encode.observed(&facts.state);
    let ou_path = encode.observed(&facts.ou_path);
    let organization_path = encode.observed(&facts.organization_path);
    let known = connection
        .prepare_cached(
            "UPDATE accounts SET name = ?2, name_state = ?3, state = ?4, state_state = ?5, ou_path = ?6,
             ou_path_state = ?7, organization_path = ?8, organization_path_state = ?9 WHERE account_id = ?1",
        )?
        .execute(params![
            facts.id.to_string(),
            name.0,
            name.1,
            state.0,
            state.1,
            ou_path.0,
            ou_path.1,
            organization_path.0,
            organization_path.1
        ])?;
    write_gaps(connection, encode.gaps.values())?;
    Ok(known > 0)
}

fn write_account(connection: &Connection, facts: &AccountFacts) -> Result<(), WriteError> {
    let mut encode = Encoder::default();
    let name = encode.observed(&facts.name);
    let state = encode.observed(&facts.state);
    let ou_path = encode.observed(&facts.ou_path);
    let organization_path = encode.observed(&facts.organization_path);
    let source = encode.asked_as(&facts.regions_source, |source| source.word().to_owned());
    let role = encode.asked_as(&facts.inspector_role, role_text);
    let (outcome, detail) = outcome_of(&facts.outcome, &mut encode);
    insert!(connection, "INSERT OR REPLACE", accounts, {
        account_id: facts.id.to_string(),
        name: name.0,
        name_state: name.1,
        state: state.0,
        state_state: state.1,
        ou_path: ou_path.0,
        ou_path_state: ou_path.1,
        organization_path: organization_path.0,
        organization_path_state: organization_path.1,
        outcome: outcome,
        outcome_detail: detail,
        regions_source: source.0,
        regions_source_state: source.1,
        inspector_role: role.0,
        inspector_role_state: role.1,
    })?;
    write_gaps(connection, encode.gaps.values())
}

fn write_whole_registry(
    connection: &Connection,
    registry: &RegistryToStore<'_>,
    resumed: bool,
) -> Result<(), WriteError> {
    if resumed && !make_room(connection, registry.facts)? {
        return Ok(());
    }
    let mut encode = Encoder::default();
    write_registry(connection, registry.facts, &mut encode)?;
    for repository in registry.repositories {
        write_repository(connection, repository, &mut encode)?;
    }
    for row in registry.coverage {
        write_coverage(connection, row, &mut encode)?;
    }
    for (repository, counts) in registry.images {
        write_image_counts(connection, registry.facts, repository, counts)?;
    }
    for image in registry.image_rows {
        write_image(connection, image)?;
    }
    for policy in registry.policies {
        connection
            .prepare_cached("INSERT OR IGNORE INTO policies VALUES (?1, ?2)")?
            .execute([policy.hash.as_str(), &policy.text])?;
    }
    write_gaps(connection, encode.gaps.values())
}

/// Takes out what an earlier run stored of a registry, for what this run read of it. A registry that was read, if only in part, does
/// not give way to one that could not be read: then the answer is no, and nothing is taken out.
fn make_room(connection: &Connection, facts: &RegistryFacts) -> Result<bool, WriteError> {
    let (account, region) = (facts.account.to_string(), facts.region.as_str());
    if matches!(facts.outcome, RegistryOutcome::Unreadable(_) | RegistryOutcome::NotReached) {
        let read =
            "SELECT EXISTS (SELECT 1 FROM registries WHERE account_id = ?1 AND region = ?2 AND outcome = 'read')";
        if connection.prepare_cached(read)?.query_row(params![account, region], |row| row.get(0))? {
            return Ok(false);
        }
    }
    for table in ["registries", "repositories", "coverage", "image_counts", "images"] {
        let delete = format!("DELETE FROM {table} WHERE account_id = ?1 AND region = ?2");
        connection.prepare_cached(&delete)?.execute(params![account, region])?;
    }
    Ok(true)
}

/// In place of those that an earlier run stored.
fn write_lone_gaps(connection: &Connection, of: &str, gaps: &[Gap]) -> Result<(), WriteError> {
    connection.prepare_cached("DELETE FROM lone_gaps WHERE account_id = ?1")?.execute([of])?;
    for gap in gaps {
        insert!(connection, "INSERT OR REPLACE", lone_gaps, {
            account_id: of,
            gap_id: gap_id(gap),
        })?;
    }
    write_gaps(connection, gaps.iter())
}

pub(crate) fn write_gaps<'a>(connection: &Connection, gaps: impl Iterator<Item = &'a Gap>) -> Result<(), WriteError> {
    for gap in gaps {
        let id = gap_id(gap);
        // Asked again, the last answer counts.
        insert!(connection, "INSERT OR REPLACE", gaps, {
            gap_id: id,
            account_id: gap.account.map(|account| account.to_string()),
            region: gap.region.as_ref().map(ToString::to_string),
            api: gap.api.to_string(),
            resource: gap.resource,
            kind: gap.kind.word(),
            code: gap.code,
            cause: gap.cause.word(),
            policy_arn: gap.policy_arn,
        })?;
        insert!(connection, "INSERT OR REPLACE", gap_evidence, {
            gap_id: id,
            message: gap.message,
            attempts: gap.attempts,
        })?;
    }
    Ok(())
}

fn role_text(role: &ServiceLinkedRole) -> String {
    let used = role.last_used_at.map(|time| time.to_string());
    serde_json::json!({"id": role.id, "tags": role.tags, "last_used_at": used}).to_string()
}

fn write_registry(connection: &Connection, facts: &RegistryFacts, encode: &mut Encoder) -> Result<(), WriteError> {
    let (outcome, detail) = match &facts.outcome {
        RegistryOutcome::Read => ("read", None),
        RegistryOutcome::NotEnabled => ("not_enabled", None),
        RegistryOutcome::Skipped { reason } => ("skipped", Some(reason.clone())),
        RegistryOutcome::Unreadable(gap) => ("unreadable", Some(encode.gap(gap))),
        RegistryOutcome::NotReached => ("not_reached", None),
    };
    let repositories = encode.asked(&facts.repositories);
    let inspector = encode.asked(&facts.inspector_status);
    let inspector_ecr = encode.asked(&facts.inspector_ecr_status);
    let scan_type = encode.asked(&facts.registry_scan_type);
    let rules = encode.asked_as(&facts.scan_rules, |rules| {
        let rules: Vec<_> = rules
            .iter()
            .map(|rule| serde_json::json!({"frequency": rule.frequency, "filters": rule.filters}))
            .collect();
        serde_json::Value::from(rules).to_string()
    });
    let policy = encode.asked(&facts.registry_policy);
    let scope = encode.asked(&facts.registry_policy_scope);
    let templates = encode.asked_as(&facts.templates, |templates| {
        let templates: Vec<_> = templates
            .iter()
            .map(|template| serde_json::json!({"prefix": template.prefix, "policy": template.policy.as_ref().map(ToString::to_string)}))
            .collect();
        serde_json::Value::from(templates).to_string()
    });
    let coverage = encode.asked_as(&facts.coverage, |source| source.word().to_owned());
    let image_coverage = encode.asked_as(&facts.image_coverage, |source| source.word().to_owned());
    let rescan = encode.asked_as(&facts.rescan_durations, durations_text);
    let auto_enable = encode.asked(&facts.auto_enable);
    insert!(connection, "INSERT OR REPLACE", registries, {
        account_id: facts.account.to_string(),
        region: facts.region.as_str(),
        outcome: outcome,
        outcome_detail: detail,
        repositories: repositories.0,
        repositories_state: repositories.1,
        inspector_status: inspector.0,
        inspector_status_state: inspector.1,
        inspector_ecr_status: inspector_ecr.0,
        inspector_ecr_status_state: inspector_ecr.1,
        registry_scan_type: scan_type.0,
        registry_scan_type_state: scan_type.1,
        scan_rules: rules.0,
        scan_rules_state: rules.1,
        registry_policy: policy.0,
        registry_policy_state: policy.1,
        registry_policy_scope: scope.0,
        registry_policy_scope_state: scope.1,
        templates: templates.0,
        templates_state: templates.1,
        coverage: coverage.0,
        coverage_state: coverage.1,
        image_coverage: image_coverage.0,
        image_coverage_state: image_coverage.1,
        rescan_durations: rescan.0,
        rescan_durations_state: rescan.1,
        auto_enable: auto_enable.0,
        auto_enable_state: auto_enable.1,
        coverage_without_repository: number(facts.coverage_without_repository),
        vanished: number(facts.vanished),
    })?;
    Ok(())
}

fn write_repository(connection: &Connection, facts: &RepositoryFacts, encode: &mut Encoder) -> Result<(), WriteError> {
    let created = encode.observed(&facts.created_at);
    let policy = encode.observed(&facts.policy);
    let frequency = encode.observed(&facts.scan_frequency);
    let active = encode.asked(&facts.has_active_image);
    let tags = encode.asked_as(&facts.tags, |tags| serde_json::json!(tags).to_string());
    insert!(connection, "INSERT OR REPLACE", repositories, {
        account_id: facts.account.to_string(),
        region: facts.region.as_str(),
        repository: facts.name.as_str(),
        arn: facts.arn,
        listed: facts.listed,
        created_at: created.0,
        created_at_state: created.1,
        policy: policy.0,
        policy_state: policy.1,
        scan_frequency: frequency.0,
        scan_frequency_state: frequency.1,
        has_active_image: active.0,
        has_active_image_state: active.1,
        tags: tags.0,
        tags_state: tags.1,
    })?;
    Ok(())
}

fn write_coverage(connection: &Connection, row: &CoverageRow, encode: &mut Encoder) -> Result<(), WriteError> {
    let status = encode.observed(&row.status);
    let reason = encode.observed(&row.reason);
    let scanned = encode.observed(&row.last_scanned_at);
    insert!(connection, "INSERT OR REPLACE", coverage, {
        account_id: row.account.to_string(),
        region: row.region.as_str(),
        repository: row.repository.as_str(),
        resource_id: row.resource_id,
        status: status.0,
        status_state: status.1,
        reason: reason.0,
        reason_state: reason.1,
        last_scanned_at: scanned.0,
        last_scanned_at_state: scanned.1,
    })?;
    Ok(())
}

/// SQLite's integers have a sign. No count comes near their end.
fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn write_image_counts(
    connection: &Connection,
    registry: &RegistryFacts,
    repository: &RepositoryName,
    counts: &ImageCounts,
) -> Result<(), WriteError> {
    for ((status, reason), count) in &counts.0 {
        insert!(connection, "INSERT OR REPLACE", image_counts, {
            account_id: registry.account.to_string(),
            region: registry.region.as_str(),
            repository: repository.as_str(),
            status: status,
            reason: reason,
            images: number(count.images),
            in_use: number(count.in_use),
            use_not_stated: number(count.use_not_stated),
            newest_scan: count.newest_scan.map(|time| time.to_string()),
            last_in_use: count.last_in_use.map(|time| time.to_string()),
        })?;
    }
    Ok(())
}

fn write_image(connection: &Connection, image: &ImageRow) -> Result<(), WriteError> {
    insert!(connection, "INSERT OR REPLACE", images, {
        account_id: image.account.to_string(),
        region: image.region.as_str(),
        repository: image.repository.as_str(),
        digest: image.digest,
        status: image.status,
        reason: image.reason,
        last_scanned_at: image.last_scanned_at.map(|time| time.to_string()),
        in_use_count: image.in_use_count.map(number),
        last_in_use_at: image.last_in_use_at.map(|time| time.to_string()),
        is_index: image.is_index,
    })?;
    Ok(())
}
