//! A plan as people read it: the causes and the accounts first, one diff a cause, lines that can be pasted, Terraform an account.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use scangap_simorg::Simulator;
use scangap_tests::{Audited, Finished, Operator, Scangap, Simulated, aws_program, organization, python, simulate};
use serde_json::{Value, json};

use crate::plan::BEFORE;

/// The same statement as `BEFORE`, in one line and under another Sid, which is the same cause.
const ONE_LINE: &str = r#"{"Statement":[{"Sid":"Headquarters","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"}}}]}"#;
const TAGS: &str = r#"{"Statement":[{"Sid":"TeamOnly","Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage","Condition":{"Null":{"aws:PrincipalTag/team":"true"}}}]}"#;

const ROLE: &str =
    "arn:aws:iam::333333333333:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2";

const ACCOUNTS: [&str; 3] = ["333333333333", "444444444444", "555555555555"];
/// Of each account: repositories with the first cause, and with the second.
const OF_EACH: [(usize, usize); 3] = [(20, 3), (9, 0), (0, 5)];

/// Three accounts with two causes, and policies that may not be read.
pub(crate) fn world() -> Simulated {
    let mut scenario = String::new();
    // What is pasted stores these.
    let [after, one_line_after] = [BEFORE, ONE_LINE].map(|text| {
        let condition = "\"NotIpAddress\": {\"aws:SourceIp\": \"203.0.113.10/32\"}";
        let exempted = format!("{condition}, \"ArnNotEquals\": {{\"aws:PrincipalArn\": \"{ROLE}\"}}");
        text.replace("\":{\"", "\": {\"").replace("\":\"203", "\": \"203").replace(condition, &exempted)
    });
    let policies = [
        ("lines", "denied", BEFORE),
        ("one-line", "denied", ONE_LINE),
        ("tags", "denied", TAGS),
        ("lines-after", "allowed", &after),
        ("one-line-after", "allowed", &one_line_after),
    ];
    for (name, inspector, text) in policies {
        let _ =
            write!(scenario, "[[policies]]\nname = \"{name}\"\ninspector = \"{inspector}\"\ntext = {}\n", json!(text));
    }
    for (id, (office, tags)) in ACCOUNTS.iter().zip(OF_EACH) {
        // What ends a cell of a table, and a code span.
        let _ = write!(scenario, "[[accounts]]\nid = \"{id}\"\nname = \"pay|ments `{id}`\"\n");
        let mut repositories = Vec::new();
        for at in 0..office {
            let policy = if at % 2 == 0 { "lines" } else { "one-line" };
            repositories.push(format!("{{ name = \"office/app-{at:02}\", policy = \"{policy}\" }}"));
        }
        repositories.extend((0..tags).map(|at| format!("{{ name = \"team/app-{at:02}\", policy = \"tags\" }}")));
        let (ireland, virginia) = repositories.split_at(repositories.len() / 2);
        for (region, repositories) in [("eu-west-1", ireland), ("us-east-1", virginia)] {
            let _ = write!(
                scenario,
                "[[accounts.registries]]\nregion = \"{region}\"\nrepositories = [{}]\n",
                repositories.join(", ")
            );
        }
    }
    simulate(organization(&scenario))
}

fn planned(audited: &Audited) -> (Finished, String, Value) {
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let call = Scangap::new(&["plan", &snapshot, "--fix", "--out", "plan"]).run();
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    let read = |name: &str| fs_err::read_to_string(call.home.path().join("plan").join(name)).expect("a file");
    let plan = serde_json::from_str(&read("plan.json")).expect("a plan");
    let runbook = read("plan.md");
    (call, runbook, plan)
}

// Holds: 15 Plan for people: the runbook and the screen begin with the causes and the accounts, and show one change a cause
#[test]
fn a_plan_of_many_policies_is_read_by_its_causes() {
    let audited = Scangap::audit(&world()).into_folder().expect_code(0);
    let (call, runbook, plan) = planned(&audited);
    let (office, tags): (usize, usize) = (OF_EACH.iter().map(|of| of.0).sum(), OF_EACH.iter().map(|of| of.1).sum());
    assert_eq!(plan["steps"].as_array().map(Vec::len), Some(office + tags));
    let folder = call.home.path().join("plan");
    python(RUNBOOK, &[&folder.to_string_lossy()]);
    assert!(runbook.lines().count() < 200, "{} lines", runbook.lines().count());
    for line in [
        format!("  {office} policies in 2 accounts  repository policy: "),
        format!("  {tags} policies in 2 accounts  repository policy: TeamOnly"),
        "  change   333333333333 (pay|ments `333333333333`)  23 policies".to_owned(),
        "  change   444444444444 (pay|ments `444444444444`)  9 policies".to_owned(),
        "Next     scangap rehearse plan".to_owned(),
    ] {
        assert!(call.stdout.contains(&line), "`{line}` is missing:\n{}", call.stdout);
    }
    assert!(!call.stdout.contains("policy-0001"), "steps by themselves are too many:\n{}", call.stdout);
    // An apply says the same before it asks.
    let apply = Scangap::new(&["apply", &folder.to_string_lossy(), "--dry-run", "--write-role-name", "writer"]).run();
    assert!(apply.stderr.contains("change   444444444444 (pay|ments `444444444444`)  9 policies"), "{}", apply.stderr);
}

const RUNBOOK: &str = r#"
import json, pathlib, re, sys
from markdown_it import MarkdownIt
folder = pathlib.Path(sys.argv[1])
text = (folder / "plan.md").read_text()
plan = json.loads((folder / "plan.json").read_text())
tokens = MarkdownIt("commonmark").enable("table").parse(text)
tables, row = [], None
for token, content in zip(tokens, tokens[1:] + [None]):
    if token.type == "table_open": tables.append([])
    if token.type == "tr_open": tables[-1].append([])
    if token.type in ("th_open", "td_open"): tables[-1][-1].append(content.content)
causes, accounts = tables[0], tables[1]
steps = plan["steps"]
by_cause = {}
for step in steps:
    (cause,) = step["causes"]
    by_cause.setdefault(cause, []).append(step)
expected = sorted(((cause, str(len(of)), str(len({s["account_id"] for s in of}))) for cause, of in by_cause.items()),
                  key=lambda row: -int(row[1]))
assert [(row[0], row[2], row[3]) for row in causes[1:]] == expected, (causes, expected)
assert len(expected) == 2 and all(len(row) == 5 for row in causes), causes
by_account = {}
for step in steps:
    by_account[step["account_id"]] = by_account.get(step["account_id"], 0) + 1
assert [(row[0], row[2]) for row in accounts[1:]] == [(id, str(n)) for id, n in sorted(by_account.items())], accounts
assert all(len(row) == 6 for row in accounts), accounts
assert "pay" in accounts[1][1] and "ments" in accounts[1][1], accounts[1]
assert text.count("```diff") == 2, "one change a cause"
# A text of one line is printed in lines for the diff, and only there.
diffs = re.findall(r"```diff\n(.*?)```", text, re.S)
assert all(max(len(line) for line in diff.splitlines()) < 300 for diff in diffs), diffs
assert [line for line in text.splitlines() if line.startswith("change policy-")].__len__() == len(steps)
assert text.count("<details>") == text.count("</details>") == 2
"#;

/// The blocks of shell in a text, in order.
fn blocks(text: &str) -> Vec<&str> {
    text.split("```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

// Holds: 15 Plan for people: the lines of the runbook change the policies as they are pasted, take it back, and do nothing with the credentials of another account
#[test]
fn the_lines_of_the_runbook_change_the_policies_and_take_it_back() {
    let simulator = world();
    let audited = Scangap::audit(&simulator).into_folder().expect_code(0);
    let (call, runbook, plan) = planned(&audited);
    let folder = call.home.path().join("plan");
    let blocks = blocks(&runbook);
    let [functions, lines @ ..] = blocks.as_slice() else { panic!("blocks: {runbook}") };
    let account = ACCOUNTS[0];
    let of_account = |line: &&str| line.contains(&format!("-{account}-"));
    let lines: Vec<&str> = lines.iter().flat_map(|block| block.lines()).filter(of_account).take(2).collect();
    assert_eq!(lines.len(), 2, "{blocks:?}");
    let pasted = lines.join("\n");
    let stored = || {
        let steps = plan["steps"].as_array().expect("steps");
        let named = |line: &&str| steps.iter().find(|step| line.contains(step["id"].as_str().expect("an id")));
        let stored = |step: &Value| {
            let asked = json!({"repositoryName": step["repository"]});
            let operator = Operator::of(&simulator, account, step["region"].as_str().expect("a region"));
            let text = operator.ecr("GetRepositoryPolicy", &asked)["policyText"].as_str().expect("a text").to_owned();
            text.contains("role/aws-service-role/inspector2.amazonaws.com")
        };
        lines.iter().filter_map(named).map(stored).collect::<Vec<_>>()
    };
    assert_eq!(stored(), [false; 2]);
    assert!(
        !paste(&simulator, ACCOUNTS[1], &folder, &format!("{functions}\n{pasted}")),
        "another account's credentials"
    );
    assert_eq!(stored(), [false; 2]);
    assert!(paste(&simulator, account, &folder, &format!("{functions}\n{pasted}")), "{pasted}");
    assert_eq!(stored(), [true; 2]);
    let undone = pasted.replace("change policy", "undo policy");
    assert!(paste(&simulator, account, &folder, &format!("{functions}\n{undone}")), "{undone}");
    assert_eq!(stored(), [false; 2]);
    // One that was changed meanwhile is left as it is, and so is one that was not changed and is to be undone.
    let operator = Operator::of(&simulator, account, "eu-west-1");
    let put = |text: &str| {
        operator.ecr("SetRepositoryPolicy", &json!({"repositoryName": "office/app-00", "policyText": text}))
    };
    put(TAGS);
    let undo = pasted.replace("change policy", "undo policy");
    for lines in [&pasted.lines().next().expect("a line").to_owned(), &undo] {
        assert!(!paste(&simulator, account, &folder, &format!("{functions}\n{lines}")), "{lines}");
        let text = operator.ecr("GetRepositoryPolicy", &json!({"repositoryName": "office/app-00"}));
        assert!(text["policyText"].as_str().is_some_and(|text| text.contains("TeamOnly")), "{text}");
    }
}

fn paste(simulator: &Simulated, account: &str, folder: &Path, lines: &str) -> bool {
    let path = aws_program().parent().expect("a folder").to_string_lossy().into_owned();
    let output = Command::new("bash")
        .args(["-ec", lines])
        .current_dir(folder)
        .env("PATH", format!("{path}:/usr/bin:/bin"))
        .env("AWS_ENDPOINT_URL", simulator.url())
        .env("AWS_ACCESS_KEY_ID", Simulator::access_key(account))
        .env("AWS_SECRET_ACCESS_KEY", "simulated")
        .output()
        .expect("bash runs");
    output.status.success()
}

// Holds: 15 Plan for people: Terraform has one module an account, for the providers 5 and 6, that refuses any other account
#[test]
fn terraform_has_one_module_an_account() {
    let audited = Scangap::audit(&world()).into_folder().expect_code(0);
    let (call, ..) = planned(&audited);
    python(MODULES, &[&call.home.path().join("plan").to_string_lossy()]);
}

const MODULES: &str = r#"
import json, pathlib, sys
import hcl2
folder = pathlib.Path(sys.argv[1])
plan = json.loads((folder / "plan.json").read_text())
accounts = {step["account_id"] for step in plan["steps"]}
assert {path.name for path in (folder / "terraform").iterdir()} == accounts
word = lambda text: json.loads(text)
seen = set()
for account in accounts:
    module = folder / "terraform" / account
    parsed = hcl2.loads((module / "main.tf").read_text())
    (terraform,) = parsed["terraform"]
    assert word(terraform["required_providers"][0]["aws"]["version"]) == ">= 5.0, < 7.0"
    providers = {word(block['"aws"']["alias"]): block['"aws"'] for block in parsed["provider"]}
    for provider in providers.values():
        assert [word(id) for id in provider["allowed_account_ids"]] == [account]
    imports = {one["to"].strip("${}"): word(one["id"]) for one in parsed["import"]}
    # Both versions of the provider: nothing that only 6 knows, and no provider where the resource names one.
    assert all("@" not in name for name in imports.values()) and all("provider" not in one for one in parsed["import"])
    steps = {step["id"]: step for step in plan["steps"] if step["account_id"] == account}
    for block in parsed["resource"]:
        ((label, resource),) = block['"aws_ecr_repository_policy"'].items()
        step = steps.pop(word(label).replace("_", "-"))
        assert "region" not in resource
        assert imports[f"aws_ecr_repository_policy.{word(label)}"] == word(resource["repository"]) == step["repository"]
        alias = resource["provider"].strip("${}").removeprefix("aws.")
        assert word(providers[alias]["region"]) == step["region"]
        name = resource["policy"].split("/")[-1].split('"')[0]
        assert (module / name).read_bytes() == (folder / step["after_file"]).read_bytes()
        seen.add(step["id"])
    assert not steps, steps
assert len(seen) == len(plan["steps"])
"#;
