//! Properties over generated policies: agreement with the reference model, what a residual means, repairs that harm nobody.

#![expect(clippy::expect_used, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::generate::{ACTIONS, CALLERS, INSPECTOR, KEYS, World, concrete, inspector_worlds, policy};
use common::reference::Concrete;
use common::survive::survives;
use common::{ROLE, evaluate, parse, request};
use proptest::prelude::*;
use proptest::sample::select;
use scangap_model::{Partition, Verdict};
use scangap_policy::{
    Action, Caller, Context, INSPECTOR_ACTIONS, PolicyDocument, REPOSITORY_ACTIONS, Request, RoleIdentity, Stated,
    Tags, exempt, verdicts,
};
use serde_json::Value;

const ACCOUNT: &str = "111122223333";

fn action(name: &str) -> Action {
    INSPECTOR_ACTIONS.iter().copied().find(|action| action.name() == name).expect("one of the ten")
}

fn resource(action: Action) -> &'static str {
    if action.is_on_repository() { "arn:aws:ecr:eu-west-1:111122223333:repository/team/app" } else { "*" }
}

fn caller(text: &str) -> Caller {
    if text == INSPECTOR { Caller::Inspector } else { Caller::parse(text, Partition::Aws).expect("a caller") }
}

fn stated(world: &World) -> BTreeMap<String, Stated> {
    let state = |values: &Option<Vec<String>>| values.clone().map_or(Stated::Absent, Stated::Values);
    world.iter().map(|(key, values)| (key.to_lowercase(), state(values))).collect()
}

/// The engine's answer where everything is stated.
fn engine(document: &PolicyDocument, who: &str, world: &World, action: Action) -> Verdict {
    let mut stated = stated(world);
    if !action.is_on_repository() {
        // What is stated goes before what is documented; the tags of a repository are in no request without one.
        stated.insert("aws:resourcetag/scan".to_owned(), Stated::Absent);
    }
    evaluate(document, action, &Request { principal: caller(who), stated, ..request() }).verdict
}

fn reference(policy: &Value, who: &str, world: &World, action: Action) -> bool {
    let arn = if who == INSPECTOR { ROLE } else { who };
    Concrete { caller: arn, action: action.name(), resource: resource(action), account: ACCOUNT, world }
        .allowed_by(policy)
}

/// Keys that the documentation leaves open.
fn open_keys() -> BTreeSet<&'static str> {
    KEYS.iter().filter(|row| row.inspector.len() > 1).map(|row| row.name).collect()
}

/// Whether an open key is asked about more than once: Kleene's logic does not see that two questions share an answer, but
/// for the network's and the MFA's, which it knows case by case.
fn asks_twice(policy: &Value) -> bool {
    let text = policy.to_string();
    open_keys().into_iter().any(|key| text.matches(key).count() > 1)
}

/// So many cases in the ordinary tests; `SCANGAP_PROPERTY_FACTOR` times as many where time allows.
#[expect(clippy::disallowed_methods, reason = "a knob of the tests")]
fn config(cases: u32) -> ProptestConfig {
    let factor = std::env::var("SCANGAP_PROPERTY_FACTOR").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    ProptestConfig { cases: cases * factor, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn a_concrete_request_is_decided_as_the_reference_decides_it(
        policy in policy(), (who, world) in concrete(), action_name in select(ACTIONS.to_vec()),
    ) {
        let action = action(action_name);
        let expected = if reference(&policy, who, &world, action) { Verdict::Allowed } else { Verdict::Denied };
        prop_assert_eq!(engine(&parse(&policy.to_string()), who, &world, action), expected);
    }

    #[test]
    fn a_printed_policy_reads_the_same(policy in policy(), (who, world) in concrete()) {
        let document = parse(&policy.to_string());
        let printed = document.to_string();
        let again = parse(&printed);
        prop_assert_eq!(again.to_string(), printed);
        for &action in INSPECTOR_ACTIONS {
            prop_assert_eq!(engine(&document, who, &world, action), engine(&again, who, &world, action));
        }
    }
}

proptest! {
    #![proptest_config(config(300))]

    /// Denied: in every world. Allowed: in none denied. Depends: some worlds go one way and some the other.
    #[test]
    fn three_values_are_what_all_worlds_together_say(policy in policy(), action_name in select(ACTIONS.to_vec())) {
        let action = action(action_name);
        let verdict = evaluate(&parse(&policy.to_string()), action, &request()).verdict;
        let worlds = inspector_worlds();
        let allowed = worlds.iter().filter(|world| reference(&policy, INSPECTOR, world, action)).count();
        match verdict {
            Verdict::Allowed => prop_assert_eq!(allowed, worlds.len()),
            Verdict::Denied => prop_assert_eq!(allowed, 0),
            _ if asks_twice(&policy) => {}
            _ => prop_assert!(0 < allowed && allowed < worlds.len(), "{} of {} worlds", allowed, worlds.len()),
        }
    }

    /// What is known of the role says what stating the same of its tags says, and turns nothing that was settled without it.
    #[test]
    fn the_roles_tags_are_what_stating_them_is(
        policy in policy(), action_name in select(ACTIONS.to_vec()), tag in select(vec![None, Some("red"), Some("other")]),
    ) {
        let (action, document) = (action(action_name), parse(&policy.to_string()));
        let tags: BTreeMap<String, String> = tag.map(|value| ("TEAM".to_owned(), value.to_owned())).into_iter().collect();
        let role = RoleIdentity { id: Some("AROAEXAMPLEID00000001".into()), tags: Tags::Known(tags) };
        let known = evaluate(&document, action, &Request { inspector_role: role, ..request() }).verdict;
        let one = tag.map_or(Stated::Absent, |value| Stated::Values(vec![value.to_owned()]));
        let stated = BTreeMap::from([("aws:principaltag/team".to_owned(), one)]);
        prop_assert_eq!(known, evaluate(&document, action, &Request { stated, ..request() }).verdict);
        let unknown = evaluate(&document, action, &request()).verdict;
        prop_assert!(unknown == Verdict::Depends || unknown == known, "{:?} {:?}", unknown, known);
    }

    /// What is left of a `depends`, with concrete values put in, is what the whole policy says of them.
    #[test]
    fn a_residual_with_values_is_the_policy_with_values(policy in policy(), action_name in select(ACTIONS.to_vec())) {
        let action = action(action_name);
        let document = parse(&policy.to_string());
        let decision = evaluate(&document, action, &request());
        if decision.verdict != Verdict::Depends {
            return Ok(());
        }
        let statements: Vec<Value> = decision
            .statements
            .iter()
            .map(|statement| statement.residual.as_ref().expect("a residual where it depends"))
            .map(|residual| {
                let condition: Value = serde_json::from_str(&residual.condition).expect("a Condition block");
                serde_json::json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Condition": condition})
            })
            .collect();
        let elements = decision.statements.iter().flat_map(|statement| statement.residual.iter().flat_map(|one| &one.elements));
        // A Resource that depends on a tag is in no Condition block.
        if elements.count() > 0 {
            return Ok(());
        }
        let version = policy["Version"].as_str().unwrap_or("2008-10-17");
        let residual = parse(&serde_json::json!({"Version": version, "Statement": statements}).to_string());
        for world in inspector_worlds() {
            prop_assert_eq!(engine(&residual, INSPECTOR, &world, action), engine(&document, INSPECTOR, &world, action));
            // Its keys are enough: stated alone, they settle it.
            let enough: BTreeMap<String, Stated> = stated(&world)
                .into_iter()
                .filter(|(key, _)| decision.depends_on.iter().any(|on| on.eq_ignore_ascii_case(key)))
                .collect();
            let settled = evaluate(&document, action, &Request { stated: enough, ..request() });
            prop_assert_ne!(settled.verdict, Verdict::Depends);
        }
    }

    /// A repair lets Inspector in, adds text and removes none, and changes nothing for anybody else.
    #[test]
    fn a_repair_lets_inspector_in_and_nobody_else(
        policy in policy(), pretty in any::<bool>(), worlds in proptest::collection::vec(concrete(), 8),
    ) {
        let text = if pretty { format!("{policy:#}") } else { policy.to_string() };
        let document = parse(&text);
        let asked = request();
        let before = verdicts(&[&document], &Context::new(&asked)).fold(INSPECTOR_ACTIONS);
        let repaired = match exempt(&text, INSPECTOR_ACTIONS, &asked) {
            Ok(repaired) => repaired,
            Err(error) => {
                prop_assert_eq!(before, Verdict::Allowed, "{}", error);
                return Ok(());
            }
        };
        prop_assert_ne!(before, Verdict::Allowed);
        let after = parse(&repaired);
        prop_assert_eq!(verdicts(&[&after], &Context::new(&asked)).fold(INSPECTOR_ACTIONS), Verdict::Allowed);
        let mut rest = repaired.chars();
        prop_assert!(text.chars().all(|wanted| rest.any(|found| found == wanted)), "{}", repaired);
        let repaired: Value = serde_json::from_str(&repaired).expect("JSON");
        for (who, mut world) in worlds {
            for absent in [false, true] {
                if absent {
                    world.insert("aws:PrincipalArn", None);
                }
                for &action in INSPECTOR_ACTIONS.iter().filter(|_| who != INSPECTOR || absent) {
                    let same = engine(&document, who, &world, action) == engine(&after, who, &world, action);
                    prop_assert!(same, "{} {} {:?}", who, action, world);
                    let same = reference(&policy, who, &world, action) == reference(&repaired, who, &world, action);
                    prop_assert!(same, "by the reference: {} {} {:?}", who, action, world);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        survives(&text);
    }

    #[test]
    fn any_broken_policy_is_answered(policy in policy(), cuts in proptest::collection::vec((0.0..1.0_f64, 0..6_usize), 1..4)) {
        let mut text = policy.to_string();
        for (share, kind) in cuts {
            let mut at = (text.len() as f64 * share) as usize;
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            match kind {
                0 => text.truncate(at),
                1 => text.insert(at, '"'),
                2 => text.insert_str(at, "\\u00e9\u{0}"),
                3 => text.insert_str(at, "[[{"),
                4 => text = text.replacen('*', "${aws:x, 'y'}*", 2),
                _ => text = text.replacen(':', "\u{202e}", 1),
            }
        }
        survives(&text);
    }
}

#[test]
fn every_caller_is_one_who_could_call() {
    assert!(CALLERS.iter().all(|text| *text == INSPECTOR || Caller::parse(text, Partition::Aws).is_ok()));
    assert!(REPOSITORY_ACTIONS.iter().any(|action| ACTIONS.contains(&action.name())));
}
