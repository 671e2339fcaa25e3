//! What the environment and the AWS configuration files say, with good, empty and bad values: obeyed, unset, or refused in
//! one clear error. Nothing ends in a panic.

use scangap_simorg::Simulator;
use scangap_tests::{Finished, Scangap, Server, Simulated, organization, simulate};

fn world() -> Simulated {
    simulate(organization(
        "[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\ncells = [{ region = \"eu-west-1\", repositories = [{ name = \"one\" }] }]",
    ))
}

const FILES: &str = "[default]\nregion = us-east-1\n[profile by-environment]\nrole_arn = arn:aws:iam::333333333333:role/OrganizationAccountAccessRole\ncredential_source = Environment\n[profile by-profile]\nrole_arn = arn:aws:iam::333333333333:role/OrganizationAccountAccessRole\nsource_profile = keys\n[profile keys]\naws_access_key_id = AKIASIMU333333333333\naws_secret_access_key = simulated\n[profile with-mfa]\nrole_arn = arn:aws:iam::333333333333:role/OrganizationAccountAccessRole\nsource_profile = keys\nmfa_serial = arn:aws:iam::111111111111:mfa/me\n";

/// An audit of one account with variables set on top of what an audit needs.
fn audit(simulator: &Simulated, variables: &[(&str, &str)], arguments: &[&str]) -> Finished {
    let call = Scangap::audit(simulator);
    let config = call.home().join("config");
    fs_err::write(&config, FILES).expect("a file");
    let call = call.env("AWS_CONFIG_FILE", &config.to_string_lossy());
    let call = variables.iter().fold(call, |call, (name, value)| call.env(name, value));
    call.args(&["--accounts", "333333333333", "--timeout", "5", "--out", "out"]).args(arguments).run()
}

/// What the SDK reads, by its names, each with a value that is no value of it.
const VARIABLES: &[(&str, &str, i32)] = &[
    ("AWS_RETRY_MODE", "fast", 64),
    ("AWS_MAX_ATTEMPTS", "0", 64),
    ("AWS_MAX_ATTEMPTS", "many", 64),
    ("AWS_PROFILE", "nobody", 64),
    ("AWS_CA_BUNDLE", "/dev/null", 64),
    ("AWS_CA_BUNDLE", "/nowhere/ca.pem", 64),
    ("AWS_ENDPOINT_URL", "not a url", 0),
    ("AWS_ENDPOINT_URL_ECR", "", 0),
    ("AWS_USE_FIPS_ENDPOINT", "maybe", 0),
    ("AWS_USE_DUALSTACK_ENDPOINT", "maybe", 0),
    ("AWS_SDK_UA_APP_ID", "a \u{fc} b", 0),
    ("AWS_DEFAULTS_MODE", "maybe", 0),
    ("AWS_STS_REGIONAL_ENDPOINTS", "maybe", 0),
    ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "maybe", 0),
    ("AWS_REQUEST_CHECKSUM_CALCULATION", "maybe", 0),
    ("AWS_RESPONSE_CHECKSUM_VALIDATION", "maybe", 0),
    ("AWS_EC2_METADATA_DISABLED", "maybe", 0),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "maybe", 0),
    ("AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES", "maybe", 0),
    ("AWS_DISABLE_REQUEST_COMPRESSION", "maybe", 0),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "maybe", 0),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere", 0),
    ("AWS_ROLE_ARN", "nobody", 0),
    ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "maybe", 0),
    ("AWS_SIGV4A_SIGNING_REGION_SET", "maybe", 0),
    ("AWS_AUTH_SCHEME_PREFERENCE", "maybe", 0),
];

// Holds: 7 The wire: settings with good, empty and bad values are obeyed, unset or refused, and none ends the process
#[test]
fn every_variable_is_obeyed_unset_or_refused() {
    let simulator = world();
    for (name, bad, code) in VARIABLES {
        for (value, code) in [(*bad, *code), ("", 0)] {
            let finished = audit(&simulator, &[(name, value)], &[]);
            assert_eq!(finished.code, code, "{name}={value}: {}", finished.stderr);
            if code != 0 {
                assert!(
                    finished.stderr.contains("error: ") && finished.stderr.contains("hint: "),
                    "{}",
                    finished.stderr
                );
            }
        }
    }
    for (name, value) in [("AWS_RETRY_MODE", "legacy"), ("AWS_RETRY_MODE", "adaptive"), ("AWS_MAX_ATTEMPTS", "3")] {
        assert_eq!(audit(&simulator, &[(name, value)], &[]).code, 0, "{name}={value}");
    }
    // Without an address nothing is simulated, and with an empty one neither: what answers then is not here.
    let url = simulator.url();
    let empty = audit(&simulator, &[("AWS_ENDPOINT_URL", &url)], &["--endpoint-url", ""]);
    assert_eq!(empty.code, 64, "an option is given once: {}", empty.stderr);
    let by_variable = Scangap::new(&["audit", "--endpoint-url=", "--accounts", "333333333333", "--out", "out"])
        .env("AWS_ENDPOINT_URL", &url)
        .env("AWS_ACCESS_KEY_ID", &Simulator::access_key("111111111111"))
        .env("AWS_SECRET_ACCESS_KEY", "simulated")
        .run();
    assert_eq!(by_variable.code, 0, "{}", by_variable.stderr);
}

// Holds: 6 Operating it: a profile that is named wins over keys in the environment, and MFA is one clear error
// Holds: 6 Operating it: nothing reaches AWS where an endpoint is given
#[test]
fn a_named_profile_is_whose_credentials_are_used() {
    let simulator = world();
    let named = |profile: &str| audit(&simulator, &[], &["--profile", profile]);
    for (profile, who, source) in [
        ("keys", "arn:aws:iam::333333333333:user/auditor", "by the profile's keys"),
        ("by-profile", "arn:aws:sts::333333333333:assumed-role/", "by the profile's role"),
        ("by-environment", "arn:aws:sts::333333333333:assumed-role/", "by the profile's role"),
    ] {
        let finished = named(profile);
        assert_eq!(finished.code, 0, "{profile}: {}", finished.stderr);
        assert!(finished.stderr.contains(who) && finished.stderr.contains(source), "{profile}: {}", finished.stderr);
    }
    let by_variable = audit(&simulator, &[("AWS_PROFILE", "by-environment")], &[]);
    assert!(by_variable.stderr.contains("by the profile's role"), "{}", by_variable.stderr);
    let own = audit(&simulator, &[("AWS_PROFILE", "keys")], &[]);
    assert!(own.stderr.contains("by the environment"), "as the AWS CLI has it: {}", own.stderr);
    for (profile, words) in [("kays", "did you mean `keys`?"), ("with-mfa", "asks for a code of an MFA device")] {
        let finished = named(profile);
        assert_eq!(finished.code, 64, "{profile}: {}", finished.stderr);
        assert!(finished.stderr.contains(words), "{profile}: {}", finished.stderr);
    }
}

// Holds: 6 Operating it: proxies are those of the environment, and the banner names them without a password
#[test]
fn a_proxy_of_the_environment_is_used_and_named() {
    let simulator = world();
    let proxy = "http://user:sesame@127.0.0.1:1/";
    for name in ["HTTP_PROXY", "http_proxy"] {
        let finished = audit(&simulator, &[(name, proxy)], &[]);
        assert_eq!(finished.code, 1, "nobody listens there: {}", finished.stderr);
        assert!(finished.stderr.contains("by proxy http://***@127.0.0.1:1/"), "{}", finished.stderr);
        assert!(!finished.stderr.contains("sesame"));
        for past in ["NO_PROXY", "no_proxy"] {
            assert_eq!(audit(&simulator, &[(name, proxy), (past, "127.0.0.1")], &[]).code, 0);
        }
    }
    let other = audit(&simulator, &[("HTTPS_PROXY", proxy)], &[]);
    assert_eq!(other.code, 0, "it is for another scheme: {}", other.stderr);
}

/// A proxy that ends TLS where AWS would, in front of a simulated organization.
struct TlsProxy {
    server: Server,
    folder: tempfile::TempDir,
}

impl TlsProxy {
    fn before(simulator: &Simulated) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let upstream = simulator.url();
        let port = upstream.rsplit(':').next().unwrap_or_default().trim_end_matches('/');
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/tls_proxy.py");
        let arguments = [program, "{port}", port, &path("ca.pem"), &path("key.pem"), &path("hosts")];
        let server = Server::start("python", &arguments, &[]);
        Self { server, folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    /// The hosts that were asked for, each once.
    fn hosts(&self) -> std::collections::BTreeSet<String> {
        let log = fs_err::read_to_string(self.path("hosts")).unwrap_or_default();
        log.lines().filter_map(|line| Some(line.strip_suffix(":443")?.to_owned())).collect()
    }

    /// With AWS's own addresses: nothing names the simulation but the proxy.
    fn through(&self, call: Scangap) -> Scangap {
        let proxy = self.server.url().replace("http://", "http://user:sesame@");
        call.env("HTTPS_PROXY", &proxy)
            .env("AWS_CA_BUNDLE", &self.path("ca.pem"))
            .env("AWS_ACCESS_KEY_ID", &Simulator::access_key("111111111111"))
            .env("AWS_SECRET_ACCESS_KEY", "simulated")
            .env("AWS_REGION", "us-east-1")
    }
}

// Holds: 6 Operating it: a whole audit runs through a proxy on loopback, TLS included, and a host of NO_PROXY goes past it
#[test]
fn a_whole_audit_runs_through_a_proxy_with_tls() {
    let simulator = world();
    let proxy = TlsProxy::before(&simulator);
    let audit = ["audit", "--timeout", "10", "--as-of", "2026-11-23T09:00:00Z", "--out"];
    let folder = tempfile::tempdir().expect("a folder");
    let (through, straight) = (folder.path().join("through"), folder.path().join("straight"));
    let finished = proxy.through(Scangap::new(&audit)).args(&[&through.to_string_lossy()]).run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(finished.stderr.contains("by proxy http://***@127.0.0.1:"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("sesame"));
    let hosts = proxy.hosts();
    for host in
        ["sts.us-east-1", "organizations.us-east-1", "account.us-east-1", "api.ecr.eu-west-1", "inspector2.eu-west-1"]
    {
        assert!(hosts.contains(&format!("{host}.amazonaws.com")), "{host}: {hosts:?}");
    }
    // The same facts as without it.
    let call = Scangap::audit(&simulator).args(&["--out", &straight.to_string_lossy()]).run();
    assert_eq!(call.code, 0, "{}", call.stderr);
    let rows = |folder: &std::path::Path| {
        let text = fs_err::read_to_string(folder.join("repositories.csv")).expect("a file");
        text.replace(",yes\r\n", ",no\r\n")
    };
    let diagnosed = |folder: &std::path::Path| rows(folder).lines().filter(|line| line.contains("covered")).count();
    assert_eq!((diagnosed(&through), rows(&through).lines().count()), (1, 2), "{}", rows(&through));
    assert_eq!(diagnosed(&straight), 1);
}

// Holds: 6 Operating it: FIPS endpoints are those of a named profile's own AssumeRole too
#[test]
fn a_named_profiles_own_sts_is_the_one_that_was_asked_for() {
    let simulator = world();
    let proxy = TlsProxy::before(&simulator);
    let call = Scangap::new(&[
        "audit",
        "--profile",
        "by-profile",
        "--accounts",
        "333333333333",
        "--timeout",
        "5",
        "--out",
        "out",
    ]);
    let config = call.home().join("config");
    fs_err::write(&config, FILES).expect("a file");
    let finished = proxy
        .through(call)
        .env("AWS_CONFIG_FILE", &config.to_string_lossy())
        .env("AWS_USE_FIPS_ENDPOINT", "true")
        .run();
    let hosts = proxy.hosts();
    assert!(hosts.contains("sts-fips.us-east-1.amazonaws.com"), "{hosts:?} {}", finished.stderr);
    assert!(!hosts.contains("sts.us-east-1.amazonaws.com"), "{hosts:?}");
}

// Holds: 7 The wire: an empty address is unset for a profile's own calls too, named or by `AWS_PROFILE`
#[test]
fn an_empty_address_is_unset_for_a_profiles_own_calls() {
    let simulator = world();
    let proxy = TlsProxy::before(&simulator);
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_SSO"] {
        for by_variable in [false, true] {
            let named = if by_variable { &[][..] } else { &["--profile", "by-profile"] };
            let call = Scangap::new(&["audit", "--accounts", "333333333333", "--timeout", "10", "--out", "out"]);
            let config = call.home().join("config");
            fs_err::write(&config, FILES).expect("a file");
            let mut call =
                proxy.through(call.args(named)).env("AWS_CONFIG_FILE", &config.to_string_lossy()).env(name, "");
            if by_variable {
                call =
                    call.env("AWS_PROFILE", "by-profile").without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
            }
            let finished = call.run();
            assert_eq!(finished.code, 0, "{name} {by_variable}: {}", finished.stderr);
            assert!(finished.stderr.contains("by the profile's role"), "{}", finished.stderr);
        }
    }
}
