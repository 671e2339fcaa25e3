//! Kills the process at every call of an apply: before the call takes effect, and after it took effect but before the response.
//! That covers every position of the journal from both sides. After a resume, no registry is disabled, nothing is done twice, and
//! nothing is lost that was not announced. An ordinary run kills at some of the calls, `SCANGAP_TEST_CRASHES=all` at every call.

use std::path::Path;
use std::time::{Duration, Instant};

use scangap_simorg::scenario::{FaultKind, FaultSpec};
use scangap_tests::{Finished, Operator, Scangap, Simulated, knob, simulate};
use serde_json::Value;

use crate::apply::{Planned, plan_of};
use crate::resync::{STALE_REGISTRY, audit, stale, stale_scenario};

/// An organization, and what applying its plan comes to.
struct Matrix {
    organization: fn() -> Simulated,
    /// Account and region.
    registries: &'static [(&'static str, &'static str)],
    repairs: usize,
    lost: &'static str,
    losses: (u64, u64),
    /// Whether the status shows that a change is in progress. If it does not, a resume calls Enable once more.
    shown: bool,
}

const ONE_REGISTRY: Matrix = Matrix {
    organization: || stale("", STALE_REGISTRY, ""),
    registries: &[("333333333333", "eu-west-1")],
    repairs: 0,
    lost: "128",
    losses: (128, 2),
    shown: true,
};

/// Two accounts in one batch after the canary, and a policy to repair before.
const TWO_REGISTRIES_AND_A_REPAIR: Matrix = Matrix {
    organization: || {
        let blocked = "[[accounts.registries.repositories]]\nname = \"blocked\"\npolicy = \"office\"\n";
        let second = format!("[[accounts]]\nid = \"444444444444\"\nname = \"beta\"\n{STALE_REGISTRY}");
        stale("", &format!("{STALE_REGISTRY}{blocked}{second}"), "")
    },
    registries: &[("333333333333", "eu-west-1"), ("444444444444", "eu-west-1")],
    repairs: 1,
    lost: "256",
    losses: (256, 4),
    shown: true,
};

/// Changes of status that do not show until they are done, and nothing to lose: what came of a call is hard to see.
const SLOW_AND_EMPTY: Matrix = Matrix {
    organization: || {
        let registries = STALE_REGISTRY
            .replace("findings = 120, suppressed = 2", "findings = 0")
            .replace("findings = 5, closed = 1", "findings = 0");
        let mut scenario = stale_scenario("", &registries);
        scenario.delays.toggle_ms = 1200;
        scenario.delays.hidden = true;
        simulate(scenario)
    },
    registries: &[("333333333333", "eu-west-1")],
    repairs: 0,
    lost: "0",
    losses: (0, 2),
    shown: false,
};

fn scanning(simulator: &Simulated, matrix: &Matrix) -> Vec<(Value, String)> {
    let of_registry = |(account, region): &(&str, &str)| {
        let own = Operator::of(simulator, account, region);
        let status = Operator::of(simulator, "222222222222", region)
            .inspector("/status/batch/get", &serde_json::json!({"accountIds": [account]}));
        let status = status["accounts"][0]["resourceState"]["ecr"]["status"].as_str().expect("a status").to_owned();
        (own.ecr("GetRegistryScanningConfiguration", &serde_json::json!({})), status)
    };
    matrix.registries.iter().map(of_registry).collect()
}

impl Matrix {
    fn consented(&self, plan: &Planned, simulator: &Simulated) -> Scangap {
        let consent = ["--confirm", "o-testing", "--accept-history-loss", self.lost, "--wait", "20s"];
        plan.command(simulator, &consent)
    }

    /// Every call of an apply that is left alone.
    fn calls(&self) -> usize {
        let simulator = (self.organization)();
        let plan = plan_of(&simulator, &audit(&simulator).expect_code(0), &[]);
        let before = simulator.calls().len();
        let call = self.consented(&plan, &simulator).run();
        assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
        simulator.calls().len() - before
    }

    /// This many places, spread over the whole of an apply.
    fn run_some(&self, kills: usize) {
        // An odd stride, so that both kinds come in turn.
        self.run(((2 * self.calls() / kills).max(2) - 1) | 1);
    }

    /// Every so many places of both kinds.
    fn run(&self, every: usize) {
        let calls = self.calls();
        assert!(calls > 20, "{calls}");
        let places: Vec<(usize, FaultKind)> = (0..calls)
            .flat_map(|at| [(at, FaultKind::Hang), (at, FaultKind::HangAfter)])
            .enumerate()
            .filter(|(number, _)| number % every == 0)
            .map(|(_, place)| place)
            .collect();
        #[expect(clippy::print_stdout, reason = "the summary of a long run")]
        {
            println!("an apply of {calls} calls, killed {} times", places.len());
        }
        let next = std::sync::Mutex::new(places.into_iter());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let place = next.lock().expect("a lock").next();
                        let Some((at, kind)) = place else { break };
                        self.killed_at(at, kind);
                    }
                });
            }
        });
    }

    fn killed_at(&self, place: usize, kind: FaultKind) {
        let simulator = (self.organization)();
        let before = scanning(&simulator, self);
        let plan = plan_of(&simulator, &audit(&simulator).expect_code(0), &[]);
        let seen = simulator.calls().len();
        simulator.add_fault(FaultSpec {
            kind,
            skip: u64::try_from(place).expect("small"),
            count: Some(1),
            operation: None,
            ..FaultSpec::of("", "", 500)
        });
        let (mut child, _home) = self.consented(&plan, &simulator).spawn();
        let deadline = Instant::now() + Duration::from_mins(1);
        while simulator.calls().len() <= seen + place {
            assert!(Instant::now() < deadline, "call {place} never came");
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().expect("it is killed");
        child.wait().expect("it ended");
        tear_last_line(&plan.folder, place);
        // Any other command says what is open, and nothing where nothing is.
        let home = plan.home.path().to_string_lossy().into_owned();
        let other = Scangap::new(&["schema", "exit-codes"]).env("HOME", &home).run();
        let open = is_open(&plan.journal());
        assert_eq!(
            other.code,
            if open { 5 } else { 0 },
            "killed {kind:?} call {place}: {:#?}\n{}",
            plan.journal(),
            other.stderr
        );
        let call = self.to_its_end(&plan, &simulator);
        let context = || format!("killed {kind:?} call {place}\n{:#?}\n{}{}", plan.journal(), call.stdout, call.stderr);
        assert_eq!(call.code, 0, "{}", context());
        assert_eq!(scanning(&simulator, self), before, "ENABLED, with the same rules in the same order: {}", context());
        assert_eq!(simulator.losses(), self.losses, "what was announced, once: {}", context());
        let effective: Vec<String> = simulator
            .mutating_calls()
            .into_iter()
            .filter(|call| call.error.is_empty() && (call.status == 200 || kind == FaultKind::HangAfter))
            .map(|call| call.operation)
            .collect();
        let times = |operation| effective.iter().filter(|name| *name == operation).count();
        assert_eq!(times("inspector2:Disable"), self.registries.len(), "{}", context());
        // If the response to the permission check was lost, Enable is called once more: scanning is on, so nothing changes.
        let once_more = usize::from(!self.shown) + usize::from(kind == FaultKind::HangAfter);
        let enables = self.registries.len()..=self.registries.len() + once_more;
        assert!(enables.contains(&times("inspector2:Enable")), "{}", context());
        assert_eq!(times("ecr:SetRepositoryPolicy"), self.repairs, "{}", context());
        let after = audit(&simulator).expect_code(0);
        assert!(after.csv("repositories.csv").iter().all(|row| row["policy_verdict"] == "allowed"), "{}", context());
        assert!(after.csv("repositories.csv").iter().all(|row| row["diagnosis"] != "stale"), "{}", context());
    }

    /// Starts the apply if its journal is empty, otherwise resumes it.
    fn to_its_end(&self, plan: &Planned, simulator: &Simulated) -> Finished {
        if plan.journal().is_empty() {
            self.consented(plan, simulator).run()
        } else {
            plan.apply(simulator, &["--resume", "--wait", "20s"])
        }
    }
}

#[test]
fn killed_at_every_call_it_resumes_to_the_same_end() {
    if knob("SCANGAP_TEST_CRASHES").as_deref() == Some("all") {
        ONE_REGISTRY.run(1);
        TWO_REGISTRIES_AND_A_REPAIR.run(1);
        SLOW_AND_EMPTY.run(1);
    } else {
        ONE_REGISTRY.run_some(10);
    }
}

/// Whether the last journal event of any registry is one in which scanning may be off or not yet fully restored.
fn is_open(journal: &[Value]) -> bool {
    let open = ["trying", "disabling", "accepted", "disabled", "enabling", "enabled"];
    let closed = ["backed_up", "restored", "done"];
    let mut last = std::collections::BTreeMap::new();
    for line in journal.iter().filter(|line| !line["step"].is_null()) {
        let event = line["event"].as_str().unwrap_or_default();
        if open.contains(&event) || closed.contains(&event) {
            last.insert(line["step"].to_string(), open.contains(&event));
        }
    }
    last.into_values().any(|open| open)
}

/// Half of a line, as a crash in the middle of writing leaves it: with every other place.
fn tear_last_line(folder: &Path, place: usize) {
    let path = folder.join("journal.jsonl");
    if place.is_multiple_of(2) && path.exists() {
        let text = fs_err::read_to_string(&path).expect("a journal");
        fs_err::write(&path, format!("{text}{{\"line\":99,\"event\":\"enab")).expect("written");
    }
}
