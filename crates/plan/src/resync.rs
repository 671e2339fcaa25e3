//! Re-syncs: turning ECR scanning off and on for a registry, only where it can help, where nothing speaks against it, and where
//! what it destroys was counted.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use scangap_assess::{RegistryAssessment, RegistryLosses, RegistryToCount, registry_losses, selects};
use scangap_model::{
    AccountId, Diagnosis, Observed, RegionName, RegistryFacts, RepositoryFacts, ResyncFacts, ScanRule, Verdict,
};

use crate::governs::inspector_policy_governs;
use crate::refusal::{Refusal, Refused};
use crate::render::commands::RegistryCommands;
use crate::request::{PlanInput, PlanRequest};

/// What Inspector must let the account do that scanning is toggled from.
const NEEDED: [&str; 2] = ["DISABLE_SCANNING", "ENABLE_SCANNING"];

/// The registry's scanning configuration, as it must be again afterwards. Rules in an order of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanningBefore {
    pub scan_type: String,
    pub rules: Vec<ScanRule>,
}

/// One registry, re-synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResyncStep {
    /// `resync-0001`: its place in the plan.
    pub id: String,
    pub account: AccountId,
    pub account_name: Option<String>,
    pub region: RegionName,
    /// The stale repositories that it is for.
    pub repositories: Vec<String>,
    /// The policy of each, as it was judged to let Inspector in. `None`: it has none.
    pub policies: Vec<(String, Option<String>)>,
    /// Repositories of the registry whose images are not scanned again: their policy does not surely let Inspector in, or no rule
    /// selects them.
    pub not_let_in: Vec<String>,
    pub stale_since: Timestamp,
    /// Who disables and enables: the delegated administrator for its members, else the account itself.
    pub toggled_from: AccountId,
    pub before: ScanningBefore,
    /// The registry's policy, which was judged to let Inspector put the configuration back. `None`: there is none.
    pub registry_policy: Option<String>,
    pub losses: RegistryLosses,
    pub counted_at: Timestamp,
    /// Steps that repair policies which would keep Inspector from images that it scans today.
    pub needs_first: Vec<String>,
    /// For each stale repository, the scan filters that select it, with how many repositories each selects.
    pub filters: Vec<(String, Vec<(String, usize)>)>,
}

impl ResyncStep {
    /// Whether a stale repository can be taken out of the scan filters without taking others out too, in words.
    pub(crate) fn filter_toggle(&self) -> Vec<(String, String)> {
        let words = |filters: &[(String, usize)]| {
            let wide: Vec<String> = filters
                .iter()
                .filter(|(_, number)| *number > 1)
                .map(|(filter, number)| format!("`{filter}` selects {number} repositories"))
                .collect();
            match (filters, wide.as_slice()) {
                ([], _) => "no filter of the snapshot selects it".to_owned(),
                (_, []) => "its filters select it alone, so that it is possible; that it refreshes the status is not documented, nor what becomes of the repository's findings".to_owned(),
                (_, wide) => format!("not possible for it alone: {}", wide.join(", ")),
            }
        };
        self.filters.iter().map(|(repository, filters)| (repository.clone(), words(filters))).collect()
    }

    pub(crate) fn commands(&self) -> RegistryCommands<'_> {
        RegistryCommands {
            account: self.account,
            region: &self.region,
            toggled_from: self.toggled_from,
            scan_type: &self.before.scan_type,
            rules: &self.before.rules,
        }
    }
}

/// A repository that Inspector does not surely get through to, or that no rule selects.
pub(crate) struct NotLetIn {
    pub(crate) name: String,
    /// Its policies surely deny.
    pub(crate) denied: bool,
}

/// A registry with stale repositories.
pub(crate) struct Stale<'a> {
    pub(crate) account: AccountId,
    pub(crate) region: RegionName,
    pub(crate) facts: Option<&'a RegistryFacts>,
    pub(crate) assessment: Option<&'a RegistryAssessment>,
    pub(crate) repositories: Vec<RepositoryFacts>,
    pub(crate) not_let_in: Vec<NotLetIn>,
    /// Repositories whose policy the same plan repairs first, with the step that does.
    pub(crate) repaired: BTreeMap<String, String>,
    /// Scan filters, and how many repositories each selects.
    pub(crate) selected: BTreeMap<String, usize>,
}

impl Stale<'_> {
    fn names(&self) -> Vec<String> {
        let names: BTreeSet<String> = self.repositories.iter().map(|facts| facts.name.to_string()).collect();
        names.into_iter().collect()
    }

    /// Those that Inspector does not surely get through to when this is done: what the same plan repairs first is let in by then.
    fn kept_out(&self) -> BTreeSet<String> {
        let stays = |one: &&NotLetIn| !(one.denied && self.repaired.contains_key(&one.name));
        self.not_let_in.iter().filter(stays).map(|one| one.name.clone()).collect()
    }
}

/// A step, or the reason against it.
pub(crate) fn resync(
    source: &PlanInput<'_>,
    request: &PlanRequest,
    stale: &Stale<'_>,
    number: usize,
) -> Result<ResyncStep, Box<Refused>> {
    let counted = source.collected.and_then(|counted| {
        let of = |facts: &&ResyncFacts| facts.account == stale.account && facts.region == stale.region;
        counted.registries.iter().find(of)
    });
    let losses = counted.map(|facts| losses(source, stale, facts));
    let refuse = |refusal: Refusal| {
        Box::new(Refused {
            what: "resync",
            account: stale.account,
            account_name: source.account_name(stale.account),
            region: stale.region.clone(),
            repositories: stale.names(),
            diagnosis: Diagnosis::Stale,
            refusal,
            losses: losses.clone().and_then(Result::ok),
        })
    };
    let stale_since = before_counting(source, request, stale).map_err(&refuse)?;
    let before = scanning_before(stale).ok_or_else(|| refuse(Refusal::ScanningConfigurationUnknown))?;
    let (Some(facts), Some(counted)) = (counted, losses.clone()) else {
        return Err(refuse(Refusal::LossesNotCounted));
    };
    let losses = counted.map_err(&refuse)?;
    let toggled_from = preconditions(facts, request, &losses).map_err(&refuse)?;
    let needs_first = would_help(stale, facts, &losses).map_err(&refuse)?;
    Ok(ResyncStep {
        id: format!("resync-{number:04}"),
        account: stale.account,
        account_name: source.account_name(stale.account),
        region: stale.region.clone(),
        repositories: stale.names(),
        policies: stale
            .repositories
            .iter()
            .map(|one| {
                let text = one.policy.known().and_then(|hash| source.facts.policies.get(hash).cloned());
                (one.name.to_string(), text)
            })
            .collect(),
        not_let_in: stale.kept_out().into_iter().collect(),
        stale_since,
        toggled_from,
        before,
        registry_policy: stale
            .facts
            .and_then(|facts| facts.registry_policy.known())
            .and_then(|hash| source.facts.policies.get(hash).cloned()),
        losses,
        counted_at: facts.counted_at,
        needs_first,
        filters: stale.names().into_iter().map(|name| selecting(stale, name)).collect(),
    })
}

fn selecting(stale: &Stale<'_>, name: String) -> (String, Vec<(String, usize)>) {
    let filters = stale.selected.iter().filter(|(filter, _)| selects(filter, &name));
    let filters = filters.map(|(filter, number)| (filter.clone(), *number)).collect();
    (name, filters)
}

/// What the snapshot alone can say. Gives back since when the registry is known to be stale.
fn before_counting(source: &PlanInput<'_>, request: &PlanRequest, stale: &Stale<'_>) -> Result<Timestamp, Refusal> {
    if request.blocklist.contains(&stale.account) {
        return Err(Refusal::Blocklisted);
    }
    if source.facts.organization.inspector_admin.known() == Some(&stale.account) {
        return Err(Refusal::DelegatedAdministrator);
    }
    match stale.assessment.and_then(|registry| registry.registry_verdict) {
        Some(Verdict::Allowed) => {}
        Some(Verdict::Denied) => {
            let denied =
                stale.assessment.map(|registry| registry.registry_denied_actions.as_slice()).unwrap_or_default();
            return Err(Refusal::RegistryPolicyForbids(denied.iter().map(ToString::to_string).collect()));
        }
        Some(Verdict::Depends | Verdict::Unknown) | None => return Err(Refusal::RegistryPolicyUnknown),
    }
    // The one that is known longest speaks for the registry: a re-sync helps all of them.
    let since = |facts: &RepositoryFacts| source.stale_since.get(&facts.arn).copied().unwrap_or(source.as_of);
    let stale_since = stale.repositories.iter().map(since).min().unwrap_or(source.as_of);
    if source.as_of.duration_since(stale_since) < request.min_age {
        return Err(Refusal::TooYoung { stale_since, min_age: request.min_age_text.clone() });
    }
    Ok(stale_since)
}

fn scanning_before(stale: &Stale<'_>) -> Option<ScanningBefore> {
    let facts = stale.facts?;
    Some(ScanningBefore {
        scan_type: facts.registry_scan_type.known()?.clone(),
        rules: facts.scan_rules.known()?.clone(),
    })
}

fn losses(source: &PlanInput<'_>, stale: &Stale<'_>, facts: &ResyncFacts) -> Result<RegistryLosses, Refusal> {
    let covered = source
        .assessment
        .by_registry
        .get(&(stale.account, stale.region.clone()))
        .and_then(|diagnoses| diagnoses.get(&Diagnosis::Covered));
    let covered = u64::try_from(covered.copied().unwrap_or(0)).unwrap_or(u64::MAX);
    let names = stale.names().into_iter().collect();
    let kept_out = stale.kept_out();
    let registry =
        RegistryToCount { stale: &names, not_let_in: &kept_out, repositories_covered: covered, at: facts.counted_at };
    registry_losses(facts, registry)
        .map_err(|gap| Refusal::LossesUnread { api: gap.api.to_string(), code: gap.code.clone() })
}

/// A re-sync is only where it can help, and not where it breaks what nobody repairs. Gives back the steps that repair what it
/// would break.
fn would_help(stale: &Stale<'_>, facts: &ResyncFacts, losses: &RegistryLosses) -> Result<Vec<String>, Refusal> {
    let scanned: BTreeSet<&String> = facts
        .images
        .known()
        .into_iter()
        .flatten()
        .filter(|image| image.status == "ACTIVE")
        .map(|image| &image.repository)
        .collect();
    let (mut broken, mut needs_first) = (Vec::new(), Vec::new());
    for one in stale.not_let_in.iter().filter(|one| one.denied && scanned.contains(&one.name)) {
        match stale.repaired.get(&one.name) {
            Some(step) => needs_first.push(step.clone()),
            None => broken.push(one.name.clone()),
        }
    }
    if !broken.is_empty() {
        return Err(Refusal::WouldBlock(broken));
    }
    if losses.helps_within_fixed_window == 0 && losses.helps_within_configured_window == 0 {
        return Err(Refusal::NothingEligible);
    }
    Ok(needs_first)
}

/// What was read for the plan, and must be so for a re-sync to end well.
fn preconditions(facts: &ResyncFacts, request: &PlanRequest, losses: &RegistryLosses) -> Result<AccountId, Refusal> {
    let unread = |gap: &scangap_model::Gap| Refusal::LossesUnread { api: gap.api.to_string(), code: gap.code.clone() };
    match &facts.organization_policy {
        Observed::Absent => {}
        Observed::Known(policy) if !inspector_policy_governs(policy, &facts.region) => {}
        Observed::Known(_) => return Err(Refusal::OrganizationPolicy),
        Observed::Unknown(gap) => return Err(unread(gap)),
    }
    let types = facts.scan_types.known().cloned().unwrap_or_default();
    if let Some((name, status)) = types.iter().find(|(_, status)| status.ends_with("ING")) {
        return Err(Refusal::ChangeUnderWay(format!("{name} is {status}")));
    }
    if facts.only_scan_type().is_none() {
        let words: Vec<String> = types.iter().map(|(name, status)| format!("{name} is {status}")).collect();
        return Err(Refusal::ChangeUnderWay(format!("a scan type is neither on nor off ({})", words.join(", "))));
    }
    if types.get("ecr").map(String::as_str) != Some("ENABLED") {
        let status = types.get("ecr").cloned().unwrap_or_else(|| "not known".to_owned());
        return Err(Refusal::NotEnabled(status));
    }
    let permissions = match &facts.permissions {
        Observed::Known(permissions) => permissions.clone(),
        Observed::Absent => Vec::new(),
        Observed::Unknown(gap) => return Err(unread(gap)),
    };
    let missing: Vec<String> = NEEDED
        .iter()
        .filter(|need| !permissions.iter().any(|has| has == *need))
        .map(|need| (*need).to_owned())
        .collect();
    let toggled_from = match &facts.toggled_from {
        Observed::Known(account) => *account,
        Observed::Absent => facts.account,
        Observed::Unknown(gap) => return Err(unread(gap)),
    };
    if !missing.is_empty() {
        return Err(Refusal::NotPermitted { account: toggled_from, missing });
    }
    let named =
        request.only_scan_type.iter().any(|(account, region)| *account == facts.account && *region == facts.region);
    if losses.only_scan_type && !named {
        return Err(Refusal::OnlyScanType);
    }
    Ok(toggled_from)
}
