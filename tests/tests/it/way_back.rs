//! Re-enabling scanning in a registry that an apply left off: despite other obstacles, with other applies running, and by hand.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use scangap_simorg::Simulator;
use scangap_simorg::scenario::{FaultKind, FaultSpec};
use scangap_tests::{Finished, Operator, Scangap, Simulated, aws_program, venv_program};
use serde_json::{Value, json};

use crate::apply::{LOST, Planned, ROLE, ecr_status, mutations, plan_of, scanning, stale_plan};
use crate::plan::run_script_with;
use crate::resync::{STALE_REGISTRY, at, audit, stale, stale_scenario};
use crate::trouble::{enable_fault, fault};

const CONSENT: [&str; 4] = ["--confirm", "o-testing", "--accept-history-loss", LOST];

/// A plan whose registry is off, since Inspector did not let it be enabled while it was applied.
fn left_off(simulator: &Simulated) -> Planned {
    let plan = stale_plan(simulator);
    simulator.add_fault(enable_fault(FaultKind::Error, 1000));
    assert_eq!(plan.consented_for("1s", simulator, &[]).code, 5);
    assert_eq!(ecr_status(simulator), "DISABLED");
    simulator.clear_faults();
    plan
}

/// The stale registry, with a repository besides whose policy is to be repaired.
fn with_a_denied_repository() -> String {
    format!(
        "{STALE_REGISTRY}[[accounts.registries.repositories]]\nname = \"shut\"\npolicy = \"office\"\ncoverage = {{ status = \"INACTIVE\", reason = \"ACCESS_DENIED\" }}\nsticky = true\n"
    )
}

/// What any other command says of open registries.
fn said_by_others(plan: &Planned) -> Finished {
    Scangap::new(&["schema", "exit-codes"]).env("HOME", &plan.home.path().to_string_lossy()).run()
}

pub(crate) fn until(what: &str, mut comes_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(40);
    while !comes_true() {
        assert!(Instant::now() < deadline, "{what} never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn journal_says(plan: &Planned, event: &str) -> bool {
    plan.journal().iter().any(|line| line["event"] == event)
}

/// As if everything in the journal had happened an hour ago.
fn an_hour_ago(plan: &Planned) {
    let path = plan.folder.join("journal.jsonl");
    let lines: Vec<String> = plan
        .journal()
        .into_iter()
        .map(|mut line| {
            let at: jiff::Timestamp = line["at"].as_str().expect("a time").parse().expect("a time");
            line["at"] = json!((at - jiff::SignedDuration::from_hours(1)).to_string());
            format!("{line}\n")
        })
        .collect();
    fs_err::write(path, lines.concat()).expect("written");
}

fn signal(name: &str, id: u32) {
    Command::new("kill").args([name, &id.to_string()]).status().expect("kill runs");
}

/// An apply that dies with its disable about to be called, or called and not answered.
fn dies_at_the_disable(simulator: &Simulated, plan: &Planned, kind: FaultKind) {
    simulator.add_fault(fault("inspector2:Disable", kind, Some(1)));
    let (mut child, _home) = plan.command(simulator, &[&CONSENT[..], &["--wait", "20s"]].concat()).spawn();
    until("the disable", || simulator.calls().iter().any(|call| call.operation == "inspector2:Disable"));
    child.kill().expect("killed");
    child.wait().expect("it ended");
    simulator.clear_faults();
}

/// Shell commands with an account's credentials. Whether they succeeded.
fn run_as(simulator: &Simulated, account: &str, lines: &str, folder: &Path) -> bool {
    let path = aws_program().parent().expect("a folder").to_string_lossy().into_owned();
    Command::new("bash")
        .args(["-ec", lines])
        .current_dir(folder)
        .env("PATH", format!("{path}:/usr/bin:/bin"))
        .env("AWS_ENDPOINT_URL", simulator.url())
        .env("AWS_ACCESS_KEY_ID", Simulator::access_key(account))
        .env("AWS_SECRET_ACCESS_KEY", "simulated")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .output()
        .expect("bash runs")
        .status
        .success()
}

#[test]
fn the_commands_that_are_shown_bring_it_back_as_they_are_pasted() {
    let simulator = stale("", STALE_REGISTRY, "");
    let before = scanning(&simulator);
    let plan = left_off(&simulator);
    let shown = plan.applied()["left_disabled"][0]["command"].as_str().expect("commands").to_owned();
    let said = said_by_others(&plan).stderr;
    // Pasted whole by the account that toggles, the second part is not put onto its own registry.
    let paste = |account: &str, lines: &str| run_as(&simulator, account, lines, plan.home.path());
    assert!(!paste("222222222222", &shown), "{shown}");
    assert!(!mutations(&simulator).iter().any(|call| call == "ecr:PutRegistryScanningConfiguration"));
    let parts: Vec<&str> = shown.split("# as account ").skip(1).collect();
    assert_eq!(parts.len(), 2, "{shown}");
    for part in parts {
        let (account, lines) = part.split_once('\n').expect("commands below");
        let account = account.split(';').next().expect("an account");
        for line in lines.lines() {
            assert!(said.contains(line), "`{line}` is not shown: {said}");
        }
        assert!(paste(account, lines), "as {account}: {lines}");
    }
    assert_eq!(ecr_status(&simulator), "ENABLED");
    let rules = |value: &Value| {
        let mut rules: Vec<String> = value["scanningConfiguration"]["rules"]
            .as_array()
            .expect("rules")
            .iter()
            .map(|rule| {
                let mut filters: Vec<String> =
                    rule["repositoryFilters"].as_array().expect("filters").iter().map(ToString::to_string).collect();
                filters.sort();
                format!("{} {filters:?}", rule["scanFrequency"])
            })
            .collect();
        rules.sort();
        (value["scanningConfiguration"]["scanType"].clone(), rules)
    };
    assert_eq!(rules(&scanning(&simulator)), rules(&before));
    // Scanning was re-enabled by hand: a resume detects that and turns nothing off again.
    let call = plan.apply(&simulator, &["--resume", "--wait", "20s"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!(said_by_others(&plan).code, 0);
    assert_eq!(simulator.losses_one_by_one().len(), 1);
}

/// Running each block of the runbook as the account that it names gives the same result as `apply`.
#[test]
fn the_runbook_followed_by_hand_does_what_apply_does() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    let text = fs_err::read_to_string(plan.folder.join("plan.md")).expect("a runbook");
    let by_hand = text.split("#### By hand").nth(1).expect("a way by hand");
    let told_first = by_hand.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a first block");
    let by_hand = by_hand.split("To re-enable it, as often").nth(1).expect("steps");
    let (mut account, mut block, mut within, mut first) = (String::new(), String::new(), false, true);
    for line in by_hand.lines() {
        match line {
            "```sh" => (within, block) = (true, String::new()),
            "```" if within => {
                within = false;
                // The first block re-enables scanning; it is not needed here.
                if !std::mem::take(&mut first) {
                    // What is not there is answered with an error, which is as it should be.
                    let mut block = format!("{told_first}{block}");
                    for absent in ["--policy-type INSPECTOR_POLICY", "get-registry-policy --region eu-west-1"] {
                        block = block.replace(absent, &format!("{absent} || true"));
                    }
                    assert!(run_as(&simulator, &account, &block, &plan.folder), "as {account}: {block}");
                }
            }
            _ if within => block.extend([line, "\n"]),
            _ => {
                if let Some((_, rest)) = line.to_lowercase().split_once("as account ") {
                    account = rest.chars().take(12).collect();
                }
            }
        }
    }
    assert_eq!(
        mutations(&simulator),
        ["inspector2:Disable", "inspector2:Enable", "ecr:PutRegistryScanningConfiguration"]
    );
    assert_eq!((ecr_status(&simulator).as_str(), simulator.losses()), ("ENABLED", (128, 2)));
    assert_eq!(audit(&simulator).expect_code(0).diagnosis("app"), "covered");
    let saved = plan.folder.join("backup/by-hand-resync-0001/findings.json");
    let saved = fs_err::read_to_string(saved).expect("a backup");
    let saved: Value = serde_json::from_str(&saved).expect("JSON");
    assert_eq!(saved["findings"].as_array().map(Vec::len), Some(128));
}

/// Afterwards a plan for other registries is moved into the same folder and applied.
#[test]
fn another_plan_in_the_same_folder_does_not_make_an_open_registry_forgotten() {
    let second = format!("[[accounts]]\nid = \"444444444444\"\nname = \"beta\"\n{STALE_REGISTRY}");
    let simulator = stale("", &format!("{STALE_REGISTRY}{second}"), "");
    let audited = audit(&simulator).expect_code(0);
    let plan = plan_of(&simulator, &audited, &["--accounts", "333333333333"]);
    simulator.add_fault(enable_fault(FaultKind::Error, 1000));
    assert_eq!(plan.consented_for("1s", &simulator, &[]).code, 5);
    simulator.clear_faults();
    fs_err::rename(&plan.folder, plan.home.path().join("old")).expect("moved away");
    let other = plan_of(&simulator, &audited, &["--accounts", "444444444444"]);
    fs_err::rename(&other.folder, &plan.folder).expect("moved here");
    let call = plan.consented(&simulator, &[]);
    assert_eq!(call.code, 5, "{}{}", call.stdout, call.stderr);
    assert!(call.stdout.contains("1 done, 0 not done"), "its own registry is re-synced: {}", call.stdout);
    for said in [call, said_by_others(&plan)] {
        assert!(said.stderr.contains("account 333333333333 in eu-west-1 may be without"), "{}", said.stderr);
    }
    assert_eq!(ecr_status(&simulator), "DISABLED");
}

/// Without a home, a writable state folder or the policy files: scanning is enabled all the same, then the rest is refused.
#[test]
fn what_keeps_a_resume_from_going_on_does_not_keep_it_from_bringing_back() {
    type Harm = fn(&Planned, Scangap) -> Scangap;
    let no_home: Harm = |_, command| command.without("HOME").without("XDG_STATE_HOME");
    let no_state: Harm = |plan, command| {
        let file = plan.home.path().join("file");
        fs_err::write(&file, "").expect("written");
        command.env("XDG_STATE_HOME", &file.to_string_lossy())
    };
    let no_policies: Harm = |plan, command| {
        fs_err::remove_dir_all(plan.folder.join("policies")).expect("removed");
        command
    };
    for (harm, code, sentence) in
        [(no_home, 1, "set HOME"), (no_state, 1, "cannot record this apply"), (no_policies, 65, "failed to read")]
    {
        let simulator = stale("", &with_a_denied_repository(), "");
        let before = scanning(&simulator);
        let plan = left_off(&simulator);
        let call = harm(&plan, plan.command(&simulator, &["--resume", "--wait", "10s"])).run();
        assert_eq!(call.code, code, "{sentence}: {}{}", call.stdout, call.stderr);
        assert!(call.stderr.contains(sentence), "{sentence}: {}", call.stderr);
        assert_eq!((ecr_status(&simulator).as_str(), scanning(&simulator)), ("ENABLED", before), "{sentence}");
        assert!(!call.stderr.contains("may be without"), "{sentence}: {}", call.stderr);
    }
}

/// If the state folder is not writable, later commands cannot name the registry, so the apply itself names it.
#[test]
fn a_registry_that_stays_off_is_named_also_where_nothing_can_be_remembered() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = left_off(&simulator);
    simulator.add_fault(fault("inspector2:Enable", FaultKind::Error, Some(1000)));
    let elsewhere = plan.home.path().join("file");
    fs_err::write(&elsewhere, "").expect("written");
    let command = plan.command(&simulator, &["--resume", "--wait", "1s"]);
    let call = command.env("XDG_STATE_HOME", &elsewhere.to_string_lossy()).run();
    assert_eq!(call.code, 5, "{}{}", call.stdout, call.stderr);
    assert!(call.stderr.contains("account 333333333333 in eu-west-1 may be without"), "{}", call.stderr);
    assert!(call.stderr.contains("aws inspector2 enable --region eu-west-1"), "{}", call.stderr);
}

#[test]
fn to_bring_back_alone_does_nothing_else_of_the_plan() {
    let registries = format!("{STALE_REGISTRY}{}", STALE_REGISTRY.replace("eu-west-1", "us-east-1"));
    let simulator = stale("", &registries, "");
    let before = scanning(&simulator);
    let plan = stale_plan(&simulator);
    let none = plan.apply(&simulator, &["--bring-back"]);
    assert_eq!(none.code, 64, "{}", none.stderr);
    simulator.add_fault(FaultSpec { skip: 2, ..enable_fault(FaultKind::Error, 1000) });
    let consent = ["--confirm", "o-testing", "--accept-history-loss", "256", "--wait", "1s"];
    assert_eq!(plan.apply(&simulator, &consent).code, 5);
    simulator.clear_faults();
    let call = plan.apply(&simulator, &["--bring-back", "--wait", "10s"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert!(call.stdout.contains("Nothing is open"), "{}", call.stdout);
    assert_eq!((ecr_status(&simulator).as_str(), scanning(&simulator)), ("ENABLED", before));
    let disables =
        |simulator: &Simulated| mutations(simulator).iter().filter(|call| *call == "inspector2:Disable").count();
    assert_eq!(disables(&simulator), 1, "the other registry is not begun");
    assert_eq!(said_by_others(&plan).code, 0);
    // What it deleted is in the report, though it did not come to its end.
    let applied = plan.applied();
    assert_eq!(applied["steps_not_done"], 2);
    assert_eq!(applied["steps"][0]["finished"], false);
    assert_eq!(applied["steps"][0]["lost"], json!({"findings": 128, "images_not_rescanned": 1}));
    assert!(applied["steps"][0]["saved"][0].as_str().expect("a place").contains("manifest.json: sha256"));
    let call = plan.apply(&simulator, &["--resume", "--wait", "20s"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!((disables(&simulator), simulator.losses()), (2, (256, 4)));
    assert_eq!(plan.applied()["steps_not_done"], 0);
}

/// The member's own roles are needed for its configuration alone, and a status that is kept from us is no reason not to ask.
#[test]
fn it_is_turned_on_where_only_that_is_possible() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = left_off(&simulator);
    let closed = FaultSpec::of("sts:AssumeRole", "AccessDenied", 403);
    simulator.add_fault(FaultSpec { account: Some("333333333333".to_owned()), ..closed });
    let call = plan.apply(&simulator, &["--resume", "--wait", "2s"]);
    assert_eq!(call.code, 5, "{}{}", call.stdout, call.stderr);
    assert_eq!(ecr_status(&simulator), "ENABLED", "{}", call.stderr);
    assert!(call.stderr.contains("or without its scanning configuration"), "{}", call.stderr);
    simulator.clear_faults();
    assert_eq!(plan.apply(&simulator, &["--resume", "--wait", "20s"]).code, 0);

    let simulator = stale("", STALE_REGISTRY, "");
    let plan = left_off(&simulator);
    simulator.add_fault(FaultSpec::of("inspector2:BatchGetAccountStatus", "AccessDeniedException", 403));
    let call = plan.apply(&simulator, &["--resume", "--wait", "1s"]);
    assert_eq!(call.code, 5, "nobody saw it come true: {}{}", call.stdout, call.stderr);
    simulator.clear_faults();
    assert_eq!(ecr_status(&simulator), "ENABLED", "{}", call.stderr);
    assert_eq!(said_by_others(&plan).code, 5);
    assert_eq!(plan.apply(&simulator, &["--resume", "--wait", "20s"]).code, 0);
    assert_eq!(simulator.losses(), (128, 2));
}

/// Findings and rules are deleted, but the status still says ENABLED: that is the status from before the Disable.
#[test]
fn an_enabled_that_was_never_off_is_not_the_end_of_it() {
    let mut scenario = stale_scenario("", STALE_REGISTRY);
    (scenario.delays.toggle_ms, scenario.delays.hidden, scenario.delays.lost_first) = (4000, true, true);
    let simulator = scangap_tests::simulate(scenario);
    let before = scanning(&simulator);
    let plan = stale_plan(&simulator);
    dies_at_the_disable(&simulator, &plan, FaultKind::HangAfter);
    assert_eq!(ecr_status(&simulator), "ENABLED");
    let call = plan.apply(&simulator, &["--bring-back", "--wait", "20s"]);
    assert_eq!(call.code, 0, "{}{}\n{:#?}", call.stdout, call.stderr, plan.journal());
    until("every change shows", || simulator.is_settled());
    assert_eq!((ecr_status(&simulator).as_str(), scanning(&simulator)), ("ENABLED", before), "{:#?}", plan.journal());
    assert_eq!(simulator.losses_one_by_one().len(), 1);
}

/// A Disable got no response an hour ago. If nothing is lost, it is called again. If its effect can no longer be determined,
/// because an operator turned scanning off and on, it is not called again, and the step is not reported as a re-sync.
#[test]
fn an_old_unanswered_disable_is_settled_by_what_is_still_there() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    dies_at_the_disable(&simulator, &plan, FaultKind::Hang);
    let call = plan.apply(&simulator, &["--bring-back", "--wait", "2s"]);
    assert_eq!(call.code, 5, "it may still come through: {}{}", call.stdout, call.stderr);
    assert!(call.stderr.contains("may be without ECR scanning"), "{}", call.stderr);
    an_hour_ago(&plan);
    let call = plan.apply(&simulator, &["--bring-back", "--wait", "2s"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!(simulator.losses(), (0, 0));
    let call = plan.apply(&simulator, &["--resume", "--wait", "20s"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!(simulator.losses(), (128, 2));

    let simulator = stale("", STALE_REGISTRY, "");
    let before = scanning(&simulator);
    let plan = stale_plan(&simulator);
    dies_at_the_disable(&simulator, &plan, FaultKind::Hang);
    let administrator = Operator::of(&simulator, "222222222222", "eu-west-1");
    for verb in ["/disable", "/enable"] {
        administrator.inspector(verb, &json!({"accountIds": ["333333333333"], "resourceTypes": ["ECR"]}));
    }
    let rules = &before["scanningConfiguration"];
    Operator::of(&simulator, "333333333333", "eu-west-1").ecr("PutRegistryScanningConfiguration", rules);
    an_hour_ago(&plan);
    let by_hand = simulator.mutating_calls().len();
    let call = plan.apply(&simulator, &["--resume", "--wait", "10s"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    let called = simulator.mutating_calls().split_off(by_hand);
    assert!(!called.iter().any(|call| call.operation == "inspector2:Disable"), "{called:#?}");
    let result = plan.applied()["steps"][0]["result"].to_string();
    assert!(result.contains("it is not known whether it was off"), "{result}");
}

/// While an apply runs, other commands say so, and no other apply changes its registries. If it hangs, its registries are named.
#[test]
fn an_apply_at_work_is_seen_and_one_that_hangs_is_named() {
    let mut scenario = stale_scenario("", STALE_REGISTRY);
    scenario.delays.toggle_ms = 60_000;
    let simulator = scangap_tests::simulate(scenario);
    let plan = stale_plan(&simulator);
    let (mut child, _home) = plan.command(&simulator, &[&CONSENT[..], &["--wait", "120s"]].concat()).spawn();
    until("the disable", || journal_says(&plan, "accepted"));
    signal("-STOP", child.id());
    let others = said_by_others(&plan);
    assert_eq!(others.code, 0, "{}", others.stderr);
    assert!(others.stderr.contains("an apply is at work on account 333333333333 in eu-west-1"), "{}", others.stderr);
    let copy = plan.home.path().join("copy");
    fs_err::create_dir(&copy).expect("a folder");
    fs_err::copy(plan.folder.join("plan.json"), copy.join("plan.json")).expect("copied");
    let place = copy.to_string_lossy();
    let arguments = [&["apply", &place, "--write-role-name", ROLE], &CONSENT[..]].concat();
    let call = at(&simulator, &arguments).env("HOME", &plan.home.path().to_string_lossy()).run();
    assert_eq!(call.code, 1, "{}{}", call.stdout, call.stderr);
    assert!(call.stderr.contains("an earlier or running apply may have left account 333333333333"), "{}", call.stderr);
    an_hour_ago(&plan);
    let others = said_by_others(&plan);
    assert_eq!(others.code, 5);
    assert!(others.stderr.contains("account 333333333333 in eu-west-1 may be without"), "{}", others.stderr);
    child.kill().expect("killed");
    child.wait().expect("it ended");
}

/// Two plans of one registry, both begun; then the first leaves it off.
#[test]
fn a_resume_of_another_plan_stays_away_from_an_open_registry() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    let mut refused = FaultSpec::of("inspector2:Disable", "AccessDeniedException", 403);
    refused.count = Some(1);
    simulator.add_fault(refused);
    assert_eq!(plan.consented(&simulator, &[]).code, 1);
    let copy = plan.home.path().join("copy");
    let copied = Command::new("cp").arg("-r").args([&plan.folder, &copy]).status().expect("cp runs");
    assert!(copied.success());
    simulator.add_fault(enable_fault(FaultKind::Error, 1000));
    assert_eq!(plan.apply(&simulator, &["--resume", "--wait", "1s"]).code, 5);
    simulator.clear_faults();
    let before = simulator.mutating_calls().len();
    let arguments = ["apply", &copy.to_string_lossy(), "--write-role-name", ROLE, "--resume"];
    let call = at(&simulator, &arguments).env("HOME", &plan.home.path().to_string_lossy()).run();
    assert_eq!(call.code, 5, "{}{}", call.stdout, call.stderr);
    assert!(call.stderr.contains("may have left account 333333333333"), "{}", call.stderr);
    assert_eq!(simulator.mutating_calls().len(), before);
}

#[test]
fn a_second_ctrl_c_ends_it_and_the_next_command_names_the_registry() {
    let mut scenario = stale_scenario("", STALE_REGISTRY);
    scenario.delays.toggle_ms = 3000;
    let simulator = scangap_tests::simulate(scenario);
    let plan = stale_plan(&simulator);
    let (mut child, _home) = plan.command(&simulator, &[&CONSENT[..], &["--wait", "60s"]].concat()).spawn();
    until("the disable", || journal_says(&plan, "accepted"));
    // The first is answered by words, the next by the end, whenever it is heard.
    until("the end", || {
        signal("-INT", child.id());
        child.try_wait().expect("its state").is_some()
    });
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let others = said_by_others(&plan);
    assert_eq!(others.code, 5);
    assert!(others.stderr.contains("account 333333333333 in eu-west-1 may be without"), "{}", others.stderr);
    let call = plan.apply(&simulator, &["--resume", "--wait", "20s"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!((ecr_status(&simulator).as_str(), simulator.losses()), ("ENABLED", (128, 2)));
}

// Holds: 13 The protocol: plan.sh does repairs only, and prints the apply command for re-syncs
/// A plan with repairs and re-syncs: the script makes and undoes only the repairs.
#[test]
fn the_script_repairs_and_names_the_command_of_a_re_sync() {
    let simulator = stale("", &with_a_denied_repository(), "");
    let plan = stale_plan(&simulator);
    let checked =
        Command::new(venv_program("shellcheck")).arg(plan.folder.join("plan.sh")).output().expect("shellcheck runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let run = |argument: &str| {
        let output = run_script_with(&[argument], &plan.folder, &simulator, &[("SCANGAP_CONFIRM", "o-testing")]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let command = "resync-0001: account 333333333333, eu-west-1: not done here, it deletes 128 findings. To do it: scangap apply /";
        assert_eq!(printed.contains(command), argument != "--back", "{printed}");
        mutations(&simulator)
    };
    assert_eq!(run("--repairs-only"), ["ecr:SetRepositoryPolicy"]);
    assert_eq!(run("--back"), ["ecr:SetRepositoryPolicy"; 2]);
    assert_eq!(simulator.losses(), (0, 0));
}

/// The Enable that checks the permission may overwrite the scan rules: they are restored before any other call.
#[test]
fn a_trial_that_writes_rules_is_put_right_at_once() {
    for stopped in [false, true] {
        let mut scenario = stale_scenario("", STALE_REGISTRY);
        scenario.organization.enable_writes_rules = true;
        let simulator = scangap_tests::simulate(scenario);
        let before = scanning(&simulator);
        let plan = stale_plan(&simulator);
        if stopped {
            simulator.add_fault(FaultSpec::of("ecr:PutRegistryScanningConfiguration", "AccessDeniedException", 403));
            let call = plan.consented_for("1s", &simulator, &[]);
            assert_eq!(call.code, 5, "{}{}", call.stdout, call.stderr);
            assert!(call.stderr.contains("or without its scanning configuration"), "{}", call.stderr);
            assert_ne!(scanning(&simulator), before);
            simulator.clear_faults();
            let call = plan.apply(&simulator, &["--bring-back", "--wait", "10s"]);
            assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
            assert_eq!((scanning(&simulator), simulator.losses()), (before.clone(), (0, 0)));
            assert_eq!(plan.applied()["steps_not_done"], 1, "it was not disabled, and is not called done");
            let call = plan.apply(&simulator, &["--resume", "--wait", "20s"]);
            assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
        } else {
            let call = plan.consented(&simulator, &[]);
            assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
            let called = mutations(&simulator);
            assert_eq!(
                called[..3],
                ["inspector2:Enable", "ecr:PutRegistryScanningConfiguration", "inspector2:Disable"]
            );
        }
        assert_eq!((scanning(&simulator), simulator.losses()), (before, (128, 2)));
    }
}

/// Inspector says that scanning is on, but DISABLED was never observed: that does not prove that a registry was re-enabled.
#[test]
fn what_was_only_asked_is_not_taken_for_seen() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    dies_at_the_disable(&simulator, &plan, FaultKind::Hang);
    simulator.add_fault(FaultSpec::of("inspector2:BatchGetAccountStatus", "AccessDeniedException", 403));
    let call = plan.apply(&simulator, &["--bring-back", "--wait", "4s"]);
    assert_eq!(call.code, 5, "{}{}", call.stdout, call.stderr);
    assert!(!journal_says(&plan, "enabling"), "{:#?}", plan.journal());
    simulator.clear_faults();
    let call = plan.apply(&simulator, &["--bring-back", "--wait", "1s"]);
    assert_eq!(call.code, 5, "{}{}", call.stdout, call.stderr);
    assert!(call.stderr.contains("its Disable had no answer, and may take effect until"), "{}", call.stderr);
    let call = plan.apply(&simulator, &["--resume", "--wait", "20s"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!(simulator.losses(), (128, 2));
}

/// A plan with a repair and a re-sync: the repair stays in the report although its policy files are missing when the registry is
/// re-enabled. The journal of another plan cannot be resumed.
#[test]
fn a_report_forgets_nothing_and_a_journal_belongs_to_its_plan() {
    let simulator = stale("", &with_a_denied_repository(), "");
    let other = plan_of(&simulator, &audit(&simulator).expect_code(0), &["--resync"]);
    let plan = left_off(&simulator);
    let policies = plan.folder.join("policies");
    fs_err::rename(&policies, plan.home.path().join("policies")).expect("moved away");
    let call = plan.apply(&simulator, &["--bring-back", "--wait", "10s"]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    let steps = plan.applied()["steps"].clone();
    assert_eq!(
        (steps[0]["kind"].as_str(), steps[0]["finished"].as_bool()),
        (Some("repair_policy"), Some(true)),
        "{steps}"
    );
    fs_err::copy(plan.folder.join("journal.jsonl"), other.folder.join("journal.jsonl")).expect("copied");
    for more in [&["--resume"][..], &["--bring-back"], &CONSENT] {
        let call = other.apply(&simulator, more);
        assert_eq!(call.code, 65, "{more:?}: {}{}", call.stdout, call.stderr);
        assert!(call.stderr.contains("is not a journal of this plan"), "{}", call.stderr);
        assert!(!other.folder.join("applied.json").exists(), "nothing is said of it");
    }
}

/// If the journal cannot be read at the end, every registry is reported as still disabled.
#[test]
fn a_journal_that_is_spoilt_meanwhile_closes_no_registry() {
    let mut scenario = stale_scenario("", STALE_REGISTRY);
    scenario.delays.toggle_ms = 1500;
    let simulator = scangap_tests::simulate(scenario);
    let plan = stale_plan(&simulator);
    let (mut child, _home) = plan.command(&simulator, &[&CONSENT[..], &["--wait", "20s"]].concat()).spawn();
    until("the disable", || journal_says(&plan, "accepted"));
    fs_err::write(plan.folder.join("journal.jsonl"), "nonsense\n").expect("written");
    assert_eq!(child.wait().expect("it ends").code(), Some(5));
    assert_eq!(ecr_status(&simulator), "ENABLED", "it is turned on all the same");
    assert_eq!(plan.applied()["left_disabled"][0]["account_id"], "333333333333");
    assert_eq!(said_by_others(&plan).code, 5);
}
