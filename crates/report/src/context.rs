//! The input, with what several reports share of it.

use std::collections::BTreeMap;
use std::io;

use crate::causes::CauseRow;
use crate::input::Input;
use crate::notes::CarriedNotes;
use crate::policies::{self, PolicyGroup, PolicyKey, PolicyRow};
use crate::summary::Summary;

/// The input, with what several reports share.
#[derive(Debug)]
pub(crate) struct ReportContext<'a> {
    pub(crate) input: Input<'a>,
    pub(crate) summary: Summary,
    /// What people wrote into earlier workbooks.
    pub(crate) carried: &'a CarriedNotes,
    /// The worst first.
    pub(crate) causes: Vec<CauseRow<'a>>,
    pub(crate) policies: Vec<PolicyGroup>,
    /// The place of each among them.
    policy_places: BTreeMap<PolicyKey, usize>,
}

impl<'a> ReportContext<'a> {
    pub(crate) fn gather(input: &Input<'a>, carried: &'a CarriedNotes) -> io::Result<Self> {
        let (policies, policy_places) = policies::groups(input)?;
        let causes = CauseRow::all(input)?;
        Ok(Self { input: *input, summary: Summary::of(input), carried, causes, policies, policy_places })
    }

    pub(crate) fn policy_place(&self, key: &PolicyKey) -> Option<usize> {
        self.policy_places.get(key).copied()
    }

    pub(crate) fn policies(&self) -> impl Iterator<Item = PolicyRow<'_>> {
        self.policies.iter().map(|group| self.policy(group))
    }

    pub(crate) fn policy<'m>(&'m self, group: &'m PolicyGroup) -> PolicyRow<'m> {
        PolicyRow {
            group,
            account: self.input.facts.accounts.get(&group.key.account),
            evidence: group.evidence(&self.input),
            simulated: self.input.simulated,
        }
    }
}
