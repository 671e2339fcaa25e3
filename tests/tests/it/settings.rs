//! What the environment and the AWS configuration files say, with good, empty and bad values: obeyed, unset, or refused in
//! one clear error. Nothing ends in a panic.

use scangap_simorg::Simulator;
use scangap_tests::{Audited, Finished, Scangap, Server, Simulated, organization, simulate};

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

/// What a profile may say beside its credentials, each with a value that is no value of it.
const PROFILE_KEYS: &[(&str, &str, i32)] = &[
    ("region", "nowhere at all", 0),
    ("retry_mode", "fast", 64),
    ("max_attempts", "0", 64),
    ("max_attempts", "many", 64),
    ("ca_bundle", "/nowhere/ca.pem", 64),
    ("endpoint_url", "not a url", 0),
    ("use_fips_endpoint", "maybe", 0),
    ("use_dualstack_endpoint", "maybe", 0),
    ("ignore_configured_endpoint_urls", "maybe", 0),
    ("sdk_ua_app_id", "a b", 0),
    ("defaults_mode", "maybe", 0),
    ("account_id_endpoint_mode", "maybe", 0),
    ("request_checksum_calculation", "maybe", 0),
    ("response_checksum_validation", "maybe", 0),
    ("request_min_compression_size_bytes", "maybe", 0),
    ("disable_request_compression", "maybe", 0),
    ("sigv4a_signing_region_set", "maybe", 0),
    ("auth_scheme_preference", "maybe", 0),
    ("ec2_metadata_service_endpoint", "maybe", 0),
    ("sts_regional_endpoints", "maybe", 0),
    ("output", "maybe", 0),
    ("cli_pager", "maybe", 0),
    ("s3", "\n  max_concurrent_requests = maybe", 0),
    ("aws_session_token", "", 0),
    ("aws_account_id", "maybe", 0),
];

// Holds: 7 The wire: keys of a profile with good, empty and bad values are obeyed, unset or refused, and none ends the process
#[test]
fn every_key_of_a_profile_is_obeyed_unset_or_refused() {
    let simulator = world();
    for (key, bad, code) in PROFILE_KEYS {
        for (value, code) in [(*bad, *code), ("", 0)] {
            let call = Scangap::audit(&simulator);
            let config = call.home().join("config");
            let keys = "aws_access_key_id = AKIASIMU111111111111\naws_secret_access_key = simulated\n";
            fs_err::write(&config, format!("[profile odd]\n{keys}{key} = {value}\n")).expect("a file");
            let finished = call
                .env("AWS_CONFIG_FILE", &config.to_string_lossy())
                .args(&["--profile", "odd", "--accounts", "333333333333", "--timeout", "5", "--out", "out"])
                .run();
            assert_eq!(finished.code, code, "{key} = {value}: {}", finished.stderr);
            assert_eq!(code != 0, finished.stderr.contains("error: "), "{key} = {value}: {}", finished.stderr);
        }
    }
}

/// An audit by a named profile that assumes a role with its own call of STS.
fn by_profile(timeout: &str) -> Scangap {
    let scope = ["--accounts", "333333333333", "--timeout", timeout, "--out", "out"];
    let call = Scangap::new(&["audit", "--profile", "by-profile"]).args(&scope);
    let config = call.home().join("config");
    fs_err::write(&config, FILES).expect("a file");
    call.env("AWS_CONFIG_FILE", &config.to_string_lossy())
}

// Holds: 6 Operating it: the cause of a failing chain is told: an STS that cannot be reached is no lack of credentials
#[test]
fn an_sts_that_cannot_be_reached_is_no_lack_of_credentials() {
    let finished = by_profile("2").env("HTTPS_PROXY", "http://127.0.0.1:1/").env("AWS_REGION", "us-east-1").run();
    assert_ne!(finished.code, 0);
    assert!(!finished.stderr.contains("no AWS credentials were found"), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("caused by: ") && finished.stderr.to_lowercase().contains("connect"),
        "{}",
        finished.stderr
    );
}

// Holds: 7 The wire: a snapshot is marked simulated where one service alone answered from elsewhere
// Holds: 6 Operating it: a host of NO_PROXY goes past the proxy
#[test]
fn one_foreign_service_marks_the_snapshot() {
    let simulator = world();
    let proxy = TlsProxy::before(&simulator);
    let out = tempfile::tempdir().expect("a folder");
    let folder = out.path().join("out").to_string_lossy().into_owned();
    let call = Scangap::new(&["audit", "--accounts", "333333333333", "--timeout", "10", "--out", &folder]);
    let finished = proxy.through(call).env("AWS_ENDPOINT_URL_ECR", &simulator.url()).env("NO_PROXY", "127.0.0.1").run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let hosts = proxy.hosts();
    assert!(hosts.contains("sts.us-east-1.amazonaws.com"), "{hosts:?}");
    assert!(!hosts.iter().any(|host| host.contains(".ecr.")), "{hosts:?}");
    let rows = fs_err::read_to_string(out.path().join("out/repositories.csv")).expect("a file");
    assert!(rows.lines().nth(1).is_some_and(|row| row.contains(",yes,") || row.contains(",yes")), "{rows}");
    assert!(finished.stdout.contains("SIMULATED"), "{}", finished.stdout);
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

// Holds: 6 Operating it: a whole audit runs through a proxy on loopback, TLS included
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
    let rows = |folder: &std::path::Path| -> Vec<scangap_tests::Row> {
        let audited = Audited { finished: Scangap::new(&["schema", "columns"]).run(), out: folder.to_owned() };
        let tables = ["repositories.csv", "registries.csv", "accounts.csv"];
        let mut rows: Vec<_> = tables.iter().flat_map(|table| audited.csv(table)).collect();
        // AWS's own addresses answered the one, and the simulation's the other.
        for row in &mut rows {
            row.remove("simulated");
        }
        rows
    };
    assert!(!rows(&through).is_empty());
    assert_eq!(rows(&through), rows(&straight));
}

// Holds: 6 Operating it: FIPS endpoints are those of a named profile's own AssumeRole too
#[test]
fn a_named_profiles_own_sts_is_the_one_that_was_asked_for() {
    let simulator = world();
    let proxy = TlsProxy::before(&simulator);
    let finished = proxy.through(by_profile("5")).env("AWS_USE_FIPS_ENDPOINT", "true").run();
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

/// Hands connections on from IPv6's loopback, as long as the program runs.
fn over_ipv6(simulator: &Simulated) -> String {
    let listener = std::net::TcpListener::bind((std::net::Ipv6Addr::LOCALHOST, 0)).expect("IPv6's loopback");
    let address = listener.local_addr().expect("an address");
    let upstream = simulator.url().trim_start_matches("http://").trim_end_matches('/').to_owned();
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let Ok(server) = std::net::TcpStream::connect(&upstream) else { continue };
            let pairs = [(connection.try_clone(), server.try_clone()), (Ok(server), Ok(connection))];
            for (from, to) in pairs {
                let (Ok(mut from), Ok(mut to)) = (from, to) else { continue };
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    format!("http://{address}")
}

// Holds: 14 IPv6: an audit over IPv6 reads what one over IPv4 reads, and is simulated all the same
#[test]
fn an_audit_over_ipv6_reads_the_same() {
    let simulator = world();
    let whole = Scangap::audit(&simulator).into_folder().expect_code(0);
    let key = Simulator::access_key("111111111111");
    let audited = Scangap::audit_at(&over_ipv6(&simulator), &key).into_folder().expect_code(0);
    assert!(audited.bytes("repositories.csv") == whole.bytes("repositories.csv"));
    let run = audited.json("run.json");
    assert!(run["endpoint"].as_str().is_some_and(|host| host.starts_with("[::1]:")), "{run}");
    assert_eq!(run["simulated"], true);
}
