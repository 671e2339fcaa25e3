//! The first command of the README.

use std::collections::BTreeSet;

use scangap_tests::{Audited, Scangap};

pub(crate) fn demo() -> Audited {
    let call = Scangap::new(&["demo"]);
    call.into_folder().expect_code(3)
}

#[test]
fn the_demo_holds_every_diagnosis_and_the_journey_by_name() {
    let audited = demo();
    let found: BTreeSet<String> =
        audited.csv("repositories.csv").into_iter().map(|row| row["diagnosis"].clone()).collect();
    let schema = Scangap::new(&["schema", "diagnoses"]).run().stdout;
    let known: Vec<serde_json::Value> = serde_json::from_str(&schema).expect("JSON");
    let known: BTreeSet<String> = known.iter().map(|d| d["diagnosis"].as_str().expect("a word").to_owned()).collect();
    assert_eq!(found, known);
    assert_eq!(audited.diagnosis("journey/1-blocked"), "blocked");
    assert_eq!(audited.diagnosis("journey/2-repaired-and-pushed-again"), "covered");
    assert_eq!(audited.diagnosis("journey/3-repaired-and-still-denied"), "stale");
}

#[test]
fn everything_the_demo_writes_says_simulated() {
    let audited = demo();
    for file in ["repositories.csv", "registries.csv", "accounts.csv", "gaps.csv"] {
        assert!(audited.csv(file).iter().all(|row| row["simulated"] == "yes"), "{file}");
    }
    for file in ["summary.json", "run.json", "manifest.json"] {
        assert_eq!(audited.json(file)["simulated"], true, "{file}");
    }
    assert!(audited.finished.stdout.contains("SIMULATED"));
    let names: BTreeSet<String> = fs_err::read_dir(&audited.out)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    let expected = "accounts.csv actions.csv audit.json audit.xlsx causes.csv gaps.csv manifest.json policies.csv registries.csv report.html repositories.csv repositories.jsonl run.json snapshot.db summary.json";
    assert_eq!(names.into_iter().collect::<Vec<_>>().join(" "), expected);
}

#[test]
fn the_demo_makes_no_use_of_the_users_aws_configuration() {
    let call = Scangap::new(&["demo"])
        .env("AWS_PROFILE", "there-is-no-such-profile")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .env("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1")
        .env("AWS_REGION", "cn-north-1");
    let _ = call.into_folder().expect_code(3);
}

#[test]
fn without_out_the_folder_is_named_by_date_and_organization() {
    let finished = Scangap::new(&["demo", "--quiet"]).run();
    assert_eq!(finished.code, 3, "{}", finished.stderr);
    let runs: Vec<String> = fs_err::read_dir(finished.home.path().join("runs"))
        .expect("runs")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(runs.len(), 1);
    assert!(runs[0].ends_with("-o-exampleorg") && runs[0].starts_with("20"), "{runs:?}");
}
