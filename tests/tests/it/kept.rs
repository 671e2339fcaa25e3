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

/// One account's role cannot be assumed for the moment.
fn not_opened() -> FaultSpec {
    let role = "arn:aws:iam::333333333333:role/OrganizationAccountAccessRole";
    fails("sts:AssumeRole", Some(role))
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
        (vec![fails("ecr:DescribeRepositories", None)], policies()),
        (vec![fails("ecr:DescribeRepositories", None)], vec![fails("inspector2:ListCoverage", None)]),
        (vec![not_opened()], vec![not_opened(), fails("inspector2:ListCoverage", None)]),
    ] {
        let simulator = simulate(two_accounts());
        let name = |faults: &[FaultSpec]| faults[0].operation.clone().unwrap_or_default();
        let (first_name, second_name) = (name(&first), name(&second));
        let what = format!("{first_name} and then {second_name}");
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
        let known = |audited: &Audited| -> Vec<String> {
            audited.csv("repositories.csv").iter().map(|row| row["repository_arn"].clone()).collect()
        };
        let (before, known_before) = (covered(&audited), known(&audited));
        let again = resume(&simulator, &audited.out);
        let lost: Vec<String> = before.into_iter().filter(|name| !covered(&again).contains(name)).collect();
        assert!(lost.is_empty(), "{what}: {lost:?} were covered");
        let lost: Vec<String> = known_before.into_iter().filter(|arn| !known(&again).contains(arn)).collect();
        assert!(lost.is_empty(), "{what}: {lost:?} were known");
        simulator.clear_faults();
        let mended = resume(&simulator, &audited.out);
        let pair = (first_name.as_str(), second_name.as_str());
        if first_name == "inspector2:ListCoverage"
            || matches!(
                pair,
                (_, "inspector2:BatchGetAccountStatus") | ("ecr:DescribeRepositories", "inspector2:ListCoverage")
            )
        {
            // Whose list the coverage is from is a fact: where the administrator did not say all, it is the account's own.
            assert_eq!(mended.finished.code, 0, "{what}");
            assert!(mended.bytes("repositories.csv") == calm.bytes("repositories.csv"), "{what}");
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
    // Of one registry only Inspector has told.
    first.add_fault(FaultSpec {
        account: Some("333333333333".to_owned()),
        region: Some("us-east-1".to_owned()),
        ..FaultSpec::of("ecr:DescribeRepositories", "AccessDeniedException", 400)
    });
    let audited = audit(&first).into_folder().expect_code(3);
    let before = audited.csv("repositories.csv");
    let outcomes = |audited: &Audited| -> Vec<String> {
        audited.csv("registries.csv").iter().map(|row| row["outcome"].clone()).collect()
    };
    let outcomes_before = outcomes(&audited);
    let mut scenario = two_accounts();
    for account in scenario.accounts.iter_mut().filter(|account| account.id == "333333333333") {
        "SUSPENDED".clone_into(&mut account.state);
    }
    let again = resume(&simulate(scenario), &audited.out).expect_code(3);
    let diagnoses = |rows: &[scangap_tests::Row]| -> Vec<(String, String)> {
        rows.iter().map(|row| (row["repository"].clone(), row["diagnosis"].clone())).collect()
    };
    assert_eq!(diagnoses(&again.csv("repositories.csv")), diagnoses(&before));
    assert_eq!(outcomes(&again), outcomes_before);
    let gaps = again.gaps();
    assert_eq!(gaps, ["ecr:DescribeRepositories access_denied", "ecr:GetRepositoryPolicy server_error"]);
}

/// A registry whose first repository has a policy that names tags, and whose second is empty.
fn what_hangs_on_others() -> Scenario {
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Tagged","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"StringEquals":{"aws:ResourceTag/scan":"no"}}}]}"#;
    organization(&format!(
        r#"[[policies]]
name = "tagged"
inspector = "allowed"
text = '{policy}'
[[accounts]]
id = "333333333333"
name = "alpha"
registries = [{{ region = "eu-west-1", repositories = [
  {{ name = "tagged", policy = "tagged", images = [{{}}] }},
  {{ name = "empty", images = [] }},
] }}]"#
    ))
}

// Holds: 14 Resume: what was not asked in one run because of what it could not learn is still a gap beside what another run learnt
#[test]
fn a_gap_that_hung_on_what_is_lost_stays_a_gap() {
    let calm = audit(&simulate(what_hangs_on_others())).into_folder();
    assert_eq!(calm.finished.code, 0, "{}", calm.finished.stderr);
    let (settings, coverage) = ("ecr:GetRegistryScanningConfiguration", "inspector2:ListCoverage");
    for (first, second, gap) in [
        ("ecr:ListTagsForResource", "ecr:GetRepositoryPolicy", "ecr:ListTagsForResource server_error"),
        (settings, coverage, "ecr:DescribeImages not_reached"),
        (coverage, settings, "ecr:DescribeImages not_reached"),
    ] {
        let simulator = simulate(what_hangs_on_others());
        simulator.add_fault(fails(first, None));
        let audited = audit(&simulator).into_folder().expect_code(3);
        simulator.clear_faults();
        simulator.add_fault(fails(second, None));
        let again = resume(&simulator, &audited.out);
        assert!(again.gaps().iter().any(|one| one == gap), "{first}, then {second}: {:?}", again.gaps());
        assert_eq!(again.finished.code, 3);
        simulator.clear_faults();
        let mended = resume(&simulator, &audited.out);
        assert_eq!(mended.finished.code, 0, "{first}, then {second}: {:?}", mended.gaps());
        let diagnoses = |audited: &Audited| -> Vec<String> {
            audited.csv("repositories.csv").iter().map(|row| row["diagnosis"].clone()).collect()
        };
        assert_eq!(diagnoses(&mended), diagnoses(&calm), "{first}, then {second}");
    }
}

/// A repository with an index and its image, and another one.
fn with_an_index(image: &str) -> Scenario {
    organization(&format!(
        r#"[[accounts]]
id = "333333333333"
name = "alpha"
registries = [{{ region = "eu-west-1", repositories = [
  {{ name = "multi", images = [{image}, {{ index = true }}] }},
  {{ name = "one", images = [{{}}] }},
] }}]"#
    ))
}

// Holds: 14 Resume: images that were told from their indexes are counted as before where ECR does not tell again, unless coverage says something else of them
#[test]
fn images_that_were_counted_stay_counted() {
    let calm = audit(&simulate(with_an_index("{}"))).into_folder().expect_code(0);
    let inactive = r#"{ coverage = { status = "INACTIVE", reason = "SCAN_ELIGIBILITY_EXPIRED" } }"#;
    for (image, code) in [("{}", 0), (inactive, 3)] {
        let first = simulate(with_an_index("{}"));
        first.add_fault(fails("ecr:GetRepositoryPolicy", Some("one")));
        let audited = audit(&first).into_folder().expect_code(3);
        let second = simulate(with_an_index(image));
        second.add_fault(fails("ecr:DescribeImages", Some("multi")));
        let again = resume(&second, &audited.out);
        assert_eq!(again.finished.code, code, "{image}: {:?}", again.gaps());
        if code == 0 {
            assert!(again.bytes("repositories.csv") == calm.bytes("repositories.csv"), "as it was counted");
        } else {
            assert_ne!(again.diagnosis("multi"), "covered", "what is known now is not what it was");
        }
    }
}

// Holds: 14 Resume: a list that was whole does not give way to one that broke off in its midst
#[test]
fn a_whole_list_stays() {
    let names: Vec<String> = (0..1_001).map(|n| format!("{{ name = \"app-{n:04}\" }}")).collect();
    let scenario = organization(&format!(
        "[[accounts]]\nid = \"333333333333\"\nname = \"alpha\"\nregistries = [{{ region = \"eu-west-1\", repositories = [{}] }}]",
        names.join(", ")
    ));
    let simulator = simulate(scenario);
    simulator.add_fault(fails("ecr:GetRepositoryPolicy", Some("app-0500")));
    let audited = audit(&simulator).into_folder().expect_code(3);
    let rows = |audited: &Audited| -> Vec<scangap_tests::Row> {
        audited.csv("repositories.csv").into_iter().filter(|row| row["repository"] != "app-0500").collect()
    };
    let (before, registries) = (rows(&audited), audited.bytes("registries.csv"));
    simulator.clear_faults();
    simulator.add_fault(FaultSpec {
        account: Some("333333333333".to_owned()),
        region: Some("eu-west-1".to_owned()),
        skip: 1,
        ..fails("ecr:DescribeRepositories", None)
    });
    let again = resume(&simulator, &audited.out).expect_code(0);
    assert_eq!(before.len(), 1_000);
    assert!(rows(&again) == before, "what was listed, with all that was known of it");
    assert!(again.bytes("registries.csv") == registries);
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

/// Two accounts, and sixty more: three pages of the list and a bit.
fn many_accounts() -> Scenario {
    let mut scenario = two_accounts();
    let like = scenario.accounts[3].clone();
    scenario.accounts.extend((0..60).map(|n| {
        let mut account = like.clone();
        account.id = format!("{}", 500_000_000_000_u64 + n * 7_919);
        account.name = format!("n{n}");
        account
    }));
    scenario
}

// Holds: 14 Shards: accounts that one shard could not list are a gap of the merged audit, and a resume lists and reads them
#[test]
fn a_list_of_accounts_that_broke_off_in_one_shard_is_a_gap_of_the_whole() {
    let home = tempfile::tempdir().expect("a folder");
    let whole = audit(&simulate(many_accounts())).into_folder().expect_code(0);
    for at in 0..2 {
        let (well, ill) = (simulate(many_accounts()), simulate(many_accounts()));
        // The first page is empty, as AWS may answer.
        ill.add_fault(FaultSpec { skip: 2, ..fails("organizations:ListAccounts", None) });
        let folder = home.path().join(at.to_string());
        let [one, two] = shards(if at == 0 { [&well, &ill] } else { [&ill, &well] }, &folder, [&[], &[]]);
        let joined = merged(&[&one, &two], &folder.join("joined")).expect_code(3);
        assert_eq!(joined.gaps(), ["organizations:ListAccounts server_error"]);
        let again = resume(&well, &joined.out).expect_code(0);
        same_facts(&again, &whole, "after the accounts were listed");
    }
}

// Holds: 14 Shards: where AWS did not describe the organization to one shard, a resume asks for what hung on it
#[test]
fn an_organization_that_one_shard_could_not_describe_is_described_by_a_resume() {
    let home = tempfile::tempdir().expect("a folder");
    let (well, ill) = (simulate(two_accounts()), simulate(two_accounts()));
    let whole = audit(&simulate(two_accounts())).into_folder().expect_code(0);
    ill.add_fault(fails("organizations:DescribeOrganization", None));
    let [one, two] = shards([&ill, &well], home.path(), [&[], &[]]);
    let joined = merged(&[&one, &two], &home.path().join("joined"));
    assert!([0, 3].contains(&joined.finished.code), "{}", joined.finished.stderr);
    same_facts(&resume(&well, &joined.out).expect_code(0), &whole, "after the organization was described");
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
    let simulator = simulate(many_accounts());
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
    let whole = audit(&simulate(many_accounts())).into_folder().expect_code(0);
    same_facts(&resume(&simulator, &part.out).expect_code(0), &whole, "after the missing shard was read");
}
