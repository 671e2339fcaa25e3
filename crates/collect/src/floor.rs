//! What an audit cannot be faster than, reckoned before it or after it: calls, buckets, chains, and this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use scangap_model::{AccountId, Api, RegionName};

/// How many repositories each registry has; one for each that is read, empty ones too.
pub type Sizes = BTreeMap<(AccountId, RegionName), Size>;

/// What is known of a registry's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    pub repositories: u64,
    /// Whether ECR scanning is off for the account there: less is asked then.
    pub is_off: bool,
}

/// One of AWS's buckets: calls of an API that one account pays for, in one region. Global calls have none.
pub type BucketKey = (Api, Option<AccountId>, Option<RegionName>);

/// The calls of an audit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    pub buckets: BTreeMap<BucketKey, u64>,
    /// Calls that can only follow one another.
    pub in_a_row: u64,
}

/// What the calls are made with.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    /// From a call to its answer.
    pub latency: Duration,
    pub in_flight: usize,
    /// What a call costs in the bare SDK.
    pub processor: Duration,
    pub cores: usize,
}

/// Four times of which the longest is the floor.
#[derive(Debug, Clone, PartialEq)]
pub struct Floor {
    pub calls: u64,
    /// All calls, so many at once.
    pub waiting: Duration,
    /// The fullest bucket, at its rate.
    pub fullest: Option<(BucketKey, Duration)>,
    /// The longest chain of calls in a row.
    pub chain: Duration,
    pub processor: Duration,
}

impl Floor {
    pub fn of(work: &Work, machine: &Machine) -> Self {
        let calls: u64 = work.buckets.values().sum();
        let at = |(api, ..): &BucketKey, count: u64| {
            let limit = api.info().limit;
            Duration::from_secs_f64(((count as f64 - limit.burst) / limit.per_second).max(0.0))
        };
        let fullest = work.buckets.iter().map(|(key, count)| (key, at(key, *count))).max_by_key(|(_, time)| *time);
        Self {
            calls,
            waiting: machine.latency.mul_f64(calls as f64 / machine.in_flight.max(1) as f64),
            fullest: fullest.map(|(key, time)| (key.clone(), time)),
            chain: machine.latency.mul_f64(work.in_a_row as f64),
            processor: machine.processor.mul_f64(calls as f64 / machine.cores.max(1) as f64),
        }
    }

    pub fn time(&self) -> Duration {
        let fullest = self.fullest.as_ref().map_or(Duration::ZERO, |(_, time)| *time);
        self.waiting.max(fullest).max(self.chain).max(self.processor)
    }
}

/// Rows of a page, as scangap asks for them.
const ACCOUNTS_A_PAGE: u64 = 20;
const REPOSITORIES_A_PAGE: u64 = 1_000;
const NAMES_A_BATCH: u64 = 25;
const STATUSES_A_BATCH: u64 = 100;

/// From the list's end to the last policy of the last account: a role, its regions, its repositories, a policy.
const AFTER_THE_LIST: u64 = 4;

impl Work {
    /// What an audit of registries of these sizes asks at least. Images and tags are asked for where a decision needs them, and lists of
    /// coverage have as many pages as they have: none of that can be told from the sizes. `accounts`: those that are opened.
    pub fn expected(
        caller: AccountId,
        administrator: Option<AccountId>,
        accounts: &[AccountId],
        sizes: &Sizes,
    ) -> Self {
        let mut work = Self::default();
        let pages = |rows: u64, a_page: u64| rows.div_ceil(a_page).max(1);
        let n_accounts = accounts.len() as u64;
        let list = pages(n_accounts, ACCOUNTS_A_PAGE);
        for (api, count) in [
            (Api::GetCallerIdentity, 1),
            (Api::DescribeOrganization, 1),
            (Api::ListAccounts, list),
            (Api::ListDelegatedAdministrators, 1),
            (Api::AssumeRole, accounts.iter().filter(|id| **id != caller).count() as u64),
        ] {
            work.add(api, None, None, count);
        }
        for account in accounts {
            work.add(Api::ListRegions, Some(*account), None, 1);
        }
        let mut regions: BTreeSet<&RegionName> = BTreeSet::new();
        for ((account, region), Size { repositories, is_off }) in sizes {
            regions.insert(region);
            let mut here = |api, count| work.add(api, Some(*account), Some(region), count);
            here(Api::DescribeRepositories, pages(*repositories, REPOSITORIES_A_PAGE));
            if *repositories == 0 {
                continue;
            }
            for api in [
                Api::GetRegistryPolicy,
                Api::GetAccountSetting,
                Api::GetRegistryScanningConfiguration,
                Api::DescribeRepositoryCreationTemplates,
            ] {
                here(api, 1);
            }
            here(Api::GetConfiguration, u64::from(!is_off));
            here(Api::GetRepositoryPolicy, *repositories);
            here(Api::BatchGetRepositoryScanningConfiguration, repositories.div_ceil(NAMES_A_BATCH));
        }
        for region in regions {
            let Some(administrator) = administrator else { break };
            let mut here = |api, count| work.add(api, Some(administrator), Some(region), count);
            here(Api::BatchGetAccountStatus, pages(n_accounts, STATUSES_A_BATCH));
            // A list of the repositories' own rows, and one of the images': how long they are is not known.
            here(Api::ListCoverage, 2);
            here(Api::DescribeOrganizationConfiguration, 1);
        }
        // Two before the list.
        work.in_a_row = 2 + list + AFTER_THE_LIST;
        work
    }

    fn add(&mut self, api: Api, account: Option<AccountId>, region: Option<&RegionName>, count: u64) {
        *self.buckets.entry((api, account, region.cloned())).or_default() += count;
    }

    pub fn by_api(&self) -> BTreeMap<Api, u64> {
        self.buckets.iter().fold(BTreeMap::new(), |mut sums, ((api, ..), count)| {
            *sums.entry(*api).or_default() += count;
            sums
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u64) -> AccountId {
        format!("{:012}", 100_000_000_000 + number).parse().unwrap()
    }

    // Holds: 14 Near the floor: the floor is the longest of waiting, the fullest bucket, the longest chain and the processor
    #[test]
    fn the_floor_is_the_longest_of_four() {
        let region: RegionName = "eu-west-1".parse().unwrap();
        let of_size = |repositories| Size { repositories, is_off: false };
        let accounts: Vec<AccountId> = (0..10).map(account).collect();
        let sizes: Sizes = accounts
            .iter()
            .map(|id| ((*id, region.clone()), of_size(if *id == account(3) { 1_200 } else { 10 })))
            .collect();
        let work = Work::expected(account(0), Some(account(1)), &accounts, &sizes);
        let machine = Machine {
            latency: Duration::from_millis(50),
            in_flight: 256,
            processor: Duration::from_micros(100),
            cores: 2,
        };
        let floor = Floor::of(&work, &machine);
        let ((api, whose, _), time) = floor.fullest.clone().unwrap();
        assert_eq!((api, whose), (Api::GetRepositoryPolicy, Some(account(3))));
        let limit = api.info().limit;
        assert_eq!(time, Duration::from_secs_f64((1_200.0 - limit.burst) / limit.per_second));
        assert_eq!(floor.time(), time);
        let one_by_one = Floor::of(&work, &Machine { in_flight: 1, ..machine });
        assert_eq!(one_by_one.time(), machine.latency.mul_f64(one_by_one.calls as f64));
        let dear = Floor::of(&work, &Machine { processor: Duration::from_secs(1), ..machine });
        assert_eq!(dear.time(), dear.processor);
        let far = Floor::of(&work, &Machine { latency: Duration::from_secs(30), ..machine });
        assert_eq!(far.time(), far.chain.max(far.waiting));
    }
}
