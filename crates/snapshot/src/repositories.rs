//! Repositories as they come out of the file, each with its coverage: two sorted tables, read side by side.
//!
//! A million records pass here, so columns are read by position, a state is read only where there is no value, and what
//! repeats from row to row is parsed once.

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, Rows, params};
use scangap_model::{
    AccountId, Asked, CoverageRow, ImageCount, ImageCounts, ImageRow, ImageRows, Images, Observed, PolicyHash,
    RecordError, Records, RegionName, Repositories, RepositoryFacts, RepositoryName, RepositoryRecord,
};

use crate::codec::{BadValue, Decoder, KNOWN};
use crate::open::{RowError, bad, connect, failed};
use crate::read_error::ReadError;

/// A fact's value is text; where there is none, its state comes as a blob, so that no text can pass for one.
const REPOSITORIES: &str = "SELECT account_id, region, repository, arn, listed,
    ifnull(created_at, CAST(created_at_state AS BLOB)), ifnull(policy, CAST(policy_state AS BLOB)),
    ifnull(scan_frequency, CAST(scan_frequency_state AS BLOB)), ifnull(has_active_image, CAST(has_active_image_state AS BLOB)),
    ifnull(tags, CAST(tags_state AS BLOB))
    FROM repositories WHERE (account_id, region, repository) >= (?1, ?2, ?3)
    ORDER BY account_id, region, repository LIMIT ?4 OFFSET ?5";
const COVERAGE: &str = "SELECT account_id, region, repository, resource_id,
    ifnull(status, CAST(status_state AS BLOB)), ifnull(reason, CAST(reason_state AS BLOB)),
    ifnull(last_scanned_at, CAST(last_scanned_at_state AS BLOB))
    FROM coverage WHERE (account_id, region, repository) >= (?1, ?2, ?3)
    ORDER BY account_id, region, repository, resource_id";
const IMAGE_COUNTS: &str = "SELECT account_id, region, repository, status, reason, images, in_use, use_not_stated,
    newest_scan, last_in_use
    FROM image_counts WHERE (account_id, region, repository) >= (?1, ?2, ?3)
    ORDER BY account_id, region, repository, status, reason";
const IMAGES: &str = "SELECT account_id, region, repository, digest, status, reason, last_scanned_at, in_use_count,
    last_in_use_at, is_index FROM images ORDER BY account_id, region, repository, digest";
/// The key some places after another.
const MARK: &str = "SELECT account_id, region, repository FROM repositories
    WHERE (account_id, region, repository) >= (?1, ?2, ?3)
    ORDER BY account_id, region, repository LIMIT 1 OFFSET ?4";
const COUNT_FROM: &str = "SELECT count(*) FROM repositories WHERE (account_id, region, repository) >= (?1, ?2, ?3)";

/// Places between two marks.
const MARK_EVERY: usize = 4096;
/// Records that one message carries, and messages that wait: what is read ahead is bounded.
const BATCH: usize = 256;
const WAITING: usize = 4;

/// The repositories of a snapshot. Each reading opens the file anew.
#[derive(Debug, Clone)]
pub struct StoredRepositories {
    path: PathBuf,
    decode: Arc<Decoder>,
    marks: Arc<OnceLock<Marks>>,
}

/// A repository's key as it is stored.
type Key = (String, String, String);

/// Keys at every so many places: a range is found without passing over all that is before it.
#[derive(Debug)]
struct Marks {
    keys: Vec<Key>,
    count: usize,
}

type Batch<T> = Result<Vec<T>, ReadError>;

/// What ends a visit.
enum VisitError {
    Read(ReadError),
    /// The visitor had enough.
    Visitor(RecordError),
}

impl StoredRepositories {
    pub(crate) fn new(path: &Path, decode: Arc<Decoder>) -> Self {
        Self { path: path.to_owned(), decode, marks: Arc::default() }
    }

    /// One repository by its key.
    pub fn find(
        &self,
        account: AccountId,
        region: &RegionName,
        repository: &str,
    ) -> Result<Option<RepositoryFacts>, ReadError> {
        let connection = connect(&self.path)?;
        let one = || -> Result<Option<RepositoryFacts>, RowError> {
            let mut statement = connection.prepare(REPOSITORIES)?;
            let mut rows = statement.query(params![account.to_string(), region.as_str(), repository, 1, 0])?;
            let found =
                rows.next()?.map(|row| repository_facts(&self.decode, &mut Known::default(), row)).transpose()?;
            let wanted = |facts: &RepositoryFacts| {
                (facts.account, &facts.region, facts.name.as_str()) == (account, region, repository)
            };
            Ok(found.filter(wanted))
        };
        one().map_err(|error| failed(&self.path, "repositories", error))
    }

    fn marks(&self) -> Result<&Marks, ReadError> {
        if let Some(marks) = self.marks.get() {
            return Ok(marks);
        }
        let connection = connect(&self.path)?;
        let find = || -> Result<Marks, RowError> {
            let mut next = connection.prepare(MARK)?;
            let mut keys: Vec<Key> = Vec::new();
            loop {
                let first = Key::default();
                let (last, skip) = keys.last().map_or((&first, 0), |key| (key, MARK_EVERY));
                let skip = i64::try_from(skip).unwrap_or(i64::MAX);
                let mut rows = next.query(params![last.0, last.1, last.2, skip])?;
                let Some(row) = rows.next()? else { break };
                let key = (row.get(0)?, row.get(1)?, row.get(2)?);
                drop(rows);
                keys.push(key);
            }
            let rest: i64 = match keys.last() {
                Some(last) => connection.query_row(COUNT_FROM, params![last.0, last.1, last.2], |row| row.get(0))?,
                None => 0,
            };
            let rest = usize::try_from(rest).unwrap_or(0);
            Ok(Marks { count: keys.len().saturating_sub(1) * MARK_EVERY + rest, keys })
        };
        let marks = find().map_err(|error| failed(&self.path, "repositories", error))?;
        Ok(self.marks.get_or_init(|| marks))
    }

    /// Reads a range on this thread.
    fn read(
        &self,
        places: Range<usize>,
        each: &mut dyn FnMut(RepositoryRecord) -> Result<(), RecordError>,
    ) -> Result<(), VisitError> {
        let marks = self.marks().map_err(VisitError::Read)?;
        let Some(start) = marks.keys.get(places.start / MARK_EVERY).filter(|_| !places.is_empty()) else {
            return Ok(());
        };
        let connection = connect(&self.path).map_err(VisitError::Read)?;
        self.merge(&connection, start, places, each)
    }

    fn merge(
        &self,
        connection: &Connection,
        start: &Key,
        places: Range<usize>,
        each: &mut dyn FnMut(RepositoryRecord) -> Result<(), RecordError>,
    ) -> Result<(), VisitError> {
        let of = |table: &'static str| move |error: RowError| VisitError::Read(failed(&self.path, table, error));
        let repositories = |error: rusqlite::Error| of("repositories")(error.into());
        let of_coverage = |error: rusqlite::Error| of("coverage")(error.into());
        let of_images = |error: rusqlite::Error| of("image_counts")(error.into());
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let mut statement = connection.prepare(REPOSITORIES).map_err(repositories)?;
        let (limit, offset) = (number(places.len()), number(places.start % MARK_EVERY));
        let mut rows = statement.query(params![start.0, start.1, start.2, limit, offset]).map_err(repositories)?;
        let mut coverage = connection.prepare(COVERAGE).map_err(of_coverage)?;
        let mut coverage = Beside::new(coverage.query(params![start.0, start.1, start.2]).map_err(of_coverage)?);
        let mut images = connection.prepare(IMAGE_COUNTS).map_err(of_images)?;
        let mut images = Beside::new(images.query(params![start.0, start.1, start.2]).map_err(of_images)?);
        let mut known = Known::default();
        while let Some(row) = rows.next().map_err(repositories)? {
            let facts = repository_facts(&self.decode, &mut known, row).map_err(of("repositories"))?;
            let mut own = None;
            let read = |row: &Row<'_>| {
                own = Some(coverage_row(&self.decode, &facts, row)?);
                Ok(())
            };
            coverage.of(&facts, read).map_err(of("coverage"))?;
            let mut counts = ImageCounts::default();
            images.of(&facts, |row| image_count(&mut counts, row)).map_err(of("image_counts"))?;
            each(RepositoryRecord { facts, coverage: own, images: counts }).map_err(VisitError::Visitor)?;
        }
        Ok(())
    }

    fn send(&self, places: Range<usize>, sender: &SyncSender<Batch<RepositoryRecord>>) {
        in_batches(sender, |each| self.read(places, each));
    }

    fn send_images(&self, sender: &SyncSender<Batch<ImageRow>>) {
        in_batches(sender, |each| self.read_images(each));
    }

    fn read_images(&self, each: &mut dyn FnMut(ImageRow) -> Result<(), RecordError>) -> Result<(), VisitError> {
        let of = |error: RowError| VisitError::Read(failed(&self.path, "images", error));
        let sqlite = |error: rusqlite::Error| of(error.into());
        let connection = connect(&self.path).map_err(VisitError::Read)?;
        let mut statement = connection.prepare(IMAGES).map_err(sqlite)?;
        let mut rows = statement.query([]).map_err(sqlite)?;
        let mut known = Known::default();
        while let Some(row) = rows.next().map_err(sqlite)? {
            each(image_row(&mut known, row).map_err(of)?).map_err(VisitError::Visitor)?;
        }
        Ok(())
    }
}

/// Sends the records of a reading in batches, and ends early if the receiver is gone.
fn in_batches<T>(
    sender: &SyncSender<Batch<T>>,
    read: impl FnOnce(&mut dyn FnMut(T) -> Result<(), RecordError>) -> Result<(), VisitError>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    let done = read(&mut |record| {
        batch.push(record);
        if batch.len() < BATCH {
            return Ok(());
        }
        let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
        sender.send(Ok(full)).map_err(|_| "nobody listens".into())
    });
    let last = match done {
        Ok(()) => Ok(batch),
        Err(VisitError::Read(error)) => Err(error),
        Err(VisitError::Visitor(_)) => return,
    };
    let _ = sender.send(last);
}

impl Repositories for StoredRepositories {
    fn count(&self) -> Result<usize, RecordError> {
        Ok(self.marks()?.count)
    }

    fn records(&self, places: Range<usize>) -> Records<'_> {
        let source = self.clone();
        ahead(&self.path, move |sender| source.send(places, sender))
    }

    fn visit(
        &self,
        places: Range<usize>,
        each: &mut dyn FnMut(RepositoryRecord) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        self.read(places, each).map_err(|error| match error {
            VisitError::Read(error) => error.into(),
            VisitError::Visitor(error) => error,
        })
    }
}

/// What a thread of its own reads, as it comes.
fn ahead<T: Send + 'static>(
    path: &Path,
    read: impl FnOnce(&SyncSender<Batch<T>>) + Send + 'static,
) -> Box<dyn Iterator<Item = Result<T, RecordError>> + Send> {
    let (sender, receiver) = sync_channel(WAITING);
    let thread = std::thread::Builder::new().name("scangap-reader".to_owned());
    let failed = sender.clone();
    if let Err(source) = thread.spawn(move || read(&sender)) {
        let _ = failed.send(Err(ReadError::Thread { path: path.to_owned(), source }));
    }
    Box::new(Stream { receiver, batch: Vec::new().into_iter() })
}

struct Stream<T> {
    receiver: Receiver<Batch<T>>,
    batch: std::vec::IntoIter<T>,
}

impl<T> Iterator for Stream<T> {
    type Item = Result<T, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.batch.next() {
                return Some(Ok(record));
            }
            // The sender is gone: everything was read, or its last message was an error.
            match self.receiver.recv().ok()? {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(error) => return Some(Err(Box::new(error))),
            }
        }
    }
}

/// Rows of another table, taken as their repositories come by. Rows whose repository is not stored are passed over: the
/// registry counts them.
struct Beside<'c> {
    /// The cursor is at the next row that was not read.
    rows: Rows<'c>,
    started: bool,
    account: String,
}

impl<'c> Beside<'c> {
    fn new(rows: Rows<'c>) -> Self {
        Self { rows, started: false, account: String::new() }
    }

    /// Keys are compared as the texts that they are stored as: most rows are of the repository that is asked for, and need
    /// no key of their own.
    fn of(
        &mut self,
        facts: &RepositoryFacts,
        mut read: impl FnMut(&Row<'_>) -> Result<(), RowError>,
    ) -> Result<(), RowError> {
        if !self.started {
            self.started = true;
            self.rows.advance()?;
        }
        self.account.clear();
        let _ = write!(self.account, "{}", facts.account);
        let wanted = (self.account.as_str(), facts.region.as_str(), facts.name.as_str());
        while let Some(row) = self.rows.get() {
            match (text(row, 0)?, text(row, 1)?, text(row, 2)?).cmp(&wanted) {
                std::cmp::Ordering::Greater => break,
                std::cmp::Ordering::Equal => read(row)?,
                std::cmp::Ordering::Less => {}
            }
            self.rows.advance()?;
        }
        Ok(())
    }
}

impl Images for StoredRepositories {
    fn n_images(&self) -> Result<usize, RecordError> {
        let connection = connect(&self.path)?;
        let count: i64 = connection
            .query_row("SELECT count(*) FROM images", [], |row| row.get(0))
            .map_err(|error| failed(&self.path, "images", error.into()))?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    fn images(&self) -> ImageRows<'_> {
        let source = self.clone();
        ahead(&self.path, move |sender| source.send_images(sender))
    }
}

/// What was parsed for the row before, and policy hashes met so far: they repeat.
#[derive(Default)]
struct Known {
    account: Option<(String, AccountId)>,
    region: Option<RegionName>,
    hashes: HashMap<String, PolicyHash>,
}

/// Distinct hashes that are remembered; more are parsed again.
const HASHES_MAX: usize = 50_000;

impl Known {
    fn account(&mut self, text: &str) -> Result<AccountId, RowError> {
        match &self.account {
            Some((last, id)) if last == text => Ok(*id),
            _ => {
                let id = text.parse().map_err(|_| bad(text))?;
                self.account = Some((text.to_owned(), id));
                Ok(id)
            }
        }
    }

    fn region(&mut self, text: &str) -> Result<RegionName, RowError> {
        match &self.region {
            Some(last) if last.as_str() == text => Ok(last.clone()),
            _ => {
                let region: RegionName = text.parse().map_err(|_| bad(text))?;
                self.region = Some(region.clone());
                Ok(region)
            }
        }
    }

    fn hash(&mut self, text: &str) -> Option<PolicyHash> {
        if let Some(hash) = self.hashes.get(text) {
            return Some(hash.clone());
        }
        let hash: PolicyHash = text.parse().ok()?;
        if self.hashes.len() < HASHES_MAX {
            self.hashes.insert(text.to_owned(), hash.clone());
        }
        Some(hash)
    }
}

fn text<'r>(row: &'r Row<'_>, at: usize) -> Result<&'r str, RowError> {
    row.get_ref(at)?.as_str().map_err(|_| bad("a value that is no text"))
}

fn repository_facts(decode: &Decoder, known: &mut Known, row: &Row<'_>) -> Result<RepositoryFacts, RowError> {
    let name = text(row, 2)?;
    Ok(RepositoryFacts {
        account: known.account(text(row, 0)?)?,
        region: known.region(text(row, 1)?)?,
        name: name.parse::<RepositoryName>().map_err(|_| bad(name))?,
        arn: text(row, 3)?.to_owned(),
        listed: row.get(4)?,
        created_at: observed(decode, row, 5, time)?,
        policy: observed(decode, row, 6, |text| known.hash(text))?,
        scan_frequency: observed(decode, row, 7, |text| Some(text.to_owned()))?,
        has_active_image: asked(decode, row, 8, |text| text.parse().ok())?,
        tags: asked(decode, row, 9, |text| serde_json::from_str(text).ok())?,
    })
}

/// A row of this repository.
fn coverage_row(decode: &Decoder, facts: &RepositoryFacts, row: &Row<'_>) -> Result<CoverageRow, RowError> {
    Ok(CoverageRow {
        account: facts.account,
        region: facts.region.clone(),
        repository: facts.name.clone(),
        resource_id: text(row, 3)?.to_owned(),
        status: observed(decode, row, 4, |text| Some(text.to_owned()))?,
        reason: observed(decode, row, 5, |text| Some(text.to_owned()))?,
        last_scanned_at: observed(decode, row, 6, time)?,
    })
}

fn count(row: &Row<'_>, at: usize) -> Result<u64, RowError> {
    u64::try_from(row.get::<_, i64>(at)?).map_err(|_| bad("a number below zero"))
}

fn optional_time(row: &Row<'_>, at: usize) -> Result<Option<Timestamp>, RowError> {
    row.get::<_, Option<String>>(at)?.map(|text| text.parse().map_err(|_| bad(text))).transpose()
}

fn image_count(counts: &mut ImageCounts, row: &Row<'_>) -> Result<(), RowError> {
    let count = ImageCount {
        images: count(row, 5)?,
        in_use: count(row, 6)?,
        use_not_stated: count(row, 7)?,
        newest_scan: optional_time(row, 8)?,
        last_in_use: optional_time(row, 9)?,
    };
    counts.add(text(row, 3)?, text(row, 4)?, &count);
    Ok(())
}

fn image_row(known: &mut Known, row: &Row<'_>) -> Result<ImageRow, RowError> {
    let name = text(row, 2)?;
    let in_use: Option<i64> = row.get(7)?;
    Ok(ImageRow {
        account: known.account(text(row, 0)?)?,
        region: known.region(text(row, 1)?)?,
        repository: name.parse().map_err(|_| bad(name))?,
        digest: text(row, 3)?.to_owned(),
        status: text(row, 4)?.to_owned(),
        reason: text(row, 5)?.to_owned(),
        last_scanned_at: optional_time(row, 6)?,
        in_use_count: in_use.map(|n| u64::try_from(n).map_err(|_| bad("a number below zero"))).transpose()?,
        last_in_use_at: optional_time(row, 8)?,
        is_index: row.get(9)?,
    })
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// A value, or how it is known that there is none.
fn parts<'r>(row: &'r Row<'_>, at: usize) -> Result<(Option<&'r str>, &'r str), RowError> {
    let read = |bytes| std::str::from_utf8(bytes).map_err(|_| bad("a value that is no text"));
    match row.get_ref(at)? {
        ValueRef::Text(bytes) => Ok((Some(read(bytes)?), KNOWN)),
        ValueRef::Blob(bytes) => Ok((None, read(bytes)?)),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => Err(bad("a value that is no text")),
    }
}

fn observed<T>(
    decode: &Decoder,
    row: &Row<'_>,
    at: usize,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Observed<T>, RowError> {
    let (value, state) = parts(row, at)?;
    decode.observed(value, state, parse).map_err(|BadValue(value)| bad(value))
}

fn asked<T>(
    decode: &Decoder,
    row: &Row<'_>,
    at: usize,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Asked<T>, RowError> {
    let (value, state) = parts(row, at)?;
    decode.asked(value, state, parse).map_err(|BadValue(value)| bad(value))
}
