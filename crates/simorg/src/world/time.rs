//! The state as it is now: what shows later has its time, and the rest is looked up.

use std::time::Instant;

use jiff::Timestamp;
use scangap_model::{AccountId, RegionName, region_info};

use super::organization::{Account, World};
use super::state::{RegistryState, Transition};

impl World {
    /// The simulated time: the scenario's clock, running.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.saturating_add(self.started.elapsed()).unwrap_or(self.clock)
    }

    pub(crate) fn wall_now(&self) -> Timestamp {
        self.wall.saturating_add(self.started.elapsed()).unwrap_or(self.wall)
    }

    /// As answers say it.
    pub(crate) fn date(&self) -> Option<String> {
        let date = || self.wall_now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        (!self.organization.no_date).then(date)
    }

    pub(crate) fn registry(&mut self, account: AccountId, region: &RegionName) -> Option<&mut RegistryState> {
        self.accounts.get_mut(&account)?.registries.get_mut(account, region, &self.maker)
    }

    pub(crate) fn registry_ref(&self, account: AccountId, region: &RegionName) -> Option<&RegistryState> {
        self.accounts.get(&account)?.registries.get(account, region, &self.maker)
    }

    pub(crate) fn later(&mut self, delay_ms: u64, transition: Transition) {
        self.due.push((Instant::now() + std::time::Duration::from_millis(delay_ms), transition));
    }

    /// Applies every transition whose time has come. Called before each answer, so that a delay of zero shows at once.
    pub(crate) fn catch_up(&mut self) {
        let now = Instant::now();
        while let Some(at) = self.due.iter().position(|(due, _)| *due <= now) {
            let (_, transition) = self.due.remove(at);
            self.apply(&transition);
        }
    }

    /// Whether a change that was started does not show yet.
    pub(crate) fn is_changing(&self) -> bool {
        !self.due.is_empty()
    }

    /// Whether Inspector exists in a region.
    pub(crate) fn inspects(&self, region: &str) -> bool {
        match &self.organization.inspector_regions {
            Some(regions) => regions.iter().any(|with| with == region),
            None => region_info(region).is_none_or(|info| info.inspector),
        }
    }

    /// The organization path of an account, without the account: `o-.../r-.../ou-.../`.
    pub(crate) fn path(&self, account: &Account) -> String {
        let mut units = Vec::new();
        let mut next = account.ou.clone();
        while let Some(id) = next {
            next = self.ous.iter().find(|ou| ou.id == id).and_then(|ou| ou.parent.clone());
            units.push(id);
        }
        units.reverse();
        let mut path = format!("{}/{}/", self.organization.id, self.organization.root);
        for unit in units {
            path.push_str(&unit);
            path.push('/');
        }
        path
    }
}
