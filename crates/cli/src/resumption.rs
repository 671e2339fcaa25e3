//! `audit --resume`: what is left of an audit, and whether this call may go on with it.

use std::fs::File;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use scangap_collect::{Begun, CollectOptions, Prior, PriorAccount, PriorOpening, PriorOrganization, PriorRole};
use scangap_model::{AccountOutcome, Asked, Observed, OrganizationFacts, Scope, Shard, count, thousands};
use scangap_snapshot::{ApiUse, Meta, Snapshot, StoredAccount, StoredRun, is_encrypted};

use crate::error::CliError;
use crate::file_in::file_in;
use crate::folder::{SNAPSHOT, lock};
use crate::session::Session;

/// An audit to go on with.
pub(crate) struct Resumption {
    pub(crate) path: PathBuf,
    pub(crate) organization: OrganizationFacts,
    pub(crate) as_of: Timestamp,
    pub(crate) tag_keys: Vec<String>,
    pub(crate) age_recipients: Vec<String>,
    pub(crate) keeps_images: bool,
    pub(crate) shard: Option<Shard>,
    pub(crate) was_interrupted: bool,
    pub(crate) simulated: bool,
    /// What the runs before used.
    pub(crate) api_use: Vec<ApiUse>,
    pub(crate) prior: Prior,
    left: Left,
    roles: String,
    settled: usize,
    /// Held as long as the run goes on: nobody else writes into the folder.
    _lock: Option<File>,
}

/// What is left to ask.
struct Left {
    accounts: usize,
    of: usize,
    registries: usize,
}

/// What the command line says of an audit that the snapshot says as well.
pub(crate) struct Named {
    pub(crate) scope: Scope,
    pub(crate) as_of: Option<Timestamp>,
    pub(crate) tags: Vec<String>,
    pub(crate) images: bool,
    pub(crate) shard: Option<Shard>,
}

impl Resumption {
    /// `path`: a snapshot, or the folder of a run. What is named must be what the audit was begun with.
    pub(crate) fn open(path: &Path, named: &Named) -> Result<Self, CliError> {
        let path = file_in(path, SNAPSHOT);
        if is_encrypted(&path) {
            return Err(CliError::IsEncrypted(path));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let lock = lock(folder)?;
        let hash = Snapshot::hash_facts(&path).map_err(CliError::Snapshot)?;
        if hash.stored.is_some_and(|stored| stored != hash.computed) {
            return Err(CliError::Tampered(path));
        }
        let run = StoredRun::open(&path).map_err(CliError::Snapshot)?;
        let (meta, organization) = (&run.snapshot.meta, &run.snapshot.facts.organization);
        same_audit(meta, &organization.scope, named)?;
        let accounts: std::collections::BTreeMap<_, _> =
            run.accounts.iter().map(|(id, account)| (*id, prior(account))).collect();
        let of_left = |account: &PriorAccount| matches!(account, PriorAccount::Begun(_));
        let registries = |account: &StoredAccount| {
            let ahead = account.regions.iter().filter(|fact| !account.whole.contains(&fact.region)).count();
            ahead.max(account.partial.len())
        };
        let left = Left {
            accounts: accounts.values().filter(|account| of_left(account)).count(),
            of: accounts.len(),
            registries: run.accounts.values().map(registries).sum(),
        };
        let listed = || PriorOrganization {
            facts: organization.clone(),
            accounts: run.snapshot.facts.accounts.values().cloned().collect(),
            asked: meta.accounts_asked,
        };
        Ok(Self {
            prior: Prior { organization: run.organization_is_whole.then(listed), accounts },
            organization: organization.clone(),
            as_of: meta.as_of,
            tag_keys: meta.tag_keys.clone(),
            age_recipients: meta.age_recipients.clone(),
            keeps_images: meta.keeps_images,
            shard: meta.shard,
            was_interrupted: meta.state == scangap_snapshot::RunState::Interrupted,
            simulated: meta.simulated,
            api_use: meta.api_use.clone(),
            roles: meta.roles.clone(),
            settled: left.of - left.accounts,
            left,
            path,
            _lock: lock,
        })
    }

    /// Accounts of which nothing is left to ask.
    pub(crate) fn settled(&self) -> usize {
        self.settled
    }

    /// For the first screen.
    pub(crate) fn introduction(&self) -> String {
        let Left { accounts, of, registries } = self.left;
        let of = count(of, "account");
        let what = match (accounts, &self.prior.organization) {
            (0, Some(_)) => format!("nothing of its {of} is left to ask"),
            _ => format!(
                "something is left to ask in {} of {of}, in {} that are known so far",
                thousands(accounts),
                count(registries, "registry")
            ),
        };
        format!("resuming {}, as of {}: {what}", self.path.display(), self.as_of)
    }

    /// Whether the credentials are of the audit's caller, and at AWS if it was.
    pub(crate) fn check(&self, session: &Session, options: &CollectOptions) -> Result<(), CliError> {
        let simulated = session.connection.meter().met_foreign_host();
        if simulated != self.simulated {
            return Err(CliError::EndpointMismatch { what: "snapshot", simulated: self.simulated });
        }
        let (stored, given) = (self.organization.caller_account, session.identity.account);
        other("caller", stored.as_str(), given.as_str())?;
        // What one user or role was refused, another may read: the facts of one audit are one identity's.
        other("caller", principal(&self.organization.caller_arn), principal(&session.identity.arn))?;
        other("role", &self.roles, &options.roles_in_words())?;
        match self.organization.id.known() {
            Some(id) => session.require_organization(id, options.organization_role_arn.as_deref(), &options.assume),
            None => Ok(()),
        }
    }
}

/// A role without the name of its session, which is another one each time.
fn principal(arn: &str) -> &str {
    match arn.split_once(":assumed-role/") {
        Some((_, rest)) => {
            arn.get(..arn.len() - rest.split_once('/').map_or(0, |(_, session)| session.len() + 1)).unwrap_or(arn)
        }
        None => arn,
    }
}

fn other(what: &'static str, stored: &str, given: &str) -> Result<(), CliError> {
    if stored == given {
        return Ok(());
    }
    Err(CliError::OtherAudit { what, stored: stored.to_owned(), given: given.to_owned() })
}

/// What is not named is taken from the snapshot; what is named must be the same.
fn same_audit(meta: &Meta, scope: &Scope, named: &Named) -> Result<(), CliError> {
    fn list<T: ToString + Ord + Clone>(what: &'static str, stored: &[T], given: &[T]) -> Result<(), CliError> {
        let sorted = |values: &[T]| {
            let mut values = values.to_vec();
            values.sort();
            values.dedup();
            let texts: Vec<String> = values.iter().map(T::to_string).collect();
            if texts.is_empty() { "all".to_owned() } else { texts.join(",") }
        };
        if given.is_empty() { Ok(()) } else { other(what, &sorted(stored), &sorted(given)) }
    }
    list("list of accounts", &scope.accounts, &named.scope.accounts)?;
    list("list of accounts left out", &scope.exclude_accounts, &named.scope.exclude_accounts)?;
    list("list of OUs", &scope.organizational_units, &named.scope.organizational_units)?;
    list("list of regions", &scope.regions, &named.scope.regions)?;
    list("list of tags", &meta.tag_keys, &named.tags)?;
    if named.images && !meta.keeps_images {
        other("form", "without --images", "with --images")?;
    }
    if let Some(given) = named.shard {
        let stored = meta.shard.map_or_else(|| "none".to_owned(), |shard| shard.to_string());
        other("shard", &stored, &given.to_string())?;
    }
    match named.as_of {
        Some(given) => other("time", &meta.as_of.to_string(), &given.to_string()),
        None => Ok(()),
    }
}

fn prior(account: &StoredAccount) -> PriorAccount {
    let role = &account.facts.inspector_role;
    let inspector_role = match role {
        Asked::NotNeeded => PriorRole::NotAsked,
        Asked::Answered(Observed::Unknown(gap)) if gap.kind.may_pass() => PriorRole::InVain,
        Asked::Answered(_) => PriorRole::Asked,
    };
    let is_left = |region| !account.whole.contains(region);
    let registries_left = account.regions.iter().any(|fact| is_left(&fact.region)) || !account.partial.is_empty();
    if account.is_whole && !registries_left && inspector_role != PriorRole::InVain {
        return PriorAccount::Settled;
    }
    match &account.facts.outcome {
        AccountOutcome::Read { role_name } => {
            let opened = PriorOpening { role_name: role_name.clone(), regions: account.regions.clone() };
            let opened = account.is_whole.then_some(opened);
            PriorAccount::Begun(Begun { opened, whole: account.whole.clone(), inspector_role })
        }
        // What is known of these came with the account: it comes with it again.
        AccountOutcome::Skipped { .. } | AccountOutcome::Unreadable(_) | AccountOutcome::NotReached => {
            PriorAccount::Begun(Begun { opened: None, whole: std::collections::BTreeSet::new(), inspector_role })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::principal;

    #[test]
    fn a_session_is_its_roles_and_a_user_is_a_user() {
        let role = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Audit_0123";
        assert_eq!(principal(&format!("{role}/jane@example.com")), role);
        assert_eq!(principal(&format!("{role}/i-0a/b")), role);
        for arn in ["arn:aws:iam::111122223333:user/auditor", "arn:aws:iam::111122223333:root"] {
            assert_eq!(principal(arn), arn);
        }
    }
}
