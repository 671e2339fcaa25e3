//! The map of the organization: accounts by regions, each field the worst that is there.

use std::collections::BTreeMap;

use scangap_model::{
    AccountId, Diagnosis, RegionName, RegistryFacts, RegistryOutcome, Tone, count, sanitize, thousands,
};

use super::tone::tone;
use crate::input::Input;
use crate::listing;
use crate::matrix::{Matrix, matrix};
use crate::value::UNKNOWN;

/// Accounts that the map shows; the rest are in registries.csv, and the page says so.
const ACCOUNTS_MAX: usize = 1_000;

pub(super) struct HeatRow {
    pub(super) account: String,
    /// Empty directly under the root.
    pub(super) ou: String,
    pub(super) name: String,
    pub(super) fields: Vec<HeatField>,
    /// The regions without a repository of anybody's.
    pub(super) others: HeatField,
}

pub(super) struct HeatField {
    pub(super) tone: &'static str,
    pub(super) word: String,
    pub(super) detail: String,
    /// The region, where the field holds repositories to look at.
    pub(super) region: Option<String>,
}

pub(super) struct Heat {
    pub(super) regions: Vec<String>,
    pub(super) rows: Vec<HeatRow>,
    pub(super) note: String,
}

pub(super) fn heat(input: &Input<'_>) -> Heat {
    let Matrix { regions, accounts, left_out } = matrix(input, ACCOUNTS_MAX);
    let note = if left_out == 0 {
        String::new()
    } else {
        format!(
            "{} accounts are shown, worst first; the rest of {} are in registries.csv.",
            thousands(accounts.len()),
            thousands(accounts.len() + left_out)
        )
    };
    let rows = accounts.into_iter().map(|account| HeatRow {
        account: account.id.to_string(),
        ou: account.ou_path.known().map_or_else(|| UNKNOWN.to_owned(), |path| sanitize(path)),
        name: account.name.known().map_or_else(|| "not known".to_owned(), |name| sanitize(name)),
        fields: regions
            .iter()
            .map(|region| {
                let key = (account.id, (*region).clone());
                field(region, input.assessment.by_registry.get(&key), input.facts.registry(&key))
            })
            .collect(),
        others: others(input, account.id, &regions),
    });
    let rows = rows.collect();
    Heat { regions: regions.iter().map(ToString::to_string).collect(), rows, note }
}

fn field(
    region: &RegionName,
    diagnoses: Option<&BTreeMap<Diagnosis, usize>>,
    registry: Option<&RegistryFacts>,
) -> HeatField {
    if let Some(diagnoses) = diagnoses.filter(|_| !listing::is_listed(registry)) {
        return HeatField {
            tone: tone(Tone::Question),
            word: listing::why(registry).to_owned(),
            detail: listing::shown(registry, diagnoses.values().sum()),
            region: Some(region.to_string()),
        };
    }
    if let Some((diagnoses, worst)) = diagnoses.and_then(|diagnoses| Some((diagnoses, diagnoses.keys().min()?))) {
        let info = worst.info();
        let detail = count(diagnoses.values().sum(), "repository");
        return HeatField {
            tone: tone(info.tone),
            word: info.title.to_owned(),
            detail,
            region: Some(region.to_string()),
        };
    }
    let (tone, word) = registry.map_or(("question", "not known"), |registry| quiet(&registry.outcome));
    HeatField { tone, word: word.to_owned(), detail: String::new(), region: None }
}

/// What a registry without a repository says.
fn quiet(outcome: &RegistryOutcome) -> (&'static str, &'static str) {
    match outcome {
        RegistryOutcome::Read => ("", "no repository"),
        RegistryOutcome::NotEnabled => ("", "not enabled"),
        RegistryOutcome::Skipped { .. } => ("", "skipped"),
        RegistryOutcome::Unreadable(_) => ("question", "not readable"),
        RegistryOutcome::NotReached => ("question", "not reached"),
    }
}

fn others(input: &Input<'_>, account: AccountId, shown: &[&RegionName]) -> HeatField {
    let mut words: BTreeMap<(&'static str, &'static str), usize> = BTreeMap::new();
    for registry in input.registries_of(account) {
        if shown.binary_search(&&registry.region).is_err() {
            *words.entry(quiet(&registry.outcome)).or_default() += 1;
        }
    }
    let open = words.keys().any(|(tone, _)| !tone.is_empty());
    let parts: Vec<String> = words.iter().map(|((_, word), number)| format!("{number} {word}")).collect();
    HeatField { tone: if open { "question" } else { "" }, word: String::new(), detail: parts.join(", "), region: None }
}
