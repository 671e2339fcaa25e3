//! Who gets through a policy: stated by scenarios, or by a judge that the caller injects. Never computed here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use scangap_model::{AccountId, RegionName};
use serde::Deserialize;
use serde_json::Value;

/// What a policy does to one caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Allowed,
    Denied,
}

/// About whom and where the judge is asked.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    pub policy: &'a str,
    pub account: AccountId,
    pub region: &'a RegionName,
    pub repository: &'a str,
}

/// Answers for Inspector's role, for texts that no scenario lists. `None`: it cannot tell.
#[derive(Clone)]
pub struct Judge(pub Arc<Answer>);

/// The judge itself.
pub type Answer = dyn Fn(&Question<'_>) -> Option<Standing> + Send + Sync;

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge")
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Truth {
    pub(crate) inspector: Standing,
    pub(crate) auditor: Standing,
    pub(crate) writer: Standing,
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

/// What is true of each text that is known.
#[derive(Debug, Default)]
pub(crate) struct PolicyTruth {
    /// By meaning.
    listed: BTreeMap<String, Truth>,
    judge: Option<Judge>,
    /// The last texts that nobody could judge: a test that meets one fails by name.
    pub(crate) unjudged: Vec<String>,
}

impl PolicyTruth {
    pub(crate) fn new(judge: Option<Judge>) -> Self {
        Self { listed: BTreeMap::new(), judge, unjudged: Vec::new() }
    }

    pub(crate) fn list(&mut self, text: &str, truth: Truth) {
        self.listed.insert(meaning(text), truth);
    }

    pub(crate) fn about(&mut self, question: &Question<'_>) -> Option<Truth> {
        if let Some(truth) = self.listed.get(&meaning(question.policy)) {
            return Some(*truth);
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
