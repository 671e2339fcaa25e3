//! What an earlier audit found and this one knows to be over. What this one does not know stays as it was found.

use std::collections::BTreeSet;

use scangap_model::{AccountId, AccountOutcome, RegistryOutcome, Verdict};

use crate::changes::{CompareError, check_comparable, side_by_side, was_read};
use crate::compliance::{Finding, Severity, Status, finding, places};
use crate::input::Input;

/// Calls `each` with every finding that is over.
pub(crate) fn visit(
    earlier: &Input<'_>,
    now: &Input<'_>,
    mut each: impl FnMut(&Finding<'_>),
) -> Result<(), CompareError> {
    check_comparable(earlier, now)?;
    let found = places(earlier);
    let allow = registries_that_allow(now, &found);
    for place in found {
        let registry = || now.facts.registry(&(place.account, place.region?.parse().ok()?));
        let meaning = match place.code {
            "account_unreadable" => {
                let account = now.facts.accounts.get(&place.account).map(|account| &account.outcome);
                matches!(account, Some(AccountOutcome::Read { .. })).then_some("the account was read")
            }
            "region_unreadable" => registry()
                .is_some_and(|registry| registry.outcome == RegistryOutcome::Read)
                .then_some("the region was read"),
            _ => place
                .region
                .is_some_and(|region| allow.contains(&(place.account, region)))
                .then_some("the registry's policy denies Inspector nothing"),
        };
        if let Some(meaning) = meaning {
            each(&closed(place, Status::Pass, meaning));
        }
    }
    side_by_side(earlier, now, |was, is| {
        if let (Some(was), None) = (was, is)
            && was_read(now, was)
        {
            each(&closed(finding(was), Status::NotApplicable, "ECR lists the repository no more"));
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

/// Of the registries that denied Inspector something, those that are known to deny nothing now.
fn registries_that_allow<'n>(now: &Input<'n>, found: &[Finding<'_>]) -> BTreeSet<(AccountId, &'n str)> {
    let asked: BTreeSet<(AccountId, &str)> =
        found.iter().filter_map(|place| Some((place.account, place.region?))).collect();
    now.registries()
        .filter(|row| row.assessment.registry_verdict == Some(Verdict::Allowed))
        .map(|row| (row.registry.account, row.registry.region.as_str()))
        .filter(|place| asked.contains(place))
        .collect()
}
