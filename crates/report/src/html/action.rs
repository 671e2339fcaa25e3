//! What needs action, as a table that is there without the script too.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use scangap_model::{Diagnosis, sanitize};

use super::place::Place;
use super::policies;
use super::tone::{needs_action, tone};
use crate::columns::next_step;
use crate::context::ReportContext;
use crate::input::RepositoryRow;
use crate::policies::PolicyKey;
use crate::words::{count, thousands};

/// Rows that the page shows without the script; the rest are in the CSV, and the page says so.
pub(super) const ACTIONS_MAX: usize = 5_000;

pub(super) struct ActionRow {
    pub(super) tone: &'static str,
    pub(super) diagnosis: &'static str,
    pub(super) account: String,
    pub(super) name: String,
    pub(super) region: String,
    pub(super) repository: String,
    pub(super) why: String,
    pub(super) next_step: String,
    pub(super) anchor: Option<String>,
}

/// The worst rows, and the repositories among them that carry each policy.
pub(super) struct Actions {
    pub(super) rows: Vec<ActionRow>,
    pub(super) places: BTreeMap<PolicyKey, Vec<Place>>,
    pub(super) note: String,
}

pub(super) fn actions(material: &ReportContext<'_>, policies_shown: &[usize]) -> io::Result<Actions> {
    let shown: BTreeSet<&PolicyKey> =
        policies_shown.iter().filter_map(|&at| material.policies.get(at)).map(|group| &group.key).collect();
    // Worst first, and of each diagnosis no more than could be shown: what is held is bounded.
    let mut by_diagnosis: BTreeMap<Diagnosis, Vec<ActionRow>> = BTreeMap::new();
    let mut places: BTreeMap<PolicyKey, Vec<Place>> = BTreeMap::new();
    let mut number = 0;
    for row in material.input.repositories_where(|one| needs_action(one.diagnosis)) {
        let row = row?;
        number += 1;
        let rows = by_diagnosis.entry(row.assessment.diagnosis).or_default();
        if rows.len() >= ACTIONS_MAX {
            continue;
        }
        let keys = [PolicyKey::own(&row), PolicyKey::registry(&row)];
        let keys: Vec<PolicyKey> = keys.into_iter().flatten().filter(|key| shown.contains(key)).collect();
        rows.push(action(&row, keys.first()));
        for key in keys {
            places.entry(key).or_default().push(Place::of(&row.repository));
        }
    }
    let rows = by_diagnosis.into_values().flatten().take(ACTIONS_MAX).collect();
    Ok(Actions { rows, places, note: note(number) })
}

fn action(row: &RepositoryRow<'_>, policy: Option<&PolicyKey>) -> ActionRow {
    let info = row.assessment.diagnosis.info();
    let statements = row.assessment.policy.responsible_statements.iter().map(|statement| sanitize(statement));
    let keys = row.assessment.policy.depends_on.iter().map(|key| format!("depends on {}", sanitize(key)));
    let why: Vec<String> = statements.chain(keys).collect();
    ActionRow {
        tone: tone(info.tone),
        diagnosis: info.title,
        account: row.repository.account.to_string(),
        name: row.account.and_then(|account| account.name.known()).map_or_else(String::new, |name| sanitize(name)),
        region: row.repository.region.to_string(),
        repository: sanitize(row.repository.name.as_str()),
        why: if why.is_empty() { info.meaning.to_owned() } else { why.join("; ") },
        next_step: sanitize(&next_step(row)),
        anchor: policy.map(policies::anchor),
    }
}

fn note(number: usize) -> String {
    match number {
        0 => "No repository that was read needs action.".to_owned(),
        number if number > ACTIONS_MAX => format!(
            "{} repositories need action. The worst {} are shown; all of them are in repositories.csv.",
            thousands(number),
            thousands(ACTIONS_MAX)
        ),
        1 => "One repository needs action.".to_owned(),
        number => format!("{} need action.", count(number, "repository")),
    }
}
