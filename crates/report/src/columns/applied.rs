//! Columns of the sheet "Applied": what was changed between two audits, by whom, and what it really destroyed.

use scangap_model::Api;

use super::column::{Column, Kind, Type, column};
use crate::value::Value;

pub(crate) enum Applied {}

/// One step that was carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppliedRow {
    pub step: String,
    /// `repair` or `re-sync`.
    pub what: String,
    pub account_id: String,
    pub region: String,
    pub repositories: String,
    pub result: String,
    /// The ARN of who did it.
    pub by: String,
    pub ended_at: String,
    /// Where what it deleted is.
    pub saved: String,
    pub before_sha256: String,
    pub after_sha256: String,
    /// Numbers; `not counted`; empty where nothing can be lost by it.
    pub findings_predicted: String,
    pub findings_lost: String,
    pub images_predicted: String,
    pub images_lost: String,
    pub plan_sha256: String,
}

/// What was applied, as reports show it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppliedView {
    pub rows: Vec<AppliedRow>,
    /// The closing report itself, for a file of its own.
    pub text: String,
}

impl Kind for Applied {
    type Row<'a> = AppliedRow;
}

fn word(text: &String) -> Value<'_> {
    super::planned::word(text)
}

#[rustfmt::skip]
pub(crate) const APPLIED: &[Column<Applied>] = &[
    column("step", "Step", Type::Text, 14, "the step of the plan", "scangap", |row| word(&row.step)),
    column("what", "What", Type::Text, 10, "repair: a policy was changed; re-sync: ECR scanning was turned off and on", "scangap", |row| word(&row.what)),
    column("account_id", "Account", Type::Text, 14, "12-digit account id; text, leading zeros count", Api::ListAccounts.permission(), |row| word(&row.account_id)),
    column("region", "Region", Type::Text, 15, "the region of the registry", Api::ListRegions.permission(), |row| word(&row.region)),
    column("repositories", "Repositories", Type::Text, 44, "the repositories it was for", Api::DescribeRepositories.permission(), |row| word(&row.repositories)),
    column("result", "Result", Type::Text, 44, "what came of it", "scangap", |row| word(&row.result)),
    column("by", "By", Type::Text, 50, "the ARN of the caller who applied the plan", Api::GetCallerIdentity.permission(), |row| word(&row.by)),
    column("ended_at", "Ended (UTC)", Type::Text, 22, "when the apply ended, in UTC", "scangap", |row| word(&row.ended_at)),
    column("findings_predicted", "Findings predicted", Type::Integer, 18, "findings that the plan said would be deleted", Api::ListFindings.permission(), |row| super::planned::counted(&row.findings_predicted)),
    column("findings_lost", "Findings lost", Type::Integer, 16, "findings that were saved before and are not listed any more", Api::ListFindings.permission(), |row| super::planned::counted(&row.findings_lost)),
    column("images_predicted", "Images predicted", Type::Integer, 18, "images that the plan said would lose coverage", Api::ListCoverage.permission(), |row| super::planned::counted(&row.images_predicted)),
    column("images_lost", "Images that lost coverage", Type::Integer, 24, "images that were scanned before and are not now", Api::ListCoverage.permission(), |row| super::planned::counted(&row.images_lost)),
    column("saved", "Saved in", Type::Text, 50, "where what was deleted is saved: the backup below the plan's folder, with its manifest's hash, and Inspector's own report", "scangap", |row| word(&row.saved)),
    column("before_sha256", "Before", Type::Text, 20, "SHA-256 of what was there: the policy in canonical form, or the scanning configuration", "scangap", |row| word(&row.before_sha256)),
    column("after_sha256", "After", Type::Text, 20, "SHA-256 of what is there now, in the same form", "scangap", |row| word(&row.after_sha256)),
    column("plan_sha256", "Plan", Type::Text, 20, "the plan that was applied", "scangap", |row| word(&row.plan_sha256)),
];
