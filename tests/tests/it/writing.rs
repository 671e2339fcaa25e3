//! Reports that cannot be written: the ones from before stay as they were, whole, and nothing half written has a name.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use scangap_simorg::Generate;
use scangap_tests::{Audited, Scangap, simulate};

use crate::demo::demo;

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs_err::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file"));
    entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs_err::read(entry.path()).expect("bytes")))
        .collect()
}

fn copy(audited: &Audited, to: &Path) {
    for (name, bytes) in contents(&audited.out) {
        fs_err::write(to.join(name), bytes).expect("a file");
    }
}

/// A limit on the size of files simulates a full disk: writing fails in the middle.
#[test]
fn a_disk_that_is_full_leaves_the_previous_reports() {
    let audited = demo();
    // The largest sheet has some 255 KB: its last block is written in another place than the others.
    for kilobytes in [1, 8, 20, 40, 60, 100, 150, 200, 240, 250] {
        let call = Scangap::new(&["report", "snapshot.db", "--csv-dialect", "excel"]);
        copy(&audited, call.home());
        let before = contents(call.home());
        let call = call.with_file_limit(kilobytes).run();
        assert_eq!(call.code, 1, "{kilobytes} KB: {}{}", call.stdout, call.stderr);
        assert!(!call.stderr.contains("panicked"), "{}", call.stderr);
        assert!(call.stderr.contains("error: failed to write the reports"), "{}", call.stderr);
        assert!(contents(call.home.path()) == before, "{kilobytes} KB: a file changed, or one was left behind");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_one_error() {
    let audited = demo();
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    for place in ["/proc/scangap", "/dev/null/reports"] {
        let call = Scangap::new(&["report", &snapshot, "--out", place]).run();
        assert_eq!(call.code, 1, "{}", call.stderr);
        assert!(call.stderr.contains(place) && call.stderr.contains("hint:"), "{}", call.stderr);
    }
}

// Holds: 7 The wire: what a killed process left half written goes with the next run in the folder
#[test]
fn what_a_killed_process_left_goes_with_the_next_run() {
    let audited = demo();
    let call = Scangap::new(&["report", "snapshot.db"]);
    copy(&audited, call.home());
    // No process has the largest number; this one lives.
    let (dead, alive) = (".scangap-4294967295-abc".to_owned(), format!(".scangap-{}-abc", std::process::id()));
    for name in [&dead, &alive] {
        fs_err::write(call.home().join(name), "half").expect("a file");
    }
    let young = ".scangap-4294967294-abc".to_owned();
    fs_err::write(call.home().join(&young), "half").expect("a file");
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    for name in [&dead, &alive] {
        let file = fs_err::OpenOptions::new().write(true).open(call.home().join(name)).expect("the file");
        file.file().set_modified(long_ago).expect("a time");
    }
    let finished = call.run();
    assert_eq!(finished.code, 3, "{}", finished.stderr);
    let after = contents(finished.home.path());
    assert!(!after.contains_key(&dead), "{:?}", after.keys());
    assert!(after.contains_key(&alive) && after.contains_key(&young), "{:?}", after.keys());
}

#[test]
fn a_killed_process_leaves_the_previous_reports() {
    let mut scenario = Generate { accounts: 20, regions: 2, repositories: 25, seed: 5 }.scenario();
    scenario.limits.clear();
    let key = scangap_simorg::Simulator::access_key(&scenario.organization.management_account);
    let simulator = simulate(scenario);
    let audited = Scangap::audit_at(&simulator.url(), &key).into_folder().expect_code(0);
    // How long it takes when nobody kills it tells when to.
    let whole = {
        let call = Scangap::new(&["report", "snapshot.db", "--csv-dialect", "excel"]);
        copy(&audited, call.home());
        let started = Instant::now();
        assert_eq!(call.run().code, 0);
        started.elapsed()
    };
    let mut killed = 0;
    for part in 1..10 {
        let call = Scangap::new(&["report", "snapshot.db", "--csv-dialect", "excel"]);
        copy(&audited, call.home());
        let before = contents(call.home());
        let started = Instant::now();
        let (mut child, home) = call.spawn();
        while started.elapsed() < whole * part / 10 && child.try_wait().expect("a state").is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let ended = child.try_wait().expect("a state").is_some();
        child.kill().expect("a kill");
        child.wait().expect("an end");
        let after = contents(home.path());
        let named = |files: &BTreeMap<String, Vec<u8>>| -> Vec<String> {
            files.keys().filter(|name| !name.starts_with(".scangap-")).cloned().collect()
        };
        assert_eq!(named(&after), named(&before));
        if !ended {
            killed += 1;
            // Before the first name is given nothing has changed; after it every file is whole, the old or the new.
            for (name, bytes) in &before {
                let now = &after[name];
                assert!(now == bytes || is_whole(name, now), "{name} is half written after {part}/10");
            }
        }
    }
    assert!(killed > 0, "the report was always faster than the kill");
}

fn is_whole(name: &str, bytes: &[u8]) -> bool {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("json") => serde_json::from_slice::<serde_json::Value>(bytes).is_ok(),
        Some("xlsx") => bytes.windows(4).any(|end| end == b"PK\x05\x06"),
        Some("html") => bytes.ends_with(b"</html>\n") || bytes.ends_with(b"</html>"),
        Some("csv" | "jsonl") => bytes.ends_with(b"\n"),
        _ => false,
    }
}

#[test]
fn what_a_former_report_had_and_this_one_has_not_goes_with_it() {
    let audited = demo();
    let home = tempfile::tempdir().expect("a folder");
    copy(&audited, home.path());
    let report = |more: &[&str]| {
        let snapshot = home.path().join("snapshot.db").to_string_lossy().into_owned();
        let call = Scangap::new(&[&["report", snapshot.as_str()], more].concat()).run();
        assert_eq!(call.code, 3, "{}", call.stderr);
    };
    report(&["--split-by", "account", "--ocsf"]);
    let pack = || fs_err::read_dir(home.path().join("owners")).expect("a folder").count();
    let n_files = pack();
    assert!(n_files > 5 && home.path().join("ocsf.jsonl").exists());
    // What a user wrote into, or put there, is theirs.
    let mut theirs =
        fs_err::read_dir(home.path().join("owners")).expect("a folder").map(|entry| entry.expect("an entry").path());
    let theirs = theirs.find(|path| path.is_file()).expect("a file");
    fs_err::write(&theirs, "notes").expect("a file");
    fs_err::write(home.path().join("owners/mine.txt"), "mine").expect("a file");
    report(&[]);
    assert!(!home.path().join("ocsf.jsonl").exists());
    assert_eq!(pack(), 2, "of {n_files}");
    assert_eq!(fs_err::read_to_string(&theirs).expect("the file"), "notes");
    let verified = Scangap::new(&["verify", &home.path().to_string_lossy()]).run();
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    assert!(verified.stdout.contains("2 files beside them that the manifest does not know"), "{}", verified.stdout);
}

#[test]
fn a_snapshot_that_was_changed_is_no_evidence() {
    let audited = demo();
    for command in ["report", "plan"] {
        let call = Scangap::new(&[command, "snapshot.db"]);
        copy(&audited, call.home());
        let database = rusqlite::Connection::open(call.home().join("snapshot.db")).expect("a database");
        database.execute("UPDATE repositories SET policy = NULL, policy_state = 'absent'", []).expect("a change");
        drop(database);
        let before = contents(call.home());
        let call = call.run();
        assert_eq!(call.code, 65, "{}", call.stderr);
        assert!(call.stderr.contains("content hash mismatch"), "{}", call.stderr);
        assert!(contents(call.home.path()) == before, "nothing is written");
    }
}
