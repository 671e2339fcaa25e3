//! What collection tells its one listener.

use std::collections::BTreeMap;

use scangap_model::{
    AccountFacts, AccountId, CoverageRow, Gap, ImageCounts, ImageRow, Observed, OrganizationFacts, RegionFact,
    RegistryFacts, RepositoryFacts, RepositoryName, ServiceLinkedRole, StoredPolicy,
};

/// Everything read in one registry. Stored in one transaction: a registry is whole or not there.
#[derive(Debug, Clone)]
pub struct RegistryRecord {
    pub facts: RegistryFacts,
    pub repositories: Vec<RepositoryFacts>,
    pub coverage: Vec<CoverageRow>,
    /// The images of each repository that has image rows, counted.
    pub images: BTreeMap<RepositoryName, ImageCounts>,
    /// The image rows themselves, where they are kept.
    pub image_rows: Vec<ImageRow>,
    pub policies: Vec<StoredPolicy>,
}

impl RegistryRecord {
    /// A registry of which nothing but its own facts is known.
    pub fn of(facts: RegistryFacts) -> Self {
        Self {
            facts,
            repositories: Vec::new(),
            coverage: Vec::new(),
            images: BTreeMap::new(),
            image_rows: Vec::new(),
            policies: Vec::new(),
        }
    }
}

#[derive(Debug, Clone)]
pub enum Event {
    /// Sent first, and again with every account of the shard as not reached once all are listed: a run that ends early knows what it
    /// did not do. A resumed run sends it only if it lists the organization again.
    Organization {
        facts: OrganizationFacts,
        accounts: Vec<AccountFacts>,
        /// Gaps that no fact refers to.
        gaps: Vec<Gap>,
        /// How many accounts are asked over all shards.
        asked: usize,
        /// Whether all accounts are listed: else the list is under way, and what it says is not known yet.
        listed: bool,
    },
    /// So many accounts more are known, while they are listed.
    AccountsExpected(usize),
    /// An account was opened, skipped or refused; its regions are known as far as they will be.
    Account {
        facts: AccountFacts,
        regions: Vec<RegionFact>,
        /// Gaps that no fact of the account refers to.
        gaps: Vec<Gap>,
        /// Its registries that need no call of their own.
        registries: Vec<RegistryRecord>,
    },
    /// Inspector's service-linked role of an account with a policy that depends on it. Sent before the first such registry.
    InspectorRole {
        account: AccountId,
        role: Observed<ServiceLinkedRole>,
    },
    /// How many registries are known to be ahead; sent as accounts open.
    RegistriesExpected(usize),
    Registry(Box<RegistryRecord>),
    /// An account has no registry left to read, and none was left out.
    AccountDone(AccountId),
}
