//! What no file may hold, and who may read what is written.

use std::path::Path;

use scangap_simorg::Simulator;
use scangap_tests::{Scangap, organization, python, simulate};

const EXTERNAL_ID: &str = "canary-external-id-7";
const SECRET_KEY: &str = "canaryCanaryCanarySecretAccessKey0000000";

// Holds: 17 Security: no secret is in any file, log or word of an audit, its reports, a plan, a rehearsal, an apply, shards and their merge or the gate, and each file is its owner's alone
#[test]
fn no_secret_is_written_and_every_file_is_private() {
    let body = format!(
        "[[policies]]\nname = \"office\"\ninspector = \"denied\"\ntext = '{}'\n[[policies]]\nname = \"repaired\"\ninspector = \"allowed\"\ntext = '{}'\n[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\nexternal_id = \"{EXTERNAL_ID}\"\n[[accounts.registries]]\nregion = \"eu-west-1\"\n[[accounts.registries.repositories]]\nname = \"app\"\npolicy = \"office\"\n",
        crate::journey::BEFORE,
        crate::journey::AFTER
    );
    let mut scenario = organization(&body);
    scenario.clock = Some(scangap_tests::now().to_string());
    scenario.accounts[1].external_id = Some(EXTERNAL_ID.to_owned());
    let simulator = simulate(scenario);
    let home = tempfile::tempdir().expect("a folder");
    let url = simulator.url().replace("http://", "http://user:canary-password@");
    let n_runs = std::cell::Cell::new(0);
    let run = |arguments: &[&str], code: i32| {
        let log = home.path().join(format!("{}.log", arguments[0])).to_string_lossy().into_owned();
        let arguments = [arguments, &["-vvv", "--log-file", &log]].concat();
        let call = Scangap::new(&arguments)
            .in_folder(home.path())
            .env("HOME", &home.path().to_string_lossy())
            .env("AWS_ENDPOINT_URL", &simulator.url())
            .env("AWS_ACCESS_KEY_ID", &Simulator::access_key("111111111111"))
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_REGION", "us-east-1")
            .env("HTTPS_PROXY", "http://user:canary-password@127.0.0.1:9")
            .env("SCANGAP_EXTERNAL_ID", EXTERNAL_ID)
            .run();
        assert_eq!(call.code, code, "{arguments:?}: {}{}", call.stdout, call.stderr);
        n_runs.set(n_runs.get() + 1);
        let said = home.path().join(format!("{}-{}.said", arguments[0], n_runs.get()));
        fs_err::write(said, call.stdout + &call.stderr).expect("a file");
    };
    run(&["audit", "--out", "out", "--images", "--ocsf", "--tickets", "jira", "--chat"], 0);
    run(&["report", "out", "--split-by", "account", "--out", "reports"], 0);
    run(&["diff", "out", "out", "--out", "changes"], 0);
    run(&["plan", "out", "--collect", "--min-age", "0h", "--out", "plan"], 0);
    run(&["rehearse", "plan", "--out", "rehearsal"], 0);
    let role = crate::apply::ROLE;
    run(&["apply", "plan", "--write-role-name", role, "--confirm", "o-testing", "--wait", "1s"], 0);
    run(&["report", "out", "--asff", "--previous", "out", "--history", "out", "--out", "findings"], 0);
    for (shard, out) in [("1/2", "shard-1"), ("2/2", "shard-2")] {
        run(&["audit", "--shard", shard, "--as-of", "2026-11-23T09:00:00Z", "--out", out], 0);
    }
    run(&["merge", "shard-1", "shard-2", "--age-recipient", crate::deploy::RECIPIENT, "--out", "merged"], 0);
    run(&["audit", "--age-recipient", crate::deploy::RECIPIENT, "--out", "sealed"], 0);
    fs_err::write(home.path().join("policy.json"), crate::journey::BEFORE).expect("a file");
    let owner_alone = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs_err::set_permissions(home.path().join("policy.json"), owner_alone).expect("its mode");
    run(&["gate", "policy.json", "--account", "333333333333", "--save", "sarif=findings.sarif"], 2);
    run(&["doctor"], 0);
    run(&["doctor", "--endpoint-url", &url, "--output", "json"], 0);
    let found = python(SCAN, &[&home.path().to_string_lossy()]);
    let files: usize = found.trim().parse().expect("a number");
    assert!(files > 100, "{files} files were looked into");
}

/// Looks into every file, into the members of workbooks, and into what is packed, the data of the pages among it.
const SCAN: &str = r#"
import base64, gzip, os, re, stat, sys, zipfile
canaries = [b"canary-external-id-7", b"canaryCanary", b"canary-password", b"simulated-session-token"]
count = 0
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(folder, name)
        count += 1
        texts = [open(path, "rb").read()]
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as book:
                texts += [book.read(member) for member in book.namelist()]
        if texts[0][:2] == b"\x1f\x8b":
            texts.append(gzip.decompress(texts[0]))
        if name.endswith(".html"):
            packed = [base64.b64decode(one) for one in re.findall(rb"H4sI[A-Za-z0-9+/=]+", texts[0])]
            assert packed or name != "report.html", (path, "the data of the page are packed")
            texts += [gzip.decompress(one) for one in packed]
        for text in texts:
            for canary in canaries:
                assert canary not in text, (path, canary)
        mode = stat.S_IMODE(os.stat(path).st_mode)
        assert name.endswith(".said") or mode & 0o077 == 0, (path, oct(mode))
print(count)
"#;

// Holds: 17 Security: the threat model names tests that exist
#[test]
fn the_threat_model_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let page = fs_err::read_to_string(root.join("docs/security.md")).expect("the page");
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).filter(|word| word.contains("::")).collect();
    assert!(named.len() > 12, "{named:?}");
    for test in named {
        let (file, name) = test.rsplit_once("::").expect("a test");
        let text = fs_err::read_to_string(root.join(format!("tests/tests/it/{file}.rs"))).expect("its file");
        assert!(text.contains(&format!("fn {name}()")), "{test}");
    }
}
