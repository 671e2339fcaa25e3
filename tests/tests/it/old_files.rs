//! Files that the versions before wrote are read; those of a newer version, and those with members that nobody knows, are
//! refused with the file, the member and what was expected.

use std::path::{Path, PathBuf};

use scangap_apply::{ClosingError, ClosingReport, JOURNAL, Progress, read_journal};
use scangap_plan::{PlanDocument, PlanReadError, plan_summary};
use scangap_tests::Scangap;

fn old(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/old").join(name)
}

fn text(name: &str) -> String {
    fs_err::read_to_string(old(name)).expect("a fixture")
}

// Holds: 13 Typed files: old files of this version still open
#[test]
fn what_was_written_before_is_read() {
    let plan = PlanDocument::open_without_policies(&old("plan-v1.json")).expect("a plan of version 1");
    assert_eq!((plan.repairs.len(), plan.resyncs.len(), plan.findings_lost), (2, 1, Some(11)));
    assert_eq!(plan_summary(&text("plan-v1.json")).expect("a summary").rows.len(), 6);
    let journal = read_journal(&old("journal-open-v1.jsonl")).expect("a journal").expect("it is there");
    assert_eq!(journal.progress("resync-0001"), Progress::Enabling);
    assert_eq!(journal.plan_sha256.as_deref(), Some(plan.plan_sha256.as_str()));
    let closed = ClosingReport::parse(&text("applied-v1.json")).expect("a closing report");
    assert_eq!((closed.plan_sha256, closed.steps.len()), (plan.plan_sha256, 3));
}

/// What an apply of the version before left open is still named by every command, and closed by its journal.
#[test]
fn an_apply_of_before_is_not_forgotten() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("plan");
    let applies = home.path().join(".local/state/scangap/applies");
    fs_err::create_dir_all(&applies).expect("made");
    fs_err::create_dir_all(&folder).expect("made");
    fs_err::copy(old("journal-open-v1.jsonl"), folder.join(JOURNAL)).expect("copied");
    let marker = text("marker-v1.json").replace("/FOLDER/plan", &folder.to_string_lossy());
    fs_err::write(applies.join("0".repeat(64)), marker).expect("written");
    let said = || Scangap::new(&["schema", "exit-codes"]).env("HOME", &home.path().to_string_lossy()).run();
    let open = said();
    assert_eq!(open.code, 5, "{}", open.stderr);
    assert!(open.stderr.contains("account 333333333333 in eu-west-1 may be without ECR scanning"), "{}", open.stderr);
    let closed = format!("{}{}\n", text("journal-open-v1.jsonl"), r#"{"line":13,"event":"done","step":"resync-0001"}"#);
    fs_err::write(folder.join(JOURNAL), closed).expect("written");
    assert_eq!(said().code, 0);
}

/// A snapshot of version 2 calls the table of registries `cells`: it is read, not changed, and has the same hash.
#[test]
fn a_snapshot_of_version_2_is_read() {
    let audited = crate::demo::demo();
    let path = audited.out.join("snapshot.db");
    let database = rusqlite::Connection::open(&path).expect("a snapshot");
    database.execute_batch("ALTER TABLE registries RENAME TO cells; PRAGMA user_version = 2;").expect("made older");
    drop(database);
    let before = fs_err::read(&path).expect("bytes");
    let out = audited.out.join("again");
    let call = Scangap::new(&["report", &path.to_string_lossy(), "--out", &out.to_string_lossy(), "-q"]).run();
    assert_eq!(call.code, 3, "{}{}", call.stdout, call.stderr);
    let registries = |folder: &Path| fs_err::read_to_string(folder.join("registries.csv")).expect("a table");
    assert_eq!(registries(&out), registries(&audited.out));
    assert!(fs_err::read(&path).expect("bytes") == before, "it is not changed");
}

// Holds: 13 Typed files: an error names file, member and what was expected; too old and too new are told apart
#[test]
fn what_is_wrong_with_a_file_is_said_member_by_member() {
    let plan = text("plan-v1.json");
    let error = |text: &str| plan_summary(text).expect_err("it is refused");
    let newer = plan.replacen("\"schema_version\": 1", "\"schema_version\": 9", 1);
    assert_eq!(error(&newer), PlanReadError::Newer { found: 9 });
    let older = plan.replacen("\"schema_version\": 1", "\"schema_version\": 0", 1);
    assert_eq!(error(&older), PlanReadError::Older { found: 0 });
    let changed = plan.replacen("\"complete\": false", "\"complete\": true", 1);
    assert_ne!(changed, plan);
    assert_eq!(error(&changed), PlanReadError::Changed);
    let wrong = plan.replacen("\"findings\": 11", "\"findings\": \"many\"", 1);
    let said = error(&wrong).to_string();
    assert!(said.contains("losses.findings") && said.contains("a number or `not counted`"), "{said}");
    let unknown = plan.replacen("\"toggled_from\"", "\"toggled_by\"", 1);
    let said = error(&unknown).to_string();
    assert!(said.contains("steps[2]") && said.contains("unknown field `toggled_by`"), "{said}");
    assert!(matches!(error("{}"), PlanReadError::NotAPlan));
    assert!(matches!(error("nonsense"), PlanReadError::NotJson(_)));
    let applied = text("applied-v1.json");
    let newer = applied.replacen("\"schema_version\": 1", "\"schema_version\": 9", 1);
    assert!(matches!(ClosingReport::parse(&newer), Err(ClosingError::Newer { found: 9 })));
    let unknown = applied.replacen("\"outcome\"", "\"colour\"", 1);
    let Err(ClosingError::Member { why, .. }) = ClosingReport::parse(&unknown) else { panic!("it was read") };
    assert!(why.contains("unknown field `colour`"), "{why}");
    let call = Scangap::new(&["apply", &old("applied-v1.json").to_string_lossy(), "--dry-run"]).run();
    assert_eq!(call.code, 65, "{}{}", call.stdout, call.stderr);
    assert!(call.stderr.contains("applied-v1.json"), "{}", call.stderr);
}
