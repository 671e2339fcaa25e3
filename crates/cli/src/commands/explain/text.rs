//! An answer for people: the verdict, the statements responsible in the author's own lines, and what to look out for.

use std::collections::BTreeSet;
use std::fmt::Write;

use scangap_assess::{AskedPolicy, PolicyAnswer, PolicyQuestion};
use scangap_model::{Tone, Verdict};
use scangap_policy::{Action, Caller, Context, Decision, Note, Responsible, why};
use scangap_report::sanitize;
use similar::TextDiff;

use crate::excerpt;
use crate::terminal::paint;

pub(super) fn explained(question: &PolicyQuestion, answer: &PolicyAnswer) -> String {
    let mut out = String::new();
    let request = &question.request;
    let who = match &request.principal {
        Caller::Inspector => format!("Inspector's role of account {}", request.account),
        Caller::Role { arn, .. } | Caller::User { arn, .. } | Caller::Root { arn, .. } => sanitize(arn),
        Caller::SomeRole { account } => format!("a role of account {account}"),
        Caller::Service(name) => sanitize(name),
    };
    let verdict = paint(answer.verdict.word(), tone(answer.verdict));
    let _ = writeln!(out, "{verdict}: {who} in {}", request.region);
    for (action, decision) in &answer.decisions {
        let _ = writeln!(out, "  {:<45} {}", action.name(), in_a_word(decision));
    }
    statements(&mut out, question, answer);
    if let Some(unread) = question.unread {
        let _ = writeln!(out, "\nnote: {unread}: what is not denied is unknown");
    }
    let notes: BTreeSet<Note> =
        answer.decisions.iter().flat_map(|(_, decision)| decision.notes.iter().copied()).collect();
    for note in notes {
        let _ = writeln!(out, "\nnote: {}", note.text());
    }
    lints(&mut out, question, answer);
    out
}

fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Allowed => Tone::Good,
        Verdict::Denied => Tone::Bad,
        Verdict::Depends | Verdict::Unknown => Tone::Question,
    }
}

fn in_a_word(decision: &Decision) -> String {
    let word = |verdict: Verdict| paint(verdict.word(), tone(verdict));
    match decision.verdict {
        Verdict::Denied if decision.lacks_allow => {
            format!("{}  no statement allows it, and a principal of elsewhere needs one", word(Verdict::Denied))
        }
        Verdict::Denied => word(Verdict::Denied),
        Verdict::Depends => {
            let keys: Vec<String> = decision.depends_on.iter().map(|key| sanitize(key)).collect();
            format!("{}  on {}", word(Verdict::Depends), keys.join(", "))
        }
        verdict => word(verdict),
    }
}

/// Every responsible statement once, as it meets the first action that it decides.
fn statements(out: &mut String, question: &PolicyQuestion, answer: &PolicyAnswer) {
    let context = Context::new(&question.request);
    let mut shown = BTreeSet::new();
    for (at, policy) in question.policies.iter().enumerate() {
        for (action, decision) in &answer.decisions {
            for statement in decision.statements.iter().filter(|statement| statement.document == at) {
                if shown.insert((at, statement.index)) {
                    one_statement(out, policy, *action, decision.verdict, statement, &context);
                }
            }
        }
    }
}

fn one_statement(
    out: &mut String,
    policy: &AskedPolicy,
    action: Action,
    verdict: Verdict,
    statement: &Responsible,
    context: &Context<'_>,
) {
    let does = if verdict == Verdict::Denied { "denies" } else { "decides it" };
    let label = sanitize(&statement.label());
    let _ = writeln!(out, "\n{} {}: {label} {does}", policy.label(), sanitize(&policy.origin));
    let Some(span) = policy.document.statements().get(statement.index).map(|statement| statement.span) else { return };
    excerpt::write(out, &policy.text, span, &why(&policy.document, statement.index, action, context));
}

fn lints(out: &mut String, question: &PolicyQuestion, answer: &PolicyAnswer) {
    for (at, lint) in &answer.lints {
        let Some(policy) = question.policies.get(*at) else { continue };
        let _ = writeln!(
            out,
            "\n{}: {}\n  {} {}:{}:{} ({})\n  {}",
            paint(&format!("warning[{}]", lint.code), Tone::Warning),
            sanitize(&lint.message),
            policy.label(),
            sanitize(&policy.origin),
            lint.position.line,
            lint.position.column,
            sanitize(&lint.path),
            lint.explanation,
        );
    }
}

pub(super) fn diff(of: &str, before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let lines = diff.unified_diff().context_radius(3).header(of, &format!("repaired {of}")).to_string();
    // Foreign text: line by line, so that line breaks and tabs stay.
    let clean = |line: &str| line.trim_end_matches('\r').split('\t').map(sanitize).collect::<Vec<_>>().join("\t");
    let clean: Vec<String> = lines.split('\n').map(clean).collect();
    format!("\n{}", clean.join("\n"))
}
