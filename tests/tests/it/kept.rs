//! Nothing that happens after it was read costs what an audit has learnt: a resume that is met by other weather, an account that is suspended
//! meanwhile, a resume that is killed, a shard that could not learn something.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use scangap_simorg::Scenario;
use scangap_simorg::Simulator;
use scangap_simorg::scenario::{FaultKind, FaultSpec};
use scangap_tests::{Audited, Scangap, Simulated, organization, simulate};

use crate::resume::same_facts;

const MANAGEMENT: &str = "111111111111";

/// Two accounts; one has five repositories in a region and two in another.
fn two_accounts() -> Scenario {
    let repositories = |names: &[&str]| {
        let rows: Vec<String> = names.iter().map(|name| format!("{{ name = \"{name}\", images = [{{}}] }}")).collect();
        rows.join(", ")
    };
    organization(&format!(
        r#"[[organizational_units]]
id = "ou-exam-work"
name = "Workloads"
[[accounts]]
id = "333333333333"
name = "alpha"
ou = "ou-exam-work"
registries = [
  {{ region = "eu-west-1", repositories = [{}] }},
  {{ region = "us-east-1", repositories = [{}] }},
]
[[accounts]]
id = "444444444444"
name = "beta"
registries = [{{ region = "eu-west-1", repositories = [{}] }}]"#,
        repositories(&["one", "two", "three", "four", "five"]),
        repositories(&["first", "second"]),
        repositories(&["beta"])
    ))
}

/// A passing failure of the service.
fn fails(operation: &str, resource: Option<&str>) -> FaultSpec {
    FaultSpec { resource: resource.map(str::to_owned), ..FaultSpec::of(operation, "ServiceUnavailableException", 503) }
}

fn audit(simulator: &Simulated) -> Scangap {
    // One attempt: what fails once is a gap.
    Scangap::audit_at(&simulator.url(), &Simulator::access_key(MANAGEMENT)).env("AWS_MAX_ATTEMPTS", "1")
}

fn resume(simulator: &Simulated, out: &Path) -> Audited {
    let finished = audit(simulator).args(&["--resume", &out.to_string_lossy()]).run();
    Audited { finished, out: out.to_owned() }
}

// Holds: 14 Resume: what was learnt does not give way to a gap, fact by fact: policies, coverage, images, lists, settings
#[test]
fn what_a_resume_cannot_learn_stays_as_it_was() {
    let calm = audit(&simulate(two_accounts())).into_folder().expect_code(0);
    let others = ["two", "three", "four", "five"];
    let policies = || others.map(|name| fails("ecr:GetRepositoryPolicy", Some(name))).to_vec();
    for (first, second) in [
        (vec![fails("ecr:GetRepositoryPolicy", Some("one"))], policies()),
        (policies(), vec![fails("ecr:GetRepositoryPolicy", Some("one"))]),
        (vec![fails("ecr:GetRepositoryPolicy", Some("one"))], vec![fails("inspector2:ListCoverage", None)]),
        (vec![fails("inspector2:ListCoverage", None)], policies()),
        (vec![fails("ecr:GetRepositoryPolicy", Some("one"))], vec![fails("ecr:DescribeRepositories", None)]),
        (vec![fails("ecr:GetRegistryPolicy", None)], vec![fails("ecr:GetRegistryScanningConfiguration", None)]),
        (vec![fails("ecr:GetRepositoryPolicy", Some("one"))], vec![fails("inspector2:BatchGetAccountStatus", None)]),
        (vec![fails("ecr:GetRepositoryPolicy", Some("one"))], vec![fails("sts:AssumeRole", None)]),
        (
            vec![fails("inspector2:ListCoverage", None)],
            vec![fails("ecr:BatchGetRepositoryScanningConfiguration", None)],
        ),
    ] {
        let simulator = simulate(two_accounts());
        let name = |faults: &[FaultSpec]| faults[0].operation.clone().unwrap_or_default();
        let what = format!("{} and then {}", name(&first), name(&second));
        for fault in first {
            simulator.add_fault(fault);
        }
        let audited = audit(&simulator).into_folder();
        assert_eq!(audited.finished.code, 3, "{what}: {}", audited.finished.stderr);
        simulator.clear_faults();
        for fault in second {
            simulator.add_fault(fault);
        }
        let covered = |audited: &Audited| -> Vec<String> {
            let rows = audited.csv("repositories.csv");
            rows.iter().filter(|row| row["diagnosis"] == "covered").map(|row| row["repository"].clone()).collect()
        };
        let before = covered(&audited);
        let again = resume(&simulator, &audited.out);
        let lost: Vec<String> = before.into_iter().filter(|name| !covered(&again).contains(name)).collect();
        assert!(lost.is_empty(), "{what}: {lost:?} were covered");
        simulator.clear_faults();
        let mended = resume(&simulator, &audited.out);
        if what.contains("inspector2:ListCoverage and") || what.ends_with("BatchGetAccountStatus") {
            // Whose list the coverage is from is a fact: where the administrator did not say all, it is the account's own.
            assert_eq!((mended.finished.code, covered(&mended)), (0, covered(&calm)), "{what}");
        } else {
            same_facts(&mended, &calm, &what);
        }
    }
}

// Holds: 14 Resume: an account that is suspended between the runs keeps what was read of it, and what is left of it stays a gap
#[test]
fn what_was_read_of_an_account_outlives_its_suspension() {
    let first = simulate(two_accounts());
    first.add_fault(fails("ecr:GetRepositoryPolicy", Some("one")));
    first.add_fault(fails("organizations:ListOrganizationalUnitsForParent", None));
    let audited = audit(&first).into_folder().expect_code(3);
    let before = audited.csv("repositories.csv");
    let mut scenario = two_accounts();
    for account in scenario.accounts.iter_mut().filter(|account| account.id == "333333333333") {
        "SUSPENDED".clone_into(&mut account.state);
    }
    let again = resume(&simulate(scenario), &audited.out).expect_code(3);
    let diagnoses = |rows: &[scangap_tests::Row]| -> Vec<(String, String)> {
        rows.iter().map(|row| (row["repository"].clone(), row["diagnosis"].clone())).collect()
    };
    assert_eq!(diagnoses(&again.csv("repositories.csv")), diagnoses(&before));
    assert_eq!(again.gaps(), ["ecr:GetRepositoryPolicy server_error"]);
}

// Holds: 14 Resume: what Organizations said of accounts does not give way to a list that broke off
#[test]
fn what_organizations_said_stays() {
    let simulator = simulate(two_accounts());
    // The delegated administrator is a gap: the organization is asked again.
    simulator.add_fault(fails("organizations:ListDelegatedAdministrators", None));
    simulator.add_fault(fails("inspector2:GetDelegatedAdminAccount", None));
    let audited = audit(&simulator).into_folder().expect_code(3);
    let unit = |audited: &Audited| {
        let rows = audited.csv("accounts.csv");
        let alpha = rows.into_iter().find(|row| row["account_id"] == "333333333333").expect("alpha");
        (alpha["account_name"].clone(), alpha["ou_path"].clone())
    };
    assert_eq!(unit(&audited), ("alpha".to_owned(), "Workloads".to_owned()));
    for operation in ["organizations:ListOrganizationalUnitsForParent", "organizations:ListAccounts"] {
        simulator.clear_faults();
        simulator.add_fault(fails(operation, None));
        let again = resume(&simulator, &audited.out);
        assert_eq!(
            unit(&again),
            ("alpha".to_owned(), "Workloads".to_owned()),
            "{operation}: {}",
            again.finished.stderr
        );
    }
    simulator.clear_faults();
    let whole = audit(&simulate(two_accounts())).into_folder().expect_code(0);
    let accounts = |audited: &Audited| audited.bytes("accounts.csv");
    assert!(accounts(&resume(&simulator, &audited.out)) == accounts(&whole));
}

/// Resumes, and kills once the snapshot answers a question with yes.
fn killed_once(simulator: &Simulated, out: &Path, question: &str) {
    let (mut child, _home) = audit(simulator).args(&["--resume", &out.to_string_lossy()]).spawn_silent();
    let deadline = Instant::now() + Duration::from_mins(1);
    let file =
        Connection::open_with_flags(out.join("snapshot.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a snapshot");
    let is_so = || file.query_row(&format!("SELECT EXISTS ({question})"), [], |row| row.get(0)).unwrap_or(false);
    while !is_so() {
        assert!(Instant::now() < deadline && child.try_wait().expect("its state").is_none(), "it did not get there");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("it is killed");
    let _ = child.wait();
}

// Holds: 14 Kills: a resume that is killed leaves no gap of a fact that it had learnt
#[test]
fn a_killed_resume_leaves_no_gap_of_what_is_known() {
    let simulator = simulate(two_accounts());
    simulator.add_fault(fails("ecr:GetRepositoryPolicy", Some("one")));
    simulator.add_fault(fails("ecr:GetRepositoryPolicy", Some("beta")));
    let audited = audit(&simulator).into_folder().expect_code(3);
    simulator.clear_faults();
    simulator.add_fault(FaultSpec { kind: FaultKind::Hang, ..fails("ecr:GetRepositoryPolicy", Some("beta")) });
    killed_once(
        &simulator,
        &audited.out,
        "SELECT 1 FROM repositories WHERE repository = 'one' AND policy_state <> 'known' AND policy_state NOT LIKE 'gap:%'",
    );
    let folder = audited.out.to_string_lossy().into_owned();
    let report = Scangap::new(&["report", &folder, "--out", "out"]).run();
    assert_eq!(report.code, 3, "{}", report.stderr);
    let gaps = fs_err::read_to_string(report.home.path().join("out/gaps.csv")).expect("gaps");
    let of = |name: &str| gaps.lines().filter(|line| line.contains(&format!(",{name},"))).count();
    assert_eq!((of("one"), of("beta")), (0, 1), "{gaps}");
}

/// Shards 1 and 2 of 2, each at its own simulator.
fn shards(simulators: [&Simulated; 2], folder: &Path, arguments: [&[&str]; 2]) -> [String; 2] {
    [0, 1].map(|at| {
        let out = folder.join(format!("shard-{at}")).to_string_lossy().into_owned();
        let shard = format!("{}/2", at + 1);
        let call = audit(simulators[at]).args(&["--shard", &shard, "--out", &out]).args(arguments[at]).run();
        assert!([0, 3].contains(&call.code), "{}", call.stderr);
        out
    })
}

fn merged(parts: &[&str], out: &Path) -> Audited {
    let out_text = out.to_string_lossy().into_owned();
    let finished = Scangap::new(&[&["merge"], parts, &["--out", &out_text]].concat()).run();
    Audited { finished, out: out.to_owned() }
}

// Holds: 14 Shards: what one shard could not learn of the organization, another one's answer takes the place of
#[test]
fn a_gap_of_the_organization_in_one_shard_keeps_no_merge_back() {
    let home = tempfile::tempdir().expect("a folder");
    let (well, ill) = (simulate(two_accounts()), simulate(two_accounts()));
    ill.add_fault(fails("organizations:ListDelegatedAdministrators", None));
    ill.add_fault(fails("inspector2:GetDelegatedAdminAccount", None));
    for (at, simulators) in [[&well, &ill], [&ill, &well]].into_iter().enumerate() {
        let folder = home.path().join(at.to_string());
        let [one, two] = shards(simulators, &folder, [&[], &[]]);
        let joined = merged(&[&one, &two], &folder.join("joined"));
        assert!([0, 3].contains(&joined.finished.code), "{}", joined.finished.stderr);
        assert_eq!(joined.json("audit.json")["organization"]["inspector_administrator"], "222222222222");
        // What hung on it in that shard is a gap still, and a resume reads it.
        let again = resume(&well, &joined.out).expect_code(0);
        assert!(again.gaps().is_empty(), "{:?}", again.gaps());
    }
}

// Holds: 14 Shards: regions named in another order are the same scope
#[test]
fn the_order_of_regions_says_nothing() {
    let home = tempfile::tempdir().expect("a folder");
    let simulator = simulate(two_accounts());
    let (one, other) = (["--regions", "eu-west-1,us-east-1"], ["--regions", "us-east-1,eu-west-1"]);
    let [first, second] = shards([&simulator, &simulator], home.path(), [&one, &other]);
    let joined = merged(&[&first, &second], &home.path().join("joined")).expect_code(0);
    assert_eq!(joined.csv("accounts.csv").len(), 4);
}

// Holds: 14 Shards: a resume of what lacks a shard still says so when it is killed before all accounts are listed
#[test]
fn a_missing_shard_is_known_until_it_is_read() {
    let home = tempfile::tempdir().expect("a folder");
    let many = || {
        let mut scenario = two_accounts();
        let like = scenario.accounts[3].clone();
        scenario.accounts.extend((0..60).map(|n| {
            let mut account = like.clone();
            account.id = format!("{}", 500_000_000_000_u64 + n * 7_919);
            account.name = format!("n{n}");
            account
        }));
        scenario
    };
    let simulator = simulate(many());
    let [one, _] = shards([&simulator, &simulator], home.path(), [&[], &[]]);
    let part = merged(&[&one], &home.path().join("part")).expect_code(130);
    // A later page of the list never comes.
    simulator.add_fault(FaultSpec {
        kind: FaultKind::Hang,
        skip: 2,
        ..FaultSpec::of("organizations:ListAccounts", "", 0)
    });
    let of_shard = part.csv("accounts.csv").len();
    killed_once(&simulator, &part.out, &format!("SELECT 1 WHERE (SELECT count(*) FROM accounts) > {of_shard}"));
    let folder = part.out.to_string_lossy().into_owned();
    let again = merged(&[&folder], &home.path().join("again")).expect_code(130);
    assert!(again.finished.stderr.contains("shard 2/2 is missing"), "{}", again.finished.stderr);
    simulator.clear_faults();
    let whole = audit(&simulate(many())).into_folder().expect_code(0);
    same_facts(&resume(&simulator, &part.out).expect_code(0), &whole, "after the missing shard was read");
}
