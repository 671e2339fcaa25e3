//! What a re-sync deletes, saved before: findings of every status as AWS wrote them, coverage, suppression rules, the
//! registry's scanning configuration, re-scan durations. The manifest is written last: a folder with one is whole.

mod formats;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use scangap_assess::{RegistryLosses, RegistryToCount, registry_losses};
use scangap_aws::CallError;
use scangap_aws::read::{CoverageFilter, Page, RegionReader, ScanningConfiguration, SuppressionRule};
use scangap_model::{Api, Arn, CoveredImage, FindingCount, FindingTally, Observed, RescanDurations, ResyncFacts};
use serde::Serialize;
use serde_json::{Value, json};

use self::formats::{Manifest, SavedFile, SavedFinding, SavedScanning};
use crate::access::Access;
use crate::error::ApplyError;
use crate::pages::whole;
use crate::report::resync::describe;
use crate::step_report::Lost;
use scangap_plan::Resync;
use scangap_plan::hash::scanning_sha256;

const FINDINGS: &str = "findings.jsonl.gz";
const COVERAGE: &str = "coverage.csv";
const SCANNING: &str = "registry-scanning-configuration.json";
/// The same as the aws CLI takes it, to put it back by hand.
pub(crate) const PUT: &str = "put-registry-scanning-configuration.json";
const MANIFEST: &str = "manifest.json";

/// What was saved.
#[derive(Debug, Clone)]
pub(crate) struct Saved {
    pub(crate) folder: PathBuf,
    pub(crate) manifest_sha256: String,
    /// Counted from what was saved.
    pub(crate) losses: RegistryLosses,
    pub(crate) scanning_sha256: String,
}

impl Saved {
    /// Whether it is what the plan said: more than that is not deleted.
    pub(crate) fn fits(&self, step: &Resync) -> Result<(), ApplyError> {
        if self.scanning_sha256 != step.scanning_sha256 {
            let what = "its scanning configuration is not the one that the plan saw";
            return Err(ApplyError::Stale(vec![describe(step, what)]));
        }
        let grew = |what, planned, now| Err(ApplyError::LossesGrew { step: step.id.clone(), what, planned, now });
        let not_rescanned = self.losses.not_rescanned.len() as u64;
        if self.losses.findings > step.findings {
            grew("findings", step.findings, self.losses.findings)
        } else if not_rescanned > step.images_not_rescanned {
            grew("images that lose coverage", step.images_not_rescanned, not_rescanned)
        } else {
            Ok(())
        }
    }
}

/// Saves one registry into a new folder.
pub(crate) async fn save(access: &Access, step: &Resync, folder: &Path, now: Timestamp) -> Result<Saved, ApplyError> {
    let failed = |why: String| ApplyError::Backup { step: step.id.clone(), why };
    let of_call = |error: CallError| failed(error.to_string());
    let of_file = |error: io::Error| failed(error.to_string());
    fs_err::create_dir_all(folder).map_err(of_file)?;
    private(folder).map_err(of_file)?;
    let from = access.reader(step.toggled_from, &step.region);
    let own = access.reader(step.account, &step.region);
    let findings = findings(access, &from, step, folder).await.map_err(failed)?;
    let images = coverage(access, &from, &own, step, folder).await.map_err(failed)?;
    let rules = rules(access, &own).await.map_err(failed)?;
    write(&folder.join("filters.json"), &Value::from(rules.iter().map(|rule| rule.raw.clone()).collect::<Vec<_>>()))
        .map_err(of_file)?;
    let scanning =
        own.scanning_configuration(&access.call(Api::GetRegistryScanningConfiguration)).await.map_err(of_call)?;
    let value = SavedScanning::of(&scanning);
    write(&folder.join(SCANNING), &value).map_err(of_file)?;
    write(&folder.join(PUT), &value.scanning_configuration).map_err(of_file)?;
    let durations = own.rescan_durations(&access.call(Api::GetConfiguration)).await.map_err(of_call)?;
    write(&folder.join("configuration.json"), &durations_value(durations.as_ref())).map_err(of_file)?;
    let manifest_sha256 = manifest(folder, step, now).map_err(of_file)?;
    let facts = ResyncFacts {
        account: step.account,
        region: step.region.clone(),
        counted_at: now,
        toggled_from: Observed::Known(step.toggled_from),
        permissions: Observed::Absent,
        organization_policy: Observed::Absent,
        scan_types: Observed::Known(scan_types(step)),
        rescan_durations: Observed::from_answer(durations),
        suppression_rules: Observed::Known(rules.into_iter().map(|rule| rule.name).collect()),
        findings: Observed::Known(findings),
        images: Observed::Known(images),
        unit_price: Observed::Absent,
    };
    let (stale, not_let_in) = (step.repositories.iter().cloned().collect(), step.not_let_in.iter().cloned().collect());
    let registry = RegistryToCount { stale: &stale, not_let_in: &not_let_in, repositories_covered: 0, at: now };
    let losses = registry_losses(&facts, registry).map_err(|gap| failed(gap.code.clone()))?;
    let scanning_sha256 = scanning_sha256(&scanning.scan_type, &scanning.sorted_rules());
    Ok(Saved { folder: folder.to_owned(), manifest_sha256, losses, scanning_sha256 })
}

/// As the plan was told: what goes with the only scan type was accepted there.
fn scan_types(step: &Resync) -> BTreeMap<String, String> {
    let other = if step.only_scan_type { "DISABLED" } else { "ENABLED" };
    [("ecr".to_owned(), "ENABLED".to_owned()), ("others".to_owned(), other.to_owned())].into()
}

async fn findings(
    access: &Access,
    from: &RegionReader,
    step: &Resync,
    folder: &Path,
) -> Result<Vec<FindingCount>, String> {
    let text = |error: io::Error| error.to_string();
    let mut packed = GzEncoder::new(create(&folder.join(FINDINGS)).map_err(text)?, Compression::default());
    let mut rows = csv::Writer::from_writer(create(&folder.join("findings.csv")).map_err(text)?);
    let of_csv = |error: csv::Error| error.to_string();
    rows.write_record([
        "finding_arn",
        "severity",
        "status",
        "first_observed_at",
        "repository",
        "image_digest",
        "title",
    ])
    .map_err(of_csv)?;
    let mut tally = FindingTally::default();
    let call = || access.call(Api::ListFindings);
    whole(
        Api::ListFindings,
        |token| {
            let call = call();
            async move { from.findings(&call, step.account, !step.only_scan_type, token).await }
        },
        |items| {
            for finding in items {
                if !tally.is_new(&finding.arn) {
                    continue;
                }
                writeln!(packed, "{}", finding.raw).map_err(text)?;
                let first = finding.first_observed_at.map(|time| time.to_string()).unwrap_or_default();
                let title = finding.raw.get("title").and_then(Value::as_str).map(defuse_formula).unwrap_or_default();
                rows.write_record([
                    &finding.arn,
                    &finding.severity,
                    &finding.status,
                    &first,
                    &defuse_formula(&finding.repository),
                    &finding.image_digest,
                    &title,
                ])
                .map_err(of_csv)?;
                tally.add(finding.repository, finding.severity, finding.status, finding.first_observed_at);
            }
            Ok(())
        },
    )
    .await?;
    packed.finish().and_then(|file| file.sync_all()).map_err(text)?;
    rows.into_inner().map_err(|error| error.to_string())?.sync_all().map_err(text)?;
    Ok(tally.counts())
}

/// A text that no spreadsheet takes for a formula.
fn defuse_formula(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

async fn coverage(
    access: &Access,
    from: &RegionReader,
    own: &RegionReader,
    step: &Resync,
    folder: &Path,
) -> Result<Vec<CoveredImage>, String> {
    let mut covered: BTreeMap<(String, String), (String, String)> = BTreeMap::new();
    let call = || access.call(Api::ListCoverage);
    whole(
        Api::ListCoverage,
        |token| {
            let call = call();
            async move { from.coverage(&call, CoverageFilter::ImagesOf(step.account), token).await }
        },
        |items| {
            for resource in items {
                let image = resource.resource_id.parse::<Arn>().ok().and_then(|arn| arn.ecr_repository());
                let Some((repository, Some(digest))) = image else {
                    return Err("a row of Inspector's coverage names no image".to_owned());
                };
                let word = |word: Option<String>| word.unwrap_or_else(|| "none".to_owned());
                covered.insert((repository.to_string(), digest), (word(resource.status), word(resource.reason)));
            }
            Ok(())
        },
    )
    .await?;
    let repositories: BTreeSet<String> = covered.keys().map(|(repository, _)| repository.clone()).collect();
    let mut pushed: BTreeMap<(String, String), Timestamp> = BTreeMap::new();
    for repository in repositories {
        let name = repository.as_str();
        let call = || access.call(Api::DescribeImages);
        whole(
            Api::DescribeImages,
            |token| {
                let call = call();
                async move {
                    match own.images(&call, name, token).await {
                        Err(error) if error.code == "RepositoryNotFoundException" => Ok(Page::empty()),
                        answer => answer,
                    }
                }
            },
            |items| {
                let times = items.into_iter().filter_map(|image| Some((image.digest, image.pushed_at?)));
                pushed.extend(times.map(|(digest, time)| ((name.to_owned(), digest), time)));
                Ok(())
            },
        )
        .await?;
    }
    let mut rows = csv::Writer::from_writer(create(&folder.join(COVERAGE)).map_err(|error| error.to_string())?);
    let of_csv = |error: csv::Error| error.to_string();
    rows.write_record(["repository", "image_digest", "status", "reason", "pushed_at"]).map_err(of_csv)?;
    let mut images = Vec::new();
    for ((repository, digest), (status, reason)) in covered {
        let pushed_at = pushed.get(&(repository.clone(), digest.clone())).copied();
        let time = pushed_at.map(|time| time.to_string()).unwrap_or_default();
        rows.write_record([&defuse_formula(&repository), &digest, &status, &reason, &time]).map_err(of_csv)?;
        images.push(CoveredImage { repository, digest, status, reason, pushed_at: Observed::from_answer(pushed_at) });
    }
    let file = rows.into_inner().map_err(|error| error.to_string())?;
    file.sync_all().map_err(|error| error.to_string())?;
    Ok(images)
}

async fn rules(access: &Access, own: &RegionReader) -> Result<Vec<SuppressionRule>, String> {
    let mut rules = Vec::new();
    let call = || access.call(Api::ListFilters);
    whole(
        Api::ListFilters,
        |token| {
            let call = call();
            async move { own.suppression_rules(&call, token).await }
        },
        |items| {
            // A list may hold a row twice.
            for item in items {
                if !rules.iter().any(|rule: &SuppressionRule| rule.raw == item.raw) {
                    rules.push(item);
                }
            }
            Ok(())
        },
    )
    .await?;
    Ok(rules)
}

fn durations_value(durations: Option<&RescanDurations>) -> Value {
    durations.map_or(Value::Null, |durations| {
        json!({
            "rescanDuration": durations.push,
            "pullDateRescanDuration": durations.pull,
            "pullDateRescanMode": durations.pull_mode,
        })
    })
}

fn create(path: &Path) -> io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn private(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs_err::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

fn write(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut file = create(path)?;
    file.write_all(format!("{}\n", serde_json::to_string_pretty(value)?).as_bytes())?;
    file.sync_all()
}

/// Every file with its hash; written last, so that it says that all the others are there.
fn manifest(folder: &Path, step: &Resync, now: Timestamp) -> io::Result<String> {
    let mut files = BTreeMap::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        files.insert(name, SavedFile { sha256: file_sha256(&path)?, bytes: fs_err::metadata(&path)?.len() });
    }
    let manifest = Manifest {
        what: "what a re-sync deletes, saved before it".to_owned(),
        step: step.id.clone(),
        account_id: step.account.to_string(),
        region: step.region.to_string(),
        saved_at: now.to_string(),
        files,
    };
    write(&folder.join(MANIFEST), &manifest)?;
    let _ = fs_err::File::open(folder).and_then(|folder| folder.sync_all());
    file_sha256(&folder.join(MANIFEST))
}

fn file_sha256(path: &Path) -> io::Result<String> {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    let mut file = BufReader::new(fs_err::File::open(path)?);
    loop {
        let bytes = file.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        hash.update(bytes);
        let n = bytes.len();
        file.consume(n);
    }
    Ok(hash.finalize().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}")))
}

/// Whether a backup is whole, and the one that was journaled.
pub(crate) fn verify(folder: &Path, manifest_sha256: &str) -> Result<(), String> {
    let path = folder.join(MANIFEST);
    let missing = |error: io::Error| format!("the backup `{}` is missing: {error}", folder.display());
    if file_sha256(&path).map_err(missing)? != manifest_sha256 {
        return Err(format!("the backup `{}` is not the one that was made", folder.display()));
    }
    let text = fs_err::read_to_string(&path).map_err(missing)?;
    let manifest: Manifest = serde_json::from_str(&text).map_err(|error| format!("`{}`: {error}", path.display()))?;
    for (name, file) in &manifest.files {
        if file.sha256 != file_sha256(&folder.join(name)).map_err(missing)? {
            return Err(format!("`{name}` of the backup `{}` was changed", folder.display()));
        }
    }
    Ok(())
}

/// The scanning configuration that was saved.
pub(crate) fn saved_scanning(folder: &Path) -> Option<ScanningConfiguration> {
    let text = fs_err::read_to_string(folder.join(SCANNING)).ok()?;
    let saved: SavedScanning = serde_json::from_str(&text).ok()?;
    Some(saved.configuration())
}

/// What was saved and is there still: findings that are listed, and images that are scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) findings: u64,
    pub(crate) images: u64,
}

/// Compares what was saved with what is there now.
pub(crate) async fn compare(access: &Access, step: &Resync, folder: &Path) -> Result<(Lost, Kept), String> {
    let from = access.reader(step.toggled_from, &step.region);
    let mut here: BTreeSet<String> = BTreeSet::new();
    let call = || access.call(Api::ListFindings);
    whole(
        Api::ListFindings,
        |token| {
            let (call, from) = (call(), &from);
            async move { from.findings(&call, step.account, !step.only_scan_type, token).await }
        },
        |items| {
            here.extend(items.into_iter().map(|finding| finding.arn));
            Ok(())
        },
    )
    .await?;
    let mut scanned: BTreeSet<(String, String)> = BTreeSet::new();
    let call = || access.call(Api::ListCoverage);
    whole(
        Api::ListCoverage,
        |token| {
            let (call, from) = (call(), &from);
            async move { from.coverage(&call, CoverageFilter::ImagesOf(step.account), token).await }
        },
        |items| {
            let active = items.into_iter().filter(|row| row.status.as_deref() == Some("ACTIVE"));
            scanned.extend(active.filter_map(|row| {
                let (repository, digest) = row.resource_id.parse::<Arn>().ok()?.ecr_repository()?;
                Some((defuse_formula(repository.as_str()), digest?))
            }));
            Ok(())
        },
    )
    .await?;
    let text = |error: io::Error| error.to_string();
    let packed = GzDecoder::new(fs_err::File::open(folder.join(FINDINGS)).map_err(text)?);
    let (mut lost, mut kept) = (Lost { findings: 0, images_not_rescanned: 0 }, Kept { findings: 0, images: 0 });
    for line in BufReader::new(packed).lines() {
        let finding: SavedFinding =
            serde_json::from_str(&line.map_err(text)?).map_err(|error| format!("{FINDINGS}: {error}"))?;
        let of = if here.contains(&finding.finding_arn) { &mut kept.findings } else { &mut lost.findings };
        *of += 1;
    }
    let mut rows = csv::Reader::from_path(folder.join(COVERAGE)).map_err(|error| error.to_string())?;
    for row in rows.records() {
        let row = row.map_err(|error| error.to_string())?;
        if row.get(2) != Some("ACTIVE") {
            continue;
        }
        let image = (row.get(0).unwrap_or_default().to_owned(), row.get(1).unwrap_or_default().to_owned());
        let of = if scanned.contains(&image) { &mut kept.images } else { &mut lost.images_not_rescanned };
        *of += 1;
    }
    Ok((lost, kept))
}

/// A folder for a registry's backup that no earlier one has, below the journal's folder.
pub(crate) fn name(step: &Resync, now: Timestamp) -> String {
    format!("backup/{}-{}-{}", step.account, step.region, now.strftime("%Y%m%dT%H%M%S%fZ"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_a_formula() {
        assert_eq!(defuse_formula("=1+1"), "'=1+1");
        assert_eq!(defuse_formula("app"), "app");
    }
}
