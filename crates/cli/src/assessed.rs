//! A snapshot, judged: what every report and every comparison starts from.

use std::path::{Path, PathBuf};

use scangap_assess::{Assessment, assess};
use scangap_model::{Diagnosis, Images};
use scangap_report::{Changes, Input, Summary, compare};
use scangap_snapshot::{RunState, Snapshot};

use crate::error::{CliError, Unreadable};
use crate::file_in::file_in;

pub(crate) struct AssessedSnapshot {
    pub(crate) snapshot: Snapshot,
    pub(crate) assessment: Assessment,
    pub(crate) path: PathBuf,
}

impl AssessedSnapshot {
    /// A snapshot that comes from anywhere: its facts must be those that its hash names. An interrupted run has none.
    pub(crate) fn open_checked(path: &Path) -> Result<Self, CliError> {
        let path = &file_in(path, "snapshot.db");
        let hash = Snapshot::hash_facts(path).map_err(CliError::Snapshot)?;
        match hash.stored {
            Some(stored) if stored != hash.computed => Err(CliError::Tampered(path.to_owned())),
            Some(_) | None => Self::open(path),
        }
    }

    pub(crate) fn open(path: &Path) -> Result<Self, CliError> {
        let snapshot = Snapshot::open(path).map_err(CliError::Snapshot)?;
        let assessment = assess(&snapshot.facts, &snapshot.repositories, snapshot.meta.as_of)
            .map_err(|error| CliError::Facts(Unreadable(error)))?;
        Ok(Self { snapshot, assessment, path: path.to_owned() })
    }

    pub(crate) fn input(&self) -> Input<'_> {
        self.input_with(None)
    }

    /// With what earlier audits say.
    pub(crate) fn input_with<'a>(&'a self, changes: Option<&'a Changes>) -> Input<'a> {
        let meta = &self.snapshot.meta;
        Input {
            facts: &self.snapshot.facts,
            repositories: &self.snapshot.repositories,
            assessment: &self.assessment,
            simulated: meta.simulated,
            interrupted: meta.state == RunState::Interrupted,
            shard: meta.shard,
            lacks_accounts: self.lacks_accounts(),
            as_of: meta.as_of,
            facts_sha256: self.facts_sha256(),
            tool_version: &meta.tool_version,
            caller_arn: &meta.caller_arn,
            images: meta.keeps_images.then_some(&self.snapshot.repositories as &dyn Images),
            changes,
            trend: None,
            decisions: None,
        }
    }

    /// Whether it is a shard, or lacks some: it is not of the whole organization.
    pub(crate) fn lacks_accounts(&self) -> bool {
        self.snapshot.meta.shard.is_some() || !self.snapshot.meta.missing_shards.is_empty()
    }

    /// Whether everything in scope was learnt, by a run that came to its end.
    pub(crate) fn is_complete(&self) -> bool {
        let input = self.input();
        !input.interrupted && Summary::of(&input).is_complete()
    }

    /// Repositories whose policies keep Inspector out.
    pub(crate) fn to_repair(&self) -> usize {
        let counts = self.assessment.counts();
        [Diagnosis::Blocked, Diagnosis::AtRisk].iter().filter_map(|diagnosis| counts.get(diagnosis)).sum()
    }

    pub(crate) fn facts_sha256(&self) -> &str {
        self.snapshot.meta.facts_sha256.as_deref().unwrap_or("none: the run was never closed")
    }

    /// What differs from an earlier audit.
    pub(crate) fn changes_since(&self, old: &Self) -> Result<Changes, CliError> {
        compare(&old.input(), &self.input()).map_err(CliError::Compare)
    }
}
