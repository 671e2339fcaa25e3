//! What a rehearsal came to: a pure comparison of the audits before and after, and of what was lost with what was planned.

use std::collections::{HashMap, HashSet};

use scangap_apply::{ClosingReport, Outcome};
use scangap_model::{Diagnosis, RecordError, sanitize};
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

/// How a plan went on the copy. Repositories are written as `account region name: before -> after`.
#[derive(Debug, Serialize)]
pub struct Rehearsal {
    simulated: bool,
    plan_sha256: String,
    outcome: ClosingReport,
    pub becomes_covered: Vec<String>,
    pub becomes_worse: Vec<String>,
    /// All other repositories whose diagnosis changed.
    pub changes_otherwise: Vec<String>,
    /// Repositories of the plan that are still not scanned.
    pub stays_broken: Vec<String>,
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
        let rows = |wanted: &dyn Fn(&Change) -> bool| -> Vec<String> {
            audits.changes.rows.iter().filter(|change| wanted(change)).map(row).collect()
        };
        let is_covered = |change: &Change| change.after == Some(Diagnosis::Covered) && !loses_coverage(change);
        let is_worse = |change: &Change| {
            loses_coverage(change) || matches!(change.kind, ChangeKind::Regressed | ChangeKind::NoLongerReadable)
        };
        let counted = outcome.steps.iter().filter_map(|step| step.lost);
        Ok(Self {
            simulated: true,
            plan_sha256: plan.plan_sha256.clone(),
            outcome: outcome.report(plan),
            becomes_covered: rows(&is_covered),
            becomes_worse: rows(&is_worse),
            changes_otherwise: rows(&|change| {
                change.before != change.after && !is_covered(change) && !is_worse(change)
            }),
            stays_broken: stays_broken(plan, audits.after)?,
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

fn row(change: &Change) -> String {
    let word = |one: Option<Diagnosis>| one.map_or("-", Diagnosis::word);
    let (before, after) = (word(change.before), word(change.after));
    format!("{} {} {}: {before} -> {after}", change.account, change.region, sanitize(change.repository.as_str()))
}

/// Whether it was scanned before and is not now.
fn loses_coverage(change: &Change) -> bool {
    let of_status = |one: &&scangap_report::Difference| one.column == "coverage_status";
    change.differences.iter().find(of_status).is_some_and(|one| one.before == "ACTIVE" && one.after != "ACTIVE")
}

fn stays_broken(plan: &PlanDocument, after: &Input<'_>) -> Result<Vec<String>, RecordError> {
    let repairs = plan.repairs.iter().map(|step| (step.account, step.region.clone(), step.repository.clone()));
    let registries = plan
        .resyncs
        .iter()
        .flat_map(|step| step.repositories.iter().map(|name| (step.account, step.region.clone(), name.clone())));
    let of_plan: HashSet<_> = repairs.chain(registries).collect();
    let mut rows = Vec::new();
    for joined in after.assessment.join(after.repositories, 0..after.assessment.repositories.len()) {
        let (record, assessment) = joined?;
        let facts = record.facts;
        let named = (facts.account, facts.region.clone(), facts.name.to_string());
        if of_plan.contains(&named) && assessment.diagnosis != Diagnosis::Covered {
            let name = sanitize(facts.name.as_str());
            rows.push(format!("{} {} {name}: {}", facts.account, facts.region, assessment.diagnosis.word()));
        }
    }
    Ok(rows)
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
