//! The whole organization: repositories stream by and are judged in parallel, a batch at a time, in order.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use rayon::prelude::*;
use scangap_model::{
    AccountId, AuditFacts, CellFacts, CellOutcome, Diagnosis, Gap, PolicyHash, RecordError, RegionName, Repositories,
    RepositoryRecord,
};

use crate::cell::{self, CellAssessment};
use crate::policies::{self, Policies};
use crate::repository::{CellView, PolicyAssessment, RepositoryAssessment};

/// An account and a region.
pub type CellKey = (AccountId, RegionName);

/// What the facts come to. Of a repository only what cannot be had again cheaply is kept.
#[derive(Debug, Clone)]
pub struct Assessment {
    /// In the order of the repositories.
    pub repositories: Vec<RepositoryAssessment>,
    /// In the order of the facts' cells.
    pub cells: Vec<CellAssessment>,
    /// The facts' gaps, and those that only judging found: policies that are none. Sorted.
    pub gaps: Vec<Gap>,
    /// How many repositories of each cell fall in each diagnosis. Cells without repositories are not in it.
    pub by_cell: BTreeMap<CellKey, BTreeMap<Diagnosis, usize>>,
    /// How often policies were judged: once for all repositories of a cell that share them.
    pub judged: usize,
}

impl Assessment {
    pub fn counts(&self) -> BTreeMap<Diagnosis, usize> {
        let mut counts = BTreeMap::new();
        for (diagnosis, number) in self.by_cell.values().flatten() {
            *counts.entry(*diagnosis).or_default() += number;
        }
        counts
    }
}

/// Records that are judged together. Enough for every core, few enough that memory is not felt.
const BATCH: usize = 4096;
/// Records that one task judges.
const TASK: usize = 256;

/// Judges every repository and cell. Each distinct policy is parsed once.
pub fn assess(
    facts: &AuditFacts,
    repositories: &dyn Repositories,
    as_of: Timestamp,
) -> Result<Assessment, RecordError> {
    let policies = policies::parse_all(&facts.policies);
    let judge = Judge { facts, policies: &policies, as_of, shared: Mutex::default(), judged: AtomicUsize::new(0) };
    let mut assessment = Assessment {
        repositories: Vec::new(),
        cells: Vec::new(),
        gaps: facts.gaps.clone(),
        by_cell: BTreeMap::new(),
        judged: 0,
    };
    let mut interned = HashSet::new();
    let mut records = repositories.records();
    loop {
        let batch: Vec<RepositoryRecord> = records.by_ref().take(BATCH).collect::<Result<_, _>>()?;
        let Some(last) = batch.last() else { break };
        let judged: Vec<Vec<Judged>> = batch.par_chunks(TASK).map(|task| judge.all(task)).collect();
        for (record, (mut repository, gap)) in batch.iter().zip(judged.into_iter().flatten()) {
            // What is equal is kept once, whichever cell it is from.
            repository.policy = intern(&mut interned, repository.policy);
            count(&mut assessment.by_cell, record, repository.diagnosis);
            assessment.repositories.push(repository);
            assessment.gaps.extend(gap);
        }
        judge.forget_all_but(&key(last));
    }
    assessment.judged = judge.judged.into_inner();
    let cells = facts
        .cells
        .iter()
        .map(|(key, cell)| cell::assess(facts, &policies, cell, assessment.by_cell.contains_key(key), as_of));
    let (cells, gaps): (Vec<_>, Vec<_>) = cells.unzip();
    assessment.cells = cells;
    assessment.gaps.extend(gaps.into_iter().flatten());
    assessment.gaps.sort_by(|a, b| a.key().cmp(&b.key()));
    Ok(assessment)
}

fn key(record: &RepositoryRecord) -> CellKey {
    (record.facts.account, record.facts.region.clone())
}

fn intern(known: &mut HashSet<Arc<PolicyAssessment>>, policy: Arc<PolicyAssessment>) -> Arc<PolicyAssessment> {
    if let Some(same) = known.get(&policy) {
        return Arc::clone(same);
    }
    known.insert(Arc::clone(&policy));
    policy
}

fn count(by_cell: &mut BTreeMap<CellKey, BTreeMap<Diagnosis, usize>>, record: &RepositoryRecord, diagnosis: Diagnosis) {
    *by_cell.entry(key(record)).or_default().entry(diagnosis).or_default() += 1;
}

type Judged = (RepositoryAssessment, Option<Gap>);

/// What decides repositories of one cell alike: the cell and their own policy; `None`: no policy, or one that is not read.
type SharedKey = (CellKey, Option<PolicyHash>, bool);

/// What the tasks of a batch share.
struct Judge<'a> {
    facts: &'a AuditFacts,
    policies: &'a Policies,
    as_of: Timestamp,
    /// Verdicts of the cells that are passing. A place is taken under the lock, and filled outside it, once.
    shared: Mutex<HashMap<SharedKey, Arc<OnceLock<Arc<PolicyAssessment>>>>>,
    judged: AtomicUsize,
}

impl Judge<'_> {
    fn all(&self, records: &[RepositoryRecord]) -> Vec<Judged> {
        let mut out = Vec::with_capacity(records.len());
        for of_cell in records.chunk_by(|a, b| a.facts.account == b.facts.account && a.facts.region == b.facts.region) {
            let Some(first) = of_cell.first() else { continue };
            let key = key(first);
            let unasked;
            let cell = if let Some(cell) = self.facts.cells.get(&key) {
                cell
            } else {
                unasked = CellFacts::unasked(key.0, key.1.clone(), CellOutcome::NotReached);
                &unasked
            };
            let view = CellView { facts: self.facts, policies: self.policies, cell, as_of: self.as_of };
            // The task's own memory saves the lock.
            let mut mine: HashMap<(Option<PolicyHash>, bool), Arc<PolicyAssessment>> = HashMap::new();
            for record in of_cell {
                let own = &record.facts.policy;
                let policy = if view.shares(own) {
                    let short = (own.known().cloned(), own.gap().is_some());
                    if let Some(policy) = mine.get(&short) {
                        Arc::clone(policy)
                    } else {
                        let policy = self.once((key.clone(), short.0.clone(), short.1), || self.judge(&view, record));
                        mine.insert(short, Arc::clone(&policy));
                        policy
                    }
                } else {
                    self.judge(&view, record)
                };
                out.push(view.assess(record, policy));
            }
        }
        out
    }

    fn judge(&self, view: &CellView<'_>, record: &RepositoryRecord) -> Arc<PolicyAssessment> {
        self.judged.fetch_add(1, Ordering::Relaxed);
        Arc::new(view.judge(&record.facts))
    }

    /// Judges unless another task has.
    fn once(&self, key: SharedKey, judge: impl FnOnce() -> Arc<PolicyAssessment>) -> Arc<PolicyAssessment> {
        let place = Arc::clone(self.shared.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        Arc::clone(place.get_or_init(judge))
    }

    /// Cells that have passed do not come again.
    fn forget_all_but(&self, cell: &CellKey) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).retain(|(key, ..), _| key == cell);
    }
}
