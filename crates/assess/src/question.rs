//! One request, the policies that are evaluated together for it, and the answer: what explains a policy judges it here.

use std::collections::BTreeSet;

use scangap_model::{AccountId, Verdict};
use scangap_policy::{
    Action, Caller, Context, Decision, ExemptError, Lint, PolicyDocument, PolicyKind, Request, SyntaxError, Unstorable,
    decide, deleted_principals, exempt, lint, storable, unstorable,
};

/// Whether a policy takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Participation {
    Yes,
    /// A registry policy whose scope was not read: only under V2.
    IfV2,
    /// A registry policy under V1, which does nothing to Inspector.
    No,
}

/// A policy to be explained, or one that counts beside it.
#[derive(Debug)]
pub struct AskedPolicy {
    pub kind: PolicyKind,
    /// The file or snapshot that it came from; `-` for standard input.
    pub origin: String,
    pub text: String,
    pub document: PolicyDocument,
    /// ECR's own text.
    pub stored: bool,
    pub counts: Participation,
}

#[derive(Debug)]
pub struct PolicyQuestion {
    pub request: Request,
    /// The one that was asked about, then those that count beside it.
    pub policies: Vec<AskedPolicy>,
    pub actions: Vec<Action>,
    /// A policy that may count was not read.
    pub unread: Option<&'static str>,
    /// The accounts of the organization, where they are known.
    pub members: Option<BTreeSet<AccountId>>,
}

#[derive(Debug)]
pub struct PolicyAnswer {
    pub verdict: Verdict,
    pub decisions: Vec<(Action, Decision)>,
    /// With the policy that each is about, by its place in the question.
    pub lints: Vec<(usize, Lint)>,
}

/// The policy that was asked about, repaired.
#[derive(Debug)]
pub struct PolicyRepair {
    pub text: String,
    /// What is still in the way.
    pub remains: Option<String>,
    /// What ECR would refuse to store, and the repair does not hold any more.
    pub left_out: Vec<Unstorable>,
    /// What it would refuse still.
    pub kept: Vec<Unstorable>,
}

impl Participation {
    /// Of a registry policy, by the scope in which AWS enforces it; `None`: it was not read.
    pub fn in_scope(scope: Option<&str>) -> Self {
        match scope {
            Some("V2") => Self::Yes,
            Some("V1") => Self::No,
            _ => Self::IfV2,
        }
    }
}

impl AskedPolicy {
    pub fn new(kind: PolicyKind, origin: impl Into<String>, text: String) -> Result<Self, SyntaxError> {
        let document = PolicyDocument::parse(&text)?;
        Ok(Self { kind, origin: origin.into(), text, document, stored: false, counts: Participation::Yes })
    }

    /// Whether it takes part in the decision about an action.
    fn counts_for(&self, action: Action) -> Participation {
        // AWS: whatever the scope, a registry policy is enforced for replication, pull-through and creation.
        let always = self.kind == PolicyKind::Registry && action.is_enforced_under_v1();
        if always { Participation::Yes } else { self.counts }
    }

    pub fn label(&self) -> &'static str {
        match self.kind {
            PolicyKind::Repository => "repository policy",
            PolicyKind::Registry => "registry policy",
        }
    }
}

impl PolicyQuestion {
    pub fn answer(&self) -> PolicyAnswer {
        let decisions = self.decisions();
        let context = Context::new(&self.request);
        // For every principal, lints find the mistakes that keep Inspector out.
        let inspector = Request { principal: Caller::Inspector, ..self.request.clone() };
        let inspector = if self.request.principal == Caller::Inspector { context } else { Context::new(&inspector) };
        let lints = self.policies.iter().enumerate().flat_map(|(at, policy)| {
            let found = lint(&policy.text, &policy.document, policy.kind, &inspector, self.members.as_ref());
            found.into_iter().map(move |lint| (at, lint))
        });
        PolicyAnswer { verdict: verdict(&decisions), lints: lints.collect(), decisions }
    }

    fn decisions(&self) -> Vec<(Action, Decision)> {
        let context = Context::new(&self.request);
        if self.request.principal == Caller::Inspector {
            return self.actions.iter().map(|&action| (action, self.for_inspector(action, &context))).collect();
        }
        let judged = |counting: &[Participation], action: Action| -> Vec<usize> {
            let counts =
                |at: &usize| self.policies.get(*at).is_some_and(|policy| counting.contains(&policy.counts_for(action)));
            (0..self.policies.len()).filter(counts).collect()
        };
        let decided = |places: &[usize], action: Action| {
            let documents: Vec<&PolicyDocument> =
                places.iter().filter_map(|at| self.policies.get(*at)).map(|policy| &policy.document).collect();
            let mut decision = decide(&documents, action, &context);
            for statement in &mut decision.statements {
                statement.document = places.get(statement.document).copied().unwrap_or_default();
            }
            decision
        };
        let one = |action: Action| {
            let (certain, possible) =
                (judged(&[Participation::Yes], action), judged(&[Participation::Yes, Participation::IfV2], action));
            let mut decision = decided(&certain, action);
            if certain != possible && decision.verdict != Verdict::Denied {
                let under_v2 = decided(&possible, action);
                if under_v2.verdict != decision.verdict {
                    decision = Decision { verdict: Verdict::Depends, ..under_v2 };
                    decision.depends_on.insert("REGISTRY_POLICY_SCOPE".to_owned());
                }
            }
            if self.unread.is_some() && decision.verdict != Verdict::Denied {
                decision.verdict = Verdict::Unknown;
            }
            (action, decision)
        };
        self.actions.iter().copied().map(one).collect()
    }

    /// Inspector's role needs no Allow: each policy decides by itself, and they count together as in a report. Denied if any
    /// denies, else unknown if one is unread, else depends if any does.
    fn for_inspector(&self, action: Action, context: &Context<'_>) -> Decision {
        let counting =
            self.policies.iter().enumerate().filter(|(_, policy)| policy.counts_for(action) != Participation::No);
        let each: Vec<(Decision, Participation)> = counting
            .map(|(at, policy)| {
                let mut decision = decide(&[&policy.document], action, context);
                decision.statements.iter_mut().for_each(|statement| statement.document = at);
                (decision, policy.counts_for(action))
            })
            .collect();
        let denied = |decision: &Decision| decision.verdict == Verdict::Denied;
        let surely = each.iter().any(|(decision, counts)| *counts == Participation::Yes && denied(decision));
        let mut together = Decision::nothing();
        let mut verdicts = Vec::new();
        for (decision, counts) in each {
            let open = matches!(decision.verdict, Verdict::Denied | Verdict::Depends);
            // Only under V2, and whether it is V2 is not known.
            let only_under_v2 = counts == Participation::IfV2 && open && !surely;
            if only_under_v2 {
                together.depends_on.insert("REGISTRY_POLICY_SCOPE".to_owned());
            }
            verdicts.push(if only_under_v2 { Verdict::Depends } else { decision.verdict });
            // If one policy denies, policies that only may deny do not affect the decision.
            if !surely || denied(&decision) {
                together.statements.extend(decision.statements);
            }
            together.depends_on.extend(decision.depends_on);
            together.notes.extend(decision.notes);
        }
        verdicts.extend(self.unread.map(|_| Verdict::Unknown));
        together.verdict = Verdict::fold(verdicts);
        if together.verdict != Verdict::Depends {
            together.depends_on.clear();
        }
        together
    }

    /// The policy that was asked about, with Inspector's role exempted.
    pub fn repair(&self) -> Result<PolicyRepair, String> {
        let own = self.policies.first().ok_or("there is no policy to repair")?;
        let living = self.request.inspector_role.id.as_deref();
        // ECR accepts a text that it has stored before, except for deleted principals.
        let base = if own.stored { own.text.clone() } else { storable(&own.text, own.kind, living) };
        let text = exempt(&base, &self.actions, &self.request).map_err(|error| match error {
            ExemptError::NothingDenied => match self.policies_that_deny(None) {
                Some(others) => format!("the {} denies nothing; {others} does", own.label()),
                None => error.to_string(),
            },
            _ => error.to_string(),
        })?;
        let remains = PolicyDocument::parse(&text).ok().and_then(|document| self.policies_that_deny(Some(document)));
        let refused =
            |text: &str| if own.stored { deleted_principals(text, living) } else { unstorable(text, own.kind, living) };
        let kept = refused(&text);
        let left_out = refused(&own.text).into_iter().filter(|one| !kept.contains(one)).collect();
        Ok(PolicyRepair {
            left_out,
            kept,
            text,
            remains: remains.map(|others| format!("the {others} keeps Inspector's role out still")),
        })
    }

    /// Names the policies that deny, or may: all other policies, and the repaired policy if one is given.
    fn policies_that_deny(&self, repaired: Option<PolicyDocument>) -> Option<String> {
        let context = Context::new(&self.request);
        let denies = |policy: &&AskedPolicy| {
            let verdict = self.verdict_of(&policy.document, &context);
            policy.counts != Participation::No && verdict != Verdict::Allowed
        };
        let own = repaired.map(|document| self.verdict_of(&document, &context));
        let others: Vec<&str> = self.policies.iter().skip(1).filter(denies).map(AskedPolicy::label).collect();
        let own = own.filter(|verdict| *verdict != Verdict::Allowed).and(self.policies.first()).map(AskedPolicy::label);
        let all: Vec<&str> = own.into_iter().chain(others).collect();
        (!all.is_empty()).then(|| all.join(" and the "))
    }

    fn verdict_of(&self, document: &PolicyDocument, context: &Context<'_>) -> Verdict {
        Verdict::fold(self.actions.iter().map(|&action| decide(&[document], action, context).verdict))
    }

    /// What the policy is that is explained, and repaired: of a repository without one it is the registry's.
    pub fn own_label(&self) -> &'static str {
        self.policies.first().map_or("policy", AskedPolicy::label)
    }

    pub fn own_text(&self) -> &str {
        self.policies.first().map_or("", |policy| &policy.text)
    }
}

fn verdict(decisions: &[(Action, Decision)]) -> Verdict {
    Verdict::fold(decisions.iter().map(|(_, decision)| decision.verdict))
}
