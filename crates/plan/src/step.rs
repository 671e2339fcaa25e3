//! What a plan is made of.

use std::fmt::Write;
use std::sync::Arc;

use jiff::Timestamp;
use scangap_assess::{SharedCause, WriteAccess};
use scangap_model::{AccountId, Diagnosis, Observed, Partition, RegionName, RepositoryName, Verdict, plain_name};
use similar::TextDiff;

use crate::counted::Counted;
use crate::file::v2::RequestedJson;
use crate::refusal::Refused;
use crate::resync::ResyncStep;

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

    /// What these destroy together.
    pub(crate) fn of(steps: &[ResyncStep]) -> Self {
        let sum = |number: fn(&ResyncStep) -> u64| Counted::Number(steps.iter().map(number).sum());
        Self {
            findings: sum(|step| step.losses.findings),
            images: sum(|step| step.losses.images),
            images_not_rescanned: sum(|step| step.losses.not_rescanned.len() as u64),
            repositories: sum(|step| step.losses.repositories),
        }
    }
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
    /// The same as causes, of the repository's own policy: what the repair takes away.
    pub causes: Vec<Arc<SharedCause>>,
    /// Whether the write role, by this name or whatever it is called, gets through the policy as it is.
    pub write_role_name: Option<String>,
    pub write_access: WriteAccess,
    /// The text as it was read, and as it would be.
    pub before: String,
    pub after: String,
    /// Who else writes this policy: it must be repaired there too, or it comes back.
    pub sources: Vec<String>,
    /// Where nobody looked for another writer: tags that were not read, templates that could not be.
    pub sources_not_looked_for: Vec<&'static str>,
}

impl PolicyStep {
    /// Whether the write role gets through the policy as it is, in a sentence.
    pub fn who_gets_through(&self) -> String {
        let who = match &self.write_role_name {
            Some(name) => format!("the write role {name}"),
            None => "a role of the account, whatever its name,".to_owned(),
        };
        in_words(&self.write_access, &who)
    }

    /// Where the step's policies stand in the plan's folder.
    pub(crate) fn folder(&self) -> String {
        format!("policies/{}", self.folder_name())
    }

    /// The step's id keeps repositories apart.
    pub(crate) fn folder_name(&self) -> String {
        let name = plain_name(self.repository.as_str());
        format!("{}-{}{}{name}", self.id, self.account, if name.is_empty() { "" } else { "-" })
    }

    /// A unified difference that `patch` takes.
    pub(crate) fn difference(&self) -> String {
        TextDiff::from_lines(&self.before, &self.after)
            .unified_diff()
            .context_radius(3)
            .header("before.json", "after.json")
            .to_string()
    }

    /// The same to read: a policy that is one line is printed in lines first.
    pub(crate) fn readable_difference(&self) -> String {
        let (before, after) = (printed(&self.before), printed(&self.after));
        let difference = TextDiff::from_lines(&before, &after);
        difference.unified_diff().context_radius(3).missing_newline_hint(false).to_string()
    }
}

/// One line per value, where the author left all in one.
fn printed(text: &str) -> String {
    if text.trim().contains('\n') {
        return text.to_owned();
    }
    let value = serde_json::from_str::<serde_json::Value>(text);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| text.to_owned())
}

/// What policies say to a change by the write role.
pub fn in_words(access: &WriteAccess, who: &str) -> String {
    let by = access.responsible_statements.join(", ");
    match access.verdict {
        Verdict::Allowed => format!("{who} gets through the policies as they are"),
        Verdict::Denied => format!(
            "{who} does NOT get through the policies as they are ({by}): make the change as a principal that they let through"
        ),
        Verdict::Depends => {
            let keys = access.depends_on.join(", ");
            format!("whether {who} gets through the policies as they are depends on {keys} ({by})")
        }
        Verdict::Unknown => format!("whether {who} gets through is not known: the registry's policy was not read"),
    }
}

/// A repository that a person must decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    pub account: AccountId,
    pub account_name: Option<String>,
    pub region: RegionName,
    pub repository: RepositoryName,
    pub depends_on: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// `Absent`: the account is in none.
    pub organization_id: Observed<String>,
    /// What was asked for.
    pub request: RequestedJson,
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
    pub resyncs: Vec<ResyncStep>,
    /// What was counted for them; `None` where nobody counted.
    pub losses_sha256: Option<String>,
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
            "Plan: {}, {}, {} refused, {} undecided",
            match self.policies.len() {
                1 => "1 policy to change".to_owned(),
                number => format!("{number} policies to change"),
            },
            match self.resyncs.len() {
                1 => "1 registry to re-sync".to_owned(),
                number => format!("{number} registries to re-sync"),
            },
            self.refused.len(),
            self.undecided.len()
        )
    }

    pub fn has_steps(&self) -> bool {
        !self.policies.is_empty() || !self.resyncs.is_empty()
    }

    /// What re-syncs destroy, in words, wherever the plan is shown. `None` where there is none.
    pub fn warning(&self) -> Option<String> {
        if self.resyncs.is_empty() {
            return None;
        }
        let oldest = self.resyncs.iter().filter_map(|step| step.losses.oldest_first_observed).min();
        let suppressed: u64 = self.resyncs.iter().map(|step| step.losses.suppressed).sum();
        let whole = self.resyncs.iter().filter(|step| step.losses.only_scan_type).count();
        let of = |number: Counted, one: &str, more: &str| match number {
            Counted::Number(1) => format!("1 {one}"),
            number => format!("{number} {more}"),
        };
        let registries = Counted::Number(u64::try_from(self.resyncs.len()).unwrap_or(u64::MAX));
        let mut text = format!(
            "WARNING: re-syncing {} DELETES {} for good ({suppressed} of them suppressed{}), and with them their dates; the scans of {} go and are made anew where that is possible; {} LOSES COVERAGE; {} fine now, and scanned anew with the others.",
            of(registries, "registry", "registries"),
            of(self.losses.findings, "finding", "findings"),
            oldest.map_or_else(String::new, |oldest| format!(", the oldest first seen {oldest:.0}")),
            of(self.losses.images, "image", "images"),
            of(self.losses.images_not_rescanned, "image", "images"),
            of(self.losses.repositories, "repository is", "repositories are"),
        );
        if self.losses.images_not_rescanned != Counted::Number(1) {
            text = text.replace("LOSES COVERAGE", "LOSE COVERAGE");
        }
        if whole > 0 {
            let _ = write!(
                text,
                " In {} ECR is the only scan type: Inspector's settings and suppression rules go too.",
                of(Counted::Number(u64::try_from(whole).unwrap_or(u64::MAX)), "registry", "registries")
            );
        }
        Some(text)
    }

    /// Why there is nothing to do, where there is not: "all is well" and "nobody could see" are two things.
    pub fn nothing(&self) -> Option<String> {
        if self.has_steps() {
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
