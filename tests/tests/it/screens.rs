//! What the screen shows, whole: every help page, and the commands of the main job. A change of a word is seen here, and is
//! accepted with `INSTA_UPDATE=always`.

use std::path::{Path, PathBuf};

use regex::Regex;
use scangap_tests::{Finished, Scangap, Simulated};

use crate::apply::{LOST, Planned, plan_of};
use crate::resync::{STALE_REGISTRY, at, audit, snapshot, stale};

/// Both streams and the exit code. What differs between any two runs is masked.
fn screen(call: &Finished, folders: &[&Path]) -> String {
    let mut text = format!("exit code {}\n--- stdout\n{}--- stderr\n{}", call.code, call.stdout, call.stderr);
    for folder in folders {
        text = text.replace(&*folder.to_string_lossy(), "FOLDER");
    }
    let masks = [
        (r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:PORT"),
        (r"\b[0-9a-f]{64}\b", "SHA256"),
        (r"scangap \d+\.\d+\.\d+ \([^)]*\)", "scangap VERSION"),
        (r"\b(plan|facts) [0-9a-f]{12}\b", "$1 HASH12"),
        (r"\b[0-9a-f]{57}\.\.\.", "HASH..."),
        (r"-\d{8}T\d+Z", "-TIME"),
        (r"\d+\.\d+s, \d+ calls, \d+ throttled", "DURATION, N calls, N throttled"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
        (r"\d{4}-\d\d-\d\d", "DATE"),
        (r"[ \t]+\n", "\n"),
    ];
    for (pattern, mask) in masks {
        text = Regex::new(pattern).expect("a pattern").replace_all(&text, mask).into_owned();
    }
    text
}

pub(crate) fn commands() -> Vec<String> {
    let help = Scangap::new(&["--help"]).run().stdout;
    let listed = help.lines().skip_while(|line| !line.starts_with("Usage:")).skip(1);
    let listed = listed.take_while(|line| *line != "Options:");
    let listed = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    listed.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn every_help_page() {
    insta::assert_snapshot!("help", screen(&Scangap::new(&["--help"]).run(), &[]));
    insta::assert_snapshot!("help-short", screen(&Scangap::new(&["-h"]).run(), &[]));
    insta::assert_snapshot!("help-audit-short", screen(&Scangap::new(&["audit", "-h"]).run(), &[]));
    insta::assert_snapshot!("nothing", screen(&Scangap::new(&[]).run(), &[]));
    let commands = commands();
    assert!(commands.len() > 9, "{commands:?}");
    for command in commands {
        let call = Scangap::new(&[&command, "--help"]).run();
        insta::assert_snapshot!(format!("help-{command}"), screen(&call, &[]));
    }
}

#[test]
fn the_first_command() {
    let call = Scangap::new(&["demo", "--out", "out"]).run();
    insta::assert_snapshot!("demo", screen(&call, &[call.home.path()]));
}

fn organization() -> (Simulated, PathBuf, Planned) {
    let denied = "[[accounts.registries.repositories]]\nname = \"shut\"\npolicy = \"office\"\n";
    let simulator = stale("", &format!("{STALE_REGISTRY}{denied}"), "");
    let audited = audit(&simulator);
    assert_eq!(audited.finished.code, 0, "{}", audited.finished.stderr);
    let plan = plan_of(&simulator, &audited, &[]);
    let kept = plan.home.path().join("audit");
    fs_err::create_dir_all(&kept).expect("a folder");
    for file in fs_err::read_dir(&audited.out).expect("the folder") {
        let file = file.expect("an entry");
        fs_err::copy(file.path(), kept.join(file.file_name())).expect("a copy");
    }
    (simulator, kept, plan)
}

#[test]
fn the_main_job_on_the_screen() {
    let (simulator, audited, planned) = organization();
    let home = planned.home.path();
    let earlier = audited.join("snapshot.db").to_string_lossy().into_owned();
    let show = |name: &str, call: Finished| {
        insta::assert_snapshot!(name, screen(&call, &[home, call.home.path()]));
    };
    let again = at(&simulator, &["audit", "--as-of", &scangap_tests::now().to_string(), "--out", "again"]);
    show("audit", again.run());
    let folder = planned.folder.to_string_lossy().into_owned();
    let plan = ["plan", &earlier, "--min-age", "0h", "--collect", "--out", "plan"];
    show("plan", at(&simulator, &plan).run());
    show("plan-of-nothing", Scangap::new(&["plan", &earlier, "--accounts", "111111111111"]).run());
    show("rehearse", Scangap::new(&["rehearse", &folder, "--snapshot", &earlier]).run());
    show("apply-dry-run", planned.apply(&simulator, &["--dry-run"]));
    show("apply-without-consent", planned.apply(&simulator, &[]));
    let wrong = ["--write-role-name", "NoSuchRole", "--dry-run"];
    show("apply-wrong-role", at(&simulator, &[&["apply", &folder], &wrong[..]].concat()).run());
    show("apply", planned.apply(&simulator, &["--confirm", "o-testing", "--accept-history-loss", LOST]));
    show("apply-again", planned.apply(&simulator, &["--confirm", "o-testing", "--accept-history-loss", LOST]));
    let later = audit(&simulator).expect_code(0);
    show("diff", Scangap::new(&["diff", &earlier, &snapshot(&later)]).run());
    show("verify", Scangap::new(&["verify", &audited.to_string_lossy()]).run());
    let of_repository = ["explain", "--snapshot", &earlier, "--account", "333333333333", "--region", "eu-west-1"];
    show("explain-snapshot", Scangap::new(&[&of_repository[..], &["--repository", "shut"]].concat()).run());
}

#[test]
fn a_policy_explained_on_the_screen() {
    for (name, more) in [("explain", &[][..]), ("explain-fix", &["--fix"]), ("explain-json", &["--output", "json"])] {
        let arguments =
            [&["explain", "-", "--account", "333333333333", "--as-of", "2026-11-23T09:00:00Z"], more].concat();
        let call = Scangap::new(&arguments).run_with(crate::journey::BEFORE);
        insta::assert_snapshot!(name, screen(&call, &[]));
    }
}
