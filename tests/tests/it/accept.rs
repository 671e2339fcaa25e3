//! What is accepted fails nothing until its day, is marked in every report, and counts again when it is past.

use std::fmt::Write as _;
use std::path::Path;

use calamine::{Data, Reader, Xlsx, open_workbook};
use scangap_simorg::Simulator;
use scangap_simorg::scenario::FaultSpec;
use scangap_tests::{Audited, Row, Scangap, Simulated, organization, python, simulate};

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
repositories = [
  { name = "legacy/one", policy = "office", coverage = { status = "INACTIVE", reason = "ACCESS_DENIED" } },
  { name = "legacy/two", policy = "office", coverage = { status = "INACTIVE", reason = "ACCESS_DENIED" } },
  { name = "fine" },
]
"#;

/// With a gap, where one is wanted: the tags of nothing are read, so that only the list of creation templates is missing.
fn world(with_gap: bool) -> Simulated {
    let mut scenario = organization(BODY);
    if with_gap {
        let mut fault = FaultSpec::of("ecr:DescribeRepositoryCreationTemplates", "AccessDeniedException", 400);
        fault.account = Some("333333333333".to_owned());
        scenario.faults.push(fault);
    }
    simulate(scenario)
}

fn entry(what: &str, place: &str, until: &str) -> String {
    format!("[[accept]]\n{what}\n{place}\nreason = \"gone in March\"\nby = \"jane\"\nuntil = {until}\n\n")
}

/// Audits at a fixed day with a configuration in its folder.
fn audit(simulator: &Simulated, config: &str) -> Audited {
    let key = Simulator::access_key("111111111111");
    let call = Scangap::audit_as_of("2026-11-23T09:00:00Z", &simulator.url(), &key);
    if !config.is_empty() {
        fs_err::write(call.home().join("scangap.toml"), config).expect("a file");
    }
    let home = call.home().to_owned();
    call.in_folder(&home).args(&["--fail-on", "any", "--ocsf"]).into_folder()
}

/// One row of the table: the configuration, and the expected results.
struct Case {
    name: &'static str,
    with_gap: bool,
    config: String,
    exit: i32,
    /// `accepted` of the two blocked repositories, and of the gaps.
    accepted: [&'static str; 2],
    gap: &'static str,
    /// Accepted and expired diagnoses, accepted and expired gaps.
    counts: [u64; 4],
    unmatched: usize,
}

const DAY: &str = "2026-11-23";
const PAST: &str = "2026-11-22";

fn cases() -> Vec<Case> {
    let blocked = "diagnosis = \"blocked\"";
    let denied = "gap = \"access_denied\"";
    let legacy = "repository = \"legacy/*\"";
    let case = |name, with_gap, config: &[String], exit, accepted, gap, counts, unmatched| Case {
        name,
        with_gap,
        config: config.concat(),
        exit,
        accepted,
        gap,
        counts,
        unmatched,
    };
    let (none, both, one) = (["no", "no"], ["yes", "yes"], ["yes", "no"]);
    vec![
        case("nothing", false, &[], 2, none, "", [0; 4], 0),
        case("all that is blocked", false, &[entry(blocked, legacy, DAY)], 0, both, "", [2, 0, 0, 0], 0),
        case("one of two", false, &[entry(blocked, "repository = \"legacy/o?e\"", DAY)], 2, one, "", [1, 0, 0, 0], 0),
        case("past", false, &[entry(blocked, legacy, PAST)], 2, ["expired"; 2], "", [0, 2, 0, 0], 0),
        case(
            "past, and one that holds",
            false,
            &[entry(blocked, legacy, PAST), entry(blocked, "", DAY)],
            0,
            both,
            "",
            [2, 0, 0, 0],
            0,
        ),
        case("another diagnosis", false, &[entry("diagnosis = \"stale\"", legacy, DAY)], 2, none, "", [0; 4], 1),
        case("another account", false, &[entry(blocked, "account = \"4*\"", DAY)], 2, none, "", [0; 4], 1),
        case(
            "the account by its name",
            false,
            &[entry(blocked, "account = \"alp*\"", DAY)],
            0,
            both,
            "",
            [2, 0, 0, 0],
            0,
        ),
        case("another region", false, &[entry(blocked, "region = \"us-*\"", DAY)], 2, none, "", [0; 4], 1),
        case("another unit", false, &[entry(blocked, "ou = \"Sandbox/*\"", DAY)], 2, none, "", [0; 4], 1),
        case("a gap that nobody accepts", true, &[entry(blocked, legacy, DAY)], 3, both, "no", [2, 0, 0, 0], 0),
        case("a gap", true, &[entry(denied, "account = \"333333333333\"", DAY)], 2, none, "yes", [0, 0, 1, 0], 0),
        case(
            "a gap, and what is blocked",
            true,
            &[entry(denied, "", DAY), entry(blocked, legacy, DAY)],
            0,
            both,
            "yes",
            [2, 0, 1, 0],
            0,
        ),
        case("a gap, past", true, &[entry(denied, "", PAST)], 3, none, "expired", [0, 0, 0, 1], 0),
        case("another kind of gap", true, &[entry("gap = \"throttled\"", "", DAY)], 3, none, "no", [0; 4], 1),
    ]
}

fn rows(audited: &Audited, file: &str) -> Vec<Row> {
    audited.csv(file)
}

// Holds: 15 Decisions live: acceptances of diagnoses and gaps, in time, past or matching nothing, against the exit code and each format
#[test]
fn what_is_accepted_fails_nothing_and_is_marked_everywhere() {
    let (without, with) = (world(false), world(true));
    for case in cases() {
        let name = case.name;
        let audited = audit(if case.with_gap { &with } else { &without }, &case.config);
        assert_eq!(audited.finished.code, case.exit, "{name}: {}", audited.finished.stderr);
        let word = |of: &[Row], repository: &str| {
            of.iter().find(|row| row["repository"] == repository).map(|row| row["accepted"].clone()).expect("a row")
        };
        let [one, two] = case.accepted;
        for file in ["repositories.csv", "actions.csv"] {
            let rows = rows(&audited, file);
            assert_eq!(
                (word(&rows, "legacy/one").as_str(), word(&rows, "legacy/two").as_str()),
                (one, two),
                "{name} {file}"
            );
        }
        assert_eq!(word(&rows(&audited, "repositories.csv"), "fine"), "no", "{name}");
        let gaps = rows(&audited, "gaps.csv");
        assert_eq!(
            gaps.iter().map(|row| row["accepted"].as_str()).collect::<Vec<_>>(),
            if case.with_gap { vec![case.gap] } else { vec![] },
            "{name}"
        );
        let summary = audited.json("summary.json");
        let sum = |of: &serde_json::Value| {
            of.as_object().expect("counts").values().map(|n| n.as_u64().expect("a number")).sum::<u64>()
        };
        let json = &summary["accepted"];
        let counts = [
            sum(&json["diagnoses"]),
            sum(&json["expired_diagnoses"]),
            json["gaps"].as_u64().expect("a number"),
            json["expired_gaps"].as_u64().expect("a number"),
        ];
        assert_eq!(counts, case.counts, "{name}");
        assert_eq!(json["unmatched"].as_array().map(Vec::len), Some(case.unmatched), "{name}");
        assert_eq!(audited.json("audit.json")["summary"]["accepted"], *json, "{name}");
        for line in String::from_utf8(audited.bytes("ocsf.jsonl")).expect("UTF-8").lines() {
            let finding: serde_json::Value = serde_json::from_str(line).expect("JSON");
            if finding["resources"][0]["name"] == "legacy/one" {
                let status = (finding["status_id"].as_u64(), finding["compliance"]["status"].as_str());
                assert_eq!(status, (Some(if one == "yes" { 3 } else { 1 }), Some("Fail")), "{name}");
            }
        }
        let mut workbook: Xlsx<_> = open_workbook(audited.out.join("audit.xlsx")).expect("a workbook");
        let sheet = workbook.worksheet_range("Repositories").expect("a sheet");
        let titles: Vec<String> = sheet.rows().next().expect("a header").iter().map(ToString::to_string).collect();
        let at = |title: &str| titles.iter().position(|one| one == title).expect("a column");
        let of_one =
            sheet.rows().find(|row| row[at("Repository")] == Data::String("legacy/one".to_owned())).expect("a row");
        assert_eq!(of_one[at("Accepted")], Data::String(one.to_owned()), "{name}");
        // In words, on the screen, the page and the sheet that is read first.
        let screen = &audited.finished.stdout;
        let page = String::from_utf8(audited.bytes("report.html")).expect("UTF-8");
        let first = workbook
            .worksheet_range("Summary")
            .expect("a sheet")
            .get_value((1, 0))
            .map(ToString::to_string)
            .unwrap_or_default();
        let [accepted, expired, gaps, gaps_expired] = case.counts;
        for (says, words) in [
            (accepted + gaps > 0, "Accepted: "),
            (expired + gaps_expired > 0, "counts again: "),
            (case.unmatched > 0, "Matches nothing: scangap.toml, acceptance 1"),
        ] {
            for (place, text) in [("screen", screen), ("page", &page), ("summary", &first)] {
                assert_eq!(text.contains(words), says, "{name}: {words} on the {place}: {screen}");
            }
        }
        if one == "yes" {
            let row = rows(&audited, "repositories.csv")
                .into_iter()
                .find(|row| row["repository"] == "legacy/one")
                .expect("a row");
            assert_eq!(
                (row["accepted_until"].as_str(), row["accepted_by"].as_str(), row["accepted_because"].as_str()),
                (DAY, "jane", "gone in March"),
                "{name}"
            );
        }
    }
}

const DECIDE: &str = r#"
import datetime, sys
import openpyxl
book = openpyxl.load_workbook(sys.argv[1])
sheet = book["Action list"]
header = {cell.value: cell.column for cell in sheet[1]}
for row in range(2, sheet.max_row + 1):
    if sheet.cell(row, header["Repository"]).value == "legacy/one":
        for assignment in sys.argv[3:]:
            title, _, value = assignment.partition("=")
            sheet.cell(row, header[title]).value = datetime.datetime.fromisoformat(value) if title == "Expires" else value
book.save(sys.argv[2])
"#;

/// Reports again with the workbook that was just written.
fn decides_nothing_again(snapshot: &Path, out: &Path, folder: &Path) {
    // The new workbook says what was decided about, and decides nothing in the next report either.
    let next = folder.join("next");
    let again = Scangap::new(&[
        "report",
        &snapshot.to_string_lossy(),
        "--out",
        &next.to_string_lossy(),
        "--carry-over",
        &out.join("audit.xlsx").to_string_lossy(),
    ])
    .run();
    assert_eq!(again.code, 0, "{}", again.stderr);
    let mut workbook: Xlsx<_> = open_workbook(next.join("audit.xlsx")).expect("a workbook");
    let sheet = workbook.worksheet_range("Action list").expect("a sheet");
    let cells: Vec<String> = sheet.rows().flatten().map(ToString::to_string).collect();
    assert!(cells.contains(&"accept (about stale)".to_owned()), "{cells:?}");
    let summary = fs_err::read_to_string(next.join("summary.json")).expect("a file");
    assert!(summary.contains("\"diagnoses\": {}"), "{summary}");
}

// Holds: 15 Decisions live: `accept` in a workbook needs a day and a reason, and a configuration that says otherwise is named
#[test]
fn a_decision_of_a_workbook_is_an_acceptance() {
    let audited = audit(&world(false), "");
    let (why, until, past) = ("Justification=gone", "Expires=2026-11-30", "Expires=2026-11-01");
    let file = entry("diagnosis = \"blocked\"", "repository = \"legacy/one\"", "2026-12-31");
    let nothing = String::new();
    for (name, cells, config, accepted, said) in [
        (
            "whole",
            &["Decision=Accept", why, until, "Reviewed by=Joe"][..],
            &nothing,
            "yes",
            "Accepted: 1 repository and 0 gaps",
        ),
        (
            "no reason",
            &["Decision=accept", until],
            &nothing,
            "no",
            "Not accepted: 1 decision without Expires or Justification",
        ),
        (
            "no day",
            &["Decision=accept", why],
            &nothing,
            "no",
            "Not accepted: 1 decision without Expires or Justification",
        ),
        (
            "past",
            &["Decision=accept", why, past],
            &nothing,
            "expired",
            "Expired: the workbook, past since 2026-11-01: 1",
        ),
        ("another decision", &["Decision=fix", why, until], &nothing, "no", "Notes 1 carried"),
        (
            "about another diagnosis",
            &["Decision=accept", why, until, "Diagnosis=stale"],
            &nothing,
            "no",
            "1 whose diagnosis changed",
        ),
        (
            "two days",
            &["Decision=accept", why, until],
            &file,
            "yes",
            "the workbook until 2026-11-30; the earlier holds",
        ),
        ("the file alone decides", &["Owner=Joe"], &file, "yes", "Accepted: 1 repository and 0 gaps"),
        ("they disagree", &["Decision=fix"], &file, "no", "accepts it, the workbook says `fix`"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let (workbook, toml) = (folder.path().join("back.xlsx"), folder.path().join("accepted.toml"));
        let mut arguments = vec![
            audited.out.join("audit.xlsx").to_string_lossy().into_owned(),
            workbook.to_string_lossy().into_owned(),
        ];
        arguments.extend(cells.iter().map(|cell| (*cell).to_owned()));
        python(DECIDE, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        fs_err::write(&toml, config).expect("a file");
        let snapshot = audited.out.join("snapshot.db");
        let out = folder.path().join("new");
        let reported = Scangap::new(&[
            "report",
            &snapshot.to_string_lossy(),
            "--out",
            &out.to_string_lossy(),
            "--carry-over",
            &workbook.to_string_lossy(),
            "--config",
            &toml.to_string_lossy(),
        ])
        .run();
        assert_eq!(reported.code, 0, "{name}: {}", reported.stderr);
        assert!(reported.stdout.contains(said), "{name}: {}", reported.stdout);
        let mut reader = csv::Reader::from_path(out.join("repositories.csv")).expect("a file");
        let rows: Vec<Row> = reader.deserialize().map(|row| row.expect("a row")).collect();
        let row = rows.iter().find(|row| row["repository"] == "legacy/one").expect("a row");
        assert_eq!(row["accepted"], accepted, "{name}");
        if name == "about another diagnosis" {
            decides_nothing_again(&snapshot, &out, folder.path());
        }
        if name == "whole" {
            assert_eq!(
                (row["accepted_by"].as_str(), row["accepted_until"].as_str(), row["accepted_in"].as_str()),
                ("Joe", "2026-11-30", "the workbook")
            );
        }
    }
}

// Holds: 15 Decisions live: scangap accept writes what is read, lists it, and refuses what is no acceptance
#[test]
fn accept_writes_and_lists_what_is_signed_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |words: &[&str]| Scangap::new(&[&["accept"], words].concat()).in_folder(folder.path()).run();
    let sign = ["--reason", "gone \"soon\"", "--by", "jane", "--until", "2099-03-31"];
    let first = run(&[&["--diagnosis", "blocked", "--repository", "legacy/*"], &sign[..]].concat());
    assert_eq!(first.code, 0, "{}", first.stderr);
    let second = run(&[&["--gap", "access_denied", "--region", "sa-east-1"], &sign[..]].concat());
    assert_eq!(second.code, 0, "{}", second.stderr);
    let listed = run(&[]);
    let expected = "  accepted  until 2099-03-31 by jane: gone \"soon\" (scangap.toml, acceptance 1 (blocked, repository legacy/*))\n  accepted  until 2099-03-31 by jane: gone \"soon\" (scangap.toml, acceptance 2 (access_denied, region sa-east-1))\n2 acceptances\n";
    assert_eq!(listed.stdout, expected);
    let before = fs_err::read_to_string(folder.path().join("scangap.toml")).expect("a file");
    for (words, code, said) in [
        (&["--diagnosis", "blokced"][..], 64, "did you mean `blocked`?"),
        (&["--gap", "accesdenied"], 64, "did you mean `access_denied`?"),
        (&["--diagnosis", "covered"], 64, "needs no acceptance"),
    ] {
        let refused = run(&[words, &sign[..]].concat());
        assert_eq!((refused.code, refused.stderr.contains(said)), (code, true), "{}", refused.stderr);
    }
    let late = run(&["--diagnosis", "blocked", "--reason", "x", "--by", "y", "--until", "2020-01-01"]);
    assert_eq!((late.code, late.stderr.contains("is not a day to come")), (64, true), "{}", late.stderr);
    let place = run(&["--repository", "legacy/*"]);
    assert_eq!((place.code, place.stderr.contains("--diagnosis or --gap")), (64, true), "{}", place.stderr);
    let empty = run(&[&["--diagnosis", "blocked", "--account", ""], &sign[..]].concat());
    assert_eq!((empty.code, empty.stderr.contains("`account` is empty")), (64, true), "{}", empty.stderr);
    let half = run(&["--diagnosis", "blocked"]);
    assert_eq!((half.code, half.stderr.contains("--until")), (64, true), "{}", half.stderr);
    assert_eq!(
        fs_err::read_to_string(folder.path().join("scangap.toml")).expect("a file"),
        before,
        "nothing was written"
    );
    // However a day is written, what is written is read.
    let basic = run(&["--diagnosis", "stale", "--reason", "x", "--by", "y", "--until", "20990331"]);
    assert_eq!((basic.code, run(&[]).code), (0, 0), "{}", basic.stderr);
    // What cannot be read names its line or its entry, and nothing is asked of AWS.
    let simulator = world(false);
    for (text, said) in [
        (
            "[[accept]]\ndiagnosis = \"blocked\"\nreson = \"x\"\n",
            "line 3: no acceptance has a `reson`: did you mean `reason`?",
        ),
        (
            "[[accept]]\ndiagnosis = \"blocked\"\nreason = \" \"\nby = \"y\"\nuntil = 2099-01-01\n",
            "line 1, acceptance 1: `reason` is empty",
        ),
        ("[[accept]]\nreason = \"x\"\nby = \"y\"\nuntil = 2099-01-01\n", "neither a `diagnosis` nor a `gap`"),
        ("[[accept]]\ngap = \"timeout\"\nreason = \"x\"\nby = \"y\"\nuntil = \"soon\"\n", "`until` is `soon`"),
        ("accounts = 3\n", "line 1: `accounts` is no table of a configuration"),
    ] {
        let refused = audit(&simulator, text).finished;
        assert_eq!((refused.code, refused.stderr.contains(said)), (65, true), "{}", refused.stderr);
        assert!(refused.stderr.contains("config.invalid"), "{}", refused.stderr);
    }
    assert!(simulator.calls().is_empty());
    let mut long = String::new();
    for number in 0..200 {
        let _ = write!(
            long,
            "{}",
            entry("diagnosis = \"blocked\"", &format!("repository = \"legacy/one{number}\""), "2099-01-01")
        );
    }
    let many = audit(&simulator, &long);
    assert_eq!(many.finished.stdout.matches("Matches nothing: ").count(), 11, "ten by name, and how many more");
    assert_eq!(many.json("summary.json")["accepted"]["unmatched"].as_array().map(Vec::len), Some(200));
}
