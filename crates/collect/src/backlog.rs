//! The registries of a run that nobody works on at the moment: which is next, and which wait for the administrator.
//!
//! A registry is listed first, and read when its turn comes. So its size is known before its policies are asked for, and what waits is a
//! row and not a task.

use std::collections::{BTreeMap, VecDeque};
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

/// Repositories of large registries that are being read: each registry may wait for the administrator's stream, with its answers in hand.
const LARGE_ROWS_MAX: u64 = 200_000;

/// Listed repositories that wait for their registry's turn, of about 200 bytes each. Beyond them reading comes before listing, so that memory is
/// bounded.
const LISTED_MAX: u64 = 100_000;

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
    pub(crate) fn len(&self) -> u64 {
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
    /// Repositories of large registries that are being read.
    large_rows: u64,
    /// Listed, and not large.
    small: Waiting<(J, RepositoryList)>,
    rows_listed: u64,
    /// Empty registries: the administrator's view of their region says the rest, once it tells of their account.
    behind_view: BTreeMap<RegionName, Vec<J>>,
    /// Those of which it has said it.
    empty: VecDeque<J>,
}

impl<J> Backlog<J> {
    pub(crate) fn new() -> Self {
        Self {
            unlisted: Waiting::new(),
            large: Waiting::new(),
            large_rows: 0,
            small: Waiting::new(),
            rows_listed: 0,
            behind_view: BTreeMap::new(),
            empty: VecDeque::new(),
        }
    }

    /// `size`: how many repositories it had in an earlier audit.
    pub(crate) fn push(&mut self, size: u64, job: J) {
        self.unlisted.push(size, job);
    }

    /// Puts a registry where it waits for its turn, or for what the administrator's view of its region says of its account. True if it
    /// is the first that waits for this view: the caller then waits for the view, and calls `told`.
    pub(crate) fn listed(
        &mut self,
        job: J,
        region: &RegionName,
        list: RepositoryList,
        is_told: impl Fn(&J) -> bool,
    ) -> bool {
        if !list.repositories.is_empty() || list.error.is_some() {
            self.rows_listed += list.len();
            let turn = if list.is_large() { &mut self.large } else { &mut self.small };
            turn.push(list.len(), (job, list));
            return false;
        }
        if is_told(&job) {
            self.empty.push_back(job);
            return false;
        }
        let is_first = !self.behind_view.contains_key(region);
        self.behind_view.entry(region.clone()).or_default().push(job);
        is_first
    }

    /// The view of a region says more, or there is none. Whether some still wait for it.
    pub(crate) fn told(&mut self, region: &RegionName, is_told: impl Fn(&J) -> bool) -> bool {
        let Some(waiting) = self.behind_view.get_mut(region) else { return false };
        self.empty.extend(waiting.extract_if(.., |job| is_told(job)));
        if waiting.is_empty() {
            self.behind_view.remove(region);
            return false;
        }
        true
    }

    /// Registries that are not listed yet.
    pub(crate) fn unlisted(&self) -> usize {
        self.unlisted.len()
    }

    pub(crate) fn has_large(&self) -> bool {
        !self.large.is_empty() && self.large_rows < LARGE_ROWS_MAX
    }

    /// A large registry to be read. Once it is, `large_is_read`.
    pub(crate) fn next_large(&mut self) -> Option<Next<J>> {
        if !self.has_large() {
            return None;
        }
        let (job, list) = self.large.pop()?;
        self.rows_listed -= list.len();
        self.large_rows += list.len();
        Some(Next::Read(job, list))
    }

    /// A large registry of so many listed repositories was read.
    pub(crate) fn large_is_read(&mut self, rows: u64) {
        self.large_rows -= rows;
    }

    pub(crate) fn has_unlisted(&self) -> bool {
        !self.unlisted.is_empty() && self.may_list()
    }

    /// A registry to be listed.
    pub(crate) fn next_unlisted(&mut self) -> Option<Next<J>> {
        if !self.may_list() {
            return None;
        }
        self.unlisted.pop().map(Next::List)
    }

    /// Whether a registry is to be read that is not large. Not while some can be listed: all are chosen among then.
    pub(crate) fn has_small(&self) -> bool {
        !self.small.is_empty() && !self.has_unlisted()
    }

    pub(crate) fn next_small(&mut self) -> Option<Next<J>> {
        if self.has_unlisted() {
            return None;
        }
        let (job, list) = self.small.pop()?;
        self.rows_listed -= list.len();
        Some(Next::Read(job, list))
    }

    /// An empty registry of whose account the administrator has told.
    pub(crate) fn next_empty(&mut self) -> Option<J> {
        self.empty.pop_front()
    }

    /// Something is to be asked of an empty registry after all.
    pub(crate) fn reads_empty(&mut self, job: J) {
        self.small.push(0, (job, RepositoryList::default()));
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
        while let Some(job) = backlog.next_empty() {
            backlog.reads_empty(job);
        }
        let next = |backlog: &mut Backlog<_>| {
            let small = |backlog: &mut Backlog<_>| may_read.then(|| backlog.next_small()).flatten();
            backlog.next_large().or_else(|| backlog.next_unlisted()).or_else(|| small(backlog))
        };
        while let Some(next) = next(backlog) {
            match next {
                Next::List(job) => order.push(job.to_owned()),
                Next::Read(job, _) => order.push(format!("+{job}")),
            }
        }
        assert!(!backlog.has_large() && !backlog.has_unlisted());
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
        let told = |_: &&str| true;
        backlog.listed("small", &region, of(3), told);
        backlog.listed("large", &region, of(LARGE as u64), told);
        backlog.listed("larger", &region, of(LARGE as u64 + 1), told);
        assert_eq!(order(&mut backlog, true), ["+larger", "+large", "known to be large", "a", "b", "+small"]);
        backlog.push(0, "c");
        backlog.listed("small", &region, of(3), told);
        assert_eq!(order(&mut backlog, false), ["c"], "as many are being read as may be");
        assert_eq!(order(&mut backlog, true), ["+small"]);
    }

    // Holds: 14 Memory: as many large registries are read at once as there is room for the answers of, however many of them wait
    #[test]
    fn large_registries_are_read_as_far_as_there_is_room_for_them() {
        let region = name("eu-west-1");
        let mut backlog = Backlog::new();
        let rows = LARGE_ROWS_MAX / 2;
        for job in ["a", "b", "c"] {
            backlog.listed(job, &region, of(rows), |_| true);
        }
        assert!(matches!(backlog.next_large(), Some(Next::Read("a", _))));
        assert!(matches!(backlog.next_large(), Some(Next::Read("b", _))));
        assert!(!backlog.has_large());
        assert!(backlog.next_large().is_none());
        backlog.large_is_read(rows);
        assert!(backlog.has_large());
        assert!(matches!(backlog.next_large(), Some(Next::Read("c", _))));
    }

    // Holds: 14 Near the floor: listing waits where much is listed and not read, and so does opening
    #[test]
    fn listing_waits_where_much_is_listed_and_not_read() {
        let region = name("eu-west-1");
        let mut backlog = Backlog::new();
        for _ in 0..LISTED_MAX / 100 {
            backlog.listed("small", &region, of(100), |_| true);
        }
        backlog.push(0, "a");
        assert!(!backlog.has_unlisted());
        assert!(backlog.next_unlisted().is_none());
        assert!(backlog.has_small());
        assert!(matches!(backlog.next_small(), Some(Next::Read("small", _))));
        assert!(!backlog.has_small());
        assert!(matches!(backlog.next_unlisted(), Some(Next::List("a"))));
    }

    // Holds: 14 Memory: an empty registry waits for the administrator's view as a row, and holds no slot and no task
    #[test]
    fn what_is_empty_waits_for_what_the_view_says_of_its_account() {
        let (here, there) = (name("eu-west-1"), name("us-east-1"));
        let mut backlog = Backlog::new();
        let nothing = |_: &&str| false;
        assert!(backlog.listed("a", &here, of(0), nothing), "its view is to be waited for");
        assert!(!backlog.listed("b", &here, of(0), nothing), "it is waited for already");
        assert!(backlog.listed("c", &there, of(0), nothing));
        assert!(!backlog.listed("full", &here, of(1), nothing), "it has something to ask meanwhile");
        assert_eq!(order(&mut backlog, true), ["+full"]);
        assert!(backlog.told(&here, |job| *job == "b"), "one still waits");
        assert_eq!(order(&mut backlog, true), ["+b"]);
        assert!(!backlog.listed("d", &here, of(0), |_| true), "the administrator has answered for its account");
        assert_eq!(order(&mut backlog, true), ["+d"]);
        assert!(!backlog.told(&here, |_| true));
        assert_eq!(order(&mut backlog, true), ["+a"]);
        assert!(backlog.listed("e", &here, of(0), nothing), "nobody waits for this view any more");
        assert!(!backlog.told(&there, |_| true));
        assert_eq!(order(&mut backlog, true), ["+c"]);
    }
}
