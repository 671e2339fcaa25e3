//! Scoping words, and what is in no scope.

use scangap_tests::{Audited, Scangap, organization, simulate};

fn audit(arguments: &[&str]) -> Audited {
    let simulator = simulate(organization(
        r#"
[[organizational_units]]
id = "ou-exam-workload"
name = "Workloads"
[[organizational_units]]
id = "ou-exam-payments"
name = "Payments"
parent = "ou-exam-workload"
[[accounts]]
id = "333333333333"
name = "pay"
ou = "ou-exam-payments"
registries = [
  { region = "eu-west-1", repositories = [{ name = "pay/eu" }] },
  { region = "us-east-1", repositories = [{ name = "pay/us" }] },
]
[[accounts]]
id = "444444444444"
name = "search"
ou = "ou-exam-workload"
registries = [{ region = "eu-west-1", repositories = [{ name = "search/eu" }] }]
"#,
    ));
    Scangap::audit(&simulator).args(arguments).into_folder()
}

fn names(arguments: &[&str]) -> Vec<String> {
    audit(arguments).expect_code(0).csv("repositories.csv").into_iter().map(|row| row["repository"].clone()).collect()
}

#[test]
fn accounts_units_and_regions_narrow_the_audit() {
    assert_eq!(names(&[]), ["pay/eu", "pay/us", "search/eu"]);
    assert_eq!(names(&["--accounts", "333333333333"]), ["pay/eu", "pay/us"]);
    assert_eq!(names(&["--exclude-accounts", "333333333333,111111111111"]), ["search/eu"]);
    assert_eq!(names(&["--ou", "Workloads/Payments"]), ["pay/eu", "pay/us"]);
    assert_eq!(names(&["--ou", "ou-exam-workload"]), ["pay/eu", "pay/us", "search/eu"]);
    assert_eq!(names(&["--regions", "us-east-1"]), ["pay/us"]);
}

#[test]
fn ou_paths_are_names_from_the_root_down() {
    let audited = audit(&[]).expect_code(0);
    assert_eq!(audited.repository("pay/eu")["ou_path"], "Workloads/Payments");
}

#[test]
fn fail_on_names_what_is_not_to_pass() {
    let _ = audit(&["--fail-on", "covered"]).expect_code(2);
    let _ = audit(&["--fail-on", "any"]).expect_code(0);
    let _ = audit(&["--fail-on", "blocked,registry"]).expect_code(0);
}

/// One account with one repository, under these policies.
fn audit_one(policy: &str, registry: &str, roles: &str, fail_on: &str) -> Audited {
    let simulator = simulate(organization(&format!(
        r#"
[[policies]]
name = "mfa"
inspector = "allowed"
text = '{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{{"Bool":{{"aws:MultiFactorAuthPresent":"false"}}}}}}]}}'
[[policies]]
name = "open"
inspector = "allowed"
text = '{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"*"}}]}}'
[[policies]]
name = "frozen"
inspector = "allowed"
text = '{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":"ecr:PutRegistryScanningConfiguration","Resource":"*"}}]}}'
[[accounts]]
id = "333333333333"
name = "alpha"
roles = [{roles}]
[[accounts.registries]]
region = "eu-west-1"
registry_policy = "{registry}"
repositories = [{{ name = "one", policy = "{policy}" }}]
"#
    )));
    Scangap::audit(&simulator).args(&["--fail-on", fail_on]).into_folder()
}

#[test]
fn undecided_alone_is_4_a_denying_registry_is_2_and_incomplete_outranks_both() {
    let role = "\"OrganizationAccountAccessRole\"";
    let _ = audit_one("mfa", "open", role, "any").expect_code(4);
    let _ = audit_one("mfa", "open", role, "blocked").expect_code(0);
    let _ = audit_one("mfa", "frozen", role, "any").expect_code(2);
    let frozen = audit_one("open", "frozen", role, "registry").expect_code(2);
    assert_eq!(frozen.diagnosis("one"), "covered", "a registry-level denial is never a repository's verdict");
    let _ = audit_one("mfa", "frozen", "", "any").expect_code(3);
}
