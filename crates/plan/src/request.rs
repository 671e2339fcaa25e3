//! The input of a plan: its source, and the arguments of the request.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use scangap_assess::Assessment;
use scangap_model::{
    AccountFacts, AccountId, AuditFacts, Diagnosis, RegionName, Repositories, RepositoryFacts, RepositoryTags,
    ResyncFacts,
};

use crate::file::v2::RequestedJson;

/// What was read for plans, later than the snapshot.
#[derive(Debug, Clone)]
pub struct LossEstimate {
    pub registries: Vec<ResyncFacts>,
    pub tags: RepositoryTags,
    pub losses_sha256: String,
}

/// What a plan is made from.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    pub facts: &'a AuditFacts,
    pub repositories: &'a dyn Repositories,
    pub assessment: &'a Assessment,
    pub facts_sha256: &'a str,
    pub as_of: Timestamp,
    pub tool_version: &'a str,
    pub planned_by: &'a str,
    pub previous_facts_sha256: Option<&'a str>,
    pub simulated: bool,
    pub complete: bool,
    /// Since when each repository that is stale now is known to be: from an earlier snapshot. Others: since this one.
    pub stale_since: &'a BTreeMap<String, Timestamp>,
    /// `None`: nobody read more than the snapshot holds.
    pub collected: Option<&'a LossEstimate>,
}

impl PlanInput<'_> {
    pub(crate) fn account_name(&self, id: AccountId) -> Option<String> {
        self.facts.accounts.get(&id)?.name.known().cloned()
    }
}

impl std::fmt::Debug for PlanInput<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlanInput").field("facts_sha256", &self.facts_sha256).finish_non_exhaustive()
    }
}

/// What the plan shall contain. Empty lists mean all.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    pub fix: bool,
    pub resync: bool,
    pub accounts: Vec<AccountId>,
    pub organizational_units: Vec<String>,
    pub regions: Vec<RegionName>,
    pub diagnoses: Vec<Diagnosis>,
    pub blocklist: Vec<AccountId>,
    /// Registries that may be re-synced although ECR is their only scan type, so that everything of Inspector there goes.
    pub only_scan_type: Vec<(AccountId, RegionName)>,
    /// The role that will write, where it is known already.
    pub write_role_name: Option<String>,
    pub min_age: SignedDuration,
    /// The same as it was written.
    pub min_age_text: String,
}

impl PlanRequest {
    pub(crate) fn include(&self, facts: &RepositoryFacts, account: Option<&AccountFacts>) -> bool {
        (self.accounts.is_empty() || self.accounts.contains(&facts.account))
            && (self.regions.is_empty() || self.regions.contains(&facts.region))
            && (self.organizational_units.is_empty() || account.is_some_and(|account| self.covers(account)))
    }

    /// Whether an account is in one of the units or below, by path or by id.
    fn covers(&self, account: &AccountFacts) -> bool {
        let ids = account.organization_path.known().map_or("", String::as_str);
        self.organizational_units.iter().map(|unit| unit.trim_matches('/')).any(|unit| {
            let below =
                |path: &String| path.strip_prefix(unit).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            unit.is_empty() || ids.split('/').any(|id| id == unit) || account.ou_path.known().is_some_and(below)
        })
    }

    /// Whether the diagnosis is among those that were asked about.
    pub(crate) fn names(&self, diagnosis: Diagnosis) -> bool {
        self.diagnoses.is_empty() || self.diagnoses.contains(&diagnosis)
    }

    /// The account, unit or region that the audit knows nothing of, if there is one: a plan for it would be of nothing, and
    /// say that all is well.
    pub fn unknown_in(&self, facts: &AuditFacts) -> Option<String> {
        let account = self.accounts.iter().find(|id| !facts.accounts.contains_key(id)).map(ToString::to_string);
        let region = self.regions.iter().find(|region| !facts.registries.keys().any(|(_, known)| known == *region));
        let one =
            |unit: &String| Self { organizational_units: vec![unit.clone()], accounts: Vec::new(), ..self.clone() };
        let unit = self.organizational_units.iter().find(|unit| {
            let one = one(unit);
            !facts.accounts.values().any(|account| one.covers(account))
        });
        account.or_else(|| unit.cloned()).or_else(|| region.map(ToString::to_string))
    }

    /// What was asked for, as the plan keeps it.
    pub(crate) fn json(&self) -> RequestedJson {
        let registry = |(account, region): &(AccountId, RegionName)| format!("{account}:{region}");
        RequestedJson {
            fix: self.fix,
            resync: self.resync,
            accounts: self.accounts.iter().map(ToString::to_string).collect(),
            organizational_units: self.organizational_units.clone(),
            regions: self.regions.iter().map(ToString::to_string).collect(),
            diagnoses: self.diagnoses.iter().map(|diagnosis| diagnosis.word().to_owned()).collect(),
            blocklist: self.blocklist.iter().map(ToString::to_string).collect(),
            only_scan_type: self.only_scan_type.iter().map(registry).collect(),
            write_role_name: self.write_role_name.clone(),
            min_age: self.min_age_text.clone(),
        }
    }

    /// Whether this diagnosis is to be repaired. An undecided policy is repaired only where `--diagnoses` names it.
    pub(crate) fn repairs(&self, diagnosis: Diagnosis) -> bool {
        let usual = matches!(diagnosis, Diagnosis::Blocked | Diagnosis::AtRisk);
        let named = self.diagnoses.contains(&diagnosis);
        self.fix && (named && (usual || diagnosis == Diagnosis::Undecided) || usual && self.diagnoses.is_empty())
    }

    pub(crate) fn resyncs(&self) -> bool {
        self.resync && (self.diagnoses.is_empty() || self.diagnoses.contains(&Diagnosis::Stale))
    }
}
