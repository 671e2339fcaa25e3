//! One repository: its verdict, its coverage, its diagnosis.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use jiff::Timestamp;
use scangap_model::{
    Api, Asked, AuditFacts, Cause, Diagnosis, Gap, GapKind, Observed, PolicyHash, RegistryFacts, RepositoryFacts,
    RepositoryRecord, Verdict,
};
use scangap_policy::{Action, Context, Decision, REPOSITORY_ACTIONS, Request, decide};

use crate::cause::{AttachedTo, Causes, SharedCause, Unread, beside_policies};
use crate::coverage::{self, ACCESS_DENIED, Coverage};
use crate::diagnose::{Layers, Selection, diagnose, may_be_covered, may_be_none_to_scan, selection};
use crate::policies::{self, Found, Policies, Scope};

/// Why an unreadable repository is probably unreadable, or what an undecided one probably is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LikelyCause {
    /// The refusal is an explicit deny in a resource-based policy.
    PolicyDeniesAuditor,
    /// ... and coverage says `ACCESS_DENIED` too: the deny that blocks the auditor blocks Inspector.
    BlockedLikely,
    /// The policy depends on what is not known, and coverage says `ACCESS_DENIED`.
    DeniedLikely,
    /// The policy depends on what is not known, and an image was scanned under the same text.
    AllowedLikely,
    /// The account has no service-linked role of Inspector, so Inspector cannot scan, whatever the policy is.
    RoleAbsent,
}

impl LikelyCause {
    pub const fn word(self) -> &'static str {
        match self {
            Self::PolicyDeniesAuditor => "policy_denies_auditor",
            Self::BlockedLikely => "blocked_likely",
            Self::DeniedLikely => "denied_likely",
            Self::AllowedLikely => "allowed_likely",
            Self::RoleAbsent => "role_absent",
        }
    }
}

/// What the policies decide about a repository. Repositories of one registry share it where nothing in their policies can
/// tell them apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PolicyAssessment {
    pub verdict: Verdict,
    /// In the order of the action table.
    pub denied_actions: Vec<Action>,
    /// `repository policy: OfficeOnly (NotIpAddress aws:SourceIp)`.
    pub responsible_statements: Vec<String>,
    /// The same as causes: what other repositories may share.
    pub causes: Vec<Arc<SharedCause>>,
    pub depends_on: Vec<String>,
    /// Whether the repository's own policy is among what is responsible, and whether the registry's is.
    pub own_is_responsible: bool,
    pub registry_is_responsible: bool,
}

/// What is kept of a repository while its facts are read again as often as they are needed.
#[derive(Debug, Clone)]
pub struct RepositoryAssessment {
    /// Which repository it is of: facts are read again, and what is read then must be what was judged.
    identity: u64,
    pub diagnosis: Diagnosis,
    pub selection: Selection,
    pub likely_cause: Option<LikelyCause>,
    /// Unreadable, and what is known of it rules out that it is covered.
    pub surely_not_covered: bool,
    /// The same, and it may be none that is to be scanned.
    pub perhaps_not_to_scan: bool,
    /// Its own policy was read, and what was read is no policy.
    pub malformed: bool,
    pub policy: Arc<PolicyAssessment>,
    /// Why it needs something, where its policies are not the reason.
    cause: Option<Arc<SharedCause>>,
}

impl RepositoryAssessment {
    /// Whether these facts are those that were judged.
    pub fn is_of(&self, repository: &RepositoryFacts) -> bool {
        self.identity == identity(repository)
    }

    /// Keeps its cause once among those of many repositories.
    pub(crate) fn share(&mut self, causes: &mut Causes) {
        self.cause = self.cause.as_ref().map(|cause| causes.shared(cause));
    }

    /// Why it needs something. None where it needs nothing.
    pub fn causes(&self) -> &[Arc<SharedCause>] {
        match self.diagnosis {
            Diagnosis::Blocked | Diagnosis::AtRisk | Diagnosis::Undecided => &self.policy.causes,
            _ => self.cause.as_slice(),
        }
    }
}

fn identity(repository: &RepositoryFacts) -> u64 {
    let mut hasher = DefaultHasher::new();
    (repository.account, &repository.region, &repository.name, repository.policy.known()).hash(&mut hasher);
    hasher.finish()
}

/// What is known of a registry while its repositories pass.
pub(crate) struct RegistryView<'a> {
    pub(crate) facts: &'a AuditFacts,
    pub(crate) policies: &'a Policies<'a>,
    pub(crate) registry: &'a RegistryFacts,
    pub(crate) as_of: Timestamp,
}

impl RegistryView<'_> {
    /// Whether the registry's other repositories with the same policy are decided alike.
    pub(crate) fn shares(&self, own: &Observed<PolicyHash>) -> bool {
        let varies = |hash: &PolicyHash| self.policies.get(hash).is_some_and(|policy| policy.varies);
        !own.known().is_some_and(varies) && !self.registry.registry_policy.known().is_some_and(varies)
    }

    /// Judges the policies of a repository: the costly part, and the one that repeats.
    pub(crate) fn judge(&self, repository: &RepositoryFacts) -> PolicyAssessment {
        let (account, region) = (repository.account, &repository.region);
        let request =
            policies::request(self.facts, account, region, Some(&repository.name), &repository.tags, self.as_of);
        let own = policies::find(self.policies, &repository.policy);
        judge(self.policies, &own, self.registry, &request, REPOSITORY_ACTIONS)
    }

    /// Whether IAM was asked for Inspector's role of the account, and has none.
    fn lacks_the_role(&self) -> bool {
        let account = self.facts.accounts.get(&self.registry.account);
        account.is_some_and(|account| account.inspector_role == Asked::Answered(Observed::Absent))
    }

    pub(crate) fn assess(
        &self,
        record: &RepositoryRecord,
        policy: Arc<PolicyAssessment>,
    ) -> (RepositoryAssessment, Option<Gap>) {
        let repository = &record.facts;
        let coverage = coverage::of(record, Some(self.registry));
        let images = coverage::images_of(&record.images, &self.registry.image_coverage);
        let selection = selection(&repository.scan_frequency, &self.registry.scan_rules, repository.name.as_str());
        let layers = Layers {
            ecr_status: &self.registry.inspector_ecr_status,
            scan_type: &self.registry.registry_scan_type,
            selection,
            verdict: policy.verdict,
            coverage: &coverage,
            images: &images,
            has_active_image: &repository.has_active_image,
        };
        let diagnosis = diagnose(&layers);
        let place = (repository.account, &repository.region);
        let malformed = repository.policy.known().and_then(|hash| {
            policies::malformed(self.policies, hash, Api::GetRepositoryPolicy, place, repository.name.as_str())
        });
        let likely_cause = match diagnosis {
            Diagnosis::Blocked | Diagnosis::AtRisk | Diagnosis::Stale | Diagnosis::Unseen | Diagnosis::Limited
                if self.lacks_the_role() =>
            {
                Some(LikelyCause::RoleAbsent)
            }
            Diagnosis::Unreadable => why_unreadable(repository, &coverage),
            Diagnosis::Undecided => (coverage::denies(&coverage) || record.images.any_with(ACCESS_DENIED))
                .then_some(LikelyCause::DeniedLikely)
                .or_else(|| self.lacks_the_role().then_some(LikelyCause::RoleAbsent)),
            _ => None,
        };
        let role_is_absent = likely_cause == Some(LikelyCause::RoleAbsent);
        let registry_text_is_no_policy = self
            .registry
            .registry_policy
            .known()
            .is_some_and(|hash| self.policies.get(hash).is_some_and(|policy| policy.parsed.is_err()));
        let cause = beside_policies(
            diagnosis,
            &layers,
            role_is_absent,
            &Unread {
                repository,
                registry: self.registry,
                registry_policy_counts: policies::scope(self.registry) != Scope::V1,
                malformed: [malformed.is_some(), registry_text_is_no_policy],
            },
        );
        let surely_not_covered = diagnosis == Diagnosis::Unreadable && !may_be_covered(&layers);
        let assessment = RepositoryAssessment {
            identity: identity(repository),
            diagnosis,
            selection,
            likely_cause,
            surely_not_covered,
            perhaps_not_to_scan: surely_not_covered && may_be_none_to_scan(&layers),
            malformed: malformed.is_some(),
            policy,
            cause,
        };
        (assessment, malformed)
    }
}

/// Denied if any action is; else unknown if a policy is unread; else depends if any does; else allowed.
pub(crate) fn judge(
    policies: &Policies<'_>,
    own: &Found<'_>,
    registry: &RegistryFacts,
    request: &Request,
    actions: &[Action],
) -> PolicyAssessment {
    let scope = policies::scope(registry);
    let registry_policy = match (&registry.registry_policy, scope) {
        (_, Scope::V1) => Found::None,
        (Asked::NotNeeded, _) => Found::Unread,
        (Asked::Answered(fact), _) => policies::find(policies, fact),
    };
    let mut denied_actions = Vec::new();
    let mut responsible_statements = Vec::new();
    let mut causes: Vec<(Verdict, Arc<SharedCause>)> = Vec::new();
    let mut responsible = [false; 2];
    let mut depends_on = BTreeSet::new();
    let mut verdicts = Vec::new();
    let context = Context::new(request);
    for &action in actions {
        let mine = own.decide(action, &context);
        let theirs = registry_policy.decide(action, &context);
        let verdict = combine(mine.as_ref(), theirs.as_ref(), scope, &mut depends_on);
        if verdict == Verdict::Denied {
            denied_actions.push(action);
        }
        let both = [(AttachedTo::Repository, own, &mine), (AttachedTo::Registry, &registry_policy, &theirs)];
        for ((attached_to, policy, decision), is_responsible) in both.into_iter().zip(&mut responsible) {
            let relevant =
                decision.as_ref().filter(|decision| verdict != Verdict::Denied || decision.verdict == Verdict::Denied);
            for statement in relevant.iter().flat_map(|decision| &decision.statements) {
                *is_responsible = true;
                let text = format!("{}: {}", attached_to.label(), statement.label());
                if !responsible_statements.contains(&text) {
                    responsible_statements.push(text);
                }
                // Only under V2 does the registry's policy deny what the repository's denies already.
                let only_may = attached_to == AttachedTo::Registry && scope != Scope::V2 && verdict == Verdict::Denied;
                if let Some(text) = policy.text_of(statement.index).filter(|_| !only_may) {
                    let (account, region) = (request.account, &request.region);
                    causes.push((verdict, SharedCause::of_statement(attached_to, text, statement, account, region)));
                }
            }
        }
        verdicts.push(verdict);
    }
    let verdict = Verdict::fold(verdicts);
    if verdict != Verdict::Depends {
        depends_on.clear();
    }
    // A statement that only may deny one action is not why another is denied.
    let mut deciding: Vec<Arc<SharedCause>> = Vec::new();
    for (_, cause) in causes.into_iter().filter(|(of_action, _)| *of_action == verdict) {
        if !deciding.iter().any(|known| known.id == cause.id) {
            deciding.push(cause);
        }
    }
    let [own_is_responsible, registry_is_responsible] = responsible.map(|yes| yes && verdict != Verdict::Allowed);
    PolicyAssessment {
        verdict,
        denied_actions,
        responsible_statements,
        causes: deciding,
        depends_on: depends_on.into_iter().collect(),
        own_is_responsible,
        registry_is_responsible,
    }
}

impl Found<'_> {
    /// `None`: the policy is unread.
    pub(crate) fn decide(&self, action: Action, context: &Context<'_>) -> Option<Decision> {
        match self {
            Found::None => Some(Decision::nothing()),
            Found::Document(document, _) => Some(decide(&[document], action, context)),
            Found::Unread => None,
        }
    }

    /// A statement as its author wrote it.
    pub(crate) fn text_of(&self, statement: usize) -> Option<&str> {
        let Found::Document(document, text) = self else { return None };
        let (start, end) = document.statements().get(statement)?.span;
        text.get(start..end)
    }
}

fn combine(
    own: Option<&Decision>,
    registry_policy: Option<&Decision>,
    scope: Scope,
    depends_on: &mut BTreeSet<String>,
) -> Verdict {
    let own_verdict = own.map_or(Verdict::Unknown, |decision| decision.verdict);
    let registry_verdict = match (registry_policy.map_or(Verdict::Unknown, |decision| decision.verdict), scope) {
        // Only V2 would make a difference here, and whether it is V2 is not known.
        (Verdict::Denied | Verdict::Depends, Scope::Unknown) if own_verdict != Verdict::Denied => {
            depends_on.insert("REGISTRY_POLICY_SCOPE".to_owned());
            Verdict::Depends
        }
        (verdict, _) => verdict,
    };
    for decision in [own, registry_policy].into_iter().flatten() {
        depends_on.extend(decision.depends_on.iter().cloned());
    }
    Verdict::fold([own_verdict, registry_verdict])
}

fn why_unreadable(repository: &RepositoryFacts, coverage: &Coverage) -> Option<LikelyCause> {
    let denied_by_resource = |gap: &Gap| gap.kind == GapKind::AccessDenied && gap.cause == Cause::ResourcePolicy;
    repository
        .gaps()
        .any(denied_by_resource)
        .then(|| if coverage::denies(coverage) { LikelyCause::BlockedLikely } else { LikelyCause::PolicyDeniesAuditor })
}
