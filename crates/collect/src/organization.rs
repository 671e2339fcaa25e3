//! The organization: who is in it, who is in scope, and who sees Inspector for all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use scangap_aws::CallError;
use scangap_aws::pages::{Ended, list, pages};
use scangap_aws::read::{AccountSummary, OrganizationReader, OrganizationSummary, OuSummary};
use scangap_model::{
    AccountFacts, AccountId, AccountOutcome, Api, Asked, Cause, Gap, GapKind, Observed, OrganizationFacts,
    OrganizationId, RegionsSource,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::context::Context;
use crate::error::CollectError;

/// OUs that are asked for what is below them at once.
const PARENTS_AT_ONCE: usize = 4;

/// An account to audit.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) id: AccountId,
    pub(crate) name: Observed<String>,
    pub(crate) state: Observed<String>,
    pub(crate) ou_path: Observed<String>,
    pub(crate) organization_path: Observed<String>,
}

impl Target {
    pub(crate) fn facts(self, outcome: AccountOutcome, regions_source: Asked<RegionsSource>) -> AccountFacts {
        AccountFacts {
            id: self.id,
            name: self.name,
            state: self.state,
            ou_path: self.ou_path,
            organization_path: self.organization_path,
            outcome,
            regions_source,
            inspector_role: Asked::NotNeeded,
        }
    }

    /// AWS: accounts in these states refuse every call. `PENDING_CLOSURE` and unknown words are tried.
    pub(crate) fn skip_reason(&self) -> Option<String> {
        match self.state.known().map(String::as_str) {
            Some(state @ ("SUSPENDED" | "CLOSED" | "PENDING_ACTIVATION")) => Some(format!("account state {state}")),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Discovered {
    pub(crate) facts: OrganizationFacts,
    pub(crate) targets: Vec<Target>,
    pub(crate) gaps: Vec<Gap>,
}

impl Discovered {
    /// As an earlier run found it.
    pub(crate) fn before(facts: &OrganizationFacts, accounts: &[AccountFacts]) -> Self {
        let target = |account: &AccountFacts| Target {
            id: account.id,
            name: account.name.clone(),
            state: account.state.clone(),
            ou_path: account.ou_path.clone(),
            organization_path: account.organization_path.clone(),
        };
        Self { facts: facts.clone(), targets: accounts.iter().map(target).collect(), gaps: Vec::new() }
    }
}

/// An organization whose accounts are being listed.
pub(crate) struct Listing {
    /// As far as it is known before the accounts are.
    pub(crate) facts: OrganizationFacts,
    /// Accounts as their page arrives; without a name of their OU, which comes with the whole list. Nothing, where the scope can be
    /// told only from all of them.
    pub(crate) pages: mpsc::UnboundedReceiver<Vec<Target>>,
    /// One task, which ends with the whole list.
    pub(crate) whole: JoinSet<Result<Discovered, CollectError>>,
}

/// What is known at once.
pub(crate) enum Found {
    Listing(Listing),
    /// The account is in no organization.
    Alone(Discovered),
}

pub(crate) async fn discover(context: &Arc<Context>) -> Result<Found, CollectError> {
    let reader = reader(context).await?;
    let asked = context.calls.call(Api::DescribeOrganization, |call| {
        let reader = &reader;
        async move { reader.describe(&call).await }
    });
    let described = match asked.await {
        Ok(Some(organization)) => Observed::Known(organization),
        Ok(None) => Observed::Absent,
        Err(error) => Observed::unknown(error.at(None, None, "")),
    };
    let facts = described_facts(context, &described);
    if let Observed::Absent = described {
        return alone(context, facts).map(Found::Alone);
    }
    let gaps: Vec<Gap> = described.gap().cloned().into_iter().collect();
    // AWS: a member may not list the organization. To audit itself it need not.
    let own = context.identity.account;
    let is_member = facts.management_account.known().is_some_and(|management| *management != own);
    let alone = is_member && context.options.scope.accounts == [own];
    let (sender, pages) = mpsc::unbounded_channel();
    let listing = list_accounts(Arc::clone(context), reader.clone(), facts.clone(), gaps, alone, sender);
    let mut whole = JoinSet::new();
    whole.spawn(listing);
    let inspector_admin = administrator(context, &reader, alone).await;
    Ok(Found::Listing(Listing { facts: OrganizationFacts { inspector_admin, ..facts }, pages, whole }))
}

/// Organizations as the caller, or through a role.
pub(crate) async fn reader(context: &Context) -> Result<OrganizationReader, CollectError> {
    let role = match &context.options.organization_role_arn {
        Some(arn) => {
            let assumed = context.calls.call(Api::AssumeRole, |call| async move {
                context.connection.assume(arn, &context.options.assume, &call).await
            });
            Some(
                assumed
                    .await
                    .map_err(|error| CollectError::OrganizationRole(Box::new(error.at(None, None, arn.clone()))))?,
            )
        }
        None => None,
    };
    Ok(context.connection.organization(role.as_ref()))
}

fn described_facts(context: &Context, described: &Observed<OrganizationSummary>) -> OrganizationFacts {
    let malformed = |what: &str| {
        CallError::malformed(Api::DescribeOrganization, "NoOrganizationId", format!("the answer holds no {what}"))
            .at(None, None, "")
    };
    OrganizationFacts {
        partition: context.identity.partition,
        caller_account: context.identity.account,
        caller_arn: context.identity.arn.clone(),
        id: described
            .as_ref()
            .map(|organization| organization.id.parse().ok())
            .or_unknown(|| malformed("organization id")),
        management_account: described
            .as_ref()
            .map(|organization| organization.management_account.parse().ok())
            .or_unknown(|| malformed("management account")),
        inspector_admin: Observed::Absent,
        n_accounts: Observed::Absent,
        scope: context.options.scope.clone(),
    }
}

/// An account in no organization is its own.
fn alone(context: &Context, facts: OrganizationFacts) -> Result<Discovered, CollectError> {
    let scope = &context.options.scope;
    let target = |id| Target {
        id,
        name: Observed::Absent,
        state: Observed::Absent,
        ou_path: Observed::Absent,
        organization_path: Observed::Absent,
    };
    let named: BTreeSet<AccountId> = if scope.accounts.is_empty() {
        BTreeSet::from([context.identity.account])
    } else {
        scope.accounts.iter().copied().collect()
    };
    let ids: Vec<AccountId> = named.into_iter().filter(|id| !scope.exclude_accounts.contains(id)).collect();
    if ids.is_empty() {
        return Err(CollectError::NothingInScope);
    }
    if let Some(unit) = scope.organizational_units.first() {
        return Err(CollectError::UnknownOrganizationalUnit(unit.clone()));
    }
    Ok(Discovered { facts, targets: ids.into_iter().map(target).collect(), gaps: Vec::new() })
}

/// Lists the accounts, and hands them over page by page where all of them are in scope.
async fn list_accounts(
    context: Arc<Context>,
    reader: OrganizationReader,
    mut facts: OrganizationFacts,
    mut gaps: Vec<Gap>,
    alone: bool,
    arrived: mpsc::UnboundedSender<Vec<Target>>,
) -> Result<Discovered, CollectError> {
    let scope = &context.options.scope;
    let everything =
        scope.accounts.is_empty() && scope.exclude_accounts.is_empty() && scope.organizational_units.is_empty();
    let organization = facts.id.clone();
    let mut accounts: Vec<AccountSummary> = Vec::new();
    // A list may hold a row twice, and an account is one all the same.
    let mut met = BTreeSet::new();
    let ended = pages(
        Api::ListAccounts,
        |token| {
            let reader = &reader;
            context.calls.call(Api::ListAccounts, move |call| async move { reader.accounts(&call, token).await })
        },
        |mut page| {
            page.retain(|account| met.insert(account.id));
            if everything {
                // Nobody listens any more where the run has failed.
                let _ = arrived.send(page.iter().map(|account| on_arrival(account, &organization)).collect());
            }
            accounts.append(&mut page);
            ControlFlow::<()>::Continue(())
        },
    )
    .await;
    let error = if let Ended::Broken(error) = ended { Some(error) } else { None };
    let mut list_gap = error.map(|error| error.at(None, None, ""));
    if let Some(gap) = list_gap.as_mut().filter(|gap| alone && is_for_members(gap)) {
        gap.kind = GapKind::NotForMembers;
    }
    if let Some(gap) = &list_gap {
        if context.calls.is_cancelled() && (accounts.is_empty() || !everything) {
            return Err(CollectError::Interrupted);
        }
        if accounts.is_empty() && scope.accounts.is_empty() && gap.kind != GapKind::AccessDenied {
            return Err(CollectError::OrganizationUnreadable(Box::new(gap.clone())));
        }
        if accounts.is_empty() && scope.accounts.is_empty() {
            let organization = facts.id.known().map(ToString::to_string).unwrap_or_default();
            let account = context.identity.account;
            return Err(CollectError::NotAdministrator { account, organization, cause: Box::new(gap.clone()) });
        }
        gaps.push(gap.clone());
    }
    facts.n_accounts = match &list_gap {
        None => Observed::Known(u64::try_from(accounts.len()).unwrap_or(u64::MAX)),
        Some(gap) => Observed::unknown(gap.clone()),
    };
    let named = names(&context, &reader, &accounts, &mut gaps).await;
    if context.calls.is_cancelled() && !everything {
        return Err(CollectError::Interrupted);
    }
    let targets = in_scope(&context, accounts, &named, &facts.id, list_gap.as_ref())?;
    Ok(Discovered { facts, targets, gaps })
}

/// An account as its page has it.
fn on_arrival(account: &AccountSummary, organization: &Observed<OrganizationId>) -> Target {
    let not_yet = not_listed_yet(Api::ListOrganizationalUnitsForParent);
    let path = account.path.as_ref().map(|path| path_in(organization, path));
    Target {
        id: account.id,
        name: Observed::from_answer(account.name.clone()),
        state: Observed::from_answer(account.state.clone()),
        ou_path: Observed::unknown(not_yet.clone()),
        organization_path: path.unwrap_or_else(|| Observed::unknown(not_yet)),
    }
}

/// The value of `aws:PrincipalOrgPaths`: a path that begins at the root gets the organization before it.
fn path_in(organization: &Observed<OrganizationId>, path: &str) -> Observed<String> {
    match organization {
        _ if path.starts_with("o-") => Observed::Known(path.to_owned()),
        Observed::Known(id) => Observed::Known(format!("{id}/{path}")),
        Observed::Unknown(gap) => Observed::Unknown(gap.clone()),
        Observed::Absent => Observed::Absent,
    }
}

/// What is not known while the accounts are being listed: a run that is killed then leaves it behind.
pub(crate) fn not_listed_yet(api: Api) -> Gap {
    let why = "the audit ended before this was known";
    let mut error = CallError::malformed(api, "Interrupted", why);
    error.kind = GapKind::NotReached;
    error.at(None, None, "")
}

/// AWS refuses this to every member account. A deny by a service control policy is another cause, and stays a gap.
fn is_for_members(gap: &Gap) -> bool {
    gap.kind == GapKind::AccessDenied && gap.cause != Cause::ServiceControlPolicy
}

/// A value that AWS gave and that is not what it should be is unknown: it was not learnt.
trait OrUnknown<T> {
    fn or_unknown(self, gap: impl FnOnce() -> Gap) -> Observed<T>;
}

impl<T> OrUnknown<T> for Observed<Option<T>> {
    fn or_unknown(self, gap: impl FnOnce() -> Gap) -> Observed<T> {
        match self {
            Self::Known(Some(value)) => Observed::Known(value),
            Self::Known(None) => Observed::unknown(gap()),
            Self::Absent => Observed::Absent,
            Self::Unknown(gap) => Observed::unknown(gap),
        }
    }
}

/// OU names by id, and each account's path by ids.
#[derive(Debug, Default)]
struct Tree {
    ou_names: BTreeMap<String, String>,
    paths: BTreeMap<AccountId, String>,
    /// What kept a name or a path from being known.
    gap: Option<Gap>,
}

/// AWS gives each account's path by OU ids; names are asked once per parent that has OUs below it.
async fn names(
    context: &Context,
    reader: &OrganizationReader,
    accounts: &[AccountSummary],
    gaps: &mut Vec<Gap>,
) -> Tree {
    let mut tree = Tree::default();
    for account in accounts {
        if let Some(path) = &account.path {
            tree.paths.insert(account.id, path.clone());
        }
    }
    if tree.paths.is_empty() && !accounts.is_empty() {
        walk(context, reader, &mut tree).await;
    } else {
        let parents: BTreeSet<String> = tree
            .paths
            .values()
            .flat_map(|path| {
                let ids: Vec<&str> = path.split('/').filter(|id| !id.is_empty()).collect();
                let parents = ids.iter().zip(ids.iter().skip(1)).filter(|(_, child)| child.starts_with("ou-"));
                parents.map(|(parent, _)| (*parent).to_owned()).collect::<Vec<_>>()
            })
            .collect();
        let asked: Vec<Children> = stream::iter(parents)
            .map(|parent| async move { children(context, reader, &parent).await })
            .buffered(PARENTS_AT_ONCE)
            .collect()
            .await;
        for children in asked {
            tree.add(children);
        }
    }
    gaps.extend(tree.gap.clone());
    tree
}

/// The OUs directly below one.
struct Children {
    ous: Vec<OuSummary>,
    gap: Option<Gap>,
}

async fn children(context: &Context, reader: &OrganizationReader, parent: &str) -> Children {
    let api = Api::ListOrganizationalUnitsForParent;
    let listed = list(api, |token| {
        context.calls.call(api, |call| async move { reader.organizational_units(&call, parent, token).await })
    })
    .await;
    Children { ous: listed.items, gap: listed.error.map(|error| error.at(None, None, parent)) }
}

/// For endpoints that give accounts without paths: from the root down.
async fn walk(context: &Context, reader: &OrganizationReader, tree: &mut Tree) {
    let roots = list(Api::ListRoots, |token| {
        context.calls.call(Api::ListRoots, |call| async move { reader.roots(&call, token).await })
    })
    .await;
    if let Some(error) = roots.error {
        tree.gap.get_or_insert(error.at(None, None, ""));
    }
    let mut queue: Vec<(String, String)> =
        roots.items.into_iter().map(|root| (root.id.clone(), format!("{}/", root.id))).collect();
    while let Some((parent, path)) = queue.pop() {
        let api = Api::ListAccountsForParent;
        let members = list(api, |token| {
            let parent = &parent;
            context.calls.call(api, move |call| async move { reader.accounts_of(&call, parent, token).await })
        })
        .await;
        if let Some(error) = members.error {
            tree.gap.get_or_insert(error.at(None, None, parent.clone()));
        }
        for account in members.items {
            tree.paths.insert(account.id, path.clone());
        }
        let below = children(context, reader, &parent).await;
        for child in &below.ous {
            queue.push((child.id.clone(), format!("{path}{}/", child.id)));
        }
        tree.add(below);
    }
}

impl Tree {
    fn add(&mut self, children: Children) {
        if let Some(gap) = children.gap {
            self.gap.get_or_insert(gap);
        }
        self.ou_names.extend(children.ous.into_iter().map(|ou| (ou.id, ou.name)));
    }

    /// `Production/Payments`; empty for an account directly under the root.
    fn ou_path(&self, account: AccountId) -> Observed<String> {
        let Some(path) = self.paths.get(&account) else {
            return self.gap.clone().map_or(Observed::Absent, Observed::unknown);
        };
        let mut parts = Vec::new();
        for id in path.split('/').filter(|id| id.starts_with("ou-")) {
            match (self.ou_names.get(id), &self.gap) {
                (Some(name), _) => parts.push(name.as_str()),
                (None, Some(gap)) => return Observed::unknown(gap.clone()),
                (None, None) => parts.push(id),
            }
        }
        Observed::Known(parts.join("/"))
    }

    fn organization_path(&self, account: AccountId, organization: &Observed<OrganizationId>) -> Observed<String> {
        match self.paths.get(&account) {
            Some(path) => path_in(organization, path),
            None => self.gap.clone().map_or(Observed::Absent, Observed::unknown),
        }
    }

    fn is_in(&self, account: AccountId, unit: &str) -> bool {
        let by_id = self.paths.get(&account).is_some_and(|path| path.split('/').any(|id| id == unit));
        let below = |path: &String| path == unit || path.strip_prefix(unit).is_some_and(|rest| rest.starts_with('/'));
        by_id || self.ou_path(account).known().is_some_and(below)
    }
}

fn in_scope(
    context: &Context,
    accounts: Vec<AccountSummary>,
    tree: &Tree,
    organization: &Observed<OrganizationId>,
    list_gap: Option<&Gap>,
) -> Result<Vec<Target>, CollectError> {
    let scope = &context.options.scope;
    let known: BTreeSet<AccountId> = accounts.iter().map(|account| account.id).collect();
    // A unit that cannot be told from another would leave accounts out in silence.
    let all_placed = known.iter().all(|account| tree.paths.contains_key(account));
    for unit in &scope.organizational_units {
        let by_id = unit.starts_with("ou-") || unit.starts_with("r-");
        if let Some(gap) = tree.gap.as_ref().filter(|_| !(by_id && all_placed)) {
            return Err(CollectError::OrganizationalUnitsUnreadable {
                unit: unit.clone(),
                cause: Box::new(gap.clone()),
            });
        }
    }
    if list_gap.is_none() {
        for wanted in scope.accounts.iter().chain(&scope.exclude_accounts) {
            if !known.contains(wanted) {
                return Err(CollectError::UnknownAccount { account: *wanted, suggestion: nearest(*wanted, &accounts) });
            }
        }
        for unit in scope.organizational_units.iter().filter(|_| tree.gap.is_none()) {
            if !known.iter().any(|account| tree.is_in(*account, unit)) && !tree.ou_names.contains_key(unit) {
                return Err(CollectError::UnknownOrganizationalUnit(unit.clone()));
            }
        }
    }
    let mut targets: BTreeMap<AccountId, Target> = accounts
        .into_iter()
        .map(|account| {
            let target = Target {
                id: account.id,
                name: Observed::from_answer(account.name),
                state: Observed::from_answer(account.state),
                ou_path: tree.ou_path(account.id),
                organization_path: tree.organization_path(account.id, organization),
            };
            (account.id, target)
        })
        .collect();
    if let Some(gap) = list_gap {
        for id in &scope.accounts {
            let unknown = || Observed::unknown(gap.clone());
            targets.entry(*id).or_insert_with(|| Target {
                id: *id,
                name: unknown(),
                state: unknown(),
                ou_path: unknown(),
                organization_path: unknown(),
            });
        }
    }
    targets.retain(|id, _| {
        (scope.accounts.is_empty() || scope.accounts.contains(id))
            && !scope.exclude_accounts.contains(id)
            && (scope.organizational_units.is_empty()
                || scope.organizational_units.iter().any(|unit| tree.is_in(*id, unit)))
    });
    if targets.is_empty() { Err(CollectError::NothingInScope) } else { Ok(targets.into_values().collect()) }
}

/// The account that differs in the fewest digits, if few do.
fn nearest(wanted: AccountId, accounts: &[AccountSummary]) -> Option<String> {
    let wanted = wanted.to_string();
    accounts
        .iter()
        .map(|account| {
            let id = account.id.to_string();
            let differing = id.bytes().zip(wanted.bytes()).filter(|(a, b)| a != b).count();
            (differing, id, account.name.clone().unwrap_or_default())
        })
        .filter(|(differing, _, _)| *differing <= 3)
        .min()
        .map(|(_, id, name)| format!("{id} ({name})"))
}

/// Reads Inspector's delegated administrator from Organizations, or from Inspector if Organizations gives no answer. A member
/// account that audits itself can be granted only the latter.
async fn administrator(context: &Context, reader: &OrganizationReader, alone: bool) -> Observed<AccountId> {
    let api = Api::ListDelegatedAdministrators;
    let listed = list(api, |token| {
        context.calls.call(api, |call| async move { reader.inspector_administrators(&call, token).await })
    })
    .await;
    let error = match (listed.items.first(), listed.error) {
        (Some(admin), None) => return Observed::Known(*admin),
        (None, None) => return Observed::Absent,
        (Some(_) | None, Some(error)) => error,
    };
    let Some(region) = context.connection.default_region() else { return Observed::unknown(error.at(None, None, "")) };
    let own = context.connection.account(context.identity.account, None).region(&region);
    let answer = context
        .calls
        .call(Api::GetDelegatedAdminAccount, |call| async move { own.delegated_administrator(&call).await });
    match answer.await {
        Ok(Some(admin)) => Observed::Known(admin),
        Ok(None) => Observed::Absent,
        Err(own) if alone => Observed::unknown(own.at(Some(context.identity.account), Some(&region), "")),
        Err(_) => Observed::unknown(error.at(None, None, "")),
    }
}
