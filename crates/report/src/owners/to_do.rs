//! What an owner has to do: their repositories that need something, by the causes that these share.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use jiff::civil::Date;
use scangap_assess::{CauseId, PolicyEvidence, policy_evidence, registry_policy_evidence, verdict_with_policy};
use scangap_model::{AccountId, DIAGNOSES, Diagnosis, RegionName, Verdict, account_label, sanitize, thousands};
use sha2::{Digest, Sha256};

use super::condition::{self, Changed, Exemption};
use crate::actions::is_listed;
use crate::causes::named;
use crate::columns::next_step;
use crate::context::ReportContext;
use crate::decisions::note_key;
use crate::input::RepositoryRow;
use crate::links::repository_url;
use crate::policies::PolicyKey;

/// Repositories of one owner that the same causes keep from being scanned.
#[derive(Debug)]
pub(super) struct Task {
    /// Its name, and the folder of what repairs it: the causes' ids, or the diagnosis where it has none.
    pub(super) name: String,
    pub(super) causes: BTreeSet<CauseId>,
    pub(super) sentence: String,
    /// The worst first.
    pub(super) diagnoses: BTreeMap<Diagnosis, usize>,
    /// What to do, the worst first.
    pub(super) steps: Vec<Step>,
    pub(super) repositories: Vec<TaskRepository>,
    /// Texts to be changed, each once.
    pub(super) changes: Vec<Change>,
    /// The place of each among them.
    places: BTreeMap<(PolicyKey, Result<String, String>), usize>,
}

/// What to do for some repositories of a task.
#[derive(Debug)]
pub(super) struct Step {
    /// The worst of theirs.
    pub(super) diagnosis: Diagnosis,
    pub(super) text: String,
    pub(super) repositories: usize,
}

impl Step {
    /// `3 blocked`.
    pub(super) fn of_what(&self) -> String {
        format!("{} {}", thousands(self.repositories), self.diagnosis.info().title)
    }
}

#[derive(Debug)]
pub(super) struct TaskRepository {
    pub(super) account: AccountId,
    pub(super) account_name: Option<String>,
    pub(super) region: RegionName,
    pub(super) name: String,
    pub(super) diagnosis: Diagnosis,
    /// `repository policy: OfficeOnly (...)`, and what else the decision hangs on.
    pub(super) statements: Vec<String>,
    pub(super) depends_on: Vec<String>,
    pub(super) due: Option<Date>,
    /// In AWS's console.
    pub(super) console: Option<String>,
    /// The place of the changed text among the task's.
    pub(super) change: Option<usize>,
}

impl TaskRepository {
    pub(super) fn account_label(&self) -> String {
        account_label(self.account, self.account_name.as_deref())
    }
}

/// A policy's text as it is, and as it would be.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) key: PolicyKey,
    pub(super) account_name: Option<String>,
    pub(super) before: String,
    /// Or why an exemption does not repair it.
    pub(super) after: Result<String, String>,
    /// What changes, as lines of a program.
    pub(super) exemptions: Vec<Exemption>,
    pub(super) repositories: usize,
}

impl Change {
    pub(super) fn account_label(&self) -> String {
        account_label(self.key.account, self.account_name.as_deref())
    }
}

/// A repository whose diagnosis is accepted.
#[derive(Debug)]
pub(super) struct AcceptedRepository {
    pub(super) place: String,
    pub(super) diagnosis: Diagnosis,
    pub(super) until: String,
    pub(super) by: String,
    pub(super) reason: String,
}

/// Everything that a page says of an owner's repositories.
#[derive(Debug, Default)]
pub(super) struct ToDo {
    pub(super) counts: BTreeMap<Diagnosis, usize>,
    /// The worst first.
    pub(super) tasks: Vec<Task>,
    pub(super) accepted: Vec<AcceptedRepository>,
}

impl ToDo {
    pub(super) fn of<'m>(
        material: &ReportContext<'_>,
        rows: impl Iterator<Item = io::Result<RepositoryRow<'m>>>,
    ) -> io::Result<Self> {
        let mut all = Self::default();
        let mut places: BTreeMap<Key, usize> = BTreeMap::new();
        for row in rows {
            let row = row?;
            let diagnosis = row.assessment.diagnosis;
            *all.counts.entry(diagnosis).or_default() += 1;
            if !asks(diagnosis) {
                continue;
            }
            if let Some(signed) = row.standing.signed().filter(|_| row.standing.is_accepted()) {
                let account = row.account.and_then(|account| account.name.known());
                let facts = &row.repository;
                let place = account_label(facts.account, account.map(String::as_str));
                all.accepted.push(AcceptedRepository {
                    place: sanitize(&format!("{place} {} {}", facts.region, facts.name)),
                    diagnosis,
                    until: signed.until.to_string(),
                    by: sanitize(&signed.by),
                    reason: sanitize(&signed.reason),
                });
                continue;
            }
            let at = *places.entry(Key::of(&row)).or_insert(all.tasks.len());
            if at == all.tasks.len() {
                all.tasks.push(Task::of(&row));
            }
            if let Some(task) = all.tasks.get_mut(at) {
                task.add(material, &row);
            }
        }
        all.tasks
            .sort_by_key(|task| (task.diagnoses.keys().next().copied(), std::cmp::Reverse(task.repositories.len())));
        Ok(all)
    }

    /// Repositories that need action, without those that are accepted: what the action list has open.
    pub(super) fn to_act_on(&self) -> usize {
        self.tasks.iter().flat_map(|task| &task.repositories).filter(|one| is_listed(one.diagnosis)).count()
    }

    /// Tasks with a repository in the action list. The others are settings that may be intended, such as scanning that is off.
    pub(super) fn of_action_list(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.repositories.iter().any(|one| is_listed(one.diagnosis)))
    }

    /// The causes of what is in the action list, each once.
    pub(super) fn causes(&self) -> usize {
        self.of_action_list().flat_map(|task| &task.causes).collect::<BTreeSet<_>>().len()
    }

    /// The first day that something is due.
    pub(super) fn due(&self) -> Option<Date> {
        self.tasks.iter().filter_map(Task::due).min()
    }
}

/// Whether there is something that an owner can do, or accept.
fn asks(diagnosis: Diagnosis) -> bool {
    diagnosis.info().next_step != "none" && diagnosis != Diagnosis::Changing
}

/// Whether the policies are what is in the way, or may be: where something else is, they are left alone.
fn is_decided_by_policy(row: &RepositoryRow<'_>) -> bool {
    matches!(row.assessment.diagnosis, Diagnosis::Blocked | Diagnosis::AtRisk | Diagnosis::Undecided)
}

/// Ids that are named one by one in a folder's name.
const IDS_NAMED: usize = 3;

/// A folder's name for any number of causes.
fn folder(ids: &BTreeSet<String>) -> String {
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let (Some(first), true) = (all.first(), all.len() > IDS_NAMED) else { return all.join("-") };
    let digest = Sha256::digest(all.join("-"));
    let hash = digest.iter().take(4).fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
    format!("{first}-and-{}-more-{hash}", all.len() - 1)
}

/// What tells tasks apart.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Causes(BTreeSet<CauseId>),
    /// Of no cause that others could share.
    Diagnosis(Diagnosis),
}

impl Key {
    fn of(row: &RepositoryRow<'_>) -> Self {
        match row.assessment.causes() {
            [] => Self::Diagnosis(row.assessment.diagnosis),
            causes => Self::Causes(causes.iter().map(|cause| cause.id).collect()),
        }
    }
}

impl Task {
    fn of(row: &RepositoryRow<'_>) -> Self {
        let diagnosis = row.assessment.diagnosis;
        let causes = row.assessment.causes();
        let met = [(diagnosis, 1)].into();
        let (name, sentence) = if causes.is_empty() {
            (diagnosis.word().to_owned(), diagnosis.info().meaning.to_owned())
        } else {
            let ids: BTreeSet<String> = causes.iter().map(|cause| cause.id.to_string()).collect();
            let sentences: Vec<String> = causes.iter().map(|cause| named(cause, &met)).collect();
            (folder(&ids), sentences.join("; "))
        };
        Self {
            name,
            causes: causes.iter().map(|cause| cause.id).collect(),
            sentence: sanitize(&sentence),
            diagnoses: BTreeMap::new(),
            steps: Vec::new(),
            repositories: Vec::new(),
            changes: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    fn add(&mut self, material: &ReportContext<'_>, row: &RepositoryRow<'_>) {
        let facts = &row.repository;
        let (diagnosis, text) = (row.assessment.diagnosis, sanitize(&next_step(row)));
        match self.steps.iter_mut().find(|step| step.text == text) {
            Some(step) => {
                step.repositories += 1;
                step.diagnosis = step.diagnosis.min(diagnosis);
            }
            None => self.steps.push(Step { diagnosis, text, repositories: 1 }),
        }
        self.steps.sort_by_key(|step| step.diagnosis);
        *self.diagnoses.entry(row.assessment.diagnosis).or_default() += 1;
        self.registry_change(material, row);
        let change = self.own_change(material, row);
        let due = material.notes().and_then(|notes| notes.of(&note_key(facts))?.date("due"));
        self.repositories.push(TaskRepository {
            account: facts.account,
            account_name: row.account.and_then(|account| account.name.known().cloned()),
            region: facts.region.clone(),
            name: facts.name.to_string(),
            diagnosis: row.assessment.diagnosis,
            statements: row.assessment.policy.responsible_statements.iter().map(|text| sanitize(text)).collect(),
            depends_on: row.assessment.policy.depends_on.iter().map(|key| sanitize(key)).collect(),
            due,
            console: repository_url(&material.input, facts),
            change,
        });
    }

    /// The place of the changed text of the repository's own policy among the task's.
    fn own_change(&mut self, material: &ReportContext<'_>, row: &RepositoryRow<'_>) -> Option<usize> {
        let (facts, as_of) = (material.input.facts, material.input.as_of);
        let policy = &row.assessment.policy;
        let key = PolicyKey::own(row).filter(|_| policy.own_is_responsible && is_decided_by_policy(row))?;
        let mut evidence = policy_evidence(facts, &row.repository, as_of)?;
        // Proved for this repository, as a plan does: where the registry denies too, one alone cannot be enough.
        evidence.repaired = evidence.repaired.and_then(|after| {
            let enough = policy.registry_is_responsible
                || verdict_with_policy(facts, &row.repository, &after, as_of) == Verdict::Allowed;
            if enough { Ok(after) } else { Err("with it the policies still do not surely let Inspector in".to_owned()) }
        });
        Some(self.change(row, key, evidence))
    }

    fn registry_change(&mut self, material: &ReportContext<'_>, row: &RepositoryRow<'_>) {
        let key = PolicyKey::registry(row).filter(|_| is_decided_by_policy(row));
        let repository = &row.repository;
        let (facts, as_of) = (material.input.facts, material.input.as_of);
        let evidence = registry_policy_evidence(facts, repository.account, &repository.region, Some(repository), as_of);
        if let (Some(key), Some(evidence)) = (key, evidence) {
            self.change(row, key, evidence);
        }
    }

    /// The same text may change in two ways: what a statement denies can hang on the region, the name or the tags.
    fn change(&mut self, row: &RepositoryRow<'_>, key: PolicyKey, evidence: PolicyEvidence) -> usize {
        let after = evidence.repaired.map_err(|why| sanitize(&why));
        let place = (key.clone(), after.clone());
        if let Some(&at) = self.places.get(&place) {
            if let Some(change) = self.changes.get_mut(at) {
                change.repositories += 1;
            }
            return at;
        }
        self.places.insert(place, self.changes.len());
        let exemptions =
            after.as_ref().map_or_else(|_| Vec::new(), |after| condition::exemptions(&evidence.text, after));
        self.changes.push(Change {
            key,
            account_name: row.account.and_then(|account| account.name.known().cloned()),
            before: evidence.text,
            after,
            exemptions,
            repositories: 1,
        });
        self.changes.len() - 1
    }

    /// The statements that change, as lines of a program take them.
    pub(super) fn statements(&self) -> Vec<Changed<'_>> {
        condition::distinct(self.changes.iter().map(|change| {
            let attached_to = if change.key.registry.is_some() { "registry policy" } else { "repository policy" };
            (attached_to, change.key.account, change.exemptions.as_slice())
        }))
    }

    pub(super) fn due(&self) -> Option<Date> {
        self.repositories.iter().filter_map(|one| one.due).min()
    }

    /// `8 blocked, 2 at risk`.
    pub(super) fn diagnoses_in_words(&self) -> String {
        let words = DIAGNOSES.iter().filter_map(|info| {
            let number = self.diagnoses.get(&info.diagnosis)?;
            Some(format!("{number} {}", info.title.to_lowercase()))
        });
        words.collect::<Vec<_>>().join(", ")
    }
}
