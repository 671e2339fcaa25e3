//! The organization's state, built from a scenario and changed only by calls and by the transitions they started.

mod build;
mod scanning;
mod sessions;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use jiff::Timestamp;
use scangap_model::{AccountId, RegionName, region_info};

use crate::scenario::{DelaySpec, OrganizationSpec, OuSpec, RoleSpec};
use crate::truth::PolicyTruth;

pub(crate) use build::{digest_of, findings};
pub(crate) use sessions::{Caller, LONG_LIVED, Rejected, Session};

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) organization: OrganizationSpec,
    pub(crate) management: AccountId,
    pub(crate) inspector_admin: Option<AccountId>,
    pub(crate) ous: Vec<OuSpec>,
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    pub(crate) truth: PolicyTruth,
    pub(crate) sessions: HashMap<String, Session>,
    pub(crate) delays: DelaySpec,
    /// What re-syncs destroyed.
    pub(crate) losses: Vec<Loss>,
    /// Reports of findings that were asked for.
    pub(crate) reports: Vec<FindingsReport>,
    /// Real time at the start, for credentials; the scenario's clock for everything else.
    pub(crate) wall: Timestamp,
    clock: Timestamp,
    started: Instant,
    due: Vec<(Instant, Transition)>,
}

#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) ou: Option<String>,
    pub(crate) state: String,
    /// With their paths.
    pub(crate) roles: BTreeSet<String>,
    /// What the roles ask for, if anything.
    pub(crate) external_id: Option<String>,
    pub(crate) regions: BTreeSet<RegionName>,
    pub(crate) inspector_member: bool,
    pub(crate) inspector_policy: bool,
    pub(crate) inspector_role: RoleSpec,
    pub(crate) registries: BTreeMap<RegionName, RegistryState>,
}

#[derive(Debug, Clone)]
pub(crate) struct RegistryState {
    pub(crate) ecr_scanning: String,
    /// A change that is under way and does not show.
    pub(crate) hidden_change: Option<&'static str>,
    pub(crate) ec2_scanning: bool,
    pub(crate) scan_type: String,
    pub(crate) rules: Vec<Rule>,
    pub(crate) registry_policy: Option<String>,
    pub(crate) registry_policy_scope: String,
    pub(crate) templates: Vec<Template>,
    pub(crate) repositories: BTreeMap<String, Repository>,
    pub(crate) orphaned_coverage: Vec<String>,
    pub(crate) suppression_rules: Vec<String>,
    pub(crate) rescan_duration: String,
    pub(crate) pull_date_rescan_duration: String,
    pub(crate) pull_date_rescan_mode: String,
}

impl Default for RegistryState {
    /// A region that nobody has touched: Inspector off, BASIC scanning, scope V2.
    fn default() -> Self {
        Self {
            ecr_scanning: "DISABLED".to_owned(),
            hidden_change: None,
            ec2_scanning: false,
            scan_type: "BASIC".to_owned(),
            rules: Vec::new(),
            registry_policy: None,
            registry_policy_scope: "V2".to_owned(),
            templates: Vec::new(),
            repositories: BTreeMap::new(),
            orphaned_coverage: Vec::new(),
            suppression_rules: Vec::new(),
            rescan_duration: "DAYS_14".to_owned(),
            pull_date_rescan_duration: "DAYS_14".to_owned(),
            pull_date_rescan_mode: "LAST_IN_USE_AT".to_owned(),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) frequency: String,
    pub(crate) filters: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) prefix: String,
    pub(crate) policy: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Repository {
    pub(crate) created_at: Timestamp,
    pub(crate) policy: Option<String>,
    /// The policy that Inspector meets: the one above, once a change has spread.
    pub(crate) effective: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) images: Vec<Image>,
    pub(crate) coverage: Option<Coverage>,
    /// What no scan and no re-sync changes: a key that denies, an image that is not supported.
    pub(crate) lasting: Option<Coverage>,
    pub(crate) sticky: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) digest: String,
    pub(crate) pushed_at: Timestamp,
    pub(crate) status: String,
    /// How many active findings a scan of it makes.
    pub(crate) vulnerabilities: u32,
    pub(crate) findings: Vec<Finding>,
    pub(crate) coverage: Option<Coverage>,
    pub(crate) lasting: Option<Coverage>,
    pub(crate) index: bool,
    pub(crate) in_use: Option<u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) arn: String,
    pub(crate) severity: &'static str,
    pub(crate) status: &'static str,
    pub(crate) first_observed_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coverage {
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) last_scanned_at: Option<Timestamp>,
}

/// What a disable of ECR scanning destroyed in one registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) account: AccountId,
    pub(crate) region: RegionName,
    pub(crate) findings: u64,
    /// Images that were being scanned.
    pub(crate) images: u64,
}

/// A report of findings, as it would lie in S3.
#[derive(Debug, Clone)]
pub(crate) struct FindingsReport {
    pub(crate) id: String,
    /// The account that requested the report, and the region: no other caller can read its status.
    pub(crate) caller: AccountId,
    pub(crate) region: RegionName,
    pub(crate) destination: serde_json::Value,
    pub(crate) findings: u64,
    /// Why it could not be written.
    pub(crate) error: Option<&'static str>,
    /// Whether somebody asked about it before.
    pub(crate) asked: bool,
}

/// A change that shows later than the call that started it.
#[derive(Debug, Clone)]
pub(crate) enum Transition {
    PolicySpread { account: AccountId, region: RegionName, repository: String },
    Scanned { account: AccountId, region: RegionName, repository: String },
    Disabled { account: AccountId, region: RegionName },
    Enabled { account: AccountId, region: RegionName },
}

impl World {
    /// The simulated time: the scenario's clock, running.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.saturating_add(self.started.elapsed()).unwrap_or(self.clock)
    }

    pub(crate) fn wall_now(&self) -> Timestamp {
        self.wall.saturating_add(self.started.elapsed()).unwrap_or(self.wall)
    }

    pub(crate) fn registry(&mut self, account: AccountId, region: &RegionName) -> Option<&mut RegistryState> {
        Some(self.accounts.get_mut(&account)?.registries.entry(region.clone()).or_default())
    }

    pub(crate) fn registry_ref(&self, account: AccountId, region: &RegionName) -> Option<&RegistryState> {
        self.accounts.get(&account)?.registries.get(region)
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
