//! Organizations for tests: what matters is written, the rest is filled in.

use scangap_simorg::{Scenario, Simulator, SimulatorOptions};

/// Three accounts: 111111111111 (management, the caller), 222222222222 (Inspector's administrator), and whatever
/// `body` adds. Two regions are enabled. `body` is TOML of the scenario format.
pub fn organization(body: &str) -> Scenario {
    let text = format!(
        r#"
schema = 1
clock = "2026-11-23T09:00:00Z"

[organization]
id = "o-testing"
management_account = "111111111111"
inspector_administrator = "222222222222"
regions = ["eu-west-1", "us-east-1"]

[[accounts]]
id = "111111111111"
name = "management"

[[accounts]]
id = "222222222222"
name = "security"

{body}
"#
    );
    Scenario::parse(&text).unwrap_or_else(|error| panic!("the scenario is wrong: {error}\n{text}"))
}

/// For organizations that live now, and for what is judged now.
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// A simulator without a judge. A policy text that the scenario does not list fails the test by name, at the latest
/// when the simulator is dropped: the code under test never judges itself.
#[derive(Debug)]
pub struct Simulated(Simulator);

impl std::ops::Deref for Simulated {
    type Target = Simulator;

    fn deref(&self) -> &Simulator {
        &self.0
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.0.unjudged(), Vec::<String>::new(), "policies that the scenario does not list");
        }
    }
}

pub fn simulate(scenario: Scenario) -> Simulated {
    let options =
        SimulatorOptions { scenario, judge: None, now: jiff::Timestamp::now(), port: 0, calls_kept: usize::MAX };
    Simulated(Simulator::start(options).expect("a simulator"))
}
