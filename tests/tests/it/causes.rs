//! Causes: what many repositories share is one row, one line and one id, counted as the scenario's truth says.

use std::collections::BTreeMap;
use std::fmt::Write;

use scangap_tests::{Audited, Row, Scangap, Simulated, organization, simulate};

const SCP: &str = "arn:aws:organizations::111111111111:policy/o-testing/service_control_policy/p-noecr";

/// Accounts beside the two that every organization has. Each has the statement of an office in a text of its own: another order, another
/// Sid, its own account and region. Every second one has the statement of a VPC endpoint in some repositories too, and every third one
/// a repository whose policy has both.
const ACCOUNTS: u32 = 6;

fn id(account: u32) -> String {
    format!("{:012}", 300_000_000_000_u64 + u64::from(account))
}

fn office(account: u32, region: &str) -> String {
    let role = format!("arn:aws:iam::{}:role/ci-{region}", id(account));
    if account.is_multiple_of(2) {
        format!(
            r#"{{"Sid":"OfficeOnly","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{{"ArnNotEquals":{{"aws:PrincipalArn":"{role}"}},"NotIpAddress":{{"aws:SourceIp":"203.0.113.10/32"}}}}}}"#
        )
    } else {
        format!(
            r#"{{"Condition":{{"NotIpAddress":{{"aws:SourceIp":["203.0.113.10/32"]}},"ArnNotEquals":{{"aws:PrincipalArn":["{role}"]}}}},"Action":["ecr:*"],"Principal":"*","Effect":"Deny","Sid":"Office{account}"}}"#
        )
    }
}

const ENDPOINT: &str = r#"{"Sid":"VpcEndpointOnly","Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage","Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-0a1b2c3d"}}}"#;

/// What is true of the organization: how many repositories have each statement, and in how many accounts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Truth {
    office: (usize, usize),
    endpoint: (usize, usize),
    both: usize,
}

fn scenario() -> (String, Truth) {
    let (mut body, mut truth) = (String::new(), Truth::default());
    let policy = |name: &str, statements: &[&str]| {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
        format!("[[policies]]\nname = \"{name}\"\ninspector = \"denied\"\ntext = '{text}'\n\n")
    };
    let mut policies = policy("endpoint", &[ENDPOINT]);
    for account in 0..ACCOUNTS {
        let _ = write!(body, "[[accounts]]\nid = \"{}\"\nname = \"account-{account}\"\n\n", id(account));
        for region in ["eu-west-1", "us-east-1"] {
            let (mine, with_both) = (office(account, region), account.is_multiple_of(3));
            policies += &policy(&format!("office-{account}-{region}"), &[&mine]);
            policies += &policy(&format!("both-{account}-{region}"), &[&mine, ENDPOINT]);
            let with_endpoint = usize::from(account.is_multiple_of(2));
            let _ = write!(body, "[[accounts.registries]]\nregion = \"{region}\"\n");
            let mut repository = |name: &str, policy: &str| {
                let _ = write!(
                    body,
                    "[[accounts.registries.repositories]]\nname = \"{name}\"\n{policy}images = [{{ pushed_days_ago = 3 }}]\n\n"
                );
            };
            let denied = |policy: &str| format!("policy = \"{policy}\"\ncoverage = {{ status = \"none\" }}\n");
            for number in 0..3 {
                repository(&format!("office/{number}"), &denied(&format!("office-{account}-{region}")));
            }
            for number in 0..with_endpoint {
                repository(&format!("endpoint/{number}"), &denied("endpoint"));
            }
            if with_both {
                repository("both", &denied(&format!("both-{account}-{region}")));
            }
            repository("covered", "");
            truth.office.0 += 3 + usize::from(with_both);
            truth.endpoint.0 += with_endpoint + usize::from(with_both);
            truth.both += usize::from(with_both);
        }
        truth.office.1 += 1;
        truth.endpoint.1 += usize::from(account.is_multiple_of(2) || account.is_multiple_of(3));
    }
    (policies + &body, truth)
}

fn audit(simulator: &Simulated, code: i32) -> Audited {
    Scangap::audit(simulator).into_folder().expect_code(code)
}

fn causes(audited: &Audited) -> BTreeMap<String, Row> {
    audited.csv("causes.csv").into_iter().map(|row| (row["cause"].clone(), row)).collect()
}

fn number(row: &Row, column: &str) -> usize {
    row[column].parse().unwrap_or_else(|_| panic!("{column} is no number: {row:?}"))
}

// Holds: 15 Causes: every repository is counted with each statement that denies it, whatever the text of its policy
#[test]
fn many_texts_are_few_causes() {
    let (body, truth) = scenario();
    let audited = audit(&simulate(organization(&body)), 0);
    let causes = causes(&audited);
    let office = &causes["repository policy OfficeOnly (ArnNotEquals aws:PrincipalArn, NotIpAddress aws:SourceIp) denies Inspector"];
    let endpoint = &causes["repository policy VpcEndpointOnly (StringNotEquals aws:SourceVpce) denies Inspector"];
    assert_eq!(causes.len(), 2, "{:?}", causes.keys());
    let counted = |row: &Row| (number(row, "repositories"), number(row, "accounts"));
    assert_eq!((counted(office), counted(endpoint)), (truth.office, truth.endpoint));
    for row in [office, endpoint] {
        assert_eq!(number(row, "repositories") - number(row, "repositories_alone"), truth.both, "those that have both");
        assert!(row["repair"].contains("arn:aws:iam::{account}:role/aws-service-role/"), "{row:?}");
        assert_eq!(row["diagnoses"], format!("{{\"blocked\":{}}}", row["repositories"]));
    }
    assert!(office["statement"].contains("arn:aws:iam::{account}:role/ci-{region}"), "{}", office["statement"]);

    let repositories = audited.csv("repositories.csv");
    for row in &repositories {
        let expected = match row["repository"].split('/').next().unwrap_or_default() {
            "office" => office["cause_id"].clone(),
            "endpoint" => endpoint["cause_id"].clone(),
            "both" => format!("{}, {}", office["cause_id"], endpoint["cause_id"]),
            _ => String::new(),
        };
        assert_eq!(row["cause"], expected, "{}", row["repository"]);
    }
    let denied = repositories.iter().filter(|row| row["diagnosis"] == "blocked").count();
    let screen = &audited.finished.stdout;
    assert!(screen.contains(&format!("Causes: {denied} repositories are denied by 2 statements\n")), "{screen}");
    let line = format!(
        "  cause  {}  {} repositories in {} accounts, 2 regions: repository policy OfficeOnly",
        office["cause_id"], truth.office.0, truth.office.1
    );
    assert!(screen.contains(&line), "{screen}");
    let page = String::from_utf8(audited.bytes("report.html")).expect("text");
    assert!(page.contains(&format!("Causes: {denied} repositories are denied by 2 statements")));
    assert!(page.contains(&format!("<tr id=\"{}\">", office["cause_id"])));
    let json = audited.json("audit.json");
    assert_eq!(json["causes"].as_array().map(Vec::len), Some(2));
    assert_eq!(json["causes"][0]["repositories"], truth.office.0, "the one with most repositories first");
}

// Holds: 15 Causes: what one policy refuses everywhere is one cause, with the registries that could not be listed
#[test]
fn what_one_policy_refuses_is_one_row() {
    let (body, _) = scenario();
    let refused = format!(
        "[[faults]]\noperation = \"ecr:*\"\nregion = \"us-east-1\"\nkind = \"error\"\ncode = \"AccessDeniedException\"\nhttp_status = 400\nmessage = \"User: arn:aws:sts::300000000000:assumed-role/x/y is not authorized to perform: ecr:DescribeRepositories with an explicit deny in a service control policy: {SCP}\""
    );
    let audited = audit(&simulate(organization(&format!("{body}\n{refused}"))), 3);
    let row = &causes(&audited)[&format!("a service control policy {SCP} refuses the auditor")];
    // Both accounts of every organization, and those of this one.
    let accounts = usize::try_from(ACCOUNTS).expect("a number") + 2;
    assert_eq!((number(row, "registries_not_read"), number(row, "accounts")), (accounts, accounts));
    assert_eq!(row["regions"], r#"["us-east-1"]"#);
    assert_eq!(row["repair"], "exempt the audit role from the service control policy");
    let known = audited.csv("repositories.csv");
    let in_region: Vec<&Row> = known.iter().filter(|one| one["region"] == "us-east-1").collect();
    assert!(!in_region.is_empty(), "Inspector shows some");
    assert_eq!(number(row, "repositories"), in_region.len());
    for one in in_region {
        assert_eq!((&*one["diagnosis"], &one["cause"]), ("unreadable", &row["cause_id"]), "{}", one["repository"]);
    }
}

// Holds: 15 Causes: every repository that needs something has a cause, and no other has one
#[test]
fn what_needs_something_has_a_cause() {
    let audited = Scangap::new(&["demo", "--out", "out"]).run();
    let folder = audited.home.path().join("out");
    let rows = |file: &str| -> Vec<Row> {
        let mut rows = csv::Reader::from_path(folder.join(file)).expect("the file");
        rows.deserialize().map(|row| row.expect("a row")).collect()
    };
    let causes: BTreeMap<String, Row> =
        rows("causes.csv").into_iter().map(|row| (row["cause_id"].clone(), row)).collect();
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows("repositories.csv") {
        let needs_nothing = ["covered", "empty", "changing"].contains(&&*row["diagnosis"]);
        assert_eq!(row["cause"].is_empty(), needs_nothing, "{}: {}", row["repository"], row["diagnosis"]);
        for id in row["cause"].split(", ").filter(|id| !id.is_empty()) {
            *met.entry(id.to_owned()).or_default() += 1;
        }
    }
    let counted = causes.iter().map(|(id, row)| (id.clone(), number(row, "repositories")));
    assert_eq!(met, counted.filter(|(_, number)| *number > 0).collect(), "each is counted where it is named");
    let unreadable =
        causes.values().find(|row| row["example_repository"] == "vault").expect("what refuses the auditor");
    assert_eq!(unreadable["cause"], "the repository or registry policy refuses the auditor");
}

// Holds: 15 Causes: statements that are named alike are causes of their own
#[test]
fn two_statements_of_one_name_are_two_causes() {
    let statement = |address: &str| {
        format!(
            r#"{{"Sid":"Lock","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{{"NotIpAddress":{{"aws:SourceIp":"{address}/32"}}}}}}"#
        )
    };
    let text = format!(r#"{{"Statement":[{},{}]}}"#, statement("203.0.113.10"), statement("203.0.113.11"));
    let body = format!(
        "[[policies]]\nname = \"twice\"\ninspector = \"denied\"\ntext = '{text}'\n\n[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\nregistries = [{{ region = \"eu-west-1\", repositories = [{{ name = \"shut\", policy = \"twice\", coverage = {{ status = \"none\" }} }}] }}]\n"
    );
    let audited = audit(&simulate(organization(&body)), 0);
    let rows = audited.csv("causes.csv");
    let [first, second] = &*rows else { panic!("two causes: {rows:?}") };
    assert_eq!(first["cause"], second["cause"], "they are named alike");
    let shut = audited.csv("repositories.csv").remove(0);
    for row in [first, second] {
        assert!(shut["cause"].contains(&row["cause_id"]), "{}", shut["cause"]);
        assert_eq!((number(row, "repositories"), number(row, "repositories_alone")), (1, 0));
    }
    assert!(audited.finished.stdout.contains("Causes: 1 repository is denied by 2 statements\n"));
}

// Holds: 15 Causes: who writes a cause again is named where tags were read: stacks, and Terraform where a tag names it
#[test]
fn what_writes_a_cause_again_is_named() {
    let body = r#"
[[policies]]
name = "tagged"
inspector = "denied"
text = '{"Statement":{"Sid":"Closed","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"StringEquals":{"aws:ResourceTag/state":"closed"}}}}'
[[accounts]]
id = "333333333333"
name = "alpha"
[[accounts.registries]]
region = "eu-west-1"
repositories = [
  { name = "by-stack", policy = "tagged", tags = { state = "closed", "aws:cloudformation:stack-name" = "payments" } },
  { name = "by-terraform", policy = "tagged", tags = { state = "closed", ManagedBy = "OpenTofu" } },
  { name = "by-hand", policy = "tagged", tags = { state = "closed", team = "payments" } },
]
"#;
    let audited = audit(&simulate(organization(body)), 0);
    let rows = audited.csv("causes.csv");
    let [cause] = &*rows else { panic!("one cause: {rows:?}") };
    assert_eq!(number(cause, "repositories"), 3, "{cause:?}");
    let expected = [
        "CloudFormation stack `payments` (333333333333)",
        "Terraform, as its tag says: `ManagedBy` = `OpenTofu` (333333333333)",
    ];
    assert_eq!(cause["written_by"], serde_json::json!(expected).to_string());
}
