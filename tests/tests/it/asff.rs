//! Findings in the AWS Security Finding Format, as Security Hub takes them.

use scangap_tests::{Scangap, Server, python, requires_tools};
use serde_json::Value;

use crate::demo::demo;

// Holds: 17 Security Hub: findings fit what the AWS SDK for Python and moto take; one for each repository, place and refusal; what is not known never passes
#[test]
fn findings_are_taken_by_security_hub() {
    requires_tools();
    let audited = demo();
    let snapshot = audited.out.join("snapshot.db").to_string_lossy().into_owned();
    let call = Scangap::new(&["report", &snapshot, "--out", "out", "--asff", "--ocsf"]).run();
    assert_eq!(call.code, 3, "the demo has gaps: {}", call.stderr);
    let read = |name: &str| fs_err::read_to_string(call.home.path().join("out").join(name)).expect("the file");
    let findings: Vec<Value> =
        read("asff.jsonl").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(findings.len(), read("ocsf.jsonl").lines().count());
    let mut ids: Vec<&str> = findings.iter().map(|one| one["Id"].as_str().expect("an id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), findings.len(), "each has an id of its own");
    for one in &findings {
        let diagnosis = one["ProductFields"]["scangap/diagnosis"].as_str().expect("a diagnosis");
        let status = one["Compliance"]["Status"].as_str().expect("a status");
        assert_eq!(status == "PASSED", diagnosis == "covered", "{one}");
        assert!(one["Title"].as_str().expect("a title").starts_with("SIMULATED: "), "{one}");
        let account = one["AwsAccountId"].as_str().expect("an account");
        let product = one["ProductArn"].as_str().expect("an ARN");
        assert!(product.ends_with(&format!(":{account}:product/{account}/default")), "{one}");
    }
    let moto = Server::start("moto_server", &["-H", "127.0.0.1", "-p", "{port}"], &[]);
    let file = call.home.path().join("out/asff.jsonl");
    let taken = python(IMPORT, &[&file.to_string_lossy(), &moto.url()]);
    assert_eq!(taken.trim(), findings.len().to_string());
}

/// In parts of a hundred, which is what AWS takes at once; the SDK checks each against AWS's own model.
const IMPORT: &str = r#"
import boto3, json, sys
hub = boto3.client("securityhub", region_name="us-east-1", endpoint_url=sys.argv[2], aws_access_key_id="a", aws_secret_access_key="b")
hub.enable_security_hub()
findings = [json.loads(line) for line in open(sys.argv[1])]
limits = {"Title": 256, "Description": 1024}
taken = 0
for at in range(0, len(findings), 100):
    part = findings[at:at + 100]
    for one in part:
        for name, most in limits.items():
            assert 0 < len(one[name]) <= most, one
        assert 0 < len(one["Remediation"]["Recommendation"]["Text"]) <= 512, one
    answer = hub.batch_import_findings(Findings=part)
    assert answer["FailedCount"] == 0, answer
    taken += answer["SuccessCount"]
print(taken)
"#;
