//! What was not read is never painted as read: registries whose list was refused, regions that were not reached, answers
//! that lack what they were asked for.

use std::path::Path;

use scangap_simorg::Simulator;
use scangap_tests::{Audited, Scangap, Simulated, organization, simulate};

/// Two accounts with two repositories each, all covered when nothing goes wrong; ECR answers in two regions.
const WORKLOADS: &str = r#"
[[accounts]]
id = "333333333333"
name = "alpha"
registries = [
  { region = "eu-west-1", repositories = [{ name = "alpha/one" }, { name = "alpha/two" }] },
  { region = "us-east-1", repositories = [{ name = "alpha/south" }] },
]

[[accounts]]
id = "444444444444"
name = "beta"
registries = [{ region = "eu-west-1", repositories = [{ name = "beta/one" }, { name = "beta/two" }] }]
"#;

const SCP: &str = "arn:aws:organizations::111111111111:policy/o-exampleorg/service_control_policy/p-noecr";

fn with(extra: &str) -> Simulated {
    simulate(organization(&format!("{WORKLOADS}\n{extra}")))
}

fn refused_in(region: &str) -> String {
    format!(
        "[[faults]]\noperation = \"ecr:*\"\nregion = \"{region}\"\nkind = \"error\"\ncode = \"AccessDeniedException\"\nhttp_status = 400\nmessage = \"User: arn:aws:sts::333333333333:assumed-role/x/y is not authorized to perform: ecr:DescribeRepositories with an explicit deny in a service control policy: {SCP}\""
    )
}

fn audit(simulator: &Simulated, arguments: &[&str]) -> Audited {
    let audited = Scangap::audit(simulator).args(&["--timeout", "2"]).args(arguments).into_folder();
    assert!(simulator.mutating_calls().is_empty(), "{:?}", simulator.mutating_calls());
    audited
}

fn page_of(audited: &Audited) -> String {
    String::from_utf8(audited.bytes("report.html")).expect("text")
}

fn account(audited: &Audited, id: &str) -> scangap_tests::Row {
    audited.csv("accounts.csv").into_iter().find(|row| row["account_id"] == id).expect("the account's row")
}

// Holds: 3 What was not read: repositories of a registry whose list was refused stand apart, and are no share of covered
#[test]
fn a_registry_whose_list_was_refused_is_no_share_of_covered() {
    let audited = audit(&with(&refused_in("us-east-1")), &[]).expect_code(3);
    let summary = audited.json("summary.json");
    assert_eq!(summary["list_not_read"]["registries"], 4);
    assert_eq!(summary["list_not_read"]["repositories"], 1);
    let screen = &audited.finished.stdout;
    assert!(screen.contains("Covered 4 of all 4 (100.0 %)\n"), "{screen}");
    let apart = "1 repository known in 4 registries whose list could not be read; what else is there is unknown";
    assert!(screen.contains(&format!("Apart from these: {apart}")), "{screen}");
    let page = page_of(&audited);
    assert!(page.contains("<h1>4 of 4 repositories are covered</h1>"));
    assert!(page.contains(apart));
    assert!(page.contains("list refused") && page.contains("Inspector shows 1"), "the map says so");

    let sheets = audited.out.join("audit.xlsx");
    let program = r"
import openpyxl, sys
book = openpyxl.load_workbook(sys.argv[1])
matrix = book['Coverage matrix']
head = [registry.value for registry in matrix[3]]
south, west = head.index('us-east-1'), head.index('eu-west-1')
row = next(row for row in matrix.iter_rows(min_row=4, values_only=True) if row[0] == '333333333333')
print(row[south], '|', row[west])
summary = book['Summary']
print([(row[0], row[1]) for row in summary.iter_rows(values_only=True) if row[0] in ('covered', 'In lists that were not', 'All in lists that were read')])
";
    let said = scangap_tests::python(program, &[&sheets.to_string_lossy()]);
    assert!(said.contains("list refused; Inspector shows 1 | 1"), "{said}");
    assert!(
        said.contains("('covered', 4), ('All in lists that were read', 4), ('In lists that were not', 1)"),
        "{said}"
    );
}

// Holds: 3 What was not read: an account is read, partly or not at all, and its repositories are unknown where a list is
// Holds: 3 What was not read: gaps say where, and name the policy that denies
#[test]
fn an_account_that_was_read_in_part_says_which_regions_and_which_policy() {
    let audited = audit(&with(&refused_in("us-east-1")), &[]).expect_code(3);
    for id in ["333333333333", "444444444444"] {
        let row = account(&audited, id);
        assert_eq!((row["outcome"].as_str(), row["repositories"].as_str()), ("partly", "unknown"), "{id}");
        assert_eq!(row["regions_not_read"], r#"["us-east-1"]"#);
        assert!(row["why"] == "1 of 2 regions; not us-east-1", "{}", row["why"]);
    }
    assert_eq!(account(&audited, "333333333333")["repositories_known"], "3");
    let screen = &audited.finished.stdout;
    assert!(screen.contains(&format!("accounts, only in us-east-1, by {SCP} ->")), "{screen}");
    let named = audited.csv("gaps.csv").into_iter().filter(|row| row["denied_by_policy"] == SCP).count();
    assert!(named >= 2, "{named} gaps name the policy");
    let groups = audited.json("summary.json")["gap_groups"].clone();
    assert_eq!(groups[0]["regions"], serde_json::json!(["us-east-1"]));
    assert_eq!(groups[0]["policies"], serde_json::json!([SCP]));
    assert!(page_of(&audited).contains("only in us-east-1, by arn:aws:organizations"));
}

// Holds: 3 What was not read: an answer that lacks what was asked for is a gap, whichever it is
#[test]
fn an_empty_answer_is_a_gap_for_every_list_and_every_thing() {
    for operation in [
        "organizations:ListDelegatedAdministrators",
        "organizations:ListOrganizationalUnitsForParent",
        "ecr:DescribeRepositoryCreationTemplates",
        "ecr:GetRegistryScanningConfiguration",
        "ecr:GetAccountSetting",
        "ecr:GetRepositoryPolicy",
        "ecr:GetRegistryPolicy",
        "ecr:DescribeRepositories",
        "inspector2:ListCoverage",
        "inspector2:BatchGetAccountStatus",
    ] {
        let fault = format!("[[faults]]\noperation = \"{operation}\"\nkind = \"empty\"");
        let ou = "[[organizational_units]]\nid = \"ou-exam-11111111\"\nname = \"Production\"\n[[accounts]]\nid = \"555555555555\"\nname = \"gamma\"\nou = \"ou-exam-11111111\"\n";
        // Who administers Inspector, Inspector says too.
        let also = "\n[[faults]]\noperation = \"inspector2:GetDelegatedAdminAccount\"\nkind = \"empty\"";
        let audited = audit(&with(&format!("{ou}{fault}{also}")), &["--tags", "owner"]).expect_code(3);
        let kinds: Vec<String> = audited
            .csv("gaps.csv")
            .into_iter()
            .filter(|row| row["api"] == operation)
            .map(|row| row["kind"].clone())
            .collect();
        assert!(!kinds.is_empty() && kinds.iter().all(|kind| kind == "malformed_answer"), "{operation}: {kinds:?}");
    }
    let tags =
        audit(&with("[[faults]]\noperation = \"ecr:ListTagsForResource\"\nkind = \"empty\""), &["--tags", "owner"]);
    assert_eq!(tags.expect_code(3).csv("gaps.csv").len(), 5);
}

// Holds: 3 What was not read: `--ou` by name stops where names cannot be read, and no account drops out
#[test]
fn an_ou_that_cannot_be_told_from_another_stops_the_audit() {
    let units = "[[organizational_units]]\nid = \"ou-exam-11111111\"\nname = \"Production\"\n";
    let member = "[[accounts]]\nid = \"555555555555\"\nname = \"gamma\"\nou = \"ou-exam-11111111\"\ncells = [{ region = \"eu-west-1\", repositories = [{ name = \"gamma/one\" }] }]\n";
    let denied = "[[faults]]\noperation = \"organizations:ListOrganizationalUnitsForParent\"\nkind = \"error\"\ncode = \"AccessDeniedException\"\nhttp_status = 400\n";
    let simulator = with(&format!("{units}{member}{denied}"));
    let refused = Scangap::audit(&simulator).args(&["--ou", "Production"]).run();
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    for words in ["`Production` cannot be found", "organizations:ListOrganizationalUnitsForParent", "by its id"] {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
    let by_id = audit(&simulator, &["--ou", "ou-exam-11111111"]).expect_code(3);
    assert_eq!(by_id.csv("repositories.csv").len(), 1);
}

// Holds: 3 What was not read: AWS says where Inspector exists, and the table only where nobody answers
#[test]
fn a_region_that_got_inspector_since_is_not_off() {
    let registry = "[[accounts]]\nid = \"555555555555\"\nname = \"gamma\"\nopt_in_regions = [\"ap-southeast-6\"]\ncells = [{ region = \"ap-southeast-6\", repositories = [{ name = \"gamma/one\" }] }]\n";
    let nowhere = audit(&with(registry), &["--accounts", "555555555555"]).expect_code(0);
    assert_eq!(nowhere.diagnosis("gamma/one"), "inspector_off");
    let of = |audited: &Audited| {
        let registries = audited.csv("registries.csv");
        let registry = registries.into_iter().find(|row| row["region"] == "ap-southeast-6").expect("the registry");
        registry["inspector_status"].clone()
    };
    assert_eq!(of(&nowhere), "none");
    let mut scenario = organization(&format!("{WORKLOADS}\n{registry}"));
    scenario.organization.inspector_regions =
        Some(["us-east-1", "eu-west-1", "ap-southeast-6"].map(str::to_owned).to_vec());
    let opened = audit(&simulate(scenario), &["--accounts", "555555555555"]).expect_code(0);
    assert_eq!((of(&opened).as_str(), opened.diagnosis("gamma/one").as_str()), ("ENABLED", "covered"));
}

// Holds: 3 What was not read: a region that this release does not know is asked, and said
#[test]
fn a_region_that_is_not_known_is_asked_all_the_same() {
    let registry = "[[accounts]]\nid = \"555555555555\"\nname = \"gamma\"\nopt_in_regions = [\"eu-west-9\"]\ncells = [{ region = \"eu-west-9\", repositories = [{ name = \"gamma/one\" }] }]\n";
    let simulator = with(registry);
    let audited = audit(&simulator, &["--accounts", "555555555555", "--regions", "eu-west-9"]).expect_code(0);
    assert_eq!(audited.diagnosis("gamma/one"), "covered");
    let warned = &audited.finished.stderr;
    assert!(warned.contains("region `eu-west-9` is not known to this release and is asked all the same"), "{warned}");
    for (region, partition) in [("eusc-de-east-1", "aws-eusc"), ("us-iso-east-1", "aws-iso")] {
        let refused = Scangap::audit(&simulator).args(&["--regions", region]).run();
        assert_eq!(refused.code, 64, "{}", refused.stderr);
        assert!(refused.stderr.contains(&format!("{partition} has no Amazon Inspector")), "{}", refused.stderr);
    }
}

// Holds: 3 What was not read: a member that audits itself is complete
#[test]
fn a_member_that_audits_itself_is_complete() {
    let simulator = with("");
    let call = Scangap::audit_at(&simulator.url(), &Simulator::access_key("333333333333"));
    let audited = call.args(&["--accounts", "333333333333"]).into_folder().expect_code(0);
    assert_eq!(audited.csv("repositories.csv").len(), 3);
    assert_eq!(audited.repository("alpha/one")["account_name"], "unknown", "nobody could say it");
    assert!(audited.csv("gaps.csv").is_empty());
    assert!(!audited.finished.stdout.contains("organizations:"), "{}", audited.finished.stdout);
}

// Holds: 3 What was not read: a policy text that is none is unreadable, with its text and a next step; an empty one is none
#[test]
fn a_policy_text_that_is_no_policy_is_shown() {
    let policies = r#"
[[policies]]
name = "not-a-policy"
inspector = "allowed"
text = '{"Version":"2012-10-17","Statement":[{"Effect":"Denied","Note":"<b>"}]}'

[[policies]]
name = "empty"
inspector = "allowed"
text = ' '

[[accounts]]
id = "555555555555"
name = "gamma"
registries = [{ region = "eu-west-1", repositories = [{ name = "odd", policy = "not-a-policy" }, { name = "bare", policy = "empty" }] }]
"#;
    let audited = audit(&with(policies), &["--accounts", "555555555555"]).expect_code(3);
    assert_eq!(audited.diagnosis("bare"), "covered");
    let odd = audited.repository("odd");
    assert_eq!(odd["diagnosis"], "unreadable");
    assert!(odd["next_step"].contains("read its text in policies.csv"), "{}", odd["next_step"]);
    let rows = audited.csv("policies.csv");
    assert_eq!(rows.len(), 1);
    assert!(rows[0]["policy_text"].contains("Denied") && rows[0]["no_repair_because"].contains("it is no policy"));
    let page = page_of(&audited);
    assert!(page.contains("Denied") && !page.contains("<b>\"}"), "the text is on the page, and is text");
}

const OFFICE: &str = r#"
[[policies]]
name = "tagged"
inspector = "allowed"
text = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"StringLike":{"aws:UserAgent":"*inspector*"}}}]}'

[[accounts]]
id = "555555555555"
name = "gamma"
[[accounts.registries]]
region = "eu-west-1"
[[accounts.registries.repositories]]
name = "shut"
policy = "tagged"
coverage = { status = "INACTIVE", reason = "ACCESS_DENIED" }
[[accounts.registries.repositories]]
name = "open"
policy = "tagged"
"#;

// Holds: 3 What was not read: the workbook's tables of OUs and accounts count every known repository, as repositories.csv does
#[test]
fn tables_of_units_and_accounts_count_what_is_known() {
    let shut = "[[accounts]]\nid = \"666666666666\"\nname = \"delta\"\nregistries = [{ region = \"us-east-1\", repositories = [{ name = \"delta/shut\", policy = \"tagged\" }, { name = \"delta/closed\", coverage = { status = \"INACTIVE\", reason = \"ACCESS_DENIED\" } }] }]";
    let audited = audit(&with(&format!("{OFFICE}\n{shut}\n{}", refused_in("us-east-1"))), &[]).expect_code(3);
    let rows = audited.csv("repositories.csv");
    assert!(rows.iter().any(|row| row["account_id"] == "666666666666" && row["diagnosis"] != "covered"), "{rows:?}");
    scangap_tests::python(TABLES, &[&audited.out.to_string_lossy()]);
}

const TABLES: &str = r#"
import csv, json, sys, openpyxl
out = sys.argv[1]
rows = list(csv.DictReader(open(out + "/repositories.csv")))
covered = sum(row["diagnosis"] == "covered" for row in rows)
sheet = openpyxl.load_workbook(out + "/audit.xlsx")["Summary"]
cells = [[cell for cell in row] for row in sheet.iter_rows(values_only=True)]
found = 0
for at, row in enumerate(cells):
    if row[0] in ("By organizational unit", "Accounts with most to do"):
        titles = cells[at + 1]
        table = []
        for line in cells[at + 2:]:
            if not isinstance(line[1], (int, float)):
                break
            table.append(dict(zip(titles, line)))
        if not table:
            continue
        found += 1
        for line in table:
            groups = [title for title in titles[2:6]]
            assert sum(line[title] for title in groups) == line["Repositories"], line
            assert line["Of these in lists not read"] <= line["Repositories"], line
        if row[0] == "By organizational unit":
            assert sum(line["Repositories"] for line in table) == len(rows), table
            assert sum(line["Covered"] for line in table) == covered, table
            unlisted = sum(row["region"] == "us-east-1" for row in rows)
            assert 0 < unlisted < len(rows), rows
            assert sum(line["Of these in lists not read"] for line in table) == unlisted, table
assert found, cells
"#;

// Holds: 3 What was not read: `undecided` says what coverage makes likely
#[test]
fn an_undecided_repository_says_what_is_likely() {
    let simulator = with(OFFICE);
    let first = audit(&simulator, &["--accounts", "555555555555"]).expect_code(0);
    for (name, likely) in [("shut", "denied_likely"), ("open", "")] {
        let row = first.repository(name);
        assert_eq!((row["diagnosis"].as_str(), row["likely_cause"].as_str()), ("undecided", likely), "{name}");
    }
    let second = audit(&simulator, &["--accounts", "555555555555"]).expect_code(0);
    let snapshot = |audited: &Audited| audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let out = second.out.join("compared");
    let compared = Scangap::new(&["report", &snapshot(&second), "--previous", &snapshot(&first)])
        .args(&["--out", &out.to_string_lossy()])
        .run();
    assert_eq!(compared.code, 0, "{}", compared.stderr);
    let likely = likely_causes(&out);
    assert_eq!(
        likely,
        [("open".to_owned(), "allowed_likely".to_owned()), ("shut".to_owned(), "denied_likely".to_owned())]
    );
}

fn likely_causes(folder: &Path) -> Vec<(String, String)> {
    let mut reader = csv::Reader::from_path(folder.join("repositories.csv")).expect("the table");
    let place = |headers: &csv::StringRecord, name: &str| headers.iter().position(|header| header == name).expect("it");
    let headers = reader.headers().expect("headers").clone();
    let (name, likely) = (place(&headers, "repository"), place(&headers, "likely_cause"));
    let rows = reader.records().map(|row| row.expect("a row"));
    rows.map(|row| (row[name].to_owned(), row[likely].to_owned())).collect()
}
