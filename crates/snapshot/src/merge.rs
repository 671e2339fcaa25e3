//! The shards of one audit, joined: every fact of each, once. What cannot belong together is refused before anything is written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, params};
use scangap_model::Shard;

use crate::codec::{from_json_list, json_list};
use crate::encrypted::{in_memory, is_encrypted};
use crate::keep::complete_organization;
use crate::open::connect;
use crate::orphans::sweep;
use crate::read::{Meta, RunState, Snapshot};
use crate::read_error::ReadError;
use crate::rows::{write_bucket_waits, write_phases};
use crate::schema::SCHEMA_VERSION;
use crate::to_store::{RunStart, WriteError};
use crate::write::SnapshotWriter;

/// Tables of facts and of evidence that are joined row by row, each with its key.
const JOINED: &[(&str, &[&str])] = &[
    ("accounts", &["account_id"]),
    ("account_regions", &["account_id", "region"]),
    ("registries", &["account_id", "region"]),
    ("repositories", &["account_id", "region", "repository"]),
    ("coverage", &["account_id", "region", "repository", "resource_id"]),
    ("image_counts", &["account_id", "region", "repository", "status", "reason"]),
    ("images", &["account_id", "region", "repository", "digest"]),
    ("policies", &["sha256"]),
    ("gaps", &["gap_id"]),
    ("gap_evidence", &["gap_id"]),
    ("lone_gaps", &["account_id", "gap_id"]),
];

/// Of these, rows in two parts must say the same. A registry that is in two parts must have the same rows in both.
const IN_REGISTRIES: &[&str] = &["repositories", "coverage", "image_counts", "images"];

/// Columns in which the organization may differ between shards: an account may join while they run.
const MAY_DIFFER: &[&str] = &["one", "n_accounts", "n_accounts_state"];

/// Columns with lists in which the order says nothing.
const LISTS: &[&str] = &["scope_accounts", "scope_exclude_accounts", "scope_organizational_units", "scope_regions"];

#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("`{path}` was written by another release than `{first}`")]
    OtherVersion { path: PathBuf, first: PathBuf },
    #[error("`{path}` is of another audit than `{first}`: {what} is `{found}`, and not `{expected}`")]
    OtherAudit { path: PathBuf, first: PathBuf, what: String, found: String, expected: String },
    #[error("`{path}` says otherwise of {place} than a part before it")]
    Differs { path: PathBuf, place: String },
    #[error("`{0}` was modified: content hash mismatch")]
    Tampered(PathBuf),
    #[error("`{path}` cannot be joined")]
    Sqlite { path: PathBuf, source: rusqlite::Error },
}

/// What joining came to.
#[derive(Debug)]
pub struct Merged {
    /// Shards of which there was no part.
    pub missing: Vec<Shard>,
    /// Parts of runs that did not come to their end.
    pub interrupted: Vec<PathBuf>,
}

/// A part, opened.
struct Part {
    path: PathBuf,
    meta: Meta,
    organization: Vec<(String, String)>,
    n_accounts: Option<u64>,
}

/// Joins snapshots into a new file, which is closed when this returns.
pub fn merge(parts: &[PathBuf], into: &Path, start: &RunStart, now: fn() -> Timestamp) -> Result<Merged, MergeError> {
    let mut opened: Vec<Part> = parts.iter().map(|path| Part::open(path)).collect::<Result<_, _>>()?;
    // The same file whatever the order of the names.
    opened.sort_by(|a, b| (a.meta.shard, &a.path).cmp(&(b.meta.shard, &b.path)));
    // A part that was given twice is one part.
    opened.dedup_by(|a, b| a.is_again(b));
    let missing = check(&opened)?;
    // What is interrupted only because shards were missing is whole once they are there.
    let interrupted = |part: &&Part| {
        let only_missing = !part.meta.missing_shards.is_empty() && !part.meta.parts_interrupted;
        part.meta.state == RunState::Interrupted && !only_missing
    };
    let interrupted: Vec<PathBuf> = opened.iter().filter(interrupted).map(|part| part.path.clone()).collect();
    let Some(first) = opened.first() else { return Ok(Merged { missing, interrupted }) };
    let meta = &first.meta;
    let start = RunStart {
        as_of: meta.as_of,
        tag_keys: meta.tag_keys.clone(),
        keeps_images: meta.keeps_images,
        caller_arn: meta.caller_arn.clone(),
        roles: meta.roles.clone(),
        simulated: meta.simulated,
        shard: None,
        ..start.clone()
    };
    let began = opened.iter().filter_map(|part| part.meta.started_at).min();
    let closing = Ending { missing: &missing, parts_interrupted: !interrupted.is_empty(), began };
    // The file gets its name with all that is in it: a merge that is killed leaves nothing that could be taken for the whole.
    let writer = SnapshotWriter::create(into, &start, |writer| {
        join(writer.connection(), &opened)?;
        let metas: Vec<&Meta> = opened.iter().map(|part| &part.meta).collect();
        Ok::<(), MergeError>(writer.finish_merged(&metas, &closing, now())?)
    })?;
    writer.close()?;
    Ok(Merged { missing, interrupted })
}

/// How a merged file is closed.
pub(crate) struct Ending<'a> {
    pub(crate) missing: &'a [Shard],
    pub(crate) parts_interrupted: bool,
    pub(crate) began: Option<Timestamp>,
}

impl Part {
    fn open(path: &Path) -> Result<Self, MergeError> {
        let hash = Snapshot::hash_facts(path)?;
        if hash.stored.as_ref().is_some_and(|stored| *stored != hash.computed) {
            return Err(MergeError::Tampered(path.to_owned()));
        }
        let snapshot = Snapshot::open(path)?;
        let connection = connect(path)?;
        let read = || -> rusqlite::Result<_> {
            let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            let mut statement = connection.prepare("SELECT * FROM organization")?;
            let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let values = statement.query_row([], |row| {
                names.iter().map(|name| Ok((name.clone(), text(row.get_ref(name.as_str())?)))).collect()
            })?;
            Ok((version, values))
        };
        let (version, organization) = read().map_err(|source| MergeError::Sqlite { path: path.to_owned(), source })?;
        if version != SCHEMA_VERSION {
            return Err(ReadError::CannotResume { path: path.to_owned() }.into());
        }
        let n_accounts = snapshot.facts.organization.n_accounts.known().copied();
        Ok(Self { path: path.to_owned(), meta: snapshot.meta, organization, n_accounts })
    }

    /// Whether it is the same run's: the same facts, begun at the same time.
    fn is_again(&self, other: &Self) -> bool {
        let run = |part: &Self| (part.meta.shard, part.meta.facts_sha256.clone(), part.meta.started_at);
        self.path == other.path || self.meta.facts_sha256.is_some() && run(self) == run(other)
    }

    /// Of how many shards it is one, or some that were merged. `None`: of none.
    fn of(&self) -> Option<u32> {
        self.meta.shard.or_else(|| self.meta.missing_shards.first().copied()).map(Shard::of)
    }

    /// The shards that are in it.
    fn shards(&self) -> Vec<Shard> {
        match (self.meta.shard, self.of()) {
            (Some(shard), _) => vec![shard],
            (None, Some(of)) => {
                let all = (1..=of).filter_map(|index| Shard::new(index, of));
                all.filter(|shard| !self.meta.missing_shards.contains(shard)).collect()
            }
            (None, None) => Vec::new(),
        }
    }

    /// Whether a column of the organization is of a fact that could not be learnt.
    fn is_gap(&self, column: &str) -> bool {
        let state = format!("{}_state", column.strip_suffix("_state").unwrap_or(column));
        self.organization.iter().any(|(name, value)| *name == state && value.starts_with("gap:"))
    }

    /// What all parts of one audit have in common, in words, as far as this one knows it.
    fn identity(&self) -> Vec<(String, String)> {
        let meta = &self.meta;
        let number_of_shards = self.of().map_or_else(|| "none".to_owned(), |of| of.to_string());
        let mut identity = vec![
            ("the time".to_owned(), meta.as_of.to_string()),
            ("the list of tags".to_owned(), meta.tag_keys.join(",")),
            ("whether images are kept".to_owned(), meta.keeps_images.to_string()),
            ("the role".to_owned(), meta.roles.clone()),
            ("whether it is simulated".to_owned(), meta.simulated.to_string()),
            ("the number of shards".to_owned(), number_of_shards),
        ];
        let fixed = self.organization.iter().filter(|(name, _)| !MAY_DIFFER.contains(&name.as_str()));
        // What one shard could not learn another may have.
        let fixed = fixed.filter(|(name, _)| !self.is_gap(name));
        identity.extend(fixed.map(|(name, value)| {
            let is_list = LISTS.contains(&name.as_str());
            (name.clone(), if is_list { sorted(value) } else { value.clone() })
        }));
        identity
    }
}

/// A list of JSON in one order.
fn sorted(list: &str) -> String {
    let mut items: Vec<String> = from_json_list(list).unwrap_or_default();
    items.sort();
    json_list(items)
}

fn text(value: rusqlite::types::ValueRef<'_>) -> String {
    match value {
        rusqlite::types::ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        rusqlite::types::ValueRef::Null => "none".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Whether the parts are of one audit; the shards that are not among them.
fn check(parts: &[Part]) -> Result<Vec<Shard>, MergeError> {
    let Some(first) = parts.first() else { return Ok(Vec::new()) };
    for part in parts {
        if part.meta.tool_version != first.meta.tool_version {
            return Err(MergeError::OtherVersion { path: part.path.clone(), first: first.path.clone() });
        }
    }
    let mut known: BTreeMap<String, (&Path, String)> = BTreeMap::new();
    for part in parts {
        for (what, found) in part.identity() {
            let (first, expected) = known.entry(what.clone()).or_insert_with(|| (&part.path, found.clone()));
            if found != *expected {
                let (path, first, expected) = (part.path.clone(), first.to_path_buf(), expected.clone());
                return Err(MergeError::OtherAudit { path, first, what, found, expected });
            }
        }
    }
    let there: BTreeSet<Shard> = parts.iter().flat_map(Part::shards).collect();
    let of = first.of().unwrap_or(0);
    Ok((1..=of).filter_map(|index| Shard::new(index, of)).filter(|shard| !there.contains(shard)).collect())
}

fn join(connection: &Connection, parts: &[Part]) -> Result<(), MergeError> {
    // The number of accounts that was seen last: an account may have joined while the shards ran.
    let most = parts.iter().max_by_key(|part| part.n_accounts);
    for part in most.into_iter().chain(parts) {
        let sqlite = |source| MergeError::Sqlite { path: part.path.clone(), source };
        let address = if is_encrypted(&part.path) { in_memory(&part.path)? } else { read_only(&part.path) };
        connection.execute("ATTACH ?1 AS part", [address]).map_err(sqlite)?;
        let joined = join_one(connection, part);
        connection.execute_batch("DETACH part").map_err(sqlite)?;
        joined?;
    }
    Ok(())
}

/// A part is evidence: it is opened so that it cannot be written to. SQLite reads such a name as an URI.
fn read_only(path: &Path) -> String {
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{path}?mode=ro")
}

fn join_one(connection: &Connection, part: &Part) -> Result<(), MergeError> {
    let sqlite = |source| MergeError::Sqlite { path: part.path.clone(), source };
    for (table, key) in JOINED {
        if let Some(place) = difference(connection, table, key).map_err(sqlite)? {
            return Err(MergeError::Differs { path: part.path.clone(), place });
        }
    }
    connection.execute_batch("BEGIN").map_err(sqlite)?;
    let joined = connection.execute("INSERT OR IGNORE INTO main.organization SELECT * FROM part.organization", []);
    let joined = joined.and_then(|_| {
        JOINED.iter().try_for_each(|(table, _)| {
            let copy = format!("INSERT OR IGNORE INTO main.{table} SELECT * FROM part.{table}");
            connection.execute(&copy, []).map(drop)
        })?;
        complete_organization(connection)
    });
    match joined {
        Ok(()) => connection.execute_batch("COMMIT").map_err(sqlite),
        Err(source) => {
            let _ = connection.execute_batch("ROLLBACK");
            Err(sqlite(source))
        }
    }
}

/// Where a part says otherwise than what is joined already. Gaps may: one that passed later did.
fn difference(connection: &Connection, table: &str, key: &[&str]) -> rusqlite::Result<Option<String>> {
    if matches!(table, "gaps" | "gap_evidence" | "lone_gaps" | "policies") {
        return Ok(None);
    }
    let columns: Vec<String> = {
        let mut names = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
        let names = names.query_map([table], |row| row.get(0))?;
        names.collect::<Result<_, _>>()?
    };
    let same_key = key.iter().map(|name| format!("a.{name} = b.{name}")).collect::<Vec<_>>().join(" AND ");
    let differ = columns.iter().map(|name| format!("a.{name} IS NOT b.{name}")).collect::<Vec<_>>().join(" OR ");
    let place = key.iter().map(|name| format!("b.{name}")).collect::<Vec<_>>().join(" || ' ' || ");
    let one = |sql: String| -> rusqlite::Result<Option<String>> {
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        rows.next()?.map(|row| row.get(0)).transpose()
    };
    let differing =
        format!("SELECT {place} FROM part.{table} b JOIN main.{table} a ON {same_key} WHERE {differ} LIMIT 1");
    if let Some(place) = one(differing)? {
        return Ok(Some(place));
    }
    if !IN_REGISTRIES.contains(&table) {
        return Ok(None);
    }
    // A row of a registry that is in both, and that only one of them has.
    for (has, lacks) in [("part", "main"), ("main", "part")] {
        let only = format!(
            "SELECT {place} FROM {has}.{table} b
             WHERE EXISTS (SELECT 1 FROM {lacks}.registries r WHERE r.account_id = b.account_id AND r.region = b.region)
             AND EXISTS (SELECT 1 FROM {has}.registries r WHERE r.account_id = b.account_id AND r.region = b.region)
             AND NOT EXISTS (SELECT 1 FROM {lacks}.{table} a WHERE {same_key}) LIMIT 1"
        );
        if let Some(place) = one(only)? {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

impl SnapshotWriter {
    /// Ends a merged file: the runs and uses of its parts, and what is missing.
    fn finish_merged(&mut self, parts: &[&Meta], ending: &Ending<'_>, now: Timestamp) -> Result<(), WriteError> {
        let connection = self.connection();
        // Of a part that was resumed and killed, and of what another part could learn.
        sweep(connection)?;
        connection.execute_batch("DELETE FROM runs; DELETE FROM phases; DELETE FROM bucket_waits;")?;
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
        for run in parts.iter().flat_map(|meta| &meta.runs) {
            connection.execute(
                "INSERT INTO runs (started_at, finished_at, command_line, caller_arn) VALUES (?1, ?2, ?3, ?4)",
                params![
                    time(run.started_at).unwrap_or_default(),
                    time(run.finished_at),
                    run.command_line,
                    run.caller_arn
                ],
            )?;
            write_phases(connection, connection.last_insert_rowid(), &run.phases)?;
        }
        for meta in parts {
            write_bucket_waits(connection, &meta.bucket_waits)?;
        }
        for used in parts.iter().flat_map(|meta| &meta.api_use) {
            let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            connection.execute(
                "INSERT INTO api_use VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET calls = calls + ?2,
                 attempts = attempts + ?3, throttled = throttled + ?4, waited_ms = waited_ms + ?5,
                 answered_ms = answered_ms + ?6",
                params![
                    used.api,
                    count(used.calls),
                    count(used.attempts),
                    count(used.throttled),
                    count(used.waited_ms),
                    count(used.answered_ms)
                ],
            )?;
        }
        let missing: Vec<String> = ending.missing.iter().map(ToString::to_string).collect();
        let asked = parts.iter().map(|meta| meta.accounts_asked).max().unwrap_or_default();
        let endpoint = parts.iter().find_map(|meta| meta.endpoint.clone());
        let mut values = vec![
            ("accounts_asked", asked.to_string()),
            ("endpoint", endpoint.unwrap_or_default()),
            ("finished_at", now.to_string()),
        ];
        if !missing.is_empty() {
            values.push(("missing_shards", missing.join(" ")));
        }
        values.extend(ending.began.map(|began| ("started_at", began.to_string())));
        for (key, value) in values {
            self.meta(key, &value)?;
        }
        if ending.parts_interrupted {
            self.meta("parts_interrupted", "yes")?;
        }
        self.seal(ending.parts_interrupted || !ending.missing.is_empty())
    }
}
