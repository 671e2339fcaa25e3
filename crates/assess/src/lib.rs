//! From facts and policies to diagnoses: pure, parallel, the same for the same facts.

mod cell;
mod coverage;
mod diagnose;
mod evidence;
mod policies;
mod repository;

use std::collections::BTreeMap;

use jiff::Timestamp;
use rayon::prelude::*;
use scangap_model::{AuditFacts, Diagnosis, Gap};

pub use cell::CellAssessment;
pub use coverage::Coverage;
pub use diagnose::{Layers, Selection, diagnose};
pub use evidence::{PolicyEvidence, policy_evidence};
pub use repository::{LikelyCause, RepositoryAssessment};

/// What the facts come to.
#[derive(Debug, Clone)]
pub struct Assessment {
    /// In the order of the facts' repositories.
    pub repositories: Vec<RepositoryAssessment>,
    /// In the order of the facts' cells.
    pub cells: Vec<CellAssessment>,
    /// The facts' gaps, and those that only judging found: policies that are none. Sorted.
    pub gaps: Vec<Gap>,
}

impl Assessment {
    pub fn counts(&self) -> BTreeMap<Diagnosis, usize> {
        self.repositories.iter().fold(BTreeMap::new(), |mut counts, repository| {
            *counts.entry(repository.diagnosis).or_default() += 1;
            counts
        })
    }
}

/// Judges every repository and cell. Each distinct policy is parsed once.
pub fn assess(facts: &AuditFacts, as_of: Timestamp) -> Assessment {
    let policies = policies::parse_all(&facts.policies);
    let judged: Vec<(RepositoryAssessment, Option<Gap>)> = facts
        .repositories
        .par_iter()
        .map(|repository| repository::assess(facts, &policies, repository, as_of))
        .collect();
    let cells: Vec<(CellAssessment, Vec<Gap>)> =
        facts.cells.values().map(|cell| cell::assess(facts, &policies, cell, as_of)).collect();
    let mut gaps = facts.gaps.clone();
    gaps.extend(judged.iter().filter_map(|(_, gap)| gap.clone()));
    gaps.extend(cells.iter().flat_map(|(_, gaps)| gaps.clone()));
    gaps.sort_by(|a, b| a.key().cmp(&b.key()));
    Assessment {
        repositories: judged.into_iter().map(|(assessment, _)| assessment).collect(),
        cells: cells.into_iter().map(|(assessment, _)| assessment).collect(),
        gaps,
    }
}
