//! The whole organization: repositories stream by and are judged in parallel, a range at a time, and kept in order.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use rayon::prelude::*;
use scangap_model::{
    AccountId, AuditFacts, Diagnosis, Gap, GapKind, PolicyHash, RecordError, RegionName, RegistryFacts,
    RegistryOutcome, Repositories, RepositoryRecord,
};

use crate::cause::{CauseTally, Causes};
use crate::coverage::{ImageTotals, images_of};
use crate::policies::{self, Policies};
use crate::registry::{self, RegistryAssessment};
use crate::repository::{PolicyAssessment, RegistryView, RepositoryAssessment};

/// An account and a region.
pub type RegistryKey = (AccountId, RegionName);

/// What the facts come to. Of a repository only what cannot be had again cheaply is kept.
#[derive(Debug, Clone)]
pub struct Assessment {
    /// In the order of the repositories.
    pub repositories: Vec<RepositoryAssessment>,
    /// In the order of the facts' registries.
    pub registries: Vec<RegistryAssessment>,
    /// The facts' gaps, and those that only judging found: policies that are none. Sorted.
    pub gaps: Vec<Gap>,
    /// How many repositories of each registry fall in each diagnosis. Registries without repositories are not in it.
    pub by_registry: BTreeMap<RegistryKey, BTreeMap<Diagnosis, usize>>,
    /// How many of a registry's unreadable repositories are not covered, whatever could not be learnt of them. Registries
    /// without one are not in it.
    pub surely_not_covered: BTreeMap<RegistryKey, usize>,
    /// How many of these may be none that are to be scanned.
    pub perhaps_not_to_scan: BTreeMap<RegistryKey, usize>,
    /// The images of the repositories of each diagnosis, where ECR's list of them was read.
    pub images: BTreeMap<Diagnosis, ImageTotals>,
    /// The images of repositories that are known from Inspector's coverage alone.
    pub images_unlisted: ImageTotals,
    /// What many repositories share, the worst first.
    pub causes: Vec<CauseTally>,
    /// How often policies were judged: once for all repositories of a registry that share them.
    pub judged: usize,
}

/// A record with what was made of it.
pub type JudgedRecord<'a> = (RepositoryRecord, &'a RepositoryAssessment);

impl Assessment {
    /// The records at these places, read again, each with what was made of it. Whatever is not what was judged, or is
    /// missing, is an error: a file that changes while it is read must not put one repository's diagnosis on another.
    pub fn join<'a>(
        &'a self,
        repositories: &'a dyn Repositories,
        places: Range<usize>,
    ) -> impl Iterator<Item = Result<JudgedRecord<'a>, RecordError>> + use<'a> {
        let mut judged = self.repositories.get(places.clone()).unwrap_or_default().iter();
        let mut records = repositories.records(places);
        let mut ended = false;
        std::iter::from_fn(move || {
            let next = match (records.next(), judged.next()) {
                _ if ended => return None,
                (Some(Ok(record)), Some(assessment)) if assessment.is_of(&record.facts) => Ok((record, assessment)),
                (None, None) => return None,
                (Some(Err(error)), _) => Err(error),
                (Some(Ok(_)) | None, _) => Err(Changed.into()),
            };
            ended = next.is_err();
            Some(next)
        })
    }

    /// The same, on the caller's own thread.
    pub fn visit<'a>(
        &'a self,
        repositories: &dyn Repositories,
        places: Range<usize>,
        each: &mut dyn FnMut(JudgedRecord<'a>) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        let mut judged = self.repositories.get(places.clone()).unwrap_or_default().iter();
        repositories.visit(places, &mut |record| match judged.next() {
            Some(assessment) if assessment.is_of(&record.facts) => each((record, assessment)),
            Some(_) | None => Err(Changed.into()),
        })?;
        if judged.next().is_some() { Err(Changed.into()) } else { Ok(()) }
    }

    pub fn all_images(&self) -> ImageTotals {
        let mut all = self.images_unlisted.clone();
        self.images.values().for_each(|images| all.merge(images.clone()));
        all
    }

    pub fn counts(&self) -> BTreeMap<Diagnosis, usize> {
        let mut counts = BTreeMap::new();
        for (diagnosis, number) in self.by_registry.values().flatten() {
            *counts.entry(*diagnosis).or_default() += number;
        }
        counts
    }
}

/// The repositories are not those that were judged a moment ago.
#[derive(Debug, thiserror::Error)]
#[error("the snapshot was changed while it was read")]
struct Changed;

/// Repositories that one task reads and judges. Few enough that memory is not felt, enough that reading them is one go.
const TASK: usize = 4096;

/// Judges every repository and registry. Each distinct policy is parsed once.
pub fn assess(
    facts: &AuditFacts,
    repositories: &dyn Repositories,
    as_of: Timestamp,
) -> Result<Assessment, RecordError> {
    let policies = policies::parse_all(&facts.policies);
    let judge = Judge { facts, policies: &policies, as_of, shared: Mutex::default(), judged: AtomicUsize::new(0) };
    let count = repositories.count()?;
    let mut assessment = Assessment {
        repositories: Vec::with_capacity(count),
        registries: Vec::new(),
        gaps: facts.gaps.iter().filter(|gap| gap.kind != GapKind::NotForMembers).cloned().collect(),
        by_registry: BTreeMap::new(),
        surely_not_covered: BTreeMap::new(),
        perhaps_not_to_scan: BTreeMap::new(),
        images: BTreeMap::new(),
        images_unlisted: ImageTotals::default(),
        causes: Vec::new(),
        judged: 0,
    };
    // Each task reads its own range: nothing is handed from thread to thread but what is kept.
    let tasks: Vec<Range<usize>> = (0..count).step_by(TASK).map(|start| start..count.min(start + TASK)).collect();
    let done: Vec<Task> =
        tasks.into_par_iter().map(|places| judge.task(repositories, places)).collect::<Result<_, _>>()?;
    let mut interned = HashSet::new();
    let mut causes = Causes::default();
    for task in done {
        for mut repository in task.repositories {
            // What is equal is kept once, whichever registry it is from.
            repository.policy = intern(&mut interned, repository.policy);
            assessment.repositories.push(repository);
        }
        for (registry, diagnoses) in task.by_registry {
            let of_registry = assessment.by_registry.entry(registry).or_default();
            for (diagnosis, number) in diagnoses {
                *of_registry.entry(diagnosis).or_default() += number;
            }
        }
        for (registry, number) in task.surely_not_covered {
            *assessment.surely_not_covered.entry(registry).or_default() += number;
        }
        for (registry, number) in task.perhaps_not_to_scan {
            *assessment.perhaps_not_to_scan.entry(registry).or_default() += number;
        }
        for (diagnosis, images) in task.images {
            assessment.images.entry(diagnosis).or_default().merge(images);
        }
        assessment.images_unlisted.merge(task.images_unlisted);
        causes.merge(task.causes);
        assessment.gaps.extend(task.gaps);
    }
    assessment.judged = judge.judged.into_inner();
    // There may be hundreds of thousands: no room for more than there are.
    assessment.registries.reserve_exact(facts.registries.len());
    for (key, registry) in &facts.registries {
        let holds_repositories = assessment.by_registry.contains_key(key);
        let (of_registry, gaps) = registry::assess(facts, &policies, registry, holds_repositories, as_of, &mut causes);
        let of_outcome = match &registry.outcome {
            RegistryOutcome::Unreadable(gap) => Some(&**gap),
            _ => None,
        };
        if let Some(gap) = of_outcome.or_else(|| registry.repositories.gap()) {
            causes.not_read(registry, gap);
        }
        assessment.registries.push(of_registry);
        assessment.gaps.extend(gaps);
    }
    assessment.gaps.sort_by(|a, b| a.key().cmp(&b.key()));
    assessment.causes = causes.sorted();
    Ok(assessment)
}

fn key(record: &RepositoryRecord) -> RegistryKey {
    (record.facts.account, record.facts.region.clone())
}

fn intern(known: &mut HashSet<Arc<PolicyAssessment>>, policy: Arc<PolicyAssessment>) -> Arc<PolicyAssessment> {
    if let Some(same) = known.get(&policy) {
        return Arc::clone(same);
    }
    known.insert(Arc::clone(&policy));
    policy
}

/// What a task found of its range.
#[derive(Default)]
struct Task {
    repositories: Vec<RepositoryAssessment>,
    by_registry: BTreeMap<RegistryKey, BTreeMap<Diagnosis, usize>>,
    surely_not_covered: BTreeMap<RegistryKey, usize>,
    perhaps_not_to_scan: BTreeMap<RegistryKey, usize>,
    images: BTreeMap<Diagnosis, ImageTotals>,
    images_unlisted: ImageTotals,
    causes: Causes,
    gaps: Vec<Gap>,
}

/// What decides repositories of one registry alike: their own policy, or that it could not be read.
type PolicyKey = (Option<PolicyHash>, bool);

/// Filled once, outside the lock under which it was taken.
type Place = Arc<OnceLock<Arc<PolicyAssessment>>>;

/// What the tasks share.
struct Judge<'a> {
    facts: &'a AuditFacts,
    policies: &'a Policies<'a>,
    as_of: Timestamp,
    /// Verdicts of the registries that two tasks meet in. A registry within one task is that task's own affair.
    shared: Mutex<HashMap<(RegistryKey, PolicyKey), Place>>,
    judged: AtomicUsize,
}

impl Judge<'_> {
    fn task(&self, repositories: &dyn Repositories, places: Range<usize>) -> Result<Task, RecordError> {
        let mut place = places.start;
        let mut records: Vec<RepositoryRecord> = Vec::with_capacity(places.len());
        repositories.visit(places, &mut |record| {
            records.push(record);
            Ok(())
        })?;
        let mut task = Task::default();
        let of_registries: Vec<&[RepositoryRecord]> =
            records.chunk_by(|a, b| a.facts.account == b.facts.account && a.facts.region == b.facts.region).collect();
        let last = of_registries.len().saturating_sub(1);
        for (at, of_registry) in of_registries.into_iter().enumerate() {
            self.registry(of_registry, place, at == 0 || at == last, &mut task);
            place += of_registry.len();
        }
        Ok(task)
    }

    /// `place`: that of the first among all. `goes_on`: the registry may have repositories in another task's range too.
    fn registry(&self, records: &[RepositoryRecord], place: usize, goes_on: bool, task: &mut Task) {
        let Some(first) = records.first() else { return };
        let key = key(first);
        let unasked;
        let registry = if let Some(registry) = self.facts.registry(&key) {
            registry
        } else {
            unasked = RegistryFacts::unasked(key.0, key.1.clone(), RegistryOutcome::NotReached);
            &unasked
        };
        let view = RegistryView { facts: self.facts, policies: self.policies, registry, as_of: self.as_of };
        let mut known: HashMap<PolicyKey, Arc<PolicyAssessment>> = HashMap::new();
        let mut diagnoses = BTreeMap::new();
        let (mut surely_not_covered, mut perhaps_not_to_scan) = (0, 0);
        for (at, record) in records.iter().enumerate() {
            let own = &record.facts.policy;
            let policy = if view.shares(own) {
                let policy = (own.known().cloned(), own.gap().is_some());
                if let Some(known) = known.get(&policy) {
                    Arc::clone(known)
                } else {
                    let judge = || self.judge(&view, record);
                    let judged = if goes_on { self.once((key.clone(), policy.clone()), judge) } else { judge() };
                    known.insert(policy, Arc::clone(&judged));
                    judged
                }
            } else {
                self.judge(&view, record)
            };
            let (mut repository, gap) = view.assess(record, policy);
            repository.share(&mut task.causes);
            *diagnoses.entry(repository.diagnosis).or_default() += 1;
            surely_not_covered += usize::from(repository.surely_not_covered);
            perhaps_not_to_scan += usize::from(repository.perhaps_not_to_scan);
            task.causes.met(repository.causes(), repository.diagnosis, &record.facts, place + at);
            let images = images_of(&record.images, &registry.image_coverage);
            let totals = if registry.is_listed() {
                task.images.entry(repository.diagnosis).or_default()
            } else {
                &mut task.images_unlisted
            };
            totals.add(&images);
            task.repositories.push(repository);
            task.gaps.extend(gap);
        }
        if surely_not_covered > 0 {
            task.surely_not_covered.insert(key.clone(), surely_not_covered);
        }
        if perhaps_not_to_scan > 0 {
            task.perhaps_not_to_scan.insert(key.clone(), perhaps_not_to_scan);
        }
        task.by_registry.insert(key, diagnoses);
    }

    fn judge(&self, view: &RegistryView<'_>, record: &RepositoryRecord) -> Arc<PolicyAssessment> {
        self.judged.fetch_add(1, Ordering::Relaxed);
        Arc::new(view.judge(&record.facts))
    }

    /// Judges unless another task has.
    fn once(
        &self,
        key: (RegistryKey, PolicyKey),
        judge: impl FnOnce() -> Arc<PolicyAssessment>,
    ) -> Arc<PolicyAssessment> {
        let place = Arc::clone(self.shared.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        Arc::clone(place.get_or_init(judge))
    }
}
