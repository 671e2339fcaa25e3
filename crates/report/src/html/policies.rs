//! Policies that keep Inspector out: each text once an account, with the statements marked, the repair, and the commands.

use std::collections::BTreeMap;

use scangap_assess::{PolicyEvidence, policy_evidence};
use scangap_model::AccountId;
use sha2::{Digest, Sha256};
use similar::{ChangeTag, TextDiff};

use crate::input::{Input, RepositoryRow};
use crate::terminal::{count, sanitize};

/// Policies that the page shows; the rest are in the snapshot, and the page says so.
const POLICIES_MAX: usize = 500;
/// Repositories that are named beside a policy.
const NAMED_MAX: usize = 50;

pub(super) struct PolicyView {
    pub(super) anchor: String,
    pub(super) heading: String,
    pub(super) repositories: String,
    pub(super) lines: Vec<LineView>,
    pub(super) repair: Result<Vec<ChangeView>, String>,
    pub(super) command: String,
}

pub(super) struct LineView {
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) marked: bool,
}

pub(super) struct ChangeView {
    pub(super) sign: &'static str,
    pub(super) text: String,
}

/// Where a repository's policy stands on the page.
pub(super) struct Anchors {
    by_policy: BTreeMap<(AccountId, String), String>,
    not_shown: usize,
}

impl Anchors {
    pub(super) fn of(&self, row: &RepositoryRow<'_>) -> Option<String> {
        self.by_policy.get(&key(row)?).cloned()
    }
}

/// A text is repaired with the role of the account that it stands in.
fn key(row: &RepositoryRow<'_>) -> Option<(AccountId, String)> {
    Some((row.repository.account, row.repository.policy.known()?.to_string()))
}

pub(super) fn views(input: &Input<'_>, rows: &[RepositoryRow<'_>]) -> (Vec<PolicyView>, Anchors) {
    let mut order: Vec<(AccountId, String)> = Vec::new();
    let mut of_policy: BTreeMap<(AccountId, String), (PolicyEvidence, Vec<&RepositoryRow<'_>>)> = BTreeMap::new();
    for row in rows {
        let Some(key) = key(row) else { continue };
        if let Some((_, repositories)) = of_policy.get_mut(&key) {
            repositories.push(row);
        } else if let Some(evidence) = policy_evidence(input.facts, row.repository, input.as_of) {
            order.push(key.clone());
            of_policy.insert(key, (evidence, vec![row]));
        }
    }
    let mut anchors = Anchors { by_policy: BTreeMap::new(), not_shown: order.len().saturating_sub(POLICIES_MAX) };
    let mut views = Vec::new();
    for key in order.into_iter().take(POLICIES_MAX) {
        let Some((evidence, repositories)) = of_policy.remove(&key) else { continue };
        let digest = Sha256::digest(format!("{} {}", key.0, key.1));
        let anchor = digest.iter().take(8).fold("policy-".to_owned(), |text, byte| text + &format!("{byte:02x}"));
        views.push(view(anchor.clone(), &evidence, &repositories));
        anchors.by_policy.insert(key, anchor);
    }
    (views, anchors)
}

pub(super) fn note(views: &[PolicyView], anchors: &Anchors) -> String {
    if views.is_empty() {
        return "Among the repositories that need action, no policy that was read keeps Inspector out.".to_owned();
    }
    let rest = match anchors.not_shown {
        0 => String::new(),
        number => format!(" {number} more are in the snapshot: `scangap explain --snapshot` shows each."),
    };
    format!("Each text once an account: {}.{rest}", count(views.len(), "policy"))
}

fn view(anchor: String, evidence: &PolicyEvidence, repositories: &[&RepositoryRow<'_>]) -> PolicyView {
    let first = repositories.first();
    let account = first.map_or_else(String::new, |row| row.repository.account.to_string());
    let name = first.and_then(|row| row.account).and_then(|account| account.name.known()).map_or("", String::as_str);
    let named: Vec<String> = repositories
        .iter()
        .take(NAMED_MAX)
        .map(|row| format!("{} {}", row.repository.region, sanitize(row.repository.name.as_str())))
        .collect();
    let more = repositories.len().saturating_sub(NAMED_MAX);
    let more = if more == 0 { String::new() } else { format!(", and {more} more (repositories.csv)") };
    PolicyView {
        anchor,
        heading: format!("{} ({account}): {}", sanitize(name), count(repositories.len(), "repository")),
        repositories: format!("{}{more}", named.join(", ")),
        lines: lines(evidence),
        repair: evidence.repaired.as_ref().map(|after| changes(&evidence.text, after)).map_err(Clone::clone),
        command: commands(repositories),
    }
}

fn lines(evidence: &PolicyEvidence) -> Vec<LineView> {
    let mut start = 0;
    let mut lines = Vec::new();
    for (at, line) in evidence.text.split('\n').enumerate() {
        let end = start + line.len();
        let marked = evidence.responsible.iter().any(|(from, to)| *from < end.max(start + 1) && start < *to);
        lines.push(LineView { number: at + 1, text: readable(line), marked });
        start = end + 1;
    }
    lines
}

fn changes(before: &str, after: &str) -> Vec<ChangeView> {
    let diff = TextDiff::from_lines(before, after);
    let sign = |tag: ChangeTag| match tag {
        ChangeTag::Insert => "+",
        ChangeTag::Delete => "-",
        ChangeTag::Equal => " ",
    };
    diff.iter_all_changes()
        .map(|change| ChangeView { sign: sign(change.tag()), text: readable(change.value().trim_end_matches('\n')) })
        .collect()
}

fn readable(line: &str) -> String {
    sanitize(&line.trim_end_matches('\r').replace('\t', "    "))
}

/// What a person would type, with every name quoted.
fn commands(repositories: &[&RepositoryRow<'_>]) -> String {
    let quoted = |text: &str| format!("'{}'", sanitize(text).replace('\'', r"'\''"));
    let one = |row: &&RepositoryRow<'_>| {
        let (account, region) = (row.repository.account, &row.repository.region);
        let name = quoted(row.repository.name.as_str());
        format!(
            "scangap explain --snapshot snapshot.db --account {account} --region {region} --repository {name} --fix --write repaired.json\naws ecr set-repository-policy --registry-id {account} --region {region} --repository-name {name} --policy-text file://repaired.json"
        )
    };
    repositories.iter().take(NAMED_MAX).map(one).collect::<Vec<_>>().join("\n")
}
