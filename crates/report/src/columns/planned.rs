//! Columns of the sheet "Re-sync and losses": what a plan would do, what it refuses, and what would be lost.

use scangap_model::Api;

use super::column::{Column, Kind, Type, column};
use crate::value::{Value, plain};

pub(crate) enum Planned {}

/// One step of a plan, or one thing that it refuses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanRow {
    /// `re-sync` or `repair`.
    pub what: String,
    pub account_id: String,
    pub region: String,
    pub repositories: Vec<String>,
    /// `planned` or `refused`.
    pub decision: String,
    /// Why it is refused.
    pub why: String,
    /// Numbers, or `not counted`; empty where nothing is lost by it.
    pub findings_lost: String,
    pub images_lost: String,
    pub images_not_rescanned: String,
}

/// A plan as reports show it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanView {
    /// What its re-syncs destroy, in words. `None`: there is none.
    pub warning: Option<String>,
    pub rows: Vec<PlanRow>,
}

impl PlanView {
    /// The rows of the sheet: what is destroyed comes first.
    pub(crate) fn sheet_rows(&self) -> Vec<PlanRow> {
        let warning = self.warning.iter().map(|text| PlanRow {
            what: "warning".to_owned(),
            why: text.clone(),
            ..PlanRow::default()
        });
        warning.chain(self.rows.iter().cloned()).collect()
    }
}

impl Kind for Planned {
    type Row<'a> = PlanRow;
}

/// What a row may lack.
pub(super) fn word(text: &String) -> Value<'_> {
    if text.is_empty() { Value::Empty } else { plain(text) }
}

/// A count as a number, a word as a word.
pub(super) fn counted(text: &str) -> Value<'_> {
    match text.parse() {
        Ok(number) => Value::Integer(number),
        Err(_) if text.is_empty() => Value::Empty,
        Err(_) => Value::text(text),
    }
}

#[rustfmt::skip]
pub(crate) const PLANNED: &[Column<Planned>] = &[
    column("what", "What", Type::Text, 10, "re-sync: turning ECR scanning off and on for the account in the region, which deletes its findings; repair: changing a policy, which loses nothing; warning: what the plan's re-syncs delete together", "scangap", |row| plain(&row.what)),
    column("account_id", "Account", Type::Text, 14, "12-digit account id; text, leading zeros count", Api::ListAccounts.permission(), |row| word(&row.account_id)),
    column("region", "Region", Type::Text, 15, "the region of the registry", Api::ListRegions.permission(), |row| word(&row.region)),
    column("repositories", "Repositories", Type::List, 44, "the repositories it is for, as a list (a JSON array in CSV and JSON)", Api::DescribeRepositories.permission(), |row| if row.repositories.is_empty() { Value::Empty } else { Value::list(&row.repositories) }),
    column("decision", "Decision", Type::Text, 12, "planned or refused", "scangap", |row| word(&row.decision)),
    column("why", "Why", Type::Text, 70, "why it is refused; the warning's words", "scangap", |row| word(&row.why)),
    column("findings_lost", "Findings lost", Type::Integer, 16, "findings that would be deleted; `not counted` where nobody counted them; empty where nothing is lost", Api::ListFindings.permission(), |row| counted(&row.findings_lost)),
    column("images_scanned_now", "Images whose scans go", Type::Integer, 22, "images that are scanned now; those that can be are scanned anew", Api::ListCoverage.permission(), |row| counted(&row.images_lost)),
    column("images_not_rescanned", "Images that lose coverage", Type::Integer, 24, "images that were pushed too long ago to be scanned again, or that Inspector does not surely get through to", Api::DescribeImages.permission(), |row| counted(&row.images_not_rescanned)),
];
