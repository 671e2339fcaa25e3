//! A snapshot's child: what re-syncs of some of its registries would destroy, counted later than the audit and stored beside it.
//! The snapshot itself is evidence, and is never changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, Row, params};
use scangap_model::{
    AccountId, CoveredImage, FindingCount, Observed, RegionName, RepositoryTags, ResyncFacts, UnitPrice,
};
use serde_json::{Value, json};

use crate::codec::{BadValue, Column, Decoder, Encoder, KNOWN, durations, durations_text};
use crate::digest::sha256_of_tables;
use crate::open::{RowError, bad, failed};
use crate::read::{GAPS, gap};
use crate::read_error::ReadError;
use crate::rows::write_gaps;
use crate::schema::GAP_TABLES;
use crate::to_store::WriteError;

/// SQLite's application id: `sgal`.
const APPLICATION_ID: i64 = 0x7367_616c;
const VERSION: i64 = 1;

/// One row per fact: a value as JSON, and how it is known.
const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE resync_facts (
    account_id TEXT NOT NULL, region TEXT NOT NULL, fact TEXT NOT NULL,
    value TEXT, state TEXT NOT NULL,
    PRIMARY KEY (account_id, region, fact)
) STRICT, WITHOUT ROWID;
CREATE TABLE repository_tags (arn TEXT PRIMARY KEY, value TEXT, state TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// What a count is of, and when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LossesMeta {
    /// The facts of the snapshot that this is a child of.
    pub parent_facts_sha256: String,
    pub counted_at: Timestamp,
    pub simulated: bool,
    pub tool_version: String,
}

/// A child as it is read.
#[derive(Debug, Clone)]
pub struct StoredLosses {
    pub meta: LossesMeta,
    /// The hash of what was counted.
    pub losses_sha256: String,
    pub registries: Vec<ResyncFacts>,
    pub tags: RepositoryTags,
}

/// Children of a snapshot are numbered: `snapshot-losses-1.db`.
fn child(snapshot: &Path, number: u32) -> PathBuf {
    let stem = snapshot.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    snapshot.with_file_name(format!("{stem}-losses-{number}.db"))
}

/// The children of a snapshot that are there, by number.
fn children(snapshot: &Path) -> Result<Vec<u32>, std::io::Error> {
    let folder = snapshot.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let stem = snapshot.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut numbers = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let name = entry?.file_name();
        let rest =
            name.to_str().and_then(|name| name.strip_prefix(&stem)?.strip_prefix("-losses-")?.strip_suffix(".db"));
        numbers.extend(rest.and_then(|number| number.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Gives a file that is whole the number after the last: one that was removed leaves no place for a newer one.
fn numbered(snapshot: &Path, mut partial: tempfile::TempPath) -> Result<PathBuf, WriteError> {
    let failed = |source| WriteError::Create { path: child(snapshot, 1), source };
    let first = children(snapshot).map_err(failed)?.last().map_or(1, |last| last.saturating_add(1));
    for path in (first..u32::MAX).map(|number| child(snapshot, number)) {
        match partial.persist_noclobber(&path) {
            Ok(()) => return Ok(path),
            Err(taken) if taken.error.kind() == std::io::ErrorKind::AlreadyExists => partial = taken.path,
            Err(failed) => return Err(WriteError::Create { path, source: failed.error }),
        }
    }
    Err(WriteError::Exists(child(snapshot, u32::MAX)))
}

impl StoredLosses {
    /// Writes the next child of a snapshot. It is there whole, or not at all.
    pub fn add(
        snapshot: &Path,
        meta: &LossesMeta,
        registries: &[ResyncFacts],
        tags: &RepositoryTags,
    ) -> Result<PathBuf, WriteError> {
        let failed = |source| WriteError::Create { path: child(snapshot, 1), source };
        let folder = snapshot.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A name of its own: others may count at the same time.
        let partial = tempfile::NamedTempFile::new_in(folder).map_err(failed)?.into_temp_path();
        let connection = Connection::open(&partial)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", VERSION)?;
        connection.execute_batch(TABLES)?;
        connection.execute_batch(GAP_TABLES)?;
        let mut encode = Encoder::default();
        for facts in registries {
            for (fact, (value, state)) in columns(facts, &mut encode) {
                connection.execute(
                    "INSERT INTO resync_facts (account_id, region, fact, value, state) VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![facts.account.to_string(), facts.region.as_str(), fact, value, state],
                )?;
            }
        }
        for (arn, tags) in tags {
            let (value, state) = encode.observed_as(tags, |tags| json!(tags).to_string());
            connection.execute(
                "INSERT INTO repository_tags (arn, value, state) VALUES (?1, ?2, ?3)",
                params![arn, value, state],
            )?;
        }
        write_gaps(&connection, encode.gaps.values())?;
        let hash = sha256_of_tables(&connection, HASHED)?;
        for (key, value) in [
            ("parent_facts_sha256", meta.parent_facts_sha256.as_str()),
            ("counted_at", &meta.counted_at.to_string()),
            ("simulated", if meta.simulated { "yes" } else { "no" }),
            ("tool_version", &meta.tool_version),
            ("losses_sha256", &hash),
        ] {
            connection.execute("INSERT INTO meta VALUES (?1, ?2)", [key, value])?;
        }
        connection.close().map_err(|(_, error)| error)?;
        fs_err::File::open(&partial).and_then(|file| file.sync_all()).map_err(failed)?;
        numbered(snapshot, partial)
    }

    /// The last child of a snapshot, if there is one of its facts.
    pub fn latest(snapshot: &Path, facts_sha256: &str) -> Result<Option<Self>, ReadError> {
        Self::last(snapshot, |stored| stored.meta.parent_facts_sha256 == facts_sha256)
    }

    /// The child of a snapshot that a plan names.
    pub fn named(snapshot: &Path, losses_sha256: &str) -> Result<Option<Self>, ReadError> {
        Self::last(snapshot, |stored| stored.losses_sha256 == losses_sha256)
    }

    /// The newest by when it was counted; of equals the one with the higher number.
    fn last(snapshot: &Path, wanted: impl Fn(&Self) -> bool) -> Result<Option<Self>, ReadError> {
        let numbers = match children(snapshot) {
            Ok(numbers) => numbers,
            // A missing snapshot has no children; the code that opens it reports the error.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(ReadError::Thread { path: snapshot.to_owned(), source }),
        };
        let mut newest: Option<Self> = None;
        for number in numbers {
            let stored = Self::open(&child(snapshot, number))?;
            if wanted(&stored) && newest.as_ref().is_none_or(|newest| stored.meta.counted_at >= newest.meta.counted_at)
            {
                newest = Some(stored);
            }
        }
        Ok(newest)
    }

    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let sqlite = |source| ReadError::Sqlite { path: path.to_owned(), source };
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(sqlite)?;
        let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        if pragma("application_id").map_err(|_| ReadError::NotASnapshot(path.to_owned()))? != APPLICATION_ID {
            return Err(ReadError::NotASnapshot(path.to_owned()));
        }
        let version = pragma("user_version").map_err(sqlite)?;
        if version > VERSION {
            return Err(ReadError::Newer { path: path.to_owned(), found: version });
        }
        let of = |table: &'static str| move |error: RowError| failed(path, table, error);
        let mut decode = Decoder { gaps: BTreeMap::new() };
        let gaps = rows(&connection, GAPS, |row| gap(&decode, row)).map_err(of("gaps"))?;
        decode.gaps = gaps.into_iter().collect();
        let meta = rows(&connection, "SELECT * FROM meta", |row| Ok((row.get(0)?, row.get(1)?))).map_err(of("meta"))?;
        let meta: BTreeMap<String, String> = meta.into_iter().collect();
        let text = |key: &str| meta.get(key).cloned().unwrap_or_default();
        let wrong = |value: String| ReadError::BadValue { path: path.to_owned(), table: "meta", value };
        let hash = sha256_of_tables(&connection, HASHED).map_err(sqlite)?;
        if hash != text("losses_sha256") {
            return Err(wrong("losses_sha256 of other facts".to_owned()));
        }
        let facts = rows(&connection, "SELECT * FROM resync_facts ORDER BY account_id, region, fact", |row| {
            Ok(StoredFact {
                account: parsed(row, 0)?,
                region: parsed(row, 1)?,
                fact: row.get(2)?,
                value: row.get(3)?,
                state: row.get(4)?,
            })
        })
        .map_err(of("resync_facts"))?;
        let registries = facts
            .chunk_by(|a, b| a.account == b.account && a.region == b.region)
            .map(|facts| registry(&decode, facts))
            .collect::<Result<_, RowError>>()
            .map_err(of("resync_facts"))?;
        let tags = rows(&connection, "SELECT * FROM repository_tags ORDER BY arn", |row| {
            let (value, state): (Option<String>, String) = (row.get(1)?, row.get(2)?);
            let parse = |text: &str| serde_json::from_str(text).ok();
            let tags = decode.observed(value.as_deref(), &state, parse).map_err(|BadValue(value)| bad(value))?;
            Ok((row.get(0)?, tags))
        });
        let tags = tags.map_err(of("repository_tags"))?.into_iter().collect();
        Ok(Self {
            tags,
            meta: LossesMeta {
                parent_facts_sha256: text("parent_facts_sha256"),
                counted_at: text("counted_at").parse().map_err(|_| wrong(text("counted_at")))?,
                simulated: text("simulated") != "no",
                tool_version: text("tool_version"),
            },
            losses_sha256: hash,
            registries,
        })
    }
}

const HASHED: &[(&str, &str)] =
    &[("resync_facts", "account_id, region, fact"), ("repository_tags", "arn"), ("gaps", "gap_id")];

fn rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl Fn(&Row<'_>) -> Result<T, RowError>,
) -> Result<Vec<T>, RowError> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(read(row)?);
    }
    Ok(out)
}

fn parsed<T: std::str::FromStr>(row: &Row<'_>, at: usize) -> Result<T, RowError> {
    let text: String = row.get(at)?;
    text.parse().map_err(|_| bad(text))
}

fn columns(facts: &ResyncFacts, encode: &mut Encoder) -> Vec<(&'static str, Column)> {
    vec![
        ("counted_at", (Some(json!(facts.counted_at.to_string()).to_string()), KNOWN.into())),
        ("toggled_from", encode.observed_as(&facts.toggled_from, |account| json!(account.as_str()).to_string())),
        ("permissions", encode.observed_as(&facts.permissions, |words| json!(words).to_string())),
        ("organization_policy", encode.observed_as(&facts.organization_policy, |text| json!(text).to_string())),
        ("scan_types", encode.observed_as(&facts.scan_types, |types| json!(types).to_string())),
        ("rescan_durations", encode.observed_as(&facts.rescan_durations, durations_text)),
        ("suppression_rules", encode.observed_as(&facts.suppression_rules, |names| json!(names).to_string())),
        (
            "findings",
            encode.observed_as(&facts.findings, |counts| {
                let row = |count: &FindingCount| {
                    let oldest = count.oldest_first_observed.map(|time| time.to_string());
                    json!([count.repository, count.severity, count.status, count.count, oldest])
                };
                Value::from(counts.iter().map(row).collect::<Vec<_>>()).to_string()
            }),
        ),
        (
            "images",
            // Each image has a gap of its own at most where the whole list has one, so only known and absent are left.
            encode.observed_as(&facts.images, |images| {
                let row = |image: &CoveredImage| {
                    let pushed = image.pushed_at.known().map(ToString::to_string);
                    json!([image.repository, image.digest, image.status, image.reason, pushed])
                };
                Value::from(images.iter().map(row).collect::<Vec<_>>()).to_string()
            }),
        ),
        (
            "unit_price",
            encode.observed_as(&facts.unit_price, |price| json!([price.amount, price.currency]).to_string()),
        ),
    ]
}

struct StoredFact {
    account: AccountId,
    region: RegionName,
    fact: String,
    value: Option<String>,
    state: String,
}

fn registry(decode: &Decoder, facts: &[StoredFact]) -> Result<ResyncFacts, RowError> {
    let first = facts.first().ok_or_else(|| bad("no facts"))?;
    let counted_at = of(decode, facts, "counted_at", |value| value.as_str()?.parse().ok())?;
    Ok(ResyncFacts {
        account: first.account,
        region: first.region.clone(),
        counted_at: counted_at.known().copied().ok_or_else(|| bad("no counted_at"))?,
        toggled_from: of(decode, facts, "toggled_from", |value| value.as_str()?.parse().ok())?,
        permissions: of(decode, facts, "permissions", texts)?,
        organization_policy: of(decode, facts, "organization_policy", |value| value.as_str().map(str::to_owned))?,
        scan_types: of(decode, facts, "scan_types", |value| serde_json::from_value(value.clone()).ok())?,
        rescan_durations: of_text(decode, facts, "rescan_durations", durations)?,
        suppression_rules: of(decode, facts, "suppression_rules", texts)?,
        findings: of(decode, facts, "findings", |value| value.as_array()?.iter().map(finding_count).collect())?,
        images: of(decode, facts, "images", |value| value.as_array()?.iter().map(covered_image).collect())?,
        unit_price: of(decode, facts, "unit_price", |value| {
            Some(UnitPrice { amount: value.get(0)?.as_f64()?, currency: value.get(1)?.as_str()?.to_owned() })
        })?,
    })
}

fn of<T>(
    decode: &Decoder,
    facts: &[StoredFact],
    name: &str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Result<Observed<T>, RowError> {
    of_text(decode, facts, name, |text| read(&serde_json::from_str(text).ok()?))
}

fn of_text<T>(
    decode: &Decoder,
    facts: &[StoredFact],
    name: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Observed<T>, RowError> {
    let fact = facts.iter().find(|fact| fact.fact == name).ok_or_else(|| bad(format!("no {name}")))?;
    decode.observed(fact.value.as_deref(), &fact.state, parse).map_err(|BadValue(value)| bad(value))
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

/// A time, or null for none.
fn time(value: Option<&Value>) -> Option<Observed<Timestamp>> {
    match value? {
        Value::Null => Some(Observed::Absent),
        value => value.as_str()?.parse().ok().map(Observed::Known),
    }
}

fn finding_count(row: &Value) -> Option<FindingCount> {
    let text = |at: usize| row.get(at).and_then(Value::as_str).map(str::to_owned);
    Some(FindingCount {
        repository: text(0)?,
        severity: text(1)?,
        status: text(2)?,
        count: row.get(3)?.as_u64()?,
        oldest_first_observed: time(row.get(4))?.known().copied(),
    })
}

fn covered_image(row: &Value) -> Option<CoveredImage> {
    let text = |at: usize| row.get(at).and_then(Value::as_str).map(str::to_owned);
    Some(CoveredImage {
        repository: text(0)?,
        digest: text(1)?,
        status: text(2)?,
        reason: text(3)?,
        pushed_at: time(row.get(4))?,
    })
}
