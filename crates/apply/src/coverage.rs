//! What Inspector's coverage says of a step's repositories.

use std::collections::BTreeSet;

use scangap_aws::read::{CoverageFilter, CoveredResource};
use scangap_model::{Api, Arn};
use scangap_plan::Resync;

use crate::context::Executor;
use crate::error::ApplyError;
use crate::pages::whole;

/// Repositories by what coverage says of them, images' rows included.
#[derive(Debug, Default)]
pub(crate) struct RepositoryCoverage {
    denied: BTreeSet<String>,
    scanned: BTreeSet<String>,
}

impl RepositoryCoverage {
    pub(crate) fn is_denied(&self) -> bool {
        !self.denied.is_empty()
    }

    /// The step's repositories that are not denied any more.
    pub(crate) fn refreshed(&self, step: &Resync) -> Vec<String> {
        let refreshed = |name: &&String| self.scanned.contains(*name) && !self.denied.contains(*name);
        step.repositories.iter().filter(refreshed).cloned().collect()
    }

    fn take(&mut self, row: &CoveredResource, repositories: &[String]) {
        let arn = row.resource_id.parse::<Arn>().ok().and_then(|arn| arn.ecr_repository());
        let Some((repository, _)) = arn.filter(|(name, _)| repositories.iter().any(|one| one == name.as_str())) else {
            return;
        };
        match row.reason.as_deref() {
            Some("ACCESS_DENIED") => self.denied.insert(repository.to_string()),
            // Left over from before, or not scanned yet.
            Some("PENDING_DISABLE" | "RESOURCE_TERMINATED" | "PENDING_INITIAL_SCAN") | None => false,
            Some(_) => self.scanned.insert(repository.to_string()),
        };
    }
}

pub(crate) async fn coverage(executor: &Executor<'_>, step: &Resync) -> Result<RepositoryCoverage, ApplyError> {
    let from = executor.access.reader(step.toggled_from, &step.region);
    let mut coverage = RepositoryCoverage::default();
    for filter in [CoverageFilter::RepositoriesOf(step.account), CoverageFilter::ImagesOf(step.account)] {
        let from = &from;
        let page = |token: Option<String>| {
            let read = move || {
                let (call, token) = (executor.access.call(Api::ListCoverage), token.clone());
                async move { from.coverage(&call, filter, token).await }
            };
            executor.patient(read)
        };
        let take = |rows: Vec<CoveredResource>| {
            for row in &rows {
                coverage.take(row, &step.repositories);
            }
            Ok(())
        };
        let unexpected = |what| ApplyError::UnexpectedState { step: step.id.clone(), what };
        whole(Api::ListCoverage, page, take).await.map_err(unexpected)?;
    }
    Ok(coverage)
}
