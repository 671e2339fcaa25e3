//! The planner: repositories stream by, and what can be repaired becomes a step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scangap_assess::{
    AttachedTo, CauseKind, RepositoryAssessment, Selection, SharedCause, TagWriter, inspector_request, policy_evidence,
    selects, verdict_with_policy, write_access, write_role,
};
use scangap_model::{
    AccountId, Diagnosis, RecordError, RegionName, RegistryFacts, RegistryOutcome, RepositoryFacts, Verdict,
};
use scangap_policy::Request;

use crate::refusal::{Refusal, Refused};
use crate::request::{PlanInput, PlanRequest};
use crate::resync::{NotLetIn, Stale, resync};
use crate::step::{Losses, Plan, PolicyStep, Undecided};

/// The same plan for the same source and request.
pub fn plan(source: &PlanInput<'_>, request: &PlanRequest) -> Result<Plan, RecordError> {
    let mut plan = Plan {
        organization_id: source.facts.organization.id.clone().map(|id| id.to_string()),
        request: request.json(),
        planned_by: source.planned_by.to_owned(),
        previous_facts_sha256: source.previous_facts_sha256.map(str::to_owned),
        partition: source.facts.organization.partition,
        facts_sha256: source.facts_sha256.to_owned(),
        as_of: source.as_of,
        tool_version: source.tool_version.to_owned(),
        simulated: source.simulated,
        complete: source.complete,
        repositories: 0,
        policies: Vec::new(),
        resyncs: Vec::new(),
        losses_sha256: source.collected.map(|counted| counted.losses_sha256.clone()),
        refused: Vec::new(),
        undecided: Vec::new(),
        losses: Losses::NONE,
        not_asked: 0,
    };
    let mut stale: BTreeMap<(AccountId, RegionName), Vec<RepositoryFacts>> = BTreeMap::new();
    let mut not_let_in: BTreeMap<(AccountId, RegionName), Vec<NotLetIn>> = BTreeMap::new();
    let mut selected: BTreeMap<(AccountId, RegionName), BTreeMap<String, usize>> = BTreeMap::new();
    let all = 0..source.assessment.repositories.len();
    for joined in source.assessment.join(source.repositories, all) {
        let (record, assessment) = joined?;
        let facts = record.facts;
        if !request.include(&facts, source.facts.accounts.get(&facts.account)) {
            continue;
        }
        plan.repositories += 1;
        let diagnosis = assessment.diagnosis;
        let verdict = assessment.policy.verdict;
        if verdict != Verdict::Allowed || assessment.selection != Selection::Selected {
            let one = NotLetIn { name: facts.name.to_string(), denied: verdict == Verdict::Denied };
            not_let_in.entry((facts.account, facts.region.clone())).or_default().push(one);
        }
        if request.resyncs() {
            count_selected(source, &facts, &mut selected);
        }
        if request.repairs(diagnosis) {
            match repair(source, request, &facts, assessment, plan.policies.len() + 1) {
                Ok(step) => plan.policies.push(step),
                Err(refusal) => plan.refused.push(refused(source, &facts, diagnosis, refusal)),
            }
        } else if request.fix && request.names(diagnosis) && diagnosis == Diagnosis::Undecided {
            plan.undecided.push(Undecided {
                account: facts.account,
                account_name: source.account_name(facts.account),
                region: facts.region,
                repository: facts.name,
                depends_on: assessment.policy.depends_on.clone(),
            });
        } else if request.fix && request.diagnoses.is_empty() && facts.policy.gap().is_some() {
            plan.refused.push(refused(source, &facts, diagnosis, Refusal::PolicyUnread));
        } else if request.resyncs() && diagnosis == Diagnosis::Stale {
            stale.entry((facts.account, facts.region.clone())).or_default().push(facts);
        } else if diagnosis.info().fails_any && can_help(diagnosis) {
            plan.not_asked += 1;
        }
    }
    let registries: BTreeMap<_, _> = source.facts.registries.keys().zip(&source.assessment.registries).collect();
    for ((account, region), repositories) in stale {
        let key = (account, region);
        let registry = Stale {
            account,
            facts: source.facts.registry(&key),
            assessment: registries.get(&key).copied(),
            not_let_in: not_let_in.remove(&key).unwrap_or_default(),
            repaired: plan
                .policies
                .iter()
                .filter(|step| step.account == key.0 && step.region == key.1)
                .map(|step| (step.repository.to_string(), step.id.clone()))
                .collect(),
            selected: selected.remove(&key).unwrap_or_default(),
            region: key.1,
            repositories,
        };
        match resync(source, request, &registry, plan.resyncs.len() + 1) {
            Ok(step) => plan.resyncs.push(step),
            Err(refused) => plan.refused.push(*refused),
        }
    }
    let not_counted = plan.refused.iter().any(|refused| refused.refusal == Refusal::LossesNotCounted);
    plan.losses = if not_counted && plan.resyncs.is_empty() { Losses::NOT_COUNTED } else { Losses::of(&plan.resyncs) };
    // What hides losses hides what a re-sync would come to.
    plan.complete &= !plan.refused.iter().any(|refused| matches!(refused.refusal, Refusal::LossesUnread { .. }));
    Ok(plan)
}

/// How many repositories each scan filter of a registry selects.
fn count_selected(
    source: &PlanInput<'_>,
    facts: &RepositoryFacts,
    selected: &mut BTreeMap<(AccountId, RegionName), BTreeMap<String, usize>>,
) {
    let key = (facts.account, facts.region.clone());
    let rules = source.facts.registry(&key).and_then(|registry| registry.scan_rules.known());
    let filters = rules.into_iter().flatten().flat_map(|rule| &rule.filters);
    for filter in filters.filter(|filter| selects(filter, facts.name.as_str())) {
        *selected.entry(key.clone()).or_default().entry(filter.clone()).or_default() += 1;
    }
}

/// What a plan wants to know beyond its snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    /// Registries that it would re-sync if nothing else stood against it, and for which repositories: losses are to be counted.
    pub registries: BTreeMap<(AccountId, RegionName), BTreeSet<String>>,
    /// Repositories whose policy it repairs, and whose tags nobody read, by ARN.
    pub tags_of: BTreeMap<String, (AccountId, RegionName)>,
}

pub fn candidates(source: &PlanInput<'_>, request: &PlanRequest) -> Result<Candidates, RecordError> {
    let plan = plan(&PlanInput { collected: None, ..*source }, request)?;
    let untold =
        plan.policies.iter().filter(|step| step.sources_not_looked_for.iter().any(|what| what.starts_with("tags")));
    let tags_of = untold.map(|step| (step.repository_arn.clone(), (step.account, step.region.clone()))).collect();
    let uncounted = plan.refused.into_iter().filter(|refused| refused.refusal == Refusal::LossesNotCounted);
    let registries = uncounted.map(|one| ((one.account, one.region), one.repositories.into_iter().collect())).collect();
    Ok(Candidates { registries, tags_of })
}

/// Diagnoses that a plan knows something about.
fn can_help(diagnosis: Diagnosis) -> bool {
    matches!(diagnosis, Diagnosis::Blocked | Diagnosis::AtRisk | Diagnosis::Undecided | Diagnosis::Stale)
}

/// A repair that is not planned.
fn refused(source: &PlanInput<'_>, facts: &RepositoryFacts, diagnosis: Diagnosis, refusal: Refusal) -> Refused {
    Refused {
        what: "repair",
        account: facts.account,
        account_name: source.account_name(facts.account),
        region: facts.region.clone(),
        repositories: vec![facts.name.to_string()],
        diagnosis,
        refusal,
        losses: None,
    }
}

fn repair(
    source: &PlanInput<'_>,
    request: &PlanRequest,
    facts: &RepositoryFacts,
    assessment: &RepositoryAssessment,
    number: usize,
) -> Result<PolicyStep, Refusal> {
    if request.blocklist.contains(&facts.account) {
        return Err(Refusal::Blocklisted);
    }
    if facts.policy.gap().is_some() {
        return Err(Refusal::PolicyUnread);
    }
    let evidence = policy_evidence(source.facts, facts, source.as_of);
    let evidence = evidence.filter(|_| assessment.policy.own_is_responsible);
    let evidence = evidence.ok_or(match assessment.policy.verdict {
        Verdict::Denied => Refusal::RegistryPolicyDenies,
        Verdict::Depends | Verdict::Unknown | Verdict::Allowed => Refusal::RegistryPolicyDepends,
    })?;
    let after = evidence.repaired.map_err(Refusal::NoExemption)?;
    let verdict_after = verdict_with_policy(source.facts, facts, &after, source.as_of);
    match verdict_after {
        Verdict::Allowed => {}
        Verdict::Denied => return Err(Refusal::StillDenied),
        Verdict::Depends | Verdict::Unknown => return Err(Refusal::NotProven(verdict_after)),
    }
    let registry = source.facts.registry(&(facts.account, facts.region.clone()));
    let writer = write_role(source.facts.organization.partition, facts.account, request.write_role_name.as_deref());
    let name = Some(&facts.name);
    let asked = inspector_request(source.facts, facts.account, &facts.region, name, &facts.tags, source.as_of);
    let unread = RegistryFacts::unasked(facts.account, facts.region.clone(), RegistryOutcome::NotReached);
    let by_writer = Request { principal: writer, ..asked };
    Ok(PolicyStep {
        write_access: write_access(&by_writer, &evidence.text, registry.unwrap_or(&unread), &source.facts.policies),
        write_role_name: request.write_role_name.clone(),
        id: format!("policy-{number:04}"),
        account: facts.account,
        account_name: source.account_name(facts.account),
        region: facts.region.clone(),
        repository: facts.name.clone(),
        repository_arn: facts.arn.clone(),
        diagnosis: assessment.diagnosis,
        responsible_statements: assessment.policy.responsible_statements.clone(),
        causes: own_causes(assessment),
        before: evidence.text,
        after,
        sources: sources(facts, tags(source, facts), registry),
        sources_not_looked_for: not_looked_for(tags(source, facts), registry),
    })
}

/// What the repository's own policy is responsible with.
fn own_causes(assessment: &RepositoryAssessment) -> Vec<Arc<SharedCause>> {
    let is_own = |kind: &CauseKind| matches!(kind, CauseKind::Statement { attached_to: AttachedTo::Repository, .. });
    assessment.policy.causes.iter().filter(|cause| is_own(&cause.kind)).cloned().collect()
}

/// Where another writer was not looked for.
fn not_looked_for(tags: Option<&BTreeMap<String, String>>, registry: Option<&RegistryFacts>) -> Vec<&'static str> {
    let templates = registry.is_none_or(|registry| registry.templates.known().is_none());
    let all = [(tags.is_none(), "tags (plan --collect)"), (templates, "creation templates")];
    all.into_iter().filter(|(not_looked, _)| *not_looked).map(|(_, what)| what).collect()
}

/// A repository's tags: the snapshot's, or those that were read for plans.
fn tags<'a>(source: &PlanInput<'a>, facts: &'a RepositoryFacts) -> Option<&'a BTreeMap<String, String>> {
    let later = || source.collected?.tags.get(&facts.arn)?.known();
    facts.tags.known().or_else(later)
}

/// Who else writes the policy, as far as it is known: a creation template with the same text, a stack that owns the
/// repository (AWS sets the tag on what `CloudFormation` creates), or Terraform, where a tag names it.
fn sources(
    facts: &RepositoryFacts,
    tags: Option<&BTreeMap<String, String>>,
    registry: Option<&RegistryFacts>,
) -> Vec<String> {
    let mut sources = Vec::new();
    for template in registry.and_then(|registry| registry.templates.known()).into_iter().flatten() {
        let applies = template.prefix == "ROOT" || facts.name.as_str().starts_with(&template.prefix);
        if applies && template.policy.as_ref() == facts.policy.known() {
            sources.push(format!("repository creation template `{}`", template.prefix));
        }
    }
    sources.extend(tags.into_iter().flat_map(TagWriter::all).map(|writer| writer.to_string()));
    sources
}
