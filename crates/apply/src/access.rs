//! Who does what: reads through the audit role, writes through the write role, each narrowed to its calls, and both
//! verified before anything is changed.

use std::collections::{BTreeMap, BTreeSet};

use scangap_aws::read::{AccountReader, OrganizationReader, RegionReader};
use scangap_aws::write::RegionWriter;
use scangap_aws::{AssumeOptions, AssumedRole, Call, Connection, Identity};
use scangap_model::{
    AccountId, Allowance, Api, Partition, Phase, RegionName, SESSION_POLICY_MAX_CHARS, permissions, session_policy,
    session_policy_of,
};

use serde_json::{Value, json};

use crate::destination::FindingsReports;
use crate::error::ApplyError;
use crate::options::Roles;
use scangap_plan::PlanDocument;

#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) connection: Connection,
    pub(crate) identity: Identity,
    pub(crate) organization: OrganizationReader,
    readers: BTreeMap<AccountId, AccountReader>,
    writers: BTreeMap<AccountId, AssumedRole>,
    /// Accounts that no role opens: their steps are not made, and the others are.
    pub(crate) refused: BTreeMap<AccountId, ApplyError>,
}

impl Access {
    /// Assumes every role, and asks each who it is.
    pub(crate) async fn open(
        connection: Connection,
        identity: Identity,
        plan: &PlanDocument,
        roles: &Roles,
        reports: Option<&FindingsReports>,
    ) -> Result<Self, ApplyError> {
        Self::of(connection, identity, plan, roles, reports, plan.accounts(), false).await
    }

    /// What is open is brought back also where the organization cannot be described now. `toggling_alone`: with the roles of
    /// the account that turns scanning on.
    pub(crate) async fn open_to_reenable(
        connection: Connection,
        identity: Identity,
        plan: &PlanDocument,
        roles: &Roles,
        toggling_alone: bool,
    ) -> Result<Self, ApplyError> {
        let toggling = || plan.resyncs.iter().map(|resync| resync.toggled_from).collect();
        let accounts = if toggling_alone { toggling() } else { plan.accounts() };
        Self::of(connection, identity, plan, roles, None, accounts, true).await
    }

    async fn of(
        connection: Connection,
        identity: Identity,
        plan: &PlanDocument,
        roles: &Roles,
        reports: Option<&FindingsReports>,
        accounts: BTreeSet<AccountId>,
        bring_back: bool,
    ) -> Result<Self, ApplyError> {
        let reads = reading(roles, session_policy(Phase::Plan));
        // Before anything else is asked: what is simulated never reaches AWS.
        same_endpoint(&connection, plan)?;
        let organization = match &roles.organization_role_arn {
            None => connection.organization(None),
            Some(arn) => {
                let call = Call::new(Api::AssumeRole, connection.meter());
                match connection.assume(arn, &reads, &call).await {
                    Ok(role) => connection.organization(Some(&role)),
                    Err(_) if bring_back => connection.organization(None),
                    Err(error) => return Err(ApplyError::Organization(error)),
                }
            }
        };
        if !bring_back {
            same_place(&connection, &organization, plan).await?;
        }
        let toggling: BTreeSet<AccountId> = plan.resyncs.iter().map(|resync| resync.toggled_from).collect();
        let mut access = Self {
            connection,
            identity,
            organization,
            readers: BTreeMap::new(),
            writers: BTreeMap::new(),
            refused: BTreeMap::new(),
        };
        let n_accounts = accounts.len();
        for account in accounts {
            match access.add(account, plan, roles, reports, &toggling, bring_back).await {
                Ok(()) => {}
                Err(stop @ ApplyError::Role { .. }) if !bring_back => drop(access.refused.insert(account, stop)),
                Err(stop) => return Err(stop),
            }
        }
        if access.refused.len() == n_accounts
            && let Some((_, stop)) = access.refused.pop_first()
        {
            return Err(stop);
        }
        Ok(access)
    }

    /// Opens one account: for reading, and where something is to be written for that.
    async fn add(
        &mut self,
        account: AccountId,
        plan: &PlanDocument,
        roles: &Roles,
        reports: Option<&FindingsReports>,
        toggling: &BTreeSet<AccountId>,
        bring_back: bool,
    ) -> Result<(), ApplyError> {
        let reads = reading(roles, session_policy(Phase::Plan));
        let own = roles.inspector_admin_role_name.iter().filter(|_| toggling.contains(&account));
        let names: Vec<String> = own.chain(&roles.role_names).cloned().collect();
        let refusal = if account == self.identity.account {
            self.readers.insert(account, self.connection.account(account, None));
            None
        } else {
            match self.assume(account, &names, &reads).await {
                Ok(role) => {
                    self.readers.insert(account, self.connection.account(account, Some(&role)));
                    None
                }
                // To turn scanning on takes the write role. That nobody may look must not keep it off.
                Err(refusal) if bring_back && roles.write_role_name.is_some() => Some(refusal),
                Err(refusal) => return Err(refusal),
            }
        };
        let Some(name) = &roles.write_role_name else { return Ok(()) };
        let mut policy = write_policy(plan, account, reports, self.identity.partition)?;
        if refusal.is_some() {
            policy = with_reads(&policy);
        }
        let names = std::slice::from_ref(name);
        let role = self.assume(account, names, &reading(roles, policy)).await?;
        let call = Call::new(Api::GetCallerIdentity, self.connection.meter());
        let who = self.connection.identity_of(&role, &call).await.map_err(ApplyError::Identity)?;
        if who.account != account {
            return Err(ApplyError::WrongAccount { expected: account, found: who.account });
        }
        if refusal.is_some() {
            self.readers.insert(account, self.connection.account(account, Some(&role)));
        }
        self.writers.insert(account, role);
        Ok(())
    }

    async fn assume(
        &self,
        account: AccountId,
        names: &[String],
        options: &AssumeOptions,
    ) -> Result<AssumedRole, ApplyError> {
        let mut refusal = None;
        for name in names {
            let arn = format!("arn:{}:iam::{account}:role/{}", self.identity.partition, name.trim_start_matches('/'));
            let call = Call::new(Api::AssumeRole, self.connection.meter());
            match self.connection.assume(&arn, options, &call).await {
                Ok(role) => return Ok(role),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        let none = || scangap_aws::CallError::malformed(Api::AssumeRole, "NoRole", "no role name was given");
        Err(ApplyError::Role { account, roles: names.join(", "), source: refusal.unwrap_or_else(none) })
    }

    pub(crate) fn reader(&self, account: AccountId, region: &RegionName) -> RegionReader {
        // INVARIANT: `open` has a reader for every account of the plan; the caller's own replaces none.
        self.readers
            .get(&account)
            .map_or_else(|| self.connection.account(account, None).region(region), |reader| reader.region(region))
    }

    pub(crate) fn writer(&self, account: AccountId, region: &RegionName) -> Option<RegionWriter> {
        self.writers.get(&account).map(|role| RegionWriter::new(&self.connection, account, role, region))
    }

    pub(crate) fn call(&self, api: Api) -> std::sync::Arc<Call> {
        Call::new(api, self.connection.meter())
    }

    /// Whether everything is still where the plan is of: asked before anything, and again before every batch.
    pub(crate) async fn same_place(&self, plan: &PlanDocument) -> Result<(), ApplyError> {
        same_place(&self.connection, &self.organization, plan).await?;
        let now = self.connection.identity(&self.call(Api::GetCallerIdentity)).await.map_err(ApplyError::Identity)?;
        if now.account != self.identity.account {
            return Err(ApplyError::OtherCaller { then: self.identity.arn.clone(), now: now.arn });
        }
        Ok(())
    }
}

fn reading(roles: &Roles, session_policy: String) -> AssumeOptions {
    AssumeOptions {
        session_name: "scangap-apply".to_owned(),
        session_policy: session_policy.into(),
        external_id: roles.external_id.clone(),
    }
}

fn same_endpoint(connection: &Connection, plan: &PlanDocument) -> Result<(), ApplyError> {
    if connection.meter().met_foreign_host() == plan.simulated {
        Ok(())
    } else {
        Err(ApplyError::EndpointMismatch { plan_is_simulated: plan.simulated })
    }
}

/// The kind of endpoint, and the organization.
async fn same_place(
    connection: &Connection,
    organization: &OrganizationReader,
    plan: &PlanDocument,
) -> Result<(), ApplyError> {
    same_endpoint(connection, plan)?;
    if let Some(expected) = &plan.organization_id {
        let call = Call::new(Api::DescribeOrganization, connection.meter());
        let described = organization.describe(&call).await.map_err(ApplyError::Organization)?;
        let found = described.map_or_else(|| "none".to_owned(), |organization| organization.id);
        if found != *expected {
            return Err(ApplyError::OtherOrganization { expected: expected.clone(), found });
        }
    }
    Ok(())
}

/// A write session that also looks, where the audit role is gone: the reads that bringing back takes.
fn with_reads(policy: &str) -> String {
    let reads = session_policy_of(&[Allowance {
        actions: permissions(&[
            Api::GetRegistryScanningConfiguration,
            Api::BatchGetAccountStatus,
            Api::ListCoverage,
            Api::ListFindings,
        ]),
        resources: Vec::new(),
    }]);
    let statement = |policy: &str| serde_json::from_str::<Value>(policy).ok()?.get("Statement")?.as_array().cloned();
    let all: Vec<Value> = [policy, &reads].into_iter().filter_map(statement).flatten().collect();
    json!({"Version": "2012-10-17", "Statement": all}).to_string()
}

/// What the write session of an account may do: the calls that the plan makes there, on what it makes them.
fn write_policy(
    plan: &PlanDocument,
    account: AccountId,
    reports: Option<&FindingsReports>,
    partition: Partition,
) -> Result<String, ApplyError> {
    let mut allowances = Vec::new();
    let of_account = plan.repairs.iter().filter(|repair| repair.account == account);
    let repositories: BTreeSet<String> = of_account.map(|repair| repair.repository_arn.clone()).collect();
    if !repositories.is_empty() {
        allowances.push(Allowance {
            actions: permissions(&[Api::SetRepositoryPolicy]),
            resources: repositories.into_iter().collect(),
        });
    }
    if plan.resyncs.iter().any(|resync| resync.account == account) {
        let put = Api::PutRegistryScanningConfiguration;
        let actions = [&[put.permission()], put.dependent_actions()].concat();
        allowances.push(Allowance { actions, resources: Vec::new() });
    }
    if plan.resyncs.iter().any(|resync| resync.toggled_from == account) {
        allowances.push(Allowance { actions: permissions(&[Api::Disable, Api::Enable]), resources: Vec::new() });
        let toggled = plan.resyncs.iter().filter(|resync| resync.toggled_from == account);
        let regions = toggled.map(|resync| &resync.region);
        allowances.extend(reports.map(|reports| reports.allowances(partition, regions)).into_iter().flatten());
    }
    let policy = session_policy_of(&allowances);
    if policy.chars().count() <= SESSION_POLICY_MAX_CHARS {
        return Ok(policy);
    }
    // Too many repositories to name: those of each region, which is still this account alone.
    for allowance in &mut allowances {
        let regions: BTreeSet<String> = allowance
            .resources
            .iter()
            .map(|arn| match arn.split_once(":repository/") {
                Some((registry, _)) => format!("{registry}:repository/*"),
                None => arn.clone(),
            })
            .collect();
        allowance.resources = regions.into_iter().collect();
    }
    let policy = session_policy_of(&allowances);
    if policy.chars().count() <= SESSION_POLICY_MAX_CHARS {
        Ok(policy)
    } else {
        Err(ApplyError::SessionPolicyTooLong { account, actions: allowances.len() })
    }
}
