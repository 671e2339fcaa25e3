//! Who does what: reads through the audit role, writes through the write role, each narrowed to its calls, and both
//! verified before anything is changed.

use std::collections::{BTreeMap, BTreeSet};

use scangap_aws::read::{AccountReader, OrganizationReader, RegionReader};
use scangap_aws::write::RegionWriter;
use scangap_aws::{AssumeOptions, AssumedRole, Call, Connection, Identity};
use scangap_model::{
    AccountId, Allowance, Api, Partition, Phase, RegionName, SESSION_POLICY_MAX_CHARS, session_policy,
    session_policy_of,
};

use super::document::PlanDocument;
use super::findings_report::FindingsReports;
use super::run::ApplyOptions;
use super::stop::Stop;

/// Whose credentials are used.
#[derive(Debug, Clone)]
pub struct Roles {
    /// For reading, tried in order in each account.
    pub role_names: Vec<String>,
    /// For reading in the account of Inspector's delegated administrator, where it is another.
    pub inspector_admin_role_name: Option<String>,
    /// For reading the organization, from a tooling account.
    pub organization_role_arn: Option<String>,
    /// For writing, in every account that the plan touches. `None`: nothing will be written.
    pub write_role_name: Option<String>,
    pub external_id: Option<String>,
}

#[derive(Debug)]
pub(super) struct Access {
    pub(super) connection: Connection,
    pub(super) identity: Identity,
    pub(super) organization: OrganizationReader,
    readers: BTreeMap<AccountId, AccountReader>,
    writers: BTreeMap<AccountId, AssumedRole>,
}

impl Access {
    /// Assumes every role, and asks each who it is.
    pub(super) async fn open(
        connection: Connection,
        identity: Identity,
        plan: &PlanDocument,
        options: &ApplyOptions,
    ) -> Result<Self, Stop> {
        let accounts = plan.accounts();
        Self::of(connection, identity, plan, options, accounts, false).await
    }

    /// What is open is brought back also where the organization cannot be described now. `toggling_alone`: with the roles of
    /// the account that turns scanning on.
    pub(super) async fn open_to_bring_back(
        connection: Connection,
        identity: Identity,
        plan: &PlanDocument,
        options: &ApplyOptions,
        toggling_alone: bool,
    ) -> Result<Self, Stop> {
        let toggling = || plan.resyncs.iter().map(|resync| resync.toggled_from).collect();
        let accounts = if toggling_alone { toggling() } else { plan.accounts() };
        Self::of(connection, identity, plan, options, accounts, true).await
    }

    async fn of(
        connection: Connection,
        identity: Identity,
        plan: &PlanDocument,
        options: &ApplyOptions,
        accounts: BTreeSet<AccountId>,
        bring_back: bool,
    ) -> Result<Self, Stop> {
        let roles = &options.roles;
        let reading = |policy| AssumeOptions {
            session_name: "scangap-apply".to_owned(),
            session_policy: policy,
            external_id: roles.external_id.clone(),
        };
        let reads = reading(session_policy(Phase::Plan));
        // Before anything else is asked: what is simulated never reaches AWS.
        same_endpoint(&connection, plan)?;
        let organization = match &roles.organization_role_arn {
            None => connection.organization(None),
            Some(arn) => {
                let call = Call::new(Api::AssumeRole, connection.meter());
                match connection.assume(arn, &reads, &call).await {
                    Ok(role) => connection.organization(Some(&role)),
                    Err(_) if bring_back => connection.organization(None),
                    Err(error) => return Err(Stop::Organization(error)),
                }
            }
        };
        if !bring_back {
            same_place(&connection, &organization, plan).await?;
        }
        let toggling: BTreeSet<AccountId> = plan.resyncs.iter().map(|resync| resync.toggled_from).collect();
        let mut access =
            Self { connection, identity, organization, readers: BTreeMap::new(), writers: BTreeMap::new() };
        for account in accounts {
            let own = roles.inspector_admin_role_name.iter().filter(|_| toggling.contains(&account));
            let names: Vec<String> = own.chain(&roles.role_names).cloned().collect();
            let reader = if account == access.identity.account {
                access.connection.account(account, None)
            } else {
                let role = access.assume(account, &names, &reads).await?;
                access.connection.account(account, Some(&role))
            };
            access.readers.insert(account, reader);
            let Some(name) = &roles.write_role_name else { continue };
            let reports = options.findings_reports.as_ref().filter(|_| !bring_back);
            let policy = write_policy(plan, account, reports, access.identity.partition)?;
            let names = std::slice::from_ref(name);
            let role = access.assume(account, names, &reading(policy)).await?;
            let call = Call::new(Api::GetCallerIdentity, access.connection.meter());
            let who = access.connection.identity_of(&role, &call).await.map_err(Stop::Identity)?;
            if who.account != account {
                return Err(Stop::WrongAccount { expected: account, found: who.account });
            }
            access.writers.insert(account, role);
        }
        Ok(access)
    }

    async fn assume(&self, account: AccountId, names: &[String], options: &AssumeOptions) -> Result<AssumedRole, Stop> {
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
        Err(Stop::Role { account, roles: names.join(", "), source: refusal.unwrap_or_else(none) })
    }

    pub(super) fn reader(&self, account: AccountId, region: &RegionName) -> RegionReader {
        // INVARIANT: `open` has a reader for every account of the plan; the caller's own stands in for none.
        self.readers
            .get(&account)
            .map_or_else(|| self.connection.account(account, None).region(region), |reader| reader.region(region))
    }

    pub(super) fn writer(&self, account: AccountId, region: &RegionName) -> Option<RegionWriter> {
        self.writers.get(&account).map(|role| RegionWriter::new(&self.connection, account, role, region))
    }

    pub(super) fn call(&self, api: Api) -> std::sync::Arc<Call> {
        Call::new(api, self.connection.meter())
    }

    /// Whether everything is still where the plan is of: asked before anything, and again before every batch.
    pub(super) async fn same_place(&self, plan: &PlanDocument) -> Result<(), Stop> {
        same_place(&self.connection, &self.organization, plan).await?;
        let now = self.connection.identity(&self.call(Api::GetCallerIdentity)).await.map_err(Stop::Identity)?;
        if now.account != self.identity.account {
            return Err(Stop::OtherCaller { then: self.identity.arn.clone(), now: now.arn });
        }
        Ok(())
    }
}

fn same_endpoint(connection: &Connection, plan: &PlanDocument) -> Result<(), Stop> {
    if connection.meter().met_foreign_host() == plan.simulated {
        Ok(())
    } else {
        Err(Stop::Crossed { plan_is_simulated: plan.simulated })
    }
}

/// The kind of endpoint, and the organization.
async fn same_place(
    connection: &Connection,
    organization: &OrganizationReader,
    plan: &PlanDocument,
) -> Result<(), Stop> {
    same_endpoint(connection, plan)?;
    if let Some(expected) = &plan.organization_id {
        let call = Call::new(Api::DescribeOrganization, connection.meter());
        let described = organization.describe(&call).await.map_err(Stop::Organization)?;
        let found = described.map_or_else(|| "none".to_owned(), |organization| organization.id);
        if found != *expected {
            return Err(Stop::OtherOrganization { expected: expected.clone(), found });
        }
    }
    Ok(())
}

/// What the write session of an account may do: the calls that the plan makes there, on what it makes them.
fn write_policy(
    plan: &PlanDocument,
    account: AccountId,
    reports: Option<&FindingsReports>,
    partition: Partition,
) -> Result<String, Stop> {
    let mut allowances = Vec::new();
    let of_account = plan.repairs.iter().filter(|repair| repair.account == account);
    let repositories: BTreeSet<String> = of_account.map(|repair| repair.repository_arn.clone()).collect();
    if !repositories.is_empty() {
        allowances.push(Allowance {
            actions: vec!["ecr:SetRepositoryPolicy"],
            resources: repositories.into_iter().collect(),
        });
    }
    if plan.resyncs.iter().any(|resync| resync.account == account) {
        // AWS: writing ENHANCED needs these of Inspector too, with the same credentials.
        allowances.push(Allowance {
            actions: vec![
                "ecr:PutRegistryScanningConfiguration",
                "iam:CreateServiceLinkedRole",
                "inspector2:Disable",
                "inspector2:Enable",
                "inspector2:ListAccountPermissions",
                "inspector2:ListCoverage",
                "inspector2:ListFindings",
            ],
            resources: Vec::new(),
        });
    }
    if plan.resyncs.iter().any(|resync| resync.toggled_from == account) {
        allowances.push(Allowance { actions: vec!["inspector2:Disable", "inspector2:Enable"], resources: Vec::new() });
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
        Err(Stop::SessionPolicyTooLong { account, actions: allowances.len() })
    }
}
