//! The one pagination: a list is read page by page, and what came before a failure is kept.

use std::collections::HashSet;
use std::convert::Infallible;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;

use scangap_model::Api;

use crate::classify::CallError;
use crate::page::Page;

/// Empty pages in a row after which a list is taken for one that never ends. AWS sends some: Organizations and Inspector do.
const EMPTY_PAGES_MAX: usize = 100;

/// What a list came to: everything that was read, and what stopped it, if something did.
#[derive(Debug)]
pub struct Listed<T> {
    pub items: Vec<T>,
    pub error: Option<CallError>,
}

/// How reading pages ended.
#[derive(Debug)]
pub enum Ended<B = ()> {
    /// The last page was read.
    Whole,
    /// The taker wants no more, and says why.
    Stopped(B),
    Broken(CallError),
}

/// The whole list at once.
pub async fn list<T, F, R>(api: Api, page: F) -> Listed<T>
where
    F: FnMut(Option<String>) -> R,
    R: Future<Output = Result<Page<T>, CallError>>,
{
    let mut items = Vec::new();
    let ended = pages(api, page, |more| {
        items.extend(more);
        ControlFlow::<Infallible>::Continue(())
    })
    .await;
    let error = match ended {
        Ended::Broken(error) => Some(error),
        Ended::Whole => None,
        Ended::Stopped(never) => match never {},
    };
    Listed { items, error }
}

/// Follows page tokens until there is none, and hands over each page. A list with rows that could not be read is read to its
/// end, and is not whole. A repeated token would go round for ever, and so would empty pages with ever new tokens: both end
/// the list in an error.
pub async fn pages<T, B, F, R>(api: Api, mut page: F, mut take: impl FnMut(Vec<T>) -> ControlFlow<B>) -> Ended<B>
where
    F: FnMut(Option<String>) -> R,
    R: Future<Output = Result<Page<T>, CallError>>,
{
    // Tokens may be a million characters long: their hashes are kept.
    let mut seen: HashSet<u64> = HashSet::new();
    let mut empty = 0;
    let mut unread = 0;
    let mut token = None;
    loop {
        let Page { items, unread: of_page, next } = match page(token.take()).await {
            Ok(page) => page,
            Err(error) => return Ended::Broken(error),
        };
        unread += of_page;
        empty = if items.is_empty() { empty + 1 } else { 0 };
        if let ControlFlow::Break(why) = take(items) {
            return Ended::Stopped(why);
        }
        // AWS: no token, or an empty one, ends a list.
        let Some(next) = next.filter(|next| !next.is_empty()) else {
            if unread == 0 {
                return Ended::Whole;
            }
            let why = format!("{unread} rows of the list lack what names them, or in which it does not parse");
            return Ended::Broken(CallError::malformed(api, "UnreadableRows", why));
        };
        if !seen.insert(hash(&next)) {
            let why = "the service gave the same page token twice";
            return Ended::Broken(CallError::malformed(api, "RepeatedPageToken", why));
        }
        if empty >= EMPTY_PAGES_MAX {
            let why = format!("the service sent {EMPTY_PAGES_MAX} empty pages in a row, each with a token for another");
            return Ended::Broken(CallError::malformed(api, "EndlessPages", why));
        }
        token = Some(next);
    }
}

fn hash(token: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    token.hash(&mut hasher);
    hasher.finish()
}
