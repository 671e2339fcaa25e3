//! The engine against an evaluator that others wrote (`@cloud-copilot/iam-simulate`, a program of its own): generated
//! policies and requests through both. Where the two differ the documentation decides, and the case is on a list.

#[path = "../../../crates/policy/tests/common/generate.rs"]
#[expect(dead_code, reason = "the engine's own tests use the rest")]
mod generate;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use generate::{ACTIONS, INSPECTOR, ROLE, World, concrete, policy};
use proptest::sample::select;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use scangap_tests::{Scangap, knob, node};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

const ACCOUNT: &str = "111122223333";

/// So many in the ordinary tests; `SCANGAP_ORACLE_CASES` says how many where time allows.
const CASES: usize = 400;

struct Case {
    policy: Value,
    caller: &'static str,
    world: World,
    action: &'static str,
}

impl Case {
    fn arn(&self) -> &'static str {
        if self.caller == INSPECTOR { ROLE } else { self.caller }
    }

    fn on_repository(&self) -> bool {
        self.action != "ecr:GetAuthorizationToken"
    }

    /// The context of the request; a tag of the repository only where there is a repository.
    fn context(&self) -> (Map<String, Value>, Vec<&'static str>) {
        let (mut there, mut absent) = (Map::new(), Vec::new());
        for (key, values) in &self.world {
            let value = values.as_ref().filter(|_| self.on_repository() || !key.contains("ResourceTag"));
            match value.map(Vec::as_slice) {
                Some([value]) => drop(there.insert((*key).to_owned(), json!(value))),
                Some(values) => drop(there.insert((*key).to_owned(), json!(values))),
                None => absent.push(*key),
            }
        }
        (there, absent)
    }

    fn for_scangap(&self, id: usize) -> Value {
        let (context, absent) = self.context();
        json!({
            "id": id, "policy": self.policy, "account": ACCOUNT, "region": "eu-west-1", "repository": "team/app",
            "principal": self.arn(), "actions": [self.action], "context": context, "absent": absent,
        })
    }

    fn for_the_other(&self, id: usize) -> Value {
        let (mut context, _) = self.context();
        context.insert("aws:ResourceAccount".to_owned(), json!(ACCOUNT));
        let resource =
            if self.on_repository() { "arn:aws:ecr:eu-west-1:111122223333:repository/team/app" } else { "*" };
        json!({
            "id": id, "policy": self.policy, "action": self.action, "resource": resource, "resourceAccount": ACCOUNT,
            "principal": self.arn(), "context": context,
        })
    }
}

/// The same cases in every run.
fn cases(count: usize) -> Vec<Case> {
    let mut runner = TestRunner::deterministic();
    let strategy = (policy(), concrete(), select(ACTIONS.to_vec()));
    (0..count)
        .map(|_| {
            let (policy, (caller, world), action) = strategy.new_tree(&mut runner).expect("a case").current();
            Case { policy, caller, world, action }
        })
        .collect()
}

/// What the other one reads otherwise than AWS documents it, and how such a case is known.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading {
    name: String,
    /// What it does, and what the documentation says.
    explanation: String,
    source: String,
    /// The cases, by their number in the list of all.
    cases: BTreeSet<usize>,
}

/// The reading that a case meets; the first that fits.
fn reading(case: &Case) -> Option<&'static str> {
    let text = case.policy.to_string();
    let old = case.policy["Version"] != "2012-10-17";
    let has = |part: &str| text.contains(part);
    let world_has = |value: &str| case.world.values().flatten().flatten().any(|found| found == value);
    let operators = |test: fn(&str) -> bool| {
        let statements =
            case.policy["Statement"].as_array().cloned().unwrap_or_else(|| vec![case.policy["Statement"].clone()]);
        statements.iter().any(|statement| {
            statement["Condition"].as_object().is_some_and(|block| block.keys().any(|operator| test(operator)))
        })
    };
    let readings: [(&str, bool); 8] = [
        ("variables before 2012", old && has("${")),
        ("IPv4 /0", has("0.0.0.0/0")),
        ("bare addresses", has("\"203.0.113.10\"")),
        ("variables in the first parts of an ARN", has("iam::${aws:PrincipalAccount}")),
        ("variables without a value", has("${aws:PrincipalTag/team}") || has("${aws:ResourceTag/Scan}")),
        ("years as dates", has("aws:CurrentTime") && (has("2027") || world_has("2027"))),
        ("incomplete ARNs", has("aws:PrincipalArn") && has("\"*\"")),
        (
            "IfExists under a set operator",
            operators(|operator| operator.starts_with("ForAnyValue:") && operator.ends_with("IfExists")),
        ),
    ];
    readings.into_iter().find(|(_, fits)| *fits).map(|(name, _)| name)
}

fn list() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tools/iam-simulate/disagreements.json")
}

#[test]
fn an_independent_evaluator_agrees_but_for_a_list_that_does_not_grow() {
    let count = knob("SCANGAP_ORACLE_CASES").and_then(|text| text.parse().ok()).unwrap_or(CASES);
    let cases = cases(count);
    let lines = |line: fn(&Case, usize) -> Value| -> String {
        cases.iter().enumerate().map(|(id, case)| format!("{}\n", line(case, id))).collect()
    };
    let ours = Scangap::new(&["explain", "--batch", "--exit-zero"]).run_with(&lines(Case::for_scangap));
    assert_eq!(ours.code, 0, "{}", ours.stderr);
    let theirs = node("evaluate.mjs", &lines(Case::for_the_other));
    let parsed =
        |text: &str| -> Vec<Value> { text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect() };
    let (ours, theirs) = (parsed(&ours.stdout), parsed(&theirs));
    assert_eq!((ours.len(), theirs.len()), (count, count));

    let mut found: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    let mut unexplained = Vec::new();
    for (id, case) in cases.iter().enumerate() {
        let (mine, other) = (&ours[id]["verdict"], &theirs[id]["result"]);
        let agree = match mine.as_str() {
            Some("allowed") => other == "Allowed",
            Some("denied") => other == "ExplicitlyDenied" || other == "ImplicitlyDenied",
            _ => false,
        };
        if agree {
            continue;
        }
        match reading(case) {
            Some(reading) => drop(found.entry(reading).or_default().insert(id)),
            None => unexplained.push(format!("{id}: {mine} here, {} there: {}", theirs[id], case.for_scangap(id))),
        }
    }
    assert!(unexplained.is_empty(), "{} unexplained\n{}", unexplained.len(), unexplained.join("\n"));

    let mut listed: Vec<Reading> =
        serde_json::from_str(&fs_err::read_to_string(list()).expect("the list")).expect("a list of readings");
    if knob("SCANGAP_ORACLE_WRITE").is_some() {
        for one in &mut listed {
            one.cases = found.get(one.name.as_str()).cloned().unwrap_or_default();
        }
        let text = serde_json::to_string_pretty(&listed).expect("JSON");
        fs_err::write(list(), text + "\n").expect("the list");
    }
    for one in &listed {
        let now = found.remove(one.name.as_str()).unwrap_or_default();
        let expected: BTreeSet<usize> = one.cases.iter().copied().filter(|id| *id < count).collect();
        assert_eq!(now, expected, "{}: the list says otherwise", one.name);
        assert!(!one.explanation.is_empty() && one.source.starts_with("https://docs.aws.amazon.com/"));
    }
    assert!(found.is_empty(), "not on the list: {found:?}");
}
