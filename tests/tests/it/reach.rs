//! How far an audit reaches: regions and their fallbacks, who tells about Inspector, sessions and their narrowing.

use scangap_tests::{Scangap, organization, simulate};

const ONE: &str = r#"
[[accounts]]
id = "333333333333"
name = "alpha"
opt_in_regions = ["eu-south-1"]
registries = [
  { region = "eu-west-1", repositories = [{ name = "one" }] },
  { region = "eu-south-1", repositories = [{ name = "milan" }] },
]
"#;

#[test]
fn regions_come_from_get_region_opt_status_where_list_regions_is_refused() {
    let mut scenario = organization(ONE);
    scenario.organization.regions = None;
    scenario.faults.push(scangap_simorg::scenario::FaultSpec::of("account:ListRegions", "AccessDeniedException", 403));
    let simulator = simulate(scenario);
    let audited = Scangap::audit(&simulator).into_folder().expect_code(0);
    assert_eq!(audited.csv("repositories.csv").len(), 2);
    assert!(audited.csv("accounts.csv").iter().all(|row| row["regions_source"] == "GetRegionOptStatus"));
    assert!(audited.gaps().is_empty(), "a fallback that answers is a fact");
}

#[test]
fn regions_come_from_probing_where_nothing_tells_and_both_refusals_are_gaps() {
    let mut scenario = organization(ONE);
    scenario.organization.not_implemented = vec!["account:ListRegions".into(), "account:GetRegionOptStatus".into()];
    let audited = Scangap::audit(&simulate(scenario)).into_folder().expect_code(3);
    assert_eq!(audited.csv("repositories.csv").len(), 2);
    assert!(audited.csv("accounts.csv").iter().all(|row| row["regions_source"] == "probing"));
    let gaps = audited.gaps();
    assert!(gaps.contains(&"account:ListRegions not_implemented".to_owned()), "{gaps:?}");
    assert!(gaps.contains(&"account:GetRegionOptStatus not_implemented".to_owned()), "{gaps:?}");
}

#[test]
fn coverage_is_asked_in_the_account_where_the_administrator_cannot_see_it() {
    let scenario = organization(&ONE.replace("name = \"alpha\"", "name = \"alpha\"\ninspector_member = false"));
    let simulator = simulate(scenario);
    let audited = Scangap::audit(&simulator).into_folder().expect_code(0);
    assert!(audited.csv("repositories.csv").iter().all(|row| row["diagnosis"] == "covered"));
    let registry = audited
        .csv("registries.csv")
        .into_iter()
        .find(|row| row["account_id"] == "333333333333" && row["region"] == "eu-west-1");
    assert_eq!(registry.expect("a row")["coverage_source"], "account");
}

#[test]
fn coverage_is_asked_in_each_account_where_there_is_no_administrator() {
    let mut scenario = organization(ONE);
    scenario.organization.inspector_administrator = None;
    let audited = Scangap::audit(&simulate(scenario)).into_folder().expect_code(0);
    assert!(audited.csv("repositories.csv").iter().all(|row| row["diagnosis"] == "covered"));
}

#[test]
fn an_empty_registry_costs_one_call_and_no_call_is_made_twice() {
    let simulator = simulate(organization(ONE));
    let _ = Scangap::audit(&simulator).into_folder().expect_code(0);
    let calls = simulator.calls();
    let empty: Vec<String> = calls
        .iter()
        .filter(|call| call.account.is_some_and(|id| id.to_string() == "333333333333") && call.region == "us-east-1")
        .map(|call| call.operation.clone())
        .filter(|operation| operation.starts_with("ecr:") || operation.starts_with("inspector2:"))
        .collect();
    assert_eq!(empty, ["ecr:DescribeRepositories"]);
    let mut seen = std::collections::BTreeSet::new();
    // Coverage is listed twice, for repositories and for images that were refused.
    for call in calls.iter().filter(|call| call.operation != "inspector2:ListCoverage") {
        let key = (&call.operation, call.account, &call.region, &call.resource, &call.token);
        assert!(seen.insert(key), "made twice: {call:?}");
    }
}

#[test]
fn sessions_are_renewed_before_they_expire() {
    let mut scenario = organization(ONE);
    // Some time is left for a request to arrive in, also on a machine that is busy.
    scenario.organization.session_seconds = Some(4);
    scenario.latency.ms = 400;
    let simulator = simulate(scenario);
    let audited = Scangap::audit(&simulator).args(&["--max-in-flight", "2"]).into_folder().expect_code(0);
    assert!(audited.gaps().is_empty());
    let assumed = simulator
        .calls()
        .iter()
        .filter(|call| call.operation == "sts:AssumeRole" && call.resource.contains("333333333333"))
        .count();
    assert!(assumed > 1, "the session of four seconds was renewed: {assumed}");
    assert!(
        !simulator.calls().iter().any(|call| call.error.contains("ExpiredToken")),
        "and no call met an expired one"
    );
}

#[test]
fn sessions_are_narrowed_to_reads() {
    let simulator = simulate(organization(ONE));
    let _ = Scangap::audit(&simulator).into_folder().expect_code(0);
    let assumed: Vec<_> = simulator.calls().into_iter().filter(|call| call.operation == "sts:AssumeRole").collect();
    assert_eq!(assumed.len(), 2, "one for each account but the caller's own");
    assert!(simulator.sessions_may("ecr:GetRepositoryPolicy"));
    for action in ["ecr:SetRepositoryPolicy", "ecr:PutImage", "inspector2:Disable", "iam:CreateUser"] {
        assert!(!simulator.sessions_may(action), "{action}");
    }
}

#[test]
fn several_roles_are_tried_in_order() {
    let scenario = organization(&ONE.replace("name = \"alpha\"", "name = \"alpha\"\nroles = [\"SecondChoice\"]"));
    let audited = Scangap::audit(&simulate(scenario))
        .args(&["--role-name", "OrganizationAccountAccessRole,SecondChoice"])
        .into_folder()
        .expect_code(0);
    let role = audited.csv("accounts.csv").into_iter().find(|row| row["account_id"] == "333333333333").expect("a row")
        ["role_name"]
        .clone();
    assert_eq!(role, "SecondChoice");
}

#[test]
fn tags_are_read_only_where_a_policy_names_one() {
    let scenario = organization(
        r#"
[[policies]]
name = "tagged"
inspector = "allowed"
text = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"StringEquals":{"aws:ResourceTag/Private":"yes"}}}]}'

[[accounts]]
id = "333333333333"
name = "alpha"
registries = [
  { region = "eu-west-1", repositories = [{ name = "tagged", policy = "tagged", tags = { private = "no" } }] },
  { region = "us-east-1", repositories = [{ name = "plain" }] },
]
"#,
    );
    let simulator = simulate(scenario);
    let audited = Scangap::audit(&simulator).into_folder().expect_code(0);
    assert_eq!(audited.diagnosis("tagged"), "covered");
    let tagged: Vec<String> = simulator
        .calls()
        .into_iter()
        .filter(|call| call.operation == "ecr:ListTagsForResource")
        .map(|call| call.resource)
        .collect();
    assert_eq!(tagged, ["tagged"]);
}

#[test]
fn the_organization_is_read_through_a_role_from_a_tooling_account() {
    let simulator = simulate(organization(ONE));
    let call = Scangap::audit_at(&simulator.url(), &scangap_simorg::Simulator::access_key("333333333333"));
    let role = "arn:aws:iam::111111111111:role/OrganizationAccountAccessRole";
    let audited = call.args(&["--organization-role-arn", role]).into_folder().expect_code(0);
    assert_eq!(audited.csv("accounts.csv").len(), 3);
    let own = audited.csv("accounts.csv").into_iter().find(|row| row["account_id"] == "333333333333").expect("a row");
    assert_eq!(own["role_name"], "own credentials");
}

#[test]
fn the_administrators_account_may_have_a_role_of_its_own() {
    let mut scenario = organization(ONE);
    for account in scenario.accounts.iter_mut().filter(|account| account.id == "222222222222") {
        account.roles = Some(vec!["InspectorReader".to_owned()]);
    }
    let simulator = simulate(scenario);
    let audited = Scangap::audit(&simulator)
        .args(&["--inspector-admin-role-name", "InspectorReader"])
        .into_folder()
        .expect_code(0);
    assert!(audited.csv("repositories.csv").iter().all(|row| row["diagnosis"] == "covered"));
    let registries = audited.csv("registries.csv");
    // In the region that only the member has enabled, the member itself is asked.
    for row in registries.iter().filter(|row| row["outcome"] == "read") {
        let expected = if row["region"] == "eu-south-1" { "account" } else { "delegated_administrator" };
        assert_eq!(row["coverage_source"], expected, "{} {}", row["account_id"], row["region"]);
    }
}

#[test]
fn roles_have_paths_and_may_ask_for_an_external_id() {
    let account = "name = \"alpha\"\nroles = [\"audit/ReadOnly\"]\nexternal_id = \"shared-word\"";
    let scenario = || organization(&ONE.replace("name = \"alpha\"", account));
    let roles = ["--role-name", "OrganizationAccountAccessRole,audit/ReadOnly"];
    let simulator = simulate(scenario());
    let with = Scangap::audit(&simulator).args(&roles).args(&["--external-id", "shared-word"]).into_folder();
    assert_eq!(with.expect_code(0).csv("repositories.csv").len(), 2);
    let without = Scangap::audit(&simulator).args(&roles).into_folder().expect_code(3);
    assert_eq!(without.gaps(), ["sts:AssumeRole access_denied"]);
}

#[test]
fn an_account_named_by_hand_is_in_no_organization_that_is_known() {
    let scenario = organization(
        r#"
[[policies]]
name = "members"
inspector = "allowed"
text = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-testing"}}}]}'
[[accounts]]
id = "333333333333"
name = "caller"
registries = [{ region = "eu-west-1", repositories = [{ name = "own", policy = "members" }] }]
[[accounts]]
id = "444444444444"
name = "other"
registries = [{ region = "eu-west-1", repositories = [{ name = "other", policy = "members" }] }]
"#,
    );
    let simulator = simulate(scenario);
    let call = Scangap::audit_at(&simulator.url(), &scangap_simorg::Simulator::access_key("333333333333"));
    let audited = call.args(&["--accounts", "333333333333,444444444444"]).into_folder().expect_code(3);
    assert_eq!(audited.repository("own")["policy_verdict"], "allowed");
    let other = audited.repository("other");
    assert_eq!(
        (other["policy_verdict"].as_str(), other["depends_on"].as_str()),
        ("depends", r#"["aws:PrincipalOrgID"]"#)
    );
}

// Holds: 6 Operating it: a `credential_process` runs once
#[test]
fn the_callers_own_credentials_are_fetched_once_and_not_for_every_request() {
    let simulator = simulate(organization(
        "[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\ncells = [{ region = \"eu-west-1\", repositories = [{ name = \"one\" }, { name = \"two\" }] }]",
    ));
    let key = scangap_simorg::Simulator::access_key("333333333333");
    let call =
        Scangap::audit_at(&simulator.url(), "unused").without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    let (config, log) = (call.home().join("config"), call.home().join("log"));
    let answer = format!(
        "{{\\\"Version\\\": 1, \\\"AccessKeyId\\\": \\\"{key}\\\", \\\"SecretAccessKey\\\": \\\"simulated\\\"}}"
    );
    let script =
        format!("[default]\ncredential_process = sh -c \"echo asked >> {}; echo '{answer}'\"\n", log.display());
    fs_err::write(&config, script).expect("a file");
    let call = call.env("AWS_CONFIG_FILE", &config.to_string_lossy());
    let audited = call.args(&["--accounts", "333333333333"]).into_folder().expect_code(0);
    assert_eq!(audited.csv("repositories.csv").len(), 2);
    let asked = fs_err::read_to_string(&log).expect("the log").lines().count();
    assert_eq!(asked, 1, "the process ran {asked} times for {} calls", simulator.calls().len());
}
