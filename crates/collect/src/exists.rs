//! Finds the regions that have Inspector. AWS opens regions between releases, so a region that the table lists without
//! Inspector is called once; the table is right only if no endpoint answers.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use scangap_aws::CallError;
use scangap_model::{GapKind, RegionName, region_info};
use tokio::sync::OnceCell;

/// What is known of regions that the table has without Inspector.
#[derive(Debug, Default)]
pub(crate) struct InspectorRegions(Mutex<BTreeMap<RegionName, Arc<OnceCell<bool>>>>);

impl InspectorRegions {
    /// `ask` is any call to Inspector in the region. A refusal is an answer too; a name that leads nowhere is none. Where
    /// the table does not know the region, no answer is a gap of the registry and not a fact.
    pub(crate) async fn exists<F, R>(&self, region: &RegionName, ask: F) -> bool
    where
        F: FnOnce() -> R,
        R: Future<Output = Result<(), CallError>>,
    {
        if region_info(region.as_str()).is_none_or(|info| info.inspector) {
            return true;
        }
        let known = {
            let mut regions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(regions.entry(region.clone()).or_default())
        };
        *known.get_or_init(|| async { !matches!(ask().await, Err(error) if error.kind == GapKind::Connection) }).await
    }
}
