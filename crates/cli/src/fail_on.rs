//! What `--fail-on` names, and the exit code that follows.

use scangap_assess::Assessment;
use scangap_model::{DIAGNOSES, Diagnosis, Verdict};

use crate::error::CliError;
use crate::exit::Exit;

/// What `--fail-on` names.
#[derive(Debug, Default)]
pub(crate) struct FailOn {
    diagnoses: Vec<Diagnosis>,
    registry: bool,
}

impl FailOn {
    pub(crate) fn parse(words: &[String]) -> Result<Self, CliError> {
        let mut fail_on = Self::default();
        for word in words {
            match (word.as_str(), Diagnosis::from_word(word)) {
                ("any", _) => {
                    fail_on.registry = true;
                    fail_on.diagnoses.extend(DIAGNOSES.iter().filter(|info| info.fails_any).map(|info| info.diagnosis));
                }
                ("registry", _) => fail_on.registry = true,
                (_, Some(diagnosis)) => fail_on.diagnoses.push(diagnosis),
                (wrong, None) => {
                    let known: Vec<&str> = DIAGNOSES.iter().map(|info| info.word).chain(["registry", "any"]).collect();
                    let nearest = known
                        .iter()
                        .max_by(|a, b| strsim::jaro_winkler(a, wrong).total_cmp(&strsim::jaro_winkler(b, wrong)));
                    return Err(CliError::BadValue {
                        value: wrong.to_owned(),
                        expected: "a diagnosis",
                        hint: format!(
                            "did you mean `{}`? --fail-on takes {}",
                            nearest.unwrap_or(&"any"),
                            known.join(", ")
                        ),
                    });
                }
            }
        }
        Ok(fail_on)
    }

    pub(crate) fn reached(&self, assessment: &Assessment) -> Exit {
        let counts = assessment.counts();
        let met = |diagnosis: &&Diagnosis| counts.contains_key(*diagnosis);
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
