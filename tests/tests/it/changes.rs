//! Two audits of one organization, and what differs: nothing that could not be read counts as fixed.

use std::collections::BTreeMap;

use calamine::{Reader, Xlsx, open_workbook};
use scangap_simorg::Simulator;
use scangap_simorg::scenario::FaultSpec;
use scangap_tests::{Audited, Scangap, organization, simulate};

const POLICIES: &str = r#"
[[policies]]
name = "blocking"
inspector = "denied"
text = '{"Statement":{"Sid":"Lock","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"}}}}'
[[policies]]
name = "open"
inspector = "allowed"
text = '{"Statement":{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"ecr:*"}}'
"#;

const REFUSED: &str = r#"coverage = { status = "INACTIVE", reason = "ACCESS_DENIED" }"#;

/// An organization whose account alpha holds these repositories (name and the rest of its table).
fn audit(repositories: &[(&str, &str)], as_of: &str, fault: Option<FaultSpec>) -> Audited {
    let rows: Vec<String> = repositories.iter().map(|(name, rest)| format!("{{ name = \"{name}\"{rest} }}")).collect();
    let mut scenario = organization(&format!(
        "{POLICIES}\n[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\ncells = [{{ region = \"eu-west-1\", repositories = [{}] }}]",
        rows.join(", ")
    ));
    let code = if fault.is_some() { 3 } else { 0 };
    scenario.faults.extend(fault);
    let simulator = simulate(scenario);
    let key = Simulator::access_key("111111111111");
    Scangap::audit_as_of(as_of, &simulator.url(), &key).into_folder().expect_code(code)
}

fn snapshot(audited: &Audited) -> String {
    audited.out.join("snapshot.db").to_string_lossy().into_owned()
}

// Holds: 15 Trend: a comparison begins with its balance, on the screen, on the page and in JSON
#[test]
fn each_repository_falls_in_one_kind_of_change() {
    let blocked = format!(", policy = \"blocking\", {REFUSED}");
    let stale = format!(", policy = \"open\", {REFUSED}");
    let old = audit(
        &[
            ("becomes-blocked", ""),
            ("becomes-fixed", &blocked),
            ("becomes-gone", &blocked),
            ("becomes-stale", &blocked),
            ("becomes-unreadable", &blocked),
            ("stays-covered", ""),
            ("stays-stale", &stale),
            ("gets-a-policy", ""),
        ],
        "2026-08-20T00:00:00Z",
        None,
    );
    let mut fault = FaultSpec::of("ecr:GetRepositoryPolicy", "AccessDeniedException", 400);
    fault.resource = Some("becomes-unreadable".to_owned());
    let new = audit(
        &[
            ("becomes-blocked", &blocked),
            ("becomes-fixed", ", policy = \"open\""),
            ("becomes-new", &blocked),
            ("becomes-stale", &stale),
            ("becomes-unreadable", &blocked),
            ("stays-covered", ""),
            ("stays-stale", &stale),
            ("gets-a-policy", ", policy = \"open\""),
        ],
        "2026-11-23T00:00:00Z",
        Some(fault),
    );
    let call = Scangap::new(&["diff", &snapshot(&old), &snapshot(&new), "--out", "changes", "--output", "json"]).run();
    assert_eq!(call.code, 3, "the later audit has a gap: {}", call.stderr);
    let changes: serde_json::Value = serde_json::from_str(&call.stdout).expect("JSON");
    let kinds: BTreeMap<&str, &str> = changes["changes"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| (row["repository"].as_str().expect("a name"), row["change"].as_str().expect("a kind")))
        .collect();
    let expected = BTreeMap::from([
        ("becomes-blocked", "regressed"),
        ("becomes-fixed", "fixed"),
        ("becomes-gone", "no_longer_visible"),
        ("becomes-new", "new"),
        ("becomes-stale", "changed"),
        ("becomes-unreadable", "no_longer_readable"),
        ("stays-stale", "still_stale"),
        ("gets-a-policy", "changed"),
    ]);
    assert_eq!(kinds, expected);
    assert_eq!((&changes["unchanged"], &changes["counts"]["fixed"]), (&1.into(), &1.into()));
    assert_eq!(changes["changed_after"], "2026-08-20T00:00:00Z");
    let fixed =
        changes["changes"].as_array().expect("rows").iter().find(|row| row["change"] == "fixed").expect("a row");
    let columns: Vec<&str> =
        fixed["differences"].as_array().expect("differences").iter().filter_map(|one| one["column"].as_str()).collect();
    assert_eq!(columns, ["policy_verdict", "denied_actions", "coverage_status", "coverage_reason", "policy_sha256"]);

    let folder = call.home.path().join("changes");
    let csv = fs_err::read_to_string(folder.join("changes.csv")).expect("the file");
    assert_eq!(csv.lines().count(), expected.len() + 1);
    let mut workbook: Xlsx<_> = open_workbook(folder.join("changes.xlsx")).expect("a workbook");
    assert_eq!(workbook.sheet_names(), ["Cover", "Changes"]);
    assert_eq!(workbook.worksheet_range("Changes").expect("the sheet").height(), expected.len() + 1);

    let text = Scangap::new(&["diff", &snapshot(&old), &snapshot(&new)]).run();
    // Blocked or stale before: five. Blocked or stale now: four, of which two were neither.
    let balance = "needs action 5 -> 4: 2 new, 1 fixed, 2 carried, 2 not known any more; 1 lost scanning; covered 3 -> 3 (37.5 % -> 37.5 %)";
    assert!(
        text.stdout
            .starts_with(&format!("SIMULATED: nothing here is evidence about a real organization.\n{balance}\n"))
    );
    assert_eq!((&changes["balance"]["carried"], &changes["balance"]["lost_scanning"]), (&2.into(), &1.into()));
    for part in [
        "Changes after 2026-08-20T00:00:00Z and by 2026-11-23T00:00:00Z",
        "regressed 1: it was covered",
        "alpha (333333333333)  eu-west-1  becomes-fixed  blocked -> covered",
        "still stale 1: the policy allowed Inspector at both audits",
        "1 repository unchanged",
    ] {
        assert!(text.stdout.contains(part), "`{part}` is missing:\n{}", text.stdout);
    }

    // The report of the later audit has a sheet, a file and an array for the same rows.
    let report = Scangap::new(&["report", &snapshot(&new), "--previous", &snapshot(&old), "--out", "again"]).run();
    let again = report.home.path().join("again");
    assert!(report.stdout.contains(&format!("Since 2026-08-20T00:00:00Z {balance}\n")), "{}", report.stdout);
    let page = fs_err::read_to_string(again.join("report.html")).expect("the page");
    assert!(page.contains(&balance.replace('>', "&#62;")), "the page begins with the balance");
    assert!(fs_err::read_to_string(again.join("changes.csv")).expect("the file") == csv);
    let mut workbook: Xlsx<_> = open_workbook(again.join("audit.xlsx")).expect("a workbook");
    assert_eq!(workbook.worksheet_range("Changes").expect("the sheet").height(), expected.len() + 1);
    let audit: serde_json::Value =
        serde_json::from_slice(&fs_err::read(again.join("audit.json")).expect("the file")).expect("JSON");
    assert_eq!(audit["changes"].as_array().expect("rows").len(), expected.len());
}

#[test]
fn snapshots_that_have_nothing_to_compare_are_65() {
    let alpha = audit(&[("one", "")], "2026-11-23T00:00:00Z", None);
    let same = Scangap::new(&["diff", &snapshot(&alpha), &snapshot(&alpha)]).run();
    assert_eq!(same.code, 0);
    assert!(same.stdout.contains("nothing changed"), "{}", same.stdout);
    let earlier = audit(&[("one", "")], "2026-08-20T00:00:00Z", None);
    let order = Scangap::new(&["diff", &snapshot(&alpha), &snapshot(&earlier)]).run();
    assert_eq!(order.code, 65);
    assert!(order.stderr.contains("name the snapshots the other way round"), "{}", order.stderr);
    let demo = crate::demo::demo();
    let others = Scangap::new(&["diff", &snapshot(&earlier), &snapshot(&demo)]).run();
    assert_eq!(others.code, 65);
    assert!(others.stderr.contains("two organizations"), "{}", others.stderr);
}

// Holds: 3 What was not read: `at_risk` to `blocked`, and coverage lost, are regressed, and the balance of a diff comes first
#[test]
fn losing_coverage_is_regressed_and_the_balance_comes_first() {
    let at_risk = r#", policy = "blocking", coverage = { status = "ACTIVE", reason = "SUCCESSFUL" }"#;
    let blocked = format!(", policy = \"blocking\", {REFUSED}");
    let expired = r#", coverage = { status = "INACTIVE", reason = "SCAN_ELIGIBILITY_EXPIRED" }"#;
    let old = audit(&[("a-risk", at_risk), ("b-covered", ""), ("c-fixed", &blocked)], "2026-08-20T00:00:00Z", None);
    let new = audit(&[("a-risk", &blocked), ("b-covered", expired), ("c-fixed", "")], "2026-11-23T00:00:00Z", None);
    let call = Scangap::new(&["diff", &snapshot(&old), &snapshot(&new), "--output", "json"]).run();
    let changes: serde_json::Value = serde_json::from_str(&call.stdout).expect("JSON");
    assert_eq!((&changes["counts"]["regressed"], &changes["counts"]["fixed"]), (&2.into(), &1.into()));
    let text = Scangap::new(&["diff", &snapshot(&old), &snapshot(&new)]).run().stdout;
    let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("`{words}` is missing:\n{text}"));
    assert!(place("2 regressed") < place("a-risk") && place("1 fixed") < place("a-risk"), "{text}");
}
