//! Ctrl-C: the snapshot is closed, what was not reached says so, and the exit code is 130.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use scangap_simorg::Generate;
use scangap_simorg::scenario::{FaultKind, FaultSpec};
use scangap_tests::{Audited, Finished, Scangap, Simulated, simulate};

use crate::resync;
use crate::way_back::until;

// Holds: 3 What was not read: an interrupted audit says of every account how far it was read, and names its exit code
#[test]
fn an_interrupted_audit_leaves_a_valid_snapshot_of_what_it_reached() {
    interrupted_by("-INT");
}

#[test]
fn a_terminated_audit_does_too() {
    interrupted_by("-TERM");
}

#[test]
fn a_killed_audit_can_still_be_read_and_says_what_it_did_not_reach() {
    let (_simulator, mut child, home, out) = started_and_sent("-KILL");
    let _ = child.wait().expect("it ends");
    let again = home.path().join("again");
    let snapshot = out.join("snapshot.db").to_string_lossy().into_owned();
    let finished = Scangap::new(&["report", &snapshot, "--out", &again.to_string_lossy()]).run();
    assert_eq!(finished.code, 3, "{}", finished.stderr);
    assert!(finished.stdout.contains("INTERRUPTED") && finished.stdout.contains("SIMULATED"), "{}", finished.stdout);
    let audited = Audited { finished, out: again };
    assert_eq!(audited.csv("accounts.csv").len(), 40, "every account in scope is a row");
    assert!(audited.csv("registries.csv").iter().any(|row| row["outcome"] == "not_reached"));
    assert!(audited.csv("repositories.csv").iter().all(|row| row["simulated"] == "yes"));
}

/// An audit of 40 accounts that has read some repositories when it gets the signal.
fn started_and_sent(signal: &str) -> (Simulated, std::process::Child, tempfile::TempDir, std::path::PathBuf) {
    let mut scenario = Generate { accounts: 40, regions: 2, repositories: 3, seed: 5 }.scenario();
    let management = scenario.organization.management_account.clone();
    scenario.latency.ms = 50;
    let simulator = simulate(scenario);
    let call = Scangap::audit_at(&simulator.url(), &scangap_simorg::Simulator::access_key(&management));
    let out = call.home().join("out");
    let (child, home) = call.args(&["--max-in-flight", "4", "--out", &out.to_string_lossy()]).spawn();

    let deadline = Instant::now() + Duration::from_mins(1);
    while simulator.calls().iter().filter(|call| call.operation == "ecr:GetRepositoryPolicy").count() < 5 {
        assert!(Instant::now() < deadline, "the audit does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().expect("kill").success());
    (simulator, child, home, out)
}

fn interrupted_by(signal: &str) {
    let (_simulator, mut child, home, out) = started_and_sent(signal);
    let status = child.wait().expect("it ends");
    let mut stdout = String::new();
    child.stdout.take().expect("stdout").read_to_string(&mut stdout).expect("text");
    assert_eq!(status.code(), Some(130), "{stdout}");

    let audited = Audited { finished: Finished { code: 130, stdout, stderr: String::new(), home }, out };
    assert!(audited.finished.stdout.contains("INTERRUPTED"));
    assert!(audited.finished.stdout.contains("so the exit code is 130."), "{}", audited.finished.stdout);
    assert!(!audited.out.join("snapshot.db-wal").exists(), "closed as one file");
    let summary = audited.json("summary.json");
    assert_eq!((summary["interrupted"].as_bool(), summary["complete"].as_bool()), (Some(true), Some(false)));
    assert!(audited.csv("registries.csv").iter().any(|row| row["outcome"] == "not_reached"));
    let accounts = audited.csv("accounts.csv");
    assert!(accounts.len() == 40, "every account in scope is a row");
    for row in &accounts {
        let whole = matches!(row["outcome"].as_str(), "read" | "skipped");
        assert_eq!(row["repositories"] == "unknown", !whole, "{row:?}");
    }
    assert!(accounts.iter().any(|row| row["outcome"] != "read"), "most were not read to their end");
    let again = Scangap::new(&["report", &audited.out.join("snapshot.db").to_string_lossy(), "--out", "again"]).run();
    assert_eq!(again.code, 3, "a report over an interrupted snapshot is incomplete: {}", again.stderr);
}

// Holds: 6 Operating it: a SIGHUP that is ignored stays ignored, and a second Ctrl-C always ends
#[test]
fn an_ignored_hangup_stays_ignored_and_a_second_interrupt_ends_at_once() {
    let program = scangap_tests::program().to_string_lossy().into_owned();
    let nohup = format!("trap '' HUP; exec {program} simulate --port 0");
    let mut child =
        Command::new("sh").args(["-c", &nohup]).stdout(std::process::Stdio::piped()).spawn().expect("a shell");
    let pid = child.id().to_string();
    // It says where it listens once it is there, and by then it listens for signals too.
    let mut exports = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("stdout"));
    stdout.read_line(&mut exports).expect("its first words");
    let send = |signal: &str| assert!(Command::new("kill").args([signal, &pid]).status().expect("kill").success());
    send("-HUP");
    // A process that is ended by a signal answers nothing after it.
    let place = exports.split("http://").nth(1).and_then(|rest| rest.split(' ').next()).expect("an address");
    let mut connection = TcpStream::connect(place).expect("it listens");
    connection.write_all(b"GET /_simorg/calls HTTP/1.0\r\n\r\n").expect("it reads");
    assert!(connection.read(&mut [0; 12]).expect("it answers") > 0);
    assert!(child.try_wait().expect("its state").is_none(), "it goes on");
    send("-TERM");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));

    // An endpoint that never answers: the first signal waits for an attempt's end, the second does not.
    let hanging = simulate(scangap_tests::organization("[[faults]]\noperation = \"organizations:*\"\nkind = \"hang\""));
    let call = Scangap::audit(&hanging).args(&["--timeout", "120"]);
    let (mut child, _home) = call.spawn();
    let deadline = Instant::now() + Duration::from_mins(1);
    while hanging.calls().len() < 2 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = child.id().to_string();
    let asked = Instant::now();
    until("the end", || {
        assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
        child.try_wait().expect("its state").is_some()
    });
    let ended = child.wait().expect("it ends");
    assert!(asked.elapsed() < Duration::from_secs(30), "it took {:?}", asked.elapsed());
    assert_eq!(ended.code(), Some(130));
}

// Holds: 7 The wire: Ctrl-C against an endpoint that hangs ends within the time of one attempt
#[test]
fn an_interrupt_at_an_endpoint_that_hangs_ends_within_one_attempt() {
    let hanging = simulate(scangap_tests::organization(
        "[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\n[[faults]]\noperation = \"ecr:*\"\nkind = \"hang\"",
    ));
    let (mut child, _home) = Scangap::audit(&hanging).args(&["--timeout", "3"]).spawn();
    let deadline = Instant::now() + Duration::from_mins(1);
    while !hanging.calls().iter().any(|call| call.operation == "ecr:DescribeRepositories") {
        assert!(Instant::now() < deadline, "the audit does not get there");
        std::thread::sleep(Duration::from_millis(20));
    }
    let asked = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    // An attempt, and what a machine that is busy takes beside it; five attempts would be fifteen seconds.
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

// Holds: 8 The executor: `rehearse` stops with an interrupted audit
#[test]
fn a_rehearsal_stops_with_its_audit() {
    let scenario = Generate { accounts: 60, regions: 4, repositories: 6, seed: 5 }.scenario();
    let management = scenario.organization.management_account.clone();
    let simulator = simulate(scenario);
    let call = Scangap::audit_at(&simulator.url(), &scangap_simorg::Simulator::access_key(&management));
    let audited = call.into_folder().expect_code(0);
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let plan = folder.path().join("plan").to_string_lossy().into_owned();
    assert_eq!(Scangap::new(&["plan", &snapshot, "--fix", "--out", &plan]).run().code, 0);
    let out = folder.path().join("rehearsal");
    let rehearse = ["rehearse", &plan, "--snapshot", &snapshot, "--out", &out.to_string_lossy()];
    let (mut child, _home) = Scangap::new(&rehearse).spawn();
    // The first of its audits has begun.
    let deadline = Instant::now() + Duration::from_mins(1);
    while !out.join("before/snapshot.db").exists() {
        assert!(Instant::now() < deadline, "it does not get there");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert!(!out.join("journal.jsonl").exists() && !out.join("after").exists(), "nothing was applied after it");
}

// Holds: 6 Operating it: SIGTERM is answered while reports are written, and while policies are waited for
#[test]
fn a_termination_is_answered_in_every_phase() {
    let scenario = Generate { accounts: 60, regions: 4, repositories: 20, seed: 5 }.scenario();
    let management = scenario.organization.management_account.clone();
    let simulator = simulate(scenario);
    let call = Scangap::audit_at(&simulator.url(), &scangap_simorg::Simulator::access_key(&management));
    let audited = call.into_folder().expect_code(0);
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let home = tempfile::tempdir().expect("a folder");
    let out = home.path().join("out");
    let begun = |folder: &std::path::Path| fs_err::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    let report = ["report", &snapshot, "--out", &out.to_string_lossy()];
    for arguments in [&report[..], &["explain", "--batch"]] {
        let (mut child, _home) = Scangap::new(arguments).spawn_with_pipes();
        let deadline = Instant::now() + Duration::from_mins(1);
        while arguments[0] == "report" && !begun(&out) {
            assert!(Instant::now() < deadline, "no file is begun");
            std::thread::sleep(Duration::from_millis(1));
        }
        if arguments[0] == "explain" {
            // It has answered a line, and waits for the next.
            child.stdin.as_mut().expect("stdin").write_all(b"{}\n").expect("it reads");
            child.stdout.as_mut().expect("stdout").read_exact(&mut [0; 1]).expect("it answers");
        }
        let asked = Instant::now();
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill").success());
        let status = child.wait().expect("it ends");
        assert!(asked.elapsed() < Duration::from_secs(10), "{arguments:?}");
        assert_ne!(status.code(), Some(0), "{arguments:?}");
        assert!(!out.join("report.html").exists(), "nothing half-written has its name");
    }
}

// Holds: 6 Operating it: SIGTERM is answered while a plan counts what would be lost
#[test]
fn a_termination_is_answered_while_a_plan_counts() {
    let simulator = resync::stale("", resync::STALE_REGISTRY, "");
    let audited = resync::audit(&simulator);
    let mut hangs = FaultSpec::of("inspector2:ListFindings", "", 200);
    hangs.kind = FaultKind::Hang;
    simulator.add_fault(hangs);
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("plan");
    let snapshot = resync::snapshot(&audited);
    let arguments = [
        "plan",
        &snapshot,
        "--resync",
        "--min-age",
        "0h",
        "--collect",
        "--timeout",
        "3",
        "--out",
        &out.to_string_lossy(),
    ];
    let (mut child, _home) = resync::at(&simulator, &arguments).spawn();
    let deadline = Instant::now() + Duration::from_mins(1);
    while !simulator.calls().iter().any(|call| call.operation == "inspector2:ListFindings") {
        assert!(Instant::now() < deadline, "it counts nothing");
        std::thread::sleep(Duration::from_millis(20));
    }
    let asked = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert!(!out.join("plan.json").exists(), "nothing half-counted is a plan");
}
