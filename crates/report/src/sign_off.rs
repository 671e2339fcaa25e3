//! What is signed at the end of a quarter: the period, the population and how it was obtained, what was not read, the procedure, the
//! service level that was reached, and who prepared and reviewed it; and which of AWS's own controls look at the same, with what they do
//! not see.

use jiff::Timestamp;
use scangap_model::{Diagnosis, Observed, count, sanitize, thousands};

use crate::context::ReportContext;
use crate::input::Input;
use crate::summary::Summary;
use crate::value::utc;

/// What people write on it.
pub(crate) const TO_FILL: &[&str] = &[
    "Service level: a blocked repository is repaired within",
    "Prepared by",
    "Prepared on",
    "Reviewed by",
    "Reviewed on",
    "Remarks",
];

/// A control of AWS's that looks at the scanning of images.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) name: &'static str,
    /// The requirements that AWS itself maps to it. Where AWS maps none, there are none.
    pub(crate) requirements: &'static str,
    pub(crate) sees: &'static str,
    pub(crate) does_not_see: &'static str,
    pub(crate) source: &'static str,
}

const BLIND: &str =
    "a repository whose policy shuts Inspector out: `blocked`, `at_risk`, `stale`, `key_denied` and `unseen` pass";

pub(crate) const CONTROLS: &[Control] = &[
    Control {
        name: "Security Hub ECR.1, AWS Config ecr-private-image-scanning-enabled",
        requirements: "NIST.800-53.r5 RA-5; PCI DSS v4.0.1/6.2.3; PCI DSS v4.0.1/6.2.4",
        sees: "whether a repository is configured for scan on push or continuous scanning",
        does_not_see: BLIND,
        source: "https://docs.aws.amazon.com/securityhub/latest/userguide/ecr-controls.html",
    },
    Control {
        name: "Security Hub Inspector.2, AWS Config inspector-ecr-scan-enabled",
        requirements: "see its page",
        sees: "whether ECR scanning of Inspector is enabled for the accounts",
        does_not_see: BLIND,
        source: "https://docs.aws.amazon.com/securityhub/latest/userguide/inspector-controls.html",
    },
];

/// What there is to be read: registries that there cannot be any repositories in are said apart.
fn population(input: &Input<'_>, summary: &Summary) -> String {
    let of = match &input.facts.organization.n_accounts {
        Observed::Known(all) => format!(
            "{} of the {} of the organization",
            count(summary.accounts, "account"),
            thousands(usize::try_from(*all).unwrap_or(usize::MAX))
        ),
        Observed::Absent | Observed::Unknown(_) => count(summary.accounts, "account"),
    };
    let registries = &summary.registries;
    let without: Vec<String> = [
        (registries.not_enabled, "regions not enabled"),
        (registries.skipped, "of accounts that AWS refuses every call for"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, words)| format!("{} {words}", thousands(number)))
    .collect();
    let without = if without.is_empty() { String::new() } else { format!(" (and {})", without.join(", ")) };
    format!(
        "{of}, {}{without}, {}",
        count(registries.total() - registries.not_enabled - registries.skipped, "registry"),
        count(summary.repositories, "repository")
    )
}

/// What is known, name by name.
pub(crate) fn rows(material: &ReportContext<'_>) -> Vec<(&'static str, String)> {
    let (input, summary) = (&material.input, &material.summary);
    let organization = &input.facts.organization;
    let scope = &organization.scope;
    let period = match input.changes {
        Some(changes) => format!("{} to {}", date(changes.since), date(input.as_of)),
        None => format!("as of {}", date(input.as_of)),
    };
    let limits: Vec<String> = [
        ("shard", input.shard.iter().map(ToString::to_string).collect::<Vec<_>>()),
        ("accounts", scope.accounts.iter().map(ToString::to_string).collect::<Vec<_>>()),
        ("without", scope.exclude_accounts.iter().map(ToString::to_string).collect()),
        ("organizational units", scope.organizational_units.clone()),
        ("regions", scope.regions.iter().map(ToString::to_string).collect()),
    ]
    .into_iter()
    .filter(|(_, items)| !items.is_empty())
    .map(|(name, items)| format!("{name} {}", items.join(", ")))
    .collect();
    let last = input.trend.and_then(|trend| trend.rows.iter().rev().find(|row| row.ou.is_none()));
    let level = last.and_then(|row| {
        let (middle, longest) = row.repaired_after_days?;
        Some(format!(
            "{} repaired since the audit before, first seen {middle} days ago in the middle and {longest} at most",
            count(row.repaired, "repository")
        ))
    });
    let accepted = &material.decided;
    let unread = summary.not_read_in_words().filter(|_| !summary.is_complete());
    let not_read = match (input.interrupted, unread) {
        (true, Some(words)) => format!("the audit was interrupted, or shards of it are missing; {words}"),
        (true, None) => {
            "the audit was interrupted, or shards of it are missing: what was not reached is not counted".to_owned()
        }
        (false, Some(words)) => words,
        (false, None) => "nothing: everything in scope was learnt".to_owned(),
    };
    let undecided = summary.diagnoses.get(&Diagnosis::Undecided).copied().unwrap_or(0);
    let accounts_by = match organization.n_accounts {
        Observed::Known(_) => "accounts by organizations:ListAccounts",
        Observed::Absent | Observed::Unknown(_) => "accounts as they were named",
    };
    let mut rows = vec![
        ("Period", period),
        ("Population", population(input, summary)),
        (
            "How it was obtained",
            format!(
                "{accounts_by}, regions by account:ListRegions or the table of default-enabled regions, repositories by ecr:DescribeRepositories and inspector2:ListCoverage"
            ),
        ),
        (
            "Scope",
            if limits.is_empty() {
                "the whole organization, every enabled region".to_owned()
            } else {
                limits.join("; ")
            },
        ),
        ("Not read", not_read),
        (
            "Procedure",
            format!(
                "scangap {}, read-only; each policy decided statement by statement, {} left to a person",
                input.tool_version,
                count(undecided, "repository")
            ),
        ),
        ("By", sanitize(input.caller_arn)),
        (
            "Exceptions",
            format!(
                "{} and {} accepted, {} expired; each with approver, reason and day in repositories.csv and gaps.csv",
                count(accepted.n_accepted(), "repository"),
                count(accepted.gaps_accepted, "gap"),
                thousands(accepted.n_expired() + accepted.gaps_expired)
            ),
        ),
    ];
    rows.extend(level.map(|level| ("Repairs", level)));
    rows.push(("Facts SHA-256", input.facts_sha256.to_owned()));
    rows.push((
        "What was handed over",
        "manifest.json lists every file with its SHA-256; `scangap verify` checks them".to_owned(),
    ));
    rows
}

fn date(time: Timestamp) -> String {
    utc(time)
}
