//! `report.html` in a real browser: what the script adds, that the page is whole without it, and that it asks nobody for
//! anything. What is checked stands in `tests/tools/browser/drive.mjs`.

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

#[test]
fn a_search_narrows_the_table() {
    check("search");
}

#[test]
fn facets_narrow_the_table_and_count_what_they_would_show() {
    check("facets");
}

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

#[test]
fn on_paper_every_row_stands_and_nothing_is_folded() {
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
