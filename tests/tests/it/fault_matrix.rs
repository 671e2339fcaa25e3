//! Every operation of an audit under every fault that lasts: what is mended, what becomes a gap, and what stops the audit. The table
//! in `docs/faults.md` is written by this test (`SCANGAP_TEST_MATRIX=write`), and held against what happens: some cells in an
//! ordinary run, all of them with `SCANGAP_TEST_MATRIX=all`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use scangap_simorg::scenario::{FaultKind, FaultSpec};
use scangap_tests::{Audited, Row, Scangap, knob, organization, simulate};

use crate::wire::{OPERATIONS, WORLD};

/// A fault: its name in the table, and how it hits an operation.
type Fault = (&'static str, fn(&str) -> FaultSpec);

const FAULTS: &[Fault] = &[
    ("throttled for ever", |operation| FaultSpec::of(operation, "ThrottlingException", 400)),
    ("throttled 5 times", |operation| FaultSpec {
        count: Some(5),
        ..FaultSpec::of(operation, "ThrottlingException", 400)
    }),
    ("throttled at random", |operation| FaultSpec {
        one_in: Some(3),
        ..FaultSpec::of(operation, "ThrottlingException", 400)
    }),
    ("500 for ever", |operation| FaultSpec::of(operation, "InternalFailure", 500)),
    ("reset for ever", |operation| of_kind(FaultKind::Reset, operation)),
    ("hangs for ever", |operation| of_kind(FaultKind::Hang, operation)),
    ("hangs once", |operation| FaultSpec { count: Some(1), ..of_kind(FaultKind::Hang, operation) }),
    ("truncated", |operation| of_kind(FaultKind::Truncate, operation)),
    ("malformed", |operation| of_kind(FaultKind::Malformed, operation)),
    ("HTML", |operation| FaultSpec { http_status: 502, ..of_kind(FaultKind::Html, operation) }),
    ("`{}`", |operation| of_kind(FaultKind::Empty, operation)),
    ("empty pages", |operation| of_kind(FaultKind::EmptyPages, operation)),
    ("short pages", |operation| of_kind(FaultKind::ShortPages, operation)),
    ("repeated token", |operation| of_kind(FaultKind::RepeatToken, operation)),
    ("doubled rows", |operation| of_kind(FaultKind::Doubled, operation)),
    ("vanished", |operation| FaultSpec { resource: Some("bare".to_owned()), ..of_kind(FaultKind::Vanish, operation) }),
    ("expired", |operation| FaultSpec::of(operation, "ExpiredTokenException", 400)),
    ("denied", |operation| FaultSpec::of(operation, "AccessDeniedException", 400)),
];

fn of_kind(kind: FaultKind, operation: &str) -> FaultSpec {
    FaultSpec { kind, ..FaultSpec::of(operation, "", 200) }
}

/// The account with repositories: what is asked in accounts goes wrong in this one.
const ACCOUNT: &str = "333333333333";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("docs/faults.md")
}

fn audit(fault: Option<FaultSpec>, patience: &str) -> Audited {
    let mut scenario = organization(WORLD);
    // AWS's default regions, so that the fallbacks of ListRegions return the regions that are enabled.
    scenario.organization.regions = None;
    let simulator = simulate(scenario);
    if let Some(fault) = fault {
        simulator.add_fault(fault);
    }
    let arguments = ["--timeout", "1", "--throttle-patience", patience];
    let audited = Scangap::audit(&simulator).args(&arguments).env("AWS_MAX_ATTEMPTS", "2").into_folder();
    assert!(simulator.mutating_calls().is_empty());
    audited
}

fn rows(audited: &Audited) -> Vec<Row> {
    let tables = ["repositories.csv", "registries.csv", "accounts.csv"];
    tables.iter().flat_map(|table| audited.csv(table)).collect()
}

fn names(audited: &Audited) -> BTreeSet<String> {
    audited
        .csv("repositories.csv")
        .into_iter()
        .map(|row| format!("{} {}", row["account_id"], row["repository"]))
        .collect()
}

/// What an operation under a fault came to, in words.
fn cell(operation: &str, (name, fault): &Fault, whole: &Audited) -> String {
    let mut spec = fault(operation);
    if operation == "sts:AssumeRole" {
        spec.resource = Some(format!("arn:aws:iam::{ACCOUNT}:role/OrganizationAccountAccessRole"));
    } else if ["account:", "ecr:", "iam:"].iter().any(|service| operation.starts_with(service)) {
        spec.account = Some(ACCOUNT.to_owned());
    }
    // What is throttled for ever is given up sooner here than anywhere.
    let audited = audit(Some(spec), if *name == "throttled for ever" { "2s" } else { "1m" });
    if ![0, 3].contains(&audited.finished.code) {
        assert!(!audited.finished.stderr.contains("panicked"), "{operation} {name}: {}", audited.finished.stderr);
        assert!(!audited.out.join("snapshot.db").exists(), "{operation} {name} leaves half an audit behind");
        return format!("stops: exit {}", audited.finished.code);
    }
    let vanished = audited.json("summary.json")["vanished"].as_u64().unwrap_or_default();
    let lost: Vec<String> = names(whole).difference(&names(&audited)).cloned().collect();
    // Where the list itself could not be had, its registry says that it does not know.
    let mut registries = audited.csv("registries.csv").into_iter();
    let unknown = registries
        .any(|row| row["account_id"] == ACCOUNT && row["region"] == "eu-west-1" && row["repositories"] == "unknown");
    assert!(lost.len() as u64 == vanished || unknown, "{operation} {name} loses {lost:?}");
    let gaps = audited.csv("gaps.csv");
    assert_eq!(audited.finished.code == 3, !gaps.is_empty(), "{operation} {name}: {gaps:?}");
    let kinds: BTreeSet<&str> = gaps.iter().map(|gap| gap["kind"].as_str()).collect();
    match (kinds.is_empty(), vanished) {
        (true, 0) if rows(&audited) == rows(whole) => "mended".to_owned(),
        // The table of regions, the account itself in place of the administrator, a refusal that means that Inspector is off.
        (true, 0) => "known otherwise".to_owned(),
        (true, _) => "vanished".to_owned(),
        (false, _) => {
            let kinds: Vec<&str> = kinds.into_iter().collect();
            format!("gap: {}", kinds.join(", "))
        }
    }
}

/// The table as it stands in the page, by operation and fault.
fn written() -> BTreeMap<(String, String), String> {
    let text = fs_err::read_to_string(page()).expect("docs/faults.md");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let (head, body) = rows.split_first().expect("a table");
    let mut cells = BTreeMap::new();
    for row in body.iter().skip(1) {
        for (name, value) in head.iter().zip(row).skip(1) {
            cells.insert((row[0].trim_matches('`').to_owned(), (*name).to_owned()), (*value).to_owned());
        }
    }
    cells
}

fn render(cells: &BTreeMap<(String, String), String>) -> String {
    let mut text = "# What goes wrong, and what becomes of it\n\nGenerated by the test that proves it: `SCANGAP_TEST_MATRIX=write`. Each cell is an audit of three accounts in which one\noperation has one fault (in one account, where accounts are asked), with two attempts for a call.\n\n- *mended*: the facts are those of an audit in which nothing went wrong.\n- *gap*: the audit ends with 3; what could not be learnt is a gap of this kind. No repository is missing, except\n  where `registries.csv` says that the list of its registry is unknown.\n- *known otherwise*: nothing is missing, and something else says it: AWS's table of regions, the account itself in place of\n  Inspector's administrator, or a refusal that means that Inspector is off for the administrator.\n- *vanished*: the repository is counted as deleted meanwhile.\n- *stops*: without this answer there is no audit. One clear error, and nothing is left behind.\n- *-*: the operation has no such answer.\n\n".to_owned();
    let names: Vec<&str> = FAULTS.iter().map(|(name, _)| *name).collect();
    let _ = writeln!(text, "| operation | {} |", names.join(" | "));
    let _ = writeln!(text, "|---{}|", "|---".repeat(names.len()));
    for operation in OPERATIONS {
        let row: Vec<&str> =
            names.iter().map(|name| cells[&((*operation).to_owned(), (*name).to_owned())].as_str()).collect();
        let _ = writeln!(text, "| `{operation}` | {} |", row.join(" | "));
    }
    text
}

/// Operations whose answers come in pages.
const PAGED: [&str; 8] = [
    "organizations:ListAccounts",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListDelegatedAdministrators",
    "account:ListRegions",
    "ecr:DescribeRepositories",
    "ecr:DescribeRepositoryCreationTemplates",
    "ecr:DescribeImages",
    "inspector2:ListCoverage",
];

/// Whether an operation can answer so at all.
fn applies(operation: &str, name: &str) -> bool {
    let json = !operation.starts_with("sts:") && !operation.starts_with("iam:");
    let repository = matches!(
        operation,
        "ecr:GetRepositoryPolicy"
            | "ecr:BatchGetRepositoryScanningConfiguration"
            | "ecr:ListTagsForResource"
            | "ecr:DescribeImages"
    );
    match name {
        "vanished" => repository && operation == "ecr:DescribeImages" || operation == "ecr:GetRepositoryPolicy",
        "empty pages" | "short pages" => PAGED.contains(&operation),
        "`{}`" | "repeated token" | "doubled rows" => json,
        _ => true,
    }
}

// Holds: 14 Fault matrix: every operation under every fault is mended, a gap or a clear stop, as the table in the docs says
#[test]
fn every_operation_under_every_fault_comes_to_what_the_table_says() {
    let mode = knob("SCANGAP_TEST_MATRIX").unwrap_or_default();
    let all: Vec<(&str, &Fault)> =
        OPERATIONS.iter().flat_map(|operation| FAULTS.iter().map(move |fault| (*operation, fault))).collect();
    // A stride that meets every operation and every fault.
    let stride = if mode.is_empty() { 9 } else { 1 };
    let whole = audit(None, "1m").expect_code(0);
    let next = Mutex::new(all.into_iter().step_by(stride));
    let found = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let tried = next.lock().expect("a lock").next();
                    let Some((operation, fault)) = tried else { break };
                    let value =
                        if applies(operation, fault.0) { cell(operation, fault, &whole) } else { "-".to_owned() };
                    found.lock().expect("a lock").insert((operation.to_owned(), fault.0.to_owned()), value);
                }
            });
        }
    });
    let found = found.into_inner().expect("a lock");
    if mode == "write" {
        fs_err::write(page(), render(&found)).expect("the page");
    }
    #[expect(clippy::print_stdout, reason = "the summary of a long run")]
    {
        println!(
            "{} audits, each with one fault in one operation",
            found.values().filter(|value| *value != "-").count()
        );
    }
    let written = written();
    for (key, value) in &found {
        assert_eq!(written.get(key), Some(value), "{key:?}");
    }
}
