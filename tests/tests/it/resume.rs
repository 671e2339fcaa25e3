//! An audit that ended anywhere is gone on with: the same facts as if nothing had happened, and no call for what was whole.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use scangap_simorg::scenario::{FaultKind, FaultSpec};
use scangap_simorg::{Generate, Scenario, Simulator};
use scangap_tests::{Audited, Finished, Row, Scangap, Simulated, knob, organization, simulate};

/// What holds facts and nothing else.
const FACT_FILES: &[&str] = &["repositories.csv", "registries.csv", "accounts.csv", "gaps.csv", "audit.json"];

/// The kinds of gaps that may pass.
const PASSING: &str =
    "('throttled', 'timeout', 'connection', 'server_error', 'malformed_answer', 'expired_credentials',
    'clock_skew', 'not_reached')";

/// 24 accounts, two regions each: one account refuses its role, one is suspended, in one a region is not enabled after all, one
/// registry's list repeats its page token for ever, and one refuses its policies.
pub(crate) fn troubled() -> Scenario {
    let mut scenario = Generate { accounts: 24, regions: 2, repositories: 4, seed: 11 }.scenario();
    let id = |at: usize| format!("{}", 100_000_000_000_u64 + at as u64 * 7_919);
    scenario.organization.regions = Some(vec!["us-east-1".to_owned(), "eu-west-1".to_owned()]);
    scenario.accounts[5].roles = Some(Vec::new());
    "SUSPENDED".clone_into(&mut scenario.accounts[6].state);
    let of = |mut fault: FaultSpec, account: usize, region: &str| {
        fault.account = Some(id(account));
        fault.region = Some(region.to_owned());
        fault
    };
    let denied = FaultSpec::of("ecr:GetRepositoryPolicy", "AccessDeniedException", 400);
    let endless = FaultSpec { kind: FaultKind::RepeatToken, ..FaultSpec::of("ecr:DescribeRepositories", "", 200) };
    let disabled = FaultSpec::of("ecr:*", "UnrecognizedClientException", 400);
    scenario.faults = vec![of(denied, 7, "eu-west-1"), of(endless, 8, "us-east-1"), of(disabled, 9, "eu-west-1")];
    scenario
}

/// What passes, if it is asked again.
fn weather() -> Vec<FaultSpec> {
    let fault = |kind, one_in, operation: &str, code: &str, status| {
        let one_in = Some(one_in);
        FaultSpec { kind, one_in, ..FaultSpec::of(operation, code, status) }
    };
    vec![
        fault(FaultKind::Error, 25, "*", "ThrottlingException", 400),
        fault(FaultKind::Error, 40, "*", "InternalFailure", 500),
        fault(FaultKind::Reset, 50, "*", "", 0),
        fault(FaultKind::Truncate, 50, "*", "", 200),
        fault(FaultKind::Html, 70, "*", "", 502),
        fault(FaultKind::Hang, 300, "ecr:*", "", 0),
        fault(FaultKind::Error, 150, "ecr:*", "ExpiredTokenException", 400),
        fault(FaultKind::Doubled, 20, "ecr:*", "", 200),
    ]
}

fn clear_the_weather(simulator: &Simulated) {
    simulator.clear_faults();
    for fault in troubled().faults {
        simulator.add_fault(fault);
    }
}

fn audit(simulator: &Simulated) -> Scangap {
    let management = format!("{}", 100_000_000_000_u64);
    Scangap::audit_at(&simulator.url(), &Simulator::access_key(&management)).args(&["--timeout", "1"])
}

fn resumed(simulator: &Simulated, out: &Path) -> Audited {
    let finished = audit(simulator).args(&["--resume", &out.to_string_lossy()]).run();
    Audited { finished, out: out.to_owned() }
}

pub(crate) fn same_facts(one: &Audited, other: &Audited, when: &str) {
    for file in FACT_FILES {
        let text = |audited: &Audited| String::from_utf8_lossy(&audited.bytes(file)).into_owned();
        let (one, other) = (text(one), text(other));
        if one != other {
            let differing = one.lines().zip(other.lines()).find(|(one, other)| one != other);
            panic!("{file} differs {when}: {differing:#?}");
        }
    }
}

/// Registries of which nothing is missing, as the snapshot of a killed run has them.
fn whole_registries(snapshot: &Path) -> BTreeSet<(String, String)> {
    let file = Connection::open_with_flags(snapshot, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a snapshot");
    let sql = format!(
        "SELECT account_id, region FROM registries WHERE outcome <> 'not_reached' AND NOT EXISTS
         (SELECT 1 FROM gaps WHERE gaps.region = registries.region AND kind IN {PASSING} AND gaps.account_id IN
            (registries.account_id, (SELECT inspector_admin FROM organization)))
         AND account_id NOT IN (SELECT account_id FROM accounts WHERE outcome = 'unreadable')"
    );
    let mut statement = file.prepare(&sql).expect("a query");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

/// When a run is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// Once the simulator has had so many calls.
    Calls(usize),
    /// So long after its start: while it judges, writes its reports or is over, too.
    After(Duration),
}

/// Runs until the moment comes, or to its end where that is earlier. Whether it was killed.
fn run_until(call: Scangap, simulator: &Simulated, moment: Moment) -> bool {
    let (mut child, _home) = call.spawn_silent();
    let (begin, before) = (Instant::now(), simulator.calls().len());
    let has_come = || match moment {
        Moment::Calls(calls) => simulator.calls().len() >= before + calls,
        Moment::After(time) => begin.elapsed() >= time,
    };
    while !has_come() && child.try_wait().expect("its state").is_none() {
        assert!(begin.elapsed() < Duration::from_mins(2), "the audit does not get to {moment:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    let is_running = child.try_wait().expect("its state").is_none();
    let _ = child.kill();
    let _ = child.wait();
    is_running
}

/// What became of runs that were killed.
#[derive(Debug, Default)]
struct Tally {
    killed: usize,
    /// Before there was a snapshot.
    early: usize,
    resumes_killed: usize,
    /// Calls of ECR after the kills.
    asked_again: usize,
}

/// Kills an audit, every other time its first resume as well, and resumes it until it has nothing left to mend.
fn killed_at(moment: Moment, resume_too: bool, whole: &Audited, tally: &std::sync::Mutex<Tally>) {
    let simulator = simulate(troubled());
    for fault in weather() {
        simulator.add_fault(fault);
    }
    let home = tempfile::tempdir().expect("a folder");
    let out = home.path().join("out");
    let first = audit(&simulator).args(&["--out", &out.to_string_lossy(), "--max-in-flight", "24"]);
    let killed = run_until(first, &simulator, moment);
    let add = |what: fn(&mut Tally) -> &mut usize, number: usize| *what(&mut tally.lock().expect("a lock")) += number;
    add(|tally| &mut tally.killed, usize::from(killed));
    if !out.join("snapshot.db").exists() {
        // It was killed before it knew the organization: there is nothing to go on with.
        add(|tally| &mut tally.early, 1);
        clear_the_weather(&simulator);
        let again = audit(&simulator).args(&["--out", &out.to_string_lossy()]).run();
        return same_facts(&Audited { finished: again, out }, whole, "after a kill before the organization was read");
    }
    if resume_too {
        let resume = audit(&simulator).args(&["--resume", &out.to_string_lossy()]);
        let killed = run_until(resume, &simulator, Moment::Calls(40));
        add(|tally| &mut tally.resumes_killed, usize::from(killed));
    }
    for attempt in 1.. {
        let settled = whole_registries(&out.join("snapshot.db"));
        let before = simulator.calls().len();
        if attempt == 3 {
            clear_the_weather(&simulator);
        }
        let again = resumed(&simulator, &out);
        assert!([0, 3].contains(&again.finished.code), "{}{}", again.finished.stdout, again.finished.stderr);
        for record in simulator.calls().iter().skip(before).filter(|record| record.operation.starts_with("ecr:")) {
            let account = record.account.map(|id| id.to_string()).unwrap_or_default();
            let registry = (account, record.region.clone());
            assert!(!settled.contains(&registry), "{registry:?} was whole, and {} was called", record.operation);
            add(|tally| &mut tally.asked_again, 1);
        }
        // A list that repeats its token stays a gap, and so does a key that is not accepted.
        if again.gaps().len() == whole.gaps().len() {
            return same_facts(&again, whole, &format!("after a kill at {moment:?} and {attempt} resumes"));
        }
        assert!(attempt < 3, "gaps stay that may pass: {:?}, and not {:?}", again.gaps(), whole.gaps());
    }
}

/// Every repository of the scenario is a row, or below a gap or an account that says why it is not.
fn holds_all_that_is_true(audited: &Audited) {
    let rows: BTreeSet<(String, String, String)> = audited
        .csv("repositories.csv")
        .into_iter()
        .map(|row| (row["account_id"].clone(), row["region"].clone(), row["repository"].clone()))
        .collect();
    let registries = audited.csv("registries.csv");
    let (mut in_rows, mut below_gaps) = (0, 0);
    for account in troubled().accounts {
        for registry in account.registries {
            let of = registries.iter().find(|row| row["account_id"] == account.id && row["region"] == registry.region);
            let outcome = of.map_or("no row", |row| row["outcome"].as_str());
            for repository in registry.repositories {
                let key = (account.id.clone(), registry.region.clone(), repository.name);
                // An endless list has a gap, and the rows of its first page.
                let is_hidden = matches!(outcome, "unreadable" | "skipped" | "not_enabled")
                    || of.is_some_and(|row| row["repositories"] == "unknown");
                assert!(rows.contains(&key) || is_hidden, "{key:?} is in no row, and its registry says {outcome}");
                in_rows += usize::from(rows.contains(&key));
                below_gaps += usize::from(!rows.contains(&key));
            }
        }
    }
    assert_eq!(in_rows, rows.len(), "no row that is not true");
    assert!(below_gaps > 0 && in_rows > 100, "{in_rows} {below_gaps}");
}

// Holds: 14 Kills: an audit killed at any call and at any time under faults is resumed to the same bytes, without a call for what was whole
#[test]
fn a_killed_audit_is_resumed_to_the_same_bytes() {
    let calm = simulate(troubled());
    let whole = audit(&calm).into_folder().expect_code(3);
    holds_all_that_is_true(&whole);
    // Under the weather an audit takes more calls than in the calm, and how long is only known by its end.
    let stormy = simulate(troubled());
    for fault in weather() {
        stormy.add_fault(fault);
    }
    let begin = Instant::now();
    assert_eq!(audit(&stormy).args(&["--max-in-flight", "24"]).run().code, 3);
    let (life, calls) = (begin.elapsed(), stormy.calls().len());
    let kills: usize = knob("SCANGAP_TEST_KILLS").map_or(5, |kills| kills.parse().expect("a number"));
    let share = |n: usize, of: usize| 1 + (n * 2 + 1) * of / (kills * 2);
    let moments = (0..kills).map(|n| match n % 3 {
        // Spread over the whole life: the last third of it is judging and writing.
        2 => (
            Moment::After(Duration::from_millis(share(n, usize::try_from(life.as_millis()).expect("short")) as u64)),
            false,
        ),
        at => (Moment::Calls(share(n, calls)), at == 1),
    });
    let next = std::sync::Mutex::new(moments.collect::<Vec<_>>().into_iter());
    let tally = std::sync::Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let moment = next.lock().expect("a lock").next();
                    let Some((moment, resume_too)) = moment else { break };
                    killed_at(moment, resume_too, &whole, &tally);
                }
            });
        }
    });
    #[expect(clippy::print_stdout, reason = "the summary of a long run")]
    {
        let Tally { killed, early, resumes_killed, asked_again } = tally.into_inner().expect("a lock");
        println!(
            "an audit of {calls} calls and {} ms, begun {kills} times: {killed} killed, {early} of them before there was a snapshot, and the others over by then; {resumes_killed} first resumes killed too; ECR was asked {asked_again} times after the kills",
            life.as_millis()
        );
        assert!(killed > 0 && resumes_killed > 0, "runs and resumes that are over before they are killed show nothing");
    }
}

/// Starts a call, and ends it with a signal once so many calls of an operation came in.
fn ended_at(call: Scangap, simulator: &Simulated, operation: &str, count: usize, signal: &str) {
    let of = || simulator.calls().iter().filter(|call| call.operation == operation).count();
    let before = of();
    let (mut child, _home) = call.spawn_silent();
    let deadline = Instant::now() + Duration::from_mins(1);
    while of() < before + count && child.try_wait().expect("its state").is_none() {
        assert!(Instant::now() < deadline, "{operation} is not called {count} times");
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = Command::new("kill").args([signal, &child.id().to_string()]).status();
    let _ = child.wait();
}

// Holds: 14 Kills: an audit that ends twice while its accounts are being listed is resumed to the same bytes
#[test]
fn an_audit_that_ends_twice_while_listing_is_resumed_to_the_same_bytes() {
    let mut scenario = Generate { accounts: 160, regions: 1, repositories: 2, seed: 6 }.scenario();
    let management = scenario.organization.management_account.clone();
    // Some accounts refuse: what the administrator sees of them comes late.
    for at in [20, 50, 90, 130] {
        scenario.accounts[at].roles = Some(Vec::new());
    }
    let calm = simulate(scenario.clone());
    scenario.latency.ms = 40;
    let audit_of = |simulator: &Simulated| {
        Scangap::audit_at(&simulator.url(), &Simulator::access_key(&management)).args(&["--regions", "us-east-1"])
    };
    let whole = audit_of(&calm).into_folder().expect_code(3);
    for (first, second) in [("-KILL", "-KILL"), ("-INT", "-INT"), ("-KILL", "-INT")] {
        let simulator = simulate(scenario.clone());
        let home = tempfile::tempdir().expect("a folder");
        let out = home.path().join("out");
        let folder = out.to_string_lossy().into_owned();
        ended_at(audit_of(&simulator).args(&["--out", &folder]), &simulator, "organizations:ListAccounts", 5, first);
        let resume = || audit_of(&simulator).args(&["--resume", &folder]);
        if out.join("snapshot.db").exists() {
            ended_at(resume(), &simulator, "organizations:ListAccounts", 3, second);
        }
        let report = Scangap::new(&["report", &folder, "--out", &home.path().join("r").to_string_lossy()]).run();
        assert_eq!(report.code, 3, "{first} {second}: {}", report.stderr);
        let finished = resume().run();
        assert_eq!(finished.code, 3, "{first} {second}: {}", finished.stderr);
        same_facts(&Audited { finished, out }, &whole, &format!("after {first} and {second}"));
    }
}

fn two_accounts(extra: &str) -> Simulated {
    simulate(organization(&format!(
        "[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\nregistries = [{{ region = \"eu-west-1\", repositories = [{{ name = \"alpha/one\" }}, {{ name = \"alpha/two\" }}] }}]\n[[accounts]]\nid = \"444444444444\"\nname = \"beta\"\nregistries = [{{ region = \"eu-west-1\", repositories = [{{ name = \"beta/one\" }}] }}]\n{extra}"
    )))
}

fn resume_of(simulator: &Simulated, audited: &Audited, arguments: &[&str]) -> Finished {
    Scangap::audit(simulator).args(&["--resume", &audited.out.to_string_lossy()]).args(arguments).run()
}

// Holds: 14 Resume: gaps that may pass are asked for again, others are not, and no registry that was whole
#[test]
fn gaps_that_may_pass_are_asked_for_again_and_others_are_not() {
    let simulator = two_accounts("");
    let mut slow = FaultSpec::of("ecr:GetRepositoryPolicy", "ServiceUnavailableException", 503);
    slow.resource = Some("alpha/one".to_owned());
    let mut denied = FaultSpec::of("ecr:GetRepositoryPolicy", "AccessDeniedException", 400);
    denied.resource = Some("beta/one".to_owned());
    simulator.add_fault(denied.clone());
    let wanted = Scangap::audit(&simulator).into_folder().expect_code(3);
    simulator.add_fault(slow);
    let audited = Scangap::audit(&simulator).into_folder().expect_code(3);
    assert_eq!(audited.diagnosis("alpha/one"), "unreadable");

    simulator.clear_faults();
    simulator.add_fault(denied);
    let before = simulator.calls().len();
    let again = resume_of(&simulator, &audited, &[]);
    assert_eq!(again.code, 3, "{}", again.stderr);
    let resumed = Audited { finished: again, out: audited.out.clone() };
    same_facts(&resumed, &wanted, "after a gap passed");
    let calls = simulator.calls().split_off(before);
    let of = |account: &str| {
        let account = account.to_owned();
        calls.iter().filter(move |call| call.account.is_some_and(|id| id.to_string() == account))
    };
    assert_eq!(of("444444444444").count(), 0, "its gap is AWS's word");
    assert!(of("333333333333").all(|call| call.region != "us-east-1" || call.operation.starts_with("sts:")));
    assert!(!calls.iter().any(|call| call.operation == "organizations:ListAccounts"));
    let runs = resumed.json("run.json");
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(2), "{runs}");

    let before = simulator.calls().len();
    let nothing = resume_of(&simulator, &audited, &[]);
    assert_eq!(nothing.code, 3);
    assert!(nothing.stderr.contains("nothing of its 4 accounts is left to ask"), "{}", nothing.stderr);
    let asked: Vec<String> = simulator.calls().split_off(before).into_iter().map(|call| call.operation).collect();
    assert_eq!(asked, ["sts:GetCallerIdentity", "organizations:DescribeOrganization"]);
}

// Holds: 14 Resume: another identity, organization, scope or time is refused
#[test]
fn another_audit_is_refused_and_the_snapshot_stays_as_it_is() {
    let simulator = two_accounts("");
    let audited = Scangap::audit(&simulator).args(&["--regions", "eu-west-1"]).into_folder().expect_code(0);
    let before = audited.bytes("snapshot.db");
    let refused = |finished: Finished, code: i32, words: &str| {
        assert_eq!(finished.code, code, "{}", finished.stderr);
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
        assert!(audited.bytes("snapshot.db") == before, "the snapshot was changed");
    };
    let refuse = |arguments: &[&str], words: &str| refused(resume_of(&simulator, &audited, arguments), 65, words);
    refuse(&["--regions", "us-east-1"], "another list of regions: `eu-west-1`, and not `us-east-1`");
    refuse(&["--accounts", "333333333333"], "another list of accounts: `all`, and not `333333333333`");
    refuse(&["--ou", "Production"], "another list of OUs");
    refuse(&["--tags", "team"], "another list of tags");
    refuse(&["--images"], "another form");
    let folder = audited.out.to_string_lossy().into_owned();
    let at = |as_of: &str, key: &str| {
        Scangap::audit_as_of(as_of, &simulator.url(), &Simulator::access_key(key)).args(&["--resume", &folder])
    };
    refused(at("2026-11-24T09:00:00Z", "111111111111").run(), 65, "another time");
    refused(at("2026-11-23T09:00:00Z", "222222222222").run(), 65, "another caller: `111111111111`");
    let other = simulate({
        let mut scenario = organization("");
        scenario.organization.id = "o-another1".to_owned();
        scenario
    });
    refused(resume_of(&other, &audited, &[]), 65, "the organization is `o-another1`, and not `o-testing`");
    refused(resume_of(&simulator, &audited, &["--out", "there"]), 64, "cannot be used with");
    refuse(&["--role-name", "other"], "another role: `OrganizationAccountAccessRole`, and not `other`");
    refuse(&["--external-id", "sesame"], "external id ");
    // What is named as it was is fine.
    assert_eq!(resume_of(&simulator, &audited, &["--regions", "eu-west-1"]).code, 0);
    // Another user of the same account may be allowed other reads. A session of one role is as good as another.
    let begun_by = |arn: &str| {
        let file = Connection::open(audited.out.join("snapshot.db")).expect("a snapshot");
        file.execute("UPDATE meta SET value = ?1 WHERE key = 'caller_arn'", [arn]).expect("it is changed");
        resume_of(&simulator, &audited, &[])
    };
    let other = begun_by("arn:aws:iam::111111111111:user/jane");
    assert_eq!(other.code, 65, "{}", other.stderr);
    assert!(
        other.stderr.contains("another caller: `arn:aws:iam::111111111111:user/jane`, and not"),
        "{}",
        other.stderr
    );
    assert_eq!(begun_by("arn:aws:iam::111111111111:user/auditor").code, 0);
    // A snapshot that was changed by hand is not evidence to go on with.
    let file = Connection::open(audited.out.join("snapshot.db")).expect("a snapshot");
    file.execute("UPDATE repositories SET scan_frequency = 'MANUAL'", []).expect("it is changed");
    drop(file);
    let tampered = resume_of(&simulator, &audited, &[]);
    assert_eq!(tampered.code, 65, "{}", tampered.stderr);
    assert!(tampered.stderr.contains("was modified"), "{}", tampered.stderr);
}

// Holds: 14 Resume: Ctrl-C closes the snapshot, and the audit goes on from there
#[test]
fn an_interrupted_audit_goes_on_where_it_was() {
    let mut scenario = Generate { accounts: 20, regions: 2, repositories: 3, seed: 5 }.scenario();
    let management = scenario.organization.management_account.clone();
    let calm = simulate(scenario.clone());
    let audit_of = |simulator: &Simulated| {
        Scangap::audit_at(&simulator.url(), &Simulator::access_key(&management)).args(&["--max-in-flight", "4"])
    };
    let whole = audit_of(&calm).into_folder().expect_code(0);
    scenario.latency.ms = 30;
    let simulator = simulate(scenario);
    let home = tempfile::tempdir().expect("a folder");
    let out = home.path().join("out");
    let (mut child, _home) = audit_of(&simulator).args(&["--out", &out.to_string_lossy()]).spawn_silent();
    let deadline = Instant::now() + Duration::from_mins(1);
    while simulator.calls().iter().filter(|call| call.operation == "ecr:GetRepositoryPolicy").count() < 5 {
        assert!(Instant::now() < deadline, "the audit does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    let second = Scangap::audit_at(&simulator.url(), &Simulator::access_key(&management))
        .args(&["--resume", &out.to_string_lossy()])
        .run();
    assert_eq!(second.code, 1, "{}", second.stderr);
    assert!(second.stderr.contains("another scangap is writing"), "{}", second.stderr);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let finished = audit_of(&simulator).args(&["--resume", &out.to_string_lossy()]).run();
    assert_eq!(finished.code, 0, "{}{}", finished.stdout, finished.stderr);
    same_facts(&Audited { finished, out }, &whole, "after Ctrl-C");
}

// Holds: 14 Full disk: at any moment of collecting the audit stops, and resumes after space is made
#[test]
fn a_full_disk_stops_the_audit_and_space_lets_it_go_on() {
    let scenario = || Generate { accounts: 60, regions: 2, repositories: 10, seed: 5 }.scenario();
    let management = scenario().organization.management_account;
    let simulator = simulate(scenario());
    let call = || Scangap::audit_at(&simulator.url(), &Simulator::access_key(&management));
    let whole = call().into_folder().expect_code(0);
    let kilobytes = fs_err::metadata(whole.out.join("snapshot.db")).expect("a file").len() / 1024;
    let mut resumed_from = 0;
    for share in [10, 40, 80] {
        let home = tempfile::tempdir().expect("a folder");
        let out: PathBuf = home.path().join("out");
        let limit = u32::try_from(kilobytes * share / 100).expect("small");
        let stopped = call().args(&["--out", &out.to_string_lossy()]).with_file_limit(limit).run();
        assert_eq!(stopped.code, 1, "{share} %: {}{}", stopped.stdout, stopped.stderr);
        assert!(stopped.stderr.contains("failed to store the facts"), "{}", stopped.stderr);
        if !out.join("snapshot.db").exists() {
            continue;
        }
        let finished = call().args(&["--resume", &out.to_string_lossy()]).run();
        resumed_from += 1;
        assert_eq!(finished.code, 0, "{share} %: {}{}", finished.stdout, finished.stderr);
        same_facts(&Audited { finished, out }, &whole, &format!("after a disk that was full at {share} %"));
    }
    assert!(resumed_from >= 2, "{resumed_from}");
}

// Holds: 14 Kills: an account suspended in the middle, and a region that goes away, are gaps where they hide something and nowhere else
#[test]
fn what_goes_away_in_the_middle_is_a_gap_and_costs_nothing_else() {
    let scenario = || Generate { accounts: 8, regions: 2, repositories: 4, seed: 11 }.scenario();
    let id = |at: u64| format!("{}", 100_000_000_000_u64 + at * 7_919);
    let calm = audit(&simulate(scenario())).into_folder().expect_code(0);
    let (suspended, without_region) = (id(3), id(4));
    let is_gone =
        |account: &str, region: &str| account == suspended || account == without_region && region == "eu-west-1";
    let elsewhere = |audited: &Audited, file: &str| -> Vec<Row> {
        audited.csv(file).into_iter().filter(|row| !is_gone(&row["account_id"], &row["region"])).collect()
    };
    let mut hidden = BTreeSet::new();
    for after in [1, 3, 5, 8, 12, 17, 23] {
        let simulator = simulate(scenario());
        let gone = |account: &String, region: Option<&str>, operation: &str, code: &str| FaultSpec {
            account: Some(account.clone()),
            region: region.map(str::to_owned),
            skip: after,
            ..FaultSpec::of(operation, code, 400)
        };
        simulator.add_fault(gone(&suspended, None, "*", "AccessDeniedException"));
        simulator.add_fault(gone(&without_region, Some("eu-west-1"), "ecr:*", "UnrecognizedClientException"));
        let audited = audit(&simulator).into_folder().expect_code(3);
        for file in ["repositories.csv", "registries.csv"] {
            assert_eq!(elsewhere(&audited, file), elsewhere(&calm, file), "{file} of the others, after {after} calls");
        }
        let gaps = audited.csv("gaps.csv");
        assert!(gaps.iter().all(|gap| is_gone(&gap["account_id"], &gap["region"])), "{gaps:?}");
        let rows = audited.csv("repositories.csv");
        for was in calm.csv("repositories.csv").iter().filter(|row| is_gone(&row["account_id"], &row["region"])) {
            let same =
                |row: &&Row| ["account_id", "region", "repository"].iter().all(|column| row[*column] == was[*column]);
            let is = rows.iter().find(same).map(|row| row["diagnosis"].as_str());
            if is == Some(was["diagnosis"].as_str()) {
                continue;
            }
            assert!(matches!(is, None | Some("unreadable")), "{was:?} became {is:?} after {after} calls");
            let region = |gap: &Row| gap["region"].is_empty() || gap["region"] == was["region"];
            let why = gaps.iter().find(|gap| gap["account_id"] == was["account_id"] && region(gap));
            hidden.insert((why.unwrap_or_else(|| panic!("{was:?} is hidden by no gap"))["kind"].clone(), is.is_some()));
        }
        // A refusal does not pass, and is not asked again; a key that is not accepted may pass.
        let calls = simulator.calls().len();
        same_facts(&resumed(&simulator, &audited.out), &audited, "when it is resumed");
        for call in simulator.calls().iter().skip(calls).filter(|call| call.operation.starts_with("ecr:")) {
            assert_eq!(
                (call.account.map(|id| id.to_string()), call.region.as_str()),
                (Some(without_region.clone()), "eu-west-1")
            );
        }
    }
    // With a row that says so, where the administrator knows the repository; and in both ways that it went away.
    let kinds: BTreeSet<&str> = hidden.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, BTreeSet::from(["access_denied", "expired_credentials"]));
    assert!(hidden.iter().any(|(_, has_row)| *has_row), "{hidden:?}");
}
