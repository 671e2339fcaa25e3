//! One registry: what its registry policy decides about the four registry-level actions, and what its templates would do
//! to repositories that do not exist yet.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use scangap_model::{Api, Asked, AuditFacts, Cause, Gap, GapKind, Observed, RegistryFacts, Verdict};
use scangap_policy::{Action, Context, INSPECTOR_ACTIONS, REPOSITORY_ACTIONS, decide};

use crate::cause::{AttachedTo, Causes, SharedCause};
use crate::policies::{self, Found, Policies, Scope};

/// The words that `diagnose` knows.
const ECR_STATUSES: &[&str] = &["ENABLED", "DISABLED", "SUSPENDED", "ENABLING", "DISABLING", "SUSPENDING"];
const SCAN_TYPES: &[&str] = &["BASIC", "ENHANCED"];

fn unknown_word(registry: &RegistryFacts, api: Api, word: &str) -> Gap {
    Gap {
        api,
        account: Some(registry.account),
        region: Some(registry.region.clone()),
        resource: String::new(),
        kind: GapKind::MalformedAnswer,
        code: "UnknownWord".to_owned(),
        cause: Cause::NotStated,
        policy_arn: String::new(),
        message: format!("`{word}` is a word that this version does not know"),
        attempts: 1,
    }
}

#[derive(Debug, Clone)]
pub struct RegistryAssessment {
    /// `None`: nothing was asked here.
    pub registry_verdict: Option<Verdict>,
    pub registry_denied_actions: Vec<Action>,
    pub registry_depends_on: Vec<String>,
    /// Prefixes of creation templates whose policy denies Inspector, or may.
    pub template_prefixes_denying: Vec<String>,
}

pub(crate) fn assess(
    facts: &AuditFacts,
    policies: &Policies<'_>,
    registry: &RegistryFacts,
    holds_repositories: bool,
    as_of: Timestamp,
    causes: &mut Causes,
) -> (RegistryAssessment, Vec<Gap>) {
    let request = policies::request(facts, registry.account, &registry.region, None, &Asked::NotNeeded, as_of);
    let context = Context::new(&request);
    let mut assessment = RegistryAssessment {
        registry_verdict: None,
        registry_denied_actions: Vec::new(),
        registry_depends_on: Vec::new(),
        template_prefixes_denying: Vec::new(),
    };
    let mut gaps = Vec::new();
    if let Asked::Answered(fact) = &registry.registry_policy {
        let scope = policies::scope(registry);
        let found = if scope == Scope::V1 { Found::None } else { policies::find(policies, fact) };
        let mut depends_on = BTreeSet::new();
        let of_actions =
            INSPECTOR_ACTIONS.iter().filter(|action| !action.is_on_repository()).map(|&action| match &found {
                Found::None => Verdict::Allowed,
                Found::Unread => Verdict::Unknown,
                Found::Document(document, _) => {
                    let decision = decide(&[document], action, &context);
                    if decision.verdict != Verdict::Allowed && scope == Scope::Unknown {
                        depends_on.insert("REGISTRY_POLICY_SCOPE".to_owned());
                        return Verdict::Depends;
                    }
                    if decision.verdict == Verdict::Denied {
                        assessment.registry_denied_actions.push(action);
                    }
                    depends_on.extend(decision.depends_on);
                    decision.verdict
                }
            });
        assessment.registry_verdict = Some(Verdict::fold(of_actions.collect::<Vec<_>>()));
        assessment.registry_depends_on = depends_on.into_iter().collect();
        if let Observed::Known(hash) = fact {
            gaps.extend(policies::malformed(
                policies,
                hash,
                Api::GetRegistryPolicy,
                (registry.account, &registry.region),
                "",
            ));
        }
    }
    // A word that no layer knows leaves repositories unreadable: that is a gap, with the word in its message.
    if holds_repositories {
        let known: [(&Asked<String>, &[&str], Api); 2] = [
            (&registry.inspector_ecr_status, ECR_STATUSES, Api::BatchGetAccountStatus),
            (&registry.registry_scan_type, SCAN_TYPES, Api::GetRegistryScanningConfiguration),
        ];
        for (fact, words, api) in known {
            if let Some(word) = fact.known().filter(|word| !words.contains(&word.as_str())) {
                gaps.push(unknown_word(registry, api, word));
            }
        }
    }
    for template in registry.templates.known().into_iter().flatten() {
        let Some(hash) = &template.policy else { continue };
        let found = policies::find(policies, &Observed::Known(hash.clone()));
        match found {
            Found::Document(..) => {
                let (verdict, written) = of_template(&found, &context, registry);
                if verdict != Verdict::Allowed {
                    assessment.template_prefixes_denying.push(template.prefix.clone());
                    causes.written_by(&written, registry, &template.prefix);
                }
            }
            Found::Unread | Found::None => {
                let api = Api::DescribeRepositoryCreationTemplates;
                gaps.extend(policies::malformed(
                    policies,
                    hash,
                    api,
                    (registry.account, &registry.region),
                    &template.prefix,
                ));
            }
        }
    }
    (assessment, gaps)
}

/// What a template's policy would decide of a repository that has it, and what in it.
fn of_template(
    policy: &Found<'_>,
    context: &Context<'_>,
    registry: &RegistryFacts,
) -> (Verdict, Vec<Arc<SharedCause>>) {
    let decisions = REPOSITORY_ACTIONS.iter().filter_map(|&action| policy.decide(action, context));
    let decisions: Vec<_> = decisions.filter(|decision| decision.verdict != Verdict::Allowed).collect();
    let verdict = Verdict::fold(decisions.iter().map(|decision| decision.verdict));
    let deciding = decisions.iter().filter(|decision| decision.verdict == verdict);
    let mut causes: Vec<Arc<SharedCause>> = Vec::new();
    for statement in deciding.flat_map(|decision| &decision.statements) {
        let Some(text) = policy.text_of(statement.index) else { continue };
        let cause =
            SharedCause::of_statement(AttachedTo::Repository, text, statement, registry.account, &registry.region);
        if !causes.iter().any(|known| known.id == cause.id) {
            causes.push(cause);
        }
    }
    (verdict, causes)
}
