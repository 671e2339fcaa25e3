//! What was found in the files, as every format reports it.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::declared::DeployedTo;
use crate::source::Place;

/// Everything that a run of the gate came to.
#[derive(Debug, Default)]
pub struct GateReport {
    pub findings: Vec<Finding>,
    /// Files that could not be read.
    pub problems: Vec<FileProblem>,
    /// Files that name ECR's resources in a form that is not read.
    pub unrecognized: Vec<String>,
    pub files_read: usize,
    pub policies_judged: usize,
    /// By verdict or finding: `allowed`, `blocked`, and so on.
    pub counts: BTreeMap<String, usize>,
    /// Exceptions that match nothing any more, or are past.
    pub exceptions: Vec<ExceptionNote>,
}

impl GateReport {
    /// Files that were not read, or not all of which is understood.
    pub fn unread_files(&self) -> usize {
        self.problems.iter().map(|problem| &problem.place.file).collect::<BTreeSet<_>>().len()
    }
}

#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule: a diagnosis, `unknown_until_apply`, or a mistake's code.
    pub code: String,
    pub level: Level,
    /// One sentence.
    pub message: String,
    pub place: Place,
    pub end: Place,
    /// Of the whole resource.
    pub resource: (Place, Place),
    /// The resource's address; empty for a file that is the policy.
    pub address: String,
    /// The statement that decides, as it is named.
    pub statement: Option<String>,
    /// The statement's lines with each element underlined.
    pub excerpt: String,
    /// Lines to add, in the file's own language.
    pub repair: Option<String>,
    /// The same as changes of the file's text; all of them together.
    pub replacements: Vec<Replacement>,
    /// The same as long as the address, the rule and the statement are, wherever they move.
    pub fingerprint: String,
    /// A decision to accept it.
    pub excepted: Option<Exception>,
    /// Counts for the exit code.
    pub fails: bool,
    /// Where it is deployed, as far as that is known.
    pub deployed: DeployedTo,
    pub repository: Option<String>,
}

/// How much a finding says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warning,
    Note,
}

#[derive(Debug, Clone)]
pub struct Replacement {
    pub start: Place,
    pub end: Place,
    pub text: String,
}

/// A decision to accept a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    pub reason: String,
    /// The last day, as it is written.
    pub until: String,
    /// `a comment in main.tf, line 12`, `scangap-baseline.json`, `scangap.toml`.
    pub source: String,
}

/// An exception that does nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExceptionNote {
    pub source: String,
    /// `matches nothing`, `expired on 2026-10-01`.
    pub what: String,
}

/// A file that could not be read, or not as what it is.
#[derive(Debug, Clone)]
pub struct FileProblem {
    pub place: Place,
    pub message: String,
}

/// A rule that findings name.
#[derive(Debug, Clone)]
pub struct Rule {
    pub code: String,
    pub level: Level,
    /// One line.
    pub title: String,
    /// What is wrong, and what to do.
    pub help: String,
}

impl Level {
    /// As SARIF names it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// The same for the same parts.
pub fn fingerprint(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\u{0}"));
    digest.iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
