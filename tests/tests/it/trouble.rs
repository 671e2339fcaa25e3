//! Failures while a plan is applied: network, credentials, throttling, Inspector itself, changes by other people, and Ctrl-C.
//! Every later command names a registry that is left without scanning, with the commands that re-enable it.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use scangap_simorg::scenario::{FaultKind, FaultSpec};
use scangap_tests::{Finished, Operator, Scangap, Simulated};
use serde_json::json;

use crate::apply::{LOST, Planned, ROLE, ecr_status, mutations, plan_of, scanning, stale_plan};
use crate::resync::{OPEN, STALE_REGISTRY, at, audit, stale};
use crate::way_back::until;

pub(crate) fn fault(operation: &str, kind: FaultKind, count: Option<u64>) -> FaultSpec {
    FaultSpec { kind, count, ..FaultSpec::of(operation, "InternalServerException", 500) }
}

/// A fault on the Enable calls that turn scanning on. The first Enable of each registry only checks the permission.
pub(crate) fn enable_fault(kind: FaultKind, count: u64) -> FaultSpec {
    FaultSpec { skip: 1, ..fault("inspector2:Enable", kind, Some(count)) }
}

/// Applies a plan despite a fault, and checks the final state.
fn in_spite_of(trouble: impl Fn(&Simulated)) -> (Simulated, Planned, Finished) {
    let simulator = stale("", STALE_REGISTRY, "");
    let before = scanning(&simulator);
    let plan = stale_plan(&simulator);
    trouble(&simulator);
    let call = plan.consented_for("4s", &simulator, &[]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!((ecr_status(&simulator).as_str(), scanning(&simulator)), ("ENABLED", before));
    assert_eq!(simulator.losses(), (128, 2), "once");
    (simulator, plan, call)
}

#[test]
fn answers_that_are_lost_and_throttles_are_lived_through() {
    let places = [
        ("inspector2:Enable", 0),
        ("inspector2:Disable", 0),
        ("inspector2:Enable", 1),
        ("ecr:PutRegistryScanningConfiguration", 0),
    ];
    for (operation, skip) in places {
        for kind in [FaultKind::Reset, FaultKind::ResetAfter, FaultKind::Error] {
            let trouble = || FaultSpec { skip, ..fault(operation, kind, Some(1)) };
            let (simulator, ..) = in_spite_of(|simulator| simulator.add_fault(trouble()));
            let done: Vec<String> = mutations(&simulator);
            let effective = simulator.mutating_calls().into_iter().filter(|call| {
                call.operation == operation
                    && call.error.is_empty()
                    && (call.status == 200 || kind == FaultKind::ResetAfter)
            });
            // If the response to the permission check is lost, the check is repeated: it changes nothing.
            let trials = usize::from((operation, skip, kind) == ("inspector2:Enable", 0, FaultKind::ResetAfter));
            assert_eq!(effective.count(), 1 + trials, "{operation} {skip} {kind:?}: {done:?}");
        }
    }
    in_spite_of(|simulator| {
        for operation in ["inspector2:Disable", "inspector2:Enable", "ecr:PutRegistryScanningConfiguration"] {
            let mut throttle = FaultSpec::of(operation, "ThrottlingException", 429);
            throttle.count = Some(2);
            simulator.add_fault(throttle);
        }
    });
    in_spite_of(|simulator| simulator.add_fault(enable_fault(FaultKind::Error, 3)));
}

/// Also where a status does not show that a change is under way: what was accepted is asked for once.
#[test]
fn a_slow_inspector_is_waited_for() {
    for hidden in [false, true] {
        let mut scenario = crate::resync::stale_scenario("", STALE_REGISTRY);
        scenario.delays.toggle_ms = 1500;
        scenario.delays.hidden = hidden;
        let simulator = scangap_tests::simulate(scenario);
        let plan = stale_plan(&simulator);
        let call = plan.consented(&simulator, &[]);
        assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
        let toggles = ["inspector2:Disable", "inspector2:Enable"];
        assert_eq!(mutations(&simulator)[..2], toggles, "never on a timer");
        let names: Vec<String> =
            plan.journal().iter().map(|line| line["event"].as_str().expect("an event").to_owned()).collect();
        let expected = [
            "begin",
            "backed_up",
            "trying",
            "backed_up",
            "disabling",
            "accepted",
            "disabled",
            "enabling",
            "enabled",
            "restoring",
            "restored",
            "done",
            "end",
        ];
        assert_eq!(names, expected, "hidden: {hidden}");
    }
}

/// The response to a Disable is lost and the status stays ENABLED for a while: it is neither assumed done nor done twice.
#[test]
fn a_disable_that_shows_late_is_not_repeated_and_not_forgotten() {
    for kind in [None, Some(FaultKind::ResetAfter)] {
        let mut scenario = crate::resync::stale_scenario("", STALE_REGISTRY);
        scenario.delays.toggle_ms = 2500;
        scenario.delays.hidden = true;
        let simulator = scangap_tests::simulate(scenario);
        let before = scanning(&simulator);
        let plan = stale_plan(&simulator);
        if let Some(kind) = kind {
            simulator.add_fault(fault("inspector2:Disable", kind, Some(1)));
        }
        let call = plan.consented_for("6s", &simulator, &[]);
        assert!(matches!(call.code, 0 | 1), "{}{}", call.stdout, call.stderr);
        if call.code == 1 {
            let call = plan.apply(&simulator, &["--resume", "--wait", "20s"]);
            assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
        }
        assert_eq!(
            (ecr_status(&simulator).as_str(), scanning(&simulator)),
            ("ENABLED", before),
            "{:#?}",
            plan.journal()
        );
        assert_eq!(simulator.losses(), (128, 2), "{:#?}", plan.journal());
        until("every change shows", || simulator.is_settled());
        assert_eq!(ecr_status(&simulator), "ENABLED", "nothing comes through later");
        // Inspector answers a second Disable by saying that one is in progress: nothing is turned off twice.
        assert_eq!(simulator.losses_one_by_one().len(), 1, "{:#?}", plan.journal());
    }
}

#[test]
fn a_scanning_configuration_that_cannot_be_put_back_is_named_too() {
    let simulator = stale("", STALE_REGISTRY, "");
    let before = scanning(&simulator);
    let plan = stale_plan(&simulator);
    simulator.add_fault(FaultSpec::of("ecr:PutRegistryScanningConfiguration", "AccessDeniedException", 403));
    let call = plan.consented_for("1s", &simulator, &[]);
    assert_eq!(call.code, 5, "{}{}", call.stdout, call.stderr);
    let other = Scangap::new(&["schema", "exit-codes"]).env("HOME", &plan.home.path().to_string_lossy()).run();
    assert_eq!(other.code, 5);
    assert!(other.stderr.contains("without its scanning configuration"), "{}", other.stderr);
    assert!(
        other
            .stderr
            .contains("aws ecr put-registry-scanning-configuration --region eu-west-1 --scan-type ENHANCED --rules '["),
        "{}",
        other.stderr
    );
    simulator.clear_faults();
    // An audit that is incomplete beside it ends with this code too, and its screen says so.
    simulator.add_fault(FaultSpec::of("ecr:GetRepositoryPolicy", "AccessDeniedException", 403));
    let audit = at(&simulator, &["audit", "--out", &plan.home.path().join("again").to_string_lossy()]);
    let audit = audit.env("HOME", &plan.home.path().to_string_lossy()).run();
    assert_eq!(audit.code, 5, "{}{}", audit.stdout, audit.stderr);
    assert!(audit.stdout.contains("so the exit code is 5."), "{}", audit.stdout);
    simulator.clear_faults();
    let call = plan.apply(&simulator, &["--resume", "--wait", "20s"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!((ecr_status(&simulator).as_str(), scanning(&simulator)), ("ENABLED", before));
}

/// A plan for two accounts. The role in one can no longer be assumed; the open registry in the other is re-enabled all the same.
#[test]
fn what_is_open_is_brought_back_whatever_else_stands_against_the_plan() {
    let second = format!("[[accounts]]\nid = \"444444444444\"\nname = \"beta\"\n{STALE_REGISTRY}");
    let simulator = stale("", &format!("{STALE_REGISTRY}{second}"), "");
    let plan = plan_of(&simulator, &audit(&simulator).expect_code(0), &[]);
    simulator.add_fault(FaultSpec { skip: 2, ..enable_fault(FaultKind::Error, 1000) });
    let consent = ["--confirm", "o-testing", "--accept-history-loss", "256", "--wait", "1s"];
    assert_eq!(plan.apply(&simulator, &consent).code, 5);
    assert_eq!(ecr_status(&simulator), "DISABLED");
    simulator.clear_faults();
    let mut closed = FaultSpec::of("sts:AssumeRole", "AccessDenied", 403);
    closed.account = Some("444444444444".to_owned());
    simulator.add_fault(closed);
    simulator.add_fault(FaultSpec::of("organizations:DescribeOrganization", "AccessDeniedException", 400));
    let call = plan.apply(&simulator, &["--resume", "--wait", "10s", "--blocklist", "333333333333"]);
    assert_ne!(call.code, 0, "the rest is refused");
    assert_eq!(ecr_status(&simulator), "ENABLED", "{}", call.stderr);
    assert!(!call.stderr.contains("may be without ECR scanning"), "{}", call.stderr);
    // An apply that died has no closing report. With nothing open, a refused resume writes one: what was done stays known.
    for name in ["applied.json", "applied.md"] {
        fs_err::remove_file(plan.folder.join(name)).expect("removed");
    }
    let call = plan.apply(&simulator, &["--resume", "--blocklist", "444444444444"]);
    assert_eq!(call.code, 64, "{}{}", call.stdout, call.stderr);
    let text = fs_err::read_to_string(plan.folder.join("applied.json")).expect("written although nothing went on");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(report["outcome"].as_str().is_some_and(|why| why.contains("444444444444")), "{text}");
    assert!(report["left_disabled"].as_array().is_some_and(Vec::is_empty), "{text}");
}

#[test]
fn a_registry_that_cannot_be_enabled_is_named_by_every_later_command_until_it_is() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    simulator.add_fault(enable_fault(FaultKind::Error, 1000));
    let call = plan.consented_for("2s", &simulator, &[]);
    let named = |call: &Finished, what: &str| {
        assert_eq!(call.code, 5, "{what}: {}{}", call.stdout, call.stderr);
        for text in [
            "account 333333333333 in eu-west-1 may be without ECR scanning",
            "aws inspector2 enable --region eu-west-1 --account-ids 333333333333 --resource-types ECR",
            "as account 222222222222",
            "journal.jsonl",
        ] {
            assert!(call.stderr.contains(text), "{what}: `{text}` is missing:\n{}", call.stderr);
        }
    };
    named(&call, "apply itself");
    assert!(
        call.stderr.contains("ECR scanning may be off, or its configuration another, in a registry of the plan"),
        "{}",
        call.stderr
    );
    assert_eq!(ecr_status(&simulator), "DISABLED");
    assert_eq!(plan.applied()["left_disabled"][0]["account_id"], "333333333333");
    let home = plan.home.path().to_string_lossy().into_owned();
    let other = |arguments: &[&str]| Scangap::new(arguments).env("HOME", &home).run();
    named(&other(&["schema", "exit-codes"]), "schema");
    named(&at(&simulator, &["audit", "--out", "later"]).env("HOME", &home).run(), "audit");
    named(&plan.apply(&simulator, &["--resume", "--wait", "1s"]), "a resume that fails too");
    // Without --resume it is not begun again.
    let begun = plan.consented(&simulator, &[]);
    assert!(begun.stderr.contains("was begun before"), "{}", begun.stderr);
    named(&begun, "apply without --resume");
    // Inspector recovers: the end of the faults is the end of the trouble.
    simulator.clear_faults();
    let call = plan.apply(&simulator, &["--resume", "--wait", "20s"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!(ecr_status(&simulator), "ENABLED");
    assert_eq!(simulator.losses(), (128, 2), "nothing more was lost");
    assert_eq!(other(&["schema", "exit-codes"]).code, 0);
    assert_eq!(audit(&simulator).expect_code(0).diagnosis("app"), "covered");
}

/// The one failure that a retry cannot undo: the role may call Disable but not Enable. Of two registries, Enable is refused
/// in the second, and the first is not turned off either.
#[test]
fn what_may_not_be_turned_on_again_is_not_turned_off() {
    let second = format!("[[accounts]]\nid = \"444444444444\"\nname = \"beta\"\n{STALE_REGISTRY}");
    let denied = FaultSpec::of("inspector2:Enable", "AccessDeniedException", 403);
    let blocked = FaultSpec::of("inspector2:Enable", "BLOCKED_BY_ORGANIZATION_POLICY", 200);
    for trouble in [denied, FaultSpec { kind: FaultKind::FailedAccount, ..blocked }] {
        let simulator = stale("", &format!("{STALE_REGISTRY}{second}"), "");
        let plan = plan_of(&simulator, &audit(&simulator).expect_code(0), &[]);
        simulator.add_fault(FaultSpec { resource: Some("444444444444".to_owned()), ..trouble.clone() });
        let consent = ["--confirm", "o-testing", "--accept-history-loss", "256", "--wait", "2s"];
        let call = plan.apply(&simulator, &consent);
        assert_eq!(call.code, 1, "{}{}", call.stdout, call.stderr);
        let sentence =
            "ECR scanning of account 444444444444 in eu-west-1 stays on: inspector2:Enable could not be verified";
        assert!(call.stderr.contains(sentence) && call.stderr.contains(&trouble.code), "{}", call.stderr);
        assert!(!call.stderr.contains("may be without"), "nothing is open: {}", call.stderr);
        assert!(mutations(&simulator).is_empty(), "{:?}", mutations(&simulator));
        assert_eq!((ecr_status(&simulator).as_str(), simulator.losses()), ("ENABLED", (0, 0)));
        simulator.clear_faults();
        let call = plan.apply(&simulator, &["--resume", "--wait", "20s"]);
        assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
        assert_eq!(simulator.losses(), (256, 4));
    }
}

/// The plan's folder is recreated, a copy is applied, the journal is gone: the open registry is named, and no apply starts on it.
#[test]
fn an_open_registry_is_not_forgotten_whatever_becomes_of_its_plan() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    let home = plan.home.path().to_string_lossy().into_owned();
    simulator.add_fault(enable_fault(FaultKind::Error, 1000));
    // By a bare name, from within the folder.
    let consent = ["--confirm", "o-testing", "--accept-history-loss", LOST, "--wait", "1s"];
    let apply = [&["apply", "plan.json", "--write-role-name", ROLE], &consent[..]].concat();
    let call = at(&simulator, &apply).env("HOME", &home).in_folder(&plan.folder).run();
    assert_eq!(call.code, 5, "{}{}", call.stdout, call.stderr);
    assert_eq!(ecr_status(&simulator), "DISABLED");
    simulator.clear_faults();
    let named = |what: &str| {
        let other = Scangap::new(&["schema", "exit-codes"]).env("HOME", &home).run();
        assert_eq!(other.code, 5, "{what}: {}", other.stderr);
        assert!(other.stderr.contains("account 333333333333 in eu-west-1 may be without"), "{what}: {}", other.stderr);
        other.stderr
    };
    let in_the_way = |folder: &Path| {
        let text = folder.to_string_lossy().into_owned();
        let arguments = [&["apply", &text, "--write-role-name", ROLE], &consent[..]].concat();
        let call = at(&simulator, &arguments).env("HOME", &home).run();
        assert_eq!(call.code, 5, "{}{}", call.stdout, call.stderr);
        assert!(call.stderr.contains("may have left account 333333333333"), "{}", call.stderr);
    };
    named("as it was left");
    let text = fs_err::read_to_string(plan.folder.join("plan.json")).expect("the plan");
    let plan_alone = |to: &Path| {
        fs_err::create_dir(to).expect("a folder");
        fs_err::write(to.join("plan.json"), &text).expect("written");
    };
    let copy = plan.home.path().join("copy");
    plan_alone(&copy);
    in_the_way(&copy);
    named("a copy was tried");
    let kept = plan.home.path().join("kept");
    fs_err::rename(&plan.folder, &kept).expect("moved away");
    let said = named("its folder is gone");
    assert!(said.contains("the journal of an apply is gone") && said.contains(": remove /"), "{said}");
    plan_alone(&plan.folder);
    in_the_way(&plan.folder);
    named("its folder was made anew");
    fs_err::remove_dir_all(&plan.folder).expect("removed");
    fs_err::rename(&kept, &plan.folder).expect("moved back");
    let call = plan.apply(&simulator, &["--resume", "--wait", "20s"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!((ecr_status(&simulator).as_str(), simulator.losses()), ("ENABLED", (128, 2)));
    assert_eq!(Scangap::new(&["schema", "exit-codes"]).env("HOME", &home).run().code, 0);
}

/// The response to a Disable is lost and a second Disable is refused: the first may still take effect, so the registry is named.
#[test]
fn a_refusal_does_not_settle_a_disable_that_nobody_answered_for() {
    for refusal in ["ThrottlingException", "AccessDeniedException"] {
        let mut scenario = crate::resync::stale_scenario("", STALE_REGISTRY);
        scenario.delays.toggle_ms = 9000;
        scenario.delays.hidden = true;
        let simulator = scangap_tests::simulate(scenario);
        let plan = stale_plan(&simulator);
        simulator.add_fault(fault("inspector2:Disable", FaultKind::ResetAfter, Some(1)));
        let mut again = FaultSpec::of("inspector2:Disable", refusal, 400);
        again.count = Some(1000);
        simulator.add_fault(again);
        let call = plan.consented_for("4s", &simulator, &[]);
        assert_eq!(call.code, 5, "{}{}", call.stdout, call.stderr);
        assert!(call.stderr.contains("may be without ECR scanning"), "{refusal}: {}", call.stderr);
        let deadline = Instant::now() + Duration::from_secs(30);
        while ecr_status(&simulator) != "DISABLED" {
            assert!(Instant::now() < deadline, "it never came through");
            std::thread::sleep(Duration::from_millis(50));
        }
        simulator.clear_faults();
        let call = plan.apply(&simulator, &["--resume", "--wait", "40s"]);
        assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
        assert_eq!((ecr_status(&simulator).as_str(), simulator.losses()), ("ENABLED", (128, 2)));
        assert_eq!(simulator.losses_one_by_one().len(), 1, "once: {:#?}", plan.journal());
    }
}

/// Between the backup and the Disable, a file of the backup is changed or the whole backup is deleted.
#[test]
fn a_backup_that_is_not_whole_any_more_is_no_backup() {
    for (sentence, harm) in [
        (
            "`coverage.csv` of the backup",
            &(|folder: &Path| fs_err::write(folder.join("coverage.csv"), "x")) as &dyn Fn(&Path) -> _,
        ),
        ("is missing", &|folder: &Path| fs_err::remove_dir_all(folder)),
    ] {
        let simulator = stale("", STALE_REGISTRY, "");
        let plan = stale_plan(&simulator);
        // The look at the organization before the batch hangs.
        let mut pause = fault("organizations:DescribeOrganization", FaultKind::Hang, Some(1));
        pause.skip = 1;
        simulator.add_fault(pause);
        let consent = ["--confirm", "o-testing", "--accept-history-loss", LOST, "--wait", "4s", "--timeout", "2"];
        let (child, _home) = plan.command(&simulator, &consent).spawn_with_pipes();
        let deadline = Instant::now() + Duration::from_secs(30);
        while !plan.journal().iter().any(|line| line["event"] == "backed_up") {
            assert!(Instant::now() < deadline, "it never came so far");
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut backups = fs_err::read_dir(plan.folder.join("backup")).expect("backups");
        harm(&backups.next().expect("one").expect("it").path()).expect("harmed");
        let ended = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains("the backup of what would be lost failed") && said.contains(sentence), "{said}");
        assert!(mutations(&simulator).is_empty());
    }
}

#[test]
fn credentials_that_expire_in_the_middle_are_renewed_by_a_resume() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    // From the first enable on every credential is expired.
    let mut expired = FaultSpec::of("inspector2:Enable", "ExpiredTokenException", 403);
    expired.count = Some(1000);
    expired.skip = 1;
    simulator.add_fault(expired);
    let call = plan.consented_for("1s", &simulator, &[]);
    assert_eq!(call.code, 5, "{}", call.stderr);
    assert!(call.stderr.contains("ExpiredTokenException"), "{}", call.stderr);
    assert!(call.stderr.contains("may be without ECR scanning"), "{}", call.stderr);
    simulator.clear_faults();
    let call = plan.apply(&simulator, &["--resume", "--wait", "20s"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!((ecr_status(&simulator).as_str(), simulator.losses()), ("ENABLED", (128, 2)));
}

#[test]
fn a_network_that_is_cut_in_the_middle_ends_named_and_resumes() {
    let simulator = stale("", STALE_REGISTRY, "");
    let before = scanning(&simulator);
    let plan = stale_plan(&simulator);
    // From the disable on nothing comes through any more.
    simulator.add_fault(FaultSpec {
        operation: Some("inspector2:Disable".to_owned()),
        ..fault("", FaultKind::ResetAfter, Some(1))
    });
    simulator.cut_after("inspector2:Disable");
    let call = plan.consented_for("1s", &simulator, &[]);
    assert_eq!(call.code, 5, "{}{}", call.stdout, call.stderr);
    assert!(call.stderr.contains("may be without ECR scanning"), "{}", call.stderr);
    simulator.clear_faults();
    let call = plan.apply(&simulator, &["--resume", "--wait", "20s"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!((ecr_status(&simulator).as_str(), scanning(&simulator)), ("ENABLED", before));
    assert_eq!(simulator.losses(), (128, 2));
}

#[test]
fn a_member_that_is_disabled_meanwhile_is_enabled_again() {
    let mut scenario = crate::resync::stale_scenario("", STALE_REGISTRY);
    scenario.delays.toggle_ms = 1000;
    let simulator = scangap_tests::simulate(scenario);
    let plan = stale_plan(&simulator);
    let consent = ["--confirm", "o-testing", "--accept-history-loss", "128", "--wait", "8s", "--timeout", "2"];
    let (mut child, _home) = plan.command(&simulator, &consent).spawn();
    let until_journal_says = |event: &str| {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !plan.journal().iter().any(|line| line["event"] == event) {
            assert!(Instant::now() < deadline, "it never came so far");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    // The look after the re-sync hangs, and meanwhile it is turned off.
    until_journal_says("accepted");
    simulator.add_fault(fault("inspector2:ListCoverage", FaultKind::Hang, Some(1)));
    until_journal_says("restored");
    Operator::of(&simulator, "222222222222", "eu-west-1")
        .inspector("/disable", &json!({"accountIds": ["333333333333"], "resourceTypes": ["ECR"]}));
    let code = child.wait().expect("it ends").code();
    assert_eq!(ecr_status(&simulator), "ENABLED", "{:#?}", plan.journal());
    assert!(matches!(code, Some(0 | 3)), "{code:?} {:#?}", plan.journal());
    assert!(
        plan.journal().iter().any(|line| line["because"] == "it was disabled by others meanwhile"),
        "{:#?}",
        plan.journal()
    );
}

#[test]
fn ctrl_c_lets_the_registry_in_hand_come_to_its_end() {
    let registries = format!("{STALE_REGISTRY}{}", STALE_REGISTRY.replace("eu-west-1", "us-east-1"));
    let mut scenario = crate::resync::stale_scenario("", &registries);
    scenario.delays.toggle_ms = 1500;
    let simulator = scangap_tests::simulate(scenario);
    let plan = stale_plan(&simulator);
    let (child, _home) =
        plan.command(&simulator, &["--confirm", "o-testing", "--accept-history-loss", "256", "--wait", "20s"]).spawn();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !plan.journal().iter().any(|line| line["event"] == "disabling") {
        assert!(Instant::now() < deadline, "it never came so far");
        std::thread::sleep(Duration::from_millis(10));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("what is in hand comes to its end first"), "{stderr}");
    assert_eq!(ecr_status(&simulator), "ENABLED");
    assert_eq!(
        mutations(&simulator).iter().filter(|call| *call == "inspector2:Disable").count(),
        1,
        "the second is not begun"
    );
    let call = plan.apply(&simulator, &["--resume", "--wait", "20s"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!(simulator.losses(), (256, 4));
}

/// Six registries: the canary fails, and nothing else is begun.
#[test]
fn the_canary_goes_first_and_a_surprise_ends_it() {
    let accounts: Vec<String> = (3..9)
        .map(|n| {
            format!("[[accounts]]\nid = \"{}\"\nname = \"account-{n}\"\n{STALE_REGISTRY}", n.to_string().repeat(12))
        })
        .collect();
    let scenario = || {
        let text = format!(
            "[[policies]]\nname = \"open\"\ninspector = \"allowed\"\ntext = {}\n{}",
            json!(OPEN),
            accounts.concat()
        );
        let mut scenario = scangap_tests::organization(&text);
        scenario.clock = Some(scangap_tests::now().to_string());
        scenario
    };
    let simulator = scangap_tests::simulate(scenario());
    let plan = plan_of(&simulator, &audit(&simulator).expect_code(0), &[]);
    let consent = ["--confirm", "o-testing", "--accept-history-loss", "768", "--wait", "20s", "--batch", "2"];
    let mut refuse = FaultSpec::of("inspector2:Disable", "BLOCKED_BY_ORGANIZATION_POLICY", 200);
    refuse.kind = FaultKind::FailedAccount;
    refuse.count = Some(1);
    simulator.add_fault(refuse);
    let call = plan.apply(&simulator, &consent);
    assert_eq!(call.code, 1, "{}", call.stderr);
    assert!(call.stdout.contains("0 done, 6 not done"), "{}", call.stdout);
    assert_eq!(simulator.losses(), (0, 0));
    // Again, and now the fourth fails: its batch comes to its end, the last batch is not begun.
    let mut refuse = FaultSpec::of("inspector2:Disable", "BLOCKED_BY_ORGANIZATION_POLICY", 200);
    refuse.kind = FaultKind::FailedAccount;
    refuse.skip = 3;
    refuse.count = Some(1);
    simulator.add_fault(refuse);
    let call = plan.apply(&simulator, &["--resume", "--wait", "20s", "--batch", "2"]);
    assert_eq!(call.code, 1, "{}", call.stderr);
    assert!(call.stdout.contains("4 done, 2 not done"), "{}{}", call.stdout, call.stderr);
    assert_eq!(simulator.losses(), (4 * 128, 8));
    let call = plan.apply(&simulator, &["--resume", "--wait", "20s"]);
    assert_eq!(call.code, 0, "{}", call.stderr);
    assert_eq!(simulator.losses(), (6 * 128, 12), "each once");
}
