//! `scangap explain` on the article's own policy, and what else it is asked.

use scangap_tests::{Finished, Scangap};

const BEFORE: &str = include_str!("../../fixtures/article-before.json");
const AFTER: &str = include_str!("../../fixtures/article-after.json");

fn explain(policy: &str, arguments: &[&str]) -> Finished {
    let call = Scangap::new(&["explain", "policy.json", "--account", "111122223333"]);
    fs_err::write(call.home().join("policy.json"), policy).expect("a file");
    call.args(arguments).run()
}

#[test]
fn the_articles_policy_is_denied_by_its_statement_and_repaired_to_the_articles_result() {
    let finished = explain(BEFORE, &["--fix", "--write", "fixed.json"]);
    assert_eq!(finished.code, 2, "{}", finished.stderr);
    for part in [
        "denied: Inspector's role of account 111122223333",
        "OfficeOnly (NotIpAddress aws:SourceIp) denies",
        "11 |           \"aws:SourceIp\": \"203.0.113.10/32\"",
        "^ NotIpAddress aws:SourceIp: the request has a public address of AWS, or absent: matches",
        "+        \"ArnNotEquals\": {",
    ] {
        assert!(finished.stdout.contains(part), "`{part}` is missing:\n{}", finished.stdout);
    }
    assert_eq!(fs_err::read_to_string(finished.home.path().join("fixed.json")).expect("the repair"), AFTER);
}

#[test]
fn the_articles_result_is_allowed() {
    let finished = explain(AFTER, &[]);
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
    assert!(finished.stdout.starts_with("allowed: "), "{}", finished.stdout);
}

#[test]
fn a_registry_policy_counts_beside_it() {
    let call = Scangap::new(&[
        "explain",
        "policy.json",
        "--account",
        "111122223333",
        "--registry-policy",
        "registry.json",
        "--output",
        "json",
    ]);
    fs_err::write(call.home().join("policy.json"), AFTER).expect("a file");
    let registry =
        r#"{"Statement":{"Sid":"Freeze","Effect":"Deny","Principal":"*","Action":"ecr:ListImages","Resource":"*"}}"#;
    fs_err::write(call.home().join("registry.json"), registry).expect("a file");
    let finished = call.run();
    assert_eq!(finished.code, 2, "{}", finished.stderr);
    let answer: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(answer["actions"]["ecr:ListImages"]["statements"][0]["policy"], "registry policy");
    assert_eq!(answer["actions"]["ecr:BatchGetImage"]["verdict"], "allowed");
}

#[test]
fn what_it_depends_on_can_be_stated() {
    let mfa = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}}"#;
    let depends = explain(mfa, &[]);
    assert_eq!(depends.code, 4);
    assert!(depends.stdout.contains("on aws:MultiFactorAuthPresent"), "{}", depends.stdout);
    assert_eq!(explain(mfa, &["--context", "aws:MultiFactorAuthPresent=false"]).code, 2);
    assert_eq!(explain(mfa, &["--absent", "AWS:multifactorauthpresent"]).code, 0);
}

#[test]
fn what_is_no_policy_is_65_with_its_place() {
    let finished = explain("{\n  \"Statement\": {\"Effect\": \"deny\"}}", &[]);
    assert_eq!(finished.code, 65);
    assert!(
        finished.stderr.contains("`deny` is neither Allow nor Deny at line 2, column 27 (Statement[0].Effect)"),
        "{}",
        finished.stderr
    );
}

#[test]
fn mistakes_are_named_with_their_place() {
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{
 "StringNotEquals":{"aws:PrincipalArn":"arn:aws:iam::*:role/aws-service-role/*"}}}]}"#;
    let text = explain(policy, &[]);
    assert_eq!(text.code, 2);
    for part in [
        "warning[wildcard-under-string-equals]: `arn:aws:iam::*:role/aws-service-role/*` under StringNotEquals",
        "policy.json:2:21 (Statement[0].Condition.StringNotEquals.aws:PrincipalArn)",
    ] {
        assert!(text.stdout.contains(part), "`{part}` is missing:\n{}", text.stdout);
    }
    let json = explain(policy, &["--output", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(answer["lints"][0]["code"], "wildcard-under-string-equals");
    assert_eq!((&answer["lints"][0]["line"], &answer["lints"][0]["column"]), (&2.into(), &21.into()));
    let elements = &answer["actions"]["ecr:ListImages"]["statements"][0]["elements"];
    assert_eq!(elements[2]["policy"][0], "arn:aws:iam::*:role/aws-service-role/*");
    assert_eq!(elements[2]["matched"], true);
}

#[test]
fn anybody_can_be_asked_about() {
    let policy = r#"{"Statement":[{"Sid":"Pull","Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"ecr:BatchGetImage"},
        {"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/ci"}}}]}"#;
    let code = |principal: &str, action: &str| explain(policy, &["--principal", principal, "--action", action]).code;
    assert_eq!(code("arn:aws:iam::111122223333:role/ci", "ecr:ListImages"), 0);
    assert_eq!(code("arn:aws:iam::111122223333:role/other", "ecr:ListImages"), 2);
    assert_eq!(code("arn:aws:iam::444455556666:role/ci", "ecr:BatchGetImage"), 0);
    assert_eq!(code("arn:aws:iam::111122223333:user/x", "ecr:ListImages"), 2);
    assert_eq!(code("nobody", "ecr:ListImages"), 64);
    let stranger = explain(policy, &["--principal", "arn:aws:iam::444455556666:role/ci", "--action", "ecr:ListImages"]);
    assert_eq!(stranger.code, 2);
    assert!(stranger.stdout.contains("no statement allows it"), "{}", stranger.stdout);
    // Inspector's role by its ARN is the question that is asked anyway.
    let inspector =
        "arn:aws-cn:iam::111122223333:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2";
    let china = explain(policy, &["--partition", "aws-cn", "--principal", inspector]);
    assert_eq!(china.code, 2);
    assert!(china.stdout.contains("Inspector's role of account 111122223333 in cn-northwest-1"), "{}", china.stdout);
    let elsewhere = explain(policy, &["--partition", "aws-cn", "--region", "eu-west-1"]);
    assert_eq!(elsewhere.code, 64);
}

#[test]
fn what_depends_can_be_settled_by_an_exemption() {
    let mfa = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}}"#;
    let fixed = explain(mfa, &["--fix", "--write", "fixed.json"]);
    assert_eq!(fixed.code, 4);
    let text = fs_err::read_to_string(fixed.home.path().join("fixed.json")).expect("the repair");
    assert_eq!(explain(&text, &[]).code, 0, "{text}");
}

#[test]
fn a_verdict_says_what_it_takes_for_granted() {
    let policy = |block: &str| {
        format!(r#"{{"Statement":{{"Effect":"Deny","Principal":"*","Action":"*","Condition":{{{block}}}}}}}"#)
    };
    let time = explain(&policy(r#""DateGreaterThan":{"aws:CurrentTime":"2020-01-01"}"#), &[]);
    assert!(time.stdout.contains("note: a statement compares the time"), "{}", time.stdout);
    let transport = explain(&policy(r#""BoolIfExists":{"aws:SecureTransport":"false"}"#), &[]);
    assert_eq!(transport.code, 0);
    assert!(transport.stdout.contains("note: aws:SecureTransport is taken as true"), "{}", transport.stdout);
    let plain = explain(&policy(r#""Bool":{"aws:SecureTransport":"false"}"#), &[]);
    assert!(!plain.stdout.contains("note:"), "{}", plain.stdout);
}

#[test]
fn hostile_policies_cannot_move_the_cursor() {
    let hostile =
        "{\"Statement\":{\"Sid\":\"\\u001b[31mx\\u202e\",\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"*\"}}";
    let finished = explain(hostile, &["--color", "never"]);
    assert_eq!(finished.code, 2);
    assert!(!finished.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", finished.stdout);
}

// Holds: 5 Advice that harms: the registry's policy is never written as a repository's own
#[test]
fn a_registry_policy_is_not_written_as_the_repositorys() {
    let policy = |name: &str, inspector: &str, text: &str| {
        format!("[[policies]]\nname = \"{name}\"\ninspector = \"{inspector}\"\ntext = '{text}'\n")
    };
    let denies =
        r#"{"Statement":{"Sid":"RegistryWide","Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*"}}"#;
    let body = |denying: bool| {
        format!(
            "{}{}[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\nregistries = [{{ region = \"eu-west-1\", registry_policy = \"{}\", registry_policy_scope = \"V2\", repositories = [{{ name = \"bare\" }}] }}]",
            policy("denies", "denied", denies),
            policy(
                "allows",
                "allowed",
                r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"*"}}"#
            ),
            if denying { "denies" } else { "allows" }
        )
    };
    let asked = |denying: bool| {
        let audited = audit_of(scangap_tests::organization(&body(denying)));
        let snapshot = audited.out.to_string_lossy().into_owned();
        let place = ["--account", "333333333333", "--region", "eu-west-1", "--repository", "bare"];
        let call = Scangap::new(&["explain", "--snapshot", &snapshot, "--fix", "--write", "out.json"]).args(&place);
        let finished = call.run();
        let written = fs_err::read_to_string(finished.home.path().join("out.json")).ok();
        (finished, written)
    };
    let (allowed, written) = asked(false);
    assert_eq!((allowed.code, written), (0, None), "{}", allowed.stderr);
    assert!(allowed.stderr.contains("has no policy of its own"), "{}", allowed.stderr);
    let (repaired, written) = asked(true);
    assert_eq!(repaired.code, 2, "{}", repaired.stderr);
    assert!(repaired.stdout.contains("+++ repaired registry policy"), "{}", repaired.stdout);
    assert!(repaired.stderr.contains("the repaired registry policy is in out.json"), "{}", repaired.stderr);
    assert!(written.is_some_and(|text| text.contains("RegistryWide")));
}

#[test]
fn a_policy_can_come_from_a_snapshot() {
    let audited = crate::demo::demo();
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let place = ["--account", "333333333333", "--region", "eu-west-1", "--repository"];
    let explain = |name: &str| Scangap::new(&["explain", "--snapshot", &snapshot]).args(&place).args(&[name]).run();
    let blocked = explain("journey/1-blocked");
    assert!(blocked.code == 2 && blocked.stderr.contains("SIMULATED: "), "{}", blocked.stderr);
    assert_eq!(explain("journey/2-repaired-and-pushed-again").code, 0);
    assert_eq!(explain("no-such-repository").code, 65);
}

#[test]
fn a_batch_is_answered_line_by_line_in_order() {
    use serde_json::{Value, json};
    let before: Value = serde_json::from_str(BEFORE).expect("JSON");
    let mfa = json!({"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}}});
    let members = json!({"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Condition": {"Null": {"aws:PrincipalOrgID": "true"}}}});
    let account = "111122223333";
    let mut input = vec![
        json!({"id": 1, "policy": before, "account": account}),
        json!({"id": "text", "policy": AFTER, "account": account}),
        json!({"id": 3, "policy": mfa, "account": account}),
        json!({"id": 4, "policy": mfa, "account": account, "absent": ["aws:MultiFactorAuthPresent"]}),
        json!({"id": 5, "policy": members, "account": account}),
        json!({"id": 6, "policy": members, "account": account, "organization": null}),
        json!({"id": 7, "policy": members, "account": account, "organization": {"id": "o-x"}}),
        json!({"id": 8, "policy": AFTER, "account": account, "registry_policy": before}),
        json!({"id": 9, "policy": AFTER, "account": account, "registry_policy": before, "registry_policy_scope": "V1"}),
        json!({"id": 10, "policy": before, "account": account, "actions": ["ecr:listimages"]}),
        json!({"id": 11, "policy": {"Statement": []}, "account": account}),
        json!({"id": 12, "policy": before, "account": "12"}),
        json!({"id": 13, "policy": before, "account": account, "principal": "arn:aws:iam::111122223333:role/ci"}),
        json!({"id": 14, "policy": AFTER, "account": account, "principal": "arn:aws:iam::444455556666:role/ci"}),
    ];
    // Enough lines that an order by luck would not hold.
    input.extend((15..9_000).map(|id| json!({"id": id, "policy": AFTER, "account": account})));
    let mut text: String = input.iter().map(|line| format!("{line}\n")).collect();
    text.push_str("not json\n");
    let finished = Scangap::new(&["explain", "--batch"]).run_with(&text);
    assert_eq!(finished.code, 65, "one line is no question: {}", finished.stderr);
    let answers: Vec<Value> = finished.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(answers.len(), input.len() + 1);
    assert!(answers.iter().zip(&input).all(|(answer, line)| answer["id"] == line["id"]));
    let verdicts: Vec<&str> =
        answers.iter().take(14).map(|answer| answer["verdict"].as_str().unwrap_or("error")).collect();
    let expected =
        "denied allowed depends allowed depends denied allowed denied allowed denied error error depends denied";
    assert_eq!(verdicts.join(" "), expected);
    let fixed = answers[0]["fixed_policy"].as_str().expect("a repair");
    assert_eq!(
        serde_json::from_str::<Value>(fixed).expect("JSON"),
        serde_json::from_str::<Value>(AFTER).expect("JSON")
    );
    assert_eq!(answers[9]["actions"].as_object().expect("actions").len(), 1);
    assert!(answers[10]["error"].as_str().expect("an error").contains("no statement"));
    assert!(answers[11]["error"].as_str().expect("an error").contains("12 digits"));
    assert_eq!(answers[2]["actions"]["ecr:ListImages"]["depends_on"], json!(["aws:MultiFactorAuthPresent"]));
    let residual = &answers[2]["actions"]["ecr:ListImages"]["statements"][0]["residual"];
    assert_eq!(residual["condition"], json!({"Bool": {"aws:MultiFactorAuthPresent": ["false"]}}));
    assert_eq!(answers[13]["actions"]["ecr:ListImages"]["lacks_allow"], true);
    assert!(answers.last().expect("the last line")["error"].is_string());
}

fn audit_of(scenario: scangap_simorg::Scenario) -> scangap_tests::Audited {
    let simulator = scangap_tests::simulate(scenario);
    Scangap::audit(&simulator).into_folder()
}

#[test]
fn a_registry_policy_that_was_not_read_is_never_allowed() {
    let mut scenario = scangap_tests::organization(&format!(
        "[[policies]]\nname = \"open\"\ninspector = \"allowed\"\ntext = '{}'\n[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\ncells = [{{ region = \"eu-west-1\", repositories = [{{ name = \"one\", policy = \"open\" }}] }}]",
        r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*"}}"#
    ));
    scenario.faults.push(scangap_simorg::scenario::FaultSpec::of(
        "ecr:GetRegistryPolicy",
        "AccessDeniedException",
        400,
    ));
    let audited = audit_of(scenario).expect_code(3);
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let place = ["--account", "333333333333", "--region", "eu-west-1", "--repository", "one"];
    let finished = Scangap::new(&["explain", "--snapshot", &snapshot]).args(&place).run();
    assert_eq!(finished.code, 4, "{}", finished.stdout);
    assert!(finished.stdout.starts_with("unknown: "), "{}", finished.stdout);
}

fn batch(input: &[u8]) -> Vec<serde_json::Value> {
    let finished = Scangap::new(&["explain", "--batch", "--exit-zero"]).run_with_bytes(input);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    finished.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn every_line_of_a_batch_has_its_answer_whatever_is_wrong_with_another() {
    let good =
        r#"{"id":1,"account":"111122223333","policy":{"Statement":{"Effect":"Deny","Principal":"*","Action":"*"}}}"#;
    let mut input = format!("{good}\n").into_bytes();
    input.extend(b"\xff\n");
    input.extend(format!("{}\n", good.replace("\"account\"", "\"acount\"")).into_bytes());
    input.extend(b"\n");
    input.extend(good.as_bytes());
    let answers = batch(&input);
    let verdicts: Vec<_> = answers.iter().map(|answer| answer["verdict"].as_str().unwrap_or("error")).collect();
    assert_eq!(verdicts, ["denied", "error", "error", "error", "denied"]);
    assert_eq!(answers[2]["id"], 1, "the id is given back all the same");
    assert!(answers[1]["error"].as_str().expect("an error").contains("UTF-8"));
}

#[test]
fn a_policy_in_a_batch_is_read_as_it_was_written() {
    let line = |rest: &str| format!(r#"{{"account":"111122223333",{rest}}}"#);
    let numbers = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"StringEquals":{"aws:ResourceTag/v":1.50}}}}"#;
    let twice = r#"{"Statement":{"Effect":"Deny","Effect":"Allow","Principal":"*","Action":"*"}}"#;
    let deny = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#;
    let lines = [
        line(&format!(r#""tags":{{"v":"1.50"}},"policy":{numbers}"#)),
        line(&format!(r#""policy":{twice}"#)),
        line(&format!(r#""policy":{deny},"actions":[]"#)),
        line(&format!(r#""policy":{deny},"kind":"registry","registry_policy_scope":"V1""#)),
        line(&format!(r#""policy":{deny},"kind":"registry""#)),
        line(&format!(r#""policy":{deny},"partition":"aws-cn","region":"eu-west-1""#)),
        line(&format!(r#""policy":{deny},"context":{{"aws:x":"1"}},"absent":["AWS:X"]"#)),
        line(&format!(r#""policy":{deny},"organization":{{"id":"garbage"}}"#)),
        line(&format!(r#""policy":{deny},"principal":"arn:aws-cn:iam::111122223333:role/x""#)),
    ];
    let answers = batch(lines.join("\n").as_bytes());
    let said: Vec<String> = answers
        .iter()
        .map(|answer| answer["verdict"].as_str().or(answer["error"].as_str()).expect("an answer").to_owned())
        .collect();
    let expected = [
        "denied",
        "the key `Effect` appears twice",
        "is not a list of actions",
        "allowed",
        "denied",
        "is not a region of the partition",
        "is not stated once",
        "is not an organization's id",
        "is not of the partition aws",
    ];
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.contains(expected), "`{said}` and not `{expected}`");
    }
}

#[test]
fn a_batch_answers_while_its_input_stays_open() {
    use std::io::{BufRead, BufReader, Write};
    let (mut child, _home) = Scangap::new(&["explain", "--batch", "--exit-zero"]).spawn_with_pipes();
    let mut stdin = child.stdin.take().expect("standard input");
    let mut stdout = BufReader::new(child.stdout.take().expect("standard output"));
    for id in 1..4 {
        let policy = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*"}}"#;
        writeln!(stdin, r#"{{"id":{id},"account":"111122223333","policy":{policy}}}"#).expect("a line");
        let mut answer = String::new();
        stdout.read_line(&mut answer).expect("an answer");
        assert!(answer.starts_with(&format!("{{\"id\":{id},\"verdict\":\"denied\"")), "{answer}");
    }
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}

const DENY_ALL: &str = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#;
const HARMLESS: &str = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:ListImages"}}"#;

#[test]
fn what_cannot_be_repaired_is_answered_and_says_why() {
    let other = explain(DENY_ALL, &["--fix", "--principal", "arn:aws:iam::111122223333:role/x"]);
    assert_eq!(other.code, 2);
    assert!(other.stdout.starts_with("denied: arn:aws:iam::111122223333:role/x"), "{}", other.stdout);
    assert!(other.stderr.contains("no repair: a repair exempts Inspector's role"), "{}", other.stderr);
    let beside = |own: &str| {
        let call = Scangap::new(&["explain", "own.json", "--registry-policy", "registry.json", "--fix"]);
        fs_err::write(call.home().join("own.json"), own).expect("a file");
        fs_err::write(call.home().join("registry.json"), DENY_ALL).expect("a file");
        call.args(&["--account", "111122223333"]).run()
    };
    let registry = beside(HARMLESS);
    assert_eq!(registry.code, 2);
    assert!(registry.stderr.contains("denies nothing; registry policy does"), "{}", registry.stderr);
    let both = beside(DENY_ALL);
    assert!(both.stdout.contains("+++ repaired"), "{}", both.stdout);
    assert!(both.stderr.contains("the registry policy keeps Inspector's role out still"), "{}", both.stderr);
}

#[test]
fn a_file_to_write_is_written_with_nothing_to_repair_too() {
    let finished = explain(HARMLESS, &["--fix", "--write", "out.json"]);
    assert_eq!(finished.code, 0);
    assert_eq!(fs_err::read_to_string(finished.home.path().join("out.json")).expect("the file"), HARMLESS);
    assert!(finished.stderr.contains("nothing to repair"), "{}", finished.stderr);
}

#[test]
fn json_keeps_every_character_and_lets_none_act() {
    let hostile = "{\"Statement\":{\"Sid\":\"a\\u009b31m\\u007f\\u202e\\u061c\\udb40\\udc41\",\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"*\"}}";
    let finished = explain(hostile, &["--output", "json"]);
    assert!(finished.stdout.is_ascii(), "{}", finished.stdout);
    let answer: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    let sid = &answer["actions"]["ecr:ListImages"]["statements"][0]["sid"];
    assert_eq!(sid, "a\u{9b}31m\u{7f}\u{202e}\u{61c}\u{e0041}");
}

#[test]
fn flags_that_would_do_nothing_are_refused() {
    for arguments in [
        &["explain", "--batch", "--account", "111122223333"][..],
        &["explain", "--batch", "--kind", "registry"],
        &[
            "explain",
            "--snapshot",
            "x.db",
            "--repository",
            "a",
            "--account",
            "111122223333",
            "--registry-policy",
            "r.json",
        ],
        &["explain", "x.json", "--account", "111122223333", "--absent", "aws:x", "--unknown", "aws:x"],
        &["explain", "x.json", "--account", "111122223333", "--org", "garbage"],
    ] {
        let call = Scangap::new(arguments);
        fs_err::write(call.home().join("x.json"), HARMLESS).expect("a file");
        assert_eq!(call.run().code, 64, "{arguments:?}");
    }
    let path = ["--org", "o-exampleorg/r-ab12/ou-ab12-1"];
    let policy = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"ForAllValues:StringNotEquals":{"aws:PrincipalOrgPaths":"o-exampleorg/r-ab12/ou-ab12-1/"}}}}"#;
    assert_eq!(explain(policy, &path).code, 0, "a path ends with a slash, written or not");
}

#[test]
fn a_snapshot_is_explained_as_the_audit_judged_it() {
    let mut scenario = scangap_tests::organization(&format!(
        "[[policies]]\nname = \"freeze\"\ninspector = \"denied\"\ntext = '{}'\n[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\ncells = [{{ region = \"eu-west-1\", registry_policy = \"freeze\", repositories = [{{ name = \"one\" }}] }}]",
        r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage","Resource":"*"}}"#
    ));
    let place = ["--account", "333333333333", "--region", "eu-west-1", "--repository", "one"];
    let explain = |audited: &scangap_tests::Audited| {
        let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
        Scangap::new(&["explain", "--snapshot", &snapshot]).args(&place).run()
    };
    // No repository policy: the registry's counts all the same.
    let read = audit_of(scenario.clone());
    assert_eq!(read.repository("one")["policy_verdict"], "denied");
    let denied = explain(&read);
    assert_eq!(denied.code, 2, "{}", denied.stderr);
    assert!(denied.stdout.contains("registry policy"), "{}", denied.stdout);
    scenario.faults.push(scangap_simorg::scenario::FaultSpec::of(
        "ecr:GetAccountSetting",
        "AccessDeniedException",
        400,
    ));
    let unread = audit_of(scenario);
    assert_eq!(unread.repository("one")["depends_on"], r#"["REGISTRY_POLICY_SCOPE"]"#);
    let depends = explain(&unread);
    assert_eq!(depends.code, 4, "{}", depends.stderr);
    assert!(
        depends.stdout.contains("ecr:BatchGetImage                             depends  on REGISTRY_POLICY_SCOPE"),
        "{}",
        depends.stdout
    );
    assert!(depends.stdout.contains("ecr:ListImages                                allowed"), "{}", depends.stdout);
}

// Holds: 6 Operating it: `explain --batch` ends as its worst line
#[test]
fn a_batch_ends_as_its_worst_line() {
    let line = |policy: &str| format!("{{\"policy\": {policy}, \"account\": \"111122223333\"}}\n");
    let depends = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}}"#;
    let nobody = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*"}}"#;
    let (allowed, depends, denied) = (line(HARMLESS), line(depends), line(nobody));
    for (lines, code) in [
        (vec![&allowed], 0),
        (vec![&allowed, &depends, &allowed], 4),
        (vec![&denied, &depends, &allowed], 2),
        (vec![&denied, &"nothing\n".to_owned(), &depends], 65),
    ] {
        let text: String = lines.into_iter().map(String::as_str).collect();
        assert_eq!(Scangap::new(&["explain", "--batch"]).run_with(&text).code, code, "{text}");
        assert_eq!(Scangap::new(&["explain", "--batch", "--exit-zero"]).run_with(&text).code, 0, "{text}");
    }
}

// Holds: 6 Operating it: `explain` takes what people have: the answer of the aws CLI, a byte order mark, UTF-16
#[test]
fn a_policy_is_taken_as_people_have_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("policy.json");
    let asked = || Scangap::new(&["explain", &path.to_string_lossy(), "--account", "111122223333"]).run();
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        ["\u{feff}", text].concat().encode_utf16().flat_map(bytes).collect()
    };
    let answer = serde_json::json!({"registryId": "111122223333", "repositoryName": "app", "policyText": BEFORE});
    for (what, bytes) in [
        ("the answer of the aws CLI", answer.to_string().into_bytes()),
        ("a byte order mark", ["\u{feff}", BEFORE].concat().into_bytes()),
        ("UTF-16, little end first", utf16(BEFORE, u16::to_le_bytes)),
        ("UTF-16, big end first", utf16(BEFORE, u16::to_be_bytes)),
    ] {
        fs_err::write(&path, bytes).expect("a file");
        let finished = asked();
        assert_eq!(finished.code, 2, "{what}: {}", finished.stderr);
        assert_eq!(finished.stderr.contains("is UTF-16"), what.starts_with("UTF-16"), "{what}: {}", finished.stderr);
    }
    fs_err::write(&path, b"\xff\xfe{").expect("a file");
    let broken = asked();
    assert_eq!(broken.code, 65, "{}", broken.stderr);
}

// Holds: 5 Advice that harms: `--write` never leaves an older file in place
#[test]
fn a_file_of_an_earlier_question_does_not_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let (policy, fixed) = (folder.path().join("policy.json"), folder.path().join("fixed.json"));
    let asked = |text: &str| {
        fs_err::write(&policy, text).expect("a file");
        let paths = [policy.to_string_lossy(), fixed.to_string_lossy()];
        let arguments = ["explain", &paths[0], "--account", "111122223333", "--fix", "--write", &paths[1]];
        Scangap::new(&arguments).run()
    };
    assert_eq!(asked(BEFORE).code, 2);
    assert!(fixed.exists());
    let long =
        format!(r#"{{"Statement":{{"Sid":"{}","Effect":"Deny","Principal":"*","Action":"*"}}}}"#, "x".repeat(10_140));
    let without = asked(&long);
    assert!(
        without.stderr.contains("no repair") && without.stderr.contains("is not the answer to this"),
        "{}",
        without.stderr
    );
    assert!(!fixed.exists());
    assert_eq!(asked(BEFORE).code, 2);
    assert_eq!(asked("nothing").code, 65);
    assert!(!fixed.exists(), "an error leaves none either");
    assert!(folder.path().join("fixed.json.old").exists(), "and nothing is lost");
    let over = Scangap::new(&[
        "explain",
        &policy.to_string_lossy(),
        "--account",
        "111122223333",
        "--fix",
        "--write",
        &policy.to_string_lossy(),
    ]);
    assert_eq!(over.run().code, 65);
    assert!(policy.exists(), "what was asked about is nobody's former answer");
}

// Holds: 5 Advice that harms: a repair leaves out principals that were deleted, which ECR would refuse to store
#[test]
fn a_repair_leaves_out_who_was_deleted() {
    let policy = r#"{"Version":"2012-10-17","Statement":[
  {"Sid":"Old","Effect":"Allow","Principal":{"AWS":["AROAEXAMPLEID00000009","arn:aws:iam::111122223333:role/ci"]},"Action":["ecr:BatchGetImage"]},
  {"Sid":"Gone","Effect":"Allow","Principal":{"AWS":"AIDAEXAMPLEID00000010"},"Action":"ecr:ListImages"},
  {"Sid":"OfficeOnly","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}]}"#;
    let finished = explain(policy, &["--fix", "--output", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    let fixed = answer["fixed_policy"].as_str().expect("a repair");
    assert!(!fixed.contains("AROA") && !fixed.contains("AIDA") && !fixed.contains("Gone"), "{fixed}");
    assert!(fixed.contains(r#""AWS":["arn:aws:iam::111122223333:role/ci"]"#), "{fixed}");
    for id in ["AROAEXAMPLEID00000009", "AIDAEXAMPLEID00000010"] {
        assert!(finished.stderr.contains(&format!("leaves out {id}")), "{}", finished.stderr);
    }
    let nobody_else =
        r#"{"Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":"AROAEXAMPLEID00000009"},"Action":"ecr:*"}]}"#;
    let kept = explain(nobody_else, &["--fix"]);
    assert!(kept.stderr.contains("ECR will refuse to store the repair, or may"), "{}", kept.stderr);
}

// Holds: 5 Advice that harms: a repair leaves out actions that ECR would refuse to store, and names what it cannot leave out
#[test]
fn a_repair_can_be_stored() {
    let policy = r#"{"Version":"2012-10-17","Statement":[
  {"Sid":"Readonly","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/app"},
   "Action":["ecr:GetAuthorizationToken","ecr:BatchGetImage","s3:GetObject","ecr:BatchGetImages"]},
  {"Sid":"Elsewhere","Effect":"Allow","Principal":"*","Action":["s3:*","ecr:DescribeRegistry"]},
  {"Sid":"OfficeOnly","Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}]}"#;
    let finished = explain(policy, &["--fix", "--output", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    let fixed = answer["fixed_policy"].as_str().expect("a repair");
    assert!(fixed.contains(r#""Action":["ecr:BatchGetImage","ecr:BatchGetImages"]"#), "{fixed}");
    assert!(!fixed.contains("Elsewhere"), "a statement of nothing: {fixed}");
    let what = |member: &str| -> Vec<String> {
        let parts = answer[member].as_array().expect("a list");
        parts.iter().map(|one| one["what"].as_str().expect("a text").to_owned()).collect()
    };
    assert_eq!(what("left_out"), ["ecr:GetAuthorizationToken", "s3:GetObject", "s3:*", "ecr:DescribeRegistry"]);
    assert_eq!(what("still_refused"), ["ecr:BatchGetImages", "*"]);
    for part in
        ["leaves out s3:GetObject, an action of another service", "it names ecr:BatchGetImages, no action of ECR's"]
    {
        assert!(finished.stderr.contains(part), "{part}: {}", finished.stderr);
    }
    // In a registry's policy its own actions stay.
    let registry = explain(policy, &["--fix", "--kind", "registry", "--output", "json"]);
    assert!(
        registry.stdout.contains("ecr:DescribeRegistry") && !registry.stdout.contains("s3:\\*\""),
        "{}",
        registry.stdout
    );
}

// Holds: 6 Operating it: a result that cannot be written is an error, and a reader that went away is none
#[test]
fn a_full_standard_output_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("policy.json");
    fs_err::write(&path, HARMLESS).expect("a file");
    let program = scangap_tests::program();
    let said = |command: &str| {
        let command = command.replace("SCANGAP", &program.to_string_lossy()).replace("POLICY", &path.to_string_lossy());
        let out = std::process::Command::new("bash").args(["-c", &command]).output().expect("a shell");
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let (code, stderr) = said("SCANGAP explain POLICY --account 111122223333 > /dev/full");
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("failed to write to standard output"), "{stderr}");
    let (code, stderr) = said("set -o pipefail; SCANGAP schema audit | true");
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
}
