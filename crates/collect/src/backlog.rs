//! The registries of a run that nobody works on at the moment: which is next, and which wait for the administrator.
//!
//! A registry is listed first, and read when its turn comes. So its size is known before its policies are asked for, and what waits is a
//! row and not a task.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scangap_aws::CallError;
use scangap_aws::read::RepositoryAnswer;
use scangap_model::RegionName;

use crate::account::OpenedAccount;
use crate::waiting::Waiting;

/// Ten seconds of `GetRepositoryPolicy` at the rate that AWS publishes. A registry of this size is read as soon as it is listed: what takes
/// longest must not begin last.
const LARGE: usize = 200;

/// Whether a registry of so many repositories is large.
pub(crate) fn is_large(repositories: usize) -> bool {
    repositories >= LARGE
}

/// Listed repositories that wait for their registry's turn. Beyond them reading comes before listing, so that memory is bounded.
const LISTED_MAX: u64 = 20_000;

/// One registry of an account that was opened.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) account: Arc<OpenedAccount>,
    pub(crate) region: RegionName,
    /// Whether the region's status is unknown, so that only an answer shows whether the region is enabled.
    pub(crate) probing: bool,
}

/// A registry's repositories, as ECR lists them.
#[derive(Debug, Default)]
pub(crate) struct RepositoryList {
    pub(crate) repositories: Vec<RepositoryAnswer>,
    /// What ended the list before its end.
    pub(crate) error: Option<Box<CallError>>,
}

impl RepositoryList {
    fn len(&self) -> u64 {
        self.repositories.len() as u64
    }

    pub(crate) fn is_large(&self) -> bool {
        is_large(self.repositories.len())
    }
}

#[derive(Debug)]
pub(crate) enum Next<J> {
    List(J),
    Read(J, RepositoryList),
}

/// Generic over what stands for a registry, for its tests.
#[derive(Debug)]
pub(crate) struct Backlog<J> {
    unlisted: Waiting<J>,
    large: Waiting<(J, RepositoryList)>,
    /// Listed, and not large.
    small: Waiting<(J, RepositoryList)>,
    rows_listed: u64,
    /// Empty registries, of which the administrator's view of their region says the rest: as many as the organization has.
    behind_view: BTreeMap<RegionName, Vec<(J, RepositoryList)>>,
    views: BTreeSet<RegionName>,
}

impl<J> Backlog<J> {
    pub(crate) fn new() -> Self {
        Self {
            unlisted: Waiting::new(),
            large: Waiting::new(),
            small: Waiting::new(),
            rows_listed: 0,
            behind_view: BTreeMap::new(),
            views: BTreeSet::new(),
        }
    }

    /// `size`: how many repositories it had in an earlier audit.
    pub(crate) fn push(&mut self, size: u64, job: J) {
        self.unlisted.push(size, job);
    }

    /// Puts a registry where it waits for its turn, or for the administrator's view of its region. True for the first one that waits for
    /// this view: it is to be waited for, and `view_is_there` to be said.
    pub(crate) fn listed(&mut self, job: J, region: &RegionName, list: RepositoryList) -> bool {
        let is_empty = list.repositories.is_empty() && list.error.is_none();
        if !is_empty || self.views.contains(region) {
            self.rows_listed += list.len();
            let turn = if list.is_large() { &mut self.large } else { &mut self.small };
            turn.push(list.len(), (job, list));
            return false;
        }
        let waiting = self.behind_view.entry(region.clone()).or_default();
        waiting.push((job, list));
        waiting.len() == 1
    }

    /// The view of a region is there, or there is none.
    pub(crate) fn view_is_there(&mut self, region: RegionName) {
        for waiting in self.behind_view.remove(&region).unwrap_or_default() {
            self.small.push(0, waiting);
        }
        self.views.insert(region);
    }

    /// Registries that are not listed yet.
    pub(crate) fn unlisted(&self) -> usize {
        self.unlisted.len()
    }

    pub(crate) fn has_large(&self) -> bool {
        !self.large.is_empty()
    }

    /// A large registry to be read.
    pub(crate) fn next_large(&mut self) -> Option<Next<J>> {
        let (job, list) = self.large.pop()?;
        self.rows_listed -= list.len();
        Some(Next::Read(job, list))
    }

    /// `may_read`: whether more small ones may be read.
    pub(crate) fn has_next(&self, may_read: bool) -> bool {
        !self.unlisted.is_empty() && self.may_list() || may_read && !self.small.is_empty()
    }

    pub(crate) fn next(&mut self, may_read: bool) -> Option<Next<J>> {
        if self.may_list()
            && let Some(job) = self.unlisted.pop()
        {
            return Some(Next::List(job));
        }
        if !may_read {
            return None;
        }
        let (job, list) = self.small.pop()?;
        self.rows_listed -= list.len();
        Some(Next::Read(job, list))
    }

    fn may_list(&self) -> bool {
        self.rows_listed < LISTED_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: u64) -> RepositoryList {
        let repository = |number: u64| RepositoryAnswer {
            name: format!("app-{number}").parse().unwrap(),
            arn: String::new(),
            created_at: None,
        };
        RepositoryList { repositories: (0..count).map(repository).collect(), error: None }
    }

    fn name(text: &str) -> RegionName {
        text.parse().unwrap()
    }

    /// What comes next, `+` for a registry that is read.
    fn order(backlog: &mut Backlog<&'static str>, may_read: bool) -> Vec<String> {
        let mut order = Vec::new();
        while backlog.has_large() {
            match backlog.next_large() {
                Some(Next::Read(job, _)) => order.push(format!("+{job}")),
                other => panic!("a large registry is read: {other:?}"),
            }
        }
        while backlog.has_next(may_read) {
            match backlog.next(may_read) {
                Some(Next::List(job)) => order.push(job.to_owned()),
                Some(Next::Read(job, _)) => order.push(format!("+{job}")),
                None => panic!("there was something"),
            }
        }
        assert!(backlog.next(may_read).is_none());
        order
    }

    // Holds: 14 Near the floor: a large registry is read as soon as it is listed, and small ones once all are listed
    #[test]
    fn what_takes_longest_does_not_begin_last() {
        let region = name("eu-west-1");
        let mut backlog = Backlog::new();
        for job in ["a", "b"] {
            backlog.push(0, job);
        }
        backlog.push(1_000, "known to be large");
        backlog.listed("small", &region, of(3));
        backlog.listed("large", &region, of(LARGE as u64));
        backlog.listed("larger", &region, of(LARGE as u64 + 1));
        assert_eq!(order(&mut backlog, true), ["+larger", "+large", "known to be large", "a", "b", "+small"]);
        backlog.push(0, "c");
        backlog.listed("small", &region, of(3));
        assert_eq!(order(&mut backlog, false), ["c"], "as many are being read as may be");
        assert_eq!(order(&mut backlog, true), ["+small"]);
    }

    // Holds: 14 Near the floor: listing waits where much is listed and not read, and so does opening
    #[test]
    fn listing_waits_where_much_is_listed_and_not_read() {
        let region = name("eu-west-1");
        let mut backlog = Backlog::new();
        for _ in 0..LISTED_MAX / 100 {
            backlog.listed("small", &region, of(100));
        }
        backlog.push(0, "a");
        assert!(!backlog.has_next(false));
        assert!(backlog.next(false).is_none());
        assert!(matches!(backlog.next(true), Some(Next::Read("small", _))));
        assert!(matches!(backlog.next(true), Some(Next::List("a"))));
    }

    // Holds: 14 Memory: an empty registry waits for the administrator's view as a row, and holds no slot and no task
    #[test]
    fn what_is_empty_waits_for_the_view_of_its_region() {
        let (here, there) = (name("eu-west-1"), name("us-east-1"));
        let mut backlog = Backlog::new();
        assert!(backlog.listed("a", &here, of(0)), "its view is to be waited for");
        assert!(!backlog.listed("b", &here, of(0)), "it is waited for already");
        assert!(backlog.listed("c", &there, of(0)));
        assert!(!backlog.listed("full", &here, of(1)), "it has something to ask meanwhile");
        assert_eq!(order(&mut backlog, true), ["+full"]);
        backlog.view_is_there(here.clone());
        assert_eq!(order(&mut backlog, true), ["+a", "+b"]);
        assert!(!backlog.listed("d", &here, of(0)));
        assert_eq!(order(&mut backlog, true), ["+d"]);
        backlog.view_is_there(there);
        assert_eq!(order(&mut backlog, true), ["+c"]);
    }
}
