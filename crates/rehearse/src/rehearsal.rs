//! What a rehearsal came to: a pure comparison of the audits before and after, and of what was lost with what was planned.

use std::collections::{HashMap, HashSet};

use scangap_apply::{ClosingReport, Outcome};
use scangap_model::{AccountId, Diagnosis, RecordError, RegionName, RepositoryName, Verdict, account_label, sanitize};
use scangap_plan::PlanDocument;
use scangap_report::{Change, ChangeKind, Changes, Input};
use serde::Serialize;

/// What a rehearsal cannot know.
const ASSUMED: &[&str] = &[
    "of the images of one repository, status and reason at most 100 are simulated",
    "policies are judged by scangap itself, and where that hangs on something, by what coverage says now",
    "a re-sync refreshes a status that is stuck, which AWS does not document; images pushed in the last 14 days are scanned anew",
    "scan rules do not survive a disable, and are put back; a repair alone shows in coverage at the next push",
];

/// The audits that a rehearsal is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Audits<'a> {
    /// The snapshot that the plan was made from.
    pub original: &'a Input<'a>,
    /// The copy before the apply.
    pub before: &'a Input<'a>,
    /// The copy after the apply.
    pub after: &'a Input<'a>,
    /// From before to after.
    pub changes: &'a Changes,
}

/// What was deleted in the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LostInCopy {
    pub findings: u64,
    /// Scans of images.
    pub images: u64,
    /// Images among them that are not scanned again, as the executor counted them.
    pub images_not_rescanned: u64,
}

/// What the plan says about losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Predicted {
    /// `None`: not counted.
    pub findings: Option<u64>,
    pub images_not_rescanned: u64,
}

/// A repository of the copy, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RehearsedRepository {
    account: AccountId,
    account_name: Option<String>,
    region: RegionName,
    repository: RepositoryName,
    what: String,
}

impl RehearsedRepository {
    /// For a person: with the account's name.
    pub fn in_words(&self) -> String {
        let account = account_label(self.account, self.account_name.as_deref());
        format!("{account} {} {}: {}", self.region, sanitize(self.repository.as_str()), self.what)
    }

    /// Which repository it is.
    pub fn key(&self) -> (AccountId, &RegionName, &RepositoryName) {
        (self.account, &self.region, &self.repository)
    }
}

impl Serialize for RehearsedRepository {
    /// `account region name: before -> after`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { account, region, repository, what, .. } = self;
        serializer.collect_str(&format_args!("{account} {region} {}: {what}", sanitize(repository.as_str())))
    }
}

/// How a plan went on the copy.
#[derive(Debug, Serialize)]
pub struct Rehearsal {
    simulated: bool,
    plan_sha256: String,
    outcome: ClosingReport,
    /// Repositories whose policies let Inspector in with the plan, and did not before.
    pub lets_inspector_in: Vec<RehearsedRepository>,
    /// Those of them that nothing but the next push keeps from being scanned.
    pub at_the_next_push: Vec<RehearsedRepository>,
    pub becomes_covered: Vec<RehearsedRepository>,
    pub becomes_worse: Vec<RehearsedRepository>,
    /// All other repositories whose diagnosis changed.
    pub changes_otherwise: Vec<RehearsedRepository>,
    /// Repositories of the plan that are still not scanned.
    pub stays_broken: Vec<RehearsedRepository>,
    pub lost: LostInCopy,
    pub predicted: Predicted,
    pub assumed: &'static [&'static str],
    /// Repositories whose diagnosis in the copy differs from the snapshot: the rehearsal is not valid for them.
    pub other_than_in_the_snapshot: usize,
}

impl Rehearsal {
    /// `lost`: findings and scanned images that vanished in the copy.
    pub fn of(
        plan: &PlanDocument,
        outcome: &Outcome,
        audits: Audits<'_>,
        lost: (u64, u64),
    ) -> Result<Self, RecordError> {
        let names = Names(audits.original);
        let rows = |wanted: &dyn Fn(&Change) -> bool| -> Vec<RehearsedRepository> {
            audits.changes.rows.iter().filter(|change| wanted(change)).map(|change| names.changed(change)).collect()
        };
        let planned = Planned::of(plan, audits, &names)?;
        let is_covered = |change: &Change| change.after == Some(Diagnosis::Covered) && !loses_coverage(change);
        let is_worse = |change: &Change| {
            loses_coverage(change) || matches!(change.kind, ChangeKind::Regressed | ChangeKind::NoLongerReadable)
        };
        let counted = outcome.steps.iter().filter_map(|step| step.lost);
        Ok(Self {
            simulated: true,
            plan_sha256: plan.plan_sha256.clone(),
            outcome: outcome.report(plan),
            lets_inspector_in: planned.let_in,
            at_the_next_push: planned.at_the_next_push,
            becomes_covered: rows(&is_covered),
            becomes_worse: rows(&is_worse),
            changes_otherwise: rows(&|change| {
                change.before != change.after && !is_covered(change) && !is_worse(change)
            }),
            stays_broken: planned.stays_broken,
            lost: LostInCopy {
                findings: lost.0,
                images: lost.1,
                images_not_rescanned: counted.map(|lost| lost.images_not_rescanned).sum(),
            },
            predicted: Predicted { findings: plan.findings_lost, images_not_rescanned: plan.images_lost() },
            assumed: ASSUMED,
            other_than_in_the_snapshot: other(audits.original, audits.before)?,
        })
    }

    /// Whether more was lost than the plan says.
    pub fn exceeds_plan(&self) -> bool {
        self.lost.findings > self.predicted.findings.unwrap_or(0)
            || self.lost.images_not_rescanned > self.predicted.images_not_rescanned
    }
}

/// The accounts' names, as the snapshot has them.
struct Names<'a>(&'a Input<'a>);

impl Names<'_> {
    fn row(&self, account: AccountId, region: &RegionName, name: &RepositoryName, what: String) -> RehearsedRepository {
        let facts = self.0.facts.accounts.get(&account);
        RehearsedRepository {
            account,
            account_name: facts.and_then(|facts| facts.name.known().cloned()),
            region: region.clone(),
            repository: name.clone(),
            what,
        }
    }

    fn changed(&self, change: &Change) -> RehearsedRepository {
        let word = |one: Option<Diagnosis>| one.map_or("-", Diagnosis::word);
        let what = format!("{} -> {}", word(change.before), word(change.after));
        self.row(change.account, &change.region, &change.repository, what)
    }
}

/// Whether it was scanned before and is not now.
fn loses_coverage(change: &Change) -> bool {
    let of_status = |one: &&scangap_report::Difference| one.column == "coverage_status";
    change.differences.iter().find(of_status).is_some_and(|one| one.before == "ACTIVE" && one.after != "ACTIVE")
}

/// What became of the repositories that the plan is for.
struct Planned {
    let_in: Vec<RehearsedRepository>,
    at_the_next_push: Vec<RehearsedRepository>,
    stays_broken: Vec<RehearsedRepository>,
}

impl Planned {
    fn of(plan: &PlanDocument, audits: Audits<'_>, names: &Names<'_>) -> Result<Self, RecordError> {
        let repairs = plan.repairs.iter().map(|step| (step.account, step.region.clone(), step.repository.clone()));
        let registries = plan
            .resyncs
            .iter()
            .flat_map(|step| step.repositories.iter().map(|name| (step.account, step.region.clone(), name.clone())));
        let of_plan: HashSet<_> = repairs.chain(registries).collect();
        let let_in_before = let_in(audits.before, &of_plan)?;
        let mut planned = Self { let_in: Vec::new(), at_the_next_push: Vec::new(), stays_broken: Vec::new() };
        let after = audits.after;
        for joined in after.assessment.join(after.repositories, 0..after.assessment.repositories.len()) {
            let (record, assessment) = joined?;
            let facts = record.facts;
            if !of_plan.contains(&(facts.account, facts.region.clone(), facts.name.to_string())) {
                continue;
            }
            let row = |what: &str| names.row(facts.account, &facts.region, &facts.name, what.to_owned());
            let is_let_in = assessment.policy.verdict == Verdict::Allowed && !let_in_before.contains(&facts.arn);
            match assessment.diagnosis {
                diagnosis if is_let_in && waits_for_a_push(diagnosis) => {
                    let row = row(&format!("{}, until the next push", diagnosis.word()));
                    planned.let_in.push(row.clone());
                    planned.at_the_next_push.push(row);
                }
                diagnosis if is_let_in => planned.let_in.push(row(diagnosis.word())),
                _ => {}
            }
            if assessment.diagnosis != Diagnosis::Covered {
                planned.stays_broken.push(row(assessment.diagnosis.word()));
            }
        }
        Ok(planned)
    }
}

/// Whether the layers after the policies are open too, and there is only nothing that was scanned since.
const fn waits_for_a_push(diagnosis: Diagnosis) -> bool {
    matches!(diagnosis, Diagnosis::Stale | Diagnosis::Unseen | Diagnosis::Empty)
}

type Named = (AccountId, RegionName, String);

/// Those of the plan's repositories whose policies let Inspector in, by ARN.
fn let_in(input: &Input<'_>, of_plan: &HashSet<Named>) -> Result<HashSet<String>, RecordError> {
    let mut arns = HashSet::new();
    for joined in input.assessment.join(input.repositories, 0..input.assessment.repositories.len()) {
        let (record, assessment) = joined?;
        let facts = &record.facts;
        let named = (facts.account, facts.region.clone(), facts.name.to_string());
        if assessment.policy.verdict == Verdict::Allowed && of_plan.contains(&named) {
            arns.insert(record.facts.arn);
        }
    }
    Ok(arns)
}

fn other(original: &Input<'_>, copy: &Input<'_>) -> Result<usize, RecordError> {
    let (there, here) = (diagnoses(original)?, diagnoses(copy)?);
    Ok(there.iter().filter(|(arn, diagnosis)| here.get(*arn) != Some(diagnosis)).count())
}

fn diagnoses(input: &Input<'_>) -> Result<HashMap<String, Diagnosis>, RecordError> {
    let all = 0..input.assessment.repositories.len();
    let joined = input.assessment.join(input.repositories, all);
    joined.map(|joined| joined.map(|(record, assessment)| (record.facts.arn, assessment.diagnosis))).collect()
}
