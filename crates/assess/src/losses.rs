//! What a re-sync of a registry destroys, counted from what was read for it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use scangap_model::{Api, Cause, CoveredImage, Gap, GapKind, Observed, ResyncFacts};

/// AWS: on activation, images pushed in the last 14 days are eligible. Whether an activation after a disable goes by the
/// configured duration instead is not documented, so both are counted.
pub const ELIGIBLE_DAYS: i64 = 14;

/// What an initial scan costs where the account's own usage does not say. As secondary sources give it for us-east-1;
/// AWS's price page was not read.
const LIST_PRICE: f64 = 0.09;

/// Why an image is not scanned again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhyLost {
    /// It was pushed before the window, or ECR does not know it any more: pushed again, it is scanned.
    Age,
    /// Its repository's policy does not surely let Inspector in, or no scan rule selects it: a push does not help.
    NotLetIn,
}

impl WhyLost {
    pub const fn words(self) -> &'static str {
        match self {
            Self::Age => "pushed before the window",
            Self::NotLetIn => "its repository does not surely let Inspector in, or no rule selects it",
        }
    }
}

/// An image that loses coverage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LostImage {
    pub repository: String,
    pub digest: String,
    /// `None`: ECR does not know the image any more.
    pub pushed_at: Option<Timestamp>,
    pub why: WhyLost,
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
pub struct RegistryLosses {
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
    /// The larger of the two losses, image by image, and what is not scanned again for another reason than its age.
    pub not_rescanned: Vec<LostImage>,
    /// Images that are not scanned now, of the repositories that the re-sync is for, within 14 days and within the configured
    /// duration: those that it can help.
    pub helps_within_fixed_window: u64,
    pub helps_within_configured_window: u64,
    /// Repositories that were fine, and are scanned anew with the others.
    pub repositories: u64,
    /// ECR is the only scan type: everything of Inspector in the registry goes, settings and suppression rules too.
    pub only_scan_type: bool,
    /// Named, where they go.
    pub suppression_rules: Vec<String>,
    pub rescan_cost: RescanCost,
}

/// What is known of a registry besides what was read for it.
#[derive(Debug, Clone, Copy)]
pub struct RegistryToCount<'a> {
    /// Repositories that the re-sync is for.
    pub stale: &'a BTreeSet<String>,
    /// Repositories that Inspector does not surely get through to, or that no scan rule selects.
    pub not_let_in: &'a BTreeSet<String>,
    pub repositories_covered: u64,
    pub at: Timestamp,
}

/// Counts. A gap in what decides is given back: a number is never made up.
pub fn registry_losses(facts: &ResyncFacts, registry: RegistryToCount<'_>) -> Result<RegistryLosses, Box<Gap>> {
    let findings = known(&facts.findings)?;
    let images = known(&facts.images)?;
    if let Observed::Unknown(gap) = &facts.scan_types {
        return Err(gap.clone());
    }
    // Where another scan type is neither on nor off, the worse of both is counted.
    let only_scan_type = facts.only_scan_type().unwrap_or(true);
    let configured_window = match &facts.rescan_durations {
        Observed::Known(durations) => Some(durations.push.clone()),
        Observed::Absent => None,
        Observed::Unknown(gap) => return Err(gap.clone()),
    };
    let configured_days = match configured_window.as_deref() {
        None | Some("LIFETIME") => None,
        Some(word) => Some(days(word).ok_or_else(|| Box::new(unknown_word(facts, word)))?),
    };
    let mut findings_by: BTreeMap<(String, String), u64> = BTreeMap::new();
    for one in findings {
        *findings_by.entry((one.severity.clone(), one.status.clone())).or_default() += one.count;
    }
    let suppressed = findings.iter().filter(|one| one.status == "SUPPRESSED").map(|one| one.count).sum();
    let scanned = || images.iter().filter(|image| image.status == "ACTIVE");
    let let_in = |image: &&CoveredImage| !registry.not_let_in.contains(&image.repository);
    let since = |days: i64| registry.at.saturating_sub(SignedDuration::from_hours(24 * days)).unwrap_or(registry.at);
    let is_old = |image: &CoveredImage, days: i64| image.pushed_at.known().is_none_or(|pushed| *pushed < since(days));
    let beyond = |days: i64| -> BTreeSet<LostImage> {
        let old = scanned().filter(let_in).filter(|image| is_old(image, days));
        old.map(|image| lost(image, WhyLost::Age)).collect()
    };
    let (fixed, configured) = (beyond(ELIGIBLE_DAYS), configured_days.map(beyond).unwrap_or_default());
    let (beyond_fixed_window, beyond_configured_window) = (count(fixed.len()), count(configured.len()));
    let mut not_rescanned = if configured.len() > fixed.len() { configured } else { fixed };
    not_rescanned.extend(scanned().filter(|image| !let_in(image)).map(|image| lost(image, WhyLost::NotLetIn)));
    let to_help =
        || images.iter().filter(|image| image.status != "ACTIVE" && registry.stale.contains(&image.repository));
    let helps_within_fixed_window = count(to_help().filter(|image| !is_old(image, ELIGIBLE_DAYS)).count());
    let helped = |image: &&CoveredImage| configured_days.is_none_or(|days| !is_old(image, days));
    let helps_within_configured_window = count(to_help().filter(helped).count());
    let scanned_again = count(scanned().filter(let_in).count()) - beyond_fixed_window.min(beyond_configured_window);
    let scanned_again = scanned_again + helps_within_fixed_window.max(helps_within_configured_window);
    Ok(RegistryLosses {
        findings: findings.iter().map(|one| one.count).sum(),
        findings_by,
        suppressed,
        oldest_first_observed: findings.iter().filter_map(|one| one.oldest_first_observed).min(),
        images: count(scanned().count()),
        beyond_fixed_window,
        configured_window,
        beyond_configured_window,
        not_rescanned: not_rescanned.into_iter().collect(),
        helps_within_fixed_window,
        helps_within_configured_window,
        repositories: registry.repositories_covered,
        only_scan_type,
        suppression_rules: match (&facts.suppression_rules, only_scan_type) {
            (_, false) | (Observed::Absent, true) => Vec::new(),
            (Observed::Known(names), true) => names.clone(),
            (Observed::Unknown(gap), true) => return Err(gap.clone()),
        },
        rescan_cost: cost(facts, scanned_again),
    })
}

/// A duration that this version cannot count by.
fn unknown_word(facts: &ResyncFacts, word: &str) -> Gap {
    Gap {
        api: Api::GetConfiguration,
        account: Some(facts.account),
        region: Some(facts.region.clone()),
        resource: String::new(),
        kind: GapKind::MalformedAnswer,
        code: format!("UnknownDuration {word}"),
        cause: Cause::NotStated,
        policy_arn: String::new(),
        message: "a re-scan duration that this version does not know".to_owned(),
        attempts: 1,
    }
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
        Observed::Absent => list_price(images, "the account had no initial scan in the last 30 days"),
        Observed::Unknown(gap) => list_price(images, &format!("{} answered {}", gap.api, gap.code)),
    }
}

fn list_price(images: u64, because: &str) -> RescanCost {
    RescanCost {
        images,
        amount: images as f64 * LIST_PRICE,
        currency: "USD".to_owned(),
        price_source: format!(
            "{LIST_PRICE} USD an image, as secondary sources give it for us-east-1, not verified; {because}"
        ),
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

fn lost(image: &CoveredImage, why: WhyLost) -> LostImage {
    LostImage {
        repository: image.repository.clone(),
        digest: image.digest.clone(),
        pushed_at: image.pushed_at.known().copied(),
        why,
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// `DAYS_14`.
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
            counted_at: at(),
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

    fn count_of(facts: &ResyncFacts, stale: &[&str], not_let_in: &[&str]) -> Result<RegistryLosses, Box<Gap>> {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let (stale, not_let_in) = (names(stale), names(not_let_in));
        registry_losses(
            facts,
            RegistryToCount { stale: &stale, not_let_in: &not_let_in, repositories_covered: 1, at: at() },
        )
    }

    #[test]
    fn the_larger_of_both_windows_is_lost() {
        let losses = |push: &str| count_of(&facts(push, &[1, 10, 20, 40]), &[], &[]).unwrap();
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
        assert_eq!(count_of(&facts, &[], &[]).unwrap().not_rescanned.len(), 0);
        if let Observed::Known(images) = &mut facts.images {
            images[0].pushed_at = Observed::Absent;
        }
        assert_eq!(count_of(&facts, &[], &[]).unwrap().not_rescanned.len(), 1);
    }

    #[test]
    fn the_only_scan_type_takes_its_rules_along_and_usage_gives_the_price() {
        let mut facts = facts("DAYS_14", &[1]);
        assert!(count_of(&facts, &[], &[]).unwrap().suppression_rules.is_empty());
        facts.scan_types =
            Observed::Known([("ecr".into(), "ENABLED".into()), ("ec2".into(), "DISABLED".into())].into());
        facts.unit_price = Observed::Known(UnitPrice { amount: 0.5, currency: "USD".into() });
        let losses = count_of(&facts, &[], &[]).unwrap();
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
            policy_arn: String::new(),
            message: String::new(),
            attempts: 1,
        };
        facts.findings = Observed::unknown(gap);
        assert_eq!(count_of(&facts, &[], &[]).unwrap_err().code, "AccessDeniedException");
    }

    #[test]
    fn what_inspector_does_not_get_through_to_is_lost_whatever_its_age() {
        let losses = count_of(&facts("DAYS_14", &[1, 40]), &[], &["app"]).unwrap();
        assert_eq!((losses.beyond_fixed_window, losses.not_rescanned.len()), (0, 2));
        assert!(losses.not_rescanned.iter().all(|image| image.why == WhyLost::NotLetIn));
    }

    #[test]
    fn what_it_helps_is_what_is_young_enough_in_the_repositories_it_is_for() {
        let mut facts = facts("DAYS_30", &[1, 20, 40]);
        if let Observed::Known(images) = &mut facts.images {
            for image in images.iter_mut() {
                image.status = "none".into();
            }
        }
        let losses = count_of(&facts, &["app"], &[]).unwrap();
        assert_eq!((losses.helps_within_fixed_window, losses.helps_within_configured_window), (1, 2));
        assert_eq!(losses.rescan_cost.images, 2, "what it helps is paid for too");
        let none = count_of(&facts, &["other"], &[]).unwrap();
        assert_eq!((none.helps_within_fixed_window, none.helps_within_configured_window), (0, 0));
    }

    #[test]
    fn words_that_are_not_known_are_no_numbers_and_no_scan_types() {
        let mut facts = facts("FORTNIGHT", &[1]);
        assert_eq!(count_of(&facts, &[], &[]).unwrap_err().code, "UnknownDuration FORTNIGHT");
        facts.scan_types =
            Observed::Known([("ecr".into(), "ENABLED".into()), ("ec2".into(), "SUSPENDED".into())].into());
        assert_eq!(facts.only_scan_type(), None);
    }
}
