//! Rows of accounts, registries and gaps, and which of two that are of one place stays.

use rusqlite::{Connection, OptionalExtension, params};
use scangap_model::{
    AccountFacts, AccountOutcome, Api, Cause, CoverageRow, Gap, GapKind, ImageCounts, ImageRow, ImagesOf,
    RegistryFacts, RegistryOutcome, RepositoryFacts, RepositoryName, ServiceLinkedRole,
};

use crate::codec::{Encoder, durations_text, gap_id};
use crate::keep::{RegistryAside, write_over};
use crate::schema::OF_REGISTRIES;
use crate::to_store::{BucketWait, PhaseTime, RegistryToStore, WriteError};

/// Adds a row, column by column: `insert!(connection, "INSERT", table, { column: value, })`.
macro_rules! insert {
    (@one $column:ident) => { ", ?" };
    ($connection:expr, $verb:literal, $table:ident, { $first:ident: $value:expr, $($column:ident: $more:expr,)* }) => {
        $connection
            .prepare_cached(concat!(
                $verb, " INTO ", stringify!($table), " (", stringify!($first) $(, ", ", stringify!($column))*,
                ") VALUES (?", $($crate::rows::insert!(@one $column),)* ")"
            ))
            .and_then(|mut statement| {
                statement.execute(&[&$value as &dyn rusqlite::ToSql, $(&$more as &dyn rusqlite::ToSql,)*][..])
            })
    };
}

pub(crate) use insert;

pub(crate) fn was_read(connection: &Connection, account: &str) -> Result<bool, WriteError> {
    let read = "SELECT EXISTS (SELECT 1 FROM accounts WHERE account_id = ?1 AND outcome = 'read')";
    Ok(connection.query_row(read, [account], |row| row.get(0))?)
}

/// Whether an account's facts may take the place of those that are stored: one that was read does not become one that was not,
/// and what is known of one does not give way to nothing.
pub(crate) fn is_better(connection: &Connection, facts: &AccountFacts) -> Result<bool, WriteError> {
    let account = facts.id.to_string();
    match facts.outcome {
        AccountOutcome::Read { .. } => Ok(true),
        AccountOutcome::Skipped { .. } | AccountOutcome::Unreadable(_) => Ok(!was_read(connection, &account)?),
        AccountOutcome::NotReached => {
            let known = "SELECT EXISTS (SELECT 1 FROM accounts WHERE account_id = ?1 AND outcome <> 'not_reached')";
            let is_known: bool = connection.query_row(known, [account], |row| row.get(0))?;
            Ok(!is_known)
        }
    }
}

/// Stores how an account that is listed already ended. Whether it is. What Organizations says of it comes with the whole list.
pub(crate) fn ends_as(connection: &Connection, facts: &AccountFacts) -> Result<bool, WriteError> {
    let mut encode = Encoder::default();
    let (outcome, detail) = outcome_of(&facts.outcome, &mut encode);
    let source = encode.asked_as(&facts.regions_source, |source| source.word().to_owned());
    let id = facts.id.to_string();
    let mut known = 0;
    write_over(connection, "accounts", "account_id", &id, &encode, || {
        let update =
            "UPDATE accounts SET outcome = ?2, outcome_detail = ?3, regions_source = ?4, regions_source_state = ?5
             WHERE account_id = ?1";
        known = connection.prepare_cached(update)?.execute(params![id, outcome, detail, source.0, source.1])?;
        Ok(())
    })?;
    write_gaps(connection, encode.gaps.values())?;
    Ok(known > 0)
}

pub(crate) fn outcome_of(outcome: &AccountOutcome, encode: &mut Encoder) -> (&'static str, Option<String>) {
    match outcome {
        AccountOutcome::Read { role_name } => ("read", role_name.clone()),
        AccountOutcome::Skipped { reason } => ("skipped", Some(reason.clone())),
        AccountOutcome::Unreadable(gap) => ("unreadable", Some(encode.gap(gap))),
        AccountOutcome::NotReached => ("not_reached", None),
    }
}

/// Takes over what Organizations says of an account that is stored already, as far as it is known now. Whether it is.
pub(crate) fn describe_again(connection: &Connection, facts: &AccountFacts) -> Result<bool, WriteError> {
    let mut encode = Encoder::default();
    let name = encode.observed(&facts.name);
    let state = encode.observed(&facts.state);
    let ou_path = encode.observed(&facts.ou_path);
    let organization_path = encode.observed(&facts.organization_path);
    let id = facts.id.to_string();
    let mut known = 0;
    write_over(connection, "accounts", "account_id", &id, &encode, || {
        let update = "UPDATE accounts SET name = ?2, name_state = ?3, state = ?4, state_state = ?5, ou_path = ?6,
             ou_path_state = ?7, organization_path = ?8, organization_path_state = ?9 WHERE account_id = ?1";
        known = connection.prepare_cached(update)?.execute(params![
            id,
            name.0,
            name.1,
            state.0,
            state.1,
            ou_path.0,
            ou_path.1,
            organization_path.0,
            organization_path.1
        ])?;
        Ok(())
    })?;
    write_gaps(connection, encode.gaps.values())?;
    Ok(known > 0)
}

pub(crate) fn write_account(connection: &Connection, facts: &AccountFacts) -> Result<(), WriteError> {
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

pub(crate) fn write_whole_registry(
    connection: &Connection,
    registry: &RegistryToStore<'_>,
    resumed: bool,
) -> Result<(), WriteError> {
    let beside = if resumed { make_room(connection, registry.facts)? } else { Beside::Replaces };
    if matches!(beside, Beside::Stays) {
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
    write_gaps(connection, encode.gaps.values())?;
    if let Beside::Merges(aside) = beside {
        aside.put_back()?;
        ask_about_images(connection, registry.facts)?;
    }
    Ok(())
}

/// What neither of two runs had a reason to ask, and both together have, is a gap: the next run asks.
fn ask_about_images(connection: &Connection, facts: &RegistryFacts) -> Result<(), WriteError> {
    let (account, region) = (facts.account.to_string(), facts.region.as_str());
    let mut gaps = Vec::new();
    for name in RegistryAside::not_asked_about_images(connection, &account, region)? {
        let gap = Gap {
            account: Some(facts.account),
            region: Some(facts.region.clone()),
            api: Api::DescribeImages,
            resource: name.clone(),
            kind: GapKind::NotReached,
            code: "Interrupted".to_owned(),
            cause: Cause::NotStated,
            policy_arn: String::new(),
            message: "no run had a reason to ask this before: the next one asks".to_owned(),
            attempts: 0,
        };
        let update = "UPDATE repositories SET has_active_image = NULL, has_active_image_state = 'gap:' || ?4
             WHERE account_id = ?1 AND region = ?2 AND repository = ?3";
        connection.prepare_cached(update)?.execute(params![account, region, name, gap_id(&gap)])?;
        gaps.push(gap);
    }
    write_gaps(connection, gaps.iter())
}

/// What becomes of a registry that this run stores, beside what an earlier run stored of it.
enum Beside<'c> {
    /// What is stored is worth more: anything, where this run did not get there; a registry that was read, or is not enabled, where this run
    /// was refused; one of which anything is known, where AWS refuses every call now.
    Stays,
    /// It takes the place of what is stored.
    Replaces,
    /// Of each fact that this run could not learn the earlier answer stays.
    Merges(RegistryAside<'c>),
}

/// Takes out what an earlier run stored of a registry, unless that is worth more.
fn make_room<'c>(connection: &'c Connection, facts: &RegistryFacts) -> Result<Beside<'c>, WriteError> {
    let (account, region) = (facts.account.to_string(), facts.region.as_str());
    let stored: Option<String> = connection
        .prepare_cached("SELECT outcome FROM registries WHERE account_id = ?1 AND region = ?2")?
        .query_row(params![account, region], |row| row.get(0))
        .optional()?;
    let was = |outcomes: &[&str]| stored.as_deref().is_some_and(|stored| outcomes.contains(&stored));
    let stays = match facts.outcome {
        RegistryOutcome::NotReached => was(&["read", "not_enabled", "unreadable", "skipped"]),
        RegistryOutcome::Unreadable(_) => was(&["read", "not_enabled"]),
        RegistryOutcome::Skipped { .. } => was(&["read", "not_enabled", "unreadable"]),
        RegistryOutcome::NotEnabled => was(&["read"]),
        RegistryOutcome::Read => false,
    };
    if stays {
        return Ok(Beside::Stays);
    }
    // Of a registry that could not be read, Inspector's administrator may have told.
    let is_joined = was(&["read", "unreadable", "not_reached"]) && facts.outcome != RegistryOutcome::NotEnabled;
    let aside = is_joined.then(|| RegistryAside::take(connection, &account, region)).transpose()?;
    for table in OF_REGISTRIES {
        let delete = format!("DELETE FROM {table} WHERE account_id = ?1 AND region = ?2");
        connection.prepare_cached(&delete)?.execute(params![account, region])?;
    }
    Ok(aside.map_or(Beside::Replaces, Beside::Merges))
}

/// In place of those that an earlier run stored.
pub(crate) fn write_lone_gaps<'g>(
    connection: &Connection,
    of: &str,
    gaps: impl Iterator<Item = &'g Gap> + Clone,
) -> Result<(), WriteError> {
    connection.prepare_cached("DELETE FROM lone_gaps WHERE account_id = ?1")?.execute([of])?;
    for gap in gaps.clone() {
        insert!(connection, "INSERT OR REPLACE", lone_gaps, {
            account_id: of,
            gap_id: gap_id(gap),
        })?;
    }
    write_gaps(connection, gaps)
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

pub(crate) fn role_text(role: &ServiceLinkedRole) -> String {
    let used = role.last_used_at.map(|time| time.to_string());
    serde_json::json!({"id": role.id, "tags": role.tags, "last_used_at": used}).to_string()
}

pub(crate) fn write_registry(
    connection: &Connection,
    facts: &RegistryFacts,
    encode: &mut Encoder,
) -> Result<(), WriteError> {
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
    let rescan = encode.asked_as(&facts.rescan_durations, |durations| durations_text(durations));
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

pub(crate) fn write_repository(
    connection: &Connection,
    facts: &RepositoryFacts,
    encode: &mut Encoder,
) -> Result<(), WriteError> {
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

pub(crate) fn write_coverage(
    connection: &Connection,
    row: &CoverageRow,
    encode: &mut Encoder,
) -> Result<(), WriteError> {
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
pub(crate) fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(crate) fn write_image_counts(
    connection: &Connection,
    registry: &RegistryFacts,
    repository: &RepositoryName,
    counts: &ImageCounts,
) -> Result<(), WriteError> {
    for ImagesOf { status, reason, count } in counts.kinds() {
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

pub(crate) fn write_image(connection: &Connection, image: &ImageRow) -> Result<(), WriteError> {
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

/// What each phase of a run took.
pub(crate) fn write_phases(connection: &Connection, run: i64, phases: &[PhaseTime]) -> Result<(), WriteError> {
    for (phase, number) in phases.iter().zip(1_i64..) {
        insert!(connection, "INSERT OR REPLACE", phases, {
            run: run,
            number: number,
            phase: phase.phase,
            took_ms: crate::rows::number(phase.took_ms),
        })?;
    }
    Ok(())
}

/// How long one run waited for each bucket, beside what others did.
pub(crate) fn write_bucket_waits(connection: &Connection, waits: &[BucketWait]) -> Result<(), WriteError> {
    let add = "INSERT INTO bucket_waits (place, api, waited_ms) VALUES (?1, ?2, ?3)
               ON CONFLICT DO UPDATE SET waited_ms = waited_ms + excluded.waited_ms";
    let mut statement = connection.prepare_cached(add)?;
    for wait in waits {
        statement.execute(params![wait.place, wait.api, number(wait.waited_ms)])?;
    }
    Ok(())
}
