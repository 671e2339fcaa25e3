//! Policies that keep Inspector out: each text once an account, with the statements marked, the repair, and the commands.

use std::collections::BTreeMap;

use scangap_assess::PolicyEvidence;
use scangap_model::{count, sanitize};
use scangap_policy::PolicyDocument;
use sha2::{Digest, Sha256};

use super::place::Place;
use crate::context::ReportContext;
use crate::difference::{self, Line, readable};
use crate::policies::{PolicyKey, PolicyRow};

/// Policies that the page shows; the rest are in policies.csv, and the page says so.
const POLICIES_MAX: usize = 500;
/// Repositories that are named beside a policy.
const NAMED_MAX: usize = 50;

pub(super) struct PolicyView {
    pub(super) anchor: String,
    pub(super) heading: String,
    pub(super) repositories: String,
    pub(super) lines: Vec<LineView>,
    pub(super) repair: Result<Vec<Line>, String>,
    pub(super) command: String,
}

pub(super) struct LineView {
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) marked: bool,
}

/// The anchor of a policy on the page.
pub(super) fn anchor(key: &PolicyKey) -> String {
    let digest = Sha256::digest(format!("{} {} {:?}", key.account, key.hash, key.registry));
    digest.iter().take(8).fold("policy-".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// The policies that are shown, those with the worst diagnoses first.
pub(super) fn shown(material: &ReportContext<'_>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..material.policies.len()).collect();
    order.sort_by_key(|&at| material.policies.get(at).map(|group| (group.worst.is_none(), group.worst, at)));
    order.truncate(POLICIES_MAX);
    order
}

pub(super) fn views(
    material: &ReportContext<'_>,
    shown: &[usize],
    places: &BTreeMap<PolicyKey, Vec<Place>>,
) -> Vec<PolicyView> {
    shown
        .iter()
        .filter_map(|&at| material.policies.get(at))
        .filter_map(|group| {
            let row = material.policy(group);
            let named = places.get(&group.key).map_or(&[][..], Vec::as_slice);
            view(&row, named)
        })
        .collect()
}

pub(super) fn note(material: &ReportContext<'_>) -> String {
    match material.policies.len() {
        0 => "No policy that was read keeps Inspector out, or may.".to_owned(),
        all if all > POLICIES_MAX => format!(
            "Each text once an account: the worst {POLICIES_MAX} of {} are shown, all of them are in policies.csv.",
            count(all, "policy")
        ),
        all => format!("Each text once an account: {}.", count(all, "policy")),
    }
}

fn view(row: &PolicyRow<'_>, named: &[Place]) -> Option<PolicyView> {
    let evidence = row.evidence.as_ref()?;
    let key = &row.group.key;
    let name = row.account.and_then(|account| account.name.known()).map_or("", String::as_str);
    let first: Vec<Place> = row.group.first.iter().map(Place::of).collect();
    let places = if named.is_empty() { first.as_slice() } else { named };
    let shown: Vec<String> = places
        .iter()
        .take(NAMED_MAX)
        .map(|place| format!("{} {}", place.region, sanitize(&place.repository)))
        .collect();
    let more = row.group.repositories.saturating_sub(shown.len());
    let more = if more == 0 { String::new() } else { format!(", and {more} more (repositories.csv)") };
    let number = count(row.group.repositories, "repository");
    let (heading, command) = match &key.registry {
        None => (
            format!("{} ({}): {number}", sanitize(name), key.account),
            places.iter().take(NAMED_MAX).map(Place::commands).collect::<Vec<_>>().join("\n"),
        ),
        Some(region) => (
            format!("{} ({}), the registry in {region}: {number}", sanitize(name), key.account),
            format!(
                "# as account {0}, with the repaired text of policies.csv in this file\naws ecr put-registry-policy --region {region} --policy-text file://repaired-registry-{0}-{region}.json",
                key.account
            ),
        ),
    };
    Some(PolicyView {
        anchor: anchor(key),
        heading,
        repositories: format!("{}{more}", shown.join(", ")),
        lines: lines(evidence),
        repair: evidence.repaired.as_ref().map(|after| repair(evidence, after)).map_err(|why| sanitize(why)),
        command,
    })
}

/// The text line by line, with what is responsible marked. A policy in one line is shown as JSON is printed: nobody reads
/// the other.
pub(super) fn lines(evidence: &PolicyEvidence) -> Vec<LineView> {
    if let Some(text) = broken_into_lines(&evidence.text)
        && let Ok(document) = PolicyDocument::parse(&text)
    {
        let statements = evidence.statements.iter().filter_map(|&at| document.statements().get(at));
        let responsible: Vec<_> = statements.map(|statement| statement.span).collect();
        return marked_lines(&text, &responsible);
    }
    marked_lines(&evidence.text, &evidence.responsible)
}

/// What the repair changes, in lines as `lines` shows them.
pub(super) fn repair(evidence: &PolicyEvidence, repaired: &str) -> Vec<Line> {
    match (broken_into_lines(&evidence.text), broken_into_lines(repaired)) {
        (Some(before), Some(after)) => difference::lines(&before, &after),
        _ => difference::lines(&evidence.text, repaired),
    }
}

/// `None` where its author wrote it in lines.
fn broken_into_lines(text: &str) -> Option<String> {
    (text.trim().lines().count() < 3).then(|| difference::printed(text))
}

fn marked_lines(text: &str, responsible: &[(usize, usize)]) -> Vec<LineView> {
    let mut start = 0;
    let mut lines = Vec::new();
    for (at, line) in text.trim_end().split('\n').enumerate() {
        let end = start + line.len();
        let marked = responsible.iter().any(|(from, to)| *from < end.max(start + 1) && start < *to);
        lines.push(LineView { number: at + 1, text: readable(line), marked });
        start = end + 1;
    }
    lines
}
