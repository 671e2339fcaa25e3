//! Repositories as they stream out of the file, each with its coverage: two sorted tables, read side by side.
//!
//! A million records pass here, so columns are read by position, and what repeats from row to row is parsed once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use jiff::Timestamp;
use rusqlite::{Connection, Row, Rows};
use scangap_model::{
    AccountId, Asked, CoverageRow, Observed, PolicyHash, Records, RegionName, Repositories, RepositoryFacts,
    RepositoryName, RepositoryRecord,
};

use crate::codec::{BadValue, Decoder};
use crate::read::{ReadError, RowError, bad, connect, failed};

const REPOSITORIES: &str =
    "SELECT account_id, region, repository, arn, listed, created_at, created_at_state, policy, policy_state,
    scan_frequency, scan_frequency_state, has_active_image, has_active_image_state, tags, tags_state
    FROM repositories ORDER BY account_id, region, repository LIMIT -1 OFFSET ?1";
const ONE_REPOSITORY: &str =
    "SELECT account_id, region, repository, arn, listed, created_at, created_at_state, policy, policy_state,
    scan_frequency, scan_frequency_state, has_active_image, has_active_image_state, tags, tags_state
    FROM repositories WHERE account_id = ?1 AND region = ?2 AND repository = ?3";
const COVERAGE: &str = "SELECT account_id, region, repository, resource_id, image_digest, status, status_state, reason, reason_state,
    last_scanned_at, last_scanned_at_state
    FROM coverage WHERE (account_id, region, repository) >= (?1, ?2, ?3) ORDER BY account_id, region, repository, resource_id";

/// Records that one message carries, and messages that wait: what is read ahead is bounded.
const BATCH: usize = 512;
const WAITING: usize = 4;

/// The repositories of a snapshot. Each reading opens the file anew, on a thread of its own that stays a little ahead.
#[derive(Debug, Clone)]
pub struct StoredRepositories {
    path: PathBuf,
    decode: Arc<Decoder>,
}

type Batch = Result<Vec<RepositoryRecord>, ReadError>;

impl StoredRepositories {
    pub(crate) fn new(path: &Path, decode: Arc<Decoder>) -> Self {
        Self { path: path.to_owned(), decode }
    }

    /// One repository by its key.
    pub fn find(
        &self,
        account: AccountId,
        region: &RegionName,
        repository: &str,
    ) -> Result<Option<RepositoryFacts>, ReadError> {
        let connection = connect(&self.path)?;
        let mut known = Known::default();
        let mut one = || -> Result<Option<RepositoryFacts>, RowError> {
            let mut statement = connection.prepare(ONE_REPOSITORY)?;
            let mut rows = statement.query([&account.to_string(), region.as_str(), repository])?;
            rows.next()?.map(|row| repository_facts(&self.decode, &mut known, row)).transpose()
        };
        one().map_err(|error| failed(&self.path, "repositories", error))
    }
}

impl Repositories for StoredRepositories {
    fn records_from(&self, skip: usize) -> Records<'_> {
        let (sender, receiver) = sync_channel(WAITING);
        let source = self.clone();
        // The thread ends with the file, or when nobody listens any more.
        std::thread::spawn(move || source.read(skip, &sender));
        Box::new(Stream { receiver, batch: Vec::new().into_iter() })
    }
}

impl StoredRepositories {
    fn read(&self, skip: usize, sender: &SyncSender<Batch>) {
        let outcome = connect(&self.path).and_then(|connection| {
            self.merge(&connection, skip, sender).map_err(|(table, error)| failed(&self.path, table, error))
        });
        if let Err(error) = outcome {
            let _ = sender.send(Err(error));
        }
    }

    /// `Ok` also where the listener went away.
    fn merge(
        &self,
        connection: &Connection,
        skip: usize,
        sender: &SyncSender<Batch>,
    ) -> Result<(), (&'static str, RowError)> {
        let repositories = |error: rusqlite::Error| ("repositories", RowError::from(error));
        let of_coverage = |error: rusqlite::Error| ("coverage", RowError::from(error));
        let skip = i64::try_from(skip).unwrap_or(i64::MAX);
        let mut statement = connection.prepare(REPOSITORIES).map_err(repositories)?;
        let mut rows = statement.query([skip]).map_err(repositories)?;
        let mut coverage_statement = connection.prepare(COVERAGE).map_err(of_coverage)?;
        let mut known = Known::default();
        let Some(first) = rows.next().map_err(repositories)? else { return Ok(()) };
        let mut next =
            Some(repository_facts(&self.decode, &mut known, first).map_err(|error| ("repositories", error))?);
        let start = next.iter().flat_map(|facts: &RepositoryFacts| {
            [facts.account.to_string(), facts.region.to_string(), facts.name.to_string()]
        });
        let mut coverage = Coverage {
            rows: coverage_statement.query(rusqlite::params_from_iter(start)).map_err(of_coverage)?,
            ahead: None,
            started: false,
            decode: &self.decode,
            known: Known::default(),
        };
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(facts) = next {
            let coverage = coverage.of(&facts).map_err(|error| ("coverage", error))?;
            batch.push(RepositoryRecord { facts, coverage });
            if batch.len() == BATCH {
                let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                if sender.send(Ok(full)).is_err() {
                    return Ok(());
                }
            }
            next = match rows.next().map_err(repositories)? {
                Some(row) => {
                    Some(repository_facts(&self.decode, &mut known, row).map_err(|error| ("repositories", error))?)
                }
                None => None,
            };
        }
        let _ = sender.send(Ok(batch));
        Ok(())
    }
}

struct Stream {
    receiver: Receiver<Batch>,
    batch: std::vec::IntoIter<RepositoryRecord>,
}

impl Iterator for Stream {
    type Item = Result<RepositoryRecord, scangap_model::RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.batch.next() {
                return Some(Ok(record));
            }
            // The sender is gone: everything was read, or an error was the last thing it said.
            match self.receiver.recv().ok()? {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(error) => return Some(Err(Box::new(error))),
            }
        }
    }
}

/// Coverage rows, taken as their repositories come by. Rows whose repository is not stored are passed over: the cell
/// counts them.
struct Coverage<'a, 'c> {
    rows: Rows<'c>,
    ahead: Option<CoverageRow>,
    started: bool,
    decode: &'a Decoder,
    known: Known,
}

impl Coverage<'_, '_> {
    fn advance(&mut self) -> Result<(), RowError> {
        self.started = true;
        self.ahead = match self.rows.next()? {
            Some(row) => Some(coverage_row(self.decode, &mut self.known, row)?),
            None => None,
        };
        Ok(())
    }

    fn of(&mut self, facts: &RepositoryFacts) -> Result<Vec<CoverageRow>, RowError> {
        if !self.started {
            self.advance()?;
        }
        let wanted = (facts.account, &facts.region, &facts.name);
        let mut found = Vec::new();
        while let Some(row) = &self.ahead {
            match (row.account, &row.region, &row.repository).cmp(&wanted) {
                std::cmp::Ordering::Greater => break,
                std::cmp::Ordering::Equal => {
                    found.extend(self.ahead.take());
                    self.advance()?;
                }
                std::cmp::Ordering::Less => self.advance()?,
            }
        }
        Ok(found)
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
        policy: observed(decode, row, 7, |text| known.hash(text))?,
        scan_frequency: observed(decode, row, 9, |text| Some(text.to_owned()))?,
        has_active_image: asked(decode, row, 11, |text| text.parse().ok())?,
        tags: asked(decode, row, 13, |text| serde_json::from_str(text).ok())?,
    })
}

fn coverage_row(decode: &Decoder, known: &mut Known, row: &Row<'_>) -> Result<CoverageRow, RowError> {
    let name = text(row, 2)?;
    Ok(CoverageRow {
        account: known.account(text(row, 0)?)?,
        region: known.region(text(row, 1)?)?,
        repository: name.parse().map_err(|_| bad(name))?,
        resource_id: text(row, 3)?.to_owned(),
        image_digest: row.get(4)?,
        status: observed(decode, row, 5, |text| Some(text.to_owned()))?,
        reason: observed(decode, row, 7, |text| Some(text.to_owned()))?,
        last_scanned_at: observed(decode, row, 9, time)?,
    })
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// The value in a column, and how it is known in the next.
fn parts<'r>(row: &'r Row<'_>, at: usize) -> Result<(Option<&'r str>, &'r str), RowError> {
    let value = row.get_ref(at)?.as_str_or_null().map_err(|_| bad("a value that is no text"))?;
    Ok((value, text(row, at + 1)?))
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
