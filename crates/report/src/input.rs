//! What a report is made of.

use jiff::Timestamp;
use scangap_assess::{Assessment, CellAssessment, RepositoryAssessment};
use scangap_model::{AccountFacts, AccountId, AuditFacts, CellFacts, CoverageRow, Gap, RegionName, RepositoryFacts};

use crate::changes::{Change, Changes};
use crate::columns::{Table, TableName, tables};

/// The facts, what they come to, and where they are from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    pub facts: &'a AuditFacts,
    pub assessment: &'a Assessment,
    pub simulated: bool,
    /// The audit was interrupted: what was not reached is missing.
    pub interrupted: bool,
    pub as_of: Timestamp,
    pub facts_sha256: &'a str,
    pub tool_version: &'a str,
    pub caller_arn: &'a str,
    /// What differs from an earlier audit, where one was named.
    pub changes: Option<&'a Changes>,
}

/// What one API cost.
#[derive(Debug, Clone)]
pub struct ApiCount {
    pub api: String,
    pub calls: u64,
    pub attempts: u64,
    pub throttled: u64,
}

/// How the run went. Evidence: it differs between two runs over the same facts.
#[derive(Debug, Clone)]
pub struct RunEvidence {
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub command_line: String,
    pub endpoint: Option<String>,
    pub api_counts: Vec<ApiCount>,
}

/// A repository with everything that its row speaks of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RepositoryRow<'a> {
    pub(crate) repository: &'a RepositoryFacts,
    pub(crate) assessment: &'a RepositoryAssessment,
    pub(crate) account: Option<&'a AccountFacts>,
    pub(crate) cell: Option<&'a CellFacts>,
    pub(crate) coverage: &'a [CoverageRow],
    pub(crate) simulated: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct CellRow<'a> {
    pub(crate) cell: &'a CellFacts,
    pub(crate) assessment: &'a CellAssessment,
    pub(crate) account: Option<&'a AccountFacts>,
    pub(crate) simulated: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountRow<'a> {
    pub(crate) account: &'a AccountFacts,
    pub(crate) is_management: bool,
    pub(crate) is_inspector_admin: bool,
    pub(crate) cells_read: u64,
    pub(crate) repositories: u64,
    pub(crate) simulated: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct GapRow<'a> {
    pub(crate) gap: &'a Gap,
    pub(crate) account: Option<&'a AccountFacts>,
    pub(crate) simulated: bool,
}

impl<'a> Input<'a> {
    /// The tables that this report has.
    pub(crate) fn tables(&self) -> Vec<Table> {
        let has = |table: &Table| table.name != TableName::Changes || self.changes.is_some();
        tables().into_iter().filter(has).collect()
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = (&'a Changes, &'a Change)> + use<'a> {
        self.changes.into_iter().flat_map(|changes| changes.rows.iter().map(move |change| (changes, change)))
    }

    pub(crate) fn repositories(&self) -> impl Iterator<Item = RepositoryRow<'a>> + use<'a> {
        let (facts, simulated) = (self.facts, self.simulated);
        facts.repositories.iter().zip(&self.assessment.repositories).map(move |(repository, assessment)| {
            let key = (repository.account, repository.region.clone(), repository.name.clone());
            RepositoryRow {
                repository,
                assessment,
                account: facts.accounts.get(&repository.account),
                coverage: facts.coverage.get(&key).map_or(&[], Vec::as_slice),
                cell: facts.cells.get(&(key.0, key.1)),
                simulated,
            }
        })
    }

    pub(crate) fn cells(&self) -> impl Iterator<Item = CellRow<'a>> + use<'a> {
        let (facts, simulated) = (self.facts, self.simulated);
        facts.cells.values().zip(&self.assessment.cells).map(move |(cell, assessment)| CellRow {
            cell,
            assessment,
            account: facts.accounts.get(&cell.account),
            simulated,
        })
    }

    pub(crate) fn accounts(&self) -> impl Iterator<Item = AccountRow<'a>> + use<'a> {
        let (facts, simulated) = (self.facts, self.simulated);
        facts.accounts.values().map(move |account| {
            let of_account = (account.id, lowest_region())..;
            let cells = facts.cells.range(of_account).take_while(|((id, _), _)| *id == account.id);
            let cells_read = cells.filter(|(_, cell)| cell.outcome == scangap_model::CellOutcome::Read).count();
            AccountRow {
                account,
                is_management: facts.organization.management_account.known() == Some(&account.id),
                is_inspector_admin: facts.organization.inspector_admin.known() == Some(&account.id),
                cells_read: u64::try_from(cells_read).unwrap_or(u64::MAX),
                repositories: repositories_of(facts, account.id),
                simulated,
            }
        })
    }

    pub(crate) fn gaps(&self) -> impl Iterator<Item = GapRow<'a>> + use<'a> {
        let (facts, simulated) = (self.facts, self.simulated);
        self.assessment.gaps.iter().map(move |gap| GapRow {
            gap,
            account: gap.account.and_then(|id| facts.accounts.get(&id)),
            simulated,
        })
    }
}

/// Sorts before every region's name.
fn lowest_region() -> RegionName {
    #[expect(clippy::expect_used, reason = "a constant that is a region name; a test holds it so")]
    "0-0-0".parse().expect("a region name")
}

/// Repositories are sorted by account, so those of one account stand together.
fn repositories_of(facts: &AuditFacts, account: AccountId) -> u64 {
    let start = facts.repositories.partition_point(|repository| repository.account < account);
    let end = facts.repositories.partition_point(|repository| repository.account <= account);
    u64::try_from(end - start).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_lowest_region_sorts_first() {
        assert!(super::lowest_region() < "af-south-1".parse().unwrap());
    }
}
