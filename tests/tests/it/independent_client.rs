//! The aws CLI as a client of the simulated organization: every operation that scangap uses, through the CLI's own
//! paginators, parsed by another party's models.

use std::process::Command;

use scangap_simorg::Simulator;
use scangap_tests::{Simulated, aws_program, organization, simulate};
use serde_json::Value;

struct AwsCli<'a> {
    simulator: &'a Simulator,
    key: String,
    secret: String,
    token: Option<String>,
}

impl<'a> AwsCli<'a> {
    fn of(simulator: &'a Simulator, account: &str) -> Self {
        Self { simulator, key: Simulator::access_key(account), secret: "simulated".into(), token: None }
    }

    fn output(&self, region: &str, arguments: &str) -> std::process::Output {
        let mut command = Command::new(aws_program());
        command
            .args(["--endpoint-url", &self.simulator.url(), "--region", region, "--output", "json"])
            .args(arguments.split(' '))
            .env("AWS_ACCESS_KEY_ID", &self.key)
            .env("AWS_SECRET_ACCESS_KEY", &self.secret)
            .env("AWS_MAX_ATTEMPTS", "1");
        if let Some(token) = &self.token {
            command.env("AWS_SESSION_TOKEN", token);
        }
        command.output().expect("the aws CLI runs")
    }

    fn run(&self, region: &str, arguments: &str) -> Value {
        let output = self.output(region, arguments);
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    fn fails(&self, region: &str, arguments: &str) -> String {
        let output = self.output(region, arguments);
        assert!(!output.status.success(), "{arguments} succeeded");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

/// 45 accounts, so that every list of accounts has pages, and one registry with 120 repositories.
fn simulated() -> Simulated {
    let accounts: String =
        (0..43).map(|i| format!("[[accounts]]\nid = \"4444444444{i:02}\"\nname = \"many-{i}\"\n")).collect();
    let repositories: Vec<String> = (0..120).map(|i| format!("{{ name = \"many/{i:03}\" }}")).collect();
    simulate(organization(&format!(
        r#"
[[organizational_units]]
id = "ou-exam-workload"
name = "Workloads"

[[policies]]
name = "nothing"
inspector = "allowed"
text = '{{"Statement":[]}}'

[[policies]]
name = "deny"
inspector = "denied"
text = '{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":"ecr:*"}}]}}'

{accounts}
[[accounts]]
id = "333333333333"
name = "alpha"
ou = "ou-exam-workload"
inspector_role = {{ tags = {{ owner = "<a> & b" }}, last_used_at = "2026-11-22T10:00:00Z" }}
[[accounts.registries]]
region = "eu-west-1"
registry_policy = "deny"
registry_policy_scope = "V1"
templates = [{{ prefix = "cache/", policy = "deny" }}]
repositories = [{{ name = "app", policy = "deny", tags = {{ team = "a" }} }}, {}]
"#,
        repositories.join(", ")
    )))
}

fn count(value: &Value, key: &str) -> usize {
    value[key].as_array().unwrap_or_else(|| panic!("{key} is missing in {value}")).len()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one journey, step by step")]
fn the_aws_cli_completes_every_operation_that_scangap_uses() {
    let simulator = simulated();
    let caller = AwsCli::of(&simulator, "111111111111");
    let eu = "eu-west-1";
    assert_eq!(caller.run(eu, "sts get-caller-identity")["Account"], "111111111111");

    let organizations = |arguments: &str| caller.run("us-east-1", &format!("organizations {arguments}"));
    assert_eq!(organizations("describe-organization")["Organization"]["Id"], "o-testing");
    let accounts = organizations("list-accounts");
    assert_eq!(count(&accounts, "Accounts"), 46, "through three pages, the first of them empty");
    assert_eq!(accounts["Accounts"][0]["State"], "ACTIVE");
    let root = organizations("list-roots")["Roots"][0]["Id"].as_str().expect("an id").to_owned();
    assert_eq!(
        count(
            &organizations(&format!("list-organizational-units-for-parent --parent-id {root}")),
            "OrganizationalUnits"
        ),
        1
    );
    assert_eq!(count(&organizations(&format!("list-accounts-for-parent --parent-id {root}")), "Accounts"), 45);
    let admins = organizations("list-delegated-administrators --service-principal inspector2.amazonaws.com");
    assert_eq!(admins["DelegatedAdministrators"][0]["Id"], "222222222222");

    let session = caller.run(eu, "sts assume-role --role-arn arn:aws:iam::333333333333:role/OrganizationAccountAccessRole --role-session-name cli");
    let text = |key: &str| session["Credentials"][key].as_str().expect("a text").to_owned();
    let alpha = AwsCli {
        simulator: &simulator,
        key: text("AccessKeyId"),
        secret: text("SecretAccessKey"),
        token: Some(text("SessionToken")),
    };
    assert_eq!(alpha.run(eu, "sts get-caller-identity")["Account"], "333333333333");

    let role = alpha.run("us-east-1", "iam get-role --role-name AWSServiceRoleForAmazonInspector2");
    assert_eq!(role["Role"]["RoleId"], "AROASIMUL333333333333");
    assert_eq!(role["Role"]["Tags"][0]["Value"], "<a> & b");
    assert_eq!(role["Role"]["RoleLastUsed"]["LastUsedDate"], "2026-11-22T10:00:00Z");
    assert!(alpha.fails("us-east-1", "iam get-role --role-name another").contains("NoSuchEntity"));
    assert_eq!(count(&alpha.run("us-east-1", "account list-regions"), "Regions"), 34, "through two pages");
    assert_eq!(
        alpha.run("us-east-1", "account get-region-opt-status --region-name af-south-1")["RegionOptStatus"],
        "DISABLED"
    );

    let ecr = |arguments: &str| alpha.run(eu, &format!("ecr {arguments}"));
    assert_eq!(count(&ecr("describe-repositories"), "repositories"), 121, "through two pages");
    assert!(
        ecr("get-repository-policy --repository-name app")["policyText"].as_str().expect("a text").contains("Deny")
    );
    assert!(
        alpha
            .fails(eu, "ecr get-repository-policy --repository-name many/001")
            .contains("RepositoryPolicyNotFoundException")
    );
    assert!(
        alpha.fails(eu, "ecr get-repository-policy --repository-name none").contains("RepositoryNotFoundException")
    );
    let frequencies = ecr("batch-get-repository-scanning-configuration --repository-names app none");
    assert_eq!(frequencies["scanningConfigurations"][0]["scanFrequency"], "CONTINUOUS_SCAN");
    assert_eq!(frequencies["failures"][0]["failureCode"], "REPOSITORY_NOT_FOUND");
    assert!(ecr("get-registry-policy")["policyText"].as_str().expect("a text").contains("Deny"));
    assert_eq!(ecr("get-account-setting --name REGISTRY_POLICY_SCOPE")["value"], "V1");
    assert_eq!(ecr("get-registry-scanning-configuration")["scanningConfiguration"]["scanType"], "ENHANCED");
    assert_eq!(count(&ecr("describe-repository-creation-templates"), "repositoryCreationTemplates"), 1);
    assert_eq!(
        ecr("list-tags-for-resource --resource-arn arn:aws:ecr:eu-west-1:333333333333:repository/app")["tags"][0]["Value"],
        "a"
    );
    assert_eq!(count(&ecr("describe-images --repository-name app"), "imageDetails"), 1);

    let admin = AwsCli::of(&simulator, "222222222222");
    let statuses = admin.run(eu, "inspector2 batch-get-account-status --account-ids 333333333333 999999999999");
    assert_eq!(statuses["accounts"][0]["resourceState"]["ecr"]["status"], "ENABLED");
    assert_eq!(statuses["failedAccounts"][0]["errorCode"], "ACCESS_DENIED");
    assert_eq!(count(&admin.run(eu, "inspector2 list-coverage"), "coveredResources"), 241, "through three pages");
    assert_eq!(admin.run(eu, "inspector2 get-delegated-admin-account")["delegatedAdmin"]["accountId"], "222222222222");

    // What plans read.
    let findings = admin.run(eu, "inspector2 list-findings");
    assert_eq!(count(&findings, "findings"), 240, "through three pages");
    assert_eq!(findings["findings"][0]["resources"][0]["type"], "AWS_ECR_CONTAINER_IMAGE");
    assert_eq!(count(&admin.run(eu, "inspector2 list-filters"), "filters"), 0);
    let durations = admin.run(eu, "inspector2 get-configuration");
    assert_eq!(durations["ecrConfiguration"]["rescanDurationState"]["rescanDuration"], "DAYS_14");
    assert_eq!(durations["ecrConfiguration"]["rescanDurationState"]["pullDateRescanMode"], "LAST_IN_USE_AT");
    let joining = admin.run(eu, "inspector2 describe-organization-configuration");
    assert_eq!(joining["autoEnable"]["ecr"], true);
    assert!(alpha.fails(eu, "inspector2 describe-organization-configuration").contains("AccessDeniedException"));
    let permissions = |account: &AwsCli<'_>| {
        count(&account.run(eu, "inspector2 list-account-permissions --service ECR"), "permissions")
    };
    assert_eq!((permissions(&admin), permissions(&alpha)), (4, 3), "fewer where the account is a member");
    let usage = admin.run(eu, "inspector2 list-usage-totals --account-ids 333333333333");
    assert_eq!(usage["totals"][0]["usage"][0]["type"], "ECR_INITIAL_SCAN");
    let policy = caller.fails(
        "us-east-1",
        "organizations describe-effective-policy --policy-type INSPECTOR_POLICY --target-id 333333333333",
    );
    assert!(policy.contains("EffectivePolicyNotFoundException"), "{policy}");

    // What applies write.
    ecr("set-repository-policy --repository-name app --policy-text {\"Statement\":[]}");
    assert!(
        ecr("get-repository-policy --repository-name app")["policyText"]
            .as_str()
            .expect("a text")
            .contains("\"Statement\" : []")
    );
    let report = admin.run(
        eu,
        "inspector2 create-findings-report --report-format JSON --s3-destination bucketName=b,kmsKeyArn=arn:aws:kms:eu-west-1:222222222222:key/1",
    );
    let ask =
        format!("inspector2 get-findings-report-status --report-id {}", report["reportId"].as_str().expect("an id"));
    assert_eq!(admin.run(eu, &ask)["status"], "IN_PROGRESS");
    assert_eq!(admin.run(eu, &ask)["status"], "SUCCEEDED");
    assert!(alpha.fails(eu, &ask).contains("ResourceNotFoundException"), "only its requester can see it");
    let toggled = admin.run(eu, "inspector2 disable --account-ids 333333333333 --resource-types ECR");
    assert_eq!(toggled["failedAccounts"], serde_json::json!([]));
    let off = admin.run(eu, "inspector2 batch-get-account-status --account-ids 333333333333");
    assert_eq!(off["accounts"][0]["resourceState"]["ecr"]["status"], "DISABLED");
    admin.run(eu, "inspector2 enable --account-ids 333333333333 --resource-types ECR --client-token a");
    let own = alpha.fails(eu, "inspector2 disable --account-ids 333333333333 --resource-types ECR");
    assert!(own.contains("is not authorized to disable itself"), "{own}");
    ecr(
        "put-registry-scanning-configuration --scan-type ENHANCED --rules [{\"scanFrequency\":\"SCAN_ON_PUSH\",\"repositoryFilters\":[{\"filter\":\"a\",\"filterType\":\"WILDCARD\"}]}]",
    );
    let scanning = ecr("get-registry-scanning-configuration");
    assert_eq!(scanning["scanningConfiguration"]["rules"][0]["repositoryFilters"][0]["filter"], "a");
}

#[test]
fn the_aws_cli_sees_aws_errors() {
    let simulator = simulated();
    let caller = AwsCli::of(&simulator, "111111111111");
    let refused = caller
        .fails("eu-west-1", "sts assume-role --role-arn arn:aws:iam::333333333333:role/None --role-session-name cli");
    assert!(
        refused.contains("AccessDenied") && refused.contains("is not authorized to perform: sts:AssumeRole"),
        "{refused}"
    );
    assert!(caller.fails("af-south-1", "ecr describe-repositories").contains("UnrecognizedClientException"));
    let member = AwsCli::of(&simulator, "333333333333");
    assert!(member.fails("us-east-1", "organizations list-accounts").contains("AccessDeniedException"));
    let refused = caller.fails(
        "eu-west-1",
        "sts assume-role --role-arn arn:aws:iam::333333333333:role/OrganizationAccountAccessRole --role-session-name cli --policy {\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}]}",
    );
    assert!(refused.contains("MalformedPolicyDocument"), "{refused}");
}
