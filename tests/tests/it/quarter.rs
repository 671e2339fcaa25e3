//! One command a quarter: the earlier audits of the organization are found by themselves, and their notes come along.

use scangap_simorg::Simulator;
use scangap_tests::{Finished, Row, Scangap, Simulated, organization, python, simulate};
use std::path::Path;

const BODY: &str = r#"
[[policies]]
name = "office"
inspector = "denied"
text = '{"Statement":{"Sid":"Office","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"}}}}'
[[accounts]]
id = "333333333333"
name = "alpha"
[[accounts.registries]]
region = "eu-west-1"
repositories = [{ name = "one", policy = "office", coverage = { status = "INACTIVE", reason = "ACCESS_DENIED" } }, { name = "fine" }]
"#;

fn audit(simulator: &Simulated, at: &str, folder: &Path, name: &str, more: &[&str]) -> Finished {
    let call = Scangap::audit_as_of(at, &simulator.url(), &Simulator::access_key("111111111111"));
    let out = folder.join(name).to_string_lossy().into_owned();
    let finished = call.in_folder(folder).args(&["--out", &out]).args(more).run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    finished
}

fn rows(path: &Path) -> Vec<Row> {
    csv::Reader::from_path(path).expect("a file").deserialize().map(|row| row.expect("a row")).collect()
}

const WRITE: &str = r#"
import sys, openpyxl
book = openpyxl.load_workbook(sys.argv[1])
sheet = book["Action list"]
header = {cell.value: cell.column for cell in sheet[1]}
sheet.cell(2, header["Owner"]).value = sys.argv[2]
book.save(sys.argv[1])
"#;

// Holds: 15 One command: --quarter finds the last complete audit of each earlier quarter and the latest notes, of this organization alone
#[test]
fn the_quarter_is_one_command() {
    let (simulator, folder) = (simulate(organization(BODY)), tempfile::tempdir().expect("a folder"));
    let folder = folder.path();
    // Twice in a quarter: the later one counts. Once more in the quarter that is audited: its notes are the latest.
    for (at, name) in [
        ("2026-05-04T00:00:00Z", "a"),
        ("2026-05-25T00:00:00Z", "b"),
        ("2026-08-24T00:00:00Z", "c"),
        ("2026-10-05T00:00:00Z", "d"),
        ("2026-12-31T00:00:00Z", "later"),
    ] {
        let _ = audit(&simulator, at, folder, name, &[]);
    }
    let owners = |name: &str, owner: &str| {
        python(WRITE, &[&folder.join(name).join("audit.xlsx").to_string_lossy(), owner]);
    };
    owners("c", "Alice");
    owners("d", "Bob");
    // One account alone, to look at something: no audit of a quarter, and a workbook without notes.
    let _ = audit(&simulator, "2026-09-02T00:00:00Z", folder, "look", &["--accounts", "333333333333"]);
    let _ = audit(&simulator, "2026-11-02T00:00:00Z", folder, "look-again", &["--accounts", "333333333333"]);
    // Another organization, an audit that was interrupted, and what is no snapshot.
    let mut scenario = organization(BODY);
    "o-another123".clone_into(&mut scenario.organization.id);
    let _ = audit(&simulate(scenario), "2026-08-30T00:00:00Z", folder, "other", &[]);
    fs_err::create_dir_all(folder.join("empty")).expect("a folder");
    fs_err::write(folder.join("empty/snapshot.db"), "no snapshot").expect("a file");
    let finished = audit(&simulator, "2026-11-23T00:00:00Z", folder, "now", &["--quarter"]);
    assert!(finished.stderr.contains("the quarter: 2 earlier audits, the last is "), "{}", finished.stderr);
    let trend = rows(&folder.join("now/trend.csv"));
    let times: Vec<&str> =
        trend.iter().filter(|row| row["of"] == "organization").map(|row| row["audit"].as_str()).collect();
    assert_eq!(times, ["2026-05-25T00:00:00Z", "2026-08-24T00:00:00Z", "2026-11-23T00:00:00Z"]);
    assert!(finished.stdout.contains("Since 2026-08-24T00:00:00Z needs action 1 -> 1"), "{}", finished.stdout);
    assert!(finished.stdout.contains("Notes 1 carried"), "{}", finished.stdout);
    let actions = rows(&folder.join("now/actions.csv"));
    assert_eq!(
        actions.iter().map(|row| (row["owner"].as_str(), row["since"].as_str())).collect::<Vec<_>>(),
        [("Bob", "2026-05-25")]
    );
    // Each can be named instead.
    let (first, notes) =
        (folder.join("a").to_string_lossy().into_owned(), folder.join("c/audit.xlsx").to_string_lossy().into_owned());
    let named = ["--quarter", "--history", &first, "--carry-over", &notes];
    let finished = audit(&simulator, "2026-11-24T00:00:00Z", folder, "named", &named);
    assert!(finished.stdout.contains("Since 2026-05-04T00:00:00Z"), "{}", finished.stdout);
    assert_eq!(rows(&folder.join("named/actions.csv"))[0]["owner"], "Alice");
    // The reports alone do it too, byte for byte.
    let again = Scangap::new(&["report", "now", "--quarter", "--out", "again"]).in_folder(folder).run();
    assert_eq!(again.code, 0, "{}", again.stderr);
    for file in ["trend.csv", "actions.csv", "audit.xlsx", "report.html"] {
        let bytes = |name: &str| fs_err::read(folder.join(name).join(file)).expect("a file");
        assert_eq!(bytes("again"), bytes("now"), "{file}");
    }
    // Where there is none, that is said.
    let alone = tempfile::tempdir().expect("a folder");
    let finished = audit(&simulator, "2026-11-23T00:00:00Z", alone.path(), "first", &["--quarter"]);
    assert!(finished.stderr.contains("the quarter: no earlier audit of this organization"), "{}", finished.stderr);
    assert!(!alone.path().join("first/changes.csv").exists());
}
