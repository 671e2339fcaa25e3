//! Asks a little of everything that an audit needs. Decides nothing.

use std::sync::Arc;

use futures::{StreamExt, stream};
use scangap_access::{OrganizationSeen, Survey, Tried, sample};
use scangap_aws::pages::list;
use scangap_aws::read::{AccountReader, OrganizationReader};
use scangap_aws::{AssumeOptions, Call, CallError, Connection, Identity};
use scangap_model::{AccountId, Api, Observed, RegionName, RegionStatus};

use crate::args::Doctor;
use crate::session::Session;

/// Accounts that are tried at once.
const AT_ONCE: usize = 32;

pub(super) async fn survey(session: &Session, command: &Doctor, assume: &AssumeOptions) -> Survey {
    let asking = Asking { connection: &session.connection, identity: &session.identity, command, assume };
    let reader = match &command.roles.organization_role_arn {
        None => Ok(session.connection.organization(None)),
        Some(arn) => {
            let call = asking.call(Api::AssumeRole);
            session.connection.assume(arn, assume, &call).await.map(|role| session.connection.organization(Some(&role)))
        }
    };
    let (organization, listed, administrator) = match reader {
        Ok(reader) => asking.organization(&reader).await,
        Err(error) => {
            let gap = error.at(None, None, "");
            (Observed::unknown(gap.clone()), Observed::unknown(gap.clone()), Observed::unknown(gap))
        }
    };
    let n_listed = listed.known().map_or(0, Vec::len);
    let open = listed.map(|all| all.into_iter().filter(|(_, is_open)| *is_open).map(|(id, _)| id).collect::<Vec<_>>());
    let n_closed = n_listed.saturating_sub(open.known().map_or(0, Vec::len));
    let accounts_named = !command.accounts.is_empty();
    let accounts = if accounts_named { Observed::Known(command.accounts.clone()) } else { open };
    let alone = [session.identity.account];
    let all = accounts.known().map_or(&alone[..], Vec::as_slice);
    let chosen = if command.all {
        all.to_vec()
    } else {
        let first: Vec<AccountId> = administrator.known().copied().into_iter().collect();
        sample(all, &first, command.sample.max(1))
    };
    let tried =
        stream::iter(chosen).map(|account| asking.account(account, &administrator)).buffered(AT_ONCE).collect().await;
    Survey {
        caller: session.identity.account,
        caller_arn: session.identity.arn.clone(),
        partition: session.identity.partition,
        organization,
        accounts,
        n_closed,
        accounts_named,
        administrator,
        session_policy_chars: assume.session_policy.chars().count(),
        tried,
        regions: command.regions.clone(),
    }
}

struct Asking<'a> {
    connection: &'a Connection,
    identity: &'a Identity,
    command: &'a Doctor,
    assume: &'a AssumeOptions,
}

/// Accounts, and whether anything can be called in each.
type Listed = Vec<(AccountId, bool)>;

impl Asking<'_> {
    fn call(&self, api: Api) -> Arc<Call> {
        Call::new(api, self.connection.meter())
    }

    async fn organization(
        &self,
        reader: &OrganizationReader,
    ) -> (Observed<OrganizationSeen>, Observed<Listed>, Observed<AccountId>) {
        let unknown = |error: CallError| error.at(None, None, "");
        let organization = match reader.describe(&self.call(Api::DescribeOrganization)).await {
            Ok(Some(seen)) => Observed::Known(OrganizationSeen { id: seen.id, management: seen.management_account }),
            // Alone: there is nothing to list.
            Ok(None) => return (Observed::Absent, Observed::Absent, Observed::Absent),
            Err(error) => Observed::unknown(unknown(error)),
        };
        let listed =
            list(Api::ListAccounts, |token| async { reader.accounts(&self.call(Api::ListAccounts), token).await })
                .await;
        let is_open = |state: Option<&str>| state.is_none_or(|state| matches!(state, "ACTIVE" | "PENDING_CLOSURE"));
        let accounts = match listed.error {
            Some(error) => Observed::unknown(unknown(error)),
            None => Observed::Known(
                listed.items.iter().map(|account| (account.id, is_open(account.state.as_deref()))).collect(),
            ),
        };
        let api = Api::ListDelegatedAdministrators;
        let found = list(api, |token| async { reader.inspector_administrators(&self.call(api), token).await }).await;
        let administrator = match (found.items.first(), found.error) {
            (Some(admin), None) => Observed::Known(*admin),
            (None, None) => Observed::Absent,
            (_, Some(error)) => Observed::unknown(unknown(error)),
        };
        (organization, accounts, administrator)
    }

    /// Opens an account as an audit does, and reads a little.
    async fn account(&self, account: AccountId, administrator: &Observed<AccountId>) -> Tried {
        let roles = &self.command.roles;
        let own = roles.inspector_admin_role_name.iter().filter(|_| administrator.known() == Some(&account));
        let mut refusal = None;
        if account == self.identity.account {
            return self.read(account, self.connection.account(account, None), Observed::Absent).await;
        }
        for name in own.chain(&roles.role_name) {
            let arn = format!("arn:{}:iam::{account}:role/{}", self.identity.partition, name.trim_start_matches('/'));
            match self.connection.assume(&arn, self.assume, &self.call(Api::AssumeRole)).await {
                Ok(role) => {
                    let reader = self.connection.account(account, Some(&role));
                    return self.read(account, reader, Observed::Known(name.clone())).await;
                }
                Err(error) => refusal = refusal.or(Some(error.at(Some(account), None, name))),
            }
        }
        let role = refusal.map_or(Observed::Absent, Observed::unknown);
        Tried { account, role, regions: Observed::Absent, refused: Vec::new(), n_reads: 0 }
    }

    async fn read(&self, account: AccountId, reader: AccountReader, role: Observed<String>) -> Tried {
        let api = Api::ListRegions;
        let listed = list(api, |token| async { reader.regions(&self.call(api), token).await }).await;
        let mut refused = Vec::new();
        let regions = match listed.error {
            Some(error) => {
                let gap = error.at(Some(account), None, "");
                refused.push(gap.clone());
                Observed::unknown(gap)
            }
            None => Observed::Known(
                listed
                    .items
                    .into_iter()
                    .filter(|one| one.status == RegionStatus::Enabled)
                    .map(|one| one.region)
                    .collect::<Vec<_>>(),
            ),
        };
        let mut n_reads = 1;
        if let Some(region) = self.region(&regions) {
            let here = reader.region(&region);
            let repositories = here.repositories(&self.call(Api::DescribeRepositories), None).await.map(drop);
            let status = here.account_statuses(&self.call(Api::BatchGetAccountStatus), &[account]).await.map(drop);
            let answers = [repositories, status];
            n_reads += answers.len();
            let errors = answers.into_iter().filter_map(Result::err);
            refused.extend(errors.map(|error| error.at(Some(account), Some(&region), "")));
        }
        Tried { account, role, regions, refused, n_reads }
    }

    /// Where a little is read: the first that is to be audited, else one that is enabled everywhere.
    fn region(&self, enabled: &Observed<Vec<RegionName>>) -> Option<RegionName> {
        let is_enabled = |region: &&RegionName| enabled.known().is_none_or(|all| all.contains(region));
        let wanted = self.command.regions.iter().find(is_enabled).cloned();
        wanted.or_else(|| self.identity.partition.home_region().parse().ok())
    }
}
