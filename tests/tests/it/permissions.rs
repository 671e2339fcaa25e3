//! `scangap permissions`: what it prints is enough, nothing of it is too much, and readers of others find no fault.

use std::process::Command;

use scangap_simorg::scenario::{FaultKind, PolicySpec, RolePolicySpec};
use scangap_simorg::{Scenario, Standing};
use scangap_tests::{Audited, Finished, Scangap, python, requires_tools, simulate, venv_program};
use serde_json::{Value, json};

use crate::apply::stale_plan;
use crate::resync::{STALE_REGISTRY, audit, stale_scenario};
use crate::trouble::enable_fault;

const ROLE: &str = "OrganizationAccountAccessRole";

fn permissions(arguments: &[&str]) -> Finished {
    let call = Scangap::new(
        &[&["permissions", "--role-name", ROLE, "--write-role-name", "scangap-write"], arguments].concat(),
    )
    .run();
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    call
}

fn document(arguments: &[&str]) -> Value {
    serde_json::from_str(&permissions(arguments).stdout).expect("a policy")
}

/// The actions of a policy.
fn actions(policy: &Value) -> Vec<String> {
    let statements = policy["Statement"].as_array().expect("statements").iter();
    let actions = statements.flat_map(|statement| statement["Action"].as_array().expect("actions"));
    actions.map(|action| action.as_str().expect("a text").to_owned()).collect()
}

/// The policy without one action.
fn without(policy: &Value, action: &str) -> Value {
    let mut policy = policy.clone();
    let statements = policy["Statement"].as_array_mut().expect("statements");
    for statement in statements.iter_mut() {
        statement["Action"].as_array_mut().expect("actions").retain(|one| one != action);
    }
    statements.retain(|statement| !statement["Action"].as_array().expect("actions").is_empty());
    policy
}

fn limited(scenario: &mut Scenario, role: &str, policy: &Value) {
    scenario.role_policies.push(RolePolicySpec { role: role.to_owned(), policy: policy.to_string(), trust: None });
}

/// The demo organization, and in it policies that hang on tags of the repository and of Inspector's role.
fn demo() -> Scenario {
    let mut scenario = Scenario::demo().expect("the demo");
    for key in ["aws:ResourceTag/team", "aws:PrincipalTag/team"] {
        let condition = json!({"StringEquals": {key: "none"}});
        let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "ecr:BatchGetImage", "Condition": condition});
        scenario.policies.push(PolicySpec {
            name: key.to_owned(),
            text: json!({"Version": "2012-10-17", "Statement": [deny]}).to_string(),
            inspector: Standing::Allowed,
            auditor: Standing::Allowed,
            writer: Standing::Allowed,
        });
        let mut registries = scenario.accounts.iter_mut().flat_map(|account| &mut account.registries);
        let repositories =
            registries.find_map(|registry| (!registry.repositories.is_empty()).then_some(&mut registry.repositories));
        let repositories = repositories.expect("a registry with repositories");
        let mut repository = repositories[0].clone();
        repository.name = key.to_ascii_lowercase().replace(':', "-");
        repository.policy = Some(key.to_owned());
        repositories.push(repository);
    }
    scenario
}

/// That organization, audited with what the caller and the role may do.
fn audited(caller: Option<&Value>, role: Option<&Value>) -> Audited {
    let mut scenario = demo();
    scenario.organization.caller_policy = caller.map(ToString::to_string);
    if let Some(policy) = role {
        limited(&mut scenario, ROLE, policy);
    }
    Scangap::audit(&simulate(scenario)).into_folder()
}

/// The permissions that gaps name.
fn named(audited: &Audited) -> Vec<String> {
    audited.csv("gaps.csv").iter().map(|row| row["permission_needed"].clone()).collect()
}

const FACTS: [&str; 4] = ["repositories.csv", "registries.csv", "accounts.csv", "gaps.csv"];

/// Runs a check for every action, a few at once: an audit waits more than it works.
fn for_each(actions: &[String], check: impl Fn(&str) -> Option<String> + Sync) {
    let failed: Vec<String> = std::thread::scope(|scope| {
        let parts = actions.chunks(actions.len().div_ceil(4));
        let threads: Vec<_> = parts
            .map(|part| scope.spawn(|| part.iter().filter_map(|action| check(action)).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

// Holds: 17 Permissions: with exactly what is printed an audit reads all that it reads without any bound
#[test]
fn what_is_printed_is_enough_for_an_audit() {
    let unbound = audited(None, None);
    let bound = audited(Some(&document(&["--for", "caller"])), Some(&document(&[])));
    assert_eq!(bound.finished.code, unbound.finished.code, "{}", bound.finished.stderr);
    for file in FACTS {
        assert_eq!(
            String::from_utf8_lossy(&bound.bytes(file)),
            String::from_utf8_lossy(&unbound.bytes(file)),
            "{file}"
        );
    }
}

// Holds: 17 Permissions: each permission of the audit role that is taken away is a gap that names it
#[test]
fn each_permission_of_the_audit_role_that_is_missing_is_named() {
    let policy = document(&[]);
    let before = named(&audited(None, Some(&policy)));
    for_each(&actions(&policy), |action| {
        let found = named(&audited(None, Some(&without(&policy, action))));
        let more = |list: &[String]| list.iter().filter(|one| *one == action).count();
        (more(&found) <= more(&before)).then(|| format!("{action}: {found:?}"))
    });
}

// Holds: 17 Permissions: each permission of the caller that is taken away is named by a gap, or by the error that ends the audit
#[test]
fn each_permission_of_the_caller_that_is_missing_is_named() {
    let policy = document(&["--for", "caller"]);
    // Its own account is read as the others are, with the same permissions.
    let of_role = actions(&document(&[]));
    let own: Vec<String> = actions(&policy).into_iter().filter(|action| !of_role.contains(action)).collect();
    assert_eq!(actions(&policy).len(), own.len() + of_role.len());
    for_each(&own, |action| {
        let audited = audited(Some(&without(&policy, action)), None);
        let is_named = match audited.finished.code {
            77 => audited.finished.stderr.contains(action),
            _ => named(&audited).iter().any(|one| one == action),
        };
        (!is_named).then(|| format!("{action}: {}", audited.finished.stderr))
    });
}

// Holds: 17 Permissions: a role that is set up with what is printed opens to the principal, organization and external id that it names alone
#[test]
fn the_trust_policy_opens_the_role_to_whom_it_names() {
    let trust = |principal: &str, more: &[&str]| {
        let arguments = [&["--trust", "--principal", principal, "--org", "o-exampleorg"], more].concat();
        permissions(&arguments).stdout
    };
    let opens = |trust: &str, more: &[&str]| {
        let mut scenario = Scenario::demo().expect("the demo");
        limited(&mut scenario, ROLE, &document(&[]));
        scenario.role_policies[0].trust = Some(trust.to_owned());
        let simulator = simulate(scenario);
        let audited = Scangap::audit(&simulator).args(more).into_folder();
        let opened = simulator.calls().iter().any(|call| call.operation == "sts:AssumeRole" && call.error.is_empty());
        assert_eq!(audited.finished.code == 77, !opened, "{}", audited.finished.stderr);
        opened
    };
    assert!(opens(&trust("111111111111", &[]), &[]));
    assert!(opens(&trust("arn:aws:iam::111111111111:user/auditor", &[]), &[]));
    assert!(!opens(&trust("arn:aws:iam::111111111111:user/other", &[]), &[]));
    // Without its condition on the organization this would be the same document.
    assert!(!opens(&trust("111111111111", &[]).replace("o-exampleorg", "o-anotherorg"), &[]));
    let with_id = trust("111111111111", &["--external-id", "blue-7"]);
    assert!(!opens(&with_id, &[]));
    assert!(opens(&with_id, &["--external-id", "blue-7"]));
}

// Holds: 17 Permissions: with exactly what is printed for a plan and an apply, a re-sync is planned and carried out
#[test]
fn what_is_printed_is_enough_for_a_plan_and_an_apply() {
    let mut scenario = stale_scenario("", STALE_REGISTRY);
    limited(&mut scenario, ROLE, &document(&["plan"]));
    limited(&mut scenario, "scangap-write", &document(&["apply"]));
    scenario.organization.caller_policy = Some(document(&["apply", "--for", "caller"]).to_string());
    let simulator = simulate(scenario);
    let plan = stale_plan(&simulator);
    let call = plan.consented_by("scangap-write", "20s", &simulator);
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert_eq!(crate::apply::ecr_status(&simulator), "ENABLED");
    drop(audit(&simulator).expect_code(0));
}

// Holds: 17 Permissions: each permission of the write role that is taken away ends the apply with scanning on, and is named
#[test]
fn each_permission_of_the_write_role_that_is_missing_is_named() {
    let policy = document(&["apply"]);
    // What a re-sync uses; a repair uses the first.
    let unused = [&["ecr:SetRepositoryPolicy"], &LOOKS[..]].concat();
    let used: Vec<String> = actions(&policy).into_iter().filter(|action| !unused.contains(&action.as_str())).collect();
    for_each(&used, |action| {
        let mut scenario = stale_scenario("", STALE_REGISTRY);
        limited(&mut scenario, "scangap-write", &without(&policy, action));
        let simulator = simulate(scenario);
        let plan = stale_plan(&simulator);
        let call = plan.consented_by("scangap-write", "1s", &simulator);
        let is_on = crate::apply::ecr_status(&simulator) == "ENABLED";
        let said = call.stdout + &call.stderr;
        (call.code == 0 || !is_on || !said.contains(action)).then(|| format!("{action}: {} {is_on} {said}", call.code))
    });
}

/// What the write role looks with where the audit role is gone, and scanning has to be brought back.
const LOOKS: [&str; 2] = ["inspector2:BatchGetAccountStatus", "ecr:GetRegistryScanningConfiguration"];

// Holds: 17 Permissions: what is printed for the write role brings scanning back without the audit role, and what is missing is named
#[test]
fn the_write_role_alone_brings_scanning_back() {
    let whole = document(&["apply"]);
    let brought_back = |policy: &Value| {
        let mut scenario = stale_scenario(&format!("roles = [\"{ROLE}\", \"scangap-write\"]"), STALE_REGISTRY);
        limited(&mut scenario, "scangap-write", policy);
        let simulator = simulate(scenario);
        let plan = stale_plan(&simulator);
        simulator.add_fault(enable_fault(FaultKind::Error, 1000));
        assert_eq!(plan.consented_by("scangap-write", "1s", &simulator).code, 5);
        assert_eq!(crate::apply::ecr_status(&simulator), "DISABLED");
        simulator.clear_faults();
        let folder = plan.folder.to_string_lossy();
        let call = crate::resync::at(&simulator, &["apply", &folder, "--bring-back", "--role-name", "gone"])
            .args(&["--write-role-name", "scangap-write", "--wait", "5s"])
            .env("HOME", &plan.home.path().to_string_lossy())
            .run();
        (call.code, crate::apply::ecr_status(&simulator), call.stdout + &call.stderr)
    };
    let (code, status, said) = brought_back(&whole);
    assert_eq!((code, status.as_str()), (0, "ENABLED"), "{said}");
    for_each(&LOOKS.map(str::to_owned), |action| {
        let (code, status, said) = brought_back(&without(&whole, action));
        (code == 0 || status != "ENABLED" || !said.contains(action))
            .then(|| format!("{action}: {code} {status} {said}"))
    });
}

// Holds: 17 Permissions: templates, modules and documents are within AWS's limits, and cfn-lint, python-hcl2 and parliament find no fault
#[test]
fn independent_readers_find_no_fault() {
    requires_tools();
    let folder = tempfile::tempdir().expect("a folder");
    let all: [&[&str]; 11] = [
        &["audit"],
        &["publish"],
        &["publish", "--for", "caller"],
        &["plan"],
        &["apply"],
        &["apply", "--for", "caller", "--org", "o-exampleorg"],
        &["--for", "organization-role"],
        &["--for", "caller", "--organization-role-arn", "arn:aws:iam::111122223333:role/org/Reader"],
        &["apply", "--findings-report", "s3://findings-{region}/inspector"],
        &["apply", "--role-name", "security/audit,Fallback", "--inspector-admin-role-name", "admin", "--for", "caller"],
        &[
            "apply",
            "--external-id",
            "blue:7",
            "--org",
            "o-exampleorg",
            "--principal",
            "arn:aws:iam::111122223333:role/sso/x",
        ],
    ];
    let (mut templates, mut modules, mut documents) = (Vec::new(), Vec::new(), Vec::new());
    for (at, arguments) in all.iter().enumerate() {
        let write = |name: String, form: &[&str]| {
            let call = Scangap::new(&[&["permissions"], *arguments, form].concat()).run();
            assert_eq!(call.code, 0, "{}", call.stderr);
            let path = folder.path().join(name);
            fs_err::write(&path, &call.stdout).expect("a file");
            (path, call.stdout)
        };
        templates.push(write(format!("{at}.yaml"), &["--format", "cloudformation"]).0);
        modules.push(write(format!("{at}.tf"), &["--format", "terraform"]).0);
        let (path, text) = write(format!("{at}.json"), &[]);
        // AWS: 6,144 characters of a managed policy without its spaces, the smallest limit.
        let packed: Value = serde_json::from_str(&text).expect("JSON");
        assert!(packed.to_string().chars().count() <= 6_144, "{arguments:?}");
        // parliament wants the ARN of a product for what imports findings; how AWS matches it is not verified.
        if !arguments.contains(&"publish") || arguments.contains(&"caller") {
            documents.push(path);
        }
    }
    let lint = Command::new(venv_program("cfn-lint")).args(&templates).output().expect("cfn-lint runs");
    assert!(
        lint.status.success(),
        "{}{}",
        String::from_utf8_lossy(&lint.stdout),
        String::from_utf8_lossy(&lint.stderr)
    );
    let named = |program: &str, paths: &[std::path::PathBuf]| {
        let paths: Vec<_> = paths.iter().map(|path| path.to_string_lossy()).collect();
        python(program, &paths.iter().map(AsRef::as_ref).collect::<Vec<_>>())
    };
    named("import sys, hcl2\nfor name in sys.argv[1:]:\n    assert hcl2.load(open(name))['resource'], name", &modules);
    let linter = "import sys\nfrom parliament import analyze_policy_string\nfor name in sys.argv[1:]:\n    found = analyze_policy_string(open(name).read()).findings\n    assert not found, (name, [str(one) for one in found])";
    named(linter, &documents);
}

/// The statements of a template and of a module, and their trust policies, beside the documents that are printed as JSON.
const SAME: &str = r#"
import json, re, sys
from cfnlint.decode.cfn_yaml import load
template, module, *documents = sys.argv[1:]

def plain(value):
    if isinstance(value, dict):
        if list(value) == ["Fn::Sub"]:
            return value["Fn::Sub"].replace("${AWS::Partition}", "aws").replace("${!", "${")
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return str(value) if isinstance(value, str) else value

def of_template():
    policies, trusts = [], []
    for resource in plain(load(template))["Resources"].values():
        properties = resource["Properties"]
        policies += [one["PolicyDocument"] for one in properties.get("Policies", [properties]) if "PolicyDocument" in one]
        trusts += [properties[name] for name in ["AssumeRolePolicyDocument"] if name in properties]
    return policies, trusts

def of_module():
    text = open(module).read()
    policies, trusts = [], []
    for name, found in [("policy", policies), ("assume_role_policy", trusts)]:
        for start in re.finditer(r"(?m)^ +" + name + r" += jsonencode\(", text):
            depth, end = 1, start.end()
            while depth:
                depth += {"(": 1, ")": -1}.get(text[end], 0)
                end += 1
            body = text[start.end():end - 1].replace("${data.aws_partition.current.partition}", "aws").replace("$${", "${")
            body = re.sub(r'(?m)(["\w:]+?)\s+= (?=["\[{])', lambda key: '"' + key.group(1).strip('"') + '": ', body)
            body = re.sub(r'(?m)(?<=["\]}])$', ",", body)
            body = re.sub(r",(\s*,)+", ",", body).rstrip().rstrip(",")
            found.append(json.loads(re.sub(r",(?=\s*[\]}])", "", body)))
    return policies, trusts

def same(made, printed):
    order = lambda statements: sorted(json.dumps(one, sort_keys=True) for one in statements)
    assert order(made) == order(printed), json.dumps([made, printed], indent=1)

statements = lambda documents: [one for document in documents for one in document["Statement"]]
printed = [json.loads(open(name).read()) for name in documents]
printed_trust = [document for document in printed if "Principal" in document["Statement"][0]]
printed = [document for document in printed if document not in printed_trust]
for policies, trusts in [of_template(), of_module()]:
    assert policies
    same(statements(policies), statements(printed))
    for trust in trusts:
        # What a statement is called is nothing of what it says.
        same(trust["Statement"], [{key: one[key] for key in one if key != "Sid"} for one in printed_trust[0]["Statement"]])
    assert len(trusts) == (len(policies) if printed_trust else 0), (len(trusts), len(policies))
"#;

// Holds: 17 Permissions: a template and a module say word for word what is printed as JSON, for each role and for the caller
#[test]
fn templates_and_modules_say_what_is_printed() {
    requires_tools();
    let folder = tempfile::tempdir().expect("a folder");
    let organization: &[&str] = &["--org", "o-exampleorg", "--external-id", "blue:7"];
    let trust: &[&str] = &["--trust", "--principal", "arn:aws:iam::111122223333:role/sso/x"];
    let report: &[&str] = &["--findings-report", "s3://findings-{region}/inspector"];
    let (apply, plan, publish) = (&["apply"][..], &["plan"][..], &["publish"][..]);
    let (reader, caller) = (&["--for", "organization-role"][..], &["--for", "caller"][..]);
    let cases: [(Vec<&str>, Vec<Vec<&str>>); 8] = [
        (vec![], vec![vec![], trust.to_vec()]),
        (plan.to_vec(), vec![plan.to_vec(), trust.to_vec()]),
        (apply.to_vec(), vec![plan.to_vec(), apply.to_vec(), trust.to_vec()]),
        ([apply, report].concat(), vec![plan.to_vec(), [apply, report].concat(), trust.to_vec()]),
        (publish.to_vec(), vec![publish.to_vec(), trust.to_vec()]),
        (reader.to_vec(), vec![reader.to_vec(), trust.to_vec()]),
        (caller.to_vec(), vec![caller.to_vec()]),
        ([apply, caller].concat(), vec![[apply, caller].concat()]),
    ];
    for (at, (arguments, documents)) in cases.iter().enumerate() {
        let write = |name: String, arguments: &[&str]| {
            let call = Scangap::new(&[&["permissions"], arguments, organization].concat()).run();
            assert_eq!(call.code, 0, "{arguments:?}: {}", call.stderr);
            let path = folder.path().join(name);
            fs_err::write(&path, &call.stdout).expect("a file");
            path.to_string_lossy().into_owned()
        };
        let form = |form: &'static str| [&arguments[..], &["--format", form], &trust[1..]].concat();
        let mut files =
            vec![write(format!("{at}.yaml"), &form("cloudformation")), write(format!("{at}.tf"), &form("terraform"))];
        for (number, document) in documents.iter().enumerate() {
            files.push(write(format!("{at}-{number}.json"), document));
        }
        python(SAME, &files.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

// Holds: 17 Permissions: what IAM would refuse, or read as more than a name, is refused
#[test]
fn what_iam_would_refuse_is_refused() {
    let cases: [&[&str]; 9] = [
        &["--role-name", "a//b"],
        &["--role-name", "aws-service-role/x/y"],
        &["--role-name", "a*"],
        &["--trust", "--principal", "arn:aws:iam::111122223333:role/a/b${x}"],
        &["--trust", "--principal", "arn:aws-cn:iam::111122223333:role/a"],
        &["--for", "caller", "--organization-role-arn", "arn:aws:iam::111122223333:role/a${x}"],
        &["apply", "--findings-report", "s3://a-{foo}/x"],
        &["apply", "--findings-report", "s3://a/x"],
        &["--external-id", "a b"],
    ];
    for arguments in cases {
        let call = Scangap::new(&[&["permissions"], arguments].concat()).run();
        assert_eq!(call.code, 64, "{arguments:?}: {}{}", call.stdout, call.stderr);
    }
    // A report's permission is of its prefix, and of the organization's buckets where a name has a wildcard.
    let policy =
        document(&["apply", "--findings-report", "s3://findings-{region}/inspector/", "--org", "o-exampleorg"]);
    let bucket = policy["Statement"].as_array().expect("statements").iter().find(|one| one["Sid"] == "FindingsBucket");
    let bucket = bucket.expect("the bucket's statement");
    assert_eq!(bucket["Resource"], json!(["arn:aws:s3:::findings-*", "arn:aws:s3:::findings-*/inspector/*"]));
    assert_eq!(bucket["Condition"], json!({"StringEquals": {"aws:ResourceOrgID": "o-exampleorg"}}));
}
