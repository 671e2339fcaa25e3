//! The whole organization as it is now: accounts with their registries, roles, sessions, and changes under way.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use jiff::Timestamp;
use scangap_model::{AccountId, RegionName};
use serde_json::Value;

use super::maker::Maker;
use super::registries::Registries;
use super::state::{FindingsReport, Loss, Session, Transition};
use crate::policies::PolicyTruth;
use crate::scenario::{DelaySpec, OrganizationSpec, OuSpec, RoleSpec};
use crate::services::{Allowed, Trust};

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) organization: OrganizationSpec,
    pub(crate) management: AccountId,
    pub(crate) inspector_admin: Option<AccountId>,
    pub(crate) ous: Vec<OuSpec>,
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    /// What roles may do and whom they trust, by their names with paths. A role that is not here may do everything.
    pub(crate) role_policies: BTreeMap<String, RolePolicies>,
    /// What long-lived keys may do. `None`: everything.
    pub(crate) caller_policy: Option<Vec<Allowed>>,
    pub(super) maker: Maker,
    pub(crate) truth: PolicyTruth,
    pub(crate) sessions: HashMap<String, Session>,
    pub(crate) delays: DelaySpec,
    /// What re-syncs destroyed.
    pub(crate) losses: Vec<Loss>,
    /// Findings that Security Hub took, by account, region and id: one sent again takes the place of itself.
    pub(crate) security_hub: BTreeMap<(AccountId, String, String), Value>,
    /// Reports of findings that were asked for.
    pub(crate) reports: Vec<FindingsReport>,
    /// Real time at the start, for credentials; the scenario's clock for everything else.
    pub(crate) wall: Timestamp,
    pub(super) clock: Timestamp,
    pub(super) started: Instant,
    pub(super) due: Vec<(Instant, Transition)>,
}

/// The policies of a role, the same in every account that has it.
#[derive(Debug)]
pub(crate) struct RolePolicies {
    pub(crate) allowed: Vec<Allowed>,
    /// `None`: every caller.
    pub(crate) trust: Option<Trust>,
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
    pub(super) registries: Registries,
}
