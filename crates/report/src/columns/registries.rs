//! Columns of a registry's row: one account in one region, read or not, and why.

use scangap_model::{Api, Asked, NOT_STATED, RegistryOutcome, ScanRule, Verdict};

use super::column::{Column, Kind, Type, column};
use crate::input::RegistryRow;
use crate::value::{NOT_NEEDED, UNKNOWN, Value, asked, id, observed, plain};

pub(crate) enum Registries {}

impl Kind for Registries {
    type Row<'a> = RegistryRow<'a>;
}

#[rustfmt::skip]
pub(crate) const REGISTRIES: &[Column<Registries>] = &[
    column("account_id", "Account", Type::Text, 14, "12-digit account id; text, leading zeros count", Api::ListAccounts.permission(),
        |row| id(&row.registry.account)),
    column("account_name", "Account name", Type::Text, 24, "the account's name in the organization", Api::ListAccounts.permission(),
        |row| row.account.map_or(Value::text(UNKNOWN), |account| observed(&account.name, plain))),
    column("region", "Region", Type::Text, 15, "the region of the registry", Api::ListRegions.permission(), |row| id(&row.registry.region)),
    column("outcome", "Outcome", Type::Text, 14, "read, not_enabled, skipped, unreadable, or not_reached", "scangap",
        |row| Value::text(match &row.registry.outcome {
            RegistryOutcome::Read => "read",
            RegistryOutcome::NotEnabled => "not_enabled",
            RegistryOutcome::Skipped { .. } => "skipped",
            RegistryOutcome::Unreadable(_) => "unreadable",
            RegistryOutcome::NotReached => "not_reached",
        })),
    column("why", "Why", Type::Text, 44, "why a registry was not read", "scangap",
        |row| match &row.registry.outcome {
            RegistryOutcome::Read => Value::Empty,
            RegistryOutcome::NotEnabled => Value::text("the region is not enabled for the account"),
            RegistryOutcome::Skipped { reason } => plain(reason),
            RegistryOutcome::Unreadable(gap) => Value::text(format!("{} {}", gap.api, gap.code)),
            RegistryOutcome::NotReached => Value::text("the audit was interrupted"),
        }),
    column("repositories", "Repositories", Type::Integer, 12, "how many repositories ECR listed", Api::DescribeRepositories.permission(),
        |row| looked(row, &row.registry.repositories, |count| Value::Integer(*count))),
    column("inspector_status", "Inspector status", Type::Text, 17, "Inspector's status for the account as a whole; `none` where Inspector does not exist in the region", Api::BatchGetAccountStatus.permission(),
        |row| looked(row, &row.registry.inspector_status, plain)),
    column("inspector_ecr_status", "Inspector ECR status", Type::Text, 20, "whether ECR scanning is enabled", Api::BatchGetAccountStatus.permission(),
        |row| looked(row, &row.registry.inspector_ecr_status, plain)),
    column("registry_scan_type", "Registry scan type", Type::Text, 18, "BASIC or ENHANCED", Api::GetRegistryScanningConfiguration.permission(),
        |row| looked(row, &row.registry.registry_scan_type, plain)),
    column("scan_rules", "Scan rules", Type::List, 36, "frequency and filters of each scan rule, as a list (a JSON array in CSV and JSON)", Api::GetRegistryScanningConfiguration.permission(),
        |row| looked(row, &row.registry.scan_rules, |rules| scan_rules(rules))),
    column("registry_policy_sha256", "Registry policy SHA-256", Type::Text, 20, "SHA-256 of the registry policy's text", Api::GetRegistryPolicy.permission(),
        |row| looked(row, &row.registry.registry_policy, id)),
    column("registry_policy_scope", "Registry policy scope", Type::Text, 20, "V1: inert for Inspector; V2: enforced for every request", Api::GetAccountSetting.permission(),
        |row| looked(row, &row.registry.registry_policy_scope, plain)),
    column("registry_verdict", "Registry verdict", Type::Text, 16, "what the registry policy decides for the four registry-level actions of Inspector's role", "scangap",
        |row| Value::text(row.assessment.registry_verdict.map_or(not_looked(row), Verdict::word))),
    column("registry_denied_actions", "Registry denied actions", Type::List, 30, "the registry-level actions that are denied, as a list (a JSON array in CSV and JSON)", "scangap",
        |row| judged(row, || Value::List(row.assessment.registry_denied_actions.iter().map(ToString::to_string).collect::<Vec<_>>().into()))),
    column("registry_depends_on", "Registry depends on", Type::List, 26, "the keys that a registry-level `depends` hangs on, as a list (a JSON array in CSV and JSON)", "scangap",
        |row| judged(row, || Value::list(&row.assessment.registry_depends_on))),
    column("templates", "Creation templates", Type::Integer, 18, "how many repository creation templates there are", Api::DescribeRepositoryCreationTemplates.permission(),
        |row| looked(row, &row.registry.templates, |templates| Value::Integer(u64::try_from(templates.len()).unwrap_or(u64::MAX)))),
    column("templates_denying", "Templates denying", Type::List, 24, "prefixes of templates whose policy denies Inspector or may: new repositories will be blocked; a JSON array", "scangap",
        |row| looked(row, &row.registry.templates, |_| Value::list(&row.assessment.template_prefixes_denying))),
    column("coverage_source", "Coverage source", Type::Text, 24, "who told about coverage: the delegated administrator or the account itself", Api::ListCoverage.permission(),
        |row| looked(row, &row.registry.coverage, |source| Value::text(source.word()))),
    column("coverage_without_repository", "Coverage without repository", Type::Integer, 16, "coverage rows whose repository ECR does not know", Api::ListCoverage.permission(),
        |row| counted(row, row.registry.coverage_without_repository)),
    column("vanished", "Vanished", Type::Integer, 10, "repositories that vanished between list and read", Api::GetRepositoryPolicy.permission(),
        |row| counted(row, row.registry.vanished)),
    column("simulated", "Simulated", Type::Text, 10, "yes where any answer came from a host that is not AWS's", "scangap",
        |row| Value::yes_no(row.simulated)),
    column("image_coverage_source", "Image coverage source", Type::Text, 24, "who listed the images' rows of coverage: the delegated administrator or the account itself", Api::ListCoverage.permission(),
        |row| looked(row, &row.registry.image_coverage, |source| Value::text(source.word()))),
    column("rescan_duration", "Re-scan after push", Type::Text, 18, "how long after a push Inspector scans an image again", Api::GetConfiguration.permission(),
        |row| looked(row, &row.registry.rescan_durations, |durations| plain(&durations.push))),
    column("pull_date_rescan_duration", "Re-scan after pull", Type::Text, 18, "how long after a pull, or after it last ran, Inspector scans an image again", Api::GetConfiguration.permission(),
        |row| looked(row, &row.registry.rescan_durations, |durations| stated(&durations.pull))),
    column("pull_date_rescan_mode", "Re-scan counts from", Type::Text, 18, "LAST_PULL_DATE or LAST_IN_USE_AT: what the former counts from", Api::GetConfiguration.permission(),
        |row| looked(row, &row.registry.rescan_durations, |durations| stated(&durations.pull_mode))),
    column("auto_enable_ecr", "Auto-enable ECR", Type::Text, 16, "whether Inspector's delegated administrator has ECR scanning turned on for accounts that join; `none` where Inspector is off for the administrator itself, and does not say", Api::DescribeOrganizationConfiguration.permission(),
        |row| looked(row, &row.registry.auto_enable, |on| Value::yes_no(*on))),
];

pub(crate) fn scan_rules<'r>(rules: &[ScanRule]) -> Value<'r> {
    Value::List(
        rules.iter().map(|rule| format!("{}: {}", rule.frequency, rule.filters.join(" "))).collect::<Vec<_>>().into(),
    )
}

/// A word that AWS may leave out.
fn stated(word: &String) -> Value<'_> {
    if word == NOT_STATED { Value::text(UNKNOWN) } else { plain(word) }
}

/// The word for a fact that was not requested: it was not needed, or the registry was not read.
fn not_looked(row: &RegistryRow<'_>) -> &'static str {
    match row.registry.outcome {
        RegistryOutcome::Read | RegistryOutcome::NotEnabled | RegistryOutcome::Skipped { .. } => NOT_NEEDED,
        RegistryOutcome::Unreadable(_) | RegistryOutcome::NotReached => UNKNOWN,
    }
}

fn looked<'r, T>(row: &RegistryRow<'_>, fact: &'r Asked<T>, show: impl FnOnce(&'r T) -> Value<'r>) -> Value<'r> {
    match fact {
        Asked::NotNeeded => Value::text(not_looked(row)),
        Asked::Answered(_) => asked(fact, show),
    }
}

/// A count where there was something to count.
fn counted<'r>(row: &RegistryRow<'_>, count: u64) -> Value<'r> {
    if row.registry.outcome == RegistryOutcome::Read { Value::Integer(count) } else { Value::text(not_looked(row)) }
}

/// What was judged of a registry policy, where there was something to judge.
fn judged<'r>(row: &RegistryRow<'_>, show: impl FnOnce() -> Value<'r>) -> Value<'r> {
    match row.assessment.registry_verdict {
        None => Value::text(not_looked(row)),
        Some(Verdict::Unknown) => Value::text(UNKNOWN),
        Some(Verdict::Allowed | Verdict::Denied | Verdict::Depends) => show(),
    }
}
