//! Inspector's coverage: the repositories' own rows, and the images' rows counted as they arrive.
//!
//! An organization has a few rows per repository and may have millions of images: image rows are not held, unless the
//! audit was asked to keep them.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::stream::{self, StreamExt};
use scangap_aws::CallError;
use scangap_aws::pages::{Ended, pages};
use scangap_aws::read::{CoverageFilter, CoveredResource, RegionReader};
use scangap_model::{
    AccountId, Api, Arn, CoverageRow, Gap, ImageCount, ImageCounts, ImageRow, ImagesOf, Observed, RegionName,
    RepositoryName, is_scanned,
};

use crate::gate::Calls;
use crate::image_pages::ImagePages;

/// Images of one repository that may be indexes and are remembered until ECR says whether they are. Of more than these
/// the rest stays counted as what Inspector calls them.
const INDEXES_MAX: usize = 1000;

/// AWS: Inspector does not scan a manifest list itself; it scans the images that the list names.
const UNSUPPORTED_MEDIA_TYPE: &str = "UNSUPPORTED_MEDIA_TYPE";

/// Filtered lists of one region that are read at once.
const LISTS_AT_ONCE: usize = 8;

/// Image rows of one account, by repository.
pub(crate) type Tallies = BTreeMap<RepositoryName, ImageTally>;

/// The images of one repository.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImageTally {
    pub(crate) counts: ImageCounts,
    /// Images whose media type Inspector does not scan, and whether each is in use: an index is among them.
    maybe_indexes: BTreeMap<String, (String, ImageCount)>,
    /// Empty unless rows are kept.
    pub(crate) rows: Vec<ImageRow>,
}

impl ImageTally {
    fn add(&mut self, image: ImageRow, keep: bool) {
        let count = ImageCount {
            images: 1,
            in_use: u64::from(image.in_use_count.is_some_and(|n| n > 0)),
            use_not_stated: u64::from(image.in_use_count.is_none()),
            newest_scan: image.last_scanned_at,
            last_in_use: image.last_in_use_at,
        };
        self.counts.add(&image.status, &image.reason, &count);
        if image.reason == UNSUPPORTED_MEDIA_TYPE && self.maybe_indexes.len() < INDEXES_MAX {
            self.maybe_indexes.insert(image.digest.clone(), (image.status.clone(), count));
        }
        if keep {
            self.rows.push(image);
        }
    }

    /// Whether ECR must be asked which of the images are indexes.
    pub(crate) fn may_hold_indexes(&self) -> bool {
        !self.maybe_indexes.is_empty()
    }

    /// Takes indexes out of the counts: a multi-architecture image counts by its children, which have rows of their own.
    pub(crate) fn without_indexes(&mut self, indexes: &BTreeSet<String>) {
        let mut in_use = false;
        for (digest, (status, counted)) in std::mem::take(&mut self.maybe_indexes) {
            if !indexes.contains(&digest) {
                continue;
            }
            in_use |= counted.in_use > 0;
            self.counts.take_out(&status, UNSUPPORTED_MEDIA_TYPE, &counted);
            for row in self.rows.iter_mut().filter(|row| row.digest == digest) {
                row.is_index = true;
            }
        }
        // AWS states use on the index and not on its children: which child runs is not known.
        if in_use {
            for ImagesOf { count, .. } in self.counts.kinds_mut().filter(|of| !is_scanned(&of.status, &of.reason)) {
                count.use_not_stated = count.images - count.in_use;
            }
        }
    }
}

/// What a list of image rows came to.
#[derive(Debug, Default)]
pub(crate) struct ImageAnswers {
    pub(crate) of: BTreeMap<AccountId, BTreeMap<RepositoryName, ImageTally>>,
    /// Accounts of which a row could not be read.
    pub(crate) malformed: BTreeSet<AccountId>,
    pub(crate) end: ImageEnd,
}

#[derive(Debug, Default)]
pub(crate) enum ImageEnd {
    #[default]
    Whole,
    /// More pages than the reader may take.
    TooMany,
    Gap(Gap),
}

/// The repositories' own rows.
#[derive(Debug, Default)]
pub(crate) struct RepositoryAnswers {
    pub(crate) rows: Vec<CoverageRow>,
    /// Accounts of which a row could not be read.
    pub(crate) malformed: BTreeSet<AccountId>,
    /// The list ended with an error, or a row had no readable account: rows may be missing for any account.
    pub(crate) gap: Option<Gap>,
}

/// Where a list is asked, and of what.
pub(crate) struct Asking<'a> {
    pub(crate) calls: &'a Calls,
    pub(crate) reader: &'a RegionReader,
    pub(crate) asked_in: AccountId,
    pub(crate) region: &'a RegionName,
}

impl Asking<'_> {
    pub(crate) fn malformed(&self, what: &str) -> Gap {
        CallError::malformed(Api::ListCoverage, "MalformedCoverageRow", what.to_owned()).at(
            Some(self.asked_in),
            Some(self.region),
            "",
        )
    }

    async fn page(
        &self,
        filter: CoverageFilter<'_>,
        token: Option<String>,
    ) -> Result<scangap_aws::read::Page<CoveredResource>, CallError> {
        self.calls.call(Api::ListCoverage, |call| async move { self.reader.coverage(&call, filter, token).await }).await
    }

    /// Of a shard's accounts alone: the other shards ask for theirs.
    pub(crate) async fn repositories_of(&self, accounts: &BTreeSet<AccountId>) -> RepositoryAnswers {
        let accounts: Vec<AccountId> = accounts.iter().copied().collect();
        let filters: Vec<Vec<AccountId>> =
            accounts.chunks(CoverageFilter::ACCOUNTS_MAX).map(<[AccountId]>::to_vec).collect();
        let answers: Vec<RepositoryAnswers> = stream::iter(filters)
            .map(|some| async move { self.repositories(CoverageFilter::RepositoriesOfAny(&some)).await })
            .buffered(LISTS_AT_ONCE)
            .collect()
            .await;
        answers.into_iter().fold(RepositoryAnswers::default(), |mut all, mut one| {
            all.rows.append(&mut one.rows);
            all.malformed.append(&mut one.malformed);
            all.gap = all.gap.or(one.gap);
            all
        })
    }

    pub(crate) async fn repositories(&self, filter: CoverageFilter<'_>) -> RepositoryAnswers {
        let mut answers = RepositoryAnswers::default();
        let ended = pages(
            Api::ListCoverage,
            |token| self.page(filter, token),
            |items| {
                for resource in items {
                    match owner(&resource) {
                        Some((account, repository, None)) => {
                            answers.rows.push(self.own_row(resource, account, &repository));
                        }
                        // An image among the repositories, or a resource of another service: not what was asked for.
                        Some((account, _, Some(_))) => drop(answers.malformed.insert(account)),
                        None => match resource.account.parse() {
                            Ok(account) => drop(answers.malformed.insert(account)),
                            Err(_) => {
                                answers.gap = Some(self.malformed("a row names neither an account nor a repository"));
                            }
                        },
                    }
                }
                ControlFlow::<Infallible>::Continue(())
            },
        )
        .await;
        match ended {
            Ended::Broken(error) => answers.gap = Some(error.at(Some(self.asked_in), Some(self.region), "")),
            Ended::Whole => {}
            Ended::Stopped(never) => match never {},
        }
        answers
    }

    fn own_row(&self, resource: CoveredResource, account: AccountId, repository: &RepositoryName) -> CoverageRow {
        let stated = |word: Option<String>| {
            word.map_or_else(
                || {
                    let why = "the row of the repository has no scan status";
                    let error = CallError::malformed(Api::ListCoverage, "NoScanStatus", why);
                    Observed::unknown(error.at(Some(account), Some(self.region), repository.as_str()))
                },
                Observed::Known,
            )
        };
        CoverageRow {
            account,
            region: self.region.clone(),
            status: stated(resource.status),
            reason: stated(resource.reason),
            repository: repository.clone(),
            resource_id: resource.resource_id,
            last_scanned_at: Observed::from_answer(resource.last_scanned_at),
        }
    }

    /// Image rows, counted as they arrive; no further than `pages_to_follow` says, where there is a better way to read more. Rows of accounts
    /// that are not wanted are passed over.
    pub(crate) async fn images(
        &self,
        filter: CoverageFilter<'_>,
        pages_to_follow: Option<&ImagePages>,
        keep: bool,
        wanted: impl Fn(AccountId) -> bool,
    ) -> ImageAnswers {
        let mut answers = ImageAnswers::default();
        let mut recent = Recent::default();
        let n_pages = AtomicUsize::new(0);
        let mut unowned = false;
        let ended = pages(
            Api::ListCoverage,
            |token| async {
                if let Some(pages) = pages_to_follow {
                    pages.before(n_pages.load(Ordering::Relaxed) + 1).await;
                }
                self.page(filter, token).await
            },
            |items| {
                recent.page();
                for resource in items.into_iter().filter(|resource| recent.is_new(&resource.resource_id)) {
                    match self.image(resource) {
                        Ok((_, account)) if !wanted(account) => {}
                        Ok((image, account)) => {
                            let tally =
                                answers.of.entry(account).or_default().entry(image.repository.clone()).or_default();
                            tally.add(image, keep);
                        }
                        Err(Some(account)) => drop(answers.malformed.insert(account)),
                        Err(None) => unowned = true,
                    }
                }
                let read = n_pages.fetch_add(1, Ordering::Relaxed) + 1;
                if pages_to_follow.is_none_or(|pages| pages.goes_on_after(read)) {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            },
        )
        .await;
        answers.end = match ended {
            Ended::Broken(error) => ImageEnd::Gap(error.at(Some(self.asked_in), Some(self.region), "")),
            Ended::Stopped(()) => ImageEnd::TooMany,
            Ended::Whole if unowned => ImageEnd::Gap(self.malformed("a row names neither an account nor an image")),
            Ended::Whole => ImageEnd::Whole,
        };
        answers
    }

    /// The image rows of one account, from the administrator or from the account itself.
    pub(crate) async fn images_of(&self, account: AccountId, keep: bool) -> (Tallies, Option<Gap>) {
        let mut answers = self.images(CoverageFilter::ImagesOf(account), None, keep, |_| true).await;
        let malformed = answers.malformed.contains(&account).then(|| self.malformed("an image's row cannot be read"));
        let gap = match answers.end {
            ImageEnd::Gap(gap) => Some(gap),
            ImageEnd::Whole | ImageEnd::TooMany => malformed,
        };
        (answers.of.remove(&account).unwrap_or_default(), gap)
    }

    /// The row with its account; where it cannot be read, the account if that is known.
    fn image(&self, resource: CoveredResource) -> Result<(ImageRow, AccountId), Option<AccountId>> {
        let Some((account, repository, digest)) = owner(&resource) else {
            return Err(resource.account.parse().ok());
        };
        let (Some(digest), Some(status), Some(reason)) = (digest, resource.status, resource.reason) else {
            return Err(Some(account));
        };
        let row = ImageRow {
            account,
            region: self.region.clone(),
            repository,
            digest,
            status,
            reason,
            last_scanned_at: resource.last_scanned_at,
            in_use_count: resource.in_use_count,
            last_in_use_at: resource.last_in_use_at,
            is_index: false,
        };
        Ok((row, account))
    }
}

/// Whose row it is: account, repository, and the image's digest where it is an image's.
fn owner(resource: &CoveredResource) -> Option<(AccountId, RepositoryName, Option<String>)> {
    let arn: Arn = resource.resource_id.parse().ok()?;
    let (repository, digest) = arn.ecr_repository()?;
    let account = resource.account.parse().or_else(|_| arn.account.parse()).ok()?;
    Some((account, repository, digest))
}

/// Rows of the last two pages: a list that changes while it is read may give the end of a page again. The whole list is not
/// remembered, so that memory does not grow with images.
#[derive(Debug, Default)]
struct Recent(VecDeque<HashSet<u64>>);

impl Recent {
    fn page(&mut self) {
        if self.0.len() == 2 {
            self.0.pop_front();
        }
        self.0.push_back(HashSet::new());
    }

    fn is_new(&mut self, resource_id: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        resource_id.hash(&mut hasher);
        let hash = hasher.finish();
        let met = self.0.iter().any(|page| page.contains(&hash));
        !met && self.0.back_mut().is_none_or(|page| page.insert(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(digest: &str, status: &str, reason: &str, in_use: Option<u64>) -> ImageRow {
        ImageRow {
            account: "111122223333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
            repository: "app".parse().unwrap(),
            digest: digest.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            last_scanned_at: None,
            in_use_count: in_use,
            last_in_use_at: None,
            is_index: false,
        }
    }

    #[test]
    fn an_index_counts_by_its_children() {
        let mut tally = ImageTally::default();
        tally.add(image("index", "INACTIVE", UNSUPPORTED_MEDIA_TYPE, Some(3)), true);
        tally.add(image("chart", "INACTIVE", UNSUPPORTED_MEDIA_TYPE, Some(0)), true);
        tally.add(image("amd64", "ACTIVE", "SUCCESSFUL", Some(0)), true);
        tally.add(image("arm64", "INACTIVE", "UNSUPPORTED_OS", Some(0)), true);
        tally.without_indexes(&BTreeSet::from(["index".to_owned()]));
        let counts: Vec<(&str, u64, u64)> =
            tally.counts.kinds().map(|of| (&*of.reason, of.count.images, of.count.use_not_stated)).collect();
        assert_eq!(counts, [("SUCCESSFUL", 1, 0), (UNSUPPORTED_MEDIA_TYPE, 1, 1), ("UNSUPPORTED_OS", 1, 1)]);
        assert_eq!(tally.rows.iter().filter(|row| row.is_index).count(), 1);
    }

    // Holds: 1 Coverage is about images: a row of an image that comes twice is counted once, and memory does not grow
    #[test]
    fn a_row_that_comes_twice_is_counted_once_and_memory_is_two_pages() {
        let mut recent = Recent::default();
        recent.page();
        assert!(recent.is_new("a") && recent.is_new("b") && !recent.is_new("a"));
        recent.page();
        assert!(!recent.is_new("b") && recent.is_new("c"));
        recent.page();
        assert!(recent.is_new("a") && !recent.is_new("c"));
        assert_eq!(recent.0.len(), 2);
    }
}
