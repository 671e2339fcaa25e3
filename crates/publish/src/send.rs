//! Sends the findings: accounts beside each other, the regions of one in turn, a part at a time.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use futures::StreamExt;
use futures::stream;
use scangap_aws::{AssumeOptions, AssumedRole, Call, CallError, Connection, FindingsImporter};
use scangap_model::{AccountId, Allowance, Api, ExternalId, Partition, session_policy_of};
use tokio_util::sync::CancellationToken;

use crate::findings::{Findings, Hub, Part};

/// Accounts beside each other. AWS: ten calls a second for each account and region.
const ACCOUNTS_AT_ONCE: usize = 32;

#[derive(Debug, Clone)]
pub struct PublishOptions {
    /// In each account, with its path.
    pub role_name: String,
    pub external_id: Option<ExternalId>,
}

/// Findings that Security Hub refused one by one, by the code that it gave: how many, and one of its messages.
pub type Refusals = BTreeMap<String, (u64, String)>;

/// What came of one account and region.
#[derive(Debug)]
pub struct HubOutcome {
    pub hub: Hub,
    pub imported: u64,
    pub refused: Refusals,
    /// Not sent, or without an answer that says so.
    pub left: u64,
    /// Why.
    pub error: Option<HubError>,
}

#[derive(Debug, Clone)]
pub enum HubError {
    Call(CallError),
    /// The findings could not be read again from where they were put.
    Unreadable(String),
    Interrupted,
}

/// Sends all of them. `listen` hears of each hub as it ends.
pub async fn publish<F: Read + Seek>(
    connection: &Connection,
    partition: Partition,
    findings: &Findings<F>,
    options: &PublishOptions,
    listen: &dyn Fn(&HubOutcome),
    cancel: &CancellationToken,
) -> Vec<HubOutcome> {
    let mut accounts: BTreeMap<AccountId, Vec<&Hub>> = BTreeMap::new();
    for hub in findings.hubs() {
        accounts.entry(hub.account).or_default().push(hub);
    }
    let role = options.role_name.trim_start_matches('/');
    let assume = AssumeOptions {
        session_name: "scangap".to_owned(),
        session_policy: session_policy_of(&[Allowance {
            actions: vec![Api::BatchImportFindings.permission()],
            resources: Vec::new(),
        }])
        .into(),
        external_id: options.external_id.clone(),
    };
    let one = |(account, hubs)| {
        let arn = format!("arn:{partition}:iam::{account}:role/{role}");
        of_account(connection, findings, hubs, arn, &assume, listen, cancel)
    };
    let mut all: Vec<HubOutcome> = stream::iter(accounts).map(one).buffer_unordered(ACCOUNTS_AT_ONCE).concat().await;
    all.sort_by(|a, b| a.hub.cmp(&b.hub));
    all
}

async fn of_account<F: Read + Seek>(
    connection: &Connection,
    findings: &Findings<F>,
    hubs: Vec<&Hub>,
    role_arn: String,
    assume: &AssumeOptions,
    listen: &dyn Fn(&HubOutcome),
    cancel: &CancellationToken,
) -> Vec<HubOutcome> {
    let session = if cancel.is_cancelled() {
        Err(HubError::Interrupted)
    } else {
        let call = Call::new(Api::AssumeRole, connection.meter());
        connection.assume(&role_arn, assume, &call).await.map_err(HubError::Call)
    };
    let mut outcomes = Vec::new();
    for hub in hubs {
        let outcome = match &session {
            Ok(role) => send(connection, findings, hub, role, cancel).await,
            Err(error) => HubOutcome { error: Some(error.clone()), ..nothing_of(findings, hub) },
        };
        listen(&outcome);
        outcomes.push(outcome);
    }
    outcomes
}

fn nothing_of<F: Read + Seek>(findings: &Findings<F>, hub: &Hub) -> HubOutcome {
    let left = findings.parts(hub).iter().map(Part::len).sum();
    HubOutcome { hub: hub.clone(), imported: 0, refused: Refusals::new(), left, error: None }
}

async fn send<F: Read + Seek>(
    connection: &Connection,
    findings: &Findings<F>,
    hub: &Hub,
    role: &AssumedRole,
    cancel: &CancellationToken,
) -> HubOutcome {
    let mut outcome = nothing_of(findings, hub);
    let importer = FindingsImporter::new(connection, hub.account, role, &hub.region);
    for part in findings.parts(hub) {
        if cancel.is_cancelled() {
            outcome.error = Some(HubError::Interrupted);
            break;
        }
        let texts = match part.read() {
            Ok(texts) => texts,
            Err(error) => {
                outcome.error = Some(HubError::Unreadable(error.to_string()));
                break;
            }
        };
        let call = Call::new(Api::BatchImportFindings, connection.meter());
        match importer.import(&call, &texts).await {
            Ok(answer) => {
                outcome.imported += answer.imported;
                for refusal in answer.refused {
                    let (count, _) = outcome.refused.entry(refusal.code).or_insert((0, refusal.message));
                    *count += 1;
                }
                outcome.left -= part.len();
            }
            // What this hub refuses now it refuses again.
            Err(error) => {
                outcome.error = Some(HubError::Call(error));
                break;
            }
        }
    }
    outcome
}
