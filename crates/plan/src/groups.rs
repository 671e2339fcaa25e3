//! A plan by what a person asks of it first: which causes it repairs, in which accounts, and for which reasons it leaves something
//! out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scangap_assess::{CauseId, SharedCause};
use scangap_model::{AccountId, account_label};

use crate::refusal::Refused;
use crate::step::{Plan, PolicyStep, Undecided};

/// Policies that the same causes make deny, and that the same condition repairs.
#[derive(Debug)]
pub struct CauseGroup<'a> {
    pub causes: &'a [Arc<SharedCause>],
    pub steps: Vec<&'a PolicyStep>,
}

impl CauseGroup<'_> {
    /// `C-0123456789 and C-abcdef0123`.
    pub fn ids(&self) -> String {
        self.causes.iter().map(|cause| cause.id.to_string()).collect::<Vec<_>>().join(" and ")
    }

    /// The statements, by the names that they have where they were met first.
    pub fn statements(&self) -> String {
        let first = self.steps.first().map(|step| step.responsible_statements.join("; "));
        first.unwrap_or_default()
    }

    pub fn accounts(&self) -> usize {
        self.steps.iter().map(|step| step.account).collect::<BTreeSet<_>>().len()
    }

    /// Who else writes these policies, each with the steps that it is known of.
    pub fn other_writers(&self) -> Vec<(&str, Vec<&str>)> {
        steps_by(&self.steps, |step| step.sources.iter().map(String::as_str).collect())
    }

    /// Whether the write role may change the policies as they are now, in sentences, each with its steps.
    pub fn who_gets_through(&self) -> Vec<(String, Vec<&str>)> {
        steps_by(&self.steps, |step| vec![step.who_gets_through()])
    }
}

/// Steps by what is said of them, in the order in which it is said first.
pub(crate) fn steps_by<'a, T: PartialEq>(
    steps: &[&'a PolicyStep],
    said: impl Fn(&'a PolicyStep) -> Vec<T>,
) -> Vec<(T, Vec<&'a str>)> {
    let mut all: Vec<(T, Vec<&str>)> = Vec::new();
    for step in steps {
        for text in said(step) {
            match all.iter_mut().find(|(known, _)| *known == text) {
                Some((_, ids)) => ids.push(&step.id),
                None => all.push((text, vec![&step.id])),
            }
        }
    }
    all
}

/// What is planned in an account, and what is not.
#[derive(Debug, Default)]
pub struct AccountTally<'a> {
    pub name: Option<&'a str>,
    pub policies: usize,
    pub resyncs: usize,
    pub refused: usize,
    pub undecided: usize,
}

/// What is not planned for the same reason.
#[derive(Debug)]
pub struct RefusalGroup<'a> {
    pub sentence: String,
    /// In the order of the plan, all of the same kind.
    pub refused: Vec<&'a Refused>,
}

impl RefusalGroup<'_> {
    /// `repair`, or `re-sync`.
    pub fn what(&self) -> &'static str {
        if self.refused.first().is_some_and(|one| one.what == "resync") { "re-sync" } else { "repair" }
    }

    pub fn accounts(&self) -> usize {
        self.refused.iter().map(|one| one.account).collect::<BTreeSet<_>>().len()
    }

    pub fn repositories(&self) -> usize {
        self.refused.iter().map(|one| one.repositories.len()).sum()
    }
}

impl Refused {
    pub fn account_label(&self) -> String {
        account_label(self.account, self.account_name.as_deref())
    }
}

impl Undecided {
    pub fn account_label(&self) -> String {
        account_label(self.account, self.account_name.as_deref())
    }
}

impl Plan {
    /// The policies to change by what makes them deny, those with most policies first.
    pub fn by_cause(&self) -> Vec<CauseGroup<'_>> {
        let mut groups: BTreeMap<BTreeSet<CauseId>, CauseGroup<'_>> = BTreeMap::new();
        for step in &self.policies {
            let ids: BTreeSet<CauseId> = step.causes.iter().map(|cause| cause.id).collect();
            let group = groups.entry(ids).or_insert(CauseGroup { causes: &step.causes, steps: Vec::new() });
            group.steps.push(step);
        }
        let mut groups: Vec<CauseGroup<'_>> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.steps.len()));
        groups
    }

    /// The causes of the policies to change, each once.
    pub fn causes(&self) -> usize {
        self.policies.iter().flat_map(|step| &step.causes).map(|cause| cause.id).collect::<BTreeSet<_>>().len()
    }

    /// Everything of the plan by account.
    pub fn by_account(&self) -> BTreeMap<AccountId, AccountTally<'_>> {
        let mut accounts: BTreeMap<AccountId, AccountTally<'_>> = BTreeMap::new();
        for step in &self.policies {
            at(&mut accounts, step.account, step.account_name.as_deref()).policies += 1;
        }
        for step in &self.resyncs {
            at(&mut accounts, step.account, step.account_name.as_deref()).resyncs += 1;
        }
        for one in &self.refused {
            at(&mut accounts, one.account, one.account_name.as_deref()).refused += 1;
        }
        for one in &self.undecided {
            at(&mut accounts, one.account, one.account_name.as_deref()).undecided += 1;
        }
        accounts
    }

    /// What is not planned, by the reason, the most frequent first.
    pub fn by_reason(&self) -> Vec<RefusalGroup<'_>> {
        let mut groups: Vec<RefusalGroup<'_>> = Vec::new();
        let mut known: BTreeMap<(&'static str, String), usize> = BTreeMap::new();
        for one in &self.refused {
            let sentence = one.refusal.sentence();
            let at = *known.entry((one.what, sentence.clone())).or_insert(groups.len());
            match groups.get_mut(at) {
                Some(group) => group.refused.push(one),
                None => groups.push(RefusalGroup { sentence, refused: vec![one] }),
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.refused.len()));
        groups
    }
}

fn at<'p, 'a>(
    accounts: &'p mut BTreeMap<AccountId, AccountTally<'a>>,
    id: AccountId,
    name: Option<&'a str>,
) -> &'p mut AccountTally<'a> {
    let tally = accounts.entry(id).or_default();
    tally.name = tally.name.or(name);
    tally
}
