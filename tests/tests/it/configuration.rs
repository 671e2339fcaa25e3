//! Where flags get their values from: the command line, the environment, the project's file, the user's, in this order.

use std::path::Path;

use scangap_tests::{Finished, Scangap, python, requires_tools};
use serde_json::Value;

/// A folder with a project's file, and a home with the user's.
struct Place {
    folder: tempfile::TempDir,
    home: tempfile::TempDir,
}

impl Place {
    fn new(project: &str, user: &str) -> Self {
        let place =
            Self { folder: tempfile::tempdir().expect("a folder"), home: tempfile::tempdir().expect("a folder") };
        let write = |path: &Path, text: &str| {
            if !text.is_empty() {
                fs_err::create_dir_all(path.parent().expect("a folder")).expect("folders");
                fs_err::write(path, text).expect("a file");
            }
        };
        write(&place.folder.path().join("scangap.toml"), project);
        write(&place.home.path().join(".config/scangap/config.toml"), user);
        place
    }

    fn command(&self, arguments: &[&str]) -> Scangap {
        Scangap::new(arguments).in_folder(self.folder.path()).env("HOME", &self.home.path().to_string_lossy())
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.command(arguments).run()
    }
}

const OPEN: &str = r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"111122223333"}}}]}"#;

/// The gate's exit code of a policy that denies everything but one account: allowed there, denied elsewhere, else undecided.
fn gate(place: &Place, more: &[&str], variable: Option<&str>) -> i32 {
    fs_err::write(place.folder.path().join("policy.json"), OPEN).expect("a file");
    let command = place.command(&[&["gate", "policy.json"], more].concat());
    let command = variable.into_iter().fold(command, |command, value| command.env("SCANGAP_GATE_ACCOUNT", value));
    let call = command.run();
    assert!([0, 2, 4].contains(&call.code), "{}{}", call.stdout, call.stderr);
    call.code
}

// Holds: 17 Configuration: the command line counts before the environment, that before the project's file, that before the user's
#[test]
fn each_layer_counts_before_the_next() {
    let (here, there) = ("111122223333", "444455556666");
    let file = |account: &str| format!("[gate]\naccount = \"{account}\"\n");
    assert_eq!(gate(&Place::new("", ""), &[], None), 4, "nothing says which account");
    assert_eq!(gate(&Place::new("", &file(here)), &[], None), 0, "the user's file");
    assert_eq!(gate(&Place::new(&file(there), &file(here)), &[], None), 2, "the project's file");
    assert_eq!(gate(&Place::new(&file(there), &file(there)), &[], Some(here)), 0, "the environment");
    assert_eq!(gate(&Place::new(&file(here), ""), &["--account", there], Some(here)), 2, "the command line");
}

// Holds: 17 Configuration: a named organization's table counts before the command's, and that before the defaults; each value has its origin
#[test]
fn what_counts_is_shown_with_its_origin() {
    let project = "[defaults]\nrole_name = [\"a\", \"b\"]\ntimeout = 30\n\n[audit]\nrole_name = \"c\"\nno_progress = true\n\n[organizations.prod]\nrole_name = \"d\"\nexternal_id = \"blue-7\"\n";
    let place = Place::new(project, "[defaults]\ntimeout = 40\nprofile = \"security\"\n");
    let shown = |more: &[&str]| place.run(&[&["config", "show", "--origin"], more].concat()).stdout;
    let all = shown(&[]);
    for line in [
        "audit.role_name = [\"c\"]  # scangap.toml, line 6",
        "plan.role_name = [\"a\", \"b\"]  # scangap.toml, line 2",
        "audit.timeout = \"30\"  # scangap.toml, line 3",
        "audit.profile = \"security\"  # ",
    ] {
        assert!(all.contains(line), "{line}\n{all}");
    }
    let prod = shown(&["audit", "--org-profile", "prod"]);
    assert!(prod.contains("audit.role_name = [\"d\"]  # scangap.toml, line 10"), "{prod}");
    assert!(prod.contains("audit.external_id = \"***\"") && !prod.contains("blue-7"), "{prod}");
    assert!(!prod.contains("plan."), "{prod}");
    let call = place.command(&["config", "show", "audit", "--origin"]).env("SCANGAP_TIMEOUT", "50").run();
    assert!(call.stdout.contains("audit.timeout = \"50\"  # SCANGAP_TIMEOUT"), "{}", call.stdout);
    let call = place.run(&["config", "show", "--org-profile", "prd"]);
    assert_eq!(call.code, 65, "{}", call.stderr);
    assert!(call.stderr.contains("did you mean `prod`?"), "{}", call.stderr);
}

// Holds: 17 Configuration: a key, table or value that is wrong is one error with its line, its file and what is near
#[test]
fn what_is_wrong_in_a_file_is_named_with_its_line() {
    let cases = [
        ("[defaults]\nrole_nam = \"a\"\n", "line 2: no flag is called `role_nam` there: did you mean `role_name`?"),
        ("[defaults]\nout = \"a\"\n", "it belongs in the table of a command, such as [audit]"),
        ("\n[adit]\nout = \"a\"\n", "line 2: `adit` is no table of a configuration: did you mean `audit`?"),
        ("[audit]\nmax_in_flight = 0\n", "line 2: `0` is not what --max-in-flight takes"),
        ("[audit]\nfail_on = [\"blocked\", \"stal\"]\n", "line 2: "),
        ("[audit]\nout = [\"a\"]\n", "`out` takes one value, and no list"),
        ("[audit]\nimages = \"yes\"\n", "`images` takes true or false"),
        ("[apply]\nconfirm = \"o-exampleorg\"\n", "no flag is called `confirm` there"),
        ("[audit]\nout = \n", "it is not a valid configuration"),
        ("audit = 1\n", "`audit` is a table: write [audit]"),
    ];
    for (text, words) in cases {
        let call = Place::new(text, "").run(&["audit"]);
        assert_eq!(call.code, 65, "{text}: {}", call.stderr);
        assert!(call.stderr.contains(words), "{text}: {}", call.stderr);
        assert!(call.stderr.contains("scangap.toml") && call.stderr.contains("config.invalid"), "{}", call.stderr);
        let json = Place::new(text, "").run(&["audit", "--error-format", "json"]).stderr;
        let error: Value = serde_json::from_str(&json).unwrap_or_else(|_| panic!("{json}"));
        assert_eq!(error["error"]["code"], "config.invalid", "{json}");
    }
    let call = Place::new("", "[[accept]]\ndiagnosis = \"blocked\"\n").run(&["audit"]);
    assert!(call.stderr.contains("line 1: acceptances belong to the project's"), "{}", call.stderr);
    // What only explains itself works all the same.
    for arguments in [&["config", "schema"][..], &["audit", "--help"], &["--version"]] {
        assert_eq!(Place::new("[adit]\n", "").run(arguments).code, 0, "{arguments:?}");
    }
}

// Holds: 17 Configuration: what the command line excludes is brought in by no file and no variable; what it lacks is taken from them
#[test]
fn files_and_variables_bring_in_nothing_that_the_command_line_excludes() {
    for call in [
        Place::new("[audit]\nout = \"elsewhere\"\n", "").run(&["audit", "--resume", "nothing"]),
        Place::new("", "").command(&["audit", "--resume", "nothing"]).env("SCANGAP_AUDIT_OUT", "elsewhere").run(),
    ] {
        assert!(!call.stderr.contains("--out") && call.code == 65, "{}", call.stderr);
    }
    // A switch that is off excludes nothing, and a variable that is empty says nothing.
    let explained = |name: &str, value: &str| {
        let place = Place::new("", "");
        fs_err::write(place.folder.path().join("policy.json"), OPEN).expect("a file");
        place.command(&["explain", "policy.json", "--account", "111122223333"]).env(name, value).run()
    };
    for (name, value) in [("SCANGAP_EXPLAIN_BATCH", "0"), ("SCANGAP_EXPLAIN_REGION", ""), ("SCANGAP_COLOR", "")] {
        let call = explained(name, value);
        assert_eq!(call.code, 0, "{name}: {}", call.stderr);
    }
    let call = explained("SCANGAP_EXPLAIN_REGION", "moon");
    assert_eq!(call.code, 64, "{}", call.stderr);
    assert!(call.stderr.contains("SCANGAP_EXPLAIN_REGION sets --region"), "{}", call.stderr);
    // What a command needs may be in a file.
    let place = Place::new("[explain]\naccount = \"111122223333\"\n[merge]\nout = \"merged\"\n", "");
    fs_err::write(place.folder.path().join("policy.json"), OPEN).expect("a file");
    let explained = place.run(&["explain", "policy.json"]);
    assert_eq!(explained.code, 0, "{}", explained.stderr);
    let merged = place.run(&["merge", "nothing"]);
    assert!(!merged.stderr.contains("--out"), "{}", merged.stderr);
}

// Holds: 17 Configuration: what is shown is what counts: the organization that a variable names, a file that a variable names, and no value that is wrong
#[test]
fn what_is_shown_is_what_counts() {
    let place =
        Place::new("[organizations.prod]\nprofile = \"prod-security\"\n[defaults]\nprofile = \"security\"\n", "");
    let call = place.command(&["config", "show", "audit"]).env("SCANGAP_ORG_PROFILE", "prod").run();
    assert!(call.stdout.contains("audit.profile = \"prod-security\""), "{}", call.stdout);
    let call = place.command(&["config", "show"]).env("SCANGAP_ORG_PROFILE", "prd").run();
    assert!(call.code == 65 && call.stderr.contains("did you mean `prod`?"), "{}", call.stderr);
    for (text, words) in [
        ("[audit]\nmax_in_flight = \"x\"\n", "line 2: `x` is not what --max-in-flight takes"),
        (
            "[[accept]]\ndiagnosis = \"blocked\"\nreasn = \"x\"\n",
            "line 3: no acceptance has a `reasn`: did you mean `reason`?",
        ),
    ] {
        let call = Place::new(text, "").run(&["config", "show"]);
        assert!(call.code == 65 && call.stderr.contains(words), "{text}: {}", call.stderr);
    }
    let call = place.command(&["config", "show"]).env("SCANGAP_AUDIT_MAX_IN_FLIGHT", "x").run();
    assert!(call.code == 64 && call.stderr.contains("SCANGAP_AUDIT_MAX_IN_FLIGHT"), "{}", call.stderr);

    // The file that a variable names, for the command that the variable is of and for no other.
    let place = Place::new("[defaults]\nprofile = \"folder\"\n", "");
    fs_err::write(place.folder.path().join("team.toml"), "[defaults]\nprofile = \"team\"\n").expect("a file");
    let call = place.command(&["config", "show"]).env("SCANGAP_AUDIT_CONFIG", "team.toml").run();
    assert!(call.stdout.contains("audit.profile = \"team\""), "{}", call.stdout);
    assert!(call.stdout.contains("apply.profile = \"folder\""), "{}", call.stdout);
    // What is signed for is written by who signs.
    let sign = ["accept", "--reason", "x", "--by", "y", "--until", "2099-01-01"];
    let call = place.command(&sign).env("SCANGAP_ACCEPT_DIAGNOSIS", "blocked").run();
    assert_eq!(call.code, 64, "{}", call.stderr);

    // The file that a variable names is read for what it accepts too, and one that is not there is an error.
    let place = Place::new("", "");
    let other = place.folder.path().join("team.toml");
    let acceptance = "[[accept]]\ndiagnosis = \"blocked\"\nreason = \"x\"\nby = \"y\"\nuntil = 2099-01-01\n";
    fs_err::write(&other, acceptance).expect("a file");
    let audited = crate::demo::demo();
    let folder = audited.out.to_string_lossy().into_owned();
    let report = || place.command(&["report", &folder, "--out", "out"]);
    let call = report().env("SCANGAP_REPORT_CONFIG", "team.toml").run();
    assert!(call.stdout.contains("Accepted: 1 repository"), "{}{}", call.stdout, call.stderr);
    let call = report().env("SCANGAP_REPORT_CONFIG", "nowhere.toml").run();
    assert!(call.code == 65 && call.stderr.contains("nowhere.toml"), "{}", call.stderr);
    // Commands without a table have variables all the same.
    let call = place.command(&["verify", "nowhere"]).env("SCANGAP_ERROR_FORMAT", "json").run();
    assert!(call.stderr.trim_start().starts_with('{'), "{}", call.stderr);
}

// Holds: 17 Configuration: consent and the time are in no file and no variable; what weakens the gate from elsewhere is said; secrets are not shown
#[test]
fn what_is_written_nowhere_else_is_said() {
    let place = Place::new("", "");
    for (name, flag) in [("SCANGAP_APPLY_CONFIRM", "confirm"), ("SCANGAP_GATE_AS_OF", "as_of")] {
        let call = place.command(&["config", "show", "--origin"]).env(name, "o-exampleorg").run();
        assert!(!call.stdout.contains(flag), "{}", call.stdout);
    }
    let weak = Place::new("[gate]\nfail_on = [\"basic_scanning\"]\nexclude = [\"*.yaml\"]\n", "");
    fs_err::write(weak.folder.path().join("policy.json"), OPEN).expect("a file");
    let call = weak.run(&["gate", "policy.json"]);
    let said =
        "Not written here: --fail-on basic_scanning (scangap.toml, line 2), --exclude *.yaml (scangap.toml, line 3)";
    assert!(call.stderr.contains(said), "{}", call.stderr);
    let call = weak.run(&["gate", "policy.json", "--fail-on", "blocked"]);
    assert!(!call.stderr.contains("--fail-on"), "{}", call.stderr);
    // A switch in the environment is as people write it, and a list as the command line has it.
    let shown = |name: &str, value: &str| place.command(&["config", "show", "audit"]).env(name, value).run().stdout;
    assert!(shown("SCANGAP_AUDIT_IMAGES", "yes").contains("audit.images = true"));
    assert!(shown("SCANGAP_OU", "X,Y").contains("audit.ou = [\"X\", \"Y\"]"));
    for name in ["SCANGAP_EXTERNAL_ID", "SCANGAP_ENDPOINT_URL"] {
        let text = shown(name, "http://user:geheim@host");
        assert!(text.contains("***") && !text.contains("geheim"), "{text}");
    }
    let secret = place.command(&["permissions"]).env("SCANGAP_PERMISSIONS_EXTERNAL_ID", "a geheim!").run();
    assert!(secret.code == 64 && !secret.stderr.contains("geheim"), "{}", secret.stderr);
}

// Holds: 17 Configuration: a file that is merely in the folder sends no call elsewhere and writes nothing outside; one that is broken keeps no page from printing
#[test]
fn a_file_in_a_folder_may_be_a_strangers() {
    for (text, words) in [
        ("[defaults]\nendpoint_url = \"http://127.0.0.1:1\"\n", "`endpoint_url` belongs in the user's own file"),
        ("[defaults]\nlog_file = \"x\"\n", "`log_file` belongs in the user's own file"),
        ("[gate]\nsave = [\"sarif=/tmp/x\"]\n", "`save` is below this folder"),
        ("[audit]\nout = \"../x\"\n", "`out` is below this folder"),
        ("[explain]\nfix = true\nwrite = \"/tmp/x\"\n", "`write` is below this folder"),
        ("[apply]\nfindings_report = \"s3://theirs/x\"\n", "`findings_report` belongs in the user's own file"),
        ("[apply]\nfindings_report_key = \"arn:aws:kms:us-east-1:1:key/x\"\n", "`findings_report_key` belongs in"),
    ] {
        let place = Place::new(text, "");
        let call = place.run(&["gate"]);
        assert!(call.code == 65 && call.stderr.contains(words), "{text}: {}", call.stderr);
        // In the user's own it is as good as on the command line.
        let call = Place::new("", text).run(&["config", "show"]);
        assert_eq!(call.code, 0, "{}", call.stderr);
    }
    let broken = Place::new("[gate]\naccount = \"1\n", "");
    for arguments in [&["man"][..], &["completions", "bash"], &["schema", "columns"]] {
        assert_eq!(broken.run(arguments).code, 0, "{arguments:?}");
    }
    let empty = Place::new("[organizations.prod]\n", "");
    assert_eq!(empty.run(&["config", "show", "--org-profile", "prod"]).code, 0);
    // Another organization's variable does not mix into the one that is named.
    let place = Place::new("[organizations.prod]\nprofile = \"prod\"\n", "");
    let call = place.command(&["config", "show", "audit", "--org-profile", "prod"]).env("SCANGAP_PROFILE", "dev").run();
    assert!(call.stdout.contains("audit.profile = \"prod\""), "{}", call.stdout);
}

// Holds: 17 Configuration: the schema takes the page's example, and refuses what scangap refuses
#[test]
fn the_schema_is_as_strict_as_scangap() {
    requires_tools();
    let page = fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md"))
        .expect("the page");
    let (_, after) = page.split_once("```toml\n").expect("an example");
    let example = after.split_once("```").expect("its end").0;
    let place = Place::new(example, "");
    let call = place.run(&["config", "show", "--origin", "--org-profile", "prod"]);
    assert_eq!(call.code, 0, "{}", call.stderr);
    assert!(call.stdout.contains("audit.fail_on = [\"blocked\", \"stale\"]"), "{}", call.stdout);
    let schema = place.folder.path().join("schema.json");
    fs_err::write(&schema, place.run(&["config", "schema"]).stdout).expect("a file");
    let program = r#"
import json, sys, tomllib, datetime
from jsonschema import Draft202012Validator
schema = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(schema)
def plain(value):
    if isinstance(value, dict): return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list): return [plain(one) for one in value]
    return value.isoformat() if isinstance(value, datetime.date) else value
read = lambda text: plain(tomllib.loads(text))
validator = Draft202012Validator(schema)
validator.validate(read(open(sys.argv[2]).read()))
for wrong in ['[defaults]\nrole_nam = "a"', '[defaults]\nout = "a"', '[adit]', '[audit]\nimages = "yes"', '[apply]\nconfirm = "o-a"', '[[accept]]\nreason = "a"']:
    assert not validator.is_valid(read(wrong)), wrong
"#;
    let project = place.folder.path().join("scangap.toml");
    python(program, &[&schema.to_string_lossy(), &project.to_string_lossy()]);
}
