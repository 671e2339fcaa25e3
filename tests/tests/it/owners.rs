//! Owner packs: each owner's own rows, all of them, in files whose names no tag value can manipulate; and OCSF findings.

use std::collections::BTreeMap;
use std::path::Path;

use calamine::{Reader, Xlsx, open_workbook};
use scangap_tests::{Audited, Scangap, Simulated, organization, python, simulate};

use crate::demo::demo;

/// Writes the packs of an audit; the names of the files and the repositories that each workbook holds.
fn split(audited: &Audited, by: &str, code: i32) -> (tempfile::TempDir, BTreeMap<String, Vec<String>>) {
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let call = Scangap::new(&["report", &snapshot, "--out", "packs", "--split-by", by]).run();
    assert_eq!(call.code, code, "{}", call.stderr);
    let folder = call.home.path().join("packs").join("owners");
    let mut packs = BTreeMap::new();
    for entry in fs_err::read_dir(&folder).expect("a folder") {
        let path = entry.expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if let Some(owner) = name.strip_suffix(".xlsx") {
            assert!(folder.join(format!("{owner}.html")).exists(), "{owner} has a page");
            packs.insert(owner.to_owned(), repositories(&path));
        }
    }
    let verified = Scangap::new(&["verify", &call.home.path().join("packs").to_string_lossy()]).run();
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    (call.home, packs)
}

fn repositories(workbook: &Path) -> Vec<String> {
    let mut workbook: Xlsx<_> = open_workbook(workbook).expect("a workbook");
    let rows = workbook.worksheet_range("Repositories").expect("the sheet");
    rows.rows().skip(1).map(|row| row[1].to_string()).collect()
}

#[test]
fn each_account_gets_its_own_rows_and_the_exact_change() {
    let audited = demo();
    let (home, packs) = split(&audited, "account", 3);
    let all: usize = packs.values().map(Vec::len).sum();
    assert_eq!(all, audited.csv("repositories.csv").len(), "no row is lost or doubled");
    for row in audited.csv("repositories.csv") {
        let mine: Vec<_> = packs.iter().filter(|(owner, _)| owner.starts_with(&row["account_id"])).collect();
        assert_eq!(mine.len(), 1, "{}", row["account_id"]);
        assert!(mine[0].1.contains(&row["repository"]));
    }
    let page = packs.keys().find(|owner| owner.starts_with("333333333333")).expect("a pack");
    let page = fs_err::read_to_string(home.path().join("packs/owners").join(format!("{page}.html"))).expect("a page");
    for part in [
        "SIMULATED: nothing here is evidence",
        "<span class=\"tag bad\">C-d192008280</span> repository policy OfficeOnly (NotIpAddress aws:SourceIp) denies Inspector</h3>",
        "<p>1 repository: 1 blocked.</p>",
        "<th scope=\"row\">journey/1-blocked</th><td>repository policy: OfficeOnly (NotIpAddress aws:SourceIp)</td>",
        "<ins>+         &#34;ArnNotEquals&#34;: {</ins>",
        "aws ecr set-repository-policy --registry-id 333333333333 --region eu-west-1 --repository-name journey/1-blocked --policy-text file://after.json",
    ] {
        assert!(page.contains(part), "`{part}` is missing:\n{page}");
    }
    assert!(!page.contains("base/mfa-only"), "another account's repository");
}

#[test]
fn units_are_told_apart_by_their_path() {
    let audited = demo();
    let (_home, packs) = split(&audited, "ou", 3);
    let mut by_unit: BTreeMap<String, usize> = BTreeMap::new();
    for row in audited.csv("repositories.csv") {
        *by_unit.entry(row["ou_path"].clone()).or_default() += 1;
    }
    // The management account is in no unit, and has no repositories: its pack says so.
    assert!(packs.contains_key("organization-root"), "{:?}", packs.keys());
    let mut sizes: Vec<usize> = packs.values().map(Vec::len).filter(|n_rows| *n_rows > 0).collect();
    let mut expected: Vec<usize> = by_unit.into_values().collect();
    sizes.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sizes, expected);
}

const TAGGED: &str = r#"
[[accounts]]
id = "333333333333"
name = "alpha"
registries = [{ region = "eu-west-1", repositories = [
  { name = "of-payments", tags = { team = "payments", secret = "s3cr3t" } },
  { name = "of-web", tags = { team = "../../web" } },
  { name = "of-nobody", tags = { other = "x" } },
  { name = "unread", tags = { team = "payments" } },
  { name = "named-like-nobody", tags = { team = "unknown-owner" } },
] }]
"#;

#[test]
fn tags_tell_owners_apart_where_the_audit_read_them() {
    let mut scenario = organization(TAGGED);
    let mut fault = scangap_simorg::scenario::FaultSpec::of("ecr:ListTagsForResource", "AccessDeniedException", 400);
    fault.resource = Some("unread".to_owned());
    scenario.faults.push(fault);
    let simulator = simulate(scenario);
    let audited = Scangap::audit(&simulator).args(&["--tags", "team"]).into_folder().expect_code(3);
    let (_home, packs) = split(&audited, "tag:team", 3);
    assert_eq!(packs["payments"], ["of-payments"]);
    assert_eq!(packs["no-owner"], ["of-nobody"]);
    assert_eq!(packs["unknown-owner"], ["unread"], "a tag that was not read is nobody's word");
    let web = packs.iter().find(|(owner, _)| owner.starts_with("web-")).expect("a plain name");
    assert_eq!(web.1, &["of-web"]);
    assert_eq!(packs.len(), 5);
    // Of the tags only the one that was asked for is kept.
    let bytes = String::from_utf8_lossy(&audited.bytes("snapshot.db")).into_owned();
    assert!(bytes.contains("payments") && !bytes.contains("s3cr3t"));
    // Another key was not read.
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let call = Scangap::new(&["report", &snapshot, "--out", "x", "--split-by", "tag:cost"]).run();
    assert_eq!(call.code, 64);
    assert!(call.stderr.contains("--tags 'cost'"), "{}", call.stderr);
    let call = Scangap::new(&["report", &snapshot, "--out", "x", "--split-by", "team"]).run();
    assert_eq!(call.code, 64, "{}", call.stderr);
}

#[test]
fn ocsf_findings_fit_the_published_schema_and_nothing_unknown_passes() {
    let audited = demo();
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let call = Scangap::new(&["report", &snapshot, "--out", "ocsf", "--ocsf"]).run();
    assert_eq!(call.code, 3, "{}", call.stderr);
    let file = call.home.path().join("ocsf").join("ocsf.jsonl");
    let text = fs_err::read_to_string(&file).expect("the findings");
    python(OCSF, &[&file.to_string_lossy(), &text.lines().count().to_string()]);
    assert!(text.lines().count() > audited.csv("repositories.csv").len(), "what was not read is a finding too");
    let by_diagnosis: BTreeMap<String, u64> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .map(|finding| {
            let compliance = &finding["compliance"];
            let code = compliance["status_code"].as_str().expect("a code").to_owned();
            (code, compliance["status_id"].as_u64().expect("an id"))
        })
        .collect();
    assert_eq!((by_diagnosis["unreadable"], by_diagnosis["undecided"]), (0, 0), "Unknown");
    assert_eq!((by_diagnosis["covered"], by_diagnosis["blocked"]), (1, 3), "Pass and Fail");
    assert!(!text.contains('\u{202e}'));
}

const OCSF: &str = r#"
import json, sys
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.5.0")).get_class_schema("compliance_finding", profiles=["cloud"])
validator = Draft202012Validator(schema)
findings = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
assert len(findings) == int(sys.argv[2]) > 0, len(findings)
for finding in findings:
    errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(finding)]
    assert not errors, errors
    # What the schema does not say.
    assert finding["type_uid"] == finding["class_uid"] * 100 + finding["activity_id"]
    assert finding["metadata"]["version"] == "1.5.0" and finding["metadata"]["profiles"] == ["cloud"]
    assert 10**12 <= finding["time"] < 10**13, "milliseconds"
    compliance = finding["compliance"]
    captions = {0: "Unknown", 1: "Pass", 3: "Fail", 99: "Not applicable"}
    assert compliance["status"] == captions[compliance["status_id"]]
assert len({finding["finding_info"]["uid"] for finding in findings}) == len(findings)
broken = json.loads(json.dumps(findings[0]))
del broken["time"]
assert list(validator.iter_errors(broken)), "a finding without a time fits"
"#;

/// The registry's policy denies one account's repositories; the other account cannot be read.
const REGISTRY: &str = r#"
[[policies]]
name = "registry"
inspector = "denied"
text = '{"Statement":{"Sid":"Freeze","Effect":"Deny","Principal":"*","Action":["ecr:BatchGetImage","ecr:PutRegistryScanningConfiguration"],"Resource":"*"}}'
[[policies]]
name = "region"
inspector = "allowed"
text = '{"Statement":{"Sid":"OnlyUs","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}}}'
[[accounts]]
id = "333333333333"
name = "alpha"
[[accounts.registries]]
region = "eu-west-1"
registry_policy = "registry"
repositories = [{ name = "kept-out", policy = "region", coverage = { status = "INACTIVE", reason = "ACCESS_DENIED" } }]
[[accounts.registries]]
region = "us-east-1"
repositories = [{ name = "of-the-region", policy = "region" }]
[[accounts]]
id = "444444444444"
name = "beta"
roles = []
[[accounts]]
id = "555555555555"
name = "gamma"
[[accounts.registries]]
region = "eu-west-1"
ecr_scanning = "DISABLED"
repositories = [{ name = "off" }]
[[accounts]]
id = "666666666666"
name = "delta"
[[accounts.registries]]
region = "eu-west-1"
repositories = [{ name = "fine" }]
"#;

#[test]
fn a_registrys_policy_has_its_row_its_repair_and_its_name_in_what_to_do() {
    let audited = Scangap::audit(&simulate(organization(REGISTRY))).into_folder().expect_code(3);
    let row = audited.repository("kept-out");
    assert_eq!(row["diagnosis"], "blocked");
    assert!(row["next_step"].starts_with("repair the registry's policy"), "{}", row["next_step"]);
    let policies = audited.csv("policies.csv");
    let registry = policies.iter().find(|row| row["attached_to"] == "registry").expect("the registry's text");
    assert_eq!((registry["example_repository"].as_str(), registry["repositories"].as_str()), ("kept-out", "1"));
    assert_eq!(registry["responsible_statements"], r#"["registry policy: Freeze (no condition)"]"#);
    assert!(registry["repaired_text"].contains("AWSServiceRoleForAmazonInspector2"), "{}", registry["repaired_text"]);
    // The repository's text denies in one region alone: there it has its row, though its first repository is elsewhere.
    let own: Vec<_> = policies.iter().filter(|row| row["attached_to"] == "repository").collect();
    assert_eq!(own.len(), 1);
    assert_eq!((own[0]["example_repository"].as_str(), own[0]["repositories"].as_str()), ("of-the-region", "1"));
}

#[test]
fn an_owner_can_tell_nothing_to_do_from_nothing_seen() {
    let audited = Scangap::audit(&simulate(organization(REGISTRY))).into_folder().expect_code(3);
    let (home, packs) = split(&audited, "account", 3);
    let page = |account: &str| {
        let name = packs.keys().find(|owner| owner.starts_with(account)).expect("a pack");
        fs_err::read_to_string(home.path().join("packs/owners").join(format!("{name}.html"))).expect("a page")
    };
    assert!(page("666666666666").contains("Nothing: every repository of yours is covered"));
    let unread = page("444444444444");
    assert!(unread.contains("account 444444444444, all of it: sts:AssumeRole"), "{unread}");
    assert!(!unread.contains("Nothing: every") && !unread.contains("There are no repositories"), "{unread}");
    let off = page("555555555555");
    assert!(
        off.contains("What to do: enable ECR scanning in Inspector, or accept; auto-enable of ECR scanning is on"),
        "{off}"
    );
    let kept_out = page("333333333333");
    assert!(kept_out.contains("The change of the registry&#39;s policy, which is not yours alone"), "{kept_out}");
    assert!(kept_out.contains("The change of the policy of 1 repository"), "{kept_out}");
    // Findings say of the account that could not be read that it could not.
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let call = Scangap::new(&["report", &snapshot, "--out", "ocsf", "--ocsf"]).run();
    let file = call.home.path().join("ocsf").join("ocsf.jsonl");
    let text = fs_err::read_to_string(&file).expect("the findings");
    python(OCSF, &[&file.to_string_lossy(), &text.lines().count().to_string()]);
    let codes: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .map(|finding| {
            format!(
                "{} {}",
                finding["compliance"]["status_code"].as_str().unwrap_or_default(),
                finding["compliance"]["status"]
            )
        })
        .collect();
    assert!(codes.contains(&"account_unreadable \"Unknown\"".to_owned()), "{codes:?}");
    assert!(codes.contains(&"registry_denies \"Fail\"".to_owned()), "{codes:?}");
}

/// Two accounts with one statement in two texts, one statement that hangs on what is not known, and a registry's own policy.
const TO_REPAIR: &str = r#"
[[policies]]
name = "office"
inspector = "denied"
text = """{
  "Statement": [{"Sid": "OfficeOnly", "Effect": "Deny", "Principal": "*", "Action": "ecr:*",
    "Condition": {"NotIpAddress": {"aws:SourceIp": "203.0.113.10/32"}}}]
}
"""
[[policies]]
name = "line"
inspector = "denied"
text = '{"Statement":[{"Sid":"OfficeOnly","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"}}}]}'
[[policies]]
name = "office-after"
inspector = "allowed"
text = '{"Statement":[{"Sid":"OfficeOnly","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"},"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::333333333333:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2"}}}]}'
[[policies]]
name = "line-changed"
inspector = "denied"
text = '{"Statement":[{"Sid":"OfficeAndHome","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"}}}]}'
[[accounts]]
id = "333333333333"
name = "alpha"
registries = [{ region = "eu-west-1", repositories = [
  { name = "app", policy = "office" },
  { name = "team/bc", policy = "line" },
  { name = "fine" },
] }]
[[accounts]]
id = "444444444444"
name = "beta"
registries = [{ region = "us-east-1", repositories = [{ name = "app", policy = "office" }] }]
"#;

/// Runs a pack's script with the aws CLI alone and the credentials of an account.
fn run_commands(script: &Path, simulator: &Simulated, account: &str, arguments: &[&str]) -> std::process::Output {
    let tools = scangap_tests::aws_program().parent().expect("a folder").display().to_string();
    std::process::Command::new("sh")
        .arg(script)
        .args(arguments)
        .env_clear()
        .env("PATH", format!("{tools}:/usr/bin:/bin"))
        .env("AWS_ENDPOINT_URL", simulator.url())
        .env("AWS_ACCESS_KEY_ID", scangap_simorg::Simulator::access_key(account))
        .env("AWS_SECRET_ACCESS_KEY", "simulated")
        .env("AWS_DEFAULT_REGION", "eu-west-1")
        .output()
        .expect("sh runs")
}

// Holds: 15 Owners: an owner repairs a cause with the commands of its folder and the aws CLI alone; a policy that was changed meanwhile is left as it is
#[test]
fn an_owner_repairs_with_the_folder_alone() {
    let simulator = simulate(organization(TO_REPAIR));
    let audited = Scangap::audit(&simulator).into_folder().expect_code(0);
    let (home, packs) = split(&audited, "account", 0);
    let owner = packs.keys().find(|owner| owner.starts_with("333333333333")).expect("a pack");
    let folder = home.path().join("packs/owners/repairs").join(owner);
    let causes: Vec<_> = fs_err::read_dir(&folder).expect("a folder").map(|entry| entry.expect("one").path()).collect();
    let cause = causes.iter().find(|path| path.is_dir()).expect("a cause");
    let script = cause.join("commands.sh");
    let lint =
        std::process::Command::new(scangap_tests::venv_program("shellcheck")).arg(&script).output().expect("runs");
    assert!(lint.status.success(), "{}", String::from_utf8_lossy(&lint.stdout));
    let run = |account: &str| {
        let output = run_commands(&script, &simulator, account, &[]);
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let stored = |name: &str| {
        let ask = serde_json::json!({ "repositoryName": name });
        let answer =
            scangap_tests::Operator::of(&simulator, "333333333333", "eu-west-1").ecr("GetRepositoryPolicy", &ask);
        answer["policyText"].as_str().expect("a text").to_owned()
    };
    let (done, said) = run("444444444444");
    assert!(
        !done && said.contains("run it again with those of: 333333333333"),
        "another account's credentials: {said}"
    );
    assert!(!stored("app").contains("aws-service-role"));
    // One of the two was changed since the audit: it is left as it is, and the other is repaired.
    let text = stored("team/bc").replace("OfficeOnly", "OfficeAndHome");
    let change = serde_json::json!({ "repositoryName": "team/bc", "policyText": text });
    scangap_tests::Operator::of(&simulator, "333333333333", "eu-west-1").ecr("SetRepositoryPolicy", &change);
    let (whole, said) = run("333333333333");
    assert!(!whole && said.contains("done: app (333333333333 eu-west-1)"), "{said}");
    assert!(stored("app").contains("role/aws-service-role/inspector2.amazonaws.com"), "{}", stored("app"));
    assert!(stored("team/bc").contains("OfficeAndHome") && !stored("team/bc").contains("aws-service-role"));
    let after = Scangap::audit(&simulator).into_folder();
    assert_eq!(after.repository("app")["policy_verdict"], "allowed");
}

// Holds: 15 Owners: the mail asks for the worst first, and says of how many; commands.sh takes back what it did
#[test]
fn a_mail_says_what_is_for_how_many_and_a_repair_is_taken_back() {
    let body = r#"
[[policies]]
name = "office"
inspector = "denied"
text = '{"Version":"2012-10-17","Statement":[{"Sid":"OfficeOnly","Effect":"Deny","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"}}}]}'

[[policies]]
name = "repaired"
inspector = "allowed"
text = '{"Version":"2012-10-17","Statement":[{"Sid":"OfficeOnly","Effect":"Deny","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.10/32"},"ArnNotEquals":{"aws:PrincipalArn":"{{inspector_role}}"}}}]}'

[[accounts]]
id = "333333333333"
name = "alpha"
[[accounts.registries]]
region = "eu-west-1"
[[accounts.registries.repositories]]
name = "a-at-risk"
policy = "office"
coverage = { status = "ACTIVE", reason = "SUCCESSFUL" }
[[accounts.registries.repositories]]
name = "b-blocked"
policy = "office"
[[accounts.registries.repositories]]
name = "c-blocked"
policy = "office"
"#;
    let simulator = simulate(organization(body));
    let audited = Scangap::audit(&simulator).into_folder().expect_code(0);
    let (home, packs) = split(&audited, "account", 0);
    let owner = packs.keys().find(|owner| owner.starts_with("333333333333")).expect("a pack");
    let owners = home.path().join("packs/owners");
    let mail = fs_err::read_to_string(owners.join(format!("{owner}.mail.txt"))).expect("the mail");
    let (blocked, at_risk) = (mail.find("   2 blocked: "), mail.find("   1 at risk: "));
    assert!(blocked.is_some() && blocked < at_risk, "{mail}");
    let causes = fs_err::read_dir(owners.join("repairs").join(owner)).expect("a folder");
    let cause = causes.map(|entry| entry.expect("one").path()).find(|path| path.is_dir()).expect("a cause");
    let run = |arguments: &[&str]| {
        let output = run_commands(&cause.join("commands.sh"), &simulator, "333333333333", arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(run(&[]).matches("done: ").count(), 3);
    assert_eq!(run(&[]).matches("done before: ").count(), 3, "done twice is done");
    let verdicts = || {
        let after = Scangap::audit(&simulator).into_folder();
        after.csv("repositories.csv").iter().map(|row| row["policy_verdict"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(verdicts(), ["allowed"; 3]);
    assert_eq!(run(&["--undo"]).matches("done: ").count(), 3);
    assert_eq!(verdicts(), ["denied"; 3]);
}

// Holds: 15 Owners: the index counts each owner as the tables do, and every pack has a page, a workbook, a mail and the changed texts by cause
#[test]
fn the_index_says_who_gets_what() {
    let audited = demo();
    let (home, packs) = split(&audited, "account", 3);
    let folder = home.path().join("packs/owners");
    python(INDEX, &[&folder.to_string_lossy(), &audited.out.to_string_lossy(), &packs.len().to_string()]);
}

const INDEX: &str = r##"
import csv, html, json, pathlib, re, sys
import hcl2
owners, audit = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
rows = list(csv.DictReader(open(owners / "index.csv", encoding="utf-8")))
assert len(rows) == int(sys.argv[3]) > 3
repositories = list(csv.DictReader(open(audit / "repositories.csv", encoding="utf-8")))
actions = list(csv.DictReader(open(audit / "actions.csv", encoding="utf-8")))
page = html.unescape((owners / "index.html").read_text(encoding="utf-8"))
names = {row["owner"][:12]: row for row in rows}
number = lambda text: 0 if text == "unknown" else int(text)
assert sum(number(row["repositories"]) for row in rows) == len(repositories)
assert sum(number(row["to_act_on"]) for row in rows) == len(actions)
assert [number(row["to_act_on"]) for row in rows] == sorted((number(row["to_act_on"]) for row in rows), reverse=True)
for account, row in names.items():
    mine = [one for one in actions if one["account_id"] == account]
    known = [one for one in repositories if one["account_id"] == account]
    if not known and int(row["not_read"]) > 0:
        # What was not looked at is never nought.
        assert row["repositories"] == row["to_act_on"] == "unknown", row
        assert "0 of 0" not in (owners / row["page"]).read_text() + (owners / row["mail"]).read_text(), row
        continue
    named = {(one["account_id"], one["region"], one["repository"]) for one in mine}
    causes = {id for one in known if (one["account_id"], one["region"], one["repository"]) in named for id in one["cause"].split(", ") if id}
    assert int(row["repositories"]) == len(known), row
    assert int(row["to_act_on"]) == len(mine) and int(row["causes"]) == len(causes), (row, causes)
    for file in ("page", "workbook", "mail"):
        assert (owners / row[file]).is_file(), row
    assert row["owner"] in page and f'href="{row["page"]}"' in page, row
    mail = (owners / row["mail"]).read_text(encoding="utf-8")
    assert mail.startswith("Subject: SIMULATED: Amazon Inspector: "), mail
    assert not mine or f", {len(mine)} of {len(known)} " in mail, mail
    text = html.unescape((owners / row["page"]).read_text(encoding="utf-8"))
    for link in re.findall(r'href="([^"#:]+)"', text):
        assert (owners / link).exists(), (row["page"], link)
    folder = owners / "repairs" / row["page"].removesuffix(".html")
    assert folder.is_dir() == bool(row["folder"]), row
    for task in folder.iterdir() if folder.is_dir() else []:
        assert task.name in text, task
        after = [json.loads(path.read_text()) for path in sorted(task.glob("after*.json"))]
        before = [json.loads(path.read_text()) for path in sorted(task.glob("before*.json"))]
        assert after and len(after) == len(before), task
        # The lines for programs are the whole condition of the statements that change.
        as_list = lambda one: one if isinstance(one, list) else [one]
        changed = [s for old, new in zip(before, after) for s in as_list(new["Statement"]) if s not in as_list(old["Statement"])]
        lines = json.loads((task / "condition.json").read_text())
        assert [one["Condition"] for one in lines] == [one["Condition"] for one in changed], task
        blocks = hcl2.loads((task / "condition.tf").read_text())["condition"]
        in_hcl = sorted((json.loads(b["test"]), json.loads(b["variable"]), sorted(json.loads(v) for v in b["values"])) for b in blocks)
        in_json = sorted((operator, key, sorted(str(v) for v in as_list(values))) for one in changed
                         for operator, keys in one["Condition"].items() for key, values in keys.items())
        assert in_hcl == in_json, (in_hcl, in_json)
        assert "conditions: {" in (task / "condition.ts").read_text()
"##;

// Holds: 15 Owners: an owner's page and the index read in every window, light and dark, without a script or a request, and axe finds nothing
#[test]
fn the_pages_of_owners_are_accessible() {
    let audited = demo();
    let (home, packs) = split(&audited, "account", 3);
    let folder = home.path().join("packs/owners");
    let owner = packs.keys().find(|owner| owner.starts_with("333333333333")).expect("a pack");
    for page in ["index.html".to_owned(), format!("{owner}.html")] {
        scangap_tests::browser("plain", &folder.join(page), "");
    }
}

/// What an owner must not be told to do blindly: a text that denies by region, one that hangs on what is not known, one where scanning is
/// off, a registry's policy, many statements, and owners who are called as files are.
fn careful() -> scangap_tests::Simulated {
    let deny = |sid: &str, condition: &str| {
        format!(r#"{{"Sid":"{sid}","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{{{condition}}}}}"#)
    };
    let in_region =
        |sid: &str, region: &str| deny(sid, &format!(r#""StringEquals":{{"aws:RequestedRegion":"{region}"}}"#));
    let office = |sid: &str, address: &str| deny(sid, &format!(r#""NotIpAddress":{{"aws:SourceIp":"{address}/32"}}"#));
    let policy = |statements: &[String]| format!(r#"{{"Statement":[{}]}}"#, statements.join(","));
    let many: Vec<String> = (0..24).map(|at| office(&format!("Office{at}"), &format!("203.0.113.{at}"))).collect();
    let policies = [
        ("regional", "denied", policy(&[in_region("OnlyUs", "us-east-1"), in_region("OnlyEu", "eu-west-1")])),
        ("office", "denied", policy(&[office("Office", "203.0.113.10")])),
        ("mfa", "depends", policy(&[deny("Mfa", r#""Bool":{"aws:MultiFactorAuthPresent":"false"}"#)])),
        ("many", "denied", policy(&many)),
        (
            "registry",
            "denied",
            r#"{"Statement":[{"Sid":"Freeze","Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage","Resource":"*"}]}"#
                .to_owned(),
        ),
    ];
    let mut scenario = String::new();
    for (name, inspector, text) in policies {
        let listed = if inspector == "depends" { "allowed" } else { inspector };
        scenario.push_str(
            &["[[policies]]\nname = \"", name, "\"\ninspector = \"", listed, "\"\ntext = '", &text, "'\n"].concat(),
        );
    }
    scenario.push_str(
        r#"
[[accounts]]
id = "333333333333"
name = "alpha"
[[accounts.registries]]
region = "eu-west-1"
repositories = [
  { name = "here", policy = "regional", tags = { owner = "payments" } },
  { name = "many", policy = "many", tags = { owner = "payments.html" } },
  { name = "open", policy = "mfa", tags = { owner = "index.html" } },
]
[[accounts.registries]]
region = "us-east-1"
repositories = [{ name = "there", policy = "regional", tags = { owner = "payments" } }]
[[accounts]]
id = "444444444444"
name = "beta"
[[accounts.registries]]
region = "eu-west-1"
ecr_scanning = "DISABLED"
repositories = [{ name = "off", policy = "office", tags = { owner = "off" } }]
[[accounts]]
id = "555555555555"
name = "gamma\n'; touch pwned; echo $(touch pwned) <blink>https://example.invalid/</blink>"
[[accounts.registries]]
region = "eu-west-1"
registry_policy = "registry"
repositories = [{ name = "kept-out", tags = { owner = "kept-out" } }]
"#,
    );
    simulate(organization(&scenario))
}

// Holds: 15 Owners: a change is proved for its own repository; what a person has to decide, what is off and a registry's policy are never changed by the commands of a folder
#[test]
fn a_folder_changes_nothing_that_its_owner_may_not_decide() {
    let audited = Scangap::audit(&careful()).args(&["--tags", "owner"]).into_folder().expect_code(0);
    let (home, packs) = split(&audited, "tag:owner", 0);
    assert_eq!(packs.len(), 5, "{packs:?}");
    python(CAREFUL, &[&home.path().join("packs/owners").to_string_lossy()]);
}

const CAREFUL: &str = r##"
import csv, json, pathlib, sys
root = pathlib.Path(sys.argv[1])
rows = {row["owner"]: row for row in csv.DictReader(open(root / "index.csv", encoding="utf-8"))}
def tasks(owner):
    folder = root / "repairs" / rows[owner]["page"].removesuffix(".html")
    return sorted(folder.iterdir()) if folder.is_dir() else []
def lines(task):
    return [line for line in (task / "commands.sh").read_text().splitlines() if line.startswith("change ") or "aws ecr " in line and line.startswith("# ") and "--policy-text" in line]
# One text, two repairs: each exempts the statement that denies in its own region.
seen = {}
for task in tasks("payments"):
    for line in lines(task):
        word, account, region, name, before, after = line.split()
        statements = json.loads((task / after).read_text())["Statement"]
        seen[name] = [one["Sid"] for one in statements if "AWSServiceRole" in json.dumps(one)]
assert seen == {"here": ["OnlyEu"], "there": ["OnlyUs"]}, seen
# What hangs on something is for a person, and is a comment; so is the policy of a registry.
(task,) = tasks("index.html")
assert [line.startswith("# to be decided by a person first: ") for line in lines(task)] == [True], lines(task)
assert "aws ecr set-repository-policy" not in (root / rows["index.html"]["page"]).read_text()
(task,) = tasks("kept-out")
assert [line.startswith("# aws ecr put-registry-policy ") for line in lines(task)] == [True], lines(task)
assert "the registry policy of account 555555555555 in eu-west-1 denies Inspector too" in (task / "commands.sh").read_text()
# Where scanning is off the policy is not what is in the way.
assert tasks("off") == [], tasks("off")
assert rows["off"]["to_act_on"] == "0" and "What to do: enable ECR scanning" in (root / rows["off"]["page"]).read_text()
# Many statements, one short name.
(task,) = tasks("payments.html")
assert len(task.name) < 60 and "-and-23-more-" in task.name, task.name
assert rows["payments.html"]["causes"] == "24", rows["payments.html"]
after = json.loads((task / "after.json").read_text())["Statement"]
assert all("AWSServiceRole" in json.dumps(one) for one in after)
# A name is a name: it is no line of a program, and no element or link of a page.
import html.parser, subprocess
class Page(html.parser.HTMLParser):
    def handle_starttag(self, tag, attributes):
        assert tag != "blink" and not any("example.invalid" in (value or "") for name, value in attributes), (tag, attributes)
named = 0
for page in root.glob("*.html"):
    text = page.read_text()
    named += "&lt;blink&gt;" in text or "&#60;blink&#62;" in text
    Page().feed(text)
assert named >= 1, named
scripts = list(root.rglob("commands.sh"))
for script in scripts:
    subprocess.run(["sh", "-n", str(script)], check=True)
    assert not any(line.lstrip().startswith("'; touch") for line in script.read_text().splitlines()), script
    subprocess.run(["/bin/sh", str(script)], check=False, capture_output=True, env={"PATH": "/usr/bin:/bin", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
assert scripts and not list(root.rglob("pwned")), list(root.rglob("pwned"))
# A simulated organization is never asked of AWS.
assert all("this organization is simulated" in (task / "commands.sh").read_text() for owner in rows for task in tasks(owner))
"##;
