//! The copy of an organization while it runs: where it listens, and with which key and role it is read and written.

use jiff::Timestamp;
use scangap_model::{RecordError, ResyncFacts};
use scangap_report::Input;
use scangap_simorg::{CALLS_KEPT, Simulator, SimulatorOptions, StartError};

use crate::judge::judge;
use crate::scenario::scenario;

#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("failed to read the facts of the snapshot")]
    Facts(RecordError),
    #[error(transparent)]
    Start(StartError),
}

/// A running copy. Dropping it ends it.
#[derive(Debug)]
pub struct SimulatedCopy {
    simulator: Simulator,
    pub organization_id: String,
    /// The role that reads and writes in every account.
    pub role: String,
    pub access_key_id: String,
}

impl SimulatedCopy {
    /// Copies the organization of a snapshot. `resyncs`: what was counted for some of its registries.
    pub fn start(original: &Input<'_>, resyncs: &[ResyncFacts], now: Timestamp) -> Result<Self, CopyError> {
        let scenario = scenario(original.facts, original.repositories, resyncs, now).map_err(CopyError::Facts)?;
        let organization = &scenario.organization;
        let (organization_id, role) = (organization.id.clone(), organization.audit_role.clone());
        let access_key_id = Simulator::access_key(&organization.management_account);
        let judge = Some(judge(original).map_err(CopyError::Facts)?);
        let simulator = Simulator::start(SimulatorOptions { scenario, judge, now, port: 0, calls_kept: CALLS_KEPT })
            .map_err(CopyError::Start)?;
        Ok(Self { simulator, organization_id, role, access_key_id })
    }

    pub fn url(&self) -> String {
        self.simulator.url()
    }

    /// Findings and scanned images that vanished so far.
    pub fn losses(&self) -> (u64, u64) {
        self.simulator.losses()
    }
}
