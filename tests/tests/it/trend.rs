//! Five quarterly audits of one organization: every number of the trend against a count of the scenario's own truth.

use std::collections::{BTreeMap, BTreeSet};

use calamine::{Data, Reader, Xlsx, open_workbook};
use scangap_simorg::scenario::{AccountSpec, RegistrySpec, RepositorySpec};
use scangap_simorg::{Quarters, Scenario, Simulator, Standing};
use scangap_tests::{Row, Scangap, browser, simulate};
use tempfile::TempDir;

const SIZE: Quarters = Quarters { accounts: 36, repositories: 4, seed: 7 };

const REGIONS: &str = "us-east-1,eu-west-1,eu-central-1,us-west-2,ap-southeast-1,ca-central-1,sa-east-1";

/// A repository by account, region and name.
type Key = (String, String, String);

/// What is true of an organization at one quarter, as far as an audit can know it.
struct Truth {
    clock: String,
    known: BTreeMap<Key, &'static str>,
    /// Repositories that Inspector scans, whether or not an audit can read them.
    scanned: BTreeSet<Key>,
    /// Repositories of each registry whose list can be read.
    listed: BTreeMap<(String, String), usize>,
    /// Accounts that can be opened.
    opened: BTreeSet<String>,
    /// Of each account: its unit by path.
    unit: BTreeMap<String, String>,
}

fn unit(scenario: &Scenario, account: &AccountSpec) -> String {
    let mut names = Vec::new();
    let mut next = account.ou.clone();
    while let Some(id) = &next {
        let found = scenario.organizational_units.iter().find(|unit| unit.id == *id).expect("a unit");
        names.push(found.name.clone());
        next.clone_from(&found.parent);
    }
    names.reverse();
    names.join("/")
}

/// The diagnosis of a repository whose policy can be read, from what the scenario states.
fn diagnosis(scenario: &Scenario, registry: &RegistrySpec, repository: &RepositorySpec) -> &'static str {
    let policy = repository
        .policy
        .as_ref()
        .map(|name| scenario.policies.iter().find(|policy| policy.name == *name).expect("a policy"));
    let denied = policy.is_some_and(|policy| policy.inspector == Standing::Denied);
    let coverage = repository.coverage.as_ref().map(|coverage| coverage.reason.as_str());
    match (registry.ecr_scanning.as_str(), policy.map(|policy| policy.auditor), denied, coverage) {
        ("DISABLED", ..) => "inspector_off",
        (_, Some(Standing::Denied), ..) => "unreadable",
        (_, _, true, Some("SUCCESSFUL")) => "at_risk",
        (_, _, true, _) => "blocked",
        (_, _, false, Some("ACCESS_DENIED")) => "stale",
        _ if repository.images.is_empty() => "empty",
        _ => "covered",
    }
}

fn is_scanned(scenario: &Scenario, registry: &RegistrySpec, repository: &RepositorySpec) -> bool {
    let reason = repository.coverage.as_ref().map(|coverage| coverage.reason.as_str());
    let policy = repository.policy.as_deref();
    let denied =
        scenario.policies.iter().any(|of| Some(of.name.as_str()) == policy && of.inspector == Standing::Denied);
    registry.ecr_scanning != "DISABLED"
        && reason.map_or(!denied, |reason| reason == "SUCCESSFUL")
        && !repository.images.is_empty()
}

/// Whether Inspector has a row of coverage, by which a repository is known whose list is not.
fn has_coverage(registry: &RegistrySpec, repository: &RepositorySpec, denied: bool) -> bool {
    let off = registry.ecr_scanning == "DISABLED";
    repository.coverage.is_some() || !off && (denied || !repository.images.is_empty())
}

fn truth(quarter: usize) -> Truth {
    let scenario = SIZE.scenario(quarter);
    let mut truth = Truth {
        clock: scenario.clock.clone().expect("a clock"),
        known: BTreeMap::new(),
        scanned: BTreeSet::new(),
        listed: BTreeMap::new(),
        opened: BTreeSet::new(),
        unit: scenario.accounts.iter().map(|account| (account.id.clone(), unit(&scenario, account))).collect(),
    };
    let closed: BTreeSet<&str> = scenario.faults.iter().filter_map(|fault| fault.region.as_deref()).collect();
    for account in scenario.accounts.iter().filter(|account| account.state == "ACTIVE") {
        let opens = account.roles.as_ref().is_none_or(|roles| !roles.is_empty());
        if opens {
            truth.opened.insert(account.id.clone());
        }
        for registry in &account.registries {
            let listed = opens && !closed.contains(registry.region.as_str());
            for repository in &registry.repositories {
                let denied = repository.policy.as_deref().is_some_and(|policy| policy != "pull");
                let key = (account.id.clone(), registry.region.clone(), repository.name.clone());
                if is_scanned(&scenario, registry, repository) {
                    truth.scanned.insert(key.clone());
                }
                if opens && (listed || has_coverage(registry, repository, denied)) {
                    truth.known.insert(key, diagnosis(&scenario, registry, repository));
                } else if has_coverage(registry, repository, denied) {
                    truth.known.insert(key, "unreadable");
                }
            }
            if listed {
                truth.listed.insert((account.id.clone(), registry.region.clone()), registry.repositories.len());
            }
        }
    }
    truth
}

struct Walk {
    folder: TempDir,
    truths: Vec<Truth>,
}

/// The five audits, and the report of the last with the history of all.
fn walk() -> Walk {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |quarter: usize| folder.path().join(format!("q{quarter}")).to_string_lossy().into_owned();
    for quarter in 1..=Quarters::NUMBER {
        let mut scenario = SIZE.scenario(quarter);
        let (clock, key) =
            (scenario.clock.take().expect("a clock"), Simulator::access_key(&scenario.organization.management_account));
        let simulator = simulate(scenario);
        let audit = Scangap::audit_as_of(&clock, &simulator.url(), &key);
        assert_eq!(audit.args(&["--regions", REGIONS, "--out", &at(quarter)]).run().code, 3);
    }
    // In any order, one twice, the one that is reported among them.
    let history: Vec<String> = [3, 1, 5, 4, 2, 1].into_iter().map(at).collect();
    let mut words = vec!["report".to_owned(), at(5), "--out".to_owned(), at(6), "--history".to_owned()];
    words.extend(history);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let reported = Scangap::new(&words).run();
    assert_eq!(reported.code, 3, "{}", reported.stderr);
    fs_err::write(folder.path().join("screen.txt"), reported.stdout).expect("a file");
    Walk { truths: (1..=Quarters::NUMBER).map(truth).collect(), folder }
}

impl Walk {
    fn csv(&self, quarter: usize, file: &str) -> Vec<Row> {
        let path = self.folder.path().join(format!("q{quarter}")).join(file);
        csv::Reader::from_path(path).expect("a file").deserialize().map(|row| row.expect("a row")).collect()
    }
}

const NEEDS: [&str; 6] = ["blocked", "at_risk", "stale", "key_denied", "unseen", "undecided"];

fn needs(diagnosis: Option<&&'static str>) -> bool {
    diagnosis.is_some_and(|diagnosis| NEEDS.contains(diagnosis) || *diagnosis == "limited")
}

fn each_quarter_is_diagnosed_as_its_truth_says(walk: &Walk) {
    for (truth, quarter) in walk.truths.iter().zip(1..) {
        let rows = walk.csv(quarter, "repositories.csv");
        let found: BTreeMap<Key, String> = rows
            .iter()
            .map(|row| {
                (
                    (row["account_id"].clone(), row["region"].clone(), row["repository"].clone()),
                    row["diagnosis"].clone(),
                )
            })
            .collect();
        let expected: BTreeMap<Key, String> =
            truth.known.iter().map(|(key, diagnosis)| (key.clone(), (*diagnosis).to_owned())).collect();
        for (key, diagnosis) in &expected {
            assert_eq!(found.get(key), Some(diagnosis), "quarter {quarter}: {key:?}");
        }
        assert_eq!(found.len(), expected.len(), "quarter {quarter}");
    }
}

/// What the trend is to say of one audit, of some accounts.
fn expected(walk: &Walk, at: usize, of: &dyn Fn(&str) -> bool) -> BTreeMap<&'static str, usize> {
    let truth = &walk.truths[at];
    let before = at.checked_sub(1).map(|before| &walk.truths[before]);
    let known: Vec<(&Key, &&'static str)> = truth.known.iter().filter(|(key, _)| of(&key.0)).collect();
    let number = |diagnosis: &str| known.iter().filter(|(_, is)| **is == diagnosis).count();
    // What the nearest quarter listed, less what is known.
    let mut not_known = 0;
    let places: BTreeSet<&(String, String)> = walk.truths.iter().flat_map(|truth| truth.listed.keys()).collect();
    for place in places.into_iter().filter(|place| of(&place.0) && !truth.listed.contains_key(place)) {
        let mut order = (1..walk.truths.len()).flat_map(|apart| [at.checked_sub(apart), Some(at + apart)]).flatten();
        let nearest = order.find_map(|other| walk.truths.get(other)?.listed.get(place)).copied().unwrap_or(0);
        let here = truth.known.keys().filter(|key| (&key.0, &key.1) == (&place.0, &place.1)).count();
        not_known += nearest.saturating_sub(here);
    }
    let no_scan: usize = ["inspector_off", "empty"].into_iter().map(number).sum();
    // Inspector's coverage is known of what is unreadable: it rules out what it does not scan.
    let unreadable_and_scanned =
        known.iter().filter(|(key, is)| **is == "unreadable" && truth.scanned.contains(*key)).count();
    let mut numbers = BTreeMap::from([
        ("repositories", known.len()),
        ("not_known", not_known),
        ("to_scan", known.len() + not_known - no_scan),
        ("covered", number("covered")),
        ("covered_at_most", number("covered") + unreadable_and_scanned + not_known),
        ("needs_action", known.iter().filter(|(_, is)| needs(Some(is))).count()),
    ]);
    for diagnosis in ["blocked", "at_risk", "stale", "unreadable", "inspector_off", "empty", "undecided"] {
        numbers.insert(diagnosis, number(diagnosis));
    }
    if let Some(before) = before {
        let keys: BTreeSet<&Key> = truth.known.keys().chain(before.known.keys()).filter(|key| of(&key.0)).collect();
        let mut add = |name: &'static str, yes: bool| *numbers.entry(name).or_default() += usize::from(yes);
        for key in keys {
            let (was, is) = (before.known.get(key), truth.known.get(key));
            let was_read = before.listed.contains_key(&(key.0.clone(), key.1.clone()));
            let unknown_before = was == Some(&"unreadable") || was.is_none() && !was_read;
            add("new", !needs(was) && needs(is) && !unknown_before);
            add("not_known_before", !needs(was) && needs(is) && unknown_before);
            add("carried", needs(was) && needs(is));
            add("fixed", needs(was) && matches!(is, Some(&("covered" | "empty"))));
            add("not_known_any_more", needs(was) && matches!(is, Some(&"unreadable") | None));
        }
    }
    numbers
}

fn every_number_of_the_trend_is_counted(walk: &Walk) {
    let rows = walk.csv(6, "trend.csv");
    let mut seen = 0;
    for row in &rows {
        let at = walk.truths.iter().position(|truth| truth.clock == row["audit"]).expect("an audit");
        let unit = &walk.truths[at].unit;
        let whole = row["of"] == "organization";
        let numbers =
            expected(walk, at, &|account| whole || unit.get(account).is_some_and(|unit| *unit == row["ou_path"]));
        for (name, number) in numbers {
            assert_eq!(row[name], number.to_string(), "{name} of {} at {}", row["ou_path"], row["audit"]);
            seen += number;
        }
        assert_eq!(row["complete"], "no", "policies that refuse the auditor are there in every quarter");
    }
    let organization = rows.iter().filter(|row| row["of"] == "organization").count();
    let units: BTreeSet<&String> = rows.iter().map(|row| &row["ou_path"]).collect();
    assert_eq!((organization, units.len()), (Quarters::NUMBER, 21), "twenty units, and those directly under the root");
    assert!(seen > 10_000, "{seen}");
}

fn findings_have_an_age_and_repairs_a_time(walk: &Walk) {
    let rows = walk.csv(6, "trend.csv");
    let whole: Vec<&Row> = rows.iter().filter(|row| row["of"] == "organization").collect();
    // The first quarter since which no later one shows it without: what is not known does not end it.
    let mut since: BTreeMap<&Key, usize> = BTreeMap::new();
    let mut repaired: Vec<Vec<i64>> = Vec::new();
    for (truth, at) in walk.truths.iter().zip(0..) {
        let mut days = Vec::new();
        for (key, is) in &truth.known {
            if needs(Some(is)) {
                since.entry(key).or_insert(at);
            } else if *is != "unreadable"
                && let Some(first) = since.remove(key)
                && matches!(*is, "covered" | "empty")
            {
                let time = |at: usize| walk.truths[at].clock.parse::<jiff::Timestamp>().expect("a time");
                days.push(time(at).duration_since(time(first)).as_hours() / 24);
            }
        }
        // No longer listed is gone.
        since.retain(|key, _| {
            truth.known.contains_key(key) || !truth.listed.contains_key(&(key.0.clone(), key.1.clone()))
        });
        days.sort_unstable();
        repaired.push(days);
    }
    for (row, at) in whole.iter().zip(0..) {
        let last = walk.truths.last().expect("the last");
        let open = since.iter().filter(|(key, first)| **first == at && needs(last.known.get(**key))).count();
        assert_eq!(row["first_seen_and_open"], open.to_string(), "{}", row["audit"]);
        let days = &repaired[at];
        assert_eq!(row["repaired"], days.len().to_string(), "{}", row["audit"]);
        let (middle, longest) = (days.get(days.len() / 2), days.last());
        let text = |number: Option<&i64>| number.map_or_else(String::new, ToString::to_string);
        assert_eq!(row["repaired_after_days"], text(middle), "{}", row["audit"]);
        assert_eq!(row["repaired_after_days_longest"], text(longest), "{}", row["audit"]);
    }
    assert!(repaired.iter().flatten().any(|days| *days > 100), "some were open for two quarters");
}

fn the_trend_is_the_same_everywhere(walk: &Walk) {
    let folder = walk.folder.path().join("q6");
    let rows = walk.csv(6, "trend.csv");
    let json: serde_json::Value =
        serde_json::from_slice(&fs_err::read(folder.join("audit.json")).expect("a file")).expect("JSON");
    let of_json = json["trend"].as_array().expect("rows");
    assert_eq!(of_json.len(), rows.len());
    for (row, one) in rows.iter().zip(of_json) {
        for (name, text) in row {
            let value = match &one[name] {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(value, *text, "{name}");
        }
    }
    let mut workbook: Xlsx<_> = open_workbook(folder.join("audit.xlsx")).expect("a workbook");
    let sheet = workbook.worksheet_range("Trend").expect("a sheet");
    assert_eq!(sheet.rows().count(), rows.len() + 1);
    // Every bad text is one row, in however many accounts it is, and whatever account it names.
    let texts = workbook.worksheet_range("Policies").expect("a sheet").rows().count() - 1;
    let of_accounts = walk.csv(6, "policies.csv").len();
    assert!(texts <= 4 && of_accounts > 4 * texts, "{texts} texts in {of_accounts} rows of accounts");
    let summary = workbook.worksheet_range("Summary").expect("a sheet");
    let at = summary.rows().position(|row| row[0] == Data::String("Trend".to_owned())).expect("a table");
    for (row, line) in rows.iter().filter(|row| row["of"] == "organization").zip(summary.rows().skip(at + 2)) {
        let number = |name: &str| row[name].parse::<f64>().map_or(Data::Empty, Data::Float);
        let names = ["covered_percent", "covered_percent_at_most", "needs_action"];
        for (name, column) in names.into_iter().zip(1..) {
            assert_eq!(line[column], number(name), "{name} of {}", row["audit"]);
        }
        assert_eq!(line[5], number("fixed"));
    }
    let screen = fs_err::read_to_string(walk.folder.path().join("screen.txt")).expect("a screen");
    let page = fs_err::read_to_string(folder.join("report.html")).expect("a page");
    let line = screen.lines().find(|line| line.starts_with("Trend ")).expect("a line");
    for row in rows.iter().filter(|row| row["of"] == "organization") {
        let range = match (&row["covered_percent"], &row["covered_percent_at_most"]) {
            (least, most) if least == most => format!("{least} %"),
            (least, most) => format!("{least} to {most} %"),
        };
        assert!(line.contains(&range) && page.contains(&range), "{range}: {line}");
    }
    let first = walk.truths[0].clock.split('T').next().expect("a date");
    assert!(line.ends_with(&format!("the oldest since {first}")), "{line}");
}

fn what_was_not_read_is_a_range(walk: &Walk) {
    let page = fs_err::read_to_string(walk.folder.path().join("q6/report.html")).expect("a page");
    assert!(!page.contains("<circle"), "no audit was complete");
    assert!(page.contains("class=\"range\""));
    browser("access", &walk.folder.path().join("q6/report.html"), "");
}

fn what_is_no_part_of_a_history_is_named(walk: &Walk) {
    let at = |name: &str| walk.folder.path().join(name).to_string_lossy().into_owned();
    let other = Scangap::new(&["demo", "--out", &at("other")]).run();
    assert_eq!(other.code, 3);
    let refused = Scangap::new(&["report", &at("q5"), "--out", &at("no"), "--history", &at("q1"), &at("other")]).run();
    assert_eq!(refused.code, 65, "{}", refused.stderr);
    assert!(refused.stderr.contains("other/snapshot.db` is no part of this history"), "{}", refused.stderr);
    // A pattern names all there are: what is later is left out, and said.
    let later = Scangap::new(&["report", &at("q2"), "--out", &at("q7"), "--history", &at("q1"), &at("q5")]).run();
    assert_eq!(later.code, 3, "{}", later.stderr);
    assert!(
        later.stderr.contains("q5/snapshot.db is later than the audit that is reported: left out"),
        "{}",
        later.stderr
    );
    assert_eq!(walk.csv(7, "trend.csv").iter().filter(|row| row["of"] == "organization").count(), 2);
}

// Holds: 15 Must be shown: five quarters of a generated organization are diagnosed as its scenario says
// Holds: 15 Trend: every number of the trend, of the organization and of each unit, against a count of the scenarios' truth
// Holds: 15 Trend: since when each finding is there, and how long repairs took
// Holds: 15 Trend: the screen, the page, the workbook and JSON have the same numbers as the CSV
// Holds: 15 Trend: an audit that did not read everything is drawn as a range, never as a point
// Holds: 15 Trend: an audit of another organization, or of a simulation among real ones, is no part of a history, and named; a later one is left out
#[test]
fn five_quarters_are_counted_and_shown_as_they_are() {
    let walk = walk();
    each_quarter_is_diagnosed_as_its_truth_says(&walk);
    every_number_of_the_trend_is_counted(&walk);
    findings_have_an_age_and_repairs_a_time(&walk);
    the_trend_is_the_same_everywhere(&walk);
    what_was_not_read_is_a_range(&walk);
    what_is_no_part_of_a_history_is_named(&walk);
}
