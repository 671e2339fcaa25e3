//! Policies that keep Inspector out, or may: each text once, in however many accounts it is. Texts that differ in nothing but
//! the account that they are of are one; what an account needs to repair its own stands in `policies.csv`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use scangap_assess::{PolicyEvidence, with_parameter};
use scangap_model::{AccountId, Diagnosis, Verdict};
use sha2::{Digest, Sha256};

use crate::context::ReportContext;
use crate::policies::{PolicyGroup, PolicyKey};

/// The texts of some policies.
#[derive(Debug)]
pub(crate) struct PolicyTexts<'m> {
    /// The worst first, and then those that hit most repositories.
    pub(crate) texts: Vec<PolicyText<'m>>,
    ids: BTreeMap<&'m PolicyKey, String>,
}

/// One text with one repair. The text itself is made again where it is shown: they are many.
#[derive(Debug, Clone)]
pub(crate) struct PolicyText<'m> {
    /// Made of the text and its repair, with parameters: the same in every audit.
    pub(crate) id: String,
    /// Where it was met first.
    pub(crate) first: &'m PolicyGroup,
    pub(crate) accounts: usize,
    pub(crate) repositories: usize,
    pub(crate) worst: Option<Diagnosis>,
    pub(crate) verdict: Verdict,
    pub(crate) responsible_statements: Vec<String>,
}

/// A text with what a row says of it.
#[derive(Debug, Clone)]
pub(crate) struct PolicyTextRow<'a> {
    pub(crate) text: &'a PolicyText<'a>,
    pub(crate) evidence: Option<PolicyEvidence>,
    pub(crate) simulated: bool,
}

impl<'m> PolicyTexts<'m> {
    pub(crate) fn of(context: &ReportContext<'_>, groups: impl IntoIterator<Item = &'m PolicyGroup>) -> Self {
        let mut texts: BTreeMap<String, PolicyText<'m>> = BTreeMap::new();
        let mut accounts: BTreeSet<(String, AccountId)> = BTreeSet::new();
        let mut ids = BTreeMap::new();
        for group in groups {
            let id = id(group.evidence(&context.input), &group.key);
            let text = texts.entry(id.clone()).or_insert_with(|| PolicyText::of(id.clone(), group));
            text.add(group);
            text.accounts += usize::from(accounts.insert((id.clone(), group.key.account)));
            ids.insert(&group.key, id);
        }
        let mut texts: Vec<_> = texts.into_values().collect();
        texts.sort_by_key(|text| (text.worst.is_none(), text.worst, Reverse(text.repositories)));
        Self { texts, ids }
    }

    /// The id of the text that a policy has.
    pub(crate) fn id(&self, key: &PolicyKey) -> Option<&str> {
        self.ids.get(key).map(String::as_str)
    }
}

impl<'m> PolicyText<'m> {
    fn of(id: String, first: &'m PolicyGroup) -> Self {
        Self {
            id,
            first,
            accounts: 0,
            repositories: 0,
            worst: None,
            verdict: first.verdict,
            responsible_statements: Vec::new(),
        }
    }

    fn add(&mut self, group: &PolicyGroup) {
        self.repositories += group.repositories;
        self.worst = self.worst.into_iter().chain(group.worst).min();
        self.verdict = Verdict::fold([self.verdict, group.verdict]);
        for statement in &group.responsible_statements {
            if !self.responsible_statements.contains(statement) {
                self.responsible_statements.push(statement.clone());
            }
        }
    }

    /// What a row says of it: with parameters where several accounts have it.
    pub(crate) fn row<'a>(&'a self, context: &ReportContext<'_>) -> PolicyTextRow<'a> {
        let evidence = self.first.evidence(&context.input);
        let evidence = match evidence {
            Some(evidence) if self.accounts > 1 => Some(shared(&evidence, &self.first.key)),
            other => other,
        };
        PolicyTextRow { text: self, evidence, simulated: context.input.simulated }
    }
}

/// Made of the text and its repair, with parameters. A text that was not kept is like no other.
fn id(evidence: Option<PolicyEvidence>, key: &PolicyKey) -> String {
    let content = match evidence.map(|evidence| shared(&evidence, key)) {
        Some(evidence) => format!("{} {:?} {:?}", key.registry.is_some(), evidence.text, evidence.repaired),
        None => format!("{key:?}"),
    };
    Sha256::digest(content).iter().take(5).fold("T-".to_owned(), |id, byte| id + &format!("{byte:02x}"))
}

/// The evidence with parameters for what differs between the places of one text.
fn shared(evidence: &PolicyEvidence, key: &PolicyKey) -> PolicyEvidence {
    let generalized = |text: &str| {
        let text = with_parameter(text, key.account.as_ref(), "{account}");
        match &key.registry {
            Some(region) => with_parameter(&text, region.as_str(), "{region}"),
            None => text,
        }
    };
    let repaired = match &evidence.repaired {
        Ok(text) => Ok(generalized(text)),
        Err(why) => Err(generalized(why)),
    };
    PolicyEvidence { text: generalized(&evidence.text), repaired, ..evidence.clone() }
}
