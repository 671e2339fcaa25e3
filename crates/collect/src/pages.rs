//! Reading a list page by page, keeping what came before a failure.

use std::collections::BTreeSet;
use std::future::Future;

use scangap_aws::CallError;
use scangap_aws::read::Page;
use scangap_model::Api;

/// What a list came to: everything that was read, and what stopped it, if something did.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    pub(crate) items: Vec<T>,
    pub(crate) error: Option<CallError>,
}

/// Follows page tokens until there is none. Empty pages with a token are normal; a token seen before would go round
/// for ever, so it ends the list as a gap.
pub(crate) async fn list<T, F, R>(api: Api, mut page: F) -> Listed<T>
where
    F: FnMut(Option<String>) -> R,
    R: Future<Output = Result<Page<T>, CallError>>,
{
    let mut items = Vec::new();
    let mut seen = BTreeSet::new();
    let mut token = None;
    loop {
        match page(token.take()).await {
            Err(error) => return Listed { items, error: Some(error) },
            Ok(Page { items: more, next }) => {
                items.extend(more);
                let Some(next) = next else { return Listed { items, error: None } };
                if !seen.insert(next.clone()) {
                    let error =
                        CallError::malformed(api, "RepeatedPageToken", "the service gave the same page token twice");
                    return Listed { items, error: Some(error) };
                }
                token = Some(next);
            }
        }
    }
}
