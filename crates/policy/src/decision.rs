//! What was decided about one action, and what decided it.

use std::collections::BTreeSet;

use scangap_model::Verdict;

use crate::action::{Action, Class};
use crate::condition::Condition;
use crate::context::Context;
use crate::document::write_conditions;
use crate::element::Effect;
use crate::evaluate::{action_matches, applies, verdict_of};
use crate::key::Kind;
use crate::outcome::{Kleene, Outcome};
use crate::tree::{PolicyDocument, Statement};
use crate::{principal, resource};

/// A statement that decides, or may decide, with what in it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Responsible {
    /// Which of the policies that were judged together, from 0.
    pub document: usize,
    /// Its place in the document, from 0.
    pub index: usize,
    pub sid: Option<String>,
    /// `NotIpAddress aws:SourceIp`, or `no condition`.
    pub reason: String,
    /// What is left of it to be settled, where the verdict depends.
    pub residual: Option<Residual>,
}

impl Responsible {
    /// One line: `OfficeOnly (NotIpAddress aws:SourceIp)`.
    pub fn label(&self) -> String {
        match &self.sid {
            Some(sid) => format!("{sid} ({})", self.reason),
            None => format!("statement {} ({})", self.index + 1, self.reason),
        }
    }
}

/// The part of a statement that is open; all the rest of it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Residual {
    pub effect: Effect,
    /// `NotPrincipal`, `Principal`, `NotAction`, `Resource`: elements that hang on more than context keys.
    pub elements: Vec<&'static str>,
    /// A Condition block in JSON, with the operators, keys and values that are open; empty braces for none.
    pub condition: String,
}

/// What a verdict takes for granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// A statement compares the time: another day, another verdict.
    TimeDependent,
    /// A statement compares aws:SecureTransport, which is taken as true.
    SecureTransportAssumed,
    /// A statement compares tags of the principal, and those of the role are taken to be all.
    NoSessionTagsAssumed,
}

impl Note {
    pub fn text(self) -> &'static str {
        match self {
            Self::TimeDependent => "a statement compares the time: the verdict holds for the time it was judged at",
            Self::SecureTransportAssumed => {
                "aws:SecureTransport is taken as true: AWS documents it as always present, but not what Inspector's calls carry"
            }
            Self::NoSessionTagsAssumed => {
                "the tags of Inspector's role decide: AWS documents none that its sessions have beside them"
            }
        }
    }
}

/// What policies decide about one action. Policies that were read never say `Unknown`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub verdict: Verdict,
    /// The statements that deny, or the undecided statements if the verdict is `depends`.
    pub statements: Vec<Responsible>,
    /// The context keys that a `depends` verdict depends on; empty for every other verdict.
    pub depends_on: BTreeSet<String>,
    /// Denied although no statement denies: the principal needs an Allow, and there is none.
    pub lacks_allow: bool,
    pub notes: BTreeSet<Note>,
}

impl Decision {
    /// No policy at all.
    pub fn nothing() -> Self {
        Self {
            verdict: Verdict::Allowed,
            statements: Vec::new(),
            depends_on: BTreeSet::new(),
            lacks_allow: false,
            notes: BTreeSet::new(),
        }
    }
}

/// One action judged against these policies together, explained.
pub fn decide(documents: &[&PolicyDocument], action: Action, context: &Context<'_>) -> Decision {
    let class = action.class();
    let outcome = |statement: &Statement| match action_matches(statement, action) {
        Kleene::No => Outcome::NO,
        _ => applies(statement, context, class),
    };
    let judged: Vec<(usize, &Statement, Outcome)> = documents
        .iter()
        .enumerate()
        .flat_map(|(at, document)| document.statements.iter().map(move |statement| (at, statement)))
        .filter(|(_, statement)| statement.effect == Effect::Deny || context.needs_an_allow())
        .map(|(at, statement)| (at, statement, outcome(statement)))
        .collect();
    let total = |effect: Effect| {
        judged.iter().filter(|(_, statement, _)| statement.effect == effect).fold(Outcome::NO, |sum, one| sum.or(one.2))
    };
    let allowed = context.needs_an_allow().then(|| total(Effect::Allow));
    let verdict = verdict_of(total(Effect::Deny), allowed, context.cases);
    let mut decision = Decision { verdict, ..Decision::nothing() };
    for (document, statement, outcome) in judged {
        let over = outcome.over(context.cases);
        let decides = match (verdict, statement.effect) {
            (Verdict::Denied, Effect::Deny) => outcome.is_certain_in_some(context.cases),
            (Verdict::Depends, Effect::Deny) => over != Kleene::No,
            (Verdict::Depends, Effect::Allow) => over == Kleene::Open,
            _ => false,
        };
        if decides {
            let open = verdict == Verdict::Depends;
            if open {
                decision.depends_on.extend(hangs_on(statement, context, class));
            }
            decision.statements.push(Responsible {
                document,
                index: statement.index,
                sid: statement.sid.clone(),
                reason: reason(statement),
                residual: open.then(|| residual(statement, context, class)),
            });
        }
        if statement.effect == Effect::Deny && action_matches(statement, action) != Kleene::No {
            notes(statement, context, class, &mut decision.notes);
        }
    }
    decision.lacks_allow = verdict == Verdict::Denied && decision.statements.is_empty();
    decision
}

/// The elements of a statement that neither match nor fail, in every case that is left.
fn open_elements(statement: &Statement, context: &Context<'_>, class: Class) -> Vec<&'static str> {
    let mut open = Vec::new();
    if statement.actions.negated && statement.actions.items.is_empty() {
        open.push("NotAction");
    }
    if principal::matches(&statement.principals, context) == Kleene::Open {
        open.push(if statement.principals.negated { "NotPrincipal" } else { "Principal" });
    }
    if let Some(resources) = &statement.resources
        && resource::matches(resources, context, class) == Kleene::Open
    {
        open.push(if resources.negated { "NotResource" } else { "Resource" });
    }
    open
}

fn open_conditions<'s>(statement: &'s Statement, context: &Context<'_>, class: Class) -> Vec<&'s Condition> {
    let is_open = |condition: &&Condition| condition.evaluate(context, class).over(context.cases) == Kleene::Open;
    statement.conditions.iter().filter(is_open).collect()
}

fn residual(statement: &Statement, context: &Context<'_>, class: Class) -> Residual {
    let mut condition = String::new();
    // Writing to a String cannot fail.
    let _ = write_conditions(&mut condition, &open_conditions(statement, context, class));
    Residual { effect: statement.effect, elements: open_elements(statement, context, class), condition }
}

/// The context keys and elements that settle the statement.
fn hangs_on(statement: &Statement, context: &Context<'_>, class: Class) -> BTreeSet<String> {
    let conditions = open_conditions(statement, context, class);
    let mut keys: BTreeSet<String> =
        conditions.into_iter().flat_map(|condition| condition.hangs_on(context, class)).collect();
    for element in open_elements(statement, context, class) {
        let variables = statement.resources.iter().flat_map(|resources| &resources.items);
        let mut open: BTreeSet<String> = variables
            .flat_map(|resource| resource.template.variables())
            .filter(|variable| element.ends_with("Resource") && !context.is_settled(&variable.key, class))
            .map(|variable| variable.key.text.to_string())
            .collect();
        if open.is_empty() {
            open.insert(element.to_owned());
        }
        keys.extend(open);
    }
    keys
}

fn notes(statement: &Statement, context: &Context<'_>, class: Class, notes: &mut BTreeSet<Note>) {
    let of_resource = statement.resources.iter().flat_map(|resources| &resources.items);
    let mut variables = of_resource.flat_map(|resource| resource.template.variables());
    if context.knows_role_tags() && variables.any(|variable| variable.key.kind == Kind::PrincipalTag) {
        notes.insert(Note::NoSessionTagsAssumed);
    }
    let stated = |condition: &Condition| context.request.stated.contains_key(&*condition.key.lower);
    for (at, condition) in statement.conditions.iter().enumerate() {
        let note = match condition.key.kind {
            Kind::CurrentTime | Kind::EpochTime => Note::TimeDependent,
            Kind::SecureTransport if condition.hangs_on_presence(context, class) => Note::SecureTransportAssumed,
            _ if condition.rests_on_role_tags(context, class) => Note::NoSessionTagsAssumed,
            _ => continue,
        };
        let mut rest = statement.conditions.iter().enumerate().filter(|(other, _)| *other != at);
        let resource = statement.resources.as_ref();
        let reached = principal::matches(&statement.principals, context) != Kleene::No
            && resource.is_none_or(|resources| resource::matches(resources, context, class) != Kleene::No)
            && rest.all(|(_, other)| other.evaluate(context, class).over(context.cases) != Kleene::No);
        if reached && !stated(condition) {
            notes.insert(note);
        }
    }
}

fn reason(statement: &Statement) -> String {
    let mut parts: Vec<String> = statement.conditions.iter().map(Condition::name).collect();
    if statement.principals.negated {
        parts.insert(0, "NotPrincipal".to_owned());
    }
    if parts.is_empty() { "no condition".to_owned() } else { parts.join(", ") }
}
