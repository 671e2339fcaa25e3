//! Asks a little of everything that an audit needs. Decides nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::{StreamExt, stream};
use scangap_access::{OrganizationSeen, Survey, Tried, sample};
use scangap_aws::pages::list;
use scangap_aws::read::{AccountReader, CoverageFilter, OrganizationReader};
use scangap_aws::{AssumeOptions, Call, CallError, Connection, Identity};
use scangap_model::{AccountId, Api, Gap, GapKind, Observed, RegionName, RegionStatus, repository_arn};

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
    let strangers: Vec<AccountId> = match listed.known() {
        Some(all) => {
            let is_stranger = |id: &AccountId| !all.iter().any(|(listed, _)| listed == id);
            distinct(&command.accounts).into_iter().filter(is_stranger).collect()
        }
        None => Vec::new(),
    };
    let listed = listed.map(|all| {
        let is_in_scope = |(id, _): &(AccountId, bool)| !command.exclude_accounts.contains(id);
        all.into_iter().filter(is_in_scope).collect::<Listed>()
    });
    let n_listed = listed.known().map_or(0, Vec::len);
    let open = listed.map(|all| all.into_iter().filter(|(_, is_open)| *is_open).map(|(id, _)| id).collect::<Vec<_>>());
    let n_closed = n_listed.saturating_sub(open.known().map_or(0, Vec::len));
    let accounts_named = !command.accounts.is_empty();
    let accounts = if accounts_named { Observed::Known(distinct(&command.accounts)) } else { open };
    let alone = [session.identity.account];
    let all = accounts.known().map_or(&alone[..], Vec::as_slice);
    let first: Vec<AccountId> = administrator.known().copied().into_iter().collect();
    let mut chosen = if command.all { all.to_vec() } else { sample(all, &first, command.sample.max(1)) };
    // An audit asks it for coverage whichever accounts are named.
    chosen.extend(first.into_iter().filter(|admin| !chosen.contains(admin)).collect::<Vec<_>>());
    let tried =
        stream::iter(chosen).map(|account| asking.account(account, &administrator)).buffered(AT_ONCE).collect().await;
    Survey {
        caller: session.identity.account,
        organization,
        accounts,
        n_closed,
        accounts_named,
        strangers,
        administrator,
        session_policy_chars: assume.session_policy.chars().count(),
        has_external_id: command.roles.external_id.is_some(),
        tried,
        regions: command.regions.clone(),
    }
}

fn distinct(accounts: &[AccountId]) -> Vec<AccountId> {
    accounts.iter().copied().collect::<BTreeSet<_>>().into_iter().collect()
}

struct Asking<'a> {
    connection: &'a Connection,
    identity: &'a Identity,
    command: &'a Doctor,
    assume: &'a AssumeOptions,
}

/// Reads that were tried, and those that were refused.
#[derive(Default)]
struct Asked {
    n_reads: usize,
    refused: Vec<Gap>,
}

impl Asked {
    fn answer(&mut self, answer: Result<(), CallError>, account: AccountId, region: Option<&RegionName>) {
        self.n_reads += 1;
        self.refused.extend(answer.err().map(|error| error.at(Some(account), region, "")));
    }
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
        let is_admin = administrator.known() == Some(&account);
        if account == self.identity.account {
            return self.read(account, self.connection.account(account, None), Observed::Absent, is_admin).await;
        }
        for name in own.chain(&roles.role_name) {
            let arn = format!("arn:{}:iam::{account}:role/{}", self.identity.partition, name.trim_start_matches('/'));
            match self.connection.assume(&arn, self.assume, &self.call(Api::AssumeRole)).await {
                Ok(role) => {
                    let reader = self.connection.account(account, Some(&role));
                    return self.read(account, reader, Observed::Known(name.clone()), is_admin).await;
                }
                // As an audit does: what is no refusal of this role is no better with the next.
                Err(error) => {
                    let is_final = error.kind != GapKind::AccessDenied;
                    if refusal.is_none() || is_final {
                        refusal = Some(error.at(Some(account), None, name));
                    }
                    if is_final {
                        break;
                    }
                }
            }
        }
        let role = refusal.map_or(Observed::Absent, Observed::unknown);
        Tried { account, role, regions: Observed::Absent, refused: Vec::new(), n_reads: 0 }
    }

    async fn read(&self, account: AccountId, reader: AccountReader, role: Observed<String>, is_admin: bool) -> Tried {
        let mut asked = Asked::default();
        let regions = self.regions(account, &reader, &mut asked).await;
        let role_read = reader.inspector_role(&self.call(Api::GetRole)).await.map(drop);
        asked.answer(role_read, account, None);
        if let Some(region) = self.region(&regions) {
            let here = reader.region(&region);
            let repositories = here.repositories(&self.call(Api::DescribeRepositories), None).await;
            let first = repositories.as_ref().ok().and_then(|page| page.items.first()).map(|one| one.name.clone());
            for answer in [
                repositories.map(drop),
                here.registry_policy(&self.call(Api::GetRegistryPolicy)).await.map(drop),
                here.registry_policy_scope(&self.call(Api::GetAccountSetting)).await.map(drop),
                here.scanning_configuration(&self.call(Api::GetRegistryScanningConfiguration)).await.map(drop),
                here.creation_templates(&self.call(Api::DescribeRepositoryCreationTemplates), None).await.map(drop),
                here.account_statuses(&self.call(Api::BatchGetAccountStatus), &[account]).await.map(drop),
                here.coverage(&self.call(Api::ListCoverage), CoverageFilter::RepositoriesOf(account), None)
                    .await
                    .map(drop),
                here.rescan_durations(&self.call(Api::GetConfiguration)).await.map(drop),
            ] {
                asked.answer(answer, account, Some(&region));
            }
            if let Some(name) = first {
                let arn = repository_arn(self.identity.partition, &region, account, &name);
                let names = [name.to_string()];
                let name = name.as_str();
                for answer in [
                    here.repository_policy(&self.call(Api::GetRepositoryPolicy), name).await.map(drop),
                    here.scan_frequencies(&self.call(Api::BatchGetRepositoryScanningConfiguration), &names)
                        .await
                        .map(drop),
                    here.tags(&self.call(Api::ListTagsForResource), &arn).await.map(drop),
                    here.images(&self.call(Api::DescribeImages), name, None).await.map(drop),
                ] {
                    asked.answer(answer, account, Some(&region));
                }
            }
            if is_admin {
                let answer = here.auto_enable(&self.call(Api::DescribeOrganizationConfiguration)).await.map(drop);
                asked.answer(answer, account, Some(&region));
            }
        }
        Tried { account, role, regions, refused: asked.refused, n_reads: asked.n_reads }
    }

    /// What is enabled. Where the list is refused, the regions in question are asked for one by one, as an audit does.
    async fn regions(
        &self,
        account: AccountId,
        reader: &AccountReader,
        asked: &mut Asked,
    ) -> Observed<Vec<RegionName>> {
        let api = Api::ListRegions;
        let listed = list(api, |token| async { reader.regions(&self.call(api), token).await }).await;
        let Some(error) = listed.error else {
            asked.answer(Ok(()), account, None);
            let enabled = listed.items.into_iter().filter(|one| one.status == RegionStatus::Enabled);
            return Observed::Known(enabled.map(|one| one.region).collect());
        };
        let home = self.identity.partition.home_region().parse().ok();
        let wanted: Vec<RegionName> =
            if self.command.regions.is_empty() { home.into_iter().collect() } else { self.command.regions.clone() };
        let mut enabled = Vec::new();
        for region in wanted {
            match reader.region_status(&self.call(Api::GetRegionOptStatus), &region).await {
                Ok(RegionStatus::Enabled) => enabled.push(region),
                Ok(RegionStatus::NotEnabled | RegionStatus::Other(_)) => {}
                Err(_) => {
                    let gap = error.clone().at(Some(account), None, "");
                    asked.answer(Err(error), account, None);
                    return Observed::unknown(gap);
                }
            }
        }
        asked.answer(Ok(()), account, None);
        Observed::Known(enabled)
    }

    /// Where a little is read: the first that is to be audited, else one that is enabled everywhere.
    fn region(&self, enabled: &Observed<Vec<RegionName>>) -> Option<RegionName> {
        let is_enabled = |region: &&RegionName| enabled.known().is_none_or(|all| all.contains(region));
        let wanted = self.command.regions.iter().find(is_enabled).cloned();
        wanted.or_else(|| self.identity.partition.home_region().parse().ok())
    }
}
