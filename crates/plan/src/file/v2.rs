//! `plan.json`, member by member. Versions 1 and 2 have `wishes` and `way_back`, which are
//! `requested` and `undo` now; the re-syncs of version 1 are of the kind `resync_cell`.

use schemars::JsonSchema;
use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::counted::Counted;

/// A plan: what would be changed, where, and how it is undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A scangap plan")]
pub struct PlanJson {
    pub schema_version: u64,
    /// Null: the account is in no organization; `unknown`: it could not be described.
    pub organization_id: Option<String>,
    pub partition: String,
    /// Of the snapshot that the plan was made from.
    pub facts_sha256: String,
    pub as_of: String,
    /// The program that audited.
    pub tool_version: String,
    /// The program that planned.
    pub planned_by: String,
    /// Of what was counted for it; null: nothing was counted.
    pub losses_sha256: Option<String>,
    /// What re-syncs destroy, in a sentence; null: the plan has none.
    pub warning: Option<String>,
    /// The earlier snapshot that was named.
    pub previous_facts_sha256: Option<String>,
    #[serde(alias = "wishes")]
    pub requested: RequestedJson,
    /// Whether any answer came from a host that is not AWS's; such a plan is refused at AWS.
    pub simulated: bool,
    /// Whether everything in scope was learnt.
    pub complete: bool,
    pub losses: TotalsJson,
    pub steps: Vec<StepJson>,
    pub refused: Vec<RefusedJson>,
    pub undecided: Vec<UndecidedJson>,
    /// SHA-256 over this object without this member, as JSON in UTF-8 in one line: no space after commas and colons, members in
    /// this order, nothing escaped that need not be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(required, with = "String", regex(pattern = r"^[0-9a-f]{64}$"))]
    pub plan_sha256: Option<String>,
}

/// What was asked for; empty lists mean all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestedJson {
    pub fix: bool,
    pub resync: bool,
    pub accounts: Vec<String>,
    pub organizational_units: Vec<String>,
    pub regions: Vec<String>,
    pub diagnoses: Vec<String>,
    pub blocklist: Vec<String>,
    pub only_scan_type: Vec<String>,
    pub write_role_name: Option<String>,
    pub min_age: String,
}

/// What all re-syncs of the plan destroy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TotalsJson {
    pub findings: Counted,
    pub images: Counted,
    pub images_not_rescanned: Counted,
    pub repositories: Counted,
}

const NOT_COUNTED: &str = "not counted";

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::NotCounted => serializer.serialize_str(NOT_COUNTED),
        }
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Count;
        impl Visitor<'_> for Count {
            type Value = Counted;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "a number or `{NOT_COUNTED}`")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Counted, E> {
                Ok(Counted::Number(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Counted, E> {
                if text == NOT_COUNTED {
                    Ok(Counted::NotCounted)
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(text), &self))
                }
            }
        }
        deserializer.deserialize_any(Count)
    }
}

impl JsonSchema for Counted {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"oneOf": [{"type": "integer", "minimum": 0}, {"const": NOT_COUNTED}]})
    }
}

/// A step of the plan, by its `kind`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum StepJson {
    Repair(Box<RepairJson>),
    Resync(Box<ResyncJson>),
}

/// Kinds of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    RepairPolicy,
    ResyncRegistry,
    /// As version 1 says it.
    ResyncCell,
}

impl<'de> Deserialize<'de> for StepJson {
    /// By the kind first, so that an error names the member of that kind, and not that none fits.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct KindAlone {
            kind: StepKind,
        }
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let KindAlone { kind } = serde_json::from_str(raw.get()).map_err(de::Error::custom)?;
        match kind {
            StepKind::RepairPolicy => inner(raw.get()).map(Self::Repair),
            StepKind::ResyncRegistry | StepKind::ResyncCell => inner(raw.get()).map(Self::Resync),
        }
    }
}

fn inner<T: de::DeserializeOwned, E: de::Error>(raw: &str) -> Result<T, E> {
    let mut json = serde_json::Deserializer::from_str(raw);
    serde_path_to_error::deserialize(&mut json)
        .map_err(|error| E::custom(format!("{}: {}", error.path(), error.inner())))
}

/// One repository's policy, repaired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepairJson {
    pub id: String,
    pub kind: StepKind,
    pub account_id: String,
    pub account_name: Option<String>,
    pub region: String,
    pub repository: String,
    pub repository_arn: String,
    pub diagnosis: String,
    pub responsible_statements: Vec<String>,
    /// The ids of the same as causes, which other repositories may share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    pub call: RepairCallJson,
    pub before_canonical_sha256: String,
    pub after_canonical_sha256: String,
    pub before_sha256: String,
    pub after_sha256: String,
    /// Below the plan's folder.
    pub before_file: String,
    pub after_file: String,
    pub policy_verdict_after: String,
    pub write_role: WriteRoleJson,
    /// Who else writes the policy: it is repaired there too, or it comes back.
    pub also_written_by: Vec<String>,
    pub sources_not_looked_for: Vec<String>,
    pub made_by: String,
    #[serde(alias = "way_back")]
    pub undo: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RepairCallJson {
    pub api: String,
    #[serde(rename = "as_account")]
    pub as_account: String,
    #[serde(rename = "as_role")]
    pub as_role: String,
    pub registry_id: String,
    pub repository_name: String,
}

/// Whether the role that writes gets through the policies as they are. Name null: judged for any role of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteRoleJson {
    pub name: Option<String>,
    pub verdict: String,
    pub statements: Vec<String>,
    pub depends_on: Vec<String>,
}

/// One registry, re-synced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResyncJson {
    pub id: String,
    pub kind: StepKind,
    pub account_id: String,
    pub account_name: Option<String>,
    pub region: String,
    pub repositories: Vec<String>,
    pub repository_policies: Vec<RepositoryPolicyJson>,
    /// Repositories whose images are not scanned again, whatever their age.
    pub not_let_in: Vec<String>,
    pub diagnosis: String,
    /// Repairs without which it would take images out of scanning.
    pub needs_first: Vec<String>,
    pub stale_since: String,
    /// The account that calls Disable and Enable.
    pub toggled_from: String,
    pub losses: LossesJson,
    pub losses_counted_at: String,
    pub calls: Vec<ResyncCallJson>,
    pub preconditions: PreconditionsJson,
    pub gentler_first: Vec<GentlerJson>,
    /// Of `before` in one line.
    pub before_sha256: String,
    /// The registry's scanning configuration, as it is put back.
    pub before: ScanningJson,
    /// Of the registry policy in canonical form; null: there is none.
    pub registry_policy_sha256: Option<String>,
    #[serde(alias = "way_back")]
    pub undo: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepositoryPolicyJson {
    pub repository: String,
    /// Null: it has none.
    pub policy_canonical_sha256: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResyncCallJson {
    pub api: String,
    pub as_account: String,
    pub as_role: String,
    pub region: String,
    #[serde(rename = "accountIds", default, skip_serializing_if = "Option::is_none")]
    pub account_ids: Option<Vec<String>>,
    #[serde(rename = "resourceTypes", default, skip_serializing_if = "Option::is_none")]
    pub resource_types: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_if: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreconditionsJson {
    pub organization_policy: String,
    pub permissions: Vec<String>,
    pub registry_policy: String,
    pub change_under_way: String,
}

/// What may help without a re-sync, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GentlerJson {
    pub what: String,
    pub known: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScanningJson {
    pub scan_type: String,
    pub rules: Vec<ScanRuleJson>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScanRuleJson {
    pub frequency: String,
    pub filters: Vec<String>,
}

/// What a re-sync of a registry destroys, counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LossesJson {
    pub findings: u64,
    pub findings_by: Vec<FindingsByJson>,
    pub suppressed: u64,
    pub oldest_first_observed: Option<String>,
    pub images: u64,
    pub images_not_rescanned: u64,
    pub not_rescanned: Vec<LostImageJson>,
    pub windows: WindowsJson,
    pub helps: HelpsJson,
    pub repositories: u64,
    pub only_scan_type: bool,
    pub suppression_rules: Vec<String>,
    pub rescan_cost: CostJson,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingsByJson {
    pub severity: String,
    pub status: String,
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LostImageJson {
    pub repository: String,
    pub digest: String,
    pub pushed_at: Option<String>,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowsJson {
    pub fixed_days: u64,
    pub beyond_fixed: u64,
    pub configured: Option<String>,
    pub beyond_configured: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HelpsJson {
    pub images_within_fixed_window: u64,
    pub images_within_configured_window: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostJson {
    pub images: u64,
    pub amount: String,
    pub currency: String,
    pub price_source: String,
}

/// What is not planned, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefusedJson {
    /// `repair` or `resync`.
    pub what: String,
    pub account_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
    pub region: String,
    pub repositories: Vec<String>,
    pub diagnosis: String,
    pub code: String,
    pub why: String,
    /// What it would have destroyed; null: nothing, or it was not counted.
    pub losses: Option<LossesJson>,
}

/// A repository that a person must decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UndecidedJson {
    pub account_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
    pub region: String,
    pub repository: String,
    pub depends_on: Vec<String>,
}
