//! Lists, page by page, to whoever takes them.

use std::collections::BTreeSet;

use scangap_aws::CallError;
use scangap_aws::read::Page;
use scangap_model::Api;

/// Empty pages in a row after which a list is taken for one that never ends.
const EMPTY_PAGES_MAX: usize = 100;

/// The pages of a list, one after the other, to whoever takes them.
pub(crate) async fn pages<T, R>(
    api: Api,
    mut page: impl FnMut(Option<String>) -> R,
    mut take: impl FnMut(Vec<T>) -> Result<(), String>,
) -> Result<(), String>
where
    R: Future<Output = Result<Page<T>, CallError>>,
{
    let mut seen = BTreeSet::new();
    let mut token = None;
    let mut empty = 0;
    loop {
        let Page { items, unread, next } = page(token).await.map_err(|error| error.to_string())?;
        empty = if items.is_empty() { empty + 1 } else { 0 };
        if unread > 0 {
            return Err(format!("{api} gave {unread} rows that cannot be read"));
        }
        take(items)?;
        match next {
            None => return Ok(()),
            Some(_) if empty >= EMPTY_PAGES_MAX => return Err(format!("{api} gave {empty} empty pages in a row")),
            Some(next) if !seen.insert(next.clone()) => return Err(format!("{api} gave the same page token twice")),
            Some(next) => token = Some(next),
        }
    }
}
