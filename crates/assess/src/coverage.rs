//! The coverage of a repository, from its own row and its images' rows.

use jiff::Timestamp;
use scangap_model::{Asked, CoverageRow, CoverageSource, Gap, Observed};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coverage {
    /// Nobody was asked: an earlier layer ended it, or the account was never opened.
    NotAsked,
    Gap(Box<Gap>),
    NoRow,
    Row {
        status: String,
        reason: String,
        last_scanned_at: Option<Timestamp>,
    },
}

pub(crate) const ACCESS_DENIED: &str = "ACCESS_DENIED";
pub(crate) const ACTIVE: &str = "ACTIVE";

/// `ACCESS_DENIED` if its own row or any image row says so; else its own row; else, with image rows only, ACTIVE if any
/// is. ACTIVE with image rows of which none is ACTIVE is inactive for the images' reason.
pub fn of(rows: &[CoverageRow], source: &Asked<CoverageSource>) -> Coverage {
    let said = |fact: &Observed<String>| fact.known().cloned().unwrap_or_default();
    let row = |row: &CoverageRow| Coverage::Row {
        status: said(&row.status),
        reason: said(&row.reason),
        last_scanned_at: row.last_scanned_at.known().copied(),
    };
    let own = rows.iter().find(|row| row.image_digest.is_none());
    let images = || rows.iter().filter(|row| row.image_digest.is_some());
    let active = |row: &&CoverageRow| said(&row.status) == ACTIVE;
    if let Some(denied) = rows.iter().find(|row| said(&row.reason) == ACCESS_DENIED) {
        return row(denied);
    }
    // A list that broke off may hide a refusal: nothing but ACCESS_DENIED can be said from part of it.
    if let Asked::Answered(Observed::Unknown(gap)) = source {
        return Coverage::Gap(gap.clone());
    }
    match (own, images().find(active), images().next()) {
        (Some(own), None, Some(image)) if active(&own) => row(image),
        (Some(own), _, _) => row(own),
        (None, Some(image), _) | (None, None, Some(image)) => row(image),
        (None, None, None) => match source {
            Asked::NotNeeded => Coverage::NotAsked,
            Asked::Answered(_) => Coverage::NoRow,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(image: bool, status: &str, reason: &str) -> CoverageRow {
        CoverageRow {
            account: "111122223333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
            repository: "app".parse().unwrap(),
            image_digest: image.then(|| "sha256:ab".to_owned()),
            resource_id: String::new(),
            status: Observed::Known(status.to_owned()),
            reason: Observed::Known(reason.to_owned()),
            last_scanned_at: Observed::Absent,
        }
    }

    fn check(rows: &[CoverageRow], expected: &str) {
        let source = Asked::Answered(Observed::Known(CoverageSource::Account));
        let found = match of(rows, &source) {
            Coverage::Row { status, reason, .. } => format!("{status} {reason}"),
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn own_row_and_image_rows() {
        check(&[], "NoRow");
        check(&[row(false, "ACTIVE", "SUCCESSFUL")], "ACTIVE SUCCESSFUL");
        check(&[row(false, "ACTIVE", "SUCCESSFUL"), row(true, "INACTIVE", "ACCESS_DENIED")], "INACTIVE ACCESS_DENIED");
        check(&[row(true, "INACTIVE", "UNSUPPORTED_OS"), row(true, "ACTIVE", "SUCCESSFUL")], "ACTIVE SUCCESSFUL");
        check(
            &[row(false, "ACTIVE", "SUCCESSFUL"), row(true, "INACTIVE", "IMAGE_ARCHIVED")],
            "INACTIVE IMAGE_ARCHIVED",
        );
        check(
            &[row(false, "INACTIVE", "PENDING_DISABLE"), row(true, "ACTIVE", "SUCCESSFUL")],
            "INACTIVE PENDING_DISABLE",
        );
    }

    #[test]
    fn no_row_is_not_the_same_as_not_asked() {
        assert_eq!(of(&[], &Asked::NotNeeded), Coverage::NotAsked);
    }
}
