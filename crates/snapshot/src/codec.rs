//! Facts to columns and back: the only place that knows how `Observed` is spelt in SQL.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use scangap_model::{Asked, Gap, Observed, RescanDurations};
use sha2::{Digest, Sha256};

pub(crate) const KNOWN: &str = "known";
pub(crate) const ABSENT: &str = "absent";
pub(crate) const NOT_NEEDED: &str = "not needed";
const GAP: &str = "gap:";

/// A value, and how it is known.
pub(crate) type Column = (Option<String>, Cow<'static, str>);

/// Makes columns of facts, and keeps the gaps met on the way to the table.
#[derive(Default)]
pub(crate) struct Encoder {
    pub(crate) gaps: BTreeMap<String, Gap>,
}

impl Encoder {
    pub(crate) fn gap(&mut self, gap: &Gap) -> String {
        let id = gap_id(gap);
        self.gaps.entry(id.clone()).or_insert_with(|| gap.clone());
        id
    }

    pub(crate) fn observed<T: ToString>(&mut self, fact: &Observed<T>) -> Column {
        self.observed_as(fact, ToString::to_string)
    }

    pub(crate) fn observed_as<T>(&mut self, fact: &Observed<T>, text: impl FnOnce(&T) -> String) -> Column {
        match fact {
            Observed::Known(value) => (Some(text(value)), Cow::Borrowed(KNOWN)),
            Observed::Absent => (None, Cow::Borrowed(ABSENT)),
            Observed::Unknown(gap) => (None, Cow::Owned(format!("{GAP}{}", self.gap(gap)))),
        }
    }

    pub(crate) fn asked<T: ToString>(&mut self, fact: &Asked<T>) -> Column {
        self.asked_as(fact, ToString::to_string)
    }

    pub(crate) fn asked_as<T>(&mut self, fact: &Asked<T>, text: impl FnOnce(&T) -> String) -> Column {
        match fact {
            Asked::NotNeeded => (None, Cow::Borrowed(NOT_NEEDED)),
            Asked::Answered(observed) => self.observed_as(observed, text),
        }
    }
}

/// A gap's key as a short, stable name: the same gap of two runs has the same id.
pub(crate) fn gap_id(gap: &Gap) -> String {
    let (account, region, api, resource) = gap.key();
    let account = account.map(|id| id.to_string()).unwrap_or_default();
    let key = format!("{account}\n{}\n{api}\n{resource}", region.map(ToString::to_string).unwrap_or_default());
    hex(&Sha256::digest(key)).chars().take(16).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Columns back to facts. What does not fit is named by its column.
#[derive(Debug)]
pub(crate) struct Decoder {
    pub(crate) gaps: BTreeMap<String, Gap>,
}

/// A stored value that no version of scangap writes.
#[derive(Debug)]
pub(crate) struct BadValue(pub(crate) String);

impl Decoder {
    pub(crate) fn asked<T>(
        &self,
        value: Option<&str>,
        state: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Asked<T>, BadValue> {
        if state == NOT_NEEDED {
            return Ok(Asked::NotNeeded);
        }
        self.observed(value, state, parse).map(Asked::Answered)
    }

    pub(crate) fn observed<T>(
        &self,
        value: Option<&str>,
        state: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Observed<T>, BadValue> {
        match (state, value) {
            (KNOWN, Some(text)) => parse(text).map(Observed::Known).ok_or_else(|| BadValue(text.to_owned())),
            (ABSENT, None) => Ok(Observed::Absent),
            (state, None) => {
                let id = state.strip_prefix(GAP).ok_or_else(|| BadValue(state.to_owned()))?;
                self.gaps.get(id).cloned().map(Observed::unknown).ok_or_else(|| BadValue(state.to_owned()))
            }
            (state, Some(text)) => Err(BadValue(format!("{state} {text}"))),
        }
    }
}

pub(crate) fn durations_text(durations: &RescanDurations) -> String {
    serde_json::json!([durations.push, durations.pull, durations.pull_mode]).to_string()
}

pub(crate) fn durations(text: &str) -> Option<RescanDurations> {
    let [push, pull, pull_mode] = serde_json::from_str(text).ok()?;
    Some(RescanDurations { push, pull, pull_mode })
}

pub(crate) fn json_list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    serde_json::Value::from(texts).to_string()
}

pub(crate) fn from_json_list<T: std::str::FromStr>(text: &str) -> Option<Vec<T>> {
    let texts: Vec<String> = serde_json::from_str(text).ok()?;
    texts.into_iter().map(|text| text.parse().ok()).collect()
}
