//! How far the administrator's stream of images is followed: equally far in every run and shard, however fast accounts are listed.

use tokio::sync::watch;

use crate::accounts::Askable;

/// Pages of image rows, 200 to a page, that the stream is read for. Beyond them each account's own list is cheaper in time: the
/// stream's pages can only follow one another, and accounts have buckets of their own.
const PAGES_MIN: usize = 50;

/// A stream of one page for so many accounts is still shorter than a call in each of them.
const ACCOUNTS_PER_PAGE: usize = 4;

#[derive(Debug)]
pub(crate) struct ImagePages(watch::Receiver<Askable>);

impl ImagePages {
    pub(crate) fn for_accounts(askable: watch::Receiver<Askable>) -> Self {
        Self(askable)
    }

    /// Waits until the accounts listed so far suffice to say whether the stream goes on after this page, or until all are listed.
    pub(crate) async fn before(&self, page: usize) {
        let is_known = |askable: &Askable| page <= most(askable) || askable.over_all_shards.is_some();
        // An error is a run that has failed: nobody reads what is answered.
        let _ = self.0.clone().wait_for(is_known).await;
    }

    /// Whether the stream goes on after so many pages.
    pub(crate) fn goes_on_after(&self, pages: usize) -> bool {
        pages <= most(&self.0.borrow())
    }
}

/// The pages that the accounts listed so far are worth, or all of them.
fn most(askable: &Askable) -> usize {
    let accounts = askable.over_all_shards.unwrap_or(askable.accounts.len());
    PAGES_MIN.max(accounts / ACCOUNTS_PER_PAGE)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    // Holds: 14 Same bytes: the stream of images is followed as far, however many accounts are listed when its pages come
    #[test]
    fn a_page_is_not_asked_for_before_it_is_known_whether_another_follows() {
        let (listing, askable) = watch::channel(Askable::default());
        let pages = ImagePages::for_accounts(askable);
        assert!(pages.before(PAGES_MIN).now_or_never().is_some());
        assert!(pages.goes_on_after(PAGES_MIN));
        assert!(
            pages.before(PAGES_MIN + 1).now_or_never().is_none(),
            "three accounts more may follow, or three hundred"
        );
        let of = |count: usize| (0..count).map(|number| format!("{number:012}").parse().unwrap()).collect();
        listing.send_modify(|askable| askable.accounts = of(ACCOUNTS_PER_PAGE * 60));
        assert!(pages.before(60).now_or_never().is_some());
        assert!(pages.goes_on_after(60));
        assert!(pages.before(61).now_or_never().is_none());
        listing.send_modify(|askable| askable.over_all_shards = Some(askable.accounts.len()));
        assert!(pages.before(61).now_or_never().is_some());
        assert!(!pages.goes_on_after(61));
    }
}
