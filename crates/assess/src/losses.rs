//! What a re-sync of a cell destroys, counted from what was read for it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use scangap_model::{CoveredImage, Gap, Observed, ResyncFacts};

/// AWS: on activation, images pushed in the last 14 days are eligible. Whether an activation after a disable goes by the
/// configured duration instead is not documented, so both are counted.
pub const ELIGIBLE_DAYS: i64 = 14;

/// What an initial scan costs where the account's own usage does not say. As secondary sources give it for us-east-1;
/// AWS's price page was not read.
const LIST_PRICE: f64 = 0.09;

/// An image that loses coverage until it is pushed again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LostImage {
    pub repository: String,
    pub digest: String,
    /// `None`: ECR does not know the image any more.
    pub pushed_at: Option<Timestamp>,
}

/// An estimate, with where its price comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct RescanCost {
    pub images: u64,
    pub amount: f64,
    pub currency: String,
    pub price_source: String,
}

impl Eq for RescanCost {}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellLosses {
    /// Of every status: all of them go.
    pub findings: u64,
    /// By severity and status.
    pub findings_by: BTreeMap<(String, String), u64>,
    pub suppressed: u64,
    pub oldest_first_observed: Option<Timestamp>,
    /// Images that are being scanned now, and whose scans go.
    pub images: u64,
    /// Of these, pushed longer ago than 14 days.
    pub beyond_fixed_window: u64,
    /// The duration that the account has configured, in Inspector's word, and how many images are beyond it.
    pub configured_window: Option<String>,
    pub beyond_configured_window: u64,
    /// The larger of the two losses, image by image.
    pub not_rescanned: Vec<LostImage>,
    /// Repositories that were fine, and are scanned anew with the others.
    pub repositories: u64,
    /// ECR is the only scan type: everything of Inspector in the cell goes, settings and suppression rules too.
    pub only_scan_type: bool,
    /// Named, where they go.
    pub suppression_rules: Vec<String>,
    pub rescan_cost: RescanCost,
}

/// Counts. A gap in what decides is given back: a number is never made up.
pub fn cell_losses(facts: &ResyncFacts, repositories_covered: u64, at: Timestamp) -> Result<CellLosses, Box<Gap>> {
    let findings = known(&facts.findings)?;
    let images = known(&facts.images)?;
    if let Observed::Unknown(gap) = &facts.scan_types {
        return Err(gap.clone());
    }
    let only_scan_type = facts.only_scan_type().unwrap_or(true);
    let configured_window = match &facts.rescan_durations {
        Observed::Known(durations) => Some(durations.push.clone()),
        Observed::Absent => None,
        Observed::Unknown(gap) => return Err(gap.clone()),
    };
    let mut findings_by: BTreeMap<(String, String), u64> = BTreeMap::new();
    for one in findings {
        *findings_by.entry((one.severity.clone(), one.status.clone())).or_default() += one.count;
    }
    let suppressed = findings.iter().filter(|one| one.status == "SUPPRESSED").map(|one| one.count).sum();
    let scanned: Vec<&CoveredImage> = images.iter().filter(|image| image.status == "ACTIVE").collect();
    let beyond = |days: i64| -> BTreeSet<LostImage> {
        let since = at.saturating_sub(SignedDuration::from_hours(24 * days)).unwrap_or(at);
        let old = |image: &&&CoveredImage| image.pushed_at.known().is_none_or(|pushed| *pushed < since);
        scanned.iter().filter(old).map(|image| lost(image)).collect()
    };
    let fixed = beyond(ELIGIBLE_DAYS);
    let configured = configured_window.as_deref().and_then(days).map(beyond).unwrap_or_default();
    let (beyond_fixed_window, beyond_configured_window) = (count(fixed.len()), count(configured.len()));
    let larger = if configured.len() > fixed.len() { configured } else { fixed };
    let rescanned = count(scanned.len()) - beyond_fixed_window.min(beyond_configured_window);
    Ok(CellLosses {
        findings: findings.iter().map(|one| one.count).sum(),
        findings_by,
        suppressed,
        oldest_first_observed: findings.iter().filter_map(|one| one.oldest_first_observed).min(),
        images: count(scanned.len()),
        beyond_fixed_window,
        configured_window,
        beyond_configured_window,
        not_rescanned: larger.into_iter().collect(),
        repositories: repositories_covered,
        only_scan_type,
        suppression_rules: match (&facts.suppression_rules, only_scan_type) {
            (_, false) | (Observed::Absent, true) => Vec::new(),
            (Observed::Known(names), true) => names.clone(),
            (Observed::Unknown(gap), true) => return Err(gap.clone()),
        },
        rescan_cost: cost(facts, rescanned),
    })
}

/// At most: as many images as the more generous of the two windows scans again.
fn cost(facts: &ResyncFacts, images: u64) -> RescanCost {
    match &facts.unit_price {
        Observed::Known(price) => RescanCost {
            images,
            amount: images as f64 * price.amount,
            currency: price.currency.clone(),
            price_source: "inspector2:ListUsageTotals: what the account's initial scans of the last 30 days cost"
                .to_owned(),
        },
        Observed::Absent | Observed::Unknown(_) => RescanCost {
            images,
            amount: images as f64 * LIST_PRICE,
            currency: "USD".to_owned(),
            price_source: format!(
                "{LIST_PRICE} USD an image, as secondary sources give it for us-east-1; not verified"
            ),
        },
    }
}

/// Where AWS says that there is none, none is lost.
fn known<T>(fact: &Observed<Vec<T>>) -> Result<&[T], Box<Gap>> {
    match fact {
        Observed::Known(value) => Ok(value),
        Observed::Absent => Ok(&[]),
        Observed::Unknown(gap) => Err(gap.clone()),
    }
}

fn lost(image: &CoveredImage) -> LostImage {
    LostImage {
        repository: image.repository.clone(),
        digest: image.digest.clone(),
        pushed_at: image.pushed_at.known().copied(),
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// `DAYS_14`. `LIFETIME` and words not known here have no number.
fn days(word: &str) -> Option<i64> {
    word.strip_prefix("DAYS_")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use scangap_model::{FindingCount, RescanDurations, UnitPrice};

    use super::*;

    fn at() -> Timestamp {
        "2026-11-23T09:00:00Z".parse().unwrap()
    }

    fn facts(push: &str, pushed_days_ago: &[i64]) -> ResyncFacts {
        let image = |(number, days): (usize, &i64)| CoveredImage {
            repository: "app".into(),
            digest: format!("sha256:{number}"),
            status: "ACTIVE".into(),
            reason: "SUCCESSFUL".into(),
            pushed_at: Observed::Known(at() - SignedDuration::from_hours(24 * days)),
        };
        ResyncFacts {
            account: "333333333333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
            toggled_from: Observed::Absent,
            permissions: Observed::Absent,
            organization_policy: Observed::Absent,
            scan_types: Observed::Known([("ecr".into(), "ENABLED".into()), ("ec2".into(), "ENABLED".into())].into()),
            rescan_durations: Observed::Known(RescanDurations {
                push: push.into(),
                pull: "DAYS_14".into(),
                pull_mode: "LAST_PULL_DATE".into(),
            }),
            suppression_rules: Observed::Known(vec!["noise".into()]),
            findings: Observed::Known(vec![
                FindingCount {
                    repository: "app".into(),
                    severity: "HIGH".into(),
                    status: "ACTIVE".into(),
                    count: 4,
                    oldest_first_observed: Some(at()),
                },
                FindingCount {
                    repository: "app".into(),
                    severity: "LOW".into(),
                    status: "SUPPRESSED".into(),
                    count: 2,
                    oldest_first_observed: None,
                },
            ]),
            images: Observed::Known(pushed_days_ago.iter().enumerate().map(image).collect()),
            unit_price: Observed::Absent,
        }
    }

    #[test]
    fn the_larger_of_both_windows_is_lost() {
        let losses = |push: &str| cell_losses(&facts(push, &[1, 10, 20, 40]), 1, at()).unwrap();
        let short = losses("DAYS_3");
        assert_eq!((short.beyond_fixed_window, short.beyond_configured_window, short.not_rescanned.len()), (2, 3, 3));
        let long = losses("DAYS_90");
        assert_eq!((long.beyond_fixed_window, long.beyond_configured_window, long.not_rescanned.len()), (2, 0, 2));
        assert_eq!(losses("LIFETIME").not_rescanned.len(), 2);
        assert_eq!((long.findings, long.suppressed, long.images), (6, 2, 4));
        assert_eq!(long.rescan_cost.images, 4, "at most: by the more generous window");
        assert!(long.rescan_cost.price_source.contains("not verified"));
    }

    #[test]
    fn a_window_ends_to_the_second_and_an_image_that_ecr_lacks_is_lost() {
        let mut facts = facts("DAYS_14", &[14]);
        assert_eq!(cell_losses(&facts, 0, at()).unwrap().not_rescanned.len(), 0);
        if let Observed::Known(images) = &mut facts.images {
            images[0].pushed_at = Observed::Absent;
        }
        assert_eq!(cell_losses(&facts, 0, at()).unwrap().not_rescanned.len(), 1);
    }

    #[test]
    fn the_only_scan_type_takes_its_rules_along_and_usage_gives_the_price() {
        let mut facts = facts("DAYS_14", &[1]);
        assert!(cell_losses(&facts, 0, at()).unwrap().suppression_rules.is_empty());
        facts.scan_types =
            Observed::Known([("ecr".into(), "ENABLED".into()), ("ec2".into(), "DISABLED".into())].into());
        facts.unit_price = Observed::Known(UnitPrice { amount: 0.5, currency: "USD".into() });
        let losses = cell_losses(&facts, 0, at()).unwrap();
        assert!(losses.only_scan_type);
        assert_eq!(losses.suppression_rules, ["noise"]);
        assert!((losses.rescan_cost.amount - 0.5).abs() < f64::EPSILON);
    }

    #[test]
    fn what_could_not_be_read_is_no_number() {
        let mut facts = facts("DAYS_14", &[1]);
        let gap = Gap {
            api: scangap_model::Api::ListFindings,
            account: None,
            region: None,
            resource: String::new(),
            kind: scangap_model::GapKind::AccessDenied,
            code: "AccessDeniedException".into(),
            cause: scangap_model::Cause::NotStated,
            message: String::new(),
            attempts: 1,
        };
        facts.findings = Observed::unknown(gap);
        assert_eq!(cell_losses(&facts, 0, at()).unwrap_err().code, "AccessDeniedException");
    }
}
