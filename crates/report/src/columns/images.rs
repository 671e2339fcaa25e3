//! Columns of an image's row: what Inspector's coverage says of it. Only with `audit --images`.

use scangap_model::{Api, ImageRow, is_scanned};

use super::column::{Column, Kind, Type, column};
use crate::input::ImageReportRow;
use crate::value::{NONE, Value, id, observed, plain};

pub(crate) enum Images {}

impl Kind for Images {
    type Row<'a> = ImageReportRow<'a>;
}

/// What AWS may leave out of a row.
fn stated<'r, T>(value: Option<T>, show: impl FnOnce(T) -> Value<'r>) -> Value<'r> {
    value.map_or(Value::text(NONE), show)
}

fn scanned(image: &ImageRow) -> &'static str {
    match (image.is_index, is_scanned(&image.status, &image.reason)) {
        (true, _) => "by its children",
        (false, true) => "yes",
        (false, false) => "no",
    }
}

#[rustfmt::skip]
pub(crate) const IMAGES: &[Column<Images>] = &[
    column("account_id", "Account", Type::Text, 14, "12-digit account id; text, leading zeros count", Api::ListAccounts.permission(),
        |row| id(&row.image.account)),
    column("account_name", "Account name", Type::Text, 24, "the account's name in the organization", Api::ListAccounts.permission(),
        |row| row.account.map_or(Value::Empty, |account| observed(&account.name, plain))),
    column("region", "Region", Type::Text, 15, "the region of the registry", Api::ListRegions.permission(), |row| id(&row.image.region)),
    column("repository", "Repository", Type::Text, 36, "the repository's name", Api::ListCoverage.permission(), |row| id(&row.image.repository)),
    column("image_digest", "Image digest", Type::Text, 30, "the image's digest", Api::ListCoverage.permission(), |row| plain(&row.image.digest)),
    column("scanned", "Scanned", Type::Text, 15, "whether Inspector scans it; `by its children` for a multi-architecture index", "scangap",
        |row| Value::text(scanned(&row.image))),
    column("coverage_status", "Coverage", Type::Text, 12, "Inspector's coverage status of the image", Api::ListCoverage.permission(), |row| plain(&row.image.status)),
    column("coverage_reason", "Coverage reason", Type::Text, 28, "why the coverage status is what it is, in Inspector's word", Api::ListCoverage.permission(), |row| plain(&row.image.reason)),
    column("last_scanned_at", "Last scanned", Type::Time, 18, "when Inspector last scanned it, in UTC; `none` where it says no time", Api::ListCoverage.permission(),
        |row| stated(row.image.last_scanned_at, Value::Time)),
    column("in_use_count", "In use", Type::Integer, 10, "tasks and pods that run the image; `none` where AWS does not say", Api::ListCoverage.permission(),
        |row| stated(row.image.in_use_count, Value::Integer)),
    column("last_in_use_at", "Last in use", Type::Time, 18, "when it last ran, in UTC; `none` where AWS does not say", Api::ListCoverage.permission(),
        |row| stated(row.image.last_in_use_at, Value::Time)),
    column("simulated", "Simulated", Type::Text, 10, "yes where any answer came from a host that is not AWS's", "scangap",
        |row| Value::yes_no(row.simulated)),
];
