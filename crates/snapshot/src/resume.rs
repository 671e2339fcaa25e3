//! What earlier runs of an audit left in a snapshot that a later run need not ask again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::Connection;
use scangap_model::{
    AccountFacts, AccountId, AccountOutcome, Asked, Gap, Observed, RegionFact, RegionName, RegionStatus,
};

use crate::codec::gap_id;
use crate::open::{RowError, bad, connect, failed};
use crate::orphans::columns_with_gaps;
use crate::read::{Snapshot, parsed};
use crate::read_error::ReadError;
use crate::schema::SCHEMA_VERSION;

/// A snapshot as the run finds it that resumes it.
#[derive(Debug, Clone)]
pub struct StoredRun {
    pub snapshot: Snapshot,
    /// Whether the organization was listed, and no answer is missing that may come when it is asked for again.
    pub organization_is_whole: bool,
    pub accounts: BTreeMap<AccountId, StoredAccount>,
}

/// How far an account was read.
#[derive(Debug, Clone)]
pub struct StoredAccount {
    pub facts: AccountFacts,
    /// Whether nothing of the account itself, its registries apart, is to be asked again.
    pub is_whole: bool,
    /// Of an account that was opened.
    pub regions: Vec<RegionFact>,
    /// Registries of which nothing is to be asked again.
    pub whole: BTreeSet<RegionName>,
    /// Registries that are stored and of which something is.
    pub partial: BTreeSet<RegionName>,
}

impl StoredRun {
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let snapshot = Snapshot::open(path)?;
        let connection = connect(path)?;
        let read = || -> Result<_, RowError> {
            let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            (version == SCHEMA_VERSION).then(|| Tables::read(&connection, &snapshot.facts.gaps)).transpose()
        };
        let Some(tables) = read().map_err(|error| failed(path, "registries", error))? else {
            return Err(ReadError::CannotResume { path: path.to_owned() });
        };
        Ok(tables.into_run(snapshot))
    }
}

type Registries = BTreeMap<AccountId, BTreeSet<RegionName>>;

/// What the tables say of what is left.
struct Tables {
    /// Ids of gaps that may pass.
    passing: BTreeSet<String>,
    /// Lone gaps that may pass, by account; the organization's own under `None`.
    lone: BTreeSet<Option<AccountId>>,
    regions: BTreeMap<AccountId, Vec<RegionFact>>,
    registries: Registries,
    partial: Registries,
    organization_is_partial: bool,
}

impl Tables {
    fn read(connection: &Connection, gaps: &[Gap]) -> Result<Self, RowError> {
        let passing: BTreeSet<String> = gaps.iter().filter(|gap| gap.kind.may_pass()).map(gap_id).collect();
        connection.execute_batch("CREATE TEMP TABLE passing (word TEXT PRIMARY KEY) WITHOUT ROWID")?;
        let mut insert = connection.prepare("INSERT OR IGNORE INTO temp.passing VALUES (?1), ('gap:' || ?1)")?;
        for id in &passing {
            insert.execute([id])?;
        }
        let mut tables = Self {
            passing,
            lone: BTreeSet::new(),
            regions: BTreeMap::new(),
            registries: Registries::new(),
            partial: Registries::new(),
            organization_is_partial: false,
        };
        let mut lone = connection.prepare("SELECT account_id FROM lone_gaps JOIN temp.passing ON word = gap_id")?;
        let mut rows = lone.query([])?;
        while let Some(row) = rows.next()? {
            let of: String = row.get(0)?;
            tables.lone.insert(if of.is_empty() { None } else { Some(of.parse().map_err(|_| bad(of))?) });
        }
        let mut regions = connection.prepare("SELECT account_id, region, status FROM account_regions ORDER BY 1, 2")?;
        let mut rows = regions.query([])?;
        while let Some(row) = rows.next()? {
            let status: String = row.get("status")?;
            let status = match status.as_str() {
                "enabled" => RegionStatus::Enabled,
                "not enabled" => RegionStatus::NotEnabled,
                _ => RegionStatus::Other(status),
            };
            let fact = RegionFact { region: parsed(row, "region")?, status };
            tables.regions.entry(parsed(row, "account_id")?).or_default().push(fact);
        }
        tables.registries = keys(connection, "SELECT account_id, region FROM registries")?;
        tables.partial = keys(connection, "SELECT account_id, region FROM registries WHERE outcome = 'not_reached'")?;
        for table in ["registries", "repositories", "coverage"] {
            let gaps = refers_to_passing(connection, table)?;
            let sql = format!("SELECT DISTINCT account_id, region FROM {table} WHERE {gaps}");
            for (account, mut regions) in keys(connection, &sql)? {
                tables.partial.entry(account).or_default().append(&mut regions);
            }
        }
        let gaps = refers_to_passing(connection, "organization")?;
        let of_organization = format!("SELECT EXISTS (SELECT 1 FROM organization WHERE {gaps})");
        tables.organization_is_partial = connection.query_row(&of_organization, [], |row| row.get(0))?;
        Ok(tables)
    }

    fn into_run(mut self, snapshot: Snapshot) -> StoredRun {
        let mut accounts = BTreeMap::new();
        for (id, facts) in &snapshot.facts.accounts {
            let partial = self.partial.remove(id).unwrap_or_default();
            let mut whole = self.registries.remove(id).unwrap_or_default();
            whole.retain(|region| !partial.contains(region));
            let is_whole = !self.lone.contains(&Some(*id)) && !self.may_pass(facts);
            let regions = self.regions.remove(id).unwrap_or_default();
            accounts.insert(*id, StoredAccount { facts: facts.clone(), is_whole, regions, whole, partial });
        }
        let all_shards = snapshot.meta.missing_shards.is_empty();
        let organization_is_whole = all_shards && !self.organization_is_partial && !self.lone.contains(&None);
        StoredRun { snapshot, organization_is_whole, accounts }
    }

    fn may_pass(&self, facts: &AccountFacts) -> bool {
        let stays = |gap: Option<&Gap>| gap.is_none_or(|gap| !self.passing.contains(&gap_id(gap)));
        let outcome = match &facts.outcome {
            AccountOutcome::NotReached => return true,
            AccountOutcome::Unreadable(gap) => Some(gap),
            AccountOutcome::Read { .. } | AccountOutcome::Skipped { .. } => None,
        };
        let source = match &facts.regions_source {
            Asked::Answered(Observed::Unknown(gap)) => Some(&**gap),
            _ => None,
        };
        !(stays(outcome) && stays(source))
    }
}

/// A condition: whether any fact of a row refers to a gap that may pass.
fn refers_to_passing(connection: &Connection, table: &str) -> rusqlite::Result<String> {
    let columns = columns_with_gaps(connection, table)?;
    let one = |column: String| format!("{column} IN (SELECT word FROM temp.passing)");
    Ok(columns.into_iter().map(one).collect::<Vec<_>>().join(" OR "))
}

fn keys(connection: &Connection, sql: &str) -> Result<Registries, RowError> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut keys = Registries::new();
    while let Some(row) = rows.next()? {
        keys.entry(parsed(row, "account_id")?).or_default().insert(parsed(row, "region")?);
    }
    Ok(keys)
}
