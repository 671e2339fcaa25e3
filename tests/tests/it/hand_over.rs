//! What is handed over: a ticket for each cause and owner, fifteen lines for a channel, and what is signed.

use std::collections::BTreeSet;

use calamine::{Reader, Xlsx, open_workbook};
use scangap_simorg::Simulator;
use scangap_tests::{Audited, Row, Scangap, Simulated, organization, python, simulate};

const BODY: &str = r#"
[[policies]]
name = "office"
inspector = "denied"
text = '{"Statement":{"Sid":"Office","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"}}}}'
[[policies]]
name = "endpoint"
inspector = "denied"
text = '{"Statement":{"Sid":"Endpoint","Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage","Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-0a1b2c3d"}}}}'
[[accounts]]
id = "333333333333"
name = "=HYPERLINK(\"http://evil\")"
[[accounts.registries]]
region = "eu-west-1"
repositories = [
  { name = "one", policy = "office", coverage = { status = "none" } },
  { name = "two", policy = "office", coverage = { status = "none" } },
  { name = "three", policy = "endpoint", coverage = { status = "none" } },
  { name = "legacy/gone", policy = "endpoint", coverage = { status = "none" } },
  { name = "fine" },
]
[[accounts]]
id = "444444444444"
name = "beta"
[[accounts.registries]]
region = "us-east-1"
repositories = [{ name = "one", policy = "office", coverage = { status = "none" } }]
"#;

fn audit(simulator: &Simulated, at: &str, tracker: &str) -> Audited {
    let call = Scangap::audit_as_of(at, &simulator.url(), &Simulator::access_key("111111111111"));
    let entry = "[[accept]]\ndiagnosis = \"blocked\"\nrepository = \"legacy/*\"\nreason = \"gone\"\nby = \"jane\"\nuntil = 2027-01-01\n";
    fs_err::write(call.home().join("scangap.toml"), entry).expect("a file");
    let home = call.home().to_owned();
    call.in_folder(&home).args(&["--tickets", tracker, "--chat"]).into_folder().expect_code(0)
}

// Holds: 15 Hand over: one ticket for each cause and owner, with a label that is the same at every audit, in the columns of the tracker
#[test]
fn tickets_are_one_for_each_cause_and_owner() {
    let simulator = simulate(organization(BODY));
    let first = audit(&simulator, "2026-08-24T00:00:00Z", "jira");
    let rows: Vec<Row> = first.csv("tickets.csv");
    let actions = first.csv("actions.csv");
    let open = |row: &&Row| row["accepted"] == "no";
    let pairs: BTreeSet<(String, String)> =
        actions.iter().filter(open).map(|row| (row["cause_id"].clone(), row["account_id"].clone())).collect();
    assert_eq!((rows.len(), pairs.len()), (3, 3), "office in two accounts, the endpoint in one");
    let labels = |rows: &[Row], column: &str| rows.iter().map(|row| row[column].clone()).collect::<BTreeSet<_>>();
    assert_eq!(labels(&rows, "Labels").len(), 3);
    let named: usize =
        rows.iter().map(|row| row["Description"].lines().filter(|line| line.starts_with("- ")).count()).sum();
    assert_eq!(
        named,
        actions.iter().filter(open).count(),
        "each repository is in one ticket, and what is accepted in none"
    );
    for row in &rows {
        assert!(row["Summary"].starts_with("SIMULATED: "), "{row:?}");
        assert!(!row["Owner"].starts_with('='), "{row:?}");
        assert!(
            row["Description"].contains(&row["Cause"])
                && row["Description"].contains("What repairs it: exempt arn:aws:iam::"),
            "{row:?}"
        );
        assert!(!row["Description"].contains("legacy/gone"));
    }
    // A quarter later, for another tracker: the same labels.
    let second = audit(&simulator, "2026-11-23T00:00:00Z", "servicenow");
    let later: Vec<Row> = second.csv("tickets.csv");
    assert_eq!(labels(&later, "correlation_id"), labels(&rows, "Labels"));
    assert_eq!(later.iter().map(|row| row["priority"].as_str()).collect::<Vec<_>>(), ["2"; 3]);
    let third = audit(&simulator, "2026-11-23T00:00:00Z", "csv");
    assert_eq!(labels(&third.csv("tickets.csv"), "label"), labels(&rows, "Labels"));
}

// Holds: 15 Hand over: a repository that two statements deny has a ticket for each, and its row says what repairs each; another account's template is none of it
#[test]
fn every_cause_of_a_repository_has_its_ticket() {
    let both = r#"{"Statement":[{"Sid":"Office","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"}}},{"Sid":"Tagged","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"Null":{"aws:PrincipalTag/team":"true"}}}]}"#;
    let one = r#"{"Statement":[{"Sid":"Office","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"}}}]}"#;
    let body = format!(
        "[[policies]]\nname = \"both\"\ninspector = \"denied\"\ntext = '{both}'\n[[policies]]\nname = \"one\"\ninspector = \"denied\"\ntext = '{one}'\n\
         [[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\nregistries = [{{ region = \"eu-west-1\", repositories = [{{ name = \"twice\", policy = \"both\" }}] }}]\n\
         [[accounts]]\nid = \"444444444444\"\nname = \"beta\"\nregistries = [{{ region = \"eu-west-1\", templates = [{{ prefix = \"cache/\", policy = \"one\" }}], repositories = [{{ name = \"once\", policy = \"one\" }}] }}]"
    );
    let audited = audit(&simulate(organization(&body)), "2026-11-23T00:00:00Z", "csv");
    let actions = audited.csv("actions.csv");
    let of = |name: &str| actions.iter().find(|row| row["repository"] == name).expect("a row");
    assert_eq!(of("twice")["repair"].matches("exempt arn:aws:iam::333333333333:role/").count(), 2, "{:?}", of("twice"));
    assert!(!of("twice")["repair"].contains("creation template"), "{:?}", of("twice"));
    assert!(of("once")["repair"].ends_with("; and in the creation template cache/, which would write it again"));
    let tickets = audited.csv("tickets.csv");
    let of_account: Vec<&Row> = tickets.iter().filter(|row| row["owner"].contains("333333333333")).collect();
    assert_eq!(of_account.len(), 2, "{tickets:?}");
    assert!(of_account.iter().all(|row| row["description"].contains("eu-west-1 twice (blocked)")), "{of_account:?}");
    // Both accounts are of one owner: the template of the second is in their ticket, with its place.
    let workbook = audited.out.join("audit.xlsx").to_string_lossy().into_owned();
    python(OWN, &[&workbook, "platform", "platform"]);
    let out = audited.out.join("again").to_string_lossy().into_owned();
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let call = Scangap::new(&["report", &snapshot, "--out", &out, "--carry-over", &workbook, "--tickets", "csv"]).run();
    assert_eq!(call.code, 0, "{}", call.stderr);
    let text = fs_err::read_to_string(audited.out.join("again/tickets.csv")).expect("tickets");
    assert!(text.contains("where {account} is the account of each; and in the creation template cache/ (444444444444, eu-west-1), which would write it again"), "{text}");
}

const OWN: &str = r#"
import sys, openpyxl
book = openpyxl.load_workbook(sys.argv[1])
sheet = book["Action list"]
header = {cell.value: cell.column for cell in sheet[1]}
for row in range(2, sheet.max_row + 1):
    sheet.cell(row, header["Owner"]).value = sys.argv[2] if sheet.cell(row, header["Repository"]).value != "two" else sys.argv[3]
book.save(sys.argv[1])
"#;

// Holds: 15 Hand over: a ticket over several accounts names none of their roles, and owners who look alike have labels of their own
#[test]
fn a_ticket_of_one_owner_in_several_accounts_repairs_each() {
    let audited = audit(&simulate(organization(BODY)), "2026-11-23T00:00:00Z", "csv");
    let workbook = audited.out.join("audit.xlsx").to_string_lossy().into_owned();
    python(OWN, &[&workbook, "日本", "中国"]);
    let out = audited.out.join("again").to_string_lossy().into_owned();
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let reported =
        Scangap::new(&["report", &snapshot, "--out", &out, "--carry-over", &workbook, "--tickets", "csv"]).run();
    assert_eq!(reported.code, 0, "{}", reported.stderr);
    let path = audited.out.join("again/tickets.csv");
    let rows: Vec<Row> =
        csv::Reader::from_path(path).expect("a file").deserialize().map(|row| row.expect("a row")).collect();
    let labels: BTreeSet<&String> = rows.iter().map(|row| &row["label"]).collect();
    assert_eq!((rows.len(), labels.len()), (3, 3), "{labels:?}");
    let both = rows.iter().find(|row| row["description"].contains("444444444444")).expect("a ticket");
    assert!(both["description"].contains("arn:aws:iam::{account}:role/"), "{}", both["description"]);
    assert!(!both["description"].contains("iam::333333333333"), "{}", both["description"]);
}

// Holds: 15 Hand over: fifteen lines for a channel, with the numbers of the report
#[test]
fn the_channel_gets_fifteen_lines() {
    let audited = audit(&simulate(organization(BODY)), "2026-11-23T00:00:00Z", "csv");
    let text = String::from_utf8(audited.bytes("chat.md")).expect("UTF-8");
    assert!(text.lines().count() <= 15, "{text}");
    for part in [
        "SIMULATED",
        "o-testing",
        "- Covered: 1 of all 6",
        "Accepted: 1 repository",
        "5 repositories are denied by 2 statements",
        "C-",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

// Holds: 15 Hand over: what is signed has the period, the population, exceptions and the hash, on the page and in the workbook
#[test]
fn the_sign_off_says_what_is_signed() {
    let audited = audit(&simulate(organization(BODY)), "2026-11-23T00:00:00Z", "csv");
    let mut workbook: Xlsx<_> = open_workbook(audited.out.join("audit.xlsx")).expect("a workbook");
    let sheet = workbook.worksheet_range("Sign-off").expect("a sheet");
    let cell = |name: &str| {
        let row = sheet.rows().find(|row| row[0] == *name).unwrap_or_else(|| panic!("no {name}"));
        row[1].to_string()
    };
    let hash = audited.json("summary.json")["facts_sha256"].as_str().expect("a hash").to_owned();
    let expected = [
        ("Period", "as of 2026-11-23T00:00:00Z"),
        (
            "Exceptions",
            "1 repository and 0 gaps accepted, 0 expired; each with approver, reason and day in repositories.csv and gaps.csv",
        ),
        ("Not read", "nothing: everything in scope was learnt"),
        ("Scope", "the whole organization, every enabled region"),
        ("Facts SHA-256", &hash),
        ("Prepared by", ""),
        ("Reviewed by", ""),
    ];
    let page = String::from_utf8(audited.bytes("report.html")).expect("UTF-8");
    for (name, value) in expected {
        assert_eq!(cell(name), value, "{name}");
        assert!(page.contains(&format!("<dt>{name}</dt>")) && page.contains(value), "{name}");
    }
    assert!(
        cell("Population").contains("4 accounts") && cell("Population").contains("6 repositories"),
        "{}",
        cell("Population")
    );
    let controls: Vec<String> =
        sheet.rows().map(|row| row[0].to_string()).filter(|name| name.starts_with("Security Hub")).collect();
    assert_eq!(controls.len(), 2);
}
