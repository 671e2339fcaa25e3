//! One clear error each, with a hint and the right exit code, and nothing half-written.

use scangap_simorg::Simulator;
use scangap_simorg::scenario::FaultSpec;
use scangap_tests::{Scangap, Simulated, organization, simulate};

use crate::apply::stale_plan;
use crate::resync::{STALE_REGISTRY, stale};

fn workloads() -> Simulated {
    simulate(organization(
        "[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\ncells = [{ region = \"eu-west-1\", repositories = [{ name = \"one\" }] }]",
    ))
}

/// The call ends so, says these things, and leaves nothing behind.
fn refused(call: Scangap, code: i32, says: &[&str]) {
    let audited = call.into_folder();
    let said = &audited.finished.stderr;
    assert_eq!(audited.finished.code, code, "{said}");
    for part in says {
        assert!(said.contains(part), "`{part}` is missing:\n{said}");
    }
    assert_eq!(said.matches("error:").count(), 1, "one error:\n{said}");
    assert!(!audited.out.exists(), "{} was left behind", audited.out.display());
    assert!(!audited.finished.home.path().join("runs").exists());
}

#[test]
fn a_wrong_role_name_everywhere() {
    let simulator = workloads();
    refused(
        Scangap::audit(&simulator).args(&["--role-name", "Typo"]),
        77,
        &["role `Typo` could not be assumed in any of 2 accounts", "AccessDenied", "hint:", "--role-name"],
    );
}

#[test]
fn a_wrong_role_name_everywhere_as_the_administrator() {
    let simulator = simulate(organization(
        "[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\nroles = []\ncells = [{ region = \"eu-west-1\", repositories = [{ name = \"one\" }] }]\n[[accounts]]\nid = \"444444444444\"\nname = \"beta\"\nroles = []",
    ));
    let administrator = || Scangap::audit_at(&simulator.url(), &Simulator::access_key("222222222222"));
    refused(
        administrator().args(&["--role-name", "Typo"]),
        77,
        &["role `Typo` could not be assumed in any of 3 accounts"],
    );
    // Accounts that were asked for by name keep what the administrator sees of them.
    let audited = administrator().args(&["--accounts", "333333333333,444444444444"]).into_folder().expect_code(3);
    assert_eq!(audited.diagnosis("one"), "unreadable");
}

#[test]
fn no_credentials() {
    let simulator = workloads();
    let call = Scangap::audit(&simulator).without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    refused(call, 77, &["no AWS credentials were found", "hint:", "--profile"]);
}

#[test]
fn credentials_that_aws_does_not_know() {
    let simulator = workloads();
    refused(
        Scangap::audit(&simulator).env("AWS_ACCESS_KEY_ID", "AKIAUNKNOWN"),
        77,
        &["AWS did not say who the caller is", "InvalidClientTokenId"],
    );
}

#[test]
fn neither_management_nor_delegated_account() {
    let simulator = workloads();
    let call = Scangap::audit_at(&simulator.url(), &Simulator::access_key("333333333333"));
    refused(call, 77, &["may not read the organization", "--organization-role-arn"]);
}

#[test]
fn accounts_alone_are_enough_where_the_organization_is_closed() {
    let simulator = workloads();
    let call = Scangap::audit_at(&simulator.url(), &Simulator::access_key("333333333333"));
    let audited = call.args(&["--accounts", "333333333333"]).into_folder().expect_code(0);
    assert_eq!(audited.csv("repositories.csv").len(), 1);
    assert_eq!(audited.repository("one")["account_name"], "unknown");
}

#[test]
fn what_is_no_region_is_refused_and_a_misspelt_one_is_named() {
    refused(
        Scangap::audit(&workloads()).args(&["--regions", "Ireland"]),
        64,
        &["--regions: `Ireland` is not a region", "name regions like `eu-west-1`"],
    );
    let asked = Scangap::audit(&workloads()).args(&["--regions", "eu-wets-1"]).run();
    assert!(asked.stderr.contains("`eu-wets-1` is not known to this release"), "{}", asked.stderr);
    assert!(asked.stderr.contains("did you mean `eu-west-1`?"), "{}", asked.stderr);
}

#[test]
fn an_unknown_account() {
    let simulator = workloads();
    let call = Scangap::audit(&simulator).args(&["--accounts", "333333333334"]);
    refused(call, 64, &["account 333333333334 is not in the organization", "did you mean 333333333333 (alpha)?"]);
}

#[test]
fn something_that_is_no_account_id() {
    let simulator = workloads();
    refused(Scangap::audit(&simulator).args(&["--accounts", "12"]), 64, &["`12` is not an account id", "12 digits"]);
}

#[test]
fn an_unknown_diagnosis() {
    refused(
        Scangap::audit(&workloads()).args(&["--fail-on", "bloked"]),
        64,
        &["`bloked` is not a diagnosis", "did you mean `blocked`?"],
    );
}

#[test]
fn an_unknown_unit() {
    refused(
        Scangap::audit(&workloads()).args(&["--ou", "Nowhere"]),
        64,
        &["organizational unit `Nowhere` is not in the organization"],
    );
}

#[test]
fn wrong_usage_is_64_and_never_2() {
    assert_eq!(Scangap::new(&["audit", "--no-such-flag"]).run().code, 64);
    assert_eq!(Scangap::new(&["--help"]).run().code, 0);
}

#[test]
fn a_folder_that_already_holds_a_snapshot() {
    let simulator = workloads();
    let first = Scangap::audit(&simulator).into_folder().expect_code(0);
    let before = first.bytes("snapshot.db");
    let again = Scangap::audit(&simulator).args(&["--out", &first.out.to_string_lossy()]).run();
    assert_eq!(again.code, 64, "{}", again.stderr);
    assert!(again.stderr.contains("already holds a snapshot") && again.stderr.contains("hint:"), "{}", again.stderr);
    assert_eq!(first.bytes("snapshot.db"), before);
}

#[test]
fn a_folder_that_cannot_be_written() {
    let simulator = workloads();
    // A file is where the folder should be: this fails for every user, root among them.
    let call = Scangap::audit(&simulator);
    let blocked = call.home().join("file");
    fs_err::write(&blocked, b"in the way").expect("a file");
    let finished = call.args(&["--out", &blocked.join("out").to_string_lossy()]).run();
    assert_eq!(finished.code, 1, "{}", finished.stderr);
    assert!(
        finished.stderr.contains("failed to create the folder") && finished.stderr.contains("hint:"),
        "{}",
        finished.stderr
    );
    assert_eq!(fs_err::read(&blocked).expect("the file"), b"in the way");
}

#[test]
fn a_session_policy_that_sts_refuses_stops_the_audit_once() {
    let mut scenario = organization("[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"");
    scenario.faults.push(scangap_simorg::scenario::FaultSpec::of("sts:AssumeRole", "PackedPolicyTooLarge", 400));
    let simulator = simulate(scenario);
    refused(Scangap::audit(&simulator), 1, &["does not accept the session policy", "PackedPolicyTooLarge"]);
}

#[test]
fn something_that_is_no_snapshot() {
    let call = Scangap::new(&["report", "file"]);
    fs_err::write(call.home().join("file"), b"not a snapshot").expect("a file");
    let finished = call.run();
    assert_eq!(finished.code, 65, "{}", finished.stderr);
    assert!(finished.stderr.contains("is not a scangap snapshot"), "{}", finished.stderr);
}

// Holds: 7 The wire: the external id reaches no file and no screen, also where AWS's message quotes it
#[test]
fn an_external_id_is_never_written() {
    let simulator = workloads();
    let audited = Scangap::audit(&simulator).args(&["--external-id", "hunter2-secret"]).into_folder().expect_code(0);
    for entry in fs_err::read_dir(&audited.out).expect("the folder") {
        let bytes = fs_err::read(entry.expect("an entry").path()).expect("a file");
        assert!(!bytes.windows(14).any(|window| window == b"hunter2-secret"));
    }
    // Refused with a message that says what was sent.
    let simulator = workloads();
    let mut refused = FaultSpec::of("sts:AssumeRole", "AccessDenied", 403);
    refused.message = "User: x is not authorized to perform: sts:AssumeRole with ExternalId hunter2-secret".to_owned();
    refused.resource = Some("arn:aws:iam::333333333333:role/OrganizationAccountAccessRole".to_owned());
    simulator.add_fault(refused);
    let audited = Scangap::audit(&simulator).args(&["--external-id", "hunter2-secret"]).into_folder().expect_code(3);
    assert!(!audited.gaps().is_empty());
    let shown = format!("{}{}", audited.finished.stdout, audited.finished.stderr);
    assert!(!shown.contains("hunter2-secret"), "{shown}");
    for entry in fs_err::read_dir(&audited.out).expect("the folder") {
        let path = entry.expect("an entry").path();
        let bytes = fs_err::read(&path).expect("a file");
        assert!(!bytes.windows(14).any(|window| window == b"hunter2-secret"), "{}", path.display());
    }
}

#[test]
fn a_ca_bundle_that_is_none() {
    let simulator = workloads();
    refused(
        Scangap::audit(&simulator).args(&["--ca-bundle", "missing.pem"]),
        64,
        &["failed to read the CA bundle `missing.pem`", "AWS_CA_BUNDLE"],
    );
    let call = Scangap::audit(&simulator);
    fs_err::write(call.home().join("empty.pem"), b"nothing").expect("a file");
    refused(call.env("AWS_CA_BUNDLE", "empty.pem"), 64, &["`empty.pem` holds no PEM certificate"]);
}

#[test]
fn a_scenario_with_a_mistake_says_where() {
    let call = Scangap::new(&["demo", "--scenario", "wrong.toml"]);
    fs_err::write(call.home().join("wrong.toml"), b"schema = 1\nclock = \"2026-11-23T00:00:00Z\"\nacounts = []\n")
        .expect("a file");
    let finished = call.run();
    assert_eq!(finished.code, 65, "{}", finished.stderr);
    assert!(finished.stderr.contains("line 3") && finished.stderr.contains("acounts"), "{}", finished.stderr);
}

// Holds: 6 Operating it: causes of several lines keep them, so that a marker is under its place
#[test]
fn a_cause_keeps_its_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("organization.toml");
    fs_err::write(&path, "schema = 1\n[organization]\nid = \"o-x\"\nmanagment_account = \"1\"\n").expect("a file");
    let finished = Scangap::new(&["simulate", "--scenario", &path.to_string_lossy()]).run();
    assert_eq!(finished.code, 65, "{}", finished.stderr);
    let lines: Vec<&str> = finished.stderr.lines().collect();
    let place = lines.iter().position(|line| line.ends_with("| managment_account = \"1\"")).expect("the place");
    let marker = lines[place].find("managment_account").expect("the word");
    assert_eq!(lines[place + 1].find('^'), Some(marker), "{}", finished.stderr);
    assert!(lines.iter().all(|line| line.starts_with("error: ") || line.starts_with("  ")), "{}", finished.stderr);
}

// Holds: 13 Errors: every error shows its stable code; --error-format json has code, message, causes, hint, api, account and region
#[test]
fn an_error_has_a_code_and_may_be_json() {
    let said = |arguments: &[&str]| {
        let human = Scangap::new(arguments).run();
        let json = Scangap::new(arguments).args(&["--error-format", "json"]).run();
        assert_eq!((human.code, json.stdout.as_str()), (json.code, human.stdout.as_str()), "{arguments:?}");
        let error: serde_json::Value = serde_json::from_str(&json.stderr).expect("one object");
        let error = error["error"].clone();
        assert_eq!(error["exit_code"], human.code, "{arguments:?}");
        let code = error["code"].as_str().expect("a code").to_owned();
        assert!(human.stderr.trim_end().ends_with(&format!("  code: {code}")), "{}", human.stderr);
        let message = error["message"].as_str().expect("a message");
        assert!(human.stderr.starts_with(&format!("error: {message}")), "{}", human.stderr);
        (code, error)
    };
    let (code, error) = said(&["report", "nosuch.db", "--out", "reports"]);
    assert_eq!(code, "snapshot.read");
    assert!(error.to_string().contains("`nosuch.db` does not exist"), "{error}");
    assert!(!error.to_string().contains("Error code"), "{error}");
    assert_eq!(said(&["verify", "nosuch"]).0, "verify.folder");
    assert_eq!(said(&["apply", "nosuch"]).0, "plan.invalid");
    let (code, error) = said(&["audit", "--fail-on", "blokced", "--out", "runs/x"]);
    assert_eq!((code.as_str(), error["hint"].is_string()), ("argument.value", true), "{error}");
    let (code, error) = said(&["audit", "--nonsense"]);
    assert_eq!((code.as_str(), error["exit_code"].as_i64()), ("argument.usage", Some(64)));
    // One that is about a call says which, and where.
    let simulator = workloads();
    simulator.add_fault(FaultSpec::of("organizations:ListAccounts", "AccessDeniedException", 403));
    let call = Scangap::audit(&simulator).args(&["--error-format", "json", "-qq"]).run();
    let error: serde_json::Value =
        serde_json::from_str(call.stderr.lines().last().unwrap_or_default()).expect("one object in the last line");
    assert_eq!(error["error"]["code"], "organization.unreadable");
    assert_eq!(error["error"]["api"], "organizations:ListAccounts");
}

// Holds: 13 Logs: --log-file has every call and every line of the journal, with a version, and nothing that is secret
#[test]
fn a_log_has_every_call_and_no_secret() {
    let simulator = stale("", STALE_REGISTRY, "");
    let plan = stale_plan(&simulator);
    let before = simulator.calls().len();
    let log = plan.home.path().join("apply.jsonl");
    let canaries = ["canary-external-id", "simulated", "\"Statement\"", "ECRImageScan"];
    let call = plan
        .command(&simulator, &["--confirm", "o-testing", "--accept-history-loss", "128", "--wait", "20s"])
        .args(&["--log-file", &log.to_string_lossy(), "--external-id", canaries[0]])
        .env("SCANGAP_LOG", "trace")
        .run();
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    let text = fs_err::read_to_string(&log).expect("a log");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("an object in each line")).collect();
    assert_eq!((lines[0]["log"].as_str(), lines[0]["version"].as_u64()), (Some("scangap"), Some(1)));
    let of = |target: &str| lines.iter().filter(|line| line["target"] == target).count();
    assert_eq!(of("scangap::call"), simulator.calls().len() - before, "every call");
    assert_eq!(of("scangap::journal"), plan.journal().len(), "every line of the journal");
    assert!(lines[1..].iter().all(|line| line["target"].as_str().is_some_and(|target| target.starts_with("scangap"))));
    for canary in canaries {
        assert!(!text.contains(canary), "{canary}");
        assert!(!call.stderr.contains("scangap::"), "it goes into the file alone");
    }
    // On the screen with -v, and nothing of it without.
    let quiet = Scangap::audit(&simulator).run();
    assert!(!quiet.stderr.contains("scangap::"), "{}", quiet.stderr);
    let loud = Scangap::audit(&simulator).args(&["-vv"]).run();
    assert!(loud.stderr.contains("DEBUG scangap::call: answered"), "{}", loud.stderr);
    let wrong = Scangap::new(&["schema", "lints", "-v"]).env("SCANGAP_LOG", "scangap=loud").run();
    assert_eq!(wrong.code, 64, "{}", wrong.stderr);
}
