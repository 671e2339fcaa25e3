//! What is asked: policies that count together, about one request. And what is answered.

use std::collections::BTreeSet;

use scangap_model::{AccountId, Verdict};
use scangap_policy::{
    ALL_ACTIONS, Action, Caller, Context, Decision, ExemptError, Lint, PolicyDocument, PolicyKind, Request,
    SyntaxError, decide, exempt, lint, verdicts,
};

/// A policy to be explained, or one that counts beside it.
pub(super) struct Policy {
    pub(super) kind: PolicyKind,
    /// The file or snapshot that it came from; `-` for standard input.
    pub(super) origin: String,
    pub(super) text: String,
    pub(super) document: PolicyDocument,
}

pub(super) struct Question {
    pub(super) request: Request,
    /// The one that was asked about, then those that count beside it.
    pub(super) policies: Vec<Policy>,
    pub(super) actions: Vec<Action>,
    /// A registry policy may count, and was not read.
    pub(super) unread: bool,
    /// The accounts of the organization, where they are known.
    pub(super) members: Option<BTreeSet<AccountId>>,
}

pub(super) struct Answer {
    pub(super) verdict: Verdict,
    pub(super) decisions: Vec<(Action, Decision)>,
    /// With the policy that each is about, by its place in the question.
    pub(super) lints: Vec<(usize, Lint)>,
}

impl Policy {
    pub(super) fn new(kind: PolicyKind, origin: impl Into<String>, text: String) -> Result<Self, SyntaxError> {
        let document = PolicyDocument::parse(&text)?;
        Ok(Self { kind, origin: origin.into(), text, document })
    }

    pub(super) fn label(&self) -> &'static str {
        match self.kind {
            PolicyKind::Repository => "repository policy",
            PolicyKind::Registry => "registry policy",
        }
    }
}

impl Question {
    pub(super) fn answer(&self) -> Answer {
        let context = Context::new(&self.request);
        // Whoever is asked about: the mistakes looked for are those that keep Inspector out.
        let for_inspector = Request { principal: Caller::Inspector, ..self.request.clone() };
        let for_inspector = Context::new(&for_inspector);
        let documents: Vec<&PolicyDocument> = self.policies.iter().map(|policy| &policy.document).collect();
        let quick = verdicts(&documents, &context);
        // A registry policy that may count and was not read leaves everything but a denial unknown.
        let missing = self.unread.then_some(Verdict::Unknown);
        Answer {
            verdict: Verdict::fold(self.actions.iter().map(|&action| quick.of(action)).chain(missing)),
            decisions: self.actions.iter().map(|&action| (action, decide(&documents, action, &context))).collect(),
            lints: self
                .policies
                .iter()
                .enumerate()
                .flat_map(|(at, policy)| {
                    let found =
                        lint(&policy.text, &policy.document, policy.kind, &for_inspector, self.members.as_ref());
                    found.into_iter().map(move |lint| (at, lint))
                })
                .collect(),
        }
    }

    /// The policy that was asked about, with Inspector's role exempted.
    pub(super) fn repair(&self) -> Result<String, ExemptError> {
        exempt(self.own_text(), &self.actions, &self.request)
    }

    pub(super) fn own_text(&self) -> &str {
        self.policies.first().map_or("", |policy| &policy.text)
    }
}

/// The action of that name among Inspector's ten.
pub(super) fn action(name: &str) -> Option<Action> {
    ALL_ACTIONS.iter().copied().find(|action| action.name().eq_ignore_ascii_case(name))
}
