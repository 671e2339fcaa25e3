//! The input, with what several reports share of it.

use std::collections::BTreeMap;
use std::io;

use scangap_assess::CauseId;

use crate::causes::CauseRow;
use crate::decision_counts::DecisionCounts;
use crate::input::Input;
use crate::notes::CarriedNotes;
use crate::policies::{self, PolicyGroup, PolicyKey, PolicyRow};
use crate::summary::Summary;

/// The input, with what several reports share.
#[derive(Debug)]
pub(crate) struct ReportContext<'a> {
    pub(crate) input: Input<'a>,
    pub(crate) summary: Summary,
    /// What the decisions come to.
    pub(crate) decided: DecisionCounts,
    /// The worst first.
    pub(crate) causes: Vec<CauseRow<'a>>,
    /// The place of each among them.
    cause_places: BTreeMap<CauseId, usize>,
    pub(crate) policies: Vec<PolicyGroup>,
    /// The place of each among them.
    policy_places: BTreeMap<PolicyKey, usize>,
}

impl<'a> ReportContext<'a> {
    pub(crate) fn gather(input: &Input<'a>) -> io::Result<Self> {
        let (policies, policy_places) = policies::groups(input)?;
        let causes = CauseRow::all(input)?;
        let cause_places = causes.iter().enumerate().map(|(at, row)| (row.tally.cause.id, at)).collect();
        Ok(Self {
            input: *input,
            summary: Summary::of(input),
            decided: DecisionCounts::of(input)?,
            causes,
            cause_places,
            policies,
            policy_places,
        })
    }

    /// What people wrote into earlier workbooks, where they did.
    pub(crate) fn notes(&self) -> Option<&'a CarriedNotes> {
        self.input.decisions.map(|decisions| &decisions.notes).filter(|notes| !notes.is_empty())
    }

    pub(crate) fn cause(&self, id: CauseId) -> Option<&CauseRow<'a>> {
        self.causes.get(*self.cause_places.get(&id)?)
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
