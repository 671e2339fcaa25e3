//! An answer for machines.

use scangap_assess::{PolicyAnswer, PolicyQuestion, PolicyRepair};
use scangap_policy::{Action, Context, Decision, Element, Lint, Responsible, Truth, Unstorable, why};
use serde_json::{Map, Value, json};

/// The whole answer, with every element of the responsible statements.
pub(super) fn explained(
    question: &PolicyQuestion,
    answer: &PolicyAnswer,
    repair: Option<&Result<PolicyRepair, String>>,
) -> Value {
    let context = Context::new(&question.request);
    let elements = |action: Action, statement: &Responsible| {
        let document = question.policies.get(statement.document).map(|policy| &policy.document);
        let elements = document.map_or_else(Vec::new, |document| why(document, statement.index, action, &context));
        Some(elements.iter().map(element).collect())
    };
    form(question, answer, repair, elements)
}

/// The answer to one line of a batch.
pub(super) fn answered(
    question: &PolicyQuestion,
    answer: &PolicyAnswer,
    repair: Option<&Result<PolicyRepair, String>>,
) -> Value {
    form(question, answer, repair, |_, _| None)
}

fn form(
    question: &PolicyQuestion,
    answer: &PolicyAnswer,
    repair: Option<&Result<PolicyRepair, String>>,
    elements: impl Fn(Action, &Responsible) -> Option<Value>,
) -> Value {
    let label = |document: usize| question.policies.get(document).map(scangap_assess::AskedPolicy::label);
    let statement = |action: Action, statement: &Responsible| {
        let mut members = Map::new();
        members.insert("policy".to_owned(), json!(label(statement.document)));
        members.insert("index".to_owned(), json!(statement.index));
        members.insert("sid".to_owned(), json!(statement.sid));
        members.insert("reason".to_owned(), json!(statement.reason));
        if let Some(residual) = &statement.residual {
            let condition: Value = serde_json::from_str(&residual.condition).unwrap_or(Value::Null);
            members.insert("residual".to_owned(), json!({"elements": residual.elements, "condition": condition}));
        }
        members.extend(elements(action, statement).map(|elements| ("elements".to_owned(), elements)));
        Value::Object(members)
    };
    let action = |(action, decision): &(Action, Decision)| {
        let statements: Vec<Value> = decision.statements.iter().map(|one| statement(*action, one)).collect();
        let notes: Vec<&str> = decision.notes.iter().map(|note| note.text()).collect();
        let members = json!({
            "verdict": decision.verdict.word(),
            "statements": statements,
            "depends_on": decision.depends_on,
            "lacks_allow": decision.lacks_allow,
            "notes": notes,
        });
        (action.name().to_owned(), members)
    };
    let repaired = repair.and_then(|repair| repair.as_ref().ok());
    let refused = |of: fn(&PolicyRepair) -> &[Unstorable]| -> Vec<Value> {
        let parts = repaired.map(of).unwrap_or_default();
        parts.iter().map(|one| json!({"what": one.what, "why": one.why})).collect()
    };
    json!({
        "verdict": answer.verdict.word(),
        "actions": answer.decisions.iter().map(action).collect::<Map<_, _>>(),
        "lints": answer.lints.iter().map(|(at, lint)| lint_json(label(*at), lint)).collect::<Vec<_>>(),
        "fixed_policy": repaired.map(|repair| &repair.text),
        "fixed_policy_is": repaired.map(|_| question.own_label()),
        "left_out": refused(|repair| &repair.left_out),
        "still_refused": refused(|repair| &repair.kept),
        "no_repair": match repair {
            Some(Ok(repair)) => json!(repair.remains),
            Some(Err(why)) => json!(why),
            None => Value::Null,
        },
        "error": null,
    })
}

fn lint_json(policy: Option<&str>, lint: &Lint) -> Value {
    json!({
        "code": lint.code,
        "policy": policy,
        "statement": lint.statement,
        "sid": lint.sid,
        "path": lint.path,
        "line": lint.position.line,
        "column": lint.position.column,
        "message": lint.message,
        "explanation": lint.explanation,
    })
}

fn element(element: &Element) -> Value {
    let (matched, depends_on) = match &element.matched {
        Truth::True => (json!(true), Vec::new()),
        Truth::False => (json!(false), Vec::new()),
        Truth::Unknown(keys) => (Value::Null, keys.iter().collect()),
    };
    json!({
        "element": element.name,
        "policy": element.wanted,
        "request": element.found,
        "matched": matched,
        "depends_on": depends_on,
    })
}
