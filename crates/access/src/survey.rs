//! What a doctor has seen, before it is judged.

use scangap_model::{AccountId, Gap, Observed, RegionName};

/// A little asked of everything that an audit needs.
#[derive(Debug, Clone)]
pub struct Survey {
    pub caller: AccountId,
    /// `None`: in no organization.
    pub organization: Observed<OrganizationSeen>,
    /// Those that are named on the command line, else all of the organization that can be opened.
    pub accounts: Observed<Vec<AccountId>>,
    /// Accounts that AWS lets nothing be called in: suspended, closed.
    pub n_closed: usize,
    /// Whether the accounts were named, and so need not be listed.
    pub accounts_named: bool,
    /// Accounts that were named and are not in the organization.
    pub strangers: Vec<AccountId>,
    pub administrator: Observed<AccountId>,
    /// Characters of the policy that narrows each session.
    pub session_policy_chars: usize,
    /// Whether the roles are asked with an external id.
    pub has_external_id: bool,
    pub tried: Vec<Tried>,
    /// Regions that are asked for; none: all that are enabled.
    pub regions: Vec<RegionName>,
}

#[derive(Debug, Clone)]
pub struct OrganizationSeen {
    pub id: String,
    pub management: String,
}

/// One account that was tried.
#[derive(Debug, Clone)]
pub struct Tried {
    pub account: AccountId,
    /// The role that opened it; `Absent`: the caller's own account, with its own credentials.
    pub role: Observed<String>,
    pub regions: Observed<Vec<RegionName>>,
    /// Reads that were refused, of those that were tried.
    pub refused: Vec<Gap>,
    pub n_reads: usize,
}

/// Some of all, spread over them, with those that matter most first.
pub fn sample(all: &[AccountId], first: &[AccountId], number: usize) -> Vec<AccountId> {
    let mut chosen: Vec<AccountId> = first.iter().copied().filter(|one| all.contains(one)).collect();
    chosen.dedup();
    let rest: Vec<AccountId> = all.iter().copied().filter(|one| !chosen.contains(one)).collect();
    let wanted = number.saturating_sub(chosen.len()).min(rest.len());
    chosen.extend((0..wanted).filter_map(|at| rest.get(at * rest.len() / wanted)));
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_and_begins_with_what_matters() {
        let id = |number: usize| format!("{number:012}").parse::<AccountId>().unwrap();
        let all: Vec<AccountId> = (0..100).map(id).collect();
        assert_eq!(sample(&all, &[id(42), id(7)], 4), [id(42), id(7), id(0), id(51)]);
        assert_eq!(sample(&all, &[], 3), [id(0), id(33), id(66)]);
        assert_eq!(sample(&all, &[id(200)], 200).len(), 100);
        assert!(sample(&[], &[], 10).is_empty());
    }
}
