//! What a plan is made of.

use std::fmt;

use jiff::Timestamp;
use scangap_model::{AccountId, Diagnosis, Observed, Partition, RegionName, RepositoryName};

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
    /// `Absent`: the account is in none.
    pub organization_id: Observed<String>,
    /// What was asked for, as JSON.
    pub wishes: serde_json::Value,
    /// The program that made the plan; `tool_version` is the one that audited.
    pub planned_by: String,
    pub previous_facts_sha256: Option<String>,
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
    /// Repositories in scope that something could be done about, and that nobody asked about.
    pub not_asked: usize,
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
    pub fn nothing(&self) -> Option<String> {
        if !self.policies.is_empty() {
            return None;
        }
        let (refused, undecided) = (!self.refused.is_empty(), !self.undecided.is_empty());
        let text = match (refused, undecided, self.not_asked, self.repositories, self.complete) {
            (true, ..) => "Nothing is planned: what would help is refused, for the reasons named.".to_owned(),
            (false, true, ..) => "Nothing is planned: what is left must be decided by a person.".to_owned(),
            (false, false, 1.., ..) => format!(
                "Nothing is planned for what was asked; {} in scope could be helped and was not asked about.",
                match self.not_asked {
                    1 => "1 repository".to_owned(),
                    number => format!("{number} repositories"),
                }
            ),
            (false, false, 0, 0, true) => "Nothing to do: there are no repositories in scope.".to_owned(),
            (false, false, 0, 0, false) => {
                "Nothing was evaluated: no repository in scope was found, and not everything could be read.".to_owned()
            }
            (false, false, 0, _, false) => {
                "Nothing to do among what was read; some facts could not be learnt, and may hide more (gaps.csv)."
                    .to_owned()
            }
            (false, false, 0, _, true) => {
                "Nothing to do: no policy in scope keeps Inspector out, and no repository is stale.".to_owned()
            }
        };
        Some(text)
    }
}
