//! What changed since the earlier audit, on the page.

use scangap_model::{count, sanitize, thousands};

use super::tone::tone;
use crate::change::{CHANGE_KINDS, Change, Changes};
use crate::difference::Line;
use crate::value::utc;

/// Changes that the page shows; the rest are in changes.csv, and the page says so.
const CHANGES_MAX: usize = 2_000;

pub(super) struct ChangesView {
    pub(super) note: String,
    pub(super) counts: Vec<CountView>,
    pub(super) rows: Vec<ChangeRow>,
}

pub(super) struct CountView {
    pub(super) tone: &'static str,
    pub(super) count: String,
    pub(super) title: &'static str,
    pub(super) meaning: &'static str,
}

pub(super) struct ChangeRow {
    pub(super) tone: &'static str,
    pub(super) kind: &'static str,
    pub(super) account: String,
    pub(super) name: String,
    pub(super) region: String,
    pub(super) repository: String,
    pub(super) before: &'static str,
    pub(super) after: &'static str,
    pub(super) differences: Vec<String>,
    pub(super) note: String,
    pub(super) policy: Vec<Line>,
}

pub(super) fn view(changes: &Changes) -> ChangesView {
    let counts = CHANGE_KINDS.iter().filter_map(|(kind, _, title, meaning, of_kind)| {
        let number = changes.rows.iter().filter(|change| change.kind == *kind).count();
        (number > 0).then(|| CountView { tone: tone(*of_kind), count: thousands(number), title, meaning })
    });
    let rest = changes.rows.len().saturating_sub(CHANGES_MAX);
    let rest = if rest == 0 {
        String::new()
    } else {
        format!(" The first {} are shown; all of them are in changes.csv.", thousands(CHANGES_MAX))
    };
    ChangesView {
        note: format!(
            "{}. By kind of change: {}. After {} and by {}: {} changed, {} did not.{rest}",
            changes.balance.in_words(),
            changes.by_kind(),
            utc(changes.since),
            utc(changes.until),
            count(changes.rows.len(), "repository"),
            thousands(changes.unchanged)
        ),
        counts: counts.collect(),
        rows: changes.rows.iter().take(CHANGES_MAX).map(|change| row(changes, change)).collect(),
    }
}

fn row(changes: &Changes, change: &Change) -> ChangeRow {
    let title = |diagnosis: Option<scangap_model::Diagnosis>| diagnosis.map_or("-", |diagnosis| diagnosis.info().title);
    ChangeRow {
        tone: tone(change.kind.tone()),
        kind: change.kind.title(),
        account: change.account.to_string(),
        name: sanitize(&change.account_name),
        region: change.region.to_string(),
        repository: sanitize(change.repository.as_str()),
        before: title(change.before),
        after: title(change.after),
        differences: change
            .differences
            .iter()
            .map(|one| format!("{}: {} → {}", one.column, sanitize(&one.before), sanitize(&one.after)))
            .collect(),
        note: change.note.clone(),
        policy: changes.policy_difference(change),
    }
}
