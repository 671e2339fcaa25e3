//! What every machine-readable report begins with, and its counts, as typed data: what is written is what the published
//! schema says.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use scangap_model::{DIAGNOSES, Diagnosis, Observed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decision_counts::DecisionCounts;
use crate::input::Input;
use crate::summary::{GapGroup, Summary};

/// Of `audit.json` and `summary.json`. 2: `registries` instead of `cells`.
pub(super) const AUDIT_SCHEMA_VERSION: u64 = 2;

/// A fact in words: null is "there is none", `unknown` is "it could not be learnt".
fn word<T: ToString>(fact: &Observed<T>) -> Option<String> {
    match fact {
        Observed::Known(value) => Some(value.to_string()),
        Observed::Absent => None,
        Observed::Unknown(_) => Some("unknown".to_owned()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) enum Unknown {
    #[serde(rename = "unknown")]
    Unknown,
}

/// A number, or the word `unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum NumberOrUnknown {
    Number(u64),
    Unknown(Unknown),
}

fn words<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(T::to_string).collect()
}

/// What audit.json and summary.json begin with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// 2: `registries` instead of `cells`
    pub(super) schema_version: u64,
    /// whether any answer came from a host that is not AWS's
    pub(super) simulated: bool,
    /// whether everything in scope was learnt; of a shard: in its accounts
    pub(super) complete: bool,
    /// whether the audit was interrupted
    pub(super) interrupted: bool,
    /// the time that facts are judged at
    #[schemars(extend("format" = "date-time"))]
    pub(super) as_of: String,
    /// the identity of the snapshot: the hash of its facts
    pub(super) facts_sha256: String,
    pub(super) organization: OrganizationHead,
    /// what the audit was asked for; an empty list is everything
    pub(super) scope: ScopeHead,
}

/// Where a member is null, there is none; `unknown`: it could not be learnt
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrganizationHead {
    id: Option<String>,
    partition: String,
    management_account: Option<String>,
    inspector_administrator: Option<String>,
    accounts_in_organization: Option<NumberOrUnknown>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScopeHead {
    accounts: Vec<String>,
    exclude_accounts: Vec<String>,
    organizational_units: Vec<String>,
    regions: Vec<String>,
    /// `K/N`: only the accounts of this shard; null: all
    shard: Option<String>,
}

impl Head {
    pub(super) fn of(input: &Input<'_>) -> Self {
        let organization = &input.facts.organization;
        let scope = &organization.scope;
        Self {
            schema_version: AUDIT_SCHEMA_VERSION,
            simulated: input.simulated,
            complete: Summary::of(input).is_complete() && !input.interrupted,
            interrupted: input.interrupted,
            as_of: input.as_of.to_string(),
            facts_sha256: input.facts_sha256.to_owned(),
            organization: OrganizationHead {
                id: word(&organization.id),
                partition: organization.partition.as_str().to_owned(),
                management_account: word(&organization.management_account),
                inspector_administrator: word(&organization.inspector_admin),
                accounts_in_organization: match &organization.n_accounts {
                    Observed::Known(count) => Some(NumberOrUnknown::Number(*count)),
                    Observed::Absent => None,
                    Observed::Unknown(_) => Some(NumberOrUnknown::Unknown(Unknown::Unknown)),
                },
            },
            scope: ScopeHead {
                accounts: words(&scope.accounts),
                exclude_accounts: words(&scope.exclude_accounts),
                organizational_units: scope.organizational_units.clone(),
                regions: words(&scope.regions),
                shard: input.shard.map(|shard| shard.to_string()),
            },
        }
    }
}

/// Counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Counts {
    accounts: AccountCountsJson,
    registries: RegistryCountsJson,
    repositories: usize,
    /// registries whose list of repositories could not be read, and the repositories that are known of them all the same
    list_not_read: ListNotRead,
    images: ImageCountsJson,
    /// repositories by diagnosis
    diagnoses: IndexMap<String, usize>,
    /// registries whose registry policy denies an action of Inspector's
    registries_denying: usize,
    /// creation templates whose policy denies an action of Inspector's
    templates_denying: usize,
    /// repositories that were deleted while the audit ran
    vanished: u64,
    /// rows of coverage of repositories that there are not
    coverage_without_repository: u64,
    gaps: usize,
    /// what people signed for
    accepted: AcceptedJson,
    /// gaps with one cause, and what mends it
    gap_groups: Vec<GapGroupJson>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AccountCountsJson {
    in_scope: usize,
    read: usize,
    partly: usize,
    skipped: usize,
    unreadable: usize,
    not_reached: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RegistryCountsJson {
    total: usize,
    read: usize,
    not_enabled: usize,
    skipped: usize,
    unreadable: usize,
    not_reached: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListNotRead {
    registries: usize,
    repositories: usize,
    covered: usize,
    to_act_on: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ImageCountsJson {
    scanned: u64,
    not_scanned: u64,
    not_scanned_by_reason: BTreeMap<String, u64>,
    in_use_not_scanned: u64,
    /// repositories whose images could not be learnt
    repositories_unknown: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AcceptedJson {
    /// repositories by diagnosis
    diagnoses: BTreeMap<String, usize>,
    gaps: usize,
    /// acceptances whose day is past: these count again
    expired_diagnoses: BTreeMap<String, usize>,
    expired_gaps: usize,
    /// where the acceptances stand whose day is past
    expired: Vec<String>,
    /// acceptances that match nothing
    unmatched: Vec<String>,
    /// where the configuration and a workbook say different things
    disagreements: Vec<String>,
    /// decisions of a workbook that accept without a day or a reason: they do not count
    without_day_or_reason: usize,
}

impl AcceptedJson {
    fn of(decided: &DecisionCounts) -> Self {
        let by_word = |counts: &BTreeMap<Diagnosis, usize>| {
            counts.iter().map(|(diagnosis, number)| (diagnosis.word().to_owned(), *number)).collect()
        };
        Self {
            diagnoses: by_word(&decided.accepted),
            gaps: decided.gaps_accepted,
            expired_diagnoses: by_word(&decided.expired),
            expired_gaps: decided.gaps_expired,
            expired: decided.past.clone(),
            unmatched: decided.unmatched.clone(),
            disagreements: decided.disagreements.clone(),
            without_day_or_reason: decided.half,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GapGroupJson {
    api: String,
    kind: String,
    denied_by: String,
    gaps: usize,
    accounts: usize,
    regions: Vec<String>,
    policies: Vec<String>,
    hint: String,
}

impl Counts {
    pub(super) fn of(summary: &Summary, decided: &DecisionCounts) -> Self {
        let registries = &summary.registries;
        let of_diagnosis = |diagnosis| summary.diagnoses.get(diagnosis).copied().unwrap_or(0);
        let group = |group: &GapGroup| GapGroupJson {
            api: group.reads(),
            kind: group.kind.word().to_owned(),
            denied_by: group.cause.word().to_owned(),
            gaps: group.gaps,
            accounts: group.accounts,
            regions: group.regions.iter().map(ToString::to_string).collect(),
            policies: group.policies.clone(),
            hint: group.hint.clone(),
        };
        Self {
            accounts: AccountCountsJson {
                in_scope: summary.accounts,
                read: summary.accounts_read,
                partly: summary.accounts_partly,
                skipped: summary.accounts_skipped,
                unreadable: summary.accounts_unreadable,
                not_reached: summary.accounts_not_reached,
            },
            registries: RegistryCountsJson {
                total: registries.total(),
                read: registries.read,
                not_enabled: registries.not_enabled,
                skipped: registries.skipped,
                unreadable: registries.unreadable,
                not_reached: registries.not_reached,
            },
            repositories: summary.repositories,
            list_not_read: ListNotRead {
                registries: summary.unlisted.registries,
                repositories: summary.unlisted.repositories,
                covered: summary.unlisted.covered,
                to_act_on: summary.unlisted.to_act_on,
            },
            images: ImageCountsJson {
                scanned: summary.images.scanned,
                not_scanned: summary.images.not_scanned,
                not_scanned_by_reason: summary.images.reasons.clone(),
                in_use_not_scanned: summary.images.in_use_not_scanned,
                repositories_unknown: summary.images.repositories_unknown,
            },
            diagnoses: DIAGNOSES.iter().map(|info| (info.word.to_owned(), of_diagnosis(&info.diagnosis))).collect(),
            registries_denying: summary.registries_denying,
            templates_denying: summary.templates_denying,
            vanished: summary.vanished,
            coverage_without_repository: summary.coverage_without_repository,
            gaps: summary.gaps,
            accepted: AcceptedJson::of(decided),
            gap_groups: summary.gap_groups.iter().map(group).collect(),
        }
    }
}

/// `summary.json`: the head and the counts in one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct SummaryJson {
    #[serde(flatten)]
    pub(super) head: Head,
    #[serde(flatten)]
    pub(super) counts: Counts,
}
