//! Lists, page by page, to whoever takes them.

use std::collections::BTreeSet;

use scangap_aws::CallError;
use scangap_aws::read::Page;
use scangap_model::Api;

/// The pages of a list, one after the other, to whoever takes them.
pub(super) async fn pages<T, R>(
    api: Api,
    mut page: impl FnMut(Option<String>) -> R,
    mut take: impl FnMut(Vec<T>) -> Result<(), String>,
) -> Result<(), String>
where
    R: Future<Output = Result<Page<T>, CallError>>,
{
    let mut seen = BTreeSet::new();
    let mut token = None;
    loop {
        let Page { items, next } = page(token).await.map_err(|error| error.to_string())?;
        take(items)?;
        match next {
            None => return Ok(()),
            Some(next) if !seen.insert(next.clone()) => return Err(format!("{api} gave the same page token twice")),
            Some(next) => token = Some(next),
        }
    }
}
