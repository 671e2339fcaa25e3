//! One repository: its verdict, its coverage, its diagnosis.

use std::collections::BTreeSet;

use jiff::Timestamp;
use scangap_model::{
    Api, Asked, AuditFacts, Cause, CellFacts, Diagnosis, Gap, GapKind, Observed, RepositoryFacts, Verdict,
};
use scangap_policy::{Action, Context, Decision, REPOSITORY_ACTIONS, Request, decide};

use crate::coverage::{self, ACCESS_DENIED, Coverage};
use crate::diagnose::{Layers, Selection, diagnose, selection};
use crate::policies::{self, Found, Policies, Scope};

/// Why an unreadable repository is probably unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LikelyCause {
    /// The refusal is an explicit deny in a resource-based policy.
    PolicyDeniesAuditor,
    /// ... and coverage says `ACCESS_DENIED` too: the deny that blocks the auditor blocks Inspector.
    BlockedLikely,
}

impl LikelyCause {
    pub const fn word(self) -> &'static str {
        match self {
            Self::PolicyDeniesAuditor => "policy_denies_auditor",
            Self::BlockedLikely => "blocked_likely",
        }
    }
}

#[derive(Debug, Clone)]
pub struct RepositoryAssessment {
    pub diagnosis: Diagnosis,
    pub verdict: Verdict,
    /// In the order of the action table.
    pub denied_actions: Vec<Action>,
    /// `repository policy: OfficeOnly (NotIpAddress aws:SourceIp)`.
    pub responsible_statements: Vec<String>,
    pub depends_on: Vec<String>,
    pub selection: Selection,
    pub coverage: Coverage,
    pub likely_cause: Option<LikelyCause>,
}

/// A verdict over the six actions with what is responsible for it.
struct Judged {
    verdict: Verdict,
    denied: Vec<Action>,
    responsible: Vec<String>,
    depends_on: BTreeSet<String>,
}

pub(crate) fn assess(
    facts: &AuditFacts,
    policies: &Policies,
    repository: &RepositoryFacts,
    as_of: Timestamp,
) -> (RepositoryAssessment, Option<Gap>) {
    let key = (repository.account, repository.region.clone());
    let unasked = CellFacts::unasked(key.0, key.1.clone(), scangap_model::CellOutcome::NotReached);
    let cell = facts.cells.get(&key).unwrap_or(&unasked);
    let request = policies::request(facts, key.0, &key.1, Some(&repository.name), &repository.tags, as_of);
    let judged = judge(policies, &repository.policy, cell, &request);
    let rows = facts.coverage.get(&(key.0, key.1.clone(), repository.name.clone()));
    let coverage = coverage::of(rows.map_or(&[], Vec::as_slice), &cell.coverage);
    let selection = selection(&repository.scan_frequency, &cell.scan_rules, repository.name.as_str());
    let diagnosis = diagnose(&Layers {
        ecr_status: &cell.inspector_ecr_status,
        scan_type: &cell.registry_scan_type,
        selection,
        verdict: judged.verdict,
        coverage: &coverage,
        has_active_image: &repository.has_active_image,
    });
    let malformed = repository.policy.known().and_then(|hash| {
        policies::malformed(policies, hash, Api::GetRepositoryPolicy, (key.0, &key.1), repository.name.as_str())
    });
    let likely_cause = likely_cause(diagnosis, repository, &coverage);
    let assessment = RepositoryAssessment {
        diagnosis,
        verdict: judged.verdict,
        denied_actions: judged.denied,
        responsible_statements: judged.responsible,
        depends_on: judged.depends_on.into_iter().collect(),
        selection,
        coverage,
        likely_cause,
    };
    (assessment, malformed)
}

/// Denied if any action is; else unknown if a policy is unread; else depends if any does; else allowed.
fn judge(
    policies: &Policies,
    own: &Observed<scangap_model::PolicyHash>,
    cell: &CellFacts,
    request: &Request,
) -> Judged {
    let own = policies::find(policies, own);
    let scope = policies::scope(cell);
    let registry = match (&cell.registry_policy, scope) {
        (_, Scope::V1) => Found::None,
        (Asked::NotNeeded, _) => Found::Unread,
        (Asked::Answered(fact), _) => policies::find(policies, fact),
    };
    let mut judged =
        Judged { verdict: Verdict::Allowed, denied: Vec::new(), responsible: Vec::new(), depends_on: BTreeSet::new() };
    let mut verdicts = Vec::new();
    let context = Context::new(request);
    for &action in REPOSITORY_ACTIONS {
        let mine = own.decide(action, &context);
        let theirs = registry.decide(action, &context);
        let verdict = combine(mine.as_ref(), theirs.as_ref(), scope, &mut judged.depends_on);
        if verdict == Verdict::Denied {
            judged.denied.push(action);
        }
        for (label, decision) in [("repository policy", &mine), ("registry policy", &theirs)] {
            let relevant =
                decision.as_ref().filter(|decision| verdict != Verdict::Denied || decision.verdict == Verdict::Denied);
            for statement in relevant.iter().flat_map(|decision| &decision.statements) {
                let text = format!("{label}: {}", statement.label());
                if !judged.responsible.contains(&text) {
                    judged.responsible.push(text);
                }
            }
        }
        verdicts.push(verdict);
    }
    judged.verdict = Verdict::fold(verdicts);
    if judged.verdict != Verdict::Depends {
        judged.depends_on.clear();
    }
    judged
}

impl Found<'_> {
    /// `None`: the policy is unread.
    fn decide(&self, action: Action, context: &Context<'_>) -> Option<Decision> {
        match self {
            Found::None => Some(Decision::nothing()),
            Found::Document(document) => Some(decide(&[document], action, context)),
            Found::Unread => None,
        }
    }
}

fn combine(
    own: Option<&Decision>,
    registry: Option<&Decision>,
    scope: Scope,
    depends_on: &mut BTreeSet<String>,
) -> Verdict {
    let own_verdict = own.map_or(Verdict::Unknown, |decision| decision.verdict);
    let registry_verdict = match (registry.map_or(Verdict::Unknown, |decision| decision.verdict), scope) {
        // Only V2 would make a difference here, and whether it is V2 is not known.
        (Verdict::Denied | Verdict::Depends, Scope::Unknown) if own_verdict != Verdict::Denied => {
            depends_on.insert("REGISTRY_POLICY_SCOPE".to_owned());
            Verdict::Depends
        }
        (verdict, _) => verdict,
    };
    for decision in [own, registry].into_iter().flatten() {
        depends_on.extend(decision.depends_on.iter().cloned());
    }
    Verdict::fold([own_verdict, registry_verdict])
}

fn likely_cause(diagnosis: Diagnosis, repository: &RepositoryFacts, coverage: &Coverage) -> Option<LikelyCause> {
    let denied_by_resource = |gap: &Gap| gap.kind == GapKind::AccessDenied && gap.cause == Cause::ResourcePolicy;
    if diagnosis != Diagnosis::Unreadable || !repository.gaps().any(denied_by_resource) {
        return None;
    }
    match coverage {
        Coverage::Row { reason, .. } if reason == ACCESS_DENIED => Some(LikelyCause::BlockedLikely),
        Coverage::Row { .. } | Coverage::NoRow | Coverage::Gap(_) | Coverage::NotAsked => {
            Some(LikelyCause::PolicyDeniesAuditor)
        }
    }
}
