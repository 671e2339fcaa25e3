//! What collection tells its one listener.

use scangap_model::{
    AccountFacts, AccountId, CellFacts, CoverageRow, Gap, OrganizationFacts, RegionFact, RepositoryFacts, StoredPolicy,
};

/// Everything read in one cell. Stored in one transaction: a cell is whole or not there.
#[derive(Debug, Clone)]
pub struct CellHarvest {
    pub facts: CellFacts,
    pub repositories: Vec<RepositoryFacts>,
    pub coverage: Vec<CoverageRow>,
    pub policies: Vec<StoredPolicy>,
}

#[derive(Debug, Clone)]
pub enum Event {
    /// Sent once, first, with every account in scope as not reached: a run that ends early knows what it did not do.
    Organization {
        facts: OrganizationFacts,
        accounts: Vec<AccountFacts>,
    },
    /// An account was opened, skipped or refused; its regions are known as far as they will be.
    Account {
        facts: AccountFacts,
        regions: Vec<RegionFact>,
    },
    /// How many cells are known to be ahead; sent as accounts open.
    CellsExpected(usize),
    Cell(Box<CellHarvest>),
    /// A gap that hangs on no account's or cell's own facts.
    Gap(Gap),
    /// An account has no cell left to read.
    AccountDone(AccountId),
}
