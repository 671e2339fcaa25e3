//! An audit takes no longer than it must: what can overlap does, and what takes longest begins first.

use scangap_simorg::{CallRecord, Generate, Simulator};
use scangap_tests::{Scangap, simulate};

fn place(calls: &[CallRecord], wanted: impl Fn(&CallRecord) -> bool) -> Vec<usize> {
    calls.iter().enumerate().filter(|(_, call)| wanted(call)).map(|(at, _)| at).collect()
}

// Holds: 14 Near the floor: accounts are opened as their page arrives, Inspector's administrator first
#[test]
fn accounts_are_read_while_the_others_are_listed() {
    let mut scenario = Generate { accounts: 120, regions: 1, repositories: 1, seed: 5 }.scenario();
    scenario.latency.ms = 40;
    let management = scenario.organization.management_account.clone();
    let administrator = scenario.organization.inspector_administrator.clone().expect("one");
    let simulator = simulate(scenario);
    let audited = Scangap::audit_at(&simulator.url(), &Simulator::access_key(&management)).into_folder().expect_code(0);
    assert_eq!(audited.csv("accounts.csv").len(), 120);
    let calls = simulator.calls();
    let pages = place(&calls, |call| call.operation == "organizations:ListAccounts");
    let roles = place(&calls, |call| call.operation == "sts:AssumeRole");
    let lists = place(&calls, |call| call.operation == "ecr:DescribeRepositories");
    let (Some(end), Some(role), Some(list)) = (pages.last(), roles.first(), lists.first()) else {
        panic!("nothing was read");
    };
    assert!(pages.len() >= 6, "20 accounts a page");
    assert!(calls[*role].resource.contains(&administrator), "{:?}", calls[*role]);
    assert!(list < end, "repositories were listed only after the accounts were");
    let before = roles.iter().filter(|at| *at < end).count();
    assert!(before >= 10, "{before} accounts were opened before all were listed");
    // Names of OUs come beside: every account has its own in the end.
    assert!(audited.csv("accounts.csv").iter().skip(1).all(|row| !row["ou_path"].is_empty()));
    let names = place(&calls, |call| call.operation == "organizations:ListOrganizationalUnitsForParent");
    assert!(names.iter().all(|at| at > list), "the names were waited for");
}

// Holds: 14 Near the floor: a large registry begins before the administrator's stream has ended
#[test]
fn a_large_registry_does_not_wait_for_the_administrators_stream() {
    let mut scenario = Generate { accounts: 60, regions: 1, repositories: 40, seed: 5 }.scenario();
    scenario.latency.ms = 30;
    let management = scenario.organization.management_account.clone();
    let simulator = simulate(scenario);
    let call = Scangap::audit_at(&simulator.url(), &Simulator::access_key(&management));
    let _audited = call.args(&["--regions", "us-east-1"]).into_folder().expect_code(0);
    let calls = simulator.calls();
    let stream = place(&calls, |call| call.operation == "inspector2:ListCoverage" && !call.token.is_empty());
    let policies = place(&calls, |call| call.operation == "ecr:GetRepositoryPolicy");
    let (Some(end), Some(begin)) = (stream.last(), policies.first()) else { panic!("nothing was read") };
    assert!(stream.len() > 5, "{}", stream.len());
    assert!(begin < end, "no policy was read before the stream ended");
}
