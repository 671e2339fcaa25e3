//! What differs between two audits of one organization. A gap is never "fixed": what could not be read has no state.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use jiff::Timestamp;
use scangap_assess::{Coverage, ImageCoverage};
use scangap_model::{AccountId, Diagnosis, Observed, PolicyHash, RegionName, RegistryOutcome, RepositoryName, Verdict};

use crate::balance::Balance;
use crate::change::{Change, ChangeKind, Changes, Difference};
use crate::columns::{REPOSITORIES, scan_rules};
use crate::input::{Input, RepositoryRow};
use crate::summary::Summary;
use crate::value::{Value, asked};

/// Why two snapshots have nothing to compare.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    #[error("the repositories cannot be read")]
    Read(#[source] io::Error),
    #[error("the snapshots are of two organizations: {0} and {1}")]
    Organizations(String, String),
    #[error("one snapshot is simulated, the other is not")]
    Simulated,
    #[error("the earlier snapshot is the newer one: it is of {since}, the other of {until}")]
    Order { since: Timestamp, until: Timestamp },
}

impl CompareError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Order { .. } => "name the snapshots the other way round",
            Self::Read(_) | Self::Organizations(..) | Self::Simulated => "name two snapshots of one organization",
        }
    }
}

/// Adds the texts that a change speaks of.
fn keep_texts(policies: &mut BTreeMap<PolicyHash, String>, change: &Change, old: &Input<'_>, new: &Input<'_>) {
    let (before, after) = change.policy.iter().map(|(before, after)| (before.known(), after.known())).next().unzip();
    for (hash, input) in [(before.flatten(), old), (after.flatten(), new)] {
        let text = hash.and_then(|hash| Some((hash.clone(), input.facts.policies.get(hash)?.clone())));
        policies.extend(text);
    }
}

/// Two audits raise the confidence in `stale`: one alone may have come too soon after a repair.
const STILL_STALE: &str =
    "stale with more confidence: the policy allowed Inspector at both audits, and coverage says ACCESS_DENIED still";

/// The columns that are compared. Times of scans and counts of rows change every day and mean nothing by themselves.
const COMPARED: &[&str] = &[
    "policy_verdict",
    "denied_actions",
    "depends_on",
    "policy_sha256",
    "registry_policy_sha256",
    "inspector_ecr_status",
    "registry_scan_type",
    "scan_frequency",
    "coverage_status",
    "coverage_reason",
];

fn key<'r>(row: &'r RepositoryRow<'_>) -> (AccountId, &'r RegionName, &'r RepositoryName) {
    (row.repository.account, &row.repository.region, &row.repository.name)
}

fn next<'a>(
    rows: &mut impl Iterator<Item = io::Result<RepositoryRow<'a>>>,
) -> Result<Option<RepositoryRow<'a>>, CompareError> {
    rows.next().transpose().map_err(CompareError::Read)
}

/// Two audits of one organization, in the order of their time.
pub(crate) fn check_comparable(old: &Input<'_>, new: &Input<'_>) -> Result<(), CompareError> {
    let id = |input: &Input<'_>| input.facts.organization.id.known().map(ToString::to_string);
    if let (Some(before), Some(after)) = (id(old), id(new))
        && before != after
    {
        return Err(CompareError::Organizations(before, after));
    }
    if old.simulated != new.simulated {
        return Err(CompareError::Simulated);
    }
    if new.as_of < old.as_of {
        return Err(CompareError::Order { since: old.as_of, until: new.as_of });
    }
    Ok(())
}

/// A repository as it was and as it is, one after the other. Both audits are sorted by the same key: they are read side by side, and
/// neither is held.
pub(crate) fn side_by_side<'a>(
    old: &Input<'a>,
    new: &Input<'a>,
    mut each: impl FnMut(Option<&RepositoryRow<'a>>, Option<&RepositoryRow<'a>>),
) -> Result<(), CompareError> {
    let (mut before, mut after) = (old.repositories(), new.repositories());
    let (mut was, mut is) = (next(&mut before)?, next(&mut after)?);
    loop {
        let order = match (&was, &is) {
            (Some(was), Some(is)) => key(was).cmp(&key(is)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return Ok(()),
        };
        each(was.as_ref().filter(|_| order != Ordering::Greater), is.as_ref().filter(|_| order != Ordering::Less));
        if order != Ordering::Greater {
            was = next(&mut before)?;
        }
        if order != Ordering::Less {
            is = next(&mut after)?;
        }
    }
}

/// Adds a repository to the balance.
pub(crate) fn tally(
    balance: &mut Balance,
    was: Option<&RepositoryRow<'_>>,
    is: Option<&RepositoryRow<'_>>,
    old: &Input<'_>,
) {
    let diagnosis = |row: Option<&RepositoryRow<'_>>| row.map(|row| row.assessment.diagnosis);
    let read_before = match (was, is) {
        (None, Some(is)) => was_read(old, is),
        _ => true,
    };
    balance.add(diagnosis(was), diagnosis(is), read_before);
    if let (Some(was), Some(is)) = (was, is) {
        balance.lost_scanning += usize::from(lost_scanning(was, is));
        balance.gained_scanning += usize::from(lost_scanning(is, was));
    }
}

pub fn compare(old: &Input<'_>, new: &Input<'_>) -> Result<Changes, CompareError> {
    check_comparable(old, new)?;
    let (was, is) = (Summary::of(old), Summary::of(new));
    let balance = Balance {
        covered: (was.n_covered(), is.n_covered()),
        listed: (was.n_listed(), is.n_listed()),
        ..Balance::default()
    };
    let mut changes = Changes {
        since: old.as_of,
        until: new.as_of,
        balance,
        rows: Vec::new(),
        unchanged: 0,
        simulated: new.simulated,
        allowed_likely: BTreeSet::new(),
        policies: BTreeMap::new(),
    };
    side_by_side(old, new, |was, is| {
        tally(&mut changes.balance, was, is, old);
        match (was, is) {
            (None, Some(row)) => changes.rows.push(appeared(old, row)),
            (Some(row), None) => changes.rows.push(vanished(new, row)),
            (None, None) => {}
            (Some(was), Some(is)) => {
                if was_scanned_under_the_same_text(was, is, old.as_of) {
                    let (account, region, name) = key(is);
                    changes.allowed_likely.insert((account, region.clone(), name.clone()));
                }
                match both(was, is, new.as_of > old.as_of) {
                    Some(change) => {
                        keep_texts(&mut changes.policies, &change, old, new);
                        changes.rows.push(change);
                    }
                    None => changes.unchanged += 1,
                }
            }
        }
    })?;
    changes.rows.sort_by(|a, b| {
        let place = |change: &Change| (change.kind, change.account, change.region.clone(), change.repository.clone());
        place(a).cmp(&place(b))
    });
    Ok(changes)
}

fn change(kind: ChangeKind, row: &RepositoryRow<'_>) -> Change {
    Change {
        kind,
        account: row.repository.account,
        account_name: row.account.and_then(|account| account.name.known().cloned()).unwrap_or_default(),
        region: row.repository.region.clone(),
        repository: row.repository.name.clone(),
        repository_arn: row.repository.arn.clone(),
        before: None,
        after: None,
        differences: Vec::new(),
        note: String::new(),
        policy: None,
    }
}

pub(crate) fn was_read(input: &Input<'_>, row: &RepositoryRow<'_>) -> bool {
    let registry = input.facts.registry(&(row.repository.account, row.repository.region.clone()));
    registry
        .is_some_and(|registry| registry.outcome == RegistryOutcome::Read && registry.repositories.known().is_some())
}

fn appeared(old: &Input<'_>, after: &RepositoryRow<'_>) -> Change {
    let seen = was_read(old, after);
    let note = if seen { "" } else { "its registry was not read before: it may have been there" };
    Change { after: Some(after.assessment.diagnosis), note: note.to_owned(), ..change(ChangeKind::New, after) }
}

fn vanished(new: &Input<'_>, before: &RepositoryRow<'_>) -> Change {
    let read = was_read(new, before);
    let note = if read { "ECR lists it no more" } else { "its registry was not read this time" };
    Change {
        before: Some(before.assessment.diagnosis),
        note: note.to_owned(),
        ..change(ChangeKind::NoLongerVisible, before)
    }
}

/// `later`: the second audit is not of the same moment, which would confirm nothing.
fn both(before: &RepositoryRow<'_>, after: &RepositoryRow<'_>, later: bool) -> Option<Change> {
    let (was, is) = (before.assessment.diagnosis, after.assessment.diagnosis);
    let differences = differences(before, after);
    let good = |diagnosis: Diagnosis| matches!(diagnosis, Diagnosis::Covered | Diagnosis::Empty);
    // What is unread or under way says neither that it got better nor that it got worse.
    let says = |diagnosis: Diagnosis| !matches!(diagnosis, Diagnosis::Unreadable | Diagnosis::Changing);
    let kind = if later && is_stale_still(before, after) {
        ChangeKind::StillStale
    } else if was == is {
        if differences.is_empty() {
            return None;
        }
        ChangeKind::Changed
    } else if is == Diagnosis::Unreadable {
        ChangeKind::NoLongerReadable
    } else if says(was) && says(is) && good(is) && !good(was) {
        ChangeKind::Fixed
    } else if says(was) && says(is) && !good(is) && (good(was) || got_worse(before, after)) {
        ChangeKind::Regressed
    } else {
        ChangeKind::Changed
    };
    let (policy_was, policy_is) = (&before.repository.policy, &after.repository.policy);
    let same = policy_was.known() == policy_is.known() && policy_was.gap().is_some() == policy_is.gap().is_some();
    let note = if kind == ChangeKind::StillStale { STILL_STALE.to_owned() } else { String::new() };
    Some(Change {
        before: Some(was),
        after: Some(is),
        differences,
        note,
        policy: (!same).then(|| (policy_was.clone(), policy_is.clone())),
        ..change(kind, after)
    })
}

/// The policy allowed Inspector already before, and coverage says `ACCESS_DENIED` still: seldom chance by now.
fn is_stale_still(before: &RepositoryRow<'_>, after: &RepositoryRow<'_>) -> bool {
    before.assessment.policy.verdict == Verdict::Allowed
        && before.assessment.diagnosis == Diagnosis::Stale
        && after.assessment.diagnosis == Diagnosis::Stale
}

/// Whether what Inspector still did for it is over.
fn got_worse(before: &RepositoryRow<'_>, after: &RepositoryRow<'_>) -> bool {
    let blocked_now = |from: &RepositoryRow<'_>, to: &RepositoryRow<'_>| {
        from.assessment.diagnosis == Diagnosis::AtRisk && to.assessment.diagnosis == Diagnosis::Blocked
    };
    blocked_now(before, after) || lost_scanning(before, after)
}

/// Whether Inspector's coverage was active and is not now. What was not read says neither.
fn lost_scanning(was: &RepositoryRow<'_>, is: &RepositoryRow<'_>) -> bool {
    let active = |row: &RepositoryRow<'_>| matches!(&row.coverage, Coverage::Row { status, .. } if status == "ACTIVE");
    let read = |row: &RepositoryRow<'_>| matches!(row.coverage, Coverage::Row { .. } | Coverage::NoRow);
    active(was) && read(is) && !active(is)
}

/// An image was scanned after the earlier audit saw the text that is there now, or that audit saw one scanned under it.
fn was_scanned_under_the_same_text(before: &RepositoryRow<'_>, after: &RepositoryRow<'_>, seen: Timestamp) -> bool {
    let same_text = matches!(
        (&before.repository.policy, &after.repository.policy),
        (Observed::Known(was), Observed::Known(is)) if was == is
    );
    let registry_policy =
        |row: &RepositoryRow<'_>| row.registry.map(|registry| registry.registry_policy.known().cloned());
    let scanned = |row: &RepositoryRow<'_>| match &row.images {
        ImageCoverage::Counted(images) => images.scanned > 0,
        ImageCoverage::NotAsked | ImageCoverage::Gap(_) => false,
    };
    let newest = match &after.images {
        ImageCoverage::Counted(images) => images.newest_scan,
        ImageCoverage::NotAsked | ImageCoverage::Gap(_) => None,
    };
    after.assessment.diagnosis == Diagnosis::Undecided
        && after.assessment.likely_cause.is_none()
        && same_text
        && registry_policy(before) == registry_policy(after)
        && (newest.is_some_and(|newest| newest > seen) || scanned(before))
}

fn rules<'r>(row: &'r RepositoryRow<'_>) -> Value<'r> {
    row.registry.map_or(Value::Empty, |registry| asked(&registry.scan_rules, |rules| scan_rules(rules)))
}

fn differences(before: &RepositoryRow<'_>, after: &RepositoryRow<'_>) -> Vec<Difference> {
    let compared = REPOSITORIES.iter().filter(|column| COMPARED.contains(&column.name));
    let of_row = compared.map(|column| (column.name, (column.value)(before), (column.value)(after)));
    of_row
        .chain([("scan_rules", rules(before), rules(after))])
        .filter(|(_, before, after)| before != after)
        .map(|(column, before, after)| Difference {
            column,
            before: before.render().into_owned(),
            after: after.render().into_owned(),
        })
        .collect()
}
