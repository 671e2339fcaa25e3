//! `plan --collect`: what re-syncs would destroy is read from AWS and stored beside the snapshot, as its child.

use std::collections::BTreeSet;

use scangap_aws::{Call, ConnectOptions, Connection, Identity};
use scangap_collect::{CollectOptions, collect_resyncs};
use scangap_model::{AccountId, Api, Observed, RegionName};
use scangap_report::sanitize;
use scangap_snapshot::{LossesMeta, StoredLosses};
use tokio_util::sync::CancellationToken;

use crate::audit::interrupt;
use crate::error::CliError;
use crate::judged::Judged;
use crate::{environment, terminal};

/// Counts the cells, and adds what was read to the snapshot.
pub(crate) fn count(
    judged: &Judged,
    cells: BTreeSet<(AccountId, RegionName)>,
    connect: &ConnectOptions,
    options: CollectOptions,
    quiet: u8,
) -> Result<(), CliError> {
    if quiet == 0 {
        terminal::note(&format!("counting what re-syncs of {} cells would delete; nothing is changed", cells.len()));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    let facts = runtime.block_on(async {
        let (connection, identity) = same_place(connect, judged).await?;
        let cancel = CancellationToken::new();
        let stop = cancel.clone();
        let signals = tokio::task::JoinSet::from_iter([async move {
            interrupt().await;
            stop.cancel();
        }]);
        let admin = judged.snapshot.facts.organization.inspector_admin.clone();
        let read = collect_resyncs(connection, identity, options, cells, admin, cancel).await;
        drop(signals);
        read.map_err(CliError::Collect)
    })?;
    let meta = LossesMeta {
        parent_facts_sha256: judged.facts_sha256().to_owned(),
        counted_at: environment::now(),
        simulated: judged.snapshot.meta.simulated,
        tool_version: environment::VERSION.to_owned(),
    };
    let path = StoredLosses::add(&judged.path, &meta, &facts).map_err(CliError::Store)?;
    if quiet == 0 {
        for gap in facts.iter().flat_map(scangap_model::ResyncFacts::gaps) {
            terminal::note(&sanitize(&format!("not read: {}: {}: {}", gap.api, gap.code, gap.hint())));
        }
        terminal::note(&format!("counted: {}", path.display()));
    }
    Ok(())
}

/// Where the snapshot was made: the same kind of endpoint, and the same organization.
async fn same_place(connect: &ConnectOptions, judged: &Judged) -> Result<(Connection, Identity), CliError> {
    let connection = Connection::open(connect).await.map_err(CliError::Connect)?;
    let call = Call::new(Api::GetCallerIdentity, connection.meter());
    let identity = connection.identity(&call).await.map_err(CliError::Connect)?;
    let (made_at, here) = (judged.snapshot.meta.simulated, connection.meter().met_foreign_host());
    if made_at != here {
        return Err(CliError::Crossed { what: "snapshot", simulated: made_at });
    }
    if let Observed::Known(expected) = &judged.snapshot.facts.organization.id {
        let call = Call::new(Api::DescribeOrganization, connection.meter());
        let described = connection.organization(None).describe(&call).await.map_err(CliError::Organization)?;
        let found = described.map_or_else(|| "none".to_owned(), |organization| organization.id);
        if found != expected.as_str() {
            return Err(CliError::OtherOrganization { expected: expected.to_string(), found });
        }
    }
    Ok((connection, identity))
}
