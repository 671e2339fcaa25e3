//! A new user, in one empty home: what each step prints is enough for the next.

use std::path::Path;

use scangap_simorg::scenario::RolePolicySpec;
use scangap_simorg::{Scenario, Simulator};
use scangap_tests::{Finished, Scangap, Simulated, organization, simulate};

use crate::journey::{AFTER, BEFORE};

/// An organization whose accounts have these roles, and no other.
fn world(roles: &[&str]) -> Scenario {
    let mut scenario = organization(&format!(
        r#"[[policies]]
name = "office"
inspector = "denied"
text = '{BEFORE}'
[[policies]]
name = "repaired"
inspector = "allowed"
text = '{AFTER}'
[[accounts]]
id = "333333333333"
name = "alpha"
registries = [{{ region = "eu-west-1", repositories = [{{ name = "office", policy = "office" }}, {{ name = "open" }}] }}]"#
    ));
    for account in &mut scenario.accounts {
        account.roles = Some(roles.iter().map(|role| (*role).to_owned()).collect());
    }
    scenario
}

struct Newcomer(tempfile::TempDir);

impl Newcomer {
    fn runs(&self, simulator: Option<&Simulated>, words: &[&str]) -> Finished {
        let mut call = Scangap::new(words).env("HOME", &self.0.path().to_string_lossy()).in_folder(self.0.path());
        if let Some(simulator) = simulator {
            call = call
                .env("AWS_ENDPOINT_URL", &simulator.url())
                .env("AWS_ACCESS_KEY_ID", &Simulator::access_key("111111111111"))
                .env("AWS_SECRET_ACCESS_KEY", "simulated")
                .env("AWS_REGION", "us-east-1");
        }
        call.run()
    }

    fn expects(&self, simulator: Option<&Simulated>, words: &[&str], code: i32) -> Finished {
        let done = self.runs(simulator, words);
        assert_eq!(done.code, code, "{words:?}\n{}{}", done.stdout, done.stderr);
        done
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }
}

/// The first command of this name that a text holds, up to where it is redirected.
fn command<'t>(text: &'t str, begin: &'t str) -> Vec<&'t str> {
    let after = text.split_once(begin).unwrap_or_else(|| panic!("no `{begin}`: {text}")).1;
    let line = after.lines().next().unwrap_or_default();
    let line = line.split([';', '>', '`']).next().unwrap_or(line);
    begin.split(' ').skip(1).chain(line.split_whitespace()).collect()
}

// Holds: 17 Must be shown: in an empty home, from nothing to a demo, a doctor, roles, an audit, its report, a plan, a repair and a gate, each by what was printed before
#[test]
fn each_step_says_what_the_next_one_is() {
    let newcomer = Newcomer(tempfile::tempdir().expect("a home"));
    let first = newcomer.expects(None, &[], 64);
    newcomer.expects(None, &[&command(&first.stderr, "scangap demo")[..1], &["--out", "demo"]].concat(), 3);
    assert!(is_there(&newcomer.path("demo/report.html")));

    // No role is there yet: the doctor prints the command that makes its template.
    let before = simulate(world(&[]));
    let sick = newcomer.expects(Some(&before), &["doctor", "--role-name", "scangap-audit"], 77);
    let template = newcomer.expects(None, &command(&sick.stdout, "scangap permissions --format cloudformation"), 0);
    assert!(template.stdout.contains("RoleName: \"scangap-audit\""), "{}", template.stdout);

    // Deployed, with the role that writes.
    let after = simulate(deployed(&newcomer));
    newcomer.expects(Some(&after), &["doctor", "--role-name", "scangap-audit", "--all"], 0);
    let audited = newcomer.expects(Some(&after), &["audit", "--role-name", "scangap-audit", "--quarter"], 0);
    let plan = command(&audited.stdout, "scangap plan");
    let folder = newcomer.path(plan[1]).parent().expect("a folder").to_owned();
    for file in ["report.html", "audit.xlsx", "repositories.csv", "manifest.json"] {
        assert!(is_there(&folder.join(file)), "{file}");
    }
    newcomer.expects(None, &["verify", &folder.to_string_lossy()], 0);
    newcomer.expects(None, &[&plan[..2], &["--out", "plan"]].concat(), 0);
    newcomer.expects(None, &["rehearse", "plan"], 0);
    let roles = ["--role-name", "scangap-audit", "--write-role-name", "scangap-write"];
    let applied =
        newcomer.expects(Some(&after), &[&["apply", "plan", "--confirm", "o-testing"], &roles[..]].concat(), 0);
    let changes: Vec<String> = after.mutating_calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(changes, ["ecr:SetRepositoryPolicy"], "{}", applied.stdout);

    // And it does not come back: the gate judges the text before it is deployed.
    fs_err::write(newcomer.path("policy.json"), BEFORE).expect("a file");
    let gate = newcomer.expects(None, &["gate", "policy.json", "--account", "333333333333"], 2);
    assert!(gate.stdout.contains("OfficeOnly"), "{}", gate.stdout);
}

fn is_there(path: &Path) -> bool {
    fs_err::metadata(path).is_ok_and(|file| file.len() > 0)
}

/// The organization after the roles were made as `scangap permissions` prints them.
fn deployed(newcomer: &Newcomer) -> Scenario {
    let printed = |words: &[&str]| newcomer.expects(None, &[&["permissions"], words].concat(), 0).stdout;
    let trust = printed(&["--trust", "--principal", "111111111111", "--org", "o-testing"]);
    let mut scenario = world(&["scangap-audit", "scangap-write"]);
    for (role, policy) in [("scangap-audit", printed(&["plan"])), ("scangap-write", printed(&["apply"]))] {
        scenario.role_policies.push(RolePolicySpec { role: role.to_owned(), policy, trust: Some(trust.clone()) });
    }
    let caller = printed(&["apply", "--for", "caller", "--org", "o-testing"]);
    scenario.organization.caller_policy = Some(caller);
    scenario
}
