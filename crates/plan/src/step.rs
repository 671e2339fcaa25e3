//! What a plan is made of.

use std::fmt;

use jiff::Timestamp;
use scangap_model::{AccountId, Diagnosis, Partition, RegionName, RepositoryName, Verdict};

use crate::refusal::Refused;

/// A number, or the word for one that nobody counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Number(u64),
    NotCounted,
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::NotCounted => f.write_str("not counted"),
        }
    }
}

/// What re-syncs destroy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Losses {
    pub findings: Counted,
    pub images: Counted,
    pub images_not_rescanned: Counted,
    pub repositories: Counted,
}

impl Losses {
    /// Nothing is re-synced, so nothing is lost.
    pub const NONE: Self = Self {
        findings: Counted::Number(0),
        images: Counted::Number(0),
        images_not_rescanned: Counted::Number(0),
        repositories: Counted::Number(0),
    };
    /// There is something to re-sync, and nobody has counted what that costs.
    pub const NOT_COUNTED: Self = Self {
        findings: Counted::NotCounted,
        images: Counted::NotCounted,
        images_not_rescanned: Counted::NotCounted,
        repositories: Counted::NotCounted,
    };
}

/// One repository's policy, repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyStep {
    /// `policy-0001`: its place in the plan.
    pub id: String,
    pub account: AccountId,
    pub account_name: Option<String>,
    pub region: RegionName,
    pub repository: RepositoryName,
    pub repository_arn: String,
    pub diagnosis: Diagnosis,
    pub responsible_statements: Vec<String>,
    /// The text as it was read, and as it would be.
    pub before: String,
    pub after: String,
    /// What the policies together decide with the new text. Never denied: such a step would help nobody.
    pub verdict_after: Verdict,
    /// Who else writes this policy: it must be repaired there too, or it comes back.
    pub sources: Vec<String>,
}

/// A repository that a person must decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    pub account: AccountId,
    pub region: RegionName,
    pub repository: RepositoryName,
    pub depends_on: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub organization_id: Option<String>,
    pub partition: Partition,
    /// The snapshot that it was made from.
    pub facts_sha256: String,
    pub as_of: Timestamp,
    pub tool_version: String,
    pub simulated: bool,
    /// Whether everything in scope was learnt: what was not could need a step as well.
    pub complete: bool,
    pub repositories: usize,
    pub policies: Vec<PolicyStep>,
    /// Cells that would be re-synced. None can be until their losses are counted.
    pub refused: Vec<Refused>,
    pub undecided: Vec<Undecided>,
    pub losses: Losses,
}

impl Plan {
    /// The last line on the terminal.
    pub fn summary(&self) -> String {
        format!(
            "Plan: {}, 0 cells to re-sync, {} refused, {} undecided",
            match self.policies.len() {
                1 => "1 policy to change".to_owned(),
                number => format!("{number} policies to change"),
            },
            self.refused.len(),
            self.undecided.len()
        )
    }

    /// Why there is nothing to do, where there is not: "all is well" and "nobody could see" are two things.
    pub fn nothing(&self) -> Option<&'static str> {
        if !self.policies.is_empty() {
            return None;
        }
        Some(match (self.refused.is_empty(), self.undecided.is_empty(), self.repositories, self.complete) {
            (false, ..) => "Nothing is planned: what would help is refused, for the reasons above.",
            (true, false, ..) => "Nothing is planned: what is left must be decided by a person.",
            (true, true, 0, true) => "Nothing to do: there are no repositories in scope.",
            (true, true, 0, false) => "Nothing was evaluated: no repository could be read.",
            (true, true, _, false) => {
                "Nothing to do among what was read; some facts could not be learnt, and may hide more (gaps.csv)."
            }
            (true, true, _, true) => {
                "Nothing to do: no policy in scope keeps Inspector out, and no repository is stale."
            }
        })
    }
}
