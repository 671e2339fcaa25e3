//! Coverage is about images: a repository whose own row is ACTIVE is covered only if an image of it is.

use scangap_tests::{Audited, Scangap, Simulated, organization, simulate};

fn with(registry: &str, extra: &str) -> Simulated {
    simulate(organization(&format!(
        "[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\n[[accounts.registries]]\nregion = \"eu-west-1\"\n{registry}\n{extra}"
    )))
}

fn audit(simulator: &Simulated, arguments: &[&str]) -> Audited {
    let audited = Scangap::audit(simulator).args(arguments).args(&["--timeout", "5"]).into_folder();
    assert!(simulator.mutating_calls().is_empty(), "{:?}", simulator.mutating_calls());
    audited
}

fn columns(audited: &Audited, repository: &str) -> [String; 5] {
    let row = audited.repository(repository);
    ["diagnosis", "images_scanned", "images_not_scanned", "image_reasons", "images_in_use_not_scanned"]
        .map(|column| row[column].clone())
}

const EXPIRED: &str = r#"
[[accounts.registries.repositories]]
name = "app"
coverage = { status = "ACTIVE", reason = "SUCCESSFUL" }
images = [{ copies = 3, findings = 0, in_use = 1, coverage = { status = "INACTIVE", reason = "SCAN_ELIGIBILITY_EXPIRED" } }]
"#;

// Holds: 1 Coverage is about images: a repository whose own row is ACTIVE and of which every image is INACTIVE is `limited`, fails OCSF and reaches `--fail-on`
#[test]
fn a_repository_of_which_no_image_is_scanned_is_limited_whatever_its_own_row_says() {
    let simulator = with(EXPIRED, "");
    let audited = audit(&simulator, &["--fail-on", "limited", "--ocsf"]).expect_code(2);
    assert_eq!(
        columns(&audited, "app"),
        ["limited", "0", "3", r#"{"SCAN_ELIGIBILITY_EXPIRED":3}"#, "3"].map(str::to_owned)
    );
    let row = audited.repository("app");
    assert_eq!(row["coverage_status"], "ACTIVE");
    assert!(row["next_step"].contains("pull an image"), "{}", row["next_step"]);
    let ocsf = String::from_utf8(audited.bytes("ocsf.jsonl")).expect("text");
    assert!(ocsf.contains("\"Fail\"") && !ocsf.contains("\"Pass\""), "{ocsf}");
}

// Holds: 1 Coverage is about images: whatever the reason; a first scan that waits is `changing`
#[test]
fn every_reason_that_is_not_a_scan_is_limited_and_a_first_scan_that_waits_is_changing() {
    for reason in ["UNSUPPORTED_OS", "UNSUPPORTED_MEDIA_TYPE", "IMAGE_ARCHIVED", "NO_RESOURCES_FOUND", "OF_TOMORROW"] {
        let simulator = with(&EXPIRED.replace("SCAN_ELIGIBILITY_EXPIRED", reason), "");
        assert_eq!(audit(&simulator, &[]).expect_code(0).diagnosis("app"), "limited", "{reason}");
    }
    let simulator = with(&EXPIRED.replace("SCAN_ELIGIBILITY_EXPIRED", "PENDING_INITIAL_SCAN"), "");
    assert_eq!(audit(&simulator, &[]).expect_code(0).diagnosis("app"), "changing");
}

// Holds: 1 Coverage is about images: a row that names no image is `empty` or `limited`, by what ECR says
#[test]
fn a_row_without_an_image_row_is_empty_or_limited() {
    let none = r#"coverage = { status = "none" }"#;
    let simulator = with(
        &format!(
            r#"
[[accounts.registries.repositories]]
name = "empty"
coverage = {{ status = "ACTIVE", reason = "SUCCESSFUL" }}
images = []
[[accounts.registries.repositories]]
name = "silent"
coverage = {{ status = "ACTIVE", reason = "SUCCESSFUL" }}
images = [{{ {none} }}]
"#
        ),
        "",
    );
    let audited = audit(&simulator, &[]).expect_code(0);
    assert_eq!(columns(&audited, "empty")[..3], ["empty", "0", "0"].map(str::to_owned));
    assert_eq!(columns(&audited, "silent")[..3], ["limited", "0", "0"].map(str::to_owned));
}

const PARTLY: &str = r#"
[[accounts.registries.repositories]]
name = "app"
images = [
  { copies = 37 },
  { index = true, in_use = 2 },
  { copies = 3, findings = 0, coverage = { status = "INACTIVE", reason = "UNSUPPORTED_OS" } },
]
"#;

// Holds: 1 Coverage is about images: `covered, 37 of 40 images` on the screen, the page and in the columns; an index counts by its children
#[test]
fn covered_is_shown_with_its_images_and_an_index_counts_by_its_children() {
    let simulator = with(PARTLY, "");
    let audited = audit(&simulator, &[]).expect_code(0);
    // Whether children of an index that is in use run is not known.
    assert_eq!(
        columns(&audited, "app"),
        ["covered", "37", "3", r#"{"UNSUPPORTED_OS":3}"#, "unknown"].map(str::to_owned)
    );
    assert!(!audited.repository("app")["newest_image_scanned_at"].is_empty());
    let screen = &audited.finished.stdout;
    assert!(screen.contains("Covered 1 of all 1 (100.0 %), 37 of 40 images"), "{screen}");
    assert!(screen.contains("Images 40: 3 not scanned (UNSUPPORTED_OS 3)"), "{screen}");
    let page = String::from_utf8(audited.bytes("report.html")).expect("text");
    assert!(page.contains("1 of 1 repository is covered, 37 of 40 images"), "the headline counts no images");
    assert_eq!(audited.json("summary.json")["images"]["not_scanned"], 3);
}

// Holds: 1 Coverage is about images: image rows are kept one by one only with `--images`
#[test]
fn rows_are_kept_one_by_one_only_where_they_are_asked_for() {
    let simulator = with(PARTLY, "");
    let plain = audit(&simulator, &[]).expect_code(0);
    assert!(!plain.out.join("images.csv").exists());
    let kept = audit(&simulator, &["--images"]).expect_code(0);
    let images = kept.csv("images.csv");
    assert_eq!(images.len(), 41);
    let of = |word: &str| images.iter().filter(|row| row["scanned"] == word).count();
    assert_eq!((of("yes"), of("no"), of("by its children")), (37, 3, 1));
    // The same reports again from the snapshot alone.
    let again = kept.out.join("again");
    let report =
        Scangap::new(&["report", &kept.out.join("snapshot.db").to_string_lossy(), "--out", &again.to_string_lossy()]);
    assert_eq!(report.run().code, 0);
    assert_eq!(fs_err::read(again.join("images.csv")).expect("a file"), kept.bytes("images.csv"));
}

// Holds: 1 Coverage is about images: a list of images that broke off is unknown and a gap
#[test]
fn a_list_of_images_that_breaks_off_is_unknown_and_never_all() {
    let fault = r#"
[[faults]]
kind = "error"
operation = "inspector2:ListCoverage"
resource = "AWS_ECR_CONTAINER_IMAGE"
code = "ValidationException"
http_status = 400
"#;
    let simulator = with(&format!("{PARTLY}\n[[accounts.registries.repositories]]\nname = \"other\"\n"), fault);
    let audited = audit(&simulator, &[]).expect_code(3);
    assert_eq!(columns(&audited, "app"), ["unreadable", "unknown", "unknown", "unknown", "unknown"].map(str::to_owned));
    assert_eq!(audited.gaps(), ["inspector2:ListCoverage refused"]);
    assert!(audited.finished.stdout.contains("unknown in 2 repositories"), "{}", audited.finished.stdout);
}

// Holds: 1 Coverage is about images: image rows are read where they are cheapest
#[test]
fn the_administrators_stream_is_left_where_the_accounts_own_lists_are_shorter() {
    // 10,200 images in one account: more than 50 pages of the administrator's list.
    let many = r#"
[[accounts.registries.repositories]]
name = "many"
images = [{ copies = 10200, findings = 0 }]
"#;
    let other = r#"
[[accounts]]
id = "444444444444"
name = "closed"
roles = []
registries = [{ region = "eu-west-1", repositories = [{ name = "seen" }] }]
"#;
    let simulator = with(many, other);
    let audited = audit(&simulator, &[]).expect_code(3);
    assert_eq!(columns(&audited, "many")[..3], ["covered", "10200", "0"].map(str::to_owned));
    // An account that does not open is asked about at the administrator, and it alone.
    assert_eq!(columns(&audited, "seen")[..3], ["unreadable", "1", "0"].map(str::to_owned));
    let pages = |account: &str| {
        let images = simulator.calls().into_iter().filter(|call| call.resource == "AWS_ECR_CONTAINER_IMAGE");
        images
            .filter(|call| call.region == "eu-west-1" && call.account.is_some_and(|id| id.to_string() == account))
            .count()
    };
    assert_eq!((pages("222222222222"), pages("333333333333")), (52, 51));
}
