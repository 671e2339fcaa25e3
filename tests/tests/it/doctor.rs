//! `scangap doctor`: what is wrong is found before an audit, and each line says what to do.

use scangap_simorg::scenario::{FaultSpec, RolePolicySpec};
use scangap_simorg::{Scenario, Simulator};
use scangap_tests::{Finished, Scangap, Simulated, organization, simulate};
use serde_json::Value;

use crate::resync::at;

const ALPHA: &str = "[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\n";

fn doctor(simulator: &Simulated, more: &[&str]) -> Finished {
    at(simulator, &[&["doctor"], more].concat()).run()
}

/// A check of a doctor's JSON.
fn check(finished: &Finished, name: &str) -> Value {
    let all: Value =
        serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{}{}", finished.stdout, finished.stderr));
    let found = all["checks"].as_array().expect("checks").iter().find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("{name}: {all}")).clone()
}

/// The status of a check, and its words with its fixes.
fn judged(scenario: Scenario, name: &str, more: &[&str]) -> (i32, String, String) {
    let simulator = simulate(scenario);
    let finished = doctor(&simulator, &[&["--output", "json"], more].concat());
    assert_eq!(simulator.mutating_calls().len(), 0, "a doctor changes nothing");
    let check = check(&finished, name);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let fixes: Vec<String> = check["fixes"].as_array().expect("fixes").iter().map(text).collect();
    (finished.code, text(&check["status"]), format!("{} | {}", text(&check["found"]), fixes.join(" | ")))
}

// Holds: 17 Doctor: where nothing is wrong every check is OK, and the exit code 0
#[test]
fn a_healthy_organization_is_ok() {
    let simulator = simulate(organization(ALPHA));
    let finished = doctor(&simulator, &[]);
    assert_eq!(finished.code, 0, "{}{}", finished.stdout, finished.stderr);
    assert!(!finished.stdout.contains("WARN") && !finished.stdout.contains("FAIL"), "{}", finished.stdout);
    for name in [
        "version",
        "disk",
        "open files",
        "network",
        "credentials",
        "endpoint",
        "clock",
        "organization",
        "accounts",
        "roles",
        "narrowing",
        "reads",
        "regions",
    ] {
        assert!(finished.stdout.contains(&format!("OK    {name}")), "{name}: {}", finished.stdout);
    }
    assert!(finished.stdout.contains("`scangap audit`"), "{}", finished.stdout);
}

/// An organization of three accounts, changed.
fn with(change: impl FnOnce(&mut Scenario)) -> Scenario {
    let mut scenario = organization(ALPHA);
    change(&mut scenario);
    scenario
}

fn is_refused(operation: &str, code: &str) -> Scenario {
    with(|one| one.faults.push(FaultSpec::of(operation, code, 403)))
}

/// What one check says of an organization.
fn expect(name: &str, scenario: Scenario, arguments: &[&str], (code, status): (i32, &str), words: &[&str]) {
    let (exit, found, text) = judged(scenario, name, arguments);
    assert_eq!((exit, found.as_str()), (code, status), "{name}: {text}");
    for word in words {
        assert!(text.contains(word), "{name}: {word}: {text}");
    }
}

const WARN: (i32, &str) = (3, "WARN");
const FAIL: (i32, &str) = (77, "FAIL");
const FAIL_TEXT: (i32, Option<&str>) = (77, Some("FAIL"));

// Holds: 17 Doctor: what may be wrong with the organization, the caller or the clock is found with its fix, and the exit code says how bad
#[test]
fn what_is_wrong_with_the_organization_is_found_with_its_fix() {
    let alone = with(|one| one.organization.inspector_administrator = None);
    expect("Inspector's administrator", alone, &[], WARN, &["has none", "enable-delegated-admin-account"]);
    let denied = "AccessDeniedException";
    let unlisted = is_refused("organizations:ListAccounts", denied);
    expect("accounts", unlisted, &[], FAIL, &["--organization-role-arn", "--accounts"]);
    let undescribed = is_refused("organizations:DescribeOrganization", denied);
    expect("organization", undescribed, &[], WARN, &["organizations:DescribeOrganization"]);
    let late = with(|one| {
        one.organization.clock_ahead_seconds = 600;
        one.organization.no_date = true;
    });
    expect("clock", late, &[], FAIL, &["10 minutes behind"]);
    let a_little = with(|one| one.organization.clock_ahead_seconds = 120);
    expect("clock", a_little, &[], WARN, &["seconds behind AWS", "set-ntp"]);
    let before = with(|one| one.organization.clock_ahead_seconds = -120);
    expect("clock", before, &[], WARN, &["seconds ahead of AWS"]);
    expect("clock", with(|_| {}), &[], (0, "OK"), &["the same as that of AWS"]);
    let regions = ["--regions", "eu-west-1,ap-east-1"];
    expect("regions", with(|_| {}), &regions, WARN, &["ap-east-1 enabled in no account"]);
}

// Holds: 17 Doctor: what keeps a connection from being opened is named for what it is; accounts that an audit would refuse are refused here
#[test]
fn what_an_audit_could_not_even_begin_with_is_named() {
    let simulator = simulate(with(|_| {}));
    let nowhere = ["doctor", "--output", "json", "--endpoint-url", "http://127.0.0.1:9"];
    let unreachable = Scangap::new(&nowhere)
        .env("AWS_ACCESS_KEY_ID", &Simulator::access_key("111111111111"))
        .env("AWS_SECRET_ACCESS_KEY", "simulated")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_MAX_ATTEMPTS", "1")
        .run();
    assert_eq!(
        (unreachable.code, check(&unreachable, "endpoint")["status"].as_str()),
        FAIL_TEXT,
        "{}",
        unreachable.stdout
    );
    let bundle = doctor(&simulator, &["--output", "json", "--ca-bundle", "nowhere.pem"]);
    assert_eq!((bundle.code, check(&bundle, "network")["status"].as_str()), FAIL_TEXT, "{}", bundle.stdout);
    let keyless = Scangap::new(&["doctor", "--output", "json"]).env("AWS_EC2_METADATA_DISABLED", "true").run();
    assert_eq!((keyless.code, check(&keyless, "credentials")["status"].as_str()), FAIL_TEXT, "{}", keyless.stdout);

    let stranger = ["--accounts", "333333333333,999999999999"];
    expect("accounts", with(|_| {}), &stranger, FAIL, &["not in the organization: 999999999999", "--accounts"]);
    expect("accounts", with(|_| {}), &["--accounts", "333333333333"], (0, "OK"), &["1 account named"]);
    expect("accounts", with(|_| {}), &["--exclude-accounts", "333333333333"], (0, "OK"), &["2 accounts"]);
    let role = ["--organization-role-arn", "arn:aws:iam::222222222222:role/none"];
    expect("organization", with(|_| {}), &role, FAIL, &["sts:AssumeRole"]);
    // What was not tried is not well.
    let closed = with(|one| one.accounts.iter_mut().for_each(|account| account.roles = Some(Vec::new())));
    expect("narrowing", closed, &[], (77, "WARN"), &["not tried"]);
}

// Holds: 17 Doctor: what may be wrong with the roles is found with its fix as a command
#[test]
fn what_is_wrong_with_the_roles_is_found_with_its_fix() {
    let closed = with(|one| one.accounts.iter_mut().for_each(|account| account.roles = Some(Vec::new())));
    let command = "scangap permissions --format cloudformation --role-name scangap-audit --principal 111111111111 --org o-testing > scangap.yaml; deploy it there and name it";
    expect("roles", closed, &[], FAIL, &["sts:AssumeRole", "333333333333", command]);
    let partly = with(|one| one.accounts[2].roles = Some(Vec::new()));
    expect("roles", partly, &[], WARN, &["2 of 3 accounts", "in 333333333333"]);
    let administrator = with(|one| one.accounts[1].roles = Some(Vec::new()));
    let words = ["222222222222 does not open", "--inspector-admin-role-name"];
    expect("Inspector's administrator", administrator, &[], WARN, &words);
    let second = ["--role-name", "missing,OrganizationAccountAccessRole", "--all"];
    expect("roles", with(|_| {}), &second, (0, "OK"), &["3 accounts opened by OrganizationAccountAccessRole"]);
    let large = is_refused("sts:AssumeRole", "PackedPolicyTooLarge");
    expect("narrowing", large, &[], FAIL, &["PackedPolicyTooLarge"]);
    let unread = is_refused("ecr:DescribeRepositories", "AccessDeniedException");
    expect("reads", unread, &[], WARN, &["ecr:DescribeRepositories", "scangap permissions"]);
    let external = with(|one| one.accounts[2].external_id = Some("blue-7".to_owned()));
    expect("roles", external, &["--external-id", "red-7"], WARN, &["--external-id ID"]);
}

// Holds: 17 Doctor: every read of an audit that needs no repository is tried, and what the audit has another way for is no warning
#[test]
fn the_reads_of_an_audit_are_tried() {
    let of_role = |change: &dyn Fn(&mut Vec<String>)| {
        with(|one| {
            let printed = Scangap::new(&["permissions"]).run().stdout;
            let mut policy: Value = serde_json::from_str(&printed).expect("a policy");
            for statement in policy["Statement"].as_array_mut().expect("statements") {
                let mut actions: Vec<String> = serde_json::from_value(statement["Action"].clone()).expect("actions");
                change(&mut actions);
                statement["Action"] = serde_json::json!(actions);
            }
            let role = crate::apply::ROLE.to_owned();
            one.role_policies.push(RolePolicySpec { role, policy: policy.to_string(), trust: None });
        })
    };
    expect("reads", of_role(&|_| {}), &[], (0, "OK"), &["answered"]);
    for action in [
        "ecr:GetAccountSetting",
        "ecr:DescribeRepositoryCreationTemplates",
        "inspector2:ListCoverage",
        "inspector2:GetConfiguration",
        "iam:GetRole",
    ] {
        let lacking = of_role(&|actions| actions.retain(|one| one != action));
        expect("reads", lacking, &[], WARN, &[action]);
    }
    let another_way = of_role(&|actions| {
        actions
            .iter_mut()
            .filter(|one| *one == "account:ListRegions")
            .for_each(|one| *one = "account:GetRegionOptStatus".to_owned());
    });
    expect("reads", another_way, &["--regions", "eu-west-1"], (0, "OK"), &["answered"]);
}

// Holds: 17 Doctor: what AWS says is one line, and acts on no terminal
#[test]
fn what_aws_says_does_not_act() {
    let mut fault = FaultSpec::of("sts:GetCallerIdentity", "AccessDenied", 403);
    fault.message = "hello\nOK    version fake \u{9b}31m\u{202e}txt".to_owned();
    let simulator = simulate(with(|one| one.faults.push(fault)));
    let finished = doctor(&simulator, &[]);
    assert_eq!(finished.code, 77, "{}", finished.stdout);
    assert!(finished.stdout.contains("hello"), "{}", finished.stdout);
    assert!(!finished.stdout.contains(['\u{9b}', '\u{202e}']), "{}", finished.stdout);
    assert_eq!(
        finished.stdout.lines().filter(|line| line.starts_with("OK    version")).count(),
        1,
        "{}",
        finished.stdout
    );
}

// Holds: 17 Doctor: without --all a few accounts are tried, Inspector's administrator among them
#[test]
fn a_sample_is_tried() {
    let more: String = (0..40).map(|at| format!("[[accounts]]\nid = \"4{at:011}\"\nname = \"a\"\n")).collect();
    let simulator = simulate(organization(&more));
    let assumed =
        |simulator: &Simulated| simulator.calls().iter().filter(|call| call.operation == "sts:AssumeRole").count();
    let finished = doctor(&simulator, &["--sample", "5"]);
    assert!(
        finished.stdout.contains(
            "5 accounts opened by OrganizationAccountAccessRole; 37 other accounts not tried, --all tries every one"
        ),
        "{}",
        finished.stdout
    );
    let sampled = assumed(&simulator);
    assert!((4..=5).contains(&sampled), "{sampled}");
    assert!(simulator.calls().iter().any(|call| call.resource.contains(":222222222222:role/")), "the administrator");
    let finished = doctor(&simulator, &["--all"]);
    assert!(finished.stdout.contains("42 accounts opened"), "{}", finished.stdout);
    assert_eq!(assumed(&simulator) - sampled, 41, "all but the caller's own");
}

// Holds: 17 Doctor: the gaps of an audit are what to grant, grouped, whole accounts first
#[test]
fn gaps_become_what_to_grant() {
    let policy = r#"{"Statement":[{"Effect":"Allow","Action":["account:ListRegions","ecr:DescribeRepositories","inspector2:*"],"Resource":"*"}]}"#;
    let repositories =
        "[[accounts.registries]]\nregion = \"eu-west-1\"\n[[accounts.registries.repositories]]\nname = \"app\"\n";
    let mut scenario = organization(&format!(
        "{ALPHA}{repositories}[[accounts]]\nid = \"444444444444\"\nname = \"beta\"\nroles = []\n"
    ));
    scenario.role_policies.push(RolePolicySpec {
        role: crate::apply::ROLE.to_owned(),
        policy: policy.to_owned(),
        trust: None,
    });
    let simulator = simulate(scenario);
    let audited = crate::resync::audit(&simulator);
    let out = audited.out.to_string_lossy().into_owned();
    let finished = doctor(&simulator, &["--from", &out]);
    assert_eq!(finished.code, 3, "{}", finished.stderr);
    let first = finished.stdout.find("1 account unread as a whole").unwrap_or_else(|| panic!("{}", finished.stdout));
    let second = finished.stdout.find("ecr:GetRepositoryPolicy").expect("an action");
    assert!(first < second, "{}", finished.stdout);
    assert!(finished.stdout.contains("scangap permissions"), "{}", finished.stdout);
    let finished = doctor(&simulator, &["--from", &out, "--output", "json"]);
    let all: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(all["simulated"], true);
    let gaps: u64 =
        all["advice"].as_array().expect("advice").iter().map(|one| one["gaps"].as_u64().expect("a number")).sum();
    assert_eq!(gaps, all["gaps"].as_u64().expect("a number"), "each gap has one remedy");
    assert_eq!(usize::try_from(gaps).expect("small"), audited.csv("gaps.csv").len());
}
