//! What `--fail-on` names, and the exit code that follows.

use std::collections::BTreeMap;

use scangap_assess::Assessment;
use scangap_model::{DIAGNOSES, Diagnosis, Verdict};

use crate::exit::Exit;
use crate::values::BadValue;

/// What `--fail-on` names.
#[derive(Debug, Default)]
pub(crate) struct FailOn {
    diagnoses: Vec<Diagnosis>,
    registry: bool,
}

/// A word of `--fail-on`.
#[derive(Debug, Clone, Copy)]
pub enum FailWord {
    /// Every diagnosis that is a failure, and registry policies.
    Any,
    Registry,
    Diagnosis(Diagnosis),
}

pub(crate) fn word(text: &str) -> Result<FailWord, BadValue> {
    match (text, Diagnosis::from_word(text)) {
        ("any", _) => Ok(FailWord::Any),
        ("registry", _) => Ok(FailWord::Registry),
        (_, Some(diagnosis)) => Ok(FailWord::Diagnosis(diagnosis)),
        (_, None) => {
            let known: Vec<&str> = DIAGNOSES.iter().map(|info| info.word).chain(["registry", "any"]).collect();
            let likeness = |word: &str| strsim::jaro_winkler(word, text);
            let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or(&"any");
            let hint = format!("did you mean `{nearest}`? --fail-on takes {}", known.join(", "));
            Err(BadValue::new(text, "a diagnosis", hint))
        }
    }
}

impl FailOn {
    pub(crate) fn of(words: &[FailWord]) -> Self {
        let mut fail_on = Self::default();
        for word in words {
            match word {
                FailWord::Any => {
                    fail_on.registry = true;
                    fail_on.diagnoses.extend(DIAGNOSES.iter().filter(|info| info.fails_any).map(|info| info.diagnosis));
                }
                FailWord::Registry => fail_on.registry = true,
                FailWord::Diagnosis(diagnosis) => fail_on.diagnoses.push(*diagnosis),
            }
        }
        fail_on
    }

    /// What is accepted does not count.
    pub(crate) fn reached(&self, assessment: &Assessment, accepted: &BTreeMap<Diagnosis, usize>) -> Exit {
        let counts = assessment.counts();
        let met = |diagnosis: &&Diagnosis| counts.get(*diagnosis) > accepted.get(*diagnosis);
        let registry_policies = |verdict: Verdict| {
            self.registry && assessment.registries.iter().any(|registry| registry.registry_verdict == Some(verdict))
        };
        let undecided = self.diagnoses.iter().filter(|d| **d == Diagnosis::Undecided).any(|d| met(&d))
            || registry_policies(Verdict::Depends);
        let others = self.diagnoses.iter().filter(|d| **d != Diagnosis::Undecided).any(|d| met(&d))
            || registry_policies(Verdict::Denied);
        match (others, undecided) {
            (true, _) => Exit::Reached,
            (false, true) => Exit::UndecidedReached,
            (false, false) => Exit::Finished,
        }
    }
}
