//! The coverage of a repository, from its own row and its images' counted rows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use scangap_model::{
    Asked, CoverageSource, Gap, ImageCounts, ImagesOf, Observed, RegistryFacts, RepositoryRecord, is_scanned,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coverage {
    /// Coverage was not read: an earlier layer decided the diagnosis, or the account was never opened.
    NotAsked,
    Gap(Box<Gap>),
    NoRow,
    Row {
        status: String,
        reason: String,
        last_scanned_at: Option<Timestamp>,
    },
}

/// Whether the repository's own row says that its policy keeps Inspector out.
pub(crate) fn denies(coverage: &Coverage) -> bool {
    matches!(coverage, Coverage::Row { reason, .. } if reason == ACCESS_DENIED)
}

/// What coverage says of a repository's images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageCoverage {
    NotAsked,
    /// Rows may be missing: no number of images is known.
    Gap(Box<Gap>),
    Counted(ImagesCovered),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImagesCovered {
    pub scanned: u64,
    pub not_scanned: u64,
    /// Why images are not scanned: Inspector's reason, and how many.
    pub reasons: BTreeMap<String, u64>,
    /// Images that run somewhere and are not scanned. `None`: AWS does not state for any of them whether it runs.
    pub in_use_not_scanned: Option<u64>,
    pub newest_scan: Option<Timestamp>,
}

/// Images of many repositories.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageTotals {
    pub scanned: u64,
    pub not_scanned: u64,
    pub in_use_not_scanned: u64,
    pub reasons: BTreeMap<String, u64>,
    /// Repositories of whose images nothing is known.
    pub repositories_unknown: u64,
}

impl ImageTotals {
    pub(crate) fn add(&mut self, images: &ImageCoverage) {
        match images {
            ImageCoverage::NotAsked => {}
            ImageCoverage::Gap(_) => self.repositories_unknown += 1,
            ImageCoverage::Counted(images) => {
                self.scanned += images.scanned;
                self.not_scanned += images.not_scanned;
                self.in_use_not_scanned += images.in_use_not_scanned.unwrap_or(0);
                for (reason, number) in &images.reasons {
                    *self.reasons.entry(reason.clone()).or_default() += number;
                }
            }
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.scanned += other.scanned;
        self.not_scanned += other.not_scanned;
        self.in_use_not_scanned += other.in_use_not_scanned;
        self.repositories_unknown += other.repositories_unknown;
        for (reason, number) in other.reasons {
            *self.reasons.entry(reason).or_default() += number;
        }
    }
}

pub(crate) const ACCESS_DENIED: &str = "ACCESS_DENIED";
pub(crate) const ACTIVE: &str = "ACTIVE";
pub(crate) const PENDING_INITIAL_SCAN: &str = "PENDING_INITIAL_SCAN";

/// `ACCESS_DENIED` if the repository's own row or any image row says so; else its own row; else, with image rows only,
/// ACTIVE if any is.
pub fn of(record: &RepositoryRecord, registry: Option<&RegistryFacts>) -> Coverage {
    let not_needed = Asked::NotNeeded;
    let (source, image_source) =
        registry.map_or((&not_needed, &not_needed), |registry| (&registry.coverage, &registry.image_coverage));
    let said = |fact: &Observed<String>| fact.known().cloned().unwrap_or_default();
    let own = record.coverage.as_ref().map(|row| Coverage::Row {
        status: said(&row.status),
        reason: said(&row.reason),
        last_scanned_at: row.last_scanned_at.known().copied(),
    });
    if let Some(Coverage::Row { reason, .. }) = &own
        && reason == ACCESS_DENIED
    {
        return own.unwrap_or(Coverage::NoRow);
    }
    if let Some(status) = record.images.kinds().find(|of| &*of.reason == ACCESS_DENIED).map(|of| &of.status) {
        return Coverage::Row { status: status.to_string(), reason: ACCESS_DENIED.to_owned(), last_scanned_at: None };
    }
    // A list that broke off may hide a refusal: nothing but ACCESS_DENIED can be said from part of it.
    let own_gap = || record.coverage.as_ref().and_then(|row| row.status.gap().or(row.reason.gap()));
    if let Some(gap) = source.gap().or_else(|| image_source.gap()).or_else(own_gap) {
        return Coverage::Gap(Box::new(gap.clone()));
    }
    match (own, from_images(&record.images)) {
        (Some(row), _) | (None, Some(row)) => row,
        (None, None) => match source {
            Asked::NotNeeded => Coverage::NotAsked,
            Asked::Answered(_) => Coverage::NoRow,
        },
    }
}

/// The row that images alone make: a scanned one if there is one, else the most frequent.
fn from_images(images: &ImageCounts) -> Option<Coverage> {
    let by_weight = images.kinds().map(|ImagesOf { status, reason, count }| {
        let weight = (is_scanned(status, reason), count.images);
        (weight, status, reason, count.newest_scan)
    });
    // The first of equals: their order is the same in every run.
    let (_, status, reason, newest) = by_weight.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
    Some(Coverage::Row { status: status.to_string(), reason: reason.to_string(), last_scanned_at: newest })
}

/// The images of a repository.
pub fn images_of(images: &ImageCounts, source: &Asked<CoverageSource>) -> ImageCoverage {
    match source {
        Asked::NotNeeded => ImageCoverage::NotAsked,
        Asked::Answered(Observed::Unknown(gap)) => ImageCoverage::Gap(gap.clone()),
        Asked::Answered(Observed::Known(_) | Observed::Absent) => ImageCoverage::Counted(counted(images)),
    }
}

fn counted(images: &ImageCounts) -> ImagesCovered {
    let mut covered = ImagesCovered::default();
    let (mut in_use, mut not_stated) = (0, 0);
    for ImagesOf { status, reason, count } in images.kinds() {
        covered.newest_scan = covered.newest_scan.max(count.newest_scan);
        if is_scanned(status, reason) {
            covered.scanned += count.images;
        } else {
            covered.not_scanned += count.images;
            in_use += count.in_use;
            not_stated += count.use_not_stated;
            *covered.reasons.entry(reason.to_string()).or_default() += count.images;
        }
    }
    let silent = covered.not_scanned > 0 && not_stated == covered.not_scanned;
    covered.in_use_not_scanned = (!silent).then_some(in_use);
    covered
}

#[cfg(test)]
mod tests {
    use scangap_model::{
        Api, CoverageRow, ImageCount, Partition, PolicyHash, RegionName, RegistryOutcome, RepositoryFacts,
        repository_arn,
    };

    use super::*;

    fn record(own: Option<(&str, &str)>, images: &[(&str, &str, u64)]) -> RepositoryRecord {
        let (account, region): (_, RegionName) = ("111122223333".parse().unwrap(), "eu-west-1".parse().unwrap());
        let name: scangap_model::RepositoryName = "app".parse().unwrap();
        let mut counts = ImageCounts::default();
        for (status, reason, images) in images {
            counts.add(status, reason, &ImageCount { images: *images, ..ImageCount::default() });
        }
        let facts = RepositoryFacts {
            account,
            region: region.clone(),
            arn: repository_arn(Partition::Aws, &region, account, &name),
            name: name.clone(),
            listed: true,
            created_at: Observed::Absent,
            policy: Observed::<PolicyHash>::Absent,
            scan_frequency: Observed::Absent,
            has_active_image: Asked::NotNeeded,
            tags: Asked::NotNeeded,
        };
        let coverage = own.map(|(status, reason)| CoverageRow {
            account,
            region,
            repository: name,
            resource_id: String::new(),
            status: Observed::Known(status.to_owned()),
            reason: Observed::Known(reason.to_owned()),
            last_scanned_at: Observed::Absent,
        });
        RepositoryRecord { facts, coverage, images: counts }
    }

    fn registry() -> RegistryFacts {
        let mut registry = RegistryFacts::unasked(
            "111122223333".parse().unwrap(),
            "eu-west-1".parse().unwrap(),
            RegistryOutcome::Read,
        );
        registry.coverage = Observed::Known(CoverageSource::Account).into();
        registry.image_coverage = Observed::Known(CoverageSource::Account).into();
        registry
    }

    fn gap() -> Gap {
        Gap {
            api: Api::ListCoverage,
            account: None,
            region: None,
            resource: String::new(),
            kind: scangap_model::GapKind::Timeout,
            code: String::new(),
            cause: scangap_model::Cause::NotStated,
            policy_arn: String::new(),
            message: String::new(),
            attempts: 1,
        }
    }

    fn check(record: &RepositoryRecord, expected: &str) {
        let found = match of(record, Some(&registry())) {
            Coverage::Row { status, reason, .. } => format!("{status} {reason}"),
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn own_row_and_image_rows() {
        check(&record(None, &[]), "NoRow");
        check(&record(Some(("ACTIVE", "SUCCESSFUL")), &[]), "ACTIVE SUCCESSFUL");
        check(&record(Some(("ACTIVE", "SUCCESSFUL")), &[("INACTIVE", ACCESS_DENIED, 1)]), "INACTIVE ACCESS_DENIED");
        check(&record(None, &[("INACTIVE", "UNSUPPORTED_OS", 9), ("ACTIVE", "SUCCESSFUL", 1)]), "ACTIVE SUCCESSFUL");
        check(
            &record(None, &[("INACTIVE", "UNSUPPORTED_OS", 9), ("INACTIVE", "IMAGE_ARCHIVED", 1)]),
            "INACTIVE UNSUPPORTED_OS",
        );
        check(
            &record(Some(("INACTIVE", "PENDING_DISABLE")), &[("ACTIVE", "SUCCESSFUL", 1)]),
            "INACTIVE PENDING_DISABLE",
        );
    }

    #[test]
    fn a_list_of_images_that_broke_off_is_a_gap_unless_it_names_a_refusal() {
        let mut broken = registry();
        broken.image_coverage = Observed::unknown(gap()).into();
        let covered = record(Some(("ACTIVE", "SUCCESSFUL")), &[("ACTIVE", "SUCCESSFUL", 3)]);
        assert!(matches!(of(&covered, Some(&broken)), Coverage::Gap(_)));
        assert!(matches!(images_of(&covered.images, &broken.image_coverage), ImageCoverage::Gap(_)));
        let refused = record(Some(("ACTIVE", "SUCCESSFUL")), &[("INACTIVE", ACCESS_DENIED, 1)]);
        assert!(matches!(of(&refused, Some(&broken)), Coverage::Row { .. }));
    }

    #[test]
    fn a_status_that_the_row_lacks_is_a_gap() {
        let mut record = record(Some(("ACTIVE", "SUCCESSFUL")), &[]);
        if let Some(row) = &mut record.coverage {
            row.status = Observed::unknown(gap());
        }
        assert!(matches!(of(&record, Some(&registry())), Coverage::Gap(_)));
    }

    #[test]
    fn no_row_is_not_the_same_as_not_asked() {
        assert_eq!(of(&record(None, &[]), None), Coverage::NotAsked);
    }

    #[test]
    fn images_are_counted_and_an_image_that_waits_for_its_scan_is_not_scanned() {
        let mut images =
            record(None, &[("ACTIVE", "SUCCESSFUL", 37), ("INACTIVE", "SCAN_ELIGIBILITY_EXPIRED", 2)]).images;
        images.add("ACTIVE", PENDING_INITIAL_SCAN, &ImageCount { images: 1, in_use: 1, ..ImageCount::default() });
        let found = counted(&images);
        assert_eq!((found.scanned, found.not_scanned, found.in_use_not_scanned), (37, 3, Some(1)));
        assert_eq!(found.reasons.keys().collect::<Vec<_>>(), [PENDING_INITIAL_SCAN, "SCAN_ELIGIBILITY_EXPIRED"]);
    }

    #[test]
    fn whether_images_run_is_unknown_where_aws_says_nothing() {
        let mut images = ImageCounts::default();
        images.add("INACTIVE", "UNSUPPORTED_OS", &ImageCount { images: 2, use_not_stated: 2, ..ImageCount::default() });
        assert_eq!(counted(&images).in_use_not_scanned, None);
    }
}
