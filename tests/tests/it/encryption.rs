//! Snapshots encrypted with age: written so, read so by every command, and by an independent age.

use std::path::{Path, PathBuf};

use scangap_simorg::{Generate, Simulator};
use scangap_tests::{Audited, Finished, Scangap, age, requires_tools, simulate};
use serde_json::json;

/// A key pair of the independent age.
struct Key {
    recipient: String,
    identity: PathBuf,
}

fn key(folder: &Path, name: &str) -> Key {
    let identity = folder.join(name);
    let recipient = age(&json!({"make": identity}).to_string());
    Key { recipient: recipient.trim().to_owned(), identity }
}

impl Key {
    fn run(&self, arguments: &[&str]) -> Finished {
        Scangap::new(arguments).args(&["--age-identity", &self.identity.to_string_lossy()]).run()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// An audit of a small organization, encrypted to some.
fn audited(recipients: &[&str]) -> Audited {
    let simulator = simulate(Generate { accounts: 8, regions: 2, repositories: 4, seed: 11 }.scenario());
    let audit = Scangap::audit_at(&simulator.url(), &Simulator::access_key("100000000000"));
    recipients.iter().fold(audit, |audit, one| audit.args(&["--age-recipient", one])).into_folder()
}

const REPORTS: [&str; 7] =
    ["repositories.csv", "registries.csv", "accounts.csv", "gaps.csv", "audit.json", "audit.xlsx", "report.html"];

fn same_reports(one: &Path, other: &Path) {
    for file in REPORTS {
        let read = |folder: &Path| fs_err::read(folder.join(file)).expect("the file");
        assert!(read(one) == read(other), "{file} of {} and {}", one.display(), other.display());
    }
}

// Holds: 17 Security: an encrypted snapshot is read by every command, gives the same reports, and is no plain file anywhere; an independent age reads it, and scangap what that wrote
#[test]
fn an_encrypted_snapshot_is_read_by_its_recipients_alone() {
    requires_tools();
    let home = tempfile::tempdir().expect("a folder");
    let (ours, theirs, others) = (key(home.path(), "ours"), key(home.path(), "theirs"), key(home.path(), "others"));
    let recipients = home.path().join("recipients.txt");
    fs_err::write(&recipients, format!("# the auditors\n{}\n", theirs.recipient)).expect("a file");
    let run = audited(&[&ours.recipient, text(&recipients)]);
    assert_eq!(run.finished.code, 0, "{}", run.finished.stderr);
    assert!(run.finished.stdout.contains("snapshot.db.age"), "{}", run.finished.stdout);
    for entry in fs_err::read_dir(&run.out).expect("the folder") {
        let path = entry.expect("a file").path();
        let start = fs_err::read(&path).expect("the file");
        assert!(!start.starts_with(b"SQLite format 3"), "{} is a plain snapshot", path.display());
    }
    let folder = text(&run.out);
    let sealed = run.out.join("snapshot.db.age");

    // Reports from it directly, by each recipient.
    for (key, out) in [(&ours, "one"), (&theirs, "two")] {
        let out = home.path().join(out);
        let arguments = ["report", folder, "--out", text(&out), "--age-identity", text(&key.identity)];
        let call = Scangap::new(&arguments).run();
        assert_eq!(call.code, 0, "{}", call.stderr);
        same_reports(&run.out, &out);
    }
    // Every command that reads a snapshot.
    let at = ["--account", "100000007919", "--region", "us-east-1", "--repository"];
    let name = run
        .csv("repositories.csv")
        .iter()
        .find(|row| row["account_id"] == at[1] && row["region"] == at[3])
        .map(|row| row["repository"].clone());
    let name = name.expect("a repository");
    let (plan, again) = (home.path().join("plan"), home.path().join("again"));
    let commands: [&[&str]; 7] = [
        &["verify", folder],
        &["diff", folder, text(&sealed)],
        &["doctor", "--from", folder],
        &["publish", folder, "--dry-run"],
        &[&["explain", "--snapshot", folder], &at[..], &[name.as_str()]].concat(),
        &["report", folder, "--previous", folder, "--out", text(&again)],
        &["plan", folder, "--min-age", "0h", "--out", text(&plan)],
    ];
    for command in commands {
        let call = ours.run(command);
        assert!([0, 2, 3].contains(&call.code), "{command:?}: {}{}", call.stdout, call.stderr);
        let denied = Scangap::new(command).run();
        let verifies = command[0] == "verify";
        assert_eq!(denied.code, if verifies { 0 } else { 65 }, "{command:?} without a key: {}", denied.stderr);
        assert!(verifies || denied.stderr.contains("--age-identity"), "{command:?}: {}", denied.stderr);
    }
    let verified = ours.run(&["verify", folder]);
    assert!(verified.stdout.contains("facts of snapshot.db.age"), "{}", verified.stdout);
    let rehearsed = ours.run(&[
        "rehearse",
        text(&plan),
        "--snapshot",
        text(&sealed),
        "--out",
        text(&home.path().join("rehearsal")),
    ]);
    assert_eq!(rehearsed.code, 0, "{}{}", rehearsed.stdout, rehearsed.stderr);

    // Others do not read it, and no word of a key is shown.
    let garbage = home.path().join("garbage");
    fs_err::write(&garbage, "AGE-SECRET-KEY-1CANARY\n").expect("a file");
    for identity in [&others.identity, &garbage, &home.path().join("nosuch")] {
        let call = Scangap::new(&["report", folder, "--out", "out", "--age-identity", text(identity)]).run();
        assert_eq!(call.code, 65, "{}", call.stderr);
        assert!(call.stderr.contains("code: snapshot.encrypted"), "{}", call.stderr);
        assert!(!call.stderr.to_ascii_uppercase().contains("CANARY"), "{}", call.stderr);
    }
    let resumed = Scangap::new(&["audit", "--resume", folder]).run();
    assert_eq!(resumed.code, 65, "{}", resumed.stderr);
    let again = Scangap::new(&["demo", "--out", folder]).run();
    assert_eq!(again.code, 64, "an encrypted snapshot is not written over: {}", again.stderr);

    // The independent one.
    let decrypted = home.path().join("plain.db");
    age(&json!({"decrypt": sealed, "with": ours.identity, "to": decrypted}).to_string());
    let out = home.path().join("plain");
    assert_eq!(Scangap::new(&["report", text(&decrypted), "--out", text(&out)]).run().code, 0);
    same_reports(&run.out, &out);
    let theirs_sealed = home.path().join("theirs.age");
    let to = json!({"recipients": [others.recipient], "file": theirs_sealed});
    age(&json!({"encrypt": decrypted, "to": to}).to_string());
    let out = home.path().join("theirs-out");
    let call = others.run(&["report", text(&theirs_sealed), "--out", text(&out)]);
    assert_eq!(call.code, 0, "{}", call.stderr);
    same_reports(&run.out, &out);
}

// Holds: 17 Security: what is no recipient is refused before the first call
#[test]
fn what_is_no_recipient_is_refused_before_anything_is_asked() {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("recipients.txt");
    fs_err::write(&file, "# none\nage1nonsense\n").expect("a file");
    let empty = home.path().join("empty.txt");
    fs_err::write(&empty, "# none\n").expect("a file");
    for given in ["age1nonsense", text(&file), text(&empty), "ssh-ed25519 AAAA"] {
        let call = Scangap::new(&["audit", "--age-recipient", given]).run();
        assert_eq!(call.code, 64, "{given}: {}", call.stderr);
        assert!(call.stderr.contains("age-keygen"), "{given}: {}", call.stderr);
    }
    let call = Scangap::new(&["audit", "--age-recipient", text(&file)]).run();
    assert!(call.stderr.contains("recipients.txt:2"), "the line is named: {}", call.stderr);
}

// Holds: 17 Security: encrypted shards are merged into an encrypted snapshot with the facts of one audit
#[test]
fn encrypted_shards_are_merged() {
    requires_tools();
    let home = tempfile::tempdir().expect("a folder");
    let key = key(home.path(), "key");
    let simulator = simulate(Generate { accounts: 8, regions: 2, repositories: 4, seed: 11 }.scenario());
    let audit = |more: &[&str], out: &Path| {
        let audit =
            Scangap::audit_at(&simulator.url(), &Simulator::access_key("100000000000")).args(&["--out", text(out)]);
        let call = audit.args(more).run();
        assert_eq!(call.code, 0, "{}", call.stderr);
    };
    let whole = home.path().join("whole");
    audit(&[], &whole);
    let shards: Vec<PathBuf> = ["1/2", "2/2"]
        .into_iter()
        .map(|shard| {
            let out = home.path().join(shard.replace('/', "-"));
            audit(&["--shard", shard, "--age-recipient", &key.recipient], &out);
            assert!(out.join("snapshot.db.age").exists() && !out.join("snapshot.db").exists());
            out
        })
        .collect();
    let merged = home.path().join("merged");
    let call = key.run(&[
        "merge",
        text(&shards[0]),
        text(&shards[1]),
        "--out",
        text(&merged),
        "--age-recipient",
        &key.recipient,
    ]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert!(merged.join("snapshot.db.age").exists() && !merged.join("snapshot.db").exists());
    for file in ["repositories.csv", "registries.csv", "accounts.csv", "gaps.csv"] {
        let read = |folder: &Path| fs_err::read(folder.join(file)).expect("the file");
        assert!(read(&whole) == read(&merged), "{file}");
    }
}

// Holds: 17 Security: an interrupted audit is plain, says so, and is encrypted to the same recipients when it is finished; until then it is not published
#[test]
fn an_interrupted_audit_is_encrypted_when_it_is_finished() {
    requires_tools();
    let folder = tempfile::tempdir().expect("a folder");
    let key = key(folder.path(), "key");
    let mut scenario = Generate { accounts: 24, regions: 2, repositories: 3, seed: 5 }.scenario();
    scenario.latency.ms = 40;
    let simulator = simulate(scenario);
    let audit = || Scangap::audit_at(&simulator.url(), &Simulator::access_key("100000000000"));
    let out = folder.path().join("out");
    let arguments = ["--max-in-flight", "4", "--out", text(&out), "--age-recipient", &key.recipient];
    let (mut child, _home) = audit().args(&arguments).spawn();
    let begun = || simulator.calls().iter().any(|call| call.operation == "ecr:GetRepositoryPolicy");
    crate::way_back::until("the audit reads policies", begun);
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let (plain, encrypted) = (out.join("snapshot.db"), out.join("snapshot.db.age"));
    assert!(plain.exists() && !encrypted.exists());
    let published = Scangap::new(&["publish", text(&out), "--dry-run"]).run();
    assert_eq!(published.code, 64, "{}", published.stderr);

    let resumed = audit().args(&["--resume", text(&out)]).run();
    assert_eq!(resumed.code, 0, "{}{}", resumed.stdout, resumed.stderr);
    assert!(encrypted.exists() && !plain.exists(), "{}", resumed.stdout);
    assert_eq!(key.run(&["verify", text(&out)]).code, 0);
}
