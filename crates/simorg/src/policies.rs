//! What is true of a policy's text, in a place: as the scenario states it, or as the judge says.

use std::collections::BTreeMap;
use std::sync::Arc;

use scangap_model::{AccountId, Partition, RegionName, inspector_role_arn};
use serde_json::Value;

use crate::scenario::{PolicySpec, Scenario};
use crate::truth::{Judge, Question, Standing, Truth};

impl Truth {
    const fn of(policy: &PolicySpec) -> Self {
        Self { inspector: policy.inspector, auditor: policy.auditor, writer: policy.writer }
    }
}

/// What two texts of one policy share: ECR gives back what it stored in a form of its own.
fn meaning(text: &str) -> String {
    fn form(value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let sorted: BTreeMap<&String, Value> =
                    members.iter().map(|(name, member)| (name, form(member))).collect();
                serde_json::json!(sorted)
            }
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(form).collect();
                items.sort_by_key(Value::to_string);
                if items.len() == 1 { items.remove(0) } else { Value::Array(items) }
            }
            other => other.clone(),
        }
    }
    serde_json::from_str::<Value>(text).map_or_else(|_| text.to_owned(), |value| form(&value).to_string())
}

/// Texts that nobody could judge, of which so many are kept.
const UNJUDGED_KEPT: usize = 100;

/// The policies that a scenario states, and what is true of them.
#[derive(Debug)]
pub(crate) struct StatedPolicies {
    by_name: BTreeMap<String, PolicySpec>,
    organization: String,
    /// Those that read the same everywhere, by meaning.
    everywhere: BTreeMap<String, Truth>,
    /// Names of those that have the account or the region in them.
    of_places: Vec<String>,
}

impl StatedPolicies {
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let organization = scenario.organization.id.clone();
        let named = scenario.policies.iter().map(|policy| (policy.name.clone(), policy.clone()));
        let by_name: BTreeMap<String, PolicySpec> = named.collect();
        let (of_places, everywhere): (Vec<_>, Vec<_>) = by_name.values().partition(|policy| policy.has_places());
        Self {
            everywhere: everywhere
                .into_iter()
                .map(|policy| (meaning(&policy.text.replace(ORGANIZATION, &organization)), Truth::of(policy)))
                .collect(),
            of_places: of_places.into_iter().map(|policy| policy.name.clone()).collect(),
            by_name,
            organization,
        }
    }

    /// The text of a policy as it is in a registry, and the truth about it.
    pub(crate) fn at(&self, name: &str, account: AccountId, region: &RegionName) -> Option<(String, Truth)> {
        let policy = self.by_name.get(name)?;
        let role = || inspector_role_arn(Partition::of_region(region.as_str()), account);
        let mut text = policy.text.replace(ORGANIZATION, &self.organization);
        if policy.has_places() {
            text = text.replace(ACCOUNT, account.as_str()).replace(REGION, region.as_str()).replace(ROLE, &role());
        }
        Some((text, Truth::of(policy)))
    }

    /// What is true of a text in a registry, if the scenario states it.
    fn about(&self, text: &str, account: AccountId, region: &RegionName) -> Option<Truth> {
        let here: Vec<(String, Truth)> =
            self.of_places.iter().filter_map(|name| self.at(name, account, region)).collect();
        // Most texts are as the scenario has them; the others are those that a client has set.
        if let Some((_, truth)) = here.iter().find(|(stated, _)| stated == text) {
            return Some(*truth);
        }
        let meant = meaning(text);
        let same = || here.iter().find(|(stated, _)| meaning(stated) == meant).map(|(_, truth)| *truth);
        self.everywhere.get(&meant).copied().or_else(same)
    }
}

const ACCOUNT: &str = "{{account}}";
const REGION: &str = "{{region}}";
const ORGANIZATION: &str = "{{organization}}";
const ROLE: &str = "{{inspector_role}}";

impl PolicySpec {
    fn has_places(&self) -> bool {
        [ACCOUNT, REGION, ROLE].iter().any(|place| self.text.contains(place))
    }
}

/// What is true of each text that is met.
#[derive(Debug)]
pub(crate) struct PolicyTruth {
    stated: Arc<StatedPolicies>,
    judge: Option<Judge>,
    /// The last texts that nobody could judge: a test that meets one fails by name.
    pub(crate) unjudged: Vec<String>,
}

impl PolicyTruth {
    pub(crate) fn new(stated: Arc<StatedPolicies>, judge: Option<Judge>) -> Self {
        Self { stated, judge, unjudged: Vec::new() }
    }

    pub(crate) fn about(&mut self, question: &Question<'_>) -> Option<Truth> {
        if let Some(truth) = self.stated.about(question.policy, question.account, question.region) {
            return Some(truth);
        }
        let judged = self.judge.as_ref().and_then(|judge| (judge.0)(question));
        if judged.is_none() {
            if self.unjudged.len() >= UNJUDGED_KEPT {
                self.unjudged.remove(0);
            }
            self.unjudged.push(question.policy.to_owned());
        }
        judged.map(|inspector| Truth { inspector, auditor: Standing::Allowed, writer: Standing::Allowed })
    }
}
