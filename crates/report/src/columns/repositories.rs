//! Columns of a repository's row.

use std::borrow::Cow;

use scangap_assess::{Coverage, ImageCoverage, ImagesCovered, LikelyCause};
use scangap_model::{
    AccountFacts, Api, Asked, Diagnosis, NOT_STATED, Observed, RegistryFacts, RegistryOutcome, sanitize,
};

use super::column::{Column, Kind, Type, column};
use crate::decisions::{Signed, Standing};
use crate::input::RepositoryRow;
use crate::value::{NONE, NOT_NEEDED, UNKNOWN, Value, asked, id, observed, plain};

pub(crate) enum Repositories {}

impl Kind for Repositories {
    type Row<'a> = RepositoryRow<'a>;
}

#[rustfmt::skip]
pub(crate) const REPOSITORIES: &[Column<Repositories>] = &[
    column("account_id", "Account", Type::Text, 14, "12-digit account id; text, leading zeros count", Api::ListAccounts.permission(),
        |row| id(&row.repository.account)),
    column("account_name", "Account name", Type::Text, 24, "the account's name in the organization", Api::ListAccounts.permission(),
        |row| observed_account(row, |account| &account.name)),
    column("ou_path", "OU", Type::Text, 28, "organizational units from the root down, joined with /; empty directly under the root", Api::ListAccounts.permission(),
        |row| observed_account(row, |account| &account.ou_path)),
    column("region", "Region", Type::Text, 15, "the region of the registry", Api::ListRegions.permission(),
        |row| id(&row.repository.region)),
    column("repository", "Repository", Type::Text, 36, "the repository's name", Api::DescribeRepositories.permission(),
        |row| id(&row.repository.name)),
    column("diagnosis", "Diagnosis", Type::Text, 15, "the one class the repository falls in; see the list of diagnoses", "scangap",
        |row| Value::text(row.assessment.diagnosis.word())),
    column("policy_verdict", "Policy verdict", Type::Text, 14, "what repository and registry policy decide for Inspector's role over its six repository actions: allowed, denied, depends, unknown", "scangap",
        |row| Value::text(row.assessment.policy.verdict.word())),
    column("denied_actions", "Denied actions", Type::List, 30, "the ECR actions of Inspector's role that are denied, as a list (a JSON array in CSV and JSON)", "scangap",
        |row| Value::List(row.assessment.policy.denied_actions.iter().map(ToString::to_string).collect::<Vec<_>>().into())),
    column("responsible_statements", "Responsible statements", Type::List, 44, "the statements that deny, or may deny, with their conditions, as a list (a JSON array in CSV and JSON)", "scangap",
        |row| Value::list(&row.assessment.policy.responsible_statements)),
    column("depends_on", "Depends on", Type::List, 28, "the context keys that a `depends` hangs on, as a list (a JSON array in CSV and JSON)", "scangap",
        |row| Value::list(&row.assessment.policy.depends_on)),
    column("inspector_ecr_status", "Inspector ECR status", Type::Text, 20, "whether ECR scanning is enabled for the account in the region", Api::BatchGetAccountStatus.permission(),
        |row| of_registry(row, |registry| &registry.inspector_ecr_status, plain)),
    column("registry_scan_type", "Registry scan type", Type::Text, 18, "BASIC or ENHANCED", Api::GetRegistryScanningConfiguration.permission(),
        |row| of_registry(row, |registry| &registry.registry_scan_type, plain)),
    column("scan_frequency", "Scan frequency", Type::Text, 18, "how often the repository is scanned: CONTINUOUS_SCAN, SCAN_ON_PUSH, MANUAL", Api::BatchGetRepositoryScanningConfiguration.permission(),
        |row| observed(&row.repository.scan_frequency, plain)),
    column("coverage_status", "Coverage", Type::Text, 12, "Inspector's coverage status; `none` where Inspector has no row", Api::ListCoverage.permission(),
        |row| match &row.coverage {
            Coverage::Row { status, .. } => Value::text(if status.is_empty() { NONE } else { status.as_str() }),
            _ => absent_coverage(row),
        }),
    column("coverage_reason", "Coverage reason", Type::Text, 26, "why the coverage status is what it is, in Inspector's word", Api::ListCoverage.permission(),
        |row| match &row.coverage {
            Coverage::Row { reason, .. } => Value::text(if reason.is_empty() { NONE } else { reason.as_str() }),
            _ => absent_coverage(row),
        }),
    column("last_scanned_at", "Last scanned", Type::Time, 18, "when Inspector last scanned it, in UTC; empty where it says no time", Api::ListCoverage.permission(),
        |row| match &row.coverage {
            Coverage::Row { last_scanned_at: Some(time), .. } => Value::Time(*time),
            Coverage::Row { last_scanned_at: None, .. } | Coverage::NoRow => Value::Empty,
            Coverage::Gap(_) => Value::text(UNKNOWN),
            Coverage::NotAsked => Value::text(not_asked(row)),
        }),
    column("policy_sha256", "Policy SHA-256", Type::Text, 20, "SHA-256 of the repository policy's text as AWS returned it; the text is in the snapshot", Api::GetRepositoryPolicy.permission(),
        |row| observed(&row.repository.policy, id)),
    column("registry_policy_sha256", "Registry policy SHA-256", Type::Text, 20, "SHA-256 of the registry policy's text", Api::GetRegistryPolicy.permission(),
        |row| of_registry(row, |registry| &registry.registry_policy, id)),
    column("next_step", "Next step", Type::Text, 44, "what to do about it", "scangap", |row| Value::text(next_step(row))),
    column("repository_arn", "Repository ARN", Type::Text, 60, "the repository's ARN: the stable id of this row", Api::DescribeRepositories.permission(),
        |row| plain(&row.repository.arn)),
    column("likely_cause", "Likely cause", Type::Text, 22, "for unreadable rows: policy_denies_auditor, or blocked_likely where coverage agrees; for undecided rows: denied_likely where coverage says ACCESS_DENIED, allowed_likely where an earlier audit shows an image scanned under the same policy; role_absent where the account has no service-linked role of Inspector's", "scangap",
        |row| row.likely_cause.map_or(Value::Empty, |cause| Value::text(cause.word()))),
    column("accepted", "Accepted", Type::Text, 10, "whether someone has signed for this diagnosis: yes, no, or expired where the day is past", "scangap", |row| Value::text(row.standing.word())),
    column("simulated", "Simulated", Type::Text, 10, "yes where any answer came from a host that is not AWS's", "scangap",
        |row| Value::yes_no(row.simulated)),
    column("listed", "Listed by ECR", Type::Text, 13, "no where the repository is known from Inspector's coverage alone", Api::DescribeRepositories.permission(),
        |row| Value::yes_no(row.repository.listed)),
    column("created_at", "Created", Type::Time, 18, "when the repository was created, in UTC", Api::DescribeRepositories.permission(),
        |row| observed(&row.repository.created_at, |time| Value::Time(*time))),
    column("has_active_image", "Has an active image", Type::Text, 18, "asked only where Inspector has no coverage row", Api::DescribeImages.permission(),
        |row| match &row.repository.has_active_image {
            Asked::NotNeeded if !nothing_hung_on_images(row) => Value::text(UNKNOWN),
            fact => asked(fact, |yes| Value::yes_no(*yes)),
        }),
    column("coverage_rows", "Coverage rows", Type::Integer, 13, "coverage rows of the repository: its own and its images'", Api::ListCoverage.permission(),
        |row| match &row.coverage {
            Coverage::Gap(_) => Value::text(UNKNOWN),
            Coverage::NotAsked => Value::text(not_asked(row)),
            Coverage::Row { .. } | Coverage::NoRow => Value::Integer(row.coverage_rows),
        }),
    column("images_scanned", "Images scanned", Type::Integer, 14, "images that Inspector scans; a multi-architecture index counts by its children", Api::ListCoverage.permission(),
        |row| of_images(row, |images| Value::Integer(images.scanned))),
    column("images_not_scanned", "Images not scanned", Type::Integer, 16, "images that Inspector knows and does not scan", Api::ListCoverage.permission(),
        |row| of_images(row, |images| Value::Integer(images.not_scanned))),
    column("image_reasons", "Why images are not scanned", Type::Counts, 40, "Inspector's reason for each image that is not scanned, with how many; a JSON object in CSV and JSON", Api::ListCoverage.permission(),
        |row| of_images(row, |images| Value::Counts(&images.reasons))),
    column("images_in_use_not_scanned", "Images in use, not scanned", Type::Integer, 18, "images that tasks or pods run and that are not scanned; `unknown` where AWS does not state for any of them whether it runs", Api::ListCoverage.permission(),
        |row| of_images(row, |images| images.in_use_not_scanned.map_or(Value::text(UNKNOWN), Value::Integer))),
    column("newest_image_scanned_at", "Newest scan of an image", Type::Time, 18, "when Inspector last scanned an image of it, in UTC; empty where it says no time", Api::ListCoverage.permission(),
        |row| of_images(row, |images| images.newest_scan.map_or(Value::Empty, Value::Time))),
    column("cause", "Cause", Type::Text, 15, "the ids of its causes, as in causes.csv; empty where it needs nothing", "scangap",
        |row| causes(row)),
    column("accepted_until", "Accepted until", Type::Text, 13, "the last day that the acceptance holds", "scangap", |row| signed(&row.standing, |signed| signed.until.to_string())),
    column("accepted_by", "Accepted by", Type::Text, 18, "who signed for it", "scangap", |row| signed(&row.standing, |signed| signed.by.clone())),
    column("accepted_because", "Accepted because", Type::Text, 36, "why, as they wrote it", "scangap", |row| signed(&row.standing, |signed| signed.reason.clone())),
    column("accepted_in", "Accepted in", Type::Text, 24, "where it stands: the configuration, or the workbook that was carried over", "scangap", |row| signed(&row.standing, |signed| signed.source.clone())),
];

fn causes<'r>(row: &RepositoryRow<'_>) -> Value<'r> {
    let ids: Vec<String> = row.assessment.causes().iter().map(|cause| cause.id.to_string()).collect();
    if ids.is_empty() { Value::Empty } else { Value::text(ids.join(", ")) }
}

fn of_images<'r>(row: &'r RepositoryRow<'_>, show: impl FnOnce(&'r ImagesCovered) -> Value<'r>) -> Value<'r> {
    match &row.images {
        ImageCoverage::Counted(images) => show(images),
        ImageCoverage::Gap(_) => Value::text(UNKNOWN),
        ImageCoverage::NotAsked => {
            // Inspector is not called where it is off, and cannot be called in an account that could not be opened.
            Value::text(if row.coverage == Coverage::NotAsked { not_asked(row) } else { UNKNOWN })
        }
    }
}

/// A fact of the registry that the repository is in.
fn of_registry<'r, T: 'r>(
    row: &'r RepositoryRow<'_>,
    fact: impl FnOnce(&'r RegistryFacts) -> &'r Asked<T>,
    show: impl FnOnce(&'r T) -> Value<'r>,
) -> Value<'r> {
    match row.registry.map(fact) {
        None => Value::text(UNKNOWN),
        Some(Asked::NotNeeded) => Value::text(not_asked(row)),
        Some(fact) => asked(fact, show),
    }
}

/// Whether it is known that images need not be requested from ECR: scanning is off, or coverage has rows of them. Facts that
/// could not be read do not count.
fn nothing_hung_on_images(row: &RepositoryRow<'_>) -> bool {
    let other_than = |fact: &Asked<String>, word: &str| fact.known().is_some_and(|known| known != word);
    row.registry.is_some_and(|registry| {
        registry.outcome == RegistryOutcome::Read
            && (other_than(&registry.inspector_ecr_status, "ENABLED")
                || registry.inspector_ecr_status == Asked::Answered(Observed::Absent)
                || other_than(&registry.registry_scan_type, "ENHANCED")
                || row.repository.scan_frequency.known().is_some_and(|word| word == "MANUAL")
                || told_by_coverage(row))
    })
}

/// Whether Inspector has a row of an image, or one of the repository's own that ends the question.
fn told_by_coverage(row: &RepositoryRow<'_>) -> bool {
    let ends = matches!(&row.coverage, Coverage::Row { status, .. } if status != "ACTIVE");
    ends || matches!(&row.images, ImageCoverage::Counted(images) if images.scanned + images.not_scanned > 0)
}

/// The word for coverage that was not requested: it was not needed, or the registry was not read.
fn not_asked(row: &RepositoryRow<'_>) -> &'static str {
    let read = row.registry.is_some_and(|registry| registry.outcome == RegistryOutcome::Read);
    if read { NOT_NEEDED } else { UNKNOWN }
}

fn absent_coverage<'r>(row: &RepositoryRow<'_>) -> Value<'r> {
    match row.coverage {
        Coverage::NoRow => Value::text(NONE),
        Coverage::NotAsked => Value::text(not_asked(row)),
        Coverage::Gap(_) | Coverage::Row { .. } => Value::text(UNKNOWN),
    }
}

/// The diagnosis's own next step, made sharper where the row knows more.
pub(crate) fn next_step(row: &RepositoryRow<'_>) -> Cow<'static, str> {
    let own = own_step(row);
    let account = row.account.map(|account| &account.inspector_role);
    let scanning =
        row.registry.and_then(|registry| registry.inspector_ecr_status.known()).is_some_and(|word| word == "ENABLED");
    if account == Some(&Asked::Answered(Observed::Absent)) && scanning {
        return Cow::Owned(format!(
            "{own}; and ECR scanning is on while the account has no service-linked role of Inspector's, which nothing can be scanned without: aws iam create-service-linked-role --aws-service-name inspector2.amazonaws.com"
        ));
    }
    own
}

fn own_step(row: &RepositoryRow<'_>) -> Cow<'static, str> {
    let general = row.assessment.diagnosis.info().next_step;
    match (row.assessment.diagnosis, row.likely_cause) {
        (Diagnosis::Unreadable, Some(LikelyCause::PolicyDeniesAuditor | LikelyCause::BlockedLikely)) => {
            Cow::Borrowed("exempt both Inspector's role and the audit role from the denying statement")
        }
        (Diagnosis::Unreadable, _) if row.assessment.malformed => Cow::Borrowed(
            "the repository's policy is stored, and is no policy: read its text in policies.csv, and set one that is, or delete it",
        ),
        (Diagnosis::Unreadable, None) => {
            let gap = row.repository.gaps().next().or_else(|| row.registry.and_then(|registry| registry.gaps().next()));
            gap.map_or(Cow::Borrowed(general), |gap| Cow::Owned(format!("{} ({})", gap.hint(), gap.api)))
        }
        (Diagnosis::Blocked | Diagnosis::AtRisk, _) if row.assessment.policy.registry_is_responsible => {
            Cow::Borrowed(if row.assessment.policy.own_is_responsible {
                "repair the repository's policy and the registry's: exempt Inspector's role from the denying statements"
            } else {
                "repair the registry's policy: exempt Inspector's role from the denying statement; the repository's own lets it in"
            })
        }
        (Diagnosis::Undecided, _) => undecided(row).unwrap_or(Cow::Borrowed(general)),
        (Diagnosis::InspectorOff, _) => off(row),
        (Diagnosis::Limited, _) => limited(row),
        _ => Cow::Borrowed(general),
    }
}

/// What an acceptance says, where there is one.
pub(crate) fn signed<'a>(standing: &Standing, of: impl FnOnce(&Signed) -> String) -> Value<'a> {
    standing.signed().map_or(Value::Empty, |signed| Value::text(of(signed)))
}

/// What is known of the repository's account.
pub(crate) fn observed_account<'r>(
    row: &'r RepositoryRow<'_>,
    fact: impl FnOnce(&'r AccountFacts) -> &'r Observed<String>,
) -> Value<'r> {
    row.account.map_or(Value::text(UNKNOWN), |account| observed(fact(account), plain))
}

/// What is open may be so only because it could not be read.
fn undecided(row: &RepositoryRow<'_>) -> Option<Cow<'static, str>> {
    let hangs_on =
        |word: &str| row.assessment.policy.depends_on.iter().any(|key| key.to_ascii_lowercase().starts_with(word));
    let of_role = || row.account.and_then(|account| account.inspector_role.gap());
    let gap = if hangs_on("aws:principaltag/") || hangs_on("aws:userid") {
        of_role()
    } else if hangs_on("aws:resourcetag/") || hangs_on("ecr:resourcetag/") {
        row.repository.tags.gap()
    } else if hangs_on("registry_policy_scope") {
        row.registry.and_then(|registry| registry.registry_policy_scope.gap())
    } else {
        None
    };
    gap.map(|gap| Cow::Owned(format!("{} ({}): the verdict hangs on the answer", gap.hint(), gap.api)))
}

/// Adds whether auto-enable is on: if it is off, enabling this account does not cover accounts that join later.
fn off(row: &RepositoryRow<'_>) -> Cow<'static, str> {
    let general = Diagnosis::InspectorOff.info().next_step;
    match row.registry.and_then(|registry| registry.auto_enable.known()) {
        Some(false) => Cow::Owned(format!(
            "{general}; auto-enable of ECR scanning is off in this region, so accounts that join will be like this one"
        )),
        Some(true) => Cow::Owned(format!(
            "{general}; auto-enable of ECR scanning is on in this region, so it was turned off here, or the account joined before"
        )),
        None => Cow::Borrowed(general),
    }
}

/// AWS: a longer re-scan duration does not resume scanning of an image that has expired.
fn expired(row: &RepositoryRow<'_>) -> Cow<'static, str> {
    let help = "pull an image that is still needed, or push a new digest";
    let Some(durations) = row.registry.and_then(|registry| registry.rescan_durations.known()) else {
        return Cow::Borrowed(
            "pull an image that is still needed, or push a new digest; a longer re-scan duration helps later images only",
        );
    };
    let from = match durations.pull_mode.as_str() {
        "LAST_PULL_DATE" => "pull",
        "LAST_IN_USE_AT" => "use",
        _ => "pull or use",
    };
    let after_a_pull = if durations.pull == NOT_STATED {
        String::new()
    } else {
        format!(" and {} after the last {from}", in_words(&durations.pull))
    };
    Cow::Owned(format!(
        "{help}; Inspector scans again for {} after a push{after_a_pull}: longer durations help later images only",
        in_words(&durations.push),
    ))
}

/// `DAYS_14` is 14 days. A word that is not known here stays as it is.
fn in_words(duration: &str) -> String {
    match duration.strip_prefix("DAYS_") {
        Some(days) => format!("{days} days"),
        None if duration == "LIFETIME" => "its lifetime".to_owned(),
        None => sanitize(duration),
    }
}

/// What helps an image that is not scanned, by Inspector's most frequent reason.
fn limited(row: &RepositoryRow<'_>) -> Cow<'static, str> {
    let of_images = match &row.images {
        ImageCoverage::Counted(images) => {
            images.reasons.iter().max_by_key(|(_, number)| **number).map(|(reason, _)| reason)
        }
        ImageCoverage::Gap(_) | ImageCoverage::NotAsked => None,
    };
    let reason = match &row.coverage {
        Coverage::Row { status, reason, .. } if status != "ACTIVE" => Some(reason),
        _ => of_images,
    };
    let on_push = row.repository.scan_frequency.known().is_some_and(|word| word == "SCAN_ON_PUSH");
    match reason.map(String::as_str) {
        Some(EXPIRED) if on_push => Cow::Borrowed("push a new digest: scan on push looks at new images only"),
        Some(EXPIRED) => expired(row),
        reason => by_reason(reason.unwrap_or_default()),
    }
}

const EXPIRED: &str = "SCAN_ELIGIBILITY_EXPIRED";

/// The same, for whatever repository has it. Empty: Inspector has no row for any image.
pub(crate) fn by_reason(reason: &str) -> Cow<'static, str> {
    Cow::Borrowed(match reason {
        "" => "Inspector has no row for any image: push a new digest, and look again",
        EXPIRED => "push a new digest; under continuous scanning a pull or another push of the image helps too",
        "UNSUPPORTED_OS" => {
            "Inspector does not support the operating system of these images: accept, or scan them by other means"
        }
        "UNSUPPORTED_MEDIA_TYPE" => {
            "Inspector does not scan artifacts of this type: accept, or scan them by other means"
        }
        "IMAGE_ARCHIVED" => "the images are archived: restore those that are still needed",
        "INTERNAL_ERROR" => "Inspector retries by itself: look again later",
        "ACCESS_DENIED_TO_ENCRYPTION_KEY" => Diagnosis::KeyDenied.info().next_step,
        other => {
            let other = sanitize(other);
            return Cow::Owned(format!("look up {other} in Inspector's documentation: this version does not know it"));
        }
    })
}
