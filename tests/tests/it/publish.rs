//! `scangap publish`: findings of an audit to Security Hub, at the simulated organization and at moto.

use std::collections::BTreeMap;

use scangap_simorg::scenario::{FaultSpec, RepositorySpec, RolePolicySpec};
use scangap_simorg::{Scenario, Simulator};
use scangap_tests::{Audited, Finished, Scangap, Server, python, requires_tools, simulate};
use serde_json::Value;

const ORGANIZATION: &str = "o-exampleorg";
const MANAGEMENT: &str = "111111111111";

/// What is printed for the role.
fn policy() -> String {
    let call = Scangap::new(&["permissions", "publish"]).run();
    assert_eq!(call.code, 0, "{}", call.stderr);
    call.stdout
}

/// The demo organization, with the role for findings in every account.
fn organization(policy: &str) -> Scenario {
    let mut scenario = Scenario::demo().expect("the demo");
    let of =
        |role: &str, policy: &str| RolePolicySpec { role: role.to_owned(), policy: policy.to_owned(), trust: None };
    scenario.role_policies.push(of("scangap-publish", policy));
    for roles in scenario.accounts.iter_mut().filter_map(|account| account.roles.as_mut()) {
        roles.push("scangap-publish".to_owned());
    }
    scenario
}

fn publish(audited: &Audited, url: &str, arguments: &[&str]) -> Finished {
    let folder = audited.out.to_string_lossy().into_owned();
    Scangap::new(&["publish", &folder, "--endpoint-url", url])
        .args(arguments)
        .env("AWS_ACCESS_KEY_ID", &Simulator::access_key(MANAGEMENT))
        .env("AWS_SECRET_ACCESS_KEY", "simulated")
        .run()
}

/// What the audit's own file says is to be sent, in the order of their ids.
fn expected(audited: &Audited) -> Vec<Value> {
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let call = Scangap::new(&["report", &snapshot, "--out", "out", "--asff"]).run();
    let text = fs_err::read_to_string(call.home.path().join("out/asff.jsonl")).expect("the file");
    sorted(text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
}

fn sorted(mut findings: Vec<Value>) -> Vec<Value> {
    findings.sort_by_key(|one| format!("{}{}", one["Id"], one["ProductArn"]));
    findings
}

// Holds: 17 Security Hub: what an audit found is sent, each finding from its own account, with the printed permission alone; twice is once
#[test]
fn what_was_found_is_sent_from_each_account() {
    let simulator = simulate(organization(&policy()));
    let audited = Scangap::audit(&simulator).into_folder();
    let expected = expected(&audited);
    let sent = || simulator.mutating_calls().len();

    let call = publish(&audited, &simulator.url(), &["--dry-run"]);
    let words = format!("Dry run: nothing was sent of {} findings for ", expected.len());
    assert!(call.code == 0 && call.stdout.starts_with(&words), "{}{}", call.stdout, call.stderr);
    assert!(call.stderr.contains(&format!("{} findings as of", expected.len())), "{}", call.stderr);
    let call = publish(&audited, &simulator.url(), &[]);
    assert_eq!(call.code, 64, "{}", call.stderr);
    assert!(call.stderr.contains(&format!("--confirm {ORGANIZATION}")), "{}", call.stderr);
    let call = publish(&audited, &simulator.url(), &["--confirm", "o-other"]);
    assert_eq!(call.code, 64, "{}", call.stderr);
    assert_eq!(sent(), 0, "without consent nothing is sent");

    for time in 1..=2 {
        let call = publish(&audited, &simulator.url(), &["--confirm", ORGANIZATION]);
        assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
        assert_eq!(call.stdout, format!("Security Hub took {} findings\n", expected.len()));
        assert_eq!(sorted(simulator.security_hub()), expected, "time {time}");
    }
    let others: Vec<_> = simulator
        .mutating_calls()
        .into_iter()
        .filter(|call| call.operation != "securityhub:BatchImportFindings")
        .collect();
    assert!(others.is_empty(), "{others:?}");
    let narrowed = simulator.mutating_calls().iter().all(|call| call.principal.contains("scangap-publish"));
    assert!(narrowed, "each call is made through the role");
    assert!(!simulator.sessions_may_on("ecr:SetRepositoryPolicy", "*"));

    let account = expected[0]["AwsAccountId"].as_str().expect("an account").to_owned();
    let call =
        publish(&audited, &simulator.url(), &["--accounts", &account, "--output", "json", "--confirm", ORGANIZATION]);
    let summary: Value = serde_json::from_str(&call.stdout).expect("JSON");
    let of_account = expected.iter().filter(|one| one["AwsAccountId"] == account.as_str()).count();
    assert_eq!(summary["imported"], of_account, "{summary}");
    for scope in [["--accounts", "999999999999"], ["--regions", "eu-west-3"]] {
        let call = publish(&audited, &simulator.url(), &[&scope[..], &["--confirm", ORGANIZATION]].concat());
        assert_eq!(call.code, 64, "{scope:?}: {}", call.stderr);
    }
    // What is simulated goes to no host of AWS, whatever stands in for STS alone.
    let folder = audited.out.to_string_lossy().into_owned();
    let call = Scangap::new(&["publish", &folder, "--confirm", ORGANIZATION])
        .env("AWS_ENDPOINT_URL_STS", &simulator.url())
        .env("AWS_ACCESS_KEY_ID", &Simulator::access_key(MANAGEMENT))
        .env("AWS_SECRET_ACCESS_KEY", "simulated")
        .env("AWS_REGION", "us-east-1")
        .run();
    assert_eq!(call.code, 65, "{}", call.stderr);
    assert!(call.stderr.contains("code: endpoint.mismatch"), "{}", call.stderr);
}

// Holds: 17 Security Hub: where it is not enabled, or the role may not send, the others get theirs, and the reason is said once
#[test]
fn what_one_place_refuses_costs_no_other() {
    let mut scenario = organization(&policy());
    scenario.organization.no_security_hub = vec!["eu-central-1".to_owned()];
    let simulator = simulate(scenario);
    let audited = Scangap::audit(&simulator).into_folder();
    let expected = expected(&audited);
    let there = |one: &&Value| one["ProductArn"].as_str().is_some_and(|arn| arn.contains(":eu-central-1:"));
    let left = expected.iter().filter(there).count();
    assert!(left > 0);
    let call = publish(&audited, &simulator.url(), &["--confirm", ORGANIZATION]);
    assert_eq!(call.code, 3, "{}{}", call.stdout, call.stderr);
    assert_eq!(simulator.security_hub().len(), expected.len() - left);
    assert!(call.stdout.contains(&format!("; {left} were not taken")), "{}", call.stdout);
    assert_eq!(call.stdout.matches("InvalidAccessException").count(), 1, "{}", call.stdout);
    assert!(call.stdout.contains("aws securityhub enable-security-hub"), "{}", call.stdout);

    let nothing = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["securityhub:GetFindings"],"Resource":"*"}]}"#;
    let simulator = simulate(organization(nothing));
    let call = publish(&audited, &simulator.url(), &["--confirm", ORGANIZATION]);
    assert_eq!(call.code, 3, "{}{}", call.stdout, call.stderr);
    assert!(call.stdout.contains("`scangap permissions publish` prints its policy"), "{}", call.stdout);
    assert!(simulator.security_hub().is_empty());

    let simulator = simulate(Scenario::demo().expect("the demo"));
    let call = publish(&audited, &simulator.url(), &["--confirm", ORGANIZATION]);
    assert_eq!(call.code, 3, "no account has the role: {}{}", call.stdout, call.stderr);
    assert!(call.stdout.contains("sts:AssumeRole"), "{}", call.stdout);
    assert!(call.stdout.contains("scangap permissions publish --format cloudformation"), "{}", call.stdout);
}

/// The demo organization with, of each kind of finding, one that can be mended and one that stays.
fn with_faults() -> Scenario {
    let mut scenario = organization(&policy());
    for account in &mut scenario.accounts {
        if account.id == "555555555555" {
            account.roles = Some(vec!["scangap-publish".to_owned()]);
        }
        for registry in &mut account.registries {
            registry.registry_policy = Some("registry-denies-configuration".to_owned());
        }
    }
    scenario.faults.push(denied("ecr:DescribeRepositories", "444444444444", "eu-south-1"));
    scenario
}

/// What is mended, and what comes instead.
fn later() -> Scenario {
    let mut scenario = with_faults();
    for account in &mut scenario.accounts {
        if account.id == "666666666666" {
            account.roles = Some(vec!["OrganizationAccountAccessRole".to_owned(), "scangap-publish".to_owned()]);
        }
        for registry in &mut account.registries {
            registry.registry_policy = None;
            registry.repositories.retain(|repository| !["ledger", "scratch"].contains(&repository.name.as_str()));
            if account.id == "333333333333" && registry.region == "us-east-1" {
                let like = registry.repositories[0].clone();
                let more = (0..1_000).map(|n| RepositorySpec { name: format!("more/{n:04}"), ..like.clone() });
                registry.repositories.extend(more);
            }
        }
    }
    // A list that breaks off after its first page; lists and a policy that are not read.
    let breaks_off = FaultSpec { skip: 1, ..denied("ecr:DescribeRepositories", "333333333333", "us-east-1") };
    scenario.faults.push(breaks_off);
    scenario.faults.push(denied("ecr:DescribeRepositories", "444444444444", "eu-west-1"));
    scenario.faults.push(denied("ecr:GetRegistryPolicy", "444444444444", "eu-west-1"));
    scenario
}

fn audited(simulator: &Simulator, as_of: &str, arguments: &[&str]) -> Audited {
    let key = Simulator::access_key(MANAGEMENT);
    Scangap::audit_as_of(as_of, &simulator.url(), &key).args(arguments).into_folder()
}

// Holds: 17 Security Hub: what earlier audits found is archived once this one knows that it is over, and not where it does not know
#[test]
fn what_is_over_is_archived_and_what_is_not_known_stays() {
    let earliest = {
        let mut scenario = with_faults();
        scenario.faults.push(denied("ecr:DescribeRepositories", "333333333333", "us-east-1"));
        scenario.faults.push(denied("ecr:DescribeRepositories", "222222222222", "us-east-1"));
        audited(&simulate(scenario), "2026-11-19T00:00:00Z", &[])
    };
    // In between nothing of the account that opens later is known: it is not even asked.
    let before = audited(&simulate(with_faults()), "2026-11-20T00:00:00Z", &["--exclude-accounts", "666666666666"]);
    let simulator = simulate(later());
    let now = audited(&simulator, "2026-11-23T09:00:00Z", &[]);
    let folder = |audit: &Audited| audit.out.to_string_lossy().into_owned();
    let archived = |of: &Audited, previous: &[&Audited]| -> BTreeMap<String, String> {
        let previous: Vec<String> = previous.iter().map(|audit| folder(audit)).collect();
        let arguments: Vec<&str> = previous.iter().map(String::as_str).collect();
        let call =
            publish(of, &simulator.url(), &[&["--previous"], &arguments[..], &["--confirm", ORGANIZATION]].concat());
        assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
        let there = simulator.security_hub().into_iter().filter(|one| one["RecordState"] == "ARCHIVED");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        there.map(|one| (text(&one["Id"]), text(&one["Compliance"]["Status"]))).collect()
    };
    let is = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(id, status)| (format!("scangap/{id}"), (*status).to_owned())).collect()
    };
    let of_before = [
        ("registry_denies/arn:aws:ecr:ap-northeast-1:444444444444:registry", "PASSED"),
        ("registry_denies/arn:aws:ecr:eu-west-1:222222222222:registry", "PASSED"),
        ("registry_denies/arn:aws:ecr:eu-west-1:333333333333:registry", "PASSED"),
        ("registry_denies/arn:aws:ecr:us-east-1:333333333333:registry", "PASSED"),
        ("repository/arn:aws:ecr:eu-west-1:333333333333:repository/ledger", "NOT_AVAILABLE"),
    ];
    for audit in [&earliest, &before] {
        assert_eq!(publish(audit, &simulator.url(), &["--confirm", ORGANIZATION]).code, 0);
    }
    assert_eq!(archived(&now, &[&before]), is(&of_before), "regions and accounts of the audit before that");
    let of_earliest = [
        ("account_unreadable/arn:aws:ecr::666666666666:registry", "PASSED"),
        ("region_unreadable/arn:aws:ecr:us-east-1:222222222222:registry", "PASSED"),
    ];
    assert_eq!(archived(&now, &[&before, &earliest]), is(&[&of_before[..], &of_earliest[..]].concat()));

    let there = simulator.security_hub();
    let state = |id: &str| {
        let one = there.iter().find(|one| one["Id"] == format!("scangap/{id}")).unwrap_or_else(|| panic!("{id}"));
        format!(
            "{} {}",
            one["RecordState"].as_str().expect("text"),
            one["Compliance"]["Status"].as_str().expect("text")
        )
    };
    for (id, is) in [
        ("account_unreadable/arn:aws:ecr::555555555555:registry", "ACTIVE WARNING"),
        ("region_unreadable/arn:aws:ecr:eu-south-1:444444444444:registry", "ACTIVE WARNING"),
        ("region_unreadable/arn:aws:ecr:us-east-1:333333333333:registry", "ACTIVE WARNING"),
        ("registry_denies/arn:aws:ecr:eu-west-1:444444444444:registry", "ACTIVE FAILED"),
    ] {
        assert_eq!(state(id), is, "{id}");
    }
    let broken_off = "scangap/region_unreadable/arn:aws:ecr:us-east-1:333333333333:registry";
    let broken_off = there.iter().find(|one| one["Id"] == broken_off).expect("there");
    assert_eq!(broken_off["UpdatedAt"], "2026-11-23T09:00:00Z", "a list that broke off is a finding of this audit");
    let scratch = there.iter().find(|one| one["Id"].as_str().is_some_and(|id| id.ends_with("repository/scratch")));
    assert_eq!(scratch.expect("of the audit before")["RecordState"], "ACTIVE", "its region was not read");

    let call = publish(&before, &simulator.url(), &["--previous", &folder(&now), "--confirm", ORGANIZATION]);
    assert_eq!(call.code, 65, "{}", call.stderr);
    assert!(call.stderr.contains("the other way round"), "{}", call.stderr);
}

// Holds: 17 Security Hub: an audit of some regions says nothing of an account as a whole
#[test]
fn a_narrower_audit_closes_no_account() {
    let before = audited(&simulate(organization(&policy())), "2026-11-20T00:00:00Z", &[]);
    let simulator = simulate(later());
    let now = audited(&simulator, "2026-11-23T09:00:00Z", &["--regions", "eu-central-1"]);
    let before = before.out.to_string_lossy().into_owned();
    let call = publish(&now, &simulator.url(), &["--previous", &before, "--dry-run"]);
    assert_eq!(call.code, 0, "{}", call.stderr);
    assert!(!call.stderr.contains("ARCHIVED"), "{}", call.stderr);
}

fn denied(operation: &str, account: &str, region: &str) -> FaultSpec {
    FaultSpec {
        account: Some(account.to_owned()),
        region: Some(region.to_owned()),
        ..FaultSpec::of(operation, "AccessDeniedException", 400)
    }
}

// Holds: 17 Security Hub: moto takes the findings and gives them back as they were sent
#[test]
fn moto_takes_the_findings() {
    requires_tools();
    let audited = crate::demo::demo();
    let expected = expected(&audited);
    let moto = Server::start("moto_server", &["-H", "127.0.0.1", "-p", "{port}"], &[]);
    let call = publish(&audited, &moto.url(), &["--confirm", ORGANIZATION]);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    let mut places: Vec<String> = expected
        .iter()
        .map(|one| {
            let region = one["ProductArn"].as_str().and_then(|arn| arn.split(':').nth(3)).expect("a region");
            format!("{} {region}", one["AwsAccountId"].as_str().expect("an account"))
        })
        .collect();
    places.sort();
    places.dedup();
    let read = python(READ, &[&moto.url(), &places.join(",")]);
    let read: Vec<Value> = read.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let key = |one: &Value| {
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        (
            text("Id"),
            text("Title"),
            text("Description"),
            one["Compliance"].to_string(),
            one["ProductFields"].to_string(),
        )
    };
    let (mut read, mut sent): (Vec<_>, Vec<_>) = (read.iter().map(key).collect(), expected.iter().map(key).collect());
    read.sort();
    sent.sort();
    assert_eq!(read, sent);
}

/// Every place's findings, read through a session of the account.
const READ: &str = r#"
import boto3, json, sys
key = dict(aws_access_key_id="a", aws_secret_access_key="b", endpoint_url=sys.argv[1])
for place in sys.argv[2].split(","):
    account, region = place.split()
    sts = boto3.client("sts", region_name=region, **key)
    role = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/read", RoleSessionName="read")["Credentials"]
    hub = boto3.client("securityhub", region_name=region, endpoint_url=sys.argv[1], aws_access_key_id=role["AccessKeyId"],
                       aws_secret_access_key=role["SecretAccessKey"], aws_session_token=role["SessionToken"])
    for page in hub.get_paginator("get_findings").paginate():
        for one in page["Findings"]:
            print(json.dumps({k: one[k] for k in ("Id", "Title", "Description", "Compliance", "ProductFields")}, sort_keys=True))
"#;
