//! `report.html` in a real browser: what the script adds, that the page is complete without it, and that it makes no network
//! request. The checks are in `tests/tools/browser/drive.mjs`.

use scangap_simorg::{Generate, Simulator};
use scangap_tests::{Scangap, browser, simulate};

use crate::demo::demo;

fn check(name: &str) {
    browser(name, &demo().out.join("report.html"), "");
}

#[test]
fn columns_sort_the_worst_first_and_either_way() {
    check("sort");
}

// Holds: 15 Page: every word of a search has to match, prefixes look into one place, and nothing found says so
#[test]
fn a_search_narrows_the_table() {
    check("search");
}

#[test]
fn facets_narrow_the_table_and_count_what_they_would_show() {
    check("facets");
}

// Holds: 15 Page: the map is one screen with one tab stop, and each square has its words
#[test]
fn the_map_and_the_figures_lead_into_the_table() {
    check("map");
}

#[test]
fn an_address_is_a_view_and_no_address_acts() {
    check("address");
}

#[test]
fn a_panel_shows_the_policy_the_repair_and_the_command() {
    check("panel");
}

#[test]
fn everything_can_be_reached_by_keyboard() {
    check("keyboard");
}

#[test]
fn columns_can_be_chosen() {
    check("columns");
}

#[test]
fn nothing_is_asked_for_and_nothing_else_runs() {
    check("network");
}

#[test]
fn without_its_script_the_page_says_what_needs_action() {
    check("still");
}

// Holds: 15 Page: on paper twenty pages at most by default, and everything by choice
#[test]
fn on_paper_is_what_is_signed_and_everything_by_choice() {
    check("print");
}

#[test]
fn axe_finds_nothing_in_light_dark_or_narrow() {
    check("access");
}

#[test]
fn every_row_of_a_long_table_can_be_reached() {
    let scenario = Generate { accounts: 14, regions: 2, repositories: 12, seed: 2 }.scenario();
    let key = Simulator::access_key(&scenario.organization.management_account);
    let simulator = simulate(scenario);
    let audited = Scangap::audit_at(&simulator.url(), &key).into_folder().expect_code(0);
    let rows = audited.csv("repositories.csv").len();
    browser("long", &audited.out.join("report.html"), &rows.to_string());
}

/// Of two repositories one has no repair: its policy is as long as AWS stores, and an exemption would be longer.
const ONE_WITHOUT_REPAIR: &str = r#"
[[accounts]]
id = "333333333333"
name = "alpha"
[[accounts.registries]]
region = "eu-west-1"
[[accounts.registries.repositories]]
name = "team/one"
policy = "short"
coverage = { status = "INACTIVE", reason = "ACCESS_DENIED" }
[[accounts.registries.repositories]]
name = "team/two"
policy = "long"
coverage = { status = "INACTIVE", reason = "ACCESS_DENIED" }
"#;

// Holds: 5 Advice that harms: the commands that a page shows write a file of their own, and none that is left from another
#[test]
fn the_commands_that_are_shown_store_no_policy_of_another_repository() {
    let deny =
        |sid: &str| format!(r#"{{"Statement":{{"Sid":"{sid}","Effect":"Deny","Principal":"*","Action":"ecr:*"}}}}"#);
    let policy =
        |name: &str, text: &str| format!("[[policies]]\nname = \"{name}\"\ninspector = \"denied\"\ntext = '{text}'\n");
    let policies = [policy("short", &deny("A")), policy("long", &deny(&"x".repeat(10_140)))].concat();
    let simulator = scangap_tests::simulate(scangap_tests::organization(&format!("{policies}{ONE_WITHOUT_REPAIR}")));
    let audited = Scangap::audit(&simulator).into_folder().expect_code(0);
    let page = String::from_utf8(audited.bytes("report.html")).expect("UTF-8");
    let shown: std::collections::BTreeSet<String> = page
        .split("scangap explain --snapshot")
        .skip(1)
        .filter_map(|rest| rest.split(['\n', '<']).next())
        .map(|rest| format!("scangap explain --snapshot{}", rest.replace("&#39;", "'").replace("&#34;", "\"")))
        .filter(|line| line.contains("--write") && !line.contains("${"))
        .collect();
    assert_eq!(shown.len(), 1, "where there is no repair nothing is shown to type: {shown:?}");
    // The same command for the repository without a repair must leave no older file in place.
    let other = |line: &str| line.replace("team/one", "team/two").replace("team+one", "team+two");
    let shown: Vec<String> = shown.iter().flat_map(|line| [line.clone(), other(line)]).collect();
    let left = shown[1].rsplit(' ').next().expect("a file").trim_matches('\'');
    fs_err::write(audited.out.join(left), "{}").expect("a file");
    let mut files = std::collections::BTreeSet::new();
    for line in &shown {
        let file = line.rsplit(' ').next().expect("a file").trim_matches('\'').to_owned();
        assert!(files.insert(file), "two commands write one file: {shown:?}");
        let line = line.replacen("scangap", &scangap_tests::program().to_string_lossy(), 1);
        let ran = std::process::Command::new("sh").args(["-c", &line]).current_dir(&audited.out).output();
        assert_eq!(ran.expect("a shell").status.code(), Some(2));
    }
    let written: Vec<&String> = files.iter().filter(|file| audited.out.join(file).exists()).collect();
    assert_eq!(written.len(), 1, "{files:?}");
    assert!(written[0].contains("team+one"), "{written:?}");
}
