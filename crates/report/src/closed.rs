//! Findings of an earlier audit that this one closes: what it knows to be over. What it does not know stays as it was found.

use std::collections::BTreeSet;

use scangap_model::{AccountId, AccountOutcome, Verdict};

use crate::changes::{CompareError, check_comparable, side_by_side, was_read};
use crate::compliance::{Finding, Severity, Status, finding, places};
use crate::input::Input;
use crate::listing::is_listed;

/// Calls `each` with every finding that is closed.
pub(crate) fn visit(
    earlier: &Input<'_>,
    now: &Input<'_>,
    mut each: impl FnMut(&Finding<'_>),
) -> Result<(), CompareError> {
    check_comparable(earlier, now)?;
    let found = places(earlier);
    let allow = registries_that_allow(now, &found);
    for place in found {
        let (is_over, title, meaning) = match place.code {
            "account_unreadable" => {
                let opened = now.facts.accounts.get(&place.account).map(|account| &account.outcome);
                let is_over = matches!(opened, Some(AccountOutcome::Read { .. })) && asks_for_the_same(now, earlier);
                (
                    is_over,
                    "an account that opens again",
                    "its role opened; regions that could not be read have findings of their own",
                )
            }
            "region_unreadable" => {
                let region = place.region.and_then(|region| region.parse().ok());
                let registry = region.and_then(|region| now.facts.registry(&(place.account, region)));
                (is_listed(registry), "a region that is read again", "its repositories were listed to the end")
            }
            _ => {
                let is_over = place.region.is_some_and(|region| allow.contains(&(place.account, region)));
                (is_over, "a registry that lets Inspector in", "the registry's policy keeps Inspector from nothing now")
            }
        };
        if is_over {
            each(&Finding { title, ..closed(place, Status::Pass, meaning) });
        }
    }
    side_by_side(earlier, now, |was, is| {
        if let (Some(was), None) = (was, is)
            && was_read(now, was)
        {
            let gone = closed(finding(was), Status::NotApplicable, "ECR lists the repository no more");
            each(&Finding { title: "a repository that is gone", ..gone });
        }
    })
}

fn closed<'f>(found: Finding<'f>, status: Status, meaning: &str) -> Finding<'f> {
    Finding {
        judged: (status, Severity::Informational),
        meaning: meaning.to_owned(),
        details: Vec::new(),
        next_step: "nothing is left to do".to_owned(),
        accepted: false,
        closed: true,
        ..found
    }
}

/// Whether this audit asked of an account for all regions that the earlier one would have asked for.
fn asks_for_the_same(now: &Input<'_>, earlier: &Input<'_>) -> bool {
    let (now, earlier) = (&now.facts.organization.scope.regions, &earlier.facts.organization.scope.regions);
    now.is_empty() || !earlier.is_empty() && earlier.iter().all(|region| now.contains(region))
}

/// Of the places of findings, the registries that are known to deny Inspector nothing now.
fn registries_that_allow<'n>(now: &Input<'n>, found: &[Finding<'_>]) -> BTreeSet<(AccountId, &'n str)> {
    let asked: BTreeSet<(AccountId, &str)> =
        found.iter().filter_map(|place| Some((place.account, place.region?))).collect();
    now.registries()
        .filter(|row| row.assessment.registry_verdict == Some(Verdict::Allowed))
        .map(|row| (row.registry.account, row.registry.region.as_str()))
        .filter(|place| asked.contains(place))
        .collect()
}
