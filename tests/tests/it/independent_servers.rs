//! The binary against third-party servers: what they hold is in the report, an operation that they do not implement is a
//! gap that names it, and none of it is ever reported as OK.

use std::collections::BTreeSet;

use scangap_tests::{Audited, Scangap, Server, python};
use serde_json::Value;

const SEED_MOTO: &str = include_str!("../../tools/seed_moto.py");
/// ECR scanning, on in every account.
const ENABLE_IN_MOTO: &str = r#"
import boto3, sys, json
def client(service, region, keys=None):
    keys = keys or {"AccessKeyId": "test", "SecretAccessKey": "test", "SessionToken": None}
    return boto3.client(service, region_name=region, endpoint_url=sys.argv[1], aws_access_key_id=keys["AccessKeyId"],
                        aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"])
for account in {row["account"] for row in json.loads(sys.argv[2])}:
    keys = client("sts", "us-east-1").assume_role(RoleArn=f"arn:aws:iam::{account}:role/x", RoleSessionName="seed")["Credentials"]
    for region in ["us-east-1", "eu-west-1"]:
        client("inspector2", region, keys).enable(accountIds=[account], resourceTypes=["ECR"])
        client("ecr", region, keys).put_registry_scanning_configuration(
            scanType="ENHANCED", rules=[{"scanFrequency": "CONTINUOUS_SCAN", "repositoryFilters": [{"filter": "*", "filterType": "WILDCARD"}]}])
"#;
const SEED_MINISTACK: &str = include_str!("../../tools/seed_ministack.py");

/// Every repository that was made is a row with the verdict its author knows, and no row is anything else's.
fn holds(audited: &Audited, made: &str, verdict: impl Fn(&str) -> String) {
    let made: Vec<Value> = serde_json::from_str(made).expect("what was made");
    let text = |value: &Value, key: &str| value[key].as_str().expect("a text").to_owned();
    let expected: BTreeSet<_> = made
        .iter()
        .map(|row| (text(row, "account"), text(row, "region"), text(row, "repository"), verdict(&text(row, "verdict"))))
        .collect();
    let found: BTreeSet<_> = audited
        .csv("repositories.csv")
        .into_iter()
        .map(|row| {
            (row["account_id"].clone(), row["region"].clone(), row["repository"].clone(), row["policy_verdict"].clone())
        })
        .collect();
    assert_eq!(found, expected);
}

fn operations_with_gaps(audited: &Audited) -> BTreeSet<String> {
    audited.csv("gaps.csv").into_iter().map(|row| row["api"].clone()).collect()
}

#[test]
fn moto_is_read_as_far_as_it_goes() {
    let server = Server::start("moto_server", &["-H", "127.0.0.1", "-p", "{port}"], &[]);
    let made = python(SEED_MOTO, &[&server.url()]);
    let audited = Scangap::audit_at(&server.url(), "test").into_folder().expect_code(3);
    holds(&audited, &made, str::to_owned);
    assert_eq!(audited.csv("repositories.csv").len(), 24);

    // AWS gives accounts with their paths; moto too, or the tree is walked.
    let paths: BTreeSet<String> =
        audited.csv("repositories.csv").into_iter().map(|row| row["ou_path"].clone()).collect();
    assert_eq!(paths, BTreeSet::from([String::new(), "Workloads".to_owned(), "Workloads/Payments".to_owned()]));
    let blocked = audited.csv("repositories.csv").into_iter().filter(|row| row["policy_verdict"] == "denied");
    for row in blocked {
        assert_eq!(row["responsible_statements"], r#"["repository policy: OfficeOnly (NotIpAddress aws:SourceIp)"]"#);
    }

    let gaps = operations_with_gaps(&audited);
    for operation in
        ["account:ListRegions", "inspector2:ListCoverage", "ecr:GetAccountSetting", "inspector2:BatchGetAccountStatus"]
    {
        assert!(gaps.contains(operation), "{operation} is missing among {gaps:?}");
    }
    // Inspector could not be read, so no repository is said to be anything but unreadable.
    assert!(audited.csv("repositories.csv").iter().all(|row| row["diagnosis"] == "unreadable"));
    assert!(audited.csv("repositories.csv").iter().all(|row| row["inspector_ecr_status"] == "unknown"));
}

#[test]
fn moto_with_inspector_enabled_is_read_past_the_account_status() {
    let server = Server::start("moto_server", &["-H", "127.0.0.1", "-p", "{port}"], &[]);
    let made = python(SEED_MOTO, &[&server.url()]);
    python(ENABLE_IN_MOTO, &[&server.url(), &made]);
    let audited = Scangap::audit_at(&server.url(), "test")
        .args(&["--regions", "us-east-1,eu-west-1"])
        .into_folder()
        .expect_code(3);
    holds(&audited, &made, str::to_owned);
    for row in audited.csv("repositories.csv") {
        assert_eq!((row["inspector_ecr_status"].as_str(), row["registry_scan_type"].as_str()), ("ENABLED", "ENHANCED"));
        // moto has no coverage: a denial is decided all the same, everything else stays unreadable.
        let expected = if row["policy_verdict"] == "denied" { "blocked" } else { "unreadable" };
        assert_eq!(
            (row["diagnosis"].as_str(), row["coverage_status"].as_str()),
            (expected, "unknown"),
            "{}",
            row["repository"]
        );
    }
}

/// A plan's repairs, applied to a third-party server and read back with a third-party client.
#[test]
fn repairs_are_applied_to_moto_and_read_back_through_boto3() {
    let server = Server::start("moto_server", &["-H", "127.0.0.1", "-p", "{port}"], &[]);
    let made = python(SEED_MOTO, &[&server.url()]);
    python(ENABLE_IN_MOTO, &[&server.url(), &made]);
    let audit = || {
        Scangap::audit_at(&server.url(), "test")
            .args(&["--regions", "us-east-1,eu-west-1"])
            .into_folder()
            .expect_code(3)
    };
    let before = audit();
    let blocked = before.csv("repositories.csv").iter().filter(|row| row["diagnosis"] == "blocked").count();
    assert!(blocked > 0);
    let snapshot = before.out.join("snapshot.db").to_string_lossy().into_owned();
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("plan").to_string_lossy().into_owned();
    let plan = Scangap::new(&["plan", &snapshot, "--fix", "--out", &folder]).run();
    assert_eq!(plan.code, 3, "{}", plan.stderr);
    let text = fs_err::read_to_string(home.path().join("plan/plan.json")).expect("a plan");
    let text: Value = serde_json::from_str(&text).expect("JSON");
    let organization = text["organization_id"].as_str().expect("an id").to_owned();
    let call = Scangap::new(&["apply", &folder, "--write-role-name", "write", "--confirm", &organization])
        .env("AWS_ENDPOINT_URL", &server.url())
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", "us-east-1")
        .run();
    assert_eq!(call.code, 0, "{}{}", call.stdout, call.stderr);
    assert!(call.stdout.contains(&format!("Applied: {blocked} done, 0 not done")), "{}", call.stdout);
    let after = audit();
    assert!(after.csv("repositories.csv").iter().all(|row| row["policy_verdict"] != "denied"), "every repair is there");
    python(
        r#"
import boto3, json, pathlib, sys
plan = json.loads((pathlib.Path(sys.argv[2]) / "plan.json").read_text())
for step in plan["steps"]:
    keys = boto3.client("sts", region_name="us-east-1", endpoint_url=sys.argv[1], aws_access_key_id="test", aws_secret_access_key="test").assume_role(
        RoleArn=f"arn:aws:iam::{step['account_id']}:role/x", RoleSessionName="check")["Credentials"]
    ecr = boto3.client("ecr", region_name=step["region"], endpoint_url=sys.argv[1], aws_access_key_id=keys["AccessKeyId"],
                       aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"])
    now = json.loads(ecr.get_repository_policy(repositoryName=step["repository"])["policyText"])
    meant = json.loads((pathlib.Path(sys.argv[2]) / step["after_file"]).read_text())
    assert now == meant, (now, meant)
assert plan["steps"]
"#,
        &[&server.url(), &folder],
    );
}

#[test]
fn ministack_is_read_as_far_as_it_goes() {
    let server = Server::start(
        "ministack",
        &[],
        &[("GATEWAY_PORT", "{port}"), ("BIND_HOST", "127.0.0.1"), ("MINISTACK_HOST", "127.0.0.1")],
    );
    let made = python(SEED_MINISTACK, &[&server.url()]);
    let audited = Scangap::audit_at(&server.url(), "test")
        .args(&["--regions", "eu-west-1,us-east-1"])
        .into_folder()
        .expect_code(3);
    // Its registry policy cannot be read, so what the repository policy does not deny is unknown, not allowed.
    holds(&audited, &made, |verdict| if verdict == "allowed" { "unknown" } else { verdict }.to_owned());
    // What moto lacks, ministack answers: regions.
    assert!(audited.csv("accounts.csv").iter().all(|row| row["regions_source"] == "ListRegions"));
    let gaps = operations_with_gaps(&audited);
    for operation in ["ecr:GetRegistryPolicy", "ecr:GetRegistryScanningConfiguration", "ecr:GetAccountSetting"] {
        assert!(gaps.contains(operation), "{operation} is missing among {gaps:?}");
    }
}

/// A certificate for 127.0.0.1 that signs itself, and its key.
const SELF_SIGNED: &str = r#"
import datetime, ipaddress, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "scangap tests")])
now = datetime.datetime.now(datetime.timezone.utc)
certificate = (
    x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    .serial_number(1).not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
    .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    .sign(key, hashes.SHA256())
)
open(sys.argv[1], "wb").write(certificate.public_bytes(serialization.Encoding.PEM))
open(sys.argv[2], "wb").write(key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()))
"#;

#[test]
fn tls_is_trusted_through_the_ca_bundle_and_not_without() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (certificate, key) = (path("certificate.pem"), path("key.pem"));
    python(SELF_SIGNED, &[&certificate, &key]);
    let arguments = ["-H", "127.0.0.1", "-p", "{port}", "--ssl-cert", &certificate, "--ssl-key", &key];
    let server = Server::start("moto_server", &arguments, &[]);
    let url = server.url().replace("http://", "https://");
    let scope = ["--accounts", "123456789012", "--regions", "us-east-1"];

    let untrusted = Scangap::audit_at(&url, "test").args(&scope).into_folder().expect_code(1);
    assert!(untrusted.finished.stderr.contains("certificate"), "{}", untrusted.finished.stderr);
    for trusted in [
        Scangap::audit_at(&url, "test").args(&["--ca-bundle", &certificate]),
        Scangap::audit_at(&url, "test").env("AWS_CA_BUNDLE", &certificate),
    ] {
        let audited = trusted.args(&scope).into_folder().expect_code(3);
        assert_eq!(audited.csv("accounts.csv").len(), 1);
    }
}
