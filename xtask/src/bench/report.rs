//! Reports of a snapshot of a million repositories: how fast they are judged and written, and what memory it takes; the
//! workbook against Python's `XlsxWriter` on the same rows, in the same run.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use scangap_assess::assess;
use scangap_model::{
    AccountFacts, AccountId, AccountOutcome, Asked, CoverageRow, CoverageSource, ImageCount, ImageCounts, Observed,
    OrganizationFacts, Partition, RegionFact, RegionName, RegionStatus, RegionsSource, RegistryAnswers, RegistryFacts,
    RegistryOutcome, Repositories, RepositoryFacts, ScanRule, Scope, StoredPolicy, repository_arn,
};
use scangap_report::{CsvDialect, Input, write_repositories_csv, write_repositories_xlsx};
use scangap_snapshot::{AccountToStore, Closing, RegistryToStore, RunStart, Snapshot, SnapshotWriter, WriteError};

use crate::shell::{cargo, output, root, run as run_command, target};
use crate::tools;

/// Registries of which no two have a policy in common: about 20,000 distinct texts, however many registries there are.
const DISTINCT: u32 = 1_116;
const REGIONS: [&str; 3] = ["eu-central-1", "eu-west-1", "us-east-1"];
/// Distinct policies in each registry.
const POLICIES_PER_REGISTRY: u32 = 18;
/// Rows of the comparison with Python, and of one workbook.
const WORKBOOK: usize = 100_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Size {
    #[arg(long, default_value_t = 1_000_000)]
    repositories: u32,
    #[arg(long, default_value_t = 372)]
    accounts: u32,
    /// Registries without a repository in each account: enabled or not, by turns
    #[arg(long, default_value_t = 0)]
    empty_registries: usize,
    /// Keep the snapshot and the reports in this folder
    #[arg(long)]
    keep: Option<PathBuf>,
}

pub(crate) fn run(size: &Size) -> Result<()> {
    if cfg!(debug_assertions) {
        let mut again = cargo();
        again.args(["run", "--release", "--quiet", "--package", "xtask", "--", "bench", "report"]);
        again.args(["--repositories", &size.repositories.to_string(), "--accounts", &size.accounts.to_string()]);
        again.args(["--empty-registries", &size.empty_registries.to_string()]);
        again.args(size.keep.iter().flat_map(|folder| ["--keep".as_ref(), folder.as_os_str()]));
        return run_command(&mut again);
    }
    let venv = tools::install()?.venv;
    run_command(cargo().args(["build", "--release", "--quiet", "--package", "scangap"]))?;
    let temporary = tempfile::tempdir()?;
    let folder = size.keep.as_deref().unwrap_or(temporary.path());
    fs_err::create_dir_all(folder)?;
    let path = folder.join("snapshot.db");
    let started = Instant::now();
    generate(&path, size)?;
    let cores = std::thread::available_parallelism()?;
    println!(
        "{} repositories in {} accounts and {} registries, {} bytes of snapshot (made in {:.1} s), {cores} cores\n",
        size.repositories,
        size.accounts,
        size.accounts as usize * (REGIONS.len() + size.empty_registries),
        fs_err::metadata(&path)?.len(),
        started.elapsed().as_secs_f64()
    );
    stages(&path, folder, size.repositories as usize)?;
    python(&venv, folder, size.repositories as usize)?;
    whole(&venv, &path, folder)?;
    page(folder)
}

/// The page of an organization of 50,000 repositories, in a browser.
fn page(folder: &Path) -> Result<()> {
    let tools = tools::install()?;
    let path = folder.join("snapshot-50000.db");
    generate(&path, &Size { repositories: 50_000, accounts: 372, empty_registries: 0, keep: None })?;
    let out = folder.join("page");
    let mut report = Command::new(target().join("release").join("scangap"));
    run_command(report.args(["report", "-qq"]).arg(&path).arg("--out").arg(&out))?;
    let page = out.join("report.html");
    let bytes = fs_err::metadata(&page)?.len();
    let mut drive = Command::new("node");
    drive.arg(tools.driver.join("drive.mjs")).arg("large").arg(&page).env("CHROMIUM", &tools.chromium);
    println!("\nreport.html of 50,000 repositories, {bytes} bytes: {}", output(&mut drive)?.trim());
    Ok(())
}

fn rate(name: &str, rows: usize, started: Instant) -> f64 {
    let seconds = started.elapsed().as_secs_f64();
    println!("{name:<58} {seconds:>7.2} s {:>10.0} rows/s", rows as f64 / seconds);
    rows as f64 / seconds
}

/// Each stage by itself, from the file to the file.
fn stages(path: &Path, folder: &Path, n_rows: usize) -> Result<()> {
    let snapshot = Snapshot::open(path)?;
    let started = Instant::now();
    let records = snapshot.repositories.records(0..n_rows).try_fold(0, |n, record| record.map(|_| n + 1));
    ensure!(records.map_err(anyhow::Error::from_boxed)? == n_rows, "rows were lost");
    rate("read the facts, nothing else", n_rows, started);
    let started = Instant::now();
    let as_of = snapshot.meta.as_of;
    let assessment = assess(&snapshot.facts, &snapshot.repositories, as_of).map_err(anyhow::Error::from_boxed)?;
    rate("assess: read, judge, count", n_rows, started);
    println!("{:<58} {:>7} policies judged, {} distinct texts", "", assessment.judged, snapshot.facts.policies.len());
    // What is held, judged alone: the reading is taken out.
    let held: Vec<_> = snapshot
        .repositories
        .records(0..n_rows.min(200_000))
        .collect::<Result<_, _>>()
        .map_err(anyhow::Error::from_boxed)?;
    let started = Instant::now();
    assess(&snapshot.facts, &held, as_of).map_err(anyhow::Error::from_boxed)?;
    rate("judge 200,000 that are held already", held.len(), started);
    drop(held);
    let input = Input {
        facts: &snapshot.facts,
        repositories: &snapshot.repositories,
        assessment: &assessment,
        simulated: true,
        interrupted: false,
        as_of,
        facts_sha256: "generated",
        tool_version: "bench",
        caller_arn: "",
        images: None,
        changes: None,
        trend: None,
        decisions: None,
        shard: None,
        lacks_accounts: false,
    };
    let started = Instant::now();
    write_repositories_csv(
        &input,
        CsvDialect::Rfc4180,
        &mut io::BufWriter::new(fs_err::File::create(folder.join("repositories.csv"))?),
    )?;
    rate("CSV: read, format, write", n_rows, started);
    let rows = n_rows.min(WORKBOOK);
    for (name, table) in [
        ("XLSX, one thread: read, format, compress, a table", true),
        ("XLSX, one thread: the same, a plain sheet", false),
    ] {
        let started = Instant::now();
        let mut file = fs_err::File::create(folder.join("rows.xlsx"))?;
        write_repositories_xlsx(&input, rows, table, &mut file)?;
        file.flush()?;
        rate(name, rows, started);
    }
    Ok(())
}

/// The same rows, read from the CSV as Python's csv reads them, by `XlsxWriter` in constant memory.
fn python(venv: &Path, folder: &Path, n_rows: usize) -> Result<()> {
    let rows = n_rows.min(WORKBOOK / 2);
    let started = Instant::now();
    let mut command = Command::new(venv.join("bin/python"));
    command.arg(root().join("xtask/src/bench/xlsxwriter_reference.py"));
    command.arg(folder.join("repositories.csv")).arg(folder.join("python.xlsx")).arg(rows.to_string());
    run_command(&mut command)?;
    rate("Python XlsxWriter, constant_memory, the same rows", rows, started);
    Ok(())
}

/// `scangap report` as a user runs it: every file, every core.
fn whole(venv: &Path, path: &Path, folder: &Path) -> Result<()> {
    let out = folder.join("out");
    let output = Command::new(venv.join("bin/python"))
        .args(["-c", MEASURE])
        .arg(target().join("release").join("scangap"))
        .args(["report", "--quiet", "--quiet"])
        .arg(path)
        .arg("--out")
        .arg(&out)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    println!("\nscangap report, every file: {}", String::from_utf8_lossy(&output.stdout).trim());
    let mut files: Vec<PathBuf> = fs_err::read_dir(&out)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    for file in files {
        let name = file.file_name().context("a name")?.to_string_lossy().into_owned();
        println!("  {name:<24} {:>12} bytes", fs_err::metadata(&file)?.len());
    }
    Ok(())
}

const MEASURE: &str = "
import resource, subprocess, sys, time
start = time.time()
code = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f'{time.time() - start:.1f} s, {used.ru_utime + used.ru_stime:.1f} s of CPU, peak resident memory {used.ru_maxrss // 1024} MiB, exit code {code}')
";

fn generate(path: &Path, size: &Size) -> Result<()> {
    let &Size { repositories, accounts, empty_registries, .. } = size;
    let as_of: Timestamp = "2026-11-23T09:00:00Z".parse()?;
    let start = RunStart {
        tool_version: "bench".to_owned(),
        started_at: as_of,
        as_of,
        tag_keys: Vec::new(),
        keeps_images: false,
        command_line: "generated".to_owned(),
        caller_arn: "arn:aws:iam::100000000000:user/bench".to_owned(),
        age_recipients: Vec::new(),
        simulated: true,
        shard: None,
        roles: String::new(),
    };
    let mut writer = SnapshotWriter::create(path, &start, |_| Ok::<_, WriteError>(()))?;
    let caller: AccountId = "100000000000".parse()?;
    let organization = OrganizationFacts {
        partition: Partition::Aws,
        caller_account: caller,
        caller_arn: "arn:aws:iam::100000000000:user/bench".to_owned(),
        id: Observed::Known("o-exampleorg".parse()?),
        management_account: Observed::Known(caller),
        inspector_admin: Observed::Known(caller),
        n_accounts: Observed::Known(u64::from(accounts)),
        scope: Scope::default(),
    };
    writer.organization(&organization, &[], &[], Some(0))?;
    let registries = accounts * u32::try_from(REGIONS.len())?;
    let others =
        scangap_model::REGIONS.iter().filter(|info| info.partition == Partition::Aws && !REGIONS.contains(&info.name));
    let others: Vec<RegionName> =
        others.take(empty_registries).map(|info| Ok(info.name.parse()?)).collect::<Result<_>>()?;
    let mut made = 0;
    let mut registry = 0;
    for account in 0..accounts {
        let id: AccountId = format!("{}", 100_000_000_000_u64 + u64::from(account)).parse()?;
        let regions: Vec<RegionFact> = REGIONS
            .iter()
            .map(|region| Ok(RegionFact { region: region.parse()?, status: RegionStatus::Enabled }))
            .collect::<Result<_>>()?;
        let facts = AccountFacts {
            id,
            name: Observed::Known(format!("team-{account:03}")),
            state: Observed::Known("ACTIVE".to_owned()),
            ou_path: Observed::Known(format!("Workloads/Unit-{:02}", account % 24)),
            organization_path: Observed::Known("o-exampleorg/r-ab12/ou-ab12-11111111/".to_owned()),
            outcome: AccountOutcome::Read { role_name: Some("audit".to_owned()) },
            inspector_role: Asked::NotNeeded,
            regions_source: Asked::Answered(Observed::Known(RegionsSource::ListRegions)),
        };
        writer.account(&AccountToStore { facts: &facts, regions: &regions, gaps: &[], registries: &[] })?;
        for (number, region) in others.iter().enumerate() {
            write_empty_registry(&mut writer, id, region, number.is_multiple_of(2))?;
        }
        for region in REGIONS {
            registry += 1;
            let until = u64::from(repositories) * u64::from(registry) / u64::from(registries);
            let here = u32::try_from(until)? - made;
            write_registry(&mut writer, id, &region.parse()?, account, registry, here, as_of)?;
            made += here;
        }
    }
    writer.finish(&Closing {
        interrupted: false,
        simulated: true,
        endpoint: None,
        finished_at: as_of,
        api_use: Vec::new(),
        bucket_waits: Vec::new(),
    })?;
    writer.close()?;
    Ok(())
}

/// A policy of about 1,200 characters, its own text in each registry; one in six keeps Inspector out.
fn policy(account: u32, registry: u32, which: u32) -> String {
    let statements: Vec<String> = (0..4)
        .map(|at| {
            format!(
                r#"{{"Sid":"Pull{at}OfRegistry{registry}","Effect":"Allow","Principal":{{"AWS":["arn:aws:iam::{}:role/ci-{which}","arn:aws:iam::{}:role/deploy-{at}"]}},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"]}}"#,
                100_000_000_000_u64 + u64::from(account),
                100_000_000_000_u64 + u64::from(account + at)
            )
        })
        .collect();
    let deny = format!(
        r#",{{"Sid":"OfficeOnly","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{{"NotIpAddress":{{"aws:SourceIp":"203.0.113.{}/32"}}}}}}"#,
        which + 1
    );
    let deny = if which.is_multiple_of(6) { deny.as_str() } else { "" };
    format!(r#"{{"Version":"2012-10-17","Statement":[{}{deny}]}}"#, statements.join(","))
}

fn write_empty_registry(
    writer: &mut SnapshotWriter,
    account: AccountId,
    region: &RegionName,
    is_enabled: bool,
) -> Result<()> {
    let known = |word: &str| Asked::Answered(Observed::Known(word.to_owned()));
    let facts = if is_enabled {
        let answers = RegistryAnswers {
            repositories: Asked::Answered(Observed::Known(0)),
            inspector_status: known("ENABLED"),
            inspector_ecr_status: known("ENABLED"),
            coverage: Asked::Answered(Observed::Known(CoverageSource::DelegatedAdministrator)),
            image_coverage: Asked::Answered(Observed::Known(CoverageSource::DelegatedAdministrator)),
            ..RegistryAnswers::unasked(RegistryOutcome::Read)
        };
        RegistryFacts::of(account, region.clone(), answers)
    } else {
        RegistryFacts::unasked(account, region.clone(), RegistryOutcome::NotEnabled)
    };
    let nothing = BTreeMap::new();
    writer.registry(&RegistryToStore {
        facts: &facts,
        repositories: &[],
        coverage: &[],
        images: &nothing,
        image_rows: &[],
        policies: &[],
    })?;
    Ok(())
}

fn write_registry(
    writer: &mut SnapshotWriter,
    account: AccountId,
    region: &RegionName,
    at: u32,
    registry: u32,
    here: u32,
    as_of: Timestamp,
) -> Result<()> {
    let texts: Vec<String> =
        (0..POLICIES_PER_REGISTRY).map(|which| policy(at % DISTINCT, registry % DISTINCT, which)).collect();
    let policies: BTreeMap<usize, StoredPolicy> = texts
        .into_iter()
        .enumerate()
        .map(|(which, text)| {
            Ok((
                which,
                StoredPolicy { hash: format!("{:032x}{which:032x}", u64::from(registry % DISTINCT)).parse()?, text },
            ))
        })
        .collect::<Result<_>>()?;
    let known = |word: &str| Asked::Answered(Observed::Known(word.to_owned()));
    let answers = RegistryAnswers {
        repositories: Asked::Answered(Observed::Known(u64::from(here))),
        inspector_status: known("ENABLED"),
        inspector_ecr_status: known("ENABLED"),
        registry_scan_type: known("ENHANCED"),
        scan_rules: Asked::Answered(Observed::Known(vec![ScanRule {
            frequency: "CONTINUOUS_SCAN".to_owned(),
            filters: vec!["*".to_owned()],
        }])),
        registry_policy: Asked::Answered(Observed::Absent),
        registry_policy_scope: known("V2"),
        templates: Asked::Answered(Observed::Known(Vec::new())),
        coverage: Asked::Answered(Observed::Known(CoverageSource::DelegatedAdministrator)),
        image_coverage: Asked::Answered(Observed::Known(CoverageSource::DelegatedAdministrator)),
        ..RegistryAnswers::unasked(RegistryOutcome::Read)
    };
    let facts = RegistryFacts::of(account, region.clone(), answers);
    let mut repositories = Vec::new();
    let mut coverage = Vec::new();
    let mut images = BTreeMap::new();
    for number in 0..here {
        let name: scangap_model::RepositoryName = format!("product-{:02}/service-{number:05}", number % 40).parse()?;
        let which = number % POLICIES_PER_REGISTRY;
        let denied = which.is_multiple_of(6);
        let arn = repository_arn(Partition::Aws, region, account, &name);
        repositories.push(RepositoryFacts {
            account,
            region: region.clone(),
            name: name.clone(),
            arn: arn.clone(),
            listed: true,
            created_at: Observed::Known(as_of),
            policy: policies
                .get(&(which as usize))
                .map_or(Observed::Absent, |policy| Observed::Known(policy.hash.clone())),
            scan_frequency: Observed::Known("CONTINUOUS_SCAN".to_owned()),
            has_active_image: Asked::NotNeeded,
            tags: Asked::NotNeeded,
        });
        let (status, reason) = if denied { ("INACTIVE", "ACCESS_DENIED") } else { ("ACTIVE", "SUCCESSFUL") };
        let mut counts = ImageCounts::default();
        counts.add(status, reason, &ImageCount { images: 3, newest_scan: Some(as_of), ..ImageCount::default() });
        images.insert(name.clone(), counts);
        coverage.push(CoverageRow {
            account,
            region: region.clone(),
            repository: name,
            resource_id: arn,
            status: Observed::Known(status.to_owned()),
            reason: Observed::Known(reason.to_owned()),
            last_scanned_at: Observed::Known(as_of),
        });
    }
    let policies: Vec<StoredPolicy> = policies.into_values().collect();
    writer.registry(&RegistryToStore {
        facts: &facts,
        repositories: &repositories,
        coverage: &coverage,
        images: &images,
        image_rows: &[],
        policies: &policies,
    })?;
    Ok(())
}
