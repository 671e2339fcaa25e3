//! An audit takes no longer than it must: what can overlap does, and what takes longest begins first.

use scangap_simorg::scenario::{FaultKind, FaultSpec};
use scangap_simorg::{CallRecord, Generate, Simulator};
use scangap_tests::{Scangap, Simulated, simulate};

use crate::resume::same_facts;

fn place(calls: &[CallRecord], wanted: impl Fn(&CallRecord) -> bool) -> Vec<usize> {
    calls.iter().enumerate().filter(|(_, call)| wanted(call)).map(|(at, _)| at).collect()
}

/// So many calls of an operation that no answer ever comes to.
fn hang(operation: &str, count: u64) -> FaultSpec {
    FaultSpec { kind: FaultKind::Hang, count: Some(count), ..FaultSpec::of(operation, "", 0) }
}

// Holds: 14 Near the floor: accounts are opened as their page arrives, Inspector's administrator first
#[test]
fn accounts_are_read_while_the_others_are_listed() {
    let mut scenario = Generate { accounts: 300, regions: 1, repositories: 1, seed: 5 }.scenario();
    scenario.latency.ms = 40;
    let management = scenario.organization.management_account.clone();
    let administrator = scenario.organization.inspector_administrator.clone().expect("one");
    let simulator = simulate(scenario);
    let call = Scangap::audit_at(&simulator.url(), &Simulator::access_key(&management));
    let audited = call.args(&["--regions", "us-east-1"]).into_folder().expect_code(0);
    assert_eq!(audited.csv("accounts.csv").len(), 300);
    let calls = simulator.calls();
    let pages = place(&calls, |call| call.operation == "organizations:ListAccounts");
    let roles = place(&calls, |call| call.operation == "sts:AssumeRole");
    let lists = place(&calls, |call| call.operation == "ecr:DescribeRepositories");
    let (Some(end), Some(role), Some(list)) = (pages.last(), roles.first(), lists.first()) else {
        panic!("nothing was read");
    };
    assert!(pages.len() >= 15, "20 accounts a page");
    assert!(calls[*role].resource.contains(&administrator), "{:?}", calls[*role]);
    assert!(list < end, "repositories were listed only after the accounts were");
    let before = roles.iter().filter(|at| *at < end).count();
    assert!(before >= 10, "{before} accounts were opened before all were listed");
    // Names of OUs come beside: every account has its own in the end.
    assert!(audited.csv("accounts.csv").iter().skip(1).all(|row| !row["ou_path"].is_empty()));
    let names = place(&calls, |call| call.operation == "organizations:ListOrganizationalUnitsForParent");
    assert!(names.iter().all(|at| at > list), "the names were waited for");
}

// Holds: 14 Near the floor: a registry waits for what the administrator says of its account, and not until all accounts are listed
#[test]
fn a_registry_is_whole_before_all_accounts_are_listed() {
    let mut scenario = Generate { accounts: 500, regions: 1, repositories: 1, seed: 5 }.scenario();
    scenario.latency.ms = 20;
    // One of the last pages takes long: on a machine that is busy with other things, too, something is read before it.
    scenario.faults.push(FaultSpec { skip: 23, ..hang("organizations:ListAccounts", 1) });
    let management = scenario.organization.management_account.clone();
    let simulator = simulate(scenario);
    let call = Scangap::audit_at(&simulator.url(), &Simulator::access_key(&management));
    let audited = call.args(&["--regions", "us-east-1", "--timeout", "8"]).into_folder().expect_code(0);
    assert_eq!(audited.csv("repositories.csv").len(), 499);
    let calls = simulator.calls();
    let pages = place(&calls, |call| call.operation == "organizations:ListAccounts");
    // It is asked for once the administrator has said that scanning is on.
    let durations = place(&calls, |call| call.operation == "inspector2:GetConfiguration");
    let (Some(end), Some(first)) = (pages.last(), durations.first()) else { panic!("nothing was read") };
    assert!(first < end, "the administrator was waited for until all accounts were listed");
    let statuses = place(&calls, |call| call.operation == "inspector2:BatchGetAccountStatus");
    assert_eq!(statuses.len(), 5, "100 accounts a batch");
}

// Holds: 14 Same bytes: however fast accounts are listed and told of, the facts and the calls are the same
#[test]
fn batches_of_statuses_make_no_difference_to_what_is_read() {
    let audit = |in_flight: &str, ms: u64| {
        let mut scenario = Generate { accounts: 230, regions: 1, repositories: 1, seed: 5 }.scenario();
        scenario.latency.ms = ms;
        // Two that the administrator does not see, in the first batch and in the last.
        for at in [40, 220] {
            scenario.accounts[at].inspector_member = false;
        }
        let management = scenario.organization.management_account.clone();
        let simulator = simulate(scenario);
        let call = Scangap::audit_at(&simulator.url(), &Simulator::access_key(&management));
        let wanted = ["--regions", "us-east-1,eu-west-1", "--max-in-flight", in_flight];
        let audited = call.args(&wanted).into_folder().expect_code(0);
        let mut calls = std::collections::BTreeMap::<String, usize>::new();
        for call in &simulator.calls() {
            *calls.entry(call.operation.clone()).or_default() += 1;
        }
        (audited, calls)
    };
    let (slow, slow_calls) = audit("8", 0);
    let (fast, fast_calls) = audit("256", 5);
    assert_eq!(slow_calls, fast_calls);
    same_facts(&slow, &fast, "with more calls in flight");
}

// Holds: 14 Near the floor: a shell that lets few files be open does not limit the calls in flight, and where the system does it is said
#[test]
fn the_calls_in_flight_have_the_files_that_they_need() {
    let mut scenario = Generate { accounts: 120, regions: 1, repositories: 2, seed: 5 }.scenario();
    scenario.latency.ms = 100;
    let management = scenario.organization.management_account.clone();
    let simulator = simulate(scenario);
    let regions = ["--regions", "us-east-1,eu-west-1"];
    let audit = || Scangap::audit_at(&simulator.url(), &Simulator::access_key(&management)).args(&regions);
    let raised = audit().with_open_files(64, 4096).into_folder().expect_code(0);
    assert!(!raised.finished.stderr.contains("open files"), "{}", raised.finished.stderr);
    let few = audit().args(&["--max-in-flight", "40"]).with_open_files(64, 220).into_folder().expect_code(0);
    same_facts(&raised, &few, "with few files open");
    let said = audit().with_open_files(64, 400).into_folder();
    let expected = "512 calls in flight may need 1636 open files, and this process may open 400: raise the hard limit (`ulimit -Hn`), or use --max-in-flight 100";
    assert!(said.finished.stderr.contains(expected), "{}", said.finished.stderr);
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

/// Of a line of a table: the name, and the number after it.
fn numbers(text: &str) -> std::collections::BTreeMap<String, u64> {
    let words = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.replace(',', "").parse().ok()?))
    });
    words.collect()
}

// Holds: 14 Near the floor: --plan-calls says without a call what an audit of the same size makes, API by API, and its floor
#[test]
fn the_planned_calls_are_those_that_are_made() {
    let scenario = Generate { accounts: 30, regions: 3, repositories: 30, seed: 8 }.scenario();
    let management = scenario.organization.management_account.clone();
    let simulator = simulate(scenario);
    let audited = Scangap::audit_at(&simulator.url(), &Simulator::access_key(&management))
        .args(&["-v", "--log-file", "log.jsonl"])
        .into_folder()
        .expect_code(0);
    let calls = simulator.calls();
    let snapshot = audited.out.to_string_lossy().into_owned();
    let planned = Scangap::new(&["audit", "--hints", &snapshot, "--plan-calls"]).run();
    assert_eq!(planned.code, 0, "{}", planned.stderr);
    assert_eq!(simulator.calls().len(), calls.len(), "planning calls nothing");
    let table = numbers(&planned.stdout);
    for api in [
        "sts:AssumeRole",
        "account:ListRegions",
        "ecr:DescribeRepositories",
        "ecr:GetRepositoryPolicy",
        "ecr:BatchGetRepositoryScanningConfiguration",
        "ecr:GetRegistryPolicy",
        "ecr:GetRegistryScanningConfiguration",
        "ecr:DescribeRepositoryCreationTemplates",
        "inspector2:BatchGetAccountStatus",
        "inspector2:DescribeOrganizationConfiguration",
    ] {
        let made = calls.iter().filter(|call| call.operation == api).count();
        assert_eq!(table.get(api), Some(&(made as u64)), "{api}\n{}", planned.stdout);
    }
    for words in ["No faster than", "waiting", "fullest bucket", "chain", "processor"] {
        assert!(planned.stdout.contains(words), "{words}\n{}", planned.stdout);
    }
    let usage = Scangap::new(&["audit", "--plan-calls"]).run();
    assert_eq!(usage.code, 64, "{}", usage.stderr);

    // The closing table of -v has what the simulator counted.
    let closing = numbers(&audited.finished.stderr);
    for api in ["ecr:GetRepositoryPolicy", "sts:AssumeRole", "inspector2:ListCoverage"] {
        let made = calls.iter().filter(|call| call.operation == api).count();
        assert_eq!(closing.get(api), Some(&(made as u64)), "{api}\n{}", audited.finished.stderr);
    }
    for words in ["connecting", "reading AWS", "judging", "writing reports"] {
        assert!(audited.finished.stderr.contains(words), "{words}\n{}", audited.finished.stderr);
    }
    let run = audited.json("run.json");
    let rows = run["calls"].as_array().expect("rows");
    assert!(rows.iter().any(|row| row["answered_ms"].as_u64().is_some_and(|ms| ms > 0)), "{run}");
    let names = |of: &serde_json::Value| -> Vec<String> {
        of.as_array().into_iter().flatten().map(|one| one["phase"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names(&run["runs"][0]["phases"]), ["connecting", "reading AWS", "judging"]);
    // The reports of a snapshot say the same again.
    let again = Scangap::new(&["report", &snapshot, "--out", "again"]).run();
    let text = fs_err::read_to_string(again.home.path().join("again/run.json")).expect("run.json");
    let again: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&again["runs"], &again["fullest_buckets"]), (&run["runs"], &run["fullest_buckets"]));
}

// Holds: 14 Near the floor: with hints the largest registries begin first
#[test]
fn the_largest_registry_of_an_earlier_audit_begins_first() {
    let mut scenario = Generate { accounts: 240, regions: 1, repositories: 1, seed: 8 }.scenario();
    scenario.latency.ms = 20;
    let large = scenario.accounts[200].id.clone();
    let registry = &mut scenario.accounts[200].registries[0];
    registry.repositories = (0..120)
        .map(|n| {
            let name = format!("large/{n:03}");
            scangap_simorg::scenario::RepositorySpec { name, ..registry.repositories[0].clone() }
        })
        .collect();
    // All but one of the places in flight are taken for a while, so that accounts wait for their turn on any machine.
    scenario.faults.push(FaultSpec { skip: 1, ..hang("sts:AssumeRole", 7) });
    let management = scenario.organization.management_account.clone();
    let simulator = simulate(scenario.clone());
    let again = simulate(scenario);
    let place_of_the_large = |simulator: &Simulated, hints: &[&str]| {
        let call = Scangap::audit_at(&simulator.url(), &Simulator::access_key(&management));
        let wanted = ["--regions", "us-east-1", "--max-in-flight", "8", "--timeout", "8"];
        let audited = call.args(&wanted).args(hints).into_folder();
        let calls = simulator.calls();
        let opened = place(&calls, |call| call.operation == "sts:AssumeRole");
        let own = opened.iter().position(|at| calls[*at].resource.contains(&large)).expect("it is opened");
        (audited.expect_code(0), own)
    };
    let (audited, without) = place_of_the_large(&simulator, &[]);
    let (_, with) = place_of_the_large(&again, &["--hints", &audited.out.to_string_lossy()]);
    assert!(with < without, "opened as number {with} with hints, as number {without} without");
}
