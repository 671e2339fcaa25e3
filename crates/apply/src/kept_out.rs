//! Repairs that the write role cannot make: it is shut out by the very policy that it is to repair, or by the registry's.
//! They are left out before anything is begun, and every other step is made.

use std::collections::BTreeMap;

use scangap_assess::{write_access, write_role};
use scangap_model::{
    AccountId, Api, Observed, PolicyHash, RegionName, RegistryFacts, RegistryOutcome, RepositoryName, Verdict,
};
use scangap_policy::{Organization, Request, RoleIdentity, Tags};

use crate::context::Executor;
use crate::error::ApplyError;
use crate::journal::JournalState;
use crate::progress::Progress;
use crate::protocol::repair::PolicyNow;
use crate::repair::policy_now;
use scangap_plan::Repair;
use scangap_plan::hash::sha256;
use scangap_plan::in_words;

impl Executor<'_> {
    /// The steps that the write role is denied, each with the reason, and the re-syncs that need one of them. What only may be
    /// denied is tried.
    pub(crate) async fn kept_out(&self, state: &JournalState) -> Result<Vec<ApplyError>, ApplyError> {
        let mut registries: BTreeMap<(AccountId, RegionName), Registry> = BTreeMap::new();
        let mut kept_out = Vec::new();
        for step in self.plan.repairs.iter().filter(|step| state.progress(&step.id) != Progress::Done) {
            // A policy that is already repaired needs no write, and one that changed since the plan stops the apply at its check.
            if policy_now(self, step).await?.0 != PolicyNow::AsPlanned {
                continue;
            }
            let registry = (step.account, step.region.clone());
            if !registries.contains_key(&registry) {
                registries.insert(registry.clone(), self.registry(step).await);
            }
            if let Some(why) = registries.get(&registry).and_then(|registry| self.why_kept_out(step, registry)) {
                kept_out.push(ApplyError::WriteRoleDenied { step: step.id.clone(), why });
            }
        }
        let out: Vec<String> = kept_out.iter().filter_map(|stop| stop.step().map(str::to_owned)).collect();
        // One that was begun goes on: it was begun with what it needed.
        for step in self.plan.resyncs.iter().filter(|step| state.progress(&step.id) < Progress::Disabling) {
            let first: Vec<String> = step.needs_first.iter().filter(|id| out.contains(id)).cloned().collect();
            if !first.is_empty() {
                kept_out.push(ApplyError::NeedsFirst { step: step.id.clone(), first });
            }
        }
        Ok(kept_out)
    }

    fn why_kept_out(&self, step: &Repair, registry: &Registry) -> Option<String> {
        let name = self.options.judged_role.as_deref();
        let repository: RepositoryName = step.repository.parse().ok()?;
        let request = Request {
            partition: self.plan.partition,
            account: step.account,
            region: step.region.clone(),
            repository: Some(repository),
            organization: match &self.plan.organization_id {
                Some(id) => Organization::Member { id: id.clone(), path: None },
                None => Organization::None,
            },
            tags: Tags::Unknown,
            inspector_role: RoleIdentity::UNKNOWN,
            principal: write_role(self.plan.partition, step.account, name),
            as_of: (self.options.clock)(),
            stated: BTreeMap::new(),
        };
        let access = write_access(&request, &step.before, &registry.facts, &registry.texts);
        let who = name.map_or_else(|| "any role of the account".to_owned(), |name| format!("the write role {name}"));
        (access.verdict == Verdict::Denied).then(|| in_words(&access, &who))
    }

    /// The registry's policy as it is now. One that cannot be read keeps nobody from trying.
    async fn registry(&self, step: &Repair) -> Registry {
        let reader = self.access.reader(step.account, &step.region);
        let policy = reader.registry_policy(&self.access.call(Api::GetRegistryPolicy)).await;
        let scope = reader.registry_policy_scope(&self.access.call(Api::GetAccountSetting)).await;
        let mut registry = Registry {
            facts: RegistryFacts::unasked(step.account, step.region.clone(), RegistryOutcome::Read),
            texts: BTreeMap::new(),
        };
        registry.facts.registry_policy = match policy {
            Ok(Some(text)) => {
                let hash: Option<PolicyHash> = sha256(&text).parse().ok();
                registry.texts.extend(hash.clone().map(|hash| (hash, text)));
                Observed::from_answer(hash).into()
            }
            Ok(None) => Observed::Absent.into(),
            Err(error) => Observed::unknown(error.at(Some(step.account), Some(&step.region), "")).into(),
        };
        registry.facts.registry_policy_scope = match scope {
            Ok(word) => Observed::from_answer(word).into(),
            Err(error) => Observed::unknown(error.at(Some(step.account), Some(&step.region), "")).into(),
        };
        registry
    }
}

struct Registry {
    facts: RegistryFacts,
    texts: BTreeMap<PolicyHash, String>,
}
