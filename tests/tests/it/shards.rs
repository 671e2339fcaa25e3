//! One audit, split over processes and joined again: the same bytes as from one, nothing lost, nothing doubled.

use std::path::{Path, PathBuf};

use scangap_simorg::{Generate, Scenario, Simulator};
use scangap_tests::{Audited, Finished, Scangap, Simulated, simulate};

use crate::deploy::RECIPIENT;
use crate::resume::{same_facts, troubled};

fn audit(simulator: &Simulated, out: &Path) -> Scangap {
    Scangap::audit_at(&simulator.url(), &Simulator::access_key("100000000000")).args(&[
        "--timeout",
        "5",
        "--out",
        &out.to_string_lossy(),
    ])
}

/// Runs all shards at once, as children of an array job of AWS Batch, and gives their folders.
fn as_array_job(simulator: &Simulated, of: usize, folder: &Path) -> Vec<(PathBuf, i32)> {
    std::thread::scope(|scope| {
        let children: Vec<_> = (0..of)
            .map(|index| {
                let out = folder.join(format!("child-{index}"));
                let call = audit(simulator, &out)
                    .env("AWS_BATCH_JOB_ARRAY_INDEX", &index.to_string())
                    .env("AWS_BATCH_JOB_ARRAY_SIZE", &of.to_string());
                scope.spawn(move || (out, call.run().code))
            })
            .collect();
        children.into_iter().map(|child| child.join().expect("a child")).collect()
    })
}

fn merged(parts: &[&Path], out: &Path) -> Audited {
    let parts: Vec<String> = parts.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let mut arguments: Vec<&str> = vec!["merge"];
    arguments.extend(parts.iter().map(String::as_str));
    let out_text = out.to_string_lossy().into_owned();
    let finished: Finished = Scangap::new(&arguments).args(&["--out", &out_text]).run();
    Audited { finished, out: out.to_owned() }
}

// Holds: 14 Shards: the children of an array job of AWS Batch, merged, give the bytes of one process, gaps included
#[test]
fn an_array_job_merged_gives_the_bytes_of_one_process() {
    let simulator = simulate(troubled());
    let home = tempfile::tempdir().expect("a folder");
    let whole =
        Audited { finished: audit(&simulator, &home.path().join("whole")).run(), out: home.path().join("whole") }
            .expect_code(3);
    let shards = home.path().join("shards");
    let children = as_array_job(&simulator, 4, &shards);
    assert!(children.iter().all(|(_, code)| [0, 3].contains(code)), "{children:?}");
    let rows: usize = children
        .iter()
        .map(|(out, _)| csv::Reader::from_path(out.join("accounts.csv")).expect("a file").records().count())
        .sum();
    assert_eq!(rows, whole.csv("accounts.csv").len(), "every account is in one shard");

    let one = merged(&[&shards], &home.path().join("merged")).expect_code(3);
    same_facts(&one, &whole, "between four merged shards and one process");
    assert_eq!(one.json("run.json")["runs"].as_array().map(Vec::len), Some(4));
    // In any order, and a part twice.
    let (a, b, c, d) = (&*children[0].0, &*children[1].0, &*children[2].0, &*children[3].0);
    let again = merged(&[d, b, c, a, b], &home.path().join("again")).expect_code(3);
    same_facts(&again, &whole, "with parts in another order");
    assert!(simulator.mutating_calls().is_empty());
}

// Holds: 14 Shards: a missing shard is named, the audit is interrupted, and a resume of what was merged reads it
#[test]
fn a_missing_shard_is_named_and_a_resume_reads_it() {
    let simulator = simulate(troubled());
    let home = tempfile::tempdir().expect("a folder");
    let whole =
        Audited { finished: audit(&simulator, &home.path().join("whole")).run(), out: home.path().join("whole") };
    let children = as_array_job(&simulator, 3, &home.path().join("shards"));
    let part = merged(&[&children[0].0, &children[2].0], &home.path().join("part")).expect_code(130);
    assert!(part.finished.stderr.contains("shard 2/3 is missing"), "{}", part.finished.stderr);
    assert!(part.finished.stdout.contains("INTERRUPTED"), "{}", part.finished.stdout);
    assert_eq!(part.json("summary.json")["interrupted"].as_bool(), Some(true));
    // What is missing is still known when what was merged is merged again.
    let again = merged(&[&part.out], &home.path().join("again")).expect_code(130);
    assert!(again.finished.stderr.contains("shard 2/3 is missing"), "{}", again.finished.stderr);
    let joined = merged(&[&part.out, &children[1].0], &home.path().join("joined")).expect_code(3);
    same_facts(&joined, &whole, "after the missing shard was merged later");
    let before = simulator.calls().len();
    let finished = Scangap::audit_at(&simulator.url(), &Simulator::access_key("100000000000"))
        .args(&["--resume", &part.out.to_string_lossy()])
        .run();
    assert_eq!(finished.code, 3, "{}", finished.stderr);
    same_facts(&Audited { finished, out: part.out.clone() }, &whole, "after the missing shard was read");
    let there: Vec<String> = part_accounts(&children[0].0);
    let calls = simulator.calls().split_off(before);
    // Two registries of the organization are asked again wherever they are: they have gaps that may pass.
    let again = calls.iter().filter(|call| {
        call.operation == "ecr:GetRepositoryPolicy" && call.account.is_some_and(|id| there.contains(&id.to_string()))
    });
    let troubled: Vec<String> = [8_u64, 9].iter().map(|at| (100_000_000_000 + at * 7_919).to_string()).collect();
    assert!(again.clone().all(|call| troubled.contains(&call.account.expect("an account").to_string())));
}

fn part_accounts(folder: &Path) -> Vec<String> {
    let mut reader = csv::Reader::from_path(folder.join("accounts.csv")).expect("a file");
    let rows = reader.deserialize::<scangap_tests::Row>();
    rows.map(|row| row.expect("a row")["account_id"].clone()).collect()
}

// Holds: 14 Shards: a shard is not taken for the whole organization: its screen and files say which it is, and in a trend it is a range
#[test]
fn a_shard_is_not_the_whole_organization() {
    let simulator = simulate(Generate { accounts: 9, regions: 1, repositories: 3, seed: 4 }.scenario());
    let home = tempfile::tempdir().expect("a folder");
    let folder = |name: &str| home.path().join(name);
    let earlier =
        Scangap::audit_as_of("2026-11-20T09:00:00Z", &simulator.url(), &Simulator::access_key("100000000000"))
            .args(&["--shard", "1/3", "--out", &folder("shard").to_string_lossy()])
            .run();
    assert_eq!(earlier.code, 0, "{}", earlier.stderr);
    assert!(earlier.stdout.contains("SHARD 1/3"), "{}", earlier.stdout);
    let shard = Audited { finished: earlier, out: folder("shard") };
    for file in ["summary.json", "audit.json"] {
        assert_eq!(shard.json(file)["scope"]["shard"], "1/3", "{file}");
    }
    assert!(String::from_utf8_lossy(&shard.bytes("report.html")).contains("SHARD 1/3"));
    let plan = Scangap::new(&["plan", &folder("shard").to_string_lossy()]).run();
    assert!(plan.stderr.contains("this is shard 1/3 of an audit"), "{}", plan.stderr);

    let whole = audit(&simulator, &folder("whole")).run();
    assert_eq!(whole.code, 0, "{}", whole.stderr);
    let whole = Audited { finished: whole, out: folder("whole") };
    assert!(whole.json("summary.json")["scope"]["shard"].is_null());
    let [one, two] = ["shard", "whole"].map(|name| folder(name).to_string_lossy().into_owned());
    let out = folder("trend");
    let report = Scangap::new(&["report", &two, "--history", &one, "--out", &out.to_string_lossy()]).run();
    assert_eq!(report.code, 0, "{}", report.stderr);
    let trend = Audited { finished: report, out }.csv("trend.csv");
    let of_shard = trend.iter().find(|row| row["audit"].starts_with("2026-11-20")).expect("its row");
    let number = |name: &str| of_shard[name].parse::<usize>().expect("a number");
    let listed = |audited: &Audited| audited.csv("repositories.csv").len();
    assert_eq!(of_shard["complete"], "no");
    assert_eq!(number("repositories") + number("not_known"), listed(&whole));
    assert_eq!(number("repositories"), listed(&shard));
    assert!(number("covered_at_most") > number("covered"), "{of_shard:?}");
}

// Holds: 14 Shards: what lacks a shard is not encrypted before a resume has finished it, since an encrypted snapshot cannot be resumed
#[test]
fn what_lacks_a_shard_is_encrypted_once_it_is_whole() {
    let simulator = simulate(Generate { accounts: 6, regions: 1, repositories: 2, seed: 4 }.scenario());
    let home = tempfile::tempdir().expect("a folder");
    let folder = |name: &str| home.path().join(name).to_string_lossy().into_owned();
    let first = audit(&simulator, &home.path().join("first")).args(&["--shard", "1/2"]).run();
    assert_eq!(first.code, 0, "{}", first.stderr);
    let (part, out) = (folder("first"), folder("merged"));
    let merged = Scangap::new(&["merge", &part, "--out", &out, "--age-recipient", RECIPIENT]).run();
    assert_eq!(merged.code, 130, "{}", merged.stderr);
    assert!(merged.stderr.contains("is not encrypted: `audit --resume` encrypts it"), "{}", merged.stderr);
    let resumed =
        Scangap::audit_at(&simulator.url(), &Simulator::access_key("100000000000")).args(&["--resume", &out]).run();
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    let there = |name: &str| Path::new(&out).join(name).exists();
    assert!(there("snapshot.db.age") && !there("snapshot.db"));
}

// Holds: 14 Shards: parts of different audits are refused, and so are overlaps that differ
#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let scenario = || -> Scenario { Generate { accounts: 8, regions: 1, repositories: 2, seed: 3 }.scenario() };
    let simulator = simulate(scenario());
    let home = tempfile::tempdir().expect("a folder");
    let folder = |name: &str| home.path().join(name);
    let run = |out: &Path, arguments: &[&str]| {
        let finished = audit(&simulator, out).args(arguments).run();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
    };
    run(&folder("1"), &["--shard", "1/2"]);
    run(&folder("other-number"), &["--shard", "2/3"]);
    run(&folder("other-scope"), &["--shard", "2/2", "--regions", "us-east-1"]);
    let later = Scangap::audit_as_of("2026-11-24T09:00:00Z", &simulator.url(), &Simulator::access_key("100000000000"))
        .args(&["--shard", "2/2", "--out", &folder("other-time").to_string_lossy()])
        .run();
    assert_eq!(later.code, 0, "{}", later.stderr);
    let refused = |other: &str, words: &str| {
        let out = folder(&format!("with-{other}"));
        let merged = merged(&[&folder("1"), &folder(other)], &out).expect_code(65);
        assert!(merged.finished.stderr.contains(words), "{}", merged.finished.stderr);
        assert!(!out.join("snapshot.db").exists() && !out.exists(), "nothing is left behind");
    };
    refused("other-number", "the number of shards is `3`, and not `2`");
    refused("other-scope", "scope_regions is `[\"us-east-1\"]`, and not `[]`");
    refused("other-time", "the time is `2026-11-24T09:00:00Z`, and not `2026-11-23T09:00:00Z`");

    // The same shard, of an organization in which something was changed.
    let changed = simulate({
        let mut scenario = scenario();
        for account in &mut scenario.accounts {
            for registry in &mut account.registries {
                registry.repositories.truncate(1);
            }
        }
        scenario
    });
    let finished = audit(&changed, &folder("changed")).args(&["--shard", "1/2"]).run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    refused("changed", "than a part before it");
    let nothing = merged(&[home.path().join("nowhere").as_path()], &folder("none")).expect_code(65);
    assert!(nothing.finished.stderr.contains("nowhere` does not exist"), "{}", nothing.finished.stderr);
}

// Holds: 14 Shards: a shard without a time of its own is refused before the first call
#[test]
fn a_shard_needs_a_time_that_all_shards_share() {
    let simulator = simulate(Generate { accounts: 2, regions: 1, repositories: 1, seed: 3 }.scenario());
    let call = || {
        Scangap::new(&["audit", "--endpoint-url", &simulator.url()])
            .env("AWS_ACCESS_KEY_ID", &Simulator::access_key("100000000000"))
            .env("AWS_SECRET_ACCESS_KEY", "simulated")
    };
    let refused = |finished: Finished, words: &str| {
        assert_eq!(finished.code, 64, "{}", finished.stderr);
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
    };
    refused(call().args(&["--shard", "1/2"]).run(), "add --as-of with the same time in each");
    refused(call().args(&["--shard", "3/2"]).run(), "write it as K/N");
    let child = |index: &str, size: &str| {
        call().env("AWS_BATCH_JOB_ARRAY_INDEX", index).env("AWS_BATCH_JOB_ARRAY_SIZE", size).run()
    };
    refused(child("0", "2"), "add --as-of with the same time in each");
    refused(child("2", "2"), "AWS_BATCH_JOB_ARRAY_INDEX=2 AWS_BATCH_JOB_ARRAY_SIZE=2");
    refused(child("0", ""), "AWS Batch sets both variables");
    assert!(simulator.calls().is_empty());
}
