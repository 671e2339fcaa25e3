//! Reading a snapshot. The file is opened read-only: reading never changes it.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, Row};
use scangap_model::{
    AccountFacts, AccountOutcome, Api, AuditFacts, Cause, CoverageSource, CreationTemplate, Gap, GapKind,
    OrganizationFacts, RegionsSource, RegistryAnswers, RegistryFacts, RegistryOutcome, ScanRule, Scope,
    ServiceLinkedRole, Shard,
};

use crate::codec::{Decoder, durations, from_json_list};
use crate::digest::facts_sha256;

use crate::open::{RowError, bad, connect, failed};
use crate::orphans::refer;
use crate::read_error::ReadError;
use crate::repositories::StoredRepositories;
use crate::to_store::{ApiUse, BucketWait, PhaseTime};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    Complete,
    Interrupted,
}

/// How the run went that wrote the snapshot.
#[derive(Debug, Clone)]
pub struct Meta {
    pub state: RunState,
    pub simulated: bool,
    pub endpoint: Option<String>,
    pub tool_version: String,
    pub command_line: String,
    pub caller_arn: String,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub as_of: Timestamp,
    /// Keys of tags that were read of every repository.
    pub tag_keys: Vec<String>,
    /// Whom the finished snapshot is encrypted to.
    pub age_recipients: Vec<String>,
    /// Whether the images' rows are in it one by one.
    pub keeps_images: bool,
    /// The slice of the accounts that was read; `None`: all.
    pub shard: Option<Shard>,
    /// The roles that were assumed, in words.
    pub roles: String,
    /// How many accounts are asked over all shards.
    pub accounts_asked: usize,
    /// Shards that were not there when the others were merged.
    pub missing_shards: Vec<Shard>,
    /// Whether one of those that were had not come to its end.
    pub parts_interrupted: bool,
    /// `None` in a run that was never closed.
    pub facts_sha256: Option<String>,
    pub api_use: Vec<ApiUse>,
    /// The buckets of AWS's that were waited for longest, the longest first.
    pub bucket_waits: Vec<BucketWait>,
    /// The runs that wrote the snapshot, in order: the first, and those that resumed it.
    pub runs: Vec<StoredCall>,
}

/// One run of `scangap audit`, as the snapshot remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCall {
    pub started_at: Option<Timestamp>,
    /// `None`: it was killed.
    pub finished_at: Option<Timestamp>,
    pub command_line: String,
    pub caller_arn: String,
    /// What each of its phases took, in order; none of a run that was killed.
    pub phases: Vec<PhaseTime>,
}

/// An account as it is listed.
#[derive(Debug, Clone)]
pub struct ListedAccount {
    pub id: String,
    pub name: Option<String>,
    pub ou_path: Option<String>,
}

/// A snapshot: what is few in memory, the repositories where they are.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub meta: Meta,
    pub facts: AuditFacts,
    pub repositories: StoredRepositories,
}

/// One table's reading: SQLite's errors and wrong values get the file and the table.
struct Tables<'a> {
    path: &'a Path,
    connection: &'a Connection,
    decode: Decoder,
}

/// The hash of a snapshot's facts, as it says and as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactsHash {
    /// `None`: the run was never closed.
    pub stored: Option<String>,
    pub computed: String,
}

impl Snapshot {
    /// The hash of the facts, made again.
    pub fn hash_facts(path: &Path) -> Result<FactsHash, ReadError> {
        let connection = connect(path)?;
        let computed =
            facts_sha256(&connection).map_err(|source| ReadError::Sqlite { path: path.to_owned(), source })?;
        let tables = Tables { path, connection: &connection, decode: Decoder { gaps: BTreeMap::new() } };
        Ok(FactsHash { stored: tables.meta()?.facts_sha256, computed })
    }

    /// How the run went, without the facts.
    pub fn meta(path: &Path) -> Result<Meta, ReadError> {
        let connection = connect(path)?;
        Tables { path, connection: &connection, decode: Decoder { gaps: BTreeMap::new() } }.meta()
    }

    /// The organization, without its accounts; `None` where it was not read yet.
    pub fn organization(path: &Path) -> Result<Option<OrganizationFacts>, ReadError> {
        let connection = connect(path)?;
        let mut tables = Tables { path, connection: &connection, decode: Decoder { gaps: BTreeMap::new() } };
        tables.decode.gaps = tables.rows("gaps", GAPS, gap)?.into_iter().collect();
        Ok(tables.rows("organization", "SELECT * FROM organization", organization)?.into_iter().next())
    }

    /// The accounts alone, for shells that complete what is typed.
    pub fn listed_accounts(path: &Path) -> Result<Vec<ListedAccount>, ReadError> {
        let connection = connect(path)?;
        let tables = Tables { path, connection: &connection, decode: Decoder { gaps: BTreeMap::new() } };
        let sql = "SELECT account_id, name, ou_path FROM accounts ORDER BY account_id";
        tables.rows("accounts", sql, |_, row| {
            Ok(ListedAccount { id: row.get("account_id")?, name: row.get("name")?, ou_path: row.get("ou_path")? })
        })
    }

    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let connection = connect(path)?;
        let mut tables = Tables { path, connection: &connection, decode: Decoder { gaps: BTreeMap::new() } };
        let meta = tables.meta()?;
        tables.decode.gaps = if meta.state == RunState::Interrupted && meta.runs.len() > 1 {
            // A run that resumed it and was killed took out no gap in whose place it had learnt the fact.
            refer(&connection).map_err(|source| ReadError::Sqlite { path: path.to_owned(), source })?;
            let referred = format!("{GAPS} WHERE gap_id IN (SELECT gap_id FROM temp.referred)");
            tables.rows("gaps", &referred, gap)?.into_iter().collect()
        } else {
            tables.rows("gaps", GAPS, gap)?.into_iter().collect()
        };
        let organization = tables.rows("organization", "SELECT * FROM organization", organization)?;
        let mut organization = organization.into_iter().next().ok_or_else(|| ReadError::Empty(path.to_owned()))?;
        organization.caller_arn.clone_from(&meta.caller_arn);
        let accounts = tables.rows("accounts", "SELECT * FROM accounts ORDER BY account_id", account)?;
        // There may be hundreds of thousands: each goes to its place at once, and none is held twice.
        let mut registries = BTreeMap::new();
        let mut different = HashSet::new();
        let mut keep = |mut facts: RegistryFacts| {
            facts.share(&mut different);
            registries.insert((facts.account, facts.region.clone()), facts);
        };
        tables.each("registries", "SELECT * FROM registries", registry, &mut keep)?;
        if meta.state == RunState::Interrupted {
            // A run that was killed wrote no row for what it had ahead.
            let ahead = |_: &Decoder, row: &Row<'_>| {
                let (account, region) = (parsed(row, "account_id")?, parsed(row, "region")?);
                Ok(RegistryFacts::unasked(account, region, RegistryOutcome::NotReached))
            };
            tables.each("account_regions", REGISTRIES_AHEAD, ahead, &mut keep)?;
        }
        let policies = tables.rows("policies", "SELECT * FROM policies", |_, row| {
            let hash: String = row.get("sha256")?;
            Ok((hash.parse().map_err(|_| bad(&hash))?, row.get("text")?))
        })?;
        let decode = Arc::new(tables.decode);
        let mut gaps: Vec<Gap> = decode.gaps.values().cloned().collect();
        gaps.sort_by(|a, b| a.key().cmp(&b.key()));
        let facts = AuditFacts {
            organization,
            accounts: accounts.into_iter().map(|account| (account.id, account)).collect(),
            registries,
            policies: policies.into_iter().collect(),
            gaps,
        };
        Ok(Self { meta, facts, repositories: StoredRepositories::new(path, decode) })
    }
}

impl Tables<'_> {
    fn rows<T>(
        &self,
        table: &'static str,
        sql: &str,
        read: impl Fn(&Decoder, &Row<'_>) -> Result<T, RowError>,
    ) -> Result<Vec<T>, ReadError> {
        let mut all = Vec::new();
        self.each(table, sql, read, &mut |row| all.push(row))?;
        Ok(all)
    }

    fn each<T>(
        &self,
        table: &'static str,
        sql: &str,
        read: impl Fn(&Decoder, &Row<'_>) -> Result<T, RowError>,
        keep: &mut dyn FnMut(T),
    ) -> Result<(), ReadError> {
        let mut all = || -> Result<(), RowError> {
            let mut statement = self.connection.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                keep(read(&self.decode, row)?);
            }
            Ok(())
        };
        all().map_err(|error| failed(self.path, table, error))
    }

    fn runs(&self) -> Result<Vec<StoredCall>, ReadError> {
        if !self.has("runs")? {
            return Ok(Vec::new());
        }
        let mut phases: BTreeMap<i64, Vec<PhaseTime>> = BTreeMap::new();
        if self.has("phases")? {
            let sql = "SELECT * FROM phases ORDER BY run, number";
            for (run, phase) in self.rows("phases", sql, |_, row| {
                let took_ms = u64::try_from(row.get::<_, i64>("took_ms")?).unwrap_or(0);
                Ok((row.get::<_, i64>("run")?, PhaseTime { phase: row.get("phase")?, took_ms }))
            })? {
                phases.entry(run).or_default().push(phase);
            }
        }
        self.rows("runs", "SELECT * FROM runs ORDER BY number", |_, row| {
            let time = |text: Option<String>| text.and_then(|text| text.parse().ok());
            Ok(StoredCall {
                started_at: time(row.get("started_at")?),
                finished_at: time(row.get("finished_at")?),
                command_line: row.get("command_line")?,
                caller_arn: row.get("caller_arn")?,
                phases: phases.get(&row.get("number")?).cloned().unwrap_or_default(),
            })
        })
    }

    fn bucket_waits(&self) -> Result<Vec<BucketWait>, ReadError> {
        if !self.has("bucket_waits")? {
            return Ok(Vec::new());
        }
        let sql = "SELECT * FROM bucket_waits ORDER BY waited_ms DESC, place, api";
        self.rows("bucket_waits", sql, |_, row| {
            let waited_ms = u64::try_from(row.get::<_, i64>("waited_ms")?).unwrap_or(0);
            Ok(BucketWait { place: row.get("place")?, api: row.get("api")?, waited_ms })
        })
    }

    /// Whether the file has a table that older files have not.
    fn has(&self, table: &str) -> Result<bool, ReadError> {
        let sql = format!("SELECT count(*) FROM sqlite_master WHERE name = '{table}'");
        Ok(self.rows("meta", &sql, |_, row| Ok(row.get::<_, i64>(0)? > 0))? == [true])
    }

    fn meta(&self) -> Result<Meta, ReadError> {
        let pairs: BTreeMap<String, String> = self
            .rows("meta", "SELECT * FROM meta", |_, row| Ok((row.get("key")?, row.get("value")?)))?
            .into_iter()
            .collect();
        let api_use = self.rows("api_use", "SELECT * FROM api_use ORDER BY api", |_, row| {
            let number = |name: &str| row.get::<_, i64>(name).map(|n| u64::try_from(n).unwrap_or(0));
            // Older files do not have the times.
            let time = |name: &str| number(name).unwrap_or(0);
            Ok(ApiUse {
                waited_ms: time("waited_ms"),
                answered_ms: time("answered_ms"),
                api: row.get("api")?,
                calls: number("calls")?,
                attempts: number("attempts")?,
                throttled: number("throttled")?,
            })
        })?;
        let mut runs = self.runs()?;
        let text = |key: &str| pairs.get(key).cloned().unwrap_or_default();
        let time = |key: &str| pairs.get(key).and_then(|value| value.parse().ok());
        let wrong = |key: &'static str| ReadError::BadValue {
            path: self.path.to_owned(),
            table: "meta",
            value: format!("{key} {}", text(key)),
        };
        if runs.is_empty() {
            // Older files hold one run, and no table of them.
            runs.push(StoredCall {
                started_at: time("started_at"),
                finished_at: time("finished_at"),
                command_line: text("command_line"),
                caller_arn: text("caller_arn"),
                phases: Vec::new(),
            });
        }
        Ok(Meta {
            runs,
            state: if text("state") == "complete" { RunState::Complete } else { RunState::Interrupted },
            simulated: text("simulated") != "no",
            endpoint: pairs.get("endpoint").filter(|endpoint| !endpoint.is_empty()).cloned(),
            tool_version: text("tool_version"),
            command_line: text("command_line"),
            caller_arn: text("caller_arn"),
            started_at: time("started_at"),
            finished_at: time("finished_at"),
            as_of: time("as_of").ok_or_else(|| wrong("as_of"))?,
            // Older files have no such list, because older releases had no option to request tags.
            age_recipients: pairs.get("age_recipients").and_then(|text| from_json_list(text)).unwrap_or_default(),
            tag_keys: pairs.get("tag_keys").and_then(|text| from_json_list(text)).unwrap_or_default(),
            keeps_images: text("keeps_images") == "yes",
            shard: pairs.get("shard").filter(|text| !text.is_empty()).and_then(|text| text.parse().ok()),
            roles: text("roles"),
            accounts_asked: text("accounts_asked").parse().unwrap_or_default(),
            parts_interrupted: text("parts_interrupted") == "yes",
            missing_shards: pairs
                .get("missing_shards")
                .map(|text| text.split(' ').filter_map(|shard| shard.parse().ok()).collect())
                .unwrap_or_default(),
            facts_sha256: pairs.get("facts_sha256").cloned(),
            api_use,
            bucket_waits: self.bucket_waits()?,
        })
    }
}

const REGISTRIES_AHEAD: &str = "SELECT account_id, region FROM account_regions r WHERE NOT EXISTS
    (SELECT 1 FROM registries c WHERE c.account_id = r.account_id AND c.region = r.region)";

pub(crate) const GAPS: &str = "SELECT g.*, e.message, e.attempts FROM gaps g LEFT JOIN gap_evidence e USING (gap_id)";

pub(crate) fn parsed<T: std::str::FromStr>(row: &Row<'_>, column: &str) -> Result<T, RowError> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| bad(format!("{column} {text}")))
}

pub(crate) fn gap(_: &Decoder, row: &Row<'_>) -> Result<(String, Gap), RowError> {
    let optional = |column: &str| row.get::<_, Option<String>>(column);
    let api: String = row.get("api")?;
    let kind: String = row.get("kind")?;
    let cause: String = row.get("cause")?;
    let gap = Gap {
        api: Api::from_permission(&api).ok_or_else(|| bad(&api))?,
        account: optional("account_id")?.map(|text| text.parse().map_err(|_| bad(&text))).transpose()?,
        region: optional("region")?.map(|text| text.parse().map_err(|_| bad(&text))).transpose()?,
        resource: row.get("resource")?,
        kind: GapKind::from_word(&kind).ok_or_else(|| bad(&kind))?,
        code: row.get("code")?,
        cause: Cause::from_word(&cause).ok_or_else(|| bad(&cause))?,
        policy_arn: row.get("policy_arn")?,
        message: optional("message")?.unwrap_or_default(),
        attempts: row.get::<_, Option<u32>>("attempts")?.unwrap_or(0),
    };
    Ok((row.get("gap_id")?, gap))
}

fn organization(decode: &Decoder, row: &Row<'_>) -> Result<OrganizationFacts, RowError> {
    let list = |column: &str| row.get::<_, String>(column);
    let ids = |column: &str| -> Result<Vec<_>, RowError> {
        let text = list(column)?;
        from_json_list(&text).ok_or_else(|| bad(text))
    };
    let units = list("scope_organizational_units")?;
    let regions = list("scope_regions")?;
    Ok(OrganizationFacts {
        partition: parsed(row, "partition")?,
        caller_account: parsed(row, "caller_account")?,
        caller_arn: String::new(),
        id: observed(decode, row, "organization_id", |text| text.parse().ok())?,
        management_account: observed(decode, row, "management_account", |text| text.parse().ok())?,
        inspector_admin: observed(decode, row, "inspector_admin", |text| text.parse().ok())?,
        n_accounts: observed(decode, row, "n_accounts", |text| text.parse().ok())?,
        scope: Scope {
            accounts: ids("scope_accounts")?,
            exclude_accounts: ids("scope_exclude_accounts")?,
            organizational_units: from_json_list(&units).ok_or_else(|| bad(units))?,
            regions: from_json_list(&regions).ok_or_else(|| bad(regions))?,
        },
    })
}

#[expect(clippy::unnecessary_wraps, reason = "every text is a text; other facts are parsed")]
fn owned(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn observed<T>(
    decode: &Decoder,
    row: &Row<'_>,
    column: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<scangap_model::Observed<T>, RowError> {
    let state: String = row.get(format!("{column}_state").as_str())?;
    let value: Option<String> = row.get(column)?;
    Ok(decode.observed(value.as_deref(), &state, parse)?)
}

fn asked<T>(
    decode: &Decoder,
    row: &Row<'_>,
    column: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<scangap_model::Asked<T>, RowError> {
    let state: String = row.get(format!("{column}_state").as_str())?;
    let value: Option<String> = row.get(column)?;
    Ok(decode.asked(value.as_deref(), &state, parse)?)
}

/// Returns the gap whose id is in `outcome_detail`.
fn refusal(decode: &Decoder, detail: Option<&String>) -> Result<Gap, RowError> {
    detail.and_then(|id| decode.gaps.get(id)).cloned().ok_or_else(|| bad("an outcome without its gap"))
}

fn account(decode: &Decoder, row: &Row<'_>) -> Result<AccountFacts, RowError> {
    let detail: Option<String> = row.get("outcome_detail")?;
    let outcome: String = row.get("outcome")?;
    Ok(AccountFacts {
        id: parsed(row, "account_id")?,
        name: observed(decode, row, "name", owned)?,
        state: observed(decode, row, "state", owned)?,
        ou_path: observed(decode, row, "ou_path", owned)?,
        organization_path: observed(decode, row, "organization_path", owned)?,
        outcome: match outcome.as_str() {
            "read" => AccountOutcome::Read { role_name: detail },
            "skipped" => AccountOutcome::Skipped { reason: detail.unwrap_or_default() },
            "unreadable" => AccountOutcome::Unreadable(refusal(decode, detail.as_ref())?),
            "not_reached" => AccountOutcome::NotReached,
            other => return Err(bad(other)),
        },
        regions_source: asked(decode, row, "regions_source", RegionsSource::from_word)?,
        inspector_role: asked(decode, row, "inspector_role", inspector_role)?,
    })
}

fn registry(decode: &Decoder, row: &Row<'_>) -> Result<RegistryFacts, RowError> {
    let detail: Option<String> = row.get("outcome_detail")?;
    let outcome: String = row.get("outcome")?;
    let count = |column: &str| row.get::<_, i64>(column).map(|n| u64::try_from(n).unwrap_or(0));
    let answers = RegistryAnswers {
        outcome: match outcome.as_str() {
            "read" => RegistryOutcome::Read,
            "not_enabled" => RegistryOutcome::NotEnabled,
            "skipped" => RegistryOutcome::Skipped { reason: detail.unwrap_or_default() },
            "unreadable" => RegistryOutcome::Unreadable(Box::new(refusal(decode, detail.as_ref())?)),
            "not_reached" => RegistryOutcome::NotReached,
            other => return Err(bad(other)),
        },
        repositories: asked(decode, row, "repositories", |text| text.parse().ok())?,
        inspector_status: asked(decode, row, "inspector_status", owned)?,
        inspector_ecr_status: asked(decode, row, "inspector_ecr_status", owned)?,
        registry_scan_type: asked(decode, row, "registry_scan_type", owned)?,
        scan_rules: asked(decode, row, "scan_rules", scan_rules)?,
        registry_policy: asked(decode, row, "registry_policy", |text| text.parse().ok())?,
        registry_policy_scope: asked(decode, row, "registry_policy_scope", owned)?,
        templates: asked(decode, row, "templates", templates)?,
        coverage: asked(decode, row, "coverage", CoverageSource::from_word)?,
        image_coverage: asked(decode, row, "image_coverage", CoverageSource::from_word)?,
        rescan_durations: asked(decode, row, "rescan_durations", |text| durations(text).map(Box::new))?,
        auto_enable: asked(decode, row, "auto_enable", |text| text.parse().ok())?,
        coverage_without_repository: count("coverage_without_repository")?,
        vanished: count("vanished")?,
    };
    Ok(RegistryFacts::of(parsed(row, "account_id")?, parsed(row, "region")?, answers))
}

fn inspector_role(text: &str) -> Option<ServiceLinkedRole> {
    let role: serde_json::Value = serde_json::from_str(text).ok()?;
    Some(ServiceLinkedRole {
        id: role.get("id")?.as_str()?.to_owned(),
        tags: serde_json::from_value(role.get("tags")?.clone()).ok()?,
        last_used_at: match role.get("last_used_at")?.as_str() {
            Some(time) => Some(time.parse().ok()?),
            None => None,
        },
    })
}

fn scan_rules(text: &str) -> Option<Vec<ScanRule>> {
    let rules: Vec<serde_json::Value> = serde_json::from_str(text).ok()?;
    rules
        .iter()
        .map(|rule| {
            let filters = rule.get("filters")?.as_array()?.iter().map(|filter| Some(filter.as_str()?.to_owned()));
            Some(ScanRule {
                frequency: rule.get("frequency")?.as_str()?.to_owned(),
                filters: filters.collect::<Option<_>>()?,
            })
        })
        .collect()
}

fn templates(text: &str) -> Option<Vec<CreationTemplate>> {
    let templates: Vec<serde_json::Value> = serde_json::from_str(text).ok()?;
    templates
        .iter()
        .map(|template| {
            let policy = match template.get("policy")?.as_str() {
                Some(hash) => Some(hash.parse().ok()?),
                None => None,
            };
            Some(CreationTemplate { prefix: template.get("prefix")?.as_str()?.to_owned(), policy })
        })
        .collect()
}
