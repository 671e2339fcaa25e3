//! What an audit hands over, read back by other readers than the ones that wrote it.

use std::collections::BTreeMap;

use calamine::{Data, Reader, Xlsx, open_workbook};
use scangap_simorg::Generate;
use scangap_tests::{Audited, Scangap, python, simulate};

use crate::demo::demo;

fn sheet(audited: &Audited, name: &str) -> Vec<Vec<Data>> {
    let mut workbook: Xlsx<_> = open_workbook(audited.out.join("audit.xlsx")).expect("a workbook");
    workbook.worksheet_range(name).expect("the sheet").rows().map(<[Data]>::to_vec).collect()
}

#[test]
fn the_workbook_has_its_sheets_and_says_what_the_csv_says() {
    let audited = demo();
    let workbook: Xlsx<_> = open_workbook(audited.out.join("audit.xlsx")).expect("a workbook");
    let names = [
        "Cover",
        "Summary",
        "Action list",
        "Causes",
        "Coverage matrix",
        "Repositories",
        "Policies",
        "Undecided",
        "Unreadable",
        "Gaps",
        "Registries",
        "Accounts",
        "Data dictionary",
        "Evidence",
        "Sign-off",
    ];
    assert_eq!(workbook.sheet_names(), names);
    for (name, file) in [
        ("Action list", "actions.csv"),
        ("Causes", "causes.csv"),
        ("Repositories", "repositories.csv"),
        ("Accounts", "accounts.csv"),
        ("Gaps", "gaps.csv"),
    ] {
        assert_eq!(sheet(&audited, name).len(), audited.csv(file).len() + 1, "{name}");
    }
    let listed = audited
        .csv("registries.csv")
        .iter()
        .filter(|row| !matches!(row["outcome"].as_str(), "not_enabled" | "skipped"))
        .count();
    assert_eq!(sheet(&audited, "Registries").len(), listed + 1);
    let rows = sheet(&audited, "Repositories");
    for cell in rows.iter().flatten() {
        assert!(
            !matches!(cell, Data::String(text) if text.starts_with("[\"") || text == "[]" || text.starts_with("{\"")),
            "words instead of JSON: {cell}"
        );
    }
    let at = |title: &str| rows[0].iter().position(|one| *one == Data::String(title.to_owned())).expect("a column");
    let accounts = at("Account");
    assert!(
        rows.iter().skip(1).all(|row| matches!(&row[accounts], Data::String(id) if id.len() == 12)),
        "account ids are text"
    );
    let last = at("Last scanned");
    let scanned = rows.iter().skip(1).filter(|row| matches!(row[last], Data::DateTime(_))).count();
    assert!(scanned > 0, "times are times");
    let cover = format!("{:?}", sheet(&audited, "Cover"));
    assert!(cover.contains("SIMULATED") && cover.contains("o-exampleorg"));
}

#[test]
fn hostile_names_do_not_act_in_a_spreadsheet() {
    let audited = demo();
    let row = audited.csv("accounts.csv").into_iter().find(|row| row["account_id"] == "555555555555").expect("a row");
    assert_eq!(row["account_name"], "'=HYPERLINK(\"http://example.com\",\"open me\")");
    let mut workbook: Xlsx<_> = open_workbook(audited.out.join("audit.xlsx")).expect("a workbook");
    let formulas = workbook.worksheet_formula("Accounts").expect("the sheet");
    assert!(formulas.used_cells().next().is_none(), "no registry is a formula");
}

#[test]
fn sql_answers_which_repositories_are_blocked_and_by_which_statement() {
    let audited = demo();
    let database = rusqlite::Connection::open(audited.out.join("snapshot.db")).expect("a database");
    let mut query = database
        .prepare("SELECT repository, responsible_statements FROM blocked_repositories ORDER BY repository")
        .expect("the view");
    let rows: BTreeMap<String, String> = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("rows")
        .map(|row| row.expect("a row"))
        .collect();
    assert_eq!(rows["journey/1-blocked"], r#"["repository policy: OfficeOnly (NotIpAddress aws:SourceIp)"]"#);
    assert_eq!(rows.len(), 2);
}

#[test]
fn the_manifest_lists_every_file_with_its_hash() {
    let audited = demo();
    let manifest = audited.json("manifest.json");
    let files = manifest["files"].as_array().expect("files");
    assert_eq!(files.len(), 14);
    for file in files {
        let name = file["file"].as_str().expect("a name");
        let output = std::process::Command::new("sha256sum").arg(audited.out.join(name)).output().expect("sha256sum");
        let sum = String::from_utf8_lossy(&output.stdout).split(' ').next().unwrap_or_default().to_owned();
        assert_eq!(file["sha256"], sum, "{name}");
        assert_eq!(file["bytes"].as_u64(), Some(u64::try_from(audited.bytes(name).len()).expect("a length")));
    }
}

#[test]
fn a_folder_can_be_checked_against_its_manifest() {
    let audited = demo();
    let folder = tempfile::tempdir().expect("a folder");
    for entry in fs_err::read_dir(&audited.out).expect("the reports") {
        let path = entry.expect("a file").path();
        fs_err::copy(&path, folder.path().join(path.file_name().expect("a name"))).expect("a copy");
    }
    let place = folder.path().to_string_lossy().into_owned();
    let verify = || Scangap::new(&["verify", &place]).run();
    let sound = verify();
    assert_eq!((sound.code, sound.stderr.as_str()), (0, ""));
    assert!(sound.stdout.contains("facts of snapshot.db"), "{}", sound.stdout);
    fs_err::write(folder.path().join("gaps.csv"), "nothing").expect("a file");
    fs_err::write(folder.path().join("extra.txt"), "").expect("a file");
    let changed = verify();
    assert_eq!(changed.code, 65);
    for part in ["changed      gaps.csv", "not listed   extra.txt", "14 files: not what the manifest says"] {
        assert!(changed.stdout.contains(part), "`{part}` is missing:\n{}", changed.stdout);
    }
    fs_err::remove_file(folder.path().join("manifest.json")).expect("a file");
    let without = verify();
    assert_eq!(without.code, 65);
    assert!(without.stderr.contains("manifest.json"), "{}", without.stderr);
}

const FACTS: &[&str] = &[
    "repositories.csv",
    "registries.csv",
    "accounts.csv",
    "gaps.csv",
    "audit.json",
    "repositories.jsonl",
    "report.html",
    "summary.json",
    "policies.csv",
];

/// The content of all sheets that hold only facts. The sheet Evidence describes the run, so it differs between two runs.
fn facts_of_workbook(audited: &Audited) -> String {
    let mut workbook: Xlsx<_> = open_workbook(audited.out.join("audit.xlsx")).expect("a workbook");
    let names = workbook.sheet_names();
    let facts = names.iter().filter(|name| *name != "Evidence");
    facts.map(|name| format!("{name}: {:?}\n", workbook.worksheet_range(name).expect("the sheet"))).collect()
}

#[test]
fn audit_json_holds_every_row_and_fits_its_published_schema() {
    let audited = demo();
    let audit = audited.json("audit.json");
    for table in ["repositories", "policies", "registries", "accounts", "gaps"] {
        let rows = audit[table].as_array().expect("rows");
        assert_eq!(rows.len(), audited.csv(&format!("{table}.csv")).len(), "{table}");
    }
    let lines: Vec<serde_json::Value> = String::from_utf8(audited.bytes("repositories.jsonl"))
        .expect("UTF-8")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(&lines, audit["repositories"].as_array().expect("rows"));
    assert_eq!(audit["summary"]["diagnoses"]["blocked"], audited.json("summary.json")["diagnoses"]["blocked"]);
    // Raw here, defused in the CSV; lists are lists, numbers are numbers.
    let blocked = lines.iter().find(|row| row["repository"] == "journey/1-blocked").expect("the row");
    assert_eq!(blocked["responsible_statements"][0], "repository policy: OfficeOnly (NotIpAddress aws:SourceIp)");
    assert!(blocked["coverage_rows"].is_u64() && blocked["likely_cause"].is_null());
    let schema = Scangap::new(&["schema", "audit"]).run();
    assert_eq!(schema.code, 0);
    let place = audited.out.join("audit.json").to_string_lossy().into_owned();
    python(VALIDATE, &[&place, &schema.stdout]);
}

/// Checks a file, or each of its lines, by a published schema that admits no member beside its own.
pub(crate) fn follows_schema(kind: &str, path: &std::path::Path) {
    let schema = Scangap::new(&["schema", kind]).run();
    assert_eq!(schema.code, 0, "{}", schema.stderr);
    python(FOLLOWS_SCHEMA, &[&path.to_string_lossy(), &schema.stdout]);
}

const FOLLOWS_SCHEMA: &str = r"
import json, sys, jsonschema
path, schema = sys.argv[1], json.loads(sys.argv[2])
jsonschema.Draft202012Validator.check_schema(schema)
text = open(path).read()
instances = [json.loads(line) for line in text.splitlines()] if path.endswith('.jsonl') else [json.loads(text)]
assert instances, 'nothing to check'
for instance in instances:
    jsonschema.validate(instance, schema)
    instance['a member of tomorrow'] = 1
    assert not jsonschema.Draft202012Validator(schema).is_valid(instance), 'an unknown member is valid'
";

const VALIDATE: &str = r"
import json, sys, jsonschema
instance, schema = json.load(open(sys.argv[1])), json.loads(sys.argv[2])
jsonschema.Draft202012Validator.check_schema(schema)
jsonschema.validate(instance, schema)
del instance['repositories'][0]['diagnosis']
try:
    jsonschema.validate(instance, schema)
except jsonschema.ValidationError:
    sys.exit(0)
sys.exit('a row without a diagnosis is valid')
";

// Holds: 6 Operating it: a folder is taken wherever the snapshot in it is meant, and a scenario needs no clock
#[test]
fn a_folder_is_as_good_as_the_snapshot_in_it() {
    let mut scenario = scangap_tests::organization(
        "[[accounts]]\nid = \"000000000012\"\nname = \"zeros\"\ncells = [{ region = \"eu-west-1\", repositories = [{ name = \"one\" }] }]",
    );
    scenario.clock = None;
    let audited = Scangap::audit(&simulate(scenario)).args(&["--csv-dialect", "excel"]).into_folder().expect_code(0);
    let table = String::from_utf8(audited.bytes("repositories.csv")).expect("text");
    assert!(table.contains("\"=\"\"000000000012\"\"\""), "{table}");
    let folder = audited.out.to_string_lossy().into_owned();
    let place = ["--account", "000000000012", "--region", "eu-west-1", "--repository", "one"];
    let explained = Scangap::new(&[&["explain", "--snapshot", &folder][..], &place].concat()).run();
    assert_eq!(explained.code, 0, "{}", explained.stderr);
    for arguments in
        [vec!["report", &folder], vec!["diff", &folder, &folder], vec!["plan", &folder, "--out", "planned"]]
    {
        let finished = Scangap::new(&arguments).run();
        assert_eq!(finished.code, 0, "{arguments:?}: {}", finished.stderr);
    }
}

#[test]
fn the_page_is_one_file_that_asks_nobody_for_anything() {
    let audited = demo();
    let page = String::from_utf8(audited.bytes("report.html")).expect("UTF-8");
    // What is read into: the style's hash in the policy is the style's, and nothing else may load or run.
    let held = python(PAGE, &[&audited.out.join("report.html").to_string_lossy()]);
    assert_eq!(held.trim(), r#"{"rows": 21, "policies": 4}"#);
    for part in [
        "SIMULATED: nothing here is evidence",
        "<h1>6 of 19 repositories are covered, 42 of 45 images</h1>",
        "<b>6</b> <span class=\"name\">covered</span>",
        "repository policy: OfficeOnly (NotIpAddress aws:SourceIp)",
        "+         &#34;ArnNotEquals&#34;: {",
        "<mark>      &#34;Sid&#34;: &#34;OfficeOnly&#34;,</mark>",
        "7 repositories need action. 3 repositories could not be read, and are in the list too.",
    ] {
        assert!(page.contains(part), "`{part}` is missing");
    }
}

#[test]
fn hostile_names_are_inert_on_the_page() {
    let hostile = r"<script>alert(1)</script><img src=x onerror=alert(1)>\u202e";
    let scenario = scangap_tests::organization(&format!(
        "[[policies]]\nname = \"deny\"\ninspector = \"denied\"\ntext = '{}'\n[[accounts]]\nid = \"333333333333\"\nname = \"{}\"\ncells = [{{ region = \"eu-west-1\", repositories = [{{ name = \"one\", policy = \"deny\", coverage = {{ status = \"INACTIVE\", reason = \"ACCESS_DENIED\" }} }}] }}]",
        r#"{"Statement":{"Sid":"</pre><script>x</script>","Effect":"Deny","Principal":"*","Action":"*"}}"#,
        hostile.replace('"', "'"),
    ));
    let audited = Scangap::audit(&simulate(scenario)).into_folder().expect_code(0);
    let page = String::from_utf8(audited.bytes("report.html")).expect("UTF-8");
    assert!(page.contains("&#60;script&#62;alert(1)"), "the name is there, as text");
    assert!(!page.contains("<script>alert") && !page.contains("<img") && !page.contains('\u{202e}'));
    python(PAGE, &[&audited.out.join("report.html").to_string_lossy()]);
}

const PAGE: &str = include_str!("../../tools/check_page.py");

#[test]
fn csv_for_excel_begins_with_a_byte_order_mark() {
    let audited = demo();
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let call = Scangap::new(&["report", &snapshot, "--out", "excel", "--csv-dialect", "excel"]).run();
    assert_eq!(call.code, 3);
    for file in ["repositories.csv", "policies.csv", "registries.csv", "accounts.csv", "gaps.csv"] {
        let bytes = fs_err::read(call.home.path().join("excel").join(file)).expect("the file");
        let (mark, rest) = bytes.split_at(3);
        assert_eq!(mark, "\u{feff}".as_bytes(), "{file}");
        // Texts of digits are formulas for themselves; everything else is as it is without.
        let text = String::from_utf8(rest.to_vec()).expect("UTF-8");
        let mut parts = text.split("\"=\"\"");
        let mut plain = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (digits, more) = part.split_once("\"\"\"").expect("the formula's end");
            assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{digits}");
            plain.extend([digits, more]);
        }
        assert!(plain.as_bytes() == audited.bytes(file), "{file}");
    }
}

#[test]
fn report_gives_the_same_bytes_from_the_snapshot_alone() {
    let audited = demo();
    let snapshot = audited.bytes("snapshot.db");
    let again = audited.finished.home.path().join("again");
    let finished = Scangap::new(&[
        "report",
        &audited.out.join("snapshot.db").to_string_lossy(),
        "--out",
        &again.to_string_lossy(),
    ])
    .run();
    assert_eq!(finished.code, 3, "{}", finished.stderr);
    for file in FACTS.iter().chain(&["run.json", "audit.xlsx"]) {
        assert!(fs_err::read(again.join(file)).expect("the file") == audited.bytes(file), "{file} differs");
    }
    assert!(audited.bytes("snapshot.db") == snapshot, "reading never changes a snapshot");
}

// Holds: 14 Same bytes: with 1, 16 and 256 in flight, shuffled latencies, 1 and 4 shards, resumed or not; and as many calls
#[test]
fn the_same_facts_give_the_same_bytes_however_they_are_read() {
    let simulated = |jitter: u64| {
        let mut scenario = Generate { accounts: 12, regions: 2, repositories: 6, seed: 3 }.scenario();
        scenario.latency.jitter_ms = jitter;
        scenario.latency.seed = jitter;
        let key = scangap_simorg::Simulator::access_key(&scenario.organization.management_account);
        (simulate(scenario), key)
    };
    let run = |in_flight: &str, jitter: u64| {
        let (simulator, key) = simulated(jitter);
        let call = Scangap::audit_at(&simulator.url(), &key).args(&["--max-in-flight", in_flight]);
        (call.into_folder().expect_code(0), simulator.calls().len())
    };
    let (one, calls) = run("1", 0);
    let same = |other: &Audited, how: &str| {
        for file in FACTS {
            assert!(one.bytes(file) == other.bytes(file), "{file} differs {how}");
        }
        assert!(facts_of_workbook(&one) == facts_of_workbook(other), "the workbook's facts differ {how}");
        assert_eq!(one.json("summary.json")["facts_sha256"], other.json("summary.json")["facts_sha256"], "{how}");
    };
    for (in_flight, jitter) in [("16", 15), ("256", 20)] {
        let (other, made) = run(in_flight, jitter);
        same(&other, in_flight);
        assert_eq!(made, calls, "calls with {in_flight} in flight");
    }
    let (simulator, key) = simulated(10);
    let home = tempfile::tempdir().expect("a folder");
    for shard in 1..=4 {
        let out = home.path().join("shards").join(shard.to_string()).to_string_lossy().into_owned();
        let arguments = ["--shard", &format!("{shard}/4"), "--out", &out];
        let finished = Scangap::audit_at(&simulator.url(), &key).args(&arguments).run();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
    }
    let out = home.path().join("merged");
    let shards = home.path().join("shards").to_string_lossy().into_owned();
    let finished = Scangap::new(&["merge", &shards, "--out", &out.to_string_lossy()]).run();
    let merged = Audited { finished, out: out.clone() }.expect_code(0);
    same(&merged, "in four shards");
    let finished = Scangap::audit_at(&simulator.url(), &key).args(&["--resume", &out.to_string_lossy()]).run();
    same(&Audited { finished, out }.expect_code(0), "in four shards, resumed");
    assert!(one.csv("repositories.csv").len() > 100);
}
